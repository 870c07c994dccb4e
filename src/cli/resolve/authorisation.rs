//! From a source's `auth` and addresses to everything its reader needs to authorise.
//!
//! Every missing variable or file is reported, not just the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::super::vault;
use super::{Resolver, from, is_loopback, origin, place};
use crate::config::kinds::{self, Parameter, Setting};
use crate::config::{Document, Positions, callback_fault};
use crate::connector::rest;

const WEB: &[&str] = &["https", "http"];

/// What HaloITSM is asked for when the document says nothing: enough to read people.
const HALO_SCOPE: &str = "read:customers";

/// Where a source and its authorisation server are.
pub(super) struct Addresses {
    pub(super) resource_server: Url,
    pub(super) tenant: Option<String>,
    /// `None` when nobody says and nobody needs it.
    server: Option<rest::AuthorisationServer>,
}

/// A source's document, with places for messages.
struct Written<'a> {
    name: &'a str,
    spec: &'a kinds::Source,
    positions: &'a Positions,
}

impl Addresses {
    /// Where people log in, when only the token endpoint is at an address of its own.
    fn login_page(&self) -> Option<Url> {
        let Some(rest::AuthorisationServer::Server { address, tenant }) = &self.server else {
            return None;
        };
        let mut url = below(address, "authorize");
        if let Some(tenant) = tenant {
            url.query_pairs_mut().append_pair("tenant", tenant);
        }
        Some(url)
    }
}

impl Written<'_> {
    fn at(&self, pointer: &str) -> String {
        place(self.positions, pointer)
    }
}

