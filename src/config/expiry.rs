//! Documents that end on a date: whether they still count at a moment.
//!
//! Knows no clock: planning brings the plan's moment, validating the present one.

use jiff::Zoned;
use jiff::civil::Date;

use super::Loaded;
use super::codes;
use super::diagnostic::{self, Diagnostic, Place};

/// From how many days before its last one something is said to end soon.
pub const SOON_DAYS: i32 = 14;

/// Whether something that ends on a date still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// It does.
    Running,
    /// It does, for this many more days and today.
    Ending(i32),
    /// Its last day is over.
    Expired,
}

/// Whether something whose last day this is counts at a moment, in that moment's time zone.
pub fn term(last: Date, now: &Zoned) -> Term {
    let days = (last - now.date()).get_days();
    if days < 0 {
        Term::Expired
    } else if days <= SOON_DAYS {
        Term::Ending(days)
    } else {
        Term::Running
    }
}

/// The date a document gives as `2026-12-31`.
pub fn parse_date(text: &str) -> Option<Date> {
    let written = text.len() == 10 && text.bytes().nth(4) == Some(b'-');
    text.parse().ok().filter(|_| written)
}

/// Something in a file that ends on a date.
#[derive(Debug, Clone)]
pub struct Expiring {
    pub(super) place: Place,
    pub(super) last: Date,
    pub(super) expired: Words,
    pub(super) ending: Words,
}

/// A finding's code, and what the thing is called.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) help: &'static str,
}

impl Expiring {
    /// A waiver.
    pub(super) fn waiver(place: Place, last: Date) -> Self {
        Self {
            place,
            last,
            expired: Words {
                code: codes::WAIVER_EXPIRED,
                help: "remove the document, or write a new one with a new decision",
            },
            ending: Words {
                code: codes::WAIVER_ENDING,
                help: "see whether what it was for is done",
            },
        }
    }

    fn finding(&self, now: &Zoned) -> Option<Diagnostic> {
        let place = Some(self.place.clone());
        match term(self.last, now) {
            Term::Running => None,
            Term::Ending(days) => {
                let when = match days {
                    0 => "today is the last day this counts".to_owned(),
                    1 => "this counts until tomorrow".to_owned(),
                    days => format!("this counts for {days} more days"),
                };
                Some(Diagnostic::warning(self.ending.code, place, when).help(self.ending.help))
            }
            Term::Expired => Some(
                Diagnostic::error(
                    self.expired.code,
                    place,
                    format!(
                        "this has expired and counts no more; today is {}",
                        now.date()
                    ),
                )
                .help(self.expired.help),
            ),
        }
    }
}

impl Loaded {
    /// Adds what the moment adds: what has expired, and what soon will. The configuration stays usable: what has expired
    /// simply does not count.
    pub fn dated(&mut self, now: jiff::Timestamp) {
        let zone = jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = now.to_zoned(zone);
        let found = self.expiring.iter().filter_map(|one| one.finding(&now));
        self.diagnostics.extend(found);
        diagnostic::sort(&mut self.diagnostics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_to_its_end_in_the_zone() {
        let last = parse_date("2026-11-23").unwrap();
        let at = |text: &str| text.parse::<Zoned>().unwrap();
        assert_eq!(
            term(last, &at("2026-11-23T23:59:59[Pacific/Auckland]")),
            Term::Ending(0)
        );
        assert_eq!(
            term(last, &at("2026-11-24T00:00:00[Pacific/Auckland]")),
            Term::Expired
        );
        assert_eq!(term(last, &at("2026-11-09T12:00[UTC]")), Term::Ending(14));
        assert_eq!(term(last, &at("2026-11-08T12:00[UTC]")), Term::Running);
    }

    #[test]
    fn only_whole_dates_are_dates() {
        assert!(parse_date("2028-02-29").is_some());
        for text in ["2026-02-29", "2026-11-23T10:00", "20261123", "soon", ""] {
            assert!(parse_date(text).is_none(), "{text}");
        }
    }
}
