//! Groups, renames, deletion and restore, binds: what happens to whole objects.

use super::super::controls::Controls;
use super::super::core::Principal;
use super::super::password::encode;
use super::super::{DirectoryHandle, Edit, NewEntry};
use super::{BASE, Lab, PEOPLE, dn, lab, lab_with, refused, user};

#[test]
fn members_are_kept_by_identity() {
    let mut lab = lab();
    lab.user("jane");
    lab.user("john");
    lab.group("team", "-2147483646");
    let team = dn("team");
    let guid = {
        let id = lab.directory.resolve(&dn("john"), false).unwrap();
        lab.directory.object(id).guid
    };
    lab.modify(&team, &[Edit::add("member", &dn("JANE"))])
        .unwrap();
    lab.modify(&team, &[Edit::add("member", &format!("<GUID={guid}>"))])
        .unwrap();
    refused(
        lab.modify(&team, &[Edit::add("member", &dn("jane"))]),
        68,
        0x562,
    );
    refused(
        lab.modify(&team, &[Edit::add("member", &dn("nobody"))]),
        32,
        0x525,
    );
    refused(
        lab.modify(&team, &[Edit::delete("member", PEOPLE)]),
        53,
        0x561,
    );
    let permissive = Controls {
        permissive: true,
        ..Controls::default()
    };
    // Samba ignores the control on member; AD honours it.
    lab.modify_with(&team, &[Edit::add("member", &dn("jane"))], &permissive)
        .unwrap();
    lab.modify_with(&team, &[Edit::delete("member", PEOPLE)], &permissive)
        .unwrap();
    // A member add changes the group, not the user.
    let usn = lab.value(&dn("jane"), "uSNChanged");
    assert_eq!(lab.value(&dn("jane"), "memberOf"), team);
    lab.rename(&dn("jane"), "CN=Jane Doe", None).unwrap();
    assert_ne!(lab.value(&dn("Jane Doe"), "uSNChanged"), usn);
    let members = lab.values(&team, "member");
    assert!(members.contains(&dn("Jane Doe")), "{members:?}");
    lab.modify(&dn("john"), &[Edit::replace("manager", &dn("Jane Doe"))])
        .unwrap();
    assert_eq!(lab.value(&dn("Jane Doe"), "directReports"), dn("john"));
    lab.delete(&dn("john")).unwrap();
    assert_eq!(lab.value(&dn("Jane Doe"), "directReports"), "");
    assert_eq!(lab.value(&team, "member"), dn("Jane Doe"));
    refused(lab.modify(&team, &[Edit::add("member", &team)]), 53, 0x2035);
}

#[test]
fn group_scopes_and_types_are_held() {
    let mut lab = lab();
    for (name, kind) in [("g", "2"), ("u", "8"), ("l", "4")] {
        lab.group(name, kind);
    }
    let add = |member: &str| [Edit::add("member", &dn(member))];
    refused(lab.modify(&dn("g"), &add("u")), 53, 0x2145);
    refused(lab.modify(&dn("g"), &add("l")), 53, 0x2144);
    refused(lab.modify(&dn("u"), &add("l")), 53, 0x2146);
    lab.modify(&dn("u"), &add("g")).unwrap();
    lab.modify(&dn("l"), &add("u")).unwrap();
    let kind = |kind: &str| [Edit::replace("groupType", kind)];
    refused(lab.modify(&dn("l"), &kind("2")), 53, 0x2141);
    refused(lab.modify(&dn("g"), &kind("6")), 53, 0x2141);
    assert_eq!(lab.value(&dn("l"), "sAMAccountType"), "536870913");
    lab.group("s", "-2147483646");
    lab.modify(&dn("s"), &kind("-2147483640")).unwrap();
    lab.modify(&dn("s"), &kind("-2147483644")).unwrap();
    assert_eq!(lab.value(&dn("s"), "sAMAccountType"), "536870912");
}

#[test]
fn primary_groups_are_not_listed() {
    let mut lab = lab();
    lab.user("jane");
    lab.group("team", "-2147483646");
    let jane = dn("jane");
    let users = format!("CN=Domain Users,CN=Users,{BASE}");
    assert_eq!(lab.value(&jane, "memberOf"), "");
    let rid = lab.value(&dn("team"), "primaryGroupToken");
    let become_primary = [Edit::replace("primaryGroupID", &rid)];
    refused(lab.modify(&jane, &become_primary), 53, 0x561);
    lab.modify(&dn("team"), &[Edit::add("member", &jane)])
        .unwrap();
    lab.modify(&jane, &become_primary).unwrap();
    assert_eq!(lab.value(&dn("team"), "member"), "");
    assert_eq!(lab.value(&jane, "memberOf"), users);
    refused(
        lab.modify(&dn("team"), &[Edit::delete("member", &jane)]),
        53,
        0x561,
    );
    refused(
        lab.modify(&dn("team"), &[Edit::add("member", &jane)]),
        68,
        0x562,
    );
    refused(lab.delete(&dn("team")), 68, 0x55e);
}

