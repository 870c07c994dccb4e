//! Reads back every object written, once everything is written: sent is not took.
//!
//! An acknowledged write that cannot be seen afterwards (another system undid it, the server normalised the value)
//! is a failure, told with what is there instead. Each object is read once, whatever was done to it.

use std::collections::{BTreeMap, HashMap};

use futures::FutureExt;
use futures::stream::StreamExt;

use super::control::{UAC, is_disabled};
use super::execute::Run;
use super::history::{Step, StepResult};
use super::look::{Eyes, differences};
use super::outcome::{ChangeOutcome, ChangeReport, FailureKind};
use crate::connector::{DirectoryWriter, LiveEntry};
use crate::model::{Dn, Guid, Name};
use crate::plan::{Action, AttributeChange, Change, ChangeId, ObjectRef};

/// How many objects are asked for at once. Nothing is written any more, and a connector that answers many reads by one
/// search needs many that wait.
const ASKED_AT_ONCE: usize = 1024;

/// How many members of one group are asked for at once: each is a request of its own, and a group may get thousands.
const MEMBERS_AT_ONCE: usize = 8;

/// Turns `Done` into `Failed` where an object is not as written. Does nothing once the run is cancelled or the
/// target is out of reach: there is no time, or no way, to read.
pub(super) async fn read_back<W: DirectoryWriter>(run: &Run<'_, W>, reports: &mut [ChangeReport]) {
    let mut objects: BTreeMap<(&Name, String), (Guid, Vec<usize>)> = BTreeMap::new();
    for (at, change) in run.plan.changes.iter().enumerate() {
        if reports[at].outcome != (ChangeOutcome::Done {}) || run.is_over(&change.target) {
            continue;
        }
        let guid = if matches!(change.action, Action::Create { .. }) {
            run.created(&change.id)
        } else {
            run.identity(&change.object)
        };
        if let Some(guid) = guid {
            objects
                .entry((&change.target, guid.to_string()))
                .or_insert_with(|| (guid, Vec::new()))
                .1
                .push(at);
        }
    }
    if objects.is_empty() {
        return;
    }
    run.events.verifying(objects.len());
    let findings: Vec<(usize, String)> = futures::stream::iter(objects.into_values())
        .map(|(guid, changes)| {
            async move {
                let findings = object(run, guid, &changes).await;
                if findings.is_empty() {
                    return findings;
                }
                // The object and the names it refers to are read one after the other; somebody who renames one in between
                // makes them disagree.
                object(run, guid, &changes).await
            }
            .boxed()
        })
        .buffer_unordered(ASKED_AT_ONCE)
        .flat_map(futures::stream::iter)
        .collect()
        .await;
    for (at, finding) in findings {
        let change = &run.plan.changes[at];
        let outcome = ChangeOutcome::failed(FailureKind::Unverified, finding.clone());
        let step = Step::last_of(&change.action);
        // So that a second apply of this plan makes it again instead of taking it for undone by somebody.
        run.note_outcome(change, step, StepResult::Failed, None, Some(finding))
            .await;
        run.events.not_verified(change, &outcome);
        reports[at].outcome = outcome;
    }
}

