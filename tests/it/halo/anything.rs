//! Whatever a source answers: reading it gives people and rejected rows, exactly as many as rows came, or says why not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use halosync::config::{Document, Positions};
use halosync::connector::PeopleReader as _;
use halosync::connector::rest::RestReader;
use halosync::intake::{Intake, Taker};
use halosync::model::{Name, PeopleSnapshot};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::Stage;

type Pages = Arc<Mutex<Vec<Vec<u8>>>>;

/// Serves one answer after the other by `page_no`, and an empty list past the last.
async fn serve(pages: Pages) -> url::Url {
    async fn page(
        State(pages): State<Pages>,
        Query(query): Query<Vec<(String, String)>>,
    ) -> ([(axum::http::HeaderName, &'static str); 1], Vec<u8>) {
        let number = query
            .iter()
            .find(|(name, _)| name == "page_no")
            .and_then(|(_, number)| number.parse::<usize>().ok())
            .unwrap_or(1);
        let pages = pages.lock().unwrap();
        let body = pages.get(number - 1).cloned();
        (
            [(CONTENT_TYPE, "application/json")],
            body.unwrap_or_else(|| b"[]".to_vec()),
        )
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/api/Users", get(page))
        .with_state(pages);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address.parse().unwrap()
}

fn intake() -> Intake {
    let spec = json!({
        "preset": "haloitsm",
        "resourceServer": "https://acme.haloitsm.example/api",
        "authorisationServer": "https://acme.haloitsm.example/auth",
        "auth": {"oauth2": {"clientId": {"env": "ID"}, "clientSecret": {"env": "SECRET"}}},
        "normalise": {"whitespace": "collapse", "controls": "space"},
        "person": {
            "include": "not users.gone",
            "fields": {
                "a": {"from": "users.a"}, "b": {"from": "users.a", "type": "date", "format": "%d/%m/%Y"},
                "c": {"from": "users.b", "type": "email"}, "d": {"from": "users.b", "type": "list"},
                "e": {"from": "customField('CFx')", "type": "binary"}, "f": {"from": "users.a or users.b", "type": "integer"},
            },
        },
    });
    let source = Document {
        name: Name::new("people"),
        description: None,
        spec: serde_json::from_value(spec).unwrap(),
        positions: Arc::new(Positions::default()),
    };
    Intake::compile(&source, &jiff::tz::TimeZone::UTC).unwrap()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(Value::from),
        "[\\PC\u{0}-\u{1f}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                "name|value|id|a|b|users|record_count|customfields|.{0,4}",
                inner,
                0..4
            )
            .prop_map(|map| json!(map)),
        ]
    })
}

/// An id in every way of writing one, and what is none. Few of them, so that they repeat.
fn any_id() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (1i64..30).prop_map(Value::from),
        1 => (1i64..30).prop_map(|id| json!(id as f64)),
        1 => (1i64..30).prop_map(|id| json!(format!(" {id} "))),
        1 => prop_oneof![Just(json!(null)), Just(json!("x1")), Just(json!(1.5)), Just(json!({})), Just(json!(""))],
    ]
}

fn any_row() -> impl Strategy<Value = Value> {
    let whole = (any_id(), any_json(), any_json(), any_json(), any_json()).prop_map(|(id, a, b, gone, custom)| {
        json!({"id": id, "a": a, "b": b, "gone": gone, "customfields": [{"name": "CFx", "value": custom}]})
    });
    prop_oneof![8 => whole, 1 => any_json()]
}

/// One answer: usually a list in one of its envelopes, sometimes anything, sometimes no JSON.
fn any_page() -> impl Strategy<Value = Vec<u8>> {
    let rows = || prop::collection::vec(any_row(), 0..5);
    let total = prop_oneof![Just(None), (0u64..12).prop_map(Some)];
    prop_oneof![
        6 => (rows(), total).prop_map(|(rows, total)| {
            json!({"record_count": total, "users": rows}).to_string().into_bytes()
        }),
        2 => rows().prop_map(|rows| json!(rows).to_string().into_bytes()),
        1 => any_json().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// Rows of an answer in the envelopes above.
fn rows_of(body: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(rows)) => rows,
        Ok(Value::Object(members)) => members
            .into_iter()
            .find_map(|(name, value)| match value {
                Value::Array(rows) if name.eq_ignore_ascii_case("users") => Some(rows),
                _ => None,
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn id_of(row: &Value) -> Option<i64> {
    match row.get("id")? {
        Value::Number(number) => number.as_i64().or_else(|| {
            let double = number.as_f64()?;
            (double.fract() == 0.0 && double.abs() < 9e15).then_some(double as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn account_for(pages: &[Vec<u8>], read: &PeopleSnapshot) {
    let proof = &read.header.completeness;
    let came: Vec<Value> = pages.iter().flat_map(|page| rows_of(page)).collect();
    let came = &came[..usize::try_from(proof.rows).unwrap()];
    let mut ids: Vec<i64> = came.iter().filter_map(id_of).collect();
    let nameless = came.len() - ids.len();
    ids.sort_unstable();
    ids.dedup();
    let (named, placed): (Vec<_>, Vec<_>) = read
        .header
        .rejected
        .iter()
        .partition(|row| row.row.parse::<i64>().is_ok());
    let mut known: Vec<i64> = read
        .people
        .iter()
        .map(|person| person.key.as_str().parse().unwrap())
        .chain(named.iter().map(|row| row.row.parse().unwrap()))
        .collect();
    known.sort_unstable();
    assert_eq!(known, ids, "every id is one person or one rejected row");
    assert_eq!(
        placed.len(),
        nameless,
        "every row without an id is rejected by its place"
    );
    // A list that is doubtful in any way is not called whole.
    if nameless > 0 {
        assert!(!proof.is_proven());
    }
}

#[test]
fn whatever_a_source_answers_no_row_is_lost() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let pages = Pages::default();
    let (stage, address) =
        runtime.block_on(async { (Stage::of(0).await, serve(pages.clone()).await) });
    let intake = intake();
    let (read, refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let check = |answers: Vec<Vec<u8>>| {
        pages.lock().unwrap().clone_from(&answers);
        let mut settings = stage.settings();
        settings.resource_server = address.clone();
        let outcome = runtime.block_on(async {
            let reader = RestReader::new(settings, || Taker::new(&intake))
                .unwrap()
                .with_time(Arc::new(stage.time.clone()));
            reader.read_people().await
        });
        match outcome {
            Ok(snapshot) => {
                read.set(read.get() + 1);
                account_for(&answers, &snapshot);
            }
            Err(error) => {
                refused.set(refused.get() + 1);
                assert!(error.to_string().contains("people"), "{error}");
            }
        }
    };
    // The total agrees, and nobody came: HaloITSM's ids are numbers.
    check(vec![
        json!({"record_count": 1, "users": [{"id": "x1"}]})
            .to_string()
            .into_bytes(),
    ]);
    let mut runner = TestRunner::new(Config {
        cases: 160,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&prop::collection::vec(any_page(), 1..4), |answers| {
            check(answers);
            Ok(())
        })
        .unwrap();
    assert!(
        read.get() > 20 && refused.get() > 10,
        "both happen: {} {}",
        read.get(),
        refused.get()
    );
}
