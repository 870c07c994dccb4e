//! Finding a domain controller that answers, binding, and learning which directory it is.
//!
//! Must not know what is read or written afterwards. Keeps: a password is offered only over TLS, only to the pinned
//! controller when one is pinned, and at most to one server when that server refuses it (others would count the same
//! wrong password towards a lockout); later connections go to the very address the first one reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ldap3::exop::WhoAmI;
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, Scope, StdStream, ldap_escape};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use url::Url;

use super::errors::refused;
use super::wire::{Session, exchange};
use super::{BindSettings, Settings, tls, values};
use crate::connector::ConnectorError;
use crate::model::{DirectoryIdentity, Dn, Guid};

/// The domain controller all connections of a run go to.
pub(super) struct Server {
    settings: Settings,
    tls: Arc<ClientConfig>,
    url: Url,
    address: SocketAddr,
    pub(super) system: String,
    pub(super) identity: DirectoryIdentity,
    pub(super) schema_base: String,
}

impl std::fmt::Debug for Server {
    /// Where and what it is; nothing of how we sign in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url.as_str())
            .field("address", &self.address)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// What the root entry says (RFC 4512 section 5.1, [MS-ADTS] 3.1.1.3.2).
struct RootEntry {
    naming_context: Dn,
    schema_base: String,
    host: String,
    /// What its clock says, as far as it tells.
    time: Option<jiff::Timestamp>,
}

/// Why a server is not the one.
enum Unusable {
    /// The next one may do.
    Next(String),
    /// No other will do better.
    Stop(ConnectorError),
}

impl Server {
    /// Tries the servers in order and keeps the first that answers as the directory the settings name.
    ///
    /// # Errors
    /// `Invalid` for settings that cannot work, `Denied` when a server refuses who we say we are, else `Unavailable`
    /// with each server and why it does not do.
    pub(super) async fn find(settings: Settings) -> Result<(Self, Session), ConnectorError> {
        let system = format!("directory {}", settings.name);
        check(&settings).map_err(|(field, message)| ConnectorError::Invalid {
            system: system.clone(),
            field: Some(field.to_owned()),
            message,
        })?;
        let tls = tls::config(&settings).map_err(|message| ConnectorError::Invalid {
            system: system.clone(),
            field: Some("tls".to_owned()),
            message,
        })?;
        let mut failures = Vec::new();
        for url in &settings.servers {
            let addresses = match resolve(url, settings.timeout).await {
                Ok(addresses) => addresses,
                Err(why) => {
                    tracing::warn!("{system}: {url}: {why}");
                    failures.push(format!("{url}: {why}"));
                    continue;
                }
            };
            for address in addresses {
                let candidate = Candidate {
                    settings: &settings,
                    tls: &tls,
                    url,
                    address,
                    system: &system,
                };
                match candidate.open_first().await {
                    Ok((session, root, identity)) => {
                        tracing::debug!("{system}: {url} answers as {}", root.host);
                        let server = Self {
                            url: url.clone(),
                            address,
                            system,
                            identity,
                            schema_base: root.schema_base,
                            settings,
                            tls,
                        };
                        return Ok((server, session));
                    }
                    Err(Unusable::Next(why)) => {
                        tracing::warn!("{system}: {url}: {why}");
                        failures.push(format!("{url}: {why}"));
                    }
                    Err(Unusable::Stop(error)) => return Err(error),
                }
            }
        }
        Err(ConnectorError::Unavailable {
            system,
            message: format!("no server can be used: {}", failures.join("; ")),
        })
    }

    /// One more bound connection to the same domain controller.
    pub(super) async fn open_another(&self) -> Result<Session, ConnectorError> {
        let candidate = Candidate {
            settings: &self.settings,
            tls: &self.tls,
            url: &self.url,
            address: self.address,
            system: &self.system,
        };
        let unavailable = |why| ConnectorError::Unavailable {
            system: self.system.clone(),
            message: format!("{}: {why}", self.url),
        };
        let session = candidate.connect().await.map_err(unavailable)?;
        let root = candidate.root_entry(&session).await.map_err(unavailable)?;
        if root.host != self.identity.domain_controller {
            return Err(unavailable(format!(
                "answers as {} now, not as {} any more",
                root.host, self.identity.domain_controller
            )));
        }
        candidate.bind(&session).await?;
        Ok(session)
    }

