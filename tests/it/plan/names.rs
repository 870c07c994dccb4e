//! Names: whatever order people are read in, whoever had a name before, however well the read is proven.

use std::collections::{BTreeMap, HashSet};

use halosync::config::{Config, DataError, InputFile, load};
use halosync::model::{
    DirectorySnapshot, Fact, Name, PeopleSnapshot, Person, PersonKey, Values, Verdict,
};
use halosync::plan::{Action, AttributeChange, Plan, PlanError, PlanInput, PlanValue, build};
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
                    held: Box::default(),
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

/// The configuration of `rename-surname`, each file changed, with further files.
fn changed_config(change: impl Fn(String) -> String, more: &[(&str, &str)]) -> Config {
    let files = std::fs::read_dir(golden_root().join("rename-surname/config"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            InputFile {
                path: path.file_name().unwrap().to_str().unwrap().into(),
                bytes: change(std::fs::read_to_string(&path).unwrap()).into_bytes(),
            }
        })
        .chain(more.iter().map(|(path, text)| InputFile {
            path: (*path).into(),
            bytes: text.as_bytes().to_vec(),
        }));
    let loaded = load(files.collect(), &|_| Err(DataError::Missing));
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn directory() -> DirectorySnapshot {
    let path = golden_root().join("rename-surname/directory.jsonl");
    read_directory(&std::fs::read(path).unwrap()).unwrap()
}

/// A plan for the people of `rename-surname`, of whom a template says something besides.
fn with_template(template: &str, directory: &DirectorySnapshot) -> Plan {
    let template = format!(
        "apiVersion: halosync/v1\nkind: Template\nmetadata: {{name: smiths}}\nspec:\n  mapping: employees\n{template}"
    );
    plan(
        &changed_config(|text| text, &[("template.yaml", &template)]),
        &people_of("rename-surname"),
        directory,
    )
}

/// What a plan changes of one attribute of somebody's account: every change there is.
fn changes_of<'p>(plan: &'p Plan, key: &str, name: &str) -> Vec<&'p AttributeChange> {
    plan.changes
        .iter()
        .filter(|change| change.person.key.as_str() == key)
        .filter_map(|change| match &change.action {
            Action::Create { attributes, .. } | Action::Modify { attributes } => Some(attributes),
            _ => None,
        })
        .flatten()
        .filter(|attribute| attribute.name.eq_ignore_ascii_case(name))
        .collect()
}

fn texts(values: &[PlanValue]) -> Vec<&str> {
    values
        .iter()
        .map(|value| match value {
            PlanValue::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A name that is another attribute's says what it is taken from, and the facts behind that.
#[test]
fn a_name_that_follows_says_why() {
    let plan = planned("rename-surname", &people_of("rename-surname"));
    let [mail] = changes_of(&plan, "3001", "mail")[..] else {
        panic!("one change of mail")
    };
    let new = texts(&mail.after)[0];
    for name in ["userPrincipalName", "proxyAddresses"] {
        let [change] = changes_of(&plan, "3001", name)[..] else {
            panic!("one change of {name}")
        };
        let facts: Vec<(&str, &str)> = change
            .facts
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            facts,
            [
                ("account.mail", new),
                ("givenName", "Jane"),
                ("surname", "Smith")
            ],
            "{name}"
        );
        let rule = &plan.rules[usize::try_from(change.rule.0).unwrap()];
        assert_eq!(&*rule.location.file, "mapping.yaml", "{name}");
        assert!(rule.text.contains("account.mail"), "{name}: {}", rule.text);
    }
}

/// The template decides about `mail`, and what follows `mail` follows the template: one change each, no former
/// address lost.
#[test]
fn a_template_for_mail_comes_before_the_name_that_follows() {
    let plan = with_template(
        "  when: person.surname == 'Smith'\n  attributes: {mail: jane@sales.example.test}\n",
        &directory(),
    );
    for (name, after) in [
        ("mail", &["jane@sales.example.test"][..]),
        ("userPrincipalName", &["jane@sales.example.test"]),
        (
            "proxyAddresses",
            &[
                "SMTP:jane@sales.example.test",
                "sip:jane.doe@example.test",
                "smtp:jane.doe@example.test",
            ],
        ),
    ] {
        let changes = changes_of(&plan, "3001", name);
        let [change] = changes[..] else {
            panic!("{name}: {changes:?}")
        };
        assert_eq!(texts(&change.after), after, "{name}");
    }
    let [mail] = changes_of(&plan, "3001", "mail")[..] else {
        panic!("one change of mail")
    };
    let rule = &plan.rules[usize::try_from(mail.rule.0).unwrap()];
    assert_eq!(&*rule.location.file, "template.yaml");
    // Whom the template does not concern is renamed by the mapping as before.
    let before = planned("rename-surname", &people_of("rename-surname"));
    assert_eq!(
        changes_of(&plan, "3003", "mail")[0].after,
        changes_of(&before, "3003", "mail")[0].after
    );
    // Nobody's attribute is changed twice.
    for change in &plan.changes {
        if let Action::Modify { attributes } = &change.action {
            let names: HashSet<String> = attributes
                .iter()
                .map(|attribute| attribute.name.to_ascii_lowercase())
                .collect();
            assert_eq!(names.len(), attributes.len(), "{attributes:?}");
        }
    }
    let modified: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::Modify { .. }))
        .map(|change| &change.person.key)
        .collect();
    assert_eq!(
        modified.iter().collect::<HashSet<_>>().len(),
        modified.len()
    );
}

