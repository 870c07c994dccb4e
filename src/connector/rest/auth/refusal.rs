//! What it means when the token endpoint gives no token.
//!
//! Keeps that what a server says is shown shortened and without secrets, and that only what may pass is tried again.

use http::HeaderMap;

use super::oauth::{Exchange, Flow};
use crate::connector::ConnectorError;
use crate::connector::rest::http::Answer;
use crate::connector::rest::message::message_in;
use crate::connector::rest::pace::Pace;
use crate::connector::rest::retry::Failure;

/// A token request that failed for good.
pub(super) struct Refused {
    pub(super) error: ConnectorError,
    /// The error code of RFC 6749 section 5.2, when the server gave one last.
    pub(super) code: Option<String>,
    /// Whether an attempt reached the server, for all that is known, and its answer did not arrive whole: the server
    /// may have acted on it.
    pub(super) unanswered: bool,
}

impl From<ConnectorError> for Refused {
    fn from(error: ConnectorError) -> Self {
        Self {
            error,
            code: None,
            unanswered: false,
        }
    }
}

impl From<Refused> for ConnectorError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

pub(super) fn oauth_error(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("error")?.as_str()?.to_ascii_lowercase())
}

impl Flow {
    pub(super) fn garbled(&self, message: &str) -> Failure {
        Failure::Garbled {
            message: message.to_owned(),
            hint: self.not_authorisation(),
            body: None,
        }
    }

    pub(super) fn not_authorisation(&self) -> &'static str {
        if self.settings.halo {
            "is this the authorisation server under Configuration > Integrations > Halo API (it usually ends in /auth)?"
        } else {
            "is this the token endpoint?"
        }
    }

    /// What a status other than 200 from the token endpoint means.
    pub(super) fn refusal(&self, pace: &Pace, answer: &Answer, exchange: &Exchange<'_>) -> Failure {
        let said = pace.redactor.line(&message_in(&answer.body));
        let status = answer.status.as_u16();
        let told = format!("the token endpoint gave status {status}: {said}");
        let system = pace.system.clone();
        let after = |headers: &HeaderMap| pace.retry_after(headers);
        let code = oauth_error(&answer.body);
        let halo = self.settings.halo;
        let denied = |hint: &str| {
            Failure::Final(ConnectorError::Denied {
                system: system.clone(),
                message: format!("{told}; {hint}"),
            })
        };
        match (status, code.as_deref()) {
            (429, _) => Failure::Throttled {
                after: after(&answer.headers),
                message: said,
            },
            (_, Some("invalid_client")) => denied(if halo {
                "the client ID or the client secret is wrong, or the application is not registered for \"Client ID and \
                 Secret (Services)\""
            } else {
                "the client ID or the client secret is wrong, or the server wants them in another place \
                 (clientAuthentication)"
            }),
            (_, Some("invalid_scope")) => denied(if halo {
                "a scope is unknown or not granted to the application. There is no read:users: reading people needs \
                 read:customers"
            } else {
                "a scope is unknown or not granted to the application"
            }),
            (_, Some("invalid_grant")) => denied(match exchange {
                Exchange::ClientCredentials => "the application may not use this grant",
                Exchange::Password { .. } => "the user name or the password is wrong",
                Exchange::Refresh(_) => {
                    return Failure::Final(ConnectorError::Denied {
                        system,
                        message: format!(
                            "the authorisation server refused the refresh token (`invalid_grant`, status {status}: \
                             {said}): it has expired, was revoked, or was used before"
                        ),
                    });
                }
                Exchange::Code { .. } => {
                    "the code has expired or was used before, or was made for another callback address or another \
                     login; nothing was stored, log in again"
                }
            }),
            (_, Some("unauthorized_client" | "unsupported_grant_type")) => denied(
                "the application may not use this grant: compare `grant` with how the application is registered",
            ),
            // A wrong tenant stays wrong; two more attempts tell it from a server in trouble.
            (500, _) if halo => Failure::Flaky {
                after: after(&answer.headers),
                message: told,
                hint: "HaloITSM answers like this to a wrong tenant: compare with Configuration > Integrations > Halo \
                       API, and leave the tenant out for a self-hosted instance",
                retries: 2,
            },
            (500 | 502..=504, _) => Failure::Flaky {
                after: after(&answer.headers),
                message: told,
                hint: "",
                retries: 5,
            },
            (400 | 401 | 403, _) => denied(if halo {
                "check the client ID, the client secret and the tenant"
            } else {
                "check the client ID, the client secret and what else the server wants (tokenRequest)"
            }),
            (300..=399, _) => Failure::Final(ConnectorError::Unavailable {
                system,
                message: format!(
                    "the token endpoint sends us to {}; a client secret is not sent on: set the authorisation \
                     server to where it is",
                    pace.redirect_target(&answer.headers)
                ),
            }),
            _ => Failure::Final(ConnectorError::Unavailable {
                system,
                message: format!("{told}; {}", self.not_authorisation()),
            }),
        }
    }
}
