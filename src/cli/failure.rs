//! Why a command could not do its work: message, way out and exit code.

use std::io;
use std::path::Path;

use super::exit::Exit;
use crate::connector::ConnectorError;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened; one line each.
    pub(crate) messages: Vec<String>,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

impl Failure {
    /// A failure with one message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            messages: vec![message.into()],
            help: None,
        }
    }

    /// A failure whose messages were already shown.
    pub(crate) fn shown(exit: Exit) -> Self {
        Self {
            exit,
            messages: Vec::new(),
            help: None,
        }
    }

    /// The same with a way out.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A file operation that failed. Where the name is what is wrong with it, so is the command line.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind;
        let (why, help) = match error.kind() {
            ErrorKind::NotFound if what == "read" => (
                "there is no such file",
                "check the name; relative ones begin where the command is run",
            ),
            ErrorKind::NotFound => (
                "its folder does not exist",
                "make the folder first, or name another file",
            ),
            ErrorKind::IsADirectory => ("it is a folder", "name a file"),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => (
                "a file stands where a folder is needed",
                "check the name, or name another one",
            ),
            ErrorKind::PermissionDenied => (
                "this user may not",
                "allow it to the user the command runs as, or name another file",
            ),
            ErrorKind::InvalidFilename => ("the name is too long", "name a shorter one"),
            ErrorKind::ReadOnlyFilesystem => (
                "the file system is read-only",
                "name a file in a place that can be written",
            ),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                return Self::new(
                    Exit::Unexpected,
                    format!("cannot {what} {}: no room is left", path.display()),
                )
                .help("make room, and run the command again");
            }
            _ => {
                let exit = match what {
                    "read" => Exit::Usage,
                    _ => Exit::Unexpected,
                };
                return Self::new(exit, format!("cannot {what} {}: {error}", path.display()));
            }
        };
        Self::new(
            Exit::Usage,
            format!("cannot {what} {}: {why}", path.display()),
        )
        .help(help)
    }
}

/// Why a file cannot be read, for people.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a file stands where a folder is needed".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not".to_owned(),
        _ => error.to_string(),
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Unexpected, error.to_string())
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        let exit = match &error {
            ConnectorError::Denied { .. } => Exit::Denied,
            // Before anything is asked of a system, what is invalid are its settings.
            ConnectorError::Invalid { .. } | ConnectorError::Setup { .. } => {
                Exit::InvalidConfiguration
            }
            ConnectorError::OverBudget { .. } => Exit::Held,
            ConnectorError::Transient { .. }
            | ConnectorError::Unavailable { .. }
            | ConnectorError::Unknown { .. }
            | ConnectorError::NotFound { .. }
            | ConnectorError::Conflict { .. } => Exit::Unavailable,
        };
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        let failure = Self::new(exit, message);
        match error {
            ConnectorError::OverBudget { .. } => failure.help(
                "nothing was planned; raise --max-requests, or need fewer with `include`, `onlyIf` or `forEachDistinct`",
            ),
            _ => failure,
        }
    }
}
