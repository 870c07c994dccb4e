//! `kind: Mapping`.

use super::attributes::{self, Rules};
use super::directory::{self, Use};
use super::{Context, Entry, People, Report, naming};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::Mapping;
use crate::config::yaml::join;
use crate::model::{AttributeDef, Syntax};

pub(super) fn check(mapping: &Entry<Mapping>, context: &Context<'_>, report: &mut Report) {
    let doc = &mapping.doc;
    let spec = &mapping.spec;
    let people = context.people(&spec.source);
    if let (Some(people), Some(_)) = (people, &spec.applies_to) {
        people.condition(doc, "/spec/appliesTo", report);
    }
    let anchor = &spec.matching.anchor;
    recognised(
        mapping,
        "/spec/match/anchor",
        &anchor.attribute,
        people,
        report,
    );
    for (index, adoption) in spec.matching.adopt.iter().enumerate() {
        let pointer = join("/spec/match/adopt", &index.to_string());
        recognised(mapping, &pointer, &adoption.attribute, people, report);
    }
    if let Some(people) = people {
        let template = people.template(doc, "/spec/placement", report);
        directory::target_name(
            doc,
            "/spec/placement",
            template.as_ref(),
            context.directory(&spec.target),
            Use::Placement,
            report,
        );
    }
    let fields = people.map(|people| naming::fields(people.fields, &spec.attributes));
    let rules = Rules {
        doc,
        pointer: "/spec/attributes",
        people: people
            .zip(fields.as_deref())
            .map(|(people, fields)| People { fields, ..people }),
        source: context.source(&spec.source),
        anchor: Some(&anchor.attribute),
        target: context.directory(&spec.target),
    };
    attributes::check(&rules, &spec.attributes, report);
    naming::circles(&rules, &spec.attributes, [], report);
    naming::rename(mapping, report);
    if creates(mapping, context) && !doc.is_incomplete("/spec/attributes") {
        for needed in ["cn", "sAMAccountName"] {
            if !spec
                .attributes
                .keys()
                .any(|name| name.eq_ignore_ascii_case(needed))
            {
                report.error_key(
                    doc,
                    "/spec/attributes",
                    codes::MISSING_ATTRIBUTE,
                    format!(
                        "without a rule for {} no account can be created",
                        quoted(needed)
                    ),
                    Some("add one, best with `unique`".to_owned()),
                );
            }
        }
    }
}

/// The attribute and template by which an account is recognised.
fn recognised(
    mapping: &Entry<Mapping>,
    pointer: &str,
    attribute: &str,
    people: Option<People<'_>>,
    report: &mut Report,
) {
    let doc = &mapping.doc;
    let is_anchor = pointer.ends_with("/anchor");
    let at = join(pointer, "attribute");
    let definition = attributes::attribute_name(doc, &at, attribute, false, report);
    if let Some(definition) = definition.filter(|_| is_anchor) {
        anchor(mapping, &at, definition, report);
    }
    let at = join(pointer, "value");
    let Some(template) = people.and_then(|people| people.template(doc, &at, report)) else {
        return;
    };
    if template.literal().is_some() {
        report.error(
            doc,
            &at,
            codes::CONSTANT_MATCH,
            "this is the same for everyone and recognises nobody",
            Some(
                "use a field that differs from person to person, such as `{{ person.number }}`"
                    .to_owned(),
            ),
        );
    }
}

fn anchor(mapping: &Entry<Mapping>, pointer: &str, definition: &AttributeDef, report: &mut Report) {
    let doc = &mapping.doc;
    let unusable = if definition.read_only || attributes_of_names(&definition.name) {
        Some("is decided elsewhere, so it")
    } else if !matches!(
        definition.syntax,
        Syntax::Text | Syntax::CaseExactText | Syntax::Integer | Syntax::LargeInteger
    ) {
        Some("holds no text, so it")
    } else {
        None
    };
    if let Some(why) = unusable {
        report.error(
            doc,
            pointer,
            codes::ATTRIBUTE_NEVER_WRITTEN,
            format!(
                "{} {why} cannot tie an account to a person",
                quoted(&definition.name)
            ),
            Some("`employeeID`, `employeeNumber` and `extensionAttribute`s serve well".to_owned()),
        );
    } else if !definition.single_valued {
        report.error(
            doc,
            pointer,
            codes::SINGLE_VALUED,
            format!(
                "{} can have several values and cannot tie an account to one person",
                quoted(&definition.name)
            ),
            Some("`employeeID` and `employeeNumber` serve well".to_owned()),
        );
    }
}

/// Names and states that other parts of a document decide.
fn attributes_of_names(name: &str) -> bool {
    [
        "cn",
        "useraccountcontrol",
        "pwdlastset",
        "primarygroupid",
        "admincount",
        "accountexpires",
        "lockouttime",
    ]
    .contains(&name.to_ascii_lowercase().as_str())
}

/// Whether accounts come into being; assumed where nothing says otherwise.
fn creates(mapping: &Entry<Mapping>, context: &Context<'_>) -> bool {
    let mut lifecycles = context.set.lifecycles.iter().filter(|lifecycle| {
        lifecycle.spec.source == mapping.spec.source && lifecycle.spec.target == mapping.spec.target
    });
    match lifecycles.next() {
        None => true,
        Some(lifecycle) => {
            lifecycle.doc.is_incomplete("/spec/states")
                || lifecycle.spec.states.iter().any(|state| state.ever().1)
        }
    }
}
