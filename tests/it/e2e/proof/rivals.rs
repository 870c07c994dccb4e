//! P5 with others at work: two applies at once, and an administrator who edits the same people meanwhile.
//!
//! Every change ends as done, already as desired, or in conflict (or was skipped for one that did), nobody's edit is
//! overwritten, and the directory is consistent: applying what is left leaves nothing to plan.

use std::collections::BTreeMap;
use std::time::Duration;

use super::proxy::{Fate, Proxy};
use super::scene::{self, Extent, PLAN};
use crate::e2e::lab::{Joiner, Lab};
use crate::support::Run;

/// A run's report: outcome by change.
fn outcomes(lab: &Lab, report: &str) -> Vec<(String, serde_json::Value)> {
    let report: serde_json::Value = serde_json::from_str(&lab.read(report)).expect("JSON");
    let changes = report["changes"].as_array().expect("changes");
    changes
        .iter()
        .map(|change| {
            let id = change["id"].as_str().expect("an id").to_owned();
            (id, change["outcome"].clone())
        })
        .collect()
}

fn kind(outcome: &serde_json::Value) -> &str {
    outcome["is"]
        .as_str()
        .unwrap_or_else(|| panic!("{outcome}"))
}

/// Renamed or moved by somebody else in the milliseconds between the look and the write (`docs/apply.md`).
fn moved(outcome: &serde_json::Value) -> bool {
    let message = outcome["message"].as_str().unwrap_or_default();
    outcome["kind"] == "unverified"
        && (message.contains("it is called") || message.contains("it stands at"))
}

/// One of the three, or skipped for a conflict; the exit code says which.
fn assert_three(lab: &Lab, run: &Run, report: &str) {
    let told = format!("{}{}", run.stdout, run.stderr);
    let outcomes = outcomes(lab, report);
    let conflicts: Vec<&String> = outcomes
        .iter()
        .filter(|(_, outcome)| kind(outcome) == "conflict")
        .map(|(id, _)| id)
        .collect();
    let mut overruled = false;
    for (id, outcome) in &outcomes {
        match kind(outcome) {
            "done" | "alreadyAsDesired" | "conflict" => {}
            // The one write that cannot be made on a condition: told when it is read back.
            "failed" if moved(outcome) => overruled = true,
            "skipped" => {
                let because = outcome["because"].as_str().expect("a change").to_owned();
                assert!(conflicts.contains(&&because), "{id}: {outcome}\n{told}");
            }
            _ => panic!("{id}: {outcome}\n{told}"),
        }
    }
    let code = match (overruled, conflicts.is_empty()) {
        (true, _) => 4,
        (false, true) => 0,
        (false, false) => 5,
    };
    assert_eq!(run.code, code, "{told}");
}

fn apply<'a>(plan: &'a str, name: &'a [String; 2]) -> [&'a str; 6] {
    ["apply", plan, "--journal", &name[0], "--report", &name[1]]
}

fn files(name: &str) -> [String; 2] {
    [format!("{name}.jsonl"), format!("{name}.json")]
}

async fn one_plan_applied_twice_at_once(lab: Lab, extent: Extent) {
    scene::set(&lab, extent).await;
    lab.plan().await.expect(0);
    let (one, two) = (files("one"), files("two"));
    let (arguments, others) = (apply(PLAN, &one), apply(PLAN, &two));
    let (first, second) = tokio::join!(lab.run(&arguments), lab.run(&others));
    assert_three(&lab, &first, &one[1]);
    assert_three(&lab, &second, &two[1]);
    // Between them they did everything, and each thing one of them.
    lab.assert_converged().await;
    let by_both = outcomes(&lab, &one[1])
        .into_iter()
        .zip(outcomes(&lab, &two[1]));
    for ((id, one), (_, two)) in by_both {
        let achieved = |outcome| matches!(kind(outcome), "done" | "alreadyAsDesired");
        assert!(achieved(&one) || achieved(&two), "{id}: {one} {two}");
    }
}

