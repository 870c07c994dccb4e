//! Logging in to the embedded HaloITSM, and living on the login.

use halosync::sandbox::halo::{Fault, HaloSim, On};

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

async fn desk(sim: &HaloSim) -> Desk {
    Desk::at(sim, LINES).await
}

/// Logs in at HaloITSM's page; gives the address the browser is sent to.
async fn agree(browser: &mut Browser, run: &LoginRun) -> url::Url {
    let page = browser.get(&run.url).await;
    assert_eq!(page.status(), 200);
    let form = [("username", "agent"), ("password", CANARY)];
    target(&browser.post(&run.url, &form).await)
}

async fn log_in(desk: &Desk) -> String {
    let run = desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = agree(&mut browser, &run).await;
    let (status, page) = browser.come_back(&back).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("You can close this window"), "{page}");
    let token = desk.stored_token("login.age");
    let run = run.end(&[&token]).await.expect(0);
    assert!(run.stdout.contains("logged in to people\nscopes granted: read:customers, offline_access\naccess token: good for 60 min\nrefresh token: kept in "), "{}", run.stdout);
    token
}

#[tokio::test]
async fn a_login_is_kept_and_every_run_replaces_it() {
    let sim = halo(|config| config.tenant = Some("acme".to_owned())).await;
    let desk = desk(&sim).await;
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr.contains("there is no login in")
            && run.stderr.contains("`halosync login people`"),
        "{}",
        run.stderr
    );
    let mut tokens = vec![log_in(&desk).await];
    for _ in 0..2 {
        let run = desk.plan().await.expect(0);
        assert!(
            run.stderr.contains("read people: 3 people"),
            "{}",
            run.stderr
        );
        tokens.push(desk.stored_token("login.age"));
    }
    let run = desk.run(&["login", "--check", "people"]).await.expect(0);
    assert!(
        run.stdout.starts_with("the login of people works\n"),
        "{}",
        run.stdout
    );
    tokens.push(desk.stored_token("login.age"));
    let mut distinct = tokens.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), tokens.len(), "a token was used twice");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let facts = std::fs::metadata(desk.path("login.age")).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    }
    let run = desk.run(&["logout", "people"]).await.expect(0);
    assert!(run.stdout.contains("is deleted from"), "{}", run.stdout);
    assert!(!desk.path("login.age").exists());
    let run = desk.run(&["logout", "people"]).await.expect(0);
    assert!(run.stdout.contains("there is no login"), "{}", run.stdout);
    let run = desk.run(&["login", "people", "--check"]).await.expect(77);
    assert!(
        run.stderr.contains("`halosync login people`"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_login_can_be_brought_from_a_browser_elsewhere() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace("127.0.0.1:0", "127.0.0.1:1");
    let desk = Desk::at(&sim, &lines).await;
    let mut run = desk.begin_login(&["--paste"]).await;
    let back = agree(&mut Browser::new(), &run).await;
    run.paste("").await;
    run.paste(&format!("  {back} ")).await;
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    run.end(&[&code.1]).await.expect(0);
    desk.plan().await.expect(0);
    for (pasted, code, words) in [
        ("nonsense", 64, "what was pasted is no address"),
        (
            "https://example.com/?code=a&state=b",
            64,
            "not the callback address",
        ),
        (
            "http://127.0.0.1:1/callback?code=a&state=b",
            77,
            "another login",
        ),
    ] {
        let mut run = desk.begin_login(&["--paste"]).await;
        run.paste(pasted).await;
        let run = run.end(&[]).await.expect(code);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[tokio::test]
async fn a_login_nobody_answers_ends_in_time() {
    let sim = halo(|_| {}).await;
    let desk = desk(&sim).await;
    let run = desk.begin_login(&["--no-browser", "--timeout", "1"]).await;
    let run = run.end(&[]).await.expect(69);
    assert!(
        run.stderr.contains("nobody logged in within 1 s"),
        "{}",
        run.stderr
    );
    assert!(!desk.path("login.age").exists());
}

#[tokio::test]
async fn nothing_is_opened_when_the_login_could_not_be_kept() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, &LINES.replace("login.age", "missing/login.age")).await;
    let run = desk
        .run(&["login", "people", "--no-browser"])
        .await
        .expect(65);
    assert!(
        run.stderr.contains("the login could not be kept")
            && run.stderr.contains("make the folder")
            && run.stderr.matches("login.age").count() == 1,
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("authorize?"), "{}", run.stderr);
    let away = LINES.replace("http://127.0.0.1:0", "https://ops.example.com");
    let desk = Desk::at(&sim, &away).await;
    let run = desk.run(&["login", "people"]).await.expect(64);
    assert!(run.stderr.contains("--paste"), "{}", run.stderr);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_spends_no_token() {
    let sim = halo(|_| {}).await;
    let desk = desk(&sim).await;
    let token = log_in(&desk).await;
    let stored = std::fs::read(desk.path("login.age")).unwrap();
    // Root may write anywhere, so a folder stands in the way.
    std::fs::remove_file(desk.path("login.age")).unwrap();
    std::fs::create_dir(desk.path("login.age")).unwrap();
    let asked = sim.state().requests_to("/auth/token");
    let run = desk.plan().await.expect(65);
    assert!(
        run.stderr.contains("is not a regular file"),
        "{}",
        run.stderr
    );
    assert_eq!(sim.state().requests_to("/auth/token"), asked);
    std::fs::remove_dir(desk.path("login.age")).unwrap();
    std::fs::write(desk.path("login.age"), stored).unwrap();
    desk.plan().await.expect(0);
    assert_ne!(desk.stored_token("login.age"), token);
}

#[tokio::test]
async fn an_answer_that_got_lost_after_the_token_was_spent_is_explained() {
    let sim = halo(|_| {}).await;
    let desk = desk(&sim).await;
    log_in(&desk).await;
    sim.state().fault_next(On::Token, Fault::ResetAfterCommit);
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr
            .contains("the authorisation server refused the refresh token (`invalid_grant`")
            && run.stderr.contains("an answer to this run got lost before")
            && run.stderr.contains("`halosync login people`"),
        "{}",
        run.stderr
    );
    assert_eq!(desk.stored("login.age")["sent"], true);
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr
            .contains("an earlier run ended between using it and storing its successor"),
        "{}",
        run.stderr
    );
    log_in(&desk).await;
    desk.plan().await.expect(0);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_token_is_spent_costs_nothing() {
    let sim = halo(|_| {}).await;
    let desk = desk(&sim).await;
    log_in(&desk).await;
    sim.state().fault_next(On::Token, Fault::ResetConnection);
    desk.plan().await.expect(0);
    assert_eq!(desk.stored("login.age")["sent"], false);
}

#[tokio::test]
async fn a_login_goes_to_nobody_it_was_not_made_with() {
    let sim = halo(|_| {}).await;
    let mut desk = desk(&sim).await;
    log_in(&desk).await;
    let other = halo(|_| {}).await;
    desk.set("HALO_INSTANCE", other.url().as_str());
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr.contains("came from another server"),
        "{}",
        run.stderr
    );
    assert_eq!(other.state().requests_to("/auth/token"), 0);
}

