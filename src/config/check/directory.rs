//! `kind: ActiveDirectory`, and whether names stand where they may.

use url::Url;

use super::source::not_empty;
use super::{Entry, Report, constant_parts};
use crate::config::diagnostic::quoted;
use crate::config::kinds::{ActiveDirectory, Bind, Setting};
use crate::config::yaml::{Doc, join};
use crate::config::{codes, kinds};
use crate::lang::Template;
use crate::model::{Dn, DnKey};

pub(super) fn check(directory: &Entry<ActiveDirectory>, report: &mut Report) {
    let doc = &directory.doc;
    let spec = &directory.spec;
    for (index, server) in spec.servers.iter().enumerate() {
        self::server(
            doc,
            &join("/spec/servers", &index.to_string()),
            server,
            &spec.tls,
            report,
        );
    }
    let catalogs = spec.global_catalog.iter().flat_map(|one| &one.servers);
    for (index, server) in catalogs.enumerate() {
        let at = join("/spec/globalCatalog/servers", &index.to_string());
        self::server(doc, &at, server, &spec.tls, report);
    }
    if let Some(ca) = &spec.tls.ca {
        not_empty(doc, "/spec/tls/ca", ca, report);
    }
    for (pointer, bind) in [("/spec/read", &spec.read), ("/spec/write", &spec.write)] {
        match bind {
            Bind::Simple { user, .. } => {
                not_empty(doc, &format!("{pointer}/simple/user"), user, report)
            }
            Bind::External { certificate, .. } => {
                not_empty(
                    doc,
                    &format!("{pointer}/external/certificate"),
                    certificate,
                    report,
                );
            }
        }
    }
    if same_account(&spec.read, &spec.write) && !doc.is_incomplete("/spec/read") {
        report.warn_key(
            doc,
            "/spec/write",
            codes::SAME_BIND_ACCOUNT,
            "plans are made with the account that writes",
            Some(
                "give `read` an account that cannot write, so that planning cannot either"
                    .to_owned(),
            ),
        );
    }
    let base = name(doc, "/spec/base", &spec.base, report);
    let scope = Scope::of(spec);
    let managed = "/spec/managed/under";
    for (pointer, names) in [
        (managed, &spec.managed.under),
        ("/spec/managed/groupsUnder", &spec.managed.groups_under),
        ("/spec/protected", &spec.protected),
    ] {
        for (index, text) in names.iter().enumerate() {
            let at = join(pointer, &index.to_string());
            let (Some(name), Some(base)) = (name(doc, &at, text, report), base.as_ref()) else {
                continue;
            };
            let key = name.key();
            if !key.is_at_or_under(&base.key()) {
                report.error(
                    doc,
                    &at,
                    codes::DN_OUTSIDE_BASE,
                    format!("this is not below {}", quoted(&spec.base)),
                    None,
                );
            } else if pointer == managed && key == base.key() {
                report.warn(
                    doc,
                    &at,
                    codes::MANAGED_EVERYTHING,
                    "every account of the domain is managed",
                    Some("name the places people's accounts stand in".to_owned()),
                );
            } else if pointer == managed
                && scope
                    .protected
                    .iter()
                    .any(|above| key.is_at_or_under(above))
            {
                report.error(
                    doc,
                    &at,
                    codes::ALL_PROTECTED,
                    "nothing here is ever touched, for it is protected as a whole",
                    Some("protect what stands below, or manage another place".to_owned()),
                );
            }
        }
    }
}

fn server(doc: &Doc, pointer: &str, setting: &Setting, tls: &kinds::Tls, report: &mut Report) {
    let Setting::Literal(text) = setting else {
        return;
    };
    let example = || Some("for example `ldaps://dc1.corp.example.test`".to_owned());
    let url = match Url::parse(text) {
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => url,
        _ => {
            report.error(
                doc,
                pointer,
                codes::BAD_URL,
                "this is not an address",
                example(),
            );
            return;
        }
    };
    match url.scheme() {
        "ldaps" if tls.start_tls => report.error(
            doc,
            pointer,
            codes::BAD_URL,
            "`ldaps://` is encrypted from the start, so `tls.startTls` cannot be used with it",
            Some("write `ldap://`, or leave `startTls` out".to_owned()),
        ),
        "ldaps" => {}
        "ldap" if tls.start_tls => {}
        "ldap" => report.error(
            doc,
            pointer,
            codes::INSECURE_URL,
            "passwords would travel unprotected",
            Some("write `ldaps://`, or set `tls.startTls: true`".to_owned()),
        ),
        other => report.error(
            doc,
            pointer,
            codes::BAD_URL,
            format!(
                "{} is not a scheme a directory is reached by",
                quoted(other)
            ),
            example(),
        ),
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        report.error(
            doc,
            pointer,
            codes::BAD_URL,
            "the address of a domain controller is a host and perhaps a port, nothing more",
            example(),
        );
    }
}

