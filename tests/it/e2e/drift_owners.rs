//! Accounts told by their identity: whoever had one when the last plan was applied is not given a second one because
//! the anchor was taken off it, or because the record it came from is gone.

use serde_json::Value;

use super::lab::{Joiner, Lab};

/// Person and code of everybody held, sorted.
pub(super) fn held(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = plan["held"].as_array().expect("a list").iter();
    let mut held: Vec<_> = all
        .map(|one| (text(&one["person"]["label"]), text(&one["code"])))
        .collect();
    held.sort();
    held
}

pub(super) fn kinds(plan: &Value) -> Vec<&str> {
    let changes = plan["changes"].as_array().expect("a list").iter();
    changes
        .map(|one| one["action"]["kind"].as_str().expect("a kind"))
        .collect()
}

pub(super) async fn plan(lab: &Lab, file: &str, more: &[&str]) -> Value {
    let arguments = [&["plan", "--out", file], more].concat();
    lab.run(&arguments).await.expect(0);
    let plan: Value = serde_json::from_str(&lab.read(file)).expect("JSON");
    plan["content"].clone()
}

/// Plans, keeps what it was made from, and applies.
pub(super) async fn apply(lab: &Lab, recording: &str, since: &[&str]) -> Value {
    let file = format!("{recording}.plan.json");
    let made = plan(lab, &file, &[&["--record", recording], since].concat()).await;
    let report = format!("{recording}.report.json");
    lab.run(&["apply", &file, "--report", &report])
        .await
        .expect(0);
    made
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    all.iter().map(own).collect()
}

/// A document says whose an account is (`links`), or whose it is not (`forbidden`).
fn write_links(lab: &Lab, what: &str, entry: &str) {
    lab.write(
        "links.yaml",
        &format!(
            "apiVersion: halosync/v1
kind: Links
metadata: {{name: settled}}
spec:
  source: people
  target: corp
  {what}:
    - {entry}
"
        ),
    );
}

/// Accounts are recognised by nothing but their anchor.
pub(super) fn by_anchor_only(lab: &Lab) {
    let mapping = lab.read("employees.yaml");
    let adopt = mapping
        .lines()
        .position(|line| line.trim_start().starts_with("adopt:"))
        .expect("adopt");
    let mut lines: Vec<&str> = mapping.lines().collect();
    lines.remove(adopt);
    while lines[adopt].trim_start().starts_with("- {attribute") {
        lines.remove(adopt);
    }
    lab.write("employees.yaml", &(lines.join("\n") + "\n"));
}

/// P2: an anchor that was taken off an account, or written over, makes no second account; the edit is told, and what
/// hangs on the account is left as it is.
pub(super) async fn anchors_that_are_gone_make_no_second_account(lab: Lab) {
    by_anchor_only(&lab);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott").manager(1));
    lab.hire(Joiner::new(3, "Ann", "Lee"));
    // The accounts are only made by this plan: its report, or their names, tell whose they are.
    apply(&lab, "first", &[]).await;
    let jane = lab.account("1").await.expect("an account").dn;
    let ann = lab.account("3").await.expect("an account").dn;
    lab.set("1", "employeeID", &[]).await;
    lab.set("3", "employeeID", &["99"]).await;

    let both = pairs(&[("Ann Lee", "anchor-lost"), ("Jane Doe", "anchor-lost")]);
    let reported = ["--since", "first", "--last-apply", "first.report.json"];
    for since in [&reported[..], &reported[..2]] {
        let made = plan(&lab, "held.json", since).await;
        assert_eq!(held(&made), both);
        assert!(kinds(&made).is_empty(), "{:?}", kinds(&made));
    }
    let drift = [&["drift"], &reported[..]].concat();
    let drift = lab.run(&drift).await.expect(2);
    drift.assert_tells(&[
        "2 edits in the directory · 2 to be settled",
        "Jane Doe (1)  employeeID: found nothing, wanted \"1\"",
        "Ann Lee (3)  employeeID: found \"99\", wanted \"3\"",
    ]);
    assert!(!drift.stdout.contains("Otto"), "{}", drift.stdout);
    // Nobody can know it without the recording.
    let blind = plan(&lab, "blind.json", &[]).await;
    assert_eq!(
        kinds(&blind)
            .iter()
            .filter(|kind| **kind == "create")
            .count(),
        2
    );

    // The next recording knows it still, although its own read shows nobody's anchor.
    let second = apply(&lab, "second", &reported).await;
    assert_eq!(held(&second), both);
    let third = apply(&lab, "third", &["--since", "second"]).await;
    assert_eq!(held(&third), both);
    let accounts = &third["held"][0]["accounts"][0]["dn"];
    assert!([&jane, &ann].contains(&&accounts.as_str().expect("a name").to_owned()));

    // Ways out: the anchor is written back, or a document says that the account is not theirs.
    lab.set("99", "employeeID", &["3"]).await;
    write_links(
        &lab,
        "forbidden",
        &format!("{{person: \"1\", account: \"{jane}\", reason: the account is another's}}"),
    );
    let last = plan(&lab, "last.json", &["--since", "third"]).await;
    assert!(held(&last).is_empty(), "{:?}", held(&last));
    assert_eq!(
        kinds(&last)
            .iter()
            .filter(|kind| **kind == "create")
            .count(),
        1
    );
}

