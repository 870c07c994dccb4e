//! HTTP clients, and reading answers with a bound on their size.
//!
//! Knows nothing of people or pages. Invariants: no redirect is followed (a bearer token or a client secret goes to
//! the configured server or nowhere); secrets travel in clear only over loopback; nothing larger than the bound is
//! kept in memory; error texts hold no address with a query.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use url::{Host, Url};

use super::invalid;
use super::message::{is_html, message_in};
use super::pace::Pace;
use super::retry::Failure;
use crate::connector::ConnectorError;

/// Where an answer comes from that the API would not give.
pub(super) const NOT_THE_API: &str =
    "a proxy, a maintenance page, or a resource server address that is not the API's";

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// No connection, no TLS, timeout, or an answer that broke off.
    #[error("{0}")]
    Broken(String),
    /// No connection was made, so nothing was sent.
    #[error("{0}")]
    Unreached(String),
    /// The server's certificate is not trusted. Waiting changes nothing about that.
    #[error("{0}")]
    Untrusted(String),
    /// The answer is larger than the bound.
    #[error("the answer is larger than {0} MiB")]
    TooLarge(usize),
}

/// Whether an address stays on this machine.
pub(super) fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Refuses addresses that would give a secret away.
pub(super) fn check_address(
    system: &str,
    field: &str,
    address: &Url,
) -> Result<(), ConnectorError> {
    if !address.username().is_empty() || address.password().is_some() {
        return Err(invalid(
            system,
            field,
            "an address must not hold a user name or password",
        ));
    }
    match address.scheme() {
        "https" => {}
        "http" if is_loopback(address) => {}
        "http" => {
            return Err(invalid(
                system,
                field,
                "plain http would show credentials to the network; use https",
            ));
        }
        other => {
            return Err(invalid(
                system,
                field,
                &format!("{other} is no web address; use https"),
            ));
        }
    }
    if address.host().is_none() {
        return Err(invalid(system, field, "the address names no server"));
    }
    Ok(())
}

/// Whom to trust, and for how long to wait for an answer.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// PEM certificates to trust instead of the operating system's.
    pub(super) ca_pem: Option<Vec<u8>>,
    /// Longest time for one answer, body included.
    pub(super) timeout: Duration,
}

/// A client for one server.
pub(super) fn client(
    system: &str,
    address: &Url,
    trust: &Trust,
) -> Result<reqwest::Client, ConnectorError> {
    // reqwest panics without one. Losing the race to another installer is fine: any provider will do.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("halosync/", env!("CARGO_PKG_VERSION")))
        .timeout(trust.timeout)
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(address) {
        // A proxy would look for the address on its own machine.
        builder = builder.no_proxy();
    }
    if let Some(pem) = &trust.ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| invalid(system, "ca", &format!("not PEM: {}", chain(&error))))?;
        if certificates.is_empty() {
            return Err(invalid(system, "ca", "the file holds no certificate"));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder
        .build()
        .map_err(|error| invalid(system, "ca", &chain(&error)))
}

