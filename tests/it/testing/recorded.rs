//! Tests recorded from people: they pass, and redacted ones say nothing about anybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use halosync::config::{Config, Document, Positions};
use halosync::model::{DirectorySnapshot, Entry, EntryKind, Guid, Name, PeopleSnapshot, Values};
use halosync::snapshot::{read_directory, read_people};
use halosync::testing::{self, Reads, Recorded};

use super::run::test;
use crate::plan::{config_of, golden_root};

struct Case {
    folder: PathBuf,
    config: Config,
    people: BTreeMap<Name, PeopleSnapshot>,
    directories: BTreeMap<Name, DirectorySnapshot>,
}

fn cases() -> Vec<Case> {
    let mut folders: Vec<_> = std::fs::read_dir(golden_root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("people.jsonl").exists())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let people = read_people(&std::fs::read(folder.join("people.jsonl")).unwrap()).unwrap();
            let directory =
                read_directory(&std::fs::read(folder.join("directory.jsonl")).unwrap()).unwrap();
            Case {
                config: config_of(&folder.join("config")),
                people: BTreeMap::from([(Name::new("people"), people)]),
                directories: BTreeMap::from([(Name::new("corp"), directory)]),
                folder,
            }
        })
        .collect()
}

impl Case {
    fn record(&self, wanted: &str, shift: Option<i64>) -> Recorded {
        let reads = Reads {
            people: &self.people,
            directories: &self.directories,
            as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        };
        testing::record(&self.config, reads, wanted, shift)
            .unwrap_or_else(|error| panic!("{}: {wanted}: {error}", self.folder.display()))
    }

    #[track_caller]
    fn passes(&self, recorded: &Recorded, key: &str) {
        let document = Document {
            name: Name::new("recorded"),
            description: None,
            spec: recorded.test.clone(),
            positions: Arc::new(Positions::default()),
        };
        let results = testing::run(&self.config, &[&document], false);
        let report = &results.reports[0];
        assert!(
            report.passed(),
            "{}: {key}: {:?} {:#?}",
            self.folder.display(),
            report.broken,
            report.differences
        );
    }
}

#[test]
fn whoever_is_recorded_the_test_passes() {
    let (mut all, mut exact) = (0, 0);
    for case in cases() {
        for person in &case.people[&Name::new("people")].people {
            let wanted = format!("people/{}", person.key);
            let recorded = case.record(&wanted, None);
            case.passes(&recorded, &wanted);
            all += 1;
            exact += usize::from(recorded.notes.is_empty());
        }
    }
    assert!(all > 60, "{all} people");
    // The rest needs what a small world does not have: several accounts, a read that proves nothing.
    assert!(
        exact * 10 >= all * 6,
        "{exact} of {all} show the whole plan"
    );
}

