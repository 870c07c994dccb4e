//! What a commit holds of a project's files, and who wrote it.
//!
//! Files are compared by the bytes that commits have, never by what git makes of a working copy: a filter, an index, an
//! attribute can make every edit look like the commit. Must not change anything in a repository. Invariant: whatever git
//! does not tell is told as unknown, and never as the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::git::{blob, git};
use super::walk;
use crate::config::{Config, MAX_FILE_BYTES};

/// Links followed on the way to a file; more are a circle (Linux has the same bound, `path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// A file of a commit.
pub(super) struct Entry {
    pub(super) hash: String,
    pub(super) is_link: bool,
}

/// Files of a project, as they are compared with a commit's.
pub(super) struct Files<'a> {
    /// Patterns of the project.
    pub(super) include: &'a [String],
    /// Digest of each file, by path.
    pub(super) digests: BTreeMap<&'a str, &'a str>,
    /// Tables of names that are not given again: a commit may have more rows.
    pub(super) grow: Vec<&'a str>,
}

impl<'a> Files<'a> {
    fn of(config: &'a Config) -> Self {
        Self {
            include: &config.project.spec.include,
            digests: config
                .files
                .iter()
                .map(|file| (&*file.path, file.digest.as_str()))
                .collect(),
            grow: Vec::new(),
        }
    }
}

/// Whether the files that belong to the project, and those that would if they were as the commit has them, hold what the
/// commit says. `None` when git does not tell.
pub(super) fn is_clean(root: &Path, config: &Config, commit: &str) -> Option<bool> {
    let tree = tree(root, commit)?;
    let files = Files::of(config);
    if !differing(root, &tree, &files)?.is_empty() {
        return Some(false);
    }
    // Of a link both it and what it leads to.
    let mut links = Vec::new();
    for path in wanted(&tree, &files) {
        let full = root.join(&path);
        let is_link = std::fs::symlink_metadata(&full).is_ok_and(|facts| facts.is_symlink());
        match tree.get(&path) {
            Some(entry) if entry.is_link == is_link => {
                if is_link {
                    let target = std::fs::read_link(&full).ok()?;
                    links.push((entry.hash.as_str(), target.to_str()?.to_owned()));
                }
            }
            _ => return Some(false),
        }
    }
    let blobs = blobs(root, links.iter().map(|(hash, _)| *hash))?;
    Some(links.iter().all(|(hash, target)| {
        blobs
            .get(*hash)
            .is_some_and(|blob| blob == target.as_bytes())
    }))
}

/// Which of these files a commit holds otherwise, or holds and they are not among them; by path. `None` when git does not
/// tell.
pub(super) fn differences(root: &Path, commit: &str, files: &Files<'_>) -> Option<Vec<String>> {
    differing(root, &tree(root, commit)?, files)
}

/// The project's files, and those the commit has that its patterns match: one that is gone, or was made to be none of ours,
/// is as much a change as a new one.
fn wanted(tree: &BTreeMap<String, Entry>, files: &Files<'_>) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> =
        walk::matching(files.include, tree.keys().map(String::as_str))
            .into_iter()
            .map(str::to_owned)
            .collect();
    wanted.extend(files.digests.keys().map(|path| (*path).to_owned()));
    wanted
}

fn differing(
    root: &Path,
    tree: &BTreeMap<String, Entry>,
    files: &Files<'_>,
) -> Option<Vec<String>> {
    let wanted = wanted(tree, files);
    // A repository may have many, and a project seldom has one: a file that is there by its path stands behind none.
    let is_behind = |path: &String| tree.get(path).is_none_or(|entry| entry.is_link);
    let links = match wanted.iter().any(is_behind) {
        true => links(root, tree)?,
        false => BTreeMap::new(),
    };
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    let mut otherwise = Vec::new();
    for path in &wanted {
        match resolved(tree, &links, path) {
            Some((_, entry)) => {
                found.insert(path, entry.hash.as_str());
            }
            None => otherwise.push(path.clone()),
        }
    }
    let held = blobs(root, found.values().copied())?;
    for (path, hash) in &found {
        // What is none of the configuration here has to be none there: it stands in the folder as it does in the commit.
        let standing;
        let digest = match files.digests.get(path) {
            Some(digest) => *digest,
            None => match standing_digest(&root.join(path)) {
                Some(digest) => {
                    standing = digest;
                    &standing
                }
                None => {
                    otherwise.push((*path).to_owned());
                    continue;
                }
            },
        };
        let grows = files.grow.contains(path);
        let same = held
            .get(*hash)
            .is_some_and(|bytes| is_same(bytes, digest) || (grows && begins_as(bytes, digest)));
        if !same {
            otherwise.push((*path).to_owned());
        }
    }
    otherwise.sort();
    Some(otherwise)
}

