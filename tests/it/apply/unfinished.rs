//! Accounts that an interrupted create has left half-made: the plan made afterwards finishes them, and none is ever enabled
//! without a password.

use halosync::apply::{ChangeOutcome, FailureKind, Verdict};
use halosync::plan::{Action, Cause, Change, PasswordPolicy, PlanFile};

use super::bench::{Bench, change, create, existing, new, outcome_of, person, plan, text};
use super::done;
use super::world::{Fault, Kind, State, World, guid};
use crate::support::rechained;

const POLICY: PasswordPolicy = PasswordPolicy {
    length: 20,
    must_change: true,
};

fn enable(initial_password: Option<PasswordPolicy>) -> Change {
    change(
        "enable",
        existing(9, &person("Ida")),
        Action::Enable { initial_password },
    )
}

fn half_made(flags: &str, password: Option<&str>) -> World {
    let mut state = State::default();
    let attributes = [
        ("userAccountControl", flags),
        ("sAMAccountName", "ida"),
        ("pwdLastSet", if password.is_some() { "5" } else { "0" }),
    ];
    state.put(9, &person("Ida"), &attributes);
    let ida = state.objects.get_mut(&guid(9)).unwrap();
    ida.password = password.map(str::to_owned);
    World::new(state)
}

fn completing() -> PlanFile {
    plan(vec![enable(Some(POLICY))])
}

fn is_finished(bench: &Bench, about: &str) {
    let latest = bench.envelope.as_ref().unwrap().latest(&person("Ida"));
    bench.world.edit(|state| {
        assert_eq!(state.get(guid(9), "userAccountControl"), ["512"], "{about}");
        assert_eq!(state.get(guid(9), "pwdLastSet"), ["0"], "{about}");
        let password = &state.objects[&guid(9)].password;
        assert!(password.is_some() && *password == latest, "{about}");
    });
}

#[test]
fn it_gets_a_password_that_is_delivered_and_only_then_is_enabled() {
    for password in [None, Some("of the interrupted apply")] {
        let bench = Bench::new(half_made("546", password), completing());
        let outcome = bench.apply();
        assert_eq!(outcome.verdict, Verdict::Applied, "{outcome:#?}");
        is_finished(&bench, "once");
        bench.assert_converged("finished");
    }
}

/// The whole story: a create dies before the password, or before the last step, and another plan follows.
#[test]
fn a_new_plan_finishes_what_a_killed_one_has_begun() {
    for write in 0..2 {
        let making = plan(vec![change(
            "create",
            new(&person("Ida")),
            create(vec![text("sAMAccountName", &[], &["ida"])], true),
        )]);
        let mut bench = Bench::new(World::new(State::default()), making);
        bench
            .world
            .edit(|state| state.faults.insert(write, Fault::KillAfter));
        assert!(bench.try_apply().is_none());
        let made = bench.world.edit(|state| state.at(&person("Ida")).unwrap());
        let mut change = enable(Some(POLICY));
        change.object.guid = Some(made);
        bench.plan = plan(vec![change]);
        bench.forget_the_journal();
        assert_eq!(bench.apply().verdict, Verdict::Applied);
        bench.world.edit(|state| {
            assert_eq!(state.get(made, "userAccountControl"), ["512"]);
            assert_eq!(state.get(made, "pwdLastSet"), ["0"]);
        });
        bench.assert_converged("begun by one plan, finished by the next");
    }
}

#[test]
fn finishing_converges_wherever_it_is_killed_or_goes_unanswered() {
    for write in 0..2 {
        for fault in [
            Fault::KillBefore,
            Fault::KillAfter,
            Fault::Before(Kind::Unknown),
            Fault::After(Kind::Unknown),
            Fault::Before(Kind::Transient),
        ] {
            for forget in [false, true] {
                let about = format!("write {write}, journal forgotten: {forget}");
                let bench = Bench::new(half_made("546", None), completing());
                bench
                    .world
                    .edit(|state| state.faults.insert(write, fault.clone()));
                let _ = bench.try_apply();
                if forget {
                    bench.forget_the_journal();
                }
                let outcome = bench.apply();
                assert_eq!(outcome.verdict, Verdict::Applied, "{about}: {outcome:#?}");
                is_finished(&bench, &about);
                bench.assert_converged(&about);
            }
        }
    }
}

#[test]
fn a_refused_password_leaves_it_disabled_and_marked() {
    let bench = Bench::new(half_made("546", None), completing());
    for write in 0..4 {
        bench
            .world
            .edit(|state| state.faults.insert(write, Fault::Before(Kind::Invalid)));
    }
    let outcome = bench.apply();
    assert!(
        matches!(
            outcome_of(&outcome, "enable"),
            ChangeOutcome::Failed {
                kind: FailureKind::Refused,
                ..
            }
        ),
        "{outcome:#?}"
    );
    bench.world.edit(|state| {
        assert_eq!(state.get(guid(9), "userAccountControl"), ["546"]);
        state.faults.clear();
    });
    assert_eq!(bench.apply().verdict, Verdict::Applied);
    is_finished(&bench, "after a refusal");
}

