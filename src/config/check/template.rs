//! `kind: Template`: that each extends a mapping, says something, and is right in itself.

use super::attributes::{self, Rules};
use super::directory::{self, Use};
use super::{Context, Entry, People, Report, naming};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::kinds::{AttributeSpec, OnLeave, Template, When};
use crate::config::yaml::join;

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    for template in &context.set.templates {
        one(template, context, report);
    }
}

fn one(template: &Entry<Template>, context: &Context<'_>, report: &mut Report) {
    let doc = &template.doc;
    let spec = &template.spec;
    let set = context.set;
    let mapping = set
        .mappings
        .iter()
        .find(|mapping| mapping.name.as_str() == spec.mapping);
    if mapping.is_none() && !set.incomplete {
        let names = || set.mappings.iter().map(|mapping| mapping.name.as_str());
        report.error(
            doc,
            "/spec/mapping",
            codes::UNKNOWN_MAPPING,
            format!("there is no Mapping {}", quoted(&spec.mapping)),
            did_you_mean(&spec.mapping, names()).or_else(|| {
                let names: Vec<&str> = names().take(10).collect();
                (!names.is_empty()).then(|| format!("there is {}", list(names)))
            }),
        );
    }
    let says_nothing = spec.attributes.is_empty() && spec.placement.is_none();
    if says_nothing && !doc.is_incomplete("/spec/attributes") {
        report.error_key(
            doc,
            "/spec",
            codes::EMPTY_TEMPLATE,
            "this template sets nothing",
            Some("give it `attributes` or a `placement`".to_owned()),
        );
    }
    let people = mapping.and_then(|mapping| context.people(&mapping.spec.source));
    if let Some(people) = people {
        if spec.when.is_some() {
            people.condition(doc, "/spec/when", report);
        }
        if spec.placement.is_some() {
            let place = people.template(doc, "/spec/placement", report);
            directory::target_name(
                doc,
                "/spec/placement",
                place.as_ref(),
                mapping.and_then(|mapping| context.directory(&mapping.spec.target)),
                Use::Placement,
                report,
            );
        }
    }
    let fields = people
        .zip(mapping)
        .map(|(people, mapping)| naming::fields(people.fields, &mapping.spec.attributes));
    let rules = Rules {
        doc,
        pointer: "/spec/attributes",
        people: people
            .zip(fields.as_deref())
            .map(|(people, fields)| People { fields, ..people }),
        source: mapping.and_then(|mapping| context.source(&mapping.spec.source)),
        anchor: mapping.map(|mapping| mapping.spec.matching.anchor.attribute.as_str()),
        target: mapping.and_then(|mapping| context.directory(&mapping.spec.target)),
    };
    attributes::check(&rules, &spec.attributes, report);
    if let Some(mapping) = mapping {
        let beside = set
            .templates
            .iter()
            .filter(|other| other.spec.mapping == spec.mapping && other.name != template.name);
        let others = std::iter::once(&mapping.spec.attributes)
            .chain(beside.map(|other| &other.spec.attributes));
        naming::circles(&rules, &spec.attributes, others, report);
    }
    if spec.on_leave == OnLeave::Clear {
        for (name, rule) in &spec.attributes {
            lasting(doc, name, rule, report);
        }
    }
}

/// An attribute that `onLeave: clear` cannot clear.
fn lasting(doc: &crate::config::yaml::Doc, name: &str, rule: &AttributeSpec, report: &mut Report) {
    let taken = match rule {
        AttributeSpec::Template(_) => true,
        AttributeSpec::Rule(rule) => matches!(rule.when, When::Always | When::Merge),
    };
    if taken && attributes::cannot_be_cleared(name) {
        report.error_key(
            doc,
            &join("/spec/attributes", name),
            codes::CANNOT_BE_CLEARED,
            format!(
                "no account can be without {}, and `onLeave` would clear it",
                quoted(name)
            ),
            Some("set it in a template of its own that says `onLeave: release`".to_owned()),
        );
    }
}
