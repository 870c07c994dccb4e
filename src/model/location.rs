//! Where in the user's files something stands.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A position in a configuration file: path relative to the project root with `/` separators, 1-based line and
/// column (columns count characters).
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Path relative to the project root, `/` as separator.
    pub file: Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
}

impl std::fmt::Display for Location {
    /// Writes `file:line`, the form used in plans and reports.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
