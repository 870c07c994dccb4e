//! `halosync schema`: the JSON Schemas of the configuration, of plans and of what commands say, for editors and other programs.

use std::io::{self, Write};

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
