//! A project as commands use it: found, loaded, validated, with what git knows of it.

use std::path::PathBuf;

use super::args::ProjectArgs;
use super::commits;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::git;
use super::workspace::{Workspace, WorkspaceError};
use crate::config::diagnostic::Severity;
use crate::config::{Config, codes};
use crate::render::diagnostics::{self, Format};

/// A validated project.
pub(crate) struct Project {
    /// Directory of halosync.yaml.
    pub(crate) root: PathBuf,
    /// Its configuration.
    pub(crate) config: Config,
    /// Commit checked out, when the project is in a git repository that has one.
    pub(crate) commit: Option<String>,
    /// True when files of the project differ from that commit.
    pub(crate) uncommitted: bool,
    /// Mail address of the author of that commit.
    pub(crate) author: Option<String>,
}

impl Project {
    /// The project's time zone.
    pub(crate) fn zone(&self) -> Result<jiff::tz::TimeZone, Failure> {
        jiff::tz::TimeZone::get(&self.config.project.spec.time_zone)
            .map_err(|error| Failure::new(Exit::InvalidConfiguration, error.to_string()))
    }
}

/// Loads the project, or shows everything that is wrong with it and fails.
pub(crate) fn load(context: &Context, arguments: &ProjectArgs) -> Result<Project, Failure> {
    loaded(context, open(context, arguments)?)
}

/// The same for a look at systems, which comes before there are mappings: patterns may match nothing yet.
pub(crate) fn load_begun(context: &Context, arguments: &ProjectArgs) -> Result<Project, Failure> {
    let mut workspace = open(context, arguments)?;
    for problem in &mut workspace.problems {
        if problem.code == codes::INCLUDE_MATCHES_NOTHING {
            problem.severity = Severity::Warning;
        }
    }
    loaded(context, workspace)
}

fn loaded(context: &Context, workspace: Workspace) -> Result<Project, Failure> {
    let root = workspace.root.clone();
    let loaded = workspace.load();
    let worth_showing = loaded.config.is_none() || !context.printer.quiet;
    if !loaded.diagnostics.is_empty() && worth_showing {
        let text = diagnostics::render(
            &loaded.diagnostics,
            &loaded.sources,
            Format::Text,
            context.printer.colour_errors,
        );
        context.printer.complain(text.trim_end());
    }
    let Some(config) = loaded.config else {
        let summary = diagnostics::summary(&loaded.diagnostics, loaded.files);
        context.printer.complain(&summary);
        return Err(Failure::shown(Exit::InvalidConfiguration));
    };
    let (commit, uncommitted) = git::state(&root, &config);
    let author = commit
        .as_deref()
        .and_then(|commit| commits::author_of(&root, commit));
    Ok(Project {
        root,
        config,
        author,
        commit,
        uncommitted,
    })
}

/// Finds the project's files.
pub(crate) fn open(context: &Context, arguments: &ProjectArgs) -> Result<Workspace, Failure> {
    let start = match &arguments.dir {
        Some(dir) => context.current_dir.join(dir),
        None => context.current_dir.clone(),
    };
    Workspace::open(&start).map_err(|error| {
        let message = match &error {
            WorkspaceError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("{error}: there is no such folder")
            }
            WorkspaceError::Read { source, .. } => {
                format!("{error}: {}", super::failure::why(source))
            }
            _ => error.to_string(),
        };
        // A directory that is named and is not there is no configuration that is wrong.
        let is_misnamed = arguments.dir.is_some() && matches!(error, WorkspaceError::Read { .. });
        let is_misnamed = is_misnamed || arguments.dir.is_some() && matches!(error, WorkspaceError::NotFound { .. } | WorkspaceError::NoFolder { .. });
        let exit = match is_misnamed {
            true => Exit::Usage,
            false => Exit::InvalidConfiguration,
        };
        Failure::new(exit, message)
            .help("run in a project (a folder with halosync.yaml), or name one with --project; examples/acme is one to start from")
    })
}
