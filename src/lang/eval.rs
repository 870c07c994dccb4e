//! Running what was compiled: a walk over the tree, borrowing from the person or record.

use std::borrow::Cow;
use std::cmp::Ordering;

use compact_str::CompactString;
use jiff::tz::TimeZone;

use super::apply::integer;
use super::dates::When;
use super::filters::{self, Bounded, TooLong};
use super::ir::{Arithmetic, Comparison, Expr, Node, Op, Program, Step};
use super::tables::Unmapped;
use super::value::{Text, Value};
use super::{EvalError, PersonContext, Record};
use crate::model::{Fact, FieldIndex, Name, escape_value};

/// Where records stand before there is a project's time zone.
static UTC: TimeZone = TimeZone::UTC;

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Person(&'a PersonContext<'a>),
    Record(&'a Record<'a>),
}

/// Why evaluation stopped; small, because every step carries it.
pub(super) enum Stop {
    /// Index into [`Program::fields`].
    Missing(u16),
    Other(Box<EvalError>),
}

impl From<TooLong> for Stop {
    fn from(_: TooLong) -> Self {
        failed(format!("the text grew beyond {} bytes", filters::LONGEST))
    }
}

pub(super) fn failed(message: impl Into<String>) -> Stop {
    Stop::Other(Box::new(EvalError::Failed {
        message: message.into(),
    }))
}

/// Why there is no result, and the way out.
pub(super) const DIVIDED_BY_NOTHING: &str =
    "a division by zero; ask first, as in `a // b if b != 0 else 0`";
/// Why there is no result: numbers have 64 bits and a sign.
pub(super) const BEYOND_NUMBERS: &str =
    "is beyond the numbers there are: -9223372036854775808 to 9223372036854775807";

/// What is done to values before they are put into a template's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    /// RFC 4514 section 2.4.
    Dn,
}

pub(super) fn render(
    program: &Program,
    nodes: &[Node],
    context: &PersonContext<'_>,
    escape: Escape,
) -> Result<CompactString, EvalError> {
    let mut rendering = Rendering {
        run: Run {
            program,
            input: Input::Person(context),
        },
        escape,
        out: Bounded::default(),
        missing: Vec::new(),
        worst: None,
    };
    rendering.nodes(nodes);
    let Rendering {
        out,
        mut missing,
        worst,
        ..
    } = rendering;
    match worst {
        Some(
            error @ (EvalError::Failed { .. }
            | EvalError::Unmapped {
                policy: Unmapped::Hold,
                ..
            }),
        ) => return Err(error),
        other => {
            if !missing.is_empty() {
                missing.sort_unstable();
                missing.dedup();
                return Err(EvalError::Missing { fields: missing });
            }
            if let Some(error) = other {
                return Err(error);
            }
        }
    }
    Ok(out.into_text())
}

pub(super) fn holds(program: &Program, root: &Expr, input: Input<'_>) -> Result<bool, EvalError> {
    let run = Run { program, input };
    run.truth(root).map_err(|stop| run.error(stop))
}

/// The text of an expression for a person; `None` when there is none.
pub(super) fn text(
    program: &Program,
    root: &Expr,
    context: &PersonContext<'_>,
) -> Option<CompactString> {
    let run = Run {
        program,
        input: Input::Person(context),
    };
    let value = run.eval(root).ok()?;
    Some(CompactString::from(&*value.into_text()))
}

pub(super) fn evaluate<'a>(
    program: &'a Program,
    root: &'a Expr,
    record: &'a Record<'a>,
) -> Result<Option<Cow<'a, serde_json::Value>>, EvalError> {
    // What most fields are: the member itself, as it stands.
    match root {
        Expr::Member { endpoint, path } => {
            return Ok(member(record, endpoint, path).map(Cow::Borrowed));
        }
        Expr::CustomField(name) => return Ok(custom_field(record, name).map(Cow::Borrowed)),
        _ => {}
    }
    let run = Run {
        program,
        input: Input::Record(record),
    };
    match run.eval(root) {
        Ok(value) => Ok(value.into_json()),
        Err(stop) => Err(run.error(stop)),
    }
}

/// A template under way. Goes on after an error, so that all missing fields are named at once.
struct Rendering<'a> {
    run: Run<'a>,
    escape: Escape,
    out: Bounded,
    missing: Vec<Name>,
    worst: Option<EvalError>,
}

impl<'a> Rendering<'a> {
    fn nodes(&mut self, nodes: &'a [Node]) {
        for node in nodes {
            if let Err(stop) = self.node(node) {
                self.stop(stop);
            }
        }
    }

