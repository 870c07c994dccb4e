//! `kind: Exceptions`: each does one thing, somebody answers for it, and no two contradict each other.

use std::collections::HashMap;

use super::attributes::attribute_name;
use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::{no_date, quoted};
use crate::config::kinds::{Exception, Exceptions, Exempt};
use crate::config::yaml::{Doc, join};
use crate::model::Location;

/// What exceptions of one person concern: `*` is everything, else an attribute in lower case.
type Seen<'a> = HashMap<(&'a str, &'a str, String), Vec<(String, Location)>>;

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut seen: Seen<'_> = HashMap::new();
    for exceptions in &context.set.exceptions {
        for (index, exception) in exceptions.spec.exceptions.iter().enumerate() {
            let pointer = join("/spec/exceptions", &index.to_string());
            texts(&exceptions.doc, &pointer, exception, report);
            let concerned = effect(exceptions, &pointer, exception, context, report);
            contradictions(
                exceptions, &pointer, exception, concerned, &mut seen, report,
            );
        }
    }
}

fn texts(doc: &Doc, pointer: &str, exception: &Exception, report: &mut Report) {
    let person = exception.person.to_string();
    for (name, text) in [
        ("person", &person),
        ("owner", &exception.owner),
        ("reason", &exception.reason),
        ("ticket", &exception.ticket),
    ] {
        if text.trim().is_empty() {
            report.error(
                doc,
                &join(pointer, name),
                codes::EMPTY_VALUE,
                format!("{} says nothing", quoted(name)),
                Some("whoever meets the exception later has to know".to_owned()),
            );
        }
    }
    if exception.expires.parse::<jiff::civil::Date>().is_err() {
        report.error(
            doc,
            &join(pointer, "expires"),
            codes::INVALID_VALUE,
            no_date(&exception.expires),
            Some("write the last day it holds, as 2027-01-31".to_owned()),
        );
    }
}

/// Checks what it does; gives what it concerns.
fn effect(
    exceptions: &Entry<Exceptions>,
    pointer: &str,
    exception: &Exception,
    context: &Context<'_>,
    report: &mut Report,
) -> Vec<String> {
    let doc = &exceptions.doc;
    let effects = [
        exception.exempt.is_some(),
        exception.set.is_some(),
        exception.stop,
    ];
    if effects.iter().filter(|there| **there).count() != 1 {
        let one_is_broken = ["exempt", "set", "stop"]
            .iter()
            .any(|name| doc.is_broken(&join(pointer, name)));
        if !one_is_broken {
            report.error(
                doc,
                pointer,
                codes::ONE_OF,
                "an exception does exactly one thing",
                Some(
                    "say `exempt: everything`, `exempt: [attribute]`, `set: {attribute: value}` or `stop: true`; \
                     write a second exception for a second thing"
                        .to_owned(),
                ),
            );
        }
        return Vec::new();
    }
    let anchor = context
        .set
        .mappings
        .iter()
        .find(|mapping| {
            mapping.spec.source == exceptions.spec.source
                && mapping.spec.target == exceptions.spec.target
        })
        .map(|mapping| mapping.spec.matching.anchor.attribute.as_str());
    let mut concerned = Vec::new();
    match &exception.exempt {
        Some(Exempt::Everything(_)) => concerned.push("*".to_owned()),
        Some(Exempt::Attributes(names)) => {
            for (at, name) in names.iter().enumerate() {
                let at = join(&join(pointer, "exempt"), &at.to_string());
                attribute_name(doc, &at, name, true, report);
                concerned.push(name.to_ascii_lowercase());
            }
        }
        None => {}
    }
    for (name, value) in exception.set.iter().flatten() {
        let at = join(&join(pointer, "set"), name);
        concerned.push(name.to_ascii_lowercase());
        attribute_name(doc, &at, name, true, report);
        if anchor.is_some_and(|anchor| anchor.eq_ignore_ascii_case(name)) {
            report.error_key(
                doc,
                &at,
                codes::ANCHOR_IN_ATTRIBUTES,
                format!("{} ties the account to the person", quoted(name)),
                Some("settle whose the account is in a `Links` document".to_owned()),
            );
        } else if ["cn", "samaccountname", "userprincipalname"]
            .contains(&name.to_ascii_lowercase().as_str())
        {
            report.error_key(
                doc,
                &at,
                codes::EXCEPTION_OF_NAME,
                format!("{} is a name nobody else may have", quoted(name)),
                Some(
                    "change it by hand and leave it alone with `exempt`; rules see that it is taken"
                        .to_owned(),
                ),
            );
        }
        if value.is_some()
            && let Some(people) = context.people(&exceptions.spec.source)
        {
            people.template(doc, &at, report);
        }
    }
    if exception
        .set
        .as_ref()
        .is_some_and(std::collections::BTreeMap::is_empty)
    {
        report.error_key(
            doc,
            &join(pointer, "set"),
            codes::EMPTY_VALUE,
            "this sets nothing",
            Some("name an attribute and its value".to_owned()),
        );
    }
    if exception.stop {
        concerned.push("stop".to_owned());
    }
    concerned
}

fn contradictions<'a>(
    exceptions: &'a Entry<Exceptions>,
    pointer: &str,
    exception: &Exception,
    concerned: Vec<String>,
    seen: &mut Seen<'a>,
    report: &mut Report,
) {
    let doc = &exceptions.doc;
    if doc.is_broken(&join(pointer, "person")) {
        // Whom it is about is not known.
        return;
    }
    let here = doc.value_place(pointer).location;
    let spec = &exceptions.spec;
    let person = exception.person.to_string();
    let known = seen
        .entry((spec.source.as_str(), spec.target.as_str(), person.clone()))
        .or_default();
    let clash = concerned.iter().find_map(|one| {
        known
            .iter()
            .find(|(other, _)| one == "*" || other == "*" || one == other)
    });
    if let Some((_, first)) = clash {
        report.error(
            doc,
            pointer,
            codes::CONTRADICTING_EXCEPTIONS,
            format!(
                "another exception of person {} concerns the same",
                quoted(&person)
            ),
            Some(format!("it is at {first}; keep one of them")),
        );
    }
    known.extend(concerned.into_iter().map(|one| (one, here.clone())));
}
