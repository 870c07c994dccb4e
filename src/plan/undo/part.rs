//! A part of an undo: what was done for the people, or to the objects, that somebody asked for.
//!
//! Chosen before guards judge, so that they judge what is undone; what had been undone before counts with it. Keeps that
//! nothing is chosen without what it needs, and that nothing is told of anybody else.

use std::collections::HashSet;

use super::super::only::{Asked, Only, with_needed};
use super::super::{Change, ChangeId, Narrowed};
use super::undoing::Turned;
use crate::model::{Dn, DnKey};

/// What is asked for, and what was found of it.
pub(super) struct Part<'o> {
    only: &'o [Only],
    asked: Asked<'o>,
    /// Objects asked for that something was done to, or below.
    met: HashSet<DnKey>,
    /// Changes of the plan that are for somebody or something asked for.
    named: HashSet<ChangeId>,
    left_out: Narrowed,
}

impl<'o> Part<'o> {
    /// `words` say how each of `only` was asked for. Nothing when everything is undone.
    pub(super) fn new(only: &'o [Only], words: &[String]) -> Option<Self> {
        (!only.is_empty()).then(|| Self {
            only,
            asked: Asked::new(only),
            met: HashSet::new(),
            named: HashSet::new(),
            left_out: Narrowed {
                to: words.to_vec(),
                changes_left_out: 0,
                held_left_out: 0,
            },
        })
    }

    /// Looks whether a change of the plan is asked for; `names` are those its objects had and have.
    pub(super) fn look(&mut self, change: &Change, names: &[&Dn]) {
        let mut named = self.asked.is_person(&change.person);
        for dn in names {
            for place in self.asked.named_places(dn) {
                self.met.insert(place.clone());
                named = true;
            }
        }
        if named {
            self.named.insert(change.id.clone());
        }
    }

    /// Whether a change of the plan is asked for.
    pub(super) fn names(&self, change: &Change) -> bool {
        self.named.contains(&change.id)
    }

    /// Leaves nothing but what was asked for, with whatever that needs.
    pub(super) fn choose(&mut self, turned: &mut Turned<'_>) {
        let undoes: Vec<&Change> = turned.undoes.clone();
        let kept = {
            let named: HashSet<&ChangeId> = turned
                .changes
                .iter()
                .zip(&undoes)
                .filter(|(_, undone)| self.names(undone))
                .map(|(change, _)| &change.id)
                .collect();
            with_needed(&turned.changes, |change| named.contains(&change.id))
        };
        let needed: HashSet<&ChangeId> = kept.iter().map(|at| &undoes[*at].id).collect();
        let is_told = |change: &Change| self.names(change) || needed.contains(&change.id);
        let (changes, held) = (turned.changes.len(), turned.held.len());
        let mut at = 0;
        turned.changes.retain(|_| {
            at += 1;
            kept.contains(&(at - 1))
        });
        turned.held.retain(|(change, _)| is_told(change));
        turned.noted.retain(|noted| is_told(noted.change));
        self.left_out.changes_left_out += (changes - turned.changes.len()) as u64;
        self.left_out.held_left_out += (held - turned.held.len()) as u64;
    }

    /// What was left out; the first object asked for that nothing was done to as error.
    pub(super) fn finish(&self) -> Result<Narrowed, String> {
        let mut asked = self.only.iter().zip(&self.left_out.to);
        let unmet = asked.find(|(one, _)| match one {
            Only::Object(dn) => !self.met.contains(&dn.key()),
            Only::Person { .. } => false,
        });
        match unmet {
            Some((_, word)) => Err(word.clone()),
            None => Ok(self.left_out.clone()),
        }
    }
}
