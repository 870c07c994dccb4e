//! A real domain controller (Samba) for one test: copied from a template, started on an address of its own, stopped
//! at the end. `.ci/samba` makes the template.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// What `.ci/samba` puts into the template.
pub(crate) const BASE: &str = "DC=corp,DC=example,DC=test";
/// Set: flush writes to disk, as a domain controller does unless told otherwise. For measuring; tests do without.
const DURABLE: &str = "HALOSYNC_SAMBA_DURABLE";
pub(crate) const HOST: &str = "dc1.corp.example.test";
pub(crate) const ADMIN: (&str, &str) = ("administrator@corp.example.test", "Lab-Administrator-1");
pub(crate) const READER: (&str, &str) = ("halosync-read@corp.example.test", "Lab-Read-Only-1");
pub(crate) const WRITER: (&str, &str) = ("halosync-write@corp.example.test", "Lab-Write-Some-1");

/// A running domain controller. Dropping it stops it and removes its files.
#[derive(Debug)]
pub(crate) struct SambaDc {
    address: Ipv4Addr,
    ca: Authority,
    folder: tempfile::TempDir,
    process: Option<Child>,
    /// Held for as long as the address is ours.
    _claim: File,
}

impl SambaDc {
    /// A fresh domain, ready to answer.
    pub(crate) async fn start() -> Self {
        let template = template();
        let (address, claim) = claim_address();
        let folder = tempfile::Builder::new()
            .prefix("halosync-dc-")
            .tempdir()
            .unwrap();
        copy(&template, folder.path());
        let ca = Authority::new();
        let mut dc = Self {
            address,
            ca,
            folder,
            process: None,
            _claim: claim,
        };
        dc.write_configuration();
        dc.resume().await;
        dc
    }

    /// Where it listens: 389 with StartTLS, 636.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The authority that signed its certificate.
    pub(crate) fn authority(&self) -> &Authority {
        &self.ca
    }

