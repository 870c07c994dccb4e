//! Adding and changing objects, and what refusals turn into.

use halosync::connector::ldap::{BindSettings, LdapWriter};
use halosync::connector::{ConnectorError, DirectoryWriter, Modification};
use halosync::model::{Guid, Rdn};

use super::Lab;
use super::lab::{attributes, strings};

pub(super) fn add(name: &str, value: &str) -> Modification {
    Modification::Add(name.to_owned(), strings(&[value]))
}

pub(super) fn delete(name: &str, value: &str) -> Modification {
    Modification::Delete(name.to_owned(), strings(&[value]))
}

fn replace(name: &str, value: &str) -> Modification {
    Modification::Replace(name.to_owned(), strings(&[value]))
}

pub(super) async fn values(writer: &LdapWriter, guid: Guid, name: &str) -> Vec<String> {
    let live = writer.fetch(guid, &strings(&[name])).await.unwrap();
    live.expect("it is there").values(name).to_vec()
}

pub(super) async fn compare_and_set_conflicts_when_something_moved(lab: Lab) {
    let writer = lab.writer().await;
    let more = [("department", "Sales"), ("title", "Clerk")];
    let guid = lab
        .add_user(&writer, &lab.people(), "Jane", "jane1", &more)
        .await
        .unwrap();
    let change = [delete("department", "Sales"), add("department", "Research")];
    writer.modify(guid, &change).await.unwrap();
    assert_eq!(values(&writer, guid, "department").await, ["Research"]);
    // Again: the old value is gone. The title in the same modify stays as well.
    let stale = [
        delete("title", "Clerk"),
        add("title", "Manager"),
        delete("department", "Sales"),
        add("department", "Legal"),
    ];
    let conflict = writer.modify(guid, &stale).await;
    assert!(
        matches!(conflict, Err(ConnectorError::Conflict { .. })),
        "{conflict:?}"
    );
    assert_eq!(values(&writer, guid, "title").await, ["Clerk"]);
    // "Was absent" is a plain add.
    writer
        .modify(guid, &[add("mail", "jane@example.test")])
        .await
        .unwrap();
    let conflict = writer.modify(guid, &[add("mail", "j@example.test")]).await;
    assert!(
        matches!(conflict, Err(ConnectorError::Conflict { .. })),
        "{conflict:?}"
    );
    // One bit of userAccountControl, the way a disable is done.
    let change = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "66050"),
    ];
    writer.modify(guid, &change).await.unwrap();
    // To another value than before: one that is already wanted Samba takes for done, Active Directory for a conflict.
    let stale = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "512"),
    ];
    let conflict = writer.modify(guid, &stale).await;
    assert!(
        matches!(conflict, Err(ConnectorError::Conflict { .. })),
        "{conflict:?}"
    );
    // Clearing, and clearing what is clear.
    let clear = [Modification::Replace("title".to_owned(), Vec::new())];
    writer.modify(guid, &clear).await.unwrap();
    writer.modify(guid, &clear).await.unwrap();
    assert!(values(&writer, guid, "title").await.is_empty());
    let nobody = Guid::parse("00000000-0000-0000-0000-000000000001").unwrap();
    let missing = writer
        .modify(nobody, &[add("mail", "x@example.test")])
        .await;
    assert!(
        matches!(missing, Err(ConnectorError::NotFound { .. })),
        "{missing:?}"
    );
    assert_eq!(writer.fetch(nobody, &[]).await.unwrap(), None);
}

pub(super) async fn names_in_use_conflict(lab: Lab) {
    let writer = lab.writer().await;
    let people = lab.people();
    let upn = [("userPrincipalName", "taken@corp.example.test")];
    let guid = lab
        .add_user(&writer, &people, "Taken", "taken1", &upn)
        .await
        .unwrap();
    let other = lab
        .add_user(&writer, &people, "Other", "other1", &[])
        .await
        .unwrap();
    let conflict = |result: Result<Guid, ConnectorError>| {
        assert!(
            matches!(result, Err(ConnectorError::Conflict { .. })),
            "{result:?}"
        );
    };
    conflict(lab.add_user(&writer, &people, "TAKEN", "free1", &[]).await);
    conflict(lab.add_user(&writer, &people, "Free", "TAKEN1", &[]).await);
    let upn = [("userPrincipalName", "Taken@corp.example.test")];
    conflict(lab.add_user(&writer, &people, "Free", "free1", &upn).await);
    assert_eq!(
        writer
            .fetch_by_dn(&people.child("CN", "Free"), &[])
            .await
            .unwrap(),
        None
    );
    conflict(
        writer
            .modify(other, &[replace("sAMAccountName", "taken1")])
            .await
            .map(|()| other),
    );
    conflict(
        writer
            .modify(
                other,
                &[add("userPrincipalName", "taken@corp.example.test")],
            )
            .await
            .map(|()| other),
    );
    let rdn = Rdn {
        attribute: "CN".to_owned(),
        value: "taken".to_owned(),
    };
    conflict(writer.move_to(other, &rdn, &people).await.map(|()| other));
    assert_eq!(values(&writer, guid, "sAMAccountName").await, ["taken1"]);
}

