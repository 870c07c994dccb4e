//! The directory from the outside of the protocol: what tests, the demo and training use to fill, inspect and
//! disturb it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::Engine;
use secrecy::{ExposeSecret, SecretString};

use super::controls::Controls;
use super::core::{Directory, Principal};
use super::failure::Failure;
use super::faults::{FaultRule, Faults, OperationKind};
use super::store::ObjectId;
use super::value::Kind;
use super::view::Lens;
use super::write::{Edit, NewEntry};
use crate::model::{Dn, Guid};

/// What all connections share.
pub(crate) struct Shared {
    directory: RwLock<Directory>,
    pub(crate) faults: Mutex<Faults>,
    counts: [AtomicU64; 8],
    failures: AtomicU64,
    entries: AtomicU64,
    connections: AtomicU64,
    writes: Mutex<Vec<WriteRecord>>,
}

/// How often what was done since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Operations by kind, refused ones included.
    pub operations: BTreeMap<OperationKind, u64>,
    /// Operations that were refused.
    pub failures: u64,
    /// Search entries returned.
    pub entries: u64,
}

impl Counters {
    /// Adds, modifies, renames and deletes together.
    pub fn writes(&self) -> u64 {
        self.operations
            .iter()
            .filter(|(kind, _)| kind.is_write())
            .map(|(_, count)| count)
            .sum()
    }
}

/// One write that came over the protocol; kept when `record_writes` is set. Never holds values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteRecord {
    /// What.
    pub kind: Option<OperationKind>,
    /// To which object (its name after the write).
    pub dn: String,
    /// Which attributes, in the order of the request.
    pub attributes: Vec<String>,
    /// By whom, as `DOMAIN\name`.
    pub by: String,
    /// The LDAP result code.
    pub code: u32,
}

/// Attributes of one object by name; values as text where they are text, else base64.
pub type Snapshot = BTreeMap<String, Vec<String>>;

