//! The JSON Schemas, and what the loader says about sample configurations.
//!
//! `BLESS=1 cargo nextest run -E 'test(schema)'` rewrites the schemas and the expected diagnostics; look at the
//! difference before committing it.

use std::collections::BTreeMap;
use std::path::Path;

use halosync::cli::schema;
use halosync::config::{self, DataError, InputFile, Loaded};
use halosync::render::diagnostics::{self, Format};

use crate::support::root;

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// All files below a folder: path relative to it, and bytes.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.replace('\\', "/"), std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

pub(crate) fn load(files: &BTreeMap<String, Vec<u8>>) -> Loaded {
    let inputs = files
        .iter()
        .filter(|(path, _)| path.ends_with(".yaml") || path.ends_with(".yml"))
        .map(|(path, bytes)| InputFile {
            path: path.as_str().into(),
            bytes: bytes.clone(),
        })
        .collect();
    let mut loaded = config::load(inputs, &|path| {
        files.get(path).cloned().ok_or(DataError::Missing)
    });
    loaded.dated("2026-11-23T10:00:00Z".parse().unwrap());
    loaded
}

fn compare(path: &Path, text: &str, wrong: &mut Vec<String>) {
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == text {
        return;
    }
    if blessing() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    } else {
        let difference = similar::TextDiff::from_lines(expected.as_str(), text);
        let shown = difference
            .unified_diff()
            .header("expected", "found")
            .to_string();
        wrong.push(format!("{}\n{shown}", path.display()));
    }
}

#[test]
fn schema_files_are_those_the_types_give() {
    let folder = root().join("schemas");
    let mut wrong = Vec::new();
    let files = schema::files();
    for (name, text) in &files {
        compare(&folder.join(name), text, &mut wrong);
    }
    for name in files_below(&folder).keys() {
        if !files.iter().any(|(known, _)| known == name) {
            wrong.push(format!("schemas/{name} is not generated any more"));
        }
    }
    assert!(
        wrong.is_empty(),
        "schemas differ; run: BLESS=1 cargo nextest run -E 'test(schema)'\n{}",
        wrong.join("\n")
    );
}

#[test]
fn schema_files_are_valid_schemas_with_descriptions() {
    for (name, text) in schema::files() {
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(jsonschema::validator_for(&schema).is_ok(), "{name}");
        let draft = schema["$schema"].as_str().unwrap();
        assert_eq!(
            draft.contains("draft-07"),
            name.starts_with("draft-07/"),
            "{name}"
        );
        let whole = schema.to_string();
        assert!(!whole.contains("WrittenRule"), "{name} shows an inner name");
        if !name.contains("plan") {
            // Lines of a journal are of several kinds, told apart by `line`.
            let kinds = schema["oneOf"].as_array();
            let kinds = kinds.map_or_else(|| vec![&schema], |kinds| kinds.iter().collect());
            let properties = kinds.iter().flat_map(|kind| {
                let properties = kind["properties"].as_object();
                properties.unwrap_or_else(|| panic!("{name}: {kind}"))
            });
            for (property, told) in properties {
                let described = told.get("description").is_some() || told.get("$ref").is_some();
                assert!(described || property == "line", "{name}: {property}");
            }
        }
    }
}

#[test]
fn schema_samples_that_are_valid_have_nothing_to_complain_about() {
    let folder = root().join("tests/schema/valid");
    let mut samples = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let loaded = load(&files_below(&path));
        let shown = diagnostics::render(&loaded.diagnostics, &loaded.sources, Format::Text, false);
        assert!(shown.is_empty(), "{}:\n{shown}", path.display());
        assert!(loaded.config.is_some());
        samples += 1;
    }
    assert!(samples > 0);
}

/// A sample is a file or a folder; a file stands in for the documents of its kinds in the complete valid sample.
fn sample(path: &Path) -> BTreeMap<String, Vec<u8>> {
    if path.is_dir() {
        return files_below(path);
    }
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files = files_below(&root().join("tests/schema/valid/complete"));
    if text.starts_with("# alone") {
        files.clear();
    }
    files.retain(|_, base| {
        let base = String::from_utf8_lossy(base);
        !base
            .lines()
            .filter(|line| line.starts_with("kind: "))
            .any(|line| text.lines().any(|other| other == line))
    });
    files.insert(name, bytes);
    files
}

#[test]
fn schema_samples_that_are_invalid_get_the_expected_diagnostics() {
    let folder = root().join("tests/schema/invalid");
    let mut wrong = Vec::new();
    let mut samples = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let stem = path.with_extension("");
            if !stem.is_dir() && !stem.with_extension("yaml").is_file() {
                wrong.push(format!("{} belongs to no sample", path.display()));
            }
            continue;
        }
        samples += 1;
        let loaded = load(&sample(&path));
        assert!(
            !loaded.diagnostics.is_empty(),
            "{}: nothing is wrong with it",
            path.display()
        );
        let shown = diagnostics::render(&loaded.diagnostics, &loaded.sources, Format::Text, false);
        let summary = diagnostics::summary(&loaded.diagnostics, loaded.files);
        compare(
            &path.with_extension("txt"),
            &format!("{shown}{summary}\n"),
            &mut wrong,
        );
    }
    assert!(samples > 10, "{samples} samples");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
