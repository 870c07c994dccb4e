//! Names on the command line: places that nothing is written to, files that are something else, numbers that count nothing.

use super::files::{recording, scatter};
use super::journals::complete;
use super::{Desk, written};

/// Places, and a word on why each is refused.
type Misplaced = &'static [(&'static str, &'static str)];

/// Options that name what is written, each with places it does not belong in, and a word on why.
const PLACES: &[(&[&str], Misplaced)] = &[
    (
        &["plan", "--from", "reads", "--out", "@"],
        &[
            ("halosync.yaml", "is configuration of the project"),
            ("link", "is configuration of the project"),
            ("new.yaml", "would be read as configuration"),
            (".git/plan.json", "is in git's own folder"),
            ("folder", "is a folder, and a file is wanted"),
            ("nope/plan.json", "stands in a folder that does not exist"),
            ("empty/plan.json", "stands below a file"),
        ],
    ),
    (
        &["plan", "--cache", "@"],
        &[
            (".", "holds configuration of the project (directory.yaml)"),
            ("empty", "is a file, and a directory is wanted"),
            ("empty/below", "stands below a file"),
            (".git/objects", "is in git's own folder"),
        ],
    ),
    (
        &["plan", "--record", "@"],
        &[
            (".git", "is in git's own folder"),
            ("folder", "holds notes.txt, which is not of a recording"),
            ("empty", "is a file, and a directory is wanted"),
        ],
    ),
    (
        &["apply", "plan.json", "--journal", "@"],
        &[
            ("groups.yaml", "is configuration of the project"),
            (".git/config", "is in git's own folder"),
            ("folder", "is a folder, and a file is wanted"),
            ("page.html", "this is no journal: it is a web page"),
            ("plan.json", "are the same file: plan.json"),
        ],
    ),
    (
        &["apply", "plan.json", "--report", "@"],
        &[
            ("halosync.yaml", "is configuration of the project"),
            (".git/hooks", "is in git's own folder"),
            ("folder", "is a folder, and a file is wanted"),
            ("summary.md", "the name of the summary"),
            ("README.json", "README.md exists and is something else"),
        ],
    ),
    (
        &["apply", "plan.json", "--names", "@"],
        &[
            ("groups.yaml", "is configuration of the project"),
            (".git/names.csv", "is in git's own folder"),
            ("folder", "is a folder, and a file is wanted"),
        ],
    ),
    (
        &["plan", "--out", "new", "--record", "@"],
        &[("./new", "are the same file: ")],
    ),
    (
        &["apply", "plan.json", "--passwords", "@"],
        &[
            ("page.html", "is a file, and a directory is wanted"),
            ("nope", "does not exist"),
            (".git", "is in git's own folder"),
        ],
    ),
    (
        &["schema", "--out", "@"],
        &[
            (".", "is the folder of a project"),
            (".git", "is in git's own folder"),
            ("page.html", "is a file, and a directory is wanted"),
            ("taken", "exists and is something else"),
        ],
    ),
];

