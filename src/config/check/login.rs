//! What a grant wants and has no use for, and what a login needs: a callback address and a place to keep it.
//!
//! Invariant: of a grant nobody can tell nothing follows.

use url::{Host, Url};

use super::Report;
use super::auth::{OAUTH, http_address, is_halo, is_loopback};
use super::source::not_empty;
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::{Grant, OAuth2, Setting, Source, TokenStore};
use crate::config::yaml::{Doc, join};

const EXAMPLE: &str = "http://127.0.0.1:8765/callback";

pub(super) fn check(doc: &Doc, spec: &Source, oauth2: &OAuth2, report: &mut Report) {
    // What a grant wants is not said of one that is misspelt.
    if !doc.is_broken(&format!("{OAUTH}/grant")) {
        wanted(doc, spec, oauth2, report);
    }
    values(doc, oauth2, report);
}

/// What a grant needs and has no use for.
fn wanted(doc: &Doc, spec: &Source, oauth2: &OAuth2, report: &mut Report) {
    let needed = |name: &str, given: bool, why: &str, report: &mut Report| {
        if !given {
            report.error_key(
                doc,
                OAUTH,
                codes::MISSING_FIELD,
                format!("{} is missing", quoted(name)),
                Some(format!("{name}: {why}")),
            );
        }
    };
    if oauth2.grant == Grant::ClientCredentials {
        needed(
            "clientSecret",
            oauth2.client_secret.is_some(),
            "without a user, the secret is all that authorises the application",
            report,
        );
    }
    for (name, given) in [
        ("username", oauth2.username.is_some()),
        ("password", oauth2.password.is_some()),
    ] {
        if oauth2.grant == Grant::Password {
            needed(name, given, "the grant `password` sends it", report);
        } else if given {
            unused(doc, name, report);
        }
    }
    stored_login(doc, spec, oauth2, report);
}

/// What a refresh token needs, and no other grant may have.
fn stored_login(doc: &Doc, spec: &Source, oauth2: &OAuth2, report: &mut Report) {
    let at = |name: &str| format!("{OAUTH}/{name}");
    let code = oauth2.grant == Grant::AuthorizationCode;
    let refresh = oauth2.grant == Grant::RefreshToken;
    let settings = [
        (
            "callbackUrl",
            oauth2.callback_url.is_some(),
            code,
            "Where the browser is sent after logging in, for example `http://127.0.0.1:8765/callback`",
        ),
        (
            "tokenStore",
            oauth2.token_store.is_some(),
            code || refresh,
            "Where the refresh token is kept: `keyring: {}`, or `file` with `path` and `identity`",
        ),
    ];
    for (name, given, wanted, help) in settings {
        if wanted && !given {
            report.error_key(
                doc,
                &at("grant"),
                codes::MISSING_FIELD,
                format!("{} is missing", quoted(name)),
                Some(format!("{name}: {help}")),
            );
        }
        if given && !wanted {
            unused(doc, name, report);
        }
    }
    for (name, given, wanted) in [
        ("authorizationUrl", oauth2.authorization_url.is_some(), code),
        ("refreshToken", oauth2.refresh_token.is_some(), refresh),
    ] {
        if given && !wanted {
            unused(doc, name, report);
        }
    }
    if code
        && oauth2.token_url.is_some()
        && oauth2.authorization_url.is_none()
        && spec.authorisation_server.is_none()
        && spec.instance.is_none()
    {
        report.error_key(
            doc,
            OAUTH,
            codes::MISSING_FIELD,
            format!("{} is missing", quoted("authorizationUrl")),
            Some("authorizationUrl: Address people log in at".to_owned()),
        );
    }
    // OpenID Connect Core section 11: without it there is no refresh token, as a rule.
    if code
        && let Some(scope) = &oauth2.scope
        && is_halo(spec)
        && !scope.iter().any(|scope| scope == "offline_access")
    {
        report.warn_key(
            doc,
            &at("scope"),
            codes::NO_REFRESH_TOKEN,
            "HaloITSM gives a refresh token only with the scope `offline_access`",
            Some("add `offline_access`, or somebody has to log in before every run".to_owned()),
        );
    }
}

