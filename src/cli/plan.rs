//! `halosync plan`: reads both sides at the same time, plans, writes the artifact.
//!
//! Holds readers only (P3).

use std::path::Path;
use std::sync::Arc;

use super::applied;
use super::args::{Plan, PlanFormat};
use super::base;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::making::{Making, Origin};
use super::places::{self, Named, shown_path, typed_path};
use super::project::{self, Project};
use super::reads::{self, whole_seconds};
use super::recording::Staged;
use super::sealed::{self, Keys, Seal};
use super::verify::checks;
use crate::connector::rest::{Budget, RunSettings};
use crate::plan::{self, PlanFile};
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Plan) -> Result<Exit, Failure> {
    let project = project::load(context, &verb.project)?;
    if let Some(out) = &verb.out {
        Named::new("--out", out).check_file(Some(&project))?;
        sealed::check_replaceable(context, Keys::Of(&project), out, plan::FORMAT)?;
        if let Some(dir) = &verb.record {
            places::check_apart(&[Named::new("--out", out), Named::new("--record", dir)])?;
        }
    }
    check_cache(&project, verb.cache.as_deref())?;
    let seal = Seal::of(&project)?;
    if verb.seal && seal.is_none() {
        return Err(Failure::new(
            Exit::InvalidConfiguration,
            "--seal: the project does not say whom plans are encrypted to",
        )
        .help("declare `sealing: {recipients: [age1…]}` in halosync.yaml (docs/sealing.md); nothing was read"));
    }
    let seal = seal.as_ref();
    // What is printed ends in logs.
    let redact = seal.is_some() && !verb.clear;
    let base = match &verb.base {
        Some(revision) => Some(base::at(context, &project, "--base", revision)?),
        None => None,
    };
    // Before hundreds of requests are spent.
    let last_good = verb.last_good.as_deref();
    let last_good = last_good
        .map(|path| self::last_good(context, &project, path))
        .transpose()?;
    let since = applied::load(context, &project, &verb.since)?;
    if let Some(dir) = &verb.record {
        reads::check_recording_against(&project, base.as_ref(), dir)?;
        let since = verb.since.since.as_deref();
        if since.is_some_and(|since| super::files::is_same(since, dir)) {
            return Err(Failure::new(
                Exit::Usage,
                "--record and --since name the same directory, and a recording is needed until its plan's successor is applied",
            )
            .help("record into a new directory; nothing was read or written"));
        }
    }
    let reads = match &verb.from {
        Some(dir) => reads::recorded_against(context, &project, dir, base.as_ref())?,
        None => {
            let run = run_settings(context, verb.max_requests, verb.cache.as_deref());
            let earlier = base.iter().filter_map(|base| base.config.as_ref());
            let earlier: Vec<_> = earlier
                .chain(since.iter().map(|since| &since.config))
                .collect();
            reads::read_against(context, &project, &earlier, base.as_ref(), &run).await?
        }
    };
    // At once, so that a plan that cannot be made leaves what it was to be made from; but not over a recording with a plan,
    // which would be lost for nothing.
    let replaces = verb.record.as_deref().filter(|dir| applied::has_plan(dir));
    if let (Some(dir), None) = (&verb.record, replaces) {
        let mut recording = Staged::new(dir, seal)?;
        reads::record_against(&reads, base.as_ref(), &mut recording)?;
        recording.put()?;
    }
    // The moment of the later read, so that a recording gives the same plan again, byte for byte.
    let zone = project.zone()?;
    let as_of = verb
        .as_of
        .as_ref()
        .and_then(|as_of| as_of.moment(&zone))
        .or_else(|| reads.latest())
        .unwrap_or_else(|| whole_seconds(context.now()));
    let making = Making {
        project: &project,
        origin: Origin::of(&project),
        reads: &reads,
        last_good: last_good.as_ref(),
        since: since.as_ref(),
        base: base.as_ref(),
        as_of,
        only: &verb.only,
    };
    let (file, carried) = making
        .made(context)
        .map_err(|failure| concealed(failure, redact))?;
    if let Some(out) = &verb.out {
        super::files::write_new(out, &sealed::written(seal, plan::to_bytes(&file))?)?;
    }
    if let Some(dir) = &verb.record {
        let mut recording = Staged::new(dir, seal)?;
        if replaces.is_some() {
            reads::record_against(&reads, base.as_ref(), &mut recording)?;
        }
        applied::record(&project, &mut recording, &file, carried.as_ref())?;
        recording.put()?;
    }
    print(context, verb, &file, seal)?;
    Ok(exit(verb, &file))
}

