//! Connections of a writer: each is one method's for as long as it needs it, and gone when it broke.
//!
//! Must not know what is sent over them. Keeps: never more open than permitted; none that may still bring a late answer
//! is used again.

use std::sync::Mutex;

use super::wire::Session;
use super::write::LdapWriter;
use crate::connector::ConnectorError;

/// With fewer connections waiting for company costs more than it saves.
const WIDE: usize = 8;

impl LdapWriter {
    /// True while writes are under way and many more are about to be.
    pub(super) fn is_at_full_width(&self) -> bool {
        self.width >= WIDE && self.permits.available_permits() < self.width
    }

    /// A connection that is up, for one method's use.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, ConnectorError> {
        let permit = self
            .permits
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
