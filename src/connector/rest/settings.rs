//! Everything needed to read people from one source, resolved: no reference to an environment or a file is left.
//!
//! Must not know where settings come from besides the shapes of the `Source` document. Invariant: without a preset
//! nothing of any product is assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::Clock;
use super::auth::Authorisation;
use super::budget::{Budget, Forecast};
use crate::config::kinds::{self, AnswerType, Body, Method, ParameterPlace, Preset, RepeatBy};
use crate::model::Name;

/// Everything needed to read people from one source.
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
    /// The list people come from.
    pub endpoint: EndpointSettings,
    /// What is joined to it.
    pub joining: Joining,
    /// People who must be visible.
    pub sentinels: Vec<String>,
    /// Fewest people a good read has.
    pub floor: u64,
    /// Longest total wait for one request; above the rolling window, see [`Settings::PATIENCE`].
    pub patience: Duration,
    /// Longest time for one answer, body included.
    pub request_timeout: Duration,
    /// Gives the moment a read begins.
    pub clock: Clock,
    /// What this run allows.
    pub run: RunSettings,
}

impl Settings {
    /// Usual patience: HaloITSM counts requests over a rolling window of 300 seconds, so less would give up while the
    /// window is still full.
    pub const PATIENCE: Duration = Duration::from_secs(400);
    /// Usual time limit of one request.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
}

/// Is told what a read is going to need.
pub type Tell = Arc<dyn Fn(&Forecast) + Send + Sync>;

/// What one run allows and wants to know, besides the source's own settings.
#[derive(Clone, Default)]
pub struct RunSettings {
    /// Requests that may be spent; shared by all sources of the run.
    pub budget: Arc<Budget>,
    /// Directory of answers kept between runs.
    pub cache: Option<PathBuf>,
    /// Told what is going to be needed, as soon as it is known.
    pub forecast: Option<Tell>,
}

/// What belongs to people besides the list they come from.
#[derive(Debug, Clone, Default)]
pub struct Joining {
    /// The other endpoints, each after those it depends on.
    pub endpoints: Vec<EndpointSettings>,
    /// By endpoint, the members of records that are read by somebody; nothing else is kept.
    pub keep: BTreeMap<String, BTreeSet<String>>,
    /// The source's `include`, to ask nothing about people it leaves out.
    pub include: Option<String>,
    /// Endpoints that are asked about people whom `include` leaves out as well, because accounts are recognised by
    /// what comes from there.
    pub everybody: BTreeSet<String>,
    /// Other servers that may be sent the credentials.
    pub credentials_to: Vec<Url>,
    /// Requests under way at the same time; 0 counts as the usual two.
    pub parallel: u16,
}

/// One endpoint and how it is asked.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Its name in expressions.
    pub name: String,
    /// Path below the resource server, or a full address.
    pub path: String,
    /// HTTP method.
    pub method: Method,
    /// Extra headers; some may come from the environment, so all count as secret.
    pub headers: Vec<(String, SecretString)>,
    /// Extra query parameters. With the HaloITSM preset `exclude_generaluser=true` is sent for users unless it stands
    /// here.
    pub query: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Body>,
    /// What comes back.
    pub answer: AnswerType,
    /// Where the rows stand; known shapes when `None`.
    pub records: Option<String>,
    /// Where the claimed total stands.
    pub total: Option<String>,
    /// Member that identifies a row.
    pub key: String,
    /// How it is paged; `None` when one request gives everything.
    pub paging: Option<PagingSettings>,
    /// Whether the end of the list shows that it is whole.
    pub end_proves: bool,
    /// One request for each record, or for each different value.
    pub dependent: Option<Dependent>,
    /// For whom a dependent endpoint is asked.
    pub only_if: Option<String>,
    /// `member of what is there` = `member of this one`, by which records are joined.
    pub on: Vec<(String, String)>,
    /// What happens to people whose key no record has.
    pub unmatched: kinds::JoinTrouble,
    /// What happens to people whose key several records have.
    pub duplicate: kinds::JoinTrouble,
    /// How old an answer of an earlier run may be to be used unasked.
    pub max_age: Option<Duration>,
}

/// What makes an endpoint be asked several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependent {
    /// Each record of another endpoint.
    Each(String),
    /// Each different value, written `endpoint.member`.
    Distinct(String),
}

