//! Somebody edits the directory, somebody changes in HaloITSM, somebody has not applied a configuration: each is told
//! from the others, and the next plan does what the mapping says of edits.

use serde_json::Value;

use super::lab::{Joiner, Lab};
use crate::support::{Run, git};

/// What a plan left as somebody made it: whose, what and by which policy, sorted.
fn left(plan: &Value) -> Vec<[&str; 3]> {
    let all = plan["since"]["left"].as_array().expect("a list").iter();
    let mut left: Vec<_> = all
        .map(|one| {
            let parts = [&one["person"]["label"], &one["what"], &one["policy"]];
            parts.map(|part| part.as_str().expect("a text"))
        })
        .collect();
    left.sort_unstable();
    left
}

/// Group, whose (or which group's), and what, of every difference.
fn told(run: &Run) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["format"], "halosync/drift/v1");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let each = report["differences"].as_array().expect("a list").iter();
    let mut told: Vec<_> = each
        .map(|one| {
            (
                text(&one["group"]),
                text(&one["person"]["label"]),
                text(&one["what"]),
            )
        })
        .collect();
    told.sort();
    told
}

fn expected(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |text: &str| text.to_owned();
    let mut all: Vec<_> = all
        .iter()
        .map(|(a, b, c)| (own(a), own(b), own(c)))
        .collect();
    all.sort();
    all
}

fn content(lab: &Lab, file: &str) -> Value {
    let plan: Value = serde_json::from_str(&lab.read(file)).expect("JSON");
    plan["content"].clone()
}

/// Kind, person and cause of every change.
fn causes(plan: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let each = plan["changes"].as_array().expect("a list").iter();
    let mut told: Vec<_> = each
        .map(|one| {
            (
                text(&one["cause"]),
                text(&one["person"]["label"]),
                text(&one["action"]["kind"]),
            )
        })
        .collect();
    told.sort();
    told
}

/// Plans, keeps what it was made from, and applies.
async fn apply(lab: &Lab, recording: &str, since: Option<&str>) {
    let plan = format!("{recording}.plan.json");
    let report = format!("{recording}.report.json");
    let mut arguments = vec!["plan", "--out", &plan, "--record", recording];
    if let Some(since) = since {
        arguments.extend(["--since", since]);
    }
    lab.run(&arguments).await.expect(0);
    lab.run(&["apply", &plan, "--report", &report])
        .await
        .expect(0);
}

