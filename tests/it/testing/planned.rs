//! What a test finds is what the plan proposes: the golden folders' people, one after the other, as tests.

use std::collections::BTreeMap;

use halosync::config::kinds::{
    Expectation, GivenDirectory, GivenFact, GivenValue, MappingTest, OtherPerson,
};
use halosync::config::{Document, Positions};
use halosync::model::{Fact, Name, PeopleSnapshot, Person};
use halosync::plan::{Action, Change, PlanValue};
use halosync::snapshot::{read_directory, read_people};
use halosync::testing;

use crate::plan::{config_of, golden_root, plan};

fn facts(people: &PeopleSnapshot, person: &Person) -> BTreeMap<String, Option<GivenFact>> {
    people
        .header
        .fields
        .iter()
        .zip(&person.facts)
        .filter_map(|(field, fact)| {
            let given = match fact.as_ref()? {
                Fact::Integer(number) => GivenFact::Integer(*number),
                Fact::Boolean(flag) => GivenFact::Boolean(*flag),
                Fact::List(items) => {
                    GivenFact::List(items.iter().map(ToString::to_string).collect())
                }
                other => GivenFact::Text(other.to_string()),
            };
            Some((field.name.as_str().to_owned(), Some(given)))
        })
        .collect()
}

/// What the plan makes of a new account, as an expectation: every attribute that is text or another new person.
fn expectation(changes: &[Change], create: &Change) -> Expectation {
    let Action::Create {
        attributes, enable, ..
    } = &create.action
    else {
        panic!("no create");
    };
    let owner = |value: &PlanValue| match value {
        PlanValue::Text(text) => Some(GivenValue::Text(text.clone())),
        PlanValue::Octets(octets) => Some(GivenValue::Text(octets.base64.clone())),
        PlanValue::Object(object) => {
            let made = changes
                .iter()
                .find(|change| Some(&change.id) == object.created_by.as_ref())?;
            Some(GivenValue::Person(
                halosync::config::kinds::PersonReference {
                    person: made.person.key.to_string(),
                },
            ))
        }
    };
    Expectation {
        account: Some(halosync::config::kinds::AccountFate::Created),
        enabled: Some(*enable),
        placement: create.object.dn.parent().map(|dn| dn.to_string()),
        attributes: attributes
            .iter()
            .filter_map(|change| match change.after.as_slice() {
                [one] => Some((change.name.clone(), Some(owner(one)?))),
                _ => None,
            })
            .collect(),
        ..Expectation::default()
    }
}

/// Joiners of every golden folder: what the whole plan gives them is what a test of them alone finds, but for names
/// that others have, which the test is told.
#[test]
fn a_test_finds_what_the_plan_proposes_for_joiners() {
    let mut compared = 0;
    let mut folders: Vec<_> = std::fs::read_dir(golden_root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("people.jsonl").exists())
        .collect();
    folders.sort();
    for folder in folders {
        let config = config_of(&folder.join("config"));
        let people = read_people(&std::fs::read(folder.join("people.jsonl")).unwrap()).unwrap();
        let directory =
            read_directory(&std::fs::read(folder.join("directory.jsonl")).unwrap()).unwrap();
        // Fields that no row has are given to every test as delivered, and then mean something else.
        if people.header.fields.iter().any(|field| !field.delivered) {
            continue;
        }
        let made = plan(&config, &people, &directory);
        // Who else has a name is not known to a test.
        let names = [
            "cn",
            "mail",
            "proxyaddresses",
            "samaccountname",
            "userprincipalname",
        ];
        for create in &made.changes {
            if !matches!(create.action, Action::Create { .. }) {
                continue;
            }
            let tested = &create.person.key;
            let mut expect = expectation(&made.changes, create);
            expect
                .attributes
                .retain(|name, _| !names.contains(&name.to_ascii_lowercase().as_str()));
            expect.groups = None;
            let held = made
                .held
                .iter()
                .any(|held| held.person.as_ref().is_some_and(|one| one.key == *tested));
            if held {
                continue;
            }
            let (subject, others): (Vec<&Person>, Vec<&Person>) = people
                .people
                .iter()
                .filter(|person| person.in_scope)
                .partition(|person| person.key == *tested);
            let spec = MappingTest {
                mapping: "employees".to_owned(),
                as_of: "2026-11-23T10:00:00Z".to_owned(),
                key: Some(tested.to_string()),
                person: Some(facts(&people, subject[0])),
                record: None,
                others: others
                    .iter()
                    .map(|other| OtherPerson {
                        key: Some(other.key.to_string()),
                        person: Some(facts(&people, other)),
                        record: None,
                        account: None,
                    })
                    .collect(),
                directory: GivenDirectory::default(),
                expect,
            };
            let document = Document {
                name: Name::new("one"),
                description: None,
                spec,
                positions: std::sync::Arc::new(Positions::default()),
            };
            let reports = testing::run(&config, &[&document], false).reports;
            // Groups that do not exist in the folder exist in the test, so what is held for them may differ.
            let wrong: Vec<_> = reports[0]
                .differences
                .iter()
                .filter(|difference| difference.about != "held")
                .collect();
            assert!(
                reports[0].broken.is_none() && wrong.is_empty(),
                "{}: {tested}: {:?} {wrong:#?}",
                folder.display(),
                reports[0].broken
            );
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} joiners were compared");
}
