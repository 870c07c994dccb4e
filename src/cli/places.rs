//! Where commands may write: one guard for every option that names a file or a directory to be written.
//!
//! Must not know what is written there. Keeps that nothing lands in git's own folder or among the configuration, where it
//! would replace a rule or be read as one, and that whatever is wrong with a name is told before a system is asked.

use std::path::{Component, Path, PathBuf};

use super::exit::Exit;
use super::failure::Failure;
use super::project::Project;
use super::walk;
use super::workspace::PROJECT_FILE;
use crate::render;

/// A place as it was named, and by which option.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    /// The option, with its dashes.
    pub(crate) option: &'a str,
    /// What follows it.
    pub(crate) path: &'a Path,
}

/// The name of a file, for people: one line, whatever it is called.
pub(crate) fn shown_path(path: &Path) -> String {
    render::plain(&path.display().to_string())
}

/// The name of a file as it is typed at a shell (POSIX.1-2017, Shell Command Language 2.2.2).
pub(crate) fn typed_path(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text;
    }
    let text = match text.starts_with('-') {
        true => format!("./{text}"),
        false => text,
    };
    if render::plain(&text) == text {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    // Characters that are not shown are written as they can be typed (POSIX.1-2024, dollar-single-quotes).
    let mut typed = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => typed.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' => typed.push(c),
            c => {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                typed.extend(bytes.map(|byte| format!("\\{byte:03o}")));
            }
        }
    }
    typed + "'"
}

/// The way out where nothing was begun.
const UNTOUCHED: &str = "nothing was read or written";

impl<'a> Named<'a> {
    pub(crate) const fn new(option: &'a str, path: &'a Path) -> Self {
        Self { option, path }
    }

    fn refused(self, why: &str, help: &str) -> Failure {
        let shown = match self.path.as_os_str().is_empty() {
            true => "an empty name".to_owned(),
            false => self.path.display().to_string(),
        };
        Failure::new(Exit::Usage, format!("{}: {shown} {why}", self.option))
            .help(format!("{help}; {UNTOUCHED}"))
    }

    /// A file that is to be written, new or again: its folder takes it, and it is none of the project's or of git.
    ///
    /// Whether what stands there already may be replaced depends on what it is: [`super::files::check_replaceable`].
    ///
    /// # Errors
    /// When it is not such a place.
    pub(crate) fn check_file(self, project: Option<&Project>) -> Result<(), Failure> {
        self.check_name(project)?;
        self.check_writable(self.folder())
    }

    /// The same by name alone, for whoever does not write at all.
    ///
    /// # Errors
    /// When it is not such a place.
    pub(crate) fn check_name(self, project: Option<&Project>) -> Result<(), Failure> {
        self.check_name_but(project, |_| false)
    }

    fn folder(self) -> &'a Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The same for a list of names, which may be a table of the project: rows are added to it.
    ///
    /// # Errors
    /// When it is not such a place.
    pub(crate) fn check_names(self, project: &Project) -> Result<(), Failure> {
        let tables = project.config.tables.values();
        let tables: Vec<&str> = tables
            .filter_map(|table| Some(&*table.document.spec.csv.as_ref()?.file))
            .collect();
        self.check_name_but(Some(project), |file| tables.contains(&file))?;
        self.check_writable(self.folder())
    }

    fn check_name_but(
        self,
        project: Option<&Project>,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        const HELP: &str = "name another file";
        if self.path.is_dir() {
            return Err(self.refused("is a folder, and a file is wanted", "name a file"));
        }
        if self.path.file_name().is_none() {
            return Err(self.refused("is no name of a file", "name a file"));
        }
        let folder = self.folder();
        if !folder.is_dir() {
            let why = match std::fs::symlink_metadata(folder) {
                Ok(_) => "stands below a file, and not in a folder",
                Err(_) => "stands in a folder that does not exist",
            };
            return Err(self.refused(why, "make the folder first, or name another file"));
        }
        let real = self.real()?;
        if is_of_git(&real) {
            return Err(self.refused("is in git's own folder", HELP));
        }
        if let Some(project) = project {
            // Links are followed on both sides: a second name of a rule is that rule.
            let configuration = configuration(project);
            let known = configuration.iter().find(|(_, file)| *file == real);
            if let Some((name, _)) = known {
                return match allowed(name) {
                    true => Ok(()),
                    false => Err(self.refused("is configuration of the project", HELP)),
                };
            }
            if walk::loads(&project.root, &project.config.project.spec.include, &real) {
                return Err(self.refused(
                    "would be read as configuration, for `include` of the project matches it",
                    "name a file that no pattern of `include` matches",
                ));
            }
        }
        Ok(())
    }

    /// A directory for files of a run. It need not exist.
    ///
    /// # Errors
    /// When it is a file or below one, or in git's own folder.
    pub(crate) fn check_dir(self) -> Result<(), Failure> {
        const HELP: &str = "name another directory";
        if self.path.as_os_str().is_empty() {
            return Err(self.refused("is no name of a directory", "name a directory"));
        }
        if self.path.exists() && !self.path.is_dir() {
            return Err(self.refused("is a file, and a directory is wanted", "name a directory"));
        }
        let real = self.real()?;
        if is_of_git(&real) {
            return Err(self.refused("is in git's own folder", HELP));
        }
        let Some(standing) = real.ancestors().find(|above| above.exists()) else {
            return Ok(());
        };
        if !standing.is_dir() {
            return Err(self.refused("stands below a file, and not in a folder", HELP));
        }
        self.check_writable(standing)
    }