fn standing_digest(path: &Path) -> Option<String> {
    let facts = std::fs::metadata(path).ok()?;
    if !facts.is_file() || facts.len() > MAX_FILE_BYTES {
        return None;
    }
    Some(digest(&std::fs::read(path).ok()?))
}

/// What the links of a commit say, by their path. `None` when git does not tell.
pub(super) fn links<'t>(
    root: &Path,
    tree: &'t BTreeMap<String, Entry>,
) -> Option<BTreeMap<&'t str, Vec<u8>>> {
    let all = tree.iter().filter(|(_, entry)| entry.is_link);
    let targets = blobs(root, all.clone().map(|(_, entry)| entry.hash.as_str()))?;
    all.map(|(path, entry)| Some((path.as_str(), targets.get(&entry.hash)?.clone())))
        .collect()
}

/// The file a path leads to within a commit, and where it stands.
pub(super) fn resolved<'t>(
    tree: &'t BTreeMap<String, Entry>,
    links: &BTreeMap<&str, Vec<u8>>,
    path: &str,
) -> Option<(&'t str, &'t Entry)> {
    way(tree, links, path)?.pop()
}

/// The links on the way to a file within a commit, and last the file: links to files and to folders are followed as a
/// system follows them, but never out of the project's folder, not even to come back.
fn way<'t>(
    tree: &'t BTreeMap<String, Entry>,
    links: &BTreeMap<&str, Vec<u8>>,
    path: &str,
) -> Option<Vec<(&'t str, &'t Entry)>> {
    let mut way = Vec::new();
    let mut left: Vec<&str> = path.split('/').rev().collect();
    let mut at = String::new();
    while let Some(part) = left.pop() {
        match part {
            "" | "." => continue,
            ".." if at.is_empty() => return None,
            ".." => {
                at.truncate(at.rfind('/').unwrap_or_default());
                continue;
            }
            _ => {}
        }
        let folder = at.len();
        if folder > 0 {
            at.push('/');
        }
        at.push_str(part);
        let Some((found, entry)) = tree.get_key_value(&at) else {
            let below = format!("{at}/");
            let (next, _) = tree.range(below.clone()..).next()?;
            if !next.starts_with(&below) {
                return None;
            }
            continue;
        };
        way.push((found.as_str(), entry));
        if !entry.is_link {
            return left.is_empty().then_some(way);
        }
        let target = std::str::from_utf8(links.get(found.as_str())?).ok()?;
        // From the root of the file system: not in the commit.
        if way.len() > MOST_LINKS || target.starts_with('/') {
            return None;
        }
        at.truncate(folder);
        left.extend(target.split('/').rev());
    }
    None
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether bytes that a commit has are those of a file with this digest: as they are, with the line ends of another system
/// (`core.autocrlf`, `text`), or as Git LFS keeps them, which commits the digest alone.
fn is_same(bytes: &[u8], wanted: &str) -> bool {
    if digest(bytes) == wanted {
        return true;
    }
    if lfs_digest(bytes).is_some_and(|oid| format!("sha256:{oid}") == wanted) {
        return true;
    }
    if !bytes.contains(&b'\n') {
        return false;
    }
    let mut plain = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            plain.push(*byte);
        }
    }
    if digest(&plain) == wanted {
        return true;
    }
    let mut windows = Vec::with_capacity(plain.len() + plain.len() / 16);
    for byte in plain {
        if byte == b'\n' {
            windows.push(b'\r');
        }
        windows.push(byte);
    }
    digest(&windows) == wanted
}

/// The SHA-256 of what a pointer of Git LFS stands for (git-lfs, docs/spec.md).
fn lfs_digest(bytes: &[u8]) -> Option<&str> {
    /// A pointer has less.
    const LONGEST: usize = 1024;
    if bytes.len() > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix("version https://git-lfs.github.com/spec/v1\n")?;
    rest.lines()
        .find_map(|line| line.strip_prefix("oid sha256:"))
}