    fn node(&mut self, node: &'a Node) -> Result<(), Stop> {
        match node {
            Node::Raw(text) => Ok(self.out.push(text)?),
            // Nearly every piece of nearly every template.
            Node::Emit(Expr::Field(index)) => {
                match self.run.fact(*index)? {
                    Fact::Text(text) => self.put(text)?,
                    fact => self.put(&Value::of_fact(fact).into_text())?,
                }
                Ok(())
            }
            Node::Emit(expr) => {
                if let Expr::Apply(key, op) = expr
                    && let Op::Lookup(table) = &**op
                {
                    let key = self.run.text(key)?;
                    return match self.run.lookup(key, table)? {
                        Found::Row(value) => Ok(self.out.push(value)?),
                        Found::Key(key) => self.put(&key),
                    };
                }
                let text = self.run.eval(expr)?.into_text();
                self.put(&text)
            }
            Node::If(condition, yes, no) => {
                if self.run.truth(condition)? {
                    self.nodes(yes);
                } else {
                    self.nodes(no);
                }
                Ok(())
            }
        }
    }

    fn put(&mut self, text: &str) -> Result<(), Stop> {
        match self.escape {
            Escape::None => self.out.push(text)?,
            Escape::Dn => self.out.push(&escape_value(text))?,
        }
        Ok(())
    }

    fn stop(&mut self, stop: Stop) {
        let error = match self.run.error(stop) {
            EvalError::Missing { mut fields } => {
                self.missing.append(&mut fields);
                return;
            }
            error => error,
        };
        let rank = |error: &EvalError| match error {
            EvalError::Failed { .. } => 2,
            EvalError::Unmapped {
                policy: Unmapped::Hold,
                ..
            } => 1,
            _ => 0,
        };
        if self
            .worst
            .as_ref()
            .is_none_or(|worst| rank(worst) < rank(&error))
        {
            self.worst = Some(error);
        }
    }
}

/// What a lookup gave: configuration, or what the person says.
pub(super) enum Found<'a> {
    Row(&'a str),
    Key(Text<'a>),
}

#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    input: Input<'a>,
}

impl<'a> Run<'a> {
    pub(super) fn new(program: &'a Program, input: Input<'a>) -> Self {
        Self { program, input }
    }

    fn error(&self, stop: Stop) -> EvalError {
        match stop {
            Stop::Missing(index) => EvalError::Missing {
                fields: self
                    .program
                    .fields
                    .get(usize::from(index))
                    .cloned()
                    .into_iter()
                    .collect(),
            },
            Stop::Other(error) => *error,
        }
    }

