//! Edits beside an overlap and beside an exception, through several plans: neither ends a question, neither makes an edit what
//! it is not, and nobody who moves loses their old groups because a question is open.

use serde_json::Value;

use super::drift_owners::{apply, held, plan};
use super::lab::{Joiner, Lab};
use super::leaving::in_days;

const STAMP: &str = "info";

/// Three managed groups with an overlap; what becomes of edits of one's members, and of those of the others.
async fn groups(lab: &Lab) {
    let target = lab.read("target.yaml");
    let stamp = format!("  stamp: {{attribute: {STAMP}}}\n");
    lab.write("target.yaml", &(target + &stamp));
    lab.add_group("Care").await;
    say(lab, "revert", "revert");
}

fn say(lab: &Lab, research: &str, others: &str) {
    let rule = |name: &str, drift: &str| {
        format!(
            "    - {{group: \"CN={name},OU=Groups,DC=corp,DC=example,DC=test\", when: \"person.department == '{name}'\", mode: managed, drift: {drift}}}\n"
        )
    };
    let rules = [("Research", research), ("Sales", others), ("Care", others)];
    let rules: String = rules
        .iter()
        .map(|(name, drift)| rule(name, drift))
        .collect();
    lab.write(
        "groups.yaml",
        &format!(
            "apiVersion: halosync/v1\nkind: Groups\nmetadata: {{name: groups}}\nspec:\n  source: people\n  target: corp\n  overlap: {{for: 14d}}\n  rules:\n{rules}"
        ),
    );
}

async fn put_into(lab: &Lab, group: &str, number: &str) {
    let dn = lab.account(number).await.expect("an account").dn;
    let mut members = lab.members(group).await;
    members.push(dn);
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    lab.set_group(group, "member", &members).await;
}

/// Which of the groups an account is in.
async fn is_in(lab: &Lab, number: &str) -> Vec<&'static str> {
    let dn = lab.account(number).await.expect("an account").dn;
    let mut groups = Vec::new();
    for group in ["Care", "Research", "Sales"] {
        if lab.members(group).await.contains(&dn) {
            groups.push(group);
        }
    }
    groups
}

/// Cause, kind and what (the group, or the attributes) of every change.
fn changes(plan: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = |change: &Value| {
        let dn = text(&change["object"]["dn"]);
        let name = dn.trim_start_matches("CN=").split(',').next();
        name.unwrap_or_default().to_owned()
    };
    let each = plan["changes"].as_array().expect("a list").iter();
    let mut told: Vec<_> = each
        .map(|change| {
            let kind = text(&change["action"]["kind"]);
            let attributes = change["action"]["attributes"].as_array();
            let what = match attributes {
                Some(all) => {
                    let names: Vec<String> = all.iter().map(|one| text(&one["name"])).collect();
                    names.join(" ")
                }
                None => group(change),
            };
            (text(&change["cause"]), kind, what)
        })
        .collect();
    told.sort();
    told
}

fn own(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let text = |text: &str| text.to_owned();
    all.iter()
        .map(|(a, b, c)| (text(a), text(b), text(c)))
        .collect()
}

fn codes(plan: &Value) -> Vec<String> {
    let mut codes: Vec<String> = held(plan).into_iter().map(|(_, code)| code).collect();
    codes.dedup();
    codes
}

fn calendar(plan: &Value) -> String {
    let groups = plan["calendar"].as_array().into_iter().flatten();
    groups.map(|entry| entry["groups"].to_string()).collect()
}