/// Whether the beginning of these bytes, up to some line break, has a digest: rows were added behind it, and nothing else.
pub(super) fn begins_as(bytes: &[u8], digest: &str) -> bool {
    let of = |hasher: &Sha256| format!("sha256:{}", hex::encode(hasher.clone().finalize()));
    let mut hasher = Sha256::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        // Where the last row had no line break, one was put behind it.
        hasher.update(text);
        if of(&hasher) == digest {
            return true;
        }
        hasher.update(b"\n");
        if of(&hasher) == digest {
            return true;
        }
    }
    false
}

/// How many bytes objects have; those that are not there are left out. `None` when git does not tell.
pub(super) fn sizes<'h>(root: &Path, hashes: &BTreeSet<&'h str>) -> Option<BTreeMap<&'h str, u64>> {
    if hashes.is_empty() {
        return Some(BTreeMap::new());
    }
    let asked: String = hashes.iter().map(|hash| format!("{hash}\n")).collect();
    let told = git(root, &["cat-file", "--batch-check"], asked.as_bytes())?;
    let told = String::from_utf8(told).ok()?;
    // `HASH blob SIZE`
    let known = hashes.iter().zip(told.lines()).filter_map(|(hash, line)| {
        let mut words = line.rsplit(' ');
        let size = words.next()?.parse().ok()?;
        (words.next() == Some("blob")).then_some((*hash, size))
    });
    Some(known.collect())
}

/// The bytes of objects, but of those that are larger than any file of a project. `None` when git does not tell.
fn blobs<'h>(
    root: &Path,
    hashes: impl Iterator<Item = &'h str>,
) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut small = sizes(root, &hashes.collect())?;
    small.retain(|_, size| *size <= MAX_FILE_BYTES);
    if small.is_empty() {
        return Some(BTreeMap::new());
    }
    let asked: String = small.keys().map(|hash| format!("{hash}\n")).collect();
    let answer = git(root, &["cat-file", "--batch"], asked.as_bytes())?;
    let mut rest = answer.as_slice();
    let mut found = BTreeMap::new();
    for hash in small.keys() {
        found.insert((*hash).to_owned(), blob(&mut rest)?.to_vec());
    }
    Some(found)
}

