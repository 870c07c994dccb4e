//! An endpoint with everything in it compiled, and what its settings tell of its requests and answers.
//!
//! Knows nothing of sending. Invariants: nothing that the reader sets itself can be set in the configuration; credentials go
//! to the resource server and to servers named for that, nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::{CompactString, ToCompactString as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::ExposeSecret as _;
use url::Url;

use super::body::{BodyPattern, JsonPattern, json_pattern};
use super::http::check_address;
use super::invalid;
use super::settings::{Dependent, EndpointSettings};
use crate::config::kinds::{AnswerType, Body};
use crate::config::pattern::Pattern;
use crate::connector::ConnectorError;
use crate::intake;
use crate::lang::{self, Condition, Expression, Record, Scope};

/// An endpoint with everything in it compiled.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) settings: EndpointSettings,
    /// Address as far as it is the same for everybody: scheme, host and the path's beginning.
    pub(super) base: Url,
    pub(super) path: Pattern,
    pub(super) query: Vec<(String, Pattern)>,
    pub(super) body: Option<BodyPattern>,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) with_credentials: bool,
    pub(super) until: Option<Condition>,
    pub(super) only_if: Option<Condition>,
    /// The value a `forEachDistinct` goes by.
    pub(super) distinct: Option<Expression>,
    halo: bool,
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

    /// Whether it is a list of HaloITSM.
    pub(super) fn is_halo_list(&self) -> bool {
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

/// Server and path of a full address. A value may stand in the path only: nobody's record chooses the server.
fn split_address(address: &str) -> Option<(Url, &str)> {
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
