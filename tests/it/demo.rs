//! The demo with the real binary, as a newcomer runs it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::halosync;

#[tokio::test]
async fn the_demo_runs_the_whole_way_and_leaves_its_artifacts() {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let run = halosync(dir.path(), &BTreeMap::new(), &["demo"])
        .await
        .expect(0);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "it hangs somewhere"
    );
    assert!(
        run.stdout.contains("Planning again found nothing to do"),
        "{}",
        run.stdout
    );
    let last: Vec<&str> = run
        .stdout
        .trim_end()
        .lines()
        .rev()
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(last.len(), 5, "{last:#?}");
    let made = dir.path().join("halosync-demo");
    for file in [
        "plan.json",
        "plan.md",
        "report.json",
        "report.md",
        "journal.jsonl",
        "acme/halosync.yaml",
    ] {
        assert!(made.join(file).is_file(), "{file} is missing");
    }
    for secret in [
        "Sandbox-Writer-1",
        "Sandbox-Reader-1",
        "sandbox-client-secret",
    ] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret));
        for file in [
            "plan.json",
            "plan.md",
            "report.json",
            "report.md",
            "journal.jsonl",
        ] {
            assert!(
                !std::fs::read_to_string(made.join(file))
                    .unwrap()
                    .contains(secret),
                "{file}"
            );
        }
    }

    // A second run replaces its own folder, and nobody else's.
    halosync(dir.path(), &BTreeMap::new(), &["demo", "-q"])
        .await
        .expect(0);
    let other = dir.path().join("precious");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("file"), "keep me").unwrap();
    let refused = halosync(dir.path(), &BTreeMap::new(), &["demo", "--dir", "precious"])
        .await
        .expect(64);
    assert!(refused.stderr.contains("--dir"), "{}", refused.stderr);
    assert!(other.join("file").exists());
}
