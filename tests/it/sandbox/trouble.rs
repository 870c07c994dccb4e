//! Faults, rights, rubbish and races.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use halosync::sandbox::directory::{
    Aim, DirectoryConfig, DirectorySim, Edit, FaultRule, OperationKind, ServiceAccount, Trouble,
    encode_password,
};
use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapConnSettings, Mod, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    BASE, PASSWORD, PEOPLE, add_user, bound, config, connect, control, pair, search, start, text,
};

#[tokio::test]
async fn the_domain_root_refers_elsewhere() {
    let sim = start().await;
    let mut ldap = bound(&sim, "svc-read").await;
    let references = async |ldap: &mut Ldap, base: &str| {
        let found = ldap
            .search(base, Scope::Subtree, "(cn=Users)", vec!["cn"])
            .await
            .unwrap();
        // The client gathers them beside the result.
        found.1.refs.len()
    };
    assert_eq!(references(&mut ldap, BASE).await, 3);
    assert_eq!(references(&mut ldap, PEOPLE).await, 0);
    ldap.with_controls(control("1339"));
    assert_eq!(references(&mut ldap, BASE).await, 0);
    sim.stop().await;
}

#[tokio::test]
async fn faults_strike_where_they_are_aimed() {
    let sim = start().await;
    let state = sim.state();
    let mut ldap = bound(&sim, "svc-write").await;
    state.inject(FaultRule::nth_write(
        2,
        Trouble::Refuse {
            code: 51,
            text: "0000200E: SvcErr: busy".to_owned(),
        },
    ));
    assert_eq!(add_user(&mut ldap, "one").await, 0);
    assert_eq!(add_user(&mut ldap, "two").await, 51);
    assert_eq!(add_user(&mut ldap, "two").await, 0);

    // Lost before it took effect, and lost after: the client cannot tell, the directory can.
    for (name, trouble, there) in [
        ("three", Trouble::DropBefore, false),
        ("four", Trouble::DropAfter, true),
    ] {
        state.inject(FaultRule::nth_write(1, trouble));
        let dn = format!("CN={name},{PEOPLE}");
        let lost = ldap
            .add(
                &dn,
                vec![pair("objectClass", "user"), pair("sAMAccountName", name)],
            )
            .await;
        assert!(lost.is_err());
        assert_eq!(state.get(&dn).is_some(), there, "{name}");
        ldap = bound(&sim, "svc-write").await;
    }
    state.inject(FaultRule {
        aim: Aim::Only(OperationKind::Modify),
        target: Some("cn=one,".to_owned()),
        skip: 0,
        times: u64::MAX,
        trouble: Trouble::Refuse {
            code: 53,
            text: "00002035: SvcErr".to_owned(),
        },
    });
    let title = |value: &str| vec![Mod::Replace(b"title".to_vec(), text(value))];
    for (name, expected) in [("one", 53), ("two", 0), ("one", 53)] {
        let guid = state.guid(&format!("CN={name},{PEOPLE}")).unwrap();
        let target = format!("<GUID={guid}>");
        assert_eq!(ldap.modify(&target, title("x")).await.unwrap().rc, expected);
    }
    state.clear_faults();
    state.inject(FaultRule {
        aim: Aim::Only(OperationKind::Search),
        target: None,
        skip: 0,
        times: 1,
        trouble: Trouble::Delay(Duration::from_millis(80)),
    });
    let begun = Instant::now();
    search(&mut ldap, PEOPLE, Scope::Base, "(ou=*)", &[]).await;
    assert!(begun.elapsed() >= Duration::from_millis(80));
    sim.stop().await;
}

#[tokio::test]
async fn drift_and_rights_can_be_staged() {
    let sim = start().await;
    let state = sim.state();
    state
        .add_user(PEOPLE, "jane", &[("sAMAccountName", "jane")])
        .unwrap();
    let jane = format!("CN=jane,{PEOPLE}");
    state
        .modify(&jane, &[Edit::replace("title", "Edited by hand")])
        .unwrap();
    let mut reader = bound(&sim, "svc-read").await;
    let (entries, _) = search(&mut reader, &jane, Scope::Base, "(cn=*)", &["title"]).await;
    assert_eq!(entries[0].attrs["title"], ["Edited by hand"]);
    let title = || vec![Mod::Replace(b"title".to_vec(), text("x"))];
    assert_eq!(reader.modify(&jane, title()).await.unwrap().rc, 50);
    assert_eq!(add_user(&mut reader, "new").await, 50);
    let mut writer = bound(&sim, "svc-write").await;
    assert_eq!(writer.modify(&jane, title()).await.unwrap().rc, 0);
    state
        .modify(&jane, &[Edit::replace("adminCount", "1")])
        .unwrap();
    let denied = writer.modify(&jane, title()).await.unwrap();
    assert_eq!(denied.rc, 50);
    assert!(
        denied.text.starts_with("00002098: SecErr"),
        "{}",
        denied.text
    );
    state.modify(&jane, &[Edit::clear("adminCount")]).unwrap();
    state.set_protected(&jane, true).unwrap();
    assert_eq!(writer.delete(&jane).await.unwrap().rc, 50);
    // The protection can be seen: an entry that denies deletion to everyone.
    let mut ask = reader.clone();
    ask.with_controls(RawControl {
        ctype: "1.2.840.113556.1.4.801".to_owned(),
        crit: true,
        val: Some(vec![0x30, 3, 2, 1, 4]),
    });
    let (entries, _) = search(
        &mut ask,
        &jane,
        Scope::Base,
        "(cn=*)",
        &["nTSecurityDescriptor"],
    )
    .await;
    let descriptor = &entries[0].bin_attrs["nTSecurityDescriptor"][0];
    let deny = [
        1, 0, 20, 0, 0x40, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
    ];
    assert!(descriptor.windows(deny.len()).any(|window| window == deny));
    state.set_protected(&jane, false).unwrap();
    assert_eq!(writer.delete(&jane).await.unwrap().rc, 0);
    sim.stop().await;
}

