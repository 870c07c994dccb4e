use proptest::prelude::*;
use serde_json::{Value, json};

use super::report::{FieldReport, JsonType, LengthRange, Sentinel};
use super::{DISTINCT_EXACT, Guess, Inventory, MOST_FIELDS};

fn of(rows: &[Value]) -> Vec<FieldReport> {
    let mut inventory = Inventory::new("users", false);
    for row in rows {
        inventory.push(row);
    }
    inventory.finish().0
}

#[track_caller]
fn field<'a>(fields: &'a [FieldReport], path: &str) -> &'a FieldReport {
    let known: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    fields
        .iter()
        .find(|field| field.path == path)
        .unwrap_or_else(|| panic!("{path} is not among {known:?}"))
}

#[test]
fn members_are_counted_by_row_and_nested_ones_have_paths() {
    let fields = of(&[
        json!({"id": 1, "name": "Jane", "site": {"name": "London", "id": 3.0}, "other": ""}),
        json!({"id": 2.0, "name": " ", "site": {"name": "Oslo"}, "other": null,
               "departments": [{"name": "A"}, {"name": "B"}]}),
        json!({"id": 2, "odd key": true, "born": "1899-12-30T00:00:00", "departments": []}),
    ]);
    let id = field(&fields, "users.id");
    assert_eq!((id.present, id.filled, id.fill_rate), (3, 3, 1.0));
    assert_eq!(id.unique, Some(false), "2 and 2.0 are one number");
    assert_eq!(id.guess, Guess::Number);
    let name = field(&fields, "users.name");
    assert_eq!((name.present, name.filled), (2, 1));
    assert_eq!(name.fill_rate, 0.3333);
    assert_eq!(name.sentinels[&Sentinel::Empty], 1);
    assert_eq!(field(&fields, "users.site.name").distinct.count, 2);
    let departments = field(&fields, "users.departments[].name");
    assert_eq!((departments.filled, departments.distinct.count), (1, 2));
    let list = field(&fields, "users.departments");
    assert_eq!(list.items, Some(LengthRange { min: 0, max: 2 }));
    assert_eq!(list.types[&JsonType::List], 2);
    let born = field(&fields, "users.born");
    assert_eq!((born.filled, born.sentinels[&Sentinel::NoDate]), (0, 1));
    assert_eq!(born.guess, Guess::Nothing);
    assert_eq!(field(&fields, "users.other").sentinels[&Sentinel::Null], 1);
    assert_eq!(field(&fields, "users['odd key']").guess, Guess::Flag);
}

#[test]
fn custom_fields_are_called_as_a_source_calls_them() {
    let fields = of(&[json!({"id": 1, "customfields": [
        {"id": 201, "name": "CFstart", "label": "First day", "type": 4, "value": "2026-01-31T00:00:00"},
        {"id": 202, "name": "CFnone", "value": null},
        {"id": 203, "name": "CFmany", "value": [{"id": 1, "name": "x"}]},
    ]})]);
    let start = field(&fields, "customField('CFstart')");
    assert_eq!(start.custom_field_id, Some(201));
    assert_eq!(start.label.as_deref(), Some("First day"));
    assert_eq!(start.guess, Guess::Date);
    assert_eq!(field(&fields, "customField('CFnone')").filled, 0);
    assert_eq!(field(&fields, "customField('CFmany')[].name").filled, 1);
    assert!(
        !fields
            .iter()
            .any(|field| field.path.contains("customfields"))
    );
}

#[test]
fn distinct_values_are_exact_up_to_a_bound_and_uniqueness_beyond_it() {
    let rows = |count: usize, twice: bool| -> Vec<Value> {
        (0..count)
            .map(|n| json!({"a": format!("v{n}"), "b": if twice { n / 2 } else { n }, "c": n % 3}))
            .collect()
    };
    let fields = of(&rows(DISTINCT_EXACT, false));
    let a = field(&fields, "users.a");
    assert_eq!(
        (a.distinct.count, a.distinct.exact),
        (DISTINCT_EXACT as u64, true)
    );
    let fields = of(&rows(3 * DISTINCT_EXACT, true));
    let a = field(&fields, "users.a");
    assert_eq!(
        (a.distinct.count, a.distinct.exact),
        (DISTINCT_EXACT as u64, false)
    );
    assert_eq!(a.unique, Some(true));
    let b = field(&fields, "users.b");
    assert_eq!((b.distinct.exact, b.unique), (false, Some(false)));
    let c = field(&fields, "users.c");
    assert_eq!((c.distinct.count, c.distinct.exact), (3, true));
}

