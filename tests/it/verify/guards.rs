//! Guards that a plan says something else of than the configuration: what somebody made who can make digests, too.

use halosync::model::Guid;
use halosync::plan::{Action, Change, ChangeId, GuardKind, GuardVerdict, Plan};

use super::Desk;

const REFUSED: &str = "REFUSED     recount       the plan's guards are not what the configuration and the plan's own changes give";

/// A project with guards of every kind, and a plan of one leaver that they let pass.
async fn guarded(guards: &str) -> Desk {
    let desk = Desk(crate::explain::recorded("leaver"));
    std::fs::write(desk.path().join("guards.yaml"), guards).unwrap();
    desk.plan(0).await;
    desk
}

const GUARDS: &str = r#"apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits:
    - {name: disables, actions: [disable], max: 2, onBreach: holdAll}
    - {name: share, actions: [disable], maxShare: 100%, floor: 2, onBreach: holdAll}
    - {name: places, actions: [disable], per: ou, max: 2, onBreach: holdClass}
    - {name: departments, actions: [disable], per: {field: department}, max: 2, onBreach: holdClass}
    - {name: people, actions: [any], per: {placement: "OU=People,DC=corp,DC=example,DC=test"}, max: 5, onBreach: holdAll}
    - {name: leaving, actions: [removeMember], per: group, max: 2, onBreach: holdClass}
  breakGlass: ["00000000-0000-0000-0000-00000000beef"]
---
apiVersion: halosync/v1
kind: Waiver
metadata: {name: closing}
spec:
  target: corp
  guard: disables
  maximum: 3
  reason: the office closes
  ticket: CHG-1042
  owner: head.of.people@example.test
  expires: 2099-12-31
"#;

fn guid(number: usize) -> Guid {
    Guid::parse(&format!("00000000-0000-0000-0000-{number:012x}")).unwrap()
}

/// As many more people shut as it takes, each with an account of their own.
fn shut(plan: &mut Plan, more: usize) {
    let model: Change = plan
        .changes
        .iter()
        .find(|change| matches!(change.action, Action::Disable {}))
        .expect("somebody is disabled")
        .clone();
    for number in 0..more {
        let mut change = model.clone();
        change.id = ChangeId(format!("forged-{number}").into());
        change.object.guid = Some(guid(0xf0000 + number));
        plan.changes.push(change);
    }
}

#[tokio::test]
async fn what_the_planner_makes_is_what_is_counted_again() {
    let desk = guarded(GUARDS).await;
    let told = desk.verify(0).await;
    assert!(
        told.contains("ok          recount       7 guards as the configuration has them, counted again; of share of corp, departments of corp only the plan tells"),
        "{told}"
    );
}

