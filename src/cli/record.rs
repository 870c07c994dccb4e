//! `halosync test --record`: a test made of a person as they are.
//!
//! Reads both systems, or a recording of them, and changes nothing in either (P3).

use std::path::Path;

use serde_json::json;

use super::args::Test;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::Project;
use super::{plan, project, reads, walk};
use crate::config::API_VERSION;
use crate::model::Name;
use crate::testing::{self, NotRecorded, Reads, Recorded};

/// Weeks by which dates move at most when a test is redacted. Whole weeks, so that a Monday stays one.
const MOST_WEEKS: i64 = 104;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Test, person: &str) -> Result<Exit, Failure> {
    if let Some(out) = &verb.out {
        check_new(out)?;
    }
    if let Some(name) = verb.name.as_deref().filter(|name| !is_name(name)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("{name:?} cannot be the name of a document"),
        )
        .help("a name has letters, digits, `.`, `_` and `-`, at most 63"));
    }
    let project = project::load(context, &verb.project)?;
    plan::check_cache(&project, verb.cache.as_deref())?;
    check_place(context, &project, verb)?;
    let reads = match &verb.from {
        Some(dir) => reads::recorded(context, &project, dir)?,
        None => {
            let run = plan::run_settings(context, verb.max_requests, verb.cache.as_deref());
            reads::read(context, &project, &run).await?
        }
    };
    let zone = project.zone()?;
    let as_of = verb
        .as_of
        .as_ref()
        .and_then(|as_of| as_of.moment(&zone))
        .or_else(|| reads.latest())
        .unwrap_or_else(|| reads::whole_seconds(context.now()));
    let shift = verb.redact.then(|| -7 * rand::random_range(1..=MOST_WEEKS));
    let recorded = testing::record(
        &project.config,
        Reads {
            people: &reads.people,
            directories: &reads.directories,
            as_of,
        },
        person,
        shift,
    )
    .map_err(refused)?;
    for (code, reason) in &recorded.held {
        context.printer.complain(&format!(
            "warning: {} is held in the whole plan as {code}: {}\n  \
             help: nothing this test expects is done for them until that is settled; docs/held.md says how",
            crate::render::plain(person),
            crate::render::plain(reason)
        ));
    }
    for note in &recorded.notes {
        context.printer.complain(&format!(
            "note: {}; the test shows what comes of what stands in it",
            crate::render::plain(note)
        ));
    }
    let text = document(&recorded, &project, verb)?;
    match &verb.out {
        Some(out) => {
            check_new(out)?;
            super::files::write_new(out, text.as_bytes())?;
            context
                .printer
                .note(&format!("test written to {}", out.display()));
        }
        None => context.printer.result(&text)?,
    }
    if !verb.redact {
        context
            .printer
            .note("it holds personal data; --redact replaces it by invented values");
    }
    Ok(Exit::Success)
}

fn refused(error: NotRecorded) -> Failure {
    let exit = match &error {
        NotRecorded::Nobody { .. } | NotRecorded::Several { .. } => Exit::Usage,
        NotRecorded::NoMapping { .. } => Exit::InvalidConfiguration,
        NotRecorded::Plan { .. } => Exit::Unexpected,
    };
    Failure::new(exit, error.to_string())
}

/// Says, before anything is read, what would keep the test from being one of the project's.
fn check_place(context: &Context, project: &Project, verb: &Test) -> Result<(), Failure> {
    let taken = |name: &str| project.config.tests.get(&Name::new(name));
    let wanted = verb.name.clone().or_else(|| Some(stem(verb)));
    if let Some(name) = wanted.filter(|name| is_name(name))
        && let Some(known) = taken(&name)
    {
        let message = format!(
            "there is a test called {name} already, in {}",
            known.positions.file
        );
        if verb.out.is_some() {
            return Err(Failure::new(Exit::Usage, message)
                .help("give the new one another with --name; two tests of one name are an error"));
        }
        context.printer.complain(&format!("warning: {message}"));
    }
    let Some(out) = &verb.out else { return Ok(()) };
    let loads = walk::loads(
        &project.root,
        &project.config.project.spec.include,
        &context.current_dir.join(out),
    );
    if !loads {
        context.printer.complain(&format!(
            "warning: the project's `include` does not match {}, so `halosync test` will not run what is recorded there\n  \
             help: name a file that a pattern matches ({}), or add one to halosync.yaml",
            out.display(),
            project.config.project.spec.include.join(", ")
        ));
    }
    Ok(())
}

/// Nothing is overwritten: a test that somebody wrote is worth more than one that can be recorded again.
fn check_new(out: &Path) -> Result<(), Failure> {
    if std::fs::symlink_metadata(out).is_ok() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} exists; it is not overwritten", out.display()),
        )
        .help("name another file"));
    }
    let folder = out.parent().filter(|dir| !dir.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} cannot be written: there is no folder {}",
                out.display(),
                folder.display()
            ),
        )
        .help("make the folder first; nothing was read"));
    }
    Ok(())
}

/// The document as YAML.
fn document(recorded: &Recorded, project: &Project, verb: &Test) -> Result<String, Failure> {
    let key = recorded.test.key.as_deref().unwrap_or_default();
    let name = match &verb.name {
        Some(name) => name.clone(),
        // Every redacted key is the first one, so the file says which test this is.
        None => [stem(verb), format!("recorded-{key}")]
            .into_iter()
            .chain((2..).map(|number| format!("recorded-{number}")))
            .find(|name| is_name(name) && !project.config.tests.contains_key(&Name::new(name)))
            .unwrap_or_else(|| "recorded".to_owned()),
    };
    let unexpected = |error: String| Failure::new(Exit::Unexpected, error);
    let spec =
        serde_json::to_value(&recorded.test).map_err(|error| unexpected(error.to_string()))?;
    let document = json!({
        "apiVersion": API_VERSION,
        "kind": "MappingTest",
        "metadata": {"name": name},
        "spec": spec,
    });
    let mut text = String::new();
    for (code, reason) in &recorded.held {
        // A reason names people and accounts.
        let reason = if verb.redact {
            String::new()
        } else {
            let plain = crate::render::plain(reason);
            let words: Vec<&str> = plain.split_whitespace().collect();
            format!(": {}", words.join(" "))
        };
        text.push_str(&format!(
            "# Held in the plan it was recorded from, as {code}{reason}\n"
        ));
    }
    if !text.is_empty() {
        text.push_str(
            "# A few people cannot show that: what this test expects is not done until it is settled.\n",
        );
    }
    text.push_str(
        &serde_yaml::to_string(&document).map_err(|error| unexpected(error.to_string()))?,
    );
    Ok(text)
}

/// The name of the file to write, without its ending.
fn stem(verb: &Test) -> String {
    let stem = verb.out.as_deref().and_then(Path::file_stem);
    stem.map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What `metadata.name` may be.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(inner)
}
