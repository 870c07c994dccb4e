//! Stands between `apply` and a directory, and fails wherever a script says so.
//!
//! Ends TLS on both sides, so that it sees where LDAP messages begin and end. Knows of LDAP what tells requests, answers
//! and result codes apart. Keeps that a request has reached the directory exactly when the script let it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::e2e::lab::Site;
use crate::samba::Authority;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    /// The connection breaks; the directory never hears of the request.
    DropBefore,
    /// The request is sent on, and the connection breaks at once: nobody knows when it takes effect.
    DropSent,
    /// The request has taken effect; the connection breaks instead of answering.
    DropAnswer,
    /// The request arrives late.
    Delay(Duration),
    /// The answer arrives late.
    DelayAnswer(Duration),
    /// The request waits for good; the test is told.
    HoldRequest,
    /// The request has taken effect, the answer waits for good; the test is told.
    HoldAnswer,
}

/// A request on its way, numbered from when the script was given.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) number: usize,
    /// Its operation, without the message's number.
    operation: Vec<u8>,
}

impl Request {
    /// Add, delete, modify, modifyDN (RFC 4511 section 4).
    pub(super) fn is_write(&self) -> bool {
        matches!(self.operation.first(), Some(0x68 | 0x4a | 0x66 | 0x6c))
    }

    pub(super) fn sets_a_password(&self) -> bool {
        self.names(b"unicodePwd")
    }

    /// Succeeds a second time without an effect: joining and leaving groups is written so that this is no error; setting
    /// the same password again, or moving something to where it stands, changes nothing; and Samba says that a change of `userAccountControl` to what it is
    /// already was made, whatever old value the change names (to anything else it compares).
    fn is_harmless_twice(&self) -> bool {
        let attributes: [&[u8]; 2] = [b"\x04\x06member", b"\x04\x12userAccountControl"];
        match self.operation.first() {
            Some(0x6c) => true,
            Some(0x66) => {
                self.sets_a_password() || attributes.iter().any(|attribute| self.names(attribute))
            }
            _ => false,
        }
    }

    fn names(&self, attribute: &[u8]) -> bool {
        let mut parts = self.operation.windows(attribute.len());
        parts.any(|part| part == attribute)
    }
}

type Script = Box<dyn FnMut(&Request) -> Fate + Send>;

struct Shared {
    upstream: (String, u16),
    connector: TlsConnector,
    script: Mutex<(Script, usize, usize)>,
    /// Successful writes by operation, since the script was given.
    effects: Mutex<HashMap<Vec<u8>, usize>>,
    under_way: AtomicUsize,
    held: Notify,
}

pub(super) struct Proxy {
    pub(super) url: String,
    pub(super) ca_pem: String,
    shared: Arc<Shared>,
    _closing: watch::Sender<bool>,
}

impl Proxy {
    /// In front of a site's directory; lets everything pass.
    pub(super) async fn before(site: &Site) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.server(&["localhost"], Ipv4Addr::LOCALHOST);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("its own certificate");
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(site.ca_pem.as_bytes()) {
            roots.add(root.expect("PEM")).expect("an authority");
        }
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let to: url::Url = site.url.parse().expect("an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            upstream: (
                to.host_str().expect("a host").to_owned(),
                to.port().unwrap_or(636),
            ),
            connector: TlsConnector::from(Arc::new(client)),
            script: Mutex::new((Box::new(|_| Fate::Pass), 0, 0)),
            effects: Mutex::default(),
            under_way: AtomicUsize::new(0),
            held: Notify::new(),
        });
        let (closing, mut closed) = watch::channel(false);
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let of_all = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // The sender is gone with the proxy.
                    _ = closed.changed() => break,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of_all));
                // A connection ends with its client, or where the script ends it.
                tokio::spawn(async move { converse(stream, acceptor, &shared).await });
            }
        });
        Self {
            url: format!("ldaps://127.0.0.1:{port}"),
            ca_pem: authority.pem(),
            shared,
            _closing: closing,
        }
    }

    /// From now on this decides; requests are counted anew.
    pub(super) fn follow(&self, script: impl FnMut(&Request) -> Fate + Send + 'static) {
        *lock(&self.shared.script) = (Box::new(script), 0, 0);
        lock(&self.shared.effects).clear();
    }

    pub(super) fn pass(&self) {
        self.resume(|_| Fate::Pass);
    }

    /// From now on this decides; effects are counted on.
    fn resume(&self, script: impl FnMut(&Request) -> Fate + Send + 'static) {
        *lock(&self.shared.script) = (Box::new(script), 0, 0);
    }

    /// Requests and writes since the script was given.
    pub(super) fn counts(&self) -> (usize, usize) {
        let script = lock(&self.shared.script);
        (script.1, script.2)
    }

    /// Comes back when a request or an answer is held.
    pub(super) async fn held(&self) {
        self.shared.held.notified().await;
    }

    /// Comes back when no request is on its way any more.
    pub(super) async fn quiet(&self) {
        while self.shared.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Writes of which one and the same took effect more than once.
    pub(super) fn doubled(&self) -> Vec<String> {
        lock(&self.shared.effects)
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(operation, _)| String::from_utf8_lossy(operation).into_owned())
            .collect()
    }
}

