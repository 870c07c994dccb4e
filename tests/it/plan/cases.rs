//! Single cases, each a golden folder with a few texts changed.

use std::collections::BTreeMap;

use halosync::config::{Config, DataError, InputFile, load};
use halosync::plan::{Action, AttributeChange, Cause, Plan, PlanInput, PlanValue, build};
use halosync::snapshot::{read_directory, read_people};

use super::golden_root;

/// A golden folder as texts.
pub(super) struct Case {
    files: BTreeMap<String, String>,
    people: String,
    directories: BTreeMap<String, String>,
}

impl Case {
    pub(super) fn of(golden: &str) -> Self {
        let folder = golden_root().join(golden);
        let text = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        let files = std::fs::read_dir(folder.join("config"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, text(&path))
            })
            .collect();
        Self {
            files,
            people: text(&folder.join("people.jsonl")),
            directories: BTreeMap::from([("corp".into(), text(&folder.join("directory.jsonl")))]),
        }
    }

    pub(super) fn file(mut self, name: &str, from: &str, to: &str) -> Self {
        replace(self.files.get_mut(name).unwrap(), from, to);
        self
    }

    pub(super) fn people(mut self, from: &str, to: &str) -> Self {
        replace(&mut self.people, from, to);
        self
    }

    pub(super) fn directory(mut self, from: &str, to: &str) -> Self {
        replace(self.directories.get_mut("corp").unwrap(), from, to);
        self
    }

    /// Another document beside those of the folder.
    pub(super) fn with(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// A read of people nobody vouches for.
    pub(super) fn unproven(self) -> Self {
        self.people(
            r#""verdict":{"is":"proven"}"#,
            r#""verdict":{"is":"unproven","reasons":["a page was missing"]}"#,
        )
    }

    fn config(&self) -> Config {
        let files = self
            .files
            .iter()
            .map(|(name, text)| InputFile {
                path: name.as_str().into(),
                bytes: text.clone().into_bytes(),
            })
            .collect();
        let loaded = load(files, &|_| Err(DataError::Missing));
        loaded
            .config
            .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan_at("2026-11-23T10:00:00Z")
    }

    pub(super) fn plan_at(&self, as_of: &str) -> Plan {
        let config = self.config();
        let people = read_people(self.people.as_bytes()).unwrap();
        let people = BTreeMap::from([(people.header.source.clone(), people)]);
        let directories = self
            .directories
            .values()
            .map(|text| {
                let read = read_directory(text.as_bytes()).unwrap();
                (read.header.target.clone(), read)
            })
            .collect();
        build(PlanInput {
            config: &config,
            people: &people,
            directories: &directories,
            last_good: None,
            as_of: as_of.parse().unwrap(),
            tool_version: "0.0.0-test",
            commit: None,
            uncommitted: false,
        })
        .unwrap()
    }
}

fn replace(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "{from} is not in\n{text}");
    *text = text.replace(from, to);
}

/// The change of one attribute of one person.
fn modified<'p>(plan: &'p Plan, person: &str, attribute: &str) -> Option<&'p AttributeChange> {
    plan.changes
        .iter()
        .filter(|change| change.person.key.as_str() == person)
        .find_map(|change| match &change.action {
            Action::Modify { attributes } | Action::Create { attributes, .. } => {
                attributes.iter().find(|change| change.name == attribute)
            }
            _ => None,
        })
}

fn held<'p>(plan: &'p Plan, person: &str) -> Vec<(&'p str, &'p str)> {
    plan.held
        .iter()
        .filter(|held| {
            held.person
                .as_ref()
                .is_some_and(|found| found.key.as_str() == person)
        })
        .map(|held| (held.code.as_str(), held.reason.as_str()))
        .collect()
}

