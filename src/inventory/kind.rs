//! What a value probably is, from its form alone.
//!
//! Must not know members' names: a member called `phone` full of e-mail addresses is found out here. Invariant: total,
//! and linear in the value's length.

use serde::{Deserialize, Serialize};

/// What values probably are.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Guess {
    /// No value was seen.
    Nothing,
    /// Text of no form we know.
    Text,
    /// A whole number.
    Number,
    /// A number with a fraction.
    Decimal,
    /// True or false, in whatever spelling.
    Flag,
    /// A calendar date, or a moment that is always midnight.
    Date,
    /// A moment.
    DateTime,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A GUID.
    Guid,
    /// A distinguished name.
    Dn,
    /// A network login, `DOMAIN\user`.
    Login,
    /// A web address.
    Url,
    /// Text with HTML in it.
    Html,
    /// A time zone, by its IANA or Windows name.
    Zone,
    /// Octets.
    Octets,
}

impl Guess {
    /// All of them, in order of their number.
    pub(super) const ALL: [Self; 16] = [
        Self::Nothing,
        Self::Text,
        Self::Number,
        Self::Decimal,
        Self::Flag,
        Self::Date,
        Self::DateTime,
        Self::Email,
        Self::Phone,
        Self::Guid,
        Self::Dn,
        Self::Login,
        Self::Url,
        Self::Html,
        Self::Zone,
        Self::Octets,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text => "text",
            Self::Number => "number",
            Self::Decimal => "decimal",
            Self::Flag => "flag",
            Self::Date => "date",
            Self::DateTime => "date and time",
            Self::Email => "e-mail",
            Self::Phone => "phone",
            Self::Guid => "GUID",
            Self::Dn => "DN",
            Self::Login => "login",
            Self::Url => "URL",
            Self::Html => "HTML",
            Self::Zone => "time zone",
            Self::Octets => "octets",
        }
    }
}

/// Hour and whether minutes and seconds are zero, of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    pub(super) hour: u8,
    pub(super) whole: bool,
}

/// What a trimmed text that is not empty probably is.
pub(super) fn guess(text: &str) -> (Guess, Option<TimeOfDay>) {
    if let Some(time) = moment(text) {
        let midnight = time.is_none_or(|time| time.hour == 0 && time.whole);
        return (
            if midnight {
                Guess::Date
            } else {
                Guess::DateTime
            },
            time,
        );
    }
    (of_text(text), None)
}

fn of_text(text: &str) -> Guess {
    if ["true", "false", "yes", "no"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        return Guess::Flag;
    }
    if is_email(text) {
        return Guess::Email;
    }
    if is_guid(text) {
        return Guess::Guid;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        // What begins with 0 and is long is dialled, not counted with.
        return if digits.len() >= 9 && digits.starts_with('0') {
            Guess::Phone
        } else {
            Guess::Number
        };
    }
    if let Some((whole, fraction)) = digits.split_once('.')
        && !whole.is_empty()
        && !fraction.is_empty()
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return Guess::Decimal;
    }
    if is_phone(text) {
        return Guess::Phone;
    }
    if has_prefix(text, "http://") || has_prefix(text, "https://") {
        return Guess::Url;
    }
    if ["CN=", "OU=", "DC=", "UID="]
        .iter()
        .any(|prefix| has_prefix(text, prefix))
    {
        return Guess::Dn;
    }
    if is_zone(text) {
        return Guess::Zone;
    }
    if is_html(text) {
        return Guess::Html;
    }
    if let Some((domain, user)) = text.split_once('\\')
        && !domain.is_empty()
        && !user.is_empty()
        && !text.contains([' ', '/'])
    {
        return Guess::Login;
    }
    Guess::Text
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !text.contains(char::is_whitespace)
    })
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (6..=20).contains(&digits)
        && text.starts_with(['+', '(', '0', '1'])
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-()./".contains(c))
}

