//! The configuration as an earlier commit has it, taken from git without touching the working tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::commits;
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
    let unreadable = || {
        Failure::new(
            Exit::Unexpected,
            format!("git does not hand over the files of {commit}"),
        )
    };
    let tree = commits::tree(root, &commit).ok_or_else(unreadable)?;
    let links = commits::links(root, &tree).ok_or_else(unreadable)?;
    let mut files = BTreeMap::new();
    let mut broken = Vec::new();
    for path in tree.keys() {
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        // A link that leads out of the project, or to a folder, is none of its files: as on disk.
        match commits::resolved(&tree, &links, path).filter(|_| plain) {
            Some((_, entry)) => {
                files.insert(path.as_str(), entry.hash.as_str());
            }
            None => broken.push(path.as_str()),
        }
    }
    let folder = tempfile::tempdir()?;
    let found = extract(root, option, &commit, files, folder.path())?.ok_or_else(unreadable)?;
    if !found {
        return Ok(Base {
            commit,
            config: None,
        });
    }
    let mut workspace = Workspace::open(folder.path()).map_err(|error| {
        Failure::new(
            Exit::InvalidConfiguration,
            format!("{option} {revision}: {error}"),
        )
    })?;
    workspace.note_broken(&broken);
    // What a document names may stand in a folder that is a link.
    let loaded = workspace.load_where(&|path| {
        let standing = commits::resolved(&tree, &links, path).map(|(standing, _)| standing);
        standing.unwrap_or(path).to_owned()
    });
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

/// Writes the files of a commit, given by their paths and hashes, into a folder; whether there is a project among them.
/// `None` when git does not hand them over. Behind a link its own path has the bytes of what it leads to: no link is ever
/// written, and none is followed in writing.
fn extract(
    root: &Path,
    option: &str,
    commit: &str,
    mut files: BTreeMap<&str, &str>,
    into: &Path,
) -> Result<Option<bool>, Failure> {
    let hashes: BTreeSet<&str> = files.values().copied().collect();
    let Some(sizes) = commits::sizes(root, &hashes).filter(|sizes| sizes.len() == hashes.len())
    else {
        return Ok(None);
    };
    let size = |hash: &str| sizes.get(hash).copied().unwrap_or(u64::MAX);
    files.retain(|_, hash| size(hash) <= MAX_FILE_BYTES);
    if !files.contains_key(PROJECT_FILE) {
        return Ok(Some(false));
    }
    let all: u64 = files.values().map(|hash| size(hash)).sum();
    if all > LARGEST {
        return Err(Failure::new(
            Exit::Usage,
            format!("{option}: the folder of the project has {all} bytes of files in {commit}, more than a project has"),
        )
        .help("keep the project in a folder of its own within the repository"));
    }
    let asked: String = files.values().map(|hash| format!("{hash}\n")).collect();
    let Some(answer) = git(root, &["cat-file", "--batch"], asked.as_bytes()) else {
        return Ok(None);
    };
    let mut rest = answer.as_slice();
    for path in files.keys() {
        let Some(bytes) = blob(&mut rest) else {
            return Ok(None);
        };
        let file = into.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, bytes)?;
    }
    Ok(Some(true))
}
