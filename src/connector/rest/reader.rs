//! Sending requests: authorised, within the limit and the budget, and again where that can help.
//!
//! Knows neither lists nor joins. Invariants: a request is counted before it is sent; an answer is what `parse` takes
//! for one, everything else is tried again within bounds or an error that says what to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use url::Url;

use super::auth::{Authoriser, Credential};
use super::endpoint::Endpoint;
use super::http::{Answer, NoAnswer, Trust, check_address, client, is_loopback, send};
use super::invalid;
use super::pace::Pace;
use super::request::Prepared;
use super::retry::Failure;
use super::settings::{EndpointSettings, Settings};
use crate::connector::ConnectorError;
use crate::lang::{Condition, Scope, compile_condition};
use crate::model::Name;

/// Largest answer taken in, after decompression; a page of 100 people with custom fields is below one MiB.
const LARGEST_ANSWER: usize = 64 << 20;

/// Fetches answers; everything but their meaning.
pub(super) struct Reader {
    pub(super) name: Name,
    /// For the snapshot: the resource server without query, and the tenant.
    pub(super) instance: String,
    pub(super) tenant: Option<String>,
    pub(super) sentinels: Vec<String>,
    pub(super) floor: u64,
    /// The list people come from.
    pub(super) people: Endpoint,
    /// What is joined to it, each after those it depends on.
    pub(super) others: Vec<Endpoint>,
    /// By endpoint, the members that are kept.
    pub(super) keep: BTreeMap<String, BTreeSet<String>>,
    pub(super) include: Option<Condition>,
    pub(super) everybody: BTreeSet<String>,
    pub(super) parallel: usize,
    pub(super) cache: Option<PathBuf>,
    pub(super) authoriser: Authoriser,
    pub(super) pace: Pace,
    http: reqwest::Client,
    /// For servers on the other side of the loopback border: those are asked through the environment's proxy, this
    /// machine never.
    other_http: reqwest::Client,
    resource_server: Url,
}

impl Reader {
    pub(super) fn new(settings: Settings) -> Result<Self, ConnectorError> {
        let pace = Pace::of(&settings);
        check_address(&pace.system, "resourceServer", &settings.resource_server)?;
        let joining = settings.joining;
        let names: BTreeSet<String> = std::iter::once(&settings.endpoint)
            .chain(&joining.endpoints)
            .map(|endpoint| endpoint.name.clone())
            .collect();
        let compiled = |endpoint: EndpointSettings| {
            for (_, value) in &endpoint.headers {
                pace.redactor.learn(value.clone());
            }
            Endpoint::new(
                &pace.system,
                endpoint,
                &settings.resource_server,
                &joining.credentials_to,
                &names,
                settings.halo,
            )
        };
        let people = compiled(settings.endpoint)?;
        let others = joining
            .endpoints
            .into_iter()
            .map(compiled)
            .collect::<Result<Vec<_>, _>>()?;
        let include = joining
            .include
            .as_deref()
            .map(|text| {
                compile_condition(text, &Scope::Record { endpoints: &names }).map_err(|errors| {
                    let message = errors.first().map_or("", |error| error.message.as_str());
                    invalid(&pace.system, "include", message)
                })
            })
            .transpose()?;
        let trust = Trust {
            ca_pem: settings.ca_pem,
            timeout: settings.request_timeout,
        };
        let http = client(&pace.system, &settings.resource_server, &trust)?;
        let other_side = if is_loopback(&settings.resource_server) {
            "https://other.invalid"
        } else {
            "http://127.0.0.1"
        };
        let other_http = match Url::parse(other_side) {
            Ok(address) => client(&pace.system, &address, &trust)?,
            Err(_) => http.clone(),
        };
        let mut instance = settings.resource_server.clone();
        instance.set_query(None);
        instance.set_fragment(None);
        Ok(Self {
            name: settings.name,
            instance: instance.as_str().trim_end_matches('/').to_owned(),
            tenant: settings.tenant.filter(|tenant| !tenant.trim().is_empty()),
            sentinels: settings.sentinels,
            floor: settings.floor,
            people,
            others,
            keep: joining.keep,
            include,
            everybody: joining.everybody,
            parallel: match joining.parallel {
                0 => 2,
                parallel => usize::from(parallel),
            },
            cache: settings.run.cache,
            authoriser: Authoriser::new(&pace, settings.authorisation, trust)?,
            pace,
            http,
            other_http,
            resource_server: settings.resource_server,
        })
    }

