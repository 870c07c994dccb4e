//! Stamps, missing people, exceptions and hard stops, the whole way with the real binary.

use super::failures::{missing_people_leave, stamp_of, ten};
use super::lab::{Joiner, Lab};

pub(super) async fn stamps_are_written_once_and_cleared(lab: &mut Lab) {
    let target = format!("{}  stamp: {{attribute: info}}\n", lab.read("target.yaml"));
    lab.write("target.yaml", &target);
    let lifecycle = lab.read("lifecycle.yaml");
    let (head, tail) = lifecycle
        .split_once("      account:\n")
        .expect("an account");
    let (_, tail) = tail
        .split_once("    - name: active")
        .expect("a second state");
    let staged = format!(
        "{head}      stages:\n        - {{after: 0d, account: {{enabled: false, groups: remove}}}}\n        - {{after: 3d, account: {{placement: \"OU=Leavers,OU=People,DC=corp,DC=example,DC=test\"}}}}\n    - name: active{tail}"
    );
    lab.write("lifecycle.yaml", &staged);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    let left = lab.account("1").await.expect("an account");
    let stamp = left.one("info");
    assert!(stamp.starts_with("halosync: leaver since 2"), "{stamp}");
    assert!(
        !left.enabled() && left.dn.contains("OU=Sales"),
        "{}",
        left.dn
    );
    lab.assert_converged().await;
    // Later stages are counted from it.
    if lab.hands().is_none() {
        // On a real controller there was no account yet at that moment, and nobody's stages begin before it.
        let before = "halosync: leaver since 2026-01-01T00:00:00Z";
        lab.set("1", "info", &[before]).await;
        lab.settle().await;
        let left = lab.account("1").await.expect("an account");
        assert!(left.dn.contains("OU=Sales"), "{}", left.dn);
        assert_ne!(left.one("info"), before);
        lab.assert_converged().await;
    }
    lab.set("1", "info", &[&stamp_of("leaver")]).await;
    lab.settle().await;
    let left = lab.account("1").await.expect("an account");
    assert!(left.dn.contains("OU=Leavers"), "{}", left.dn);
    lab.assert_converged().await;
    lab.edit(1, |person| person.inactive = false);
    lab.settle().await;
    let back = lab.account("1").await.expect("an account");
    assert!(
        back.enabled() && back.dn.contains("OU=Sales"),
        "{}",
        back.dn
    );
    assert!(back.values("info").is_empty());
    lab.assert_converged().await;
}

pub(super) async fn missing_people_become_leavers(lab: &mut Lab) {
    ten(lab).await;
    missing_people_leave(lab);
    lab.fire(1);
    lab.settle().await;
    let missed = lab.anchored("1").await;
    assert!(missed.enabled());
    assert!(missed.one("info").starts_with("halosync: absent since 2"));
    lab.assert_converged().await;
    lab.set("1", "info", &[&stamp_of("absent")]).await;
    lab.settle().await;
    let left = lab.anchored("1").await;
    assert!(
        !left.enabled() && left.dn.contains("Leavers"),
        "{}",
        left.dn
    );
    assert_eq!(lab.members("Everyone").await.len(), 9);
    lab.assert_converged().await;
}

pub(super) async fn exceptions_exempt_set_and_stop(lab: &mut Lab) {
    for (number, given) in [(1, "Jane"), (2, "Otto"), (3, "Ida")] {
        lab.hire(Joiner::new(number, given, "Doe"));
    }
    lab.settle().await;
    let one = |person: u32, what: &str| {
        format!(
            "    - {{person: {person}, {what}, owner: o, reason: r, ticket: t, expires: \"2999-12-31\"}}\n"
        )
    };
    let all = [
        one(1, "exempt: everything"),
        one(2, "set: {title: Acting Lead}"),
        one(3, "stop: true"),
    ]
    .concat();
    lab.write(
        "exceptions.yaml",
        &format!("apiVersion: halosync/v1\nkind: Exceptions\nmetadata: {{name: people}}\nspec:\n  source: people\n  target: corp\n  exceptions:\n{all}"),
    );
    // A stop does not wait for a limit that lets nobody be disabled.
    lab.write(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: disables, actions: [disable], max: 0, onBreach: holdAll}\n",
    );
    lab.edit(1, |person| person.inactive = true);
    lab.settle().await;
    assert!(lab.account("1").await.expect("an account").enabled());
    assert_eq!(
        lab.account("2").await.expect("an account").one("title"),
        "Acting Lead"
    );
    assert!(!lab.account("3").await.expect("an account").enabled());
    lab.assert_converged().await;
    // With the exceptions everything goes back, as far as the limit lets it.
    lab.write("exceptions.yaml", "");
    lab.write("guards.yaml", "");
    lab.settle().await;
    assert!(!lab.account("1").await.expect("an account").enabled());
    assert_eq!(
        lab.account("2").await.expect("an account").one("title"),
        "Engineer"
    );
    assert!(lab.account("3").await.expect("an account").enabled());
    lab.assert_converged().await;
}

