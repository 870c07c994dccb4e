//! One raw JSON value to one fact, or none, or the reason why not.
//!
//! What means *none* whatever the type: null, empty and white-space text, the date-times HaloITSM stores for "no
//! date" (1899-12-30, 1900-01-01 and 0001-01-01, at any time of day), an empty list, and what the field's `none`
//! lists. `0` and `-1` mean none only where they are listed, because they are also good numbers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde_json::Value;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::model::{Fact, FactType};

/// What "no date" looks like.
const NO_DATES: [Date; 3] = [
    jiff::civil::date(1899, 12, 30),
    jiff::civil::date(1900, 1, 1),
    jiff::civil::date(1, 1, 1),
];

/// Longest text of a value shown in a reason.
const SHOWN: usize = 60;

/// The fact a value is.
///
/// # Errors
/// Why it is not of its type, as the end of a sentence that begins with the field's name.
pub(super) fn fact(
    value: &Value,
    fact_type: FactType,
    none: &BTreeSet<String>,
    zone: &TimeZone,
) -> Result<Option<Fact>, String> {
    if fact_type == FactType::List {
        return list(value, none);
    }
    let Some(raw) = scalar(value)? else {
        return Ok(None);
    };
    let written = text(&raw);
    if written.is_empty() || none.contains(&*written) {
        return Ok(None);
    }
    let wrong = |wanted: &str| format!("{:?} is not {wanted}", shortened(&written));
    match fact_type {
        FactType::Text => {
            if is_no_date(&written) {
                return Ok(None);
            }
            Ok(Some(Fact::Text(CompactString::from(written))))
        }
        FactType::Integer => match digits(&written) {
            Some(number) => Ok(Some(Fact::Integer(number))),
            None => Err(wrong("a whole number")),
        },
        FactType::Boolean => {
            let flag = match &*written {
                "1" => true,
                "0" => false,
                other if other.eq_ignore_ascii_case("true") => true,
                other if other.eq_ignore_ascii_case("false") => false,
                _ => return Err(wrong("true or false")),
            };
            Ok(Some(Fact::Boolean(flag)))
        }
        FactType::Date => {
            let date = match moment(&written).ok_or_else(|| wrong("a date"))? {
                Moment::Local(local) if local.time() == Time::midnight() => local.date(),
                moment => {
                    let utc = moment.timestamp().ok_or_else(|| wrong("a date"))?;
                    if moment.written().time() == Time::midnight() {
                        moment.written().date()
                    } else if NO_DATES.contains(&moment.written().date()) {
                        return Ok(None);
                    } else {
                        utc.to_zoned(zone.clone()).date()
                    }
                }
            };
            Ok((!NO_DATES.contains(&date)).then_some(Fact::Date(date)))
        }
        FactType::DateTime => {
            let moment = moment(&written).ok_or_else(|| wrong("a date and time"))?;
            if NO_DATES.contains(&moment.written().date()) {
                return Ok(None);
            }
            let utc = moment.timestamp().ok_or_else(|| wrong("a date and time"))?;
            Ok(Some(Fact::DateTime(utc)))
        }
        FactType::List => Ok(None),
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

/// Several texts: an array of values or of objects with a name, or a text with commas as multi-selects have it.
fn list(value: &Value, none: &BTreeSet<String>) -> Result<Option<Fact>, String> {
    let mut texts: Vec<CompactString> = Vec::new();
    let mut add = |raw: &str| {
        let written = text(raw);
        let known = texts.iter().any(|text| *text == *written);
        if !(written.is_empty() || known || none.contains(&*written) || is_no_date(&written)) {
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

/// The whole number a text is; `18.0` has been seen as text, too.
fn digits(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => digits,
        _ => text,
    };
    digits.parse().ok()
}

/// A text without what is not part of it: HTML entities decoded (once), NFC, no white space around it.
pub(super) fn text(raw: &str) -> Cow<'_, str> {
    let decoded = entities(raw);
    let plain = match is_nfc_quick(decoded.chars()) {
        IsNormalized::Yes => decoded,
        _ => Cow::Owned(decoded.nfc().collect()),
    };
    match plain {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => match text.trim() {
            trimmed if trimmed.len() == text.len() => Cow::Owned(text),
            trimmed => Cow::Owned(trimmed.to_owned()),
        },
    }
}

/// Decodes the entities HaloITSM puts into text: the five of XML, the no-break space, and numbers. An ampersand
/// that begins none of them is an ampersand.
fn entities(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest, `&#x10FFFF;`, has ten characters.
        let entity = rest
            .bytes()
            .take(12)
            .position(|byte| byte == b';')
            .and_then(|end| Some((end, character(&rest[1..end])?)));
        match entity {
            Some((end, character)) => {
                decoded.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn character(entity: &str) -> Option<char> {
    let named = match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            // A coded control character stays what it was written as.
            return char::from_u32(code).filter(|c| !c.is_control());
        }
    };
    Some(named)
}

/// A point in time as written: with a zone, or without.
enum Moment {
    Zoned(Timestamp, DateTime),
    Local(DateTime),
}

impl Moment {
    /// Date and time as they stand in the text.
    fn written(&self) -> DateTime {
        match self {
            Self::Zoned(_, written) | Self::Local(written) => *written,
        }
    }

    /// The moment; HaloITSM writes UTC without a mark.
    fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Zoned(moment, _) => Some(*moment),
            Self::Local(local) => local
                .to_zoned(TimeZone::UTC)
                .ok()
                .map(|zoned| zoned.timestamp()),
        }
    }
}

/// `2026-01-31`, `2026-01-31T09:30:00`, with up to nine digits of fraction, with or without `Z` or an offset.
fn moment(written: &str) -> Option<Moment> {
    // Nothing shorter or longer is one of these; this also keeps week dates and the like out.
    let bytes = written.as_bytes();
    if !(10..=35).contains(&bytes.len())
        || !bytes.iter().take(4).all(u8::is_ascii_digit)
        || bytes.get(4) != Some(&b'-')
        || bytes.get(7) != Some(&b'-')
        || !matches!(bytes.get(10), None | Some(b'T' | b't' | b' '))
        || bytes.contains(&b'[')
    {
        return None;
    }
    let time = bytes.get(10..).unwrap_or_default();
    let zoned = time
        .iter()
        .any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    if zoned {
        let moment: Timestamp = written.parse().ok()?;
        let offset = written.rfind(['Z', 'z', '+', '-']).filter(|at| *at > 10)?;
        let local: DateTime = written.get(..offset)?.trim_end().parse().ok()?;
        Some(Moment::Zoned(moment, local))
    } else {
        written.parse().ok().map(Moment::Local)
    }
}

/// Whether a text is a date-time that means "no date".
fn is_no_date(written: &str) -> bool {
    matches!(written.as_bytes().first(), Some(b'0' | b'1'))
        && moment(written).is_some_and(|moment| NO_DATES.contains(&moment.written().date()))
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
    }
}
