//! Where a recording may be written.
//!
//! A recording replaces what it wrote before under the same names, and holds people's data. Keeps that it never lands
//! among the files of the configuration, replaces nothing but a recording, and stays as it was until the new one is whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::failure::Failure;
use super::places::Named;
use super::project::Project;
use super::sealed;
use super::sealed::Seal;

/// Refuses a directory that a recording does not belong in. `files` are the names it will have, and how each begins.
///
/// # Errors
/// When it is no directory, holds the configuration of the project in itself or below, or something else has one of the
/// names.
pub(crate) fn check(
    project: &Project,
    dir: &Path,
    files: &[(String, &str)],
) -> Result<(), Failure> {
    let refuse = |why: String| {
        Err(
            Failure::new(Exit::Usage, format!("--record: {} {why}", dir.display()))
                .help("name an empty directory or a new one, or that of an earlier recording; nothing was read or written"),
        )
    };
    Named::new("--record", dir).check_dir_apart(project)?;
    if !dir.exists() {
        return Ok(());
    }
    // What does not belong to a recording would be taken for part of it, or be lost with it.
    let entries = std::fs::read_dir(dir).map_err(|error| Failure::file("list", dir, &error))?;
    let mut foreign: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| !is_recorded(&entry.path(), files))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    foreign.sort_unstable();
    if let Some(first) = foreign.first() {
        let more = match foreign.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return refuse(format!(
            "holds {}{more}, which is not of a recording",
            crate::render::plain(first)
        ));
    }
    for (name, begins) in files {
        let path = dir.join(name);
        // A sealed recording is replaced by whoever has no key to it, too: that is how pipelines record. A link may lead to
        // anything that is sealed.
        let regular = std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file());
        if !(regular && sealed::is_sealed_file(&path)) {
            super::files::check_replaceable(&path, begins)?;
        }
    }
    Ok(())
}

/// How files are called until the recording is whole.
const BESIDE: &str = ".halosync-recording-";

/// Files of a recording that stand beside their places until all of them are written: what stood there is needed until then.
pub(crate) struct Staged<'a> {
    dir: &'a Path,
    seal: Option<&'a Seal>,
    files: Vec<(tempfile::NamedTempFile, PathBuf)>,
    gone: Vec<PathBuf>,
}

impl<'a> Staged<'a> {
    /// Nothing yet; the directory is made, and what a killed command left beside its recording is taken away.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(dir: &'a Path, seal: Option<&'a Seal>) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file("create", dir, &error))?;
        let entries = std::fs::read_dir(dir).map_err(|error| Failure::file("list", dir, &error))?;
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(BESIDE) {
                // One that stays is in nobody's way.
                drop(std::fs::remove_file(entry.path()));
            }
        }
        Ok(Self {
            dir,
            seal,
            files: Vec::new(),
            gone: Vec::new(),
        })
    }

    /// One more file, sealed where the others are.
    ///
    /// # Errors
    /// When it cannot be written whole.
    pub(crate) fn add(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let written = (|| {
            // Named temporary files are made with mode 0600.
            let file = tempfile::Builder::new()
                .prefix(BESIDE)
                .tempfile_in(self.dir)?;
            let mut out = std::io::BufWriter::new(file);
            match self.seal {
                Some(seal) => out = seal.stream(out, write)?,
                None => write(&mut out)?,
            }
            let file = out.into_inner()?;
            file.as_file().sync_all()?;
            Ok(file)
        })();
        let file =
            written.map_err(|error: std::io::Error| Failure::file("write", &path, &error))?;
        self.files.push((file, path));
        Ok(())
    }

    /// A file of an earlier recording that this one does not have.
    pub(crate) fn without(&mut self, name: &str) {
        self.gone.push(self.dir.join(name));
    }

    /// Puts everything in its place.
    ///
    /// # Errors
    /// When one cannot be put there; the recording then is of two plans, and is refused by whoever reads it.
    pub(crate) fn put(self) -> Result<(), Failure> {
        for (file, path) in self.files {
            file.persist(&path)
                .map_err(|error| Failure::file("write", &path, &error.error))?;
        }
        for path in self.gone {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::file("remove", &path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether something in a directory is of a recording, be it of a source or directory that has another name by now. Names
/// that begin with a dot belong to git, to editors and to writes that were cut short.
fn is_recorded(path: &Path, files: &[(String, &str)]) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    name.starts_with('.')
        || files.iter().any(|(file, _)| file == name)
        || [".people.jsonl", ".directory.jsonl"]
            .iter()
            .any(|ending| name.ends_with(ending) && path.is_file())
}

#[cfg(test)]
mod tests {
    use super::Staged;

    /// A disk that fills up, a sealing that fails: the recording that was there is needed.
    #[test]
    fn what_was_recorded_before_stays_until_everything_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        for name in ["people", "gone", "plan"] {
            std::fs::write(dir.join(name), "old").expect("writes");
        }
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
        let mut staged = Staged::new(dir, None).expect("a folder");
        staged
            .add("people", |out| out.write_all(b"new"))
            .expect("written");
        staged.without("gone");
        let error = staged
            .add("plan", |_| Err(std::io::ErrorKind::StorageFull.into()))
            .expect_err("no room");
        assert!(error.messages[0].contains("no room is left"), "{error:?}");
        drop(staged);
        assert_eq!(read("people").as_deref(), Some("old"));
        assert_eq!(read("gone").as_deref(), Some("old"));
        assert_eq!(std::fs::read_dir(dir).expect("lists").count(), 3);

        // What a command that was killed left, of people in the clear.
        std::fs::write(dir.join(".halosync-recording-x1"), "old").expect("writes");
        let mut staged = Staged::new(dir, None).expect("a folder");
        assert!(!dir.join(".halosync-recording-x1").exists());
        staged
            .add("people", |out| out.write_all(b"new"))
            .expect("written");
        staged.without("gone");
        staged.put().expect("put");
        assert_eq!(read("people").as_deref(), Some("new"));
        assert_eq!(read("gone"), None);
    }
}
