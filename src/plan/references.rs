//! Managers in a circle: people who, by way of others, are their own manager.
//!
//! A directory takes a circle, and so does a plan: who reports to whom is the source's to say. But approvals and
//! organisation charts that follow it never end, so a reviewer is told, with everybody in it.

use rayon::prelude::*;

use super::draft::Warnings;
use super::target::{NOBODY, Target};
use super::zones::Seen;
use crate::mapping::{RuleKind, Wanted};
use crate::policy::warning;

/// How many people of a circle are named.
const NAMED: usize = 8;

/// Warns of every circle once.
pub(super) fn report(target: &Target<'_>, warnings: &mut Warnings) {
    let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
    let managers: Vec<u32> = (0..count)
        .into_par_iter()
        .with_min_len(256)
        .map_init(
            || None,
            |seen, at| manager(target, at, seen).unwrap_or(NOBODY),
        )
        .collect();
    // Everybody is gone through once; whoever is met again on the same walk stands in a circle.
    let mut walk_of = vec![NOBODY; managers.len()];
    for start in 0..count {
        let mut at = start;
        while at != NOBODY && walk_of[at as usize] == NOBODY {
            walk_of[at as usize] = start;
            at = managers[at as usize];
        }
        if at == NOBODY || walk_of[at as usize] != start {
            continue;
        }
        let mut circle = Vec::new();
        let first = at;
        loop {
            circle.push(at);
            at = managers[at as usize];
            if at == first {
                break;
            }
        }
        // The same circle is told the same way wherever the walk began.
        let least = circle.iter().enumerate().min_by_key(|(_, at)| **at);
        let turn = least.map_or(0, |(turn, _)| turn);
        circle.rotate_left(turn);
        let shown = |at: &u32| {
            let subject = &target.subjects[*at as usize];
            target.side(subject).shown(subject.person)
        };
        let mut names: Vec<String> = circle.iter().take(NAMED).map(shown).collect();
        if circle.len() > NAMED {
            names.push(format!("{} more", circle.len() - NAMED));
        }
        names.extend(circle.first().map(shown));
        warnings.add(
            warning::REFERENCE_CIRCLE,
            "people are, by way of others, their own manager",
            names.join(" → "),
        );
    }
}

/// The subject who is a subject's manager by the rules in force.
fn manager<'t>(target: &'t Target<'_>, at: u32, seen: &mut Option<Seen<'t>>) -> Option<u32> {
    let subject = &target.subjects[at as usize];
    let side = usize::from(subject.side);
    if target.lookups[side].is_empty() {
        return None;
    }
    let mapping = target.mapping(subject);
    let composition = target.composition(subject).ok()?;
    let rule = composition
        .rules(mapping)
        .find(|rule| rule.name.eq_ignore_ascii_case("manager"))?;
    let RuleKind::Person { formula, field } = &rule.kind else {
        return None;
    };
    let people = &target.sides[side];
    let context = people.seen(target.moment, seen, subject.person);
    if rule.blind.is_some() || !rule.applies(context).ok()? {
        return None;
    }
    let Wanted::One(text) = rule
        .one(formula, context, &mut crate::mapping::Notes::default())
        .ok()?
    else {
        return None;
    };
    let person = target.lookups[side].get(field)?.find(people, &text)?;
    let found = target.subject_of[side][person as usize];
    // Who names themselves is told so already.
    (found != NOBODY && found != at).then_some(found)
}
