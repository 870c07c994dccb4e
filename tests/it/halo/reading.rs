//! Paging, the end of the list, and the proof of completeness (P2).

use std::sync::Arc;

use halosync::config::{Document, Positions, kinds};
use halosync::connector::PeopleReader as _;
use halosync::connector::rest::{EndpointSettings, RestReader};
use halosync::intake::{Intake, Taker};
use halosync::model::{Fact, Name};
use halosync::sandbox::halo::{
    Cap, Envelope, Fault, HaloPerson, On, PastEnd, SimSite, Version, odd_people, people_from,
};
use halosync::sandbox::people::generate;
use serde_json::json;

use super::{Stage, assert_whole, keys, reasons};

#[tokio::test]
async fn five_thousand_people_cost_fifty_lists_and_one_token() {
    let stage = Stage::of(5000).await;
    let reader = stage.reader(stage.settings());
    let snapshot = reader.read_people().await.unwrap();
    assert_whole(&snapshot, 5000, 1);
    let state = stage.sim.state();
    assert_eq!(state.requests_to("/api/Users"), 50);
    assert_eq!(state.requests_to("/auth/token"), 1);
    assert_eq!(state.requests(), 51, "nothing else was asked for");
    assert_eq!(reader.report().requests, 51);
    assert_eq!(reader.report().retries, 0);
    let proof = &snapshot.header.completeness;
    assert_eq!((proof.pages, proof.rows, proof.distinct), (50, 5000, 5000));
}

#[tokio::test]
async fn the_header_says_what_was_read_and_when() {
    let stage = Stage::of(3).await;
    let header = stage.read().await.unwrap().header;
    assert_eq!(header.source.as_str(), "people");
    assert_eq!(header.tenant.as_deref(), Some("sandbox"));
    assert_eq!(header.read_at.to_string(), "2026-11-23T12:00:00Z");
    assert_eq!(header.instance, stage.sim.resource_server().as_str());
}

#[tokio::test]
async fn every_list_request_asks_for_everyone_in_a_steady_order() {
    let stage = Stage::of(250).await;
    stage.read().await.unwrap();
    let seen = stage.sim.state().seen();
    let lists: Vec<_> = seen.iter().filter(|seen| seen.contains("/users")).collect();
    assert_eq!(lists.len(), 3);
    for list in lists {
        for parameter in [
            "pageinate=true",
            "includeactive=true",
            "includeinactive=true",
            "order=id",
            "orderdesc=false",
            "exclude_generaluser=true",
            "page_size=100",
            "page_no=",
        ] {
            assert!(list.contains(parameter), "{parameter} is missing in {list}");
        }
    }
    assert!(
        seen[0].ends_with("/auth/token?tenant=sandbox"),
        "{}",
        seen[0]
    );
}

#[tokio::test]
async fn inactive_people_come_and_pseudo_people_do_not() {
    let stage = Stage::of(120).await;
    let state = stage.sim.state();
    for id in [7, 101] {
        state.edit(id, |person| person.inactive = true);
    }
    // One "General User" per site is there and stays out.
    assert_whole(&stage.read().await.unwrap(), 120, 1);
    let mut settings = stage.settings();
    settings
        .endpoint
        .query
        .push(("Exclude_GeneralUser".to_owned(), "false".to_owned()));
    let snapshot = stage.reader(settings).read_people().await.unwrap();
    assert!(snapshot.people.len() > 120);
    assert!(snapshot.header.completeness.is_proven());
}

#[tokio::test]
async fn the_page_is_as_large_as_the_server_makes_it() {
    for (version, cap, asked, requests) in [
        (Version::V2026, Cap::OfVersion, 500, 10),
        (Version::V2026, Cap::Rows(50), 500, 20),
        (Version::V2024, Cap::OfVersion, 500, 2),
        (Version::V2024, Cap::None, 5000, 1),
        (Version::V2026, Cap::OfVersion, 30, 33),
    ] {
        let stage = Stage::with(987, |config| {
            config.version = version;
            config.cap = cap;
        })
        .await;
        let mut settings = stage.settings();
        settings.endpoint.paging.as_mut().unwrap().page_size = asked;
        let snapshot = stage.reader(settings).read_people().await.unwrap();
        assert_whole(&snapshot, 987, 1);
        let lists = stage.sim.state().requests_to("/api/Users");
        assert_eq!(lists, requests, "{version:?} {cap:?} {asked}");
    }
}

