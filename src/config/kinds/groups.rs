//! `kind: Groups`.

use serde::{Deserialize, Serialize};

/// Rules for group membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Groups {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target the groups live in.
    pub target: String,
    /// The rules.
    #[schemars(length(min = 1))]
    pub rules: Vec<GroupRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRule {
    /// Distinguished name of the group, or a template of one. The group must exist; it is never created.
    pub group: String,
    /// Condition over `person`; who fulfils it is a member. Left out, everyone is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What happens to members the rule does not name.
    #[serde(default)]
    pub mode: GroupMode,
}

/// What happens to members no rule names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum GroupMode {
    /// Members are added, nobody is removed.
    #[default]
    Additive,
    /// People we manage and no rule names are removed; other members stay. For a templated group this holds for
    /// every group the template has produced for anyone in this run.
    Managed,
}
