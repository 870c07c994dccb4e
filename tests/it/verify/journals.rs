//! `halosync verify journal` through the binary. Journals of real applies are verified in the end-to-end cases.

use halosync::apply::{Counts, Line, Step, StepResult};
use halosync::plan::{ChangeId, PlanFile};

use super::{Desk, written};

fn at() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn intent(change: &ChangeId) -> Line {
    Line::Intent {
        change: change.clone(),
        step: Step::Write,
        at: at(),
        object: None,
        dn: None,
        before: std::collections::BTreeMap::new(),
    }
}

fn outcome(change: &ChangeId, result: StepResult) -> Line {
    Line::Outcome {
        change: change.clone(),
        step: Step::Write,
        at: at(),
        result,
        created: None,
        stamp: None,
        message: None,
    }
}

fn end(done: u64, failed: u64) -> Line {
    Line::End {
        at: at(),
        counts: Counts {
            done,
            failed,
            ..Counts::default()
        },
    }
}

/// Everything as a complete apply leaves it.
pub(super) fn complete(file: &PlanFile) -> Vec<Line> {
    let changes = &file.content.changes;
    let mut lines: Vec<Line> = changes
        .iter()
        .flat_map(|change| [intent(&change.id), outcome(&change.id, StepResult::Done)])
        .collect();
    lines.push(end(changes.len() as u64, 0));
    lines
}

async fn verified(desk: &Desk, exit: i32) -> String {
    let journal = desk.journal_path().display().to_string();
    let verify = ["verify", "journal", &journal, "--plan", "plan.json"];
    desk.run(&verify).await.expect(exit).stdout
}

#[tokio::test]
async fn complete_interrupted_and_foreign_journals_are_told_apart() {
    let desk = Desk::new("leaver", 0).await;
    let (file, path) = (desk.file(), desk.journal_path());
    let lines = complete(&file);

    written(&path, &file, &lines);
    let told = verified(&desk, 0).await;
    for line in [
        "ok          chain         ",
        "ok          plan          belongs to sha256:",
        "not checked report        ",
        "ok          applies       1 begun, the last one ended 1970",
        "ok          outcomes      every write that was announced has one",
        "ok          complete      all ",
    ] {
        assert!(told.contains(line), "{line}\n---\n{told}");
    }

    // Every line edited, taken out, doubled or swapped with the next one is told by its number.
    let whole = std::fs::read_to_string(&path).unwrap();
    let all: Vec<&str> = whole.split_inclusive('\n').collect();
    for number in 1..all.len() - 1 {
        for (kind, edited) in [
            (
                "edited",
                [
                    &all[..number],
                    &[&*all[number].replace("1970", "1971")],
                    &all[number + 1..],
                ]
                .concat(),
            ),
            ("taken out", [&all[..number], &all[number + 1..]].concat()),
            ("doubled", [&all[..=number], &all[number..]].concat()),
            ("swapped", {
                let mut lines = all.clone();
                lines.swap(number, number + 1);
                lines
            }),
        ] {
            if kind == "swapped" && number + 2 > all.len() {
                continue;
            }
            std::fs::write(&path, edited.concat()).unwrap();
            let audit = halosync::apply::Audit::of(edited.concat().as_bytes());
            let told = audit.damage.join("\n");
            let near = [number, number + 1].map(|line| format!("journal line {line} "));
            assert!(
                near.iter().any(|near| told.contains(near)),
                "{kind} {number}: {told}"
            );
        }
    }
    let told = verified(&desk, 6).await;
    assert!(
        told.contains("REFUSED     chain         journal line "),
        "{told}"
    );

    std::fs::remove_file(&path).unwrap();
    written(&path, &file, &lines[..1]);
    let told = verified(&desk, 4).await;
    assert!(told.contains("did not end by itself"), "{told}");
    assert!(told.contains("line 3: the write of change "), "{told}");
    assert!(told.contains("and nothing more is known"), "{told}");
    assert!(
        told.contains("changes have no write that is done"),
        "{told}"
    );

    // An end that says all was written proves nothing without the lines.
    std::fs::remove_file(&path).unwrap();
    written(&path, &file, &[end(file.content.changes.len() as u64, 0)]);
    let told = verified(&desk, 4).await;
    assert!(
        told.contains("changes have no write that is done"),
        "{told}"
    );

    std::fs::remove_file(&path).unwrap();
    let nobody = ChangeId("nobody".into());
    written(
        &path,
        &file,
        &[outcome(&nobody, StepResult::Done), end(1, 0)],
    );
    let told = verified(&desk, 6).await;
    assert!(
        told.contains("a write for change nobody that the plan does not have"),
        "{told}"
    );
    assert!(
        told.contains("line 3: the outcome of a write for change nobody that was never announced"),
        "{told}"
    );

    let journal = path.display().to_string();
    let json = ["verify", "journal", &journal, "--format", "json"];
    let json = desk.run(&json).await.expect(6).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    super::as_the_schema_says(&json);
    assert_eq!(
        (&json["of"], &json["exitCode"]),
        (&"journal".into(), &6.into())
    );
    desk.run(&["verify", "journal", "nothing.jsonl"])
        .await
        .expect(64);
    desk.run(&["verify", "journal", "mapping.yaml"])
        .await
        .expect(6);
    std::fs::write(desk.path().join("empty"), "").unwrap();
    desk.run(&["verify", "journal", "empty"]).await.expect(6);
    desk.run(&["verify"]).await.expect(64);
}

