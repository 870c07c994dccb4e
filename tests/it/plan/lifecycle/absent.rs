//! People missing from the source.

use super::company::{Company, held, kinds};

const MISSING: &str = "  absent: {leaver: {after: 14d, state: leaver}}
  states:
    - name: leaver
      when: person.inactive | default(false)
      stages:
        - {after: 0d, account: {enabled: false, groups: remove, attributes: {description: gone, info: 'was {{ person.site }}'}}}
        - {after: 30d, account: {placement: 'OU=Archive,OU=People,DC=corp,DC=example,DC=test'}}
    - name: active
      account: {enabled: true}
";
const STAMP: &str = "extensionAttribute15";
const ABSENT: &str = "halosync: absent since 2026-11-20T10:00:00Z";

/// Two people with accounts, of whom the first is not in the read any more.
fn company() -> Company {
    let mut company = Company::new(MISSING).stamping();
    for key in ["1", "2"] {
        company.person(key, &[("site", "Leeds")]);
        company.account(key);
    }
    company.run("2026-11-01T10:00:00Z");
    company.gone("1");
    company
}

#[test]
fn after_so_many_days_a_missing_person_is_a_leaver() {
    let mut company = company();
    let first = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&first, ""), ["modify"]);
    assert_eq!(
        first.changes[0].because.text,
        "nobody has employeeID \"1\" any more"
    );
    assert_eq!(company.value("1", STAMP).as_deref(), Some(ABSENT));
    assert!(company.enabled("1"));
    // Fourteen days after the 20th are over at the end of 4 December.
    let waits = company.run("2026-12-04T23:59:59Z");
    assert!(waits.changes.is_empty());
    let warning = waits
        .warnings
        .iter()
        .find(|one| one.code == "absent")
        .unwrap();
    assert!(
        warning
            .message
            .contains("after 14 days they are in state leaver")
    );
    assert!(warning.examples[0].ends_with("since 2026-11-20"));
    let left = company.run("2026-12-05T00:00:00Z");
    assert_eq!(kinds(&left, ""), ["disable", "removeMember", "modify"]);
    assert!(!company.enabled("1") && !company.is_staff("1"));
    assert_eq!(company.value("1", "description").as_deref(), Some("gone"));
    // Nobody can say what they were.
    assert_eq!(company.value("1", "info"), None);
    assert_eq!(company.value("1", STAMP).as_deref(), Some(ABSENT));
    assert!(company.run("2027-01-03T23:59:59Z").changes.is_empty());
    assert_eq!(kinds(&company.run("2027-01-04T00:00:00Z"), ""), ["move"]);
    assert_eq!(company.stands_in("1"), "Archive");
    assert!(company.enabled("2") && company.is_staff("2"));
}

#[test]
fn whoever_is_seen_again_is_not_counted_any_more() {
    let mut company = company();
    company.run("2026-11-20T10:00:00Z");
    company.person("1", &[("site", "Leeds")]);
    let seen = company.run("2026-11-25T10:00:00Z");
    assert_eq!(kinds(&seen, "1"), ["modify"]);
    assert_eq!(company.value("1", STAMP), None);
    company.gone("1");
    company.run("2026-12-10T10:00:00Z");
    assert!(company.enabled("1"));
    let stamp = "halosync: absent since 2026-12-10T10:00:00Z";
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
}

#[test]
fn whoever_comes_back_later_gets_everything_back() {
    let mut company = company();
    company.run("2026-11-20T10:00:00Z");
    company.run("2027-02-01T10:00:00Z");
    assert_eq!(company.stands_in("1"), "Archive");
    company.person("1", &[("site", "Leeds")]);
    company.run("2027-02-02T10:00:00Z");
    assert!(company.enabled("1") && company.is_staff("1"));
    assert_eq!(company.stands_in("1"), "Sales");
    assert_eq!(company.value("1", STAMP), None);
}

#[test]
fn being_seen_counts_also_for_people_nothing_is_planned_for() {
    type Change = fn(&mut Company);
    let ways: [(&str, Change); 4] = [
        ("out of scope", |company| {
            company.person("1", &[]);
            company.people.people[0].in_scope = false;
        }),
        ("of a zone nobody knows", |company| {
            company.change(
                "lifecycle.yaml",
                "  states:\n",
                "  timeZone: '{{ person.site }}'\n  states:\n",
            );
            company.person("1", &[("site", "Nowhere")]);
        }),
        ("missing what a rule needs", |company| {
            company.change(
                "mapping.yaml",
                "  attributes:\n",
                "  attributes:\n    info: '{{ person.site }}'\n",
            );
            company.person("1", &[]);
        }),
        ("a leaver in a read that proves nothing", |company| {
            company.person("1", &[("inactive", "true")]);
            company.proven(false);
        }),
    ];
    for (way, change) in ways {
        let mut company = company();
        company.run("2026-11-20T10:00:00Z");
        change(&mut company);
        company.person("2", &[("site", "UTC")]);
        company.run("2026-11-21T10:00:00Z");
        assert_eq!(company.value("1", STAMP), None, "{way}");
        assert!(company.enabled("1"), "{way}");
    }
}

