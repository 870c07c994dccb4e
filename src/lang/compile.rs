//! From syntax tree to typed operations: resolves every name, checks every type, and collects all that is wrong.

use std::collections::BTreeSet;
use std::ops::Range;

use compact_str::CompactString;
use minijinja::machinery::{Span, ast};
use minijinja::value::ValueKind;

use super::ir::{Arithmetic, Comparison, Expr, Node, Program, Step};
use super::names::closest;
use super::{LangError, Scope, parse};
use crate::model::{FactType, Name};

/// The type of an expression. Over records everything read is [`Type::Any`]; for people every type is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Integer,
    Boolean,
    Date,
    DateTime,
    List,
    /// Not known before it runs, or wrong and already reported.
    Any,
}

impl Type {
    pub(super) fn named(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Date => "a date",
            Self::DateTime => "a moment",
            Self::List => "a list",
            Self::Any => "of any type",
        }
    }

    fn of_fact(fact: FactType) -> Self {
        match fact {
            FactType::Text => Self::Text,
            FactType::Integer => Self::Integer,
            FactType::Boolean => Self::Boolean,
            FactType::Date => Self::Date,
            FactType::DateTime => Self::DateTime,
            FactType::List => Self::List,
        }
    }
}

/// An expression with its type.
pub(super) type Typed = (Expr, Type);

/// Stands where something is wrong; never runs, because an error has been reported.
pub(super) const WRONG: Typed = (Expr::Boolean(false), Type::Any);

pub(super) fn template(
    text: &str,
    scope: &Scope<'_>,
) -> Result<(Vec<Node>, Program), Vec<LangError>> {
    let tree = parse::template(text).map_err(|error| vec![error])?;
    let mut compiler = Compiler::new(text, scope);
    let nodes = match &tree {
        ast::Stmt::Template(template) => compiler.nodes(&template.children),
        _ => Vec::new(),
    };
    compiler.finish(nodes)
}

pub(super) fn condition(text: &str, scope: &Scope<'_>) -> Result<(Expr, Program), Vec<LangError>> {
    let tree = parse::expression(text).map_err(|error| vec![error])?;
    let mut compiler = Compiler::new(text, scope);
    let root = compiler.truth(&tree);
    compiler.finish(root)
}

pub(super) fn expression(text: &str, scope: &Scope<'_>) -> Result<(Expr, Program), Vec<LangError>> {
    let tree = parse::expression(text).map_err(|error| vec![error])?;
    let mut compiler = Compiler::new(text, scope);
    let (root, _) = compiler.expr(&tree);
    compiler.finish(root)
}

pub(super) struct Compiler<'a> {
    pub(super) text: &'a str,
    pub(super) scope: &'a Scope<'a>,
    errors: Vec<LangError>,
    fields: Vec<Name>,
    slots: Vec<u16>,
    pub(super) tables: BTreeSet<Name>,
    members: BTreeSet<(String, String)>,
    pub(super) custom_fields: BTreeSet<String>,
}

impl<'a> Compiler<'a> {
    fn new(text: &'a str, scope: &'a Scope<'a>) -> Self {
        Self {
            text,
            scope,
            errors: Vec::new(),
            fields: Vec::new(),
            slots: Vec::new(),
            tables: BTreeSet::new(),
            members: BTreeSet::new(),
            custom_fields: BTreeSet::new(),
        }
    }

