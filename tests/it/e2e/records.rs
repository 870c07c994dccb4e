//! What applies leave behind, held against the published schemas: after every apply of these tests, and for runs of every
//! sort by name.

use std::collections::BTreeSet;
use std::path::Path;

use halosync::sandbox::directory::{Aim, FaultRule, OperationKind, Trouble};
use serde_json::Value;

use super::lab::{Joiner, Lab};
use crate::support::{assert_as_the_schema_says, schema_errors};

/// Every report and journal in a folder.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) reports: Vec<Value>,
    lines: Vec<Value>,
}

impl Records {
    /// Reads them. Sealed ones are passed over, and so is half a line at the end of a journal.
    pub(super) fn of(folder: &Path) -> Self {
        let mut records = Self::default();
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let report = name.contains(".report") && name.ends_with(".json");
            let journal = name.ends_with(".jsonl");
            if !path.is_file() || !(report || journal) {
                continue;
            }
            let text = std::fs::read(&path).expect("readable");
            if text.starts_with(b"-----BEGIN AGE") || text.starts_with(b"age-encryption.org") {
                continue;
            }
            let text = String::from_utf8(text).expect("UTF-8");
            if report {
                records.report(&text);
            } else {
                let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
                let lines = whole.lines().map(serde_json::from_str);
                let lines = lines.collect::<Result<Vec<Value>, _>>();
                records.lines.extend(lines.expect("a journal"));
            }
        }
        records
    }

    fn report(&mut self, text: &str) {
        self.reports
            .push(serde_json::from_str(text).expect("a report"));
    }

    pub(super) fn assert_as_the_schemas_say(&self) {
        for report in &self.reports {
            assert_as_the_schema_says("report", report);
        }
        for line in &self.lines {
            assert_as_the_schema_says("journal", line);
        }
    }
}

/// All values of one member.
fn all(objects: &[Value], pointer: &str) -> BTreeSet<String> {
    let values = objects.iter().filter_map(|object| object.pointer(pointer));
    let texts = values.filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// One run of each sort: everything done, as desired already, in conflict, refused, cut short, an undo, and nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_and_journals_are_as_their_schemas_say() {
    let lab = Lab::embedded().await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott").manager(1));
    lab.hire(Joiner::new(3, "Ida", "Poe"));
    lab.settle().await;
    lab.apply_with_another_journal(&[]).await.expect(0);
    lab.plan().await.expect(0);
    lab.apply_with(&["--report", "nothing.report.json"])
        .await
        .expect(0);

    // Somebody has the account of a leaver already shut, somebody else another title, and a third is not written at all.
    lab.edit(1, |person| person.title = "Clerk".into());
    lab.edit(2, |person| person.ends_on = Some("2020-01-31".into()));
    lab.edit(3, |person| person.surname = "Pond".into());
    lab.hire(Joiner::new(4, "Mia", "Zed").manager(5));
    lab.hire(Joiner::new(5, "Kim", "Lee"));
    lab.plan().await.expect(0);
    lab.set("1", "title", &["Chief"]).await;
    lab.apply_with(&["--max-changes", "2"]).await.expect(4);
    let hands = lab.hands().expect("the embedded directory");
    let trouble = Trouble::Refuse {
        code: 53,
        text: "not today".to_owned(),
    };
    hands.inject(FaultRule {
        aim: Aim::Only(OperationKind::Add),
        target: None,
        skip: 0,
        times: u64::MAX,
        trouble,
    });
    lab.apply().await.expect(4);
    hands.clear_faults();
    lab.apply().await.expect(5);

    lab.undo(&[]).await.expect(0);
    let undone = lab.last_plan().digest;
    lab.apply().await.expect(0);

    let records = Records::of(lab.dir.path());
    records.assert_as_the_schemas_say();
    let changes: Vec<Value> = records
        .reports
        .iter()
        .flat_map(|report| report["changes"].as_array().expect("a list").clone())
        .collect();
    let wanted = |words: &str| words.split(' ').map(str::to_owned).collect();
    let met: [(&[Value], &str, BTreeSet<String>); 4] = [
        (
            &changes,
            "/outcome/is",
            wanted("alreadyAsDesired conflict done failed leftOut skipped"),
        ),
        (
            &records.reports,
            "/verdict",
            wanted("applied conflicts partial"),
        ),
        (
            &records.lines,
            "/line",
            wanted("end header intent outcome run"),
        ),
        (&records.lines, "/step", wanted("add finish password write")),
    ];
    for (objects, member, wanted) in met {
        assert_eq!(all(objects, member), wanted, "{member}");
    }
    assert!(all(&records.reports, "/plan").contains(&undone));
    let mut lengths = records
        .reports
        .iter()
        .map(|report| report["changes"].as_array().map(Vec::len));
    assert!(lengths.any(|length| length == Some(0)), "nothing to do");
}

/// The schemas refuse what no apply writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_otherwise_than_applies_write_them_are_invalid() {
    let lab = Lab::embedded().await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    let records = Records::of(lab.dir.path());
    let report = &records.reports[0];
    let spoilt: [fn(&mut Value); 5] = [
        |report| report["verdict"] = "perhaps".into(),
        |report| report["changes"][0]["outcome"]["is"] = "perhaps".into(),
        |report| report["changes"][0]["password"] = "secret".into(),
        |report| report["counts"]["done"] = "one".into(),
        |report| drop(report.as_object_mut().map(|all| all.remove("journal"))),
    ];
    for (number, spoil) in spoilt.into_iter().enumerate() {
        let mut other = report.clone();
        spoil(&mut other);
        assert!(!schema_errors("report", &other).is_empty(), "{number}");
    }
    for line in &records.lines {
        let header = line["line"] == "header";
        for (member, value) in [
            ("previous", Some("somewhere")),
            ("previous", None),
            ("line", Some("note")),
            ("password", Some("secret")),
            ("at", None),
        ] {
            let mut other = line.clone();
            let members = other.as_object_mut().expect("an object");
            match value {
                Some(value) => drop(members.insert(member.to_owned(), value.into())),
                None => drop(members.remove(member)),
            }
            // The header is the first: nothing is before it.
            let right = header && member == "previous" && value.is_none();
            assert_eq!(
                schema_errors("journal", &other).is_empty(),
                right,
                "{other:#}"
            );
        }
    }
}
