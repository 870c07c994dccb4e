//! What a robust client of HaloITSM must survive, and do: one test for each of the twelve points.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use halosync::config::{Document, Positions, kinds};
use halosync::connector::rest::{RestReader, Timekeeper as _};
use halosync::connector::{ConnectorError, PeopleReader as _};
use halosync::intake::{Intake, Taker};
use halosync::model::{Fact, Name, PeopleSnapshot};
use halosync::sandbox::halo::{Envelope, ErrorShape, Fault, HaloPerson, On, PastEnd};
use serde_json::{Value, json};

use super::{Stage, assert_whole, keys, oauth, reasons, secret};

/// People through an intake with these fields.
async fn people(stage: &Stage, fields: Value) -> PeopleSnapshot {
    let spec: kinds::Source = serde_json::from_value(json!({
        "preset": "haloitsm",
        "resourceServer": "https://acme.haloitsm.example/api",
        "authorisationServer": "https://acme.haloitsm.example/auth",
        "auth": {"oauth2": {"clientId": {"env": "ID"}, "clientSecret": {"env": "SECRET"}}},
        "person": {"fields": fields},
    }))
    .unwrap();
    let document = Document {
        name: Name::new("people"),
        description: None,
        spec,
        positions: Arc::new(Positions::default()),
    };
    let intake = Intake::compile(&document, &jiff::tz::TimeZone::UTC).unwrap();
    let reader = RestReader::new(stage.settings(), || Taker::new(&intake))
        .unwrap()
        .with_time(Arc::new(stage.time.clone()));
    reader.read_people().await.unwrap()
}

fn lists(stage: &Stage) -> Vec<String> {
    stage
        .sim
        .state()
        .seen()
        .into_iter()
        .filter(|seen| seen.contains("/api/users"))
        .collect()
}

#[tokio::test]
async fn robust_01_pages_by_what_arrives_and_reads_again_until_it_agrees() {
    for past_end in [PastEnd::Empty, PastEnd::LastPage] {
        let stage = Stage::with(250, |config| config.past_end = past_end).await;
        // Somebody comes into being between the pages: the first read contradicts itself.
        stage.sim.state().fault_at(
            On::Api,
            2,
            Fault::Insert(vec![HaloPerson::new(251, "New", "Comer")]),
        );
        assert_whole(&stage.read().await.unwrap(), 251, 2);
        for list in lists(&stage) {
            for parameter in [
                "pageinate=true",
                "includeactive=true",
                "includeinactive=true",
                "order=id",
            ] {
                assert!(list.contains(parameter), "{parameter} is missing in {list}");
            }
        }
        // And one that never agrees is handed over as what it is.
        let stage = Stage::of(250).await;
        stage
            .sim
            .state()
            .fault_from(On::Api, 1, Fault::WrongRecordCount(3));
        let snapshot = stage.read().await.unwrap();
        assert_eq!(snapshot.header.completeness.reads, 3);
        assert!(reasons(&snapshot)[0].contains("claims 253 people, 250 came"));
    }
}

#[tokio::test]
async fn robust_02_a_read_that_shrank_proves_nothing() {
    let stage = Stage::of(250).await;
    // The agent's rights are cut: status 200, a total that fits, and fewer people.
    let clients: Vec<i64> = (0..50).collect();
    for client in clients {
        stage.sim.state().hide_client(client, true);
    }
    let mut settings = stage.settings();
    settings.sentinels = vec!["7".to_owned()];
    settings.floor = 200;
    let snapshot = stage.reader(settings).read_people().await.unwrap();
    let reasons = reasons(&snapshot);
    let all = reasons.join("; ");
    assert!(all.contains("person 7, a sentinel"), "{all}");
    assert!(all.contains("fewer than the floor of 200"), "{all}");
}

#[tokio::test]
async fn robust_03_every_envelope_and_every_spelling_of_an_id_is_understood() {
    for envelope in [Envelope::Results, Envelope::Tree] {
        let stage = Stage::of(150).await;
        stage
            .sim
            .state()
            .fault_from(On::Api, 1, Fault::Envelope(envelope));
        assert_whole(&stage.read().await.unwrap(), 150, 1);
    }
    let stage = Stage::of(1).await;
    let body = r#"{"record_count":4.0,"never_seen":{"x":[]},"users":[{"id":1},{"id":2.0},{"id":"3"},{"id":4.5}]}"#;
    stage
        .sim
        .state()
        .fault_from(On::Api, 1, Fault::Body(body.to_owned()));
    let snapshot = people(&stage, json!({"name": {"from": "users.name"}})).await;
    let keys = keys(&snapshot);
    assert_eq!(keys, [1, 2, 3], "18.0 is 18, and 18.5 is none");
    assert_eq!(snapshot.header.rejected.len(), 1);
    assert!(!snapshot.header.completeness.is_proven());
}

