//! Reading everyone: page after page until the list ends, and the proof that nobody is missing.
//!
//! Knows nothing of tokens and retries. Invariants: the end of the list is where the server's own total says, or
//! where nothing new comes; a short page alone ends nothing; a read that does not agree with itself is made again,
//! and is called unproven when it never does.

use compact_str::CompactString;
use futures::StreamExt as _;
use hashbrown::HashSet;

use super::envelope::{Page, row_id};
use super::{ReadFacts, RestReader, RowSink};
use crate::connector::{ConnectorError, PeopleReader};
use crate::model::{Completeness, PeopleSnapshot, Verdict};

/// How often the whole list is read until it agrees with itself.
const READS: u32 = 3;
/// Pages fetched at the same time once it is known how many there are.
const LOOK_AHEAD: usize = 2;
/// More pages than any instance has; a server that never ends its list is stopped here.
const MOST_PAGES: u64 = 200_000;
/// More rows than fit in any plan.
const MOST_ROWS: u64 = 10_000_000;

/// One pass over the list.
struct Pass<S> {
    sink: S,
    ids: HashSet<CompactString>,
    pages: u64,
    rows: u64,
    duplicates: u64,
    total: Option<u64>,
    /// Rows on the first page: what the server gives per page, whatever was asked for.
    per_page: u64,
    first_id: Option<CompactString>,
    doubts: Vec<String>,
}

/// Whether to go on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    More,
    End,
}

impl<S: RowSink> Pass<S> {
    fn new(sink: S) -> Self {
        Self {
            sink,
            ids: HashSet::new(),
            pages: 0,
            rows: 0,
            duplicates: 0,
            total: None,
            per_page: 0,
            first_id: None,
            doubts: Vec::new(),
        }
    }

