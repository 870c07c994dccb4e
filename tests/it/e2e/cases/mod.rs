//! The cases. Each ends with planning again and finding nothing.

use super::lab::{Joiner, Lab};

/// New people get accounts; a manager created in the same plan is set; groups are given.
pub(super) async fn joiners_with_managers_and_groups(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(
        Joiner::new(2, "Jürgen", "Groß")
            .department("Sales")
            .manager(1),
    );
    lab.hire(
        Joiner::new(3, "Jane", "Doe")
            .department("Research")
            .manager(2),
    );
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Create 3"), "{}", plan.stdout);
    let shown = lab.show("markdown").await.expect(0);
    assert!(shown.stdout.contains("employees.yaml:"), "{}", shown.stdout);
    let refused = lab.apply_to_another_domain().await.expect(6);
    assert!(
        refused
            .stderr
            .contains("is another directory than the plan's"),
        "{}",
        refused.stderr
    );
    lab.apply().await.expect(0);

    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("sAMAccountName"), "jdoe");
    assert_eq!(
        jane.one("userPrincipalName"),
        format!("jdoe@{}", lab.domain())
    );
    assert_eq!(jane.one("displayName"), "Jane Doe");
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    assert!(jane.enabled());
    assert_eq!(
        jane.one("pwdLastSet"),
        "0",
        "the password must be changed at first logon"
    );
    let juergen = lab.account("2").await.expect("an account");
    assert_eq!(juergen.one("sAMAccountName"), "jgross");
    assert_eq!(juergen.one("manager"), jane.dn);
    let other = lab.account("3").await.expect("an account");
    assert_eq!(other.one("sAMAccountName"), "janedoe");
    assert_eq!(other.one("manager"), juergen.dn);
    assert_eq!(lab.members("Sales").await, sorted([&jane.dn, &juergen.dn]));
    assert_eq!(
        lab.members("Everyone").await,
        sorted([&jane.dn, &juergen.dn, &other.dn])
    );
    assert_eq!(lab.password_lines().len(), 3);

    lab.apply_again().await;
    lab.assert_converged().await;
}

/// A mover's attributes, name, place and groups follow.
pub(super) async fn movers_change_attributes_name_place_and_groups(lab: Lab) {
    lab.hire(
        Joiner::new(1, "Jane", "Doe")
            .department("Sales")
            .phone("+44 20 7946 0001"),
    );
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales").manager(1));
    lab.settle().await;

    lab.edit(1, |person| {
        person.surname = "Smith-Doe".into();
        person.department = "Research".into();
        person.phone = String::new();
    });
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&["Smith-Doe", "Research", "Sales", "telephoneNumber"]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.dn, lab.dn("CN=Jane Smith-Doe,OU=Research,OU=People"));
    assert_eq!(jane.one("sn"), "Smith-Doe");
    assert_eq!(jane.one("department"), "Research");
    assert_eq!(jane.values("telephoneNumber"), Vec::<String>::new());
    assert_eq!(
        jane.one("sAMAccountName"),
        "jdoe",
        "names of sign-in are given once"
    );
    assert_eq!(
        lab.members("Sales").await,
        sorted([&lab.account("2").await.expect("an account").dn])
    );
    assert_eq!(lab.members("Research").await, sorted([&jane.dn]));
    assert_eq!(
        lab.account("2").await.expect("an account").one("manager"),
        jane.dn
    );
    lab.assert_converged().await;
}

