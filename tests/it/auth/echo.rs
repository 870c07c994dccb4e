//! Servers that send requests back as data: nothing of the credentials is shown, planned or stored (P4).

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::desk::{CANARY, Desk};

/// What the access token is.
const TOKEN: &str = "t0k3n-c4nary/7+f3a";

/// A server that repeats the token request as scope, and with `data` the credentials as names of its only person.
async fn mirror(data: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut chunk = [0; 4096];
                let (head, length) = loop {
                    let read = stream.read(&mut chunk).await.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    seen.extend_from_slice(&chunk[..read]);
                    let text = String::from_utf8_lossy(&seen).into_owned();
                    if let Some(end) = text.find("\r\n\r\n") {
                        let length = header(&text[..end], "content-length");
                        break (
                            text[..end].to_owned(),
                            end + 4 + length.parse().unwrap_or(0),
                        );
                    }
                };
                while seen.len() < length {
                    let read = stream.read(&mut chunk).await.unwrap_or(0);
                    seen.extend_from_slice(&chunk[..read]);
                }
                let form = String::from_utf8_lossy(&seen[head.len() + 4..]).into_owned();
                let answer = if head.starts_with("POST /token") {
                    serde_json::json!({
                        "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600,
                        "scope": format!("read:customers {form} {}", "x".repeat(5000)),
                    })
                } else if !data {
                    serde_json::json!({"record_count": 1, "users": [{"id": 1, "firstname": "Jo"}]})
                } else {
                    serde_json::json!({"record_count": 1, "users": [{
                        "id": 1, "firstname": header(&head, "authorization"), "surname": header(&head, "x-key"),
                        "other1": "1", "emailaddress": "jo.doe1@example.com",
                    }]})
                };
                let answer = answer.to_string();
                let _ = stream
                    .write_all(
                        format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-ratelimit-limit: \
                             {}\r\nconnection: close\r\n\r\n{answer}",
                            answer.len(),
                            header(&head, "authorization"),
                        )
                        .as_bytes(),
                    )
                    .await;
            });
        }
    });
    format!("http://{address}")
}

fn header(head: &str, name: &str) -> String {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map_or_else(String::new, |(_, value)| value.to_owned())
}

async fn desk(auth: &str, data: bool) -> Desk {
    let mut desk = Desk::new(&format!(
        "  preset: haloitsm
  resourceServer: {{env: HALO_RESOURCE_SERVER}}
  authorisationServer: {{env: HALO_AUTHORISATION_SERVER}}
  auth:\n    {auth}"
    ))
    .await;
    let server = mirror(data).await;
    desk.set("HALO_RESOURCE_SERVER", &format!("{server}/api"));
    desk.set("HALO_AUTHORISATION_SERVER", &server);
    desk
}

#[tokio::test]
async fn a_token_request_sent_back_as_scope_is_not_shown() {
    let desk = desk(
        "oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}",
        false,
    )
    .await;
    for command in [
        &["login", "--check", "people"][..],
        &["probe", "source", "people"],
        &["probe", "source", "people", "--format", "json"],
    ] {
        let run = desk.run(command).await;
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(shown.contains("(something that is no scope)"), "{shown}");
        for secret in ["c4nary", "client_secret", "xxxxxxxx"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}

#[tokio::test]
async fn credentials_sent_back_as_data_are_neither_shown_nor_planned() {
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("agent:{CANARY}"));
    for auth in [
        "apiKey: {name: X-Key, value: {env: SECRET}}",
        "basic: {username: {env: USERNAME}, password: {env: SECRET}}",
        "bearer: {token: {env: SECRET}}",
        "oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}",
    ] {
        let desk = desk(auth, true).await;
        let plan = desk
            .run(&["plan", "-v", "-v", "--out", "plan.json"])
            .await
            .expect(69);
        assert!(
            plan.stderr.contains("the answer repeats our credentials"),
            "{}",
            plan.stderr
        );
        assert!(!desk.path("plan.json").exists());
        let probe = desk
            .run(&["probe", "source", "people", "--show-values"])
            .await;
        for run in [plan, probe] {
            let shown = format!("{}{}", run.stdout, run.stderr);
            for secret in ["c4nary", TOKEN, basic.as_str()] {
                assert!(!shown.contains(secret), "{auth}: {secret}: {shown}");
            }
        }
    }
}
