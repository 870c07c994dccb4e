//! Applying a part of a plan: some classes, so many changes, a first wave. However it is cut, the end is that of one
//! undisturbed run.

use std::num::NonZeroU64;

use halosync::apply::{ActionKind, ChangeOutcome, FailureKind, Outcome, Selection, Verdict};
use halosync::model::PersonKey;
use halosync::plan::{ChangeId, PlanFile};

use super::bench::{Bench, full_plan, outcome_of, world};
use super::world::{Fault, Kind};

/// The full plan, each change for the person it is about.
fn for_everybody() -> PlanFile {
    let mut file = full_plan();
    for change in &mut file.content.changes {
        let who = change.id.0.rsplit('-').next().unwrap().to_owned();
        change.person.key = PersonKey::new(&who);
        change.person.label = who;
    }
    file
}

fn bench(selection: Selection) -> Bench {
    let mut bench = Bench::new(world(), for_everybody());
    bench.selection = selection;
    bench
}

fn classes(kinds: &[ActionKind]) -> Selection {
    Selection {
        classes: kinds.iter().copied().collect(),
        ..Selection::default()
    }
}

fn at_most(changes: u64) -> Selection {
    Selection {
        max_changes: NonZeroU64::new(changes),
        ..Selection::default()
    }
}

fn wave(people: u64) -> Selection {
    Selection {
        wave: NonZeroU64::new(people),
        ..Selection::default()
    }
}

fn ids(outcome: &Outcome, wanted: impl Fn(&ChangeOutcome) -> bool) -> Vec<String> {
    let reports = outcome.changes.iter();
    reports
        .filter(|report| wanted(&report.outcome))
        .map(|report| report.id.0.to_string())
        .collect()
}

fn is_done(outcome: &ChangeOutcome) -> bool {
    *outcome == ChangeOutcome::Done {}
}

fn assert_as_undisturbed(bench: &mut Bench) {
    let reference = bench_of_reference();
    bench.selection = Selection::default();
    let outcome = bench.apply();
    assert_eq!(outcome.verdict, Verdict::Applied, "{outcome:#?}");
    assert_eq!(bench.world.shape(), reference.world.shape());
    bench.assert_converged("the rest");
}

fn bench_of_reference() -> Bench {
    let reference = bench(Selection::default());
    assert_eq!(reference.apply().verdict, Verdict::Applied);
    reference
}

#[test]
fn one_class_alone_and_then_the_rest() {
    let mut bench = bench(classes(&[ActionKind::Disable, ActionKind::RemoveMember]));
    let outcome = bench.apply();
    assert_eq!(ids(&outcome, is_done), ["disable-cy", "vpn-cy"]);
    assert_eq!(outcome.counts.left_out, outcome.counts.total() - 2);
    assert_eq!(outcome.verdict, Verdict::Partial);
    assert!(outcome.stopped.is_empty());
    assert_as_undisturbed(&mut bench);
}

#[test]
fn what_depends_on_a_change_that_was_left_out_is_skipped_until_it_was_made() {
    let mut bench = bench(classes(&[ActionKind::Move, ActionKind::AddMember]));
    let outcome = bench.apply();
    for (id, needed) in [("move-cy", "rename-cy"), ("staff-fay", "create-fay")] {
        let ChangeOutcome::Skipped { because } = outcome_of(&outcome, id) else {
            panic!("{id}: {outcome:#?}");
        };
        assert_eq!(because.0, needed);
    }
    assert_eq!(ids(&outcome, is_done), ["staff-ann"]);

    // Made by another apply, it does not stand in the way any more.
    bench.selection = classes(&[ActionKind::Rename, ActionKind::Create]);
    assert_eq!(bench.apply().counts.skipped, 0);
    bench.selection = classes(&[ActionKind::Move, ActionKind::AddMember]);
    let outcome = bench.apply();
    assert_eq!(ids(&outcome, is_done), ["move-cy", "staff-fay"]);
    assert_as_undisturbed(&mut bench);
}

#[test]
fn so_many_changes_at_a_time_in_the_plans_order() {
    for concurrency in [1, 4] {
        let mut bench = bench(at_most(2));
        bench.concurrency = concurrency;
        let all: Vec<String> = bench
            .plan
            .content
            .changes
            .iter()
            .map(|change| change.id.0.to_string())
            .collect();
        let mut done = Vec::new();
        for round in 0..all.len().div_ceil(2) {
            let outcome = bench.apply();
            let now = ids(&outcome, is_done);
            assert_eq!(now, all[2 * round..all.len().min(2 * round + 2)], "{round}");
            done.extend(now);
            let last = done.len() == all.len();
            let expected = if last {
                Verdict::Applied
            } else {
                Verdict::Partial
            };
            assert_eq!(outcome.verdict, expected, "{round}");
        }
        assert_as_undisturbed(&mut bench);
    }
}

#[test]
fn a_wave_that_went_well_is_followed_by_everybody_else() {
    let mut bench = bench(wave(1));
    // Were it not for the wave, these would be written at once.
    bench.concurrency = 4;
    let outcome = bench.apply();
    assert_eq!(outcome.verdict, Verdict::Applied, "{outcome:#?}");
    let log = bench.world.edit(|state| state.log.clone());
    let of_the_wave =
        |line: &String| line.contains("Fay") && !line.contains("CN=Ann") || line.contains("Staff");
    assert!(log[..4].iter().all(of_the_wave), "{log:#?}");
    assert_eq!(
        log[4..].iter().filter(|line| of_the_wave(line)).count(),
        1,
        "{log:#?}"
    );
    assert_as_undisturbed(&mut bench);
}