/// P7, P12: each kind of difference under its own heading; what was edited is written back once, and then nothing is
/// left of it.
pub(super) async fn edits_are_told_from_other_changes(lab: Lab) {
    for (number, given, surname) in [
        (1, "Jane", "Doe"),
        (2, "Otto", "Ott"),
        (3, "Ann", "Lee"),
        (4, "Kim", "Park"),
        (5, "Max", "Moe"),
    ] {
        lab.hire(Joiner::new(number, given, surname));
    }
    git(lab.dir(), &["init", "-q", "-b", "main"]);
    git(lab.dir(), &["add", "*.yaml"]);
    git(lab.dir(), &["commit", "-q", "-m", "one"]);
    apply(&lab, "first", None).await;
    let drift = [
        "drift",
        "--since",
        "first",
        "--last-apply",
        "first.report.json",
    ];
    let nothing = lab.run(&drift).await.expect(0);
    assert!(nothing.stdout.contains("No drift"), "{}", nothing.stdout);

    // An administrator edits an attribute, a place, a state and a membership.
    lab.set("1", "title", &["Wizard"]).await;
    lab.move_user("oott", "OU=Research,OU=People").await;
    let flags = lab.account("3").await.expect("an account");
    let flags = flags
        .one("userAccountControl")
        .parse::<u32>()
        .expect("a number")
        | 2;
    lab.set("3", "userAccountControl", &[&flags.to_string()])
        .await;
    let kim = lab.account("4").await.expect("an account").dn;
    let all = lab.members("Everyone").await;
    let rest: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|dn| *dn != kim)
        .collect();
    assert_eq!(rest.len(), 4);
    lab.set_group("Everyone", "member", &rest).await;
    // Somebody has a new title, and a configuration waits to be approved.
    lab.edit(5, |max| max.title = "Manager".into());
    let mapping = lab.read("employees.yaml");
    lab.write(
        "employees.yaml",
        &mapping.replace("    title:", "    company: Acme\n    title:"),
    );

    let json = [&drift[..], &["--format", "json"]].concat();
    let found = lab.run(&json).await.expect(2);
    let edited = [
        ("edited", "Ann Lee", "enabled"),
        ("edited", "Jane Doe", "title"),
        ("edited", "Kim Park", "member"),
        ("edited", "Otto Ott", "placement"),
        ("source", "Max Moe", "title"),
    ];
    let company = ["Ann Lee", "Jane Doe", "Kim Park", "Max Moe", "Otto Ott"]
        .map(|name| ("configuration", name, "company"));
    assert_eq!(told(&found), expected(&[&edited[..], &company].concat()));
    // When, and where, as far as a directory keeps it: the embedded one keeps it of `userAccountControl`.
    let report: Value = serde_json::from_str(&found.stdout).expect("JSON");
    let written = |what: &str, part: &str| {
        let all = report["differences"].as_array().expect("a list").iter();
        let mut all = all.filter(|one| one["what"] == what && one["group"] == "edited");
        all.next().expect("a difference")["written"][part].clone()
    };
    let moment = |what: &str| -> jiff::Timestamp {
        let at = written(what, "at");
        at.as_str().expect("a moment").parse().expect("a moment")
    };
    assert!(moment("enabled") > jiff::Timestamp::UNIX_EPOCH);
    if lab.site.forest.is_none() {
        let now = crate::support::now();
        assert!(now.duration_since(moment("enabled")).as_secs().abs() < 600);
        assert!(now.duration_since(moment("title")).as_secs().abs() < 600);
        assert!(now.duration_since(moment("placement")).as_secs().abs() < 600);
        assert!(
            written("title", "controller").is_string(),
            "{}",
            found.stdout
        );
    }
    let text = lab.run(&drift).await.expect(2);
    text.assert_tells(&[
        "4 edits in the directory · 1 from the source since the last apply · 5 from configuration not applied yet",
        "title: found \"Wizard\", wanted \"Engineer\"",
        "the account is disabled, written ",
        " · the next plan writes it back",
        "is not in the group Everyone",
        "not approved yet",
    ]);
    // The working tree counts when it is what was approved.
    git(lab.dir(), &["commit", "-q", "-a", "-m", "two"]);
    let found = lab.run(&json).await.expect(2);
    assert_eq!(told(&found), expected(&[&edited[..], &company].concat()));
    let report: Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert!(
        report["differences"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["proposed"].is_null()),
        "{}",
        found.stdout
    );
    // Without the recording nothing is guessed.
    let blind = lab.run(&["drift", "--format", "json"]).await.expect(2);
    assert!(
        told(&blind)
            .iter()
            .all(|(group, ..)| group == "undetermined"),
        "{}",
        blind.stdout
    );

    let planned = [
        "plan",
        "--since",
        "first",
        "--last-apply",
        "first.report.json",
    ];
    let shown = lab
        .run(&[&planned[..], &["--out", "causes.json"]].concat())
        .await
        .expect(0);
    assert!(
        shown.stdout.contains("Drift: edited in the directory"),
        "{}",
        shown.stdout
    );
    let plan = content(&lab, "causes.json");
    let of = |cause: &str, name: &str, kind: &str| {
        let own = (cause.to_owned(), name.to_owned(), kind.to_owned());
        assert!(causes(&plan).contains(&own), "{own:?}: {:?}", causes(&plan));
    };
    of("drift", "Ann Lee", "enable");
    of("drift", "Otto Ott", "move");
    of("drift", "Kim Park", "addMember");
    // Company and title in one change: what the configuration brings about names it, the rest is told beside it.
    of("config", "Jane Doe", "modify");
    let otherwise = plan["since"]["otherwise"].as_array().expect("a list");
    let mut otherwise: Vec<_> = otherwise
        .iter()
        .map(|one| (one["attribute"].as_str(), one["cause"].as_str()))
        .collect();
    otherwise.sort_unstable();
    assert_eq!(
        otherwise,
        [
            (Some("title"), Some("drift")),
            (Some("title"), Some("source"))
        ]
    );
    // P8: the same inputs give the same bytes.
    lab.run(
        &[
            &planned[..],
            &["--record", "second", "--out", "second.plan.json"],
        ]
        .concat(),
    )
    .await
    .expect(0);
    lab.run(&[&planned[..], &["--from", "second", "--out", "again.json"]].concat())
        .await
        .expect(0);
    assert_eq!(lab.read("second.plan.json"), lab.read("again.json"));

    lab.run(&[
        "apply",
        "second.plan.json",
        "--report",
        "second.report.json",
    ])
    .await
    .expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("title"), "Engineer");
    let after = [
        "drift",
        "--since",
        "second",
        "--last-apply",
        "second.report.json",
    ];
    lab.run(&after).await.expect(0);
    lab.assert_converged().await;
    // What that apply wrote and somebody put back is an edit, and the report is what tells.
    lab.set("1", "title", &["Wizard"]).await;
    let found = lab
        .run(&[&after[..], &["--format", "json"]].concat())
        .await
        .expect(2);
    assert_eq!(told(&found), expected(&[("edited", "Jane Doe", "title")]));
    let unsure = lab
        .run(&["drift", "--since", "second", "--format", "json"])
        .await
        .expect(2);
    assert_eq!(
        told(&unsure),
        expected(&[("undetermined", "Jane Doe", "title")])
    );
}

