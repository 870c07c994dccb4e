//! Edits, by the account and attribute or by the change that would take them back.
//!
//! Knows two plans: the one that was applied, and the one that the same people and configuration give for the directory
//! as it is now; and what is carried on of accounts the first did not judge. Must not know how either was made. Keeps that
//! nothing is called untouched by anybody but what was judged. Linear in the changes of both.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::super::lost::of_matching;
use super::super::{Action, Change, ChangeId, Plan, PlanFile, PlanValue};
use super::carried::{Carried, Carry, Told};
use super::compared::Compared;
use super::doubts::{Doubt, doubt, put_in};
use super::onward::is_of_drift;
use super::overlaps::Overlaps;
use super::owners::{Owners, PersonOf};
use super::report::{Part, parts};
use super::waiting::Waiting;
use crate::model::{DirectorySnapshot, Guid, Location, Name, PeopleSnapshot, PersonKey, Verdict};

/// The last plan that was applied, and what is known of its apply.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// The plan.
    pub plan: &'a PlanFile,
    /// Of its changes, whether they were achieved, where a report or journal says so, and that one's digest.
    pub report: Option<(&'a BTreeMap<ChangeId, bool>, &'a str)>,
    /// The people it was made from.
    pub people: &'a BTreeMap<Name, PeopleSnapshot>,
    /// What it would have been, had nothing been asked about edits; where it held what nobody could tell.
    pub unasked: Option<(&'a Plan, &'a Compared)>,
    /// What its recording says of overlaps.
    pub overlaps: &'a Overlaps,
    /// What its recording carries on of accounts that its people and configuration do not tell of.
    pub carried: &'a [Carried],
    /// The directories as they are now.
    pub directories: &'a BTreeMap<Name, DirectorySnapshot>,
}

/// What is known of edits since a plan was applied.
#[derive(Debug, Clone)]
pub struct Edits {
    pub(in crate::plan) plan: String,
    pub(in crate::plan) as_of: jiff::Timestamp,
    pub(in crate::plan) report: Option<String>,
    /// By target and account, each attribute in lower case.
    attributes: HashMap<(Name, Guid), Vec<(String, Edit)>>,
    /// Everything but attributes, by the change that would take it back.
    steps: HashMap<ChangeId, Edit>,
    /// Each account's differences: what, the group where it is a membership, and what became of them.
    pub(super) differences: HashMap<(Name, Guid), Vec<Judged>>,
    /// Those of whom not everything was judged then.
    doubts: HashMap<PersonOf, Doubt>,
    /// Those of whom not everything is judged of the directory as it is now.
    doubts_now: HashMap<PersonOf, Doubt>,
    /// The accounts that were judged of the directory as it is now.
    pub(super) compared: Compared,
    /// What is known of others.
    pub(super) carry: Carry,
    /// What overlaps are for, and what they count from.
    overlaps: Overlaps,
    /// Whose accounts the last plan left something on as somebody had made it.
    left: HashMap<(Name, Guid), PersonOf>,
    /// Sources whose people then are not known to be all.
    unproven: HashSet<Name>,
    /// Everybody known then.
    known: HashSet<(Name, PersonKey)>,
    /// Those of them whose account may be another one now: who would be given one or their anchor, whose account is not as
    /// it was wanted, or of whom nothing is known.
    unaccounted: HashSet<PersonOf>,
    /// Whose account was whose then.
    pub(in crate::plan) owners: Owners,
}

/// A difference of an account, the group where it is a membership, and what became of it.
pub(super) type Judged = (Part, Option<Guid>, Planned);

/// One difference between what was wanted then and what is there now.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Edit {
    /// What was wanted then; nothing for steps.
    pub(in crate::plan) wanted: Vec<PlanValue>,
    /// The last plan would have changed it, and what became of that is not known.
    pub(in crate::plan) planned: Planned,
}

