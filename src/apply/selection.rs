//! Which changes an apply is asked for: some classes, so many of them, a first wave of people before everybody else.
//!
//! Pure: plan and history in, flags out. Invariants: what an earlier apply has done is looked at again whatever was
//! asked for, so that what depends on it can go on; a wave has everything its changes depend on; nobody is of a wave before
//! those before them have nothing left, so that asking again never begins anybody else; the choice depends on the plan's
//! order and the journal alone, never on timing.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU64;

use super::history::{History, Step, StepState};
use super::outcome::ActionKind;
use crate::model::{Name, PersonKey};
use crate::plan::{Change, ChangeId, PersonRef};

/// What of a plan is to be applied now. The rest is left for another apply of the same plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only changes of these classes; empty for all.
    pub classes: BTreeSet<ActionKind>,
    /// At most so many changes that are not done yet: the first ones in the plan's order.
    pub max_changes: Option<NonZeroU64>,
    /// So many people first: the plan's people, in the order of their first change, are counted off in groups of so many,
    /// and the first group goes first of whom anybody has something left. Everybody else only once everything about these
    /// has been read back as planned.
    pub wave: Option<NonZeroU64>,
}

/// A selection among the changes of one plan, one flag per change.
pub(super) struct Selected {
    /// Those to be tried in this apply.
    pub(super) now: Vec<bool>,
    /// Those of the first wave; `None` without one, and when it would be everything.
    pub(super) first: Option<Wave>,
}

/// The people who go first.
pub(super) struct Wave {
    pub(super) changes: Vec<bool>,
    pub(super) people: u64,
}

impl Selection {
    /// True when everything is asked for at once.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn of(&self, changes: &[Change], history: &History) -> Selected {
        let done: Vec<bool> = changes
            .iter()
            .map(|change| is_done(change, history))
            .collect();
        let mut left = self.max_changes.map_or(u64::MAX, NonZeroU64::get);
        let mut now = done.clone();
        let asked: Vec<bool> = changes
            .iter()
            .map(|change| {
                self.classes.is_empty() || self.classes.contains(&ActionKind::from(&change.action))
            })
            .collect();
        for at in 0..changes.len() {
            if asked[at] && !done[at] && left > 0 {
                left -= 1;
                now[at] = true;
            }
        }
        let first = self
            .wave
            .and_then(|people| wave(changes, &asked, &now, &done, people.get()));
        Selected { now, first }
    }
}

/// Whether the journal says that nothing of a change is missing.
fn is_done(change: &Change, history: &History) -> bool {
    let last = Step::last_of(&change.action);
    history.step(&change.id, last) == Some(StepState::Done)
}

/// The selected changes of the people who go first, with all they depend on.
///
/// Whoever is done counts, and whoever is not stays where they stand: the journal has no line of a conflict, so that only
/// the order tells that somebody was of an earlier wave, of which nobody else was to be begun.
fn wave(
    changes: &[Change],
    asked: &[bool],
    now: &[bool],
    done: &[bool],
    most: u64,
) -> Option<Wave> {
    let mut places: HashMap<(&Name, &PersonKey), usize> = HashMap::new();
    let mut left: Vec<bool> = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        if !asked[at] {
            continue;
        }
        let place = *places.entry(key(&change.person)).or_insert_with(|| {
            left.push(false);
            left.len() - 1
        });
        left[place] |= now[at] && !done[at];
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let first_left = left.iter().position(|left| *left)?;
    let begin = first_left - first_left % most;
    let end = begin.saturating_add(most).min(left.len());
    let of_wave = |person: &PersonRef| {
        let place = places.get(&key(person));
        place.is_some_and(|place| (begin..end).contains(place))
    };
    // Those of them who are done are looked at again with the others: somebody may have changed it back.
    let people = left[begin..end].iter().filter(|left| **left).count();
    let index: HashMap<&ChangeId, usize> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| (&change.id, at))
        .collect();
    let mut first: Vec<bool> = changes
        .iter()
        .zip(now)
        .map(|(change, now)| *now && of_wave(&change.person))
        .collect();
    // Dependencies stand earlier in the plan, so that one pass from its end finds all of them.
    for at in (0..changes.len()).rev() {
        if !first[at] {
            continue;
        }
        for needed in super::schedule::needed(&changes[at]) {
            if let Some(needed) = index.get(needed) {
                first[*needed] = now[*needed];
            }
        }
    }
    let remains = (0..changes.len()).any(|at| now[at] && !done[at] && !first[at]);
    remains.then_some(Wave {
        changes: first,
        people: people as u64,
    })
}

/// What tells people apart; labels are for people to read.
fn key(person: &PersonRef) -> (&Name, &PersonKey) {
    (&person.source, &person.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_nothing_in_particular_is_everything() {
        assert!(Selection::default().is_everything());
        let one = Selection {
            wave: NonZeroU64::new(1),
            ..Selection::default()
        };
        assert!(!one.is_everything());
    }
}