#[tokio::test]
async fn without_a_total_the_list_still_ends_and_is_unproven() {
    for past_end in [PastEnd::Empty, PastEnd::LastPage] {
        for count in [250, 300] {
            let stage = Stage::with(count, |config| config.past_end = past_end).await;
            stage
                .sim
                .state()
                .fault_from(On::Api, 1, Fault::NoRecordCount);
            let snapshot = stage.read().await.unwrap();
            assert_eq!(keys(&snapshot), (1..=count).collect::<Vec<_>>());
            assert_eq!(snapshot.header.completeness.reads, 1);
            assert_eq!(snapshot.header.completeness.rows, count.unsigned_abs());
            let reasons = reasons(&snapshot);
            assert!(reasons[0].contains("claims no total"), "{reasons:?}");
            // Three pages of people and one past the end.
            assert_eq!(stage.sim.state().requests_to("/api/Users"), 4);
        }
    }
}

#[tokio::test]
async fn every_envelope_is_read() {
    for envelope in [Envelope::Results, Envelope::Tree] {
        let stage = Stage::of(250).await;
        stage
            .sim
            .state()
            .fault_from(On::Api, 1, Fault::Envelope(envelope));
        assert_whole(&stage.read().await.unwrap(), 250, 1);
    }
    let stage = Stage::of(250).await;
    stage
        .sim
        .state()
        .fault_from(On::Api, 1, Fault::Envelope(Envelope::Bare));
    let snapshot = stage.read().await.unwrap();
    assert_eq!(snapshot.people.len(), 250);
    assert!(reasons(&snapshot)[0].contains("claims no total"));
}

#[tokio::test]
async fn an_answer_without_a_list_is_an_error_and_no_empty_instance() {
    let stage = Stage::of(250).await;
    stage
        .sim
        .state()
        .fault_from(On::Api, 2, Fault::Envelope(Envelope::Missing));
    let error = stage.read().await.unwrap_err().to_string();
    assert!(error.contains("no list of records"), "{error}");
}

#[tokio::test]
async fn people_who_come_or_go_while_reading_make_it_read_again() {
    // Both move rows across pages: someone would be missing although the numbers agree.
    let newcomer = HaloPerson::new(1, "New", "Comer");
    for (fault, first) in [
        (Fault::Insert(vec![newcomer]), 1),
        (Fault::Delete(vec![2]), 3),
    ] {
        let stage = Stage::of(450).await;
        let state = stage.sim.state();
        state.remove(1);
        state.fault_at(On::Api, 3, fault);
        let snapshot = stage.read().await.unwrap();
        assert_eq!(keys(&snapshot), (first..=450).collect::<Vec<_>>());
        let proof = &snapshot.header.completeness;
        assert!(proof.is_proven(), "{proof:?}");
        assert_eq!(proof.reads, 2);
    }
}

#[tokio::test]
async fn a_list_that_never_agrees_with_itself_is_handed_over_unproven() {
    for (off, says) in [
        (5, "claims 455 people, 450 came"),
        (-20, "claims 430 people, 450 came"),
    ] {
        for from in [1, 4] {
            let stage = Stage::of(450).await;
            stage
                .sim
                .state()
                .fault_from(On::Api, from, Fault::WrongRecordCount(off));
            let snapshot = stage.read().await.unwrap();
            assert_eq!(snapshot.people.len(), 450, "what came is not thrown away");
            assert_eq!(snapshot.header.completeness.reads, 3);
            let reasons = reasons(&snapshot);
            assert!(reasons[0].contains(says), "{reasons:?}");
        }
    }
}

