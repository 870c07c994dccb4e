//! Taking rows in as they arrive, page by page, into a sorted list of people.

use hashbrown::HashMap;

use super::Intake;
use crate::lang::Record;
use crate::model::{Field, JoinHold, Person, PersonKey, RejectedRow};

/// Collects people from rows.
///
/// Of rows with the same id the last counts: rows move between pages while others edit, and the later page is the
/// fresher one. What is counted here are the inputs of a completeness proof.
#[derive(Debug)]
pub struct Taker<'a> {
    intake: &'a Intake,
    /// By id: index into `taken`.
    by_key: HashMap<PersonKey, usize, foldhash::fast::RandomState>,
    taken: Vec<(PersonKey, Result<Person, RejectedRow>)>,
    /// Rows without a usable id.
    nameless: Vec<RejectedRow>,
    /// By origin, whether it has stood in a row.
    seen: Vec<bool>,
    page: u64,
    row: u64,
    rows: u64,
}

/// What came of the rows.
#[derive(Debug)]
pub struct Taken {
    /// Sorted by key, numbers as numbers; each key once.
    pub people: Vec<Person>,
    /// The fields, in the order of each person's facts.
    pub fields: Vec<Field>,
    /// Rows that could not become people: those with an id in its order, then those without, as they came.
    pub rejected: Vec<RejectedRow>,
    /// Rows received.
    pub rows: u64,
    /// Distinct ids among them, those of rejected rows included.
    pub distinct: u64,
}

impl<'a> Taker<'a> {
    /// An empty one.
    pub fn new(intake: &'a Intake) -> Self {
        Self {
            intake,
            by_key: HashMap::default(),
            taken: Vec::new(),
            nameless: Vec::new(),
            seen: vec![false; intake.origins.len()],
            page: 0,
            row: 0,
            rows: 0,
        }
    }

    /// Says that the rows to come are of a new page. Only used to name the place of a row without an id.
    pub fn next_page(&mut self) {
        self.page += 1;
        self.row = 0;
    }

    /// Takes one raw row of the person's endpoint, with nothing joined to it.
    pub fn push(&mut self, row: &serde_json::Value) {
        let parts = [(self.intake.endpoint(), row)];
        self.push_record(&Record { parts: &parts });
    }

    /// Takes the records of one person: the row of the person's endpoint and what is joined to it.
    pub fn push_record(&mut self, record: &Record<'_>) {
        self.see(record);
        let person = self.intake.person(record);
        self.settle(record, person);
    }

    /// Takes a person whose record of another endpoint is not known, with the reasons.
    pub fn hold(&mut self, record: &Record<'_>, reasons: Box<[JoinHold]>) {
        self.see(record);
        let person = self.intake.held_person(record, reasons);
        self.settle(record, person);
    }

    fn see(&mut self, record: &Record<'_>) {
        for (seen, origin) in self.seen.iter_mut().zip(&self.intake.origins) {
            // Nearly always settled by the first few rows.
            if !*seen {
                *seen = self.intake.stands_in(origin, record);
            }
        }
    }

    fn own<'r>(&self, record: &Record<'r>) -> Option<&'r serde_json::Value> {
        record
            .parts
            .iter()
            .find(|(name, _)| *name == self.intake.endpoint())
            .map(|(_, row)| *row)
    }

    fn settle(&mut self, record: &Record<'_>, person: Result<Person, RejectedRow>) {
        self.rows += 1;
        self.row += 1;
        let Some(key) = self.own(record).and_then(|row| self.intake.key_of(row)) else {
            let reason = match person {
                Err(rejected) => rejected.reason,
                Ok(_) => "it has no id".to_owned(),
            };
            let row = if self.page == 0 {
                format!("row {}", self.row)
            } else {
                format!("page {}, row {}", self.page, self.row)
            };
            self.nameless.push(RejectedRow { row, reason });
            return;
        };
        match self.by_key.entry(key) {
            hashbrown::hash_map::Entry::Occupied(known) => {
                if let Some(slot) = self.taken.get_mut(*known.get()) {
                    slot.1 = person;
                }
            }
            hashbrown::hash_map::Entry::Vacant(free) => {
                self.taken.push((free.key().clone(), person));
                free.insert(self.taken.len() - 1);
            }
        }
    }

    /// Whether a row with this id has been taken.
    pub fn has(&self, key: &PersonKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Rows received so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Distinct ids so far, those of rejected rows included.
    pub fn distinct(&self) -> u64 {
        self.taken.len() as u64
    }

    /// Ends the read.
    pub fn finish(self) -> Taken {
        let distinct = self.distinct();
        let fields = self.intake.described(&self.seen);
        let mut taken = self.taken;
        drop(self.by_key);
        taken.sort_unstable_by(|(one, _), (other, _)| one.natural_cmp(other));
        let mut people = Vec::with_capacity(taken.len());
        let mut rejected = Vec::new();
        for (_, outcome) in taken {
            match outcome {
                Ok(person) => people.push(person),
                Err(row) => rejected.push(row),
            }
        }
        rejected.extend(self.nameless);
        Taken {
            people,
            fields,
            rejected,
            rows: self.rows,
            distinct,
        }
    }
}
