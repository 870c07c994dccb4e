//! Whose account it is, when not everybody who might say so is planned for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use halosync::config::{Config, InputFile, load};
use halosync::model::{
    AttributeId, DirectorySnapshot, Dn, Entry, EntryKind, Fact, Guid, Name, PeopleSnapshot, Person,
    PersonKey, RejectedRow, Values, Verdict,
};
use halosync::plan::{Action, Held, Plan, PlanInput, build, lint};
use halosync::snapshot::{read_directory, read_people};

use super::{golden_root, plan};

const BASE: &str = "OU=People,DC=corp,DC=example,DC=test";

/// The golden folder `groups` with nobody in it.
struct World {
    files: Vec<InputFile>,
    people: PeopleSnapshot,
    directory: DirectorySnapshot,
}

impl World {
    fn new() -> Self {
        let folder = golden_root().join("groups");
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder.join("config")).unwrap() {
            let path = entry.unwrap().path();
            files.push(InputFile {
                path: path.file_name().unwrap().to_str().unwrap().into(),
                bytes: read(path),
            });
        }
        let mut people = read_people(&read(folder.join("people.jsonl"))).unwrap();
        people.people.clear();
        let mut directory = read_directory(&read(folder.join("directory.jsonl"))).unwrap();
        directory
            .objects
            .retain(|entry| entry.kind != EntryKind::User);
        let member = directory.header.attribute("member").unwrap();
        for entry in &mut directory.objects {
            let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
            attributes.retain(|(id, _)| *id != member);
            entry.attributes = attributes.into_boxed_slice();
        }
        Self {
            files,
            people,
            directory,
        }
    }

    /// Changes a configuration file; what is to be replaced must be there.
    fn change(&mut self, file: &str, from: &str, to: &str) {
        let file = self
            .files
            .iter_mut()
            .find(|one| one.path.to_string() == file)
            .unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        file.bytes = text.replace(from, to).into_bytes();
    }

    fn person(&mut self, key: &str, facts: &[(&str, &str)]) -> &mut Person {
        let standard = [
            ("givenName", "Jane"),
            ("surname", "Doe"),
            ("department", "Sales"),
            ("inactive", "false"),
        ];
        let fact = |name: &str| {
            facts
                .iter()
                .chain(&standard)
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
                .filter(|value| !value.is_empty())
        };
        let facts = self
            .people
            .header
            .fields
            .iter()
            .map(|field| {
                fact(field.name.as_str()).map(|value| match field.name.as_str() {
                    "inactive" => Fact::Boolean(value == "true"),
                    _ => Fact::Text(value.into()),
                })
            })
            .collect();
        self.people.people.push(Person {
            key: PersonKey::new(key),
            in_scope: true,
            facts,
            faults: Box::default(),
            held: Box::default(),
        });
        self.people.people.last_mut().unwrap()
    }

    fn account(&mut self, name: &str, values: &[(&str, &str)]) {
        let at = self.directory.objects.len();
        let sam = format!("user{at}");
        let standard = [
            ("cn", name),
            ("sAMAccountName", sam.as_str()),
            ("userAccountControl", "512"),
        ];
        let mut attributes: Vec<(AttributeId, Values)> = values
            .iter()
            .chain(&standard)
            .map(|(name, value)| {
                let id = self.directory.header.attribute(name).unwrap();
                (id, Values::One((*value).into()))
            })
            .collect();
        attributes.sort_by_key(|(id, _)| *id);
        self.directory.objects.push(Entry {
            guid: Guid::parse(&format!("b{at:031x}")).unwrap(),
            dn: Dn::parse(&format!("CN={name},OU=Sales,{BASE}")).unwrap(),
            kind: EntryKind::User,
            attributes: attributes.into_boxed_slice(),
            deletion: None,
        });
    }

    /// Makes the account a member of All Staff.
    fn in_all_staff(&mut self, name: &str) {
        let member = self.directory.header.attribute("member").unwrap();
        let group = self
            .directory
            .objects
            .iter_mut()
            .find(|entry| entry.dn.rdn().value == "All Staff")
            .unwrap();
        let mut attributes = std::mem::take(&mut group.attributes).into_vec();
        let dn = format!("CN={name},OU=Sales,{BASE}");
        attributes.push((member, Values::One(dn.as_str().into())));
        attributes.sort_by_key(|(id, _)| *id);
        group.attributes = attributes.into_boxed_slice();
    }

    fn warning(plan: &Plan, code: &str) -> Option<(String, u64)> {
        let warning = plan.warnings.iter().find(|one| one.code == code)?;
        Some((warning.message.clone(), warning.count))
    }

    fn config(&self) -> Config {
        let loaded = load(self.files.clone(), &|_| {
            Err(halosync::config::DataError::Missing)
        });
        loaded
            .config
            .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    fn plan(&self) -> Plan {
        let plan = plan(&self.config(), &self.people, &self.directory);
        lint(&plan).unwrap();
        plan
    }
}

