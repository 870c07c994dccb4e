//! What will happen to whom on which day if nothing changes: people coming into another state, or another stage.
//!
//! Knows facts, the lifecycle and what stages are counted from. Asks the lifecycle only about days on which its answer
//! can turn; where that cannot be told beforehand, about every day.

use std::collections::BTreeSet;

use jiff::Span;
use jiff::civil::Date;
use rayon::prelude::*;

use super::changes::index;
use super::deletion::Earliest;
use super::missing::{self, Missing};
use super::target::{CHUNK, Subject, Target};
use super::{CalendarEffect, CalendarEntry};
use crate::config::kinds::{GroupsInState, InactiveThen};
use crate::lang::{PersonContext, Timing};
use crate::lifecycle::{Beginning, Lifecycle, Since, State};
use crate::matching::Found;
use crate::model::ACCOUNTDISABLE;

/// The days from tomorrow on, so many of them, for everybody of a target. `waiting` are accounts of missing people.
pub(super) fn calendar(
    target: &Target<'_>,
    waiting: &[(Missing, Date)],
    days: u32,
) -> Vec<CalendarEntry> {
    if days == 0 {
        return Vec::new();
    }
    let timings: Vec<Timings<'_>> = target
        .sides
        .iter()
        .map(|side| Timings::new(&side.lifecycle))
        .collect();
    let mut entries: Vec<CalendarEntry> = target
        .subjects
        .par_chunks(CHUNK)
        .flat_map_iter(|chunk| {
            chunk.iter().flat_map(|subject| {
                let timings = &timings[usize::from(subject.side)];
                One::new(target, subject, days).map_or_else(Vec::new, |one| one.entries(timings))
            })
        })
        .collect();
    let today = target.moment.as_of.date();
    for (of, day) in waiting {
        entries.extend(left(target, *of, *day, today, days));
    }
    entries
}

/// When a missing person becomes a leaver.
fn left(
    target: &Target<'_>,
    of: Missing,
    day: Date,
    today: Date,
    days: u32,
) -> Option<CalendarEntry> {
    let lifecycle = &target.sides[usize::from(of.side)].lifecycle;
    let crate::lifecycle::Absent::Leaver { after, written } = lifecycle.absent else {
        return None;
    };
    let on = later(day, after)?.tomorrow().ok()?;
    if on <= today || on > later(today, days)? {
        return None;
    }
    let state = lifecycle.states.get(lifecycle.written[written].first)?;
    let mut does = vec![CalendarEffect::Disable];
    if state.placement.is_some() {
        does.push(CalendarEffect::Move);
    }
    if state.groups == GroupsInState::Remove {
        does.push(CalendarEffect::LeaveGroups);
    }
    Some(CalendarEntry {
        on,
        target: target.name.clone(),
        person: missing::person(target, of),
        account: Some(target.object(of.object)),
        from: crate::lifecycle::ABSENT.to_owned(),
        to: state.name.clone(),
        does,
        groups: Vec::new(),
        rule: index(lifecycle.absent_rule),
    })
}

fn later(day: Date, days: u32) -> Option<Date> {
    day.checked_add(Span::new().days(i64::from(days))).ok()
}

/// When the conditions and dates of a lifecycle can turn.
struct Timings<'l> {
    lifecycle: &'l Lifecycle,
    conditions: Vec<Timing<'l>>,
    anytime: bool,
}

impl<'l> Timings<'l> {
    fn new(lifecycle: &'l Lifecycle) -> Self {
        let written = &lifecycle.written;
        let conditions: Vec<Timing<'l>> = written
            .iter()
            .filter_map(|state| state.when.as_ref())
            .chain(lifecycle.inactive.iter().map(|inactive| &inactive.when))
            .map(|when| when.condition.timing())
            .collect();
        let dates = written.iter().filter_map(|state| state.since.as_ref());
        let anytime = conditions.iter().any(Timing::is_anytime)
            || dates
                .into_iter()
                .any(|since| since.template.timing().is_anytime());
        Self {
            lifecycle,
            conditions,
            anytime,
        }
    }
}

/// One subject's days to come.
struct One<'t, 'a> {
    target: &'t Target<'a>,
    subject: &'t Subject,
    context: PersonContext<'t>,
    today: Date,
    end: Date,
}

