//! Plans one target: from assessed people to changes and held people.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use rayon::prelude::*;

use super::absent::{anchored, report};
use super::assemble::held;
use super::changes::Making;
use super::draft::{Draft, Warnings};
use super::evaluate::{After, Outcome, evaluate};
use super::groups::{GroupRule, memberships};
use super::naming::{Given, Names};
use super::order;
use super::places::Places;
use super::target::{HeldPerson, Target};
use super::{Change, Held};
use crate::config::Config;
use crate::matching::{Found, Standing};
use crate::model::{Completeness, EntryKind, Name, Verdict};
use crate::policy::{held as code, judge, warning};

/// What one target came to.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) changes: Vec<Change>,
    pub(super) held: Vec<Held>,
    pub(super) people: u64,
    pub(super) managed: u64,
    pub(super) unchanged: u64,
}

/// One target, ready to be planned.
pub(super) struct Planning<'p, 'a> {
    pub(super) config: &'a Config,
    pub(super) target: Target<'a>,
    pub(super) group_rules: Vec<GroupRule>,
    pub(super) warnings: &'p mut Warnings,
    pub(super) proofs: &'p mut BTreeMap<Name, Completeness>,
}

impl Planning<'_, '_> {
    /// Plans it.
    pub(super) fn run(mut self) -> Planned {
        let managed = self
            .target
            .standing
            .iter()
            .zip(&self.target.index.snapshot.objects)
            .filter(|(standing, entry)| {
                entry.kind == EntryKind::User && **standing == Standing::Managed
            })
            .count() as u64;
        let in_scope: Vec<u64> = self
            .target
            .sides
            .iter()
            .map(|side| {
                side.people
                    .people
                    .iter()
                    .filter(|person| person.in_scope)
                    .count() as u64
            })
            .collect();
        let proof = &self.target.index.snapshot.header.completeness;
        if !proof.is_proven() {
            let reasons = match &proof.verdict {
                Verdict::Unproven { reasons } => reasons.join("; "),
                Verdict::Proven => String::new(),
            };
            let draft = Draft::new(
                code::DIRECTORY_UNPROVEN,
                format!(
                    "the read of {} is not proven complete: {reasons}",
                    self.target.name
                ),
            );
            for (number, people) in in_scope.iter().enumerate() {
                self.prove(number, *people, 0);
            }
            return Planned {
                held: held(&self.target, Vec::new(), vec![draft]),
                people: in_scope.iter().sum(),
                managed,
                ..Planned::default()
            };
        }
        let assessed: Vec<_> = self
            .target
            .sides
            .iter()
            .map(|side| side.assess(self.target.moment))
            .collect();
        let mut people = self.target.match_people(&assessed);
        drop(assessed);
        let anchors = anchored(&self.target);
        for (number, count) in in_scope.iter().enumerate() {
            let accounts = anchors.of_side(&self.target, u16::try_from(number).unwrap_or(u16::MAX));
            self.prove(number, *count, accounts);
        }
        let mut objects = report(&self.target, &anchors, self.warnings);
        self.warn_of_rules();
        let target = &self.target;
        let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
        let mut outcomes: Vec<Option<Box<Outcome<'_>>>> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .map_init(
                || (Places::default(), None),
                |(places, seen), at| evaluate(target, at, places, seen),
            )
            .collect();
        let given = name_all(target, &mut outcomes);
        drop_unreachable(&mut outcomes);
        let broken = order::circles(&outcomes);
        let making = Making {
            target,
            outcomes: &outcomes,
            given: &given,
            broken: &broken,
        };
        let made: Vec<(u32, Change)> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .flat_map_iter(|at| {
                let changes = making.changes(at);
                changes.into_iter().map(move |change| (at, change))
            })
            .collect();
        let memberships = memberships(&making, &self.group_rules);
        let mut touched = touched(target, &outcomes, &memberships.people);
        let mut changes = Vec::with_capacity(made.len() + memberships.changes.len());
        for (at, change) in made.into_iter().chain(memberships.changes) {
            touched[at as usize] = true;
            changes.push(change);
        }
        people.extend(memberships.people);
        objects.extend(memberships.groups);
        collect_notes(target, &outcomes, &mut people, self.warnings);
        let unchanged = target
            .subjects
            .iter()
            .enumerate()
            .filter(|(at, subject)| matches!(subject.found, Found::Account(_)) && !touched[*at])
            .count() as u64;
        Planned {
            changes,
            held: held(target, people, objects),
            people: in_scope.iter().sum(),
            managed,
            unchanged,
        }
    }

    /// Judges the read of a side and keeps the verdict for the plan's inputs.
    fn prove(&mut self, number: usize, in_scope: u64, anchored: u64) {
        let side = &mut self.target.sides[number];
        let rules = self
            .config
            .sources
            .get(side.source)
            .map(|source| source.spec.completeness.clone())
            .unwrap_or_default();
        let proof = judge(side.people, &rules, in_scope, anchored);
        side.proven = proof.is_proven();
        match self.proofs.get_mut(side.source) {
            None => {
                self.proofs.insert(side.source.clone(), proof);
            }
            Some(known) => {
                if let Verdict::Unproven { reasons } = proof.verdict {
                    match &mut known.verdict {
                        Verdict::Unproven { reasons: all } => {
                            all.extend(reasons);
                            all.sort();
                            all.dedup();
                        }
                        verdict @ Verdict::Proven => *verdict = Verdict::Unproven { reasons },
                    }
                }
            }
        }
    }

    fn warn_of_rules(&mut self) {
        for side in &self.target.sides {
            for (attribute, field, _) in side.blind_rules() {
                self.warnings.add(
                    warning::FIELD_NOT_DELIVERED,
                    format!(
                        "{field} stood in no row of the read of {}; what needs it is left alone",
                        side.source
                    ),
                    attribute,
                );
            }
            for mapping in &side.mappings {
                for attribute in &mapping.unknown {
                    self.warnings.add(
                        warning::UNKNOWN_ATTRIBUTE,
                        format!("the schema of {} lacks attributes", self.target.name),
                        attribute.clone(),
                    );
                }
            }
        }
        for rule in &self.group_rules {
            if let Some(field) = rule.blind() {
                let source = self.target.sides[usize::from(rule.side)].source;
                self.warnings.add(
                    warning::FIELD_NOT_DELIVERED,
                    format!("{field} stood in no row of the read of {source}; what needs it is left alone"),
                    "group rule".to_owned(),
                );
            }
        }
    }
}

