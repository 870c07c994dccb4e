//! Whether what a journal says it found is what its plan had found.
//!
//! Pure: bytes in, contradictions out. A write is announced only when what it is about is as the plan found it, so a journal
//! in which it was otherwise was not written by `apply`: an undo of it would "give back" what somebody put there. What the
//! plan does not bind (values merged into those of others, the names referred objects had at that moment, attributes of a deleted
//! account the plan did not read) is not judged here. Invariant: nothing `apply` writes is a contradiction.

use std::collections::{BTreeMap, HashMap};

use super::chain::walk;
use super::compare::is_as_found;
use super::control::{ACCOUNT_DISABLED, UAC, number};
use super::creation::PWD_LAST_SET;
use super::deletion;
use super::history::{Line, Step};
use crate::connector::LiveEntry;
use crate::model::{Dn, Guid};
use crate::plan::{Action, AttributeChange, Change, ChangeId, ObjectRef, PlanFile};

/// What a write had found.
type Image = BTreeMap<String, Vec<String>>;

/// Everything in a journal that cannot be of an apply of this plan, in the order of its lines; no value is named. Lines that
/// cannot be read, and changes the plan does not have, are told by others.
pub fn contradictions(bytes: &[u8], plan: &PlanFile) -> Vec<String> {
    let changes: HashMap<&ChangeId, &Change> = plan
        .content
        .changes
        .iter()
        .map(|change| (&change.id, change))
        .collect();
    let mut created: HashMap<ChangeId, Guid> = HashMap::new();
    let mut found = Vec::new();
    let walked = walk(bytes, |number, line| {
        match line {
            Ok(Line::Intent {
                change,
                step,
                object,
                before,
                ..
            }) => {
                if let Some(change) = changes.get(&change) {
                    let judged = Judged {
                        change,
                        step,
                        created: &created,
                    };
                    if let Some(why) = judged.against(object, &before) {
                        found.push(format!("line {number}: change {}: {why}", change.id.0));
                    }
                }
            }
            Ok(Line::Outcome {
                change,
                created: Some(guid),
                ..
            }) => {
                created.insert(change, guid);
            }
            Ok(_) | Err(_) => {}
        }
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(_) = walked;
    found
}

/// One announced write.
struct Judged<'a> {
    change: &'a Change,
    step: Step,
    created: &'a HashMap<ChangeId, Guid>,
}

impl Judged<'_> {
    fn against(&self, object: Option<Guid>, before: &Image) -> Option<String> {
        let action = &self.change.action;
        if !Step::of(action).contains(&self.step) {
            return Some(format!("a {} has no such write", action.kind()));
        }
        // An account that is still to be made has no identity.
        let known = match (action, self.step) {
            (Action::Create { .. }, Step::Add) => None,
            (Action::Create { .. }, _) => self.created.get(&self.change.id).copied(),
            _ => self.identity(&self.change.object),
        };
        if let (Some(known), Some(object)) = (known, object)
            && known != object
        {
            return Some("it is about another object than the plan's".to_owned());
        }
        // Nothing is claimed, so nothing is given back.
        if before.is_empty() {
            return None;
        }
        match action {
            Action::Create { .. }
            | Action::Enable {
                initial_password: Some(_),
            } if self.step == Step::Finish => among(before, &[UAC, PWD_LAST_SET]),
            Action::Create { .. }
            | Action::ResetPassword {}
            | Action::Enable {
                initial_password: Some(_),
            } => among(before, &[]),
            Action::Modify { attributes } => of_attributes(attributes, before),
            Action::Adopt { attribute, .. } => {
                of_attributes(std::slice::from_ref(attribute), before)
            }
            Action::Enable {
                initial_password: None,
            } => of_control(before, true),
            Action::Disable {} => of_control(before, false),
            Action::Rename { before: name, .. } => {
                let is = |values: &Vec<String>| values.as_slice() == std::slice::from_ref(name);
                let same = before.len() == 1 && before.values().all(is);
                (!same).then(|| not_found("the name"))
            }
            Action::Move { before: place, .. } => {
                let is = |values: &Vec<String>| match values.as_slice() {
                    [one] => Dn::key_of(one).as_ref() == Some(&place.key()),
                    _ => false,
                };
                let same = before.len() == 1 && before.get("parent").is_some_and(is);
                (!same).then(|| not_found("the place"))
            }
            Action::AddMember { .. } => self.of_member(before, None),
            Action::RemoveMember { member } => self.of_member(before, Some(member)),
            Action::Delete {
                anchor,
                before: planned,
                ..
            } => {
                let entry = LiveEntry {
                    guid: object?,
                    dn: self.change.object.dn.clone(),
                    attributes: before.clone(),
                };
                if deletion::same_anchor(&entry, anchor, planned).is_err() {
                    return Some(not_found(anchor));
                }
                deletion::edited(&entry, planned).map(|(name, ..)| not_found(&name))
            }
            Action::Restore { .. } => among(before, &["isDeleted", "distinguishedName"]),
        }
    }

    fn identity(&self, object: &ObjectRef) -> Option<Guid> {
        object
            .guid
            .or_else(|| self.created.get(object.created_by.as_ref()?).copied())
    }

    fn of_member(&self, before: &Image, member: Option<&ObjectRef>) -> Option<String> {
        let is = match (before.get("member").map(Vec::as_slice), member) {
            (Some([]), None) => true,
            (Some([one]), Some(member)) => {
                let guid = self.identity(member);
                guid.is_none_or(|guid| *one == format!("<GUID={guid}>"))
            }
            _ => false,
        };
        (!is || before.len() != 1).then(|| not_found("the membership"))
    }
}

fn not_found(what: &str) -> String {
    format!(
        "what it says it found of {what} is not what the plan found, and only over that is written"
    )
}

/// What is said to have been found of anything but these.
fn among(before: &Image, known: &[&str]) -> Option<String> {
    let mut names = before.keys();
    let other = names.find(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    Some(not_written(other))
}

fn not_written(name: &str) -> String {
    format!("it says what was found of {name}, which the change does not write")
}

fn of_attributes(attributes: &[AttributeChange], before: &Image) -> Option<String> {
    before.iter().find_map(|(name, found)| {
        match attributes.iter().find(|attribute| attribute.name == *name) {
            None => Some(not_written(name)),
            Some(attribute) if is_as_found(attribute, found) => None,
            Some(_) => Some(not_found(name)),
        }
    })
}

fn of_control(before: &Image, was_disabled: bool) -> Option<String> {
    let found = before.get(UAC).filter(|_| before.len() == 1);
    let flags = found.filter(|values| values.len() == 1);
    let flags = flags.and_then(|values| number(values));
    let same = flags.is_some_and(|flags| (flags & ACCOUNT_DISABLED != 0) == was_disabled);
    (!same).then(|| not_found(UAC))
}