#[test]
fn nobody_follows_a_wave_of_which_anything_is_amiss() {
    for (fault, number) in [
        (Fault::Before(Kind::Denied), 0),
        // Acknowledged without effect: only reading back tells.
        (Fault::Lie, 3),
    ] {
        let mut bench = bench(wave(1));
        bench.concurrency = 4;
        bench
            .world
            .edit(|state| state.faults.insert(number, fault.clone()));
        let outcome = bench.apply();
        assert_eq!(outcome.verdict, Verdict::Partial, "{fault:?}: {outcome:#?}");
        let of_fay = ["create-fay", "staff-fay"];
        for report in &outcome.changes {
            let waits = report.outcome == ChangeOutcome::NotReached {};
            assert_eq!(
                waits,
                !of_fay.contains(&&*report.id.0),
                "{fault:?}: {report:?}"
            );
        }
        if matches!(fault, Fault::Lie) {
            let failed = outcome_of(&outcome, "staff-fay");
            assert!(
                matches!(
                    failed,
                    ChangeOutcome::Failed {
                        kind: FailureKind::Unverified,
                        ..
                    }
                ),
                "{failed:?}"
            );
        }
        let [why] = outcome.stopped.as_slice() else {
            panic!("{outcome:#?}");
        };
        assert!(why.contains("first wave of 1 person"), "{why}");
        let log = bench.world.edit(|state| state.log.clone());
        assert!(
            log.iter()
                .all(|line| line.contains("Fay") || line.contains("Staff")),
            "{log:#?}"
        );
        // Again, with the cause removed.
        assert_as_undisturbed(&mut bench);
    }
}

#[test]
fn a_wave_takes_along_what_its_people_depend_on() {
    let mut file = for_everybody();
    for change in &mut file.content.changes {
        if change.id.0 == "vpn-cy" {
            change.person.key = PersonKey::new("fay");
            change.depends_on = vec![ChangeId("adopt-dee".into())];
        }
    }
    let mut bench = Bench::new(world(), file);
    bench.selection = wave(1);
    // The addition of Fay to the staff, so that nobody follows.
    bench
        .world
        .edit(|state| state.faults.insert(4, Fault::Before(Kind::Denied)));
    let outcome = bench.apply();
    let begun = ids(&outcome, |outcome| *outcome != ChangeOutcome::NotReached {});
    assert_eq!(begun, ["create-fay", "adopt-dee", "staff-fay", "vpn-cy"]);
    assert_eq!(
        ids(&outcome, is_done),
        ["create-fay", "adopt-dee", "vpn-cy"]
    );
}

#[test]
fn a_second_wave_counts_people_who_have_something_left() {
    let mut bench = bench(Selection {
        max_changes: NonZeroU64::new(2),
        ..wave(1)
    });
    assert_eq!(ids(&bench.apply(), is_done), ["create-fay", "create-gus"]);
    // The next two are of Ann and Dee: the first wave is Ann alone, although Fay and Gus stand before her.
    assert_eq!(ids(&bench.apply(), is_done), ["modify-ann", "adopt-dee"]);
    assert_as_undisturbed(&mut bench);
}

/// A conflict leaves no line in the journal, so it is the plan's order that tells whose wave it was.
#[test]
fn a_wave_that_was_stopped_is_the_wave_again_as_often_as_it_is_asked_for() {
    // Ann is the third of the plan's people; what is otherwise than planned stands of her alone.
    let mut file = for_everybody();
    for change in &mut file.content.changes {
        if let halosync::plan::Action::Modify { attributes } = &mut change.action
            && change.id.0 == "modify-ann"
        {
            attributes[0].before = vec![halosync::plan::PlanValue::Text(
                "what was never there".into(),
            )];
        }
    }
    let mut order: Vec<String> = Vec::new();
    for change in &file.content.changes {
        let who = change.person.key.to_string();
        if !order.contains(&who) {
            order.push(who);
        }
    }
    let at = order.iter().position(|who| who == "ann").unwrap();
    let mut bench = Bench::new(world(), file);
    bench.selection = wave(at as u64 + 1);
    let mut before = None;
    for round in 0..3 {
        let outcome = bench.apply();
        let [why] = outcome.stopped.as_slice() else {
            panic!("{round}: {outcome:#?}");
        };
        assert!(why.contains("nobody else was begun"), "{round}: {why}");
        for report in &outcome.changes {
            let who = report.id.0.rsplit('-').next().unwrap();
            let in_wave = order.iter().position(|one| one == who).unwrap() <= at;
            let waits = report.outcome == ChangeOutcome::NotReached {};
            assert!(in_wave || waits, "{round}: {report:?}");
        }
        let log = bench.world.edit(|state| state.log.clone());
        if let Some(before) = before.replace(log.clone()) {
            assert_eq!(log, before, "something was written in round {round}");
        }
    }
}

/// Killed after any of its writes, a wave is gone on with, and nobody else is begun before all of it is done.
#[test]
fn a_wave_that_was_interrupted_goes_on_with_the_same_people() {
    for writes in 1..4 {
        let mut bench = bench(at_most(writes));
        assert_eq!(ids(&bench.apply(), is_done).len() as u64, writes);
        bench.selection = wave(2);
        bench.world.edit(|state| {
            let next = state.log.len() as u32;
            state.faults.insert(next as _, Fault::Before(Kind::Denied));
        });
        let outcome = bench.apply();
        // Fay and Gus are the first two of the plan.
        let begun = ids(&outcome, |outcome| *outcome != ChangeOutcome::NotReached {});
        let others = ["fay", "gus"];
        let strangers: Vec<&String> = begun
            .iter()
            .filter(|id| !others.contains(&id.rsplit('-').next().unwrap()))
            .collect();
        if writes < 3 {
            assert!(strangers.is_empty(), "{writes}: {begun:?}");
        }
    }
}