#[tokio::test]
async fn where_plans_are_sealed_a_journal_names_nobody_unless_asked() {
    let desk = Desk::new("leaver", 0).await;
    // `verify` of a plan takes no folder that apply would refuse.
    let nowhere = desk.refused(64, &["--journal", "nowhere/x.jsonl"]).await;
    assert!(nowhere.contains("folder"), "{nowhere}");
    let (file, path) = (desk.file(), desk.journal_path());
    written(&path, &file, &[end(0, 0)]);
    let label = &file.content.changes[0].person.label;
    let dn = file.content.changes[0].object.dn.to_string();
    let told = verified(&desk, 4).await;
    assert!(told.contains(label) && told.contains(&dn), "{told}");

    let project = desk.path().join("halosync.yaml");
    let text = std::fs::read_to_string(&project).unwrap();
    let sealing = "  sealing: {recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}\n";
    std::fs::write(&project, text + sealing).unwrap();
    let told = verified(&desk, 4).await;
    assert!(!told.contains(label) && !told.contains(&dn), "{told}");
    assert!(
        told.contains("(change 1)") && told.contains("--clear shows them"),
        "{told}"
    );
    let journal = path.display().to_string();
    let clear = [
        "verify",
        "journal",
        &journal,
        "--plan",
        "plan.json",
        "--clear",
    ];
    let told = desk.run(&clear).await.expect(4).stdout;
    assert!(told.contains(label) && told.contains(&dn), "{told}");
}

/// A report that ends where the journal does.
fn report(desk: &Desk, file: &PlanFile) -> halosync::apply::Outcome {
    let journal = std::fs::read(desk.journal_path()).unwrap();
    let changes: Vec<_> = file
        .content
        .changes
        .iter()
        .map(|change| {
            serde_json::json!({
                "id": change.id, "person": change.person, "target": change.target,
                "action": change.action.kind(), "dn": change.object.dn,
                "outcome": halosync::apply::ChangeOutcome::AlreadyAsDesired {},
            })
        })
        .collect();
    let report = serde_json::json!({
        "format": "halosync/outcome/v1", "plan": file.digest, "project": file.content.project,
        "started": at(), "finished": at(), "resumed": false, "verdict": "applied",
        "counts": Counts::default(), "changes": changes,
        "journal": halosync::apply::Audit::of(&journal).end,
    });
    serde_json::from_value(report).expect("a report")
}

