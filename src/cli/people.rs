//! Ties the HaloITSM reader to intake: raw rows go in as they arrive, a snapshot comes out.

use crate::connector::halo::{ReadFacts, RowPlace, RowSink};
use crate::intake::{Intake, Taker};
use crate::model::{PeopleHeader, PeopleSnapshot};

/// Takes the rows of one read.
pub(crate) struct IntakeSink<'a> {
    taker: Taker<'a>,
    page: u64,
}

impl<'a> IntakeSink<'a> {
    /// A fresh one.
    pub(crate) fn new(intake: &'a Intake) -> Self {
        Self {
            taker: Taker::new(intake),
            page: 0,
        }
    }
}

impl RowSink for IntakeSink<'_> {
    fn push(&mut self, row: serde_json::Value, place: RowPlace) {
        while self.page < place.page {
            self.taker.next_page();
            self.page += 1;
        }
        self.taker.push(&row);
    }

    fn finish(self, facts: ReadFacts) -> PeopleSnapshot {
        let taken = self.taker.finish();
        PeopleSnapshot {
            header: PeopleHeader {
                format: crate::snapshot::PEOPLE_FORMAT.to_owned(),
                source: facts.source,
                instance: facts.instance,
                tenant: facts.tenant,
                read_at: facts.read_at,
                fields: taken.fields,
                completeness: facts.completeness,
                rejected: taken.rejected,
            },
            people: taken.people,
        }
    }
}
