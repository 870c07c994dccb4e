//! Where tokens come from, and where people log in.
//!
//! Asks nobody. Keeps that an address is checked before anything is sent to it.

use url::Url;

use crate::connector::ConnectorError;
use crate::connector::rest::http::{Trust, check_address, client};

/// Where tokens come from, and where people log in.
pub(super) struct TokenEndpoint {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    /// `None` when nothing says.
    pub(super) authorization_url: Option<Url>,
}

impl TokenEndpoint {
    pub(super) fn new(
        system: &str,
        field: &str,
        url: Url,
        trust: &Trust,
    ) -> Result<Self, ConnectorError> {
        check_address(system, field, &url)?;
        Ok(Self {
            http: client(system, &url, trust)?,
            url,
            authorization_url: None,
        })
    }

    /// The endpoints of a server.
    pub(super) fn of_server(
        system: &str,
        field: &str,
        server: &Url,
        tenant: Option<&str>,
        trust: &Trust,
    ) -> Result<Self, ConnectorError> {
        let mut endpoint = Self::new(system, field, token_url(server, tenant), trust)?;
        endpoint.authorization_url = Some(authorization_url(server, tenant));
        Ok(endpoint)
    }
}

/// The token endpoint: `/token` below the authorisation server, with the tenant as query parameter.
fn token_url(authorisation_server: &Url, tenant: Option<&str>) -> Url {
    let mut url = authorisation_server.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    // Some pages show the whole address of the endpoint.
    if !path.to_ascii_lowercase().ends_with("/token") {
        url.set_path(&format!("{path}/token"));
    }
    with_tenant(url, tenant)
}

/// Where people log in: `/authorize` beside the token endpoint.
fn authorization_url(authorisation_server: &Url, tenant: Option<&str>) -> Url {
    let mut url = authorisation_server.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    let base = match path.to_ascii_lowercase().strip_suffix("/token") {
        Some(base) => path[..base.len()].to_owned(),
        None => path,
    };
    url.set_path(&format!("{base}/authorize"));
    with_tenant(url, tenant)
}

fn with_tenant(mut url: Url, tenant: Option<&str>) -> Url {
    if let Some(tenant) = tenant.filter(|tenant| !tenant.trim().is_empty()) {
        url.query_pairs_mut().append_pair("tenant", tenant);
    }
    url
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
