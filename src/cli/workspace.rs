//! The project on disk: finds `halosync.yaml`, the files that belong, and hands over their bytes.
//!
//! Reads nothing outside the project's folder, nothing hidden, nothing too large, and not too many files. Writes
//! nothing. Paths it gives are relative to the folder, with `/`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::walk::{
    BROKEN_LINK, MAX_ENTRIES, MAX_FILES, Walk, glob, globs, matching, relative_to_root,
};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::{self, DataError, IncludePattern, InputFile, Loaded, MAX_FILE_BYTES, codes};
use crate::model::Location;

/// Name of the project's own file.
pub const PROJECT_FILE: &str = "halosync.yaml";

/// How much of a file that no pattern matches is looked at, in bytes.
const HEAD: u64 = 4096;
/// Why there is no project to work with.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// No `halosync.yaml` here or above.
    #[error("no {PROJECT_FILE} in {} or any folder above", from.display())]
    NotFound {
        /// Where the search began.
        from: PathBuf,
    },
    /// A file was named that is no project.
    #[error("{} is a file, and no folder of a project", path.display())]
    NoFolder {
        /// Which.
        path: PathBuf,
    },
    /// A folder or file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A project's files.
#[derive(Debug)]
pub struct Workspace {
    /// The folder of `halosync.yaml`, without symbolic links.
    pub root: PathBuf,
    /// Files that may belong, sorted by path.
    pub files: Vec<InputFile>,
    /// What was wrong with finding and reading them.
    pub problems: Vec<Diagnostic>,
}

impl Workspace {
    /// Opens the project whose `halosync.yaml` stands in a folder or in one above it. `start` may also name the file.
    ///
    /// # Errors
    /// See [`WorkspaceError`]. A file that cannot be read besides `halosync.yaml` is a problem of the project, not an
    /// error.
    pub fn open(start: &Path) -> Result<Self, WorkspaceError> {
        let root = find_root(start)?;
        let mut problems = Vec::new();
        let project = root.join(PROJECT_FILE);
        let bytes = match read_bounded(&project) {
            Ok(bytes) => bytes,
            Err(DataError::TooLarge(bytes)) => {
                problems.push(config::too_large(PROJECT_FILE, bytes));
                return Ok(Self {
                    root,
                    files: Vec::new(),
                    problems,
                });
            }
            Err(DataError::Missing) => {
                return Err(WorkspaceError::NotFound { from: root });
            }
            Err(DataError::Unreadable(why)) => {
                return Err(WorkspaceError::Read {
                    path: project,
                    source: io::Error::other(why),
                });
            }
        };
        let patterns = config::include_patterns(PROJECT_FILE, &bytes);
        let include = globs(&patterns);
        let mut walk = Walk {
            root: &root,
            include: &include,
            found: BTreeMap::new(),
            others: BTreeMap::new(),
            entries: 0,
            full: false,
            troubles: Vec::new(),
        };
        walk.folder(&root, 0)
            .map_err(|source| WorkspaceError::Read {
                path: root.clone(),
                source,
            })?;
        if walk.full {
            problems.push(problem(
                codes::TOO_MANY_FILES,
                PROJECT_FILE,
                format!("more than {MAX_FILES} files (or {MAX_ENTRIES} folder entries) match or would have to be looked at; the rest is not read"),
                "narrow the project's `include`",
            ));
        }
        let troubles = walk.troubles.iter();
        problems.extend(troubles.map(|(path, why)| unreadable(path, why)));
        problems.extend(without_files(&patterns, &walk));
        problems.extend(left_out(&walk));
        let mut found = walk.found;
        found.remove(PROJECT_FILE);
        let mut files = vec![InputFile {
            path: PROJECT_FILE.into(),
            bytes,
        }];
        for (path, full) in found {
            match read_bounded(&full) {
                Ok(bytes) => files.push(InputFile {
                    path: path.as_str().into(),
                    bytes,
                }),
                Err(DataError::TooLarge(bytes)) => problems.push(config::too_large(&path, bytes)),
                // Gone since the folder was listed.
                Err(DataError::Missing) => {}
                Err(DataError::Unreadable(why)) => problems.push(problem(
                    codes::FILE_UNREADABLE,
                    &path,
                    format!("the file cannot be read: {why}"),
                    "make it readable, or leave it out of the project's `include`",
                )),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            root,
            files,
            problems,
        })
    }

