//! However a plan came about, it reaches no further than the configuration lets it.

use std::collections::BTreeMap;

use halosync::apply::{Bounds, ChangeOutcome, Verdict};
use halosync::model::{Dn, DnKey, Name};

use super::bench::{Bench, person};

fn key(text: &str) -> DnKey {
    Dn::parse(text).unwrap().key()
}

/// What the directory of the bench has, all of it managed.
fn wide() -> Bounds {
    Bounds {
        accounts: vec![
            key("OU=People,DC=example,DC=test"),
            key("OU=Leavers,DC=example,DC=test"),
        ],
        groups: vec![key("OU=Groups,DC=example,DC=test")],
        ..Bounds::default()
    }
}

fn within(bounds: Bounds) -> Bench {
    let mut bench = Bench::full();
    bench.bounds = BTreeMap::from([(Name::new("corp"), bounds)]);
    bench
}

/// The changes that were left alone, and why.
fn left_alone(bench: &Bench) -> Vec<(String, String)> {
    let outcome = bench.apply();
    let left = outcome
        .changes
        .iter()
        .filter_map(|report| match &report.outcome {
            ChangeOutcome::Conflict { message, .. } => {
                Some((report.id.0.to_string(), message.clone()))
            }
            ChangeOutcome::Skipped { .. } => None,
            other => {
                assert!(other.is_achieved(), "{}: {other:?}", report.id.0);
                None
            }
        });
    left.collect()
}

#[test]
fn within_its_bounds_everything_is_applied() {
    assert_eq!(within(wide()).apply().verdict, Verdict::Applied);
}

#[test]
fn accounts_kept_for_emergencies_are_never_written() {
    let bench = within(Bounds {
        break_glass: vec![person("Ann").to_lowercase()],
        ..wide()
    });
    let left: Vec<String> = left_alone(&bench).into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, ["modify-ann", "staff-ann"]);
    bench
        .world
        .edit(|state| assert_eq!(state.get(super::world::guid(1), "title"), ["Clerk"]));
}

#[test]
fn protected_places_and_places_out_of_scope_are_never_written() {
    let protected = within(Bounds {
        protected: vec![key(&person("Bob"))],
        ..wide()
    });
    let [(id, why)] = &left_alone(&protected)[..] else {
        panic!("one is left alone");
    };
    assert_eq!(id, "enable-bob");
    assert!(why.contains("protected"), "{why}");

    // Nobody goes to the leavers, or is deleted there.
    let narrow = within(Bounds {
        accounts: vec![key("OU=People,DC=example,DC=test")],
        ..wide()
    });
    let left: Vec<String> = left_alone(&narrow).into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, ["move-cy", "delete-old"]);

    let no_groups = within(Bounds {
        groups: vec![key("OU=Other,DC=example,DC=test")],
        ..wide()
    });
    let left: Vec<String> = left_alone(&no_groups)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(left, ["staff-ann", "staff-fay", "vpn-cy"]);

    let nowhere = within(Bounds {
        accounts: Vec::new(),
        ..wide()
    });
    let left = left_alone(&nowhere);
    assert!(left.iter().any(|(id, _)| id == "create-fay"), "{left:?}");
    assert!(nowhere.world.edit(|state| state.log.is_empty()));
}
