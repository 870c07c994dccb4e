//! Bringing deleted accounts back: whatever is otherwise than planned keeps them where they are, and lost answers are
//! settled by looking.

use halosync::apply::{ChangeOutcome, Verdict};
use halosync::plan::{Action, Change, PlanFile};

use super::bench::{Bench, change, existing, leaver, outcome_of, plan, world};
use super::world::{Fault, Kind, State, guid};

fn restore_old() -> Change {
    change(
        "restore-old",
        existing(6, &leaver("Old")),
        Action::Restore { whole: true },
    )
}

fn restoring() -> PlanFile {
    plan(vec![restore_old()])
}

/// A world in which the leaver is deleted.
fn bench() -> Bench {
    let world = world();
    world.edit(|state| {
        let old = state.objects.remove(&guid(6)).unwrap();
        state.buried.insert(guid(6), old);
    });
    Bench::new(world, restoring())
}

#[test]
fn a_deleted_account_comes_back_once() {
    let bench = bench();
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.world.edit(|state| {
        assert_eq!(state.objects[&guid(6)].dn.as_str(), leaver("Old"));
        assert_eq!(state.log, [format!("restore {}", leaver("Old"))]);
    });
    assert!(bench.journal_text().contains("\"isDeleted\":[\"TRUE\"]"));
    bench.assert_converged("restored");
}

#[test]
fn whatever_is_otherwise_leaves_it_deleted() {
    type Change = fn(&mut State);
    let changes: &[(&str, &str, Change)] = &[
        ("gone for good", "gone for good", |state| {
            state.buried.clear();
        }),
        ("enabled", "not disabled", |state| {
            let old = state.buried.get_mut(&guid(6)).unwrap();
            let control = old.attributes.get_mut("useraccountcontrol").unwrap();
            control.1 = vec!["66048".to_owned()];
        }),
        ("its name is taken", "another object stands at", |state| {
            state.put(9, &leaver("Old"), &[]);
        }),
        ("brought back elsewhere", "distinguishedName", |state| {
            let mut old = state.buried.remove(&guid(6)).unwrap();
            old.dn = halosync::model::Dn::parse("CN=Old,OU=Kept,DC=example,DC=test").unwrap();
            state.objects.insert(guid(6), old);
        }),
    ];
    for (about, told, change) in changes {
        let bench = bench();
        bench.world.edit(change);
        let outcome = bench.apply();
        let ChangeOutcome::Conflict { message, .. } = outcome_of(&outcome, "restore-old") else {
            panic!("{about}: {outcome:#?}");
        };
        assert!(message.contains(told), "{about}: {message}");
        assert_eq!(bench.world.edit(|state| state.writes), 0, "{about}");
    }
}

#[test]
fn what_is_back_already_is_as_desired() {
    let bench = bench();
    bench.world.edit(|state| {
        let old = state.buried.remove(&guid(6)).unwrap();
        state.objects.insert(guid(6), old);
    });
    let outcome = bench.apply();
    assert_eq!(
        *outcome_of(&outcome, "restore-old"),
        ChangeOutcome::AlreadyAsDesired {}
    );
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
            *outcome_of(&outcome, "restore-old"),
            ChangeOutcome::Done {},
            "{about}"
        );
        assert_eq!(bench.world.edit(|state| state.writes), writes, "{about}");
        bench.assert_converged(&about);
    }
}