async fn drift(lab: &Lab, since: &str) -> Value {
    let report = format!("{since}.report.json");
    let arguments = ["drift", "--since", since, "--last-apply", &report];
    let run = lab
        .run(&[&arguments[..], &["--format", "json"]].concat())
        .await;
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// What `drift` calls an edit.
async fn edits(lab: &Lab, since: &str) -> Vec<String> {
    let report = drift(lab, since).await;
    let all = report["differences"].as_array().expect("a list").iter();
    let edits = all.filter(|one| one["group"] == "edited");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    edits.map(|one| text(&one["what"])).collect()
}

/// Plans from the one before, with its report.
async fn next(lab: &Lab, recording: &str, since: &str) -> Value {
    let report = format!("{since}.report.json");
    apply(lab, recording, &["--since", since, "--last-apply", &report]).await
}

/// P10: nothing but an answer ends the question, also where an overlap would.
pub(super) async fn a_question_outlasts_moves(lab: Lab) {
    groups(&lab).await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    apply(&lab, "r0", &[]).await;
    next(&lab, "r1", "r0").await;
    say(&lab, "ask", "ask");
    next(&lab, "r2", "r1").await;
    put_into(&lab, "Care", "1").await;
    let mut since = "r2";
    for (recording, department) in [
        ("r3", "Sales"),
        ("r4", "Research"),
        ("r5", "Research"),
        ("r6", "Sales"),
        ("r7", "Sales"),
    ] {
        lab.edit(1, |jane| jane.department = department.into());
        let made = next(&lab, recording, since).await;
        assert_eq!(codes(&made), ["drift-ask"], "{recording}");
        assert!(!calendar(&made).contains("CN=Care"), "{recording}");
        since = recording;
    }
    assert_eq!(is_in(&lab, "1").await, ["Care", "Research", "Sales"]);
    // The overlap ends, and the question does not.
    let day = in_days(20);
    let report = "r7.report.json";
    let later = ["--since", "r7", "--last-apply", report, "--as-of", &day];
    let later = plan(&lab, "later.json", &later).await;
    assert_eq!(codes(&later), ["drift-ask"]);
    let expected = [
        ("source", "modify", STAMP),
        ("source", "removeMember", "Research"),
    ];
    assert_eq!(changes(&later), own(&expected));
    // The answer: it is taken back at once, and what the overlap is for stays.
    say(&lab, "revert", "revert");
    let made = next(&lab, "r8", "r7").await;
    assert_eq!(changes(&made), own(&[("drift", "removeMember", "Care")]));
    assert_eq!(is_in(&lab, "1").await, ["Research", "Sales"]);
}

/// Whoever moves keeps the old groups as long as nobody can say whether somebody took them out of the new ones.
pub(super) async fn nothing_is_left_while_a_question_is_open(lab: Lab) {
    groups(&lab).await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    apply(&lab, "r0", &[]).await;
    lab.edit(1, |jane| jane.department = "Research".into());
    for (research, others) in [("ask", "ask"), ("ask", "revert"), ("ask", "accept")] {
        say(&lab, research, others);
        let mut since: Vec<&str> = Vec::new();
        for recording in ["blind", "after1", "after2"] {
            let made = apply(&lab, recording, &since).await;
            let what = format!("{research}, {others}, {recording}");
            let codes = codes(&made);
            assert!(
                codes.iter().any(|code| code == "drift-undetermined"),
                "{what}"
            );
            // Where Sales is asked about as well, nothing is to be left to begin with.
            if others != "accept" {
                let waits = codes.iter().any(|code| code == "move-incomplete");
                assert_eq!(waits, others == "revert", "{what}: {codes:?}");
            }
            assert_eq!(is_in(&lab, "1").await, ["Sales"], "{what}");
            since = match recording {
                "blind" => vec!["--since", "blind", "--last-apply", "blind.report.json"],
                _ => vec!["--since", "after1", "--last-apply", "after1.report.json"],
            };
        }
    }
    // Whoever accepts waits for one plan, and nobody has edited anything.
    say(&lab, "accept", "accept");
    apply(&lab, "blind", &[]).await;
    assert_eq!(edits(&lab, "blind").await, Vec::<String>::new());
    let drift = [
        "drift",
        "--since",
        "blind",
        "--last-apply",
        "blind.report.json",
    ];
    lab.run(&drift).await.expect(0);
    let made = next(&lab, "after", "blind").await;
    let expected = [
        ("source", "addMember", "Research"),
        ("source", "modify", STAMP),
    ];
    assert_eq!(changes(&made), own(&expected));
    assert_eq!(is_in(&lab, "1").await, ["Research", "Sales"]);
}

/// An overlap is for the groups somebody had, and counts from the stamp that a plan wrote.
pub(super) async fn an_overlap_hides_no_edit(lab: Lab) {
    groups(&lab).await;
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott")] {
        lab.hire(Joiner::new(number, given, surname));
    }
    apply(&lab, "r0", &[]).await;
    lab.edit(1, |jane| jane.department = "Research".into());
    let made = next(&lab, "r1", "r0").await;
    assert!(calendar(&made).contains("CN=Sales"));
    assert_eq!(edits(&lab, "r1").await, Vec::<String>::new());
    put_into(&lab, "Care", "1").await;
    put_into(&lab, "Care", "2").await;
    assert_eq!(edits(&lab, "r1").await, ["member", "member"]);
    // Whoever moves just now does not take along what somebody gave them.
    lab.edit(2, |otto| otto.department = "Research".into());
    let made = next(&lab, "r2", "r1").await;
    let drift: Vec<_> = changes(&made)
        .into_iter()
        .filter(|(cause, ..)| cause == "drift")
        .collect();
    let care = ("drift", "removeMember", "Care");
    assert_eq!(drift, own(&[care, care]));
    assert_eq!(is_in(&lab, "1").await, ["Research", "Sales"]);
    assert_eq!(is_in(&lab, "2").await, ["Research", "Sales"]);
    // Another configuration does not make a change of the configuration of it.
    put_into(&lab, "Care", "1").await;
    let mapping = lab.read("employees.yaml");
    lab.write("employees.yaml", &format!("{mapping}    company: Acme\n"));
    let made = next(&lab, "r3", "r2").await;
    assert!(changes(&made).contains(&own(&[care])[0]), "{made:#}");
    // The stamp is written back, whatever somebody makes of it.
    let stamp = lab.account("1").await.expect("an account").one(STAMP);
    let mut since = "r3".to_owned();
    let forged = "halosync: moved since 2020-01-01T00:00:00Z";
    let to_come = format!("halosync: moved since {}T00:00:00Z", in_days(200));
    let texts: [&[&str]; 5] = [
        &[],
        &[forged],
        &["halosync: left since 2020-01-01T00:00:00Z"],
        &["no stamp at all"],
        &[&to_come],
    ];
    for (at, text) in texts.into_iter().enumerate() {
        lab.set("1", STAMP, text).await;
        assert_eq!(edits(&lab, &since).await, [STAMP], "{text:?}");
        let recording = format!("s{at}");
        let made = next(&lab, &recording, &since).await;
        assert_eq!(
            changes(&made),
            own(&[("drift", "modify", STAMP)]),
            "{text:?}"
        );
        let account = lab.account("1").await.expect("an account");
        assert_eq!(account.one(STAMP), stamp, "{text:?}");
        assert_eq!(is_in(&lab, "1").await, ["Research", "Sales"], "{text:?}");
        since = recording;
    }
    // What nobody edited ends on its day.
    let day = in_days(20);
    let report = format!("{since}.report.json");
    let later = plan(&lab, "later.json", &later_than(&since, &report, &day)).await;
    let of_source = changes(&later).iter().all(|(cause, ..)| cause == "source");
    assert!(of_source, "{later:#}");
    // Also where the stamp is not written back before that day.
    for text in ["no stamp at all", &to_come] {
        lab.set("1", STAMP, &[text]).await;
        let later = plan(&lab, "later.json", &later_than(&since, &report, &day)).await;
        assert_eq!(codes(&later), Vec::<String>::new(), "{text}");
        let told = changes(&later);
        for one in [
            ("drift", "modify", STAMP),
            ("source", "removeMember", "Sales"),
        ] {
            assert!(told.contains(&own(&[one])[0]), "{text}: {told:?}");
        }
        // Without the recording nobody knows what stood there.
        let blind = plan(&lab, "blind.json", &["--as-of", &day]).await;
        let codes = codes(&blind);
        assert!(
            codes.iter().any(|code| code == "stamp-unreadable"),
            "{codes:?}"
        );
    }
}

