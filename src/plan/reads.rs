//! What a plan says of the reads it is made from: what each proves, what is recorded of it, and what was odd.
//!
//! Judges reads as a whole, never a person. Keeps that removals wait where a read proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::build::PlanInput;
use super::draft::Warnings;
use super::quality::Judged;
use super::{Plan, ReadOfDirectory, ReadOfPeople};
use crate::model::{JoinedRead, Name, PeopleSnapshot, Verdict};
use crate::policy::{LastGoodRead, Proof, judge, warning};
use crate::snapshot::{directory_digest, people_digest};

/// What each read that a mapping uses proves by itself and against the last good one.
pub(super) fn proofs(input: &PlanInput<'_>) -> BTreeMap<Name, Proof> {
    let targets = &input.config.directories;
    let used: BTreeSet<&str> = input
        .config
        .mappings
        .values()
        .filter(|mapping| targets.contains_key(mapping.spec.target.as_str()))
        .map(|mapping| mapping.spec.source.as_str())
        .collect();
    let sources = input.config.sources.values();
    sources
        .filter(|source| used.contains(source.name.as_str()))
        .filter_map(|source| {
            let people = input.people.get(&source.name)?;
            let last_good = last_good(input, &source.name, people);
            let proof = judge(people, &source.spec.completeness, last_good);
            Some((source.name.clone(), proof))
        })
        .collect()
}

/// What the plan that was named tells of a source's last good read.
fn last_good<'a>(
    input: &PlanInput<'a>,
    source: &Name,
    people: &PeopleSnapshot,
) -> Result<LastGoodRead<'a>, &'static str> {
    let plan = input
        .last_good
        .ok_or("no plan was named with --last-good")?;
    let read = plan.content.inputs.people.get(source);
    let read = read.ok_or("the plan named has no read of this source")?;
    if read.instance != people.header.instance {
        return Err("the plan named is of another instance");
    }
    if !read.completeness.is_proven() {
        return Err("the read of the plan named was not proven complete itself");
    }
    Ok(LastGoodRead {
        people: read.people,
        parts: &read.parts,
    })
}

pub(super) fn record_reads(
    plan: &mut Plan,
    input: &PlanInput<'_>,
    proofs: &BTreeMap<Name, Proof>,
    judged: &BTreeMap<Name, Judged>,
) {
    for (source, proof) in proofs {
        let Some(people) = input.people.get(source) else {
            continue;
        };
        plan.removals_held |= !proof.is_proven();
        plan.inputs.people.insert(
            source.clone(),
            ReadOfPeople {
                instance: people.header.instance.clone(),
                read_at: people.header.read_at,
                digest: people_digest(people),
                people: people.people.len() as u64,
                completeness: proof.completeness.clone(),
                checks: proof.checks.clone(),
                parts: proof.parts.clone(),
                quality: judged.get(source).map_or_else(Vec::new, Judged::outcomes),
            },
        );
    }
    for target in plan.targets.keys() {
        let Some(directory) = input.directories.get(target) else {
            continue;
        };
        plan.removals_held |= !directory.header.completeness.is_proven();
        plan.inputs.directories.insert(
            target.clone(),
            ReadOfDirectory {
                read_at: directory.header.read_at,
                digest: directory_digest(directory),
                objects: directory.objects.len() as u64,
                completeness: directory.header.completeness.clone(),
            },
        );
    }
}

pub(super) fn warn_of_reads(plan: &Plan, input: &PlanInput<'_>, warnings: &mut Warnings) {
    for (source, read) in &plan.inputs.people {
        if let Verdict::Unproven { reasons } = &read.completeness.verdict {
            for reason in reasons {
                warnings.add(
                    warning::REMOVALS_HELD,
                    format!("the read of {source} is not proven complete, every removal waits"),
                    reason.clone(),
                );
            }
        }
        for row in input
            .people
            .get(source)
            .into_iter()
            .flat_map(|people| &people.header.rejected)
        {
            warnings.add(
                warning::REJECTED_ROWS,
                format!("rows of {source} could not become people"),
                format!("{}: {}", row.row, row.reason),
            );
        }
        if let Some(people) = input.people.get(source) {
            warn_of_joins(source, &people.header.joined, warnings);
        }
    }
}

/// What joining found odd: each kind once for each endpoint, with the number there are.
fn warn_of_joins(source: &Name, joined: &[JoinedRead], warnings: &mut Warnings) {
    for read in joined {
        let endpoint = &read.endpoint;
        for (code, finding, message) in [
            (
                warning::JOIN_UNMATCHED,
                &read.unmatched,
                format!("{source}: people without a record of {endpoint}"),
            ),
            (
                warning::JOIN_DUPLICATE,
                &read.ambiguous,
                format!("{source}: people with several records of {endpoint}"),
            ),
            (
                warning::JOIN_DUPLICATE,
                &read.duplicates,
                format!("{source}: keys that several records of {endpoint} have"),
            ),
            (
                warning::JOIN_UNUSED,
                &read.unused,
                format!("{source}: records of {endpoint} that belong to nobody"),
            ),
        ] {
            warnings.add_counted(code, message, finding.count, &finding.examples);
        }
    }
}
