//! Faults in the user's files: data only; [`crate::render`] draws them.

use crate::model::Location;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not mean this.
    Warning,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case code, listed in `docs/diagnostics.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where it begins; `None` when it concerns the project as a whole.
    pub location: Option<Location>,
    /// Length of the marked text in characters, at least 1.
    pub length: u32,
    /// The way out.
    pub help: Option<String>,
}
