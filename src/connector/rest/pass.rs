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

use super::envelope::{NextPage, Page, attribute_like, row_id};
use super::request::Endpoint;
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
            &url::Url::parse("https://hr.example.com").unwrap(),
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

    #[test]
    fn a_total_that_is_no_number_is_never_passed_over() {
        let odd = |what| Page {
            odd_total: Some(what),
            ..page(1..=2, None)
        };
        let ends = paged(|endpoint| {
            endpoint.end_proves = true;
            endpoint.paging = None;
        });
        let mut pass = Pass::new(Heap::default());
        pass.take(odd("a list"), &ends);
        assert!(pass.disagreement("people").is_empty(), "not read again");
        let doubts = pass.doubts("people", &ends);
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        assert!(doubts[0].contains("page 1 has a list"), "{doubts:?}");
        // Nor is one that never came, where the source says that there is one.
        let named = paged(|endpoint| {
            endpoint.end_proves = true;
            endpoint.paging = None;
            endpoint.total = Some("/count".to_owned());
        });
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=2, None), &named);
        assert!(pass.doubts("people", &named)[0].contains("/count"));
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=2, Some(2)), &named);
        assert!(pass.doubts("people", &named).is_empty());
    }

    #[test]
    fn a_key_that_is_an_attribute_is_told() {
        let mut pass = Pass::new(Heap::default());
        let rows = Page {
            rows: vec![json!({"@id": "7", "Name": "Ann"})],
            ..Page::default()
        };
        pass.take(rows, &users());
        let doubts = pass.disagreement("people");
        assert!(doubts[0].contains("write `key: \"@id\"`"), "{doubts:?}");
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
}
