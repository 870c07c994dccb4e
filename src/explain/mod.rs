//! Everything that is known of one person: facts, state, account, what every rule wants and why.
//!
//! Makes the whole plan, for what becomes of one person hangs from everybody else, and tells what of it concerns them.
//! Decides nothing itself: what stands here is what the plan would do.
//!
//! Pure like the rest of the core: no network, files, clock or secrets.

mod account;
mod find;
mod person;

use serde::Serialize;

pub use find::{NotFound, Who, find};

use crate::config::{Config, kinds::InactiveThen};
use crate::model::{Guid, Location, Name, PersonKey};
use crate::plan::{
    self, ExceptionStanding, GuardVerdict, PersonRecords, Plan, PlanError, PlanInput, Trace,
};

/// What is known of somebody, or of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The person; `None` for an account that is nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<ExplainedPerson>,
    /// What is so on each target, by their names.
    pub targets: Vec<OnTarget>,
    /// Exceptions that name the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExplainedException>,
}

/// An exception that names the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedException {
    /// The target.
    pub target: Name,
    /// What it does.
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
    pub location: Location,
}

/// A state somebody comes into although no fact changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedNext {
    /// The day, in the person's time zone.
    pub on: String,
    /// The state before.
    pub from: String,
    /// The state from that day on.
    pub to: String,
    /// Whether the account is deleted then, unless something keeps it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Where it is written.
    pub location: Location,
}

/// A person and their facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedPerson {
    /// The source.
    pub source: Name,
    /// The key.
    pub key: PersonKey,
    /// How reports call them.
    pub label: String,
    /// False when the source's `include` leaves them out.
    pub in_scope: bool,
    /// The records of the person, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<ExplainedRecords>,
    /// Every field of the source.
    pub facts: Vec<ExplainedFact>,
    /// What is wrong with records that should be joined to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<String>,
}

/// The records of one person, of which one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRecords {
    /// Whether what is explained is the record that counts.
    pub is_primary: bool,
    /// The record that counts.
    pub primary: ExplainedRecord,
    /// The others.
    pub others: Vec<ExplainedRecord>,
    /// The condition that left it alone; none where no other record is in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ExplainedCondition>,
    /// Where it is written by what records are of one person.
    pub location: Location,
}

/// One of several records of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRecord {
    /// The key.
    pub key: PersonKey,
    /// How reports call it.
    pub label: String,
    /// False when the source's `include` leaves it out.
    pub in_scope: bool,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedFact {
    /// Its name.
    pub field: Name,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why a value that stands in the record is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Where in the records it comes from.
    pub from: String,
    /// Where it is declared.
    pub location: Location,
}

/// What is so on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnTarget {
    /// The target.
    pub target: Name,
    /// The mapping that applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Name>,
    /// The state of the lifecycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ExplainedState>,
    /// The account, when there is one or several candidates.
    pub accounts: Vec<ExplainedAccount>,
    /// Every attribute that a rule gives this person.
    pub attributes: Vec<ExplainedAttribute>,
    /// Groups the account is in, enters or leaves.
    pub groups: Vec<ExplainedGroup>,
    /// What the plan would do besides.
    pub changes: Vec<ExplainedChange>,
    /// What is held, guards included.
    pub held: Vec<ExplainedHeld>,
    /// Limits that count what the plan would do, with what they allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<ExplainedGuard>,
    /// Into which states the person comes next, and when.
    pub calendar: Vec<ExplainedNext>,
}

/// The state, and the conditions tried on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedState {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub location: Location,
    /// Conditions of states, in the order they were tried: the last that held chose the state, and a state without a
    /// condition takes everybody who comes to it.
    pub tried: Vec<ExplainedCondition>,
    /// The source calls the person inactive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive: Option<ExplainedInactive>,
}

/// What follows from a person's being inactive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedInactive {
    /// What the lifecycle says.
    pub then: InactiveThen,
    /// Where.
    pub location: Location,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCondition {
    /// Its text.
    pub text: String,
    /// Where it is written.
    pub location: Location,
    /// Whether it held.
    pub holds: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedAccount {
    /// Its name.
    pub dn: String,
    /// Its identity; `None` when the plan would make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<Guid>,
    /// Whether it is enabled now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How it is known to be the person's, or why it is not.
    pub evidence: String,
    /// Where the rule stands that recognises it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// One attribute that a rule gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedAttribute {
    /// `lDAPDisplayName`.
    pub name: String,
    /// Values the directory has.
    pub observed: Vec<String>,
    /// Values after the plan.
    pub desired: Vec<String>,
    /// Whether the plan changes it.
    pub changes: bool,
    /// The rule's text.
    pub text: String,
    /// Where the rule stands.
    pub location: Location,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedGroup {
    /// Its name.
    pub dn: String,
    /// What is so.
    pub standing: GroupStanding,
    /// Why, where the plan says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rule that speaks of it, when one is known to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// Whether somebody is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupStanding {
    /// Yes, and it stays so.
    Member,
    /// The plan puts them into it.
    Enters,
    /// The plan takes them out of it.
    Leaves,
}

/// One change of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedChange {
    /// What is done, in words.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Where the rule stands.
    pub location: Location,
}

/// A limit that counts something the plan would do to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedGuard {
    /// Its name.
    pub guard: String,
    /// The part it judges by itself, for example `department Sales`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What is counted, in words.
    pub counts: String,
    /// The limit, in words.
    pub limit: String,
    /// To how many accounts of the part it would happen.
    pub counted: u64,
    /// Of how many.
    pub base: u64,
    /// What these are, for example `enabled accounts`.
    pub of: &'static str,
    /// How many are allowed.
    pub allowed: u64,
    /// The verdict.
    pub verdict: GuardVerdict,
    /// Where it is written.
    pub location: Location,
}

/// Something held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedHeld {
    /// The code, listed in `docs/held.md`.
    pub code: String,
    /// Why.
    pub reason: String,
    /// What settles it.
    pub help: String,
    /// True when the rest goes on.
    pub partial: bool,
    /// The rule concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// The plan for everybody, and what was noted of one person on the way.
pub(crate) struct Whole<'a> {
    config: &'a Config,
    input: PlanInput<'a>,
    plan: Plan,
    trace: Trace,
    records: Option<PersonRecords>,
}

/// Explains somebody.
///
/// # Errors
/// The planner refuses: see [`PlanError`].
pub fn explain(input: PlanInput<'_>, who: &Who) -> Result<Explanation, PlanError> {
    let config = input.config;
    let (person, account) = match who {
        Who::Person { source, key } => (Some((source.clone(), key.clone())), None),
        Who::Account { target, guid } => match plan::owner(&input, target, *guid)? {
            Some(owner) => (Some(owner), None),
            None => (None, Some((target.clone(), *guid))),
        },
    };
    let watched = person
        .as_ref()
        .map_or_else(|| PersonKey::new(String::new()), |(_, key)| key.clone());
    let records = match &person {
        Some((source, key)) => plan::records_of(&input, source, key)?,
        None => None,
    };
    let (plan, trace) = plan::build_explained(input.clone(), &watched)?;
    let whole = Whole {
        config,
        input,
        plan,
        trace,
        records,
    };
    Ok(match (person, account) {
        (Some((source, key)), _) => whole.person(&source, &key),
        (None, account) => whole.unowned(account.as_ref()),
    })
}
