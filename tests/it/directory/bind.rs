//! Who may in, over what, to which server.

use halosync::connector::ConnectorError;
use halosync::connector::DirectoryWriter;
use halosync::connector::ldap::{BindSettings, LdapWriter};

use super::Lab;
use super::lab::dn;
use crate::samba::Authority;

fn with_password(bind: &BindSettings, word: &str) -> BindSettings {
    match bind {
        BindSettings::Simple { user, .. } => BindSettings::Simple {
            user: user.clone(),
            password: word.to_owned().into(),
        },
        other => other.clone(),
    }
}

pub(super) async fn wrong_credentials_are_denied_in_words(lab: Lab) {
    let wrong = lab.settings(&with_password(&lab.reader, "canary-4711"));
    match lab.connect_reader(wrong).await {
        Err(error @ ConnectorError::Denied { .. }) => {
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("wrong user name or password"), "{shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
        other => panic!("{other:?}"),
    }
    let empty = lab.settings(&with_password(&lab.reader, ""));
    match lab.connect_reader(empty).await {
        Err(ConnectorError::Invalid { field, .. }) => {
            assert_eq!(field.as_deref(), Some("password"))
        }
        other => panic!("{other:?}"),
    }
    // A disabled account is told apart from a wrong password.
    let admin = lab.admin().await;
    let own = admin.bound_as().expect("the account is known");
    assert!(admin.fetch(own, &[]).await.unwrap().is_some());
    let word = "Str0ng-Enough-1";
    let guid = lab
        .add_user(&admin, &lab.people(), "Disabled", "disabled1", &[])
        .await
        .unwrap();
    admin
        .set_password(guid, &word.to_owned().into())
        .await
        .unwrap();
    let disabled = BindSettings::Simple {
        user: lab.people().child("CN", "Disabled").as_str().to_owned(),
        password: word.to_owned().into(),
    };
    match lab.connect_reader(lab.settings(&disabled)).await {
        Err(ConnectorError::Denied { message, .. }) => {
            assert!(message.contains("the account is disabled"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn an_unknown_authority_is_not_trusted(lab: Lab) {
    let mut settings = lab.settings(&lab.writer);
    settings.ca_pem = Some(Authority::new().pem().into());
    match lab.connect_reader(settings.clone()).await {
        Err(ConnectorError::Unavailable { message, .. }) => {
            assert!(
                message.contains("not from a trusted authority"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    // Nor does the operating system know it.
    settings.ca_pem = None;
    assert!(matches!(
        lab.connect_reader(settings.clone()).await,
        Err(ConnectorError::Unavailable { .. })
    ));
    settings.ca_pem = Some(b"not a certificate".to_vec());
    match lab.connect_reader(settings).await {
        Err(ConnectorError::Invalid { field, .. }) => assert_eq!(field.as_deref(), Some("tls")),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn start_tls_protects_the_plain_port(lab: Lab) {
    let mut settings = lab.settings(&lab.writer);
    settings.servers = vec![lab.plain_url.clone()];
    // Without StartTLS the plain port is refused before anything is sent.
    match lab.connect_reader(settings.clone()).await {
        Err(ConnectorError::Invalid { field, .. }) => assert_eq!(field.as_deref(), Some("servers")),
        other => panic!("{other:?}"),
    }
    settings.start_tls = true;
    let snapshot = lab.read(settings.clone(), &Default::default()).await;
    super::lab::assert_proven(&snapshot);
    settings.ca_pem = Some(Authority::new().pem().into());
    assert!(matches!(
        lab.connect_reader(settings).await,
        Err(ConnectorError::Unavailable { .. })
    ));
}

pub(super) async fn a_client_certificate_signs_in_or_is_refused_cleanly(lab: Lab) {
    let direct = lab.settings(&lab.certificate);
    let mut switched = direct.clone();
    switched.servers = vec![lab.plain_url.clone()];
    switched.start_tls = true;
    for settings in [direct, switched] {
        let connected = lab.connect_reader(settings.clone()).await;
        if lab.knows_certificates {
            connected.unwrap();
            let snapshot = lab.read(settings, &Default::default()).await;
            let account = snapshot.header.bound_as.expect("the account is known");
            assert_eq!(account.rdn().value, "halosync-read");
        } else {
            match connected {
                Err(ConnectorError::Denied { message, .. }) => {
                    assert!(message.contains("client certificate"), "{message}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(super) async fn servers_are_tried_in_order_and_the_pinned_one_only(lab: Lab) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let mut settings = lab.settings(&lab.writer);
    settings
        .servers
        .insert(0, format!("ldaps://127.0.0.1:{port}").parse().unwrap());
    settings.pinned = Some(lab.host.to_uppercase());
    let writer = LdapWriter::connect(settings.clone(), 1).await.unwrap();
    assert_eq!(writer.identity().domain_controller, lab.host);

    settings.pinned = Some("dc9.corp.example.test".to_owned());
    match LdapWriter::connect(settings, 1).await {
        Err(ConnectorError::Unavailable { message, .. }) => {
            assert!(message.contains(&port.to_string()), "{message}");
            assert!(message.contains(&lab.host), "{message}");
            assert!(message.contains("dc9.corp.example.test"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn another_base_is_refused(lab: Lab) {
    let mut settings = lab.settings(&lab.writer);
    settings.base = dn("DC=other,DC=example,DC=test");
    match lab.connect_reader(settings).await {
        Err(ConnectorError::Invalid { field, message, .. }) => {
            assert_eq!(field.as_deref(), Some("base"));
            assert!(message.contains(lab.base.as_str()), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

/// Whose last day it is would be told by the wrong clock, whichever that is.
pub(crate) async fn a_clock_of_another_day_is_refused(lab: Lab) {
    let mut settings = lab.settings(&lab.writer);
    let now = crate::support::now();
    for (apart, refused) in [(0, false), (50, false), (-70, true), (60 * 24 * 365, true)] {
        settings.now = Some(now + jiff::SignedDuration::from_mins(apart));
        match LdapWriter::connect(settings.clone(), 1).await {
            Ok(_) => assert!(!refused, "{apart} minutes"),
            Err(error) => {
                assert!(refused, "{apart} minutes: {error}");
                let told = error.to_string();
                assert!(told.contains("its clock says "), "{told}");
            }
        }
    }
}
