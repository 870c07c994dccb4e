//! One pass over a list: where it ends, and what shows that nothing is missing.
//!
//! Judges pages that somebody else fetched; knows nothing of requests, tokens and joins. Invariants: the end of a list
//! is where the server's own total says, where the server says that nothing follows, or where nothing new comes, and
//! only the first two can prove anything; a next page that is named is followed, and one that is named in a way nobody
//! understands is doubted, as is a total that is no number; a short page alone ends nothing unless the source says so,
//! and the first page is never short; a list that never ends is cut off and never proven.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::envelope::{NextPage, Page, attribute_like, row_id};
use super::settings::PagingSettings;
use crate::config::kinds::RepeatBy;
use crate::lang::Record;

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
    /// The first page with something else than a number in place of the total, and what it has.
    odd_total: Option<(u64, &'static str)>,
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
            odd_total: None,
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
        if self.odd_total.is_none() {
            self.odd_total = page.odd_total.map(|what| (self.pages, what));
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
            let attribute = match &id {
                None => attribute_like(&row, key),
                Some(_) => None,
            };
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
                    "row {} of page {} has no usable {key}{}",
                    index + 1,
                    self.pages,
                    attribute.map_or_else(String::new, |attribute| format!(
                        ", but an attribute: write `key: \"{attribute}\"`"
                    ))
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
        // Reading again would change neither.
        if let Some((page, what)) = self.odd_total {
            reasons.push(format!(
                "page {page} has {what} where the total should stand, so nothing shows that the list is whole"
            ));
        } else if self.total.is_none()
            && let Some(place) = &endpoint.settings.total
        {
            reasons.push(format!(
                "no page has a total at {place}, where the source says that it stands, so nothing shows that the list \
                 is whole"
            ));
        } else if self.total.is_none()
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

#[cfg(test)]
mod tests;
