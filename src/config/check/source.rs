//! `kind: Source`.

use std::collections::BTreeSet;

use super::{Entry, Report, auth, endpoint, halo};
use crate::config::codes;
use crate::config::diagnostic::{Diagnostic, did_you_mean, quoted};
use crate::config::kinds::{Setting, Source};
use crate::config::yaml::{Doc, join};
use crate::lang::{self, Scope};

pub(super) fn check(source: &Entry<Source>, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    auth::check(source, report);
    for (pointer, setting) in [("/spec/tenant", &spec.tenant), ("/spec/ca", &spec.ca)] {
        if let Some(setting) = setting {
            not_empty(doc, pointer, setting, report);
        }
    }
    let limit = &spec.rate_limit;
    if auth::is_halo(spec) && u64::from(limit.requests) > u64::from(limit.per_seconds) {
        report.warn_key(
            doc,
            "/spec/rateLimit",
            codes::RATE_ABOVE_LIMIT,
            format!(
                "{} requests in {} seconds is more than HaloITSM's usual 300 in 300",
                limit.requests, limit.per_seconds
            ),
            Some(
                "leave some for everyone else; raise it only when the vendor has raised theirs"
                    .to_owned(),
            ),
        );
    }
    endpoint::check(source, report);
    person(source, report);
}

/// A condition that says the same of everybody.
fn constant(doc: &Doc, text: &str, report: &mut Report) {
    let message = match text.trim() {
        "false" => "nobody is ever in scope",
        "true" => "everybody is always in scope",
        _ => "this looks at nothing of a person, so it says the same of everybody",
    };
    report.warn(
        doc,
        "/spec/person/include",
        codes::CONSTANT_CONDITION,
        message,
        Some(
            "name a member, as in `not users.inactive`; without `include` everybody is in scope"
                .to_owned(),
        ),
    );
}

fn person(source: &Entry<Source>, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    let mut endpoints: BTreeSet<String> = spec.endpoints.keys().cloned().collect();
    if endpoints.is_empty() && spec.preset.is_some() {
        endpoints.insert("users".to_owned());
    }
    if endpoints.is_empty() {
        // Said already; whatever hangs from it would only repeat it.
        return;
    }
    let mut main = None;
    match spec.person.key.split_once('.') {
        Some((endpoint, member))
            if is_identifier(endpoint) && is_member(member.strip_prefix('@').unwrap_or(member)) =>
        {
            if endpoints.contains(endpoint) {
                main = Some(endpoint);
                let key = spec
                    .endpoints
                    .get(endpoint)
                    .map_or("id", |found| &found.key);
                if key != member {
                    report.warn(
                        doc,
                        "/spec/person/key",
                        codes::WEAK_PERSON_KEY,
                        format!("{} is not what identifies a record, {key} is", quoted(member)),
                        Some(if spec.preset.is_some() {
                            format!(
                                "in HaloITSM only the id is unique and lasting; write `{endpoint}.{key}`"
                            )
                        } else {
                            format!("write `{endpoint}.{key}`, or set the endpoint's `key`")
                        }),
                    );
                }
            } else {
                report.error(
                    doc,
                    "/spec/person/key",
                    codes::UNKNOWN_ENDPOINT,
                    format!("there is no endpoint {}", quoted(endpoint)),
                    did_you_mean(endpoint, endpoints.iter().map(String::as_str)),
                );
            }
        }
        _ => report.error(
            doc,
            "/spec/person/key",
            codes::INVALID_VALUE,
            "a key has the form `endpoint.member`",
            Some(match in_brackets(&spec.person.key) {
                Some((endpoint, member)) => format!(
                    "it is a place, not an expression; write {}",
                    quoted(&format!("{endpoint}.{member}"))
                ),
                None => "for example `users.id`, for an attribute of XML `people.@id`".to_owned(),
            }),
        ),
    }
    let scope = Scope::Record {
        endpoints: &endpoints,
    };
    if let Some(text) = &spec.person.include {
        match lang::compile_condition(text, &scope) {
            Ok(condition) => {
                let used = condition.members_used();
                if used.is_empty() && condition.custom_fields_used().is_empty() {
                    constant(doc, text, report);
                }
                let failures = condition.failures_in_records();
                report.failures_in_records(doc, "/spec/person/include", text, &scope, failures);
                members(source, "/spec/person/include", &used, report);
                custom(
                    source,
                    main,
                    "/spec/person/include",
                    condition.custom_fields_used(),
                    report,
                );
            }
            Err(errors) => report.language(doc, "/spec/person/include", errors),
        }
    }
    for (name, field) in &spec.person.fields {
        let pointer = join("/spec/person/fields", name);
        if !is_identifier(name) {
            report.error_key(
                doc,
                &pointer,
                codes::INVALID_FIELD_NAME,
                format!("{} cannot be written as `person.NAME`", quoted(name)),
                Some("use letters, digits and `_`, and begin with a letter or `_`".to_owned()),
            );
        }
        let pointer = join(&pointer, "from");
        match lang::compile_expression(&field.from, &scope) {
            Ok(expression) => {
                members(source, &pointer, &expression.members_used(), report);
                custom(
                    source,
                    main,
                    &pointer,
                    expression.custom_fields_used(),
                    report,
                );
                let failures = expression.failures();
                report.failures_in_records(doc, &pointer, &field.from, &scope, failures);
            }
            Err(errors) => report.language(doc, &pointer, errors),
        }
    }
    if let Some(label) = &spec.person.label
        && !spec.person.fields.contains_key(label)
    {
        report.error(
            doc,
            "/spec/person/label",
            codes::UNKNOWN_PERSON_FIELD,
            format!("there is no field {}", quoted(label)),
            did_you_mean(label, spec.person.fields.keys().map(String::as_str)),
        );
    }
}

