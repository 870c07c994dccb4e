//! A project around a source: the real binary over real files, against a web server and the embedded directory.

use std::collections::BTreeMap;
use std::path::Path;

use halosync::sandbox::directory::DirectorySim;

use super::server::Server;
use crate::directory::lab::embedded_directory;
use crate::samba;
use crate::support::{Run, halosync};

pub(crate) struct Project {
    dir: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    _directory: DirectorySim,
}

impl Project {
    pub(crate) async fn new(source: &str, server: &Server) -> Self {
        Self::at(source, &server.url).await
    }

    /// With a source at this address.
    pub(crate) async fn at(source: &str, server: &url::Url) -> Self {
        let directory = embedded_directory().await;
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("ca.pem", directory.ca_pem());
        write(
            "halosync.yaml",
            "apiVersion: halosync/v1\nkind: Project\nmetadata: {name: lab}\nspec: {include: [\"*.yaml\"], timeZone: Europe/Berlin}\n",
        );
        write("target.yaml", include_str!("../e2e/project/target.yaml"));
        write("mapping.yaml", MAPPING);
        write("lifecycle.yaml", LIFECYCLE);
        write("source.yaml", source);
        let environment = [
            (
                "HR_SERVER",
                server.as_str().trim_end_matches('/').to_owned(),
            ),
            ("HR_CLIENT", "client-of-lab".to_owned()),
            ("HR_KEY", "canary-key-of-lab".to_owned()),
            ("CORP_LDAP_SERVER", directory.ldaps_url()),
            (
                "CORP_CA_FILE",
                dir.path().join("ca.pem").display().to_string(),
            ),
            ("CORP_READ_USER", samba::READER.0.to_owned()),
            ("CORP_READ_PASSWORD", samba::READER.1.to_owned()),
            ("CORP_WRITE_USER", samba::WRITER.0.to_owned()),
            ("CORP_WRITE_PASSWORD", samba::WRITER.1.to_owned()),
        ];
        Self {
            dir,
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            _directory: directory,
        }
    }

    /// `examples/rest` as it is, with its service at this address.
    pub(crate) async fn example(server: &Server) -> Self {
        let project = Self::at("", &server.url).await;
        for left in [
            "source.yaml",
            "target.yaml",
            "mapping.yaml",
            "lifecycle.yaml",
        ] {
            std::fs::remove_file(project.path().join(left)).unwrap();
        }
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rest");
        for (name, bytes) in crate::schema::files_below(&example) {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        halosync(self.path(), &self.environment, arguments).await
    }
}

const MAPPING: &str = r#"
apiVersion: halosync/v1
kind: Mapping
metadata: {name: employees}
spec:
  source: people
  target: corp
  match: {anchor: {attribute: employeeID, value: "{{ person.number }}"}}
  placement: "OU=People,DC=corp,DC=example,DC=test"
  attributes:
    displayName: "{{ person.name }}"
    department: {value: "{{ person.department }}", empty: clear}
    cn: {when: onCreate, value: "{{ person.name }}"}
    sAMAccountName: {when: onCreate, unique: ["e{{ person.number }}"]}
"#;

const LIFECYCLE: &str = r#"
apiVersion: halosync/v1
kind: Lifecycle
metadata: {name: employees}
spec:
  source: people
  target: corp
  states:
    - name: active
      account: {enabled: true}
  inactive: never
  absent: report
  outOfScope: report
---
apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec: {target: corp}
"#;
