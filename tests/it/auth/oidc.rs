//! Logging in to an independent OpenID provider (npm `oidc-provider`), which knows nothing of halosync.
//!
//! The provider is installed by `.ci/oidc`, which these tests call when it is missing; without it they fail.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use url::Url;

use super::desk::{Browser, Desk, LoginRun, install_tls, target};

/// The provider, running.
struct Provider {
    _child: tokio::process::Child,
    issuer: Url,
}

impl Provider {
    async fn start(arguments: &[&str]) -> Self {
        let server = installed().join("server.mjs");
        let mut child = tokio::process::Command::new("node")
            .arg(&server)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node does not run: {error}; see .ci/oidc"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line())
            .await
            .expect("the provider starts in time")
            .unwrap()
            .expect("the provider starts; see .ci/oidc");
        let issuer = line.strip_prefix("ready ").expect("an address");
        // It dies of a notice that nobody takes.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _child: child,
            issuer: Url::parse(issuer).unwrap(),
        }
    }

    fn at(&self, path: &str) -> Url {
        self.issuer.join(path).unwrap()
    }

    /// Withdraws a refresh token, and all that came of it (RFC 7009).
    async fn revoke(&self, token: &str) {
        let form = [("token", token), ("client_id", "halosync-desk")];
        let answer = Browser::new()
            .post(&self.at("token/revocation"), &form)
            .await;
        assert_eq!(answer.status(), 200);
    }
}

/// Where the provider is installed.
fn installed() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder =
        std::env::var_os("HALOSYNC_OIDC").map_or_else(|| root.join("target/oidc"), PathBuf::from);
    let status = std::process::Command::new(root.join(".ci/oidc"))
        .status()
        .expect(".ci/oidc runs");
    assert!(status.success(), "the OpenID provider is not installed");
    folder
}

/// What stands between halosync and the provider: the people, for whoever has a token the provider knows; and the token
/// endpoint, where a test can interfere.
#[derive(Clone)]
struct Between {
    issuer: Url,
    http: reqwest::Client,
    mischief: Arc<Mutex<Option<Mischief>>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

/// What goes wrong with the next token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mischief {
    /// Another verifier arrives than was sent.
    OtherVerifier,
    /// The provider answers and nobody hears it.
    LoseAnswer,
}

impl Between {
    async fn start(provider: &Provider) -> (Url, Self) {
        install_tls();
        let between = Self {
            issuer: provider.issuer.clone(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            mischief: Arc::default(),
            tokens: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = axum::Router::new()
            .route("/api/{*path}", axum::routing::get(people))
            .route("/token", axum::routing::post(token))
            .with_state(between.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (Url::parse(&format!("http://{address}/")).unwrap(), between)
    }

    fn mischief(&self, mischief: Mischief) {
        *self.mischief.lock().unwrap() = Some(mischief);
    }
}

/// One person, for tokens the provider vouches for (its userinfo endpoint).
async fn people(State(between): State<Between>, headers: HeaderMap) -> Response<Body> {
    let token = headers.get("authorization").cloned();
    let Some(token) = token else {
        return empty(StatusCode::UNAUTHORIZED);
    };
    let known = between
        .http
        .get(between.issuer.join("me").unwrap())
        .header("authorization", token)
        .send()
        .await
        .unwrap();
    if !known.status().is_success() {
        return empty(StatusCode::UNAUTHORIZED);
    }
    let person = serde_json::json!({"record_count": 1, "users": [{
        "id": 7, "name": "Jo Doe", "firstname": "Jo", "surname": "Doe", "other1": "7", "other2": "Sales",
        "emailaddress": "jo@example.com", "inactive": false, "isserviceaccount": false}]});
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(person.to_string()))
        .unwrap()
}

/// Passes a token request on.
async fn token(State(between): State<Between>, request: Request<Body>) -> Response<Body> {
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let mischief = between.mischief.lock().unwrap().take();
    let body = if mischief == Some(Mischief::OtherVerifier) {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&body)
            .map(|(name, value)| {
                let value = if name == "code_verifier" {
                    "x".repeat(43)
                } else {
                    value.into_owned()
                };
                (name.into_owned(), value)
            })
            .collect();
        Bytes::from(
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish(),
        )
    } else {
        body
    };
    let answer = between
        .http
        .post(between.issuer.join("token").unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap();
    if let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&bytes)
        && let Some(token) = answer["access_token"].as_str()
    {
        between.tokens.lock().unwrap().push(token.to_owned());
    }
    if mischief == Some(Mischief::LoseAnswer) {
        return empty(StatusCode::BAD_GATEWAY);
    }
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(bytes))
        .unwrap()
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

const LINES: &str = "  preset: haloitsm
  resourceServer: {env: API}
  auth:
    oauth2:
      grant: authorizationCode
      clientId: {env: CLIENT_ID}
      scope: [openid, offline_access]
      authorizationUrl: {env: AUTHORIZE}
      tokenUrl: {env: TOKEN}
      callbackUrl: http://127.0.0.1:0/callback
      tokenStore: {file: {path: login.age, identity: {env: AGE_KEY}}}
";

/// Everything a case needs.
struct Case {
    provider: Provider,
    between: Between,
    desk: Desk,
}

impl Case {
    async fn new(arguments: &[&str]) -> Self {
        let provider = Provider::start(arguments).await;
        let (address, between) = Between::start(&provider).await;
        let mut desk = Desk::new(LINES).await;
        desk.set("CLIENT_ID", "halosync-desk");
        desk.set("API", address.join("api").unwrap().as_str());
        desk.set("TOKEN", address.join("token").unwrap().as_str());
        desk.set("AUTHORIZE", provider.at("auth").as_str());
        Self {
            provider,
            between,
            desk,
        }
    }

