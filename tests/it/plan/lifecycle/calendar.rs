//! What plans say of the days to come.

use halosync::plan::{CalendarEffect, Plan};

use super::company::Company;

const LIFECYCLE: &str = "  absent: {leaver: {after: 14d, state: leaver}}
  states:
    - name: leaver
      when: person.inactive | default(false) or person.endsOn is defined
      since: '{{ person.endsOn }}'
      stages:
        - {after: 0d, account: {enabled: false, groups: remove}}
        - {after: 7d, account: {placement: 'OU=Leavers,OU=People,DC=corp,DC=example,DC=test'}}
        - {after: 30d, account: {placement: 'OU=Archive,OU=People,DC=corp,DC=example,DC=test'}}
    - name: waiting
      when: person.startsOn is defined and person.startsOn | plus_days(-14) > as_of
      account: {enabled: false, create: false}
    - name: joining
      when: person.startsOn is defined and person.startsOn > as_of
      account: {enabled: false, create: true}
    - name: active
      account: {enabled: true}
";

fn company() -> Company {
    Company::new(LIFECYCLE).stamping()
}

/// `2026-11-21 1 active → leaver+0d`.
fn told(plan: &Plan) -> Vec<String> {
    plan.calendar
        .iter()
        .map(|entry| {
            let person = &entry.person.key;
            format!("{} {person} {} → {}", entry.on, entry.from, entry.to)
        })
        .collect()
}

#[test]
fn a_known_exit_stands_in_the_calendar_with_its_stages() {
    let mut company = company();
    company.person("1", &[("endsOn", "2026-11-20")]);
    company.account("1");
    let plan = company.run("2026-11-10T10:00:00Z");
    assert_eq!(
        told(&plan),
        [
            "2026-11-21 1 active → leaver+0d",
            "2026-11-28 1 leaver+0d → leaver+7d"
        ]
    );
    use CalendarEffect::{Disable, LeaveGroups, Move};
    assert_eq!(plan.calendar[0].does, [Disable, LeaveGroups]);
    assert_eq!(plan.calendar[1].does, [Move]);
    let location = &plan.rules[plan.calendar[1].rule.0 as usize].location;
    assert_eq!(
        (location.file.to_string().as_str(), location.line),
        ("lifecycle.yaml", 16)
    );
    // Thirty days later there is one more, and in the end none.
    let plan = company.run("2026-11-25T10:00:00Z");
    assert_eq!(told(&plan)[1], "2026-12-21 1 leaver+7d → leaver+30d");
    company.run("2026-12-21T10:00:00Z");
    assert!(company.run("2026-12-22T10:00:00Z").calendar.is_empty());
}

#[test]
fn joiners_are_made_and_enabled_on_their_days() {
    let mut company = company();
    company.person("1", &[("startsOn", "2026-12-01")]);
    let plan = company.run("2026-11-10T10:00:00Z");
    assert_eq!(
        told(&plan),
        [
            "2026-11-17 1 waiting → joining",
            "2026-12-01 1 joining → active"
        ]
    );
    assert_eq!(plan.calendar[0].does, [CalendarEffect::Create]);
    assert_eq!(plan.calendar[1].does, [CalendarEffect::Enable]);
    assert!(plan.changes.is_empty());
}

#[test]
fn a_stamp_written_by_this_very_plan_is_counted_from() {
    let mut company = company();
    company.person("1", &[("inactive", "true")]);
    company.account("1");
    let plan = company.run("2026-11-10T10:00:00Z");
    let expected = ["2026-11-18 1 leaver+0d → leaver+7d"];
    assert_eq!(told(&plan), expected);
    assert_eq!(told(&company.run("2026-11-11T10:00:00Z"))[..1], expected);
}

#[test]
fn missing_people_stand_in_it_too() {
    let mut company = company();
    company.person("1", &[]);
    company.account("1");
    company.run("2026-11-01T10:00:00Z");
    company.gone("1");
    let plan = company.run("2026-11-10T10:00:00Z");
    assert_eq!(told(&plan), ["2026-11-25 absent:1 absent → leaver+0d"]);
    let account = plan.calendar[0].account.as_ref().unwrap();
    assert_eq!(account.dn.rdn().value, "User 1");
}

#[test]
fn the_project_says_how_far_ahead() {
    let mut company = company();
    company.person("1", &[("endsOn", "2026-11-20")]);
    for (days, entries) in [("0d", 0), ("10d", 0), ("11d", 1), ("18d", 2), ("8w", 3)] {
        let plan = format!("  timeZone: Europe/London\n  plan: {{calendar: {days}}}\n");
        company.change("halosync.yaml", "  timeZone: Europe/London\n", &plan);
        assert_eq!(
            company.plan("2026-11-10T10:00:00Z").calendar.len(),
            entries,
            "{days}"
        );
        company.change("halosync.yaml", &plan, "  timeZone: Europe/London\n");
    }
}

