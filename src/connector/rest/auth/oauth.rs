//! The access token: OAuth 2.0 (RFC 6749), one token for the whole process.
//!
//! Invariants: at most one token request at a time and one live token, because a new token may end the old one;
//! renewed before it expires, and once when the API refuses it; neither token nor secret is ever shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode, header};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, Scope, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::discover::ask_instance;
use super::endpoint::TokenEndpoint;
use super::refusal::{Refused, oauth_error};
use super::settings::{AuthorisationServer, ClientAuthentication, Grant, OAuth, TokenRequest};
use super::{Credential, prefixed, sensitive};
use crate::connector::ConnectorError;
use crate::connector::rest::http::{Answer, NoAnswer, Trust, check_address, send};
use crate::connector::rest::invalid;
use crate::connector::rest::message::{is_html, message_in};
use crate::connector::rest::pace::Pace;
use crate::connector::rest::probe::claimed_scope;
use crate::connector::rest::retry::Failure;

/// A token is given up this long before it ends.
const EARLY: Duration = Duration::from_mins(1);
/// Life of a token whose answer names none; HaloITSM's are good for an hour.
const USUAL_LIFE: Duration = Duration::from_hours(1);
/// Token answers are small.
const LARGEST_ANSWER: usize = 1 << 20;

/// Longest scope that is shown. Some are addresses.
const LONGEST_SCOPE: usize = 200;
/// As many scopes as are shown.
const MOST_SCOPES: usize = 200;
/// Stands for what a server gave as scopes and is not fit to be shown.
const NOT_SHOWN: &str = "(something that is no scope)";

/// What the token endpoint said about the token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Life of the access token; `None` when the server names none.
    pub life: Option<Duration>,
    /// Scopes asked for.
    pub asked: Vec<String>,
    /// Scopes granted; `None` when the server says nothing about them, which means those asked for (RFC 6749 section
    /// 5.1).
    pub granted: Option<Vec<String>>,
    /// Scopes the token itself claims, when it is a JWT that does (RFC 9068 section 2.2.3).
    pub claimed: Option<Vec<String>>,
}

/// The current token, if any, and what is needed to get one.
pub(super) struct Flow {
    pub(super) settings: OAuth,
    extra: Arc<Extra>,
    trust: Trust,
    endpoint: tokio::sync::OnceCell<TokenEndpoint>,
    /// Held while a token is fetched: whoever comes meanwhile waits for that one.
    current: tokio::sync::Mutex<Option<Credential>>,
    facts: Mutex<Option<TokenFacts>>,
}

/// What a token request gives for the token.
pub(super) enum Exchange<'a> {
    ClientCredentials,
    Password {
        username: &'a SecretString,
        password: &'a SecretString,
    },
    Refresh(&'a SecretString),
    Code {
        code: &'a SecretString,
        verifier: &'a SecretString,
        callback_url: &'a Url,
    },
}

/// What one attempt tells besides its outcome.
#[derive(Default)]
struct Told {
    code: Option<String>,
    unanswered: bool,
}

/// What every token request carries besides, ready to be put on.
struct Extra {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, SecretString)>,
    body: Vec<(String, SecretString)>,
}

type TokenClient =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl Extra {
    fn new(system: &str, request: &mut TokenRequest) -> Result<Self, ConnectorError> {
        let mut headers = Vec::new();
        for (name, value) in request.headers.drain(..) {
            let field = format!("tokenRequest.headers.{name}");
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| invalid(system, &field, "is no name of a header"))?;
            headers.push((name, sensitive(system, &field, value.expose_secret())?));
        }
        Ok(Self {
            headers,
            query: std::mem::take(&mut request.query),
            body: std::mem::take(&mut request.body),
        })
    }
}

impl Flow {
    pub(super) fn new(
        system: &str,
        mut settings: OAuth,
        trust: Trust,
    ) -> Result<Self, ConnectorError> {
        let known = match &settings.server {
            AuthorisationServer::Server { address, tenant } => Some(TokenEndpoint::of_server(
                system,
                "authorisationServer",
                address,
                tenant.as_deref(),
                &trust,
            )?),
            AuthorisationServer::Endpoint { token_url } => Some(TokenEndpoint::new(
                system,
                "tokenUrl",
                token_url.clone(),
                &trust,
            )?),
            AuthorisationServer::Instance { api, .. } => {
                check_address(system, "instance", api)?;
                None
            }
        };
        Ok(Self {
            extra: Arc::new(Extra::new(system, &mut settings.token_request)?),
            settings,
            trust,
            endpoint: tokio::sync::OnceCell::new_with(known),
            current: tokio::sync::Mutex::new(None),
            facts: Mutex::new(None),
        })
    }