/// P2.
#[test]
fn an_unproven_read_neither_shortens_an_expiry_nor_drops_values() {
    let case = Case::of("empties");
    let plan = case.plan();
    assert!(modified(&plan, "4", "accountExpires").is_some());
    assert!(modified(&plan, "3", "proxyAddresses").is_some());
    let plan = case.unproven().plan();
    assert!(modified(&plan, "4", "accountExpires").is_none());
    assert!(modified(&plan, "3", "proxyAddresses").is_none());
    for (person, attribute) in [("4", "accountExpires"), ("3", "proxyAddresses")] {
        let held = held(&plan, person);
        assert!(
            held.iter()
                .any(|(code, reason)| *code == "removal-unproven" && reason.contains(attribute)),
            "{held:?}"
        );
    }
    // A later end takes nothing away.
    assert!(modified(&plan, "6", "accountExpires").is_some());
}

/// P2.
#[test]
fn a_read_in_doubt_for_one_target_removes_nothing_in_another() {
    let mut case = Case::of("leaver").file(
        "source.yaml",
        "      inactive: {from: users.inactive, type: boolean}",
        "      inactive: {from: users.inactive, type: boolean}\n  completeness: {maxFall: 25%}",
    );
    // Four of five accounts have their people here, and none there.
    for name in ["directory", "mapping", "lifecycle", "groups"] {
        let text = case.files[&format!("{name}.yaml")]
            .replace("metadata: {name: corp}", "metadata: {name: west}")
            .replace(
                "metadata: {name: employees}",
                "metadata: {name: westerners}",
            )
            .replace(
                "metadata: {name: membership}",
                "metadata: {name: west-members}",
            )
            .replace("target: corp", "target: west");
        case.files.insert(format!("{name}-west.yaml"), text);
    }
    let west = case.directories["corp"]
        .replace(r#""target":"corp""#, r#""target":"west""#)
        .replace(r#""employeeID":"E104"#, r#""employeeID":"W104"#);
    let whole = case.plan_with(
        "west",
        &case.directories["corp"].replace(r#""target":"corp""#, r#""target":"west""#),
    );
    assert!(takes_away(&whole), "the case must have something to lose");
    let doubtful = case.plan_with("west", &west);
    assert!(doubtful.removals_held);
    assert!(!takes_away(&doubtful), "{:#?}", doubtful.changes);
}

/// Whether a plan takes anything away.
fn takes_away(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| {
        matches!(
            change.action,
            Action::Disable {} | Action::RemoveMember { .. }
        )
    })
}

impl Case {
    fn plan_with(&self, target: &str, directory: &str) -> Plan {
        let mut directories = self.directories.clone();
        directories.insert(target.to_owned(), directory.to_owned());
        Self {
            files: self.files.clone(),
            people: self.people.clone(),
            directories,
        }
        .plan()
    }
}

/// P2: people who left stay in the source, so their number says nothing about those who are missing.
#[test]
fn a_fall_counts_accounts_without_their_people() {
    let source = |percent: &str| {
        Case::of("leaver").file(
            "source.yaml",
            "      inactive: {from: users.inactive, type: boolean}",
            &format!(
                "      inactive: {{from: users.inactive, type: boolean}}\n  completeness: {{maxFall: {percent}}}"
            ),
        )
    };
    // One of five accounts, that of E9, has nobody.
    let fallen = source("19%").people(
        r#"{"key":"1042""#,
        r#"{"key":"900","facts":{"displayName":"Long Gone","number":"E900","inactive":true}}
{"key":"901","facts":{"displayName":"Longer Gone","number":"E901","inactive":true}}
{"key":"1042""#,
    );
    let plan = fallen.plan();
    assert!(plan.removals_held);
    assert!(!takes_away(&plan));
    let plan = source("20%").plan();
    assert!(!plan.removals_held);
    assert!(takes_away(&plan));
}

/// P11: a fact stays one name and never becomes structure.
#[test]
fn a_fact_in_a_reference_stays_one_name() {
    let case = Case::of("mover")
        .file(
            "mapping.yaml",
            r#"manager: {person: "{{ person.managerKey }}", empty: clear}"#,
            r#"manager: {value: "CN={{ person.title }},OU=People,DC=corp,DC=example,DC=test", empty: leave}"#,
        )
        .people(
            r#""department":"Research""#,
            r#""title":"Ann Lee,OU=Sales","department":"Research""#,
        );
    let plan = case.plan();
    assert!(modified(&plan, "1042", "manager").is_none());
    assert!(
        held(&plan, "1042")
            .iter()
            .any(|(code, _)| *code == "bad-value")
    );
    let named = case
        .file(
            "mapping.yaml",
            "CN={{ person.title }},OU=People",
            "CN={{ person.title }},OU=Sales,OU=People",
        )
        .people("Ann Lee,OU=Sales", "Ann Lee");
    let plan = named.plan();
    let change = modified(&plan, "1042", "manager").unwrap();
    assert!(
        matches!(&change.after[..], [PlanValue::Object(object)] if object.dn.as_str().starts_with("CN=Ann Lee,"))
    );
}

/// The members who leave groups, as person and group.
fn leaving(plan: &Plan) -> Vec<(&str, String)> {
    plan.changes
        .iter()
        .filter(|change| matches!(change.action, Action::RemoveMember { .. }))
        .map(|change| (change.person.key.as_str(), change.object.dn.rdn().value))
        .collect()
}

const DEPARTMENTS: &str =
    "    - group: \"CN=Dept {{ person.department }},OU=Groups,DC=corp,DC=example,DC=test\"\n";

/// P10.
#[test]
fn the_last_of_a_group_leaves_it_too() {
    let managed = format!("{DEPARTMENTS}      mode: managed\n");
    // The group that whoever moves enters instead.
    let group = r#"{"guid":"a0000000-0000-0000-0000-0000000000c8","dn":"CN=Dept Sales,OU=Groups,DC=corp,DC=example,DC=test","kind":"group","attributes":{}}"#;
    let case = Case::of("groups")
        .people(r#""department":"Research""#, r#""department":"Sales""#)
        .directory(r#""rows":19,"distinct":19"#, r#""rows":20,"distinct":20"#)
        .directory(
            r#"{"guid":"a0000000-0000-0000-0000-0000000000c9""#,
            &format!("{group}\n{{\"guid\":\"a0000000-0000-0000-0000-0000000000c9\""),
        );
    assert_eq!(leaving(&case.plan()), []);
    let case = case.file("groups.yaml", DEPARTMENTS, &managed);
    assert_eq!(leaving(&case.plan()), [("3", "Dept Research".to_owned())]);
}

/// P10: the department of a leaver is empty, and the membership it once gave must go all the same.
#[test]
fn a_leaver_leaves_groups_no_fact_names_any_more() {
    let case = Case::of("groups").people(
        r#""email":"to.remove@example.test","department":"Research","inactive":false"#,
        r#""email":"to.remove@example.test","inactive":true"#,
    );
    let plan = case.plan();
    let left: Vec<_> = leaving(&plan)
        .into_iter()
        .filter(|(person, _)| *person == "3")
        .collect();
    assert!(
        left.contains(&("3", "Dept Research".to_owned())),
        "{left:?}"
    );
    assert!(plan.changes.iter().all(|change| {
        !matches!(change.action, Action::RemoveMember { .. }) || !change.because.facts.is_empty()
    }));
}

/// P10: hand-kept groups in the same place are not the rule's.
#[test]
fn a_rule_that_spells_nothing_out_says_so() {
    let case = Case::of("groups")
        .people(r#""department":"Research""#, r#""department":"Sales""#)
        .file(
            "groups.yaml",
            DEPARTMENTS,
            "    - group: \"CN={{ person.department }},OU=Groups,DC=corp,DC=example,DC=test\"\n      mode: managed\n",
        );
    let plan = case.plan();
    assert_eq!(leaving(&plan), []);
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.code == "group-unidentified")
    );
}

/// P10: which name is right is not known while a table that holds has no row.
#[test]
fn a_table_that_holds_also_holds_in_names() {
    let mut case = Case::of("joiner").file(
        "mapping.yaml",
        "      unique: [\"{{ person.givenName | latin('de') | lower }}.",
        "      unique: [\"{{ person.department | lookup('short') }}@corp.example.test\", \"{{ person.givenName | latin('de') | lower }}.",
    );
    let whole = Case::of("joiner").plan();
    let creates = |plan: &Plan| {
        plan.changes
            .iter()
            .filter(|change| matches!(change.action, Action::Create { .. }))
            .count()
    };
    assert!(creates(&whole) > 0);
    for (unmapped, held) in [("hold", true), ("report", false)] {
        case.files.insert(
            "short.yaml".into(),
            format!(
                "apiVersion: halosync/v1\nkind: Table\nmetadata: {{name: short}}\nspec:\n  unmapped: {unmapped}\n  rows: {{Nowhere: nw}}\n"
            ),
        );
        let plan = case.plan();
        let found = plan.held.iter().any(|held| held.code == "unmapped-value");
        assert_eq!((found, creates(&plan) == 0), (held, held), "{unmapped}");
    }
}

/// P12: what a state does says which facts made the state.
#[test]
fn what_a_state_changes_names_its_facts() {
    let plan = Case::of("leaver").plan();
    let description = modified(&plan, "1042", "description").unwrap();
    assert_eq!(description.facts["endsOn"], "2026-11-20");
    let change = plan
        .changes
        .iter()
        .find(|change| {
            change.person.key.as_str() == "1042" && matches!(change.action, Action::Modify { .. })
        })
        .unwrap();
    assert!(
        change.because.text.starts_with("leaver"),
        "{}",
        change.because.text
    );
    assert_eq!(change.because.facts["endsOn"], "2026-11-20");
    // Ann Lee works here and her account is disabled; nobody can tell who did that.
    let enable = plan
        .changes
        .iter()
        .find(|change| matches!(change.action, Action::Enable { .. }))
        .unwrap();
    assert_eq!(enable.cause, Cause::Undetermined);
    assert_eq!(enable.because.facts["inactive"], "false");
}

/// P9: a protection that protects nothing is no protection.
#[test]
fn names_of_the_scope_that_stand_for_nothing_are_told() {
    let told = |case: Case| -> Vec<(String, Vec<String>)> {
        case.plan()
            .warnings
            .into_iter()
            .filter(|warning| warning.code.ends_with("-not-found"))
            .map(|warning| (warning.code.to_string(), warning.examples))
            .collect()
    };
    assert_eq!(told(Case::of("groups")), []);
    let slips = Case::of("groups")
        .file("directory.yaml", "OU=Admins,", "OU=Admin,")
        .file(
            "directory.yaml",
            "\"OU=Groups,",
            "\"OU=Group,DC=corp,DC=example,DC=test\", \"OU=Groups,",
        );
    assert_eq!(
        told(slips),
        [
            (
                "managed-not-found".to_owned(),
                vec!["OU=Group,DC=corp,DC=example,DC=test".to_owned()]
            ),
            (
                "protected-not-found".to_owned(),
                vec!["OU=Admin,OU=People,DC=corp,DC=example,DC=test".to_owned()]
            ),
        ]
    );
    let top = Case::of("groups").file(
        "directory.yaml",
        "under: [\"OU=People,DC=corp",
        "under: [\"DC=corp",
    );
    assert_eq!(told(top), []);
}

/// An account that never expires has no expiry for `ifEmpty`.
#[test]
fn never_is_empty_for_rules_that_fill_in() {
    let plan = Case::of("empties")
        .file(
            "mapping.yaml",
            r#"accountExpires: "{{ person.endsOn | default('never') }}""#,
            r#"accountExpires: {value: "{{ person.endsOn | default('never') }}", when: ifEmpty}"#,
        )
        .plan();
    assert!(modified(&plan, "4", "accountExpires").is_some());
    assert!(modified(&plan, "6", "accountExpires").is_none());
}