#[test]
fn nobody_is_missing_in_a_read_that_is_not_proven() {
    let mut company = company();
    company.proven(false);
    assert!(company.run("2026-11-20T10:00:00Z").changes.is_empty());
    assert_eq!(company.value("1", STAMP), None);
    company.proven(true);
    company.run("2026-11-20T10:00:00Z");
    company.proven(false);
    assert!(company.run("2027-11-20T10:00:00Z").changes.is_empty());
    assert!(company.enabled("1"));
    company.proven(true);
    company.rejected("row 7");
    assert!(company.run("2027-11-20T10:00:00Z").changes.is_empty());
}

#[test]
fn what_is_no_stamp_is_never_guessed_at() {
    let mut company = company();
    company.write("1", STAMP, "halosync: absent since last week");
    let plan = company.run("2027-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(plan.held[0].code, "stamp-unreadable");
    assert!(held(&plan, "1").is_empty());
    assert!(company.enabled("1"));
}

#[test]
fn a_leaver_who_goes_missing_has_left_since_the_same_day() {
    let left = "halosync: leaver since 2026-11-15T10:00:00Z";
    let both = "halosync: leaver since 2026-11-15T10:00:00Z, absent since 2026-11-20T10:00:00Z";
    let mut company = company();
    company.person("1", &[("site", "Leeds"), ("inactive", "true")]);
    company.run("2026-11-15T10:00:00Z");
    assert_eq!(company.value("1", STAMP).as_deref(), Some(left));
    // Not shown for once, and shown again: nothing is counted anew.
    company.gone("1");
    assert_eq!(kinds(&company.run("2026-11-20T10:00:00Z"), ""), ["modify"]);
    assert_eq!(company.value("1", STAMP).as_deref(), Some(both));
    company.person("1", &[("site", "Leeds"), ("inactive", "true")]);
    assert_eq!(kinds(&company.run("2026-11-21T10:00:00Z"), ""), ["modify"]);
    assert_eq!(company.value("1", STAMP).as_deref(), Some(left));
    // The same for whoever nothing is planned for.
    company.gone("1");
    company.run("2026-11-22T10:00:00Z");
    company.person("1", &[]);
    company.people.people[0].in_scope = false;
    company.run("2026-11-23T10:00:00Z");
    assert_eq!(company.value("1", STAMP).as_deref(), Some(left));
    // Nor in a read that is not proven.
    company.gone("1");
    company.run("2026-11-24T10:00:00Z");
    company.person("1", &[("site", "Leeds"), ("inactive", "true")]);
    company.proven(false);
    company.run("2026-11-25T10:00:00Z");
    assert_eq!(company.value("1", STAMP).as_deref(), Some(left));
    company.proven(true);
    // The record is gone for good: the stage waits for the days somebody has to be missing, and then is the one due.
    company.gone("1");
    company.run("2026-12-10T10:00:00Z");
    assert!(company.run("2026-12-24T23:59:59Z").changes.is_empty());
    assert_eq!(company.stands_in("1"), "Sales");
    assert_eq!(kinds(&company.run("2026-12-25T00:00:00Z"), ""), ["move"]);
    assert_eq!(company.stands_in("1"), "Archive");
    // Whoever works again is no leaver, and was not missing.
    company.person("1", &[("site", "Leeds")]);
    company.run("2026-12-26T00:00:00Z");
    assert!(company.enabled("1"));
    assert_eq!(company.value("1", STAMP), None);
}

#[test]
fn protected_accounts_are_not_counted() {
    let mut company = company();
    company.write("1", "adminCount", "1");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(plan.held[0].code, "absent");
}

/// Whoever copied a missing person's account, stamp and anchor included, does not lose it the same day.
#[test]
fn a_moment_before_the_account_is_not_counted_from() {
    let mut company = company();
    company.write("1", STAMP, "halosync: absent since 2025-01-01T00:00:00Z");
    company.write("1", "whenCreated", "20260601080000.0Z");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&plan, ""), ["modify"]);
    assert_eq!(company.value("1", STAMP).as_deref(), Some(ABSENT));
    assert!(company.enabled("1"));
    let warned = plan
        .warnings
        .iter()
        .any(|one| one.code == "stamp-before-account");
    assert!(warned, "{:?}", plan.warnings);
}
