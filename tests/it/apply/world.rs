//! A directory in memory that can be told to misbehave.
//!
//! As far as `apply` can tell it follows AD: modifies are atomic and compare text without regard to case, references
//! follow renames, an account cannot be enabled without a password, names are unique.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use halosync::connector::{ConnectorError, DirectoryWriter, Examined, LiveEntry, Modification};
use halosync::model::{DeletionFacts, DirectoryIdentity, Dn, Guid, Rdn};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;

pub(crate) const SINGLE_VALUED: &[&str] = &[
    "title",
    "department",
    "sn",
    "givenname",
    "displayname",
    "samaccountname",
    "userprincipalname",
    "employeeid",
    "manager",
    "useraccountcontrol",
    "pwdlastset",
    "accountexpires",
    "admincount",
    "info",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Transient,
    Unknown,
    Unavailable,
    Denied,
    Invalid,
    Conflict,
    NotFound,
}

impl Kind {
    fn error(self) -> ConnectorError {
        let system = "directory corp".to_owned();
        let message = "injected".to_owned();
        match self {
            Self::Transient => ConnectorError::Transient {
                system,
                message,
                retry_after: None,
            },
            Self::Unknown => ConnectorError::Unknown { system, message },
            Self::Unavailable => ConnectorError::Unavailable { system, message },
            Self::Denied => ConnectorError::Denied { system, message },
            Self::Invalid => ConnectorError::Invalid {
                system,
                field: None,
                message,
            },
            Self::Conflict => ConnectorError::Conflict { system, message },
            Self::NotFound => ConnectorError::NotFound { system, message },
        }
    }
}

type Edit = Arc<dyn Fn(&mut State) + Send + Sync>;

/// What happens at a write instead of, or besides, the write.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The error, without effect.
    Before(Kind),
    /// The effect, and then the error all the same.
    After(Kind),
    /// The program dies before the write takes effect.
    KillBefore,
    /// The program dies after the write took effect.
    KillAfter,
    /// Acknowledged without effect.
    Lie,
    /// Somebody else does this just before the write.
    Meddle(Edit),
    /// A library panics.
    Panic,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before(kind) => write!(f, "Before({kind:?})"),
            Self::After(kind) => write!(f, "After({kind:?})"),
            Self::KillBefore => f.write_str("KillBefore"),
            Self::KillAfter => f.write_str("KillAfter"),
            Self::Lie => f.write_str("Lie"),
            Self::Meddle(_) => f.write_str("Meddle"),
            Self::Panic => f.write_str("Panic"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    pub(crate) dn: Dn,
    /// By lower-case name: name as first written, values.
    pub(crate) attributes: BTreeMap<String, (String, Vec<String>)>,
    pub(crate) links: BTreeMap<String, Guid>,
    pub(crate) members: BTreeSet<Guid>,
    pub(crate) password: Option<String>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<Guid, Object>,
    /// Deleted objects, kept whole.
    pub(crate) buried: BTreeMap<Guid, Object>,
    /// What is known of accounts before a deletion.
    pub(crate) deletion: BTreeMap<Guid, DeletionFacts>,
    /// One line per write that took effect.
    pub(crate) log: Vec<String>,
    /// Writes asked for, effective or not.
    pub(crate) writes: usize,
    pub(crate) reads: usize,
    pub(crate) faults: HashMap<usize, Fault>,
    /// Every read and write fails from this write on.
    pub(crate) dead_from: Option<usize>,
    /// How it fails then.
    pub(crate) dies_as: Option<Kind>,
    in_flight: HashMap<String, u32>,
    pub(crate) most_at_once: usize,
    made: u8,
    stamps: u32,
    /// Yields per operation, taken in turn, to vary schedules.
    pub(crate) yields: Vec<u8>,
    turn: usize,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) identity: DirectoryIdentity,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) killed: Arc<Notify>,
    connection: u8,
    pub(crate) own: Option<Guid>,
}

pub(crate) fn guid(n: u8) -> Guid {
    Guid::from_wire(&[n; 16]).unwrap()
}

pub(crate) fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

pub(crate) fn identity() -> DirectoryIdentity {
    DirectoryIdentity {
        domain_guid: guid(250),
        domain_sid: "S-1-5-21-1-2-3".to_owned(),
        naming_context: dn("DC=example,DC=test"),
        domain_controller: "dc1.example.test".to_owned(),
    }
}

