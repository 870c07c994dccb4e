//! Stages of leaving, counted from facts.

use super::company::{Company, becomes, held, kinds};

const STAGED: &str = "  absent: report
  states:
    - name: leaver
      when: person.endsOn is defined
      since: '{{ person.endsOn }}'
      reason: left on {{ person.endsOn }}
      stages:
        - {after: 0d, account: {enabled: false, groups: remove, attributes: {description: left, info: keep}}}
        - {after: 7d, account: {placement: 'OU=Leavers,OU=People,DC=corp,DC=example,DC=test'}}
        - after: 30d
          account:
            placement: OU=Archive,OU=People,DC=corp,DC=example,DC=test
            attributes: {description: {value: '', empty: clear}}
          reason: archived
    - name: active
      account: {enabled: true}
";

fn company(ends: &str) -> Company {
    let mut company = Company::new(STAGED);
    company.person("1", &[("endsOn", ends)]);
    company.account("1");
    company
}

#[test]
fn each_stage_keeps_what_it_does_not_say_from_the_one_before() {
    let mut company = company("2026-11-20");
    assert_eq!(kinds(&company.run("2026-11-20T23:00:00Z"), "1"), ["modify"]);
    assert!(company.enabled("1"));
    let left = company.run("2026-11-21T00:00:00Z");
    assert_eq!(kinds(&left, "1"), ["disable", "removeMember", "modify"]);
    assert_eq!(left.changes[0].because.text, "left on 2026-11-20");
    assert_eq!(company.value("1", "description").as_deref(), Some("left"));
    // The seventh day after the last is over at the end of 27 November.
    assert!(kinds(&company.run("2026-11-27T23:59:59Z"), "1").is_empty());
    assert_eq!(kinds(&company.run("2026-11-28T00:00:00Z"), "1"), ["move"]);
    assert_eq!(company.stands_in("1"), "Leavers");
    assert!(!company.enabled("1"));
    assert!(kinds(&company.run("2026-12-20T23:59:59Z"), "1").is_empty());
    let archived = company.run("2026-12-21T00:00:00Z");
    assert_eq!(kinds(&archived, "1"), ["modify", "move"]);
    assert_eq!(archived.changes[1].because.text, "archived");
    assert_eq!(company.stands_in("1"), "Archive");
    assert_eq!(company.value("1", "description"), None);
    assert_eq!(company.value("1", "info").as_deref(), Some("keep"));
    assert!(!company.is_staff("1"));
}

#[test]
fn runs_that_did_not_happen_change_nothing_about_the_outcome() {
    let mut daily = company("2026-11-20");
    let mut late = company("2026-11-20");
    let start: jiff::Timestamp = "2026-11-15T03:00:00Z".parse().unwrap();
    for day in 0..60_i64 {
        let moment = start + jiff::SignedDuration::from_hours(24 * day);
        daily.run(&moment.to_string());
    }
    let end = start + jiff::SignedDuration::from_hours(24 * 59);
    late.run(&end.to_string());
    assert!(daily.directory == late.directory);
    assert_eq!(late.stands_in("1"), "Archive");
}

#[test]
fn a_rescinded_exit_gives_everything_back() {
    let mut company = company("2026-10-01");
    company.run("2026-12-24T00:00:00Z");
    assert_eq!(company.stands_in("1"), "Archive");
    company.person("1", &[]);
    let back = company.run("2026-12-25T00:00:00Z");
    let mut done = kinds(&back, "1");
    done.sort_unstable();
    // The attributes are the state's; nothing but it says what else they were.
    assert_eq!(done, ["addMember", "enable", "modify", "move"]);
    assert!(company.enabled("1"));
    assert!(company.is_staff("1"));
    assert_eq!(company.stands_in("1"), "Sales");
    assert_eq!(
        company.value("1", "accountExpires").as_deref(),
        Some("9223372036854775807")
    );
}

#[test]
fn a_moment_counts_from_itself_and_its_day() {
    let mut company = Company::new(&STAGED.replace("person.endsOn", "person.leftAt"));
    company.person("1", &[("leftAt", "2026-11-20T15:00:00Z")]);
    company.account("1");
    company.run("2026-11-19T15:00:00Z");
    assert!(kinds(&company.run("2026-11-20T14:59:59Z"), "1").is_empty());
    let left = company.run("2026-11-20T15:00:00Z");
    assert_eq!(kinds(&left, "1"), ["disable", "removeMember", "modify"]);
    assert!(kinds(&company.run("2026-11-27T23:59:59Z"), "1").is_empty());
    assert_eq!(kinds(&company.run("2026-11-28T00:00:00Z"), "1"), ["move"]);
}

#[test]
fn what_is_no_date_holds_the_person() {
    let mut company = Company::new(&STAGED.replace("{{ person.endsOn }}'", "{{ person.site }}'"));
    company.person("1", &[("endsOn", "2026-11-20"), ("site", "soon")]);
    company.account("1");
    let plan = company.plan("2026-11-25T00:00:00Z");
    assert_eq!(held(&plan, "1"), ["bad-value"]);
    assert!(plan.held[0].reason.contains("soon"));
    assert!(becomes(&plan, "description").is_none());
}

#[test]
fn leaving_waits_for_a_proven_read_at_every_stage() {
    let mut company = company("2026-11-20");
    company.run("2026-11-20T10:00:00Z");
    company.proven(false);
    let plan = company.plan("2026-12-30T00:00:00Z");
    assert!(plan.changes.is_empty());
    assert!(held(&plan, "1").contains(&"removal-unproven"));
}
