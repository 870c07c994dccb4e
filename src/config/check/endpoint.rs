//! The endpoints of a `Source`: paths, bodies, paging, and how they hang together.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::auth::{http_address, is_halo};
use super::source::{is_identifier, is_users};
use super::{Entry, Report, halo, joins, servers};
use crate::config::diagnostic::{did_you_mean, quoted};
use crate::config::kinds::{AnswerType, Body, Endpoint, Method, Setting, Source};
use crate::config::pattern::Pattern;
use crate::config::yaml::{Doc, join};
use crate::config::{DurationError, codes, parse_duration, secrets};
use crate::lang::{self, Scope, Tables};

/// Headers the reader sets itself.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "if-none-match",
    "transfer-encoding",
];

pub(super) fn check(source: &Entry<Source>, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    let names: BTreeSet<String> = spec.endpoints.keys().cloned().collect();
    if names.is_empty() && spec.preset.is_none() {
        report.error_key(
            doc,
            "/spec",
            codes::MISSING_FIELD,
            "without a preset a source needs `endpoints`",
            Some("name at least the list people come from".to_owned()),
        );
    }
    servers::check(source, report);
    let one = One {
        doc,
        spec,
        names: &names,
    };
    for (name, endpoint) in &spec.endpoints {
        one.check(name, endpoint, report);
    }
    joins::order(source, report);
    joins::joins(source, &names, report);
    joins::provable(source, report);
}

/// What one endpoint is checked against.
pub(super) struct One<'a> {
    pub(super) doc: &'a Doc,
    spec: &'a Source,
    names: &'a BTreeSet<String>,
}

