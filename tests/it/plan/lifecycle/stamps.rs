//! Where no date says since when, the account does.

use halosync::plan::Action;

use super::company::{Company, becomes, held, kinds};

const STAMPED: &str = "  absent: report
  states:
    - name: leaver
      when: person.inactive | default(false)
      since: '{{ person.endsOn }}'
      reason: inactive in HaloITSM
      stages:
        - {after: 0d, account: {enabled: false, groups: remove}}
        - {after: 7d, account: {placement: 'OU=Leavers,OU=People,DC=corp,DC=example,DC=test'}}
        - {after: 30d, account: {placement: 'OU=Archive,OU=People,DC=corp,DC=example,DC=test'}}
    - name: suspended
      when: person.site is defined and person.site == 'Away'
      stages:
        - {after: 0d, account: {enabled: false, groups: keep}}
        - {after: 14d, account: {enabled: false, groups: remove}}
    - name: active
      account: {enabled: true}
";
const STAMP: &str = "extensionAttribute15";

fn company() -> Company {
    let mut company = Company::new(STAMPED).stamping();
    company.person("1", &[]);
    company.account("1");
    company.run("2026-11-01T10:00:00Z");
    company.person("1", &[("inactive", "true")]);
    company
}

#[test]
fn the_plan_that_acts_writes_the_moment_once() {
    let mut company = company();
    let left = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&left, "1"), ["disable", "removeMember", "modify"]);
    let stamp = "halosync: leaver since 2026-11-20T10:00:00Z";
    assert_eq!(becomes(&left, STAMP).as_deref(), Some(stamp));
    let modify = left
        .changes
        .iter()
        .find(|change| matches!(change.action, Action::Modify { .. }));
    let modify = modify.unwrap();
    assert_eq!(modify.because.text, "inactive in HaloITSM");
    assert_eq!(modify.depends_on, [left.changes[0].id.clone()]);
    assert!(kinds(&company.run("2026-11-27T23:59:59Z"), "1").is_empty());
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
    assert_eq!(kinds(&company.run("2026-11-28T00:00:00Z"), "1"), ["move"]);
    assert_eq!(kinds(&company.run("2026-12-21T00:00:00Z"), "1"), ["move"]);
    assert_eq!(company.stands_in("1"), "Archive");
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
}

#[test]
fn whoever_returns_loses_the_stamp_and_gets_everything_back() {
    let mut company = company();
    company.run("2026-11-20T10:00:00Z");
    company.run("2026-12-10T10:00:00Z");
    assert_eq!(company.stands_in("1"), "Leavers");
    company.person("1", &[]);
    let back = company.run("2026-12-11T10:00:00Z");
    let mut done = kinds(&back, "1");
    done.sort_unstable();
    assert_eq!(done, ["addMember", "enable", "modify", "move"]);
    assert_eq!(company.value("1", STAMP), None);
    assert!(company.enabled("1") && company.is_staff("1"));
    assert_eq!(company.stands_in("1"), "Sales");
    // Leaving again is counted from the second time.
    company.person("1", &[("inactive", "true")]);
    company.run("2027-03-01T10:00:00Z");
    assert_eq!(company.stands_in("1"), "Sales");
    let stamp = "halosync: leaver since 2027-03-01T10:00:00Z";
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
}

#[test]
fn another_state_counts_anew() {
    let mut company = company();
    company.person("1", &[("site", "Away")]);
    company.run("2026-11-20T10:00:00Z");
    assert!(company.is_staff("1"));
    company.run("2026-12-05T00:00:00Z");
    assert!(!company.is_staff("1"));
    company.person("1", &[("site", "Away"), ("inactive", "true")]);
    company.run("2026-12-06T00:00:00Z");
    let stamp = "halosync: leaver since 2026-12-06T00:00:00Z";
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
    assert_eq!(company.stands_in("1"), "Sales");
}

