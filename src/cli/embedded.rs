//! The embedded default: the example project, and both simulators filled with its people and accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::Digest;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::sandbox::directory::{
    Clock, DirectoryConfig, DirectorySim, Edit, NewEntry, ServiceAccount,
};
use crate::sandbox::halo::{CustomValue, FieldKind, HaloPerson, HaloSim, SimConfig, SimSite};
use crate::sandbox::people::{self, Invented};

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

/// A folder this program made: its marker lists what was put there, so that a later run replaces that and nothing
/// else. The marker stays locked as long as this lives.
pub(crate) struct OwnFolder {
    dir: PathBuf,
    marker: PathBuf,
    _lock: std::fs::File,
}

impl OwnFolder {
    /// Makes the folder, or clears the one an earlier run of the same command left.
    ///
    /// Refused when there is anything in it that was added or changed since.
    pub(crate) fn open(dir: &Path, marker: &str) -> Result<Self, Failure> {
        let marker = dir.join(marker);
        std::fs::create_dir_all(dir).map_err(|error| Failure::file("create", dir, &error))?;
        let not_ours = |what: String| {
            Failure::new(Exit::Usage, format!("{}: {what}", dir.display()))
                .help("name another folder with --dir; nothing was changed")
        };
        let known = match std::fs::read_to_string(&marker) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::file("read", &marker, &error)),
        };
        let known: BTreeMap<&str, &str> = known
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| (path, digest))
            .collect();
        let mut found = Vec::new();
        files_below(dir, dir, &mut found).map_err(|error| Failure::file("list", dir, &error))?;
        found.retain(|path| dir.join(path) != marker);
        for path in &found {
            let ours = known.get(path.as_str()).is_some_and(|digest| {
                std::fs::read(dir.join(path)).is_ok_and(|bytes| digest_of(&bytes) == *digest)
            });
            if !ours {
                return Err(not_ours(format!(
                    "{path} is not of this command's making, or has been changed since"
                )));
            }
        }
        let lock = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&marker)
            .map_err(|error| Failure::file("write", &marker, &error))?;
        if lock.try_lock().is_err() {
            return Err(not_ours("another run is using this folder".to_owned()));
        }
        for path in &found {
            let path = dir.join(path);
            std::fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            marker,
            _lock: lock,
        })
    }

    /// Writes down what is in the folder now as ours.
    pub(crate) fn seal(&self) -> Result<(), Failure> {
        let mut found = Vec::new();
        files_below(&self.dir, &self.dir, &mut found)
            .map_err(|error| Failure::file("list", &self.dir, &error))?;
        let mut text = String::new();
        for path in found {
            let full = self.dir.join(&path);
            if full != self.marker {
                let bytes =
                    std::fs::read(&full).map_err(|error| Failure::file("read", &full, &error))?;
                text.push_str(&format!("{}  {path}\n", digest_of(&bytes)));
            }
        }
        std::fs::write(&self.marker, text)
            .map_err(|error| Failure::file("write", &self.marker, &error))
    }
}

