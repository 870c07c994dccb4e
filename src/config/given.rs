//! What tests give in words, as the planner takes it: facts of a declared type and the moment of a test.
//!
//! Shared by the check of documents and the running of tests, so that what is valid can also be run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use unicode_normalization::UnicodeNormalization;

use super::kinds::GivenFact;
use crate::model::{Fact, FactType};

/// The tested person's key, when the test gives none.
pub const DEFAULT_KEY: &str = "1";

/// Why a given value is not one of its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    /// It is of another type.
    #[error("{wanted} is needed here")]
    Type {
        /// What is needed.
        wanted: &'static str,
        /// The way out.
        help: &'static str,
    },
    /// It has the right type and not the form.
    #[error("this is not {wanted}")]
    Form {
        /// What is needed.
        wanted: &'static str,
        /// The way out.
        help: &'static str,
    },
}

/// The fact a given value is. Texts are trimmed and brought to NFC, as those of a source are.
///
/// # Errors
/// Why it is not of the field's type.
pub fn fact(given: &GivenFact, fact_type: FactType) -> Result<Fact, NotGiven> {
    let (wanted, help) = match fact_type {
        FactType::Text => ("text", "put it in quotes"),
        FactType::Integer => ("a whole number", "write it without quotes"),
        FactType::Boolean => ("true or false", "write it without quotes"),
        FactType::Date => ("a date", "write it as 2026-06-02"),
        FactType::DateTime => ("a moment", "write it as 2026-06-02T08:00:00Z"),
        FactType::Email => ("an e-mail address", "write it as `ana@example.com`"),
        FactType::Binary => ("base64", "write the bytes as base64, in quotes"),
        FactType::List => ("a list of texts", "write it as [one, two]"),
    };
    let form = || NotGiven::Form { wanted, help };
    match (fact_type, given) {
        (FactType::Text, GivenFact::Text(text)) => Ok(Fact::Text(plain(text)?)),
        (FactType::Email, GivenFact::Text(text)) => {
            let text = plain(text)?;
            let (local, domain) = text.rsplit_once('@').ok_or_else(form)?;
            if local.is_empty() || domain.is_empty() || text.contains(char::is_whitespace) {
                return Err(form());
            }
            // As the intake has it.
            let text = compact_str::format_compact!("{local}@{}", domain.to_lowercase());
            Ok(Fact::Text(text))
        }
        (FactType::Binary, GivenFact::Text(text)) => match STANDARD.decode(text.trim()) {
            Ok(bytes) if !bytes.is_empty() => Ok(Fact::Binary(bytes.into_boxed_slice())),
            _ => Err(form()),
        },
        (FactType::Integer, GivenFact::Integer(number)) => Ok(Fact::Integer(*number)),
        (FactType::Boolean, GivenFact::Boolean(flag)) => Ok(Fact::Boolean(*flag)),
        (FactType::Date, GivenFact::Text(text)) => date(text).map(Fact::Date).ok_or_else(form),
        (FactType::DateTime, GivenFact::Text(text)) => {
            text.parse().map(Fact::DateTime).map_err(|_| form())
        }
        (FactType::List, GivenFact::List(items)) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| plain(item)).collect();
            let items = items?;
            if items.is_empty() {
                return Err(empty());
            }
            Ok(Fact::List(items.into_boxed_slice()))
        }
        (fact_type, given) => Err(NotGiven::Type {
            wanted,
            help: other_type(given, fact_type).unwrap_or(help),
        }),
    }
}

/// The way out where what is written is not merely quoted, or not quoted, by mistake.
fn other_type(given: &GivenFact, wanted: FactType) -> Option<&'static str> {
    match (wanted, given) {
        (FactType::Boolean, GivenFact::Text(text)) if text.parse::<bool>().is_ok() => None,
        (FactType::Boolean, _) => Some("write `true` or `false`"),
        (FactType::Integer, GivenFact::Text(text)) if text.parse::<i64>().is_ok() => None,
        (FactType::Integer, _) => Some("write a whole number, such as 42"),
        (FactType::Text, GivenFact::List(_)) => Some("write one text; the field holds no list"),
        _ => None,
    }
}

/// The moment a test is for: a date, a date and time in the project's zone, or a moment with its own offset.
pub fn as_of(text: &str, zone: &TimeZone) -> Option<jiff::Timestamp> {
    if let Some(date) = date(text) {
        return Some(date.to_zoned(zone.clone()).ok()?.timestamp());
    }
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Only a date: the parser would take the date out of a date-time as well.
fn date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

fn plain(text: &str) -> Result<CompactString, NotGiven> {
    let text: CompactString = text.trim().nfc().collect();
    if text.is_empty() {
        return Err(empty());
    }
    Ok(text)
}

fn empty() -> NotGiven {
    NotGiven::Form {
        wanted: "a value",
        help: "write null, or leave the field out: nobody has an empty value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_fits_what_is_written() {
        let text = |text: &str| GivenFact::Text(text.to_owned());
        for (given, wanted, expected) in [
            (text("maybe"), FactType::Boolean, "write `true` or `false`"),
            (text("true"), FactType::Boolean, "write it without quotes"),
            (text("7"), FactType::Integer, "write it without quotes"),
            (
                text("many"),
                FactType::Integer,
                "write a whole number, such as 42",
            ),
            (GivenFact::Integer(7), FactType::Text, "put it in quotes"),
            (
                GivenFact::List(vec!["1".to_owned()]),
                FactType::Text,
                "write one text; the field holds no list",
            ),
        ] {
            let Err(NotGiven::Type { help, .. }) = fact(&given, wanted) else {
                panic!("{given:?} is not of the type");
            };
            assert_eq!(help, expected, "{given:?}");
        }
    }

    #[test]
    fn facts_have_the_type_of_their_field() {
        let text = |text: &str| GivenFact::Text(text.to_owned());
        assert_eq!(
            fact(&text(" Jose\u{301} "), FactType::Text),
            Ok(Fact::Text("José".into()))
        );
        assert_eq!(
            fact(&text("2026-06-02"), FactType::Date)
                .unwrap()
                .to_string(),
            "2026-06-02"
        );
        assert!(fact(&text("2026-06-02T10:00:00Z"), FactType::Date).is_err());
        assert!(fact(&text("2026-06-02T10:00:00Z"), FactType::DateTime).is_ok());
        assert_eq!(
            fact(&text("Ana@Example.COM"), FactType::Email),
            Ok(Fact::Text("Ana@example.com".into()))
        );
        assert!(fact(&text("Ana"), FactType::Email).is_err());
        assert_eq!(
            fact(&text("aGk="), FactType::Binary),
            Ok(Fact::Binary(Box::new(*b"hi")))
        );
        assert!(fact(&text("?"), FactType::Binary).is_err());
        assert!(fact(&text(""), FactType::Text).is_err());
        assert!(fact(&GivenFact::Integer(44), FactType::Text).is_err());
        assert!(fact(&GivenFact::List(Vec::new()), FactType::List).is_err());
    }

    #[test]
    fn a_date_is_its_first_moment_in_the_zone() {
        let london = TimeZone::get("Europe/London").unwrap();
        let moment = |text: &str| as_of(text, &london).unwrap().to_string();
        assert_eq!(moment("2026-06-02"), "2026-06-01T23:00:00Z");
        assert_eq!(moment("2026-06-02T09:30"), "2026-06-02T08:30:00Z");
        assert_eq!(moment("2026-06-02T09:30:00+02:00"), "2026-06-02T07:30:00Z");
        assert_eq!(as_of("next Tuesday", &london), None);
        assert_eq!(as_of("2026-02-30", &london), None);
    }
}
