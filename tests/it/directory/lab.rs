//! A directory to test against, whatever runs behind it.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use halosync::connector::ldap::{BindSettings, Clock, LdapReader, LdapWriter, Settings};
use halosync::connector::{ConnectorError, DirectoryReader, DirectoryWriter};
use halosync::model::{AttributeId, DirectoryRequest, DirectorySnapshot, Dn, Entry, Guid, Name};
use halosync::sandbox::directory::{DirectoryConfig, DirectorySim, ServiceAccount};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::samba::{self, SambaDc};

/// A running directory and the accounts to use it with.
///
/// Below `base` there are `OU=People` (with `OU=Leavers` in it), `OU=Groups`, both delegated to the writing account,
/// and `OU=Elsewhere`, which is not.
pub(crate) struct Lab {
    /// Name of the domain.
    pub(crate) base: Dn,
    /// `ldaps://…`.
    pub(crate) url: Url,
    /// `ldap://…`, for StartTLS.
    pub(crate) plain_url: Url,
    /// `dnsHostName`.
    pub(crate) host: String,
    /// The authority of its certificate.
    pub(crate) ca_pem: String,
    /// May do everything.
    pub(crate) admin: BindSettings,
    /// May read.
    pub(crate) reader: BindSettings,
    /// May manage users and groups in the delegated places.
    pub(crate) writer: BindSettings,
    /// A certificate its authority signed for the reading account.
    pub(crate) certificate: BindSettings,
    /// Other names the reading account may sign in with.
    pub(crate) reader_aliases: Vec<String>,
    /// Whether it lets a certificate sign in.
    pub(crate) knows_certificates: bool,
    /// Whether it holds `cn` to the 64 characters of its schema. Active Directory does, Samba does not.
    pub(crate) limits_cn: bool,
    /// Whether the Recycle Bin is on. Samba has none that gives anything back.
    pub(crate) has_recycle_bin: bool,
    /// A class of objects that may stand below an account.
    pub(crate) class_below_users: &'static str,
    /// Keeps the server running.
    _server: Box<dyn Any>,
}

/// Domain of the embedded directory.
const EMBEDDED_DOMAIN: &str = "corp.example.test";

/// Administrator of the embedded directory.
pub(crate) const EMBEDDED_ADMIN: (&str, &str) =
    ("administrator@corp.example.test", "Lab-Administrator-1");

/// An embedded directory with the places and accounts that the Samba template has, too. Programs refuse a controller whose
/// clock is of another day, so it tells the real time; what is written is months old at once.
pub(crate) async fn embedded_directory() -> DirectorySim {
    DirectorySim::start(DirectoryConfig {
        tells: Some(crate::support::now()),
        ..embedded_config()
    })
    .await
    .unwrap()
}

/// What it is made of; it tells the time that is written.
pub(crate) fn embedded_config() -> DirectoryConfig {
    let place = |place: &str| format!("{place},{}", samba::BASE);
    let name = |user: &str| user.split('@').next().unwrap().to_owned();
    let delegated = [place("OU=People"), place("OU=Groups")];
    DirectoryConfig {
        domain: EMBEDDED_DOMAIN.to_owned(),
        administrator_password: EMBEDDED_ADMIN.1.into(),
        accounts: vec![
            ServiceAccount::reader(&name(samba::READER.0), samba::READER.1),
            ServiceAccount::writer(
                &name(samba::WRITER.0),
                samba::WRITER.1,
                &delegated.each_ref().map(String::as_str),
            ),
        ],
        units: [
            "OU=People",
            "OU=Leavers,OU=People",
            "OU=Groups",
            "OU=Elsewhere",
        ]
        .map(place)
        .into(),
        other_domains: vec![format!("sales.{EMBEDDED_DOMAIN}")],
        ..DirectoryConfig::default()
    }
}