impl Shared {
    fn fate(&self, operation: Vec<u8>) -> (Fate, Request) {
        let mut script = lock(&self.script);
        let request = Request {
            number: script.1,
            operation,
        };
        script.1 += 1;
        script.2 += usize::from(request.is_write());
        let fate = (script.0)(&request);
        (fate, request)
    }
}

/// One on its way, for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut client = acceptor.accept(stream).await.ok()?;
    let (host, port) = &shared.upstream;
    let upstream = TcpStream::connect((host.as_str(), *port)).await.ok()?;
    upstream.set_nodelay(true).ok()?;
    let name = ServerName::try_from(host.clone()).ok()?;
    let mut server = shared.connector.connect(name, upstream).await.ok()?;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        let message = message(&mut client, &mut asked).await?;
        let operation = operation(&message)?.to_vec();
        // Unbind and abandon have no answer.
        if matches!(operation.first(), Some(0x42 | 0x50)) {
            server.write_all(&message).await.ok()?;
            continue;
        }
        let (fate, request) = shared.fate(operation);
        let way = UnderWay::new(&shared.under_way);
        match fate {
            Fate::DropBefore => return None,
            Fate::HoldRequest => {
                drop(way);
                shared.held.notify_one();
                // Until the client is gone.
                let _ = client.read_u8().await;
                return None;
            }
            Fate::Delay(late) => tokio::time::sleep(late).await,
            _ => {}
        }
        server.write_all(&message).await.ok()?;
        server.flush().await.ok()?;
        if fate == Fate::DropSent {
            drop(client);
            // It takes effect when it does; the test must know when.
            let _ = answer(&mut server, &mut answered, shared, &request).await;
            return None;
        }
        let answer = answer(&mut server, &mut answered, shared, &request).await?;
        match fate {
            Fate::DropAnswer => return None,
            Fate::HoldAnswer => {
                drop(way);
                shared.held.notify_one();
                let _ = client.read_u8().await;
                return None;
            }
            Fate::DelayAnswer(late) => tokio::time::sleep(late).await,
            _ => {}
        }
        client.write_all(&answer).await.ok()?;
        client.flush().await.ok()?;
    }
}

/// Everything that answers one request; notes a write that took effect.
async fn answer(
    server: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    shared: &Shared,
    request: &Request,
) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let one = message(server, buffer).await?;
        let operation = operation(&one)?.to_vec();
        all.extend(one);
        // An entry, a reference, an intermediate response: more follow.
        if matches!(operation.first(), Some(0x64 | 0x73 | 0x79)) {
            continue;
        }
        let (_, result) = element(&operation)?;
        if request.is_write()
            && !request.is_harmless_twice()
            && result.get(..3) == Some(&[0x0a, 1, 0])
        {
            *lock(&shared.effects)
                .entry(request.operation.clone())
                .or_default() += 1;
        }
        return Some(all);
    }
}

/// The next message as it came.
async fn message(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(length) = length(buffer) {
            return Some(buffer.drain(..length).collect());
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Header and content of the first element (X.690 section 8.1.3), when it is all there.
fn length(bytes: &[u8]) -> Option<usize> {
    let (header, content) = header(bytes)?;
    (bytes.len() >= header + content).then_some(header + content)
}

fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let digits = bytes.get(2..2 + (first & 0x7f))?;
    let content = digits
        .iter()
        .fold(0, |length, digit| (length << 8) | usize::from(*digit));
    Some((2 + digits.len(), content))
}

/// The first element's header and content apart.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, content) = header(bytes)?;
    Some((bytes.get(..header)?, bytes.get(header..header + content)?))
}

/// What follows a message's number.
fn operation(message: &[u8]) -> Option<&[u8]> {
    let (_, content) = element(message)?;
    content.get(length(content)?..)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
