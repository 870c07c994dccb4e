//! Exceptions and waivers that have had their last day, or soon will. The caller says which day it is.

use jiff::ToSpan;
use jiff::civil::Date;

use super::codes;
use super::diagnostic::{self, Diagnostic, Place};
use super::{Loaded, kinds};

/// For how many days before its last one something is announced.
pub const SOON: i32 = 14;

/// What an exception or a waiver is on a day.
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
        standing(last, today)
    }
}

impl kinds::Waiver {
    /// Its last day; `None` when that is none, which validation refuses.
    pub fn last_day(&self) -> Option<Date> {
        parse_date(&self.expires)
    }

    /// What it is on a day. Without a last day it is taken to be over.
    pub fn standing(&self, today: Date) -> Standing {
        self.last_day()
            .map_or(Standing::Expired, |last| standing(last, today))
    }
}

/// What something with this last day is on a day.
fn standing(last: Date, today: Date) -> Standing {
    if last < today {
        Standing::Expired
    } else if last <= today.saturating_add(SOON.days()) {
        Standing::Expiring
    } else {
        Standing::Active
    }
}

/// The date a document gives as `2026-12-31`.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    let written = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
    text.parse().ok().filter(|_| written)
}

/// Something in a file that ends on a date, and what there is to say of that.
#[derive(Debug, Clone)]
pub struct Expiring {
    last: Date,
    soon: Diagnostic,
    over: Diagnostic,
}

impl Expiring {
    /// An exception of a document.
    pub(super) fn exception(place: Place, exception: &kinds::Exception) -> Option<Self> {
        let (person, expires) = (&exception.person, &exception.expires);
        let soon = Diagnostic::warning(
            codes::EXCEPTION_EXPIRES_SOON,
            Some(place.clone()),
            format!("the exception of person {person} ends with {expires}"),
        )
        .help(format!(
            "ask {}: it is held from the next day on",
            exception.owner
        ));
        let over = Diagnostic::error(
            codes::EXCEPTION_EXPIRED,
            Some(place),
            format!("the exception of person {person} has ended with {expires}"),
        )
        .help(format!(
            "take it out, or agree on a new last day with {} ({})",
            exception.owner, exception.ticket
        ));
        let last = exception.last_day()?;
        Some(Self { last, soon, over })
    }

    /// A waiver.
    pub(super) fn waiver(place: Place, waiver: &kinds::Waiver) -> Option<Self> {
        let (guard, expires) = (&waiver.guard, &waiver.expires);
        let soon = Diagnostic::warning(
            codes::WAIVER_EXPIRES_SOON,
            Some(place.clone()),
            format!("the waiver of guard {guard} ends with {expires}"),
        )
        .help(format!(
            "ask {} whether what it is for is done",
            waiver.owner
        ));
        let over = Diagnostic::error(
            codes::WAIVER_EXPIRED,
            Some(place),
            format!("the waiver of guard {guard} has ended with {expires} and releases nothing"),
        )
        .help(format!(
            "take it out, or agree on a new one with {} ({})",
            waiver.owner, waiver.ticket
        ));
        let last = waiver.last_day()?;
        Some(Self { last, soon, over })
    }
}

impl Loaded {
    /// Adds what the calendar says: what is over is an error to be cleaned up, and what soon will be a warning. It is the
    /// only thing said of a configuration that is not the same on every day; the configuration stays usable.
    pub fn dated(&mut self, now: jiff::Timestamp) {
        let zone = jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let today = now.to_zoned(zone).date();
        for one in &self.expiring {
            match standing(one.last, today) {
                Standing::Active => {}
                Standing::Expiring => self.diagnostics.push(one.soon.clone()),
                Standing::Expired => self.diagnostics.push(one.over.clone()),
            }
        }
        diagnostic::sort(&mut self.diagnostics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_to_its_end() {
        let day = |text: &str| parse_date(text).unwrap();
        let last = day("2026-11-23");
        assert_eq!(standing(last, last), Standing::Expiring);
        assert_eq!(standing(last, day("2026-11-24")), Standing::Expired);
        assert_eq!(standing(last, day("2026-11-09")), Standing::Expiring);
        assert_eq!(standing(last, day("2026-11-08")), Standing::Active);
    }

    #[test]
    fn only_whole_dates_are_dates() {
        assert!(parse_date("2028-02-29").is_some());
        for text in ["2026-02-29", "2026-11-23T10:00", "20261123", "soon", ""] {
            assert!(parse_date(text).is_none(), "{text}");
        }
    }
}
