//! Logging in: the authorisation-code flow of RFC 6749 section 4.1, for native applications (RFC 8252), with PKCE
//! (RFC 7636, S256).
//!
//! Opens no browser and listens nowhere: it makes the address to open and takes the address the browser came back to.
//! Invariants: an answer counts only with the state of this login, compared without telling where it differs; the code
//! verifier never leaves this process but to the token endpoint; the login is stored before it is called done; no
//! token is shown.

use std::sync::Arc;

use oauth2::{CsrfToken, PkceCodeChallenge, TokenResponse as _};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::oauth::{Exchange, Flow, TokenFacts};
use super::settings::{Authorisation, FirstToken, Grant};
use super::store::{Holder, StoredLogin, TokenStore, blocking};
use super::{Authoriser, guard};
use crate::connector::ConnectorError;
use crate::connector::rest::http::{Trust, check_address};
use crate::connector::rest::pace::Pace;
use crate::connector::rest::{Settings, invalid};

/// Longest text of a server that is shown.
const SHOWN: usize = 300;

/// Logs in to one source.
pub struct Login {
    pace: Pace,
    flow: Flow,
    store: Arc<dyn TokenStore>,
    authorization_url: Option<Url>,
    callback_url: Url,
}

/// A login that waits for its answer.
pub struct Begun {
    /// The address to open in a browser.
    pub url: Url,
    callback_url: Url,
    state: SecretString,
    verifier: SecretString,
}

/// Why an answer is no login.
#[derive(Debug, thiserror::Error)]
pub enum LoginFailure {
    /// The state is not this login's.
    #[error(
        "the answer belongs to another login: its `state` is not the one that was sent. Nothing was stored. If you did \
         not start two logins at once, somebody may be trying to make halosync use an account of theirs"
    )]
    WrongState,
    /// The server says that it was not granted.
    #[error("{explanation} ({code}{described})")]
    Refused {
        /// The error code of RFC 6749 section 4.1.2.1.
        code: String,
        /// What the server says besides, as `: text`, fit to be shown.
        described: String,
        /// What it means.
        explanation: &'static str,
    },
    /// Neither code nor error.
    #[error(
        "the authorisation server's answer holds neither a code nor an error (RFC 6749 section 4.1.2); nothing was \
         stored. If you pasted it, take the whole address"
    )]
    Empty,
    /// A parameter is there more than once.
    #[error(
        "the answer holds `{0}` more than once, so none of them counts (RFC 6749 section 3.1). Nothing was stored; log \
         in again"
    )]
    Repeated(&'static str),
    /// Not the callback address.
    #[error("this is not the callback address {0}")]
    Elsewhere(String),
}

/// Authorises once and gives what is known of the token. A stored refresh token is replaced, as on every use.
///
/// # Errors
/// [`ConnectorError::Invalid`] when no token is used, and whatever kept one from being got.
pub async fn try_authorisation(settings: Settings) -> Result<TokenFacts, ConnectorError> {
    let pace = Pace::of(&settings);
    let trust = Trust {
        ca_pem: settings.ca_pem,
        timeout: settings.request_timeout,
    };
    let authoriser = Authoriser::new(&pace, settings.authorisation, trust)?;
    authoriser.credential(&pace, None).await?;
    authoriser
        .token()
        .ok_or_else(|| invalid(&pace.system, "auth", "uses no access token"))
}

impl Login {
    /// Prepares a login; nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectorError::Invalid`] when the source is not logged in to, or for settings no request can be made of.
    pub fn new(settings: Settings) -> Result<Self, ConnectorError> {
        let pace = Pace::of(&settings);
        let no_login = || invalid(&pace.system, "grant", "is not `authorizationCode`");
        let trust = Trust {
            ca_pem: settings.ca_pem,
            timeout: settings.request_timeout,
        };
        guard(&pace, &settings.authorisation)?;
        let Authorisation::OAuth(oauth) = settings.authorisation else {
            return Err(no_login());
        };
        let Grant::Refresh {
            store,
            first:
                FirstToken::Login {
                    authorization_url,
                    callback_url,
                },
        } = &oauth.grant
        else {
            return Err(no_login());
        };
        let (store, callback_url) = (Arc::clone(store), callback_url.clone());
        let authorization_url = authorization_url.clone();
        Ok(Self {
            flow: Flow::new(&pace.system, *oauth, trust)?,
            pace,
            store,
            authorization_url,
            callback_url,
        })
    }

    /// Where the browser will be sent.
    pub fn callback_url(&self) -> &Url {
        &self.callback_url
    }