#[test]
fn days_are_those_of_the_person() {
    let mut company = company();
    company.change(
        "lifecycle.yaml",
        "  states:\n",
        "  timeZone: '{{ person.site }}'\n  states:\n",
    );
    company.person(
        "1",
        &[("endsOn", "2026-11-10"), ("site", "Pacific/Honolulu")],
    );
    company.person(
        "2",
        &[("endsOn", "2026-11-10"), ("site", "Pacific/Auckland")],
    );
    // Already the 11th in Auckland, the 10th in Honolulu.
    let plan = company.plan("2026-11-10T20:00:00Z");
    assert_eq!(told(&plan)[0], "2026-11-11 1 active → leaver+0d");
    assert_eq!(told(&plan)[1], "2026-11-18 1 leaver+0d → leaver+7d");
    assert_eq!(told(&plan)[2], "2026-11-18 2 leaver+0d → leaver+7d");
}

/// The calendar against asking the planner about every day.
#[test]
fn the_calendar_says_what_plans_of_those_days_will_find() {
    let conditions = [
        "person.endsOn is defined and person.endsOn < as_of",
        "person.endsOn is defined and as_of > person.endsOn",
        "person.endsOn is defined and person.endsOn | plus_days(-5) <= as_of",
        "person.endsOn is defined and as_of | plus_days(3) >= person.endsOn and as_of | days_until(person.endsOn) > -4",
        "person.endsOn is defined and as_of | days_until(person.endsOn) + 2 < 7 - 3",
        "person.endsOn is defined and person.endsOn | plus_months(1) == as_of",
        "person.endsOn is defined and person.endsOn | end_of_month < as_of",
        "person.leftAt is defined and person.leftAt <= as_of",
        "person.endsOn | default('2026-11-30' | to_date) < as_of",
        "max(person.endsOn | default('2026-11-12' | to_date), person.startsOn | default('2026-11-26' | to_date)) < as_of",
        "as_of > '2026-11-20' and not (as_of >= '2026-12-02')",
        "as_of | weekday == 1",
        "as_of | month == 12",
        "person.startsOn is defined and person.startsOn | months_until(as_of) >= 1",
        "(as_of if person.endsOn is defined and person.endsOn < as_of else '2026-11-30' | to_date) == as_of",
        "as_of | days_until('2026-12-01' | to_date) < '2026-12-20' | to_date | days_until(as_of)",
        "as_of | string in ['2026-11-15', '2026-11-16']",
        "as_of | string == '2026-11-19'",
    ];
    let people: [&[(&str, &str)]; 5] = [
        &[],
        &[("endsOn", "2026-11-20")],
        &[("endsOn", "2026-10-25"), ("startsOn", "2026-10-31")],
        &[
            ("startsOn", "2026-11-05"),
            ("leftAt", "2026-11-25T23:30:00Z"),
        ],
        &[("endsOn", "2026-12-31"), ("leftAt", "2026-11-30T10:00:00Z")],
    ];
    let mut turns = 0;
    for condition in conditions {
        let mut company = Company::new(&format!(
            "  absent: report\n  timeZone: Asia/Tokyo\n  states:\n    - {{name: one, when: \"{condition}\", account: {{enabled: true}}}}\n    - {{name: two, account: {{enabled: false}}}}\n"
        ));
        for (number, facts) in people.iter().enumerate() {
            company.person(&(number + 1).to_string(), facts);
        }
        let plan = company.plan("2026-11-10T10:00:00Z");
        let told: Vec<(String, String)> = plan
            .calendar
            .iter()
            .map(|entry| {
                let turn = format!("{} {} → {}", entry.on, entry.from, entry.to);
                (entry.person.key.to_string(), turn)
            })
            .collect();
        let config = company.config();
        let mut states = company.states(&config, "2026-11-10T10:00:00Z");
        let mut found = Vec::new();
        for day in 1..=30_i64 {
            // The last second of each day in Tokyo.
            let moment = "2026-11-10T14:59:59Z".parse::<jiff::Timestamp>().unwrap()
                + jiff::SignedDuration::from_hours(24 * day);
            let on = moment
                .to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap())
                .date();
            let next = company.states(&config, &moment.to_string());
            for (key, to) in &next {
                let from = &states[key];
                if from != to {
                    found.push((key.clone(), format!("{on} {from} → {to}")));
                }
            }
            states = next;
        }
        turns += found.len();
        assert_eq!(told, found, "{condition}");
    }
    assert!(turns > 40, "{turns} turns");
}
