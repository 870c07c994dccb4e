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

/// A file operation that failed, by what has to be done about it.
fn failed(path: &Path, what: &str, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind as Kind;
    // What makes temporary files adds their path, which says nothing to anybody.
    let cause = error
        .get_ref()
        .and_then(|wrapped| wrapped.source())
        .map_or_else(|| error.to_string(), ToString::to_string);
    let message =
        |way_out: &str| format!("{} cannot be {what}: {cause}; {way_out}", path.display());
    match error.kind() {
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => StoreError::Misplaced(
            message("make the folder, or name another place under `tokenStore`"),
        ),
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => StoreError::Denied(message(
            "let the account halosync runs as write the file and its folder",
        )),
        Kind::StorageFull | Kind::QuotaExceeded => {
            StoreError::Broken(message("free some space, then try again"))
        }
        _ => StoreError::Broken(message("look at the disk, then try again")),
    }
}

/// Locks a file, making it when it is not there. The lock ends with the guard, or with the process.
fn lock(path: &Path) -> Result<Box<dyn Any + Send>, StoreError> {
    let failed = |error: &std::io::Error| failed(path, "locked", error);
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
                return Err(StoreError::Broken(format!(
                    "another halosync has been using this login for {} s ({} is locked); let it end, then try again",
                    PATIENCE.as_secs(),
                    path.display()
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