    fn fact(&self, index: u16) -> Result<&'a Fact, Stop> {
        let Input::Person(context) = self.input else {
            return Err(Stop::Missing(index));
        };
        let slot = self.program.slots.get(usize::from(index));
        slot.and_then(|slot| context.fact(FieldIndex(*slot)))
            .ok_or(Stop::Missing(index))
    }

    /// The project's time zone; UTC for records, which are read before there is one.
    pub(super) fn zone(&self) -> &'a TimeZone {
        match self.input {
            Input::Person(context) => context.as_of.time_zone(),
            Input::Record(_) => &UTC,
        }
    }

    pub(super) fn context(&self) -> Result<&'a PersonContext<'a>, Stop> {
        match self.input {
            Input::Person(context) => Ok(context),
            Input::Record(_) => Err(failed("a record has no date of its own")),
        }
    }

    fn truth(&self, expr: &'a Expr) -> Result<bool, Stop> {
        Ok(match expr {
            Expr::Boolean(flag) => *flag,
            Expr::Not(inner) => !self.truth(inner)?,
            Expr::And(left, right) => self.truth(left)? && self.truth(right)?,
            Expr::Or(left, right) => self.truth(left)? || self.truth(right)?,
            expr => self.eval(expr)?.is_true(),
        })
    }

    pub(super) fn eval(&self, expr: &'a Expr) -> Result<Value<'a>, Stop> {
        Ok(match expr {
            Expr::Text(text) => Value::Text(Text::Borrowed(text)),
            Expr::Integer(number) => Value::Integer(*number),
            Expr::Boolean(flag) => Value::Boolean(*flag),
            Expr::Date(date) => Value::Date(*date),
            Expr::DateTime(moment) => Value::DateTime(*moment),
            Expr::List(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    texts.push(CompactString::from(&*self.eval(item)?.into_text()));
                }
                Value::List(Cow::Owned(texts))
            }
            Expr::Field(index) => Value::of_fact(self.fact(*index)?),
            Expr::AsOf => Value::Date(self.context()?.as_of.date()),
            Expr::Member { endpoint, path } => match self.input {
                Input::Record(record) => {
                    member(record, endpoint, path).map_or(Value::Absent, Value::of_json)
                }
                Input::Person(_) => Value::Absent,
            },
            Expr::CustomField(name) => match self.input {
                Input::Record(record) => {
                    custom_field(record, name).map_or(Value::Absent, Value::of_json)
                }
                Input::Person(_) => Value::Absent,
            },
            Expr::Not(_) => Value::Boolean(self.truth(expr)?),
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() {
                    self.eval(right)?
                } else {
                    left
                }
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() {
                    left
                } else {
                    self.eval(right)?
                }
            }
            Expr::Compare(comparison, left, right) => {
                Value::Boolean(compare(*comparison, self.eval(left)?, self.eval(right)?))
            }
            Expr::In(needle, place) => Value::Boolean(self.contains(needle, place)?),
            Expr::Arithmetic(operation, left, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                let divides = matches!(operation, Arithmetic::Divide | Arithmetic::Remainder);
                if divides && right == 0 {
                    return Err(failed(DIVIDED_BY_NOTHING));
                }
                let result = match operation {
                    Arithmetic::Add => left.checked_add(right),
                    Arithmetic::Subtract => left.checked_sub(right),
                    Arithmetic::Multiply => left.checked_mul(right),
                    Arithmetic::Divide => floor_div(left, right),
                    Arithmetic::Remainder => floor_rem(left, right),
                };
                Value::Integer(result.ok_or_else(|| {
                    failed(format!(
                        "{left} {} {right} {BEYOND_NUMBERS}",
                        operation.sign()
                    ))
                })?)
            }
            Expr::Join(left, right) => {
                let mut joined = Bounded::default();
                joined.push(&self.eval(left)?.into_text())?;
                joined.push(&self.eval(right)?.into_text())?;
                Value::made(joined.into_text())
            }
            Expr::If(condition, yes, no) => {
                if self.truth(condition)? {
                    self.eval(yes)?
                } else {
                    self.eval(no)?
                }
            }
            Expr::IsDefined(inner) => Value::Boolean(match self.eval(inner) {
                Ok(value) => !matches!(value, Value::Absent),
                Err(Stop::Missing(_)) => false,
                Err(other) => return Err(other),
            }),
            Expr::IsBlank(inner) => Value::Boolean(match self.eval(inner) {
                Ok(value) => value.is_blank(),
                Err(Stop::Missing(_)) => true,
                Err(other) => return Err(other),
            }),
            Expr::Extreme { largest, of } => self.extreme(*largest, of)?,
            Expr::Default {
                value,
                other,
                empty,
            } => match self.eval(value) {
                Err(Stop::Missing(_)) | Ok(Value::Absent) => self.eval(other)?,
                Ok(Value::Text(text)) if *empty && text.is_empty() => self.eval(other)?,
                Ok(value) => value,
                Err(stop) => return Err(stop),
            },
            Expr::ToDate(inner) => match self.eval(inner)? {
                Value::DateTime(moment) => Value::Date(When::Moment(moment).date(self.zone())),
                other => other,
            },
            Expr::ToText(inner) => Value::Text(self.eval(inner)?.into_text()),
            Expr::Apply(input, op) => {
                let value = self.eval(input)?;
                if matches!(value, Value::Absent) {
                    return Ok(Value::Absent);
                }
                self.apply(value, op)?
            }
        })
    }

    /// The first of the smallest, or of the largest, of values of one type.
    fn extreme(&self, largest: bool, of: &'a [Expr]) -> Result<Value<'a>, Stop> {
        let wanted = match largest {
            true => Comparison::Greater,
            false => Comparison::Less,
        };
        let mut best = Value::Absent;
        for value in of {
            let value = self.eval(value)?;
            if matches!(best, Value::Absent) || compare(wanted, value.clone(), best.clone()) {
                best = value;
            }
        }
        Ok(best)
    }

    pub(super) fn number(&self, expr: &'a Expr) -> Result<i64, Stop> {
        integer(self.eval(expr)?)
    }

    pub(super) fn text(&self, expr: &'a Expr) -> Result<Text<'a>, Stop> {
        Ok(self.eval(expr)?.into_text())
    }

    fn contains(&self, needle: &'a Expr, place: &'a Expr) -> Result<bool, Stop> {
        let needle = self.eval(needle)?;
        if matches!(needle, Value::Absent) {
            return Ok(false);
        }
        let needle = needle.into_text();
        // A list written in the rule is compared item by item, without being built.
        if let Expr::List(items) = place {
            for item in items {
                if *self.eval(item)?.into_text() == *needle {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        Ok(match self.eval(place)? {
            Value::Absent => false,
            Value::List(items) => items.iter().any(|item| *item == *needle),
            Value::Json(serde_json::Value::Array(items)) => items
                .iter()
                .any(|item| *Value::of_json(item).into_text() == *needle),
            other => other.into_text().contains(&*needle),
        })
    }

    pub(super) fn lookup(&self, key: Text<'a>, table: &'a Name) -> Result<Found<'a>, Stop> {
        let context = self.context()?;
        let Some(found) = context.tables.get(table.as_str()) else {
            return Err(failed(format!("table {table} is not at hand")));
        };
        if let Some((row, value)) = found.find(&key) {
            if let Some(watch) = &context.tables.watch {
                watch.found(context.person, table, row);
            }
            return Ok(Found::Row(value));
        }
        match &found.unmapped {
            Unmapped::Same => Ok(Found::Key(key)),
            Unmapped::Use(value) => Ok(Found::Row(value)),
            policy @ (Unmapped::Hold | Unmapped::Report) => {
                Err(Stop::Other(Box::new(EvalError::Unmapped {
                    table: table.clone(),
                    key: key.to_string(),
                    policy: policy.clone(),
                })))
            }
        }
    }
}

/// Over records, numbers and texts with the same digits are equal: select values come as either.
fn compare(comparison: Comparison, left: Value<'_>, right: Value<'_>) -> bool {
    let ordering = match (left, right) {
        (Value::Absent, Value::Absent) => Some(Ordering::Equal),
        (Value::Absent, _) | (_, Value::Absent) => None,
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(&right)),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(&right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(&right)),
        (Value::DateTime(left), Value::DateTime(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(&right)),
        (Value::Integer(left), other) => match integer(other) {
            Ok(right) => Some(left.cmp(&right)),
            Err(_) => None,
        },
        (other, Value::Integer(right)) => match integer(other) {
            Ok(left) => Some(left.cmp(&right)),
            Err(_) => None,
        },
        (left, right) => Some((*left.into_text()).cmp(&*right.into_text())),
    };
    match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
    }
}

fn member<'a>(record: &Record<'a>, endpoint: &str, path: &[Step]) -> Option<&'a serde_json::Value> {
    let (_, start) = record.parts.iter().find(|(name, _)| *name == endpoint)?;
    let mut value = *start;
    for step in path {
        value = match step {
            Step::Member(name) => value.get(name.as_str())?,
            Step::Item(number) => value.get(*number)?,
        };
    }
    Some(value).filter(|value| !value.is_null())
}

