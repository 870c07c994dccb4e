//! `halosync apply`: does what a plan says, and nothing else.
//!
//! The only command that makes a writer. The configuration is used for addresses and credentials alone; what is done
//! to whom stands in the plan (P1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::approvals;
use super::args::Apply;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::lock::{self, Claim, Locks, Stop, Wanted};
use super::names::NamesFile;
use super::progress::Progress;
use super::project;
use super::resolve::{Access, Resolver};
use crate::apply::lock::{Place, Timing};
use crate::apply::{
    self, AgeFiles, ApplyError, Cancel, Journal, JournalError, Options, Outcome, PasswordSink,
    Selection, Verdict,
};
use crate::connector::ldap::{LdapWriter, Settings};
use crate::model::{Dn, Name};
use crate::plan::PlanFile;
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Apply) -> Result<Exit, Failure> {
    let file = super::show::read(&verb.plan)?;
    check_digest(&file, verb.expect_digest.as_deref())?;
    check_moment(context, &file)?;
    if file.content.changes.is_empty() {
        context
            .printer
            .note("the plan has no changes; nothing was done");
        return Ok(Exit::Success);
    }
    let project = project::load(context, &verb.project)?;
    check_project(&project, &file)?;
    check_approvals(context, &project, &verb.plan, &file)?;
    warn_of_other_configuration(context, &project, &file);
    let settings = settings(context, &project, &file)?;

    let short = short_digest(&file);
    let journal_path = verb
        .journal
        .clone()
        .unwrap_or_else(|| beside(&verb.plan, &format!("{short}.journal.jsonl")));
    let report = report_path(verb, &short)?;
    if report == journal_path {
        return Err(
            Failure::new(Exit::Usage, "journal and report are the same file")
                .help("name two different files"),
        );
    }
    let names = match &verb.names {
        Some(path) => Some(NamesFile::open(path, &project)?),
        None => None,
    };
    let folder = verb
        .passwords
        .clone()
        .unwrap_or_else(|| match verb.plan.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        });
    let passwords = AgeFiles::for_plan(&file, &folder)
        .map_err(|error| Failure::new(Exit::Rejected, error.to_string()))?
        .map(|files| Arc::new(files) as Arc<dyn PasswordSink>);

    let mut writers: BTreeMap<Name, LdapWriter> = BTreeMap::new();
    let locked = lock_places(&project, &settings);
    for (name, settings) in settings {
        writers.insert(
            name,
            LdapWriter::connect(settings, connections(verb.concurrency)).await?,
        );
    }
    let stop = stop_on_signal(context)?;
    let claim = Claim {
        plan: &file.digest,
        take_over: verb.take_over_lock,
    };
    let locks = Locks::acquire(context, locked, &claim, &stop).await?;
    // Opened last: a journal says that something may have been sent.
    let journal = Journal::open(
        &journal_path,
        &file.digest,
        env!("CARGO_PKG_VERSION"),
        context.now(),
    );
    let journal = match journal {
        Ok(journal) => journal,
        Err(error) => {
            locks.release(context).await;
            return Err(journal_failure(&journal_path, error));
        }
    };
    let mut options = Options::new(context.clock.clone());
    options.concurrency = usize::from(verb.concurrency);
    options.cancel = Cancel::on(stop.subscribe());
    options.bounds = super::bounds::of(&project);
    options.selection = Selection {
        classes: verb.only_class.iter().copied().collect(),
        max_changes: verb.max_changes,
        wave: verb.wave,
    };
    let progress = Progress::new(context.printer, file.content.changes.len());
    let outcome = apply::run(&file, &writers, &journal, passwords, &options, &progress).await;
    locks.release(context).await;
    let outcome = outcome.map_err(|error| rejected(&error))?;
    progress.done();

    context.printer.result(&render::outcome_text(
        &outcome,
        &file,
        &super::show::text_options(context, false),
    ))?;
    context
        .printer
        .note(&format!("journal: {}", journal_path.display()));
    // Before anything else that can fail: the list is what nobody could make again.
    if let Some(names) = names {
        keep_names(context, &names, &outcome)?;
    }
    write_report(&outcome, &file, &report)?;
    context
        .printer
        .note(&format!("report: {}", report.display()));
    Ok(exit(outcome.verdict))
}

