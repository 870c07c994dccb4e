//! Whose turn it is: dependencies, one write per object at a time, bounded concurrency.
//!
//! Must not know what changes do. Invariant: all changes that touch or refer to one object have their turns in the
//! plan's order, so the result does not depend on timing. The work is linear in changes and references.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};

use super::ApplyError;
use super::execute::Run;
use super::outcome::{ChangeOutcome, ChangeReport, FailureKind};
use crate::connector::DirectoryWriter;
use crate::model::{Guid, Name};
use crate::plan::{Action, AttributeChange, Change, ChangeId, ObjectRef, PlanValue};

/// The order changes must keep.
pub(super) struct Graph {
    /// For each change, those that wait for its turn to be over.
    followers: Vec<Vec<usize>>,
    /// For each change, how many turns it waits for.
    waits: Vec<usize>,
    /// For each change, those that must have succeeded.
    needs: Vec<Vec<usize>>,
}

/// An object as the plan names it.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Existing(&'a Name, Guid),
    MadeBy(usize),
}

/// Who has touched an object so far.
#[derive(Default)]
struct Access {
    writer: Option<usize>,
    readers: Vec<usize>,
}

impl Graph {
    /// The order among those changes that are wanted; the others have no turn, and nobody waits for one.
    ///
    /// # Errors
    /// When ids repeat, a dependency is unknown or stands later in the plan, or an object has no identity: of all
    /// changes, wanted or not.
    pub(super) fn build(
        changes: &[Change],
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, ApplyError> {
        let malformed = |message: String| ApplyError::Malformed { message };
        let mut index = HashMap::with_capacity(changes.len());
        for (at, change) in changes.iter().enumerate() {
            if index.insert(&change.id, at).is_some() {
                return Err(malformed(format!(
                    "two changes have the id {}",
                    change.id.0
                )));
            }
        }
        let mut graph = Self {
            followers: vec![Vec::new(); changes.len()],
            waits: vec![0; changes.len()],
            needs: vec![Vec::new(); changes.len()],
        };
        let mut accesses: HashMap<Key<'_>, Access> = HashMap::new();
        for (at, change) in changes.iter().enumerate() {
            let earlier = |id: &ChangeId| match index.get(id) {
                Some(needed) if *needed < at => Ok(*needed),
                Some(_) => Err(malformed(format!(
                    "change {} depends on {}, which comes after it",
                    change.id.0, id.0
                ))),
                None => Err(malformed(format!(
                    "change {} depends on {}, which is not in the plan",
                    change.id.0, id.0
                ))),
            };
            let maker = |object: &ObjectRef| -> Result<Option<usize>, ApplyError> {
                match (object.guid, &object.created_by) {
                    (Some(_), _) => Ok(None),
                    (None, Some(id)) => {
                        let made_by = earlier(id)?;
                        if matches!(changes[made_by].action, Action::Create { .. })
                            && changes[made_by].target == change.target
                        {
                            Ok(Some(made_by))
                        } else {
                            Err(malformed(format!(
                                "change {} refers to an object made by {}, which makes none in that target",
                                change.id.0, id.0
                            )))
                        }
                    }
                    (None, None) => Err(malformed(format!(
                        "change {} refers to {} without its identity",
                        change.id.0,
                        object.dn.spoken()
                    ))),
                }
            };
            for id in &change.depends_on {
                graph.needs[at].push(earlier(id)?);
            }
            let mut touched = Vec::new();
            if matches!(change.action, Action::Create { .. }) {
                touched.push((Key::MadeBy(at), true));
            } else {
                match maker(&change.object)? {
                    Some(made_by) => {
                        graph.needs[at].push(made_by);
                        touched.push((Key::MadeBy(made_by), true));
                    }
                    None => touched.extend(
                        change
                            .object
                            .guid
                            .map(|guid| (Key::Existing(&change.target, guid), true)),
                    ),
                }
            }
            for object in referred(&change.action) {
                match maker(object)? {
                    Some(made_by) => {
                        graph.needs[at].push(made_by);
                        touched.push((Key::MadeBy(made_by), false));
                    }
                    None => touched.extend(
                        object
                            .guid
                            .map(|guid| (Key::Existing(&change.target, guid), false)),
                    ),
                }
            }
            graph.needs[at].sort_unstable();
            graph.needs[at].dedup();
            let mut after = graph.needs[at].clone();
            for (key, writes) in touched {
                let access = accesses.entry(key).or_default();
                if writes {
                    after.append(&mut access.readers);
                    after.extend(access.writer.replace(at));
                } else {
                    after.extend(access.writer);
                    access.readers.push(at);
                }
            }
            after.sort_unstable();
            after.dedup();
            // An object that refers to itself (somebody who is their own manager).
            after.retain(|before| *before != at && wanted(*before));
            if !wanted(at) {
                continue;
            }
            graph.waits[at] = after.len();
            for before in after {
                graph.followers[before].push(at);
            }
        }
        Ok(graph)
    }
}

/// The changes that must have succeeded before one, by id.
pub(super) fn needed(change: &Change) -> impl Iterator<Item = &ChangeId> {
    let object = change.object.created_by.as_ref();
    let referred = referred(&change.action)
        .into_iter()
        .filter_map(|object| object.created_by.as_ref());
    change.depends_on.iter().chain(object).chain(referred)
}

/// Objects a change refers to besides the one it writes: their names must stay what they are meanwhile.
fn referred(action: &Action) -> Vec<&ObjectRef> {
    match action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => {
            attributes.iter().flat_map(references).collect()
        }
        Action::Adopt { attribute, .. } => references(attribute).collect(),
        Action::AddMember { member } | Action::RemoveMember { member } => vec![member],
        Action::Enable { .. }
        | Action::Disable {}
        | Action::Rename { .. }
        | Action::Move { .. }
        | Action::ResetPassword {}
        | Action::Delete { .. }
        | Action::Restore { .. } => Vec::new(),
    }
}

