//! Filters, tests and functions as they are written: whether there is such a thing, how many arguments it has, what
//! it is applied to, and arguments that must be known before anybody is looked at.

use minijinja::machinery::ast;

use super::Scope;
use super::compile::{Compiler, Type, Typed, WRONG, offsets, range, unify};
use super::ir::Expr;
use super::latin::{LOCALES, Locale};
use super::names::closest;
use super::operations::alike;
use super::signatures::{FILTERS, FUNCTIONS, Signature, TESTS, Takes, elsewhere, find, names};

/// Longest regular expression and replacement, in bytes.
pub(super) const LONGEST_PATTERN: usize = 500;

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
        let Some(signature) = find(FILTERS, filter.name) else {
            // Whatever else is wrong in front of it is worth hearing, too.
            self.expr(input);
            let help = if let Some(here) = elsewhere(filter.name) {
                here.to_owned()
            } else if let Some(near) = closest(filter.name, names(FILTERS)) {
                format!("did you mean `{near}`?")
            } else {
                "docs/mapping.md lists the filters".to_owned()
            };
            return self.error(
                "language-unknown-filter",
                name_at,
                format!("there is no filter `{}`", filter.name),
                Some(help),
            );
        };
        let call = Call {
            what: "filter",
            name: filter.name,
            place: name_at,
        };
        let Some(arguments) = self.positional(&call, &filter.args, signature) else {
            self.expr(input);
            return WRONG;
        };
        let (expr, found) = self.expr(input);
        if filter.name == "default" {
            return self.default(expr, found, &arguments);
        }
        let Some((op, gives)) = self.filter_op(&call, found, &arguments) else {
            return WRONG;
        };
        if !self.applies(&call, signature, input, found) {
            return WRONG;
        }
        (Expr::Apply(Box::new(expr), Box::new(op)), gives)
    }

    /// Whether a filter or test may stand after a value of this type, in this scope.
    fn applies(
        &mut self,
        call: &Call<'_>,
        signature: &Signature,
        input: &ast::Expr<'_>,
        found: Type,
    ) -> bool {
        if signature.zone && matches!(self.scope, Scope::Record { .. }) {
            self.error(
                "language-not-allowed",
                call.place.clone(),
                format!(
                    "`{}` needs the project's time zone, which raw records are read without",
                    call.name
                ),
                Some("use it in the mapping, on the field the source declares".to_owned()),
            );
            return false;
        }
        if signature.takes.accepts(found) {
            return true;
        }
        let written = self.written(input).to_owned();
        let help = match (signature.takes, found) {
            (Takes::Date, Type::Text) => {
                format!("give the field `type: date` in the source, or write `{written} | to_date`")
            }
            (Takes::Date, _) => {
                "give the field `type: date` or `type: dateTime` in the source".to_owned()
            }
            (Takes::List, _) => "give the field `type: list` in the source, or split it".to_owned(),
            (Takes::Number, Type::Text) => format!("`{written} | int` makes a number of it"),
            (_, Type::List) if call.what == "test" => {
                "ask whether something is in it: `'x' in person.list`".to_owned()
            }
            (_, Type::List) => format!("join it first: `{written} | join(' ')`"),
            _ => "docs/mapping.md says what each filter and test takes".to_owned(),
        };
        self.error(
            "language-type",
            call.place.clone(),
            format!(
                "`{}` does not take {}, which `{written}` is",
                call.name,
                found.named()
            ),
            Some(help),
        );
        false
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
        let Some(signature) = find(TESTS, test.name) else {
            self.expr(&test.expr);
            let near = closest(test.name, names(TESTS));
            return self.error(
                "language-unknown-test",
                place,
                format!("there is no test `is {}`", test.name),
                Some(near.map_or_else(
                    || format!("there are {}", names(TESTS).collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                )),
            );
        };
        let arguments = self.positional(&call, &test.args, signature);
        let (value, found) = self.expr(&test.expr);
        let Some(arguments) = arguments else {
            return WRONG;
        };
        let value = Box::new(value);
        match test.name {
            "defined" => return (Expr::IsDefined(value), Type::Boolean),
            "undefined" => {
                let defined = Expr::IsDefined(value);
                return (Expr::Not(Box::new(defined)), Type::Boolean);
            }
            "blank" => return (Expr::IsBlank(value), Type::Boolean),
            _ => {}
        }
        let Some(op) = self.test_op(&call, &arguments) else {
            return WRONG;
        };
        if !self.applies(&call, signature, &test.expr, found) {
            return WRONG;
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
        let records = matches!(self.scope, Scope::Record { .. });
        let here = |name: &str| records || name != "customField";
        let signature = find(FUNCTIONS, function.id).filter(|known| here(known.name));
        let Some(signature) = signature else {
            let near = closest(function.id, names(FUNCTIONS).filter(|name| here(name)));
            let help = if find(FILTERS, function.id).is_some() {
                format!("`{0}` is a filter: `value | {0}`", function.id)
            } else if function.id == "customField" {
                "custom fields are read in the source, under `person.fields`".to_owned()
            } else if let Some(here) = elsewhere(function.id) {
                here.to_owned()
            } else if let Some(near) = near {
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
        };
        let described = Call {
            what: "function",
            name: function.id,
            place,
        };
        let Some(arguments) = self.positional(&described, &call.args, signature) else {
            return WRONG;
        };
        match function.id {
            "coalesce" => self.coalesce(&arguments),
            "max" | "min" => self.extreme(&described, &arguments),
            _ => {
                let Some(name) = arguments
                    .first()
                    .and_then(|argument| self.literal(&described, argument))
                else {
                    return WRONG;
                };
                self.custom_fields.insert(name.clone());
                (Expr::CustomField(name.into()), Type::Any)
            }
        }
    }

    /// The first that is neither missing nor empty; the last stands whatever it is.
    fn coalesce(&mut self, arguments: &[&ast::Expr<'_>]) -> Typed {
        let values = arguments.iter().map(|value| self.expr(value)).collect();
        let Some((mut values, kind)) = alike(values) else {
            return WRONG;
        };
        let Some(mut chain) = values.pop() else {
            return WRONG;
        };
        while let Some(value) = values.pop() {
            chain = Expr::Default {
                value: Box::new(value),
                other: Box::new(chain),
                empty: true,
            };
        }
        (chain, kind)
    }

    fn extreme(&mut self, call: &Call<'_>, arguments: &[&ast::Expr<'_>]) -> Typed {
        let values: Vec<Typed> = arguments.iter().map(|value| self.expr(value)).collect();
        let kinds: Vec<Type> = values.iter().map(|(_, kind)| *kind).collect();
        let Some((of, kind)) = alike(values) else {
            return WRONG;
        };
        if !matches!(
            kind,
            Type::Integer | Type::Date | Type::DateTime | Type::Any
        ) {
            let named: std::collections::BTreeSet<&str> =
                kinds.into_iter().map(Type::named).collect();
            return self.error(
                "language-type",
                call.place.clone(),
                format!(
                    "`{}` compares numbers, dates or moments, not {}",
                    call.name,
                    Vec::from_iter(named).join(" and ")
                ),
                Some("all of them must be of one type".to_owned()),
            );
        }
        let largest = call.name == "max";
        (Expr::Extreme { largest, of }, kind)
    }

    /// The arguments, when they are plain and as many as they may be.
    fn positional<'t, 's>(
        &mut self,
        call: &Call<'_>,
        arguments: &'t [ast::CallArg<'s>],
        signature: &Signature,
    ) -> Option<Vec<&'t ast::Expr<'s>>> {
        let (least, most) = signature.arguments;
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
                (least, most) if least + 1 == most => format!("{least} or {most} arguments"),
                (least, most) => format!("{least} to {most} arguments"),
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
    pub(super) fn literal(&mut self, call: &Call<'_>, argument: &ast::Expr<'_>) -> Option<String> {
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

    pub(super) fn locale(&mut self, argument: Option<&ast::Expr<'_>>) -> Option<Locale> {
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

    pub(super) fn pattern(
        &mut self,
        call: &Call<'_>,
        argument: &ast::Expr<'_>,
    ) -> Option<regex::Regex> {
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
pub(super) struct Call<'a> {
    pub(super) what: &'static str,
    pub(super) name: &'a str,
    pub(super) place: std::ops::Range<usize>,
}
