//! Plans made once more from their recording: what no other check finds in a plan that somebody rewrote is found by this one.

use std::process::Command;

use halosync::plan::{Action, Plan, PlanValue};

use super::Desk;
use crate::support::{Run, root};

const AGAIN: [&str; 4] = ["verify", "plan.json", "--from", "reads"];

async fn again(desk: &Desk, more: &[&str]) -> Run {
    desk.run(&[&AGAIN[..], more].concat()).await
}

/// Byte for byte, whatever there is in it.
#[tokio::test]
async fn every_golden_plan_is_made_again() {
    let folders = std::fs::read_dir(root().join("tests/golden")).unwrap();
    let mut tried = 0;
    for folder in folders {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let desk = Desk(crate::explain::recorded(&name));
        let planned = desk
            .run(&["plan", "--from", "reads", "--out", "plan.json"])
            .await;
        if !desk.path().join("plan.json").exists() {
            assert_ne!(planned.code, 0, "{name}");
            continue;
        }
        let told = again(&desk, &[]).await.stdout;
        let line = "ok          remade        planning once more from ";
        assert!(told.contains(line), "{name}\n---\n{told}");
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}

/// What is written into a plan, and what is said of it.
type Forgery = (&'static str, fn(&mut Plan), &'static str);

#[tokio::test]
async fn what_no_rule_and_no_limit_betrays_is_found() {
    let forgeries: [Forgery; 6] = [
        (
            "mover",
            |plan| {
                let mut changes = plan.changes.iter_mut();
                let value = changes.find_map(|change| match &mut change.action {
                    Action::Modify { attributes } => attributes.first_mut(),
                    _ => None,
                });
                value.expect("an attribute").after = vec![PlanValue::Text("Director".to_owned())];
            },
            "action.attributes[0].after[0] is \"Director\", and ",
        ),
        (
            "leaver",
            |plan| plan.changes.clear(),
            "is not in the plan, and is when planned again",
        ),
        (
            "leaver",
            |plan| plan.changes[0].person.label = "Somebody Else".to_owned(),
            "person.label is \"Somebody Else\", and ",
        ),
        (
            "guards-class",
            |plan| plan.held.clear(),
            "the length of held is 0, and ",
        ),
        (
            "leaver",
            |plan| plan.counts.people += 1000,
            "counts.people is ",
        ),
        (
            "leaver",
            |plan| {
                plan.inputs
                    .people
                    .values_mut()
                    .for_each(|read| read.checks.clear())
            },
            "inputs.people.people.checks",
        ),
    ];
    for (golden, forge, says) in forgeries {
        let desk = Desk(crate::explain::recorded(golden));
        desk.plan_with(&[]).await;
        again(&desk, &[]).await;
        desk.forge(forge);
        let told = again(&desk, &[]).await.expect(6).stdout;
        let line = "REFUSED     remade        planning once more from ";
        assert!(told.contains(line), "{golden}\n---\n{told}");
        assert!(told.contains(says), "{golden}: {says}\n---\n{told}");
    }
}

#[tokio::test]
async fn what_the_plan_was_made_with_is_named_again() {
    let desk = Desk::new("mover", 0).await;
    std::fs::rename(
        desk.path().join("plan.json"),
        desk.path().join("earlier.json"),
    )
    .unwrap();
    let with = ["--last-good", "earlier.json"];
    desk.plan_with(&with).await.expect(0);
    let told = again(&desk, &[]).await.expect(6).stdout;
    assert!(
        told.contains("the plan says that it was made with --last-good"),
        "{told}"
    );
    again(&desk, &with).await.expect(0);
    // With another one it is another plan.
    desk.plan(0).await;
    let told = again(&desk, &with).await.expect(6).stdout;
    assert!(told.contains("inputs.lastGood is missing, and "), "{told}");
}

/// What was asked for is asked for again: somebody alone, and the comparison with an earlier commit.
#[tokio::test]
async fn a_part_and_a_pull_request_are_made_again() {
    let desk = Desk(crate::explain::recorded("groups"));
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=Jane", "-c", "user.email=jane@example.com"];
        let done = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(desk.path())
            .status();
        assert!(done.expect("git").success(), "{arguments:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    let mapping = desk.path().join("mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let text = text.replace(
        "{{ person.department }}\"",
        "{{ person.department }} Dept\"",
    );
    std::fs::write(&mapping, text).unwrap();
    git(&["commit", "-q", "-a", "-m", "two"]);
    desk.plan_with(&["--base", "HEAD~1"]).await;
    assert!(
        desk.file()
            .content
            .base
            .is_some_and(|base| base.changes > 0)
    );
    again(&desk, &[]).await.expect(0);
    // Another commit with the same files, for example the merge, is none of the plan's business.
    git(&["commit", "-q", "--allow-empty", "-m", "three"]);
    again(&desk, &[]).await.expect(0);
    let who = desk.file().content.changes[0].person.key.to_string();
    desk.plan_with(&["--only", &who]).await;
    assert!(desk.file().content.narrowed.is_some());
    again(&desk, &[]).await.expect(0);
}

#[tokio::test]
async fn there_is_a_way_out_of_every_refusal() {
    let desk = Desk::new("mover", 0).await;
    let told = desk
        .run(&["verify", "plan.json", "--from", "nowhere"])
        .await;
    assert!(
        told.stdout
            .contains("name a directory that `halosync plan --record DIR` wrote"),
        "{}",
        told.stdout
    );
    assert_eq!(told.code, 64, "{}", told.stdout);
    let told = desk
        .run(&["verify", "plan.json", "--since", "reads"])
        .await
        .expect(64);
    assert!(told.stderr.contains("--from DIR"), "{}", told.stderr);
    desk.forge(|plan| plan.tool_version = "99.0.0".to_owned());
    let told = again(&desk, &[]).await.expect(6).stdout;
    assert!(
        told.contains("verify it with the version that made it"),
        "{told}"
    );
    let desk = Desk::new("mover", 0).await;
    desk.forge(|plan| {
        plan.inputs.undoes = Some(halosync::plan::Undone {
            plan: "sha256:0".to_owned(),
            as_of: plan.as_of,
            journal: "sha256:0".to_owned(),
            redoes: false,
        });
    });
    let told = again(&desk, &[]).await.stdout;
    assert!(told.contains("such a one is made from a journal"), "{told}");
    // Where the configuration is another, that is said, and nothing else.
    let desk = Desk::new("mover", 0).await;
    std::fs::write(
        desk.path().join("more.yaml"),
        "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: more}\nspec:\n  rows: {a: b}\n",
    )
    .unwrap();
    let told = again(&desk, &[]).await.expect(6).stdout;
    assert!(
        told.contains("not checked remade        the configuration is not the one"),
        "{told}"
    );
}