#[tokio::test]
async fn deleted_objects_are_shown_to_those_who_may_and_ask() {
    let sim = DirectorySim::start(DirectoryConfig {
        accounts: vec![
            ServiceAccount::reader("svc-read", PASSWORD),
            ServiceAccount {
                reads_deleted: false,
                ..ServiceAccount::reader("svc-blind", PASSWORD)
            },
        ],
        ..config()
    })
    .await
    .unwrap();
    let state = sim.state();
    for name in ["jane", "john"] {
        state
            .add_user(PEOPLE, name, &[("sAMAccountName", name)])
            .unwrap();
    }
    state.delete(&format!("CN=jane,{PEOPLE}")).unwrap();
    let deleted = format!("CN=Deleted Objects,{BASE}");
    for (account, asked, seen) in [
        ("svc-read", true, 1),
        ("svc-read", false, 0),
        ("svc-blind", true, 0),
    ] {
        let mut ldap = bound(&sim, account).await;
        if asked {
            ldap.with_controls(control("417"));
        }
        let filter = "(&(isDeleted=TRUE)(sAMAccountName=*))";
        let (entries, rc) = search(&mut ldap, BASE, Scope::Subtree, filter, &["name"]).await;
        assert_eq!((entries.len(), rc), (seen, 0), "{account} {asked}");
        if asked {
            ldap.with_controls(control("417"));
        }
        let (_, rc) = search(&mut ldap, &deleted, Scope::OneLevel, "(cn=*)", &["name"]).await;
        assert_eq!(rc == 0, seen == 1, "{account} {asked}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn rubbish_closes_one_connection_and_no_other() {
    let sim = start().await;
    let mut ldap = bound(&sim, "svc-read").await;
    let port = sim
        .ldap_url()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse::<u16>()
        .unwrap();
    let hostile: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0x30, 0x80, 0, 0, 0],
        // Longer than the server takes.
        &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1],
        // A search cut short inside its own length.
        &[0x30, 0x05, 2, 1, 1, 0x63, 0],
        // Bytes behind a StartTLS request are not taken along into TLS.
        b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037\x30",
    ];
    for bytes in hostile {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
        // Closed or reset, but not left hanging.
        let _ = closed.await.expect("the server keeps a broken connection");
    }
    let (entries, rc) = search(&mut ldap, PEOPLE, Scope::Base, "(ou=*)", &["ou"]).await;
    assert_eq!((entries.len(), rc), (1, 0));
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_race_and_compare_and_set_holds() {
    let sim = start().await;
    let state = sim.state();
    state
        .add_user(
            PEOPLE,
            "counter",
            &[("sAMAccountName", "counter"), ("info", "0")],
        )
        .unwrap();
    let dn = format!("CN=counter,{PEOPLE}");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut ldap = bound(&sim, "svc-write").await;
        let (dn, state) = (dn.clone(), state.clone());
        tasks.spawn(async move {
            let mut won = 0;
            for _ in 0..40 {
                let now = state.values(&dn, "info")[0].clone();
                let next = (now.parse::<u64>().unwrap() + 1).to_string();
                let result = ldap
                    .modify(
                        &dn,
                        vec![
                            Mod::Delete(b"info".to_vec(), text(&now)),
                            Mod::Add(b"info".to_vec(), text(&next)),
                        ],
                    )
                    .await
                    .unwrap();
                assert!(result.rc == 0 || result.rc == 16, "{}", result.text);
                won += u64::from(result.rc == 0);
            }
            won
        });
    }
    let won: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(state.values(&dn, "info"), [won.to_string()]);
    // Requests in flight together on one connection are all answered.
    let ldap = bound(&sim, "svc-write").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let mut ldap = ldap.clone();
        tasks.spawn(async move { add_user(&mut ldap, &format!("parallel{n}")).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|rc| rc == 0));
    sim.stop().await;
}

#[tokio::test]
async fn a_password_over_a_plain_connection_is_refused() {
    let sim = DirectorySim::start(DirectoryConfig {
        plain_bind: true,
        ..config()
    })
    .await
    .unwrap();
    sim.state()
        .add_user(PEOPLE, "jane", &[("sAMAccountName", "jane")])
        .unwrap();
    let mut plain = connect(&sim.ldap_url(), LdapConnSettings::new()).await;
    plain
        .simple_bind("CORP\\svc-write", PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    let password = HashSet::from([encode_password("Fine-Passw0rd").to_vec()]);
    let reset = || vec![Mod::Replace(b"unicodePwd".to_vec(), password.clone())];
    let jane = format!("CN=jane,{PEOPLE}");
    let refused = plain.modify(&jane, reset()).await.unwrap();
    assert_eq!(refused.rc, 53);
    assert!(
        refused.text.starts_with("0000001F: SvcErr"),
        "{}",
        refused.text
    );
    let mut sealed = bound(&sim, "svc-write").await;
    assert_eq!(sealed.modify(&jane, reset()).await.unwrap().rc, 0);
    assert!(
        DirectorySim::start(DirectoryConfig {
            address: "192.0.2.1".parse().unwrap(),
            ..DirectoryConfig::default()
        })
        .await
        .is_err()
    );
    sim.stop().await;
}