impl Lab {
    /// A fresh Samba domain.
    pub(crate) async fn samba() -> Self {
        let dc = SambaDc::start().await;
        let (certificate, key) = dc.authority().client("halosync-read");
        let address = dc.address();
        Self {
            base: dn(samba::BASE),
            url: format!("ldaps://{address}").parse().unwrap(),
            plain_url: format!("ldap://{address}").parse().unwrap(),
            host: samba::HOST.to_owned(),
            ca_pem: dc.authority().pem(),
            admin: simple(samba::ADMIN),
            reader: simple(samba::READER),
            writer: simple(samba::WRITER),
            certificate: BindSettings::External {
                certificate_pem: certificate.into(),
                key_pem: key.into(),
            },
            reader_aliases: vec![
                r"CORP\halosync-read".to_owned(),
                format!("CN=halosync-read,OU=Service Accounts,{}", samba::BASE),
            ],
            knows_certificates: false,
            limits_cn: false,
            has_recycle_bin: false,
            class_below_users: "classStore",
            _server: Box::new(dc),
        }
    }

    /// A fresh embedded directory.
    pub(crate) async fn embedded() -> Self {
        let sim = embedded_directory().await;
        let certificate = sim.client_certificate("halosync-read").unwrap();
        let host = format!("dc1.{EMBEDDED_DOMAIN}");
        Self {
            base: dn(samba::BASE),
            url: sim.ldaps_url().parse().unwrap(),
            plain_url: sim.ldap_url().parse().unwrap(),
            host,
            ca_pem: sim.ca_pem().to_owned(),
            admin: simple(EMBEDDED_ADMIN),
            reader: simple(samba::READER),
            writer: simple(samba::WRITER),
            certificate: BindSettings::External {
                certificate_pem: certificate.certificate_pem.clone().into(),
                key_pem: certificate.key_pem.clone().into(),
            },
            reader_aliases: vec![
                r"CORP\halosync-read".to_owned(),
                format!("CN=halosync-read,CN=Users,{}", samba::BASE),
            ],
            knows_certificates: true,
            limits_cn: true,
            has_recycle_bin: true,
            class_below_users: "msExchActiveSyncDevices",
            _server: Box::new(sim),
        }
    }

    /// Settings that work, for one of the accounts.
    pub(crate) fn settings(&self, bind: &BindSettings) -> Settings {
        Settings {
            name: Name::new("corp"),
            servers: vec![self.url.clone()],
            start_tls: false,
            ca_pem: Some(self.ca_pem.clone().into()),
            bind: bind.clone(),
            base: self.base.clone(),
            page_size: 500,
            timeout: Duration::from_secs(20),
            catalogs: Vec::new(),
            bind_from: None,
            pinned: None,
            now: None,
        }
    }

    pub(crate) fn people(&self) -> Dn {
        self.base.child("OU", "People")
    }

    pub(crate) fn groups(&self) -> Dn {
        self.base.child("OU", "Groups")
    }

    pub(crate) fn elsewhere(&self) -> Dn {
        self.base.child("OU", "Elsewhere")
    }

    pub(crate) fn leavers(&self) -> Dn {
        self.people().child("OU", "Leavers")
    }

    pub(crate) async fn admin(&self) -> LdapWriter {
        LdapWriter::connect(self.settings(&self.admin), 2)
            .await
            .unwrap()
    }

    pub(crate) async fn writer(&self) -> LdapWriter {
        LdapWriter::connect(self.settings(&self.writer), 2)
            .await
            .unwrap()
    }

    pub(crate) async fn connect_reader(
        &self,
        settings: Settings,
    ) -> Result<LdapReader, ConnectorError> {
        LdapReader::connect(settings, clock()).await
    }

    pub(crate) async fn read(
        &self,
        settings: Settings,
        request: &DirectoryRequest,
    ) -> DirectorySnapshot {
        let reader = self.connect_reader(settings).await.unwrap();
        reader.read_directory(request).await.unwrap()
    }

    /// Reads everything the delegated places hold, as the reading account.
    pub(crate) async fn read_all(&self, attributes: &[&str]) -> DirectorySnapshot {
        let request = DirectoryRequest {
            user_attributes: strings(attributes),
            groups_under: vec![self.groups()],
            ..DirectoryRequest::default()
        };
        self.read(self.settings(&self.reader), &request).await
    }

    /// Deletes an object as the administrator.
    pub(crate) async fn delete(&self, guid: Guid) {
        self.admin().await.delete(guid).await.unwrap();
    }

