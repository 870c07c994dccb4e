//! The filters, tests and functions there are: their names, how many arguments they take, and what they are applied
//! to. What each of them does is decided in `operations`; the page docs/mapping.md has an example of each, and a test
//! compares the two.

use super::compile::Type;

/// What a filter or test is applied to. Anything but a list is taken as text where text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Anything,
    /// Anything but a list.
    Single,
    List,
    /// A date or a moment.
    Date,
    Number,
    /// Text or a whole number.
    Digits,
    /// Text, a whole number, or true and false.
    Flag,
    /// Text, a whole number, a date or a moment.
    Written,
}

impl Takes {
    pub(super) fn accepts(self, found: Type) -> bool {
        use Type::{Any, Boolean, Date, DateTime, Integer, List, Text};
        match self {
            _ if found == Any => true,
            Self::Anything => true,
            Self::Single => found != List,
            Self::List => found == List,
            Self::Date => matches!(found, Date | DateTime),
            Self::Number => found == Integer,
            Self::Digits => matches!(found, Text | Integer),
            Self::Flag => matches!(found, Text | Integer | Boolean),
            Self::Written => matches!(found, Text | Integer | Date | DateTime),
        }
    }
}

/// One filter, test or function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// The least and the most arguments, without what it is applied to.
    pub(super) arguments: (usize, usize),
    pub(super) takes: Takes,
    /// Whether it needs the project's time zone. Records are read before there is one.
    pub(super) zone: bool,
}

const fn takes(name: &'static str, arguments: (usize, usize), takes: Takes) -> Signature {
    Signature {
        name,
        arguments,
        takes,
        zone: false,
    }
}

const fn zoned(name: &'static str, arguments: (usize, usize), takes: Takes) -> Signature {
    Signature {
        name,
        arguments,
        takes,
        zone: true,
    }
}

/// Every filter, sorted.
pub(super) const FILTERS: &[Signature] = &[
    takes("after", (1, 1), Takes::Single),
    zoned("at", (1, 1), Takes::Date),
    takes("base64", (0, 1), Takes::Single),
    takes("before", (1, 1), Takes::Single),
    takes("bit_and", (1, 1), Takes::Number),
    takes("bit_or", (1, 1), Takes::Number),
    takes("bool", (0, 0), Takes::Flag),
    takes("capitalize", (0, 0), Takes::Single),
    takes("compact", (0, 0), Takes::List),
    takes("date", (1, 1), Takes::Date),
    takes("day", (0, 0), Takes::Date),
    takes("days_until", (1, 1), Takes::Date),
    takes("default", (1, 2), Takes::Anything),
    takes("digits", (0, 0), Takes::Single),
    takes("e164", (1, 1), Takes::Digits),
    takes("end_of_month", (0, 0), Takes::Date),
    takes("end_of_year", (0, 0), Takes::Date),
    zoned("filetime", (0, 0), Takes::Date),
    takes("first", (0, 0), Takes::Anything),
    takes("from_base64", (0, 0), Takes::Single),
    takes("from_filetime", (0, 0), Takes::Digits),
    takes("from_generalised_time", (0, 0), Takes::Single),
    takes("from_unix", (0, 0), Takes::Digits),
    zoned("generalised_time", (0, 0), Takes::Date),
    takes("hex", (0, 0), Takes::Single),
    zoned("hours_until", (1, 1), Takes::Date),
    takes("index_of", (1, 1), Takes::Single),
    takes("initials", (0, 0), Takes::Single),
    takes("int", (0, 0), Takes::Digits),
    takes("item", (1, 1), Takes::List),
    takes("join", (0, 1), Takes::List),
    takes("last", (0, 0), Takes::Anything),
    takes("latin", (0, 1), Takes::Single),
    takes("left", (1, 1), Takes::Single),
    takes("length", (0, 0), Takes::Anything),
    takes("login", (0, 1), Takes::Single),
    takes("lookup", (1, 1), Takes::Single),
    takes("lower", (0, 1), Takes::Single),
    takes("mid", (2, 2), Takes::Single),
    zoned("minutes_until", (1, 1), Takes::Date),
    takes("month", (0, 0), Takes::Date),
    takes("months_until", (1, 1), Takes::Date),
    takes("pad_left", (1, 2), Takes::Single),
    takes("pad_right", (1, 2), Takes::Single),
    takes("phone", (1, 2), Takes::Digits),
    takes("plus_days", (1, 1), Takes::Date),
    zoned("plus_hours", (1, 1), Takes::Date),
    zoned("plus_minutes", (1, 1), Takes::Date),
    takes("plus_months", (1, 1), Takes::Date),
    takes("plus_years", (1, 1), Takes::Date),
    takes("regex_extract", (1, 2), Takes::Single),
    takes("regex_replace", (2, 2), Takes::Single),
    takes("replace", (2, 2), Takes::Single),
    takes("reverse", (0, 0), Takes::List),
    takes("right", (1, 1), Takes::Single),
    zoned("seconds_until", (1, 1), Takes::Date),
    takes("slug", (0, 1), Takes::Single),
    takes("sort", (0, 0), Takes::List),
    takes("split", (0, 1), Takes::Single),
    takes("squeeze", (0, 0), Takes::Single),
    takes("start_of_month", (0, 0), Takes::Date),
    takes("start_of_year", (0, 0), Takes::Date),
    takes("string", (0, 0), Takes::Anything),
    takes("strip_diacritics", (0, 0), Takes::Single),
    takes("strip_spaces", (0, 0), Takes::Single),
    takes("switch", (1, 2), Takes::Single),
    takes("title", (0, 1), Takes::Single),
    takes("to_date", (0, 1), Takes::Written),
    zoned("to_datetime", (0, 1), Takes::Written),
    takes("trim", (0, 0), Takes::Single),
    takes("unique", (0, 0), Takes::List),
    zoned("unix", (0, 0), Takes::Date),
    takes("upper", (0, 1), Takes::Single),
    takes("uuid", (0, 0), Takes::Single),
    takes("weekday", (0, 0), Takes::Date),
    takes("word", (1, 2), Takes::Single),
    takes("words", (0, 0), Takes::Single),
    takes("year", (0, 0), Takes::Date),
    takes("years_until", (1, 1), Takes::Date),
];

