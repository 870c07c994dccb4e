//! How people come, change groups, leave and come back.

use super::super::lab::{Joiner, Lab};
use super::sorted;

/// Who moves enters first and leaves then, after an overlap when there is one; its beginning stands on the account.
pub(in crate::e2e) async fn movers_overlap_until_a_day_the_plan_names(lab: Lab) {
    let target = lab.read("target.yaml");
    lab.write(
        "target.yaml",
        &format!("{target}  stamp: {{attribute: info}}\n"),
    );
    let groups = lab.read("groups.yaml");
    let overlap = groups.replace("  rules:\n", "  overlap: {for: 2w}\n  rules:\n");
    lab.write("groups.yaml", &overlap);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.department = "Research".into());
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&["stays in Sales until", "the overlap is over: leaves Sales"]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(lab.members("Research").await, sorted([&jane.dn]));
    assert_eq!(lab.members("Sales").await, sorted([&jane.dn]));
    assert!(
        jane.one("info").starts_with("halosync: moved since "),
        "{}",
        jane.one("info")
    );
    lab.assert_converged().await;

    // Two weeks and more later.
    lab.set("1", "info", &["halosync: moved since 2026-01-01T00:00:00Z"])
        .await;
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("the end of an overlap") || plan.stdout.contains("remove from group"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(lab.members("Sales").await, Vec::<String>::new());
    assert_eq!(jane.values("info"), Vec::<String>::new());
    lab.assert_converged().await;

    // Without an overlap both happen in one plan.
    lab.write("groups.yaml", &groups);
    lab.edit(1, |person| person.department = "Sales".into());
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("moves from Research to Sales"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(lab.members("Research").await, Vec::<String>::new());
    assert_eq!(lab.members("Sales").await, sorted([&jane.dn]));
    lab.assert_converged().await;
}

/// Leavers by flag and by date are disabled (one bit), moved, and leave the groups; nobody else is touched.
pub(in crate::e2e) async fn leavers_are_disabled_and_moved(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.hire(Joiner::new(3, "Ida", "Ida").department("Sales"));
    lab.settle().await;
    // DONT_EXPIRE_PASSWD beside NORMAL_ACCOUNT: a disable may flip its own bit only.
    lab.set("1", "userAccountControl", &["66048"]).await;

    lab.edit(1, |person| person.inactive = true);
    lab.edit(2, |person| person.ends_on = Some("2026-01-31".into()));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Disable 2"), "{}", plan.stdout);
    let applied = lab.apply().await.expect(0);
    assert!(
        applied
            .stdout
            .contains("From the fact in the source to the disabled account"),
        "{}",
        applied.stdout
    );
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("userAccountControl"), "66050");
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Leavers,OU=People"));
    assert!(!lab.account("2").await.expect("an account").enabled());
    let ida = lab.account("3").await.expect("an account");
    assert!(ida.enabled());
    assert_eq!(lab.members("Sales").await, sorted([&ida.dn]));
    lab.assert_converged().await;
}

/// Somebody who is active again is enabled and gets place and groups back.
pub(in crate::e2e) async fn returners_are_enabled(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    assert!(!lab.account("1").await.expect("an account").enabled());
    lab.edit(1, |person| person.inactive = false);
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Enable 1"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert!(jane.enabled());
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    assert_eq!(lab.members("Sales").await, sorted([&jane.dn]));
    lab.assert_converged().await;
}

/// Hired again after years, with the old account disabled among the leavers: a new one, and the old one stays.
pub(in crate::e2e) async fn whoever_is_hired_again_gets_a_new_account(lab: Lab) {
    let target = lab.read("target.yaml");
    lab.write(
        "target.yaml",
        &format!("{target}  stamp: {{attribute: info}}\n"),
    );
    let states = lab.read("lifecycle.yaml");
    let returning = "      returning: {account: new, after: 90d}\n      reason: \"has left\"\n";
    lab.write(
        "lifecycle.yaml",
        &states.replace("      reason: \"has left\"\n", returning),
    );
    lab.validate().await.expect(0);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    let left = lab.account("1").await.expect("an account");
    assert!(left.one("info").starts_with("halosync: leaver since "));
    lab.set(
        "1",
        "info",
        &["halosync: leaver since 2020-02-29T23:59:59Z"],
    )
    .await;

    lab.edit(1, |person| person.inactive = false);
    // What is not proven gives nobody up.
    lab.claim_too_many();
    let plan = lab.plan().await.expect(69);
    assert!(plan.stdout.contains("removal-unproven"), "{}", plan.stdout);
    lab.claim_honestly();
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "in place of CN=Jane Doe,OU=Leavers,OU=People",
        "a new account takes the place of this one",
    ]);
    lab.apply().await.expect(0);
    let old = lab.named("CN=Jane Doe,OU=Leavers,OU=People").await;
    let old = old.expect("the old account");
    assert!(!old.enabled());
    assert!(old.values("employeeID").is_empty());
    assert!(old.one("info").starts_with("halosync: replaced since "));
    let new = lab.account("1").await.expect("a new account");
    assert!(new.enabled());
    assert_eq!(new.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    assert_eq!(new.one("sAMAccountName"), "janedoe");
    assert_eq!(lab.members("Sales").await, sorted([&new.dn]));
    lab.assert_converged().await;
}

