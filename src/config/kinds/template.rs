//! `kind: Template`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AttributeSpec;

/// What a role (a department, a site, a type of contract) adds to a mapping, for everybody the condition holds for:
/// existing accounts as well as new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// Name of the `Mapping` it extends.
    pub mapping: String,
    /// Condition over `person`; the template concerns only people of the mapping for whom it is true. Left out:
    /// everybody of the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Which template decides where several set one attribute: the one with the higher number. Every template comes
    /// before the mapping, and a state of the lifecycle before every template. Two of the same priority that can
    /// concern one person must not set an attribute differently.
    #[serde(default)]
    pub priority: i32,
    /// Template of the place (OU) of accounts, instead of the mapping's `placement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// Desired attributes. A plain text is a template that always holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeSpec>,
    /// What becomes of attributes when the condition holds no longer and no other rule sets them.
    #[serde(default)]
    pub on_leave: OnLeave,
}

/// What becomes of a template's attributes when its condition does not hold (any longer).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum OnLeave {
    /// They are left as they are; from then on anybody may change them.
    #[default]
    Release,
    /// They are cleared, but only where they still have exactly the value the template would give, only for
    /// accounts known by their anchor, and only on a read that is proven complete. Values of `merge` rules are taken
    /// out one by one. Rules with `when: onCreate` or `when: ifEmpty`, and unique names, are left as they are.
    Clear,
}
