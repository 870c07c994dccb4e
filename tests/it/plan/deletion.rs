//! Deletions are planned when everything holds, and never when anything does not.

use halosync::config::Config;
use halosync::model::{
    DeletedObjects, DeletionFacts, DirectorySnapshot, Entry, PeopleSnapshot, Values, Verdict,
};
use halosync::plan::{Action, Plan, Recovery, Risk};
use halosync::snapshot::{read_directory, read_people};
use proptest::prelude::*;

use super::applied::apply;
use super::{config_of_files, golden_root, plan};

/// The golden folder, to be changed.
struct World {
    files: Vec<(String, String)>,
    people: PeopleSnapshot,
    directory: DirectorySnapshot,
}

impl World {
    fn new() -> Self {
        let folder = golden_root().join("deletion");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder.join("config")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        Self {
            files,
            people: read_people(&read("people.jsonl")).unwrap(),
            directory: read_directory(&read("directory.jsonl")).unwrap(),
        }
    }

    fn change(&mut self, file: &str, from: &str, to: &str) {
        let (_, text) = self
            .files
            .iter_mut()
            .find(|(name, _)| name == file)
            .unwrap();
        let changed = text.replace(from, to);
        assert_ne!(changed, *text, "{from} is not in {file}");
        *text = changed;
    }

    fn config(&self) -> Config {
        let files: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        config_of_files(&files)
    }

    fn plan(&self) -> Plan {
        plan(&self.config(), &self.people, &self.directory)
    }

    fn account(&mut self, name: &str) -> &mut Entry {
        let mut objects = self.directory.objects.iter_mut();
        objects
            .find(|entry| entry.dn.rdn().value == name)
            .unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    fn set(&mut self, name: &str, attribute: &str, value: &str) {
        let id = self.directory.header.attribute(attribute).unwrap();
        let entry = self.account(name);
        let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
        attributes.retain(|(other, _)| *other != id);
        if !value.is_empty() {
            attributes.push((id, Values::One(value.into())));
        }
        attributes.sort_by_key(|(id, _)| *id);
        entry.attributes = attributes.into_boxed_slice();
    }
}

fn deleted(plan: &Plan) -> Vec<&str> {
    plan.changes
        .iter()
        .filter(|change| matches!(change.action, Action::Delete { .. }))
        .map(|change| change.person.key.as_str())
        .collect()
}

fn codes<'p>(plan: &'p Plan, account: &str) -> Vec<&'p str> {
    plan.held
        .iter()
        .filter(|held| {
            held.accounts
                .iter()
                .any(|one| one.dn.rdn().value == account)
        })
        .map(|held| held.code.as_str())
        .collect()
}

#[test]
fn the_way_back_is_written_down() {
    let mut world = World::new();
    assert_eq!(deleted(&world.plan()), ["2001", "absent:E2014"]);
    for unknown in [Some(false), None] {
        world.directory.header.deleted_objects = Some(DeletedObjects {
            recycle_bin: unknown,
            lifetime: 180,
        });
        let plan = world.plan();
        assert_eq!(deleted(&plan), [""; 0]);
        for account in ["Dana Reed", "Mia Sing"] {
            assert_eq!(codes(&plan, account), ["delete-recycle-bin"]);
        }
    }
    world.change(
        "lifecycle.yaml",
        "disabledFor: 30d",
        "disabledFor: 30d, withoutRecycleBin: true",
    );
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["2001", "absent:E2014"]);
    for change in &plan.changes {
        if let Action::Delete {
            restorable_days, ..
        } = &change.action
        {
            assert_eq!(*restorable_days, None);
            assert_eq!(change.recovery, Recovery::None);
            assert_eq!(change.risk, Risk::Irreversible);
        }
    }
}

