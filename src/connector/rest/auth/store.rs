//! What is kept of a login between runs, and the promise of whatever keeps it.
//!
//! Knows neither files nor keyrings. Invariants: a refresh token is sent to the token endpoint it came from, for the
//! client it was given to, and nowhere else; whoever holds the lock is alone; what is stored says whether the token in
//! it may be spent already.

use std::any::Any;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroize as _;

use crate::connector::ConnectorError;

/// What begins a stored login.
const FORMAT: &str = "halosync/login/v1";

/// Keeps one login. Everything blocks on the disk or another program.
pub trait TokenStore: Send + Sync {
    /// Where it is kept, for messages.
    fn place(&self) -> String;

    /// Whether it could be written now; nothing is changed.
    ///
    /// # Errors
    /// When it could not.
    fn check(&self) -> Result<(), StoreError>;

    /// Keeps every other process out until the guard is dropped.
    ///
    /// # Errors
    /// When another one does not let go, or nothing can be locked.
    fn lock(&self) -> Result<Box<dyn Any + Send>, StoreError>;

    /// What is kept; `None` when there is nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self) -> Result<Option<SecretString>, StoreError>;

    /// Replaces what is kept, whole or not at all, and returns when it would survive a power cut.
    ///
    /// # Errors
    /// When it cannot be written; what was kept before is kept still.
    fn save(&self, text: &SecretString) -> Result<(), StoreError>;

    /// Deletes it; false when there was nothing.
    ///
    /// # Errors
    /// When it cannot be deleted.
    fn delete(&self) -> Result<bool, StoreError>;
}

/// Why a store does not serve, by what has to be done about it. The message names the store, what is wrong and the way
/// out; it never holds what is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings name a store that cannot be one: no such folder, no such program, another file in its place.
    #[error("{0}")]
    Misplaced(String),
    /// Whoever runs this may not have it: rights, a closed keyring, a key that does not fit.
    #[error("{0}")]
    Denied(String),
    /// It should work and does not: another process has it, the disk is full.
    #[error("{0}")]
    Broken(String),
}

impl StoreError {
    /// As a failure of the system the login is for; `message` says what it means for the login.
    pub(super) fn of(self, system: &str, before: &str) -> ConnectorError {
        let (system, message) = (system.to_owned(), format!("{before}{self}"));
        match self {
            Self::Misplaced(_) => ConnectorError::Setup { system, message },
            Self::Denied(_) => ConnectorError::Denied { system, message },
            Self::Broken(_) => ConnectorError::Unavailable { system, message },
        }
    }
}

/// A login as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredLogin {
    format: String,
    /// The token endpoint it came from.
    token_url: String,
    /// Digest of the client ID it was given to.
    client: String,
    refresh_token: String,
    /// Digest of the given token this one descends from, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given: Option<String>,
    /// When it came, RFC 3339.
    pub(super) since: jiff::Timestamp,
    /// Written before the token is sent: it may be spent when this is still set later.
    #[serde(default)]
    pub(super) sent: bool,
}

/// For whom a login is good.
pub(super) struct Holder {
    token_url: String,
    client: String,
}

impl Holder {
    pub(super) fn new(token_url: &Url, client_id: &SecretString) -> Self {
        Self {
            token_url: token_url.to_string(),
            client: digest(client_id),
        }
    }
}

/// Why what is kept cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not what this program writes.
    Foreign,
    /// It belongs to another client or came from another server.
    OfAnother,
}

impl Drop for StoredLogin {
    fn drop(&mut self) {
        self.refresh_token.zeroize();
    }
}

impl StoredLogin {
    pub(super) fn new(
        holder: &Holder,
        refresh_token: &SecretString,
        given: Option<&SecretString>,
        since: jiff::Timestamp,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            token_url: holder.token_url.clone(),
            client: holder.client.clone(),
            refresh_token: refresh_token.expose_secret().to_owned(),
            given: given.map(digest),
            since,
            sent: false,
        }
    }

    pub(super) fn parse(text: &SecretString, holder: &Holder) -> Result<Self, Unusable> {
        let login: Self =
            serde_json::from_str(text.expose_secret()).map_err(|_| Unusable::Foreign)?;
        if login.format != FORMAT {
            return Err(Unusable::Foreign);
        }
        if login.token_url != holder.token_url || login.client != holder.client {
            return Err(Unusable::OfAnother);
        }
        Ok(login)
    }

    /// As it is kept.
    pub(super) fn text(&self) -> Result<SecretString, StoreError> {
        serde_json::to_string(self)
            .map(SecretString::from)
            .map_err(|_| StoreError::Broken("the login cannot be written down".to_owned()))
    }

    pub(super) fn refresh_token(&self) -> SecretString {
        SecretString::from(self.refresh_token.clone())
    }

    /// Whether it descends from this given token.
    pub(super) fn descends_from(&self, given: &SecretString) -> bool {
        self.given.as_deref() == Some(digest(given).as_str())
    }

    /// The next one.
    pub(super) fn replaced(mut self, refresh_token: &SecretString, at: jiff::Timestamp) -> Self {
        self.refresh_token.zeroize();
        self.refresh_token = refresh_token.expose_secret().to_owned();
        self.since = at;
        self.sent = false;
        self
    }
}

fn digest(text: &SecretString) -> String {
    format!(
        "sha256:{}",
        hex::encode(Sha256::digest(text.expose_secret().as_bytes()))
    )
}

/// Does something with the store where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    store: &Arc<dyn TokenStore>,
    work: impl FnOnce(&dyn TokenStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || work(&*store))
        .await
        .unwrap_or_else(|_| Err(StoreError::Broken("the token store broke down".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn holder(server: &str, client: &str) -> Holder {
        Holder::new(&Url::parse(server).unwrap(), &secret(client))
    }

    #[test]
    fn a_login_is_of_use_only_to_whom_it_was_given() {
        let ours = holder("https://login.example.test/token", "client");
        let login = StoredLogin::new(&ours, &secret("r1"), None, jiff::Timestamp::UNIX_EPOCH);
        let text = login.text().unwrap();
        assert!(StoredLogin::parse(&text, &ours).is_ok());
        for other in [
            holder("https://login.example.com/token", "client"),
            holder("https://login.example.test/token", "other"),
        ] {
            assert_eq!(
                StoredLogin::parse(&text, &other).err(),
                Some(Unusable::OfAnother)
            );
        }
        for foreign in ["", "{}", "r1", r#"{"format":"other"}"#] {
            assert_eq!(
                StoredLogin::parse(&secret(foreign), &ours).err(),
                Some(Unusable::Foreign)
            );
        }
    }

    #[test]
    fn a_login_remembers_the_token_it_began_with() {
        let ours = holder("https://login.example.test/token", "client");
        let login = StoredLogin::new(
            &ours,
            &secret("r1"),
            Some(&secret("r1")),
            jiff::Timestamp::UNIX_EPOCH,
        );
        let next = login.replaced(&secret("r2"), jiff::Timestamp::UNIX_EPOCH);
        assert!(next.descends_from(&secret("r1")));
        assert!(!next.descends_from(&secret("r2")));
        assert!(!next.text().unwrap().expose_secret().contains("r1"));
    }
}
