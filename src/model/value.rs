//! One value: the form a directory stores, its limits, and when two forms are the same value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::{CompactString, ToCompactString};
use jiff::tz::TimeZone;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{AttributeDef, Syntax, folded};

/// `accountExpires` of an account that never expires ([MS-ADA1] 2.1: 0 means the same).
pub const NEVER_EXPIRES: &str = "9223372036854775807";

/// The least number taken for ticks in `accountExpires`, 1917-11-21: smaller ones are a year or a Unix time.
const EARLIEST_EXPIRY: i64 = 100_000_000_000_000_000;

/// Seconds from 1601-01-01 to 1970-01-01.
const FILETIME_EPOCH: i64 = 11_644_473_600;

/// Why a text cannot be a value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Longer (or greater) than the schema allows.
    #[error("{length} {unit} long, the limit is {limit}")]
    TooLong {
        /// What it is.
        length: usize,
        /// What it may be.
        limit: i64,
        /// Characters or bytes.
        unit: &'static str,
    },
    /// Shorter than the schema allows.
    #[error("{length} {unit} long, the least is {limit}")]
    TooShort {
        /// What it is.
        length: usize,
        /// What it must be.
        limit: i64,
        /// Characters or bytes.
        unit: &'static str,
    },
    /// A number outside the schema's range.
    #[error("{number} is outside {lower} to {upper}")]
    OutOfRange {
        /// The number.
        number: i64,
        /// The least.
        lower: i64,
        /// The greatest.
        upper: i64,
    },
    /// Not of the attribute's syntax.
    #[error("{text:?} is not {expected}")]
    Syntax {
        /// The text.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A control character where none belongs.
    #[error("the control character U+{code:04X} in {text:?}")]
    Control {
        /// The character's code.
        code: u32,
        /// The text.
        text: String,
    },
}

impl BadValue {
    /// True when the value has the right form and only its size is wrong.
    pub fn is_size(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::TooShort { .. })
    }
}

/// Control characters, and those that make text read in another order than it is written (Unicode Standard Annex 9,
/// embeddings, overrides and isolates): in a name they show somebody another one.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The form of a text as the directory stores it.
///
/// Dates become what the syntax asks for. In `accountExpires` a date is the last day the account works, as the
/// administration tools show it ("end of"): the instant is the start of the next day in `zone`. In every other time
/// a date is the start of that day.
///
/// # Errors
/// Why the directory would refuse it.
pub fn canonical(
    def: &AttributeDef,
    text: &str,
    zone: &TimeZone,
) -> Result<CompactString, BadValue> {
    let wrong = |expected: &'static str| BadValue::Syntax {
        text: text.chars().take(80).collect(),
        expected,
    };
    match def.syntax {
        Syntax::Text | Syntax::CaseExactText | Syntax::Other => {
            let lines = LINES.iter().any(|name| def.name.eq_ignore_ascii_case(name));
            let control = text
                .chars()
                .find(|c| is_unseen(*c) && !(lines && matches!(c, '\n' | '\r' | '\t')));
            if let Some(control) = control {
                return Err(BadValue::Control {
                    code: u32::from(control),
                    text: text.chars().take(80).collect(),
                });
            }
            within(def, length(text), "characters")?;
            Ok(text.into())
        }
        Syntax::Integer => {
            let number: i32 = text
                .parse()
                .map_err(|_| wrong("a whole number of 32 bits"))?;
            let lower = def.range_lower.unwrap_or(i64::from(i32::MIN));
            let upper = def.range_upper.unwrap_or(i64::from(i32::MAX));
            if !(lower..=upper).contains(&i64::from(number)) {
                return Err(BadValue::OutOfRange {
                    number: number.into(),
                    lower,
                    upper,
                });
            }
            Ok(number.to_compact_string())
        }
        Syntax::LargeInteger => {
            let expires = is_expiry(def);
            if expires && (text.eq_ignore_ascii_case("never") || text == "0") {
                return Ok(NEVER_EXPIRES.into());
            }
            if let Ok(number) = text.parse::<i64>() {
                // A year or a count of seconds read as ticks is a moment in 1601: the account would be shut.
                if expires && number < EARLIEST_EXPIRY {
                    return Err(wrong(
                        "a date, a moment, never, or ticks since 1601 later than 1917",
                    ));
                }
                return Ok(number.to_compact_string());
            }
            // The last day of the calendar means never wherever it is written.
            if expires && text == "9999-12-31" {
                return Ok(NEVER_EXPIRES.into());
            }
            let moment = moment(text, zone, expires)
                .ok_or_else(|| wrong("a number, a date, a moment or never"))?;
            let filetime = moment
                .as_second()
                .checked_add(FILETIME_EPOCH)
                .and_then(|seconds| seconds.checked_mul(10_000_000))
                .and_then(|ticks| ticks.checked_add(i64::from(moment.subsec_nanosecond()) / 100))
                .filter(|ticks| *ticks > 0)
                .ok_or_else(|| wrong("a moment after 1601"))?;
            Ok(filetime.to_compact_string())
        }
        Syntax::Boolean => {
            if text.eq_ignore_ascii_case("true") {
                Ok("TRUE".into())
            } else if text.eq_ignore_ascii_case("false") {
                Ok("FALSE".into())
            } else {
                Err(wrong("true or false"))
            }
        }
        Syntax::Octets => {
            let bytes = octets(text).ok_or_else(|| wrong("base64"))?;
            match def.range_upper {
                Some(_) => within(def, bytes.len(), "bytes")?,
                None if bytes.len() > OCTETS => {
                    return Err(BadValue::TooLong {
                        length: bytes.len(),
                        limit: OCTETS as i64,
                        unit: "bytes",
                    });
                }
                None => within(def, bytes.len(), "bytes")?,
            }
            Ok(STANDARD.encode(bytes).into())
        }
        Syntax::Time => {
            if text.ends_with('Z')
                && text.len() >= 13
                && text.as_bytes()[0].is_ascii_digit()
                && !text.contains('-')
            {
                return Ok(text.into());
            }
            let moment = moment(text, zone, false).ok_or_else(|| wrong("a date or a moment"))?;
            Ok(moment.strftime("%Y%m%d%H%M%S.0Z").to_compact_string())
        }
        Syntax::Dn => Ok(text.into()),
    }
}

