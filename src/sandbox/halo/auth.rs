//! The token endpoint and what tokens allow.
//!
//! Knows nothing of people. Invariant: a token lives exactly as long as it says, by the simulator's own clock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64::Engine as _;

use super::login::{Family, Logins, Redeemed};
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
    /// People who may log in, each with a password.
    pub(super) users: Vec<(String, String)>,
    /// What else lets requests through, and what token requests must carry.
    pub(super) doors: Doors,
    pub(super) logins: Logins,
    tokens: HashMap<String, Live>,
    pub(super) issued: u64,
}

struct Live {
    until: Duration,
    scope: HashSet<String>,
    family: Option<Family>,
}

/// Ways in besides a token, and demands on token requests. Of these HaloITSM itself has the key header only; the
/// others stand in for sources of other kinds.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Everybody may come in.
    pub open: bool,
    /// A header or parameter and the key in it.
    pub key: Option<(String, String)>,
    /// User name and password (RFC 7617).
    pub basic: Option<(String, String)>,
    /// A token that stays the same.
    pub bearer: Option<String>,
    /// The word before tokens in `Authorization`; `Bearer` when `None`, nothing when empty.
    pub prefix: Option<String>,
    /// What every token request must carry: `header`, `query` or `body`, name, value.
    pub demands: Vec<(&'static str, String, String)>,
    /// Client ID and secret must come in the `Authorization` header.
    pub client_in_header: bool,
}

/// A request as far as authorisation looks at it.
pub(super) struct Asked<'a> {
    pub(super) headers: &'a axum::http::HeaderMap,
    pub(super) query: &'a Parameters,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// User name and password of the `Authorization` header.
    fn basic(&self) -> Option<(String, String)> {
        let (kind, encoded) = self.header("authorization")?.split_once(' ')?;
        if !kind.eq_ignore_ascii_case("basic") {
            return None;
        }
        let plain = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (user, password) = plain.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }
}

/// A token answer, or the status and error code of a refusal.
pub(super) type Issued = Result<serde_json::Value, Refused>;

