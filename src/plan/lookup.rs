//! People of a source by their key or by a field: for rules that name a person.
//!
//! Built once per side and field. Keeps that a value several people have finds nobody.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::people::Side;
use crate::mapping::RuleKind;
use crate::matching::{Hashed, hash};
use crate::model::FieldIndex;

/// People of a side by key, or by the value of a field.
pub(super) struct Lookup {
    field: Option<FieldIndex>,
    by_value: Hashed,
}

impl Lookup {
    fn new(side: &Side<'_>, field: Option<FieldIndex>) -> Self {
        let rows = side
            .people
            .people
            .par_iter()
            .enumerate()
            .filter_map(|(at, person)| {
                let at = u32::try_from(at).ok()?;
                let value = Self::value(field, side, at, person)?;
                Some((hash(&value), at))
            })
            .collect();
        Self {
            field,
            by_value: Hashed::new(rows),
        }
    }

    fn value(
        field: Option<FieldIndex>,
        side: &Side<'_>,
        at: u32,
        person: &crate::model::Person,
    ) -> Option<CompactString> {
        match field {
            None => Some(person.key.as_str().into()),
            // Somebody named by a value is somebody in scope, be it by another record.
            Some(_) if !person.in_scope && side.primary(at) == at => None,
            Some(field) => person
                .fact(field)
                .map(|fact| compact_str::format_compact!("{fact}").to_lowercase()),
        }
    }

    /// The one person with this value, by the record that counts.
    pub(super) fn find(&self, side: &Side<'_>, wanted: &str) -> Option<u32> {
        self.record(side, wanted).map(|record| side.primary(record))
    }

    /// A record with this value, when all that have it are of one person.
    pub(super) fn record(&self, side: &Side<'_>, wanted: &str) -> Option<u32> {
        let wanted: CompactString = match self.field {
            None => wanted.into(),
            Some(_) => wanted.to_lowercase().into(),
        };
        let mut found = self.by_value.get(hash(&wanted)).filter(|at| {
            let value = Self::value(self.field, side, *at, side.person(*at));
            value.as_ref() == Some(&wanted)
        });
        let first = found.next()?;
        let person = side.primary(first);
        found
            .all(|other| side.primary(other) == person)
            .then_some(first)
    }
}

/// The lookups the person rules of a side need.
pub(super) fn lookups(side: &Side<'_>) -> HashMap<Option<FieldIndex>, Lookup> {
    let mut wanted = HashSet::new();
    for rule in side.mappings.iter().flat_map(|mapping| mapping.all_rules()) {
        if let RuleKind::Person { field, .. } = &rule.kind {
            wanted.insert(*field);
        }
    }
    wanted
        .into_iter()
        .map(|field| (field, Lookup::new(side, field)))
        .collect()
}
