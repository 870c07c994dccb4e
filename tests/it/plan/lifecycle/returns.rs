//! Rehire, end of leave and rescinded exits: the same account again, a new one, or somebody decides.

use halosync::model::Dn;
use halosync::plan::{Action, Only, Plan, Risk, lint, narrow};

use super::company::{Company, becomes, held, kinds};

const STAMP: &str = "extensionAttribute15";
const STATES: &str = "  absent: {leaver: {after: 14d, state: leaver}}
  states:
    - name: leaver
      when: person.inactive | default(false)
      since: '{{ person.endsOn }}'
      returning: RETURNING
      stages:
        - {after: 0d, account: {enabled: false, groups: remove}}
        - {after: 7d, account: {placement: 'OU=Leavers,OU=People,DC=corp,DC=example,DC=test'}}
    - name: leave
      when: person.site is defined and person.site == 'Away'
      account: {enabled: false, groups: keep}
    - name: waiting
      when: person.startsOn is defined and person.startsOn | plus_days(-7) > as_of
      account: {enabled: false, create: false}
    - name: joining
      when: person.startsOn is defined and person.startsOn > as_of
      account: {enabled: false, create: true}
    - name: active
      account: {enabled: true}
";

/// Somebody who left on 20 November, as they stand at the end of March.
fn left(returning: &str, facts: &[(&str, &str)]) -> Company {
    let mut company = Company::new(&STATES.replace("RETURNING", returning)).stamping();
    company.change(
        "mapping.yaml",
        "sAMAccountName: {value: 'u{{ person.number }}', when: onCreate}",
        "sAMAccountName: {unique: ['u{{ person.number }}'], numbered: true, when: onCreate}",
    );
    company.person("1", &[]);
    company.account("1");
    company.person("1", facts);
    company.run("2026-11-21T10:00:00Z");
    company.run("2027-03-31T10:00:00Z");
    assert_eq!(company.stands_in("1"), "Leavers");
    assert!(!company.enabled("1"));
    company
}

const DATED: &[(&str, &str)] = &[("inactive", "true"), ("endsOn", "2026-11-20")];
const UNDATED: &[(&str, &str)] = &[("inactive", "true")];

fn replaces(plan: &Plan) -> Option<String> {
    plan.changes.iter().find_map(|change| match &change.action {
        Action::Create { replaces, .. } => replaces.as_ref().map(|old| old.dn.to_string()),
        _ => None,
    })
}

#[test]
fn the_same_account_comes_back_with_its_place_and_groups() {
    for returning in [
        "{account: same}",
        "{account: new, after: 26w}",
        "{account: hold, after: 365d}",
    ] {
        let mut company = left(returning, DATED);
        company.person("1", &[]);
        let back = company.run("2027-04-01T10:00:00Z");
        assert!(replaces(&back).is_none() && held(&back, "1").is_empty());
        assert!(company.enabled("1") && company.is_staff("1"), "{returning}");
        assert_eq!(company.stands_in("1"), "Sales");
        assert_eq!(company.value("1", STAMP), None);
    }
}

#[test]
fn a_new_account_takes_the_place_of_the_old_one() {
    for facts in [DATED, UNDATED] {
        let mut company = left("{account: new, after: 90d}", facts);
        company.person("1", &[]);
        let plan = company.run("2027-04-01T10:00:00Z");
        let old = "CN=User 1,OU=Leavers,OU=People,DC=corp,DC=example,DC=test";
        assert_eq!(kinds(&plan, "1"), ["modify", "create", "addMember"]);
        assert_eq!(replaces(&plan).as_deref(), Some(old));
        let [released, made, ..] = plan.changes.as_slice() else {
            panic!("{:?}", plan.changes);
        };
        assert_eq!(
            (released.risk, released.object.dn.as_str()),
            (Risk::High, old)
        );
        assert_eq!(made.depends_on, std::slice::from_ref(&released.id));
        assert_eq!(becomes(&plan, "sAMAccountName").as_deref(), Some("u12"));
        // The old one is nobody's, shut, and where it was.
        assert_eq!(company.value("1", "employeeID"), None);
        assert!(!company.enabled("1"));
        assert_eq!(company.stands_in("1"), "Leavers");
        let mark = "halosync: replaced since 2027-04-01T10:00:00Z";
        assert_eq!(company.value("1", STAMP).as_deref(), Some(mark));
        let later = company.run("2027-05-01T10:00:00Z");
        assert!(later.changes.is_empty() && later.held.is_empty());
    }
}

