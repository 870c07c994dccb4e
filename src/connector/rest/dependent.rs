//! Endpoints asked once for each person, or for each different value: which requests that makes, and their answers.
//!
//! Knows nothing of joining. Invariants: the same request is sent once however many people need it; nothing is asked
//! about somebody who does not need it; an answer kept from an earlier run is used only when the server confirms it
//! now, or when the source allows an age and the record it was asked for has not changed by a byte.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use hashbrown::HashMap;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::cache::{Cache, Entry, digest};
use super::endpoint::Endpoint;
use super::envelope;
use super::http::Answer;
use super::message;
use super::reader::Reader;
use super::request::{PageRef, Prepared};
use super::settings::Dependent;
use crate::config::pattern::{plain, refused};
use crate::connector::ConnectorError;
use crate::intake::join::projected;
use crate::lang::Record;

/// One request and what is known of it beforehand.
pub(super) struct Call {
    prepared: Prepared,
    identity: String,
    /// Digest of the record it is made for, when an answer of some age may be used for it.
    record: Option<String>,
}

/// The requests of one endpoint, each once.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
    by_identity: HashMap<String, u32, foldhash::fast::RandomState>,
    /// People who need one that is already there.
    pub(super) shared: u64,
}

/// What one person needs of an endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The request with this index.
    Call(u32),
    /// Nothing: `onlyIf` or `include` leave the person out.
    Nothing,
    /// There is no value to ask with.
    NoKey,
    /// Asking is impossible, with the reason.
    Impossible(String),
}

/// What came of one request.
#[derive(Debug)]
pub(super) enum Fetched {
    /// What stands in the answer for records, not yet known to be the one asked for.
    Rows {
        rows: Vec<Value>,
        /// What the server says, when a row has no key and so may be no record at all.
        said: Option<String>,
    },
    /// There is nothing there, in words.
    Missing(String),
}

impl Fetched {
    /// Rows about which the server says nothing more.
    fn kept(rows: Vec<Value>) -> Self {
        Self::Rows { rows, said: None }
    }
}

/// What came of all of them.
pub(super) struct Answers {
    pub(super) fetched: Vec<Fetched>,
    /// Answers used without being confirmed.
    pub(super) unconfirmed: u64,
}

impl Calls {
    /// Finds out what a person needs.
    pub(super) fn need(
        &mut self,
        reader: &Reader,
        endpoint: &Endpoint,
        record: &Record<'_>,
        row_digest: Option<&str>,
        narrowed: bool,
    ) -> Need {
        if narrowed
            && let Some(include) = &reader.include
            && matches!(include.holds_for_record(record), Ok(false))
        {
            return Need::Nothing;
        }
        if let Some(only_if) = &endpoint.only_if {
            match only_if.holds_for_record(record) {
                Ok(true) => {}
                Ok(false) => return Need::Nothing,
                Err(error) => return Need::Impossible(format!("onlyIf: {error}")),
            }
        }
        if let Some(distinct) = &endpoint.distinct {
            match distinct.evaluate(record) {
                Err(error) => return Need::Impossible(format!("forEachDistinct: {error}")),
                Ok(None) => return Need::NoKey,
                Ok(Some(value)) => match plain(&value) {
                    Err(reason) => {
                        return Need::Impossible(format!("{reason}: {}", refused(&value)));
                    }
                    Ok(None) => return Need::NoKey,
                    // HaloITSM writes 0 and -1 where an id is none.
                    Ok(Some(text)) if reader.pace.halo && matches!(&*text, "0" | "-1") => {
                        return Need::NoKey;
                    }
                    Ok(Some(_)) => {}
                },
            }
        }
        let prepared = match endpoint.request(&PageRef::First, record) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Need::NoKey,
            Err(reason) => return Need::Impossible(reason),
        };
        let identity = prepared.identity();
        let next = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        match self.by_identity.entry(identity) {
            hashbrown::hash_map::Entry::Occupied(known) => {
                self.shared += 1;
                Need::Call(*known.get())
            }
            hashbrown::hash_map::Entry::Vacant(free) => {
                let identity = free.key().clone();
                free.insert(next);
                self.calls.push(Call {
                    prepared,
                    identity,
                    record: row_digest.map(str::to_owned),
                });
                Need::Call(next)
            }
        }
    }
}

impl Reader {
    /// Whether an endpoint is not asked about people whom `include` leaves out: only when that can be told by what is
    /// already there, and accounts are not recognised by what comes from it.
    pub(super) fn is_narrowed(&self, endpoint: &Endpoint, there: &BTreeSet<&str>) -> bool {
        !self.everybody.contains(&endpoint.settings.name)
            && self.include.as_ref().is_some_and(|include| {
                include
                    .members_used()
                    .iter()
                    .all(|(name, _)| there.contains(name.as_str()))
                    && include.custom_fields_used().is_empty()
            })
    }

