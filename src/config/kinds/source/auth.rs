//! How a source is authorised to.

use serde::{Deserialize, Serialize};

use crate::config::kinds::SecretRef;

/// How to authorise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Auth {
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4).
    Oauth2(OAuth2),
}

/// OAuth 2.0 settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// Client ID of the API application.
    pub client_id: SecretRef,
    /// Client secret of the API application.
    pub client_secret: SecretRef,
    /// Scopes to ask for. `read:customers` is enough to read people; there is no `read:users`.
    #[serde(default = "default_scope")]
    pub scope: Vec<String>,
}

fn default_scope() -> Vec<String> {
    vec!["read:customers".to_owned()]
}
