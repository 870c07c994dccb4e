//! `kind: Source`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SecretRef, Setting};
use crate::model::FactType;

/// A system people live in, how to read it, and what is to be known of each person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Fills in what is the same for every instance of a product.
    pub preset: Preset,
    /// Address of the API (HaloITSM: Configuration > Integrations > Halo API, "Resource Server"), for example
    /// `https://acme.haloitsm.example/api`.
    pub resource_server: Setting,
    /// Address of the authorisation server (the same page, "Authorisation Server"), for example
    /// `https://acme.haloitsm.example/auth`. Never derived from the resource server.
    pub authorisation_server: Setting,
    /// Tenant, where the page shows one. Leave it out for self-hosted instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Setting>,
    /// File with the PEM certificate(s) to trust instead of the operating system's, relative to the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Setting>,
    /// How to authorise.
    pub auth: Auth,
    /// Limit to keep below, whatever the server allows.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Endpoints to read, by the name their records have in expressions. Defaults to the preset's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Who is a person, and what is known of them.
    pub person: PersonSpec,
    /// What a read must show before anything is removed because of it.
    #[serde(default)]
    pub completeness: CompletenessRules,
}

/// A product whose addresses and paging are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Preset {
    /// HaloITSM, HaloPSA, HaloCRM.
    Haloitsm,
}

/// How to authorise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Auth {
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4).
    Oauth2(OAuth2),
}

/// OAuth 2.0 settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// Client ID of the API application.
    pub client_id: SecretRef,
    /// Client secret of the API application.
    pub client_secret: SecretRef,
    /// Scopes to ask for. `read:customers` is enough to read people; there is no `read:users`.
    #[serde(default = "default_scope")]
    pub scope: Vec<String>,
}

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

/// Who is a person, and what is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonSpec {
    /// `endpoint.member` that identifies a person, for example `users.id`.
    #[serde(default = "default_person_key")]
    pub key: String,
    /// Condition over the endpoints' records; people for whom it is false are known but not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
    /// Fields, by the name they have as `person.NAME`.
    #[schemars(length(min = 1))]
    pub fields: BTreeMap<String, FieldSpec>,
    /// Name of the field shown for a person in plans, besides the key. Defaults to `displayName`, `number` or the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// One field of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldSpec {
    /// Expression over the endpoints' records, for example `users.firstname` or `customField('CFstart')`.
    pub from: String,
    /// Type of the field.
    #[serde(default, rename = "type")]
    pub fact_type: FactType,
    /// What happens to a person who has no value here.
    #[serde(default)]
    pub required: Required,
    /// True when no two people may share a value; those who do are held.
    #[serde(default)]
    pub unique: bool,
    /// Values that mean "none" besides the usual ones (empty, 1899-12-30, 1900-01-01, 0001-01-01).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<String>,
}

/// What happens to a person without a value.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Required {
    /// Nothing.
    #[default]
    No,
    /// The person is held and reported; everyone else goes on.
    Hold,
}

/// What a read must show before anything is removed because of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompletenessRules {
    /// Fewest people a good read has.
    #[serde(default)]
    pub floor: u64,
    /// Largest fall against the number of accounts that carry an anchor in the directory's managed scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fall: Option<MaxFall>,
    /// Ids of people who must be visible: they prove that the scope and the agent's rights are as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<u64>,
}

/// A percentage such as `10%`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct MaxFall(#[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"))] pub String);

fn default_scope() -> Vec<String> {
    vec!["read:customers".to_owned()]
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

fn default_person_key() -> String {
    "users.id".to_owned()
}