/// Adds the names given to the list of those that are not given again.
fn keep_names(context: &Context, file: &NamesFile, outcome: &Outcome) -> Result<(), Failure> {
    let kept = file.add(&outcome.names)?;
    context.printer.note(&format!(
        "names: {} added to {}",
        kept.added,
        file.path().display()
    ));
    for name in kept.of_others {
        context.printer.note(&format!(
            "warning: {name:?} stands there for somebody else; the row was left as it is"
        ));
    }
    Ok(())
}

/// The first digits of the digest: enough to tell the files of one plan from those of the next.
fn short_digest(file: &PlanFile) -> String {
    let digest = file.digest.trim_start_matches("sha256:");
    digest.chars().take(12).collect()
}

/// Where the report goes. Without `--report` a name that is free: an earlier report is a record, and stays.
fn report_path(verb: &Apply, short: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = &verb.report {
        super::files::check_replaceable(path, apply::OUTCOME_FORMAT)?;
        return Ok(path.clone());
    }
    let first = beside(&verb.plan, &format!("{short}.report.json"));
    let numbered = (2..).map(|n| beside(&verb.plan, &format!("{short}.report-{n}.json")));
    let free = std::iter::once(first)
        .chain(numbered)
        .find(|path| std::fs::symlink_metadata(path).is_err());
    free.ok_or_else(|| Failure::new(Exit::Unexpected, "no name is free for the report"))
}

/// A plan made for a moment to come shows the future; it is not for applying.
fn check_moment(context: &Context, file: &PlanFile) -> Result<(), Failure> {
    /// Clocks of planner and applier may differ this much.
    const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
    if file.content.as_of > context.now() + SKEW {
        return Err(Failure::new(
            Exit::Rejected,
            format!(
                "the plan is made for {}, which is still to come",
                file.content.as_of
            ),
        )
        .help("plan without --as-of, or apply it when its time has come"));
    }
    Ok(())
}

fn journal_failure(path: &Path, error: JournalError) -> Failure {
    let (exit, help) = match &error {
        JournalError::Locked { .. } => (
            Exit::Unavailable,
            "wait for the other apply of this plan to end",
        ),
        JournalError::OtherPlan { .. } | JournalError::NotAJournal { .. } => (
            Exit::Usage,
            "name another file with --journal, or leave the option out",
        ),
        JournalError::Damaged { .. } => (
            Exit::Usage,
            "keep the file for an inquiry and name another with --journal: every write compares first, so nothing is done twice",
        ),
        _ => (
            Exit::Unexpected,
            "name a file that can be written with --journal",
        ),
    };
    let mut failure = rejected(&ApplyError::Journal(error)).help(help);
    failure.exit = exit;
    for message in &mut failure.messages {
        *message = format!("{}: {message}", path.display());
    }
    failure
}

/// A file named after the plan: `plan.json` gives `plan.SUFFIX`.
pub(crate) fn beside(plan: &Path, suffix: &str) -> PathBuf {
    plan.with_extension(suffix)
}

/// A few connections carry many changes: servers write one at a time anyway.
fn connections(concurrency: u16) -> usize {
    usize::from(concurrency).div_ceil(4).min(8)
}

fn check_digest(file: &PlanFile, expected: Option<&str>) -> Result<(), Failure> {
    match expected {
        Some(expected) if !expected.trim().eq_ignore_ascii_case(&file.digest) => Err(Failure::new(
            Exit::Rejected,
            format!(
                "the plan's digest is {}, and {} was approved",
                file.digest,
                expected.trim()
            ),
        )
        .help("apply the plan that was approved, or have this one approved")),
        _ => Ok(()),
    }
}

/// Two projects may manage one directory; each plan is for the project whose reviewers approved it.
pub(crate) fn check_project(project: &project::Project, file: &PlanFile) -> Result<(), Failure> {
    let here = &project.config.project.name;
    if *here == file.content.project {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Rejected,
        format!(
            "the plan was made in project {}, and this is project {here}",
            file.content.project
        ),
    )
    .help("apply it in the project it was made in (--project)"))
}

