//! HaloITSM over its REST API: everyone it knows, with a proof of completeness.
//!
//! Holds HTTP, OAuth 2.0, paging, patience and the rules by which a read counts as whole. Must not know what a row
//! means: rows go as raw JSON into a [`RowSink`], usually an intake's [`Taker`]. Invariants: nothing is ever written; one list costs
//! `ceil(people / 100)` requests and one token, and no person costs a request of their own; a short, moving or empty
//! list is never passed off as proven (P2); no secret is shown (P4).
//!
//! Protocol facts come from the vendor's API help and OpenAPI document and from public client code.

mod envelope;
mod http;
mod limiter;
mod message;
pub mod probe;
mod read;
mod retry;
mod time;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use self::envelope::{NoPage, Page, Shape};
use self::limiter::{Limiter, Permit};
use self::message::Redactor;
use self::retry::{Attempts, Failure};
pub use self::time::{MachineTime, Timekeeper};
use self::token::TokenStore;
use super::ConnectorError;
use crate::config::kinds;
use crate::intake::Taker;
use crate::model::{Completeness, Field, Name, PeopleHeader, PeopleSnapshot, Person, RejectedRow};

/// Largest answer taken in; a page of 100 people with custom fields is below one.
const LARGEST_PAGE: usize = 64 << 20;

/// Parameters the reader sets itself: a different value could hide people or break paging.
const RESERVED: &[&str] = &[
    "pageinate",
    "page_size",
    "page_no",
    "count",
    "idonly",
    "includeactive",
    "includeinactive",
    "activeinactive",
    "order",
    "orderdesc",
    "order2",
    "order3",
    "order4",
    "order5",
    "orderdesc2",
    "orderdesc3",
    "orderdesc4",
    "orderdesc5",
];

/// A wall clock, passed in so that reads can be repeated.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Everything needed to read people from one HaloITSM instance.
pub struct Settings {
    /// Name of the source, for messages and for the snapshot.
    pub name: Name,
    /// Address of the API, for example `https://acme.haloitsm.example/api`.
    pub resource_server: Url,
    /// Address of the authorisation server, for example `https://acme.haloitsm.example/auth`.
    pub authorisation_server: Url,
    /// Tenant; `None` for self-hosted instances.
    pub tenant: Option<String>,
    /// PEM certificates to trust instead of the operating system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Client ID of the API application.
    pub client_id: SecretString,
    /// Client secret of the API application.
    pub client_secret: SecretString,
    /// Scopes to ask for.
    pub scope: Vec<String>,
    /// Requests allowed in each rolling window; below the server's own limit.
    pub rate_requests: u32,
    /// Length of the rolling window.
    pub rate_window: Duration,
    /// The list to read.
    pub endpoint: EndpointSettings,
    /// People who must be visible.
    pub sentinels: Vec<u64>,
    /// Fewest people a good read has.
    pub floor: u64,
    /// Longest total wait for one request; above the rolling window, see [`Settings::PATIENCE`].
    pub patience: Duration,
    /// Longest time for one answer, body included.
    pub request_timeout: Duration,
    /// Gives the moment a read begins.
    pub clock: Clock,
}

impl Settings {
    /// Usual patience: HaloITSM counts requests over a rolling window of 300 seconds, so less would give up while the
    /// window is still full.
    pub const PATIENCE: Duration = Duration::from_secs(400);
    /// Usual time limit of one request.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
}

/// One list endpoint and how it is paged.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Path below the resource server.
    pub path: String,
    /// Extra query parameters. `exclude_generaluser=true` is sent unless it stands here.
    pub query: Vec<(String, String)>,
    /// JSON pointer to the rows; known shapes when `None`.
    pub records: Option<String>,
    /// JSON pointer to the claimed total; `record_count` when `None`.
    pub total: Option<String>,
    /// Member that identifies a row.
    pub key: String,
    /// Name of the page parameter.
    pub page_parameter: String,
    /// Its first value.
    pub page_start: u32,
    /// What is added for each further page.
    pub page_increment: u32,
    /// Rows to ask for on each page.
    pub page_size: u32,
}

