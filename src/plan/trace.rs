//! What a plan does not show of how it came about: the state and mapping of everybody, and the rules that were asked.
//!
//! For tests of a configuration, and for explaining one person; a plan never depends on it.

use std::collections::BTreeSet;

use super::GuardOutcome;
use super::planning::Planning;
use crate::config::kinds::InactiveThen;
use crate::lifecycle::{RuleBook, WatchedRule};
use crate::matching::Found;
use crate::model::{Guid, Location, Name, PersonKey};

/// How a plan came about.
#[derive(Debug, Default)]
pub struct Trace {
    /// Everybody who is to have an account or whose account is to be shut, in the order of targets, sources and keys.
    /// Who is held before the state is known, out of scope or concerned by no mapping is not among them.
    pub people: Vec<Assessment>,
    /// Every template and condition, with what was noted of the watched person.
    pub rules: Vec<WatchedRule>,
    /// Rows looked up for the watched person: table and key, in the form in which keys are compared.
    pub rows: BTreeSet<(Name, String)>,
    /// What limits say of the parts that the watched person's changes are in, and where each is written.
    pub guards: Vec<(GuardOutcome, Location)>,
}

/// What became of one person in one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The target.
    pub target: Name,
    /// The source.
    pub source: Name,
    /// The person.
    pub key: PersonKey,
    /// The mapping that applies.
    pub mapping: Name,
    /// The state of the lifecycle.
    pub state: String,
    /// Where the state is written.
    pub state_rule: Location,
    /// What follows from it, when the source calls the person inactive.
    pub inactive: Option<InactiveThen>,
    /// The account that is theirs, or becomes so by adoption.
    pub account: Option<Guid>,
    /// The account is recognised and not yet tied to the person.
    pub adopted: bool,
}

impl Planning<'_> {
    /// Whose the account is.
    pub(super) fn owner(&self, account: Guid) -> Option<(Name, PersonKey)> {
        let target = self.target();
        let subject = target.subjects.iter().find(|subject| {
            let object = subject.account();
            object.is_some_and(|object| target.index.entry(object).guid == account)
        })?;
        let side = target.side(subject);
        Some((side.source.clone(), side.person(subject.person).key.clone()))
    }

    /// Everybody with a state.
    pub(super) fn assessed(&self, book: &RuleBook) -> Vec<Assessment> {
        let target = self.target();
        target
            .subjects
            .iter()
            .map(|subject| {
                let side = target.side(subject);
                let state = target.state(subject);
                Assessment {
                    target: target.name.clone(),
                    source: side.source.clone(),
                    key: side.person(subject.person).key.clone(),
                    mapping: target.mapping(subject).name.clone(),
                    state: state.name.clone(),
                    state_rule: book.get(state.rule).location.clone(),
                    inactive: target.inactive(subject).map(|inactive| inactive.then),
                    account: subject
                        .account()
                        .map(|object| target.index.entry(object).guid),
                    adopted: matches!(subject.found, Found::Adopt { .. }),
                }
            })
            .collect()
    }
}