    fn finish<T>(mut self, compiled: T) -> Result<(T, Program), Vec<LangError>> {
        if !self.errors.is_empty() {
            self.errors
                .sort_by(|a, b| (a.range.start, a.range.end).cmp(&(b.range.start, b.range.end)));
            self.errors.dedup();
            return Err(self.errors);
        }
        let mut fields_sorted = self.fields.clone();
        fields_sorted.sort();
        let program = Program {
            fields: self.fields,
            slots: self.slots,
            fields_sorted,
            tables: self.tables.into_iter().collect(),
            members: self.members.into_iter().collect(),
            custom_fields: self.custom_fields.into_iter().collect(),
        };
        Ok((compiled, program))
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Typed {
        self.errors.push(LangError {
            code,
            message: message.into(),
            help,
            range: parse::within(self.text, range),
        });
        WRONG
    }

    fn not_allowed(&mut self, range: Range<usize>, message: &str, help: &str) -> Typed {
        self.error(
            "language-not-allowed",
            range,
            message,
            Some(help.to_owned()),
        )
    }

    // Statements.

    fn nodes(&mut self, statements: &[ast::Stmt<'_>]) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(statements.len());
        for statement in statements {
            match statement {
                ast::Stmt::EmitRaw(raw) => nodes.push(Node::Raw(CompactString::from(raw.raw))),
                ast::Stmt::EmitExpr(emit) => {
                    let (expr, _) = self.expr(&emit.expr);
                    nodes.push(match expr {
                        Expr::Text(text) => Node::Raw(text),
                        expr => Node::Emit(expr),
                    });
                }
                ast::Stmt::IfCond(branch) => {
                    let condition = self.truth(&branch.expr);
                    let yes = self.nodes(&branch.true_body);
                    let no = self.nodes(&branch.false_body);
                    nodes.push(Node::If(condition, yes, no));
                }
                other => {
                    let (name, span) = statement_name(other);
                    let range = offsets(span);
                    self.not_allowed(
                        range,
                        &format!("`{name}` is not part of the language"),
                        "only `{% if %}`, `{% elif %}`, `{% else %}` and `{% endif %}` are; use filters and lookup tables",
                    );
                }
            }
        }
        merge_raw(nodes)
    }

    // Expressions.

    /// An expression that must be true or false.
    pub(super) fn truth(&mut self, tree: &ast::Expr<'_>) -> Expr {
        let (expr, found) = self.expr(tree);
        if !matches!(found, Type::Boolean | Type::Any) {
            let written = self.written(tree).to_owned();
            self.error(
                "language-type",
                range(tree),
                format!("`{written}` is {}, not true or false", found.named()),
                Some(match found {
                    Type::Text | Type::List => format!(
                        "compare it, or ask whether there is a value: `{written} is defined`"
                    ),
                    _ => "compare it with something".to_owned(),
                }),
            );
        }
        expr
    }

    pub(super) fn expr(&mut self, tree: &ast::Expr<'_>) -> Typed {
        match tree {
            ast::Expr::Const(constant) => self.constant(&constant.value, range(tree)),
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.path(tree),
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => {
                    let inner = self.truth(&unary.expr);
                    (Expr::Not(Box::new(inner)), Type::Boolean)
                }
                ast::UnaryOpKind::Neg => {
                    let inner = self.number(&unary.expr);
                    match inner {
                        Expr::Integer(number) => {
                            (Expr::Integer(number.saturating_neg()), Type::Integer)
                        }
                        inner => (
                            Expr::Arithmetic(
                                Arithmetic::Subtract,
                                Box::new(Expr::Integer(0)),
                                Box::new(inner),
                            ),
                            Type::Integer,
                        ),
                    }
                }
            },
            ast::Expr::BinOp(binary) => self.binary(binary, range(tree)),
            ast::Expr::Compare(_) => self.not_allowed(
                range(tree),
                "comparisons cannot be chained",
                "write `a < b and b < c`",
            ),
            ast::Expr::IfExpr(branch) => {
                let condition = self.truth(&branch.test_expr);
                let yes = self.expr(&branch.true_expr);
                let Some(otherwise) = &branch.false_expr else {
                    return self.not_allowed(
                        range(tree),
                        "this `if` has no `else`",
                        "say what the value is otherwise: `a if condition else b`",
                    );
                };
                let no = self.expr(otherwise);
                let (yes, no, both) = unify(yes, no);
                (
                    Expr::If(Box::new(condition), Box::new(yes), Box::new(no)),
                    both,
                )
            }
            ast::Expr::Filter(filter) => self.filter(filter, range(tree)),
            ast::Expr::Test(test) => self.test(test, range(tree)),
            ast::Expr::Call(call) => self.call(call, range(tree)),
            ast::Expr::List(list) => self.list(&list.items, range(tree)),
            ast::Expr::Tuple(tuple) => self.list(&tuple.items, range(tree)),
            ast::Expr::Slice(_) => self.not_allowed(
                range(tree),
                "slices are not part of the language",
                "use `left(n)`, `right(n)` or `mid(start, n)`",
            ),
            ast::Expr::Map(_) => self.not_allowed(
                range(tree),
                "maps are not part of the language",
                "use a lookup table",
            ),
        }
    }

    fn constant(&mut self, value: &minijinja::Value, range: Range<usize>) -> Typed {
        match value.kind() {
            ValueKind::String => (
                Expr::Text(CompactString::from(value.as_str().unwrap_or_default())),
                Type::Text,
            ),
            ValueKind::Bool => (Expr::Boolean(value.is_true()), Type::Boolean),
            ValueKind::Number => {
                match i64::try_from(value.clone())
                    .ok()
                    .filter(|_| value.is_integer())
                {
                    Some(number) => (Expr::Integer(number), Type::Integer),
                    None => self.not_allowed(
                        range,
                        "this is not a whole number, or too large",
                        "only whole numbers are part of the language",
                    ),
                }
            }
            _ => self.not_allowed(
                range,
                "`none` is not part of the language",
                "ask `is defined` or `is not defined`",
            ),
        }
    }

    fn list(&mut self, items: &[ast::Expr<'_>], range: Range<usize>) -> Typed {
        let mut compiled = Vec::with_capacity(items.len());
        let mut kind = None;
        for item in items {
            let (expr, found) = self.expr(item);
            if found == Type::List {
                return self.not_allowed(range, "lists cannot hold lists", "write one list");
            }
            if found != Type::Any {
                if kind.is_some_and(|kind| kind != found) {
                    return self.error(
                        "language-type",
                        range,
                        "the items of this list are of different types",
                        None,
                    );
                }
                kind = Some(found);
            }
            compiled.push(expr);
        }
        (Expr::List(compiled), Type::List)
    }

    /// An expression that must be a whole number.
    pub(super) fn number(&mut self, tree: &ast::Expr<'_>) -> Expr {
        self.typed(tree, Type::Integer)
    }

    /// An expression of one type.
    pub(super) fn typed(&mut self, tree: &ast::Expr<'_>, wanted: Type) -> Expr {
        let (expr, found) = self.expr(tree);
        if found != wanted && found != Type::Any {
            let written = self.written(tree).to_owned();
            self.error(
                "language-type",
                range(tree),
                format!("`{written}` is {}, not {}", found.named(), wanted.named()),
                (wanted == Type::Integer && found == Type::Text)
                    .then(|| format!("`{written} | int` makes a number of it")),
            );
        }
        expr
    }

    fn binary(&mut self, binary: &ast::BinOp<'_>, whole: Range<usize>) -> Typed {
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

    // Names.

    /// `person.FIELD`, `as_of`, `ENDPOINT.member.member`.
    fn path(&mut self, tree: &ast::Expr<'_>) -> Typed {
        let mut steps = Vec::new();
        let mut inner = tree;
        let root = loop {
            match inner {
                ast::Expr::Var(root) => break root,
                ast::Expr::GetAttr(attribute) => {
                    let end = attribute.span().end_offset as usize;
                    let name = end.saturating_sub(attribute.name.len())..end;
                    steps.push((Step::Member(attribute.name.into()), name));
                    inner = &attribute.expr;
                }
                ast::Expr::GetItem(item) => {
                    let place = offsets(item.subscript_expr.span());
                    let ast::Expr::Const(constant) = &item.subscript_expr else {
                        return self.not_allowed(
                            place,
                            "only a written name or number may stand in brackets",
                            "name the field itself",
                        );
                    };
                    if let Some(name) = constant.value.as_str() {
                        steps.push((Step::Member(name.into()), place));
                    } else if let Ok(number) = usize::try_from(constant.value.clone()) {
                        steps.push((Step::Item(number), place));
                    } else {
                        return self.not_allowed(
                            place,
                            "only a written name or number may stand in brackets",
                            "name the field itself",
                        );
                    }
                    inner = &item.expr;
                }
                other => {
                    return self.not_allowed(
                        range(tree),
                        "only `person` and records have members",
                        &format!(
                            "`{}` has none; use a filter",
                            self.written(other).to_owned()
                        ),
                    );
                }
            }
        };
        steps.reverse();
        let place = offsets(root.span());
        match *self.scope {
            Scope::Person { fields, .. } => self.person_path(root.id, place, &steps, fields),
            Scope::Record { endpoints } => self.record_path(root.id, place, steps, endpoints),
        }
    }

    fn person_path(
        &mut self,
        root: &str,
        place: Range<usize>,
        steps: &[(Step, Range<usize>)],
        fields: &[(Name, FactType)],
    ) -> Typed {
        match (root, steps) {
            ("as_of", []) => (Expr::AsOf, Type::Date),
            ("person", [(Step::Member(name), place)]) => self.field(name, place.clone(), fields),
            ("person", []) => self.error(
                "language-type",
                place,
                "`person` alone is not a value",
                Some("name a field: `person.FIELD`".to_owned()),
            ),
            ("person", [(Step::Member(name), first), (_, second), ..]) => {
                self.field(name, first.clone(), fields);
                self.not_allowed(
                    second.clone(),
                    "a field has no members",
                    "use filters such as `first`, `word(n)` or `split`",
                )
            }
            ("person" | "as_of", [(_, place), ..]) => self.not_allowed(
                place.clone(),
                "only `person` has members",
                "name a field: `person.FIELD`",
            ),
            _ => {
                let help = if fields.iter().any(|(name, _)| name.as_str() == root) {
                    Some(format!("write `person.{root}`"))
                } else {
                    closest(root, ["person", "as_of"]).map(|near| format!("did you mean `{near}`?"))
                };
                self.error(
                    "language-unknown-variable",
                    place,
                    format!("there is no `{root}` here"),
                    help.or_else(|| Some("there are `person` and `as_of`".to_owned())),
                )
            }
        }
    }

    fn field(&mut self, name: &str, place: Range<usize>, fields: &[(Name, FactType)]) -> Typed {
        let found = fields
            .iter()
            .enumerate()
            .find(|(_, (field, _))| field.as_str() == name)
            .and_then(|(slot, (field, kind))| Some((u16::try_from(slot).ok()?, field, *kind)));
        let Some((slot, field, kind)) = found else {
            let near = closest(name, fields.iter().map(|(field, _)| field.as_str()));
            return self.error(
                "language-unknown-field",
                place,
                format!("the source declares no field `{name}`"),
                Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "declare it under `person.fields` of the source".to_owned(),
                }),
            );
        };
        let known = self.slots.iter().position(|known| *known == slot);
        let index = known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.fields.push(field.clone());
            self.slots.len() - 1
        });
        match u16::try_from(index) {
            Ok(index) => (Expr::Field(index), Type::of_fact(kind)),
            Err(_) => WRONG,
        }
    }

    fn record_path(
        &mut self,
        root: &str,
        place: Range<usize>,
        steps: Vec<(Step, Range<usize>)>,
        endpoints: &BTreeSet<String>,
    ) -> Typed {
        if !endpoints.contains(root) {
            let near = closest(root, endpoints.iter().map(String::as_str));
            return self.error(
                "language-unknown-variable",
                place,
                format!("there is no endpoint `{root}`"),
                Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "there are {}",
                        endpoints
                            .iter()
                            .map(String::as_str)
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                }),
            );
        }
        let Some((Step::Member(member), _)) = steps.first() else {
            return self.error(
                "language-type",
                place,
                format!("`{root}` alone is not a value"),
                Some(format!("name a member: `{root}.MEMBER`")),
            );
        };
        self.members.insert((root.to_owned(), member.to_string()));
        (
            Expr::Member {
                endpoint: root.into(),
                path: steps.into_iter().map(|(step, _)| step).collect(),
            },
            Type::Any,
        )
    }

    /// The text of an expression as the user wrote it.
    pub(super) fn written(&self, tree: &ast::Expr<'_>) -> &'a str {
        let range = parse::within(self.text, range(tree));
        self.text[range].trim()
    }
}