/// P2.
#[test]
fn nobody_is_deleted_without_proof() {
    let reasons = || Verdict::Unproven {
        reasons: vec!["a page was missing".to_owned()],
    };
    let mut world = World::new();
    world.people.header.completeness.verdict = reasons();
    let plan = world.plan();
    assert_eq!(deleted(&plan), [""; 0]);
    let unproven = codes(&plan, "Dana Reed");
    assert!(
        unproven.iter().all(|code| *code == "removal-unproven"),
        "{unproven:?}"
    );
    assert_eq!(unproven.len(), 2, "the deletion, and leaving a group");

    let mut world = World::new();
    world.directory.header.completeness.verdict = reasons();
    assert!(world.plan().changes.is_empty());

    // A read made for another configuration.
    let mut world = World::new();
    world.directory.header.deleted_objects = None;
    for entry in &mut world.directory.objects {
        entry.deletion = None;
    }
    let plan = world.plan();
    assert_eq!(deleted(&plan), [""; 0]);
    assert_eq!(codes(&plan, "Dana Reed"), ["delete-undated"]);

    // An account that is only recognised by an address people share.
    let mut world = World::new();
    world.set("Dana Reed", "employeeID", "");
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["absent:E2014"]);
    assert!(codes(&plan, "Dana Reed").contains(&"removal-after-adoption"));
}

#[test]
fn guards_count_deletions_and_stop_them() {
    let mut world = World::new();
    world.change("guards.yaml", "max: 5", "max: 1");
    let plan = world.plan();
    assert_eq!(deleted(&plan), [""; 0], "nobody is chosen");
    assert_eq!(codes(&plan, "Dana Reed"), ["guard-limit"]);
    let waiting = plan.held.iter().find(|held| held.code == "guard-limit");
    assert_eq!(waiting.unwrap().waits, ["delete"]);
    // As removals, too.
    world.change("guards.yaml", "actions: [delete]", "actions: [removals]");
    assert_eq!(deleted(&world.plan()), [""; 0]);

    let mut world = World::new();
    world.change(
        "guards.yaml",
        "  limits:",
        "  breakGlass: [dreed]\n  limits:",
    );
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["absent:E2014"]);
    assert_eq!(codes(&plan, "Dana Reed"), ["guard-break-glass"]);

    // The only member of a group that must keep one enabled: disabled, she does not count as one.
    let mut world = World::new();
    world.change(
        "guards.yaml",
        "  limits:",
        "  minimumMembers: [{group: \"CN=VPN,OU=Groups,DC=corp,DC=example,DC=test\", enabled: 1}]\n  limits:",
    );
    let plan = world.plan();
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.code == "minimum-not-met")
    );
}

#[test]
fn who_is_back_is_not_deleted() {
    let mut world = World::new();
    let mut dana = world.people.people.iter_mut();
    let dana = dana.find(|person| person.key.as_str() == "2001").unwrap();
    let ends = world.people.header.fields.iter();
    let ends = ends
        .clone()
        .position(|field| field.name.as_str() == "endsOn")
        .unwrap();
    dana.facts[ends] = None;
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["absent:E2014"]);
    let kinds: Vec<bool> = plan
        .changes
        .iter()
        .filter(|change| change.person.key.as_str() == "2001")
        .map(|change| matches!(change.action, Action::Enable { .. }))
        .collect();
    assert!(kinds.contains(&true));
}

/// Nobody knows whose exception it is; it may be that of the person who is missing.
#[test]
fn an_exception_of_somebody_unknown_keeps_the_accounts_of_the_missing() {
    let mut world = World::new();
    world.change("exceptions.yaml", "person: 2009", "person: 9999");
    let plan = world.plan();
    assert_eq!(codes(&plan, "Mia Sing"), ["delete-exception"]);
    assert_eq!(deleted(&plan), ["2001", "2009"]);
}

/// Somebody with another number and the address of the missing: it may well be them.
#[test]
fn who_was_given_another_number_keeps_the_account() {
    let mut world = World::new();
    world.set("Mia Sing", "mail", "rita.port@example.test");
    world.set("Rita Port", "employeeID", "");
    world.set("Rita Port", "mail", "");
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["2001"]);
    assert!(
        codes(&plan, "Mia Sing").contains(&"delete-claimed"),
        "{:?}",
        codes(&plan, "Mia Sing")
    );
    // The same when that person is held for something else.
    let mut rita = world.people.people.iter_mut();
    let rita = rita.find(|person| person.key.as_str() == "2013").unwrap();
    let number = world.people.header.fields.iter();
    let number = number
        .clone()
        .position(|field| field.name.as_str() == "number")
        .unwrap();
    rita.facts[number] = None;
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["2001"]);
}

