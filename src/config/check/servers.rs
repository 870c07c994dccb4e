//! Servers that may be sent the credentials besides the source's own: `credentialsTo`.
//!
//! Invariant: what is accepted here names one server, in the only way it is compared by, so that nobody believes to
//! have narrowed or widened where credentials go when they have not.

use url::Url;

use super::auth::http_address;
use super::{Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::{Setting, Source};
use crate::config::yaml::join;

pub(super) fn check(source: &Entry<Source>, report: &mut Report) {
    let spec = &source.spec;
    for (index, text) in spec.credentials_to.iter().enumerate() {
        let pointer = join("/spec/credentialsTo", &index.to_string());
        let Some(url) = server(source, &pointer, text, report) else {
            continue;
        };
        let used = spec.endpoints.values().any(|endpoint| {
            Url::parse(before_values(&endpoint.path)).is_ok_and(|own| own.origin() == url.origin())
        });
        if !used {
            report.warn(
                &source.doc,
                &pointer,
                codes::UNUSED_SERVER,
                format!("no endpoint is on {}", quoted(text)),
                Some(
                    "name the server as the endpoint's address does, port included, or take it out"
                        .to_owned(),
                ),
            );
        }
    }
}

/// The part of a full address that no record's value can change.
fn before_values(path: &str) -> &str {
    path.split("{{").next().unwrap_or(path)
}

/// The server a text names, when it names one and nothing else (RFC 6454 section 4: scheme, host and port).
fn server(source: &Entry<Source>, pointer: &str, text: &str, report: &mut Report) -> Option<Url> {
    let doc = &source.doc;
    let mut wrong = |message: String, help: String| {
        report.error(doc, pointer, codes::BAD_URL, message, Some(help));
        None
    };
    let example = "for example `https://files.example.com`, or with its port `https://files.example.com:8443`";
    if text.contains('*') {
        return wrong(
            "a wildcard is no server, and who may have the credentials is never a pattern"
                .to_owned(),
            format!("name each server, {example}"),
        );
    }
    let lower = text.to_ascii_lowercase();
    if !(lower.starts_with("https://") || lower.starts_with("http://")) {
        return wrong(
            "this is not the address of a server".to_owned(),
            format!("it begins with `https://`, {example}"),
        );
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::InvalidPort) => {
            return wrong(
                "what stands after the `:` is no port".to_owned(),
                format!("a port is a number from 1 to 65535, {example}"),
            );
        }
        Err(_) => {
            return wrong(
                "this is not the address of a server".to_owned(),
                example.to_owned(),
            );
        }
    };
    let origin = url.origin().ascii_serialization();
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        // What stands before the `@` may be a secret, so it is not repeated.
        return wrong(
            "a user name or password has no place in the name of a server".to_owned(),
            format!("credentials belong under `auth`; write {}", quoted(&origin)),
        );
    }
    if url.port() == Some(0) {
        return wrong(
            "port 0 is no port a server listens on".to_owned(),
            example.to_owned(),
        );
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong(
            "credentials go to a server, not to a part of it".to_owned(),
            format!("write {}, without what follows", quoted(&origin)),
        );
    }
    if !is_spelled_as(&lower, &url) {
        return wrong(
            format!("this is read as {}", quoted(&origin)),
            "write exactly that, if it is what you mean".to_owned(),
        );
    }
    let errors = report.diagnostics.len();
    http_address(
        doc,
        pointer,
        &Setting::Literal(text.to_owned()),
        false,
        report,
    );
    (report.diagnostics.len() == errors).then_some(url)
}

/// Whether a text, in lower case, says what it is taken for: no digits that make another address, no empty port, no
/// characters that are dropped.
fn is_spelled_as(lower: &str, url: &Url) -> bool {
    let text = lower.strip_suffix('/').unwrap_or(lower);
    let origin = url.origin();
    let default_port = match url.scheme() {
        "https" => ":443",
        _ => ":80",
    };
    [origin.ascii_serialization(), origin.unicode_serialization()]
        .iter()
        .any(|same| {
            text == same
                || (url.port().is_none() && text.strip_suffix(default_port) == Some(same.as_str()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_spelled_in_one_way_only() {
        for (text, fine) in [
            ("https://files.example.com", true),
            ("https://files.example.com/", true),
            ("https://FILES.example.com:443", true),
            ("https://files.example.com:8443", true),
            ("https://bücher.example", true),
            ("https://[::1]:8443", true),
            ("https://files.example.com:", false),
            ("https://files.example.com:08443", false),
            ("https:///files.example.com", false),
            ("https://files.exa\tmple.com", false),
            ("https://0x7f.1", false),
            ("https://files.example.com\\", false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(is_spelled_as(&text.to_lowercase(), &url), fine, "{text}");
        }
    }
}
