//! Reading one list: page after page until it ends, and what shows that nothing is missing.
//!
//! Knows nothing of tokens, retries and joins. Invariants: the end of a list is where the server's own total says,
//! where the server says that nothing follows, or where nothing new comes, and only the first two can prove
//! anything; a next page that is named is followed, and one that is named in a way nobody understands is doubted; a
//! short page alone ends nothing unless the source says so, and the first page is never short; a list that never ends is cut off and never
//! proven; a next page is never looked for on another server.

use compact_str::CompactString;
use futures::StreamExt as _;
use hashbrown::{HashMap, HashSet};
use serde_json::{Value, json};
use url::Url;

use super::envelope::{self, NextPage, NoPage, Page, Shape, row_id};
use super::http::Answer;
use super::message;
use super::reader::Reader;
use super::request::{Endpoint, PageRef, same_origin};
use super::retry::Failure;
use super::settings::PagingSettings;
use crate::config::kinds::{AnswerType, RepeatBy};
use crate::connector::ConnectorError;
use crate::lang::Record;

/// How often a whole list is read until it agrees with itself.
pub(super) const READS: u32 = 3;
/// More pages than any system has; a server that never ends its list is stopped here.
const MOST_PAGES: u64 = 200_000;
/// More rows than fit in any plan.
const MOST_ROWS: u64 = 10_000_000;
/// Pages in a row that bring nobody new and still name a next one, before the list counts as endless.
const MOST_BARREN: u64 = 100;

/// Takes the rows of a list in.
pub(super) trait Rows: Send {
    fn next_page(&mut self);
    fn push(&mut self, row: Value);
}

/// One pass over a list.
pub(super) struct Pass<R> {
    pub(super) rows_taken: R,
    pub(super) ids: HashSet<CompactString>,
    pub(super) pages: u64,
    pub(super) rows: u64,
    pub(super) duplicates: u64,
    pub(super) total: Option<u64>,
    /// Rows on the first page: what the server gives per page, whatever was asked for.
    pub(super) per_page: u64,
    /// Rows on the largest page so far.
    largest: u64,
    /// The first page with fewer rows than the step to the next one: its number and its rows.
    gap: Option<(u64, u64)>,
    first_id: Option<CompactString>,
    /// Pages without anybody new, in a row.
    barren: u64,
    /// Cursors and addresses of pages so far.
    seen: HashSet<String>,
    ended: Option<Ended>,
    doubts: Vec<String>,
}

/// Where a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The claimed total was reached.
    Total,
    /// The server or the source's own rule said so: an empty page, no next page, `until`, a short page, or a list
    /// that has one page only.
    Said,
    /// Nothing new came, or it was cut off.
    Dried,
}

/// Whether to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    More,
    End,
}

