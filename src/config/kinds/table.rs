//! `kind: Table`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A lookup table, used in templates as `person.department | lookup('NAME')`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    /// Rows written here: key to value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<BTreeMap<String, String>>,
    /// Rows in a CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvFile>,
    /// What a key without a row means.
    #[serde(default)]
    pub unmapped: Unmapped,
    /// Whether keys that differ only in case are different keys.
    #[serde(default)]
    pub case_sensitive: bool,
}

/// Rows in a CSV file (RFC 4180, UTF-8, with a header line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CsvFile {
    /// Path relative to the project.
    pub file: String,
    /// Header of the key column.
    pub key: String,
    /// Header of the value column.
    pub value: String,
}

/// What a key without a row means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Unmapped {
    /// The person is held and the key reported.
    #[default]
    Hold,
    /// The value is empty and the key reported.
    Report,
    /// The key itself is the value.
    Same,
    /// This value.
    Use(String),
}

impl From<&Unmapped> for crate::lang::Unmapped {
    fn from(unmapped: &Unmapped) -> Self {
        match unmapped {
            Unmapped::Hold => Self::Hold,
            Unmapped::Report => Self::Report,
            Unmapped::Same => Self::Same,
            Unmapped::Use(value) => Self::Use(value.clone()),
        }
    }
}