    /// A bound connection to a global catalog of this forest: one that has the same schema.
    ///
    /// # Errors
    /// `Unavailable` with each server and why it does not do, `Denied` when one refuses who we say we are.
    pub(super) async fn open_catalog(&self) -> Result<Session, ConnectorError> {
        let mut failures = Vec::new();
        for url in &self.settings.catalogs {
            let addresses = match resolve(url, self.settings.timeout).await {
                Ok(addresses) => addresses,
                Err(why) => {
                    failures.push(format!("{url}: {why}"));
                    continue;
                }
            };
            for address in addresses {
                let candidate = Candidate {
                    settings: &self.settings,
                    tls: &self.tls,
                    url,
                    address,
                    system: &self.system,
                };
                match candidate.open_catalog(&self.schema_base).await {
                    Ok(session) => return Ok(session),
                    Err(Unusable::Next(why)) => failures.push(format!("{url}: {why}")),
                    Err(Unusable::Stop(error)) => return Err(error),
                }
            }
        }
        Err(ConnectorError::Unavailable {
            system: self.system.clone(),
            message: format!("no global catalog can be used: {}", failures.join("; ")),
        })
    }

    /// TLS version and certificate of one more connection, on which nobody signs in; `None` when it cannot be made.
    pub(super) async fn protection(&self) -> Option<(Option<&'static str>, Option<Vec<u8>>)> {
        let (watched, seen) = tls::VersionSeen::watch(&self.tls);
        let candidate = Candidate {
            settings: &self.settings,
            tls: &watched,
            url: &self.url,
            address: self.address,
            system: &self.system,
        };
        let session = candidate.connect().await.ok()?;
        let certificate = session.handle().get_peer_certificate().await.ok()?;
        Some((seen.version(), certificate))
    }

    /// The address of the settings that led here.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The settings this server was found with.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// DN of the account we are, when that can be found out. Only for protecting it; never an error.
    pub(super) async fn bound_as(&self, session: &Session) -> Option<Dn> {
        let who = match who_am_i(session).await {
            Some(who) => who,
            None => match &self.settings.bind {
                BindSettings::Simple { user, .. } => user.clone(),
                BindSettings::External { .. } => return None,
            },
        };
        let who = who
            .strip_prefix("dn:")
            .or(who.strip_prefix("u:"))
            .unwrap_or(&who);
        let none: [String; 1] = ["1.1".to_owned()];
        if let Ok(dn) = Dn::parse(who) {
            let found = session
                .object(dn.as_str(), "(objectClass=*)", &none)
                .await
                .ok()??;
            return Dn::parse(&found.dn).ok();
        }
        let filters = match (who.split_once('\\'), who.split_once('@')) {
            (Some((_, name)), _) => vec![("sAMAccountName", name)],
            // An account without userPrincipalName signs in with its implied one, sAMAccountName@domain.
            (None, Some((name, _))) => vec![("userPrincipalName", who), ("sAMAccountName", name)],
            (None, None) => vec![("sAMAccountName", who)],
        };
        for (attribute, value) in filters {
            let filter = format!("({attribute}={})", ldap_escape(value));
            let base = self.identity.naming_context.as_str();
            let (mut found, result) = session
                .some(base, Scope::Subtree, &filter, &none)
                .await
                .ok()?;
            if result.rc == 0 && found.len() == 1 {
                return Dn::parse(&found.pop()?.dn).ok();
            }
        }
        None
    }
}

/// What is wrong with settings before anything is tried: the field and why.
fn check(settings: &Settings) -> Result<(), (&'static str, String)> {
    if settings.servers.is_empty() {
        return Err(("servers", "no server is named".to_owned()));
    }
    let catalogs = settings.catalogs.iter().map(|url| (url, "globalCatalog"));
    for (url, field) in settings
        .servers
        .iter()
        .map(|url| (url, "servers"))
        .chain(catalogs)
    {
        let wanted = if settings.start_tls { "ldap" } else { "ldaps" };
        if url.scheme() != wanted {
            let why = if settings.start_tls {
                "with startTls the address begins with ldap://"
            } else {
                "the address must begin with ldaps://, or tls.startTls be set; nothing is sent unprotected"
            };
            return Err((field, format!("{url}: {why}")));
        }
        match url.host() {
            None => return Err((field, format!("{url}: no host is named"))),
            // The client library compares the bracketed form with the certificate and never finds it.
            Some(url::Host::Ipv6(_)) => {
                let why = "use a host name instead of an IPv6 address";
                return Err((field, format!("{url}: {why}")));
            }
            Some(_) => {}
        }
    }
    if let BindSettings::Simple { user, password } = &settings.bind {
        if user.trim().is_empty() {
            return Err(("user", "the user name is empty".to_owned()));
        }
        if password.expose_secret().is_empty() {
            let why = "the password is empty; a server would take that for an anonymous bind";
            return Err(("password", why.to_owned()));
        }
    }
    Ok(())
}

async fn resolve(url: &Url, timeout: Duration) -> Result<Vec<SocketAddr>, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .unwrap_or(if url.scheme() == "ldaps" { 636 } else { 389 });
    match tokio::time::timeout(timeout, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() {
                return Err("the name has no address".to_owned());
            }
            Ok(addresses)
        }
        Ok(Err(error)) => Err(format!("the name cannot be resolved: {error}")),
        Err(_) => Err("the name could not be resolved in time".to_owned()),
    }
}