impl Resolver<'_> {
    /// Addresses of a source. Everything wrong with them is noted.
    pub(super) fn addresses(&mut self, source: &Document<kinds::Source>) -> Option<Addresses> {
        let written = Written {
            name: source.name.as_str(),
            spec: &source.spec,
            positions: &source.positions,
        };
        let spec = written.spec;
        let mut given = |setting: &Option<Setting>, name: &str| match setting {
            Some(setting) => self
                .web_address(setting, &written.at(&format!("/spec/{name}")))
                .map(Some),
            None => Some(None),
        };
        let instance = given(&spec.instance, "instance");
        let resource = given(&spec.resource_server, "resourceServer");
        let authorisation = given(&spec.authorisation_server, "authorisationServer");
        let tenant = match &spec.tenant {
            Some(setting) => self.setting(setting, &written.at("/spec/tenant")).map(Some),
            None => Some(None),
        };
        let (instance, resource, authorisation, tenant) =
            (instance?, resource?, authorisation?, tenant?);
        let api = instance.as_ref().map(|instance| below(instance, "api"));
        let server = match (authorisation, &instance, &api) {
            (Some(address), _, _) => Some(rest::AuthorisationServer::Server {
                address,
                tenant: tenant.clone(),
            }),
            (None, Some(instance), _) if resource.is_some() => {
                Some(rest::AuthorisationServer::Server {
                    address: below(instance, "auth"),
                    tenant: tenant.clone(),
                })
            }
            (None, Some(_), Some(api)) => Some(rest::AuthorisationServer::Instance {
                api: api.clone(),
                tenant: tenant.clone(),
            }),
            (None, _, _) => None,
        };
        let Some(resource_server) = resource.or(api) else {
            self.problems.push(format!(
                "the source has no address: write `resourceServer` ({})",
                written.at("/spec")
            ));
            return None;
        };
        Some(Addresses {
            resource_server,
            tenant,
            server,
        })
    }

    /// An https address, or a plain one on this machine.
    fn web_address(&mut self, setting: &Setting, at: &str) -> Option<Url> {
        let url = self.url(setting, WEB, at)?;
        if !url.username().is_empty() || url.password().is_some() {
            // Not shown: there is a password in it.
            self.problems.push(format!(
                "an address holds a user name or a password; say under `auth` how to authorise ({})",
                origin(setting, at)
            ));
            return None;
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            self.problems.push(format!(
                "{url} would send credentials unprotected; use https ({at})"
            ));
            return None;
        }
        Some(url)
    }

    /// An address the browser can be sent back to.
    fn callback_address(&mut self, setting: &Setting, at: &str) -> Option<Url> {
        let url = self.url(setting, WEB, at)?;
        match callback_fault(&url) {
            None => Some(url),
            Some((_, message, help)) => {
                self.problems
                    .push(format!("callbackUrl: {message}; {help} ({at})"));
                None
            }
        }
    }

    /// How to authorise to a source.
    pub(super) fn authorisation(
        &mut self,
        source: &Document<kinds::Source>,
        addresses: Option<&Addresses>,
    ) -> Option<rest::Authorisation> {
        let written = Written {
            name: source.name.as_str(),
            spec: &source.spec,
            positions: &source.positions,
        };
        match &written.spec.auth {
            kinds::Auth::None(_) => Some(rest::Authorisation::None),
            kinds::Auth::ApiKey(key) => Some(rest::Authorisation::ApiKey {
                name: key.name.clone(),
                value: self.secret(&key.value, &written.at("/spec/auth/apiKey/value"))?,
                place: match key.place {
                    kinds::KeyPlace::Header => rest::KeyPlace::Header,
                    kinds::KeyPlace::Query => rest::KeyPlace::Query,
                },
            }),
            kinds::Auth::Basic(basic) => {
                let username =
                    self.secret(&basic.username, &written.at("/spec/auth/basic/username"));
                let password =
                    self.secret(&basic.password, &written.at("/spec/auth/basic/password"));
                Some(rest::Authorisation::Basic {
                    username: username?,
                    password: password?,
                })
            }
            kinds::Auth::Bearer(bearer) => Some(rest::Authorisation::Bearer {
                token: self.secret(&bearer.token, &written.at("/spec/auth/bearer/token"))?,
                prefix: bearer.header_prefix.clone(),
            }),
            kinds::Auth::Oauth2(oauth2) => self.oauth2(&written, oauth2, addresses),
        }
    }

    fn oauth2(
        &mut self,
        written: &Written<'_>,
        oauth2: &kinds::OAuth2,
        addresses: Option<&Addresses>,
    ) -> Option<rest::Authorisation> {
        let at = |name: &str| written.at(&format!("/spec/auth/oauth2/{name}"));
        let client_id = self.secret(&oauth2.client_id, &at("clientId"));
        let mut optional = |secret: &Option<kinds::SecretRef>, name: &str| match secret {
            Some(secret) => self.secret(secret, &at(name)).map(Some),
            None => Some(None),
        };
        let client_secret = optional(&oauth2.client_secret, "clientSecret");
        let username = optional(&oauth2.username, "username");
        let password = optional(&oauth2.password, "password");
        let token_url = match &oauth2.token_url {
            Some(setting) => self.web_address(setting, &at("tokenUrl")).map(Some),
            None => Some(None),
        };
        let token_request = self.token_request(&oauth2.token_request, &at);
        let server = match token_url? {
            Some(token_url) => Some(rest::AuthorisationServer::Endpoint { token_url }),
            None => addresses?.server.clone(),
        };
        let Some(server) = server else {
            self.problems.push(format!(
                "nothing says where tokens come from: write `authorisationServer` or `tokenUrl` ({})",
                written.at("/spec/auth/oauth2")
            ));
            return None;
        };
        let grant = match oauth2.grant {
            kinds::Grant::ClientCredentials => rest::Grant::ClientCredentials,
            kinds::Grant::Password => rest::Grant::Password {
                username: username??,
                password: password??,
            },
            kinds::Grant::AuthorizationCode => {
                let authorization_url = match &oauth2.authorization_url {
                    Some(setting) => self.web_address(setting, &at("authorizationUrl")).map(Some),
                    None => Some(None),
                };
                // Checked with the document that there is one.
                let callback_url = oauth2
                    .callback_url
                    .as_ref()
                    .and_then(|setting| self.callback_address(setting, &at("callbackUrl")));
                let store = self.token_store(written, oauth2, &at);
                rest::Grant::Refresh {
                    first: rest::FirstToken::Login {
                        // Without a token endpoint of its own both follow from the server.
                        authorization_url: authorization_url?.or_else(|| {
                            oauth2.token_url.as_ref()?;
                            addresses?.login_page()
                        }),
                        callback_url: callback_url?,
                    },
                    store: store?,
                }
            }
            kinds::Grant::RefreshToken => {
                let place = at("refreshToken");
                let given = match &oauth2.refresh_token {
                    Some(secret) if self.is_set(secret) => self.secret(secret, &place).map(Some),
                    Some(_) | None => Some(None),
                };
                let from = match &oauth2.refresh_token {
                    Some(secret) => from(secret, &place),
                    None => format!(
                        "a `refreshToken` of the source ({})",
                        written.at("/spec/auth/oauth2")
                    ),
                };
                let store = self.token_store(written, oauth2, &at);
                rest::Grant::Refresh {
                    first: rest::FirstToken::Given {
                        token: given?,
                        from,
                    },
                    store: store?,
                }
            }
        };
        let halo = written.spec.preset == Some(kinds::Preset::Haloitsm);
        let scope = match &oauth2.scope {
            Some(scope) => scope.clone(),
            None if halo && oauth2.grant == kinds::Grant::AuthorizationCode => {
                vec![HALO_SCOPE.to_owned(), "offline_access".to_owned()]
            }
            None if halo => vec![HALO_SCOPE.to_owned()],
            None => Vec::new(),
        };
        Some(rest::Authorisation::OAuth(Box::new(rest::OAuth {
            grant,
            server,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
            prefix: oauth2.header_prefix.clone(),
            client_authentication: match oauth2.client_authentication {
                kinds::ClientAuthentication::Body => rest::ClientAuthentication::Body,
                kinds::ClientAuthentication::Header => rest::ClientAuthentication::Header,
            },
            token_request: token_request?,
            halo,
        })))
    }

    /// Whether there is anything where a secret is looked for; what is there may be no secret still.
    fn is_set(&self, secret: &kinds::SecretRef) -> bool {
        match secret {
            // CI systems give an empty variable for a secret that was taken away.
            kinds::SecretRef::Env(name) => self
                .environment
                .get(name)
                .is_some_and(|value| !value.is_empty()),
            kinds::SecretRef::File(path) => !matches!(
                std::fs::metadata(self.root.join(path)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound
            ),
        }
    }

    /// Where the source's login is kept.
    fn token_store(
        &mut self,
        written: &Written<'_>,
        oauth2: &kinds::OAuth2,
        at: &dyn Fn(&str) -> String,
    ) -> Option<Arc<dyn rest::TokenStore>> {
        match oauth2.token_store.as_ref()? {
            kinds::TokenStore::File(file) => {
                let place = at("tokenStore/file/identity");
                let path = self.setting(&file.path, &at("tokenStore/file/path"));
                let key = self.secret_lines(&file.identity, &place);
                let identity = vault::identity(&key?);
                let identity = match identity {
                    Ok(identity) => identity,
                    Err(why) => {
                        self.problems.push(format!("the identity {why} ({place})"));
                        return None;
                    }
                };
                // Checked with the document.
                let others = file
                    .recipients
                    .iter()
                    .filter_map(|recipient| recipient.parse().ok())
                    .collect();
                let path = self.root.join(path?);
                Some(Arc::new(vault::AgeFile::new(&path, identity, others)))
            }
            kinds::TokenStore::Keyring(_) => {
                let place = at("tokenStore/keyring");
                match self.keyring(written.name) {
                    Ok(keyring) => Some(Arc::new(keyring)),
                    Err(why) => {
                        self.problems.push(format!("{why} ({place})"));
                        None
                    }
                }
            }
        }
    }

    fn keyring(&self, source: &str) -> Result<vault::Keyring, String> {
        // Two projects on one desk may each have a source `people`.
        let project = hex::encode(&Sha256::digest(self.root.as_os_str().as_encoded_bytes())[..6]);
        let folder = ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"]
            .iter()
            .find_map(|name| {
                self.environment
                    .get(*name)
                    .filter(|value| !value.is_empty())
            })
            .map(|folder| std::path::Path::new(folder).join(".halosync"))
            .ok_or("neither XDG_RUNTIME_DIR nor HOME is set, so there is no place for a lock")?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        vault::Keyring::new(format!("{source}-{project}"), &folder).map_err(str::to_owned)
    }

    fn token_request(
        &mut self,
        written: &kinds::TokenRequest,
        at: &dyn Fn(&str) -> String,
    ) -> Option<rest::TokenRequest> {
        let mut secrets = Vec::new();
        let mut whole = true;
        let mut part = |values: &BTreeMap<String, Parameter>, part: &str| {
            let mut resolved = Vec::new();
            for (name, value) in values {
                let value = match value {
                    Parameter::Literal(text) => Some(SecretString::from(text.clone())),
                    Parameter::Reference(secret) => {
                        let place = at(&format!("tokenRequest/{part}/{name}"));
                        let value = self.secret(secret, &place);
                        secrets.extend(value.clone());
                        value
                    }
                };
                match value {
                    Some(value) => resolved.push((name.clone(), value)),
                    None => whole = false,
                }
            }
            resolved
        };
        let headers = part(&written.headers, "headers");
        let query = part(&written.query, "query");
        let body = part(&written.body, "body");
        whole.then_some(rest::TokenRequest {
            headers,
            query,
            body,
            secrets,
        })
    }
}

/// An address below another.
fn below(address: &Url, name: &str) -> Url {
    let mut url = address.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/{name}"));
    url
}