impl State {
    pub(crate) fn put(&mut self, n: u8, name: &str, attributes: &[(&str, &str)]) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| {
                (
                    name.to_lowercase(),
                    ((*name).to_owned(), vec![(*value).to_owned()]),
                )
            })
            .collect();
        self.objects.insert(
            guid(n),
            Object {
                dn: dn(name),
                attributes,
                links: BTreeMap::new(),
                members: BTreeSet::new(),
                password: Some("earlier".to_owned()),
            },
        );
    }

    pub(crate) fn set(&mut self, n: u8, name: &str, value: &str) {
        self.objects.get_mut(&guid(n)).unwrap().attributes.insert(
            name.to_lowercase(),
            (name.to_owned(), vec![value.to_owned()]),
        );
    }

    pub(crate) fn get(&self, guid: Guid, name: &str) -> Vec<String> {
        self.objects[&guid]
            .attributes
            .get(&name.to_lowercase())
            .map(|(_, values)| values.clone())
            .unwrap_or_default()
    }

    /// The directory's clock stands at another time with every password.
    pub(crate) fn stamp(&mut self, guid: Guid) {
        self.stamps += 1;
        let now = (133_000 + self.stamps).to_string();
        self.objects.get_mut(&guid).unwrap().attributes.insert(
            "pwdlastset".to_owned(),
            ("pwdLastSet".to_owned(), vec![now]),
        );
    }

    pub(crate) fn at(&self, name: &str) -> Option<Guid> {
        let key = dn(name).key();
        self.objects
            .iter()
            .find(|(_, object)| object.dn.key() == key)
            .map(|(guid, _)| *guid)
    }

    fn entry(&self, guid: Guid, asked: &[String]) -> Option<LiveEntry> {
        let object = self.objects.get(&guid)?;
        let mut attributes = BTreeMap::new();
        for name in asked {
            let folded = name.to_lowercase();
            if let Some((name, values)) = object.attributes.get(&folded) {
                attributes.insert(name.clone(), values.clone());
            }
            if let Some(linked) = object.links.get(&folded)
                && let Some(linked) = self.objects.get(linked)
            {
                // Answered in another spelling than it was sent.
                let spelling = linked.dn.as_str().replace("\\,", "\\2C");
                attributes.insert(name.clone(), vec![spelling]);
            }
        }
        Some(LiveEntry {
            guid,
            dn: object.dn.clone(),
            attributes,
        })
    }

    fn add(&mut self, name: &Dn, attributes: &[(String, Vec<String>)]) -> Result<Guid, Kind> {
        if self.at(name.as_str()).is_some() {
            return Err(Kind::Conflict);
        }
        let mut object = Object {
            dn: name.clone(),
            attributes: BTreeMap::new(),
            links: BTreeMap::new(),
            members: BTreeSet::new(),
            password: None,
        };
        for (name, values) in attributes {
            assert!(!values.is_empty(), "an empty value for {name}");
            assert_ne!(name.to_lowercase(), "cn", "the relative name says it");
            if name == "sAMAccountName" && self.taken(name, &values[0]) {
                return Err(Kind::Conflict);
            }
            if name == "manager" {
                let linked = self.at(&values[0]).ok_or(Kind::Invalid)?;
                object.links.insert("manager".to_owned(), linked);
            } else {
                object
                    .attributes
                    .insert(name.to_lowercase(), (name.clone(), values.clone()));
            }
        }
        object
            .attributes
            .insert("cn".to_owned(), ("cn".to_owned(), vec![name.rdn().value]));
        object.attributes.insert(
            "pwdlastset".to_owned(),
            ("pwdLastSet".to_owned(), vec!["0".to_owned()]),
        );
        let uac = object.attributes["useraccountcontrol"].1[0].clone();
        assert_eq!(uac, "546", "added disabled and marked as unfinished");
        self.made += 1;
        let guid = guid(100 + self.made);
        self.objects.insert(guid, object);
        self.log.push(format!("add {name}"));
        Ok(guid)
    }

    fn taken(&self, name: &str, value: &str) -> bool {
        self.objects.values().any(|object| {
            object
                .attributes
                .get(&name.to_lowercase())
                .is_some_and(|(_, values)| values.iter().any(|v| v.eq_ignore_ascii_case(value)))
        })
    }

    fn modify(&mut self, guid: Guid, parts: &[Modification]) -> Result<(), Kind> {
        let mut object = self.objects.get(&guid).ok_or(Kind::Invalid)?.clone();
        for part in parts {
            match part {
                Modification::Delete(name, values) => {
                    let folded = name.to_lowercase();
                    for value in values {
                        if folded == "manager" {
                            let linked = self.at(value);
                            if linked.is_none() || object.links.get(&folded) != linked.as_ref() {
                                return Err(Kind::Conflict);
                            }
                            object.links.remove(&folded);
                            continue;
                        }
                        let Some((_, present)) = object.attributes.get_mut(&folded) else {
                            return Err(Kind::Conflict);
                        };
                        let Some(at) = present.iter().position(|p| p.eq_ignore_ascii_case(value))
                        else {
                            return Err(Kind::Conflict);
                        };
                        present.remove(at);
                        if present.is_empty() {
                            object.attributes.remove(&folded);
                        }
                    }
                }
                Modification::Add(name, values) => {
                    let folded = name.to_lowercase();
                    if folded == "manager" {
                        let linked = self.at(&values[0]).ok_or(Kind::Invalid)?;
                        if object.links.insert(folded, linked).is_some() {
                            return Err(Kind::Conflict);
                        }
                        continue;
                    }
                    let slot = object
                        .attributes
                        .entry(folded.clone())
                        .or_insert_with(|| (name.clone(), Vec::new()));
                    for value in values {
                        if slot.1.iter().any(|p| p.eq_ignore_ascii_case(value)) {
                            return Err(Kind::Conflict);
                        }
                        slot.1.push(value.clone());
                    }
                    if SINGLE_VALUED.contains(&folded.as_str()) && slot.1.len() > 1 {
                        return Err(Kind::Conflict);
                    }
                }
                Modification::Replace(name, values) => {
                    assert_eq!(name, "pwdLastSet", "only this one is ever replaced");
                    object
                        .attributes
                        .insert(name.to_lowercase(), (name.clone(), values.clone()));
                }
            }
        }
        if let Some((_, uac)) = object.attributes.get("useraccountcontrol") {
            let uac: i64 = uac[0].parse().unwrap();
            if uac & 0x22 == 0 && object.password.is_none() {
                return Err(Kind::Invalid);
            }
        }
        self.log.push(format!("modify {} {parts:?}", object.dn));
        self.objects.insert(guid, object);
        Ok(())
    }

    fn move_to(&mut self, guid: Guid, rdn: &Rdn, parent: &Dn) -> Result<(), Kind> {
        let target = parent.child(&rdn.attribute, &rdn.value);
        match self.at(target.as_str()) {
            Some(other) if other != guid => return Err(Kind::Conflict),
            _ => {}
        }
        let object = self.objects.get_mut(&guid).ok_or(Kind::Invalid)?;
        self.log.push(format!("move {} to {target}", object.dn));
        object.dn = target;
        object
            .attributes
            .insert("cn".to_owned(), ("cn".to_owned(), vec![rdn.value.clone()]));
        Ok(())
    }

    fn member(&mut self, group: Guid, member: Guid, present: bool) -> Result<(), Kind> {
        if !self.objects.contains_key(&member) {
            return Err(Kind::Invalid);
        }
        let object = self.objects.get_mut(&group).ok_or(Kind::Invalid)?;
        let changed = if present {
            object.members.insert(member)
        } else {
            object.members.remove(&member)
        };
        // Another program may have been faster; one program alone never writes what is already so.
        if changed {
            self.log
                .push(format!("member {member} of {}: {present}", object.dn));
        }
        Ok(())
    }
}

