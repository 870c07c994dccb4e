//! Promises that hold for any people and any directory.

use std::collections::{BTreeMap, BTreeSet};

use halosync::model::{
    DirectorySnapshot, Entry, EntryKind, Fact, Guid, PeopleSnapshot, Person, PersonKey, Values,
    Verdict,
};
use halosync::plan::{Action, Plan, PlanValue, lint, seal, to_bytes};
use halosync::snapshot::{read_directory, read_people};
use proptest::prelude::*;

use super::applied::apply;
use super::{config_of, golden_root, plan};

const BASE: &str = "DC=corp,DC=example,DC=test";

#[derive(Debug, Clone)]
pub(super) struct Somebody {
    in_scope: bool,
    facts: BTreeMap<&'static str, String>,
    inactive: Option<bool>,
    ends: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    name: &'static str,
    place: &'static str,
    attributes: BTreeMap<&'static str, String>,
    groups: (bool, bool),
}

fn maybe(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.85, prop::sample::select(values))
        .prop_map(|value| value.map(str::to_owned))
}

pub(super) fn somebody() -> impl Strategy<Value = Somebody> {
    (
        prop::bool::weighted(0.9),
        maybe(&["E1", "E2", "E3", "E4", "E5", "E6", "e1"]),
        maybe(&[
            "Jane",
            "John",
            "Łukasz",
            "=x",
            "Very Very Long Given Name Of Somebody",
        ]),
        maybe(&["Doe", "Smith", "O'Brien, Jr", "#1", "王"]),
        maybe(&[
            "a@example.test",
            "b@example.test",
            "c@example.test",
            "d@example.test",
        ]),
        maybe(&["Sales", "Research", "Nowhere", "Sales,OU=Admins"]),
        maybe(&["1", "2", "3", "4", "99"]),
        (
            maybe(&["Clerk", "Chemist"]),
            prop::option::of(prop::bool::weighted(0.3)),
            prop::option::weighted(0.2, prop::sample::select(&["2026-11-01", "2027-05-31"][..])),
        ),
    )
        .prop_map(
            |(
                in_scope,
                number,
                given,
                surname,
                email,
                department,
                manager,
                (title, inactive, ends),
            )| {
                let facts = [
                    ("number", number),
                    ("givenName", given),
                    ("surname", surname),
                    ("email", email),
                    ("department", department),
                    ("managerKey", manager),
                    ("title", title),
                ];
                Somebody {
                    in_scope,
                    facts: facts
                        .into_iter()
                        .filter_map(|(name, value)| Some((name, value?)))
                        .collect(),
                    inactive,
                    ends,
                }
            },
        )
}

pub(super) fn account() -> impl Strategy<Value = Account> {
    (
        prop::sample::select(
            &[
                "Jane Doe",
                "John Smith",
                "Jane Smith",
                "Jane Doe 2",
                "Other",
                "Łukasz #1",
            ][..],
        ),
        prop::sample::select(
            &[
                "OU=Sales,OU=People",
                "OU=Research,OU=People",
                "OU=Leavers,OU=People",
                "OU=Admins,OU=People",
                "OU=Service",
            ][..],
        ),
        maybe(&["E1", "E2", "E3", "E4", "E7"]),
        maybe(&["a@example.test", "b@example.test", "c@example.test"]),
        maybe(&["Clerk", "chemist"]),
        maybe(&["1"]).prop_map(|_| ()),
        (
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.3),
            any::<bool>(),
            any::<bool>(),
            0usize..8,
        ),
    )
        .prop_map(
            |(name, place, anchor, mail, title, (), (admin, off, one, two, manager))| {
                let mut attributes = BTreeMap::from([
                    ("cn", name.to_owned()),
                    (
                        "userAccountControl",
                        if off { "66050" } else { "66048" }.to_owned(),
                    ),
                    ("#manager", manager.to_string()),
                ]);
                for (id, value) in [("employeeID", anchor), ("mail", mail), ("title", title)] {
                    attributes.extend(value.map(|value| (id, value)));
                }
                if admin {
                    attributes.insert("adminCount", "1".to_owned());
                }
                Account {
                    name,
                    place,
                    attributes,
                    groups: (one, two),
                }
            },
        )
}

