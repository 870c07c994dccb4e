//! Plans to look at, made by hand.

use std::collections::BTreeMap;

use halosync::config::kinds::Severity;
use halosync::model::{
    CheckOutcome, Completeness, CompletenessCheck, DirectoryIdentity, Dn, Guid, Location, Name,
    PersonKey, Verdict,
};
use halosync::plan::*;

const PEOPLE: &str = "OU=People,DC=corp,DC=example,DC=test";
const GROUPS: &str = "OU=Groups,DC=corp,DC=example,DC=test";

pub(super) fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

fn moment(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn proven(number: u64) -> Completeness {
    Completeness {
        pages: number.div_ceil(100),
        rows: number,
        distinct: number,
        claimed_total: Some(number),
        reads: 1,
        verdict: Verdict::Proven,
    }
}

fn check(rule: &str, limit: &str, found: &str) -> CompletenessCheck {
    CompletenessCheck {
        rule: rule.to_owned(),
        limit: limit.to_owned(),
        found: found.to_owned(),
        outcome: CheckOutcome::Passed,
    }
}

/// A plan without changes.
pub(super) fn empty() -> Plan {
    let people = Name::new("people");
    let corp = Name::new("corp");
    Plan {
        tool_version: "0.1.0".into(),
        project: Name::new("acme"),
        as_of: moment("2026-11-23T09:00:00Z"),
        not_after: moment("2026-11-24T09:00:00Z"),
        inputs: Inputs {
            undoes: None,
            commit: Some("4f0c3a9d7e21b85566f1d0a2c3b4e5f60718293a".into()),
            author: None,
            uncommitted: false,
            files: BTreeMap::from([
                ("halosync.yaml".to_owned(), "sha256:00".to_owned()),
                ("mappings/employees.yaml".to_owned(), "sha256:01".to_owned()),
            ]),
            last_good: None,
            people: BTreeMap::from([(
                people,
                ReadOfPeople {
                    instance: "https://acme.haloitsm.example/api".into(),
                    read_at: moment("2026-11-23T08:59:40Z"),
                    digest: "sha256:02".into(),
                    people: 1_203,
                    completeness: proven(1_203),
                    checks: vec![
                        check("total", "1203 claimed by the source", "1203 different ids"),
                        check("floor", "at least 50 people", "1203 people"),
                        check(
                            "fall of accounts in corp",
                            "at most 10% of 1198",
                            "4 accounts, 0.3%",
                        ),
                    ],
                    parts: BTreeMap::new(),
                    quality: Vec::new(),
                },
            )]),
            directories: BTreeMap::from([(
                corp.clone(),
                ReadOfDirectory {
                    read_at: moment("2026-11-23T08:59:41Z"),
                    digest: "sha256:03".into(),
                    objects: 1_411,
                    completeness: Completeness {
                        claimed_total: None,
                        ..proven(1_411)
                    },
                },
            )]),
        },
        targets: BTreeMap::from([(
            corp,
            DirectoryIdentity {
                domain_guid: Guid::parse("5f0c1a52-7a0b-4c7e-9a55-3c1d2e4f5a6b").unwrap(),
                domain_sid: "S-1-5-21-1004336348-1177238915-682003330".into(),
                naming_context: dn("DC=corp,DC=example,DC=test"),
                domain_controller: "dc1.corp.example.test".into(),
            },
        )]),
        password_recipients: Vec::new(),
        counts: Counts {
            people: 1_203,
            managed_accounts: 1_198,
            unchanged: 1_203,
            ..Counts::default()
        },
        people_of_targets: BTreeMap::new(),
        removals_held: false,
        narrowed: None,
        base: None,
        since: None,
        rules: [
            ("mappings/employees.yaml", 17, "OU={{ person.department }}"),
            ("mappings/employees.yaml", 31, "{{ person.department }}"),
            ("mappings/employees.yaml", 33, "{{ person.jobTitle }}"),
            ("mappings/employees.yaml", 36, "{{ person.phone }}"),
            (
                "mappings/employees.yaml",
                21,
                "{{ person.givenName }} {{ person.surname }}",
            ),
            ("lifecycle.yaml", 18, "person.endsOn < as_of"),
            ("groups.yaml", 12, "All Staff"),
            ("groups.yaml", 15, "{{ person.department }} Staff"),
            ("mappings/employees.yaml", 12, "{{ person.number }}"),
        ]
        .into_iter()
        .map(|(file, line, text)| Rule {
            location: Location {
                file: file.into(),
                line,
                column: 7,
            },
            text: text.into(),
        })
        .collect(),
        guards: Vec::new(),
        waivers: Vec::new(),
        approvals: Vec::new(),
        changes: Vec::new(),
        exceptions: Vec::new(),
        held: Vec::new(),
        warnings: Vec::new(),
        calendar: Vec::new(),
    }
}

pub(super) const PLACEMENT: RuleIndex = RuleIndex(0);
pub(super) const DEPARTMENT: RuleIndex = RuleIndex(1);
pub(super) const TITLE: RuleIndex = RuleIndex(2);
pub(super) const PHONE: RuleIndex = RuleIndex(3);
pub(super) const NAMING: RuleIndex = RuleIndex(4);
pub(super) const LEAVER: RuleIndex = RuleIndex(5);
pub(super) const EVERYONE: RuleIndex = RuleIndex(6);
pub(super) const UNIT_GROUP: RuleIndex = RuleIndex(7);
pub(super) const ANCHOR: RuleIndex = RuleIndex(8);

pub(super) fn file(content: Plan) -> PlanFile {
    PlanFile {
        format: FORMAT.into(),
        digest: "sha256:3f9a2c1b7d5044e6a8f0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516".into(),
        content,
    }
}

/// Somebody and their account.
#[derive(Clone)]
pub(super) struct Someone {
    pub(super) person: PersonRef,
    pub(super) account: ObjectRef,
}

pub(super) fn someone(key: u64, name: &str, unit: &str) -> Someone {
    let place = dn(&format!("OU={unit},{PEOPLE}"));
    Someone {
        person: PersonRef {
            source: Name::new("people"),
            key: PersonKey::new(key.to_string()),
            label: name.to_owned(),
        },
        account: ObjectRef::existing(
            Guid::parse(&format!("00000000-0000-4000-8000-{key:012}")).unwrap(),
            place.child("CN", if name.is_empty() { "nobody" } else { name }),
        ),
    }
}

fn group(name: &str) -> ObjectRef {
    ObjectRef::existing(
        Guid::parse("00000000-0000-4000-9000-000000000001").unwrap(),
        dn(GROUPS).child("CN", name),
    )
}

pub(super) fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(field, value)| ((*field).to_owned(), (*value).to_owned()))
        .collect()
}