    /// Where the login will be kept.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// Begins. `callback_url` is the configured one, with the port that is listened on.
    ///
    /// # Errors
    /// What kept the server's addresses from being known, or a store that could not be written afterwards.
    pub async fn begin(&self, callback_url: Url) -> Result<Begun, ConnectorError> {
        blocking(&self.store, |store| store.check())
            .await
            .map_err(|error| error.of(&self.pace.system, "the login could not be kept: "))?;
        let endpoint = self.flow.endpoint(&self.pace).await?;
        let Some(mut url) = self
            .authorization_url
            .clone()
            .or_else(|| endpoint.authorization_url.clone())
        else {
            return Err(invalid(&self.pace.system, "authorizationUrl", "is missing"));
        };
        check_address(&self.pace.system, "authorizationUrl", &url)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        // 256 bits; RFC 6749 section 10.10 wants 128 at least.
        let state = CsrfToken::new_random_len(32);
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", self.flow.settings.client_id.expose_secret())
                .append_pair("redirect_uri", callback_url.as_str())
                .append_pair("state", state.secret())
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", "S256");
            if !self.flow.settings.scope.is_empty() {
                query.append_pair("scope", &self.flow.settings.scope.join(" "));
            }
            // Without it OpenID providers give no refresh token (OpenID Connect Core section 11).
            if self
                .flow
                .settings
                .scope
                .iter()
                .any(|scope| scope == "offline_access")
            {
                query.append_pair("prompt", "consent");
            }
        }
        Ok(Begun {
            url,
            callback_url,
            state: SecretString::from(state.secret().to_owned()),
            verifier: SecretString::from(verifier.secret().to_owned()),
        })
    }

    /// Turns the code into tokens, stores the refresh token, and gives what is known of the access token.
    ///
    /// # Errors
    /// When the server refuses the code or gives no refresh token, or when the login cannot be stored.
    pub async fn finish(
        &self,
        begun: &Begun,
        code: &SecretString,
    ) -> Result<TokenFacts, ConnectorError> {
        let pace = &self.pace;
        let endpoint = self.flow.endpoint(pace).await?;
        pace.redactor.guard(code.clone());
        pace.redactor.guard(begun.verifier.clone());
        let unavailable = |message: String| ConnectorError::Unavailable {
            system: pace.system.clone(),
            message,
        };
        let store = &self.store;
        let _alone = blocking(store, |store| store.lock())
            .await
            .map_err(|error| error.of(&pace.system, ""))?;
        let exchange = Exchange::Code {
            code,
            verifier: &begun.verifier,
            callback_url: &begun.callback_url,
        };
        let answer = self.flow.patiently(pace, endpoint, &exchange).await?;
        self.flow.accept(pace, &answer, 1)?;
        let Some(token) = answer.refresh_token() else {
            return Err(ConnectorError::Denied {
                system: pace.system.clone(),
                message: "the server let you in and gave no refresh token, so nothing can be kept for later runs; add \
                          the scope `offline_access`, or let the application use refresh tokens"
                    .to_owned(),
            });
        };
        let token = SecretString::from(token.secret().to_owned());
        let holder = Holder::new(&endpoint.url, &self.flow.settings.client_id);
        let login = StoredLogin::new(&holder, &token, None, (pace.clock)());
        self.flow.keep(store, &login).await.map_err(|error| {
            error.of(
                &pace.system,
                "the server let you in, and the login could not be kept, so log in again: ",
            )
        })?;
        self.flow
            .facts()
            .ok_or_else(|| unavailable("the server gave no token".to_owned()))
    }
}

impl std::fmt::Debug for Login {
    /// Shows which system, and no setting: some are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("system", &self.pace.system)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl Begun {
    /// The callback address, as the server was told.
    pub fn callback_url(&self) -> &Url {
        &self.callback_url
    }

