//! One answer of a list endpoint: its rows and the total it claims, whatever envelope they come in.
//!
//! Knows nothing of HTTP. Invariant: a list that is not found is an error, never an empty list (unless the answer
//! itself says that there are no records).

use compact_str::CompactString;
use serde_json::{Map, Value};

/// Rows, claimed total, and what an answer says besides.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    pub(super) total: Option<u64>,
    /// What stands where the total should, when that is no number of records.
    pub(super) odd_total: Option<&'static str>,
    /// The cursor or address of the next page.
    pub(super) next: NextPage,
    /// What a `Link` header says of a next page, whatever the source looks at.
    pub(super) linked: NextPage,
    /// The answer without its rows.
    pub(super) rest: Value,
}

/// What an answer says of the page after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum NextPage {
    /// None: the place is missing, null or empty.
    #[default]
    None,
    /// Its cursor or address.
    Named(String),
    /// Something stands there, and nobody can tell whether a page follows: why.
    Odd(String),
}

impl NextPage {
    /// What a value in a body says. Only what is missing, null or empty says that no page follows.
    fn of(value: Option<&Value>) -> Self {
        let kind = match value {
            None | Some(Value::Null) => return Self::None,
            Some(Value::Bool(flag)) => return Self::Odd(flag.to_string()),
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
            Some(value) => {
                return match crate::config::pattern::plain(value) {
                    Ok(Some(text)) => Self::Named(text.into_owned()),
                    _ => Self::None,
                };
            }
        };
        Self::Odd(kind.to_owned())
    }

    pub(super) fn named(&self) -> Option<&str> {
        match self {
            Self::Named(next) => Some(next),
            Self::None | Self::Odd(_) => None,
        }
    }
}

/// Where rows and total stand in an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// JSON pointer or XML path to the rows; known shapes when `None`.
    pub(super) records: Option<&'a str>,
    /// JSON pointer or XML path to the total.
    pub(super) total: Option<&'a str>,
    /// Pointer to the cursor or address of the next page.
    pub(super) next: Option<&'a str>,
    /// With a preset, last segment of the path (`Users`): the plural name is the usual envelope key, and
    /// `record_count` the total.
    pub(super) entity: Option<&'a str>,
    /// An element that stands once is a list of one, and one that is missing an empty list: XML has no lists.
    pub(super) xml: bool,
}

/// Why an answer is no page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// Not JSON or XML, or cut off.
    Broken(String),
    /// Whole, and of a sort that is never read, however often it is asked for.
    Refused(String),
    /// No list of records where one should be.
    NoList(String),
}

/// Reads a body.
pub(super) fn parse(body: &[u8], xml: bool) -> Result<Value, NoPage> {
    if xml {
        return super::xml::parse(body).map_err(|error| match error {
            super::xml::NotXml::Broken(why) => NoPage::Broken(why),
            super::xml::NotXml::Refused(why) => NoPage::Refused(why),
        });
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| NoPage::Broken(error.to_string()))
}

/// Reads an answer that is a page of a list.
pub(super) fn page(body: &[u8], shape: Shape<'_>) -> Result<Page, NoPage> {
    page_of(parse(body, shape.xml)?, shape)
}

/// Takes the list out of an answer.
pub(super) fn page_of(mut answer: Value, shape: Shape<'_>) -> Result<Page, NoPage> {
    let (total, odd_total) = total_in(match shape.total {
        Some(pointer) => answer.pointer(pointer),
        None if shape.entity.is_some() => answer
            .as_object()
            .and_then(|members| member(members, "record_count")),
        None => None,
    });
    let next = NextPage::of(shape.next.and_then(|pointer| answer.pointer(pointer)));
    let rows = rows(&mut answer, shape, total)?;
    Ok(Page {
        rows,
        total,
        odd_total,
        next,
        linked: NextPage::None,
        rest: answer,
    })
}

/// What a value says of how many records there are: their number, or why it is none. What is missing or null says
/// nothing.
pub(super) fn total_in(value: Option<&Value>) -> (Option<u64>, Option<&'static str>) {
    let value = match value {
        None | Some(Value::Null) => return (None, None),
        Some(value) => value,
    };
    match whole(value) {
        Some(number) => match u64::try_from(number) {
            Ok(total) => (Some(total), None),
            Err(_) => (None, Some("a negative number")),
        },
        None => (
            None,
            Some(match value {
                Value::Number(_) => "a number that is not whole",
                Value::String(_) => "a text that is no number",
                Value::Array(_) => "a list",
                Value::Object(_) => "an object",
                Value::Bool(_) | Value::Null => "true or false",
            }),
        ),
    }
}