impl EndpointSettings {
    /// The people of HaloITSM.
    pub fn users() -> Self {
        Self {
            path: "/Users".to_owned(),
            query: Vec::new(),
            records: None,
            total: None,
            key: "id".to_owned(),
            page_parameter: "page_no".to_owned(),
            page_start: 1,
            page_increment: 1,
            page_size: 100,
        }
    }
}

/// What is known of a read besides its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFacts {
    /// Name of the source.
    pub source: Name,
    /// Address of the resource server.
    pub instance: String,
    /// Tenant, when one is used.
    pub tenant: Option<String>,
    /// When the read that counts began.
    pub read_at: jiff::Timestamp,
    /// Proof of completeness.
    pub completeness: Completeness,
}

impl From<&kinds::Endpoint> for EndpointSettings {
    /// The endpoint as configured, with the usual paging where nothing is said about it.
    fn from(endpoint: &kinds::Endpoint) -> Self {
        let usual = Self::users();
        let query = endpoint.query.iter().map(|(name, value)| {
            let value = match value {
                kinds::QueryValue::Flag(flag) => flag.to_string(),
                kinds::QueryValue::Number(number) => number.to_string(),
                kinds::QueryValue::Text(text) => text.clone(),
            };
            (name.clone(), value)
        });
        let mut settings = Self {
            path: endpoint.path.clone(),
            query: query.collect(),
            records: endpoint.records.clone(),
            total: endpoint.total.clone(),
            key: endpoint.key.clone(),
            ..usual
        };
        if let Some(repeat) = &endpoint.repeat {
            settings.page_parameter.clone_from(&repeat.parameter);
            settings.page_start = repeat.start;
            settings.page_increment = repeat.increment;
            settings.page_size = repeat.page_size;
        }
        settings
    }
}

impl ReadFacts {
    /// The snapshot of this read, once it is known what its rows meant.
    pub fn snapshot(
        self,
        fields: Vec<Field>,
        people: Vec<Person>,
        rejected: Vec<RejectedRow>,
    ) -> PeopleSnapshot {
        PeopleSnapshot {
            header: PeopleHeader {
                format: "halosync/people/v1".to_owned(),
                source: self.source,
                instance: self.instance,
                tenant: self.tenant,
                read_at: self.read_at,
                fields,
                completeness: self.completeness,
                rejected,
            },
            people,
        }
    }
}

/// Takes rows in and makes a snapshot of them. Each read of the list gets a fresh one.
pub trait RowSink: Send {
    /// Says that the rows to come are of a new page.
    fn next_page(&mut self);
    /// Takes a row. An id may come again: rows move between pages, and the later one is the fresher.
    fn push(&mut self, row: &serde_json::Value);
    /// Ends the read.
    fn finish(self, facts: ReadFacts) -> PeopleSnapshot;
}

impl RowSink for Taker<'_> {
    fn next_page(&mut self) {
        Taker::next_page(self);
    }

    fn push(&mut self, row: &serde_json::Value) {
        Taker::push(self, row);
    }

    fn finish(self, facts: ReadFacts) -> PeopleSnapshot {
        let taken = Taker::finish(self);
        facts.snapshot(taken.fields, taken.people, taken.rejected)
    }
}

/// What reading cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Requests sent, those for tokens included.
    pub requests: u64,
    /// Time spent waiting, for the own limit or after a failure.
    pub waited: Duration,
    /// Requests that were sent again after a failure.
    pub retries: u64,
}

/// Reads people from HaloITSM.
pub struct RestReader<F> {
    reader: Reader,
    sinks: F,
    name: Name,
    instance: String,
    tenant: Option<String>,
    sentinels: Vec<u64>,
    floor: u64,
}