/// A date or moment written as text.
pub(super) fn parse_date(kind: Type, text: &str) -> Option<Typed> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
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

/// Two alternatives with one type: texts of both where their types differ.
pub(super) fn unify(left: Typed, right: Typed) -> (Expr, Expr, Type) {
    let (left, right) = match (left, right) {
        (left @ (_, kind @ (Type::Date | Type::DateTime)), (Expr::Text(text), other)) => {
            let right = parse_date(kind, &text).unwrap_or((Expr::Text(text), other));
            (left, right)
        }
        sides => sides,
    };
    match (left.1, right.1) {
        (one, other) if one == other => (left.0, right.0, one),
        (Type::Any, _) | (_, Type::Any) => (left.0, right.0, Type::Any),
        _ => (
            Expr::ToText(Box::new(left.0)),
            Expr::ToText(Box::new(right.0)),
            Type::Text,
        ),
    }
}

fn merge_raw(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match (merged.last_mut(), node) {
            (Some(Node::Raw(before)), Node::Raw(text)) => before.push_str(&text),
            (_, Node::Raw(text)) if text.is_empty() => {}
            (_, node) => merged.push(node),
        }
    }
    merged
}

/// The bytes of an expression, from its first token: some spans of the parser begin at an operator or a filter.
pub(super) fn range(tree: &ast::Expr<'_>) -> Range<usize> {
    start(tree)..tree.span().end_offset as usize
}

