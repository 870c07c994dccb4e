//! Which tables that a line looks into differ between two configurations: a rule that nobody touched gives something else
//! when a row did.

use std::collections::BTreeMap;

use crate::config::{Config, LoadedTable};
use crate::plan::{BroughtAbout, Plan};

/// Writes to each line of a comparison the files of tables that the line names and that differ.
pub fn name_tables(plan: &mut Plan, now: &Config, then: &Config) {
    let changed: BTreeMap<&str, String> = now
        .tables
        .iter()
        .filter(|(name, table)| {
            then.tables.get(*name).is_none_or(|earlier| {
                earlier.rows != table.rows || earlier.document.spec != table.document.spec
            })
        })
        .map(|(name, table)| (name.as_str(), file(table)))
        .collect();
    let Some(base) = &mut plan.base else { return };
    let held = base.held.iter_mut().map(|held| &mut held.would);
    for one in base.brought.iter_mut().chain(held) {
        one.tables = named(one, &changed);
    }
    for one in &mut base.withdrawn {
        one.tables = named(one, &changed);
    }
}

fn named(one: &BroughtAbout, changed: &BTreeMap<&str, String>) -> Vec<String> {
    let looks_into = |name: &str| {
        ['\'', '"']
            .iter()
            .any(|quote| one.text.contains(&format!("{quote}{name}{quote}")))
    };
    let mut files: Vec<String> = changed
        .iter()
        .filter(|(name, _)| looks_into(name))
        .map(|(_, file)| file.clone())
        .collect();
    files.dedup();
    files
}

/// Where the rows stand.
fn file(table: &LoadedTable) -> String {
    match &table.document.spec.csv {
        Some(csv) => csv.file.clone(),
        None => table.document.positions.value("/spec").to_string(),
    }
}
