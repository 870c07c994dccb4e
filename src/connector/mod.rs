//! The edge to other systems: readers apart from writers.
//!
//! A planner is handed readers only; a [`DirectoryWriter`] can be made only by `apply` (P3). Connectors know the
//! model and their own settings, never mappings, plans or rules.

pub mod agent;
pub mod ldap;
pub mod rest;

use std::time::Duration;

use crate::model::{
    DeletionFacts, DirectoryIdentity, DirectoryRequest, DirectorySnapshot, Dn, Guid, PeopleSnapshot,
};

/// Why a connector could not do what was asked, by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectorError {
    /// May work if tried again; every retry the connector itself makes is already used up.
    #[error("{system}: {message}")]
    Transient {
        /// Which system (`HaloITSM people`, `directory corp`).
        system: String,
        /// What happened.
        message: String,
        /// How long the system asked to wait.
        retry_after: Option<Duration>,
    },
    /// The system knows who we are and refuses (or does not accept who we say we are).
    #[error("{system}: access denied: {message}")]
    Denied {
        /// Which system.
        system: String,
        /// What happened and what to look at.
        message: String,
    },
    /// The object asked for is not there.
    #[error("{system}: not found: {message}")]
    NotFound {
        /// Which system.
        system: String,
        /// What is missing.
        message: String,
    },
    /// The object is not as the request presupposes (compare-and-set failed, name taken).
    #[error("{system}: conflict: {message}")]
    Conflict {
        /// Which system.
        system: String,
        /// What was found.
        message: String,
    },
    /// The system understood and will never accept this (too long, forbidden value, policy).
    #[error("{system}: refused: {message}")]
    Invalid {
        /// Which system.
        system: String,
        /// The attribute or field concerned, when known.
        field: Option<String>,
        /// What is wrong with it.
        message: String,
    },
    /// Something on this machine or in the settings keeps the system from being asked; the system has no part in it.
    #[error("{system}: {message}")]
    Setup {
        /// Which system.
        system: String,
        /// What is wrong, where, and what to do.
        message: String,
    },
    /// The system cannot be reached or does not answer as itself (TLS, HTML instead of JSON, wrong tenant).
    #[error("{system}: unavailable: {message}")]
    Unavailable {
        /// Which system.
        system: String,
        /// What happened and what to look at.
        message: String,
    },
    /// More requests would be needed than this run may spend. Nothing is wrong with the system.
    #[error("{system}: {message}")]
    OverBudget {
        /// Which system.
        system: String,
        /// What is needed and what is allowed.
        message: String,
    },
    /// A write was sent and no answer came: it may or may not have happened. Read back before anything else.
    #[error("{system}: no answer: {message}")]
    Unknown {
        /// Which system.
        system: String,
        /// What was under way.
        message: String,
    },
}

/// Reads people.
pub trait PeopleReader: Send + Sync {
    /// Everyone the source knows, with a completeness proof. An unproven read is not an error; a read that gave
    /// nothing usable is.
    fn read_people(&self) -> impl Future<Output = Result<PeopleSnapshot, ConnectorError>> + Send;
}

/// Reads a directory.
pub trait DirectoryReader: Send + Sync {
    /// Users with the attributes asked for, groups with members, containers, and the names of everything else that
    /// occupies a name, deleted objects included.
    fn read_directory(
        &self,
        request: &DirectoryRequest,
    ) -> impl Future<Output = Result<DirectorySnapshot, ConnectorError>> + Send;
}

/// One object as it is right now, for comparing before a write and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEntry {
    /// Immutable identity.
    pub guid: Guid,
    /// Where it stands now.
    pub dn: Dn,
    /// Attributes asked for that have values, in the server's spelling of their names, octets as base64.
    pub attributes: std::collections::BTreeMap<String, Vec<String>>,
}

impl LiveEntry {
    /// The values of an attribute whatever its case; empty when it has none.
    pub fn values(&self, attribute: &str) -> &[String] {
        self.attributes
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map_or(&[], |(_, values)| values.as_slice())
    }
}

