//! Time as the reader uses it: a monotonic clock and sleeping, replaceable so that tests of minutes of patience
//! take milliseconds.
//!
//! Knows nothing of requests. Invariant: `sleep(d)` returns when `now` has grown by at least `d`.

use std::time::Duration;

use futures::future::BoxFuture;

/// A monotonic clock that can also wait.
pub trait Timekeeper: Send + Sync {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug)]
pub struct MachineTime {
    start: tokio::time::Instant,
}

impl MachineTime {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Timekeeper for MachineTime {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}
