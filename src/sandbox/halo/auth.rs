//! The token endpoint and what tokens allow.
//!
//! Knows nothing of people. Invariant: a token lives exactly as long as it says, by the simulator's own clock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::query::Parameters;

/// Every scope the vendor's clients know.
const AREAS: &[&str] = &[
    "tickets",
    "calendar",
    "customers",
    "crm",
    "timesheets",
    "contracts",
    "suppliers",
    "items",
    "projects",
    "sales",
    "quotes",
    "sos",
    "pos",
    "invoices",
    "reporting",
    "software",
    "softwarelicensing",
    "kb",
    "assets",
];

/// Whether a scope exists at all.
pub(super) fn exists(scope: &str) -> bool {
    if let Some(area) = scope
        .strip_prefix("read:")
        .or_else(|| scope.strip_prefix("edit:"))
    {
        return AREAS.contains(&area);
    }
    matches!(
        scope,
        "all"
            | "all:standard"
            | "admin"
            | "offline_access"
            | "editMine:timesheets"
            | "access:chat"
            | "access:adpasswordreset"
    )
}

/// The API application and its tokens.
pub(super) struct Application {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) tenant: Option<String>,
    /// Scopes the application may ask for; `all` allows every one.
    pub(super) granted: Vec<String>,
    pub(super) life: Duration,
    tokens: HashMap<String, Live>,
    refresh: HashMap<String, Vec<String>>,
    pub(super) issued: u64,
}

struct Live {
    until: Duration,
    scope: HashSet<String>,
}

/// A token answer, or the status and error code of a refusal.
pub(super) type Issued = Result<serde_json::Value, (u16, &'static str)>;

/// Whether a request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Fine,
    NoToken,
    NoScope,
}

impl Application {
    pub(super) fn new(
        client_id: String,
        client_secret: String,
        tenant: Option<String>,
        granted: Vec<String>,
        life: Duration,
    ) -> Self {
        Self {
            client_id,
            client_secret,
            tenant,
            granted,
            life,
            tokens: HashMap::new(),
            refresh: HashMap::new(),
            issued: 0,
        }
    }

    /// Answers a token request. The tenant may come in the query or in the form.
    pub(super) fn issue(&mut self, query: &Parameters, form: &Parameters, now: Duration) -> Issued {
        let tenant = query
            .get("tenant")
            .or_else(|| form.get("tenant"))
            .unwrap_or_default()
            .trim();
        if !tenant.eq_ignore_ascii_case(self.tenant.as_deref().unwrap_or_default()) {
            return Err((500, "tenant"));
        }
        if form.get("client_id") != Some(self.client_id.as_str())
            || form.get("client_secret") != Some(self.client_secret.as_str())
        {
            return Err((401, "invalid_client"));
        }
        let scope: Vec<String> = match form.get("grant_type") {
            Some("client_credentials") => form
                .get("scope")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            Some("refresh_token") => {
                // Single use: the answer brings the next one.
                form.get("refresh_token")
                    .and_then(|token| self.refresh.remove(token))
                    .ok_or((400, "invalid_grant"))?
            }
            _ => return Err((400, "unsupported_grant_type")),
        };
        let all = self.granted.iter().any(|granted| granted == "all");
        if scope
            .iter()
            .any(|scope| !exists(scope) || !(all || self.granted.contains(scope)))
        {
            return Err((400, "invalid_scope"));
        }
        self.issued += 1;
        self.tokens.retain(|_, live| live.until > now);
        let token = opaque();
        self.tokens.insert(
            token.clone(),
            Live {
                until: now + self.life,
                scope: scope.iter().cloned().collect(),
            },
        );
        let mut answer = serde_json::json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.life.as_secs(),
            "resource": "",
            "scope": scope.join(" "),
        });
        if scope.iter().any(|scope| scope == "offline_access") {
            let refresh = opaque();
            answer["refresh_token"] = refresh.clone().into();
            self.refresh.insert(refresh, scope);
        }
        Ok(answer)
    }

    /// Ends all tokens.
    pub(super) fn expire(&mut self) {
        self.tokens.clear();
    }

    /// Whether a request with this `Authorization` header may do what needs `scope`.
    pub(super) fn access(
        &self,
        header: Option<&str>,
        scope: Option<&str>,
        now: Duration,
    ) -> Access {
        let live = header
            .and_then(|header| header.split_once(' '))
            .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| self.tokens.get(token.trim()))
            .filter(|live| live.until > now);
        match (live, scope) {
            (None, _) => Access::NoToken,
            (Some(_), None) => Access::Fine,
            (Some(live), Some(scope)) => {
                // Who may edit an area may read it.
                let edit = scope.replace("read:", "edit:");
                let fine = ["all", "all:standard", scope, edit.as_str()]
                    .iter()
                    .any(|scope| live.scope.contains(*scope));
                if fine { Access::Fine } else { Access::NoScope }
            }
        }
    }
}

/// Looks like a JWT and says nothing.
fn opaque() -> String {
    format!(
        "eyJ{}.{}.{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}