/// An anchor that is gone is told by the read of then, too, also of somebody who has left since: their account stays
/// open, and that is said.
pub(super) async fn a_leaver_without_anchor_is_told(lab: Lab) {
    by_anchor_only(&lab);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.settle().await;
    lab.run(&["plan", "--record", "last"]).await.expect(0);
    lab.set("1", "employeeID", &[]).await;
    lab.edit(1, |jane| jane.inactive = true);
    let made = plan(&lab, "held.json", &["--since", "last"]).await;
    assert_eq!(held(&made), pairs(&[("Jane Doe", "anchor-lost")]));
    // A recording is used only whole.
    let file = "last/corp.directory.jsonl";
    let read = lab.read(file);
    lab.write(file, &read.replacen("oott", "otto", 1));
    let altered = lab.run(&["plan", "--since", "last"]).await.expect(6);
    assert!(
        altered.stderr.contains("the read of corp is not"),
        "{}",
        altered.stderr
    );
}

/// The record that counted is deleted, the old one of the same person counts again, and the account carries the anchor
/// of the first: it is not left behind for a second one.
pub(super) async fn a_vanished_record_makes_no_second_account(lab: Lab) {
    by_anchor_only(&lab);
    let source = lab.read("source.yaml").replace(
        "    label: displayName\n",
        "    label: displayName
    samePerson:
      by: \"{{ person.phone }}\"
      prefer: [person.title == 'Employee', not person.inactive]
",
    );
    lab.write("source.yaml", &source);
    let phone = "+44 20 7946 0001";
    lab.hire(Joiner::new(1, "Jane", "Doe").phone(phone));
    lab.hire(Joiner::new(3, "Otto", "Ott"));
    lab.settle().await;
    lab.edit(1, |jane| jane.inactive = true);
    let mut employee = Joiner::new(2, "Jane", "Doe").phone(phone);
    employee.title = "Employee".to_owned();
    lab.hire(employee);
    apply(&lab, "second", &[]).await;
    assert!(lab.account("2").await.is_some() && lab.account("1").await.is_none());

    lab.fire(2);
    lab.edit(1, |jane| jane.inactive = false);
    let made = plan(&lab, "held.json", &["--since", "second"]).await;
    assert_eq!(held(&made), pairs(&[("Jane Doe", "same-person-vanished")]));
    assert!(kinds(&made).is_empty(), "{:?}", kinds(&made));
    let reason = made["held"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("by Jane Doe (2), the record that counted"),
        "{reason}"
    );
    // The next recording knows it still.
    apply(&lab, "third", &["--since", "second"]).await;
    let again = apply(&lab, "fourth", &["--since", "third"]).await;
    assert_eq!(held(&again), pairs(&[("Jane Doe", "same-person-vanished")]));
    // Nobody can know it without the recording.
    let blind = plan(&lab, "blind.json", &[]).await;
    assert!(kinds(&blind).contains(&"create"));
    // A document says that the account is theirs.
    let jane = lab.account("2").await.expect("the account").dn;
    write_links(
        &lab,
        "links",
        &format!("{{person: \"1\", account: \"{jane}\", reason: the record that counted is gone}}"),
    );
    let last = apply(&lab, "last", &["--since", "fourth"]).await;
    assert!(held(&last).is_empty(), "{:?}", held(&last));
    assert!(lab.account("1").await.is_some() && lab.account("2").await.is_none());
}

