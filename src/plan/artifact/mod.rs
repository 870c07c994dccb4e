//! What stands in a plan file.
//!
//! Everything `apply` needs is here, resolved: names, places, groups, before and after. Only what nobody can know
//! beforehand (a generated password, a new object's GUID) is marked as made at apply.

mod approvals;
mod base;
mod calendar;
mod change;
mod exceptions;
mod guards;
mod inputs;
mod since;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::Floors;
use crate::model::{DirectoryIdentity, Dn, Location, Name, PersonKey};

pub use approvals::*;
pub use base::*;
pub use calendar::*;
pub use change::*;
pub use exceptions::*;
pub use guards::*;
pub use inputs::*;
pub use since::*;

/// Format version this program writes and reads.
pub const FORMAT: &str = "halosync/plan/v1";

/// A plan file: content and the digest that binds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// `halosync/plan/v1`.
    pub format: String,
    /// `sha256:` and the lower-case hex SHA-256 of the canonical JSON (RFC 8785) of `content`. Recomputed wherever a
    /// plan is read, never trusted.
    pub digest: String,
    /// The plan.
    pub content: Plan,
}

/// The plan itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of the program that made it.
    pub tool_version: String,
    /// The project's name.
    pub project: Name,
    /// When it was made (the `as_of` of every condition).
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// When it stops being appliable.
    #[schemars(with = "String")]
    pub not_after: jiff::Timestamp,
    /// What it was made from.
    pub inputs: Inputs,
    /// The directories it is for, by target name.
    pub targets: BTreeMap<Name, DirectoryIdentity>,
    /// Recipients of the file with initial passwords, when the plan creates accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub password_recipients: Vec<String>,
    /// How many people are in scope and how many accounts are managed.
    pub counts: Counts,
    /// People in scope of each target, in a plan for several: of these `counts.people` is the sum. Of an undo, those to whom
    /// something was done there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people_of_targets: BTreeMap<Name, u64>,
    /// True when removals were held because a read was not proven complete.
    pub removals_held: bool,
    /// What the plan was narrowed to, when it was. Everything was judged before anything was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<Narrowed>,
    /// What the change of the configuration brings about, when the plan was compared with an earlier commit's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<AgainstBase>,
    /// The recording of the last plan applied, when one was named, and what was told apart with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SinceApplied>,
    /// Rules the changes come from. Changes name them by index.
    pub rules: Vec<Rule>,
    /// Each guard with what it was judged on and the verdict. What a guard holds is not among the changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardOutcome>,
    /// Every waiver, those included that have expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverInPlan>,
    /// Whose signatures are needed before it is applied, by class of risk. Classes of which there is no change ask nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalAsked>,
    /// The changes, in the order they are applied when nothing runs at the same time.
    pub changes: Vec<Change>,
    /// People and accounts for whom nothing is done, and why.
    pub held: Vec<Held>,
    /// What is otherwise for single people than the rules say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<PlannedException>,
    /// What a reviewer should know besides.
    pub warnings: Vec<Warning>,
    /// Who comes into another state on which day if nothing changes, by day. As far ahead as the project says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendar: Vec<CalendarEntry>,
}

/// A plan for some of those it was judged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Narrowed {
    /// Whom or what it was narrowed to, as it was asked for.
    pub to: Vec<String>,
    /// How many changes of the whole plan are left out.
    pub changes_left_out: u64,
    /// How many held of the whole plan are left out.
    pub held_left_out: u64,
}

/// Sizes a reviewer compares the changes with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    /// People in scope.
    pub people: u64,
    /// Accounts in the managed scope.
    pub managed_accounts: u64,
    /// People with an account that already is as desired.
    pub unchanged: u64,
    /// People, and accounts without one, for whom nothing is done: every change they need waits.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held: u64,
    /// People, and accounts without one, of whom only a part waits and other changes go on.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held_in_part: u64,
}

/// A number that stands in a file only when it says something.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// A rule changes come from.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Where it stands.
    pub location: Location,
    /// Its text, for example the template.
    pub text: String,
}

/// Index into [`Plan::rules`].
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct RuleIndex(pub u32);

/// Somebody for whom nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    /// The person, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
    /// The account, when there is one (or several candidates).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<ObjectRef>,
    /// The target, in a plan for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Name>,
    /// Stable kebab-case code, listed in `docs/held.md`.
    pub code: String,
    /// Why, for reviewers.
    pub reason: String,
    /// What settles it.
    pub help: String,
    /// The rule concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleIndex>,
    /// True when only some change of the person is held and others go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The guard that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// What a guard holds, as kinds of action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
}