impl One<'_> {
    fn check(&self, name: &str, endpoint: &Endpoint, report: &mut Report) {
        let doc = self.doc;
        let pointer = join("/spec/endpoints", name);
        if !is_identifier(name) || name == "page" || name == "person" {
            report.error_key(
                doc,
                &pointer,
                codes::INVALID_FIELD_NAME,
                format!("{} cannot be written as `NAME.member`", quoted(name)),
                Some(
                    "use letters, digits and `_`, begin with a letter or `_`, and leave `page` and `person` alone"
                        .to_owned(),
                ),
            );
        }
        self.path(&pointer, endpoint, report);
        for (member, value) in [("records", &endpoint.records), ("total", &endpoint.total)] {
            if let Some(value) = value {
                let header = member == "total";
                self.place(&join(&pointer, member), value, header, endpoint, report);
            }
        }
        if endpoint.key.is_empty() {
            report.error(
                doc,
                &join(&pointer, "key"),
                codes::EMPTY_VALUE,
                "this is empty",
                None,
            );
        }
        if endpoint.answer == AnswerType::Xml
            && endpoint.records.is_none()
            && endpoint.for_each.is_none()
            && endpoint.for_each_distinct.is_none()
        {
            report.error_key(
                doc,
                &pointer,
                codes::BAD_REQUEST,
                "an XML answer has no list of its own",
                Some("name the elements that repeat, from the outermost down: `records: /People/Person`".to_owned()),
            );
        }
        self.headers(&join(&pointer, "headers"), endpoint, report);
        parameters(self, &join(&pointer, "query"), endpoint, report);
        self.body(&pointer, endpoint, report);
        if let Some(repeat) = &endpoint.repeat {
            self.repeat(&join(&pointer, "repeat"), endpoint, repeat, report);
        }
        self.dependent(&pointer, name, endpoint, report);
        if let Some(age) = endpoint
            .cache
            .as_ref()
            .and_then(|rule| rule.max_age.as_deref())
            && let Err(error) = parse_duration(age)
        {
            report.error(
                doc,
                &format!("{pointer}/cache/maxAge"),
                codes::BAD_DURATION,
                error.to_string(),
                Some(match error {
                    DurationError::TooLong => "at most a year".to_owned(),
                    _ => "for example `12h` or `2d`".to_owned(),
                }),
            );
        }
    }

    fn path(&self, pointer: &str, endpoint: &Endpoint, report: &mut Report) {
        let doc = self.doc;
        let pointer = join(pointer, "path");
        let path = &endpoint.path;
        // What stands in `{{ }}` is language and may hold anything.
        let constant: String = constants(path).collect();
        if constant.contains(['?', '#']) {
            report.error(
                doc,
                &pointer,
                codes::INVALID_VALUE,
                "a path has no query",
                Some("put parameters under `query`".to_owned()),
            );
            return;
        }
        if path.starts_with('/') {
            return self.pattern(&pointer, path, endpoint, report);
        }
        let scheme = path.find("://");
        let server = scheme.map(|at| {
            let after = at + 3;
            &path[..path[after..]
                .find('/')
                .map_or(path.len(), |slash| after + slash)]
        });
        let Some(server) = server else {
            report.error(
                doc,
                &pointer,
                codes::INVALID_VALUE,
                "a path begins with `/`",
                Some("for example `/Users`, or a full address with `https://`".to_owned()),
            );
            return;
        };
        if server.contains("{{") {
            report.error(
                doc,
                &pointer,
                codes::BAD_REQUEST,
                "a record's value cannot choose the server",
                Some("write the server out; values belong in the path after it".to_owned()),
            );
            return;
        }
        http_address(
            doc,
            &pointer,
            &Setting::Literal(server.to_owned()),
            false,
            report,
        );
        self.pattern(&pointer, path, endpoint, report);
        let Ok(url) = Url::parse(server) else { return };
        let known = |text: &str| Url::parse(text).is_ok_and(|known| known.origin() == url.origin());
        let own = [&self.spec.resource_server, &self.spec.instance]
            .into_iter()
            .any(|setting| matches!(setting, Some(Setting::Literal(text)) if known(text)));
        if !own && !self.spec.credentials_to.iter().any(|text| known(text)) {
            report.warn(
                doc,
                &pointer,
                codes::UNAUTHORISED_SERVER,
                format!("{} is asked without credentials", quoted(server)),
                Some(format!(
                    "if it is to have them, add it to `credentialsTo`: [\"{server}\"]"
                )),
            );
        }
    }

    /// A text that may hold values of records; only endpoints asked for each of them have any.
    fn pattern(&self, pointer: &str, text: &str, endpoint: &Endpoint, report: &mut Report) {
        if !text.contains("{{") {
            return;
        }
        if endpoint.for_each.is_none() && endpoint.for_each_distinct.is_none() {
            report.error(
                self.doc,
                pointer,
                codes::BAD_REQUEST,
                "whose values are to be put in is not said",
                Some(
                    "add `forEach: ENDPOINT`, or `forEachDistinct: ENDPOINT.member`, to the endpoint"
                        .to_owned(),
                ),
            );
            return;
        }
        let scope = Scope::Record {
            endpoints: self.names,
        };
        match Pattern::compile(text, &scope) {
            Err(errors) => report.language(self.doc, pointer, errors),
            Ok(pattern) => {
                for (failures, range) in pattern.failures() {
                    let inner = &text[range.clone()];
                    report.failures(self.doc, pointer, failures, true, |error| {
                        let tables = Tables::default();
                        let found = lang::where_failing(inner, false, &scope, &tables, error)?;
                        Some(range.start + found.start..range.start + found.end)
                    });
                }
            }
        }
    }

    /// Where something stands in an answer.
    pub(super) fn place(
        &self,
        pointer: &str,
        text: &str,
        header: bool,
        endpoint: &Endpoint,
        report: &mut Report,
    ) {
        let is_header = header
            && text
                .strip_prefix("header:")
                .is_some_and(|name| !name.trim().is_empty());
        let xml = endpoint.answer == AnswerType::Xml;
        let wrong = if is_header || text.is_empty() {
            None
        } else if !text.starts_with('/') {
            let example = match (header, xml) {
                (true, true) => "for example `/People/@count`, or `header:X-Total-Count`",
                (true, false) => "for example `/total`, or `header:X-Total-Count`",
                (false, true) => {
                    "for example `/People/Person`: the elements from the outermost down to the one that repeats"
                }
                (false, false) => "for example `/users`",
            };
            Some((
                "a place in an answer begins with `/`".to_owned(),
                example.to_owned(),
            ))
        } else if xml {
            xml_path(text, !header)
        } else {
            None
        };
        if let Some((message, help)) = wrong {
            report.error(self.doc, pointer, codes::INVALID_VALUE, message, Some(help));
        }
    }

    fn headers(&self, pointer: &str, endpoint: &Endpoint, report: &mut Report) {
        for (name, value) in &endpoint.headers {
            let pointer = join(pointer, name);
            let fine = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
            if !fine {
                report.error_key(
                    self.doc,
                    &pointer,
                    codes::BAD_REQUEST,
                    format!("{} is no header name", quoted(name)),
                    None,
                );
            } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                report.error_key(
                    self.doc,
                    &pointer,
                    codes::RESERVED_PARAMETER,
                    format!("{} is set by halosync itself", quoted(name)),
                    Some(
                        "credentials belong under `auth`, the type under `body` and `answer`"
                            .to_owned(),
                    ),
                );
            }
            if let Setting::Literal(text) = value
                && text.chars().any(|c| c.is_control() || !c.is_ascii())
            {
                report.error(
                    self.doc,
                    &pointer,
                    codes::BAD_REQUEST,
                    "a header carries printable ASCII only",
                    None,
                );
            }
        }
    }

    fn body(&self, pointer: &str, endpoint: &Endpoint, report: &mut Report) {
        let Some(body) = &endpoint.body else { return };
        if endpoint.method == Method::Get {
            report.error_key(
                self.doc,
                &join(pointer, "body"),
                codes::BAD_BODY,
                "a GET request carries no body",
                Some("add `method: POST`, or put it under `query`".to_owned()),
            );
        }
        let pointer = join(pointer, "body");
        match body {
            Body::Json(value) => self.json(&join(&pointer, "json"), value, endpoint, report),
            Body::Form(fields) => {
                let pointer = join(&pointer, "form");
                for (name, value) in fields {
                    self.pattern(&join(&pointer, name), &value.text(), endpoint, report);
                }
            }
            Body::Xml(text) => self.pattern(&join(&pointer, "xml"), text, endpoint, report),
        }
    }

    fn json(
        &self,
        pointer: &str,
        value: &serde_json::Value,
        endpoint: &Endpoint,
        report: &mut Report,
    ) {
        match value {
            serde_json::Value::String(text) => self.pattern(pointer, text, endpoint, report),
            serde_json::Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.json(&join(pointer, &index.to_string()), item, endpoint, report);
                }
            }
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    self.json(&join(pointer, name), value, endpoint, report);
                }
            }
            _ => {}
        }
    }

    fn dependent(&self, pointer: &str, name: &str, endpoint: &Endpoint, report: &mut Report) {
        let doc = self.doc;
        let dependent = endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some();
        if endpoint.for_each.is_some() && endpoint.for_each_distinct.is_some() {
            report.error_key(
                doc,
                &join(pointer, "forEachDistinct"),
                codes::BAD_REQUEST,
                "`forEach` and `forEachDistinct` exclude each other",
                Some("keep one of them".to_owned()),
            );
        }
        let people = people(self.spec);
        if dependent && people == Some(name) {
            report.error_key(
                doc,
                pointer,
                codes::BAD_ENDPOINT_ORDER,
                "people cannot come from an endpoint that is asked for each of them",
                Some("`person.key` names the list people come from".to_owned()),
            );
        }
        if let Some(other) = &endpoint.for_each {
            self.known(&join(pointer, "forEach"), other, report);
        }
        let scope = Scope::Record {
            endpoints: self.names,
        };
        if let Some(text) = &endpoint.for_each_distinct {
            let pointer = join(pointer, "forEachDistinct");
            match lang::compile_expression(text, &scope) {
                Err(errors) => report.language(doc, &pointer, errors),
                Ok(expression) => {
                    let failures = expression.failures();
                    report.failures_in_records(doc, &pointer, text, &scope, failures);
                }
            }
        }
        if let Some(text) = &endpoint.only_if {
            let pointer = join(pointer, "onlyIf");
            if dependent {
                match lang::compile_condition(text, &scope) {
                    Err(errors) => report.language(doc, &pointer, errors),
                    Ok(condition) => {
                        let failures = condition.failures_in_records();
                        report.failures_in_records(doc, &pointer, text, &scope, failures);
                    }
                }
            } else {
                report.error_key(
                    doc,
                    &pointer,
                    codes::BAD_REQUEST,
                    "a list is not asked for anybody in particular",
                    Some("use `person.include` to leave people out".to_owned()),
                );
            }
        }
        if endpoint.cache.is_some() && !dependent {
            report.error_key(
                doc,
                &join(pointer, "cache"),
                codes::BAD_REQUEST,
                "lists are read anew every time, they are the proof",
                Some("take it out".to_owned()),
            );
        }
        if dependent && !endpoint.path.contains("{{") && endpoint.body.is_none() {
            let varies = endpoint
                .query
                .values()
                .any(|value| value.text().contains("{{"));
            if !varies {
                report.error_key(
                    doc,
                    &join(pointer, "path"),
                    codes::BAD_REQUEST,
                    "the request is the same for everybody",
                    Some(
                        "put the record's value in, for example `/Users/{{ users.id }}`".to_owned(),
                    ),
                );
            }
        }
    }

    fn known(&self, pointer: &str, name: &str, report: &mut Report) {
        if !self.names.contains(name) {
            report.error(
                self.doc,
                pointer,
                codes::UNKNOWN_ENDPOINT,
                format!("there is no endpoint {}", quoted(name)),
                did_you_mean(name, self.names.iter().map(String::as_str)),
            );
        }
    }
}

