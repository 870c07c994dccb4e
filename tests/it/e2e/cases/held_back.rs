//! What is held back: short reads, protected accounts, guards, and what somebody changed meanwhile.

use super::super::lab::{Joiner, Lab};

/// A read that is shorter than HaloITSM claims disables nobody.
pub(in crate::e2e) async fn a_short_read_removes_nothing(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.inactive = true);
    lab.claim_too_many();
    let plan = lab.plan().await.expect(69);
    assert!(!plan.stdout.contains("Disable 1"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    assert!(lab.account("1").await.expect("an account").enabled());
    lab.claim_honestly();
    lab.settle().await;
    assert!(!lab.account("1").await.expect("an account").enabled());
    lab.assert_converged().await;
}

/// Accounts outside the managed scope or marked privileged are left alone, whatever the rules say.
pub(in crate::e2e) async fn protected_accounts_are_never_touched(lab: Lab) {
    lab.add_account(
        "Boss",
        "OU=Sales,OU=People",
        &[
            ("sAMAccountName", "boss"),
            ("employeeID", "1"),
            ("adminCount", "1"),
        ],
    )
    .await;
    lab.add_account(
        "Outside",
        "OU=Elsewhere",
        &[("sAMAccountName", "outside"), ("employeeID", "2")],
    )
    .await;
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.edit(1, |person| person.inactive = true);
    let before = (lab.account("1").await, lab.account("2").await);
    let plan = lab.plan().await.expect(3);
    assert!(plan.stdout.contains("adminCount"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    assert_eq!((lab.account("1").await, lab.account("2").await), before);
    // Everybody is held, which is no plan with nothing to do.
    let again = lab.plan().await.expect(3);
    assert!(
        again.stdout.contains("EVERYBODY IS HELD"),
        "{}",
        again.stdout
    );
}

const LIMITS: &str = "apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits:
    - {name: disables, actions: [disable], maxShare: 35%, onBreach: holdRemovals}
    - {name: departments, actions: [disable], per: {field: department}, maxShare: 10%, onBreach: holdClass}
";

/// The only three of a department leave at once: small parts are not exempt. What is left of the plan is applied, a waiver
/// for fewer releases nothing, one for three releases them.
pub(in crate::e2e) async fn a_department_that_vanishes_waits_until_somebody_waives_it(lab: Lab) {
    for number in 1..=10 {
        let department = if number <= 3 { "Research" } else { "Sales" };
        lab.hire(Joiner::new(number, &format!("Given{number}"), "Doe").department(department));
    }
    lab.settle().await;
    lab.write("guards.yaml", LIMITS);
    for number in 1..=3 {
        lab.edit(number, |person| person.inactive = true);
    }
    lab.edit(10, |person| person.phone = "+44 20 7946 0010".into());

    let plan = lab.plan().await.expect(3);
    plan.assert_tells(&[
        "GUARDS HOLD 12 CHANGES",
        "departments in department Research: 3 of 3 enabled accounts would be disabled, 0 allowed (at most 10%)",
        "disables: 3 of 10 enabled accounts would be disabled, 3 allowed (at most 35%)",
        "guard departments, scope \"Research\", maximum 3",
    ]);
    let shown = lab.show("markdown").await.expect(0);
    assert!(
        shown.stdout.contains("GUARDS HOLD 12 CHANGES"),
        "{}",
        shown.stdout
    );
    lab.apply().await.expect(0);
    for number in ["1", "2", "3"] {
        let account = lab.account(number).await.expect("an account");
        assert!(account.enabled(), "{}", account.dn);
        assert!(account.dn.contains("OU=Research"), "{}", account.dn);
    }
    assert_eq!(lab.members("Research").await.len(), 3);
    let other = lab.account("10").await.expect("an account");
    assert_eq!(other.one("telephoneNumber"), "+44 20 7946 0010");

    let waiver = |maximum: u32, expires: &str| {
        format!(
            "apiVersion: halosync/v1\nkind: Waiver\nmetadata: {{name: research-closes}}\nspec: {{target: corp, guard: departments, scope: research, maximum: {maximum}, reason: it closes, ticket: CHG-1, owner: o@example.test, expires: {expires}}}\n"
        )
    };
    lab.write("waiver.yaml", &waiver(2, "2999-12-31"));
    lab.plan().await.expect(3);
    lab.write("waiver.yaml", &waiver(3, "2020-12-31"));
    let plan = lab.plan().await.expect(3);
    assert!(plan.stdout.contains("waiver-expired"), "{}", plan.stdout);
    let invalid = lab.validate().await.expect(65);
    assert!(
        invalid.stdout.contains("waiver-expired"),
        "{}",
        invalid.stdout
    );

    lab.write("waiver.yaml", &waiver(3, "2999-12-31"));
    lab.validate().await.expect(0);
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout
            .contains("let through by waiver research-closes"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    for number in ["1", "2", "3"] {
        assert!(!lab.account(number).await.expect("an account").enabled());
    }
    lab.assert_converged().await;
}

/// Four of ten people become leavers in one night: no removal of anybody, everything else goes on.
pub(in crate::e2e) async fn two_in_five_people_fewer_take_nothing_from_anybody(lab: Lab) {
    for number in 1..=10 {
        let department = if number % 2 == 0 { "Research" } else { "Sales" };
        lab.hire(Joiner::new(number, &format!("Given{number}"), "Doe").department(department));
    }
    lab.settle().await;
    lab.write(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: disables, actions: [disable], maxShare: 10%, onBreach: holdRemovals}\n",
    );
    for number in 1..=4 {
        lab.edit(number, |person| person.inactive = true);
    }
    // A mover loses a group, which waits; the new one does not.
    lab.edit(10, |person| person.department = "Sales".into());
    lab.hire(Joiner::new(11, "New", "Person"));
    let plan = lab.plan().await.expect(3);
    assert!(
        plan.stdout.contains(
            "disables: 4 of 10 enabled accounts would be disabled, 1 allowed (at most 10%)"
        ),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    for number in 1..=11 {
        let account = lab.account(&number.to_string()).await.expect("an account");
        assert!(account.enabled(), "{}", account.dn);
    }
    assert_eq!(lab.members("Research").await.len(), 5);
    assert_eq!(lab.members("Sales").await.len(), 7);
    for number in 1..=4 {
        lab.edit(number, |person| person.inactive = false);
    }
    lab.settle().await;
    lab.assert_converged().await;
}

/// What changed since the plan is not overwritten; everything else goes on.
pub(in crate::e2e) async fn conflicts_skip_the_object_and_nothing_else(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.title = "Director".into());
    lab.edit(2, |person| person.title = "Director".into());
    lab.plan().await.expect(0);
    lab.set("1", "title", &["Emperor"]).await;
    let applied = lab.apply().await.expect(5);
    let told = format!("{}{}", applied.stdout, applied.stderr);
    assert!(
        told.contains("Emperor") && told.contains("Director"),
        "{told}"
    );
    assert_eq!(
        lab.account("1").await.expect("an account").one("title"),
        "Emperor"
    );
    assert_eq!(
        lab.account("2").await.expect("an account").one("title"),
        "Director"
    );
    // The next plan starts from what is there now.
    lab.settle().await;
    assert_eq!(
        lab.account("1").await.expect("an account").one("title"),
        "Director"
    );
    lab.assert_converged().await;
}
