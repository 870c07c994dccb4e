//! What declarations of fields make of values.

use serde_json::{Value, json};

use super::super::*;
use super::{london, source, take};
use crate::model::Fact;

/// The fact one value becomes in a field declared like this, in a source that normalises like that.
fn declared(normalise: Value, mut field: Value, value: &Value) -> Result<Option<Fact>, String> {
    field["from"] = json!("users.x");
    let mut source = source(json!({"fields": {"x": field}}));
    source.spec.normalise = serde_json::from_value(normalise).unwrap();
    let intake = Intake::compile(&source, &london()).unwrap();
    let taken = take(&intake, &[json!({"id": 1, "x": value})]);
    let person = &taken.people[0];
    match &*person.faults {
        [] => Ok(person.facts[0].clone()),
        faults => Err(faults[0].reason.clone()),
    }
}

#[test]
fn a_field_wins_over_its_source_and_the_source_over_the_usual() {
    let text = |text: &str| Ok(Some(Fact::Text(text.into())));
    let raw = json!(" R&amp;D \t team ");
    assert_eq!(declared(json!(null), json!({}), &raw), text("R&D \t team"));
    let source = json!({"entities": "keep", "whitespace": "collapse", "none": ["-"]});
    assert_eq!(
        declared(source.clone(), json!({}), &raw),
        text("R&amp;D team")
    );
    let field = json!({"normalise": {"entities": "decode", "none": ["?"]}});
    assert_eq!(
        declared(source.clone(), field.clone(), &raw),
        text("R&D team")
    );
    for none in ["-", "?", " - "] {
        assert_eq!(
            declared(source.clone(), field.clone(), &json!(none)),
            Ok(None),
            "{none}"
        );
    }
    assert_eq!(declared(source, json!({}), &json!("?")), text("?"));
}

#[test]
fn select_values_stand_for_what_they_are_mapped_to() {
    let field = json!({"select": {"1": "London", "2": "R &amp; D", "0": ""}});
    let of = |value: Value| declared(json!(null), field.clone(), &value);
    let text = |text: &str| Ok(Some(Fact::Text(text.into())));
    assert_eq!(of(json!(1)), text("London"));
    assert_eq!(of(json!(" 1.0 ")), text("1.0"));
    assert_eq!(of(json!(1.0)), text("London"));
    assert_eq!(of(json!("2")), text("R & D"));
    assert_eq!(of(json!(0)), Ok(None));
    assert_eq!(of(json!(7)), text("7"));
    let list = json!({"type": "list", "select": {"1": "London", "2": "Leeds"}});
    assert_eq!(
        declared(json!(null), list, &json!("1,2,1,9")),
        Ok(Some(Fact::List(
            ["London", "Leeds", "9"].map(Into::into).into()
        )))
    );
}