pub(super) fn because(text: &str, rule: RuleIndex, pairs: &[(&str, &str)]) -> Reason {
    Reason {
        text: text.into(),
        rule,
        facts: facts(pairs),
    }
}

pub(super) fn change(of: &Someone, action: Action, because: Reason) -> Change {
    let (kind, risk, recovery) = match &action {
        Action::Disable {} => ("disable", Risk::High, Recovery::Full),
        Action::RemoveMember { .. } => ("leave", Risk::High, Recovery::Full),
        Action::Create { .. } => ("create", Risk::Medium, Recovery::Partial),
        Action::Modify { .. } => ("modify", Risk::Low, Recovery::Full),
        Action::Move { .. } => ("move", Risk::Medium, Recovery::Full),
        Action::Rename { .. } => ("rename", Risk::Medium, Recovery::Full),
        Action::Enable { .. } => ("enable", Risk::Medium, Recovery::Full),
        Action::Adopt { .. } => ("adopt", Risk::Medium, Recovery::Full),
        Action::AddMember { .. } => ("join", Risk::Medium, Recovery::Full),
        Action::Delete {
            restorable_days: Some(_),
            ..
        } => ("delete", Risk::Irreversible, Recovery::Partial),
        Action::Restore { .. } => ("restore", Risk::High, Recovery::Partial),
        Action::ResetPassword {} => ("reset", Risk::High, Recovery::None),
        Action::Delete { .. } => ("delete", Risk::Irreversible, Recovery::None),
    };
    Change {
        id: ChangeId(format!("{kind}-{}", of.person.key).into()),
        person: of.person.clone(),
        target: Name::new("corp"),
        object: of.account.clone(),
        action,
        depends_on: Vec::new(),
        because,
        cause: Cause::Undetermined,
        risk,
        recovery,
        privileged: false,
        unit: None,
    }
}