/// One address that may be the domain controller.
struct Candidate<'a> {
    settings: &'a Settings,
    tls: &'a Arc<ClientConfig>,
    url: &'a Url,
    address: SocketAddr,
    system: &'a str,
}

impl Candidate<'_> {
    async fn open_first(&self) -> Result<(Session, RootEntry, DirectoryIdentity), Unusable> {
        let session = self.connect().await.map_err(Unusable::Next)?;
        let root = self.root_entry(&session).await.map_err(Unusable::Next)?;
        if root.naming_context.key() != self.settings.base.key() {
            let message = format!(
                "{} holds {}, but `base` is {}",
                self.url, root.naming_context, self.settings.base
            );
            return Err(Unusable::Stop(ConnectorError::Invalid {
                system: self.system.to_owned(),
                field: Some("base".to_owned()),
                message,
            }));
        }
        if let Some(pinned) = &self.settings.pinned
            && !pinned.eq_ignore_ascii_case(&root.host)
        {
            return Err(Unusable::Next(format!(
                "it is {}, and the plan was made from {pinned}",
                root.host
            )));
        }
        if let (Some(ours), Some(theirs)) = (self.settings.now, root.time)
            && ours.duration_since(theirs).unsigned_abs() > super::MOST_APART
        {
            return Err(Unusable::Next(format!(
                "its clock says {theirs:.0}, and the one of this machine {ours:.0}; which days are over depends on them, so set the one that is wrong"
            )));
        }
        self.bind(&session).await.map_err(|error| match error {
            ConnectorError::Transient { message, .. }
            | ConnectorError::Unavailable { message, .. } => Unusable::Next(message),
            other => Unusable::Stop(other),
        })?;
        let identity = self
            .identity(&session, &root)
            .await
            .map_err(|error| match error {
                ConnectorError::Transient { message, .. } => Unusable::Next(message),
                other => Unusable::Stop(other),
            })?;
        Ok((session, root, identity))
    }

    async fn open_catalog(&self, schema_base: &str) -> Result<Session, Unusable> {
        let session = self.connect().await.map_err(Unusable::Next)?;
        let root = self.root_entry(&session).await.map_err(Unusable::Next)?;
        // All domains of a forest share one schema ([MS-ADTS] 3.1.1.1.2), and no other forest has it.
        let key = |text: &str| Dn::parse(text).map(|dn| dn.key()).ok();
        if key(&root.schema_base) != key(schema_base) {
            return Err(Unusable::Next(format!(
                "it belongs to another forest, its schema is {}",
                root.schema_base
            )));
        }
        self.bind(&session).await.map_err(|error| match error {
            ConnectorError::Transient { message, .. }
            | ConnectorError::Unavailable { message, .. } => Unusable::Next(message),
            other => Unusable::Stop(other),
        })?;
        Ok(session)
    }

    /// TCP and TLS; nobody has said who we are yet.
    async fn connect(&self) -> Result<Session, String> {
        let timeout = self.settings.timeout;
        let opened = tokio::time::timeout(timeout, self.open_stream())
            .await
            .map_err(|_| format!("no connection within {} s", timeout.as_secs_f32()))?;
        let (connection, ldap) = opened?;
        tokio::spawn(async move {
            // How it ended shows at whoever waits for an answer; the task itself has nobody to tell.
            if let Err(error) = connection.drive().await {
                tracing::debug!("directory connection ended: {error}");
            }
        });
        Ok(Session {
            ldap,
            timeout,
            system: self.system.to_owned(),
        })
    }

    async fn open_stream(&self) -> Result<(LdapConnAsync, ldap3::Ldap), String> {
        let stream = tokio::net::TcpStream::connect(self.address)
            .await
            .and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.into_std()
            })
            .map_err(|error| format!("no connection to {}: {error}", self.address))?;
        let settings = LdapConnSettings::new()
            .set_config(Arc::clone(self.tls))
            .set_starttls(self.settings.start_tls)
            .set_std_stream(StdStream::Tcp(stream));
        LdapConnAsync::from_url_with_settings(settings, self.url)
            .await
            .map_err(|error| match error {
                LdapError::Io { source } => tls::explain(&source),
                LdapError::LdapResult { result } => format!(
                    "it does not switch to TLS ({}: {})",
                    result.rc,
                    result.text.trim()
                ),
                other => other.to_string(),
            })
    }

    async fn root_entry(&self, session: &Session) -> Result<RootEntry, String> {
        let attributes = [
            "defaultNamingContext",
            "schemaNamingContext",
            "dnsHostName",
            "isSynchronized",
            "currentTime",
        ]
        .map(str::to_owned);
        let raw = session
            .object("", "(objectClass=*)", &attributes)
            .await
            .map_err(|error| error.to_string())?
            .ok_or("it has no root entry")?;
        if raw.text("isSynchronized") == Some("FALSE") {
            return Err("it has not finished its first replication".to_owned());
        }
        let text = |name: &str| {
            raw.text(name)
                .map(str::to_owned)
                .ok_or_else(|| format!("its root entry has no {name}; is it Active Directory?"))
        };
        let naming_context = text("defaultNamingContext")?;
        Ok(RootEntry {
            naming_context: Dn::parse(&naming_context).map_err(|error| {
                format!("its defaultNamingContext {naming_context:?} is no name: {error}")
            })?,
            schema_base: text("schemaNamingContext")?,
            host: text("dnsHostName")?,
            time: raw.text("currentTime").and_then(super::probe::time),
        })
    }

    async fn bind(&self, session: &Session) -> Result<(), ConnectorError> {
        match &self.settings.bind {
            BindSettings::Simple { user, password } => {
                let mut ldap = session.handle();
                let answer = exchange(ldap.simple_bind(user, password.expose_secret())).await;
                let what = format!("signing in to {} as {user}", self.url);
                let result = answer.map_err(|broken| broken.on_read(self.system, &what))?;
                if result.rc != 0 {
                    let mut error = refused(self.system, &what, &result, &[]);
                    if let (ConnectorError::Denied { message, .. }, Some(from)) =
                        (&mut error, &self.settings.bind_from)
                    {
                        message.push_str(&format!("; {from}"));
                    }
                    return Err(error);
                }
            }
            BindSettings::External { .. } => {
                // Over LDAPS, Active Directory takes the certificate at once and refuses the bind itself; after
                // StartTLS it wants the bind ([MS-ADTS] 5.1.1.2).
                if !self.settings.start_tls && who_am_i(session).await.is_some() {
                    return Ok(());
                }
                let mut ldap = session.handle();
                let answer = exchange(ldap.sasl_external_bind()).await;
                let what = format!("signing in to {} with the client certificate", self.url);
                let result = answer.map_err(|broken| broken.on_read(self.system, &what))?;
                if result.rc != 0 {
                    // However a server without this mechanism puts it, asking another way is no use.
                    return Err(match refused(self.system, &what, &result, &[]) {
                        error @ (ConnectorError::Transient { .. }
                        | ConnectorError::Denied { .. }) => error,
                        ConnectorError::Unavailable { system, message }
                        | ConnectorError::Invalid {
                            system, message, ..
                        }
                        | ConnectorError::Conflict { system, message }
                        | ConnectorError::NotFound { system, message }
                        | ConnectorError::OverBudget { system, message }
                        | ConnectorError::Setup { system, message }
                        | ConnectorError::Unknown { system, message } => ConnectorError::Denied {
                            message: format!(
                                "{message}; this server may have no sign-in by certificate"
                            ),
                            system,
                        },
                    });
                }
            }
        }
        Ok(())
    }

    async fn identity(
        &self,
        session: &Session,
        root: &RootEntry,
    ) -> Result<DirectoryIdentity, ConnectorError> {
        let attributes = ["objectGUID", "objectSid"].map(str::to_owned);
        let unavailable = |message: &str| ConnectorError::Unavailable {
            system: self.system.to_owned(),
            message: format!("{}: {message}", root.naming_context),
        };
        let head = session
            .object(root.naming_context.as_str(), "(objectClass=*)", &attributes)
            .await?
            .ok_or_else(|| unavailable("the domain's own entry cannot be read"))?;
        let first = |name: &str| head.values(name).first();
        let guid = first("objectGUID").and_then(|bytes| Guid::from_wire(bytes));
        let sid = first("objectSid").and_then(|bytes| values::sid(bytes));
        Ok(DirectoryIdentity {
            domain_guid: guid
                .ok_or_else(|| unavailable("the domain's objectGUID cannot be read"))?,
            domain_sid: sid.ok_or_else(|| unavailable("the domain's objectSid cannot be read"))?,
            naming_context: root.naming_context.clone(),
            domain_controller: root.host.clone(),
        })
    }
}

