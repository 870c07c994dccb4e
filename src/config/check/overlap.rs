//! Templates in each other's way: two of one priority that can concern one person and set something differently.
//!
//! What is certain is an error, what nobody can tell beforehand a warning: the plan then holds whoever they both
//! concern. Each rule is complained about once, with the first other one it contradicts.

use std::collections::BTreeMap;

use super::{Context, Entry, People, Report, naming};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::{AttributeRule, Template, When};
use crate::config::yaml::join;
use crate::lang::{Cases, Overlap, compile_condition};

/// One rule of one template.
struct Spoken<'a> {
    template: &'a Entry<Template>,
    pointer: String,
    says: Says<'a>,
    cases: Cases,
}

/// What a rule says.
#[derive(PartialEq, Eq)]
enum Says<'a> {
    Attribute(Box<AttributeRule>),
    Place(&'a str),
}

impl Says<'_> {
    /// Whether two rules go together whoever they concern.
    fn agrees(&self, other: &Self) -> bool {
        let adds = |says: &Self| matches!(says, Says::Attribute(rule) if rule.when == When::Merge);
        self == other || (adds(self) && adds(other))
    }
}

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut rules: BTreeMap<(&str, String, i32), Vec<Spoken<'_>>> = BTreeMap::new();
    for template in &context.set.templates {
        gather(template, context, &mut rules);
    }
    for ((_, what, _), rules) in &rules {
        for (at, rule) in rules.iter().enumerate() {
            contradicted(what, rule, &rules[..at], report);
        }
    }
}

fn gather<'a>(
    template: &'a Entry<Template>,
    context: &'a Context<'_>,
    rules: &mut BTreeMap<(&'a str, String, i32), Vec<Spoken<'a>>>,
) {
    let spec = &template.spec;
    let doc = &template.doc;
    let mut mappings = context.set.mappings.iter();
    let mapping = mappings.find(|mapping| mapping.name.as_str() == spec.mapping);
    let people = mapping.and_then(|mapping| context.people(&mapping.spec.source));
    // A condition or priority that cannot be read is complained about elsewhere, and says nothing here.
    let (Some(people), false) = (
        people,
        doc.is_broken("/spec/when") || doc.is_broken("/spec/priority"),
    ) else {
        return;
    };
    // The `if` of a rule may speak of the account, the `when` of the template may not.
    let fields = mapping.map(|mapping| naming::fields(people.fields, &mapping.spec.attributes));
    let with_account = People {
        fields: fields.as_deref().unwrap_or(people.fields),
        ..people
    };
    let compiled = |text: &Option<String>, people: People<'_>| match text {
        None => Some(None),
        Some(text) => compile_condition(text, &people.scope()).ok().map(Some),
    };
    let Some(when) = compiled(&spec.when, people) else {
        return;
    };
    for (name, attribute) in &spec.attributes {
        let mut rule = attribute.full();
        let Some(condition) = compiled(&rule.condition.take(), with_account) else {
            continue;
        };
        rules
            .entry((
                spec.mapping.as_str(),
                name.to_ascii_lowercase(),
                spec.priority,
            ))
            .or_default()
            .push(Spoken {
                template,
                pointer: join("/spec/attributes", name),
                says: Says::Attribute(Box::new(rule)),
                cases: Cases::all(when.iter().chain(&condition)),
            });
    }
    if let Some(place) = &spec.placement {
        rules
            .entry((spec.mapping.as_str(), String::new(), spec.priority))
            .or_default()
            .push(Spoken {
                template,
                pointer: "/spec/placement".to_owned(),
                says: Says::Place(place),
                cases: Cases::all(&when),
            });
    }
}

fn contradicted(what: &str, rule: &Spoken<'_>, before: &[Spoken<'_>], report: &mut Report) {
    let mut possible: Option<&Spoken<'_>> = None;
    for other in before.iter().filter(|other| !rule.says.agrees(&other.says)) {
        match rule.cases.overlap(&other.cases) {
            Overlap::Never => {}
            Overlap::Certain => return say(what, rule, other, true, report),
            Overlap::Possible => possible = possible.or(Some(other)),
        }
    }
    if let Some(other) = possible {
        say(what, rule, other, false, report);
    }
}

fn say(what: &str, rule: &Spoken<'_>, other: &Spoken<'_>, certain: bool, report: &mut Report) {
    let doc = &rule.template.doc;
    let name = quoted(other.template.name.as_str());
    let at = other.template.doc.key_place(&other.pointer).location;
    let subject = if what.is_empty() {
        "the placement".to_owned()
    } else {
        quoted(rule.pointer.rsplit('/').next().unwrap_or(what))
    };
    let priority = rule.template.spec.priority;
    if certain {
        report.error_key(
            doc,
            &rule.pointer,
            codes::CONFLICTING_TEMPLATES,
            format!(
                "template {name} sets {subject} differently with the same priority {priority}, and both can concern one person"
            ),
            Some(format!(
                "the other rule is at {at}; give one of the templates a higher `priority`, or make their conditions exclude each other"
            )),
        );
    } else {
        report.warn_key(
            doc,
            &rule.pointer,
            codes::UNCERTAIN_OVERLAP,
            format!(
                "template {name} sets {subject} differently with the same priority {priority}, and the conditions do not tell whether both can concern one person"
            ),
            Some(format!(
                "the other rule is at {at}; whoever both concern is held unless they come to the same; different priorities settle it"
            )),
        );
    }
}
