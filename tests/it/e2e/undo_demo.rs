//! The company of the demo, applied and undone with the real binary: configuration, people and accounts are those of
//! `halosync demo`, on its own directory and on a Samba domain controller made like it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::process::Stdio;

use ldap3::controls::RawControl;
use ldap3::{Ldap, Mod, Scope, SearchEntry};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::admin::connect;
use super::lab::{BASE, Site};
use super::site;
use super::undo::{REVERSIBLE_KINDS, differences, dump_of};
use crate::support::{Run, halosync};

const DIRECTORY: &str = include_str!("../../../examples/acme/sandbox/directory.json");

/// Where the example manages, by what only these names contain.
const MANAGED: &[&str] = &[
    "OU=People,DC=corp",
    "OU=Leavers,DC=corp",
    "OU=Groups,DC=corp",
];

/// The demo's company: HaloITSM and the project from `halosync sandbox`, and a directory.
struct Company {
    project: PathBuf,
    environment: BTreeMap<String, String>,
    /// Sees everything that is managed.
    eyes: Ldap,
    _sandbox: tokio::process::Child,
    _site: Option<Site>,
    _dir: tempfile::TempDir,
}

impl Company {
    async fn on_its_own_directory() -> Self {
        let (sandbox, environment, dir) = sandbox().await;
        let project = dir.path().join("acme");
        let site = Site {
            url: environment["CORP_LDAP_SERVER"].clone(),
            ca_pem: std::fs::read_to_string(&environment["CORP_CA_FILE"]).expect("readable"),
            read: Default::default(),
            write: Default::default(),
            admin: (
                environment["CORP_READ_USER"].clone(),
                environment["CORP_READ_PASSWORD"].clone(),
            ),
            catalog: None,
            forest: None,
            keep: Box::new(()),
        };
        Self {
            project,
            environment,
            eyes: connect(&site).await,
            _sandbox: sandbox,
            _site: None,
            _dir: dir,
        }
    }

