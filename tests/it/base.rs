//! `plan --base`: what a change of the configuration brings about, through the binary, in a repository.

use std::collections::BTreeMap;
use std::path::Path;

use crate::explain::recorded;
use crate::support::{Run, git, halosync};

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

async fn plan(folder: &Path, more: &[&str]) -> Run {
    let mut arguments = vec!["plan", "--from", "reads", "--out", "plan.json"];
    arguments.extend(more);
    halosync(folder, &BTreeMap::new(), &arguments).await
}

fn content(folder: &Path) -> serde_json::Value {
    let plan = std::fs::read(folder.join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    plan["content"].clone()
}

/// The groups' golden folder in a repository, in a folder of it.
fn repository() -> (tempfile::TempDir, std::path::PathBuf) {
    let project = recorded("groups");
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("identity");
    std::fs::rename(project.path(), &inner).unwrap();
    // Whoever cannot enter the group of their department leaves no other: that is another story.
    edit(
        &inner.join("groups.yaml"),
        "    - group: \"CN=Dept {{ person.department }},OU=Groups,DC=corp,DC=example,DC=test\"\n",
        "",
    );
    git(outer.path(), &["init", "-q", "-b", "main"]);
    std::fs::write(outer.path().join("halosync.yaml"), "not ours").unwrap();
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "one"]);
    (outer, inner)
}

#[tokio::test]
async fn what_a_pull_request_brings_about_is_told_by_line() {
    let (_outer, folder) = repository();
    let unchanged = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    assert!(
        unchanged
            .stdout
            .contains("0 of 5 changes come from the change"),
        "{}",
        unchanged.stdout
    );
    assert_eq!(content(&folder)["base"]["changes"], 0);

    edit(
        &folder.join("mapping.yaml"),
        "department: \"{{ person.department }}\"",
        "department: \"{{ person.department }} Dept\"",
    );
    edit(
        &folder.join("groups.yaml"),
        "when: \"person.department == 'Sales'\"",
        "when: \"person.department == 'Slaes'\"",
    );
    // Uncommitted edits count, and the working tree stays as it is.
    let run = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    let base = &content(&folder)["base"];
    let told: Vec<(String, String, u64)> = base["brought"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["location"]["file"].as_str().unwrap().to_owned(),
                one["does"].as_str().unwrap().to_owned(),
                one["people"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(
        told.contains(&("mapping.yaml".into(), "sets department".into(), 4)),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|(file, does, _)| file == "groups.yaml" && does == "takes out of Sales"),
        "{told:?}"
    );
    assert_eq!(
        told[0].0, "groups.yaml",
        "the dangerous line comes first: {told:?}"
    );
    let withdrawn = base["withdrawn"].as_array().unwrap();
    assert!(
        withdrawn.len() == 1 && withdrawn[0]["does"] == "adds to Sales",
        "{withdrawn:?}"
    );
    for change in content(&folder)["changes"].as_array().unwrap() {
        let kind = change["action"]["kind"].as_str().unwrap();
        let person = change["person"]["label"].as_str().unwrap();
        let expected = match kind {
            "modify" | "create" => true,
            "removeMember" => person != "To Remove",
            _ => false,
        };
        assert_eq!(change["cause"] == "config", expected, "{person} {kind}");
    }
    let at = run
        .stdout
        .find("Brought about by the change of the configuration")
        .unwrap();
    assert!(
        at < run.stdout.find("Removals and disables").unwrap(),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("4 people: sets department"),
        "{}",
        run.stdout
    );
}

#[tokio::test]
async fn a_commit_without_configuration_and_one_that_is_none_are_told_apart() {
    let (outer, folder) = repository();
    git(outer.path(), &["checkout", "-q", "--orphan", "empty"]);
    git(outer.path(), &["rm", "-q", "-r", "--cached", "."]);
    git(
        outer.path(),
        &["commit", "-q", "--allow-empty", "-m", "nothing"],
    );
    let run = plan(&folder, &["--base", "empty"]).await.expect(0);
    assert!(
        run.stdout.contains("5 of 5 changes come from"),
        "{}",
        run.stdout
    );
    let unknown = plan(&folder, &["--base", "nowhere"]).await.expect(64);
    assert!(
        unknown.stderr.contains("no commit \"nowhere\""),
        "{}",
        unknown.stderr
    );
    let option = plan(&folder, &["--base=--help"]).await.expect(64);
    assert!(option.stderr.contains("no commit"), "{}", option.stderr);
    git(outer.path(), &["checkout", "-q", "-f", "main"]);
    edit(
        &folder.join("mapping.yaml"),
        "kind: Mapping",
        "kind: Maping",
    );
    git(outer.path(), &["commit", "-q", "-a", "-m", "broken"]);
    edit(
        &folder.join("mapping.yaml"),
        "kind: Maping",
        "kind: Mapping",
    );
    let broken = plan(&folder, &["--base", "main"]).await.expect(65);
    assert!(
        broken.stderr.contains("of that commit is not valid"),
        "{}",
        broken.stderr
    );
    assert!(
        broken.stderr.contains("mapping.yaml:2"),
        "{}",
        broken.stderr
    );
}

/// A change that a guard stops is the one a reviewer has to hear of most.
#[tokio::test]
async fn what_guards_hold_of_a_pull_request_is_told_by_line() {
    let (outer, folder) = repository();
    let guards = "apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits: [{name: departments, actions: [modify], attribute: department, max: 1, onBreach: holdClass}]
";
    std::fs::write(folder.join("guards.yaml"), guards).unwrap();
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "guards"]);
    edit(
        &folder.join("mapping.yaml"),
        "department: \"{{ person.department }}\"",
        "department: \"{{ person.department }} Dept\"",
    );
    let run = plan(&folder, &["--base", "HEAD"]).await.expect(3);
    let base = &content(&folder)["base"];
    let held = &base["held"][0];
    assert_eq!(held["guard"], "departments", "{base:#}");
    assert_eq!(held["would"]["does"], "sets department");
    assert_eq!(held["would"]["location"]["file"], "mapping.yaml");
    assert!(
        run.stdout.contains("held by guard departments"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("guards hold it"), "{}", run.stdout);
}

