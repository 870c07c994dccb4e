//! Nobody whom the source calls inactive is enabled, whatever the states say.

use super::company::{Company, held, kinds};

/// States that know nothing of inactive people but those who are away.
const STATES: &str = "  absent: {leaver: {after: 14d, state: away}}
  states:
    - name: away
      when: person.site is defined and person.site == 'Away'
      account: {enabled: false, groups: remove}
    - name: joining
      when: person.startsOn is defined and person.startsOn > as_of
      account: {enabled: false, create: true}
    - name: active
      account: {enabled: true}
";
const WHEN: &str = "when: person.inactive | default(false)";

fn company(then: &str) -> Company {
    let mut company = Company::new(STATES).stamping();
    let policy = format!("inactive: {{{WHEN}, then: {then}}}");
    company.change("lifecycle.yaml", "inactive: never", &policy);
    company
}

#[test]
fn no_state_enables_or_makes_an_account_for_somebody_inactive() {
    let mut company = company("states");
    company.person("1", &[("inactive", "true")]);
    company.person("2", &[("inactive", "true"), ("site", "Away")]);
    company.person("3", &[("inactive", "true")]);
    company.person("4", &[("inactive", "true"), ("startsOn", "2026-12-01")]);
    company.person("5", &[("inactive", "true"), ("startsOn", "2026-12-01")]);
    company.person("6", &[("inactive", "false")]);
    for key in ["1", "2", "5", "6"] {
        company.account(key);
    }
    company.write("1", "userAccountControl", "514");
    company.write("5", "userAccountControl", "514");
    let plan = company.run("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&plan, "2"), ["disable", "removeMember", "modify"]);
    for key in ["1", "3", "4"] {
        assert!(kinds(&plan, key).is_empty(), "{key}");
        assert_eq!(held(&plan, key), ["inactive-enabled"], "{key}");
    }
    // What stands disabled may well be kept up to date.
    assert_eq!(kinds(&plan, "5"), ["modify"]);
    assert!(held(&plan, "5").is_empty() && held(&plan, "6").is_empty());
    // Nor does the calendar announce that they are.
    assert!(plan.calendar.is_empty(), "{:?}", plan.calendar);
}

#[test]
fn people_who_decide_are_not_overtaken_by_states() {
    for (then, held_as) in [("report", &[][..]), ("holdForReview", &["inactive"][..])] {
        let mut company = company(then);
        for key in ["1", "2", "3"] {
            company.person(key, &[("inactive", "true"), ("site", "Away")]);
        }
        company.account("1");
        company.account("2");
        company.write("2", "userAccountControl", "514");
        let plan = company.run("2026-11-20T10:00:00Z");
        assert!(plan.changes.is_empty(), "{then}: {:?}", plan.changes);
        assert_eq!(held(&plan, "1"), held_as, "{then}");
        // Of an account that is shut there is nothing to decide, and none is made.
        assert!(held(&plan, "2").is_empty() && held(&plan, "3").is_empty());
        let warned: Vec<_> = plan
            .warnings
            .iter()
            .filter(|warning| warning.code == "inactive")
            .map(|warning| warning.count)
            .collect();
        assert_eq!(warned, if then == "report" { vec![1] } else { vec![] });
        // Back at work, the states decide again.
        company.person("1", &[("site", "Away")]);
        let plan = company.run("2026-11-21T10:00:00Z");
        assert_eq!(kinds(&plan, "1"), ["disable", "removeMember", "modify"]);
    }
}

#[test]
fn whoever_is_seen_is_not_missing_though_inactive() {
    let mut company = company("report");
    company.person("1", &[]);
    company.account("1");
    company.gone("1");
    company.run("2026-11-20T10:00:00Z");
    assert!(company.value("1", "extensionAttribute15").is_some());
    company.person("1", &[("inactive", "true")]);
    let plan = company.run("2026-11-25T10:00:00Z");
    assert_eq!(kinds(&plan, "1"), ["modify"]);
    assert_eq!(company.value("1", "extensionAttribute15"), None);
}

#[test]
fn a_field_nobody_delivers_makes_nobody_active() {
    let mut company = company("states");
    company.person("1", &[]);
    company.people.header.fields[5].delivered = false;
    let plan = company.run("2026-11-20T10:00:00Z");
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "1"), ["field-not-delivered"]);
}
