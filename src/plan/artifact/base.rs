//! What a change of the configuration brings about, told by planning twice.

use serde::{Deserialize, Serialize};

use super::Risk;
use crate::model::{Location, Name};

/// A plan compared with the one that an earlier commit would have made from the same reads at the same moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgainstBase {
    /// The earlier commit.
    pub commit: String,
    /// How many changes of this plan come from the change of the configuration, wholly or in part. Their cause is
    /// `config`.
    pub changes: u64,
    /// How many people they concern.
    pub people: u64,
    /// Which lines they come from, the most dangerous and the widest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brought: Vec<BroughtAbout>,
    /// What the earlier commit would have done and this plan does not, by the lines of that commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<BroughtAbout>,
    /// What the change of the configuration would bring about, and a guard holds: it is not among the changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldBack>,
    /// What the change of the configuration changes of the reading of people, where the plan was made from facts that only
    /// the new configuration read: what comes of it cannot be told from what comes of people's data. Empty where both
    /// were read from the same answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
    /// Why that commit could not be planned from these reads, when it could not: nothing is compared then, all else here is
    /// empty, and only an earlier recording (`since`) tells whether a change comes from people's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_planned: Option<String>,
}

/// A part of the reading of people whose effect nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotCompared {
    /// The source.
    pub source: Name,
    /// What differs, for example `field jobTitle` or `include`.
    pub what: String,
    /// Where it is written.
    pub location: Location,
    /// How many changes of this plan may come of it: those computed from the field, or all of the source's people. Their
    /// cause is not `source`.
    pub changes: u64,
}

/// One kind of change from one line that a guard holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldBack {
    /// The guard.
    pub guard: String,
    /// What would be done.
    pub would: BroughtAbout,
}

/// One kind of change from one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BroughtAbout {
    /// The line.
    pub location: Location,
    /// Its text.
    pub text: String,
    /// Files of tables it looks into whose rows differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// What is done, for example `sets department` or `disables`.
    pub does: String,
    /// The highest risk of these changes.
    pub risk: Risk,
    /// How many people it concerns.
    pub people: u64,
    /// Some of them; all where they are few.
    pub examples: Vec<String>,
}