pub(super) fn membership(of: &Someone, name: &str, add: bool, because: Reason) -> Change {
    let member = of.account.clone();
    let action = if add {
        Action::AddMember { member }
    } else {
        Action::RemoveMember { member }
    };
    Change {
        object: group(name),
        ..change(of, action, because)
    }
}

pub(super) fn attribute(
    name: &str,
    before: &[&str],
    after: &[&str],
    rule: RuleIndex,
    pairs: &[(&str, &str)],
) -> AttributeChange {
    let values = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| PlanValue::Text((*text).to_owned()))
            .collect()
    };
    AttributeChange {
        name: name.into(),
        before: values(before),
        after: values(after),
        merge: false,
        rule,
        cut_from: None,
        never_reuse: None,
        facts: facts(pairs),
    }
}

pub(super) fn modify(of: &Someone, attributes: Vec<AttributeChange>) -> Change {
    change(
        of,
        Action::Modify { attributes },
        because("", DEPARTMENT, &[]),
    )
}

fn create(of: &Someone) -> Vec<Change> {
    let mut new = of.clone();
    new.account.guid = None;
    let made = change(
        &new,
        Action::Create {
            attributes: vec![
                attribute("cn", &[], &[&of.person.label], NAMING, &[]),
                attribute(
                    "department",
                    &[],
                    &["Sales"],
                    DEPARTMENT,
                    &[("department", "Sales")],
                ),
                attribute(
                    "employeeID",
                    &[],
                    &["E1003"],
                    ANCHOR,
                    &[("number", "E1003")],
                ),
                attribute("sAMAccountName", &[], &["aobrien"], NAMING, &[]),
            ],
            password: PasswordPolicy {
                length: 20,
                must_change: true,
            },
            enable: true,
            replaces: None,
        },
        because("works here, has no account", LEAVER, &[]),
    );
    new.account.created_by = Some(made.id.clone());
    let joined = membership(&new, "All Staff", true, because("everyone", EVERYONE, &[]));
    vec![made, joined]
}

