//! From rows to what is in them: for each member its types, how often it is filled, how many values it has, what they
//! look like.
//!
//! Pure. Holds the statistics of one list ([`Inventory`]), the documents a probe reports ([`report`]), what it makes of
//! them ([`suggest`], [`findings`]). Must not know how rows are fetched nor how a report is written. Invariants: one
//! pass, linear in the rows; memory is bounded whatever comes (members, distinct values and depth have limits, and what
//! lies beyond is counted); a value is kept only when the caller asks for values to be shown.

mod field;
pub mod findings;
mod kind;
mod maps;
mod redact;
pub mod report;
pub mod suggest;
pub mod usage;

use compact_str::CompactString;
use hashbrown::HashMap;
use serde_json::{Map, Value};

use field::{Budget, Field};
pub use kind::Guess;
pub use redact::shape;
use report::FieldReport;

/// Most members of a list that are looked at; further ones are counted.
pub const MOST_FIELDS: usize = 2_000;
/// Distinct values are counted exactly up to this many.
pub const DISTINCT_EXACT: usize = 10_000;
/// Deeper members are not looked into.
const DEPTH: usize = 6;
/// An object with more members than this is a map from data to data: its keys are not names. So is a smaller one of
/// which a key looks like data.
const MAP_KEYS: usize = 150;

/// A longer key is no name of a member.
const MEMBER_NAME: usize = 48;
/// A key with more digits is a number of somebody's, whatever stands before it.
const MEMBER_DIGITS: usize = 5;

/// Statistics of the rows of one list.
#[derive(Debug)]
pub struct Inventory {
    /// Name of the endpoint: what members are called by.
    endpoint: String,
    keep_values: bool,
    rows: u64,
    names: HashMap<CompactString, usize>,
    fields: Vec<Field>,
    left_out: u64,
    budget: Budget,
    /// Inner objects seen, by path.
    objects: HashMap<CompactString, u64>,
}

