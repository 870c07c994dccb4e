//! Golden folders: a source, recorded answers, and the people that come of them, for each paging kind and message
//! type, through the real binary.
//!
//! `tests/golden-source/CASE` holds `source.yaml`, `answers.yaml` (what the server answers to which request), and what
//! is held against the run: `people.jsonl` (the recorded read), `requests.txt` (what was asked, in order) and
//! `warnings.txt`. `BLESS=1` writes the latter three.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::project::Project;
use super::server::{Reply, Server};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// `METHOD path?query`.
    request: String,
    /// What the body must be, if it matters.
    #[serde(default)]
    sent: Option<String>,
    #[serde(default = "fine")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<serde_json::Value>,
    #[serde(default)]
    text: Option<String>,
}

fn fine() -> u16 {
    200
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden-source")
}

async fn check(case: &str) {
    let dir = folder().join(case);
    let source = std::fs::read_to_string(dir.join("source.yaml")).unwrap();
    let answers = std::fs::read_to_string(dir.join("answers.yaml")).unwrap();
    let answers: Vec<Recorded> = serde_yaml::from_str(&answers).unwrap();
    let server = Server::start(move |seen| {
        let request = format!("{} {}", seen.method, seen.target);
        let found = answers.iter().find(|recorded| {
            recorded.request == request
                && recorded.sent.as_ref().is_none_or(|sent| *sent == seen.body)
        });
        let Some(recorded) = found else {
            return Reply::status(404);
        };
        let mut reply = match (&recorded.json, &recorded.text) {
            (Some(value), _) => Reply::json(value),
            (None, text) => Reply::of("application/xml", text.clone().unwrap_or_default()),
        };
        reply.status = recorded.status;
        reply.headers.extend(recorded.headers.clone());
        reply
    })
    .await;
    let project = Project::new(&source, &server).await;
    let run = project
        .run(&[
            "plan",
            "--record",
            "record",
            "--out",
            "plan.json",
            "--format",
            "markdown",
        ])
        .await;
    assert!(
        matches!(run.code, 0 | 69),
        "{case}: {}\n{}\n{}",
        run.code,
        run.stderr,
        server.log()
    );
    let people =
        std::fs::read_to_string(project.path().join("record/people.people.jsonl")).unwrap();
    let read_at = regex::Regex::new("\"readAt\":\"[^\"]*\"").unwrap();
    let people = people.replace(
        server.url.as_str().trim_end_matches('/'),
        "https://hr.example.com",
    );
    let people = read_at
        .replace(&people, "\"readAt\":\"2026-11-23T08:00:00Z\"")
        .into_owned();
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(project.path().join("plan.json")).unwrap()).unwrap();
    let mut warnings = String::new();
    for warning in plan["content"]["warnings"]
        .as_array()
        .or_else(|| plan["warnings"].as_array())
        .unwrap()
    {
        let code = warning["code"].as_str().unwrap();
        if code == "no-password-recipients" || code == "unknown-attribute" {
            continue;
        }
        warnings.push_str(&format!(
            "{code}: {} ({})\n",
            warning["message"].as_str().unwrap(),
            warning["count"]
        ));
        for example in warning["examples"].as_array().into_iter().flatten() {
            warnings.push_str(&format!("    {}\n", example.as_str().unwrap()));
        }
    }
    warnings.push_str(&format!("exit code {}\n", run.code));
    // Parallel requests come in any order.
    let mut log: Vec<String> = server
        .log()
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect();
    if source.contains("forEach") {
        log.sort();
    }
    for (file, found) in [
        ("people.jsonl", people),
        ("requests.txt", log.concat()),
        ("warnings.txt", warnings),
    ] {
        let path = dir.join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "{case}/{file} (BLESS=1 writes it)");
    }
}

macro_rules! cases {
    ($($name:ident $case:literal;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                check($case).await;
            }
        )*

        #[test]
        fn every_folder_is_a_case() {
            let mut found: Vec<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            assert_eq!(found, [$($case),*]);
        }
    };
}

cases! {
    counter "counter";
    counter_until "counter-until";
    cursor_body "cursor-body";
    cursor_header "cursor-header";
    details "details";
    joined "joined";
    link_body "link-body";
    link_header "link-header";
    offset "offset";
    offset_in_body "offset-in-body";
    post_form "post-form";
    short_page "short-page";
    total_in_header "total-in-header";
    unpaged "unpaged";
    xml "xml";
}
