//! From an endpoint, a page and a record to one request.
//!
//! Knows nothing of sending. Invariants: a value of a record is encoded for the place it goes to, so it never becomes
//! another segment, parameter, member or element; credentials go to the resource server and to servers named for
//! that, nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::{CompactString, ToCompactString as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::Url;

use super::body::{BodyPattern, JsonPattern, fill_json, json_pattern};
use super::http::check_address;
use super::invalid;
use super::settings::{Dependent, EndpointSettings, HALO_USERS, PagingSettings};
use super::xml;
use crate::config::kinds::{AnswerType, Body, Method, ParameterPlace, RepeatBy};
use crate::config::pattern::{Filled, Pattern};
use crate::connector::ConnectorError;
use crate::intake;
use crate::lang::{self, Condition, Expression, Record, Scope};

/// An endpoint with everything in it compiled.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) settings: EndpointSettings,
    /// Address as far as it is the same for everybody: scheme, host and the path's beginning.
    base: Url,
    path: Pattern,
    query: Vec<(String, Pattern)>,
    body: Option<BodyPattern>,
    headers: Arc<HeaderMap>,
    pub(super) with_credentials: bool,
    pub(super) until: Option<Condition>,
    pub(super) only_if: Option<Condition>,
    /// The value a `forEachDistinct` goes by.
    pub(super) distinct: Option<Expression>,
    halo: bool,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PageRef {
    /// The only one, or the first of those that lead on by themselves.
    First,
    /// This value of the counted parameter.
    Counted(u64),
    /// After this cursor.
    Cursor(String),
    /// At this address.
    Link(Url),
}

/// One request, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) method: http::Method,
    pub(super) url: Url,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) body: Option<Vec<u8>>,
    /// Asks for the answer only if it is another than the one with this strong validator (RFC 9110 section 13.1.2).
    pub(super) unless: Option<HeaderValue>,
    pub(super) with_credentials: bool,
}

impl Prepared {
    /// What makes it this request and no other, for telling equal ones apart from different ones.
    pub(super) fn identity(&self) -> String {
        let mut identity = format!("{} {}", self.method, self.url);
        if let Some(body) = &self.body {
            identity.push('\n');
            identity.push_str(&String::from_utf8_lossy(body));
        }
        identity
    }
}

/// Whether two addresses are of one server (RFC 6454 section 4).
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