async fn two_plans_applied_at_once(lab: Lab, extent: Extent) {
    scene::set(&lab, extent).await;
    lab.run(&["plan", "--out", "a.json"]).await.expect(0);
    // People change before the first plan is applied: some of what both plans want is the same, some is not.
    lab.edit(1, |ann| ann.title = "Director".to_owned());
    lab.edit(4, |dee| dee.surname = "Dove".to_owned());
    lab.edit(2, |bob| bob.department = "Research".to_owned());
    lab.hire(Joiner::new(9, "Hal", "New"));
    lab.run(&["plan", "--out", "b.json"]).await.expect(0);
    let (one, two) = (files("one"), files("two"));
    let (arguments, others) = (apply("a.json", &one), apply("b.json", &two));
    let (first, second) = tokio::join!(lab.run(&arguments), lab.run(&others));
    assert_three(&lab, &first, &one[1]);
    assert_three(&lab, &second, &two[1]);
    // Whoever was first, the next plan finishes what people say now.
    lab.settle().await;
    lab.assert_converged().await;
    let ann = lab.account("1").await.expect("an account");
    assert_eq!(ann.one("title"), "Director");
    let dee = lab.account("4").await.expect("an account");
    assert_eq!(dee.dn, lab.dn("CN=Dee Dove,OU=Research,OU=People"));
    for number in [6, 7, 9] {
        assert!(lab.account(&number.to_string()).await.is_some());
    }
}

async fn an_administrator_edits_the_same_people(lab: Lab) {
    let people = 1..=24_u32;
    for number in people.clone() {
        let mut person = Joiner::new(number, &format!("Given{number}"), "Doe");
        person.title = "Clerk".to_owned();
        lab.hire(person);
    }
    lab.settle().await;
    for number in people.clone() {
        lab.edit(number, |person| person.title = "Chief".to_owned());
    }
    lab.run(&["plan", "--out", PLAN]).await.expect(0);
    let proxy = Proxy::before(&lab.site).await;
    // Slow enough for a person to come in between.
    proxy.follow(|_| Fate::Delay(Duration::from_millis(4)));
    let authority = lab.dir.path().join("proxy.pem");
    std::fs::write(&authority, &proxy.ca_pem).expect("writable");
    let mut environment: BTreeMap<_, _> = lab.environment.clone();
    environment.insert("CORP_LDAP_SERVER".to_owned(), proxy.url.clone());
    environment.insert("CORP_CA_FILE".to_owned(), authority.display().to_string());
    let run = files("run");
    let arguments = apply(PLAN, &run);
    let administrator = async {
        // As the apply begins to write, from the end of the plan and from its beginning.
        while proxy.counts().1 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for (first, last) in (1..=12).zip((13..=24).rev()) {
            lab.set(&first.to_string(), "title", &["Queen"]).await;
            lab.set(&last.to_string(), "title", &["Queen"]).await;
        }
    };
    let (applied, ()) = tokio::join!(
        crate::support::halosync(lab.dir.path(), &environment, &arguments),
        administrator
    );
    let told = format!("{}{}", applied.stdout, applied.stderr);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (id, outcome) in outcomes(&lab, &run[1]) {
        *seen.entry(kind(&outcome).to_owned()).or_default() += 1;
        match kind(&outcome) {
            "done" | "alreadyAsDesired" | "conflict" => {}
            // Written, and edited before it was read back: told as not being as written.
            "failed" => assert!(outcome.to_string().contains("Queen"), "{id}: {outcome}"),
            _ => panic!("{id}: {outcome}\n{told}"),
        }
    }
    let code = match (seen.contains_key("failed"), seen.contains_key("conflict")) {
        (true, _) => 4,
        (false, true) => 5,
        (false, false) => 0,
    };
    assert_eq!(applied.code, code, "{told}");
    // Nobody's edit was overwritten, whichever came first.
    for number in people {
        let account = lab.account(&number.to_string()).await.expect("an account");
        assert_eq!(account.one("title"), "Queen", "{}\n{told}", account.dn);
    }
    lab.settle().await;
    lab.assert_converged().await;
}

macro_rules! on {
    ($name:ident, $start:ident, $extent:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn one_plan_applied_twice_at_once() {
                super::one_plan_applied_twice_at_once(Lab::$start().await, $extent).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn two_plans_applied_at_once() {
                super::two_plans_applied_at_once(Lab::$start().await, $extent).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_administrator_edits_the_same_people() {
                super::an_administrator_edits_the_same_people(Lab::$start().await).await;
            }
        }
    };
}

on!(embedded, embedded, Extent::All);
on!(samba, samba, Extent::NoDeletion);
