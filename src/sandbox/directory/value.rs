//! Attribute values by syntax: what is a value, and when two are equal.

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Bytes of one value, as they go over the wire.
pub(crate) type Bytes = Box<[u8]>;

/// Syntaxes as the simulator tells them apart ([MS-ADTS] 3.1.1.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Exact,
    Dn,
    DnBinary,
    Integer,
    LargeInteger,
    Boolean,
    Octets,
    Sid,
    SecurityDescriptor,
    Time,
    Oid,
}

impl Kind {
    /// `attributeSyntax` and `oMSyntax`.
    pub(crate) fn schema(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("2.5.5.12", "64"),
            Self::Exact => ("2.5.5.5", "22"),
            Self::Dn => ("2.5.5.1", "127"),
            Self::DnBinary => ("2.5.5.7", "127"),
            Self::Integer => ("2.5.5.9", "2"),
            Self::LargeInteger => ("2.5.5.16", "65"),
            Self::Boolean => ("2.5.5.8", "1"),
            Self::Octets => ("2.5.5.10", "4"),
            Self::Sid => ("2.5.5.17", "4"),
            Self::SecurityDescriptor => ("2.5.5.15", "66"),
            Self::Time => ("2.5.5.11", "24"),
            Self::Oid => ("2.5.5.2", "6"),
        }
    }

    /// The LDAP syntax of `attributeTypes`.
    pub(crate) fn ldap(self) -> &'static str {
        match self {
            Self::Text => "1.3.6.1.4.1.1466.115.121.1.15",
            Self::Exact => "1.3.6.1.4.1.1466.115.121.1.26",
            Self::Dn => "1.3.6.1.4.1.1466.115.121.1.12",
            Self::DnBinary => "1.2.840.113556.1.4.903",
            Self::Integer => "1.3.6.1.4.1.1466.115.121.1.27",
            Self::LargeInteger => "1.2.840.113556.1.4.906",
            Self::Boolean => "1.3.6.1.4.1.1466.115.121.1.7",
            Self::Octets | Self::Sid => "1.3.6.1.4.1.1466.115.121.1.40",
            Self::SecurityDescriptor => "1.2.840.113556.1.4.907",
            Self::Time => "1.3.6.1.4.1.1466.115.121.1.24",
            Self::Oid => "1.3.6.1.4.1.1466.115.121.1.38",
        }
    }

    /// The form in which equal values are equal.
    pub(crate) fn key(self, value: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Text | Self::Oid => match std::str::from_utf8(value) {
                Ok(text) => match fold(text) {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                },
                Err(_) => Cow::Borrowed(value),
            },
            Self::Integer | Self::LargeInteger => match number(value) {
                Some(number) => Cow::Owned(number.to_string().into_bytes()),
                None => Cow::Borrowed(value),
            },
            _ => Cow::Borrowed(value),
        }
    }

    /// Why bytes are no value of this syntax with these limits, or the value in the form it is stored.
    pub(crate) fn check(
        self,
        value: &[u8],
        lower: Option<i64>,
        upper: Option<i64>,
    ) -> Result<Bytes, Fault> {
        if value.is_empty() {
            return Err(Fault::Syntax);
        }
        let within = |size: i64| {
            if lower.is_some_and(|least| size < least) || upper.is_some_and(|most| size > most) {
                Err(Fault::Range)
            } else {
                Ok(())
            }
        };
        let size = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        match self {
            Self::Text | Self::Oid => {
                let text = std::str::from_utf8(value).map_err(|_| Fault::Syntax)?;
                // Limits count UTF-16 units, as the server stores them.
                within(size(text.encode_utf16().count()))?;
            }
            Self::Exact => {
                if !value.is_ascii() {
                    return Err(Fault::Syntax);
                }
                within(size(value.len()))?;
            }
            Self::Integer => {
                let number = number(value)
                    .filter(|&n| i32::try_from(n).is_ok())
                    .ok_or(Fault::Syntax)?;
                within(number)?;
                return Ok(number.to_string().into_bytes().into());
            }
            Self::LargeInteger => {
                let number = number(value).ok_or(Fault::Syntax)?;
                within(number)?;
                return Ok(number.to_string().into_bytes().into());
            }
            Self::Boolean => {
                if value != b"TRUE" && value != b"FALSE" {
                    return Err(Fault::Syntax);
                }
            }
            Self::Time => {
                let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
                if digits != 14 || value.last() != Some(&b'Z') {
                    return Err(Fault::Syntax);
                }
            }
            Self::Octets | Self::SecurityDescriptor => within(size(value.len()))?,
            Self::Sid => {
                super::sid::Sid::from_wire(value).ok_or(Fault::Syntax)?;
            }
            // Resolved by whoever has the objects.
            Self::Dn | Self::DnBinary => {}
        }
        Ok(value.into())
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Syntax,
    Range,
}

