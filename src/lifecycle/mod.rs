//! Which state a person is in, and what that means for the account.
//!
//! Knows a person's facts and the moment of the plan, no accounts. The states are tried in their written order and
//! the first that fits decides; a person no state fits, or whose state hangs on something unknown, is undecided and
//! never guessed.

mod formula;
mod stages;
mod stamp;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use formula::{
    Compiler, Facts, Formula, NotCompiled, RuleBook, RuleId, Test, WatchedRule, WrittenRule,
};

pub use stages::{Beginning, Decided, Since, Undecided, UndecidedBy};
pub use stamp::{ABSENT, MOVED, Stamp};

use crate::config::{Document, kinds, parse_days};
use crate::lang::PersonContext;
use crate::model::{Name, ObjectName};

/// A lifecycle ready to decide.
#[derive(Debug)]
pub struct Lifecycle {
    /// The document's name.
    pub name: Name,
    /// A person's time zone.
    pub time_zone: Option<Formula>,
    /// The states as they are written, in the order they are tried.
    pub written: Vec<Written>,
    /// What there is to be in: each state without stages, each stage of the others.
    pub states: Vec<State>,
    /// Who is inactive and what follows; `None` where the source has no such thing.
    pub inactive: Option<Inactive>,
    /// What is done about accounts of absent people.
    pub absent: Absent,
    /// What is done about accounts of people out of scope.
    pub out_of_scope: kinds::OutOfScopePolicy,
    /// Where `absent` is written.
    pub absent_rule: RuleId,
    /// Where `outOfScope` is written.
    pub out_of_scope_rule: RuleId,
}

/// Who is inactive, and what follows.
#[derive(Debug)]
pub struct Inactive {
    /// The condition.
    pub when: Test,
    /// What follows.
    pub then: kinds::InactiveThen,
}

/// What is done about accounts of absent people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A warning.
    Report,
    /// They are held.
    HoldForReview,
    /// After so many days they are in a state.
    Leaver {
        /// How many.
        after: u32,
        /// The state, as a place in [`Lifecycle::written`].
        written: usize,
    },
}

/// A state as it is written.
#[derive(Debug)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// The condition; `None` fits everyone.
    pub when: Option<Test>,
    /// Since when it holds.
    pub since: Option<Formula>,
    /// Its first place in [`Lifecycle::states`].
    pub first: usize,
    /// Days after which each of its stages begins; none for a state without stages.
    pub after: Vec<u32>,
    /// Where the state is written.
    pub rule: RuleId,
}

/// One state, or one stage of a state.
#[derive(Debug)]
pub struct State {
    /// `leaver`, or `leaver+30d` for a stage.
    pub name: String,
    /// The state it is, or is a stage of, as a place in [`Lifecycle::written`].
    pub written: usize,
    /// What reviewers are told.
    pub reason: Option<Arc<Formula>>,
    /// Whether the account is enabled.
    pub enabled: bool,
    /// Whether an account is created for a person who has none.
    pub create: bool,
    /// Where accounts in this state stand, instead of the mapping's place.
    pub placement: Option<Arc<Formula>>,
    /// What happens to memberships.
    pub groups: kinds::GroupsInState,
    /// Groups that are kept where memberships are taken.
    pub keep_groups: Arc<[ObjectName]>,
    /// Days after which the password is replaced, where the state says so.
    pub reset_after: Option<u32>,
    /// What it says of services nothing acts on yet.
    pub services: BTreeSet<&'static str>,
    /// When the account is deleted.
    pub delete: Option<Deletion>,
    /// Where it is written.
    pub rule: RuleId,
}

/// When an account may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// Days it must have been disabled.
    pub disabled_for: u32,
    /// Also where it cannot be brought back.
    pub without_recycle_bin: bool,
    /// Where it is written.
    pub rule: RuleId,
}

