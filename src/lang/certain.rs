//! Of what a text asks, that which gives no value whoever it is for.
//!
//! Knows the tree and the rows of tables, nobody's facts. Keeps that nothing is called failing that could give a value:
//! whatever depends on a fact or on the day is taken to give one, and what depends on the time zone is only known when it
//! is the same in all of them. That somebody has no value at all is no failure: what follows from that is said elsewhere
//! (`empty`).

use std::ops::Range;

use jiff::tz::{Offset, TimeZone};

use super::apply::not_named;
use super::eval::{DIVIDED_BY_NOTHING, Input, Run, Stop};
use super::ir::{Arithmetic, Expr, Node, Op, Program, Switch};
use super::tables::{Tables, Unmapped};
use super::timing::{arguments, parts};
use super::value::Value;
use super::{Condition, EvalError, Expression, PersonContext, Record, Scope, Template, compile};
use crate::model::Person;

/// What cannot be evaluated, whatever the data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    /// The whole: nobody ever gets a value.
    pub always: Option<EvalError>,
    /// Parts only some get to, a branch of an `if` for example: whoever does gets no value.
    pub reached: Vec<EvalError>,
}

/// Whole hours, and one that is not, so that no part of a date or time is the same in all of them by chance.
const OFFSETS: [i32; 4] = [0, 14 * 3_600, -12 * 3_600, 5 * 3_600 + 45 * 60 + 13];

impl Template {
    /// What of it fails, whoever it is for. Of `tables` may be left out those whose rows are not known.
    pub fn failures(&self, tables: &Tables) -> Failures {
        with_people(tables, |people| {
            let mut known = Known::new(&self.program, people, tables);
            let always = known.nodes(&self.nodes);
            known.told(always)
        })
    }
}

impl Condition {
    /// What of it fails, whoever it is about. Of `tables` may be left out those whose rows are not known.
    pub fn failures(&self, tables: &Tables) -> Failures {
        with_people(tables, |people| {
            let mut known = Known::new(&self.program, people, tables);
            let always = known.expr(&self.root).failure();
            known.told(always)
        })
    }

    /// The same of a condition on records.
    pub fn failures_in_records(&self) -> Failures {
        in_records(&self.program, &self.root)
    }
}

impl Expression {
    /// What of it fails, whatever the record.
    pub fn failures(&self) -> Failures {
        in_records(&self.program, &self.root)
    }
}

/// Where in a template (else in a condition or an expression) something fails that [`Failures`] tells of: the innermost
/// expression that fails so by itself. `None` when no single one does.
pub fn where_failing(
    text: &str,
    is_template: bool,
    scope: &Scope<'_>,
    tables: &Tables,
    error: &EvalError,
) -> Option<Range<usize>> {
    let (places, program) = compile::places(text, is_template, scope)?;
    let is_record = matches!(scope, Scope::Record { .. });
    let find = |inputs: &[Input<'_>]| {
        let fails = |expr: &Expr| {
            let mut known = Known::new(&program, inputs, tables);
            known.is_record = is_record;
            known.expr(expr).failure().as_ref() == Some(error)
        };
        let found = places.iter().find(|(_, expr)| fails(expr));
        found.map(|(range, _)| range.clone())
    };
    if is_record {
        let record = Record { parts: &[] };
        return find(&[Input::Record(&record)]);
    }
    with_people(tables, find)
}

