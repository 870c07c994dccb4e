//! Directory objects as read from a target: the observed side.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{AttributeDef, Completeness, Dn, Guid, Name};

/// Position of an attribute in [`DirectoryHeader::attributes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeId(pub u16);

/// What kind of object an entry is, as far as halosync distinguishes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum EntryKind {
    /// A user account (`objectCategory=person`, `objectClass=user`). Carries all attributes in use.
    User,
    /// A group. Those named by rules carry `member`; others only their names.
    Group,
    /// An organizational unit, container or domain head: a place objects can stand in.
    Container,
    /// Anything else that occupies a name (computer, contact, service account).
    Other,
    /// A deleted object: only its former names matter.
    Deleted,
    /// An object of another domain of the forest: only its names matter, and they only to rules that ask for a name
    /// alone in the forest.
    Foreign,
}

/// Values of one attribute; never none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// The usual case.
    One(CompactString),
    /// In the order the server gave them; compared as a set.
    Many(Box<[CompactString]>),
}

impl Values {
    /// All values.
    pub fn as_slice(&self) -> &[CompactString] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// One directory object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Immutable identity.
    pub guid: Guid,
    /// Where it stands now.
    pub dn: Dn,
    /// Its kind.
    pub kind: EntryKind,
    /// Attributes with at least one value, sorted by id. Octets as base64.
    pub attributes: Box<[(AttributeId, Values)]>,
    /// What matters before it may be deleted; of disabled users only, and only when the read was asked for it.
    pub deletion: Option<Box<DeletionFacts>>,
}

/// What a directory says of an account that a plan may delete. Nothing here is ever guessed: what the read does not
/// tell keeps the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeletionFacts {
    /// When `userAccountControl` was last written on the controller where it was, or the account was brought back from among
    /// the deleted ones, whichever is later; in whole seconds. As long as the account is disabled, it has been since then at
    /// the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_changed: Option<jiff::Timestamp>,
    /// Whether an entry of its access list denies everyone its deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<bool>,
    /// When the password was last written on the controller where it was, in whole seconds (`unicodePwd` has a moment
    /// among the replication metadata, and no value anybody can read). Tells what a `pwdLastSet` of 0 does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed: Option<jiff::Timestamp>,
    /// When anything of it was last written on the controller where it was, in whole seconds: any attribute, read or not,
    /// but for what a logon writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_written: Option<jiff::Timestamp>,
}

/// What becomes of deleted objects in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeletedObjects {
    /// Whether the Recycle Bin is on; absent when the read does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycle_bin: Option<bool>,
    /// Days a deleted object can be brought back whole while the Recycle Bin is on (`msDS-deletedObjectLifetime`, or
    /// what stands for it, [MS-ADTS] 3.1.1.5.5).
    pub lifetime: u32,
}

impl Entry {
    /// The values of an attribute, or an empty slice.
    pub fn values(&self, attribute: AttributeId) -> &[CompactString] {
        match self
            .attributes
            .binary_search_by_key(&attribute, |(id, _)| *id)
        {
            Ok(at) => self.attributes[at].1.as_slice(),
            Err(_) => &[],
        }
    }

    /// The first value of an attribute.
    pub fn value(&self, attribute: AttributeId) -> Option<&str> {
        self.values(attribute).first().map(CompactString::as_str)
    }
}

/// Which directory this is: compared before anything is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryIdentity {
    /// `objectGUID` of the domain head.
    pub domain_guid: Guid,
    /// `objectSid` of the domain head, as `S-1-5-21-…`.
    pub domain_sid: String,
    /// `defaultNamingContext`.
    pub naming_context: Dn,
    /// `dnsHostName` of the domain controller that was read and is to be written.
    pub domain_controller: String,
}

/// First line of a recorded directory snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryHeader {
    /// `halosync/directory/v1`.
    pub format: String,
    /// The `ActiveDirectory` document's name.
    pub target: Name,
    /// Which directory.
    pub identity: DirectoryIdentity,
    /// When the read began.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// Definitions of the attributes that were asked for and exist in the directory's schema.
    pub attributes: Vec<AttributeDef>,
    /// Attributes that were asked for and do not exist there.
    pub unknown_attributes: Vec<String>,
    /// Attributes in which names were looked for and that the forest's global catalog does not hold, so that those
    /// of other domains are not known. Empty when no catalog was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_in_catalog: Vec<String>,
    /// DN of the account that read, when the server says it: never managed.
    pub bound_as: Option<Dn>,
    /// What becomes of deleted objects; only when the read was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_objects: Option<DeletedObjects>,
    /// Proof of completeness.
    pub completeness: Completeness,
}

impl DirectoryHeader {
    /// The id of an attribute by name, whatever its case.
    pub fn attribute(&self, name: &str) -> Option<AttributeId> {
        let at = self
            .attributes
            .iter()
            .position(|def| def.name.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok().map(AttributeId)
    }

    /// The definition behind an id.
    pub fn definition(&self, id: AttributeId) -> &AttributeDef {
        &self.attributes[usize::from(id.0)]
    }
}

/// Everything read from a directory, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorySnapshot {
    /// What was read, when, and how well.
    pub header: DirectoryHeader,
    /// Sorted by GUID, each once.
    pub objects: Vec<Entry>,
}

/// What a plan needs to know of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectoryRequest {
    /// Attributes of user accounts in use (any case, each once). `userAccountControl`, `adminCount`,
    /// `sAMAccountName`, `userPrincipalName`, `cn`, `isCriticalSystemObject` are always among them.
    pub user_attributes: Vec<String>,
    /// Attributes read of every object (groups, contacts, computers, deleted ones, and those the global catalog knows
    /// of other domains): a name must not stand in any of them.
    pub names_in: Vec<String>,
    /// Read every group's `member` that stands at or under one of these places.
    pub groups_under: Vec<Dn>,
    /// Groups elsewhere whose `member` is needed as well.
    pub groups: Vec<Dn>,
    /// Places below which disabled accounts are read with what matters before one is deleted, or given another password;
    /// none when nothing is.
    pub disabled_under: Vec<Dn>,
}

impl DirectoryRequest {
    /// Asks for what another asks for as well.
    pub fn add(&mut self, other: Self) {
        fn more<T>(known: &mut Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) {
            for one in new {
                if !known.iter().any(|known| same(known, &one)) {
                    known.push(one);
                }
            }
        }
        let text = |one: &String, other: &String| one.eq_ignore_ascii_case(other);
        more(&mut self.user_attributes, other.user_attributes, text);
        more(&mut self.names_in, other.names_in, text);
        let place = |one: &Dn, other: &Dn| one.key() == other.key();
        more(&mut self.groups_under, other.groups_under, place);
        more(&mut self.groups, other.groups, place);
    }
}
