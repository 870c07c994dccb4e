//! Which checks of a read the source's rules ask for, held against those a plan tells of: the other side of
//! [`judge`](super::judge).
//!
//! Judges a finished plan's words. A check that failed, or could not be made, is told by itself; here it must only be there, and
//! what it says must be enough wherever the plan's own numbers tell.

use std::collections::HashMap;

use super::PartCounts;
use crate::config::kinds::CompletenessRules;
use crate::model::{CheckOutcome, CompletenessCheck, Name};

/// What a plan tells of a read.
#[derive(Debug, Clone, Copy)]
pub struct ToldRead<'a> {
    /// People in it.
    pub people: u64,
    /// The checks.
    pub checks: &'a [CompletenessCheck],
    /// How many people have each value of the fields that are counted.
    pub parts: &'a PartCounts,
    /// Whether a plan with the last good read was named.
    pub last_good: bool,
}

/// What the rules ask for and is not there, or is there and not enough; a sentence each. `targets` are those with a
/// mapping of the source.
pub fn left_out(rules: &CompletenessRules, read: ToldRead<'_>, targets: &[&Name]) -> Vec<String> {
    let mut found = Vec::new();
    let mut wants = |rule: &str| {
        let one = read.checks.iter().find(|check| check.rule == rule);
        if one.is_none() {
            found.push(format!("the check `{rule}` is not in it"));
        }
        one
    };
    wants("total");
    wants("reading");
    let floor = (rules.floor > 0).then(|| wants("floor")).flatten();
    let sentinels = rules.sentinels.len();
    let visible = (sentinels > 0).then(|| wants("sentinels")).flatten();
    if rules.max_fall.is_some() {
        for target in targets {
            wants(&format!("fall of accounts in {target}"));
        }
    }
    for parts in &rules.parts {
        if !parts.present.is_empty() {
            wants(&format!("parts by {}", parts.field));
        }
        if parts.as_last_good {
            wants(&format!("parts by {} as last good", parts.field));
        }
    }
    let last_good = rules.last_good.as_ref();
    if last_good.is_some_and(|rules| rules.max_fall.is_some()) {
        wants("fall since the last good read");
    }
    let passed = |check: &CompletenessCheck| check.outcome == CheckOutcome::Passed;
    if floor.is_some_and(passed) && read.people < rules.floor {
        found.push(format!(
            "the check `floor` passed with {} read, and the floor is {}",
            read.people, rules.floor
        ));
    }
    if let Some(check) = visible
        && passed(check)
        && check.found != format!("{sentinels} visible")
    {
        found.push(format!(
            "the check `sentinels` passed with \"{}\", and the configuration names {sentinels}",
            check.found
        ));
    }
    found.extend(rules.parts.iter().filter_map(|parts| {
        let rule = format!("parts by {}", parts.field);
        let all = read
            .checks
            .iter()
            .any(|check| check.rule == rule && passed(check));
        let counted = read.parts.get(parts.field.as_str());
        let counted: HashMap<String, u64> = counted
            .into_iter()
            .flatten()
            .map(|(value, count)| (value.to_lowercase(), *count))
            .collect();
        let short = parts.present.iter().find(|value| {
            let count = counted.get(&value.trim().to_lowercase());
            count.copied().unwrap_or_default() < parts.floor
        });
        let short = short.filter(|_| all)?;
        Some(format!(
            "the check `parts by {}` passed with fewer than {} of {short:?}",
            parts.field, parts.floor
        ))
    }));
    if last_good.is_some_and(|rules| rules.required) && !read.last_good {
        let told = read
            .checks
            .iter()
            .any(|check| check.rule == "last-good" && check.outcome == CheckOutcome::Failed);
        if !told {
            found.push("it must be compared with the last good read, and was not".to_owned());
        }
    }
    found
}