/// The `value` of the entry with this `name`; never `display`, which is written for people in their locale.
fn custom_field<'a>(record: &Record<'a>, name: &str) -> Option<&'a serde_json::Value> {
    record
        .parts
        .iter()
        .filter_map(|(_, part)| part.get("customfields")?.as_array())
        .flatten()
        .find(|field| field.get("name").and_then(serde_json::Value::as_str) == Some(name))
        .and_then(|field| field.get("value"))
        .filter(|value| !value.is_null())
}

/// The quotient rounded down, as `//` gives it in Python and Jinja.
fn floor_div(left: i64, right: i64) -> Option<i64> {
    let quotient = left.checked_div(right)?;
    let inexact = left % right != 0;
    Some(quotient - i64::from(inexact && (left < 0) != (right < 0)))
}

/// What is left over after [`floor_div`]: its sign is that of the divisor.
fn floor_rem(left: i64, right: i64) -> Option<i64> {
    // The smallest number by -1 leaves nothing, though its quotient does not fit.
    if right == -1 {
        return Some(0);
    }
    let rest = left.checked_rem(right)?;
    Some(if rest != 0 && (rest < 0) != (right < 0) {
        rest + right
    } else {
        rest
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn division_rounds_down() {
        for (left, right, quotient, rest) in [
            (7, 2, 3, 1),
            (7, -2, -4, -1),
            (-7, 2, -4, 1),
            (-7, -2, 3, -1),
            (6, -2, -3, 0),
            (i64::MIN, 2, i64::MIN / 2, 0),
        ] {
            assert_eq!(super::floor_div(left, right), Some(quotient));
            assert_eq!(super::floor_rem(left, right), Some(rest));
        }
        assert_eq!(super::floor_div(i64::MIN, -1), None);
        assert_eq!(super::floor_rem(i64::MIN, -1), Some(0));
        assert_eq!(super::floor_div(1, 0), None);
        assert_eq!(super::floor_rem(1, 0), None);
    }
}