/// What is wrong with the path of an element or attribute, and how to write it. It is a path of names, not XPath; with
/// `elements` it leads to elements, so no attribute stands in it.
fn xml_path(path: &str, elements: bool) -> Option<(String, String)> {
    let mut segments: Vec<&str> = path.split('/').skip(1).collect();
    let shown = |segments: &[&str]| {
        let names: Vec<&str> = segments
            .iter()
            .map(|name| {
                let name = name.split(['[', '(']).next().unwrap_or(name);
                name.rsplit_once(':').map_or(name, |(_, local)| local)
            })
            .filter(|name| !name.is_empty() && !matches!(*name, "text" | "node" | "*" | "." | ".."))
            .collect();
        quoted(&format!("/{}", names.join("/")))
    };
    let not_xpath = |what: &str, segments: &[&str]| {
        Some((
            format!("{what}: this is a path of names from the outermost element down, not XPath"),
            format!("write {}", shown(segments)),
        ))
    };
    if path.starts_with("//") {
        return Some((
            "`//` finds nothing: this is a path of names from the outermost element down, not XPath".to_owned(),
            format!(
                "write the outer elements, too, for example `/People{}`",
                shown(&segments).trim_matches('`')
            ),
        ));
    }
    let last = segments.pop()?;
    if let Some(at) = segments.iter().position(|name| name.starts_with('@')) {
        return Some((
            format!(
                "an attribute such as {} has nothing within it",
                quoted(segments[at])
            ),
            format!("write {}", shown(&segments[..=at])),
        ));
    }
    segments.push(last);
    if elements && last.starts_with('@') {
        segments.pop();
        return Some((
            format!("{} is an attribute, and records are elements", quoted(last)),
            format!(
                "write {}, and `key: \"{last}\"` when the attribute identifies a record",
                shown(&segments)
            ),
        ));
    }
    let odd = segments.iter().find(|name| {
        name.is_empty() || matches!(**name, "." | ".." | "*") || name.contains(['[', '('])
    });
    if let Some(odd) = odd {
        return not_xpath(
            &if odd.is_empty() {
                "there is a `/` too many".to_owned()
            } else {
                format!("{} names no element", quoted(odd))
            },
            &segments,
        );
    }
    let prefixed = segments.iter().find(|name| name.contains(':'))?;
    Some((
        format!(
            "{} has a prefix, and prefixes are dropped",
            quoted(prefixed)
        ),
        format!("write {}", shown(&segments)),
    ))
}

