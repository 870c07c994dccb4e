//! On which days the answer of a condition can become another although no fact does.
//!
//! Knows the tree of a condition, no calendar and no plans. Exact on the safe side: where a condition compares
//! `as_of`, give or take days, with something that does not depend on it, the days around that are named; any other
//! use of `as_of` can turn on any day, and says so.

use jiff::Span;
use jiff::civil::Date;

use super::eval::{Input, Run};
use super::ir::{Arithmetic, Expr, Node, Op, Program, Unit};
use super::value::Value;
use super::{Condition, PersonContext, Template};

/// When an answer can turn.
#[derive(Debug)]
pub struct Timing<'a> {
    program: &'a Program,
    /// Of each comparison with `as_of`, what it is compared with: dates and numbers of days.
    compared: Vec<Vec<&'a Expr>>,
    anytime: bool,
}

/// With more numbers of days in one comparison it is not worth adding them up in every way.
const NUMBERS: usize = 4;

impl Condition {
    /// When its answer can turn.
    pub fn timing(&self) -> Timing<'_> {
        let mut timing = Timing::new(&self.program);
        timing.walk(&self.root);
        timing
    }
}

impl Template {
    /// When its text can become another.
    pub fn timing(&self) -> Timing<'_> {
        let mut timing = Timing::new(&self.program);
        timing.anytime = self.nodes.iter().any(node_speaks);
        timing
    }
}

impl<'a> Timing<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            compared: Vec::new(),
            anytime: false,
        }
    }

    /// It can turn on any day.
    pub fn is_anytime(&self) -> bool {
        self.anytime
    }

    /// Adds the days on which the answer for a person can turn, and some on which it cannot. False when it can on any
    /// day.
    #[must_use]
    pub fn days(&self, context: &PersonContext<'_>, into: &mut Vec<Date>) -> bool {
        !self.anytime
            && self
                .compared
                .iter()
                .all(|leaves| self.compared(leaves, context, into))
    }

    fn compared(
        &self,
        leaves: &[&Expr],
        context: &PersonContext<'_>,
        into: &mut Vec<Date>,
    ) -> bool {
        let run = Run::new(self.program, Input::Person(context));
        let mut dates = Vec::new();
        let mut numbers = Vec::new();
        for leaf in leaves {
            match run.eval(leaf) {
                Ok(Value::Date(date)) => dates.push(date),
                Ok(Value::DateTime(moment)) => {
                    dates.push(context.as_of.time_zone().to_datetime(moment).date());
                }
                Ok(Value::Integer(0)) => {}
                Ok(Value::Integer(number)) => numbers.push(number),
                Ok(Value::Text(text)) => match super::dates::iso_date(&text) {
                    Some(date) => dates.push(date),
                    None => return false,
                },
                Ok(_) => return false,
                // Without a value there is no answer on any day, or another one that is named beside it.
                Err(_) => {}
            }
        }
        if numbers.len() > NUMBERS {
            return false;
        }
        let mut offsets = vec![0_i64];
        for number in numbers {
            let Some(negative) = number.checked_neg() else {
                return false;
            };
            let before = offsets.clone();
            for by in [number, negative] {
                offsets.extend(before.iter().filter_map(|offset| offset.checked_add(by)));
            }
        }
        for date in dates {
            for offset in &offsets {
                for beside in [-1, 0, 1] {
                    let days = offset.saturating_add(beside);
                    // Beyond the calendar nothing turns.
                    let day = Span::new()
                        .try_days(days)
                        .and_then(|span| date.checked_add(span));
                    into.extend(day.ok());
                }
            }
        }
        true
    }

    fn walk(&mut self, expr: &'a Expr) {
        if self.anytime || !speaks(expr) {
            return;
        }
        match expr {
            Expr::Compare(_, one, other) => {
                let mut leaves = Vec::new();
                // Said twice it may count twice, and then the days lie elsewhere.
                let once = count(one) + count(other) == 1;
                if once && self.linear(one, &mut leaves) && self.linear(other, &mut leaves) {
                    self.compared.push(leaves);
                } else {
                    self.anytime = true;
                }
            }
            Expr::Not(inner) => self.walk(inner),
            Expr::And(one, other) | Expr::Or(one, other) => {
                self.walk(one);
                self.walk(other);
            }
            Expr::If(condition, yes, no) => {
                self.walk(condition);
                self.walk(yes);
                self.walk(no);
            }
            Expr::Default { value, other, .. } => {
                self.walk(value);
                self.walk(other);
            }
            _ => self.anytime = true,
        }
    }

    /// Whether an expression is `as_of` give or take days, or does not depend on it; notes what else is in it.
    fn linear(&mut self, expr: &'a Expr, leaves: &mut Vec<&'a Expr>) -> bool {
        if !speaks(expr) {
            leaves.push(expr);
            return true;
        }
        match expr {
            Expr::AsOf => true,
            Expr::ToDate(inner) => self.linear(inner, leaves),
            Expr::Apply(inner, op) => match &**op {
                Op::PlusDays(days) => self.linear(inner, leaves) && self.linear(days, leaves),
                Op::Until(Unit::Days, other) => {
                    self.linear(inner, leaves) && self.linear(other, leaves)
                }
                Op::ToDate(None) => self.linear(inner, leaves),
                _ => false,
            },
            Expr::Default { value, other, .. } => {
                self.linear(value, leaves) && self.linear(other, leaves)
            }
            Expr::Extreme { of, .. } => of.iter().all(|one| self.linear(one, leaves)),
            Expr::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, one, other) => {
                self.linear(one, leaves) && self.linear(other, leaves)
            }
            _ => false,
        }
    }
}

