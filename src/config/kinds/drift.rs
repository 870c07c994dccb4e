//! What becomes of edits somebody makes in a directory beside halosync.

use serde::{Deserialize, Serialize};

/// What becomes of an edit somebody made in the directory.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum DriftPolicy {
    /// The next plan writes what the rules want.
    #[default]
    Revert,
    /// The edit stays until what the rules want changes. Needs a plan made with `--since`; without, whatever differs
    /// is held.
    Accept,
    /// The edit is held and reported until somebody settles it. Needs a plan made with `--since`; without, whatever
    /// differs is held.
    Ask,
}

/// What becomes of edits in the directory, of a mapping as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drift {
    /// Of attributes whose rules say nothing else. Names (`cn` and those with `unique`) and what a state of the
    /// lifecycle says are always written back.
    #[serde(default)]
    pub attributes: DriftPolicy,
    /// Of accounts that somebody moved elsewhere. Where a state says the place, accounts are always moved back.
    #[serde(default)]
    pub placement: DriftPolicy,
    /// Of accounts that somebody disabled. Accounts that somebody enabled are always disabled again.
    #[serde(default)]
    pub disabled: DriftPolicy,
}
