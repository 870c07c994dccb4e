//! What of the rules is asked about one person: how tests learn which rules they touch.
//!
//! Nothing is watched in a real run, and then each evaluation costs one look at an empty option more.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{Name, Person, PersonKey};

/// Notes whether a template or condition was asked about a person, and what a condition answered.
#[derive(Debug)]
pub struct Watch {
    person: PersonKey,
    asked: AtomicBool,
    held: AtomicBool,
    failed: AtomicBool,
}

impl Watch {
    /// Watches for one person.
    pub fn new(person: PersonKey) -> Self {
        Self {
            person,
            asked: AtomicBool::new(false),
            held: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Whether it was asked about the person at all.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether a condition was found true for the person.
    pub fn was_true(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether a condition was found false for the person.
    pub fn was_false(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn ask(&self, person: &Person) {
        if person.key == self.person {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn answer(&self, person: &Person, answer: bool) {
        if person.key == self.person {
            let which = if answer { &self.held } else { &self.failed };
            which.store(true, Ordering::Relaxed);
        }
    }
}

/// Notes which rows of tables are looked up for a person.
#[derive(Debug)]
pub struct RowWatch {
    person: PersonKey,
    /// Table and key as the table holds it.
    rows: Mutex<BTreeSet<(Name, String)>>,
}

impl RowWatch {
    /// Watches for one person.
    pub fn new(person: PersonKey) -> Self {
        Self {
            person,
            rows: Mutex::default(),
        }
    }

    /// The rows looked up so far: table, and key in the form in which rows are found.
    pub fn rows(&self) -> BTreeSet<(Name, String)> {
        self.rows
            .lock()
            .map(|rows| rows.clone())
            .unwrap_or_default()
    }

    pub(super) fn found(&self, person: &Person, table: &Name, key: &str) {
        if person.key == self.person
            && let Ok(mut rows) = self.rows.lock()
        {
            rows.insert((table.clone(), key.to_owned()));
        }
    }
}
