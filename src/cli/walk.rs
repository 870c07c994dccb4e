//! A project's folder, looked through for the files its patterns name.
//!
//! Lists, and reads nothing. Keeps that nothing hidden and nothing outside the folder is found, that there is an end to
//! looking, and that whatever could not be looked at is told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::workspace::PROJECT_FILE;
use crate::config::IncludePattern;

/// Most files a project has.
pub(super) const MAX_FILES: usize = 10_000;

/// Most folder entries looked at.
pub(super) const MAX_ENTRIES: usize = 500_000;

/// What is told of a link that is none of the project's files.
pub(super) const BROKEN_LINK: &str = "the link leads to nothing, or out of the project";

/// Deepest folder looked into.
const MAX_FOLDERS: usize = 32;

/// Whether a file of this path would be among the project's files, if it were there.
pub(crate) fn loads(root: &Path, include: &[String], path: &Path) -> bool {
    // Links are resolved as those of the root were; the file itself need not exist.
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return false;
    };
    let Ok(folder) = fs::canonicalize(folder) else {
        return false;
    };
    let full = folder.join(name);
    let Ok(below) = full.strip_prefix(root) else {
        return false;
    };
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    let Some(parts) = parts else { return false };
    is_entered(&parts)
        && include
            .iter()
            .filter_map(|pattern| glob(pattern))
            .any(|glob| glob.compile_matcher().is_match(parts.join("/")))
}

/// Which of these paths from the project's folder are among the project's files.
pub(super) fn matching<'p>(
    include: &[String],
    paths: impl Iterator<Item = &'p str>,
) -> Vec<&'p str> {
    let mut set = GlobSetBuilder::new();
    for glob in include.iter().filter_map(|pattern| glob(pattern)) {
        set.add(glob);
    }
    let set = set.build().unwrap_or_else(|_| GlobSet::empty());
    let looked_at = |path: &&str| {
        let parts: Vec<&str> = path.split('/').collect();
        *path == PROJECT_FILE || (is_entered(&parts) && set.is_match(path))
    };
    paths.filter(looked_at).collect()
}

/// Whether the way to a file leads through nothing that is left out.
fn is_entered(parts: &[&str]) -> bool {
    parts.len() <= MAX_FOLDERS + 1
        && parts
            .iter()
            .all(|part| !part.starts_with('.') && !matches!(*part, "target" | "node_modules"))
}

/// Patterns that are none are left out; checking the project reports them.
pub(super) fn globs(patterns: &[IncludePattern]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        if let Some(glob) = glob(&pattern.text) {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

pub(super) fn glob(pattern: &str) -> Option<globset::Glob> {
    GlobBuilder::new(relative_to_root(pattern))
        .literal_separator(true)
        .build()
        .ok()
}

pub(super) fn relative_to_root(pattern: &str) -> &str {
    pattern.strip_prefix("./").unwrap_or(pattern)
}

pub(super) struct Walk<'a> {
    pub(super) root: &'a Path,
    pub(super) include: &'a GlobSet,
    pub(super) found: BTreeMap<String, PathBuf>,
    /// YAML files that no pattern matches.
    pub(super) others: BTreeMap<String, PathBuf>,
    pub(super) entries: usize,
    pub(super) full: bool,
    pub(super) troubles: Vec<(String, String)>,
}

impl Walk<'_> {
    pub(super) fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        if depth > MAX_FOLDERS {
            return Ok(());
        }
        let mut entries: Vec<fs::DirEntry> = Vec::new();
        for entry in fs::read_dir(folder)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                self.full = true;
                return Ok(());
            }
            entries.push(entry?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.full {
                return Ok(());
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !matches!(&*name, "target" | "node_modules")
                    && let Err(error) = self.folder(&path, depth + 1)
                {
                    self.trouble(&path, &format!("the folder cannot be listed: {error}"));
                }
            } else if kind.is_file() || (kind.is_symlink() && self.leads_inside(&path)) {
                self.file(&path);
            } else if self.include.is_match(self.told(&path)) {
                let why = if kind.is_symlink() {
                    BROKEN_LINK
                } else {
                    "it is not a file"
                };
                self.trouble(&path, why);
            }
        }
        Ok(())
    }

    /// Whether a link leads to a file of this project. Folders behind links are not entered.
    fn leads_inside(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| real.starts_with(self.root) && real.is_file())
    }

    /// Path below the root with `/` as separator; `None` when it is not UTF-8.
    fn relative(&self, path: &Path) -> Option<String> {
        let parts = path
            .strip_prefix(self.root)
            .ok()?
            .components()
            .map(|part| part.as_os_str().to_str())
            .collect::<Option<Vec<&str>>>()?;
        Some(parts.join("/"))
    }

    /// The same for people: what is not UTF-8 is replaced.
    fn told(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        let parts = below.components();
        let parts: Vec<_> = parts
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        parts.join("/")
    }

    /// Notes what keeps a file or folder of the project from being read: rules must not get lost silently.
    fn trouble(&mut self, path: &Path, why: &str) {
        self.troubles.push((self.told(path), why.to_owned()));
    }

    fn file(&mut self, path: &Path) {
        let Some(name) = self.relative(path) else {
            if self.include.is_match(self.told(path)) {
                self.trouble(path, "its name is not UTF-8");
            }
            return;
        };
        if self.include.is_match(&name) {
            if self.found.len() >= MAX_FILES {
                self.full = true;
            } else {
                self.found.insert(name, path.to_owned());
            }
        } else if (name.ends_with(".yaml") || name.ends_with(".yml"))
            && self.others.len() < MAX_FILES
        {
            self.others.insert(name, path.to_owned());
        }
    }
}
