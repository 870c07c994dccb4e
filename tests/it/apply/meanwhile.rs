//! What somebody else did between plan and apply is left alone.

use std::sync::Arc;

use halosync::apply::{ChangeOutcome, Difference, FailureKind, Verdict};
use halosync::plan::{Action, ChangeId, RuleIndex};

use super::bench::{
    Bench, after, ann, bob, change, create, cy, eve, existing, leaver, new, outcome_of, person,
    plan, staff, text, vpn, world,
};
use super::world::{self, Fault, dn, guid};
use super::{done, modify_title};

#[test]
fn p5_what_somebody_else_changed_is_left_alone_and_so_is_what_depends_on_it() {
    let mut bench = Bench::full();
    // Ann's title was edited, Cy was renamed, Bob is privileged now, Dee is gone.
    bench.plan = plan(vec![
        change("ann", ann(), {
            Action::Modify {
                attributes: vec![
                    text("department", &["R&D"], &["Research"]),
                    text("title", &["Clerk"], &["Manager"]),
                ],
            }
        }),
        change(
            "cy",
            cy(),
            Action::Rename {
                before: "Cy, old".to_owned(),
                after: "Cy, new".to_owned(),
                rule: RuleIndex(0),
            },
        ),
        after(
            change(
                "cy-move",
                cy(),
                Action::Move {
                    before: dn("OU=People,DC=example,DC=test"),
                    after: dn("OU=Leavers,DC=example,DC=test"),
                    rule: RuleIndex(0),
                },
            ),
            &["cy"],
        ),
        after(change("cy-disable", cy(), Action::Disable {}), &["cy-move"]),
        change(
            "bob",
            bob(),
            Action::Enable {
                initial_password: None,
            },
        ),
        change(
            "dee",
            existing(4, &person("Dee")),
            modify_title(&[], &["x"]),
        ),
        change("eve", eve(), modify_title(&["Boss"], &["CEO"])),
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
            ann(),
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
    bench.plan = plan(vec![change("ann", ann(), Action::Disable {})]);
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
    let mut bench = Bench::new(
        world(),
        plan(vec![
            change("title", ann(), modify_title(&["Clerk"], &["Boss"])),
            change("group", staff(), Action::AddMember { member: ann() }),
            change("disable", ann(), Action::Disable {}),
            change("eve", eve(), modify_title(&["Boss"], &["CEO"])),
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

#[test]
fn whoever_is_gone_since_the_plan_is_a_conflict_for_memberships_too() {
    let bench = Bench::new(
        world(),
        plan(vec![
            change("add", staff(), Action::AddMember { member: ann() }),
            change(
                "enable",
                ann(),
                Action::Enable {
                    initial_password: None,
                },
            ),
            change("no-group", vpn(), Action::AddMember { member: bob() }),
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
fn p9_whoever_became_privileged_since_the_plan_keeps_their_groups() {
    let member = |id: &str, group, action| change(id, group, action);
    let bench = Bench::new(
        world(),
        plan(vec![
            member("in", staff(), Action::AddMember { member: ann() }),
            member("out", vpn(), Action::RemoveMember { member: cy() }),
            member("other", staff(), Action::AddMember { member: eve() }),
        ]),
    );
    bench.world.edit(|state| {
        state.set(1, "adminCount", "1");
        state.set(3, "adminCount", "1");
    });
    let outcome = bench.apply();
    for id in ["in", "out"] {
        let found = outcome_of(&outcome, id);
        assert!(
            matches!(found, ChangeOutcome::Conflict { message, .. } if message.contains("the member is privileged")),
            "{id}: {found:?}"
        );
    }
    assert_eq!(outcome_of(&outcome, "other"), &done());
    bench.world.edit(|state| {
        assert_eq!(state.objects[&guid(21)].members, [guid(5)].into());
        assert!(state.objects[&guid(22)].members.contains(&guid(3)));
    });
}
