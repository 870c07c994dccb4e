//! The failure catalogue: what the field's disasters are made of, each the whole way with the real binary.
//!
//! `docs/failures.md` lists them under the same names. Every case begins with an empty directory and an empty HaloITSM,
//! and ends with what must not have happened.

use super::lab::{Joiner, Lab};

/// Ten people with accounts, by turns in Sales and Research; the last three stand at a client of their own.
pub(super) async fn ten(lab: &Lab) {
    for number in 1..=10 {
        let department = if number % 2 == 0 { "Research" } else { "Sales" };
        let mut person =
            Joiner::new(number, &format!("Given{number}"), "Doe").department(department);
        person.elsewhere = number > 7;
        lab.hire(person);
    }
    lab.settle().await;
}

/// Nobody has lost anything.
async fn all_ten_work(lab: &Lab) {
    for number in 1..=10 {
        let account = lab.account(&number.to_string()).await.expect("an account");
        assert!(account.enabled(), "{}", account.dn);
        assert!(!account.dn.contains("Leavers"), "{}", account.dn);
    }
    assert_eq!(lab.members("Everyone").await.len(), 10);
}

/// Missing people are leavers a day later: the most dangerous policy there is.
pub(super) fn missing_people_leave(lab: &Lab) {
    let lifecycle = lab.read("lifecycle.yaml").replace(
        "absent: report",
        "absent: {leaver: {after: 1d, state: leaver}}",
    );
    lab.write("lifecycle.yaml", &lifecycle);
    let target = format!("{}  stamp: {{attribute: info}}\n", lab.read("target.yaml"));
    lab.write("target.yaml", &target);
}

/// A stamp of some days ago. An account made just now may have one: it is that of the plan that made it. A real controller
/// lets nobody say that an account is older.
pub(super) fn stamp_of(what: &str) -> String {
    format!(
        "halosync: {what} since {}T00:00:00Z",
        super::leaving::in_days(-5)
    )
}

/// Everybody is counted as missing for long.
async fn all_are_stamped(lab: &Lab) {
    for number in 1..=10 {
        let stamp = stamp_of("absent");
        lab.set(&number.to_string(), "info", &[&stamp]).await;
    }
}

// -- the read ----------------------------------------------------------------------------------------------------------

pub(super) async fn zero_people_with_status_200(lab: &mut Lab) {
    ten(lab).await;
    missing_people_leave(lab);
    all_are_stamped(lab).await;
    for number in 1..=10 {
        lab.fire(number);
    }
    let plan = lab.plan().await.expect(69);
    let told = format!("{}{}", plan.stdout, plan.stderr);
    assert!(told.contains("nobody"), "{told}");
    lab.apply().await.expect(0);
    all_ten_work(lab).await;
}

pub(super) async fn page_one_of_three_then_status_500(lab: &mut Lab) {
    ten(lab).await;
    missing_people_leave(lab);
    all_are_stamped(lab).await;
    let source = lab.read("source.yaml").replace(
        "  person:\n",
        "  endpoints: {users: {path: /Users, repeat: {pageSize: 4}}}\n  person:\n",
    );
    lab.write("source.yaml", &source);
    lab.fail_from_page(2);
    let plan = lab.plan().await.expect(69);
    assert!(plan.stderr.contains("500"), "{}", plan.stderr);
    // There is no plan to apply.
    assert_ne!(lab.apply().await.code, 0);
    all_ten_work(lab).await;
    lab.claim_honestly();
    lab.settle().await;
    all_ten_work(lab).await;
    lab.assert_converged().await;
}

