//! Makes a recorded test give what the plan gave: its small world is changed until rules find nothing to do in it, and
//! the names taken are those taken in reality.
//!
//! Knows tests and what comes of them, nothing of real reads. Keeps that there is an end to trying.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::{Actual, ActualValue};
use super::bench::Bench;
use super::record::NotRecorded;
use crate::config::kinds::{GivenValue, MappingTest, PersonReference};
use crate::model::{Syntax, default_schema};

/// Most names tried before the rest of those taken is left out.
const TRIES: usize = 200;

/// Most rounds in which an invented account is given what rules make of one another.
const ROUNDS: usize = 4;

/// The one text of an attribute.
pub(super) fn text<'a>(actual: &'a Actual, name: &str) -> Option<&'a str> {
    match actual.attributes.get(name)?.values.as_slice() {
        [ActualValue::Text(text)] => Some(text),
        _ => None,
    }
}

/// Values of an account as a test gives them.
pub(super) fn given(values: &[ActualValue]) -> Option<GivenValue> {
    match values {
        [] => None,
        [ActualValue::Person(key)] => Some(GivenValue::Person(PersonReference {
            person: key.to_string(),
        })),
        [one] => Some(GivenValue::Text(one.to_string())),
        several => Some(GivenValue::List(
            several.iter().map(ToString::to_string).collect(),
        )),
    }
}

/// Gives the account of an invented person what rules give the person, as far as the plan left the real one alone
/// (`before`): invented word by word, a value that a rule makes would hardly ever be what the rule makes of invented
/// facts, and somebody with nothing to change would seem to be changed.
pub(super) fn settle_account(
    bench: &Bench,
    test: &mut MappingTest,
    before: &Actual,
) -> Result<(), NotRecorded> {
    // Rules speak of what others gave, so one round may not be enough.
    for _ in 0..ROUNDS {
        let run = bench.run(test).map_err(|error| NotRecorded::Plan {
            message: error.to_string(),
        })?;
        let Some(account) = &mut test.directory.account else {
            return Ok(());
        };
        let mut settled = true;
        for (folded, found) in &run.actual.attributes {
            let changed = before
                .attributes
                .get(folded)
                .is_some_and(|real| real.rule.is_some());
            let is_text = default_schema()
                .get(&found.name)
                .is_none_or(|def| matches!(def.syntax, Syntax::Text | Syntax::CaseExactText));
            if found.rule.is_none() || changed || !is_text {
                continue;
            }
            settled = false;
            account
                .attributes
                .retain(|name, _| !name.eq_ignore_ascii_case(folded));
            if let Some(value) = given(&found.values) {
                account.attributes.insert(found.name.clone(), value);
            }
        }
        if run.actual.placement_rule.is_some()
            && before.placement_rule.is_none()
            && let Some(placement) = &run.actual.placement
        {
            settled = false;
            account.placement = placement.to_string();
        }
        if settled {
            break;
        }
    }
    Ok(())
}

/// Has the names taken that are taken in reality: as long as the small world gives another name than the whole plan
/// did, the name it gives belongs to somebody.
pub(super) fn settle_names(
    bench: &Bench,
    test: &mut MappingTest,
    unique: &BTreeSet<String>,
    real: Option<&Actual>,
) -> Result<BTreeMap<String, Vec<String>>, NotRecorded> {
    let Some(real) = real else {
        return Ok(BTreeMap::new());
    };
    for _ in 0..TRIES {
        let run = bench.run(test).map_err(|error| NotRecorded::Plan {
            message: error.to_string(),
        })?;
        let mut moved = false;
        for name in unique {
            let (Some(wanted), Some(found)) = (text(real, name), text(&run.actual, name)) else {
                continue;
            };
            let Some(attribute) = run.actual.attributes.get(name) else {
                continue;
            };
            let taken = test
                .directory
                .taken
                .entry(attribute.name.clone())
                .or_default();
            if wanted != found && !taken.iter().any(|known| known == found) {
                taken.push(found.to_owned());
                moved = true;
            }
        }
        test.directory.taken.retain(|_, texts| !texts.is_empty());
        if !moved {
            break;
        }
    }
    Ok(test.directory.taken.clone())
}

/// Has the first `count` names of an attribute taken.
pub(super) fn settle_count(
    bench: &Bench,
    test: &mut MappingTest,
    name: &str,
    count: usize,
) -> Result<(), NotRecorded> {
    for _ in 0..count {
        let run = bench.run(test).map_err(|error| NotRecorded::Plan {
            message: error.to_string(),
        })?;
        let Some(found) = text(&run.actual, &name.to_ascii_lowercase()) else {
            break;
        };
        let found = found.to_owned();
        test.directory
            .taken
            .entry(name.to_owned())
            .or_default()
            .push(found);
    }
    Ok(())
}