impl Endpoint {
    /// Compiles an endpoint. `names` are all endpoints there are.
    ///
    /// # Errors
    /// [`ConnectorError::Invalid`] for what cannot be asked like this.
    pub(super) fn new(
        system: &str,
        settings: EndpointSettings,
        resource_server: &Url,
        credentials_to: &[Url],
        names: &BTreeSet<String>,
        halo: bool,
    ) -> Result<Self, ConnectorError> {
        let field = |part: &str| format!("endpoints.{}.{part}", settings.name);
        let bad = |part: &str, message: &str| invalid(system, &field(part), message);
        let scope = Scope::Record { endpoints: names };
        let pattern = |part: &str, text: &str| {
            Pattern::compile(text, &scope).map_err(|errors| bad(part, &first(&errors)))
        };
        let (base, path) = if settings.path.starts_with('/') {
            (resource_server.clone(), settings.path.as_str())
        } else {
            let (server, path) = split_address(&settings.path)
                .ok_or_else(|| bad("path", "is neither a path nor an address"))?;
            check_address(system, &field("path"), &server)?;
            (server, path)
        };
        let with_credentials = same_origin(&base, resource_server)
            || credentials_to
                .iter()
                .any(|server| same_origin(&base, server));
        let query = settings
            .query
            .iter()
            .map(|(name, value)| Ok((name.clone(), pattern("query", value)?)))
            .collect::<Result<_, ConnectorError>>()?;
        let body = match &settings.body {
            None => None,
            Some(Body::Json(value)) => Some(BodyPattern::Json(json_pattern(value, &|text| {
                pattern("body", text)
            })?)),
            Some(Body::Form(fields)) => Some(BodyPattern::Form(
                fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), pattern("body", &value.text())?)))
                    .collect::<Result<_, ConnectorError>>()?,
            )),
            Some(Body::Xml(text)) => Some(BodyPattern::Xml(pattern("body", text)?)),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_error| bad("headers", &format!("{name} is no header name")))?;
            if OWN_HEADERS.contains(&name) {
                return Err(bad(
                    "headers",
                    &format!("{name} is set by the reader itself"),
                ));
            }
            let mut value = HeaderValue::try_from(value.expose_secret())
                .map_err(|_error| bad("headers", &format!("the value of {name} cannot be sent")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static(match settings.answer {
                AnswerType::Json => "application/json",
                AnswerType::Xml => "application/xml, text/xml;q=0.9",
            }),
        );
        if let Some(body) = &settings.body {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(match body {
                    Body::Json(_) => "application/json",
                    Body::Form(_) => "application/x-www-form-urlencoded",
                    Body::Xml(_) => "application/xml; charset=utf-8",
                }),
            );
        }
        let condition = |part: &str, text: &Option<String>, scope: &Scope<'_>| {
            text.as_deref()
                .map(|text| {
                    lang::compile_condition(text, scope)
                        .map_err(|errors| bad(part, &first(&errors)))
                })
                .transpose()
        };
        let page = BTreeSet::from(["page".to_owned()]);
        let until = settings
            .paging
            .as_ref()
            .and_then(|paging| paging.until.clone());
        let until = condition("repeat.until", &until, &Scope::Record { endpoints: &page })?;
        let only_if = condition("onlyIf", &settings.only_if, &scope)?;
        let distinct = match &settings.dependent {
            Some(Dependent::Distinct(text)) => Some(
                lang::compile_expression(text, &scope)
                    .map_err(|errors| bad("forEachDistinct", &first(&errors)))?,
            ),
            _ => None,
        };
        let path = pattern("path", path)?;
        let endpoint = Self {
            base,
            path,
            query,
            body,
            headers: Arc::new(headers),
            with_credentials,
            until,
            only_if,
            distinct,
            halo,
            settings,
        };
        endpoint.check_parameters(system)?;
        Ok(endpoint)
    }

    /// Whether it is a list of HaloITSM.
    /// The id as this list counts people by it. HaloITSM's own ids are whole numbers: a row with another is nobody.
    pub(super) fn counted_by(&self, id: CompactString) -> Option<CompactString> {
        if self.is_halo_list() && self.settings.key.eq_ignore_ascii_case("id") {
            return id
                .parse::<i64>()
                .ok()
                .map(|number| number.to_compact_string());
        }
        Some(id)
    }

    fn is_halo_list(&self) -> bool {
        self.halo && self.settings.dependent.is_none()
    }

    fn check_parameters(&self, system: &str) -> Result<(), ConnectorError> {
        let paging = self.settings.paging.as_ref();
        let own = |parameter: &str| {
            paging.is_some_and(|paging| {
                [
                    Some(paging.parameter.as_str()),
                    paging.page_size_parameter.as_deref(),
                ]
                .into_iter()
                .flatten()
                .any(|own| !own.is_empty() && own.eq_ignore_ascii_case(parameter))
            }) || (self.is_halo_list()
                && HALO_RESERVED
                    .iter()
                    .any(|reserved| reserved.eq_ignore_ascii_case(parameter)))
        };
        for (parameter, _) in &self.query {
            if own(parameter) {
                return Err(invalid(
                    system,
                    "query",
                    &format!("{parameter} is set by the reader itself and cannot be changed"),
                ));
            }
        }
        Ok(())
    }

    /// The last constant segment of the path, by which a preset knows the list in an answer.
    pub(super) fn entity(&self) -> Option<&str> {
        if !self.halo {
            return None;
        }
        self.settings
            .path
            .split('/')
            .rfind(|segment| !segment.is_empty() && !segment.contains("{{"))
    }

    /// The value that the record asked for must have as its key: the request's parameter or member of that name, else
    /// the last segment of the path. The outer `None` says that the request does not tell; the inner one that it does,
    /// and the value cannot be a key.
    #[expect(
        clippy::option_option,
        reason = "nothing to compare and nothing comparable are different answers"
    )]
    pub(super) fn asked_for(&self, record: &Record<'_>) -> Option<Option<CompactString>> {
        // The preset knows by itself which ids HaloITSM's answers must have.
        if self.halo {
            return None;
        }
        let is_key = |name: &str| name.eq_ignore_ascii_case(&self.settings.key);
        let form = match &self.body {
            Some(BodyPattern::Form(fields)) => fields.as_slice(),
            _ => &[],
        };
        let named = self
            .query
            .iter()
            .chain(form)
            .find(|(name, _)| is_key(name))
            .map(|(_, pattern)| pattern);
        let member = match &self.body {
            Some(BodyPattern::Json(JsonPattern::Object(members))) => {
                members.iter().find_map(|(name, value)| match value {
                    JsonPattern::Text(pattern) if is_key(name) => Some(pattern),
                    _ => None,
                })
            }
            _ => None,
        };
        let value = match named.or(member).and_then(|pattern| pattern.value(record)) {
            Some(value) => value.ok().flatten(),
            None => self.path.last_value()?.evaluate(record).ok().flatten(),
        };
        Some(value.and_then(|value| intake::identity(&value).ok()))
    }

    /// Path for messages.
    pub(super) fn shown(&self) -> &str {
        self.settings.path.trim_end_matches('/')
    }

    /// The request for a page. `None` when the record has no value that is needed for it.
    ///
    /// # Errors
    /// Why it cannot be made for this record.
    pub(super) fn request(
        &self,
        page: &PageRef,
        record: &Record<'_>,
    ) -> Result<Option<Prepared>, String> {
        let method = match self.settings.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let paging = self.settings.paging.as_ref();
        let url = match page {
            // The address is the server's and already says everything.
            PageRef::Link(url) => Some(url.clone()),
            _ => self.url(page, paging, record)?,
        };
        let Some(url) = url else { return Ok(None) };
        let Some(body) = self.body(page, paging, record)? else {
            return Ok(None);
        };
        Ok(Some(Prepared {
            method,
            url,
            headers: Arc::clone(&self.headers),
            body,
            unless: None,
            with_credentials: self.with_credentials,
        }))
    }

    fn url(
        &self,
        page: &PageRef,
        paging: Option<&PagingSettings>,
        record: &Record<'_>,
    ) -> Result<Option<Url>, String> {
        let Filled::Text(path) = self.path.fill(record, segment)? else {
            return Ok(None);
        };
        // `.` and `..` would be taken out of the path, with the segment before them, however they are encoded.
        if !self.path.is_constant()
            && path
                .split('/')
                .any(|part| matches!(part.replace("%2E", ".").as_str(), "." | ".."))
        {
            return Err(format!(
                "a value of `.` or `..` cannot be part of a path: `{}`",
                path.replace("%2E", ".")
            ));
        }
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
        if self.is_halo_list() {
            add("pageinate", "true".to_owned());
        }
        if let Some(paging) = paging
            && paging.place == ParameterPlace::Query
        {
            for (name, value) in paging_values(page, paging) {
                add(&name, value.to_string());
            }
        }
        if self.is_halo_list() {
            for (name, value) in [
                ("includeactive", "true"),
                ("includeinactive", "true"),
                ("order", &self.settings.key),
                ("orderdesc", "false"),
            ] {
                add(name, value.to_owned());
            }
            let says =
                |(name, _): &(String, Pattern)| name.eq_ignore_ascii_case("exclude_generaluser");
            if self
                .settings
                .path
                .trim_matches('/')
                .eq_ignore_ascii_case(HALO_USERS.trim_matches('/'))
                && !self.query.iter().any(says)
            {
                add("exclude_generaluser", "true".to_owned());
            }
        }
        for (name, value) in &self.query {
            let Filled::Text(value) = value.fill(record, str::to_owned)? else {
                return Ok(None);
            };
            add(name, value);
        }
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Ok(Some(url))
    }

    /// The outer `None` says that a value is missing, the inner one that nothing is sent.
    #[expect(
        clippy::option_option,
        reason = "no value and no body are different answers"
    )]
    fn body(
        &self,
        page: &PageRef,
        paging: Option<&PagingSettings>,
        record: &Record<'_>,
    ) -> Result<Option<Option<Vec<u8>>>, String> {
        let values = paging
            .filter(|paging| paging.place == ParameterPlace::Body)
            .map(|paging| paging_values(page, paging))
            .unwrap_or_default();
        Ok(Some(Some(match &self.body {
            None => return Ok(Some(None)),
            Some(BodyPattern::Json(pattern)) => {
                let Some(mut body) = fill_json(pattern, record)? else {
                    return Ok(None);
                };
                if let Value::Object(members) = &mut body {
                    for (name, value) in values {
                        members.insert(name, value.json());
                    }
                }
                body.to_string().into_bytes()
            }
            Some(BodyPattern::Form(fields)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    let Filled::Text(value) = value.fill(record, str::to_owned)? else {
                        return Ok(None);
                    };
                    form.append_pair(name, &value);
                }
                for (name, value) in values {
                    form.append_pair(&name, &value.to_string());
                }
                form.finish().into_bytes()
            }
            Some(BodyPattern::Xml(pattern)) => match pattern.fill(record, xml::escaped)? {
                Filled::Text(text) => text.into_bytes(),
                Filled::NoValue => return Ok(None),
            },
        })))
    }
}