/// The files of a commit below a folder, by their path from there.
pub(super) fn tree(root: &Path, commit: &str) -> Option<BTreeMap<String, Entry>> {
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

/// Files that a project's files are only links to in a commit: whoever changes these changes the project. `None` when git does
/// not tell.
pub(super) fn behind_links(root: &Path, commit: &str, files: &Files<'_>) -> Option<Vec<String>> {
    let tree = tree(root, commit)?;
    let links = links(root, &tree)?;
    let mut behind = BTreeSet::new();
    for path in wanted(&tree, files) {
        let way = way(&tree, &links, &path)?;
        let others = way.iter().map(|(other, _)| *other);
        behind.extend(others.filter(|other| *other != path).map(str::to_owned));
    }
    Some(behind.into_iter().collect())
}

/// A commit as it is written: nothing of a repository's settings changes how it is read.
pub(super) struct Commit {
    /// Mail address.
    pub(super) author: String,
    pub(super) parents: Vec<String>,
}

/// `None` where the repository does not have it: only its whole name counts, for a branch may be called like part of one.
pub(super) fn commit(root: &Path, name: &str) -> Option<Commit> {
    let is_whole =
        matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_whole {
        return None;
    }
    let bytes = git(root, &["cat-file", "commit", name], &[])?;
    let text = String::from_utf8_lossy(&bytes);
    let mut written = Commit {
        author: String::new(),
        parents: Vec::new(),
    };
    for line in text.lines().take_while(|line| !line.is_empty()) {
        match line.split_once(' ') {
            Some(("parent", parent)) => written.parents.push(parent.to_owned()),
            Some(("author", author)) => {
                let (name, _) = author.rsplit_once('>')?;
                let (_, address) = name.rsplit_once('<')?;
                address.trim().clone_into(&mut written.author);
            }
            _ => {}
        }
    }
    Some(written)
}

/// Whether the repository has a commit.
pub(super) fn has(root: &Path, name: &str) -> bool {
    commit(root, name).is_some()
}

/// Mail address of a commit's author.
pub(super) fn author_of(root: &Path, name: &str) -> Option<String> {
    commit(root, name)
        .map(|commit| commit.author)
        .filter(|author| !author.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Entry, begins_as, digest, is_same, resolved, way};

    #[test]
    fn only_rows_added_behind_are_no_difference() {
        let begins =
            |planned: &str, now: &str| begins_as(now.as_bytes(), &digest(planned.as_bytes()));
        assert!(begins("name,person\na,1\n", "name,person\na,1\nb,2\n"));
        assert!(begins("name,person\na,1", "name,person\na,1\nb,2\n"));
        assert!(begins(
            "name,person\r\na,1\r\n",
            "name,person\r\na,1\r\nb,2\n"
        ));
        assert!(!begins("name,person\na,1\n", "name,person\na,2\nb,2\n"));
        assert!(!begins("name,person\na,1\nb,2\n", "name,person\na,1\n"));
        assert!(!begins("name,person\na,1\n", "name,person\na,1"));
    }

    #[test]
    fn line_ends_and_lfs_are_no_difference_and_everything_else_is() {
        let same = |commit: &str, file: &str| is_same(commit.as_bytes(), &digest(file.as_bytes()));
        assert!(same("a: 1\nb: 2\n", "a: 1\nb: 2\n"));
        assert!(same("a: 1\nb: 2\n", "a: 1\r\nb: 2\r\n"));
        assert!(same("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"));
        assert!(!same("a: 1\nb: 2\n", "a: 1\nb: 3\n"));
        assert!(!same("a: 1\nb: 2\n", "a: 1\n\nb: 2\n"));
        assert!(!same("a: 1", "a: 1\n"));
        let oid = digest(b"name\njane\n").replace("sha256:", "");
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 10\n");
        assert!(same(&pointer, "name\njane\n"));
        assert!(!same(&pointer, "name\njohn\n"));
        // Nobody else's text that happens to name a digest.
        assert!(!same(&format!("# oid\noid sha256:{oid}\n"), "name\njane\n"));
    }

    #[test]
    fn links_of_a_commit_are_followed_within_it() {
        let entry = |hash: &str, is_link| Entry {
            hash: hash.to_owned(),
            is_link,
        };
        let targets = [
            ("now", "common"),
            ("round", "./round"),
            ("rules/a.yaml", "./b.yaml"),
            ("rules/absolute.yaml", "/common/a.yaml"),
            // Where the folder is called so: a commit does not know.
            ("rules/back.yaml", "../../project/common/a.yaml"),
            ("rules/b.yaml", "../common/a.yaml"),
            ("rules/by-folder.yaml", "../now/a.yaml"),
            ("rules/itself.yaml", "itself.yaml"),
            ("rules/out.yaml", "../../common/a.yaml"),
        ];
        let mut tree = BTreeMap::from([("common/a.yaml".to_owned(), entry("1", false))]);
        tree.extend(targets.map(|(path, _)| (path.to_owned(), entry("2", true))));
        let links = targets.map(|(path, target)| (path, target.as_bytes().to_vec()));
        let links = BTreeMap::from(links);
        let found = |path: &str| resolved(&tree, &links, path).map(|(path, _)| path);
        for path in [
            "rules/a.yaml",
            "common/a.yaml",
            "./rules/a.yaml",
            "now/a.yaml",
            "now/../rules/a.yaml",
            "rules/by-folder.yaml",
        ] {
            assert_eq!(found(path), Some("common/a.yaml"), "{path}");
        }
        for path in [
            "rules/out.yaml",
            "rules/back.yaml",
            "rules/absolute.yaml",
            "rules/itself.yaml",
            "round/common/a.yaml",
            "now",
            "common",
            "common/a.yaml/",
            "common/a.yaml/../a.yaml",
            "none/../common/a.yaml",
            "../common/a.yaml",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        let on = way(&tree, &links, "rules/by-folder.yaml").unwrap();
        let on: Vec<&str> = on.into_iter().map(|(path, _)| path).collect();
        assert_eq!(on, ["rules/by-folder.yaml", "now", "common/a.yaml"]);
    }
}
