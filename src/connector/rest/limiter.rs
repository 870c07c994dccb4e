//! Own rate limit: never more than N requests in any rolling window.
//!
//! Knows nothing of HTTP. Invariant: however requests are spread, no window of the given length sees more than
//! `limit` of them at the server. A request is counted from the moment it is sent until one window after its answer
//! came, because the server saw it somewhere in between. (A token bucket or GCRA keeps only the mean: right after a
//! pause it lets nearly twice the limit through within one window.)

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::time::Timekeeper;

/// A log of requests in the last window.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: usize,
    window: Duration,
    log: Mutex<Log>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Log {
    in_flight: usize,
    /// When each answered request ended, oldest first.
    ended: VecDeque<Duration>,
}

/// Why a request cannot go out now.
#[derive(Debug, PartialEq, Eq)]
enum Full {
    /// The oldest request leaves the window after this long.
    For(Duration),
    /// Everything allowed is in flight.
    UntilOneEnds,
}

/// The right to send one request. Dropping it says that the request has ended, however it did.
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
    time: &'a dyn Timekeeper,
    used: bool,
}

impl Permit<'_> {
    /// Gives the right back unused: nothing was sent, so nothing is counted.
    pub(super) fn give_back(mut self) {
        self.used = false;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limiter.end(self.used.then(|| self.time.now()));
    }
}

impl Limiter {
    /// A limiter of `limit` requests (at least one) per window.
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit: usize::try_from(limit.max(1)).unwrap_or(usize::MAX),
            window,
            log: Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Waits until a request may go out; gives the permit and how long it took.
    pub(super) async fn permit<'a>(&'a self, time: &'a dyn Timekeeper) -> (Permit<'a>, Duration) {
        let mut waited = Duration::ZERO;
        loop {
            let ended = self.ended.notified();
            match self.begin(time.now()) {
                Ok(()) => {
                    let permit = Permit {
                        limiter: self,
                        time,
                        used: true,
                    };
                    return (permit, waited);
                }
                Err(Full::For(length)) => {
                    time.sleep(length).await;
                    waited += length;
                }
                Err(Full::UntilOneEnds) => ended.await,
            }
        }
    }

    fn begin(&self, now: Duration) -> Result<(), Full> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        while log
            .ended
            .front()
            .is_some_and(|moment| *moment + self.window <= now)
        {
            log.ended.pop_front();
        }
        if log.in_flight + log.ended.len() < self.limit {
            log.in_flight += 1;
            return Ok(());
        }
        Err(log.ended.front().map_or(Full::UntilOneEnds, |moment| {
            Full::For((*moment + self.window).saturating_sub(now))
        }))
    }

    /// A request ended at `moment`, or was never sent.
    fn end(&self, moment: Option<Duration>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.in_flight = log.in_flight.saturating_sub(1);
        log.ended.extend(moment);
        drop(log);
        self.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_rolling_window_ever_holds_more_than_the_limit() {
        let limiter = Limiter::new(5, 10 * SECOND);
        let mut now = Duration::ZERO;
        let mut sent = Vec::new();
        // A pause in the middle is where limiters that keep only the mean let a burst through.
        for round in 0..60 {
            if round == 20 {
                now += 7 * SECOND;
            }
            loop {
                match limiter.begin(now) {
                    Ok(()) => break,
                    Err(Full::For(length)) => now += length,
                    Err(Full::UntilOneEnds) => panic!("nothing is in flight"),
                }
            }
            sent.push(now);
            limiter.end(Some(now));
        }
        for (index, first) in sent.iter().enumerate() {
            let within = sent[index..]
                .iter()
                .filter(|moment| **moment < *first + 10 * SECOND)
                .count();
            assert!(
                within <= 5,
                "{within} requests within one window from {first:?}"
            );
        }
        // And it wastes nothing: 60 requests at 5 per 10 s need a little over 110 s.
        assert!(now <= 120 * SECOND, "{now:?}");
    }

    #[test]
    fn a_request_counts_until_one_window_after_its_answer() {
        let limiter = Limiter::new(1, 10 * SECOND);
        limiter.begin(Duration::ZERO).unwrap();
        assert_eq!(limiter.begin(SECOND), Err(Full::UntilOneEnds));
        limiter.end(Some(4 * SECOND));
        assert_eq!(limiter.begin(10 * SECOND), Err(Full::For(4 * SECOND)));
        assert_eq!(limiter.begin(14 * SECOND), Ok(()));
        // What was never sent does not count.
        limiter.end(None);
        assert_eq!(limiter.begin(15 * SECOND), Ok(()));
    }
}
