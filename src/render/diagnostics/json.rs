//! One JSON object: `{"diagnostics": [...], "errors": N, "warnings": N}`.

use serde_json::json;

use super::{count, json_text, severity_name};
use crate::config::diagnostic::Diagnostic;

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let list: Vec<serde_json::Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            let mut one = json!({
                "code": diagnostic.code,
                "severity": severity_name(diagnostic.severity),
                "message": diagnostic.message,
            });
            if let Some(location) = &diagnostic.location {
                one["file"] = json!(&*location.file);
                one["line"] = json!(location.line);
                one["column"] = json!(location.column);
                one["length"] = json!(diagnostic.length);
            }
            if let Some(help) = &diagnostic.help {
                one["help"] = json!(help);
            }
            one
        })
        .collect();
    let (errors, warnings) = count(diagnostics);
    let all = json!({"diagnostics": list, "errors": errors, "warnings": warnings});
    json_text(&all)
}