#[tokio::test]
async fn guards_that_are_missing_loosened_or_altered_are_refused() {
    let desk = guarded(GUARDS).await;
    type Forgery = (&'static str, fn(&mut Plan));
    let forgeries: &[Forgery] = &[
        (
            "guard disables of corp (at most 2) is not in the plan",
            |plan| plan.guards.clear(),
        ),
        ("guard disables of corp allows 2 of ", |plan| {
            plan.guards
                .iter_mut()
                .for_each(|guard| guard.allowed = 1000);
        }),
        (
            "guard disables of corp allows at most 2 disabled, and the plan says at most 1000 disabled",
            |plan| {
                plan.guards[0].limit = "at most 1000".to_owned();
                plan.guards[0].allowed = 1000;
            },
        ),
        (
            "guard disables of corp allows at most 2 disabled, and the plan says at most 2 created",
            |plan| {
                plan.guards[0].counts = "created".to_owned();
            },
        ),
        (
            "guard places of corp judges each ou by itself, and the plan says everything together",
            |plan| {
                let places = plan
                    .guards
                    .iter_mut()
                    .find(|guard| guard.guard == "places")
                    .unwrap();
                places.per = None;
                places.scope = None;
            },
        ),
        (
            "the plan has a guard other of corp, which the configuration does not have",
            |plan| {
                let mut other = plan.guards[0].clone();
                other.guard = "other".to_owned();
                plan.guards.push(other);
            },
        ),
        (
            "accounts kept for emergencies in corp are left alone (breakGlass)",
            |plan| {
                plan.guards
                    .retain(|guard| guard.kind != GuardKind::BreakGlass);
            },
        ),
        ("an account kept for emergencies (breakGlass)", |plan| {
            let guid = Guid::parse("00000000-0000-0000-0000-00000000beef");
            plan.changes
                .iter_mut()
                .for_each(|change| change.object.guid = guid);
        }),
        (
            "guard share of corp is judged on 1000000 accounts, and the plan has only ",
            |plan| {
                let share = plan
                    .guards
                    .iter_mut()
                    .find(|guard| guard.guard == "share")
                    .unwrap();
                share.base = 1_000_000;
                share.allowed = 1_000_000;
            },
        ),
        ("managed accounts among ", |plan| {
            plan.counts.managed_accounts = 1_000_000
        }),
        (
            "the waiver closing of corp is not in the plan as it is written",
            |plan| plan.waivers.clear(),
        ),
        (
            "the plan has a waiver closing of corp that the configuration does not have so",
            |plan| {
                plan.waivers[0].maximum = 1000;
            },
        ),
    ];
    for (says, forge) in forgeries {
        desk.plan(0).await;
        desk.forge(forge);
        let told = desk.refused(6, &[]).await;
        assert!(told.contains(REFUSED), "{says}\n---\n{told}");
        assert!(told.contains(says), "{says}\n---\n{told}");
    }
}

#[tokio::test]
async fn changes_are_counted_again_whatever_the_plan_says_of_them() {
    let desk = guarded(GUARDS).await;
    desk.forge(|plan| shut(plan, 5));
    let told = desk.refused(6, &[]).await;
    for line in [
        "guard disables of corp: 7 are disabled by the plan, and it says 2",
        "guard places of corp in OU=",
        "guard departments of corp: 7 are disabled by the plan, and all it says of the guard's parts allows ",
        "guard people of corp in OU=People,DC=corp,DC=example,DC=test: 8 are changed by the plan, and it says ",
    ] {
        assert!(told.contains(line), "{line}\n---\n{told}");
    }
    // A plan that owns up to it passes nothing either: the configuration says how many.
    desk.forge(|plan| {
        plan.guards
            .iter_mut()
            .for_each(|guard| guard.counted = guard.counted.max(7));
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("guard disables of corp allows 2, and the plan passes 7"),
        "{told}"
    );
    // Nor does one that has a waiver of the configuration release more than it says.
    desk.forge(|plan| {
        plan.guards[0].verdict = GuardVerdict::Waived;
        plan.guards[0].waiver = Some(plan.waivers[0].name.clone());
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("guard disables of corp is waived for 7 in the plan, and no waiver of the configuration releases that"),
        "{told}"
    );
}

#[tokio::test]
async fn a_base_below_what_is_shut_is_refused() {
    let desk = guarded(GUARDS).await;
    desk.forge(|plan| {
        let share = plan.guards.iter_mut().find(|guard| guard.guard == "share");
        let share = share.unwrap();
        (share.base, share.allowed) = (1, 2);
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains(
            "guard share of corp: 2 accounts are disabled by the plan, and it says there are only 1"
        ),
        "{told}"
    );
}

/// An exception shuts whom limits do not count; one the configuration does not have counts for nothing.
#[tokio::test]
async fn exceptions_of_the_plan_alone_do_not_exempt_anybody() {
    let guards = GUARDS.replace("max: 2, onBreach: holdAll", "max: 0, onBreach: holdAll");
    let desk = Desk(crate::explain::recorded("exceptions"));
    std::fs::write(desk.path().join("guards.yaml"), guards).unwrap();
    desk.run(&["plan", "--from", "reads", "--out", "plan.json"])
        .await;
    let plan = desk.file().content;
    let stopped = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::Disable {}))
        .count();
    assert!(stopped > 0, "exceptions shut somebody");
    let told = desk.run(&["verify", "plan.json"]).await.stdout;
    assert!(told.contains("ok          recount"), "{told}");
    desk.forge(|plan| {
        plan.exceptions
            .iter_mut()
            .for_each(|one| one.ticket = "CHG-0".to_owned());
    });
    let told = desk.run(&["verify", "plan.json"]).await.expect(6).stdout;
    assert!(told.contains("guard disables of corp: "), "{told}");
}

/// Shares are judged on numbers only the plan tells; they have bounds all the same.
#[tokio::test]
async fn more_members_than_objects_were_read_are_refused() {
    let desk = guarded(GUARDS).await;
    type Forgery = (&'static str, fn(&mut Plan));
    let forgeries: [Forgery; 1] = [(" is judged on 6000 members, and only ", |plan| {
        let guards = plan.guards.iter_mut();
        for guard in guards.filter(|guard| guard.guard == "leaving") {
            guard.base = 6000;
        }
    })];
    for (says, forge) in forgeries {
        desk.plan(0).await;
        desk.forge(forge);
        let told = desk.refused(6, &[]).await;
        assert!(
            told.contains(says) && told.contains(REFUSED),
            "{says}\n---\n{told}"
        );
    }
}