fn with_people<T>(tables: &Tables, then: impl FnOnce(&[Input<'_>]) -> T) -> T {
    let nobody = Person::nobody();
    let contexts = OFFSETS.map(|seconds| PersonContext {
        person: &nobody,
        account: &[],
        as_of: jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::fixed(
            Offset::from_seconds(seconds).unwrap_or(Offset::UTC),
        )),
        tables,
    });
    then(&contexts.each_ref().map(Input::Person))
}

fn in_records(program: &Program, root: &Expr) -> Failures {
    let record = Record { parts: &[] };
    let tables = Tables::default();
    let inputs = [Input::Record(&record)];
    let mut known = Known::new(program, &inputs, &tables);
    known.is_record = true;
    let always = known.expr(root).failure();
    known.told(always)
}

/// What is known of an expression.
enum Sure<'a> {
    /// It is this for everyone.
    Is(Value<'a>),
    /// It gives nobody a value. `whole` when not even a missing fact comes before that.
    Fails { error: EvalError, whole: bool },
    /// It depends.
    Open,
}

impl Sure<'_> {
    fn failure(self) -> Option<EvalError> {
        match self {
            Self::Fails { error, .. } => Some(error),
            Self::Is(_) | Self::Open => None,
        }
    }
}

struct Known<'a> {
    program: &'a Program,
    inputs: &'a [Input<'a>],
    tables: &'a Tables,
    /// In records every operation on what is absent gives what is absent.
    is_record: bool,
    reached: Vec<EvalError>,
}

