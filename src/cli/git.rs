//! What git knows of a project: its commit, that commit's author, and whether the files are the commit's.
//!
//! Only git is asked, never its index alone: files it was told to take as unchanged are compared by what they hold. Must
//! not change anything in a repository. Invariant: every git that is started is of the repository the project stands in,
//! whatever the environment names, as hooks of git do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::walk;
use crate::config::Config;

/// Variables that lead git to another repository, other files or other names than those of the folder it is started in:
/// `git rev-parse --local-env-vars`, and what changes how names and objects are read. Those with configuration stay,
/// for containers say with them which folders are safe.
const ELSEWHERE: [&str; 22] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DEFAULT_HASH",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Runs git in a folder and gives its output; `None` when it is missing or fails.
pub(crate) fn git(root: &Path, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    let mut child = command
        // An object that stands for another would be taken for the commit that was reviewed.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut to_git = child.stdin.take()?;
    std::thread::scope(|scope| {
        // git may answer before it has read everything: whoever only writes would wait for ever.
        let written = scope.spawn(move || to_git.write_all(input));
        let output = child.wait_with_output().ok()?;
        written.join().ok()?.ok()?;
        output.status.success().then_some(output.stdout)
    })
}

/// Why git tells nothing of a folder; `None` where it tells something.
pub(super) fn why_not(root: &Path) -> Option<String> {
    if git(root, &["--version"], &[]).is_none() {
        return Some("git cannot be run (is it installed, and in PATH?)".to_owned());
    }
    git(root, &["rev-parse", "--git-dir"], &[])
        .is_none()
        .then(|| {
            format!(
                "git knows no repository at {} (or does not trust its owner: `git status` there tells)",
                root.display()
            )
        })
}

/// The commit that is checked out, and whether files of the project differ from it; nothing where there is no repository
/// or no git.
pub(super) fn state(root: &Path, config: &Config) -> (Option<String>, bool) {
    let Some(commit) = git(root, &["rev-parse", "--verify", "HEAD"], &[]) else {
        return (None, false);
    };
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let clean = is_clean(root, config, &commit).unwrap_or(false);
    (Some(commit), !clean)
}

/// Mail address of a commit's author.
pub(super) fn author_of(root: &Path, commit: &str) -> Option<String> {
    let arguments = [
        "-c",
        "log.showSignature=false",
        "show",
        "--no-patch",
        "--format=%ae",
        "--end-of-options",
        commit,
    ];
    let shown = git(root, &arguments, &[])?;
    let address = String::from_utf8(shown).ok()?.trim().to_owned();
    (!address.is_empty()).then_some(address)
}

/// A file of a commit.
struct Entry {
    hash: String,
    is_link: bool,
}

/// Whether the files that belong to the project, and those that would if they were as the commit has them, hold what the
/// commit says. `None` when git does not tell.
fn is_clean(root: &Path, config: &Config, commit: &str) -> Option<bool> {
    let tree = tree(root, commit)?;
    let include = &config.project.spec.include;
    // A file of the commit that is gone, or was made to be none of ours, is as much a change as a new one.
    let mut wanted: BTreeSet<String> = walk::matching(include, tree.keys().map(String::as_str))
        .into_iter()
        .map(str::to_owned)
        .collect();
    wanted.extend(config.files.iter().map(|file| file.path.to_string()));
    let mut links = Vec::new();
    let mut files = Vec::new();
    for path in wanted {
        let full = root.join(&path);
        let Some(entry) = tree.get(&path) else {
            return Some(false);
        };
        let is_link = std::fs::symlink_metadata(&full).is_ok_and(|facts| facts.is_symlink());
        if is_link != entry.is_link {
            return Some(false);
        }
        if !is_link {
            files.push((path, &entry.hash));
            continue;
        }
        // Both the link and what it leads to.
        let target = std::fs::read_link(&full).ok()?;
        links.push((&entry.hash, target.to_str()?.to_owned()));
        let Ok(real) = std::fs::canonicalize(&full) else {
            return Some(false);
        };
        let real = real.strip_prefix(root).ok().and_then(Path::to_str);
        let real = real.map(|real| real.replace(std::path::MAIN_SEPARATOR, "/"));
        match real.and_then(|real| Some((tree.get(&real)?, real))) {
            Some((entry, real)) if !entry.is_link => files.push((real, &entry.hash)),
            _ => return Some(false),
        }
    }
    Some(hold(root, &files)? && lead(root, &links)?)
}

/// Whether files hold what these objects do, line ends and other filters of the repository aside.
fn hold(root: &Path, files: &[(String, &String)]) -> Option<bool> {
    // git takes one name a line.
    let exists = |path: &String| !path.contains('\n') && root.join(path).is_file();
    if !files.iter().all(|(path, _)| exists(path)) {
        return Some(false);
    }
    let asked: String = files.iter().map(|(path, _)| format!("{path}\n")).collect();
    let hashes = git(root, &["hash-object", "--stdin-paths"], asked.as_bytes())?;
    let hashes = String::from_utf8(hashes).ok()?;
    Some(
        hashes
            .lines()
            .eq(files.iter().map(|(_, hash)| hash.as_str())),
    )
}

/// Whether these objects are links that lead there.
fn lead(root: &Path, links: &[(&String, String)]) -> Option<bool> {
    if links.is_empty() {
        return Some(true);
    }
    let asked: String = links.iter().map(|(hash, _)| format!("{hash}\n")).collect();
    let answer = git(root, &["cat-file", "--batch"], asked.as_bytes())?;
    let mut rest = answer.as_slice();
    for (_, target) in links {
        if blob(&mut rest)? != target.as_bytes() {
            return Some(false);
        }
    }
    Some(true)
}

/// The files of a commit below a folder, by their path from there.
fn tree(root: &Path, commit: &str) -> Option<BTreeMap<String, Entry>> {
    let prefix = String::from_utf8(git(root, &["rev-parse", "--show-prefix"], &[])?).ok()?;
    let prefix = prefix.trim_end_matches('\n');
    let mut listing = vec!["ls-tree", "-r", "-z", "--full-tree", commit];
    if !prefix.is_empty() {
        listing.extend(["--", prefix]);
    }
    let listed = git(root, &listing, &[])?;
    let listed = String::from_utf8_lossy(&listed);
    let entries = listed.split('\0').filter_map(|entry| {
        // `100644 blob HASH\tPATH`; other repositories are no files of a project.
        let (facts, path) = entry.split_once('\t')?;
        let (mode, hash) = (facts.split(' ').next()?, facts.rsplit(' ').next()?);
        let is_link = mode == "120000";
        let entry = Entry {
            hash: hash.to_owned(),
            is_link,
        };
        (is_link || mode.starts_with("100"))
            .then(|| Some((path.strip_prefix(prefix)?.to_owned(), entry)))
            .flatten()
    });
    Some(entries.collect())
}

/// One answer of `git cat-file --batch`: `HASH blob SIZE`, a line break, the bytes, a line break.
pub(super) fn blob<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let bytes = rest.get(end + 1..end + 1 + size)?;
    *rest = rest.get(end + 2 + size..)?;
    Some(bytes)
}
