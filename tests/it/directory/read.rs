//! What a read brings, and when it is whole.

use std::collections::BTreeSet;

use halosync::connector::ldap::BindSettings;
use halosync::connector::{ConnectorError, DirectoryReader, DirectoryWriter, Modification};
use halosync::model::{DirectoryRequest, EntryKind, Syntax};

use super::Lab;
use super::lab::{Look, strings};

pub(super) async fn identity_and_account_are_known(lab: Lab) {
    let snapshot = lab.read_all(&[]).await;
    let header = &snapshot.header;
    assert_eq!(header.identity.naming_context.key(), lab.base.key());
    assert_eq!(header.identity.domain_controller, lab.host);
    assert!(
        header.identity.domain_sid.starts_with("S-1-5-21-"),
        "{}",
        header.identity.domain_sid
    );
    let head = snapshot
        .named(&lab.base)
        .expect("the domain head is a place");
    assert_eq!(head.guid, header.identity.domain_guid);
    assert_eq!(head.kind, EntryKind::Container);
    assert_eq!(
        header.bound_as.as_ref().expect("known").rdn().value,
        "halosync-read"
    );
    for user in lab.reader_aliases.clone() {
        let mut settings = lab.settings(&lab.reader);
        if let BindSettings::Simple { user: name, .. } = &mut settings.bind {
            *name = user;
        }
        let again = lab.read(settings, &DirectoryRequest::default()).await;
        assert_eq!(again.header.bound_as, header.bound_as);
    }
    assert_eq!(header.read_at, "2026-11-23T12:00:00Z".parse().unwrap());
    super::lab::assert_proven(&snapshot);
    assert_eq!(header.completeness.distinct, snapshot.objects.len() as u64);
    assert!(snapshot.objects.is_sorted_by(|a, b| a.guid < b.guid));
}

pub(super) async fn the_schema_is_the_servers_own(lab: Lab) {
    let snapshot = lab
        .read_all(&[
            "EMPLOYEEID",
            "thumbnailPhoto",
            "proxyAddresses",
            "manager",
            "memberOf",
            "accountExpires",
            "description",
            "msDS-User-Account-Control-Computed",
            "extensionAttribute1",
            "noSuchAttribute",
        ])
        .await;
    let def = |name: &str| snapshot.header.definition(snapshot.id(name));
    assert_eq!(def("employeeid").name, "employeeID");
    assert_eq!(def("employeeID").range_upper, Some(16));
    assert_eq!(def("thumbnailPhoto").syntax, Syntax::Octets);
    assert!(!def("proxyAddresses").single_valued);
    assert_eq!(def("manager").syntax, Syntax::Dn);
    assert!(def("memberOf").read_only && !def("manager").read_only);
    assert!(def("msDS-User-Account-Control-Computed").read_only);
    assert_eq!(def("accountExpires").syntax, Syntax::LargeInteger);
    assert!(def("description").single_valued);
    assert_eq!(def("sAMAccountName").range_upper, Some(20));
    // Exchange's attributes are there because they were added, not because we know them.
    assert_eq!(def("extensionAttribute1").syntax, Syntax::Text);
    assert_eq!(snapshot.header.unknown_attributes, ["noSuchAttribute"]);
    for always in [
        "sAMAccountName",
        "userPrincipalName",
        "userAccountControl",
        "adminCount",
        "cn",
    ] {
        snapshot.id(always);
    }
}

pub(super) async fn users_come_whole_whatever_the_page_size(lab: Lab) {
    let admin = lab.admin().await;
    let mut made = Vec::new();
    for number in 0..25 {
        let logon = format!("user{number}");
        let upn = format!("{logon}@corp.example.test");
        let more = [
            ("userPrincipalName", upn.as_str()),
            ("employeeID", logon.as_str()),
        ];
        let cn = format!("User {number}");
        made.push(
            lab.add_user(&admin, &lab.people(), &cn, &logon, &more)
                .await
                .unwrap(),
        );
    }
    let request = DirectoryRequest {
        user_attributes: strings(&["employeeID"]),
        ..Default::default()
    };
    let mut seen = Vec::new();
    let mut pages = Vec::new();
    for page_size in [1, 7, 1000] {
        let mut settings = lab.settings(&lab.reader);
        settings.page_size = page_size;
        let snapshot = lab.read(settings, &request).await;
        super::lab::assert_proven(&snapshot);
        pages.push(snapshot.header.completeness.pages);
        seen.push(snapshot);
    }
    assert!(pages[0] > pages[1] && pages[1] > pages[2], "{pages:?}");
    assert_eq!(seen[0].objects, seen[2].objects);
    assert_eq!(seen[1].objects, seen[2].objects);
    let snapshot = &seen[1];
    for (number, guid) in made.iter().enumerate() {
        let entry = snapshot.object(*guid);
        assert_eq!(entry.kind, EntryKind::User);
        assert_eq!(
            entry.dn.key(),
            lab.people().child("CN", &format!("User {number}")).key()
        );
        let value = |name: &str| entry.value(snapshot.id(name));
        assert_eq!(value("employeeID"), Some(format!("user{number}").as_str()));
        assert_eq!(value("cn"), Some(format!("User {number}").as_str()));
        assert_eq!(value("userAccountControl"), Some("514"));
        assert_eq!(value("adminCount"), None);
    }
    let administrator = snapshot
        .named(&lab.base.child("CN", "Users").child("CN", "Administrator"))
        .expect("the administrator");
    assert_eq!(
        administrator.value(snapshot.id("isCriticalSystemObject")),
        Some("TRUE")
    );
}

