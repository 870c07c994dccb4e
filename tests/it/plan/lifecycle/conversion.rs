//! One person, several records: a contractor who becomes an employee and is written down anew keeps the account.

use halosync::model::{Fault, FieldIndex};
use halosync::plan::{Action, Change, Plan, Risk};

use super::company::{Company, held, kinds};

const STAMP: &str = "extensionAttribute15";
const NOW: &str = "2026-11-23T10:00:00Z";
const STATES: &str = "  absent: {leaver: {after: 14d, state: leaver}}
  states:
    - name: leaver
      when: person.inactive | default(false)
      returning: RETURNING
      stages:
        - {after: 0d, account: {enabled: false, groups: remove}}
        - {after: 7d, account: {placement: 'OU=Leavers,OU=People,DC=corp,DC=example,DC=test'}}
    - name: active
      account: {enabled: true}
";

/// Records of one `site` are of one person, and whose `status` is Employee counts.
fn company(returning: &str) -> Company {
    let mut company = Company::new(&STATES.replace("RETURNING", returning)).stamping();
    company.change(
        "source.yaml",
        "  person:\n",
        "  person:
    samePerson:
      by: '{{ person.site }}'
      prefer: [\"person.status == 'Employee'\", 'not person.inactive']
",
    );
    company
}

fn contractor(company: &mut Company, key: &str, inactive: &str) {
    let facts = [
        ("site", "ID 7"),
        ("status", "Contractor"),
        ("inactive", inactive),
    ];
    company.person(key, &facts);
}

fn employee(company: &mut Company, key: &str) {
    let facts = [
        ("site", "id 7 "),
        ("status", "Employee"),
        ("inactive", "false"),
    ];
    company.person(key, &facts);
}

/// A contractor of old with an account, who is an employee now.
fn converted() -> Company {
    let mut company = company("{account: same}");
    contractor(&mut company, "1", "true");
    employee(&mut company, "2");
    company.account("1");
    company
}

fn adoption(plan: &Plan) -> Option<&Change> {
    let mut changes = plan.changes.iter();
    changes.find(|change| matches!(change.action, Action::Adopt { .. }))
}

#[test]
fn the_account_becomes_that_of_the_record_that_counts() {
    let mut company = converted();
    let before = company.directory.objects.len();
    let plan = company.run(NOW);
    let adoption = adoption(&plan).unwrap();
    assert_eq!(adoption.person.key.as_str(), "2");
    assert_eq!(adoption.risk, Risk::High);
    assert_eq!(
        adoption.because.text,
        "1 and 2 are records of one person, and 2 counts: person.status == 'Employee'"
    );
    assert_eq!(adoption.because.facts["status"], "Employee");
    let Action::Adopt { evidence, .. } = &adoption.action else {
        unreachable!()
    };
    assert_eq!(evidence, "employeeID = 1, the anchor of 1");
    // Nobody is disabled because the contractor's record ended, and nothing happens through it.
    assert!(kinds(&plan, "1").is_empty());
    assert_eq!(kinds(&plan, "2"), ["adopt", "modify", "rename"]);
    assert!(plan.held.is_empty() && plan.warnings.iter().all(|one| one.code == "no-guards"));
    assert_eq!(company.directory.objects.len(), before);
    assert_eq!(company.value("2", "employeeID").as_deref(), Some("2"));
    assert!(company.enabled("2") && company.is_staff("2"));
}

#[test]
fn it_goes_back_with_the_person() {
    let mut company = converted();
    company.run(NOW);
    company.person(
        "2",
        &[("site", "ID 7"), ("status", "Former"), ("inactive", "true")],
    );
    contractor(&mut company, "1", "false");
    let plan = company.run("2026-12-23T10:00:00Z");
    assert_eq!(kinds(&plan, "1"), ["adopt", "rename"]);
    assert!(kinds(&plan, "2").is_empty());
    assert_eq!(company.value("1", "employeeID").as_deref(), Some("1"));
}

#[test]
fn nobody_leaves_before_all_records_have() {
    let mut company = converted();
    company.run(NOW);
    // The old record goes, and nothing happens.
    company.gone("1");
    assert!(kinds(&company.run("2026-12-01T10:00:00Z"), "").is_empty());
    contractor(&mut company, "1", "true");
    company.person(
        "2",
        &[
            ("site", "ID 7"),
            ("status", "Employee"),
            ("inactive", "true"),
        ],
    );
    let plan = company.run("2026-12-02T10:00:00Z");
    assert!(kinds(&plan, "2").contains(&"disable"));
    assert!(!company.enabled("2") && !company.is_staff("2"));
}

#[test]
fn a_leaver_whose_account_has_the_other_anchor_leaves_at_once() {
    let mut company = converted();
    company.person(
        "2",
        &[
            ("site", "ID 7"),
            ("status", "Employee"),
            ("inactive", "true"),
        ],
    );
    let plan = company.run(NOW);
    assert!(kinds(&plan, "2").contains(&"disable"));
    assert!(!company.enabled("2") && !company.is_staff("2"));
}

#[test]
fn what_else_is_wrong_keeps_no_leaver_in() {
    let mut company = converted();
    company.change(
        "mapping.yaml",
        "    cn: ",
        "    department: {value: '{{ person.leftAt }}', empty: hold}\n    cn: ",
    );
    company.person(
        "2",
        &[
            ("site", "ID 7"),
            ("status", "Employee"),
            ("inactive", "true"),
        ],
    );
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["missing-value"]);
    assert_eq!(kinds(&plan, "2"), ["disable", "modify"]);
    company.directory = super::super::applied::apply(&plan, &company.directory);
    assert!(!company.enabled("1"));
}

