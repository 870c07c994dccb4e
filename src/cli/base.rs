//! The configuration as an earlier commit has it, taken from git without touching the working tree.

use std::path::{Component, Path};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::git::{blob, git};
use super::project::Project;
use super::workspace::{PROJECT_FILE, Workspace};
use crate::config::{Config, MAX_FILE_BYTES};
use crate::render::diagnostics::{self, Format};

/// Most bytes of files a commit may have where the project stands.
const LARGEST: u64 = 512 * 1024 * 1024;

/// An earlier commit.
pub(crate) struct Base {
    /// The commit.
    pub(crate) commit: String,
    /// Its configuration; `None` when it has none.
    pub(crate) config: Option<Config>,
}

/// Loads the configuration of a commit.
pub(crate) fn at(
    context: &Context,
    project: &Project,
    option: &str,
    revision: &str,
) -> Result<Base, Failure> {
    let root = &project.root;
    let text = |bytes: Option<Vec<u8>>| {
        let text = String::from_utf8(bytes?).ok()?;
        Some(text.trim_end_matches('\n').to_owned())
    };
    let wanted = format!("{revision}^{{commit}}");
    let commit = git(
        root,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ],
        &[],
    );
    let commit = text(commit).ok_or_else(|| {
        if let Some(why) = super::git::why_not(root) {
            return Failure::new(Exit::Usage, format!("{option}: {why}"))
                .help("run the command where git is installed and the project's repository was fetched");
        }
        Failure::new(
            Exit::Usage,
            format!("{option}: there is no commit {revision:?} in the repository of {}", root.display()),
        )
        .help("name a commit that was fetched (in CI a shallow clone may lack it: fetch with its history)")
    })?;
    let prefix = text(git(root, &["rev-parse", "--show-prefix"], &[])).unwrap_or_default();
    let folder = tempfile::tempdir()?;
    let found = extract(root, option, &commit, &prefix, folder.path())?;
    if !found {
        return Ok(Base {
            commit,
            config: None,
        });
    }
    let workspace = Workspace::open(folder.path()).map_err(|error| {
        Failure::new(
            Exit::InvalidConfiguration,
            format!("{option} {revision}: {error}"),
        )
    })?;
    let loaded = workspace.load();
    if loaded.config.is_none() {
        let told = diagnostics::render(
            &loaded.diagnostics,
            &loaded.sources,
            Format::Text,
            context.printer.colour_errors,
        );
        context.printer.complain(told.trim_end());
        return Err(Failure::new(
            Exit::InvalidConfiguration,
            format!("{option} {revision}: the configuration of that commit is not valid"),
        )
        .help("compare with a commit that passes `halosync validate`, or leave the option out"));
    }
    Ok(Base {
        commit,
        config: loaded.config,
    })
}

/// Writes the project's files of a commit into a folder; whether there is a project among them.
fn extract(
    root: &Path,
    option: &str,
    commit: &str,
    prefix: &str,
    into: &Path,
) -> Result<bool, Failure> {
    let unreadable = || {
        Failure::new(
            Exit::Unexpected,
            format!("git does not hand over the files of {commit}"),
        )
    };
    let mut listing = vec!["ls-tree", "-r", "-l", "-z", "--full-tree", commit];
    if !prefix.is_empty() {
        listing.extend(["--", prefix]);
    }
    let listed = git(root, &listing, &[]).ok_or_else(unreadable)?;
    let listed = String::from_utf8_lossy(&listed);
    let mut wanted = Vec::new();
    let mut all = 0;
    for entry in listed.split('\0') {
        // `100644 blob HASH SIZE\tPATH`; links and other repositories are no files of a project.
        let Some((facts, path)) = entry.split_once('\t') else {
            continue;
        };
        let mut facts = facts.split_ascii_whitespace();
        let is_file = facts.next().is_some_and(|mode| mode.starts_with("100"));
        let (Some(_), Some(hash), Some(size), Some(path)) = (
            facts.next(),
            facts.next(),
            facts.next().and_then(|size| size.parse::<u64>().ok()),
            path.strip_prefix(prefix),
        ) else {
            continue;
        };
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if is_file && plain && size <= MAX_FILE_BYTES {
            all += size;
            wanted.push((hash.to_owned(), path.to_owned()));
        }
    }
    if !wanted.iter().any(|(_, path)| path == PROJECT_FILE) {
        return Ok(false);
    }
    if all > LARGEST {
        return Err(Failure::new(
            Exit::Usage,
            format!("{option}: the folder of the project has {all} bytes of files in {commit}, more than a project has"),
        )
        .help("keep the project in a folder of its own within the repository"));
    }
    let asked: String = wanted.iter().map(|(hash, _)| format!("{hash}\n")).collect();
    let answer = git(root, &["cat-file", "--batch"], asked.as_bytes()).ok_or_else(unreadable)?;
    let mut rest = answer.as_slice();
    for (_, path) in &wanted {
        let bytes = blob(&mut rest).ok_or_else(unreadable)?;
        let file = into.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, bytes)?;
    }
    Ok(true)
}
