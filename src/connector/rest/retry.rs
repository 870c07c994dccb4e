//! Which failures are tried again, when, and for how long.
//!
//! Only reads come through here, so every retry is safe. Invariant: the sum of all waits for one request stays within
//! the patience, and each kind of failure has its own bound on attempts.

use std::time::Duration;

use crate::connector::ConnectorError;

/// Why one attempt failed. Messages are clean: already passed through the redactor.
#[derive(Debug)]
pub(super) enum Failure {
    /// 429. Tried again until the patience ends: the rolling window takes minutes to empty.
    Throttled {
        /// What the server asked for.
        after: Option<Duration>,
        /// What it said.
        message: String,
    },
    /// 500, 502, 503, 504, no connection, timeout. Tried again a few times.
    Flaky {
        after: Option<Duration>,
        message: String,
        /// What to look at when it stays so.
        hint: &'static str,
        /// How often to try again.
        retries: u32,
    },
    /// Status 200 with something that is not the answer.
    Garbled {
        message: String,
        hint: &'static str,
        /// A hash of the body, where the same body again shows that it will not change.
        body: Option<u64>,
    },
    /// 401 on an API call: the token is not, or no longer, accepted.
    Unauthorised { message: String },
    /// Trying again cannot help.
    Final(ConnectorError),
}

/// How often HTML or broken JSON is asked for again.
const GARBLED_RETRIES: u32 = 3;
const FIRST_THROTTLE_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What was tried so far for one request.
#[derive(Debug)]
pub(super) struct Attempts {
    patience: Duration,
    waited: Duration,
    throttled: u32,
    flaky: u32,
    garbled: u32,
    /// Of the body before, when that was garbled.
    body: Option<u64>,
    /// The same garbled body came twice in a row.
    same: bool,
}

impl Attempts {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            waited: Duration::ZERO,
            throttled: 0,
            flaky: 0,
            garbled: 0,
            body: None,
            same: false,
        }
    }

    /// How long to wait before trying again; `None` when this failure is the answer. `jitter` spreads the waits of
    /// clients that failed together, and lies in 0.0 to 1.0.
    pub(super) fn wait(&mut self, failure: &Failure, jitter: f64) -> Option<Duration> {
        let (after, wait) = match failure {
            Failure::Throttled { after, .. } => {
                self.throttled += 1;
                (
                    *after,
                    backoff(FIRST_THROTTLE_WAIT, self.throttled - 1, jitter),
                )
            }
            Failure::Flaky { after, retries, .. } => {
                if self.flaky >= *retries {
                    return None;
                }
                self.flaky += 1;
                (
                    *after,
                    backoff(Duration::from_secs(1), self.flaky - 1, jitter),
                )
            }
            Failure::Garbled { body, .. } => {
                self.same = body.is_some() && self.body == *body;
                self.body = *body;
                if self.same || self.garbled >= GARBLED_RETRIES {
                    return None;
                }
                self.garbled += 1;
                (
                    None,
                    backoff(Duration::from_secs(1), self.garbled - 1, jitter),
                )
            }
            Failure::Unauthorised { .. } | Failure::Final(_) => return None,
        };
        // A server that names a time is believed, but never asked sooner than in a second.
        let wait = after.map_or(wait, |after| after.max(Duration::from_secs(1)));
        let total = self.waited.saturating_add(wait);
        if total > self.patience {
            return None;
        }
        self.waited = total;
        Some(wait)
    }

    /// The error to give when no wait is left.
    pub(super) fn into_error(self, system: &str, failure: Failure) -> ConnectorError {
        let system = system.to_owned();
        match failure {
            Failure::Throttled { after, message } => ConnectorError::Transient {
                system,
                message: format!(
                    "still too many requests after waiting {} s: {message}; is another client using the same \
                     application or instance? a lower rateLimit on the source leaves room for it",
                    self.waited.as_secs()
                ),
                retry_after: after,
            },
            Failure::Flaky { message, hint, .. } => ConnectorError::Unavailable {
                system,
                message: with_hint(&format!("{message} ({} attempts)", self.flaky + 1), hint),
            },
            Failure::Garbled { message, hint, .. } => ConnectorError::Unavailable {
                system,
                message: with_hint(
                    &if self.same {
                        format!("{message} (the same answer came again)")
                    } else {
                        format!("{message} ({} attempts)", self.garbled + 1)
                    },
                    hint,
                ),
            },
            Failure::Unauthorised { message } => ConnectorError::Denied {
                system,
                message: format!("status 401: {message}"),
            },
            Failure::Final(error) => error,
        }
    }
}

fn with_hint(message: &str, hint: &str) -> String {
    if hint.is_empty() {
        message.to_owned()
    } else {
        format!("{message}; {hint}")
    }
}

/// `first`, doubled with each attempt up to a minute, less up to a quarter.
fn backoff(first: Duration, attempt: u32, jitter: f64) -> Duration {
    let full = first.saturating_mul(1 << attempt.min(16)).min(LONGEST_WAIT);
    full.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled(after: Option<u64>) -> Failure {
        Failure::Throttled {
            after: after.map(Duration::from_secs),
            message: String::new(),
        }
    }

    fn total_waited(mut attempts: Attempts, failure: &Failure, jitter: f64) -> (Duration, u32) {
        let mut total = Duration::ZERO;
        let mut waits = 0;
        while let Some(wait) = attempts.wait(failure, jitter) {
            total += wait;
            waits += 1;
        }
        (total, waits)
    }

    #[test]
    fn patience_with_429_outlasts_the_rolling_window_and_ends() {
        for jitter in [0.0, 0.5, 1.0] {
            let attempts = Attempts::new(Duration::from_secs(400));
            let (total, _) = total_waited(attempts, &throttled(None), jitter);
            assert!(total > Duration::from_secs(300), "{total:?}");
            assert!(total <= Duration::from_secs(400), "{total:?}");
        }
    }

    #[test]
    fn a_named_time_is_honoured_within_patience() {
        let mut attempts = Attempts::new(Duration::from_secs(400));
        assert_eq!(
            attempts.wait(&throttled(Some(120)), 1.0),
            Some(Duration::from_secs(120))
        );
        assert_eq!(
            attempts.wait(&throttled(Some(0)), 1.0),
            Some(Duration::from_secs(1))
        );
        // Longer than there is patience for: say so at once rather than sleep in vain.
        assert_eq!(attempts.wait(&throttled(Some(3600)), 1.0), None);
    }

    #[test]
    fn server_trouble_and_garbage_have_their_own_bounds() {
        let flaky = Failure::Flaky {
            after: None,
            message: String::new(),
            hint: "",
            retries: 5,
        };
        let (total, waits) = total_waited(Attempts::new(Duration::from_secs(400)), &flaky, 0.0);
        assert_eq!((total.as_secs(), waits), (31, 5));
        let garbled = |body| Failure::Garbled {
            message: String::new(),
            hint: "",
            body,
        };
        let patient = || Attempts::new(Duration::from_secs(400));
        let (total, waits) = total_waited(patient(), &garbled(None), 0.0);
        assert_eq!((total.as_secs(), waits), (7, 3));
        // The same again will be the same for ever; another may be a server that is getting well.
        let (_, waits) = total_waited(patient(), &garbled(Some(7)), 0.0);
        assert_eq!(waits, 1);
        let mut attempts = patient();
        for body in [1, 2, 1] {
            assert!(attempts.wait(&garbled(Some(body)), 0.0).is_some());
        }
    }
}
