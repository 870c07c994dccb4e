//! Moves across groups: what somebody enters and leaves in one plan is one unit, and may overlap for a time.
//!
//! Knows who enters and leaves what, nothing of why. Keeps that nobody who works here leaves a group before they have
//! entered everything rules give them, but for groups with power over the domain, which wait for nothing; that an
//! overlap has an end a plan can name, and that it is never prolonged.

use std::collections::BTreeSet;
use std::ops::Range;

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use jiff::civil::Date;

use super::changes::{Making, change_id, index, object_text};
use super::contents::plan_value;
use super::draft::Draft;
use super::groups::Memberships;
use super::overlap::{Term, later};
use super::target::{Subject, Target};
use super::wishes::{GroupRule, held_back};
use super::{
    Action, AttributeChange, CalendarEffect, CalendarEntry, Cause, Change, ChangeId, PlanValue,
    Reason, Recovery, Risk, UnitId,
};
use crate::config::kinds::GroupsInState;
use crate::lifecycle::{MOVED, RuleId, Since, Stamp};
use crate::mapping::AttributeRule;
use crate::matching::Standing;
use crate::model::spoken;
use crate::policy::held;

/// Somebody who leaves a group.
pub(super) struct Leaving {
    pub(super) at: u32,
    pub(super) group: u32,
    /// Absent when there is no evidence that they may.
    pub(super) change: Option<Change>,
    pub(super) term: Term,
}

/// Why somebody cannot enter a group rules give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// It is held.
    Group(u32),
    /// The rule names none.
    Rule(u16),
    /// Nobody can tell whether somebody took them out of it.
    Unclear(u32),
}

/// What memberships come to before moves are settled.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) entering: Vec<(u32, Change)>,
    pub(super) leaving: Vec<Leaving>,
    pub(super) kept_out: Vec<(u32, Obstacle)>,
    /// Whether some group was not judged, so that somebody might be to leave it.
    pub(super) in_doubt: bool,
    /// Subjects of whom nobody can tell whether they leave something.
    pub(super) unclear: Vec<u32>,
}

/// A group somebody leaves on a day to come.
pub(super) struct Postponed {
    at: u32,
    group: u32,
    /// The last day in it.
    last: Date,
    rule: RuleId,
    /// The change that begins the overlap, when this plan does.
    needs: Option<ChangeId>,
    /// The change that is to come.
    pub(super) change: Option<Change>,
}

/// Whether a subject's memberships follow the rules and the person works here: only then is leaving bound to entering.
/// Whoever is shut out leaves at once.
fn works_here(target: &Target<'_>, subject: &Subject) -> bool {
    let state = target.state(subject);
    state.enabled && state.groups == GroupsInState::Rules
}

/// Whether the stamp of a move means something for a subject. Otherwise it is cleared like that of any other state.
pub(super) fn keeps_stamp(target: &Target<'_>, subject: &Subject) -> bool {
    works_here(target, subject) && subject.since != Since::Stamp
}

/// What becomes of a stamp.
enum Written {
    Begun(Reason),
    /// It stood there, and somebody wrote something else.
    Back(String, RuleId),
    Cleared,
}

/// What stands where stamps are kept.
enum Stamped {
    Nothing,
    /// Moved on this day.
    Moved(Date),
    /// What another state counts from, or counted from.
    Other,
    /// Nothing that can be counted from.
    Unreadable(CompactString),
}

/// Settles who leaves what and when, and binds it to what they enter.
pub(super) fn settle(
    making: &Making<'_, '_>,
    rules: &[GroupRule],
    mut parts: Parts,
    uncertain: &HashMap<u32, Draft>,
    made: &mut Vec<(u32, Change)>,
    found: &mut Memberships,
) -> BTreeSet<u32> {
    parts.entering.sort_by_key(|(at, _)| *at);
    parts.leaving.sort_by_key(|leaving| leaving.at);
    parts.kept_out.sort_unstable();
    let mut settling = Settling {
        making,
        rules,
        kept_out: &parts.kept_out,
        made,
        found,
        unproven: BTreeSet::new(),
        busy: parts.unclear.iter().copied().collect(),
        unclear: parts.unclear.into_iter().collect(),
    };
    let mut leaving = parts.leaving.into_iter().peekable();
    while let Some(first) = leaving.next() {
        let at = first.at;
        let mut own = vec![first];
        while let Some(next) = leaving.next_if(|next| next.at == at) {
            own.push(next);
        }
        let range = range(&parts.entering, at);
        settling.one(at, own, &mut parts.entering[range]);
    }
    if !parts.in_doubt {
        settling.clear_others(uncertain);
    }
    let unproven = settling.unproven;
    made.retain(|(_, change)| {
        !matches!(&change.action, Action::Modify { attributes } if attributes.is_empty())
    });
    found.changes.append(&mut parts.entering);
    unproven
}

