//! `kind: Links`: accounts that can be found, and nothing that contradicts itself.

use std::collections::HashMap;

use super::{Context, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::Link;
use crate::config::yaml::{Doc, join};
use crate::model::{Dn, Guid, Location};

/// A source, a target, and somebody or something in them.
type Of<'a> = (&'a str, &'a str, String);

#[derive(Default)]
struct Seen<'a> {
    /// Accounts linked, by person.
    people: HashMap<Of<'a>, (String, Location)>,
    /// People linked, by account.
    accounts: HashMap<Of<'a>, Location>,
    /// Pairs forbidden.
    forbidden: HashMap<(Of<'a>, String), Location>,
}

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut seen = Seen::default();
    for links in &context.set.links {
        let doc = &links.doc;
        let of = |text: String| (links.spec.source.as_str(), links.spec.target.as_str(), text);
        if links.spec.links.is_empty()
            && links.spec.forbidden.is_empty()
            && !doc.is_incomplete("/spec")
        {
            report.warn_key(
                doc,
                "/spec",
                codes::EMPTY_VALUE,
                "this settles nothing",
                Some("name matches under `links` or `forbidden`, or take the document out".into()),
            );
        }
        for (index, link) in links.spec.forbidden.iter().enumerate() {
            let pointer = join("/spec/forbidden", &index.to_string());
            let Some(account) = account(doc, &pointer, link, report) else {
                continue;
            };
            if doc.is_broken(&join(&pointer, "person")) {
                continue;
            }
            let here = doc.value_place(&pointer).location;
            let pair = (of(link.person.to_string()), account);
            if let Some(first) = seen.forbidden.insert(pair, here) {
                twice(doc, &pointer, "this match is forbidden", &first, report);
            }
        }
        for (index, link) in links.spec.links.iter().enumerate() {
            let pointer = join("/spec/links", &index.to_string());
            let Some(account) = account(doc, &pointer, link, report) else {
                continue;
            };
            if doc.is_broken(&join(&pointer, "person")) {
                continue;
            }
            let here = doc.value_place(&pointer).location;
            let person = of(link.person.to_string());
            if let Some((_, first)) = seen.people.insert(person, (account.clone(), here.clone())) {
                let what = format!("person {} is linked", quoted(&link.person.to_string()));
                twice(doc, &pointer, &what, &first, report);
            } else if let Some(first) = seen.accounts.insert(of(account), here) {
                twice(doc, &pointer, "this account is linked", &first, report);
            }
        }
    }
    for links in &context.set.links {
        for (index, link) in links.spec.links.iter().enumerate() {
            let Some(account) = canonical(&link.account) else {
                continue;
            };
            let spec = &links.spec;
            let person = (
                spec.source.as_str(),
                spec.target.as_str(),
                link.person.to_string(),
            );
            if let Some(other) = seen.forbidden.get(&(person, account)) {
                report.error(
                    &links.doc,
                    &join("/spec/links", &index.to_string()),
                    codes::CONTRADICTING_LINKS,
                    "this match is settled here and forbidden elsewhere",
                    Some(format!("it is forbidden at {other}; keep one of them")),
                );
            }
        }
    }
}

fn twice(doc: &Doc, pointer: &str, what: &str, first: &Location, report: &mut Report) {
    report.error(
        doc,
        pointer,
        codes::CONTRADICTING_LINKS,
        format!("{what} a second time"),
        Some(format!("the first is at {first}; keep one of them")),
    );
}

/// The account in one form, or a complaint.
fn account(doc: &Doc, pointer: &str, link: &Link, report: &mut Report) -> Option<String> {
    let at = join(pointer, "account");
    if link.person.to_string().is_empty() {
        report.error(
            doc,
            &join(pointer, "person"),
            codes::EMPTY_VALUE,
            "this names nobody",
            Some("write the key the person has in the source".to_owned()),
        );
    }
    if link.reason.trim().is_empty() {
        report.error(
            doc,
            &join(pointer, "reason"),
            codes::EMPTY_VALUE,
            "this is no reason",
            Some("say who found out, and how".to_owned()),
        );
    }
    if !super::groups::is_name(doc, &at, &link.account, report) {
        return None;
    }
    let found = canonical(&link.account);
    if found.is_none() {
        report.error(
            doc,
            &at,
            codes::BAD_ACCOUNT,
            format!(
                "{} is neither an `objectGUID` nor a distinguished name",
                quoted(&link.account)
            ),
            Some(
                "plans and reports show both; the `objectGUID` holds when the account is renamed"
                    .to_owned(),
            ),
        );
    }
    found
}

/// Different spellings of one identity or name as the same text.
fn canonical(account: &str) -> Option<String> {
    let text = account.trim();
    match Guid::parse(text) {
        Some(guid) => Some(guid.to_string()),
        None => Some(Dn::parse(text).ok()?.key().as_str().to_owned()),
    }
}
