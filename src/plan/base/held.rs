//! What a change of the configuration would bring about, and a guard holds.
//!
//! What is held is in no plan, so both configurations are planned once more without guards. Keeps that only what the
//! plan does not do is told here, and that nothing is told for which no guard of the plan answers.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::{Lines, by_id};
use crate::model::{Name, PersonKey};
use crate::plan::{ChangeId, HeldBack, Plan};

/// A guard, and the kinds of change it holds of somebody.
type Holds<'p> = (&'p str, &'p [String]);

/// Writes into a plan compared with an earlier commit's what its guards hold of the difference. `whole` and `base` are
/// what both configurations plan without guards; `None` for a commit that has none.
pub fn held_against(plan: &mut Plan, whole: &Plan, base: Option<&Plan>) {
    let going: HashSet<&ChangeId> = plan.changes.iter().map(|change| &change.id).collect();
    let earlier = by_id(base);
    let mut guards: HashMap<(&Name, &PersonKey), Vec<Holds<'_>>> = HashMap::new();
    for held in &plan.held {
        if let (Some(person), Some(guard)) = (&held.person, &held.guard) {
            let of = guards.entry((&person.source, &person.key)).or_default();
            of.push((guard, &held.waits));
        }
    }
    let mut lines: BTreeMap<&str, Lines<'_>> = BTreeMap::new();
    for change in &whole.changes {
        if going.contains(&change.id) {
            continue;
        }
        let kind = change.action.kind();
        let of = guards.get(&(&change.person.source, &change.person.key));
        let guard = of
            .into_iter()
            .flatten()
            .find(|(_, waits)| waits.iter().any(|wait| wait == kind));
        if let Some((guard, _)) = guard {
            let known = earlier.get(&change.id).copied();
            lines.entry(guard).or_default().add(change, known, true);
        }
    }
    let told: Vec<HeldBack> = lines
        .into_iter()
        .flat_map(|(guard, lines)| {
            let guard = guard.to_owned();
            lines.told(whole).into_iter().map(move |would| HeldBack {
                guard: guard.clone(),
                would,
            })
        })
        .collect();
    if let Some(against) = &mut plan.base {
        against.held = told;
    }
}