fn range(sorted: &[(u32, Change)], at: u32) -> Range<usize> {
    sorted.partition_point(|(other, _)| *other < at)
        ..sorted.partition_point(|(other, _)| *other <= at)
}

struct Settling<'s, 't, 'a> {
    making: &'s Making<'t, 'a>,
    rules: &'s [GroupRule],
    kept_out: &'s [(u32, Obstacle)],
    made: &'s mut Vec<(u32, Change)>,
    found: &'s mut Memberships,
    unproven: BTreeSet<u32>,
    /// Subjects whose stamp is decided about.
    busy: HashSet<u32>,
    /// Subjects who may have something else to leave.
    unclear: HashSet<u32>,
}

impl Settling<'_, '_, '_> {
    fn one(&mut self, at: u32, leaving: Vec<Leaving>, entering: &mut [(u32, Change)]) {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        let side = target.side(subject);
        if !works_here(target, subject) || side.exceptions.stops(subject.person).is_some() {
            for one in leaving {
                self.leave(at, one.change, &[], None);
            }
            return;
        }
        self.busy.insert(at);
        // Power over the domain waits for nothing.
        let (powerful, leaving): (Vec<Leaving>, Vec<Leaving>) = leaving
            .into_iter()
            .partition(|one| one.change.as_ref().is_some_and(|change| change.privileged));
        for one in powerful {
            self.leave(at, one.change, &[], None);
        }
        if leaving.is_empty() {
            if !self.unclear.contains(&at) {
                self.busy.remove(&at);
            }
            return;
        }
        if let Some(obstacle) = self.obstacle(at) {
            let count = leaving.len();
            let groups = if count == 1 { "a group" } else { "groups" };
            let text = format!(
                "leaving {groups} waits, for not everything rules give can be entered: {obstacle}"
            );
            self.hold(at, Draft::new(held::MOVE_INCOMPLETE, text).partial());
            return;
        }
        let today = side.as_of(target.moment, subject.person).date();
        let stamp_rule = target.mapping(subject).stamp.as_ref();
        let left = stamp_rule
            .filter(|_| keeps_stamp(target, subject))
            .and_then(|rule| left_there(target, subject, rule));
        // From what nobody can count from, nobody's overlap ever did.
        let left = left.and_then(|text| match stamp_of(target, subject, &text) {
            Stamped::Moved(day) => Some((text, day)),
            _ => None,
        });
        let found = stamp_rule.map_or(Stamped::Nothing, |rule| stamped(target, subject, rule));
        let is_stamp = match &found {
            Stamped::Moved(_) => true,
            // Somebody wrote it over the stamp that was there.
            Stamped::Unreadable(_) => left.is_some(),
            Stamped::Nothing | Stamped::Other => false,
        };
        let stamped = match &left {
            Some((_, day)) => Stamped::Moved(*day),
            None => found,
        };
        let can_begin = !entering.is_empty()
            && stamp_rule.is_some()
            && subject.since != Since::Stamp
            && matches!(stamped, Stamped::Nothing | Stamped::Other);
        let (mut now, mut stays) = (Vec::new(), Vec::new());
        let (mut begins, mut counts) = (false, false);
        let mut in_doubt = self.unclear.contains(&at);
        for one in leaving {
            let (days, until, rule) = match one.term {
                Term::AtOnce => {
                    now.push(one);
                    continue;
                }
                Term::Unknown(draft) => {
                    in_doubt = true;
                    self.hold(at, *draft);
                    continue;
                }
                Term::Ends { days, until, rule } => (days, until, rule),
            };
            let from = match (&stamped, days) {
                (_, None) => None,
                (Stamped::Moved(day), Some(_)) => Some(*day),
                (Stamped::Unreadable(text), Some(_)) => {
                    in_doubt = true;
                    let text = format!(
                        "since when groups overlap stands in {}, and {text:?} is no stamp to count from",
                        stamp_rule.map_or("", |rule| rule.name.as_str())
                    );
                    self.hold(
                        at,
                        Draft::new(held::STAMP_UNREADABLE, text)
                            .rule(rule)
                            .partial(),
                    );
                    continue;
                }
                (_, Some(_)) if can_begin => Some(today),
                // Nothing is entered now, so this is no move; or the stamp counts something else.
                (_, Some(_)) => {
                    now.push(one);
                    continue;
                }
            };
            let counted = match (from, days) {
                (Some(from), Some(days)) => later(from, days),
                _ => None,
            };
            let last = [counted, until].into_iter().flatten().min();
            match last.filter(|last| *last >= today) {
                None => now.push(one),
                Some(last) => {
                    counts |= days.is_some();
                    begins |= days.is_some() && can_begin;
                    stays.push((last, one, rule));
                }
            }
        }
        let unit = unit(target, subject);
        let mut entered: Vec<ChangeId> = Vec::with_capacity(entering.len());
        let stay = self.words(&stays);
        let stamp = stamp_rule
            .filter(|_| begins)
            .zip(stays.first())
            .map(|(stamp, first)| {
                let because = Reason {
                    text: format!("moves across groups; {stay}"),
                    rule: index(first.2),
                    facts: std::collections::BTreeMap::new(),
                };
                self.stamp(at, stamp, Written::Begun(because), Vec::new())
            });
        if let (Some((left, _)), Some(rule), Some((_, _, by)), true) =
            (left, stamp_rule, stays.first(), counts && !begins)
        {
            self.stamp(at, rule, Written::Back(left, *by), Vec::new());
        }
        let leaves = now.iter().any(|one| one.change.is_some());
        for (_, change) in entering.iter_mut() {
            if leaves || stamp.is_some() {
                change.unit = Some(unit.clone());
            }
            if !stays.is_empty() {
                change.because.text.push_str(&format!("; {stay}"));
            }
            change.depends_on.extend(stamp.clone());
            change.depends_on.sort();
            entered.push(change.id.clone());
        }
        for (last, one, rule) in stays {
            self.found.postponed.push(Postponed {
                at,
                group: one.group,
                last,
                rule,
                needs: stamp.clone(),
                change: one.change,
            });
        }
        let mut gone = Vec::new();
        let own = (!entered.is_empty()).then_some(unit);
        for one in now {
            gone.extend(one.change.as_ref().map(|change| change.id.clone()));
            in_doubt |= one.change.is_none();
            self.leave(at, one.change, &entered, own.as_ref());
        }
        if let (true, Some(rule), false, false) = (is_stamp, stamp_rule, counts, in_doubt) {
            self.stamp(at, rule, Written::Cleared, gone);
        }
    }

    /// A removal that goes on, once everything is entered.
    fn leave(
        &mut self,
        at: u32,
        change: Option<Change>,
        entered: &[ChangeId],
        unit: Option<&UnitId>,
    ) {
        let Some(mut change) = change else {
            self.unproven.insert(at);
            return;
        };
        change.depends_on.extend(entered.iter().cloned());
        change.depends_on.sort();
        change.depends_on.dedup();
        change.unit = unit.cloned();
        self.found.changes.push((at, change));
    }

    fn hold(&mut self, at: u32, mut draft: Draft) {
        let subject = &self.making.target.subjects[at as usize];
        draft.accounts.extend(subject.account());
        let entry = (subject.side, subject.person, draft);
        // Several groups wait for one reason.
        if self.found.people.last() != Some(&entry) {
            self.found.people.push(entry);
        }
    }

    /// Why somebody cannot enter everything, for reviewers.
    fn obstacle(&self, at: u32) -> Option<String> {
        let first = self.kept_out.partition_point(|(other, _)| *other < at);
        let own = self.kept_out[first..]
            .iter()
            .take_while(|(other, _)| *other == at);
        let mut words: Vec<String> = own
            .map(|(_, obstacle)| match obstacle {
                Obstacle::Group(group) => {
                    format!(
                        "{} is held",
                        self.making.target.index.entry(*group).dn.spoken()
                    )
                }
                Obstacle::Unclear(group) => {
                    let name = self.making.target.index.entry(*group).dn.rdn().value;
                    let name = spoken::name(&name);
                    format!("nothing tells whether somebody took the account out of {name}")
                }
                Obstacle::Rule(rule) => {
                    let template = &self.rules[usize::from(*rule)].group.template;
                    match template.literal() {
                        Some(name) => format!("there is no group {}", spoken::object(name.trim())),
                        None => "a rule comes to a name that is no group's".to_owned(),
                    }
                }
            })
            .collect();
        words.sort();
        words.dedup();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// `stays in Sales and Everyone until 2026-12-11`.
    fn words(&self, stays: &[(Date, Leaving, RuleId)]) -> String {
        let mut by_day: std::collections::BTreeMap<Date, Vec<String>> = Default::default();
        for (last, one, _) in stays {
            let name = self.making.target.index.entry(one.group).dn.rdn().value;
            by_day.entry(*last).or_default().push(name);
        }
        let days = by_day.into_iter().map(|(last, groups)| {
            let groups = spoken::names(groups.iter().map(String::as_str));
            format!("stays in {groups} until {last}")
        });
        days.collect::<Vec<_>>().join(", ")
    }

    /// Stamps that nothing is counted from any more.
    fn clear_others(&mut self, uncertain: &HashMap<u32, Draft>) {
        let target = self.making.target;
        for (number, subject) in target.subjects.iter().enumerate() {
            let at = u32::try_from(number).unwrap_or(u32::MAX);
            let Some(rule) = &target.mapping(subject).stamp else {
                continue;
            };
            let Some(account) = subject.account() else {
                continue;
            };
            // Where nothing else is to be done, nothing has said so yet.
            let protected = matches!(target.standing[account as usize], Standing::Protected(_));
            if protected
                || self.busy.contains(&at)
                || uncertain.contains_key(&at)
                || !keeps_stamp(target, subject)
                || !matches!(stamped(target, subject, rule), Stamped::Moved(_))
                || held_back(self.making, at, false)
            {
                continue;
            }
            self.stamp(at, rule, Written::Cleared, Vec::new());
        }
    }

    /// The change that begins an overlap, gives one that goes on its stamp back, or clears the stamp of one that is over.
    fn stamp(
        &mut self,
        at: u32,
        rule: &AttributeRule,
        written: Written,
        mut depends_on: Vec<ChangeId>,
    ) -> ChangeId {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        let side = target.side(subject);
        let range = range(self.made, at);
        for (_, change) in &mut self.made[range] {
            // The stamp of another state would be cleared; this one takes its place.
            if let Action::Modify { attributes } = &mut change.action {
                attributes.retain(|attribute| !attribute.name.eq_ignore_ascii_case(&rule.name));
            }
        }
        let observed = subject
            .account()
            .map_or(&[][..], |object| target.index.entry(object).values(rule.id));
        let begins = matches!(written, Written::Begun(_));
        let because = |text: &str, rule: RuleId| Reason {
            text: text.to_owned(),
            rule: index(rule),
            facts: std::collections::BTreeMap::new(),
        };
        let (after, because) = match written {
            Written::Begun(because) => {
                let stamp = Stamp::new(MOVED, target.moment.as_of.timestamp());
                (Some(stamp.to_string()), because)
            }
            Written::Back(text, by) => {
                let why =
                    "the overlap of groups is counted from it, and something else stands there";
                (Some(text), because(why, by))
            }
            Written::Cleared => (None, because("the overlap of groups is over", rule.rule)),
        };
        let after = after.map(PlanValue::Text);
        depends_on.extend(self.making.adoption(at));
        depends_on.sort();
        let id = change_id(target.name, &object_text(target, subject), "stamp", "");
        let unit = begins || !depends_on.is_empty();
        let change = Change {
            id: id.clone(),
            person: side.reference(subject.person),
            target: target.name.clone(),
            object: match subject.account() {
                Some(object) => target.object(object),
                None => return id,
            },
            action: Action::Modify {
                attributes: vec![AttributeChange {
                    name: rule.name.clone(),
                    before: observed
                        .iter()
                        .map(|value| plan_value(&rule.def, value))
                        .collect(),
                    after: after.into_iter().collect(),
                    merge: false,
                    rule: index(rule.rule),
                    facts: std::collections::BTreeMap::new(),
                    cut_from: None,
                    never_reuse: None,
                }],
            },
            depends_on,
            because,
            cause: Cause::Undetermined,
            risk: Risk::Low,
            recovery: Recovery::Full,
            privileged: false,
            unit: unit.then(|| self::unit(target, subject)),
        };
        self.found.changes.push((at, change));
        id
    }
}