impl World {
    pub(crate) fn new(state: State) -> Self {
        Self {
            identity: identity(),
            state: Arc::new(Mutex::new(state)),
            killed: Arc::new(Notify::new()),
            connection: 1,
            own: None,
        }
    }

    /// The same directory seen by another program: one write per object at a time is asserted for each apart.
    pub(crate) fn other_connection(&self) -> Self {
        Self {
            killed: Arc::new(Notify::new()),
            connection: self.connection + 1,
            ..self.clone()
        }
    }

    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.state.lock().unwrap())
    }

    /// Everything but the passwords themselves and the identities of new objects, which differ between runs.
    pub(crate) fn shape(&self) -> BTreeMap<String, String> {
        let state = self.state.lock().unwrap();
        let name = |guid: &Guid| {
            state
                .objects
                .get(guid)
                .map(|object| object.dn.as_str().to_owned())
        };
        state
            .objects
            .values()
            .map(|object| {
                let links: Vec<_> = object.links.iter().map(|(n, g)| (n, name(g))).collect();
                let members: BTreeSet<_> = object.members.iter().map(name).collect();
                let text = format!(
                    "{:?} {links:?} {members:?} {}",
                    object.attributes,
                    object.password.is_some()
                );
                (object.dn.as_str().to_owned(), text)
            })
            .collect()
    }

    async fn pause(&self) {
        let yields = self.edit(|state| {
            state.turn += 1;
            match state.yields.len() {
                0 => 1,
                many => state.yields[state.turn % many],
            }
        });
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
    }

    async fn read<T>(&self, read: impl FnOnce(&mut State) -> T) -> Result<T, ConnectorError> {
        self.pause().await;
        self.edit(|state| {
            state.reads += 1;
            if state.dead_from.is_some_and(|from| state.writes >= from) {
                return Err(state.dies_as.unwrap_or(Kind::Unavailable).error());
            }
            Ok(read(state))
        })
    }

    async fn write<T>(
        &self,
        object: String,
        lie: Option<T>,
        write: impl FnOnce(&mut State) -> Result<T, Kind>,
    ) -> Result<T, ConnectorError> {
        let object = format!("{}: {object}", self.connection);
        let fault = self.edit(|state| {
            let number = state.writes;
            state.writes += 1;
            let under_way = state.in_flight.entry(object.clone()).or_default();
            *under_way += 1;
            assert_eq!(*under_way, 1, "two writes at once on {object}");
            let at_once = state.in_flight.values().filter(|n| **n > 0).count();
            state.most_at_once = state.most_at_once.max(at_once);
            if state.dead_from.is_some_and(|from| number >= from) {
                return Some(Fault::Before(state.dies_as.unwrap_or(Kind::Unavailable)));
            }
            state.faults.remove(&number)
        });
        // A killed program has nothing in flight any more.
        struct Landed<'a>(&'a World, String);
        impl Drop for Landed<'_> {
            fn drop(&mut self) {
                self.0.edit(|state| {
                    *state.in_flight.get_mut(&self.1).unwrap() -= 1;
                });
            }
        }
        let _landed = Landed(self, object);
        self.pause().await;
        let act = |world: &Self| world.edit(|state| write(state).map_err(Kind::error));
        match fault {
            None => act(self),
            Some(Fault::Before(kind)) => Err(kind.error()),
            Some(Fault::After(kind)) => {
                act(self)?;
                Err(kind.error())
            }
            Some(Fault::KillBefore) => self.die().await,
            Some(Fault::KillAfter) => {
                act(self)?;
                self.die().await
            }
            Some(Fault::Lie) => lie.map_or_else(|| act(self), Ok),
            Some(Fault::Meddle(edit)) => {
                self.edit(|state| edit(state));
                act(self)
            }
            Some(Fault::Panic) => panic!("injected"),
        }
    }

    async fn die<T>(&self) -> T {
        self.killed.notify_one();
        std::future::pending().await
    }
}

