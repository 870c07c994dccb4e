//! What a plan was made from, and how it was judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RuleIndex;
use crate::config::kinds::Severity;
use crate::model::{Completeness, CompletenessCheck, Name};

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inputs {
    /// Commit of the configuration repository, when it is one and clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Mail address of that commit's author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// True when the configuration differed from that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommitted: bool,
    /// Digest of each configuration file, by path.
    pub files: BTreeMap<String, String>,
    /// The plan that tells of the last good reads, when one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGoodPlan>,
    /// The apply that this plan undoes, when it undoes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Undone>,
    /// The reads of sources, by source name.
    pub people: BTreeMap<Name, ReadOfPeople>,
    /// The reads of targets, by target name.
    pub directories: BTreeMap<Name, ReadOfDirectory>,
}

/// An apply that is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Undone {
    /// Digest of the plan that was applied.
    pub plan: String,
    /// When that plan was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// Digest of the journal: `sha256:` and the lower-case hex SHA-256 of its whole lines.
    pub journal: String,
    /// Whether the plan that is undone was an undo: then this does once more what that had taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redoes: bool,
}

/// A plan made from reads that were proven whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastGoodPlan {
    /// Its digest.
    pub digest: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
}

/// How people were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOfPeople {
    /// Address of the system.
    pub instance: String,
    /// When.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// Digest of the snapshot's content.
    pub digest: String,
    /// People in it.
    pub people: u64,
    /// Proof of completeness, with the plan's own checks (floor, fall, sentinels) included in the verdict.
    pub completeness: Completeness,
    /// Each check behind the verdict: what was asked for, what was found, and whether that was enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CompletenessCheck>,
    /// How many people have each value of the fields in `completeness.parts`: what a later plan compares its read with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Name, BTreeMap<String, u64>>,
    /// Each rule about people's values, and how many broke it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualityOutcome>,
}

/// How the values of one field are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QualityOutcome {
    /// The field.
    pub field: Name,
    /// What is asked of it, as the end of a sentence that begins with its name, for example `is unique`.
    pub asks: String,
    /// What happens when it is not so.
    pub severity: Severity,
    /// How many people were judged: those in scope.
    pub judged: u64,
    /// How many of them broke it.
    pub broken: u64,
    /// The rule.
    pub rule: RuleIndex,
}

/// How a directory was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOfDirectory {
    /// When.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// Digest of the snapshot's content.
    pub digest: String,
    /// Objects in it.
    pub objects: u64,
    /// Proof of completeness.
    pub completeness: Completeness,
}
