//! How two plans differ, in words: one at hand, and one made again from what it says it was made from.
//!
//! Changes are compared by their id, which is the same for the same change of the same object; everything else by where it
//! stands. Must not judge: any difference is one.

use hashbrown::HashMap;
use serde::Serialize;
use serde_json::Value;

use super::{Change, ChangeId, Plan};

/// Longest value that is shown whole, in characters.
const SHOWN: usize = 80;

/// Each difference as a sentence; none when the plans are the same. `again` is the plan made again.
///
/// # Errors
/// When a plan cannot be written as JSON.
pub fn differences(plan: &Plan, again: &Plan) -> Result<Vec<String>, serde_json::Error> {
    let mut found = of_changes(&plan.changes, &again.changes)?;
    let (plan, again) = (without_changes(plan), without_changes(again));
    let (plan, again) = (serde_json::to_value(plan)?, serde_json::to_value(again)?);
    within("", &plan, &again, &mut |path, here, there| {
        found.push(format!("{path} is {here}, and {there} when planned again"));
    });
    Ok(found)
}

fn without_changes(plan: &Plan) -> Plan {
    Plan {
        changes: Vec::new(),
        ..plan.clone()
    }
}

fn of_changes(plan: &[Change], again: &[Change]) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    let mut there: HashMap<&ChangeId, &Change> =
        again.iter().map(|change| (&change.id, change)).collect();
    let mut common = 0;
    for change in plan {
        let Some(other) = there.remove(&change.id) else {
            found.push(format!(
                "{} is in the plan, and not when planned again",
                named(change)
            ));
            continue;
        };
        common += 1;
        if change == other {
            continue;
        }
        let (here, other) = (value(change)?, value(other)?);
        within("", &here, &other, &mut |path, here, there| {
            found.push(format!(
                "{}: {path} is {here}, and {there} when planned again",
                named(change)
            ));
        });
    }
    // In the order of the plan made again, which does not change from run to run.
    for change in again {
        if there.contains_key(&change.id) {
            found.push(format!(
                "{} is not in the plan, and is when planned again",
                named(change)
            ));
        }
    }
    if found.is_empty() && common == plan.len() {
        let (here, other) = (plan.iter(), again.iter());
        if !here
            .map(|change| &change.id)
            .eq(other.map(|change| &change.id))
        {
            found.push("the changes stand in another order than when planned again".to_owned());
        }
    }
    Ok(found)
}

fn named(change: &Change) -> String {
    format!(
        "{} {} ({})",
        change.action.kind(),
        change.object.dn,
        change.person.label
    )
}

fn value<T: Serialize>(item: &T) -> Result<Value, serde_json::Error> {
    serde_json::to_value(item)
}

/// Tells each place where two values differ, the deepest there is.
fn within(path: &str, here: &Value, there: &Value, tell: &mut dyn FnMut(&str, String, String)) {
    if here == there {
        return;
    }
    match (here, there) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, here) in left {
                let there = right.get(key).unwrap_or(&Value::Null);
                within(&below(path, key), here, there, tell);
            }
            for (key, there) in right {
                if !left.contains_key(key) {
                    within(&below(path, key), &Value::Null, there, tell);
                }
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (at, (here, there)) in left.iter().zip(right).enumerate() {
                within(&format!("{path}[{at}]"), here, there, tell);
            }
            if left.len() != right.len() {
                let (left, right) = (left.len().to_string(), right.len().to_string());
                tell(&format!("the length of {path}"), left, right);
            }
        }
        _ => tell(path, shown(here), shown(there)),
    }
}

fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        return "missing".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
