//! The locks of an apply: taken before anything is written, renewed while it runs, given back at its end.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::apply::lock::{self, Held, Holder, LockError, Place, Timing};
use crate::connector::ConnectorError;
use crate::connector::ldap::{LdapWriter, Settings};
use crate::model::Name;

/// Says that a run is to end, and why. The first reason stays.
pub(crate) type Stop = Arc<watch::Sender<Option<String>>>;

/// Asks the run to end.
pub(crate) fn stop(stop: &Stop, why: impl Into<String>) {
    stop.send_if_modified(|asked| {
        let first = asked.is_none();
        if first {
            *asked = Some(why.into());
        }
        first
    });
}

/// What an apply of this plan would write in a lock.
pub(crate) struct Claim<'a> {
    /// Digest of the plan.
    pub(crate) plan: &'a str,
    /// Whether to take over the lock of an owner that is dead.
    pub(crate) take_over: bool,
}

/// A lock to take.
pub(crate) struct Wanted {
    /// The target it keeps.
    pub(crate) target: Name,
    /// Where it is.
    pub(crate) place: Place,
    /// How often it is renewed.
    pub(crate) timing: Timing,
    /// A connection of its own: renewing must not wait for writes.
    pub(crate) settings: Settings,
}

/// The locks this apply has.
pub(crate) struct Locks {
    keepers: Vec<JoinHandle<Result<(), (Name, LockError)>>>,
    end: watch::Sender<bool>,
}

impl Locks {
    /// Takes the lock of each target that declares one, all or none of them.
    pub(crate) async fn acquire(
        context: &Context,
        wanted: Vec<Wanted>,
        claim: &Claim<'_>,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let (end, ended) = watch::channel(false);
        let mut locks = Self {
            keepers: Vec::new(),
            end,
        };
        for lock in wanted {
            match one(context, &lock, claim).await {
                Ok((writer, held)) => {
                    let keeper = Keeper {
                        target: lock.target,
                        writer,
                        lock: held,
                        clock: Arc::clone(&context.clock),
                        stop: Arc::clone(stop),
                    };
                    // From now on: to take over the next one may last longer than this one lives.
                    locks.keepers.push(tokio::spawn(keeper.run(ended.clone())));
                }
                Err(failure) => {
                    locks.release(context).await;
                    return Err(failure);
                }
            }
        }
        Ok(locks)
    }

    /// Gives the locks back.
    pub(crate) async fn release(self, context: &Context) {
        self.end.send_replace(true);
        for keeper in self.keepers {
            if let Ok(Err((target, error))) = keeper.await {
                context.printer.complain(&format!(
                    "the lock of target {target} could not be given back ({}); the next apply takes it over with --take-over-lock",
                    told(&error)
                ));
            }
        }
    }
}

struct Keeper {
    target: Name,
    writer: LdapWriter,
    lock: Held,
    clock: super::context::Clock,
    stop: Stop,
}

impl Keeper {
    async fn run(mut self, mut ended: watch::Receiver<bool>) -> Result<(), (Name, LockError)> {
        tokio::select! {
            why = self.lock.keep(&self.writer, || (self.clock)()) => {
                stop(&self.stop, format!("target {}: {why}", self.target));
                return Ok(());
            }
            _ = ended.wait_for(|ended| *ended) => {}
        }
        let released = self.lock.release(&self.writer).await;
        released.map_err(|error| (self.target, error))
    }
}

async fn one(
    context: &Context,
    wanted: &Wanted,
    claim: &Claim<'_>,
) -> Result<(LdapWriter, Held), Failure> {
    let Wanted {
        target,
        place,
        timing,
        settings,
    } = wanted;
    let writer = LdapWriter::connect(settings.clone(), 1).await?;
    let holder = || {
        Holder::new(
            &owner(context),
            uuid::Uuid::new_v4().simple().to_string(),
            claim.plan,
            context.now(),
        )
    };
    let mut taken = lock::acquire(&writer, place, holder(), *timing).await;
    if claim.take_over
        && let Err(LockError::Held(found)) = &taken
    {
        context.printer.note(&format!(
            "target {target}: watching for {} seconds whether {} still renews the lock",
            timing.dead.as_secs(),
            found.holder.owner
        ));
        taken = lock::take_over(&writer, place, found, holder(), *timing).await;
    }
    match taken {
        Ok(held) => Ok((writer, held)),
        Err(error) => Err(refused(target, place, &error)),
    }
}

/// Who we are, for people who find the lock: the run of a pipeline, or user and machine.
fn owner(context: &Context) -> String {
    let given = |name: &str| {
        let value = context.environment.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    };
    // Documented by GitHub and GitLab as set in every job.
    if let (Some(server), Some(repository), Some(run)) = (
        given("GITHUB_SERVER_URL"),
        given("GITHUB_REPOSITORY"),
        given("GITHUB_RUN_ID"),
    ) {
        return format!("{server}/{repository}/actions/runs/{run}");
    }
    if let Some(job) = given("CI_JOB_URL") {
        return job.to_owned();
    }
    super::whoami::told(context)
}

fn refused(target: &Name, place: &Place, error: &LockError) -> Failure {
    let (exit, help) = match error {
        LockError::Held(_) => (
            Exit::Unavailable,
            "wait for it to end; if that apply is dead, --take-over-lock watches the lock and takes it over".to_owned(),
        ),
        LockError::Alive(_) => (Exit::Unavailable, "wait for it to end".to_owned()),
        LockError::Foreign { .. } => (
            Exit::Rejected,
            format!(
                "clear {} of {}, if nobody needs what stands there, or name another attribute",
                place.attribute, place.object
            ),
        ),
        LockError::NoObject { .. } => (
            Exit::Rejected,
            "create it, for example as a contact, and let the writing account write the attribute".to_owned(),
        ),
        LockError::Directory(ConnectorError::Denied { .. }) => (
            Exit::Denied,
            format!(
                "let the writing account write {} of {}",
                place.attribute, place.object
            ),
        ),
        LockError::Directory(_) => (Exit::Unavailable, "try again".to_owned()),
    };
    Failure::new(exit, format!("target {target}: {}", told(error))).help(help)
}

fn told(error: &LockError) -> String {
    match error {
        LockError::Directory(cause) => format!("{error}: {cause}"),
        _ => error.to_string(),
    }
}