fn held<'p>(plan: &'p Plan, key: &str) -> Vec<&'p Held> {
    plan.held
        .iter()
        .filter(|held| {
            held.person
                .as_ref()
                .is_some_and(|person| person.key.as_str() == key)
        })
        .collect()
}

fn codes<'p>(plan: &'p Plan, key: &str) -> Vec<&'p str> {
    let held = held(plan, key);
    held.iter().map(|held| held.code.as_str()).collect()
}

fn kinds(plan: &Plan, key: &str) -> Vec<&'static str> {
    plan.changes
        .iter()
        .filter(|change| change.person.key.as_str() == key)
        .map(|change| match change.action {
            Action::Create { .. } => "create",
            Action::Adopt { .. } => "adopt",
            Action::Modify { .. } => "modify",
            Action::Rename { .. } => "rename",
            Action::Move { .. } => "move",
            Action::Enable { .. } => "enable",
            Action::Disable {} => "disable",
            Action::AddMember { .. } => "addMember",
            Action::RemoveMember { .. } => "removeMember",
            Action::ResetPassword {} => "resetPassword",
            Action::Delete { .. } => "delete",
            Action::Restore { .. } => "restore",
        })
        .collect()
}

fn rehired() -> World {
    let mut world = World::new();
    world.change("source.yaml", ", unique: true", "");
    world.change(
        "source.yaml",
        "department: {from: users.other3}",
        "department: {from: users.other3, required: hold}",
    );
    world.account("Jane Doe", &[("employeeID", "E1"), ("mail", "jane@x.test")]);
    world.person("1", &[("number", "E1"), ("inactive", "true")]);
    world
}

/// The old record says she left; the new one, which says she did not, lacks a department.
#[test]
fn a_held_person_still_has_their_anchor() {
    let mut world = rehired();
    world.person("20", &[("number", "E1"), ("department", "")]);
    let plan = world.plan();
    assert_eq!(plan.changes, []);
    assert_eq!(codes(&plan, "20"), ["missing-value"]);
    assert_eq!(codes(&plan, "1"), ["duplicate-anchor"]);
    assert!(held(&plan, "1")[0].reason.starts_with("2 people have"));
}

#[test]
fn a_person_out_of_scope_still_has_their_anchor() {
    let mut world = rehired();
    world.person("20", &[("number", "e1")]).in_scope = false;
    let plan = world.plan();
    assert_eq!(plan.changes, []);
    assert_eq!(codes(&plan, "1"), ["duplicate-anchor"]);
}

/// Two people with one mail address, one of them held for want of a number: nobody gets the account.
#[test]
fn a_held_person_still_claims_what_recognises_them() {
    let mut world = World::new();
    world.account("Jane Doe", &[("mail", "jane@x.test")]);
    world.person(
        "40",
        &[
            ("number", "E40"),
            ("email", "jane@x.test"),
            ("inactive", "true"),
        ],
    );
    world.person("41", &[("email", "Jane@x.test")]);
    let plan = world.plan();
    assert_eq!(plan.changes, []);
    assert_eq!(codes(&plan, "40"), ["contested-account"]);
    assert_eq!(codes(&plan, "41"), ["missing-value"]);
}

