//! Authorisation: what a request must carry so that the source lets it through.
//!
//! Whoever sends requests asks the [`Authoriser`] for a [`Credential`], puts it on the request, and asks once more when
//! the source answers 401. Knows nothing of pages and rows. Invariants: one credential for the whole process, since a
//! new token may end the old one; nothing secret is ever shown, and the redactor knows all of it before the first
//! request; a credential goes to the configured servers and nowhere else.

mod discover;
mod endpoint;
mod login;
mod oauth;
mod refresh;
mod refusal;
mod settings;
mod store;

use std::time::Duration;

use base64::Engine as _;
use http::{HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

pub use self::login::{Begun, Login, LoginFailure, try_authorisation};
use self::oauth::Flow;
pub use self::oauth::TokenFacts;
pub use self::settings::{
    Authorisation, AuthorisationServer, ClientAuthentication, FirstToken, Grant, KeyPlace, OAuth,
    TokenRequest,
};
pub use self::store::{StoreError, TokenStore};
use super::http::Trust;
use super::invalid;
use super::pace::Pace;
use crate::connector::ConnectorError;

/// What a request must carry.
#[derive(Clone)]
pub(super) struct Credential {
    /// Marked sensitive, so that nothing prints it.
    header: Option<(HeaderName, HeaderValue)>,
    query: Option<(String, SecretString)>,
    /// Counts the credentials of this process, to tell which one was refused.
    pub(super) generation: u64,
    good_until: Option<Duration>,
}

impl Credential {
    fn fixed() -> Self {
        Self {
            header: None,
            query: None,
            generation: 0,
            good_until: None,
        }
    }

    /// Whether it is far enough from its end at this moment.
    pub(super) fn is_good(&self, now: Duration) -> bool {
        self.good_until.is_none_or(|until| now < until)
    }

    /// Puts it on a request.
    pub(super) fn put_on(&self, request: &mut reqwest::Request) {
        if let Some((name, value)) = &self.header {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        if let Some((name, value)) = &self.query {
            request
                .url_mut()
                .query_pairs_mut()
                .append_pair(name, value.expose_secret());
        }
    }
}

/// Gives the credential requests need now.
pub(super) struct Authoriser {
    method: Method,
}

enum Method {
    /// The same for every request; `None` when there is nothing to carry.
    Fixed {
        credential: Credential,
        /// What to look at when it is refused.
        hint: &'static str,
    },
    OAuth(Box<Flow>),
}

impl Authoriser {
    /// Prepares authorisation; nothing is sent yet. The redactor of `pace` learns every secret.
    ///
    /// # Errors
    /// [`ConnectorError::Invalid`] for an empty credential, one no request can carry, or an address that would give it
    /// away.
    pub(super) fn new(
        pace: &Pace,
        authorisation: Authorisation,
        trust: Trust,
    ) -> Result<Self, ConnectorError> {
        guard(pace, &authorisation)?;
        let fixed = |credential: Credential, hint: &'static str| Method::Fixed { credential, hint };
        let method = match authorisation {
            Authorisation::None => fixed(
                Credential::fixed(),
                "the source wants authorisation; say under `auth` of the source how",
            ),
            Authorisation::ApiKey { name, value, place } => {
                let mut credential = Credential::fixed();
                match place {
                    KeyPlace::Header => {
                        let name = HeaderName::try_from(name.as_str())
                            .map_err(|_| invalid(&pace.system, "name", "is no name of a header"))?;
                        let value = sensitive(&pace.system, "value", value.expose_secret())?;
                        credential.header = Some((name, value));
                    }
                    KeyPlace::Query => credential.query = Some((name, value)),
                }
                fixed(
                    credential,
                    "the key is wrong or was withdrawn, or belongs in another header or parameter",
                )
            }
            Authorisation::Basic { username, password } => {
                if username.expose_secret().contains(':') {
                    // RFC 7617 section 2: the server would take the rest for the password.
                    return Err(invalid(&pace.system, "username", "must not contain `:`"));
                }
                let pair = format!("{}:{}", username.expose_secret(), password.expose_secret());
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                let mut credential = Credential::fixed();
                let value = sensitive(&pace.system, "password", &format!("Basic {encoded}"))?;
                credential.header = Some((header::AUTHORIZATION, value));
                fixed(credential, "the user name or the password is wrong")
            }
            Authorisation::Bearer { token, prefix } => {
                let mut credential = Credential::fixed();
                let value = prefixed(&prefix, token.expose_secret());
                let value = sensitive(&pace.system, "token", &value)?;
                credential.header = Some((header::AUTHORIZATION, value));
                fixed(
                    credential,
                    "the token is wrong, has expired, or was withdrawn",
                )
            }
            Authorisation::OAuth(settings) => {
                Method::OAuth(Box::new(Flow::new(&pace.system, *settings, trust)?))
            }
        };
        Ok(Self { method })
    }

    /// What requests need now: good for some time yet, and not of the refused generation.
    ///
    /// # Errors
    /// What kept a token from being got.
    pub(super) async fn credential(
        &self,
        pace: &Pace,
        refused: Option<u64>,
    ) -> Result<Credential, ConnectorError> {
        match &self.method {
            Method::Fixed { credential, .. } => Ok(credential.clone()),
            Method::OAuth(flow) => flow.credential(pace, refused).await,
        }
    }

    /// What is known of the latest access token; `None` without one.
    pub(super) fn token(&self) -> Option<TokenFacts> {
        match &self.method {
            Method::Fixed { .. } => None,
            Method::OAuth(flow) => flow.facts(),
        }
    }

    /// Whether a refused credential can be replaced by a fresh one.
    pub(super) fn renews(&self) -> bool {
        matches!(self.method, Method::OAuth(_))
    }

    /// What it means that the source refused a credential that is as fresh as can be.
    pub(super) fn refused(&self, system: &str, said: &str) -> ConnectorError {
        let message = match &self.method {
            Method::Fixed { hint, .. } => format!("status 401: {said}; {hint}"),
            Method::OAuth(_) => format!(
                "a fresh access token was refused: {said}; do the resource server and the authorisation server belong \
                 to the same instance?"
            ),
        };
        ConnectorError::Denied {
            system: system.to_owned(),
            message,
        }
    }
}

/// Additions to token requests that are shorter may be a word that stands in people's data.
const SHORTEST_ADDITION: usize = 8;

/// Makes every secret known to the redactor of `pace`.
fn guard(pace: &Pace, authorisation: &Authorisation) -> Result<(), ConnectorError> {
    for (field, secret) in authorisation.secrets() {
        if secret.expose_secret().trim().is_empty() {
            return Err(invalid(&pace.system, field, "is empty"));
        }
        // Neither is to be shown, but people may bear such a name, and an addition may be any word.
        let word = field == "tokenRequest" && secret.expose_secret().len() < SHORTEST_ADDITION;
        if word || matches!(field, "clientId" | "username") {
            pace.redactor.learn(secret.clone());
        } else {
            pace.redactor.guard(secret.clone());
        }
    }
    // The pair as it stands in a header (RFC 7617 section 2; for clients RFC 6749 section 2.3.1 encodes both first).
    let pair = |name: &str, password: &str| {
        let pair = format!("{name}:{password}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&pair);
        pace.redactor.guard(SecretString::from(pair));
        pace.redactor.guard(SecretString::from(encoded));
    };
    match authorisation {
        Authorisation::Basic { username, password } => {
            pair(username.expose_secret(), password.expose_secret());
        }
        Authorisation::OAuth(oauth) => {
            if let Some(secret) = &oauth.client_secret {
                let (id, secret) = (oauth.client_id.expose_secret(), secret.expose_secret());
                let encoded = |text: &str| -> String {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                pair(id, secret);
                pair(&encoded(id), &encoded(secret));
            }
        }
        Authorisation::None | Authorisation::ApiKey { .. } | Authorisation::Bearer { .. } => {}
    }
    Ok(())
}

/// A token with the word before it.
fn prefixed(prefix: &str, token: &str) -> String {
    match prefix.trim() {
        "" => token.to_owned(),
        prefix => format!("{prefix} {token}"),
    }
}

/// A header's value that nothing prints.
fn sensitive(system: &str, field: &str, value: &str) -> Result<HeaderValue, ConnectorError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| invalid(system, field, "holds characters no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_after_its_prefix_or_alone() {
        assert_eq!(prefixed("Bearer", "t"), "Bearer t");
        assert_eq!(prefixed("Token token=", "t"), "Token token= t");
        assert_eq!(prefixed("  ", "t"), "t");
    }

    #[test]
    fn a_header_that_is_a_secret_is_not_shown() {
        let value = sensitive("s", "token", "Bearer c4nary").unwrap();
        assert_eq!(format!("{value:?}"), "Sensitive");
        let error = sensitive("s", "token", "c4\nnary").unwrap_err().to_string();
        assert!(!error.contains("nary"), "{error}");
    }
}