/// The golden folder's headers and places with these people and accounts in them.
pub(super) fn world(
    people: &[Somebody],
    accounts: &[Account],
) -> (PeopleSnapshot, DirectorySnapshot) {
    let folder = golden_root().join("groups");
    let mut source = read_people(&std::fs::read(folder.join("people.jsonl")).unwrap()).unwrap();
    let mut target =
        read_directory(&std::fs::read(folder.join("directory.jsonl")).unwrap()).unwrap();
    source.people = people
        .iter()
        .enumerate()
        .map(|(at, somebody)| Person {
            key: PersonKey::new((at + 1).to_string()),
            in_scope: somebody.in_scope,
            faults: Box::default(),
            held: Box::default(),
            facts: source
                .header
                .fields
                .iter()
                .map(|field| match field.name.as_str() {
                    "inactive" => somebody.inactive.map(Fact::Boolean),
                    "endsOn" => somebody.ends.map(|date| Fact::Date(date.parse().unwrap())),
                    name => somebody
                        .facts
                        .get(name)
                        .map(|text| Fact::Text(text.as_str().into())),
                })
                .collect(),
        })
        .collect();
    let member = target.header.attribute("member").unwrap();
    target.objects.retain(|entry| entry.kind != EntryKind::User);
    let mut names = std::collections::HashSet::new();
    let mut standing = Vec::new();
    for account in accounts {
        let dn = format!(
            "CN={},{},{BASE}",
            account.name.replace('#', "\\#"),
            account.place
        );
        if names.insert(dn.clone()) {
            standing.push((dn, account));
        }
    }
    for (at, (dn, account)) in standing.iter().enumerate() {
        let mut attributes = Vec::new();
        for (number, def) in target.header.attributes.iter().enumerate() {
            let value = match def.name.as_str() {
                "sAMAccountName" => Some(format!("user{at}")),
                "userPrincipalName" => Some(format!("user{at}@corp.example.test")),
                "manager" => {
                    let manager: usize = account.attributes["#manager"].parse().unwrap();
                    standing.get(manager).map(|(dn, _)| dn.clone())
                }
                name => account.attributes.get(name).cloned(),
            };
            if let Some(value) = value {
                let id = halosync::model::AttributeId(u16::try_from(number).unwrap());
                attributes.push((id, Values::One(value.as_str().into())));
            }
        }
        target.objects.push(Entry {
            guid: Guid::parse(&format!("b{at:031x}")).unwrap(),
            dn: halosync::model::Dn::parse(dn).unwrap(),
            kind: EntryKind::User,
            attributes: attributes.into_boxed_slice(),
            deletion: None,
        });
    }
    let groups = [("All Staff", true), ("Sales", false)];
    for (name, first) in groups {
        let members: Vec<compact_str::CompactString> = standing
            .iter()
            .filter(|(_, account)| {
                if first {
                    account.groups.0
                } else {
                    account.groups.1
                }
            })
            .map(|(dn, _)| dn.as_str().into())
            .collect();
        let group = target
            .objects
            .iter_mut()
            .find(|entry| entry.dn.rdn().value == name)
            .unwrap();
        let mut attributes = group.attributes.to_vec();
        attributes.retain(|(id, _)| *id != member);
        match members.len() {
            0 => {}
            1 => attributes.push((member, Values::One(members[0].clone()))),
            _ => attributes.push((member, Values::Many(members.into_boxed_slice()))),
        }
        attributes.sort_by_key(|(id, _)| *id);
        group.attributes = attributes.into_boxed_slice();
    }
    target.objects.sort_by_key(|entry| entry.guid);
    target.header.completeness.distinct = target.objects.len() as u64;
    let people = &mut source.header.completeness;
    (people.rows, people.distinct) = (source.people.len() as u64, source.people.len() as u64);
    people.claimed_total = people.claimed_total.map(|_| people.distinct);
    (source, target)
}

