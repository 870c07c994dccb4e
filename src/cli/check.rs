//! `halosync validate` and `halosync schema`: what needs the files of a project and nothing else.

use std::path::Path;

use super::args::{ProblemFormat, Schema, Validate};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::places::Named;
use super::{files, schema, validate};
use crate::render::diagnostics::Format;

/// Runs `validate`.
pub(crate) fn run(context: &Context, verb: &Validate) -> Result<Exit, Failure> {
    let root = super::project::open(context, &verb.project)?.root;
    let format = match verb.format {
        ProblemFormat::Text => Format::Text,
        ProblemFormat::Json => Format::Json,
        ProblemFormat::Sarif => Format::Sarif,
        ProblemFormat::Github => Format::Github,
    };
    let mut out = Vec::new();
    let verdict = validate::run(
        &root,
        format,
        &mut out,
        context.printer.colour,
        verb.effective,
        context.now(),
    )
    .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
    context.printer.result(&String::from_utf8_lossy(&out))?;
    Ok(if verdict.errors == 0 {
        Exit::Success
    } else {
        Exit::InvalidConfiguration
    })
}

/// Runs `schema`.
pub(crate) fn schemas(context: &Context, verb: &Schema) -> Result<Exit, Failure> {
    if let Some(dir) = &verb.out {
        Named::new("--out", dir).check_dir_of_no_project()?;
        for (path, _) in schema::files() {
            let path = dir.join(path);
            if path.exists() && !is_schema(&path) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!(
                        "{} exists and is something else; it is not overwritten",
                        path.display()
                    ),
                )
                .help("name another directory; nothing was written"));
            }
        }
        for (path, text) in schema::files() {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|error| Failure::file("create", parent, &error))?;
            }
            files::write_new(&path, text.as_bytes())?;
        }
        return Ok(Exit::Success);
    }
    let kind = verb.kind.as_deref().unwrap_or_default();
    let known = schema::names();
    let wanted = kind.replace('-', "");
    let Some(name) = known
        .iter()
        .find(|name| name.replace('-', "").eq_ignore_ascii_case(&wanted))
    else {
        return Err(
            Failure::new(Exit::Usage, format!("there is no schema {kind:?}"))
                .help(format!("one of: {}", known.join(", "))),
        );
    };
    let mut out = Vec::new();
    schema::run(name, &mut out)?;
    context.printer.result(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Success)
}

/// Whether a file is a JSON Schema, of whatever version of the program.
fn is_schema(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .is_ok_and(|found: serde_json::Value| found.get("$schema").is_some())
}