impl DirectoryWriter for World {
    fn identity(&self) -> &DirectoryIdentity {
        &self.identity
    }

    fn bound_as(&self) -> Option<Guid> {
        self.own
    }

    async fn fetch(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        self.read(|state| state.entry(guid, attributes)).await
    }

    async fn fetch_by_dn(
        &self,
        dn: &Dn,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        self.read(|state| state.entry(state.at(dn.as_str())?, attributes))
            .await
    }

    async fn carriers(
        &self,
        attribute: &str,
        values: &[String],
    ) -> Result<Vec<LiveEntry>, ConnectorError> {
        let asked = [attribute.to_owned()];
        self.read(|state| {
            let entries = state.objects.keys();
            let entries = entries.filter_map(|guid| state.entry(*guid, &asked));
            let carries = |entry: &LiveEntry| {
                let mut found = entry.values(attribute).iter();
                found.any(|found| values.iter().any(|one| one.eq_ignore_ascii_case(found)))
            };
            entries.filter(carries).collect()
        })
        .await
    }

    async fn is_member(&self, group: Guid, member: Guid) -> Result<bool, ConnectorError> {
        self.read(|state| state.objects[&group].members.contains(&member))
            .await
    }

    async fn add(
        &self,
        dn: &Dn,
        attributes: &[(String, Vec<String>)],
    ) -> Result<Guid, ConnectorError> {
        // Nobody can believe in an object that is not there.
        self.write(dn.to_string(), None, |state| state.add(dn, attributes))
            .await
    }

