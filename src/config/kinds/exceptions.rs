//! `kind: Exceptions`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PersonId;

/// What is otherwise for single people than the rules say, each with somebody who answers for it and a last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exceptions {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// The exceptions.
    #[schemars(length(min = 1))]
    pub exceptions: Vec<Exception>,
}

/// One exception: exactly one of `exempt`, `set` and `stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exception {
    /// Key of the person in the source.
    pub person: PersonId,
    /// What is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Exempt>,
    /// Attributes that get other values than the rules give: a template each, or `null` to clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<BTreeMap<String, Option<String>>>,
    /// True to disable the account at once, whatever the person's state says. Nothing is ever enabled by an exception.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop: bool,
    /// Who answers for it.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// Why.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Where it was asked for and allowed.
    #[schemars(length(min = 1))]
    pub ticket: String,
    /// Last day it holds, as `2027-01-31`, in the project's time zone. From the next day on the person is held until
    /// the exception is taken out or given a new last day.
    #[schemars(
        regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        example = "2027-01-31"
    )]
    pub expires: String,
}

/// What is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Exempt {
    /// The whole account: nothing is created, changed, moved, disabled or taken out of a group.
    Everything(Everything),
    /// Attributes, by their names.
    Attributes(#[schemars(length(min = 1))] Vec<String>),
}

/// The word for everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Everything {
    /// The whole account.
    Everything,
}
