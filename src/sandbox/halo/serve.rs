//! From a request to an answer: counting, limit, faults, authorisation, routes.
//!
//! Invariant: no lock is held while waiting.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::auth::{Access, Application, Asked};
use super::fault::{ErrorShape, Fault, On};
use super::line::Cut;
use super::query::Parameters;
use super::users::{self, Refusal};
use super::{Inner, Version};

/// Largest request body taken in.
const LARGEST_BODY: usize = 16 << 20;

/// A limit over a rolling window.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    length: Duration,
    seen: VecDeque<Duration>,
}

impl Window {
    pub(super) fn new(limit: u32, length: Duration) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            length,
            seen: VecDeque::new(),
        }
    }

    /// Lets a request through, or says how long until one would be.
    fn pass(&mut self, now: Duration) -> Result<(), Duration> {
        while self
            .seen
            .front()
            .is_some_and(|moment| *moment + self.length <= now)
        {
            self.seen.pop_front();
        }
        if self.seen.len() < self.limit {
            self.seen.push_back(now);
            return Ok(());
        }
        Err(self.seen.front().map_or(self.length, |moment| {
            (*moment + self.length).saturating_sub(now)
        }))
    }

    fn text(&self) -> String {
        format!(
            "Rate Limit Reached - {} Requests per rolling {} minute window",
            self.limit,
            self.length.as_secs() / 60
        )
    }
}

/// An answer before it is put on the line.
struct Reply {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

impl Reply {
    fn json(status: u16, value: &Value) -> Self {
        Self {
            status,
            kind: "application/json; charset=utf-8",
            body: value.to_string().into_bytes(),
            headers: Vec::new(),
        }
    }

    fn text(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: text.into().into_bytes(),
            headers: Vec::new(),
        }
    }

    fn html(status: u16, title: &str) -> Self {
        Self {
            status,
            kind: "text/html; charset=utf-8",
            body: format!(
                "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
            )
            .into_bytes(),
            headers: Vec::new(),
        }
    }

    fn error(status: u16, shape: ErrorShape, message: &str) -> Self {
        match shape {
            ErrorShape::JsonString => Self::json(status, &json!(message)),
            ErrorShape::DotNet => Self::json(
                status,
                &json!({"ClassName": "System.Exception", "Message": message, "Data": null}),
            ),
            ErrorShape::Message => Self::json(status, &json!({"Message": message})),
            ErrorShape::Error => Self::json(status, &json!({"error": message})),
            ErrorShape::ResultCode => Self::json(
                status,
                &json!({"resultCode": status, "errorMessage": message}),
            ),
            ErrorShape::Plain => Self::text(status, message),
            ErrorShape::Html => Self::html(status, message),
            ErrorShape::Empty => Self::text(status, ""),
        }
    }

    fn refusal((status, message): Refusal) -> Self {
        Self::error(status, ErrorShape::JsonString, &message)
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, super::Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers every request.
pub(super) async fn answer(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return put(Reply::text(413, "The request is too large"), &[]);
    };
    let path = parts.uri.path().trim_end_matches('/').to_ascii_lowercase();
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let on = if path.starts_with("/auth") {
        On::Token
    } else {
        On::Api
    };
    let faults = {
        let mut shared = inner.lock();
        shared.count(&parts.method, &path, parts.uri.query());
        shared.schedule.begin(on)
    };
    for fault in &faults {
        if let Fault::Slow(length) = fault {
            tokio::time::sleep(*length).await;
        }
    }
    if faults.contains(&Fault::ResetConnection) {
        cut.now();
        return put(Reply::text(200, ""), &[]);
    }
    let reply = match early(&faults, &parts.headers, &body) {
        Some(reply) => reply,
        None => inner.route(&parts.method, &path, &query, &parts.headers, &body, &faults),
    };
    if faults.contains(&Fault::ResetAfterCommit) {
        cut.now();
    }
    put(reply, &faults)
}

/// Faults that are an answer by themselves.
fn early(faults: &[Fault], headers: &HeaderMap, body: &[u8]) -> Option<Reply> {
    faults.iter().find_map(|fault| match fault {
        Fault::Html200 => Some(Reply::html(200, "Down for maintenance")),
        Fault::Status(status, shape, message) => Some(Reply::error(*status, *shape, message)),
        Fault::Echo(status) => {
            let header = headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            let form = String::from_utf8_lossy(body);
            Some(Reply::text(
                *status,
                format!("cannot work with {header} and {form}"),
            ))
        }
        Fault::Throttle(after) => {
            let mut reply = Reply::text(
                429,
                "Rate Limit Reached - 300 Requests per rolling 5 minute window",
            );
            if let Some(after) = after {
                reply.headers.push(("retry-after", after.clone()));
            }
            Some(reply)
        }
        Fault::Redirect(to) => {
            let mut reply = Reply::text(307, "");
            reply.headers.push(("location", to.clone()));
            Some(reply)
        }
        Fault::Body(body) => Some(Reply {
            body: body.clone().into_bytes(),
            ..Reply::json(200, &Value::Null)
        }),
        _ => None,
    })
}

fn put(reply: Reply, faults: &[Fault]) -> Response<Body> {
    let mut bytes = reply.body;
    let whole = bytes.len();
    let halved = faults.contains(&Fault::TruncatedJson);
    let broken = faults.contains(&Fault::BrokenOff);
    if halved || broken {
        bytes.truncate(whole / 2);
    }
    let body = if broken {
        // Fewer bytes than announced, then the end: hyper closes the connection.
        let parts: [Result<Bytes, std::io::Error>; 2] =
            [Ok(bytes.into()), Err(std::io::ErrorKind::BrokenPipe.into())];
        Body::from_stream(futures::stream::iter(parts))
    } else {
        Body::from(bytes)
    };
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, reply.kind);
    if broken {
        builder = builder.header(header::CONTENT_LENGTH, whole);
    }
    for (name, value) in reply.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(body)
        .unwrap_or_else(|_| Response::new(Body::empty()))
}

