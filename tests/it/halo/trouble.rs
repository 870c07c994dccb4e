//! Refusals, limits, broken answers, and what is said about them (P4).

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halosync::connector::rest::{RestReader, Settings};
use halosync::connector::{ConnectorError, PeopleReader as _};
use halosync::sandbox::halo::{ErrorShape, Fault, HaloSim, On, SimConfig, SimTls};
use url::Url;

use super::{Heap, Stage, assert_whole, oauth, secret, set_server};

async fn error(stage: &Stage, change: impl FnOnce(&mut Settings)) -> ConnectorError {
    let mut settings = stage.settings();
    change(&mut settings);
    stage.reader(settings).read_people().await.unwrap_err()
}

#[track_caller]
fn assert_says(error: &ConnectorError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in: {text}");
    }
}

#[tokio::test]
async fn refused_credentials_are_denied_at_once_with_what_to_look_at() {
    let stage = Stage::of(3).await;
    let denied = error(&stage, |settings| {
        oauth(settings).client_secret = Some(secret("wrong-c4nary"));
    })
    .await;
    assert!(matches!(denied, ConnectorError::Denied { .. }));
    assert_says(&denied, &["invalid_client", "client secret"]);
    assert_eq!(stage.sim.state().requests(), 1, "no second try");

    let denied = error(&stage, |settings| {
        oauth(settings).scope = vec!["read:users".to_owned()];
    })
    .await;
    assert!(matches!(denied, ConnectorError::Denied { .. }));
    assert_says(
        &denied,
        &["invalid_scope", "no read:users", "read:customers"],
    );

    let denied = error(&stage, |settings| {
        oauth(settings).scope = vec!["read:tickets".to_owned()];
    })
    .await;
    assert!(matches!(denied, ConnectorError::Denied { .. }));
    assert_says(&denied, &["403", "read:customers"]);
}

#[tokio::test]
async fn a_wrong_tenant_is_recognised_by_its_status_500() {
    let stage = Stage::of(3).await;
    let server = stage.sim.authorisation_server();
    for tenant in [Some("somebody-else"), None, Some(" ")] {
        let error = error(&stage, |settings| {
            set_server(settings, server.clone(), tenant);
        })
        .await;
        assert!(matches!(error, ConnectorError::Unavailable { .. }));
        assert_says(&error, &["status 500", "tenant"]);
    }
    let hosted_by_itself = Stage::with(3, |config| config.tenant = None).await;
    let mut settings = hosted_by_itself.settings();
    set_server(
        &mut settings,
        hosted_by_itself.sim.authorisation_server(),
        None,
    );
    let reader = hosted_by_itself.reader(settings);
    assert_whole(&reader.read_people().await.unwrap(), 3, 1);
}

