//! What a HaloITSM instance says about itself: `GET /api/AuthInfo`, answered without a token.
//!
//! Knows nothing of tokens. Invariant: an instance that is reached over https cannot send a client secret anywhere that
//! is not.

use http::header;
use serde_json::Value;
use url::Url;

use crate::connector::ConnectorError;
use crate::connector::rest::http::{Trust, client, is_loopback, send};
use crate::connector::rest::pace::Pace;
use crate::connector::rest::retry::Failure;

/// The answer is a handful of members.
const LARGEST_ANSWER: usize = 1 << 20;

const WAY_OUT: &str = "write `resourceServer`, `authorisationServer` and `tenant` as Configuration > Integrations > Halo API shows them";

/// What an instance says.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) authorisation_server: Url,
    pub(super) tenant: Option<String>,
}

/// Asks the instance with this API.
pub(super) async fn ask_instance(
    pace: &Pace,
    api: &Url,
    trust: &Trust,
) -> Result<Told, ConnectorError> {
    let mut url = api.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/AuthInfo"));
    let http = client(&pace.system, &url, trust)?;
    let mut attempts = pace.attempts();
    loop {
        let outcome = {
            let _permit = pace.permit().await;
            pace.count_request()?;
            ask(pace, &http, &url).await
        };
        match outcome {
            Ok(body) => {
                return told(&body, is_loopback(api)).map_err(|why| ConnectorError::Unavailable {
                    system: pace.system.clone(),
                    message: format!(
                        "the instance does not say where its authorisation server is: {}; {WAY_OUT}",
                        pace.redactor.line(&why)
                    ),
                });
            }
            Err(failure) => pace.wait_or_fail(&mut attempts, failure).await?,
        }
    }
}

async fn ask(pace: &Pace, http: &reqwest::Client, url: &Url) -> Result<Vec<u8>, Failure> {
    let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
    request.headers_mut().insert(
        header::ACCEPT,
        http::HeaderValue::from_static("application/json"),
    );
    let answer = send(http, request, LARGEST_ANSWER)
        .await
        .map_err(|error| pace.no_answer(&error, "is the instance right and reachable?"))?;
    if matches!(answer.status.as_u16(), 401 | 403 | 404 | 405) {
        return Err(Failure::Final(ConnectorError::Unavailable {
            system: pace.system.clone(),
            message: format!(
                "the instance does not say where its authorisation server is (status {} of /AuthInfo); {WAY_OUT}",
                answer.status.as_u16()
            ),
        }));
    }
    pace.check_status(&answer)?;
    Ok(answer.body)
}

/// Reads the answer. `here` says that the instance is on this machine.
fn told(body: &[u8], here: bool) -> Result<Told, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let member = |name: &str| {
        value
            .as_object()?
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str())
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let address = member("auth_url").ok_or("its answer has no auth_url")?;
    let authorisation_server =
        Url::parse(address).map_err(|error| format!("{address:?} is no address: {error}"))?;
    if authorisation_server.scheme() != "https" && !(here && is_loopback(&authorisation_server)) {
        return Err(format!("{address:?} is not https"));
    }
    Ok(Told {
        authorisation_server,
        tenant: member("tenant_id").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_names_server_and_tenant() {
        let found = told(
            br#"{"Auth_Url": "https://auth.halo.example", "tenant_id": "acme", "integrationServiceUrl": ""}"#,
            false,
        )
        .unwrap();
        assert_eq!(
            found.authorisation_server.as_str(),
            "https://auth.halo.example/"
        );
        assert_eq!(found.tenant.as_deref(), Some("acme"));
        let found = told(
            br#"{"auth_url": "http://127.0.0.1:1/auth", "tenant_id": ""}"#,
            true,
        )
        .unwrap();
        assert_eq!(found.tenant, None);
    }

    #[test]
    fn an_instance_cannot_send_the_secret_into_the_open() {
        for (body, here) in [
            (r#"{"auth_url": "http://auth.halo.example"}"#, false),
            (r#"{"auth_url": "http://auth.halo.example"}"#, true),
            // From afar, this machine is no place to send anything.
            (r#"{"auth_url": "http://127.0.0.1/auth"}"#, false),
            (r#"{"auth_url": "ftp://auth.halo.example"}"#, true),
            (r#"{"auth_url": 5}"#, true),
            (r#"{}"#, true),
            ("[]", true),
            ("nothing", true),
        ] {
            assert!(told(body.as_bytes(), here).is_err(), "{body}");
        }
    }
}
