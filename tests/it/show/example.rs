//! The example's people and directory say what its README promises, and its language compiles.
//!
//! Whether the configuration as a whole is valid, and what plan comes of it, is tested with those rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use halosync::config::{Document, Positions, kinds};
use halosync::intake::{Intake, Taken, Taker};
use halosync::lang::{
    PersonContext, Scope, TableData, Tables, Unmapped, compile_condition, compile_template,
};
use halosync::model::{Dn, Fact, Name, Person};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme")
}

fn document<T: DeserializeOwned>(path: &str) -> Document<T> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        name: String,
    }
    #[derive(serde::Deserialize)]
    struct File<T> {
        metadata: Metadata,
        spec: T,
    }
    let text = std::fs::read_to_string(example().join(path)).unwrap();
    // By way of JSON, as the loader reads it: externally tagged enums are maps there and tags in YAML.
    let value: Value = serde_yaml::from_str(&text).unwrap();
    let file: File<T> =
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{path}: {error}"));
    Document {
        name: Name::new(file.metadata.name),
        description: None,
        spec: file.spec,
        positions: Arc::new(Positions::default()),
    }
}

pub(super) fn rows(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(example().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn tables() -> BTreeMap<Name, TableData> {
    ["ou", "city", "country"]
        .into_iter()
        .map(|name| {
            let table: Document<kinds::Table> = document(&format!("tables/{name}.yaml"));
            let rows = match (table.spec.rows, table.spec.csv) {
                (Some(rows), None) => rows,
                (None, Some(source)) => {
                    let mut reader = csv::Reader::from_path(example().join(&source.file)).unwrap();
                    let head = reader.headers().unwrap().clone();
                    let at = |name: &str| head.iter().position(|column| column == name).unwrap();
                    let (key, value) = (at(&source.key), at(&source.value));
                    reader
                        .records()
                        .map(|row| row.unwrap())
                        .map(|row| (row[key].to_owned(), row[value].to_owned()))
                        .collect()
                }
                other => panic!("table {name} has both or neither: {other:?}"),
            };
            let unmapped = match table.spec.unmapped {
                kinds::Unmapped::Hold => Unmapped::Hold,
                kinds::Unmapped::Report => Unmapped::Report,
                kinds::Unmapped::Same => Unmapped::Same,
                kinds::Unmapped::Use(value) => Unmapped::Use(value),
            };
            let data = TableData {
                rows,
                case_sensitive: table.spec.case_sensitive,
                unmapped,
            };
            (Name::new(name), data)
        })
        .collect()
}

struct Acme {
    intake: Intake,
    people: Vec<Person>,
}

fn intake() -> Intake {
    let source: Document<kinds::Source> = document("sources/people.yaml");
    let zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
    Intake::compile(&source, &zone).unwrap()
}

/// The example's people as one read gives them.
pub(super) fn taken_in() -> Taken {
    let intake = intake();
    let mut taker = Taker::new(&intake);
    for row in rows("sandbox/people.json") {
        taker.push(&row);
    }
    taker.finish()
}

fn acme() -> Acme {
    let taken = taken_in();
    assert_eq!(taken.rejected, []);
    assert!(taken.fields.iter().all(|field| field.delivered));
    Acme {
        people: taken.people,
        intake: intake(),
    }
}

impl Acme {
    fn person(&self, key: &str) -> &Person {
        self.people
            .iter()
            .find(|person| person.key.as_str() == key)
            .unwrap_or_else(|| panic!("nobody has the id {key}"))
    }

    fn fact(&self, key: &str, field: &str) -> Option<String> {
        let at = self
            .intake
            .fields()
            .iter()
            .position(|(name, _)| name.as_str() == field)
            .unwrap_or_else(|| panic!("no field {field}"));
        self.person(key).facts[at].as_ref().map(Fact::to_string)
    }
}

#[test]
fn people_are_taken_in_as_the_readme_says() {
    let acme = acme();
    assert_eq!(acme.people.len(), 31, "thirty people and the General User");
    for (key, field, expected) in [
        ("1003", "displayName", Some("O'Brien, Anne-Marie \"Ann\"")),
        ("1006", "displayName", Some("{{ 7*7 }}")),
        ("1009", "displayName", Some("Grace Hopwell")),
        ("1009", "phone", Some("+44 20 7946 0009")),
        ("1001", "managerNumber", None),
        ("1001", "startsOn", None),
        ("1016", "inactive", Some("true")),
        ("1017", "endsOn", Some("2026-10-30")),
        ("1020", "email", None),
        ("1029", "startsOn", Some("2031-01-06")),
    ] {
        assert_eq!(
            acme.fact(key, field).as_deref(),
            expected,
            "{field} of {key}"
        );
    }
    assert_eq!(acme.fact("1018", "email"), acme.fact("1019", "email"));
    assert_eq!(acme.fact("1010", "surname").unwrap().chars().count(), 300);
    assert!(!acme.person("1000").in_scope, "the General User is nobody");
    assert!(
        !acme.person("1021").in_scope,
        "a service account is no person"
    );
    assert!(
        acme.person("1022").in_scope,
        "an agent is a person all the same"
    );
}

/// Every template of the mapping, with where it stands.
fn templates(mapping: &kinds::Mapping) -> Vec<(String, String)> {
    let mut all = vec![
        ("placement".to_owned(), mapping.placement.clone()),
        ("anchor".to_owned(), mapping.matching.anchor.value.clone()),
    ];
    for adoption in &mapping.matching.adopt {
        all.push((adoption.attribute.clone(), adoption.value.clone()));
    }
    for (name, spec) in &mapping.attributes {
        match spec {
            kinds::AttributeSpec::Template(text) => all.push((name.clone(), text.clone())),
            kinds::AttributeSpec::Rule(rule) => {
                let formats = rule.unique.iter().flat_map(|unique| &unique.formats);
                for text in rule.value.iter().chain(&rule.person).chain(formats) {
                    all.push((name.clone(), text.clone()));
                }
            }
        }
    }
    all
}

#[test]
fn everything_written_in_the_language_compiles() {
    let acme = acme();
    let fields = acme.intake.fields();
    let names: BTreeSet<Name> = tables().into_keys().collect();
    let scope = Scope::Person {
        fields: &fields,
        tables: &names,
    };
    let mapping: Document<kinds::Mapping> = document("mappings/employees.yaml");
    let lifecycle: Document<kinds::Lifecycle> = document("lifecycle.yaml");
    let groups: Document<kinds::Groups> = document("groups.yaml");
    let mut texts = templates(&mapping.spec);
    let mut conditions = Vec::new();
    for state in &lifecycle.spec.states {
        conditions.extend(state.when.clone());
        texts.extend(
            state
                .reason
                .iter()
                .map(|text| (state.name.clone(), text.clone())),
        );
    }
    for rule in &groups.spec.rules {
        conditions.extend(rule.when.clone());
        texts.push((rule.group.clone(), rule.group.clone()));
    }
    for (name, text) in &texts {
        if let Err(errors) = compile_template(text, &scope) {
            panic!("{name}: {text}: {errors:?}");
        }
    }
    for text in &conditions {
        if let Err(errors) = compile_condition(text, &scope) {
            panic!("{text}: {errors:?}");
        }
    }
    assert!(texts.len() > 20 && conditions.len() >= 4);
}

#[test]
fn every_name_in_the_world_gives_a_sign_in_name() {
    let acme = acme();
    let fields = acme.intake.fields();
    let tables = tables();
    let names: BTreeSet<Name> = tables.keys().cloned().collect();
    let scope = Scope::Person {
        fields: &fields,
        tables: &names,
    };
    let tables = Tables::new(tables);
    let mapping: Document<kinds::Mapping> = document("mappings/employees.yaml");
    let kinds::AttributeSpec::Rule(rule) = &mapping.spec.attributes["sAMAccountName"] else {
        panic!("sAMAccountName is no rule");
    };
    let formats = &rule.unique.as_ref().unwrap().formats;
    let first = compile_template(&formats[0], &scope).unwrap();
    let mut seen = BTreeMap::new();
    for person in acme.people.iter().filter(|person| person.in_scope) {
        let context = PersonContext {
            person,
            account: &[],
            as_of: "2026-11-23T09:00[Europe/London]".parse().unwrap(),
            tables: &tables,
        };
        let login = first.render(&context).unwrap();
        assert!(
            login.len() >= 2
                && login
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
            "{}: {login}",
            person.key
        );
        seen.insert(person.key.to_string(), login.to_string());
    }
    for (key, login) in [
        ("1003", "aobrien"),
        ("1005", "ascript"),
        ("1007", "tdang"),
        ("1008", "l1"),
        ("1011", "jgross"),
        ("1012", "aoeberg"),
    ] {
        assert_eq!(seen[key], login, "{key}");
    }
}

#[test]
fn the_directory_hangs_together() {
    let objects = rows("sandbox/directory.json");
    let text = |object: &Value, member: &str| object[member].as_str().unwrap().to_owned();
    let keys: BTreeMap<_, _> = objects
        .iter()
        .map(|object| {
            (
                Dn::parse(&text(object, "dn")).unwrap().key(),
                text(object, "objectClass"),
            )
        })
        .collect();
    assert_eq!(keys.len(), objects.len(), "two objects with one name");
    let base = Dn::parse("DC=corp,DC=example,DC=test").unwrap().key();
    let mut logins = BTreeSet::new();
    for object in &objects {
        let dn = Dn::parse(&text(object, "dn")).unwrap();
        let parent = dn.parent().unwrap().key();
        assert!(
            parent == base || keys.contains_key(&parent),
            "{dn} hangs in the air"
        );
        let attributes = object["attributes"].as_object().unwrap();
        if let Some(login) = attributes.get("sAMAccountName") {
            assert!(
                logins.insert(login.as_str().unwrap().to_lowercase()),
                "{login} twice"
            );
        }
        let references = object["member"].as_array().into_iter().flatten();
        for reference in references.chain(attributes.get("manager")) {
            let target = Dn::parse(reference.as_str().unwrap()).unwrap().key();
            assert_eq!(
                keys.get(&target).map(String::as_str),
                Some("user"),
                "{dn}: {reference}"
            );
        }
        if text(object, "objectClass") == "user" {
            assert!(object["enabled"].is_boolean(), "{dn}");
        }
    }
    // Every unit people can be placed in exists, and so does its group.
    for unit in tables()[&Name::new("ou")].rows.values() {
        for name in [
            format!("OU={unit},OU=People,DC=corp,DC=example,DC=test"),
            format!("CN={unit} Staff,OU=Groups,DC=corp,DC=example,DC=test"),
        ] {
            assert!(
                keys.contains_key(&Dn::parse(&name).unwrap().key()),
                "{name}"
            );
        }
    }
}

#[test]
fn the_recipient_can_be_encrypted_to() {
    let project: Document<kinds::Project> = document("halosync.yaml");
    for recipient in project.spec.initial_passwords.unwrap().recipients {
        recipient.parse::<age::x25519::Recipient>().unwrap();
    }
}
