//! A folder this program made, and may make anew.
//!
//! Knows nothing of what is put there. Keeps that nothing is removed that somebody else added or changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::Digest;

use super::exit::Exit;
use super::failure::Failure;

/// A folder this program made: its marker lists what was put there, so that a later run replaces that and nothing
/// else. The marker stays locked as long as this lives.
pub(crate) struct OwnFolder {
    dir: PathBuf,
    marker: PathBuf,
    _lock: std::fs::File,
}

impl OwnFolder {
    /// Makes the folder, or clears the one an earlier run of the same command left.
    ///
    /// Refused when there is anything in it that was added or changed since.
    pub(crate) fn open(dir: &Path, marker: &str) -> Result<Self, Failure> {
        let marker = dir.join(marker);
        std::fs::create_dir_all(dir).map_err(|error| Failure::file("create", dir, &error))?;
        let not_ours = |what: String| {
            Failure::new(Exit::Usage, format!("{}: {what}", dir.display()))
                .help("name another folder with --dir; nothing was changed")
        };
        let known = match std::fs::read_to_string(&marker) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::file("read", &marker, &error)),
        };
        let known: BTreeMap<&str, &str> = known
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| (path, digest))
            .collect();
        let mut found = Vec::new();
        files_below(dir, dir, &mut found).map_err(|error| Failure::file("list", dir, &error))?;
        found.retain(|path| dir.join(path) != marker);
        for path in &found {
            let ours = known.get(path.as_str()).is_some_and(|digest| {
                std::fs::read(dir.join(path)).is_ok_and(|bytes| digest_of(&bytes) == *digest)
            });
            if !ours {
                return Err(not_ours(format!(
                    "{path} is not of this command's making, or has been changed since"
                )));
            }
        }
        let lock = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&marker)
            .map_err(|error| Failure::file("write", &marker, &error))?;
        if lock.try_lock().is_err() {
            return Err(not_ours("another run is using this folder".to_owned()));
        }
        for path in &found {
            let path = dir.join(path);
            std::fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            marker,
            _lock: lock,
        })
    }

    /// Writes down what is in the folder now as ours.
    pub(crate) fn seal(&self) -> Result<(), Failure> {
        let mut found = Vec::new();
        files_below(&self.dir, &self.dir, &mut found)
            .map_err(|error| Failure::file("list", &self.dir, &error))?;
        let mut text = String::new();
        for path in found {
            let full = self.dir.join(&path);
            if full != self.marker {
                let bytes =
                    std::fs::read(&full).map_err(|error| Failure::file("read", &full, &error))?;
                text.push_str(&format!("{}  {path}\n", digest_of(&bytes)));
            }
        }
        std::fs::write(&self.marker, text)
            .map_err(|error| Failure::file("write", &self.marker, &error))
    }
}

/// All files below a folder, as relative paths; links count as files and are not followed.
fn files_below(root: &Path, dir: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files_below(root, &path, found)?;
        } else {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}
