use std::collections::BTreeMap;

use super::*;
use crate::config::kinds::{AttributeRule, AttributeSpec};

const PROJECT: &str =
    "apiVersion: halosync/v1\nkind: Project\nmetadata: {name: a}\nspec: {timeZone: UTC}\n";

fn files(files: &[(&str, &str)]) -> Vec<InputFile> {
    files
        .iter()
        .map(|(path, text)| InputFile {
            path: (*path).into(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect()
}

fn no_data(_: &str) -> Result<Vec<u8>, DataError> {
    Err(DataError::Missing)
}

fn codes_of(loaded: &Loaded) -> Vec<&str> {
    loaded.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn files_of_others_are_ignored_and_have_no_digest() {
    let loaded = load(
        files(&[
            ("halosync.yaml", PROJECT),
            (".github.yaml", "name: CI\non: [push]\n"),
            ("list.yaml", "- a\n- b\n"),
            ("text.yaml", "just text\n"),
            ("empty.yaml", ""),
        ]),
        &no_data,
    );
    assert_eq!(loaded.diagnostics, []);
    let config = loaded.config.unwrap();
    assert_eq!(config.files.len(), 1);
    assert_eq!(
        config.files[0].digest,
        format!("sha256:{}", hex::encode(Sha256::digest(PROJECT)))
    );
    assert_eq!(
        loaded
            .sources
            .keys()
            .map(|path| &**path)
            .collect::<Vec<_>>(),
        ["halosync.yaml"]
    );
}

#[test]
fn documents_know_where_they_stand() {
    let table = "# first\napiVersion: halosync/v1\nkind: Table\nmetadata: {name: t}\nspec:\n  rows:\n    a/b: x\n";
    let loaded = load(
        files(&[("halosync.yaml", PROJECT), ("t.yaml", table)]),
        &no_data,
    );
    let config = loaded.config.unwrap();
    let positions = &config.tables[&Name::new("t")].document.positions;
    let key = positions.key("/spec/rows/a~1b");
    assert_eq!((&*key.file, key.line, key.column), ("t.yaml", 7, 5));
    let value = positions.value("/spec/rows/a~1b");
    assert_eq!((value.line, value.column), (7, 10));
    assert_eq!(positions.key("").line, 2);
}

#[test]
fn the_order_of_files_does_not_matter() {
    let mut inputs = files(&[
        ("halosync.yaml", PROJECT),
        (
            "a.yaml",
            "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: t}\nspec: {}\n",
        ),
        (
            "b.yaml",
            "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: t}\nspec: {row: {}}\n",
        ),
        ("c.yaml", "a: [\n"),
    ]);
    let first = load(inputs.clone(), &no_data).diagnostics;
    assert_eq!(first.len(), 4, "{first:?}");
    inputs.reverse();
    assert_eq!(load(inputs, &no_data).diagnostics, first);
}

#[test]
fn what_may_stand_in_an_unreadable_file_is_not_called_missing() {
    let groups = "apiVersion: halosync/v1\nkind: Groups\nmetadata: {name: g}\nspec: {source: s, target: t, rules: [{group: 'CN=a,DC=b'}]}\n";
    let with = |broken: &str| {
        load(
            files(&[
                ("halosync.yaml", PROJECT),
                ("g.yaml", groups),
                ("x.yaml", broken),
            ]),
            &no_data,
        )
    };
    assert_eq!(
        codes_of(&with("a: 1\n")),
        ["unknown-source", "unknown-target"]
    );
    assert_eq!(codes_of(&with("a: [\n")), ["yaml-syntax"]);
    assert_eq!(
        codes_of(&with("apiVersion: halosync/v1\nkind: Sorce\n")),
        ["unknown-kind"]
    );
}

#[test]
fn a_fault_hides_no_other_in_the_same_document() {
    let table = "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: t}\nspec:\n  rows: {A: x, a: y, b: 5}\n  unmaped: hold\n";
    let loaded = load(
        files(&[("halosync.yaml", PROJECT), ("t.yaml", table)]),
        &no_data,
    );
    assert_eq!(
        codes_of(&loaded),
        ["duplicate-row", "wrong-type", "unknown-field"]
    );
}

#[test]
fn tables_fold_keys_and_read_each_file_once() {
    let table = |name: &str, more: &str| {
        format!(
            "apiVersion: halosync/v1\nkind: Table\nmetadata: {{name: {name}}}\nspec: {{csv: {{file: d/t.csv, key: K, value: V}}{more}}}\n"
        )
    };
    let text = format!(
        "{}---\n{}",
        table("folded", ""),
        table("exact", ", caseSensitive: true")
    );
    let asked = std::cell::Cell::new(0);
    let data = |path: &str| {
        asked.set(asked.get() + 1);
        assert_eq!(path, "d/t.csv");
        Ok(b"\xef\xbb\xbfV,K\r\n Val ,\" KEY, e\xcc\x81 \"\r\n".to_vec())
    };
    let loaded = load(
        files(&[("halosync.yaml", PROJECT), ("t.yaml", &text)]),
        &data,
    );
    assert_eq!(loaded.diagnostics, []);
    let config = loaded.config.unwrap();
    let rows = |name: &str| config.tables[&Name::new(name)].rows.clone();
    assert_eq!(
        rows("folded"),
        BTreeMap::from([("key, é".to_owned(), "Val".to_owned())])
    );
    assert_eq!(
        rows("exact"),
        BTreeMap::from([("KEY, é".to_owned(), "Val".to_owned())])
    );
    assert_eq!(asked.get(), 1);
    assert!(config.files.iter().any(|file| &*file.path == "d/t.csv"));
}

#[test]
fn a_data_file_too_large_or_unreadable_is_said_so() {
    let table = "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: t}\nspec: {csv: {file: t.csv, key: K, value: V}}\n";
    let with = |data: &dyn Fn(&str) -> Result<Vec<u8>, DataError>| {
        let loaded = load(
            files(&[("halosync.yaml", PROJECT), ("t.yaml", table)]),
            data,
        );
        codes_of(&loaded).join(",")
    };
    assert_eq!(with(&no_data), "missing-file");
    assert_eq!(
        with(&|_| Err(DataError::TooLarge(1 << 30))),
        "file-too-large"
    );
    assert_eq!(with(&|_| Ok(vec![b'a'; 5 << 20])), "file-too-large");
    assert_eq!(
        with(&|_| Err(DataError::Unreadable("denied".to_owned()))),
        "file-unreadable"
    );
    assert_eq!(with(&|_| Ok(Vec::new())), "missing-column,missing-column");
}

#[test]
fn unique_is_one_thing_however_it_is_written() {
    let rule = |text: &str| -> AttributeRule {
        let spec: AttributeSpec = serde_json::from_str(text).unwrap();
        match spec {
            AttributeSpec::Rule(rule) => *rule,
            AttributeSpec::Template(_) => panic!("{text} is a template"),
        }
    };
    let list = rule(r#"{"unique": ["a", "b"], "numbered": true}"#);
    let object = rule(r#"{"unique": {"formats": ["a", "b"], "numbered": true}}"#);
    assert_eq!(list, object);
    let unique = list.unique.unwrap();
    assert!(unique.numbered);
    assert_eq!(unique.max_length, None);
    assert!(!rule(r#"{"unique": ["a"]}"#).unique.unwrap().numbered);
    // What is written out can be read again.
    let written = serde_json::to_string(&object).unwrap();
    assert_eq!(rule(&written), object);
}

#[test]
fn include_patterns_are_found_without_checking_anything() {
    let found = |bytes: &[u8]| -> Vec<String> {
        let patterns = include_patterns("halosync.yaml", bytes);
        patterns.into_iter().map(|pattern| pattern.text).collect()
    };
    assert_eq!(found(PROJECT.as_bytes()), ["**/*.yaml", "**/*.yml"]);
    assert_eq!(found(b"a: ["), ["**/*.yaml", "**/*.yml"]);
    let text = "kind: Project\nspec: {include: [conf/*.yaml, 5]}\n";
    assert_eq!(found(text.as_bytes()), ["conf/*.yaml"]);
}