/// What of the reading of people a plan says it did not compare: what, where, and how many changes use it.
fn not_compared(folder: &Path) -> Vec<(String, String, u64)> {
    let content = content(folder);
    let all = content["base"]["notCompared"].as_array();
    all.into_iter()
        .flatten()
        .map(|one| {
            (
                one["what"].as_str().unwrap().to_owned(),
                format!(
                    "{}:{}",
                    one["location"]["file"].as_str().unwrap(),
                    one["location"]["line"]
                ),
                one["changes"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn of_a_recording_what_other_fields_would_have_given_is_said_not_to_be_known() {
    let (_outer, folder) = repository();
    let source = folder.join("source.yaml");
    let original = std::fs::read_to_string(&source).unwrap();
    edit(
        &source,
        "department: {from: users.other3}",
        "department: {from: users.other2}",
    );
    let run = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    let told = not_compared(&folder);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].0.as_str(), told[0].1.as_str()),
        ("field department", "source.yaml:24")
    );
    let uses = |change: &serde_json::Value| change.to_string().contains("\"department\":\"");
    let changes = content(&folder)["changes"].as_array().unwrap().clone();
    let using = changes.iter().filter(|change| uses(change)).count() as u64;
    assert!(using > 0 && told[0].2 == using, "{told:?} {using}");
    for change in changes.iter().filter(|change| uses(change)) {
        assert_ne!(change["cause"], "source", "{change}");
    }
    let compared = "changes come from the change";
    assert!(!run.stdout.contains(compared), "{}", run.stdout);
    run.assert_tells(&[
        "Not told apart: the change of the configuration also changes how people are read, field department of source people",
        "nothing is known to come from what else differs",
    ]);
    // Whom a source takes in has a part in everything.
    std::fs::write(
        &source,
        original.replace("not users.isserviceaccount", "true"),
    )
    .unwrap();
    plan(&folder, &["--base", "HEAD"]).await.expect(0);
    let told = not_compared(&folder);
    assert_eq!(
        told,
        [("`include`".to_owned(), "source.yaml:15".to_owned(), 5)]
    );
    // What is asked of facts is judged twice.
    std::fs::write(&source, original.replace("unique: true", "unique: warn")).unwrap();
    let same = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    assert!(not_compared(&folder).is_empty());
    assert!(
        same.stdout.contains("0 of 5 changes come from the change"),
        "{}",
        same.stdout
    );
    // Nor do the facts of a change tell which mapping the person has.
    std::fs::write(&source, &original).unwrap();
    edit(
        &folder.join("mapping.yaml"),
        "  target: corp\n",
        "  target: corp\n  appliesTo: \"person.department != 'Nowhere'\"\n",
    );
    git(&folder, &["commit", "-q", "-a", "-m", "two"]);
    edit(
        &source,
        "department: {from: users.other3}",
        "department: {from: users.other2}",
    );
    plan(&folder, &["--base", "HEAD"]).await.expect(0);
    assert_eq!(
        not_compared(&folder),
        [(
            "field department".to_owned(),
            "source.yaml:24".to_owned(),
            5
        )]
    );
}

#[tokio::test]
async fn removals_that_a_raised_floor_holds_are_told() {
    let (_outer, folder) = repository();
    let source = folder.join("source.yaml");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text + "  completeness: {floor: 5000}\n").unwrap();
    let run = plan(&folder, &["--base", "HEAD"]).await.expect(69);
    let base = content(&folder)["base"].clone();
    let withdrawn = base["withdrawn"].as_array().expect("what became held");
    assert!(
        withdrawn
            .iter()
            .any(|one| one["does"].as_str().unwrap().starts_with("takes out of")),
        "{withdrawn:?}"
    );
    run.assert_tells(&[
        "some that commit would have made are not made any more",
        "No longer done",
    ]);
}

#[tokio::test]
async fn a_row_of_a_table_is_told_with_the_line_that_looks_into_it() {
    let (outer, folder) = repository();
    let table = "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: names}\nspec: {csv: {file: names.csv, key: from, value: to}}\n";
    std::fs::write(folder.join("table.yaml"), table).unwrap();
    std::fs::write(
        folder.join("names.csv"),
        "from,to\nSales,Sales\nResearch,Research\n",
    )
    .unwrap();
    edit(
        &folder.join("mapping.yaml"),
        "department: \"{{ person.department }}\"",
        "department: \"{{ person.department | lookup('names') }}\"",
    );
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "two"]);
    edit(&folder.join("names.csv"), "Sales,Sales", "Sales,Selling");
    let run = plan(&folder, &["--base", "HEAD"]).await;
    let base = content(&folder)["base"].clone();
    let brought = base["brought"].as_array().expect("something");
    assert!(
        brought
            .iter()
            .all(|one| one["tables"] == serde_json::json!(["names.csv"])),
        "{brought:?}"
    );
    run.assert_tells(&["it looks into names.csv, whose rows differ"]);
}