#[tokio::test]
async fn a_token_that_dies_while_reading_is_renewed_once() {
    let stage = Stage::of(950).await;
    stage.sim.state().fault_at(On::Api, 5, Fault::ExpireTokens);
    assert_whole(&stage.read().await.unwrap(), 950, 1);
    assert_eq!(stage.sim.state().tokens_issued(), 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_ends_the_read() {
    let stage = Stage::of(950).await;
    stage
        .sim
        .state()
        .fault_from(On::Api, 1, Fault::ExpireTokens);
    let denied = error(&stage, |_| {}).await;
    assert!(matches!(denied, ConnectorError::Denied { .. }), "{denied}");
    assert_says(&denied, &["fresh access token was refused"]);
    assert_eq!(stage.sim.state().tokens_issued(), 2);
    assert_eq!(stage.sim.state().requests_to("/api/Users"), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    // Well over the hour a token lives; the second time, the wait for the limit alone outlasts what a token has left.
    for (people, window) in [(700, 60), (120, 700)] {
        let stage = Stage::of(people).await;
        let mut settings = stage.settings();
        settings.endpoint.paging.as_mut().unwrap().page_size = 10;
        settings.rate_requests = 1;
        settings.rate_window = Duration::from_secs(window);
        let reader = stage.reader(settings);
        assert_whole(&reader.read_people().await.unwrap(), people, 1);
        assert!(stage.sim.state().tokens_issued() >= 2);
        let report = reader.report();
        assert_eq!(report.retries, 0, "no request met a dead token");
        assert!(report.waited > Duration::from_secs(3600));
        assert_eq!(report.requests, stage.sim.state().requests());
    }
}

#[tokio::test]
async fn a_token_of_a_few_seconds_does_not_cost_one_per_request() {
    let stage = Stage::with(450, |config| config.token_life = Duration::from_secs(40)).await;
    assert_whole(&stage.read().await.unwrap(), 450, 1);
    assert_eq!(stage.sim.state().tokens_issued(), 1);
}

#[tokio::test]
async fn the_own_limit_keeps_below_the_servers() {
    let stage = Stage::with(4000, |config| {
        config.limiter = Some((300, Duration::from_secs(300)));
    })
    .await;
    let mut settings = stage.settings();
    settings.endpoint.paging.as_mut().unwrap().page_size = 10;
    settings.rate_requests = 280;
    let reader = stage.reader(settings);
    assert_whole(&reader.read_people().await.unwrap(), 4000, 1);
    let report = reader.report();
    assert_eq!((report.requests, report.retries), (401, 0));
    assert!(report.waited >= Duration::from_secs(299), "{report:?}");
}

#[tokio::test]
async fn patience_outlasts_a_full_window_when_others_use_it_too() {
    for retry_after in [false, true] {
        let stage = Stage::with(4000, |config| {
            config.limiter = Some((300, Duration::from_secs(300)));
            config.retry_after = retry_after;
        })
        .await;
        let mut settings = stage.settings();
        settings.endpoint.paging.as_mut().unwrap().page_size = 10;
        let reader = stage.reader(settings);
        assert_whole(&reader.read_people().await.unwrap(), 4000, 1);
        let report = reader.report();
        assert!(report.retries > 0 && report.waited > Duration::from_secs(200));
    }
}

#[tokio::test]
async fn a_named_time_is_honoured_in_both_forms() {
    for after in ["120", "Mon, 23 Nov 2026 12:02:00 GMT"] {
        let stage = Stage::of(3).await;
        stage
            .sim
            .state()
            .fault_next(On::Api, Fault::Throttle(Some(after.to_owned())));
        let reader = stage.reader(stage.settings());
        assert_whole(&reader.read_people().await.unwrap(), 3, 1);
        assert_eq!(reader.report().waited, Duration::from_secs(120), "{after}");
    }
}

#[tokio::test]
async fn throttling_without_end_gives_up_when_patience_ends() {
    for on in [On::Token, On::Api] {
        let stage = Stage::of(3).await;
        stage.sim.state().fault_from(on, 1, Fault::Throttle(None));
        let reader = stage.reader(stage.settings());
        let error = reader.read_people().await.unwrap_err();
        assert!(matches!(error, ConnectorError::Transient { .. }), "{error}");
        assert_says(&error, &["Rate Limit Reached", "rateLimit"]);
        let waited = reader.report().waited;
        assert!(waited > Duration::from_secs(300) && waited <= Settings::PATIENCE);
    }
    let stage = Stage::of(3).await;
    stage
        .sim
        .state()
        .fault_from(On::Api, 1, Fault::Throttle(Some("7200".to_owned())));
    let reader = stage.reader(stage.settings());
    let error = reader.read_people().await.unwrap_err();
    let ConnectorError::Transient { retry_after, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7200)));
    assert_eq!(reader.report().waited, Duration::ZERO);
}

#[tokio::test]
async fn trouble_that_passes_is_ridden_out() {
    let message = || "try later".to_owned();
    for fault in [
        Fault::Status(500, ErrorShape::DotNet, message()),
        Fault::Status(502, ErrorShape::Html, message()),
        Fault::Status(503, ErrorShape::Empty, message()),
        Fault::Status(504, ErrorShape::Plain, message()),
        Fault::Html200,
        Fault::TruncatedJson,
        Fault::BrokenOff,
        Fault::ResetConnection,
        Fault::ResetAfterCommit,
        Fault::Throttle(None),
    ] {
        for on in [On::Token, On::Api] {
            let stage = Stage::of(450).await;
            let state = stage.sim.state();
            if on == On::Api {
                for at in [1, 3, 4] {
                    state.fault_at(on, at, fault.clone());
                }
            } else {
                state.fault_at(on, 1, fault.clone());
            }
            let reader = stage.reader(stage.settings());
            let snapshot = reader.read_people().await.unwrap();
            assert_whole(&snapshot, 450, 1);
            let report = reader.report();
            assert!(report.retries > 0, "{on:?} {fault:?}");
            assert!(report.waited > Duration::ZERO, "{on:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn trouble_that_stays_is_unavailable_and_says_what_to_look_at() {
    for (fault, words, attempts) in [
        (
            Fault::Status(502, ErrorShape::Html, "Bad Gateway".to_owned()),
            vec!["status 502", "Bad Gateway", "6 attempts"],
            6,
        ),
        (
            Fault::Html200,
            vec!["Down for maintenance", "resource server"],
            4,
        ),
        (Fault::TruncatedJson, vec!["not whole JSON", "proxy"], 4),
        (Fault::ResetConnection, vec!["6 attempts", "reachable"], 6),
    ] {
        let stage = Stage::of(450).await;
        stage.sim.state().fault_from(On::Api, 1, fault.clone());
        let error = error(&stage, |_| {}).await;
        assert!(matches!(error, ConnectorError::Unavailable { .. }));
        assert_says(&error, &words);
        let sent = stage.sim.state().requests_to("/api/Users");
        assert_eq!(sent, attempts, "{fault:?}");
    }
    for (fault, words) in [
        (
            Fault::Html200,
            vec!["Down for maintenance", "authorisation server"],
        ),
        (Fault::Body("{}".to_owned()), vec!["no token"]),
    ] {
        let stage = Stage::of(3).await;
        stage.sim.state().fault_from(On::Token, 1, fault);
        assert_says(&error(&stage, |_| {}).await, &words);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_asked_for_again() {
    let stage = Stage::of(3).await;
    stage
        .sim
        .state()
        .fault_next(On::Api, Fault::Slow(Duration::from_secs(30)));
    let mut settings = stage.settings();
    settings.request_timeout = Duration::from_millis(300);
    let reader = stage.reader(settings);
    assert_whole(&reader.read_people().await.unwrap(), 3, 1);
    assert_eq!(reader.report().retries, 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let stage = Stage::of(3).await;
    let settings = stage.settings();
    let reader = stage.reader(settings);
    let Stage { sim, .. } = stage;
    sim.stop().await;
    let error = reader.read_people().await.unwrap_err();
    assert!(
        matches!(error, ConnectorError::Unavailable { .. }),
        "{error}"
    );
    assert_says(&error, &["authorisation server"]);
}

#[tokio::test]
async fn what_halo_says_is_shown_whatever_its_shape() {
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
        let message = format!("the view is gone\u{1b}[2J\r\n{}", "!".repeat(2000));
        stage
            .sim
            .state()
            .fault_from(On::Api, 1, Fault::Status(400, shape, message));
        let error = error(&stage, |_| {}).await;
        assert!(matches!(error, ConnectorError::Invalid { .. }), "{error}");
        assert_says(&error, &["status 400", "the view is gone", "…"]);
        let text = error.to_string();
        assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
        assert!(text.chars().count() < 450, "{shape:?}: {text}");
        assert_eq!(stage.sim.state().requests_to("/api/Users"), 1);
    }
}

#[tokio::test]
async fn neither_token_nor_secret_is_sent_where_a_server_points() {
    let elsewhere = Stage::of(3).await;
    for on in [On::Token, On::Api] {
        let stage = Stage::of(3).await;
        let target = elsewhere.sim.url().join("api/Users?code=c4nary").unwrap();
        stage
            .sim
            .state()
            .fault_next(on, Fault::Redirect(target.to_string()));
        let error = error(&stage, |_| {}).await;
        assert!(
            matches!(error, ConnectorError::Unavailable { .. }),
            "{error}"
        );
        assert_says(&error, &["sends us to", "/api/Users"]);
        assert!(!error.to_string().contains("c4nary"));
    }
    assert_eq!(elsewhere.sim.state().requests(), 0);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_server_that_echoes_secrets_cannot_make_them_show() {
    const CANARY: &str = "c4nary s+cret/&=";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // One thread runs everything here, the simulator included.
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut shown = String::new();
    for (on, status) in [
        (On::Token, 400),
        (On::Token, 500),
        (On::Token, 418),
        (On::Api, 400),
        (On::Api, 401),
        (On::Api, 403),
        (On::Api, 502),
    ] {
        let stage = Stage::with(3, |config| config.client_secret = CANARY.to_owned()).await;
        stage.sim.state().fault_from(on, 1, Fault::Echo(status));
        let mut settings = stage.settings();
        oauth(&mut settings).client_secret = Some(secret(CANARY));
        let reader = stage.reader(settings);
        let error = reader.read_people().await.unwrap_err();
        assert_says(&error, &["[secret]"]);
        shown.push_str(&format!("{error}\n{error:?}\n{reader:?}\n"));
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("waiting to try again"),
        "the log was not caught"
    );
    for text in [&shown, &logged] {
        for form in ["c4nary", "s%2Bcret", "Bearer eyJ", "eyJ"] {
            assert!(!text.contains(form), "{form} shows in:\n{text}");
        }
    }
}

#[tokio::test]
async fn settings_that_could_hurt_are_refused_before_anything_is_sent() {
    let stage = Stage::of(3).await;
    let refuse = |change: &dyn Fn(&mut Settings), word: &str| {
        let mut settings = stage.settings();
        change(&mut settings);
        let error = RestReader::new(settings, Heap::default).unwrap_err();
        assert!(matches!(error, ConnectorError::Invalid { .. }), "{error}");
        assert_says(&error, &[word]);
    };
    let set = |parameter: &'static str| {
        move |settings: &mut Settings| {
            settings
                .endpoint
                .query
                .push((parameter.to_owned(), "1".to_owned()));
        }
    };
    for parameter in [
        "PageInate",
        "page_no",
        "includeinactive",
        "order",
        "count",
        "idonly",
    ] {
        refuse(&set(parameter), parameter);
    }
    refuse(
        &|settings| settings.resource_server = Url::parse("http://halo.example.com/api").unwrap(),
        "resourceServer",
    );
    refuse(
        &|settings| {
            let address = Url::parse("https://a:b@halo.example.com").unwrap();
            set_server(settings, address, None);
        },
        "authorisationServer",
    );
    refuse(
        &|settings| oauth(settings).client_secret = Some(secret(" ")),
        "clientSecret",
    );
    refuse(&|settings| settings.ca_pem = Some(b"none".to_vec()), "ca");
    assert_eq!(stage.sim.state().requests(), 0);
}

/// A certificate for 127.0.0.1 that signs itself.
fn certificate() -> SimTls {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    SimTls {
        chain_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
    }
}

#[tokio::test]
async fn only_the_given_certificate_authority_is_trusted() {
    let tls = certificate();
    let stage = Stage::with(120, |config| config.tls = Some(tls.clone())).await;
    assert_eq!(stage.sim.url().scheme(), "https");
    let mut settings = stage.settings();
    settings.ca_pem = Some(tls.chain_pem.clone().into_bytes());
    let snapshot = stage.reader(settings).read_people().await.unwrap();
    assert_whole(&snapshot, 120, 1);
    // Neither the system's authorities nor somebody else's will do.
    for ca_pem in [None, Some(certificate().chain_pem.into_bytes())] {
        let mut settings = stage.settings();
        settings.ca_pem = ca_pem;
        let reader = stage.reader(settings);
        let error = reader.read_people().await.unwrap_err();
        assert!(
            matches!(error, ConnectorError::Unavailable { .. }),
            "{error}"
        );
        assert_says(&error, &["certificate", "`ca`"]);
        assert_eq!(reader.report().requests, 1, "waiting would not help");
    }
}

/// Runs one of the tests above again, in a process whose environment names a proxy that is not there.
#[test]
fn a_proxy_in_the_environment_is_not_asked_for_loopback_addresses() {
    let this = std::env::current_exe().unwrap();
    let output = std::process::Command::new(this)
        .args([
            "--exact",
            "halo::reading::the_header_says_what_was_read_and_when",
        ])
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn the_simulator_listens_on_loopback_only() {
    let outcome = HaloSim::start(SimConfig {
        address: "0.0.0.0:0".parse().unwrap(),
        ..SimConfig::default()
    })
    .await;
    assert!(outcome.is_err());
}
