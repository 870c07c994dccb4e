//! Apply against a directory in memory that can be told to misbehave.

mod bench;
mod bounds;
mod deletions;
mod forged;
mod interruptions;
mod lock;
mod meanwhile;
mod passwords;
mod refusals;
mod restorations;
mod selection;
mod silence;
mod unfinished;
mod world;

use std::sync::Arc;

use halosync::apply::{ChangeOutcome, FailureKind, Verdict};
use halosync::plan::{Action, Change, ObjectRef, UnitId};

use bench::{Bench, after, change, existing, leaver, link, outcome_of, person, plan, text, world};
use world::{Fault, Kind, dn, guid};

fn done() -> ChangeOutcome {
    ChangeOutcome::Done {}
}

fn modify_title(before: &[&str], wanted: &[&str]) -> Action {
    Action::Modify {
        attributes: vec![text("title", before, wanted)],
    }
}

#[test]
fn a_plan_with_every_action_is_applied_and_then_nothing_is_left() {
    let bench = Bench::full();
    let outcome = bench.apply();
    for report in &outcome.changes {
        assert_eq!(report.outcome, done(), "{}", report.id.0);
        assert!(report.started <= report.finished && report.started.is_some());
    }
    assert_eq!(outcome.verdict, Verdict::Applied);
    assert_eq!(outcome.counts.done, 13);
    assert!(!outcome.resumed);
    assert_eq!(outcome.password_files.len(), 1);

    bench.world.edit(|state| {
        let fay = state.at(&person("Fay \"F\" O'Hara, #1")).unwrap();
        let gus = state.at(&person("Gus")).unwrap();
        assert_eq!(outcome.changes[0].created, Some(fay));
        assert_eq!(state.get(fay, "userAccountControl"), ["512"]);
        assert_eq!(state.get(fay, "pwdLastSet"), ["0"]);
        assert_eq!(state.objects[&fay].links["manager"], guid(5));
        assert_eq!(state.objects[&gus].links["manager"], fay);
        assert_eq!(state.objects[&guid(1)].links["manager"], fay);
        assert!(state.get(guid(1), "title").is_empty());
        assert_eq!(state.get(guid(1), "department"), ["Research"]);
        assert_eq!(state.get(guid(4), "employeeID"), ["E4"]);
        // One bit each, DONT_EXPIRE_PASSWD (0x10000) kept.
        assert_eq!(state.get(guid(2), "userAccountControl"), ["66048"]);
        assert_eq!(state.get(guid(3), "userAccountControl"), ["66050"]);
        assert_eq!(
            state.objects[&guid(3)].dn.key(),
            dn(&leaver("Cy, new")).key()
        );
        assert_eq!(state.objects[&guid(21)].members, [guid(1), fay].into());
        assert!(state.objects[&guid(22)].members.is_empty());
        // Ann's three attributes went in one operation.
        let of_ann = state.log.iter().filter(|line| line.contains("CN=Ann"));
        assert_eq!(of_ann.count(), 1);
    });
    bench.assert_converged("undisturbed");
}

#[test]
fn an_apply_may_run_on_any_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let bench = Bench::full();
    drop(is_send(bench.applying()));
}

#[test]
fn sent_is_not_took() {
    let writes = {
        let bench = Bench::full();
        bench.apply();
        bench.world.edit(|state| state.writes)
    };
    let log = {
        let bench = Bench::full();
        bench.apply();
        bench.world.edit(|state| state.log.clone())
    };
    for (number, line) in log.iter().enumerate().take(writes) {
        if line.starts_with("add ") || line.starts_with("password ") {
            // A password cannot be read back; an object that is not there fails at the next step.
            continue;
        }
        let bench = Bench::full();
        bench
            .world
            .edit(|state| state.faults.insert(number, Fault::Lie));
        let outcome = bench.apply();
        let unverified = outcome.changes.iter().filter(|report| {
            matches!(
                report.outcome,
                ChangeOutcome::Failed {
                    kind: FailureKind::Unverified,
                    ..
                }
            )
        });
        assert_eq!(unverified.count(), 1, "{line}: {outcome:#?}");
        assert_eq!(outcome.verdict, Verdict::Partial);
        // It never happened, so a second apply makes it happen, with the journal too.
        let again = bench.apply();
        assert_eq!(again.verdict, Verdict::Applied, "{line}: {again:#?}");
        bench.assert_converged(line);
    }
}

/// Cy moves from VPN to Staff.
fn moving() -> Bench {
    let cy = || existing(3, &person("Cy, old"));
    let part = |id: &str, group: ObjectRef, action: Action| Change {
        unit: Some(UnitId("u-cy".into())),
        ..change(id, group, action)
    };
    let staff = existing(21, "CN=Staff,OU=Groups,DC=example,DC=test");
    let vpn = existing(22, "CN=VPN,OU=Groups,DC=example,DC=test");
    Bench::new(
        world(),
        plan(vec![
            part("enter", staff, Action::AddMember { member: cy() }),
            after(
                part("leave", vpn, Action::RemoveMember { member: cy() }),
                &["enter"],
            ),
        ]),
    )
}

