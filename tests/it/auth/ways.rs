//! Each way of authorising: `plan` reads everybody with it, is told apart from a wrong secret, and shows none (P4).

use halosync::sandbox::halo::{Doors, Fault, HaloSim, On, SimConfig};

use super::desk::{CANARY, Desk, halo};

const SERVERS: &str = "  preset: haloitsm
  resourceServer: {env: HALO_RESOURCE_SERVER}
  authorisationServer: {env: HALO_AUTHORISATION_SERVER}
";

/// What the other side looks like, the source's `auth`, and what a wrong secret is explained with.
struct Way {
    doors: Doors,
    auth: &'static str,
    explained: &'static str,
}

impl Way {
    async fn sim(&self) -> HaloSim {
        halo(|config: &mut SimConfig| config.doors = self.doors.clone()).await
    }

    /// Reads with the right secret, then with a wrong one, then from a server that repeats what it was sent.
    async fn holds(self) -> HaloSim {
        let sim = self.sim().await;
        let mut desk = Desk::at(&sim, &format!("{SERVERS}  auth:\n    {}", self.auth)).await;
        let run = desk.plan().await.expect(0);
        assert!(
            run.stderr.contains("read people: 3 people"),
            "{}",
            run.stderr
        );
        // A server that repeats everything in its refusal.
        for (on, status) in [
            (On::Api, 400),
            (On::Api, 403),
            (On::Api, 401),
            (On::Token, 400),
        ] {
            sim.state().fault_next(on, Fault::Echo(status));
            // 401 is tried once more where there is another credential to be had.
            sim.state().fault_from(On::Api, 2, Fault::Echo(401));
            desk.plan().await;
            sim.state().clear_faults();
        }
        desk.set("SECRET", "wr0ng-secret");
        let run = desk.plan().await.expect(77);
        assert!(run.stderr.contains(self.explained), "{}", run.stderr);
        assert!(!run.stderr.contains("wr0ng-secret"), "{}", run.stderr);
        sim
    }
}

#[tokio::test]
async fn an_api_key_in_a_header_lets_people_be_read() {
    let sim = Way {
        doors: Doors {
            key: Some(("X-Halo-Api-Key".to_owned(), CANARY.to_owned())),
            ..Doors::default()
        },
        auth: "apiKey: {name: X-Halo-Api-Key, value: {env: SECRET}}",
        explained: "the key is wrong",
    }
    .holds()
    .await;
    assert_eq!(sim.state().tokens_issued(), 0);
    let seen = sim.state().seen().join("\n");
    assert!(!seen.contains("api-key"), "{seen}");
}

#[tokio::test]
async fn an_api_key_in_the_query_lets_people_be_read() {
    let sim = Way {
        doors: Doors {
            key: Some(("key".to_owned(), CANARY.to_owned())),
            ..Doors::default()
        },
        auth: "apiKey: {name: key, value: {env: SECRET}, in: query}",
        explained: "the key is wrong",
    }
    .holds()
    .await;
    let seen = sim.state().seen().join("\n");
    assert!(seen.contains("&key=c4nary%2Bs%2Fcret%3D7f3a"), "{seen}");
}

#[tokio::test]
async fn user_name_and_password_let_people_be_read() {
    Way {
        doors: Doors {
            basic: Some(("agent".to_owned(), CANARY.to_owned())),
            ..Doors::default()
        },
        auth: "basic: {username: {env: USERNAME}, password: {env: SECRET}}",
        explained: "the user name or the password is wrong",
    }
    .holds()
    .await;
}

#[tokio::test]
async fn a_fixed_token_with_any_prefix_lets_people_be_read() {
    for (prefix, auth) in [
        (None, "bearer: {token: {env: SECRET}}"),
        (
            Some("Token"),
            "bearer: {token: {env: SECRET}, headerPrefix: Token}",
        ),
        (
            Some(""),
            "bearer: {token: {env: SECRET}, headerPrefix: \"\"}",
        ),
    ] {
        Way {
            doors: Doors {
                bearer: Some(CANARY.to_owned()),
                prefix: prefix.map(str::to_owned),
                ..Doors::default()
            },
            auth,
            explained: "the token is wrong, has expired, or was withdrawn",
        }
        .holds()
        .await;
    }
}