fn later_than<'a>(since: &'a str, report: &'a str, day: &'a str) -> [&'a str; 6] {
    ["--since", since, "--last-apply", report, "--as-of", day]
}

/// P10: what a plan left on an account is no edit, also where somebody ends an overlap before its day.
pub(super) async fn who_ends_an_overlap_does_not_edit_its_stamp(lab: Lab) {
    groups(&lab).await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    apply(&lab, "r0", &[]).await;
    let mut since = "r0".to_owned();
    for (drift_mode, from, to) in [
        ("revert", "Sales", "Research"),
        ("ask", "Research", "Sales"),
        ("accept", "Sales", "Research"),
    ] {
        say(&lab, drift_mode, drift_mode);
        let settled = format!("{drift_mode}-settled");
        next(&lab, &settled, &since).await;
        lab.edit(1, |jane| jane.department = to.into());
        let moved = format!("{drift_mode}-moved");
        next(&lab, &moved, &settled).await;
        let stamp = lab.account("1").await.expect("an account").one(STAMP);
        assert!(stamp.starts_with("halosync: moved since "), "{stamp:?}");
        lab.set_group(from, "member", &[]).await;
        assert_eq!(
            edits(&lab, &moved).await,
            Vec::<String>::new(),
            "{drift_mode}"
        );
        let report = format!("{moved}.report.json");
        let arguments = ["drift", "--since", &moved, "--last-apply", &report];
        lab.run(&arguments).await.expect(0);
        let ended = format!("{drift_mode}-ended");
        let made = next(&lab, &ended, &moved).await;
        let cleared = own(&[("source", "modify", STAMP)]);
        assert_eq!(changes(&made), cleared, "{drift_mode}");
        assert_eq!(codes(&made), Vec::<String>::new(), "{drift_mode}");
        assert_eq!(is_in(&lab, "1").await, [to], "{drift_mode}");
        since = ended;
    }
}

