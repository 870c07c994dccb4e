//! Everything needed to authorise, resolved: addresses parsed, secrets at hand.
//!
//! Data only. Invariant: no secret shows in `Debug`.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::store::TokenStore;

/// How to authorise to a source.
pub enum Authorisation {
    /// Not at all.
    None,
    /// A fixed key.
    ApiKey {
        /// Name of the header or parameter.
        name: String,
        /// The key.
        value: SecretString,
        /// Where it is sent.
        place: KeyPlace,
    },
    /// User name and password (RFC 7617).
    Basic {
        /// User name.
        username: SecretString,
        /// Password.
        password: SecretString,
    },
    /// A fixed token (RFC 6750).
    Bearer {
        /// The token.
        token: SecretString,
        /// Word before it in the `Authorization` header; may be empty.
        prefix: String,
    },
    /// OAuth 2.0 (RFC 6749).
    OAuth(Box<OAuth>),
}

/// Where a key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a header.
    Header,
    /// In the query.
    Query,
}

/// OAuth 2.0 settings.
pub struct OAuth {
    /// How the access token is come by.
    pub grant: Grant,
    /// Where the token endpoint is.
    pub server: AuthorisationServer,
    /// Client ID of the application.
    pub client_id: SecretString,
    /// Client secret of the application; public clients have none.
    pub client_secret: Option<SecretString>,
    /// Scopes to ask for; the server's default when there are none.
    pub scope: Vec<String>,
    /// Word before the token in the `Authorization` header; may be empty.
    pub prefix: String,
    /// How client ID and secret are sent.
    pub client_authentication: ClientAuthentication,
    /// What every token request carries besides.
    pub token_request: TokenRequest,
    /// Whether this is HaloITSM, whose refusals mean known things.
    pub halo: bool,
}

/// How an access token is come by.
pub enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.3.
    Password {
        /// User name.
        username: SecretString,
        /// Password.
        password: SecretString,
    },
    /// RFC 6749 section 6: a stored refresh token, replaced on every use.
    Refresh {
        /// Where it is kept.
        store: Arc<dyn TokenStore>,
        /// How the first one is come by.
        first: FirstToken,
    },
}

/// How the first refresh token is come by.
pub enum FirstToken {
    /// Somebody logs in (RFC 6749 section 4.1, with PKCE).
    Login {
        /// Address people log in at; `/authorize` below the authorisation server when `None`.
        authorization_url: Option<Url>,
        /// Where the browser is sent afterwards.
        callback_url: Url,
    },
    /// It is given.
    Given {
        /// The token; `None` when it is not set, as it may be once the store holds a successor.
        token: Option<SecretString>,
        /// Where it comes from, for messages: `environment variable NAME (file:line:column)`.
        from: String,
    },
}

/// Where the authorisation server is.
#[derive(Debug, Clone)]
pub enum AuthorisationServer {
    /// The server; its token endpoint is `/token` below it.
    Server {
        /// Its address.
        address: Url,
        /// Tenant, sent as query parameter.
        tenant: Option<String>,
    },
    /// The endpoint itself.
    Endpoint {
        /// Its address.
        token_url: Url,
    },
    /// What the HaloITSM instance says (`GET /api/AuthInfo`, answered without a token).
    Instance {
        /// Address of its API.
        api: Url,
        /// Tenant, when it is known better.
        tenant: Option<String>,
    },
}

/// How client ID and secret are sent to the token endpoint (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the form.
    Body,
    /// In the `Authorization` header.
    Header,
}

/// What every token request carries besides. Any of it may be secret.
#[derive(Clone, Default)]
pub struct TokenRequest {
    /// Headers.
    pub headers: Vec<(String, SecretString)>,
    /// Query parameters.
    pub query: Vec<(String, SecretString)>,
    /// Fields of the form.
    pub body: Vec<(String, SecretString)>,
    /// Values of these that are secret: never to be shown.
    pub secrets: Vec<SecretString>,
}

impl Authorisation {
    /// Client ID and secret in the form, as HaloITSM has them.
    pub fn client_credentials(
        server: AuthorisationServer,
        client_id: SecretString,
        client_secret: SecretString,
        scope: Vec<String>,
    ) -> Self {
        Self::OAuth(Box::new(OAuth {
            grant: Grant::ClientCredentials,
            server,
            client_id,
            client_secret: Some(client_secret),
            scope,
            prefix: "Bearer".to_owned(),
            client_authentication: ClientAuthentication::Body,
            token_request: TokenRequest::default(),
            halo: true,
        }))
    }

    /// Everything that must never be shown, with the name of the setting. None of it may be empty.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &SecretString)> {
        match self {
            Self::None => Vec::new(),
            Self::ApiKey { value, .. } => vec![("value", value)],
            Self::Basic { username, password } => {
                vec![("username", username), ("password", password)]
            }
            Self::Bearer { token, .. } => vec![("token", token)],
            Self::OAuth(oauth) => {
                let mut secrets = vec![("clientId", &oauth.client_id)];
                secrets.extend(
                    oauth
                        .client_secret
                        .iter()
                        .map(|secret| ("clientSecret", secret)),
                );
                match &oauth.grant {
                    Grant::Password { username, password } => {
                        secrets.extend([("username", username), ("password", password)]);
                    }
                    Grant::Refresh {
                        first:
                            FirstToken::Given {
                                token: Some(token), ..
                            },
                        ..
                    } => secrets.push(("refreshToken", token)),
                    Grant::ClientCredentials | Grant::Refresh { .. } => {}
                }
                let extra = oauth.token_request.secrets.iter();
                secrets.extend(extra.map(|secret| ("tokenRequest", secret)));
                secrets
            }
        }
    }
}

impl std::fmt::Debug for Authorisation {
    /// Shows which way it is, and no setting: most are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::ApiKey { .. } => "ApiKey",
            Self::Basic { .. } => "Basic",
            Self::Bearer { .. } => "Bearer",
            Self::OAuth(_) => "OAuth",
        })
    }
}
