//! What people read: plans and outcomes as terminal text and Markdown, and diagnostics and the results of tests in the
//! forms tools take.
//!
//! Works from a plan, an outcome, diagnostics or results alone, without files, network or clock, and decides nothing: what is not in the
//! plan is not in the report. A plan is first laid out as a [`report`] (sections of lines of marked pieces) and that
//! is then written as text or Markdown, so that both say the same.
//!
//! Names and values come from other systems and are hostile until shown otherwise: every piece says whether its words
//! are ours or data, and data passes through [`escape`] on its way out. Neither a terminal, nor Markdown, nor the
//! number of lines can be changed by data.

mod approvals;
pub mod diagnostics;
mod difference;
mod drift;
pub mod effective;
mod escape;
mod explain;
mod label;
mod markdown;
mod outcome;
mod plan;
mod probe;
mod redacted;
mod report;
mod scaffold;
pub mod testing;
mod text;

pub use approvals::approvals_text;
pub use markdown::{GITHUB_COMMENT_BYTES, MarkdownOptions};
pub use scaffold::{DirectoryScaffold, SourceScaffold};
pub use text::TextOptions;

use crate::apply::Outcome;
use crate::inventory::report::{DirectoryReport, SourceReport};
use crate::plan::{DriftReport, HeldCounts, PlanFile, RedactedPlan};

/// A plan for the terminal.
pub fn plan_text(file: &PlanFile, options: &TextOptions) -> String {
    let detail = if options.full {
        plan::Detail::Full
    } else {
        plan::Detail::Short
    };
    text::write(&plan::report(file, detail), options)
}

/// A plan as a pull-request comment.
///
/// What does not fit into `options.max_bytes` is left out and counted. Removals and disables are never left out: when
/// they alone are too long, the comment says so first and is longer than asked.
pub fn plan_markdown(file: &PlanFile, options: &MarkdownOptions) -> String {
    markdown::write(&plan::report(file, plan::Detail::Short), options)
}

/// `6 held · 2 held in part, the rest goes on`, in the words reports use; `nobody held` when nobody is.
pub(crate) fn held_words(counts: HeldCounts) -> String {
    let words = plan::held_words(counts);
    if words.is_empty() {
        "nobody held".to_owned()
    } else {
        words.join(" · ")
    }
}

/// A message with data of other systems in it, safe for a terminal: one line, nothing in it acts or hides.
pub fn plain(message: &str) -> String {
    escape::bare(message)
}

/// What is known of one person, for the terminal.
pub fn explanation(told: &crate::explain::Explanation, options: &TextOptions) -> String {
    text::write(&explain::report(told), options)
}

/// What differs between directories and an approved configuration, for the terminal.
pub fn drift_text(told: &DriftReport, options: &TextOptions) -> String {
    text::write(&drift::report(told, options.full), options)
}

/// What differs between directories and an approved configuration, as a comment. Edits are never left out.
pub fn drift_markdown(told: &DriftReport, options: &MarkdownOptions) -> String {
    markdown::write(&drift::report(told, false), options)
}

/// What became of a plan, for the terminal. `plan` is the one that was applied.
pub fn outcome_text(outcome: &Outcome, plan: &PlanFile, options: &TextOptions) -> String {
    text::write(&outcome::report(outcome, plan, options.full), options)
}

/// What became of a plan, as a comment or job summary. Failures and conflicts are never left out.
pub fn outcome_markdown(outcome: &Outcome, plan: &PlanFile, options: &MarkdownOptions) -> String {
    markdown::write(&outcome::report(outcome, plan, false), options)
}

/// A plan without personal data, for the terminal.
pub fn redacted_text(plan: &RedactedPlan, options: &TextOptions) -> String {
    text::write(&redacted::report(plan, options.full), options)
}

/// A plan without personal data, as a comment. With `full`, every change of it.
pub fn redacted_markdown(plan: &RedactedPlan, full: bool, options: &MarkdownOptions) -> String {
    markdown::write(&redacted::report(plan, full), options)
}

/// What became of a plan, without personal data, for the terminal.
pub fn redacted_outcome_text(outcome: &Outcome, options: &TextOptions) -> String {
    text::write(&redacted::outcome(outcome), options)
}

/// What became of a plan, without personal data, as a comment or job summary.
pub fn redacted_outcome_markdown(outcome: &Outcome, options: &MarkdownOptions) -> String {
    markdown::write(&redacted::outcome(outcome), options)
}

/// What probing a source found out, for the terminal.
pub fn probe_source_text(report: &SourceReport, options: &TextOptions) -> String {
    probe::source(report, options)
}

/// What probing a directory found out, for the terminal.
pub fn probe_directory_text(report: &DirectoryReport, options: &TextOptions) -> String {
    probe::directory(report, options)
}

/// A first Source, Mapping and Lifecycle, as YAML.
pub fn source_scaffold(scaffold: &SourceScaffold<'_>) -> String {
    scaffold::source(scaffold)
}

/// A first ActiveDirectory document, as YAML.
pub fn directory_scaffold(scaffold: &DirectoryScaffold<'_>) -> String {
    scaffold::directory(scaffold)
}
