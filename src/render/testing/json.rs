//! For programs.

use serde_json::{Value, json};

use crate::testing::{Coverage, Report, Shown};

/// Version of this form of the results.
const FORMAT: &str = "halosync/tests/v1";

pub(super) fn render(reports: &[Report], coverage: Option<&Coverage>) -> String {
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let mut value = json!({
        "format": FORMAT,
        "summary": {
            "tests": reports.len(),
            "passed": reports.len() - failed,
            "failed": failed,
        },
        "tests": reports.iter().map(test).collect::<Vec<_>>(),
    });
    if let Some(coverage) = coverage {
        value["coverage"] = covered(coverage);
    }
    crate::render::diagnostics::json_text(&value)
}

fn covered(coverage: &Coverage) -> Value {
    let (covered, rules) = coverage.count();
    json!({
        "covered": covered,
        "of": rules,
        "rules": coverage.rules.iter().map(|rule| json!({
            "location": rule.location,
            "what": rule.what,
            "text": rule.text,
            "covered": rule.covered,
        })).collect::<Vec<_>>(),
        "rows": coverage.rows.iter().map(|row| json!({
            "location": row.location,
            "table": row.table,
            "key": row.key,
            "covered": row.covered,
        })).collect::<Vec<_>>(),
    })
}

fn test(report: &Report) -> Value {
    let differences: Vec<Value> = report
        .differences
        .iter()
        .map(|difference| {
            json!({
                "about": difference.about,
                "location": difference.location,
                "expected": side(&difference.expected),
                "actual": side(&difference.actual),
                "rule": difference.rule,
                "note": difference.note,
            })
        })
        .collect();
    json!({
        "name": report.name,
        "mapping": report.mapping,
        "location": report.location,
        "passed": report.passed(),
        "broken": report.broken,
        "differences": differences,
    })
}

fn side(shown: &Shown) -> Value {
    match shown {
        Shown::Nothing => Value::Null,
        Shown::Word(text) | Shown::Value(text) => json!(text),
        Shown::List(values) => json!(values),
    }
}
