//! How often a change is tried again, how long is waited, and when a target is given up.
//!
//! Must not know goals or steps. Invariant: a write that got no answer twice is not sent a third time.

use std::sync::PoisonError;
use std::time::Duration;

use futures::future::BoxFuture;

use super::execute::Run;
use super::outcome::{ChangeOutcome, FailureKind};
use crate::connector::{ConnectorError, DirectoryWriter};
use crate::model::Name;
use crate::plan::{Action, Change};

/// After so many changes in a row that ended because a target did not answer, it is given up.
const FAILURES_IN_A_ROW: u32 = 5;
/// The longest a system may ask us to wait.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(60);
/// What a system names when the domain's policy does not allow a password, or that there is none.
const PASSWORD: &str = "unicodePwd";

/// Patience with one change.
#[derive(Default)]
pub(super) struct Tries {
    failures: u32,
    unanswered: u32,
}

impl<W: DirectoryWriter> Run<'_, W> {
    /// Gives a target up that has left several changes in a row without an answer.
    pub(super) fn count_silence(&self, change: &Change, outcome: &ChangeOutcome) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let ChangeOutcome::Failed {
            kind: FailureKind::Transient | FailureKind::Unavailable | FailureKind::Unsettled,
            message,
        } = outcome
        else {
            over.in_a_row.remove(&change.target);
            return;
        };
        let in_a_row = over.in_a_row.entry(change.target.clone()).or_default();
        *in_a_row += 1;
        if *in_a_row >= FAILURES_IN_A_ROW {
            over.targets
                .entry(change.target.clone())
                .or_insert_with(|| message.clone());
        }
    }

    /// Reads with the usual patience.
    pub(super) async fn patiently<'f, T>(
        &self,
        change: &Change,
        read: impl Fn() -> BoxFuture<'f, Result<T, ConnectorError>>,
    ) -> Result<T, ChangeOutcome> {
        let mut tries = Tries::default();
        loop {
            match read().await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    if !self.wait(change, &mut tries, &error).await {
                        return Err(self.give_up(change, &error));
                    }
                }
            }
        }
    }

    /// Waits before another attempt; false when there is to be none.
    pub(super) async fn wait(
        &self,
        change: &Change,
        tries: &mut Tries,
        error: &ConnectorError,
    ) -> bool {
        if !is_passing(error) {
            return false;
        }
        tries.failures += 1;
        if matches!(error, ConnectorError::Unknown { .. }) {
            tries.unanswered += 1;
        }
        let retry = self.options.retry;
        // A write that got no answer twice is not sent a third time.
        if tries.failures > retry.retries || tries.unanswered > 1 {
            return false;
        }
        // Another change has found out meanwhile that there is no use.
        if self.is_given_up(&change.target) {
            return false;
        }
        self.tell_of_retry(change, error);
        let doubled = 2_u32.saturating_pow(tries.failures - 1);
        let own = retry
            .first_wait
            .saturating_mul(doubled)
            .min(retry.longest_wait);
        let asked = match error {
            ConnectorError::Transient {
                retry_after: Some(asked),
                ..
            } => (*asked).min(LONGEST_ASKED_WAIT),
            _ => Duration::ZERO,
        };
        tokio::select! {
            () = tokio::time::sleep(own.max(asked)) => !self.is_given_up(&change.target),
            () = self.options.cancel.cancelled() => false,
        }
    }

    pub(super) fn is_given_up(&self, target: &Name) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.targets.contains_key(target)
    }

    /// That a target cannot be reached is told once and not for every change that meets it.
    pub(super) fn tell_of_retry(&self, change: &Change, error: &ConnectorError) {
        let why = error.to_string();
        if matches!(error, ConnectorError::Unavailable { .. }) {
            let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
            if over.told.get(&change.target) == Some(&why) {
                return;
            }
            over.told.insert(change.target.clone(), why.clone());
        }
        self.events.retrying(change, &why);
    }

    /// The outcome of a change the system had the last word on. A target that cannot be reached is given up.
    pub(super) fn give_up(&self, change: &Change, error: &ConnectorError) -> ChangeOutcome {
        let kind = match error {
            ConnectorError::Conflict { .. } => return ChangeOutcome::conflict(error.to_string()),
            ConnectorError::Denied { .. } => FailureKind::Denied,
            // It is the account that lacks something, and no rule can give it that: half-made, and its mark taken away by
            // hand; or the policy has become stricter since its password was set.
            ConnectorError::Invalid {
                field: Some(field), ..
            } if field == PASSWORD
                && matches!(
                    change.action,
                    Action::Enable {
                        initial_password: None
                    }
                ) =>
            {
                let why = format!(
                    "a password that the domain's policy allows: the account has none, or one it does not allow. Set one by hand (a reset), before it is enabled ({error})"
                );
                return ChangeOutcome::failed(FailureKind::Missing, why);
            }
            ConnectorError::Invalid { .. } | ConnectorError::Setup { .. } => FailureKind::Refused,
            // What the new place needs may be missing there; else it is an object of the plan that is gone.
            ConnectorError::NotFound { .. } => match change.action {
                Action::Create { .. }
                | Action::Move { .. }
                | Action::Rename { .. }
                | Action::Restore { .. } => FailureKind::Missing,
                _ => return ChangeOutcome::conflict(error.to_string()),
            },
            ConnectorError::Transient { .. } | ConnectorError::OverBudget { .. } => {
                FailureKind::Transient
            }
            ConnectorError::Unknown { .. } => FailureKind::Unsettled,
            ConnectorError::Unavailable { .. } => {
                let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
                over.targets
                    .entry(change.target.clone())
                    .or_insert_with(|| error.to_string());
                FailureKind::Unavailable
            }
        };
        ChangeOutcome::failed(kind, error.to_string())
    }
}

/// True when trying again may help.
pub(super) fn is_passing(error: &ConnectorError) -> bool {
    matches!(
        error,
        ConnectorError::Transient { .. }
            | ConnectorError::Unavailable { .. }
            | ConnectorError::Unknown { .. }
    )
}
