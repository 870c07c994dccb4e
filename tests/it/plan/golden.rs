//! Golden folders.

use std::path::Path;

use halosync::model::{DirectorySnapshot, PeopleSnapshot, Values};
use halosync::plan::{lint, seal, to_bytes};
use halosync::snapshot::{read_directory, read_people, write_directory, write_people};

use super::applied::apply;
use super::{config_of, golden_root, plan};

pub(super) struct Case {
    pub(super) name: String,
    pub(super) config: halosync::config::Config,
    pub(super) people: PeopleSnapshot,
    pub(super) directory: DirectorySnapshot,
}

fn case(folder: &Path) -> Case {
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let people = std::fs::read(folder.join("people.jsonl")).unwrap();
    let directory = std::fs::read(folder.join("directory.jsonl")).unwrap();
    let case = Case {
        config: config_of(&folder.join("config")),
        people: read_people(&people).unwrap_or_else(|error| panic!("{name}: people: {error}")),
        directory: read_directory(&directory)
            .unwrap_or_else(|error| panic!("{name}: directory: {error}")),
        name,
    };
    let mut again = Vec::new();
    write_people(&case.people, &mut again).unwrap();
    assert!(
        again == people,
        "{}: people.jsonl is not as it is written",
        case.name
    );
    again.clear();
    write_directory(&case.directory, &mut again).unwrap();
    assert!(
        again == directory,
        "{}: directory.jsonl is not as it is written",
        case.name
    );
    case
}

pub(super) fn cases() -> Vec<Case> {
    let mut folders: Vec<_> = std::fs::read_dir(golden_root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("people.jsonl").exists())
        .collect();
    folders.sort();
    assert!(folders.len() >= 16, "golden folders are missing");
    folders.iter().map(|folder| case(folder)).collect()
}

#[test]
fn plans_are_as_blessed() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let plan = plan(&case.config, &case.people, &case.directory);
        lint(&plan).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let bytes = to_bytes(&seal(plan));
        let path = golden_root().join(&case.name).join("plan.json");
        if bless {
            std::fs::write(&path, &bytes).unwrap();
            continue;
        }
        let blessed = std::fs::read(&path).unwrap_or_default();
        if blessed != bytes {
            let old = String::from_utf8_lossy(&blessed).into_owned();
            let new = String::from_utf8_lossy(&bytes).into_owned();
            let diff = similar::TextDiff::from_lines(&old, &new);
            wrong.push(format!("{}:\n{}", case.name, diff.unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// P8.
#[test]
fn the_order_of_the_input_does_not_matter() {
    for mut case in cases() {
        let expected = to_bytes(&seal(plan(&case.config, &case.people, &case.directory)));
        case.people.people.reverse();
        case.directory.objects.reverse();
        for entry in &mut case.directory.objects {
            for (_, values) in &mut entry.attributes {
                if let Values::Many(values) = values {
                    values.reverse();
                }
            }
        }
        let found = to_bytes(&seal(plan(&case.config, &case.people, &case.directory)));
        let (found, expected) = (
            String::from_utf8(found).unwrap(),
            String::from_utf8(expected).unwrap(),
        );
        let differing: Vec<_> = found
            .lines()
            .zip(expected.lines())
            .filter(|(found, expected)| found != expected)
            .take(8)
            .collect();
        assert!(
            found == expected,
            "{}: the plan depends on the order: {differing:#?}",
            case.name
        );
    }
}

/// P7.
#[test]
fn planning_again_after_an_apply_finds_nothing() {
    for case in cases() {
        let first = plan(&case.config, &case.people, &case.directory);
        let directory = apply(&first, &case.directory);
        let second = plan(&case.config, &case.people, &directory);
        assert!(
            second.changes.is_empty(),
            "{}: {:#?}",
            case.name,
            second.changes
        );
        assert_eq!(first.held.len(), second.held.len(), "{}", case.name);
    }
}

/// The files are written in pieces on all cores; the pieces must be what one straightforward writer gives.
#[test]
fn plans_are_written_as_one_writer_would() {
    use sha2::Digest as _;
    for case in cases() {
        let file = seal(plan(&case.config, &case.people, &case.directory));
        let mut plain = serde_json::to_vec_pretty(&file).unwrap();
        plain.push(b'\n');
        assert!(to_bytes(&file) == plain, "{}", case.name);
        let canonical = serde_json_canonicalizer::to_vec(&file.content).unwrap();
        let digest = format!("sha256:{}", hex::encode(sha2::Sha256::digest(canonical)));
        assert_eq!(file.digest, digest, "{}", case.name);
    }
}
