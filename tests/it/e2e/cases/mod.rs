//! The cases. Each ends with planning again and finding nothing.
//!
//! Joiners, movers and adoption are here; how people come, stay and go, names, values, what is held back and what is shown have
//! a file each.

mod coming_and_going;
mod held_back;
mod names;
mod shown;
mod unfinished;
mod values;

pub(super) use coming_and_going::*;
pub(super) use held_back::*;
pub(super) use names::*;
pub(super) use shown::*;
pub(super) use unfinished::*;
pub(super) use values::*;

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
    lab.apply().await.expect(0);
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

fn sorted<'a>(dns: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut dns: Vec<String> = dns.into_iter().cloned().collect();
    dns.sort();
    dns
}
