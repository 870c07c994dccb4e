//! People over a REST API: everyone a source knows, with a proof of completeness.
//!
//! Holds HTTP, authorisation, paging, patience, joining and the rules by which a read counts as whole. Must not know
//! what a row means: records go as raw JSON into a [`RowSink`], usually an intake's [`Taker`]. Invariants: nothing is
//! ever written; without a preset nothing of any product is assumed; no person costs a request of their own unless an
//! endpoint says so; a short, moving or empty list is never passed off as proven (P2); no secret is shown (P4), and
//! credentials go to servers that were named for them.
//!
//! Facts about HaloITSM come from the vendor's API help and OpenAPI document and from public client code.

mod auth;
mod body;
mod budget;
mod cache;
mod dependent;
mod echo;
mod endpoint;
mod envelope;
mod http;
mod joined;
mod limiter;
mod list;
mod message;
mod pace;
mod pass;
pub mod probe;
mod read;
mod reader;
mod request;
mod retry;
mod settings;
mod time;
mod xml;

use std::sync::Arc;

pub use self::auth::{
    Authorisation, AuthorisationServer, Begun, ClientAuthentication, FirstToken, Grant, KeyPlace,
    Login, LoginFailure, OAuth, StoreError, TokenFacts, TokenRequest, TokenStore,
    try_authorisation,
};
pub use self::budget::{Budget, Forecast};
pub use self::pace::ReadReport;
use self::reader::Reader;
pub use self::settings::{
    Dependent, EndpointSettings, Joining, PagingSettings, RunSettings, Settings, Tell,
};
pub use self::time::{MachineTime, Timekeeper};
use super::ConnectorError;
use crate::intake::Taker;
use crate::lang::Record;
use crate::model::{
    Completeness, Field, JoinHold, JoinedRead, Name, PeopleHeader, PeopleSnapshot, Person,
    RejectedRow,
};

/// The rows an answer of the preset's list holds: the way every answer goes, for the fuzz targets.
///
/// # Errors
/// Why there are none, in words.
#[doc(hidden)]
pub fn rows_of_answer(body: &[u8]) -> Result<Vec<serde_json::Value>, String> {
    let shape = envelope::Shape {
        records: None,
        total: None,
        next: None,
        entity: Some("Users"),
        xml: false,
    };
    rows_of(body, shape)
}

/// The rows an XML answer of `/People/Person` holds: the way every such answer goes, for the fuzz targets.
///
/// # Errors
/// Why there are none, in words.
#[doc(hidden)]
pub fn rows_of_xml_answer(body: &[u8]) -> Result<Vec<serde_json::Value>, String> {
    rows_of(
        body,
        envelope::Shape {
            records: Some("/People/Person"),
            total: Some("/People/@count"),
            next: Some("/People/@next"),
            entity: None,
            xml: true,
        },
    )
}

fn rows_of(body: &[u8], shape: envelope::Shape<'_>) -> Result<Vec<serde_json::Value>, String> {
    match envelope::page(body, shape) {
        Ok(page) => Ok(page.rows),
        Err(
            envelope::NoPage::Broken(why)
            | envelope::NoPage::Refused(why)
            | envelope::NoPage::NoList(why),
        ) => Err(why),
    }
}

/// A wall clock, passed in so that reads can be repeated.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

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
    /// Other endpoints joined to people.
    pub joined: Vec<JoinedRead>,
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
                joined: self.joined,
            },
            people,
        }
    }
}

/// Takes records in and makes a snapshot of them. Each read of the list gets a fresh one.
pub trait RowSink: Send {
    /// Says that the records to come are of a new page.
    fn next_page(&mut self);
    /// Takes a person's records: the row of the list, then what is joined to it. An id may come again: rows move
    /// between pages, and the later one is the fresher.
    fn push(&mut self, record: &Record<'_>);
    /// Takes a person who is to be held on account of what should be joined, with the reasons.
    fn hold(&mut self, record: &Record<'_>, reasons: Box<[JoinHold]>);
    /// Ends the read.
    fn finish(self, facts: ReadFacts) -> PeopleSnapshot;
}

impl RowSink for Taker<'_> {
    fn next_page(&mut self) {
        Taker::next_page(self);
    }

    fn push(&mut self, record: &Record<'_>) {
        Taker::push_record(self, record);
    }

    fn hold(&mut self, record: &Record<'_>, reasons: Box<[JoinHold]>) {
        Taker::hold(self, record, reasons);
    }

    fn finish(self, facts: ReadFacts) -> PeopleSnapshot {
        let taken = Taker::finish(self);
        facts.snapshot(taken.fields, taken.people, taken.rejected)
    }
}

/// Reads people from one source.
pub struct RestReader<F> {
    reader: Reader,
    sinks: F,
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
    /// empty credential, an endpoint that cannot be asked as it is written, or a query parameter the reader must set
    /// itself.
    pub fn new(settings: Settings, sinks: F) -> Result<Self, ConnectorError> {
        Ok(Self {
            reader: Reader::new(settings)?,
            sinks,
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
            .field("name", &self.reader.name)
            .finish_non_exhaustive()
    }
}

fn invalid(system: &str, field: &str, message: &str) -> ConnectorError {
    ConnectorError::Invalid {
        system: system.to_owned(),
        field: Some(field.to_owned()),
        message: format!("{field}: {message}"),
    }
}
