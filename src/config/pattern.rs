//! Texts with values of records put in: paths, query parameters and bodies of requests that are made for a record.
//!
//! Holds the splitting into constant text and `{{ expression }}`; what an expression means is [`crate::lang`]'s. Must
//! not know where the text goes: whoever fills it in says how a value is encoded. Invariant: a value is data, encoded
//! before it is put in, and a missing one gives no text at all, never half a one.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::lang::{self, Expression, Failures, LangError, Record, Scope};

/// A compiled text.
#[derive(Debug)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// An expression, and where its text stands in the pattern's.
    Value(Box<Expression>, Range<usize>),
}

/// What filling a pattern in came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filled {
    /// The text.
    Text(String),
    /// A record has no value for it: nothing can be asked.
    NoValue,
}

impl Pattern {
    /// Compiles a text.
    ///
    /// # Errors
    /// Everything wrong with it, with its place in the text.
    pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Self, Vec<LangError>> {
        let mut pieces = Vec::new();
        let mut errors = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{") {
            let inner = at + open + 2;
            if open > 0 {
                pieces.push(Piece::Text(text[at..at + open].to_owned()));
            }
            let Some(length) = text[inner..].find("}}") else {
                errors.push(LangError {
                    code: "language-syntax",
                    message: "`{{` is never closed".to_owned(),
                    help: Some("close it with `}}`".to_owned()),
                    range: at + open..text.len(),
                });
                return Err(errors);
            };
            match lang::compile_expression(&text[inner..inner + length], scope) {
                Ok(expression) => {
                    let range = inner..inner + length;
                    pieces.push(Piece::Value(Box::new(expression), range));
                }
                Err(found) => errors.extend(found.into_iter().map(|error| LangError {
                    range: shifted(&error.range, inner),
                    ..error
                })),
            }
            at = inner + length + 2;
        }
        if at < text.len() {
            pieces.push(Piece::Text(text[at..].to_owned()));
        }
        if errors.is_empty() {
            Ok(Self { pieces })
        } else {
            Err(errors)
        }
    }

    /// Whether no record has a say in it.
    pub fn is_constant(&self) -> bool {
        !self
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Value(..)))
    }

    /// What each of its expressions fails with whatever the record, and where that expression stands in the text.
    pub fn failures(&self) -> impl Iterator<Item = (Failures, Range<usize>)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(expression, range) => Some((expression.failures(), range.clone())),
        })
    }

    /// The one value in the last segment of a path: what a request for a single record asks for. `None` when that
    /// segment holds none, or is made of several.
    pub fn last_value(&self) -> Option<&Expression> {
        let mut found = None;
        for piece in self.pieces.iter().rev() {
            match piece {
                Piece::Text(text) if text.contains('/') => break,
                Piece::Text(_) => {}
                Piece::Value(..) if found.is_some() => return None,
                Piece::Value(expression, _) => found = Some(&**expression),
            }
        }
        found
    }

    /// The members of records it reads, as (endpoint, member).
    pub fn members_used(&self) -> Vec<(String, String)> {
        self.pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Text(_) => Vec::new(),
                Piece::Value(expression, _) => expression.members_used(),
            })
            .collect()
    }

    /// Whether it reads custom fields.
    pub fn uses_custom_fields(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Value(expression, _) => !expression.custom_fields_used().is_empty(),
        })
    }

    /// The value itself, when the text is nothing but one expression.
    ///
    /// # Errors
    /// Why the expression has no value for this record.
    pub fn value<'a>(
        &'a self,
        record: &'a Record<'a>,
    ) -> Option<Result<Option<Cow<'a, Value>>, String>> {
        match self.pieces.as_slice() {
            [Piece::Value(expression, _)] => Some(
                expression
                    .evaluate(record)
                    .map_err(|error| error.to_string()),
            ),
            _ => None,
        }
    }

    /// The text for a record, each value passed through `encode`.
    ///
    /// # Errors
    /// A value that cannot stand in a text: a list or an object, or an expression that fails.
    pub fn fill(
        &self,
        record: &Record<'_>,
        encode: impl Fn(&str) -> String,
    ) -> Result<Filled, String> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(expression, _) => {
                    let value = expression
                        .evaluate(record)
                        .map_err(|error| error.to_string())?;
                    match value.as_deref().map(plain) {
                        None | Some(Ok(None)) => return Ok(Filled::NoValue),
                        Some(Ok(Some(text))) => filled.push_str(&encode(&text)),
                        Some(Err(reason)) => {
                            return Err(match value.as_deref() {
                                Some(value) => format!("{reason}: {}", refused(value)),
                                None => reason.to_owned(),
                            });
                        }
                    }
                }
            }
        }
        Ok(Filled::Text(filled))
    }
}

/// A refused value, short enough to be shown; as JSON, so that control characters are escaped.
pub fn refused(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

/// A value as text: whole numbers without a fraction, however the system writes them. `None` for null and empty text.
///
/// # Errors
/// When it is a list or an object.
pub fn plain(value: &Value) -> Result<Option<Cow<'_, str>>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => {
            let text = text.trim();
            Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
        }
        Value::Bool(flag) => Ok(Some(Cow::Borrowed(if *flag { "true" } else { "false" }))),
        Value::Number(number) => Ok(Some(Cow::Owned(match lang::whole(number) {
            Some(number) => number.to_string(),
            None => number.to_string(),
        }))),
        Value::Array(_) => Err("a list cannot be part of a request"),
        Value::Object(_) => Err("an object cannot be part of a request"),
    }
}

fn shifted(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn fill(text: &str, row: &Value) -> Result<Filled, String> {
        let endpoints = BTreeSet::from(["users".to_owned()]);
        let pattern = Pattern::compile(
            text,
            &Scope::Record {
                endpoints: &endpoints,
            },
        )
        .unwrap();
        pattern.fill(
            &Record {
                parts: &[("users", row)],
            },
            |value| format!("<{value}>"),
        )
    }

    #[test]
    fn values_are_encoded_and_text_is_not() {
        let row = json!({"id": 18.0, "name": " a/b "});
        assert_eq!(
            fill("/x/{{ users.id }}/{{users.name}}.json", &row),
            Ok(Filled::Text("/x/<18>/<a/b>.json".to_owned()))
        );
        assert_eq!(fill("/x", &row), Ok(Filled::Text("/x".to_owned())));
    }

    #[test]
    fn a_missing_value_gives_no_text() {
        for row in [json!({}), json!({"id": null}), json!({"id": "  "})] {
            assert_eq!(fill("/x/{{ users.id }}", &row), Ok(Filled::NoValue));
        }
        assert!(fill("/x/{{ users.id }}", &json!({"id": [1]})).is_err());
    }

    #[test]
    fn errors_stand_where_they_are() {
        let endpoints = BTreeSet::from(["users".to_owned()]);
        let scope = Scope::Record {
            endpoints: &endpoints,
        };
        let text = "/x/{{ persons.id }}";
        let errors = Pattern::compile(text, &scope).unwrap_err();
        assert_eq!(&text[errors[0].range.clone()], "persons");
        assert!(Pattern::compile("/x/{{ users.id", &scope).is_err());
    }
}
