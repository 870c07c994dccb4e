//! Where logins are kept between runs: an age file or the operating system's keyring.
//!
//! Knows nothing of OAuth: it keeps a text. Invariants: the text is never on disk in clear, never an argument of a
//! program, and never part of a message; it is replaced whole or not at all; one process at a time has it.

mod age_file;
mod keyring;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) use age_file::{AgeFile, identity};
pub(super) use keyring::Keyring;

use crate::connector::rest::StoreError;

/// Longest wait for another process that uses the same login: it may be waiting for a busy server.
const PATIENCE: Duration = Duration::from_secs(60);
const NAP: Duration = Duration::from_millis(50);

/// Locks a file, making it when it is not there. The lock ends with the guard, or with the process.
fn lock(path: &Path) -> Result<Box<dyn Any + Send>, StoreError> {
    let failed = |error: &std::io::Error| {
        StoreError(format!("{} cannot be locked: {error}", path.display()))
    };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| failed(&error))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Box::new(file)),
            Err(std::fs::TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                std::thread::sleep(NAP);
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StoreError(format!(
                    "another halosync has been using this login for {} s",
                    PATIENCE.as_secs()
                )));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(&error)),
        }
    }
}

/// The file whose lock stands for another.
fn lock_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    path.with_file_name(name)
}
