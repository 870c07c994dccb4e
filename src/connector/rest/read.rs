//! Reading everyone: the list, what is joined to it, and the verdict on the whole.
//!
//! Knows nothing of requests. Invariants: a read that does not agree with itself is made again, and is called unproven
//! when it never does; what is joined can only take proof away, never add any.

use serde_json::Value;

use super::dependent;
use super::joined::Kept;
use super::pass::{Pass, Rows};
use super::reader::Reader;
use super::{ReadFacts, RestReader, RowSink};
use crate::connector::{ConnectorError, PeopleReader};
use crate::lang::Record;
use crate::model::{Completeness, PeopleSnapshot, Verdict};

/// Hands each row to a sink as it comes: nothing is joined, nothing kept.
struct Direct<'n, S> {
    name: &'n str,
    sink: S,
}

impl<S: RowSink> Rows for Direct<'_, S> {
    fn next_page(&mut self) {
        self.sink.next_page();
    }

    fn push(&mut self, row: Value) {
        self.sink.push(&Record {
            parts: &[(self.name, &row)],
        });
    }
}

impl Reader {
    fn judge<R: Rows>(&self, pass: &Pass<R>, joined: Vec<String>) -> Verdict {
        let mut reasons = pass.doubts("people", &self.people);
        if pass.distinct() == 0 {
            reasons.push(if self.pace.halo {
                "the list is empty: the scope, or the rights of the agent the application acts as, may hide everyone"
                    .to_owned()
            } else {
                "the list is empty".to_owned()
            });
        }
        for sentinel in &self.sentinels {
            if !pass.ids.contains(sentinel.as_str()) {
                let why = if self.pace.halo {
                    "the rights of the agent the application acts as may have been cut"
                } else {
                    "the rights of these credentials may have been cut"
                };
                reasons.push(Completeness::unseen(sentinel, why));
            }
        }
        if pass.distinct() < self.floor {
            reasons.push(Completeness::below_floor(pass.distinct(), self.floor));
        }
        reasons.extend(joined);
        if reasons.is_empty() {
            Verdict::Proven
        } else {
            Verdict::Unproven { reasons }
        }
    }

    fn completeness<R: Rows>(
        &self,
        pass: &Pass<R>,
        reads: u32,
        joined: Vec<String>,
    ) -> Completeness {
        Completeness {
            pages: pass.pages,
            rows: pass.rows,
            distinct: pass.distinct(),
            claimed_total: pass.total,
            reads,
            verdict: self.judge(pass, joined),
        }
    }

    /// Says what the first page lets expect.
    fn forecast<R: Rows>(&self, pass: &Pass<R>, rows: &[&Value]) -> Result<(), ConnectorError> {
        let mut needed = vec![(self.people.settings.name.clone(), pass.pages_left())];
        let total = pass.total.unwrap_or(pass.rows);
        needed.extend(dependent::estimate(self, rows, total));
        self.pace.announce(needed, false)
    }
}

impl<F, S> PeopleReader for RestReader<F>
where
    F: Fn() -> S + Send + Sync,
    S: RowSink,
{
    async fn read_people(&self) -> Result<PeopleSnapshot, ConnectorError> {
        let reader = &self.reader;
        let facts = |completeness, read_at, joined| ReadFacts {
            source: reader.name.clone(),
            instance: reader.instance.clone(),
            tenant: reader.tenant.clone(),
            read_at,
            completeness,
            joined,
        };
        if !reader.joins() {
            let rows = || Direct {
                name: &reader.people.settings.name,
                sink: (self.sinks)(),
            };
            let (pass, reads, read_at) = reader
                .list(&reader.people, "people", rows, |pass| {
                    reader.forecast(pass, &[])
                })
                .await?;
            let completeness = reader.completeness(&pass, reads, Vec::new());
            return Ok(pass
                .rows_taken
                .sink
                .finish(facts(completeness, read_at, Vec::new())));
        }
        let members = reader.keep.get(&reader.people.settings.name);
        let with_digest = reader.cache.is_some()
            && reader
                .others
                .iter()
                .any(|endpoint| endpoint.settings.max_age.is_some());
        let (pass, reads, read_at) = reader
            .list(
                &reader.people,
                "people",
                || Kept::new(members, with_digest),
                |pass| reader.forecast(pass, &pass.rows_taken.values()),
            )
            .await?;
        let assembled = reader.assemble(&pass.rows_taken, (self.sinks)()).await?;
        let completeness = reader.completeness(&pass, reads, assembled.reasons);
        Ok(assembled
            .sink
            .finish(facts(completeness, read_at, assembled.reads)))
    }
}
