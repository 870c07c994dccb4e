//! Memberships: who is in the groups rules name, and what becomes of that.
//!
//! Who belongs where is known already. Members are compared by identity, and a group is judged once, however many
//! people its rules name. Rules speak of direct membership; what is nested in a group is told and never touched. Keeps
//! that nobody leaves a group while a name in its `keep` is nobody's, and that no privileged group is changed unless
//! every rule that comes to it is from a document that names it.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::changes::{Making, change_id, index, object_text};
use super::draft::{Draft, Warnings};
use super::drift::{LeftThere, MemberLeft};
use super::members::{holders, is_primary, keep, kept_in_states, members};
use super::missing::Strip;
use super::moves::{self, Leaving, Obstacle, Parts, Postponed};
use super::named::{self, Unfound};
use super::nesting::{Nested, Nesting};
use super::overlap::{self, Term};
use super::strangers;
use super::target::{HeldPerson, NOBODY, Target};
use super::wishes::{GroupRule, Wishes, held_back, wishes};
use super::{Action, Cause, Change, Reason, Recovery, Risk};
use crate::config::kinds::{GroupMode, GroupsInState};
use crate::matching::{Protection, Standing};
use crate::model::spoken;
use crate::policy::{held, warning};

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
    /// What is left on a day to come.
    pub(super) postponed: Vec<Postponed>,
    /// What somebody gave or took by hand, and stays.
    pub(super) edits: Vec<LeftThere>,
}

