//! Sockets: listens, speaks TLS, cuts the byte stream into messages.
//!
//! A connection whose bytes are no LDAP is closed, as is one that sends more than the limit in one message. Requests
//! of one connection are answered in their order; answers are sent together when several requests came together.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::ber::{Writer, frame};
use super::config::DirectoryConfig;
use super::core::Directory;
use super::handle::{DirectoryHandle, Shared};
use super::message::{MAX_MESSAGE, Message};
use super::peer;
use super::session::{Next, Session};
use crate::sandbox::tls::{Authority, Identity};

/// Answers are sent when this many bytes wait, even within one batch of requests.
const FLUSH_AT: usize = 256 * 1024;

/// A running simulated directory. Dropping it stops the listeners; [`DirectorySim::stop`] also waits.
pub struct DirectorySim {
    shared: Arc<Shared>,
    authority: Authority,
    ldaps: SocketAddr,
    ldap: SocketAddr,
    catalog: SocketAddr,
    domain: String,
    closing: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl std::fmt::Debug for DirectorySim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectorySim")
            .field("ldaps", &self.ldaps)
            .field("ldap", &self.ldap)
            .finish_non_exhaustive()
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

impl DirectorySim {
    /// Makes the domain, a certificate authority and a server certificate, and listens on three ports.
    ///
    /// # Errors
    /// When the address is not a loopback one, a port is taken, or an account or unit of the configuration is not
    /// acceptable to the directory.
    pub async fn start(config: DirectoryConfig) -> io::Result<Self> {
        if !config.address.is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a loopback address", config.address),
            ));
        }
        let authority = Authority::new("halosync sandbox CA").map_err(invalid)?;
        let domain = config.domain.clone();
        let host = format!("dc1.{domain}");
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let identity = authority
            .server(
                &[&host, &domain, "localhost"],
                &if config.address == localhost {
                    vec![localhost]
                } else {
                    vec![config.address, localhost]
                },
            )
            .map_err(invalid)?;
        let tls = authority.server_config(&identity).map_err(invalid)?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let ldaps = TcpListener::bind((config.address, config.ldaps_port)).await?;
        let ldap = TcpListener::bind((config.address, config.ldap_port)).await?;
        let catalog = TcpListener::bind((config.address, config.catalog_port)).await?;
        let (ldaps_at, ldap_at) = (ldaps.local_addr()?, ldap.local_addr()?);
        let catalog_at = catalog.local_addr()?;
        let directory = Directory::new(config).map_err(invalid)?;
        let shared = Arc::new(Shared::new(directory));
        let (closing, closed) = watch::channel(false);
        let mut listeners = JoinSet::new();
        for (listener, port) in [
            (ldaps, Port::Ldaps),
            (ldap, Port::Ldap),
            (catalog, Port::Catalog),
        ] {
            listeners.spawn(listen(
                listener,
                acceptor.clone(),
                port,
                Arc::clone(&shared),
                closed.clone(),
            ));
        }
        Ok(Self {
            shared,
            authority,
            ldaps: ldaps_at,
            ldap: ldap_at,
            catalog: catalog_at,
            domain,
            closing,
            listeners,
        })
    }

    /// `ldaps://127.0.0.1:port`.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", self.ldaps)
    }

    /// `ldap://127.0.0.1:port`, for StartTLS.
    pub fn ldap_url(&self) -> String {
        format!("ldap://{}", self.ldap)
    }

    /// `ldaps://127.0.0.1:port` of the global catalog.
    pub fn catalog_url(&self) -> String {
        format!("ldaps://{}", self.catalog)
    }

    /// The certificate to trust.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// A client certificate with which SASL EXTERNAL binds as this account.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn client_certificate(&self, account: &str) -> io::Result<Identity> {
        let upn = if account.contains('@') {
            account.to_owned()
        } else {
            format!("{account}@{}", self.domain)
        };
        self.authority.client(account, Some(&upn)).map_err(invalid)
    }

    /// The directory itself, for looking into it and disturbing it.
    pub fn state(&self) -> DirectoryHandle {
        DirectoryHandle::new(Arc::clone(&self.shared))
    }

    /// Stops listening, closes all connections, and waits until they are gone.
    pub async fn stop(mut self) {
        self.closing.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
    }
}

/// What is spoken where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Ldaps,
    /// Plain, until TLS is asked for.
    Ldap,
    /// The global catalog over TLS.
    Catalog,
}

async fn listen(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    port: Port,
    shared: Arc<Shared>,
    mut closed: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closed.wait_for(|closed| *closed) => break,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: let some connections end.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        shared.count_connection();
        let (acceptor, shared, mut closed) =
            (acceptor.clone(), Arc::clone(&shared), closed.clone());
        connections.spawn(async move {
            let conversation = converse(stream, acceptor, port, &shared);
            tokio::select! {
                // Whatever ends a connection ends only that connection.
                ended = conversation => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "directory connection ended");
                    }
                }
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn converse(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    port: Port,
    shared: &Shared,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if port == Port::Ldap {
        let mut session = Session::new(false, None, false);
        if serve(&mut stream, &mut session, shared).await? != Next::StartTls {
            return Ok(());
        }
    }
    let patience = shared.read().config.limits.max_idle;
    let mut stream = tokio::time::timeout(patience, acceptor.accept(stream)).await??;
    let peer = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| peer::names(chain.first()?).ok());
    let mut session = Session::new(true, peer, port == Port::Catalog);
    serve(&mut stream, &mut session, shared).await?;
    stream.shutdown().await
}

/// Serves requests until the connection ends or TLS is to begin.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    session: &mut Session,
    shared: &Shared,
) -> io::Result<Next> {
    let idle = shared.read().config.limits.max_idle;
    let mut buffer: Vec<u8> = Vec::with_capacity(16 * 1024);
    let mut out = Writer::new();
    loop {
        let mut used = 0;
        while let Some(length) = frame(&buffer[used..], MAX_MESSAGE).map_err(invalid)? {
            let message = Message::decode(&buffer[used..used + length]).map_err(invalid)?;
            let verdict = Session::judge(shared, &message);
            if let Some(delay) = verdict.delay {
                flush(stream, &mut out).await?;
                tokio::time::sleep(delay).await;
            }
            if verdict.drop_before {
                flush(stream, &mut out).await?;
                return Ok(Next::Close);
            }
            let before = out.len();
            let next = session.handle(shared, &message, verdict.refuse, &mut out);
            if verdict.drop_after {
                out.truncate(before);
                flush(stream, &mut out).await?;
                return Ok(Next::Close);
            }
            used += length;
            if next != Next::Continue {
                flush(stream, &mut out).await?;
                // Bytes already sent behind a StartTLS request were not sealed: they must not be taken for sealed
                // ones.
                if next == Next::StartTls && used < buffer.len() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "data follows a StartTLS request",
                    ));
                }
                return Ok(next);
            }
            if out.len() >= FLUSH_AT {
                flush(stream, &mut out).await?;
            }
        }
        buffer.drain(..used);
        flush(stream, &mut out).await?;
        let read = tokio::time::timeout(idle, stream.read_buf(&mut buffer)).await;
        match read {
            Ok(Ok(0)) | Err(_) => return Ok(Next::Close),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
        }
    }
}

async fn flush<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut Writer) -> io::Result<()> {
    if out.len() > 0 {
        stream.write_all(out.as_bytes()).await?;
        stream.flush().await?;
        out.clear();
    }
    Ok(())
}