/// All files below a folder, as relative paths; links count as files and are not followed.
fn files_below(root: &Path, dir: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files_below(root, &path, found)?;
        } else {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawObject {
    dn: String,
    object_class: String,
    #[serde(default)]
    attributes: BTreeMap<String, RawValue>,
    #[serde(default)]
    member: Vec<String>,
    #[serde(default)]
    enabled: bool,
}

impl RawObject {
    /// The object without its links.
    fn entry(&self) -> NewEntry {
        let mut entry = NewEntry::new(&self.dn, &self.object_class);
        if self.object_class == "user" {
            // Without a password, which nobody needs here: PASSWD_NOTREQD beside NORMAL_ACCOUNT, and ACCOUNTDISABLE.
            entry = entry.with(
                "userAccountControl",
                if self.enabled { "544" } else { "546" },
            );
        }
        for (name, value) in &self.attributes {
            if name != LINK {
                for value in value.values() {
                    entry = entry.with(name, value);
                }
            }
        }
        entry
    }

    /// What adds its links.
    fn links(&self) -> Vec<Edit> {
        let managers = self
            .attributes
            .get(LINK)
            .map(RawValue::values)
            .unwrap_or_default();
        let managers = managers.iter().map(|dn| Edit::add(LINK, dn));
        managers
            .chain(self.member.iter().map(|dn| Edit::add("member", dn)))
            .collect()
    }
}

/// The one attribute of accounts in the example that names another object.
const LINK: &str = "manager";

#[derive(Deserialize)]
#[serde(untagged)]
enum RawValue {
    One(String),
    Many(Vec<String>),
}

impl RawValue {
    fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A person of the example, as HaloITSM's list shows them.
#[derive(Deserialize)]
struct RawPerson {
    id: i64,
    name: String,
    firstname: Option<String>,
    surname: Option<String>,
    emailaddress: Option<String>,
    login: Option<String>,
    site_id_int: i64,
    site_name: String,
    client_id: i64,
    client_name: String,
    phonenumber: Option<String>,
    mobilenumber: Option<String>,
    other1: Option<String>,
    other2: Option<String>,
    other3: Option<String>,
    other4: Option<String>,
    other5: Option<String>,
    #[serde(default)]
    inactive: bool,
    #[serde(default)]
    isserviceaccount: bool,
    #[serde(default)]
    is_prospect: bool,
    #[serde(default)]
    linked_agent_id: i64,
    #[serde(default)]
    customfields: Vec<RawField>,
}

#[derive(Deserialize)]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    kind: u8,
    value: serde_json::Value,
}

impl RawPerson {
    fn person(&self) -> HaloPerson {
        HaloPerson {
            name: self.name.clone(),
            firstname: self.firstname.clone(),
            surname: self.surname.clone(),
            emailaddress: self.emailaddress.clone(),
            login: self.login.clone(),
            site_id: self.site_id_int,
            phonenumber: self.phonenumber.clone(),
            mobilenumber: self.mobilenumber.clone(),
            other1: self.other1.clone(),
            other2: self.other2.clone(),
            other3: self.other3.clone(),
            other4: self.other4.clone(),
            other5: self.other5.clone(),
            inactive: self.inactive,
            isserviceaccount: self.isserviceaccount,
            is_prospect: self.is_prospect,
            linked_agent_id: self.linked_agent_id,
            general_user: self.name == "General User",
            customfields: self.customfields.iter().map(RawField::value).collect(),
            ..HaloPerson::new(self.id, "", "")
        }
    }
}

impl RawField {
    fn value(&self) -> CustomValue {
        CustomValue {
            name: self.name.clone(),
            kind: if self.kind == FieldKind::Date as u8 {
                FieldKind::Date
            } else {
                FieldKind::Text
            },
            value: self.value.clone(),
        }
    }
}

fn sites(people: &[RawPerson]) -> Vec<SimSite> {
    let named: BTreeMap<i64, &RawPerson> = people
        .iter()
        .map(|person| (person.site_id_int, person))
        .collect();
    named
        .into_iter()
        .map(|(id, person)| SimSite {
            client_id: person.client_id,
            client_name: person.client_name.clone(),
            ..SimSite::new(id, &person.site_name)
        })
        .collect()
}

/// Invented people, kept in the members in which the example's source looks for them.
fn invented_people(invented: &[Invented], sites: &[SimSite]) -> Vec<HaloPerson> {
    const DEPARTMENTS: &[&str] = &["Finance", "IT", "Marketing", "Operations", "R&D", "Sales"];
    let known: BTreeSet<&str> = DEPARTMENTS.iter().copied().collect();
    invented
        .iter()
        .enumerate()
        .map(|(index, person)| {
            let department = known
                .get(person.department)
                .copied()
                .unwrap_or(DEPARTMENTS[index % DEPARTMENTS.len()]);
            HaloPerson {
                site_id: sites[index % sites.len()].id,
                title: None,
                other2: Some(department.to_owned()),
                other3: Some(person.title.to_owned()),
                other4: person
                    .manager
                    .and_then(|at| invented.get(at))
                    .map(|manager| manager.number.clone()),
                other5: None,
                ..HaloPerson::invented(person, index)
            }
        })
        .collect()
}

/// The example asks for custom fields by id, and ids are given in the order fields become known.
fn define_fields(people: &mut [HaloPerson]) {
    if let Some(first) = people.first_mut() {
        let missing = ["CFstartDate", "CFendDate", "CFlocale"].map(|name| {
            first
                .customfields
                .iter()
                .find(|value| value.name == name)
                .cloned()
                .unwrap_or(CustomValue {
                    name: name.to_owned(),
                    kind: if name == "CFlocale" {
                        FieldKind::Text
                    } else {
                        FieldKind::Date
                    },
                    value: serde_json::Value::Null,
                })
        });
        first.customfields = missing.into();
    }
}

#[cfg(test)]
mod tests {
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
