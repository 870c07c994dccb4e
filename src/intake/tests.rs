//! Raw rows as HaloITSM sends them, and what they become.

use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::config::{Document, Positions, kinds};
use crate::model::{Fact, JoinHold, JoinWhy};

mod declared;
mod properties;

fn source(person: Value) -> Document<kinds::Source> {
    let spec = json!({
        "preset": "haloitsm",
        "resourceServer": "https://acme.haloitsm.example/api",
        "authorisationServer": "https://acme.haloitsm.example/auth",
        "auth": {"oauth2": {"clientId": {"env": "ID"}, "clientSecret": {"env": "SECRET"}}},
        "person": person,
    });
    Document {
        name: Name::new("people"),
        description: None,
        spec: serde_json::from_value(spec).unwrap(),
        positions: Arc::new(Positions::default()),
    }
}

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

fn intake(person: Value) -> Intake {
    Intake::compile(&source(person), &london()).unwrap()
}

fn acme() -> Intake {
    intake(json!({
        "include": "not users.isserviceaccount and not users.is_prospect",
        "fields": {
            "number": {"from": "customField('CFemployeeNumber')"},
            "givenName": {"from": "users.firstname"},
            "siteId": {"from": "users.site_id", "type": "integer", "none": ["0", "-1"]},
            "inactive": {"from": "users.inactive", "type": "boolean"},
            "endsOn": {"from": "customField('CFendDate')", "type": "date"},
            "updated": {"from": "users.ulastupdate", "type": "dateTime"},
            "department": {"from": "users.other3", "none": ["n/a"]},
        },
    }))
}

fn take(intake: &Intake, rows: &[Value]) -> Taken {
    let mut taker = Taker::new(intake);
    taker.next_page();
    for row in rows {
        taker.push(row);
    }
    taker.finish()
}