/// Every test, sorted.
pub(super) const TESTS: &[Signature] = &[
    takes("blank", (0, 0), Takes::Anything),
    takes("containing", (1, 1), Takes::Single),
    takes("date", (0, 1), Takes::Written),
    takes("defined", (0, 0), Takes::Anything),
    takes("endingwith", (1, 1), Takes::Single),
    takes("integer", (0, 0), Takes::Digits),
    takes("matching", (1, 1), Takes::Single),
    takes("phone", (1, 1), Takes::Digits),
    takes("startingwith", (1, 1), Takes::Single),
    takes("undefined", (0, 0), Takes::Anything),
];

/// Every function, sorted. `customField` is for records alone.
pub(super) const FUNCTIONS: &[Signature] = &[
    takes("coalesce", (1, 20), Takes::Anything),
    takes("customField", (1, 1), Takes::Anything),
    takes("max", (1, 20), Takes::Anything),
    takes("min", (1, 20), Takes::Anything),
];

/// What has this name.
pub(super) fn find(among: &'static [Signature], name: &str) -> Option<&'static Signature> {
    among
        .binary_search_by(|signature| signature.name.cmp(name))
        .ok()
        .and_then(|at| among.get(at))
}

pub(super) fn names(among: &'static [Signature]) -> impl Iterator<Item = &'static str> {
    among.iter().map(|signature| signature.name)
}

/// What names of other languages for this are called here, by their small letters, sorted.
const ELSEWHERE: &[(&str, &str)] = &[
    ("append", "write one after the other, or join with `~`"),
    ("bitand", "`number | bit_and(n)`"),
    ("cbool", "`value | bool`"),
    ("cdate", "`value | to_date` or `value | to_datetime`"),
    ("concat", "write one after the other, or join with `~`"),
    ("converttobase64", "`value | base64('utf-16')`"),
    ("converttoutf8hex", "`value | hex`"),
    ("count", "`list | length`"),
    ("cstr", "`value | string`"),
    (
        "dateadd",
        "`date | plus_days(n)`, and months, years, hours and minutes",
    ),
    (
        "datediff",
        "`date | days_until(other)`, and months, years, hours, minutes and seconds",
    ),
    ("datefromnum", "`number | from_filetime`"),
    ("formatdatetime", "`text | to_date(format) | date(format)`"),
    ("guid", "`value | uuid`; nothing here is random"),
    (
        "ignoreflowifnullorempty",
        "`empty: leave` beside the attribute's value",
    ),
    ("iif", "`a if condition else b`"),
    ("instr", "`text | index_of(part)`"),
    ("isnull", "`value is not defined`"),
    ("isnullorempty", "`value is blank`"),
    ("ispresent", "`value is not blank`"),
    ("len", "`value | length`"),
    ("normalizediacritics", "`value | latin`"),
    (
        "now",
        "`as_of` is the date the plan is for; there is no other clock",
    ),
    ("numfromdate", "`date | filetime`"),
    ("pcase", "`value | title`"),
    (
        "random",
        "nothing here is random; `value | uuid` is always the same",
    ),
    (
        "randomstring",
        "nothing here is random; passwords are made when they are set",
    ),
    ("removeduplicates", "`list | unique`"),
    (
        "selectuniquevalue",
        "`unique: [first, second]` beside the attribute",
    ),
    ("stripspaces", "`value | strip_spaces`"),
    ("substring", "`value | mid(start, n)`"),
    (
        "today",
        "`as_of` is the date the plan is for; there is no other clock",
    ),
    ("tolower", "`value | lower`"),
    ("toupper", "`value | upper`"),
];

/// What something is called here that another language calls so.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    let small = name.to_lowercase();
    ELSEWHERE
        .binary_search_by(|(known, _)| (*known).cmp(small.as_str()))
        .ok()
        .and_then(|at| ELSEWHERE.get(at))
        .map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::{ELSEWHERE, FILTERS, FUNCTIONS, TESTS, elsewhere};

    #[test]
    fn they_are_sorted_so_that_they_are_found() {
        for among in [FILTERS, TESTS, FUNCTIONS] {
            assert!(
                among.windows(2).all(|pair| pair[0].name < pair[1].name),
                "{among:?}"
            );
        }
    }

    #[test]
    fn names_of_other_languages_are_translated() {
        assert!(ELSEWHERE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(elsewhere("DateFromNum"), Some("`number | from_filetime`"));
        assert_eq!(elsewhere("upper"), None);
    }
}