    /// The same for a directory that is replaced or filled with people's data: none of the configuration is in it.
    ///
    /// # Errors
    /// As [`Self::check_dir`], and when configuration stands in it or below.
    pub(crate) fn check_dir_apart(self, project: &Project) -> Result<(), Failure> {
        self.check_dir()?;
        let real = self.real()?;
        let configuration = configuration(project);
        let held = configuration
            .iter()
            .find(|(_, file)| file.starts_with(&real));
        match held {
            Some((file, _)) => Err(self.refused(
                &format!("holds configuration of the project ({file})"),
                "name an empty directory or a new one",
            )),
            None => Ok(()),
        }
    }

    /// The same without a project at hand: nothing of a project is written over where none of its files stands.
    ///
    /// # Errors
    /// As [`Self::check_dir`], and when a project begins there.
    pub(crate) fn check_dir_of_no_project(self) -> Result<(), Failure> {
        self.check_dir()?;
        if self.path.join(PROJECT_FILE).exists() {
            return Err(self.refused(
                &format!("is the folder of a project ({PROJECT_FILE} stands in it)"),
                "name a folder of its own, such as `schemas`",
            ));
        }
        Ok(())
    }

    /// A directory that is to exist already.
    ///
    /// # Errors
    /// As [`Self::check_dir`], and when it does not exist.
    pub(crate) fn check_standing_dir(self) -> Result<(), Failure> {
        self.check_dir()?;
        if !self.path.is_dir() {
            return Err(self.refused("does not exist", "make the directory first"));
        }
        Ok(())
    }

    fn real(self) -> Result<PathBuf, Failure> {
        real(self.path)
    }

    /// Whether a folder takes files: told now, and not when everything is read and judged.
    fn check_writable(self, folder: &Path) -> Result<(), Failure> {
        tempfile::NamedTempFile::new_in(folder)
            .map(drop)
            .map_err(|error| {
                self.refused(
                    &format!(
                        "cannot be written: the folder takes no files ({})",
                        super::failure::why(&error)
                    ),
                    "allow it to the user the command runs as, make room, or name another place",
                )
            })
    }
}

/// Refuses two names of one place: what is written second would be written over the first.
///
/// # Errors
/// When two are the same, links and dots resolved.
pub(crate) fn check_apart(places: &[Named<'_>]) -> Result<(), Failure> {
    let real: Vec<PathBuf> = places
        .iter()
        .map(|place| real(place.path))
        .collect::<Result<_, _>>()?;
    for (at, path) in real.iter().enumerate() {
        let Some(other) = real[..at].iter().position(|earlier| earlier == path) else {
            continue;
        };
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} and {} are the same file: {}",
                places[other].option,
                places[at].option,
                render::plain(&places[at].path.display().to_string())
            ),
        )
        .help(format!("name different files; {UNTOUCHED}")));
    }
    Ok(())
}

/// A place without links and dots, whether or not it exists.
pub(crate) fn real(path: &Path) -> Result<PathBuf, Failure> {
    let whole =
        std::path::absolute(path).map_err(|error| Failure::file("look at", path, &error))?;
    let mut missing = Vec::new();
    let mut above = whole.as_path();
    loop {
        if let Ok(real) = std::fs::canonicalize(above) {
            let mut found = real;
            for name in missing.iter().rev() {
                match name {
                    Component::ParentDir => {
                        found.pop();
                    }
                    Component::CurDir => {}
                    name => found.push(name),
                }
            }
            return Ok(found);
        }
        let (Some(parent), Some(name)) = (above.parent(), above.components().next_back()) else {
            return Ok(whole);
        };
        missing.push(name);
        above = parent;
    }
}

/// Files of the project, as it names them and as they are: configuration, its tables, and the keys of signers.
fn configuration(project: &Project) -> Vec<(String, PathBuf)> {
    let config = &project.config;
    let files = config.files.iter().map(|file| &*file.path);
    let signers = config.signers.keys().map(String::as_str);
    files
        .chain(signers)
        .filter_map(|path| {
            let real = std::fs::canonicalize(project.root.join(path)).ok()?;
            Some((path.to_owned(), real))
        })
        .collect()
}

/// Whether a place is in the folder in which git keeps a repository.
fn is_of_git(real: &Path) -> bool {
    real.components()
        .any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
}

#[cfg(test)]
mod tests {
    use super::typed_path;
    use std::path::Path;

    #[test]
    fn names_are_typed_so_that_a_shell_takes_them_for_one() {
        for (name, typed) in [
            ("out/plan.json", "out/plan.json"),
            ("a b.json", "'a b.json'"),
            ("$(id).json", "'$(id).json'"),
            ("it's.json", r"'it'\''s.json'"),
            ("-o.json", "'./-o.json'"),
            ("a\u{1b}[31m'\n.json", r"$'a\033[31m\'\012.json'"),
        ] {
            assert_eq!(typed_path(Path::new(name)), typed);
        }
    }
}
