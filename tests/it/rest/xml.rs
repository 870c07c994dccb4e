//! Sources that answer in XML, and totals that are none: with the real binary over real files.

use serde_json::json;

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
    people: {path: /people, answer: xml, records: /People/Person, total: "/People/@count", key: "@id"}
    jobs: {path: /jobs, answer: xml, records: /Jobs/Job, total: "/Jobs/@count", key: "@nr"}
  join:
    - {endpoint: jobs, on: {"people['@id']": "jobs['@person']"}}
  person:
    key: people.@id
    include: people['@kind'] != 'guest'
    fields:
      number: {from: "people['@id']"}
      name: {from: people.Name}
      department: {from: "jobs['#text']"}
"#;

const PEOPLE: &str = r#"<People count="2"><Person id="1001" kind="staff"><Name>Ann</Name></Person>
    <Person id="1002" kind="guest"><Name>Bob</Name></Person></People>"#;
const JOBS: &str = r#"<Jobs count="1"><Job nr="7" person="1001">Law</Job></Jobs>"#;

fn xml(text: &str) -> Reply {
    Reply::of("application/xml", text)
}

#[tokio::test]
async fn attributes_identify_join_and_fill() {
    let server = Server::start(|seen| {
        xml(if seen.target == "/people" {
            PEOPLE
        } else {
            JOBS
        })
    })
    .await;
    let project = Project::new(SOURCE, &server).await;
    let run = project.run(&["validate"]).await;
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let run = project
        .run(&["plan", "--record", "record", "--out", "plan.json"])
        .await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = std::fs::read_to_string(project.path().join("record/people.people.jsonl")).unwrap();
    let ann = text.lines().find(|line| line.contains("\"1001\"")).unwrap();
    let ann: serde_json::Value = serde_json::from_str(ann).unwrap();
    assert_eq!(ann["facts"]["department"], json!("Law"));
    assert_eq!(ann["facts"]["name"], json!("Ann"));
    assert!(text.contains("proven"), "{text}");
}

#[tokio::test]
async fn what_cannot_change_is_asked_for_once_and_garbage_twice() {
    for (body, asked, words) in [
        (
            r#"<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><People>&y;</People>"#.to_owned(),
            1,
            "document type declaration",
        ),
        ("<a>".repeat(100), 1, "nested deeper"),
        (
            "<People><Person></People>".to_owned(),
            2,
            "the same answer came again",
        ),
        ("<People><Person>".to_owned(), 2, "breaks off within Person"),
        (
            r#"<Staff count="0"/>"#.to_owned(),
            1,
            "has nothing at /People/Person; it has only Staff",
        ),
    ] {
        let answer = body.clone();
        let server = Server::start(move |_| xml(&answer)).await;
        let project = Project::new(SOURCE, &server).await;
        let run = project.run(&["plan", "--out", "plan.json"]).await;
        assert_eq!(run.code, 69, "{body}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        assert_eq!(server.seen().len(), asked, "{body}");
    }
}

#[tokio::test]
async fn a_total_that_is_no_number_is_said_and_nothing_is_proven() {
    for (total, words) in [
        (
            "many",
            "page 1 has a text that is no number where the total should stand",
        ),
        (
            "-1",
            "page 1 has a negative number where the total should stand",
        ),
    ] {
        let people = PEOPLE.replace("count=\"2\"", &format!("count=\"{total}\""));
        let server = Server::start(move |seen| {
            xml(if seen.target == "/people" {
                &people
            } else {
                JOBS
            })
        })
        .await;
        // Not even the source's own word for it outweighs a total that nobody understands.
        let source = SOURCE.replace("key: \"@id\"}", "key: \"@id\", endProves: true}");
        let project = Project::new(&source, &server).await;
        let run = project.run(&["plan", "--out", "plan.json"]).await;
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(words), "{said}");
        assert_eq!(server.seen().len(), 2, "the list was read again in vain");
    }
}

#[tokio::test]
async fn short_waits_for_the_limit_are_not_told_one_by_one() {
    let server = Server::start(|seen| {
        let page: u64 = seen
            .parameter("page")
            .map_or(1, |page| page.parse().unwrap());
        Reply::json(&json!({"total": 8, "people": [{"id": page, "name": "Ann"}]}))
    })
    .await;
    let source = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: {env: HR_SERVER}
  auth: {none: {}}
  rateLimit: {requests: 4, perSeconds: 1}
  endpoints:
    people: {path: /people, records: /people, total: /total, repeat: {parameter: page}}
  person:
    key: people.id
    fields:
      number: {from: people.id}
      name: {from: people.name}
      department: {from: people.department}
"#;
    let project = Project::new(source, &server).await;
    let run = project.run(&["-vv", "plan", "--out", "plan.json"]).await;
    assert_eq!(server.seen().len(), 8);
    assert!(!run.stderr.contains("seconds=0"), "{}", run.stderr);
}