#[test]
fn two_accounts_are_held_until_a_link_says_which() {
    let mut company = converted();
    company.account("2");
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "2"), ["same-person-accounts"]);
    assert_eq!(plan.held[0].accounts.len(), 2);
    assert!(held(&plan, "1").is_empty());
    // Written for either record: its own account is kept, the other is left, and somebody is told.
    for record in ["1", "2"] {
        let mut company = company.clone();
        company.settle(&format!(
            "links: [{{person: {record}, account: 'CN=User 2,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}}]"
        ));
        assert_eq!(kinds(&company.run(NOW), ""), ["modify"]);
        let plan = company.plan(NOW);
        assert!(plan.held.is_empty() && plan.changes.is_empty());
        let told = plan
            .warnings
            .iter()
            .find(|one| one.code == "secondary-account");
        assert!(told.unwrap().examples[0].starts_with("CN=User 1"));
        assert!(company.enabled("1"));
    }
    // The contractor's account is theirs once the other carries no anchor.
    company.write("2", "employeeID", "");
    company.settle("links: [{person: 2, account: 'CN=User 1,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}]");
    let plan = company.plan(NOW);
    assert_eq!(kinds(&plan, "2")[0], "adopt");
    // What is said not to be theirs is not looked at, whichever record says so.
    let mut company = converted();
    company.settle("forbidden: [{person: 1, account: 'CN=User 1,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}]");
    assert_eq!(kinds(&company.plan(NOW), "2"), ["create", "addMember"]);
}