/// A bit of everything.
pub(super) fn everything() -> Plan {
    let mut plan = empty();
    let leaver = someone(1017, "Priya Nair", "Research");
    let mover = someone(1027, "Chris Young", "Sales");
    let bride = someone(1028, "Emma Taylor", "Operations");
    let joiner = someone(1003, "O'Brien, Anne-Marie \"Ann\"", "Sales");
    let adopted = someone(1023, "Peter Novak", "Finance");
    let back = someone(1026, "Lena Fischer", "Research");
    let left = |text: &str| because(text, LEAVER, &[("endsOn", "2026-10-30")]);
    let unit = |text: &str| because(text, UNIT_GROUP, &[("department", "Finance")]);
    plan.changes = vec![
        change(&leaver, Action::Disable {}, left("last day was 2026-10-30")),
        membership(
            &leaver,
            "Research Staff",
            false,
            left("last day was 2026-10-30"),
        ),
        change(
            &leaver,
            Action::Move {
                before: dn(&format!("OU=Research,{PEOPLE}")),
                after: dn("OU=Leavers,DC=corp,DC=example,DC=test"),
                rule: LEAVER,
            },
            left("last day was 2026-10-30"),
        ),
        modify(
            &leaver,
            vec![attribute(
                "description",
                &["Engineer, R&D"],
                &["Left on 2026-10-30"],
                LEAVER,
                &[("endsOn", "2026-10-30")],
            )],
        ),
        membership(
            &mover,
            "Sales Staff",
            false,
            unit("no rule names this person any more"),
        ),
        membership(&mover, "Finance Staff", true, unit("department is Finance")),
        change(
            &mover,
            Action::Move {
                before: dn(&format!("OU=Sales,{PEOPLE}")),
                after: dn(&format!("OU=Finance,{PEOPLE}")),
                rule: PLACEMENT,
            },
            because("", PLACEMENT, &[("department", "Finance")]),
        ),
        modify(
            &mover,
            vec![
                attribute(
                    "department",
                    &["Sales"],
                    &["Finance"],
                    DEPARTMENT,
                    &[("department", "Finance")],
                ),
                AttributeChange {
                    name: "manager".into(),
                    before: Vec::new(),
                    after: vec![PlanValue::Object(back.account.clone())],
                    merge: false,
                    rule: TITLE,
                    facts: facts(&[("managerNumber", "E1026")]),
                    cut_from: None,
                    never_reuse: None,
                },
                attribute("telephoneNumber", &["+44 20 7946 0027"], &[], PHONE, &[]),
            ],
        ),
        change(
            &bride,
            Action::Rename {
                before: "Emma Taylor".into(),
                after: "Emma Wright".into(),
                rule: NAMING,
            },
            because("", NAMING, &[("surname", "Wright")]),
        ),
        modify(
            &bride,
            vec![
                attribute(
                    "info",
                    &[
                        "Dispatcher for the northern depots, reachable by radio during the night shift",
                    ],
                    &[
                        "Dispatcher for the southern depots, reachable by radio during the night shift",
                    ],
                    TITLE,
                    &[],
                ),
                attribute(
                    "proxyAddresses",
                    &["SMTP:emma.taylor@example.com", "smtp:et@example.com"],
                    &["SMTP:emma.wright@example.com", "smtp:et@example.com"],
                    NAMING,
                    &[],
                ),
            ],
        ),
        change(
            &adopted,
            Action::Adopt {
                attribute: attribute(
                    "employeeID",
                    &[],
                    &["E1023"],
                    ANCHOR,
                    &[("number", "E1023")],
                ),
                recognised: None,
                evidence: "mail = peter.novak@example.com".into(),
            },
            because("", ANCHOR, &[]),
        ),
        change(
            &back,
            Action::Enable {
                initial_password: None,
            },
            because("works here", LEAVER, &[]),
        ),
    ];
    plan.changes.extend(create(&joiner));
    for key in 2_000..2_137 {
        let one = someone(key, &format!("Person {key}"), "Research");
        plan.changes.push(modify(
            &one,
            vec![attribute(
                "department",
                &["R&D"],
                &["Research"],
                DEPARTMENT,
                &[("department", "Research")],
            )],
        ));
    }
    let outlier = someone(2_200, "Nobody Placed", "Research");
    plan.changes.push(modify(
        &outlier,
        vec![attribute("department", &["R&D"], &[], DEPARTMENT, &[])],
    ));
    plan.held = vec![
        Held {
            person: Some(someone(1024, "Maria Garcia", "Sales").person),
            accounts: vec![
                someone(1, "Maria Garcia", "Sales").account,
                someone(2, "Maria Garcia (old)", "Operations").account,
            ],
            target: None,
            code: "ambiguous-account".into(),
            reason: "two accounts have mail maria.garcia@example.com".into(),
            help: "give one of them employeeID E1024".into(),
            rule: Some(ANCHOR),
            partial: false,
            guard: None,
            waits: Vec::new(),
        },
        Held {
            person: None,
            accounts: vec![someone(3, "Rita Lowe", "Operations").account],
            target: None,
            code: "absent-person".into(),
            reason: "employeeID E0999 belongs to nobody in people".into(),
            help: "disable it by hand, or give the person an end date".into(),
            rule: None,
            partial: true,
            guard: None,
            waits: Vec::new(),
        },
    ];
    plan.warnings = vec![Warning {
        code: "unmapped-key".into(),
        message: "a site has no row in table city".into(),
        count: 7,
        examples: (1..=7).map(|n| format!("Depot {n}")).collect(),
        unnamed: 3,
    }, Warning {
        code: "uncovered-value".into(),
        message: "no template or condition speaks of 207 values of department".into(),
        count: 814,
        examples: (1..=7)
            .map(|n| {
                format!(
                    "\"Department number {n}\": {} people: Max Webb (10{n}1), Ida Moor (10{n}2), Jo Lund (10{n}3) and {} more",
                    40 - n,
                    37 - n
                )
            })
            .collect(),
        unnamed: 200,
    }];
    plan.counts.unchanged = 1_051;
    plan.password_recipients = vec!["age1example".into()];
    plan
}

