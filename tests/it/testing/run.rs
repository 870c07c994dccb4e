//! The command as people and CI jobs use it. `BLESS=1 cargo nextest run -E 'test(testing)'` writes the goldens anew.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Run, assert_golden, halosync, root};

/// The project of failing and passing tests, copied to where no repository is.
pub(super) fn project() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("tests/testing/project")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// Runs without a single environment variable: no secret is needed.
pub(super) async fn test(dir: &Path, arguments: &[&str]) -> Run {
    let arguments: Vec<&str> = std::iter::once("test")
        .chain(arguments.iter().copied())
        .collect();
    halosync(dir, &BTreeMap::new(), &arguments).await
}

#[track_caller]
pub(super) fn golden(name: &str, found: &str) {
    assert_golden(&format!("testing/{name}"), found);
}

#[tokio::test]
async fn the_examples_tests_pass_without_secrets() {
    let run = test(&root().join("examples/acme"), &[]).await.expect(0);
    assert!(
        run.stdout.ends_with("10 tests: 10 passed, 0 failed\n"),
        "{}",
        run.stdout
    );
    let run = test(&root().join("examples/rest"), &[]).await.expect(0);
    assert!(
        run.stdout.ends_with("2 tests: 2 passed, 0 failed\n"),
        "{}",
        run.stdout
    );
}

#[tokio::test]
async fn results_are_as_blessed_in_every_form() {
    let project = project();
    for (format, file) in [
        ("text", "results.txt"),
        ("json", "results.json"),
        ("junit", "results.xml"),
        ("github", "results.github"),
    ] {
        let run = test(project.path(), &["--format", format]).await.expect(7);
        golden(file, &run.stdout);
        let again = test(project.path(), &["--format", format]).await.expect(7);
        assert_eq!(run.stdout, again.stdout, "{format}");
    }
    let coloured = test(project.path(), &["--color", "always", "wrong-throughout"])
        .await
        .expect(7);
    golden("results.ansi", &coloured.stdout.replace('\u{1b}', "␛"));
}

