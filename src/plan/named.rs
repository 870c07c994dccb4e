//! Objects of a read by whatever configuration calls them: distinguished name, `objectGUID` or `sAMAccountName`.
//!
//! Knows the read and no rules. Keeps that a name that could mean two objects means none.

use rayon::prelude::*;

use super::target::Target;
use crate::mapping::fold;
use crate::model::{EntryKind, ObjectName};

/// Why a name stands for no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfound {
    /// Nothing is called so.
    Missing,
    /// What is called so is no group.
    NoGroup,
    /// Several objects are called so.
    Several(usize),
}

impl Unfound {
    /// In a sentence.
    pub(super) fn words(self) -> String {
        match self {
            Self::Missing => "nothing in the read is called so".to_owned(),
            Self::NoGroup => "what is called so is not a group".to_owned(),
            Self::Several(count) => format!("{count} objects are called so"),
        }
    }
}

/// The object with this name.
pub(super) fn object(target: &Target<'_>, name: &ObjectName) -> Result<u32, Unfound> {
    object_of(target, name, |kind| {
        !matches!(kind, EntryKind::Deleted | EntryKind::Foreign)
    })
}

/// The group with this name.
pub(super) fn group(target: &Target<'_>, name: &ObjectName) -> Result<u32, Unfound> {
    let groups = object_of(target, name, |kind| kind == EntryKind::Group);
    match groups {
        Err(Unfound::Missing) if object(target, name).is_ok() => Err(Unfound::NoGroup),
        other => other,
    }
}

fn object_of(
    target: &Target<'_>,
    name: &ObjectName,
    fits: impl Fn(EntryKind) -> bool,
) -> Result<u32, Unfound> {
    let index = &target.index;
    let objects = &index.snapshot.objects;
    let one = |found: Option<u32>| {
        found
            .filter(|object| fits(index.entry(*object).kind))
            .ok_or(Unfound::Missing)
    };
    match name {
        ObjectName::Dn(dn) => one(index.by_text(dn.as_str())),
        // Reads come sorted; a read put together otherwise is only slower.
        ObjectName::Guid(guid) => one(objects
            .binary_search_by_key(guid, |entry| entry.guid)
            .ok()
            .or_else(|| objects.par_iter().position_any(|entry| entry.guid == *guid))
            .and_then(|at| u32::try_from(at).ok())),
        ObjectName::Sam(name) => {
            let Some(holders) = target.taken.get(&target.known.sam) else {
                return Err(Unfound::Missing);
            };
            let def = index.snapshot.header.definition(target.known.sam);
            let folded = fold(def, name);
            let mut found = holders
                .get(index.snapshot, &folded)
                .filter(|object| fits(index.entry(*object).kind));
            let first = found.next().ok_or(Unfound::Missing)?;
            match found.count() {
                0 => Ok(first),
                more => Err(Unfound::Several(more + 1)),
            }
        }
    }
}
