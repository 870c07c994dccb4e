//! `halosync apply`: does what a plan says, and nothing else.
//!
//! The only command that makes a writer. The configuration is used for addresses and credentials alone; what is done
//! to whom stands in the plan (P1). What a plan is refused for is judged by the list of checks `verify` tells, too.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::Apply;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::lock::{self, Claim, Locks, Stop, Wanted};
use super::names::NamesFile;
use super::places::{self, Named, shown_path};
use super::progress::Progress;
use super::project;
use super::resolve::{Access, Resolver};
use super::sealed::{self, Keys, Seal};
use super::verify::checks::{self, Checks};
use super::verify::{content, progress};
use crate::apply::lock::{Place, Timing};
use crate::apply::{
    self, AgeFiles, Cancel, Journal, NameGiven, Options, Outcome, PasswordSink, Selection, Verdict,
};
use crate::connector::ldap::{LdapWriter, Settings};
use crate::model::{Dn, Name};
use crate::plan::PlanFile;
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Apply) -> Result<Exit, Failure> {
    let file = super::show::read(context, &verb.project, &verb.plan)?;
    let mut checks = Checks::default();
    checks::always(context, &file, verb.expect_digest.as_deref(), &mut checks);
    if file.content.changes.is_empty() {
        checks.pass()?;
        return nothing_to_do(context, verb, &file);
    }
    let project = project::load(context, &verb.project)?;
    check_places(&project, verb)?;
    let journal_path = journal_path(&verb.plan, &file, verb.journal.as_deref());
    checks::of_changes(
        context,
        Ok(&project),
        &verb.plan,
        &file,
        verb.expect_digest.is_some(),
        &mut checks,
    )?;
    checks.add(
        checks::Name::Journal,
        progress::journal_at(
            verb.journal.as_deref(),
            &journal_path,
            Some(&project),
            &file,
        ),
    );
    let short = short_digest(&file);
    let report = report_path(context, &project, verb, &short)?;
    let files = Files {
        journal: &journal_path,
        report: &report,
        names: match &verb.names {
            Some(path) => Some(NamesFile::open(path, &project)?),
            None => None,
        },
    };
    files.check_apart(&verb.plan)?;
    let seal = reports_seal(&project, &verb.plan)?;
    let seal = seal.as_ref();
    if let Err(refusal) = checks.pass() {
        if refusal.exit == Exit::AppliedAlready {
            files.make_up_names(context, &file, seal.is_some())?;
        }
        return Err(refusal);
    }
    let settings = settings(context, &project, &file)?;
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

    let zone = project.zone()?;
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
            return Err(progress::journal_failure(&journal_path, error));
        }
    };
    let mut options = Options::new(context.clock.clone());
    options.zone = zone;
    options.concurrency = usize::from(verb.concurrency);
    options.cancel = Cancel::on(stop.subscribe());
    options.bounds = super::bounds::of(&project);
    options.selection = Selection {
        classes: verb.only_class.iter().copied().collect(),
        max_changes: verb.max_changes.and_then(NonZeroU64::new),
        wave: verb.wave.and_then(NonZeroU64::new),
    };
    let progress =
        Progress::new(context.printer, file.content.changes.len()).redacted(seal.is_some());
    let outcome = apply::run(&file, &writers, &journal, passwords, &options, &progress).await;
    locks.release(context).await;
    let outcome = outcome.map_err(|error| progress::rejected(&error))?;
    progress.done();
    files.tell(context, &file, &outcome, seal)
}

/// Every place that was named, before anything is asked of a directory.
fn check_places(project: &project::Project, verb: &Apply) -> Result<(), Failure> {
    if let Some(path) = &verb.report {
        let place = Named::new("--report", path);
        place.check_file(Some(project))?;
        // The summary stands beside it.
        let summary = path.with_extension("md");
        if summary == *path {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "--report: {} is the name of the summary that is written beside it",
                    path.display()
                ),
            )
            .help("name a file that ends in .json; nothing was read or written"));
        }
        Named::new("--report", &summary).check_file(Some(project))?;
        super::files::check_replaceable(&summary, "halosync apply")?;
    }
    if let Some(path) = &verb.names {
        Named::new("--names", path).check_names(project)?;
    }
    if let Some(dir) = &verb.passwords {
        Named::new("--passwords", dir).check_standing_dir()?;
    }
    Ok(())
}

