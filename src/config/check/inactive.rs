//! Who is inactive, and whether the states look at it.

use std::collections::BTreeSet;

use super::{Entry, People, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::{InactivePolicy, InactiveThen, Lifecycle};
use crate::config::yaml::join;
use crate::lang;
use crate::model::Name;

const AT: &str = "/spec/inactive/when";

pub(super) fn check(lifecycle: &Entry<Lifecycle>, people: People<'_>, report: &mut Report) {
    let InactivePolicy::When(rule) = &lifecycle.spec.inactive else {
        return;
    };
    let doc = &lifecycle.doc;
    people.condition(doc, AT, report);
    // A text put in for one that is not there says nothing.
    if doc.text(AT).is_none() {
        return;
    }
    let Some(fields) = fields(&rule.when, people) else {
        return;
    };
    if fields.is_empty() {
        report.warn(
            doc,
            AT,
            codes::CONSTANT_CONDITION,
            "this looks at nothing of a person, so it says the same of everybody",
            Some(
                "name the field that says it, as in `person.inactive | default(false)`, or write `inactive: never`"
                    .to_owned(),
            ),
        );
        return;
    }
    if rule.then != InactiveThen::States || doc.is_incomplete("/spec/states") {
        return;
    }
    for (number, state) in lifecycle.spec.states.iter().enumerate() {
        let read = match state.when.as_deref() {
            None => BTreeSet::new(),
            Some(when) => match self::fields(when, people) {
                Some(read) => read,
                // What is wrong with it is said already.
                None => return,
            },
        };
        if !read.is_disjoint(&fields) {
            return;
        }
        let (enabled, created) = state.ever();
        if enabled || created {
            let pointer = join("/spec/states", &number.to_string());
            report.warn(
                doc,
                &join(&pointer, "name"),
                codes::INACTIVE_ENABLED,
                format!(
                    "inactive people come to {} like anybody else, and are held there",
                    quoted(&state.name)
                ),
                Some(
                    "put a state for them before it, with the condition of `inactive`, or say `then: report` or `holdForReview`"
                        .to_owned(),
                ),
            );
            return;
        }
    }
}

/// The fields a condition reads; `None` when it is none.
fn fields(text: &str, people: People<'_>) -> Option<BTreeSet<Name>> {
    let condition = lang::compile_condition(text, &people.scope()).ok()?;
    Some(condition.fields_used().iter().cloned().collect())
}
