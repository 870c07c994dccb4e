//! Templates: the order documents come in decides nothing, and values nobody wrote a rule for are told.

use halosync::config::{Config, DataError, InputFile, load};
use halosync::plan::Plan;
use halosync::snapshot::{read_directory, read_people};

use super::{golden_root, plan};

/// The golden configuration of templates, with its template files put through `change`.
fn config(change: impl Fn(&str, &str) -> (String, String)) -> Config {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(golden_root().join("template/config")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (name, text) = if text.contains("kind: Template") {
            change(&name, &text)
        } else {
            (name, text)
        };
        files.push(InputFile {
            path: name.into(),
            bytes: text.into_bytes(),
        });
    }
    let loaded = load(files, &|_| Err(DataError::Missing));
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn planned(config: &Config) -> Plan {
    let folder = golden_root().join("template");
    let people = read_people(&std::fs::read(folder.join("people.jsonl")).unwrap()).unwrap();
    let directory =
        read_directory(&std::fs::read(folder.join("directory.jsonl")).unwrap()).unwrap();
    plan(config, &people, &directory)
}

/// A plan without the places its rules are written in.
fn without_places(plan: &Plan) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.remove("rule");
                members.remove("rules");
                members.remove("inputs");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(plan).unwrap();
    strip(&mut value);
    value
}

#[test]
fn p8_the_order_of_templates_and_files_decides_nothing() {
    let as_written = planned(&config(|name, text| (name.to_owned(), text.to_owned())));
    let turned = planned(&config(|name, text| {
        let mut documents: Vec<&str> = text.trim_end().split("\n---\n").collect();
        documents.reverse();
        let first = name.as_bytes()[0];
        (
            format!("{}-{name}", char::from(b'a' + (b'z' - first))),
            format!("{}\n", documents.join("\n---\n")),
        )
    }));
    assert!(!as_written.changes.is_empty());
    assert_eq!(without_places(&as_written), without_places(&turned));
}

#[test]
fn values_no_template_speaks_of_are_told() {
    let plan = planned(&config(|name, text| (name.to_owned(), text.to_owned())));
    let warning = plan
        .warnings
        .iter()
        .find(|warning| warning.code == "uncovered-value")
        .expect("a warning");
    assert_eq!(
        warning.message,
        "no template or condition speaks of 1 value of department"
    );
    assert_eq!(warning.count, 1);
    assert_eq!(
        warning.examples,
        ["\"Facilities\": 1 person: Max Webb (1045)"]
    );
}
