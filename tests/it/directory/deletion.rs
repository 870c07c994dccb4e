//! What is known before a deletion, and deleting.

use std::collections::BTreeMap;
use std::sync::Arc;

use halosync::apply::{self, Journal, Options, Verdict};
use halosync::config::Config;
use halosync::connector::{ConnectorError, DirectoryWriter};
use halosync::model::{DirectoryRequest, DirectorySnapshot, Guid, Name, PeopleSnapshot};
use halosync::plan::{Action, Plan, PlanInput, build, requests, seal};
use halosync::snapshot::read_people;
use jiff::{SignedDuration, Timestamp};

use super::Lab;
use super::lab::{Look, assert_proven, attributes, strings};
use super::write::{add, delete, values};

async fn read(lab: &Lab) -> DirectorySnapshot {
    let request = DirectoryRequest {
        user_attributes: strings(&[
            "employeeID",
            "description",
            "mail",
            "primaryGroupID",
            "servicePrincipalName",
        ]),
        groups_under: vec![lab.groups()],
        disabled_under: vec![lab.people()],
        ..DirectoryRequest::default()
    };
    lab.read(lab.settings(&lab.reader), &request).await
}

/// The account's last write of `userAccountControl`, by the directory's own clock.
async fn changed(lab: &Lab, guid: Guid) -> Option<Timestamp> {
    let snapshot = read(lab).await;
    let facts = snapshot.object(guid).deletion.as_ref()?;
    facts.control_changed
}

/// Disabled accounts come with what matters before a deletion, others without; nothing needs a request per person.
pub(super) async fn what_matters_before_a_deletion_is_read(lab: Lab) {
    let writer = lab.writer().await;
    let people = lab.people();
    let jane = lab
        .add_user(&writer, &people, "Jane", "jane1", &[("employeeID", "E1")])
        .await
        .unwrap();
    let otto = lab
        .add_user(&writer, &people, "Otto", "otto1", &[("employeeID", "E2")])
        .await
        .unwrap();
    let group = lab.add_group(&writer, "Staff").await;
    writer.add_member(group, jane).await.unwrap();
    let admin = lab.admin().await;
    let away = lab
        .add_user(&admin, &lab.elsewhere(), "Away", "away1", &[])
        .await
        .unwrap();
    let enabled = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "544"),
    ];
    admin.modify(otto, &enabled).await.unwrap();

    let snapshot = read(&lab).await;
    assert_proven(&snapshot);
    let deleted = snapshot.header.deleted_objects.unwrap();
    assert_eq!(deleted.recycle_bin, Some(lab.has_recycle_bin));
    assert_eq!(deleted.lifetime, 180);
    let facts = snapshot.object(jane).deletion.as_deref().copied().unwrap();
    assert_eq!(facts.protected, Some(false));
    let first = facts.control_changed.unwrap();
    let member_of = snapshot.object(jane).values(snapshot.id("memberOf"));
    assert_eq!(member_of.len(), 1, "{member_of:?}");
    assert!(member_of[0].starts_with("CN=Staff,"), "{member_of:?}");
    assert_eq!(snapshot.object(otto).deletion, None);
    assert_eq!(snapshot.object(away).deletion, None);

    // Something else changes: not since when. The flags change: from then on.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    admin
        .modify(jane, &[add("mail", "jane@example.test")])
        .await
        .unwrap();
    assert_eq!(changed(&lab, jane).await, Some(first));
    let flags = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "66050"),
    ];
    admin.modify(jane, &flags).await.unwrap();
    let then = changed(&lab, jane).await.unwrap();
    assert!(then > first, "{then} is not after {first}");
}