impl<F, S> RestReader<F>
where
    F: Fn() -> S + Send + Sync,
    S: RowSink,
{
    /// Prepares a reader; nothing is sent yet. `sinks` gives a fresh sink for each read of the list.
    ///
    /// # Errors
    /// [`ConnectorError::Invalid`] for an address that would give a secret away, a CA that is no certificate, an
    /// empty credential, or a query parameter the reader must set itself.
    pub fn new(settings: Settings, sinks: F) -> Result<Self, ConnectorError> {
        let system = format!("HaloITSM {}", settings.name);
        let name = settings.name.clone();
        let mut instance = settings.resource_server.clone();
        instance.set_query(None);
        instance.set_fragment(None);
        let tenant = settings
            .tenant
            .clone()
            .filter(|tenant| !tenant.trim().is_empty());
        let sentinels = settings.sentinels.clone();
        let floor = settings.floor;
        Ok(Self {
            reader: Reader::new(system, settings)?,
            sinks,
            name,
            instance: instance.as_str().trim_end_matches('/').to_owned(),
            tenant,
            sentinels,
            floor,
        })
    }

    /// Uses another clock for waiting and for the life of tokens.
    #[must_use]
    pub fn with_time(mut self, time: Arc<dyn Timekeeper>) -> Self {
        self.reader.time = time;
        self
    }

    /// What reading cost so far.
    pub fn report(&self) -> ReadReport {
        *self.reader.lock_report()
    }
}

impl<F> std::fmt::Debug for RestReader<F> {
    /// Shows which source this is, and no setting: some are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestReader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Fetches pages; everything but their meaning.
struct Reader {
    system: String,
    http: reqwest::Client,
    resource_server: Url,
    endpoint: EndpointSettings,
    tokens: TokenStore,
    redactor: Redactor,
    limiter: Limiter,
    patience: Duration,
    time: Arc<dyn Timekeeper>,
    clock: Clock,
    report: Mutex<ReadReport>,
}

fn invalid(system: &str, field: &str, message: &str) -> ConnectorError {
    ConnectorError::Invalid {
        system: system.to_owned(),
        field: Some(field.to_owned()),
        message: format!("{field}: {message}"),
    }
}

impl Reader {
    fn new(system: String, settings: Settings) -> Result<Self, ConnectorError> {
        use secrecy::ExposeSecret as _;

        http::check_address(&system, "resourceServer", &settings.resource_server)?;
        http::check_address(
            &system,
            "authorisationServer",
            &settings.authorisation_server,
        )?;
        for (field, secret) in [
            ("clientId", &settings.client_id),
            ("clientSecret", &settings.client_secret),
        ] {
            if secret.expose_secret().trim().is_empty() {
                return Err(invalid(&system, field, "is empty"));
            }
        }
        for (parameter, _) in &settings.endpoint.query {
            if RESERVED
                .iter()
                .copied()
                .chain([settings.endpoint.page_parameter.as_str()])
                .any(|reserved| reserved.eq_ignore_ascii_case(parameter))
            {
                return Err(invalid(
                    &system,
                    "query",
                    &format!("{parameter} is set by the reader itself and cannot be changed"),
                ));
            }
        }
        let client = |address: &Url| {
            http::client(
                &system,
                address,
                settings.ca_pem.as_deref(),
                settings.request_timeout,
            )
        };
        let redactor = Redactor::new([settings.client_secret.clone(), settings.client_id.clone()]);
        let tokens = TokenStore::new(
            client(&settings.authorisation_server)?,
            token::token_url(&settings.authorisation_server, settings.tenant.as_deref()),
            settings.client_id,
            settings.client_secret,
            &settings.scope,
        );
        Ok(Self {
            http: http::client(
                &system,
                &settings.resource_server,
                settings.ca_pem.as_deref(),
                settings.request_timeout,
            )?,
            resource_server: settings.resource_server,
            endpoint: settings.endpoint,
            tokens,
            redactor,
            limiter: Limiter::new(settings.rate_requests, settings.rate_window),
            patience: settings.patience,
            time: Arc::new(MachineTime::start()),
            clock: settings.clock,
            report: Mutex::default(),
            system,
        })
    }

    fn lock_report(&self) -> std::sync::MutexGuard<'_, ReadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to send one request, within the own limit.
    async fn permit(&self) -> Permit<'_> {
        let (permit, waited) = self.limiter.permit(&*self.time).await;
        self.lock_report().waited += waited;
        if !waited.is_zero() {
            tracing::info!(system = %self.system, seconds = waited.as_secs(), "waited to stay within the rate limit");
        }
        permit
    }