/// Two records of one person: the account is that of the record that counts, there and back.
pub(in crate::e2e) async fn a_contractor_who_becomes_an_employee_keeps_the_account(lab: Lab) {
    let source = lab.read("source.yaml");
    lab.write(
        "source.yaml",
        &source.replace(
            "    label: displayName\n",
            "    label: displayName
    samePerson:
      by: \"{{ person.phone }}\"
      prefer: [person.title == 'Employee', not person.inactive]
",
        ),
    );
    lab.validate().await.expect(0);
    let phone = "+44 20 7946 0001";
    lab.hire(
        Joiner::new(1, "Jane", "Doe")
            .department("Sales")
            .phone(phone),
    );
    lab.hire(Joiner::new(3, "Otto", "Ott").department("Sales").manager(1));
    lab.settle().await;
    let before = lab.account("1").await.expect("an account");

    lab.edit(1, |person| person.inactive = true);
    let mut employee = Joiner::new(2, "Jane", "Doe")
        .department("Research")
        .phone(phone);
    employee.title = "Employee".to_owned();
    lab.hire(employee);
    // The record that leads to the account may be what was not read.
    lab.claim_too_many();
    let plan = lab.plan().await.expect(69);
    assert!(plan.stdout.contains("removal-unproven"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("adopt this"), "{}", plan.stdout);
    lab.claim_honestly();
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "Jane Doe (1) and Jane Doe (2) are records of one person, and Jane Doe (2) counts: person.title == 'Employee'",
        "employeeID = 1, the anchor of Jane Doe (1)",
    ]);
    assert!(!plan.stdout.contains("has left"), "{}", plan.stdout);
    let other = lab.explain("people/1").await.expect(0);
    assert!(
        other
            .stdout
            .contains("secondary record of Jane Doe (people/2)"),
        "{}",
        other.stdout
    );
    lab.apply().await.expect(0);

    assert!(lab.account("1").await.is_none());
    let jane = lab.account("2").await.expect("the same account");
    assert_eq!(jane.values("objectSid"), before.values("objectSid"));
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Research,OU=People"));
    assert_eq!(jane.one("sAMAccountName"), "jdoe");
    assert_eq!(jane.one("title"), "Employee");
    assert!(jane.enabled());
    assert_eq!(lab.members("Research").await, sorted([&jane.dn]));
    let otto = lab.account("3").await.expect("an account");
    assert_eq!(otto.one("manager"), jane.dn);
    assert_eq!(lab.members("Sales").await, sorted([&otto.dn]));
    lab.assert_converged().await;

    lab.edit(2, |person| {
        person.title = "Former".to_owned();
        person.inactive = true;
    });
    lab.edit(1, |person| person.inactive = false);
    lab.settle().await;
    let jane = lab.account("1").await.expect("the same account");
    assert_eq!(jane.values("objectSid"), before.values("objectSid"));
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    lab.assert_converged().await;

    // A second account of theirs is nobody's to choose.
    lab.add_account(
        "Jane Doe",
        "OU=Leavers,OU=People",
        &[("employeeID", "2"), ("sAMAccountName", "jdoe2")],
    )
    .await;
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("same-person-accounts"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    assert!(lab.account("1").await.expect("an account").enabled());
}

/// A leaver's password is replaced by one that nobody keeps, once; groups the state keeps stay.
pub(in crate::e2e) async fn leavers_lose_their_password_and_keep_what_the_state_keeps(lab: Lab) {
    let lifecycle = lab.read("lifecycle.yaml").replace(
        "groups: remove\n",
        "groups: remove\n        keepGroups: [Everyone]\n        passwordAction: reset\n        services: {photo: remove}\n",
    );
    lab.write("lifecycle.yaml", &lifecycle);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.settle().await;
    let before = lab.account("1").await.expect("an account");
    assert_eq!(before.one("pwdLastSet"), "0");
    let initial = lab.password_lines();
    lab.edit(1, |person| person.inactive = true);
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "cannot be undone",
        "nothing acts on it yet",
        "Reset passwords 1",
    ]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert!(!jane.enabled());
    assert_ne!(jane.one("pwdLastSet"), "0");
    assert_eq!(lab.members("Sales").await, Vec::<String>::new());
    assert_eq!(lab.members("Everyone").await, sorted([&jane.dn]));
    assert_eq!(lab.password_lines(), initial, "nobody keeps it");
    lab.assert_converged().await;
    lab.apply().await.expect(8);
    let again = lab.account("1").await.expect("an account");
    assert_eq!(again.one("pwdLastSet"), jane.one("pwdLastSet"), "once");
}
