//! What is told of a plan without personal data: of every golden plan, nothing that names anybody.

use std::collections::{BTreeSet, HashSet};

use halosync::plan::{self, PlanFile, redacted};
use halosync::render::{MarkdownOptions, TextOptions, redacted_markdown, redacted_text};
use serde_json::Value;

/// What the configuration calls things: told to everybody, and now and then somebody's value as well.
fn given(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| given(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                match value {
                    Value::String(text)
                        if [
                            "target", "source", "project", "name", "guard", "code", "file", "kind",
                            "limit",
                        ]
                        .contains(&name.as_str()) =>
                    {
                        found.insert(text.clone());
                    }
                    _ => given(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Texts of a plan that are somebody's: labels, keys, names of objects, values, facts, sentences, ids, examples.
fn personal(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    const SOMEBODYS: [&str; 17] = [
        "label",
        "key",
        "dn",
        "guid",
        "id",
        "text",
        "reason",
        "message",
        "evidence",
        "found",
        "wanted",
        "examples",
        "scope",
        "createdBy",
        "unit",
        "owner",
        "ticket",
    ];
    const ALL_BELOW: [&str; 4] = ["before", "after", "facts", "examples"];
    match value {
        Value::String(text) if SOMEBODYS.contains(&key) || ALL_BELOW.contains(&key) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| personal(item, key, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let key = if ALL_BELOW.contains(&key) && name != "dn" {
                    key
                } else {
                    name
                };
                personal(value, key, found);
            }
        }
        _ => {}
    }
}

fn forms(file: &PlanFile) -> [String; 3] {
    let plan = redacted(file);
    let text = TextOptions {
        colour: false,
        width: None,
        full: true,
    };
    let markdown = MarkdownOptions {
        max_bytes: usize::MAX,
    };
    [
        redacted_text(&plan, &text),
        redacted_markdown(&plan, true, &markdown),
        serde_json::to_string_pretty(&plan).unwrap(),
    ]
}

#[test]
fn no_golden_plan_names_anybody_when_redacted() {
    let (mut plans, mut looked_for) = (0, 0);
    for entry in std::fs::read_dir(crate::plan::golden_root()).unwrap() {
        let Ok(bytes) = std::fs::read(entry.unwrap().path().join("plan.json")) else {
            continue;
        };
        plans += 1;
        let file = plan::read(&bytes).unwrap();
        let mut texts = BTreeSet::new();
        personal(
            &serde_json::to_value(&file.content).unwrap(),
            "",
            &mut texts,
        );
        let mut ours = BTreeSet::new();
        given(&serde_json::to_value(&file.content).unwrap(), &mut ours);
        for form in forms(&file) {
            assert!(form.contains(&file.digest), "the digest is missing\n{form}");
            let words: HashSet<&str> = form
                .split(|c: char| !(c.is_alphanumeric() || "@._-+'".contains(c)))
                .collect();
            for text in &texts {
                // A short one is a number, or a word of ours, by chance; and what is true or false is JSON's word.
                let word = ["true", "false"].contains(&text.as_str());
                if text.chars().count() < 4 || word || ours.contains(text) {
                    continue;
                }
                looked_for += 1;
                let several = text.contains([' ', '=', ',']);
                let there = if several {
                    form.contains(text.as_str())
                } else {
                    words.contains(text.as_str())
                };
                assert!(!there, "{text:?} of {} is in\n{form}", file.content.project);
            }
        }
    }
    assert!(
        plans > 20 && looked_for > 2_000,
        "{plans} plans, {looked_for} texts"
    );
}

#[test]
fn numbers_are_those_of_the_plan_whoever_shows_it() {
    let bytes = std::fs::read(crate::plan::golden_root().join("leaver/plan.json")).unwrap();
    let file = plan::read(&bytes).unwrap();
    assert_eq!(redacted(&file), redacted(&file));
    let told = redacted(&file);
    assert_eq!(told.changes.len(), file.content.changes.len());
    for (told, change) in told.changes.iter().zip(&file.content.changes) {
        assert_eq!(told.action, change.action.kind());
        assert_eq!(told.risk, change.risk);
        assert_eq!(told.after.len(), change.depends_on.len());
        let same = |one: &plan::Change| one.person == change.person;
        let first = file.content.changes.iter().find(|one| same(one)).unwrap();
        let of_first = &redacted(&file).changes[file
            .content
            .changes
            .iter()
            .position(|one| one.id == first.id)
            .unwrap()];
        assert_eq!(told.person, of_first.person, "one person, one number");
    }
}