impl Inventory {
    /// Of a list whose members are called `endpoint.member`. With `keep_values`, real examples are kept; without, only
    /// their shapes.
    pub fn new(endpoint: &str, keep_values: bool) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            keep_values,
            rows: 0,
            names: HashMap::new(),
            fields: Vec::new(),
            left_out: 0,
            budget: Budget::default(),
            objects: HashMap::new(),
        }
    }

    /// Rows taken in so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes a row in.
    pub fn push(&mut self, row: &Value) {
        self.rows += 1;
        let mut path = self.endpoint.clone();
        match row {
            Value::Object(members) => self.object(&mut path, members, 0),
            other => self.value(&mut path, other, 0),
        }
    }

    /// Takes a directory object in: attributes with their values as they came.
    pub fn push_entry(&mut self, attributes: &[(String, Vec<Vec<u8>>)]) {
        self.rows += 1;
        let row = self.rows;
        for (name, values) in attributes {
            // `member;range=0-1499` is a part of `member`.
            let name = name.split(';').next().unwrap_or(name);
            if values.is_empty() {
                continue;
            }
            let (keep, budget) = (self.keep_values, self.budget.clone());
            let Some(field) = self.field(name) else {
                continue;
            };
            if values.len() > 1 {
                field.list(row, values.len());
            }
            for value in values {
                match std::str::from_utf8(value) {
                    Ok(text) if !text.contains('\0') => field.text(row, text, keep, &budget),
                    _ => field.octets(row, value, &budget),
                }
            }
        }
    }

    /// What was found, in order of path.
    pub fn finish(self) -> (Vec<FieldReport>, u64) {
        let rows = self.rows;
        let names: HashMap<usize, CompactString> = self
            .names
            .into_iter()
            .map(|(path, at)| (at, path))
            .collect();
        let mut found: Vec<(CompactString, Field)> = self
            .fields
            .into_iter()
            .enumerate()
            .filter_map(|(at, field)| Some((names.get(&at)?.clone(), field)))
            .collect();
        if !self.keep_values {
            found = maps::folded(found, &self.objects);
        }
        found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let reports = found
            .into_iter()
            .map(|(path, field)| field.report(&path, rows))
            .collect();
        (reports, self.left_out)
    }

    fn field(&mut self, path: &str) -> Option<&mut Field> {
        if let Some(at) = self.names.get(path) {
            return self.fields.get_mut(*at);
        }
        if self.fields.len() >= MOST_FIELDS {
            self.left_out += 1;
            return None;
        }
        self.names.insert(path.into(), self.fields.len());
        self.fields.push(Field::default());
        self.fields.last_mut()
    }

    fn object(&mut self, path: &mut String, members: &Map<String, Value>, depth: usize) {
        let data = |name: &String| !self.keep_values && is_data(name);
        let is_map = depth > 0 && (members.len() > MAP_KEYS || members.keys().any(data));
        if depth > 0 {
            if let Some(count) = self.objects.get_mut(path.as_str()) {
                *count += 1;
            } else if self.objects.len() < MOST_FIELDS {
                self.objects.insert(path.as_str().into(), 1);
            }
        }
        for (name, value) in members {
            let length = path.len();
            if depth == 0 && name.eq_ignore_ascii_case("customfields") && self.custom_fields(value)
            {
                continue;
            }
            // A row's own members are names, unless they can be no name at all.
            if is_map || (!self.keep_values && name.contains('@')) {
                path.push_str(".*");
            } else {
                push_member(path, name);
            }
            self.value(path, value, depth + 1);
            path.truncate(length);
        }
    }

    /// HaloITSM's custom fields: a list of objects with `name` and `value`. False when it is something else.
    fn custom_fields(&mut self, value: &Value) -> bool {
        let Value::Array(items) = value else {
            return false;
        };
        let named = |item: &Value| item.get("name").is_some_and(Value::is_string);
        if !items.iter().all(named) {
            return false;
        }
        for item in items {
            let Some(name) = item.get("name").and_then(Value::as_str) else {
                continue;
            };
            let mut path = custom_field(name);
            if let Some(field) = self.field(&path) {
                field.describe(
                    item.get("id").and_then(Value::as_u64),
                    item.get("label").and_then(Value::as_str),
                );
            }
            self.value(&mut path, item.get("value").unwrap_or(&Value::Null), 1);
        }
        true
    }

    fn value(&mut self, path: &mut String, value: &Value, depth: usize) {
        let (row, keep, budget) = (self.rows, self.keep_values, self.budget.clone());
        let Some(field) = self.field(path) else {
            return;
        };
        match value {
            Value::Null => field.null(row),
            Value::Bool(flag) => field.flag(row, *flag, &budget),
            Value::Number(number) => {
                let whole = crate::lang::whole(number);
                field.number(row, &number.to_string(), whole, keep, &budget);
            }
            Value::String(text) => field.text(row, text, keep, &budget),
            Value::Array(items) => {
                field.list(row, items.len());
                if depth < DEPTH {
                    let length = path.len();
                    path.push_str("[]");
                    for item in items {
                        match item {
                            Value::Object(members) => self.object(path, members, depth + 1),
                            other => self.value(path, other, depth + 1),
                        }
                    }
                    path.truncate(length);
                }
            }
            Value::Object(members) => {
                field.object(row, members.len());
                if depth < DEPTH {
                    self.object(path, members, depth + 1);
                }
            }
        }
    }
}

/// Whether a key of a map says something about somebody instead of naming a member: an address, a number, a text.
fn is_data(key: &str) -> bool {
    let named = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    !named || !plain || key.len() > MEMBER_NAME || digits > MEMBER_DIGITS
}

/// A custom field as an expression names it.
pub(crate) fn custom_field(name: &str) -> String {
    format!("customField({})", literal(name))
}

/// A text as expressions write it, between single quotes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// `.name`, or `['odd name']` where it is no plain name.
pub(crate) fn push_member(path: &mut String, name: &str) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        path.push('.');
        path.push_str(name);
    } else {
        // The name is data of the other side: shortened here, made harmless where it is shown.
        let short: String = name.chars().take(60).collect();
        path.push('[');
        path.push_str(&literal(&short));
        path.push(']');
    }
}

#[cfg(test)]
mod tests;