/// A copy of a leaver's account is not a leaver's of long ago, nor is one on which somebody wrote an old moment.
#[test]
fn a_stamp_from_before_the_account_is_counted_anew() {
    let mut company = company();
    company.write("1", STAMP, "halosync: leaver since 2025-01-01T00:00:00Z");
    company.write("1", "whenCreated", "20260601080000.0Z");
    let plan = company.run("2026-11-20T10:00:00Z");
    let anew = "halosync: leaver since 2026-11-20T10:00:00Z";
    assert_eq!(becomes(&plan, STAMP).as_deref(), Some(anew));
    let warning = plan
        .warnings
        .iter()
        .find(|one| one.code == "stamp-before-account");
    assert_eq!(warning.map(|one| one.count), Some(1));
    assert!(
        !company.enabled("1"),
        "a leaver's account is shut all the same"
    );
    assert_eq!(company.stands_in("1"), "Sales", "no later stage has come");
    assert_eq!(kinds(&company.run("2026-11-28T00:00:00Z"), "1"), ["move"]);

    // A new account is made some days after the plan whose stamp it has.
    let mut company = self::company();
    company.write("1", STAMP, "halosync: leaver since 2026-11-01T08:00:00Z");
    company.write("1", "whenCreated", "20261105080000.0Z");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert_eq!(becomes(&plan, STAMP), None);
    assert!(
        plan.warnings
            .iter()
            .all(|one| one.code != "stamp-before-account")
    );
    assert_eq!(company.stands_in("1"), "Leavers");
}

#[test]
fn a_date_counts_more_than_a_stamp() {
    let mut company = company();
    company.run("2026-11-20T10:00:00Z");
    company.person("1", &[("inactive", "true"), ("endsOn", "2026-10-01")]);
    let plan = company.run("2026-11-21T10:00:00Z");
    assert_eq!(becomes(&plan, STAMP).as_deref(), Some(""));
    assert_eq!(company.stands_in("1"), "Archive");
}

#[test]
fn what_is_no_stamp_holds_the_person_and_shuts_the_account() {
    let mut company = company();
    company.write("1", STAMP, "VIP");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&plan, "1"), ["disable", "removeMember"]);
    assert_eq!(held(&plan, "1"), ["stamp-unreadable"]);
    let text = &plan.held[0].reason;
    assert_eq!(
        text,
        "extensionAttribute15 says since when leaver+0d holds, and \"VIP\" is no stamp"
    );
    assert_eq!(company.value("1", STAMP).as_deref(), Some("VIP"));
}

#[test]
fn what_nobody_needs_is_left_and_told() {
    let mut company = company();
    company.person("1", &[]);
    company.write("1", STAMP, "VIP");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    let warning = plan.warnings.iter().find(|one| one.code == "stamp-foreign");
    assert_eq!(warning.unwrap().count, 1);
}