/// The endpoint people come from.
pub(super) fn people(spec: &Source) -> Option<&str> {
    spec.person.key.split_once('.').map(|(name, _)| name)
}

/// The texts around `{{ }}`.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .enumerate()
        .map(|(index, part)| match (index, part.split_once("}}")) {
            (0, _) => part,
            (_, Some((_, after))) => after,
            (_, None) => "",
        })
}

fn parameters(one: &One<'_>, pointer: &str, endpoint: &Endpoint, report: &mut Report) {
    let doc = one.doc;
    let halo = is_halo(one.spec);
    let dependent = endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in &endpoint.query {
        let pointer = join(pointer, name);
        let lower = name.to_ascii_lowercase();
        let page = endpoint.repeat.as_ref().is_some_and(|repeat| {
            [&repeat.parameter, &repeat.page_size_parameter]
                .into_iter()
                .flatten()
                .any(|own| own.eq_ignore_ascii_case(name))
        });
        if page || (halo && !dependent && halo::RESERVED.contains(&lower.as_str())) {
            report.error_key(
                doc,
                &pointer,
                codes::RESERVED_PARAMETER,
                format!("{} is sent anyway and cannot be set here", quoted(name)),
                Some("a read can only be proven complete when paging, order and activity flags are as they must be; use `person.include` to leave people out".to_owned()),
            );
        } else if secrets::is_secret_name(name) {
            // Reported as a literal secret.
        } else if halo && is_users(&endpoint.path) && !halo::PARAMETERS.contains(&lower.as_str()) {
            report.warn_key(
                doc,
                &pointer,
                codes::UNKNOWN_PARAMETER,
                format!("HaloITSM documents no parameter {} here, and ignores unknown ones without a word", quoted(name)),
                did_you_mean(&lower, halo::PARAMETERS.iter().copied()),
            );
        }
        // Elsewhere two spellings are two parameters.
        if halo && let Some(first) = seen.insert(lower, name) {
            report.error_key(
                doc,
                &pointer,
                codes::DUPLICATE_KEY,
                format!(
                    "{} and {} are one parameter to the server",
                    quoted(first),
                    quoted(name)
                ),
                None,
            );
        }
        one.pattern(&pointer, &value.text(), endpoint, report);
    }
}
