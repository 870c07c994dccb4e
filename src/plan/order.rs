//! Order of changes: what another needs comes first, removals before additions, otherwise as they stand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::{HashMap, HashSet};

use super::changes::Class;
use super::evaluate::{After, Outcome};
use super::{Change, ChangeId};
use crate::model::AttributeId;

/// References between new accounts that close a circle (two new people managing each other). Each is taken out of
/// its create and written once both accounts exist.
pub(super) fn circles(outcomes: &[Option<Box<Outcome<'_>>>]) -> HashSet<(u32, AttributeId)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Colour {
        New,
        Open,
        Done,
    }
    let edges = |at: u32| {
        outcomes[at as usize]
            .as_deref()
            .filter(|outcome| outcome.create && outcome.whole.is_none())
            .into_iter()
            .flat_map(|outcome| &outcome.attributes)
            .filter_map(|delta| match delta.after {
                After::Made(other) => Some((delta.rule.id, other)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let mut colour = vec![Colour::New; outcomes.len()];
    let mut broken = HashSet::new();
    let count = u32::try_from(outcomes.len()).unwrap_or(u32::MAX);
    for start in 0..count {
        if colour[start as usize] != Colour::New || outcomes[start as usize].is_none() {
            continue;
        }
        colour[start as usize] = Colour::Open;
        // By hand, not by recursion: a chain of managers may be as long as the list of people.
        let mut path = vec![(start, edges(start), 0)];
        while let Some((at, edges_of, next)) = path.last_mut() {
            let Some((attribute, other)) = edges_of.get(*next).copied() else {
                colour[*at as usize] = Colour::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match colour[other as usize] {
                Colour::Open => {
                    broken.insert((*at, attribute));
                }
                Colour::New => {
                    colour[other as usize] = Colour::Open;
                    let further = edges(other);
                    path.push((other, further, 0));
                }
                Colour::Done => {}
            }
        }
    }
    broken
}

/// Puts changes in the order in which one after the other can be applied.
pub(super) fn sort(changes: Vec<Change>) -> Vec<Change> {
    let place: HashMap<&ChangeId, usize> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| (&change.id, at))
        .collect();
    let mut waiting = vec![0usize; changes.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); changes.len()];
    for (at, change) in changes.iter().enumerate() {
        for needed in &change.depends_on {
            if let Some(needed) = place.get(needed) {
                waiting[at] += 1;
                followers[*needed].push(at);
            }
        }
    }
    let rank = |at: usize| Reverse((Class::of(&changes[at].action), at));
    let mut ready: BinaryHeap<Reverse<(Class, usize)>> = waiting
        .iter()
        .enumerate()
        .filter(|(_, count)| **count == 0)
        .map(|(at, _)| rank(at))
        .collect();
    let mut order = Vec::with_capacity(changes.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for follower in &followers[at] {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                ready.push(rank(*follower));
            }
        }
    }
    debug_assert_eq!(order.len(), changes.len(), "dependencies are a circle");
    drop(place);
    let mut slots: Vec<Option<Change>> = changes.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|at| slots[at].take())
        .collect()
}
