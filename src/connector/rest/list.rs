//! Reading one list: asking for page after page, and again until it agrees with itself.
//!
//! Where a list ends and what proves it is judged elsewhere. Knows nothing of tokens and joins. Invariant: a next page is
//! never looked for on another server.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use futures::StreamExt as _;
use serde_json::Value;
use url::Url;

use super::endpoint::{Endpoint, same_origin};
use super::envelope::{self, NextPage, NoPage, Page, Shape};
use super::http::Answer;
use super::message;
use super::pass::{Next, Pass, Rows};
use super::reader::Reader;
use super::request::PageRef;
use super::retry::Failure;
use crate::config::kinds::{AnswerType, RepeatBy};
use crate::connector::ConnectorError;
use crate::lang::Record;

/// How often a whole list is read until it agrees with itself.
pub(super) const READS: u32 = 3;
impl Endpoint {
    fn shape(&self) -> Shape<'_> {
        fn pointer(text: &Option<String>) -> Option<&str> {
            text.as_deref().filter(|text| !text.starts_with(HEADER))
        }
        Shape {
            records: self.settings.records.as_deref(),
            total: pointer(&self.settings.total),
            next: self
                .settings
                .paging
                .as_ref()
                .and_then(|paging| pointer(&paging.next)),
            entity: self.entity(),
            xml: self.settings.answer == AnswerType::Xml,
        }
    }

    /// The page after one whose rows have been taken in.
    fn after(
        &self,
        number: u64,
        rows: u64,
        came: Option<u64>,
        next: Option<&str>,
        at: &Url,
    ) -> Result<PageRef, String> {
        let Some(paging) = &self.settings.paging else {
            return Ok(PageRef::First);
        };
        match paging.by {
            RepeatBy::Counter | RepeatBy::Offset => Ok(match paging.increment {
                // After a page smaller than the step the rest of the step is asked for: when it is the last, nothing
                // comes; when the server gives fewer rows than believed, what would have been skipped shows.
                Some(step)
                    if paging.by == RepeatBy::Offset
                        && came.is_some_and(|came| came < u64::from(step)) =>
                {
                    let before = u64::from(paging.start)
                        .saturating_add(number.saturating_sub(2).saturating_mul(u64::from(step)));
                    PageRef::Counted(before.saturating_add(came.unwrap_or_default()))
                }
                Some(_) => self.counted(number),
                None => PageRef::Counted(u64::from(paging.start).saturating_add(rows)),
            }),
            RepeatBy::Cursor => Ok(PageRef::Cursor(next.unwrap_or_default().to_owned())),
            RepeatBy::Link => {
                let url = at
                    .join(next.unwrap_or_default())
                    .map_err(|error| format!("the next page's address is none: {error}"))?;
                if !same_origin(&url, at) {
                    return Err(
                        "the next page is said to be on another server, where no request is sent"
                            .to_owned(),
                    );
                }
                Ok(PageRef::Link(url))
            }
        }
    }

    /// Page `number`, counted from 1, when that alone says what to ask for.
    fn counted(&self, number: u64) -> PageRef {
        match &self.settings.paging {
            Some(paging) if matches!(paging.by, RepeatBy::Counter | RepeatBy::Offset) => {
                let step = u64::from(paging.increment.unwrap_or_default());
                PageRef::Counted(
                    u64::from(paging.start).saturating_add((number - 1).saturating_mul(step)),
                )
            }
            _ => PageRef::First,
        }
    }

    /// Whether pages can be asked for before the one before has come.
    fn looks_ahead(&self) -> bool {
        self.until.is_none()
            && self.settings.paging.as_ref().is_some_and(|paging| {
                paging.increment.is_some()
                    && matches!(paging.by, RepeatBy::Counter | RepeatBy::Offset)
            })
    }
}

/// Begins a place that is a response header instead of a pointer.
const HEADER: &str = "header:";

impl Reader {
    /// Fetches a page.
    async fn page(
        &self,
        endpoint: &Endpoint,
        page: &PageRef,
    ) -> Result<(Page, Url), ConnectorError> {
        let prepared = endpoint
            .request(page, &Record { parts: &[] })
            .and_then(|request| request.ok_or_else(|| "a value is missing in it".to_owned()))
            .map_err(|reason| ConnectorError::Invalid {
                system: self.pace.system.clone(),
                field: Some(format!("endpoints.{}", endpoint.settings.name)),
                message: format!("{} cannot be asked: {reason}", endpoint.shown()),
            })?;
        let url = prepared.url.clone();
        let page = self
            .call(&prepared, |answer| {
                self.pace.check_status(answer)?;
                self.parsed(endpoint, answer, |answer, shape| {
                    envelope::page(&answer.body, shape)
                })
                .map(|page| self.with_headers(page, answer, endpoint))
            })
            .await?;
        Ok((page, url))
    }

