//! How one source is talked to: within its limit, with patience, counting, and with a clean tongue.
//!
//! Shared by everything that sends requests to the source or to its authorisation server. Knows nothing of tokens,
//! pages or rows. Invariants: no request goes out without a permit of the one limiter; every wait is counted; what
//! servers say is shown only through the redactor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::budget::{Forecast, at_least};
use super::limiter::{Limiter, Permit};
use super::message::Redactor;
use super::retry::{Attempts, Failure};
use super::time::{MachineTime, Timekeeper};
use super::{Clock, RunSettings, Settings};
use crate::connector::ConnectorError;

/// Shortest wait that is told: a limit of few requests per second makes many of less, and telling each drowns the rest.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// What reading cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Requests sent, those for tokens included.
    pub requests: u64,
    /// Time spent waiting, for the own limit or after a failure.
    pub waited: Duration,
    /// Requests that were sent again after a failure.
    pub retries: u64,
    /// Requests not sent because another person needed the same.
    pub shared: u64,
    /// Requests not sent because the person does not need it.
    pub unneeded: u64,
    /// Requests not sent because a young enough answer was kept.
    pub cached: u64,
    /// Answers not sent again because the server confirmed the one that was kept.
    pub confirmed: u64,
}

/// The pace of one source.
pub(super) struct Pace {
    /// Which system, for messages (`HaloITSM people`).
    pub(super) system: String,
    /// Whether this is HaloITSM, whose ways and words are known.
    pub(super) halo: bool,
    pub(super) redactor: Redactor,
    pub(super) time: Arc<dyn Timekeeper>,
    pub(super) clock: Clock,
    limiter: Limiter,
    patience: Duration,
    rate: (u32, Duration),
    run: RunSettings,
    report: Mutex<ReadReport>,
}

impl Pace {
    pub(super) fn of(settings: &Settings) -> Self {
        let kind = if settings.halo { "HaloITSM" } else { "source" };
        Self {
            system: format!("{kind} {}", settings.name),
            halo: settings.halo,
            redactor: Redactor::new([]),
            time: Arc::new(MachineTime::start()),
            clock: Arc::clone(&settings.clock),
            limiter: Limiter::new(settings.rate_requests, settings.rate_window),
            patience: settings.patience,
            rate: (settings.rate_requests, settings.rate_window),
            run: settings.run.clone(),
            report: Mutex::default(),
        }
    }

    pub(super) fn lock_report(&self) -> std::sync::MutexGuard<'_, ReadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it cost so far.
    pub(super) fn report(&self) -> ReadReport {
        *self.lock_report()
    }

    /// Counts a request that is about to be sent.
    ///
    /// # Errors
    /// [`ConnectorError::OverBudget`] when the run has spent all it may.
    pub(super) fn count_request(&self) -> Result<(), ConnectorError> {
        self.run
            .budget
            .spend()
            .map_err(|limit| ConnectorError::OverBudget {
                system: self.system.clone(),
                message: format!("all {limit} requests that this run may spend are spent"),
            })?;
        self.lock_report().requests += 1;
        Ok(())
    }

    /// Says what is going to be needed, and refuses to begin what the budget does not cover.
    ///
    /// # Errors
    /// [`ConnectorError::OverBudget`].
    pub(super) fn announce(
        &self,
        needed: Vec<(String, u64)>,
        counted: bool,
    ) -> Result<(), ConnectorError> {
        let spent = self.lock_report().requests;
        let mut forecast = Forecast {
            spent,
            needed,
            counted,
            at_least: Duration::ZERO,
        };
        let total = forecast.total();
        forecast.at_least = at_least(total, spent, self.rate.0, self.rate.1);
        if let Some(tell) = &self.run.forecast {
            tell(&forecast);
        }
        self.run
            .budget
            .allows(total)
            .map_err(|limit| ConnectorError::OverBudget {
                system: self.system.clone(),
                message: format!(
                    "{}{total} more requests are needed ({}), {spent} are spent, and this run may spend {limit}",
                    if counted { "" } else { "about " },
                    forecast
                        .needed
                        .iter()
                        .filter(|(_, count)| *count > 0)
                        .map(|(name, count)| format!("{name} {count}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            })
    }

    /// Counts a request that is sent again without waiting.
    pub(super) fn count_retry(&self) {
        self.lock_report().retries += 1;
    }

    /// A fresh count of attempts for one request.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts::new(self.patience)
    }

    /// The right to send one request, within the own limit.
    pub(super) async fn permit(&self) -> Permit<'_> {
        let (permit, waited) = self.limiter.permit(&*self.time).await;
        self.lock_report().waited += waited;
        if waited >= WORTH_SAYING {
            tracing::info!(system = %self.system, seconds = waited.as_secs(), "waited to stay within the rate limit");
        }
        permit
    }

    /// Waits for the next attempt, or gives the error to end with.
    pub(super) async fn wait_or_fail(
        &self,
        attempts: &mut Attempts,
        mut failure: Failure,
    ) -> Result<(), ConnectorError> {
        let mut again = true;
        // Nothing is left to try again with. What has to be seen to is why nothing came, not the budget.
        if let Failure::Flaky { message, .. } = &mut failure
            && self.run.budget.allows(1).is_err()
        {
            again = false;
            message.push_str("; this run may spend no request more to try again");
        }
        let wait = again.then(|| attempts.wait(&failure, rand::random_range(0.0..=1.0)));
        let Some(wait) = wait.flatten() else {
            let attempts = std::mem::replace(attempts, Attempts::new(Duration::ZERO));
            return Err(attempts.into_error(&self.system, failure));
        };
        if let Failure::Throttled { message, .. }
        | Failure::Flaky { message, .. }
        | Failure::Garbled { message, .. } = &failure
        {
            tracing::warn!(system = %self.system, seconds = wait.as_secs_f64(), why = %message, "waiting to try again");
        }
        self.time.sleep(wait).await;
        let mut report = self.lock_report();
        report.waited += wait;
        report.retries += 1;
        Ok(())
    }
}
