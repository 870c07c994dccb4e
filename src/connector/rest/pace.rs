//! How one source is talked to: within its limit, with patience, counting, and with a clean tongue.
//!
//! Shared by everything that sends requests to the source or to its authorisation server. Knows nothing of tokens,
//! pages or rows. Invariants: no request goes out without a permit of the one limiter; every wait is counted; what
//! servers say is shown only through the redactor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::limiter::{Limiter, Permit};
use super::message::Redactor;
use super::retry::{Attempts, Failure};
use super::time::{MachineTime, Timekeeper};
use super::{Clock, Settings};
use crate::connector::ConnectorError;

/// What reading cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Requests sent, those for tokens included.
    pub requests: u64,
    /// Time spent waiting, for the own limit or after a failure.
    pub waited: Duration,
    /// Requests that were sent again after a failure.
    pub retries: u64,
}

/// The pace of one source.
pub(super) struct Pace {
    /// Which system, for messages (`HaloITSM people`).
    pub(super) system: String,
    pub(super) redactor: Redactor,
    pub(super) time: Arc<dyn Timekeeper>,
    pub(super) clock: Clock,
    limiter: Limiter,
    patience: Duration,
    report: Mutex<ReadReport>,
}

impl Pace {
    pub(super) fn of(settings: &Settings) -> Self {
        let kind = if settings.halo { "HaloITSM" } else { "source" };
        Self {
            system: format!("{kind} {}", settings.name),
            redactor: Redactor::new([]),
            time: Arc::new(MachineTime::start()),
            clock: Arc::clone(&settings.clock),
            limiter: Limiter::new(settings.rate_requests, settings.rate_window),
            patience: settings.patience,
            report: Mutex::default(),
        }
    }

    fn lock_report(&self) -> std::sync::MutexGuard<'_, ReadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it cost so far.
    pub(super) fn report(&self) -> ReadReport {
        *self.lock_report()
    }

    /// Counts a request that is about to be sent.
    pub(super) fn count_request(&self) {
        self.lock_report().requests += 1;
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
        if !waited.is_zero() {
            tracing::info!(system = %self.system, seconds = waited.as_secs(), "waited to stay within the rate limit");
        }
        permit
    }

    /// Waits for the next attempt, or gives the error to end with.
    pub(super) async fn wait_or_fail(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
    ) -> Result<(), ConnectorError> {
        let Some(wait) = attempts.wait(&failure, rand::random_range(0.0..=1.0)) else {
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
