//! `halosync explain` and `plan --only`, through the binary, from recorded reads.
//! `BLESS=1 cargo nextest run -E 'test(explain)'` writes the goldens anew.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Run, assert_golden, halosync, root};

/// A golden folder as a project and a recording, where no repository is.
pub(crate) fn recorded(name: &str) -> tempfile::TempDir {
    let folder = root().join("tests/golden").join(name);
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.join("config")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let reads = copy.path().join("reads");
    std::fs::create_dir(&reads).unwrap();
    for (from, to) in [
        ("people.jsonl", "people.people.jsonl"),
        ("directory.jsonl", "corp.directory.jsonl"),
    ] {
        std::fs::copy(folder.join(from), reads.join(to)).unwrap();
    }
    copy
}

async fn run(project: &Path, arguments: &[&str]) -> Run {
    let mut all = arguments.to_vec();
    all.extend(["--from", "reads"]);
    halosync(project, &BTreeMap::new(), &all).await
}

#[track_caller]
fn golden(name: &str, found: &str) {
    assert_golden(&format!("explain/{name}"), found);
}

#[tokio::test]
async fn everything_about_somebody_is_told() {
    let exceptions = recorded("exceptions");
    let groups = recorded("groups");
    let settled = recorded("settled");
    let leaver = recorded("leaver");
    let inactive = recorded("inactive-held");
    let guarded = recorded("guards-class");
    let waived = recorded("guards-waiver");
    let converted = recorded("conversion");
    for (project, who, name) in [
        (&exceptions, "2004", "stopped.txt"),
        (&exceptions, "people/2002", "exempt.txt"),
        (&exceptions, "kcalm", "calm.txt"),
        (&exceptions, "2010", "without-account.txt"),
        (&groups, "3", "groups.txt"),
        (&settled, "1043", "linked.txt"),
        (
            &settled,
            "CN=Jane Doe 2,OU=Sales,OU=People,DC=corp,DC=example,DC=test",
            "nobodys.txt",
        ),
        (&leaver, "1042", "leaver.txt"),
        (&inactive, "1043", "inactive.txt"),
        (&guarded, "1042", "breached.txt"),
        (&waived, "1042", "waived.txt"),
        (&converted, "2077", "primary.txt"),
        (&converted, "1042", "secondary.txt"),
    ] {
        let run = run(project.path(), &["explain", who]).await.expect(0);
        golden(name, &run.stdout);
    }
    let json = run(exceptions.path(), &["explain", "2003", "--format", "json"])
        .await
        .expect(0);
    golden("set.json", &json.stdout);
}

#[tokio::test]
async fn whoever_cannot_be_told_is_a_mistake_of_use() {
    let project = recorded("ambiguity");
    let nobody = run(project.path(), &["explain", "nobody at all"])
        .await
        .expect(64);
    assert!(nobody.stderr.contains("no person has"), "{}", nobody.stderr);
    for several in ["sam.patel@example.test", "jane.doe@example.test"] {
        let run = run(project.path(), &["explain", several]).await.expect(64);
        assert!(run.stderr.matches("CN=").count() == 2, "{}", run.stderr);
    }
}

/// What is asked of a record that does not count is asked of the person.
#[tokio::test]
async fn a_plan_is_narrowed_to_the_record_that_counts() {
    let project = recorded("conversion");
    for record in ["1042", "2077"] {
        let narrowed = run(
            project.path(),
            &[
                "plan",
                "--format",
                "json",
                "--only",
                &format!("people/{record}"),
            ],
        )
        .await;
        let narrowed: serde_json::Value = serde_json::from_str(&narrowed.stdout).unwrap();
        let changes = narrowed["content"]["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 6);
        assert!(changes.iter().all(|one| one["person"]["key"] == "2077"));
    }
}

/// A narrowed plan has nothing but what was asked for and what that needs; what is left out is counted.
#[tokio::test]
async fn a_plan_is_narrowed_to_some() {
    let project = recorded("groups");
    let whole = run(project.path(), &["plan", "--format", "json"]).await;
    let whole: serde_json::Value = serde_json::from_str(&whole.stdout).unwrap();
    let all = whole["content"]["changes"].as_array().unwrap().len();
    for (only, alone) in [
        (vec!["4"], "4"),
        (vec!["CN=Sales,OU=Groups,DC=corp,DC=example,DC=test"], ""),
        (vec!["OU=Research,OU=People,DC=corp,DC=example,DC=test"], ""),
        (vec!["3", "4"], ""),
    ] {
        let mut arguments = vec!["plan", "--format", "json"];
        for one in &only {
            arguments.extend(["--only", one]);
        }
        let narrowed = run(project.path(), &arguments).await;
        let plan: serde_json::Value = serde_json::from_str(&narrowed.stdout).unwrap();
        let content = &plan["content"];
        let changes = content["changes"].as_array().unwrap();
        assert!(
            !changes.is_empty() && changes.len() < all,
            "{only:?}: {}",
            changes.len()
        );
        assert_eq!(
            content["narrowed"]["changesLeftOut"].as_u64().unwrap() as usize + changes.len(),
            all,
            "{only:?}"
        );
        let ids: Vec<&str> = changes
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        for change in changes {
            for needed in change["dependsOn"].as_array().into_iter().flatten() {
                assert!(ids.contains(&needed.as_str().unwrap()), "{only:?}");
            }
            if !alone.is_empty() {
                assert_eq!(change["person"]["key"], alone, "{only:?}");
            }
        }
        // It is a plan like any other: its file is read and shown.
        std::fs::write(project.path().join("narrow.json"), &narrowed.stdout).unwrap();
        let shown = halosync(project.path(), &BTreeMap::new(), &["show", "narrow.json"])
            .await
            .expect(0);
        assert!(shown.stdout.contains("Narrowed to"), "{}", shown.stdout);
    }
    run(
        project.path(),
        &["plan", "--only", "OU=Nowhere,DC=corp,DC=example,DC=test"],
    )
    .await
    .expect(64);
    run(project.path(), &["plan", "--only", "nobody"])
        .await
        .expect(64);
}
