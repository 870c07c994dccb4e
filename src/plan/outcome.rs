//! What one person needs of their account: the changes that are wanted, and why others are not made.
//!
//! Plain values, filled while a person is evaluated and read when changes are made of them. A value here is final but
//! for names that must be unique, of which only the candidates are known.

use compact_str::CompactString;

use super::draft::Draft;
use super::drift::Left;
use crate::lifecycle::RuleId;
use crate::mapping::{AttributeRule, Candidates, NameRule, Notes, Slot};

/// Everything one person needs, when it is anything.
#[derive(Default)]
pub(super) struct Outcome<'t> {
    /// Nothing is done for the person (but for a disable, when `switch` says so).
    pub(super) whole: Option<Draft>,
    /// Single changes that are held.
    pub(super) partial: Vec<Draft>,
    /// Edits in the directory that stay, or of which nobody can tell whether they are any.
    pub(super) left: Vec<Left>,
    pub(super) notes: Notes,
    /// References to people without a known account: attribute, and whom it names.
    pub(super) unresolved: Vec<(&'t AttributeRule, CompactString, Unresolved)>,
    pub(super) attributes: Vec<Delta<'t>>,
    pub(super) names: Vec<NameNeed<'t>>,
    /// Rules that speak of a name not found yet, in the order they are asked.
    pub(super) waiting: Vec<&'t Slot>,
    /// Where a new account stands, or where an existing one goes.
    pub(super) place: Option<(u32, RuleId)>,
    /// Whether the account is to be enabled or disabled.
    pub(super) switch: Option<bool>,
    /// The password is replaced by one nobody keeps.
    pub(super) reset: bool,
    /// The read does not tell whether the password was replaced since the state asks for it.
    pub(super) undated: bool,
    /// A new account is made.
    pub(super) create: bool,
    /// The account is deleted, and nothing else is done to it.
    pub(super) delete: bool,
}

/// One attribute that is to become something else.
pub(super) struct Delta<'t> {
    pub(super) rule: &'t AttributeRule,
    /// Rules that have a part in it besides.
    pub(super) with: Vec<&'t AttributeRule>,
    pub(super) after: After,
    /// Length of the longest value before it was cut, when one was.
    pub(super) cut: Option<u32>,
}

/// What an attribute is to become.
pub(super) enum After {
    Values(Vec<CompactString>),
    /// An object of the read.
    Object(u32),
    /// The account this plan makes for a subject.
    Made(u32),
    /// What is there, with these values more and these less.
    Merged {
        add: Vec<CompactString>,
        /// As the directory spells them.
        remove: Vec<CompactString>,
    },
}

/// Why a reference is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// No person has this value, or several have.
    Nobody,
    /// It names the person themselves.
    Self_,
    /// The person named is not in scope.
    OutOfScope,
    /// The person named is held, or no mapping concerns them.
    Held,
    /// The person named is to have no account.
    NoAccount,
}

impl Unresolved {
    /// What the reference names, for reviewers.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Nobody => "names nobody, or more than one person",
            Self::Self_ => "names the person themselves",
            Self::OutOfScope => "names somebody out of scope",
            Self::Held => "names somebody who is held or not mapped",
            Self::NoAccount => "names somebody whose state gives them no account",
        }
    }
}

/// A name that has to be found.
pub(super) struct NameNeed<'t> {
    pub(super) rule: &'t AttributeRule,
    pub(super) names: &'t NameRule,
    pub(super) candidates: Candidates,
}

impl Outcome<'_> {
    /// True when it asks for a change of the account.
    pub(super) fn changes(&self) -> bool {
        self.create
            || self.delete
            || self.switch.is_some()
            || self.reset
            || self.place.is_some()
            || !self.attributes.is_empty()
            || !self.names.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.changes()
            && self.whole.is_none()
            && self.partial.is_empty()
            && self.left.is_empty()
            && self.unresolved.is_empty()
            && self.notes.unmapped.is_empty()
            && !self.undated
    }
}
