//! Addresses several rules add to: whatever an account has and whatever the rules say, it ends with the primary address
//! it had, with all it had, and planning again finds nothing.

use std::collections::BTreeMap;

use halosync::config::{Config, DataError, InputFile, load};
use halosync::model::{DirectorySnapshot, Dn, Guid, Values};
use halosync::plan::{Action, Plan, PlanValue};
use halosync::snapshot::{read_directory, read_people};
use proptest::prelude::*;

use super::applied::apply;
use super::{config_of, golden_root, plan};

const FOLDER: &str = "merge-addresses";

/// The golden configuration with other templates and another `rename`.
fn config(templates: &str, rename: &str) -> Config {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(golden_root().join(FOLDER).join("config")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if name == "templates.yaml" {
            templates.clone_into(&mut text);
        } else if name == "mapping.yaml" {
            text.truncate(text.find("  rename:").unwrap());
            text.push_str(rename);
        }
        files.push(InputFile {
            path: name.into(),
            bytes: text.into_bytes(),
        });
    }
    files.retain(|file| !file.bytes.is_empty());
    let loaded = load(files, &|_| Err(DataError::Missing));
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn read() -> (halosync::model::PeopleSnapshot, DirectorySnapshot) {
    let root = golden_root().join(FOLDER);
    (
        read_people(&std::fs::read(root.join("people.jsonl")).unwrap()).unwrap(),
        read_directory(&std::fs::read(root.join("directory.jsonl")).unwrap()).unwrap(),
    )
}

/// Values of `proxyAddresses` by `employeeID`.
fn addresses(directory: &DirectorySnapshot) -> BTreeMap<String, Vec<String>> {
    let id = |name: &str| directory.header.attribute(name).unwrap();
    let (anchor, proxy) = (id("employeeID"), id("proxyAddresses"));
    directory
        .objects
        .iter()
        .filter_map(|entry| {
            let mut values: Vec<String> = entry
                .values(proxy)
                .iter()
                .map(ToString::to_string)
                .collect();
            values.sort();
            Some((entry.value(anchor)?.to_string(), values))
        })
        .collect()
}

fn primaries(values: &[String]) -> Vec<&String> {
    let primary = values.iter().filter(|value| value.starts_with("SMTP:"));
    primary.collect()
}

#[test]
fn merge_adds_beside_the_primary_address() {
    let (people, directory) = read();
    let config = config_of(&golden_root().join(FOLDER).join("config"));
    let plan = plan(&config, &people, &directory);
    let after = addresses(&apply(&plan, &directory));
    // Ours beside theirs; the same address in another spelling; an alias that is there.
    assert_eq!(
        after["E4001"],
        [
            "SMTP:jane.doe@example.test",
            "smtp:E4001@sales.example.test"
        ]
    );
    assert_eq!(after["E4002"], ["SMTP:e4002@sales.example.test"]);
    assert_eq!(
        after["E4003"],
        ["SMTP:ida.fox@example.test", "smtp:E4003@SALES.example.test"]
    );
    // The name changed, and the primary address was that of `mail`.
    assert_eq!(
        after["E4004"],
        [
            "SMTP:tom.smith@example.test",
            "smtp:E4004@sales.example.test",
            "smtp:tom.ray@example.test"
        ]
    );
    // Two rules give a new account a primary address each: the first decides.
    let made = plan.changes.iter().find_map(|change| match &change.action {
        Action::Create { attributes, .. } => {
            attributes.iter().find(|one| one.name == "proxyAddresses")
        }
        _ => None,
    });
    let made: Vec<&str> = made
        .unwrap()
        .after
        .iter()
        .map(|value| match value {
            PlanValue::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        made,
        [
            "SMTP:E4005@sales.example.test",
            "smtp:E4005@twin.example.test"
        ]
    );
    let held = |key: &str| held(&plan, key);
    assert_eq!(held("4006"), [("duplicate-address", true)]);
    assert_eq!(held("4007"), [("primary-address", false)]);
    assert_eq!(held("4008"), [("duplicate-address", true)]);
    assert_eq!(held("4009"), [("duplicate-address", true)]);
    assert_eq!(held("4001"), []);
}

fn held<'p>(plan: &'p Plan, key: &str) -> Vec<(&'p str, bool)> {
    let of = plan.held.iter().filter(|held| {
        let person = held.person.as_ref();
        person.is_some_and(|person| person.key.as_str() == key)
    });
    of.map(|held| (held.code.as_str(), held.partial)).collect()
}

/// Two others have the address: which of them the reason names does not depend on the order of the read.
#[test]
fn who_has_an_address_is_told_the_same_in_every_order() {
    let (people, mut directory) = read();
    let config = config_of(&golden_root().join(FOLDER).join("config"));
    let office = directory
        .objects
        .iter()
        .find(|entry| entry.dn.rdn().value == "Office")
        .unwrap();
    let mut second = office.clone();
    second.guid = Guid::parse("c0000000-0000-0000-0000-000000000001").unwrap();
    second.dn = Dn::parse("CN=Old office,OU=Groups,DC=corp,DC=example,DC=test").unwrap();
    directory.objects.push(second);
    let first = plan(&config, &people, &directory);
    directory.objects.reverse();
    let turned = plan(&config, &people, &directory);
    assert_eq!(held(&first, "4006"), [("duplicate-address", true)]);
    assert_eq!(first.held, turned.held);
}

const RENAMES: &[&str] = &[
    "",
    "  rename: {cn: follow}\n",
    "  rename: {mail: follow, userPrincipalName: follow}\n",
    "  rename: {mail: follow, userPrincipalName: follow, keepOldAddress: false}\n",
    "  rename: {cn: follow, keepOldAddress: false}\n",
];

fn value() -> impl Strategy<Value = String> {
    let local = &[
        "{}@a.test",
        "{}@b.test",
        "own.{}@example.test",
        "x{}@y.test",
    ][..];
    (
        prop::sample::select(&["SMTP:", "smtp:", "sip:"][..]),
        prop::sample::select(local),
    )
        .prop_map(|(prefix, local)| format!("{prefix}{local}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_primary_address_is_lost_or_doubled(
        rules in prop::collection::vec((prop::collection::vec(value(), 1..4), 0..3i32), 0..4),
        there in prop::collection::vec(prop::collection::vec(value(), 0..4), 8),
        rename in prop::sample::select(RENAMES),
    ) {
        let (people, mut directory) = read();
        let anchor = directory.header.attribute("employeeID").unwrap();
        let proxy = directory.header.attribute("proxyAddresses").unwrap();
        let mail = directory.header.attribute("mail").unwrap();
        let mut there = there.into_iter();
        for entry in &mut directory.objects {
            let (Some(number), Some(mail)) = (entry.value(anchor), entry.value(mail)) else {
                continue;
            };
            let mut values: Vec<compact_str::CompactString> = Vec::new();
            for value in there.next().unwrap_or_default() {
                let value = match value.strip_prefix("SMTP:own") {
                    Some(_) => format!("SMTP:{mail}"),
                    None => value.replace("{}", number),
                };
                // The directory holds no value twice.
                if !values.iter().any(|one| one.eq_ignore_ascii_case(&value)) {
                    values.push(value.into());
                }
            }
            values.sort();
            let mut attributes = entry.attributes.to_vec();
            attributes.retain(|(id, _)| *id != proxy);
            let values = match values.len() {
                0 => None,
                1 => values.pop().map(Values::One),
                _ => Some(Values::Many(values.into())),
            };
            attributes.extend(values.map(|values| (proxy, values)));
            attributes.sort_by_key(|(id, _)| *id);
            entry.attributes = attributes.into_boxed_slice();
        }
        let templates: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(at, (values, priority))| {
                let values: Vec<String> = values
                    .iter()
                    .map(|value| format!("{:?}", value.replace("{}", "{{ person.number }}")))
                    .collect();
                format!(
                    "apiVersion: halosync/v1\nkind: Template\nmetadata: {{name: t{at}}}\nspec:\n  mapping: employees\n  \
                     priority: {priority}\n  attributes:\n    proxyAddresses: {{values: [{}], when: merge}}\n",
                    values.join(", ")
                )
            })
            .collect();
        let config = config(&templates.join("---\n"), rename);
        let first = plan(&config, &people, &directory);
        let applied = apply(&first, &directory);
        let again = plan(&config, &people, &applied);
        prop_assert!(again.changes.is_empty(), "{:#?}", again.changes);
        let (before, after) = (addresses(&directory), addresses(&applied));
        let follows = rename.contains("mail: follow") && !rename.contains("false");
        for (number, after) in &after {
            let none = Vec::new();
            let before = before.get(number).unwrap_or(&none);
            let (was, is) = (primaries(before), primaries(after));
            prop_assert!(is.len() <= was.len().max(1), "{number}: {before:?} {after:?}");
            prop_assert!(is.len() >= was.len().min(1), "{number}: {before:?} {after:?}");
            // Only a person whose mail became another has another primary address.
            let renamed = follows && number == "E4004";
            if !was.is_empty() && !renamed {
                prop_assert_eq!(&was, &is, "{}", number);
            }
            for value in before {
                let there = after.iter().any(|one| one.eq_ignore_ascii_case(value));
                prop_assert!(there, "{number}: {value} is gone: {after:?}");
            }
        }
    }
}