#[test]
fn nothing_is_left_to_say_of_those_who_are_deleted() {
    let world = World::new();
    let config = world.config();
    let first = world.plan();
    let directory = apply(&first, &world.directory);
    let second = plan(&config, &world.people, &directory);
    assert!(second.changes.is_empty(), "{:#?}", second.changes);
    for key in ["2001", "absent:E2014"] {
        assert!(
            second
                .calendar
                .iter()
                .all(|entry| entry.person.key.as_str() != key)
        );
        assert!(second.held.iter().all(|held| {
            held.person
                .as_ref()
                .is_none_or(|person| person.key.as_str() != key)
        }));
    }
    // Where nothing but a stamp says since when somebody has left, the stages of the deleted are not counted anew.
    let mut world = World::new();
    world.change(
        "lifecycle.yaml",
        "      since: \"{{ person.endsOn }}\"\n",
        "",
    );
    world.set(
        "Dana Reed",
        "info",
        "halosync: leaver since 2026-06-01T09:00:00Z",
    );
    let first = world.plan();
    assert!(deleted(&first).contains(&"2001"), "{:#?}", first.held);
    let directory = apply(&first, &world.directory);
    let second = plan(&world.config(), &world.people, &directory);
    assert!(
        second
            .calendar
            .iter()
            .all(|entry| entry.person.key.as_str() != "2001")
    );
    let of_dana = second.changes.iter();
    assert_eq!(
        of_dana
            .filter(|change| change.person.key.as_str() == "2001")
            .count(),
        0
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// P2, P9: an account is deleted exactly when every condition holds.
    #[test]
    fn everything_must_hold(
        disabled in prop::bool::weighted(0.8),
        age in prop::option::weighted(0.9, 0i64..70),
        protected in prop::option::weighted(0.9, prop::bool::weighted(0.2)),
        bin in prop::option::weighted(0.9, prop::bool::weighted(0.8)),
        admin in prop::bool::weighted(0.1),
        service in prop::bool::weighted(0.1),
        child in prop::bool::weighted(0.1),
        proven in prop::bool::weighted(0.9),
        exception in prop::bool::weighted(0.1),
        listed in prop::bool::weighted(0.1),
    ) {
        let mut world = World::new();
        let as_of: jiff::Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        world.set("Dana Reed", "userAccountControl", if disabled { "514" } else { "512" });
        let changed = age.map(|days| as_of - jiff::SignedDuration::from_hours(24 * days));
        world.account("Dana Reed").deletion = Some(Box::new(DeletionFacts {
            control_changed: changed,
            protected,
            password_changed: None,
 last_written: None,
        }));
        world.directory.header.deleted_objects = Some(DeletedObjects { recycle_bin: bin, lifetime: 60 });
        if admin {
            world.set("Dana Reed", "adminCount", "1");
        }
        if service {
            world.set("Dana Reed", "servicePrincipalName", "HTTP/a");
        }
        if child {
            let dn = world.account("Dana Reed").dn.child("CN", "Phone");
            world.account("Phone\u{a7}1").dn = dn;
        }
        if !proven {
            world.people.header.completeness.verdict = Verdict::Unproven { reasons: vec!["no".to_owned()] };
        }
        if exception {
            world.change("exceptions.yaml", "person: 2009", "person: 2001");
        }
        if listed {
            world.change("directory.yaml", "OU=Admins,OU=People", "CN=Dana Reed,OU=Leavers,OU=People");
        }
        let plan = world.plan();
        let wanted = disabled
            && age.is_some_and(|days| days >= 30)
            && protected == Some(false)
            && bin == Some(true)
            && proven
            && !(admin || service || child || exception || listed);
        prop_assert_eq!(deleted(&plan).contains(&"2001"), wanted, "{:?}", codes(&plan, "Dana Reed"));
        if !wanted {
            prop_assert!(!codes(&plan, "Dana Reed").is_empty());
        } else {
            let others = plan.changes.iter().filter(|change| change.person.key.as_str() == "2001");
            prop_assert_eq!(others.count(), 1, "nothing else is done to it");
        }
    }
}
