//! Logins that do not come about or are lost: what exactly happened is said, and what to do.

use halosync::sandbox::halo::HaloSim;

use super::desk::{Browser, CANARY, Desk, LoginRun, halo, target};

const LINES: &str = "  preset: haloitsm
  instance: {env: HALO_INSTANCE}
  auth:
    oauth2:
      grant: authorizationCode
      clientId: {env: CLIENT_ID}
      clientSecret: {env: SECRET}
      callbackUrl: http://127.0.0.1:0/callback
      tokenStore: {file: {path: login.age, identity: {env: AGE_KEY}}}
";

async fn agree(browser: &mut Browser, run: &LoginRun) -> url::Url {
    browser.get(&run.url).await;
    let form = [("username", "agent"), ("password", CANARY)];
    target(&browser.post(&run.url, &form).await)
}

async fn logged_in(sim: &HaloSim) -> Desk {
    let desk = Desk::at(sim, LINES).await;
    let run = desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = agree(&mut browser, &run).await;
    browser.come_back(&back).await;
    run.end(&[]).await.expect(0);
    desk
}

/// Where a message stands, without what the log says besides.
fn error(stderr: &str) -> &str {
    stderr.find("error: ").map_or(stderr, |at| &stderr[at..])
}

#[tokio::test]
async fn a_parameter_that_comes_twice_makes_an_answer_no_login() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, LINES).await;
    for (addition, name) in [("&code=other", "`code`"), ("&state=other", "`state`")] {
        let run = desk.begin_login(&["--no-browser"]).await;
        let mut browser = Browser::new();
        let back = agree(&mut browser, &run).await;
        let back = format!("{back}{addition}").parse().unwrap();
        let (_, page) = browser.come_back(&back).await;
        assert!(page.contains("more than once"), "{page}");
        let run = run.end(&[]).await.expect(77);
        assert!(
            run.stderr.contains(&format!("holds {name} more than once")),
            "{}",
            run.stderr
        );
        assert!(!desk.path("login.age").exists());
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_the_servers_fault() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, LINES).await;
    let run = desk.begin_login(&["--no-browser"]).await;
    let state = run.parameter("state");
    let mut back: url::Url = run.parameter("redirect_uri").parse().unwrap();
    back.query_pairs_mut().append_pair("state", &state);
    Browser::new().come_back(&back).await;
    let run = run.end(&[]).await.expect(69);
    assert!(
        run.stderr.contains("neither a code nor an error"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_refused_refresh_token_is_not_laid_at_an_earlier_runs_door() {
    let sim = halo(|_| {}).await;
    let desk = logged_in(&sim).await;
    sim.state().end_logins();
    // The second run knows no more than the first: every answer arrived.
    for _ in 0..2 {
        let run = desk.plan().await.expect(77);
        let error = error(&run.stderr);
        assert!(
            error.contains(
                "the authorisation server refused the refresh token (`invalid_grant`, status 400"
            ) && error.contains("log in again with `halosync login people`")
                && !error.contains("an earlier run")
                && !error.contains("got lost"),
            "{}",
            run.stderr
        );
        assert_eq!(desk.stored("login.age")["sent"], false);
    }
}

#[tokio::test]
async fn a_server_that_was_never_reached_has_spent_no_token() {
    let sim = halo(|_| {}).await;
    let desk = logged_in(&sim).await;
    let before = desk.stored_token("login.age");
    drop(sim);
    desk.plan().await.expect(69);
    assert_eq!(desk.stored_token("login.age"), before);
    assert_eq!(desk.stored("login.age")["sent"], false);
}

#[tokio::test]
async fn a_login_of_another_key_is_denied_and_says_so_once() {
    let sim = halo(|_| {}).await;
    let mut desk = logged_in(&sim).await;
    let other = age::x25519::Identity::generate();
    desk.set(
        "AGE_KEY",
        secrecy::ExposeSecret::expose_secret(&other.to_string()),
    );
    for command in [&["plan"][..], &["login", "people", "--check"]] {
        let run = desk.run(command).await.expect(77);
        let error = error(&run.stderr);
        assert!(
            error.contains("not encrypted to the key of `identity`")
                && error.contains(&other.to_public().to_string()),
            "{}",
            run.stderr
        );
        assert_eq!(error.matches("login.age").count(), 1, "{}", run.stderr);
    }
}

#[tokio::test]
async fn what_is_no_login_is_a_fault_of_the_settings() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, LINES).await;
    std::fs::write(desk.path("login.age"), "my notes").unwrap();
    for command in [
        &["login", "people", "--no-browser"][..],
        &["login", "people", "--check"],
        &["logout", "people"],
    ] {
        let run = desk.run(command).await.expect(65);
        assert!(
            run.stderr.contains("is no login, and is left alone")
                && run.stderr.contains("`tokenStore`"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(
        std::fs::read_to_string(desk.path("login.age")).unwrap(),
        "my notes"
    );
}
