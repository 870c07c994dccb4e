//! How a source is reached and authorised to: addresses, and combinations that cannot work.

use url::Url;

use super::{Entry, Report, halo, login};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, quoted};
use crate::config::kinds::{
    ApiKey, Auth, ClientAuthentication, Grant, KeyPlace, OAuth2, Parameter, Preset, Setting,
    Source, TokenRequest,
};
use crate::config::yaml::{Doc, join};

const AUTH: &str = "/spec/auth";
pub(super) const OAUTH: &str = "/spec/auth/oauth2";

/// Fields of a token request that the grant decides (RFC 6749, RFC 7636).
const GRANT_FIELDS: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "username",
    "password",
];

/// Headers that say what a request is, not who sends it.
const TRANSPORT_HEADERS: &[&str] = &[
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// Whether nothing is known of the source but what its document says.
pub(super) fn is_halo(spec: &Source) -> bool {
    spec.preset == Some(Preset::Haloitsm)
}

pub(super) fn check(source: &Entry<Source>, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    addresses(doc, spec, report);
    match &spec.auth {
        Auth::None(_) if is_halo(spec) => report.warn(
            doc,
            AUTH,
            codes::AUTH_MISMATCH,
            "HaloITSM lets nobody read people without authorisation",
            Some("use `oauth2`, or `apiKey` with its `X-Halo-Api-Key`".to_owned()),
        ),
        Auth::None(_) => {}
        Auth::ApiKey(key) => api_key(doc, spec, key, report),
        Auth::Basic(_) => {}
        Auth::Bearer(bearer) => prefix(
            doc,
            "/spec/auth/bearer/headerPrefix",
            &bearer.header_prefix,
            report,
        ),
        Auth::Oauth2(oauth2) => {
            oauth(doc, spec, oauth2, report);
        }
    }
}

fn addresses(doc: &Doc, spec: &Source, report: &mut Report) {
    for (name, setting) in [
        ("instance", &spec.instance),
        ("resourceServer", &spec.resource_server),
        ("authorisationServer", &spec.authorisation_server),
    ] {
        if let Some(setting) = setting {
            http_address(doc, &format!("/spec/{name}"), setting, false, report);
        }
    }
    let missing = |name: &str, help: &str, report: &mut Report| {
        report.error_key(
            doc,
            "/spec",
            codes::MISSING_FIELD,
            format!("{} is missing", quoted(name)),
            Some(help.to_owned()),
        );
    };
    let wants_token = match &spec.auth {
        Auth::Oauth2(oauth2) => oauth2.token_url.is_none(),
        _ => false,
    };
    let resource = spec.resource_server.is_some();
    let authorisation = spec.authorisation_server.is_some();
    if !is_halo(spec) {
        if spec.instance.is_some() {
            report.error_key(
                doc,
                "/spec/instance",
                codes::ADDRESS_MISMATCH,
                "only `preset: haloitsm` knows what lies where in an instance",
                Some("write `resourceServer`, or add the preset".to_owned()),
            );
        } else if !resource {
            missing(
                "resourceServer",
                "resourceServer: Address of the API",
                report,
            );
        }
        if wants_token && !authorisation {
            report.error_key(
                doc,
                OAUTH,
                codes::MISSING_FIELD,
                format!("{} is missing", quoted("tokenUrl")),
                Some("tokenUrl: Address of the token endpoint".to_owned()),
            );
        }
        return;
    }
    match &spec.instance {
        Some(Setting::Literal(text)) => {
            if let Ok(url) = Url::parse(text)
                && let Some(last) = url.path().trim_end_matches('/').rsplit('/').next()
                && ["api", "auth"].contains(&last.to_ascii_lowercase().as_str())
            {
                report.error(
                    doc,
                    "/spec/instance",
                    codes::ADDRESS_MISMATCH,
                    format!("this is one of an instance's servers, {}", quoted(last)),
                    Some(format!("leave `/{last}` out; it is added")),
                );
            }
        }
        Some(Setting::Environment(_)) => {}
        None if !resource => missing(
            "resourceServer",
            "write `instance`, or `resourceServer` and `authorisationServer` as HaloITSM shows them under Configuration > Integrations > Halo API",
            report,
        ),
        None => {}
    }
    if spec.instance.is_some() && resource && authorisation {
        report.warn_key(
            doc,
            "/spec/instance",
            codes::ADDRESS_MISMATCH,
            "both servers are given, so the instance's address is not used",
            Some("remove it".to_owned()),
        );
    }
    if wants_token && !authorisation && spec.instance.is_none() {
        missing(
            "authorisationServer",
            "authorisationServer: Address of the authorisation server (Configuration > Integrations > Halo API)",
            report,
        );
    }
}

fn api_key(doc: &Doc, spec: &Source, key: &ApiKey, report: &mut Report) {
    const NAME: &str = "/spec/auth/apiKey/name";
    if key.name.trim().is_empty() {
        report.error(doc, NAME, codes::EMPTY_VALUE, "this is empty", None);
        return;
    }
    let lower = key.name.to_ascii_lowercase();
    match key.place {
        KeyPlace::Header => {
            header_name(doc, NAME, &key.name, report);
            if lower == "authorization" {
                report.warn(
                    doc,
                    NAME,
                    codes::KEY_IN_AUTHORIZATION,
                    "the key alone stands in `Authorization`, without a word that says what it is",
                    Some("if the server wants `Bearer` or another word before it, use `bearer` with `headerPrefix`".to_owned()),
                );
            } else if TRANSPORT_HEADERS.contains(&lower.as_str()) {
                reserved(doc, NAME, &key.name, report);
            }
        }
        KeyPlace::Query => {
            if is_halo(spec) && halo::RESERVED.contains(&lower.as_str()) {
                reserved(doc, NAME, &key.name, report);
            }
        }
    }
}

/// What every grant has.
fn oauth(doc: &Doc, spec: &Source, oauth2: &OAuth2, report: &mut Report) {
    let at = |name: &str| format!("{OAUTH}/{name}");
    let secret = oauth2.client_secret.is_some();
    login::check(doc, spec, oauth2, report);
    if !secret
        && oauth2.client_authentication == ClientAuthentication::Header
        && oauth2.grant != Grant::ClientCredentials
    {
        report.error_key(
            doc,
            &at("clientAuthentication"),
            codes::AUTH_MISMATCH,
            "a client without a secret has nothing to send in a header",
            Some("remove it: the client ID of a public client stands in the form".to_owned()),
        );
    }
    if let Some(setting) = &oauth2.token_url {
        http_address(doc, &at("tokenUrl"), setting, true, report);
        if spec.authorisation_server.is_some() {
            report.warn_key(
                doc,
                &at("tokenUrl"),
                codes::ADDRESS_MISMATCH,
                "tokens come from here, so `authorisationServer` and `tenant` are not used for them",
                Some("keep one of the two".to_owned()),
            );
        }
    }
    prefix(doc, &at("headerPrefix"), &oauth2.header_prefix, report);
    token_request(doc, &at("tokenRequest"), &oauth2.token_request, report);
    if let Some(scope) = &oauth2.scope {
        for (index, scope) in scope.iter().enumerate() {
            // RFC 6749 section 3.3.
            let fine = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
            if scope.is_empty() || !scope.chars().all(fine) {
                report.error(
                    doc,
                    &join(&at("scope"), &index.to_string()),
                    codes::INVALID_VALUE,
                    "a scope is one word",
                    Some("write each as an entry of its own".to_owned()),
                );
            }
        }
        if is_halo(spec) {
            halo_scopes(doc, scope, report);
        }
    }
}

fn token_request(doc: &Doc, pointer: &str, request: &TokenRequest, report: &mut Report) {
    let headers = join(pointer, "headers");
    for (name, value) in &request.headers {
        let at = join(&headers, name);
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" || TRANSPORT_HEADERS.contains(&lower.as_str()) {
            reserved_key(doc, &at, name, report);
        } else if !is_token(name) {
            report.error_key(
                doc,
                &at,
                codes::INVALID_VALUE,
                format!("{} is no name of a header", quoted(name)),
                None,
            );
        }
        if let Parameter::Literal(text) = value
            && !is_header_text(text)
        {
            report.error(
                doc,
                &at,
                codes::INVALID_VALUE,
                "a header carries printable ASCII only",
                None,
            );
        }
    }
    for (part, values) in [("query", &request.query), ("body", &request.body)] {
        for name in values.keys() {
            if GRANT_FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
                reserved_key(doc, &join(&join(pointer, part), name), name, report);
            }
        }
    }
}