fn except(lab: &Lab, of: &[(&str, &str)]) {
    let each = of.iter().map(|(person, what)| {
        format!(
            "    - {{person: {person}, {what}, owner: Iris, reason: r, ticket: T, expires: \"{}\"}}\n",
            in_days(200)
        )
    });
    let head = "apiVersion: halosync/v1\nkind: Exceptions\nmetadata: {name: people}\nspec:\n  source: people\n  target: corp\n  exceptions:\n";
    lab.write(
        "exceptions.yaml",
        &(head.to_owned() + &each.collect::<String>()),
    );
}

fn except_nobody(lab: &Lab) {
    std::fs::remove_file(lab.dir.path().join("exceptions.yaml")).expect("it is there");
}

/// P10: an exception keeps what somebody edited, and answers nothing: when it is gone the question is there again.
pub(super) async fn a_question_outlasts_exceptions(lab: Lab) {
    let mapping = lab.read("employees.yaml").replace(
        "  attributes:\n",
        "  drift: {attributes: ask, disabled: ask}\n  attributes:\n",
    );
    lab.write("employees.yaml", &mapping);
    for (number, given, surname) in [
        (1, "Jane", "Doe"),
        (2, "Otto", "Ott"),
        (3, "Ann", "Lee"),
        (4, "Kim", "Park"),
        (5, "Max", "Moe"),
    ] {
        lab.hire(Joiner::new(number, given, surname));
    }
    apply(&lab, "r0", &[]).await;
    next(&lab, "r1", "r0").await;
    for number in ["1", "3"] {
        let account = lab.account(number).await.expect("an account");
        let flags = account.one("userAccountControl").parse::<u32>();
        let flags = (flags.expect("a number") | 2).to_string();
        lab.set(number, "userAccountControl", &[&flags]).await;
    }
    lab.set("2", "title", &["Wizard"]).await;
    let asked = |plan: &Value| {
        let held = held(plan).into_iter();
        let asked = held.filter(|(_, code)| code == "drift-ask");
        asked.map(|(who, _)| who).collect::<Vec<_>>()
    };
    let edited = ["Ann Lee", "Jane Doe", "Otto Ott"];
    assert_eq!(asked(&next(&lab, "r2", "r1").await), edited);
    // Kim is stopped, and Max left alone, without that somebody had edited anything.
    except(
        &lab,
        &[
            ("1", "stop: true"),
            ("2", "exempt: [title]"),
            ("3", "exempt: everything"),
            ("4", "stop: true"),
            ("5", "exempt: [title]"),
        ],
    );
    assert_eq!(asked(&next(&lab, "r3", "r2").await), Vec::<String>::new());
    for number in [2, 5] {
        lab.edit(number, |person| person.title = "Director".into());
    }
    next(&lab, "r4", "r3").await;
    next(&lab, "r5", "r4").await;
    assert!(!lab.account("4").await.expect("an account").enabled());
    except_nobody(&lab);
    let mut since = "r5";
    for recording in ["r6", "r7", "r8"] {
        let made = next(&lab, recording, since).await;
        assert_eq!(asked(&made), edited, "{recording}");
        since = recording;
    }
    let account = async |number: &str| lab.account(number).await.expect("an account");
    assert!(!account("1").await.enabled() && !account("3").await.enabled());
    assert_eq!(account("2").await.one("title"), "Wizard");
    assert!(account("4").await.enabled(), "an exception disabled it");
    assert_eq!(account("5").await.one("title"), "Director");
    assert!(!lab.dir.path().join("r8/carried.jsonl").exists());
    // Of what an exception kept when nothing was known before, nobody can tell.
    lab.set("5", "title", &["Wizard"]).await;
    except(&lab, &[("5", "exempt: [title]")]);
    apply(&lab, "blind", &[]).await;
    except_nobody(&lab);
    let made = next(&lab, "seen", "blind").await;
    let max = ("Max Moe".to_owned(), "drift-undetermined".to_owned());
    assert!(held(&made).contains(&max), "{:?}", held(&made));
    assert_eq!(account("5").await.one("title"), "Wizard");
}
