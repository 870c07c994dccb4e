//! Lookup tables, ready for lookups.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;

use super::watch::RowWatch;
use crate::model::Name;

/// What a key without a row means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Unmapped {
    /// The person is held and the key reported.
    #[default]
    Hold,
    /// The value is empty and the key reported.
    Report,
    /// The key itself is the value.
    Same,
    /// This is the value.
    Use(String),
}

/// A table as configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableData {
    /// Key to value.
    pub rows: BTreeMap<String, String>,
    /// Whether keys that differ only in case are different keys.
    pub case_sensitive: bool,
    /// What a key without a row means.
    pub unmapped: Unmapped,
}

/// All tables, by name.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Shared, because tests evaluate with the same tables again and again.
    by_name: Arc<HashMap<Name, Table, foldhash::fast::RandomState>>,
    pub(super) watch: Option<Arc<RowWatch>>,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    rows: HashMap<CompactString, CompactString, foldhash::fast::RandomState>,
    case_sensitive: bool,
    pub(super) unmapped: Unmapped,
}

impl Tables {
    /// Prepares tables. Keys are trimmed, brought to NFC and, unless case-sensitive, to lower case, as facts are.
    pub fn new(tables: BTreeMap<Name, TableData>) -> Self {
        let by_name = tables
            .into_iter()
            .map(|(name, data)| {
                let rows = data
                    .rows
                    .iter()
                    .map(|(key, value)| {
                        let key = CompactString::from(row_key(key, data.case_sensitive));
                        (key, CompactString::from(value.as_str()))
                    })
                    .collect();
                let table = Table {
                    rows,
                    case_sensitive: data.case_sensitive,
                    unmapped: data.unmapped,
                };
                (name, table)
            })
            .collect();
        Self {
            by_name: Arc::new(by_name),
            watch: None,
        }
    }

    /// Has lookups noted from now on.
    pub fn watched(mut self, watch: Option<Arc<RowWatch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Whether a table has a row for a key. Is not noted as a lookup.
    pub fn has(&self, table: &str, key: &str) -> bool {
        self.get(table)
            .is_some_and(|table| table.find(key).is_some())
    }

    /// Whether a key without a row is worth a report: not where the table says what such a key becomes.
    pub fn reports(&self, table: &str) -> bool {
        self.get(table)
            .is_some_and(|table| matches!(table.unmapped, Unmapped::Hold | Unmapped::Report))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Table> {
        self.by_name.get(name)
    }

    /// The value in a key's row, whatever a key without one means.
    pub fn row(&self, table: &str, key: &str) -> Option<&str> {
        let (_, value) = self.get(table)?.find(key)?;
        Some(value)
    }
}

/// The form in which a row's key is compared.
pub fn row_key(key: &str, case_sensitive: bool) -> String {
    let key: String = key.trim().nfc().collect();
    if case_sensitive {
        key
    } else {
        key.to_lowercase()
    }
}

impl Table {
    /// The row of a key: the key as the table holds it, and the value.
    pub(super) fn find(&self, key: &str) -> Option<(&str, &str)> {
        let key = key.trim();
        let found = if self.case_sensitive || is_lower_ascii(key) {
            self.rows.get_key_value(key)
        } else {
            self.rows.get_key_value(super::filters::lower(key).as_str())
        };
        found.map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

fn is_lower_ascii(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}
