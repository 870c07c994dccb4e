//! What may go wrong between pages and servers, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use halosync::config::kinds::{AnswerType, RepeatBy};
use halosync::connector::rest::{
    Authorisation, EndpointSettings, Joining, PagingSettings, RestReader, RunSettings, Settings,
};
use halosync::connector::{ConnectorError, PeopleReader as _};
use halosync::model::{Name, PeopleSnapshot};
use secrecy::SecretString;
use serde_json::json;

use super::server::{Reply, Seen, Server};
use crate::halo::{Heap, JumpingTime, keys, reasons};

fn paging(by: RepeatBy) -> PagingSettings {
    PagingSettings {
        by,
        parameter: "page".to_owned(),
        place: halosync::config::kinds::ParameterPlace::Query,
        start: 1,
        increment: Some(1),
        page_size: 2,
        page_size_parameter: None,
        next: None,
        until: None,
        short_page_ends: false,
    }
}

/// Settings without a preset, with a key that must never be shown.
fn settings(server: &Server, by: Option<RepeatBy>) -> Settings {
    Settings {
        name: Name::new("people"),
        halo: false,
        resource_server: server.url.clone(),
        authorisation: Authorisation::Bearer {
            token: SecretString::from("canary-token-of-lab".to_owned()),
            prefix: "Bearer".to_owned(),
        },
        tenant: None,
        ca_pem: None,
        rate_requests: 1_000_000,
        rate_window: Duration::from_secs(300),
        endpoint: EndpointSettings {
            name: "people".to_owned(),
            path: "/people".to_owned(),
            paging: by.map(paging),
            end_proves: true,
            ..EndpointSettings::users()
        },
        joining: Joining::default(),
        sentinels: Vec::new(),
        floor: 0,
        patience: Settings::PATIENCE,
        request_timeout: Duration::from_secs(20),
        clock: Arc::new(|| "2026-11-23T12:00:00Z".parse().unwrap()),
        run: RunSettings::default(),
    }
}

async fn read(settings: Settings) -> Result<PeopleSnapshot, ConnectorError> {
    let sinks: fn() -> Heap = Heap::default;
    RestReader::new(settings, sinks)?
        .with_time(Arc::new(JumpingTime::default()))
        .read_people()
        .await
}

fn page_of(seen: &Seen) -> u64 {
    seen.parameter("page")
        .map_or(1, |page| page.parse().unwrap())
}

#[tokio::test]
async fn a_list_that_never_ends_is_stopped_and_never_proven() {
    // Always the same rows under another cursor.
    let server = Server::start(|seen| {
        let next = seen
            .parameter("page")
            .map_or(1, |page| page.parse::<u64>().unwrap())
            + 1;
        Reply::json(&json!([{"id": 1}, {"id": 2}])).header("x-next", &next.to_string())
    })
    .await;
    let mut settings = settings(&server, Some(RepeatBy::Cursor));
    settings.endpoint.paging.as_mut().unwrap().next = Some("header:X-Next".to_owned());
    let snapshot = read(settings).await.unwrap();
    assert_eq!(keys(&snapshot), [1, 2]);
    assert!(!snapshot.header.completeness.is_proven());
    assert!(server.seen().len() < 20, "{}", server.seen().len());
}

#[tokio::test]
async fn empty_pages_that_always_name_a_next_one_end_at_last() {
    let server = Server::start(|seen| {
        let page = page_of(seen);
        let rows = if page == 1 {
            json!([{"id": 1}])
        } else {
            json!([])
        };
        Reply::json(&rows).header("x-next", &(page + 1).to_string())
    })
    .await;
    let mut settings = settings(&server, Some(RepeatBy::Cursor));
    settings.endpoint.paging.as_mut().unwrap().next = Some("header:X-Next".to_owned());
    let snapshot = read(settings).await.unwrap();
    let reasons = reasons(&snapshot);
    assert!(reasons[0].contains("brought nothing new"), "{reasons:?}");
}

#[tokio::test]
async fn cursors_in_a_circle_are_noticed() {
    let server = Server::start(|seen| {
        let page = page_of(seen);
        let next = if page == 1 { 2 } else { 1 + page % 3 };
        Reply::json(&json!([{"id": server_row(seen, page)}])).header("x-next", &next.to_string())
    })
    .await;
    let mut settings = settings(&server, Some(RepeatBy::Cursor));
    settings.endpoint.paging.as_mut().unwrap().next = Some("header:X-Next".to_owned());
    let snapshot = read(settings).await.unwrap();
    let reasons = reasons(&snapshot);
    assert!(
        reasons.iter().any(|reason| reason.contains("circle")),
        "{reasons:?}"
    );
}

