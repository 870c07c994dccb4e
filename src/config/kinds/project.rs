//! `kind: Project`.

use serde::{Deserialize, Serialize};

use super::SecretRef;

/// The project: which files belong to it and what holds for all of them. Exactly one per repository, in
/// `halosync.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// Glob patterns, relative to this file, of the configuration files that belong to the project.
    #[serde(default = "default_include")]
    pub include: Vec<String>,
    /// IANA time zone in which dates are days and `as_of` is read (for example `Europe/London`).
    pub time_zone: String,
    /// Settings of plans.
    #[serde(default)]
    pub plan: PlanSettings,
    /// Where generated initial passwords go. Without it a plan that would create enabled accounts is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_passwords: Option<InitialPasswords>,
    /// Whom plans, recordings and reports are encrypted to. With it none of them is written in clear, and what a plan
    /// prints names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Sealing>,
}

/// Whom plans, recordings and reports are encrypted to, with age (<https://age-encryption.org>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealing {
    /// age X25519 recipients (`age1…`) who can open the files: whoever reviews plans, and whatever applies them. Public
    /// keys, not secrets.
    #[schemars(length(min = 1))]
    pub recipients: Vec<String>,
    /// The secret key that opens them here, as `age-keygen` writes it (`AGE-SECRET-KEY-1…`). `--identity` comes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<SecretRef>,
}

/// Settings of plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSettings {
    /// How long a plan may be applied after it was made, as a duration such as `24h` or `3d`.
    #[serde(default = "default_valid_for")]
    #[schemars(example = "24h")]
    pub valid_for: String,
    /// How many days ahead a plan says who comes into another state if nothing changes, as `30d` or `4w`, at most a
    /// year; `0d` for none.
    #[serde(default = "default_calendar")]
    #[schemars(example = "30d")]
    pub calendar: String,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            valid_for: default_valid_for(),
            calendar: default_calendar(),
        }
    }
}

/// Where generated initial passwords go: one file per apply, encrypted with age (<https://age-encryption.org>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitialPasswords {
    /// age X25519 recipients (`age1…`) who can open the file. Public keys, not secrets.
    #[schemars(length(min = 1))]
    pub recipients: Vec<String>,
}

pub(crate) fn default_include() -> Vec<String> {
    vec!["**/*.yaml".to_owned(), "**/*.yml".to_owned()]
}

fn default_valid_for() -> String {
    "24h".to_owned()
}

fn default_calendar() -> String {
    "30d".to_owned()
}