#[tokio::test]
async fn runs_at_the_same_time_wait_for_each_other() {
    let sim = halo(|_| {}).await;
    let desk = desk(&sim).await;
    log_in(&desk).await;
    let runs = futures::future::join_all((0..3).map(|_| desk.plan())).await;
    for run in runs {
        run.expect(0);
    }
}

#[tokio::test]
async fn a_given_refresh_token_begins_a_line_of_its_own() {
    let sim = halo(|config| config.granted = vec!["all".to_owned()]).await;
    let given = |sim: &HaloSim| {
        let url = sim.url().join("auth/token").unwrap();
        async move {
            let answer = Browser::new()
                .post(
                    &url,
                    &[
                        ("grant_type", "client_credentials"),
                        ("client_id", "halosync"),
                        ("client_secret", CANARY),
                        ("scope", "read:customers offline_access"),
                    ],
                )
                .await;
            let answer: serde_json::Value = answer.json().await.unwrap();
            answer["refresh_token"].as_str().unwrap().to_owned()
        }
    };
    let lines = LINES
        .replace(
            "authorizationCode",
            "refreshToken\n      refreshToken: {env: FIRST}",
        )
        .replace("      callbackUrl: http://127.0.0.1:0/callback\n", "");
    let mut desk = Desk::at(&sim, &lines).await;
    desk.set("FIRST", &given(&sim).await);
    // The first run uses what is given, the second what came of it, with the given one still in place.
    for _ in 0..2 {
        let run = desk.plan().await.expect(0);
        assert!(
            run.stderr.contains("read people: 3 people"),
            "{}",
            run.stderr
        );
    }
    sim.state().end_logins();
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr
            .contains("put a fresh refresh token into environment variable FIRST (source.yaml:"),
        "{}",
        run.stderr
    );
    // Another one is taken, without any other step.
    desk.set("FIRST", &given(&sim).await);
    desk.plan().await.expect(0);
    // From then on the store has it, and the first one may be taken away.
    for gone in [Some(""), None] {
        match gone {
            Some(text) => desk.set("FIRST", text),
            None => drop(desk.environment.remove("FIRST")),
        }
        desk.plan().await.expect(0);
    }
    desk.run(&["logout", "people"]).await.expect(0);
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr
            .contains("there is no refresh token: no first one is set, and ")
            && run
                .stderr
                .contains("into environment variable FIRST (source.yaml:"),
        "{}",
        run.stderr
    );
}