/// What a reviewer should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Warning {
    /// Stable kebab-case code, listed in `docs/held.md`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// How many people or objects it concerns.
    pub count: u64,
    /// Some of them, by name: up to twenty, or, of values that no rule speaks of, up to two hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// How many more there are that `examples` does not name.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unnamed: u64,
}

impl Held {
    /// The targets it may be about: its own, or every one of a plan whose entries name none.
    pub(in crate::plan) fn targets<'p>(&'p self, plan: &'p Plan) -> impl Iterator<Item = &'p Name> {
        let is = |target: &&Name| self.target.as_ref().is_none_or(|of| of == *target);
        plan.targets.keys().filter(is)
    }
}

impl Plan {
    /// What to do for another plan like it, in words. Whoever plans again after an undo does everything once more.
    pub fn made_again(&self) -> &'static str {
        match self.inputs.undoes {
            Some(_) => "make the undo again",
            None => "plan again",
        }
    }

    /// The approvals it needs, by its own word.
    pub fn approvals_asked(&self) -> impl Iterator<Item = &ApprovalAsked> {
        self.approvals_needed(&self.approvals, &Floors::default())
    }

    /// Of some approvals those for a risk that a change has. What a change does counts, whatever risk is written there;
    /// `floors` know what that is.
    pub fn approvals_needed<'a>(
        &self,
        asked: &'a [ApprovalAsked],
        floors: &Floors,
    ) -> impl Iterator<Item = &'a ApprovalAsked> + use<'a> {
        let changes = self.changes.iter().filter(|_| !asked.is_empty());
        let present: HashSet<(Name, Risk)> = changes
            .map(|change| (change.target.clone(), floors.risk(change)))
            .collect();
        asked
            .iter()
            .filter(move |asked| present.contains(&(asked.target.clone(), asked.risk)))
    }

    /// Whether nobody could be judged: every person in scope is wholly held, or the read of a directory is not proven
    /// complete, and nothing is left to do. It looks like a plan with nothing to do, and is the opposite of one.
    ///
    /// Of an undo, or a part of one, whether all that is left to undo is held.
    pub fn holds_everybody(&self) -> bool {
        if self.inputs.undoes.is_some() {
            return self.changes.is_empty() && !self.held.is_empty();
        }
        if self.narrowed.is_some() || !self.changes.is_empty() || self.counts.people == 0 {
            return false;
        }
        let mut wholly: std::collections::HashMap<(&Name, &PersonKey), bool> =
            std::collections::HashMap::new();
        for held in &self.held {
            match &held.person {
                Some(person) => {
                    *wholly.entry((&person.source, &person.key)).or_default() |= !held.partial;
                }
                None if held.accounts.is_empty() => return self.counts.unchanged == 0,
                None => {}
            }
        }
        let wholly = wholly.values().filter(|wholly| **wholly).count();
        // In several targets each person is counted for each.
        let targets = self.targets.len().max(1) as u64;
        wholly as u64 * targets >= self.counts.people && self.counts.unchanged == 0
    }

    /// How many people, and accounts without one, are held: wholly, and in part.
    pub fn held_counts(&self) -> HeldCounts {
        /// Whose entry it is.
        #[derive(PartialEq, Eq, Hash)]
        enum Who<'a> {
            Person(&'a Name, &'a PersonKey),
            Account(&'a Dn),
            Everything,
        }
        let mut only_in_part: std::collections::HashMap<Who<'_>, bool> =
            std::collections::HashMap::with_capacity(self.held.len());
        for held in &self.held {
            let who = match (&held.person, held.accounts.first()) {
                (Some(person), _) => Who::Person(&person.source, &person.key),
                (None, Some(account)) => Who::Account(&account.dn),
                (None, None) => Who::Everything,
            };
            *only_in_part.entry(who).or_insert(true) &= held.partial;
        }
        let all = u64::try_from(only_in_part.len()).unwrap_or(u64::MAX);
        let in_part = only_in_part.values().filter(|partial| **partial).count();
        let in_part = u64::try_from(in_part).unwrap_or(u64::MAX);
        HeldCounts {
            held: all - in_part,
            in_part,
        }
    }
}

/// How many are held; nobody is counted twice, however many entries speak of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldCounts {
    /// Nothing is done for them.
    pub held: u64,
    /// A part waits and the rest goes on.
    pub in_part: u64,
}