/// Headers the reader sets itself.
const OWN_HEADERS: &[HeaderName] = &[
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::IF_NONE_MATCH,
    header::TRANSFER_ENCODING,
];

/// Parameters of HaloITSM's lists that the reader sets itself: a different value could hide people or break paging.
const HALO_RESERVED: &[&str] = &[
    "pageinate",
    "page_size",
    "page_no",
    "count",
    "idonly",
    "includeactive",
    "includeinactive",
    "activeinactive",
    "order",
    "orderdesc",
    "order2",
    "order3",
    "order4",
    "order5",
    "orderdesc2",
    "orderdesc3",
    "orderdesc4",
    "orderdesc5",
];

/// A value that paging sends.
enum Sent {
    Number(u64),
    Text(String),
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Sent {
    fn json(self) -> Value {
        match self {
            Self::Number(number) => Value::from(number),
            Self::Text(text) => Value::String(text),
        }
    }
}

fn paging_values(page: &PageRef, paging: &PagingSettings) -> Vec<(String, Sent)> {
    let mut values = Vec::new();
    if let Some(name) = &paging.page_size_parameter {
        values.push((name.clone(), Sent::Number(u64::from(paging.page_size))));
    }
    match (page, paging.by) {
        (PageRef::Counted(value), _) => {
            values.push((paging.parameter.clone(), Sent::Number(*value)));
        }
        (PageRef::Cursor(cursor), RepeatBy::Cursor) => {
            values.push((paging.parameter.clone(), Sent::Text(cursor.clone())));
        }
        _ => {}
    }
    values
}

/// Everything but the unreserved characters (RFC 3986 section 2.3) percent-encoded, so a value stays one segment.
fn segment(value: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Server and path of a full address. A value may stand in the path only: nobody's record chooses the server.
pub(super) fn split_address(address: &str) -> Option<(Url, &str)> {
    let after_scheme = address.find("://")? + 3;
    let path = after_scheme
        + address[after_scheme..]
            .find('/')
            .unwrap_or(address.len() - after_scheme);
    let server = &address[..path];
    if server.contains("{{") {
        return None;
    }
    let url = Url::parse(server).ok()?;
    url.host()?;
    Some((url, &address[path..]))
}

fn first(errors: &[lang::LangError]) -> String {
    errors
        .first()
        .map_or_else(String::new, |error| error.message.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn endpoint(change: impl FnOnce(&mut EndpointSettings)) -> Result<Endpoint, ConnectorError> {
        let mut settings = EndpointSettings::users();
        settings.paging = None;
        change(&mut settings);
        Endpoint::new(
            "s",
            settings,
            &Url::parse("https://hr.example.com/api/").unwrap(),
            &[Url::parse("https://files.example.com").unwrap()],
            &BTreeSet::from(["users".to_owned(), "details".to_owned()]),
            false,
        )
    }

    fn request(endpoint: &Endpoint, row: &Value) -> Result<Option<Prepared>, String> {
        endpoint.request(
            &PageRef::First,
            &Record {
                parts: &[("users", row)],
            },
        )
    }

    #[test]
    fn without_a_preset_nothing_is_sent_but_what_is_written() {
        let endpoint = endpoint(|endpoint| {
            endpoint.query = vec![("pageinate".to_owned(), "no".to_owned())];
        })
        .unwrap();
        let sent = request(&endpoint, &Value::Null).unwrap().unwrap();
        assert_eq!(
            sent.url.as_str(),
            "https://hr.example.com/api/Users?pageinate=no"
        );
        assert!(endpoint.entity().is_none());
    }

    #[test]
    fn credentials_stay_with_servers_named_for_them() {
        for (path, credentials) in [
            ("/Users", true),
            ("https://hr.example.com/other", true),
            ("https://hr.example.com:443/other", true),
            ("https://hr.example.com:8443/other", false),
            ("https://files.example.com/people.json", true),
            ("https://evil.example.net/people", false),
            ("http://127.0.0.1:1/people", false),
        ] {
            let endpoint = endpoint(|endpoint| endpoint.path = path.to_owned()).unwrap();
            assert_eq!(endpoint.with_credentials, credentials, "{path}");
        }
        for path in [
            "http://hr.example.com/people",
            "ftp://hr.example.com/people",
            "people",
            "https://{{ users.host }}/people",
        ] {
            assert!(
                endpoint(|endpoint| endpoint.path = path.to_owned()).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_value_never_leaves_its_segment() {
        let endpoint =
            endpoint(|endpoint| endpoint.path = "/Users/{{ users.id }}/x".to_owned()).unwrap();
        for (value, path) in [
            ("18", "/api/Users/18/x"),
            ("a/b?c#d", "/api/Users/a%2Fb%3Fc%23d/x"),
            ("%2e%2e", "/api/Users/%252e%252e/x"),
            ("ö", "/api/Users/%C3%B6/x"),
        ] {
            let sent = request(&endpoint, &json!({"id": value})).unwrap().unwrap();
            assert_eq!(sent.url.path(), path);
        }
        for value in [".", ".."] {
            assert!(request(&endpoint, &json!({"id": value})).is_err());
        }
        assert!(request(&endpoint, &json!({})).unwrap().is_none());
    }

    #[test]
    fn bodies_carry_values_with_their_type() {
        let endpoint = endpoint(|endpoint| {
            endpoint.method = Method::Post;
            endpoint.body = Some(Body::Json(
                json!({"id": "{{ users.id }}", "text": "no {{ users.id }}", "n": [1]}),
            ));
        })
        .unwrap();
        let sent = request(&endpoint, &json!({"id": 7})).unwrap().unwrap();
        let body: Value = serde_json::from_slice(&sent.body.unwrap()).unwrap();
        assert_eq!(body, json!({"id": 7, "text": "no 7", "n": [1]}));
    }

    #[test]
    fn headers_of_the_reader_cannot_be_replaced() {
        for name in ["Authorization", "host", "bad name"] {
            let outcome = endpoint(|endpoint| {
                endpoint.headers = vec![(name.to_owned(), "x".to_owned().into())];
            });
            assert!(outcome.is_err(), "{name}");
        }
    }

    proptest! {
        /// Whatever the value, the address stays on its server and below its path.
        #[test]
        fn no_value_escapes(value in "\\PC{1,20}") {
            let endpoint = endpoint(|endpoint| endpoint.path = "/Users/{{ users.id }}".to_owned()).unwrap();
            if let Ok(Some(sent)) = request(&endpoint, &json!({"id": value})) {
                prop_assert_eq!(sent.url.host_str(), Some("hr.example.com"));
                prop_assert!(sent.url.path().starts_with("/api/Users/"));
                prop_assert_eq!(sent.url.path().matches('/').count(), 3);
                prop_assert!(sent.url.query().is_none() && sent.url.fragment().is_none());
            }
        }
    }
}
