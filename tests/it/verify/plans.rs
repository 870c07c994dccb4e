//! Every refusal of a plan through the binary: by `verify` and by `apply`, in the same words.

use std::process::{Command, Stdio};

use halosync::apply::{Counts, Line};
use halosync::model::{Completeness, Verdict};
use halosync::plan::{Action, GuardVerdict, ReadOfPeople};

use super::{Desk, written};

fn end(done: u64, failed: u64) -> Line {
    Line::End {
        at: jiff::Timestamp::UNIX_EPOCH,
        counts: Counts {
            done,
            failed,
            ..Counts::default()
        },
    }
}

#[tokio::test]
async fn a_plan_nothing_speaks_against() {
    let desk = Desk::new("leaver", 0).await;
    let told = desk.verify(0).await;
    for line in [
        "ok          file          format halosync/plan/v1, content as written, digest sha256:",
        "not checked digest        no digest was given",
        "ok          age           made 2",
        "ok          consistency   ",
        "ok          proof         every read was proven complete",
        "ok          guards        no guard holds anything",
        "ok          recount       the configuration has no guards for what it changes",
        "ok          project       acme",
        "ok          configuration 6 files as planned",
        "not checked remade        no recording was given to plan from once more (--from)",
        "ok          approvals     nobody is asked",
        "ok          journal       none at ",
        "nothing speaks against applying the plan",
    ] {
        assert!(told.contains(line), "{line}\n---\n{told}");
    }
    let digest = desk.file().digest;
    desk.run(&["verify", "plan.json", "--expect-digest", &digest])
        .await
        .expect(0);
    let json = ["verify", "plan.json", "--format", "json"];
    let json = desk.run(&json).await.expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["format"], "halosync/verification/v1");
    assert_eq!(json["plan"], digest.as_str());
    assert_eq!(json["holds"], true);
    assert_eq!(json["exitCode"], 0);
    assert_eq!(json["checks"].as_array().unwrap().len(), 13);
    super::as_the_schema_says(&json);
    let other = [
        "verify",
        "plan.json",
        "--format",
        "json",
        "--expect-digest",
        "sha256:0",
    ];
    let json = desk.run(&other).await.expect(6).stdout;
    super::as_the_schema_says(&serde_json::from_str(&json).unwrap());
}

#[tokio::test]
async fn another_configuration_is_refused_by_its_files() {
    let desk = Desk::new("leaver", 0).await;
    let mapping = desk.path().join("mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, format!("{text}# nothing\n")).unwrap();
    let more =
        "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: more}\nspec:\n  rows: {a: b}\n";
    std::fs::write(desk.path().join("more.yaml"), more).unwrap();
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains(
            "REFUSED     configuration the configuration is not the one the plan was made from\n"
        ),
        "{told}"
    );
    assert!(told.contains("changed: mapping.yaml"), "{told}");
    assert!(told.contains("added: more.yaml"), "{told}");
    assert!(told.contains("for this reason"), "{told}");
    std::fs::write(&mapping, text).unwrap();
    std::fs::rename(desk.path().join("more.yaml"), desk.path().join("more.txt")).unwrap();
    desk.verify(0).await;
    desk.forge(|plan| {
        plan.inputs
            .files
            .insert("gone.yaml".to_owned(), "sha256:0".to_owned());
    });
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("missing: gone.yaml"), "{told}");
}