#[tokio::test]
async fn robust_04_none_empty_and_not_delivered_are_three_things() {
    let stage = Stage::of(0).await;
    stage.sim.state().put(HaloPerson {
        other1: Some(" ".to_owned()),
        other2: Some("x".to_owned()),
        contract_end_date: Some("1899-12-30T00:00:00".to_owned()),
        ..HaloPerson::new(1, "Jo", "Doe")
    });
    let snapshot = people(
        &stage,
        json!({
            "blank": {"from": "users.other1"},
            "filled": {"from": "users.other2"},
            "absent": {"from": "users.other3"},
            "ends": {"from": "users.contract_end_date", "type": "date"},
            "manager": {"from": "users.admanager"},
        }),
    )
    .await;
    let fields = &snapshot.header.fields;
    let of = |name: &str| {
        let at = fields
            .iter()
            .position(|field| field.name.as_str() == name)
            .unwrap();
        (fields[at].delivered, snapshot.people[0].facts[at].clone())
    };
    assert_eq!(of("filled"), (true, Some(Fact::Text("x".into()))));
    for none in ["blank", "absent", "ends"] {
        assert_eq!(of(none), (true, None), "{none}");
    }
    assert_eq!(of("manager"), (false, None), "no list has it");
}

#[tokio::test]
async fn robust_05_people_are_keyed_on_their_id_alone() {
    let stage = Stage::of(0).await;
    for id in [1, 2] {
        stage.sim.state().put(HaloPerson {
            emailaddress: Some("family@example.com".to_owned()),
            login: Some("family".to_owned()),
            azureoid: Some("same".to_owned()),
            ..HaloPerson::new(id, "Tina", "Twin")
        });
    }
    let fields = json!({"mail": {"from": "users.emailaddress"}});
    let snapshot = people(&stage, fields.clone()).await;
    assert_eq!(keys(&snapshot), [1, 2], "the same address is two people");
    // And a person whose address changes stays the same one.
    stage.sim.state().edit(2, |person| {
        person.emailaddress = Some("tom@example.com".to_owned())
    });
    let again = people(&stage, fields).await;
    assert_eq!(keys(&again), [1, 2]);
    assert_eq!(
        again.people[1].facts[0],
        Some(Fact::Text("tom@example.com".into()))
    );
}

#[tokio::test]
async fn robust_06_a_vanished_person_is_absent_and_no_leaver() {
    let stage = Stage::of(5).await;
    stage.sim.state().edit(2, |person| person.inactive = true);
    stage.sim.state().remove(4);
    let snapshot = people(
        &stage,
        json!({"inactive": {"from": "users.inactive", "type": "boolean"}}),
    )
    .await;
    // The read is whole, and says nothing at all about the one who is gone.
    assert!(snapshot.header.completeness.is_proven());
    assert_eq!(keys(&snapshot), [1, 2, 3, 5]);
    let inactive: Vec<_> = snapshot
        .people
        .iter()
        .filter(|person| person.facts[0] == Some(Fact::Boolean(true)))
        .map(|person| person.key.as_str().to_owned())
        .collect();
    assert_eq!(
        inactive,
        ["2"],
        "positive evidence, and only about this one"
    );
}

#[tokio::test]
async fn robust_07_nothing_is_ever_written_back() {
    let stage = Stage::of(250).await;
    stage
        .sim
        .state()
        .fault_at(On::Api, 2, Fault::ResetConnection);
    stage.read().await.unwrap();
    for seen in stage.sim.state().seen() {
        let is_token = seen.starts_with("POST /auth/token");
        assert!(seen.starts_with("GET /api/") || is_token, "{seen}");
    }
}

#[tokio::test]
async fn robust_08_one_token_renewed_once_and_never_shown() {
    let stage = Stage::of(950).await;
    stage.sim.state().fault_at(On::Api, 5, Fault::ExpireTokens);
    assert_whole(&stage.read().await.unwrap(), 950, 1);
    assert_eq!(
        stage.sim.state().tokens_issued(),
        2,
        "one, and its successor"
    );
    // Refused for good: asked once more with a fresh one, then told, without the token the server repeats.
    let stage = Stage::of(3).await;
    stage.sim.state().fault_from(On::Api, 1, Fault::Echo(401));
    let mut settings = stage.settings();
    oauth(&mut settings).client_secret = Some(secret("sandbox-secret"));
    let error = stage.reader(settings).read_people().await.unwrap_err();
    assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
    assert_eq!(stage.sim.state().tokens_issued(), 2);
    let text = error.to_string();
    assert!(!text.contains("sandbox-secret"), "{text}");
    assert!(!text.contains("Bearer ey"), "{text}");
    assert!(text.contains("[secret]"), "the server repeated it: {text}");
}