/// A commit whose rules ask for what was not read is not planned: the plan itself says so, and believes nothing besides.
#[tokio::test]
async fn a_commit_that_cannot_be_planned_is_told_in_the_plan() {
    let (outer, folder) = repository();
    let files = ["source.yaml", "mapping.yaml"].map(|name| folder.join(name));
    let originals = files
        .clone()
        .map(|file| std::fs::read_to_string(file).unwrap());
    edit(
        &files[0],
        "      title: {from: users.title}\n",
        "      title: {from: users.title}\n      nick: {from: users.nickname}\n",
    );
    edit(
        &files[1],
        "    department: \"{{ person.department }}\"\n",
        "    department: \"{{ person.nick }}\"\n",
    );
    git(outer.path(), &["commit", "-q", "-a", "-m", "nicknames"]);
    for (file, text) in files.iter().zip(&originals) {
        std::fs::write(file, text).unwrap();
    }
    let run = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    assert!(run.stderr.contains("cannot be planned"), "{}", run.stderr);
    run.assert_tells(&["Not compared: ", "cannot be planned from what was read ("]);
    let compared = "come from the change";
    assert!(!run.stdout.contains(compared), "{}", run.stdout);
    let content = content(&folder);
    let why = content["base"]["notPlanned"].as_str().expect("a reason");
    assert!(why.contains("nick"), "{why}");
    let changes = content["changes"].as_array().unwrap();
    assert!(!changes.is_empty());
    for change in changes {
        assert_ne!(change["cause"], "source", "{change}");
    }
    let show = ["show", "plan.json", "--redacted"];
    let redacted = halosync(&folder, &BTreeMap::new(), &show).await.expect(0);
    redacted.assert_tells(&["not compared: ", "cannot be planned from what was read"]);
}

