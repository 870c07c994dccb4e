//! Sending requests: authorised, within the limit and the budget, and again where that can help.
//!
//! Knows neither lists nor joins. Invariants: a request is counted before it is sent; an answer is what `parse` takes
//! for one, everything else is tried again within bounds or an error that says what to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::budget::{Budget, Forecast};
use super::http::{Answer, check_address, client, is_loopback, send};
use super::limiter::{Limiter, Permit};
use super::message::Redactor;
use super::request::{Endpoint, Prepared, same_origin};
use super::retry::{Attempts, Failure};
use super::settings::{EndpointSettings, Settings};
use super::time::{MachineTime, Timekeeper};
use super::token::{self, TokenStore};
use super::{Clock, ReadReport, invalid};
use crate::config::kinds::Preset;
use crate::connector::ConnectorError;
use crate::lang::{Condition, Scope, compile_condition};
use crate::model::Name;

/// Largest answer taken in, after decompression; a page of 100 people with custom fields is below one MiB.
const LARGEST_ANSWER: usize = 64 << 20;

/// Fetches answers; everything but their meaning.
pub(super) struct Reader {
    pub(super) name: Name,
    pub(super) system: String,
    pub(super) preset: Option<Preset>,
    /// For the snapshot: the resource server without query, and the tenant.
    pub(super) instance: String,
    pub(super) tenant: Option<String>,
    pub(super) sentinels: Vec<u64>,
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
    pub(super) cache: Option<std::path::PathBuf>,
    forecast: Option<Arc<dyn Fn(&Forecast) + Send + Sync>>,
    budget: Arc<Budget>,
    rate: (u32, Duration),
    http: reqwest::Client,
    /// Clients for servers on the other side of the loopback border.
    other_http: reqwest::Client,
    resource_server: Url,
    pub(super) tokens: TokenStore,
    pub(super) redactor: Redactor,
    limiter: Limiter,
    pub(super) patience: Duration,
    pub(super) time: Arc<dyn Timekeeper>,
    pub(super) clock: Clock,
    report: Mutex<ReadReport>,
}

