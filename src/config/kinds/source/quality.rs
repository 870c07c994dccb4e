//! What values of a person must be like, and what happens when they are not.

use serde::{Deserialize, Serialize};

/// What happens when a value is not as it must be.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The plan reports it and goes on.
    Warn,
    /// The person is held and reported; everyone else goes on.
    #[default]
    Hold,
    /// No plan is made at all, for anybody.
    Stop,
}

/// What happens to a person with a value that cannot be understood. To go on without the value is no choice: an end
/// date nobody can read must neither keep an account open nor clear anything.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Invalid {
    /// The person is held and reported; everyone else goes on.
    #[default]
    Hold,
    /// No plan is made at all, for anybody.
    Stop,
}

impl Invalid {
    /// Whether it is what goes without saying.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
    pub(super) fn is_hold(&self) -> bool {
        *self == Self::Hold
    }

    /// What happens.
    pub fn severity(self) -> Severity {
        match self {
            Self::Hold => Severity::Hold,
            Self::Stop => Severity::Stop,
        }
    }
}

/// What happens to a person without a value.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Required {
    /// Nothing.
    #[default]
    No,
    /// The plan reports it and goes on.
    Warn,
    /// The person is held and reported; everyone else goes on.
    Hold,
    /// No plan is made at all, for anybody.
    Stop,
}

impl Required {
    /// What happens; `None` when nothing does.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::No => None,
            Self::Warn => Some(Severity::Warn),
            Self::Hold => Some(Severity::Hold),
            Self::Stop => Some(Severity::Stop),
        }
    }
}

/// Whether people in scope may share a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Unique {
    /// `true`: those who share a value are held. `false`: they may.
    Flag(bool),
    /// What happens to those who share a value.
    Severity(Severity),
}

impl Default for Unique {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl Unique {
    /// What happens to those who share a value; `None` when nothing does.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Flag(false) => None,
            Self::Flag(true) => Some(Severity::Hold),
            Self::Severity(severity) => Some(severity),
        }
    }
}

/// One rule about a field's value. It says nothing of people without a value (that is what `required` is for), and
/// may check several things at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QualityRule {
    /// Regular expression that must match somewhere in the text; `^` and `$` mark its ends. Case counts unless it
    /// begins with `(?i)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The values there may be, in their case; or a table whose keys they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<OneOf>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Field with a date this date must be later than, when it has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Field with a date this date must not be earlier than, when it has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// What the bytes must be, told by how they begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<Vec<ImageKind>>,
    /// What happens to somebody whose value breaks the rule.
    #[serde(default)]
    pub severity: Severity,
    /// A sentence for reviewers and for whoever corrects the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A kind of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImageKind {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG (ISO/IEC 15948).
    Png,
}

/// The values there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum OneOf {
    /// These.
    Values(#[schemars(length(min = 1))] Vec<String>),
    /// The keys of a table.
    Table(KeysOf),
}

/// The keys of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeysOf {
    /// Name of the `Table` document.
    pub table: String,
}