impl<'a> Known<'a> {
    fn new(program: &'a Program, inputs: &'a [Input<'a>], tables: &'a Tables) -> Self {
        Self {
            program,
            inputs,
            tables,
            is_record: false,
            reached: Vec::new(),
        }
    }

    fn told(mut self, always: Option<EvalError>) -> Failures {
        if always.is_some() {
            // Whoever gets to a part of it fails anyway.
            self.reached.clear();
        }
        let mut reached: Vec<EvalError> = Vec::new();
        for error in self.reached {
            if !reached.contains(&error) {
                reached.push(error);
            }
        }
        Failures { always, reached }
    }

    /// What fails whoever comes to these. All of them are looked at, as when they are written.
    fn nodes(&mut self, nodes: &'a [Node]) -> Option<EvalError> {
        let mut fails = None;
        for node in nodes {
            let here = match node {
                Node::Raw(_) => None,
                Node::Emit(expr) => self.expr(expr).failure(),
                Node::If(condition, yes, no) => match self.expr(condition) {
                    Sure::Fails { error, .. } => Some(error),
                    Sure::Is(value) if value.is_true() => self.nodes(yes),
                    Sure::Is(_) => self.nodes(no),
                    Sure::Open => {
                        let (yes, no) = (self.nodes(yes), self.nodes(no));
                        self.either(yes, no)
                    }
                },
            };
            fails = fails.or(here);
        }
        fails
    }

    /// Two branches of which anybody may take either.
    fn either(&mut self, one: Option<EvalError>, other: Option<EvalError>) -> Option<EvalError> {
        match (one, other) {
            (Some(error), Some(_)) => Some(error),
            (one, other) => {
                self.reached.extend(one.or(other));
                None
            }
        }
    }

    fn branch(&mut self, expr: &'a Expr) {
        let fails = self.expr(expr).failure();
        self.reached.extend(fails);
    }

    fn expr(&mut self, expr: &'a Expr) -> Sure<'a> {
        if self.is_closed(expr) {
            return self.evaluate(|run| run.eval(expr));
        }
        match expr {
            Expr::Not(inner) | Expr::ToDate(inner) | Expr::ToText(inner) => {
                self.all(std::iter::once(&**inner))
            }
            // Asked whether there is a value, the answer to a missing fact is no.
            Expr::IsDefined(inner) | Expr::IsBlank(inner) => match self.expr(inner) {
                Sure::Fails { error, whole: true } => Sure::Fails { error, whole: true },
                _ => Sure::Open,
            },
            Expr::And(one, other) => self.second_if(true, one, other),
            Expr::Or(one, other) => self.second_if(false, one, other),
            Expr::Compare(_, one, other) | Expr::Join(one, other) => self.all([&**one, other]),
            Expr::Arithmetic(operation, one, other) => {
                let divides = matches!(operation, Arithmetic::Divide | Arithmetic::Remainder);
                match self.all([&**one, other]) {
                    Sure::Open if divides && self.is_nothing(other) => Sure::Fails {
                        error: EvalError::Failed {
                            message: DIVIDED_BY_NOTHING.to_owned(),
                        },
                        whole: false,
                    },
                    sure => sure,
                }
            }
            // Whether later items of a list are looked at depends on those before; and what is absent is in nothing.
            Expr::In(needle, place) if self.is_record || matches!(**place, Expr::List(_)) => {
                self.all(std::iter::once(&**needle))
            }
            Expr::In(needle, place) => self.all([&**needle, place]),
            Expr::List(items) | Expr::Extreme { of: items, .. } => self.all(items),
            Expr::If(condition, yes, no) => match self.expr(condition) {
                Sure::Fails { error, whole } => Sure::Fails { error, whole },
                Sure::Is(value) if value.is_true() => self.expr(yes),
                Sure::Is(_) => self.expr(no),
                Sure::Open => {
                    let (yes, no) = (self.expr(yes).failure(), self.expr(no).failure());
                    match self.either(yes, no) {
                        Some(error) => Sure::Fails {
                            error,
                            whole: false,
                        },
                        None => Sure::Open,
                    }
                }
            },
            Expr::Default {
                value,
                other,
                empty,
            } => match self.expr(value) {
                Sure::Fails { error, whole: true } => Sure::Fails { error, whole: true },
                Sure::Fails { error, .. } => {
                    let other = self.expr(other).failure();
                    match self.either(Some(error), other) {
                        Some(error) => Sure::Fails {
                            error,
                            whole: false,
                        },
                        None => Sure::Open,
                    }
                }
                Sure::Is(Value::Absent) => self.expr(other),
                Sure::Is(Value::Text(text)) if *empty && text.is_empty() => self.expr(other),
                Sure::Is(value) => Sure::Is(value),
                Sure::Open => {
                    self.branch(other);
                    Sure::Open
                }
            },
            Expr::Apply(inner, op) => self.apply(inner, op),
            _ => Sure::Open,
        }
    }

    fn apply(&mut self, inner: &'a Expr, op: &'a Op) -> Sure<'a> {
        let input = self.expr(inner);
        if let Sure::Fails { error, whole } = input {
            return Sure::Fails { error, whole };
        }
        if let Op::Switch(switch) = op {
            return self.switch(input, switch);
        }
        let given = matches!(input, Sure::Is(_));
        if self.is_record && !given {
            return Sure::Open;
        }
        let sure = self.all(arguments(op));
        if let Sure::Fails { error, whole } = sure {
            return Sure::Fails {
                error,
                whole: whole && given,
            };
        }
        let shifts = matches!(op, Op::PlusDays(_) | Op::PlusMonths(_) | Op::PlusYears(_));
        if shifts && !given && arguments(op).into_iter().all(|one| self.is_closed(one)) {
            return self.shifted(op);
        }
        Sure::Open
    }

    /// What leads out of the calendar both from its first and from its last day does so from each.
    fn shifted(&self, op: &'a Op) -> Sure<'a> {
        let from = |date: jiff::civil::Date| self.evaluate(|run| run.apply(Value::Date(date), op));
        match (from(jiff::civil::Date::MIN), from(jiff::civil::Date::MAX)) {
            (Sure::Fails { error, .. }, Sure::Fails { .. }) => {
                let EvalError::Failed { message } = error else {
                    return Sure::Open;
                };
                // The day of this trial is nobody's.
                let first = jiff::civil::Date::MIN.to_string();
                Sure::Fails {
                    error: EvalError::Failed {
                        message: message.replace(&first, "any date"),
                    },
                    whole: false,
                }
            }
            _ => Sure::Open,
        }
    }

    fn switch(&mut self, input: Sure<'a>, switch: &'a Switch) -> Sure<'a> {
        if let Sure::Is(value) = input {
            if matches!(value, Value::DateTime(_) | Value::Absent) {
                return Sure::Open;
            }
            let key = value.into_text();
            let row = switch.rows.iter().find(|(known, _)| **known == *key);
            return match row.map(|(_, value)| value).or(switch.other.as_ref()) {
                Some(value) => self.expr(value),
                None => Sure::Fails {
                    error: EvalError::Failed {
                        message: not_named(&key),
                    },
                    whole: true,
                },
            };
        }
        let values = switch.rows.iter().map(|(_, value)| value);
        let failing: Vec<Option<EvalError>> = values
            .chain(&switch.other)
            .map(|value| self.expr(value).failure())
            .collect();
        if !self.is_record
            && let Some(Some(error)) = failing.first()
            && failing.iter().all(Option::is_some)
        {
            return Sure::Fails {
                error: error.clone(),
                whole: false,
            };
        }
        self.reached.extend(failing.into_iter().flatten());
        Sure::Open
    }

    /// `and` (`true`) and `or`: the second counts for those for whom the first is so.
    fn second_if(&mut self, so: bool, one: &'a Expr, other: &'a Expr) -> Sure<'a> {
        match self.expr(one) {
            Sure::Fails { error, whole } => Sure::Fails { error, whole },
            Sure::Is(value) if value.is_true() == so => self.expr(other),
            Sure::Is(value) => Sure::Is(value),
            Sure::Open => {
                self.branch(other);
                Sure::Open
            }
        }
    }

