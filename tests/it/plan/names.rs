//! Names: whatever order people are read in, whoever had a name before, however well the read is proven.

use std::collections::{BTreeMap, HashSet};

use halosync::model::{Fact, Name, PeopleSnapshot, Person, PersonKey, Verdict};
use halosync::plan::{Action, Plan, PlanInput, PlanValue, build};
use halosync::snapshot::{read_directory, read_people};
use proptest::prelude::*;

use super::{config_of, golden_root, plan};

fn people_of(folder: &str) -> PeopleSnapshot {
    read_people(&std::fs::read(golden_root().join(folder).join("people.jsonl")).unwrap()).unwrap()
}

fn planned(folder: &str, people: &PeopleSnapshot) -> Plan {
    let root = golden_root().join(folder);
    let directory = read_directory(&std::fs::read(root.join("directory.jsonl")).unwrap()).unwrap();
    plan(&config_of(&root.join("config")), people, &directory)
}

/// The values given in an attribute, in the plan's order.
fn given(plan: &Plan, name: &str) -> Vec<String> {
    plan.changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Create { attributes, .. } | Action::Modify { attributes } => Some(attributes),
            _ => None,
        })
        .flatten()
        .filter(|attribute| attribute.name == name)
        .flat_map(|attribute| &attribute.after)
        .map(|value| match value {
            PlanValue::Text(text) => text.to_lowercase(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn somebody() -> impl Strategy<Value = (&'static str, &'static str)> {
    (
        prop::sample::select(&["Jane", "JANE", "Jan", "Max", "Ida", "Tom"][..]),
        prop::sample::select(&["Doe", "DOE", "Doé", "Orr", "Fox", "Ray", "O'Doe"][..]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Surnames that collide, addresses others have as aliases, names given to somebody before: the same people get the
    /// same names in whatever order they come, and nobody gets another's.
    #[test]
    fn names_do_not_depend_on_the_order_of_people(
        crowd in prop::collection::vec(somebody(), 1..14),
        order in any::<prop::sample::Index>(),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
    ) {
        let mut people = people_of("names-mail");
        people.people = crowd
            .iter()
            .enumerate()
            .map(|(at, (given, surname))| {
                let number = 2001 + at;
                let facts = people.header.fields.iter().map(|field| {
                    let text = |text: &str| Some(Fact::Text(text.into()));
                    match field.name.as_str() {
                        "displayName" => text(&format!("{given} {surname}")),
                        "number" => text(&format!("N{number}")),
                        "givenName" => text(given),
                        "surname" => text(surname),
                        "department" => text("Sales"),
                        "inactive" => Some(Fact::Boolean(false)),
                        _ => None,
                    }
                });
                Person {
                    key: PersonKey::new(number.to_string()),
                    in_scope: true,
                    facts: facts.collect(),
                    faults: Box::default(),
                }
            })
            .collect();
        let first = planned("names-mail", &people);
        let count = people.people.len();
        people.people.rotate_left(order.index(count));
        for (one, two) in swaps {
            people.people.swap(one.index(count), two.index(count));
        }
        let second = planned("names-mail", &people);
        prop_assert_eq!(&first.changes, &second.changes);
        prop_assert_eq!(&first.held, &second.held);
        for attribute in ["sAMAccountName", "mail", "userPrincipalName"] {
            let names = given(&first, attribute);
            let different: HashSet<&String> = names.iter().collect();
            prop_assert_eq!(different.len(), names.len(), "{}: {:?}", attribute, &names);
        }
    }
}

/// A read that is not proven takes nothing away. A name that follows takes nothing away either: the former address stays
/// as an alias, so names go on as in a proven read.
#[test]
fn an_unproven_read_holds_no_name() {
    let mut people = people_of("rename-surname");
    let proven = planned("rename-surname", &people);
    people.header.completeness.verdict = Verdict::Unproven {
        reasons: vec!["the total was not reached".to_owned()],
    };
    let unproven = planned("rename-surname", &people);
    assert!(unproven.removals_held);
    let renames = |plan: &Plan| {
        let renames = plan.changes.iter();
        renames
            .filter(|change| matches!(change.action, Action::Rename { .. }))
            .count()
    };
    assert!(renames(&proven) > 0);
    assert_eq!(renames(&proven), renames(&unproven));
    for attribute in ["mail", "userPrincipalName", "displayName", "proxyAddresses"] {
        assert_eq!(
            given(&proven, attribute),
            given(&unproven, attribute),
            "{attribute}"
        );
    }
    // What is taken away for good is known to be given elsewhere: every former address is there still.
    for change in &unproven.changes {
        let Action::Modify { attributes } = &change.action else {
            continue;
        };
        let addresses = attributes.iter().find(|one| one.name == "proxyAddresses");
        for attribute in attributes.iter().filter(|one| one.name == "mail") {
            for former in &attribute.before {
                let PlanValue::Text(former) = former else {
                    panic!("{former:?}")
                };
                let kept = addresses.expect("changed with it").after.iter();
                assert!(
                    kept.map(|value| match value {
                        PlanValue::Text(text) => text.to_lowercase(),
                        other => panic!("{other:?}"),
                    })
                    .any(|address| address == format!("smtp:{}", former.to_lowercase())),
                    "{former} is gone"
                );
            }
        }
    }
}

/// An attribute that only this directory's own schema calls read-only: the plan is refused, and says where and why.
#[test]
fn an_attribute_the_live_schema_owns_is_refused_with_its_place() {
    let root = golden_root().join("rename-surname");
    let mut directory =
        read_directory(&std::fs::read(root.join("directory.jsonl")).unwrap()).unwrap();
    let owned = directory
        .header
        .attributes
        .iter_mut()
        .find(|def| def.name == "givenName")
        .unwrap();
    owned.read_only = true;
    let error = build(PlanInput {
        config: &config_of(&root.join("config")),
        people: &BTreeMap::from([(Name::new("people"), people_of("rename-surname"))]),
        directories: &BTreeMap::from([(Name::new("corp"), directory)]),
        as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
        last_good: None,
    })
    .expect_err("the server would refuse every write");
    let error = error.to_string();
    assert!(error.starts_with("mapping.yaml:11:"), "{error}");
    assert!(
        error.contains("givenName is owned by the directory, as the schema of corp says"),
        "{error}"
    );
}
