//! Who last changed a project's files, as the history of a repository has it.
//!
//! Of a merge, whoever wrote what it took from either side is one of them: which of its parents is the branch it was made for,
//! and which the change, nothing tells. Must not change anything in a repository. Invariant: where the history ends too early
//! to tell, nothing is told.

use std::collections::BTreeSet;
use std::path::Path;

use super::commits::{Files, behind_links, commit};
use super::git::git;
use super::walk;

/// Patterns and files a history is asked for by name; of more, the whole folder is.
const MOST_PATHS: usize = 400;

/// Files of a merge that are looked into one by one.
const MOST_FILES: usize = 1000;

/// Mail addresses of those who last changed the project's files up to a commit: of whoever wrote that change, and, where it
/// is a merge that is like none of what it merges, also of whoever last changed the files in which they differ. `None` when
/// that cannot be told: at the edge of a shallow clone, and of more files than can be looked into.
pub(super) fn last_authors(root: &Path, name: &str, files: &Files<'_>) -> Option<Vec<String>> {
    let paths = paths(files, &behind_links(root, name, files)?);
    let last = last_change(root, name, &paths)?;
    let mut authors = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut asked = Vec::new();
    let written = commit(root, &last)?;
    authors.insert(written.author);
    for file in merged(root, &last, &written.parents, &paths)? {
        asked.push((last.clone(), file));
    }
    while let Some((at, file)) = asked.pop() {
        if seen.len() > MOST_FILES {
            return None;
        }
        let path = [format!(":(top,literal){file}")];
        // Nobody changed a file that is not there on this side.
        let Some(change) = last_change(root, &at, &path) else {
            continue;
        };
        if !seen.insert((change.clone(), file.clone())) {
            continue;
        }
        let written = commit(root, &change)?;
        authors.insert(written.author);
        // Joined out of both sides, this very file.
        if !merged(root, &change, &written.parents, &path)?.is_empty() {
            for parent in written.parents {
                asked.push((parent, file.clone()));
            }
        }
    }
    authors.remove("");
    Some(authors.into_iter().collect())
}

/// The files in which a merge differs from any of what it merges, by their path from the top; none of any other commit.
fn merged(
    root: &Path,
    name: &str,
    parents: &[String],
    paths: &[String],
) -> Option<BTreeSet<String>> {
    if parents.len() < 2 {
        return Some(BTreeSet::new());
    }
    // With what git takes for its parents: at the edge it has none.
    let known = git(root, &["rev-list", "-1", "--parents", name], &[])?;
    let known = String::from_utf8(known).ok()?.split_whitespace().count();
    if known <= parents.len() {
        return None;
    }
    let mut differing = BTreeSet::new();
    for parent in parents {
        let mut arguments = vec![
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            parent,
            name,
            "--",
        ];
        arguments.extend(paths.iter().map(String::as_str));
        let listed = String::from_utf8(git(root, &arguments, &[])?).ok()?;
        let names = listed.split('\0').filter(|name| !name.is_empty());
        differing.extend(names.map(str::to_owned));
    }
    (differing.len() <= MOST_FILES).then_some(differing)
}

/// The last commit up to one that changed any of these.
fn last_change(root: &Path, name: &str, paths: &[String]) -> Option<String> {
    let mut arguments = vec!["rev-list", "-1", name, "--"];
    arguments.extend(paths.iter().map(String::as_str));
    let found = String::from_utf8(git(root, &arguments, &[])?).ok()?;
    let found = found.trim();
    (!found.is_empty()).then(|| found.to_owned())
}

/// What a history is asked for: the project's patterns, so that a file that was taken away counts, and its other files, but
/// those that grow, into which a job writes.
fn paths(files: &Files<'_>, behind: &[String]) -> Vec<String> {
    let mut paths: Vec<String> = files
        .include
        .iter()
        .map(|pattern| format!(":(glob){}", walk::relative_to_root(pattern)))
        .collect();
    let matched: BTreeSet<&str> = walk::matching(files.include, files.digests.keys().copied())
        .into_iter()
        .collect();
    let others = files
        .digests
        .keys()
        .filter(|path| !matched.contains(**path));
    paths.extend(
        others
            .filter(|path| !files.grow.contains(path))
            .map(|path| format!(":(literal){path}")),
    );
    paths.extend(behind.iter().map(|path| format!(":(literal){path}")));
    paths.push(format!(":(literal){}", super::workspace::PROJECT_FILE));
    // git knows no alternatives within a pattern.
    let foreign = |path: &String| path.contains(['{', '}', '\\']);
    if paths.len() > MOST_PATHS || paths.iter().any(foreign) {
        paths = vec![".".to_owned()];
    }
    paths.extend(
        files
            .grow
            .iter()
            .map(|path| format!(":(exclude,literal){path}")),
    );
    paths
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::commits::Files;
    use super::paths;

    #[test]
    fn a_history_is_asked_for_patterns_and_for_what_they_do_not_match() {
        let include = ["./mappings/*.yaml".to_owned()];
        let mut files = Files {
            include: &include,
            digests: BTreeMap::from([("mappings/a.yaml", ""), ("t.csv", ""), ("names.csv", "")]),
            grow: vec!["names.csv"],
        };
        assert_eq!(
            paths(&files, &[]),
            [
                ":(glob)mappings/*.yaml",
                ":(literal)t.csv",
                ":(literal)halosync.yaml",
                ":(exclude,literal)names.csv"
            ]
        );
        assert!(paths(&files, &["shared/a".to_owned()]).contains(&":(literal)shared/a".to_owned()));
        let braces = ["{a,b}/*.yaml".to_owned()];
        files.include = &braces;
        assert_eq!(paths(&files, &[]), [".", ":(exclude,literal)names.csv"]);
    }
}
