//! How two plans differ, in words: one at hand, and one made again from what it says it was made from.
//!
//! Changes are compared by their id, which is the same for the same change of the same object; everything else by where it
//! stands. Must not judge: any difference is one.

use hashbrown::HashMap;
use serde::Serialize;
use serde_json::Value;

use super::file::split;
use super::{Change, ChangeId, Held, Plan};

/// Longest value that is shown whole, in characters.
const SHOWN: usize = 80;

/// Each difference as a sentence; none when the plans are the same. `again` is the plan made again.
///
/// # Errors
/// When a plan cannot be written as JSON.
pub fn differences(plan: &Plan, again: &Plan) -> Result<Vec<String>, serde_json::Error> {
    // Neither long list is copied, and of each only what differs is written out.
    let ((plan, (changes, held)), (again, (changes_again, held_again))) =
        (split(plan), split(again));
    let mut found = of_changes(changes, changes_again)?;
    let mut tell = |path: &str, here: String, there: String| {
        found.push(format!("{path} is {here}, and {there} when planned again"));
    };
    within("", &value(&plan)?, &value(&again)?, &mut tell);
    of_held(held, held_again, &mut tell)?;
    Ok(found)
}

fn of_held(
    held: &[Held],
    again: &[Held],
    tell: &mut dyn FnMut(&str, String, String),
) -> Result<(), serde_json::Error> {
    for (at, (here, there)) in held.iter().zip(again).enumerate() {
        if here != there {
            within(&format!("held[{at}]"), &value(here)?, &value(there)?, tell);
        }
    }
    if held.len() != again.len() {
        let (here, there) = (held.len().to_string(), again.len().to_string());
        tell("the length of held", here, there);
    }
    Ok(())
}

fn of_changes(plan: &[Change], again: &[Change]) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    let mut there: HashMap<&ChangeId, &Change> =
        again.iter().map(|change| (&change.id, change)).collect();
    for change in plan {
        let Some(other) = there.remove(&change.id) else {
            found.push(format!(
                "{} is in the plan, and not when planned again",
                change.spoken()
            ));
            continue;
        };
        if change == other {
            continue;
        }
        let (here, other) = (value(change)?, value(other)?);
        within("", &here, &other, &mut |path, here, there| {
            found.push(format!(
                "{}: {path} is {here}, and {there} when planned again",
                change.spoken()
            ));
        });
    }
    // In the order of the plan made again, which does not change from run to run.
    for change in again {
        if there.contains_key(&change.id) {
            found.push(format!(
                "{} is not in the plan, and is when planned again",
                change.spoken()
            ));
        }
    }
    if found.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::plan::{ChangeId, Plan};

    fn golden() -> Plan {
        let bytes = include_bytes!("../../tests/golden/guards-class/plan.json");
        crate::plan::read(bytes).expect("a plan").content
    }

    #[test]
    fn each_place_is_told_once_and_nothing_of_what_is_the_same() {
        let plan = golden();
        assert!(plan.changes.len() > 1 && !plan.held.is_empty());
        let told = |change: fn(&mut Plan)| {
            let mut again = plan.clone();
            change(&mut again);
            differences(&plan, &again).expect("JSON")
        };
        assert!(told(|_| ()).is_empty());
        for (change, path) in [
            (
                (|plan| plan.held[0].reason = "x".to_owned()) as fn(&mut Plan),
                "held[0].reason is ",
            ),
            (|plan| plan.held.truncate(0), "the length of held is "),
            (|plan| plan.counts.people = 0, "counts.people is "),
            (|plan| plan.changes.swap(0, 1), "another order"),
            (
                |plan| plan.changes[0].because.text = "x".to_owned(),
                ": because.text is ",
            ),
        ] {
            let found = told(change);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(path), "{found:?}");
        }
        let other = told(|plan| plan.changes[0].id = ChangeId("c-other".into()));
        assert_eq!(other.len(), 2, "{other:?}");
    }
}
