//! Answers about single records that are none, or somebody else's: they hold people and clear nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::project::Project;
use super::server::{Reply, Server};

/// Trouble is reported only, so that nothing but disbelief can hold anybody.
const SOURCE: &str = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: {env: HR_SERVER}
  auth: {none: {}}
  endpoints:
    people: {path: /people, records: /people, total: /total}
    deps: {path: PATH, FOR}
  join:
    - {endpoint: deps, ON unmatched: report, duplicate: report}
  person:
    key: people.id
    fields:
      number: {from: people.id}
      name: {from: people.name}
      department: {from: deps.department}
"#;

/// How an endpoint is asked.
#[derive(Clone, Copy)]
struct Asked {
    path: &'static str,
    each: &'static str,
    on: &'static str,
}

const EACH: Asked = Asked {
    path: r#""/p/{{ people.id }}""#,
    each: "forEach: people",
    on: "",
};

const DISTINCT: Asked = Asked {
    each: "forEachDistinct: people.id",
    ..EACH
};

/// By person why it is held, and by person its department.
async fn read(
    asked: Asked,
    people: Value,
    answer: impl Fn(&str) -> Value + Send + Sync + 'static,
) -> (BTreeMap<String, String>, BTreeMap<String, Value>) {
    let server = Server::start(move |seen| {
        Reply::json(&match seen.target.as_str() {
            "/people" => json!({"total": people.as_array().unwrap().len(), "people": people}),
            target => answer(target),
        })
    })
    .await;
    let source = SOURCE
        .replace("PATH", asked.path)
        .replace("FOR", asked.each)
        .replace("ON ", asked.on);
    let project = Project::new(&source, &server).await;
    let run = project
        .run(&["plan", "--record", "record", "--out", "plan.json"])
        .await;
    // 3: with one person held, everybody may be.
    assert!(
        matches!(run.code, 0 | 3 | 69),
        "{}\n{}",
        run.code,
        run.stderr
    );
    let text = std::fs::read_to_string(project.path().join("record/people.people.jsonl")).unwrap();
    let (mut held, mut departments) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for rejected in line["rejected"].as_array().into_iter().flatten() {
            held.insert(
                rejected["row"].as_str().unwrap().to_owned(),
                rejected["reason"].as_str().unwrap().to_owned(),
            );
        }
        if let Some(holds) = line.get("held") {
            let holds: Vec<&str> = holds
                .as_array()
                .unwrap()
                .iter()
                .map(|hold| {
                    assert_eq!(hold["endpoint"], "deps");
                    hold["reason"].as_str().unwrap()
                })
                .collect();
            held.insert(line["key"].as_str().unwrap().to_owned(), holds.join("; "));
        } else if let Some(facts) = line.get("facts") {
            departments.insert(
                line["key"].as_str().unwrap().to_owned(),
                facts["department"].clone(),
            );
        }
    }
    (held, departments)
}

fn two() -> Value {
    json!([{"id": 1001, "name": "Ann"}, {"id": 1002, "name": "Bob"}])
}

#[tokio::test]
async fn an_error_that_comes_with_status_200_is_no_record() {
    for (answer, words) in [
        (json!({"error": "permission denied"}), "permission denied"),
        (
            json!({"status": "error", "department": null}),
            "the answer has only",
        ),
        (json!({"id": null, "message": "locked"}), "locked"),
        (json!({"id": "", "department": "Sales"}), "usable `id`"),
        (json!([{"error": "permission denied"}]), "permission denied"),
    ] {
        for asked in [EACH, DISTINCT] {
            let answer = answer.clone();
            let (held, departments) = read(asked, two(), move |target| match target {
                "/p/1001" => answer.clone(),
                _ => json!({"id": "1002", "department": "Law"}),
            })
            .await;
            assert_eq!(held.len(), 1, "{words}: {held:?}");
            assert!(held["1001"].contains(words), "{words}: {held:?}");
            assert_eq!(departments["1002"], "Law");
        }
    }
}

#[tokio::test]
async fn a_record_without_key_is_none_where_the_request_does_not_tell_either() {
    let sub = Asked {
        path: r#""/p/{{ people.id }}/job""#,
        ..EACH
    };
    let (held, departments) = read(sub, two(), |target| match target {
        "/p/1001/job" => json!({"error": "permission denied"}),
        _ => json!({"id": 7, "department": "Law"}),
    })
    .await;
    assert!(held["1001"].contains("permission denied"), "{held:?}");
    assert_eq!(departments["1002"], "Law");
}

