//! One answer of a list endpoint: its rows and the total it claims, whatever envelope they come in.
//!
//! Knows nothing of HTTP. Invariant: a list that is not found is an error, never an empty list (unless the answer
//! itself says that there are no records).

use compact_str::{CompactString, ToCompactString};
use serde_json::{Map, Value};

/// Rows and claimed total.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    pub(super) total: Option<u64>,
}

/// Where rows and total stand in an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// JSON pointer to the rows; known shapes when `None`.
    pub(super) records: Option<&'a str>,
    /// JSON pointer to the total; `record_count` when `None`.
    pub(super) total: Option<&'a str>,
    /// Last segment of the path (`Users`): the plural name is the usual envelope key.
    pub(super) entity: &'a str,
}

/// Why an answer is no page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// Not JSON, or JSON cut off.
    Broken(String),
    /// JSON without a list of records where one should be.
    NoList(String),
}

/// Reads an answer.
pub(super) fn page(body: &[u8], shape: Shape<'_>) -> Result<Page, NoPage> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut answer: Value =
        serde_json::from_slice(body).map_err(|error| NoPage::Broken(error.to_string()))?;
    let total = match shape.total {
        Some(pointer) => answer.pointer(pointer),
        None => answer
            .as_object()
            .and_then(|members| member(members, "record_count")),
    }
    .and_then(whole)
    .and_then(|number| u64::try_from(number).ok());

    if let Some(pointer) = shape.records {
        return match answer.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(rows)) => Ok(Page { rows, total }),
            Some(_) => Err(NoPage::NoList(format!("{pointer} is not a list"))),
            None if total == Some(0) => Ok(Page {
                rows: Vec::new(),
                total,
            }),
            None => Err(NoPage::NoList(format!(
                "the answer has nothing at {pointer}"
            ))),
        };
    }
    match answer {
        Value::Array(rows) => Ok(Page { rows, total }),
        Value::Object(mut members) => {
            let plural = if shape.entity.to_ascii_lowercase().ends_with('s') {
                shape.entity.to_owned()
            } else {
                format!("{}s", shape.entity)
            };
            let found = [plural.as_str(), shape.entity, "results", "tree"]
                .into_iter()
                .find_map(|name| {
                    members.iter_mut().find_map(|(key, value)| {
                        (key.eq_ignore_ascii_case(name) && value.is_array()).then(|| value.take())
                    })
                });
            match found {
                Some(Value::Array(rows)) => Ok(Page { rows, total }),
                // Null members are left out of the JSON, an empty list can be one.
                _ if total == Some(0) => Ok(Page {
                    rows: Vec::new(),
                    total,
                }),
                _ => Err(NoPage::NoList(describe(&members))),
            }
        }
        _ => Err(NoPage::NoList("the answer is a single value".to_owned())),
    }
}

fn describe(members: &Map<String, Value>) -> String {
    let names: Vec<&str> = members.keys().take(8).map(String::as_str).collect();
    if names.is_empty() {
        "the answer is an empty object".to_owned()
    } else {
        format!("the answer has only {}", names.join(", "))
    }
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

/// What identifies a row, in the one spelling that `18`, `18.0` and `"18"` share. `None` when the row has no usable
/// key.
pub(super) fn row_id(row: &Value, key: &str) -> Option<CompactString> {
    let value = member(row.as_object()?, key)?;
    if let Some(number) = whole(value) {
        return Some(number.to_compact_string());
    }
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Shape<'static> = Shape {
        records: None,
        total: None,
        entity: "Users",
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
            entity: "Users",
        };
        let body = br#"{"users":[{"id":9}],"record_count":1,"data":{"people":[{"id":1},{"id":2}],"count":2}}"#;
        let found = page(body, shape).unwrap();
        assert_eq!((found.rows.len(), found.total), (2, Some(2)));
        assert!(page(br#"{"users":[]}"#, shape).is_err());
    }

    #[test]
    fn ids_have_one_spelling() {
        for (row, id) in [
            (r#"{"id":18}"#, Some("18")),
            (r#"{"id":18.0}"#, Some("18")),
            (r#"{"ID":" 18 "}"#, Some("18")),
            (r#"{"id":"abc"}"#, Some("abc")),
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