#[tokio::test]
async fn a_commit_that_leaves_the_files_as_they_were_is_no_difference() {
    let desk = Desk::new("leaver", 0).await;
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=Jane", "-c", "user.email=jane@example.com"])
            .args(arguments)
            .current_dir(desk.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("git is installed");
        assert!(done.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "*.yaml"]);
    git(&["commit", "--quiet", "-m", "one"]);
    desk.plan(0).await;
    let told = desk.verify(0).await;
    assert!(told.contains("6 files as planned (commit "), "{told}");
    git(&["commit", "--quiet", "--allow-empty", "-m", "two"]);
    let told = desk.verify(0).await;
    assert!(
        told.contains("6 files as planned (planned at commit "),
        "{told}"
    );
    let source = desk.path().join("source.yaml");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, format!("{text}# other\n")).unwrap();
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("with uncommitted changes)"), "{told}");
    // What is otherwise is what stands here, and not what the plan was made from.
    git(&["checkout", "--quiet", "HEAD~1"]);
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains(", this is that commit with uncommitted changes)"),
        "{told}"
    );
    std::fs::write(
        desk.path().join("more.yaml"),
        "apiVersion: halosync/v1\nkind: Guards\n",
    )
    .unwrap();
    let told = desk.run(&["verify", "plan.json"]).await.expect(65).stdout;
    assert!(!told.contains("not at hand"), "{told}");
    assert!(
        told.contains("not checked approvals     the project's configuration is not valid"),
        "{told}"
    );
}

#[tokio::test]
async fn old_future_newer_and_other_plans_are_refused_each_in_its_words() {
    let desk = Desk::new("leaver", 0).await;
    let before = std::fs::read(desk.path().join("plan.json")).unwrap();
    let day = jiff::SignedDuration::from_hours(24);

    desk.forge(|plan| {
        plan.as_of -= day * 2;
        plan.not_after = plan.as_of + day;
        let inputs = &mut plan.inputs;
        let people = inputs.people.values_mut().map(|read| &mut read.read_at);
        let directories = inputs.directories.values_mut();
        let directories = directories.map(|read| &mut read.read_at);
        people.chain(directories).for_each(|at| *at -= day * 2);
    });
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("the plan expired at"), "{told}");

    std::fs::write(desk.path().join("plan.json"), &before).unwrap();
    desk.forge(|plan| {
        plan.as_of += day;
        plan.not_after += day;
    });
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("which is still to come"), "{told}");

    std::fs::write(desk.path().join("plan.json"), &before).unwrap();
    let told = desk.refused(6, &["--expect-digest", "sha256:0123"]).await;
    assert!(told.contains("and sha256:0123 was approved"), "{told}");

    let text = String::from_utf8(before.clone()).unwrap();
    for (format, words) in [
        ("halosync/plan/v99", "that of a newer version of halosync"),
        ("halosync/plan/v0", "that of an earlier version of halosync"),
        ("acme/plan/v1", "not one of halosync"),
    ] {
        let other = text.replace("halosync/plan/v1", format);
        std::fs::write(desk.path().join("plan.json"), other).unwrap();
        let told = desk.refused(6, &[]).await;
        assert!(told.contains(words), "{told}");
    }
    std::fs::write(desk.path().join("plan.json"), text.replacen("2", "3", 1)).unwrap();
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("REFUSED     file"), "{told}");

    std::fs::write(desk.path().join("plan.json"), &before).unwrap();
    let project = desk.path().join("halosync.yaml");
    let text = std::fs::read_to_string(&project).unwrap();
    std::fs::write(&project, text.replace("name: acme", "name: other")).unwrap();
    // All of it at once: the project is another one, and so is its file.
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("made in project acme, and this is project other"),
        "{told}"
    );
    assert!(told.contains("changed: halosync.yaml"), "{told}");
    assert!(told.contains("for these 2 reasons"), "{told}");
    std::fs::write(&project, "nonsense: [").unwrap();
    let run = desk.run(&["verify", "plan.json"]).await.expect(65);
    assert!(
        run.stdout.contains("configuration is not valid"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("ok          age"), "{}", run.stdout);
}

