//! From changes that wait to what else must wait with them, and to what the plan says of it.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{Judgement, Judging, who};
use crate::model::Guid;
use crate::plan::target::NOBODY;
use crate::plan::{
    Action, Change, ChangeId, GuardKind, GuardVerdict, Held, OnBreach, PersonRef, WaiverInPlan,
};
use crate::policy::held;

impl Judging<'_, '_> {
    /// Whatever needs a change that waits waits too. Whose account was to be shut and is not has nothing else done to
    /// them: half a leaver is nobody's intention. Whoever enters no new group leaves no old one, unless the account is
    /// shut, and of a move of which an addition waits all waits. Names are changed together. Of whose undo anything waits, all waits.
    pub(super) fn spread(&mut self) {
        if !self.breached() {
            return;
        }
        let place: HashMap<&ChangeId, usize> = self
            .changes
            .iter()
            .enumerate()
            .map(|(number, (_, change))| (&change.id, number))
            .collect();
        // Half an undo is nobody's intention either: who is renamed back and keeps the other's addresses, or is enabled
        // where leavers stand, is worse off than before.
        let whole = self.undo.is_some();
        let whose = |at: u32, change: &Change| match whole {
            true => of(&change.person),
            false => who(at, change),
        };
        let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut of_person: HashMap<u64, Vec<usize>> = HashMap::new();
        for (number, (at, change)) in self.changes.iter().enumerate() {
            for needed in &change.depends_on {
                if let Some(needed) = place.get(needed) {
                    followers.entry(*needed).or_default().push(number);
                }
            }
            of_person
                .entry(whose(*at, change))
                .or_default()
                .push(number);
        }
        let shut = |numbers: &[usize]| {
            numbers
                .iter()
                .any(|number| matches!(self.changes[*number].1.action, Action::Disable {}))
        };
        let waiting = self.waits.iter().enumerate();
        let mut open: Vec<(usize, usize)> = waiting
            .filter_map(|(number, outcome)| Some((number, (*outcome)?)))
            .collect();
        let mut found: Vec<Option<usize>> = self.waits.clone();
        while let Some((number, outcome)) = open.pop() {
            let (at, change) = &self.changes[number];
            let own = of_person
                .get(&whose(*at, change))
                .map_or(&[][..], Vec::as_slice);
            let (everything, leaving) = match &change.action {
                Action::Disable {} => (true, false),
                Action::AddMember { .. } => (false, !shut(own)),
                _ => (false, false),
            };
            let needs = &change.depends_on;
            let replaces = matches!(
                &change.action,
                Action::Create {
                    replaces: Some(_),
                    ..
                }
            );
            let enters = matches!(change.action, Action::AddMember { .. });
            // A name is its account's, its address's and its person's: none of them changes alone.
            let is_name = |change: &Change| {
                matches!(change.action, Action::Rename { .. } | Action::Modify { .. })
            };
            let renames = |other: &&usize| {
                let other = &self.changes[**other].1;
                matches!(other.action, Action::Rename { .. }) && other.object == change.object
            };
            let named = is_name(change) && own.iter().any(|other| renames(&other));
            let own = own.iter().filter(|other| {
                let other = &self.changes[**other].1;
                everything
                    || whole
                    || leaving && matches!(other.action, Action::RemoveMember { .. })
                    || named && is_name(other) && other.object == change.object
                    || enters && other.unit.is_some() && other.unit == change.unit
                    // The old account is given up for the new one only.
                    || replaces
                        && matches!(other.action, Action::Modify { .. })
                        && needs.contains(&other.id)
            });
            for next in followers.get(&number).into_iter().flatten().chain(own) {
                if found[*next].is_none() {
                    found[*next] = Some(outcome);
                    open.push((*next, outcome));
                }
            }
        }
        self.waits = found;
    }

