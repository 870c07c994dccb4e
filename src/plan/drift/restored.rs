//! A directory as it would be, did every account still carry the anchor of whoever it was.
//!
//! Knows whose account was whose. Keeps that nothing but anchors differs from what was read, and that it is made only to
//! compare with: no plan is.

use std::collections::BTreeMap;

use compact_str::CompactString;
use hashbrown::HashMap;

use super::super::build::{PlanError, PlanInput, with_targets};
use super::owners::PersonOf;
use crate::model::{AttributeId, DirectorySnapshot, Entry, EntryKind, Guid, Name, Values};

/// The directories in which `astray` are to be given their people's anchors again, with those. Empty where nobody is.
///
/// # Errors
/// As for [`super::super::build`].
pub fn restored(
    input: &PlanInput<'_>,
    astray: &HashMap<(Name, Guid), PersonOf>,
) -> Result<BTreeMap<Name, DirectorySnapshot>, PlanError> {
    let by_person: HashMap<(&Name, &PersonOf), Guid> = astray
        .iter()
        .map(|((target, account), who)| ((target, who), *account))
        .collect();
    let mut anchors: HashMap<(Name, AttributeId, CompactString), Guid> = HashMap::new();
    with_targets(input, |target| {
        for subject in &target.subjects {
            let side = target.side(subject);
            let who = (side.source.clone(), side.person(subject.person).key.clone());
            if let Some(account) = by_person.get(&(target.name, &who)) {
                let key = &target.mapping(subject).anchor;
                let value = (target.name.clone(), key.id, subject.anchor.clone());
                anchors.insert(value, *account);
            }
        }
    })?;
    let mut directories = BTreeMap::new();
    for (name, read) in input.directories {
        let mine = anchors.iter().filter(|((target, ..), _)| target == name);
        let values: HashMap<(AttributeId, &str), Guid> = mine
            .map(|((_, id, value), account)| ((*id, value.as_str()), *account))
            .collect();
        if !values.is_empty() {
            directories.insert(name.clone(), with(read, &values));
        }
    }
    Ok(directories)
}

fn with(
    read: &DirectorySnapshot,
    values: &HashMap<(AttributeId, &str), Guid>,
) -> DirectorySnapshot {
    let mut read = read.clone();
    let mut by_account: HashMap<Guid, Vec<(AttributeId, &str)>> = HashMap::new();
    for ((id, value), account) in values {
        by_account.entry(*account).or_default().push((*id, value));
    }
    for entry in &mut read.objects {
        if entry.kind != EntryKind::User {
            continue;
        }
        let theirs = by_account.get(&entry.guid);
        let is_anothers = |(id, found): &(AttributeId, Values)| {
            let mut found = found.as_slice().iter();
            found.any(|value| {
                let account = values.get(&(*id, value.as_str()));
                account.is_some_and(|account| *account != entry.guid)
            })
        };
        if theirs.is_none() && !entry.attributes.iter().any(is_anothers) {
            continue;
        }
        let mut attributes: Vec<_> = entry.attributes.to_vec();
        attributes.retain(|one| !is_anothers(one));
        for (id, value) in theirs.into_iter().flatten() {
            attributes.retain(|(of, _)| of != id);
            attributes.push((*id, Values::One(CompactString::from(*value))));
        }
        attributes.sort_unstable_by_key(|(id, _)| *id);
        *entry = Entry {
            attributes: attributes.into(),
            ..entry.clone()
        };
    }
    read
}
