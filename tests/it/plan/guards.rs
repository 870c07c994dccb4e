//! What guards promise for any people and any directory.

use std::collections::{BTreeMap, BTreeSet};

use halosync::config::{Config, Document, kinds};
use halosync::model::Name;
use halosync::plan::{
    Action, Change, GuardVerdict, Only, Plan, lint, narrow, recount, seal, to_bytes,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::{account, shuffle, somebody, world};
use super::{config_of, golden_root, plan};

pub(super) fn document<T: serde::de::DeserializeOwned>(
    name: &str,
    spec: Value,
) -> (Name, Document<T>) {
    let name = Name::new(name);
    let document = Document {
        name: name.clone(),
        description: None,
        spec: serde_json::from_value(spec).unwrap(),
        positions: Default::default(),
    };
    (name, document)
}

fn guard(config: &mut Config, spec: Value) {
    config.guards = BTreeMap::from([document::<kinds::Guards>("corp", spec)]);
}

/// Accounts something of this kind happens to.
fn accounts(plan: &Plan, kind: fn(&Action) -> bool) -> usize {
    let people: BTreeSet<_> = plan
        .changes
        .iter()
        .filter(|change| kind(&change.action))
        .map(|change| &change.person)
        .collect();
    people.len()
}

/// The most members any one group loses.
fn most_leaving(plan: &Plan) -> usize {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for change in &plan.changes {
        if matches!(change.action, Action::RemoveMember { .. }) {
            *groups.entry(change.object.dn.to_string()).or_default() += 1;
        }
    }
    groups.into_values().max().unwrap_or_default()
}

fn disables(action: &Action) -> bool {
    matches!(action, Action::Disable {})
}

fn creates(action: &Action) -> bool {
    matches!(action, Action::Create { .. })
}

fn enters(action: &Action) -> bool {
    matches!(action, Action::AddMember { .. })
}

fn ids(changes: &[Change]) -> BTreeSet<&str> {
    changes.iter().map(|change| change.id.0.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_guards_there_are_a_plan_says_of_them_what_is_counted_again(
        people in prop::collection::vec(somebody(), 0..9),
        accounts_there in prop::collection::vec(account(), 0..9),
        shares in prop::collection::vec(0u8..101, 4),
        floors in prop::collection::vec(0usize..3, 4),
        on_breach in prop::sample::select(&["holdClass", "holdRemovals", "holdAll"][..]),
        (kept, enabled) in (0usize..9, 1usize..4),
        only in prop::option::of(0usize..9),
    ) {
        let mut config = config_of(&golden_root().join("groups/config"));
        let (source, target) = world(&people, &accounts_there);
        let share = |at: usize| format!("{}%", shares[at]);
        guard(&mut config, json!({
            "target": "corp",
            "limits": [
                {"name": "places", "actions": ["any"], "per": "ou", "maxShare": share(0), "floor": floors[0], "onBreach": on_breach},
                {"name": "departments", "actions": ["removals"], "per": {"field": "department"}, "maxShare": share(1), "floor": floors[1], "onBreach": on_breach},
                {"name": "groups", "actions": ["removeMember", "addMember"], "per": "group", "maxShare": share(2), "floor": floors[2], "onBreach": on_breach},
                {"name": "titles", "actions": ["modify", "create"], "attribute": "title", "max": 3, "onBreach": on_breach},
                {"name": "sales", "actions": ["disable", "move"], "per": {"placement": "OU=Sales,OU=People,DC=corp,DC=example,DC=test"}, "max": 2, "maxShare": share(3), "floor": floors[3], "onBreach": on_breach},
            ],
            "minimumMembers": [{"group": "CN=All Staff,OU=Groups,DC=corp,DC=example,DC=test", "enabled": enabled}],
            "breakGlass": [format!("b{kept:031x}")],
        }));
        let mut guarded = plan(&config, &source, &target);
        prop_assert_eq!(recount(&guarded, &config).found, Vec::<String>::new());
        if let Some(person) = only.and_then(|at| source.people.get(at)) {
            let only = Only::Person { source: Name::new("people"), key: person.key.clone() };
            narrow(&mut guarded, &[only], vec![person.key.to_string()]);
            prop_assert_eq!(recount(&guarded, &config).found, Vec::<String>::new());
        }
        // Without what it says of its guards it is none of this configuration's.
        if !guarded.changes.is_empty() {
            guarded.guards.clear();
            prop_assert!(recount(&guarded, &config).found.len() >= 7);
        }
    }

    #[test]
    fn a_plan_never_exceeds_a_limit_without_a_waiver(
        people in prop::collection::vec(somebody(), 0..9),
        accounts_there in prop::collection::vec(account(), 0..9),
        (disabled, created, leaving, entering) in (0usize..3, 0usize..3, 0usize..3, 0usize..4),
        on_breach in prop::sample::select(&["holdClass", "holdRemovals", "holdAll"][..]),
        waived in prop::option::of(0usize..4),
        seed in any::<u64>(),
    ) {
        let mut config = config_of(&golden_root().join("groups/config"));
        let (source, target) = world(&people, &accounts_there);
        let free = plan(&config, &source, &target);
        guard(&mut config, json!({
            "target": "corp",
            "limits": [
                {"name": "disables", "actions": ["disable"], "max": disabled, "onBreach": on_breach},
                {"name": "creates", "actions": ["create"], "max": created, "onBreach": on_breach},
                {"name": "leaving", "actions": ["removeMember"], "per": "group", "max": leaving, "onBreach": on_breach},
                {"name": "entering", "actions": ["addMember"], "max": entering, "onBreach": on_breach},
            ],
        }));
        if let Some(maximum) = waived {
            config.waivers = BTreeMap::from([document::<kinds::Waiver>("once", json!({
                "target": "corp", "guard": "disables", "maximum": maximum, "reason": "r", "ticket": "t",
                "owner": "o", "expires": "2026-11-23",
            }))]);
        }
        let guarded = plan(&config, &source, &target);
        lint(&guarded).unwrap();
        prop_assert!(accounts(&guarded, disables) <= disabled.max(waived.unwrap_or_default()));
        prop_assert!(accounts(&guarded, creates) <= created);
        prop_assert!(accounts(&guarded, enters) <= entering);
        prop_assert!(most_leaving(&guarded) <= leaving);

        // Guards only take from a plan, and what they take is told.
        let (all, left) = (ids(&free.changes), ids(&guarded.changes));
        prop_assert!(left.is_subset(&all));
        let breached = guarded.guards.iter().any(|outcome| outcome.verdict == GuardVerdict::Breached);
        prop_assert_eq!(left == all, !breached);
        let held: u64 = guarded.guards.iter().map(|outcome| outcome.held).sum();
        prop_assert_eq!(held as usize, all.len() - left.len());

        // Counted again it comes to the same, and putting back what waits does not get through, whatever is said of it.
        prop_assert_eq!(recount(&guarded, &config).found, Vec::<String>::new());
        let mut forged = guarded.clone();
        forged.changes = free.changes.clone();
        for outcome in forged.guards.iter_mut().filter(|one| one.verdict == GuardVerdict::Breached) {
            outcome.verdict = GuardVerdict::Passed;
            outcome.counted = outcome.counted.min(outcome.allowed);
            outcome.held = 0;
        }
        prop_assert_eq!(!recount(&forged, &config).found.is_empty(), breached);

        // Whose account is not disabled after all has nothing else done to them.
        let kept: BTreeSet<_> = free
            .changes
            .iter()
            .filter(|change| disables(&change.action) && !left.contains(change.id.0.as_str()))
            .map(|change| &change.person)
            .collect();
        for change in &guarded.changes {
            prop_assert!(!kept.contains(&change.person), "{change:#?}");
        }

        // P8: whatever order it comes in.
        let bytes = to_bytes(&seal(guarded));
        let mut shuffled = (source, target);
        shuffle(&mut shuffled.0.people, seed);
        shuffle(&mut shuffled.1.objects, seed.rotate_left(17));
        prop_assert!(to_bytes(&seal(plan(&config, &shuffled.0, &shuffled.1))) == bytes);
    }

    #[test]
    fn hard_stops_hold_whatever_else_is_decided(
        people in prop::collection::vec(somebody(), 0..9),
        accounts_there in prop::collection::vec(account(), 1..9),
        kept in 0usize..9,
        disabled in 0usize..3,
    ) {
        let mut config = config_of(&golden_root().join("groups/config"));
        let (source, target) = world(&people, &accounts_there);
        let users: Vec<_> = target
            .objects
            .iter()
            .filter(|entry| entry.kind == halosync::model::EntryKind::User)
            .collect();
        let emergency = users[kept % users.len()].guid;
        guard(&mut config, json!({
            "target": "corp",
            "limits": [{"name": "disables", "actions": ["disable"], "max": disabled, "onBreach": "holdClass"}],
            "breakGlass": [emergency.to_string()],
        }));
        let guarded = plan(&config, &source, &target);
        lint(&guarded).unwrap();
        for change in &guarded.changes {
            prop_assert!(change.object.guid != Some(emergency), "{change:#?}");
            if let Action::AddMember { member } | Action::RemoveMember { member } = &change.action {
                prop_assert!(member.guid != Some(emergency), "{change:#?}");
            }
        }
    }
}
