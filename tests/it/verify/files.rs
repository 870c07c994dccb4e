//! Files and directories that commands are given: what is none of theirs is refused by name and with a way out, and
//! nothing of the project is written over.

use super::journals::complete;
use super::{Desk, written};

/// Names that lead to nothing a command can use.
const FOREIGN: [&str; 7] = [
    "nope/missing",
    "folder",
    "empty",
    "page.html",
    "yaml.txt",
    "other.json",
    "bytes",
];

pub(super) fn scatter(desk: &Desk) {
    let path = |name: &str| desk.path().join(name);
    std::fs::create_dir(path("folder")).unwrap();
    for (name, text) in [
        ("empty", ""),
        (
            "page.html",
            "<!DOCTYPE html><html><body>Not found</body></html>\n",
        ),
        ("yaml.txt", "kind: Project\nmetadata: {name: other}\n"),
        ("other.json", "{\"a\": 1}\n"),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(path("bytes"), bytes).unwrap();
    std::fs::write(
        path("sealed"),
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCg==\n-----END AGE ENCRYPTED FILE-----\n",
    )
    .unwrap();
}

/// What `plan --record recording` leaves, made from the golden's reads.
pub(super) fn recording(desk: &Desk) {
    let dir = desk.path().join("recording");
    std::fs::create_dir(&dir).unwrap();
    for name in ["people.people.jsonl", "corp.directory.jsonl"] {
        std::fs::copy(desk.path().join("reads").join(name), dir.join(name)).unwrap();
    }
    std::fs::copy(desk.path().join("plan.json"), dir.join("plan.json")).unwrap();
    let mut lines = String::from("{\"format\":\"halosync/configuration/v1\"}\n");
    for path in desk.file().content.inputs.files.keys() {
        let text = std::fs::read_to_string(desk.path().join(path)).unwrap();
        lines.push_str(&serde_json::json!({"path": path, "text": text}).to_string());
        lines.push('\n');
    }
    std::fs::write(dir.join("configuration.jsonl"), lines).unwrap();
}

#[tokio::test]
async fn what_is_none_of_a_commands_files_is_refused_with_a_way_out() {
    let desk = Desk::new("leaver", 0).await;
    scatter(&desk);
    let (file, path) = (desk.file(), desk.journal_path());
    written(&path, &file, &complete(&file));
    let journal = path.display().to_string();
    recording(&desk);
    let readers: [(&[&str], &[i32]); 19] = [
        (&["show", "@"], &[64, 6]),
        (&["verify", "@"], &[64, 6]),
        (&["apply", "@"], &[64, 6]),
        (&["approve", "--yes", "@"], &[64, 6]),
        (&["undo", "--plan", "@"], &[64, 6]),
        (&["verify", "journal", "@"], &[64, 6]),
        (&["verify", "journal", &journal, "--plan", "@"], &[64, 6]),
        (&["verify", "journal", &journal, "--report", "@"], &[64]),
        (&["plan", "--from", "reads", "--last-good", "@"], &[64, 6]),
        (&["plan", "--from", "@"], &[64]),
        (&["drift", "--from", "@"], &[64]),
        (&["explain", "1042", "--from", "@"], &[64]),
        (&["test", "--record", "1042", "--from", "@"], &[64]),
        (
            &[
                "undo",
                "--plan",
                "plan.json",
                "--journal",
                &journal,
                "--from",
                "@",
            ],
            &[64],
        ),
        (&["plan", "--from", "reads", "--since", "@"], &[64]),
        (&["drift", "--from", "reads", "--since", "@"], &[64]),
        (
            &[
                "plan",
                "--from",
                "reads",
                "--since",
                "recording",
                "--last-apply",
                "@",
            ],
            &[64],
        ),
        (&["show", "sealed", "--identity", "@"], &[64]),
        (
            &["undo", "--plan", "plan.json", "--journal", "@"],
            &[64, 65],
        ),
    ];
    for (command, codes) in readers {
        for name in FOREIGN {
            let arguments: Vec<&str> = command
                .iter()
                .map(|one| if *one == "@" { name } else { one })
                .collect();
            let run = desk.run(&arguments).await;
            let told = format!("{}{}", run.stdout, run.stderr);
            assert!(
                codes.contains(&run.code),
                "{arguments:?}: {}\n{told}",
                run.code
            );
            // An empty journal tells of no write, and that is no mistake in the command line.
            if run.code == 65 {
                assert_eq!(name, "empty", "{arguments:?}");
                continue;
            }
            // A missing file is always the command line, never the plan.
            if ["nope/missing", "folder"].contains(&name) {
                assert_eq!(run.code, 64, "{arguments:?}\n{told}");
            }
            // `verify journal` tells of the journal that was named, and repeats no name.
            let unnamed = told.contains("identity") || told.contains("REFUSED     chain");
            assert!(told.contains(name) || unnamed, "{arguments:?}\n{told}");
            assert!(
                told.contains("help: ") || told.contains("→ "),
                "no way out: {arguments:?}\n{told}"
            );
            for words in [
                "os error",
                "entity not found",
                "EOF while",
                "expected value at line",
            ] {
                let at_journal = command.contains(&"journal") || command.contains(&"--journal");
                assert!(
                    !told.contains(words)
                        || at_journal
                        || command.contains(&"--last-apply")
                        || command.contains(&"--report"),
                    "{arguments:?}\n{told}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_directory_that_is_named_and_missing_is_a_wrong_command_line() {
    let desk = Desk::new("leaver", 0).await;
    let missing = desk.run(&["validate", "-C", "nope"]).await.expect(64);
    assert!(missing.stderr.contains("nope"), "{}", missing.stderr);
    assert!(missing.stderr.contains("help: "), "{}", missing.stderr);
}

#[tokio::test]
async fn a_recording_is_written_neither_into_the_project_nor_over_anything_else() {
    let desk = Desk::new("leaver", 0).await;
    recording(&desk);
    std::fs::create_dir(desk.path().join("rules")).unwrap();
    let project = desk.path().join("halosync.yaml");
    let text = std::fs::read_to_string(&project).unwrap();
    std::fs::rename(
        desk.path().join("groups.yaml"),
        desk.path().join("rules/groups.yaml"),
    )
    .unwrap();
    let include = "spec:\n  include: [\"*.yaml\", \"rules/*.yaml\"]\n";
    std::fs::write(&project, text.replace("spec:\n", include)).unwrap();
    desk.run(&["validate"]).await.expect(0);
    std::fs::create_dir(desk.path().join("mine")).unwrap();
    std::fs::write(desk.path().join("mine/plan.json"), "{\"mine\": true}\n").unwrap();
    std::fs::write(desk.path().join("notes"), "mine\n").unwrap();
    for (dir, why) in [
        (".", "holds configuration of the project"),
        (
            "rules",
            "holds configuration of the project (rules/groups.yaml)",
        ),
        ("mine", "exists and is something else"),
        ("notes", "is a file, and a directory is wanted"),
    ] {
        let refused = desk.run(&["plan", "--record", dir]).await.expect(64);
        assert!(refused.stderr.contains(why), "{dir}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("help: "),
            "{dir}: {}",
            refused.stderr
        );
        assert!(refused.stdout.is_empty(), "{dir}: {}", refused.stdout);
    }
    assert_eq!(
        std::fs::read_dir(desk.path().join("rules"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        std::fs::read_dir(desk.path().join("mine")).unwrap().count(),
        1
    );
    // An earlier recording is replaced, and a new directory made: what is missing then are the systems to read from.
    for dir in ["recording", "new", "folder/new"] {
        let missing = desk.run(&["plan", "--record", dir]).await.expect(65);
        assert!(
            missing.stderr.contains("is not set"),
            "{dir}: {}",
            missing.stderr
        );
    }
}

#[tokio::test]
async fn a_plan_for_another_moment_is_not_offered_for_applying() {
    let desk = Desk::new("leaver", 0).await;
    for (moment, why) in [
        (
            "2020-01-01T00:00:00Z",
            "what it is made from was read later",
        ),
        ("2099-01-01T00:00:00Z", "which is still to come"),
    ] {
        let plan = [
            "plan",
            "--from",
            "reads",
            "--out",
            "other.json",
            "--as-of",
            moment,
        ];
        let made = desk.run(&plan).await;
        assert!([0, 3].contains(&made.code), "{}", made.stderr);
        assert!(
            made.stderr.contains("plan written to other.json"),
            "{}",
            made.stderr
        );
        assert!(!made.stderr.contains("apply it with"), "{}", made.stderr);
        assert!(
            made.stderr.contains("apply refuses it: "),
            "{}",
            made.stderr
        );
        assert!(made.stderr.contains(why), "{}", made.stderr);
        assert!(
            made.stderr.contains("plan without --as-of"),
            "{}",
            made.stderr
        );
        // In the same words.
        let refused = desk.run(&["apply", "other.json"]).await.expect(6);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    // Moments at the end of time are no reason to end otherwise than by refusing.
    let odd = Desk::new("leaver", 0).await;
    odd.forge(|plan| {
        plan.as_of = jiff::Timestamp::MIN;
        plan.not_after = jiff::Timestamp::MAX;
        let inputs = &mut plan.inputs;
        let people = inputs.people.values_mut().map(|read| &mut read.read_at);
        let directories = inputs.directories.values_mut();
        let directories = directories.map(|read| &mut read.read_at);
        people.chain(directories).for_each(|at| *at = plan.as_of);
    });
    odd.refused(6, &[]).await;
    // Of a read that is days old nobody says at this moment that it is true.
    let old = Desk(crate::explain::recorded("leaver"));
    let now = super::now();
    let plan = ["plan", "--from", "reads", "--out", "plan.json", "--as-of"];
    let made = old.run(&[&plan[..], &[&now]].concat()).await.expect(0);
    let why = "longer ago than a plan is valid for";
    assert!(made.stderr.contains(why), "{}", made.stderr);
    let told = old.refused(6, &[]).await;
    assert!(told.contains(why), "{told}");
    let now = desk
        .run(&[
            "plan",
            "--from",
            "reads",
            "--out",
            "now.json",
            "--as-of",
            &desk.file().content.as_of.to_string(),
        ])
        .await;
    assert!(
        now.stderr
            .contains("apply it with: halosync apply now.json"),
        "{}",
        now.stderr
    );
}

#[tokio::test]
async fn the_report_of_a_plan_that_guards_hold_whole_is_written() {
    let desk = Desk::new("leaver", 0).await;
    std::fs::write(
        desk.path().join("guards.yaml"),
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: nothing, actions: [any], max: 0, onBreach: holdAll}\n",
    )
    .unwrap();
    desk.plan(3).await;
    assert_eq!(desk.file().content.changes.len(), 0);
    let held = desk
        .run(&["apply", "plan.json", "--report", "held.json"])
        .await
        .expect(3);
    assert!(
        held.stderr.contains("guards hold all of them"),
        "{}",
        held.stderr
    );
    assert!(held.stderr.contains("report: held.json"), "{}", held.stderr);
    let report = std::fs::read_to_string(desk.path().join("held.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["plan"], desk.file().digest);
    assert_eq!(report["changes"].as_array().map(Vec::len), Some(0));
    let told = std::fs::read_to_string(desk.path().join("held.md")).unwrap();
    assert!(told.contains("guards hold"), "{told}");
    assert!(!told.contains("everything was as planned"), "{told}");
    // Nothing that is somebody's is replaced by it.
    desk.run(&["apply", "plan.json", "--report", "guards.yaml"])
        .await
        .expect(64);
}
