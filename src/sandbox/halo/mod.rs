//! A HaloITSM simulator on loopback: the protocol of `/auth/token`, `/api/Users` and what belongs to it, over real
//! HTTP or HTTPS, with faults on demand.
//!
//! Must not know the reader it is there for. Invariants: it binds loopback addresses only; time is a clock the caller
//! controls; a fault happens at exactly the requests it was ordered for. Where it differs from the product,
//! `docs/sandbox-haloitsm.md` says so.

mod auth;
mod fault;
mod line;
mod login;
mod person;
mod query;
mod serve;
mod users;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use url::Url;

use self::auth::Application;
pub use self::auth::Doors;
use self::fault::Schedule;
pub use self::fault::{Envelope, ErrorShape, Fault, On};
use self::line::{Cut, Door};
pub use self::person::{CustomValue, FieldKind, HaloPerson};
use self::serve::Window;
use self::users::Paging;
pub use self::world::SimSite;
use self::world::World;
use super::people::{Invented, SITES};

/// Time since some fixed moment, for limits and the life of tokens.
pub type SimClock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Which generation of the product is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Pages as large as asked for, no `include_custom_fields`, POST answers 200.
    V2024,
    /// Pages of at most 100, `include_custom_fields`, POST answers 201.
    V2026,
}

/// What comes after the last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// An empty list.
    Empty,
    /// The last page again.
    LastPage,
}

/// Most rows on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// What the version has.
    OfVersion,
    /// This many.
    Rows(usize),
    /// As many as asked for.
    None,
}

/// Certificate chain and key, PEM.
#[derive(Clone)]
pub struct SimTls {
    /// The chain, server's certificate first.
    pub chain_pem: String,
    /// The private key.
    pub key_pem: String,
}

/// How the instance is set up.
#[derive(Clone)]
pub struct SimConfig {
    /// Where to listen; loopback only, port 0 for any.
    pub address: SocketAddr,
    /// HTTPS when given.
    pub tls: Option<SimTls>,
    /// The one API application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Tenant that token requests must name; `None` as self-hosted.
    pub tenant: Option<String>,
    /// Scopes the application may ask for; `all` allows every one.
    pub granted: Vec<String>,
    /// People who may log in at `/auth/authorize` or by the password grant, each with a password.
    pub users: Vec<(String, String)>,
    /// Ways in besides a token, and demands on token requests.
    pub doors: Doors,
    /// Life of a token.
    pub token_life: Duration,
    /// Everyone.
    pub people: Vec<HaloPerson>,
    /// Sites; those people name and nobody declares come into being by themselves.
    pub sites: Vec<SimSite>,
    /// A "General User" in every site.
    pub general_users: bool,
    /// Which product generation.
    pub version: Version,
    /// Most rows on a page.
    pub cap: Cap,
    /// What comes after the last page.
    pub past_end: PastEnd,
    /// Requests per rolling window; `None` for no limit.
    pub limiter: Option<(u32, Duration)>,
    /// Whether a 429 of the limiter says when to come again.
    pub retry_after: bool,
    /// Clients the application's agent may not see.
    pub hidden_clients: Vec<i64>,
    /// The clock.
    pub clock: SimClock,
    /// The moment the clock counts from, for the dates HaloITSM sets itself.
    pub epoch: jiff::Timestamp,
}

impl Default for SimConfig {
    fn default() -> Self {
        let start = Instant::now();
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            tenant: Some("sandbox".to_owned()),
            granted: vec!["all".to_owned()],
            users: vec![("agent".to_owned(), "sandbox-password".to_owned())],
            doors: Doors::default(),
            token_life: Duration::from_hours(1),
            people: Vec::new(),
            sites: SITES
                .iter()
                .map(|site| SimSite {
                    timezone: site.zone.to_owned(),
                    ..SimSite::new(site.id, site.name)
                })
                .collect(),
            general_users: true,
            version: Version::V2026,
            cap: Cap::OfVersion,
            past_end: PastEnd::Empty,
            limiter: Some((300, Duration::from_mins(5))),
            retry_after: false,
            hidden_clients: Vec::new(),
            clock: Arc::new(move || start.elapsed()),
            epoch: super::people::TODAY
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|midnight| midnight.timestamp())
                .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        }
    }
}