/// Whom the report is sealed to: somebody, where the plan is.
fn reports_seal(project: &project::Project, plan: &Path) -> Result<Option<Seal>, Failure> {
    let seal = Seal::of(project)?;
    if seal.is_none() && sealed::is_sealed_file(plan) {
        return Err(Failure::new(
            Exit::InvalidConfiguration,
            "the plan is sealed, and the project does not say whom its report is to be sealed to",
        )
        .help("declare `sealing` in halosync.yaml again; nothing was written"));
    }
    Ok(seal)
}

/// What a plan without changes comes to: nothing, unless guards hold all there was. A report that was asked for is written
/// all the same, for the recording of this plan is the next one's `--since`.
fn nothing_to_do(context: &Context, verb: &Apply, file: &PlanFile) -> Result<Exit, Failure> {
    let held = content::all_held(file);
    let report = match &verb.report {
        Some(path) => {
            let project = project::load(context, &verb.project)?;
            check_places(&project, verb)?;
            let seal = reports_seal(&project, &verb.plan)?;
            sealed::check_replaceable(context, Keys::Of(&project), path, apply::OUTCOME_FORMAT)?;
            let why = held.as_ref().map(|_| "guards hold all there was to do");
            let outcome = Outcome::of_nothing(file, context.now(), why);
            write_report(&outcome, file, path, seal.as_ref())?;
            Some(path)
        }
        None => None,
    };
    if held.is_none() {
        context
            .printer
            .note("the plan has no changes; nothing was done");
    }
    if let Some(path) = report {
        context
            .printer
            .note(&format!("report: {}", shown_path(path)));
    }
    match held {
        Some(refusal) => Err(Failure {
            exit: refusal.exit,
            messages: refusal.messages,
            help: refusal.help,
        }),
        None => Ok(Exit::Success),
    }
}

/// Where a plan's journal is, unless another place was named.
pub(super) fn journal_path(plan: &Path, file: &PlanFile, named: Option<&Path>) -> PathBuf {
    match named {
        Some(path) => path.to_owned(),
        None => beside(plan, &format!("{}.journal.jsonl", short_digest(file))),
    }
}

/// The files an apply leaves.
struct Files<'a> {
    journal: &'a Path,
    report: &'a Path,
    names: Option<NamesFile>,
}

impl Files<'_> {
    /// Refuses two of them, or one of them and the plan, in one place.
    fn check_apart(&self, plan: &Path) -> Result<(), Failure> {
        let summary = self.report.with_extension("md");
        let mut all = vec![
            Named::new("the plan", plan),
            Named::new("the journal", self.journal),
            Named::new("the report", self.report),
            Named::new("the summary beside the report", &summary),
        ];
        if let Some(names) = &self.names {
            all.push(Named::new("the list of names", names.path()));
        }
        places::check_apart(&all)
    }

    /// Adds the names of a plan that was applied completely: the apply that gave them may have come to its end before it
    /// wrote them.
    fn make_up_names(
        &self,
        context: &Context,
        file: &PlanFile,
        redact: bool,
    ) -> Result<(), Failure> {
        match &self.names {
            Some(names) => keep_names(context, names, &apply::names_of(file), redact),
            None => Ok(()),
        }
    }

    /// Writes what an apply leaves and says what came of it. Everything is tried, whatever fails before: what was done in
    /// the directory is done.
    fn tell(
        &self,
        context: &Context,
        file: &PlanFile,
        outcome: &Outcome,
        seal: Option<&Seal>,
    ) -> Result<Exit, Failure> {
        let names = match &self.names {
            Some(names) => keep_names(context, names, &outcome.names, seal.is_some()),
            None => Ok(()),
        };
        let report = write_report(outcome, file, self.report, seal);
        let shown = super::show::text_options(context, false);
        let printed = context.printer.result(&match seal {
            Some(_) => render::redacted_outcome_text(outcome, &shown),
            None => render::outcome_text(outcome, file, &shown),
        });
        context.printer.note(&format!(
            "journal: {}{}",
            shown_path(self.journal),
            seal.map_or(
                "",
                |_| " (not sealed: it names people, and stays on this machine)"
            )
        ));
        if report.is_ok() {
            let report = shown_path(self.report);
            context.printer.note(&format!("report: {report}"));
        }
        let exit = exit(outcome.verdict);
        let named = names.is_ok();
        let failures = [names, report, printed.map_err(Failure::from)];
        let mut messages: Vec<String> = Vec::new();
        for failure in failures.into_iter().filter_map(Result::err) {
            messages.extend(failure.messages);
        }
        if messages.is_empty() {
            return Ok(exit);
        }
        let done = match outcome.verdict {
            Verdict::Applied => "the plan was applied completely",
            _ => "the plan was applied as far as it went",
        };
        let again = match named {
            true => "",
            false => "; apply the plan again with --names to have the names added",
        };
        Err(Failure {
            exit: match exit {
                Exit::Success => Exit::Unexpected,
                other => other,
            },
            messages,
            help: Some(format!(
                "{done}, and all of it stands in the journal {}, which `verify journal`, `undo` and `--last-apply` read{again}",
                shown_path(self.journal)
            )),
        })
    }
}