#[tokio::test]
async fn nothing_is_written_where_it_does_not_belong() {
    let desk = Desk::new("leaver", 0).await;
    scatter(&desk);
    let path = |name: &str| desk.path().join(name);
    std::fs::create_dir(path(".git")).unwrap();
    std::fs::write(path(".git/config"), "[core]\n").unwrap();
    std::fs::write(path("folder/notes.txt"), "mine\n").unwrap();
    std::fs::write(path("README.md"), "# Mine\n").unwrap();
    std::fs::create_dir(path("taken")).unwrap();
    std::fs::write(path("taken/plan.schema.json"), "{\"mine\": true}\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("halosync.yaml", path("link")).unwrap();
    #[cfg(not(unix))]
    std::fs::hard_link(path("halosync.yaml"), path("link")).unwrap();
    let before = everything(desk.path());
    for (command, places) in PLACES {
        for (place, why) in *places {
            let arguments: Vec<&str> = command
                .iter()
                .map(|one| if *one == "@" { *place } else { *one })
                .collect();
            let run = desk.run(&arguments).await.expect(64);
            assert!(run.stderr.contains(why), "{arguments:?}\n{}", run.stderr);
            assert!(
                run.stderr.contains("help: "),
                "{arguments:?}\n{}",
                run.stderr
            );
            assert_eq!(run.stdout, "", "{arguments:?}");
        }
    }
    assert_eq!(everything(desk.path()), before);
}

/// Every file below a folder, with what it holds.
fn everything(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    crate::schema::files_below(folder).into_iter().collect()
}

#[tokio::test]
async fn places_that_belong_to_nobody_are_taken() {
    let desk = Desk::new("leaver", 0).await;
    recording(&desk);
    // What git and interrupted writes leave is no part of a recording, and neither is it foreign.
    std::fs::write(desk.path().join("recording/.gitignore"), "*\n").unwrap();
    // A source that has another name by now.
    std::fs::rename(
        desk.path().join("recording/people.people.jsonl"),
        desk.path().join("recording/older.people.jsonl"),
    )
    .unwrap();
    for arguments in [
        ["plan", "--record", "recording"],
        ["plan", "--record", "new/deeper"],
        ["plan", "--cache", "cache"],
        ["plan", "--out", "other.json"],
    ] {
        let missing = desk.run(&arguments).await.expect(65);
        assert!(
            missing.stderr.contains("is not set"),
            "{arguments:?}: {}",
            missing.stderr
        );
    }
    for dir in ["schemas", "schemas"] {
        desk.run(&["schema", "--out", dir]).await.expect(0);
    }
}

#[tokio::test]
async fn a_key_that_is_named_and_is_none_ends_the_command_before_anything_is_read() {
    let desk = Desk::new("leaver", 0).await;
    scatter(&desk);
    let told = |run: crate::support::Run, name: &str| {
        assert!(run.stderr.contains(name), "{}", run.stderr);
        assert!(
            run.stderr.contains("--identity or HALOSYNC_IDENTITY_FILE"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "", "{}", run.stderr);
    };
    for name in ["/nope", "folder", "empty", "page.html", "bytes"] {
        let plan = ["plan", "--from", "reads"];
        let named = [&plan[..], &["--identity", name]].concat();
        told(desk.run(&named).await.expect(64), name.trim_matches('/'));
        let environment = [("HALOSYNC_IDENTITY_FILE".to_owned(), name.to_owned())].into();
        let run = crate::support::halosync(desk.path(), &environment, &plan).await;
        told(run.expect(64), name.trim_matches('/'));
        // Nothing is opened by these.
        let validated = crate::support::halosync(desk.path(), &environment, &["validate"]).await;
        validated.expect(0);
    }
}

#[tokio::test]
async fn a_file_is_no_project() {
    let desk = Desk::new("leaver", 0).await;
    scatter(&desk);
    let file = desk.run(&["validate", "-C", "page.html"]).await.expect(64);
    assert!(
        file.stderr
            .contains("page.html is a file, and no folder of a project"),
        "{}",
        file.stderr
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let empty = elsewhere.path().display().to_string();
    let none = desk.run(&["validate", "-C", &empty]).await.expect(64);
    assert!(
        none.stderr.contains("no halosync.yaml in"),
        "{}",
        none.stderr
    );
    let missing = desk.run(&["validate", "-C", "nope"]).await.expect(64);
    assert!(
        missing.stderr.contains("there is no such folder"),
        "{}",
        missing.stderr
    );
    // The project's own file means its folder.
    desk.run(&["validate", "-C", "halosync.yaml"])
        .await
        .expect(0);
}

#[tokio::test]
async fn one_file_in_place_of_another_is_called_by_its_name() {
    let desk = Desk::new("leaver", 0).await;
    let (file, path) = (desk.file(), desk.journal_path());
    written(&path, &file, &complete(&file));
    let journal = path.display().to_string();
    for (name, arguments) in [
        ("shown.txt", vec!["show", "plan.json"]),
        (
            "shown.md",
            vec!["show", "plan.json", "--format", "markdown"],
        ),
        (
            "redacted.json",
            vec!["show", "plan.json", "--redacted", "--format", "json"],
        ),
        (
            "verified.json",
            vec!["verify", "journal", &journal, "--format", "json"],
        ),
    ] {
        let shown = desk.run(&arguments).await;
        std::fs::write(desk.path().join(name), shown.stdout).unwrap();
    }
    for (arguments, exit, why) in [
        (
            vec!["show", &journal],
            6,
            "this is no plan: it is the journal of an apply",
        ),
        (
            vec!["show", "shown.txt"],
            6,
            "this is no plan: it is a plan as it is shown to people",
        ),
        (
            vec!["show", "shown.md"],
            6,
            "this is no plan: it is a plan as it is shown to people",
        ),
        (
            vec!["show", "redacted.json"],
            6,
            "names nobody and cannot be applied",
        ),
        (vec!["show", "verified.json"], 6, "which is for reading"),
        (
            vec!["show", "reads/people.people.jsonl"],
            6,
            "this is no plan: it is a read of people from a recording",
        ),
        (
            vec!["verify", "journal", "plan.json"],
            6,
            "this is no journal: it is a plan",
        ),
        (
            vec!["undo", "--plan", "plan.json", "--journal", "plan.json"],
            64,
            "this is no journal: it is a plan",
        ),
        (
            vec!["undo", "--journal", "nope.journal.jsonl"],
            64,
            "cannot read nope.journal.jsonl: there is no such file",
        ),
        (
            vec!["verify", "journal", &journal, "--report", "plan.json"],
            64,
            "this is no report of an apply: it is a plan",
        ),
    ] {
        let run = desk.run(&arguments).await.expect(exit);
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(told.contains(why), "{arguments:?}\n{told}");
        assert!(
            told.contains("help: ") || told.contains("→ "),
            "{arguments:?}\n{told}"
        );
    }
}

#[tokio::test]
async fn numbers_and_days_out_of_range_are_told_for_what_they_are() {
    let desk = Desk::new("leaver", 0).await;
    for (arguments, why) in [
        (
            ["apply", "plan.json", "--max-changes", "0"],
            "write a whole number of 1 or more",
        ),
        (
            ["apply", "plan.json", "--wave", "-1"],
            "it is below 1; write a whole number",
        ),
        (
            [
                "apply",
                "plan.json",
                "--max-changes",
                "99999999999999999999",
            ],
            "it is larger than 18446744073709551615",
        ),
        (
            ["plan", "--quiet", "--max-requests", "many"],
            "write a whole number of 1 or more",
        ),
        (
            ["plan", "--quiet", "--as-of", "9999-12-31"],
            "the years 2000 to 2200",
        ),
        (
            ["plan", "--quiet", "--as-of", "1999-12-31"],
            "the years 2000 to 2200",
        ),
        (
            ["plan", "--quiet", "--as-of", "soon"],
            "write a date such as",
        ),
    ] {
        let run = desk.run(&arguments).await.expect(64);
        assert!(run.stderr.contains(why), "{arguments:?}\n{}", run.stderr);
    }
}

/// What one option names, another would write over: told before anything is.
#[tokio::test]
async fn two_options_never_name_one_file() {
    let desk = Desk::new("leaver", 0).await;
    let before = everything(desk.path());
    for (arguments, told) in [
        (
            &["--journal", "one.jsonl", "--report", "./one.jsonl"][..],
            "the journal and the report are the same file",
        ),
        (
            &["--journal", "one.md", "--report", "one.json"],
            "the journal and the summary beside the report are the same file",
        ),
        (
            &["--names", "one.md", "--report", "one.json"],
            "the summary beside the report and the list of names are the same file",
        ),
        (
            &["--journal", "one", "--names", "reads/../one"],
            "the journal and the list of names are the same file",
        ),
    ] {
        let apply = ["apply", "plan.json"];
        let refused = desk.run(&[&apply[..], arguments].concat()).await.expect(64);
        assert!(
            refused.stderr.contains(told),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    assert_eq!(everything(desk.path()), before);
}

/// A recording replaces what is sealed, but never through a link.
#[cfg(unix)]
#[tokio::test]
async fn a_recording_writes_through_no_link() {
    let desk = Desk::new("leaver", 0).await;
    scatter(&desk);
    std::fs::create_dir(desk.path().join("kept")).unwrap();
    let link = desk.path().join("kept/people.people.jsonl");
    std::os::unix::fs::symlink("../sealed", link).unwrap();
    let before = everything(desk.path());
    let refused = desk.run(&["plan", "--record", "kept"]).await.expect(64);
    assert!(
        refused.stderr.contains("is not a regular file"),
        "{}",
        refused.stderr
    );
    assert_eq!(everything(desk.path()), before);
}