/// Compares memberships with the rules.
pub(super) fn memberships(
    making: &Making<'_, '_>,
    rules: &[GroupRule],
    strips: &HashMap<u32, Strip>,
    made: &mut Vec<(u32, Change)>,
    warnings: &mut Warnings,
) -> Memberships {
    let mut found = Memberships::default();
    let mut parts = Parts::default();
    if rules.is_empty() {
        moves::settle(making, rules, parts, &HashMap::new(), made, &mut found);
        return found;
    }
    let target = making.target;
    let mut wishes = wishes(making, rules);
    wishes.wanted.sort_unstable();
    let by_rule = |rule: u16| &rules[usize::from(rule)];
    for ((rule, name, why), count) in &wishes.missing {
        let name = spoken::object(name);
        let (code, text) = match why {
            Unfound::Missing => (
                held::GROUP_MISSING,
                format!("the group {name} does not exist"),
            ),
            Unfound::NoGroup => (held::GROUP_MISSING, format!("{name} is not a group")),
            Unfound::Several(groups) => (
                held::GROUP_AMBIGUOUS,
                format!("{groups} groups have the name {name}"),
            ),
        };
        let text = format!("{text}; it was to have {count} of the people");
        found
            .groups
            .push(Draft::new(code, text).rule(by_rule(*rule).group.rule));
    }
    let mut groups: Vec<u32> = wishes.named.iter().map(|(group, _)| *group).collect();
    groups.dedup();
    groups.sort_by_key(|group| target.index.key(*group).clone());
    let mut nesting = Nesting::new(target);
    nesting.ask(target, &groups);
    warn_of_privileged(target, rules, &nesting, warnings);
    let kept = kept_in_states(target, &mut found.groups);
    let comparison = Comparison {
        kept,
        nesting: &nesting,
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
    let mut protected: BTreeMap<u32, usize> = BTreeMap::new();
    parts.kept_out = std::mem::take(&mut wishes.kept_out);
    for one in compared {
        for (_, change) in one.entering.iter().filter(|(_, change)| change.privileged) {
            warnings.add(
                warning::BECOMES_PRIVILEGED,
                "people who enter privileged groups: the directory marks their accounts (adminCount), and halosync does not touch them any more, also when they leave",
                format!(
                    "{} into {}",
                    change.person.spoken(),
                    spoken::name(&change.object.dn.rdn().value)
                ),
            );
        }
        parts.entering.extend(one.entering);
        parts.leaving.extend(one.leaving);
        parts.kept_out.extend(one.kept_out);
        parts.in_doubt |= one.in_doubt;
        found.stripped.extend(one.stripped);
        found.groups.extend(one.held);
        for left in one.left {
            let subject = &target.subjects[left.at as usize];
            let draft = left.draft;
            found
                .people
                .extend(draft.map(|draft| (subject.side, subject.person, draft)));
            found.edits.push(left.there);
        }
        for at in one.protected {
            *protected.entry(at).or_default() += 1;
        }
    }
    let unproven = moves::settle(making, rules, parts, &wishes.uncertain, made, &mut found);
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
    entering: Vec<(u32, Change)>,
    leaving: Vec<Leaving>,
    /// Subjects rules name who cannot enter.
    kept_out: Vec<(u32, Obstacle)>,
    /// Nobody can say who leaves.
    in_doubt: bool,
    stripped: Vec<Change>,
    held: Vec<Draft>,
    /// Who stays in or out as somebody made it.
    left: Vec<MemberLeft>,
    /// Subjects who would enter or leave, were they not protected.
    protected: Vec<u32>,
}

/// What every group is compared with.
struct Comparison<'m, 't, 'a> {
    making: &'m Making<'t, 'a>,
    rules: &'m [GroupRule],
    wishes: &'m Wishes,
    nesting: &'m Nesting,
    /// Which subject holds which account.
    holder: Vec<u32>,
    /// Groups that states which take memberships keep, by side and state; `None` while a name is no group's.
    kept: HashMap<(u16, u16), Option<HashSet<u32>>>,
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
        let privileged = self.nesting.is_privileged(group);
        let allowed = if privileged {
            self.named_privileged(group, &naming)
        } else {
            Ok(())
        };
        let writable = allowed.and_then(|()| {
            let writable = writable(target, group, privileged, wanted.len());
            writable.map_err(|draft| draft.rule(first.group.rule))
        });
        let members = members(target, group);
        if writable.is_err() || members.is_none() {
            let members = members.as_deref().unwrap_or_default();
            let outside = all[from..to].iter().filter(|(_, at, rule)| {
                let object = target.subjects[*at as usize].account();
                self.rules[usize::from(*rule)].follows_facts()
                    && object.is_some_and(|object| members.binary_search(&object).is_err())
            });
            one.kept_out = outside
                .map(|(_, at, _)| (*at, Obstacle::Group(group)))
                .collect();
            one.in_doubt = true;
        }
        if let Err(draft) = writable {
            one.held.push(draft);
            return one;
        }
        let Some(members) = members else {
            let text = "the read does not tell the group's members".to_owned();
            let draft = Draft::new(held::GROUP_UNREAD, text).accounts(vec![group]);
            one.held.push(draft.rule(first.group.rule));
            return one;
        };
        let way = Way {
            group,
            privileged,
            nested: self.nesting.of(group),
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
            let Some(change) = membership(self.making, &way, *at, rule, true) else {
                continue;
            };
            match MemberLeft::of(target, *at, rule.drift, rule.rule, &change) {
                Some(left) => one.left.push(left),
                None => one.entering.push((*at, change)),
            }
        }
        let (keep, unknown) = keep(target, group, &naming);
        if !unknown.is_empty() {
            one.in_doubt = true;
            one.held.extend(unknown);
            return one;
        }
        let mut leaving: Vec<u32> = members
            .iter()
            .filter(|member| !keep.contains(*member))
            .map(|member| self.holder[*member as usize])
            .filter(|at| *at != NOBODY)
            .filter(|at| {
                wanted
                    .binary_search_by_key(at, |(subject, _)| *subject)
                    .is_err()
            })
            .collect();
        leaving.sort_unstable();
        let mut gone: HashSet<u32> = HashSet::new();
        for at in leaving {
            if let Some(rule) = self.leaves(at, group, &naming) {
                gone.extend(target.subjects[at as usize].account());
                self.leave(&way, at, rule, &naming, &mut one);
            }
        }
        if !self.strips.is_empty() {
            let stripped = members
                .iter()
                .filter(|member| !keep.contains(*member))
                .filter_map(|member| {
                    let strip = self.strips.get(member)?;
                    let change = self.strip(&way, *member, strip, &naming)?;
                    gone.insert(*member);
                    Some(change)
                });
            one.stripped.extend(stripped);
        }
        let exclusive = naming
            .iter()
            .find(|rule| rule.mode == GroupMode::Exclusive && rule.blind().is_none());
        if let Some(rule) = exclusive {
            let stays = |member: u32| {
                let at = self.holder[member as usize];
                let named = wanted.binary_search_by_key(&at, |(subject, _)| *subject);
                named.is_err() && !gone.contains(&member) && !keep.contains(&member)
            };
            let draft = strangers::report(target, group, &members, &self.holder, stays);
            one.held
                .extend(draft.map(|draft| draft.rule(rule.group.rule)));
        }
        one
    }

    /// Whether every rule that comes to a privileged group is from a document that names it.
    fn named_privileged(&self, group: u32, naming: &[&GroupRule]) -> Result<(), Draft> {
        let target = self.making.target;
        let refused = naming.iter().find(|rule| {
            let mut names = rule.privileged.iter();
            !names.any(|name| named::group(target, name) == Ok(group))
        });
        let Some(rule) = refused else { return Ok(()) };
        let entry = target.index.entry(group);
        let own = target
            .scope
            .gives_power(entry, entry.value(target.known.sam));
        let why = if own {
            "it gives its members power over the domain"
        } else {
            "it is nested in a group that gives its members power over the domain"
        };
        let name = entry.dn.spoken();
        let text = format!("{name} is not written: {why}, and the document does not name it");
        Err(Draft::new(held::PRIVILEGED_GROUP, text)
            .accounts(vec![group])
            .rule(rule.group.rule))
    }

    /// The removal of an account whose person is missing, when a rule for the person's side names the group.
    fn strip(
        &self,
        way: &Way<'_>,
        member: u32,
        strip: &Strip,
        naming: &[&GroupRule],
    ) -> Option<Change> {
        let target = self.making.target;
        if self.keeps(strip.side, strip.state, way.group) {
            return None;
        }
        naming
            .iter()
            .find(|rule| rule.side == strip.side && rule.blind().is_none())?;
        let object = target.object(way.group);
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
            privileged: way.privileged,
            unit: None,
        })
    }

    /// Whether a state that takes memberships leaves this one alone.
    fn keeps(&self, side: u16, state: u16, group: u32) -> bool {
        let kept = self.kept.get(&(side, state));
        kept.is_some_and(|kept| kept.as_ref().is_none_or(|kept| kept.contains(&group)))
    }

    /// The rule that takes the membership away: any that names the group for this side's people.
    fn leaves<'r>(&self, at: u32, group: u32, naming: &[&'r GroupRule]) -> Option<&'r GroupRule> {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        if held_back(self.making, at, true) || self.wishes.uncertain.contains_key(&at) {
            return None;
        }
        let of_side = || naming.iter().filter(|rule| rule.side == subject.side);
        let sighted = of_side().filter(|rule| rule.blind().is_none());
        // Whose rule says that only those named stay speaks of everybody's people.
        let exclusive = || {
            let rules = naming.iter().filter(|rule| rule.blind().is_none());
            rules
                .filter(|rule| rule.mode == GroupMode::Exclusive)
                .min_by_key(|rule| rule.rule)
                .copied()
        };
        match target.state(subject).groups {
            GroupsInState::Keep => None,
            GroupsInState::Remove if self.keeps(subject.side, subject.state, group) => None,
            GroupsInState::Remove => sighted
                .min_by_key(|rule| rule.rule)
                .copied()
                .or_else(exclusive),
            // A rule nobody can evaluate might name the person.
            GroupsInState::Rules if of_side().any(|rule| rule.blind().is_some()) => None,
            GroupsInState::Rules => sighted
                .filter(|rule| rule.mode.removes())
                .min_by_key(|rule| rule.rule)
                .copied()
                .or_else(exclusive),
        }
    }

    fn leave(
        &self,
        way: &Way<'_>,
        at: u32,
        rule: &GroupRule,
        naming: &[&GroupRule],
        one: &mut OneGroup,
    ) {
        let target = self.making.target;
        let subject = &target.subjects[at as usize];
        let protected = subject.account().is_some_and(|object| {
            matches!(target.standing[object as usize], Standing::Protected(_))
        });
        if protected {
            one.protected.push(at);
            return;
        }
        let side = target.side(subject);
        let known = side.proven && subject.is_tied();
        let change = known
            .then(|| membership(self.making, way, at, rule, false))
            .flatten();
        // Whoever is shut out leaves, whoever let them in.
        let shut = target.state(subject).groups == GroupsInState::Remove
            || side.exceptions.stops(subject.person).is_some();
        let left = change
            .as_ref()
            .filter(|_| !shut)
            .and_then(|change| MemberLeft::of(target, at, rule.drift, rule.rule, change));
        if let Some(left) = left {
            // It may be that only an overlap has ended.
            one.in_doubt |= left.is_unclear();
            one.left.push(left);
            return;
        }
        one.leaving.push(Leaving {
            at,
            group: way.group,
            change,
            // Power over the domain does not overlap.
            term: if way.privileged {
                Term::AtOnce
            } else {
                overlap::term(target, subject, naming)
            },
        });
    }
}