/// RFC 4532; `None` when the server has no such operation (Samba) or takes us for nobody.
async fn who_am_i(session: &Session) -> Option<String> {
    let mut ldap = session.handle();
    let answer = exchange(ldap.extended(WhoAmI)).await.ok()?;
    if answer.1.rc != 0 {
        return None;
    }
    let text = String::from_utf8(answer.0.val?).ok()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Server, check};
    use crate::connector::ConnectorError;
    use crate::connector::ldap::{BindSettings, Settings};
    use crate::model::{Dn, Name};

    fn settings(server: &str, user: &str, password: &str) -> Settings {
        Settings {
            name: Name::new("corp"),
            servers: vec![server.parse().expect("an address")],
            start_tls: false,
            ca_pem: None,
            bind: BindSettings::Simple {
                user: user.to_owned(),
                password: password.to_owned().into(),
            },
            base: Dn::parse("DC=example,DC=test").expect("a name"),
            page_size: 500,
            catalogs: Vec::new(),
            bind_from: None,
            timeout: Duration::from_secs(2),
            now: None,
            pinned: None,
        }
    }

    #[test]
    fn what_would_be_unprotected_or_anonymous_is_refused_before_anything_is_sent() {
        let field = |settings: &Settings| check(settings).map_err(|(field, _)| field);
        assert_eq!(
            field(&settings("ldaps://dc.example.test", "reader", "x")),
            Ok(())
        );
        assert_eq!(
            field(&settings("ldap://dc.example.test", "reader", "x")),
            Err("servers")
        );
        assert_eq!(
            field(&settings("ldaps://[::1]", "reader", "x")),
            Err("servers")
        );
        assert_eq!(
            field(&settings("ldaps://dc.example.test", " ", "x")),
            Err("user")
        );
        assert_eq!(
            field(&settings("ldaps://dc.example.test", "reader", "")),
            Err("password")
        );
        let mut start_tls = settings("ldap://dc.example.test", "reader", "x");
        start_tls.start_tls = true;
        assert_eq!(field(&start_tls), Ok(()));
        start_tls.servers.clear();
        assert_eq!(field(&start_tls), Err("servers"));
    }

    #[test]
    fn settings_do_not_show_the_password() {
        let shown = format!(
            "{:?}",
            settings("ldaps://dc.example.test", "reader", "canary-4711")
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[tokio::test]
    async fn every_server_tried_is_named_with_the_reason() {
        // A port nobody listens on, found by letting go of one.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut settings = settings(&format!("ldaps://127.0.0.1:{port}"), "reader", "x");
        settings
            .servers
            .push("ldaps://no-such-host.invalid".parse().expect("an address"));
        settings.ca_pem = Some(
            rcgen::generate_simple_self_signed(["dc".to_owned()])
                .expect("a certificate")
                .cert
                .pem()
                .into(),
        );
        match Server::find(settings).await {
            Err(ConnectorError::Unavailable { message, .. }) => {
                assert!(message.contains(&port.to_string()), "{message}");
                assert!(message.contains("no-such-host.invalid"), "{message}");
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
}
