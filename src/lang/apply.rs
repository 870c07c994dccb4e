//! What filters and tests make of a value. Each is total: it gives a value, or the reason why there is none for this
//! person.

use std::borrow::Cow;

use compact_str::CompactString;

use super::dates::{self, When, shown};
use super::eval::{Found, Run, Stop, failed};
use super::ir::{Op, Switch, Unit};
use super::value::{Text, Value};
use super::{encodings, filters, latin, lists, phones};

impl<'a> Run<'a> {
    pub(super) fn apply(&self, value: Value<'a>, op: &'a Op) -> Result<Value<'a>, Stop> {
        match op {
            Op::Item(_) | Op::Join(_) | Op::Unique | Op::Sort | Op::Reverse | Op::Compact => {
                self.apply_to_list(value, op)
            }
            Op::First | Op::Last | Op::Length => match value {
                Value::List(_) | Value::Json(serde_json::Value::Array(_)) => {
                    self.apply_to_list(value, op)
                }
                other => self.apply_to_text(other.into_text(), op),
            },
            Op::Format(_)
            | Op::PlusDays(_)
            | Op::PlusMonths(_)
            | Op::PlusYears(_)
            | Op::PlusHours(_)
            | Op::PlusMinutes(_)
            | Op::At(_)
            | Op::Until(..)
            | Op::Part(_)
            | Op::Filetime
            | Op::Unix
            | Op::GeneralisedTime => self.apply_to_date(when(value)?, op),
            Op::Integer
            | Op::Boolean
            | Op::BitAnd(_)
            | Op::BitOr(_)
            | Op::IsInteger
            | Op::ToDate(_)
            | Op::ToDateTime(_)
            | Op::IsDate(_)
            | Op::FromFiletime
            | Op::FromUnix
            | Op::FromGeneralisedTime => self.convert(value, op),
            Op::Text => Ok(Value::Text(value.into_text())),
            Op::Switch(switch) => self.switch(value, switch),
            _ => self.apply_to_text(value.into_text(), op),
        }
    }

    fn apply_to_text(&self, text: Text<'a>, op: &'a Op) -> Result<Value<'a>, Stop> {
        Ok(match op {
            Op::Lower(letters) => Value::made(filters::lower_as(&text, *letters)),
            Op::Upper(letters) => Value::made(filters::upper_as(&text, *letters)),
            Op::Title(spellings) if spellings.is_empty() => Value::made(filters::title(&text)),
            Op::Title(spellings) => Value::made(filters::title_except(&text, spellings)),
            Op::Capitalize => Value::made(filters::capitalize(&text)),
            Op::Trim => cut(text, str::trim),
            Op::Squeeze => Value::made(filters::squeeze(&text)),
            Op::StripSpaces => Value::made(filters::strip_spaces(&text)),
            Op::StripDiacritics => Value::made(filters::strip_diacritics(&text)),
            Op::Digits => Value::made(filters::digits(&text)),
            Op::Initials => Value::made(filters::initials(&text)),
            Op::Latin(locale) => match text {
                Text::Borrowed(text) => Value::Text(latin::latin(text, locale).into()),
                Text::Made(text) => Value::made(&*latin::latin(&text, locale)),
            },
            Op::Login(locale) => Value::made(latin::login(&text, locale)),
            Op::Slug(locale) => Value::made(latin::slug(&text, locale)),
            Op::First => cut(text, |text| filters::left(text, 1)),
            Op::Last => cut(text, |text| filters::right(text, 1)),
            Op::Left(count) => {
                let count = self.number(count)?;
                cut(text, |text| filters::left(text, count))
            }
            Op::Right(count) => {
                let count = self.number(count)?;
                cut(text, |text| filters::right(text, count))
            }
            Op::Mid(start, count) => {
                let (start, count) = (self.number(start)?, self.number(count)?);
                cut(text, |text| filters::mid(text, start, count))
            }
            Op::Before(mark) => {
                let mark = self.text(mark)?;
                cut(text, |text| filters::before(text, &mark))
            }
            Op::After(mark) => {
                let mark = self.text(mark)?;
                cut(text, |text| filters::after(text, &mark))
            }
            Op::IndexOf(part) => Value::Integer(filters::index_of(&text, &self.text(part)?)),
            Op::Word(number, None) => {
                let number = self.number(number)?;
                cut(text, |text| filters::word(text, number))
            }
            Op::Word(number, Some(between)) => {
                let (number, between) = (self.number(number)?, self.text(between)?);
                cut(text, |text| filters::word_between(text, number, &between))
            }
            Op::Replace(from, to) => {
                let (from, to) = (self.text(from)?, self.text(to)?);
                Value::made(filters::replace(&text, &from, &to)?)
            }
            Op::RegexReplace(pattern, to) => {
                Value::made(filters::regex_replace(&text, pattern, to)?)
            }
            Op::RegexExtract(pattern, group) => {
                cut(text, |text| filters::regex_extract(text, pattern, *group))
            }
            Op::PadLeft(width, with) => {
                let (width, with) = (self.number(width)?, self.text(with)?);
                Value::made(filters::pad_left(&text, width, &with)?)
            }
            Op::PadRight(width, with) => {
                let (width, with) = (self.number(width)?, self.text(with)?);
                Value::made(filters::pad_right(&text, width, &with)?)
            }
            Op::Base64(encoding) => Value::made(encodings::base64(&text, *encoding)?),
            Op::FromBase64 => Value::made(encodings::from_base64(&text).map_err(failed)?),
            Op::Hex => Value::made(encodings::hex(&text)?),
            Op::Uuid => Value::made(encodings::uuid(&text)),
            Op::Phone(phone) => Value::made(phones::write(&text, *phone).map_err(failed)?),
            Op::Words => Value::List(Cow::Owned(filters::words(&text))),
            Op::Split(separator) => {
                let separator = self.text(separator)?;
                Value::List(Cow::Owned(filters::split(&text, &separator)))
            }
            Op::Length => length(text.chars().count()),
            Op::Lookup(table) => Value::Text(match self.lookup(text, table)? {
                Found::Row(value) => Text::Borrowed(value),
                Found::Key(key) => key,
            }),
            Op::StartsWith(with) => Value::Boolean(text.starts_with(&*self.text(with)?)),
            Op::EndsWith(with) => Value::Boolean(text.ends_with(&*self.text(with)?)),
            Op::Contains(part) => Value::Boolean(text.contains(&*self.text(part)?)),
            Op::Matches(pattern) => Value::Boolean(pattern.is_match(&text)),
            Op::IsPhone(region) => Value::Boolean(phones::is_number(&text, *region)),
            // Everything else has been applied to what it is for.
            _ => Value::Text(text),
        })
    }

    fn apply_to_list(&self, value: Value<'a>, op: &'a Op) -> Result<Value<'a>, Stop> {
        // Of an array in a record the items keep their types.
        if let Value::Json(serde_json::Value::Array(items)) = value {
            let item = |item: Option<&'a serde_json::Value>| {
                Ok(item.map_or(Value::Absent, Value::of_json))
            };
            match op {
                Op::First => return item(items.first()),
                Op::Last => return item(items.last()),
                Op::Item(place) => return item(lists::item(items, self.number(place)?)),
                Op::Length => return Ok(length(items.len())),
                _ => {}
            }
        }
        let items: Cow<'a, [CompactString]> = match value {
            Value::List(items) => items,
            Value::Json(serde_json::Value::Array(items)) => items
                .iter()
                .map(|item| CompactString::from(&*Value::of_json(item).into_text()))
                .collect(),
            // In records a single value stands for a list of one.
            other => Cow::Owned(vec![CompactString::from(&*other.into_text())]),
        };
        let item = |item: Option<&CompactString>| Value::made(item.cloned().unwrap_or_default());
        Ok(match op {
            Op::First => item(items.first()),
            Op::Last => item(items.last()),
            Op::Item(place) => item(lists::item(&items, self.number(place)?)),
            Op::Length => length(items.len()),
            Op::Join(separator) => Value::made(lists::join(&items, &self.text(separator)?)?),
            Op::Unique => Value::List(Cow::Owned(lists::unique(&items))),
            Op::Sort => Value::List(Cow::Owned(lists::sort(&items))),
            Op::Reverse => {
                let mut items = items.into_owned();
                items.reverse();
                Value::List(Cow::Owned(items))
            }
            Op::Compact => Value::List(Cow::Owned(lists::compact(&items))),
            _ => Value::List(items),
        })
    }

    fn apply_to_date(&self, when: When, op: &'a Op) -> Result<Value<'a>, Stop> {
        let zone = self.zone();
        let date = when.date(zone);
        let moment = || when.moment(zone).map_err(failed);
        let plus = |unit, count| {
            dates::plus(date, unit, count)
                .map_err(failed)
                .map(Value::Date)
        };
        Ok(match op {
            Op::Format(format) => {
                let mut bounded = filters::Bounded::default();
                bounded.push(&dates::write(when, format, zone).map_err(failed)?)?;
                Value::made(bounded.into_text())
            }
            Op::PlusDays(count) => plus(Unit::Days, self.number(count)?)?,
            Op::PlusMonths(count) => plus(Unit::Months, self.number(count)?)?,
            Op::PlusYears(count) => plus(Unit::Years, self.number(count)?)?,
            Op::PlusHours(count) | Op::PlusMinutes(count) => {
                let seconds = match op {
                    Op::PlusHours(_) => 3_600,
                    _ => 60,
                };
                let count = self.number(count)?;
                let moment = dates::plus_seconds(moment()?, count, seconds);
                Value::DateTime(moment.map_err(failed)?)
            }
            Op::At(time) => Value::DateTime(dates::at(date, *time, zone).map_err(failed)?),
            Op::Until(unit, other) => {
                let other = self.eval(other)?;
                if matches!(other, Value::Absent) {
                    return Ok(Value::Absent);
                }
                let count = dates::until(when, self::when(other)?, *unit, zone);
                Value::Integer(count.map_err(failed)?)
            }
            Op::Part(part) => match dates::part(date, *part) {
                Ok(number) => Value::Integer(number),
                Err(date) => Value::Date(date),
            },
            Op::Filetime => Value::Integer(dates::filetime_of(when, zone).map_err(failed)?),
            Op::Unix => Value::Integer(moment()?.as_second()),
            Op::GeneralisedTime => Value::made(dates::generalised_time(moment()?).map_err(failed)?),
            _ => Value::Date(date),
        })
    }

    /// From one type to another.
    fn convert(&self, value: Value<'a>, op: &'a Op) -> Result<Value<'a>, Stop> {
        let zone = self.zone();
        Ok(match op {
            Op::Integer => Value::Integer(integer(value)?),
            Op::IsInteger => Value::Boolean(integer(value).is_ok()),
            Op::BitAnd(with) => Value::Integer(integer(value)? & self.number(with)?),
            Op::BitOr(with) => Value::Integer(integer(value)? | self.number(with)?),
            Op::Boolean => Value::Boolean(match value {
                Value::Boolean(flag) => flag,
                Value::Integer(number) => number != 0,
                other => {
                    let text = other.into_text();
                    filters::flag(&text)
                        .ok_or_else(|| failed(format!("{} is neither yes nor no", shown(&text))))?
                }
            }),
            Op::ToDate(format) => Value::Date(match value {
                Value::Date(date) => date,
                Value::DateTime(moment) => When::Moment(moment).date(zone),
                other => {
                    dates::read_date(&other.into_text(), format.as_deref(), zone).map_err(failed)?
                }
            }),
            Op::IsDate(format) => Value::Boolean(match value {
                Value::Date(_) | Value::DateTime(_) => true,
                other => dates::read_date(&other.into_text(), format.as_deref(), zone).is_ok(),
            }),
            Op::ToDateTime(format) => Value::DateTime(match value {
                Value::DateTime(moment) => moment,
                Value::Date(date) => When::Date(date).moment(zone).map_err(failed)?,
                other => dates::read_moment(&other.into_text(), format.as_deref(), zone)
                    .map_err(failed)?,
            }),
            Op::FromFiletime => {
                Value::DateTime(dates::from_filetime(integer(value)?).map_err(failed)?)
            }
            Op::FromUnix => Value::DateTime(dates::from_unix(integer(value)?).map_err(failed)?),
            Op::FromGeneralisedTime => {
                let text = value.into_text();
                Value::DateTime(dates::from_generalised_time(&text).map_err(failed)?)
            }
            _ => value,
        })
    }

    fn switch(&self, value: Value<'a>, switch: &'a Switch) -> Result<Value<'a>, Stop> {
        let value = match value {
            Value::DateTime(moment) => Value::Date(When::Moment(moment).date(self.zone())),
            other => other,
        };
        let key = value.into_text();
        let row = switch.rows.iter().find(|(known, _)| **known == *key);
        match row.map(|(_, value)| value).or(switch.other.as_ref()) {
            Some(value) => self.eval(value),
            None => Err(failed(not_named(&key))),
        }
    }
}