    /// What stands in headers instead of the body.
    fn with_headers(&self, mut page: Page, answer: &Answer, endpoint: &Endpoint) -> Page {
        let header = |name: &str| {
            answer
                .headers
                .get(name.trim())
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
                .filter(|value| !value.is_empty())
        };
        if let Some(name) = endpoint
            .settings
            .total
            .as_deref()
            .and_then(|place| place.strip_prefix(HEADER))
        {
            let said = header(name).map_or(Value::Null, Value::from);
            (page.total, page.odd_total) = envelope::total_in(Some(&said));
        }
        page.linked = next_link(&answer.headers);
        if let Some(paging) = &endpoint.settings.paging {
            match paging
                .next
                .as_deref()
                .map(|place| place.strip_prefix(HEADER))
            {
                Some(Some(name)) if name.trim().eq_ignore_ascii_case("link") => {
                    page.next = page.linked.clone();
                }
                Some(Some(name)) => page.next = next_header(&answer.headers, name.trim()),
                Some(None) => {}
                None if paging.by == RepeatBy::Link => page.next = page.linked.clone(),
                None => {}
            }
        }
        page
    }

    /// Reads a body, and turns what is wrong with it into what to do about it.
    pub(super) fn parsed<T>(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        read: impl FnOnce(&Answer, Shape<'_>) -> Result<T, NoPage>,
    ) -> Result<T, Failure> {
        let path = endpoint.shown();
        let kind = match endpoint.settings.answer {
            AnswerType::Json => "JSON",
            AnswerType::Xml => "XML",
        };
        read(answer, endpoint.shape()).map_err(|problem| match problem {
            NoPage::Broken(why) => Failure::Garbled {
                message: format!(
                    "the answer is not whole {kind}: {}",
                    self.pace.redactor.line(&why)
                ),
                hint: super::http::NOT_THE_API,
                body: (endpoint.settings.answer == AnswerType::Xml)
                    .then(|| FixedState::default().hash_one(&answer.body)),
            },
            NoPage::Refused(why) => Failure::Final(ConnectorError::Unavailable {
                system: self.pace.system.clone(),
                message: self
                    .pace
                    .redactor
                    .line(&format!("{path} gave {kind} that is not read: {why}")),
            }),
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

    /// Reads a list once. `first` is told of the first page.
    async fn pass<R: Rows>(
        &self,
        endpoint: &Endpoint,
        rows: R,
        first: impl FnOnce(&Pass<R>) -> Result<(), ConnectorError>,
    ) -> Result<Pass<R>, ConnectorError> {
        let mut pass = Pass::new(rows);
        let mut pager = Pager::new(self, endpoint);
        let end = pass.take(pager.page(0).await?, endpoint);
        first(&pass)?;
        if end == Next::End {
            return Ok(pass);
        }
        if endpoint.looks_ahead() {
            // Rows per page and total say how many pages are left. Those are fetched a few at a time, in order;
            // whatever comes after them one by one, since each may be the last.
            let expected = pass.pages_left() + 1;
            let known = futures::stream::iter(2..=expected)
                .map(|number| async move { self.page(endpoint, &endpoint.counted(number)).await })
                .buffered(self.parallel);
            let mut pages = std::pin::pin!(known);
            while let Some(page) = pages.next().await {
                if pass.take(page?.0, endpoint) == Next::End {
                    return Ok(pass);
                }
            }
            if expected > 1 {
                pager.number = expected;
                pager.came = None;
            }
        }
        loop {
            let page = pager.page(pass.rows).await?;
            if pass.take(page, endpoint) == Next::End {
                return Ok(pass);
            }
        }
    }

    /// Reads a list until it agrees with itself, a few times at most. Gives the last pass, how many there were, and
    /// when it began.
    pub(super) async fn list<R: Rows>(
        &self,
        endpoint: &Endpoint,
        what: &str,
        rows: impl Fn() -> R,
        first: impl Fn(&Pass<R>) -> Result<(), ConnectorError>,
    ) -> Result<(Pass<R>, u32, jiff::Timestamp), ConnectorError> {
        let mut reads = 0;
        loop {
            let read_at = (self.pace.clock)();
            let pass = self.pass(endpoint, rows(), &first).await?;
            reads += 1;
            if pass.duplicates > 0 {
                tracing::warn!(
                    system = %self.pace.system, endpoint = %endpoint.settings.name, duplicates = pass.duplicates,
                    "rows came twice: something was edited while the list was read"
                );
            }
            let disagreement = pass.disagreement(what);
            if !disagreement.is_empty() && reads < READS {
                tracing::warn!(
                    system = %self.pace.system, endpoint = %endpoint.settings.name, read = reads,
                    why = %disagreement.join("; "),
                    "the list does not agree with itself; reading it again"
                );
                continue;
            }
            return Ok((pass, reads, read_at));
        }
    }
}

/// Goes from page to page, one at a time.
pub(super) struct Pager<'a> {
    reader: &'a Reader,
    endpoint: &'a Endpoint,
    /// Pages so far.
    number: u64,
    /// Rows of the page before, when it was read here.
    came: Option<u64>,
    /// What the page before names as the next.
    next: NextPage,
    /// Where the page before was.
    at: Option<Url>,
}

impl<'a> Pager<'a> {
    pub(super) fn new(reader: &'a Reader, endpoint: &'a Endpoint) -> Self {
        Self {
            reader,
            endpoint,
            number: 0,
            came: None,
            next: NextPage::None,
            at: None,
        }
    }

    /// The next page, after `rows` rows.
    pub(super) async fn page(&mut self, rows: u64) -> Result<Page, ConnectorError> {
        self.number += 1;
        let wanted = match &self.at {
            None => self.endpoint.counted(1),
            Some(at) => self
                .endpoint
                .after(self.number, rows, self.came, self.next.named(), at)
                .map_err(|reason| ConnectorError::Unavailable {
                    system: self.reader.pace.system.clone(),
                    message: format!(
                        "{}: {}",
                        self.endpoint.shown(),
                        self.reader.pace.redactor.line(&reason)
                    ),
                })?,
        };
        let (page, at) = self.reader.page(self.endpoint, &wanted).await?;
        self.at = Some(at);
        self.came = Some(page.rows.len() as u64);
        self.next.clone_from(&page.next);
        Ok(page)
    }
}

/// The cursor or address in a header of its own.
fn next_header(headers: &::http::HeaderMap, name: &str) -> NextPage {
    match headers.get(name).map(::http::HeaderValue::to_str) {
        None => NextPage::None,
        Some(Ok(value)) if value.trim().is_empty() => NextPage::None,
        Some(Ok(value)) => NextPage::Named(value.trim().to_owned()),
        Some(Err(_)) => NextPage::Odd(format!("a {name} header that is not text")),
    }
}

/// The target of `rel="next"` among `Link` headers (RFC 8288 section 3).
fn next_link(headers: &::http::HeaderMap) -> NextPage {
    let mut odd = NextPage::None;
    for value in headers.get_all(::http::header::LINK) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut rest = text.trim_start_matches(LIST);
        while !rest.is_empty() {
            let Some((target, parameters)) = rest
                .strip_prefix('<')
                .and_then(|after| after.split_once('>'))
            else {
                // Not a link; what it says of a next page cannot be told.
                if rest.to_ascii_lowercase().contains("next") {
                    odd = NextPage::Odd("a Link header that is not written as `<address>`".into());
                }
                break;
            };
            // The next link begins after a comma outside quotes.
            let mut quoted = false;
            let end = parameters
                .char_indices()
                .find(|(_, c)| {
                    if *c == '"' {
                        quoted = !quoted;
                    }
                    *c == ',' && !quoted
                })
                .map_or(parameters.len(), |(at, _)| at);
            let is_next = parameters[..end].split(';').any(|parameter| {
                parameter.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value
                            .trim()
                            .trim_matches(['"', '\''])
                            .split_ascii_whitespace()
                            .any(|relation| relation.eq_ignore_ascii_case("next"))
                })
            });
            if is_next {
                return NextPage::Named(target.trim().to_owned());
            }
            rest = parameters[end..].trim_start_matches(LIST);
        }
    }
    odd
}

