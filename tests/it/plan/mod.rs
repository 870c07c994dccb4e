//! The planner: golden folders, properties, plan files.
//!
//! A golden folder under `tests/golden` holds `config/*.yaml`, `people.jsonl`, `directory.jsonl` and the `plan.json`
//! they give. After a change on purpose, `BLESS=1 cargo test --test it plan` writes the plans anew; read the
//! difference before committing it.

mod addresses;
mod applied;
mod cases;
mod claims;
mod file;
mod golden;
mod guards;
mod lifecycle;
mod moves;
mod names;
mod properties;
mod quality;
mod templates;

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
        files.push(InputFile {
            path: path.file_name().unwrap().to_str().unwrap().into(),
            bytes: std::fs::read(&path).unwrap(),
        });
    }
    let loaded = load(files, &|_| Err(DataError::Missing));
    loaded
        .config
        .unwrap_or_else(|| panic!("{}: {:#?}", folder.display(), loaded.diagnostics))
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
