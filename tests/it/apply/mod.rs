//! Apply against a directory in memory that can be told to misbehave.

mod bench;
mod bounds;
mod deletions;
mod interruptions;
mod lock;
mod refusals;
mod restorations;
mod selection;
mod world;

use std::sync::Arc;

use halosync::apply::{ChangeOutcome, Difference, FailureKind, Verdict};
use halosync::model::Name;
use halosync::plan::{Action, Change, ChangeId, ObjectRef, RuleIndex, UnitId};

use bench::{
    Bench, after, change, create, existing, leaver, link, new, outcome_of, person, plan, text,
    world,
};
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
fn p4_initial_passwords_are_nowhere_but_in_the_envelope() {
    let bench = Bench::full();
    let outcome = bench.apply();
    let passwords = bench.envelope.as_ref().unwrap().all();
    assert_eq!(passwords.len(), 2);
    let report = serde_json::to_string_pretty(&outcome).unwrap();
    for password in passwords {
        assert_eq!(password.len(), 20);
        for place in [&report, &format!("{outcome:?}"), &bench.journal_text()] {
            assert!(!place.contains(&password));
        }
    }
    assert_eq!(
        serde_json::from_str::<halosync::apply::Outcome>(&report).unwrap(),
        outcome
    );
}

#[test]
fn p5_what_somebody_else_changed_is_left_alone_and_so_is_what_depends_on_it() {
    let mut bench = Bench::full();
    // Ann's title was edited, Cy was renamed, Bob is privileged now, Dee is gone.
    bench.plan = plan(vec![
        change("ann", existing(1, &person("Ann")), {
            Action::Modify {
                attributes: vec![
                    text("department", &["R&D"], &["Research"]),
                    text("title", &["Clerk"], &["Manager"]),
                ],
            }
        }),
        change(
            "cy",
            existing(3, &person("Cy, old")),
            Action::Rename {
                before: "Cy, old".to_owned(),
                after: "Cy, new".to_owned(),
                rule: RuleIndex(0),
            },
        ),
        after(
            change(
                "cy-move",
                existing(3, &person("Cy, old")),
                Action::Move {
                    before: dn("OU=People,DC=example,DC=test"),
                    after: dn("OU=Leavers,DC=example,DC=test"),
                    rule: RuleIndex(0),
                },
            ),
            &["cy"],
        ),
        after(
            change(
                "cy-disable",
                existing(3, &person("Cy, old")),
                Action::Disable {},
            ),
            &["cy-move"],
        ),
        change("bob", existing(2, &person("Bob")), Action::Enable {}),
        change(
            "dee",
            existing(4, &person("Dee")),
            modify_title(&[], &["x"]),
        ),
        change(
            "eve",
            existing(5, &person("Eve")),
            modify_title(&["Boss"], &["CEO"]),
        ),
    ]);
    bench.world.edit(|state| {
        state.set(1, "title", "Director");
        state.objects.get_mut(&guid(3)).unwrap().dn = dn(&person("Cy Other"));
        state.set(2, "adminCount", "1");
        state.objects.remove(&guid(4));
    });
    let before = bench.world.shape();
    let outcome = bench.apply();
    assert_eq!(
        outcome_of(&outcome, "ann"),
        &ChangeOutcome::Conflict {
            message: "changed since the plan was made: title".to_owned(),
            differences: vec![Difference {
                attribute: "title".to_owned(),
                before: vec!["Clerk".to_owned()],
                planned: vec!["Manager".to_owned()],
                found: vec!["Director".to_owned()],
            }],
        }
    );
    let because = ChangeOutcome::Skipped {
        because: ChangeId("cy".into()),
    };
    for id in ["cy", "bob", "dee"] {
        let found = outcome_of(&outcome, id);
        assert!(
            matches!(found, ChangeOutcome::Conflict { .. }),
            "{id}: {found:?}"
        );
    }
    assert_eq!(outcome_of(&outcome, "cy-move"), &because);
    assert_eq!(outcome_of(&outcome, "cy-disable"), &because);
    // P11: the others go on.
    assert_eq!(outcome_of(&outcome, "eve"), &done());
    assert_eq!(outcome.verdict, Verdict::Conflicts);
    let after = bench.world.shape();
    let changed: Vec<_> = after
        .iter()
        .filter(|(name, object)| before.get(*name) != Some(object))
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(changed, [person("Eve")]);
}

