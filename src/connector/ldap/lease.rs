//! Connections of a writer: each is one method's for as long as it needs it, and gone when it broke.
//!
//! Must not know what is sent over them. Keeps: never more open than permitted; none that may still bring a late answer
//! is used again.

use std::sync::Mutex;

use tokio::sync::Semaphore;

use super::wire::Session;
use super::write::LdapWriter;
use crate::connector::ConnectorError;

/// With so many connections one is kept for reads, and waiting for company is worth it.
const WIDE: usize = 8;

/// Who may use how many connections.
pub(super) struct Permits {
    /// How many may be open for whatever comes.
    width: usize,
    /// One for each of them.
    any: Semaphore,
    /// The one of reads that many share. In line with the writes, such a read would have its turn when those before it are
    /// through, and until what it tells becomes writes the server would have nothing to do.
    shared_read: Option<Semaphore>,
}

impl Permits {
    /// For so many connections in all.
    pub(super) fn new(connections: usize) -> Self {
        let wide = connections >= WIDE;
        let width = connections - usize::from(wide);
        Self {
            width,
            any: Semaphore::new(width),
            shared_read: wide.then(|| Semaphore::new(1)),
        }
    }

    /// True while writes are under way and many more are about to be.
    pub(super) fn is_at_full_width(&self) -> bool {
        self.shared_read.is_some() && self.any.available_permits() < self.width
    }
}

impl LdapWriter {
    /// A connection that is up, for one method's use.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, ConnectorError> {
        self.lease_of(&self.permits.any).await
    }

    /// A connection for a read that many share.
    pub(super) async fn lease_for_shared_read(&self) -> Result<Lease<'_>, ConnectorError> {
        let permits = &self.permits;
        let own = permits.shared_read.as_ref();
        self.lease_of(own.unwrap_or(&permits.any)).await
    }

    async fn lease_of<'a>(&'a self, permits: &'a Semaphore) -> Result<Lease<'a>, ConnectorError> {
        let permit = permits
            .acquire()
            .await
            .map_err(|_| ConnectorError::Unavailable {
                system: self.system().to_owned(),
                message: "the connections are closed".to_owned(),
            })?;
        let idle = || lock(&self.idle).pop();
        let session = loop {
            match idle() {
                Some(session) if session.is_closed() => {}
                Some(session) => break session,
                None => break self.server.open_another().await?,
            }
        };
        Ok(Lease {
            session,
            doubtful: false,
            idle: &self.idle,
            _permit: permit,
        })
    }
}

/// A connection in use; goes back to the idle ones unless it broke.
pub(super) struct Lease<'a> {
    pub(super) session: Session,
    /// An exchange on it broke off: a late answer may still come.
    pub(super) doubtful: bool,
    idle: &'a Mutex<Vec<Session>>,
    _permit: tokio::sync::SemaphorePermit<'a>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.doubtful && !self.session.is_closed() {
            lock(self.idle).push(self.session.clone());
        }
    }
}

/// What is behind these locks stays whole even if a thread died holding one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
