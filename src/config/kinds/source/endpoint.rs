//! What is read of a source: lists, how they are paged, and how often it may be asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests: default_requests(),
            per_seconds: default_per_seconds(),
        }
    }
}

/// One list to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Path below the resource server, for example `/Users`.
    pub path: String,
    /// Extra query parameters. Paging, ordering and activity flags are sent anyway and cannot be changed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, QueryValue>,
    /// JSON pointer to the list of records in an answer. Known shapes are found without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// JSON pointer to the claimed total in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Member that identifies a record.
    #[serde(default = "default_key")]
    pub key: String,
    /// How the list is paged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
}

/// A query parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum QueryValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
}

/// Paging by a counted parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repeat {
    /// Name of the page parameter.
    #[serde(default = "default_page_parameter")]
    pub parameter: String,
    /// Its first value.
    #[serde(default = "default_one")]
    pub start: u32,
    /// What is added for each further page.
    #[serde(default = "default_one")]
    #[schemars(range(min = 1))]
    pub increment: u32,
    /// Rows asked for on each page. What arrives decides, not what was asked.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 1000))]
    pub page_size: u32,
}

fn default_requests() -> u32 {
    280
}

fn default_per_seconds() -> u32 {
    300
}

fn default_key() -> String {
    "id".to_owned()
}

fn default_page_parameter() -> String {
    "page_no".to_owned()
}

fn default_one() -> u32 {
    1
}

fn default_page_size() -> u32 {
    100
}