#[tokio::test]
async fn what_was_applied_is_not_applied_again_and_what_was_begun_goes_on() {
    let desk = Desk::new("leaver", 0).await;
    let file = desk.file();
    let changes = file.content.changes.len() as u64;
    let path = desk.journal_path();

    written(&path, &file, &[end(changes - 1, 1)]);
    let told = desk.verify(0).await;
    assert!(told.contains("begun, 0 of"), "{told}");
    // An end that says all was written proves nothing without the lines.
    written(&path, &file, &[end(changes, 0)]);
    let told = desk.verify(0).await;
    let unfounded = format!(
        "its last line says that {changes} were written, and its other lines bear out 0, so it is not believed"
    );
    assert!(told.contains(&unfounded), "{told}");
    let apply = desk.run(&["apply", "plan.json"]).await;
    assert_ne!(apply.code, 8, "{}", apply.stderr);
    written(&path, &file, &super::journals::complete(&file));
    let told = desk.refused(8, &[]).await;
    assert!(
        told.contains("the plan was applied completely at 1970-01-01T00:00:00Z"),
        "{told}"
    );
    assert!(told.contains("journal.jsonl"), "{told}");
    assert!(told.ends_with("the plan is applied already\n"), "{told}");

    // Applied already outweighs what has changed since, but not that it is another plan than the one expected.
    let source = desk.path().join("source.yaml");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, format!("{text}# other\n")).unwrap();
    desk.refused(8, &[]).await;
    desk.refused(6, &["--expect-digest", "sha256:0"]).await;
    std::fs::write(&source, text).unwrap();

    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, lines.replacen("\"failed\":1", "\"failed\":2", 1)).unwrap();
    let told = desk.refused(6, &[]).await;
    assert!(told.contains("journal line 3 is damaged"), "{told}");

    std::fs::write(&path, lines.replace("journal/v2", "journal/v1")).unwrap();
    let told = desk.refused(64, &[]).await;
    assert!(told.contains("that of an earlier version"), "{told}");
    let other = lines.replace(&file.digest, "sha256:other");
    std::fs::write(&path, other).unwrap();
    let told = desk.refused(64, &[]).await;
    assert!(told.contains("belongs to another plan"), "{told}");
}