/// Adds the names given to the list of those that are not given again.
fn keep_names(
    context: &Context,
    file: &NamesFile,
    names: &[NameGiven],
    redact: bool,
) -> Result<(), Failure> {
    let kept = file.add(names)?;
    context.printer.note(&format!(
        "names: {} added to {}",
        kept.added,
        shown_path(file.path())
    ));
    if redact && !kept.of_others.is_empty() {
        context.printer.note(&format!(
            "warning: {} of the names stand there for somebody else; these rows were left as they are",
            kept.of_others.len()
        ));
        return Ok(());
    }
    for name in kept.of_others {
        context.printer.note(&format!(
            "warning: {name:?} stands there for somebody else; the row was left as it is"
        ));
    }
    Ok(())
}

/// The first digits of the digest: enough to tell the files of one plan from those of the next.
pub(crate) fn short_digest(file: &PlanFile) -> String {
    let digest = file.digest.trim_start_matches("sha256:");
    digest.chars().take(12).collect()
}

/// Where the report goes. Without `--report` a name that is free, also for the summary beside it: an earlier report is a
/// record, and stays.
fn report_path(
    context: &Context,
    project: &project::Project,
    verb: &Apply,
    short: &str,
) -> Result<PathBuf, Failure> {
    if let Some(path) = &verb.report {
        sealed::check_replaceable(context, Keys::Of(project), path, apply::OUTCOME_FORMAT)?;
        return Ok(path.clone());
    }
    let first = beside(&verb.plan, &format!("{short}.report.json"));
    let numbered = (2..).map(|n| beside(&verb.plan, &format!("{short}.report-{n}.json")));
    let is_free = |path: &Path| std::fs::symlink_metadata(path).is_err();
    let free = std::iter::once(first)
        .chain(numbered)
        .find(|path| is_free(path) && is_free(&path.with_extension("md")));
    let path =
        free.ok_or_else(|| Failure::new(Exit::Unexpected, "no name is free for the report"))?;
    Named::new("--report", &path).check_file(Some(project))?;
    Ok(path)
}

/// A file named after the plan: `plan.json` gives `plan.SUFFIX`.
pub(crate) fn beside(plan: &Path, suffix: &str) -> PathBuf {
    plan.with_extension(suffix)
}

/// A few connections carry many changes: servers write one at a time anyway.
fn connections(concurrency: u16) -> usize {
    usize::from(concurrency).div_ceil(8).min(8)
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
            settings.now = Some(context.now());
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
/// journal survives. Listens on a thread of its own: the other one may be at work.
fn stop_on_signal(context: &Context) -> Result<Stop, Failure> {
    let asked: Stop = Arc::new(tokio::sync::watch::Sender::new(None));
    let stop = Arc::clone(&asked);
    let printer = context.printer;
    let listening = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut terminated = {
        let _here = listening.enter();
        signals()?
    };
    let listen = async move {
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
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || listening.block_on(listen))?;
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

/// The report as JSON, sealed where plans are, and a summary as Markdown, which then names nobody.
fn write_report(
    outcome: &Outcome,
    file: &PlanFile,
    path: &Path,
    seal: Option<&Seal>,
) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(outcome)
        .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
    json.push(b'\n');
    super::files::write_new(path, &sealed::written(seal, json)?)?;
    let options = render::MarkdownOptions::default();
    let markdown = match seal {
        Some(_) => render::redacted_outcome_markdown(outcome, &options),
        None => render::outcome_markdown(outcome, file, &options),
    };
    super::files::write_new(&path.with_extension("md"), markdown.as_bytes())
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