    /// Adds a disabled user with the least there must be; `more` on top.
    pub(crate) async fn add_user(
        &self,
        writer: &LdapWriter,
        parent: &Dn,
        cn: &str,
        logon: &str,
        more: &[(&str, &str)],
    ) -> Result<Guid, ConnectorError> {
        let mut attributes = attributes(&[
            ("objectClass", "top"),
            ("objectClass", "person"),
            ("objectClass", "organizationalPerson"),
            ("objectClass", "user"),
            ("sAMAccountName", logon),
            ("userAccountControl", "514"),
        ]);
        attributes.extend(self::attributes(more));
        writer.add(&parent.child("CN", cn), &attributes).await
    }

    pub(crate) async fn add_group(&self, writer: &LdapWriter, cn: &str) -> Guid {
        let attributes = attributes(&[("objectClass", "group"), ("sAMAccountName", cn)]);
        writer
            .add(&self.groups().child("CN", cn), &attributes)
            .await
            .unwrap()
    }

    /// The same directory behind a line that can be cut.
    pub(crate) async fn behind_line(&self) -> Line {
        let port = self.url.port().unwrap_or(636);
        let ip: Ipv4Addr = self.url.host_str().unwrap().parse().unwrap();
        Line::new(ip, port).await
    }
}

/// Forwards a port of the directory's own address, so that its certificate still fits, until it is cut.
pub(crate) struct Line {
    pub(crate) url: Url,
    swallow: Arc<AtomicBool>,
    listener: tokio::task::JoinHandle<()>,
}

impl Line {
    async fn new(ip: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let url = format!("ldaps://{ip}:{}", listener.local_addr().unwrap().port());
        let swallow = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&swallow);
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, (ip, port).into(), Arc::clone(&switch)));
            }
        });
        Self {
            url: url.parse().unwrap(),
            swallow,
            listener,
        }
    }

    /// From now on the directory gets what is sent, and its next answer cuts the connection instead of arriving.
    pub(crate) fn swallow_the_next_answer(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn forward(client: TcpStream, server: SocketAddr, swallow: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let down = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length) = from_server.read(&mut buffer).await {
            if length == 0 || swallow.swap(false, Ordering::SeqCst) {
                break;
            }
            if to_client.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
    };
    // Whichever ends first takes the other with it.
    tokio::select! { () = up => {}, () = down => {} }
}

fn simple((user, password): (&str, &str)) -> BindSettings {
    BindSettings::Simple {
        user: user.to_owned(),
        password: password.to_owned().into(),
    }
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| "2026-11-23T12:00:00Z".parse().unwrap())
}

pub(crate) fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// Attributes as an add takes them; a name that comes twice has two values.
pub(crate) fn attributes(list: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in list {
        match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push((*value).to_owned()),
            None => attributes.push(((*name).to_owned(), vec![(*value).to_owned()])),
        }
    }
    attributes
}

/// Finding things in a snapshot.
pub(crate) trait Look {
    fn object(&self, guid: Guid) -> &Entry;
    fn named(&self, dn: &Dn) -> Option<&Entry>;
    fn id(&self, attribute: &str) -> AttributeId;
}

impl Look for DirectorySnapshot {
    fn object(&self, guid: Guid) -> &Entry {
        let at = self.objects.binary_search_by_key(&guid, |entry| entry.guid);
        &self.objects[at.unwrap_or_else(|_| panic!("{guid} was not read"))]
    }

    fn named(&self, dn: &Dn) -> Option<&Entry> {
        let key = dn.key();
        self.objects.iter().find(|entry| entry.dn.key() == key)
    }

    fn id(&self, attribute: &str) -> AttributeId {
        self.header
            .attribute(attribute)
            .unwrap_or_else(|| panic!("{attribute} was not read"))
    }
}

/// Fails with the reasons when a read was not whole.
#[track_caller]
pub(crate) fn assert_proven(snapshot: &DirectorySnapshot) {
    let verdict = &snapshot.header.completeness.verdict;
    assert_eq!(*verdict, halosync::model::Verdict::Proven);
}
