//! Git, started so that it speaks of the project's own repository, and what it says of the commit that is checked out.
//!
//! What a commit holds and who wrote it is for `commits` to say. Must not change anything in a repository. Invariant: every
//! git that is started is of the repository the project stands in, whatever the environment names, as hooks of git do.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::commits;
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
    let clean = commits::is_clean(root, config, &commit).unwrap_or(false);
    (Some(commit), !clean)
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