/// What an unproven read leaves.
pub(super) fn removals_held() -> Plan {
    let mut plan = empty();
    plan.removals_held = true;
    for read in plan.inputs.people.values_mut() {
        read.people = 700;
        read.completeness = Completeness {
            distinct: 700,
            rows: 702,
            verdict: Verdict::Unproven {
                reasons: vec![
                    "703 people were claimed and 700 distinct ids received".into(),
                    "sentinel 1001 is not visible".into(),
                ],
            },
            ..proven(703)
        };
        read.checks = vec![
            CompletenessCheck {
                outcome: CheckOutcome::Failed,
                ..check("total", "703 claimed by the source", "700 different ids")
            },
            check("floor", "at least 50 people", "700 people"),
            CompletenessCheck {
                outcome: CheckOutcome::Failed,
                ..check("sentinels", "all 2", "1 visible, not 1001")
            },
            CompletenessCheck {
                outcome: CheckOutcome::NotJudged,
                ..check(
                    "fall since the last good read",
                    "at most 5%",
                    "no plan was named with --last-good",
                )
            },
        ];
        read.quality = vec![QualityOutcome {
            field: Name::new("number"),
            asks: "matches ^E\\d{4}$".to_owned(),
            severity: Severity::Hold,
            judged: 690,
            broken: 3,
            rule: RuleIndex(0),
        }];
    }
    plan.inputs.commit = None;
    let back = someone(1026, "Lena Fischer", "Research");
    plan.changes = vec![change(
        &back,
        Action::Enable {
            initial_password: None,
        },
        because("works here", LEAVER, &[]),
    )];
    plan
}

/// The names that break other tools, everywhere a name can stand.
pub(super) fn hostile(text: &str) -> Plan {
    let mut plan = empty();
    let leaver = someone(1, text, "Research");
    let other = someone(2, text, "Sales");
    plan.changes = vec![
        change(
            &leaver,
            Action::Disable {},
            because(text, LEAVER, &[("endsOn", text)]),
        ),
        membership(&leaver, text, false, because(text, LEAVER, &[(text, text)])),
        modify(
            &other,
            vec![
                attribute(
                    "department",
                    &[text],
                    &["plain"],
                    DEPARTMENT,
                    &[("department", text)],
                ),
                attribute(
                    "info",
                    &[&format!("{text}{}", "x".repeat(60))],
                    &[&format!("{text}{}", "y".repeat(60))],
                    TITLE,
                    &[],
                ),
                attribute(text, &[text, "a"], &[text, "b"], TITLE, &[]),
                attribute("title", &[], &[text], TITLE, &[(text, text)]),
            ],
        ),
        change(
            &other,
            Action::Rename {
                before: text.to_owned(),
                after: format!("{text}2"),
                rule: NAMING,
            },
            because(text, NAMING, &[]),
        ),
        change(
            &other,
            Action::Adopt {
                attribute: attribute("employeeID", &[], &[text], ANCHOR, &[]),
                recognised: None,
                evidence: text.to_owned(),
            },
            because(text, ANCHOR, &[]),
        ),
        membership(&other, text, true, because(text, UNIT_GROUP, &[])),
    ];
    plan.changes.extend(create(&someone(3, text, "Sales")));
    plan.held = vec![Held {
        person: Some(other.person.clone()),
        accounts: vec![leaver.account.clone()],
        target: None,
        code: text.to_owned(),
        reason: text.to_owned(),
        help: format!("{text} "),
        rule: Some(NAMING),
        partial: false,
        guard: None,
        waits: Vec::new(),
    }];
    plan.warnings = vec![Warning {
        code: text.to_owned(),
        message: text.to_owned(),
        count: 1,
        examples: vec![text.to_owned()],
        unnamed: 0,
    }];
    plan.tool_version = text.to_owned();
    plan.inputs.commit = Some(text.to_owned());
    plan.removals_held = true;
    for read in plan.inputs.people.values_mut() {
        read.instance = text.to_owned();
        read.completeness.verdict = Verdict::Unproven {
            reasons: vec![text.to_owned()],
        };
    }
    for rule in &mut plan.rules {
        rule.location.file = format!("{text}.yaml").into();
    }
    plan
}