    /// Parts what goes on from what waits.
    pub(super) fn finish(mut self, waivers: Vec<WaiverInPlan>) -> Judgement {
        for outcome in self.waits.iter().flatten() {
            self.outcomes[*outcome].held += 1;
        }
        let mut judgement = Judgement {
            waivers,
            touching: self.touching,
            ..Judgement::default()
        };
        let mut waiting: BTreeMap<(u32, Option<Guid>, usize), Vec<Change>> = BTreeMap::new();
        let mut going: hashbrown::HashSet<(u32, Option<Guid>)> = hashbrown::HashSet::new();
        for ((at, change), outcome) in self.changes.into_iter().zip(self.waits) {
            let stranger = change.account().guid.filter(|_| at == NOBODY);
            match outcome {
                Some(outcome) => waiting
                    .entry((at, stranger, outcome))
                    .or_default()
                    .push(change),
                None => {
                    going.insert((at, stranger));
                    judgement.changes.push(change);
                }
            }
        }
        let texts: Vec<(String, String)> = self
            .outcomes
            .iter()
            .map(|outcome| why(outcome, self.undo.is_some()))
            .collect();
        for ((at, stranger, outcome), changes) in waiting {
            let Some(first) = changes.first() else {
                continue;
            };
            let judged = &self.outcomes[outcome];
            let (reason, help) = &texts[outcome];
            let mut waits: Vec<(&str, &str)> = changes
                .iter()
                .map(|change| (change.action.kind(), words(&change.action)))
                .collect();
            waits.sort_unstable();
            waits.dedup();
            let listed: Vec<&str> = waits.iter().map(|(_, words)| *words).collect();
            let mut accounts = vec![first.account().clone()];
            accounts.retain(|account| account.guid.is_some());
            judgement.held.push(Held {
                person: Some(first.person.clone()),
                accounts,
                target: None,
                code: match judged.kind {
                    GuardKind::Limit => held::GUARD_LIMIT,
                    GuardKind::MinimumMembers => held::GUARD_MINIMUM_MEMBERS,
                    GuardKind::BreakGlass => held::GUARD_BREAK_GLASS,
                }
                .code
                .to_owned(),
                reason: format!("{reason}; waiting: {}", listed.join(", ")),
                help: help.clone(),
                rule: Some(judged.rule),
                partial: going.contains(&(at, stranger)),
                guard: Some(judged.guard.clone()),
                waits: waits.iter().map(|(kind, _)| (*kind).to_owned()).collect(),
            });
        }
        judgement.outcomes = self.outcomes;
        judgement
    }
}

/// Tells people apart, as [`who`] tells accounts.
fn of(person: &PersonRef) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one((&person.source, &person.key))
}

/// Why a guard holds, and the way out.
fn why(outcome: &crate::plan::GuardOutcome, undo: bool) -> (String, String) {
    let scope = match outcome.part() {
        Some(part) => format!(" in {part}"),
        None => String::new(),
    };
    match outcome.kind {
        GuardKind::Limit => {
            let more = match outcome.on_breach {
                Some(OnBreach::HoldRemovals) => ", so removals wait",
                Some(OnBreach::HoldAll) => ", so everything waits",
                _ => "",
            };
            let waiver = format!(
                "{}, or let it pass once with a Waiver: guard {}{}, maximum {}",
                if undo {
                    "undo only a part of it (--only)"
                } else {
                    "see to what brings this about"
                },
                outcome.guard,
                match &outcome.scope {
                    Some(scope) if outcome.per.as_deref() != Some("placement") => {
                        format!(", scope {scope:?}")
                    }
                    _ => String::new(),
                },
                outcome.counted
            );
            (
                format!(
                    "limit {}: {}{}{}{scope} would be {}, {} allowed ({}){more}",
                    outcome.guard,
                    outcome.counted,
                    match outcome.already {
                        0 => String::new(),
                        already => format!(" ({already} of them undone before)"),
                    },
                    // Whoever is deleted is none of the enabled accounts a share is of.
                    if outcome.counts == "deleted" {
                        String::new()
                    } else {
                        format!(" of {}", outcome.base)
                    },
                    outcome.counts,
                    outcome.allowed,
                    outcome.limit
                ),
                waiver,
            )
        }
        GuardKind::MinimumMembers if outcome.verdict == GuardVerdict::NotJudged => (
            format!("{}: {}", outcome.guard, outcome.limit),
            held::GUARD_MINIMUM_MEMBERS.help.to_owned(),
        ),
        GuardKind::MinimumMembers => (
            format!(
                "{}{scope}: {} of {} enabled members would go, and {}",
                outcome.guard, outcome.counted, outcome.base, outcome.limit
            ),
            held::GUARD_MINIMUM_MEMBERS.help.to_owned(),
        ),
        GuardKind::BreakGlass => (
            "the account is kept for emergencies, and no plan changes it".to_owned(),
            held::GUARD_BREAK_GLASS.help.to_owned(),
        ),
    }
}

/// A kind of change as the reason calls it.
fn words(action: &Action) -> &'static str {
    match action {
        Action::Modify { .. } => "change attributes",
        Action::AddMember { .. } => "enter groups",
        Action::RemoveMember { .. } => "leave groups",
        Action::ResetPassword {} => "reset the password",
        Action::Restore { .. } => "bring back",
        Action::Create { .. }
        | Action::Adopt { .. }
        | Action::Enable { .. }
        | Action::Disable {}
        | Action::Rename { .. }
        | Action::Move { .. }
        | Action::Delete { .. } => action.kind(),
    }
}
