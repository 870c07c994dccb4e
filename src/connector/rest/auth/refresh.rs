//! Living on a refresh token that is good for one use (RFC 6749 section 6, RFC 9700 section 4.14).
//!
//! Invariants: one process at a time has the token, from reading it to having stored its successor; that the store can
//! be written is shown before the token is sent, because afterwards it is spent; the successor is on disk before the
//! access token that came with it is used; what may be lost is said, and what to do.

use std::sync::Arc;

use oauth2::TokenResponse as _;
use oauth2::basic::BasicTokenResponse;
use secrecy::SecretString;

use super::endpoint::TokenEndpoint;
use super::oauth::{Exchange, Flow};
use super::settings::FirstToken;
use super::store::{Holder, StoreError, StoredLogin, TokenStore, Unusable, blocking};
use crate::connector::ConnectorError;
use crate::connector::rest::pace::Pace;

impl Flow {
    /// Uses the stored refresh token and stores the next one.
    pub(super) async fn refresh(
        &self,
        pace: &Pace,
        endpoint: &TokenEndpoint,
        store: &Arc<dyn TokenStore>,
        first: &FirstToken,
    ) -> Result<BasicTokenResponse, ConnectorError> {
        let broken = |error: StoreError| error.of(&pace.system, "");
        let _alone = blocking(store, |store| store.lock())
            .await
            .map_err(broken)?;
        let kept = blocking(store, |store| store.load())
            .await
            .map_err(broken)?;
        let holder = Holder::new(&endpoint.url, &self.settings.client_id);
        let mut login = self.current_login(pace, store, first, &holder, kept.as_ref())?;
        let token = login.refresh_token();
        pace.redactor.guard(token.clone());
        let lost_before = std::mem::replace(&mut login.sent, true);
        // Also the proof that the store takes what it will be given: the token is not spent on a full disk.
        self.keep(store, &login).await.map_err(|error| {
            error.of(
                &pace.system,
                "the login could not be replaced afterwards, so its refresh token was not used: ",
            )
        })?;
        // An answer that got lost is asked for again with the same token: if the server spent it, it is lost either
        // way, and servers with a leeway give its successor once more.
        let answer = match self
            .patiently(pace, endpoint, &Exchange::Refresh(&token))
            .await
        {
            Ok(answer) => answer,
            Err(refused) => {
                // What the server answered settles what became of the token; only silence leaves it open.
                login.sent = lost_before || refused.unanswered;
                if !login.sent {
                    let _ = self.keep(store, &login).await;
                }
                if refused.code.as_deref() != Some("invalid_grant") {
                    return Err(refused.error);
                }
                let before = if refused.unanswered {
                    "; an answer to this run got lost before, so the server may have spent it then"
                } else if lost_before {
                    "; an earlier run ended between using it and storing its successor"
                } else {
                    ""
                };
                return Err(match refused.error {
                    ConnectorError::Denied { system, message } => ConnectorError::Denied {
                        system,
                        message: format!("{message}{before}; {}", self.way_back(pace, first)),
                    },
                    other => other,
                });
            }
        };
        // A server that does not rotate sends none, and the old one stays good.
        let next = answer
            .refresh_token()
            .map_or(token, |next| SecretString::from(next.secret().to_owned()));
        let login = login.replaced(&next, (pace.clock)());
        let mut kept = self.keep(store, &login).await;
        if kept.is_err() {
            kept = self.keep(store, &login).await;
        }
        kept.map_err(|error| {
            let before = format!(
                "the server gave a new refresh token and it could not be stored; the old one is spent, so the login is \
                 lost: mend the store, then {}: ",
                self.way_back(pace, first)
            );
            error.of(&pace.system, &before)
        })?;
        Ok(answer)
    }

    /// The login to use now: what is kept, or the given token when that is newer.
    fn current_login(
        &self,
        pace: &Pace,
        store: &Arc<dyn TokenStore>,
        first: &FirstToken,
        holder: &Holder,
        kept: Option<&SecretString>,
    ) -> Result<StoredLogin, ConnectorError> {
        let denied = |why: String| ConnectorError::Denied {
            system: pace.system.clone(),
            message: format!("{why}; {}", self.way_back(pace, first)),
        };
        let parsed = kept.map(|text| StoredLogin::parse(text, holder));
        let given = match first {
            FirstToken::Given { token, .. } => token.as_ref(),
            FirstToken::Login { .. } => None,
        };
        match (parsed, given) {
            (Some(Err(Unusable::Foreign)), _) => Err(ConnectorError::Setup {
                system: pace.system.clone(),
                message: format!(
                    "{} holds something that is no login of halosync and is left alone; name another place under `tokenStore`",
                    store.place()
                ),
            }),
            (Some(Ok(login)), Some(given)) if login.descends_from(given) => Ok(login),
            (_, Some(given)) => Ok(StoredLogin::new(holder, given, Some(given), (pace.clock)())),
            (Some(Ok(login)), None) => Ok(login),
            (Some(Err(Unusable::OfAnother)), None) => Err(denied(format!(
                "the login in {} belongs to another client or came from another server, and is not sent to this one",
                store.place()
            ))),
            (None, None) => Err(denied(match first {
                FirstToken::Login { .. } => format!("there is no login in {}", store.place()),
                FirstToken::Given { .. } => format!(
                    "there is no refresh token: no first one is set, and {} holds no later one",
                    store.place()
                ),
            })),
        }
    }

    pub(super) async fn keep(
        &self,
        store: &Arc<dyn TokenStore>,
        login: &StoredLogin,
    ) -> Result<(), StoreError> {
        let text = login.text()?;
        blocking(store, move |store| store.save(&text)).await
    }

    fn way_back(&self, pace: &Pace, first: &FirstToken) -> String {
        match first {
            FirstToken::Login { .. } => {
                let source = pace.system.rsplit(' ').next().unwrap_or_default();
                format!("log in again with `halosync login {source}`")
            }
            FirstToken::Given { from, .. } => {
                format!("put a fresh refresh token into {from}")
            }
        }
    }
}