fn same_account(read: &Bind, write: &Bind) -> bool {
    let same = |a: &Setting, b: &Setting| match (a, b) {
        (Setting::Literal(a), Setting::Literal(b)) => a.to_lowercase() == b.to_lowercase(),
        (a, b) => a == b,
    };
    match (read, write) {
        (Bind::Simple { user: a, .. }, Bind::Simple { user: b, .. }) => same(a, b),
        (Bind::External { certificate: a, .. }, Bind::External { certificate: b, .. }) => {
            same(a, b)
        }
        _ => false,
    }
}

fn name(doc: &Doc, pointer: &str, text: &str, report: &mut Report) -> Option<Dn> {
    if !super::groups::is_name(doc, pointer, text, report) {
        return None;
    }
    match Dn::parse(text) {
        Ok(name) => Some(name),
        Err(error) => {
            report.error(
                doc,
                pointer,
                codes::BAD_DN,
                format!("this is not a distinguished name: {error}"),
                Some("for example `OU=People,DC=corp,DC=example,DC=test`".to_owned()),
            );
            None
        }
    }
}

/// Where a directory's objects may stand, as far as its document says so validly.
pub(super) struct Scope {
    pub(super) under: Vec<DnKey>,
    pub(super) groups_under: Vec<DnKey>,
    pub(super) protected: Vec<DnKey>,
}

impl Scope {
    pub(super) fn of(spec: &ActiveDirectory) -> Self {
        let keys = |names: &[String]| -> Vec<DnKey> {
            names
                .iter()
                .filter_map(|name| Dn::parse(name).ok())
                .map(|name| name.key())
                .collect()
        };
        let under = keys(&spec.managed.under);
        let groups_under = if spec.managed.groups_under.is_empty() {
            under.clone()
        } else {
            keys(&spec.managed.groups_under)
        };
        Self {
            under,
            groups_under,
            protected: keys(&spec.protected),
        }
    }
}

/// What a distinguished name written in a rule is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Placement,
    Group,
}

/// Checks the distinguished name, or template of one, at a pointer: its form, and that it can stand within the
/// managed scope.
pub(super) fn target_name(
    doc: &Doc,
    pointer: &str,
    template: Option<&Template>,
    directory: Option<&Entry<ActiveDirectory>>,
    use_of: Use,
    report: &mut Report,
) {
    let (Some(text), Some(template)) = (doc.text(pointer), template) else {
        return;
    };
    let constant = template.literal().is_some();
    let probe = match template.literal() {
        Some(text) => text.to_owned(),
        // Whatever a person's value is, it stands within one component: values are escaped.
        None => match constant_parts(text) {
            Some(parts) => probe(text, &parts),
            None => return,
        },
    };
    if !constant && !probe.contains('=') {
        return;
    }
    let Some(parsed) = name(doc, pointer, &probe, report) else {
        return;
    };
    let Some(directory) =
        directory.filter(|directory| !directory.doc.is_incomplete("/spec/managed"))
    else {
        return;
    };
    // The constant end of the name: all of it, or what follows the last computed component.
    let end = if constant {
        Some(parsed.key())
    } else {
        text.rfind("}}")
            .and_then(|at| text[at..].find(',').map(|comma| &text[at + comma + 1..]))
            .and_then(|end| Dn::parse(end).ok())
            .map(|end| end.key())
    };
    let scope = Scope::of(&directory.spec);
    let allowed = match use_of {
        Use::Placement => &scope.under,
        Use::Group => &scope.groups_under,
    };
    let inside = |end: &DnKey| {
        allowed
            .iter()
            .any(|base| end.is_at_or_under(base) || (!constant && base.is_at_or_under(end)))
    };
    let Some(end) = end else {
        return;
    };
    if !allowed.is_empty() && !inside(&end) {
        report.error(
            doc,
            pointer,
            codes::DN_OUTSIDE_MANAGED,
            format!(
                "this is outside what is managed in {}",
                quoted(directory.name.as_str())
            ),
            Some(match use_of {
                Use::Placement => {
                    "choose a place below one of `managed.under`, or add one there".to_owned()
                }
                Use::Group => "add the group's place to `managed.groupsUnder`".to_owned(),
            }),
        );
    } else if scope.protected.iter().any(|base| end.is_at_or_under(base)) {
        report.error(
            doc,
            pointer,
            codes::DN_PROTECTED,
            format!("this is protected in {}", quoted(directory.name.as_str())),
            Some("choose another, or take it out of `protected`".to_owned()),
        );
    }
}

fn probe(text: &str, parts: &[(usize, &str)]) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (start, part) in parts {
        if *start > at {
            out.push('x');
        }
        out.push_str(part);
        at = start + part.len();
    }
    if at < text.len() {
        out.push('x');
    }
    out
}