/// P10: an accepted edit stays until what is wanted changes, one that is asked about is held and never written, and
/// neither keeps a change in HaloITSM from being made.
pub(super) async fn edits_are_accepted_and_asked_about(lab: Lab) {
    let mapping = lab.read("employees.yaml");
    let mapping = mapping
        .replace(
            "  attributes:\n",
            "  drift: {attributes: ask, placement: accept, disabled: ask}\n  attributes:\n",
        )
        .replace(
            "telephoneNumber: {value: \"{{ person.phone }}\",",
            "telephoneNumber: {drift: accept, value: \"{{ person.phone }}\",",
        )
        .replace(
            "department: \"{{ person.department }}\"",
            "department: {drift: revert, value: \"{{ person.department }}\"}",
        );
    lab.write("employees.yaml", &mapping);
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott"), (3, "Ann", "Lee")] {
        lab.hire(Joiner::new(number, given, surname).phone("+44 20 7946 0001"));
    }
    apply(&lab, "first", None).await;

    lab.set("1", "title", &["Wizard"]).await;
    lab.set("1", "telephoneNumber", &["+44 20 7946 0099"]).await;
    lab.set("1", "department", &["Magic"]).await;
    lab.move_user("oott", "OU=Research,OU=People").await;
    let flags = lab.account("3").await.expect("an account");
    let flags = flags
        .one("userAccountControl")
        .parse::<u32>()
        .expect("a number")
        | 2;
    lab.set("3", "userAccountControl", &[&flags.to_string()])
        .await;
    lab.edit(2, |otto| otto.title = "Manager".into());
    lab.edit(3, |ann| ann.phone = "+44 20 7946 0003".into());

    apply(&lab, "second", Some("first")).await;
    let plan = content(&lab, "second.plan.json");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let asked = |plan: &Value| -> Vec<(String, String)> {
        let held = plan["held"].as_array().expect("a list").iter();
        held.map(|one| (text(&one["person"]["label"]), text(&one["code"])))
            .collect()
    };
    let both = vec![
        ("Jane Doe".to_owned(), "drift-ask".to_owned()),
        ("Ann Lee".to_owned(), "drift-ask".to_owned()),
    ];
    assert_eq!(asked(&plan), both);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("title"), "Wizard");
    assert_eq!(jane.one("telephoneNumber"), "+44 20 7946 0099");
    assert_eq!(jane.one("department"), "Sales", "revert writes back");
    let otto = lab.account("2").await.expect("an account");
    assert_eq!(otto.dn, lab.dn("CN=Otto Ott,OU=Research,OU=People"));
    assert_eq!(otto.one("title"), "Manager", "a change in HaloITSM goes on");
    let ann = lab.account("3").await.expect("an account");
    assert!(!ann.enabled());
    assert_eq!(ann.one("telephoneNumber"), "+44 20 7946 0003");
    assert_eq!(
        left(&plan),
        [
            ["Ann Lee", "enabled", "ask"],
            ["Jane Doe", "telephoneNumber", "accept"],
            ["Jane Doe", "title", "ask"],
            ["Otto Ott", "placement", "accept"],
        ]
    );

    // The edits stand in the next recording already, and stay edits.
    let again = lab
        .run(&[
            "plan",
            "--since",
            "second",
            "--out",
            "third.json",
            "--detailed-exitcode",
        ])
        .await
        .expect(0);
    assert!(again.stdout.contains("drift-ask"), "{}", again.stdout);
    assert_eq!(asked(&content(&lab, "third.json")), both);
    let drift = lab.run(&["drift", "--since", "second"]).await.expect(2);
    assert!(
        drift
            .stdout
            .contains("2 edits in the directory · 2 to be settled · 2 accepted"),
        "{}",
        drift.stdout
    );
    // When it was written, as far as a directory keeps it: the embedded one keeps it of `userAccountControl`.
    let asked_about = drift
        .stdout
        .lines()
        .filter(|line| line.contains("held until somebody settles it"));
    let dated = asked_about
        .filter(|line| line.contains(", written 20"))
        .count();
    assert_eq!(
        dated,
        if lab.hands().is_some() { 1 } else { 2 },
        "{}",
        drift.stdout
    );
    // Without the recording nobody can tell, and nothing is written over an edit.
    lab.run(&["plan", "--out", "blind.json"]).await.expect(0);
    let blind = asked(&content(&lab, "blind.json"));
    assert_eq!(blind.len(), 4, "{blind:?}");
    assert!(blind.iter().all(|(_, code)| code == "drift-undetermined"));

    // What is wanted changes: an accepted edit has had its time, one that is asked about has not.
    lab.edit(1, |jane| {
        jane.phone = "+44 20 7946 0011".into();
        jane.title = "Director".into();
    });
    apply(&lab, "third", Some("second")).await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("telephoneNumber"), "+44 20 7946 0011");
    assert_eq!(jane.one("title"), "Wizard");
    let plan = content(&lab, "third.plan.json");
    let reason = text(&plan["held"][0]["reason"]);
    assert_eq!(
        reason,
        "somebody edited title in the directory: \"Wizard\" stands there, and the rules want \"Director\", and \"Engineer\" before"
    );
    // Whoever settles it by hand is asked no more.
    lab.set("1", "title", &["Director"]).await;
    lab.run(&["plan", "--since", "third", "--out", "fourth.json"])
        .await
        .expect(0);
    assert_eq!(asked(&content(&lab, "fourth.json")), both[1..]);
}

