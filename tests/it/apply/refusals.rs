//! Plans that are not applied at all: nothing is written.

use halosync::apply::{ApplyError, Journal, JournalError};
use halosync::model::Name;
use halosync::plan::Action;

use super::bench::{Bench, after, change, existing, made_by, new, person, text};
use super::world::{dn, guid};

#[test]
fn p1_another_directory_is_refused() {
    type Differ = fn(&mut halosync::model::DirectoryIdentity);
    let cases: [(&str, Differ); 4] = [
        ("domain GUID", |identity| identity.domain_guid = guid(251)),
        ("domain SID", |identity| {
            identity.domain_sid = "S-1-5-21-9-9-9".to_owned();
        }),
        ("naming context", |identity| {
            identity.naming_context = dn("DC=other,DC=test");
        }),
        ("domain controller", |identity| {
            identity.domain_controller = "dc2.example.test".to_owned();
        }),
    ];
    for (expected, differ) in cases {
        let mut bench = Bench::full();
        differ(&mut bench.world.identity);
        match bench.refused() {
            ApplyError::OtherDirectory { what, .. } => assert_eq!(what, expected),
            other => panic!("{expected}: {other}"),
        }
    }
    // Spelling is no difference.
    let mut bench = Bench::full();
    bench.world.identity.domain_controller = "DC1.Example.TEST".to_owned();
    bench.world.identity.naming_context = dn("dc=EXAMPLE, dc=test");
    bench.apply();
}

#[test]
fn an_expired_or_unknown_plan_is_refused() {
    let mut bench = Bench::full();
    bench.plan.content.not_after = jiff::Timestamp::from_second(999).unwrap();
    assert!(matches!(bench.refused(), ApplyError::Expired { .. }));

    let mut bench = Bench::full();
    bench.plan.format = "halosync/plan/v2".to_owned();
    assert!(matches!(bench.refused(), ApplyError::UnknownFormat { .. }));

    let mut bench = Bench::full();
    bench.journal_of = Some("sha256:other".to_owned());
    assert!(matches!(
        bench.refused(),
        ApplyError::Journal(JournalError::OtherPlan { .. })
    ));
}

#[test]
fn p1_a_plan_edited_after_its_approval_is_refused() {
    let mut bench = Bench::full();
    bench.plan = halosync::plan::seal(bench.plan.content.clone());
    let Action::Modify { attributes } = &mut bench.plan.content.changes[2].action else {
        panic!("the third change is Ann's");
    };
    attributes[0] = text("department", &["R&D"], &["Sales"]);
    assert!(matches!(bench.refused(), ApplyError::OtherDigest { .. }));
}

#[test]
fn a_target_without_a_connection_is_refused() {
    let mut bench = Bench::full();
    bench.plan.content.changes[3].target = Name::new("lab");
    bench.plan.content.targets.insert(
        Name::new("lab"),
        bench.plan.content.targets[&Name::new("corp")].clone(),
    );
    match bench.refused() {
        ApplyError::NoWriter { target } => assert_eq!(target, Name::new("lab")),
        other => panic!("{other}"),
    }
    bench.forget_the_journal();
    bench.plan.content.targets.remove(&Name::new("lab"));
    assert!(matches!(bench.refused(), ApplyError::Malformed { .. }));
}

#[test]
fn a_plan_no_planner_would_make_is_refused() {
    let ann = || existing(1, &person("Ann"));
    let modify = || Action::Modify {
        attributes: vec![text("title", &["Clerk"], &["x"])],
    };
    let cases = [
        (
            "twice",
            vec![change("a", ann(), modify()), change("a", ann(), modify())],
        ),
        (
            "forward",
            vec![
                after(change("a", ann(), modify()), &["b"]),
                change("b", ann(), modify()),
            ],
        ),
        ("itself", vec![after(change("a", ann(), modify()), &["a"])]),
        (
            "unknown",
            vec![after(change("a", ann(), modify()), &["nothing"])],
        ),
        ("nobody", vec![change("a", new(&person("Ann")), modify())]),
        (
            "not a create",
            vec![
                change("a", ann(), modify()),
                change("b", made_by("a", &person("Ann")), modify()),
            ],
        ),
    ];
    for (name, changes) in cases {
        let mut bench = Bench::full();
        bench.plan.content.changes = changes;
        let error = bench.refused();
        assert!(
            matches!(error, ApplyError::Malformed { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_journal_file_of_another_plan_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let now = jiff::Timestamp::UNIX_EPOCH;
    drop(Journal::open(&path, "sha256:one", "0", now).unwrap());
    let error = Journal::open(&path, "sha256:two", "0", now).unwrap_err();
    assert!(error.to_string().contains("sha256:one"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_journal_that_is_no_regular_file_is_refused_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    for path in [
        std::path::Path::new("/dev/zero"),
        &pipe,
        &link,
        folder.path(),
    ] {
        let error = Journal::open(path, "sha256:one", "0", now).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_journal_behind_a_link_is_gone_on_with_and_none_is_made_where_a_link_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let error = Journal::open(&link, "sha256:one", "0", now).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let read = halosync::apply::read_journal(&link);
    assert!(read.is_err() && !real.exists());
    drop(Journal::open(&real, "sha256:one", "0", now).unwrap());
    let again = Journal::open(&link, "sha256:one", "0", now).unwrap();
    assert_eq!(again.history().runs(), 1);
}

#[test]
fn a_file_without_a_line_break_is_not_taken_for_half_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.txt");
    let now = jiff::Timestamp::UNIX_EPOCH;
    let other = r#"{"line":"header","format":"halosync/journal/v2","plan":"sha256:two"#;
    for text in ["AGE-SECRET-KEY-1XXXX", "{\"token\":\"x\"}", "{}", other] {
        std::fs::write(&path, text).unwrap();
        let error = Journal::open(&path, "sha256:one", "0", now).unwrap_err();
        let told = error.to_string();
        let says = told.contains("something else") || told.contains("another plan");
        assert!(says, "{told}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_plan_whose_passwords_cannot_be_kept_is_refused_before_anything_is_written() {
    let mut bench = Bench::full();
    bench.envelope = Some(std::sync::Arc::new(super::bench::Envelope {
        unusable: true,
        ..Default::default()
    }));
    let error = bench.refused();
    assert!(matches!(error, ApplyError::Passwords(_)), "{error}");
    // Where no account is made, none is needed.
    bench.plan.content.changes = Vec::new();
    bench.forget_the_journal();
    assert!(bench.try_apply().unwrap().is_ok());
}

#[tokio::test]
async fn p1_a_plan_of_another_project_is_refused() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/joiner");
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(golden.join("config")).unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let text = text.replace("name: acme", "name: other");
        std::fs::write(folder.path().join(file.file_name()), text).unwrap();
    }
    let plan = folder.path().join("plan.json");
    std::fs::copy(golden.join("plan.json"), &plan).unwrap();
    let run = crate::support::halosync(
        folder.path(),
        &std::collections::BTreeMap::new(),
        &["apply", "plan.json"],
    )
    .await
    .expect(6);
    assert!(
        run.stderr.contains("made in project acme") && run.stderr.contains("project other"),
        "{}",
        run.stderr
    );
    assert!(!plan.with_extension("journal.jsonl").exists());
    assert_eq!(run.stdout, "");
}
