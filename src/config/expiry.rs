//! Exceptions that have had their last day, or soon will. The caller says which day it is.

use jiff::ToSpan;
use jiff::civil::Date;

use super::codes;
use super::diagnostic::{Diagnostic, Place};
use super::{Config, Document, kinds};

/// For how many days before its last one an exception is announced.
pub const SOON: i32 = 14;

/// What an exception is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Active,
    /// It holds, and soon will not.
    Expiring,
    /// Its last day is over.
    Expired,
}

impl kinds::Exception {
    /// Its last day; `None` when that is none, which validation refuses.
    pub fn last_day(&self) -> Option<Date> {
        self.expires.parse().ok()
    }

    /// What it is on a day. Without a last day it is taken to be over.
    pub fn standing(&self, today: Date) -> Standing {
        let Some(last) = self.last_day() else {
            return Standing::Expired;
        };
        if last < today {
            Standing::Expired
        } else if last <= today.saturating_add(SOON.days()) {
            Standing::Expiring
        } else {
            Standing::Active
        }
    }
}

/// What is over is an error to be cleaned up, and what soon will be a warning.
pub fn expiring(config: &Config, today: Date) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in config.exceptions.values() {
        for (index, exception) in document.spec.exceptions.iter().enumerate() {
            let place = place(document, index);
            let person = exception.person.to_string();
            match exception.standing(today) {
                Standing::Active => {}
                Standing::Expiring => found.push(
                    Diagnostic::warning(
                        codes::EXCEPTION_EXPIRES_SOON,
                        Some(place),
                        format!(
                            "the exception of person {person} ends with {}",
                            exception.expires
                        ),
                    )
                    .help(format!(
                        "ask {}: it is held from the next day on",
                        exception.owner
                    )),
                ),
                Standing::Expired => found.push(
                    Diagnostic::error(
                        codes::EXCEPTION_EXPIRED,
                        Some(place),
                        format!(
                            "the exception of person {person} has ended with {}",
                            exception.expires
                        ),
                    )
                    .help(format!(
                        "take it out, or agree on a new last day with {} ({})",
                        exception.owner, exception.ticket
                    )),
                ),
            }
        }
    }
    found
}

fn place(document: &Document<kinds::Exceptions>, index: usize) -> Place {
    let pointer = format!("/spec/exceptions/{index}/expires");
    Place {
        location: document.positions.value(&pointer),
        // A date is ten characters.
        length: 10,
    }
}