pub(super) async fn what_the_server_never_accepts_is_invalid(lab: Lab) {
    let writer = lab.writer().await;
    let people = lab.people();
    let long = "x".repeat(300);
    let guid = lab
        .add_user(&writer, &people, "Limits", "limits1", &[])
        .await
        .unwrap();
    let invalid = |result: Result<(), ConnectorError>, field: Option<&str>| match result {
        Err(ConnectorError::Invalid {
            field: found,
            message,
            ..
        }) => {
            if field.is_some() {
                assert_eq!(found.as_deref(), field, "{message}");
            }
        }
        other => panic!("{field:?}: {other:?}"),
    };
    for name in ["displayName", "department", "givenName", "employeeID"] {
        let change = [replace(name, &long), replace("info", "fine")];
        invalid(writer.modify(guid, &change).await, Some(name));
    }
    let two = Modification::Replace("title".to_owned(), strings(&["one", "two"]));
    invalid(writer.modify(guid, &[two]).await, Some("title"));
    invalid(
        writer
            .modify(guid, &[replace("accountExpires", "soon")])
            .await,
        Some("accountExpires"),
    );
    invalid(
        writer
            .modify(guid, &[replace("noSuchAttribute", "x")])
            .await,
        Some("noSuchAttribute"),
    );
    invalid(
        writer
            .modify(guid, &[replace("sAMAccountName", "a/b")])
            .await,
        Some("sAMAccountName"),
    );
    invalid(
        writer
            .modify(guid, &[replace("thumbnailPhoto", "not base64!")])
            .await,
        Some("thumbnailPhoto"),
    );
    // Not a member of the class, and only by renaming.
    invalid(
        writer.modify(guid, &[replace("groupType", "2")]).await,
        None,
    );
    invalid(writer.modify(guid, &[replace("cn", "New")]).await, None);
    let long_name = lab.add_user(&writer, &people, &long, "long1", &[]).await;
    if lab.limits_cn {
        invalid(long_name.map(|_| ()), None);
    } else {
        let live = writer
            .fetch(long_name.unwrap(), &[])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(live.dn.rdn().value, long);
    }
    assert!(values(&writer, guid, "info").await.is_empty());
}

pub(super) async fn rights_end_where_the_delegation_ends(lab: Lab) {
    let admin = lab.admin().await;
    let writer = lab.writer().await;
    let inside = lab
        .add_user(&writer, &lab.people(), "Inside", "inside1", &[])
        .await
        .unwrap();
    let outside = lab
        .add_user(&admin, &lab.elsewhere(), "Outside", "outside1", &[])
        .await
        .unwrap();
    let denied = |result: Result<(), ConnectorError>, what: &str| {
        assert!(
            matches!(result, Err(ConnectorError::Denied { .. })),
            "{what}: {result:?}"
        );
    };
    let add_outside = lab
        .add_user(&writer, &lab.elsewhere(), "New", "new1", &[])
        .await;
    denied(add_outside.map(|_| ()), "add");
    denied(
        writer.modify(outside, &[replace("title", "x")]).await,
        "modify",
    );
    denied(
        writer
            .set_password(outside, &"Str0ng-Enough-1".to_owned().into())
            .await,
        "password",
    );
    let rdn = |value: &str| Rdn {
        attribute: "CN".to_owned(),
        value: value.to_owned(),
    };
    denied(
        writer
            .move_to(inside, &rdn("Inside"), &lab.elsewhere())
            .await,
        "move out",
    );
    denied(
        writer
            .move_to(outside, &rdn("Outside"), &lab.people())
            .await,
        "move in",
    );
    denied(
        writer
            .move_to(outside, &rdn("Renamed"), &lab.elsewhere())
            .await,
        "rename",
    );
    let admins = lab.base.child("CN", "Users").child("CN", "Domain Admins");
    let admins = writer
        .fetch_by_dn(&admins, &[])
        .await
        .unwrap()
        .unwrap()
        .guid;
    denied(
        writer.add_member(admins, inside).await,
        "add to administrators",
    );
    assert!(!admin.is_member(admins, inside).await.unwrap());
    let ou = attributes(&[("objectClass", "organizationalUnit")]);
    denied(
        writer
            .add(&lab.people().child("OU", "New"), &ou)
            .await
            .map(|_| ()),
        "add an OU",
    );
    // The reading account changes nothing at all.
    let reader = LdapWriter::connect(lab.settings(&lab.reader), 1)
        .await
        .unwrap();
    denied(
        reader.modify(inside, &[replace("title", "x")]).await,
        "reader",
    );
}