/// A failure that names nobody, where nobody is to be named: what people are called is in the messages after the first,
/// and what an ambiguous word may mean is in the only one.
pub(crate) fn concealed(failure: Failure, redact: bool) -> Failure {
    if !redact {
        return failure;
    }
    let mut failure = failure;
    match failure.exit {
        Exit::Held => failure.messages.truncate(1),
        Exit::Usage => {
            failure.messages =
                vec!["--only: a word names nothing, or more than one person or account".to_owned()];
        }
        _ => return failure,
    }
    let help = failure.help.take().unwrap_or_default();
    failure.help(format!(
        "{help} (names are not shown where plans are sealed; --clear shows them)"
    ))
}

/// Where answers are kept: a directory of its own.
pub(crate) fn check_cache(project: &Project, cache: Option<&Path>) -> Result<(), Failure> {
    match cache {
        Some(dir) => Named::new("--cache", dir).check_dir_apart(project),
        None => Ok(()),
    }
}

/// What a run may spend, and where it keeps answers.
pub(crate) fn run_settings(
    context: &Context,
    max_requests: Option<u64>,
    cache: Option<&Path>,
) -> RunSettings {
    RunSettings {
        budget: Arc::new(Budget::new(max_requests)),
        cache: cache.map(|dir| context.current_dir.join(dir)),
        forecast: None,
    }
}

/// The plan that tells of the last good reads.
pub(crate) fn last_good(
    context: &Context,
    project: &Project,
    path: &Path,
) -> Result<PlanFile, Failure> {
    let bytes = sealed::read(context, Keys::Of(project), path)?;
    plan::read(&bytes).map_err(|error| {
        super::show::refused(path, &bytes, &error).help(
            "--last-good takes a plan as `halosync plan --out` wrote it; leave the option out to plan without comparing",
        )
    })
}

fn print(
    context: &Context,
    verb: &Plan,
    file: &PlanFile,
    seal: Option<&Seal>,
) -> Result<(), Failure> {
    let out = verb.out.as_deref();
    show(context, verb.format, out, file, seal, verb.clear)
}

/// Prints a plan that was made, and how to apply it. Where plans are sealed it names nobody, unless `clear`.
pub(crate) fn show(
    context: &Context,
    format: PlanFormat,
    out: Option<&Path>,
    file: &PlanFile,
    seal: Option<&Seal>,
    clear: bool,
) -> Result<(), Failure> {
    let text = match format {
        format if seal.is_some() && !clear => super::show::redacted(context, file, format, false)?,
        PlanFormat::Text => render::plan_text(file, &super::show::text_options(context, false)),
        PlanFormat::Markdown => render::plan_markdown(file, &render::MarkdownOptions::default()),
        PlanFormat::Json if out.is_some() => String::new(),
        PlanFormat::Json => String::from_utf8_lossy(&plan::to_bytes(file)).into_owned(),
    };
    context.printer.result(&text)?;
    if let Some(out) = out {
        context.printer.note(&format!(
            "plan written to {}{}\n{}",
            shown_path(out),
            seal.map_or_else(String::new, |seal| format!(", sealed to {}", seal.to())),
            next_step(context, out, file)
        ));
    }
    Ok(())
}

/// How to apply a plan, or why it cannot be.
fn next_step(context: &Context, out: &Path, file: &PlanFile) -> String {
    if let Some(refusal) = checks::untimely(context, file) {
        let help = refusal.help.unwrap_or_default();
        return format!("apply refuses it: {}; {help}", refusal.messages.join("; "));
    }
    if file.content.changes.is_empty() {
        return "there is nothing to apply".to_owned();
    }
    format!(
        "apply it with: halosync apply {} --expect-digest {}",
        typed_path(out),
        file.digest
    )
}

fn exit(verb: &Plan, file: &PlanFile) -> Exit {
    exit_of(file, verb.detailed_exitcode)
}

/// How a command that made a plan ends.
pub(crate) fn exit_of(file: &PlanFile, detailed: bool) -> Exit {
    let content = &file.content;
    let unproven = content
        .inputs
        .people
        .values()
        .any(|read| !read.completeness.is_proven())
        || content
            .inputs
            .directories
            .values()
            .any(|read| !read.completeness.is_proven());
    // A guard needs somebody to decide; a read may be better the next time.
    if content.guards.iter().any(plan::GuardOutcome::is_breached) {
        Exit::Held
    } else if unproven {
        Exit::Unavailable
    } else if content.holds_everybody() {
        // No change, and no sign that none is needed: somebody has to look.
        Exit::Held
    } else if detailed && !content.changes.is_empty() {
        Exit::Changes
    } else {
        Exit::Success
    }
}
