//! What comes by itself: who will be in another state on which day.

use serde::{Deserialize, Serialize};

use super::{ObjectRef, PersonRef, RuleIndex};
use crate::model::Name;

/// Somebody who comes into another state, or another stage of one, or whose overlap ends, although no fact changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalendarEntry {
    /// The day, in the person's time zone.
    #[schemars(with = "String")]
    pub on: jiff::civil::Date,
    /// The target.
    pub target: Name,
    /// The person.
    pub person: PersonRef,
    /// The account, when there is one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<ObjectRef>,
    /// The state before.
    pub from: String,
    /// The state from that day on.
    pub to: String,
    /// What that means for the account. Attributes may change besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub does: Vec<CalendarEffect>,
    /// The groups that are left when an overlap is over; then the state is the same before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ObjectRef>,
    /// Where the state, or the overlap, is written.
    pub rule: RuleIndex,
}

/// What becomes of an account in another state.
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
pub enum CalendarEffect {
    /// It is made.
    Create,
    /// It is enabled.
    Enable,
    /// It is disabled.
    Disable,
    /// It may stand elsewhere.
    Move,
    /// It leaves the groups that rules give.
    LeaveGroups,
    /// It comes into the groups that rules give.
    JoinGroups,
    /// It is deleted, when nothing keeps it.
    Delete,
}
