//! The directory as one value: schema, objects, accounts' rights, sequence and time.
//!
//! Everything the protocol side does goes through here under one lock; nothing here waits, prints or talks. Holds the
//! name resolution and the rights; what the operations mean is in the modules beside.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::config::{Clock, DirectoryConfig};
use super::failure::Failure;
use super::schema::{ClassId, Schema};
use super::sid::Sid;
use super::store::{Object, ObjectId, Store, rdn_key};
use crate::model::{Dn, DnKey, Guid};

/// Partition heads and other objects the code needs to find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landmarks {
    pub(crate) domain: ObjectId,
    pub(crate) configuration: ObjectId,
    pub(crate) schema: ObjectId,
    pub(crate) deleted: ObjectId,
    pub(crate) users: ObjectId,
    pub(crate) domain_admins: ObjectId,
}

/// What an account was given beyond reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delegation {
    pub(crate) places: Vec<ObjectId>,
    pub(crate) reads_deleted: bool,
    pub(crate) may_restore: bool,
    pub(crate) may_unexpire: bool,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Nobody has bound yet.
    Anonymous,
    /// A bound account.
    Account(ObjectId),
    /// The simulator's own hands: the test or demo acting as an administrator.
    System,
}

pub(crate) struct Directory {
    pub(crate) config: DirectoryConfig,
    pub(crate) schema: Schema,
    pub(crate) store: Store,
    pub(crate) marks: Landmarks,
    pub(crate) delegations: HashMap<ObjectId, Delegation>,
    pub(crate) domain_sid: Sid,
    pub(crate) invocation: Guid,
    pub(super) partitions: Vec<(DnKey, ObjectId)>,
    /// The other domains of the forest, seen only through the global catalog.
    pub(super) others: Vec<Directory>,
    pub(super) next_rid: u32,
    pub(super) random: Random,
    pub(super) steps: i64,
}

/// SplitMix64: small, seeded, and of no use for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn guid(&mut self) -> Guid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Guid::from_wire(&uuid.to_bytes_le()).unwrap_or_else(|| unreachable!("sixteen bytes"))
    }
}

/// Well-known containers by the GUID Windows clients bind to.
pub(crate) const WELL_KNOWN: &[(&str, &str)] = &[
    ("a9d1ca15768811d1aded00c04fd8d5cd", "CN=Users"),
    ("aa312825768811d1aded00c04fd8d5cd", "CN=Computers"),
    ("a361b2ffffd211d1aa4b00c04fd7d83a", "OU=Domain Controllers"),
    ("18e2ea80684f11d2b9aa00c04f79f805", "CN=Deleted Objects"),
    ("ab8153b7768811d1aded00c04fd8d5cd", "CN=LostAndFound"),
    ("ab1d30f3768811d1aded00c04fd8d5cd", "CN=System"),
];

impl Directory {
    /// The time of this moment.
    pub(crate) fn now(&self) -> Timestamp {
        match &self.config.clock {
            Clock::Stepping(start) => start
                .checked_add(SignedDuration::from_secs(self.steps))
                .unwrap_or(*start),
            Clock::Live(ask) => ask(),
        }
    }