    /// The code in the address the browser came back to.
    ///
    /// # Errors
    /// See [`LoginFailure`].
    pub fn code(&self, answer: &Url) -> Result<SecretString, LoginFailure> {
        let same = answer.scheme() == self.callback_url.scheme()
            && answer.host() == self.callback_url.host()
            && answer.port_or_known_default() == self.callback_url.port_or_known_default()
            && answer.path() == self.callback_url.path();
        if !same {
            let mut shown = self.callback_url.clone();
            shown.set_query(None);
            return Err(LoginFailure::Elsewhere(shown.to_string()));
        }
        // Of a parameter given twice neither counts (RFC 6749 section 3.1).
        for name in ["state", "code", "error"] {
            if answer
                .query_pairs()
                .filter(|(found, _)| found == name)
                .nth(1)
                .is_some()
            {
                return Err(LoginFailure::Repeated(name));
            }
        }
        let one = |name: &str| {
            let mut values = answer.query_pairs().filter(|(found, _)| found == name);
            match (values.next(), values.next()) {
                (Some((_, value)), None) if !value.is_empty() => Some(value.into_owned()),
                _ => None,
            }
        };
        let state = one("state").unwrap_or_default();
        if !same_secret(state.as_bytes(), self.state.expose_secret().as_bytes()) {
            return Err(LoginFailure::WrongState);
        }
        if let Some(code) = one("error") {
            let described = one("error_description")
                .map_or_else(String::new, |text| format!(": {}", shown(&text)));
            return Err(LoginFailure::Refused {
                explanation: explanation(&code),
                code: shown(&code),
                described,
            });
        }
        one("code")
            .map(SecretString::from)
            .ok_or(LoginFailure::Empty)
    }
}

/// Compares in a time that depends on the lengths alone.
fn same_secret(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

/// Text of a server in one short line of printable ASCII (RFC 6749 allows nothing else here).
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                ' '
            }
        })
        .take(SHOWN)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6.
fn explanation(code: &str) -> &'static str {
    match code {
        "access_denied" => "the login was cancelled, or access was denied",
        "invalid_request" => "the server did not understand the request",
        "unauthorized_client" => {
            "the application may not log people in: allow it the authorisation code grant"
        }
        "unsupported_response_type" => "the server knows no authorisation codes",
        "invalid_scope" => "a scope is unknown, or not granted to the application",
        "server_error" => "the server is in trouble",
        "temporarily_unavailable" => "the server is busy or being worked on; try again later",
        "login_required" | "interaction_required" | "consent_required" => {
            "the server wants somebody to log in and agree"
        }
        _ => "the server refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Begun {
        Begun {
            url: Url::parse("https://login.example.test/authorize").unwrap(),
            callback_url: Url::parse("http://127.0.0.1:8765/callback").unwrap(),
            state: SecretString::from("St4te".to_owned()),
            verifier: SecretString::from("v".to_owned()),
        }
    }

    fn answer(query: &str) -> Result<SecretString, LoginFailure> {
        let url = format!("http://127.0.0.1:8765/callback?{query}");
        begun().code(&Url::parse(&url).unwrap())
    }

    #[test]
    fn a_code_counts_with_the_right_state_only() {
        assert_eq!(answer("code=c1&state=St4te").unwrap().expose_secret(), "c1");
        for query in [
            "code=c1",
            "code=c1&state=",
            "code=c1&state=St4tf",
            "code=c1&state=St4te1",
            "error=access_denied&state=other",
        ] {
            let failure = answer(query).unwrap_err();
            assert!(
                matches!(failure, LoginFailure::WrongState),
                "{query}: {failure}"
            );
        }
        for query in ["state=St4te", "state=St4te&code="] {
            assert!(matches!(answer(query), Err(LoginFailure::Empty)), "{query}");
        }
        for (query, twice) in [
            ("state=St4te&code=a&code=b", "code"),
            ("code=c1&state=St4te&state=St4te", "state"),
            ("code=c1&state=other&state=St4te", "state"),
            ("state=St4te&error=access_denied&error=x", "error"),
        ] {
            let failure = answer(query).unwrap_err();
            assert!(
                matches!(failure, LoginFailure::Repeated(name) if name == twice),
                "{query}: {failure}"
            );
        }
    }

    #[test]
    fn an_answer_counts_at_the_callback_address_only() {
        for url in [
            "http://127.0.0.1:8765/other?code=c&state=St4te",
            "http://127.0.0.1:1/callback?code=c&state=St4te",
            "https://127.0.0.1:8765/callback?code=c&state=St4te",
            "http://example.com:8765/callback?code=c&state=St4te",
        ] {
            let failure = begun().code(&Url::parse(url).unwrap()).unwrap_err();
            assert!(matches!(failure, LoginFailure::Elsewhere(_)), "{url}");
            assert!(!failure.to_string().contains("code="), "{failure}");
        }
    }

    #[test]
    fn refusals_are_explained_and_tamed() {
        let failure =
            answer("state=St4te&error=access_denied&error_description=no%0Away%1b%5b31m%e2%80%ae")
                .unwrap_err()
                .to_string();
        assert_eq!(
            failure,
            "the login was cancelled, or access was denied (access_denied: no way [31m)"
        );
    }
}