/// Names in `privileged` that allow nothing.
fn warn_of_privileged(
    target: &Target<'_>,
    rules: &[GroupRule],
    nesting: &Nesting,
    warnings: &mut Warnings,
) {
    let mut told = BTreeSet::new();
    for name in rules.iter().flat_map(|rule| rule.privileged.iter()) {
        let known = named::group(target, name).is_ok_and(|group| nesting.is_privileged(group));
        if !known && told.insert(name.to_string()) {
            warnings.add(
                warning::PRIVILEGED_NOT_FOUND,
                format!(
                    "privileged names what is no privileged group of {}",
                    target.name
                ),
                name.spoken(),
            );
        }
    }
}

/// A group on the way to its changes.
struct Way<'n> {
    group: u32,
    /// It gives power over the domain, and configuration names it.
    privileged: bool,
    nested: Nested<'n>,
}

fn writable(target: &Target<'_>, group: u32, privileged: bool, wanted: usize) -> Result<(), Draft> {
    let why = match target.standing[group as usize] {
        Standing::Managed => return Ok(()),
        Standing::Protected(Protection::Privileged | Protection::BuiltIn) if privileged => {
            return Ok(());
        }
        Standing::Outside => "it stands outside the places groups are managed in".to_owned(),
        Standing::Protected(why) => why.to_string(),
    };
    let name = target.index.entry(group).dn.spoken();
    Err(Draft::new(
        held::PROTECTED_GROUP,
        format!("{name} is not written, {why}; rules name {wanted} people for it"),
    )
    .accounts(vec![group]))
}

