//! Probing a source of several endpoints: each is shown, and none hides another.

use serde_json::{Value, json};

use super::project::Project;
use super::server::{Reply, Server};

const SOURCE: &str = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: {env: HR_SERVER}
  auth: {apiKey: {name: X-Api-Key, value: {env: HR_KEY}}}
  endpoints:
    people: {path: /people, records: /people, total: /total, repeat: {parameter: page}}
    deps: {path: /deps, total: /total, records: /deps, key: code}
    sites: {path: /sites, records: /sites}
    jobs: {path: "/jobs/{{ people.id }}", forEach: people, onlyIf: people.id > 1001}
  join:
    - {endpoint: deps, on: {people.dep: deps.code}}
    - {endpoint: sites, on: {people.site: sites.id}}
    - {endpoint: jobs}
  person:
    key: people.id
    fields:
      number: {from: people.id}
      name: {from: people.name}
      department: {from: deps.title}
"#;

fn answer(path: &str, page: u64) -> Reply {
    let person = |id: u64| json!({"id": id, "name": "Jane Doe", "dep": 7, "deputies": {"sam.roe@example.com": 1}});
    match path {
        "/people" => Reply::json(
            &json!({"total": 4, "people": [person(999 + 2 * page), person(1000 + 2 * page)]}),
        ),
        "/deps" => Reply::json(&json!({"total": 1, "deps": [{"code": 7, "title": "Law"}]})),
        "/sites" => Reply::json(&json!({"sites": [{"id": 1, "town": "Leeds"}]})),
        path => Reply::json(&json!({"id": path.rsplit('/').next().unwrap(), "title": "Clerk"})),
    }
}

fn page(seen: &super::server::Seen) -> u64 {
    seen.parameter("page")
        .map_or(1, |page| page.parse().unwrap())
}

fn list<'a>(report: &'a Value, endpoint: &str) -> &'a Value {
    report["lists"]
        .as_array()
        .unwrap()
        .iter()
        .find(|list| list["endpoint"] == endpoint)
        .unwrap_or_else(|| panic!("{endpoint} is not in {report:#}"))
}

async fn probed(project: &Project, more: &[&str], code: u8) -> (Value, String) {
    let mut arguments = vec!["probe", "source", "people", "--format", "json"];
    arguments.extend(more);
    let run = project.run(&arguments).await;
    assert_eq!(run.code, i32::from(code), "{}{}", run.stdout, run.stderr);
    (serde_json::from_str(&run.stdout).unwrap(), run.stderr)
}

#[tokio::test]
async fn every_endpoint_is_shown_with_its_proof() {
    let server = Server::start(|seen| answer(seen.path(), page(seen))).await;
    let project = Project::new(SOURCE, &server).await;
    let (report, _) = probed(&project, &["--all"], 0).await;
    for (endpoint, rows, proven) in [
        ("people", 4, Some(true)),
        ("deps", 1, Some(true)),
        ("sites", 1, Some(false)),
        ("jobs", 3, None),
    ] {
        let list = list(&report, endpoint);
        assert_eq!(list["rows"], rows, "{endpoint}");
        assert_eq!(list["proven"].as_bool(), proven, "{endpoint}");
    }
    let title = list(&report, "deps")["fields"].as_array().unwrap();
    let title = title
        .iter()
        .find(|field| field["path"] == "deps.title")
        .unwrap();
    assert_eq!(
        (&title["filled"], &title["usedBy"]),
        (&json!(1), &json!(["department"]))
    );
    // Two pages, two lists and one of four jobs not needed; the token that is none is counted all the same.
    assert_eq!(report["limits"]["fullReadRequests"], 1 + 2 + 2 + 3);
    let text = project.run(&["probe", "source", "people", "--all"]).await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    for shown in [
        "jobs (/jobs/{{ people.id }}): 3 rows",
        "proof: its end shows that the list is whole",
        "not proven whole: the server claims no total",
        "people.deputies.*",
    ] {
        assert!(
            text.stdout.contains(shown),
            "{shown} is not in\n{}",
            text.stdout
        );
    }
    assert!(!format!("{}{report}", text.stdout).contains("sam.roe"));
}

#[tokio::test]
async fn an_endpoint_that_fails_hides_no_other() {
    for failing in ["/deps", "/people", "/jobs/1002"] {
        let server = Server::start(move |seen| {
            if seen.path() == failing {
                return Reply::status(403);
            }
            answer(seen.path(), page(seen))
        })
        .await;
        let project = Project::new(SOURCE, &server).await;
        let (report, stderr) = probed(&project, &[], 77).await;
        let name = failing.split('/').nth(1).unwrap();
        assert!(
            list(&report, name)["failed"]
                .as_str()
                .unwrap()
                .contains("403"),
            "{report:#}"
        );
        assert!(stderr.contains("403"), "{stderr}");
        assert_eq!(list(&report, "sites")["rows"], 1);
        let findings = report["findings"].to_string();
        assert!(findings.contains("probe-endpoint-failed"), "{findings}");
        assert!(!findings.contains("probe-empty-list"), "{findings}");
        assert_eq!(
            list(&report, "people")["rows"],
            if failing == "/people" { 0 } else { 4 }
        );
    }
}

#[tokio::test]
async fn a_spent_budget_is_said_and_what_was_seen_is_shown() {
    let server = Server::start(|seen| answer(seen.path(), page(seen))).await;
    let project = Project::new(SOURCE, &server).await;
    let (report, _) = probed(&project, &["--max-requests", "1"], 0).await;
    assert_eq!(list(&report, "people")["rows"], 2);
    assert_eq!(list(&report, "deps")["rows"], 0);
    let findings = report["findings"].to_string();
    assert!(
        findings.contains("people was not looked at as far as asked"),
        "{findings}"
    );
    assert!(
        findings.contains("deps was not looked at as far as asked"),
        "{findings}"
    );
    for wrong in ["probe-empty-list", "probe-field-not-delivered"] {
        assert!(!findings.contains(wrong), "{findings}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_recorded_test_keeps_to_the_budget_and_says_early_what_is_in_its_way() {
    let server = Server::start(|seen| answer(seen.path(), page(seen))).await;
    let project = Project::new(SOURCE, &server).await;
    let record = |more: &[&str]| {
        let arguments: Vec<String> = ["test", "--record", "1001"]
            .iter()
            .chain(more)
            .map(|argument| (*argument).to_owned())
            .collect();
        let project = &project;
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            project.run(&arguments).await
        }
    };
    let run = record(&["--max-requests", "1"]).await;
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(server.seen().len(), 1);
    let run = record(&["--out", "nowhere/new.yaml"]).await;
    assert_eq!(run.code, 64, "{}", run.stderr);
    assert!(
        run.stderr.contains("there is no folder nowhere"),
        "{}",
        run.stderr
    );
    assert_eq!(server.seen().len(), 1, "nothing was read");

    let run = record(&["--out", "first.yaml", "--cache", "cache"]).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("include"), "{}", run.stderr);
    let asked = server.seen().len();
    let run = record(&["--out", "second.yaml", "--name", "first"]).await;
    assert_eq!(run.code, 64, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("a test called first already, in first.yaml"),
        "{}",
        run.stderr
    );
    assert_eq!(server.seen().len(), asked, "nothing was read");

    let run = record(&["--out", "third.yml"]).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("`include` does not match third.yml"),
        "{}",
        run.stderr
    );
}
