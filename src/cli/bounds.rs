//! How far an apply may reach, from the configuration it is applied with.

use std::collections::BTreeMap;

use super::project::Project;
use crate::apply::Bounds;
use crate::model::{Dn, DnKey, Guid, Name};

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
            let mappings = config.mappings.values();
            let anchors = mappings
                .filter(|mapping| mapping.spec.target == name.as_str())
                .map(|mapping| mapping.spec.matching.anchor.attribute.clone());
            let bounds = Bounds {
                accounts: keys(&spec.managed.under),
                groups: keys(groups),
                protected: keys(&spec.protected),
                break_glass: kept.flat_map(|account| names_of(account)).collect(),
                anchors: anchors.collect(),
            };
            (name.clone(), bounds)
        })
        .collect()
}

/// What an account may be found by: as it is written, and as a name and an identity are spelt.
fn names_of(account: &str) -> Vec<String> {
    let account = account.trim();
    let key = Dn::parse(account)
        .ok()
        .map(|dn| dn.key().as_str().to_lowercase());
    let guid = Guid::parse(account).map(|guid| guid.to_string());
    let written = std::iter::once(account.to_lowercase());
    written.chain(key).chain(guid).collect()
}

#[cfg(test)]
mod tests {
    use super::names_of;

    #[test]
    fn an_identity_is_the_same_in_every_spelling() {
        for written in [
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            " {00112233-4455-6677-8899-aabbccddeeff}",
            "00112233445566778899aabbccddeeff",
        ] {
            let names = names_of(written);
            let spelt = "00112233-4455-6677-8899-aabbccddeeff".to_owned();
            assert!(names.contains(&spelt), "{written}: {names:?}");
        }
        assert_eq!(names_of("Emergency1"), ["emergency1"]);
    }
}
