//! What is left alone although it could be undone: of people whom an exception stops, of accounts that are nobody's any more, of accounts that stay because no undo
//! deletes them, and whatever waits for a change that does not happen.
//!
//! Runs when every change has been turned round. Keeps that nothing goes on whose condition is held, and that nobody whose
//! account was shut for what happened with it gets it back by an undo of something else.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::super::excepted::Excepted;
use super::super::{Action, ChangeId};
use super::undoing::Undoing;
use crate::model::Guid;
use crate::policy::held as code;

impl<'u> Undoing<'u, '_> {
    /// Accounts that the plan brought back stay, so what it gave back to them stays with them.
    pub(super) fn keep_restored(&mut self) {
        let restored = self.planned.iter().filter(|change| {
            matches!(change.action, Action::Restore { .. }) && self.deeds.contains_key(&change.id)
        });
        let restored: HashSet<Guid> = restored.filter_map(|change| change.object.guid).collect();
        for at in 0..self.changes.len() {
            let account = self.changes[at].account().guid;
            if account.is_some_and(|guid| restored.contains(&guid)) {
                self.dropped.insert(at);
            }
        }
    }

    /// Accounts that carry no anchor any more are nobody's: somebody has cleared it since, or an undo of an earlier part of
    /// the apply has given up what it had adopted. What the undo itself gives an anchor, or brings back, is another matter.
    pub(super) fn keep_nobodys(&mut self) {
        if self.target.anchors.is_empty() {
            return;
        }
        let is_anchor = |name: &str| {
            let header = &self.target.index.snapshot.header;
            let anchors = self.target.anchors.iter();
            let mut names = anchors.map(|id| &header.definition(*id).name);
            names.any(|anchor| anchor.eq_ignore_ascii_case(name))
        };
        let settled: HashSet<Guid> = self
            .changes
            .iter()
            .filter(|change| match &change.action {
                Action::Restore { .. } => true,
                Action::Modify { attributes } => attributes
                    .iter()
                    .any(|one| !one.after.is_empty() && is_anchor(&one.name)),
                _ => false,
            })
            .filter_map(|change| change.object.guid)
            .collect();
        for at in 0..self.changes.len() {
            let change = &self.changes[at];
            let object = match &change.action {
                Action::AddMember { member } | Action::RemoveMember { member } => member,
                _ => &change.object,
            };
            let is_theirs =
                !object.anchor.is_empty() || object.guid.is_none_or(|guid| settled.contains(&guid));
            if is_theirs || self.dropped.contains(&at) {
                continue;
            }
            let object = object.clone();
            let text = format!(
                "{} carries no anchor any more, so nothing tells that it is still the account of {}: it is left as it is",
                object.dn,
                self.shown(self.undoes[at])
            );
            self.hold(self.undoes[at], code::UNDO_CHANGED, text, vec![object]);
            self.dropped.insert(at);
        }
    }

    /// Nobody whom an exception stops is given anything.
    pub(super) fn keep_stopped(&mut self, excepted: &Excepted<'_>) {
        let mut of: BTreeMap<(&'u str, &'u str), Vec<usize>> = BTreeMap::new();
        for (at, undone) in self.undoes.iter().enumerate() {
            let person = &undone.person;
            let who = (person.source.as_str(), person.key.as_str());
            if !self.dropped.contains(&at) {
                of.entry(who).or_default().push(at);
            }
        }
        for ((source, key), changes) in of {
            let Some(ticket) = excepted.stop(source, self.target.name.as_str(), key) else {
                continue;
            };
            let gives = |at: &&usize| {
                matches!(
                    self.changes[**at].action,
                    Action::Enable { .. } | Action::AddMember { .. } | Action::Restore { .. }
                )
            };
            let Some(first) = changes.iter().find(gives).copied() else {
                continue;
            };
            let text = format!(
                "an exception stops the person ({ticket}), and the undo would give access back to them"
            );
            self.hold(self.undoes[first], code::UNDO_STOPPED, text, Vec::new());
            self.dropped.extend(changes);
        }
    }

    /// What other exceptions leave alone stays as it is: whole accounts, or attributes of them.
    pub(super) fn keep_excepted(&mut self, excepted: &Excepted<'_>) {
        for at in 0..self.changes.len() {
            if self.dropped.contains(&at) {
                continue;
            }
            for (left, code, text) in excepted.leaves(&self.changes[at]) {
                self.hold(self.undoes[at], code, text, Vec::new());
                let goes_on = match &mut self.changes[at].action {
                    Action::Modify { attributes } if !left.is_empty() => {
                        attributes.retain(|one| !left.contains(&one.name));
                        !attributes.is_empty()
                    }
                    _ => false,
                };
                if !goes_on {
                    self.dropped.insert(at);
                }
            }
        }
    }

    /// What waits for a change that does not happen does not happen either.
    pub(super) fn drop_what_waits(&mut self) {
        if self.dropped.is_empty() {
            return;
        }
        let place: HashMap<ChangeId, usize> = (0..self.changes.len())
            .map(|at| (self.changes[at].id.clone(), at))
            .collect();
        let mut waiting: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            let needs = change.depends_on.iter().filter_map(|id| place.get(id));
            for needed in needs {
                waiting.entry(*needed).or_default().push(at);
            }
        }
        let mut open: Vec<usize> = self.dropped.iter().copied().collect();
        open.sort_unstable();
        while let Some(at) = open.pop() {
            for next in waiting.get(&at).into_iter().flatten() {
                if self.dropped.insert(*next) {
                    open.push(*next);
                    let needed = &self.undoes[at];
                    let text = format!(
                        "it waits for the undo of change {} for {}, which is held",
                        needed.id.0,
                        self.shown(needed)
                    );
                    self.hold(self.undoes[*next], code::UNDO_WAITS, text, Vec::new());
                }
            }
        }
    }
}
