//! `kind: Guards` and `kind: Waiver`.

use std::collections::{BTreeSet, HashMap};

use super::attributes;
use super::{Context, Entry, Report};
use crate::config::diagnostic::{did_you_mean, list, no_date, quoted};
use crate::config::kinds::{ActionClass, Limit, Per, Waiver};
use crate::config::yaml::{Doc, join};
use crate::config::{codes, kinds};
use crate::model::{Dn, Location};

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let set = context.set;
    let mut names: HashMap<(&str, &str), Location> = HashMap::new();
    for guards in &set.guards {
        let doc = &guards.doc;
        target(doc, &guards.spec.target, context, report);
        for (index, limit) in guards.spec.limits.iter().enumerate() {
            let at = join("/spec/limits", &index.to_string());
            let key = (guards.spec.target.as_str(), limit.name.0.as_str());
            let place = join(&at, "name");
            if let Some(first) = names.get(&key) {
                report.error(
                    doc,
                    &place,
                    codes::DUPLICATE_GUARD,
                    format!("a second limit is called {}", quoted(&limit.name.0)),
                    Some(format!(
                        "the first one is at {first}; plans and waivers must be able to tell them apart"
                    )),
                );
            } else {
                names.insert(key, doc.value_place(&place).location);
            }
            self::limit(guards, limit, &at, context, report);
        }
        for (index, minimum) in guards.spec.minimum_members.iter().enumerate() {
            let at = join(&join("/spec/minimumMembers", &index.to_string()), "group");
            dn(
                doc,
                &at,
                &minimum.group,
                &guards.spec.target,
                context,
                report,
            );
        }
        for (index, account) in guards.spec.break_glass.iter().enumerate() {
            let at = join("/spec/breakGlass", &index.to_string());
            if account.trim().is_empty() {
                report.error(doc, &at, codes::EMPTY_VALUE, "this is empty", None);
            } else if account.contains('=') {
                dn(doc, &at, account, &guards.spec.target, context, report);
            }
        }
    }
    for waiver in &set.waivers {
        self::waiver(waiver, context, report);
    }
    if set.incomplete {
        return;
    }
    for directory in &set.directories {
        let name = directory.name.as_str();
        let used = set.mappings.iter().any(|one| one.spec.target == name);
        if used && !set.guards.iter().any(|one| one.spec.target == name) {
            report.warn(
                &directory.doc,
                "/metadata/name",
                codes::NO_GUARDS,
                format!("nothing limits what one plan may do to {}", quoted(name)),
                Some("write a Guards document with this target; docs/guards.md has one to begin with".to_owned()),
            );
        }
    }
}

fn target(doc: &Doc, name: &str, context: &Context<'_>, report: &mut Report) {
    if context.directory(name).is_some() || context.set.incomplete {
        return;
    }
    let known = || {
        let directories = context.set.directories.iter();
        directories.map(|directory| directory.name.as_str())
    };
    report.error(
        doc,
        "/spec/target",
        codes::UNKNOWN_TARGET,
        format!("there is no ActiveDirectory {}", quoted(name)),
        did_you_mean(name, known()).or_else(|| {
            known()
                .next()
                .map(|_| format!("there is {}", list(known().take(10))))
        }),
    );
}

fn dn(
    doc: &Doc,
    pointer: &str,
    text: &str,
    target: &str,
    context: &Context<'_>,
    report: &mut Report,
) {
    if !super::groups::is_name(doc, pointer, text, report) {
        return;
    }
    let name = match Dn::parse(text) {
        Ok(name) => name,
        Err(error) => {
            report.error(
                doc,
                pointer,
                codes::BAD_DN,
                format!("this is not a distinguished name: {error}"),
                Some("for example `OU=People,DC=corp,DC=example,DC=test`".to_owned()),
            );
            return;
        }
    };
    let base = context
        .directory(target)
        .and_then(|directory| Dn::parse(&directory.spec.base).ok());
    if let Some(base) = base
        && !name.key().is_at_or_under(&base.key())
    {
        report.error(
            doc,
            pointer,
            codes::DN_OUTSIDE_BASE,
            format!("this is not below {}", quoted(base.as_str())),
            None,
        );
    }
}

