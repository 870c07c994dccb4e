//! `halosync validate`: everything that is wrong with a configuration, at once.

use std::io::{self, Write};
use std::path::Path;

use super::workspace::{Workspace, WorkspaceError};
use crate::config;
use crate::render::diagnostics::{self, Format};

/// Why validating could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// There is no project to validate.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The result could not be written.
    #[error("cannot write the result")]
    Write(#[from] io::Error),
}

/// What validating found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Faults that keep the configuration from being used.
    pub errors: usize,
    /// Faults that do not.
    pub warnings: usize,
}

impl Verdict {
    /// The program's exit code: 0, or 65 for an invalid configuration.
    pub fn exit_code(self) -> u8 {
        if self.errors == 0 { 0 } else { 65 }
    }
}

/// Validates the project of a folder and writes what there is to say.
///
/// Machine formats get nothing but the diagnostics; text ends with a line that counts them, and, when they are asked
/// for and nothing is wrong, the rules about each attribute. What has expired is judged by `now`.
///
/// # Errors
/// See [`ValidateError`]; an invalid configuration is not one.
pub fn run(
    project: &Path,
    format: Format,
    out: &mut dyn Write,
    colour: bool,
    effective: bool,
    now: jiff::Timestamp,
) -> Result<Verdict, ValidateError> {
    let workspace = Workspace::open(project)?;
    let prefix = match format {
        // Services that show findings beside a pull request know paths from the repository's root.
        Format::Sarif | Format::Github => prefix_in_repository(&workspace.root),
        Format::Text | Format::Json => None,
    };
    let mut loaded = workspace.load();
    loaded.dated(now);
    if let Some(prefix) = prefix {
        for location in loaded
            .diagnostics
            .iter_mut()
            .filter_map(|found| found.location.as_mut())
        {
            location.file = format!("{prefix}/{}", location.file).into();
        }
    }
    let found = &loaded.diagnostics;
    let (errors, warnings) = diagnostics::count(found);
    out.write_all(diagnostics::render(found, &loaded.sources, format, colour).as_bytes())?;
    if format == Format::Text {
        if found.is_empty() {
            let files = match loaded.sources.len() {
                1 => "1 file".to_owned(),
                count => format!("{count} files"),
            };
            writeln!(out, "configuration is valid: {files}")?;
        } else {
            writeln!(out, "{}", diagnostics::summary(found, loaded.files))?;
        }
    }
    if effective && let Some(config) = &loaded.config {
        let rules = config::effective(config);
        out.write_all(crate::render::effective::text(&rules).as_bytes())?;
    }
    Ok(Verdict { errors, warnings })
}

/// The folder's path within the git repository it stands in; `None` when it is its root, or in none.
pub(crate) fn prefix_in_repository(folder: &Path) -> Option<String> {
    let root = folder
        .ancestors()
        .find(|above| above.join(".git").exists())?;
    let parts: Option<Vec<&str>> = folder
        .strip_prefix(root)
        .ok()?
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    fn validate(text: &str, format: Format) -> (Verdict, String) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("halosync.yaml"), text).unwrap();
        let mut out = Vec::new();
        let verdict = run(folder.path(), format, &mut out, false, false, NOW).unwrap();
        (verdict, String::from_utf8(out).unwrap())
    }

    const PROJECT: &str =
        "apiVersion: halosync/v1\nkind: Project\nmetadata: {name: a}\nspec: {timeZone: UTC}\n";

    #[test]
    fn a_valid_project_is_one_line() {
        let (verdict, out) = validate(PROJECT, Format::Text);
        assert_eq!(verdict.exit_code(), 0);
        assert_eq!(out, "configuration is valid: 1 file\n");
    }

    #[test]
    fn an_invalid_one_exits_65_and_is_counted() {
        let (verdict, out) = validate(&PROJECT.replace("UTC", "UTX"), Format::Text);
        assert_eq!(verdict.exit_code(), 65);
        assert!(out.ends_with("\n1 error, 0 warnings in 1 file\n"), "{out}");
        let (_, json) = validate(&PROJECT.replace("UTC", "UTX"), Format::Json);
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }

    /// The last day of an exception is judged by the day, in the project's zone.
    #[test]
    fn exceptions_end_with_their_last_day() {
        let complete = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/valid/complete");
        let on = |moment: &str| {
            let mut out = Vec::new();
            let now = moment.parse().unwrap();
            let verdict = run(&complete, Format::Text, &mut out, false, false, now).unwrap();
            let out = String::from_utf8(out).unwrap();
            let told = |code: &str| out.matches(&format!("[{code}]")).count();
            (
                told("exception-expires-soon"),
                told("exception-expired"),
                verdict.exit_code(),
            )
        };
        assert_eq!(on("2027-01-16T23:59:59Z"), (0, 0, 0));
        assert_eq!(on("2027-01-17T00:00:00Z"), (1, 0, 0));
        assert_eq!(on("2027-01-31T23:59:59Z"), (1, 0, 0));
        assert_eq!(on("2027-02-01T00:00:00Z"), (0, 1, 65));
        assert_eq!(on("2027-03-20T12:00:00Z"), (2, 1, 65));
    }

    #[test]
    fn the_rules_about_each_attribute_are_listed_in_order() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/template/config");
        let mut out = Vec::new();
        run(&golden, Format::Text, &mut out, false, true, NOW).unwrap();
        let out = String::from_utf8(out).unwrap();
        let start = out.find("  physicalDeliveryOfficeName\n").unwrap();
        let offices: Vec<&str> = out[start..].lines().skip(1).take(3).collect();
        assert!(
            offices[0]
                .starts_with("    template leeds · priority 20 · when person.site is defined")
                && offices[0].ends_with("sites.yaml:10 → Leeds"),
            "{offices:?}"
        );
        assert!(
            offices[1].contains("template research · priority 10"),
            "{offices:?}"
        );
        assert!(
            offices[2].contains("template sales · priority 10"),
            "{offices:?}"
        );
        let places = &out[out.find("  placement\n").unwrap()..];
        let owners: Vec<&str> = places
            .lines()
            .skip(1)
            .map(|line| line.split(" · ").next().unwrap().trim())
            .collect();
        assert_eq!(
            owners,
            ["state leaver", "template leeds", "mapping employees"]
        );
    }

    #[test]
    fn annotations_name_files_from_the_repository_root() {
        let repository = tempfile::tempdir().unwrap();
        let folder = repository.path().join("conf/acme");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir(repository.path().join(".git")).unwrap();
        std::fs::write(folder.join("halosync.yaml"), PROJECT.replace("UTC", "UTX")).unwrap();
        for (format, expected) in [
            (Format::Github, "file=conf/acme/halosync.yaml,"),
            (Format::Sarif, "\"uri\": \"conf/acme/halosync.yaml\""),
            (Format::Text, "--> halosync.yaml:"),
        ] {
            let mut out = Vec::new();
            run(&folder, format, &mut out, false, false, NOW).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(expected), "{out}");
        }
    }
}
