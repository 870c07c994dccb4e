//! The journal's chain, as anybody can check it.

use std::process::Command;

use halosync::apply::{Journal, Line, Recorded, Step};
use halosync::plan::ChangeId;

/// A journal with some lines, by the code that writes them.
pub(super) fn journal(path: &std::path::Path, plan: &str) {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let journal = Journal::open(path, plan, "0", at).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let lines: Vec<Line> = (0..20)
            .map(|number| Line::Intent {
                change: ChangeId(format!("change-{number}").into()),
                step: Step::Write,
                at,
                object: None,
                dn: Some("CN=Zoë \\ \"Ä\",DC=example,DC=test".to_owned()),
                before: [("description".to_owned(), vec!["a\nb\t%s".to_owned()])].into(),
            })
            .collect();
        // All at once: what is flushed together is linked in the order it is written.
        let appended = futures::future::join_all(lines.iter().map(|line| journal.append(line)));
        for result in appended.await {
            result.unwrap();
        }
        assert_eq!(journal.end().lines, 22);
    });
}

#[cfg(unix)]
#[test]
fn the_documented_commands_check_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.journal.jsonl");
    journal(&path, "sha256:a");
    let docs = include_str!("../../../docs/apply.md");
    let chain = docs.split("### The chain").nth(1).unwrap();
    let commands: Vec<&str> = chain
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let run = |command: &str| {
        let run = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    let bytes = std::fs::read(&path).unwrap();
    let read = Recorded::read(&bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();

    let fourth = run(commands[0]);
    let fifth = text.lines().nth(4).unwrap();
    assert_eq!(fourth.split_whitespace().next(), fifth.get(13..77));

    let whole = format!("{} {}\n", read.end.lines, read.end.head);
    assert_eq!(run(commands[1]), whole);
    std::fs::write(&path, text.replace("change-3\"", "change-x\"")).unwrap();
    let told = run(commands[1]);
    assert!(
        told.starts_with("line 7 does not follow the line before it\n"),
        "{told}"
    );
}