impl<'t, 'a> One<'t, 'a> {
    fn new(target: &'t Target<'a>, subject: &'t Subject, days: u32) -> Option<Self> {
        if matches!(subject.found, Found::Conflict(_)) || target.is_left_to_people(subject)
            // Nothing comes to whoever is exempt.
            || target.side(subject).exceptions.exempts(subject.person)
        {
            return None;
        }
        let side = target.side(subject);
        let context = side.context(target.moment, subject.person);
        let today = context.as_of.date();
        Some(Self {
            end: later(today, days)?,
            target,
            subject,
            context,
            today,
        })
    }

    /// Days on which the state can turn.
    fn candidates(&self, timings: &Timings<'_>) -> BTreeSet<Date> {
        let mut days = Vec::new();
        let known = !timings.anytime
            && timings
                .conditions
                .iter()
                .all(|timing| timing.days(&self.context, &mut days));
        if !known {
            let all = std::iter::successors(self.today.tomorrow().ok(), |day| day.tomorrow().ok());
            return all.take_while(|day| *day <= self.end).collect();
        }
        for written in &timings.lifecycle.written {
            match written.beginning(&self.context) {
                Ok(Beginning::EndOf(day)) => {
                    days.extend(day.tomorrow().ok());
                    days.extend(written.beginnings(day));
                }
                Ok(Beginning::At(moment)) => {
                    let day = self.context.as_of.time_zone().to_datetime(moment).date();
                    days.push(day);
                    days.extend(written.beginnings(day));
                }
                Ok(Beginning::Unknown) | Err(_) => {}
            }
        }
        if let Some(day) = self.subject.counting.day {
            days.extend(
                self.written(usize::from(self.subject.state))
                    .beginnings(day),
            );
        }
        days.retain(|day| self.is_ahead(*day));
        days.into_iter().collect()
    }

    fn is_ahead(&self, day: Date) -> bool {
        day > self.today && day <= self.end
    }

