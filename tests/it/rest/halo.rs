//! HaloITSM with everything joined: details of those who need them, sites, clients, and custom fields by name.

use halosync::sandbox::halo::{CustomValue, FieldKind, HaloPerson, HaloSim, SimConfig};
use serde_json::{Value, json};

use super::project::Project;

const SOURCE: &str = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: SERVER
  authorisationServer: AUTHORISATION
  auth: {oauth2: {clientId: {env: HR_CLIENT}, clientSecret: {env: HR_KEY}}}
  endpoints:
    users: {path: /Users}
    details: {path: "/Users/{{ users.id }}", forEach: users}
    sites: {path: "/Site/{{ users.site_id }}", forEachDistinct: users.site_id}
    clients: {path: /Client}
  join:
    - {endpoint: clients, on: {users.client_id: clients.id}}
  person:
    key: users.id
    include: not users.isserviceaccount
    fields:
      number: {from: users.other1}
      name: {from: users.name}
      department: {from: "details.departments[0].department_name"}
      sam: {from: details.samaccountname}
      site: {from: sites.name}
      zone: {from: sites.timezone}
      client: {from: clients.name}
      text: {from: "customField('CFtext')"}
      select: {from: "customField('CFselect')", type: integer}
      starts: {from: "customField('CFstart')", type: date}
      ticked: {from: "customField('CFticked')", type: boolean}
"#;

fn somebody(id: i64) -> HaloPerson {
    let mut person = HaloPerson {
        other1: Some(id.to_string()),
        samaccountname: Some(format!("sam{id}")),
        customfields: vec![
            CustomValue::text("CFtext", "plain"),
            CustomValue {
                name: "CFselect".to_owned(),
                kind: FieldKind::Select,
                value: json!(3),
            },
            CustomValue::date("CFstart", jiff::civil::date(2026, 12, 1)),
            CustomValue {
                name: "CFticked".to_owned(),
                kind: FieldKind::Checkbox,
                value: json!(true),
            },
        ],
        ..HaloPerson::new(id, "Jo", &format!("Doe {id}"))
    };
    person.extra.insert(
        "departments".to_owned(),
        json!([{"id": 1, "department_id": 4, "department_name": "Research"}]),
    );
    person
}

#[tokio::test]
async fn details_sites_clients_and_custom_fields_come_together() {
    let sim = HaloSim::start(SimConfig {
        client_id: "client-of-lab".to_owned(),
        client_secret: "canary-key-of-lab".to_owned(),
        tenant: None,
        limiter: None,
        people: (1..=30)
            .map(somebody)
            .chain([HaloPerson {
                isserviceaccount: true,
                ..somebody(99)
            }])
            .collect(),
        ..SimConfig::default()
    })
    .await
    .unwrap();
    let source = SOURCE
        .replace("AUTHORISATION", sim.authorisation_server().as_str())
        .replace("SERVER", sim.resource_server().as_str());
    let project = Project::at(&source, &sim.resource_server()).await;
    let run = project
        .run(&["plan", "--record", "record", "--out", "plan.json"])
        .await
        .expect(0);
    let state = sim.state();
    let asked: Vec<String> = state
        .seen()
        .into_iter()
        .filter(|seen| seen.starts_with("GET"))
        .collect();
    let details = asked
        .iter()
        .filter(|seen| seen.contains("/api/users/"))
        .count();
    assert_eq!(details, 30, "nobody asks about the service account");
    let sites = asked
        .iter()
        .filter(|seen| seen.contains("/api/site/"))
        .count();
    assert_eq!(sites, 1, "{asked:?}");
    assert!(run.stderr.contains("2 nobody needs"), "{}", run.stderr);
    assert!(run.stderr.contains("29 shared"), "{}", run.stderr);

    let text = std::fs::read_to_string(project.path().join("record/people.people.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["completeness"]["verdict"]["is"], "proven");
    let facts = &lines[1]["facts"];
    for (field, expected) in [
        ("department", json!("Research")),
        ("sam", json!("sam1")),
        ("text", json!("plain")),
        ("select", json!(3)),
        ("starts", json!("2026-12-01")),
        ("ticked", json!(true)),
    ] {
        assert_eq!(facts[field], expected, "{facts}");
    }
    for field in ["site", "zone", "client"] {
        assert!(facts[field].is_string(), "{facts}");
    }
}