    /// Switches the Recycle Bin on in the database: over LDAP it refuses that.
    pub(crate) fn switch_on_the_recycle_bin(&self) {
        let mut edit = Command::new("ldbmodify")
            .arg("--configfile")
            .arg(self.folder.path().join("etc/smb.conf"))
            .arg("-H")
            .arg(self.folder.path().join("private/sam.ldb"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // [MS-ADTS] 3.1.1.9.1 has the feature's GUID.
        let ldif = format!(
            "dn:\nchangetype: modify\nadd: enableOptionalFeature\n\
             enableOptionalFeature: CN=Partitions,CN=Configuration,{BASE}:766ddcd8-acd0-445e-f3b9-a7f9b6744f2a\n"
        );
        let mut input = edit.stdin.take().unwrap();
        input.write_all(ldif.as_bytes()).unwrap();
        drop(input);
        assert!(edit.wait().unwrap().success());
    }

    /// Stops it; the data stays.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.process.take() else {
            return;
        };
        // Samba ends in order when the pipe to its standard input closes, or on SIGTERM.
        drop(child.stdin.take());
        let pid = child.id().to_string();
        let _ = Command::new("kill")
            .args(["-TERM", &pid])
            .stderr(Stdio::null())
            .status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts it again with the data it has.
    pub(crate) async fn resume(&mut self) {
        let log = File::create(self.folder.path().join("log/samba.out")).unwrap();
        let child = Command::new("samba")
            .args(["-i", "--no-process-group", "-M", "single", "--debug-stdout"])
            // Interactive: it ends with its standard input, so a test that is killed takes its server along. Should that
            // fail, too, it does not live on for long.
            .arg("--maximum-runtime=1800")
            .arg("-s")
            .arg(self.folder.path().join("etc/smb.conf"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("samba cannot be started ({error}); run .ci/samba"));
        self.process = Some(child);
        self.wait_until_it_answers().await;
    }

    async fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ended = self
                .process
                .as_mut()
                .and_then(|child| child.try_wait().unwrap());
            let failure = match (ended, self.try_bind().await) {
                (Some(status), _) => format!("it ended with {status}"),
                (None, Ok(())) => return,
                (None, Err(error)) if Instant::now() > deadline => error,
                (None, Err(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let log =
                fs::read_to_string(self.folder.path().join("log/samba.out")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            panic!(
                "the domain controller on {} does not answer: {failure}\n{}\n(it must run as root: LDAP has ports below 1024)",
                self.address,
                last.join("\n")
            );
        }
    }

    /// Its ports open before the service behind them answers, so only a bind counts.
    async fn try_bind(&self) -> Result<(), String> {
        let settings = ldap3::LdapConnSettings::new()
            .set_conn_timeout(Duration::from_secs(2))
            .set_config(self.ca.client_config());
        let url = format!("ldaps://{}", self.address);
        let (connection, mut ldap) = ldap3::LdapConnAsync::with_settings(settings, &url)
            .await
            .map_err(|error| error.to_string())?;
        ldap3::drive!(connection);
        ldap.with_timeout(Duration::from_secs(5))
            .simple_bind(ADMIN.0, ADMIN.1)
            .await
            .and_then(ldap3::LdapResult::success)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    fn write_configuration(&self) {
        let folder = self.folder.path();
        let mut text = include_str!("../../samba/smb.conf.in").to_owned();
        if std::env::var_os(DURABLE).is_some() {
            text = text.replace("  ldb:nosync = yes\n", "");
        }
        let text = text
            .replace("@DIR@", folder.to_str().unwrap())
            .replace("@ADDRESS@", &self.address.to_string());
        fs::write(folder.join("etc/smb.conf"), text).unwrap();
        let (certificate, key) = self.ca.server(&[HOST, "localhost"], self.address);
        let tls = folder.join("etc/tls");
        fs::write(tls.join("ca.pem"), self.ca.pem()).unwrap();
        fs::write(tls.join("cert.pem"), certificate).unwrap();
        // With a key others could read the whole LDAP service stays down.
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(tls.join("key.pem"))
            .unwrap()
            .write_all(key.as_bytes())
            .unwrap();
    }
}

impl Drop for SambaDc {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A certificate authority of one test's own.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "halosync test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's certificate and key.
    pub(crate) fn server(&self, names: &[&str], address: Ipv4Addr) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params
            .subject_alt_names
            .push(SanType::IpAddress(address.into()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A client's certificate and key.
    pub(crate) fn client(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> (String, String) {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// For the tests' own connections: trusts this authority only.
    pub(crate) fn client_config(&self) -> std::sync::Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        std::sync::Arc::new(
            rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth(),
        )
    }
}

/// The provisioned template; without it a test fails and says what to do.
fn template() -> PathBuf {
    let template = std::env::var_os("HALOSYNC_SAMBA_TEMPLATE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/samba/template"),
        PathBuf::from,
    );
    assert!(
        template.join("recipe").is_file(),
        "there is no Samba template in {}: run .ci/samba first (it installs Samba when run as root and says what to \
         install when not)",
        template.display()
    );
    template
}

/// LDAP ports cannot be chosen, so every domain controller has a loopback address of its own. Lock files keep tests
/// in other processes off it.
fn claim_address() -> (Ipv4Addr, File) {
    let folder = std::env::temp_dir().join("halosync-samba-addresses");
    fs::create_dir_all(&folder).unwrap();
    for last in 1..=250 {
        let path = folder.join(last.to_string());
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .unwrap();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => panic!("{}: {error}", folder.display()),
        }
        let address = Ipv4Addr::new(127, 0, 99, last);
        // A domain controller whose test was killed may need a moment to notice.
        if TcpStream::connect((address, 389)).is_err() {
            return (address, file);
        }
    }
    panic!("no free loopback address; see {}", folder.display());
}

/// The databases are sparse files: 28 MB that claim to be gigabytes.
fn copy(template: &Path, to: &Path) {
    let status = Command::new("cp")
        .args(["-a", "--sparse=always", "--"])
        .arg(template.join("."))
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success(), "the template could not be copied");
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_samba_domain_starts_stops_and_keeps_its_data() {
    let mut dc = SambaDc::start().await;
    let address = dc.address();
    let folder = dc.folder.path().to_owned();
    dc.stop();
    assert!(
        TcpStream::connect((address, 636)).is_err(),
        "it still listens"
    );
    dc.resume().await;
    assert!(TcpStream::connect((address, 636)).is_ok());
    drop(dc);
    assert!(
        TcpStream::connect((address, 636)).is_err(),
        "it still listens"
    );
    assert!(!folder.exists());
}

/// What the embedded directory has no reason to do: go away and come back while a writer waits.
#[tokio::test]
async fn a_writer_outlives_a_restart_of_samba() {
    use halosync::connector::ldap::{BindSettings, LdapWriter, Settings};
    use halosync::connector::{ConnectorError, DirectoryWriter};
    use halosync::model::{Dn, Name};

    let mut dc = SambaDc::start().await;
    let settings = Settings {
        name: Name::new("corp"),
        servers: vec![format!("ldaps://{}", dc.address()).parse().unwrap()],
        start_tls: false,
        ca_pem: Some(dc.authority().pem().into()),
        bind: BindSettings::Simple {
            user: WRITER.0.to_owned(),
            password: WRITER.1.to_owned().into(),
        },
        base: Dn::parse(BASE).unwrap(),
        page_size: 500,
        catalogs: Vec::new(),
        bind_from: None,
        timeout: Duration::from_secs(10),
        pinned: Some(HOST.to_owned()),
        now: None,
    };
    let writer = LdapWriter::connect(settings, 2).await.unwrap();
    let people = Dn::parse(BASE).unwrap().child("OU", "People");
    let guid = writer
        .fetch_by_dn(&people, &[])
        .await
        .unwrap()
        .unwrap()
        .guid;
    dc.stop();
    // The end of the connection has to be noticed first; a write before that could only be called unknown.
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Nothing can have been sent, so nothing can have happened.
    for _ in 0..2 {
        match writer.modify(guid, &[]).await {
            Err(ConnectorError::Unavailable { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    dc.resume().await;
    assert!(writer.fetch(guid, &[]).await.unwrap().is_some());
}