    /// Goes to the page that asks whether to agree; gives its address.
    async fn to_consent(browser: &mut Browser, run: &LoginRun) -> Url {
        assert_eq!(run.parameter("code_challenge_method"), "S256");
        let login = target(&browser.get(&run.url).await);
        let page = browser.get(&login).await;
        assert_eq!(page.status(), 200);
        let form = [("prompt", "login"), ("login", "jo"), ("password", "any")];
        let resumed = target(&browser.post(&login, &form).await);
        let consent = target(&browser.get(&resumed).await);
        let page = browser.get(&consent).await.text().await.unwrap();
        assert!(page.contains("offline_access"), "{page}");
        consent
    }

    /// Logs in and agrees; gives the address the browser is sent to.
    async fn agree(browser: &mut Browser, run: &LoginRun) -> Url {
        let consent = Self::to_consent(browser, run).await;
        let resumed = target(&browser.post(&consent, &[("prompt", "consent")]).await);
        target(&browser.get(&resumed).await)
    }

    /// A whole login.
    async fn log_in(&self) {
        let run = self.desk.begin_login(&["--no-browser"]).await;
        let mut browser = Browser::new();
        let back = Self::agree(&mut browser, &run).await;
        let (status, page) = browser.come_back(&back).await;
        assert_eq!(status, 200, "{page}");
        let access = self.between.tokens.lock().unwrap().last().cloned().unwrap();
        let refresh = self.desk.stored_token("login.age");
        let run = run.end(&[&access, &refresh]).await.expect(0);
        assert!(
            run.stdout
                .contains("scopes granted: openid, offline_access\naccess token: good for 10 min"),
            "{}",
            run.stdout
        );
    }