    /// What was kept of an endpoint, when this run keeps anything.
    pub(super) fn open_cache(&self, endpoint: &Endpoint) -> Option<Cache> {
        let directory = self.cache.as_ref()?;
        let settings = &endpoint.settings;
        // Everything an answer depends on besides its own request; the program's version, because another may keep
        // other things of the same answer.
        let configuration = (
            env!("CARGO_PKG_VERSION"),
            &self.instance,
            &self.tenant,
            &settings.path,
            &settings.records,
            &settings.key,
            format!("{:?}", settings.answer),
            settings
                .headers
                .iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
            self.keep.get(&settings.name),
        );
        let configuration = serde_json::to_vec(&configuration).unwrap_or_default();
        Some(Cache::open(
            directory,
            &format!("{}.{}", self.name, settings.name),
            digest(&configuration),
        ))
    }

    /// Sends the requests, a few at a time, and uses what was kept where that is right.
    pub(super) async fn answers(
        &self,
        endpoint: &Endpoint,
        calls: &Calls,
        mut cache: Option<Cache>,
    ) -> Result<Answers, ConnectorError> {
        let nothing = BTreeSet::new();
        let members = self.keep.get(&endpoint.settings.name).unwrap_or(&nothing);
        let now = (self.pace.clock)();
        let mut fetched = Vec::with_capacity(calls.calls.len());
        let mut unconfirmed = 0;
        {
            let kept: Vec<Option<&Entry>> = calls
                .calls
                .iter()
                .map(|call| cache.as_ref().and_then(|cache| cache.find(&call.identity)))
                .collect();
            let mut keep = Vec::new();
            let (all, kept_of) = (&calls.calls, &kept);
            let mut outcomes = futures::stream::iter(0..all.len())
                .map(|at| async move {
                    let kept = kept_of.get(at).copied().flatten();
                    match all.get(at) {
                        Some(call) => self.outcome(endpoint, call, kept, now, members).await,
                        None => Ok(Outcome::nothing()),
                    }
                })
                .buffered(self.parallel);
            while let Some(outcome) = outcomes.next().await {
                let outcome = outcome?;
                unconfirmed += u64::from(outcome.unconfirmed);
                keep.extend(outcome.entry);
                fetched.push(outcome.fetched);
            }
            drop(outcomes);
            drop(kept);
            if let Some(cache) = &mut cache {
                for entry in keep {
                    cache.keep(entry);
                }
            }
        }
        if let Some(cache) = cache {
            cache.save();
        }
        Ok(Answers {
            fetched,
            unconfirmed,
        })
    }

    async fn outcome(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        kept: Option<&Entry>,
        now: jiff::Timestamp,
        members: &BTreeSet<String>,
    ) -> Result<Outcome, ConnectorError> {
        if let (Some(kept), Some(max_age)) = (kept, endpoint.settings.max_age)
            && kept.is_of(call.record.as_deref())
            && let Ok(age) = std::time::Duration::try_from(now.duration_since(kept.at))
            && age <= max_age
        {
            self.pace.lock_report().cached += 1;
            return Ok(Outcome {
                fetched: Fetched::kept(kept.rows.clone()),
                unconfirmed: true,
                entry: Some(kept.clone()),
            });
        }
        let mut prepared = call.prepared.clone();
        let validator = kept
            .and_then(|kept| kept.etag.as_deref())
            .and_then(|etag| HeaderValue::from_str(etag).ok());
        prepared.unless.clone_from(&validator);
        let expected = expected_id(self, endpoint, &prepared);
        let came = self
            .call(&prepared, |answer| {
                if answer.status == StatusCode::NOT_MODIFIED && validator.is_some() {
                    return Ok(Came::Confirmed);
                }
                if answer.status == StatusCode::NOT_FOUND || answer.status == StatusCode::GONE {
                    return Ok(Came::Missing("the server has nothing there".to_owned()));
                }
                self.pace.check_status(answer)?;
                if answer.status == StatusCode::NO_CONTENT {
                    return Ok(Came::Rows(Vec::new(), None, None));
                }
                let rows = self.parsed(endpoint, answer, |answer, shape| {
                    envelope::records_of(
                        envelope::parse(&answer.body, shape.xml)?,
                        shape,
                        &endpoint.settings.key,
                    )
                })?;
                // A refusal that comes with status 200 looks like a record without values.
                let said = rows
                    .iter()
                    .find(|row| envelope::row_id(row, &endpoint.settings.key).is_none())
                    .map(|row| {
                        let said = message::message_of_json(&answer.body)
                            .unwrap_or_else(|| envelope::describe_row(row));
                        self.pace.redactor.line(&said)
                    });
                Ok(Came::Rows(rows, strong_etag(answer), said))
            })
            .await?;
        Ok(match came {
            Came::Missing(why) => Outcome {
                fetched: Fetched::Missing(why),
                unconfirmed: false,
                entry: None,
            },
            Came::Confirmed => {
                let entry = kept.map(|kept| kept.clone().seen_at(now, call.record.clone()));
                self.pace.lock_report().confirmed += 1;
                Outcome {
                    fetched: Fetched::kept(
                        entry
                            .as_ref()
                            .map(|entry| entry.rows.clone())
                            .unwrap_or_default(),
                    ),
                    unconfirmed: false,
                    entry,
                }
            }
            Came::Rows(rows, etag, said) => {
                let other = expected.as_ref().and_then(|expected| {
                    rows.iter()
                        .filter_map(|row| envelope::row_id(row, &endpoint.settings.key))
                        .find(|id| id.as_str() != expected)
                });
                if let Some(other) = other {
                    return Ok(Outcome {
                        fetched: Fetched::Missing(format!(
                            "the server answered with record {other}"
                        )),
                        unconfirmed: false,
                        entry: None,
                    });
                }
                let key = &endpoint.settings.key;
                let rows: Vec<Value> = rows
                    .iter()
                    .map(|row| envelope::with_key(projected(row, members), row, key))
                    .collect();
                // What may be no record is not kept.
                let keep = self.cache.is_some()
                    && said.is_none()
                    && (etag.is_some() || endpoint.settings.max_age.is_some());
                Outcome {
                    entry: keep.then(|| {
                        Entry::new(&call.identity, call.record.clone(), etag, now, rows.clone())
                    }),
                    fetched: Fetched::Rows { rows, said },
                    unconfirmed: false,
                }
            }
        })
    }
}