/// What became of a change that the last plan had and that would be needed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Planned {
    /// It was not planned, or was done, or something else stands there now: an edit.
    Edited,
    /// It was planned, the same stands there as then, and nobody says whether it was done.
    Unclear,
    /// It was planned and not done, and the same stands there as then.
    NotDone,
    /// It waited for somebody to be able to tell, and the same stands there as then.
    Waited,
}

/// What is known of one difference.
pub(in crate::plan) enum Finding<'e> {
    /// Somebody edited it.
    Edited(&'e Edit),
    /// Nobody did: what stands there is what was wanted then, or was never written.
    Untouched,
    /// Nothing says that somebody did, and nothing that nobody did: it was not judged when the last plan was made, or
    /// waited then for somebody to be able to tell. Who wants to be asked is.
    Open,
    /// The evidence does not tell.
    Unknown,
}

impl Edits {
    /// Compares what was wanted when a plan was applied with the directory as it is now. `now` is the plan that the same
    /// people and configuration give for it, with nothing held by guards and edits not asked about; `compared` are the
    /// accounts it judged.
    pub fn new(applied: &Applied<'_>, now: &Plan, compared: Compared) -> Self {
        let then = &applied.plan.content;
        let mut edits = Self {
            plan: applied.plan.digest.clone(),
            as_of: then.as_of,
            report: applied.report.map(|(_, digest)| digest.to_owned()),
            attributes: HashMap::new(),
            steps: HashMap::new(),
            differences: HashMap::new(),
            doubts: HashMap::new(),
            doubts_now: HashMap::new(),
            compared,
            carry: Carry::new(
                applied.carried,
                then,
                |id| applied.report.and_then(|(done, _)| done.get(id).copied()),
                applied.directories,
            ),
            overlaps: applied.overlaps.clone(),
            left: HashMap::new(),
            unproven: HashSet::new(),
            known: HashSet::new(),
            unaccounted: HashSet::new(),
            owners: Owners::default(),
        };
        for (source, read) in applied.people {
            edits.known.extend(
                read.people
                    .iter()
                    .map(|one| (source.clone(), one.key.clone())),
            );
            let proven = then.inputs.people.get(source);
            if !proven.is_some_and(|read| read.completeness.verdict == Verdict::Proven) {
                edits.unproven.insert(source.clone());
            }
        }
        for left in then.since.iter().flat_map(|since| &since.left) {
            // A membership stands at its group, and names the account beside it.
            let members = left.found.iter().chain(&left.wanted);
            let members = members.filter_map(|value| match value {
                PlanValue::Object(member) if left.what == "member" => member.guid,
                _ => None,
            });
            let own = left.object.guid.filter(|_| left.what != "member");
            let who = (left.person.source.clone(), left.person.key.clone());
            for account in members.chain(own) {
                let key = (left.target.clone(), account);
                edits.left.insert(key, who.clone());
            }
        }
        // What was asked about then is still: its account had not been anybody else's.
        let asked = then.held.iter().filter(|held| is_of_drift(&held.code));
        for held in asked {
            let Some(person) = &held.person else { continue };
            let who = (person.source.clone(), person.key.clone());
            for account in held.accounts.iter().filter_map(|account| account.guid) {
                for target in held.targets(then) {
                    let key = (target.clone(), account);
                    edits.left.entry(key).or_insert_with(|| who.clone());
                }
            }
        }
        doubt(&mut edits.doubts_now, now, |_| true);
        // An edit that was held then is one still.
        doubt(&mut edits.doubts, then, |held| !is_of_drift(&held.code));
        // Where two anchors were exchanged, neither account is as it was wanted for whoever it seems to be now.
        let changed = now.changes.iter().map(|change| &change.person);
        // An account that values other than the anchor proposed may be the one they had, or not.
        let held = now
            .held
            .iter()
            .filter(|held| held.accounts.is_empty() || of_matching(&held.code));
        let held = held.filter_map(|held| held.person.as_ref());
        edits.unaccounted = changed
            .chain(held)
            .map(|person| (person.source.clone(), person.key.clone()))
            .filter(|who| edits.known.contains(who))
            .collect();
        let later = edits.compared.later().map(|(change, _)| change.clone());
        let later: Vec<Change> = later.collect();
        edits.compare(applied, now.changes.iter(), later.iter());
        edits.forget_stops(applied);
        edits
    }

