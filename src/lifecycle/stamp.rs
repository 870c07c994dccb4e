//! The moment something began, written on an account because no date of the person says so.
//!
//! Keeps that a stamp is read only as it is written: what is nearly one is none.

use std::fmt;

use jiff::Timestamp;

/// What a stamp says for an account whose person is missing from the source; no state has this name.
pub const ABSENT: &str = "absent";

/// What a stamp says for an account whose person has moved across groups; no state has this name where it is used.
pub const MOVED: &str = "moved";

/// `halosync: leaver since 2026-11-27T01:20:00Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The state.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
}

impl Stamp {
    /// A stamp, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("halosync: ")?;
        let (what, since) = rest.rsplit_once(" since ")?;
        let stamp = Self {
            what: what.to_owned(),
            since: since.parse().ok()?,
        };
        (stamp.to_string() == text).then_some(stamp)
    }

    /// The longest text a stamp of this state can be, as the directory counts: UTF-16 code units.
    pub fn longest(what: &str) -> usize {
        let sample = Self {
            what: what.to_owned(),
            since: Timestamp::MAX,
        };
        sample.to_string().encode_utf16().count()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole seconds: people read it, and nobody counts days by less.
        let seconds = self.since.as_second();
        let since = Timestamp::from_second(seconds).unwrap_or(self.since);
        write!(f, "halosync: {} since {since}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn a_stamp_is_read_only_as_it_is_written() {
        for what in ["leaver", "on leave since ever", "Übergang", ABSENT] {
            let stamp = Stamp {
                what: what.to_owned(),
                since: "2026-11-27T01:20:00Z".parse().unwrap(),
            };
            assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp));
        }
        for text in [
            "",
            "halosync",
            "leaver since 2026-11-27T01:20:00Z",
            "halosync: leaver since 2026-11-27",
            "halosync: leaver since 2026-11-27T01:20:00+00:00",
            "halosync: leaver since 2026-11-27T01:20:00.5Z",
            "halosync: leaver since 2026-11-27T01:20:00Z ",
            "halosync: leaver  since 2026-11-27T01:20:00z",
            "Halosync: leaver since 2026-11-27T01:20:00Z",
        ] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    use super::ABSENT;

    #[test]
    fn fractions_of_a_second_are_not_kept() {
        let stamp = Stamp {
            what: "leaver".to_owned(),
            since: "2026-11-27T01:20:00.987Z".parse().unwrap(),
        };
        let text = stamp.to_string();
        assert_eq!(text, "halosync: leaver since 2026-11-27T01:20:00Z");
        assert!(text.len() <= Stamp::longest("leaver"));
    }
}