/// Whoever was brought back is disabled since their return: a deletion that was undone is not due again at once.
pub(super) async fn a_restored_account_is_disabled_since_its_return(lab: Lab) {
    let writer = lab.writer().await;
    let people = lab.people();
    let jane = lab
        .add_user(&writer, &people, "Jane", "jane1", &[("employeeID", "E1")])
        .await
        .unwrap();
    let first = changed(&lab, jane).await.unwrap();
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(1100));
    pause().await;
    // By the directory's own clock.
    let otto = lab
        .add_user(&writer, &people, "Otto", "otto1", &[("employeeID", "E2")])
        .await
        .unwrap();
    let between = changed(&lab, otto).await.unwrap();
    assert!(between > first, "{between} is not after {first}");
    writer.delete(jane).await.unwrap();
    pause().await;
    let admin = lab.admin().await;
    let deleted = admin.fetch_deleted(jane, &[]).await.unwrap().unwrap();
    let home = people.child("CN", "Jane");
    admin.restore(jane, &deleted.dn, &home).await.unwrap();
    let back = changed(&lab, jane).await.unwrap();
    assert!(back > between, "{back} is not after {between}");
    let found = admin.examine(jane).await.unwrap().unwrap();
    assert_eq!(found.facts.control_changed, Some(back));
    assert_eq!(changed(&lab, otto).await, Some(between));
}

/// One object is deleted, never one with something below it; what is gone is gone for all to see.
pub(super) async fn one_object_is_deleted_and_no_tree(lab: Lab) {
    let writer = lab.writer().await;
    let jane = lab
        .add_user(
            &writer,
            &lab.people(),
            "Jane",
            "jane1",
            &[("employeeID", "E1"), ("mail", "jane@example.test")],
        )
        .await
        .unwrap();
    let group = lab.add_group(&writer, "Staff").await;
    writer.add_member(group, jane).await.unwrap();
    let admin = lab.admin().await;
    let parent = lab.people().child("CN", "Jane");
    let child = attributes(&[("objectClass", lab.class_below_users)]);
    let below = parent.child("CN", "Phone");
    let child = admin.add(&below, &child).await.unwrap();

    let found = writer.examine(jane).await.unwrap().unwrap();
    assert_eq!(found.below.len(), 1, "{:?}", found.below);
    assert_eq!(found.below[0].key(), below.key());
    assert_eq!(found.facts.protected, Some(false));
    assert!(found.facts.control_changed.is_some());
    assert_eq!(found.entry.values("mail"), ["jane@example.test"]);
    assert_eq!(found.entry.values("memberOf").len(), 1);
    assert_eq!(found.entry.values("objectSid").len(), 1);
    for name in found.entry.attributes.keys() {
        assert!(!name.eq_ignore_ascii_case("replPropertyMetaData"), "{name}");
        assert!(!name.eq_ignore_ascii_case("nTSecurityDescriptor"), "{name}");
    }
    let refused = writer.delete(jane).await;
    assert!(
        matches!(&refused, Err(ConnectorError::Conflict { message, .. }) if message.contains("objects stand below it")),
        "{refused:?}"
    );
    lab.delete(child).await;

    writer.delete(jane).await.unwrap();
    assert_eq!(writer.examine(jane).await.unwrap(), None);
    assert_eq!(writer.fetch(jane, &[]).await.unwrap(), None);
    assert_eq!(values(&writer, group, "member").await, Vec::<String>::new());
    let again = writer.delete(jane).await;
    assert!(
        matches!(again, Err(ConnectorError::NotFound { .. })),
        "{again:?}"
    );
    // Rights end where the delegation ends.
    let away = lab
        .add_user(&admin, &lab.elsewhere(), "Away", "away1", &[])
        .await
        .unwrap();
    let denied = writer.delete(away).await;
    assert!(
        matches!(denied, Err(ConnectorError::Denied { .. })),
        "{denied:?}"
    );
}