pub(super) async fn passwords_are_set_and_policy_is_said(lab: Lab) {
    let writer = lab.writer().await;
    let upn = [("userPrincipalName", "jane@corp.example.test")];
    let guid = lab
        .add_user(&writer, &lab.people(), "Jane", "jane1", &upn)
        .await
        .unwrap();
    match writer.set_password(guid, &"canary".to_owned().into()).await {
        Err(error @ ConnectorError::Invalid { .. }) => {
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("unicodePwd") && shown.contains("policy"),
                "{shown}"
            );
            assert!(!shown.contains("canary"), "{shown}");
        }
        other => panic!("{other:?}"),
    }
    // Outside ASCII, so that the encoding matters; then enabled, it lets its owner in.
    let word = "Grüße-Łódź-1";
    writer
        .set_password(guid, &word.to_owned().into())
        .await
        .unwrap();
    let change = [
        delete("userAccountControl", "514"),
        add("userAccountControl", "512"),
    ];
    writer.modify(guid, &change).await.unwrap();
    let bind = |password: &str| BindSettings::Simple {
        user: "jane@corp.example.test".to_owned(),
        password: password.to_owned().into(),
    };
    lab.connect_reader(lab.settings(&bind(word))).await.unwrap();
    let wrong = lab
        .connect_reader(lab.settings(&bind("Grüße-Łódź-2")))
        .await;
    assert!(matches!(wrong, Err(ConnectorError::Denied { .. })));
    // Over StartTLS as well, and "must change at next logon" keeps her out.
    let mut settings = lab.settings(&lab.writer);
    settings.servers = vec![lab.plain_url.clone()];
    settings.start_tls = true;
    let switched = LdapWriter::connect(settings, 1).await.unwrap();
    switched
        .set_password(guid, &"Another-Word-3".to_owned().into())
        .await
        .unwrap();
    switched
        .modify(guid, &[replace("pwdLastSet", "0")])
        .await
        .unwrap();
    match lab
        .connect_reader(lab.settings(&bind("Another-Word-3")))
        .await
    {
        Err(ConnectorError::Denied { message, .. }) => {
            assert!(message.contains("must change its password"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn octets_are_written_from_base64(lab: Lab) {
    let writer = lab.writer().await;
    let more = [("thumbnailPhoto", "/9j/4AAQ")];
    let guid = lab
        .add_user(&writer, &lab.people(), "Jane", "jane1", &more)
        .await
        .unwrap();
    let change = [
        delete("thumbnailPhoto", "/9j/4AAQ"),
        add("thumbnailPhoto", "/9j/4AAR"),
    ];
    writer.modify(guid, &change).await.unwrap();
    assert_eq!(values(&writer, guid, "thumbnailPhoto").await, ["/9j/4AAR"]);
    // An attribute the default schema does not know is looked up in the directory's.
    writer.modify(guid, &[add("audio", "/wD+")]).await.unwrap();
    assert_eq!(values(&writer, guid, "audio").await, ["/wD+"]);
    writer
        .modify(guid, &[add("extensionAttribute1", "HR-7")])
        .await
        .unwrap();
    assert_eq!(values(&writer, guid, "extensionAttribute1").await, ["HR-7"]);
}

pub(super) async fn an_unanswered_write_is_unknown_and_the_next_goes_on(lab: Lab) {
    let line = lab.behind_line().await;
    let mut settings = lab.settings(&lab.writer);
    settings.servers = vec![line.url.clone()];
    let writer = LdapWriter::connect(settings, 1).await.unwrap();
    let guid = lab
        .add_user(&writer, &lab.people(), "Jane", "jane1", &[])
        .await
        .unwrap();
    let unknown = |result: Result<(), ConnectorError>| {
        assert!(
            matches!(result, Err(ConnectorError::Unknown { .. })),
            "{result:?}"
        );
    };
    line.swallow_the_next_answer();
    unknown(writer.modify(guid, &[add("title", "Clerk")]).await);
    // The write happened all the same, and reading back over a new connection settles it.
    assert_eq!(values(&writer, guid, "title").await, ["Clerk"]);
    line.swallow_the_next_answer();
    unknown(
        lab.add_user(&writer, &lab.people(), "John", "john1", &[])
            .await
            .map(|_| ()),
    );
    let john = writer
        .fetch_by_dn(&lab.people().child("CN", "John"), &[])
        .await
        .unwrap()
        .unwrap();
    let group = lab.add_group(&writer, "Team").await;
    line.swallow_the_next_answer();
    unknown(writer.add_member(group, john.guid).await);
    assert!(writer.is_member(group, john.guid).await.unwrap());
    line.swallow_the_next_answer();
    unknown(
        writer
            .set_password(guid, &"Str0ng-Enough-1".to_owned().into())
            .await,
    );
}

pub(super) async fn many_writes_share_few_connections(lab: Lab) {
    let writer = LdapWriter::connect(lab.settings(&lab.writer), 4)
        .await
        .unwrap();
    let people = lab.people();
    let adds = (0..40).map(|number| {
        let (lab, writer, people) = (&lab, &writer, &people);
        async move {
            let logon = format!("many{number}");
            lab.add_user(writer, people, &logon, &logon, &[]).await
        }
    });
    let made = futures::future::try_join_all(adds).await.unwrap();
    let fetches = made
        .iter()
        .map(|guid| values(&writer, *guid, "sAMAccountName"));
    for (number, found) in futures::future::join_all(fetches)
        .await
        .into_iter()
        .enumerate()
    {
        assert_eq!(found, [format!("many{number}")]);
    }
}

/// What is asked for at the same time is read together; nobody may notice.
pub(super) async fn objects_read_together_are_told_apart(lab: Lab) {
    let admin = lab.admin().await;
    let people = lab.people();
    let mut made = Vec::new();
    for number in 0..70 {
        let logon = format!("apart{number}");
        let title = format!("Title {number}");
        let more = [("title", title.as_str()), ("department", "Sales")];
        let added = lab.add_user(&admin, &people, &logon, &logon, &more).await;
        made.push(added.unwrap());
    }
    let deleted = made.pop().expect("many");
    admin.delete(deleted).await.unwrap();
    let nobody = Guid::numbered(77);
    let one = LdapWriter::connect(lab.settings(&lab.writer), 1)
        .await
        .unwrap();

    // Different things of each, some of them twice.
    let asked = |number: usize| match number % 3 {
        0 => strings(&["title"]),
        1 => strings(&["sAMAccountName", "objectClass", "DEPARTMENT"]),
        _ => strings(&[]),
    };
    let all: Vec<(Guid, Vec<String>)> = made
        .iter()
        .enumerate()
        .flat_map(|(number, guid)| [(*guid, asked(number)), (*guid, asked(number + 1))])
        .chain([deleted, nobody].map(|guid| (guid, asked(0))))
        .collect();
    let mut alone = Vec::new();
    for (guid, attributes) in &all {
        alone.push(one.fetch(*guid, attributes).await.unwrap());
    }
    assert_eq!(alone.iter().filter(|found| found.is_none()).count(), 2);
    let together = all.iter().map(|(guid, names)| one.fetch(*guid, names));
    let together = futures::future::try_join_all(together).await.unwrap();
    assert_eq!(together, alone);

    // Whoever reads for the others may be stopped on the way.
    let (first, second) = (all[0].clone(), all[2].clone());
    let mut stopped = Box::pin(one.fetch(first.0, &first.1));
    let mut left = Box::pin(one.fetch(second.0, &second.1));
    assert!(futures::poll!(&mut stopped).is_pending());
    assert!(futures::poll!(&mut left).is_pending());
    drop(stopped);
    assert_eq!(left.await.unwrap(), alone[2]);
}

/// Whoever carries one of some values is found, however many are asked for, and whatever stands in them.
pub(super) async fn whoever_carries_a_value_is_found(lab: Lab) {
    let writer = lab.admin().await;
    for (name, number) in [("One", "E1"), ("Two", "E(2)*"), ("Three", "E3")] {
        let more = [("employeeID", number)];
        lab.add_user(&writer, &lab.people(), name, name, &more)
            .await
            .unwrap();
    }
    for many in [0, 3000] {
        let mut values = strings(&["e1", "E(2)*", "E9"]);
        values.extend((0..many).map(|number| format!("X{number}")));
        let found = writer.carriers("employeeID", &values).await.unwrap();
        let mut names: Vec<String> = found
            .iter()
            .filter(|entry| {
                let mut carried = entry.values("employeeID").iter();
                carried.any(|one| values.iter().any(|value| value.eq_ignore_ascii_case(one)))
            })
            .map(|entry| entry.dn.rdn().value)
            .collect();
        names.sort();
        assert_eq!(names, ["One", "Two"], "{many} more");
    }
}
