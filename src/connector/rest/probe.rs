//! Looking at a source without making people of it: how authorisation goes, what a list holds, what the system says of
//! itself.
//!
//! Must not know what is made of any of it. Invariants: reads only; a list costs no request beyond the rows asked for
//! and none beyond the budget; neither token nor secret leaves here.

use std::sync::Arc;

use base64::Engine as _;
use compact_str::CompactString;
use hashbrown::HashSet;
use http::{HeaderMap, header};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::envelope::row_id;
use super::list::Pager;
use super::pass::{Next, Pass, Rows};
use super::reader::Reader;
use super::{ReadReport, Settings, Timekeeper, TokenFacts};
use crate::connector::ConnectorError;

/// Requests made of an endpoint that is asked for each person: enough to see which members its records have.
const ASKED: usize = 3;
/// Headers by which servers tell their limit.
const LIMIT_HEADERS: &[&str] = &[
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Scopes an access token claims. It is looked into, never verified: nothing is decided by it.
pub(super) fn claimed_scope(token: &str) -> Option<Vec<String>> {
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims.trim_end_matches('='))
        .ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let scopes: Vec<String> = match claims.get("scope").or_else(|| claims.get("scp"))? {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => return None,
    };
    (!scopes.is_empty()).then_some(scopes)
}

/// What came of looking at one address.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// JSON.
    Answer(Value),
    /// Refused: not for this token.
    Denied,
    /// There is no such thing.
    Missing,
    /// Something else, in words.
    Odd(String),
    /// Not asked: the budget is spent.
    NotAsked,
}

/// How a list was walked through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// Rows handed on, each id once.
    pub rows: u64,
    /// Pages fetched.
    pub pages: u64,
    /// The total the server claims.
    pub total: Option<u64>,
    /// Rows on the first page.
    pub per_page: u64,
    /// Rows asked for on each page.
    pub page_size: u64,
    /// Whether the end was reached.
    pub whole: bool,
    /// Whether the budget ended it.
    pub budget_spent: bool,
    /// Why its end does not show that it is whole; says something only of a list read to its end.
    pub doubts: Vec<String>,
}

/// An endpoint besides the one people come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// Its path, as the source writes it.
    pub path: String,
    /// Whether it is asked for each person, or for each of their values.
    pub dependent: bool,
}

/// The rows of a page, until they are looked at.
#[derive(Default)]
struct Heap(Vec<Value>);

impl Rows for Heap {
    fn next_page(&mut self) {}

    fn push(&mut self, row: Value) {
        self.0.push(row);
    }
}

/// Looks at one source.
pub struct RestProbe {
    reader: Reader,
    most_requests: u64,
}

impl std::fmt::Debug for RestProbe {
    /// Shows which source this is, and no setting: some are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestProbe")
            .field("system", &self.reader.pace.system)
            .finish_non_exhaustive()
    }
}

impl RestProbe {
    /// Prepares it; nothing is sent yet. No look and no page begins once `most_requests` were sent; a retry of one under
    /// way may exceed it.
    ///
    /// # Errors
    /// As [`super::RestReader::new`].
    pub fn new(settings: Settings, most_requests: u64) -> Result<Self, ConnectorError> {
        Ok(Self {
            reader: Reader::new(settings)?,
            most_requests,
        })
    }

    /// Uses another clock for waiting and for the life of tokens.
    #[must_use]
    pub fn with_time(mut self, time: Arc<dyn Timekeeper>) -> Self {
        self.reader.pace.time = time;
        self
    }

    /// What it cost so far.
    pub fn report(&self) -> ReadReport {
        self.reader.pace.report()
    }

    /// Gets what requests need and says what is known of the token; `None` where there is none.
    ///
    /// # Errors
    /// As reading people would fail.
    pub async fn authorise(&self) -> Result<Option<TokenFacts>, ConnectorError> {
        let reader = &self.reader;
        reader.authoriser.credential(&reader.pace, None).await?;
        Ok(reader.authoriser.token())
    }

    fn may_ask(&self) -> bool {
        self.report().requests < self.most_requests
    }

    /// Hands on the first `most` rows of the people's list (all with `None`), each id once, in the server's order.
    ///
    /// # Errors
    /// As reading people would fail.
    pub async fn rows(
        &self,
        most: Option<u64>,
        each: impl FnMut(&Value),
    ) -> Result<Walk, ConnectorError> {
        self.walk(&self.reader.people, most, each).await
    }

    /// The other endpoints, in the order in which they would be read.
    pub fn others(&self) -> Vec<Other> {
        let others = self.reader.others.iter().map(|endpoint| Other {
            name: endpoint.settings.name.clone(),
            path: endpoint.settings.path.clone(),
            dependent: endpoint.settings.dependent.is_some(),
        });
        others.collect()
    }

    /// Hands on rows of another endpoint: of a list as [`RestProbe::rows`] does; of one asked for each person those that
    /// belong to the first few of these people who need it.
    ///
    /// # Errors
    /// As reading it would fail.
    pub async fn rows_of(
        &self,
        name: &str,
        most: Option<u64>,
        people: &[Value],
        mut each: impl FnMut(&Value),
    ) -> Result<Walk, ConnectorError> {
        let reader = &self.reader;
        let Some(endpoint) = reader
            .others
            .iter()
            .find(|endpoint| endpoint.settings.name == name)
        else {
            return Ok(Walk::default());
        };
        if endpoint.settings.dependent.is_none() {
            return self.walk(endpoint, most, each).await;
        }
        let mut walk = Walk {
            page_size: 1,
            per_page: 1,
            ..Walk::default()
        };
        for prepared in super::dependent::first_requests(reader, endpoint, people, ASKED) {
            if !self.may_ask() {
                walk.budget_spent = true;
                break;
            }
            walk.pages += 1;
            for row in reader.records(endpoint, &prepared).await? {
                walk.rows += 1;
                each(&row);
            }
        }
        Ok(walk)
    }

