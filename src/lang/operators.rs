//! Operators: which types they take, and how dates written as text become dates.

use std::ops::Range;

use minijinja::machinery::ast;

use super::Scope;
use super::compile::{Compiler, Type, Typed};
use super::ir::{Arithmetic, Comparison, Expr};

impl Compiler<'_> {
    pub(super) fn binary(&mut self, binary: &ast::BinOp<'_>, whole: Range<usize>) -> Typed {
        use ast::BinOpKind as Kind;
        let comparison = match binary.op {
            Kind::ScAnd | Kind::ScOr => {
                let records = matches!(self.scope, Scope::Record { .. });
                let (left, right) = if records {
                    (self.expr(&binary.left).0, self.expr(&binary.right).0)
                } else {
                    (self.truth(&binary.left), self.truth(&binary.right))
                };
                let kind = if records { Type::Any } else { Type::Boolean };
                let (left, right) = (Box::new(left), Box::new(right));
                return match binary.op {
                    Kind::ScAnd => (Expr::And(left, right), kind),
                    _ => (Expr::Or(left, right), kind),
                };
            }
            Kind::Eq => Comparison::Equal,
            Kind::Ne => Comparison::NotEqual,
            Kind::Lt => Comparison::Less,
            Kind::Lte => Comparison::LessOrEqual,
            Kind::Gt => Comparison::Greater,
            Kind::Gte => Comparison::GreaterOrEqual,
            Kind::In => return self.contained(binary, whole),
            Kind::Concat => {
                let left = self.expr(&binary.left).0;
                let right = self.expr(&binary.right).0;
                return (Expr::Join(Box::new(left), Box::new(right)), Type::Text);
            }
            Kind::Add => return self.arithmetic(Arithmetic::Add, binary, whole),
            Kind::Sub => return self.arithmetic(Arithmetic::Subtract, binary, whole),
            Kind::Mul => return self.arithmetic(Arithmetic::Multiply, binary, whole),
            Kind::FloorDiv => return self.arithmetic(Arithmetic::Divide, binary, whole),
            Kind::Rem => return self.arithmetic(Arithmetic::Remainder, binary, whole),
            Kind::Div => {
                return self.not_allowed(
                    whole,
                    "`/` gives fractions, which are not part of the language",
                    "`//` divides whole numbers",
                );
            }
            Kind::Pow => {
                return self.not_allowed(whole, "`**` is not part of the language", "use `*`");
            }
        };
        let left = self.expr(&binary.left);
        let right = self.expr(&binary.right);
        self.comparison(comparison, left, right, whole)
    }

    fn arithmetic(
        &mut self,
        operation: Arithmetic,
        binary: &ast::BinOp<'_>,
        whole: Range<usize>,
    ) -> Typed {
        let (left, left_type) = self.expr(&binary.left);
        let (right, right_type) = self.expr(&binary.right);
        if operation == Arithmetic::Add && (left_type, right_type) == (Type::Text, Type::Text) {
            return (Expr::Join(Box::new(left), Box::new(right)), Type::Text);
        }
        for found in [left_type, right_type] {
            if !matches!(found, Type::Integer | Type::Any) {
                let help = match found {
                    Type::Date | Type::DateTime => "`date | plus_days(n)` counts with dates",
                    _ => "`~` joins texts; `text | int` makes a number",
                };
                return self.error(
                    "language-type",
                    whole,
                    format!("{} cannot be calculated with", found.named()),
                    Some(help.to_owned()),
                );
            }
        }
        (
            Expr::Arithmetic(operation, Box::new(left), Box::new(right)),
            Type::Integer,
        )
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: Typed,
        right: Typed,
        whole: Range<usize>,
    ) -> Typed {
        let ordering = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let (left, right) = match self.dates(left, right, &whole) {
            Ok(sides) => sides,
            Err(wrong) => return wrong,
        };
        let (left, left_type) = left;
        let (right, right_type) = right;
        match (left_type, right_type) {
            (Type::Any, _) | (_, Type::Any) => {}
            (Type::List, _) | (_, Type::List) => {
                return self.error(
                    "language-type",
                    whole,
                    "a list cannot be compared",
                    Some("ask whether something is in it: `'x' in person.list`".to_owned()),
                );
            }
            (one, other) if one != other => {
                return self.error(
                    "language-type",
                    whole,
                    format!("{} is compared with {}", one.named(), other.named()),
                    Some(match (one, other) {
                        (Type::Text, Type::Integer) | (Type::Integer, Type::Text) => {
                            "text stands in quotes; `text | int` makes a number".to_owned()
                        }
                        (Type::Boolean, _) | (_, Type::Boolean) => {
                            "write `true` and `false` without quotes".to_owned()
                        }
                        _ => "compare values of one type".to_owned(),
                    }),
                );
            }
            (Type::Text | Type::Boolean, _) if ordering => {
                return self.error(
                    "language-type",
                    whole,
                    format!("{} has no order", left_type.named()),
                    Some("only numbers, dates and moments come before one another".to_owned()),
                );
            }
            _ => {}
        }
        (
            Expr::Compare(comparison, Box::new(left), Box::new(right)),
            Type::Boolean,
        )
    }

    /// Brings dates, moments and dates written as text to a common type.
    fn dates(
        &mut self,
        left: Typed,
        right: Typed,
        whole: &Range<usize>,
    ) -> Result<(Typed, Typed), Typed> {
        let (left, right) = match (&left, &right) {
            ((_, kind @ (Type::Date | Type::DateTime)), (Expr::Text(text), _)) => {
                let parsed = self.written_date(*kind, text, whole)?;
                (left, parsed)
            }
            ((Expr::Text(text), _), (_, kind @ (Type::Date | Type::DateTime))) => {
                let parsed = self.written_date(*kind, text, whole)?;
                (parsed, right)
            }
            _ => (left, right),
        };
        Ok(match (left.1, right.1) {
            (Type::Date, Type::DateTime) => (left, (Expr::ToDate(Box::new(right.0)), Type::Date)),
            (Type::DateTime, Type::Date) => ((Expr::ToDate(Box::new(left.0)), Type::Date), right),
            _ => (left, right),
        })
    }

    fn written_date(
        &mut self,
        kind: Type,
        text: &str,
        whole: &Range<usize>,
    ) -> Result<Typed, Typed> {
        parse_date(kind, text).ok_or_else(|| {
            self.error(
                "language-type",
                whole.clone(),
                format!("{text:?} is not a date"),
                Some("write dates as '2026-01-31'".to_owned()),
            )
        })
    }

    fn contained(&mut self, binary: &ast::BinOp<'_>, whole: Range<usize>) -> Typed {
        let (needle, needle_type) = self.expr(&binary.left);
        let (place, place_type) = self.expr(&binary.right);
        let fits = match (needle_type, place_type) {
            (_, Type::Any) | (Type::Any, Type::List | Type::Text) => true,
            (Type::Text, Type::Text) => true,
            (Type::Text, Type::List) => match &place {
                Expr::List(items) => items.iter().all(|item| !matches!(item, Expr::Integer(_))),
                _ => true,
            },
            (Type::Integer, Type::List) => match &place {
                Expr::List(items) => items.iter().all(|item| matches!(item, Expr::Integer(_))),
                _ => false,
            },
            _ => false,
        };
        if !fits {
            return self.error(
                "language-type",
                whole,
                format!(
                    "{} cannot be in {}",
                    needle_type.named(),
                    match place_type {
                        Type::List => "this list",
                        other => other.named(),
                    }
                ),
                Some("write `person.x in ['a', 'b']` or `'a' in person.list`".to_owned()),
            );
        }
        (Expr::In(Box::new(needle), Box::new(place)), Type::Boolean)
    }
}

/// A date or moment written as text.
pub(super) fn parse_date(kind: Type, text: &str) -> Option<Typed> {
    if let Some(date) = super::dates::iso_date(text) {
        return Some((Expr::Date(date), Type::Date));
    }
    match kind {
        Type::DateTime => text
            .parse()
            .ok()
            .map(|moment| (Expr::DateTime(moment), Type::DateTime)),
        _ => None,
    }
}