#[test]
fn redacted_tests_pass_and_hold_no_fact_of_the_person() {
    let mut compared = 0;
    for case in cases() {
        let read = &case.people[&Name::new("people")];
        for person in &read.people {
            let wanted = format!("people/{}", person.key);
            let recorded = case.record(&wanted, Some(-7 * 13));
            case.passes(&recorded, &wanted);
            let values = told(&recorded);
            for (field, fact) in read.header.fields.iter().zip(&person.facts) {
                let telling = ["email", "surname", "phone", "displayName"];
                let Some(fact) = fact
                    .as_ref()
                    .filter(|_| telling.contains(&field.name.as_str()))
                else {
                    continue;
                };
                let fact = fact.to_string().to_lowercase();
                // A letter or two are found anywhere, and one digit over and over tells of nobody.
                let different: std::collections::BTreeSet<char> = fact.chars().collect();
                if fact.chars().filter(|c| c.is_alphanumeric()).count() < 4 || different.len() < 2 {
                    continue;
                }
                let still = values.iter().find(|value| value.contains(&fact));
                assert_eq!(
                    still,
                    None,
                    "{}: {wanted}: {} is still there",
                    case.folder.display(),
                    field.name
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared} facts");
}

#[test]
fn names_of_groups_nobody_configured_are_invented_too() {
    let mut met = 0;
    for mut case in cases() {
        let directory = case.directories.get_mut(&Name::new("corp")).unwrap();
        let Some(member) = directory.header.attribute("member") else {
            continue;
        };
        let users: Vec<compact_str::CompactString> = directory
            .objects
            .iter()
            .filter(|entry| entry.kind == EntryKind::User)
            .map(|entry| entry.dn.as_str().into())
            .collect();
        directory.objects.push(Entry {
            guid: Guid::numbered(u64::from(u32::MAX)),
            dn: directory
                .header
                .identity
                .naming_context
                .child("OU", "Zweigstelle")
                .child("CN", "Janine Dorsey Grievance"),
            kind: EntryKind::Group,
            attributes: Box::new([(member, Values::Many(users.into_boxed_slice()))]),
            deletion: None,
        });
        for person in &case.people[&Name::new("people")].people {
            let wanted = format!("people/{}", person.key);
            let plain = case.record(&wanted, None);
            let redacted = case.record(&wanted, Some(-7 * 13));
            case.passes(&redacted, &wanted);
            let text = |recorded: &Recorded| serde_json::to_string(&recorded.test).unwrap();
            met += usize::from(text(&plain).contains("Grievance"));
            for word in ["Janine", "Dorsey", "Grievance", "Zweigstelle"] {
                assert!(
                    !text(&redacted).contains(word),
                    "{word}: {}",
                    text(&redacted)
                );
            }
        }
    }
    assert!(met > 5, "{met} accounts in the group");
}

/// What a test tells of people and their accounts, in lower case. Descriptions say what the rules say.
fn told(recorded: &Recorded) -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => found.push(text.to_lowercase()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            serde_json::Value::Object(map) => map
                .iter()
                .filter(|(name, _)| *name != "description")
                .for_each(|(_, item)| collect(item, found)),
            _ => {}
        }
    }
    let test = serde_json::to_value(&recorded.test).unwrap();
    let mut found = Vec::new();
    for pointer in [
        "/person",
        "/others",
        "/directory/account/attributes",
        "/directory/taken",
        "/expect/attributes",
    ] {
        if let Some(part) = test.pointer(pointer) {
            collect(part, &mut found);
        }
    }
    found
}

fn project(golden: &str) -> (tempfile::TempDir, PathBuf) {
    let copy = tempfile::tempdir().unwrap();
    let folder = golden_root().join(golden);
    for entry in std::fs::read_dir(folder.join("config")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let reads = copy.path().join("reads");
    std::fs::create_dir(&reads).unwrap();
    std::fs::copy(
        folder.join("people.jsonl"),
        reads.join("people.people.jsonl"),
    )
    .unwrap();
    std::fs::copy(
        folder.join("directory.jsonl"),
        reads.join("corp.directory.jsonl"),
    )
    .unwrap();
    (copy, reads)
}

async fn record(dir: &Path, arguments: &[&str], code: i32) -> crate::support::Run {
    let arguments: Vec<&str> = ["--from", "reads", "--record"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    test(dir, &arguments).await.expect(code)
}

/// What is written loads, whatever people are called, and passes through the real binary.
#[tokio::test]
async fn a_recorded_file_is_a_test_that_passes() {
    for golden in ["joiner", "hostile-names", "leaver", "collisions"] {
        let (project, reads) = project(golden);
        let people =
            read_people(&std::fs::read(reads.join("people.people.jsonl")).unwrap()).unwrap();
        for (number, person) in people.people.iter().enumerate() {
            let (plain, redacted) = (format!("a{number}.yaml"), format!("b{number}.yaml"));
            let key = person.key.as_str();
            // Named after the files, so that they can stand side by side.
            record(project.path(), &[key, "--out", &plain], 0).await;
            record(project.path(), &[key, "--redact", "--out", &redacted], 0).await;
        }
        let run = test(project.path(), &[]).await.expect(0);
        let count = people.people.len() * 2;
        assert!(
            run.stdout
                .contains(&format!("{count} tests: {count} passed")),
            "{golden}: {}",
            run.stdout
        );
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_nobody_is_guessed() {
    let (project, reads) = project("joiner");
    let people = read_people(&std::fs::read(reads.join("people.people.jsonl")).unwrap()).unwrap();
    let key = people.people[0].key.as_str();
    std::fs::write(project.path().join("mine.yaml"), "# mine\n").unwrap();
    let run = record(project.path(), &[key, "--out", "mine.yaml"], 64).await;
    assert!(run.stderr.contains("not overwritten"), "{}", run.stderr);
    let run = record(project.path(), &["no such person"], 64).await;
    assert!(run.stderr.contains("nobody in the read"), "{}", run.stderr);
    let run = record(project.path(), &[key, "--name", "no name"], 64).await;
    assert!(run.stderr.contains("cannot be the name"), "{}", run.stderr);
    let printed = record(project.path(), &[key], 0).await;
    assert!(
        printed
            .stdout
            .starts_with("apiVersion: halosync/v1\nkind: MappingTest\n")
    );
}

/// A constant that a rule writes stays, so that somebody with nothing to change has nothing to change.
#[tokio::test]
async fn redacted_or_not_the_same_attributes_change() {
    let (project, reads) = project("settled");
    let mapping = project.path().join("mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let read = read_people(&std::fs::read(reads.join("people.people.jsonl")).unwrap()).unwrap();
    let at = read
        .header
        .fields
        .iter()
        .position(|field| field.name.as_str() == "department")
        .unwrap();
    let (mut kept, mut constants) = (0, 0);
    for (number, person) in read.people.iter().enumerate() {
        let Some(department) = person.facts[at].as_ref().map(ToString::to_string) else {
            continue;
        };
        // What the account has is now a constant with something computed behind it, and no table knows it.
        let Some((first, rest)) = department.split_at_checked(3) else {
            continue;
        };
        let rule = format!("department: \"{first}{{{{ '{rest}' }}}}\"");
        let text = text.replace("department: \"{{ person.department }}\"", &rule);
        constants += usize::from(text.contains(&rule));
        std::fs::write(&mapping, text).unwrap();
        let mut changed = Vec::new();
        for (redact, name) in [(false, format!("p{number}")), (true, format!("q{number}"))] {
            let mut arguments = vec![person.key.as_str(), "--name", &name];
            arguments.extend(redact.then_some("--redact"));
            let run = record(project.path(), &arguments, 0).await;
            let test: serde_json::Value = serde_yaml::from_str(&run.stdout).unwrap();
            let given = &test["spec"]["directory"]["account"];
            let expected = &test["spec"]["expect"];
            if expected["account"] != "kept" {
                continue;
            }
            kept += 1;
            let differing: Vec<String> = expected["attributes"]
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, value)| {
                    given["attributes"]
                        .get(name)
                        .unwrap_or(&serde_json::Value::Null)
                        != *value
                })
                .map(|(name, _)| name.clone())
                .collect();
            let moved = given["placement"] != expected["placement"];
            changed.push((differing, moved));
        }
        assert!(
            changed.windows(2).all(|both| both[0] == both[1]),
            "{}: {changed:?}",
            person.key
        );
    }
    assert!(kept > 1 && constants > 0, "{kept} {constants}");
}

/// A test of somebody who is held says so, or it would seem to say what the plan does for them.
#[tokio::test]
async fn whoever_is_held_in_the_whole_plan_the_file_says_so() {
    let (project, reads) = project("ambiguity");
    let people = read_people(&std::fs::read(reads.join("people.people.jsonl")).unwrap()).unwrap();
    let mut held = 0;
    for person in &people.people {
        let key = person.key.as_str();
        let plain = record(project.path(), &[key], 0).await;
        let said = plain.stderr.contains("is held in the whole plan as ");
        assert_eq!(
            said,
            plain.stdout.starts_with("# Held in the plan"),
            "{key}"
        );
        let redacted = record(project.path(), &[key, "--redact"], 0).await;
        let first = redacted.stdout.lines().next().unwrap();
        assert_eq!(said, first.starts_with("# Held in the plan"), "{key}");
        assert!(!said || !first.contains(':'), "{first}");
        held += usize::from(said);
    }
    assert!(held > 0);
}