#[test]
fn addresses_are_compared_without_case() {
    let fields = of(&[
        json!({"m": "Jane@example.com"}),
        json!({"m": "jane@Example.com"}),
    ]);
    let mail = field(&fields, "users.m");
    assert_eq!((mail.distinct.count, mail.unique), (1, Some(false)));
}

#[test]
fn dates_that_were_midnight_elsewhere_are_noticed() {
    let at = |times: &[&str]| {
        let rows: Vec<Value> = times
            .iter()
            .enumerate()
            .map(|(day, time)| json!({"d": format!("2026-03-{:02}T{time}", day + 1)}))
            .collect();
        field(&of(&rows), "users.d").shifted_midnights
    };
    // Winter and summer of a zone east of Greenwich.
    assert_eq!(
        at(&["23:00:00", "23:00:00", "22:00:00", "23:00:00", "22:00:00"]),
        Some(23)
    );
    assert_eq!(at(&["00:00:00"; 6]), None);
    assert_eq!(
        at(&["08:12:44", "23:00:00", "17:03:09", "11:00:00", "00:00:00"]),
        None
    );
}

#[test]
fn what_never_ends_is_bounded() {
    let mut inventory = Inventory::new("users", false);
    for n in 0..30 {
        let members: serde_json::Map<String, Value> =
            (0..140).map(|m| (format!("m{n}x{m}"), json!(1))).collect();
        inventory.push(&Value::Object(members));
    }
    let (fields, left_out) = inventory.finish();
    assert_eq!(fields.len(), MOST_FIELDS);
    assert_eq!(left_out, 30 * 140 - MOST_FIELDS as u64);

    let keyed: serde_json::Map<String, Value> = (0..1000)
        .map(|n| (format!("person{n}"), json!("x")))
        .collect();
    let fields = of(&[json!({"by_name": keyed})]);
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["users.by_name", "users.by_name.*"]);
}

#[test]
fn keys_that_differ_from_record_to_record_are_not_named() {
    let paths =
        |rows: &[Value]| -> Vec<String> { of(rows).into_iter().map(|field| field.path).collect() };
    // No key comes twice.
    let rows = [
        json!({"deputies": {"jane_doe": {"until": "2026-01-31"}}}),
        json!({"deputies": {"sam": {"until": "2026-02-28"}, "eve": {"until": null}}}),
    ];
    let expected = [
        "users.deputies",
        "users.deputies.*",
        "users.deputies.*.until",
    ];
    assert_eq!(paths(&rows), expected);
    let fields = of(&rows);
    let until = field(&fields, "users.deputies.*.until");
    assert_eq!(
        (until.present, until.filled, until.distinct.count),
        (2, 2, 2)
    );
    assert_eq!(until.types[&JsonType::Null], 1);
    // None stands in more than half of them.
    let rows = [
        json!({"m": {"sam": 1}}),
        json!({"m": {"sam": 1}}),
        json!({"m": {"eve": 1}}),
        json!({"m": {"bob": 1}}),
    ];
    assert_eq!(paths(&rows), ["users.m", "users.m.*"]);
    // Nor within lists, nor where some come again but each object has few of many.
    let rows = [json!({"x": [{"jane": 1}, {"bob": 2}]})];
    assert_eq!(paths(&rows), ["users.x", "users.x[].*"]);
    let rows: Vec<Value> = (0..40)
        .map(|row| {
            let key = |n: u8| char::from(b'a' + n).to_string().repeat(4);
            json!({"m": {key(row % 20): 1, key((row + 7) % 20): 2}})
        })
        .collect();
    assert_eq!(paths(&rows), ["users.m", "users.m.*"]);
    // One that a key gives away in one record is a map in all.
    let rows = [
        json!({"m": {"a@example.com": 1}}),
        json!({"m": {"bob": 1}}),
        json!({"m": {"bob": 1}}),
    ];
    assert_eq!(paths(&rows), ["users.m", "users.m.*"]);
    // Members of a record stay, optional ones included.
    let rows = [
        json!({"a": {"city": "x", "zip": 1}}),
        json!({"a": {"city": "y"}}),
        json!({"a": {"city": "z", "street": "q"}}),
    ];
    assert_eq!(
        paths(&rows),
        ["users.a", "users.a.city", "users.a.street", "users.a.zip"]
    );
}

