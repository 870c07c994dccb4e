//! Joining records of several endpoints on unique columns: a hash join, and what was odd about it.
//!
//! Pure: knows neither how records are fetched nor what a person is. Invariants: every step costs the same however
//! many records there are; a key that several records have gives none of them, never one by chance; a missing key is
//! no key, so two records without one are not alike.

use std::collections::BTreeSet;

use compact_str::CompactString;
use hashbrown::HashMap;
use serde_json::Value;

use crate::config::pattern::plain;
use crate::model::JoinFinding;

/// Most examples kept of anything odd.
const EXAMPLES: usize = 20;

/// Records by their key.
#[derive(Debug, Default)]
pub struct JoinIndex {
    by_key: HashMap<CompactString, Slot, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Slot {
    row: Value,
    /// Records that have this key.
    count: u32,
    /// Whether somebody asked for it.
    used: bool,
}

/// What a key leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Match<'a> {
    /// One record.
    One(&'a Value),
    /// None has the key.
    Nobody,
    /// This many have it.
    Several(u32),
}

impl JoinIndex {
    /// Takes a record in under its key.
    pub fn insert(&mut self, key: CompactString, row: Value) {
        match self.by_key.entry(key) {
            hashbrown::hash_map::Entry::Vacant(free) => {
                free.insert(Slot {
                    row,
                    count: 1,
                    used: false,
                });
            }
            hashbrown::hash_map::Entry::Occupied(mut known) => {
                let slot = known.get_mut();
                slot.count = slot.count.saturating_add(1);
                // None of them will ever be used.
                slot.row = Value::Null;
            }
        }
    }

    /// What has this key.
    pub fn find(&mut self, key: &str) -> Match<'_> {
        match self.by_key.get_mut(key) {
            None => Match::Nobody,
            Some(slot) => {
                slot.used = true;
                if slot.count == 1 {
                    Match::One(&slot.row)
                } else {
                    Match::Several(slot.count)
                }
            }
        }
    }

    /// Different keys.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Keys that several records have.
    pub fn duplicates(&self) -> JoinFinding {
        finding(
            self.by_key
                .iter()
                .filter(|(_, slot)| slot.count > 1)
                .map(|(key, _)| key),
        )
    }

    /// Keys nobody asked for.
    pub fn unused(&self) -> JoinFinding {
        finding(
            self.by_key
                .iter()
                .filter(|(_, slot)| !slot.used)
                .map(|(key, _)| key),
        )
    }
}

/// How many, and the first of them in order: the same whatever order they came in.
fn finding<'a>(keys: impl Iterator<Item = &'a CompactString>) -> JoinFinding {
    let mut found = JoinFinding::default();
    let mut first: BTreeSet<&CompactString> = BTreeSet::new();
    for key in keys {
        found.count += 1;
        first.insert(key);
        if first.len() > EXAMPLES {
            first.pop_last();
        }
    }
    found.examples = first.into_iter().map(|key| shown(key)).collect();
    found
}

/// Adds one more to a finding.
pub fn note(finding: &mut JoinFinding, example: impl FnOnce() -> String) {
    finding.count += 1;
    if finding.examples.len() < EXAMPLES {
        finding.examples.push(example());
    }
}

/// What separates the parts of a key of several columns; no value of a record holds it after trimming.
const SEPARATOR: char = '\u{1f}';

/// A key for a person to read.
pub fn shown(key: &str) -> String {
    key.replace(SEPARATOR, ", ")
}

/// The key that these values make, in the one spelling that `18`, `18.0` and `"18"` share. `None` when one is
/// missing, or is a list or an object.
pub fn key<'a>(values: impl IntoIterator<Item = Option<&'a Value>>) -> Option<CompactString> {
    let mut key = CompactString::default();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            key.push(SEPARATOR);
        }
        let text = plain(value?).ok()??;
        // Digits in a text are the number: systems write one id both ways.
        match text.parse::<i64>() {
            Ok(number) if !text.starts_with('0') || text == "0" => {
                key.push_str(&number.to_string());
            }
            _ => key.push_str(&text.replace(SEPARATOR, " ")),
        }
    }
    Some(key)
}

/// The record with nothing but these members: what is kept in memory is what expressions read.
pub fn projected(row: &Value, members: &BTreeSet<String>) -> Value {
    match row {
        Value::Object(map) => Value::Object(
            members
                .iter()
                .filter_map(|member| Some((member.clone(), map.get(member)?.clone())))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_have_one_spelling() {
        for (value, expected) in [
            (json!(18), Some("18")),
            (json!(18.0), Some("18")),
            (json!("18"), Some("18")),
            (json!(" 18 "), Some("18")),
            // A code with leading zeros is no number.
            (json!("018"), Some("018")),
            (json!("0"), Some("0")),
            (json!("Leeds"), Some("Leeds")),
            (json!(""), None),
            (json!(null), None),
            (json!([18]), None),
        ] {
            assert_eq!(key([Some(&value)]).as_deref(), expected, "{value}");
        }
        assert_eq!(key([None]), None);
        let (a, b) = (json!("a"), json!(2));
        assert_eq!(key([Some(&a), Some(&b)]).as_deref(), Some("a\u{1f}2"));
    }

    #[test]
    fn a_key_of_several_records_gives_none_of_them() {
        let mut index = JoinIndex::default();
        index.insert("1".into(), json!({"n": "a"}));
        index.insert("2".into(), json!({"n": "b"}));
        index.insert("2".into(), json!({"n": "c"}));
        assert_eq!(index.find("1"), Match::One(&json!({"n": "a"})));
        assert_eq!(index.find("2"), Match::Several(2));
        assert_eq!(index.find("3"), Match::Nobody);
        assert_eq!(index.duplicates().examples, ["2"]);
        assert_eq!(index.unused().count, 0);
    }

    #[test]
    fn only_what_is_used_is_kept() {
        let members = BTreeSet::from(["id".to_owned(), "gone".to_owned()]);
        let row = json!({"id": 1, "photo": "long"});
        assert_eq!(projected(&row, &members), json!({"id": 1}));
    }

    proptest! {
        /// Whatever the order of records, the same keys are found, doubled and left over.
        #[test]
        fn order_is_irrelevant(mut rows in prop::collection::vec((0u8..20, 0u8..5), 0..60)) {
            let build = |rows: &[(u8, u8)]| {
                let mut index = JoinIndex::default();
                for (key, value) in rows {
                    index.insert(key.to_string().into(), json!(value));
                }
                let found: Vec<String> = (0u8..20).map(|key| format!("{:?}", index.find(&key.to_string()))).collect();
                (found, index.duplicates(), index.unused())
            };
            let one = build(&rows);
            rows.reverse();
            prop_assert_eq!(one, build(&rows));
        }
    }
}