#[tokio::test]
async fn removals_on_an_unproven_read_are_refused() {
    let desk = Desk::new("leaver", 0).await;
    let kinds: Vec<&str> = desk
        .file()
        .content
        .changes
        .iter()
        .map(|change| change.action.kind())
        .collect();
    assert!(kinds.contains(&"disable"), "{kinds:?}");
    desk.forge(|plan| {
        for read in plan.inputs.people.values_mut() {
            read.completeness = Completeness {
                verdict: Verdict::Unproven {
                    reasons: vec!["short".to_owned()],
                },
                ..read.completeness.clone()
            };
        }
        plan.removals_held = true;
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains(
            "REFUSED     proof         the plan takes away what a read that was not proven"
        ),
        "{told}"
    );
    assert!(
        told.contains("the read of people is not proven complete"),
        "{told}"
    );
    // Without what it takes away, there is nothing against it.
    desk.forge(|plan| {
        plan.changes
            .retain(|change| matches!(change.action, Action::Modify { .. }));
        plan.changes
            .iter_mut()
            .for_each(|change| change.depends_on.clear());
    });
    let told = desk.run(&["verify", "plan.json"]).await.stdout;
    assert!(
        told.contains("ok          proof         a read was not proven complete"),
        "{told}"
    );
}

/// What is asked of a read stands in the plan, and is what the plan's own numbers give.
#[tokio::test]
async fn checks_the_configuration_asks_for_are_not_left_out() {
    type Forgery = (fn(&mut ReadOfPeople), &'static str);
    let forgeries: [Forgery; 9] = [
        (without::<0>, "the check `total` is not in it"),
        (without::<1>, "the check `reading` is not in it"),
        (without::<2>, "the check `floor` is not in it"),
        (without::<3>, "the check `sentinels` is not in it"),
        (without::<4>, "the check `parts by department` is not in it"),
        (
            without::<5>,
            "the check `fall of accounts in corp` is not in it",
        ),
        (
            |read| read.people = 1,
            "the check `floor` passed with 1 read, and the floor is 2",
        ),
        (
            |read| read.checks[3].found = "2 visible".to_owned(),
            "the check `sentinels` passed with \"2 visible\", and the configuration names 1",
        ),
        (
            |read| read.parts.clear(),
            "the check `parts by department` passed with fewer than 1 of \"Sales\"",
        ),
    ];
    for (forge, says) in forgeries {
        let desk = Desk(crate::explain::recorded("leaver"));
        let source = desk.path().join("source.yaml");
        let mut text = std::fs::read_to_string(&source).unwrap();
        let at = text.find("  completeness:").unwrap_or(text.len());
        text.truncate(at);
        text.push_str("  completeness: {floor: 2, maxFall: 90%, sentinels: [1042], parts: [{field: department, present: [Sales]}]}\n");
        std::fs::write(&source, text).unwrap();
        desk.plan(0).await;
        desk.verify(0).await;
        desk.forge(|plan| plan.inputs.people.values_mut().for_each(forge));
        let told = desk.refused(6, &[]).await;
        assert!(
            told.contains("REFUSED     proof         the plan does not say of its reads what"),
            "{told}"
        );
        assert!(
            told.contains(&format!("the read of people: {says}")),
            "{says}\n{told}"
        );
    }
}

fn without<const AT: usize>(read: &mut ReadOfPeople) {
    read.checks.remove(AT);
}

#[tokio::test]
async fn changes_a_guard_holds_are_refused() {
    let desk = Desk::new("guards-waiver", 3).await;
    let told = desk.verify(0).await;
    assert!(
        told.contains("changes wait; what waits is not in the plan"),
        "{told}"
    );
    desk.forge(|plan| {
        let waived = plan
            .guards
            .iter_mut()
            .find(|guard| guard.verdict == GuardVerdict::Waived)
            .expect("a waived guard");
        waived.verdict = GuardVerdict::Breached;
        waived.per = None;
        waived.held = 1;
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("REFUSED     guards        the plan has changes that its own guards hold"),
        "{told}"
    );
    assert!(told.contains("guard disables holds it"), "{told}");
}

#[tokio::test]
async fn a_plan_of_which_guards_hold_everything_says_so() {
    let desk = Desk::new("guards-all", 3).await;
    let told = desk.refused(3, &[]).await;
    assert!(told.contains("guards hold all of them"), "{told}");
    assert!(
        told.contains("guard disables of corp in placement OU=People"),
        "{told}"
    );
    // Nothing to do is something else.
    desk.forge(|plan| {
        plan.held.clear();
        plan.guards.clear();
        plan.counts.held = 0;
    });
    let told = desk.verify(0).await;
    assert!(told.contains("the plan has no changes"), "{told}");
    let run = desk.run(&["apply", "plan.json"]).await.expect(0);
    assert!(run.stderr.contains("nothing was done"), "{}", run.stderr);
}

/// No plan the planner makes is refused for what it says of itself.
#[test]
fn planned_plans_do_not_contradict_themselves() {
    let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut judged = 0;
    for folder in std::fs::read_dir(goldens).unwrap() {
        let path = folder.unwrap().path().join("plan.json");
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let file = halosync::plan::read(&bytes).unwrap();
        let stamps = file
            .content
            .targets
            .keys()
            .map(|target| (target.clone(), "info".to_owned()))
            .collect();
        assert_eq!(
            halosync::plan::unproven(&file.content, &stamps),
            [],
            "{path:?}"
        );
        assert_eq!(
            halosync::plan::past_guards(&file.content, &stamps),
            [],
            "{path:?}"
        );
        let config = crate::plan::config_of(&path.with_file_name("config"));
        assert_eq!(
            halosync::plan::recount(&file.content, &config).found,
            Vec::<String>::new(),
            "{path:?}"
        );
        let unasked = halosync::plan::unasked(&file.content, &config);
        assert_eq!(unasked, Vec::<String>::new(), "{path:?}");
        let over = halosync::plan::overreach(&file.content, &config);
        let found = [over.found, halosync::plan::twice(&file.content)].concat();
        assert_eq!(found, Vec::<String>::new(), "{path:?}");
        assert_eq!(over.given_back, [], "{path:?}");
        halosync::apply::hangs_together(&file).unwrap();
        judged += 1;
    }
    assert!(judged > 30);
}