/// What stands between the links of a header.
const LIST: [char; 3] = [',', ' ', '\t'];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::connector::rest::EndpointSettings;

    #[test]
    fn the_next_link_is_found_among_others() {
        let mut headers = ::http::HeaderMap::new();
        let mut add = |value: &'static str| {
            headers.append("link", ::http::HeaderValue::from_static(value));
        };
        add("<https://a.example/1,2>; rel=\"prev\"; title=\"a, b\", </p?c=x>; rel=\"last next\"");
        add("</wrong>; rel=next");
        assert_eq!(next_link(&headers).named(), Some("/p?c=x"));
        let of = |value: &str| {
            let mut headers = ::http::HeaderMap::new();
            headers.append("link", ::http::HeaderValue::from_str(value).unwrap());
            next_link(&headers)
        };
        for value in ["", "<", "</a>", "</a>; rel=prev", ",", "</a>; rel=prev, x"] {
            assert_eq!(of(value), NextPage::None, "{value}");
        }
        for value in [
            "rel=next",
            "</a; rel=next",
            "/people?at=10; rel=next",
            "</a>; rel=prev, /b; rel=\"next\"",
        ] {
            assert!(matches!(of(value), NextPage::Odd(_)), "{value}");
        }
    }

    #[test]
    fn a_next_page_on_another_server_is_not_asked_for() {
        let mut settings = EndpointSettings::users();
        if let Some(paging) = &mut settings.paging {
            paging.by = RepeatBy::Link;
        }
        let server = Url::parse("https://hr.example.com").unwrap();
        let names = BTreeSet::from(["users".to_owned()]);
        let endpoint = Endpoint::new("s", settings, &server, &[], &names, false).unwrap();
        let at = Url::parse("https://hr.example.com/people?x=1").unwrap();
        assert_eq!(
            endpoint.after(2, 3, None, Some("?page=2"), &at),
            Ok(PageRef::Link(
                Url::parse("https://hr.example.com/people?page=2").unwrap()
            ))
        );
        for next in [
            "https://evil.example.net/people",
            "//evil.example.net/people",
            "http://hr.example.com/people",
            "https://hr.example.com:8443/people",
            "file:///etc/passwd",
        ] {
            assert!(
                endpoint.after(2, 3, None, Some(next), &at).is_err(),
                "{next}"
            );
        }
    }
}