fn is_zone(text: &str) -> bool {
    const AREAS: &[&str] = &[
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
        "Etc/",
    ];
    let iana = AREAS.iter().any(|area| {
        text.strip_prefix(area).is_some_and(|city| {
            !city.is_empty()
                && city
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-+/".contains(c))
        })
    });
    iana || text.ends_with(" Standard Time") || text == "UTC"
}

fn is_html(text: &str) -> bool {
    text.find('<').is_some_and(|at| {
        let rest = &text[at + 1..];
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!')
            && rest.contains('>')
    })
}

/// A date (`Some(None)`) or a moment, in ISO 8601 or as LDAP's generalised time (RFC 4517 section 3.3.13).
#[expect(
    clippy::option_option,
    reason = "no moment, a moment without time of day, and one with it are three answers"
)]
fn moment(text: &str) -> Option<Option<TimeOfDay>> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> { text.get(from..to)?.parse().ok() };
    let (date, time) = if bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') {
        let date = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        match bytes.get(10) {
            None => (date, None),
            Some(b'T' | b't' | b' ') if bytes.len() <= 35 && bytes.get(13) == Some(&b':') => (
                date,
                Some((
                    number(11, 13)?,
                    number(14, 16)?,
                    number(17, 19).unwrap_or(0),
                )),
            ),
            Some(_) => return None,
        }
    } else if bytes.len() >= 15
        && bytes.ends_with(b"Z")
        && bytes.iter().take(14).all(u8::is_ascii_digit)
    {
        let date = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        (
            date,
            Some((number(8, 10)?, number(10, 12)?, number(12, 14)?)),
        )
    } else {
        return None;
    };
    if !(1..=12).contains(&date.1) || !(1..=31).contains(&date.2) {
        return None;
    }
    let Some((hour, minute, second)) = time else {
        return Some(None);
    };
    (hour < 24 && minute < 60 && second < 61).then_some(Some(TimeOfDay {
        hour: u8::try_from(hour).unwrap_or(0),
        whole: minute == 0 && second == 0,
    }))
}

/// Whether a text is one of the dates that mean "no date" (see `intake`).
pub(super) fn is_no_date(text: &str) -> bool {
    ["1899-12-30", "1900-01-01", "0001-01-01"]
        .iter()
        .any(|none| has_prefix(text, none))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Guess, guess};

    #[test]
    fn forms_are_recognised() {
        for (text, expected) in [
            ("jane.doe@example.com", Guess::Email),
            ("not@mail", Guess::Text),
            ("2026-01-31", Guess::Date),
            ("2026-01-31T00:00:00", Guess::Date),
            ("2026-01-31T23:00:00Z", Guess::DateTime),
            ("20260131093000.0Z", Guess::DateTime),
            ("2026-13-31", Guess::Text),
            ("1042", Guess::Number),
            ("-1", Guess::Number),
            ("1.5", Guess::Decimal),
            ("+44 20 7946 0123", Guess::Phone),
            ("02079460123", Guess::Phone),
            ("TRUE", Guess::Flag),
            ("6f9619ff-8b86-d011-b42d-00c04fc964ff", Guess::Guid),
            ("CN=Jane,DC=example,DC=test", Guess::Dn),
            ("EXAMPLE\\jane", Guess::Login),
            ("https://example.com/x", Guess::Url),
            ("<p>hi</p>", Guess::Html),
            ("1 < 2 > 0", Guess::Text),
            ("Europe/London", Guess::Zone),
            ("GMT Standard Time", Guess::Zone),
            ("Europe/ and more", Guess::Text),
            ("Jane Doe", Guess::Text),
        ] {
            assert_eq!(guess(text).0, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_guessed(text in ".{0,60}") {
            let _ = guess(&text);
        }

        #[test]
        fn whatever_looks_like_a_moment_is_guessed(text in "[0-9-]{8,10}[T0-9:.Zé-]{0,12}") {
            let _ = guess(&text);
        }
    }
}
