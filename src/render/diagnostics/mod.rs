//! Diagnostics as text, JSON, SARIF and GitHub annotations.
//!
//! Gets the diagnostics and the texts of their files, and gives a string: prints nothing, reads nothing. Texts are
//! shown as handed over, so whoever hands them over has covered what is secret. What files say can neither command a
//! terminal nor begin another annotation.

pub(super) mod github;
mod json;
mod sarif;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Severity};

/// Texts of the files diagnostics point into, by path.
pub type Sources = BTreeMap<Arc<str>, Arc<str>>;

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: each with the line it is about.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0 (OASIS), for code scanning.
    Sarif,
    /// GitHub workflow commands, shown beside the lines of a pull request.
    Github,
}

/// Writes diagnostics. `colour` concerns text only.
pub fn render(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    format: Format,
    colour: bool,
) -> String {
    match format {
        Format::Text => text::render(diagnostics, sources, colour),
        Format::Json => json::render(diagnostics),
        Format::Sarif => sarif::render(diagnostics),
        Format::Github => github::render(diagnostics),
    }
}

/// How many are errors and how many warnings.
pub fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    (errors, diagnostics.len() - errors)
}

/// `3 errors, 1 warning in 5 files`.
pub fn summary(diagnostics: &[Diagnostic], files: usize) -> String {
    let (errors, warnings) = count(diagnostics);
    let some = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    format!(
        "{}, {} in {}",
        some(errors, "error"),
        some(warnings, "warning"),
        some(files, "file")
    )
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// JSON for people and programs: what [`harmless`] replaces is escaped, for programs should get it back.
pub(super) fn json_text(value: &serde_json::Value) -> String {
    let text = format!("{value:#}\n");
    if !text.contains(|c| c != '\n' && acts(c)) {
        return text;
    }
    // Outside of strings there are none but line breaks.
    text.chars()
        .map(|c| match c {
            c if c != '\n' && acts(c) => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

/// True for characters that do something other than appear. All are below U+10000.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text with every character replaced that does something other than appear: controls, and those that turn the
/// direction of writing. One character for one, so columns stay. Tabs stay.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    text.chars()
        .map(|c| match c {
            '\0'..='\u{1f}' if acts(c) => {
                char::from_u32(u32::from(c) + 0x2400).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            c if acts(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests;
