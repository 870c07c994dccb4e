//! What is otherwise for single people.

use serde::{Deserialize, Serialize};

use super::{PersonRef, RuleIndex};
use crate::model::Name;

/// An exception somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedException {
    /// The person. Somebody the read does not have is labelled with the key.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// What it does, for example `leaves title alone`.
    pub what: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where it was asked for.
    pub ticket: String,
    /// Its last day, in the project's time zone.
    pub expires: String,
    /// Whether it holds.
    pub standing: ExceptionStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// Whether an exception holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExceptionStanding {
    /// It does.
    Active,
    /// It does, and its last day is near.
    Expiring,
    /// Its last day is over; what it was about is held until it is cleaned up.
    Expired,
    /// Nobody of the read has the key.
    UnknownPerson,
}