/// A decimal number.
pub(crate) fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Folds a text the way the directory compares it: case, width and non-spacing marks do not count
/// ([MS-ADTS] 6.5: `NORM_IGNORECASE | NORM_IGNOREKANATYPE | NORM_IGNORENONSPACE | NORM_IGNOREWIDTH`), so that
/// `Åsa` equals `asa`. Samba folds case only; this follows AD.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.nfkd()
            .filter(|&c| !is_combining_mark(c))
            .flat_map(char::to_lowercase)
            .collect(),
    )
}

/// Seconds between 1601 and 1970.
const EPOCH: i64 = 11_644_473_600;

/// 100 ns since 1601, as `accountExpires` counts.
pub(crate) fn filetime(at: Timestamp) -> i64 {
    (at.as_second() + EPOCH) * 10_000_000 + i64::from(at.subsec_nanosecond()) / 100
}

/// `20261123124500.0Z`.
pub(crate) fn generalized_time(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S.0Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::{Fault, Kind, filetime, fold, generalized_time};

    #[test]
    fn texts_compare_without_case_width_and_marks() {
        assert_eq!(fold("Åsa"), "asa");
        assert_eq!(fold("ＡＢＣ"), "abc");
        assert_ne!(fold("Łukasz"), fold("Lukasz"));
        assert_eq!(Kind::Text.key(b"SMTP:A@x"), Kind::Text.key(b"smtp:a@X"));
        assert_ne!(Kind::Exact.key(b"/bin/A"), Kind::Exact.key(b"/bin/a"));
        assert_eq!(Kind::Integer.key(b"0512"), Kind::Integer.key(b"512"));
    }

    #[test]
    fn values_are_held_to_syntax_and_range() {
        let check = |kind: Kind, value: &str, range: (i64, i64)| {
            kind.check(value.as_bytes(), Some(range.0), Some(range.1))
                .map(|value| String::from_utf8_lossy(&value).into_owned())
        };
        assert_eq!(check(Kind::Text, "", (0, 5)), Err(Fault::Syntax));
        assert_eq!(check(Kind::Text, "abcdef", (1, 5)), Err(Fault::Range));
        // One character outside the basic plane is two units.
        assert_eq!(check(Kind::Text, "😀", (1, 1)), Err(Fault::Range));
        assert_eq!(check(Kind::Integer, "0042", (0, 99)), Ok("42".to_owned()));
        assert_eq!(
            check(Kind::Integer, "4294967296", (0, i64::MAX)),
            Err(Fault::Syntax)
        );
        assert_eq!(check(Kind::Boolean, "true", (0, 9)), Err(Fault::Syntax));
        assert_eq!(check(Kind::Exact, "é", (0, 9)), Err(Fault::Syntax));
    }

    #[test]
    fn times_are_written_the_directory_way() {
        let at: jiff::Timestamp = "2026-11-23T12:45:00Z".parse().expect("a time");
        assert_eq!(generalized_time(at), "20261123124500.0Z");
        assert_eq!(filetime(at), 134_399_115_000_000_000);
    }
}