#[test]
fn links_that_differ_settle_nothing() {
    let mut company = converted();
    company.account("2");
    company.settle(
        "links:
    - {person: 1, account: 'CN=User 1,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}
    - {person: 2, account: 'CN=User 2,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}",
    );
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["same-person-accounts"]);
    assert!(plan.changes.is_empty());
    company.settle("links: [{person: 1, account: 'CN=User 1,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}]
  forbidden: [{person: 2, account: 'CN=User 1,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}]");
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["forbidden-match"]);
    assert!(plan.changes.is_empty());
}

/// P8: of two links for records of one person, one of which names an account the read does not have, it is the same which
/// is written first.
#[test]
fn a_link_to_nowhere_changes_nothing_wherever_it_stands() {
    let here = "{person: 2, account: 'CN=User 2,OU=Sales,OU=People,DC=corp,DC=example,DC=test', reason: r}";
    let nowhere = "{person: 1, account: 00000000-0000-0000-0000-00000000beef, reason: r}";
    let plans = [[here, nowhere], [nowhere, here]].map(|[first, second]| {
        let mut company = converted();
        company.account("2");
        company.settle(&format!("links: [{first}, {second}]"));
        let plan = company.plan(NOW);
        assert!(held(&plan, "2").is_empty(), "{:?}", plan.held);
        plan.changes
            .iter()
            .map(|change| change.id.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(plans[0], plans[1]);
    assert!(!plans[0].is_empty());
}

#[test]
fn records_that_nothing_tells_apart_are_held_and_nobody_else() {
    let mut company = converted();
    employee(&mut company, "1");
    company.person("3", &[]);
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "1"), ["same-person-unclear"]);
    assert_eq!(held(&plan, "2"), ["same-person-unclear"]);
    assert!(
        plan.held[0].reason.ends_with("tells them apart: 1, 2"),
        "{}",
        plan.held[0].reason
    );
    assert_eq!(kinds(&plan, "3"), ["create", "addMember"]);
    assert_eq!(plan.changes.len(), 2);
}

#[test]
fn a_value_that_cannot_be_understood_prefers_nothing() {
    let mut company = converted();
    let person = &mut company.people.people[1];
    person.facts[5] = None;
    person.faults = Box::new([Fault {
        field: FieldIndex(5),
        reason: "\"perhaps\" is not true or false".to_owned(),
    }]);
    // The first condition decides, and does not look at it: the record counts, and is held for itself.
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["invalid-value"]);
    assert!(held(&plan, "1").is_empty() && plan.changes.is_empty());
    company.change("source.yaml", "\"person.status == 'Employee'\", ", "");
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "1"), ["same-person-unclear"]);
    assert!(plan.changes.is_empty());
}

#[test]
fn records_without_a_value_are_people_of_their_own() {
    let mut company = company("{account: same}");
    for key in ["1", "2"] {
        company.person(key, &[("status", "Employee"), ("site", " ")]);
        company.account(key);
    }
    company.person("3", &[("status", "Employee")]);
    let plan = company.plan(NOW);
    assert!(plan.held.is_empty());
    assert_eq!(kinds(&plan, "1"), ["modify"]);
    assert_eq!(kinds(&plan, "2"), ["modify"]);
    assert_eq!(kinds(&plan, "3"), ["create", "addMember"]);
}

#[test]
fn a_value_many_share_is_nobodys() {
    let mut company = company("{account: same}");
    for number in 1..=11 {
        company.person(
            &number.to_string(),
            &[("site", "unknown"), ("inactive", "true")],
        );
        company.account(&number.to_string());
    }
    employee(&mut company, "12");
    company.person("12", &[("site", "Unknown"), ("status", "Employee")]);
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    assert_eq!(plan.held.len(), 12);
    assert!(
        plan.held
            .iter()
            .all(|one| one.code == "same-person-unclear")
    );
    assert!(
        plan.held[0]
            .reason
            .contains("12 records have the same value")
    );
}

#[test]
fn a_read_that_is_not_proven_gives_no_account_away_and_makes_none() {
    let mut company = converted();
    company.proven(false);
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "2"), ["removal-unproven"]);
    // The record that leads to the account may be in the part that is missing.
    company.gone("1");
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "2"), ["same-person-unproven"]);
    // Who has no value can have no other record.
    company.person("3", &[]);
    assert_eq!(kinds(&company.plan(NOW), "3"), ["create", "addMember"]);
}

/// It is not theirs yet, and the stamp is the proof of where they come back from.
#[test]
fn a_read_that_is_not_proven_leaves_the_stamp_of_the_other_record() {
    let mut company = converted();
    company.write("1", STAMP, "halosync: leaver since 2026-11-01T10:00:00Z");
    company.proven(false);
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    assert_eq!(held(&plan, "2"), ["removal-unproven"]);
}

#[test]
fn a_field_nobody_delivered_holds_everybody() {
    let mut company = converted();
    company.people.header.fields[1].delivered = false;
    for person in &mut company.people.people {
        person.facts[1] = None;
    }
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    for key in ["1", "2"] {
        assert_eq!(held(&plan, key), ["field-not-delivered"]);
    }
    let mut company = converted();
    company.people.header.fields[6].delivered = false;
    for person in &mut company.people.people {
        person.facts[6] = None;
    }
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty());
    for key in ["1", "2"] {
        assert_eq!(held(&plan, key), ["field-not-delivered"]);
    }
}