#[tokio::test]
async fn a_total_that_was_wrong_once_costs_one_more_read() {
    let stage = Stage::of(250).await;
    stage
        .sim
        .state()
        .fault_at(On::Api, 3, Fault::WrongRecordCount(1));
    assert_whole(&stage.read().await.unwrap(), 250, 2);
}

#[tokio::test]
async fn a_short_page_in_the_middle_does_not_end_the_read() {
    let stage = Stage::of(450).await;
    stage.sim.state().fault_at(On::Api, 3, Fault::ShortPage(60));
    // Forty rows never came; the total says so, and the second read brings them.
    assert_whole(&stage.read().await.unwrap(), 450, 2);
    let stage = Stage::of(450).await;
    stage
        .sim
        .state()
        .fault_from(On::Api, 1, Fault::ShortPage(60));
    let snapshot = stage.read().await.unwrap();
    assert!(reasons(&snapshot)[0].contains("claims 450 people"));
}

#[tokio::test]
async fn a_page_that_comes_twice_hides_nobody() {
    let stage = Stage::of(450).await;
    stage.sim.state().fault_at(On::Api, 3, Fault::RepeatPage);
    assert_whole(&stage.read().await.unwrap(), 450, 2);
}

#[tokio::test]
async fn an_empty_instance_proves_nothing() {
    let stage = Stage::of(0).await;
    let snapshot = stage.read().await.unwrap();
    assert!(snapshot.people.is_empty());
    assert!(reasons(&snapshot)[0].contains("empty"));
    assert_eq!(snapshot.header.completeness.claimed_total, Some(0));
    assert_eq!(snapshot.header.completeness.reads, 1);
}

#[tokio::test]
async fn sentinels_and_floor_notice_an_agent_who_sees_less() {
    let elsewhere = SimSite {
        client_id: 13,
        client_name: "Other".to_owned(),
        ..SimSite::new(40, "Elsewhere")
    };
    let stage = Stage::with(300, |config| {
        config.sites.push(elsewhere);
        for person in config.people.iter_mut().skip(200) {
            person.site_id = 40;
        }
    })
    .await;
    let settings = || {
        let mut settings = stage.settings();
        settings.sentinels = vec!["17".to_owned(), "250".to_owned()];
        settings.floor = 250;
        settings
    };
    let seen = stage.reader(settings()).read_people().await.unwrap();
    assert_whole(&seen, 300, 1);
    stage.sim.state().hide_client(13, true);
    // The server is content: 200 people, 200 claimed. Only what we know ourselves tells.
    assert_whole(&stage.read().await.unwrap(), 200, 1);
    let cut = stage.reader(settings()).read_people().await.unwrap();
    let reasons = reasons(&cut);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("person 250, a sentinel"), "{reasons:?}");
    assert!(reasons[1].contains("floor of 250"), "{reasons:?}");
}

#[tokio::test]
async fn paging_by_another_parameter_and_reading_by_pointers_work() {
    let stage = Stage::of(250).await;
    let mut settings = stage.settings();
    settings.endpoint = EndpointSettings {
        path: "/Users/".to_owned(),
        records: Some("/users".to_owned()),
        total: Some("/record_count".to_owned()),
        ..EndpointSettings::users()
    };
    settings.endpoint.paging.as_mut().unwrap().parameter = "PAGE_NO".to_owned();
    assert_whole(&stage.reader(settings).read_people().await.unwrap(), 250, 1);
}

#[tokio::test]
async fn a_second_read_needs_no_second_token() {
    let stage = Stage::of(120).await;
    let reader = stage.reader(stage.settings());
    reader.read_people().await.unwrap();
    reader.read_people().await.unwrap();
    assert_eq!(stage.sim.state().tokens_issued(), 1);
}