/// How one page leads to the next.
#[derive(Debug, Clone)]
pub struct PagingSettings {
    /// What is sent.
    pub by: RepeatBy,
    /// In which parameter.
    pub parameter: String,
    /// Where the parameters stand.
    pub place: ParameterPlace,
    /// First value of a counted parameter.
    pub start: u32,
    /// What is added for each further page; `None` adds the rows that came.
    pub increment: Option<u32>,
    /// Rows to ask for on each page.
    pub page_size: u32,
    /// In which parameter they are asked for, if any.
    pub page_size_parameter: Option<String>,
    /// Where the cursor or the next address stands.
    pub next: Option<String>,
    /// Condition that ends the list.
    pub until: Option<String>,
    /// Whether a short page ends the list.
    pub short_page_ends: bool,
}

/// The path of HaloITSM's people.
pub(super) const HALO_USERS: &str = "/Users";

impl EndpointSettings {
    /// The people of HaloITSM.
    pub fn users() -> Self {
        Self {
            name: "users".to_owned(),
            path: HALO_USERS.to_owned(),
            method: Method::Get,
            headers: Vec::new(),
            query: Vec::new(),
            body: None,
            answer: AnswerType::Json,
            records: None,
            total: None,
            key: "id".to_owned(),
            paging: Some(PagingSettings::halo()),
            end_proves: false,
            dependent: None,
            only_if: None,
            on: Vec::new(),
            unmatched: kinds::JoinTrouble::Hold,
            duplicate: kinds::JoinTrouble::Hold,
            max_age: None,
        }
    }

    /// An endpoint as configured. `headers` are its own, resolved; `join` is what the source says about joining it.
    pub fn new(
        name: &str,
        endpoint: &kinds::Endpoint,
        headers: Vec<(String, SecretString)>,
        join: Option<&kinds::Join>,
        preset: Option<Preset>,
    ) -> Self {
        let dependent = match (&endpoint.for_each, &endpoint.for_each_distinct) {
            (_, Some(value)) => Some(Dependent::Distinct(value.clone())),
            (Some(name), None) => Some(Dependent::Each(name.clone())),
            (None, None) => None,
        };
        let paging = match (&endpoint.repeat, preset) {
            (Some(repeat), preset) => Some(PagingSettings::new(repeat, preset)),
            (None, Some(Preset::Haloitsm)) if dependent.is_none() => Some(PagingSettings::halo()),
            (None, _) => None,
        };
        Self {
            name: name.to_owned(),
            path: endpoint.path.clone(),
            method: endpoint.method,
            headers,
            query: endpoint
                .query
                .iter()
                .map(|(name, value)| (name.clone(), value.text()))
                .collect(),
            body: endpoint.body.clone(),
            answer: endpoint.answer,
            records: endpoint.records.clone(),
            total: endpoint.total.clone(),
            key: endpoint.key.clone(),
            paging,
            end_proves: endpoint.end_proves,
            dependent,
            only_if: endpoint.only_if.clone(),
            on: join
                .map(|join| {
                    join.on
                        .iter()
                        .map(|(left, right)| (left.clone(), right.clone()))
                        .collect()
                })
                .unwrap_or_default(),
            unmatched: join.map(|join| join.unmatched).unwrap_or_default(),
            duplicate: join.map(|join| join.duplicate).unwrap_or_default(),
            max_age: endpoint
                .cache
                .as_ref()
                .and_then(|rule| rule.max_age.as_deref())
                .and_then(|text| crate::config::parse_duration(text).ok())
                .and_then(|length| Duration::try_from(length).ok()),
        }
    }
}

impl PagingSettings {
    /// HaloITSM's.
    fn halo() -> Self {
        Self {
            by: RepeatBy::Counter,
            parameter: "page_no".to_owned(),
            place: ParameterPlace::Query,
            start: 1,
            increment: Some(1),
            page_size: 100,
            page_size_parameter: Some("page_size".to_owned()),
            next: None,
            until: None,
            short_page_ends: false,
        }
    }

    fn new(repeat: &kinds::Repeat, preset: Option<Preset>) -> Self {
        let (parameter, start, increment) = match repeat.by {
            RepeatBy::Counter => ("page_no", 1, Some(1)),
            RepeatBy::Offset => ("offset", 0, None),
            RepeatBy::Cursor => ("cursor", 0, None),
            RepeatBy::Link => ("", 0, None),
        };
        Self {
            by: repeat.by,
            parameter: repeat
                .parameter
                .clone()
                .unwrap_or_else(|| parameter.to_owned()),
            place: repeat.place,
            start: repeat.start.unwrap_or(start),
            increment: repeat.increment.or(increment),
            page_size: repeat.page_size,
            page_size_parameter: repeat
                .page_size_parameter
                .clone()
                .or_else(|| preset.map(|Preset::Haloitsm| "page_size".to_owned())),
            next: repeat.next.clone(),
            until: repeat.until.clone(),
            short_page_ends: repeat.short_page_ends,
        }
    }
}
