//! `halosync probe`: connects to a source or a directory and shows what it holds, before anything is made of it.
//!
//! Holds readers only (P3). Results go to standard output or a file, notes to standard error.

pub(super) mod args;
mod directory;
mod source;

use std::path::Path;

use self::args::{Probe, ProbeCommon, ProbeFormat, Probed};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::places::Named;
use crate::inventory::report::{Finding, Weight};
use crate::model::Name;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Probe) -> Result<Exit, Failure> {
    match &verb.what {
        Probed::Source(verb) => source::run(context, verb).await,
        Probed::Directory(verb) => directory::run(context, verb).await,
    }
}

/// A probe's result in the form asked for.
fn written<T: serde::Serialize>(
    format: ProbeFormat,
    report: &T,
    text: impl FnOnce() -> String,
) -> Result<String, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Unexpected,
            format!("the report cannot be written: {error}"),
        )
    };
    Ok(match format {
        ProbeFormat::Text => text(),
        ProbeFormat::Json => {
            let mut json = serde_json::to_string_pretty(report).map_err(|error| broken(&error))?;
            json.push('\n');
            json
        }
        ProbeFormat::Yaml => serde_yaml::to_string(report).map_err(|error| broken(&error))?,
    })
}

/// Refuses a report among the configuration, where every later command would read it. A scaffold is configuration.
fn check_out_of(common: &ProbeCommon, project: &super::project::Project) -> Result<(), Failure> {
    match &common.out {
        Some(out) if common.scaffold.is_none() => {
            Named::new("--out", out).check_file(Some(project))
        }
        _ => Ok(()),
    }
}

/// Refuses, before anything is asked of a system, an output file that may not be written.
fn check_out(common: &ProbeCommon, json_begins: &str, text_begins: &str) -> Result<(), Failure> {
    let Some(out) = &common.out else {
        return Ok(());
    };
    Named::new("--out", out).check_file(None)?;
    if common.scaffold.is_some() {
        return match std::fs::symlink_metadata(out) {
            Ok(_) => Err(Failure::new(
                Exit::Usage,
                format!("{} exists; a scaffold replaces nothing", out.display()),
            )
            .help("name another file; nothing was written")),
            Err(_) => super::files::check_replaceable(out, text_begins),
        };
    }
    let begins = match common.format {
        ProbeFormat::Text => text_begins,
        ProbeFormat::Json | ProbeFormat::Yaml => json_begins,
    };
    super::files::check_replaceable(out, begins)
}

/// Prints a result, or writes it to the file.
fn deliver(context: &Context, out: Option<&Path>, text: &str) -> Result<(), Failure> {
    match out {
        Some(path) => {
            super::files::write_new(path, text.as_bytes())?;
            context
                .printer
                .note(&format!("written to {}", path.display()));
        }
        None => context.printer.result(text)?,
    }
    Ok(())
}

/// Says once, before anything is read, that people's data are about to be shown.
fn warn_of_values(context: &Context, common: &ProbeCommon) {
    if common.show_values {
        context.printer.complain(
            "warning: real values of people are shown; keep them out of logs and tickets",
        );
    }
}

/// The failure of a name nobody has.
fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a Name>) -> Failure {
    let known: Vec<String> = known.map(ToString::to_string).collect();
    let help = if known.is_empty() {
        format!("the project has no {kind} at all")
    } else {
        format!("there is {}", known.join(", "))
    };
    Failure::new(
        Exit::Usage,
        format!("there is no {kind} {}", crate::render::plain(name)),
    )
    .help(help)
}

/// Where schemas stand, seen from the file a scaffold is written to: beside halosync.yaml.
fn schemas(context: &Context, root: &Path, out: Option<&Path>) -> String {
    let file = out.map(|out| context.current_dir.join(out));
    let below = file
        .as_deref()
        .and_then(Path::parent)
        .and_then(|folder| folder.strip_prefix(root).ok())
        .map_or(0, |folder| folder.components().count());
    format!("{}schemas", "../".repeat(below))
}

/// Warnings, for whoever asked for a scaffold and does not see the report.
fn note_warnings(context: &Context, found: &[Finding]) {
    for finding in found
        .iter()
        .filter(|finding| finding.weight == Weight::Warning)
    {
        context.printer.note(&format!(
            "warning: {} [{}]",
            crate::render::plain(&finding.message),
            finding.code
        ));
    }
}
