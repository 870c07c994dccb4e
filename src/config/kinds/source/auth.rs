//! How a source is authorised to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::kinds::{SecretRef, Setting};

/// How to authorise. Exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Auth {
    /// Not at all: anybody may read this source.
    None(NoAuth),
    /// A fixed key in a header or in the query of every request.
    ApiKey(ApiKey),
    /// User name and password in every request (RFC 7617).
    Basic(Basic),
    /// A fixed token in every request (RFC 6750).
    Bearer(Bearer),
    /// OAuth 2.0 (RFC 6749): an access token is fetched, used while it lives, and renewed.
    Oauth2(Box<OAuth2>),
}

/// Nothing to say: `none: {}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoAuth {}

/// A fixed key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKey {
    /// Name of the header or of the query parameter, for example `X-Api-Key`.
    pub name: String,
    /// The key.
    pub value: SecretRef,
    /// Where it is sent. Servers log queries, so prefer the header where both work.
    #[serde(default, rename = "in")]
    pub place: KeyPlace,
}

/// Where a key is sent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum KeyPlace {
    /// In a header.
    #[default]
    Header,
    /// In the query.
    Query,
}

/// User name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basic {
    /// User name; it has no `:`.
    pub username: SecretRef,
    /// Password.
    pub password: SecretRef,
}

/// A fixed token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bearer {
    /// The token.
    pub token: SecretRef,
    /// Word before the token in the `Authorization` header; empty for the token alone.
    #[serde(default = "default_header_prefix")]
    pub header_prefix: String,
}

/// OAuth 2.0 settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// How the access token is come by.
    #[serde(default)]
    pub grant: Grant,
    /// Client ID of the application registered with the authorisation server.
    pub client_id: SecretRef,
    /// Client secret of the application. Public clients have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// User name, for the grant `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<SecretRef>,
    /// Password, for the grant `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// First refresh token, for the grant `refreshToken`: used until the token store holds a newer one, and again when
    /// another one is put here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<SecretRef>,
    /// Scopes to ask for. For HaloITSM `read:customers` is enough to read people and the default (there is no
    /// `read:users`), with `offline_access` where a refresh token is needed. Other sources are asked for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<String>>,
    /// Address of the token endpoint. Defaults to `/token` below the authorisation server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<Setting>,
    /// Address people log in at, for the grant `authorizationCode`. Defaults to `/authorize` below the authorisation
    /// server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<Setting>,
    /// Where the browser is sent after logging in, as registered with the authorisation server, for example
    /// `http://127.0.0.1:8765/callback`. `halosync login` listens there when it is on this machine; port 0 takes a
    /// free one, for servers that accept any. An `https` address elsewhere works with `halosync login --paste`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<Setting>,
    /// Where the refresh token is kept, for the grants `authorizationCode` and `refreshToken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_store: Option<TokenStore>,
    /// Word before the token in the `Authorization` header; empty for the token alone.
    #[serde(default = "default_header_prefix")]
    pub header_prefix: String,
    /// How client ID and client secret are sent to the token endpoint.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// What some servers want on every token request besides.
    #[serde(default, skip_serializing_if = "TokenRequest::is_empty")]
    pub token_request: TokenRequest,
}

/// How an access token is come by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Grant {
    /// The application authorises itself (RFC 6749 section 4.4). The one for CI.
    #[default]
    ClientCredentials,
    /// A person logs in once with `halosync login` (RFC 6749 section 4.1, with PKCE, RFC 7636); the refresh token that
    /// comes of it is kept and used from then on.
    AuthorizationCode,
    /// A refresh token that came from elsewhere (RFC 6749 section 6). Each is used once and replaced by the next.
    RefreshToken,
    /// With a user's name and password (RFC 6749 section 4.3). Obsolete; for servers that know nothing better.
    Password,
}

/// Where a refresh token is kept. Exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum TokenStore {
    /// The operating system's keyring, for a desk: the Secret Service on Linux (by `secret-tool`), the keychain on macOS.
    Keyring(KeyringStore),
    /// A file encrypted with age, for CI and servers.
    File(FileStore),
}

/// Nothing to say: `keyring: {}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyringStore {}

/// A file encrypted with age (X25519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileStore {
    /// The file, relative to the project. It is replaced on every run, so it must outlive the run and must not be
    /// shared by several that do not see each other.
    pub path: Setting,
    /// The secret key that opens it, as `age-keygen` writes it (`AGE-SECRET-KEY-1…`).
    pub identity: SecretRef,
    /// Public keys (`age1…`) of others who may open it. The identity always can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// How client ID and client secret are sent to the token endpoint (RFC 6749 section 2.3.1).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ClientAuthentication {
    /// In the form, as `client_id` and `client_secret`.
    #[default]
    Body,
    /// In the `Authorization` header.
    Header,
}

/// Additions to every token request, for servers that want more than OAuth 2.0 says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Parameter>,
    /// Query parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Parameter>,
    /// Fields of the form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub body: BTreeMap<String, Parameter>,
}

impl TokenRequest {
    fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty() && self.body.is_empty()
    }
}

/// A value written here, or where it is found when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// The value itself. Not for secrets.
    Literal(String),
    /// Where it is found.
    Reference(SecretRef),
}

fn default_header_prefix() -> String {
    "Bearer".to_owned()
}
