//! The filters, tests and functions there are, and what each may be given.

use minijinja::machinery::ast;

use super::Scope;
use super::compile::{Compiler, Type, Typed, WRONG, offsets, range, unify};
use super::ir::{Expr, Op};
use super::latin::{LOCALES, Locale};
use super::names::closest;

/// Longest regular expression and replacement, in bytes.
const LONGEST_PATTERN: usize = 500;

/// Every filter.
pub(super) const FILTERS: &[&str] = &[
    "capitalize",
    "date",
    "default",
    "first",
    "int",
    "join",
    "last",
    "latin",
    "left",
    "length",
    "login",
    "lookup",
    "lower",
    "mid",
    "pad_left",
    "plus_days",
    "regex_replace",
    "replace",
    "right",
    "split",
    "string",
    "title",
    "trim",
    "upper",
    "word",
    "words",
];

/// Every test.
pub(super) const TESTS: &[&str] = &[
    "defined",
    "endingwith",
    "matching",
    "startingwith",
    "undefined",
];

/// Every function. Only expressions over records have any.
pub(super) const FUNCTIONS: &[&str] = &["customField"];

impl Compiler<'_> {
    pub(super) fn filter(
        &mut self,
        filter: &ast::Filter<'_>,
        whole: std::ops::Range<usize>,
    ) -> Typed {
        let Some(input) = &filter.expr else {
            return WRONG;
        };
        let name_at = self.find_name(filter.name, range(input).end, whole.end);
        if !FILTERS.contains(&filter.name) {
            // Whatever else is wrong in front of it is worth hearing, too.
            self.expr(input);
            let near = closest(filter.name, FILTERS.iter().copied());
            return self.error(
                "language-unknown-filter",
                name_at,
                format!("there is no filter `{}`", filter.name),
                Some(near.map_or_else(
                    || "docs/language.md lists the filters".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                )),
            );
        }
        let most_and_least = match filter.name {
            "latin" | "login" | "split" | "join" => (0, 1),
            "left" | "right" | "plus_days" | "word" | "date" | "lookup" => (1, 1),
            "mid" | "replace" | "regex_replace" => (2, 2),
            "pad_left" | "default" => (1, 2),
            _ => (0, 0),
        };
        let call = Call {
            what: "filter",
            name: filter.name,
            place: name_at,
        };
        let Some(arguments) = self.positional(&call, &filter.args, most_and_least) else {
            self.expr(input);
            return WRONG;
        };
        let (expr, found) = self.expr(input);
        if filter.name == "default" {
            return self.default(expr, found, &arguments);
        }
        let (op, gives) = match self.op(&call, found, &arguments) {
            Some(op) => op,
            None => return WRONG,
        };
        if !accepts(&op, found) {
            let written = self.written(input).to_owned();
            let help = match (&op, found) {
                (Op::Format(_) | Op::PlusDays(_), _) => {
                    "give the field `type: date` or `type: dateTime` in the source".to_owned()
                }
                (_, Type::List) => format!("join it first: `{written} | join(' ')`"),
                _ => "docs/language.md says what each filter takes".to_owned(),
            };
            return self.error(
                "language-type",
                call.place,
                format!(
                    "`{}` does not take {}, which `{written}` is",
                    filter.name,
                    found.named()
                ),
                Some(help),
            );
        }
        (Expr::Apply(Box::new(expr), Box::new(op)), gives)
    }

    /// The operation behind a filter, and the type it gives.
    fn op(
        &mut self,
        call: &Call<'_>,
        input: Type,
        arguments: &[&ast::Expr<'_>],
    ) -> Option<(Op, Type)> {
        let text = |op| Some((op, Type::Text));
        match (call.name, arguments) {
            ("lower", []) => text(Op::Lower),
            ("upper", []) => text(Op::Upper),
            ("title", []) => text(Op::Title),
            ("capitalize", []) => text(Op::Capitalize),
            ("trim", []) => text(Op::Trim),
            ("string", []) => text(Op::Text),
            ("latin", rest) => text(Op::Latin(self.locale(rest.first().copied())?)),
            ("login", rest) => text(Op::Login(self.locale(rest.first().copied())?)),
            ("first", []) => Some((Op::First, one_of(input))),
            ("last", []) => Some((Op::Last, one_of(input))),
            ("left", [count]) => text(Op::Left(self.number(count))),
            ("right", [count]) => text(Op::Right(self.number(count))),
            ("mid", [start, count]) => text(Op::Mid(self.number(start), self.number(count))),
            ("word", [number]) => text(Op::Word(self.number(number))),
            ("replace", [from, to]) => text(Op::Replace(
                self.typed(from, Type::Text),
                self.typed(to, Type::Text),
            )),
            ("regex_replace", [pattern, to]) => {
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
                text(Op::RegexReplace(pattern, replacement.into()))
            }
            ("pad_left", [width, rest @ ..]) => {
                let width = self.number(width);
                let with = match rest.first() {
                    Some(with) => self.typed(with, Type::Text),
                    None => Expr::Text("0".into()),
                };
                text(Op::PadLeft(width, with))
            }
            ("words", []) => Some((Op::Words, Type::List)),
            ("split", rest) => {
                let separator = match rest.first() {
                    Some(separator) => self.typed(separator, Type::Text),
                    None => Expr::Text(",".into()),
                };
                Some((Op::Split(separator), Type::List))
            }
            ("join", rest) => {
                let separator = match rest.first() {
                    Some(separator) => self.typed(separator, Type::Text),
                    None => Expr::Text("".into()),
                };
                text(Op::Join(separator))
            }
            ("length", []) => Some((Op::Length, Type::Integer)),
            ("int", []) => Some((Op::Integer, Type::Integer)),
            ("date", [format]) => {
                let written = self.literal(call, format)?;
                if !is_date_format(&written, input) {
                    self.error(
                        "language-date-format",
                        range(format),
                        format!("{written:?} is not a date format for {}", input.named()),
                        Some(
                            "for example '%Y-%m-%d' or '%d/%m/%Y'; a date has no hours".to_owned(),
                        ),
                    );
                    return None;
                }
                text(Op::Format(written.into()))
            }
            ("plus_days", [days]) => Some((Op::PlusDays(self.number(days)), Type::Date)),
            ("lookup", [table]) => {
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
                text(Op::Lookup(known.clone()))
            }
            // The counts of arguments have been checked.
            _ => None,
        }
    }

    fn default(&mut self, value: Expr, found: Type, arguments: &[&ast::Expr<'_>]) -> Typed {
        let Some(other) = arguments.first() else {
            return WRONG;
        };
        let empty = match arguments.get(1) {
            None => false,
            Some(flag) => match self.expr(flag).0 {
                Expr::Boolean(flag) => flag,
                _ => {
                    return self.error(
                        "language-arguments",
                        range(flag),
                        "the second argument of `default` is `true` or `false`",
                        Some("`true` replaces empty text as well".to_owned()),
                    );
                }
            },
        };
        let other = self.expr(other);
        let (value, other, both) = unify((value, found), other);
        (
            Expr::Default {
                value: Box::new(value),
                other: Box::new(other),
                empty,
            },
            both,
        )
    }

    pub(super) fn test(&mut self, test: &ast::Test<'_>, whole: std::ops::Range<usize>) -> Typed {
        let place = self.find_name(test.name, range(&test.expr).end, whole.end);
        let call = Call {
            what: "test",
            name: test.name,
            place: place.clone(),
        };
        let arguments = match test.name {
            "defined" | "undefined" => self.positional(&call, &test.args, (0, 0)),
            "startingwith" | "endingwith" | "matching" => {
                self.positional(&call, &test.args, (1, 1))
            }
            name => {
                self.expr(&test.expr);
                let near = closest(name, TESTS.iter().copied());
                return self.error(
                    "language-unknown-test",
                    place,
                    format!("there is no test `is {name}`"),
                    Some(near.map_or_else(
                        || format!("there are {}", TESTS.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    )),
                );
            }
        };
        let (value, found) = self.expr(&test.expr);
        let Some(arguments) = arguments else {
            return WRONG;
        };
        let value = Box::new(value);
        let op = match (test.name, arguments.as_slice()) {
            ("defined", _) => return (Expr::IsDefined(value), Type::Boolean),
            ("undefined", _) => {
                let defined = Expr::IsDefined(value);
                return (Expr::Not(Box::new(defined)), Type::Boolean);
            }
            ("startingwith", [with]) => Op::StartsWith(self.typed(with, Type::Text)),
            ("endingwith", [with]) => Op::EndsWith(self.typed(with, Type::Text)),
            ("matching", [pattern]) => match self.pattern(&call, pattern) {
                Some(pattern) => Op::Matches(pattern),
                None => return WRONG,
            },
            _ => return WRONG,
        };
        if found == Type::List {
            return self.error(
                "language-type",
                place,
                format!("`is {}` does not take a list", test.name),
                Some("ask whether something is in it: `'x' in person.list`".to_owned()),
            );
        }
        (Expr::Apply(value, Box::new(op)), Type::Boolean)
    }

    pub(super) fn call(&mut self, call: &ast::Call<'_>, whole: std::ops::Range<usize>) -> Typed {
        let ast::Expr::Var(function) = &call.expr else {
            return self.error(
                "language-unknown-function",
                whole,
                "values have no methods",
                Some("use a filter: `value | upper`".to_owned()),
            );
        };
        let place = offsets(function.span());
        let known: &[&str] = match self.scope {
            Scope::Record { .. } => FUNCTIONS,
            Scope::Person { .. } => &[],
        };
        if !known.contains(&function.id) {
            let help = if FILTERS.contains(&function.id) {
                format!("`{0}` is a filter: `value | {0}`", function.id)
            } else if FUNCTIONS.contains(&function.id) {
                "custom fields are read in the source, under `person.fields`".to_owned()
            } else if let Some(near) = closest(function.id, known.iter().copied()) {
                format!("did you mean `{near}`?")
            } else {
                "use a filter: `value | upper`".to_owned()
            };
            return self.error(
                "language-unknown-function",
                place,
                format!("there is no function `{}` here", function.id),
                Some(help),
            );
        }
        let described = Call {
            what: "function",
            name: function.id,
            place,
        };
        let Some(arguments) = self.positional(&described, &call.args, (1, 1)) else {
            return WRONG;
        };
        let Some(name) = arguments
            .first()
            .and_then(|argument| self.literal(&described, argument))
        else {
            return WRONG;
        };
        self.custom_fields.insert(name.clone());
        (Expr::CustomField(name.into()), Type::Any)
    }

    /// The arguments, when they are plain and as many as they may be.
    fn positional<'t, 's>(
        &mut self,
        call: &Call<'_>,
        arguments: &'t [ast::CallArg<'s>],
        (least, most): (usize, usize),
    ) -> Option<Vec<&'t ast::Expr<'s>>> {
        let mut plain = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(argument) => plain.push(argument),
                _ => {
                    self.error(
                        "language-arguments",
                        call.place.clone(),
                        format!("the {} `{}` takes no named arguments", call.what, call.name),
                        Some("give them in order".to_owned()),
                    );
                    return None;
                }
            }
        }
        if plain.len() < least || plain.len() > most {
            let wanted = match (least, most) {
                (0, 0) => "no arguments".to_owned(),
                (1, 1) => "one argument".to_owned(),
                (least, most) if least == most => format!("{least} arguments"),
                (0, 1) => "at most one argument".to_owned(),
                (least, most) => format!("{least} or {most} arguments"),
            };
            self.error(
                "language-arguments",
                call.place.clone(),
                format!(
                    "the {} `{}` takes {wanted}, not {}",
                    call.what,
                    call.name,
                    plain.len()
                ),
                None,
            );
            return None;
        }
        Some(plain)
    }

    /// An argument that must be written out as text.
    fn literal(&mut self, call: &Call<'_>, argument: &ast::Expr<'_>) -> Option<String> {
        if let ast::Expr::Const(constant) = argument
            && let Some(text) = constant.value.as_str()
        {
            return Some(text.to_owned());
        }
        self.error(
            "language-arguments",
            range(argument),
            format!(
                "the {} `{}` takes a text written here in quotes",
                call.what, call.name
            ),
            Some("it must be known before anybody is looked at".to_owned()),
        );
        None
    }

    fn locale(&mut self, argument: Option<&ast::Expr<'_>>) -> Option<Locale> {
        let Some(argument) = argument else {
            return LOCALES.first().copied();
        };
        let call = Call {
            what: "filter",
            name: "latin",
            place: range(argument),
        };
        let code = self.literal(&call, argument)?;
        let locale = Locale::find(&code);
        if locale.is_none() {
            let known: Vec<&str> = LOCALES.iter().map(|locale| locale.code).collect();
            self.error(
                "language-unknown-locale",
                range(argument),
                format!("there is no locale {code:?}"),
                Some(format!("there are {}", known.join(", "))),
            );
        }
        locale
    }

    fn pattern(&mut self, call: &Call<'_>, argument: &ast::Expr<'_>) -> Option<regex::Regex> {
        let pattern = self.literal(call, argument)?;
        let compiled = if pattern.len() > LONGEST_PATTERN {
            Err("it is too long".to_owned())
        } else {
            regex::RegexBuilder::new(&pattern)
                .size_limit(1 << 20)
                .nest_limit(50)
                .build()
                .map_err(|error| {
                    // The last line of the error says what; the lines before draw the pattern.
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    last.trim_start_matches("error: ").to_owned()
                })
        };
        match compiled {
            Ok(pattern) => Some(pattern),
            Err(reason) => {
                self.error(
                    "language-regex",
                    range(argument),
                    format!("this regular expression cannot be used: {reason}"),
                    Some("the syntax is that of the Rust crate `regex`: no look-around".to_owned()),
                );
                None
            }
        }
    }

    /// Where the name of a filter or test stands, between the end of its operand and the end of the whole.
    fn find_name(&self, name: &str, from: usize, to: usize) -> std::ops::Range<usize> {
        self.text
            .get(from..to)
            .and_then(|between| between.find(name))
            .map_or(from..to, |at| from + at..from + at + name.len())
    }
}

/// What is called, for messages.
struct Call<'a> {
    what: &'static str,
    name: &'a str,
    place: std::ops::Range<usize>,
}

/// The type of the first or last of something.
fn one_of(input: Type) -> Type {
    match input {
        Type::Any => Type::Any,
        _ => Type::Text,
    }
}

fn accepts(op: &Op, input: Type) -> bool {
    match (op, input) {
        (_, Type::Any) => true,
        (Op::First | Op::Last | Op::Length | Op::Text, _) => true,
        (Op::Join(_), input) => input == Type::List,
        (Op::Integer, input) => matches!(input, Type::Text | Type::Integer),
        (Op::Format(_) | Op::PlusDays(_), input) => matches!(input, Type::Date | Type::DateTime),
        (_, input) => input != Type::List,
    }
}

/// Whether a format can be used: tried once, since formatting fails for reasons of the format only.
fn is_date_format(format: &str, input: Type) -> bool {
    let date = jiff::civil::date(2026, 1, 31);
    match input {
        Type::DateTime | Type::Any => date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .is_ok_and(|moment| jiff::fmt::strtime::format(format, &moment).is_ok()),
        _ => jiff::fmt::strtime::format(format, date).is_ok(),
    }
}
