//! What a text is compiled to: a tree of typed operations. Every name in it has been resolved and every type
//! checked, so nothing here can be unknown when it runs.

use compact_str::CompactString;
use jiff::Timestamp;
use jiff::civil::Date;

use super::latin::Locale;
use crate::model::Name;

/// What a compiled text refers to.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Fields in the order they are first used; [`Expr::Field`] counts in these.
    pub(super) fields: Vec<Name>,
    /// Their places in a person's facts.
    pub(super) slots: Vec<u16>,
    /// The same names, sorted.
    pub(super) fields_sorted: Vec<Name>,
    /// Sorted.
    pub(super) tables: Vec<Name>,
    /// Sorted.
    pub(super) members: Vec<(String, String)>,
    /// Sorted.
    pub(super) custom_fields: Vec<String>,
}

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    Raw(CompactString),
    Emit(Expr),
    If(Expr, Vec<Node>, Vec<Node>),
}

#[derive(Debug, Clone)]
pub(super) enum Expr {
    Text(CompactString),
    Integer(i64),
    Boolean(bool),
    Date(Date),
    DateTime(Timestamp),
    List(Vec<Expr>),
    /// Index into [`Program::fields`].
    Field(u16),
    AsOf,
    Member {
        endpoint: CompactString,
        path: Vec<Step>,
    },
    CustomField(CompactString),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Join(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    IsDefined(Box<Expr>),
    Default {
        value: Box<Expr>,
        other: Box<Expr>,
        /// Whether an empty text counts as none, too.
        empty: bool,
    },
    /// A moment as the calendar date it falls on in the project's time zone.
    ToDate(Box<Expr>),
    ToText(Box<Expr>),
    Apply(Box<Expr>, Box<Op>),
}

/// A step into a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Member(CompactString),
    Item(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A filter or test with its arguments.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Lower,
    Upper,
    Title,
    Capitalize,
    Trim,
    Latin(Locale),
    Login(Locale),
    First,
    Last,
    Left(Expr),
    Right(Expr),
    Mid(Expr, Expr),
    Replace(Expr, Expr),
    RegexReplace(regex::Regex, CompactString),
    PadLeft(Expr, Expr),
    Words,
    Word(Expr),
    Split(Expr),
    Join(Expr),
    Length,
    Integer,
    Text,
    Format(CompactString),
    PlusDays(Expr),
    Lookup(Name),
    StartsWith(Expr),
    EndsWith(Expr),
    Matches(regex::Regex),
}