pub(super) async fn the_last_enabled_member_stays(lab: &mut Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Research"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.settle().await;
    let research = lab.dn("CN=Research,OU=Groups");
    lab.write(
        "guards.yaml",
        &format!("apiVersion: halosync/v1\nkind: Guards\nmetadata: {{name: corp}}\nspec:\n  target: corp\n  minimumMembers: [{{group: \"{research}\", enabled: 1}}]\n"),
    );
    lab.edit(1, |person| person.inactive = true);
    let plan = lab.plan().await.expect(3);
    assert!(plan.stdout.contains("enabled member"), "{}", plan.stdout);
    lab.apply().await.expect(3);
    let jane = lab.account("1").await.expect("an account");
    assert!(jane.enabled());
    assert_eq!(lab.members("Research").await, [jane.dn]);
    // Somebody else first, then the one who leaves.
    lab.edit(2, |person| person.department = "Research".into());
    lab.plan().await.expect(3);
    lab.apply().await.expect(0);
    lab.settle().await;
    assert!(!lab.account("1").await.expect("an account").enabled());
    assert_eq!(lab.members("Research").await.len(), 1);
    lab.assert_converged().await;
}

/// The name of an account and the names in its attributes change together, or neither does.
pub(super) async fn who_is_renamed_is_renamed_whole(lab: &mut Lab) {
    lab.hire(Joiner::new(1, "Emma", "Taylor"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.settle().await;
    for limit in [
        "{name: names, actions: [modify], attribute: sn, max: 0, onBreach: holdClass}",
        "{name: names, actions: [rename], max: 0, onBreach: holdClass}",
    ] {
        lab.write(
            "guards.yaml",
            &format!("apiVersion: halosync/v1\nkind: Guards\nmetadata: {{name: corp}}\nspec:\n  target: corp\n  limits:\n    - {limit}\n"),
        );
        lab.edit(1, |person| person.surname = "Wright".into());
        lab.edit(2, |person| person.title = "Clerk".into());
        let plan = lab.plan().await.expect(3);
        plan.assert_tells(&["change attributes, rename", "Modify 1"]);
        let changes = lab.last_plan().content.changes;
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].person.key.as_str(), "2");
    }
    lab.write("guards.yaml", "");
    lab.settle().await;
    let emma = lab.account("1").await.expect("an account");
    assert_eq!(
        (emma.one("sn"), emma.one("cn")),
        ("Wright".into(), "Emma Wright".into())
    );
    lab.assert_converged().await;
}

/// A pull request that reads a field from elsewhere is compared with what the field gave before, from the same answers.
pub(super) async fn other_fields_are_compared_with_those_before(lab: &mut Lab) {
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=Jane", "-c", "user.email=jane@example.com"])
            .args(arguments)
            .current_dir(lab.dir.path())
            .stdin(std::process::Stdio::null())
            .status()
            .expect("git is installed");
        assert!(done.success(), "{arguments:?}");
    };
    lab.hire(Joiner::new(1, "Jane", "Doe").phone("+44 20 7946 0001"));
    lab.settle().await;
    git(&["init", "-q"]);
    git(&[
        "add",
        "source.yaml",
        "target.yaml",
        "employees.yaml",
        "lifecycle.yaml",
        "groups.yaml",
        "halosync.yaml",
    ]);
    git(&["commit", "-q", "-m", "one"]);
    let source = lab.read("source.yaml");
    let changed = source.replace(
        "surname: {from: users.surname}",
        "surname: {from: users.firstname}",
    );
    assert_ne!(source, changed);
    lab.write("source.yaml", &changed);
    let plan = [
        "plan",
        "--base",
        "HEAD",
        "--out",
        "base.json",
        "--record",
        "base",
    ];
    let run = lab.run(&plan).await.expect(0);
    run.assert_tells(&["changes come from the change of the configuration"]);
    assert!(
        !run.stdout.contains("Not told apart") && !run.stdout.contains("0 of"),
        "{}",
        run.stdout
    );
    let made = lab.read("base.json");
    let content: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let content = &content["content"];
    assert_eq!(content["base"].get("notCompared"), None);
    let changes = content["changes"].as_array().expect("changes");
    assert_eq!(content["base"]["changes"], changes.len());
    assert!(!changes.is_empty() && changes.iter().all(|change| change["cause"] == "config"));
    // The recording holds both, and gives the same plan.
    let again = [
        "plan",
        "--base",
        "HEAD",
        "--from",
        "base",
        "--out",
        "again.json",
    ];
    lab.run(&again).await.expect(0);
    assert_eq!(lab.read("again.json"), made);
    let remade = lab.run(&["verify", "base.json", "--from", "base"]).await;
    remade.assert_tells(&["gives the same, byte for byte"]);
}