#[test]
fn dates_are_read_in_their_format_and_zone() {
    let day = |field: Value, raw: &str| declared(json!(null), field, &json!(raw));
    let date = |y, m, d| Ok(Some(Fact::Date(jiff::civil::date(y, m, d))));
    let british = json!({"type": "date", "format": ["%d/%m/%Y", "%Y%m%d"]});
    assert_eq!(day(british.clone(), "01/02/2026"), date(2026, 2, 1));
    assert_eq!(day(british.clone(), " 20260201 "), date(2026, 2, 1));
    assert_eq!(day(british.clone(), "1899-12-30T00:00:00"), Ok(None));
    assert_eq!(day(british.clone(), "30/12/1899"), Ok(None));
    for wrong in [
        "1/2/2026",
        "01/02/26",
        "2026-02-01",
        "31/02/2026",
        "01/02/2026 x",
        " 1/02/2026x",
        "01-02-2026",
    ] {
        let reason = day(british.clone(), wrong).unwrap_err();
        assert!(
            reason.ends_with("is not a date written %d/%m/%Y or %Y%m%d"),
            "{wrong}: {reason}"
        );
    }
    let named = json!({"type": "date", "format": "%-d %b %Y"});
    assert_eq!(day(named.clone(), "1 FEB 2026"), date(2026, 2, 1));
    assert!(day(named, "01 Feb 2026").is_err());

    // Local time of the zone, a moment of its day in London.
    let new_york = json!({"dates": {"zone": "America/New_York"}});
    let late = json!("2026-06-30T20:30:00");
    assert_eq!(
        declared(new_york.clone(), json!({"type": "date"}), &late),
        date(2026, 7, 1)
    );
    assert_eq!(
        declared(json!(null), json!({"type": "date"}), &late),
        date(2026, 6, 30)
    );
    let project = json!({"type": "dateTime", "normalise": {"dates": {"zone": "project"}}});
    assert_eq!(
        declared(new_york.clone(), project, &late),
        Ok(Some(Fact::DateTime(
            "2026-06-30T19:30:00Z".parse().unwrap()
        )))
    );
    // A zone in the text wins over every declared one.
    assert_eq!(
        declared(
            new_york,
            json!({"type": "dateTime"}),
            &json!("2026-06-30T20:30:00Z")
        ),
        Ok(Some(Fact::DateTime(
            "2026-06-30T20:30:00Z".parse().unwrap()
        )))
    );
}

#[test]
fn addresses_and_bytes_are_facts_of_their_own() {
    let email = json!({"type": "email"});
    let lower = json!({"emailLocalPart": "lower"});
    let text = |text: &str| Ok(Some(Fact::Text(text.into())));
    let raw = json!(" Ana.Doe@Example.COM ");
    assert_eq!(
        declared(json!(null), email.clone(), &raw),
        text("Ana.Doe@example.com")
    );
    assert_eq!(
        declared(lower, email.clone(), &raw),
        text("ana.doe@example.com")
    );
    let reason = declared(json!(null), email, &json!("Ana Doe")).unwrap_err();
    assert_eq!(reason, "\"Ana Doe\" is not an e-mail address");
    let binary = json!({"type": "binary", "maxBytes": 4});
    assert_eq!(
        declared(
            json!(null),
            binary.clone(),
            &json!("data:image/png;base64,aGk=")
        ),
        Ok(Some(Fact::Binary(Box::new(*b"hi"))))
    );
    assert!(
        declared(json!(null), binary, &json!("aGVsbG8="))
            .unwrap_err()
            .contains("more than 4")
    );
}

#[test]
fn other_sources_may_know_people_by_texts() {
    let mut plain = source(json!({"fields": {"givenName": {"from": "users.firstname"}}}));
    plain.spec.preset = None;
    let users = json!({"path": "/people"});
    plain
        .spec
        .endpoints
        .insert("users".to_owned(), serde_json::from_value(users).unwrap());
    let intake = Intake::compile(&plain, &london()).unwrap();
    let taken = take(
        &intake,
        &[
            json!({"id": "e-7", "firstname": "Ana"}),
            json!({"id": "007", "firstname": "Bo"}),
            json!({"id": "7", "firstname": "Cy"}),
            json!({"id": 7.0, "firstname": "Cyd"}),
            json!({"id": " e-7 ", "firstname": "Anna"}),
            json!({"id": ""}),
            json!({"id": "a\u{7}b"}),
            json!({"id": "x".repeat(257)}),
            json!({"id": ["e-8"]}),
        ],
    );
    let people: Vec<_> = taken
        .people
        .iter()
        .map(|person| (person.key.as_str(), person.facts[0].clone()))
        .collect();
    let named = |name: &str| Some(Fact::Text(name.into()));
    assert_eq!(
        people,
        [
            ("007", named("Bo")),
            ("7", named("Cyd")),
            ("e-7", named("Anna"))
        ]
    );
    assert_eq!(
        (taken.rows, taken.distinct, taken.rejected.len()),
        (9, 3, 4)
    );
}
