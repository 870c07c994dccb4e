//! Which state a person is in, and what that means for the account.
//!
//! Knows a person's facts and the moment of the plan, no accounts. The states are tried in their written order and
//! the first that fits decides; a person no state fits, or whose state hangs on something unknown, is undecided and
//! never guessed.

mod formula;

use std::collections::BTreeSet;

pub use formula::{
    Compiler, Facts, Formula, NotCompiled, RuleBook, RuleId, Test, WatchedRule, WrittenRule,
};

use crate::config::{Document, kinds};
use crate::lang::{EvalError, PersonContext};
use crate::model::Name;

/// A lifecycle ready to decide.
#[derive(Debug)]
pub struct Lifecycle {
    /// The document's name.
    pub name: Name,
    /// States in the order they are tried.
    pub states: Vec<State>,
    /// What is done about accounts of absent people.
    pub absent: kinds::AbsentPolicy,
    /// What is done about accounts of people out of scope.
    pub out_of_scope: kinds::OutOfScopePolicy,
    /// Where `absent` is written.
    pub absent_rule: RuleId,
    /// Where `outOfScope` is written.
    pub out_of_scope_rule: RuleId,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub name: String,
    /// The condition; `None` fits everyone.
    pub when: Option<Test>,
    /// What reviewers are told.
    pub reason: Option<Formula>,
    /// Whether the account is enabled.
    pub enabled: bool,
    /// Whether an account is created for a person who has none.
    pub create: bool,
    /// Where accounts in this state stand, instead of the mapping's place.
    pub placement: Option<Formula>,
    /// What happens to memberships.
    pub groups: kinds::GroupsInState,
    /// Where the state is written.
    pub rule: RuleId,
}

/// Why a person's state is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// No state's condition holds.
    NoState,
    /// A condition reads a field that stood in no row of the read.
    NotDelivered {
        /// The state.
        state: usize,
        /// The field.
        field: Name,
    },
    /// A condition gave no answer for this person.
    Failed {
        /// The state.
        state: usize,
        /// Why.
        error: EvalError,
    },
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
        let mut states = Vec::with_capacity(document.spec.states.len());
        for (at, state) in document.spec.states.iter().enumerate() {
            let pointer = format!("/spec/states/{at}");
            let account = format!("{pointer}/account");
            states.push(State {
                name: state.name.clone(),
                when: state
                    .when
                    .as_deref()
                    .map(|text| compiler.test(positions, &format!("{pointer}/when"), text))
                    .transpose()?,
                reason: state
                    .reason
                    .as_deref()
                    .map(|text| compiler.formula(positions, &format!("{pointer}/reason"), text))
                    .transpose()?,
                enabled: state.account.enabled,
                create: state.account.create.unwrap_or(state.account.enabled),
                placement: state
                    .account
                    .placement
                    .as_deref()
                    .map(|text| compiler.formula(positions, &format!("{account}/placement"), text))
                    .transpose()?,
                groups: state.account.groups,
                rule: compiler.rule(
                    positions,
                    &pointer,
                    &match &state.when {
                        Some(when) => format!("state {}: {when}", state.name),
                        None => format!("state {}", state.name),
                    },
                ),
            });
        }
        Ok(Self {
            name: document.name.clone(),
            states,
            absent: document.spec.absent,
            out_of_scope: document.spec.out_of_scope,
            absent_rule: compiler.rule(positions, "/spec/absent", "absent"),
            out_of_scope_rule: compiler.rule(positions, "/spec/outOfScope", "outOfScope"),
        })
    }

    /// The person's state, as an index into [`Lifecycle::states`].
    ///
    /// # Errors
    /// Why it is not known.
    pub fn decide(&self, context: &PersonContext<'_>) -> Result<usize, Undecided> {
        for (at, state) in self.states.iter().enumerate() {
            let Some(when) = &state.when else {
                return Ok(at);
            };
            if let Some(field) = &when.blind {
                return Err(Undecided::NotDelivered {
                    state: at,
                    field: field.clone(),
                });
            }
            match when.condition.holds(context) {
                Ok(true) => return Ok(at),
                Ok(false) => {}
                Err(error) => return Err(Undecided::Failed { state: at, error }),
            }
        }
        Err(Undecided::NoState)
    }

    /// The facts that led to a state: those its condition and the ones before it read.
    pub fn deciding_facts(
        &self,
        state: usize,
        facts: &Facts<'_>,
    ) -> std::collections::BTreeMap<String, String> {
        let mut fields = BTreeSet::new();
        for tried in self.states.iter().take(state + 1) {
            if let Some(when) = &tried.when {
                fields.extend(when.condition.fields_used().iter().cloned());
            }
        }
        if let Some(reason) = self
            .states
            .get(state)
            .and_then(|state| state.reason.as_ref())
        {
            fields.extend(reason.template.fields_used().iter().cloned());
        }
        facts.of(&fields)
    }
}
