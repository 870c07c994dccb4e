//! What a plan needs to read of each target.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Document, kinds};
use crate::mapping::{ADDRESSES, is_address};
use crate::model::{DirectoryRequest, Dn, Name};

/// Attributes every plan looks at: flags, names, marks of what is never touched.
const ALWAYS: &[&str] = &[
    "adminCount",
    "cn",
    "isCriticalSystemObject",
    "objectSid",
    "primaryGroupID",
    "sAMAccountName",
    "userAccountControl",
    "userPrincipalName",
];

/// The attributes and groups each target of the configuration has to be read for.
pub fn requests(config: &Config) -> BTreeMap<Name, DirectoryRequest> {
    config
        .directories
        .iter()
        .map(|(target, directory)| {
            let mut attributes = Attributes::default();
            for name in ALWAYS {
                attributes.add(name);
            }
            for mapping in config.mappings.values() {
                if mapping.spec.target != target.as_str() {
                    continue;
                }
                attributes.add(&mapping.spec.matching.anchor.attribute);
                for key in &mapping.spec.matching.adopt {
                    attributes.add(&key.attribute);
                }
                for name in mapping.spec.attributes.keys() {
                    attributes.add(name);
                }
                let extends = |template: &&Document<kinds::Template>| {
                    template.spec.mapping == mapping.name.as_str()
                };
                for template in config.templates.values().filter(extends) {
                    for name in template.spec.attributes.keys() {
                        attributes.add(name);
                    }
                }
            }
            for lifecycle in config.lifecycles.values() {
                if lifecycle.spec.target == target.as_str() {
                    for state in &lifecycle.spec.states {
                        for name in state.attribute_names() {
                            attributes.add(name);
                        }
                        if resets(state) {
                            attributes.add("pwdLastSet");
                        }
                    }
                }
            }
            let of_target = |doc: &&Document<kinds::Exceptions>| doc.spec.target == target.as_str();
            for document in config.exceptions.values().filter(of_target) {
                let set = document
                    .spec
                    .exceptions
                    .iter()
                    .filter_map(|one| one.set.as_ref());
                for name in set.flat_map(|set| set.keys()) {
                    attributes.add(name);
                }
            }
            if let Some(stamp) = &directory.spec.stamp {
                attributes.add(&stamp.attribute);
                // A stamp from before there was the account is not believed.
                attributes.add("whenCreated");
            }
            let states = || {
                let lifecycles = config.lifecycles.values();
                lifecycles
                    .filter(|lifecycle| lifecycle.spec.target == target.as_str())
                    .flat_map(|lifecycle| &lifecycle.spec.states)
            };
            let deletes = states().any(|state| state.deletes().is_some());
            if deletes {
                // Whoever has one is a service, not a person.
                attributes.add("servicePrincipalName");
            }
            let names_in = names_in(config, target);
            for name in &names_in {
                attributes.add(name);
            }
            let managed = &directory.spec.managed;
            let places = if managed.groups_under.is_empty() {
                &managed.under
            } else {
                &managed.groups_under
            };
            let request = DirectoryRequest {
                user_attributes: attributes.names.into_values().collect(),
                names_in,
                groups_under: places.iter().filter_map(|dn| Dn::parse(dn).ok()).collect(),
                groups: named_groups(config, target, places),
                disabled_under: if deletes || states().any(resets) {
                    outermost(&managed.under)
                } else {
                    Vec::new()
                },
            };
            (target.clone(), request)
        })
        .collect()
}

/// Whether a state replaces passwords.
fn resets(state: &kinds::State) -> bool {
    let reset = Some(kinds::PasswordInState::Reset);
    state.steps().iter().any(|step| step.password == reset)
}

/// Places of which none lies within another.
pub(super) fn outermost(places: &[String]) -> Vec<Dn> {
    let places: Vec<Dn> = places.iter().filter_map(|dn| Dn::parse(dn).ok()).collect();
    let keys: Vec<_> = places.iter().map(Dn::key).collect();
    let within = |at: usize| {
        keys.iter()
            .enumerate()
            .any(|(other, key)| keys[at].is_at_or_under(key) && (*key != keys[at] || other < at))
    };
    let kept = (0..places.len()).filter(|at| !within(*at));
    kept.map(|at| places[at].clone()).collect()
}

/// Attributes in which a name the target's mappings give must not stand, wherever an object has it.
fn names_in(config: &Config, target: &Name) -> Vec<String> {
    let mut names = Attributes::default();
    let mappings = config
        .mappings
        .values()
        .filter(|mapping| mapping.spec.target == target.as_str());
    for mapping in mappings {
        let rename = mapping.spec.rename.as_ref();
        if rename.is_some_and(|rename| rename.keep_old_address) {
            names.add("proxyAddresses");
        }
        let templates = config
            .templates
            .values()
            .filter(|template| template.spec.mapping == mapping.name.as_str())
            .flat_map(|template| &template.spec.attributes);
        for (attribute, rule) in mapping.spec.attributes.iter().chain(templates) {
            let unique = match rule {
                kinds::AttributeSpec::Rule(rule) => rule.unique.as_ref(),
                kinds::AttributeSpec::Template(_) => None,
            };
            let address = is_address(attribute);
            // Whoever is given an address or a principal name, nobody else may have it.
            let anybodys = ["userPrincipalName", "proxyAddresses"]
                .iter()
                .any(|name| attribute.eq_ignore_ascii_case(name));
            if address && (unique.is_some() || anybodys) {
                for name in ADDRESSES {
                    names.add(name);
                }
            }
            if let Some(unique) = unique {
                if !attribute.eq_ignore_ascii_case("cn") {
                    names.add(attribute);
                }
                for name in &unique.also_in {
                    names.add(name);
                }
            }
        }
    }
    names.names.into_values().collect()
}

/// Attribute names, each once whatever its case.
#[derive(Default)]
struct Attributes {
    names: BTreeMap<String, String>,
}

impl Attributes {
    fn add(&mut self, name: &str) {
        self.names
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| name.to_owned());
    }
}

/// Groups named outright by rules and standing outside the places read anyway.
fn named_groups(config: &Config, target: &Name, places: &[String]) -> Vec<Dn> {
    let places: Vec<_> = places
        .iter()
        .filter_map(|dn| Dn::parse(dn).ok())
        .map(|dn| dn.key())
        .collect();
    let rules = config
        .groups
        .values()
        .filter(|groups| groups.spec.target == target.as_str())
        .flat_map(|groups| &groups.spec.rules);
    let mut seen = BTreeSet::new();
    rules
        .filter(|rule: &&kinds::GroupRule| !rule.group.contains("{{"))
        .filter_map(|rule| Dn::parse(&rule.group).ok())
        .filter(|dn| {
            let key = dn.key();
            !places.iter().any(|place| key.is_at_or_under(place)) && seen.insert(key)
        })
        .collect()
}