    /// Waits for the next attempt, or gives the error to end with.
    async fn wait_or_fail(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
    ) -> Result<(), ConnectorError> {
        let Some(wait) = attempts.wait(&failure, rand::random_range(0.0..=1.0)) else {
            let attempts = std::mem::replace(attempts, Attempts::new(Duration::ZERO));
            return Err(attempts.into_error(&self.system, failure));
        };
        if let Failure::Throttled { message, .. }
        | Failure::Flaky { message, .. }
        | Failure::Garbled { message, .. } = &failure
        {
            tracing::warn!(system = %self.system, seconds = wait.as_secs_f64(), why = %message, "waiting to try again");
        }
        self.time.sleep(wait).await;
        let mut report = self.lock_report();
        report.waited += wait;
        report.retries += 1;
        Ok(())
    }

    /// Fetches a page, counted from 1.
    async fn page(&self, number: u64) -> Result<Page, ConnectorError> {
        let url = self.page_url(number);
        let mut attempts = Attempts::new(self.patience);
        let mut refused = None;
        let mut checked_again = false;
        loop {
            let token = self.token(refused).await?;
            let permit = self.permit().await;
            // Waiting for the limit can take longer than the token had left. Once is enough: a window longer than a
            // token's life is for the 401 to settle.
            if !checked_again && !token.is_good(self.time.now()) {
                checked_again = true;
                permit.give_back();
                continue;
            }
            self.lock_report().requests += 1;
            let outcome = self.fetch(&url, &token).await;
            drop(permit);
            match outcome {
                Ok(page) => return Ok(page),
                // A token can be revoked, or end on the server before it does here. A fresh one that is refused
                // as well is an answer.
                Err(Failure::Unauthorised { .. }) if refused.is_none() => {
                    tracing::debug!(system = %self.system, "the access token was refused; getting another");
                    refused = Some(token.generation);
                    self.lock_report().retries += 1;
                }
                Err(failure) => self.wait_or_fail(&mut attempts, failure).await?,
            }
        }
    }

    async fn fetch(&self, url: &Url, token: &token::Token) -> Result<Page, Failure> {
        let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
        let headers = request.headers_mut();
        headers.insert(::http::header::AUTHORIZATION, token.header.clone());
        headers.insert(
            ::http::header::ACCEPT,
            ::http::HeaderValue::from_static("application/json"),
        );
        let answer = http::send(&self.http, request, LARGEST_PAGE)
            .await
            .map_err(|error| {
                self.no_answer(&error, "is the resource server right and reachable?")
            })?;
        self.check_status(&answer)?;
        let path = self.endpoint.path.trim_end_matches('/');
        let shape = Shape {
            records: self.endpoint.records.as_deref(),
            total: self.endpoint.total.as_deref(),
            entity: path.rsplit('/').next().unwrap_or(path),
        };
        envelope::page(&answer.body, shape).map_err(|problem| match problem {
            NoPage::Broken(why) => Failure::Garbled {
                message: format!("the answer is not whole JSON: {}", self.redactor.line(&why)),
                hint: "a proxy, or a resource server address that is not the API's",
            },
            NoPage::NoList(why) => Failure::Final(ConnectorError::Unavailable {
                system: self.system.clone(),
                message: self
                    .redactor
                    .line(&match message::message_of_json(&answer.body) {
                        Some(said) => format!("{path} gave no list of records but: {said}"),
                        None => format!("{path} gave no list of records: {why}"),
                    }),
            }),
        })
    }

    fn page_url(&self, number: u64) -> Url {
        let endpoint = &self.endpoint;
        let mut url = self.resource_server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", endpoint.path.trim_start_matches('/')));
        let value =
            u64::from(endpoint.page_start) + (number - 1) * u64::from(endpoint.page_increment);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("pageinate", "true")
            .append_pair("page_size", &endpoint.page_size.to_string())
            .append_pair(&endpoint.page_parameter, &value.to_string())
            .append_pair("includeactive", "true")
            .append_pair("includeinactive", "true")
            .append_pair("order", &endpoint.key)
            .append_pair("orderdesc", "false");
        if !endpoint
            .query
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("exclude_generaluser"))
        {
            query.append_pair("exclude_generaluser", "true");
        }
        for (name, value) in &endpoint.query {
            query.append_pair(name, value);
        }
        drop(query);
        url
    }
}