pub(super) async fn forty_percent_fewer_people(lab: &mut Lab) {
    ten(lab).await;
    missing_people_leave(lab);
    all_are_stamped(lab).await;
    let source = lab
        .read("source.yaml")
        .replace("  person:\n", "  completeness: {maxFall: 10%}\n  person:\n");
    lab.write("source.yaml", &source);
    for number in 1..=4 {
        lab.fire(number);
    }
    // Somebody who is there and inactive waits as well: the read proves nothing.
    lab.edit(5, |person| person.inactive = true);
    let plan = lab.plan().await.expect(69);
    assert!(plan.stdout.contains("fall"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    all_ten_work(lab).await;
}

pub(super) async fn wrong_agent_rights_giving_a_short_list(lab: &mut Lab) {
    ten(lab).await;
    missing_people_leave(lab);
    lab.hide_the_other_client(true);
    // A sentinel at each client shows it.
    let source = lab.read("source.yaml");
    lab.write(
        "source.yaml",
        &source.replace(
            "  person:\n",
            "  completeness: {sentinels: [1, 9]}\n  person:\n",
        ),
    );
    let plan = lab.plan().await.expect(69);
    assert!(plan.stdout.contains('9'), "{}", plan.stdout);
    lab.apply().await.expect(0);
    all_ten_work(lab).await;
    assert!(
        lab.account("9")
            .await
            .expect("an account")
            .values("info")
            .is_empty()
    );
    // Without one, days are counted, and told each time; nothing else happens before they are over.
    lab.write("source.yaml", &source);
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("absent"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    all_ten_work(lab).await;
    let stamp = lab.account("9").await.expect("an account").one("info");
    assert!(stamp.starts_with("halosync: absent since 2"), "{stamp}");
    lab.assert_converged().await;
    lab.hide_the_other_client(false);
    lab.settle().await;
    assert!(
        lab.account("9")
            .await
            .expect("an account")
            .values("info")
            .is_empty()
    );
    lab.assert_converged().await;
}

// -- people ------------------------------------------------------------------------------------------------------------

pub(super) async fn a_scope_of_three_people_all_leaving(lab: &mut Lab) {
    ten(lab).await;
    for number in 1..=3 {
        lab.edit(number, |person| person.department = "Research".into());
    }
    for number in 4..=10 {
        lab.edit(number, |person| person.department = "Sales".into());
    }
    lab.settle().await;
    lab.write(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: departments, actions: [disable], per: {field: department}, maxShare: 40%, onBreach: holdClass}\n",
    );
    for number in 1..=3 {
        lab.edit(number, |person| person.inactive = true);
    }
    let plan = lab.plan().await.expect(3);
    assert!(
        plan.stdout.contains("3 of 3 enabled accounts"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(3);
    all_ten_work(lab).await;
}

pub(super) async fn a_person_renamed(lab: &mut Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    let before = lab.account("1").await.expect("an account");
    lab.edit(1, |person| person.surname = "Smith".into());
    let plan = lab.plan().await.expect(0);
    assert!(!plan.stdout.contains("Create"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    let after = lab.account("1").await.expect("an account");
    assert_eq!(
        after.bytes("objectGUID"),
        before.bytes("objectGUID"),
        "another account"
    );
    assert_eq!(after.dn, lab.dn("CN=Jane Smith,OU=Sales,OU=People"));
    assert_eq!(after.one("sAMAccountName"), "jdoe", "given once");
    assert_eq!(lab.members("Everyone").await, [after.dn]);
    lab.assert_converged().await;
}

pub(super) async fn a_person_rehired_with_the_old_account_disabled(lab: &mut Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    let old = lab.account("1").await.expect("an account");
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    // Under the same number the old account comes back, with place and groups.
    lab.edit(1, |person| person.inactive = false);
    lab.settle().await;
    let back = lab.account("1").await.expect("an account");
    assert!(back.enabled());
    assert_eq!(
        (&back.dn, back.bytes("objectGUID")),
        (&old.dn, old.bytes("objectGUID"))
    );
    assert_eq!(lab.members("Everyone").await, [back.dn]);
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    // Under a new number she is somebody else, until people say that she is not.
    lab.hire(Joiner::new(7, "Jane", "Doe"));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Create 1"), "{}", plan.stdout);
    lab.fire(1);
    let left = lab.account("1").await.expect("an account");
    lab.write("links.yaml", &link("7", &left.dn));
    let plan = lab.plan().await.expect(0);
    assert!(!plan.stdout.contains("Create"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    lab.settle().await;
    let new = lab.account("7").await.expect("the old account");
    assert_eq!(new.bytes("objectGUID"), old.bytes("objectGUID"));
    assert!(new.enabled() && lab.account("1").await.is_none());
    lab.assert_converged().await;
}

fn link(person: &str, account: &str) -> String {
    format!(
        "apiVersion: halosync/v1\nkind: Links\nmetadata: {{name: settled}}\nspec:\n  source: people\n  target: corp\n  links:\n    - {{person: {person}, account: \"{account}\", reason: she said so}}\n"
    )
}

pub(super) async fn two_people_with_one_name(lab: &mut Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Jane", "Doe"));
    lab.settle().await;
    let names = async |number: &str| {
        let account = lab.account(number).await.expect("an account");
        (account.one("cn"), account.one("sAMAccountName"))
    };
    let first = names("1").await;
    assert_eq!(first, ("Jane Doe".to_owned(), "jdoe".to_owned()));
    assert_eq!(
        names("2").await,
        ("Jane Doe (2)".to_owned(), "janedoe".to_owned())
    );
    // A third comes, and the first leaves: nobody gets the name of somebody else.
    lab.hire(Joiner::new(3, "Jane", "Doe"));
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    assert_eq!(names("1").await, first);
    assert!(!lab.account("1").await.expect("an account").enabled());
    assert!(lab.account("2").await.expect("an account").enabled());
    assert_ne!(names("3").await.1, "jdoe");
    lab.assert_converged().await;
}

pub(super) async fn one_account_matching_two_people(lab: &mut Lab) {
    let mail = "shared@example.com";
    lab.add_account(
        "Shared",
        "OU=Sales,OU=People",
        &[("sAMAccountName", "shared"), ("mail", mail)],
    )
    .await;
    for (number, given) in [(1, "Jane"), (2, "Otto")] {
        let mut person = Joiner::new(number, given, "Doe");
        person.email = Some(mail.to_owned());
        lab.hire(person);
    }
    // Everybody is held.
    let plan = lab.plan().await.expect(3);
    assert!(
        plan.stdout.contains("2 people claim this account"),
        "{}",
        plan.stdout
    );
    assert!(!plan.stdout.contains("Create"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    assert!(lab.account("1").await.is_none() && lab.account("2").await.is_none());
    // Settled by people, the other gets an account of her own when she has an address of her own.
    let shared = lab.dn("CN=Shared,OU=Sales,OU=People");
    lab.write("links.yaml", &link("2", &shared));
    lab.edit(1, |person| person.email = None);
    lab.settle().await;
    lab.settle().await;
    let otto = lab.account("2").await.expect("the shared account");
    assert_eq!(otto.one("sAMAccountName"), "shared");
    assert_eq!(
        lab.account("1")
            .await
            .expect("an account")
            .one("sAMAccountName"),
        "jdoe"
    );
    lab.assert_converged().await;
}

/// P9, in each of the forms an account signs in with.
pub(super) async fn the_service_account_in_the_removal_set(lab: &mut Lab) {
    for (number, name) in [(1, "halosync-read"), (2, "halosync-write")] {
        lab.hire(Joiner::new(number, "Service", &format!("Account{number}")));
        lab.move_user(name, "OU=Sales,OU=People").await;
        lab.set_user(name, "employeeID", &number.to_string()).await;
    }
    lab.hire(Joiner::new(3, "Jane", "Doe"));
    for number in 1..=2 {
        lab.edit(number, |person| person.inactive = true);
    }
    let writer = lab.dn("CN=halosync-write,OU=Sales,OU=People");
    let reader = lab.dn("CN=halosync-read,OU=Sales,OU=People");
    for form in [
        "halosync-read@corp.example.test",
        r"CORP\halosync-read",
        &reader,
    ] {
        lab.sign_in("READ", form);
        let plan = lab.plan().await.expect(0);
        assert!(
            plan.stdout
                .contains("the account the directory is read with")
                || plan.stdout.contains("read with"),
            "{form}: {}",
            plan.stdout
        );
        assert!(plan.stdout.contains("Disable 1"), "{form}: {}", plan.stdout);
    }
    // A plan is read-only and does not know who will apply it; the account that applies does not shut itself out.
    for form in [
        "halosync-write@corp.example.test",
        r"CORP\halosync-write",
        &writer,
    ] {
        lab.sign_in("WRITE", form);
        let applied = lab.apply().await.expect(5);
        let told = format!("{}{}", applied.stdout, applied.stderr);
        assert!(
            told.contains("the account halosync itself uses"),
            "{form}: {told}"
        );
        for number in ["1", "2"] {
            let account = lab.account(number).await.expect("an account");
            assert!(account.enabled(), "{form}: {}", account.dn);
            assert!(account.dn.contains("OU=Sales"), "{form}: {}", account.dn);
        }
    }
    assert!(
        lab.account("3").await.expect("an account").enabled(),
        "everybody else goes on"
    );
    // Whoever writes is better listed, so that no plan tries.
    let target = format!("{}  protected: [\"{writer}\"]\n", lab.read("target.yaml"));
    lab.write("target.yaml", &target);
    lab.settle().await;
    lab.assert_converged().await;
    for name in ["halosync-read", "halosync-write"] {
        lab.move_user(name, "CN=Users").await;
        lab.set_user(name, "employeeID", "0").await;
    }
}

pub(super) async fn a_group_emptied_by_a_rule_typo(lab: &mut Lab) {
    ten(lab).await;
    lab.write(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: leaving, actions: [removeMember], per: group, maxShare: 30%, floor: 1, onBreach: holdClass}\n",
    );
    let rules = lab.read("groups.yaml");
    lab.write("groups.yaml", &rules.replace("== 'Sales'", "== 'Salse'"));
    let plan = lab.plan().await.expect(3);
    assert!(plan.stdout.contains("5 of 5 members"), "{}", plan.stdout);
    // Guards hold all of it.
    lab.apply().await.expect(3);
    assert_eq!(lab.members("Sales").await.len(), 5);
    lab.write("groups.yaml", &rules);
    lab.assert_converged().await;
}

// -- days --------------------------------------------------------------------------------------------------------------

/// Where somebody is says their title; their last day counts there.
fn days_of_the_person(lab: &Lab) {
    let lifecycle = lab.read("lifecycle.yaml");
    let lifecycle = lifecycle
        .replace(
            "  states:\n",
            "  timeZone: \"{{ person.title }}\"\n  states:\n",
        )
        .replace("and person.endsOn < as_of)", ")")
        .replace(
            "      reason:",
            "      since: \"{{ person.endsOn }}\"\n      reason:",
        );
    lab.write("lifecycle.yaml", &lifecycle);
}

async fn last_day_ends(lab: &mut Lab, cases: &[(&str, &str, &str)]) {
    days_of_the_person(lab);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    for (zone, day, moment) in cases {
        lab.edit(1, |person| {
            person.title = (*zone).into();
            person.ends_on = None;
        });
        lab.settle().await;
        lab.edit(1, |person| person.ends_on = Some((*day).into()));
        let moment: jiff::Timestamp = moment.parse().expect("a moment");
        let minute_before = moment - jiff::SignedDuration::from_mins(1);
        let at = lab.plan_as_of(&minute_before.to_string()).await.expect(0);
        assert!(
            !at.stdout.contains("Disable"),
            "{zone} {day}: {}",
            at.stdout
        );
        let at = lab.plan_as_of(&moment.to_string()).await.expect(0);
        assert!(
            at.stdout.contains("Disable 1"),
            "{zone} {day}: {}",
            at.stdout
        );
    }
    assert!(lab.account("1").await.expect("an account").enabled());
}

pub(super) async fn the_last_day_at_23_59_in_auckland_and_in_honolulu(lab: &mut Lab) {
    last_day_ends(
        lab,
        &[
            ("Pacific/Auckland", "2027-11-20", "2027-11-20T11:00:00Z"),
            ("Pacific/Honolulu", "2027-11-20", "2027-11-21T10:00:00Z"),
        ],
    )
    .await;
    // At one moment, written for good: no day is the same at both ends of the world.
    for (number, zone) in [(2, "Pacific/Kiritimati"), (3, "Pacific/Pago_Pago")] {
        lab.hire(Joiner::new(number, &format!("Given{number}"), "Doe"));
        lab.edit(number, |person| person.title = zone.into());
    }
    lab.settle().await;
    let there = crate::support::now()
        .in_tz("Pacific/Pago_Pago")
        .expect("a zone");
    for number in [2, 3] {
        lab.edit(number, |person| {
            person.ends_on = Some(there.date().to_string())
        });
    }
    lab.settle().await;
    assert!(!lab.account("2").await.expect("an account").enabled());
    assert!(lab.account("3").await.expect("an account").enabled());
}

pub(super) async fn nights_when_clocks_change(lab: &mut Lab) {
    last_day_ends(
        lab,
        &[
            ("Europe/London", "2027-03-28", "2027-03-28T23:00:00Z"),
            ("Europe/London", "2027-10-31", "2027-11-01T00:00:00Z"),
            ("Australia/Sydney", "2027-04-04", "2027-04-04T14:00:00Z"),
            ("Australia/Sydney", "2027-10-03", "2027-10-03T13:00:00Z"),
        ],
    )
    .await;
}

pub(super) async fn the_29th_of_february(lab: &mut Lab) {
    last_day_ends(
        lab,
        &[
            ("Europe/London", "2028-02-29", "2028-03-01T00:00:00Z"),
            ("Europe/London", "2027-02-28", "2027-03-01T00:00:00Z"),
        ],
    )
    .await;
}
