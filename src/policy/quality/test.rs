//! One thing a value must be.
//!
//! Whatever is compared was compiled before the first person is judged; a value costs time in proportion to its length
//! (the regular expressions are without back-references), whatever it is.

use std::collections::BTreeSet;

use regex::Regex;

use crate::config::kinds::{ImageKind, KeysOf, OneOf, QualityRule};
use crate::lang::Tables;
use crate::model::{Fact, FactType, FieldIndex, Name, PeopleHeader, Person};

/// One thing a value must be.
#[derive(Debug)]
pub(super) enum Test {
    Pattern(Regex),
    Values(BTreeSet<String>),
    Keys(String),
    Least(usize),
    Most(usize),
    Min(i64),
    Max(i64),
    After(FieldIndex, Name),
    NotBefore(FieldIndex, Name),
    Image(Vec<ImageKind>),
}

/// Longest text of a value shown as evidence.
const SHOWN: usize = 60;

/// What a rule asks for. A rule that passed validation loses nothing here.
pub(super) fn compile(rule: &QualityRule, header: &PeopleHeader) -> Vec<Test> {
    let mut tests = Vec::new();
    let length = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let field = |name: &String| {
        let at = header
            .fields
            .iter()
            .position(|field| field.name.as_str() == name)?;
        Some((FieldIndex(u16::try_from(at).ok()?), Name::new(name)))
    };
    let pattern = rule.pattern.as_deref();
    tests.extend(
        pattern.and_then(|pattern| Some(Test::Pattern(crate::config::pattern(pattern).ok()?))),
    );
    tests.extend(rule.one_of.as_ref().map(|values| match values {
        OneOf::Values(values) => Test::Values(values.iter().cloned().collect()),
        OneOf::Table(KeysOf { table }) => Test::Keys(table.clone()),
    }));
    tests.extend(rule.min_length.map(|least| Test::Least(length(least))));
    tests.extend(rule.max_length.map(|most| Test::Most(length(most))));
    tests.extend(rule.min.map(Test::Min));
    tests.extend(rule.max.map(Test::Max));
    tests.extend(
        rule.after
            .as_ref()
            .and_then(field)
            .map(|(at, name)| Test::After(at, name)),
    );
    tests.extend(
        rule.not_before
            .as_ref()
            .and_then(field)
            .map(|(at, name)| Test::NotBefore(at, name)),
    );
    tests.extend(rule.image.clone().map(Test::Image));
    tests
}

/// A type with its article.
pub(super) fn article(fact_type: FactType) -> &'static str {
    match fact_type {
        FactType::Text => "one text",
        FactType::Integer => "a whole number",
        FactType::Boolean => "true or false",
        FactType::Date => "a date",
        FactType::DateTime => "a date and time",
        FactType::List => "a list",
        FactType::Email => "an e-mail address",
        FactType::Binary => "base64 within its size",
    }
}

impl Test {
    /// What it asks for, as the end of a sentence that begins with the field's name.
    pub(super) fn asks(&self) -> String {
        match self {
            Self::Pattern(pattern) => format!("matches {pattern}"),
            Self::Values(values) => {
                let first: Vec<&str> = values.iter().take(5).map(String::as_str).collect();
                let more = values.len().saturating_sub(first.len());
                let first = first.join(", ");
                if more == 0 {
                    format!("is one of {first}")
                } else {
                    format!("is one of {first} and {more} more")
                }
            }
            Self::Keys(table) => format!("is a key of table {table}"),
            Self::Least(least) => format!("has at least {least} characters"),
            Self::Most(most) => format!("has at most {most} characters"),
            Self::Min(min) => format!("is at least {min}"),
            Self::Max(max) => format!("is at most {max}"),
            Self::After(_, other) => format!("is after {other}"),
            Self::NotBefore(_, other) => format!("is not before {other}"),
            Self::Image(kinds) => format!("is {}", images(kinds)),
        }
    }

    /// What is wrong with a value, as the end of a sentence that begins with the field's name; `None` when nothing is.
    pub(super) fn wrong(&self, fact: &Fact, person: &Person, tables: &Tables) -> Option<String> {
        match self {
            Self::Pattern(pattern) => each(fact, &|text| {
                (!pattern.is_match(text)).then(|| format!("does not match {pattern}"))
            }),
            Self::Values(values) => each(fact, &|text| {
                (!values.contains(text)).then(|| "is none of the values there may be".to_owned())
            }),
            Self::Keys(table) => each(fact, &|text| {
                (!tables.has(table, text)).then(|| format!("is no key of table {table}"))
            }),
            Self::Least(least) => each(fact, &|text| {
                let length = text.chars().count();
                (length < *least).then(|| format!("has {}, fewer than {least}", characters(length)))
            }),
            Self::Most(most) => each(fact, &|text| {
                let length = text.chars().count();
                (length > *most).then(|| format!("has {}, more than {most}", characters(length)))
            }),
            Self::Min(min) => match fact {
                Fact::Integer(number) if number < min => {
                    Some(format!("{number} is less than {min}"))
                }
                _ => None,
            },
            Self::Max(max) => match fact {
                Fact::Integer(number) if number > max => {
                    Some(format!("{number} is more than {max}"))
                }
                _ => None,
            },
            Self::After(other, name) => {
                order(fact, person.fact(*other)).filter(|order| order.is_le())?;
                let other = person.fact(*other)?;
                Some(format!("{fact} is not after {name} {other}"))
            }
            Self::NotBefore(other, name) => {
                order(fact, person.fact(*other)).filter(|order| order.is_lt())?;
                let other = person.fact(*other)?;
                Some(format!("{fact} is before {name} {other}"))
            }
            Self::Image(kinds) => match fact {
                Fact::Binary(bytes) if !kinds.iter().any(|kind| is_image(*kind, bytes)) => {
                    Some(format!("of {} bytes is not {}", bytes.len(), images(kinds)))
                }
                _ => None,
            },
        }
    }
}

fn characters(count: usize) -> String {
    if count == 1 {
        "1 character".to_owned()
    } else {
        format!("{count} characters")
    }
}

/// Judges a text, each text of a list, and the digits of a number; names the first that is wrong.
fn each(fact: &Fact, wrong: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let told = |text: &str| wrong(text).map(|wrong| format!("{:?} {wrong}", shortened(text)));
    match fact {
        Fact::Text(text) => told(text),
        Fact::List(items) => items.iter().find_map(|item| told(item)),
        Fact::Integer(number) => told(&number.to_string()),
        Fact::Boolean(_) | Fact::Date(_) | Fact::DateTime(_) | Fact::Binary(_) => None,
    }
}

/// How two dates, or two moments, stand to each other.
fn order(one: &Fact, other: Option<&Fact>) -> Option<std::cmp::Ordering> {
    match (one, other?) {
        (Fact::Date(one), Fact::Date(other)) => Some(one.cmp(other)),
        (Fact::DateTime(one), Fact::DateTime(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Whether bytes begin as an image of this kind does: with the SOI marker and another one (ITU-T T.81 annex B), or with
/// the signature of ISO/IEC 15948 section 5.2.
fn is_image(kind: ImageKind, bytes: &[u8]) -> bool {
    match kind {
        ImageKind::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
        ImageKind::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
    }
}

fn images(kinds: &[ImageKind]) -> String {
    let names: Vec<&str> = kinds
        .iter()
        .map(|kind| match kind {
            ImageKind::Jpeg => "JPEG",
            ImageKind::Png => "PNG",
        })
        .collect();
    names.join(" or ")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
