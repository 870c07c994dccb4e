//! Who shares a value.

use compact_str::CompactString;
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::matching::{Hashed, hash};
use crate::model::{Fact, FieldIndex, PeopleSnapshot};

/// Places in the snapshot of people in scope whose value somebody else in scope has, too; `person` says which records
/// are of one person. Case sets no two texts apart:
/// a directory would not tell them apart either.
pub(super) fn sharing(
    people: &PeopleSnapshot,
    field: FieldIndex,
    person: impl Fn(u32) -> u32,
) -> Vec<u32> {
    let value = |at: u32| -> Option<CompactString> {
        let person = people.people.get(at as usize)?;
        match person.fact(field).filter(|_| person.in_scope)? {
            Fact::Text(text) => Some(text.to_lowercase()),
            other => Some(compact_str::format_compact!("{other}")),
        }
    };
    let count = u32::try_from(people.people.len()).unwrap_or(u32::MAX);
    let rows = (0..count)
        .into_par_iter()
        .filter_map(|at| Some((hash(&value(at)?), at)))
        .collect();
    let mut sharing = Vec::new();
    for group in Hashed::new(rows).repeated() {
        let mut same: HashMap<Option<CompactString>, Vec<u32>> = HashMap::new();
        for at in group {
            same.entry(value(at)).or_default().push(at);
        }
        let several = same.into_values().filter(|records| {
            let mut people = records.iter().map(|at| person(*at));
            let first = people.next();
            people.any(|other| Some(other) != first)
        });
        sharing.extend(several.flatten());
    }
    sharing
}
