//! Whether a plan says one thing of each object: no change twice, no two changes that contradict each other, no object
//! under two names.
//!
//! The planner gives one change of a kind to an object, and each of its attributes one value. Two of them count as one
//! for whoever reviews, and which of them counts in the end is the order's. Pure; needs nothing but the plan.

use std::collections::HashMap;

use super::{Action, Change, ChangeId, ObjectRef, Plan};
use crate::model::{DnKey, Guid, Name};

/// What is changed of an object.
#[derive(Debug, PartialEq, Eq, Hash)]
enum What<'p> {
    /// A thing that an object has one of.
    Only(&'static str),
    Attribute(String),
    Member(Which<'p>),
}

/// What tells objects apart.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Which<'p> {
    Known(Guid),
    Made(&'p ChangeId),
    Named(DnKey),
}

impl<'p> Which<'p> {
    fn of(object: &'p ObjectRef) -> Self {
        match (object.guid, &object.created_by) {
            (Some(guid), _) => Self::Known(guid),
            (None, Some(by)) => Self::Made(by),
            (None, None) => Self::Named(object.dn.key()),
        }
    }
}

/// What a plan says twice, or otherwise the second time; a sentence each.
pub fn twice(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let mut first: HashMap<(&Name, Which<'_>, What<'_>), &Change> = HashMap::new();
    let mut known: HashMap<(&Name, Guid), (&ObjectRef, &Change)> = HashMap::new();
    for change in &plan.changes {
        for (object, what) in parts(change) {
            let words = words(&what);
            let Some(other) = first.insert((&change.target, object, what), change) else {
                continue;
            };
            found.push(format!(
                "changes {} ({}) and {} ({}) are both about {words} of {}",
                other.id.0,
                other.action.kind(),
                change.id.0,
                change.action.kind(),
                change.object.dn.spoken()
            ));
        }
        for object in spoken_of(change) {
            let Some(guid) = object.guid else { continue };
            let (before, other) = known
                .entry((&change.target, guid))
                .or_insert((object, change));
            if before != &object && (before.dn.key() != object.dn.key() || differ(before, object)) {
                found.push(format!(
                    "changes {} and {} say different things of the object {guid}: {} and {}",
                    other.id.0,
                    change.id.0,
                    described(before),
                    described(object)
                ));
            }
        }
    }
    found
}

/// The things a change is about, each of which is changed once.
fn parts(change: &Change) -> Vec<(Which<'_>, What<'_>)> {
    let object = || Which::of(&change.object);
    let only = |what| vec![(object(), What::Only(what))];
    match &change.action {
        Action::Create { attributes, .. } => {
            let place = Which::Named(change.object.dn.key());
            let made = attributes
                .iter()
                .map(|attribute| What::Attribute(attribute.name.to_ascii_lowercase()));
            let made = made.map(|what| (Which::Made(&change.id), what));
            std::iter::once((place, What::Only("the creation")))
                .chain(made)
                .collect()
        }
        Action::Modify { attributes } => attributes
            .iter()
            .map(|attribute| {
                let name = attribute.name.to_ascii_lowercase();
                (object(), What::Attribute(name))
            })
            .collect(),
        Action::Adopt { attribute, .. } => {
            let name = attribute.name.to_ascii_lowercase();
            vec![(object(), What::Attribute(name))]
        }
        Action::AddMember { member } | Action::RemoveMember { member } => {
            vec![(object(), What::Member(Which::of(member)))]
        }
        Action::Enable { .. } | Action::Disable {} => only("whether it is enabled"),
        Action::ResetPassword {} => only("the password"),
        Action::Rename { .. } => only("the name"),
        Action::Move { .. } => only("the place"),
        Action::Delete { .. } => only("the deletion"),
        Action::Restore { .. } => only("the return"),
    }
}

fn words(what: &What<'_>) -> String {
    match what {
        What::Only(what) => (*what).to_owned(),
        What::Attribute(name) => format!("the value of {name}"),
        What::Member(_) => "one membership".to_owned(),
    }
}

/// The objects a change writes, or makes a member.
fn spoken_of(change: &Change) -> impl Iterator<Item = &ObjectRef> {
    let member = match &change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => Some(member),
        _ => None,
    };
    std::iter::once(&change.object).chain(member)
}

fn differ(one: &ObjectRef, other: &ObjectRef) -> bool {
    one.anchor != other.anchor || one.account_name != other.account_name
}

fn described(object: &ObjectRef) -> String {
    let mut text = object.dn.spoken();
    for (attribute, value) in &object.anchor {
        text.push_str(&format!(", {attribute} {value:?}"));
    }
    if let Some(name) = &object.account_name {
        text.push_str(&format!(", sAMAccountName {name:?}"));
    }
    text
}