    /// A login that comes to nothing.
    async fn fails(&self, run: LoginRun, browser: &mut Browser, back: &Url, words: &[&str]) {
        let (status, page) = browser.come_back(back).await;
        assert_eq!(status, 400, "{page}");
        assert!(page.contains("Not logged in"), "{page}");
        let run = run.end(&[]).await.expect(77);
        for word in words {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
        assert!(!self.desk.path("login.age").exists());
    }
}

#[tokio::test]
async fn oidc_a_full_login_lets_people_be_read() {
    let case = Case::new(&[]).await;
    case.log_in().await;
    let run = case.desk.plan().await.expect(0);
    assert!(
        run.stderr.contains("read people: 1 people"),
        "{}",
        run.stderr
    );
    let run = case
        .desk
        .run(&["login", "--check", "people"])
        .await
        .expect(0);
    assert!(
        run.stdout.starts_with("the login of people works\n"),
        "{}",
        run.stdout
    );
}

#[tokio::test]
async fn oidc_denied_consent_is_said_and_nothing_kept() {
    let case = Case::new(&[]).await;
    let run = case.desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let consent = Case::to_consent(&mut browser, &run).await;
    let abort = Url::parse(&format!("{consent}/abort")).unwrap();
    let resumed = target(&browser.get(&abort).await);
    // Some versions go back by themselves, some by the way of the provider.
    let back = if resumed.path() == "/callback" {
        resumed
    } else {
        target(&browser.get(&resumed).await)
    };
    let words = [
        "the login was cancelled, or access was denied",
        "access_denied",
    ];
    case.fails(run, &mut browser, &back, &words).await;
}

#[tokio::test]
async fn oidc_a_wrong_state_is_refused() {
    let case = Case::new(&[]).await;
    let run = case.desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = Case::agree(&mut browser, &run).await;
    let state = run.parameter("state");
    let forged = Url::parse(&back.as_str().replace(&state, &"A".repeat(state.len()))).unwrap();
    assert_ne!(forged, back);
    case.fails(run, &mut browser, &forged, &["belongs to another login"])
        .await;
    // The code was not even tried.
    assert!(case.between.tokens.lock().unwrap().is_empty());
}

#[tokio::test]
async fn oidc_an_expired_code_is_refused() {
    let case = Case::new(&["--code-seconds", "1"]).await;
    let run = case.desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = Case::agree(&mut browser, &run).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let words = ["invalid_grant", "the code has expired", "log in again"];
    case.fails(run, &mut browser, &back, &words).await;
}

#[tokio::test]
async fn oidc_a_replayed_code_is_refused() {
    let case = Case::new(&[]).await;
    let run = case.desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = Case::agree(&mut browser, &run).await;
    // The provider takes the code, the answer is lost, and halosync asks again with a code that is spent.
    case.between.mischief(Mischief::LoseAnswer);
    let words = ["invalid_grant", "was used before", "log in again"];
    case.fails(run, &mut browser, &back, &words).await;
    assert_eq!(case.between.tokens.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn oidc_a_wrong_verifier_is_refused() {
    let case = Case::new(&[]).await;
    let run = case.desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = Case::agree(&mut browser, &run).await;
    case.between.mischief(Mischief::OtherVerifier);
    case.fails(run, &mut browser, &back, &["invalid_grant"])
        .await;
}

#[tokio::test]
async fn oidc_two_runs_in_a_row_each_rotate() {
    let case = Case::new(&[]).await;
    case.log_in().await;
    let mut tokens = vec![case.desk.stored_token("login.age")];
    for _ in 0..2 {
        let run = case.desk.plan().await.expect(0);
        let access = case.between.tokens.lock().unwrap().last().cloned().unwrap();
        let refresh = case.desk.stored_token("login.age");
        for secret in [&access, &refresh] {
            assert!(!run.stderr.contains(secret.as_str()), "{}", run.stderr);
            assert!(!run.stdout.contains(secret.as_str()), "{}", run.stdout);
        }
        assert!(!tokens.contains(&refresh));
        tokens.push(refresh);
    }
}

#[tokio::test]
async fn oidc_a_rotated_refresh_token_is_refused_and_a_new_login_asked_for() {
    let case = Case::new(&[]).await;
    case.log_in().await;
    let old = std::fs::read(case.desk.path("login.age")).unwrap();
    case.desk.plan().await.expect(0);
    // As if a backup came back, or a runner had an old copy.
    let newest = std::fs::read(case.desk.path("login.age")).unwrap();
    std::fs::write(case.desk.path("login.age"), old).unwrap();
    let run = case.desk.plan().await.expect(77);
    for word in [
        "the authorisation server refused the refresh token (`invalid_grant`",
        "`halosync login people`",
    ] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    // The provider has taken it for theft and ended everything: the newest is of no use either.
    std::fs::write(case.desk.path("login.age"), newest).unwrap();
    case.desk.plan().await.expect(77);
    case.log_in().await;
    case.desk.plan().await.expect(0);
}

#[tokio::test]
async fn oidc_a_revoked_grant_is_refused_and_a_new_login_asked_for() {
    let case = Case::new(&[]).await;
    case.log_in().await;
    case.provider
        .revoke(&case.desk.stored_token("login.age"))
        .await;
    let run = case.desk.plan().await.expect(77);
    assert!(
        run.stderr.contains("was revoked") && run.stderr.contains("`halosync login people`"),
        "{}",
        run.stderr
    );
}