/// The stamps of the record that ended say nothing of the person who works on.
#[test]
fn stamps_of_the_other_record_are_cancelled() {
    for (stamp, switched) in [
        ("halosync: leaver since 2026-11-01T10:00:00Z", true),
        ("halosync: absent since 2026-11-01T10:00:00Z", false),
    ] {
        let mut company = converted();
        company.write("1", STAMP, stamp);
        if switched {
            company.write("1", "userAccountControl", "514");
        }
        let plan = company.run(NOW);
        assert_eq!(kinds(&plan, "2").contains(&"enable"), switched);
        assert_eq!(company.value("2", STAMP), None);
        assert!(company.enabled("2"));
    }
}

/// Whoever was away as long as the policy says gets a new account, also with a new record.
#[test]
fn returning_asks_for_the_account_of_the_other_record_too() {
    let left = |returning: &str| {
        let mut company = company(returning);
        contractor(&mut company, "1", "true");
        employee(&mut company, "2");
        company.account_without_groups("OU=Leavers,OU=People", "1");
        company.write("1", "userAccountControl", "514");
        company.write("1", STAMP, "halosync: leaver since 2026-03-01T10:00:00Z");
        company.change(
            "mapping.yaml",
            "sAMAccountName: {value: 'u{{ person.number }}', when: onCreate}",
            "sAMAccountName: {unique: ['u{{ person.number }}'], numbered: true, when: onCreate}",
        );
        company
    };
    let mut company = left("{account: new, after: 90d}");
    let plan = company.run(NOW);
    assert_eq!(kinds(&plan, "2"), ["modify", "create", "addMember"]);
    assert_eq!(company.value("1", "employeeID"), None);
    assert_eq!(company.value("2", "employeeID").as_deref(), Some("2"));
    let company = left("{account: hold, after: 90d}");
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["return-review"]);
    assert!(plan.changes.is_empty());
    let mut company = left("{account: same}");
    company.run(NOW);
    assert!(company.enabled("2"));
    assert_eq!(company.value("2", STAMP), None);
}

#[test]
fn a_record_out_of_scope_leads_to_the_account_and_is_never_the_one_that_counts() {
    let mut company = converted();
    company.people.people[0].in_scope = false;
    let plan = company.run(NOW);
    let adoption = adoption(&plan).unwrap();
    assert_eq!(
        adoption.because.text,
        "1 and 2 are records of one person, and only 2 is in scope"
    );
    // Alone it is as before: out of scope, and nothing happens to the account.
    let mut company = converted();
    company.people.people[0].in_scope = false;
    company.gone("2");
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty() && plan.held.is_empty());
    assert!(plan.warnings.iter().any(|one| one.code == "out-of-scope"));
}

#[test]
fn exceptions_written_for_any_record_are_the_persons() {
    let exception = |company: &mut Company, key: &str, what: &str| {
        company.file(
            "exceptions.yaml",
            &format!(
                "apiVersion: halosync/v1
kind: Exceptions
metadata: {{name: people}}
spec:
  source: people
  target: corp
  exceptions:
    - {{person: {key}, {what}, owner: o, reason: r, ticket: t, expires: 2026-12-31}}
    - {{person: 2, set: {{title: From two}}, owner: o, reason: r, ticket: t, expires: 2026-12-31}}
"
            ),
        );
    };
    let mut company = converted();
    exception(&mut company, "1", "stop: true");
    let plan = company.run(NOW);
    assert!(!company.enabled("2"));
    let stop = plan
        .exceptions
        .iter()
        .find(|one| one.what.starts_with("keeps"))
        .unwrap();
    assert_eq!(stop.person.key.as_str(), "2");
    assert_eq!(
        stop.what,
        "keeps the account disabled (written for 1, another record of the person)"
    );
    // What is written for the record that counts decides.
    let mut company = converted();
    exception(&mut company, "1", "set: {title: From one}");
    company.run(NOW);
    assert_eq!(company.value("2", "title").as_deref(), Some("From two"));
}