#[test]
fn p5_a_change_between_looking_and_writing_is_not_overwritten() {
    let edit = |edit: fn(&mut world::State)| Fault::Meddle(Arc::new(edit));
    // The same attribute: a conflict, and what the other wrote stays.
    let mut bench = Bench::new(
        world(),
        plan(vec![change(
            "ann",
            existing(1, &person("Ann")),
            modify_title(&["Clerk"], &["Manager"]),
        )]),
    );
    bench.world.edit(|state| {
        state
            .faults
            .insert(0, edit(|state| state.set(1, "title", "Director")))
    });
    let outcome = bench.apply();
    assert!(matches!(
        outcome_of(&outcome, "ann"),
        ChangeOutcome::Conflict { differences, .. } if differences[0].found == ["Director"]
    ));
    assert_eq!(outcome.verdict, Verdict::Conflicts);
    bench
        .world
        .edit(|state| assert_eq!(state.get(guid(1), "title"), ["Director"]));

    // Another bit of the account control: only ours is flipped.
    bench.plan = plan(vec![change(
        "ann",
        existing(1, &person("Ann")),
        Action::Disable {},
    )]);
    bench.forget_the_journal();
    bench.world.edit(|state| {
        let next = state.writes;
        state.faults.insert(
            next,
            edit(|state| state.set(1, "userAccountControl", "328192")),
        )
    });
    assert_eq!(outcome_of(&bench.apply(), "ann"), &done());
    bench.world.edit(|state| {
        assert_eq!(state.get(guid(1), "userAccountControl"), ["328194"]);
    });
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
fn a_create_does_not_take_over_what_is_not_its_own() {
    let creation = || {
        plan(vec![change(
            "create-gus",
            new(&person("Gus")),
            create(
                vec![
                    text("employeeID", &[], &["E7"]),
                    text("sAMAccountName", &[], &["gus"]),
                ],
                true,
            ),
        )])
    };
    // The place is taken by somebody else.
    let bench = Bench::new(world(), creation());
    bench.world.edit(|state| {
        state.put(9, &person("Gus"), &[("employeeID", "E1")]);
    });
    let outcome = bench.apply();
    assert!(matches!(
        outcome_of(&outcome, "create-gus"),
        ChangeOutcome::Conflict { differences, .. } if differences[0].found == ["E1"]
    ));
    assert_eq!(bench.world.edit(|state| state.writes), 0);

    // The account name is taken elsewhere.
    let bench = Bench::new(world(), creation());
    bench.world.edit(|state| {
        state.put(9, &leaver("Gustav"), &[("sAMAccountName", "GUS")]);
    });
    let outcome = bench.apply();
    assert!(matches!(
        outcome_of(&outcome, "create-gus"),
        ChangeOutcome::Conflict { .. }
    ));
    assert_eq!(outcome.verdict, Verdict::Conflicts);

    // Made by this plan, then disabled by somebody: stays disabled, journal or not.
    for forget in [false, true] {
        let bench = Bench::new(world(), creation());
        assert_eq!(bench.apply().verdict, Verdict::Applied);
        bench.world.edit(|state| {
            let gus = state.at(&person("Gus")).unwrap();
            let object = state.objects.get_mut(&gus).unwrap();
            object.attributes.get_mut("useraccountcontrol").unwrap().1 = vec!["514".to_owned()];
        });
        if forget {
            bench.forget_the_journal();
        }
        let before = bench.world.shape();
        assert_eq!(bench.apply().verdict, Verdict::Conflicts);
        assert_eq!(bench.world.shape(), before);
    }
}

#[test]
fn p6_what_was_changed_back_after_an_apply_is_not_changed_again() {
    let bench = Bench::full();
    bench.apply();
    bench.world.edit(|state| {
        state.set(1, "department", "R&D");
        state.set(2, "userAccountControl", "66050");
    });
    let before = bench.world.shape();
    let outcome = bench.apply();
    assert_eq!(outcome.counts.conflicts, 2);
    assert!(outcome.resumed);
    assert_eq!(outcome.verdict, Verdict::Conflicts);
    assert_eq!(bench.world.shape(), before);
}

#[test]
fn without_recipients_enabled_accounts_are_not_created_and_the_rest_goes_on() {
    let mut bench = Bench::full();
    bench.envelope = None;
    bench.plan.content.changes.push(change(
        "create-hal",
        new(&person("Hal")),
        create(vec![text("employeeID", &[], &["E8"])], false),
    ));
    let outcome = bench.apply();
    assert!(matches!(
        outcome_of(&outcome, "create-fay"),
        ChangeOutcome::Failed {
            kind: FailureKind::Password,
            ..
        }
    ));
    assert_eq!(
        outcome_of(&outcome, "create-gus"),
        &ChangeOutcome::Skipped {
            because: ChangeId("create-fay".into())
        }
    );
    assert_eq!(outcome_of(&outcome, "disable-cy"), &done());
    // One that stays disabled needs no password yet.
    assert_eq!(outcome_of(&outcome, "create-hal"), &done());
    bench.world.edit(|state| {
        assert_eq!(state.at(&person("Fay \"F\" O'Hara, #1")), None);
        let hal = state.at(&person("Hal")).unwrap();
        assert_eq!(state.get(hal, "userAccountControl"), ["514"]);
    });
}

#[test]
fn an_account_that_stays_disabled_gets_its_password_all_the_same() {
    let mut bench = Bench::full();
    bench.plan = plan(vec![change(
        "create-hal",
        new(&person("Hal")),
        create(vec![text("employeeID", &[], &["E8"])], false),
    )]);
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.world.edit(|state| {
        let hal = state.at(&person("Hal")).unwrap();
        assert_eq!(state.get(hal, "userAccountControl"), ["514"]);
        assert_eq!(state.get(hal, "pwdLastSet"), ["0"]);
        assert!(state.objects[&hal].password.is_some());
    });
    bench.assert_converged("disabled");
}

#[test]
fn a_password_that_cannot_be_kept_is_not_set() {
    let mut bench = Bench::full();
    bench.envelope = Some(Arc::new(bench::Envelope {
        fails: true,
        ..Default::default()
    }));
    let outcome = bench.apply();
    let ChangeOutcome::Failed { kind, message } = outcome_of(&outcome, "create-fay") else {
        panic!("{:?}", outcome.changes[0]);
    };
    assert_eq!(*kind, FailureKind::Password);
    assert!(message.contains("no disk"), "{message}");
    bench.world.edit(|state| {
        let fay = state.at(&person("Fay \"F\" O'Hara, #1")).unwrap();
        assert_eq!(state.objects[&fay].password, None);
        assert_eq!(state.get(fay, "userAccountControl"), ["546"]);
        assert_eq!(outcome.changes[0].created, Some(fay));
    });
    bench.envelope = Some(Arc::default());
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    bench.assert_converged("a folder that could not be written");
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
fn two_applies_of_one_plan_at_once_do_no_harm() {
    for seed in 0..=255_u8 {
        let mut first = Bench::full();
        first.concurrency = 3;
        first.world.edit(|state| {
            state.yields = (0..11).map(|n| seed.wrapping_mul(17 + n) % 7).collect();
        });
        // The same directory; a journal of its own.
        let second = Bench {
            world: first.world.other_connection(),
            concurrency: 3,
            ..Bench::full()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let (one, two) = runtime
            .block_on(async { futures::future::join(first.applying(), second.applying()).await });
        for outcome in [one.unwrap().unwrap(), two.unwrap().unwrap()] {
            // A ModifyDN cannot be made conditional: the rename of one may undo the move of the other at the very
            // moment, until that other's own turn to move. Reading back notices.
            let rest: Vec<_> = outcome
                .changes
                .iter()
                .filter(|report| !report.outcome.is_achieved())
                .filter(|report| {
                    let unverified = matches!(
                        report.outcome,
                        ChangeOutcome::Failed {
                            kind: FailureKind::Unverified,
                            ..
                        }
                    );
                    !(unverified && report.id.0.ends_with("-cy"))
                })
                // Whose password was overtaken leaves the account, and what needs it, to the other.
                .filter(|report| match &report.outcome {
                    ChangeOutcome::Conflict { message, .. } => !message.contains("another apply"),
                    ChangeOutcome::Skipped { because } => !because.0.starts_with("create-"),
                    _ => true,
                })
                .map(|report| (&report.id, &report.outcome))
                .collect();
            assert_eq!(rest, [], "{seed}");
        }
        let reference = Bench::full();
        reference.apply();
        assert_eq!(first.world.shape(), reference.world.shape());
    }
}

#[test]
fn p9_the_account_halosync_works_as_is_never_written() {
    let ann = || existing(1, &person("Ann"));
    let mut bench = Bench::new(
        world(),
        plan(vec![
            change("title", ann(), modify_title(&["Clerk"], &["Boss"])),
            change(
                "group",
                existing(21, "CN=Staff,OU=Groups,DC=example,DC=test"),
                Action::AddMember { member: ann() },
            ),
            change("disable", ann(), Action::Disable {}),
            change(
                "eve",
                existing(5, &person("Eve")),
                modify_title(&["Boss"], &["CEO"]),
            ),
        ]),
    );
    bench.world.own = Some(guid(1));
    let outcome = bench.apply();
    for id in ["title", "group", "disable"] {
        assert!(
            matches!(outcome_of(&outcome, id), ChangeOutcome::Conflict { message, .. }
                if message.contains("halosync itself")),
            "{outcome:#?}"
        );
    }
    assert_eq!(outcome_of(&outcome, "eve"), &done());
    assert_eq!(bench.world.edit(|state| state.log.len()), 1);
}

/// What another apply of the same plan does to the account made here.
fn other_apply_sets_password(finishes: bool) -> Fault {
    Fault::Meddle(Arc::new(move |state: &mut world::State| {
        let gus = state.at(&person("Gus")).unwrap();
        state.objects.get_mut(&gus).unwrap().password = Some("another's".to_owned());
        state.stamp(gus);
        if finishes {
            let object = state.objects.get_mut(&gus).unwrap();
            object.attributes.get_mut("useraccountcontrol").unwrap().1 = vec!["512".to_owned()];
            object.attributes.get_mut("pwdlastset").unwrap().1 = vec!["0".to_owned()];
        }
    }))
}

#[test]
fn a_password_that_another_apply_has_overtaken_is_void() {
    for must_change in [true, false] {
        for finishes in [true, false] {
            let mut action = create(vec![text("sAMAccountName", &[], &["gus"])], true);
            if let Action::Create { password, .. } = &mut action {
                password.must_change = must_change;
            }
            let bench = Bench::new(
                world(),
                plan(vec![change("create-gus", new(&person("Gus")), action)]),
            );
            // Between our look at the account and our last write.
            bench
                .world
                .edit(|state| state.faults.insert(2, other_apply_sets_password(finishes)));
            let outcome = bench.apply();
            let about = format!("must change: {must_change}, finished: {finishes}");
            let found = outcome_of(&outcome, "create-gus");
            let envelope = bench.envelope.as_ref().unwrap();
            let gus = bench.world.edit(|state| state.at(&person("Gus")).unwrap());
            if !must_change && !finishes {
                // Without `pwdLastSet` to compare at the same time, a last look is all there is.
                continue;
            }
            assert_eq!(envelope.latest(&person("Gus")), None, "{about}");
            if finishes {
                assert_eq!(found, &ChangeOutcome::AlreadyAsDesired {}, "{about}");
                continue;
            }
            assert!(
                matches!(found, ChangeOutcome::Conflict { .. }),
                "{about}: {found:?}"
            );
            // Should the other have died, the next apply sets a new password and finishes.
            bench
                .world
                .edit(|state| assert_eq!(state.get(gus, "userAccountControl"), ["546"]));
            assert_eq!(bench.apply().verdict, Verdict::Applied, "{about}");
            bench.assert_converged(&about);
        }
    }
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
fn whoever_is_gone_since_the_plan_is_a_conflict_for_memberships_too() {
    let staff = || existing(21, "CN=Staff,OU=Groups,DC=example,DC=test");
    let vpn = || existing(22, "CN=VPN,OU=Groups,DC=example,DC=test");
    let ann = || existing(1, &person("Ann"));
    let bench = Bench::new(
        world(),
        plan(vec![
            change("add", staff(), Action::AddMember { member: ann() }),
            change("enable", ann(), Action::Enable {}),
            change(
                "no-group",
                vpn(),
                Action::AddMember {
                    member: existing(2, &person("Bob")),
                },
            ),
        ]),
    );
    bench.world.edit(|state| {
        state.objects.remove(&guid(1));
        state.objects.remove(&guid(22));
    });
    let outcome = bench.apply();
    assert_eq!(outcome.counts.conflicts, 3, "{outcome:#?}");
    assert_eq!(outcome.verdict, Verdict::Conflicts);
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
fn p9_an_object_that_is_not_what_the_plan_calls_it_is_left_alone() {
    // Reviewers read Ann, and the identity is Cy's.
    for action in [
        Action::Disable {},
        modify_title(&[], &["x"]),
        Action::Move {
            before: dn("OU=People,DC=example,DC=test"),
            after: dn("OU=Leavers,DC=example,DC=test"),
            rule: RuleIndex(0),
        },
    ] {
        let kind = action.kind();
        let forged = change("ann", existing(5, &person("Ann")), action);
        let bench = Bench::new(world(), plan(vec![forged]));
        let before = bench.world.shape();
        let outcome = bench.apply();
        let found = outcome_of(&outcome, "ann");
        let ChangeOutcome::Conflict { message, .. } = found else {
            panic!("{kind}: {found:?}");
        };
        let (says, has) = (person("Ann"), person("Eve"));
        assert!(
            message.contains(&format!(
                "the plan says {says}, and the directory has {has}"
            )),
            "{kind}: {message}"
        );
        assert_eq!(bench.world.shape(), before, "{kind}");
    }
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

/// The password of an account that somebody has enabled meanwhile stays; of a disabled one it is replaced once, and by
/// another one whenever it is tried again.
#[test]
fn only_a_disabled_account_loses_its_password() {
    let reset = |n, name: &str| {
        let change = change(
            "reset",
            existing(n, &person(name)),
            Action::ResetPassword {},
        );
        Bench::new(world(), plan(vec![change]))
    };
    let password = |bench: &Bench, n| {
        bench
            .world
            .edit(|state| state.objects[&guid(n)].password.clone())
    };
    let open = reset(1, "Ann");
    let outcome = open.apply();
    assert!(matches!(
        outcome_of(&outcome, "reset"),
        ChangeOutcome::Conflict { .. }
    ));
    assert_eq!(password(&open, 1).as_deref(), Some("earlier"));

    let shut = reset(2, "Bob");
    assert_eq!(*outcome_of(&shut.apply(), "reset"), done());
    let first = password(&shut, 2).expect("a password");
    assert_eq!(first.chars().count(), 64);
    assert_eq!(
        *outcome_of(&shut.apply(), "reset"),
        ChangeOutcome::AlreadyAsDesired {}
    );
    assert_eq!(password(&shut, 2), Some(first));

    for (fault, achieved) in [
        (Fault::Before(Kind::Transient), true),
        (Fault::After(Kind::Unknown), true),
        (Fault::Before(Kind::Denied), false),
    ] {
        let bench = reset(2, "Bob");
        bench
            .world
            .edit(|state| state.faults.insert(0, fault.clone()));
        let outcome = bench.apply();
        assert_eq!(
            outcome_of(&outcome, "reset").is_achieved(),
            achieved,
            "{fault:?} {outcome:#?}"
        );
        let again = bench.apply();
        assert!(outcome_of(&again, "reset").is_achieved(), "{fault:?}");
        assert_ne!(password(&bench, 2).as_deref(), Some("earlier"));
    }
}