    async fn modify(&self, guid: Guid, parts: &[Modification]) -> Result<(), ConnectorError> {
        self.write(guid.to_string(), Some(()), |state| {
            state.modify(guid, parts)
        })
        .await
    }

    async fn set_password(
        &self,
        guid: Guid,
        password: &SecretString,
    ) -> Result<(), ConnectorError> {
        // Nor can anyone find out that a password was not set.
        self.write(guid.to_string(), None, |state| {
            let object = state.objects.get_mut(&guid).ok_or(Kind::Invalid)?;
            object.password = Some(password.expose_secret().to_owned());
            let line = format!("password {}", object.dn);
            state.log.push(line);
            state.stamp(guid);
            Ok(())
        })
        .await
    }

    async fn move_to(
        &self,
        guid: Guid,
        new_rdn: &Rdn,
        new_parent: &Dn,
    ) -> Result<(), ConnectorError> {
        self.write(guid.to_string(), Some(()), |state| {
            state.move_to(guid, new_rdn, new_parent)
        })
        .await
    }

    async fn add_member(&self, group: Guid, member: Guid) -> Result<(), ConnectorError> {
        self.write(group.to_string(), Some(()), |state| {
            state.member(group, member, true)
        })
        .await
    }

    async fn remove_member(&self, group: Guid, member: Guid) -> Result<(), ConnectorError> {
        self.write(group.to_string(), Some(()), |state| {
            state.member(group, member, false)
        })
        .await
    }

    async fn examine(&self, guid: Guid) -> Result<Option<Examined>, ConnectorError> {
        self.read(|state| {
            let names = state.objects.get(&guid)?.attributes.values();
            let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
            let entry = state.entry(guid, &names)?;
            let below = state.objects.values().map(|object| object.dn.clone());
            Some(Examined {
                facts: state.deletion.get(&guid).copied().unwrap_or_default(),
                below: below
                    .filter(|dn| dn.key().parent() == Some(entry.dn.key()))
                    .collect(),
                entry,
            })
        })
        .await
    }

    async fn fetch_deleted(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        self.read(|state| {
            let object = state.buried.get(&guid)?;
            let asked = attributes.iter().map(|name| name.to_lowercase());
            let found = asked.filter_map(|name| object.attributes.get(&name).cloned());
            Some(LiveEntry {
                guid,
                dn: object.dn.clone(),
                attributes: found.collect(),
            })
        })
        .await
    }

    async fn restore(&self, guid: Guid, _: &Dn, to: &Dn) -> Result<(), ConnectorError> {
        self.write(guid.to_string(), Some(()), |state| {
            if state.at(to.as_str()).is_some() {
                return Err(Kind::Conflict);
            }
            let mut object = state.buried.remove(&guid).ok_or(Kind::NotFound)?;
            object.dn = to.clone();
            state.objects.insert(guid, object);
            state.log.push(format!("restore {to}"));
            Ok(())
        })
        .await
    }

    async fn delete(&self, guid: Guid) -> Result<(), ConnectorError> {
        self.write(guid.to_string(), Some(()), |state| {
            let dn = state.objects.get(&guid).ok_or(Kind::NotFound)?.dn.clone();
            let mut others = state.objects.values();
            if others.any(|object| object.dn.key().parent() == Some(dn.key())) {
                return Err(Kind::Conflict);
            }
            let buried = state.objects.remove(&guid);
            state.buried.extend(buried.map(|object| (guid, object)));
            for object in state.objects.values_mut() {
                object.members.remove(&guid);
                object.links.retain(|_, other| *other != guid);
            }
            state.log.push(format!("delete {dn}"));
            Ok(())
        })
        .await
    }
}
