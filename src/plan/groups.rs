//! Memberships: who is in the groups rules name, and what becomes of that.
//!
//! Who belongs where is known already. Members are compared by identity, and a group is judged once, however many
//! people its rules name.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use rayon::prelude::*;

use super::changes::{Making, change_id, index, object_text};
use super::draft::Draft;
use super::missing::Strip;
use super::target::{CHUNK, HeldPerson, NOBODY, Target};
use super::wishes::{GroupRule, Wishes, held_back, wishes};
use super::{Action, Cause, Change, Reason, Recovery, Risk};
use crate::config::kinds;
use crate::config::kinds::GroupsInState;
use crate::matching::{Found, Standing};
use crate::policy::{held, relative_id};

/// What memberships come to.
#[derive(Default)]
pub(super) struct Memberships {
    /// Changes with the subject each is for.
    pub(super) changes: Vec<(u32, Change)>,
    /// Changes of accounts whose people are missing.
    pub(super) stripped: Vec<Change>,
    pub(super) people: Vec<HeldPerson>,
    /// Held groups: why, and the group when it exists.
    pub(super) groups: Vec<Draft>,
}

/// Compares memberships with the rules.
pub(super) fn memberships(
    making: &Making<'_, '_>,
    rules: &[GroupRule],
    strips: &HashMap<u32, Strip>,
) -> Memberships {
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
    let mut groups: Vec<u32> = wishes.named.iter().map(|(group, _)| *group).collect();
    groups.dedup();
    groups.sort_by_key(|group| target.index.key(*group).clone());
    let comparison = Comparison {
        making,
        rules,
        wishes: &wishes,
        holder: holders(target),
        strips,
    };
    let compared: Vec<OneGroup> = groups
        .into_par_iter()
        .map(|group| comparison.group(group))
        .collect();
    let mut unproven: BTreeSet<u32> = BTreeSet::new();
    let mut protected: BTreeMap<u32, usize> = BTreeMap::new();
    for one in compared {
        found.changes.extend(one.changes);
        found.stripped.extend(one.stripped);
        found.groups.extend(one.held);
        unproven.extend(one.unproven);
        for at in one.protected {
            *protected.entry(at).or_default() += 1;
        }
    }
    for at in unproven {
        let subject = &target.subjects[at as usize];
        let mut draft = if target.side(subject).proven {
            Draft::new(
                held::REMOVAL_AFTER_ADOPTION,
                "leaving groups waits until the account carries its anchor",
            )
        } else {
            Draft::new(
                held::REMOVAL_UNPROVEN,
                "leaving groups waits for a read that is proven complete",
            )
        }
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
            format!("membership of {groups} groups would change, but the account is protected"),
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

/// What one group came to.
#[derive(Default)]
struct OneGroup {
    changes: Vec<(u32, Change)>,
    stripped: Vec<Change>,
    held: Option<Draft>,
    /// Subjects who would leave, were the read proven and the account known by its anchor.
    unproven: Vec<u32>,
    /// Subjects who would enter or leave, were they not protected.
    protected: Vec<u32>,
}

/// What every group is compared with.
struct Comparison<'m, 't, 'a> {
    making: &'m Making<'t, 'a>,
    rules: &'m [GroupRule],
    wishes: &'m Wishes,
    /// Which subject holds which account.
    holder: Vec<u32>,
    /// Accounts of missing people that leave every group.
    strips: &'m HashMap<u32, Strip>,
}

impl Comparison<'_, '_, '_> {
    fn group(&self, group: u32) -> OneGroup {
        let target = self.making.target;
        let mut one = OneGroup::default();
        let all = &self.wishes.wanted;
        let from = all.partition_point(|(at, ..)| *at < group);
        let to = all.partition_point(|(at, ..)| *at <= group);
        // Sorted by subject, then rule: the first rule that wants somebody is the one that is named.
        let mut wanted: Vec<(u32, u16)> = all[from..to]
            .iter()
            .map(|(_, subject, rule)| (*subject, *rule))
            .collect();
        wanted.dedup_by_key(|(subject, _)| *subject);
        let naming: Vec<&GroupRule> = self
            .wishes
            .named
            .range((group, 0)..=(group, u16::MAX))
            .map(|(_, rule)| &self.rules[usize::from(*rule)])
            .collect();
        let Some(first) = naming.first() else {
            return one;
        };
        if let Err(draft) = writable(target, group, wanted.len()) {
            one.held = Some(draft.rule(first.group.rule));
            return one;
        }
        let Some(members) = members(target, group) else {
            let text = "the read does not tell the group's members".to_owned();
            let draft = Draft::new(held::GROUP_UNREAD, text).accounts(vec![group]);
            one.held = Some(draft.rule(first.group.rule));
            return one;
        };
        for (at, rule) in &wanted {
            let subject = &target.subjects[*at as usize];
            if let Some(object) = subject.account() {
                if members.binary_search(&object).is_ok() || is_primary(target, group, object) {
                    continue;
                }
                if matches!(target.standing[object as usize], Standing::Protected(_)) {
                    one.protected.push(*at);
                    continue;
                }
            }
            let rule = &self.rules[usize::from(*rule)];
            let change = membership(self.making, group, *at, rule, true);
            one.changes.extend(change.map(|change| (*at, change)));
        }
        let mut leaving: Vec<u32> = members
            .iter()
            .map(|member| self.holder[*member as usize])
            .filter(|at| *at != NOBODY)
            .filter(|at| {
                wanted
                    .binary_search_by_key(at, |(subject, _)| *subject)
                    .is_err()
            })
            .collect();
        leaving.sort_unstable();
        for at in leaving {
            if let Some(rule) = self.leaves(at, &naming) {
                self.leave(group, at, rule, &mut one);
            }
        }
        if !self.strips.is_empty() {
            let gone = members.iter().filter_map(|member| {
                let strip = self.strips.get(member)?;
                self.strip(group, *member, strip, &naming)
            });
            one.stripped.extend(gone);
        }
        one
    }

    /// The removal of an account whose person is missing, when a rule for the person's side names the group.
    fn strip(
        &self,
        group: u32,
        member: u32,
        strip: &Strip,
        naming: &[&GroupRule],
    ) -> Option<Change> {
        let target = self.making.target;
        naming
            .iter()
            .find(|rule| rule.side == strip.side && rule.blind().is_none())?;
        let object = target.object(group);
        let guid = object.guid.map(|guid| guid.to_string()).unwrap_or_default();
        let account = target.index.entry(member).guid.to_string();
        Some(Change {
            id: change_id(target.name, &account, "removeMember", &guid),
            person: strip.person.clone(),
            target: target.name.clone(),
            object,
            action: Action::RemoveMember {
                member: target.object(member),
            },
            depends_on: Vec::new(),
            because: strip.because.clone(),
            cause: Cause::Source,
            risk: Risk::High,
            recovery: Recovery::Full,
        })
    }

    /// The rule that takes the membership away: any that names the group for this side's people.
    fn leaves<'r>(&self, at: u32, naming: &[&'r GroupRule]) -> Option<&'r GroupRule> {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        if held_back(self.making, at, true) || self.wishes.uncertain.contains_key(&at) {
            return None;
        }
        let of_side = || naming.iter().filter(|rule| rule.side == subject.side);
        let sighted = of_side().filter(|rule| rule.blind().is_none());
        match target.state(subject).groups {
            GroupsInState::Keep => None,
            GroupsInState::Remove => sighted.min_by_key(|rule| rule.rule).copied(),
            // A rule nobody can evaluate might name the person.
            GroupsInState::Rules if of_side().any(|rule| rule.blind().is_some()) => None,
            GroupsInState::Rules => sighted
                .filter(|rule| rule.mode == kinds::GroupMode::Managed)
                .min_by_key(|rule| rule.rule)
                .copied(),
        }
    }

    fn leave(&self, group: u32, at: u32, rule: &GroupRule, one: &mut OneGroup) {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        let protected = subject.account().is_some_and(|object| {
            matches!(target.standing[object as usize], Standing::Protected(_))
        });
        if protected {
            one.protected.push(at);
        } else if target.side(subject).proven && !matches!(subject.found, Found::Adopt { .. }) {
            let change = membership(self.making, group, at, rule, false);
            one.changes.extend(change.map(|change| (at, change)));
        } else {
            one.unproven.push(at);
        }
    }
}

/// Which subject holds which account.
fn holders(target: &Target<'_>) -> Vec<u32> {
    let mut holders = vec![NOBODY; target.standing.len()];
    for (at, subject) in target.subjects.iter().enumerate() {
        if let Some(object) = subject.account() {
            holders[object as usize] = u32::try_from(at).unwrap_or(NOBODY);
        }
    }
    holders
}

/// The members of a group as objects of the read, sorted; `None` when the read does not tell.
fn members(target: &Target<'_>, group: u32) -> Option<Vec<u32>> {
    let member = target.known.member?;
    let mut members: Vec<u32> = target
        .index
        .entry(group)
        .values(member)
        .par_iter()
        .with_min_len(CHUNK)
        .filter_map(|dn| target.index.by_text(dn))
        .collect();
    members.par_sort_unstable();
    Some(members)
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
            facts: making.state_facts(subject),
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
