//! The embedded default: the example project, and both simulators filled with its people and accounts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::company::{RawObject, RawPerson, define_fields, invented_people, sites};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::sandbox::directory::{Clock, DirectoryConfig, DirectorySim, ServiceAccount};
use crate::sandbox::halo::{HaloPerson, HaloSim, SimConfig};
use crate::sandbox::people;

/// Names the files of the example and takes their contents into the program.
macro_rules! example {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../examples/acme/", $path)))),*]
    };
}

/// The configuration files of `examples/acme`, as relative path and content.
pub(crate) const PROJECT: &[(&str, &str)] = example![
    "README.md",
    "groups.yaml",
    "guards.yaml",
    "halosync.yaml",
    "lifecycle.yaml",
    "mappings/employees.yaml",
    "sources/people.yaml",
    "tables/city.yaml",
    "tables/country.yaml",
    "tables/ou.yaml",
    "tables/sites.csv",
    "targets/corp.yaml",
    "templates/customers.yaml",
    "tests/customers.yaml",
    "tests/held.yaml",
    "tests/joiner.yaml",
    "tests/leaver.yaml",
    "tests/names.yaml",
];

const PEOPLE: &str = include_str!("../../examples/acme/sandbox/people.json");
const DIRECTORY: &str = include_str!("../../examples/acme/sandbox/directory.json");

/// Credentials of the simulators. They open nothing else, and the simulators listen on loopback only.
const TENANT: &str = "acme";
const CLIENT_ID: &str = "halosync-sandbox";
const CLIENT_SECRET: &str = "sandbox-client-secret";
const READER: (&str, &str) = ("halosync-read", "Sandbox-Reader-1");
const WRITER: (&str, &str) = ("halosync-write", "Sandbox-Writer-1");

/// Places the writing account may change, of those in the example.
const WRITES_UNDER: &[&str] = &[
    "OU=People,DC=corp,DC=example,DC=test",
    "OU=Leavers,DC=corp,DC=example,DC=test",
    "OU=Groups,DC=corp,DC=example,DC=test",
];

/// Both simulators, running.
pub(crate) struct Embedded {
    /// HaloITSM.
    pub(crate) halo: HaloSim,
    /// The directory.
    pub(crate) directory: DirectorySim,
}

/// Who lives in the simulators.
pub(crate) enum Population {
    /// The example's people and accounts.
    Example,
    /// Invented people, without accounts.
    Invented {
        /// How many.
        count: u32,
        /// The same seed gives the same people.
        seed: u64,
    },
}

/// Ports to listen on; 0 takes a free one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    /// HaloITSM.
    pub(crate) halo: u16,
    /// LDAP over TLS.
    pub(crate) ldap: u16,
    /// The global catalog over TLS.
    pub(crate) catalog: u16,
}