/// Whether everybody signed who must.
fn check_approvals(
    context: &Context,
    project: &project::Project,
    plan: &Path,
    file: &PlanFile,
) -> Result<(), Failure> {
    let approvals = approvals::judge(context, project, plan, file)?;
    if approvals.are_enough() {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::Rejected, "the plan is not approved")
        .help("`halosync approve` signs it; `halosync show` says who has");
    let told = render::approvals_text(&approvals.signatures, &approvals.requirements);
    failure.messages.extend(told.lines().map(str::to_owned));
    Err(failure)
}

fn warn_of_other_configuration(context: &Context, project: &project::Project, file: &PlanFile) {
    let same = project.config.files.len() == file.content.inputs.files.len()
        && project
            .config
            .files
            .iter()
            .all(|found| file.content.inputs.files.get(&*found.path) == Some(&found.digest));
    if !same {
        context.printer.note(
            "warning: the configuration has changed since the plan was made; the plan is applied as it was approved",
        );
    }
}

fn settings(
    context: &Context,
    project: &project::Project,
    file: &PlanFile,
) -> Result<Vec<(Name, Settings)>, Failure> {
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let mut all = Vec::new();
    for (name, identity) in &file.content.targets {
        if !file
            .content
            .changes
            .iter()
            .any(|change| &change.target == name)
        {
            continue;
        }
        let Some(directory) = project.config.directories.get(name) else {
            return Err(Failure::new(
                Exit::Rejected,
                format!("the plan changes target {name}, which this project does not declare"),
            )
            .help("apply it in the project it was made in (--project)"));
        };
        if let Some(mut settings) = resolver.directory(directory, Access::Write) {
            // The one that was read: another may not have heard of everything yet.
            settings.pinned = Some(identity.domain_controller.clone());
            all.push((name.clone(), settings));
        }
    }
    resolver.finish()?;
    Ok(all)
}

/// The locks of the targets that declare one.
fn lock_places(project: &project::Project, settings: &[(Name, Settings)]) -> Vec<Wanted> {
    let places = settings.iter().filter_map(|(name, settings)| {
        let lock = project.config.directories.get(name)?.spec.lock.as_ref()?;
        Some(Wanted {
            target: name.clone(),
            place: Place {
                object: Dn::parse(&lock.object).ok()?,
                attribute: lock.attribute.clone(),
            },
            timing: Timing::dead_after(Duration::from_secs(lock.dead_after_seconds.into())),
            settings: settings.clone(),
        })
    });
    places.collect()
}

/// The first Ctrl-C or SIGTERM ends the run after the writes under way; the second ends the program at once, which the
/// journal survives.
fn stop_on_signal(context: &Context) -> Result<Stop, Failure> {
    let asked: Stop = Arc::new(tokio::sync::watch::Sender::new(None));
    let stop = Arc::clone(&asked);
    let printer = context.printer;
    let mut terminated = signals()?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated.next() => {}
        }
        printer.complain("stopping after the writes under way; once more stops at once");
        lock::stop(&stop, "cancelled");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated.next() => {}
        }
        #[expect(clippy::exit, reason = "asked twice; the journal makes it safe")]
        std::process::exit(i32::from(Exit::Partial as u8));
    });
    Ok(asked)
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
fn signals() -> Result<Signals, Failure> {
    Ok(Signals(tokio::signal::unix::signal(
        tokio::signal::unix::SignalKind::terminate(),
    )?))
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[cfg(not(unix))]
fn signals() -> Result<Signals, Failure> {
    Ok(Signals)
}

fn write_report(outcome: &Outcome, file: &PlanFile, path: &Path) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(outcome)
        .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
    json.push(b'\n');
    super::files::write_new(path, &json)?;
    let markdown = render::outcome_markdown(outcome, file, &render::MarkdownOptions::default());
    super::files::write_new(&path.with_extension("md"), markdown.as_bytes())
}

fn rejected(error: &ApplyError) -> Failure {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let exit = match error {
        ApplyError::Journal(JournalError::Io { .. }) => Exit::Unexpected,
        _ => Exit::Rejected,
    };
    Failure::new(exit, message)
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Applied => Exit::Success,
        Verdict::Partial => Exit::Partial,
        Verdict::Conflicts => Exit::Conflict,
        Verdict::Unavailable => Exit::Unavailable,
        Verdict::Denied => Exit::Denied,
    }
}
