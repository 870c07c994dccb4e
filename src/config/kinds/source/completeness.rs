//! What a read of a source must show.

use serde::{Deserialize, Serialize};

use super::super::PersonId;

/// What a read must show before anything is removed because of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompletenessRules {
    /// Fewest people a good read has.
    #[serde(default)]
    pub floor: u64,
    /// Largest fall against the number of accounts that carry an anchor in the directory's managed scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fall: Option<MaxFall>,
    /// Ids of people who must be visible: they prove that the scope and the rights are as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<PersonId>,
    /// Sites, clients or other parts of the organisation that must be there, each by a field of people: rights are
    /// often cut by site, and then whole sites are missing from an otherwise perfect read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Parts>,
    /// What is compared with the last good read, which `plan --last-good PLAN` names: a plan that was made from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
}

/// Parts of the organisation that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parts {
    /// Field of people that says which part somebody belongs to, for example `site`.
    pub field: String,
    /// Values that must be there, whatever their case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<String>,
    /// Fewest people in each of these.
    #[serde(default = "default_part_floor")]
    #[schemars(range(min = 1))]
    pub floor: u64,
    /// Whether every value somebody had in the last good read must be there still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_last_good: bool,
}

/// What is compared with the last good read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastGood {
    /// Largest fall of the number of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fall: Option<MaxFall>,
    /// Whether a read counts as unproven when no last good read is named. Without it, comparisons that cannot be made
    /// are shown as not judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

fn default_part_floor() -> u64 {
    1
}

/// A percentage such as `10%`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct MaxFall(
    #[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"), example = "10%")] pub String,
);