    /// What is known of the latest token.
    pub(super) fn facts(&self) -> Option<TokenFacts> {
        self.facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A token that is not about to end and is not of the refused generation.
    pub(super) async fn credential(
        &self,
        pace: &Pace,
        refused: Option<u64>,
    ) -> Result<Credential, ConnectorError> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref()
            && refused != Some(token.generation)
            && token.is_good(pace.time.now())
        {
            return Ok(token.clone());
        }
        let generation = current.as_ref().map_or(0, |token| token.generation) + 1;
        // Whatever happens next, the old one is of no more use.
        *current = None;
        let endpoint = self.endpoint(pace).await?;
        let answer = match &self.settings.grant {
            Grant::ClientCredentials => {
                self.patiently(pace, endpoint, &Exchange::ClientCredentials)
                    .await?
            }
            Grant::Password { username, password } => {
                self.patiently(pace, endpoint, &Exchange::Password { username, password })
                    .await?
            }
            Grant::Refresh { store, first } => self.refresh(pace, endpoint, store, first).await?,
        };
        let token = self.accept(pace, &answer, generation)?;
        tracing::debug!(system = %pace.system, generation, "got an access token");
        *current = Some(token.clone());
        Ok(token)
    }

    /// Sends a token request until it is answered or patience ends.
    pub(super) async fn patiently(
        &self,
        pace: &Pace,
        endpoint: &TokenEndpoint,
        exchange: &Exchange<'_>,
    ) -> Result<BasicTokenResponse, Refused> {
        let mut attempts = pace.attempts();
        let mut unanswered = false;
        loop {
            let mut told = Told::default();
            let outcome = {
                let _permit = pace.permit().await;
                pace.count_request().map_err(|error| Refused {
                    error,
                    code: None,
                    unanswered,
                })?;
                self.ask(pace, endpoint, exchange, &mut told).await
            };
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            unanswered |= told.unanswered;
            pace.wait_or_fail(&mut attempts, failure)
                .await
                .map_err(|error| Refused {
                    error,
                    code: told.code,
                    unanswered,
                })?;
        }
    }

    /// Where tokens come from; the instance is asked once when nobody else says.
    pub(super) async fn endpoint(&self, pace: &Pace) -> Result<&TokenEndpoint, ConnectorError> {
        let ask = async || {
            let AuthorisationServer::Instance { api, tenant } = &self.settings.server else {
                return Err(invalid(&pace.system, "authorisationServer", "is not known"));
            };
            let told = ask_instance(pace, api, &self.trust).await?;
            let tenant = tenant.as_deref().or(told.tenant.as_deref());
            TokenEndpoint::of_server(
                &pace.system,
                "auth_url of the instance",
                &told.authorisation_server,
                tenant,
                &self.trust,
            )
        };
        self.endpoint.get_or_try_init(ask).await
    }

    fn client(&self, endpoint: &TokenEndpoint) -> TokenClient {
        let settings = &self.settings;
        let client = BasicClient::new(ClientId::new(settings.client_id.expose_secret().to_owned()))
            .set_auth_type(match settings.client_authentication {
                ClientAuthentication::Body => AuthType::RequestBody,
                ClientAuthentication::Header => AuthType::BasicAuth,
            })
            .set_token_uri(TokenUrl::from_url(endpoint.url.clone()));
        match &settings.client_secret {
            Some(secret) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            None => client,
        }
    }

    /// Takes an access token into use, and learns what must not be shown of the answer.
    pub(super) fn accept(
        &self,
        pace: &Pace,
        answer: &BasicTokenResponse,
        generation: u64,
    ) -> Result<Credential, ConnectorError> {
        let secret = answer.access_token().secret();
        let value = prefixed(&self.settings.prefix, secret);
        let value = sensitive(&pace.system, "access_token", &value).map_err(|_| {
            ConnectorError::Unavailable {
                system: pace.system.clone(),
                message: format!(
                    "the access token holds characters no header can carry; {}",
                    self.not_authorisation()
                ),
            }
        })?;
        let told = answer.expires_in();
        let life = told.unwrap_or(USUAL_LIFE);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(TokenFacts {
            life: told,
            asked: self.settings.scope.clone(),
            granted: answer
                .scopes()
                .map(|scopes| tame(pace, scopes.iter().map(|scope| scope.as_str()))),
            claimed: claimed_scope(secret)
                .map(|scopes| tame(pace, scopes.iter().map(String::as_str))),
        });
        // A very short life must not make every request fetch its own token.
        let early = EARLY.min(life / 2);
        Ok(Credential {
            header: Some((header::AUTHORIZATION, value)),
            query: None,
            generation,
            good_until: Some(pace.time.now().saturating_add(life - early)),
        })
    }

