//! Edits, by the account and attribute or by the change that would take them back.
//!
//! Knows two plans: the one that was applied, and the one that the same people and configuration give for the directory
//! as it is now. Must not know how either was made. Linear in the changes of both.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::super::lost::of_matching;
use super::super::{Action, Change, ChangeId, Held, Plan, PlanFile, PlanValue, RuleIndex};
use super::owners::{Owners, PersonOf};
use super::waiting::Waiting;
use crate::model::{Guid, Location, Name, PeopleSnapshot, PersonKey, Verdict};
use crate::policy::held;

/// The last plan that was applied, and what is known of its apply.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// The plan.
    pub plan: &'a PlanFile,
    /// Its changes that were achieved, when a report says so, and the report's digest.
    pub report: Option<(&'a HashSet<ChangeId>, &'a str)>,
    /// The people it was made from.
    pub people: &'a BTreeMap<Name, PeopleSnapshot>,
    /// What it would have been, had nothing been asked about edits; where it held what nobody could tell.
    pub unasked: Option<&'a Plan>,
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
    /// Those of whom not everything was judged.
    doubts: HashMap<(Name, PersonKey), Doubt>,
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
    /// It was planned and not done, or waited for somebody to be able to tell, and the same stands there as then.
    NotDone,
}

#[derive(Debug, Clone, Default)]
struct Doubt {
    whole: bool,
    rules: Vec<Location>,
}

/// What is known of one difference.
pub(in crate::plan) enum Finding<'e> {
    /// Somebody edited it.
    Edited(&'e Edit),
    /// Nobody did: what stands there is what was wanted then, or was never written.
    Untouched,
    /// The evidence does not tell.
    Unknown,
}