    /// Sends a request until `parse` takes what comes for an answer.
    pub(super) async fn call<T>(
        &self,
        prepared: &Prepared,
        parse: impl Fn(&Answer) -> Result<T, Failure>,
    ) -> Result<T, ConnectorError> {
        let mut attempts = self.pace.attempts();
        let mut refused = None;
        let mut checked_again = false;
        loop {
            let credential = if prepared.with_credentials {
                Some(self.authoriser.credential(&self.pace, refused).await?)
            } else {
                None
            };
            let permit = self.pace.permit().await;
            // Waiting for the limit can take longer than the token had left. Once is enough: a window longer than a
            // token's life is for the 401 to settle.
            let stale = credential
                .as_ref()
                .is_some_and(|credential| !credential.is_good(self.pace.time.now()));
            if !checked_again && stale {
                checked_again = true;
                permit.give_back();
                continue;
            }
            if let Err(error) = self.pace.count_request() {
                permit.give_back();
                return Err(error);
            }
            let outcome = self.attempt(prepared, credential.as_ref(), &parse).await;
            drop(permit);
            match outcome {
                Ok(answer) => return Ok(answer),
                // A token can be revoked, or end on the server before it does here. A fresh one that is refused
                // as well is an answer.
                Err(Failure::Unauthorised { .. })
                    if refused.is_none() && credential.is_some() && self.authoriser.renews() =>
                {
                    tracing::debug!(system = %self.pace.system, "the access token was refused; getting another");
                    refused = credential.map(|credential| credential.generation);
                    self.pace.count_retry();
                }
                Err(Failure::Unauthorised { message }) if credential.is_none() => {
                    return Err(ConnectorError::Denied {
                        system: self.pace.system.clone(),
                        message: format!(
                            "status 401: {message}; {} is asked without credentials: if it is to have them, add it \
                             to `credentialsTo`",
                            prepared.url.host_str().unwrap_or_default()
                        ),
                    });
                }
                Err(Failure::Unauthorised { message }) => {
                    return Err(self.authoriser.refused(&self.pace.system, &message));
                }
                Err(failure) => self.pace.wait_or_fail(&mut attempts, failure).await?,
            }
        }
    }

    async fn attempt<T>(
        &self,
        prepared: &Prepared,
        credential: Option<&Credential>,
        parse: impl Fn(&Answer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut request = reqwest::Request::new(prepared.method.clone(), prepared.url.clone());
        request.headers_mut().clone_from(&prepared.headers);
        if let Some(validator) = &prepared.unless {
            request
                .headers_mut()
                .insert(::http::header::IF_NONE_MATCH, validator.clone());
        }
        if let Some(credential) = credential {
            credential.put_on(&mut request);
        }
        if let Some(body) = &prepared.body {
            *request.body_mut() = Some(body.clone().into());
        }
        let answer = self.send(request).await.map_err(|error| {
            self.pace
                .no_answer(&error, "is the resource server right and reachable?")
        })?;
        parse(&answer)
    }

    /// Sends one request as it is.
    pub(super) async fn send(&self, request: reqwest::Request) -> Result<Answer, NoAnswer> {
        let same_side = is_loopback(request.url()) == is_loopback(&self.resource_server);
        let client = if same_side {
            &self.http
        } else {
            &self.other_http
        };
        send(client, request, LARGEST_ANSWER).await
    }

    /// Address of the API.
    pub(super) fn resource_server(&self) -> &Url {
        &self.resource_server
    }
}