/// The directory behind the protocol. Cheap to clone; all clones are the same directory.
#[derive(Clone)]
pub struct DirectoryHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for DirectoryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryHandle").finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(directory: Directory) -> Self {
        Self {
            directory: RwLock::new(directory),
            faults: Mutex::new(Faults::default()),
            counts: Default::default(),
            failures: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            writes: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, kind: OperationKind, success: bool) {
        self.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        if !success {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_entries(&self, entries: u64) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record(&self, record: WriteRecord) {
        self.writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }
}

impl DirectoryHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Makes an organizational unit, and those above it that are missing; gives the identity also when it was there.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn add_ou(&self, dn: &str) -> Result<Guid, Failure> {
        let mut directory = self.shared.write();
        let id = directory.add_unit(dn)?;
        Ok(directory.object(id).guid)
    }

    /// Adds any object with the rights of the system: also attributes only the server may set.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn add(&self, entry: &NewEntry) -> Result<Guid, Failure> {
        let mut directory = self.shared.write();
        let id = directory.add(Principal::System, true, entry)?;
        Ok(directory.object(id).guid)
    }

    /// Adds an object to another domain of the forest ([`super::DirectoryConfig::other_domains`]).
    ///
    /// # Errors
    /// What that domain answers to an administrator; that there is no such object when no domain has the place.
    pub fn add_elsewhere(&self, entry: &NewEntry) -> Result<Guid, Failure> {
        let key = Dn::parse(&entry.dn)
            .map_err(|_| Failure::bad_name(&entry.dn))?
            .key();
        let mut directory = self.shared.write();
        let domain = directory
            .others
            .iter_mut()
            .filter(|other| {
                let head = other.partitions.first();
                head.is_some_and(|(head, _)| key.is_at_or_under(head))
            })
            .max_by_key(|other| other.config.domain.len())
            .ok_or_else(|| Failure::no_object(0x208d, ""))?;
        let id = domain.add(Principal::System, true, entry)?;
        Ok(domain.object(id).guid)
    }

    /// Adds a user `cn=name` below a place. Without a `userAccountControl` among the attributes the account is
    /// enabled and needs no password (544), so that many can be made cheaply.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn add_user(
        &self,
        parent: &str,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Guid, Failure> {
        let mut entry = Self::entry(parent, name, "user")?;
        let given = |wanted: &str| {
            attributes
                .iter()
                .any(|(attribute, _)| attribute.eq_ignore_ascii_case(wanted))
        };
        if !given("userAccountControl") {
            entry = entry.with("userAccountControl", "544");
        }
        for (attribute, value) in attributes {
            entry = entry.with(attribute, value);
        }
        self.add(&entry)
    }

    /// Adds a global security group with these members (names in any form).
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn add_group(&self, parent: &str, name: &str, members: &[&str]) -> Result<Guid, Failure> {
        let mut entry = Self::entry(parent, name, "group")?.with("sAMAccountName", name);
        for member in members {
            entry = entry.with("member", member);
        }
        self.add(&entry)
    }

    fn entry(parent: &str, name: &str, class: &str) -> Result<NewEntry, Failure> {
        let parent = Dn::parse(parent).map_err(|_| Failure::bad_name(parent))?;
        Ok(NewEntry::new(parent.child("CN", name).as_str(), class))
    }

    /// Changes an object as an administrator sitting at the server would: this is what drift looks like.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn modify(&self, name: &str, edits: &[Edit]) -> Result<(), Failure> {
        let controls = Controls {
            show_deleted: true,
            ..Controls::default()
        };
        self.shared
            .write()
            .modify(Principal::System, true, name, edits, &controls)
            .map(|_| ())
    }

    /// Renames or moves an object.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn rename(
        &self,
        name: &str,
        new_rdn: &str,
        new_parent: Option<&str>,
    ) -> Result<(), Failure> {
        self.shared
            .write()
            .rename(
                Principal::System,
                name,
                new_rdn,
                true,
                new_parent,
                &Controls::default(),
            )
            .map(|_| ())
    }

    /// Deletes an object that has no children.
    ///
    /// # Errors
    /// What the directory answers to an administrator.
    pub fn delete(&self, name: &str) -> Result<(), Failure> {
        self.shared
            .write()
            .delete(Principal::System, name, &Controls::default())
            .map(|_| ())
    }

    /// Sets a password without asking the policy, and counts it as set now.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn set_password(&self, name: &str, password: &SecretString) -> Result<(), Failure> {
        let mut directory = self.shared.write();
        let id = directory.resolve(name, false)?;
        directory.store_password(id, password.expose_secret());
        Ok(())
    }

    /// Protects an object from accidental deletion, or no longer.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn set_protected(&self, name: &str, protected: bool) -> Result<(), Failure> {
        let mut directory = self.shared.write();
        let id = directory.resolve(name, false)?;
        directory.store.object_mut(id).protected = protected;
        Ok(())
    }

    /// Locks an account out, as too many wrong passwords do.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn lock_out(&self, name: &str) -> Result<(), Failure> {
        let mut directory = self.shared.write();
        let id = directory.resolve(name, false)?;
        let now = super::value::filetime(directory.now());
        let mut draft = directory.draft_of(id);
        draft.set(directory.schema.known.lockout_time, now);
        directory.commit(id, draft);
        Ok(())
    }

    /// Whether a bind with this name and password would succeed.
    ///
    /// # Errors
    /// The refusal.
    pub fn try_password(&self, name: &str, password: &SecretString) -> Result<(), Failure> {
        self.shared
            .write()
            .authenticate(name, password.expose_secret())
            .map(|_| ())
    }

    /// The attributes of a live or deleted object, those of `*` only; `None` when there is no such object.
    pub fn get(&self, name: &str) -> Option<Snapshot> {
        let directory = self.shared.read();
        let id = directory.resolve(name, true).ok()?;
        Some(snapshot(&directory, id))
    }

    /// The values of one attribute, computed ones included; empty when there is none.
    pub fn values(&self, name: &str, attribute: &str) -> Vec<String> {
        let directory = self.shared.read();
        let Ok(id) = directory.resolve(name, true) else {
            return Vec::new();
        };
        directory
            .schema
            .attribute(attribute)
            .map(|attribute| shown(&directory, id, attribute))
            .unwrap_or_default()
    }

    /// The identity of the object with this name.
    pub fn guid(&self, name: &str) -> Option<Guid> {
        let directory = self.shared.read();
        let id = directory.resolve(name, false).ok()?;
        Some(directory.object(id).guid)
    }

    /// The name of the object with this identity, deleted or not.
    pub fn dn(&self, guid: Guid) -> Option<String> {
        let directory = self.shared.read();
        let id = directory.store.by_guid(guid)?;
        Some(directory.store.dn(id))
    }

    /// Every object of the domain partition, deleted ones included, by name in a stable order.
    pub fn snapshot(&self) -> Vec<(String, Snapshot)> {
        let directory = self.shared.read();
        directory
            .store
            .subtree(directory.marks.domain)
            .map(|id| (directory.store.dn(id), snapshot(&directory, id)))
            .collect()
    }

    /// The domain partition as text: equal directories give equal texts. Passwords show only as set or not.
    pub fn dump(&self) -> String {
        let directory = self.shared.read();
        let mut text = String::new();
        for id in directory.store.subtree(directory.marks.domain) {
            text.push_str(&format!("dn: {}\n", directory.store.dn(id)));
            for (name, values) in snapshot(&directory, id) {
                for value in values {
                    text.push_str(&format!("{name}: {}\n", value.escape_debug()));
                }
            }
            if !directory.object(id).passwords.is_empty() {
                text.push_str("# password: set\n");
            }
            text.push('\n');
        }
        text
    }

    /// `highestCommittedUSN`: moves on with every write and with nothing else.
    pub fn usn(&self) -> u64 {
        self.shared.read().store.usn()
    }

    /// `DC=corp,DC=example,DC=test`.
    pub fn base(&self) -> String {
        let directory = self.shared.read();
        directory.store.dn(directory.marks.domain)
    }

    /// Lets a fault wait for its operations.
    pub fn inject(&self, rule: FaultRule) {
        self.shared
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule);
    }

    /// Forgets all faults still waiting.
    pub fn clear_faults(&self) {
        self.shared
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// What was done over the protocol so far.
    pub fn counters(&self) -> Counters {
        let count = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Counters {
            connections: count(&self.shared.connections),
            operations: [
                OperationKind::Bind,
                OperationKind::Search,
                OperationKind::Compare,
                OperationKind::Add,
                OperationKind::Modify,
                OperationKind::Rename,
                OperationKind::Delete,
                OperationKind::Extended,
            ]
            .into_iter()
            .map(|kind| (kind, count(&self.shared.counts[kind as usize])))
            .collect(),
            failures: count(&self.shared.failures),
            entries: count(&self.shared.entries),
        }
    }

    /// The writes recorded so far, in order; empty unless `record_writes` is set.
    pub fn writes(&self) -> Vec<WriteRecord> {
        self.shared
            .writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn shown(directory: &Directory, id: ObjectId, attribute: super::schema::AttrId) -> Vec<String> {
    let kind = directory.schema.def(attribute).kind;
    let binary = matches!(kind, Kind::Octets | Kind::Sid | Kind::SecurityDescriptor);
    directory
        .values_of(id, attribute, Lens::plain(Principal::System))
        .iter()
        .map(|value| match std::str::from_utf8(value) {
            Ok(text) if !binary => text.to_owned(),
            _ => base64::engine::general_purpose::STANDARD.encode(value),
        })
        .collect()
}

fn snapshot(directory: &Directory, id: ObjectId) -> Snapshot {
    directory
        .plain_attributes(id)
        .into_iter()
        .filter_map(|attribute| {
            let values = shown(directory, id, attribute);
            (!values.is_empty()).then(|| (directory.schema.def(attribute).name.clone(), values))
        })
        .collect()
}
