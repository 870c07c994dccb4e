//! Results of mapping tests: for people, for programs, for CI viewers and beside the lines of a pull request.
//!
//! Gets reports and gives a string. Values come from tests and rules, so they are data here as everywhere: none can
//! command a terminal, close an element or begin another annotation.

mod coverage;
mod github;
mod json;
mod junit;
mod text;

pub use coverage::percent;

use crate::testing::{Coverage, Report, Shown};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// JUnit XML, as CI services read it.
    Junit,
    /// GitHub workflow commands, shown beside the lines of a pull request.
    Github,
}

/// How results are written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Use colour.
    pub colour: bool,
    /// Only what failed.
    pub quiet: bool,
}

/// Writes reports, and what the tests cover where the form has a place for it: text and JSON. `options` concern text
/// only.
pub fn render(
    reports: &[Report],
    coverage: Option<&Coverage>,
    format: Format,
    options: Options,
) -> String {
    match format {
        Format::Text => {
            let mut out = text::render(reports, options);
            if let Some(coverage) = coverage.filter(|_| !options.quiet) {
                out.push_str(&self::coverage::render(coverage, options.colour));
            }
            out
        }
        Format::Json => json::render(reports, coverage),
        Format::Junit => junit::render(reports),
        Format::Github => github::render(reports),
    }
}

/// What tests cover, for people.
pub fn coverage(coverage: &Coverage, options: Options) -> String {
    self::coverage::render(coverage, options.colour)
}

/// `3 tests: 2 passed, 1 failed`.
pub fn summary(reports: &[Report]) -> String {
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let passed = reports.len() - failed;
    let plural = if reports.len() == 1 { "" } else { "s" };
    format!(
        "{} test{plural}: {passed} passed, {failed} failed",
        reports.len()
    )
}

/// One side of a difference in one line.
fn inline(shown: &Shown) -> String {
    let quoted = super::escape::quoted;
    match shown {
        Shown::Nothing => "nothing".to_owned(),
        Shown::Word(word) => super::escape::bare(word),
        Shown::Value(value) => quoted(value),
        Shown::List(values) => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// Everything wrong with one test, a line for each thing, as plain text.
fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &report.broken {
        lines.push(format!("cannot be run: {}", super::escape::bare(why)));
    }
    for difference in &report.differences {
        let rule = match &difference.rule {
            Some(rule) => format!(" (by {})", super::escape::bare(&rule.to_string())),
            None => String::new(),
        };
        let note = match &difference.note {
            Some(note) => format!("; {}", super::escape::bare(note)),
            None => String::new(),
        };
        lines.push(format!(
            "{}: expected {}, found {}{rule}{note}",
            super::escape::bare(&difference.about),
            inline(&difference.expected),
            inline(&difference.actual)
        ));
    }
    lines
}
