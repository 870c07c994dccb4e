//! Where a recording may be written.
//!
//! A recording replaces what it wrote before under the same names, and holds people's data. Keeps that it never lands
//! among the files of the configuration, and replaces nothing but a recording.

use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;
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
    match std::fs::metadata(dir) {
        Ok(facts) if facts.is_dir() => {}
        Ok(_) => return refuse("is a file, and a recording is a directory".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file("look at", dir, &error)),
    }
    let here = std::fs::canonicalize(dir).map_err(|error| Failure::file("look at", dir, &error))?;
    let config = &project.config;
    let configuration = config.files.iter().map(|file| &*file.path);
    let signers = config.signers.keys().map(String::as_str);
    let held = configuration.chain(signers).find(|path| {
        let file = std::fs::canonicalize(project.root.join(path));
        file.is_ok_and(|file| file.starts_with(&here))
    });
    if let Some(file) = held {
        return refuse(format!("holds configuration of the project ({file})"));
    }
    for (name, begins) in files {
        let path = dir.join(name);
        // A sealed recording is replaced by whoever has no key to it, too: that is how pipelines record.
        if !sealed::is_sealed_file(&path) {
            super::files::check_replaceable(&path, begins)?;
        }
    }
    Ok(())
}
