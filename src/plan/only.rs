//! A plan narrowed to single people, groups or places.
//!
//! Everything was planned and judged as a whole before; narrowing only leaves changes out, never what one of those
//! that stay depends on, never a part of a move across groups, and never one of the two changes by which a new account
//! takes the place of an old one.

use hashbrown::{HashMap, HashSet};

use super::assemble::visit;
use super::{Action, Change, ChangeId, Narrowed, ObjectRef, Plan, RuleIndex, UnitId};
use crate::model::{Dn, DnKey, Name, PersonKey};

/// What a plan is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// Changes for a person.
    Person {
        /// The source.
        source: Name,
        /// The key.
        key: PersonKey,
    },
    /// Changes of an object, and of everything below it: an account, a group, an organizational unit.
    Object(Dn),
}

/// Leaves out every change that none of `only` names and nothing named depends on. `words` say what was asked for.
pub fn narrow(plan: &mut Plan, only: &[Only], words: Vec<String>) {
    let places: Vec<DnKey> = only
        .iter()
        .filter_map(|one| match one {
            Only::Object(dn) => Some(dn.key()),
            Only::Person { .. } => None,
        })
        .collect();
    let below = |dn: &Dn| {
        let mut at = Some(dn.clone());
        while let Some(dn) = at {
            if places.contains(&dn.key()) {
                return true;
            }
            at = dn.parent();
        }
        false
    };
    let is = |source: &Name, key: &PersonKey| {
        only.iter().any(|one| {
            matches!(one, Only::Person { source: of, key: who } if of == source && who == key)
        })
    };
    let named = |change: &Change| {
        is(&change.person.source, &change.person.key)
            || objects(change).iter().any(|object| below(&object.dn))
            || matches!(&change.action, Action::Move { after, .. } if below(after))
    };
    let kept = with_needed(&plan.changes, named);
    let held_stays: Vec<bool> = plan
        .held
        .iter()
        .map(|held| {
            held.person
                .as_ref()
                .is_some_and(|person| is(&person.source, &person.key))
                || held.accounts.iter().any(|account| below(&account.dn))
        })
        .collect();
    let (changes, held) = (plan.changes.len(), plan.held.len());
    let mut at = 0;
    plan.changes.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    let mut stays = held_stays.into_iter();
    plan.held.retain(|_| stays.next().unwrap_or(true));
    if let Some(since) = &mut plan.since {
        for left in [&mut since.left, &mut since.open] {
            left.retain(|left| is(&left.person.source, &left.person.key) || below(&left.object.dn));
        }
        let kept: HashSet<&ChangeId> = plan.changes.iter().map(|change| &change.id).collect();
        since.otherwise.retain(|one| kept.contains(&one.change));
    }
    plan.calendar
        .retain(|entry| is(&entry.person.source, &entry.person.key));
    plan.narrowed = Some(Narrowed {
        to: words,
        changes_left_out: (changes - plan.changes.len()) as u64,
        held_left_out: (held - plan.held.len()) as u64,
    });
    drop_rules(plan);
}

/// Places of the changes named, of all they depend on, and of the moves they are parts of.
fn with_needed(changes: &[Change], named: impl Fn(&Change) -> bool) -> HashSet<usize> {
    let place: HashMap<&ChangeId, usize> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| (&change.id, at))
        .collect();
    let mut units: HashMap<&UnitId, Vec<usize>> = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        if let Some(unit) = &change.unit {
            units.entry(unit).or_default().push(at);
        }
    }
    // The old account is given up for the new one: neither goes without the other.
    let mut given_up: HashMap<usize, usize> = HashMap::new();
    for (made, change) in changes.iter().enumerate() {
        let Action::Create {
            replaces: Some(old),
            ..
        } = &change.action
        else {
            continue;
        };
        let needs = change.depends_on.iter().filter_map(|id| place.get(id));
        for released in needs.filter(|at| changes[**at].object.guid == old.guid) {
            given_up.insert(*released, made);
        }
    }
    let mut kept: HashSet<usize> = HashSet::new();
    let mut open: Vec<usize> = (0..changes.len())
        .filter(|at| named(&changes[*at]))
        .collect();
    while let Some(at) = open.pop() {
        if kept.insert(at) {
            let needs = changes[at].depends_on.iter();
            open.extend(needs.filter_map(|id| place.get(id)));
            open.extend(given_up.get(&at));
            // Taken out: a move is followed once.
            let unit = changes[at].unit.as_ref();
            open.extend(
                unit.and_then(|unit| units.remove(unit))
                    .into_iter()
                    .flatten(),
            );
        }
    }
    kept
}

fn objects(change: &Change) -> Vec<&ObjectRef> {
    let mut objects = vec![&change.object];
    if let Action::AddMember { member } | Action::RemoveMember { member } = &change.action {
        objects.push(member);
    }
    objects
}

/// A plan lists the rules it uses, and no others.
fn drop_rules(plan: &mut Plan) {
    let mut used: Vec<u32> = Vec::new();
    visit(plan, &mut |rule| used.push(rule.0));
    used.sort_unstable();
    used.dedup();
    let new: HashMap<u32, u32> = used.iter().copied().zip(0..).collect();
    visit(plan, &mut |rule| *rule = RuleIndex(new[&rule.0]));
    let mut at = 0;
    plan.rules.retain(|_| {
        at += 1;
        new.contains_key(&(at - 1))
    });
}
