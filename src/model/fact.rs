//! A fact: one typed, normalised thing a source says about a person.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What kind of value a field delivers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum FactType {
    /// Text, trimmed and in Unicode NFC.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A calendar date without a zone.
    Date,
    /// A moment in UTC.
    DateTime,
    /// Several texts.
    List,
    /// An e-mail address: text whose form was checked (RFC 5321 section 4.1.2) and whose domain is in lower case.
    Email,
    /// Bytes, for example a photo; a template sees them as base64 (RFC 4648 section 4).
    Binary,
}

/// One value. That a person has *no* value is the absence of a fact (`None`), never an empty text: emptiness is
/// decided once, where raw records are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Never empty; trimmed; NFC.
    Text(CompactString),
    /// A whole number.
    Integer(i64),
    /// A flag.
    Boolean(bool),
    /// A calendar date.
    Date(jiff::civil::Date),
    /// A moment.
    DateTime(jiff::Timestamp),
    /// Never empty; each text non-empty.
    List(Box<[CompactString]>),
    /// Never empty.
    Binary(Box<[u8]>),
}

impl Fact {
    /// The type this value has; an e-mail address is a text.
    pub fn fact_type(&self) -> FactType {
        match self {
            Self::Text(_) => FactType::Text,
            Self::Integer(_) => FactType::Integer,
            Self::Boolean(_) => FactType::Boolean,
            Self::Date(_) => FactType::Date,
            Self::DateTime(_) => FactType::DateTime,
            Self::List(_) => FactType::List,
            Self::Binary(_) => FactType::Binary,
        }
    }

    /// The text a reviewer sees: as a template does, but of bytes their number and the beginning of their SHA-256.
    pub fn for_reviewers(&self) -> String {
        match self {
            Self::Binary(bytes) => {
                let digest = hex::encode(Sha256::digest(bytes));
                format!("{} bytes, sha256:{}", bytes.len(), &digest[..12])
            }
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Fact {
    /// The text a template sees: dates as ISO 8601, lists joined by `, `, bytes as base64.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(flag) => flag.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::DateTime(moment) => moment.fmt(f),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    f.write_str(item)?;
                }
                Ok(())
            }
            Self::Binary(bytes) => {
                use base64::display::Base64Display;
                use base64::engine::general_purpose::STANDARD;
                Base64Display::new(bytes, &STANDARD).fmt(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    /// The planner keeps a hundred million of these; a grown `Fact` is a grown bill.
    #[test]
    fn fact_stays_small() {
        assert!(size_of::<Option<super::Fact>>() <= 32);
    }
}