/// Sends a request and reads the answer, up to `limit` bytes of it after decompression.
pub(super) async fn send(
    client: &reqwest::Client,
    request: reqwest::Request,
    limit: usize,
) -> Result<Answer, NoAnswer> {
    let mut response = client.execute(request).await.map_err(broken)?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > limit {
            return Err(NoAnswer::TooLarge(limit >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn broken(error: reqwest::Error) -> NoAnswer {
    if error.is_connect() {
        let text = chain(&error.without_url());
        // The type is buried under four crates' wrappers; the words are rustls's own.
        return if text.contains("invalid peer certificate") {
            NoAnswer::Untrusted(text)
        } else {
            NoAnswer::Unreached(text)
        };
    }
    if error.is_timeout() {
        return NoAnswer::Broken("no answer in time".to_owned());
    }
    // The address may carry a tenant or a filter; whoever reads this knows the server anyway.
    NoAnswer::Broken(chain(&error.without_url()))
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl Pace {
    /// Turns a missing answer into what to do about it.
    pub(super) fn no_answer(&self, error: &NoAnswer, hint: &'static str) -> Failure {
        let message = self.redactor.line(&error.to_string());
        match error {
            NoAnswer::Broken(_) | NoAnswer::Unreached(_) => Failure::Flaky {
                after: None,
                message,
                hint,
                retries: 5,
            },
            NoAnswer::Untrusted(_) => Failure::Final(ConnectorError::Unavailable {
                system: self.system.clone(),
                message: format!(
                    "{message}; if the server's certificate comes from an authority of your own, name its \
                     certificate as `ca` of the source"
                ),
            }),
            NoAnswer::TooLarge(_) => Failure::Final(ConnectorError::Unavailable {
                system: self.system.clone(),
                message: format!("{message}; is this the resource server?"),
            }),
        }
    }

    /// Refuses an answer that holds what we authorised with: it would become people's data.
    pub(super) fn check_echo(&self, body: &[u8]) -> Result<(), Failure> {
        if !self.redactor.is_repeated_in(body) {
            return Ok(());
        }
        Err(Failure::Final(ConnectorError::Unavailable {
            system: self.system.clone(),
            message: "the answer repeats our credentials, so none of it is used, shown or stored. The server, or a \
                      gateway before it, sends requests back: mend that, then replace the credentials. If people's \
                      data holds them by chance, choose others"
                .to_owned(),
        }))
    }

    /// Turns the status of an API answer into what to do about it; `Ok` when it is a success.
    pub(super) fn check_status(&self, answer: &Answer) -> Result<(), Failure> {
        let status = answer.status;
        if status.is_success() {
            if is_html(&answer.body) {
                return Err(Failure::Garbled {
                    message: format!(
                        "status {} came with {}",
                        status.as_u16(),
                        self.redactor.line(&message_in(&answer.body))
                    ),
                    hint: NOT_THE_API,
                    body: None,
                });
            }
            return self.check_echo(&answer.body);
        }
        let said = self.redactor.line(&message_in(&answer.body));
        let system = self.system.clone();
        let told = format!("status {}: {said}", status.as_u16());
        Err(match status.as_u16() {
            429 => Failure::Throttled {
                after: self.retry_after(&answer.headers),
                message: said,
            },
            500 | 502 | 503 | 504 => Failure::Flaky {
                after: self.retry_after(&answer.headers),
                message: told,
                hint: "",
                retries: 5,
            },
            401 => Failure::Unauthorised { message: said },
            403 => Failure::Final(ConnectorError::Denied {
                system,
                message: if self.halo {
                    format!(
                        "{told}; the application's permissions or the scope do not cover people: read:customers is \
                         needed"
                    )
                } else {
                    format!("{told}; the credentials do not allow this to be read")
                },
            }),
            404 => Failure::Final(ConnectorError::NotFound {
                system,
                message: if self.halo {
                    format!(
                        "{told}; is the resource server the address under Configuration > Integrations > Halo API \
                         (it usually ends in /api)?"
                    )
                } else {
                    format!("{told}; are the resource server and the endpoint's path right?")
                },
            }),
            300..=399 => Failure::Final(ConnectorError::Unavailable {
                system,
                message: format!(
                    "status {}: the server sends us to {}; set the resource server to where the API is",
                    status.as_u16(),
                    self.redirect_target(&answer.headers)
                ),
            }),
            _ => Failure::Final(ConnectorError::Invalid {
                system,
                field: None,
                message: told,
            }),
        })
    }

    pub(super) fn redirect_target(&self, headers: &HeaderMap) -> String {
        headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(|target| target.split(['?', '#']).next().unwrap_or_default())
            .map_or_else(
                || "somewhere it does not name".to_owned(),
                |target| self.redactor.line(target),
            )
    }

    /// `Retry-After` in either form (RFC 9110 section 10.2.3): seconds, or a date.
    pub(super) fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let moment = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        let wait = moment.as_second() - (self.clock)().as_second();
        Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUST: Trust = Trust {
        ca_pem: None,
        timeout: Duration::from_secs(5),
    };

    #[test]
    fn secrets_travel_in_clear_only_over_loopback() {
        for (address, fine) in [
            ("https://acme.haloitsm.example/api", true),
            ("http://127.0.0.1:8080/api", true),
            ("http://127.8.4.4/api", true),
            ("http://[::1]:8080/api", true),
            ("http://localhost:8080/api", true),
            ("http://halo.localhost/api", true),
            ("http://acme.haloitsm.example/api", false),
            ("http://localhost.example.com/api", false),
            ("http://127.0.0.1.example.com/api", false),
            ("https://user:secret@acme.haloitsm.example/api", false),
            ("https://user@acme.haloitsm.example/api", false),
            ("ftp://acme.haloitsm.example/api", false),
            ("file:///etc/passwd", false),
        ] {
            let parsed = Url::parse(address).unwrap();
            let outcome = check_address("s", "resourceServer", &parsed);
            assert_eq!(outcome.is_ok(), fine, "{address}");
            if let Err(error) = outcome {
                assert!(!error.to_string().contains("secret@"), "{error}");
            }
        }
    }

    #[test]
    fn a_ca_file_without_certificates_is_refused() {
        let address = Url::parse("https://acme.haloitsm.example").unwrap();
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\n!\n"] {
            let trust = Trust {
                ca_pem: Some(pem.as_bytes().to_vec()),
                timeout: Duration::from_secs(1),
            };
            let outcome = client("s", &address, &trust);
            assert!(
                matches!(outcome, Err(ConnectorError::Invalid { .. })),
                "{pem:?}"
            );
        }
    }

    /// Answers one connection with these bytes.
    async fn serve_once(bytes: Vec<u8>) -> Url {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
        });
        Url::parse(&format!("http://{address}/")).unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_not_taken_in() {
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 3 << 20));
        let url = serve_once(bytes).await;
        let client = client("s", &url, &TRUST).unwrap();
        let request = reqwest::Request::new(reqwest::Method::GET, url);
        let outcome = send(&client, request, 1 << 20).await;
        assert!(matches!(outcome, Err(NoAnswer::TooLarge(1))), "{outcome:?}");
    }

    #[tokio::test]
    async fn errors_name_no_address_with_a_query() {
        // Nobody listens on a port that was just given back.
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let url = Url::parse(&format!("http://127.0.0.1:{port}/?tenant=acme")).unwrap();
        let client = client("s", &url, &TRUST).unwrap();
        let request = reqwest::Request::new(reqwest::Method::GET, url);
        let error = send(&client, request, 1 << 20)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("refused"), "{error}");
        assert!(!error.contains("acme"), "{error}");
    }
}