#[test]
fn nothing_is_stamped_on_a_read_that_proves_nothing() {
    let mut company = company();
    company.proven(false);
    let plan = company.run("2026-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "1"), ["removal-unproven", "removal-unproven"]);
    company.proven(true);
    company.run("2026-11-25T10:00:00Z");
    let stamp = "halosync: leaver since 2026-11-25T10:00:00Z";
    assert_eq!(company.value("1", STAMP).as_deref(), Some(stamp));
}

#[test]
fn days_of_a_stamp_are_those_of_the_person() {
    let mut company = company();
    company.change(
        "lifecycle.yaml",
        "  states:\n",
        "  timeZone: Pacific/Auckland\n  states:\n",
    );
    // The 21st in Auckland.
    company.run("2026-11-20T11:00:00Z");
    assert!(kinds(&company.run("2026-11-28T10:59:59Z"), "1").is_empty());
    assert_eq!(kinds(&company.run("2026-11-28T11:00:00Z"), "1"), ["move"]);
}

#[test]
fn without_stamps_nobody_comes_to_later_stages_and_the_plan_says_so() {
    let mut company = Company::new(&STAMPED.replace("    - name: suspended", "    - name: away").replace(
        "      stages:\n        - {after: 0d, account: {enabled: false, groups: keep}}\n        - {after: 14d, account: {enabled: false, groups: remove}}\n",
        "      account: {enabled: false}\n",
    ));
    company.person("1", &[("inactive", "true")]);
    company.account("1");
    company.run("2026-11-20T10:00:00Z");
    let plan = company.plan("2027-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    let warning = plan
        .warnings
        .iter()
        .find(|one| one.code == "stages-uncounted");
    assert_eq!(warning.unwrap().count, 1);
}

const LIMIT: &str = "apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits: [{name: disables, actions: [disable], max: 1, onBreach: holdClass}]
";

#[test]
fn whoever_a_limit_keeps_open_is_counted_from_the_day_they_are_shut() {
    let mut company = company();
    company.file("guards.yaml", LIMIT);
    company.person("2", &[("inactive", "true")]);
    company.account("2");
    let waits = company.run("2026-11-20T10:00:00Z");
    for key in ["1", "2"] {
        // Neither stamp nor group goes on without the disabling.
        assert!(kinds(&waits, key).is_empty());
        assert_eq!(held(&waits, key), ["guard-limit"]);
        assert_eq!(company.value(key, STAMP), None);
        assert!(company.enabled(key) && company.is_staff(key));
    }
    company.file(
        "waiver.yaml",
        "apiVersion: halosync/v1
kind: Waiver
metadata: {name: once}
spec: {target: corp, guard: disables, maximum: 2, reason: r, ticket: t, owner: o, expires: 2026-11-23}
",
    );
    company.run("2026-11-23T10:00:00Z");
    let stamp = "halosync: leaver since 2026-11-23T10:00:00Z";
    for key in ["1", "2"] {
        assert_eq!(company.value(key, STAMP).as_deref(), Some(stamp));
        assert!(!company.enabled(key) && !company.is_staff(key));
    }
    // Later stages disable nobody.
    let moved = company.run("2026-12-01T10:00:00Z");
    assert_eq!(kinds(&moved, ""), ["move", "move"]);
}

#[test]
fn stages_wait_for_limits_and_are_not_counted_anew() {
    let mut company = company();
    company.run("2026-11-20T10:00:00Z");
    company.file(
        "guards.yaml",
        &LIMIT
            .replace("[disable]", "[removals]")
            .replace("max: 1", "max: 0"),
    );
    let waits = company.run("2026-12-24T10:00:00Z");
    assert!(waits.changes.is_empty());
    assert_eq!(held(&waits, "1"), ["guard-limit"]);
    assert_eq!(company.stands_in("1"), "Sales");
    company.file("guards.yaml", "");
    company.run("2026-12-25T10:00:00Z");
    assert_eq!(company.stands_in("1"), "Archive");
}

#[test]
fn a_stop_goes_before_limits_that_hold_everything_else() {
    let mut company = company();
    company.file(
        "guards.yaml",
        &LIMIT
            .replace("max: 1", "max: 0")
            .replace("holdClass", "holdAll"),
    );
    company.person("2", &[]);
    company.account("2");
    company.file(
        "exceptions.yaml",
        "apiVersion: halosync/v1
kind: Exceptions
metadata: {name: people}
spec:
  source: people
  target: corp
  exceptions: [{person: 2, stop: true, owner: o, reason: r, ticket: t, expires: '2027-01-31'}]
",
    );
    let plan = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&plan, ""), ["disable"]);
    assert_eq!(held(&plan, "1"), ["guard-limit"]);
    // One who is stopped and leaves besides is shut, and their stamp waits with the rest of them.
    company.person("2", &[("inactive", "true")]);
    company.write("2", "userAccountControl", "512");
    let plan = company.run("2026-11-21T10:00:00Z");
    assert_eq!(kinds(&plan, "2"), ["disable"]);
    assert!(!company.enabled("2") && company.is_staff("2"));
    assert_eq!(company.value("2", STAMP), None);
    company.file("guards.yaml", "");
    company.run("2026-11-22T10:00:00Z");
    let stamp = "halosync: leaver since 2026-11-22T10:00:00Z";
    assert_eq!(company.value("2", STAMP).as_deref(), Some(stamp));
    assert!(!company.is_staff("2"));
}
