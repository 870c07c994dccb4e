//! What a run may spend in requests, what it is going to need, and what it spent.
//!
//! Knows nothing of HTTP. Invariant: never more requests are sent than the budget allows, retries and tokens
//! included, however many sources share it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests that may be spent.
#[derive(Debug)]
pub struct Budget {
    limit: Option<u64>,
    spent: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Budget {
    /// A budget; `None` for no bound.
    pub fn new(limit: Option<u64>) -> Self {
        Self {
            limit,
            spent: AtomicU64::new(0),
        }
    }

    /// Takes one request out of it.
    ///
    /// # Errors
    /// The limit, when it is spent.
    pub(super) fn spend(&self) -> Result<(), u64> {
        let taken = self
            .spent
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |spent| {
                self.limit
                    .is_none_or(|limit| spent < limit)
                    .then_some(spent + 1)
            });
        match (taken, self.limit) {
            (Err(_), Some(limit)) => Err(limit),
            _ => Ok(()),
        }
    }

    /// Whether this many more can be spent.
    ///
    /// # Errors
    /// The limit, when they cannot.
    pub(super) fn allows(&self, more: u64) -> Result<(), u64> {
        match self.limit {
            Some(limit) if self.spent.load(Ordering::SeqCst).saturating_add(more) > limit => {
                Err(limit)
            }
            _ => Ok(()),
        }
    }
}

/// What a read is going to need, as far as is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Requests spent so far.
    pub spent: u64,
    /// Requests still to come, by endpoint.
    pub needed: Vec<(String, u64)>,
    /// Whether this is counted, or estimated from the first page.
    pub counted: bool,
    /// Least time that the own rate limit makes of it.
    pub at_least: Duration,
}

impl Forecast {
    /// Requests still to come.
    pub fn total(&self) -> u64 {
        self.needed
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// Least time for `requests` more requests after `spent` in one window: the first window's worth goes out at once.
pub(super) fn at_least(requests: u64, spent: u64, limit: u32, window: Duration) -> Duration {
    let limit = u64::from(limit.max(1));
    let all = requests.saturating_add(spent);
    let windows = all.saturating_sub(1) / limit;
    window.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_spent_than_allowed() {
        let budget = Budget::new(Some(3));
        assert_eq!(budget.allows(3), Ok(()));
        assert_eq!(budget.allows(4), Err(3));
        assert!((0..3).all(|_| budget.spend().is_ok()));
        assert_eq!(budget.spend(), Err(3));
        assert_eq!(budget.allows(1), Err(3));
        assert!((0..10_000).all(|_| Budget::default().spend().is_ok()));
    }

    #[test]
    fn the_first_windows_worth_costs_no_waiting() {
        let window = Duration::from_secs(300);
        for (requests, spent, windows) in [
            (0, 0, 0),
            (280, 0, 0),
            (281, 0, 1),
            (280, 1, 1),
            (560, 0, 1),
            (561, 0, 2),
        ] {
            assert_eq!(at_least(requests, spent, 280, window), window * windows);
        }
    }
}
