//! `drift` and `plan --since` over recordings, through the binary: what is refused, and what is told.

use std::collections::BTreeMap;
use std::path::Path;

use halosync::model::Name;
use halosync::plan::{DriftGroup, DriftReport};
use halosync::render::{TextOptions, drift_text};
use serde_json::{Value, json};

use crate::explain::recorded;
use crate::support::{Run, halosync};

async fn run(folder: &Path, arguments: &[&str]) -> Run {
    halosync(folder, &BTreeMap::new(), arguments).await
}

/// A project with the recording of its plan in `last`, as `plan --record` leaves it, and the reads of now in `reads`.
async fn project() -> tempfile::TempDir {
    let folder = recorded("groups");
    let root = folder.path();
    let last = root.join("last");
    std::fs::create_dir(&last).unwrap();
    for entry in std::fs::read_dir(root.join("reads")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), last.join(entry.file_name())).unwrap();
    }
    run(
        root,
        &["plan", "--from", "reads", "--out", "last/plan.json"],
    )
    .await
    .expect(0);
    let plan: Value =
        serde_json::from_slice(&std::fs::read(last.join("plan.json")).unwrap()).unwrap();
    let mut lines = format!("{}\n", json!({"format": "halosync/configuration/v1"}));
    for path in plan["content"]["inputs"]["files"]
        .as_object()
        .unwrap()
        .keys()
    {
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        lines.push_str(&format!("{}\n", json!({"path": path, "text": text})));
    }
    std::fs::write(last.join("configuration.jsonl"), lines).unwrap();
    folder
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

const DRIFT: [&str; 5] = ["drift", "--from", "reads", "--since", "last"];

/// P10: what the last plan was to change and what stands as before is an edit to nobody: nobody says it was applied.
#[tokio::test]
async fn what_was_planned_and_not_reported_is_undetermined() {
    let folder = project().await;
    let found = run(folder.path(), &[&DRIFT[..], &["--format", "json"]].concat())
        .await
        .expect(2);
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(report["counts"]["revert"], 0);
    let undetermined = report["counts"]["undetermined"].as_u64().unwrap();
    assert!(undetermined > 0, "{}", found.stdout);
    assert_eq!(
        undetermined as usize,
        report["differences"].as_array().unwrap().len()
    );
    let text = run(folder.path(), &DRIFT).await.expect(2);
    assert!(text.stdout.contains("No edit is proven"), "{}", text.stdout);
    let markdown = run(
        folder.path(),
        &[&DRIFT[..], &["--format", "markdown"]].concat(),
    )
    .await
    .expect(2);
    assert!(markdown.stdout.starts_with("### halosync drift for"));
    // The report says that nothing of it was achieved: then it waits for the next plan, and nobody edited anything.
    let plan: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("last/plan.json")).unwrap())
            .unwrap();
    let report = json!({
        "format": "halosync/outcome/v1", "plan": plan["digest"], "project": plan["content"]["project"],
        "started": "2026-11-26T08:00:00Z", "finished": "2026-11-26T08:00:01Z", "resumed": false,
        "verdict": "unavailable", "changes": [], "journal": {"lines": 0, "head": ""},
        "counts": {"done": 0, "alreadyAsDesired": 0, "conflicts": 0, "failed": 0, "skipped": 0, "notReached": 0},
    });
    std::fs::write(folder.path().join("report.json"), report.to_string()).unwrap();
    let told = [&DRIFT[..], &["--last-apply", "report.json"]].concat();
    let none = run(folder.path(), &told).await.expect(0);
    none.assert_tells(&[
        "No drift · 6 planned by the last plan and not applied",
        "Planned by the last plan, and not applied (6)",
        "New Person (4)  has no account · the apply did not do it",
    ]);
    let json = run(folder.path(), &[&told[..], &["--format", "json"]].concat()).await;
    let json = json.expect(0).stdout;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["counts"]["notApplied"], 6);
    assert_eq!(report["counts"]["source"], 0);
    let mut differences = report["differences"].as_array().unwrap().iter();
    assert!(differences.all(|one| one["group"] == "notApplied"
        && one["apply"]["outcome"] == "notDone"
        && one["target"] == "corp"));
    // With two directories each difference says which it is in.
    let mut two: DriftReport = serde_json::from_str(&json).unwrap();
    let (name, identity) = two.targets.first_key_value().unwrap();
    assert_eq!(name.as_str(), "corp");
    let identity = identity.clone();
    two.targets.insert(Name::new("lab"), identity);
    for full in [false, true] {
        let options = TextOptions {
            full,
            ..TextOptions::default()
        };
        let text = drift_text(&two, &options);
        assert!(
            text.contains("New Person (4) in corp  has no account"),
            "{text}"
        );
        for one in &mut two.differences {
            one.group = DriftGroup::Source;
        }
    }
    let text = drift_text(&two, &TextOptions::default());
    assert!(
        text.contains("1 difference of account in corp: New Person (4)"),
        "{text}"
    );
}

/// A recording is used whole or not at all.
#[tokio::test]
async fn altered_and_mixed_recordings_are_refused() {
    for (file, from, to, told) in [
        (
            "last/plan.json",
            "\"cause\": \"",
            "\"cause\":  \"",
            "plan.json",
        ),
        (
            "last/configuration.jsonl",
            "halosync/configuration/v1",
            "halosync/configuration/v9",
            "it is not of the format",
        ),
        (
            "last/configuration.jsonl",
            "spec:",
            "spec: ",
            "not the files the plan was made from",
        ),
        (
            "last/hr.people.jsonl",
            "Sales",
            "Selas",
            "not those the plan was made from",
        ),
    ] {
        let folder = project().await;
        let file = if folder.path().join(file).exists() {
            file.to_owned()
        } else {
            let name = std::fs::read_dir(folder.path().join("last"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .find(|name| name.ends_with(".people.jsonl"))
                .unwrap();
            format!("last/{name}")
        };
        edit(&folder.path().join(&file), from, to);
        let refused = run(folder.path(), &DRIFT).await.expect(6);
        assert!(refused.stderr.contains(told), "{file}: {}", refused.stderr);
        let plan = ["plan", "--from", "reads", "--since", "last"];
        run(folder.path(), &plan).await.expect(6);
    }
    let folder = project().await;
    let missing = run(
        folder.path(),
        &["drift", "--from", "reads", "--since", "reads"],
    )
    .await;
    assert!(
        missing.code != 0 && missing.stderr.contains("--since takes"),
        "{}",
        missing.stderr
    );
    std::fs::write(folder.path().join("report.json"), "{}").unwrap();
    let odd = [&DRIFT[..], &["--last-apply", "report.json"]].concat();
    let odd = run(folder.path(), &odd).await.expect(64);
    assert!(odd.stderr.contains("--last-apply"), "{}", odd.stderr);
    let alone = ["drift", "--from", "reads", "--last-apply", "report.json"];
    run(folder.path(), &alone).await.expect(64);
    let revision = [&DRIFT[..], &["--approved", "nowhere"]].concat();
    let revision = run(folder.path(), &revision).await.expect(64);
    assert!(
        revision
            .stderr
            .contains("--approved: git knows no repository at"),
        "{}",
        revision.stderr
    );
}