/// P10: memberships that somebody gave or took by hand are written back, stay, or wait, as the rule says; changes in
/// HaloITSM go on beside them, and whoever leaves the company leaves every group.
pub(super) async fn memberships_are_accepted_and_asked_about(lab: Lab) {
    let groups = lab
        .read("groups.yaml")
        .replace("  rules:", "  drift: ask\n  rules:")
        .replace(
            "'Research'\", mode: managed}",
            "'Research'\", mode: managed, drift: revert}",
        )
        .replace(
            "\"CN=Everyone,OU=Groups,DC=corp,DC=example,DC=test\"}",
            "\"CN=Everyone,OU=Groups,DC=corp,DC=example,DC=test\", drift: accept}",
        );
    assert!(groups.contains("drift: revert") && groups.contains("drift: accept"));
    lab.write("groups.yaml", &groups);
    for (number, given, surname, department) in [
        (1, "Jane", "Doe", "Sales"),
        (2, "Otto", "Ott", "Research"),
        (3, "Ann", "Lee", "Sales"),
        (4, "Kim", "Park", "Sales"),
        (5, "Max", "Moe", "Sales"),
    ] {
        lab.hire(Joiner::new(number, given, surname).department(department));
    }
    // New accounts enter their groups whatever is said of edits.
    apply(&lab, "first", None).await;
    let dn = async |number: &str| lab.account(number).await.expect("an account").dn;
    let (jane, otto, ann) = (dn("1").await, dn("2").await, dn("3").await);
    let (kim, max) = (dn("4").await, dn("5").await);
    assert_eq!(lab.members("Everyone").await.len(), 5);

    // Jane is taken out of what is for everyone, Ann out of Sales; Otto is put into Sales, Kim into Research.
    lab.set_group("Everyone", "member", &[&otto, &ann, &kim, &max])
        .await;
    lab.set_group("Sales", "member", &[&jane, &kim, &max, &otto])
        .await;
    lab.set_group("Research", "member", &[&otto, &kim]).await;
    // Max changes the department.
    lab.edit(5, |max| max.department = "Research".into());
    apply(&lab, "second", Some("first")).await;
    let plan = content(&lab, "second.plan.json");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let asked = |plan: &Value| -> Vec<(String, String, String)> {
        let held = plan["held"].as_array().expect("a list").iter();
        held.map(|one| {
            let of = |part: &str| text(&one[part]);
            (text(&one["person"]["label"]), of("code"), of("reason"))
        })
        .collect()
    };
    let own = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let both = [
        own(
            "Otto Ott",
            "drift-ask",
            "somebody put the account into the group Sales, which no rule gives",
        ),
        own(
            "Ann Lee",
            "drift-ask",
            "somebody took the account out of the group Sales, which the rules give",
        ),
    ];
    assert_eq!(asked(&plan), both);
    assert_eq!(
        left(&plan),
        [
            ["Ann Lee", "member", "ask"],
            ["Jane Doe", "member", "accept"],
            ["Otto Ott", "member", "ask"],
        ]
    );
    let max = dn("5").await;
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    let members = async |group: &str| sorted(lab.members(group).await);
    assert_eq!(
        members("Sales").await,
        sorted(vec![jane.clone(), kim.clone(), otto.clone()])
    );
    assert_eq!(
        members("Research").await,
        sorted(vec![otto.clone(), max.clone()])
    );
    assert!(!members("Everyone").await.contains(&jane));

    // They stand in the next recording already, and stay edits.
    let drift = lab.run(&["drift", "--since", "second"]).await.expect(2);
    drift.assert_tells(&[
        "2 edits in the directory · 2 to be settled · 1 accepted",
        "Ann Lee (3)  is not in the group Sales",
        "Otto Ott (2)  is in the group Sales",
        " · held until somebody settles it",
        "Jane Doe (1)  is not in the group Everyone",
    ]);
    let again = lab
        .run(&["plan", "--since", "second", "--out", "third.json"])
        .await
        .expect(0);
    again.assert_tells(&[
        "Edits in the directory that stay",
        "Ann Lee (3) · not in the group Sales, which the rules give · held until somebody settles it",
        "Otto Ott (2) · in the group Sales, which no rule gives · held until somebody settles it",
    ]);
    let third = content(&lab, "third.json");
    assert_eq!(asked(&third), both);
    assert_eq!(third["changes"].as_array().map(Vec::len), Some(0));
    // Without the recording nobody can tell.
    lab.run(&["plan", "--out", "blind.json"]).await.expect(0);
    let blind = content(&lab, "blind.json");
    assert_eq!(blind["changes"].as_array().map(Vec::len), Some(0));
    let codes: Vec<_> = asked(&blind)
        .into_iter()
        .map(|(who, code, _)| (who, code))
        .collect();
    assert_eq!(
        codes,
        ["Jane Doe", "Otto Ott", "Ann Lee"]
            .map(|name| (name.to_owned(), "drift-undetermined".to_owned()))
    );

    // Whoever leaves the company leaves every group, also those somebody put them into.
    lab.edit(2, |otto| otto.inactive = true);
    apply(&lab, "third", Some("second")).await;
    assert_eq!(
        members("Sales").await,
        sorted(vec![jane.clone(), kim.clone()])
    );
    assert_eq!(asked(&content(&lab, "third.plan.json")), both[1..]);
    // Whoever settles it by hand is asked no more.
    lab.set_group("Sales", "member", &[&jane, &kim, &ann]).await;
    lab.run(&["plan", "--since", "third", "--out", "fourth.json"])
        .await
        .expect(0);
    assert_eq!(asked(&content(&lab, "fourth.json")), []);
}