pub(super) async fn octets_come_as_base64(lab: Lab) {
    let admin = lab.admin().await;
    // "Photo" would be valid text, ff d8 would not; both are octets.
    for (logon, photo) in [("ascii", "UGhvdG8="), ("jpeg", "/9j/4AAQ")] {
        let more = [("thumbnailPhoto", photo)];
        let guid = lab
            .add_user(&admin, &lab.people(), logon, logon, &more)
            .await
            .unwrap();
        let live = admin
            .fetch(guid, &strings(&["thumbnailPhoto"]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(live.values("thumbnailphoto"), [photo]);
        let snapshot = lab.read_all(&["thumbnailPhoto"]).await;
        let entry = snapshot.object(guid);
        assert_eq!(entry.value(snapshot.id("thumbnailPhoto")), Some(photo));
    }
}

pub(super) async fn every_taken_name_is_seen(lab: Lab) {
    let admin = lab.admin().await;
    let group = lab.add_group(&admin, "Named Group").await;
    let computer = super::lab::attributes(&[
        ("objectClass", "computer"),
        ("sAMAccountName", "PC1$"),
        ("userAccountControl", "4096"),
    ]);
    let computer = admin
        .add(&lab.people().child("CN", "PC1"), &computer)
        .await
        .unwrap();
    let contact = super::lab::attributes(&[("objectClass", "contact")]);
    let contact = admin
        .add(&lab.people().child("CN", "A Contact"), &contact)
        .await
        .unwrap();
    let snapshot = lab
        .read(lab.settings(&lab.reader), &DirectoryRequest::default())
        .await;
    let name = |guid| snapshot.object(guid).value(snapshot.id("sAMAccountName"));
    assert_eq!(snapshot.object(group).kind, EntryKind::Group);
    assert_eq!(name(group), Some("Named Group"));
    assert_eq!(snapshot.object(computer).kind, EntryKind::Other);
    assert_eq!(name(computer), Some("PC1$"));
    assert_eq!(snapshot.object(contact).kind, EntryKind::Other);
    for place in [
        lab.people(),
        lab.groups(),
        lab.leavers(),
        lab.base.child("CN", "Users"),
    ] {
        assert_eq!(
            snapshot.named(&place).expect("a place").kind,
            EntryKind::Container
        );
    }
}

/// P9: what marks a group as privileged or built in must arrive, or rules could write it.
pub(super) async fn what_protects_a_group_is_seen(lab: Lab) {
    let request = DirectoryRequest {
        groups_under: vec![lab.base.child("CN", "Users")],
        ..DirectoryRequest::default()
    };
    let snapshot = lab.read(lab.settings(&lab.reader), &request).await;
    let users = lab.base.child("CN", "Users");
    let admins = snapshot
        .named(&users.child("CN", "Domain Admins"))
        .expect("a group");
    assert_eq!(
        admins.value(snapshot.id("isCriticalSystemObject")),
        Some("TRUE")
    );
    assert_eq!(admins.value(snapshot.id("adminCount")), Some("1"));
    assert!(admins.value(snapshot.id("objectSid")).is_some());
}

pub(super) async fn members_come_in_parts(lab: Lab) {
    let admin = lab.admin().await;
    let group = lab.add_group(&admin, "Many").await;
    let nested = lab.add_group(&admin, "Nobody").await;
    let elsewhere = super::lab::attributes(&[("objectClass", "group"), ("sAMAccountName", "Far")]);
    let far_dn = lab.elsewhere().child("CN", "Far");
    let far = admin.add(&far_dn, &elsewhere).await.unwrap();
    let mut names = BTreeSet::new();
    for number in 0..7 {
        let cn = format!("Member {number}");
        let logon = format!("member{number}");
        let guid = lab
            .add_user(&admin, &lab.people(), &cn, &logon, &[])
            .await
            .unwrap();
        admin.add_member(group, guid).await.unwrap();
        names.insert(lab.people().child("CN", &cn).key());
        if number == 3 {
            admin.add_member(far, guid).await.unwrap();
        }
    }
    let request = DirectoryRequest {
        user_attributes: Vec::new(),
        names_in: Vec::new(),
        // One place within the other, and a place and a group that do not exist.
        groups_under: vec![
            lab.groups(),
            lab.groups().child("CN", "Many"),
            lab.base.child("OU", "Nowhere"),
        ],
        groups: vec![far_dn, lab.groups().child("CN", "No such group")],
        disabled_under: Vec::new(),
    };
    for window in [None, Some(1), Some(2), Some(3), Some(7), Some(8)] {
        let mut reader = lab.connect_reader(lab.settings(&lab.reader)).await.unwrap();
        if let Some(window) = window {
            reader = reader.with_member_window(window);
        }
        let snapshot = reader.read_directory(&request).await.unwrap();
        super::lab::assert_proven(&snapshot);
        let member = snapshot.id("member");
        let found = snapshot.object(group).values(member);
        assert_eq!(found.len(), 7, "window {window:?}: {found:?}");
        let found: BTreeSet<_> = found
            .iter()
            .map(|text| super::lab::dn(text).key())
            .collect();
        assert_eq!(found, names, "window {window:?}");
        assert_eq!(snapshot.object(far).values(member).len(), 1);
        assert_eq!(snapshot.object(nested).values(member).len(), 0);
    }
    // Groups nobody asked for come without members.
    let snapshot = lab
        .read(lab.settings(&lab.reader), &DirectoryRequest::default())
        .await;
    assert_eq!(
        snapshot.object(group).values(snapshot.id("member")).len(),
        0
    );
}

pub(super) async fn deleted_names_are_seen(lab: Lab) {
    let admin = lab.admin().await;
    let guid = lab
        .add_user(&admin, &lab.people(), "Gone", "gone1", &[])
        .await
        .unwrap();
    lab.delete(guid).await;
    assert_eq!(admin.fetch(guid, &[]).await.unwrap(), None);
    let request = DirectoryRequest::default();
    let snapshot = lab.read(lab.settings(&lab.admin), &request).await;
    let entry = snapshot.object(guid);
    assert_eq!(entry.kind, EntryKind::Deleted);
    assert_eq!(entry.value(snapshot.id("sAMAccountName")), Some("gone1"));
    let parent = entry
        .value(snapshot.id("lastKnownParent"))
        .expect("where it stood");
    assert_eq!(super::lab::dn(parent).key(), lab.people().key());
    // Without the right to see them a read is no less whole.
    let snapshot = lab.read(lab.settings(&lab.reader), &request).await;
    super::lab::assert_proven(&snapshot);
}

pub(super) async fn a_read_through_a_cut_connection_fails_and_the_next_works(lab: Lab) {
    let line = lab.behind_line().await;
    let mut settings = lab.settings(&lab.reader);
    settings.servers = vec![line.url.clone()];
    let reader = lab.connect_reader(settings).await.unwrap();
    line.swallow_the_next_answer();
    match reader.read_directory(&DirectoryRequest::default()).await {
        Err(ConnectorError::Transient { .. } | ConnectorError::Unavailable { .. }) => {}
        other => panic!("{other:?}"),
    }
    let snapshot = reader
        .read_directory(&DirectoryRequest::default())
        .await
        .unwrap();
    super::lab::assert_proven(&snapshot);
    // The same for a write's look at an object: nothing happened, so it can be asked again.
    let mut settings = lab.settings(&lab.writer);
    settings.servers = vec![line.url.clone()];
    let writer = halosync::connector::ldap::LdapWriter::connect(settings, 1)
        .await
        .unwrap();
    line.swallow_the_next_answer();
    let people = lab.people();
    match writer.fetch_by_dn(&people, &[]).await {
        Err(ConnectorError::Transient { .. }) => {}
        other => panic!("{other:?}"),
    }
    let live = writer
        .fetch_by_dn(&people, &strings(&["ou"]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(live.values("OU"), ["People"]);
    // Nothing here may have changed anything.
    let change = [Modification::Delete(
        "description".to_owned(),
        strings(&["nothing"]),
    )];
    assert!(matches!(
        lab.admin().await.modify(live.guid, &change).await,
        Err(ConnectorError::Conflict { .. })
    ));
}