/// An anchor is a better claim than a mail address.
#[test]
fn a_held_person_takes_no_anchored_account_by_its_address() {
    let mut world = World::new();
    world.account("Jane Doe", &[("employeeID", "E1"), ("mail", "jane@x.test")]);
    world.person("1", &[("number", "E1"), ("inactive", "true")]);
    world.person("41", &[("email", "jane@x.test")]);
    let plan = world.plan();
    assert!(kinds(&plan, "1").contains(&"disable"));
}

/// Somebody else with the same address may be in the part that was not read, and an anchor is for good.
#[test]
fn nobody_is_recognised_by_what_people_share_on_a_read_that_proves_nothing() {
    let mut world = World::new();
    world.account("Jane Doe", &[("mail", "jane@example.com")]);
    world.person("1", &[("number", "E1"), ("email", "jane@example.com")]);
    assert!(kinds(&world.plan(), "1").contains(&"adopt"));
    world.people.header.completeness.verdict = Verdict::Unproven {
        reasons: vec!["a page was missing".to_owned()],
    };
    let plan = world.plan();
    assert_eq!(plan.changes, []);
    assert_eq!(codes(&plan, "1"), ["adoption-unproven"]);
    // It looks like nothing to do, and is not.
    assert!(plan.holds_everybody());
}

/// A leaver known only by a mail address is adopted first and disabled by a later plan.
#[test]
fn nothing_is_taken_away_in_the_plan_that_adopts() {
    let mut world = World::new();
    world.account("Jane Doe", &[("mail", "jane@x.test")]);
    world.in_all_staff("Jane Doe");
    world.person(
        "40",
        &[
            ("number", "E40"),
            ("email", "jane@x.test"),
            ("inactive", "true"),
        ],
    );
    let plan = world.plan();
    let kinds_found = kinds(&plan, "40");
    assert!(kinds_found.contains(&"adopt"), "{kinds_found:?}");
    for removal in ["disable", "move", "removeMember"] {
        assert!(!kinds_found.contains(&removal), "{kinds_found:?}");
    }
    let held = held(&plan, "40");
    assert_eq!(held.len(), 4, "{held:#?}");
    for held in held {
        assert_eq!(held.code, "removal-after-adoption");
        assert!(held.partial);
    }
    let after = super::applied::apply(&plan, &world.directory);
    let next = super::plan(&world.config(), &world.people, &after);
    let kinds_found = kinds(&next, "40");
    for removal in ["disable", "move", "removeMember", "modify"] {
        assert!(kinds_found.contains(&removal), "{kinds_found:?}");
    }
    assert!(next.held.iter().all(|held| held.person.is_none()));
}

