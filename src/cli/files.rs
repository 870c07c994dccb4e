//! Writing files so that nothing is lost and nothing is readable by others.
//!
//! What a file is that was read is told by `sorts`, where one may be written by `places`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;

/// Refuses to write over anything but an earlier file of the same sort, recognised by how it begins.
///
/// Links, devices, configuration, journals, somebody's notes: none of them is replaced.
pub(crate) fn check_replaceable(path: &Path, begins: &str) -> Result<(), Failure> {
    let refuse = |why: &str| {
        Err(
            Failure::new(Exit::Usage, format!("{} {why}", path.display()))
                .help("name another file; nothing was written"),
        )
    };
    let facts = match std::fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
            if dir.is_some_and(|dir| !dir.is_dir()) {
                return refuse("stands in a folder that does not exist");
            }
            return Ok(());
        }
        Err(error) => return Err(Failure::file("look at", path, &error)),
    };
    if !facts.is_file() {
        return refuse("is not a regular file");
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(200).read_to_end(&mut head))
        .map_err(|error| Failure::file("read", path, &error))?;
    if head.is_empty() || String::from_utf8_lossy(&head).contains(begins) {
        Ok(())
    } else {
        refuse("exists and is something else; it is not overwritten")
    }
}

/// Whether two names lead to one file that exists.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Writes a file whole or not at all: beside its place first, then renamed into it. Only its owner can read it, also where
/// others could read the one before: snapshots and reports hold personal data.
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
