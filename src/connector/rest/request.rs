//! From a compiled endpoint, a page and a record to one request.
//!
//! Knows nothing of sending. Invariants: a value of a record is encoded for the place it goes to, so it never becomes
//! another segment, parameter, member or element.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use super::body::{BodyPattern, fill_json};
use super::endpoint::Endpoint;
use super::settings::{HALO_USERS, PagingSettings};
use super::xml;
use crate::config::kinds::{Method, ParameterPlace, RepeatBy};
use crate::config::pattern::{Filled, Pattern};
use crate::lang::Record;

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

impl Endpoint {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::settings::EndpointSettings;
    use super::*;
    use crate::config::kinds::Body;
    use crate::connector::ConnectorError;

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
