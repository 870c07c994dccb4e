//! Puts together what the targets came to: order, held people, the table of rules.

use hashbrown::HashMap;

use super::draft::Draft;
use super::target::{HeldPerson, Target};
use super::{Action, Change, Held, Plan, Rule, RuleIndex};
use crate::lifecycle::{RuleBook, RuleId};

/// Held people and objects of one target, as the plan shows them.
pub(super) fn held(target: &Target<'_>, people: Vec<HeldPerson>, objects: Vec<Draft>) -> Vec<Held> {
    let mut people = people;
    people.sort_by(|(side, person, draft), (other_side, other_person, other)| {
        let key = |side: u16, person: u32| &target.sides[usize::from(side)].person(person).key;
        side.cmp(other_side)
            .then_with(|| key(*side, *person).natural_cmp(key(*other_side, *other_person)))
            .then_with(|| draft.code.code.cmp(other.code.code))
            .then_with(|| draft.reason.cmp(&other.reason))
    });
    let mut objects: Vec<Held> = objects
        .into_iter()
        .map(|draft| entry(target, None, draft))
        .collect();
    objects.sort_by_cached_key(|held| {
        let dns: Vec<String> = held
            .accounts
            .iter()
            .map(|account| account.dn.to_string())
            .collect();
        (held.code.clone(), dns, held.reason.clone())
    });
    people
        .into_iter()
        .map(|(side, person, draft)| entry(target, Some((side, person)), draft))
        .chain(objects)
        .collect()
}

fn entry(target: &Target<'_>, person: Option<(u16, u32)>, draft: Draft) -> Held {
    let mut accounts: Vec<_> = draft
        .accounts
        .iter()
        .map(|object| target.object(*object))
        .collect();
    accounts.sort_by_key(|account| account.guid);
    accounts.dedup();
    Held {
        person: person.map(|(side, person)| target.sides[usize::from(side)].reference(person)),
        accounts,
        target: None,
        code: draft.code.code.to_owned(),
        reason: draft.reason,
        help: draft.code.help.to_owned(),
        rule: draft.rule.map(super::changes::index),
        partial: draft.partial,
        guard: None,
        waits: Vec::new(),
    }
}

/// Replaces places in the book by places in the plan's own table, which holds only the rules it uses, each once,
/// sorted by where they stand.
pub(super) fn settle_rules(plan: &mut Plan, book: &RuleBook) {
    let mut used: Vec<u32> = Vec::new();
    visit(plan, &mut |rule| used.push(rule.0));
    used.sort_unstable();
    used.dedup();
    let written = |id: u32| {
        let rule = book.get(RuleId(id));
        Rule {
            location: rule.location.clone(),
            text: rule.text.clone(),
        }
    };
    let mut rules: Vec<Rule> = used.iter().map(|id| written(*id)).collect();
    rules.sort();
    rules.dedup();
    let places: HashMap<u32, u32> = used
        .into_iter()
        .map(|id| {
            let at = rules.binary_search(&written(id)).unwrap_or_default();
            (id, u32::try_from(at).unwrap_or(u32::MAX))
        })
        .collect();
    visit(plan, &mut |rule| rule.0 = places[&rule.0]);
    plan.rules = rules;
}

pub(super) fn visit(plan: &mut Plan, each: &mut dyn FnMut(&mut RuleIndex)) {
    for read in plan.inputs.people.values_mut() {
        for outcome in &mut read.quality {
            each(&mut outcome.rule);
        }
    }
    for outcome in &mut plan.guards {
        each(&mut outcome.rule);
    }
    for asked in &mut plan.approvals {
        each(&mut asked.rule);
    }
    for waiver in &mut plan.waivers {
        each(&mut waiver.rule);
    }
    for change in &mut plan.changes {
        visit_change(change, each);
    }
    for entry in &mut plan.calendar {
        each(&mut entry.rule);
    }
    for exception in &mut plan.exceptions {
        each(&mut exception.rule);
    }
    if let Some(since) = &mut plan.since {
        for left in since.left.iter_mut().chain(&mut since.open) {
            each(&mut left.rule);
        }
    }
    for held in &mut plan.held {
        if let Some(rule) = &mut held.rule {
            each(rule);
        }
    }
}

fn visit_change(change: &mut Change, each: &mut dyn FnMut(&mut RuleIndex)) {
    each(&mut change.because.rule);
    match &mut change.action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => {
            for attribute in attributes {
                each(&mut attribute.rule);
            }
        }
        Action::Adopt { attribute, .. } => each(&mut attribute.rule),
        Action::Rename { rule, .. } | Action::Move { rule, .. } => each(rule),
        Action::Enable { .. }
        | Action::Disable {}
        | Action::AddMember { .. }
        | Action::ResetPassword {}
        | Action::Delete { .. }
        | Action::Restore { .. }
        | Action::RemoveMember { .. } => {}
    }
}