/// Giving up the old account and making the new one go together, or not at all.
#[test]
fn the_old_account_is_not_given_up_for_one_that_is_not_made() {
    let old = "CN=User 1,OU=Leavers,OU=People,DC=corp,DC=example,DC=test";
    let mut company = left("{account: new, after: 90d}", UNDATED);
    company.person("1", &[]);
    let whole = company.plan("2027-04-01T10:00:00Z");
    let made = whole
        .changes
        .iter()
        .find(|change| matches!(change.action, Action::Create { .. }))
        .unwrap();
    for only in [old, made.object.dn.as_str()] {
        let mut plan = whole.clone();
        let only = Only::Object(Dn::parse(only).unwrap());
        narrow(&mut plan, &[only], Vec::new());
        lint(&plan).unwrap();
        assert_eq!(kinds(&plan, "1")[..2], ["modify", "create"]);
    }
    company.change("halosync.yaml", "  initialPasswords:\n", "");
    company.change(
        "halosync.yaml",
        "    recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]\n",
        "",
    );
    let plan = company.run("2027-04-01T10:00:00Z");
    assert_eq!(kinds(&plan, "1"), Vec::<&str>::new());
    assert_eq!(held(&plan, "1"), ["no-password-recipients"]);
    assert_eq!(company.value("1", "employeeID").as_deref(), Some("1"));
}

#[test]
fn a_first_day_to_come_changes_nothing_about_which_account() {
    let mut company = left("{account: new}", DATED);
    company.person("1", &[("startsOn", "2027-05-01")]);
    // Not yet: no account is made this early, and the old one still tells.
    let waiting = company.run("2027-04-01T10:00:00Z");
    assert!(replaces(&waiting).is_none());
    assert!(company.value("1", STAMP).is_some() && !company.enabled("1"));
    assert_eq!(company.stands_in("1"), "Leavers");
    let joining = company.run("2027-04-26T10:00:00Z");
    assert!(replaces(&joining).is_some());
    let made = joining
        .changes
        .iter()
        .any(|change| matches!(change.action, Action::Create { enable: false, .. }));
    assert!(made);
    let active = company.run("2027-05-02T10:00:00Z");
    assert_eq!(kinds(&active, "1"), ["enable"]);
}