impl Embedded {
    /// Starts both and fills them.
    pub(crate) async fn start(
        context: &Context,
        population: &Population,
        ports: Ports,
    ) -> Result<Self, Failure> {
        let broken = |error: serde_json::Error| {
            Failure::new(
                Exit::Unexpected,
                format!("the example's data cannot be read: {error}"),
            )
        };
        let raw: Vec<RawPerson> = serde_json::from_str(PEOPLE).map_err(broken)?;
        let objects: Vec<RawObject> = serde_json::from_str(DIRECTORY).map_err(broken)?;
        let sites = sites(&raw);
        let people = match population {
            Population::Example => raw.iter().map(RawPerson::person).collect(),
            Population::Invented { count, seed } => {
                let mut invented =
                    invented_people(&people::generate(*count as usize, *seed), &sites);
                define_fields(&mut invented);
                invented
            }
        };
        let halo = HaloSim::start(SimConfig {
            address: SocketAddr::from(([127, 0, 0, 1], ports.halo)),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            tenant: Some(TENANT.to_owned()),
            people,
            sites,
            // The example brings its own; large populations would wait for the limiter, which is HaloITSM's to have.
            general_users: false,
            limiter: None,
            epoch: context.now(),
            ..SimConfig::default()
        })
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("the HaloITSM simulator cannot start: {error}"),
            )
        })?;
        let directory = DirectorySim::start(DirectoryConfig {
            ldaps_port: ports.ldap,
            catalog_port: ports.catalog,
            accounts: vec![
                ServiceAccount::reader(READER.0, READER.1),
                ServiceAccount::writer(WRITER.0, WRITER.1, WRITES_UNDER),
            ],
            clock: Clock::Live(context.clock.clone()),
            // Another directory each time: a plan of yesterday's sandbox is for another domain.
            seed: u64::try_from(context.now().as_millisecond()).unwrap_or(1),
            units: objects
                .iter()
                .filter(|object| object.object_class == "organizationalUnit")
                .map(|object| object.dn.clone())
                .collect(),
            ..DirectoryConfig::default()
        })
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("the directory simulator cannot start: {error}"),
            )
        })?;
        // Fields without a value were there to be defined; nobody has such a value.
        for id in halo.state().ids() {
            let without = |person: &mut HaloPerson| {
                person.customfields.retain(|field| !field.value.is_null())
            };
            if halo.state().person(id).is_some_and(|person| {
                person
                    .customfields
                    .iter()
                    .any(|field| field.value.is_null())
            }) {
                halo.state().edit(id, without);
            }
        }
        let embedded = Self { halo, directory };
        embedded.fill(&objects, matches!(population, Population::Example))?;
        Ok(embedded)
    }

    /// Puts the example's accounts and groups into the directory.
    fn fill(&self, objects: &[RawObject], accounts: bool) -> Result<(), Failure> {
        let state = self.directory.state();
        let failure = |dn: &str, error: &dyn std::fmt::Display| {
            Failure::new(
                Exit::Unexpected,
                format!("{dn} cannot be put into the simulator: {error}"),
            )
        };
        for object in objects {
            let wanted = match object.object_class.as_str() {
                "user" => accounts,
                "group" => true,
                // Places were made when the simulator started.
                _ => false,
            };
            if wanted {
                state
                    .add(&object.entry())
                    .map_err(|error| failure(&object.dn, &error))?;
            }
        }
        // Links go in last: they need both ends.
        for object in objects.iter().filter(|_| accounts) {
            let links = object.links();
            if !links.is_empty() {
                state
                    .modify(&object.dn, &links)
                    .map_err(|error| failure(&object.dn, &error))?;
            }
        }
        Ok(())
    }

    /// Environment variables that point the example at the simulators. `ca` is where the CA certificate was written.
    pub(crate) fn environment(&self, ca: &Path) -> Vec<(&'static str, String)> {
        let domain = "corp.example.test";
        vec![
            (
                "HALO_RESOURCE_SERVER",
                self.halo.resource_server().to_string(),
            ),
            (
                "HALO_AUTHORISATION_SERVER",
                self.halo.authorisation_server().to_string(),
            ),
            ("HALO_TENANT", TENANT.to_owned()),
            ("HALO_CLIENT_ID", CLIENT_ID.to_owned()),
            ("HALO_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("CORP_LDAP_SERVER", self.directory.ldaps_url()),
            ("CORP_GLOBAL_CATALOG", self.directory.catalog_url()),
            ("CORP_CA_FILE", ca.display().to_string()),
            ("CORP_READ_USER", format!("{}@{domain}", READER.0)),
            ("CORP_READ_PASSWORD", READER.1.to_owned()),
            ("CORP_WRITE_USER", format!("{}@{domain}", WRITER.0)),
            ("CORP_WRITE_PASSWORD", WRITER.1.to_owned()),
        ]
    }

    /// Ends both.
    pub(crate) async fn stop(self) {
        self.halo.stop().await;
        self.directory.stop().await;
    }
}

/// Writes the example project into a folder, and beside it the schemas its files name.
pub(crate) fn write_project(dir: &Path) -> Result<(), Failure> {
    let write = |path: PathBuf, text: &str| {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| Failure::file("create", parent, &error))?;
        }
        std::fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))
    };
    for (path, text) in PROJECT {
        // In the repository the schemas stand two folders further up.
        let text = text
            .replace("$schema=../../../schemas/", "$schema=../schemas/")
            .replace("$schema=../../schemas/", "$schema=schemas/");
        write(dir.join(path), &text)?;
    }
    for (path, text) in super::schema::files() {
        write(dir.join("schemas").join(path), &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_program_carries_the_whole_example() {
        fn walk(root: &Path, dir: &Path, found: &mut BTreeSet<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    found.insert(
                        path.strip_prefix(root)
                            .unwrap()
                            .to_str()
                            .unwrap()
                            .replace('\\', "/"),
                    );
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme");
        let mut found = BTreeSet::new();
        walk(&root, &root, &mut found);
        found.retain(|path| !path.starts_with("sandbox/"));
        let carried: BTreeSet<String> =
            PROJECT.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, found);
    }
}