/// P2: an anchor written over with a value nobody has is no absence of its person, who is in the read and recognised by
/// other values: nothing counts their days, with the recording or without it.
pub(super) async fn an_overwritten_anchor_is_not_absence(lab: Lab) {
    super::failures::missing_people_leave(&lab);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    apply(&lab, "first", &[]).await;
    lab.set("1", "employeeID", &["ZZZ"]).await;

    let reported = ["--since", "first", "--last-apply", "first.report.json"];
    let lost = pairs(&[("Jane Doe", "anchor-lost")]);
    let blind = pairs(&[("Jane Doe", "anchored-elsewhere")]);
    for (since, expected) in [(&reported[..], &lost), (&[][..], &blind)] {
        let made = plan(&lab, "held.json", since).await;
        assert_eq!(&held(&made), expected);
        assert!(kinds(&made).is_empty(), "{:?}", kinds(&made));
    }
    let drift = [&["drift"], &reported[..]].concat();
    let drift = lab.run(&drift).await.expect(2);
    assert!(
        drift
            .stdout
            .contains("Jane Doe (1)  employeeID: found \"ZZZ\", wanted \"1\""),
        "{}",
        drift.stdout
    );
    // A stamp of long ago takes nobody's access, and the next recording knows it still.
    lab.set("ZZZ", "info", &[&super::failures::stamp_of("absent")])
        .await;
    let second = apply(&lab, "second", &reported).await;
    assert_eq!(held(&second), lost);
    assert!(kinds(&second).is_empty(), "{:?}", kinds(&second));
    let blind = plan(&lab, "blind.json", &[]).await;
    assert!(kinds(&blind).is_empty(), "{:?}", kinds(&blind));
    let third = plan(&lab, "third.json", &["--since", "second"]).await;
    assert_eq!(held(&third), lost);
    assert!(kinds(&third).is_empty(), "{:?}", kinds(&third));
    // Whoever writes it back settles it, and the stamp goes.
    lab.set("ZZZ", "employeeID", &["1"]).await;
    let settled = apply(&lab, "settled", &["--since", "second"]).await;
    assert!(held(&settled).is_empty(), "{:?}", held(&settled));
    let jane = lab.account("1").await.expect("an account");
    assert!(jane.enabled() && jane.values("info").is_empty());
}

/// P2: an anchor written over somebody else's hands no account over, neither to a joiner nor in exchange, however many plans
/// are made meanwhile; a link settles it.
pub(super) async fn nobody_is_given_an_account_by_writing_their_anchor_over_another(lab: Lab) {
    for (number, given, surname) in [
        (1, "Jane", "Doe"),
        (2, "Otto", "Ott"),
        (3, "Ann", "Lee"),
        (4, "Mia", "Moe"),
    ] {
        lab.hire(Joiner::new(number, given, surname));
    }
    apply(&lab, "first", &[]).await;
    let settled = apply(
        &lab,
        "second",
        &["--since", "first", "--last-apply", "first.report.json"],
    )
    .await;
    assert!(kinds(&settled).is_empty(), "{:?}", kinds(&settled));
    // Jane's account becomes a joiner's, and Ann's and Mia's change places.
    lab.set("1", "employeeID", &["5"]).await;
    lab.hire(Joiner::new(5, "Eve", "Ell"));
    lab.set("3", "employeeID", &["none"]).await;
    lab.set("4", "employeeID", &["3"]).await;
    lab.set("none", "employeeID", &["4"]).await;

    let expected = pairs(&[
        ("Ann Lee", "anchor-taken"),
        ("Eve Ell", "anchor-taken"),
        ("Jane Doe", "anchor-lost"),
        ("Mia Moe", "anchor-taken"),
    ]);
    let mut since = vec!["--since", "second", "--last-apply", "second.report.json"];
    for recording in ["third", "fourth", "fifth"] {
        let drift = [&["drift"], &since[..]].concat();
        lab.run(&drift).await.expect(2).assert_tells(&[
            "Eve Ell (5)  employeeID: found \"5\", wanted \"1\"",
            "Ann Lee (3)  employeeID: found \"3\", wanted \"4\"",
            "Mia Moe (4)  employeeID: found \"4\", wanted \"3\"",
        ]);
        let made = apply(&lab, recording, &since).await;
        assert_eq!(held(&made), expected, "{recording}");
        assert!(kinds(&made).is_empty(), "{:?}", kinds(&made));
        since = vec!["--since", recording];
    }
    // Written back, or meant so.
    lab.set("5", "employeeID", &["1"]).await;
    lab.set("3", "employeeID", &["none"]).await;
    lab.set("4", "employeeID", &["3"]).await;
    lab.set("none", "employeeID", &["4"]).await;
    let made = plan(&lab, "settled.json", &since).await;
    assert!(held(&made).is_empty(), "{:?}", held(&made));
    // For Eve, who is new.
    assert_eq!(kinds(&made), ["create", "addMember", "addMember"]);
}