/// Whether the list of users delivers what is asked of it.
fn members(source: &Entry<Source>, pointer: &str, used: &[(String, String)], report: &mut Report) {
    if !auth::is_halo(&source.spec) {
        return;
    }
    for (endpoint, member) in used {
        let path = source
            .spec
            .endpoints
            .get(endpoint)
            .map_or("/Users", |endpoint| endpoint.path.as_str());
        if !auth::is_halo(&source.spec) || !is_users(path) {
            continue;
        }
        // A nested member (`site.name`) is delivered when its outermost is.
        let outer = member.split('.').next().unwrap_or(member);
        let lower = outer.to_ascii_lowercase();
        let range = source.doc.text(pointer).and_then(|text| {
            let whole = format!("{endpoint}.{member}");
            text.find(&whole).map(|at| at..at + whole.len())
        });
        let place = match range {
            Some(range) => source.doc.place_within(pointer, range),
            None => source.doc.value_place(pointer),
        };
        let written = format!("{endpoint}.{member}");
        if halo::LIST.contains(&lower.as_str()) {
            continue;
        }
        let diagnostic = if halo::DETAIL_ONLY.contains(&lower.as_str()) {
            Diagnostic::error(
                codes::FIELD_NOT_DELIVERED,
                Some(place),
                format!(
                    "{} is not in the list of users, only in each user's own record",
                    quoted(&written)
                ),
            )
            .help(format!(
                "add an endpoint `details: {{path: \"/Users/{{{{ {endpoint}.id }}}}\", forEach: {endpoint}}}` and write `details.{outer}` (a request for each person); or: {}",
                alternative(&lower)
            ))
        } else {
            Diagnostic::warning(
                codes::UNKNOWN_MEMBER,
                Some(place),
                format!(
                    "HaloITSM documents no {} for the list of users",
                    quoted(member)
                ),
            )
            .help_if(
                did_you_mean(&lower, halo::LIST.iter().copied()).or_else(|| {
                    Some(
                        "if your instance has it, the first plan shows how often it is filled"
                            .to_owned(),
                    )
                }),
            )
        };
        report.add(&source.doc, pointer, diagnostic);
    }
}

fn alternative(member: &str) -> String {
    const OTHER: &str = "in `other1` to `other5`, or in a custom field read with `customField('CFname')` and `include_custom_fields` on the endpoint";
    match member {
        "department" | "departments" => format!("the list has no department; keep it {OTHER}"),
        "admanager" | "manager_email" => {
            format!("the list has no manager; keep the manager's number or id {OTHER}")
        }
        "samaccountname" => "`login` and `activedirectory_dn` are in the list, and accounts are better matched by the anchor attribute".to_owned(),
        "third_party_guid" => "`azureoid` and `onpremise_activedirectory_dn` are in the list, where the importer fills them".to_owned(),
        "roles" => "`role_list` and `role_ids` are in the list".to_owned(),
        "datecreated" | "ulastupdate" | "lastlogindate" => {
            format!("the list has no dates but `contract_end_date` and `date_of_birth`; keep it {OTHER}")
        }
        _ => format!("keep it {OTHER}"),
    }
}

fn custom(
    source: &Entry<Source>,
    main: Option<&str>,
    pointer: &str,
    names: &[String],
    report: &mut Report,
) {
    let asked = main
        .and_then(|name| source.spec.endpoints.get(name))
        .is_some_and(|endpoint| {
            endpoint
                .query
                .keys()
                .any(|key| key.eq_ignore_ascii_case("include_custom_fields"))
        });
    // Each person's own record has them all.
    let detailed = main.is_some_and(|name| {
        source
            .spec
            .endpoints
            .values()
            .any(|endpoint| endpoint.for_each.as_deref() == Some(name))
    });
    if asked || detailed || main.is_none() || !auth::is_halo(&source.spec) {
        return;
    }
    for name in names {
        let place = source
            .doc
            .text(pointer)
            .and_then(|text| text.find(name.as_str()))
            .map_or_else(
                || source.doc.value_place(pointer),
                |at| source.doc.place_within(pointer, at..at + name.len()),
            );
        let diagnostic = Diagnostic::warning(
            codes::CUSTOM_FIELDS_NOT_REQUESTED,
            Some(place),
            format!("the list of users has no custom field {} unless asked for it", quoted(name)),
        )
        .help(format!(
            "set `include_custom_fields: \"ID,ID\"` (the fields' ids) under `endpoints.{}.query`; older versions never deliver them in the list",
            main.unwrap_or("users")
        ));
        report.add(&source.doc, pointer, diagnostic);
    }
}

pub(super) fn not_empty(doc: &Doc, pointer: &str, setting: &Setting, report: &mut Report) {
    if matches!(setting, Setting::Literal(text) if text.trim().is_empty()) {
        report.error(doc, pointer, codes::EMPTY_VALUE, "this is empty", None);
    }
}

pub(super) fn is_users(path: &str) -> bool {
    path.trim_matches('/').eq_ignore_ascii_case("users")
}

/// Whether a key can name this member: what JSON and XML use in names, and no dot, since a key is no path.
fn is_member(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// Endpoint and member of `people['@id']`, as expressions write it.
fn in_brackets(key: &str) -> Option<(&str, &str)> {
    let (endpoint, rest) = key.trim().split_once('[')?;
    let member = rest.strip_suffix(']')?.trim();
    let inner = member
        .strip_prefix('\'')
        .and_then(|member| member.strip_suffix('\''))
        .or_else(|| member.strip_prefix('"')?.strip_suffix('"'))?;
    (is_identifier(endpoint) && is_member(inner.strip_prefix('@').unwrap_or(inner)))
        .then_some((endpoint, inner))
}

pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
