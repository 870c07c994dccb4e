//! `kind: Lifecycle`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The states a person can be in and what each means for the account. The first state whose condition holds is the
/// person's; a person no state fits is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lifecycle {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// The states, in the order they are tried.
    #[schemars(length(min = 1))]
    pub states: Vec<State>,
    /// What is done about an account whose person no longer stands in the source. Nothing is ever removed for it.
    pub absent: AbsentPolicy,
    /// What is done about the account of a person the source's `include` leaves out.
    pub out_of_scope: OutOfScopePolicy,
}

/// One state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// Its name, for example `active` or `leaver`.
    pub name: String,
    /// Condition over `person` and `as_of`. Left out, the state fits everyone who reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What the account should be like.
    pub account: AccountState,
    /// Template of the reason shown to reviewers, for example `leaver since {{ person.endsOn }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an account should be like in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountState {
    /// Whether the account is enabled.
    pub enabled: bool,
    /// Whether an account is created for a person in this state who has none. Defaults to `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Template of the place (OU) accounts in this state stand in, instead of the mapping's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// What happens to memberships that group rules give.
    #[serde(default)]
    pub groups: GroupsInState,
    /// Attributes in this state, instead of or besides the mapping's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, super::AttributeSpec>,
}

/// What happens to memberships in a state.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum GroupsInState {
    /// As the group rules say.
    #[default]
    Rules,
    /// Nothing is added and nothing removed.
    Keep,
    /// The person is taken out of every group that a rule of this target names.
    Remove,
}

/// What is done about the account of an absent person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AbsentPolicy {
    /// A warning in the plan.
    Report,
    /// The account is listed among the held, so that the plan shows it until somebody settles it.
    HoldForReview,
}

/// What is done about the account of a person out of scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutOfScopePolicy {
    /// A warning in the plan.
    Report,
    /// Nothing, not even a warning.
    Ignore,
}
