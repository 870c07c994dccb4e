//! SARIF 2.1.0 (OASIS standard, March 2020): the least a code scanning service wants.

use serde_json::{Value, json};

use super::{json_text, severity_name};
use crate::config::diagnostic::Diagnostic;

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let mut codes: Vec<&str> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = diagnostics.iter().map(|one| result(one, &codes)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "halosync",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns count characters, not UTF-16 units (section 3.14.17).
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    json_text(&log)
}

fn result(diagnostic: &Diagnostic, codes: &[&str]) -> Value {
    let text = match &diagnostic.help {
        Some(help) => format!("{}. {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = json!({
        "ruleId": diagnostic.code,
        "ruleIndex": codes.binary_search(&diagnostic.code).unwrap_or_default(),
        "level": severity_name(diagnostic.severity),
        "message": {"text": text},
    });
    if let Some(location) = &diagnostic.location {
        result["locations"] = json!([{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(&location.file)},
                "region": {
                    "startLine": location.line,
                    "startColumn": location.column,
                    // The end is exclusive (section 3.30.8).
                    "endColumn": location.column.saturating_add(diagnostic.length),
                },
            },
        }]);
    }
    result
}

/// A relative URI reference (RFC 3986): what may not stand in a path is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