/// The whole way in the library, for the clock is turned here: on Samba nobody can be disabled for thirty days.
pub(super) async fn a_leaver_is_deleted_when_disabled_long_enough(lab: Lab) {
    let writer = lab.writer().await;
    let people = lab.people();
    let mut made = BTreeMap::new();
    for (name, number) in [("Jane", "E1"), ("Otto", "E2"), ("Ida", "E3")] {
        let guid = lab
            .add_user(&writer, &people, name, name, &[("employeeID", number)])
            .await
            .unwrap();
        made.insert(name, guid);
    }
    // Made last.
    let since = changed(&lab, made["Ida"]).await.unwrap();
    let later = |days: i64| {
        since
            .checked_add(SignedDuration::from_hours(24 * days))
            .unwrap()
    };
    let snapshot = read_to_plan(&lab).await;
    assert!(plan(&lab, &snapshot, later(29)).changes.is_empty());
    let plan_of = plan(&lab, &snapshot, later(30));
    let deleted: Vec<&str> = plan_of
        .changes
        .iter()
        .map(|change| change.person.key.as_str())
        .collect();
    assert_eq!(deleted, ["1", "2", "3"], "{:#?}", plan_of.held);
    for change in &plan_of.changes {
        let Action::Delete {
            restorable_days, ..
        } = &change.action
        else {
            panic!("{:?}", change.action)
        };
        assert_eq!(*restorable_days, lab.has_recycle_bin.then_some(180));
    }

    // Otto's flags are touched, and something comes to stand below Ida.
    let admin = lab.admin().await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let flags = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "66050"),
    ];
    admin.modify(made["Otto"], &flags).await.unwrap();
    let child = attributes(&[("objectClass", lab.class_below_users)]);
    let below = people.child("CN", "Ida").child("CN", "Phone");
    let below = admin.add(&below, &child).await.unwrap();

    let file = seal(plan_of);
    let folder = tempfile::tempdir().unwrap();
    let now = later(30);
    let outcome = run(&lab, &file, &folder.path().join("journal"), now).await;
    assert_eq!(outcome.counts.done, 1, "{:#?}", outcome.changes);
    assert_eq!(outcome.counts.conflicts, 2, "{:#?}", outcome.changes);
    let journal = std::fs::read_to_string(folder.path().join("journal")).unwrap();
    for part in [
        "\"employeeID\":[\"E1\"]",
        "\"objectSid\":[",
        "\"sAMAccountName\":[\"Jane\"]",
    ] {
        assert!(journal.contains(part), "{part} is not in\n{journal}");
    }
    assert!(!journal.contains("replPropertyMetaData"), "{journal}");
    for (name, stays) in [("Jane", false), ("Otto", true), ("Ida", true)] {
        let found = writer.fetch(made[name], &[]).await.unwrap();
        assert_eq!(found.is_some(), stays, "{name}");
    }

    lab.delete(below).await;
    let snapshot = read_to_plan(&lab).await;
    let again = plan(&lab, &snapshot, later(30));
    let kinds: Vec<&str> = again
        .changes
        .iter()
        .map(|change| change.person.key.as_str())
        .collect();
    assert_eq!(kinds, ["3"], "Jane is gone, Otto's days begin anew");
    let file = seal(again);
    let outcome = run(&lab, &file, &folder.path().join("second"), now).await;
    assert_eq!(outcome.verdict, Verdict::Applied);
    // The same once more, without what was noted of it.
    let outcome = run(&lab, &file, &folder.path().join("third"), now).await;
    assert_eq!(outcome.counts.already_as_desired, 1);
    let snapshot = read_to_plan(&lab).await;
    let last = plan(&lab, &snapshot, later(30));
    assert!(last.changes.is_empty(), "{:#?}", last.changes);
    let codes: Vec<&str> = last.held.iter().map(|held| held.code.as_str()).collect();
    assert_eq!(codes, ["delete-too-early"]);
    // Nothing is announced for those who are gone.
    let announced: Vec<&str> = last
        .calendar
        .iter()
        .map(|entry| entry.person.key.as_str())
        .collect();
    assert_eq!(announced, ["2"]);
}