/// What the first plan held, because nothing could tell, is made by the next one that has the recording, but for what is to
/// be asked about; what somebody edited meanwhile is an edit.
pub(super) async fn what_waited_for_a_recording_is_made(lab: Lab) {
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott"), (3, "Ann", "Lee")] {
        lab.hire(Joiner::new(number, given, surname));
    }
    lab.settle().await;
    let groups = lab.read("groups.yaml");
    lab.write(
        "groups.yaml",
        &groups.replace("  rules:", "  drift: accept\n  rules:"),
    );
    let mapping = lab.read("employees.yaml");
    let title = "    title: {value: \"{{ person.title }}\", ";
    assert!(mapping.contains(title));
    lab.write(
        "employees.yaml",
        &mapping.replace(title, &format!("{title}drift: ask, ")),
    );
    lab.edit(1, |jane| jane.title = "Director".into());
    lab.edit(2, |otto| otto.department = "Research".into());
    lab.edit(3, |ann| ann.title = "Manager".into());
    apply(&lab, "first", None).await;
    let plan = content(&lab, "first.plan.json");
    let held = plan["held"].as_array().expect("a list");
    assert_eq!(held.len(), 4, "{held:?}");
    assert!(held.iter().all(|one| one["code"] == "drift-undetermined"));
    lab.set("3", "title", &["Wizard"]).await;

    let since = ["--since", "first", "--last-apply", "first.report.json"];
    let drift = [&["drift"], &since[..], &["--format", "json"]].concat();
    let found = lab.run(&drift).await.expect(2);
    assert_eq!(
        told(&found),
        expected(&[
            ("edited", "Ann Lee", "title"),
            ("heldBefore", "Otto Ott", "member"),
            ("heldBefore", "Otto Ott", "member"),
            ("undetermined", "Jane Doe", "title"),
        ])
    );
    apply(&lab, "second", Some("first")).await;
    let account = async |number: &str| lab.account(number).await.expect("an account");
    // Who wants to be asked is, until somebody answers.
    assert_eq!(account("1").await.one("title"), "Engineer");
    assert_eq!(account("3").await.one("title"), "Wizard");
    let otto = account("2").await.dn;
    assert_eq!(lab.members("Research").await.join(";"), otto);
    assert!(!lab.members("Sales").await.contains(&otto));
    // The edit stays one.
    let last = ["plan", "--since", "second", "--out", "third.json"];
    lab.run(&last).await.expect(0);
    let third = content(&lab, "third.json");
    assert_eq!(third["changes"].as_array().map(Vec::len), Some(0));
    let codes = [0, 1].map(|at| third["held"][at]["code"].as_str());
    let codes = codes.map(|code| code.expect("a code"));
    assert_eq!(codes, ["drift-undetermined", "drift-ask"]);
    lab.edit(1, |jane| jane.title = "Engineer".into());
    lab.run(&last).await.expect(0);
    let last = content(&lab, "third.json");
    assert_eq!(last["held"].as_array().map(Vec::len), Some(1));
}

/// The chain of recordings goes on through a plan without changes: its apply writes the report that was asked for.
pub(super) async fn a_plan_without_changes_is_a_link_of_the_chain(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    apply(&lab, "first", None).await;
    apply(&lab, "second", Some("first")).await;
    let report: Value = serde_json::from_str(&lab.read("second.report.json")).expect("JSON");
    assert_eq!(report["verdict"], "applied");
    assert_eq!(report["changes"].as_array().map(Vec::len), Some(0));
    assert!(lab.dir.path().join("second.report.md").exists());
    let last = |report| ["drift", "--since", "second", "--last-apply", report];
    let drift = lab.run(&last("second.report.json")).await.expect(0);
    assert!(drift.stdout.contains("No drift"), "{}", drift.stdout);
    let lost = lab.run(&last("lost.json")).await.expect(64);
    assert!(
        lost.stderr
            .contains("also when the plan has no changes (an apply of such a plan can be repeated"),
        "{}",
        lost.stderr
    );
    // It is not written over anything else.
    let plan = ["apply", "second.plan.json", "--report", "employees.yaml"];
    lab.run(&plan).await.expect(64);
    assert!(lab.read("employees.yaml").contains("kind: Mapping"));
}