#[tokio::test]
async fn coverage_names_the_rules_no_test_would_miss() {
    let acme = root().join("examples/acme");
    let run = test(&acme, &["--coverage"]).await.expect(0);
    golden("coverage.txt", &run.stdout);
    let json = test(&acme, &["--coverage", "--format", "json"])
        .await
        .expect(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let covered = json["coverage"]["covered"].as_u64().unwrap();
    let all = json["coverage"]["of"].as_u64().unwrap();
    assert!(
        run.stdout
            .contains(&format!("coverage: {covered} of {all} rules")),
        "{}",
        run.stdout
    );
    let share = covered * 100 / all;
    test(&acme, &["--min-coverage", &share.to_string()])
        .await
        .expect(0);
    let more = test(&acme, &["--min-coverage", &(share + 1).to_string(), "-q"])
        .await
        .expect(7);
    assert!(
        more.stderr.contains("--min-coverage asks for"),
        "{}",
        more.stderr
    );
}

/// A rule that runs on the way to something nobody compares is not covered.
#[tokio::test]
async fn what_is_not_compared_is_not_covered() {
    let project = project();
    for (chosen, covered) in [("joiner", false), ("hostile", true)] {
        let run = test(project.path(), &["--coverage", "--format", "json", chosen]).await;
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let rule = json["coverage"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .find(|rule| rule["what"] == "attribute givenName")
            .unwrap();
        assert_eq!(rule["covered"], covered, "{chosen}");
    }
}

/// Where a test names single groups, the rules of all others are not covered.
#[tokio::test]
async fn a_group_rule_is_covered_where_its_group_is_compared() {
    let project = project();
    let run = test(
        project.path(),
        &["--coverage", "--format", "json", "passing.yaml"],
    )
    .await
    .expect(0);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let covered: Vec<&str> = json["coverage"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["what"] == "group rule" && rule["covered"] == true)
        .map(|rule| rule["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        covered,
        [
            "CN=All Staff,OU=Groups,DC=corp,DC=example,DC=test",
            "CN=Sales,OU=Groups,DC=corp,DC=example,DC=test"
        ]
    );
}

/// Of several formats, the one that gave the name is covered.
#[tokio::test]
async fn of_formats_the_one_that_gave_the_name_is_covered() {
    let acme = root().join("examples/acme");
    let run = test(&acme, &["--coverage", "--format", "json", "umlauts"])
        .await
        .expect(0);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let formats: Vec<bool> = json["coverage"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["what"] == "format of sAMAccountName")
        .map(|rule| rule["covered"].as_bool().unwrap())
        .collect();
    assert_eq!(formats, [false, true]);
}

#[tokio::test]
async fn passing_tests_alone_exit_with_0() {
    let project = project();
    let run = test(project.path(), &["passing.yaml"]).await.expect(0);
    assert!(
        run.stdout.contains("5 tests: 5 passed, 0 failed"),
        "{}",
        run.stdout
    );
    let quiet = test(project.path(), &["-q", "passing.yaml"])
        .await
        .expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let quiet = test(project.path(), &["-q"]).await.expect(7);
    assert!(quiet.stdout.contains("FAILED  hostile"), "{}", quiet.stdout);
    assert!(!quiet.stdout.contains("ok "), "{}", quiet.stdout);
}

#[tokio::test]
async fn tests_are_chosen_by_name_pattern_file_and_folder() {
    let project = project();
    for (chosen, count) in [
        ("joiner", "1 test:"),
        ("*-*", "4 tests:"),
        ("passing.yaml", "5 tests:"),
        (".", "8 tests:"),
    ] {
        let run = test(project.path(), &[chosen]).await;
        assert!(run.stdout.contains(count), "{chosen}: {}", run.stdout);
    }
    let run = test(project.path(), &["joinr"]).await.expect(64);
    assert!(
        run.stderr.contains("did you mean joiner?"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn an_invalid_configuration_is_not_tested() {
    let project = project();
    let path = project.path().join("passing.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("mapping: employees", "mapping: employes"),
    )
    .unwrap();
    let run = test(project.path(), &[]).await.expect(65);
    assert!(run.stderr.contains("unknown-mapping"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[tokio::test]
async fn junit_is_wellformed_whatever_values_hold() {
    let project = project();
    let run = test(project.path(), &["--format", "junit", "hostile"])
        .await
        .expect(7);
    let mut open: Vec<String> = Vec::new();
    let tag = regex::Regex::new(r#"<(/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(/?)>"#).unwrap();
    let body = run.stdout.split_once("?>").unwrap().1;
    let mut last = 0;
    for found in tag.captures_iter(body) {
        let whole = found.get(0).unwrap();
        let between = &body[last..whole.start()];
        assert!(!between.contains(['<', '>']), "{between:?}");
        let references = between.split('&').skip(1);
        for reference in references {
            assert!(
                ["amp;", "lt;", "gt;", "quot;", "apos;"]
                    .iter()
                    .any(|known| reference.starts_with(known)),
                "{between:?}"
            );
        }
        last = whole.end();
        match (&found[1], &found[4]) {
            ("/", _) => assert_eq!(open.pop().as_deref(), Some(&found[2])),
            (_, "/") => {}
            _ => open.push(found[2].to_owned()),
        }
    }
    assert_eq!(open, [""; 0]);
    assert_eq!(body[last..].trim(), "");
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'));
}

#[tokio::test]
async fn a_value_begins_no_annotation_of_its_own() {
    let project = project();
    let run = test(project.path(), &["--format", "github", "hostile"])
        .await
        .expect(7);
    assert_eq!(run.stdout.lines().count(), 4, "{}", run.stdout);
    for line in run.stdout.lines() {
        assert!(
            line.starts_with("::error file=failing.yaml,line="),
            "{line}"
        );
    }
}

#[tokio::test]
async fn without_tests_the_command_fails_in_every_form() {
    let project = project();
    for file in ["passing.yaml", "failing.yaml"] {
        std::fs::remove_file(project.path().join(file)).unwrap();
    }
    for format in ["text", "json", "junit", "github"] {
        let run = test(project.path(), &["--format", format]).await.expect(7);
        assert!(
            run.stderr.contains("error: there are no tests"),
            "{format}: {}",
            run.stderr
        );
    }
}

/// The help of `conflicting-group-modes` says which mode wins; this is the plan that it speaks of.
#[tokio::test]
async fn of_two_modes_of_one_group_managed_wins() {
    for modes in [["managed", "additive"], ["additive", "managed"]] {
        let project = project();
        for (name, department, mode) in [("first", "Sales", modes[0]), ("second", "IT", modes[1])] {
            let text = format!(
                "apiVersion: halosync/v1\nkind: Groups\nmetadata: {{name: {name}}}\nspec:\n  source: people\n  target: corp\n  rules:\n    - group: \"CN=Crew,OU=Groups,DC=corp,DC=example,DC=test\"\n      when: \"person.department == '{department}'\"\n      mode: {mode}\n"
            );
            std::fs::write(project.path().join(format!("{name}.yaml")), text).unwrap();
        }
        let text = "apiVersion: halosync/v1\nkind: MappingTest\nmetadata: {name: crew}\nspec:\n  mapping: employees\n  asOf: 2026-06-02\n  person: {number: A77, givenName: Jane, surname: Doe, department: Law}\n  directory:\n    account:\n      placement: OU=People,DC=corp,DC=example,DC=test\n      attributes: {cn: Jane Doe, sAMAccountName: jdoe, employeeID: A77}\n      groups: [\"CN=Crew,OU=Groups,DC=corp,DC=example,DC=test\"]\n  expect: {groups: {exclude: [Crew]}}\n";
        std::fs::write(project.path().join("crew.yaml"), text).unwrap();
        let run = test(project.path(), &["crew"]).await.expect(0);
        assert!(run.stderr.contains("`managed` wins"), "{}", run.stderr);
    }
}

/// A condition is covered where something it decides is compared, not wherever it was asked.
#[tokio::test]
async fn a_condition_is_covered_where_what_it_decides_is_compared() {
    let project = project();
    let template = "apiVersion: halosync/v1\nkind: Template\nmetadata: {name: sales}\nspec:\n  mapping: employees\n  when: \"person.department == 'Sales' and true\"\n  attributes: {company: Acme Ltd}\n";
    std::fs::write(project.path().join("template.yaml"), template).unwrap();
    for (name, expect) in [
        ("blind", "attributes: {givenName: Jane}"),
        ("seeing", "attributes: {company: Acme Ltd}"),
        ("whole", "state: active, groups: {include: [Sales]}"),
    ] {
        let text = format!(
            "apiVersion: halosync/v1\nkind: MappingTest\nmetadata: {{name: {name}}}\nspec:\n  mapping: employees\n  asOf: 2026-06-02\n  person: {{number: A77, givenName: Jane, surname: Doe, department: Sales}}\n  expect: {{{expect}}}\n"
        );
        std::fs::write(project.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let mut found = Vec::new();
    for chosen in ["blind", "seeing", "whole"] {
        let run = test(project.path(), &["--coverage", "--format", "json", chosen]).await;
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let covered = |what: &str, text: &str| {
            let rules = json["coverage"]["rules"].as_array().unwrap();
            let rule = rules
                .iter()
                .find(|rule| rule["what"] == what && rule["text"] == text)
                .unwrap();
            rule["covered"].as_bool().unwrap()
        };
        found.push([
            covered(
                "condition is never true",
                "person.department == 'Sales' and true",
            ),
            covered("condition is never true", "person.department == 'Sales'"),
            covered(
                "condition is never false",
                "person.department == 'Research'",
            ),
        ]);
    }
    assert_eq!(
        found,
        [
            [false, false, false],
            [true, false, false],
            [false, true, false]
        ]
    );
}

/// A stage that deletes can be tried without a directory: the account is gone, kept for a reason, or not due yet.
#[tokio::test]
async fn deletions_are_tested_like_everything_else() {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("tests/golden/deletion/config")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let case = |name: &str, account: &str, expect: &str| {
        format!(
            "apiVersion: halosync/v1
kind: MappingTest
metadata: {{name: {name}}}
spec:
  mapping: employees
  asOf: 2026-11-23
  key: \"1\"
  person: {{number: E1, givenName: Jane, surname: Doe, email: jane.doe@example.com, department: Sales, endsOn: 2026-06-01}}
  directory:
    account:
      placement: OU=Leavers,OU=People,DC=corp,DC=example,DC=test
      {account}
      attributes: {{employeeID: E1, sAMAccountName: jdoe}}
  expect: {{state: leaver+90d, {expect}}}
"
        )
    };
    let cases = [
        case(
            "gone",
            "enabled: false\n      disabledSince: 2026-06-01",
            "account: deleted",
        ),
        case(
            "not-yet",
            "enabled: false\n      disabledSince: 2026-11-01",
            "account: kept, enabled: false, held: delete-too-early",
        ),
        case(
            "nobody-knows",
            "enabled: false",
            "account: kept, held: delete-undated",
        ),
        case(
            "enabled",
            "enabled: true",
            "account: kept, enabled: false, held: delete-too-early",
        ),
        // One that fails: the account is not kept.
        case(
            "kept",
            "enabled: false\n      disabledSince: 2026-06-01",
            "account: kept",
        ),
    ];
    std::fs::write(dir.path().join("tests.yaml"), cases.join("---\n")).unwrap();
    let run = test(dir.path(), &[]).await.expect(7);
    assert!(
        run.stdout.contains("5 tests: 4 passed, 1 failed"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("deleted"), "{}", run.stdout);
}

/// Groups that rules name by account name or identity stand in a test as those of a distinguished name do.
#[tokio::test]
async fn groups_are_there_by_whatever_name_rules_use() {
    const ID: &str = "6f0c1f9e-52ab-4c4e-9d3e-0a4f6d1c2b7a";
    let dir = project();
    let rules = format!(
        "apiVersion: halosync/v1\nkind: Groups\nmetadata: {{name: crews}}\nspec:\n  source: people\n  target: corp\n  rules:\n    - {{group: crew, mode: managed, when: \"person.department == 'Sea'\"}}\n    - {{group: {ID}, mode: managed, when: \"person.department == 'Law'\"}}\n    - {{group: \"dept-{{{{ person.department | lower }}}}\", mode: managed}}\n"
    );
    std::fs::write(dir.path().join("crews.yaml"), rules).unwrap();
    let test_of = |held: &str, groups: &str| {
        format!(
            "apiVersion: halosync/v1\nkind: MappingTest\nmetadata: {{name: crew}}\nspec:\n  mapping: employees\n  asOf: 2026-06-02\n  person: {{number: A77, givenName: Jane, surname: Doe, department: Law}}\n  directory:\n{groups}    account:\n      placement: OU=People,DC=corp,DC=example,DC=test\n      attributes: {{cn: Jane Doe, sAMAccountName: jdoe, employeeID: A77}}\n      groups: [\"CN=Crew,OU=Groups,DC=corp,DC=example,DC=test\"]\n  expect: {{{held}}}\n"
        )
    };
    let moved = format!("groups: {{include: [{ID}, dept-law], exclude: [Crew]}}");
    std::fs::write(dir.path().join("crew.test.yaml"), test_of(&moved, "")).unwrap();
    let run = test(dir.path(), &["crew"]).await;
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    // Where the test says which groups there are, others are not, and whoever cannot enter them leaves nothing.
    let stays = "groups: {include: [Crew]}, held: [group-missing, move-incomplete]";
    let only = "    groups: [\"CN=Crew,OU=Groups,DC=corp,DC=example,DC=test\"]\n";
    std::fs::write(dir.path().join("crew.test.yaml"), test_of(stays, only)).unwrap();
    let run = test(dir.path(), &["crew"]).await;
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}
