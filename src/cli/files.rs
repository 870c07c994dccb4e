//! Writing files so that nothing is lost and nothing is readable by others.

use std::io::Write;
use std::path::Path;

use super::failure::Failure;

/// Creates (or empties) a file only its owner can read: snapshots and reports hold personal data.
pub(crate) fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a file whole or not at all: beside its place first, then renamed into it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failure = |error: std::io::Error| Failure::file("write", path, &error);
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // Named temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failure)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failure)?;
    file.persist(path).map_err(|error| failure(error.error))?;
    Ok(())
}
