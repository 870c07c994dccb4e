//! `kind: Links`.

use serde::{Deserialize, Serialize};

use super::PersonId;

/// Matches that people have settled: whose an account is, or is not. A link decides where matching finds several
/// accounts, or none; it never takes an account from a person who has it by the anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Links {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// Accounts that belong to somebody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Accounts that never belong to somebody, whatever rules find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Link>,
}

/// One person and one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Key of the person in the source.
    pub person: PersonId,
    /// `objectGUID` of the account as dashed text, or its distinguished name. The identity holds when the account is
    /// renamed or moved.
    #[schemars(length(min = 1))]
    pub account: String,
    /// Why, for whoever reads it later.
    #[schemars(length(min = 1))]
    pub reason: String,
}