impl Inner {
    fn route(
        &self,
        method: &Method,
        path: &str,
        query: &Parameters,
        headers: &HeaderMap,
        body: &[u8],
        faults: &[Fault],
    ) -> Reply {
        let now = (self.clock)();
        let mut guard = self.lock();
        let shared = &mut *guard;
        for fault in faults {
            match fault {
                Fault::ExpireTokens => shared.application.expire(),
                Fault::EndLogins => shared.application.logins.end_all(),
                Fault::Insert(people) => {
                    for person in people {
                        shared.world.put(person.clone());
                    }
                }
                Fault::Delete(ids) => {
                    for id in ids {
                        shared.world.remove(*id);
                    }
                }
                _ => {}
            }
        }
        if path == "/auth/token" || path == "/token" {
            return self.token(shared, method, query, headers, body, now);
        }
        if path == "/auth/authorize" {
            return authorize(&mut shared.application, method, query, body, now);
        }
        let Some(path) = path.strip_prefix("/api") else {
            return Reply::html(404, "Not found");
        };
        if let Some(window) = &mut shared.window
            && let Err(wait) = window.pass(now)
        {
            let mut reply = Reply::text(429, window.text());
            if self.retry_after {
                reply
                    .headers
                    .push(("retry-after", (wait.as_secs() + 1).to_string()));
            }
            return reply;
        }
        if path == "/authinfo" {
            return Reply::json(
                200,
                &json!({
                    "auth_url": format!("{}auth", self.url),
                    "tenant_id": shared.application.tenant.clone().unwrap_or_default(),
                    "integrationServiceUrl": "",
                }),
            );
        }
        let asked = Asked { headers, query };
        let writing = method != Method::GET;
        let area = path.split('/').nth(1).unwrap_or_default();
        let scope = match (area, writing) {
            ("users" | "site" | "client" | "fieldinfo", false) => Some("read:customers"),
            ("users" | "site" | "client" | "fieldinfo", true) => Some("edit:customers"),
            ("actions", false) => Some("read:tickets"),
            ("actions", true) => Some("edit:tickets"),
            _ => None,
        };
        match shared.application.access(&asked, scope, now) {
            Access::NoToken => return Reply::text(401, "Unauthorized"),
            Access::NoScope => {
                return Reply::error(
                    403,
                    ErrorShape::Message,
                    "You do not have permission to do this",
                );
            }
            Access::Fine => {}
        }
        let created = match self.paging.version {
            Version::V2024 => 200,
            Version::V2026 => 201,
        };
        let world = &mut shared.world;
        let outcome = match (method.as_str(), area, path.split('/').nth(2)) {
            ("GET", "users", None) => {
                users::list(world, query, self.paging, faults).map(|value| (200, value))
            }
            ("GET", "users", Some(id)) => users::one(world, id).map(|value| (200, value)),
            ("POST", "users", None) => {
                users::post(world, query, body, &self.stamp(now)).map(|value| (created, value))
            }
            ("DELETE", "users", Some(id)) => users::delete(world, id).map(|value| (200, value)),
            ("GET", "site", None) => Ok((200, sites(world))),
            ("GET", "site", Some(id)) => one_of(&sites(world)["sites"], id),
            ("GET", "client", None) => Ok((200, clients(world))),
            ("GET", "client", Some(id)) => one_of(&clients(world)["clients"], id),
            ("GET", "fieldinfo", None) => Ok((200, world.field_info().into())),
            ("GET", "actions", None) => Ok((
                200,
                json!({"record_count": world.actions.len(), "actions": world.actions}),
            )),
            ("POST", "actions", None) => {
                act(&mut world.actions, body).map(|value| (created, value))
            }
            ("GET", "instanceinfo", None) => Ok((
                200,
                json!({"auth_url": format!("{}auth", self.url), "app_version": "2.200"}),
            )),
            (_, "users" | "site" | "client" | "actions", _) => Err((
                405,
                "The requested resource does not support this method".to_owned(),
            )),
            _ => Err((404, "No such endpoint".to_owned())),
        };
        match outcome {
            Ok((status, value)) => Reply::json(status, &value),
            Err(refusal) => Reply::refusal(refusal),
        }
    }

