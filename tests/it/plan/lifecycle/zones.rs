//! Days begin and end where people are.

use super::company::{Company, becomes, held, kinds};

const ZONED: &str = "  absent: report
  timeZone: \"{{ person.site | lookup('zone') }}\"
  states:
    - name: leaver
      when: person.endsOn is defined and person.endsOn < as_of
      account: {enabled: false}
    - name: joining
      when: person.startsOn is defined and person.startsOn > as_of
      account: {enabled: false, create: true}
    - name: active
      account: {enabled: true}
";

fn leaver(site: &str, ends: &str) -> Company {
    let mut company = Company::new(ZONED);
    company.person("1", &[("site", site), ("endsOn", ends)]);
    company.account("1");
    company.run("2026-01-01T12:00:00Z");
    company
}

#[test]
fn the_last_day_ends_at_midnight_where_the_person_is() {
    // Standard time in Honolulu is ten hours behind UTC, summer time in Auckland thirteen ahead.
    for (site, before, after) in [
        ("Auckland", "2026-11-20T10:59:59Z", "2026-11-20T11:00:00Z"),
        ("Honolulu", "2026-11-21T09:59:59Z", "2026-11-21T10:00:00Z"),
        ("London", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"),
    ] {
        let mut company = leaver(site, "2026-11-20");
        assert!(kinds(&company.run(before), "1").is_empty(), "{site}");
        assert!(company.enabled("1"));
        assert_eq!(kinds(&company.run(after), "1"), ["disable"], "{site}");
    }
}

#[test]
fn nights_with_another_hour_change_nothing_about_where_days_end() {
    for (site, ends, before, after) in [
        // Clocks in London go back on the 25th: the day has 25 hours. They go forward on 29 March.
        (
            "London",
            "2026-10-25",
            "2026-10-25T23:59:59Z",
            "2026-10-26T00:00:00Z",
        ),
        (
            "London",
            "2026-03-29",
            "2026-03-29T22:59:59Z",
            "2026-03-29T23:00:00Z",
        ),
        // Sydney: back on 5 April, forward on 4 October.
        (
            "Sydney",
            "2026-04-05",
            "2026-04-05T13:59:59Z",
            "2026-04-05T14:00:00Z",
        ),
        (
            "Sydney",
            "2026-10-04",
            "2026-10-04T12:59:59Z",
            "2026-10-04T13:00:00Z",
        ),
        // The day that is not there in most years.
        (
            "London",
            "2028-02-29",
            "2028-02-29T23:59:59Z",
            "2028-03-01T00:00:00Z",
        ),
    ] {
        let mut company = leaver(site, ends);
        assert!(kinds(&company.run(before), "1").is_empty(), "{site} {ends}");
        assert_eq!(
            kinds(&company.run(after), "1"),
            ["disable"],
            "{site} {ends}"
        );
    }
}

#[test]
fn accounts_expire_with_the_day_of_the_person() {
    for (site, expires) in [
        // 2026-11-21T00:00 in Auckland, Honolulu, London.
        ("Auckland", "2026-11-20T11:00:00Z"),
        ("Honolulu", "2026-11-21T10:00:00Z"),
        ("London", "2026-11-21T00:00:00Z"),
    ] {
        let company = leaver(site, "2026-11-20");
        let moment: jiff::Timestamp = expires.parse().unwrap();
        let filetime = (moment.as_second() + 11_644_473_600) * 10_000_000;
        let expected = filetime.to_string();
        assert_eq!(
            company.value("1", "accountExpires"),
            Some(expected),
            "{site}"
        );
    }
}

#[test]
fn somebody_starts_at_the_beginning_of_the_first_day() {
    let mut company = Company::new(ZONED);
    company.person("1", &[("site", "Auckland"), ("startsOn", "2026-12-01")]);
    let made = company.run("2026-11-25T00:00:00Z");
    assert_eq!(kinds(&made, "1"), ["create", "addMember"]);
    assert!(!company.enabled("1"));
    assert!(kinds(&company.run("2026-11-30T10:59:59Z"), "1").is_empty());
    assert_eq!(kinds(&company.run("2026-11-30T11:00:00Z"), "1"), ["enable"]);
}

#[test]
fn without_a_value_the_project_s_zone_counts() {
    let mut company = Company::new(ZONED);
    company.person("1", &[("endsOn", "2026-11-20")]);
    company.account("1");
    assert!(company.enabled("1"));
    company.run("2026-11-20T23:59:59Z");
    assert!(company.enabled("1"));
    company.run("2026-11-21T00:00:00Z");
    assert!(!company.enabled("1"));
}

#[test]
fn a_zone_nobody_knows_holds_the_person() {
    let mut company = Company::new(ZONED);
    company.person("1", &[("site", "Nowhere"), ("endsOn", "2026-11-20")]);
    company.person("2", &[("site", "Elsewhere"), ("endsOn", "2026-11-20")]);
    company.person("3", &[("site", "London")]);
    let plan = company.plan("2026-11-25T00:00:00Z");
    assert_eq!(held(&plan, "1"), ["unknown-time-zone"]);
    assert_eq!(held(&plan, "2"), ["unmapped-value"]);
    assert!(held(&plan, "3").is_empty());
    let reason = &plan.held[0].reason;
    assert!(reason.contains("GMT Standard Time"), "{reason}");
}

#[test]
fn templates_show_the_date_where_the_person_is() {
    let mut company = Company::new(ZONED);
    company.change(
        "mapping.yaml",
        "  attributes:\n",
        "  attributes:\n    info: \"seen on {{ as_of }} at {{ '2026-11-20T12:00:00Z' | to_datetime | date('%H:%M') }}\"\n",
    );
    for (site, date) in [
        ("Auckland", "seen on 2026-11-21 at 01:00"),
        ("Honolulu", "seen on 2026-11-20 at 02:00"),
    ] {
        company.person("1", &[("site", site)]);
        let plan = company.plan("2026-11-20T11:00:00Z");
        assert_eq!(becomes(&plan, "info").as_deref(), Some(date));
    }
}
