//! `halosync plan`: reads both sides at the same time, plans, writes the artifact.
//!
//! Holds readers only (P3).

use std::path::Path;
use std::sync::Arc;

use super::applied;
use super::args::{Plan, PlanFormat};
use super::base::{self, Base};
use super::carried;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::{self, Project};
use super::reads::{self, Reads, whole_seconds};
use super::sealed::{self, Keys, Seal};
use super::verify::checks;
use crate::config::Config;
use crate::connector::rest::{Budget, RunSettings};
use crate::explain::{self, Who};
use crate::model::Dn;
use crate::plan::{self, Edits, Evidence, Only, PlanFile, PlanInput};
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Plan) -> Result<Exit, Failure> {
    if let Some(out) = &verb.out {
        sealed::check_replaceable(context, Keys::At(&verb.project), out, plan::FORMAT)?;
    }
    let project = project::load(context, &verb.project)?;
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
        reads::check_recording(&project, dir)?;
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
        Some(dir) => reads::recorded(context, &project, dir)?,
        None => {
            let run = run_settings(context, verb.max_requests, verb.cache.as_deref());
            let earlier = base.iter().filter_map(|base| base.config.as_ref());
            let earlier: Vec<_> = earlier
                .chain(since.iter().map(|since| &since.config))
                .collect();
            reads::read_for(context, &project, &earlier, &run).await?
        }
    };
    // At once, so that a plan that cannot be made leaves what it was to be made from; but not over a recording with a plan,
    // which would be lost for nothing.
    let replaces = verb.record.as_deref().filter(|dir| applied::has_plan(dir));
    if let (Some(dir), None) = (&verb.record, replaces) {
        reads::record(&reads, dir, seal)?;
    }
    // The moment of the later read, so that a recording gives the same plan again, byte for byte.
    let zone = project.zone()?;
    let as_of = verb
        .as_of
        .as_ref()
        .and_then(|as_of| as_of.moment(&zone))
        .or_else(|| reads.latest())
        .unwrap_or_else(|| whole_seconds(context.now()));
    let asked = Asked {
        project: &project,
        reads: &reads,
        last_good: last_good.as_ref(),
        as_of,
        edits: match &since {
            Some(since) => Some(since.edits(context, &project, &reads)?),
            None => None,
        },
    };
    let (mut made, compared) = asked.made().map_err(|failure| concealed(failure, redact))?;
    if let (Some(since), Some(edits)) = (&since, &asked.edits) {
        let last_good = asked.last_good;
        applied::tell(
            context,
            since,
            edits,
            &project.config,
            &reads,
            last_good,
            &mut made,
        );
    }
    if let Some(base) = &base {
        asked.compare(context, base, &mut made);
    }
    let mut open = plan::open(&made, !verb.only.is_empty());
    if !verb.only.is_empty() {
        narrow(&project, &reads, &verb.only, &mut made)
            .map_err(|failure| concealed(failure, redact))?;
        for change in &made.changes {
            open.planned(&change.id);
        }
    }
    let carried = match &asked.edits {
        Some(edits) => carried::Text::new(&edits.carry(&compared, &open, &reads.directories))?,
        None => None,
    };
    if let Some(since) = &mut made.since {
        since.carried = carried.as_ref().map(carried::Text::digest);
    }
    let file = plan::seal(made);
    if let Some(out) = &verb.out {
        super::files::write_new(out, &sealed::written(seal, plan::to_bytes(&file))?)?;
    }
    if let Some(dir) = replaces {
        reads::record(&reads, dir, seal)?;
    }
    if let Some(dir) = &verb.record {
        applied::record(&project, dir, &file, carried.as_ref(), seal)?;
    }
    print(context, verb, &file, seal)?;
    Ok(exit(verb, &file))
}

/// A failure that names nobody, where nobody is to be named: what people are called is in the messages after the first,
/// and what an ambiguous word may mean is in the only one.
fn concealed(failure: Failure, redact: bool) -> Failure {
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

/// Leaves out of a plan what was not asked for.
fn narrow(
    project: &Project,
    reads: &Reads,
    words: &[String],
    plan: &mut plan::Plan,
) -> Result<(), Failure> {
    let mut only = Vec::with_capacity(words.len());
    for word in words {
        only.push(match Dn::parse(word.trim()) {
            Ok(dn) => {
                let key = dn.key();
                let known = reads
                    .directories
                    .values()
                    .flat_map(|read| &read.objects)
                    .any(|object| object.dn.key() == key);
                if !known {
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("--only {word}: no directory has this object"),
                    )
                    .help("correct the distinguished name"));
                }
                Only::Object(dn)
            }
            Err(_) => {
                let found = explain::find(&project.config, &reads.people, &reads.directories, word)
                    .map_err(|error| {
                        Failure::new(Exit::Usage, format!("--only {word}: {error}")).help(
                            "name a person by key, SOURCE/KEY or a unique value, anything else by distinguished name",
                        )
                    })?;
                match found {
                    // Nothing is planned for another record than the one that counts.
                    Who::Person { source, key } => {
                        let as_of = plan.as_of;
                        let input = input(project, &project.config, reads, None, as_of);
                        let records = plan::records_of(&input, &source, &key).map_err(refusal)?;
                        Only::Person {
                            key: records.map_or(key, |records| records.primary.key),
                            source,
                        }
                    }
                    Who::Account { target, guid } => {
                        let objects = &reads.directories[&target].objects;
                        let found = objects.iter().find(|object| object.guid == guid);
                        match found {
                            Some(object) => Only::Object(object.dn.clone()),
                            None => continue,
                        }
                    }
                }
            }
        });
    }
    plan::narrow(plan, &only, words.to_vec());
    Ok(())
}

