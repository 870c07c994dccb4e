//! `halosync schema`: the JSON Schemas of the configuration, of plans, of what commands say and of what an apply leaves, for
//! editors and other programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::apply::{Line, Outcome};
use crate::cli::verify::told::Told;
use crate::config::schema::{self, Draft};
use crate::inventory::report::{DirectoryReport, SourceReport};
use crate::plan::{DriftReport, PlanFile, RedactedPlan};

/// Path (below `schemas/`) and text of every schema file.
pub fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (draft, folder) in [(Draft::Current, ""), (Draft::Seven, "draft-07/")] {
        let mut schemas = schema::of_kinds(draft);
        let plan = draft
            .settings()
            .into_generator()
            .into_root_schema_for::<PlanFile>();
        schemas.push(("plan", plan.to_value()));
        let drift = draft
            .settings()
            .into_generator()
            .into_root_schema_for::<DriftReport>();
        schemas.push(("drift", drift.to_value()));
        let generator = || draft.settings().into_generator();
        let redacted = generator().into_root_schema_for::<RedactedPlan>();
        schemas.push(("redacted-plan", redacted.to_value()));
        let source = generator().into_root_schema_for::<SourceReport>();
        schemas.push(("probe-source", source.to_value()));
        let directory = generator().into_root_schema_for::<DirectoryReport>();
        schemas.push(("probe-directory", directory.to_value()));
        let verification = generator().into_root_schema_for::<Told>();
        schemas.push(("verification", verification.to_value()));
        let report = generator().into_root_schema_for::<Outcome>();
        schemas.push(("report", report.to_value()));
        schemas.push(("journal", of_journal(draft)));
        for (stem, schema) in schemas {
            files.push((
                format!("{folder}{stem}.schema.json"),
                format!("{schema:#}\n"),
            ));
        }
    }
    files.sort();
    files
}

/// A line of a journal as it stands in the file: every one but the header names the line before it.
fn of_journal(draft: Draft) -> Value {
    let generator = draft.settings().into_generator();
    let mut schema = generator.into_root_schema_for::<Line>().to_value();
    let lines = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for line in lines.into_iter().flatten() {
        if line.pointer("/properties/line/const") == Some(&json!("header")) {
            continue;
        }
        if let Some(properties) = line.get_mut("properties").and_then(Value::as_object_mut) {
            let previous = json!({
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the line before this one, line break included. Stands first.",
            });
            properties.insert("previous".to_owned(), previous);
        }
        if let Some(required) = line.get_mut("required").and_then(Value::as_array_mut) {
            required.push("previous".into());
        }
    }
    schema
}

/// Writes one schema by its name (`source`, `plan`, …); false when there is none of that name.
///
/// # Errors
/// The writer's.
pub fn run(name: &str, out: &mut dyn Write) -> io::Result<bool> {
    let wanted = format!("{name}.schema.json");
    match files().into_iter().find(|(path, _)| *path == wanted) {
        Some((_, text)) => out.write_all(text.as_bytes()).map(|()| true),
        None => Ok(false),
    }
}

/// The names [`run`] knows.
pub fn names() -> Vec<String> {
    files()
        .into_iter()
        .filter_map(|(path, _)| Some(path.strip_suffix(".schema.json")?.to_owned()))
        .filter(|name| !name.contains('/'))
        .collect()
}
