//! Memberships: who belongs where by rule, who is there, and what that changes.
//!
//! Members are compared by identity. A group is judged once, however many people its rules name; a person nobody
//! can judge neither enters nor leaves.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::changes::{Making, change_id, index, object_text};
use super::draft::Draft;
use super::target::{HeldPerson, Target};
use super::{Action, Cause, Change, Reason, Recovery, Risk};
use crate::config::kinds;
use crate::config::{Document, kinds::GroupsInState};
use crate::lifecycle::{Compiler, Formula, NotCompiled, RuleId, Test};
use crate::mapping::Problem;
use crate::matching::{Found, Standing};
use crate::model::{EntryKind, Name};
use crate::policy::{held, relative_id};

/// A group rule of one side.
pub(super) struct GroupRule {
    pub(super) side: u16,
    group: Formula,
    when: Option<Test>,
    mode: kinds::GroupMode,
    rule: RuleId,
}

impl GroupRule {
    /// Compiles the rules of a document.
    pub(super) fn compile(
        document: &Document<kinds::Groups>,
        side: u16,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<Self>, NotCompiled> {
        let positions = &document.positions;
        document
            .spec
            .rules
            .iter()
            .enumerate()
            .map(|(at, rule)| {
                let pointer = format!("/spec/rules/{at}");
                let group =
                    compiler.formula(positions, &format!("{pointer}/group"), &rule.group)?;
                let when = rule
                    .when
                    .as_deref()
                    .map(|text| compiler.test(positions, &format!("{pointer}/when"), text))
                    .transpose()?;
                Ok(Self {
                    side,
                    rule: when.as_ref().map_or(group.rule, |test| test.rule),
                    group,
                    when,
                    mode: rule.mode,
                })
            })
            .collect()
    }

    pub(super) fn blind(&self) -> Option<&Name> {
        self.group
            .blind
            .as_ref()
            .or_else(|| self.when.as_ref().and_then(|test| test.blind.as_ref()))
    }

    fn fields(&self) -> Vec<Name> {
        let mut fields = self.group.template.fields_used().to_vec();
        if let Some(test) = &self.when {
            fields.extend(test.condition.fields_used().iter().cloned());
        }
        fields.sort();
        fields.dedup();
        fields
    }
}

/// What memberships come to.
#[derive(Default)]
pub(super) struct Memberships {
    pub(super) changes: Vec<Change>,
    pub(super) people: Vec<HeldPerson>,
    /// Held groups: why, and the group when it exists.
    pub(super) groups: Vec<Draft>,
}

/// What the rules want for some people.
#[derive(Default)]
struct Wishes {
    /// Group, subject, rule.
    wanted: Vec<(u32, u32, u16)>,
    /// Groups some rule of a side names.
    named: BTreeSet<(u32, u16)>,
    /// Groups rules name that do not exist, with how many people it concerns.
    missing: BTreeMap<(u16, CompactString), u64>,
    /// People a rule gave no answer for.
    uncertain: HashMap<u32, Draft>,
}

impl Wishes {
    fn merge(mut self, mut other: Self) -> Self {
        self.wanted.append(&mut other.wanted);
        self.named.append(&mut other.named);
        for (key, count) in other.missing {
            *self.missing.entry(key).or_default() += count;
        }
        self.uncertain.extend(other.uncertain);
        self
    }
}

/// Compares memberships with the rules.
pub(super) fn memberships(making: &Making<'_, '_>, rules: &[GroupRule]) -> Memberships {
    let mut found = Memberships::default();
    if rules.is_empty() {
        return found;
    }
    let target = making.target;
    let mut wishes = wishes(making, rules);
    wishes.wanted.sort_unstable();
    let by_rule = |rule: u16| &rules[usize::from(rule)];
    for ((rule, name), count) in &wishes.missing {
        let text = format!("the group {name} does not exist; it was to have {count} of the people");
        found
            .groups
            .push(Draft::new(held::GROUP_MISSING, text).rule(by_rule(*rule).group.rule));
    }
    let holder = holders(target);
    let mut groups: Vec<u32> = wishes.named.iter().map(|(group, _)| *group).collect();
    groups.dedup();
    groups.sort_by_key(|group| target.index.key(*group).clone());
    let members: Vec<Option<HashSet<u32>>> = groups
        .par_iter()
        .map(|group| members(target, *group))
        .collect();
    let mut unproven: BTreeSet<u32> = BTreeSet::new();
    let mut protected: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (group, members) in groups.into_iter().zip(members) {
        let from = wishes.wanted.partition_point(|(at, ..)| *at < group);
        let to = wishes.wanted.partition_point(|(at, ..)| *at <= group);
        let wanted = &wishes.wanted[from..to];
        let naming: Vec<u16> = wishes
            .named
            .range((group, 0)..=(group, u16::MAX))
            .map(|(_, rule)| *rule)
            .collect();
        let Some(first) = naming.first().map(|rule| by_rule(*rule)) else {
            continue;
        };
        if let Err(draft) = writable(target, group, wanted.len()) {
            found.groups.push(draft.rule(first.group.rule));
            continue;
        }
        let Some(members) = members else {
            let text = "the read does not tell the group's members".to_owned();
            found.groups.push(
                Draft::new(held::GROUP_UNREAD, text)
                    .accounts(vec![group])
                    .rule(first.group.rule),
            );
            continue;
        };
        let mut wanted_by: BTreeMap<u32, u16> = BTreeMap::new();
        for (_, subject, rule) in wanted {
            wanted_by.entry(*subject).or_insert(*rule);
        }
        for (at, rule) in &wanted_by {
            let subject = &target.subjects[*at as usize];
            if let Some(object) = subject.account() {
                if members.contains(&object) || is_primary(target, group, object) {
                    continue;
                }
                if matches!(target.standing[object as usize], Standing::Protected(_)) {
                    protected.entry(*at).or_default().push(group);
                    continue;
                }
            }
            found
                .changes
                .extend(membership(making, group, *at, by_rule(*rule), true));
        }
        let mut leaving: Vec<u32> = members
            .iter()
            .filter_map(|member| holder.get(member).copied())
            .filter(|at| !wanted_by.contains_key(at))
            .collect();
        leaving.sort_unstable();
        for at in leaving {
            let subject = &target.subjects[at as usize];
            if held_back(making, at, true) || wishes.uncertain.contains_key(&at) {
                continue;
            }
            // The rule that takes it away: any that names the group for this side's people.
            let of_side = naming
                .iter()
                .map(|rule| by_rule(*rule))
                .filter(|rule| rule.side == subject.side && rule.blind().is_none());
            let decides = match target.state(subject).groups {
                GroupsInState::Keep => None,
                GroupsInState::Remove => of_side.min_by_key(|rule| rule.rule),
                GroupsInState::Rules => {
                    let blind = naming.iter().any(|rule| {
                        by_rule(*rule).side == subject.side && by_rule(*rule).blind().is_some()
                    });
                    of_side
                        .filter(|rule| rule.mode == kinds::GroupMode::Managed && !blind)
                        .min_by_key(|rule| rule.rule)
                }
            };
            let Some(rule) = decides else { continue };
            let object = subject.account();
            if object.is_some_and(|object| {
                matches!(target.standing[object as usize], Standing::Protected(_))
            }) {
                protected.entry(at).or_default().push(group);
            } else if target.side(subject).proven {
                found
                    .changes
                    .extend(membership(making, group, at, rule, false));
            } else {
                unproven.insert(at);
            }
        }
    }
    for at in unproven {
        let subject = &target.subjects[at as usize];
        let mut draft = Draft::new(
            held::REMOVAL_UNPROVEN,
            "leaving groups waits for a read that is proven complete",
        )
        .partial();
        draft.accounts.extend(subject.account());
        found.people.push((subject.side, subject.person, draft));
    }
    for (at, groups) in protected {
        let subject = &target.subjects[at as usize];
        if held_back(making, at, false) {
            continue;
        }
        let draft = Draft::new(
            held::PROTECTED,
            format!(
                "membership of {} groups would change, but the account is protected",
                groups.len()
            ),
        )
        .accounts(subject.account().into_iter().collect());
        found.people.push((subject.side, subject.person, draft));
    }
    for (at, draft) in wishes.uncertain {
        let subject = &target.subjects[at as usize];
        found.people.push((subject.side, subject.person, draft));
    }
    found
}

/// Whether nothing may change about a subject's memberships. Leavers who are held for other reasons still leave.
fn held_back(making: &Making<'_, '_>, at: u32, leaving: bool) -> bool {
    let subject = &making.target.subjects[at as usize];
    if matches!(subject.found, Found::Conflict(_)) {
        return true;
    }
    let whole = making.outcomes[at as usize]
        .as_ref()
        .is_some_and(|outcome| outcome.whole.is_some());
    if !whole {
        return false;
    }
    let leaver =
        !making.target.state(subject).enabled && matches!(subject.found, Found::Account(_));
    !(leaving && leaver)
}

fn wishes(making: &Making<'_, '_>, rules: &[GroupRule]) -> Wishes {
    let target = making.target;
    let literal: Vec<Option<Result<u32, CompactString>>> = rules
        .iter()
        .map(|rule| {
            let text = rule.group.template.literal()?.trim();
            Some(group(target, text))
        })
        .collect();
    let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
    let mut all = (0..count)
        .into_par_iter()
        .fold(
            || {
                (
                    Wishes::default(),
                    HashMap::<CompactString, Result<u32, CompactString>>::new(),
                )
            },
            |(mut wishes, mut cache), at| {
                subject_wishes(making, rules, &literal, at, &mut wishes, &mut cache);
                (wishes, cache)
            },
        )
        .map(|(wishes, _)| wishes)
        .reduce(Wishes::default, Wishes::merge);
    for (at, known) in literal.iter().enumerate() {
        if let Some(Ok(group)) = known {
            all.named
                .insert((*group, u16::try_from(at).unwrap_or(u16::MAX)));
        } else if let Some(Err(name)) = known {
            all.missing
                .entry((u16::try_from(at).unwrap_or(u16::MAX), name.clone()))
                .or_default();
        }
    }
    all
}

fn subject_wishes(
    making: &Making<'_, '_>,
    rules: &[GroupRule],
    literal: &[Option<Result<u32, CompactString>>],
    at: u32,
    wishes: &mut Wishes,
    cache: &mut HashMap<CompactString, Result<u32, CompactString>>,
) {
    let target = making.target;
    let subject = &target.subjects[at as usize];
    let groups = target.state(subject).groups;
    if groups == GroupsInState::Keep || held_back(making, at, groups == GroupsInState::Remove) {
        return;
    }
    if subject.account().is_none() && making.create_of(at).is_none() {
        return;
    }
    let context = target
        .moment
        .of(target.side(subject).person(subject.person));
    for (number, rule) in rules.iter().enumerate() {
        if rule.side != subject.side || rule.blind().is_some() {
            continue;
        }
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let uncertain = |what: &str, error| {
            Draft::problem(what, &Problem::of(error))
                .rule(rule.rule)
                .partial()
        };
        let holds = match (&rule.when, groups) {
            (_, GroupsInState::Remove) => false,
            (None, _) => true,
            (Some(test), _) => match test.condition.holds(&context) {
                Ok(holds) => holds,
                Err(error) => {
                    wishes
                        .uncertain
                        .entry(at)
                        .or_insert_with(|| uncertain("a group rule's condition", error));
                    continue;
                }
            },
        };
        let found = match &literal[usize::from(number)] {
            Some(found) => found.clone(),
            None if !holds && groups != GroupsInState::Remove => continue,
            None => match rule.group.template.render_dn(&context) {
                Ok(text) => cache
                    .entry(text)
                    .or_insert_with_key(|text| group(target, text.trim()))
                    .clone(),
                // A leaver without the field has no such group to leave.
                Err(_) if !holds => continue,
                Err(error) => {
                    wishes
                        .uncertain
                        .entry(at)
                        .or_insert_with(|| uncertain("a group rule's name", error));
                    continue;
                }
            },
        };
        match found {
            Ok(group) => {
                if literal[usize::from(number)].is_none() {
                    wishes.named.insert((group, number));
                }
                if holds {
                    wishes.wanted.push((group, at, number));
                }
            }
            Err(name) if holds => *wishes.missing.entry((number, name)).or_default() += 1,
            Err(_) => {}
        }
    }
}

/// The group with this name, else the name.
fn group(target: &Target<'_>, text: &str) -> Result<u32, CompactString> {
    target
        .index
        .by_text(text)
        .filter(|object| target.index.entry(*object).kind == EntryKind::Group)
        .ok_or_else(|| text.into())
}

/// Which subject holds which account.
fn holders(target: &Target<'_>) -> HashMap<u32, u32> {
    target
        .subjects
        .iter()
        .enumerate()
        .filter_map(|(at, subject)| Some((subject.account()?, u32::try_from(at).ok()?)))
        .collect()
}

/// The members of a group as objects of the read; `None` when the read does not tell.
fn members(target: &Target<'_>, group: u32) -> Option<HashSet<u32>> {
    let member = target.known.member?;
    Some(
        target
            .index
            .entry(group)
            .values(member)
            .iter()
            .filter_map(|dn| target.index.by_text(dn))
            .collect(),
    )
}

/// True when the group is the account's primary group: a membership `member` never shows ([MS-ADTS] 3.1.1.4.5.3).
fn is_primary(target: &Target<'_>, group: u32, account: u32) -> bool {
    let known = &target.known;
    let of_group = known
        .sid
        .and_then(|sid| target.index.entry(group).value(sid))
        .and_then(relative_id);
    let of_account = known
        .primary_group
        .and_then(|primary| target.index.entry(account).value(primary))
        .and_then(|id| id.parse().ok());
    of_group.is_some() && of_group == of_account
}

fn writable(target: &Target<'_>, group: u32, wanted: usize) -> Result<(), Draft> {
    let why = match target.standing[group as usize] {
        Standing::Managed => return Ok(()),
        Standing::Outside => "it stands outside the places groups are managed in".to_owned(),
        Standing::Protected(why) => why.to_string(),
    };
    let name = &target.index.entry(group).dn;
    Err(Draft::new(
        held::PROTECTED_GROUP,
        format!("{name} is not written, {why}; rules name {wanted} people for it"),
    )
    .accounts(vec![group]))
}

fn membership(
    making: &Making<'_, '_>,
    group: u32,
    at: u32,
    rule: &GroupRule,
    enter: bool,
) -> Option<Change> {
    let target = making.target;
    let subject = &target.subjects[at as usize];
    let member = making.account(at)?;
    let object = target.object(group);
    let name = object.dn.rdn().value;
    let state = target.state(subject);
    let by_state = !enter && state.groups == GroupsInState::Remove;
    let because = if by_state {
        Reason {
            text: format!("state {} leaves every group that rules give", state.name),
            rule: index(state.rule),
            facts: making.facts(subject, &[]),
        }
    } else {
        Reason {
            text: match (enter, &rule.when) {
                (true, Some(_)) => format!("the rule for {name} holds"),
                (true, None) if rule.fields().is_empty() => format!("{name} is for everyone"),
                (true, None) => format!("the rule comes to {name}"),
                (false, _) => format!("no rule for {name} holds any more"),
            },
            rule: index(rule.rule),
            facts: making.facts(subject, &rule.fields()),
        }
    };
    let guid = object.guid.map(|guid| guid.to_string()).unwrap_or_default();
    let mut depends_on: Vec<_> = member.created_by.iter().cloned().collect();
    depends_on.extend(making.adoption(at));
    let kind = if enter { "addMember" } else { "removeMember" };
    Some(Change {
        id: change_id(target.name, &object_text(target, subject), kind, &guid),
        person: target.side(subject).reference(subject.person),
        target: target.name.clone(),
        object,
        action: if enter {
            Action::AddMember { member }
        } else {
            Action::RemoveMember { member }
        },
        depends_on,
        because,
        cause: if by_state {
            Cause::Source
        } else {
            Cause::Undetermined
        },
        risk: if enter { Risk::Medium } else { Risk::High },
        recovery: Recovery::Full,
    })
}