#[tokio::test]
async fn robust_09_no_rolling_window_sees_more_than_the_own_limit() {
    let moments: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let seen = Arc::clone(&moments);
    let stage = Stage::with(4000, |config| {
        let clock = Arc::clone(&config.clock);
        // The server's own clock, noted whenever it looks at it: for each request at least once.
        config.clock = Arc::new(move || {
            let now = clock();
            seen.lock().unwrap().push(now);
            now
        });
        config.limiter = Some((300, Duration::from_secs(300)));
    })
    .await;
    let mut settings = stage.settings();
    settings.endpoint.paging.as_mut().unwrap().page_size = 10;
    settings.rate_requests = 280;
    let reader = stage.reader(settings);
    assert_whole(&reader.read_people().await.unwrap(), 4000, 1);
    let report = reader.report();
    // A single request more in any window, and the server would have answered 429.
    assert_eq!((report.requests, report.retries), (401, 0));
    assert!(report.waited >= Duration::from_secs(299), "{report:?}");
    assert!(stage.time.now() >= Duration::from_secs(299));
    assert!(moments.lock().unwrap().len() >= 401);
    // When somebody else fills the window, patience outlasts it, and it is said.
    let stage = Stage::of(3).await;
    for at in 1..=4 {
        stage
            .sim
            .state()
            .fault_at(On::Api, at, Fault::Throttle(Some("80".to_owned())));
    }
    let reader = stage.reader(stage.settings());
    assert_whole(&reader.read_people().await.unwrap(), 3, 1);
    assert_eq!(reader.report().waited, Duration::from_secs(320));
    assert_eq!(reader.report().retries, 4);
}

#[tokio::test]
async fn robust_10_reads_are_repeated_where_that_can_help_and_nowhere_else() {
    for fault in [
        Fault::Status(500, ErrorShape::Plain, "oops".to_owned()),
        Fault::Status(502, ErrorShape::Html, "gateway".to_owned()),
        Fault::Status(503, ErrorShape::Empty, String::new()),
        Fault::Status(504, ErrorShape::Plain, "late".to_owned()),
        Fault::ResetConnection,
        Fault::ResetAfterCommit,
        Fault::TruncatedJson,
        Fault::BrokenOff,
        Fault::Html200,
    ] {
        let stage = Stage::of(250).await;
        stage.sim.state().fault_at(On::Api, 2, fault.clone());
        let reader = stage.reader(stage.settings());
        assert_whole(&reader.read_people().await.unwrap(), 250, 1);
        assert_eq!(reader.report().retries, 1, "{fault:?}");
    }
    let stage = Stage::of(3).await;
    let refusal = Fault::Status(400, ErrorShape::Message, "no such filter".to_owned());
    stage.sim.state().fault_from(On::Api, 1, refusal);
    stage.read().await.unwrap_err();
    assert_eq!(stage.sim.state().requests_to("/api/Users"), 1);
}

#[tokio::test]
async fn robust_11_what_halo_says_is_shown_short_with_what_to_look_at() {
    for shape in [
        ErrorShape::JsonString,
        ErrorShape::DotNet,
        ErrorShape::Message,
        ErrorShape::Error,
        ErrorShape::ResultCode,
        ErrorShape::Plain,
        ErrorShape::Html,
    ] {
        let stage = Stage::of(3).await;
        let said = format!("you may not see this {}", "x".repeat(5000));
        stage
            .sim
            .state()
            .fault_from(On::Api, 1, Fault::Status(403, shape, said));
        let error = stage.read().await.unwrap_err();
        assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("you may not see this"), "{shape:?}: {text}");
        assert!(text.contains("read:customers"), "{shape:?}: {text}");
        assert!(text.chars().count() < 600, "{shape:?}: {text}");
    }
}

#[tokio::test]
async fn robust_12_an_importer_on_the_same_people_is_warned_of() {
    use crate::rest::project::Project;
    use crate::rest::server::{Reply, Server};

    for importers in [0, 2] {
        let server = Server::start(move |seen| {
            let rows: Vec<Value> = (0..importers).map(|id| json!({"id": id})).collect();
            match seen.path().to_ascii_lowercase().as_str() {
                "/users" => {
                    Reply::json(&json!({"record_count": 1, "users": [{"id": 1, "name": "Jo"}]}))
                }
                "/ldapconnection" => Reply::json(&json!(rows)),
                "/instanceinfo" => Reply::json(&json!({"app_version": "2.200"})),
                _ => Reply::status(404),
            }
        })
        .await;
        let source = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: {env: HR_SERVER}
  auth: {bearer: {token: {env: HR_KEY}}}
  person:
    fields:
      number: {from: users.other1}
      name: {from: users.name}
      department: {from: users.other2}
"#;
        let project = Project::new(source, &server).await;
        let run = project
            .run(&["probe", "source", "people", "--format", "json"])
            .await
            .expect(0);
        let warned = run.stdout.contains("probe-importer-active");
        assert_eq!(warned, importers > 0, "{}", run.stdout);
    }
}