/// Why a `switch` gives nothing.
pub(super) fn not_named(key: &str) -> String {
    format!("{} is not among what `switch` names", shown(key))
}

/// A part of a text, borrowed where the text is.
fn cut<'a>(text: Text<'a>, part: impl Fn(&str) -> &str) -> Value<'a> {
    match text {
        Text::Borrowed(text) => Value::Text(Text::Borrowed(part(text))),
        Text::Made(text) => Value::made(part(&text)),
    }
}

fn length(count: usize) -> Value<'static> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A date or moment. Records hold them as text.
fn when(value: Value<'_>) -> Result<When, Stop> {
    match value {
        Value::Date(date) => Ok(When::Date(date)),
        Value::DateTime(moment) => Ok(When::Moment(moment)),
        other => {
            let text = other.into_text();
            let text = text.trim();
            if let Some(date) = dates::iso_date(text) {
                return Ok(When::Date(date));
            }
            text.parse()
                .map(When::Moment)
                .map_err(|_| failed(format!("{} is neither a date nor a moment", shown(text))))
        }
    }
}

pub(super) fn integer(value: Value<'_>) -> Result<i64, Stop> {
    match value {
        Value::Integer(number) => Ok(number),
        Value::Absent => Err(failed("there is no number")),
        other => {
            let text = other.into_text();
            text.trim()
                .parse()
                .map_err(|_| failed(format!("{} is not a whole number", shown(&text))))
        }
    }
}
