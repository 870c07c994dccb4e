//! Tells what a change of the configuration brings about: what is in the plan and would not be without it.
//!
//! Both plans are made from the same reads at the same moment, so that whatever differs comes from the configuration.
//! What does not differ has another cause, which one snapshot cannot tell.

mod held;
mod intake;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::changes::does_the_same;
use super::{
    Action, AgainstBase, AttributeChange, BroughtAbout, Cause, Change, ChangeId, Plan, PlanValue,
    Risk, RuleIndex,
};
use crate::model::{Name, PersonKey, spoken};

pub use held::held_against;
pub use intake::{ReadChange, not_told_apart, read_changes};
pub use tables::name_tables;

/// Up to so many people of one line are all named; of more, the first few.
const FEW: usize = 5;
const SOME: usize = 3;

/// Compares a plan with what the earlier commit would have planned, and writes the difference into it. A commit without a
/// configuration (`None`) would have planned nothing.
pub fn against(plan: &mut Plan, base: Option<&Plan>, commit: String) {
    let earlier = by_id(base);
    let mut caused = Vec::new();
    let mut brought = Lines::default();
    for (at, change) in plan.changes.iter().enumerate() {
        let known = earlier.get(&change.id).copied();
        if brought.add(change, known, true) {
            caused.push(at);
        }
    }
    let withdrawn = match base {
        Some(base) => {
            let now = by_id(Some(plan));
            let mut withdrawn = Lines::default();
            for change in &base.changes {
                withdrawn.add(change, now.get(&change.id).copied(), false);
            }
            withdrawn.told(base)
        }
        None => Vec::new(),
    };
    let brought = brought.told(plan);
    let people: BTreeSet<(&Name, &PersonKey)> = caused
        .iter()
        .map(|at| &plan.changes[*at].person)
        .map(|person| (&person.source, &person.key))
        .collect();
    let told = AgainstBase {
        commit,
        changes: caused.len() as u64,
        people: people.len() as u64,
        brought,
        withdrawn,
        held: Vec::new(),
        not_compared: Vec::new(),
        not_planned: None,
    };
    for at in caused {
        plan.changes[at].cause = Cause::Config;
    }
    plan.base = Some(told);
}

fn by_id(plan: Option<&Plan>) -> HashMap<&ChangeId, &Change> {
    let changes = plan.into_iter().flat_map(|plan| &plan.changes);
    changes.map(|change| (&change.id, change)).collect()
}

/// Writes into a plan that the earlier commit could not be planned, and why; takes back that changes come from people's data,
/// which nobody can tell then but from a recording of the last plan applied.
pub fn not_planned(plan: &mut Plan, commit: String, why: String) {
    let told = plan.since.is_some();
    for change in plan.changes.iter_mut().filter(|_| !told) {
        if change.cause == Cause::Source {
            change.cause = Cause::Undetermined;
        }
    }
    plan.base = Some(AgainstBase {
        commit,
        changes: 0,
        people: 0,
        brought: Vec::new(),
        withdrawn: Vec::new(),
        held: Vec::new(),
        not_compared: Vec::new(),
        not_planned: Some(why),
    });
}

/// Changes by line and kind.
#[derive(Default)]
struct Lines<'p> {
    lines: BTreeMap<(RuleIndex, String), OneKind<'p>>,
}

struct OneKind<'p> {
    risk: Risk,
    people: BTreeMap<(&'p Name, &'p PersonKey), &'p str>,
}

impl<'p> Lines<'p> {
    /// Notes what of a change the other plan does not have; whether there is anything. With `values`, also attributes it
    /// writes otherwise.
    fn add(&mut self, change: &'p Change, known: Option<&Change>, values: bool) -> bool {
        let mut differs = false;
        for (rule, does) in parts(change, known, values) {
            differs = true;
            let person = &change.person;
            let one = self.lines.entry((rule, does)).or_insert(OneKind {
                risk: change.risk,
                people: BTreeMap::new(),
            });
            one.risk = one.risk.max(change.risk);
            one.people
                .insert((&person.source, &person.key), &person.label);
        }
        differs
    }