fn unit(target: &Target<'_>, subject: &Subject) -> UnitId {
    let id = change_id(target.name, &object_text(target, subject), "unit", "");
    let hash = id.0.trim_start_matches("c-");
    UnitId(compact_str::format_compact!("u-{hash}"))
}

/// The stamp that the last plan left on the account, where something else stands there now.
fn left_there(target: &Target<'_>, subject: &Subject, rule: &AttributeRule) -> Option<String> {
    let entry = target.index.entry(subject.account()?);
    let overlaps = target.evidence.overlaps()?;
    let left = overlaps.stamp(target.name, entry.guid, &rule.name)?;
    let stands = entry.value(rule.id).is_some_and(|found| found == left);
    (!stands).then(|| left.to_owned())
}

fn stamped(target: &Target<'_>, subject: &Subject, rule: &AttributeRule) -> Stamped {
    let observed = subject
        .account()
        .and_then(|object| target.index.entry(object).value(rule.id));
    match observed {
        Some(text) => stamp_of(target, subject, text),
        None => Stamped::Nothing,
    }
}

fn stamp_of(target: &Target<'_>, subject: &Subject, text: &str) -> Stamped {
    let as_of = target.side(subject).as_of(target.moment, subject.person);
    let unreadable = || Stamped::Unreadable(text.chars().take(80).collect());
    match Stamp::parse(text) {
        None => unreadable(),
        Some(stamp) if stamp.what != MOVED => Stamped::Other,
        Some(stamp) => {
            let day = as_of.time_zone().to_datetime(stamp.since).date();
            // From a day to come an overlap would last as long as whoever wrote it likes.
            let tomorrow = later(as_of.date(), 1);
            match tomorrow {
                Some(tomorrow) if day > tomorrow => unreadable(),
                _ => Stamped::Moved(day),
            }
        }
    }
}