/// A report of an earlier apply says nothing of what came later.
#[tokio::test]
async fn an_earlier_report_is_told_and_does_not_count() {
    let desk = Desk::new("leaver", 0).await;
    let (file, path) = (desk.file(), desk.journal_path());
    let changes = file.content.changes.len() as u64;
    written(&path, &file, &[end(0, changes)]);
    let report = serde_json::to_vec(&report(&desk, &file)).unwrap();
    std::fs::write(desk.path().join("report.json"), report).unwrap();
    let journal = path.display().to_string();
    let verify = [
        "verify",
        "journal",
        &journal,
        "--plan",
        "plan.json",
        "--report",
        "report.json",
    ];
    let told = desk.run(&verify).await.expect(4).stdout;
    assert!(
        told.contains("ends at line 3, as the report says"),
        "{told}"
    );
    assert!(
        told.contains("every change is as planned by the report"),
        "{told}"
    );
    written(&path, &file, &[end(0, changes)]);
    let told = desk.run(&verify).await.expect(4).stdout;
    for line in [
        "has the line 3 the report ends with, and 2 written since, by 1 more apply: the report is an earlier one, and nothing in it counts for what came later; name that of the last apply",
        "changes have no write that is done, those included that were found as desired",
    ] {
        assert!(told.contains(line), "{line}\n---\n{told}");
    }
}

/// What tells of nothing is not taken for an apply that did nothing.
#[tokio::test]
async fn a_journal_that_tells_of_nothing_is_not_undone() {
    let desk = Desk::new("leaver", 0).await;
    let (file, path) = (desk.file(), desk.journal_path());
    written(&path, &file, &complete(&file));
    let whole = std::fs::read(&path).unwrap();
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let undo = async |bytes: &[u8], exit: i32| {
        std::fs::write(&path, bytes).unwrap();
        let undo = ["undo", "--plan", "plan.json", "--from", "reads"];
        desk.run(&undo).await.expect(exit)
    };
    for (cut, says) in [
        (
            0,
            "it is empty, so nothing tells what the apply of this plan wrote",
        ),
        (12, "it ends within its first line"),
        (header - 1, "it ends within its first line"),
    ] {
        let told = undo(&whole[..cut], 64).await;
        assert!(told.stderr.contains(says), "{cut}: {}", told.stderr);
        assert!(
            told.stderr.contains("bring the journal back"),
            "{}",
            told.stderr
        );
    }
    // An apply that was killed before its first write leaves no more than this.
    let told = undo(&whole[..header], 0).await;
    assert!(told.stderr.contains("tells of no write"), "{}", told.stderr);
    // But its report knows of more.
    std::fs::write(&path, &whole).unwrap();
    let mut report = report(&desk, &file);
    report.counts.done = file.content.changes.len() as u64;
    let beside = path
        .to_str()
        .unwrap()
        .replace(".journal.jsonl", ".report.json");
    std::fs::write(&beside, serde_json::to_vec(&report).unwrap()).unwrap();
    let told = undo(&whole[..header], 64).await;
    assert!(
        told.stderr.contains("tells of no write, and ") && told.stderr.contains("says that"),
        "{}",
        told.stderr
    );
    // Of one that was cut off it is said, and what is left of it is undone.
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let told = undo(&lines[..4].concat(), 0).await;
    let says = format!(
        "says that the journal had {} lines, and this one has 4",
        lines.len()
    );
    assert!(told.stderr.contains(&says), "{}", told.stderr);

    // Whose a torn journal is, nobody says; so it is not said to be another plan's.
    std::fs::write(&path, &whole[..12]).unwrap();
    let journal = path.display().to_string();
    let verify = [
        "verify",
        "journal",
        &journal,
        "--plan",
        "plan.json",
        "--report",
        &beside,
    ];
    let told = desk.run(&verify).await.expect(6).stdout;
    assert!(!told.contains("another plan"), "{told}");
    assert!(
        told.contains("nothing in the journal says whose it is"),
        "{told}"
    );
    let says = format!(
        "the journal had {} lines when the report was written",
        lines.len()
    );
    assert!(told.contains(&says), "{told}");
}

/// What an earlier report said is not said of all changes when it is the lines that say they are done.
#[tokio::test]
async fn a_torn_end_is_told_without_a_report_that_does_not_count() {
    let desk = Desk::new("leaver", 0).await;
    let (file, path) = (desk.file(), desk.journal_path());
    let mut lines = complete(&file);
    lines.pop();
    written(&path, &file, &lines);
    let told = verified(&desk, 4).await;
    assert!(
        told.contains(
            "every change has a write that is done, but the last apply did not end saying so"
        ),
        "{told}"
    );
}