/// An object as it is right before it is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Everything that can be read of it, but passwords and other secrets. Bytes that are no text as base64.
    pub entry: LiveEntry,
    /// Since when it is what it is, and whether it is protected.
    pub facts: DeletionFacts,
    /// Names of some objects directly below it.
    pub below: Vec<Dn>,
}

/// One part of a modify, as LDAP has them. Values in text form; octets as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modification {
    /// Add values; fails with a conflict when one is there, or the attribute is single-valued and has one.
    Add(String, Vec<String>),
    /// Remove exactly these values; fails with a conflict when one is gone.
    Delete(String, Vec<String>),
    /// Set the values whatever was there; none clears the attribute.
    Replace(String, Vec<String>),
}

/// Writes a directory. Exists only inside `apply`.
///
/// Every method does one LDAP operation and nothing else: no retry, no choice. Objects are addressed by GUID
/// (`<GUID=…>`); places by DN.
pub trait DirectoryWriter: Send + Sync {
    /// Which directory this is, read when the connection was made.
    fn identity(&self) -> &DirectoryIdentity;

    /// The account this connection works as, which is never to be written (P9); `None` when it cannot be found out.
    fn bound_as(&self) -> Option<Guid> {
        None
    }

    /// The object with this identity now, `None` when there is none (or only a deleted one).
    fn fetch(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> impl Future<Output = Result<Option<LiveEntry>, ConnectorError>> + Send;

    /// The object with this name now. Used to settle whether an unanswered create happened.
    fn fetch_by_dn(
        &self,
        dn: &Dn,
        attributes: &[String],
    ) -> impl Future<Output = Result<Option<LiveEntry>, ConnectorError>> + Send;

    /// The accounts that carry one of some values of an attribute, wherever in the domain, with that attribute; where very many
    /// values are asked for, perhaps others that have the attribute, too. The directory may have to read every account for it, so
    /// ask for many values at once.
    fn carriers(
        &self,
        attribute: &str,
        values: &[String],
    ) -> impl Future<Output = Result<Vec<LiveEntry>, ConnectorError>> + Send;

    /// Whether an object is in the group's `member` now, whatever the group's size.
    fn is_member(
        &self,
        group: Guid,
        member: Guid,
    ) -> impl Future<Output = Result<bool, ConnectorError>> + Send;

    /// Adds an object and gives its identity.
    fn add(
        &self,
        dn: &Dn,
        attributes: &[(String, Vec<String>)],
    ) -> impl Future<Output = Result<Guid, ConnectorError>> + Send;

    /// Modifies an object, atomically.
    fn modify(
        &self,
        guid: Guid,
        modifications: &[Modification],
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Sets a password (MS-ADTS 3.1.1.3.1.5.1: `unicodePwd`, reset form).
    fn set_password(
        &self,
        guid: Guid,
        password: &secrecy::SecretString,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Gives an object a new leftmost component and/or a new parent (ModifyDN, old component deleted). A request that arrives
    /// after the object was renamed or moved otherwise has no effect.
    fn move_to(
        &self,
        guid: Guid,
        new_rdn: &crate::model::Rdn,
        new_parent: &Dn,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Adds a member to a group; already there is success.
    fn add_member(
        &self,
        group: Guid,
        member: Guid,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Takes a member out of a group; not there is success.
    fn remove_member(
        &self,
        group: Guid,
        member: Guid,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Everything that can be read of an object before it is deleted; `None` when there is none of this identity, or
    /// only a deleted one.
    fn examine(
        &self,
        guid: Guid,
    ) -> impl Future<Output = Result<Option<Examined>, ConnectorError>> + Send;

    /// The deleted object with this identity, as far as this account may see it; `None` when there is none, or it is not
    /// deleted.
    fn fetch_deleted(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> impl Future<Output = Result<Option<LiveEntry>, ConnectorError>> + Send;

    /// Brings a deleted object back, at this place and name ([MS-ADTS] 3.1.1.5.3.7). `from` is the name it has as a deleted
    /// object, which its identity is a part of: not every server takes the identity alone here.
    fn restore(
        &self,
        guid: Guid,
        from: &Dn,
        to: &Dn,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Deletes one object. With objects below it the system refuses; a tree is never deleted.
    fn delete(&self, guid: Guid) -> impl Future<Output = Result<(), ConnectorError>> + Send;
}