/// Finds names for everyone who needs one, in the order of their keys.
fn name_all<'t>(
    target: &'t Target<'_>,
    outcomes: &mut [Option<Box<Outcome<'t>>>],
) -> HashMap<u32, Given<'t>> {
    let mut names = Names::default();
    let mut given = HashMap::new();
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        let Some(outcome) = outcome else { continue };
        if outcome.whole.is_some()
            || (!outcome.create && outcome.names.is_empty() && outcome.place.is_none())
        {
            continue;
        }
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let settled = names.settle(target, at, outcome);
        given.insert(at, settled);
    }
    given
}

/// References to accounts that turned out not to be made are left as they are.
fn drop_unreachable(outcomes: &mut [Option<Box<Outcome<'_>>>]) {
    let made: Vec<bool> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .as_ref()
                .is_some_and(|outcome| outcome.create && outcome.whole.is_none())
        })
        .collect();
    for outcome in outcomes.iter_mut().flatten() {
        let mut lost = Vec::new();
        outcome.attributes.retain(|delta| match delta.after {
            After::Made(other) if !made[other as usize] => {
                lost.push((delta.rule, compact_str::CompactString::default()));
                false
            }
            _ => true,
        });
        outcome.unresolved.extend(lost);
    }
}

fn collect_notes(
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
    people: &mut Vec<HeldPerson>,
    warnings: &mut Warnings,
) {
    for (subject, outcome) in target.subjects.iter().zip(outcomes) {
        let Some(outcome) = outcome else { continue };
        let side = target.side(subject);
        for draft in outcome.whole.iter().chain(&outcome.partial) {
            people.push((subject.side, subject.person, draft.clone()));
        }
        for (rule, wanted) in &outcome.unresolved {
            let shown = side.shown(subject.person);
            warnings.add(
                warning::REFERENCE_UNRESOLVED,
                format!(
                    "{} names somebody without a known account and is left as it is",
                    rule.name
                ),
                if wanted.is_empty() {
                    shown
                } else {
                    format!("{shown}: {wanted}")
                },
            );
        }
        for (table, key) in &outcome.notes.unmapped {
            warnings.add(
                warning::UNMAPPED_VALUE,
                format!("table {table} has no row for {key:?}"),
                side.shown(subject.person),
            );
        }
    }
}

/// Subjects with anything held.
fn touched(
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
    people: &[HeldPerson],
) -> Vec<bool> {
    let mut touched: Vec<bool> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .as_ref()
                .is_some_and(|outcome| outcome.whole.is_some() || !outcome.partial.is_empty())
        })
        .collect();
    for (side, person, _) in people {
        let at = target.subject_of[usize::from(*side)][*person as usize];
        if let Some(touched) = touched.get_mut(at as usize) {
            *touched = true;
        }
    }
    touched
}