    /// Judges differences: changes that the same people and configuration would make now, and those that they would put off
    /// because of an overlap: it is for groups somebody had, and not for those somebody is put into meanwhile.
    fn compare<'p>(
        &mut self,
        applied: &Applied<'_>,
        changes: impl Iterator<Item = &'p Change>,
        later: impl Iterator<Item = &'p Change>,
    ) {
        let then = &applied.plan.content;
        let before: HashMap<&ChangeId, &Change> = then
            .changes
            .iter()
            .map(|change| (&change.id, change))
            .collect();
        let narrowed = then.narrowed.is_some();
        let waiting = applied
            .unasked
            .map(|(unasked, judged)| Waiting::new(&applied.plan.content, unasked, judged));
        let put_in = put_in(then);
        let later: Vec<(&Change, Option<Planned>)> = later
            .filter_map(|change| {
                let (account, group) = (change.account().guid?, change.object.guid?);
                if before.contains_key(&change.id) {
                    return Some((change, None));
                }
                let left = put_in.contains(&(&change.target, account, group));
                let planned = match self.overlaps.was_in(&change.target, account, group) {
                    Some(false) => Planned::Edited,
                    Some(true) if left => Planned::Edited,
                    Some(true) if waiting.as_ref().is_some_and(|one| one.step(change)) => {
                        Planned::Waited
                    }
                    // A group they had, and that nobody was to take from them yet, is what the overlap is for.
                    Some(true) => return None,
                    // The recording does not have the account.
                    None => Planned::Waited,
                };
                Some((change, Some(planned)))
            })
            .collect();
        let changes = changes.map(|change| (change, None));
        for (change, told) in changes.chain(later) {
            let planned = before.get(&change.id).copied();
            let done = applied
                .report
                .and_then(|(done, _)| done.get(&change.id).copied());
            let judge = |same: bool| match (same, done) {
                (false, _) if narrowed && planned.is_none() => Planned::Unclear,
                (false, _) | (true, Some(true)) => Planned::Edited,
                (true, None) => Planned::Unclear,
                (true, Some(false)) => Planned::NotDone,
            };
            let mut judged: Vec<Option<Planned>> = Vec::new();
            match (&change.action, change.object.guid) {
                (Action::Modify { attributes }, Some(guid)) => {
                    let earlier = planned.map(|planned| &planned.action);
                    let found = self
                        .attributes
                        .entry((change.target.clone(), guid))
                        .or_default();
                    for attribute in attributes {
                        let (target, overlaps) = (&change.target, &self.overlaps);
                        let begins = overlaps.begins(target, guid, attribute);
                        let ends = overlaps.ends(target, guid, attribute);
                        let same = match earlier {
                            Some(Action::Modify { attributes }) => attributes.iter().any(|one| {
                                one.name == attribute.name && one.before == attribute.before
                            }),
                            _ => false,
                        };
                        let waited = waiting
                            .as_ref()
                            .is_some_and(|waiting| waiting.attribute(change, attribute));
                        // A stamp was never wanted before the move that it begins. And nobody touched one that stands as it
                        // was left, also where somebody ended what it is for.
                        if (begins || ends) && !same {
                            judged.push(None);
                            continue;
                        }
                        let edit = Edit {
                            wanted: attribute.after.clone(),
                            planned: match waited && !same {
                                true => Planned::Waited,
                                false => judge(same),
                            },
                        };
                        judged.push(Some(edit.planned));
                        found.push((attribute.name.to_ascii_lowercase(), edit));
                    }
                }
                (action, _) => {
                    let same = planned.is_some_and(|planned| from(&planned.action, action));
                    let waited = waiting.as_ref().is_some_and(|waiting| waiting.step(change));
                    let edit = Edit {
                        wanted: wanted(action),
                        planned: match (told, waited && !same) {
                            (Some(told), _) => told,
                            (None, true) => Planned::Waited,
                            (None, false) => judge(same),
                        },
                    };
                    judged.push(Some(edit.planned));
                    self.steps.insert(change.id.clone(), edit);
                }
            }
            if let Some(account) = change.account().guid {
                let key = (change.target.clone(), account);
                let differences = self.differences.entry(key).or_default();
                let each = parts(change).into_iter().zip(judged);
                differences.extend(
                    each.filter_map(|(part, told)| Some((part, change.object.guid, told?))),
                );
            }
        }
    }

    /// What the last plan disabled for an exception is known to be disabled for that.
    fn forget_stops(&mut self, applied: &Applied<'_>) {
        for change in &applied.plan.content.changes {
            let done = || {
                applied
                    .report
                    .and_then(|(done, _)| done.get(&change.id).copied())
            };
            if let (Action::Disable {}, Some(account)) = (&change.action, change.object.guid)
                && done() != Some(false)
            {
                let compared = &mut self.compared;
                compared.forget(&change.target, account, "enabled");
            }
        }
    }

    /// Judges accounts that were somebody's and do not carry their anchor any more, as if they did: `now` and `compared`
    /// are of a directory in which they do.
    pub fn restore(
        &mut self,
        applied: &Applied<'_>,
        now: &Plan,
        compared: &Compared,
        accounts: &HashSet<(Name, Guid)>,
    ) {
        for key in accounts {
            self.attributes.remove(key);
            self.differences.remove(key);
        }
        self.compared.take(compared, accounts);
        let later = compared.later().map(|(change, _)| change);
        let theirs: HashSet<&PersonOf> = accounts
            .iter()
            .filter_map(|(target, account)| compared.whose(target, *account))
            .collect();
        self.doubts_now.retain(|who, _| !theirs.contains(who));
        let mut doubts = HashMap::new();
        doubt(&mut doubts, now, |_| true);
        doubts.retain(|who, _| theirs.contains(who));
        self.doubts_now.extend(doubts);
        let of = |change: &&Change| {
            change
                .account()
                .guid
                .is_some_and(|account| accounts.contains(&(change.target.clone(), account)))
        };
        self.compare(applied, now.changes.iter().filter(of), later.filter(of));
    }

    /// The accounts that were somebody's and are not judged as theirs now.
    pub fn astray(&self) -> HashMap<(Name, Guid), PersonOf> {
        let astray = self.owners.known().filter(|(target, account, who)| {
            self.compared.whose(target, *account) != Some(*who)
                && !self.carry.is_of(target, *account, who)
        });
        let mut found: HashMap<(Name, Guid), PersonOf> = HashMap::new();
        for (target, account, who) in astray {
            // Should two be said to have had one account, it is the same one of them in every run.
            let of = found.entry((target.clone(), account));
            let of = of.or_insert_with(|| who.clone());
            if *who < *of {
                *of = who.clone();
            }
        }
        found
    }

    /// Those who were known then and whose account may be another one now.
    pub fn unaccounted(&self) -> &HashSet<PersonOf> {
        &self.unaccounted
    }

    /// Says what else is known of overlaps.
    pub fn remember(&mut self, overlaps: &Overlaps) {
        self.overlaps = overlaps.clone();
    }

    /// Says whose account was whose.
    pub fn know(&mut self, owners: Owners) {
        self.owners = owners;
        for (target, account, who) in self.carry.accounts() {
            self.owners.carried(target, account, who);
        }
    }

    /// What is known of an attribute that differs from what `rule` wants of a person's account.
    pub(in crate::plan) fn attribute(
        &self,
        target: &Name,
        account: Guid,
        (attribute, found): (&str, &[PlanValue]),
        person: (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'_> {
        let all = self.attributes.get(&(target.clone(), account));
        let edit = all.and_then(|all| {
            all.iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
        });
        let told = self.carry.of(target, account, person, attribute, found);
        let about = (target, Some(account), attribute);
        self.judged(told, edit.map(|(_, edit)| edit), about, person, rule)
    }

    /// What is known of a difference that a change other than of attributes would take back. `found` is what stands there,
    /// by the word for it.
    pub(in crate::plan) fn step(
        &self,
        (target, account): (&Name, Option<Guid>),
        id: &ChangeId,
        (what, found): (&str, &[PlanValue]),
        person: (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'_> {
        let told = match account {
            Some(account) => self.carry.of(target, account, person, what, found),
            None => Told::Nothing,
        };
        let about = (target, account, what);
        self.judged(told, self.steps.get(id), about, person, rule)
    }

    /// The same of the change itself.
    pub(in crate::plan) fn change(
        &self,
        change: &Change,
        person: (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'_> {
        let target = &change.target;
        let account = change.account().guid;
        let told = match (&change.action, account, change.object.guid) {
            (Action::AddMember { .. }, Some(account), Some(group)) => {
                self.carry.of_member(target, account, person, group, true)
            }
            (Action::RemoveMember { .. }, Some(account), Some(group)) => {
                self.carry.of_member(target, account, person, group, false)
            }
            (
                Action::Enable { .. }
                | Action::Disable {}
                | Action::Rename { .. }
                | Action::Move { .. },
                Some(account),
                _,
            ) => match parts(change).first() {
                Some(part) => {
                    let carry = &self.carry;
                    carry.of(target, account, person, &part.what, &part.found)
                }
                None => Told::Nothing,
            },
            _ => Told::Nothing,
        };
        let edit = self.steps.get(&change.id);
        let what = match &change.action {
            Action::Enable { .. } | Action::Disable {} => "enabled",
            _ => "",
        };
        self.judged(told, edit, (target, account, what), person, rule)
    }

    /// What became of a difference that the last plan was to take back in the same way; nothing where it was not.
    pub(super) fn planned(&self, change: &Change, part: &Part) -> Option<Planned> {
        let edit = match (&change.action, change.object.guid) {
            (Action::Modify { .. }, Some(guid)) => {
                let all = self.attributes.get(&(change.target.clone(), guid))?;
                let mut all = all.iter();
                let (_, edit) = all.find(|(name, edit)| {
                    name.eq_ignore_ascii_case(&part.what) && edit.wanted == part.wanted
                })?;
                edit
            }
            _ => self.steps.get(&change.id)?,
        };
        Some(edit.planned).filter(|planned| *planned != Planned::Edited)
    }

    /// Whether the last plan held a change of this kind for somebody, or whatever `rule` wanted.
    pub(super) fn was_held(&self, change: &Change, rule: &Location) -> bool {
        let who = (change.person.source.clone(), change.person.key.clone());
        let kind = change.action.kind();
        self.doubts.get(&who).is_some_and(|doubt| {
            let mut guarded = doubt.guarded.iter();
            doubt.whole || guarded.any(|one| one == kind) || doubt.rules.contains(rule)
        })
    }

    /// Whether the last plan left something of a person's account as somebody had made it.
    pub(in crate::plan) fn was_left(&self, target: &Name, account: Guid, who: &PersonOf) -> bool {
        let left = self.left.get(&(target.clone(), account));
        left.is_some_and(|owner| owner == who)
    }

    /// Whether an account was the person's when somebody last judged it, and is not judged since.
    pub(in crate::plan) fn is_carried(&self, target: &Name, account: Guid, who: &PersonOf) -> bool {
        self.carry.is_of(target, account, who)
    }

    /// What is known of overlaps.
    pub(in crate::plan) fn overlaps(&self) -> &Overlaps {
        &self.overlaps
    }

    /// Whether an overlap may be for a membership that a change would end: not for one that somebody made, nor for one that the
    /// last plan was to end, or would have ended had it not been made by hand.
    pub(in crate::plan) fn may_overlap(
        &self,
        change: &Change,
        person: (&Name, &PersonKey),
    ) -> bool {
        let group = change.object.guid;
        let told = match (change.account().guid, group) {
            (Some(account), Some(group)) => {
                let carry = &self.carry;
                carry.of_member(&change.target, account, person, group, false)
            }
            _ => Told::Nothing,
        };
        match told {
            Told::Edited(_) => false,
            Told::Untouched | Told::Unknown => true,
            Told::Nothing => {
                let edit = self.steps.get(&change.id);
                edit.is_none_or(|edit| edit.planned == Planned::Waited)
            }
        }
    }

    /// Whether somebody edited what a change would take back, whoever it concerns.
    pub(in crate::plan) fn is_edited(&self, id: &ChangeId) -> bool {
        self.steps
            .get(id)
            .is_some_and(|edit| edit.planned == Planned::Edited)
    }

    fn judged<'e>(
        &'e self,
        told: Told<'e>,
        edit: Option<&'e Edit>,
        (target, account, what): (&Name, Option<Guid>, &str),
        (source, key): (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'e> {
        // What an exception kept was not judged.
        let excepted = account.is_some_and(|account| {
            let all = self.compared.excepted(target, account).iter();
            all.clone().any(|one| one.eq_ignore_ascii_case(what))
        });
        match told {
            Told::Nothing => {}
            Told::Edited(edit) => return Finding::Edited(edit),
            Told::Untouched => return Finding::Untouched,
            Told::Unknown => return Finding::Unknown,
        }
        match edit.map(|edit| (edit, edit.planned)) {
            Some((edit, Planned::Edited)) if !self.doubtful(source, key, rule) => {
                Finding::Edited(edit)
            }
            Some((_, Planned::NotDone)) => Finding::Untouched,
            Some((_, Planned::Waited)) => Finding::Open,
            Some(_) => Finding::Unknown,
            None if self.doubtful(source, key, rule) => Finding::Unknown,
            None => {
                let whose = account.and_then(|account| self.compared.whose(target, account));
                match whose.is_some_and(|(of, who)| (of, who) == (source, key)) && !excepted {
                    true => Finding::Untouched,
                    false => Finding::Open,
                }
            }
        }
    }

    /// Whether everything of a person was judged, then and now.
    pub(super) fn is_sure(&self, who: &PersonOf) -> bool {
        !self.doubts.contains_key(who) && !self.doubts_now.contains_key(who)
    }

    fn doubtful(&self, source: &Name, key: &PersonKey, rule: &Location) -> bool {
        let who = (source.clone(), key.clone());
        if !self.known.contains(&who) {
            // Of somebody who was not there nothing was wanted. Unless they only did not arrive.
            return self.unproven.contains(source);
        }
        [&self.doubts, &self.doubts_now].iter().any(|doubts| {
            let doubt = doubts.get(&who);
            doubt.is_some_and(|doubt| doubt.is_of(rule))
        })
    }
}

/// Whether both start from the same.
pub(super) fn from(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Rename { before: a, .. }, Action::Rename { before: b, .. }) => a == b,
        (Action::Move { before: a, .. }, Action::Move { before: b, .. }) => a.key() == b.key(),
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// What a step wants, as values.
fn wanted(action: &Action) -> Vec<PlanValue> {
    match action {
        Action::Move { after, .. } => vec![PlanValue::Text(after.to_string())],
        Action::Rename { after, .. } => vec![PlanValue::Text(after.clone())],
        Action::Adopt { attribute, .. } => attribute.after.clone(),
        Action::Enable { .. } => vec![PlanValue::Text("true".to_owned())],
        _ => Vec::new(),
    }
}
