//! Whether an object is still called and placed as the plan says.
//!
//! Changes go by `objectGUID`, and people read names. Where the two say different things, somebody approved a change of
//! another object than the one that would be written. What the plan's own moves and renames make of a name counts as
//! the plan's. Must not know the directory.

use std::collections::HashMap;

use super::outcome::{ChangeOutcome, Difference};
use crate::connector::LiveEntry;
use crate::model::{DnKey, Guid};
use crate::plan::{Action, Change, ObjectRef, Plan};

/// What a plan makes of the names of objects.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// Relative names, in lower case.
    names: HashMap<Guid, Vec<String>>,
    places: HashMap<Guid, Vec<DnKey>>,
}

impl Renames {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut renames = Self::default();
        for change in &plan.changes {
            let Some(guid) = change.object.guid else {
                continue;
            };
            match &change.action {
                Action::Rename { after, .. } => {
                    let names = renames.names.entry(guid).or_default();
                    names.push(after.to_lowercase());
                }
                Action::Move { after, .. } => {
                    renames.places.entry(guid).or_default().push(after.key());
                }
                _ => {}
            }
        }
        renames
    }

    /// Why an object a change speaks of is not what the plan calls it.
    pub(super) fn stranger(&self, change: &Change, entry: &LiveEntry) -> Option<ChangeOutcome> {
        let member = match &change.action {
            Action::AddMember { member } | Action::RemoveMember { member } => Some(member),
            _ => None,
        };
        let mut spoken_of = std::iter::once(&change.object).chain(member);
        let object = spoken_of.find(|object| object.guid == Some(entry.guid))?;
        (!self.is_called(object, entry)).then(|| ChangeOutcome::Conflict {
            message: format!(
                "the plan says {}, and the directory has {} with its objectGUID: renamed or moved since, or another object",
                object.dn, entry.dn
            ),
            differences: vec![Difference {
                attribute: "distinguishedName".to_owned(),
                before: vec![object.dn.as_str().to_owned()],
                planned: vec![object.dn.as_str().to_owned()],
                found: vec![entry.dn.as_str().to_owned()],
            }],
        })
    }

    fn is_called(&self, object: &ObjectRef, entry: &LiveEntry) -> bool {
        if object.dn.key() == entry.dn.key() {
            return true;
        }
        let name = entry.dn.rdn().value.to_lowercase();
        let named = object.dn.rdn().value.to_lowercase() == name
            || self
                .names
                .get(&entry.guid)
                .is_some_and(|names| names.contains(&name));
        let place = entry.dn.parent().map(|parent| parent.key());
        let placed = object.dn.parent().map(|parent| parent.key()) == place
            || place.is_some_and(|place| {
                let places = self.places.get(&entry.guid);
                places.is_some_and(|places| places.contains(&place))
            });
        named && placed
    }
}