/// What a plan is made from.
pub(crate) fn input<'a>(
    project: &Project,
    config: &'a Config,
    reads: &'a Reads,
    last_good: Option<&'a PlanFile>,
    as_of: jiff::Timestamp,
) -> PlanInput<'a> {
    PlanInput {
        config,
        people: &reads.people,
        directories: &reads.directories,
        last_good,
        as_of,
        tool_version: env!("CARGO_PKG_VERSION"),
        commit: project.commit.clone(),
        uncommitted: project.uncommitted,
    }
}

/// A plan that is asked for, with what is known of edits in the directory.
struct Asked<'a> {
    project: &'a Project,
    reads: &'a Reads,
    last_good: Option<&'a PlanFile>,
    as_of: jiff::Timestamp,
    edits: Option<Edits>,
}

impl Asked<'_> {
    fn build(&self, config: &Config) -> Result<plan::Plan, plan::PlanError> {
        let input = input(self.project, config, self.reads, self.last_good, self.as_of);
        match &self.edits {
            Some(edits) => plan::build_known(input, edits),
            None => plan::build(input),
        }
    }

    fn made(&self) -> Result<(plan::Plan, plan::Compared), Failure> {
        let config = &self.project.config;
        let (mut made, compared) = match &self.edits {
            Some(edits) => {
                let input = input(self.project, config, self.reads, self.last_good, self.as_of);
                let known = Evidence::Known(edits);
                plan::build_compared(input, known, true).map_err(refusal)?
            }
            None => {
                let built = self.build(config).map_err(refusal)?;
                (built, plan::Compared::default())
            }
        };
        made.inputs.author.clone_from(&self.project.author);
        Ok((made, compared))
    }

    /// Plans once more from the same reads, as the earlier commit would have.
    fn compare(&self, context: &Context, base: &Base, plan: &mut plan::Plan) {
        let earlier = match &base.config {
            Some(config) => self.build(config),
            // There was no configuration, so nothing would have been done.
            None => Ok(plan::Plan {
                changes: Vec::new(),
                ..plan.clone()
            }),
        };
        match earlier {
            Ok(earlier) => {
                plan::against(plan, &earlier, base.commit.clone());
                if plan.guards.iter().any(plan::GuardOutcome::is_breached) {
                    self.compare_held(base, plan);
                }
            }
            Err(error) => context.printer.note(&format!(
                "warning: {} cannot be planned from this read, so nothing tells what the change of the configuration brings about: {error}",
                base.commit
            )),
        }
    }
}

impl Asked<'_> {
    /// What guards hold of it is in neither plan: both are made once more, without.
    fn compare_held(&self, base: &Base, plan: &mut plan::Plan) {
        let whole = |config: &Config| {
            let input = input(self.project, config, self.reads, self.last_good, self.as_of);
            let evidence = match &self.edits {
                Some(edits) => Evidence::Known(edits),
                None => Evidence::Missing,
            };
            plan::build_unguarded(input, evidence).ok()
        };
        let Some(now) = whole(&self.project.config) else {
            return;
        };
        let earlier = match &base.config {
            Some(config) => whole(config),
            None => Some(plan::Plan {
                changes: Vec::new(),
                ..now.clone()
            }),
        };
        if let Some(earlier) = earlier {
            plan::held_against(plan, &now, &earlier);
        }
    }
}

/// The plan that tells of the last good reads.
fn last_good(context: &Context, project: &Project, path: &Path) -> Result<PlanFile, Failure> {
    let bytes = sealed::read(context, Keys::Of(project), path)?;
    plan::read(&bytes).map_err(|error| {
        super::show::refused(path, &bytes, &error).help(
            "--last-good takes a plan as `halosync plan --out` wrote it; leave the option out to plan without comparing",
        )
    })
}

/// Why there is no plan.
pub(crate) fn refusal(error: plan::PlanError) -> Failure {
    let plan::PlanError::Stopped { count, people } = error else {
        return Failure::new(Exit::Unexpected, error.to_string());
    };
    let (who, breaks) = if count == 1 {
        ("1 person".to_owned(), "breaks")
    } else {
        (format!("{count} people"), "break")
    };
    let mut failure = Failure::new(
        Exit::Held,
        format!("no plan is made: {who} {breaks} a rule whose severity is `stop`"),
    )
    .help("correct the values in HaloITSM, or change the rule in a reviewed commit");
    failure.messages.extend(people);
    failure
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
            out.display(),
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
        out.display(),
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