/// Turns invented people into HaloITSM's.
pub fn people_from(invented: &[Invented]) -> Vec<HaloPerson> {
    invented
        .iter()
        .enumerate()
        .map(|(index, person)| HaloPerson::invented(person, index))
        .collect()
}

/// The people every real instance has and nobody wants an account for, or who make trouble: an agent who is also a
/// person, a service account, a prospect, two people with one e-mail address, a person without one, and one known by
/// display name only. Ids from `first`.
pub fn odd_people(first: i64) -> Vec<HaloPerson> {
    let person =
        |offset: i64, given: &str, surname: &str| HaloPerson::new(first + offset, given, surname);
    vec![
        HaloPerson {
            linked_agent_id: 13,
            emailaddress: Some("agnes.agent@example.com".to_owned()),
            ..person(0, "Agnes", "Agent")
        },
        HaloPerson {
            isserviceaccount: true,
            name: "svc-backup".to_owned(),
            firstname: None,
            surname: None,
            ..person(1, "", "")
        },
        HaloPerson {
            is_prospect: true,
            ..person(2, "Percy", "Prospect")
        },
        HaloPerson {
            emailaddress: Some("family@example.com".to_owned()),
            ..person(3, "Tina", "Twin")
        },
        HaloPerson {
            emailaddress: Some("family@example.com".to_owned()),
            ..person(4, "Tom", "Twin")
        },
        person(5, "Nora", "Nomail"),
        HaloPerson {
            name: "Madonna".to_owned(),
            firstname: None,
            surname: None,
            ..person(6, "", "")
        },
    ]
}

/// What requests share.
struct Shared {
    world: World,
    application: Application,
    schedule: Schedule,
    window: Option<Window>,
    seen: Vec<String>,
    requests: u64,
}

impl Shared {
    fn count(&mut self, method: &Method, path: &str, query: Option<&str>) {
        // Enough for any test, bounded for a sandbox that runs for days.
        const KEPT: usize = 50_000;
        self.requests += 1;
        if self.seen.len() < KEPT {
            self.seen.push(match query {
                Some(query) => format!("{method} {path}?{query}"),
                None => format!("{method} {path}"),
            });
        }
    }
}

struct Inner {
    shared: Mutex<Shared>,
    paging: Paging,
    clock: SimClock,
    epoch: jiff::Timestamp,
    retry_after: bool,
    url: Url,
}

/// A running simulator.
pub struct HaloSim {
    inner: Arc<Inner>,
    stop: Option<oneshot::Sender<()>>,
    serving: tokio::task::JoinHandle<()>,
}

impl HaloSim {
    /// Starts a simulator.
    ///
    /// # Errors
    /// An address that is not loopback or is taken, and a certificate or key that cannot be used.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        if !config.address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulator listens on loopback addresses only",
            ));
        }
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let listener = TcpListener::bind(config.address).await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{address}/")).map_err(io::Error::other)?;

        let mut world = World::new(config.sites, config.general_users);
        for person in config.people {
            world.put(person);
        }
        world.hidden_clients = config.hidden_clients.into_iter().collect();
        let mut application = Application::new(
            config.client_id,
            config.client_secret,
            config.tenant,
            config.granted,
            config.token_life,
        );
        application.users = config.users;
        application.doors = config.doors;
        let cap = match (config.cap, config.version) {
            (Cap::Rows(rows), _) => Some(rows.max(1)),
            (Cap::OfVersion, Version::V2026) => Some(100),
            (Cap::None, _) | (Cap::OfVersion, Version::V2024) => None,
        };
        let inner = Arc::new(Inner {
            shared: Mutex::new(Shared {
                world,
                application,
                schedule: Schedule::default(),
                window: config
                    .limiter
                    .map(|(limit, length)| Window::new(limit, length)),
                seen: Vec::new(),
                requests: 0,
            }),
            paging: Paging {
                version: config.version,
                cap,
                past_end: config.past_end,
            },
            clock: config.clock,
            epoch: config.epoch,
            retry_after: config.retry_after,
            url,
        });
        let door = Door::open(listener, tls)?;
        let routes = axum::Router::new()
            .fallback(serve::answer)
            .with_state(Arc::clone(&inner))
            .into_make_service_with_connect_info::<Cut>();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let _ = axum::serve(door, routes)
                .with_graceful_shutdown(async move {
                    let _ = stopped.await;
                })
                .await;
        });
        Ok(Self {
            inner,
            stop: Some(stop),
            serving,
        })
    }

    /// Base address, with `/` at the end; `api` and `auth` lie below it.
    pub fn url(&self) -> Url {
        self.inner.url.clone()
    }

    /// Address of the API.
    pub fn resource_server(&self) -> Url {
        self.below("api")
    }

    /// Address of the authorisation server.
    pub fn authorisation_server(&self) -> Url {
        self.below("auth")
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.url();
        url.set_path(path);
        url
    }

    /// A handle to look at and change what the instance holds while it runs.
    pub fn state(&self) -> SimState {
        SimState {
            inner: Arc::clone(&self.inner),
        }
    }

    /// Ends the simulator, giving open requests a moment.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if tokio::time::timeout(Duration::from_secs(2), &mut self.serving)
            .await
            .is_err()
        {
            self.serving.abort();
        }
    }
}

