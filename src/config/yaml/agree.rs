//! A second opinion: what another YAML reader makes of the same text.
//!
//! Editors and CI systems read these files too. Where two readers differ (`0o17`, `.inf`, very large numbers) one of
//! them is not what the author meant, and quoting settles it.

use serde::Deserialize;
use serde_json::Value as Json;
use serde_yaml::Value as Yaml;

/// A pointer, and whether it is the key there that is read differently.
pub(super) type Difference = (String, bool);

/// Why the other reader refuses a text, and at which line and column when it says so.
pub(super) type Refusal = (String, Option<(u64, u64)>);

/// Pointers at which the documents differ, by document, or why the other reader refuses the text (with its line and
/// column when it says so).
pub(super) fn differences(
    text: &str,
    documents: &[&Json],
) -> Result<Vec<Vec<Difference>>, Refusal> {
    let mut theirs = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let mut value = match Yaml::deserialize(document) {
            Ok(value) => value,
            Err(error) => {
                // Of the whole file it says where it stopped; a number says it better.
                let numbers: Vec<Vec<Difference>> = documents
                    .iter()
                    .map(|document| {
                        let mut found = Vec::new();
                        beyond(document, &mut String::new(), &mut found);
                        found
                    })
                    .collect();
                return match numbers.iter().all(Vec::is_empty) {
                    true => Err(refused(error)),
                    false => Ok(numbers),
                };
            }
        };
        value.apply_merge().map_err(refused)?;
        if !value.is_null() {
            theirs.push(value);
        }
    }
    if theirs.len() != documents.len() {
        return Err((
            format!(
                "YAML readers disagree whether this file holds {} or {} documents",
                documents.len(),
                theirs.len()
            ),
            None,
        ));
    }
    Ok(documents
        .iter()
        .zip(&theirs)
        .map(|(ours, theirs)| {
            let mut found = Vec::new();
            compare(ours, theirs, &mut String::new(), &mut found);
            found
        })
        .collect())
}

/// Whole numbers that no reader is bound to keep.
fn beyond(value: &Json, pointer: &mut String, found: &mut Vec<Difference>) {
    let mut each = |step: &str, inner: &Json| {
        let cut = pointer.len();
        super::push_step(pointer, step);
        beyond(inner, pointer, found);
        pointer.truncate(cut);
    };
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| each(key, value)),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| each(&index.to_string(), value)),
        Json::Number(number) if is_beyond(number) => found.push((pointer.clone(), false)),
        _ => {}
    }
}

/// Whether a whole number has more digits than 64 bits hold.
pub(super) fn is_beyond(number: &serde_json::Number) -> bool {
    let double = number.as_f64().unwrap_or_default();
    number.is_f64() && double.fract() == 0.0 && double.abs() >= 9_223_372_036_854_775_808.0
}

fn refused(error: serde_yaml::Error) -> Refusal {
    let place = error
        .location()
        .map(|at| (at.line() as u64, at.column() as u64));
    // Its messages may quote the text; what it says besides the place helps nobody.
    (
        "a second YAML reader refuses this file here".to_owned(),
        place,
    )
}

fn compare(ours: &Json, theirs: &Yaml, pointer: &mut String, found: &mut Vec<Difference>) {
    match (ours, theirs) {
        (Json::Null, Yaml::Null) => {}
        (Json::Bool(a), Yaml::Bool(b)) if a == b => {}
        (Json::Number(a), Yaml::Number(b)) if same_number(a, b) => {}
        (Json::String(a), Yaml::String(b)) if a == b => {}
        (Json::Array(a), Yaml::Sequence(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                let cut = pointer.len();
                super::push_step(pointer, &index.to_string());
                compare(a, b, pointer, found);
                pointer.truncate(cut);
            }
        }
        (Json::Object(a), Yaml::Mapping(b)) if a.len() == b.len() => {
            let theirs: std::collections::HashMap<String, &Yaml> = b
                .iter()
                .map(|(key, value)| (key_text(key), value))
                .collect();
            for (key, a) in a {
                let cut = pointer.len();
                super::push_step(pointer, key);
                match theirs.get(key) {
                    Some(b) => compare(a, b, pointer, found),
                    None => found.push((pointer.clone(), true)),
                }
                pointer.truncate(cut);
            }
        }
        _ => found.push((pointer.clone(), false)),
    }
}

fn key_text(key: &Yaml) -> String {
    match key {
        Yaml::String(text) => text.clone(),
        Yaml::Bool(flag) => flag.to_string(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Null => "null".to_owned(),
        _ => String::new(),
    }
}

fn same_number(a: &serde_json::Number, b: &serde_yaml::Number) -> bool {
    match (a.as_i64(), b.as_i64(), a.as_u64(), b.as_u64()) {
        (Some(a), Some(b), _, _) => a == b,
        (_, _, Some(a), Some(b)) => a == b,
        (None, None, None, None) => a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits),
        _ => false,
    }
}