impl Edits {
    /// Compares what was wanted when a plan was applied with the directory as it is now. `now` is the plan that the same
    /// people and configuration give for it, with nothing held by guards and edits not asked about.
    pub fn new(applied: &Applied<'_>, now: &Plan) -> Self {
        let then = &applied.plan.content;
        let mut edits = Self {
            plan: applied.plan.digest.clone(),
            as_of: then.as_of,
            report: applied.report.map(|(_, digest)| digest.to_owned()),
            attributes: HashMap::new(),
            steps: HashMap::new(),
            doubts: HashMap::new(),
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
        edits.doubt(now, |_| true);
        // An edit that was held then is one still.
        edits.doubt(then, |held| {
            held.code != held::DRIFT_ASK.code && held.code != held::DRIFT_UNDETERMINED.code
        });
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
        let before: HashMap<&ChangeId, &Change> = then
            .changes
            .iter()
            .map(|change| (&change.id, change))
            .collect();
        let narrowed = then.narrowed.is_some();
        let waiting = applied
            .unasked
            .map(|unasked| Waiting::new(&applied.plan.content, unasked));
        for change in &now.changes {
            let planned = before.get(&change.id).copied();
            let done = applied.report.map(|(done, _)| done.contains(&change.id));
            let judge = |same: bool| match (same, done) {
                (false, _) if narrowed && planned.is_none() => Planned::Unclear,
                (false, _) | (true, Some(true)) => Planned::Edited,
                (true, None) => Planned::Unclear,
                (true, Some(false)) => Planned::NotDone,
            };
            match (&change.action, change.object.guid) {
                (Action::Modify { attributes }, Some(guid)) => {
                    let earlier = planned.map(|planned| &planned.action);
                    let found = edits
                        .attributes
                        .entry((change.target.clone(), guid))
                        .or_default();
                    for attribute in attributes {
                        let same = match earlier {
                            Some(Action::Modify { attributes }) => attributes.iter().any(|one| {
                                one.name == attribute.name && one.before == attribute.before
                            }),
                            _ => false,
                        };
                        let waited = waiting
                            .as_ref()
                            .is_some_and(|waiting| waiting.attribute(change, attribute));
                        let edit = Edit {
                            wanted: attribute.after.clone(),
                            planned: match waited && !same {
                                true => Planned::NotDone,
                                false => judge(same),
                            },
                        };
                        found.push((attribute.name.to_ascii_lowercase(), edit));
                    }
                }
                (action, _) => {
                    let same = planned.is_some_and(|planned| from(&planned.action, action));
                    let waited = waiting.as_ref().is_some_and(|waiting| waiting.step(change));
                    let edit = Edit {
                        wanted: wanted(action),
                        planned: match waited && !same {
                            true => Planned::NotDone,
                            false => judge(same),
                        },
                    };
                    edits.steps.insert(change.id.clone(), edit);
                }
            }
        }
        edits
    }

    /// Those who were known then and whose account may be another one now.
    pub fn unaccounted(&self) -> &HashSet<PersonOf> {
        &self.unaccounted
    }

    /// Says whose account was whose.
    pub fn know(&mut self, owners: Owners) {
        self.owners = owners;
    }

    /// Notes of whom not everything was judged.
    fn doubt(&mut self, plan: &Plan, counts: impl Fn(&Held) -> bool) {
        let rule = |index: RuleIndex| {
            let rule = plan.rules.get(usize::try_from(index.0).ok()?)?;
            Some(rule.location.clone())
        };
        for held in plan.held.iter().filter(|held| counts(held)) {
            let Some(person) = &held.person else { continue };
            let doubt = self
                .doubts
                .entry((person.source.clone(), person.key.clone()))
                .or_default();
            match held.rule.and_then(rule) {
                Some(rule) if held.partial && held.guard.is_none() => doubt.rules.push(rule),
                _ => doubt.whole = true,
            }
        }
    }

    /// What is known of an attribute that differs from what `rule` wants of a person's account.
    pub(in crate::plan) fn attribute(
        &self,
        target: &Name,
        account: Guid,
        attribute: &str,
        person: (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'_> {
        let found = self.attributes.get(&(target.clone(), account));
        let edit = found.and_then(|all| {
            all.iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
        });
        self.judged(edit.map(|(_, edit)| edit), person, rule)
    }

    /// What is known of a difference that a change other than of attributes would take back.
    pub(in crate::plan) fn step(
        &self,
        id: &ChangeId,
        person: (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'_> {
        self.judged(self.steps.get(id), person, rule)
    }

    /// Whether the last plan left something of a person's account as somebody had made it.
    pub(in crate::plan) fn was_left(&self, target: &Name, account: Guid, who: &PersonOf) -> bool {
        let left = self.left.get(&(target.clone(), account));
        left.is_some_and(|owner| owner == who)
    }

    /// Whether somebody edited what a change would take back, whoever it concerns.
    pub(in crate::plan) fn is_edited(&self, id: &ChangeId) -> bool {
        self.steps
            .get(id)
            .is_some_and(|edit| edit.planned == Planned::Edited)
    }

    fn judged<'e>(
        &'e self,
        edit: Option<&'e Edit>,
        (source, key): (&Name, &PersonKey),
        rule: &Location,
    ) -> Finding<'e> {
        match edit.map(|edit| (edit, edit.planned)) {
            Some((edit, Planned::Edited)) if !self.doubtful(source, key, rule) => {
                Finding::Edited(edit)
            }
            Some((_, Planned::NotDone)) => Finding::Untouched,
            Some(_) => Finding::Unknown,
            None if self.doubtful(source, key, rule) => Finding::Unknown,
            None => Finding::Untouched,
        }
    }

    fn doubtful(&self, source: &Name, key: &PersonKey, rule: &Location) -> bool {
        let who = (source.clone(), key.clone());
        if !self.known.contains(&who) {
            // Of somebody who was not there nothing was wanted. Unless they only did not arrive.
            return self.unproven.contains(source);
        }
        self.doubts
            .get(&who)
            .is_some_and(|doubt| doubt.whole || doubt.rules.contains(rule))
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
