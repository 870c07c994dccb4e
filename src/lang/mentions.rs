//! Which values of fields a compiled text speaks of by name: what it compares them with, and the keys it looks up.
//!
//! For a report of values nobody wrote a rule for. Arguments of functions are not looked into.

use compact_str::CompactString;

use super::eval::{self, Input};
use super::ir::{Comparison, Expr, Node, Op, Program};
use super::{Condition, PersonContext, Template};
use crate::model::{FieldIndex, Name};

/// A comparison of one field with what the configuration says.
#[derive(Debug)]
pub struct Mention<'a> {
    /// The field.
    pub field: FieldIndex,
    program: &'a Program,
    test: Expr,
}

/// A key that is looked up in a table.
#[derive(Debug)]
pub struct Looked<'a> {
    /// The table.
    pub table: &'a Name,
    /// The fields the key is made of.
    pub fields: Vec<FieldIndex>,
    program: &'a Program,
    lookup: &'a Expr,
}

impl Mention<'_> {
    /// Whether the person's value is what it speaks of.
    pub fn names(&self, context: &PersonContext<'_>) -> bool {
        eval::holds(self.program, &self.test, Input::Person(context)) == Ok(true)
    }
}

impl Looked<'_> {
    /// The key of a person that has no row, whatever the table says such a key means; `None` when it has one, or
    /// when there is no key.
    pub fn without_row(&self, context: &PersonContext<'_>) -> Option<CompactString> {
        let key = eval::text(self.program, self.lookup, context)?;
        let lost = !key.trim().is_empty() && !context.tables.has(self.table.as_str(), &key);
        lost.then_some(key)
    }
}

impl Condition {
    /// What it compares fields with.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let mut found = Found::new(&self.program);
        found.expr(&self.root);
        found.mentions
    }

    /// What it looks up.
    pub fn lookups(&self) -> Vec<Looked<'_>> {
        let mut found = Found::new(&self.program);
        found.expr(&self.root);
        found.lookups
    }
}

impl Template {
    /// What its conditions compare fields with.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let mut found = Found::new(&self.program);
        found.nodes(&self.nodes);
        found.mentions
    }

    /// What it looks up.
    pub fn lookups(&self) -> Vec<Looked<'_>> {
        let mut found = Found::new(&self.program);
        found.nodes(&self.nodes);
        found.lookups
    }
}

struct Found<'a> {
    program: &'a Program,
    mentions: Vec<Mention<'a>>,
    lookups: Vec<Looked<'a>>,
}

impl<'a> Found<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            mentions: Vec::new(),
            lookups: Vec::new(),
        }
    }

    fn nodes(&mut self, nodes: &'a [Node]) {
        for node in nodes {
            match node {
                Node::Raw(_) => {}
                Node::Emit(expr) => self.expr(expr),
                Node::If(condition, yes, no) => {
                    self.expr(condition);
                    self.nodes(yes);
                    self.nodes(no);
                }
            }
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Compare(Comparison::Equal | Comparison::NotEqual, one, other) => {
                self.mention(one, other, || {
                    Expr::Compare(Comparison::Equal, one.clone(), other.clone())
                });
            }
            Expr::In(one, list) => self.mention(one, list, || expr.clone()),
            Expr::Apply(inner, op) => match &**op {
                Op::Lookup(table) => {
                    let mut fields = Vec::new();
                    self.fields(inner, &mut fields);
                    self.lookups.push(Looked {
                        table,
                        fields,
                        program: self.program,
                        lookup: inner,
                    });
                }
                Op::StartsWith(of) | Op::EndsWith(of) | Op::Contains(of) if is_constant(of) => {
                    self.mention(inner, of, || expr.clone());
                }
                Op::Matches(_) => {
                    if let Some(field) = self.only_field(inner) {
                        self.push(field, expr.clone());
                    }
                }
                _ => {}
            },
            _ => {}
        }
        for inner in children(expr) {
            self.expr(inner);
        }
    }

    fn mention(&mut self, one: &Expr, other: &Expr, test: impl Fn() -> Expr) {
        let looked_at = match (is_constant(one), is_constant(other)) {
            (false, true) => one,
            (true, false) => other,
            _ => return,
        };
        if let Some(field) = self.only_field(looked_at) {
            self.push(field, test());
        }
    }

    fn push(&mut self, field: FieldIndex, test: Expr) {
        self.mentions.push(Mention {
            field,
            program: self.program,
            test,
        });
    }

    fn only_field(&self, expr: &Expr) -> Option<FieldIndex> {
        let mut fields = Vec::new();
        self.fields(expr, &mut fields);
        match fields[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    fn fields(&self, expr: &Expr, into: &mut Vec<FieldIndex>) {
        if let Expr::Field(at) = expr
            && let Some(slot) = self.program.slots.get(usize::from(*at))
            && !into.contains(&FieldIndex(*slot))
        {
            into.push(FieldIndex(*slot));
        }
        for inner in children(expr) {
            self.fields(inner, into);
        }
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Text(_) | Expr::Integer(_) | Expr::Boolean(_) | Expr::Date(_) => true,
        Expr::List(items) => items.iter().all(is_constant),
        _ => false,
    }
}

/// The expressions an expression is made of, but for arguments of functions.
fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::List(items) | Expr::Extreme { of: items, .. } => items.iter().collect(),
        Expr::Not(inner)
        | Expr::IsDefined(inner)
        | Expr::IsBlank(inner)
        | Expr::ToDate(inner)
        | Expr::ToText(inner)
        | Expr::Apply(inner, _) => vec![inner],
        Expr::And(one, other)
        | Expr::Or(one, other)
        | Expr::Compare(_, one, other)
        | Expr::In(one, other)
        | Expr::Arithmetic(_, one, other)
        | Expr::Join(one, other) => vec![one, other],
        Expr::If(condition, yes, no) => vec![condition, yes, no],
        Expr::Default { value, other, .. } => vec![value, other],
        _ => Vec::new(),
    }
}