/// A text cut so that at most `limit` UTF-16 units are left, at the last boundary between two characters as people see
/// them (extended grapheme clusters, UAX #29), without spaces at its end. `None` for values that cannot be cut, and when
/// nothing would be left.
pub fn shortened(def: &AttributeDef, text: &str, limit: usize) -> Option<CompactString> {
    if !matches!(
        def.syntax,
        Syntax::Text | Syntax::CaseExactText | Syntax::Other
    ) {
        return None;
    }
    let mut used = 0;
    let mut end = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += length(cluster);
        if used > limit {
            break;
        }
        end = at + cluster.len();
    }
    let kept = text[..end].trim_end();
    (!kept.is_empty()).then(|| kept.into())
}

/// Most bytes of a value whose attribute has no limit of its own: what `thumbnailPhoto` has room for. A plan holds every
/// byte, and a directory hands them to everybody who looks.
const OCTETS: usize = 102_400;

/// The bytes a text stands for: base64, in lines or not, with or without the head of a data URL (RFC 2397).
fn octets(text: &str) -> Option<Vec<u8>> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => text,
    };
    if text.contains(char::is_whitespace) {
        let joined: String = text.split_whitespace().collect();
        return STANDARD.decode(joined).ok();
    }
    STANDARD.decode(text).ok()
}

/// Attributes in which line breaks are ordinary.
const LINES: &[&str] = &[
    "comment",
    "info",
    "postalAddress",
    "street",
    "streetAddress",
];

fn within(def: &AttributeDef, length: usize, unit: &'static str) -> Result<(), BadValue> {
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    if let Some(limit) = def.range_upper
        && size > limit
    {
        return Err(BadValue::TooLong {
            length,
            limit,
            unit,
        });
    }
    if let Some(limit) = def.range_lower
        && size < limit
    {
        return Err(BadValue::TooShort {
            length,
            limit,
            unit,
        });
    }
    Ok(())
}

/// Length as the directory counts it: UTF-16 code units.
pub fn length(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char::len_utf16).sum()
}

fn moment(text: &str, zone: &TimeZone, end_of_day: bool) -> Option<jiff::Timestamp> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let day = if end_of_day {
            date.tomorrow().ok()?
        } else {
            date
        };
        return Some(day.to_zoned(zone.clone()).ok()?.timestamp());
    }
    text.parse().ok()
}

/// True for `accountExpires`.
pub fn is_expiry(def: &AttributeDef) -> bool {
    def.name.eq_ignore_ascii_case("accountExpires")
}

/// When an account stops working, in ticks since 1601; one that never does stops last of all, and so does one whose
/// value nobody can read.
pub fn ticks(expiry: &str) -> i64 {
    match expiry.trim().parse() {
        Ok(0) | Err(_) => i64::MAX,
        Ok(ticks) => ticks,
    }
}

/// Whether a stored value means the same as none.
pub fn means_empty(def: &AttributeDef, value: &str) -> bool {
    matches!(cleared(def), Cleared::Value(none) if equal(def, none, value))
}

/// What stands in an attribute after it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleared {
    /// No value.
    Nothing,
    /// A value that means the same as none.
    Value(&'static str),
    /// It can be neither empty nor set to a value that means nothing ([MS-ADTS] 3.1.1.5.3.2).
    Impossible,
}

