//! Executes an approved plan, and nothing else.
//!
//! No mapping, matching or choosing happens here (P1): every name, place and value stands in the plan; only
//! generated passwords and the identities of new objects come into being now. Each write is a compare-and-set on
//! the object with the plan's immutable id (P5), announced in a journal before it is sent (P6). Changes run side by
//! side as far as their order allows; one that fails stops only those that need it (P11).
//!
//! Reading order: [`run`] checks what holds for the whole plan; `schedule` decides whose turn it is; `execute` takes
//! a change to its goal, and `create` the steps of a new account (`complete` those of one left half-made); `patience` when it is tried again; `look` (with `creation`, `restoring`,
//! `deletion` and `anchors`) says, for each goal, what is there and what to send; `verify` reads everything back.

mod agree;
mod anchors;
mod audit;
mod bounds;
mod chain;
mod compare;
mod complete;
mod control;
mod create;
mod creation;
mod deletion;
mod execute;
mod expected;
mod history;
mod journal;
pub mod lock;
mod look;
mod membership;
mod outcome;
mod password;
mod patience;
mod reset;
mod restoring;
mod schedule;
mod selection;
mod torn;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use agree::contradictions;
pub use audit::{Audit, RunSeen, Unsettled};
pub use bounds::Bounds;
pub use chain::{JournalEnd, Recorded};
pub use history::{
    Completed, FORMAT as JOURNAL_FORMAT, History, Line, Step, StepResult, StepState,
};
pub use journal::{Journal, JournalError, Medium, read_journal};
pub use outcome::{
    ActionKind, ChangeOutcome, ChangeReport, Counts, Difference, FORMAT as OUTCOME_FORMAT,
    FailureKind, LeaverTime, NameGiven, Outcome, Verdict, names_of,
};
pub use password::{AgeFiles, NewPassword, PasswordError, PasswordSink};
pub use selection::Selection;

use crate::connector::DirectoryWriter;
use crate::model::{DirectoryIdentity, Name};
use crate::plan::{self, Change, PlanFile};

/// Why a plan is not applied at all. Nothing was written to any target.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan file is of a version this program does not know.
    #[error(
        "the plan's format is {found:?}; this version applies {:?}",
        plan::FORMAT
    )]
    UnknownFormat {
        /// Format named in the file.
        found: String,
    },
    /// The plan's content is not what its digest was computed from.
    #[error(
        "the plan's content does not match its digest {stated}; it was edited after it was made"
    )]
    OtherDigest {
        /// Digest named in the file.
        stated: String,
    },
    /// The plan is too old.
    #[error("the plan expired at {not_after} and it is {now}; make a new one")]
    Expired {
        /// When it stopped being appliable.
        not_after: jiff::Timestamp,
        /// Now.
        now: jiff::Timestamp,
    },
    /// The plan contradicts itself: it was not made by the planner.
    #[error("the plan is malformed: {message}")]
    Malformed {
        /// What is wrong.
        message: String,
    },
    /// There is no connection to a directory the plan changes.
    #[error("no connection to target {target}, which the plan changes")]
    NoWriter {
        /// The target.
        target: Name,
    },
    /// A connection leads to another directory than the plan was made for.
    #[error(
        "target {target} is another directory than the plan's: its {what} is {found}, planned {planned}"
    )]
    OtherDirectory {
        /// The target.
        target: Name,
        /// What differs.
        what: &'static str,
        /// In the plan.
        planned: String,
        /// At the other end.
        found: String,
    },
    /// The plan creates accounts, and their initial passwords could not be kept.
    #[error("initial passwords cannot be kept")]
    Passwords(#[from] PasswordError),
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
}

/// How to apply.
#[derive(Clone)]
pub struct Options {
    /// Tells the time: for expiry, the journal and reports.
    pub clock: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>,
    /// How many changes are under way at once; at least one. Never two on the same object.
    pub concurrency: usize,
    /// How often and how patiently to try again what may work later.
    pub retry: Retry,
    /// The project's time zone: in which days end, for the record of how long it took to disable an account.
    pub zone: jiff::tz::TimeZone,
    /// Asks the run to end early.
    pub cancel: Cancel,
    /// What of the plan is asked for.
    pub selection: Selection,
    /// How far it may reach, by target. A target that is not named has no limits but those of the plan.
    pub bounds: BTreeMap<Name, Bounds>,
}

impl Options {
    /// Everything, 64 changes at once, the usual patience, no way to cancel.
    pub fn new(clock: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>) -> Self {
        Self {
            clock,
            concurrency: 64,
            retry: Retry::default(),
            zone: jiff::tz::TimeZone::UTC,
            cancel: Cancel::never(),
            selection: Selection::default(),
            bounds: BTreeMap::new(),
        }
    }
}

/// How often and how patiently to try again what may work later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Retries of one change before it is given up.
    pub retries: u32,
    /// Wait before the first; doubled for each further one.
    pub first_wait: Duration,
    /// Longest wait between two, unless the system itself asks for more (a minute at most).
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 4,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(5),
        }
    }
}

