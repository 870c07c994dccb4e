//! What each filter and test does: from its name and arguments to a typed operation.

use jiff::civil::Time;
use minijinja::machinery::ast;

use super::Scope;
use super::arguments::{Call, LONGEST_PATTERN};
use super::compile::{Compiler, Type, Typed, range};
use super::ir::{Expr, Letters, Op, Part, Phone, Switch, Unicode, Unit};
use super::names::closest;
use super::operators::parse_date;
use super::{dates, filters};

/// An operation and the type of what it gives.
type Made = Option<(Op, Type)>;

impl Compiler<'_> {
    /// The operation behind a filter, and the type it gives. The counts of arguments have been checked.
    pub(super) fn filter_op(
        &mut self,
        call: &Call<'_>,
        input: Type,
        arguments: &[&ast::Expr<'_>],
    ) -> Made {
        let text = |op| Some((op, Type::Text));
        let list = |op| Some((op, Type::List));
        let date = |op| Some((op, Type::Date));
        let number = |op| Some((op, Type::Integer));
        let moment = |op| Some((op, Type::DateTime));
        match (call.name, arguments) {
            ("lower", rest) => text(Op::Lower(self.letters(rest.first().copied())?)),
            ("upper", rest) => text(Op::Upper(self.letters(rest.first().copied())?)),
            ("title", rest) => text(Op::Title(self.spellings(call, rest.first().copied())?)),
            ("capitalize", []) => text(Op::Capitalize),
            ("trim", []) => text(Op::Trim),
            ("squeeze", []) => text(Op::Squeeze),
            ("strip_spaces", []) => text(Op::StripSpaces),
            ("strip_diacritics", []) => text(Op::StripDiacritics),
            ("digits", []) => text(Op::Digits),
            ("initials", []) => text(Op::Initials),
            ("string", []) => text(Op::Text),
            ("latin", rest) => text(Op::Latin(self.locale(rest.first().copied())?)),
            ("login", rest) => text(Op::Login(self.locale(rest.first().copied())?)),
            ("slug", rest) => text(Op::Slug(self.locale(rest.first().copied())?)),
            ("first", []) => Some((Op::First, one_of(input))),
            ("last", []) => Some((Op::Last, one_of(input))),
            ("item", [place]) => Some((Op::Item(self.number(place)), one_of(input))),
            ("left", [count]) => text(Op::Left(self.number(count))),
            ("right", [count]) => text(Op::Right(self.number(count))),
            ("mid", [start, count]) => text(Op::Mid(self.number(start), self.number(count))),
            ("before", [mark]) => text(Op::Before(self.typed(mark, Type::Text))),
            ("after", [mark]) => text(Op::After(self.typed(mark, Type::Text))),
            ("index_of", [part]) => number(Op::IndexOf(self.typed(part, Type::Text))),
            ("word", [place, rest @ ..]) => {
                let place = self.number(place);
                let between = rest.first().map(|between| self.typed(between, Type::Text));
                text(Op::Word(place, between))
            }
            ("replace", [from, to]) => text(Op::Replace(
                self.typed(from, Type::Text),
                self.typed(to, Type::Text),
            )),
            ("regex_replace", [pattern, to]) => self.regex_replace(call, pattern, to),
            ("regex_extract", [pattern, rest @ ..]) => {
                self.regex_extract(call, pattern, rest.first().copied())
            }
            ("pad_left" | "pad_right", [width, rest @ ..]) => {
                let width = self.number(width);
                let with = match rest.first() {
                    Some(with) => self.typed(with, Type::Text),
                    None if call.name == "pad_left" => Expr::Text("0".into()),
                    None => Expr::Text(" ".into()),
                };
                text(match call.name {
                    "pad_left" => Op::PadLeft(width, with),
                    _ => Op::PadRight(width, with),
                })
            }
            ("base64", rest) => text(Op::Base64(self.unicode(call, rest.first().copied())?)),
            ("from_base64", []) => text(Op::FromBase64),
            ("hex", []) => text(Op::Hex),
            ("uuid", []) => text(Op::Uuid),
            ("e164", [region]) => text(Op::Phone(Phone {
                region: self.region(call, region)?,
                mode: phonenumber::Mode::E164,
            })),
            ("phone", [region, rest @ ..]) => text(Op::Phone(Phone {
                region: self.region(call, region)?,
                mode: self.phone_mode(call, rest.first().copied())?,
            })),
            ("switch", [rows, rest @ ..]) => self.switch(input, rows, rest.first().copied()),
            ("lookup", [table]) => self.lookup(call, table),
            ("words", []) => list(Op::Words),
            ("split", rest) => list(Op::Split(self.text_or(rest.first().copied(), ","))),
            ("join", rest) => text(Op::Join(self.text_or(rest.first().copied(), ""))),
            ("unique", []) => list(Op::Unique),
            ("sort", []) => list(Op::Sort),
            ("reverse", []) => list(Op::Reverse),
            ("compact", []) => list(Op::Compact),
            ("length", []) => number(Op::Length),
            ("int", []) => number(Op::Integer),
            ("bool", []) => Some((Op::Boolean, Type::Boolean)),
            ("bit_and", [with]) => number(Op::BitAnd(self.number(with))),
            ("bit_or", [with]) => number(Op::BitOr(self.number(with))),
            ("date", [format]) => text(Op::Format(self.date_format(call, format, input)?)),
            ("to_date", rest) => {
                let format = match rest.first() {
                    Some(format) => Some(self.read_format(call, format, false)?),
                    None => None,
                };
                date(Op::ToDate(format))
            }
            ("to_datetime", rest) => {
                let format = match rest.first() {
                    Some(format) => Some(self.read_format(call, format, true)?),
                    None => None,
                };
                moment(Op::ToDateTime(format))
            }
            ("plus_days", [count]) => date(Op::PlusDays(self.number(count))),
            ("plus_months", [count]) => date(Op::PlusMonths(self.number(count))),
            ("plus_years", [count]) => date(Op::PlusYears(self.number(count))),
            ("plus_hours", [count]) => moment(Op::PlusHours(self.number(count))),
            ("plus_minutes", [count]) => moment(Op::PlusMinutes(self.number(count))),
            ("at", [time]) => moment(Op::At(self.time(call, time)?)),
            ("filetime", []) => number(Op::Filetime),
            ("unix", []) => number(Op::Unix),
            ("generalised_time", []) => text(Op::GeneralisedTime),
            ("from_filetime", []) => moment(Op::FromFiletime),
            ("from_unix", []) => moment(Op::FromUnix),
            ("from_generalised_time", []) => moment(Op::FromGeneralisedTime),
            (name, [other]) => {
                let unit = match name {
                    "years_until" => Unit::Years,
                    "months_until" => Unit::Months,
                    "days_until" => Unit::Days,
                    "hours_until" => Unit::Hours,
                    "minutes_until" => Unit::Minutes,
                    "seconds_until" => Unit::Seconds,
                    _ => return None,
                };
                number(Op::Until(unit, self.date_or_moment(other)?))
            }
            (name, []) => {
                let part = match name {
                    "year" => Part::Year,
                    "month" => Part::Month,
                    "day" => Part::Day,
                    "weekday" => Part::Weekday,
                    "start_of_month" => Part::StartOfMonth,
                    "end_of_month" => Part::EndOfMonth,
                    "start_of_year" => Part::StartOfYear,
                    "end_of_year" => Part::EndOfYear,
                    _ => return None,
                };
                let gives = match part {
                    Part::Year | Part::Month | Part::Day | Part::Weekday => Type::Integer,
                    _ => Type::Date,
                };
                Some((Op::Part(part), gives))
            }
            _ => None,
        }
    }

    /// The operation behind a test; all of them give true or false.
    pub(super) fn test_op(&mut self, call: &Call<'_>, arguments: &[&ast::Expr<'_>]) -> Option<Op> {
        Some(match (call.name, arguments) {
            ("startingwith", [with]) => Op::StartsWith(self.typed(with, Type::Text)),
            ("endingwith", [with]) => Op::EndsWith(self.typed(with, Type::Text)),
            ("containing", [part]) => Op::Contains(self.typed(part, Type::Text)),
            ("matching", [pattern]) => Op::Matches(self.pattern(call, pattern)?),
            ("integer", []) => Op::IsInteger,
            ("date", []) => Op::IsDate(None),
            ("date", [format]) => Op::IsDate(Some(self.read_format(call, format, false)?)),
            ("phone", [region]) => Op::IsPhone(self.region(call, region)?),
            _ => return None,
        })
    }

    fn regex_replace(
        &mut self,
        call: &Call<'_>,
        pattern: &ast::Expr<'_>,
        to: &ast::Expr<'_>,
    ) -> Made {
        let pattern = self.pattern(call, pattern)?;
        let replacement = self.literal(call, to)?;
        if replacement.len() > LONGEST_PATTERN {
            self.error(
                "language-too-long",
                range(to),
                "this replacement is too long",
                None,
            );
            return None;
        }
        if let Some(group) = filters::unknown_group(&pattern, &replacement) {
            self.error(
                "language-regex",
                range(to),
                format!("the pattern has no group `{group}`"),
                Some(
                    "write `${1}a` for a group followed by a letter, and `$$` for a dollar sign"
                        .to_owned(),
                ),
            );
            return None;
        }
        Some((Op::RegexReplace(pattern, replacement.into()), Type::Text))
    }

    fn regex_extract(
        &mut self,
        call: &Call<'_>,
        pattern: &ast::Expr<'_>,
        group: Option<&ast::Expr<'_>>,
    ) -> Made {
        let compiled = self.pattern(call, pattern)?;
        let groups = compiled.captures_len();
        let found = match group {
            // The first group, or the whole where there are none.
            None => Some(usize::from(groups > 1)),
            Some(group) => match self.expr(group).0 {
                Expr::Integer(number) => usize::try_from(number).ok().filter(|at| *at < groups),
                Expr::Text(name) => compiled
                    .capture_names()
                    .position(|known| known == Some(name.as_str())),
                _ => None,
            },
        };
        let Some(found) = found else {
            self.error(
                "language-regex",
                range(group.unwrap_or(pattern)),
                "the pattern has no such group",
                Some("groups are counted from 1, or named: `(?<name>…)`".to_owned()),
            );
            return None;
        };
        Some((Op::RegexExtract(compiled, found), Type::Text))
    }

    fn switch(&mut self, input: Type, rows: &ast::Expr<'_>, other: Option<&ast::Expr<'_>>) -> Made {
        let map = match rows {
            ast::Expr::Map(map) if !map.keys.is_empty() => Some(map),
            _ => None,
        };
        let Some(map) = map else {
            self.error(
                "language-arguments",
                range(rows),
                "the filter `switch` takes at least one row, in braces",
                Some(
                    "for example `switch({'a': 'Austria', 'b': 'Belgium'}, 'elsewhere')`"
                        .to_owned(),
                ),
            );
            return None;
        };
        let mut keys = Vec::with_capacity(map.keys.len());
        let mut values = Vec::with_capacity(map.keys.len() + 1);
        for (key, value) in map.keys.iter().zip(&map.values) {
            let (found, kind) = self.expr(key);
            let (found, kind) = match (found, input) {
                (Expr::Text(text), Type::Date) => {
                    parse_date(input, &text).unwrap_or((Expr::Text(text), kind))
                }
                (found, _) => (found, kind),
            };
            let written = match &found {
                Expr::Text(text) => Some(text.clone()),
                Expr::Integer(number) => Some(compact_str::format_compact!("{number}")),
                Expr::Boolean(flag) => Some(compact_str::format_compact!("{flag}")),
                Expr::Date(date) => Some(compact_str::format_compact!("{date}")),
                _ => None,
            };
            let Some(written) = written else {
                self.error(
                    "language-arguments",
                    range(key),
                    "the keys of `switch` are written out",
                    Some("compare with `if` and `elif` instead".to_owned()),
                );
                return None;
            };
            if kind != input && input != Type::Any && input != Type::DateTime {
                self.error(
                    "language-type",
                    range(key),
                    format!(
                        "this key is {}, what is looked at {}",
                        kind.named(),
                        input.named()
                    ),
                    Some("keys and value must be of one type".to_owned()),
                );
                return None;
            }
            if keys.contains(&written) {
                self.error(
                    "language-arguments",
                    range(key),
                    format!("the key {written:?} stands here twice"),
                    Some("leave out one of the two".to_owned()),
                );
                return None;
            }
            keys.push(written);
            values.push(self.expr(value));
        }
        let has_other = other.is_some();
        values.extend(other.map(|other| self.expr(other)));
        let (mut values, kind) = alike(values)?;
        let other = if has_other { values.pop() } else { None };
        let rows = keys.into_iter().zip(values).collect();
        Some((Op::Switch(Box::new(Switch { rows, other })), kind))
    }

    fn lookup(&mut self, call: &Call<'_>, table: &ast::Expr<'_>) -> Made {
        let name = self.literal(call, table)?;
        let Scope::Person { tables, .. } = *self.scope else {
            self.error(
                "language-not-allowed",
                call.place.clone(),
                "raw records cannot be looked up in tables",
                Some("look up in the mapping, where the value is used".to_owned()),
            );
            return None;
        };
        let Some(known) = tables.get(name.as_str()) else {
            let near = closest(&name, tables.iter().map(crate::model::Name::as_str));
            self.error(
                "language-unknown-table",
                range(table),
                format!("there is no table `{name}`"),
                Some(near.map_or_else(
                    || "declare it as `kind: Table`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                )),
            );
            return None;
        };
        self.tables.insert(known.clone());
        Some((Op::Lookup(known.clone()), Type::Text))
    }

    fn letters(&mut self, argument: Option<&ast::Expr<'_>>) -> Option<Letters> {
        let locale = self.locale(argument)?;
        Some(match locale.code {
            "tr" => Letters::Turkish,
            _ => Letters::Common,
        })
    }

    /// Words with a spelling of their own, by their small letters.
    fn spellings(
        &mut self,
        call: &Call<'_>,
        argument: Option<&ast::Expr<'_>>,
    ) -> Option<Vec<(compact_str::CompactString, compact_str::CompactString)>> {
        let Some(argument) = argument else {
            return Some(Vec::new());
        };
        let written = match self.expr(argument).0 {
            Expr::List(items) => items
                .into_iter()
                .map(|item| match item {
                    Expr::Text(text) => Some((filters::lower(&text), text)),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        if written.is_none() {
            self.error(
                "language-arguments",
                range(argument),
                format!(
                    "the {} `{}` takes a list of words in quotes",
                    call.what, call.name
                ),
                Some("for example `title(['of', 'van', 'McDonald'])`".to_owned()),
            );
        }
        written
    }

    fn unicode(&mut self, call: &Call<'_>, argument: Option<&ast::Expr<'_>>) -> Option<Unicode> {
        let Some(argument) = argument else {
            return Some(Unicode::Utf8);
        };
        match self.literal(call, argument)?.as_str() {
            "utf-8" => Some(Unicode::Utf8),
            "utf-16" => Some(Unicode::Utf16),
            _ => {
                self.error(
                    "language-arguments",
                    range(argument),
                    "there is no such encoding",
                    Some("there are 'utf-8' and 'utf-16'".to_owned()),
                );
                None
            }
        }
    }

    fn region(
        &mut self,
        call: &Call<'_>,
        argument: &ast::Expr<'_>,
    ) -> Option<phonenumber::country::Id> {
        let code = self.literal(call, argument)?;
        let region = super::phones::region(&code);
        if region.is_none() {
            self.error(
                "language-unknown-region",
                range(argument),
                format!("there is no region {code:?}"),
                Some("write the ISO 3166 code in capitals, for example 'GB' or 'DE'".to_owned()),
            );
        }
        region
    }

    fn phone_mode(
        &mut self,
        call: &Call<'_>,
        argument: Option<&ast::Expr<'_>>,
    ) -> Option<phonenumber::Mode> {
        let Some(argument) = argument else {
            return Some(phonenumber::Mode::International);
        };
        match self.literal(call, argument)?.as_str() {
            "international" => Some(phonenumber::Mode::International),
            "national" => Some(phonenumber::Mode::National),
            _ => {
                self.error(
                    "language-arguments",
                    range(argument),
                    "there is no such way to write a telephone number",
                    Some("there are 'international' and 'national'".to_owned()),
                );
                None
            }
        }
    }

    fn date_format(
        &mut self,
        call: &Call<'_>,
        format: &ast::Expr<'_>,
        input: Type,
    ) -> Option<compact_str::CompactString> {
        let written = self.literal(call, format)?;
        if dates::can_write(&written, matches!(input, Type::DateTime | Type::Any)) {
            return Some(written.into());
        }
        self.error(
            "language-date-format",
            range(format),
            format!("{written:?} is not a date format for {}", input.named()),
            Some("for example '%Y-%m-%d' or '%d/%m/%Y'; a date has no hours".to_owned()),
        );
        None
    }

    /// A format dates are read in: what it writes it must be able to read.
    fn read_format(
        &mut self,
        call: &Call<'_>,
        format: &ast::Expr<'_>,
        moment: bool,
    ) -> Option<compact_str::CompactString> {
        let written = self.literal(call, format)?;
        if dates::can_read(&written, moment) {
            return Some(written.into());
        }
        self.error(
            "language-date-format",
            range(format),
            format!("dates cannot be read in the format {written:?}"),
            Some(if moment {
                "it needs a year, a month, a day and hours, as in '%d.%m.%Y %H:%M'".to_owned()
            } else {
                "it needs a year, a month and a day, as in '%d.%m.%Y'".to_owned()
            }),
        );
        None
    }

    fn time(&mut self, call: &Call<'_>, argument: &ast::Expr<'_>) -> Option<Time> {
        let written = self.literal(call, argument)?;
        let time = Time::strptime("%H:%M:%S", &written)
            .or_else(|_| Time::strptime("%H:%M", &written))
            .ok();
        if time.is_none() {
            self.error(
                "language-date-format",
                range(argument),
                format!("{written:?} is not a time of day"),
                Some("write '17:30' or '23:59:59'".to_owned()),
            );
        }
        time
    }

    fn date_or_moment(&mut self, argument: &ast::Expr<'_>) -> Option<Expr> {
        let (expr, found) = self.expr(argument);
        let (expr, found) = match expr {
            Expr::Text(text) => {
                parse_date(Type::DateTime, &text).unwrap_or((Expr::Text(text), Type::Text))
            }
            expr => (expr, found),
        };
        if !matches!(found, Type::Date | Type::DateTime | Type::Any) {
            let written = self.written(argument).to_owned();
            self.error(
                "language-type",
                range(argument),
                format!("`{written}` is {}, not a date", found.named()),
                Some("write dates as '2026-01-31', or read text with `to_date`".to_owned()),
            );
            return None;
        }
        Some(expr)
    }

    fn text_or(&mut self, argument: Option<&ast::Expr<'_>>, otherwise: &str) -> Expr {
        match argument {
            Some(argument) => self.typed(argument, Type::Text),
            None => Expr::Text(otherwise.into()),
        }
    }
}

/// The type of the first or last of something.
fn one_of(input: Type) -> Type {
    match input {
        Type::Any => Type::Any,
        _ => Type::Text,
    }
}

/// Values brought to one type: to text where their types differ. Nothing when there are none.
pub(super) fn alike(values: Vec<Typed>) -> Option<(Vec<Expr>, Type)> {
    let dated = values
        .iter()
        .map(|(_, kind)| *kind)
        .find(|kind| matches!(kind, Type::Date | Type::DateTime));
    let values: Vec<Typed> = values
        .into_iter()
        .map(|value| match (value, dated) {
            ((Expr::Text(text), kind), Some(dated)) => {
                parse_date(dated, &text).unwrap_or((Expr::Text(text), kind))
            }
            (value, _) => value,
        })
        .collect();
    let first = values.first()?.1;
    let kind = if values.iter().all(|(_, kind)| *kind == first) {
        first
    } else if values.iter().any(|(_, kind)| *kind == Type::Any) {
        Type::Any
    } else {
        Type::Text
    };
    let values = values
        .into_iter()
        .map(|(value, found)| match kind {
            Type::Text if found != Type::Text => Expr::ToText(Box::new(value)),
            _ => value,
        })
        .collect();
    Some((values, kind))
}