#[tokio::test]
async fn another_record_than_the_one_asked_for_is_not_believed() {
    let query = Asked {
        path: r#"/find, query: {id: "{{ people.id }}"}"#,
        ..EACH
    };
    let body = Asked {
        path: r#"/find, method: POST, body: {json: {id: "{{ people.id }}"}}"#,
        ..EACH
    };
    for asked in [EACH, DISTINCT, query, body] {
        for answer in [
            json!({"id": 9999, "department": "Wrong"}),
            json!([{"id": 9998, "department": "Wrong"}, {"id": 9999, "department": "Wrong"}]),
        ] {
            let (held, departments) = read(asked, two(), move |_| answer.clone()).await;
            assert_eq!(held.len(), 2, "{held:?}");
            assert!(
                held["1001"].contains("record 1001 was asked for"),
                "{held:?}"
            );
            assert!(departments.is_empty(), "{departments:?}");
        }
    }
    // One record for everybody is believed for its owner alone.
    let (held, departments) = read(
        EACH,
        two(),
        |_| json!([{"id": 1001.0, "department": "Sales"}]),
    )
    .await;
    assert_eq!(held.keys().collect::<Vec<_>>(), ["1002"]);
    assert_eq!(departments["1001"], "Sales");
    // Of several records the one asked for.
    let (held, departments) = read(
        EACH,
        two(),
        |_| json!([{"id": "1001", "department": "Sales"}, {"id": 1002, "department": "Law"}]),
    )
    .await;
    assert!(held.is_empty(), "{held:?}");
    assert_eq!(
        (&departments["1001"], &departments["1002"]),
        (&json!("Sales"), &json!("Law"))
    );
}

/// Where the request does not tell whose record comes, `on` does.
#[tokio::test]
async fn columns_tell_whose_record_must_come() {
    let sub = Asked {
        path: r#""/p/{{ people.id }}/job""#,
        on: "on: {people.id: deps.owner}, ",
        ..EACH
    };
    let (held, departments) = read(sub, two(), |target| match target {
        "/p/1001/job" => json!({"id": 7, "owner": 9999, "department": "Wrong"}),
        _ => json!({"id": 8, "owner": "1002", "department": "Law"}),
    })
    .await;
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(
        held["1001"].contains("whose deps.owner is 1001 was asked for")
            && held["1001"].contains("one whose is 9999"),
        "{held:?}"
    );
    assert_eq!(departments["1002"], "Law");
    assert_ne!(departments.get("1001"), Some(&json!("Wrong")));
    // Of several the person's own; one that has no owner at all is no record; two of the same owner are too many.
    let (held, departments) = read(sub, two(), |target| match target {
        "/p/1001/job" => json!([
            {"id": 6, "owner": 9999, "department": "Wrong"},
            {"id": 7, "owner": 1001.0, "department": "Sales"},
        ]),
        _ => json!({"id": 8, "department": "Law"}),
    })
    .await;
    assert_eq!(departments["1001"], "Sales");
    assert!(held["1002"].contains("usable `deps.owner`"), "{held:?}");
}

#[tokio::test]
async fn a_value_that_cannot_stand_in_a_path_is_named_and_holds() {
    let code = |each| Asked {
        path: r#""/p/{{ people.code }}""#,
        each,
        ..EACH
    };
    for each in ["forEach: people", "forEachDistinct: people.code"] {
        for (value, words) in [
            (json!(".."), "`/p/..`"),
            (json!("."), "`/p/.`"),
            (json!({"a": 1}), "`{\"a\":1}`"),
            (json!([7]), "`[7]`"),
        ] {
            let people = json!([{"id": 1001, "name": "Ann", "code": value}, {"id": 1002, "name": "Bob", "code": "b"}]);
            let (held, departments) = read(code(each), people, |target| {
                assert_eq!(target, "/p/b");
                json!({"id": "b", "department": "Law"})
            })
            .await;
            assert_eq!(held.len(), 1, "{held:?}");
            assert!(held["1001"].contains(words), "{words}: {held:?}");
            assert_eq!(departments["1002"], "Law");
        }
    }
}