fn removals(plan: &Plan) -> usize {
    plan.changes
        .iter()
        .filter(|change| match &change.action {
            Action::Disable {} | Action::RemoveMember { .. } => true,
            Action::Move { after, .. } => after.as_str().starts_with("OU=Leavers"),
            Action::Modify { attributes } => attributes.iter().any(|one| one.after.is_empty()),
            _ => false,
        })
        .count()
}

/// P9: what is written stands in the managed scope and is protected by nothing.
fn only_managed(plan: &Plan, directory: &DirectorySnapshot) {
    let key = |text: &str| halosync::model::Dn::parse(text).unwrap().key();
    let people = key(&format!("OU=People,{BASE}"));
    let admins = key(&format!("OU=Admins,OU=People,{BASE}"));
    let groups = key(&format!("OU=Groups,{BASE}"));
    let admin = directory.header.attribute("adminCount").unwrap();
    for change in &plan.changes {
        let written = change.object.dn.key();
        let group = matches!(
            change.action,
            Action::AddMember { .. } | Action::RemoveMember { .. }
        );
        let scope = if group { &groups } else { &people };
        assert!(written.is_at_or_under(scope), "{}", change.object.dn);
        assert!(!written.is_at_or_under(&admins), "{}", change.object.dn);
        if let Action::Move { after, .. } = &change.action {
            assert!(after.key().is_at_or_under(&people));
            assert!(!after.key().is_at_or_under(&admins));
        }
        for guid in [change.object.guid].into_iter().flatten() {
            let entry = directory
                .objects
                .iter()
                .find(|entry| entry.guid == guid)
                .unwrap();
            assert_eq!(entry.value(admin), None, "{}", entry.dn);
        }
    }
}