    fn token(
        &self,
        shared: &mut super::Shared,
        method: &Method,
        query: &Parameters,
        headers: &HeaderMap,
        body: &[u8],
        now: Duration,
    ) -> Reply {
        if method != Method::POST {
            return Reply::text(405, "Method Not Allowed");
        }
        let form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| {
                kind.to_ascii_lowercase()
                    .starts_with("application/x-www-form-urlencoded")
            });
        if !form {
            return Reply::json(400, &json!({"error": "invalid_request"}));
        }
        match shared
            .application
            .issue(&Asked { headers, query }, &Parameters::parse(body), now)
        {
            Ok(answer) => {
                let mut reply = Reply::json(200, &answer);
                reply.headers.push(("cache-control", "no-store".to_owned()));
                reply
            }
            // A wrong tenant has no database to look in.
            Err((500, _)) => Reply::html(500, "An error occurred while processing your request"),
            Err((status, code)) => Reply::json(status, &json!({"error": code})),
        }
    }

    /// A moment as HaloITSM stores it: UTC without a zone mark.
    fn stamp(&self, now: Duration) -> String {
        let moment = jiff::SignedDuration::try_from(now)
            .ok()
            .and_then(|since| self.epoch.checked_add(since).ok())
            .unwrap_or(self.epoch);
        moment.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

/// The one with this id, as its own record: the bare object.
fn one_of(rows: &Value, id: &str) -> Result<(u16, Value), Refusal> {
    rows.as_array()
        .into_iter()
        .flatten()
        .find(|row| row["id"].as_i64() == id.parse().ok())
        .map(|row| (200, row.clone()))
        .ok_or_else(|| (404, "No such record".to_owned()))
}

/// The page people log in at. Its form comes back to the same address.
fn authorize(
    application: &mut Application,
    method: &Method,
    query: &Parameters,
    body: &[u8],
    now: Duration,
) -> Reply {
    if let Err(why) = application.can_log_in(query) {
        // Nobody is sent anywhere before it is known that the address is the application's.
        return Reply::html(400, why);
    }
    let form = Parameters::parse(body);
    let answer = (method == Method::POST).then(|| application.log_in(query, &form, now));
    let Some(Some(answer)) = answer else {
        let mut page = Reply::html(if answer.is_some() { 401 } else { 200 }, "Log in");
        page.body.extend_from_slice(
            b"<form method=\"post\"><input name=\"username\"><input name=\"password\" type=\"password\">\
              <button>Log in</button><button name=\"deny\" value=\"1\">Cancel</button></form>",
        );
        return page;
    };
    let Ok(mut back) = url::Url::parse(query.get("redirect_uri").unwrap_or_default()) else {
        return Reply::html(400, "unknown redirect_uri");
    };
    back.query_pairs_mut().extend_pairs(answer);
    let mut reply = Reply::text(303, "");
    reply.headers.push(("location", back.to_string()));
    reply
}

fn sites(world: &super::world::World) -> Value {
    let rows: Vec<Value> = world
        .sites()
        .filter(|site| !world.hidden_clients.contains(&site.client_id))
        .map(|site| {
            json!({"id": site.id, "name": site.name, "client_id": super::person::double(site.client_id),
                "client_name": site.client_name, "clientsite_name": format!("{}/{}", site.client_name, site.name),
                "inactive": false, "timezone": site.timezone, "messagegroup_id": -1, "use": "site"})
        })
        .collect();
    json!({"record_count": rows.len(), "sites": rows})
}

fn clients(world: &super::world::World) -> Value {
    let found: std::collections::BTreeMap<i64, &str> = world
        .sites()
        .filter(|site| !world.hidden_clients.contains(&site.client_id))
        .map(|site| (site.client_id, site.client_name.as_str()))
        .collect();
    let rows: Vec<Value> = found
        .into_iter()
        .map(|(id, name)| json!({"id": id, "name": name, "inactive": false, "use": "client"}))
        .collect();
    json!({"record_count": rows.len(), "clients": rows})
}

/// `POST /Actions`: a note on a ticket.
fn act(actions: &mut Vec<Value>, body: &[u8]) -> Result<Value, Refusal> {
    let Ok(Value::Array(items)) = serde_json::from_slice(body) else {
        return Err((400, "The body must be an array of Actions".to_owned()));
    };
    for item in &items {
        if item["ticket_id"].as_i64().is_none_or(|id| id <= 0) {
            return Err((400, "Please select a valid Ticket".to_owned()));
        }
        let outcome = item["outcome_id"].as_i64().is_some_and(|id| id > 0)
            || item["outcome"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
        if !outcome {
            return Err((400, "An Outcome must be entered for this Action".to_owned()));
        }
    }
    let mut last = json!({});
    for mut item in items {
        // Ids count within a ticket only.
        let ticket = item["ticket_id"].clone();
        let earlier = actions
            .iter()
            .filter(|action| action["ticket_id"] == ticket)
            .count();
        item["id"] = (earlier + 1).into();
        actions.push(item.clone());
        last = item;
    }
    Ok(last)
}
