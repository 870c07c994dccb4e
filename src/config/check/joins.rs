//! How the endpoints of a `Source` hang together: who waits for whom, what is joined by which columns, and which list
//! can never be proven whole.

use std::collections::{BTreeMap, BTreeSet};

use super::auth::is_halo;
use super::endpoint::people;
use super::{Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::kinds::Source;
use crate::config::yaml::join;
use crate::lang::{self, Scope, Tables};

/// Endpoints that wait for each other.
pub(super) fn order(source: &Entry<Source>, report: &mut Report) {
    let spec = &source.spec;
    let people = people(spec);
    let mut there: BTreeSet<&str> = people.into_iter().collect();
    let mut waiting: BTreeMap<&str, BTreeSet<String>> = spec
        .endpoints
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != people)
        .map(|(name, _)| (name.as_str(), spec.needs(name)))
        .collect();
    while let Some(next) = waiting
        .iter()
        .find(|(_, needs)| needs.iter().all(|need| there.contains(need.as_str())))
        .map(|(name, _)| *name)
    {
        waiting.remove(next);
        there.insert(next);
    }
    for (name, needs) in &waiting {
        // What is not there at all is said where it is named.
        if needs.iter().all(|need| spec.endpoints.contains_key(need)) {
            report.error_key(
                &source.doc,
                &join("/spec/endpoints", name),
                codes::BAD_ENDPOINT_ORDER,
                format!(
                    "{} waits for {}, which in turn waits for it",
                    quoted(name),
                    list(needs.iter().map(String::as_str))
                ),
                Some("begin with the list people come from, and let each endpoint need only those before it".to_owned()),
            );
        }
    }
}

pub(super) fn joins(source: &Entry<Source>, names: &BTreeSet<String>, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    let people = people(spec);
    let mut joined: BTreeSet<&str> = BTreeSet::new();
    for (index, one) in spec.join.iter().enumerate() {
        let pointer = join("/spec/join", &index.to_string());
        let name = one.endpoint.as_str();
        let Some(endpoint) = spec.endpoints.get(name) else {
            report.error(
                doc,
                &join(&pointer, "endpoint"),
                codes::UNKNOWN_ENDPOINT,
                format!("there is no endpoint {}", quoted(name)),
                did_you_mean(name, names.iter().map(String::as_str)),
            );
            continue;
        };
        let dependent = endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some();
        if !joined.insert(name) {
            report.error(
                doc,
                &join(&pointer, "endpoint"),
                codes::BAD_JOIN,
                format!("{} is joined twice", quoted(name)),
                Some("name all its columns in one `on`".to_owned()),
            );
        }
        if people == Some(name) {
            report.error(
                doc,
                &join(&pointer, "endpoint"),
                codes::BAD_JOIN,
                "people come from here; others are joined to it",
                None,
            );
        }
        if !dependent && one.on.is_empty() {
            report.error_key(
                doc,
                &pointer,
                codes::BAD_JOIN,
                "nothing says which records belong together",
                Some(format!(
                    "add `on: {{{}.MEMBER: {name}.{}}}`",
                    people.unwrap_or("users"),
                    endpoint.key
                )),
            );
        }
        for (left, right) in &one.on {
            let pointer = join(&join(&pointer, "on"), left);
            let scope = Scope::Record { endpoints: names };
            let mut side = |text: &str, own: bool| match lang::compile_expression(text, &scope) {
                Err(errors) => {
                    for error in errors {
                        report.error(doc, &pointer, error.code, error.message, error.help);
                    }
                }
                Ok(expression) => {
                    let used = expression.members_used();
                    let fits = !used.is_empty() && used.iter().all(|(of, _)| (of == name) == own);
                    let failures = expression.failures();
                    report.failures(doc, &pointer, failures, own, |error| {
                        let tables = Tables::default();
                        lang::where_failing(text, false, &scope, &tables, error)
                    });
                    if !fits {
                        report.error(
                            doc,
                            &pointer,
                            codes::BAD_JOIN,
                            if own {
                                format!("{} is no member of {}", quoted(text), quoted(name))
                            } else {
                                format!(
                                    "{} must be a member of people or of an endpoint joined before",
                                    quoted(text)
                                )
                            },
                            Some(format!(
                                "write `{}.MEMBER: {name}.MEMBER`",
                                people.unwrap_or("users")
                            )),
                        );
                    }
                }
            };
            side(left, false);
            side(right, true);
        }
    }
    for (name, endpoint) in &spec.endpoints {
        let dependent = endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some();
        if !dependent && people != Some(name) && !joined.contains(name.as_str()) {
            report.error_key(
                doc,
                &join("/spec/endpoints", name),
                codes::NOT_JOINED,
                format!("{} is not joined to people", quoted(name)),
                Some(format!(
                    "add `join: [{{endpoint: {name}, on: {{{}.MEMBER: {name}.{}}}}}]`, or take it out",
                    people.unwrap_or("users"),
                    endpoint.key
                )),
            );
        }
    }
}

/// Lists about which nothing can ever show that they are whole.
pub(super) fn provable(source: &Entry<Source>, report: &mut Report) {
    let spec = &source.spec;
    // HaloITSM's lists tell their total by themselves.
    if is_halo(spec) {
        return;
    }
    let people = people(spec);
    for (name, endpoint) in &spec.endpoints {
        let dependent = endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some();
        if dependent || endpoint.end_proves || endpoint.total.is_some() {
            continue;
        }
        let is_people = people == Some(name);
        // Whoever belongs to nobody is complained about already.
        if !is_people && !spec.join.iter().any(|join| join.endpoint == *name) {
            continue;
        }
        report.warn_key(
            &source.doc,
            &join("/spec/endpoints", name),
            codes::UNPROVABLE_LIST,
            if is_people {
                format!(
                    "nothing can show that {} is whole, so no account is ever disabled, moved or cleared because of it",
                    quoted(name)
                )
            } else {
                format!(
                    "nothing can show that {} is whole, so nobody is given anything from it, and every removal of this source is held",
                    quoted(name)
                )
            },
            Some(
                "add `total:` with the place of the claimed total, or `endProves: true` when the system documents that a list which ends is whole"
                    .to_owned(),
            ),
        );
    }
}