impl<R: Rows> Pass<R> {
    pub(super) fn new(rows: R) -> Self {
        Self {
            rows_taken: rows,
            ids: HashSet::new(),
            pages: 0,
            rows: 0,
            duplicates: 0,
            total: None,
            per_page: 0,
            largest: 0,
            gap: None,
            first_id: None,
            barren: 0,
            seen: HashSet::new(),
            ended: None,
            doubts: Vec::new(),
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Takes one page in.
    pub(super) fn take(&mut self, page: Page, endpoint: &Endpoint) -> Next {
        let next = self.taken(page, endpoint);
        match next {
            Ok(()) => Next::More,
            Err(ended) => {
                self.ended = Some(ended);
                Next::End
            }
        }
    }

    fn taken(&mut self, mut page: Page, endpoint: &Endpoint) -> Result<(), Ended> {
        let key = endpoint.settings.key.as_str();
        let paging = endpoint.settings.paging.as_ref();
        self.pages += 1;
        if let Some(total) = page.total {
            match self.total {
                Some(before) if before != total => self.doubt(format!(
                    "the total changed from {before} to {total} while reading"
                )),
                _ => {}
            }
            self.total = Some(total);
        }
        let count = page.rows.len() as u64;
        if self.pages == 1 {
            self.per_page = count;
        }
        let leads_on =
            paging.is_some_and(|paging| matches!(paging.by, RepeatBy::Cursor | RepeatBy::Link));
        let first_id = page.rows.first().and_then(|row| row_id(row, key));
        // Past the end some servers give the last page again; its rows are no duplicates of moved ones.
        if self.pages > 1 && first_id.is_some() && first_id == self.first_id {
            if leads_on && page.next != NextPage::None {
                self.doubt(format!(
                    "page {} is the page before again, and still names a next one: the server may not know how it \
                     is asked for the next page",
                    self.pages
                ));
            }
            return Err(Ended::Dried);
        }
        if first_id.is_some() {
            self.first_id = first_id;
        }
        self.look_for_gap(count, paging);
        self.look_for_rivals(&page.rows, key);
        let mut news = false;
        self.rows_taken.next_page();
        for (index, row) in std::mem::take(&mut page.rows).into_iter().enumerate() {
            self.rows += 1;
            let id = row_id(&row, key).and_then(|id| endpoint.counted_by(id));
            // Whatever it is, it is handed on: of rows with one id the later page's counts, those without it are named.
            self.rows_taken.push(row);
            match id {
                Some(id) => {
                    if self.ids.insert(id) {
                        news = true;
                    } else {
                        self.duplicates += 1;
                    }
                }
                None => self.doubt(format!(
                    "row {} of page {} has no usable {key}",
                    index + 1,
                    self.pages
                )),
            }
        }
        let Some(paging) = paging else {
            self.look_for_more(&page.linked, None);
            return Err(Ended::Said);
        };
        if self.says_until(&page, count, endpoint) {
            return Err(Ended::Said);
        }
        let reached = self.total.is_some_and(|total| self.distinct() >= total);
        // A total that is only the rows of this page must not hide the next one: what is named is followed.
        let follows = if leads_on {
            page.next != NextPage::None
        } else {
            page.linked != NextPage::None
        };
        if reached && !follows {
            self.look_for_more(&page.linked, Some(paging.by));
            return Err(Ended::Total);
        }
        if leads_on {
            match page.next {
                NextPage::None => {
                    self.look_for_more(&page.linked, Some(paging.by));
                    return Err(Ended::Said);
                }
                NextPage::Odd(what) => {
                    self.doubt(format!(
                        "page {} names a next page in a way that is not understood ({what}), so rows may be missing; \
                         `repeat.next` must lead to the cursor or address itself, or `until` say where the list ends",
                        self.pages
                    ));
                    return Err(Ended::Dried);
                }
                NextPage::Named(next) => {
                    if !self.seen.insert(next) {
                        self.doubt("the pages lead in a circle".to_owned());
                        return Err(Ended::Dried);
                    }
                }
            }
        } else if count == 0 {
            self.look_for_more(&page.linked, Some(paging.by));
            return Err(Ended::Said);
        }
        // What was asked for says nothing: servers cap it. Only a larger page shows what a whole one is.
        let largest = self.largest;
        self.largest = largest.max(count);
        if paging.short_page_ends && count < largest && !follows {
            return Err(Ended::Said);
        }
        if news {
            self.barren = 0;
        } else {
            self.barren += 1;
            // A page that names the next may be empty: some systems filter after cutting pages.
            if !leads_on {
                return Err(Ended::Dried);
            }
            if self.barren >= MOST_BARREN {
                self.doubt(format!("{MOST_BARREN} pages in a row brought nothing new"));
                return Err(Ended::Dried);
            }
        }
        if self.pages >= MOST_PAGES || self.rows >= MOST_ROWS {
            self.doubt(format!(
                "the list was cut off after {} pages and {} rows",
                self.pages, self.rows
            ));
            return Err(Ended::Dried);
        }
        Ok(())
    }

    /// Doubts rows that come after a page smaller than the step to the next one: what lay between was never asked
    /// for, or the server gives fewer rows per page than the source believes.
    fn look_for_gap(&mut self, count: u64, paging: Option<&PagingSettings>) {
        let Some(step) = paging
            .filter(|paging| paging.by == RepeatBy::Offset)
            .and_then(|paging| paging.increment)
        else {
            return;
        };
        if count == 0 {
            return;
        }
        if let Some((number, rows)) = self.gap.take() {
            self.doubt(format!(
                "page {number} brought {rows} rows, fewer than `increment: {step}`, and further rows came after it: \
                 those between may be missing; leave `increment` out to go on after the rows that came"
            ));
        }
        if count < u64::from(step) {
            self.gap = Some((self.pages, count));
        }
    }

    /// Doubts different rows with one id on one page: no edit while reading explains them, and neither is the later.
    fn look_for_rivals(&mut self, rows: &[Value], key: &str) {
        let mut first: HashMap<CompactString, &Value> = HashMap::with_capacity(rows.len());
        for row in rows {
            let Some(id) = row_id(row, key) else { continue };
            match first.get(&id) {
                Some(other) if *other != row => self.doubt(format!(
                    "two different rows of page {} have the {key} {id}, and nothing says which of them counts",
                    self.pages
                )),
                Some(_) => {}
                None => {
                    first.insert(id, row);
                }
            }
        }
    }

    /// Doubts an end where a `Link` header still names a next page.
    fn look_for_more(&mut self, linked: &NextPage, by: Option<RepeatBy>) {
        if *linked == NextPage::None || by == Some(RepeatBy::Link) {
            return;
        }
        self.doubt(format!(
            "the list ends here for this source, but page {} names a next one in its Link header; \
             `repeat: {{by: link}}` follows it",
            self.pages
        ));
    }

    /// Whether the source's own stop condition holds for a page.
    fn says_until(&mut self, page: &Page, rows: u64, endpoint: &Endpoint) -> bool {
        let Some(until) = &endpoint.until else {
            return false;
        };
        // Made by hand: the rest of the answer may be large.
        let page = json!({
            "rows": rows,
            "number": self.pages,
            "total": page.total,
            "body": page.rest,
        });
        match until.holds_for_record(&Record {
            parts: &[("page", &page)],
        }) {
            Ok(holds) => holds,
            Err(error) => {
                self.doubt(format!("whether the list ends here: {error}"));
                true
            }
        }
    }

    fn doubt(&mut self, reason: String) {
        // A list that goes wrong in every row needs no thousand lines to say so.
        if self.doubts.len() < 20 {
            self.doubts.push(reason);
        }
    }

    /// Whether the read disagrees with itself, so that reading again may help.
    pub(super) fn disagreement(&self, what: &str) -> Vec<String> {
        let mut reasons = self.doubts.clone();
        if let Some(total) = self.total
            && total != self.distinct()
        {
            reasons.push(format!(
                "the server claims {total} {what}, {} came",
                self.distinct()
            ));
        }
        reasons
    }

    /// Why nothing shows that the list is whole; empty when something does.
    pub(super) fn doubts(&self, what: &str, endpoint: &Endpoint) -> Vec<String> {
        let mut reasons = self.disagreement(what);
        if self.total.is_none()
            && !(endpoint.settings.end_proves && self.ended == Some(Ended::Said))
        {
            reasons.push(if endpoint.settings.end_proves {
                "the list only stopped bringing anything new, which does not show that it is whole"
                    .to_owned()
            } else {
                "the server claims no total, so nothing shows that the list is whole".to_owned()
            });
        }
        reasons
    }

    /// Pages still to come by what is known after the first.
    pub(super) fn pages_left(&self) -> u64 {
        self.total
            .map_or(0, |total| total.div_ceil(self.per_page.max(1)))
            .saturating_sub(1)
            .min(MOST_PAGES)
    }
}

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
            page.total = header(name).and_then(|value| value.parse().ok());
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

    #[derive(Default)]
    struct Heap(Vec<Value>);

    impl Rows for Heap {
        fn next_page(&mut self) {}

        fn push(&mut self, row: Value) {
            self.0.push(row);
        }
    }

    fn paged(change: impl FnOnce(&mut EndpointSettings)) -> Endpoint {
        let mut settings = EndpointSettings::users();
        change(&mut settings);
        Endpoint::new(
            "s",
            settings,
            &Url::parse("https://hr.example.com").unwrap(),
            &[],
            &BTreeSet::from(["users".to_owned()]),
            false,
        )
        .unwrap()
    }

    fn users() -> Endpoint {
        paged(|_| {})
    }

    fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page {
        Page {
            rows: ids.into_iter().map(|id| json!({"id": id})).collect(),
            total,
            ..Page::default()
        }
    }

    #[test]
    fn the_list_ends_where_the_total_is_reached() {
        let mut pass = Pass::new(Heap::default());
        assert_eq!(pass.take(page(1..=100, Some(250)), &users()), Next::More);
        assert_eq!(pass.take(page(101..=200, Some(250)), &users()), Next::More);
        assert_eq!(pass.take(page(201..=250, Some(250)), &users()), Next::End);
        assert!(pass.disagreement("people").is_empty());
        assert_eq!(pass.rows_taken.0.len(), 250);
    }

    #[test]
    fn a_short_page_in_the_middle_ends_nothing() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=100, Some(250)), &users());
        assert_eq!(pass.take(page(101..=130, Some(250)), &users()), Next::More);
        // Nor without a total: only nothing new does.
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=100, None), &users());
        assert_eq!(pass.take(page(101..=130, None), &users()), Next::More);
        assert_eq!(pass.take(page([], None), &users()), Next::End);
    }

    #[test]
    fn the_same_page_again_ends_the_list_and_counts_as_no_duplicates() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, None), &users());
        pass.take(page(4..=6, None), &users());
        assert_eq!(pass.take(page(4..=6, None), &users()), Next::End);
        assert_eq!((pass.rows, pass.duplicates), (6, 0));
    }

    #[test]
    fn a_moved_row_is_dropped_and_counted_and_the_read_goes_on() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, Some(6)), &users());
        // Someone was inserted before: the last row of page 1 is now the first of page 2.
        assert_eq!(pass.take(page(3..=5, Some(6)), &users()), Next::More);
        assert_eq!(pass.duplicates, 1);
        assert_eq!(pass.take(page([6], Some(6)), &users()), Next::End);
        assert!(pass.disagreement("people").is_empty());
        assert_eq!((pass.rows, pass.distinct()), (7, 6));
        // The later of the two is the fresher: the sink gets both.
        assert_eq!(pass.rows_taken.0.len(), 7);
    }

    #[test]
    fn a_total_that_changes_while_reading_is_doubted_even_when_the_count_fits() {
        // Someone on page 1 was deleted after it was read: the first row of page 2 slipped onto page 1 and was never
        // seen, yet the count agrees with the new total.
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, Some(6)), &users());
        pass.take(page(5..=6, Some(5)), &users());
        assert_eq!(pass.distinct(), 5);
        assert_eq!(pass.disagreement("people").len(), 1);
    }

    #[test]
    fn a_row_without_id_is_doubted_and_handed_on() {
        let mut pass = Pass::new(Heap::default());
        pass.take(
            Page {
                rows: vec![json!({"id": 1}), json!({"name": "x"})],
                total: Some(2),
                ..Page::default()
            },
            &users(),
        );
        assert_eq!(pass.rows_taken.0.len(), 2);
        assert_eq!(pass.disagreement("people").len(), 2);
    }

    fn linked(next: Option<&str>, ids: impl IntoIterator<Item = u64>) -> Page {
        Page {
            next: next.map_or(NextPage::None, |next| NextPage::Named(next.to_owned())),
            ..page(ids, None)
        }
    }

    fn by(by: RepeatBy, end_proves: bool) -> Endpoint {
        paged(|endpoint| {
            endpoint.end_proves = end_proves;
            if let Some(paging) = &mut endpoint.paging {
                paging.by = by;
                paging.next = Some("/next".to_owned());
            }
        })
    }

    #[test]
    fn a_missing_next_page_proves_only_what_the_source_says_it_proves() {
        for end_proves in [false, true] {
            let endpoint = by(RepeatBy::Cursor, end_proves);
            let mut pass = Pass::new(Heap::default());
            assert_eq!(pass.take(linked(Some("b"), 1..=3), &endpoint), Next::More);
            // Filtered after it was cut: empty, and not the last.
            assert_eq!(pass.take(linked(Some("c"), []), &endpoint), Next::More);
            assert_eq!(pass.take(linked(None, 4..=5), &endpoint), Next::End);
            assert_eq!(pass.doubts("people", &endpoint).is_empty(), end_proves);
        }
    }

    #[test]
    fn cursors_that_lead_in_a_circle_prove_nothing() {
        let endpoint = by(RepeatBy::Cursor, true);
        let mut pass = Pass::new(Heap::default());
        pass.take(linked(Some("b"), 1..=3), &endpoint);
        pass.take(linked(Some("c"), 4..=6), &endpoint);
        assert_eq!(pass.take(linked(Some("b"), 7..=9), &endpoint), Next::End);
        assert!(!pass.doubts("people", &endpoint).is_empty());
    }

    #[test]
    fn pages_without_anybody_new_end_at_last() {
        let endpoint = by(RepeatBy::Cursor, true);
        let mut pass = Pass::new(Heap::default());
        pass.take(linked(Some("0"), 1..=3), &endpoint);
        let mut pages = 0;
        while pass.take(linked(Some(&format!("c{pages}")), []), &endpoint) == Next::More {
            pages += 1;
        }
        assert_eq!(pages + 1, MOST_BARREN);
        assert!(!pass.doubts("people", &endpoint).is_empty());
    }

    #[test]
    fn the_page_before_again_proves_nothing() {
        let endpoint = paged(|endpoint| endpoint.end_proves = true);
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, None), &endpoint);
        assert_eq!(pass.take(page(1..=3, None), &endpoint), Next::End);
        assert!(!pass.doubts("people", &endpoint).is_empty());
        // An empty page is a statement.
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, None), &endpoint);
        assert_eq!(pass.take(page([], None), &endpoint), Next::End);
        assert!(pass.doubts("people", &endpoint).is_empty());
    }

    #[test]
    fn a_condition_or_a_short_page_ends_a_list_but_never_a_total() {
        let until = paged(|endpoint| {
            if let Some(paging) = &mut endpoint.paging {
                paging.until = Some("page.body.more == false or page.rows == 0".to_owned());
            }
        });
        let mut pass = Pass::new(Heap::default());
        let more = |more: bool, ids: std::ops::RangeInclusive<u64>, total| Page {
            rest: json!({"more": more}),
            ..page(ids, total)
        };
        assert_eq!(pass.take(more(true, 1..=3, None), &until), Next::More);
        assert_eq!(pass.take(more(false, 4..=6, None), &until), Next::End);
        // The condition ends it, and the total says that it ended too early.
        let mut pass = Pass::new(Heap::default());
        assert_eq!(pass.take(more(false, 1..=3, Some(9)), &until), Next::End);
        assert!(!pass.doubts("people", &until).is_empty());
        let short = paged(|endpoint| {
            if let Some(paging) = &mut endpoint.paging {
                paging.short_page_ends = true;
                paging.page_size = 3;
            }
        });
        let mut pass = Pass::new(Heap::default());
        assert_eq!(pass.take(page(1..=3, None), &short), Next::More);
        assert_eq!(pass.take(page(4..=5, None), &short), Next::End);
    }

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
        let endpoint = by(RepeatBy::Link, false);
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