fn rows(answer: &mut Value, shape: Shape<'_>, total: Option<u64>) -> Result<Vec<Value>, NoPage> {
    if let Some(pointer) = shape.records {
        return match answer.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(rows)) => Ok(rows),
            Some(Value::Null) if shape.xml => Ok(Vec::new()),
            Some(one) if shape.xml => Ok(vec![one]),
            Some(_) => Err(NoPage::NoList(format!("{pointer} is not a list"))),
            None if total == Some(0) || (shape.xml && has_parent(answer, pointer)) => {
                Ok(Vec::new())
            }
            None => Err(NoPage::NoList(format!(
                "the answer has nothing at {pointer}{}",
                how_far(answer, pointer)
            ))),
        };
    }
    match answer {
        Value::Array(rows) => Ok(std::mem::take(rows)),
        Value::Object(members) => {
            let Some(entity) = shape.entity else {
                return Err(NoPage::NoList(format!(
                    "{}; say where the list stands with `records`",
                    describe(members)
                )));
            };
            let plural = if entity.to_ascii_lowercase().ends_with('s') {
                entity.to_owned()
            } else {
                format!("{entity}s")
            };
            let found = [plural.as_str(), entity, "results", "tree"]
                .into_iter()
                .find_map(|name| {
                    members.iter_mut().find_map(|(key, value)| {
                        (key.eq_ignore_ascii_case(name) && value.is_array()).then(|| value.take())
                    })
                });
            match found {
                Some(Value::Array(rows)) => Ok(rows),
                // Null members are left out of the JSON, an empty list can be one.
                _ if total == Some(0) => Ok(Vec::new()),
                _ => Err(NoPage::NoList(describe(members))),
            }
        }
        _ => Err(NoPage::NoList("the answer is a single value".to_owned())),
    }
}

/// How far into an answer a place leads, and what stands there: names of members, never values.
fn how_far(answer: &Value, pointer: &str) -> String {
    let mut end = pointer.len();
    while let Some(at) = pointer[..end].rfind('/') {
        end = at;
        let Some(found) = answer.pointer(&pointer[..end]) else {
            continue;
        };
        let place = if end == 0 { "it" } else { &pointer[..end] };
        return match found {
            Value::Object(members) if members.is_empty() => format!("; {place} is empty"),
            Value::Object(members) => format!("; {place} has only {}", names(members)),
            Value::Array(_) => format!("; {place} is a list"),
            _ => format!("; {place} is a single value"),
        };
    }
    String::new()
}

/// Whether the element around a missing one is there: then there is none of it, and not another document.
fn has_parent(answer: &Value, pointer: &str) -> bool {
    pointer
        .rsplit_once('/')
        .is_some_and(|(parent, _)| !parent.is_empty() && answer.pointer(parent).is_some())
}

/// The record or records of an answer made for one person: those at `records`, else the answer itself. With a
/// preset, a list envelope around a single record is looked through: it was met on single reads.
pub(super) fn records_of(
    mut answer: Value,
    shape: Shape<'_>,
    key: &str,
) -> Result<Vec<Value>, NoPage> {
    if shape.records.is_some() {
        return page_of(answer, shape).map(|page| page.rows);
    }
    let is_envelope = shape.entity.is_some()
        && answer
            .as_object()
            .is_some_and(|members| member(members, key).is_none());
    if is_envelope && let Ok(found) = rows(&mut answer, shape, None) {
        return Ok(found);
    }
    match answer {
        Value::Array(rows) => Ok(rows),
        Value::Object(_) => Ok(vec![answer]),
        Value::Null => Ok(Vec::new()),
        _ => Err(NoPage::NoList("the answer is a single value".to_owned())),
    }
}

/// What stands in place of a record, by the names of its members alone: their values may be anybody's.
pub(super) fn describe_row(row: &Value) -> String {
    match row {
        Value::Object(members) => describe(members),
        _ => "the answer is a single value".to_owned(),
    }
}

/// A row with the member that identifies it under the name the source gives it, however the server spells that.
pub(super) fn with_key(mut kept: Value, row: &Value, key: &str) -> Value {
    if let (Value::Object(kept), Some(members)) = (&mut kept, row.as_object())
        && !kept.contains_key(key)
        && let Some(value) = member(members, key)
    {
        kept.insert(key.to_owned(), value.clone());
    }
    kept
}

fn describe(members: &Map<String, Value>) -> String {
    if members.is_empty() {
        "the answer is an empty object".to_owned()
    } else {
        format!("the answer has only {}", names(members))
    }
}

fn names(members: &Map<String, Value>) -> String {
    let names: Vec<&str> = members.keys().take(8).map(String::as_str).collect();
    names.join(", ")
}