/// A `secret-tool` that keeps secrets in a file, as far as halosync uses it.
#[cfg(unix)]
fn keyring_program(desk: &mut Desk) {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = desk.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let tool = bin.join("secret-tool");
    std::fs::write(
        &tool,
        r#"#!/bin/sh
printf '%s\n' "$*" >>"$HOME/arguments"
kept=$HOME/kept
case $1 in
  store) cat >"$kept" ;;
  lookup) [ -e "$kept" ] && cat "$kept" ;;
  clear) rm "$kept" ;;
esac
"#,
    )
    .unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    desk.set(
        "PATH",
        &format!("{}:{}", bin.display(), path.to_string_lossy()),
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_login_can_be_kept_in_the_keyring() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace(
        "{file: {path: login.age, identity: {env: AGE_KEY}}}",
        "{keyring: {}}",
    );
    let mut desk = Desk::at(&sim, &lines).await;
    desk.set("PATH", "/nonexistent");
    let run = desk
        .run(&["login", "people", "--no-browser"])
        .await
        .expect(65);
    assert!(
        run.stderr.contains("libsecret-tools") && run.stderr.contains("`file`"),
        "{}",
        run.stderr
    );
    keyring_program(&mut desk);
    let run = desk.begin_login(&["--no-browser"]).await;
    let mut browser = Browser::new();
    let back = agree(&mut browser, &run).await;
    browser.come_back(&back).await;
    let run = run.end(&[]).await.expect(0);
    assert!(
        run.stdout
            .contains("kept in the keyring (halosync, people-"),
        "{}",
        run.stdout
    );
    for _ in 0..2 {
        desk.plan().await.expect(0);
    }
    let kept = std::fs::read_to_string(desk.path("home/kept")).unwrap();
    // Nothing of it was an argument, which every process can read.
    let arguments = std::fs::read_to_string(desk.path("home/arguments")).unwrap();
    assert!(!arguments.contains(kept.trim()), "{arguments}");
    desk.run(&["logout", "people"]).await.expect(0);
    assert!(!desk.path("home/kept").exists());
}
