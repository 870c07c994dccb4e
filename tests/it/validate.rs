//! Validating whole configurations: nothing is echoed that is secret, nothing panics, every code is documented.

use std::collections::BTreeSet;

use halosync::config::{self, DataError, InputFile, codes};
use halosync::render::diagnostics::{self, Format};
use proptest::prelude::*;

use crate::schema::{files_below, load};

use crate::support::root;

#[test]
fn p4_no_literal_secret_is_shown_in_any_format() {
    let folder = root().join("tests/schema/invalid");
    let mut samples = 0;
    for (path, bytes) in files_below(&folder) {
        let shown = String::from_utf8_lossy(&bytes);
        if path.ends_with(".txt") {
            assert!(
                !shown.to_lowercase().contains("hunter2"),
                "{path} shows a secret"
            );
            continue;
        }
        if !shown.to_lowercase().contains("hunter2") {
            continue;
        }
        samples += 1;
        let loaded = load(&[(path.clone(), bytes)].into());
        assert!(loaded.config.is_none());
        for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
            for colour in [false, true] {
                let out = diagnostics::render(&loaded.diagnostics, &loaded.sources, format, colour);
                assert!(
                    !out.to_lowercase().contains("hunter2"),
                    "{path} as {format:?}:\n{out}"
                );
            }
        }
        let sources = format!("{:?}", loaded.sources).to_lowercase();
        assert!(!sources.contains("hunter2"), "{path}: {sources}");
    }
    assert!(samples >= 4, "{samples} samples hold a secret");
}

/// Those of the configuration, and those of the language as they stand in its source.
fn known_codes() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = codes::ALL.iter().map(|code| (*code).to_owned()).collect();
    let of_language = regex::Regex::new(r#""(language-[a-z0-9-]+)""#).unwrap();
    for (_, bytes) in files_below(&root().join("src/lang")) {
        let source = String::from_utf8(bytes).unwrap();
        known.extend(
            of_language
                .captures_iter(&source)
                .map(|found| found[1].to_owned()),
        );
    }
    known
}

#[test]
fn every_code_is_documented_and_every_documented_code_exists() {
    let text = std::fs::read_to_string(root().join("docs/diagnostics.md")).unwrap();
    let documented: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known = known_codes();
    let missing: Vec<&String> = known
        .iter()
        .filter(|code| !documented.contains(code.as_str()))
        .collect();
    let stale: Vec<&&str> = documented
        .iter()
        .filter(|code| !known.contains(**code))
        .collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "docs/diagnostics.md lacks {missing:?} and explains {stale:?}, which no longer exist"
    );
}

#[test]
fn every_code_is_met_by_a_sample_or_a_unit_test() {
    let mut met = String::new();
    for (path, bytes) in files_below(&root().join("tests/schema/invalid")) {
        if path.ends_with(".txt") {
            met.push_str(&String::from_utf8(bytes).unwrap());
        }
    }
    // Met beside the code: they need files on disk, a day, or sizes no sample should have.
    let elsewhere = [
        codes::EXCEPTION_EXPIRED,
        codes::EXCEPTION_EXPIRES_SOON,
        codes::FILE_TOO_LARGE,
        codes::FILE_UNREADABLE,
        codes::INCLUDE_MATCHES_NOTHING,
        codes::NOT_INCLUDED,
        codes::TOO_MANY_FILES,
    ];
    let unmet: Vec<String> = known_codes()
        .into_iter()
        .filter(|code| !elsewhere.contains(&code.as_str()) && !met.contains(&format!("[{code}]")))
        .collect();
    assert!(unmet.is_empty(), "no sample for {unmet:?}");
}

#[test]
fn a_configuration_of_ten_thousand_rules_is_checked_in_moments() {
    let mut files = files_below(&root().join("tests/schema/valid/complete"));
    let mut groups = String::from(
        "apiVersion: halosync/v1\nkind: Groups\nmetadata: {name: departments}\nspec:\n  source: people\n  target: corp\n  rules:\n",
    );
    for number in 0..10_000 {
        groups.push_str(&format!(
            "    - {{group: \"CN=G{number},OU=Groups,DC=corp,DC=example,DC=test\", when: person.department == 'D{number}'}}\n"
        ));
    }
    files.insert("groups.yaml".to_owned(), groups.into_bytes());
    let started = std::time::Instant::now();
    let loaded = load(&files);
    assert_eq!(loaded.diagnostics, []);
    assert!(loaded.config.is_some());
    assert!(
        started.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

/// Texts made of pieces YAML and our documents are made of, so that many of them get past the first check.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("apiVersion: halosync/v1\n".to_owned()),
        Just("kind: Mapping\n".to_owned()),
        Just("kind: Source\n".to_owned()),
        Just("kind: Table\n".to_owned()),
        Just("kind: Lifecycle\n".to_owned()),
        Just("metadata: {name: a}\n".to_owned()),
        Just("spec:\n".to_owned()),
        Just("  attributes:\n".to_owned()),
        Just("    cn: \"{{ person.x | latin('de') }}\"\n".to_owned()),
        Just("  rows: {a: b}\n".to_owned()),
        Just("  person: {fields: {a: {from: users.b}}}\n".to_owned()),
        Just("  states: [{name: a, account: {enabled: true}}]\n".to_owned()),
        Just("  password: |\n    x\n".to_owned()),
        Just("---\n".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("<<: ".to_owned()),
        Just("\u{feff}\u{85}\r\n".to_owned()),
        "[ -~\n\t]{0,12}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn survives(bytes: Vec<u8>) {
    let loaded = config::load(
        vec![InputFile {
            path: "a.yaml".into(),
            bytes: bytes.clone(),
        }],
        &|_| Ok::<_, DataError>(bytes.clone()),
    );
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        diagnostics::render(&loaded.diagnostics, &loaded.sources, format, false);
    }
    for found in &loaded.diagnostics {
        assert!(found.length >= 1);
        if let Some(at) = &found.location {
            assert!(at.line >= 1 && at.column >= 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_loading_panic(text in pieces()) {
        survives(text.into_bytes());
    }

    #[test]
    fn no_bytes_make_loading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(bytes);
    }
}