#[test]
fn renames_and_moves_have_their_rules() {
    let mut lab = lab_with(|config| {
        config.units.push(format!("OU=Sales,{PEOPLE}"));
        config.units.push(format!("OU=Inner,OU=Sales,{PEOPLE}"));
    });
    let sales = format!("OU=Sales,{PEOPLE}");
    lab.user("jane");
    lab.user("john");
    refused(lab.rename(&dn("nobody"), "CN=x", None), 32, 0x208d);
    refused(lab.rename(&dn("jane"), "CN=John", None), 68, 0x2071);
    refused(lab.rename(&dn("jane"), "OU=x", None), 53, 0x2035);
    refused(
        lab.rename(&dn("jane"), "CN=jane", Some(&format!("OU=No,{PEOPLE}"))),
        80,
        0x2095,
    );
    refused(
        lab.rename(&dn("jane"), "CN=jane", Some(&format!("OU=Other,{BASE}"))),
        50,
        0x5,
    );
    refused(
        lab.rename(&dn("jane"), "CN=jane", Some(&dn("john"))),
        64,
        0x2099,
    );
    refused(lab.rename(&dn("jane"), "CN=jane,OU=x", None), 34, 0x208f);
    let kept = lab.directory.rename(
        lab.writer,
        &dn("jane"),
        "CN=new",
        false,
        None,
        &Controls::default(),
    );
    refused(kept, 53, 0x2035);
    // Onto itself nothing happens; in another case the name changes.
    let usn = lab.directory.store.usn();
    lab.rename(&dn("jane"), "CN=jane", None).unwrap();
    assert_eq!(lab.directory.store.usn(), usn);
    lab.rename(&dn("jane"), "CN=Jane", None).unwrap();
    assert_eq!(lab.value(&dn("jane"), "cn"), "Jane");
    lab.rename(&dn("jane"), r"CN=Doe\2C Jane", Some(&sales))
        .unwrap();
    let moved = format!(r"CN=Doe\, Jane,{sales}");
    assert_eq!(lab.value(&moved, "distinguishedName"), moved);
    assert_eq!(lab.value(&moved, "name"), "Doe, Jane");
    // A place cannot go below itself, and takes along what stands in it.
    let system = |lab: &mut Lab, name: &str, rdn: &str, parent: Option<&str>| {
        lab.directory.rename(
            Principal::System,
            name,
            rdn,
            true,
            parent,
            &Controls::default(),
        )
    };
    let inner = format!("OU=Inner,{sales}");
    refused(
        system(&mut lab, &sales, "OU=Sales", Some(&inner)),
        53,
        0x2035,
    );
    let other = format!("OU=Other,{BASE}");
    system(&mut lab, &sales, "OU=Selling", Some(&other)).unwrap();
    let moved = format!(r"CN=Doe\, Jane,OU=Selling,{other}");
    assert_eq!(lab.value(&moved, "cn"), "Doe, Jane");
}

#[test]
fn deletion_has_its_obstacles() {
    let mut lab = lab();
    lab.user("jane");
    let device = NewEntry::new(
        &format!("CN=Devices,{}", dn("jane")),
        "msExchActiveSyncDevices",
    );
    lab.directory.add(Principal::System, true, &device).unwrap();
    refused(lab.delete(&dn("jane")), 66, 0x2015);
    let tree = Controls {
        tree_delete: true,
        ..Controls::default()
    };
    lab.directory
        .delete(lab.writer, &dn("jane"), &tree)
        .unwrap();
    lab.user("john");
    let id = lab.directory.resolve(&dn("john"), false).unwrap();
    lab.directory.store.object_mut(id).protected = true;
    refused(lab.delete(&dn("john")), 50, 0x5);
    let other = format!("OU=Other,{BASE}");
    let protected_move = lab.directory.rename(
        Principal::System,
        &dn("john"),
        "CN=john",
        true,
        Some(&other),
        &Controls::default(),
    );
    refused(protected_move, 50, 0x5);
    lab.rename(&dn("john"), "CN=Johnny", None).unwrap();
    lab.modify(&dn("Johnny"), &[Edit::replace("title", "x")])
        .unwrap();
    let admins = format!("CN=Domain Admins,CN=Users,{BASE}");
    let builtin = lab
        .directory
        .delete(Principal::System, &admins, &Controls::default());
    refused(builtin, 53, 0x2035);
}