/// Status and error code of a refusal.
type Refused = (u16, &'static str);

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
            users: Vec::new(),
            doors: Doors::default(),
            logins: Logins::default(),
            tokens: HashMap::new(),
            issued: 0,
        }
    }

    /// Whether a request names this application's tenant.
    fn is_tenant(&self, query: &Parameters, form: &Parameters) -> bool {
        query
            .get("tenant")
            .or_else(|| form.get("tenant"))
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(self.tenant.as_deref().unwrap_or_default())
    }

    /// Answers a token request. The tenant may come in the query or in the form.
    pub(super) fn issue(&mut self, asked: &Asked<'_>, form: &Parameters, now: Duration) -> Issued {
        if !self.is_tenant(asked.query, form) {
            return Err((500, "tenant"));
        }
        let demanded = self.doors.demands.iter().all(|(place, name, value)| {
            let found = match *place {
                "header" => asked.header(name),
                "query" => asked.query.get(name),
                _ => form.get(name),
            };
            found == Some(value.as_str())
        });
        if !demanded {
            return Err((400, "invalid_request"));
        }
        // RFC 6749 section 2.3.1 encodes both parts before joining them.
        let decoded = |text: &str| {
            url::form_urlencoded::parse(format!("a={text}").as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let header = asked
            .basic()
            .map(|(id, secret)| (decoded(&id), decoded(&secret)));
        let (id, secret) = match &header {
            Some((id, secret)) => (id.as_str(), secret.as_str()),
            None if self.doors.client_in_header => return Err((401, "invalid_client")),
            None => (
                form.get("client_id").unwrap_or_default(),
                form.get("client_secret").unwrap_or_default(),
            ),
        };
        if id != self.client_id || secret != self.client_secret {
            return Err((401, "invalid_client"));
        }
        let asked_scope = || -> Vec<String> {
            form.get("scope")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        let (scope, family) = match form.get("grant_type") {
            // A public client has nothing to show for itself.
            Some("client_credentials") if !self.client_secret.is_empty() => (asked_scope(), None),
            Some("password") => {
                let user = form.get("username").unwrap_or_default();
                let password = form.get("password").unwrap_or_default();
                if !self.knows(user, password) {
                    return Err((400, "invalid_grant"));
                }
                (asked_scope(), None)
            }
            Some("authorization_code") => {
                let redeemed = self.logins.redeem_code(form, now);
                self.redeemed(redeemed)?
            }
            Some("refresh_token") => {
                let redeemed = self.logins.redeem_refresh(form);
                self.redeemed(redeemed)?
            }
            _ => return Err((400, "unsupported_grant_type")),
        };
        if !self.may_ask_for(&scope) {
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
                family,
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
            let family = family.unwrap_or_else(|| self.logins.family());
            answer["refresh_token"] = self.logins.refresh_token(scope, family).into();
        }
        Ok(answer)
    }

    /// Scope and login of a code or refresh token. One used before ends the whole login.
    fn redeemed(&mut self, redeemed: Redeemed) -> Result<(Vec<String>, Option<Family>), Refused> {
        match redeemed {
            Redeemed::Fine { scope, family } => Ok((scope, Some(family))),
            Redeemed::Replayed(family) => {
                self.logins.end(family);
                self.tokens.retain(|_, live| live.family != Some(family));
                Err((400, "invalid_grant"))
            }
            Redeemed::Unknown => Err((400, "invalid_grant")),
        }
    }

    fn knows(&self, user: &str, password: &str) -> bool {
        self.users
            .iter()
            .any(|(name, secret)| name == user && secret == password)
    }

    fn may_ask_for(&self, scope: &[String]) -> bool {
        let all = self.granted.iter().any(|granted| granted == "all");
        scope
            .iter()
            .all(|scope| exists(scope) && (all || self.granted.contains(scope)))
    }

    /// Whether an authorisation request can be shown to anybody. Its callback must be on this machine: nothing else
    /// is registered here.
    pub(super) fn can_log_in(&self, query: &Parameters) -> Result<(), &'static str> {
        let redirect = query.get("redirect_uri").unwrap_or_default();
        let here = url::Url::parse(redirect).is_ok_and(|url| {
            url.scheme() == "http"
                && match url.host() {
                    Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                    Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                    Some(url::Host::Domain(name)) => name == "localhost",
                    None => false,
                }
        });
        if !self.is_tenant(query, &Parameters::default()) {
            Err("unknown tenant")
        } else if query.get("client_id") != Some(self.client_id.as_str()) {
            Err("unknown client")
        } else if !here {
            Err("unknown redirect_uri")
        } else {
            Ok(())
        }
    }

    /// What the person at the login page is sent back with: parameters of the callback address, or that they must try
    /// again.
    pub(super) fn log_in(
        &mut self,
        query: &Parameters,
        form: &Parameters,
        now: Duration,
    ) -> Option<Vec<(&'static str, String)>> {
        let error = |code: &str| vec![("error", code.to_owned())];
        let mut answer = if query.get("response_type") != Some("code") {
            error("unsupported_response_type")
        } else if query.get("code_challenge_method") != Some("S256") {
            error("invalid_request")
        } else if form.get("deny").is_some() {
            error("access_denied")
        } else {
            let scope: Vec<String> = query
                .get("scope")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            if !self.may_ask_for(&scope) {
                error("invalid_scope")
            } else if self.knows(
                form.get("username").unwrap_or_default(),
                form.get("password").unwrap_or_default(),
            ) {
                let code = self.logins.agree(
                    query.get("code_challenge").unwrap_or_default(),
                    query.get("redirect_uri").unwrap_or_default(),
                    scope,
                    now,
                );
                vec![("code", code)]
            } else {
                return None;
            }
        };
        answer.extend(query.get("state").map(|state| ("state", state.to_owned())));
        Some(answer)
    }

    /// Ends all tokens.
    pub(super) fn expire(&mut self) {
        self.tokens.clear();
    }

    /// Whether a request may do what needs `scope`.
    pub(super) fn access(&self, asked: &Asked<'_>, scope: Option<&str>, now: Duration) -> Access {
        if self.has_other_door(asked) {
            return Access::Fine;
        }
        let prefix = self.doors.prefix.as_deref().unwrap_or("Bearer");
        let live = asked
            .header("authorization")
            .and_then(|header| match prefix {
                "" => Some(header),
                prefix => {
                    let (word, token) = header.split_at_checked(prefix.len())?;
                    (word.eq_ignore_ascii_case(prefix) && token.starts_with(' ')).then_some(token)
                }
            })
            .and_then(|token| self.tokens.get(token.trim()))
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

    fn has_other_door(&self, asked: &Asked<'_>) -> bool {
        let doors = &self.doors;
        let key = doors.key.as_ref().is_some_and(|(name, key)| {
            asked.header(name) == Some(key.as_str())
                || asked.query.get(&name.to_ascii_lowercase()) == Some(key.as_str())
        });
        let basic = doors.basic.is_some() && asked.basic() == doors.basic;
        let bearer = doors.bearer.as_ref().is_some_and(|token| {
            let prefix = doors.prefix.as_deref().unwrap_or("Bearer");
            asked.header("authorization") == Some(format!("{prefix} {token}").trim_start())
        });
        doors.open || key || basic || bearer
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
