//! What a plan knows of the last one that was applied: how it tells edits in the directory from other differences.

use serde::{Deserialize, Serialize};

use super::{ChangeId, ObjectRef, PersonRef, PlanValue, RuleIndex};
use crate::config::kinds::DriftPolicy;
use crate::model::Name;

use super::Cause;

/// The recording of the last plan that was applied, and what was told apart with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SinceApplied {
    /// Digest of that plan.
    pub plan: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// SHA-256 of the report of its apply, when one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// SHA-256 of what the recording of this plan carries on of accounts that this plan does not judge, or not wholly: what
    /// was wanted of them when that was last known. Absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<String>,
    /// Edits in the directory that nothing is done about: accepted ones, and those held until somebody settles them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<EditLeft>,
    /// Differences that are held because nothing tells whether somebody edited the directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<EditLeft>,
    /// Attributes that another cause brought about than the rest of their change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<OtherCause>,
}

/// An edit in the directory that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditLeft {
    /// The person.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// The account.
    pub object: ObjectRef,
    /// The attribute; `placement` for a place, `enabled` for a disabled account.
    pub what: String,
    /// What stands there.
    pub found: Vec<PlanValue>,
    /// What the rules want.
    pub wanted: Vec<PlanValue>,
    /// What they wanted when the last plan was made, when that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_then: Option<Vec<PlanValue>>,
    /// What the rules say of edits: `accept` or `ask`.
    pub policy: DriftPolicy,
    /// The rule that wants something else.
    pub rule: RuleIndex,
}

/// An attribute that another cause brought about than the rest of its change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherCause {
    /// The change.
    pub change: ChangeId,
    /// The attribute.
    pub attribute: String,
    /// What brought it about.
    pub cause: Cause,
}
