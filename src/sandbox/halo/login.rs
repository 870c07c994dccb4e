//! Logging in as a person: `/auth/authorize`, codes with PKCE, and refresh tokens that are good for one use.
//!
//! Knows nothing of HTTP. Invariants: a code and a refresh token are each good once; one used again ends everything
//! that came of its login (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::query::Parameters;

/// Life of a code; RFC 6749 section 4.1.2 wants at most ten minutes.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// Which login something came of.
pub(super) type Family = u64;

/// Codes and refresh tokens, live and spent.
#[derive(Default)]
pub(super) struct Logins {
    families: Family,
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Refresh>,
}

struct Code {
    challenge: String,
    redirect: String,
    scope: Vec<String>,
    family: Family,
    until: Duration,
    used: bool,
}

struct Refresh {
    scope: Vec<String>,
    family: Family,
    used: bool,
}

/// What a spent or live token gives.
pub(super) enum Redeemed {
    Fine {
        scope: Vec<String>,
        family: Family,
    },
    /// Used before: everything of this login must end.
    Replayed(Family),
    Unknown,
}

impl Logins {
    /// A login that was agreed to: gives the code.
    pub(super) fn agree(
        &mut self,
        challenge: &str,
        redirect: &str,
        scope: Vec<String>,
        now: Duration,
    ) -> String {
        self.families += 1;
        let code = uuid::Uuid::new_v4().simple().to_string();
        self.codes.insert(
            code.clone(),
            Code {
                challenge: challenge.to_owned(),
                redirect: redirect.to_owned(),
                scope,
                family: self.families,
                until: now + CODE_LIFE,
                used: false,
            },
        );
        code
    }

    /// Takes a code in.
    pub(super) fn redeem_code(&mut self, form: &Parameters, now: Duration) -> Redeemed {
        let Some(code) = form.get("code").and_then(|code| self.codes.get_mut(code)) else {
            return Redeemed::Unknown;
        };
        if code.used {
            return Redeemed::Replayed(code.family);
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        let proven = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == code.challenge;
        if !proven || code.until <= now || form.get("redirect_uri") != Some(&code.redirect) {
            return Redeemed::Unknown;
        }
        code.used = true;
        Redeemed::Fine {
            scope: code.scope.clone(),
            family: code.family,
        }
    }

    /// Takes a refresh token in.
    pub(super) fn redeem_refresh(&mut self, form: &Parameters) -> Redeemed {
        let Some(token) = form
            .get("refresh_token")
            .and_then(|token| self.refresh.get_mut(token))
        else {
            return Redeemed::Unknown;
        };
        if token.used {
            return Redeemed::Replayed(token.family);
        }
        token.used = true;
        Redeemed::Fine {
            scope: token.scope.clone(),
            family: token.family,
        }
    }

    /// A new login without a code, as some servers count client credentials with `offline_access`.
    pub(super) fn family(&mut self) -> Family {
        self.families += 1;
        self.families
    }

    /// Gives the next refresh token of a login.
    pub(super) fn refresh_token(&mut self, scope: Vec<String>, family: Family) -> String {
        let token = uuid::Uuid::new_v4().simple().to_string();
        self.refresh.insert(
            token.clone(),
            Refresh {
                scope,
                family,
                used: false,
            },
        );
        token
    }

    /// Ends everything of a login.
    pub(super) fn end(&mut self, family: Family) {
        self.refresh.retain(|_, token| token.family != family);
        self.codes.retain(|_, code| code.family != family);
    }

    /// Ends all logins, as an administrator can.
    pub(super) fn end_all(&mut self) {
        self.refresh.clear();
        self.codes.clear();
    }
}
