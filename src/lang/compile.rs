//! From syntax tree to typed operations: resolves every name, checks every type, and collects all that is wrong.

use std::collections::BTreeSet;
use std::ops::Range;

use compact_str::CompactString;
use minijinja::machinery::{Span, ast};
use minijinja::value::ValueKind;

use super::ir::{Arithmetic, Expr, Node, Program};
use super::operators::parse_date;
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

    pub(super) fn of_fact(fact: FactType) -> Self {
        match fact {
            // Bytes are their base64.
            FactType::Text | FactType::Email | FactType::Binary => Self::Text,
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

/// An expression and where it stands.
pub(super) type Placed = (Range<usize>, Expr);

/// Every expression in a text with its place, those within others before these; none where the text is wrong.
pub(super) fn places(
    text: &str,
    is_template: bool,
    scope: &Scope<'_>,
) -> Option<(Vec<Placed>, Program)> {
    let mut compiler = Compiler::new(text, scope);
    compiler.places = Some(Vec::new());
    if is_template {
        let tree = parse::template(text).ok()?;
        let ast::Stmt::Template(template) = &tree else {
            return None;
        };
        compiler.nodes(&template.children);
    } else {
        let tree = parse::expression(text).ok()?;
        compiler.expr(&tree);
    }
    let places = compiler.places.take()?;
    compiler.finish(places).ok()
}

pub(super) struct Compiler<'a> {
    pub(super) text: &'a str,
    pub(super) scope: &'a Scope<'a>,
    errors: Vec<LangError>,
    /// Where expressions stand, when that is asked for: it is seldom, and copies each of them.
    places: Option<Vec<Placed>>,
    pub(super) fields: Vec<Name>,
    pub(super) slots: Vec<u16>,
    pub(super) tables: BTreeSet<Name>,
    pub(super) members: BTreeSet<(String, String)>,
    pub(super) custom_fields: BTreeSet<String>,
}

impl<'a> Compiler<'a> {
    fn new(text: &'a str, scope: &'a Scope<'a>) -> Self {
        Self {
            text,
            scope,
            errors: Vec::new(),
            places: None,
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
                .sort_by_key(|error| (error.range.start, error.range.end));
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

    pub(super) fn not_allowed(&mut self, range: Range<usize>, message: &str, help: &str) -> Typed {
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
                ast::Stmt::EmitRaw(raw) => {
                    self.no_slip(raw.raw, offsets(raw.span()).start);
                    nodes.push(Node::Raw(CompactString::from(raw.raw)));
                }
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

    /// Braces in what a template writes as it stands are nearly always those of an expression, with one too few.
    fn no_slip(&mut self, raw: &str, start: usize) {
        let Some((at, written)) = slip(raw) else {
            return;
        };
        self.error(
            "language-syntax",
            start + at..start + at + written.len(),
            format!("`{written}` would be written as it stands: a brace is missing, or one too many"),
            Some(format!(
                "write `{{{{ person.surname }}}}` with two braces on each side; what is meant literally stands in quotes: `{{{{ '{written}' }}}}`"
            )),
        );
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
        let found = self.resolved(tree);
        if let Some(places) = &mut self.places {
            places.push((parse::within(self.text, range(tree)), found.0.clone()));
        }
        found
    }

    fn resolved(&mut self, tree: &ast::Expr<'_>) -> Typed {
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

    /// The text of an expression as the user wrote it.
    pub(super) fn written(&self, tree: &ast::Expr<'_>) -> &'a str {
        let range = parse::within(self.text, range(tree));
        self.text[range].trim()
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

/// What in a literal text looks like the half of an expression: closing braces that close nothing, and a single brace
/// before a field. A brace by itself, as around a GUID, is a brace.
fn slip(raw: &str) -> Option<(usize, &str)> {
    let closing = ["}}", "%}", "#}"].iter();
    let closing = closing.filter_map(|braces| Some((raw.find(*braces)?, *braces)));
    let opening = raw.match_indices('{').filter_map(|(at, _)| {
        let rest = &raw[at + 1..];
        let inner = rest.trim_start_matches(' ');
        let name = inner
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(inner.len());
        let begins = inner.starts_with(|c: char| c.is_ascii_alphabetic());
        let spaced = inner.len() < rest.len();
        let after = inner[name..].trim_start_matches(' ');
        let field = matches!(&inner[..name], "person" | "account" | "as_of");
        let path = after.starts_with('.')
            && after[1..].starts_with(|c: char| c.is_ascii_alphabetic())
            && inner[name..].starts_with('.');
        let filtered = after.starts_with('|');
        let closed = spaced && after.starts_with('}');
        let looks = begins && (field || path || filtered || closed);
        let end = at + 1 + (rest.len() - inner.len()) + name;
        looks.then(|| (at, &raw[at..end]))
    });
    closing.chain(opening).min_by_key(|(at, _)| *at)
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
