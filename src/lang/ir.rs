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
    /// No value, an empty one, or nothing but white space.
    IsBlank(Box<Expr>),
    /// The smallest, or the largest, of values of one type.
    Extreme {
        largest: bool,
        of: Vec<Expr>,
    },
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

impl Arithmetic {
    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "//",
            Self::Remainder => "%",
        }
    }
}

/// A filter or test with its arguments.
#[derive(Debug, Clone)]
pub(super) enum Op {
    // Texts.
    Lower(Letters),
    Upper(Letters),
    /// Spellings of words by their small letters.
    Title(Vec<(CompactString, CompactString)>),
    Capitalize,
    Trim,
    Squeeze,
    StripSpaces,
    StripDiacritics,
    Digits,
    Initials,
    Latin(Locale),
    Login(Locale),
    Slug(Locale),
    Left(Expr),
    Right(Expr),
    Mid(Expr, Expr),
    Before(Expr),
    After(Expr),
    IndexOf(Expr),
    Replace(Expr, Expr),
    RegexReplace(regex::Regex, CompactString),
    /// The group that is wanted; 0 is the whole.
    RegexExtract(regex::Regex, usize),
    PadLeft(Expr, Expr),
    PadRight(Expr, Expr),
    /// The word with this number; words are parted by these characters, or by white space.
    Word(Expr, Option<Expr>),
    Base64(Unicode),
    FromBase64,
    Hex,
    Uuid,
    Phone(Phone),
    Lookup(Name),
    Switch(Box<Switch>),
    StartsWith(Expr),
    EndsWith(Expr),
    Contains(Expr),
    Matches(regex::Regex),
    IsInteger,
    IsDate(Option<CompactString>),
    IsPhone(phonenumber::country::Id),
    // Texts and lists.
    First,
    Last,
    Length,
    // Lists.
    Words,
    Split(Expr),
    Join(Expr),
    Item(Expr),
    Unique,
    Sort,
    Reverse,
    Compact,
    // Between types.
    Integer,
    Boolean,
    Text,
    ToDate(Option<CompactString>),
    ToDateTime(Option<CompactString>),
    FromFiletime,
    FromUnix,
    FromGeneralisedTime,
    // Numbers.
    BitAnd(Expr),
    BitOr(Expr),
    // Dates and moments.
    Format(CompactString),
    PlusDays(Expr),
    PlusMonths(Expr),
    PlusYears(Expr),
    PlusHours(Expr),
    PlusMinutes(Expr),
    At(jiff::civil::Time),
    Until(Unit, Expr),
    Part(Part),
    Filetime,
    Unix,
    GeneralisedTime,
}

/// Whose small and capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Common,
    /// With a dotted and a dotless i.
    Turkish,
}

/// How text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unicode {
    Utf8,
    Utf16,
}

/// How a telephone number is written, and the region numbers without a country code belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phone {
    pub(super) region: phonenumber::country::Id,
    pub(super) mode: phonenumber::Mode,
}

/// A mapping written where it is used.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    /// Keys as text, and what they become.
    pub(super) rows: Vec<(CompactString, Expr)>,
    /// What everything else becomes; without it, everything else holds the person.
    pub(super) other: Option<Expr>,
}

/// What is counted between two dates or moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Years,
    Months,
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// Something a date has or belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    /// 1 is Monday (ISO 8601).
    Weekday,
    StartOfMonth,
    EndOfMonth,
    StartOfYear,
    EndOfYear,
}
