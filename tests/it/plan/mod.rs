//! The planner: golden folders, properties, plan files.
//!
//! A golden folder under `tests/golden` holds `config/*.yaml`, `people.jsonl`, `directory.jsonl` and the `plan.json`
//! they give. After a change on purpose, `BLESS=1 cargo test --test it plan` writes the plans anew; read the
//! difference before committing it.

mod addresses;
mod anything;
mod applied;
mod cases;
mod claims;
mod deletion;
mod file;
mod golden;
mod guards;
mod lifecycle;
mod moves;
mod names;
mod properties;
mod quality;
mod templates;
mod undo;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use halosync::config::{Config, DataError, InputFile, load};
use halosync::model::{DirectorySnapshot, Name, PeopleSnapshot};
use halosync::plan::{Plan, PlanInput, build};

pub(crate) fn golden_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

pub(crate) fn config_of(folder: &Path) -> Config {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|kind| kind != "yaml") {
            continue;
        }
        files.push((name, std::fs::read_to_string(&path).unwrap()));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    config_of_files(&files)
}

/// A configuration of files by name.
pub(crate) fn config_of_files(files: &[(&str, &str)]) -> Config {
    let files = files.iter().map(|(name, text)| InputFile {
        path: (*name).into(),
        bytes: text.as_bytes().to_vec(),
    });
    let loaded = load(files.collect(), &|_| Err(DataError::Missing));
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// Plans for one source and one target at a fixed moment.
pub(crate) fn plan(
    config: &Config,
    people: &PeopleSnapshot,
    directory: &DirectorySnapshot,
) -> Plan {
    let people = BTreeMap::from([(Name::new("people"), people.clone())]);
    let directories = BTreeMap::from([(Name::new("corp"), directory.clone())]);
    build(PlanInput {
        config,
        people: &people,
        directories: &directories,
        last_good: None,
        as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
    .unwrap()
}