#[test]
fn names_with_quotes_are_written_as_expressions_read_them() {
    let rows =
        [json!({"it's": 1, "back\\slash": 2, "customfields": [{"name": "CF'b", "value": "x"}]})];
    let endpoints = std::collections::BTreeSet::from(["users".to_owned()]);
    let scope = crate::lang::Scope::Record {
        endpoints: &endpoints,
    };
    for (path, value) in [
        ("customField('CF\\'b')", json!("x")),
        ("users['it\\'s']", json!(1)),
        ("users['back\\\\slash']", json!(2)),
    ] {
        field(&of(&rows), path);
        let expression = crate::lang::compile_expression(path, &scope).unwrap();
        let parts = [("users", &rows[0])];
        let record = crate::lang::Record { parts: &parts };
        let found = expression.evaluate(&record);
        assert_eq!(found.unwrap().as_deref(), Some(&value), "{path}");
    }
}

#[test]
fn keys_that_say_something_about_somebody_are_not_named() {
    let rows = [
        json!({"contacts": {"jane.doe@example.com": 1}}),
        json!({"contacts": {"Jane Doe": 1, "main": 2}}),
        json!({"contacts": {"447700900123": 1}}),
        json!({"sam.roe@example.com": true}),
        json!({"address": {"line-1": "x", "post_code": "y"}}),
    ];
    let paths: Vec<String> = of(&rows).into_iter().map(|field| field.path).collect();
    assert_eq!(
        paths,
        [
            "users.*",
            "users.address",
            "users.address.post_code",
            "users.address['line-1']",
            "users.contacts",
            "users.contacts.*",
        ]
    );
    let mut shown = Inventory::new("users", true);
    shown.push(&rows[0]);
    assert_eq!(
        shown.finish().0[1].path,
        "users.contacts['jane.doe@example.com']"
    );
}

#[test]
fn attributes_of_a_directory_object_are_taken_as_they_come() {
    let mut inventory = Inventory::new("", false);
    let value = |text: &str| text.as_bytes().to_vec();
    inventory.push_entry(&[
        ("cn".to_owned(), vec![value("Jane Doe")]),
        ("objectGUID".to_owned(), vec![vec![0xff; 16]]),
        (
            "member;range=0-1".to_owned(),
            vec![value("CN=a"), value("CN=b")],
        ),
        ("member".to_owned(), Vec::new()),
    ]);
    let (fields, _) = inventory.finish();
    assert_eq!(field(&fields, "objectGUID").guess, Guess::Octets);
    assert_eq!(field(&fields, "objectGUID").examples, ["(16 octets)"]);
    let member = field(&fields, "member");
    assert_eq!((member.present, member.guess), (1, Guess::Dn));
    assert_eq!(member.items, Some(LengthRange { min: 2, max: 2 }));
    assert_eq!(field(&fields, "cn").examples, ["Aaa… Aaa"]);
}

/// Any JSON a member may hold.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[a-z]{4,12}@[a-z]{4,9}\\.test".prop_map(Value::from),
        "\\+[0-9]{4,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,2}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every run of four letters or digits in texts and numbers.
fn runs(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => collect(text, found),
        Value::Number(number) => collect(&number.to_string(), found),
        Value::Array(items) => items.iter().for_each(|item| runs(item, found)),
        Value::Object(members) => members.values().for_each(|item| runs(item, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn collect(text: &str, found: &mut Vec<String>) {
    let chars: Vec<char> = text.chars().collect();
    for four in chars.windows(4) {
        if four.iter().all(|c| c.is_alphanumeric()) {
            found.push(four.iter().collect());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn p4_no_value_can_be_read_back(rows in prop::collection::vec(anything(), 1..6)) {
        let fields = of(&rows);
        let mut taken = Vec::new();
        rows.iter().for_each(|row| runs(row, &mut taken));
        for example in fields.iter().flat_map(|field| &field.examples) {
            for run in &taken {
                let is_flag = example == "true" || example == "false";
                prop_assert!(is_flag || !example.contains(run.as_str()), "{run} in {example}");
            }
        }
        // Every row is counted, whatever it is.
        let most = fields.iter().map(|field| field.present).max().unwrap_or(0);
        prop_assert!(most <= rows.len() as u64);
        for field in &fields {
            prop_assert!(field.filled <= field.present);
            prop_assert!((0.0..=1.0).contains(&field.fill_rate));
        }
    }
}
