//! Which tables that a line looks into differ between two configurations: a rule that nobody touched gives something else
//! when a row did.

use std::collections::BTreeSet;

use crate::config::{Config, LoadedTable};
use crate::plan::{BroughtAbout, Plan};

/// Writes to each line of a comparison the files of tables that the line names and that differ.
pub fn name_tables(plan: &mut Plan, now: &Config, then: &Config) {
    let changed: Vec<(Mentions, String)> = now
        .tables
        .iter()
        .filter(|(name, table)| {
            then.tables.get(*name).is_none_or(|earlier| {
                earlier.rows != table.rows || earlier.document.spec != table.document.spec
            })
        })
        .map(|(name, table)| (mentions(name.as_str()), file(table)))
        .collect();
    let Some(base) = &mut plan.base else { return };
    let held = base.held.iter_mut().map(|held| &mut held.would);
    let told = base.brought.iter_mut().chain(held);
    for one in told.chain(&mut base.withdrawn) {
        one.tables = named(one, &changed);
    }
}

/// How a line names a table.
type Mentions = [String; 2];

fn mentions(name: &str) -> Mentions {
    [format!("'{name}'"), format!("\"{name}\"")]
}

fn named(one: &BroughtAbout, changed: &[(Mentions, String)]) -> Vec<String> {
    let looks_into = |names: &Mentions| names.iter().any(|name| one.text.contains(name));
    let files: BTreeSet<&String> = changed
        .iter()
        .filter(|(names, _)| looks_into(names))
        .map(|(_, file)| file)
        .collect();
    // Two tables may have one file.
    files.into_iter().cloned().collect()
}

/// Where the rows stand.
fn file(table: &LoadedTable) -> String {
    match &table.document.spec.csv {
        Some(csv) => csv.file.clone(),
        None => table.document.positions.value("/spec").to_string(),
    }
}