    fn written(&self, state: usize) -> &'t crate::lifecycle::Written {
        let lifecycle = &self.target.side(self.subject).lifecycle;
        &lifecycle.written[lifecycle.states[state].written]
    }

    fn entries(mut self, timings: &Timings<'_>) -> Vec<CalendarEntry> {
        let lifecycle = timings.lifecycle;
        let mut entries = Vec::new();
        let mut state = usize::from(self.subject.state);
        let mut counted = self.subject.counting.day;
        let stamps = self.target.mapping(self.subject).stamp.is_some();
        let mut account = self.subject.account().is_some() || lifecycle.states[state].create;
        let mut days = self.candidates(timings);
        let mut waits = self.disabled(&lifecycle.states[state]);
        // What is due later today is done by tomorrow's plan.
        let from = if self.is_due(&lifecycle.states[state]) {
            Some(self.today)
        } else {
            self.today.tomorrow().ok()
        };
        let from = from.filter(|_| !self.target.is_left_alone(self.subject));
        entries.extend(from.and_then(|from| self.due(&lifecycle.states[state], waits, from)));
        while let Some(day) = days.pop_first() {
            // A moment of the day has come when the day is over.
            let zone = self.context.as_of.time_zone().clone();
            let Ok(as_of) = day.at(23, 59, 59, 0).to_zoned(zone) else {
                continue;
            };
            self.context.as_of = as_of;
            // Whose state nobody can tell is held on that day; there is nothing to announce.
            let Ok(decided) = lifecycle.decide(&self.context) else {
                break;
            };
            let mut next = decided.state;
            let since = counted;
            match decided.since {
                Since::Day(day) => counted = Some(day),
                Since::Uncounted => counted = None,
                Since::Stamp if stamps && (account || lifecycle.states[next].create) => {
                    let written = self.written(next);
                    let same = lifecycle.states[state].written == lifecycle.states[next].written;
                    let since = match counted {
                        Some(since) if same => since,
                        _ => {
                            days.extend(written.beginnings(day).filter(|day| self.is_ahead(*day)));
                            day
                        }
                    };
                    counted = Some(since);
                    next = written.stage(since, day);
                }
                Since::Stamp => {}
            }
            if next != state {
                let (from, to) = (&lifecycle.states[state], &lifecycle.states[next]);
                // Nobody inactive is enabled, and nothing at all happens to those people decide about.
                let enters = to.enabled || to.create && !account;
                let back = lifecycle.written[from.written].returning.filter(|back| {
                    let since = since.map(|since| i64::from((day - since).get_days()));
                    (to.enabled || to.create)
                        && account
                        && since.is_some_and(|days| days > i64::from(back.after))
                });
                // Who comes back is held.
                if back.is_some_and(|back| !back.new) {
                    break;
                }
                let people = lifecycle.inactive.as_ref();
                let people = people.is_some_and(|one| one.then != InactiveThen::States);
                if (enters || people) && lifecycle.is_inactive(&self.context) != Ok(false) {
                    break;
                }
                // What is only counted now has not been deleted yet.
                entries.retain(|entry: &CalendarEntry| {
                    entry.on < day || !entry.does.contains(&CalendarEffect::Delete)
                });
                account &= !entries
                    .iter()
                    .any(|entry| entry.does.contains(&CalendarEffect::Delete));
                let mut entry = self.entry(day, from, to, account && back.is_none());
                waits = match (from.enabled, to.enabled) {
                    (true, false) => Some(day),
                    (_, true) => None,
                    _ => waits,
                };
                let deleted = (account && back.is_none())
                    .then(|| self.due(to, waits, day))
                    .flatten();
                match deleted {
                    Some(due) if due.on == day => {
                        entry.does.push(CalendarEffect::Delete);
                        entries.push(entry);
                    }
                    later => {
                        entries.push(entry);
                        entries.extend(later);
                    }
                }
                account |= to.create;
                state = next;
            }
        }
        entries
    }

    /// Since when the account will have been disabled, for its deletion; `None` where that is not known.
    fn disabled(&self, state: &State) -> Option<Date> {
        let entry = self.target.index.entry(self.subject.account()?);
        let flags: i64 = entry.value(self.target.known.uac)?.parse().ok()?;
        match (flags & ACCOUNTDISABLE == 0, state.enabled) {
            // This plan disables it.
            (true, false) => Some(self.today),
            (true, true) => None,
            (false, _) => {
                let since = entry.deletion.as_ref()?.control_changed?;
                Some(self.context.as_of.time_zone().to_datetime(since).date())
            }
        }
    }

    /// Whether the account has been disabled for long enough by now.
    fn is_due(&self, state: &State) -> bool {
        let (Some(terms), Some(object)) = (&state.delete, self.subject.account()) else {
            return false;
        };
        let now = self.target.moment.as_of.timestamp();
        matches!(self.target.deletable_from(object, terms), Earliest::From(from) if from <= now)
    }

    /// The day on or after `day` on which an account in this state has been disabled for long enough.
    fn due(&self, state: &State, since: Option<Date>, day: Date) -> Option<CalendarEntry> {
        let terms = state.delete.as_ref()?;
        let on = later(since?, terms.disabled_for)?.max(day);
        // What is due today is in the plan, or held.
        self.is_ahead(on).then(|| CalendarEntry {
            does: vec![CalendarEffect::Delete],
            ..self.entry(on, state, state, true)
        })
    }

    fn entry(&self, on: Date, from: &State, to: &State, account: bool) -> CalendarEntry {
        let mut does = Vec::new();
        if !account {
            does.extend(to.create.then_some(CalendarEffect::Create));
        } else {
            match (from.enabled, to.enabled) {
                (false, true) => does.push(CalendarEffect::Enable),
                (true, false) => does.push(CalendarEffect::Disable),
                _ => {}
            }
            let rule = |state: &State| state.placement.as_ref().map(|formula| formula.rule);
            if rule(from) != rule(to) {
                does.push(CalendarEffect::Move);
            }
            match (from.groups, to.groups) {
                (one, other) if one == other => {}
                (_, GroupsInState::Remove) => does.push(CalendarEffect::LeaveGroups),
                (GroupsInState::Remove, _) => does.push(CalendarEffect::JoinGroups),
                _ => {}
            }
        }
        // Nobody who is stopped is enabled, and their account is shut already.
        let exceptions = &self.target.side(self.subject).exceptions;
        if exceptions.stops(self.subject.person).is_some() {
            let shuts = [CalendarEffect::Enable, CalendarEffect::Disable];
            does.retain(|effect| !shuts.contains(effect));
        }
        CalendarEntry {
            on,
            target: self.target.name.clone(),
            person: self
                .target
                .side(self.subject)
                .reference(self.subject.person),
            account: self
                .subject
                .account()
                .map(|object| self.target.object(object)),
            from: from.name.clone(),
            to: to.name.clone(),
            does,
            groups: Vec::new(),
            rule: index(to.rule),
        }
    }
}
