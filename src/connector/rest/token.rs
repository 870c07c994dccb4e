//! The access token: OAuth 2.0 client credentials (RFC 6749 section 4.4), one token for the whole process.
//!
//! Invariants: at most one token request at a time and one live token, because a new token may end the old one;
//! renewed before it expires, and once when the API refuses it; neither token nor secret is ever shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::http::{Answer, NoAnswer, send};
use super::message::{is_html, message_in};
use super::reader::Reader;
use super::retry::{Attempts, Failure};
use crate::connector::ConnectorError;

/// A token is given up this long before it ends.
const EARLY: Duration = Duration::from_mins(1);
/// Life of a token whose answer names none; HaloITSM's are good for an hour.
const USUAL_LIFE: Duration = Duration::from_hours(1);
/// Token answers are small.
const LARGEST_ANSWER: usize = 1 << 20;

const WRONG_TENANT: &str = "HaloITSM answers like this to a wrong tenant: compare with Configuration > Integrations > Halo API, \
     and leave the tenant out for a self-hosted instance";
const NOT_AUTHORISATION: &str = "is this the authorisation server under Configuration > Integrations > Halo API (it usually ends in /auth)?";

/// A live token.
#[derive(Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked sensitive so that nothing prints it.
    pub(super) header: HeaderValue,
    /// Counts the tokens of this process, to tell which one was refused.
    pub(super) generation: u64,
    good_until: Duration,
}

impl Token {
    /// Whether it is far enough from its end at this moment.
    pub(super) fn is_good(&self, now: Duration) -> bool {
        now < self.good_until
    }
}

/// The current token, if any, and what is needed to get one.
pub(super) struct TokenStore {
    http: reqwest::Client,
    url: TokenUrl,
    client_id: SecretString,
    client_secret: SecretString,
    scope: Vec<Scope>,
    /// Held while a token is fetched: whoever comes meanwhile waits for that one.
    current: tokio::sync::Mutex<Option<Token>>,
}

impl TokenStore {
    pub(super) fn new(
        http: reqwest::Client,
        url: Url,
        client_id: SecretString,
        client_secret: SecretString,
        scope: &[String],
    ) -> Self {
        Self {
            http,
            url: TokenUrl::from_url(url),
            client_id,
            client_secret,
            scope: scope.iter().cloned().map(Scope::new).collect(),
            current: tokio::sync::Mutex::new(None),
        }
    }
}

/// The token endpoint: `/token` below the authorisation server, with the tenant as query parameter.
pub(super) fn token_url(authorisation_server: &Url, tenant: Option<&str>) -> Url {
    let mut url = authorisation_server.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    // Some pages show the whole address of the endpoint.
    if !path.to_ascii_lowercase().ends_with("/token") {
        url.set_path(&format!("{path}/token"));
    }
    if let Some(tenant) = tenant.filter(|tenant| !tenant.trim().is_empty()) {
        url.query_pairs_mut().append_pair("tenant", tenant);
    }
    url
}

impl Reader {
    /// A token that is not about to end and is not of the refused generation.
    pub(super) async fn token(&self, refused: Option<u64>) -> Result<Token, ConnectorError> {
        let mut current = self.tokens.current.lock().await;
        if let Some(token) = current.as_ref()
            && refused != Some(token.generation)
            && token.is_good(self.time.now())
        {
            return Ok(token.clone());
        }
        let generation = current.as_ref().map_or(0, |token| token.generation) + 1;
        // Whatever happens next, the old one is of no more use.
        *current = None;
        let mut attempts = Attempts::new(self.patience);
        loop {
            let outcome = {
                let _permit = self.permit().await;
                self.count_request()?;
                self.fetch_token(generation).await
            };
            match outcome {
                Ok(token) => {
                    tracing::debug!(system = %self.system, generation, "got an access token");
                    *current = Some(token.clone());
                    return Ok(token);
                }
                Err(failure) => self.wait_or_fail(&mut attempts, failure).await?,
            }
        }
    }