    /// Notes links that are not among the files for they lead to none: those that patterns match are told.
    pub(crate) fn note_broken(&mut self, links: &[&str]) {
        let project = self.files.iter().find(|file| &*file.path == PROJECT_FILE);
        let Some(project) = project.filter(|_| !links.is_empty()) else {
            return;
        };
        let include: Vec<String> = config::include_patterns(PROJECT_FILE, &project.bytes)
            .into_iter()
            .map(|pattern| pattern.text)
            .collect();
        let broken = matching(&include, links.iter().copied());
        self.problems
            .extend(broken.iter().map(|path| unreadable(path, BROKEN_LINK)));
    }

    /// Loads the configuration. Problems of finding and reading files are among its diagnostics, and keep it from
    /// being used.
    pub fn load(self) -> Loaded {
        self.load_where(&str::to_owned)
    }

    /// The same where files that documents name stand elsewhere below the folder than their path says; `standing` gives
    /// the path to read.
    pub(crate) fn load_where(self, standing: &dyn Fn(&str) -> String) -> Loaded {
        let Self {
            root,
            files,
            problems,
        } = self;
        config::load_found(files, problems, &|path| read_data(&root, &standing(path)))
    }
}

fn problem(code: &'static str, path: &str, message: String, help: &str) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message,
        location: Some(Location {
            file: path.into(),
            line: 1,
            column: 1,
        }),
        length: 1,
        help: Some(help.to_owned()),
    }
}

fn unreadable(path: &str, why: &str) -> Diagnostic {
    problem(
        codes::FILE_UNREADABLE,
        path,
        why.to_owned(),
        "make it readable, or leave it out of the project's `include`",
    )
}

/// Patterns that lead to no file. Rules that are not read are not applied, and what they gave would be taken away.
fn without_files(patterns: &[IncludePattern], walk: &Walk<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // What is not looked at may match.
    if walk.full {
        return found;
    }
    let usable = |pattern: &&IncludePattern| pattern.is_own() && !pattern.leads_out();
    for pattern in patterns.iter().filter(usable) {
        let name = relative_to_root(&pattern.text);
        let literal = !name.contains(['*', '?', '[', '{']);
        // One that cannot be used is told by the check of the project.
        let Some(glob) = glob(&pattern.text) else {
            continue;
        };
        let matcher = glob.compile_matcher();
        let troubled = walk.troubles.iter().any(|(path, _)| {
            matcher.is_match(path) || (literal && name.starts_with(path.as_str()))
        });
        if troubled || walk.found.keys().any(|path| matcher.is_match(path)) {
            continue;
        }
        found.push(if literal {
            pattern.error(
                codes::FILE_UNREADABLE,
                match walk.root.join(name).is_dir() {
                    true => format!("`include` names {name}, and that is a folder"),
                    false => format!("`include` names {name}, and there is no such file"),
                },
                "correct the name, or take it out of `include`",
            )
        } else {
            pattern.error(
                codes::INCLUDE_MATCHES_NOTHING,
                format!("no file matches {name}"),
                "correct the pattern, or take it out of `include`: what is not read is not applied",
            )
        });
    }
    found
}

/// Documents of ours that no pattern matches: rules in them are lost without a word. Folders with a `halosync.yaml` of
/// their own are other projects.
fn left_out(walk: &Walk<'_>) -> Vec<Diagnostic> {
    let foreign = |path: &str| {
        path.match_indices('/').any(|(end, _)| {
            let folder = &path[..=end];
            walk.others.contains_key(&format!("{folder}{PROJECT_FILE}"))
                || walk.found.contains_key(&format!("{folder}{PROJECT_FILE}"))
        })
    };
    walk.others
        .iter()
        .filter(|(path, full)| path.as_str() != PROJECT_FILE && !foreign(path) && is_ours(full))
        .map(|(path, _)| {
            let mut warning = problem(
                codes::NOT_INCLUDED,
                path,
                "this document of halosync is not read, for `include` of the project does not match the file"
                    .to_owned(),
                "add a pattern that does; to put a draft aside, give the file another ending than `.yaml` and `.yml`, or keep it in a folder whose name begins with a dot",
            );
            warning.severity = Severity::Warning;
            warning
        })
        .collect()
}

/// Whether a file says at its beginning that it is a document of ours. What cannot be read is not of this project.
fn is_ours(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok()
        && String::from_utf8_lossy(&head).lines().any(|line| {
            line.strip_prefix("apiVersion:")
                .map(|value| value.split(" #").next().unwrap_or(value).trim())
                .map(|value| value.trim_matches(['"', '\'']))
                == Some(config::API_VERSION)
        })
}