/// A row nobody has seen, so that only the cursor tells.
fn server_row(seen: &Seen, page: u64) -> u64 {
    let _ = seen;
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    page * 1_000 + NEXT.fetch_add(1, Ordering::SeqCst)
}

#[tokio::test]
async fn the_same_page_again_ends_the_list_without_proving_it() {
    let server = Server::start(|_| Reply::json(&json!([{"id": 1}, {"id": 2}]))).await;
    let snapshot = read(settings(&server, Some(RepeatBy::Counter)))
        .await
        .unwrap();
    assert_eq!(keys(&snapshot), [1, 2]);
    let reasons = reasons(&snapshot);
    assert!(reasons[0].contains("only stopped"), "{reasons:?}");
    // An empty page after the last one is a statement, and the source says that it proves.
    let server = Server::start(|seen| {
        Reply::json(&match page_of(seen) {
            1 => json!([{"id": 1}, {"id": 2}]),
            _ => json!([]),
        })
    })
    .await;
    let snapshot = read(settings(&server, Some(RepeatBy::Counter)))
        .await
        .unwrap();
    assert!(snapshot.header.completeness.is_proven());
    let mut unsure = settings(&server, Some(RepeatBy::Counter));
    unsure.endpoint.end_proves = false;
    assert!(!read(unsure).await.unwrap().header.completeness.is_proven());
}

