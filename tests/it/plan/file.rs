//! Plan files and the lists of codes.

use halosync::plan::{PlanReadError, read, seal, to_bytes};
use halosync::policy::{HELD, WARNINGS};

use super::golden_root;

fn sample() -> Vec<u8> {
    std::fs::read(golden_root().join("joiner/plan.json")).unwrap()
}

#[test]
fn a_plan_file_is_read_as_it_was_written() {
    let bytes = sample();
    let file = read(&bytes).unwrap();
    assert_eq!(to_bytes(&file), bytes);
    assert_eq!(seal(file.content.clone()), file);
}

/// P1: not one byte of what was reviewed can change unnoticed.
#[test]
fn every_changed_byte_is_refused() {
    let good = sample();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= if at % 2 == 0 { 1u8 } else { 0x20 };
        assert!(read(&bad).is_err(), "byte {at} may change to {}", bad[at]);
    }
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        assert!(read(&good[..cut]).is_err());
    }
    let mut more = good.clone();
    more.push(b'\n');
    assert!(matches!(read(&more), Err(PlanReadError::Altered { .. })));
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    let text = String::from_utf8(sample()).unwrap();
    let with = |from: &str, to: &str| {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        read(bad.as_bytes()).unwrap_err()
    };
    assert!(matches!(
        with("halosync/plan/v1", "halosync/plan/v2"),
        PlanReadError::UnknownFormat { .. }
    ));
    assert!(matches!(
        with("sha256:", "sha256:0"),
        PlanReadError::DigestMismatch { .. }
    ));
    assert!(matches!(
        with("\"Ann\"", "\"Eve\""),
        PlanReadError::DigestMismatch { .. }
    ));
    assert!(matches!(
        with("\"content\": {", "\"content\":  {"),
        PlanReadError::Altered { .. }
    ));
    assert!(matches!(
        with("\"toolVersion\"", "\"sudo\": true, \"toolVersion\""),
        PlanReadError::Malformed { line: 5, .. }
    ));
}

#[test]
fn a_plan_that_contradicts_itself_is_refused_even_with_a_right_digest() {
    let file = read(&sample()).unwrap();
    let broken = |change: &dyn Fn(&mut halosync::plan::Plan)| {
        let mut plan = file.content.clone();
        change(&mut plan);
        let error = read(&to_bytes(&seal(plan))).unwrap_err();
        assert!(matches!(error, PlanReadError::Inconsistent(_)), "{error}");
    };
    broken(&|plan| plan.rules.clear());
    broken(&|plan| plan.changes.push(plan.changes[0].clone()));
    broken(&|plan| {
        let id = plan.changes[0].id.clone();
        plan.changes[0].depends_on.push(id);
    });
    broken(&|plan| plan.changes[0].object.created_by = None);
    broken(&|plan| plan.targets.clear());
    broken(&|plan| plan.not_after = plan.as_of);
}

#[test]
fn every_code_is_documented_and_no_other() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/held.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (held, warnings) = text.split_once("\n## Warnings").unwrap();
    for (part, codes) in [(held, HELD), (warnings, WARNINGS)] {
        let documented: Vec<&str> = part
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let known: Vec<&str> = codes.iter().map(|code| code.code).collect();
        assert_eq!(documented, known);
    }
}

#[test]
fn a_target_is_asked_for_what_the_rules_need() {
    let config = super::config_of(&golden_root().join("groups/config"));
    let requests = halosync::plan::requests(&config);
    let request = &requests["corp"];
    let has = |name: &str| {
        request
            .user_attributes
            .iter()
            .filter(|one| one.eq_ignore_ascii_case(name))
            .count()
    };
    for name in [
        "adminCount",
        "cn",
        "description",
        "employeeID",
        "isCriticalSystemObject",
        "mail",
        "manager",
        "sAMAccountName",
        "userAccountControl",
    ] {
        assert_eq!(has(name), 1, "{name}");
    }
    assert_eq!(has("thumbnailPhoto"), 0);
    assert_eq!(request.groups_under.len(), 2);
    assert!(request.groups.is_empty(), "all stand at places read anyway");
}
