//! The simulator, held to what is known of the product.

use halosync::sandbox::halo::{
    Cap, CustomValue, Fault, FieldKind, HaloPerson, On, PastEnd, SimConfig, Version, odd_people,
    people_from,
};
use halosync::sandbox::people::generate;
use serde_json::{Value, json};

use super::Stage;

struct Client {
    stage: Stage,
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn with(scope: &str, change: impl FnOnce(&mut SimConfig)) -> Self {
        let stage = Stage::with(0, change).await;
        // The reader installs the TLS provider that any client needs.
        let _ = stage.reader(stage.settings());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut client = Self {
            stage,
            http,
            token: String::new(),
        };
        let (status, answer) = client
            .form(
                "auth/token?tenant=sandbox",
                &[
                    ("grant_type", "client_credentials"),
                    ("client_id", "sandbox-client"),
                    ("client_secret", "sandbox-secret"),
                    ("scope", scope),
                ],
            )
            .await;
        assert_eq!(status, 200, "{answer}");
        client.token = answer["access_token"].as_str().unwrap().to_owned();
        client
    }

    async fn form(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let url = self.stage.sim.url().join(path).unwrap();
        let response = self.http.post(url).form(form).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    async fn text(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let url = self.stage.sim.url().join(path).unwrap();
        let mut request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.text("GET", path, None).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.text("POST", path, Some(body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn ids(&self, query: &str) -> Vec<i64> {
        let (status, answer) = self.get(&format!("api/Users?{query}")).await;
        assert_eq!(status, 200, "{answer}");
        answer["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect()
    }
}

fn named(count: i64) -> Vec<HaloPerson> {
    (1..=count)
        .map(|id| HaloPerson::new(id, "Jo", &format!("Doe {id}")))
        .collect()
}

#[tokio::test]
async fn paging_is_ignored_unless_spelt_pageinate() {
    let client = Client::with("all", |config| config.people = named(350)).await;
    let (_, answer) = client
        .get("api/Users?page_no=3&page_size=20&exclude_generaluser=true")
        .await;
    let rows = answer["users"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0]["id"].as_i64()), (50, Some(1)));
    assert_eq!(answer["record_count"], 50, "an unpaged total says nothing");
    assert!(answer.get("page_no").is_none());
    assert_eq!(
        client.ids("count=70&exclude_generaluser=true").await.len(),
        70
    );

    let (_, answer) = client
        .get("API/users?PageInate=TRUE&Page_No=3&page_size=20&exclude_GeneralUser=true&nonsense=1")
        .await;
    let rows = answer["users"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0]["id"].as_i64()), (20, Some(41)));
    assert_eq!(answer["record_count"], 350);
    // A misspelt filter lets everyone through.
    let (_, answer) = client
        .get("api/Users?pageinate=true&excludegeneraluser=true")
        .await;
    assert!(answer["record_count"].as_i64().unwrap() > 350);
}

#[tokio::test]
async fn caps_and_what_comes_past_the_end_can_be_set() {
    for (version, cap, rows) in [
        (Version::V2026, Cap::OfVersion, 100),
        (Version::V2026, Cap::Rows(50), 50),
        (Version::V2026, Cap::None, 350),
        (Version::V2024, Cap::OfVersion, 350),
    ] {
        let client = Client::with("all", |config| {
            config.people = named(350);
            config.version = version;
            config.cap = cap;
        })
        .await;
        let ids = client
            .ids("pageinate=true&page_size=500&exclude_generaluser=true")
            .await;
        assert_eq!(ids.len(), rows);
    }
    for (past_end, first) in [(PastEnd::Empty, None), (PastEnd::LastPage, Some(301))] {
        let client = Client::with("all", |config| {
            config.people = named(350);
            config.past_end = past_end;
        })
        .await;
        let query = "pageinate=true&page_size=100&page_no=9&exclude_generaluser=true";
        assert_eq!(client.ids(query).await.first().copied(), first);
    }
}

#[tokio::test]
async fn filters_are_honoured() {
    let client = Client::with("all", |config| {
        config.people = named(4);
        config.people.extend(odd_people(20));
        config.people[1].inactive = true;
        config.people[2].site_id = 3;
    })
    .await;
    let people = "exclude_generaluser=true";
    let all = vec![1, 2, 3, 4, 20, 21, 22, 23, 24, 25, 26];
    let without = |gone: &[i64]| -> Vec<i64> {
        all.iter()
            .copied()
            .filter(|id| !gone.contains(id))
            .collect()
    };
    for (query, expected) in [
        ("includeactive=true&includeinactive=true", all.clone()),
        ("activeinactive=true,true", all.clone()),
        ("includeactive=true", without(&[2])),
        ("", without(&[2])),
        ("includeactive=false&includeinactive=true", vec![2]),
        ("activeinactive=false,true", vec![2]),
        ("exclude_agents=true", without(&[2, 20])),
        ("includeserviceaccount=false", without(&[2, 21])),
        ("includenonserviceaccount=false", vec![21]),
        ("onlyprospects=true", vec![22]),
        ("site_id=3", vec![3]),
        ("search=FAMILY@", vec![23, 24]),
        ("order=id&orderdesc=true&search=doe", vec![4, 3, 1]),
        (
            "order=firstname&order2=id&orderdesc2=true&search=tw",
            vec![23, 24],
        ),
    ] {
        assert_eq!(
            client.ids(&format!("{people}&{query}")).await,
            expected,
            "{query}"
        );
    }
    assert!(client.ids("client_id=99").await.is_empty());
}

#[tokio::test]
async fn advanced_search_knows_a_few_fields_only() {
    let client = Client::with("all", |config| config.people = named(12)).await;
    let search = |name: &str, kind: u8, value: &str| {
        let filter = json!([{"filter_name": name, "filter_type": kind, "filter_value": value}]);
        let mut url = url::Url::parse("http://x/").unwrap();
        url.query_pairs_mut()
            .append_pair("advanced_search", &filter.to_string())
            .append_pair("exclude_generaluser", "true");
        url.query().unwrap().to_owned()
    };
    for (name, kind, value, expected) in [
        ("id", 0, "3,5", vec![3, 5]),
        ("id", 2, "7", vec![7]),
        ("id", 7, "10", vec![11, 12]),
        ("id", 10, "2", vec![1, 2]),
        ("surname", 4, "doe 1", vec![1, 10, 11, 12]),
    ] {
        assert_eq!(client.ids(&search(name, kind, value)).await, expected);
    }
    for name in ["azureoid", "CFstartDate"] {
        let (status, answer) = client
            .get(&format!("api/Users?{}", search(name, 2, "x")))
            .await;
        assert_eq!(status, 400);
        assert!(
            answer
                .as_str()
                .unwrap()
                .starts_with("Invalid advanced search parameter(s)"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_list_leaves_out_what_only_the_detail_view_has() {
    let mut person = HaloPerson::new(7, "Jane", "Doe");
    person.site_id = 18;
    person.department = Some("Research".to_owned());
    person.samaccountname = Some("jdoe".to_owned());
    person.customfields = vec![CustomValue::date(
        "CFendDate",
        jiff::civil::date(2026, 12, 24),
    )];
    for version in [Version::V2024, Version::V2026] {
        let client = Client::with("all", |config| {
            config.people = vec![person.clone()];
            config.version = version;
        })
        .await;
        let query = "api/Users?exclude_generaluser=true&include_custom_fields=201";
        let (_, text) = client.text("GET", query, None).await;
        assert!(text.contains(r#""site_id":18.0"#), "{text}");
        assert!(!text.contains("null"), "{text}");
        let row = serde_json::from_str::<Value>(&text).unwrap()["users"][0].clone();
        for missing in ["department", "samaccountname", "datecreated", "departments"] {
            assert!(row.get(missing).is_none(), "{missing}");
        }
        let custom = row.get("customfields");
        match version {
            Version::V2024 => assert!(custom.is_none()),
            Version::V2026 => {
                let field = &custom.unwrap()[0];
                assert_eq!(field["name"], "CFendDate");
                assert_eq!(field["value"], "2026-12-24T00:00:00.0000000Z");
                assert_eq!(field["display"], "24/12/2026");
            }
        }
        let (_, text) = client.text("GET", "api/users/7", None).await;
        let detail: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(detail["department"], "Research");
        assert_eq!(detail["customfields"][0]["id"], 201);
        assert!(
            text.contains(r#""client_id":12.0"#),
            "the site's own: {text}"
        );
        assert_eq!(client.get("api/Users/8").await.0, 404);
    }
}

#[tokio::test]
async fn emptiness_has_many_faces() {
    let client = Client::with("all", |config| config.people = named(100)).await;
    let (_, answer) = client
        .get("api/Users?pageinate=true&page_size=100&exclude_generaluser=true")
        .await;
    let mut faces = std::collections::BTreeSet::new();
    for row in answer["users"].as_array().unwrap() {
        faces.insert(row.get("other3").map(ToString::to_string));
        faces.insert(row.get("date_of_birth").map(ToString::to_string));
    }
    for face in [
        None,
        Some("\"\""),
        Some("\" \""),
        Some("\"1899-12-30T00:00:00\""),
    ] {
        assert!(
            faces.contains(&face.map(str::to_owned)),
            "{face:?} in {faces:?}"
        );
    }
}

#[tokio::test]
async fn post_creates_and_changes_in_part() {
    let client = Client::with("edit:customers read:customers", |config| {
        config.people = named(3);
        config.people[0].other1 = Some("E1".to_owned());
    })
    .await;
    let fresh = json!({"name": "New Comer", "site_id": 2, "emailaddress": "new@example.com"});
    let (status, answer) = client.post("api/Users", json!([fresh])).await;
    assert_eq!(
        (status, answer["id"].as_i64()),
        (201, Some(4)),
        "one object"
    );
    assert!(
        answer["datecreated"]
            .as_str()
            .unwrap()
            .ends_with(".0000000Z")
    );
    // Without an id the same again is another person.
    let (_, answer) = client
        .post("api/Users?returnall=true", json!([fresh, fresh]))
        .await;
    assert_eq!((&answer[0]["id"], &answer[1]["id"]), (&json!(5), &json!(6)));

    let (_, answer) = client
        .post(
            "api/Users",
            json!([{"id": 1, "azureoid": "abc", "inactive": true}]),
        )
        .await;
    assert_eq!(
        (&answer["other1"], &answer["azureoid"], &answer["inactive"]),
        (&json!("E1"), &json!("abc"), &json!(true)),
        "what was not sent stays"
    );
    let field = |name: &str, value: Value| json!([{"id": 1, "customfields": [{"name": name, "value": value}]}]);
    client.post("api/Users", field("CFa", json!("x"))).await;
    let (_, answer) = client.post("api/Users", field("CFb", json!("y"))).await;
    assert_eq!(answer["customfields"].as_array().unwrap().len(), 2);

    for (body, says) in [
        (
            json!([{"id": 1, "site_id": 95.5}]),
            "95.5 is not a valid integer",
        ),
        (
            json!([{"id": 1, "site_id": 2.0}]),
            "2.0 is not a valid integer",
        ),
        (json!([{"id": 1, "site_id": "2"}]), "Please select a valid"),
        (json!([{"id": 99, "name": "x"}]), "Please select a valid"),
        (json!([{"name": "x", "site_id": 1}]), "emailaddress"),
        (json!({"id": 1, "name": "x"}), "array"),
        (
            json!([{"id": 2, "name": "changed"}, {"id": 1, "site_id": 1.5}]),
            "valid integer",
        ),
    ] {
        let (status, answer) = client.post("api/Users", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer.as_str().unwrap().contains(says), "{answer}");
    }
    let person = client.stage.sim.state().person(2).unwrap();
    assert_eq!(
        person.name, "Jo Doe 2",
        "nothing of a refused array is done"
    );
    for method in ["PUT", "PATCH"] {
        let (status, _) = client.text(method, "api/Users", Some(json!([]))).await;
        assert_eq!(status, 405);
    }
}

#[tokio::test]
async fn a_select_is_a_number_when_written_and_a_text_when_read() {
    let choice = CustomValue {
        name: "CFcontract".to_owned(),
        kind: FieldKind::Select,
        value: json!(3),
    };
    let client = Client::with("all", |config| {
        config.people = named(1);
        config.people[0].customfields = vec![choice];
    })
    .await;
    let (_, answer) = client.get("api/Users/1").await;
    assert_eq!(answer["customfields"][0]["value"], json!("3"));
    let change = json!([{"id": 1, "customfields": [{"id": 201, "value": 2}]}]);
    let (_, answer) = client.post("api/Users", change).await;
    assert_eq!(answer["customfields"][0]["value"], json!(2));
    let (_, answer) = client.get("api/Users/1").await;
    assert_eq!(answer["customfields"][0]["value"], json!("2"));
    let (_, fields) = client.get("api/FieldInfo").await;
    assert_eq!(fields[0]["name"], "CFcontract");
}

#[tokio::test]
async fn a_connection_can_end_before_or_after_the_work_is_done() {
    let client = Client::with("all", |config| config.people = named(2)).await;
    let state = client.stage.sim.state();
    for (fault, done) in [
        (Fault::ResetConnection, false),
        (Fault::ResetAfterCommit, true),
    ] {
        state.edit(1, |person| person.inactive = false);
        state.fault_next(On::Api, fault);
        let url = client.stage.sim.url().join("api/Users").unwrap();
        let outcome = client
            .http
            .post(url)
            .bearer_auth(&client.token)
            .json(&json!([{"id": 1, "inactive": true}]))
            .send()
            .await;
        assert!(outcome.is_err(), "nobody hears of it");
        assert_eq!(state.person(1).unwrap().inactive, done);
    }
}

#[tokio::test]
async fn a_merge_and_a_deletion_look_the_same_and_a_move_keeps_the_id() {
    let client = Client::with("all", |config| config.people = named(4)).await;
    client
        .post("api/Users", json!([{"id": 2, "_merge_user_into": 3}]))
        .await;
    assert_eq!(client.text("DELETE", "api/Users/4", None).await.0, 200);
    client
        .post("api/Users", json!([{"id": 1, "site_id": 5}]))
        .await;
    assert_eq!(client.ids("exclude_generaluser=true").await, [1, 3]);
    assert_eq!(client.get("api/Users/2").await.0, 404);
    assert_eq!(client.stage.sim.state().person(1).unwrap().site_id, 5);
}

#[tokio::test]
async fn a_note_needs_a_ticket_and_an_outcome() {
    let client = Client::with("edit:tickets read:tickets", |_| {}).await;
    let (status, answer) = client.post("api/Actions", json!([{"note": "x"}])).await;
    assert_eq!(
        (status, answer.as_str()),
        (400, Some("Please select a valid Ticket"))
    );
    let (status, answer) = client
        .post("api/Actions", json!([{"ticket_id": 5, "note": "x"}]))
        .await;
    assert_eq!(status, 400);
    assert_eq!(answer, "An Outcome must be entered for this Action");
    for (ticket, id) in [(5, 1), (5, 2), (6, 1)] {
        let note = json!([{"ticket_id": ticket, "outcome_id": 7, "note": "x"}]);
        let (status, answer) = client.post("api/Actions", note).await;
        assert_eq!((status, answer["id"].as_i64()), (201, Some(id)));
    }
    assert_eq!(client.stage.sim.state().actions().len(), 3);
    assert_eq!(
        client.get("api/Users").await.0,
        403,
        "tickets are not customers"
    );
}

#[tokio::test]
async fn all_but_authinfo_needs_a_live_token() {
    let client = Client::with("read:customers", |config| config.people = named(1)).await;
    assert_eq!(client.get("api/Users").await.0, 200);
    let (status, text) = client
        .text("POST", "api/Users", Some(json!([{"id": 1}])))
        .await;
    assert_eq!(status, 403, "{text}");
    client.stage.sim.state().expire_tokens();
    assert_eq!(client.get("api/Users").await.0, 401);
    let (status, answer) = client.get("api/authinfo").await;
    assert_eq!(
        (status, answer["tenant_id"].as_str()),
        (200, Some("sandbox"))
    );
    assert!(answer["auth_url"].as_str().unwrap().ends_with("/auth"));
}

#[tokio::test]
async fn the_token_endpoint_refuses_as_the_product_does() {
    let client = Client::with("read:customers offline_access", |config| {
        config.granted = vec!["read:customers".to_owned(), "offline_access".to_owned()];
    })
    .await;
    let ask = |secret: &'static str, scope: &'static str| {
        [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox-client"),
            ("client_secret", secret),
            ("scope", scope),
        ]
    };
    let url = "AUTH/Token?tenant=sandbox";
    let (status, answer) = client.form(url, &ask("wrong", "")).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    for scope in ["read:users", "edit:customers"] {
        let (status, answer) = client.form(url, &ask("sandbox-secret", scope)).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_scope")));
    }
    let (status, _) = client
        .form(
            "auth/token?tenant=x",
            &ask("sandbox-secret", "read:customers"),
        )
        .await;
    assert_eq!(status, 500);
    let mut form = ask("sandbox-secret", "read:customers offline_access").to_vec();
    form.push(("tenant", "sandbox"));
    let (status, answer) = client.form("auth/token", &form).await;
    assert_eq!((status, &answer["expires_in"]), (200, &json!(3600)));
    let refresh = answer["refresh_token"].as_str().unwrap();
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("refresh_token", refresh),
    ];
    assert_eq!(client.form(url, &again).await.0, 200);
    assert_eq!(
        client.form(url, &again).await.0,
        400,
        "a refresh token works once"
    );
}

#[tokio::test]
async fn the_limit_counts_over_a_rolling_window() {
    use halosync::connector::rest::Timekeeper as _;
    use std::time::Duration;

    let client = Client::with("all", |config| {
        config.limiter = Some((3, Duration::from_secs(300)));
    })
    .await;
    for _ in 0..3 {
        assert_eq!(client.get("api/Users").await.0, 200);
        client.stage.time.sleep(Duration::from_secs(60)).await;
    }
    let url = client.stage.sim.url().join("api/Users").unwrap();
    let response = client
        .http
        .get(url)
        .bearer_auth(&client.token)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 429);
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(
        response.text().await.unwrap(),
        "Rate Limit Reached - 3 Requests per rolling 5 minute window"
    );
    client.stage.time.sleep(Duration::from_secs(120)).await;
    assert_eq!(client.get("api/Users").await.0, 200);
    assert_eq!(
        client.get("api/Users").await.0,
        429,
        "one slot was free, not three"
    );
}

#[tokio::test]
async fn invented_people_keep_their_managers_and_dates() {
    let invented = generate(40, 5);
    let client = Client::with("all", |config| config.people = people_from(&invented)).await;
    let (_, row) = client.get("api/Users/1020").await;
    assert_eq!(row["other1"], json!(invented[19].number));
    let manager = HaloPerson::invented_id(invented[19].manager.unwrap());
    assert_eq!(row["other4"], json!(manager.to_string()));
    assert_eq!(row["site_name"], json!(invented[19].site.name));
}
