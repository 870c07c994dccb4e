//! Two machines that apply at the same time.

use super::lab::{Joiner, Lab};

const LOCK: &str =
    "  lock: {object: \"CN=Lock,OU=Groups,DC=corp,DC=example,DC=test\", deadAfterSeconds: 6}\n";

pub(super) async fn one_apply_at_a_time_whatever_the_machine(lab: Lab) {
    let target = include_str!("project/target.yaml");
    lab.write("target.yaml", &format!("{target}{LOCK}"));
    lab.hire(Joiner::new(1, "Ann", "Able"));
    lab.plan().await.expect(0);

    let refused = lab.apply().await.expect(6);
    assert!(
        refused
            .stderr
            .contains("there is no object CN=Lock,OU=Groups"),
        "{}",
        refused.stderr
    );
    lab.add_group("Lock").await;

    lab.set_group("Lock", "info", &["Ring Ann before you touch this"])
        .await;
    let refused = lab.apply().await.expect(6);
    assert!(
        refused.stderr.contains("Ring Ann before"),
        "{}",
        refused.stderr
    );

    let other = r#"{"format":"halosync/lock/v1","owner":"https://ci.example.test/jobs/7","run":"r7","plan":"sha256:0","since":"2026-11-27T08:00:00Z","renewed":"2026-11-27T08:01:00Z"}"#;
    lab.set_group("Lock", "info", &[other]).await;
    let refused = lab.apply().await.expect(69);
    for part in [
        "https://ci.example.test/jobs/7",
        "since 2026-11-27T08:00:00Z",
        "last renewed 2026-11-27T08:01:00Z",
        "--take-over-lock",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(lab.account("1").await.is_none());

    // Its owner is dead.
    let taken = lab.apply_with(&["--take-over-lock"]).await.expect(0);
    assert!(
        taken.stderr.contains("watching for 6 seconds"),
        "{}",
        taken.stderr
    );
    assert!(lab.account("1").await.is_some());
    assert!(lab.group_values("Lock", "info").await.is_empty());

    // Free now; given back afterwards, also when nothing could be written.
    lab.edit(1, |ann| ann.title = "Chief".to_owned());
    lab.settle().await;
    assert!(lab.group_values("Lock", "info").await.is_empty());
    assert_eq!(lab.account("1").await.expect("hers").one("title"), "Chief");
}
