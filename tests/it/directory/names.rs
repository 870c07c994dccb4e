//! Names and places: hostile names, renames and moves, group membership.

use halosync::connector::{ConnectorError, DirectoryWriter};
use halosync::model::{Guid, Rdn};

use super::Lab;
use super::lab::{Look, strings};
use super::write::{add, delete, values};

const HOSTILE: &[&str] = &[
    r#"O'Brien, Anne-Marie "Ann""#,
    "=cmd|'/c calc'!A0",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "Ðặng Thị Ánh",
    "Łukasz #1",
    "# leading",
    " both ends ",
    r"back\slash; semi+plus/slash",
    "*(wild)*",
    "🦀 王小明",
];

pub(super) async fn hostile_names_make_the_round_trip(lab: Lab) {
    let writer = lab.writer().await;
    for (number, name) in HOSTILE.iter().enumerate() {
        let logon = format!("hostile{number}");
        let more = [("displayName", *name), ("description", *name)];
        let guid = lab
            .add_user(&writer, &lab.people(), name, &logon, &more)
            .await
            .unwrap();
        // By identity, by name, and in a read it is the same object.
        let dn = lab.people().child("CN", name);
        let asked = strings(&["displayName", "cn"]);
        let live = writer.fetch(guid, &asked).await.unwrap().unwrap();
        assert_eq!(live.dn.key(), dn.key(), "{name}");
        assert_eq!(live.dn.rdn().value, *name);
        assert_eq!(live.values("displayName"), [*name]);
        assert_eq!(
            writer.fetch_by_dn(&dn, &asked).await.unwrap().unwrap(),
            live
        );
        // Group membership looks the name up in a filter.
        if number == 0 {
            lab.add_group(&writer, "Hostile").await;
        }
        let group = lab.groups().child("CN", "Hostile");
        let group = writer.fetch_by_dn(&group, &[]).await.unwrap().unwrap().guid;
        assert!(!writer.is_member(group, guid).await.unwrap(), "{name}");
        writer.add_member(group, guid).await.unwrap();
        assert!(writer.is_member(group, guid).await.unwrap(), "{name}");
        // Compare-and-set with it as the old value, then a rename to something else and back.
        let change = [delete("displayName", name), add("displayName", "Plain")];
        writer.modify(guid, &change).await.unwrap();
        let rdn = |value: &str| Rdn {
            attribute: "CN".to_owned(),
            value: value.to_owned(),
        };
        writer
            .move_to(guid, &rdn(&format!("Plain {number}")), &lab.people())
            .await
            .unwrap();
        assert_eq!(writer.fetch_by_dn(&dn, &[]).await.unwrap(), None);
        writer
            .move_to(guid, &rdn(name), &lab.leavers())
            .await
            .unwrap();
        let moved = writer
            .fetch(guid, &strings(&["cn"]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(moved.dn.key(), lab.leavers().child("CN", name).key());
        assert_eq!(moved.values("cn"), [*name]);
        assert!(writer.is_member(group, guid).await.unwrap(), "{name}");
    }
    let snapshot = lab.read_all(&["description"]).await;
    super::lab::assert_proven(&snapshot);
    for name in HOSTILE {
        let entry = snapshot.named(&lab.leavers().child("CN", name));
        let entry = entry.unwrap_or_else(|| panic!("{name} was not read"));
        assert_eq!(entry.value(snapshot.id("description")), Some(*name));
    }
}

pub(super) async fn members_are_added_and_removed_idempotently(lab: Lab) {
    let writer = lab.writer().await;
    let group = lab.add_group(&writer, "Team").await;
    let one = lab
        .add_user(&writer, &lab.people(), "One", "one1", &[])
        .await
        .unwrap();
    let two = lab
        .add_user(&writer, &lab.people(), "Two", "two2", &[])
        .await
        .unwrap();
    assert!(!writer.is_member(group, one).await.unwrap());
    for _ in 0..2 {
        writer.add_member(group, one).await.unwrap();
        assert!(writer.is_member(group, one).await.unwrap());
        assert!(!writer.is_member(group, two).await.unwrap());
    }
    writer.add_member(group, two).await.unwrap();
    for _ in 0..2 {
        writer.remove_member(group, one).await.unwrap();
        assert!(!writer.is_member(group, one).await.unwrap());
        assert!(writer.is_member(group, two).await.unwrap());
    }
    // Somebody, or a group, that is not there.
    let nobody = Guid::parse("00000000-0000-0000-0000-000000000001").unwrap();
    let missing = writer.add_member(group, nobody).await;
    assert!(
        matches!(
            missing,
            Err(ConnectorError::NotFound { .. } | ConnectorError::Invalid { .. })
        ),
        "{missing:?}"
    );
    for result in [
        writer.add_member(nobody, one).await,
        writer.is_member(nobody, one).await.map(|_| ()),
    ] {
        assert!(
            matches!(result, Err(ConnectorError::NotFound { .. })),
            "{result:?}"
        );
    }
    assert!(!writer.is_member(group, nobody).await.unwrap());
}

pub(super) async fn objects_are_renamed_and_moved(lab: Lab) {
    let writer = lab.writer().await;
    let rdn = |value: &str| Rdn {
        attribute: "CN".to_owned(),
        value: value.to_owned(),
    };
    let guid = lab
        .add_user(&writer, &lab.people(), "Jane Doe", "jane1", &[])
        .await
        .unwrap();
    let boss = lab
        .add_user(&writer, &lab.people(), "The Boss", "boss1", &[])
        .await
        .unwrap();
    let manager = lab.people().child("CN", "The Boss");
    writer
        .modify(guid, &[add("manager", manager.as_str())])
        .await
        .unwrap();
    let at = async |dn: halosync::model::Dn| {
        let live = writer
            .fetch(guid, &strings(&["cn", "name"]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(live.dn.as_str(), dn.as_str());
        assert_eq!(live.values("cn"), [dn.rdn().value.as_str()]);
        assert_eq!(live.values("name"), live.values("cn"));
    };
    // Rename only, also in nothing but case; move only; both.
    writer
        .move_to(guid, &rdn("Jane Smith"), &lab.people())
        .await
        .unwrap();
    at(lab.people().child("CN", "Jane Smith")).await;
    writer
        .move_to(guid, &rdn("Jane SMITH"), &lab.people())
        .await
        .unwrap();
    at(lab.people().child("CN", "Jane SMITH")).await;
    writer
        .move_to(guid, &rdn("Jane SMITH"), &lab.leavers())
        .await
        .unwrap();
    at(lab.leavers().child("CN", "Jane SMITH")).await;
    writer
        .move_to(guid, &rdn("Doe, Jane"), &lab.people())
        .await
        .unwrap();
    at(lab.people().child("CN", "Doe, Jane")).await;
    // To where it is already.
    writer
        .move_to(guid, &rdn("Doe, Jane"), &lab.people())
        .await
        .unwrap();
    // References follow the one they name.
    writer
        .move_to(boss, &rdn("Old Boss"), &lab.leavers())
        .await
        .unwrap();
    let named = values(&writer, guid, "manager").await;
    assert_eq!(
        super::lab::dn(&named[0]).key(),
        lab.leavers().child("CN", "Old Boss").key()
    );
    // A place that is not there, and an object that is not there.
    let nowhere = writer
        .move_to(guid, &rdn("Doe, Jane"), &lab.base.child("OU", "Nowhere"))
        .await;
    assert!(
        matches!(nowhere, Err(ConnectorError::NotFound { .. })),
        "{nowhere:?}"
    );
    let nobody = Guid::parse("00000000-0000-0000-0000-000000000001").unwrap();
    let nothing = writer.move_to(nobody, &rdn("X"), &lab.people()).await;
    assert!(
        matches!(nothing, Err(ConnectorError::NotFound { .. })),
        "{nothing:?}"
    );
}