fn acceptor(tls: &SimTls) -> io::Result<TlsAcceptor> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let chain = CertificateDer::pem_slice_iter(tls.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.as_bytes()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What the running instance holds, has seen, and will do wrong.
#[derive(Clone)]
pub struct SimState {
    inner: Arc<Inner>,
}

impl SimState {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.inner
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds or replaces a person.
    pub fn put(&self, person: HaloPerson) {
        self.lock().world.put(person);
    }

    /// Changes a person; false when there is none with this id.
    pub fn edit(&self, id: i64, change: impl FnOnce(&mut HaloPerson)) -> bool {
        self.lock().world.edit(id, change)
    }

    /// Deletes a person and gives what they were.
    pub fn remove(&self, id: i64) -> Option<HaloPerson> {
        self.lock().world.remove(id)
    }

    /// A person as they are now.
    pub fn person(&self, id: i64) -> Option<HaloPerson> {
        self.lock().world.person(id).cloned()
    }

    /// Ids of everyone but the pseudo-people of sites.
    pub fn ids(&self) -> Vec<i64> {
        self.lock()
            .world
            .people()
            .filter(|person| !person.general_user)
            .map(|person| person.id)
            .collect()
    }

    /// Takes a client's people out of, or back into, the sight of the application's agent.
    pub fn hide_client(&self, id: i64, hidden: bool) {
        self.lock().world.hide_client(id, hidden);
    }

    /// Orders a fault for the next request.
    pub fn fault_next(&self, on: On, fault: Fault) {
        let mut shared = self.lock();
        let next = shared.schedule.next(on);
        shared.schedule.order(on, next, next, fault);
    }

    /// Orders a fault for the n-th request, counted from 1 since the start or the last [`SimState::clear_faults`].
    pub fn fault_at(&self, on: On, at: u64, fault: Fault) {
        self.lock().schedule.order(on, at, at, fault);
    }

    /// Orders a fault for the n-th request and all after it.
    pub fn fault_from(&self, on: On, from: u64, fault: Fault) {
        self.lock().schedule.order(on, from, u64::MAX, fault);
    }

    /// Forgets all faults and counts requests for faults from 1 again.
    pub fn clear_faults(&self) {
        self.lock().schedule.clear();
    }

    /// Ends all tokens that were given out.
    pub fn expire_tokens(&self) {
        self.lock().application.expire();
    }

    /// Ends all logins, as an administrator can.
    pub fn end_logins(&self) {
        self.lock().application.logins.end_all();
    }

    /// Requests received so far, of every kind.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Requests received so far as `METHOD path?query`, path in lower case, the first 50,000 of them.
    pub fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    /// Requests received so far to this path, given in any case.
    pub fn requests_to(&self, path: &str) -> usize {
        let path = path.to_ascii_lowercase();
        self.lock()
            .seen
            .iter()
            .filter(|seen| {
                let target = seen.split_once(' ').map_or("", |(_, target)| target);
                target.split('?').next() == Some(path.as_str())
            })
            .count()
    }

    /// Tokens given out so far.
    pub fn tokens_issued(&self) -> u64 {
        self.lock().application.issued
    }

    /// Notes written to tickets.
    pub fn actions(&self) -> Vec<Value> {
        self.lock().world.actions.clone()
    }
}
