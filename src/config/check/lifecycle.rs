//! `kind: Lifecycle`.

use std::collections::HashSet;

use super::attributes::{self, Rules};
use super::directory::{self, Use};
use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::Lifecycle;
use crate::config::yaml::join;

pub(super) fn check(lifecycle: &Entry<Lifecycle>, context: &Context<'_>, report: &mut Report) {
    let doc = &lifecycle.doc;
    let spec = &lifecycle.spec;
    let people = context.people(&spec.source);
    let anchor = context
        .set
        .mappings
        .iter()
        .find(|mapping| mapping.spec.source == spec.source && mapping.spec.target == spec.target)
        .map(|mapping| mapping.spec.matching.anchor.attribute.as_str());
    let mut names = HashSet::new();
    let mut catch_all: Option<&str> = None;
    for (index, state) in spec.states.iter().enumerate() {
        let pointer = join("/spec/states", &index.to_string());
        let name = join(&pointer, "name");
        if state.name.trim().is_empty() {
            report.error(doc, &name, codes::EMPTY_VALUE, "a state needs a name", None);
        } else if !names.insert(state.name.as_str()) {
            report.error(
                doc,
                &name,
                codes::DUPLICATE_STATE,
                format!("a second state is called {}", quoted(&state.name)),
                Some("plans name the state; give this one another name".to_owned()),
            );
        }
        if let Some(first) = catch_all {
            report.error(
                doc,
                &name,
                codes::UNREACHABLE_STATE,
                format!(
                    "nobody reaches this state, for {} takes everyone",
                    quoted(first)
                ),
                Some(format!(
                    "put it before {}, or give that one a `when`",
                    quoted(first)
                )),
            );
        }
        let when = join(&pointer, "when");
        let always = state
            .when
            .as_deref()
            .is_none_or(|text| text.trim() == "true");
        if always && !doc.is_incomplete(&when) && catch_all.is_none() {
            catch_all = Some(&state.name);
        }
        let account = join(&pointer, "account");
        if let Some(people) = people {
            if state.when.is_some() {
                people.condition(doc, &when, report);
            }
            if state.reason.is_some() {
                people.template(doc, &join(&pointer, "reason"), report);
            }
            if state.account.placement.is_some() {
                let at = join(&account, "placement");
                let template = people.template(doc, &at, report);
                directory::target_name(
                    doc,
                    &at,
                    template.as_ref(),
                    context.directory(&spec.target),
                    Use::Placement,
                    report,
                );
            }
        }
        let rules = Rules {
            doc,
            pointer: &join(&account, "attributes"),
            people,
            source: context.source(&spec.source),
            anchor,
            target: context.directory(&spec.target),
        };
        attributes::check(&rules, &state.account.attributes, report);
    }
    if spec.states.is_empty() || doc.is_incomplete("/spec/states") {
        return;
    }
    if catch_all.is_none() {
        report.warn_key(
            doc,
            "/spec/states",
            codes::NO_CATCH_ALL,
            "a person whom no state fits is held",
            Some("leave `when` out of the last state to let it take everyone else".to_owned()),
        );
    }
    if !spec.states.iter().any(|state| state.account.enabled) {
        report.error_key(
            doc,
            "/spec/states",
            codes::NO_ENABLED_STATE,
            "every account would be disabled, for no state has one enabled",
            Some("set `account.enabled: true` in the state of people who work here".to_owned()),
        );
    }
}