#[test]
fn the_privileged_are_out_of_reach() {
    let mut lab = lab();
    lab.user("boss");
    lab.directory
        .modify(
            Principal::System,
            true,
            &dn("boss"),
            &[Edit::replace("adminCount", "1")],
            &Controls::default(),
        )
        .unwrap();
    refused(
        lab.modify(&dn("boss"), &[Edit::replace("title", "x")]),
        50,
        0x2098,
    );
    let reset = [Edit::Replace(
        "unicodePwd".into(),
        vec![encode("Fine-Passw0rd").to_vec()],
    )];
    refused(lab.modify(&dn("boss"), &reset), 50, 0x5);
    refused(lab.delete(&dn("boss")), 50, 0x5);
    refused(lab.rename(&dn("boss"), "CN=x", None), 50, 0x2098);
    refused(
        lab.modify(
            &format!("CN=Administrator,CN=Users,{BASE}"),
            &[Edit::replace("title", "x")],
        ),
        50,
        0x2098,
    );
}

fn restore_edits(target: &str) -> [Edit; 2] {
    [
        Edit::Delete("isDeleted".into(), Vec::new()),
        Edit::replace("distinguishedName", target),
    ]
}

#[test]
fn the_recycle_bin_gives_everything_back() {
    let mut lab = lab();
    lab.add(&user("jane").with("mail", "jane@example.test"))
        .unwrap();
    lab.group("team", "-2147483646");
    lab.modify(&dn("team"), &[Edit::add("member", &dn("jane"))])
        .unwrap();
    let sid = lab.values(&dn("jane"), "objectSid");
    let guid = lab
        .directory
        .object(lab.directory.resolve(&dn("jane"), false).unwrap())
        .guid;
    lab.delete(&dn("jane")).unwrap();
    let by_guid = format!("<GUID={guid}>");
    assert_eq!(lab.value(&dn("team"), "member"), "");
    refused(lab.directory.resolve(&by_guid, false), 32, 0x208d);
    assert_eq!(
        lab.value(&by_guid, "distinguishedName"),
        format!("CN=jane\\0ADEL:{guid},CN=Deleted Objects,{BASE}")
    );
    assert_eq!(lab.value(&by_guid, "isDeleted"), "TRUE");
    assert_eq!(lab.value(&by_guid, "lastKnownParent"), PEOPLE);
    assert_eq!(lab.value(&by_guid, "msDS-LastKnownRDN"), "jane");
    assert_eq!(lab.value(&by_guid, "mail"), "jane@example.test");
    let seen = Controls {
        show_deleted: true,
        ..Controls::default()
    };
    // The name was taken meanwhile.
    lab.user("jane");
    refused(
        lab.modify_with(&by_guid, &restore_edits(&dn("jane")), &seen),
        68,
        0x2071,
    );
    refused(
        lab.modify_with(&by_guid, &restore_edits(&dn("jane2")), &seen),
        68,
        0x524,
    );
    lab.delete(&dn("jane")).unwrap();
    // Nothing of it happens when a part of it cannot.
    let mut bad = restore_edits(&dn("jane")).to_vec();
    bad.push(Edit::replace("department", &"d".repeat(65)));
    refused(lab.modify_with(&by_guid, &bad, &seen), 19, 0x2082);
    assert_eq!(lab.value(&by_guid, "isDeleted"), "TRUE");
    lab.modify_with(&by_guid, &restore_edits(&dn("jane")), &seen)
        .unwrap();
    assert_eq!(lab.values(&dn("jane"), "objectSid"), sid);
    assert_eq!(lab.value(&dn("jane"), "memberOf"), dn("team"));
    assert_eq!(lab.value(&dn("jane"), "mail"), "jane@example.test");
    assert_eq!(lab.value(&dn("jane"), "isDeleted"), "");
}

#[test]
fn without_the_recycle_bin_little_is_kept() {
    let mut lab = lab_with(|config| config.recycle_bin = false);
    lab.add(&user("jane").with("mail", "jane@example.test"))
        .unwrap();
    lab.group("team", "-2147483646");
    lab.modify(&dn("team"), &[Edit::add("member", &dn("jane"))])
        .unwrap();
    let guid = lab
        .directory
        .object(lab.directory.resolve(&dn("jane"), false).unwrap())
        .guid;
    lab.delete(&dn("jane")).unwrap();
    let by_guid = format!("<GUID={guid}>");
    assert_eq!(lab.value(&by_guid, "mail"), "");
    assert_eq!(lab.value(&by_guid, "sAMAccountName"), "jane");
    let seen = Controls {
        show_deleted: true,
        ..Controls::default()
    };
    lab.modify_with(&by_guid, &restore_edits(&dn("jane")), &seen)
        .unwrap();
    assert_eq!(lab.value(&dn("jane"), "memberOf"), "");
    assert_eq!(lab.value(&dn("jane"), "userAccountControl"), "546");
    assert_eq!(lab.value(&dn("jane"), "primaryGroupID"), "513");
}