impl Reader {
    pub(super) fn new(settings: Settings) -> Result<Self, ConnectorError> {
        use secrecy::ExposeSecret as _;

        let system = match settings.preset {
            Some(Preset::Haloitsm) => format!("HaloITSM {}", settings.name),
            None => format!("source {}", settings.name),
        };
        check_address(&system, "resourceServer", &settings.resource_server)?;
        check_address(
            &system,
            "authorisationServer",
            &settings.authorisation_server,
        )?;
        for (field, secret) in [
            ("clientId", &settings.client_id),
            ("clientSecret", &settings.client_secret),
        ] {
            if secret.expose_secret().trim().is_empty() {
                return Err(invalid(&system, field, "is empty"));
            }
        }
        let joining = settings.joining;
        let names: BTreeSet<String> = std::iter::once(&settings.endpoint)
            .chain(&joining.endpoints)
            .map(|endpoint| endpoint.name.clone())
            .collect();
        let redactor = Redactor::new([settings.client_secret.clone(), settings.client_id.clone()]);
        let compiled = |endpoint: EndpointSettings| {
            for (_, value) in &endpoint.headers {
                redactor.learn(value.clone());
            }
            Endpoint::new(
                &system,
                endpoint,
                &settings.resource_server,
                &joining.credentials_to,
                &names,
                settings.preset,
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
                    let message = errors
                        .first()
                        .map_or("", |error| error.message.as_str())
                        .to_owned();
                    invalid(&system, "include", &message)
                })
            })
            .transpose()?;
        let client = |address: &Url| {
            client(
                &system,
                address,
                settings.ca_pem.as_deref(),
                settings.request_timeout,
            )
        };
        let http = client(&settings.resource_server)?;
        // Loopback addresses are asked without a proxy, others with the environment's: one client for each side.
        let other_side = if is_loopback(&settings.resource_server) {
            "https://other.invalid"
        } else {
            "http://127.0.0.1"
        };
        let other_http = match Url::parse(other_side) {
            Ok(address) => client(&address)?,
            Err(_) => http.clone(),
        };
        let tokens = TokenStore::new(
            client(&settings.authorisation_server)?,
            token::token_url(&settings.authorisation_server, settings.tenant.as_deref()),
            settings.client_id,
            settings.client_secret,
            &settings.scope,
        );
        let mut instance = settings.resource_server.clone();
        instance.set_query(None);
        instance.set_fragment(None);
        Ok(Self {
            name: settings.name,
            preset: settings.preset,
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
            forecast: settings.run.forecast,
            budget: settings.run.budget,
            rate: (settings.rate_requests, settings.rate_window),
            http,
            other_http,
            resource_server: settings.resource_server,
            tokens,
            redactor,
            limiter: Limiter::new(settings.rate_requests, settings.rate_window),
            patience: settings.patience,
            time: Arc::new(MachineTime::start()),
            clock: settings.clock,
            report: Mutex::default(),
            system,
        })
    }

    /// Whether HaloITSM's ways apply.
    pub(super) fn is_halo(&self) -> bool {
        self.preset == Some(Preset::Haloitsm)
    }

    pub(super) fn lock_report(&self) -> std::sync::MutexGuard<'_, ReadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to send one request, within the own limit.
    pub(super) async fn permit(&self) -> Permit<'_> {
        let (permit, waited) = self.limiter.permit(&*self.time).await;
        self.lock_report().waited += waited;
        if !waited.is_zero() {
            tracing::info!(system = %self.system, seconds = waited.as_secs(), "waited to stay within the rate limit");
        }
        permit
    }

    /// Counts a request that is about to be sent.
    pub(super) fn count_request(&self) -> Result<(), ConnectorError> {
        self.budget
            .spend()
            .map_err(|limit| ConnectorError::OverBudget {
                system: self.system.clone(),
                message: format!("all {limit} requests that this run may spend are spent"),
            })?;
        self.lock_report().requests += 1;
        Ok(())
    }

    /// Says what is going to be needed, and refuses to begin what the budget does not cover.
    pub(super) fn announce(
        &self,
        needed: Vec<(String, u64)>,
        counted: bool,
    ) -> Result<(), ConnectorError> {
        let spent = self.lock_report().requests;
        let mut forecast = Forecast {
            spent,
            needed,
            counted,
            at_least: Duration::ZERO,
        };
        let total = forecast.total();
        forecast.at_least = super::budget::at_least(total, spent, self.rate.0, self.rate.1);
        if let Some(tell) = &self.forecast {
            tell(&forecast);
        }
        self.budget
            .allows(total)
            .map_err(|limit| ConnectorError::OverBudget {
                system: self.system.clone(),
                message: format!(
                    "{}{total} more requests are needed ({}) and this run may spend {limit}",
                    if counted { "" } else { "about " },
                    forecast
                        .needed
                        .iter()
                        .map(|(name, count)| format!("{name} {count}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            })
    }

    /// Waits for the next attempt, or gives the error to end with.
    pub(super) async fn wait_or_fail(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
    ) -> Result<(), ConnectorError> {
        let Some(wait) = attempts.wait(&failure, rand::random_range(0.0..=1.0)) else {
            let attempts = std::mem::replace(attempts, Attempts::new(Duration::ZERO));
            return Err(attempts.into_error(&self.system, failure));
        };
        if let Failure::Throttled { message, .. }
        | Failure::Flaky { message, .. }
        | Failure::Garbled { message, .. } = &failure
        {
            tracing::warn!(system = %self.system, seconds = wait.as_secs_f64(), why = %message, "waiting to try again");
        }
        self.time.sleep(wait).await;
        let mut report = self.lock_report();
        report.waited += wait;
        report.retries += 1;
        Ok(())
    }

    /// Sends a request until `parse` takes what comes for an answer.
    pub(super) async fn call<T>(
        &self,
        prepared: &Prepared,
        parse: impl Fn(&Answer) -> Result<T, Failure>,
    ) -> Result<T, ConnectorError> {
        let mut attempts = Attempts::new(self.patience);
        let mut refused = None;
        let mut checked_again = false;
        loop {
            let token = if prepared.with_credentials {
                Some(self.token(refused).await?)
            } else {
                None
            };
            let permit = self.permit().await;
            // Waiting for the limit can take longer than the token had left. Once is enough: a window longer than a
            // token's life is for the 401 to settle.
            if !checked_again
                && token
                    .as_ref()
                    .is_some_and(|token| !token.is_good(self.time.now()))
            {
                checked_again = true;
                permit.give_back();
                continue;
            }
            if let Err(error) = self.count_request() {
                permit.give_back();
                return Err(error);
            }
            let outcome = self.attempt(prepared, token.as_ref(), &parse).await;
            drop(permit);
            match outcome {
                Ok(answer) => return Ok(answer),
                // A token can be revoked, or end on the server before it does here. A fresh one that is refused
                // as well is an answer.
                Err(Failure::Unauthorised { .. }) if refused.is_none() && token.is_some() => {
                    tracing::debug!(system = %self.system, "the access token was refused; getting another");
                    refused = token.map(|token| token.generation);
                    self.lock_report().retries += 1;
                }
                Err(failure) => self.wait_or_fail(&mut attempts, failure).await?,
            }
        }
    }

    async fn attempt<T>(
        &self,
        prepared: &Prepared,
        token: Option<&token::Token>,
        parse: impl Fn(&Answer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut request = reqwest::Request::new(prepared.method.clone(), prepared.url.clone());
        let headers = request.headers_mut();
        headers.clone_from(&prepared.headers);
        if let Some(token) = token {
            headers.insert(::http::header::AUTHORIZATION, token.header.clone());
        }
        if let Some(validator) = &prepared.unless {
            headers.insert(::http::header::IF_NONE_MATCH, validator.clone());
        }
        if let Some(body) = &prepared.body {
            *request.body_mut() = Some(body.clone().into());
        }
        let same_side = same_origin(&prepared.url, &self.resource_server)
            || is_loopback(&prepared.url) == is_loopback(&self.resource_server);
        let client = if same_side {
            &self.http
        } else {
            &self.other_http
        };
        let answer = send(client, request, LARGEST_ANSWER)
            .await
            .map_err(|error| {
                self.no_answer(&error, "is the resource server right and reachable?")
            })?;
        parse(&answer)
    }
}
