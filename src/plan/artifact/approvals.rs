//! Whose signatures a plan needs.

use serde::{Deserialize, Serialize};

use super::{Risk, RuleIndex};
use crate::model::Name;

/// How many people must approve a plan with changes of a class of risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalAsked {
    /// The target.
    pub target: Name,
    /// Asked when the plan has a change of this risk for the target.
    pub risk: Risk,
    /// How many different people.
    pub people: u32,
    /// Patterns of those who can; none for every allowed signer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Whether the author of the configuration may be among them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub author: bool,
    /// The file of allowed signers, from the project's folder.
    pub signers: String,
    /// Where it is written.
    pub rule: RuleIndex,
}
