//! Answers kept between runs change what is sent and never what is planned, and the budget is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::project::Project;
use super::server::{Reply, Seen, Server};

/// People whose department stands in their details alone, and whose change stamp says what it likes.
#[derive(Clone, Default)]
struct World {
    departments: Arc<Mutex<BTreeMap<u64, String>>>,
    /// Whether answers carry a validator.
    validators: Arc<AtomicBool>,
}

impl World {
    fn of(count: u64) -> Self {
        let world = Self::default();
        world.validators.store(true, Ordering::SeqCst);
        for id in 1..=count {
            world.set(id, "Sales");
        }
        world
    }

    fn set(&self, id: u64, department: &str) {
        self.departments
            .lock()
            .unwrap()
            .insert(id, department.to_owned());
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let departments = self.departments.lock().unwrap();
        let row = |id: u64| -> Value {
            // The stamp never moves, whatever changes.
            json!({"id": id, "name": format!("Person {id}"), "updated": "2020-01-01T00:00:00Z"})
        };
        if seen.path() == "/people" {
            let rows: Vec<Value> = departments.keys().map(|id| row(*id)).collect();
            return Reply::json(&json!({"total": rows.len(), "people": rows}));
        }
        let id: u64 = seen.path().rsplit('/').next().unwrap().parse().unwrap();
        let Some(department) = departments.get(&id) else {
            return Reply::status(404);
        };
        let mut detail = row(id);
        detail["department"] = json!(department);
        let etag = format!("\"{id}-{department}\"");
        if !self.validators.load(Ordering::SeqCst) {
            return Reply::json(&detail);
        }
        if seen.header("if-none-match") == Some(&etag) {
            return Reply::status(304).header("etag", &etag);
        }
        Reply::json(&detail).header("etag", &etag)
    }
}

const SOURCE: &str = r#"
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: {env: HR_SERVER}
  auth: {apiKey: {name: X-Api-Key, value: {env: HR_KEY}}}
  endpoints:
    people: {path: /people, records: /people, total: /total}
    details: {path: "/people/{{ people.id }}", forEach: people CACHE}
  person:
    key: people.id
    fields:
      number: {from: people.id}
      name: {from: people.name}
      department: {from: details.department}
"#;

async fn lab(world: &World, cache: &str) -> (Server, Project) {
    let answers = world.clone();
    let server = Server::start(move |seen| answers.answer(seen)).await;
    let project = Project::new(&SOURCE.replace(" CACHE", cache), &server).await;
    (server, project)
}

/// The plan's content, without the moments at which it was made.
async fn plan(project: &Project, arguments: &[&str], code: i32) -> (String, String) {
    let mut all = vec![
        "plan",
        "--format",
        "json",
        "--as-of",
        "2026-11-23T08:00:00Z",
    ];
    all.extend(arguments);
    let run = project.run(&all).await.expect(code);
    let moments = regex::Regex::new("\"readAt\":\\s*\"[^\"]*\"").unwrap();
    let digests = regex::Regex::new("sha256:[0-9a-f]{64}").unwrap();
    let plan = moments.replace_all(&run.stdout, "");
    (digests.replace_all(&plan, "").into_owned(), run.stderr)
}

#[tokio::test]
async fn the_cached_and_the_uncached_plan_are_the_same_even_when_the_change_stamp_lies() {
    let world = World::of(12);
    let (server, project) = lab(&world, "").await;
    plan(&project, &["--cache", "kept"], 0).await;
    // What changes stands in the details alone, and the stamp in both does not move.
    world.set(3, "Research");
    world.set(7, "Law");
    let before = server.seen().len();
    let (cached, note) = plan(&project, &["--cache", "kept"], 0).await;
    let confirmed = server.seen()[before..]
        .iter()
        .filter(|seen| seen.headers.contains_key("if-none-match"))
        .count();
    assert_eq!(confirmed, 12, "each kept answer was put to the server");
    assert!(note.contains("10 answers confirmed"), "{note}");
    let (uncached, _) = plan(&project, &[], 0).await;
    assert_eq!(cached, uncached);
    assert!(cached.contains("Research") && cached.contains("Law"));
}

#[tokio::test]
async fn without_validators_everything_is_asked_again() {
    let world = World::of(5);
    world.validators.store(false, Ordering::SeqCst);
    let (server, project) = lab(&world, "").await;
    plan(&project, &["--cache", "kept"], 0).await;
    world.set(3, "Research");
    let before = server.seen().len();
    let (cached, _) = plan(&project, &["--cache", "kept"], 0).await;
    assert_eq!(server.seen().len() - before, 6);
    assert_eq!(cached, plan(&project, &[], 0).await.0);
}

#[tokio::test]
async fn answers_of_some_age_save_requests_and_hold_every_removal() {
    let world = World::of(5);
    world.validators.store(false, Ordering::SeqCst);
    let (server, project) = lab(&world, ", cache: {maxAge: 12h}").await;
    plan(&project, &["--cache", "kept"], 0).await;
    let before = server.seen().len();
    // Unproven: what was not confirmed can be late.
    let (cached, note) = plan(&project, &["--cache", "kept"], 69).await;
    assert_eq!(server.seen().len() - before, 1, "the list alone");
    assert!(note.contains("5 kept from an earlier run"), "{note}");
    assert!(cached.contains("not confirmed by the server"), "{cached}");
    // A row that changed is asked about at once.
    world.set(6, "Sales");
    let before = server.seen().len();
    plan(&project, &["--cache", "kept"], 69).await;
    assert_eq!(server.seen().len() - before, 2);
}

#[tokio::test]
async fn kept_answers_hold_no_secret_and_are_private() {
    let world = World::of(2);
    let (_server, project) = lab(&world, "").await;
    plan(&project, &["--cache", "kept"], 0).await;
    let path = project.path().join("kept/people.details.answers.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert!(
        !text.contains("Person 1"),
        "only what is used is kept: {text}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Whatever stands there instead is not used, and said so.
    std::fs::write(&path, "not ours\n").unwrap();
    let (_, note) = plan(&project, &["--cache", "kept"], 0).await;
    assert!(note.contains("kept answers are not used"), "{note}");
}

#[tokio::test]
async fn a_plan_that_needs_more_requests_than_allowed_is_refused_before_they_are_sent() {
    let world = World::of(40);
    let (server, project) = lab(&world, "").await;
    let run = project
        .run(&["plan", "--max-requests", "20"])
        .await
        .expect(3);
    assert_eq!(server.seen().len(), 1, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("about 40 more requests are needed (details 40)"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--max-requests"), "{}", run.stderr);
    let run = project
        .run(&["plan", "--max-requests", "41"])
        .await
        .expect(0);
    assert!(
        run.stderr.contains("people with 41 requests"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("40 more needed"), "{}", run.stderr);
}