/// A rule of a template sees the account as the plan leaves it, also in its `if`, and says so.
#[test]
fn a_template_speaks_of_the_account() {
    let rules = "  when: person.surname in ['Smith', 'Ott']\n  attributes:\n    displayName: {value: \"{{ person.givenName }} ({{ account.mail }})\", if: \"account.mail is startingwith('jane')\"}\n";
    let plan = with_template(rules, &directory());
    let [mail] = changes_of(&plan, "3001", "mail")[..] else {
        panic!("one change of mail")
    };
    let mail = texts(&mail.after)[0];
    let [name] = changes_of(&plan, "3001", "displayName")[..] else {
        panic!("one change of displayName")
    };
    assert_eq!(texts(&name.after), [format!("Jane ({mail})")]);
    assert_eq!(
        name.facts.get("account.mail").map(String::as_str),
        Some(mail)
    );
    assert!(
        changes_of(&plan, "3002", "displayName").is_empty(),
        "the condition does not hold of otto.ott@example.test"
    );
}

/// What a template took from the account it takes back as it gave it.
#[test]
fn a_template_that_leaves_speaks_of_the_account_too() {
    let mut directory = directory();
    let attribute = directory.header.attribute("displayName").unwrap();
    let otto = directory
        .objects
        .iter_mut()
        .find(|entry| entry.dn.rdn().value == "Otto Ott")
        .unwrap();
    for (id, values) in &mut otto.attributes {
        if *id == attribute {
            *values = Values::One("otto.ott@example.test".into());
        }
    }
    let template = "apiVersion: halosync/v1\nkind: Template\nmetadata: {name: smiths}\nspec:\n  mapping: employees\n  when: person.surname == 'Nobody'\n  onLeave: clear\n  attributes: {displayName: \"{{ account.mail }}\"}\n";
    let change = |text: String| {
        text.replace(
            "    displayName: \"{{ person.givenName }} {{ person.surname }}\"\n",
            "",
        )
    };
    let plan = plan(
        &changed_config(change, &[("template.yaml", template)]),
        &people_of("rename-surname"),
        &directory,
    );
    let [cleared] = changes_of(&plan, "3002", "displayName")[..] else {
        panic!("one change of displayName: {:#?}", plan.held)
    };
    assert_eq!(texts(&cleared.before), ["otto.ott@example.test"]);
    assert!(cleared.after.is_empty());
    assert!(changes_of(&plan, "3003", "displayName").is_empty());
}

/// `rename-surname` with an attribute that this directory's own schema lets nobody write.
fn with_an_owned(name: &str, change: impl Fn(String) -> String) -> Result<Plan, PlanError> {
    let mut directory = directory();
    let attributes = &mut directory.header.attributes;
    attributes
        .iter_mut()
        .find(|def| def.name == name)
        .unwrap()
        .read_only = true;
    build(PlanInput {
        config: &changed_config(change, &[]),
        people: &BTreeMap::from([(Name::new("people"), people_of("rename-surname"))]),
        directories: &BTreeMap::from([(Name::new("corp"), directory)]),
        as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
        last_good: None,
    })
}

/// An attribute that only this directory's own schema calls read-only: its rule is left out and told once with its
/// place, and everything else goes on.
#[test]
fn a_rule_for_an_attribute_the_live_schema_owns_is_left_out() {
    let whole = planned("rename-surname", &people_of("rename-surname"));
    let plan = with_an_owned("displayName", |text| text).unwrap();
    let told: Vec<_> = plan
        .warnings
        .iter()
        .filter(|warning| warning.code == "attribute-read-only")
        .collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert_eq!(
        told.message,
        "the schema of corp lets nobody write these attributes; their rules are left out"
    );
    assert_eq!(told.count, 1);
    let [place] = &told.examples[..] else {
        panic!("{:?}", told.examples)
    };
    assert!(place.starts_with("displayName (mapping.yaml:"), "{place}");
    assert!(!given(&whole, "displayName").is_empty());
    assert_eq!(given(&plan, "displayName"), [""; 0]);
    for other in ["mail", "userPrincipalName", "proxyAddresses", "sn"] {
        assert_eq!(given(&plan, other), given(&whole, other), "{other}");
    }
    assert_eq!(plan.held, whole.held);
}

/// `ifUnknown: hold` says that nobody may be without the attribute, and so it does of one nobody can write.
#[test]
fn whoever_may_not_be_without_an_owned_attribute_is_held() {
    let plan = with_an_owned("givenName", |text| {
        text.replace(
            "givenName: \"{{ person.givenName }}\"",
            "givenName: {value: \"{{ person.givenName }}\", ifUnknown: hold}",
        )
    })
    .unwrap();
    assert!(!plan.held.is_empty());
    for held in &plan.held {
        assert_eq!(held.code, "attribute-read-only", "{held:?}");
        assert_eq!(
            held.reason,
            "the schema of corp lets nobody write attribute givenName"
        );
    }
    let counts = plan.held_counts();
    assert_eq!(
        (counts.held, counts.in_part),
        (plan.counts.held, plan.counts.held_in_part)
    );
}

/// Without its anchor an account made now would be nobody's in the next plan: there is no plan at all.
#[test]
fn an_anchor_nobody_can_write_is_refused_with_its_place() {
    let error = with_an_owned("employeeID", |text| text).expect_err("no account could be tied");
    let error = error.to_string();
    assert!(error.starts_with("mapping.yaml:"), "{error}");
    assert!(
        error.contains("employeeID is owned by the directory, as the schema of corp says"),
        "{error}"
    );
}
