//! The attribute a target keeps stamps in: one readable text of each account, written by nothing else.

use super::attributes::attribute_name;
use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::ActiveDirectory;
use crate::model::Syntax;

const AT: &str = "/spec/stamp/attribute";

pub(super) fn check(
    directory: &Entry<ActiveDirectory>,
    context: &Context<'_>,
    report: &mut Report,
) {
    let Some(stamp) = &directory.spec.stamp else {
        return;
    };
    let doc = &directory.doc;
    let name = stamp.attribute.as_str();
    let help =
        || Some("choose one that nobody else uses, for example `extensionAttribute15`".to_owned());
    if let Some(known) = attribute_name(doc, AT, name, true, report)
        && (!known.single_valued
            || !matches!(known.syntax, Syntax::Text | Syntax::CaseExactText)
            || known.range_upper.is_some_and(|upper| upper < 96))
    {
        report.error(
            doc,
            AT,
            codes::STAMP_ATTRIBUTE,
            format!("{} does not hold one text of 96 characters", quoted(name)),
            help(),
        );
        return;
    }
    let target = directory.name.as_str();
    let set = context.set;
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    let mappings: Vec<_> = set
        .mappings
        .iter()
        .filter(|mapping| mapping.spec.target == target)
        .collect();
    let of_mappings = mappings.iter().flat_map(|mapping| {
        let matching = &mapping.spec.matching;
        mapping
            .spec
            .attributes
            .keys()
            .chain(matching.adopt.iter().map(|key| &key.attribute))
            .chain([&matching.anchor.attribute])
            .map(|attribute| (attribute, mapping.name.as_str()))
    });
    let of_templates = set
        .templates
        .iter()
        .filter(|template| {
            let mut extended = mappings.iter();
            extended.any(|mapping| mapping.name.as_str() == template.spec.mapping)
        })
        .flat_map(|template| {
            let attributes = template.spec.attributes.keys();
            attributes.map(|attribute| (attribute, template.name.as_str()))
        });
    let of_states = set
        .lifecycles
        .iter()
        .filter(|lifecycle| lifecycle.spec.target == target)
        .flat_map(|lifecycle| {
            let states = lifecycle.spec.states.iter();
            states
                .flat_map(|state| state.attribute_names())
                .map(|attribute| (attribute, lifecycle.name.as_str()))
        });
    let mut used = of_mappings.chain(of_templates).chain(of_states);
    if let Some((_, by)) = used.find(|(attribute, _)| same(attribute)) {
        report.error(
            doc,
            AT,
            codes::STAMP_ATTRIBUTE,
            format!("{} is already used by {}", quoted(name), quoted(by)),
            help(),
        );
    }
}
