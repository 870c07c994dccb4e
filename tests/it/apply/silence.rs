//! A target that refuses, stops answering or fails: what is given up, and what goes on.

use std::sync::Arc;

use halosync::apply::{ChangeOutcome, Verdict};
use halosync::model::Name;
use halosync::plan::Action;

use super::bench::{Bench, change, existing, outcome_of, person, plan, text, world};
use super::world::{self, Fault, Kind, guid};
use super::{done, modify_title};

#[test]
fn denied_throughout_is_access_denied() {
    let bench = Bench::new(
        world(),
        plan(vec![change(
            "ann",
            existing(1, &person("Ann")),
            modify_title(&["Clerk"], &["Manager"]),
        )]),
    );
    bench
        .world
        .edit(|state| state.faults.insert(0, Fault::Before(Kind::Denied)));
    assert_eq!(bench.apply().verdict, Verdict::Denied);
}

#[test]
fn a_panic_in_a_library_stops_one_change() {
    let bench = Bench::full();
    bench
        .world
        .edit(|state| state.faults.insert(6, Fault::Panic));
    let outcome = bench.apply();
    assert_eq!(outcome.counts.failed, 1);
    assert!(outcome.counts.done > 6);
    assert_eq!(outcome.verdict, Verdict::Partial);
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.assert_converged("a panic");
}

#[test]
fn a_target_that_stops_answering_leaves_the_rest_unreached() {
    let mut bench = Bench::full();
    bench.world.edit(|state| state.dead_from = Some(0));
    let outcome = bench.apply();
    assert_eq!(outcome.verdict, Verdict::Unavailable, "{outcome:#?}");
    assert_eq!(outcome.counts.done, 0);
    assert!(outcome.stopped[0].contains("corp"), "{:?}", outcome.stopped);

    for from in 1..16 {
        bench = Bench::full();
        bench.world.edit(|state| state.dead_from = Some(from));
        let outcome = bench.apply();
        assert_eq!(
            outcome.verdict,
            Verdict::Partial,
            "from {from}: {outcome:#?}"
        );
        assert!(outcome.counts.not_reached > 0 || outcome.counts.failed > 0);
        bench.world.edit(|state| state.dead_from = None);
        assert_eq!(bench.apply().verdict, Verdict::Applied, "from {from}");
        bench.assert_converged(&format!("dead from write {from}"));
    }
}

/// Many changes of one person each, none of which needs another.
fn many(n: usize) -> halosync::plan::PlanFile {
    let title = |at: usize| {
        let attributes = vec![text("info", &[], &[at.to_string().as_str()])];
        change(
            &format!("ann-{at}"),
            existing(1, &person("Ann")),
            Action::Modify { attributes },
        )
    };
    plan((0..n).map(title).collect())
}

#[test]
fn a_target_that_dies_in_the_middle_is_given_up_however_it_fails() {
    for (kind, most) in [(Kind::Unavailable, 1), (Kind::Transient, 5)] {
        for from in [0, 1] {
            let mut bench = Bench::new(world(), many(60));
            bench.plan.content.changes[0] = change(
                "eve",
                existing(5, &person("Eve")),
                modify_title(&["Boss"], &["CEO"]),
            );
            bench.world.edit(|state| {
                state.dead_from = Some(from);
                state.dies_as = Some(kind);
            });
            let outcome = bench.apply();
            let counts = outcome.counts;
            assert_eq!(counts.done, from as u64);
            assert!((1..=most).contains(&counts.failed), "{kind:?}: {counts:?}");
            assert_eq!(counts.not_reached, 60 - counts.done - counts.failed);
            assert_eq!(outcome.stopped.len(), 1);
            assert!(
                outcome.stopped[0].contains("corp was given up"),
                "{:?}",
                outcome.stopped
            );
            let verdict = [Verdict::Unavailable, Verdict::Partial][from];
            assert_eq!(outcome.verdict, verdict, "{kind:?} from {from}");
            // A few attempts and no more, whatever the size of the plan.
            assert!(bench.world.edit(|state| state.reads + state.writes) < 30);
        }
    }
}