fn membership(
    making: &Making<'_, '_>,
    way: &Way<'_>,
    at: u32,
    rule: &GroupRule,
    enter: bool,
) -> Option<Change> {
    let target = making.target;
    let subject = &target.subjects[at as usize];
    let member = making.account(at)?;
    let object = target.object(way.group);
    let name = spoken::name(&object.dn.rdn().value);
    let state = target.state(subject);
    let by_state = !enter && state.groups == GroupsInState::Remove;
    let mut because = if by_state {
        Reason {
            text: format!(
                "state {} leaves every group that rules give",
                spoken::name(&state.name)
            ),
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
    let through = subject
        .account()
        .and_then(|it| way.nested.through(target, it));
    if let Some(nested) = through {
        let nested = spoken::name(&target.index.entry(nested).dn.rdn().value);
        because.text.push_str(&if enter {
            format!("; through {nested} the account is in it already, but not directly")
        } else {
            format!("; through {nested} the account stays in it")
        });
    }
    if way.privileged {
        because
            .text
            .push_str("; the group is privileged, hence the high risk");
    }
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
        risk: if enter && !way.privileged {
            Risk::Medium
        } else {
            Risk::High
        },
        recovery: Recovery::Full,
        privileged: way.privileged,
        unit: None,
    })
}
