//! The check of how far a plan is applied, by its journal, and why a journal cannot be used.
//!
//! Reads the journal only; `verify journal` judges one line by line, and `apply` goes on with it.

use std::path::Path;

use super::checks::{Refusal, some};
use crate::apply::{self, ApplyError, Completed, History, JournalError, PasswordError};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::places::Named;
use crate::cli::project::Project;
use crate::cli::sorts::{self, Sort};
use crate::plan::PlanFile;

/// Whether the plan is still to be applied, by its journal.
pub(crate) fn journal(path: &Path, file: &PlanFile) -> Result<String, Refusal> {
    let shown = path.display();
    let unusable = |error| Refusal::from(journal_failure(path, error));
    let bytes = apply::read_journal(path).map_err(unusable)?;
    let history = match &bytes {
        Some(bytes) => {
            let history = History::read(bytes, &file.digest).map_err(unusable)?;
            agreeing(path, bytes, file)?;
            Some(history)
        }
        None => None,
    };
    let Some(history) = history.filter(|history| history.runs() > 0) else {
        return Ok(format!("none at {shown}: not applied yet"));
    };
    let changes = file.content.changes.len();
    let completed = history.completed(file);
    if let Completed::At { at, found } = completed {
        let found = match found {
            0 => String::new(),
            found => format!(" ({found} of them found as desired, of which it has no lines)"),
        };
        return Err(Refusal {
            messages: vec![format!(
                "the plan was applied completely at {at}, all {changes} changes{found}; so says {shown}"
            )],
            help: Some(
                match file.content.inputs.undoes {
                    Some(_) => "nothing is left to do; to have again what it undid, undo the undo",
                    None => {
                        "nothing is left to do; to see whether everything still is so, plan again"
                    }
                }
                .to_owned(),
            ),
            exit: Exit::AppliedAlready,
        });
    }
    let (done, open) = history.progress();
    let unfounded = match completed {
        Completed::Unfounded { claimed, done } => format!(
            "; its last line says that {claimed} were written, and its other lines bear out {done}, so it is not believed"
        ),
        Completed::No | Completed::At { .. } => String::new(),
    };
    Ok(format!(
        "begun, {done} of {changes} changes written{}{unfounded}; apply goes on with {shown}",
        match open {
            0 => String::new(),
            open => format!(", {open} to be settled by looking"),
        }
    ))
}

/// The same for a journal in a place that was named: one that `apply` would not write to is refused before it is looked at.
pub(crate) fn journal_at(
    named: Option<&Path>,
    path: &Path,
    project: Option<&Project>,
    file: &PlanFile,
) -> Result<String, Refusal> {
    if let Some(named) = named {
        Named::new("--journal", named).check_file(project)?;
    }
    journal(path, file)
}

/// Whether what a journal says it found is what the plan had found.
pub(crate) fn agreeing(path: &Path, bytes: &[u8], file: &PlanFile) -> Result<(), Refusal> {
    let found = apply::contradictions(bytes, file);
    if found.is_empty() {
        return Ok(());
    }
    let told = found
        .into_iter()
        .map(|why| format!("{}: {why}", path.display()));
    Err(Refusal {
        messages: some(told.collect(), NAMED, "lines"),
        help: Some(
            "keep the file for an inquiry: halosync writes no such line. Apply with another journal (--journal): every write compares first; nothing is undone by this one"
                .to_owned(),
        ),
        exit: Exit::Rejected,
    })
}

/// Lines and changes named; the rest is counted.
pub(super) const NAMED: usize = 20;

/// Why a journal cannot be used, and the way out.
pub(crate) fn journal_failure(path: &Path, error: JournalError) -> Failure {
    let (exit, help) = match &error {
        JournalError::Locked { .. } => (
            Exit::Unavailable,
            "wait for the other apply of this plan to end",
        ),
        JournalError::OtherPlan { .. } | JournalError::NotAJournal { .. } => (
            Exit::Usage,
            "name another file with --journal, or leave the option out",
        ),
        JournalError::NotAFile { .. } => (
            Exit::Usage,
            "name the journal of an apply, or a file that is yet to be made",
        ),
        JournalError::Io {
            source: Some(source),
            ..
        } if is_misnamed(source) => (
            Exit::Usage,
            "name a file that can be written, in a folder that exists, with --journal",
        ),
        JournalError::Damaged { .. } => (
            Exit::Rejected,
            "keep the file for an inquiry and name another with --journal: every write compares first, so nothing is done twice",
        ),
        _ => (
            Exit::Unexpected,
            "name a file that can be written with --journal",
        ),
    };
    if matches!(error, JournalError::NotAJournal { .. })
        && let Some(other) = std::fs::read(path)
            .ok()
            .and_then(|bytes| sorts::other_than(Sort::Journal, &bytes))
    {
        let message = format!("{}: {}", path.display(), other.message());
        return Failure::new(Exit::Usage, message).help(other.help());
    }
    if matches!(error, JournalError::NotAFile { .. }) {
        let what = match path.is_dir() {
            true => "a folder",
            false => "a device or a pipe",
        };
        let message = format!("{} is {what}, and no journal", path.display());
        return Failure::new(Exit::Usage, message).help(help);
    }
    let mut failure = rejected(&ApplyError::Journal(error)).help(help);
    failure.exit = exit;
    for message in &mut failure.messages {
        *message = format!("{}: {message}", path.display());
    }
    failure
}

/// Whether it is the name of a file that is wrong.
fn is_misnamed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidFilename
            | ErrorKind::ReadOnlyFilesystem
    )
}

/// An error of apply with its causes.
pub(crate) fn rejected(error: &ApplyError) -> Failure {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let exit = match error {
        ApplyError::Journal(JournalError::Io { .. }) => Exit::Unexpected,
        ApplyError::Passwords(PasswordError::Folder { cause, .. }) if is_misnamed(cause) => {
            return Failure::new(Exit::Usage, message)
                .help("name a folder that exists and can be written with --passwords; nothing was written");
        }
        _ => Exit::Rejected,
    };
    Failure::new(exit, message)
}