#[tokio::test]
async fn rows_become_people_through_an_intake() {
    let invented = generate(230, 11);
    let stage = Stage::with(0, |config| {
        config.people = people_from(&invented);
        config.people.extend(odd_people(9001));
    })
    .await;
    let spec: kinds::Source = serde_json::from_value(json!({
        "preset": "haloitsm",
        "resourceServer": "https://acme.haloitsm.example/api",
        "authorisationServer": "https://acme.haloitsm.example/auth",
        "auth": {"oauth2": {"clientId": {"env": "ID"}, "clientSecret": {"env": "SECRET"}}},
        "endpoints": {"users": {"path": "/Users", "query": {"include_custom_fields": "201,202", "exclude_generaluser": true}}},
        "person": {
            "include": "not users.isserviceaccount and not users.is_prospect",
            "fields": {
                "number": {"from": "users.other1"},
                "surname": {"from": "users.surname"},
                "startsOn": {"from": "customField('CFstartDate')", "type": "date"},
                "inactive": {"from": "users.inactive", "type": "boolean"},
                "manager": {"from": "users.admanager"},
            },
        },
    }))
    .unwrap();
    let mut settings = stage.settings();
    settings.endpoint = EndpointSettings::new(
        "users",
        &spec.endpoints["users"],
        Vec::new(),
        None,
        spec.preset,
    );
    let document = Document {
        name: Name::new("people"),
        description: None,
        spec,
        positions: Arc::new(Positions::default()),
    };
    let intake = Intake::compile(&document, &jiff::tz::TimeZone::UTC).unwrap();
    let reader = RestReader::new(settings, || Taker::new(&intake)).unwrap();
    let snapshot = reader.read_people().await.unwrap();

    assert!(snapshot.header.completeness.is_proven());
    assert!(
        snapshot.header.rejected.is_empty(),
        "{:?}",
        snapshot.header.rejected
    );
    assert_eq!(snapshot.people.len(), 237);
    let out: Vec<_> = snapshot
        .people
        .iter()
        .filter(|person| !person.in_scope)
        .collect();
    assert_eq!(out.len(), 2, "the service account and the prospect");
    let delivered = |name: &str| {
        let field = snapshot
            .header
            .fields
            .iter()
            .find(|field| field.name.as_str() == name);
        field.unwrap().delivered
    };
    assert!(delivered("number") && delivered("startsOn"));
    assert!(
        !delivered("manager"),
        "the list does not have it, and nobody may conclude anything"
    );
    let slot = |name: &str| {
        let fields = &snapshot.header.fields;
        fields
            .iter()
            .position(|field| field.name.as_str() == name)
            .unwrap()
    };
    for (person, invented) in snapshot.people.iter().zip(&invented) {
        let fact = |name: &str| person.facts[slot(name)].clone();
        assert_eq!(
            fact("number"),
            Some(Fact::Text(invented.number.as_str().into()))
        );
        assert_eq!(fact("startsOn"), Some(Fact::Date(invented.starts_on)));
        assert_eq!(fact("inactive"), Some(Fact::Boolean(!invented.active)));
        assert!(fact("surname").is_some());
    }
}

#[test]
fn an_endpoint_as_configured_keeps_what_is_said_and_the_usual_otherwise() {
    let endpoint: kinds::Endpoint = serde_json::from_value(json!({
        "path": "/Users",
        "query": {"toplevel_id": 4, "exclude_agents": true, "search": "x"},
        "repeat": {"pageSize": 40, "start": 0},
    }))
    .unwrap();
    let halo = Some(kinds::Preset::Haloitsm);
    let settings = EndpointSettings::new("users", &endpoint, Vec::new(), None, halo);
    let paging = settings.paging.unwrap();
    assert_eq!(paging.parameter, "page_no");
    assert_eq!(
        (paging.start, paging.increment, paging.page_size),
        (0, Some(1), 40)
    );
    assert_eq!(settings.key, "id");
    let query: Vec<_> = settings
        .query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(query, ["exclude_agents=true", "search=x", "toplevel_id=4"]);
    let unpaged = kinds::Endpoint {
        repeat: None,
        ..endpoint
    };
    let settings = EndpointSettings::new("users", &unpaged, Vec::new(), None, halo);
    assert_eq!(settings.paging.unwrap().page_size, 100);
    // Without a preset one request is everything, because nobody said otherwise.
    let settings = EndpointSettings::new("users", &unpaged, Vec::new(), None, None);
    assert!(settings.paging.is_none());
}