#[test]
fn people_decide_where_the_policy_says_so() {
    let mut company = left("{account: hold}", DATED);
    company.person("1", &[]);
    let plan = company.run("2027-04-01T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "1"), ["return-review"]);
    assert_eq!(
        plan.held[0].reason,
        "the person is back in state active after 132 days in leaver"
    );
    let guid = plan.held[0].accounts[0].guid.unwrap();
    let mut same = left("{account: hold}", DATED);
    same.person("1", &[]);
    same.settle(&format!(
        "links: [{{person: '1', account: '{guid}', reason: back}}]"
    ));
    let plan = same.run("2027-04-01T10:00:00Z");
    assert!(kinds(&plan, "1").contains(&"enable"));
    assert!(same.enabled("1"));
    let mut new = left("{account: hold}", DATED);
    new.person("1", &[]);
    new.settle(&format!(
        "forbidden: [{{person: '1', account: '{guid}', reason: back}}]"
    ));
    let plan = new.run("2027-04-01T10:00:00Z");
    assert!(replaces(&plan).is_some());
    assert!(!new.enabled("1"));
}

#[test]
fn what_is_no_proven_return_makes_no_second_account() {
    // The end of leave is none.
    let mut company = left("{account: new}", DATED);
    company.person("2", &[]);
    company.account("2");
    company.person("2", &[("site", "Away")]);
    company.run("2027-04-01T10:00:00Z");
    company.person("2", &[]);
    assert_eq!(kinds(&company.run("2027-04-02T10:00:00Z"), "2"), ["enable"]);
    // Somebody has enabled the account already: it is in use.
    company.person("1", &[]);
    company.write("1", "userAccountControl", "512");
    let plan = company.run("2027-04-02T10:00:00Z");
    assert!(replaces(&plan).is_none());
    assert!(company.enabled("1"));
    // An admin's disabling leaves no stamp.
    company.write("1", "userAccountControl", "514");
    let plan = company.run("2027-04-03T10:00:00Z");
    assert_eq!(kinds(&plan, "1"), ["enable"]);
    // A read that proves nothing takes no anchor away.
    let mut company = left("{account: new}", DATED);
    company.person("1", &[]);
    company.proven(false);
    let plan = company.run("2027-04-01T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "1"), ["removal-unproven"]);
    assert!(company.value("1", "employeeID").is_some());
    // On the very day somebody has only thought better of it.
    let mut company = left("{account: new}", DATED);
    company.person("3", &[]);
    company.account("3");
    company.person("3", UNDATED);
    company.run("2027-04-01T08:00:00Z");
    company.person("3", &[]);
    let plan = company.run("2027-04-01T10:00:00Z");
    assert!(replaces(&plan).is_none());
    assert!(company.enabled("3"));
}

#[test]
fn whoever_was_missing_long_enough_to_be_a_leaver_comes_back_from_there() {
    let mut company = left("{account: new}", DATED);
    company.person("2", &[]);
    company.account("2");
    company.gone("2");
    company.run("2027-04-01T10:00:00Z");
    let soon = {
        let mut company = company.clone();
        company.person("2", &[]);
        company.run("2027-04-10T10:00:00Z")
    };
    assert!(replaces(&soon).is_none());
    company.run("2027-04-16T10:00:00Z");
    assert!(!company.enabled("2"));
    company.run("2027-05-01T10:00:00Z");
    company.person("2", &[]);
    assert!(replaces(&company.run("2027-05-10T10:00:00Z")).is_some());
}

#[test]
fn an_account_that_was_replaced_is_nobodys_by_what_people_share() {
    let mut company = left("{account: new}", DATED);
    company.change(
        "mapping.yaml",
        "'{{ person.number }}'}}\n",
        "'{{ person.number }}'}, adopt: [{attribute: cn, value: 'User {{ person.number }}'}]}\n",
    );
    company.person("1", &[]);
    let plan = company.plan("2027-04-01T10:00:00Z");
    // Only the first change of the plan has been made when the machine stopped.
    let guid = plan.changes[0].object.guid.unwrap();
    company.apply_first(&plan);
    let again = company.run("2027-04-01T11:00:00Z");
    assert_eq!(kinds(&again, "1"), ["create", "addMember"]);
    assert!(
        again
            .changes
            .iter()
            .all(|change| change.object.guid != Some(guid))
    );
}

#[test]
fn a_calendar_tells_which_account_is_to_come() {
    let mut company = left("{account: new}", DATED);
    company.change(
        "lifecycle.yaml",
        "when: person.inactive | default(false)\n",
        "when: person.inactive | default(false) and (person.startsOn is not defined or person.startsOn > as_of)\n",
    );
    company.person(
        "1",
        &[
            ("inactive", "true"),
            ("endsOn", "2026-11-20"),
            ("startsOn", "2027-04-10"),
        ],
    );
    let plan = company.run("2027-04-01T10:00:00Z");
    let coming: Vec<_> = plan
        .calendar
        .iter()
        .map(|entry| entry.does.clone())
        .collect();
    assert_eq!(coming, [[halosync::plan::CalendarEffect::Create]]);
    assert!(replaces(&company.run("2027-04-10T10:00:00Z")).is_some());
}