/// Links are followed within a commit as they are in the folder: what is valid there is valid in the commit.
#[cfg(unix)]
#[tokio::test]
async fn links_within_the_project_are_followed_in_a_commit() {
    use std::os::unix::fs::symlink;
    let (outer, folder) = repository();
    std::fs::create_dir(folder.join("shared")).unwrap();
    for name in ["mapping", "lifecycle"] {
        let file = format!("{name}.yaml");
        let kept = folder.join(format!("shared/{name}.yml.kept"));
        std::fs::rename(folder.join(&file), kept).unwrap();
    }
    symlink("shared", folder.join("now")).unwrap();
    symlink("now/mapping.yml.kept", folder.join("mapping.yaml")).unwrap();
    symlink("shared/lifecycle.yml.kept", folder.join("second")).unwrap();
    symlink("second", folder.join("lifecycle.yaml")).unwrap();
    // A table's rows, in a folder that is a link.
    std::fs::write(
        folder.join("table.yaml"),
        "apiVersion: halosync/v1\nkind: Table\nmetadata: {name: cities}\nspec:\n  csv: {file: now/cities.csv, key: city, value: name}\n",
    )
    .unwrap();
    std::fs::write(folder.join("shared/cities.csv"), "city,name\na,A\n").unwrap();
    // None of the project's, and of no harm: they lead to nothing, out of it, and in circles.
    symlink("nothing", folder.join("notes")).unwrap();
    symlink("../halosync.yaml", folder.join("above")).unwrap();
    symlink("circle", folder.join("circle")).unwrap();
    let validate = ["validate"];
    halosync(&folder, &BTreeMap::new(), &validate)
        .await
        .expect(0);
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "links"]);

    let unchanged = plan(&folder, &["--base", "HEAD"]).await.expect(0);
    unchanged.assert_tells(&["0 of 5 changes come from the change"]);
    edit(
        &folder.join("shared/mapping.yml.kept"),
        "department: \"{{ person.department }}\"",
        "department: \"{{ person.department }} Dept\"",
    );
    plan(&folder, &["--base", "HEAD"]).await.expect(0);
    let brought = &content(&folder)["base"]["brought"];
    assert_eq!(brought[0]["location"]["file"], "mapping.yaml", "{brought}");
    assert_eq!(brought[0]["people"], 4, "{brought}");

    // What leads out of the project is no file of it, in a commit as in the folder, and rules are not lost without a word.
    let inside = folder.join("mapping.yaml");
    std::fs::rename(&inside, outer.path().join("kept")).unwrap();
    std::fs::copy(
        folder.join("shared/mapping.yml.kept"),
        outer.path().join("mapping.yaml"),
    )
    .unwrap();
    symlink("../mapping.yaml", &inside).unwrap();
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "out"]);
    std::fs::rename(outer.path().join("kept"), &inside).unwrap();
    let out = plan(&folder, &["--base", "HEAD"]).await.expect(65);
    let told = "the link leads to nothing, or out of the project";
    assert!(out.stderr.contains(told), "{}", out.stderr);
    assert!(out.stderr.contains("mapping.yaml:1:1"), "{}", out.stderr);
}