#[test]
fn binds_tell_why_they_fail() {
    let mut lab = lab_with(|config| config.password_policy.lockout_threshold = 3);
    let entry = user("jane")
        .with("userAccountControl", "512")
        .with("userPrincipalName", "Jane.Doe@example.test")
        .with_bytes("unicodePwd", &encode("Fine-Passw0rd"));
    lab.add(&entry).unwrap();
    fn bind(lab: &mut Lab, name: &str, password: &str) -> String {
        match lab.directory.authenticate(name, password) {
            Ok(_) => "fine".to_owned(),
            Err(failure) => {
                assert_eq!(failure.code, 49);
                let text = failure.text;
                let at = text.find("data ").unwrap() + 5;
                text[at..].split(',').next().unwrap().to_owned()
            }
        }
    }
    let good = "Fine-Passw0rd";
    for name in [
        "CORP\\jane",
        "corp\\JANE",
        "jane@corp.example.test",
        "jane.doe@EXAMPLE.test",
        "jane@CORP",
        &dn("jane"),
    ] {
        assert_eq!(bind(&mut lab, name, good), "fine", "{name}");
    }
    assert_eq!(bind(&mut lab, "jane", good), "525");
    assert_eq!(bind(&mut lab, "CORP\\nobody", good), "525");
    assert_eq!(bind(&mut lab, &"x".repeat(256), good), "57");
    let set = |lab: &mut Lab, edit: Edit| lab.modify(&dn("jane"), &[edit]).unwrap();
    set(&mut lab, Edit::replace("userAccountControl", "514"));
    assert_eq!(bind(&mut lab, "CORP\\jane", good), "533");
    set(&mut lab, Edit::replace("userAccountControl", "512"));
    set(
        &mut lab,
        Edit::replace("accountExpires", "132000000000000000"),
    );
    assert_eq!(bind(&mut lab, "CORP\\jane", good), "701");
    set(&mut lab, Edit::replace("accountExpires", "0"));
    set(&mut lab, Edit::replace("pwdLastSet", "0"));
    assert_eq!(bind(&mut lab, "CORP\\jane", good), "773");
    set(&mut lab, Edit::replace("pwdLastSet", "-1"));
    for _ in 0..3 {
        assert_eq!(bind(&mut lab, "CORP\\jane", "wrong"), "52e");
    }
    assert_eq!(bind(&mut lab, "CORP\\jane", good), "775");
    set(&mut lab, Edit::replace("lockoutTime", "0"));
    assert_eq!(bind(&mut lab, "CORP\\jane", good), "fine");
}

#[test]
fn equal_operations_give_equal_directories() {
    let make = || {
        let mut lab = lab();
        for name in ["b", "a", "c"] {
            lab.user(name);
        }
        lab.group("team", "-2147483646");
        lab.modify(&dn("team"), &[Edit::add("member", &dn("a"))])
            .unwrap();
        lab.delete(&dn("c")).unwrap();
        DirectoryHandle::new(std::sync::Arc::new(super::super::handle::Shared::new(
            lab.directory,
        )))
        .dump()
    };
    let dump = make();
    assert_eq!(dump, make());
    assert!(dump.contains("dn: CN=team,OU=People"), "{dump}");
    assert!(!dump.contains("unicodePwd"));
}

#[test]
fn hostile_names_come_back_as_they_went() {
    let mut lab = lab();
    let place = crate::model::Dn::parse(PEOPLE).unwrap();
    for name in [
        r#"O'Brien, Anne-Marie "Ann""#,
        "=cmd|'/c calc'!A0",
        "<script>",
        "{{ 7*7 }}",
        "Ðặng Thị Ánh",
        "Łukasz #1",
        "#lead",
        " both ends ",
        "line\nbreak",
        "a+b=c;d\\e/f",
        "王小明 😀",
    ] {
        let dn = place.child("CN", name);
        let entry = NewEntry::new(dn.as_str(), "user").with("displayName", name);
        lab.add(&entry)
            .unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(lab.value(dn.as_str(), "name"), name);
        let shown = lab.value(dn.as_str(), "distinguishedName");
        assert_eq!(
            crate::model::Dn::parse(&shown).unwrap().key(),
            dn.key(),
            "{shown}"
        );
        lab.rename(dn.as_str(), r"CN=plain", None).unwrap();
        let component = shown.strip_suffix(&format!(",{PEOPLE}")).unwrap();
        lab.rename(&format!("CN=plain,{PEOPLE}"), component, None)
            .unwrap();
        assert_eq!(lab.value(&shown, "name"), name);
    }
}