/// After the plan, whoever is not held has exactly one account and it is as their facts say.
fn as_wanted(plan: &Plan, people: &[Somebody], after: &DirectorySnapshot) {
    let held: Vec<&str> = plan
        .held
        .iter()
        .filter_map(|held| Some(held.person.as_ref()?.key.as_str()))
        .collect();
    let id = |name: &str| after.header.attribute(name).unwrap();
    for (at, somebody) in people.iter().enumerate() {
        let key = (at + 1).to_string();
        if !somebody.in_scope || held.contains(&key.as_str()) {
            continue;
        }
        let number = somebody.facts["number"].to_lowercase();
        let accounts: Vec<&Entry> = after
            .objects
            .iter()
            .filter(|entry| {
                entry.value(id("employeeID")).map(str::to_lowercase) == Some(number.clone())
            })
            .collect();
        let left = somebody.inactive == Some(true)
            || somebody.ends.is_some_and(|ends| ends < "2026-11-23");
        let account = match accounts.as_slice() {
            [] => {
                assert!(left, "{key} has no account");
                continue;
            }
            [account] => account,
            several => panic!("{key} has {} accounts", several.len()),
        };
        let protected =
            account.value(id("adminCount")).is_some() || account.dn.as_str().contains("OU=Admins");
        if protected {
            continue;
        }
        let enabled = account
            .value(id("userAccountControl"))
            .is_some_and(|flags| flags.parse::<i64>().unwrap() & 2 == 0);
        assert_eq!(enabled, !left, "{key}");
        let place = if left {
            "Leavers"
        } else {
            &somebody.facts["department"]
        };
        assert_eq!(account.dn.parent().unwrap().rdn().value, place, "{key}");
        let fact = |name: &str| somebody.facts.get(name).map(String::as_str);
        for (attribute, field) in [
            ("sn", "surname"),
            ("givenName", "givenName"),
            ("title", "title"),
        ] {
            assert_eq!(
                account.value(id(attribute)),
                fact(field),
                "{key} {attribute}"
            );
        }
        if let Some(mail) = fact("email") {
            assert_eq!(account.value(id("mail")), Some(mail), "{key}");
        }
        let cn = account.value(id("cn")).unwrap();
        assert_eq!(cn, account.dn.rdn().value, "{key}");
        let name = format!(
            "{} {}",
            somebody.facts["givenName"], somebody.facts["surname"]
        );
        assert!(
            cn.starts_with(&name) || cn.len() >= 60,
            "{key}: {cn} for {name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_anybody(
        people in prop::collection::vec(somebody(), 0..9),
        accounts in prop::collection::vec(account(), 0..9),
        lenient in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let folder = if lenient { "empties" } else { "groups" };
        let mut config = config_of(&golden_root().join(folder).join("config"));
        if lenient {
            config.groups = config_of(&golden_root().join("groups/config")).groups;
        }
        let (source, target) = world(&people, &accounts);
        let first = plan(&config, &source, &target);
        lint(&first).unwrap();
        only_managed(&first, &target);
        never_half_moved(&first);

        // P8: whatever order it comes in.
        let bytes = to_bytes(&seal(first.clone()));
        let mut shuffled = (source.clone(), target.clone());
        shuffle(&mut shuffled.0.people, seed);
        shuffle(&mut shuffled.1.objects, seed.rotate_left(17));
        prop_assert!(to_bytes(&seal(plan(&config, &shuffled.0, &shuffled.1))) == bytes);

        // P7: after an apply there is nothing left to do.
        let after = apply(&first, &target);
        as_wanted(&first, &people, &after);
        let second = plan(&config, &source, &after);
        prop_assert!(freed(&first, &second), "{:#?}", second.changes);
        let after = apply(&second, &after);
        let third = plan(&config, &source, &after);
        prop_assert!(freed(&second, &third), "{:#?}", third.changes);

        // P2: without proof nobody loses anything.
        let mut unproven = source;
        unproven.header.completeness.verdict = Verdict::Unproven { reasons: vec!["cut short".to_owned()] };
        let held = plan(&config, &unproven, &target);
        prop_assert!(held.removals_held);
        prop_assert_eq!(removals(&held), 0);
        only_managed(&held, &target);
        let after = apply(&held, &target);
        let again = plan(&config, &unproven, &after);
        prop_assert!(freed(&held, &again), "{:#?}", again.changes);
    }
}

/// Whoever stays here leaves a group only after everything else is entered.
fn never_half_moved(plan: &Plan) {
    let shut: BTreeSet<_> = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::Disable {}))
        .map(|change| change.object.guid)
        .collect();
    for left in &plan.changes {
        let Action::RemoveMember { member } = &left.action else {
            continue;
        };
        let leaver = left.because.text.contains("leaves every group");
        if shut.contains(&member.guid) || leaver || left.privileged {
            continue;
        }
        for entered in &plan.changes {
            if matches!(&entered.action, Action::AddMember { member: other } if other == member) {
                assert!(
                    left.depends_on.contains(&entered.id),
                    "{left:#?} {entered:#?}"
                );
                assert_eq!(left.unit, entered.unit);
            }
        }
    }
}

/// Whether a later plan holds nothing but what the apply of the earlier one set free: changes for people who were held
/// (their mail address was somebody else's until now), and references to them.
fn freed(earlier: &Plan, later: &Plan) -> bool {
    let was_held = |key: &PersonKey| {
        earlier.held.iter().any(|held| {
            held.person
                .as_ref()
                .is_some_and(|person| &person.key == key)
        })
    };
    let refers = |value: &PlanValue| matches!(value, PlanValue::Object(_));
    later.changes.iter().all(|change| {
        was_held(&change.person.key)
            || matches!(&change.action, Action::Modify { attributes }
                if earlier.held.iter().any(|held| held.person.is_some())
                    && attributes.iter().all(|one| one.after.iter().all(refers)))
    })
}

/// Fisher-Yates with a small generator: a shuffle that depends on the seed alone.
pub(super) fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for at in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        items.swap(at, (seed >> 33) as usize % (at + 1));
    }
}