    async fn on_samba() -> Self {
        let (sandbox, mut environment, dir) = sandbox().await;
        let project = dir.path().join("acme");
        let site = site::samba().await;
        let authority = dir.path().join("samba.pem");
        std::fs::write(&authority, &site.ca_pem).expect("writable");
        for (name, value) in [
            ("CORP_LDAP_SERVER", site.url.clone()),
            ("CORP_CA_FILE", authority.display().to_string()),
            ("CORP_READ_USER", site.read.0.clone()),
            ("CORP_READ_PASSWORD", site.read.1.clone()),
            ("CORP_WRITE_USER", site.write.0.clone()),
            ("CORP_WRITE_PASSWORD", site.write.1.clone()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        let mut eyes = connect(&site).await;
        fill(&mut eyes).await;
        delegate_as_people(&mut eyes, &format!("OU=Leavers,{BASE}")).await;
        Self {
            project,
            environment,
            eyes,
            _sandbox: sandbox,
            _site: Some(site),
            _dir: dir,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        halosync(&self.project, &self.environment, arguments).await
    }

    /// Lets the undo of twelve new accounts pass the example's guards, once.
    fn waive(&self) {
        let mut text = String::new();
        for (number, (guard, scope)) in [
            ("disables", None),
            ("department-leaves", Some("")),
            ("leaving-groups", Some("All Staff")),
            ("leaving-groups", Some("Research Staff")),
        ]
        .into_iter()
        .enumerate()
        {
            let scope = match scope {
                None => String::new(),
                // Nobody's department is known to an undo: all of them together are the part of no department.
                Some("") => "  scope: \"\"\n".to_owned(),
                Some(group) => format!("  scope: CN={group},OU=Groups,{BASE}\n"),
            };
            text += &format!(
                "---\napiVersion: halosync/v1\nkind: Waiver\nmetadata: {{name: undo-{number}}}\nspec:\n  target: corp\n  guard: {guard}\n{scope}  \
                 maximum: 13\n  reason: the rule was wrong\n  ticket: CHG-7\n  owner: sam@example.com\n  expires: 2099-12-31\n"
            );
        }
        std::fs::write(self.project.join("waivers.yaml"), text).expect("writable");
        let project = self.project.join("halosync.yaml");
        let text = std::fs::read_to_string(&project).expect("readable");
        let text = text.replace(
            "    - guards.yaml\n",
            "    - guards.yaml\n    - waivers.yaml\n",
        );
        std::fs::write(project, text).expect("writable");
    }

    /// The name of the journal that `apply` kept.
    fn journal(&self) -> String {
        let mut files = std::fs::read_dir(&self.project).expect("readable");
        files
            .find_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                name.ends_with(".journal.jsonl").then_some(name)
            })
            .expect("a journal")
    }

    fn json(&self, file: &str) -> Value {
        let text = std::fs::read_to_string(self.project.join(file)).expect("readable");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// `halosync sandbox`, and what it prints for whoever wants to use it.
async fn sandbox() -> (
    tokio::process::Child,
    BTreeMap<String, String>,
    tempfile::TempDir,
) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"))
        .args(["sandbox", "--dir", "acme"])
        .current_dir(dir.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut environment = BTreeMap::new();
    while !environment.contains_key("CORP_WRITE_PASSWORD") {
        let line = lines.next_line().await.expect("readable");
        let line = line.expect("the sandbox names its variables");
        let (name, value) = line
            .strip_prefix("export ")
            .and_then(|line| line.split_once('='))
            .expect("a variable");
        environment.insert(name.to_owned(), value.trim_matches('\'').to_owned());
    }
    (child, environment, dir)
}

/// Puts what the demo puts into its directory into another one: objects first, then what names other objects.
async fn fill(admin: &mut Ldap) {
    let objects: Vec<Value> = serde_json::from_str(DIRECTORY).expect("the example's objects");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let several = |value: &Value| match value {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Null => HashSet::new(),
        one => HashSet::from([text(one)]),
    };
    for object in &objects {
        let dn = text(&object["dn"]);
        let class = text(&object["objectClass"]);
        let mut attributes = vec![(
            "objectClass".to_owned(),
            HashSet::from(["top".to_owned(), class.clone()]),
        )];
        if class == "user" {
            let enabled = object["enabled"].as_bool() == Some(true);
            let flags = if enabled { "512" } else { "514" };
            // As the demo has them: with a password that nobody needs (UTF-16, and so text to the client as well).
            let password: String = "\"aA-Nobodys-Own-1\""
                .chars()
                .flat_map(|c| [c, '\0'])
                .collect();
            for (name, value) in [("userAccountControl", flags), ("unicodePwd", &password)] {
                attributes.push((name.to_owned(), HashSet::from([value.to_owned()])));
            }
        }
        for (name, value) in object["attributes"].as_object().into_iter().flatten() {
            if name != "manager" {
                attributes.push((name.clone(), several(value)));
            }
        }
        let added = admin.add(&dn, attributes).await.expect("an answer");
        // The places every domain of these tests has are there already.
        assert!(matches!(added.rc, 0 | 68), "{dn}: {added}");
    }
    for object in &objects {
        let links = [
            ("manager", several(&object["attributes"]["manager"])),
            ("member", several(&object["member"])),
        ];
        for (name, values) in links {
            if !values.is_empty() {
                let edit = vec![Mod::Add(name.to_owned(), values)];
                admin
                    .modify(&text(&object["dn"]), edit)
                    .await
                    .and_then(ldap3::LdapResult::success)
                    .expect("both ends are there");
            }
        }
    }
}

/// Gives the writing account in a place what it may in `OU=People`: the access list is the same.
async fn delegate_as_people(admin: &mut Ldap, place: &str) {
    // LDAP_SERVER_SD_FLAGS_OID ([MS-ADTS] 3.1.1.3.4.1.11), the discretionary part only.
    let only_access = || RawControl {
        ctype: "1.2.840.113556.1.4.801".to_owned(),
        crit: true,
        val: Some(vec![0x30, 3, 2, 1, 4]),
    };
    let people = format!("OU=People,{BASE}");
    let (found, _) = admin
        .with_controls(only_access())
        .search(
            &people,
            Scope::Base,
            "(objectClass=*)",
            vec!["nTSecurityDescriptor"],
        )
        .await
        .and_then(ldap3::SearchResult::success)
        .expect("the administrator reads it");
    let entry = SearchEntry::construct(found.into_iter().next().expect("the place"));
    let list = entry.bin_attrs["nTSecurityDescriptor"][0].clone();
    let edit = Mod::Replace(b"nTSecurityDescriptor".to_vec(), HashSet::from([list]));
    admin
        .with_controls(only_access())
        .modify(place, vec![edit])
        .await
        .and_then(ldap3::LdapResult::success)
        .expect("the administrator writes it");
}

/// What an undo's own warnings and held entries tell, by their codes, and of how many.
fn told(undo: &Value) -> BTreeMap<String, usize> {
    let content = &undo["content"];
    let code = |one: &Value| one["code"].as_str().expect("a code").to_owned();
    let mut told = BTreeMap::new();
    for one in content["warnings"].as_array().into_iter().flatten() {
        let count = one["count"]
            .as_u64()
            .and_then(|count| usize::try_from(count).ok());
        *told.entry(code(one)).or_default() += count.expect("a count");
    }
    for one in content["held"].as_array().into_iter().flatten() {
        *told.entry(code(one)).or_default() += 1;
    }
    told
}

/// P6: of everything the demo's plan does to its company, the undo brings back every attribute of every managed object,
/// but for what it names itself.
async fn the_demo_comes_back(company: Company) {
    let before = dump_of(&company.eyes, MANAGED).await;
    assert!(before.len() > 35, "{}", before.len());
    company.run(&["plan", "--out", "plan.json"]).await.expect(0);
    let plan = company.json("plan.json");
    let changes = plan["content"]["changes"].as_array().expect("a list");
    let of = |kind: &str| {
        let all = changes.iter();
        all.filter(|change| change["action"]["kind"] == kind)
            .collect::<Vec<_>>()
    };
    for kind in REVERSIBLE_KINDS {
        assert!(!of(kind).is_empty(), "the demo's plan has no {kind}");
    }
    company.run(&["apply", "plan.json"]).await.expect(0);
    let applied = dump_of(&company.eyes, MANAGED).await;
    assert!(differences(&before, &applied).len() > 50);

    // As many are disabled at once as were made: that is for somebody to allow, as it is with every plan.
    let journal = company.journal();
    let undo = ["undo", "--journal", &journal, "--out", "undo.json"];
    let waiting = company.run(&undo).await.expect(3);
    assert!(waiting.stdout.contains("Waiver"), "{}", waiting.stdout);
    company.waive();
    let undone = company.run(&undo).await.expect(0);
    undone.assert_tells(&["Brought back as it was before", "undo-created"]);
    company.run(&["apply", "undo.json"]).await.expect(0);
    let mut after = dump_of(&company.eyes, MANAGED).await;

    // What the undo names: accounts that were made stay, shut, in no group, and nothing else is told.
    let undo = company.json("undo.json");
    let named = told(&undo);
    let codes: Vec<&str> = named.keys().map(String::as_str).collect();
    assert_eq!(codes, ["undo-comes-again", "undo-created"]);
    let made: BTreeSet<String> = after
        .iter()
        .filter(|(identity, _)| !before.contains_key(*identity))
        .map(|(_, account)| account.dn.clone())
        .collect();
    assert_eq!(named["undo-created"], made.len());
    assert_eq!(of("create").len(), made.len());
    for account in after.values().filter(|account| made.contains(&account.dn)) {
        assert!(!account.enabled(), "{}", account.dn);
        assert_eq!(account.values("memberOf"), Vec::<String>::new());
    }
    // They still have managers, whose lists of reports the directory computes.
    for account in after.values_mut() {
        if let Some(reports) = account.attributes.get_mut("directreports") {
            reports.retain(|report| !made.contains(report));
            if reports.is_empty() {
                account.attributes.remove("directreports");
            }
        }
    }
    let left: Vec<String> = differences(&before, &after)
        .into_iter()
        .filter(|one| !made.iter().any(|dn| *one == format!("{dn} is new")))
        .collect();
    assert!(left.is_empty(), "not as before, and not named: {left:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_the_demo_comes_back() {
    the_demo_comes_back(Company::on_its_own_directory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_the_demo_comes_back() {
    the_demo_comes_back(Company::on_samba().await).await;
}