/// Objects the values of an attribute refer to.
pub(super) fn references(attribute: &AttributeChange) -> impl Iterator<Item = &ObjectRef> {
    attribute
        .before
        .iter()
        .chain(&attribute.after)
        .filter_map(|value| match value {
            PlanValue::Object(object) => Some(object),
            PlanValue::Text(_) | PlanValue::Octets(_) => None,
        })
}

/// Gives every wanted change its turn, several at once. `graph` was built for the same ones; of what they need, those
/// that are not wanted have had their turn before.
pub(super) async fn turns<W: DirectoryWriter>(
    run: &Run<'_, W>,
    mut graph: Graph,
    wanted: impl Fn(usize) -> bool,
    reports: &mut [ChangeReport],
) {
    let changes = &run.plan.changes;
    let concurrency = run.options.concurrency.max(1);
    let mut ready: BinaryHeap<Reverse<usize>> = graph
        .waits
        .iter()
        .enumerate()
        .filter(|(at, waits)| **waits == 0 && wanted(*at))
        .map(|(at, _)| Reverse(at))
        .collect();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < concurrency
            && let Some(Reverse(at)) = ready.pop()
        {
            let change = &changes[at];
            if let Some(outcome) = without_a_turn(run, &graph.needs[at], reports, change) {
                run.events.finished(change, &outcome);
                reports[at].outcome = outcome;
                release(&mut graph, at, &mut ready);
            } else {
                running.push(async move { (at, turn(run, change).await) }.boxed());
            }
        }
        let Some((at, report)) = running.next().await else {
            break;
        };
        run.events.finished(&changes[at], &report.outcome);
        reports[at] = report;
        release(&mut graph, at, &mut ready);
    }
}

fn release(graph: &mut Graph, at: usize, ready: &mut BinaryHeap<Reverse<usize>>) {
    for follower in std::mem::take(&mut graph.followers[at]) {
        graph.waits[follower] -= 1;
        if graph.waits[follower] == 0 {
            ready.push(Reverse(follower));
        }
    }
}

/// The outcome of a change that is not to be tried.
fn without_a_turn<W: DirectoryWriter>(
    run: &Run<'_, W>,
    needs: &[usize],
    reports: &[ChangeReport],
    change: &Change,
) -> Option<ChangeOutcome> {
    let missing = needs
        .iter()
        .map(|needed| &reports[*needed])
        .find(|report| !report.outcome.is_achieved());
    if let Some(report) = missing {
        return Some(match &report.outcome {
            ChangeOutcome::NotReached {} => ChangeOutcome::NotReached {},
            ChangeOutcome::Skipped { because } => ChangeOutcome::Skipped {
                because: because.clone(),
            },
            _ => ChangeOutcome::Skipped {
                because: report.id.clone(),
            },
        });
    }
    run.is_over(&change.target)
        .then_some(ChangeOutcome::NotReached {})
}

async fn turn<W: DirectoryWriter>(run: &Run<'_, W>, change: &Change) -> ChangeReport {
    run.events.started(change);
    let mut report = ChangeReport::not_reached(change);
    report.started = Some((run.options.clock)());
    // Libraries that read what servers send have been seen to panic on odd data; that is this change's misfortune
    // and nobody else's.
    report.outcome = AssertUnwindSafe(run.execute(change))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            ChangeOutcome::failed(
                FailureKind::Internal,
                "a defect in this program or a library it uses; see the log",
            )
        });
    report.finished = Some((run.options.clock)());
    if matches!(change.action, Action::Create { .. }) {
        report.created = run.created(&change.id);
    }
    report
}