fn node_speaks(node: &Node) -> bool {
    match node {
        Node::Raw(_) => false,
        Node::Emit(expr) => speaks(expr),
        Node::If(condition, yes, no) => speaks(condition) || yes.iter().chain(no).any(node_speaks),
    }
}

/// Whether an expression speaks of `as_of`.
fn speaks(expr: &Expr) -> bool {
    count(expr) > 0
}

/// How often it does.
fn count(expr: &Expr) -> usize {
    if matches!(expr, Expr::AsOf) {
        return 1;
    }
    parts(expr).into_iter().map(count).sum()
}

/// The expressions an expression is made of, arguments of functions included.
pub(super) fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::List(items) | Expr::Extreme { of: items, .. } => items.iter().collect(),
        Expr::Not(inner)
        | Expr::IsDefined(inner)
        | Expr::IsBlank(inner)
        | Expr::ToDate(inner)
        | Expr::ToText(inner) => vec![inner],
        Expr::Apply(inner, op) => {
            let mut parts = arguments(op);
            parts.push(inner);
            parts
        }
        Expr::And(one, other)
        | Expr::Or(one, other)
        | Expr::Compare(_, one, other)
        | Expr::In(one, other)
        | Expr::Arithmetic(_, one, other)
        | Expr::Join(one, other) => vec![one, other],
        Expr::If(condition, yes, no) => vec![condition, yes, no],
        Expr::Default { value, other, .. } => vec![value, other],
        Expr::Text(_)
        | Expr::Integer(_)
        | Expr::Boolean(_)
        | Expr::Date(_)
        | Expr::DateTime(_)
        | Expr::Field(_)
        | Expr::AsOf
        | Expr::Member { .. }
        | Expr::CustomField(_) => Vec::new(),
    }
}

/// The expressions given to a filter or test.
pub(super) fn arguments(op: &Op) -> Vec<&Expr> {
    match op {
        Op::Left(one)
        | Op::Right(one)
        | Op::Before(one)
        | Op::After(one)
        | Op::IndexOf(one)
        | Op::StartsWith(one)
        | Op::EndsWith(one)
        | Op::Contains(one)
        | Op::Split(one)
        | Op::Join(one)
        | Op::Item(one)
        | Op::BitAnd(one)
        | Op::BitOr(one)
        | Op::PlusDays(one)
        | Op::PlusMonths(one)
        | Op::PlusYears(one)
        | Op::PlusHours(one)
        | Op::PlusMinutes(one)
        | Op::Until(_, one) => vec![one],
        Op::Mid(one, other)
        | Op::Replace(one, other)
        | Op::PadLeft(one, other)
        | Op::PadRight(one, other) => vec![one, other],
        Op::Word(one, other) => std::iter::once(one).chain(other).collect(),
        Op::Switch(switch) => switch
            .rows
            .iter()
            .map(|(_, value)| value)
            .chain(&switch.other)
            .collect(),
        Op::Lower(_)
        | Op::Upper(_)
        | Op::Title(_)
        | Op::Capitalize
        | Op::Trim
        | Op::Squeeze
        | Op::StripSpaces
        | Op::StripDiacritics
        | Op::Digits
        | Op::Initials
        | Op::Latin(_)
        | Op::Login(_)
        | Op::Slug(_)
        | Op::RegexReplace(..)
        | Op::RegexExtract(..)
        | Op::Base64(_)
        | Op::FromBase64
        | Op::Hex
        | Op::Uuid
        | Op::Phone(_)
        | Op::Lookup(_)
        | Op::Matches(_)
        | Op::IsInteger
        | Op::IsDate(_)
        | Op::IsPhone(_)
        | Op::First
        | Op::Last
        | Op::Length
        | Op::Words
        | Op::Unique
        | Op::Sort
        | Op::Reverse
        | Op::Compact
        | Op::Integer
        | Op::Boolean
        | Op::Text
        | Op::ToDate(_)
        | Op::ToDateTime(_)
        | Op::FromFiletime
        | Op::FromUnix
        | Op::FromGeneralisedTime
        | Op::Format(_)
        | Op::At(_)
        | Op::Part(_)
        | Op::Filetime
        | Op::Unix
        | Op::GeneralisedTime => Vec::new(),
    }
}