#[test]
fn an_account_somebody_else_has_a_claim_to_is_nobodys() {
    let mut company = converted();
    company.change(
        "mapping.yaml",
        "'{{ person.number }}'}}",
        "'{{ person.status | default(person.number) }}'}}",
    );
    let mut people = [("site", "ID 7"), ("status", "A"), ("inactive", "true")];
    company.person("1", &people);
    people = [
        ("site", "ID 7"),
        ("status", "Employee"),
        ("inactive", "false"),
    ];
    company.person("2", &people);
    company.write("1", "employeeID", "A");
    company.person("3", &[("status", "a")]);
    let plan = company.plan(NOW);
    assert!(plan.changes.is_empty(), "{:#?}", kinds(&plan, ""));
    assert_eq!(held(&plan, "2"), ["contested-account"]);
    assert_eq!(held(&plan, "3"), ["duplicate-anchor"]);
}

#[test]
fn who_is_held_keeps_the_account_of_every_record() {
    let mut company = converted();
    company.change("source.yaml", "startsOn: {", "startsOn: {required: hold, ");
    company.change(
        "mapping.yaml",
        "anchor: {attribute: employeeID, value: '{{ person.number }}'}",
        "anchor: {attribute: employeeID, value: \"{{ person.status | default('1') }}\"}",
    );
    company.write("1", "employeeID", "Contractor");
    company.person("3", &[("status", "Contractor"), ("startsOn", "2026-01-01")]);
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "2"), ["missing-value"]);
    assert_eq!(held(&plan, "3"), ["duplicate-anchor"]);
    assert!(plan.changes.is_empty());
    assert!(plan.warnings.iter().all(|one| one.code != "absent"));
}

#[test]
fn one_anchor_for_all_records_needs_no_other() {
    let mut company = converted();
    company.change(
        "mapping.yaml",
        "anchor: {attribute: employeeID, value: '{{ person.number }}'}",
        "anchor: {attribute: employeeID, value: '{{ person.site }}'}",
    );
    company.write("1", "employeeID", "ID 7");
    let plan = company.run(NOW);
    assert_eq!(kinds(&plan, ""), ["modify", "rename"]);
    assert!(plan.held.is_empty());
}

#[test]
fn what_must_be_unique_may_be_shared_by_records_of_one_person() {
    let mut company = converted();
    company.change("source.yaml", "site: {", "site: {unique: true, ");
    assert!(company.plan(NOW).held.is_empty());
    company.person("3", &[("site", "Elsewhere")]);
    company.person("4", &[("site", "Elsewhere"), ("status", "Employee")]);
    company.change(
        "source.yaml",
        "by: '{{ person.site }}'",
        "by: '{{ person.status }}'",
    );
    let plan = company.plan(NOW);
    assert_eq!(held(&plan, "3"), ["duplicate-value"]);
}

#[test]
fn references_by_any_key_or_value_mean_the_person() {
    let mut company = converted();
    company.change("source.yaml", "number: {", "number: {unique: true, ");
    for (rule, named) in [
        (
            "manager: {person: '{{ person.status }}', empty: clear}",
            ["1", "2"],
        ),
        (
            "manager: {person: '{{ person.status }}', personField: number, empty: clear}",
            ["1", "2"],
        ),
    ] {
        let mut company = company.clone();
        company.change("mapping.yaml", "    cn: ", &format!("    {rule}\n    cn: "));
        for (at, name) in named.into_iter().enumerate() {
            let key = format!("3{at}");
            company.person(&key, &[("status", name)]);
            company.account(&key);
        }
        let plan = company.run(NOW);
        // A reader is told why the manager is not the record the fact names.
        let told = |change: &Change| match &change.action {
            Action::Modify { attributes } => attributes.iter().any(|one| {
                one.name == "manager" && one.facts["status"] == "1, another record of 2"
            }),
            _ => false,
        };
        assert_eq!(plan.changes.iter().filter(|one| told(one)).count(), 1);
        assert!(
            plan.warnings
                .iter()
                .all(|one| !one.examples.iter().any(|text| text.starts_with('3'))),
            "{:#?}",
            plan.warnings
        );
        for key in ["30", "31"] {
            let manager = company.value(key, "manager").unwrap();
            assert!(manager.starts_with("CN=User 2,"), "{manager}");
        }
    }
}
