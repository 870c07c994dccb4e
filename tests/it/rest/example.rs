//! `examples/rest` as it stands in the repository, read from a service as its comments describe it.

use serde_json::{Value, json};

use super::project::Project;
use super::server::{Reply, Seen, Server};

/// Everybody the service knows: a guest, somebody of a department nobody has heard of, and people of Research.
const PEOPLE: usize = 120;

fn person(at: usize) -> Value {
    json!({
        "id": at,
        "kind": if at == 1 { "guest" } else { "employee" },
        "employeeNumber": format!("P{at:04}"),
        "name": {"given": "Ida", "family": "Moor", "display": "Ida Moor"},
        "department": if at == 2 { "ZZ" } else { "RD" },
        "managerId": if at > 3 { json!(3) } else { Value::Null },
        "leavesOn": Value::Null,
    })
}

fn answer(seen: &Seen) -> Reply {
    if seen.header("x-api-key") != Some("canary-key-of-lab") {
        return Reply::status(401);
    }
    match seen.path() {
        "/departments" => {
            Reply::json(&json!({"count": 1, "departments": [{"code": "RD", "title": "Research"}]}))
        }
        "/people" => {
            assert_eq!(seen.parameter("status").as_deref(), Some("all"));
            let size: usize = seen.parameter("size").unwrap().parse().unwrap();
            let page: usize = seen.parameter("page").unwrap().parse().unwrap();
            let rows: Vec<Value> = (1..=PEOPLE)
                .skip((page - 1) * size)
                .take(size)
                .map(person)
                .collect();
            Reply::json(&json!({"data": rows, "meta": {"total": PEOPLE}}))
        }
        _ => Reply::status(404),
    }
}

#[tokio::test]
async fn the_example_reads_plans_and_holds_as_it_says() {
    let server = Server::start(answer).await;
    let project = Project::example(&server).await;
    project.run(&["validate"]).await.expect(0);
    project.run(&["plan", "--out", "plan.json"]).await.expect(0);
    let plan: Value =
        serde_json::from_slice(&std::fs::read(project.path().join("plan.json")).unwrap()).unwrap();
    let content = &plan["content"];
    // Not the guest; whoever's department nobody knows is a person, and held.
    assert_eq!(content["counts"]["people"], PEOPLE - 1);
    let created: Vec<&Value> = content["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"]["kind"] == "create")
        .collect();
    assert_eq!(created.len(), PEOPLE - 2, "{:#}", content["changes"][0]);
    let text = serde_json::to_string(&created[1]).unwrap();
    for part in [
        "ida.moor2@example.com",
        "Research",
        "account.mail",
        "\"imoor2\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let held = content["held"].as_array().unwrap();
    let held: Vec<&Value> = held
        .iter()
        .filter(|one| one["person"].is_object())
        .collect();
    assert_eq!(held.len(), 1, "{held:#?}");
    assert_eq!(held[0]["person"]["key"], "2");
    assert_eq!(held[0]["code"], "join-unmatched");
    assert!(
        held[0]["reason"].as_str().unwrap().contains("ZZ"),
        "{held:#?}"
    );
    let show = project.run(&["show", "plan.json"]).await.expect(0);
    assert!(!show.stdout.contains("canary"), "{}", show.stdout);
}
