//! What tests cover, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::render::escape;
use crate::testing::{Coverage, CoveredRow};

const GAP: Style = AnsiColor::Yellow.on_default();
/// Most rows of one table listed; nobody writes tests from a list of thousands.
const ROWS: usize = 10;
/// Longest text of a rule shown, in characters.
const TEXT: usize = 100;

pub(super) fn render(coverage: &Coverage, colour: bool) -> String {
    let mut out = String::new();
    let (covered, all) = coverage.count();
    let _ = writeln!(
        out,
        "coverage: {covered} of {all} rules, {}",
        percent(coverage)
    );
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for rule in &coverage.rules {
        let count = files.entry(&rule.location.file).or_default();
        count.0 += usize::from(rule.covered);
        count.1 += 1;
    }
    let widest = files
        .keys()
        .map(|file| file.chars().count())
        .max()
        .unwrap_or_default();
    for (file, (covered, all)) in files {
        let _ = writeln!(out, "  {:widest$}  {covered} of {all}", escape::bare(file));
    }
    let gaps: Vec<_> = coverage.rules.iter().filter(|rule| !rule.covered).collect();
    if !gaps.is_empty() {
        out.push_str("no test would notice a change of\n");
    }
    for rule in gaps {
        let place = escape::bare(&rule.location.to_string());
        if colour {
            let _ = write!(out, "  {GAP}{place}{GAP:#}");
        } else {
            let _ = write!(out, "  {place}");
        }
        let _ = writeln!(
            out,
            "  {}: {}",
            escape::bare(&rule.what),
            shortened(&rule.text)
        );
    }
    let (covered, all) = coverage.count_rows();
    if all > 0 {
        let _ = writeln!(out, "table rows: {covered} of {all} looked up");
        rows(&coverage.rows, &mut out);
    }
    out
}

fn rows(all: &[CoveredRow], out: &mut String) {
    let mut tables: BTreeMap<&str, Vec<&CoveredRow>> = BTreeMap::new();
    for row in all.iter().filter(|row| !row.covered) {
        tables.entry(row.table.as_str()).or_default().push(row);
    }
    for (table, rows) in tables {
        for row in rows.iter().take(ROWS) {
            let _ = writeln!(
                out,
                "  {}  {}: {}",
                escape::bare(&row.location.to_string()),
                escape::bare(table),
                escape::quoted(&row.key)
            );
        }
        if rows.len() > ROWS {
            let _ = writeln!(
                out,
                "  and {} more of {}",
                rows.len() - ROWS,
                escape::bare(table)
            );
        }
    }
}

/// `83.3 %`, rounded down: 100 % is everything.
pub fn percent(coverage: &Coverage) -> String {
    let permille = coverage.permille();
    format!("{}.{} %", permille / 10, permille % 10)
}

fn shortened(text: &str) -> String {
    let text = text.replace('\n', " ");
    if text.chars().nth(TEXT).is_some() {
        let start: String = text.chars().take(TEXT).collect();
        format!("{}…", escape::bare(&start))
    } else {
        escape::bare(&text)
    }
}
