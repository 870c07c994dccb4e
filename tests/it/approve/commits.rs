//! Whoever rewrites a plan may name any commit in it: what the repository says of that counts, and what it does not tell
//! makes one more signature.

use std::path::Path;
use std::process::{Command, Stdio};

use halosync::plan;

use super::people::ANYBODY;
use super::{Desk, git};

const JANE: &str = "Jane Doe <jane@example.com>";
const PAT: &str = "Pat Poe <pat@example.com>";
const ONLY_SAM: &str = "high risk: 1 of 2 approved (sam@identity.example.com), 1 missing; jane@example.com is the author of the configuration and does not count";
const BOTH: &str = "high risk: 2 of 2 approved";
const ONE_MORE: &str = "high risk: 2 of 3 approved";

fn read(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Desk {
    /// Changes the mapping in a commit of somebody's, and gives the commit.
    fn change(&self, author: &str, line: &str) -> String {
        let mapping = self.path().join("mapping.yaml");
        let text = std::fs::read_to_string(&mapping).unwrap();
        std::fs::write(&mapping, format!("{text}# {line}\n")).unwrap();
        git(
            self.path(),
            &["commit", "-q", "-a", "-m", line, "--author", author],
        );
        self.head()
    }

    fn head(&self) -> String {
        read(self.path(), &["rev-parse", "HEAD"])
    }

    async fn planned(&self) {
        self.run(&["plan", "--from", "reads", "--out", "plan.json"])
            .await
            .expect(0);
    }

    /// Has the plan name another commit and author, with a digest that is right.
    fn names(&self, commit: &str, author: &str) {
        let path = self.path().join("plan.json");
        let mut content = plan::read(&std::fs::read(&path).unwrap()).unwrap().content;
        content.inputs.commit = Some(commit.to_owned());
        content.inputs.author = Some(author.to_owned());
        std::fs::write(&path, plan::to_bytes(&plan::seal(content))).unwrap();
    }

    /// Jane and Sam sign the plan as it stands; what is said of it then.
    async fn judged(&self) -> String {
        for person in ["jane@example.com", "sam@identity.example.com"] {
            self.approve(person).await.expect(0);
        }
        self.run(&["show", "plan.json"]).await.expect(0).stdout
    }

    /// A clone of the one commit that is checked out.
    fn shallow(&self) -> tempfile::TempDir {
        let clone = tempfile::tempdir().unwrap();
        let from = format!("file://{}", self.path().display());
        git(clone.path(), &["clone", "-q", "--depth", "1", &from, "."]);
        clone
    }

    /// What is said in another folder of the plan with the signatures it has.
    async fn judged_in(&self, folder: &Path) -> String {
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with("plan.json") {
                std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
            }
        }
        let shown = crate::support::halosync(folder, &self.environment, &["show", "plan.json"]);
        shown.await.expect(0).stdout
    }

    async fn says(&self, wanted: &[&str]) {
        let told = self.judged().await;
        for wanted in wanted {
            assert!(told.contains(wanted), "{wanted}\n---\n{told}");
        }
    }
}

/// A plan of Jane's, who is a signer, after a change of Pat's.
async fn desk() -> (Desk, String, String) {
    let desk = Desk::new().await;
    std::fs::write(desk.path().join("guards.yaml"), ANYBODY).unwrap();
    std::fs::write(desk.path().join(".gitignore"), "plan.json*\n").unwrap();
    git(desk.path(), &["add", "-A"]);
    let pats = desk.change(PAT, "of pat");
    let janes = desk.change(JANE, "of jane");
    desk.planned().await;
    desk.says(&[ONLY_SAM]).await;
    (desk, pats, janes)
}

#[tokio::test]
async fn another_commit_than_that_of_the_files_makes_nobody_else_the_author() {
    let (desk, pats, _) = desk().await;
    desk.names(&pats, "pat@example.com");
    desk.says(&[
        ONE_MORE,
        &format!(
            "commit {}, which the plan names, does not hold the plan's files (mapping.yaml), so nobody knows who its author is, and one more must approve",
            &pats[..12]
        ),
    ])
    .await;
    let verify = desk
        .run(&["verify", "plan.json", "--from", "reads"])
        .await
        .stdout;
    assert!(verify.contains("inputs.uncommitted"), "{verify}");
    // Of a commit that nobody has, the one that is checked out stands in, and it is Jane's.
    desk.names(&"1".repeat(40), "nobody@example.com");
    desk.says(&[ONLY_SAM]).await;
    let verify = desk
        .run(&["verify", "plan.json", "--from", "reads"])
        .await
        .stdout;
    assert!(
        verify.contains("byte for byte; not compared: its commit and author"),
        "{verify}"
    );
    // A branch that is called like the beginning of a commit is none.
    git(desk.path(), &["branch", "deadbeef", &pats]);
    desk.names("deadbeef", "pat@example.com");
    desk.says(&[ONLY_SAM]).await;
}