struct Outcome {
    fetched: Fetched,
    unconfirmed: bool,
    entry: Option<Entry>,
}

impl Outcome {
    fn nothing() -> Self {
        Self {
            fetched: Fetched::kept(Vec::new()),
            unconfirmed: false,
            entry: None,
        }
    }
}

enum Came {
    Rows(Vec<Value>, Option<String>, Option<String>),
    Confirmed,
    Missing(String),
}

/// The validator of an answer, when it is a strong one: it changes whenever the answer does (RFC 9110 section 8.8.1).
/// A weak one may stay while members change.
fn strong_etag(answer: &Answer) -> Option<String> {
    let etag = answer.headers.get(header::ETAG)?.to_str().ok()?.trim();
    (etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2).then(|| etag.to_owned())
}

/// With the HaloITSM preset, the id a record must have when the path ends in it: whoever is asked about 5 and answers
/// with 7 has not answered.
fn expected_id(reader: &Reader, endpoint: &Endpoint, prepared: &Prepared) -> Option<String> {
    if !reader.pace.halo || !endpoint.settings.path.ends_with("}}") {
        return None;
    }
    let last = prepared.url.path_segments()?.next_back()?.to_owned();
    last.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(last)
}

impl Reader {
    /// The records of one request, whole and unjudged; none where the server has nothing.
    pub(super) async fn records(
        &self,
        endpoint: &Endpoint,
        prepared: &Prepared,
    ) -> Result<Vec<Value>, ConnectorError> {
        self.call(prepared, |answer| {
            if matches!(
                answer.status,
                StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::NO_CONTENT
            ) {
                return Ok(Vec::new());
            }
            self.pace.check_status(answer)?;
            self.parsed(endpoint, answer, |answer, shape| {
                envelope::records_of(
                    envelope::parse(&answer.body, shape.xml)?,
                    shape,
                    &endpoint.settings.key,
                )
            })
        })
        .await
    }
}

/// The first few different requests that these people make.
pub(super) fn first_requests(
    reader: &Reader,
    endpoint: &Endpoint,
    people: &[Value],
    most: usize,
) -> Vec<Prepared> {
    let name = reader.people.settings.name.as_str();
    let narrowed = reader.is_narrowed(endpoint, &BTreeSet::from([name]));
    let mut calls = Calls::default();
    for row in people {
        if calls.calls.len() >= most {
            break;
        }
        let parts = [(name, row)];
        calls.need(reader, endpoint, &Record { parts: &parts }, None, narrowed);
    }
    calls.calls.into_iter().map(|call| call.prepared).collect()
}

/// Requests that the rows of a first page would make, without sending any: by endpoint.
pub(super) fn estimate(reader: &Reader, rows: &[&Value], total: u64) -> BTreeMap<String, u64> {
    let people = reader.people.settings.name.as_str();
    let there = BTreeSet::from([people]);
    let mut needed = BTreeMap::new();
    for endpoint in &reader.others {
        let Some(dependent) = &endpoint.settings.dependent else {
            needed.insert(endpoint.settings.name.clone(), 1);
            continue;
        };
        let narrowed = reader.is_narrowed(endpoint, &there);
        let mut calls = Calls::default();
        let mut asking = 0_u64;
        for row in rows {
            let parts = [(people, *row)];
            let need = calls.need(reader, endpoint, &Record { parts: &parts }, None, narrowed);
            asking += u64::from(matches!(need, Need::Call(_)));
        }
        let count = rows.len().max(1) as u64;
        needed.insert(
            endpoint.settings.name.clone(),
            match dependent {
                // Each person has their own; as many of all as of those seen.
                Dependent::Each(_) => {
                    u64::try_from(u128::from(asking) * u128::from(total) / u128::from(count))
                        .unwrap_or(u64::MAX)
                }
                // Values repeat; how often is not known, so only those seen are counted.
                Dependent::Distinct(_) => calls.calls.len() as u64,
            },
        );
    }
    needed
}
