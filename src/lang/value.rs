//! Values while something is evaluated: borrowed from the person or the record where they can be.

use std::borrow::Cow;

use compact_str::{CompactString, ToCompactString};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::model::Fact;

/// A text, borrowed or made.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(CompactString),
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Borrowed(text),
            Cow::Owned(text) => Self::Made(text.into()),
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// Only in records: the member is not there, or null.
    Absent,
    Text(Text<'a>),
    Integer(i64),
    Boolean(bool),
    Date(Date),
    DateTime(Timestamp),
    List(Cow<'a, [CompactString]>),
    /// Only in records: a fraction, an array or an object.
    Json(&'a serde_json::Value),
}

impl<'a> Value<'a> {
    pub(super) fn of_fact(fact: &'a Fact) -> Self {
        match fact {
            Fact::Text(text) => Self::Text(Text::Borrowed(text)),
            Fact::Integer(number) => Self::Integer(*number),
            Fact::Boolean(flag) => Self::Boolean(*flag),
            Fact::Date(date) => Self::Date(*date),
            Fact::DateTime(moment) => Self::DateTime(*moment),
            Fact::List(items) => Self::List(Cow::Borrowed(items)),
            bytes @ Fact::Binary(_) => {
                Self::Text(Text::Made(compact_str::format_compact!("{bytes}")))
            }
        }
    }

    /// A double that is a whole number is one: HaloITSM sends ids as `18.0`.
    pub(super) fn of_json(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Absent,
            serde_json::Value::Bool(flag) => Self::Boolean(*flag),
            serde_json::Value::String(text) => Self::Text(Text::Borrowed(text)),
            serde_json::Value::Number(number) => match whole(number) {
                Some(number) => Self::Integer(number),
                None => Self::Json(json),
            },
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Self::Json(json),
        }
    }

    pub(super) fn made(text: impl Into<CompactString>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    /// The value as text, the way [`Fact`] displays it.
    pub(super) fn into_text(self) -> Text<'a> {
        match self {
            Self::Text(text) => text,
            Self::Absent => Text::Borrowed(""),
            Self::Integer(number) => Text::Made(number.to_compact_string()),
            Self::Boolean(true) => Text::Borrowed("true"),
            Self::Boolean(false) => Text::Borrowed("false"),
            Self::Date(date) => Text::Made(date.to_compact_string()),
            Self::DateTime(moment) => Text::Made(moment.to_compact_string()),
            Self::List(items) => match items {
                Cow::Borrowed([only]) => Text::Borrowed(only),
                items => Text::Made(CompactString::from(items.join(", "))),
            },
            Self::Json(json) => Text::Made(json.to_compact_string()),
        }
    }

    /// What it counts for in a condition over records. In a person's conditions only booleans come here.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Boolean(flag) => *flag,
            Self::Integer(number) => *number != 0,
            Self::Text(text) => {
                let text = text.trim();
                !(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false"))
            }
            Self::Json(serde_json::Value::Array(items)) => !items.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Date(_) | Self::DateTime(_) | Self::Json(_) => true,
        }
    }

    /// Whether there is nothing to be seen of it.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.iter().all(|item| item.trim().is_empty()),
            Self::Json(serde_json::Value::Array(items)) => items.is_empty(),
            Self::Json(serde_json::Value::Object(members)) => members.is_empty(),
            _ => false,
        }
    }

    /// For the result of an expression over records.
    pub(super) fn into_json(self) -> Option<Cow<'a, serde_json::Value>> {
        use serde_json::Value as Json;
        Some(match self {
            Self::Absent => return None,
            Self::Json(json) => Cow::Borrowed(json),
            Self::Boolean(flag) => Cow::Owned(Json::Bool(flag)),
            Self::Integer(number) => Cow::Owned(Json::from(number)),
            Self::List(items) => Cow::Owned(Json::Array(
                items
                    .iter()
                    .map(|item| Json::String(item.to_string()))
                    .collect(),
            )),
            other => Cow::Owned(Json::String(other.into_text().to_string())),
        })
    }
}

/// The whole number a JSON number is, if it is one that fits: `18` and `18.0`, not `18.5` and nothing beyond 2^53
/// written as a double.
pub fn whole(number: &serde_json::Number) -> Option<i64> {
    if let Some(number) = number.as_i64() {
        return Some(number);
    }
    let double = number.as_f64()?;
    // Beyond 2^53 a double no longer tells neighbouring numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and below 2^53, checked above"
        )]
        let number = double as i64;
        return Some(number);
    }
    None
}