fn start(tree: &ast::Expr<'_>) -> usize {
    match tree {
        ast::Expr::BinOp(binary) => start(&binary.left),
        ast::Expr::Compare(compare) => start(&compare.expr),
        ast::Expr::IfExpr(branch) => start(&branch.true_expr),
        ast::Expr::Filter(filter) => filter
            .expr
            .as_ref()
            .map_or(filter.span().start_offset as usize, start),
        ast::Expr::Test(test) => start(&test.expr),
        ast::Expr::GetAttr(attribute) => start(&attribute.expr),
        ast::Expr::GetItem(item) => start(&item.expr),
        ast::Expr::Slice(slice) => start(&slice.expr),
        ast::Expr::Call(call) => start(&call.expr),
        // `x is not defined` and `x not in y` are negations that begin with their operand.
        ast::Expr::UnaryOp(unary) => start(&unary.expr).min(unary.span().start_offset as usize),
        other => other.span().start_offset as usize,
    }
}

pub(super) fn offsets(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

fn statement_name(statement: &ast::Stmt<'_>) -> (&'static str, Span) {
    match statement {
        ast::Stmt::ForLoop(node) => ("for", node.span()),
        ast::Stmt::WithBlock(node) => ("with", node.span()),
        ast::Stmt::Set(node) => ("set", node.span()),
        ast::Stmt::SetBlock(node) => ("set", node.span()),
        ast::Stmt::AutoEscape(node) => ("autoescape", node.span()),
        ast::Stmt::FilterBlock(node) => ("filter", node.span()),
        ast::Stmt::Block(node) => ("block", node.span()),
        ast::Stmt::Import(node) => ("import", node.span()),
        ast::Stmt::FromImport(node) => ("from", node.span()),
        ast::Stmt::Extends(node) => ("extends", node.span()),
        ast::Stmt::Include(node) => ("include", node.span()),
        ast::Stmt::Macro(node) => ("macro", node.span()),
        ast::Stmt::CallBlock(node) => ("call", node.span()),
        ast::Stmt::Do(node) => ("do", node.span()),
        ast::Stmt::Template(node) => ("template", node.span()),
        ast::Stmt::EmitExpr(node) => ("{{ }}", node.span()),
        ast::Stmt::EmitRaw(node) => ("text", node.span()),
        ast::Stmt::IfCond(node) => ("if", node.span()),
    }
}
