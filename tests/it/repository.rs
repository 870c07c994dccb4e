//! What a plan says of the commit it is made from, through the binary: whose repository that is, and whether the files are
//! the commit's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::explain::recorded;
use crate::support::{git, halosync};

fn committed(folder: &Path) -> String {
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "one"]);
    git(folder, &["rev-parse", "HEAD"])
}

async fn planned(folder: &Path, environment: &[(&str, &Path)]) -> serde_json::Value {
    let environment: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.display().to_string()))
        .collect();
    let mut arguments = vec!["plan", "--from", "reads", "--format", "json"];
    if !environment.is_empty() {
        arguments.extend(["--base", "HEAD"]);
    }
    let plan = halosync(folder, &environment, &arguments).await.expect(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    plan["content"].clone()
}

async fn is_uncommitted(folder: &Path) -> bool {
    let content = planned(folder, &[]).await;
    content["inputs"]["uncommitted"] == true
}

#[tokio::test]
async fn a_repository_that_the_environment_names_is_not_asked() {
    let project = recorded("leaver");
    let ours = committed(project.path());
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("file"), "x").unwrap();
    let foreign = committed(other.path());
    assert_ne!(ours, foreign);
    let git = other.path().join(".git");
    // As a hook of the other repository has it.
    let content = planned(
        project.path(),
        &[
            ("GIT_DIR", &git),
            ("GIT_WORK_TREE", other.path()),
            ("GIT_INDEX_FILE", &git.join("index")),
            ("GIT_OBJECT_DIRECTORY", &git.join("objects")),
            ("GIT_COMMON_DIR", &git),
            ("GIT_PREFIX", Path::new("elsewhere/")),
        ],
    )
    .await;
    assert_eq!(content["inputs"]["commit"], ours.as_str());
    assert_eq!(content["inputs"]["author"], "jane@example.com");
    assert_eq!(content["base"]["commit"], ours.as_str());
    assert_eq!(content["inputs"].get("uncommitted"), None);
}

#[tokio::test]
async fn files_that_git_is_told_not_to_look_at_are_compared() {
    for hide in ["--assume-unchanged", "--skip-worktree"] {
        let project = recorded("leaver");
        let folder = project.path();
        committed(folder);
        assert!(!is_uncommitted(folder).await);
        git(folder, &["update-index", hide, "mapping.yaml"]);
        let mapping = folder.join("mapping.yaml");
        let text = std::fs::read_to_string(&mapping).unwrap();
        std::fs::write(&mapping, text.clone() + "# edited\n").unwrap();
        assert_eq!(git(folder, &["status", "--porcelain"]), "");
        assert!(is_uncommitted(folder).await, "{hide}");
        // What only the index has is in no file.
        std::fs::write(&mapping, text).unwrap();
        assert!(!is_uncommitted(folder).await, "{hide}");
    }
}

#[tokio::test]
async fn a_file_of_the_commit_that_is_gone_or_none_of_ours_any_more_is_noticed() {
    let project = recorded("leaver");
    let folder = project.path();
    let mapping = std::fs::read_to_string(folder.join("mapping.yaml")).unwrap();
    // A guard that nobody misses when it is away.
    let guard = "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: more}\nspec:\n  target: corp\n  approvals: {signers: signers, low: {people: 0}}\n";
    std::fs::write(folder.join("more.yaml"), guard).unwrap();
    std::fs::write(folder.join("signers"), "").unwrap();
    committed(folder);
    assert!(!is_uncommitted(folder).await);
    std::fs::remove_file(folder.join("more.yaml")).unwrap();
    assert!(is_uncommitted(folder).await);
    std::fs::write(folder.join("more.yaml"), "other: 1\n").unwrap();
    assert!(is_uncommitted(folder).await);
    std::fs::write(folder.join("more.yaml"), guard).unwrap();
    assert!(!is_uncommitted(folder).await);
    // Line ends are the repository's business.
    git(folder, &["config", "core.autocrlf", "true"]);
    std::fs::write(folder.join("mapping.yaml"), mapping.replace('\n', "\r\n")).unwrap();
    assert!(!is_uncommitted(folder).await);
}

#[cfg(unix)]
#[tokio::test]
async fn of_a_link_both_it_and_what_it_leads_to_must_be_the_commits() {
    let project = recorded("leaver");
    let folder = project.path();
    std::fs::rename(folder.join("mapping.yaml"), folder.join("mapping.text")).unwrap();
    std::fs::copy(folder.join("mapping.text"), folder.join("other.text")).unwrap();
    let lead = |target: &str| {
        let _ = std::fs::remove_file(folder.join("mapping.yaml"));
        std::os::unix::fs::symlink(target, folder.join("mapping.yaml")).unwrap();
    };
    lead("mapping.text");
    committed(folder);
    assert!(!is_uncommitted(folder).await);
    lead("other.text");
    assert!(is_uncommitted(folder).await);
    lead("mapping.text");
    assert!(!is_uncommitted(folder).await);
    let text = std::fs::read_to_string(folder.join("mapping.text")).unwrap();
    std::fs::write(folder.join("mapping.text"), text + "# edited\n").unwrap();
    assert!(is_uncommitted(folder).await);
}

/// A filter of the repository can make every edit look like the commit; what counts is what stands in the file.
#[tokio::test]
async fn a_clean_filter_hides_no_edit() {
    let project = recorded("leaver");
    let folder = project.path();
    committed(folder);
    let mapping = folder.join("mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, text.clone() + "# edited\n").unwrap();
    std::fs::write(folder.join(".git/info/attributes"), "*.yaml filter=f\n").unwrap();
    git(
        folder,
        &[
            "config",
            "filter.f.clean",
            "cat >/dev/null; git show HEAD:mapping.yaml",
        ],
    );
    // As git sees it.
    let filtered = git(folder, &["hash-object", "mapping.yaml"]);
    assert_eq!(filtered, git(folder, &["rev-parse", "HEAD:mapping.yaml"]));
    assert!(is_uncommitted(folder).await);
    std::fs::write(&mapping, text).unwrap();
    assert!(!is_uncommitted(folder).await);
}

/// What Git LFS keeps elsewhere is in the commit by its digest.
#[tokio::test]
async fn a_file_that_lfs_keeps_is_the_commits_by_its_digest() {
    use sha2::Digest as _;
    let project = recorded("leaver");
    let folder = project.path();
    let mapping = folder.join("mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
        hex::encode(sha2::Sha256::digest(&text)),
        text.len()
    );
    std::fs::write(&mapping, pointer).unwrap();
    committed(folder);
    std::fs::write(&mapping, &text).unwrap();
    assert!(!is_uncommitted(folder).await);
    std::fs::write(&mapping, text + "# edited\n").unwrap();
    assert!(is_uncommitted(folder).await);
}
