//! What a read of a source must show.

use serde::{Deserialize, Serialize};

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
    /// Ids of people who must be visible: they prove that the scope and the agent's rights are as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<u64>,
}

/// A percentage such as `10%`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct MaxFall(#[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"))] pub String);