    /// Sends one token request.
    async fn ask(
        &self,
        pace: &Pace,
        endpoint: &TokenEndpoint,
        exchange: &Exchange<'_>,
        told: &mut Told,
    ) -> Result<BasicTokenResponse, Failure> {
        // `oauth2` keeps neither status nor headers of an answer it does not like.
        let seen: Arc<Mutex<Option<Answer>>> = Arc::default();
        let transport = |request: HttpRequest| {
            let (seen, extra) = (Arc::clone(&seen), Arc::clone(&self.extra));
            let http = endpoint.http.clone();
            async move {
                let mut request = reqwest::Request::try_from(request)
                    .map_err(|error| NoAnswer::Broken(error.to_string()))?;
                for (name, value) in &extra.headers {
                    request.headers_mut().insert(name.clone(), value.clone());
                }
                for (name, value) in &extra.query {
                    request
                        .url_mut()
                        .query_pairs_mut()
                        .append_pair(name, value.expose_secret());
                }
                let answer = send(&http, request, LARGEST_ANSWER).await?;
                let mut response = HttpResponse::new(answer.body.clone());
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers.clone();
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                Ok::<_, NoAnswer>(response)
            }
        };
        let client = self.client(endpoint);
        let scopes = self.settings.scope.iter().cloned().map(Scope::new);
        // The kinds of requests are types of their own, with the same methods.
        macro_rules! send {
            ($request:expr) => {{
                let mut request = $request;
                for (name, value) in &self.extra.body {
                    request = request.add_extra_param(name, value.expose_secret());
                }
                request.request_async(&transport).await
            }};
        }
        let outcome = match exchange {
            Exchange::ClientCredentials => {
                send!(client.exchange_client_credentials().add_scopes(scopes))
            }
            Exchange::Password { username, password } => {
                let username = ResourceOwnerUsername::new(username.expose_secret().to_owned());
                let password = ResourceOwnerPassword::new(password.expose_secret().to_owned());
                send!(
                    client
                        .exchange_password(&username, &password)
                        .add_scopes(scopes)
                )
            }
            // Without scopes: those of the login stay (RFC 6749 section 6).
            Exchange::Refresh(token) => {
                let token = RefreshToken::new(token.expose_secret().to_owned());
                send!(client.exchange_refresh_token(&token))
            }
            Exchange::Code {
                code,
                verifier,
                callback_url,
            } => {
                let code = AuthorizationCode::new(code.expose_secret().to_owned());
                let verifier = PkceCodeVerifier::new(verifier.expose_secret().to_owned());
                let callback = RedirectUrl::from_url((*callback_url).clone());
                send!(
                    client
                        .exchange_code(code)
                        .set_pkce_verifier(verifier)
                        .set_redirect_uri(std::borrow::Cow::Owned(callback))
                )
            }
        };
        match outcome {
            Ok(answer) => {
                let secrets = [
                    Some(answer.access_token().secret()),
                    answer.refresh_token().map(RefreshToken::secret),
                ];
                for secret in secrets.into_iter().flatten() {
                    pace.redactor.guard(SecretString::from(secret.to_owned()));
                }
                Ok(answer)
            }
            Err(RequestTokenError::Request(error)) => {
                told.unanswered = !matches!(error, NoAnswer::Unreached(_) | NoAnswer::Untrusted(_));
                Err(pace.no_answer(&error, self.not_authorisation()))
            }
            Err(error) => {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
                // A server that says why has not acted; one in trouble, or with an answer that makes no sense, may have.
                told.code = seen.as_ref().and_then(|answer| oauth_error(&answer.body));
                told.unanswered = seen.as_ref().is_some_and(|answer| {
                    told.code.is_none()
                        && (answer.status.is_success() || answer.status.is_server_error())
                });
                Err(match seen {
                    Some(answer) if answer.status != StatusCode::OK => {
                        self.refusal(pace, &answer, exchange)
                    }
                    Some(answer) if is_html(&answer.body) => self.garbled(&format!(
                        "the token endpoint gave {}",
                        pace.redactor.line(&message_in(&answer.body))
                    )),
                    // The body is not shown: it may hold a token in some shape of its own.
                    Some(_) => self.garbled(&match error {
                        RequestTokenError::Parse(error, _) => {
                            format!(
                                "the token endpoint gave no token: {}",
                                pace.redactor.line(&error.to_string())
                            )
                        }
                        _ => "the token endpoint gave something that is not JSON".to_owned(),
                    }),
                    None => self.garbled("the token request could not be made"),
                })
            }
        }
    }
}

/// Scopes fit to be shown. Whatever is no scope (RFC 6749 section 3.3), is longer than any or repeats a secret is left
/// out, and that something was is said once.
fn tame<'a>(pace: &Pace, scopes: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut left_out = false;
    for scope in scopes {
        let is_scope = (1..=LONGEST_SCOPE).contains(&scope.len())
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if is_scope && kept.len() < MOST_SCOPES && !pace.redactor.is_repeated_in(scope.as_bytes()) {
            kept.push(pace.redactor.line(scope));
        } else {
            left_out = true;
        }
    }
    if left_out {
        kept.push(NOT_SHOWN.to_owned());
    }
    kept
}