/// A recording is lost neither to a plan compared with it nor to one that cannot be made.
pub(super) async fn a_recording_is_replaced_by_a_plan_only(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    apply(&lab, "first", &[]).await;
    let since = ["--since", "first"];
    let both = [&["plan", "--record", "first"], &since[..]].concat();
    let refused = lab.run(&both).await.expect(64).stderr;
    assert!(refused.contains("name the same directory"), "{refused}");
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.run(&["plan", "--record", "first", "--only", "nobody"])
        .await
        .expect(64);
    plan(&lab, "next.json", &since).await;
    let undo = ["undo", "--plan", "first.plan.json", "--record", "first"];
    let refused = lab.run(&undo).await.expect(64).stderr;
    assert!(refused.contains("is the recording of a plan"), "{refused}");
    plan(&lab, "next.json", &since).await;
    plan(&lab, "again.json", &["--record", "first"]).await;
    plan(&lab, "next.json", &since).await;
}

/// P10: somebody who takes the anchor off an account besides is asked about what else they edited: the recording knows
/// whose account it was, however it is recognised now.
pub(super) async fn edits_beside_a_wiped_anchor_are_asked_about(lab: Lab) {
    let groups = lab.read("groups.yaml");
    lab.write(
        "groups.yaml",
        &groups.replace("  rules:", "  drift: ask\n  rules:"),
    );
    let mapping = lab.read("employees.yaml");
    let asking = "  drift: {attributes: ask, disabled: ask}\n  attributes:\n";
    lab.write(
        "employees.yaml",
        &mapping.replace("  attributes:\n", asking),
    );
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott"), (3, "Ann", "Lee")] {
        lab.hire(Joiner::new(number, given, surname).department("Sales"));
    }
    apply(&lab, "first", &[]).await;
    let dn = async |number: &str| lab.account(number).await.expect("an account").dn;
    let (jane, otto, ann) = (dn("1").await, dn("2").await, dn("3").await);
    let sales = lab.members("Sales").await;
    assert_eq!(sales.len(), 3);
    lab.set_group("Sales", "member", &[&otto, &ann]).await;
    lab.set("1", "title", &["Wizard"]).await;
    lab.set("1", "employeeID", &[]).await;

    let asked = pairs(&[("Jane Doe", "drift-ask"), ("Jane Doe", "drift-ask")]);
    let reported = ["--since", "first", "--last-apply", "first.report.json"];
    for since in [&reported[..], &reported[..2]] {
        let made = plan(&lab, "asked.json", since).await;
        assert_eq!(held(&made), asked, "{since:?}");
        assert_eq!(kinds(&made), ["adopt"], "{since:?}");
    }
    let drift = lab.run(&[&["drift"], &reported[..]].concat()).await;
    let drift = drift.expect(2);
    assert!(drift.stdout.contains("2 to be settled"), "{}", drift.stdout);

    // A plan that was recorded and not applied gave no anchor back, and what it asked about is asked about still.
    plan(
        &lab,
        "unapplied.json",
        &[&["--record", "unapplied"], &reported[..]].concat(),
    )
    .await;
    let made = plan(&lab, "still.json", &["--since", "unapplied"]).await;
    assert_eq!(held(&made), asked);
    assert_eq!(kinds(&made), ["adopt"]);

    // With the anchor they are edits like all others.
    let second = apply(&lab, "second", &reported).await;
    assert_eq!(held(&second), asked);
    assert_eq!(lab.account("1").await.expect("an account").dn, jane);
    assert_eq!(lab.members("Sales").await.len(), 2);
    let third = plan(&lab, "third.json", &["--since", "second"]).await;
    assert_eq!(held(&third), asked);
    assert!(kinds(&third).is_empty(), "{:?}", kinds(&third));

    // An account that is only recognised was never theirs: its memberships are what the rules give.
    lab.hire(Joiner::new(4, "Kim", "Park").department("Sales"));
    apply(&lab, "fourth", &["--since", "second"]).await;
    lab.set("4", "employeeID", &[]).await;
    let blind = plan(&lab, "blind.json", &[]).await;
    assert!(kinds(&blind).contains(&"adopt"), "{:?}", kinds(&blind));
}
