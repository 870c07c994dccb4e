//! What a request carries: JSON, a form or XML, with values of a record in it.
//!
//! Keeps that a value never becomes a member, a field or an element of its own, and that a number stays one.

use serde_json::Value;

use crate::config::pattern::{Filled, Pattern};
use crate::connector::ConnectorError;
use crate::lang::Record;

#[derive(Debug)]
pub(super) enum BodyPattern {
    Json(JsonPattern),
    Form(Vec<(String, Pattern)>),
    Xml(Pattern),
}

#[derive(Debug)]
pub(super) enum JsonPattern {
    Constant(Value),
    Text(Pattern),
    List(Vec<JsonPattern>),
    Object(Vec<(String, JsonPattern)>),
}

pub(super) fn json_pattern(
    value: &Value,
    pattern: &impl Fn(&str) -> Result<Pattern, ConnectorError>,
) -> Result<JsonPattern, ConnectorError> {
    Ok(match value {
        Value::String(text) if text.contains("{{") => JsonPattern::Text(pattern(text)?),
        Value::Array(items) => JsonPattern::List(
            items
                .iter()
                .map(|item| json_pattern(item, pattern))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(members) => JsonPattern::Object(
            members
                .iter()
                .map(|(name, value)| Ok((name.clone(), json_pattern(value, pattern)?)))
                .collect::<Result<_, ConnectorError>>()?,
        ),
        constant => JsonPattern::Constant(constant.clone()),
    })
}

pub(super) fn fill_json(
    pattern: &JsonPattern,
    record: &Record<'_>,
) -> Result<Option<Value>, String> {
    Ok(Some(match pattern {
        JsonPattern::Constant(value) => value.clone(),
        JsonPattern::Text(pattern) => match pattern.value(record) {
            Some(value) => match value? {
                Some(value) => value.into_owned(),
                None => return Ok(None),
            },
            None => match pattern.fill(record, str::to_owned)? {
                Filled::Text(text) => Value::String(text),
                Filled::NoValue => return Ok(None),
            },
        },
        JsonPattern::List(items) => {
            let mut filled = Vec::with_capacity(items.len());
            for item in items {
                let Some(item) = fill_json(item, record)? else {
                    return Ok(None);
                };
                filled.push(item);
            }
            Value::Array(filled)
        }
        JsonPattern::Object(members) => {
            let mut filled = serde_json::Map::new();
            for (name, value) in members {
                let Some(value) = fill_json(value, record)? else {
                    return Ok(None);
                };
                filled.insert(name.clone(), value);
            }
            Value::Object(filled)
        }
    }))
}