/// What is wrong with settings whatever the grant.
fn values(doc: &Doc, oauth2: &OAuth2, report: &mut Report) {
    let at = |name: &str| format!("{OAUTH}/{name}");
    if let Some(setting) = &oauth2.authorization_url {
        http_address(doc, &at("authorizationUrl"), setting, true, report);
    }
    if let Some(setting) = &oauth2.callback_url {
        callback_address(doc, &at("callbackUrl"), setting, report);
    }
    if let Some(TokenStore::File(file)) = &oauth2.token_store {
        let pointer = at("tokenStore/file");
        not_empty(doc, &join(&pointer, "path"), &file.path, report);
        for (index, recipient) in file.recipients.iter().enumerate() {
            if let Err(why) = recipient.parse::<age::x25519::Recipient>() {
                report.error(
                    doc,
                    &join(&join(&pointer, "recipients"), &index.to_string()),
                    codes::BAD_RECIPIENT,
                    format!("not an age public key: {why}"),
                    Some("write what `age-keygen` prints as public key: `age1…`".to_owned()),
                );
            }
        }
    }
}

fn unused(doc: &Doc, name: &str, report: &mut Report) {
    report.error_key(
        doc,
        &format!("{OAUTH}/{name}"),
        codes::AUTH_MISMATCH,
        format!("this grant has no use for {}", quoted(name)),
        Some("remove it, or choose the grant it belongs to".to_owned()),
    );
}

/// What keeps an address from being one the browser can be sent back to: what is wrong, and the way out.
pub(crate) fn callback_fault(url: &Url) -> Option<(&'static str, String, String)> {
    let write = |what: &str| format!("{what}, for example `{EXAMPLE}`, and register it as written");
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Some((
            codes::BAD_URL,
            format!(
                "{} is not where a browser can be sent",
                quoted(url.scheme())
            ),
            write("write an `http` address of this machine"),
        ));
    }
    if url.fragment().is_some() {
        return Some((
            codes::BAD_URL,
            "a callback address has no fragment (RFC 6749 section 3.1.2)".to_owned(),
            write("leave out everything from `#` on"),
        ));
    }
    if url.query().is_some() {
        return Some((
            codes::BAD_URL,
            "this callback address has a query; the answer of the authorisation server stands there".to_owned(),
            write("leave out everything from `?` on"),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some((
            codes::BAD_URL,
            "a callback address has neither user name nor password".to_owned(),
            write("leave out everything before `@`"),
        ));
    }
    let everywhere = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_unspecified(),
        _ => false,
    };
    if everywhere {
        return Some((
            codes::BAD_URL,
            "this stands for every address of a machine and is none a browser can be sent to"
                .to_owned(),
            write("write `127.0.0.1` (or `[::1]`)"),
        ));
    }
    if url.scheme() == "http" && !is_loopback(url) {
        return Some((
            codes::INSECURE_URL,
            "the answer of the authorisation server would travel unprotected to another machine"
                .to_owned(),
            format!(
                "write an address of this machine, for example `{EXAMPLE}`, where `halosync login` listens; or an \
                 `https` one, for `halosync login --paste`"
            ),
        ));
    }
    None
}

fn callback_address(doc: &Doc, pointer: &str, setting: &Setting, report: &mut Report) {
    let Setting::Literal(text) = setting else {
        return;
    };
    match Url::parse(text) {
        Err(_) => report.error(
            doc,
            pointer,
            codes::BAD_URL,
            "this is not an address",
            Some(format!("for example `{EXAMPLE}`")),
        ),
        Ok(url) => {
            if let Some((code, message, help)) = callback_fault(&url) {
                report.error(doc, pointer, code, message, Some(help));
            }
        }
    }
}