fn find_root(named: &Path) -> Result<PathBuf, WorkspaceError> {
    let unreadable = |source| WorkspaceError::Read {
        path: named.to_owned(),
        source,
    };
    let start = fs::canonicalize(named).map_err(unreadable)?;
    let folder = if start.is_dir() {
        start.as_path()
    } else if start.ends_with(PROJECT_FILE) {
        start.parent().unwrap_or(&start)
    } else {
        // Whoever names it means something by it, and the project around it may be another than the one meant.
        return Err(WorkspaceError::NoFolder {
            path: named.to_owned(),
        });
    };
    folder
        .ancestors()
        .find(|folder| folder.join(PROJECT_FILE).is_file())
        .map(Path::to_owned)
        .ok_or_else(|| WorkspaceError::NotFound {
            from: folder.to_owned(),
        })
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, DataError> {
    let from = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => DataError::Missing,
        _ => DataError::Unreadable(error.to_string()),
    };
    // Asked before it is opened: opening a pipe waits for somebody to write.
    if !fs::metadata(path).map_err(from)?.is_file() {
        return Err(DataError::Unreadable("it is not a file".to_owned()));
    }
    let file = fs::File::open(path).map_err(from)?;
    let facts = file.metadata().map_err(from)?;
    if !facts.is_file() {
        return Err(DataError::Unreadable("it is not a file".to_owned()));
    }
    if facts.len() > MAX_FILE_BYTES {
        return Err(DataError::TooLarge(facts.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or_default());
    // It may have grown since.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(from)?;
    Ok(bytes)
}

/// Reads a file that a document names, if it stands in the project.
fn read_data(root: &Path, path: &str) -> Result<Vec<u8>, DataError> {
    let full = fs::canonicalize(root.join(path)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DataError::Missing,
        _ => DataError::Unreadable(error.to_string()),
    })?;
    if !full.starts_with(root) {
        return Err(DataError::Unreadable(
            "it leads out of the project".to_owned(),
        ));
    }
    read_bounded(&full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::walk::loads;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn project(include: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            PROJECT_FILE,
            &format!(
                "apiVersion: halosync/v1\nkind: Project\nmetadata: {{name: a}}\nspec:\n  timeZone: UTC\n{include}"
            ),
        );
        folder
    }

    fn paths(workspace: &Workspace) -> Vec<&str> {
        workspace.files.iter().map(|file| &*file.path).collect()
    }

    #[test]
    fn finds_what_belongs_and_nothing_hidden() {
        let folder = project("");
        for path in [
            "a.yaml",
            "x/b.yml",
            "x/y/c.yaml",
            ".git/d.yaml",
            "x/.e/f.yaml",
            "target/g.yaml",
            "x/h.json",
        ] {
            write(folder.path(), path, "");
        }
        let workspace = Workspace::open(folder.path()).unwrap();
        assert_eq!(
            paths(&workspace),
            ["a.yaml", PROJECT_FILE, "x/b.yml", "x/y/c.yaml"]
        );
        let from_below = Workspace::open(&folder.path().join("x/y")).unwrap();
        assert_eq!(paths(&from_below), paths(&workspace));
        let by_file = Workspace::open(&folder.path().join(PROJECT_FILE)).unwrap();
        assert_eq!(paths(&by_file), paths(&workspace));
    }

    #[test]
    fn include_patterns_decide() {
        let folder = project("  include: [\"./conf/*.yaml\", \"[bad\"]\n");
        for path in ["a.yaml", "conf/b.yaml", "conf/deep/c.yaml"] {
            write(folder.path(), path, "");
        }
        let workspace = Workspace::open(folder.path()).unwrap();
        assert_eq!(paths(&workspace), ["conf/b.yaml", PROJECT_FILE]);
    }

    #[test]
    fn whether_a_file_would_be_found_is_known_before_it_is_there() {
        let dir = project("[\"tests/*.yaml\"]");
        let root = fs::canonicalize(dir.path()).unwrap();
        for folder in ["tests", ".hidden", "other"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let include = ["tests/*.yaml".to_owned(), "./.hidden/*.yaml".to_owned()];
        for (path, found) in [
            ("tests/new.yaml", true),
            ("tests/../tests/new.yaml", true),
            ("tests/new.txt", false),
            ("other/new.yaml", false),
            (".hidden/new.yaml", false),
            ("missing/new.yaml", false),
            ("../new.yaml", false),
        ] {
            assert_eq!(loads(&root, &include, &root.join(path)), found, "{path}");
        }
    }

    #[test]
    fn a_pattern_that_leads_to_no_file_is_an_error_where_it_stands() {
        let folder =
            project("  include: [conf/*.yaml, \"group/*.yaml\", \"**/*.yml\", none.yaml]\n");
        write(folder.path(), "conf/b.yaml", "");
        let loaded = Workspace::open(folder.path()).unwrap().load();
        assert!(loaded.config.is_none());
        let told: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|found| {
                (
                    found.code,
                    found.location.as_ref().map(|at| (at.line, at.column)),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("include-matches-nothing", Some((6, 26))),
                ("file-unreadable", Some((6, 54)))
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_a_pattern_matches_and_cannot_be_read_is_an_error() {
        use std::os::unix::ffi::OsStrExt as _;
        let dir = project("  include: [\"guards*.yaml\", lifecycle.yaml]\n");
        let name = std::ffi::OsStr::from_bytes(b"guards-caf\xe9.yaml");
        std::fs::write(dir.path().join(name), "kind: Guards\n").unwrap();
        std::fs::create_dir(dir.path().join("lifecycle.yaml")).unwrap();
        let loaded = Workspace::open(dir.path()).unwrap().load();
        let told: Vec<(&str, &str)> = loaded
            .diagnostics
            .iter()
            .map(|one| (one.code, &*one.message))
            .filter(|(code, _)| *code == codes::FILE_UNREADABLE)
            .collect();
        assert!(
            told.iter()
                .any(|(_, message)| message.contains("its name is not UTF-8")),
            "{told:?}"
        );
        assert!(
            told.iter()
                .any(|(_, message)| message.contains("and that is a folder")),
            "{told:?}"
        );
    }

    #[test]
    fn a_document_that_no_pattern_matches_is_told_and_nothing_else_is() {
        let folder = project("  include: [conf/*.yaml]\n");
        let ours = "# rules\napiVersion: \"halosync/v1\"  # ours\nkind: Table\n";
        write(folder.path(), "conf/b.yaml", "");
        write(folder.path(), "groups.yaml", ours);
        write(folder.path(), "old/deep/a.yml", ours);
        for quiet in [".drafts/a.yaml", "target/a.yaml", "draft.yaml.off"] {
            write(folder.path(), quiet, ours);
        }
        write(folder.path(), "sandbox/halosync.yaml", ours);
        write(folder.path(), "sandbox/rules/a.yaml", ours);
        write(folder.path(), "deploy.yaml", "apiVersion: apps/v1\n");
        write(
            folder.path(),
            "text.yaml",
            "a: |\n  apiVersion: halosync/v1\n",
        );
        let loaded = Workspace::open(folder.path()).unwrap().load();
        let told: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|found| {
                (
                    found.code,
                    found.severity,
                    &*found.location.as_ref().unwrap().file,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("not-included", Severity::Warning, "groups.yaml"),
                ("not-included", Severity::Warning, "old/deep/a.yml"),
            ]
        );
        assert!(loaded.config.is_some());
        assert_eq!(loaded.files, 1);
    }

    #[test]
    fn a_pattern_that_leads_out_is_one_error_and_a_pattern_is_no_file() {
        let folder = project("  include: [../common/*.yaml, none/*.yaml, none.yaml]\n");
        let loaded = Workspace::open(folder.path()).unwrap().load();
        let told: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(
            told,
            [
                "path-outside-project",
                "include-matches-nothing",
                "file-unreadable"
            ]
        );
        assert_eq!(loaded.files, 1);
    }

    #[test]
    fn no_project_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            Workspace::open(folder.path()),
            Err(WorkspaceError::NotFound { .. } | WorkspaceError::Read { .. })
        ));
    }

    #[test]
    fn a_large_file_is_refused_unread() {
        let folder = project("");
        let large = fs::File::create(folder.path().join("big.yaml")).unwrap();
        large.set_len(50 * 1024 * 1024).unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        assert_eq!(paths(&workspace), [PROJECT_FILE]);
        let loaded = workspace.load();
        assert!(loaded.config.is_none());
        assert_eq!(loaded.diagnostics.len(), 1, "{:?}", loaded.diagnostics);
        let refused = loaded
            .diagnostics
            .iter()
            .find(|found| found.code == "file-too-large")
            .unwrap();
        assert_eq!(&*refused.location.as_ref().unwrap().file, "big.yaml");
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), "secret.yaml", "kind: Source\n");
        write(outside.path(), "rows.csv", "k,v\na,b\n");
        let folder = project("");
        write(folder.path(), "real.yaml", "");
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        };
        link(&outside.path().join("secret.yaml"), "out.yaml");
        link(outside.path(), "folder");
        link(&folder.path().join("real.yaml"), "in.yaml");
        link(folder.path(), "loop");
        link(&outside.path().join("rows.csv"), "rows.csv");
        let workspace = Workspace::open(folder.path()).unwrap();
        assert_eq!(paths(&workspace), [PROJECT_FILE, "in.yaml", "real.yaml"]);
        assert!(matches!(
            read_data(&workspace.root, "rows.csv"),
            Err(DataError::Unreadable(_))
        ));
        assert_eq!(
            read_data(&workspace.root, "none.csv"),
            Err(DataError::Missing)
        );
    }
}