/// What stands in an attribute after it is cleared: nothing, but for a few that cannot be without a value.
pub fn cleared(def: &AttributeDef) -> Cleared {
    const NEVER_EMPTY: &[&str] = &[
        "codePage",
        "lockoutTime",
        "primaryGroupID",
        "pwdLastSet",
        "sAMAccountName",
        "cn",
    ];
    if is_expiry(def) {
        Cleared::Value(NEVER_EXPIRES)
    } else if def.name.eq_ignore_ascii_case("countryCode") {
        Cleared::Value("0")
    } else if NEVER_EMPTY
        .iter()
        .any(|name| def.name.eq_ignore_ascii_case(name))
    {
        Cleared::Impossible
    } else {
        Cleared::Nothing
    }
}

/// Whether two stored values are one and the same. A difference in case alone is a difference: the directory keeps
/// case, and a name may be corrected in it.
pub fn equal(def: &AttributeDef, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match def.syntax {
        Syntax::Integer | Syntax::LargeInteger => {
            let number = |text: &str| {
                let number = text.parse::<i64>().ok()?;
                Some(if number == 0 && is_expiry(def) {
                    i64::MAX
                } else {
                    number
                })
            };
            number(one).is_some_and(|one| Some(one) == number(other))
        }
        Syntax::Boolean => one.eq_ignore_ascii_case(other),
        Syntax::Time => {
            let plain = |text: &str| text.trim_end_matches('Z').trim_end_matches(".0").to_owned();
            plain(one) == plain(other)
        }
        Syntax::Text | Syntax::CaseExactText | Syntax::Octets | Syntax::Other | Syntax::Dn => false,
    }
}

/// Whether the server would hold two values for one: adding the second beside the first is refused
/// ([MS-ADTS] 3.1.1.2.2.4). Unlike [`equal`], without regard to case.
pub fn is_same_value(def: &AttributeDef, one: &str, other: &str) -> bool {
    equal(def, one, other) || fold(def, one) == fold(def, other)
}

/// The form in which values the server holds for equal are equal: for recognising, never for deciding a write.
pub fn fold(def: &AttributeDef, value: &str) -> CompactString {
    match def.syntax {
        Syntax::Text | Syntax::Dn | Syntax::Boolean => recognised(value),
        _ => value.trim().into(),
    }
}

/// Hands the folded form over without keeping it: values are folded by the million to be hashed.
pub fn with_folded<T>(def: &AttributeDef, value: &str, then: impl FnOnce(&str) -> T) -> T {
    let trimmed = value.trim();
    let folds = matches!(def.syntax, Syntax::Text | Syntax::Dn | Syntax::Boolean);
    if folds && trimmed.is_ascii() && trimmed.len() <= 64 {
        let mut room = [0; 64];
        let room = &mut room[..trimmed.len()];
        room.copy_from_slice(trimmed.as_bytes());
        room.make_ascii_lowercase();
        if let Ok(folded) = std::str::from_utf8(room) {
            return then(folded);
        }
    }
    then(&fold(def, value))
}

/// A text as the server compares it (see `model::folding`), without spaces around it.
fn recognised(value: &str) -> CompactString {
    let value = value.trim();
    if value.is_ascii() {
        return fold_text(value);
    }
    value.chars().flat_map(folded).collect()
}

/// Lower case without spaces around it: a name that differs in a mark may still be corrected.
pub(crate) fn fold_text(value: &str) -> CompactString {
    let value = value.trim();
    if value.is_ascii() {
        let mut folded = CompactString::from(value);
        folded.make_ascii_lowercase();
        return folded;
    }
    value.chars().flat_map(char::to_lowercase).collect()
}

