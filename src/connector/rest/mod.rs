//! HaloITSM over its REST API: everyone it knows, with a proof of completeness.
//!
//! Holds HTTP, OAuth 2.0, paging, patience and the rules by which a read counts as whole. Must not know what a row
//! means: rows go as raw JSON into a [`RowSink`], usually an intake's [`Taker`]. Invariants: nothing is ever written; one list costs
//! `ceil(people / 100)` requests and one token, and no person costs a request of their own; a short, moving or empty
//! list is never passed off as proven (P2); no secret is shown (P4).
//!
//! Protocol facts come from the vendor's API help and OpenAPI document and from public client code.

mod auth;
mod echo;
mod envelope;
mod http;
mod limiter;
mod message;
mod pace;
pub mod probe;
mod read;
mod retry;
mod time;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::auth::Authoriser;
pub use self::auth::{
    Authorisation, AuthorisationServer, Begun, ClientAuthentication, FirstToken, Grant, KeyPlace,
    Login, LoginFailure, OAuth, StoreError, TokenFacts, TokenRequest, TokenStore,
    try_authorisation,
};
use self::envelope::{NoPage, Page, Shape};
use self::pace::Pace;
pub use self::pace::ReadReport;
use self::retry::Failure;
pub use self::time::{MachineTime, Timekeeper};
use super::ConnectorError;
use crate::config::kinds;
use crate::intake::Taker;
use crate::model::{Completeness, Field, Name, PeopleHeader, PeopleSnapshot, Person, RejectedRow};

/// The rows an answer of the preset's list holds: the way every answer goes, for the fuzz targets.
///
/// # Errors
/// Why there are none, in words.
#[doc(hidden)]
pub fn rows_of_answer(body: &[u8]) -> Result<Vec<serde_json::Value>, String> {
    let shape = Shape {
        records: None,
        total: None,
        entity: "Users",
    };
    match envelope::page(body, shape) {
        Ok(page) => Ok(page.rows),
        Err(NoPage::Broken(why) | NoPage::NoList(why)) => Err(why),
    }
}

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
    /// Whether this is HaloITSM; of any other source nothing is assumed.
    pub halo: bool,
    /// Address of the API, for example `https://acme.haloitsm.example/api`.
    pub resource_server: Url,
    /// How to authorise.
    pub authorisation: Authorisation,
    /// Tenant, where the source has several; part of what is recorded of a read.
    pub tenant: Option<String>,
    /// PEM certificates to trust instead of the operating system's.
    pub ca_pem: Option<Vec<u8>>,
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
            reader: Reader::new(settings)?,
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
        self.reader.pace.time = time;
        self
    }

    /// What is known of the access token in use; `None` before the first request and where there is none.
    pub fn token(&self) -> Option<TokenFacts> {
        self.reader.authoriser.token()
    }

    /// What reading cost so far.
    pub fn report(&self) -> ReadReport {
        self.reader.pace.report()
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
    http: reqwest::Client,
    resource_server: Url,
    endpoint: EndpointSettings,
    authoriser: Authoriser,
    pace: Pace,
}

fn invalid(system: &str, field: &str, message: &str) -> ConnectorError {
    ConnectorError::Invalid {
        system: system.to_owned(),
        field: Some(field.to_owned()),
        message: format!("{field}: {message}"),
    }
}

impl Reader {
    fn new(settings: Settings) -> Result<Self, ConnectorError> {
        let pace = Pace::of(&settings);
        http::check_address(&pace.system, "resourceServer", &settings.resource_server)?;
        for (parameter, _) in &settings.endpoint.query {
            if RESERVED
                .iter()
                .copied()
                .chain([settings.endpoint.page_parameter.as_str()])
                .any(|reserved| reserved.eq_ignore_ascii_case(parameter))
            {
                return Err(invalid(
                    &pace.system,
                    "query",
                    &format!("{parameter} is set by the reader itself and cannot be changed"),
                ));
            }
        }
        let trust = http::Trust {
            ca_pem: settings.ca_pem,
            timeout: settings.request_timeout,
        };
        Ok(Self {
            http: http::client(&pace.system, &settings.resource_server, &trust)?,
            resource_server: settings.resource_server,
            endpoint: settings.endpoint,
            authoriser: Authoriser::new(&pace, settings.authorisation, trust)?,
            pace,
        })
    }

    /// Fetches a page, counted from 1.
    async fn page(&self, number: u64) -> Result<Page, ConnectorError> {
        let url = self.page_url(number);
        let mut attempts = self.pace.attempts();
        let mut refused = None;
        let mut checked_again = false;
        loop {
            let credential = self.authoriser.credential(&self.pace, refused).await?;
            let permit = self.pace.permit().await;
            // Waiting for the limit can take longer than the token had left. Once is enough: a window longer than a
            // token's life is for the 401 to settle.
            if !checked_again && !credential.is_good(self.pace.time.now()) {
                checked_again = true;
                permit.give_back();
                continue;
            }
            self.pace.count_request();
            let outcome = self.fetch(&url, &credential).await;
            drop(permit);
            match outcome {
                Ok(page) => return Ok(page),
                // A token can be revoked, or end on the server before it does here. A fresh one that is refused
                // as well is an answer.
                Err(Failure::Unauthorised { .. })
                    if refused.is_none() && self.authoriser.renews() =>
                {
                    tracing::debug!(system = %self.pace.system, "the access token was refused; getting another");
                    refused = Some(credential.generation);
                    self.pace.count_retry();
                }
                Err(Failure::Unauthorised { message }) => {
                    return Err(self.authoriser.refused(&self.pace.system, &message));
                }
                Err(failure) => self.pace.wait_or_fail(&mut attempts, failure).await?,
            }
        }
    }

    async fn fetch(&self, url: &Url, credential: &auth::Credential) -> Result<Page, Failure> {
        let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
        credential.put_on(&mut request);
        request.headers_mut().insert(
            ::http::header::ACCEPT,
            ::http::HeaderValue::from_static("application/json"),
        );
        let answer = http::send(&self.http, request, LARGEST_PAGE)
            .await
            .map_err(|error| {
                self.pace
                    .no_answer(&error, "is the resource server right and reachable?")
            })?;
        self.pace.check_status(&answer)?;
        let path = self.endpoint.path.trim_end_matches('/');
        let shape = Shape {
            records: self.endpoint.records.as_deref(),
            total: self.endpoint.total.as_deref(),
            entity: path.rsplit('/').next().unwrap_or(path),
        };
        envelope::page(&answer.body, shape).map_err(|problem| match problem {
            NoPage::Broken(why) => Failure::Garbled {
                message: format!(
                    "the answer is not whole JSON: {}",
                    self.pace.redactor.line(&why)
                ),
                hint: "a proxy, or a resource server address that is not the API's",
            },
            NoPage::NoList(why) => Failure::Final(ConnectorError::Unavailable {
                system: self.pace.system.clone(),
                message: self
                    .pace
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