#[tokio::test]
async fn without_authorisation_an_open_source_is_read() {
    let sim = halo(|config| config.doors.open = true).await;
    let desk = Desk::at(&sim, &format!("{SERVERS}  auth: {{none: {{}}}}")).await;
    let run = desk.plan().await.expect(0);
    assert!(
        run.stderr.contains("read people: 3 people"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("auth-mismatch"), "{}", run.stderr);
    let closed = halo(|_| {}).await;
    let desk = Desk::at(&closed, &format!("{SERVERS}  auth: {{none: {{}}}}")).await;
    let run = desk.plan().await.expect(77);
    assert!(run.stderr.contains("wants authorisation"), "{}", run.stderr);
}

#[tokio::test]
async fn client_credentials_let_people_be_read_as_ever() {
    Way {
        doors: Doors::default(),
        auth: "oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}",
        explained: "invalid_client",
    }
    .holds()
    .await;
}

#[tokio::test]
async fn client_credentials_can_come_in_a_header_with_additions_and_another_prefix() {
    Way {
        doors: Doors {
            prefix: Some("Halo".to_owned()),
            client_in_header: true,
            demands: vec![
                (
                    "header",
                    "x-environment".to_owned(),
                    "production".to_owned(),
                ),
                ("query", "audience".to_owned(), "people & more".to_owned()),
                ("body", "resource".to_owned(), "api".to_owned()),
                ("body", "assertion".to_owned(), "agent".to_owned()),
            ],
            ..Doors::default()
        },
        auth: "oauth2:
      clientId: {env: CLIENT_ID}
      clientSecret: {env: SECRET}
      headerPrefix: Halo
      clientAuthentication: header
      tokenRequest:
        headers: {X-Environment: production}
        query: {audience: people & more}
        body: {resource: api, assertion: {env: USERNAME}}",
        explained: "invalid_client",
    }
    .holds()
    .await;
}

#[tokio::test]
async fn a_token_request_without_what_the_server_wants_is_explained() {
    let sim = halo(|config| {
        config.doors.demands = vec![("body", "resource".to_owned(), "api".to_owned())];
    })
    .await;
    let auth = "  auth: {oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}}";
    let desk = Desk::at(&sim, &format!("{SERVERS}{auth}")).await;
    let run = desk.plan().await.expect(77);
    assert!(run.stderr.contains("invalid_request"), "{}", run.stderr);
}

#[tokio::test]
async fn a_users_password_lets_people_be_read() {
    let public = "oauth2: {grant: password, clientId: {env: CLIENT_ID}, username: {env: USERNAME}, password: {env: SECRET}}";
    let sim = halo(|config| config.client_secret = String::new()).await;
    let mut desk = Desk::at(&sim, &format!("{SERVERS}  auth:\n    {public}")).await;
    let run = desk.plan().await.expect(0);
    assert!(
        run.stderr.contains("read people: 3 people"),
        "{}",
        run.stderr
    );
    desk.set("SECRET", "wr0ng-secret");
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr
            .contains("the user name or the password is wrong"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_token_endpoint_can_stand_at_an_address_of_its_own() {
    let sim = halo(|_| {}).await;
    let lines = "  preset: haloitsm
  resourceServer: {env: HALO_RESOURCE_SERVER}
  auth:
    oauth2:
      clientId: {env: CLIENT_ID}
      clientSecret: {env: SECRET}
      tokenUrl: {env: TOKEN_URL}";
    let mut desk = Desk::at(&sim, lines).await;
    desk.set("TOKEN_URL", sim.url().join("token").unwrap().as_str());
    desk.plan().await.expect(0);
    assert_eq!(sim.state().requests_to("/token"), 1);
}

#[tokio::test]
async fn an_instance_alone_says_where_to_authorise_and_which_tenant() {
    let sim = halo(|config| config.tenant = Some("acme".to_owned())).await;
    let lines = "  preset: haloitsm
  instance: {env: HALO_INSTANCE}
  auth: {oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}}";
    let desk = Desk::at(&sim, lines).await;
    let run = desk.plan().await.expect(0);
    assert!(
        run.stderr.contains("read people: 3 people"),
        "{}",
        run.stderr
    );
    assert_eq!(sim.state().requests_to("/api/AuthInfo"), 1);
    // An instance that does not say: what to write instead.
    sim.state().fault_from(
        On::Api,
        1,
        Fault::Status(
            404,
            halosync::sandbox::halo::ErrorShape::Plain,
            String::new(),
        ),
    );
    let run = desk.plan().await.expect(69);
    assert!(run.stderr.contains("authorisationServer"), "{}", run.stderr);
}

#[tokio::test]
async fn an_instance_with_one_server_given_is_asked_nothing() {
    let sim = halo(|_| {}).await;
    let lines = "  preset: haloitsm
  instance: {env: HALO_INSTANCE}
  resourceServer: {env: HALO_RESOURCE_SERVER}
  auth: {oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}}";
    let desk = Desk::at(&sim, lines).await;
    desk.plan().await.expect(0);
    assert_eq!(sim.state().requests_to("/api/AuthInfo"), 0);
}

#[tokio::test]
async fn what_a_token_allows_can_be_looked_at_without_a_login() {
    let sim = halo(|_| {}).await;
    let auth = "  auth: {oauth2: {clientId: {env: CLIENT_ID}, clientSecret: {env: SECRET}}}";
    let desk = Desk::at(&sim, &format!("{SERVERS}{auth}")).await;
    let run = desk.run(&["login", "--check", "people"]).await.expect(0);
    assert_eq!(
        run.stdout,
        "authorisation to people works\nscopes granted: read:customers\naccess token: good for 60 min\n"
    );
    let run = desk.run(&["login", "people"]).await.expect(64);
    assert!(run.stderr.contains("--check"), "{}", run.stderr);
    let run = desk.run(&["login", "peple"]).await.expect(64);
    assert!(
        run.stderr.contains("did you mean `people`?"),
        "{}",
        run.stderr
    );
    desk.run(&["logout", "people"]).await.expect(64);
}