/// When overlaps end, for the plan's calendar: however far ahead, for it is said nowhere else.
pub(super) fn calendar(
    target: &Target<'_>,
    postponed: &[Postponed],
    changes: &[Change],
    states: &[CalendarEntry],
) -> Vec<CalendarEntry> {
    if postponed.is_empty() {
        return Vec::new();
    }
    let going: HashSet<&ChangeId> = changes.iter().map(|change| &change.id).collect();
    // Whoever leaves all groups before does not come to the end of an overlap.
    let mut gone = HashMap::new();
    for entry in states {
        if entry.does.contains(&CalendarEffect::LeaveGroups) {
            let first = gone.entry(&entry.person).or_insert(entry.on);
            *first = entry.on.min(*first);
        }
    }
    let mut entries: Vec<CalendarEntry> = Vec::new();
    let mut before: Option<(u32, Date)> = None;
    for one in postponed {
        if one.needs.as_ref().is_some_and(|id| !going.contains(id)) {
            continue;
        }
        let Ok(on) = one.last.tomorrow() else {
            continue;
        };
        if before == Some((one.at, one.last))
            && let Some(entry) = entries.last_mut()
        {
            entry.groups.push(target.object(one.group));
            continue;
        }
        let subject = &target.subjects[one.at as usize];
        let person = target.side(subject).reference(subject.person);
        if gone.get(&person).is_some_and(|first| *first <= on) {
            continue;
        }
        let state = &target.state(subject).name;
        entries.push(CalendarEntry {
            on,
            target: target.name.clone(),
            person,
            account: subject.account().map(|object| target.object(object)),
            from: state.clone(),
            to: state.clone(),
            does: vec![CalendarEffect::LeaveGroups],
            groups: vec![target.object(one.group)],
            rule: index(one.rule),
        });
        before = Some((one.at, one.last));
    }
    entries
}
