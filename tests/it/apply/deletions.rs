//! Deleting: everything is noted before, whatever has changed keeps the account, and a tree is never deleted.
//! Interruptions and lost answers are met with those of every other action.

use std::collections::BTreeSet;

use halosync::apply::{ChangeOutcome, FailureKind, Line, Recorded, Verdict};
use halosync::model::DeletionFacts;

use super::bench::{Bench, delete_old, disabled, leaver, outcome_of, plan, world};
use super::world::{Fault, Kind, State, guid};

fn bench() -> Bench {
    Bench::new(world(), plan(vec![delete_old()]))
}

#[test]
fn everything_that_could_be_read_is_noted_before() {
    let bench = bench();
    bench.world.edit(|state| {
        state.set(6, "mail", "old@example.com");
        state.set(6, "description", "left");
    });
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    let journal = Recorded::read(bench.journal_text().as_bytes()).unwrap();
    let intent = journal.lines.into_iter().find_map(|line| match line {
        Line::Intent { object, before, .. } => Some((object, before)),
        _ => None,
    });
    let (object, before) = intent.unwrap();
    assert_eq!(object, Some(guid(6)));
    let names: BTreeSet<&str> = before.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        BTreeSet::from(["description", "employeeID", "mail", "userAccountControl"])
    );
    assert_eq!(before["mail"], ["old@example.com"]);
    bench.world.edit(|state| {
        assert_eq!(state.log, [format!("delete {}", leaver("Old"))]);
        assert!(!state.objects[&guid(22)].members.contains(&guid(6)));
    });
}

/// P5: nothing is sent for an account that is not, or not provably, the one the plan was made for.
#[test]
fn whatever_has_changed_keeps_the_account() {
    type Change = fn(&mut State);
    let changes: &[(&str, Change)] = &[
        ("enabled", |state| {
            state.set(6, "userAccountControl", "66048")
        }),
        ("flags", |state| {
            let at = jiff::Timestamp::from_second(1).unwrap();
            let facts = DeletionFacts {
                control_changed: Some(at),
                ..disabled()
            };
            state.deletion.insert(guid(6), facts);
        }),
        ("written", |state| {
            let facts = DeletionFacts {
                last_written: jiff::Timestamp::from_second(1).ok(),
                ..disabled()
            };
            state.deletion.insert(guid(6), facts);
        }),
        ("unknown", |state| {
            state.deletion.clear();
        }),
        ("protected", |state| {
            let facts = DeletionFacts {
                protected: Some(true),
                ..disabled()
            };
            state.deletion.insert(guid(6), facts);
        }),
        ("anchor", |state| state.set(6, "employeeID", "E10")),
        ("privileged", |state| state.set(6, "adminCount", "1")),
        ("children", |state| {
            state.put(7, &format!("CN=Phone,{}", leaver("Old")), &[]);
        }),
        ("renamed", |state| {
            let old = state.objects.get_mut(&guid(6)).unwrap();
            old.dn = super::world::dn(&leaver("Kept"));
        }),
    ];
    for (about, change) in changes {
        let bench = bench();
        bench.world.edit(change);
        let before = bench.world.shape();
        let outcome = bench.apply();
        let found = outcome_of(&outcome, "delete-old");
        assert!(
            matches!(found, ChangeOutcome::Conflict { .. }),
            "{about}: {found:?}"
        );
        assert_eq!(outcome.verdict, Verdict::Conflicts, "{about}");
        assert_eq!(bench.world.shape(), before, "{about}");
        assert_eq!(bench.world.edit(|state| state.writes), 0, "{about}");
    }
}

#[test]
fn what_stands_below_at_the_last_moment_is_a_conflict_in_words() {
    let bench = bench();
    let meddle = Fault::Meddle(std::sync::Arc::new(|state: &mut State| {
        state.put(7, &format!("CN=Phone,{}", leaver("Old")), &[]);
    }));
    bench.world.edit(|state| state.faults.insert(0, meddle));
    let outcome = bench.apply();
    let ChangeOutcome::Conflict { message, .. } = outcome_of(&outcome, "delete-old") else {
        panic!("{outcome:#?}");
    };
    assert!(message.contains("objects stand below it"), "{message}");
    bench
        .world
        .edit(|state| assert!(state.objects.contains_key(&guid(6))));
}

#[test]
fn an_account_that_is_gone_is_as_desired() {
    let bench = bench();
    bench.world.edit(|state| state.objects.remove(&guid(6)));
    let outcome = bench.apply();
    assert_eq!(
        *outcome_of(&outcome, "delete-old"),
        ChangeOutcome::AlreadyAsDesired {}
    );
    assert_eq!(bench.world.edit(|state| state.writes), 0);
}

#[test]
fn what_comes_back_is_not_deleted_by_the_same_plan() {
    let bench = bench();
    let before = bench.world.edit(|state| state.objects[&guid(6)].clone());
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench
        .world
        .edit(|state| state.objects.insert(guid(6), before));
    let outcome = bench.apply();
    assert!(
        matches!(
            outcome_of(&outcome, "delete-old"),
            ChangeOutcome::Conflict { message, .. } if message.contains("changed back since")
        ),
        "{outcome:#?}"
    );
    bench
        .world
        .edit(|state| assert!(state.objects.contains_key(&guid(6))));
}

#[test]
fn a_deletion_that_is_only_said_to_be_done_is_noticed() {
    let bench = bench();
    bench.world.edit(|state| state.faults.insert(0, Fault::Lie));
    let outcome = bench.apply();
    assert!(
        matches!(
            outcome_of(&outcome, "delete-old"),
            ChangeOutcome::Failed { kind: FailureKind::Unverified, message } if message.contains("it still stands at")
        ),
        "{outcome:#?}"
    );
    // The next apply of the plan does it.
    assert_eq!(bench.apply().verdict, Verdict::Applied);
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    for (fault, writes) in [
        (Fault::After(Kind::Unknown), 1),
        (Fault::Before(Kind::Unknown), 2),
        (Fault::Before(Kind::Transient), 2),
    ] {
        let bench = bench();
        let about = format!("{fault:?}");
        bench.world.edit(|state| state.faults.insert(0, fault));
        let outcome = bench.apply();
        assert_eq!(
            *outcome_of(&outcome, "delete-old"),
            ChangeOutcome::Done {},
            "{about}"
        );
        assert_eq!(bench.world.edit(|state| state.writes), writes, "{about}");
        bench.assert_converged(&about);
    }
}
