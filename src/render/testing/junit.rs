//! JUnit XML: a suite for each mapping, a case for each test, with file and line.
//!
//! Times are left out, so that the same tests give the same bytes. The form is the one Jenkins, GitLab and GitHub
//! actions read; `file` and `line` of a case are what GitLab and the usual actions link to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::lines;
use crate::testing::Report;

pub(super) fn render(reports: &[Report]) -> String {
    let mut suites: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        suites
            .entry(report.mapping.as_str())
            .or_default()
            .push(report);
    }
    let all: Vec<&Report> = reports.iter().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"halosync\" {}>", counts(&all));
    for (mapping, reports) in suites {
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} skipped=\"0\">",
            escaped(mapping),
            counts(&reports)
        );
        for report in reports {
            case(report, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts(reports: &[&Report]) -> String {
    let errors = reports
        .iter()
        .filter(|report| report.broken.is_some())
        .count();
    let failures = reports
        .iter()
        .filter(|report| !report.passed())
        .count()
        .saturating_sub(errors);
    format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"",
        reports.len()
    )
}

fn case(report: &Report, out: &mut String) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
        escaped(report.name.as_str()),
        escaped(report.mapping.as_str()),
        escaped(&report.location.file),
        report.location.line
    );
    if report.passed() {
        out.push_str("/>\n");
        return;
    }
    let element = if report.broken.is_some() {
        "error"
    } else {
        "failure"
    };
    let lines = lines(report);
    let message = match lines.as_slice() {
        [one] => one.clone(),
        several => format!("{} differences", several.len()),
    };
    let _ = writeln!(
        out,
        ">\n      <{element} type=\"{element}\" message=\"{}\">{}</{element}>\n    </testcase>",
        escaped(&message),
        escaped(&lines.join("\n"))
    );
}

/// Text for an attribute or an element. What XML 1.0 cannot hold at all (section 2.2) is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
    out
}
