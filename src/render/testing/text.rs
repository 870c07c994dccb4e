//! For people at a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::{Options, inline, summary};
use crate::render::escape;
use crate::testing::{Difference, Report, Shown};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const EXPECTED: Style = AnsiColor::Red.on_default();
const FOUND: Style = AnsiColor::Green.on_default();
const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

pub(super) fn render(reports: &[Report], options: Options) -> String {
    let mut writer = Writer {
        out: String::new(),
        colour: options.colour,
    };
    for report in reports {
        if report.passed() {
            if !options.quiet {
                writer.styled(GOOD, "ok    ");
                let _ = writeln!(writer.out, "  {}", escape::bare(report.name.as_str()));
            }
            continue;
        }
        writer.failure(report);
    }
    if !options.quiet {
        let _ = writeln!(writer.out, "{}", summary(reports));
    }
    writer.out
}

/// One side of a difference in runs, each with whether only this side has it.
fn runs(differing: &TextDiff<'_, '_, str>, side: ChangeTag) -> Vec<(bool, String)> {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for change in differing.iter_all_changes() {
        let own = change.tag() == side;
        if !own && change.tag() != ChangeTag::Equal {
            continue;
        }
        match runs.last_mut() {
            Some((last, run)) if *last == own => run.push_str(change.value()),
            _ => runs.push((own, change.value().to_owned())),
        }
    }
    runs
}

struct Writer {
    out: String,
    colour: bool,
}

impl Writer {
    fn styled(&mut self, style: Style, text: &str) {
        if self.colour && !text.is_empty() {
            let _ = write!(self.out, "{style}{text}{style:#}");
        } else {
            self.out.push_str(text);
        }
    }

    fn failure(&mut self, report: &Report) {
        self.styled(BAD, "FAILED");
        self.out.push_str("  ");
        self.styled(STRONG, &escape::bare(report.name.as_str()));
        self.place(&report.location.to_string());
        if let Some(why) = &report.broken {
            let _ = writeln!(self.out, "  cannot be run: {}", escape::bare(why));
        }
        for difference in &report.differences {
            self.difference(difference);
        }
    }

    fn place(&mut self, place: &str) {
        self.out.push_str("  ");
        self.styled(QUIET, &escape::bare(place));
        self.out.push('\n');
    }

    fn difference(&mut self, difference: &Difference) {
        self.out.push_str("  ");
        self.styled(STRONG, &escape::bare(&difference.about));
        self.place(&difference.location.to_string());
        match (&difference.expected, &difference.actual) {
            (Shown::List(expected), Shown::List(actual)) => self.lists(expected, actual),
            (Shown::List(expected), Shown::Nothing) => self.lists(expected, &[]),
            (Shown::Nothing, Shown::List(actual)) => self.lists(&[], actual),
            (Shown::Word(one) | Shown::Value(one), Shown::List(actual)) => {
                self.lists(std::slice::from_ref(one), actual);
            }
            (Shown::List(expected), Shown::Word(one) | Shown::Value(one)) => {
                self.lists(expected, std::slice::from_ref(one));
            }
            (expected, actual) => self.sides(expected, actual),
        }
        if let Some(rule) = &difference.rule {
            self.out.push_str("    by      ");
            self.place(&rule.to_string());
        }
        if let Some(note) = &difference.note {
            let _ = writeln!(self.out, "    note      {}", escape::bare(note));
        }
    }

    /// Both sides below each other; with colour, what only one of them has stands out.
    fn sides(&mut self, expected: &Shown, actual: &Shown) {
        let (expected, actual) = (inline(expected), inline(actual));
        for (label, style, of, tag) in [
            (
                "    expected  ",
                EXPECTED,
                (&expected, &actual),
                ChangeTag::Delete,
            ),
            (
                "    found     ",
                FOUND,
                (&expected, &actual),
                ChangeTag::Insert,
            ),
        ] {
            self.out.push_str(label);
            let differing = TextDiff::from_chars(of.0.as_str(), of.1.as_str());
            // Of two texts that have little in common, marking single letters shows nothing.
            if self.colour && differing.ratio() > 0.5 {
                let marked = style.bold().underline();
                for (own, run) in runs(&differing, tag) {
                    self.styled(if own { marked } else { style }, &run);
                }
            } else {
                let side = if tag == ChangeTag::Delete { of.0 } else { of.1 };
                let side = side.clone();
                self.styled(style, &side);
            }
            self.out.push('\n');
        }
    }

    /// Two lists as one: `-` is only expected, `+` only found.
    fn lists(&mut self, expected: &[String], actual: &[String]) {
        let sorted = |values: &[String]| {
            let mut values: Vec<String> =
                values.iter().map(|value| escape::quoted(value)).collect();
            values.sort();
            values
        };
        let (expected, actual) = (sorted(expected), sorted(actual));
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let actual: Vec<&str> = actual.iter().map(String::as_str).collect();
        self.out.push_str("    - expected, + found\n");
        for change in TextDiff::from_slices(&expected, &actual).iter_all_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Equal => ("  ", QUIET),
                ChangeTag::Delete => ("- ", EXPECTED),
                ChangeTag::Insert => ("+ ", FOUND),
            };
            self.out.push_str("      ");
            self.styled(style, &format!("{sign}{}", change.value()));
            self.out.push('\n');
        }
    }
}
