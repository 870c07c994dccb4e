//! Passwords of new accounts and of disabled ones: made once, kept before they are set, and void when overtaken.

use std::sync::Arc;

use halosync::apply::{ChangeOutcome, FailureKind, Verdict};
use halosync::plan::{Action, ChangeId};

use super::bench::{Bench, change, create, existing, new, outcome_of, person, plan, text, world};
use super::done;
use super::world::{self, Fault, Kind, guid};

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
    bench.envelope = Some(Arc::new(super::bench::Envelope {
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