    fn distinct(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Takes one page in.
    fn take(&mut self, page: Page, key: &str) -> Next {
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
        if self.pages == 1 {
            self.per_page = page.rows.len() as u64;
        }
        let first_id = page.rows.first().and_then(|row| row_id(row, key));
        // Past the end some servers give the last page again; its rows are no duplicates of moved ones.
        if self.pages > 1 && first_id.is_some() && first_id == self.first_id {
            return Next::End;
        }
        self.first_id = first_id;
        let mut news = false;
        self.sink.next_page();
        for (index, row) in page.rows.iter().enumerate() {
            self.rows += 1;
            // Whatever it is, the sink sees it: of rows with one id it keeps the later, those without it names.
            self.sink.push(row);
            match row_id(row, key) {
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
        if !news || self.total.is_some_and(|total| self.distinct() >= total) {
            return Next::End;
        }
        if self.pages >= MOST_PAGES || self.rows >= MOST_ROWS {
            self.doubt(format!(
                "the list was cut off after {} pages and {} rows",
                self.pages, self.rows
            ));
            return Next::End;
        }
        Next::More
    }

    fn doubt(&mut self, reason: String) {
        // A list that goes wrong in every row needs no thousand lines to say so.
        if self.doubts.len() < 20 {
            self.doubts.push(reason);
        }
    }

    /// Whether the read disagrees with itself, so that reading again may help.
    fn disagreement(&self) -> Vec<String> {
        let mut reasons = self.doubts.clone();
        if let Some(total) = self.total
            && total != self.distinct()
        {
            reasons.push(format!(
                "the server claims {total} people, {} came",
                self.distinct()
            ));
        }
        reasons
    }
}

impl<F, S> RestReader<F>
where
    F: Fn() -> S + Send + Sync,
    S: RowSink,
{
    /// Reads the list once.
    async fn pass(&self) -> Result<Pass<S>, ConnectorError> {
        let mut pass = Pass::new((self.sinks)());
        let key = self.reader.endpoint.key.as_str();
        if pass.take(self.reader.page(1).await?, key) == Next::End {
            return Ok(pass);
        }
        // Rows per page and total say how many pages are left. Those are fetched two at a time, in order; whatever
        // comes after them one by one, since each may be the last.
        let expected = pass
            .total
            .map_or(1, |total| total.div_ceil(pass.per_page.max(1)))
            .min(MOST_PAGES);
        let known = futures::stream::iter(2..=expected)
            .map(|number| self.reader.page(number))
            .buffered(LOOK_AHEAD);
        let rest =
            futures::stream::iter(expected.max(1) + 1..).then(|number| self.reader.page(number));
        let mut pages = std::pin::pin!(known.chain(rest));
        while let Some(page) = pages.next().await {
            if pass.take(page?, key) == Next::End {
                break;
            }
        }
        Ok(pass)
    }

    fn judge(&self, pass: &Pass<S>) -> Verdict {
        let mut reasons = pass.disagreement();
        if pass.total.is_none() {
            reasons.push(
                "the server claims no total, so nothing shows that the list is whole".to_owned(),
            );
        }
        if pass.distinct() == 0 {
            reasons.push(
                "the list is empty: the scope, or the rights of the agent the application acts as, may hide everyone"
                    .to_owned(),
            );
        }
        for sentinel in &self.sentinels {
            let id = compact_str::format_compact!("{sentinel}");
            if !pass.ids.contains(&id) {
                reasons.push(format!(
                    "person {sentinel}, a sentinel, is not visible: the rights of the agent the application acts as \
                     may have been cut"
                ));
            }
        }
        if pass.distinct() < self.floor {
            reasons.push(format!(
                "{} people came, fewer than the floor of {}",
                pass.distinct(),
                self.floor
            ));
        }
        if reasons.is_empty() {
            Verdict::Proven
        } else {
            Verdict::Unproven { reasons }
        }
    }
}

impl<F, S> PeopleReader for RestReader<F>
where
    F: Fn() -> S + Send + Sync,
    S: RowSink,
{
    async fn read_people(&self) -> Result<PeopleSnapshot, ConnectorError> {
        let mut reads = 0;
        loop {
            let read_at = (self.reader.pace.clock)();
            let pass = self.pass().await?;
            reads += 1;
            if pass.duplicates > 0 {
                tracing::warn!(
                    system = %self.reader.pace.system, duplicates = pass.duplicates,
                    "rows came twice: people were edited while the list was read"
                );
            }
            let disagreement = pass.disagreement();
            if !disagreement.is_empty() && reads < READS {
                tracing::warn!(
                    system = %self.reader.pace.system, read = reads, why = %disagreement.join("; "),
                    "the list does not agree with itself; reading it again"
                );
                continue;
            }
            let completeness = Completeness {
                pages: pass.pages,
                rows: pass.rows,
                distinct: pass.distinct(),
                claimed_total: pass.total,
                reads,
                verdict: self.judge(&pass),
            };
            return Ok(pass.sink.finish(ReadFacts {
                source: self.name.clone(),
                instance: self.instance.clone(),
                tenant: self.tenant.clone(),
                read_at,
                completeness,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Default)]
    struct Heap(Vec<Value>);

    impl RowSink for Heap {
        fn next_page(&mut self) {}

        fn push(&mut self, row: &Value) {
            self.0.push(row.clone());
        }

        fn finish(self, _facts: ReadFacts) -> PeopleSnapshot {
            panic!("not part of these tests")
        }
    }

    fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page {
        Page {
            rows: ids.into_iter().map(|id| json!({"id": id})).collect(),
            total,
        }
    }

    #[test]
    fn the_list_ends_where_the_total_is_reached() {
        let mut pass = Pass::new(Heap::default());
        assert_eq!(pass.take(page(1..=100, Some(250)), "id"), Next::More);
        assert_eq!(pass.take(page(101..=200, Some(250)), "id"), Next::More);
        assert_eq!(pass.take(page(201..=250, Some(250)), "id"), Next::End);
        assert!(pass.disagreement().is_empty());
        assert_eq!(pass.sink.0.len(), 250);
    }

    #[test]
    fn a_short_page_in_the_middle_ends_nothing() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=100, Some(250)), "id");
        assert_eq!(pass.take(page(101..=130, Some(250)), "id"), Next::More);
        // Nor without a total: only nothing new does.
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=100, None), "id");
        assert_eq!(pass.take(page(101..=130, None), "id"), Next::More);
        assert_eq!(pass.take(page([], None), "id"), Next::End);
    }

    #[test]
    fn the_same_page_again_ends_the_list_and_counts_as_no_duplicates() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, None), "id");
        pass.take(page(4..=6, None), "id");
        assert_eq!(pass.take(page(4..=6, None), "id"), Next::End);
        assert_eq!((pass.rows, pass.duplicates), (6, 0));
    }

    #[test]
    fn a_moved_row_is_dropped_and_counted_and_the_read_goes_on() {
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, Some(6)), "id");
        // Someone was inserted before: the last row of page 1 is now the first of page 2.
        assert_eq!(pass.take(page(3..=5, Some(6)), "id"), Next::More);
        assert_eq!(pass.duplicates, 1);
        assert_eq!(pass.take(page([6], Some(6)), "id"), Next::End);
        assert!(pass.disagreement().is_empty());
        assert_eq!((pass.rows, pass.distinct()), (7, 6));
        // The later of the two is the fresher: the sink gets both.
        assert_eq!(pass.sink.0.len(), 7);
    }

    #[test]
    fn a_total_that_changes_while_reading_is_doubted_even_when_the_count_fits() {
        // Someone on page 1 was deleted after it was read: the first row of page 2 slipped onto page 1 and was never
        // seen, yet the count agrees with the new total.
        let mut pass = Pass::new(Heap::default());
        pass.take(page(1..=3, Some(6)), "id");
        pass.take(page(5..=6, Some(5)), "id");
        assert_eq!(pass.distinct(), 5);
        assert_eq!(pass.disagreement().len(), 1);
    }

    #[test]
    fn a_row_without_id_is_doubted_and_handed_on() {
        let mut pass = Pass::new(Heap::default());
        pass.take(
            Page {
                rows: vec![json!({"id": 1}), json!({"name": "x"})],
                total: Some(2),
            },
            "id",
        );
        assert_eq!(pass.sink.0.len(), 2);
        assert_eq!(pass.disagreement().len(), 2);
    }
}