async fn run(
    lab: &Lab,
    file: &halosync::plan::PlanFile,
    journal: &std::path::Path,
    now: Timestamp,
) -> apply::Outcome {
    let writers = BTreeMap::from([(Name::new("corp"), lab.writer().await)]);
    let journal = Journal::open(journal, &file.digest, "0.0.0-test", now).unwrap();
    let options = Options::new(Arc::new(move || now));
    apply::run(file, &writers, &journal, None, &options, &())
        .await
        .unwrap()
}

fn config() -> Config {
    crate::plan::config_of_files(&[
        ("halosync.yaml", PROJECT),
        (
            "source.yaml",
            include_str!("../../golden/leaver/config/source.yaml"),
        ),
        (
            "directory.yaml",
            include_str!("../../golden/leaver/config/directory.yaml"),
        ),
        ("rules.yaml", RULES),
    ])
}

/// Reads what a plan for that configuration needs.
async fn read_to_plan(lab: &Lab) -> DirectorySnapshot {
    let request = requests(&config()).remove("corp").unwrap();
    lab.read(lab.settings(&lab.reader), &request).await
}

fn plan(lab: &Lab, directory: &DirectorySnapshot, as_of: Timestamp) -> Plan {
    let config = config();
    let people = BTreeMap::from([(Name::new("people"), three())]);
    let mut directory = directory.clone();
    directory.header.target = Name::new("corp");
    assert_eq!(
        directory.header.identity.naming_context.key(),
        lab.base.key()
    );
    let directories = BTreeMap::from([(Name::new("corp"), directory)]);
    build(PlanInput {
        config: &config,
        people: &people,
        directories: &directories,
        last_good: None,
        as_of,
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
    .unwrap()
}

/// Three people who left long ago.
fn three() -> PeopleSnapshot {
    let golden = include_str!("../../golden/deletion/people.jsonl");
    let header = golden.lines().next().unwrap();
    let header = header
        .replace("\"rows\":14", "\"rows\":3")
        .replace("\"distinct\":14", "\"distinct\":3")
        .replace("\"claimedTotal\":14", "\"claimedTotal\":3");
    let mut text = format!("{header}\n");
    for (key, name) in [("1", "Jane"), ("2", "Otto"), ("3", "Ida")] {
        text.push_str(&format!(
            "{{\"key\":\"{key}\",\"facts\":{{\"displayName\":\"{name}\",\"number\":\"E{key}\",\"endsOn\":\"2020-01-31\"}}}}\n"
        ));
    }
    read_people(text.as_bytes()).unwrap()
}

const PROJECT: &str = "apiVersion: halosync/v1
kind: Project
metadata: {name: acme}
spec: {timeZone: UTC}
";

const RULES: &str = r#"apiVersion: halosync/v1
kind: Mapping
metadata: {name: employees}
spec:
  source: people
  target: corp
  match: {anchor: {attribute: employeeID, value: "{{ person.number }}"}}
  placement: "OU=People,DC=corp,DC=example,DC=test"
  attributes:
    cn: {unique: ["{{ person.displayName }}"], numbered: true}
    sAMAccountName: {when: onCreate, unique: ["{{ person.displayName }}"], numbered: true}
---
apiVersion: halosync/v1
kind: Lifecycle
metadata: {name: employees}
spec:
  source: people
  target: corp
  inactive: never
  absent: report
  outOfScope: report
  states:
    - name: leaver
      when: person.endsOn is defined
      since: "{{ person.endsOn }}"
      stages:
        - {after: 0d, account: {enabled: false, groups: keep}}
        - {after: 90d, account: {delete: {disabledFor: 30d, withoutRecycleBin: true}}}
    - {name: active, account: {enabled: true}}
---
apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits: [{name: deletions, actions: [delete], max: 5, onBreach: holdClass}]
"#;