fn limit(
    guards: &Entry<kinds::Guards>,
    limit: &Limit,
    at: &str,
    context: &Context<'_>,
    report: &mut Report,
) {
    let doc = &guards.doc;
    let mut misfit = |pointer: &str, message: &str, help: &str| {
        report.error(
            doc,
            pointer,
            codes::LIMIT_DOES_NOT_FIT,
            message,
            Some(help.to_owned()),
        );
    };
    if limit.max.is_none() && limit.max_share.is_none() && !doc.is_incomplete(at) {
        misfit(
            at,
            "this limit has no number",
            "give it `max`, `maxShare`, or both",
        );
    }
    let is_read = !doc.is_broken(&join(at, "max")) && !doc.is_broken(&join(at, "floor"));
    if is_read && limit.max.is_some_and(|max| limit.floor > max) {
        misfit(
            &join(at, "floor"),
            &format!(
                "`floor` is {} and `max` is {}: no more can always be allowed than is allowed at most",
                limit.floor,
                limit.max.unwrap_or_default()
            ),
            "lower `floor` to `max` or below, or raise `max`",
        );
    }
    if limit.attribute.is_some() && limit.actions != [ActionClass::Modify] {
        misfit(
            &join(at, "attribute"),
            "only changes of attributes have an attribute",
            "write `actions: [modify]`, and another limit for the rest",
        );
    }
    let memberships =
        |action: &ActionClass| matches!(action, ActionClass::AddMember | ActionClass::RemoveMember);
    if limit.per == Per::Group && !limit.actions.iter().all(memberships) {
        misfit(
            &join(at, "per"),
            "only memberships have a group",
            "write `actions: [removeMember]` or `[addMember]`, and another limit for the rest",
        );
    }
    if let Some(attribute) = &limit.attribute {
        attributes::attribute_name(doc, &join(at, "attribute"), attribute, false, report);
    }
    match &limit.per {
        Per::Placement(text) => {
            let pointer = join(&join(at, "per"), "placement");
            dn(doc, &pointer, text, &guards.spec.target, context, report);
        }
        Per::Field(field) => {
            let pointer = join(&join(at, "per"), "field");
            self::field(doc, &pointer, field, &guards.spec.target, context, report);
        }
        Per::All | Per::Ou | Per::Group => {}
    }
}

/// A field that people of some source of the target have.
fn field(
    doc: &Doc,
    pointer: &str,
    field: &str,
    target: &str,
    context: &Context<'_>,
    report: &mut Report,
) {
    let set = context.set;
    let sources: BTreeSet<&str> = set
        .mappings
        .iter()
        .filter(|mapping| mapping.spec.target == target)
        .map(|mapping| mapping.spec.source.as_str())
        .collect();
    let fields = || {
        sources
            .iter()
            .filter_map(|source| context.fields.get(source))
            .flatten()
            .map(|(name, _)| name.as_str())
    };
    if set.incomplete || sources.is_empty() || fields().any(|name| name == field) {
        return;
    }
    report.error(
        doc,
        pointer,
        codes::UNKNOWN_PERSON_FIELD,
        format!(
            "people of {} have no field {}",
            quoted(target),
            quoted(field)
        ),
        did_you_mean(field, fields()),
    );
}

fn waiver(waiver: &Entry<Waiver>, context: &Context<'_>, report: &mut Report) {
    let (doc, spec) = (&waiver.doc, &waiver.spec);
    target(doc, &spec.target, context, report);
    for (pointer, text) in [
        ("/spec/reason", &spec.reason),
        ("/spec/ticket", &spec.ticket),
        ("/spec/owner", &spec.owner),
    ] {
        if text.trim().is_empty() {
            report.error(doc, pointer, codes::EMPTY_VALUE, "this is empty", None);
        }
    }
    if spec.last_day().is_none() {
        report.error(
            doc,
            "/spec/expires",
            codes::BAD_DATE,
            no_date(&spec.expires),
            Some("write year, month and day: `2026-12-31`".to_owned()),
        );
    }
    let limits = || {
        let guards = context.set.guards.iter();
        guards
            .filter(|guards| guards.spec.target == spec.target)
            .flat_map(|guards| &guards.spec.limits)
    };
    let Some(limit) = limits().find(|limit| limit.name.0 == spec.guard) else {
        if !context.set.incomplete && context.directory(&spec.target).is_some() {
            let names = || limits().map(|limit| limit.name.0.as_str());
            report.error(
                doc,
                "/spec/guard",
                codes::UNKNOWN_GUARD,
                format!(
                    "no limit of {} is called {}",
                    quoted(&spec.target),
                    quoted(&spec.guard)
                ),
                did_you_mean(&spec.guard, names()).or_else(|| {
                    Some(
                        "only limits can be waived, never minimum members or break-glass accounts"
                            .to_owned(),
                    )
                }),
            );
        }
        return;
    };
    match (&limit.per, &spec.scope) {
        (Per::All | Per::Placement(_), Some(_)) => report.error(
            doc,
            "/spec/scope",
            codes::WAIVER_SCOPE,
            format!("{} judges everything together", quoted(&spec.guard)),
            Some("leave `scope` out".to_owned()),
        ),
        (Per::Ou | Per::Group | Per::Field(_), None) => report.error(
            doc,
            "/spec/guard",
            codes::WAIVER_SCOPE,
            format!(
                "{} judges each part by itself, and no `scope` says which part is meant",
                quoted(&spec.guard)
            ),
            Some(match &limit.per {
                Per::Field(field) => format!("add `scope` with a value of `{field}`"),
                _ => "add `scope` with a distinguished name".to_owned(),
            }),
        ),
        (Per::Ou | Per::Group, Some(scope)) => {
            dn(doc, "/spec/scope", scope, &spec.target, context, report);
        }
        _ => {}
    }
}