/// P2, P9: a group by account name is for those alone whom the rule names; strangers in it are told, a group nested in
/// a privileged one is refused until the document names it.
pub(super) async fn groups_are_named_three_ways_and_privileged_ones_are_refused(lab: Lab) {
    let rules = lab.read("groups.yaml").replace(
        "\"CN=Sales,OU=Groups,DC=corp,DC=example,DC=test\", when: \"person.department == 'Sales'\", mode: managed",
        "sales, when: \"person.department == 'Sales'\", mode: exclusive",
    );
    assert!(rules.contains("group: sales,"));
    lab.write("groups.yaml", &rules);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account").dn;
    assert_eq!(lab.members("Sales").await.len(), 2);

    let research = lab.dn("CN=Research,OU=Groups");
    let otto = lab.account("2").await.expect("an account").dn;
    lab.set_group("Sales", "member", &[&jane, &otto, &research])
        .await;
    lab.edit(2, |person| person.department = "Research".into());
    // What is in a privileged group is privileged, without any mark of its own.
    lab.set_group("Everyone", "adminCount", &["1"]).await;
    lab.set_group("Everyone", "member", &[&jane, &otto, &research])
        .await;
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&["privileged-group", "exclusive-others", "1 nested groups"]);
    assert!(plan.stdout.contains("move-incomplete"), "{}", plan.stdout);
    lab.apply().await;
    let otto = lab.account("2").await.expect("an account").dn;
    assert_eq!(
        lab.members("Sales").await,
        sorted([&jane, &otto, &research]),
        "whoever cannot enter the new group stays in the old one"
    );
    assert_eq!(lab.members("Research").await, Vec::<String>::new());

    let named = rules.replace(
        "  target: corp\n",
        "  target: corp\n  privileged: [Research, Everyone]\n",
    );
    lab.write(
        "groups.yaml",
        &named.replace("mode: exclusive", "mode: exclusive, keep: [Research]"),
    );
    let plan = lab.plan().await.expect(0);
    assert!(!plan.stdout.contains("privileged-group"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("the group is privileged"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let otto = lab.account("2").await.expect("an account").dn;
    assert_eq!(lab.members("Research").await, sorted([&otto]));
    assert_eq!(
        lab.members("Sales").await,
        sorted([&jane, &research]),
        "the mover has left, the nested group has not"
    );
    lab.assert_converged().await;
}

/// Who moves enters first and leaves then, after an overlap when there is one; its beginning stands on the account.
pub(super) async fn movers_overlap_until_a_day_the_plan_names(lab: Lab) {
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
pub(super) async fn leavers_are_disabled_and_moved(lab: Lab) {
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
pub(super) async fn returners_are_enabled(lab: Lab) {
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
pub(super) async fn whoever_is_hired_again_gets_a_new_account(lab: Lab) {
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
pub(super) async fn a_contractor_who_becomes_an_employee_keeps_the_account(lab: Lab) {
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
    lab.apply().await;
    assert!(lab.account("1").await.expect("an account").enabled());
}

/// An account recognised by mail gets its anchor; two candidates hold the person.
pub(super) async fn adoption_writes_the_anchor_only(lab: Lab) {
    lab.add_account(
        "Jane Doe",
        "OU=Sales,OU=People",
        &[
            ("sAMAccountName", "old.jane"),
            ("mail", "Jane.Doe1@Example.com"),
        ],
    )
    .await;
    for name in ["Otto A", "Otto B"] {
        lab.add_account(
            name,
            "OU=Sales,OU=People",
            &[
                ("sAMAccountName", &name.replace(' ', "")),
                ("mail", "otto.ott2@example.com"),
            ],
        )
        .await;
    }
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("CN=Otto A") && plan.stdout.contains("CN=Otto B"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("the adopted account");
    assert_eq!(jane.one("sAMAccountName"), "old.jane");
    assert!(
        lab.account("2").await.is_none(),
        "an ambiguous person was given an account"
    );
    lab.assert_converged().await;
}

/// What changed since the plan is not overwritten; everything else goes on.
pub(super) async fn conflicts_skip_the_object_and_nothing_else(lab: Lab) {
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

/// Names that try to be syntax stay names.
pub(super) async fn hostile_names_survive_the_whole_way(lab: Lab) {
    let names = [
        (r#"Anne-Marie "Ann""#, "O'Brien, PhD"),
        ("=cmd|'/c calc'!A0", "Formula"),
        ("<script>alert(1)</script>", "Markup"),
        ("{{ 7*7 }}", "Template"),
        ("Ánh", "Ðặng Thị"),
        ("Łukasz #1", "Żółć"),
        ("  Spaces  ", "  Around  "),
        ("Дмитрий", "Иванов"),
        ("小明", "王"),
        ("محمد", "علي"),
        ("../../etc", "passwd"),
    ];
    for (index, (given, surname)) in names.iter().enumerate() {
        let number = u32::try_from(index).expect("few people") + 1;
        lab.hire(Joiner::new(number, given, surname).department("Sales"));
    }
    lab.hire(Joiner::new(99, &"x".repeat(300), "Long").department("Sales"));
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("givenName"),
        "the person with 300 characters is not reported\n{}",
        plan.stdout
    );
    assert!(!plan.stdout.contains('\u{1b}'));
    let markdown = lab.show("markdown").await.expect(0).stdout;
    // Inside a code span markup is text; outside there must be none.
    let outside: String = markdown.split('`').step_by(2).collect();
    assert!(!outside.contains("<script>"), "{markdown}");
    lab.apply().await.expect(0);
    for (index, (given, surname)) in names.iter().enumerate() {
        let account = lab
            .account(&(index + 1).to_string())
            .await
            .expect("an account");
        assert_eq!(account.one("givenName"), given.trim());
        assert_eq!(account.one("sn"), surname.trim());
        assert!(
            account.one("sAMAccountName").is_ascii(),
            "{}",
            account.one("sAMAccountName")
        );
    }
    assert!(lab.account("99").await.is_none());
    lab.assert_converged().await;
}

/// A read that is shorter than HaloITSM claims disables nobody.
pub(super) async fn a_short_read_removes_nothing(lab: Lab) {
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
pub(super) async fn protected_accounts_are_never_touched(lab: Lab) {
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

const ROLES: &str = r#"apiVersion: halosync/v1
kind: Template
metadata: {name: everybody}
spec:
  mapping: employees
  attributes:
    proxyAddresses:
      values: ["SMTP:{{ person.number }}@mail.example.com", "smtp:{{ person.number }}@example.com"]
      when: merge
---
apiVersion: halosync/v1
kind: Template
metadata: {name: sales}
spec:
  mapping: employees
  when: person.department == 'Sales'
  attributes:
    physicalDeliveryOfficeName: Building 3
    otherTelephone: {values: ["+44 20 7946 0003"], when: merge}
  onLeave: clear
"#;

/// Values of a `merge` rule come beside those of others, also beside one that came after the plan was made; which
/// address people write from stays as others made it.
pub(super) async fn merged_values_stand_beside_those_of_others(lab: Lab) {
    lab.write("roles.yaml", ROLES);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Research"));
    lab.settle().await;
    let addresses = async || {
        let jane = lab.account("1").await.expect("an account");
        sorted(&jane.values("proxyAddresses"))
    };
    assert_eq!(
        addresses().await,
        ["SMTP:1@mail.example.com", "smtp:1@example.com"]
    );
    lab.assert_converged().await;

    // An administrator gives other addresses, one of them ours in another case.
    lab.set(
        "1",
        "proxyAddresses",
        &[
            "SMTP:jane@example.com",
            "X500:/o=Acme/cn=jane",
            "smtp:1@EXAMPLE.com",
        ],
    )
    .await;
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("smtp:1@mail.example.com") && plan.stdout.contains("beside 3 more"),
        "{}",
        plan.stdout
    );
    lab.set(
        "1",
        "proxyAddresses",
        &[
            "SMTP:jane@example.com",
            "X500:/o=Acme/cn=jane",
            "smtp:1@EXAMPLE.com",
            "smtp:later@example.com",
        ],
    )
    .await;
    lab.apply().await.expect(0);
    let all = [
        "SMTP:jane@example.com",
        "X500:/o=Acme/cn=jane",
        "smtp:1@EXAMPLE.com",
        "smtp:1@mail.example.com",
        "smtp:later@example.com",
    ];
    assert_eq!(addresses().await, all);
    lab.apply_again().await;
    assert_eq!(addresses().await, all);
    lab.assert_converged().await;
}

/// What a template gave goes with it, where it still is what the template gives; everything else stays.
pub(super) async fn a_template_gives_and_takes_back(lab: Lab) {
    lab.write("roles.yaml", ROLES);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.settle().await;
    for number in ["1", "2"] {
        let account = lab.account(number).await.expect("an account");
        assert_eq!(account.one("physicalDeliveryOfficeName"), "Building 3");
        assert_eq!(account.one("otherTelephone"), "+44 20 7946 0003");
    }
    lab.set(
        "1",
        "otherTelephone",
        &["+44 20 7946 0003", "+44 20 7946 0777"],
    )
    .await;
    lab.set("2", "physicalDeliveryOfficeName", &["The shed"])
        .await;
    lab.edit(1, |person| person.department = "Research".into());
    lab.edit(2, |person| person.department = "Research".into());
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("roles.yaml:"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(
        jane.values("physicalDeliveryOfficeName"),
        Vec::<String>::new()
    );
    assert_eq!(jane.one("otherTelephone"), "+44 20 7946 0777");
    let otto = lab.account("2").await.expect("an account");
    assert_eq!(otto.one("physicalDeliveryOfficeName"), "The shed");
    assert_eq!(otto.values("otherTelephone"), Vec::<String>::new());
    lab.assert_converged().await;
}

/// P4: no secret in any output, file or argument list.
pub(super) async fn secrets_appear_nowhere(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    let mut told = String::new();
    for run in [
        lab.plan().await,
        lab.show("text").await,
        lab.show("json").await,
        lab.apply().await,
    ] {
        let run = run.expect(0);
        told.push_str(&run.stdout);
        told.push_str(&run.stderr);
    }
    for secret in lab.secrets() {
        assert!(!told.contains(&secret), "a secret was printed");
        lab.assert_no_file_contains(&secret);
    }
    // Initial passwords stand in the encrypted file, and only there.
    for password in lab.passwords() {
        assert!(!told.contains(&password), "an initial password was printed");
        lab.assert_no_file_contains(&password);
    }
}

/// A name is compared with addresses of groups, names of deleted accounts, and names in the list of used ones.
pub(super) async fn names_are_unique_among_all_addresses(mut lab: Lab) {
    lab.read_as_administrator();
    lab.map_names("name,person\niida,99\noott,4\n");
    lab.set_group(
        "Everyone",
        "proxyAddresses",
        &["SMTP:everyone@example.test", "smtp:Jane.Doe@example.test"],
    )
    .await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Gone"));
    lab.hire(Joiner::new(3, "Ida", "Ida"));
    lab.hire(Joiner::new(4, "Otto", "Ott"));
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("mail"), "jane.doe2@example.test");
    assert_eq!(jane.one("userPrincipalName"), "jane.doe2@corp.example.test");
    assert_eq!(
        jane.values("proxyAddresses"),
        ["SMTP:jane.doe2@example.test"]
    );
    let ida = lab.account("3").await.expect("an account");
    assert_eq!(
        ida.one("sAMAccountName"),
        "iida2",
        "given to somebody else before"
    );
    let otto = lab.account("4").await.expect("an account");
    assert_eq!(otto.one("sAMAccountName"), "oott", "given to him before");
    lab.assert_converged().await;

    // A deleted account may come back.
    lab.delete("2").await;
    lab.hire(Joiner::new(5, "Max", "Gone"));
    lab.edit(2, |person| person.inactive = true);
    lab.settle().await;
    let max = lab.account("5").await.expect("an account");
    assert_eq!(max.one("sAMAccountName"), "mgone2");
    lab.assert_converged().await;
}

/// With a global catalog the names of the forest are read as well, those of our own domain once.
pub(super) async fn names_of_the_forest_come_from_the_global_catalog(lab: Lab) {
    lab.map_names("name,person\n");
    lab.ask_global_catalog();
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Jane", "Doe"));
    lab.settle().await;
    let names: Vec<String> = [lab.account("1").await, lab.account("2").await]
        .into_iter()
        .map(|account| account.expect("an account").one("mail"))
        .collect();
    assert_eq!(names, ["jane.doe@example.test", "jane.doe2@example.test"]);
    lab.assert_converged().await;
}

/// What another domain of the forest has is taken, also for people and attributes asked of the forest by name; what the
/// catalog cannot tell is said, and where the rule insists, nobody is given a name.
pub(super) async fn names_of_another_domain_are_not_given(lab: Lab) {
    lab.map_names("name,person\n");
    lab.add_elsewhere("jdoe", &[("mail", "Jane.Doe@example.test")]);
    lab.add_elsewhere("x1", &[("proxyAddresses", "smtp:max.rich@example.test")]);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Rich"));

    // Without a catalog nobody knows.
    let plan = lab.plan().await.expect(0);
    assert!(!plan.stdout.contains("jane.doe2@"), "{}", plan.stdout);

    lab.ask_global_catalog();
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("mail"), "jane.doe2@example.test");
    assert_eq!(
        jane.one("sAMAccountName"),
        "jdoe",
        "logon names are the domain's"
    );
    let max = lab.account("2").await.expect("an account");
    assert_eq!(max.one("mail"), "max.rich2@example.test");
    lab.assert_converged().await;

    // Notes are not in the catalog.
    let rule = "    info:\n      unique: {formats: [\"{{ person.surname | login }}\"], within: forest, numbered: true}\n    givenName:";
    let names = include_str!("project/names.yaml");
    lab.write("employees.yaml", &names.replace("    givenName:", rule));
    lab.hire(Joiner::new(3, "Ida", "Ida"));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("not-in-catalog"), "{}", plan.stdout);
    assert!(plan.stdout.contains("name-unproven"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("ida.ida@"), "{}", plan.stdout);
    let proven = rule.replace("within: forest, ", "");
    lab.write("employees.yaml", &names.replace("    givenName:", &proven));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("not-in-catalog"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("name-unproven"), "{}", plan.stdout);
    assert!(plan.stdout.contains("ida.ida@"), "{}", plan.stdout);
}

/// The list of names once given grows by those of each apply, and by each once.
pub(super) async fn names_given_are_kept(lab: Lab) {
    lab.map_names("name,note,person\nold,\"kept, as it is\",9\n");
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Rich"));
    lab.plan().await.expect(0);
    let apply = lab.apply_and_keep_names("used.csv").await.expect(0);
    assert!(apply.stdout.contains("Names given"), "{}", apply.stdout);
    assert!(apply.stderr.contains("2 added"), "{}", apply.stderr);
    let list = "name,note,person\nold,\"kept, as it is\",9\njdoe,,1\nmrich,,2\n";
    assert_eq!(lab.read("used.csv"), list);
    // Once more, as after an interruption.
    lab.apply_and_keep_names("used.csv").await.expect(8);
    // The table the plan was made from has more rows now, and that alone is no other configuration.
    lab.apply_with_another_journal(&["--names", "used.csv"])
        .await
        .expect(0);
    assert_eq!(lab.read("used.csv"), list);
    lab.apply_with_another_journal(&["--names", "another.csv"])
        .await
        .expect(0);
    assert_eq!(lab.read("another.csv"), "name,person\njdoe,1\nmrich,2\n");
    lab.assert_converged().await;

    // The list in use: somebody else does not get the name, even when the account is gone.
    lab.delete("2").await;
    lab.edit(2, |person| person.inactive = true);
    lab.hire(Joiner::new(3, "Mia", "Rich"));
    lab.settle().await;
    let mia = lab.account("3").await.expect("an account");
    assert_eq!(mia.one("sAMAccountName"), "mrich2");

    lab.write("wrong.csv", "a,b\n1,2\n");
    lab.hire(Joiner::new(4, "Ida", "Ida"));
    lab.plan().await.expect(0);
    let apply = lab.apply_and_keep_names("wrong.csv").await.expect(64);
    assert!(apply.stderr.contains("no column"), "{}", apply.stderr);
    assert!(lab.account("4").await.is_none(), "nothing was written");
}

/// Names follow a surname in one plan, every former address stays, and the way back is as good.
pub(super) async fn surnames_change_and_old_addresses_stay(lab: Lab) {
    lab.map_names("name,person\n");
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Jane", "Smith"));
    lab.settle().await;
    lab.assert_converged().await;

    lab.edit(1, |person| person.surname = "Smith".into());
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "smtp:jane.doe@example.test",
        "SMTP:jane.smith2@example.test",
    ]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.dn, lab.dn("CN=Jane Smith (1),OU=Sales,OU=People"));
    assert_eq!(jane.one("displayName"), "Jane Smith");
    assert_eq!(jane.one("mail"), "jane.smith2@example.test");
    assert_eq!(
        jane.one("userPrincipalName"),
        "jane.smith2@corp.example.test"
    );
    assert_eq!(jane.one("sAMAccountName"), "jdoe", "kept as declared");
    assert_eq!(
        jane.values("proxyAddresses"),
        [
            "SMTP:jane.smith2@example.test",
            "smtp:jane.doe@example.test"
        ]
    );
    // The same plan once more does nothing.
    lab.apply_again().await;
    lab.assert_converged().await;

    lab.edit(1, |person| person.surname = "Doe".into());
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    assert_eq!(jane.one("mail"), "jane.doe@example.test");
    assert_eq!(
        jane.values("proxyAddresses"),
        [
            "SMTP:jane.doe@example.test",
            "smtp:jane.smith2@example.test"
        ]
    );
    lab.assert_converged().await;
}

/// A text is cut where the mapping says so; a picture arrives byte by byte and is not printed.
pub(super) async fn long_texts_and_pictures_are_written_as_planned(lab: Lab) {
    let long = "Director of the Department of Departments and Directors in General";
    let picture = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD";
    lab.map_names("name,person\n");
    lab.hire(Joiner::new(1, "Jane", "Doe").phone(picture));
    lab.edit(1, |person| person.title = long.into());
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("24 bytes, sha256"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("cut from 66 characters"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("company"), &long[..64]);
    assert_eq!(jane.bytes("thumbnailPhoto"), picture);
    lab.assert_converged().await;

    // 20 characters of base64 less: another picture.
    lab.edit(1, |person| person.phone = picture[..12].into());
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.bytes("thumbnailPhoto"), &picture[..12]);
    lab.assert_converged().await;
}

fn sorted<'a>(dns: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut dns: Vec<String> = dns.into_iter().cloned().collect();
    dns.sort();
    dns
}

/// P4: a probe shows what a directory holds, and neither who is in it nor what opens it.
pub(super) async fn probing_shows_the_directory_and_nobody_in_it(lab: Lab) {
    lab.hire(Joiner::new(7301, "Zbigniewa", "Quartermaine").phone("+44 20 7946 0123"));
    lab.hire(Joiner::new(7302, "Xanthippe", "Vanderbilt"));
    lab.settle().await;
    let (found, printed) = lab.probe().await;
    for canary in ["Zbig", "Quar", "Xant", "Vand", "7946"] {
        assert!(!printed.contains(canary), "{canary} in\n{printed}");
    }
    for secret in lab.secrets() {
        assert!(!printed.contains(&secret), "a secret in\n{printed}");
    }
    assert_eq!(
        found["server"]["namingContext"],
        "DC=corp,DC=example,DC=test"
    );
    assert!(found["server"]["domainLevel"].is_string(), "{printed}");
    assert!(found["tls"]["version"].is_string(), "{printed}");
    assert!(
        found["tls"]["certificateDays"].as_i64() > Some(0),
        "{printed}"
    );
    assert!(found["bind"]["account"].is_string(), "{printed}");
    assert_eq!(
        found["bind"]["privilegedGroups"],
        serde_json::Value::Null,
        "{printed}"
    );
    assert_ne!(found["recycleBin"], "notVisible", "{printed}");
    assert_eq!(found["sampled"], 2, "{printed}");
    let places = found["scope"].as_array().expect("places");
    assert!(
        places.iter().all(|place| place["visible"] == true),
        "{printed}"
    );
    let enabled: u64 = places
        .iter()
        .filter_map(|place| place["enabled"].as_u64())
        .sum();
    assert!(enabled >= 2, "{printed}");
    assert_eq!(found["anchors"][0]["filled"], 2, "{printed}");
    assert_eq!(found["anchors"][0]["sharedValues"], 0, "{printed}");
    let schema = found["schema"].as_array().expect("attributes");
    assert!(
        schema.iter().all(|fact| fact["exists"] == true),
        "{printed}"
    );
    let login = schema
        .iter()
        .find(|fact| fact["attribute"] == "sAMAccountName")
        .expect("a login name is mapped");
    assert_eq!(login["indexed"], true, "{printed}");
    assert_eq!(login["rangeUpper"], 20, "{printed}");
    let write = &found["writeBind"];
    assert!(
        !write["createsUsers"].as_array().expect("places").is_empty(),
        "{printed}"
    );
    assert_eq!(write["notWritable"], serde_json::json!([]), "{printed}");
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
pub(super) async fn a_department_that_vanishes_waits_until_somebody_waives_it(lab: Lab) {
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
pub(super) async fn two_in_five_people_fewer_take_nothing_from_anybody(lab: Lab) {
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

/// A leaver's password is replaced by one that nobody keeps, once; groups the state keeps stay.
pub(super) async fn leavers_lose_their_password_and_keep_what_the_state_keeps(lab: Lab) {
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