#[tokio::test]
async fn the_same_files_in_another_commit_make_nobody_else_the_author() {
    let (desk, _, janes) = desk().await;
    let path = desk.path();
    // Somebody else's commit on top that changes nothing of the configuration.
    git(
        path,
        &["commit", "-q", "--allow-empty", "-m", "x", "--author", PAT],
    );
    std::fs::write(path.join("README.md"), "words").unwrap();
    git(path, &["add", "README.md"]);
    git(path, &["commit", "-q", "-m", "words", "--author", PAT]);
    desk.planned().await;
    desk.says(&[ONLY_SAM]).await;
    // The same change once more, on a branch nobody reviewed, under another name.
    git(path, &["checkout", "-q", "-b", "side", &janes]);
    git(
        path,
        &["commit", "-q", "--amend", "--author", PAT, "--no-edit"],
    );
    let side = desk.head();
    git(path, &["checkout", "-q", "master"]);
    desk.names(&side, "pat@example.com");
    desk.says(&[ONLY_SAM]).await;
    // The address of a commit is not the plan's to say.
    desk.names(&janes, "pat@example.com");
    desk.says(&[ONLY_SAM]).await;
    let verify = desk
        .run(&["verify", "plan.json", "--from", "reads"])
        .await
        .stdout;
    assert!(
        verify.contains("inputs.author is \"pat@example.com\""),
        "{verify}"
    );
}

/// Whoever merges has not written what is merged.
#[tokio::test]
async fn a_merge_is_its_branchs_and_a_shallow_clone_does_not_tell_whose() {
    let (desk, pats, janes) = desk().await;
    let path = desk.path();
    git(path, &["checkout", "-q", "-B", "trunk", &pats]);
    git(path, &["merge", "-q", "--no-ff", "-m", "merge", &janes]);
    desk.planned().await;
    // Jane's, although Pat merged.
    desk.says(&[ONLY_SAM]).await;
    let clone = desk.shallow();
    let told = desk.judged_in(clone.path()).await;
    assert!(told.contains(ONE_MORE), "{told}");
    assert!(
        told.contains("rests on a merge, and this clone does not have what was merged (in CI, fetch with the whole history)"),
        "{told}"
    );
    git(clone.path(), &["fetch", "-q", "--unshallow"]);
    let told = desk.judged_in(clone.path()).await;
    assert!(told.contains(ONLY_SAM), "{told}");
    // Without a repository nobody knows anything.
    std::fs::remove_dir_all(clone.path().join(".git")).unwrap();
    let told = desk.judged_in(clone.path()).await;
    assert!(told.contains(ONE_MORE), "{told}");
    assert!(told.contains("git knows no repository at "), "{told}");
}

/// A merge that is like neither side is also of whoever wrote what was merged.
#[tokio::test]
async fn of_a_merge_that_joins_changes_of_both_sides_the_branchs_author_does_not_count() {
    let (desk, pats, janes) = desk().await;
    let path = desk.path();
    git(path, &["checkout", "-q", "-B", "trunk", &pats]);
    std::fs::write(path.join("guards.yaml"), format!("{ANYBODY}# more\n")).unwrap();
    git(path, &["commit", "-q", "-a", "-m", "more", "--author", PAT]);
    git(path, &["merge", "-q", "--no-ff", "-m", "merge", &janes]);
    desk.planned().await;
    desk.says(&[ONLY_SAM]).await;
}

/// What was merged into a branch before it was merged itself takes the author from nobody, however often.
#[tokio::test]
async fn a_branch_that_was_brought_up_to_date_is_still_its_authors() {
    let (desk, pats, janes) = desk().await;
    let path = desk.path();
    git(path, &["branch", "feature", &janes]);
    git(path, &["checkout", "-q", "-B", "trunk", &pats]);
    for line in ["one", "two"] {
        git(path, &["checkout", "-q", "trunk"]);
        std::fs::write(path.join("guards.yaml"), format!("{ANYBODY}# {line}\n")).unwrap();
        git(path, &["commit", "-q", "-a", "-m", line, "--author", PAT]);
        git(path, &["checkout", "-q", "feature"]);
        git(path, &["merge", "-q", "--no-ff", "-m", "update", "trunk"]);
    }
    git(path, &["checkout", "-q", "trunk"]);
    git(path, &["merge", "-q", "--no-ff", "-m", "merge", "feature"]);
    desk.planned().await;
    desk.says(&[ONLY_SAM]).await;
}

/// Whoever changes what a link leads to changes the configuration.
#[cfg(unix)]
#[tokio::test]
async fn a_file_behind_a_link_is_its_authors() {
    let (desk, ..) = desk().await;
    let path = desk.path();
    std::fs::create_dir(path.join("shared")).unwrap();
    git(path, &["mv", "mapping.yaml", "shared/mapping.txt"]);
    std::os::unix::fs::symlink("shared/mapping.txt", path.join("mapping.yaml")).unwrap();
    git(path, &["add", "-A"]);
    desk.change(PAT, "of pat");
    desk.planned().await;
    desk.says(&[BOTH]).await;
    desk.change(JANE, "of jane");
    let empty = ["commit", "-q", "--allow-empty", "-m", "x", "--author", PAT];
    git(path, &empty);
    desk.planned().await;
    desk.says(&[ONLY_SAM]).await;
}

/// An honest plan whose author does not sign is approved as before, from a shallow clone of one commit, too.
#[tokio::test]
async fn a_shallow_clone_of_the_plans_commit_is_enough() {
    let (desk, _, _) = desk().await;
    desk.change(PAT, "of pat again");
    desk.planned().await;
    desk.says(&[BOTH]).await;
    let clone = desk.shallow();
    let told = desk.judged_in(clone.path()).await;
    assert!(told.contains(BOTH), "{told}");
}