    /// All of these, one after another.
    fn all(&mut self, parts: impl IntoIterator<Item = &'a Expr>) -> Sure<'a> {
        let mut given = true;
        for part in parts {
            match self.expr(part) {
                Sure::Fails { error, whole } => {
                    return Sure::Fails {
                        error,
                        whole: whole && given,
                    };
                }
                Sure::Is(_) => {}
                Sure::Open => given = false,
            }
        }
        Sure::Open
    }

    fn is_nothing(&self, expr: &'a Expr) -> bool {
        self.is_closed(expr)
            && matches!(
                self.evaluate(|run| run.number(expr).map(Value::Integer)),
                Sure::Is(Value::Integer(0))
            )
    }

    /// Whether neither facts nor the day decide about it, and the tables it needs are at hand.
    fn is_closed(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Field(_) | Expr::AsOf | Expr::Member { .. } | Expr::CustomField(_) => false,
            Expr::Apply(_, op) => {
                let at_hand = match &**op {
                    Op::Lookup(table) => self.tables.get(table.as_str()).is_some(),
                    _ => true,
                };
                at_hand && parts(expr).into_iter().all(|part| self.is_closed(part))
            }
            _ => parts(expr).into_iter().all(|part| self.is_closed(part)),
        }
    }

    /// The same in every time zone, or nothing is known.
    fn evaluate(&self, of: impl Fn(Run<'a>) -> Result<Value<'a>, Stop>) -> Sure<'a> {
        let mut is: Option<Value<'a>> = None;
        let mut fails: Option<EvalError> = None;
        for (number, input) in self.inputs.iter().enumerate() {
            match of(Run::new(self.program, *input)) {
                Ok(value) if number == 0 => is = Some(value),
                Ok(value) => {
                    if !is.as_ref().is_some_and(|first| same(first, &value)) {
                        return Sure::Open;
                    }
                }
                Err(Stop::Other(error)) if number == 0 || fails.is_some() => {
                    let open = matches!(
                        *error,
                        EvalError::Unmapped {
                            policy: Unmapped::Report,
                            ..
                        }
                    );
                    if open {
                        return Sure::Open;
                    }
                    fails.get_or_insert(*error);
                }
                Err(_) => return Sure::Open,
            }
        }
        match (is, fails) {
            (Some(value), None) => Sure::Is(value),
            (None, Some(error)) => Sure::Fails { error, whole: true },
            _ => Sure::Open,
        }
    }
}

/// Whether two values of one type are written in one way.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    let text = |value: &Value<'_>| value.clone().into_text().to_string();
    std::mem::discriminant(one) == std::mem::discriminant(other) && text(one) == text(other)
}
