//! What is shown, and what never is.

use super::super::lab::{Joiner, Lab};

/// P4: no secret in any output, file or argument list.
pub(in crate::e2e) async fn secrets_appear_nowhere(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    let mut told = String::new();
    for run in [
        lab.plan().await,
        lab.show("text").await,
        lab.show("json").await,
        lab.apply().await,
    ] {
        let run = run.expect(0);
        told.push_str(&run.stdout);
        told.push_str(&run.stderr);
    }
    for secret in lab.secrets() {
        assert!(!told.contains(&secret), "a secret was printed");
        lab.assert_no_file_contains(&secret);
    }
    // Initial passwords stand in the encrypted file, and only there.
    for password in lab.passwords() {
        assert!(!told.contains(&password), "an initial password was printed");
        lab.assert_no_file_contains(&password);
    }
}

/// P4: a probe shows what a directory holds, and neither who is in it nor what opens it.
pub(in crate::e2e) async fn probing_shows_the_directory_and_nobody_in_it(lab: Lab) {
    lab.hire(Joiner::new(7301, "Zbigniewa", "Quartermaine").phone("+44 20 7946 0123"));
    lab.hire(Joiner::new(7302, "Xanthippe", "Vanderbilt"));
    lab.settle().await;
    let (found, printed) = lab.probe().await;
    for canary in ["Zbig", "Quar", "Xant", "Vand", "7946"] {
        assert!(!printed.contains(canary), "{canary} in\n{printed}");
    }
    for secret in lab.secrets() {
        assert!(!printed.contains(&secret), "a secret in\n{printed}");
    }
    assert_eq!(
        found["server"]["namingContext"],
        "DC=corp,DC=example,DC=test"
    );
    assert!(found["server"]["domainLevel"].is_string(), "{printed}");
    assert!(found["tls"]["version"].is_string(), "{printed}");
    assert!(
        found["tls"]["certificateDays"].as_i64() > Some(0),
        "{printed}"
    );
    assert!(found["bind"]["account"].is_string(), "{printed}");
    assert_eq!(
        found["bind"]["privilegedGroups"],
        serde_json::Value::Null,
        "{printed}"
    );
    assert_ne!(found["recycleBin"], "notVisible", "{printed}");
    assert_eq!(found["sampled"], 2, "{printed}");
    let places = found["scope"].as_array().expect("places");
    assert!(
        places.iter().all(|place| place["visible"] == true),
        "{printed}"
    );
    let enabled: u64 = places
        .iter()
        .filter_map(|place| place["enabled"].as_u64())
        .sum();
    assert!(enabled >= 2, "{printed}");
    assert_eq!(found["anchors"][0]["filled"], 2, "{printed}");
    assert_eq!(found["anchors"][0]["sharedValues"], 0, "{printed}");
    let schema = found["schema"].as_array().expect("attributes");
    assert!(
        schema.iter().all(|fact| fact["exists"] == true),
        "{printed}"
    );
    let login = schema
        .iter()
        .find(|fact| fact["attribute"] == "sAMAccountName")
        .expect("a login name is mapped");
    assert_eq!(login["indexed"], true, "{printed}");
    assert_eq!(login["rangeUpper"], 20, "{printed}");
    let write = &found["writeBind"];
    assert!(
        !write["createsUsers"].as_array().expect("places").is_empty(),
        "{printed}"
    );
    assert_eq!(write["notWritable"], serde_json::json!([]), "{printed}");
}

/// A report that was kept is a record: neither it nor the summary beside it makes room for the next one.
pub(in crate::e2e) async fn an_earlier_report_is_not_written_over(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    let journal = lab.journal_file();
    let beside = |ending: &str| journal.replace("journal.jsonl", ending);
    let (report, summary) = (beside("report.json"), beside("report.md"));
    let (json, text) = (lab.read(&report), lab.read(&summary));
    // One of the two has been moved to where reports are kept.
    std::fs::remove_file(lab.dir().join(&report)).expect("removable");
    let told = lab.apply_with_another_journal(&[]).await.expect(0);
    assert!(told.stderr.contains("report-2.json"), "{}", told.stderr);
    assert_eq!(lab.read(&summary), text);
    assert!(!lab.dir().join(&report).exists());
    assert_ne!(lab.read(&beside("report-2.json")), json);
}

/// What others could read becomes its owner's alone.
#[cfg(unix)]
pub(in crate::e2e) async fn a_recording_is_its_owners_alone(lab: Lab) {
    use std::os::unix::fs::PermissionsExt as _;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    let record = ["plan", "--record", "reads", "--out", "plan.json"];
    lab.run(&record).await.expect(0);
    let files = || std::fs::read_dir(lab.dir().join("reads")).expect("readable");
    for entry in files() {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(entry.expect("there").path(), open).expect("ours");
    }
    lab.run(&record).await.expect(0);
    for entry in files() {
        let entry = entry.expect("there");
        let mode = entry.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}
