//! People whose record of another endpoint is not known: each is held for that reason, and nobody else for theirs.

use serde_json::{Value, json};

use super::project::Project;
use super::server::{Reply, Server};

const SOURCE: &str = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: {env: HR_SERVER}
  auth: {none: {}}
  endpoints:
    people: {path: /people, records: /people, total: /total}
    deps: {path: /deps, records: /deps, total: /total, key: code}
    jobs: {path: "/jobs/{{ people.id }}", forEach: people}
  join:
    - {endpoint: deps, on: {people.dep: deps.name}}
    - {endpoint: jobs}
  person:
    key: people.id
    fields:
      number: {from: people.id}
      name: {from: people.name}
      department: {from: deps.title, type: integer, invalid: stop}
      job: {from: jobs.title, required: hold}
"#;

#[tokio::test]
async fn each_is_held_under_the_joins_own_code() {
    let server = Server::start(|seen| {
        let person = |id: u64, dep: &str| json!({"id": id, "name": format!("P{id}"), "dep": dep});
        match seen.target.as_str() {
            "/people" => Reply::json(&json!({"total": 5, "people": [
                person(1001, "law"), person(1002, "nowhere"), person(1003, "twice"), person(1004, "law"),
                person(1005, "law"),
            ]})),
            "/deps" => Reply::json(&json!({"total": 3, "deps": [
                {"code": 1, "name": "law", "title": 7}, {"code": 2, "name": "twice", "title": 8},
                {"code": 3, "name": "twice", "title": 9},
            ]})),
            "/jobs/1004" => Reply::status(404),
            "/jobs/1005" => Reply::json(&json!({"error": "permission denied"})),
            target => Reply::json(&json!({"id": target.rsplit('/').next().unwrap(), "title": "Clerk"})),
        }
    })
    .await;
    let project = Project::new(SOURCE, &server).await;
    let run = project
        .run(&["plan", "--record", "record", "--out", "plan.json"])
        .await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let plan = std::fs::read(project.path().join("plan.json")).unwrap();
    let plan: Value = serde_json::from_slice(&plan).unwrap();
    let held: Vec<(String, String, String)> = plan["content"]["held"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&one["person"]["key"]),
                text(&one["code"]),
                text(&one["reason"]),
            )
        })
        .collect();
    let expected = [
        (
            "1002",
            "join-unmatched",
            "no record of deps has the key nowhere",
        ),
        (
            "1003",
            "join-duplicate",
            "2 records of deps have the key twice",
        ),
        (
            "1004",
            "join-unmatched",
            "jobs has no record: the server has nothing there",
        ),
        ("1005", "join-unknown", "permission denied"),
    ];
    assert_eq!(held.len(), expected.len(), "{held:?}");
    for ((key, code, reason), (person, expected, words)) in held.iter().zip(expected) {
        assert_eq!(
            (key.as_str(), code.as_str()),
            (person, expected),
            "{held:?}"
        );
        assert!(reason.contains(words), "{held:?}");
    }
    let text = plan.to_string();
    assert!(!text.contains("rejected-rows"), "{text}");
    assert!(text.contains("e1001") && !text.contains("e1002"), "{text}");
    // The same from the recording.
    let again = project
        .run(&["plan", "--from", "record", "--out", "again.json"])
        .await;
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(
        std::fs::read(project.path().join("again.json")).unwrap(),
        std::fs::read(project.path().join("plan.json")).unwrap()
    );
}
