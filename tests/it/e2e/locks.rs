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

/// To take over the second lock lasts longer than the first one lives without being renewed.
pub(super) async fn the_first_lock_is_kept_while_the_second_is_waited_for(lab: Lab) {
    let lock = |name: &str| LOCK.replace("CN=Lock", &format!("CN={name}"));
    let target = include_str!("project/target.yaml");
    lab.write("target.yaml", &format!("{target}{}", lock("Lock")));
    let people = "[\"OU=People,DC=corp,DC=example,DC=test\"]";
    let second = target.replace("{name: corp}", "{name: lab}");
    let second = second.replace(
        people,
        "[\"OU=Others,OU=People,DC=corp,DC=example,DC=test\"]",
    );
    lab.write("second.yaml", &format!("{second}{}", lock("Second")));
    lab.write("others.yaml", "apiVersion: halosync/v1\nkind: Mapping\nmetadata: {name: others}\nspec:\n  source: people\n  target: lab\n  match:\n    anchor: {attribute: employeeNumber, value: \"{{ person.number }}\"}\n  placement: OU=Others,OU=People,DC=corp,DC=example,DC=test\n  attributes:\n    cn: \"Other {{ person.number }}\"\n    sAMAccountName: {value: \"other{{ person.number }}\", when: onCreate}\n    userPrincipalName: {value: \"other{{ person.number }}@corp.example.test\", when: onCreate}\n");
    let lifecycle = include_str!("project/lifecycle.yaml")
        .replace("{name: employees}", "{name: others}")
        .replace("target: corp", "target: lab")
        .replace("OU=Leavers,OU=People", "OU=Others,OU=People");
    lab.write("other-states.yaml", &lifecycle);
    lab.add_place("OU=Others,OU=People").await;
    for name in ["Lock", "Second"] {
        lab.add_group(name).await;
    }
    let dead = r#"{"format":"halosync/lock/v1","owner":"https://ci.example.test/jobs/7","run":"r7","plan":"sha256:0","since":"2026-11-27T08:00:00Z","renewed":"2026-11-27T08:01:00Z"}"#;
    lab.set_group("Second", "info", &[dead]).await;
    lab.hire(Joiner::new(1, "Ann", "Able"));
    lab.plan().await.expect(0);
    assert_eq!(lab.last_plan().content.targets.len(), 2);

    // Whoever does not get the second gives the first back.
    let refused = lab.apply().await.expect(69);
    assert!(refused.stderr.contains("target lab"), "{}", refused.stderr);
    assert!(lab.group_values("Lock", "info").await.is_empty());

    lab.apply_with(&["--take-over-lock"]).await.expect(0);
    for name in ["Lock", "Second"] {
        assert!(lab.group_values(name, "info").await.is_empty(), "{name}");
    }
    lab.assert_converged().await;
}