    /// The lines, widest and most dangerous first; what one line does stands together.
    fn told(self, plan: &Plan) -> Vec<BroughtAbout> {
        let mut of_line: HashMap<RuleIndex, (Risk, usize)> = HashMap::new();
        for ((rule, _), one) in &self.lines {
            let known = of_line.entry(*rule).or_insert((one.risk, 0));
            *known = (known.0.max(one.risk), known.1.max(one.people.len()));
        }
        let mut told: Vec<(RuleIndex, BroughtAbout)> = self
            .lines
            .into_iter()
            .filter_map(|((rule, does), one)| {
                let written = plan.rules.get(usize::try_from(rule.0).ok()?)?;
                let shown = if one.people.len() > FEW {
                    SOME
                } else {
                    one.people.len()
                };
                let names = one.people.iter().take(shown);
                let told = BroughtAbout {
                    location: written.location.clone(),
                    text: written.text.clone(),
                    tables: Vec::new(),
                    does,
                    risk: one.risk,
                    people: one.people.len() as u64,
                    examples: names
                        .map(|((_, key), label)| spoken::person(label, key.as_str()))
                        .collect(),
                };
                Some((rule, told))
            })
            .collect();
        told.sort_by(|(rule_a, a), (rule_b, b)| {
            let order = of_line[rule_b].cmp(&of_line[rule_a]);
            order
                .then_with(|| rule_a.cmp(rule_b))
                .then_with(|| (b.risk, b.people).cmp(&(a.risk, a.people)))
                .then_with(|| a.does.cmp(&b.does))
        });
        told.into_iter().map(|(_, told)| told).collect()
    }
}

/// What of a change the other plan does not do: the rule and what it does.
fn parts(change: &Change, known: Option<&Change>, values: bool) -> Vec<(RuleIndex, String)> {
    let because = change.because.rule;
    let name = spoken::name(&change.object.dn.rdn().value);
    match &change.action {
        Action::Create { attributes, .. } => match known.map(|known| &known.action) {
            None => vec![(because, "creates an account".to_owned())],
            Some(known) => differing(attributes, known, values),
        },
        Action::Modify { attributes } => match known.map(|known| &known.action) {
            None => attributes.iter().map(does).collect(),
            Some(known) => differing(attributes, known, values),
        },
        action => {
            if known.is_some_and(|known| does_the_same(&known.action, action)) {
                return Vec::new();
            }
            let (rule, does) = match action {
                Action::Adopt { attribute, .. } => {
                    (attribute.rule, "adopts the account".to_owned())
                }
                Action::Enable { .. } => (because, "enables".to_owned()),
                Action::Disable {} => (because, "disables".to_owned()),
                Action::ResetPassword {} => (because, "replaces the password".to_owned()),
                Action::Delete { .. } => (because, "DELETES".to_owned()),
                Action::Restore { .. } => (because, "brings back the account".to_owned()),
                Action::Rename { rule, .. } => (*rule, "renames".to_owned()),
                Action::Move { after, rule, .. } => (*rule, format!("moves to {}", after.spoken())),
                Action::AddMember { .. } => (because, format!("adds to {name}")),
                Action::RemoveMember { .. } => (because, format!("takes out of {name}")),
                Action::Create { .. } | Action::Modify { .. } => return Vec::new(),
            };
            vec![(rule, does)]
        }
    }
}

/// Attributes the other change does not write, or writes otherwise.
fn differing(
    attributes: &[AttributeChange],
    known: &Action,
    values: bool,
) -> Vec<(RuleIndex, String)> {
    let (Action::Create {
        attributes: others, ..
    }
    | Action::Modify { attributes: others }) = known
    else {
        return attributes.iter().map(does).collect();
    };
    attributes
        .iter()
        .filter(|attribute| {
            let other = others.iter().find(|other| other.name == attribute.name);
            other.is_none_or(|other| {
                values && (other.after != attribute.after || other.merge != attribute.merge)
            })
        })
        .map(does)
        .collect()
}

fn does(attribute: &AttributeChange) -> (RuleIndex, String) {
    let lost = |value: &PlanValue| !attribute.after.contains(value);
    let word = if attribute.after.is_empty() {
        "clears"
    } else if attribute.merge && attribute.before.iter().any(lost) {
        "takes values of"
    } else {
        "sets"
    };
    (attribute.rule, format!("{word} {}", attribute.name))
}