#[test]
fn nothing_written_and_out_of_reach_is_unavailable_and_not_partial() {
    let mut bench = Bench::new(world(), many(1));
    bench.world.edit(|state| {
        state.dead_from = Some(0);
        state.dies_as = Some(Kind::Transient);
    });
    assert_eq!(bench.apply().verdict, Verdict::Unavailable);
    // The answer to a write that was sent is lost, and then the target: it may have been written.
    bench = Bench::new(world(), many(1));
    bench.world.edit(|state| {
        state.faults.insert(0, Fault::After(Kind::Unknown));
        state.dead_from = Some(1);
    });
    assert_eq!(bench.apply().verdict, Verdict::Partial);
}

#[test]
fn cancelling_finishes_what_is_under_way_and_a_second_apply_the_rest() {
    for number in 0..15 {
        let mut bench = Bench::full();
        let (sender, receiver) = tokio::sync::watch::channel(None);
        bench.cancel = halosync::apply::Cancel::on(receiver);
        let cancel = sender.clone();
        bench.world.edit(|state| {
            let ask = Fault::Meddle(Arc::new(move |_| {
                cancel.send_replace(Some("cancelled".to_owned()));
            }));
            state.faults.insert(number, ask)
        });
        let outcome = bench.apply();
        assert_eq!(outcome.counts.failed + outcome.counts.conflicts, 0);
        assert!(outcome.counts.done > 0);
        if outcome.counts.not_reached > 0 {
            assert_eq!(outcome.verdict, Verdict::Partial);
            assert_eq!(outcome.stopped, ["cancelled"]);
        }
        bench.cancel = halosync::apply::Cancel::never();
        assert_eq!(bench.apply().verdict, Verdict::Applied, "at write {number}");
        bench.assert_converged(&format!("cancelled at write {number}"));
    }
}

#[test]
fn a_second_target_is_not_held_up_by_the_first() {
    let mut bench = Bench::full();
    let mut other = change(
        "other",
        existing(1, &person("Ann")),
        modify_title(&["Clerk"], &["Manager"]),
    );
    other.target = Name::new("lab");
    bench.plan.content.changes.push(other);
    bench
        .plan
        .content
        .targets
        .insert(Name::new("lab"), world::identity());
    let lab = world();
    bench.others.insert(Name::new("lab"), lab.clone());
    bench.world.edit(|state| state.dead_from = Some(0));
    let outcome = bench.apply();
    assert_eq!(outcome_of(&outcome, "other"), &done());
    assert_eq!(outcome.verdict, Verdict::Partial);
    lab.edit(|state| assert_eq!(state.get(guid(1), "title"), ["Manager"]));
}

#[test]
fn p11_a_refusal_concerns_one_change_and_those_that_need_it() {
    let writes = {
        let bench = Bench::full();
        bench.apply();
        bench.world.edit(|state| state.writes)
    };
    for kind in [Kind::Denied, Kind::Invalid] {
        for number in 0..writes {
            let bench = Bench::full();
            bench
                .world
                .edit(|state| state.faults.insert(number, Fault::Before(kind)));
            let outcome = bench.apply();
            assert_eq!(outcome.counts.failed, 1, "write {number}");
            assert_eq!(outcome.counts.not_reached, 0);
            assert_eq!(outcome.verdict, Verdict::Partial);
            let failed = outcome
                .changes
                .iter()
                .find(|report| matches!(report.outcome, ChangeOutcome::Failed { .. }))
                .unwrap();
            for report in &outcome.changes {
                if let ChangeOutcome::Skipped { because } = &report.outcome {
                    assert_eq!(because, &failed.id, "write {number}");
                }
            }
            // The refusal was not for good: applying again finishes.
            assert_eq!(bench.apply().verdict, Verdict::Applied, "write {number}");
            bench.assert_converged(&format!("{kind:?} at write {number}"));
        }
    }
}
