//! Gives each change of a plan its cause.
//!
//! Knows plans and edits. Keeps that a cause is named only where something shows it.

use hashbrown::HashMap;

use super::super::changes::does_the_same;
use super::super::{Action, Cause, Change, ChangeId, OtherCause, Plan, RuleIndex};
use super::edits::{Edits, Finding};
use crate::model::Location;

/// What the configuration that was last applied would do now.
#[derive(Debug, Clone, Copy)]
pub enum Earlier<'a> {
    /// The same: it is the same configuration.
    Same,
    /// This, from the same reads.
    Other(&'a Plan),
    /// That cannot be told, and with it nothing tells the configuration from the data of people.
    Unknown,
}

/// Writes the cause of each change into a plan: edits in the directory; the configuration, where the one last applied
/// would not do it; else the data of people.
pub fn causes(plan: &mut Plan, edits: &Edits, earlier: Earlier<'_>) {
    let known: Option<HashMap<&ChangeId, &Change>> = match earlier {
        Earlier::Other(plan) => {
            let changes = plan.changes.iter();
            Some(changes.map(|change| (&change.id, change)).collect())
        }
        Earlier::Same | Earlier::Unknown => None,
    };
    let same = matches!(earlier, Earlier::Same);
    let mut otherwise = Vec::new();
    let rules = &plan.rules;
    for change in &mut plan.changes {
        let earlier = match &known {
            Some(known) => Some(known.get(&change.id).copied()),
            None if same => Some(Some(&*change)),
            None => None,
        };
        let (cause, others) = of(change, edits, earlier, &|rule| {
            let rule = rules.get(usize::try_from(rule.0).ok()?)?;
            Some(&rule.location)
        });
        otherwise.extend(others);
        if let Some(cause) = cause {
            change.cause = cause;
        }
    }
    if let Some(since) = &mut plan.since {
        since.otherwise = otherwise;
    }
}

/// The cause of a change, and those of its attributes that have another. `earlier` is, where it is known, what the last
/// applied configuration would do instead.
fn of<'r>(
    change: &Change,
    edits: &Edits,
    earlier: Option<Option<&Change>>,
    place: &dyn Fn(RuleIndex) -> Option<&'r Location>,
) -> (Option<Cause>, Vec<OtherCause>) {
    let person = (&change.person.source, &change.person.key);
    if let (Action::Modify { attributes }, Some(guid)) = (&change.action, change.object.guid) {
        let mut causes: Vec<(Cause, &str)> = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            let known = earlier.map(|earlier| {
                let Some(Action::Modify { attributes }) = earlier.map(|one| &one.action) else {
                    return false;
                };
                let mut attributes = attributes.iter();
                attributes.any(|one| one.name == attribute.name && one.after == attribute.after)
            });
            let finding = place(attribute.rule).map_or(Finding::Unknown, |rule| {
                let found = (attribute.name.as_str(), attribute.before.as_slice());
                edits.attribute(&change.target, guid, found, person, rule)
            });
            causes.push((cause(known, &finding), &attribute.name));
        }
        // What a reviewer must not miss names the whole.
        let of_all = causes.iter().map(|(cause, _)| *cause).min_by_key(weight);
        let others = causes
            .into_iter()
            .filter(|(cause, _)| Some(*cause) != of_all)
            .map(|(cause, name)| OtherCause {
                change: change.id.clone(),
                attribute: name.to_owned(),
                cause,
            });
        return (of_all, others.collect());
    }
    let known = earlier
        .map(|earlier| earlier.is_some_and(|one| does_the_same(&one.action, &change.action)));
    let finding = place(change.because.rule)
        .map_or(Finding::Unknown, |rule| edits.change(change, person, rule));
    // What is said of a change of this kind without evidence does not count beside evidence that says nothing.
    (Some(cause(known, &finding)), Vec::new())
}

fn cause(known: Option<bool>, finding: &Finding<'_>) -> Cause {
    match (known, finding) {
        (Some(false), _) => Cause::Config,
        (_, Finding::Edited(_)) => Cause::Drift,
        (_, Finding::Unknown) | (None, Finding::Untouched | Finding::Open) => Cause::Undetermined,
        (Some(true), Finding::Untouched | Finding::Open) => Cause::Source,
    }
}

fn weight(cause: &Cause) -> u8 {
    match cause {
        Cause::Config => 0,
        Cause::Drift => 1,
        Cause::Source => 2,
        Cause::Undetermined | Cause::Undo => 3,
    }
}