#[test]
fn nobody_to_open_the_file_with_passwords_keeps_it_disabled() {
    let mut bench = Bench::new(half_made("546", None), completing());
    bench.envelope = None;
    let outcome = bench.apply();
    assert!(
        matches!(
            outcome_of(&outcome, "enable"),
            ChangeOutcome::Failed {
                kind: FailureKind::Password,
                ..
            }
        ),
        "{outcome:#?}"
    );
    bench
        .world
        .edit(|state| assert_eq!(state.get(guid(9), "userAccountControl"), ["546"]));
}

/// Whoever finished or opened it meanwhile has decided; their password stays.
#[test]
fn what_somebody_else_did_since_the_plan_stays() {
    for (flags, achieved) in [("544", false), ("514", false), ("512", true)] {
        let bench = Bench::new(half_made(flags, Some("theirs")), completing());
        let outcome = bench.apply();
        let found = outcome_of(&outcome, "enable");
        if achieved {
            assert_eq!(found, &ChangeOutcome::AlreadyAsDesired {}, "{flags}");
        } else {
            let ChangeOutcome::Conflict { message, .. } = found else {
                panic!("{flags}: {found:?}");
            };
            assert!(message.contains("PASSWD_NOTREQD"), "{flags}: {message}");
        }
        bench.world.edit(|state| {
            assert_eq!(state.get(guid(9), "userAccountControl"), [flags]);
            assert_eq!(state.objects[&guid(9)].password.as_deref(), Some("theirs"));
        });
    }
}

/// A create that is resumed does not touch the password of an account somebody opened in between.
#[test]
fn a_resumed_create_leaves_an_account_alone_that_somebody_opened() {
    let making = plan(vec![change(
        "create",
        new(&person("Ida")),
        create(vec![text("sAMAccountName", &[], &["ida"])], true),
    )]);
    let bench = Bench::new(World::new(State::default()), making);
    bench
        .world
        .edit(|state| state.faults.insert(0, Fault::KillAfter));
    assert!(bench.try_apply().is_none());
    let made = bench.world.edit(|state| {
        let made = state.at(&person("Ida")).unwrap();
        let object = state.objects.get_mut(&made).unwrap();
        object.password = Some("theirs".to_owned());
        object.attributes.get_mut("useraccountcontrol").unwrap().1 = vec!["544".to_owned()];
        made
    });
    let outcome = bench.apply();
    let ChangeOutcome::Conflict { message, .. } = outcome_of(&outcome, "create") else {
        panic!("{outcome:#?}");
    };
    assert!(message.contains("before it was finished"), "{message}");
    bench.world.edit(|state| {
        assert_eq!(state.get(made, "userAccountControl"), ["544"]);
        assert_eq!(state.objects[&made].password.as_deref(), Some("theirs"));
    });
}

/// P5: a plan that knew nothing of the mark does not enable; an undo gives back what there was.
#[test]
fn a_plain_enable_leaves_it_disabled_unless_it_is_given_back() {
    let bench = Bench::new(half_made("546", None), plan(vec![enable(None)]));
    let outcome = bench.apply();
    let ChangeOutcome::Conflict { message, .. } = outcome_of(&outcome, "enable") else {
        panic!("{outcome:#?}");
    };
    assert!(message.contains("plan again"), "{message}");

    let mut undo = enable(None);
    undo.cause = Cause::Undo;
    let bench = Bench::new(half_made("546", Some("earlier")), plan(vec![undo]));
    assert_eq!(*outcome_of(&bench.apply(), "enable"), done());
    bench
        .world
        .edit(|state| assert_eq!(state.get(guid(9), "userAccountControl"), ["544"]));
}

/// Anybody can write another identity into a journal, and make its chain anew: a leaver gets no password by it, and is not
/// enabled.
#[test]
fn a_resumed_create_leaves_an_account_alone_that_is_not_the_plans() {
    let making = plan(vec![change(
        "create",
        new(&person("Ida")),
        create(
            vec![
                text("employeeID", &[], &["E10"]),
                text("sAMAccountName", &[], &["ida"]),
            ],
            true,
        ),
    )]);
    for (flags, anchors) in [("66050", true), ("546", true), ("66050", false)] {
        let mut bench = Bench::new(super::bench::world(), making.clone());
        if anchors {
            bench.know_the_anchor("employeeID");
        }
        bench
            .world
            .edit(|state| state.faults.insert(1, Fault::KillBefore));
        assert!(bench.try_apply().is_none());
        let made = bench.world.edit(|state| state.at(&person("Ida")).unwrap());
        bench
            .world
            .edit(|state| state.set(6, "userAccountControl", flags));
        let honest = bench.journal_text();
        assert!(honest.contains(&made.to_string()), "{honest}");
        let forged = rechained(&honest.replace(&made.to_string(), &guid(6).to_string()));
        *bench.journal.lock().unwrap() = forged.into_bytes();
        let outcome = bench.apply();
        let ChangeOutcome::Conflict { message, .. } = outcome_of(&outcome, "create") else {
            panic!("{outcome:#?}");
        };
        assert!(
            message.contains("not the account this plan makes"),
            "{message}"
        );
        bench.world.edit(|state| {
            assert_eq!(state.get(guid(6), "userAccountControl"), [flags]);
            assert_eq!(state.objects[&guid(6)].password.as_deref(), Some("earlier"));
        });
        // The honest one goes on.
        *bench.journal.lock().unwrap() = honest.into_bytes();
        assert_eq!(bench.apply().verdict, Verdict::Applied);
    }
}
