//! What people's values must be, and what a read must show, through whole plans.

use std::collections::BTreeMap;

use halosync::config::Config;
use halosync::intake::{Intake, Taker};
use halosync::model::{
    CheckOutcome, Completeness, DirectorySnapshot, Name, PeopleHeader, PeopleSnapshot, Verdict,
};
use halosync::plan::{Plan, PlanError, PlanFile, PlanInput, build, seal};
use halosync::snapshot::{read_directory, read_people, write_people};
use serde_json::{Value, json};

use super::golden_root;
use crate::schema::{files_below, load};

/// The configuration of the golden folder `joiner` with other fields and checks.
fn config(fields: &str, completeness: &str) -> Config {
    let mut files = files_below(&golden_root().join("joiner/config"));
    let source = String::from_utf8(files["source.yaml"].clone()).unwrap();
    let lines: Vec<&str> = source.lines().collect();
    let text: String = lines
        .iter()
        .filter(|line| !line.trim_start().starts_with("completeness:"))
        .flat_map(|line| {
            let name = line.trim_start().split(':').next().unwrap_or_default();
            let replaced = fields
                .lines()
                .find(|field| !name.is_empty() && field.starts_with(&format!("{name}:")));
            match replaced {
                Some(field) => format!("      {field}\n"),
                None => format!("{line}\n"),
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect();
    let text = format!("{text}  completeness: {completeness}\n");
    files.insert("source.yaml".to_owned(), text.into_bytes());
    let loaded = load(&files);
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn directory() -> DirectorySnapshot {
    read_directory(&std::fs::read(golden_root().join("joiner/directory.jsonl")).unwrap()).unwrap()
}

/// People as they come of these rows.
fn people(config: &Config, rows: &[Value]) -> PeopleSnapshot {
    let source = &config.sources["people"];
    let zone = jiff::tz::TimeZone::get(&config.project.spec.time_zone).unwrap();
    let intake = Intake::compile(source, &zone).unwrap();
    let mut taker = Taker::new(&intake);
    for row in rows {
        taker.push(row);
    }
    let taken = taker.finish();
    PeopleSnapshot {
        header: PeopleHeader {
            format: "halosync/people/v1".to_owned(),
            source: source.name.clone(),
            instance: "https://halo.example.test/api".to_owned(),
            tenant: None,
            read_at: "2026-11-23T08:00:00Z".parse().unwrap(),
            fields: taken.fields,
            completeness: Completeness {
                pages: 1,
                rows: taken.rows,
                distinct: taken.distinct,
                claimed_total: Some(taken.distinct),
                reads: 1,
                verdict: Verdict::Proven,
            },
            rejected: taken.rejected,
            joined: Vec::new(),
        },
        people: taken.people,
    }
}

/// Somebody of the golden folder's kind.
fn row(id: u64, number: &str, more: Value) -> Value {
    let mut row = json!({
        "id": id, "name": format!("Person {id}"), "firstname": "Ana", "surname": format!("Surname{id}"),
        "emailaddress": format!("p{id}@example.test"), "phonenumber": "", "title": "", "other3": "Sales",
        "inactive": false,
        "customfields": [
            {"name": "CFemployeeNumber", "value": number},
            {"name": "CFmanagerId", "value": ""},
            {"name": "CFendDate", "value": ""},
        ],
    });
    for (name, value) in more.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

fn plan(
    config: &Config,
    people: &PeopleSnapshot,
    last_good: Option<&PlanFile>,
) -> Result<Plan, PlanError> {
    // Through a recording, so that what is recorded is enough.
    let mut recorded = Vec::new();
    write_people(people, &mut recorded).unwrap();
    let again = read_people(&recorded).unwrap();
    assert_eq!(again, *people);
    let reads = BTreeMap::from([(Name::new("people"), again)]);
    let corp = config.directories.keys().next().unwrap().clone();
    let directories = BTreeMap::from([(corp, directory())]);
    build(PlanInput {
        config,
        people: &reads,
        directories: &directories,
        last_good,
        as_of: "2026-11-23T09:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
}

fn held(plan: &Plan) -> Vec<(String, String, String)> {
    plan.held
        .iter()
        .filter_map(|held| {
            let person = held.person.as_ref()?;
            Some((
                person.key.as_str().to_owned(),
                held.code.clone(),
                held.reason.clone(),
            ))
        })
        .collect()
}

#[test]
fn a_value_that_breaks_a_rule_holds_that_person_and_nobody_else() {
    let config = config(
        r"number: {from: customField('CFemployeeNumber'), required: hold, unique: true, rules: [{pattern: '^E\d{4}$', message: an E and four digits}, {maxLength: 5}]}
title: {from: users.title, rules: [{oneOf: [Engineer, Manager], severity: warn}]}
endsOn: {from: customField('CFendDate'), type: date, format: '%d/%m/%Y'}",
        "{floor: 1}",
    );
    let ends = |number: &str, date: &str| {
        json!({"customfields": [
            {"name": "CFemployeeNumber", "value": number}, {"name": "CFmanagerId", "value": ""},
            {"name": "CFendDate", "value": date},
        ]})
    };
    let rows = [
        row(1, "E0001", json!({})),
        row(2, "X12", json!({})),
        row(3, "E0003", ends("E0003", "31/12/2030")),
        row(4, "E0004", ends("E0004", "2030-12-31")),
        row(5, "E0005", json!({"title": "Enginer"})),
        row(6, "E0006", json!({})),
        row(7, "e0006", json!({})),
        row(8, "", json!({})),
    ];
    let people = people(&config, &rows);
    let plan = plan(&config, &people, None).unwrap();
    let expected = [
        ("2", "quality", r#"number "X12" does not match ^E\d{4}$ (an E and four digits)"#),
        ("4", "invalid-value", r#"endsOn: "2030-12-31" is not a date written %d/%m/%Y"#),
        ("6", "duplicate-value", "number must be unique and other people have the same value"),
        (
            "7",
            "duplicate-value",
            r#"number must be unique and other people have the same value; number "e0006" does not match ^E\d{4}$ (an E and four digits)"#,
        ),
        ("8", "missing-value", "number is required and has no value"),
    ]
    .map(|(key, code, reason)| (key.to_owned(), code.to_owned(), reason.to_owned()));
    assert_eq!(held(&plan), expected);
    let concerned: std::collections::BTreeSet<&str> = plan
        .changes
        .iter()
        .map(|change| change.person.key.as_str())
        .collect();
    assert_eq!(concerned.into_iter().collect::<Vec<_>>(), ["1", "3", "5"]);
    let warning = plan
        .warnings
        .iter()
        .find(|warning| warning.code == "quality")
        .unwrap();
    assert_eq!(
        warning.message,
        "people: not everybody's title is one of Engineer, Manager"
    );
    assert_eq!(
        warning.examples,
        [r#"Person 5 (5): "Enginer" is none of the values there may be"#]
    );
    let outcomes: Vec<(String, u64)> = plan.inputs.people["people"]
        .quality
        .iter()
        .filter(|outcome| outcome.broken > 0)
        .map(|outcome| {
            (
                format!("{} {}", outcome.field, outcome.asks),
                outcome.broken,
            )
        })
        .collect();
    let expected = [
        ("endsOn is a date", 1),
        ("number is required", 1),
        ("number is unique", 2),
        (r"number matches ^E\d{4}$", 2),
        ("title is one of Engineer, Manager", 1),
    ]
    .map(|(asks, broken)| (asks.to_owned(), broken));
    assert_eq!(outcomes, expected);
}

/// P8.
#[test]
fn the_order_of_people_does_not_matter() {
    let config = config(
        r"number: {from: customField('CFemployeeNumber'), required: warn, unique: warn, rules: [{pattern: '^E', severity: warn}, {minLength: 5}]}",
        "{floor: 1, parts: [{field: department, present: [sales]}]}",
    );
    let rows: Vec<Value> = (1..60)
        .map(|id| {
            let number = match id % 5 {
                0 => String::new(),
                1 => "E1".to_owned(),
                2 => format!("X{id:04}"),
                _ => format!("E{:04}", id % 7),
            };
            row(
                id,
                &number,
                json!({"other3": if id % 2 == 0 { "Sales" } else { "SALES" }}),
            )
        })
        .collect();
    let people = people(&config, &rows);
    let forward = plan(&config, &people, None).unwrap();
    let mut reads = people.clone();
    reads.people.reverse();
    let reads = BTreeMap::from([(Name::new("people"), reads)]);
    let corp = config.directories.keys().next().unwrap().clone();
    let directories = BTreeMap::from([(corp, directory())]);
    let backward = build(PlanInput {
        config: &config,
        people: &reads,
        directories: &directories,
        last_good: None,
        as_of: "2026-11-23T09:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
    .unwrap();
    assert!(!forward.held.is_empty() && forward.warnings.len() > 2);
    assert_eq!(
        forward.inputs.people["people"].parts["department"],
        BTreeMap::from([("SALES".to_owned(), 59)])
    );
    assert_eq!(seal(forward), seal(backward));
}

#[test]
fn a_rule_that_stops_makes_no_plan_and_names_who() {
    let config = config(
        r"number: {from: customField('CFemployeeNumber'), required: stop, unique: stop, rules: [{pattern: '^E\d{4}$', severity: stop}]}",
        "{floor: 1}",
    );
    let good = people(&config, &[row(1, "E0001", json!({}))]);
    assert!(plan(&config, &good, None).is_ok());
    let rows = [
        row(10, "X", json!({})),
        row(9, "", json!({})),
        row(1, "E0001", json!({})),
    ];
    let people = people(&config, &rows);
    let Err(PlanError::Stopped { count, people }) = plan(&config, &people, None) else {
        panic!("it must stop");
    };
    assert_eq!(count, 2);
    assert!(
        people[0]
            .starts_with("people, Person 9 (9): number is required and has no value (source.yaml:"),
        "{people:?}"
    );
    assert!(
        people[1].starts_with(
            r#"people, Person 10 (10): number "X" does not match ^E\d{4}$ (source.yaml:"#
        ),
        "{people:?}"
    );
}

#[test]
fn every_kind_of_rule_finds_what_breaks_it() {
    let photo = |bytes: &[u8]| {
        use base64::Engine as _;
        json!(base64::engine::general_purpose::STANDARD.encode(bytes))
    };
    let config = config(
        "phone: {from: users.phonenumber, type: integer, rules: [{min: 10, max: 20}], invalid: hold}
title: {from: users.title, type: binary, maxBytes: 8, rules: [{image: [jpeg, png]}]}
email: {from: users.emailaddress, type: email, invalid: hold}
managerKey: {from: customField('CFmanagerId'), type: date}
endsOn: {from: customField('CFendDate'), type: date, rules: [{notBefore: managerKey}]}",
        "{floor: 1}",
    );
    let dates = |id: u64, from: &str, to: &str| {
        row(
            id,
            &format!("E{id}"),
            json!({"customfields": [
                {"name": "CFemployeeNumber", "value": format!("E{id}")},
                {"name": "CFmanagerId", "value": from},
                {"name": "CFendDate", "value": to},
            ]}),
        )
    };
    let rows = [
        row(
            1,
            "E1",
            json!({"phonenumber": "9", "emailaddress": "Ana@EXAMPLE.test"}),
        ),
        row(
            2,
            "E2",
            json!({"phonenumber": 21, "title": photo(b"\xff\xd8\xff\xe0")}),
        ),
        row(
            3,
            "E3",
            json!({"phonenumber": "ten", "title": photo(b"\x89PNG\r\n\x1a\n")}),
        ),
        row(4, "E4", json!({"title": photo(b"GIF89a")})),
        row(
            5,
            "E5",
            json!({"title": photo(&[0xff, 0xd8, 0xff, 0, 0, 0, 0, 0, 0])}),
        ),
        row(6, "E6", json!({"emailaddress": "ana at example.test"})),
        dates(7, "2026-12-02", "2026-12-01"),
        dates(8, "2026-12-01", "2026-12-01"),
        dates(9, "", "2026-12-01"),
    ];
    let people = people(&config, &rows);
    let plan = plan(&config, &people, None).unwrap();
    let expected = [
        ("1", "phone 9 is less than 10"),
        ("2", "phone 21 is more than 20"),
        ("3", r#"phone: "ten" is not a whole number"#),
        ("4", "title of 6 bytes is not JPEG or PNG"),
        ("5", "title: it has about 9 bytes, more than 8"),
        (
            "6",
            r#"email: "ana at example.test" is not an e-mail address"#,
        ),
        ("7", "endsOn 2026-12-01 is before managerKey 2026-12-02"),
    ];
    let found: Vec<(String, String)> = held(&plan)
        .into_iter()
        .map(|(key, _, reason)| (key, reason))
        .collect();
    for (key, reason) in expected {
        assert!(
            found.contains(&(key.to_owned(), reason.to_owned())),
            "{key} {reason}: {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    // Nothing bulky, and no photo, in what people read.
    let file = seal(plan);
    let text = halosync::plan::to_bytes(&file);
    assert!(!String::from_utf8(text).unwrap().contains("R0lGODlh"));
}

fn outcome(plan: &Plan, rule: &str) -> Option<(CheckOutcome, String)> {
    let checks = &plan.inputs.people["people"].checks;
    let check = checks.iter().find(|check| check.rule == rule)?;
    Some((check.outcome, check.found.clone()))
}

#[test]
fn parts_and_the_last_good_read_are_judged_and_told() {
    let config = config(
        "",
        "{floor: 2, sentinels: [1], maxFall: 100%, parts: [{field: department, present: [Sales, Research], floor: 2, asLastGood: true}], lastGood: {maxFall: 20%}}",
    );
    let somebody =
        |id: u64, department: &str| row(id, &format!("E{id}"), json!({"other3": department}));
    let whole: Vec<Value> = (1..=10)
        .map(|id| somebody(id, ["Sales", "Research", "Finance"][id as usize % 3]))
        .collect();
    let first = plan(&config, &people(&config, &whole), None).unwrap();
    let read = &first.inputs.people["people"];
    assert!(read.completeness.is_proven(), "{read:#?}");
    let not_judged = (
        CheckOutcome::NotJudged,
        "no plan was named with --last-good".to_owned(),
    );
    assert_eq!(
        outcome(&first, "fall since the last good read"),
        Some(not_judged)
    );
    assert_eq!(
        outcome(&first, "parts by department"),
        Some((CheckOutcome::Passed, "all 2".to_owned()))
    );
    assert_eq!(read.parts["department"].values().sum::<u64>(), 10);
    let first = seal(first);

    // The same again: nothing fell.
    let same = plan(&config, &people(&config, &whole), Some(&first)).unwrap();
    assert!(same.inputs.people["people"].completeness.is_proven());
    assert_eq!(same.inputs.last_good.as_ref().unwrap().digest, first.digest);
    assert_eq!(
        outcome(&same, "fall since the last good read"),
        Some((CheckOutcome::Passed, "0 fewer, 0.0%".to_owned()))
    );

    // Finance is gone, and with it more than a fifth.
    let less: Vec<Value> = whole
        .iter()
        .filter(|row| row["other3"] != "Finance")
        .cloned()
        .collect();
    let fallen = plan(&config, &people(&config, &less), Some(&first)).unwrap();
    assert!(fallen.removals_held);
    let Verdict::Unproven { reasons } = &fallen.inputs.people["people"].completeness.verdict else {
        panic!("it must be unproven");
    };
    assert_eq!(
        *reasons,
        [
            "nobody of department Finance was read, the last good read had 3 people",
            "7 people were read, 3 fewer than the 10 of the last good read; that is a fall of more than 20%",
        ]
    );
    // A read that fell is no measure for the next.
    let fallen = seal(fallen);
    let next = plan(&config, &people(&config, &whole), Some(&fallen)).unwrap();
    assert_eq!(
        outcome(&next, "parts by department as last good"),
        Some((
            CheckOutcome::NotJudged,
            "the read of the plan named was not proven complete itself".to_owned()
        ))
    );

    // A part that must be there and is not, whatever was before.
    let sales: Vec<Value> = (1..=10).map(|id| somebody(id, "Sales")).collect();
    let plan = plan(&config, &people(&config, &sales), None).unwrap();
    assert!(plan.removals_held);
    assert_eq!(
        outcome(&plan, "parts by department"),
        Some((CheckOutcome::Failed, "Research has 0".to_owned()))
    );
}

#[test]
fn a_last_good_read_that_must_be_there_and_is_not_proves_nothing() {
    let config = config("", "{lastGood: {maxFall: 20%, required: true}}");
    let people = people(&config, &[row(1, "E1", json!({}))]);
    let without = plan(&config, &people, None).unwrap();
    assert!(without.removals_held);
    assert_eq!(
        outcome(&without, "last-good").unwrap().0,
        CheckOutcome::Failed
    );
    let good = config_free_of_last_good(&people);
    let with = plan(&config, &people, Some(&good)).unwrap();
    assert!(!with.removals_held);
}

fn config_free_of_last_good(people: &PeopleSnapshot) -> PlanFile {
    let config = config("", "{}");
    seal(plan(&config, people, None).unwrap())
}