    /// Requests that the endpoints asked for each person take at least, of `total` people like these.
    pub fn dependent_requests(&self, people: &[Value], total: u64) -> u64 {
        let rows: Vec<&Value> = people.iter().collect();
        let needed = super::dependent::estimate(&self.reader, &rows, total);
        self.others()
            .iter()
            .filter(|other| other.dependent)
            .filter_map(|other| needed.get(&other.name))
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    async fn walk(
        &self,
        endpoint: &Endpoint,
        most: Option<u64>,
        mut each: impl FnMut(&Value),
    ) -> Result<Walk, ConnectorError> {
        let mut walk = Walk {
            page_size: endpoint
                .settings
                .paging
                .as_ref()
                .map_or(0, |paging| u64::from(paging.page_size)),
            ..Walk::default()
        };
        let mut ids: HashSet<CompactString> = HashSet::new();
        let mut pager = Pager::new(&self.reader, endpoint);
        let mut pass = Pass::new(Heap::default());
        loop {
            if !self.may_ask() {
                walk.budget_spent = true;
                return Ok(walk);
            }
            let next = pass.take(pager.page(pass.rows).await?, endpoint);
            walk.pages = pass.pages;
            walk.total = pass.total;
            walk.per_page = pass.per_page;
            for row in std::mem::take(&mut pass.rows_taken.0) {
                if most.is_some_and(|most| walk.rows >= most) {
                    return Ok(walk);
                }
                // A row without a key is looked at like any other: that it has none is worth seeing.
                if row_id(&row, &endpoint.settings.key).is_none_or(|id| ids.insert(id)) {
                    walk.rows += 1;
                    each(&row);
                }
            }
            if next == Next::End {
                walk.whole = true;
                walk.doubts = pass.doubts("records", endpoint);
                return Ok(walk);
            }
            if most.is_some_and(|most| walk.rows >= most) {
                return Ok(walk);
            }
        }
    }

    /// Looks at a path below the resource server, once. Whatever comes is an answer; nothing here fails a probe.
    pub async fn look(&self, path: &str, with_token: bool) -> (Look, HeaderMap) {
        let none = HeaderMap::new();
        if !self.may_ask() {
            return (Look::NotAsked, none);
        }
        let reader = &self.reader;
        let mut url = reader.resource_server().clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        url.set_query((!query.is_empty()).then_some(query));
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        request.headers_mut().insert(
            header::ACCEPT,
            http::HeaderValue::from_static("application/json"),
        );
        if with_token {
            match reader.authoriser.credential(&reader.pace, None).await {
                Ok(credential) => credential.put_on(&mut request),
                Err(error) => return (Look::Odd(error.to_string()), none),
            }
        }
        let permit = reader.pace.permit().await;
        if reader.pace.count_request().is_err() {
            permit.give_back();
            return (Look::NotAsked, none);
        }
        let answer = reader.send(request).await;
        drop(permit);
        match answer {
            Ok(answer) => {
                let look = match answer.status.as_u16() {
                    200..=299 if reader.pace.redactor.is_repeated_in(&answer.body) => {
                        Look::Odd("its answer repeats our credentials".to_owned())
                    }
                    200..=299 => match serde_json::from_slice(&answer.body) {
                        Ok(value) => Look::Answer(value),
                        Err(_) => {
                            Look::Odd("it answers with something that is not JSON".to_owned())
                        }
                    },
                    401 | 403 => Look::Denied,
                    404 => Look::Missing,
                    status => Look::Odd(format!("it answers with status {status}")),
                };
                let said = answer.headers.into_iter().filter_map(|(name, value)| {
                    let repeated = reader.pace.redactor.is_repeated_in(value.as_bytes());
                    (!repeated).then_some((name?, value))
                });
                (look, said.collect())
            }
            Err(error) => (
                Look::Odd(reader.pace.redactor.line(&error.to_string())),
                none,
            ),
        }
    }
}

/// What headers say about the server's limit, shortened.
pub fn limits_told(headers: &HeaderMap) -> Vec<(String, String)> {
    LIMIT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.chars().take(100).collect()))
        })
        .collect()
}

/// The server's clock, as its answer says (RFC 9110 section 6.6.1).
pub fn server_time(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let value = headers.get(header::DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(value).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::claimed_scope;

    #[test]
    fn a_jwt_may_say_its_scope_and_nothing_else_is_taken_from_it() {
        let token = |claims: &str| {
            let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
            format!("eyJ9.{claims}.sig")
        };
        assert_eq!(
            claimed_scope(&token(r#"{"scope":"all offline_access","sub":"x"}"#)),
            Some(vec!["all".to_owned(), "offline_access".to_owned()])
        );
        assert_eq!(
            claimed_scope(&token(r#"{"scp":["read:customers"]}"#)),
            Some(vec!["read:customers".to_owned()])
        );
        for odd in ["", "a.b", "a..c", "opaque", &token("[]"), &token("{}")] {
            assert_eq!(claimed_scope(odd), None, "{odd}");
        }
    }
}
