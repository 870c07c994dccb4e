//! The nouns everything else speaks of: names, facts about people, directory objects, attribute definitions.
//!
//! Knows nothing of files, networks, configuration or plans. Values here are plain data; whoever makes one has
//! already checked it.

mod attribute;
mod directory;
mod dn;
mod fact;
mod folding;
mod guid;
pub mod held_codes;
mod location;
mod name;
mod object_name;
mod people;
mod protection;
mod replication;
pub mod spoken;
pub mod value;

pub use attribute::{AttributeDef, Schema, Syntax, default_schema};
pub use directory::{
    AttributeId, DeletedObjects, DeletionFacts, DirectoryHeader, DirectoryIdentity,
    DirectoryRequest, DirectorySnapshot, Entry, EntryKind, Values,
};
pub(crate) use dn::escape_value;
pub use dn::{Dn, DnError, DnKey, Rdn};
pub use fact::{Fact, FactType};
pub(crate) use folding::folded;
pub use guid::Guid;
pub use location::Location;
pub use name::{Name, PersonKey};
pub use object_name::{ObjectName, ObjectNameError};
pub use people::{
    CheckOutcome, Completeness, CompletenessCheck, Fault, Field, FieldIndex, JoinFinding, JoinHold,
    JoinWhy, JoinedRead, PeopleHeader, PeopleSnapshot, Person, RejectedRow, Verdict,
};
pub use protection::denies_deletion;
pub use replication::{
    IS_DELETED, NAME, UNICODE_PWD, USER_ACCOUNT_CONTROL, Written, as_it_is_since, attribute_type,
    last_written, last_written_at_all, written,
};

/// Bit of `userAccountControl` that disables an account ([MS-ADTS] 2.2.16).
pub const ACCOUNTDISABLE: i64 = 0x2;

/// The bit of `userAccountControl` that says that an account may be without a password ([MS-ADTS] 2.2.16). halosync sets it on
/// an account whose creation is under way and clears it with the last step.
pub const PASSWD_NOTREQD: i64 = 0x20;
