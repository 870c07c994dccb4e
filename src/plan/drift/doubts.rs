//! What a plan did not judge, or left as somebody had made it.
//!
//! Knows one plan and nothing of what became of it. Keeps that a hold for one rule throws no doubt on what other rules want.

use hashbrown::{HashMap, HashSet};

use super::super::{Held, Plan, PlanValue, RuleIndex};
use super::onward::is_spared;
use super::owners::PersonOf;
use crate::model::{Guid, Location, Name};

/// Of somebody, what was not judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt {
    /// Nothing was done for them at all.
    pub(super) whole: bool,
    /// Kinds of change that a guard held of them.
    pub(super) guarded: Vec<String>,
    /// Rules of which something was held.
    pub(super) rules: Vec<Location>,
}

impl Doubt {
    /// Whether it is about what a rule wants. Of whom a guard held anything, nobody knows what else went with it.
    pub(super) fn is_of(&self, rule: &Location) -> bool {
        self.whole || !self.guarded.is_empty() || self.rules.contains(rule)
    }
}

/// Notes of whom not everything was judged.
pub(super) fn doubt(
    doubts: &mut HashMap<PersonOf, Doubt>,
    plan: &Plan,
    counts: impl Fn(&Held) -> bool,
) {
    let rule = |index: RuleIndex| {
        let rule = plan.rules.get(usize::try_from(index.0).ok()?)?;
        Some(rule.location.clone())
    };
    let counted = plan.held.iter().filter(|held| counts(held));
    for held in counted.filter(|held| !is_spared(held)) {
        let Some(person) = &held.person else { continue };
        let doubt = doubts
            .entry((person.source.clone(), person.key.clone()))
            .or_default();
        match (&held.guard, held.rule.and_then(rule)) {
            (Some(_), _) if !held.waits.is_empty() => {
                doubt.guarded.extend(held.waits.iter().cloned());
            }
            (None, Some(rule)) if held.partial => doubt.rules.push(rule),
            _ => doubt.whole = true,
        }
    }
}

/// Memberships that a plan left as somebody had made them: target, account and group.
pub(super) fn put_in(plan: &Plan) -> HashSet<(&Name, Guid, Guid)> {
    let left = plan.since.iter().flat_map(|since| &since.left);
    let members = left.filter(|left| left.what == "member");
    members
        .flat_map(|left| {
            let group = left.object.guid;
            left.found.iter().filter_map(move |value| match value {
                PlanValue::Object(member) => Some((&left.target, member.guid?, group?)),
                _ => None,
            })
        })
        .collect()
}
