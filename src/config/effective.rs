//! Who decides about each attribute: the rules of states, templates and mapping, in the order they are asked.
//!
//! Knows documents as they are written, no people: the answer for somebody is in a plan.

use std::collections::BTreeMap;

use super::kinds::{AttributeRule, When};
use super::{Config, Positions};
use crate::model::{Location, Name};

/// The rules of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The mapping.
    pub mapping: Name,
    /// By attribute, under its first spelling; the placement is last, under no name.
    pub attributes: Vec<(String, Vec<Claim>)>,
}

/// One rule about one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it belongs to: `state leaver`, `template sales`, `mapping employees`.
    pub owner: String,
    /// The template's priority.
    pub priority: Option<i32>,
    /// Conditions that must hold.
    pub conditions: Vec<String>,
    /// What it gives, as it is written.
    pub gives: String,
    /// When it is written.
    pub when: When,
    /// Where it stands.
    pub location: Location,
}

/// The rules of every mapping, the first to decide first.
pub fn effective(config: &Config) -> Vec<Effective> {
    config
        .mappings
        .values()
        .map(|mapping| {
            let mut rules = Gathered::default();
            let states = config.lifecycles.values().filter(|lifecycle| {
                lifecycle.spec.source == mapping.spec.source
                    && lifecycle.spec.target == mapping.spec.target
            });
            for lifecycle in states {
                for (at, state) in lifecycle.spec.states.iter().enumerate() {
                    // A later stage decides before the one it follows.
                    for step in state.steps().into_iter().rev() {
                        let owner = Owner {
                            name: format!("state {}", step.name),
                            priority: None,
                            when: state.when.as_ref(),
                            positions: &lifecycle.positions,
                        };
                        let pointer = format!("/spec/states/{at}{}", step.pointer);
                        for (name, rule) in step.attributes {
                            rules.add(&owner, &format!("{pointer}/attributes"), name, rule.full());
                        }
                        rules.place(&owner, &pointer, step.placement);
                    }
                }
            }
            let mut templates: Vec<_> = config
                .templates
                .values()
                .filter(|template| template.spec.mapping == mapping.name.as_str())
                .collect();
            templates.sort_by_key(|template| std::cmp::Reverse(template.spec.priority));
            for template in templates {
                let owner = Owner {
                    name: format!("template {}", template.name),
                    priority: Some(template.spec.priority),
                    when: template.spec.when.as_ref(),
                    positions: &template.positions,
                };
                for (name, rule) in &template.spec.attributes {
                    rules.add(&owner, "/spec/attributes", name, rule.full());
                }
                rules.place(&owner, "/spec", template.spec.placement.as_ref());
            }
            let owner = Owner {
                name: format!("mapping {}", mapping.name),
                priority: None,
                when: None,
                positions: &mapping.positions,
            };
            for (name, rule) in &mapping.spec.attributes {
                rules.add(&owner, "/spec/attributes", name, rule.full());
            }
            rules.place(&owner, "/spec", Some(&mapping.spec.placement));
            let mut attributes: Vec<(String, Vec<Claim>)> = rules.by_name.into_values().collect();
            attributes.push((String::new(), rules.places));
            Effective {
                mapping: mapping.name.clone(),
                attributes,
            }
        })
        .collect()
}

struct Owner<'a> {
    name: String,
    priority: Option<i32>,
    when: Option<&'a String>,
    positions: &'a Positions,
}

#[derive(Default)]
struct Gathered {
    by_name: BTreeMap<String, (String, Vec<Claim>)>,
    places: Vec<Claim>,
}

impl Gathered {
    fn add(&mut self, owner: &Owner<'_>, pointer: &str, name: &str, rule: AttributeRule) {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let claim = Claim {
            owner: owner.name.clone(),
            priority: owner.priority,
            conditions: owner
                .when
                .into_iter()
                .chain(&rule.condition)
                .cloned()
                .collect(),
            when: rule.when,
            gives: gives(&rule),
            location: owner.positions.key(&format!("{pointer}/{escaped}")),
        };
        self.by_name
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| (name.to_owned(), Vec::new()))
            .1
            .push(claim);
    }

    fn place(&mut self, owner: &Owner<'_>, pointer: &str, place: Option<&String>) {
        let Some(place) = place else { return };
        self.places.push(Claim {
            owner: owner.name.clone(),
            priority: owner.priority,
            conditions: owner.when.into_iter().cloned().collect(),
            when: When::Always,
            gives: place.clone(),
            location: owner.positions.key(&format!("{pointer}/placement")),
        });
    }
}

fn gives(rule: &AttributeRule) -> String {
    if let Some(value) = &rule.value {
        value.clone()
    } else if let Some(values) = &rule.values {
        values.join(", ")
    } else if let Some(person) = &rule.person {
        format!("the account of {person}")
    } else if let Some(unique) = &rule.unique {
        format!("the first free of {}", unique.formats.join(", "))
    } else {
        String::new()
    }
}