/// Asks a run to end early: writes under way are finished and recorded, the rest is not reached.
#[derive(Debug, Clone)]
pub struct Cancel(Option<watch::Receiver<Option<String>>>);

impl Cancel {
    /// Never cancels.
    pub fn never() -> Self {
        Self(None)
    }

    /// Cancels once the sender says why.
    pub fn on(receiver: watch::Receiver<Option<String>>) -> Self {
        Self(Some(receiver))
    }

    /// True when the run is to end.
    pub fn is_cancelled(&self) -> bool {
        self.why().is_some()
    }

    /// Why the run is to end, once it is.
    pub fn why(&self) -> Option<String> {
        self.0.as_ref()?.borrow().clone()
    }

    /// Returns when the run is to end; never, if it never is.
    async fn cancelled(&self) {
        let asked = match self.0.clone() {
            Some(mut receiver) => receiver.wait_for(Option::is_some).await.is_ok(),
            None => false,
        };
        if !asked {
            std::future::pending::<()>().await;
        }
    }
}

/// Is told what happens while it happens, for progress on a terminal or lines in a log.
pub trait Events: Send + Sync {
    /// A change's turn has come.
    fn started(&self, _change: &Change) {}
    /// Something did not work and is tried again.
    fn retrying(&self, _change: &Change, _why: &str) {}
    /// A change's turn is over; also told for those that never had one.
    fn finished(&self, _change: &Change, _outcome: &ChangeOutcome) {}
    /// Everything is written; this many objects are read back.
    fn verifying(&self, _objects: usize) {}
    /// A change reported as done is not as written; this outcome replaces the one told before.
    fn not_verified(&self, _change: &Change, _outcome: &ChangeOutcome) {}
}

/// Says nothing.
impl Events for () {}

/// Applies a plan.
///
/// The journal must have been opened for the plan's digest. Give `passwords` when the plan has recipients ([`AgeFiles::for_plan`]): without, creating an enabled
/// account fails, and everything else goes on.
///
/// Running it again with the same plan, with or without the journal of the earlier run, finishes what is missing and
/// repeats nothing. (Without the journal there is one exception: an account created to stay disabled and to change
/// its password at first logon, interrupted half-way, gets a second password.)
///
/// # Errors
/// [`ApplyError`] before anything is written. Everything that goes wrong later stands in the [`Outcome`].
pub async fn run<W: DirectoryWriter>(
    plan: &PlanFile,
    writers: &BTreeMap<Name, W>,
    journal: &Journal,
    passwords: Option<Arc<dyn PasswordSink>>,
    options: &Options,
    events: &dyn Events,
) -> Result<Outcome, ApplyError> {
    let started = (options.clock)();
    check(plan, writers, journal, started)?;
    let selected = options
        .selection
        .of(&plan.content.changes, journal.history());
    let graph = schedule::Graph::build(&plan.content.changes, |at| selected.now[at])?;
    if let Some(sink) = &passwords {
        prepare(plan, journal, sink).await?;
    }
    let run = execute::Run::new(
        &plan.content,
        writers,
        journal,
        passwords.clone(),
        options,
        events,
    );
    let changes = in_turn(&run, graph, &selected).await?;
    let counts = Outcome::count(&changes);
    let finished = (options.clock)();
    let end = Line::End {
        at: finished,
        counts,
    };
    let ended = run.note(&end).await;
    let stopped = run.why_stopped();
    Ok(Outcome {
        format: OUTCOME_FORMAT.to_owned(),
        plan: plan.digest.clone(),
        project: plan.content.project.clone(),
        started,
        finished,
        resumed: journal.history().runs() > 0,
        verdict: Outcome::judge(&changes, run.wrote(), ended),
        counts,
        stopped,
        names: Outcome::names(&plan.content.changes, &changes),
        leavers: Outcome::leavers(&plan.content, &options.zone, &changes, journal.history()),
        changes,
        password_files: passwords.map(|sink| sink.files()).unwrap_or_default(),
        journal: journal.end(),
    })
}

/// Gives every selected change its turn, those of the first wave before the others, and reads back what was written.
async fn in_turn<W: DirectoryWriter>(
    run: &execute::Run<'_, W>,
    graph: schedule::Graph,
    selected: &selection::Selected,
) -> Result<Vec<ChangeReport>, ApplyError> {
    let planned = &run.plan.changes;
    let mut reports: Vec<ChangeReport> = planned
        .iter()
        .zip(&selected.now)
        .map(|(change, now)| match now {
            true => ChangeReport::not_reached(change),
            false => ChangeReport::without_a_turn(change, ChangeOutcome::LeftOut {}),
        })
        .collect();
    let Some(wave) = &selected.first else {
        schedule::turns(run, graph, |at| selected.now[at], &mut reports).await;
        verify::read_back(run, &mut reports).await;
        return Ok(reports);
    };
    let first = schedule::Graph::build(planned, |at| wave.changes[at])?;
    schedule::turns(run, first, |at| wave.changes[at], &mut reports).await;
    verify::read_back(run, &mut reports).await;
    let in_wave = reports
        .iter()
        .zip(&wave.changes)
        .filter(|(_, first)| **first);
    let amiss = in_wave
        .filter(|(report, _)| !report.outcome.is_achieved())
        .count();
    if amiss > 0 {
        run.stop_after_wave(wave.people, amiss);
        return Ok(reports);
    }
    let rest = |at: usize| selected.now[at] && !wave.changes[at];
    let graph = schedule::Graph::build(planned, rest)?;
    schedule::turns(run, graph, rest, &mut reports).await;
    verify::read_back(run, &mut reports).await;
    Ok(reports)
}

