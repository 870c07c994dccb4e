//! Why a command could not do its work: message, way out and exit code.

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

    /// A file operation that failed.
    pub(crate) fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        // A file the user named and that cannot be read is a wrong command line.
        let exit = if what == "read" {
            Exit::Usage
        } else {
            Exit::Unexpected
        };
        Self::new(exit, format!("cannot {what} {}: {error}", path.display()))
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