fn reserved_text(name: &str) -> (String, Option<String>) {
    (
        format!("{} is sent anyway and cannot be set here", quoted(name)),
        Some(
            "what the grant, the client and the transport need has settings of its own".to_owned(),
        ),
    )
}

fn reserved(doc: &Doc, pointer: &str, name: &str, report: &mut Report) {
    let (message, help) = reserved_text(name);
    report.error(doc, pointer, codes::RESERVED_PARAMETER, message, help);
}

fn reserved_key(doc: &Doc, pointer: &str, name: &str, report: &mut Report) {
    let (message, help) = reserved_text(name);
    report.error_key(doc, pointer, codes::RESERVED_PARAMETER, message, help);
}

fn prefix(doc: &Doc, pointer: &str, prefix: &str, report: &mut Report) {
    if !is_header_text(prefix) {
        report.error(
            doc,
            pointer,
            codes::INVALID_VALUE,
            "a header carries printable ASCII only",
            None,
        );
    }
}

fn header_name(doc: &Doc, pointer: &str, name: &str, report: &mut Report) {
    if !is_token(name) {
        report.error(
            doc,
            pointer,
            codes::INVALID_VALUE,
            "this is no name of a header",
            Some("letters, digits and `-`, for example `X-Api-Key`".to_owned()),
        );
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fn is_header_text(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn halo_scopes(doc: &Doc, scopes: &[String], report: &mut Report) {
    const POINTER: &str = "/spec/auth/oauth2/scope";
    let reads = |scope: &String| {
        matches!(
            scope.as_str(),
            "read:customers" | "edit:customers" | "all" | "all:standard" | "admin"
        )
    };
    if !scopes.iter().any(reads) {
        report.warn_key(
            doc,
            POINTER,
            codes::SCOPE_CANNOT_READ,
            "none of these scopes lets people be read",
            Some("add `read:customers`".to_owned()),
        );
    }
    for (index, scope) in scopes.iter().enumerate() {
        let pointer = join(POINTER, &index.to_string());
        if matches!(
            scope.as_str(),
            "all" | "all:standard" | "admin" | "edit:customers"
        ) {
            report.warn(
                doc,
                &pointer,
                codes::SCOPE_TOO_WIDE,
                format!("{} allows more than reading people", quoted(scope)),
                Some("`read:customers` is enough".to_owned()),
            );
        } else if matches!(scope.as_str(), "read:users" | "read:agents" | "edit:users") {
            report.error(
                doc,
                &pointer,
                codes::UNKNOWN_SCOPE,
                format!(
                    "HaloITSM has no scope {}, and refuses every scope asked for with it",
                    quoted(scope)
                ),
                Some("`read:customers` covers people".to_owned()),
            );
        } else if !halo::SCOPES.contains(&scope.as_str()) {
            report.warn(
                doc,
                &pointer,
                codes::UNKNOWN_SCOPE,
                format!("no scope {} is known", quoted(scope)),
                did_you_mean(scope, halo::SCOPES.iter().copied()),
            );
        }
    }
}

/// An address secrets may be sent to. `query` says whether it may have a query.
pub(super) fn http_address(
    doc: &Doc,
    pointer: &str,
    setting: &Setting,
    query: bool,
    report: &mut Report,
) {
    let Setting::Literal(text) = setting else {
        return;
    };
    let example = || Some("for example `https://acme.haloitsm.example/api`".to_owned());
    let Ok(url) = Url::parse(text) else {
        report.error(
            doc,
            pointer,
            codes::BAD_URL,
            "this is not an address",
            example(),
        );
        return;
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => report.error(
            doc,
            pointer,
            codes::INSECURE_URL,
            "everything, the client secret included, would travel unprotected",
            Some("write `https://`; plain `http://` is for this machine only".to_owned()),
        ),
        other => report.error(
            doc,
            pointer,
            codes::BAD_URL,
            format!(
                "{} is not a scheme this system is reached by",
                quoted(other)
            ),
            example(),
        ),
    }
    if !url.username().is_empty() || url.password().is_some() {
        report.error(
            doc,
            pointer,
            codes::BAD_URL,
            "an address holds no user name",
            Some(
                "leave out everything before `@`, and say under `auth` how to authorise".to_owned(),
            ),
        );
    }
    if (url.query().is_some() && !query) || url.fragment().is_some() {
        report.error(
            doc,
            pointer,
            codes::BAD_URL,
            if query {
                "the address of an endpoint has no fragment"
            } else {
                "the address of a server has no query and no fragment"
            },
            Some(
                "parameters belong under `endpoints.NAME.query`, the tenant under `tenant`"
                    .to_owned(),
            ),
        );
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