/// The name of the attribute that has the same name as a key that no row has.
pub(super) fn attribute_like(row: &Value, key: &str) -> Option<String> {
    let attribute = format!("@{key}");
    row.as_object()?
        .contains_key(&attribute)
        .then_some(attribute)
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// A whole number written as an integer, as a double without fraction (`18.0`), or as digits in a string. `18.5` is
/// none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before the cast"
)]
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let double = number.as_f64()?;
            // 2^53: beyond it a double no longer says which whole number was meant.
            (double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0)
                .then_some(double as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What identifies a row, in one spelling. `None` when the row has no usable key.
pub(super) fn row_id(row: &Value, key: &str) -> Option<CompactString> {
    crate::intake::identity(member(row.as_object()?, key)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Shape<'static> = Shape {
        records: None,
        total: None,
        next: None,
        entity: Some("Users"),
        xml: false,
    };

    #[test]
    fn every_known_envelope_gives_its_rows() {
        for (body, rows, total) in [
            (r#"[{"id":1},{"id":2}]"#, 2, None),
            (r#"{"record_count":7,"users":[{"id":1}]}"#, 1, Some(7)),
            (r#"{"record_count":7.0,"Users":[{"id":1}]}"#, 1, Some(7)),
            (r#"{"record_count":"7","results":[{"id":1}]}"#, 1, Some(7)),
            (r#"{"tree":[{"id":1}]}"#, 1, None),
            ("\u{feff}{\"record_count\":0}", 0, Some(0)),
            (r#"{"record_count":0,"users":[]}"#, 0, Some(0)),
            (r#"{"record_count":-1,"users":[]}"#, 0, None),
        ] {
            let page = page(body.as_bytes(), USERS).unwrap();
            assert_eq!((page.rows.len(), page.total), (rows, total), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_list_is_never_an_empty_list() {
        for body in [
            r#"{"record_count":7}"#,
            r#"{"Message":"no rights"}"#,
            "{}",
            "null",
            "3",
            r#"{"users":null}"#,
        ] {
            assert!(
                matches!(page(body.as_bytes(), USERS), Err(NoPage::NoList(_))),
                "{body}"
            );
        }
        assert!(matches!(
            page(br#"{"record_count":7,"users":[{"id":"#, USERS),
            Err(NoPage::Broken(_))
        ));
    }

    #[test]
    fn pointers_win_over_known_shapes() {
        let shape = Shape {
            records: Some("/data/people"),
            total: Some("/data/count"),
            ..USERS
        };
        let body = br#"{"users":[{"id":9}],"record_count":1,"data":{"people":[{"id":1},{"id":2}],"count":2}}"#;
        let found = page(body, shape).unwrap();
        assert_eq!((found.rows.len(), found.total), (2, Some(2)));
        assert!(page(br#"{"users":[]}"#, shape).is_err());
    }

    #[test]
    fn a_total_is_a_number_nothing_or_odd() {
        for (total, expected) in [
            ("7", (Some(7), None)),
            ("\" 7 \"", (Some(7), None)),
            ("null", (None, None)),
            ("-1", (None, Some("a negative number"))),
            ("7.5", (None, Some("a number that is not whole"))),
            ("\"\"", (None, Some("a text that is no number"))),
            ("\"1,234\"", (None, Some("a text that is no number"))),
            ("[7]", (None, Some("a list"))),
            ("{\"count\": 7}", (None, Some("an object"))),
            ("true", (None, Some("true or false"))),
        ] {
            let body = format!(r#"{{"record_count":{total},"users":[]}}"#);
            let page = page(body.as_bytes(), USERS).unwrap();
            assert_eq!((page.total, page.odd_total), expected, "{body}");
        }
    }

    #[test]
    fn a_place_that_is_not_there_says_how_far_it_leads() {
        let shape = |records| Shape {
            records: Some(records),
            entity: None,
            xml: true,
            ..USERS
        };
        let body =
            br#"<Envelope><Body><Staff count="1"><Person id="7"/></Staff></Body></Envelope>"#;
        for (records, words) in [
            ("/People/Person", "it has only Envelope"),
            (
                "/Envelope/Body/People/Person",
                "/Envelope/Body has only Staff",
            ),
            (
                "/Envelope/Body/Staff/Person/Name/First",
                "/Envelope/Body/Staff/Person has only @id",
            ),
        ] {
            match page(body, shape(records)) {
                Err(NoPage::NoList(why)) => assert!(why.contains(words), "{why}"),
                other => panic!("{records}: {other:?}"),
            }
        }
    }

    #[test]
    fn ids_have_one_spelling() {
        for (row, id) in [
            (r#"{"id":18}"#, Some("18")),
            (r#"{"id":18.0}"#, Some("18")),
            (r#"{"ID":" 18 "}"#, Some("18")),
            (r#"{"id":"abc"}"#, Some("abc")),
            (r#"{"id":"018"}"#, Some("018")),
            (r#"{"id":18.5}"#, None),
            (r#"{"id":1e300}"#, None),
            (r#"{"id":""}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"name":"x"}"#, None),
            ("[]", None),
        ] {
            let row: Value = serde_json::from_str(row).unwrap();
            assert_eq!(row_id(&row, "id").as_deref(), id, "{row}");
        }
    }
}