    /// The time of a write.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.steps += 1;
        self.now()
    }

    pub(super) fn new_sid(&mut self) -> Sid {
        let sid = self.domain_sid.child(self.next_rid);
        self.next_rid += 1;
        sid
    }

    pub(crate) fn object(&self, id: ObjectId) -> &Object {
        self.store.object(id)
    }

    pub(crate) fn is_a(&self, id: ObjectId, class: &str) -> bool {
        self.schema.is_a(self.object(id).class, class)
    }

    /// Users, computers and groups: what the security accounts manager keeps.
    pub(crate) fn is_principal_class(&self, class: ClassId) -> bool {
        self.schema.is_a(class, "user") || self.schema.is_a(class, "group")
    }

    /// The object a name stands for, in any of the forms the server takes ([MS-ADTS] 3.1.1.3.1.2.4): a DN,
    /// `<GUID=…>`, `<SID=…>`, `<WKGUID=…,DN>`. Deleted objects are found only with `deleted`.
    pub(crate) fn resolve(&self, name: &str, deleted: bool) -> Result<ObjectId, Failure> {
        let found = if name.starts_with('<') {
            self.resolve_alternative(name)
                .ok_or_else(|| Failure::no_object(0x208d, ""))?
        } else {
            let dn = Dn::parse(name).map_err(|_| Failure::bad_name(name))?;
            self.resolve_dn(&dn)?
        };
        if self.object(found).deleted && !deleted {
            return Err(Failure::no_object(
                0x208d,
                &self.store.dn(self.marks.domain),
            ));
        }
        Ok(found)
    }

    fn resolve_alternative(&self, name: &str) -> Option<ObjectId> {
        let (inner, _rest) = name.strip_prefix('<')?.split_once('>')?;
        let (form, value) = inner.split_once('=')?;
        match form.to_ascii_uppercase().as_str() {
            "GUID" => {
                // Dashed text, or 32 digits which are the bytes as stored.
                let guid = if value.contains('-') {
                    Guid::parse(value)?
                } else {
                    Guid::from_wire(&hex::decode(value).ok()?)?
                };
                self.store.by_guid(guid)
            }
            "SID" => {
                let sid =
                    Sid::parse(value).or_else(|| Sid::from_wire(&hex::decode(value).ok()?))?;
                self.store.by_sid(&sid)
            }
            "WKGUID" => {
                let (guid, base) = value.split_once(',')?;
                let (_, rdn) = WELL_KNOWN
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(guid))?;
                let base = Dn::parse(base).ok()?;
                (self.resolve_dn(&base).ok()? == self.marks.domain).then_some(())?;
                self.store
                    .child(self.marks.domain, &rdn_key(&rdn.to_lowercase()))
            }
            _ => None,
        }
    }

    /// The object with this name, deleted ones included; 10 outside all partitions, 32 with the nearest ancestor.
    pub(super) fn resolve_dn(&self, dn: &Dn) -> Result<ObjectId, Failure> {
        let key = dn.key();
        let (partition, head) = self
            .partitions
            .iter()
            .filter(|(partition, _)| key.is_at_or_under(partition))
            .max_by_key(|(partition, _)| partition.as_str().len())
            .ok_or_else(|| self.elsewhere(&key))?;
        let below = key.as_str().strip_suffix(partition.as_str()).unwrap_or("");
        let mut at = *head;
        for component in below.trim_end_matches(',').split(',').rev() {
            if component.is_empty() {
                continue;
            }
            at = self
                .store
                .child(at, &rdn_key(component))
                .ok_or_else(|| Failure::no_object(0x208d, &self.store.dn(at)))?;
        }
        Ok(at)
    }

    fn elsewhere(&self, key: &DnKey) -> Failure {
        let labels: Vec<&str> = key
            .as_str()
            .split(',')
            .filter_map(|part| part.strip_prefix("dc="))
            .collect();
        if labels.is_empty() {
            // No domain could be asked: nothing to refer to.
            return Failure::no_object(0x208d, "");
        }
        let host = labels.join(".");
        Failure::referral(format!("ldap://{host}/{}", key.as_str()), &host)
    }

    /// True for members of Domain Admins, however nested.
    pub(crate) fn is_administrator(&self, who: Principal) -> bool {
        match who {
            Principal::System => true,
            Principal::Anonymous => false,
            Principal::Account(account) => {
                self.groups_of(account).contains(&self.marks.domain_admins)
            }
        }
    }

    /// All groups an object is in, through groups and the primary group.
    pub(crate) fn groups_of(&self, object: ObjectId) -> Vec<ObjectId> {
        let mut found: Vec<ObjectId> = Vec::new();
        let mut open: Vec<ObjectId> = self
            .store
            .sources(object, self.schema.known.member)
            .chain(self.primary_group(object))
            .collect();
        let mut seen: std::collections::HashSet<ObjectId> = open.iter().copied().collect();
        while let Some(group) = open.pop() {
            found.push(group);
            for above in self.store.sources(group, self.schema.known.member) {
                if seen.insert(above) {
                    open.push(above);
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    pub(crate) fn primary_group(&self, object: ObjectId) -> Option<ObjectId> {
        let rid = self
            .object(object)
            .number(self.schema.known.primary_group_id)?;
        self.store
            .by_sid(&self.domain_sid.child(u32::try_from(rid).ok()?))
    }

    fn delegated(&self, who: Principal) -> Option<&Delegation> {
        match who {
            Principal::Account(account) => self.delegations.get(&account),
            _ => None,
        }
    }

    fn delegated_class(&self, class: ClassId) -> bool {
        let is = |name| self.schema.is_a(class, name);
        (is("user") && !is("computer")) || is("group") || is("contact")
    }

    /// May write attributes of an object. An object whose `adminCount` is 1 has lost its inherited rights: only
    /// administrators may (AdminSDHolder, [MS-ADTS] 3.1.1.6.1).
    pub(crate) fn may_write(&self, who: Principal, id: ObjectId) -> bool {
        if self.is_administrator(who) {
            return true;
        }
        let object = self.object(id);
        let Some(delegation) = self.delegated(who) else {
            return false;
        };
        object.number(self.schema.known.admin_count) != Some(1)
            && self.delegated_class(object.class)
            && delegation
                .places
                .iter()
                .any(|&place| id != place && self.store.is_at_or_under(id, place))
    }

    /// May create an object of a class below a parent.
    pub(crate) fn may_create(&self, who: Principal, parent: ObjectId, class: ClassId) -> bool {
        self.is_administrator(who)
            || self.delegated(who).is_some_and(|delegation| {
                self.delegated_class(class)
                    && delegation
                        .places
                        .iter()
                        .any(|&place| self.store.is_at_or_under(parent, place))
            })
    }

    /// May delete an object, or take it out of where it stands. Protection denies this to everyone.
    pub(crate) fn may_delete(&self, who: Principal, id: ObjectId) -> bool {
        !self.object(id).protected && self.may_write(who, id)
    }

    pub(crate) fn reads_deleted(&self, who: Principal) -> bool {
        self.is_administrator(who) || self.delegated(who).is_some_and(|d| d.reads_deleted)
    }

    pub(crate) fn may_restore(&self, who: Principal) -> bool {
        self.is_administrator(who) || self.delegated(who).is_some_and(|d| d.may_restore)
    }

    /// May reset a password without its owner having to change it at the next logon.
    pub(crate) fn may_unexpire(&self, who: Principal) -> bool {
        self.is_administrator(who) || self.delegated(who).is_some_and(|d| d.may_unexpire)
    }

    /// `CORP\name` of an account.
    pub(crate) fn principal_name(&self, id: ObjectId) -> Option<String> {
        let name = self.object(id).text(self.schema.known.sam_account_name)?;
        Some(format!("{}\\{name}", self.config.netbios()))
    }
}
