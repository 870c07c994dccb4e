//! How far an apply may reach, from the configuration it is applied with.

use std::collections::BTreeMap;

use super::project::Project;
use crate::apply::Bounds;
use crate::model::{Dn, DnKey, Name};

/// The bounds of every target the project declares.
pub(crate) fn of(project: &Project) -> BTreeMap<Name, Bounds> {
    let config = &project.config;
    let keys = |names: &[String]| -> Vec<DnKey> {
        let names = names.iter();
        names
            .filter_map(|name| Some(Dn::parse(name).ok()?.key()))
            .collect()
    };
    let targets = config.directories.iter();
    targets
        .map(|(name, directory)| {
            let spec = &directory.spec;
            let groups = match spec.managed.groups_under.as_slice() {
                [] => &spec.managed.under,
                _ => &spec.managed.groups_under,
            };
            let guards = config.guards.values();
            let kept = guards
                .filter(|guards| guards.spec.target == name.as_str())
                .flat_map(|guards| &guards.spec.break_glass);
            let bounds = Bounds {
                accounts: keys(&spec.managed.under),
                groups: keys(groups),
                protected: keys(&spec.protected),
                break_glass: kept.flat_map(|account| names_of(account)).collect(),
            };
            (name.clone(), bounds)
        })
        .collect()
}

/// What an account may be found by: as it is written, and as a name is spelt.
fn names_of(account: &str) -> Vec<String> {
    let written = account.trim().to_lowercase();
    let key = Dn::parse(account.trim())
        .ok()
        .map(|dn| dn.key().as_str().to_lowercase());
    std::iter::once(written).chain(key).collect()
}