/// An addition that fails, is refused, or is acknowledged and does not take leaves whoever moves in the old group; the
/// next apply of the same plan finishes the move.
#[test]
fn nobody_leaves_a_group_before_the_new_one_has_them() {
    let in_old = |bench: &Bench| {
        let vpn = bench
            .world
            .edit(|state| state.objects[&guid(22)].members.clone());
        vpn.contains(&guid(3))
    };
    for (fault, unverified) in [
        (Fault::Lie, true),
        (Fault::Before(Kind::Denied), false),
        (Fault::Panic, false),
    ] {
        let bench = moving();
        bench
            .world
            .edit(|state| state.faults.insert(0, fault.clone()));
        let outcome = bench.apply();
        assert!(in_old(&bench), "{fault:?}");
        let entered = outcome_of(&outcome, "enter");
        assert!(
            matches!(entered, ChangeOutcome::Failed { kind, .. } if (*kind == FailureKind::Unverified) == unverified),
            "{entered:?}"
        );
        let left = outcome_of(&outcome, "leave");
        assert!(
            matches!(left, ChangeOutcome::Skipped { because } if because.0 == "enter"),
            "{left:?}"
        );
        let again = bench.apply();
        assert_eq!(again.verdict, Verdict::Applied, "{fault:?}: {again:#?}");
        assert!(!in_old(&bench));
    }
    // Somebody took the new group away.
    let bench = moving();
    bench.world.edit(|state| state.objects.remove(&guid(21)));
    let outcome = bench.apply();
    assert!(in_old(&bench));
    assert!(matches!(
        outcome_of(&outcome, "enter"),
        ChangeOutcome::Conflict { .. }
    ));
    assert!(matches!(
        outcome_of(&outcome, "leave"),
        ChangeOutcome::Skipped { .. }
    ));
}

#[test]
fn results_do_not_depend_on_timing() {
    let reference = Bench::full();
    let expected = reference.apply();
    let expected_shape = reference.world.shape();
    for concurrency in [2, 4, 16] {
        let mut most = 0;
        for seed in 0..40_u8 {
            let mut bench = Bench::full();
            bench.concurrency = concurrency;
            bench.world.edit(|state| {
                state.yields = (0..7).map(|n| seed.wrapping_mul(31 + n) % 9).collect();
            });
            let outcome = bench.apply();
            assert_eq!(bench.world.shape(), expected_shape);
            let ends = |outcome: &halosync::apply::Outcome| -> Vec<_> {
                let reports = outcome.changes.iter();
                reports
                    .map(|report| (report.id.clone(), report.outcome.clone()))
                    .collect()
            };
            assert_eq!(ends(&outcome), ends(&expected));
            // (The directory itself asserts that no object is written twice at once.)
            let at_once = bench.world.edit(|state| state.most_at_once);
            assert!(at_once <= concurrency, "{at_once}");
            most = most.max(at_once);
        }
        assert!(most > 1, "nothing ever ran side by side");
    }
}

#[test]
fn many_changes_of_one_group_keep_their_order_and_let_others_pass() {
    let group = || existing(21, "CN=Staff,OU=Groups,DC=example,DC=test");
    let mut changes = Vec::new();
    for n in 1..=5_u8 {
        let names = ["Ann", "Bob", "Cy, old", "Dee", "Eve"];
        let member = existing(n, &person(names[usize::from(n) - 1]));
        changes.push(change(
            &format!("add-{n}"),
            group(),
            Action::AddMember {
                member: member.clone(),
            },
        ));
        changes.push(change(
            &format!("title-{n}"),
            member,
            Action::Modify {
                attributes: vec![text("info", &[], &["x"])],
            },
        ));
    }
    let mut bench = Bench::new(world(), plan(changes));
    bench.concurrency = 4;
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.world.edit(|state| {
        let order: Vec<_> = state
            .log
            .iter()
            .filter(|line| line.starts_with("member"))
            .cloned()
            .collect();
        let expected: Vec<_> = (1..=5)
            .map(|n| {
                format!(
                    "member {} of CN=Staff,OU=Groups,DC=example,DC=test: true",
                    guid(n)
                )
            })
            .collect();
        assert_eq!(order, expected);
    });
}

#[test]
fn references_are_written_by_the_name_the_object_has_now() {
    // Eve was renamed since the plan was made; the plan's name for her is somebody else's now.
    let bench = Bench::new(
        world(),
        plan(vec![
            change(
                "dee",
                existing(4, &person("Dee")),
                Action::Modify {
                    attributes: vec![link("manager", &[], &[existing(5, &person("Eve"))])],
                },
            ),
            change(
                "ann",
                existing(1, &person("Ann")),
                Action::Modify {
                    attributes: vec![link(
                        "manager",
                        &[existing(5, &person("Eve"))],
                        &[existing(2, &person("Bob"))],
                    )],
                },
            ),
        ]),
    );
    bench.world.edit(|state| {
        state.objects.get_mut(&guid(5)).unwrap().dn = dn(&leaver("Adams, Eve"));
        state.put(9, &person("Eve"), &[]);
    });
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.world.edit(|state| {
        assert_eq!(state.objects[&guid(4)].links["manager"], guid(5));
        assert_eq!(state.objects[&guid(1)].links["manager"], guid(2));
    });
}

#[test]
fn made_objects_are_found_again_by_those_who_need_them() {
    // Only the create had its turn before the journal was lost.
    let bench = Bench::full();
    let (sender, receiver) = tokio::sync::watch::channel(None);
    let mut bench = Bench {
        cancel: halosync::apply::Cancel::on(receiver),
        ..bench
    };
    bench.world.edit(|state| {
        let ask = Fault::Meddle(Arc::new(move |_| {
            sender.send_replace(Some("cancelled".to_owned()));
        }));
        state.faults.insert(2, ask)
    });
    assert_eq!(bench.apply().counts.done, 1);
    bench.forget_the_journal();
    bench.cancel = halosync::apply::Cancel::never();
    let outcome = bench.apply();
    assert_eq!(
        outcome_of(&outcome, "create-fay"),
        &ChangeOutcome::AlreadyAsDesired {}
    );
    assert_eq!(outcome.verdict, Verdict::Applied);
    bench.world.edit(|state| {
        let fay = state.at(&person("Fay \"F\" O'Hara, #1")).unwrap();
        assert!(state.objects[&guid(21)].members.contains(&fay));
    });
}
