//! One raw JSON value to one fact, or none, or the reason why not.
//!
//! What means *none* whatever the type: null, empty and white-space text, the date-times HaloITSM stores for "no
//! date" (1899-12-30, 1900-01-01 and 0001-01-01, at any time of day), an empty list, and what the field's `none`
//! lists. `0` and `-1` mean none only where they are listed, because they are also good numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, ToCompactString};
use jiff::tz::TimeZone;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::dates::{Dating, is_no_date};
use super::text::Cleaning;
use super::{binary, email};
use crate::model::{Fact, FactType};

/// How the values of one field are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) fact_type: FactType,
    /// Texts that mean none, cleaned.
    pub(super) none: BTreeSet<String>,
    /// What raw values stand for, both cleaned.
    pub(super) select: BTreeMap<String, String>,
    pub(super) cleaning: Cleaning,
    pub(super) dating: Dating,
    /// What stands before the `@` is put in lower case.
    pub(super) lower_local: bool,
    /// Most bytes.
    pub(super) most: usize,
}

/// Longest text of a value shown in a reason.
const SHOWN: usize = 60;

impl Reading {
    /// The fact a value is. Moments become days in `zone`.
    ///
    /// # Errors
    /// Why it is not of its type, as the end of a sentence that begins with the field's name.
    pub(super) fn fact(&self, value: &Value, zone: &TimeZone) -> Result<Option<Fact>, String> {
        if self.fact_type == FactType::List {
            return self.list(value);
        }
        let Some(raw) = scalar(value)? else {
            return Ok(None);
        };
        let Some(written) = self.written(&raw) else {
            return Ok(None);
        };
        let wrong = |wanted: &str| format!("{:?} is not {wanted}", shortened(&written));
        Ok(match self.fact_type {
            FactType::Text => {
                (!is_no_date(&written)).then(|| Fact::Text(CompactString::from(written)))
            }
            FactType::Email => {
                let address = email::address(&written, self.lower_local)
                    .map_err(|()| wrong("an e-mail address"))?;
                Some(Fact::Text(CompactString::from(address)))
            }
            FactType::Integer => {
                let number = digits(&written).ok_or_else(|| wrong("a whole number"))?;
                Some(Fact::Integer(number))
            }
            FactType::Boolean => Some(Fact::Boolean(match &*written {
                "1" => true,
                "0" => false,
                other if other.eq_ignore_ascii_case("true") => true,
                other if other.eq_ignore_ascii_case("false") => false,
                _ => return Err(wrong("true or false")),
            })),
            FactType::Date => {
                let day = self.dating.day(&written, zone);
                day.map_err(|()| wrong(&self.wanted("a date")))?
                    .map(Fact::Date)
            }
            FactType::DateTime => {
                let instant = self.dating.instant(&written);
                let wanted = || wrong(&self.wanted("a date and time"));
                instant.map_err(|()| wanted())?.map(Fact::DateTime)
            }
            FactType::Binary => binary::bytes(&written, self.most)?.map(Fact::Binary),
            FactType::List => None,
        })
    }

    /// `a date`, or `a date written %d/%m/%Y`.
    fn wanted(&self, what: &str) -> String {
        match self.dating.formats.as_slice() {
            [] => what.to_owned(),
            formats => format!("{what} written {}", formats.join(" or ")),
        }
    }

    /// The cleaned text; `None` when it means none.
    fn written<'a>(&self, raw: &'a str) -> Option<Cow<'a, str>> {
        let mut written = self.cleaning.text(raw);
        if let Some(meaning) = self.select.get(&*written) {
            written = Cow::Owned(meaning.clone());
        }
        (!written.is_empty() && !self.none.contains(&*written)).then_some(written)
    }

    /// Several texts: an array of values or of objects with a name, or a text with commas as multi-selects have it.
    fn list(&self, value: &Value) -> Result<Option<Fact>, String> {
        let mut texts: Vec<CompactString> = Vec::new();
        // A hostile list may be long.
        let mut known = BTreeSet::new();
        let mut add = |raw: &str| {
            if let Some(written) = self.written(raw)
                && !is_no_date(&written)
                && known.insert(written.clone().into_owned())
            {
                texts.push(CompactString::from(written));
            }
        };
        match value {
            Value::Array(items) => {
                for item in items {
                    let item = match item {
                        Value::Object(members) => ["value", "name", "id"]
                            .iter()
                            .find_map(|name| members.get(*name).filter(|member| !member.is_null()))
                            .ok_or("it has items without `value`, `name` or `id`")?,
                        item => item,
                    };
                    match item {
                        Value::Array(_) | Value::Object(_) => {
                            return Err("it has items that are no values".to_owned());
                        }
                        item => {
                            if let Some(raw) = scalar(item)? {
                                add(&raw);
                            }
                        }
                    }
                }
            }
            Value::String(raw) => raw.split(',').for_each(add),
            value => {
                if let Some(raw) = scalar(value)? {
                    add(&raw);
                }
            }
        }
        Ok((!texts.is_empty()).then(|| Fact::List(texts.into_boxed_slice())))
    }
}

/// The text of a value that is one thing; `None` for null.
fn scalar(value: &Value) -> Result<Option<Cow<'_, str>>, String> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned(match whole_number(value) {
            Ok(whole) => whole.to_string(),
            Err(_) => number.to_string(),
        }),
        // A select field may come as a list of one.
        Value::Array(items) => match items.as_slice() {
            [] => return Ok(None),
            [only @ (Value::Null | Value::String(_) | Value::Bool(_) | Value::Number(_))] => {
                return scalar(only);
            }
            _ => return Err("it is a list; give the field `type: list`".to_owned()),
        },
        Value::Object(_) => return Err("it is an object, not a value".to_owned()),
    }))
}

/// The whole number a value is, written as number, double (`18.0`) or text.
///
/// # Errors
/// Why it is not, as the end of a sentence.
pub(super) fn whole_number(value: &Value) -> Result<i64, String> {
    let refused = || {
        let shown = match value {
            Value::String(text) => format!("{:?}", shortened(text)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        format!("{shown} is not a whole number")
    };
    match value {
        Value::Number(number) => crate::lang::whole(number).ok_or_else(refused),
        Value::String(text) => digits(text.trim()).ok_or_else(refused),
        _ => Err(refused()),
    }
}

/// What identifies a record, in the one spelling that `18`, `18.0` and `"18"` share. A text keeps its leading zeros:
/// `"007"` and `"7"` are two people wherever numbers are given out as texts.
///
/// # Errors
/// Why the value identifies nobody, as the end of a sentence.
pub fn identity(value: &Value) -> Result<CompactString, String> {
    let Value::String(written) = value else {
        return whole_number(value).map(|number| number.to_compact_string());
    };
    let text: String = written.trim().nfc().collect();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().count() > LONGEST_IDENTITY || text.chars().any(char::is_control) {
        return Err(format!(
            "{:?} is longer than {LONGEST_IDENTITY} characters, or holds control characters",
            shortened(&text)
        ));
    }
    match digits(&text) {
        Some(number) if !text.starts_with('+') && !has_leading_zero(&text) => {
            Ok(number.to_compact_string())
        }
        _ => Ok(CompactString::from(text)),
    }
}

/// Longest text that identifies a person, in characters: it stands in plans, journals and messages.
const LONGEST_IDENTITY: usize = 256;

fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    digits.starts_with('0') && digits != "0"
}

/// The whole number a text is; `18.0` has been seen as text, too.
fn digits(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => digits,
        _ => text,
    };
    digits.parse().ok()
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
    }
}