/// The fact one value becomes in a field of one type.
fn fact_of(fact_type: &str, value: &Value) -> Result<Option<Fact>, String> {
    let intake = intake(json!({
        "fields": {"x": {"from": "users.x", "type": fact_type, "none": ["n/a", "-1"]}},
    }));
    let taken = take(&intake, &[json!({"id": 1, "x": value})]);
    match (taken.people.first(), taken.rejected.first()) {
        (Some(person), None) => match &*person.faults {
            [] => Ok(person.facts[0].clone()),
            [fault] => {
                assert_eq!(person.facts[0], None);
                Err(format!("field x: {}", fault.reason))
            }
            several => panic!("{several:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_as_the_list_sends_it() {
    fn shared<T: Send + Sync>(_: &T) {}
    let intake = acme();
    shared(&intake);
    let names: Vec<_> = intake
        .fields()
        .into_iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "department",
            "endsOn",
            "givenName",
            "inactive",
            "number",
            "siteId",
            "updated"
        ]
    );
    assert_eq!(intake.custom_fields(), ["CFemployeeNumber", "CFendDate"]);
    let taken = take(
        &intake,
        &[json!({
            "id": 1042.0,
            "name": "Zoë Doe",
            "firstname": " Zoe\u{308} ",
            "site_id": 18.0,
            "inactive": false,
            "isserviceaccount": false,
            "other3": "Research &amp; Development",
            "customfields": [
                {"id": 9, "name": "CFendDate", "value": "2026-03-31T23:00:00.0000000Z", "display": "31/03/2026"},
                {"id": 7, "name": "CFemployeeNumber", "value": 77, "display": "seventy-seven"},
            ],
        })],
    );
    assert_eq!(taken.rejected, []);
    let person = &taken.people[0];
    assert_eq!(person.key.as_str(), "1042");
    assert!(person.in_scope);
    assert_eq!(
        *person.facts,
        [
            Some(Fact::Text("Research & Development".into())),
            // Midnight of 1 April in London.
            Some(Fact::Date(date(2026, 4, 1))),
            Some(Fact::Text("Zoë".into())),
            Some(Fact::Boolean(false)),
            Some(Fact::Text("77".into())),
            Some(Fact::Integer(18)),
            None,
        ]
    );
}

#[test]
fn absent_none_and_not_delivered_are_three_things() {
    let intake = acme();
    let delivered = |rows: &[Value]| -> Vec<String> {
        take(&intake, rows)
            .fields
            .into_iter()
            .filter(|field| field.delivered)
            .map(|field| field.name.to_string())
            .collect()
    };
    assert_eq!(delivered(&[]), [""; 0]);
    // What every version lists is delivered by any row: nulls are left out.
    let always = ["department", "givenName", "inactive", "siteId"];
    assert_eq!(delivered(&[json!({"id": 1})]), always);
    // Of the rest one row with the member is enough, even when it is empty or null there.
    assert_eq!(
        delivered(&[json!({"id": 1}), json!({"id": 2, "ulastupdate": null})]),
        ["department", "givenName", "inactive", "siteId", "updated"]
    );
    // The list of custom fields being there says nothing about one it never holds.
    assert_eq!(
        delivered(&[json!({"id": 1, "customfields": [{"name": "CFendDate"}]})]),
        ["department", "endsOn", "givenName", "inactive", "siteId"]
    );
    // Rejected rows show what the view has, too.
    assert_eq!(delivered(&[json!({"firstname": "Ana"})]), always);
}

#[test]
fn a_field_of_two_members_is_delivered_when_both_are() {
    let intake =
        intake(json!({"fields": {"mail": {"from": "users.email2 or users.emailaddress"}}}));
    let of = |rows: &[Value]| take(&intake, rows).fields[0].delivered;
    assert!(!of(&[json!({"id": 1, "emailaddress": "ana@example.com"})]));
    assert!(of(&[
        json!({"id": 1, "emailaddress": "ana@example.com"}),
        json!({"id": 2, "email2": ""})
    ]));
}

#[test]
fn what_means_none() {
    for fact_type in ["text", "integer", "boolean", "date", "dateTime", "list"] {
        for none in [
            json!(null),
            json!(""),
            json!("  \u{a0}"),
            json!("&nbsp;"),
            json!([]),
            json!([null]),
            json!("n/a"),
            json!(-1),
            json!(-1.0),
        ] {
            assert_eq!(fact_of(fact_type, &none), Ok(None), "{fact_type}: {none}");
        }
    }
    for fact_type in ["text", "date", "dateTime", "list"] {
        for none in [
            "1899-12-30T00:00:00",
            "1899-12-30T11:22:33.5",
            "1900-01-01T00:00:00Z",
            "0001-01-01T00:00:00",
            "0001-01-01",
        ] {
            assert_eq!(
                fact_of(fact_type, &json!(none)),
                Ok(None),
                "{fact_type}: {none}"
            );
        }
    }
    // Zero is a number like any other unless it is listed.
    assert_eq!(fact_of("integer", &json!(0)), Ok(Some(Fact::Integer(0))));
    assert_eq!(fact_of("text", &json!(0)), Ok(Some(Fact::Text("0".into()))));
}

#[test]
fn texts_are_cleaned_once() {
    for (raw, expected) in [
        (json!("  O&#39;Brien "), "O'Brien"),
        (
            json!("a &lt;b&gt; &quot;c&quot; &apos;d&apos; &#x41;&#66;"),
            "a <b> \"c\" 'd' AB",
        ),
        // Once: what was meant literally stays.
        (json!("&amp;lt;"), "&lt;"),
        (
            json!("R&D; AT&T &unknown; &#; &#xZZ; &"),
            "R&D; AT&T &unknown; &#; &#xZZ; &",
        ),
        (json!("&#0;&#10;x"), "&#0;&#10;x"),
        (json!("e\u{301}"), "é"),
        (json!(18.0), "18"),
        (json!(18.5), "18.5"),
        (json!(true), "true"),
        (json!(["only"]), "only"),
        (json!("{{ 7*7 }}"), "{{ 7*7 }}"),
        (json!("1975-01-01T00:00:00"), "1975-01-01T00:00:00"),
    ] {
        assert_eq!(
            fact_of("text", &raw),
            Ok(Some(Fact::Text(expected.into()))),
            "{raw}"
        );
    }
    assert!(
        fact_of("text", &json!(["a", "b"]))
            .unwrap_err()
            .contains("type: list")
    );
    assert!(
        fact_of("text", &json!({"a": 1}))
            .unwrap_err()
            .contains("object")
    );
}

#[test]
fn numbers_and_flags() {
    for raw in [
        json!(18),
        json!(18.0),
        json!("18"),
        json!(" 18 "),
        json!("18.0"),
    ] {
        assert_eq!(
            fact_of("integer", &raw),
            Ok(Some(Fact::Integer(18))),
            "{raw}"
        );
    }
    for raw in [
        json!(18.5),
        json!("x"),
        json!(1e300),
        json!(true),
        json!("1.50"),
    ] {
        let reason = fact_of("integer", &raw).unwrap_err();
        assert!(
            reason.starts_with("field x: ") && reason.ends_with("is not a whole number"),
            "{reason}"
        );
    }
    for (raw, flag) in [
        (json!(true), true),
        (json!("True"), true),
        (json!(1), true),
        (json!("1"), true),
        (json!(1.0), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(0), false),
    ] {
        assert_eq!(
            fact_of("boolean", &raw),
            Ok(Some(Fact::Boolean(flag))),
            "{raw}"
        );
    }
    for raw in [json!("yes"), json!(2), json!("x")] {
        assert!(fact_of("boolean", &raw).is_err(), "{raw}");
    }
}

#[test]
fn dates_are_days_of_the_project() {
    let day = |raw: &str| fact_of("date", &json!(raw));
    for (raw, expected) in [
        ("2026-01-31", date(2026, 1, 31)),
        // Midnight is how a date without a time is stored: that very day, in every zone.
        ("2026-07-01T00:00:00", date(2026, 7, 1)),
        ("2026-07-01T00:00:00.0000000Z", date(2026, 7, 1)),
        ("2026-07-01T00:00:00+02:00", date(2026, 7, 1)),
        // Any other time is a moment in UTC, and the day it falls on in London counts.
        ("2026-06-30T23:00:00", date(2026, 7, 1)),
        ("2026-06-30T22:59:59.999", date(2026, 6, 30)),
        ("2026-06-30T23:30:00Z", date(2026, 7, 1)),
        ("2026-12-31T23:30:00", date(2026, 12, 31)),
        ("2026-06-30 23:30:00", date(2026, 7, 1)),
    ] {
        assert_eq!(day(raw), Ok(Some(Fact::Date(expected))), "{raw}");
    }
    for raw in [
        "soon",
        "31/01/2026",
        "2026-02-30",
        "20260131",
        "2026-W05-6",
        "2026-01-31T25:00:00",
        "2026-01-31T",
        "2026-01-31T10:00:00[Europe/London]",
        "2026-01-31x",
        "20260131T000000",
    ] {
        let reason = day(raw).unwrap_err();
        assert!(
            reason.contains(raw) && reason.contains("is not a date"),
            "{raw}: {reason}"
        );
    }
    assert!(fact_of("date", &json!(20260131)).is_err());
    let long = "x".repeat(500);
    assert!(
        day(&long).unwrap_err().len() < 150,
        "long values are shortened"
    );
}

#[test]
fn moments_without_a_zone_are_utc() {
    for (raw, expected) in [
        ("2022-09-26T16:15:38.897", "2022-09-26T16:15:38.897Z"),
        ("2019-01-09T09:37:08.7", "2019-01-09T09:37:08.7Z"),
        ("2024-06-20T00:00:00.0000000Z", "2024-06-20T00:00:00Z"),
        ("2024-06-20T02:00:00+02:00", "2024-06-20T00:00:00Z"),
        ("2024-06-20", "2024-06-20T00:00:00Z"),
    ] {
        let expected = expected.parse().unwrap();
        assert_eq!(
            fact_of("dateTime", &json!(raw)),
            Ok(Some(Fact::DateTime(expected))),
            "{raw}"
        );
    }
    assert!(fact_of("dateTime", &json!("later")).is_err());
}

#[test]
fn lists_come_in_several_shapes() {
    let two = Fact::List(["Sales", "IT"].map(Into::into).into());
    for raw in [
        json!(["Sales", "IT"]),
        json!("Sales, IT"),
        json!(["Sales", "", null, " IT ", "Sales"]),
        json!([{"id": 1, "name": "Sales"}, {"id": 2, "name": "IT"}]),
        json!([{"id": 1, "value": "Sales"}, "IT"]),
    ] {
        assert_eq!(fact_of("list", &raw), Ok(Some(two.clone())), "{raw}");
    }
    assert_eq!(
        fact_of("list", &json!(3)),
        Ok(Some(Fact::List(["3"].map(Into::into).into())))
    );
    for raw in [json!([[1]]), json!([{"x": 1}]), json!({"name": "x"})] {
        assert!(fact_of("list", &raw).is_err(), "{raw}");
    }
}

#[test]
fn rows_without_a_good_id_are_rejected_by_place() {
    let taken = take(
        &acme(),
        &[
            json!({"firstname": "Ana"}),
            json!({"id": 18.5}),
            json!({"id": null}),
            json!({"id": "x1"}),
            json!([]),
            json!("row"),
            json!({"id": "7"}),
        ],
    );
    let rejected: Vec<_> = taken
        .rejected
        .iter()
        .map(|row| (row.row.as_str(), row.reason.as_str()))
        .collect();
    assert_eq!(
        rejected,
        [
            ("page 1, row 1", "it has no `id`"),
            ("page 1, row 2", "its `id` 18.5 is not a whole number"),
            ("page 1, row 3", "it has no `id`"),
            ("page 1, row 4", "its `id` \"x1\" is not a whole number"),
            ("page 1, row 5", "it has no `id`"),
            ("page 1, row 6", "it has no `id`"),
        ]
    );
    assert_eq!((taken.rows, taken.distinct, taken.people.len()), (7, 1, 1));
}

#[test]
fn a_bad_fact_is_a_fault_of_that_person_and_nobody_else() {
    let row = |id: u64, end: &str| json!({"id": id, "customfields": [{"name": "CFendDate", "value": end}]});
    let taken = take(
        &acme(),
        &[row(1, "2026-01-01"), row(2, "abc"), row(3, "2026-01-01")],
    );
    assert_eq!(taken.rejected, []);
    assert_eq!((taken.people.len(), taken.distinct), (3, 3));
    let [one, two, three] = taken.people.as_slice() else {
        panic!("three people")
    };
    assert!(one.faults.is_empty() && three.faults.is_empty());
    assert_eq!(
        *two.faults,
        [Fault {
            field: FieldIndex(1),
            reason: "\"abc\" is not a date".to_owned()
        }]
    );
    assert_eq!(two.facts[1], None);
}

#[test]
fn who_is_left_out_is_known_and_not_judged() {
    let taken = take(
        &acme(),
        &[
            json!({"id": 1, "isserviceaccount": true, "site_id": "nonsense", "firstname": "Robot"}),
            json!({"id": 2, "is_prospect": true}),
            json!({"id": 3, "name": " general USER "}),
            json!({"id": 4, "isserviceaccount": null, "name": "General Userman"}),
        ],
    );
    assert_eq!(taken.rejected, []);
    let in_scope: Vec<_> = taken.people.iter().map(|person| person.in_scope).collect();
    assert_eq!(in_scope, [false, false, false, true]);
    assert_eq!(taken.people[0].facts[2], Some(Fact::Text("Robot".into())));
    assert_eq!(taken.people[0].facts[5], None);
}

#[test]
fn of_rows_with_one_id_the_last_counts() {
    let intake = acme();
    let mut taker = Taker::new(&intake);
    taker.next_page();
    taker.push(&json!({"id": 10, "firstname": "Old"}));
    taker.push(&json!({"id": 9.0, "firstname": "Nine"}));
    taker.next_page();
    taker.push(&json!({"id": "10", "firstname": "New"}));
    taker.push(&json!({"id": 2, "firstname": "Two"}));
    assert!(taker.has(&PersonKey::new("10")) && !taker.has(&PersonKey::new("3")));
    assert_eq!((taker.rows(), taker.distinct()), (4, 3));
    let taken = taker.finish();
    let people: Vec<_> = taken
        .people
        .iter()
        .map(|person| {
            (
                person.key.as_str(),
                person.facts[2].as_ref().unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(
        people,
        [
            ("2", "Two".to_owned()),
            ("9", "Nine".to_owned()),
            ("10", "New".to_owned())
        ]
    );
}

#[test]
fn what_cannot_be_compiled_is_reported_whole() {
    let broken = source(json!({
        "key": "id",
        "include": "user.x",
        "fields": {"a": {"from": "users."}, "b": {"from": "usrs.b"}},
    }));
    let codes: Vec<_> = Intake::compile(&broken, &london())
        .unwrap_err()
        .into_iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(
        codes,
        [
            "intake-key",
            "language-unknown-variable",
            "language-syntax",
            "language-unknown-variable"
        ]
    );
    let mut other =
        source(json!({"fields": {"a": {"from": "sites.name"}, "b": {"from": "users.name"}}}));
    other.spec.endpoints = ["users", "sites"]
        .into_iter()
        .map(|name| {
            let endpoint = serde_json::from_value(json!({"path": "/x"})).unwrap();
            (name.to_owned(), endpoint)
        })
        .collect();
    // Another endpoint's members are as good as any; none of them stands in a row that has nothing joined to it.
    let joined = Intake::compile(&other, &london()).unwrap();
    let row = json!({"id": 1});
    let mut taker = Taker::new(&joined);
    taker.push(&row);
    let taken = taker.finish();
    assert!(!taken.fields[0].delivered);
    let site = json!({"name": "Leeds"});
    let mut taker = Taker::new(&joined);
    taker.push_record(&Record {
        parts: &[("users", &row), ("sites", &site)],
    });
    taker.hold(
        &Record {
            parts: &[("users", &json!({"id": 2, "name": "Ann"}))],
        },
        no_site(),
    );
    let taken = taker.finish();
    // What is known of somebody held is kept; what reads the record that is not there is a fault, and no empty value.
    let held = &taken.people[1];
    assert_eq!((held.key.as_str(), &held.held), ("2", &no_site()));
    assert_eq!(held.facts[1], Some(Fact::Text("Ann".into())));
    assert_eq!((held.faults.len(), held.faults[0].field.0), (1, 0));
    assert!(taken.rejected.is_empty());
    // Unless nobody can tell whether they are in scope.
    other.spec.person.include = Some("sites.name != 'Oslo'".to_owned());
    let scoped = Intake::compile(&other, &london()).unwrap();
    let mut unscoped = Taker::new(&scoped);
    unscoped.hold(
        &Record {
            parts: &[("users", &json!({"id": 2}))],
        },
        no_site(),
    );
    let unscoped = unscoped.finish();
    assert!(unscoped.people.is_empty());
    assert!(
        unscoped.rejected[0].reason.ends_with("no site"),
        "{:?}",
        unscoped.rejected
    );
    assert!(taken.fields[0].delivered);
    assert_eq!(taken.people[0].facts[0], Some(Fact::Text("Leeds".into())));
    assert_eq!(taken.distinct, 2);
}

fn no_site() -> Box<[JoinHold]> {
    Box::new([JoinHold {
        why: JoinWhy::Unmatched,
        endpoint: "sites".to_owned(),
        reason: "no site".to_owned(),
    }])
}
