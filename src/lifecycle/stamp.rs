//! The moment something began, written on an account because no date of the person says so.
//!
//! Keeps that a stamp is read only as it is written: what is nearly one is none.

use std::fmt;

use jiff::Timestamp;

/// What a stamp says for an account whose person is missing from the source; no state has this name.
pub const ABSENT: &str = "absent";

/// What a stamp says on an account that somebody had who came back and got a new one; no state has this name.
pub const REPLACED: &str = "replaced";

/// What a stamp says for an account whose person has moved across groups; no state has this name where it is used.
pub const MOVED: &str = "moved";

/// `halosync: leaver since 2026-11-27T01:20:00Z`; when the person is missing besides, `, absent since …` follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The state.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Since when the person is missing, where the stamp says something else of them: a leaver whose record is gone, or
    /// for once not shown, is a leaver since the same day.
    pub absent: Option<Timestamp>,
}

impl Stamp {
    /// A state, or being missing, that begins.
    pub fn new(what: &str, since: Timestamp) -> Self {
        Self {
            what: what.to_owned(),
            since,
            absent: None,
        }
    }

    /// A stamp, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("halosync: ")?;
        let plain = |text: &str| {
            let (what, since) = text.rsplit_once(" since ")?;
            Some(Self::new(what, since.parse().ok()?))
        };
        let both = || {
            let (first, absent) = rest.rsplit_once(ABSENT_TOO)?;
            Some(Self {
                absent: Some(absent.parse().ok()?),
                ..plain(first)?
            })
        };
        let stamp = both().or_else(|| plain(rest))?;
        // Whoever may write the attribute decides when stages begin. What no plan can have written proves nothing.
        let written = |moment: Timestamp| (FIRST..LAST).contains(&moment.as_second());
        if !written(stamp.since) || !stamp.absent.is_none_or(written) {
            return None;
        }
        (stamp.to_string() == text).then_some(stamp)
    }

    /// The day it counts from in the zone of a moment.
    pub fn day(&self, as_of: &jiff::Zoned) -> jiff::civil::Date {
        as_of.time_zone().to_datetime(self.since).date()
    }

    /// Whether it says that this state is counted from this day.
    pub fn is_of(&self, what: &str, day: jiff::civil::Date, as_of: &jiff::Zoned) -> bool {
        self.what == what && self.day(as_of) == day
    }

    /// Since when the person is missing, if they are.
    pub fn missing_since(&self) -> Option<Timestamp> {
        if self.what == ABSENT {
            Some(self.since)
        } else {
            self.absent
        }
    }

    /// What is left of it when the person is seen again.
    pub fn seen(&self) -> Option<Self> {
        (self.what != ABSENT).then(|| Self {
            absent: None,
            ..self.clone()
        })
    }

    /// The longest text a stamp of this state can be, as the directory counts: UTF-16 code units.
    pub fn longest(what: &str) -> usize {
        let sample = Self {
            absent: Some(Timestamp::MAX),
            ..Self::new(what, Timestamp::MAX)
        };
        sample.to_string().encode_utf16().count()
    }
}

/// 2000-01-01 and 2201-01-01, in seconds: no plan is made for a moment before the one or from the other on.
const FIRST: i64 = 946_684_800;
const LAST: i64 = 7_289_654_400;

const ABSENT_TOO: &str = ", absent since ";

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole seconds: people read it, and nobody counts days by less.
        let whole =
            |moment: Timestamp| Timestamp::from_second(moment.as_second()).unwrap_or(moment);
        write!(f, "halosync: {} since {}", self.what, whole(self.since))?;
        match self.absent {
            Some(absent) => write!(f, "{ABSENT_TOO}{}", whole(absent)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn a_stamp_is_read_only_as_it_is_written() {
        for what in ["leaver", "on leave since ever", "Übergang", ABSENT] {
            let stamp = Stamp::new(what, "2026-11-27T01:20:00Z".parse().unwrap());
            assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp.clone()));
            let missing = Stamp {
                absent: Some("2026-12-05T02:00:00Z".parse().unwrap()),
                ..stamp.clone()
            };
            assert_eq!(Stamp::parse(&missing.to_string()), Some(missing.clone()));
            assert_eq!(missing.seen(), (what != ABSENT).then_some(stamp));
        }
        for text in [
            "",
            "halosync",
            "leaver since 2026-11-27T01:20:00Z",
            "halosync: leaver since 2026-11-27",
            "halosync: leaver since 1999-12-31T23:59:59Z",
            "halosync: leaver since 0001-01-01T00:00:00Z",
            "halosync: leaver since 2201-01-01T00:00:00Z",
            "halosync: leaver since 2026-11-27T01:20:00Z, absent since 9999-01-01T00:00:00Z",
            "halosync: leaver since 2026-11-27T01:20:00+00:00",
            "halosync: leaver since 2026-11-27T01:20:00.5Z",
            "halosync: leaver since 2026-11-27T01:20:00Z ",
            "halosync: leaver  since 2026-11-27T01:20:00z",
            "Halosync: leaver since 2026-11-27T01:20:00Z",
            "halosync: leaver since 2026-11-27T01:20:00Z, absent since yesterday",
        ] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    use super::ABSENT;

    #[test]
    fn fractions_of_a_second_are_not_kept() {
        let stamp = Stamp::new("leaver", "2026-11-27T01:20:00.987Z".parse().unwrap());
        let text = stamp.to_string();
        assert_eq!(text, "halosync: leaver since 2026-11-27T01:20:00Z");
        assert!(text.len() <= Stamp::longest("leaver"));
    }
}
