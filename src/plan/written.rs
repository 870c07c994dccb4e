//! What a project's rules write to a target, as far as its documents tell: which attributes, and how accounts are made.
//!
//! Wider than what any one plan has: a rule counts whether or not it applies to anybody. Pure; must not know plans.
//! Invariant: whatever the planner writes with a configuration is here.

use std::collections::BTreeSet;

use super::PasswordPolicy;
use crate::config::Config;
use crate::model::Name;

/// What is written to one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    /// Attributes, in lower case.
    attributes: BTreeSet<String>,
    /// Anchor attributes, in lower case. They are among the attributes, too.
    pub(super) anchors: BTreeSet<String>,
}

impl Written {
    /// By the documents that speak of the target.
    pub(super) fn of(config: &Config, target: &Name) -> Self {
        let mut written = Self::default();
        let name = target.as_str();
        let mappings = config.mappings.values();
        for mapping in mappings.filter(|mapping| mapping.spec.target == name) {
            let spec = &mapping.spec;
            let anchor = spec.matching.anchor.attribute.to_ascii_lowercase();
            written.attributes.insert(anchor.clone());
            written.anchors.insert(anchor);
            written.add(spec.attributes.keys());
            // Former addresses are kept without a rule for them.
            if spec
                .rename
                .as_ref()
                .is_some_and(|rename| rename.keep_old_address)
            {
                written.attributes.insert("proxyaddresses".to_owned());
            }
            let templates = config.templates.values();
            for template in templates.filter(|one| one.spec.mapping == mapping.name.as_str()) {
                written.add(template.spec.attributes.keys());
            }
        }
        let lifecycles = config.lifecycles.values();
        for lifecycle in lifecycles.filter(|one| one.spec.target == name) {
            for state in &lifecycle.spec.states {
                written.add(state.attribute_names());
            }
        }
        let exceptions = config.exceptions.values();
        for document in exceptions.filter(|one| one.spec.target == name) {
            for exception in &document.spec.exceptions {
                written.add(exception.set.iter().flat_map(|set| set.keys()));
            }
        }
        let directory = config.directories.get(target);
        let stamp = directory.and_then(|directory| directory.spec.stamp.as_ref());
        written.add(stamp.map(|stamp| &stamp.attribute));
        written
    }

    fn add<'n>(&mut self, names: impl IntoIterator<Item = &'n String>) {
        let names = names.into_iter();
        self.attributes
            .extend(names.map(|name| name.to_ascii_lowercase()));
    }

    /// Whether some rule writes an attribute.
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.contains(&attribute.to_ascii_lowercase())
    }
}

/// Whether some mapping of the source makes accounts with such a first password.
pub(super) fn has_password(
    config: &Config,
    source: &Name,
    target: &Name,
    password: PasswordPolicy,
) -> bool {
    let mappings = config.mappings.values();
    let mut mappings = mappings.filter(|mapping| {
        mapping.spec.source == source.as_str() && mapping.spec.target == target.as_str()
    });
    mappings.any(|mapping| {
        let wanted = &mapping.spec.initial_password;
        wanted.length == password.length && wanted.must_change == password.must_change
    })
}

/// Whether some state of the source's people makes accounts, and leaves them enabled or disabled as asked.
pub(super) fn makes(config: &Config, source: &Name, target: &Name, enabled: bool) -> bool {
    let lifecycles = config.lifecycles.values();
    let states = lifecycles
        .filter(|one| one.spec.source == source.as_str() && one.spec.target == target.as_str())
        .flat_map(|lifecycle| &lifecycle.spec.states);
    let mut steps = states.flat_map(|state| {
        let (mut is_enabled, mut create) = (false, None);
        let steps = state.steps().into_iter().map(|step| {
            is_enabled = step.enabled.unwrap_or(is_enabled);
            create = step.create.or(create);
            (is_enabled, create.unwrap_or(is_enabled))
        });
        steps.collect::<Vec<_>>()
    });
    steps.any(|(is_enabled, create)| create && is_enabled == enabled)
}
