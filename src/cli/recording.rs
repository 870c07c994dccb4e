//! Where a recording may be written.
//!
//! A recording replaces what it wrote before under the same names, and holds people's data. Keeps that it never lands
//! among the files of the configuration, and replaces nothing but a recording.

use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;
use super::places::Named;
use super::project::Project;
use super::sealed;

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
