//! What a person's account should be like: rules compiled from `kind: Mapping` (and a state's overrides) and the
//! values they give.
//!
//! Knows facts, rules and the definitions of attributes; knows no account, so nothing here depends on what a
//! directory holds. Keeps that a value is either one the directory would store as it stands, or a problem with a
//! name: never cut, never guessed.

mod account;
mod addresses;
mod compile;
mod compose;
mod names;
mod naming;
mod rule;
mod schema;
mod wanted;

use crate::model::value;
pub use crate::model::value::{
    BadValue, Cleared, NEVER_EXPIRES, canonical, cleared, equal, fold, is_expiry, is_reference,
    is_same_value, length, means_empty, shortened, ticks, with_folded,
};
pub use account::Spoken;
pub use addresses::{ADDRESSES, Moved, bare, is_address, kept};
pub use compose::{Composition, Decides, Origin, RoleTemplate, Slot};
pub use names::{Candidates, Flavour, NameRule, Reach};
pub use naming::is_logon_name;
pub use rule::{AttributeRule, RuleKind};
pub use wanted::{Notes, Problem, Wanted};

use crate::config::kinds;
use crate::lang::PersonContext;
use crate::lifecycle::{Formula, RuleId, Test};
use crate::model::{AttributeDef, AttributeId, Name};

/// A mapping ready to be asked.
#[derive(Debug)]
pub struct Mapping {
    /// The document's name.
    pub name: Name,
    /// Whom it concerns; `None` is everyone.
    pub applies_to: Option<Test>,
    /// What ties an account to a person.
    pub anchor: Key,
    /// How an account without anchor is recognised, in order.
    pub adopt: Vec<Key>,
    /// Where accounts stand.
    pub placement: Formula,
    /// Whether accounts standing elsewhere are moved.
    pub placement_when: kinds::PlacementWhen,
    /// What becomes of edits in the directory.
    pub drift: kinds::Drift,
    /// Initial password of created accounts.
    pub password: kinds::InitialPassword,
    /// Where the attributes are written.
    pub rule: RuleId,
    /// Attributes that the directory's schema does not have; their rules are left out.
    pub unknown: Vec<String>,
    /// Attributes that the directory's schema lets nobody write, with the places of their rules, which are left out.
    pub owned: Vec<String>,
    /// Of these, the ones without which nobody may have an account.
    pub lacking: Vec<Lacking>,
    /// The mapping says what happens to names when a person's name changes.
    pub renames: bool,
    /// Attributes of the account that rules speak of.
    pub spoken: Vec<Spoken>,
    /// Templates that extend it, in order of precedence.
    pub templates: Vec<RoleTemplate>,
    /// What carries the moment since when a state holds, where no date says so.
    pub stamp: Option<AttributeRule>,
    attributes: Vec<AttributeRule>,
    /// The mapping's own rules.
    base: Vec<u32>,
    /// The rules of each state.
    states: Vec<Vec<u32>>,
    /// Numbers of rules that are written alike, by attribute.
    classes: hashbrown::HashMap<AttributeId, Vec<kinds::AttributeRule>>,
}

/// An attribute by whose value accounts are recognised, and the person's value.
#[derive(Debug)]
pub struct Key {
    /// The attribute as the directory spells it.
    pub name: String,
    /// Its place in the read.
    pub id: AttributeId,
    /// Its definition.
    pub def: AttributeDef,
    /// The person's value.
    pub formula: Formula,
}

/// An attribute the directory does not have or lets nobody write, whose rule says that nobody may be without it.
#[derive(Debug)]
pub struct Lacking {
    /// As it is written.
    pub name: String,
    /// The directory has it and owns it.
    pub owned: bool,
    /// What kind of document the rule comes from.
    pub origin: Origin,
    /// Of a rule of a state, which.
    pub state: usize,
    /// The rule.
    pub rule: RuleId,
}

impl Mapping {
    /// Whether the mapping applies to a person, or might: the condition is not known to fail.
    pub fn may_concern(&self, context: &PersonContext<'_>) -> bool {
        self.applies_to.as_ref().is_none_or(|test| {
            test.blind.is_some() || !matches!(test.condition.holds(context), Ok(false))
        })
    }

    /// All attribute rules of all states.
    pub fn all_rules(&self) -> &[AttributeRule] {
        &self.attributes
    }
}

impl Key {
    /// Whether `observed` is the value `wanted`.
    pub fn matches(&self, observed: &str, wanted: &str) -> bool {
        fold(&self.def, observed) == fold(&self.def, wanted)
    }
}