#[tokio::test]
async fn a_next_link_to_another_server_is_not_followed() {
    let other = Server::start(|_| Reply::json(&json!([{"id": 3}]))).await;
    let target = other.url.join("people").unwrap().to_string();
    let server = Server::start(move |_| {
        Reply::json(&json!([{"id": 1}])).header("link", &format!("<{target}>; rel=next"))
    })
    .await;
    let error = read(settings(&server, Some(RepeatBy::Link)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another server"), "{error}");
    assert_eq!(
        other.seen().len(),
        0,
        "nothing was sent there, least of all the token"
    );
    assert_eq!(
        server.seen()[0].header("authorization"),
        Some("Bearer canary-token-of-lab")
    );
}

#[tokio::test]
async fn another_server_gets_the_credentials_only_when_it_is_named_for_them() {
    for named in [false, true] {
        let other = Server::start(|_| Reply::json(&json!([{"id": 1}]))).await;
        let server = Server::start(|_| Reply::status(500)).await;
        let mut settings = settings(&server, None);
        settings.endpoint.path = other.url.join("people").unwrap().to_string();
        if named {
            settings.joining.credentials_to = vec![other.url.clone()];
        }
        read(settings).await.unwrap();
        let sent = other.seen()[0].header("authorization").map(str::to_owned);
        assert_eq!(sent.is_some(), named, "{sent:?}");
        assert_eq!(server.seen().len(), 0);
    }
}

#[tokio::test]
async fn a_server_that_wants_credentials_it_is_not_named_for_is_said_so() {
    let other = Server::start(|_| Reply::status(401)).await;
    let server = Server::start(|_| Reply::status(500)).await;
    let mut settings = settings(&server, None);
    settings.endpoint.path = other.url.join("people").unwrap().to_string();
    let error = read(settings).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("credentialsTo"), "{error}");
    assert_eq!(other.seen().len(), 1);
}

#[tokio::test]
async fn answers_that_are_none_are_errors_and_never_an_empty_list() {
    let halved = br#"[{"id": 1}, {"id""#.to_vec();
    let bomb = {
        use std::io::Write as _;
        let mut bytes = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bytes.write_all(b"[").unwrap();
        for _ in 0..1100 {
            bytes.write_all(&[b' '; 1 << 16]).unwrap();
        }
        bytes.finish().unwrap()
    };
    let laughs =
        r#"<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a><p id="1">&y;</p></a>"#;
    let html = "<!DOCTYPE html><html><head><title>Back soon</title></head></html>";
    for (reply, xml, words) in [
        (Reply::of("text/html", html), false, "Back soon"),
        (
            Reply::of("application/json", halved),
            false,
            "not whole JSON",
        ),
        (
            Reply::of("application/json", bomb).header("content-encoding", "gzip"),
            false,
            "larger than 64 MiB",
        ),
        (Reply::of("application/xml", laughs), true, "document type"),
        (
            Reply::of("application/xml", "<a><p id=\"1\">"),
            true,
            "breaks off",
        ),
        (
            Reply::of("application/xml", "<a>".repeat(100_000)),
            true,
            "deeper",
        ),
        (
            Reply::json(&json!({"message": "no such view"})),
            false,
            "no such view",
        ),
        (
            Reply::json(&json!({"people": [{"id": 1}]})),
            false,
            "records",
        ),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let mut settings = settings(&server, None);
        if xml {
            settings.endpoint.answer = AnswerType::Xml;
            settings.endpoint.records = Some("/a/p".to_owned());
        }
        let error = read(settings).await.unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn without_a_preset_no_word_of_any_product_is_said_or_sent() {
    for reply in [
        Reply::status(403),
        Reply::status(404),
        Reply::status(401),
        Reply::json(&json!([])),
        Reply::json(&json!({"x": 1})),
        Reply::of("text/html", "<html>"),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let said = match read(settings(&server, None)).await {
            Ok(snapshot) => reasons(&snapshot).join("; "),
            Err(error) => error.to_string(),
        };
        for word in ["Halo", "agent", "read:customers", "Integrations", "/auth"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
        for seen in server.seen() {
            assert_eq!(seen.target, "/people");
        }
    }
}

/// The read with `change` made to its paging is not proven, for this reason.
async fn doubted(
    server: &Server,
    by: Option<RepeatBy>,
    change: impl FnOnce(&mut EndpointSettings),
    word: &str,
) {
    let mut settings = settings(server, by);
    change(&mut settings.endpoint);
    let snapshot = read(settings).await.unwrap();
    let reasons = reasons(&snapshot);
    assert!(
        reasons.iter().any(|reason| reason.contains(word)),
        "{word}: {reasons:?}"
    );
}

fn paging_of(endpoint: &mut EndpointSettings) -> &mut PagingSettings {
    endpoint.paging.as_mut().unwrap()
}

#[tokio::test]
async fn a_next_page_that_is_not_understood_is_a_doubt_and_not_an_end() {
    for next in [
        json!({"href": "/deps?after=2"}),
        json!({"after": 2}),
        json!([2]),
        json!(true),
        json!(false),
    ] {
        for by in [RepeatBy::Cursor, RepeatBy::Link] {
            let body = json!({"rows": [{"id": 1}], "next": next, "total": 1});
            let server = Server::start(move |_| Reply::json(&body)).await;
            for total in [None, Some("/total".to_owned())] {
                let change = |endpoint: &mut EndpointSettings| {
                    endpoint.records = Some("/rows".to_owned());
                    endpoint.total = total;
                    paging_of(endpoint).next = Some("/next".to_owned());
                };
                doubted(&server, Some(by), change, "not understood").await;
            }
        }
    }
    for body in [
        json!({"rows": [{"id": 1}]}),
        json!({"rows": [{"id": 1}], "next": null}),
        json!({"rows": [{"id": 1}], "next": ""}),
    ] {
        let server = Server::start(move |_| Reply::json(&body)).await;
        let mut settings = settings(&server, Some(RepeatBy::Cursor));
        settings.endpoint.records = Some("/rows".to_owned());
        paging_of(&mut settings.endpoint).next = Some("/next".to_owned());
        assert!(
            read(settings)
                .await
                .unwrap()
                .header
                .completeness
                .is_proven()
        );
    }
    let server = Server::start(|_| {
        Reply::json(&json!([{"id": 1}])).header("link", "/people?at=10; rel=next")
    })
    .await;
    doubted(&server, Some(RepeatBy::Link), |_| {}, "Link header").await;
}

#[tokio::test]
async fn a_total_of_one_page_hides_no_next_page() {
    // The total counts the rows of its page, and there are two pages.
    let server = Server::start(|seen| {
        Reply::json(&match page_of(seen) {
            1 => json!({"rows": [{"id": 1}, {"id": 2}], "total": 2, "next": "2"}),
            _ => json!({"rows": [{"id": 3}, {"id": 4}], "total": 2, "next": null}),
        })
    })
    .await;
    let change = |endpoint: &mut EndpointSettings| {
        endpoint.records = Some("/rows".to_owned());
        endpoint.total = Some("/total".to_owned());
        paging_of(endpoint).next = Some("/next".to_owned());
    };
    doubted(&server, Some(RepeatBy::Cursor), change, "claims 2").await;
    // Counted pages: the Link header names the next one.
    let server = Server::start(|seen| match page_of(seen) {
        1 => Reply::json(&json!({"rows": [{"id": 1}, {"id": 2}], "total": 2}))
            .header("link", "</people?page=2>; rel=\"next\""),
        _ => Reply::json(&json!({"rows": [{"id": 3}, {"id": 4}], "total": 2})),
    })
    .await;
    let change = |endpoint: &mut EndpointSettings| {
        endpoint.records = Some("/rows".to_owned());
        endpoint.total = Some("/total".to_owned());
    };
    doubted(&server, Some(RepeatBy::Counter), change, "claims 2").await;
    // The parameter is wrong: the same page under every cursor.
    let server = Server::start(|_| {
        Reply::json(&json!({"rows": [{"id": 1}, {"id": 2}], "total": 2, "next": "2"}))
    })
    .await;
    let change = |endpoint: &mut EndpointSettings| {
        endpoint.records = Some("/rows".to_owned());
        endpoint.total = Some("/total".to_owned());
        paging_of(endpoint).next = Some("/next".to_owned());
    };
    doubted(&server, Some(RepeatBy::Cursor), change, "page before again").await;
}

#[tokio::test]
async fn the_first_page_is_never_short() {
    // Asked for 100 and capped at 2, with or without a parameter for it.
    for parameter in [None, Some("size".to_owned())] {
        let server = Server::start(|seen| {
            Reply::json(&match page_of(seen) {
                1 => json!([{"id": 1}, {"id": 2}]),
                2 => json!([{"id": 3}, {"id": 4}]),
                3 => json!([{"id": 5}]),
                _ => json!([]),
            })
        })
        .await;
        let mut settings = settings(&server, Some(RepeatBy::Counter));
        let paging = paging_of(&mut settings.endpoint);
        paging.page_size = 100;
        paging.page_size_parameter = parameter;
        paging.short_page_ends = true;
        let snapshot = read(settings).await.unwrap();
        assert_eq!(keys(&snapshot), [1, 2, 3, 4, 5]);
        assert!(snapshot.header.completeness.is_proven());
        assert_eq!(server.seen().len(), 3);
    }
}

/// Gives ten of `people` from where it is asked on, however many are asked for.
async fn tens(people: u64) -> Server {
    Server::start(move |seen| {
        let from = page_of(seen);
        let rows: Vec<_> = (from..people.min(from + 10))
            .map(|id| json!({"id": id + 1}))
            .collect();
        Reply::json(&json!(rows))
    })
    .await
}

#[tokio::test]
async fn pages_smaller_than_the_increment_leave_gaps_that_are_doubted() {
    let by_twenty = |endpoint: &mut EndpointSettings| {
        let paging = paging_of(endpoint);
        paging.start = 0;
        paging.increment = Some(20);
    };
    for people in [11, 15, 25, 30] {
        let server = tens(people).await;
        doubted(&server, Some(RepeatBy::Offset), by_twenty, "increment: 20").await;
    }
    // The last page may be smaller.
    for people in [5, 10, 19, 20] {
        let server = tens(people).await;
        let mut settings = settings(&server, Some(RepeatBy::Offset));
        let paging = paging_of(&mut settings.endpoint);
        paging.start = 0;
        paging.increment = Some(10);
        let snapshot = read(settings).await.unwrap();
        assert_eq!(keys(&snapshot).len() as u64, people);
        assert!(snapshot.header.completeness.is_proven());
    }
}

#[tokio::test]
async fn a_next_page_in_the_link_header_is_noticed_by_sources_that_do_not_follow_it() {
    for by in [None, Some(RepeatBy::Counter)] {
        let server = Server::start(|seen| {
            Reply::json(&match page_of(seen) {
                1 => json!([{"id": 1}]),
                _ => json!([]),
            })
            .header("link", "</people?page=2>; rel=\"next\"")
        })
        .await;
        doubted(&server, by, |_| {}, "repeat: {by: link}").await;
    }
}

#[tokio::test]
async fn two_different_rows_of_one_key_on_one_page_are_doubted() {
    let of = |first: serde_json::Value, second: serde_json::Value| async move {
        let server = Server::start(move |_| Reply::json(&json!([first, second]))).await;
        reasons(&read(settings(&server, None)).await.unwrap())
    };
    let rivals = of(
        json!({"id": 1001, "active": true}),
        json!({"id": 1001, "active": false}),
    )
    .await;
    assert!(
        rivals.iter().any(|reason| reason.contains("1001")),
        "{rivals:?}"
    );
    let same = of(
        json!({"id": 7, "active": true}),
        json!({"id": 7, "active": true}),
    )
    .await;
    assert!(same.is_empty(), "{same:?}");
}