impl Lifecycle {
    /// Compiles a document.
    ///
    /// # Errors
    /// A template or condition that does not compile against the fields of the read.
    pub fn compile(
        document: &Document<kinds::Lifecycle>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let positions = &document.positions;
        let formula = |compiler: &mut Compiler<'_>, pointer: &str, text: Option<&String>| {
            text.map(|text| compiler.formula(positions, pointer, text))
                .transpose()
        };
        let time_zone = formula(compiler, "/spec/timeZone", document.spec.time_zone.as_ref())?;
        let inactive = match &document.spec.inactive {
            kinds::InactivePolicy::Never(_) => None,
            kinds::InactivePolicy::When(rule) => Some(Inactive {
                when: compiler.test(positions, "/spec/inactive/when", &rule.when)?,
                then: rule.then,
            }),
        };
        let mut states = Vec::with_capacity(document.spec.states.len());
        let mut all = Vec::with_capacity(document.spec.states.len());
        for (at, state) in document.spec.states.iter().enumerate() {
            let pointer = format!("/spec/states/{at}");
            let when = state
                .when
                .as_deref()
                .map(|text| compiler.test(positions, &format!("{pointer}/when"), text))
                .transpose()?;
            let since = formula(compiler, &format!("{pointer}/since"), state.since.as_ref())?;
            let mut reason = formula(
                compiler,
                &format!("{pointer}/reason"),
                state.reason.as_ref(),
            )?
            .map(Arc::new);
            let described = |name: &str| match &state.when {
                Some(when) => format!("state {name}: {when}"),
                None => format!("state {name}"),
            };
            let first = states.len();
            let mut placement = None;
            let mut groups = kinds::GroupsInState::default();
            let mut enabled = false;
            let mut create = None;
            let mut after = Vec::new();
            let mut keep_groups: Arc<[ObjectName]> = Arc::default();
            let mut reset_after = None;
            let mut services = BTreeSet::new();
            for step in state.steps() {
                // What a stage does not say stays as in the one before.
                let account = format!("{pointer}{}", step.pointer);
                let at_placement = format!("{account}/placement");
                if let Some(own) = formula(compiler, &at_placement, step.placement)? {
                    placement = Some(Arc::new(own));
                }
                groups = step.groups.unwrap_or(groups);
                if let Some(names) = step.keep_groups {
                    let names = names.iter().filter_map(|name| ObjectName::parse(name).ok());
                    keep_groups = names.collect();
                }
                match step.password {
                    Some(kinds::PasswordInState::Reset) => {
                        reset_after = reset_after.or(Some(step.after.unwrap_or_default()));
                    }
                    Some(kinds::PasswordInState::Keep) => reset_after = None,
                    None => {}
                }
                services.extend(step.services.into_iter().flat_map(kinds::Services::members));
                enabled = step.enabled.unwrap_or(enabled);
                create = step.create.or(create);
                let stage = account.trim_end_matches("/account").to_owned();
                if step.after.is_some()
                    && let Some(own) = formula(compiler, &format!("{stage}/reason"), step.reason)?
                {
                    reason = Some(Arc::new(own));
                }
                after.extend(step.after);
                let delete = step.delete.map(|delete| Deletion {
                    // Checked with the document; nobody is deleted for what nobody can read.
                    disabled_for: parse_days(&delete.disabled_for).unwrap_or(u32::MAX),
                    without_recycle_bin: delete.without_recycle_bin,
                    rule: compiler.rule(
                        positions,
                        &format!("{account}/delete"),
                        &format!(
                            "state {}: delete, when disabled for {}",
                            step.name, delete.disabled_for
                        ),
                    ),
                });
                states.push(State {
                    delete,
                    written: all.len(),
                    reason: reason.clone(),
                    enabled,
                    create: create.unwrap_or(enabled),
                    placement: placement.clone(),
                    groups,
                    keep_groups: keep_groups.clone(),
                    reset_after,
                    services: services.clone(),
                    rule: compiler.rule(positions, &stage, &described(&step.name)),
                    name: step.name,
                });
            }
            all.push(Written {
                name: state.name.clone(),
                when,
                since,
                first,
                after,
                rule: compiler.rule(positions, &pointer, &described(&state.name)),
            });
        }
        let absent = match &document.spec.absent {
            kinds::AbsentPolicy::Report => Absent::Report,
            kinds::AbsentPolicy::HoldForReview => Absent::HoldForReview,
            kinds::AbsentPolicy::Leaver(leaver) => {
                let written = all.iter().position(|state| state.name == leaver.state);
                let after = parse_days(&leaver.after).ok();
                match (written, after) {
                    (Some(written), Some(after)) => Absent::Leaver { after, written },
                    _ => {
                        return Err(NotCompiled {
                            location: positions.value("/spec/absent/leaver"),
                            message: format!("there is no state {:?} to be in", leaver.state),
                        });
                    }
                }
            }
        };
        Ok(Self {
            name: document.name.clone(),
            time_zone,
            written: all,
            states,
            inactive,
            absent,
            out_of_scope: document.spec.out_of_scope,
            absent_rule: compiler.rule(positions, "/spec/absent", "absent"),
            out_of_scope_rule: compiler.rule(positions, "/spec/outOfScope", "outOfScope"),
        })
    }

    /// Whether the source calls the person inactive.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn is_inactive(&self, context: &PersonContext<'_>) -> Result<bool, UndecidedBy> {
        let Some(inactive) = &self.inactive else {
            return Ok(false);
        };
        match &inactive.when.blind {
            Some(field) => Err(UndecidedBy::NotDelivered(field.clone())),
            None => {
                let holds = inactive.when.condition.holds(context);
                holds.map_err(UndecidedBy::Failed)
            }
        }
    }

    /// The facts that led to a state: those its condition and the ones before it read, and its date.
    pub fn deciding_facts(
        &self,
        state: usize,
        facts: &Facts<'_>,
    ) -> std::collections::BTreeMap<String, String> {
        let mut fields = BTreeSet::new();
        let Some(found) = self.states.get(state) else {
            return std::collections::BTreeMap::new();
        };
        for tried in self.written.iter().take(found.written + 1) {
            if let Some(when) = &tried.when {
                fields.extend(when.condition.fields_used().iter().cloned());
            }
            if let Some(since) = &tried.since {
                fields.extend(since.template.fields_used().iter().cloned());
            }
        }
        if let Some(reason) = &found.reason {
            fields.extend(reason.template.fields_used().iter().cloned());
        }
        facts.of(&fields)
    }
}
