//! What makes it provable that a plan was applied as it was approved: refusals, `halosync verify`, the journal's chain.

mod chain;
mod files;
mod guards;
mod journals;
mod places;
mod plans;
mod reach;
mod remade;
mod tamper;
mod whose;

use std::collections::BTreeMap;
use std::path::Path;

use halosync::plan::{Plan, PlanFile};

use crate::explain::recorded;
use crate::support::{Run, assert_as_the_schema_says, halosync, schema_errors};

/// A project with a plan made just now, so that nothing speaks against it.
struct Desk(tempfile::TempDir);

impl Desk {
    async fn new(golden: &str, exit: i32) -> Self {
        let desk = Self(recorded(golden));
        desk.plan(exit).await;
        desk
    }

    async fn plan(&self, exit: i32) {
        self.plan_with(&[]).await.expect(exit);
    }

    /// Plans from a recording of just now.
    async fn plan_with(&self, more: &[&str]) -> Run {
        let now = self.read_now();
        let plan = ["plan", "--from", "reads", "--out", "plan.json", "--as-of"];
        self.run(&[&plan[..], &[&now], more].concat()).await
    }

    /// Makes the recording one of this moment, and says when that is.
    fn read_now(&self) -> String {
        let now = now();
        for entry in std::fs::read_dir(self.path().join("reads")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let (head, rest) = text.split_once('\n').unwrap();
            let mut head: serde_json::Value = serde_json::from_str(head).unwrap();
            head["readAt"] = now.as_str().into();
            std::fs::write(&path, format!("{head}\n{rest}")).unwrap();
        }
        now
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        halosync(self.path(), &BTreeMap::new(), arguments).await
    }

    async fn verify(&self, exit: i32) -> String {
        self.run(&["verify", "plan.json"]).await.expect(exit).stdout
    }

    /// What apply and verify say when the plan is refused: both the same.
    async fn refused(&self, exit: i32, arguments: &[&str]) -> String {
        let verify = ["verify", "plan.json"];
        let told = self.run(&[&verify[..], arguments].concat()).await;
        let told = told.expect(exit).stdout;
        let apply = ["apply", "plan.json"];
        let refused = self.run(&[&apply[..], arguments].concat()).await;
        let refused = refused.expect(exit).stderr;
        let said = |line: &'_ str| {
            let line = line.strip_prefix("error: ").or(line.strip_prefix("help: "));
            line.map(str::to_owned)
        };
        for line in refused.lines().filter_map(said) {
            // The same moment is not told twice.
            let line = line.split(" and it is ").next().unwrap();
            assert!(told.contains(line), "{line}\n---\n{told}");
        }
        told
    }

    fn file(&self) -> PlanFile {
        halosync::plan::read(&std::fs::read(self.path().join("plan.json")).unwrap()).unwrap()
    }

    /// A plan no planner made, sealed all the same.
    fn forge(&self, change: impl FnOnce(&mut Plan)) -> PlanFile {
        let mut plan = self.file().content;
        change(&mut plan);
        let file = halosync::plan::seal(plan);
        let bytes = halosync::plan::to_bytes(&file);
        std::fs::write(self.path().join("plan.json"), bytes).unwrap();
        file
    }

    fn journal_path(&self) -> std::path::PathBuf {
        let digest = self.file().digest;
        let short = &digest["sha256:".len()..][..12];
        self.path().join(format!("plan.{short}.journal.jsonl"))
    }
}

fn now() -> String {
    crate::support::now().to_string()
}

/// A journal as an apply would have written it.
fn written(path: &Path, file: &PlanFile, lines: &[halosync::apply::Line]) {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let journal = halosync::apply::Journal::open(path, &file.digest, "0", at).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let all = async {
        for line in lines {
            journal.append(line).await.unwrap();
        }
    };
    // Tests have a runtime of their own, which must not be blocked from within.
    std::thread::scope(|scope| {
        scope.spawn(|| runtime.unwrap().block_on(all));
    });
}

/// What `--format json` gives is as `schemas/verification.schema.json` says.
fn as_the_schema_says(json: &serde_json::Value) {
    assert_as_the_schema_says("verification", json);
    let mut other = json.clone();
    other["checks"][0]["verdict"] = "perhaps".into();
    let errors = schema_errors("verification", &other);
    assert!(!errors.is_empty(), "any verdict is valid");
}