/// Makes sure that the passwords of accounts still to be made can be kept: noticed later, each would be left half-made.
async fn prepare(
    plan: &PlanFile,
    journal: &Journal,
    sink: &Arc<dyn PasswordSink>,
) -> Result<(), PasswordError> {
    let to_be_made = plan.content.changes.iter().any(|change| {
        change.action.initial_password().is_some()
            && journal.history().step(&change.id, Step::Finish) != Some(StepState::Done)
    });
    if !to_be_made {
        return Ok(());
    }
    let sink = Arc::clone(sink);
    match tokio::task::spawn_blocking(move || sink.prepare()).await {
        Ok(result) => result,
        Err(_) => Err(PasswordError::Encryption {
            message: "a defect in this program; see the log".to_owned(),
        }),
    }
}

/// What must hold before anything is written.
fn check<W: DirectoryWriter>(
    plan: &PlanFile,
    writers: &BTreeMap<Name, W>,
    journal: &Journal,
    now: jiff::Timestamp,
) -> Result<(), ApplyError> {
    if plan.format != plan::FORMAT {
        return Err(ApplyError::UnknownFormat {
            found: plan.format.clone(),
        });
    }
    // Whoever read the plan has done this; it costs little, and nothing else stands between an edited plan and the
    // directory (P1).
    if plan::digest(&plan.content) != plan.digest {
        return Err(ApplyError::OtherDigest {
            stated: plan.digest.clone(),
        });
    }
    if journal.plan() != plan.digest {
        return Err(ApplyError::Journal(JournalError::OtherPlan {
            found: journal.plan().to_owned(),
        }));
    }
    if now > plan.content.not_after {
        return Err(ApplyError::Expired {
            not_after: plan.content.not_after,
            now,
        });
    }
    known_targets(plan)?;
    for change in &plan.content.changes {
        if !writers.contains_key(&change.target) {
            return Err(ApplyError::NoWriter {
                target: change.target.clone(),
            });
        }
    }
    for (target, planned) in &plan.content.targets {
        if let Some(writer) = writers.get(target) {
            same_directory(target, planned, writer.identity())?;
        }
    }
    Ok(())
}

fn known_targets(plan: &PlanFile) -> Result<(), ApplyError> {
    let targets = &plan.content.targets;
    let mut changes = plan.content.changes.iter();
    match changes.find(|change| !targets.contains_key(&change.target)) {
        None => Ok(()),
        Some(change) => Err(ApplyError::Malformed {
            message: format!(
                "change {} is for target {}, which the plan does not name",
                change.id.0, change.target
            ),
        }),
    }
}

/// Whether a plan hangs together: ids, dependencies, identities and targets. Nothing but the plan is needed to tell.
///
/// # Errors
/// [`ApplyError::Malformed`] says where it does not.
pub fn hangs_together(plan: &PlanFile) -> Result<(), ApplyError> {
    known_targets(plan)?;
    schedule::Graph::build(&plan.content.changes, |_| true).map(drop)
}

fn same_directory(
    target: &Name,
    planned: &DirectoryIdentity,
    found: &DirectoryIdentity,
) -> Result<(), ApplyError> {
    let differs = |what, planned: String, found: String| ApplyError::OtherDirectory {
        target: target.clone(),
        what,
        planned,
        found,
    };
    if planned.domain_guid != found.domain_guid {
        return Err(differs(
            "domain GUID",
            planned.domain_guid.to_string(),
            found.domain_guid.to_string(),
        ));
    }
    if !planned.domain_sid.eq_ignore_ascii_case(&found.domain_sid) {
        return Err(differs(
            "domain SID",
            planned.domain_sid.clone(),
            found.domain_sid.clone(),
        ));
    }
    if planned.naming_context.key() != found.naming_context.key() {
        return Err(differs(
            "naming context",
            planned.naming_context.to_string(),
            found.naming_context.to_string(),
        ));
    }
    // Another controller of the same domain may not have what the plan saw yet, or not any more.
    if !planned
        .domain_controller
        .eq_ignore_ascii_case(&found.domain_controller)
    {
        return Err(differs(
            "domain controller",
            planned.domain_controller.clone(),
            found.domain_controller.clone(),
        ));
    }
    Ok(())
}