    async fn fetch_token(&self, generation: u64) -> Result<Token, Failure> {
        let store = &self.tokens;
        let client = BasicClient::new(ClientId::new(store.client_id.expose_secret().to_owned()))
            .set_client_secret(ClientSecret::new(
                store.client_secret.expose_secret().to_owned(),
            ))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(store.url.clone());
        // `oauth2` keeps neither status nor headers of an answer it does not like.
        let seen: Arc<Mutex<Option<Answer>>> = Arc::default();
        let transport = |request: HttpRequest| {
            let http = store.http.clone();
            let seen = Arc::clone(&seen);
            async move {
                let request = reqwest::Request::try_from(request)
                    .map_err(|error| NoAnswer::Broken(error.to_string()))?;
                let answer = send(&http, request, LARGEST_ANSWER).await?;
                let mut response = HttpResponse::new(answer.body.clone());
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers.clone();
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                Ok::<_, NoAnswer>(response)
            }
        };
        let outcome = client
            .exchange_client_credentials()
            .add_scopes(store.scope.iter().cloned())
            .request_async(&transport)
            .await;
        match outcome {
            Ok(answer) => {
                let secret = answer.access_token().secret();
                self.redactor.learn(SecretString::from(secret.to_owned()));
                let mut header =
                    HeaderValue::from_str(&format!("Bearer {secret}")).map_err(|_error| {
                        self.garbled_token("the access token holds characters no header can carry")
                    })?;
                header.set_sensitive(true);
                let life = answer.expires_in().unwrap_or(USUAL_LIFE);
                // A very short life must not make every request fetch its own token.
                let early = EARLY.min(life / 2);
                Ok(Token {
                    header,
                    generation,
                    good_until: self.time.now() + (life - early),
                })
            }
            Err(RequestTokenError::Request(error)) => {
                Err(self.no_answer(&error, NOT_AUTHORISATION))
            }
            Err(error) => {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(match seen {
                    Some(answer) if answer.status != StatusCode::OK => self.refusal(&answer),
                    Some(answer) if is_html(&answer.body) => self.garbled_token(&format!(
                        "the token endpoint gave {}",
                        self.redactor.line(&message_in(&answer.body))
                    )),
                    // The body is not shown: it may hold a token in some shape of its own.
                    Some(_) => self.garbled_token(&match error {
                        RequestTokenError::Parse(error, _) => {
                            format!(
                                "the token endpoint gave no token: {}",
                                self.redactor.line(&error.to_string())
                            )
                        }
                        _ => "the token endpoint gave something that is not JSON".to_owned(),
                    }),
                    None => self.garbled_token("the token request could not be made"),
                })
            }
        }
    }

    fn garbled_token(&self, message: &str) -> Failure {
        Failure::Garbled {
            message: message.to_owned(),
            hint: NOT_AUTHORISATION,
        }
    }

    /// What a status other than 200 from the token endpoint means.
    fn refusal(&self, answer: &Answer) -> Failure {
        let said = self.redactor.line(&message_in(&answer.body));
        let status = answer.status.as_u16();
        let told = format!("the token endpoint gave status {status}: {said}");
        let system = self.system.clone();
        let after = |headers: &HeaderMap| self.retry_after(headers);
        let code = oauth_error(&answer.body);
        match (status, code.as_deref()) {
            (429, _) => Failure::Throttled {
                after: after(&answer.headers),
                message: said,
            },
            (_, Some("invalid_client")) => Failure::Final(ConnectorError::Denied {
                system,
                message: format!(
                    "{told}; the client ID or the client secret is wrong, or the application is not registered for \
                     \"Client ID and Secret (Services)\""
                ),
            }),
            (_, Some("invalid_scope")) => Failure::Final(ConnectorError::Denied {
                system,
                message: format!(
                    "{told}; a scope is unknown or not granted to the application. There is no read:users: reading \
                     people needs read:customers"
                ),
            }),
            // A wrong tenant stays wrong; two more attempts tell it from a server in trouble.
            (500, _) => Failure::Flaky {
                after: after(&answer.headers),
                message: told,
                hint: WRONG_TENANT,
                retries: 2,
            },
            (502..=504, _) => Failure::Flaky {
                after: after(&answer.headers),
                message: told,
                hint: "",
                retries: 5,
            },
            (400 | 401 | 403, _) => Failure::Final(ConnectorError::Denied {
                system,
                message: format!("{told}; check the client ID, the client secret and the tenant"),
            }),
            (300..=399, _) => Failure::Final(ConnectorError::Unavailable {
                system,
                message: format!(
                    "the token endpoint sends us to {}; a client secret is not sent on: set the authorisation \
                     server to where it is",
                    self.redirect_target(&answer.headers)
                ),
            }),
            _ => Failure::Final(ConnectorError::Unavailable {
                system,
                message: format!("{told}; {NOT_AUTHORISATION}"),
            }),
        }
    }
}

fn oauth_error(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("error")?.as_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_endpoint_lies_below_the_authorisation_server() {
        for (server, tenant, expected) in [
            (
                "https://acme.haloitsm.example/auth",
                Some("acme"),
                "https://acme.haloitsm.example/auth/token?tenant=acme",
            ),
            (
                "https://acme.haloitsm.example/auth/",
                None,
                "https://acme.haloitsm.example/auth/token",
            ),
            (
                "https://auth.halo.example",
                Some("a&b"),
                "https://auth.halo.example/token?tenant=a%26b",
            ),
            (
                "https://acme.haloitsm.example/auth/Token",
                Some("  "),
                "https://acme.haloitsm.example/auth/Token",
            ),
        ] {
            let url = token_url(&Url::parse(server).unwrap(), tenant);
            assert_eq!(url.as_str(), expected);
        }
    }
}