/// An agency's people have an anchor of their own and are recognised by the same address.
#[test]
fn an_account_with_the_anchor_of_another_mapping_is_not_adopted() {
    let mut world = World::new();
    let phone = "    telephoneNumber: {value: \"{{ person.phone }}\", empty: leave}\n";
    world.change("mapping.yaml", phone, "");
    for name in ["source.yaml", "mapping.yaml", "lifecycle.yaml"] {
        let file = world
            .files
            .iter()
            .find(|file| file.path.to_string() == name)
            .unwrap();
        let text = String::from_utf8(file.bytes.clone())
            .unwrap()
            .replace("{name: people}", "{name: agency}")
            .replace("{name: employees}", "{name: temps}")
            .replace("source: people", "source: agency")
            .replace("attribute: employeeID", "attribute: telephoneNumber");
        world.files.push(InputFile {
            path: format!("agency-{name}").as_str().into(),
            bytes: text.into_bytes(),
        });
    }
    world.account("Jane Doe", &[("employeeID", "E1"), ("mail", "jane@x.test")]);
    let mut agency = world.people.clone();
    agency.header.source = Name::new("agency");
    world.person("70", &[("number", "C70"), ("email", "jane@x.test")]);
    std::mem::swap(&mut agency.people, &mut world.people.people);
    let people = BTreeMap::from([
        (Name::new("people"), world.people.clone()),
        (Name::new("agency"), agency),
    ]);
    let plan = build(PlanInput {
        config: &world.config(),
        people: &people,
        directories: &BTreeMap::from([(Name::new("corp"), world.directory.clone())]),
        last_good: None,
        as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
    .unwrap();
    assert_eq!(plan.changes, []);
    assert_eq!(codes(&plan, "70"), ["anchored-elsewhere"]);
    assert!(held(&plan, "70")[0].reason.contains("employeeID \"E1\""));
}

/// A placeholder in a field that recognises accounts is told with its number and a few accounts, not with all of them
/// for everybody.
#[test]
fn a_value_everybody_has_is_not_written_down_for_everybody() {
    let mut world = World::new();
    for at in 0..30 {
        world.account(&format!("User {at}"), &[("mail", "unknown@x.test")]);
    }
    world.person("1", &[("number", "E1"), ("email", "unknown@x.test")]);
    let plan = world.plan();
    let held = held(&plan, "1");
    assert_eq!(held[0].code, "ambiguous-match");
    assert!(held[0].reason.starts_with("30 accounts have mail"));
    assert_eq!(held[0].accounts.len(), 20);
    world.directory.objects.reverse();
    assert_eq!(world.plan(), plan);
}

/// To the directory these two names are one.
#[test]
fn names_that_differ_in_a_mark_only_are_not_both_given() {
    let mut world = World::new();
    world.change("mapping.yaml", " | latin('de')", "");
    world.person("1", &[("number", "E1"), ("givenName", "José")]);
    world.person("2", &[("number", "E2"), ("givenName", "Jose")]);
    let plan = world.plan();
    let names: Vec<&str> = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::Create { .. }))
        .map(|change| change.object.dn.as_str().split(',').next().unwrap())
        .collect();
    assert_eq!(names, ["CN=José Doe", "CN=Jose Doe 2"]);
}

/// The row that was rejected may be the very person the account belongs to.
#[test]
fn nobody_is_absent_while_rows_are_rejected() {
    let mut world = World::new();
    world.change("lifecycle.yaml", "absent: report", "absent: holdForReview");
    world.account("Jane Doe", &[("employeeID", "E1A")]);
    let plan = world.plan();
    assert_eq!(
        plan.held
            .iter()
            .filter(|held| held.code == "absent")
            .count(),
        1
    );
    let absent = plan.held.iter().find(|held| held.code == "absent").unwrap();
    assert!(absent.reason.contains("\"E1A\""), "{}", absent.reason);
    world.people.header.rejected = vec![RejectedRow {
        row: "1".to_owned(),
        reason: "field endsOn: \"x\" is not a date".to_owned(),
    }];
    let plan = world.plan();
    assert!(plan.held.iter().all(|held| held.code != "absent"));
    let (message, count) = World::warning(&plan, "absent-not-judged").unwrap();
    assert!(message.contains("rejected"), "{message}");
    assert_eq!(count, 1);
}

#[test]
fn accounts_of_people_no_mapping_applies_to_are_reported() {
    let mut world = World::new();
    world.change(
        "mapping.yaml",
        "  match:",
        "  appliesTo: \"person.department == 'Research'\"\n  match:",
    );
    world.account("Jane Doe", &[("employeeID", "E1")]);
    world.person("1", &[("number", "E1")]);
    let plan = world.plan();
    assert_eq!(plan.changes, []);
    assert_eq!(World::warning(&plan, "not-mapped").unwrap().1, 1);
    world.change("lifecycle.yaml", "outOfScope: report", "outOfScope: ignore");
    assert_eq!(World::warning(&world.plan(), "not-mapped"), None);
}

/// It is not these people who lack a number.
#[test]
fn a_required_field_that_no_row_has_is_said_to_be_missing_from_the_read() {
    let mut world = World::new();
    for field in &mut world.people.header.fields {
        field.delivered = field.name.as_str() != "number";
    }
    world.person("1", &[]);
    let plan = world.plan();
    assert_eq!(codes(&plan, "1"), ["field-not-delivered"]);
}