/// What is wrong with one object, by change.
async fn object<W: DirectoryWriter>(
    run: &Run<'_, W>,
    guid: Guid,
    changes: &[usize],
) -> Vec<(usize, String)> {
    let all = &run.plan.changes;
    let first = &all[changes[0]];
    let unreadable = |why: &str| -> Vec<(usize, String)> {
        changes.iter().map(|at| (*at, why.to_owned())).collect()
    };
    let Some(writer) = run.writer(&first.target) else {
        return Vec::new();
    };
    let created = |id: &ChangeId| run.created(id);
    let eyes = Eyes {
        writer,
        created: &created,
        bounds: run.options.bounds.get(&first.target),
        expected: None,
        anchors: None,
    };
    let mut asked: Vec<String> = changes
        .iter()
        .flat_map(|at| attributes_of(&all[*at]))
        .map(|attribute| attribute.name.clone())
        .collect();
    asked.push(UAC.to_owned());
    asked.sort_unstable();
    asked.dedup();
    let read = run
        .patiently(first, || {
            async {
                let entry = writer.fetch(guid, &asked).await?;
                let mut names = HashMap::new();
                for at in changes {
                    names.extend(eyes.names(attributes_of(&all[*at])).await?);
                }
                Ok((entry, names))
            }
            .boxed()
        })
        .await;
    let mut deleted = changes.iter().copied();
    let deleted = deleted.find(|at| matches!(all[*at].action, Action::Delete { .. }));
    let (entry, names) = match read {
        // Whatever else was done to it before is gone with it.
        Ok((entry, _)) if let Some(at) = deleted => {
            return entry.map_or_else(Vec::new, |entry| {
                let finding = format!("deleted, but it still stands at {}", entry.dn.spoken());
                vec![(at, finding)]
            });
        }
        Ok((Some(entry), names)) => (entry, names),
        Ok((None, _)) => return unreadable("written, but the object does not exist any more"),
        Err(ChangeOutcome::Failed { message, .. } | ChangeOutcome::Conflict { message, .. }) => {
            return unreadable(&format!("written, but it cannot be read back: {message}"));
        }
        Err(_) => return Vec::new(),
    };
    let name_of = |object: &ObjectRef| names.get(object).cloned().flatten();
    let last = Last::of(run, changes);
    let members = last.members.iter().map(|(member, at)| {
        let (member, change) = (*member, &all[*at]);
        async move {
            let wanted = matches!(change.action, Action::AddMember { .. });
            let is = run
                .patiently(change, || writer.is_member(guid, member).boxed())
                .await;
            let wrong = match is {
                Ok(is) if is == wanted => return None,
                Ok(true) => "the member is still in the group",
                Ok(false) => "the member is not in the group",
                Err(_) => "the group cannot be read back",
            };
            Some((*at, wrong))
        }
        .boxed()
    });
    let members: HashMap<usize, &str> = futures::stream::iter(members.collect::<Vec<_>>())
        .buffer_unordered(MEMBERS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let mut findings = Vec::new();
    for at in changes {
        let mut wrong = last.check(*at, &all[*at], &entry, &name_of);
        wrong.extend(members.get(at).map(|wrong| (*wrong).to_owned()));
        if !wrong.is_empty() {
            findings.push((*at, format!("written, but read back: {}", wrong.join("; "))));
        }
    }
    findings
}

/// For each aspect of an object the change that has the last word on it.
#[derive(Default)]
struct Last<'a> {
    attributes: HashMap<String, usize>,
    members: HashMap<Guid, usize>,
    disabled: Option<usize>,
    name: Option<(usize, String)>,
    place: Option<(usize, &'a Dn)>,
}

impl<'a> Last<'a> {
    fn of<W: DirectoryWriter>(run: &Run<'a, W>, changes: &[usize]) -> Self {
        let mut last = Self::default();
        for at in changes {
            let change = &run.plan.changes[*at];
            for attribute in attributes_of(change) {
                last.attributes
                    .insert(attribute.name.to_ascii_lowercase(), *at);
            }
            match &change.action {
                Action::Create { .. } => last.disabled = Some(*at),
                Action::Enable { .. } | Action::Disable {} => last.disabled = Some(*at),
                Action::Rename { after, .. } => last.name = Some((*at, after.clone())),
                Action::Move { after, .. } => last.place = Some((*at, after)),
                Action::AddMember { member } | Action::RemoveMember { member } => {
                    if let Some(member) = run.identity(member) {
                        last.members.insert(member, *at);
                    }
                }
                Action::Modify { .. }
                | Action::Adopt { .. }
                | Action::ResetPassword {}
                | Action::Delete { .. }
                | Action::Restore { .. } => {}
            }
        }
        last
    }

    fn check(
        &self,
        at: usize,
        change: &Change,
        entry: &LiveEntry,
        name_of: &dyn Fn(&ObjectRef) -> Option<Dn>,
    ) -> Vec<String> {
        let mut wrong: Vec<String> = differences(entry, attributes_of(change), name_of)
            .into_iter()
            .filter(|difference| {
                self.attributes
                    .get(&difference.attribute.to_ascii_lowercase())
                    == Some(&at)
            })
            .map(|difference| {
                format!(
                    "{} is {}, not {}",
                    difference.attribute,
                    listed(&difference.found),
                    listed(&difference.planned)
                )
            })
            .collect();
        if self.disabled == Some(at) {
            let wanted = match change.action {
                Action::Create { enable, .. } => !enable,
                Action::Disable {} => true,
                _ => false,
            };
            match is_disabled(entry) {
                Some(is) if is == wanted => {}
                Some(true) => wrong.push("the account is disabled".to_owned()),
                Some(false) => wrong.push("the account is enabled".to_owned()),
                None => wrong.push("userAccountControl cannot be read".to_owned()),
            }
        }
        if matches!(change.action, Action::Restore { .. })
            && self.name.is_none()
            && self.place.is_none()
            && entry.dn.key() != change.object.dn.key()
        {
            wrong.push(format!("it stands at {}", entry.dn.spoken()));
        }
        if let Some((by, name)) = &self.name
            && *by == at
            && entry.dn.rdn().value != *name
        {
            wrong.push(format!("it is called {}", entry.dn.spoken()));
        }
        if let Some((by, place)) = self.place
            && by == at
            && entry.dn.parent().map(|parent| parent.key()) != Some(place.key())
        {
            wrong.push(format!("it stands at {}", entry.dn.spoken()));
        }
        wrong
    }
}

fn attributes_of(change: &Change) -> &[AttributeChange] {
    match &change.action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => attributes,
        Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
        Action::Enable { .. }
        | Action::Disable {}
        | Action::Rename { .. }
        | Action::Move { .. }
        | Action::AddMember { .. }
        | Action::RemoveMember { .. }
        | Action::ResetPassword {}
        | Action::Delete { .. }
        | Action::Restore { .. } => &[],
    }
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        return "empty".to_owned();
    }
    let shown: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    shown.join(", ")
}
