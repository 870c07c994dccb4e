//! What is read of a source: endpoints, how they are asked, paged and joined, and how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::kinds::Setting;

/// Requests per rolling window that halosync allows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Requests in each window.
    #[serde(default = "default_requests")]
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// Length of the rolling window in seconds.
    #[serde(default = "default_per_seconds")]
    #[schemars(range(min = 1))]
    pub per_seconds: u32,
    /// Requests under way at the same time.
    #[serde(default = "default_parallel")]
    #[schemars(range(min = 1, max = 16))]
    pub parallel: u16,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests: default_requests(),
            per_seconds: default_per_seconds(),
            parallel: default_parallel(),
        }
    }
}

/// One thing to ask for: a list, or something of each person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Path below the resource server, for example `/Users`, or a full address. With `forEach` and `forEachDistinct`
    /// it may hold values, each percent-encoded as part of one segment: `/Users/{{ users.id }}`. A server other than
    /// the resource server is asked without credentials unless it stands in `credentialsTo`.
    pub path: String,
    /// HTTP method.
    #[serde(default)]
    pub method: Method,
    /// Extra request headers. They go to this endpoint's server only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Setting>,
    /// Extra query parameters. What the preset and `repeat` send is sent anyway and cannot be changed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, QueryValue>,
    /// What is sent; only with `method: POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// What comes back.
    #[serde(default)]
    pub answer: AnswerType,
    /// Where the records stand in an answer: JSON pointer (`/data/people`), in XML the path of elements that
    /// repeat (`/People/Person`). Without it a bare list, and with a preset the product's known shapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// Where the claimed total stands in an answer: JSON pointer, XML path, or `header:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Member that identifies a record.
    #[serde(default = "default_key")]
    pub key: String,
    /// How one page leads to the next. Without it one request gives everything, unless the preset says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// True when the system documents that a list which ends (an empty page, no next page, `until`, `shortPageEnds`)
    /// is whole. Then a list without a total counts as proven. A list that merely stops bringing anything new never
    /// does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end_proves: bool,
    /// Name of another endpoint: one request for each of its records, written with that record's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// `endpoint.member`: one request for each different value of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each_distinct: Option<String>,
    /// Condition over the records at hand; without it, one request for everybody who needs it. For whom it is false
    /// there is no record here, and its fields have no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
    /// When an answer kept from an earlier run (`plan --cache DIR`) may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRule>,
}

/// HTTP method.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST, for systems that are asked with a body. Sent again after a failure like any read.
    Post,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Body {
    /// JSON (`application/json`). A text that is nothing but `{{ … }}` becomes the value with its type.
    Json(serde_json::Value),
    /// Form fields (`application/x-www-form-urlencoded`).
    Form(BTreeMap<String, QueryValue>),
    /// XML (`application/xml`); values put in are escaped.
    Xml(String),
}

/// What an answer is written in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum AnswerType {
    /// JSON.
    #[default]
    Json,
    /// XML. Elements become members by their local name, attributes `@name`, text the value itself (or `#text`
    /// beside attributes and elements), repeated elements lists.
    Xml,
}

/// A query parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum QueryValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Text; with `forEach` and `forEachDistinct` it may hold `{{ … }}`.
    Text(String),
}

impl QueryValue {
    /// The value as it is sent.
    pub fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// How one page leads to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repeat {
    /// What is sent to get the next page.
    #[serde(default)]
    pub by: RepeatBy,
    /// Name of the parameter that is sent. Defaults to `page_no` (counter) and `offset` (offset).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Where the parameters of paging stand.
    #[serde(default, rename = "in")]
    pub place: ParameterPlace,
    /// First value of the parameter. Defaults to 1 (counter) and 0 (offset).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// What is added for each further page. Defaults to 1 (counter) and to the rows that came (offset), which is safer:
    /// a list is not proven when a page brings fewer rows than `increment` and further rows come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub increment: Option<u32>,
    /// Rows asked for on each page. What arrives decides, not what was asked.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 10000))]
    pub page_size: u32,
    /// Name of the parameter `pageSize` is sent in; without it only the preset sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size_parameter: Option<String>,
    /// Where the cursor or the next page's address stands in an answer: JSON pointer, XML path, or `header:NAME`.
    /// With `by: link` it defaults to the `Link` header (RFC 8288, `rel="next"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Condition over the page just read (`page.rows`, `page.number`, `page.total`, `page.body.…`): the list ends
    /// with the page for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// True when a page with fewer rows than an earlier one is the last. The first page never is: servers give fewer
    /// rows than `pageSize` asks for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short_page_ends: bool,
}

/// What is sent to get the next page.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum RepeatBy {
    /// A number that grows by `increment` with each page, such as a page number.
    #[default]
    Counter,
    /// The number of rows to leave out.
    Offset,
    /// The cursor that the page before names.
    Cursor,
    /// The address that the page before names. It must be on the same server.
    Link,
}

/// Where a parameter stands in a request.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ParameterPlace {
    /// In the address.
    #[default]
    Query,
    /// In the JSON or form body.
    Body,
}

/// Which record of another endpoint belongs to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Join {
    /// The endpoint joined.
    pub endpoint: String,
    /// What must be equal: `endpoint.member` of the people or of an endpoint joined before, and `endpoint.member` of
    /// this one. Endpoints with `forEach` or `forEachDistinct` need none where the request says whose record must come;
    /// where it does not (`/people/{{ people.id }}/job`), `on` does, and another record holds the person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<String, String>,
    /// What happens to a person who has a key that no record here has.
    #[serde(default)]
    pub unmatched: JoinTrouble,
    /// What happens to a person whose key several records have.
    #[serde(default)]
    pub duplicate: JoinTrouble,
}

/// What happens to people for whom a join gives no one record.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum JoinTrouble {
    /// The person is held and reported; everyone else goes on.
    #[default]
    Hold,
    /// It is reported, and the person goes on without values from there.
    Report,
}

/// When an answer kept from an earlier run may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheRule {
    /// Uses an answer up to this old (`12h`, `2d`) without asking, as long as the record the request was made for is
    /// the same to the byte. Something that changed in the answer alone is then seen late, so a read that used one is
    /// not proven and removals wait. Without it an answer is used only when the server confirms it (`304` to its
    /// strong `ETag`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "12h")]
    pub max_age: Option<String>,
}

fn default_requests() -> u32 {
    280
}

fn default_per_seconds() -> u32 {
    300
}

fn default_parallel() -> u16 {
    2
}

fn default_key() -> String {
    "id".to_owned()
}

fn default_page_size() -> u32 {
    100
}
