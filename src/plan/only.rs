//! A plan narrowed to single people, groups or places.
//!
//! Everything was planned and judged as a whole before; narrowing only leaves changes out, never what one of those
//! that stay depends on, never a part of a move across groups, and never one of the two changes by which a new account
//! takes the place of an old one. Of an undo the part is chosen by the same rules, before guards judge it.

use hashbrown::{HashMap, HashSet};

use super::assemble::visit;
use super::{Action, Change, ChangeId, Narrowed, PersonRef, Plan, RuleIndex, UnitId};
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

/// What is asked for, ready to be compared with.
pub(super) struct Asked<'o> {
    people: HashSet<(&'o Name, &'o PersonKey)>,
    places: HashSet<DnKey>,
}

impl<'o> Asked<'o> {
    pub(super) fn new(only: &'o [Only]) -> Self {
        let mut asked = Self {
            people: HashSet::new(),
            places: HashSet::new(),
        };
        for one in only {
            match one {
                Only::Object(dn) => {
                    asked.places.insert(dn.key());
                }
                Only::Person { source, key } => {
                    asked.people.insert((source, key));
                }
            }
        }
        asked
    }

    /// Whether an object is asked for, or stands below one.
    pub(super) fn is_below(&self, dn: &Dn) -> bool {
        self.named_places(dn).next().is_some()
    }

    /// Which of the objects asked for it is, or stands below.
    pub(super) fn named_places(&self, dn: &Dn) -> impl Iterator<Item = &DnKey> {
        let first = (!self.places.is_empty()).then(|| dn.key());
        let above = std::iter::successors(first, DnKey::parent);
        above.filter_map(|key| self.places.get(&key))
    }

    /// Whether a person is asked for.
    pub(super) fn is_person(&self, person: &PersonRef) -> bool {
        self.is(&person.source, &person.key)
    }

    fn is(&self, source: &Name, key: &PersonKey) -> bool {
        self.people.contains(&(source, key))
    }

    /// Whether a change is for somebody or something asked for.
    pub(super) fn names(&self, change: &Change) -> bool {
        self.is_person(&change.person) || names_of(change).into_iter().any(|dn| self.is_below(dn))
    }
}

/// The names of whatever a change is about, and of where it goes.
pub(super) fn names_of(change: &Change) -> Vec<&Dn> {
    let mut names = vec![&change.object.dn];
    match &change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => names.push(&member.dn),
        Action::Move { after, .. } => names.push(after),
        _ => {}
    }
    names
}

/// Leaves out every change that none of `only` names and nothing named depends on. `words` say what was asked for.
pub fn narrow(plan: &mut Plan, only: &[Only], words: Vec<String>) {
    let asked = Asked::new(only);
    let is = |source: &Name, key: &PersonKey| asked.is(source, key);
    let below = |dn: &Dn| asked.is_below(dn);
    let kept = with_needed(&plan.changes, |change| asked.names(change));
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
pub(super) fn with_needed(changes: &[Change], named: impl Fn(&Change) -> bool) -> HashSet<usize> {
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