/// Whether the attribute's values are names of objects.
pub fn is_reference(def: &AttributeDef) -> bool {
    def.syntax == Syntax::Dn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::default_schema;

    fn def(name: &str) -> AttributeDef {
        default_schema().get(name).unwrap().clone()
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn stored(name: &str, text: &str) -> Result<String, BadValue> {
        canonical(&def(name), text, &london()).map(Into::into)
    }

    #[test]
    fn dates_become_filetimes() {
        // 2023-12-01T00:00:00Z is 1,701,388,800 s after 1970, 13,345,862,400 s after 1601.
        assert_eq!(
            stored("accountExpires", "2023-11-30").unwrap(),
            "133458624000000000"
        );
        assert_eq!(
            stored("accountExpires", "2023-12-01T00:00:00Z").unwrap(),
            "133458624000000000"
        );
        // Summer time: the day ends an hour earlier in UTC.
        assert_eq!(
            stored("accountExpires", "2023-06-30").unwrap(),
            stored("accountExpires", "2023-06-30T23:00:00Z").unwrap()
        );
        assert_eq!(stored("accountExpires", "never").unwrap(), NEVER_EXPIRES);
        assert_eq!(
            stored("accountExpires", "9999-12-31").unwrap(),
            NEVER_EXPIRES
        );
        assert_eq!(stored("accountExpires", "0").unwrap(), NEVER_EXPIRES);
        assert!(stored("accountExpires", "soon").is_err());
    }

    #[test]
    fn a_number_that_cannot_be_an_expiry_is_none() {
        for number in ["2026", "20261231", "1767225599", "1767225599000", "-1", "1"] {
            assert!(stored("accountExpires", number).is_err(), "{number}");
        }
        assert_eq!(
            stored("accountExpires", "133458624000000000").unwrap(),
            "133458624000000000"
        );
        assert_eq!(stored("lockoutTime", "0").unwrap(), "0");
    }

    #[test]
    fn values_that_stand_for_none_are_known() {
        assert!(means_empty(&def("accountExpires"), "0"));
        assert!(means_empty(&def("accountExpires"), NEVER_EXPIRES));
        assert!(!means_empty(&def("accountExpires"), "133458624000000000"));
        assert!(means_empty(&def("countryCode"), "0"));
        assert!(!means_empty(&def("countryCode"), "826"));
        assert!(!means_empty(&def("description"), "0"));
    }

    #[test]
    fn names_that_differ_in_a_mark_are_one_name_and_two_values() {
        let cn = def("cn");
        assert_eq!(fold(&cn, " José García"), fold(&cn, "JOSE GARCIA"));
        assert_eq!(with_folded(&cn, "José", str::to_owned), "jose");
        assert!(!equal(&cn, "José", "Jose"));
        assert_ne!(fold_text("José"), fold_text("Jose"));
    }

    #[test]
    fn both_ways_to_say_never_are_equal_and_only_there() {
        assert!(equal(&def("accountExpires"), "0", NEVER_EXPIRES));
        assert!(!equal(&def("pwdLastSet"), "0", NEVER_EXPIRES));
        assert!(equal(&def("countryCode"), "044", "44"));
        assert!(!equal(&def("mail"), "A@example.test", "a@example.test"));
        assert!(equal(
            &AttributeDef {
                syntax: Syntax::Boolean,
                ..def("mail")
            },
            "TRUE",
            "true"
        ));
    }

    #[test]
    fn sizes_are_counted_as_the_directory_does() {
        assert_eq!(length("Łukasz"), 6);
        assert_eq!(length("😀"), 2);
        let long = "x".repeat(65);
        assert_eq!(
            stored("department", &long),
            Err(BadValue::TooLong {
                length: 65,
                limit: 64,
                unit: "characters"
            })
        );
        assert!(stored("department", &long[..64]).is_ok());
        assert!(stored("countryCode", "70000").is_err());
        assert!(stored("countryCode", "x").is_err());
        assert!(stored("thumbnailPhoto", "not base64!").is_err());
    }

    #[test]
    fn bytes_are_read_from_base64_however_it_is_written() {
        for text in ["aGVsbG8=", "aGVs\nbG8=", "data:image/jpeg;base64,aGVsbG8="] {
            assert_eq!(stored("jpegPhoto", text).unwrap(), "aGVsbG8=");
        }
        for text in ["aGVsbG8", "data:image/jpeg,hello", "data:", "x"] {
            assert!(stored("jpegPhoto", text).is_err(), "{text}");
        }
        let long = STANDARD.encode(vec![0; 102_401]);
        let limit = Err(BadValue::TooLong {
            length: 102_401,
            limit: 102_400,
            unit: "bytes",
        });
        assert_eq!(stored("jpegPhoto", &long), limit);
        assert_eq!(stored("thumbnailPhoto", &long), limit);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let title = def("title");
        let cut = |text: &str, limit| shortened(&title, text, limit).map(String::from);
        assert_eq!(cut("abcdef", 3).as_deref(), Some("abc"));
        assert_eq!(
            cut("ab cdef", 3).as_deref(),
            Some("ab"),
            "no space at the end"
        );
        // One character of two units, one of a letter and a mark, a family of eleven units.
        assert_eq!(cut("a😀b", 2).as_deref(), Some("a"));
        assert_eq!(cut("ae\u{301}x", 2).as_deref(), Some("a"));
        assert_eq!(cut("x👨‍👩‍👧‍👦", 8).as_deref(), Some("x"));
        assert_eq!(cut("😀", 1), None);
        assert_eq!(shortened(&def("countryCode"), "12345", 2), None);
    }

    #[test]
    fn control_characters_only_where_lines_are() {
        assert!(stored("department", "a\nb").is_err());
        assert!(stored("streetAddress", "1 Road\r\nTown").is_ok());
        assert!(stored("streetAddress", "1 Road\u{0}").is_err());
    }
}
