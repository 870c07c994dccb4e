//! `kind: Source`.

mod auth;
mod completeness;
mod endpoint;
mod normalise;
mod person;
mod quality;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Setting;

pub use auth::{
    ApiKey, Auth, Basic, Bearer, ClientAuthentication, FileStore, Grant, KeyPlace, KeyringStore,
    NoAuth, OAuth2, Parameter, TokenRequest, TokenStore,
};
pub use completeness::{CompletenessRules, LastGood, MaxFall, Parts};
pub use endpoint::{Endpoint, QueryValue, RateLimit, Repeat};
pub use normalise::{Controls, DateFormats, Dates, Entities, LocalPart, Normalise, Whitespace};
pub use person::{FieldSpec, PersonSpec};
pub use quality::{ImageKind, KeysOf, OneOf, QualityRule, Required, Severity, Unique};

/// A system people live in, how to read it, and what is to be known of each person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Fills in what is the same for every instance of a product. Without it nothing is assumed about the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Address of the HaloITSM instance, for example `https://acme.haloitsm.example`. The API is taken to be at `/api`
    /// below it. When neither server is given besides, the instance itself is asked for authorisation server and
    /// tenant; when one is, the other is taken to be at `/api` or `/auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Setting>,
    /// Address of the API (HaloITSM: Configuration > Integrations > Halo API, "Resource Server"), for example
    /// `https://acme.haloitsm.example/api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_server: Option<Setting>,
    /// Address of the authorisation server (the same page, "Authorisation Server"), for example
    /// `https://acme.haloitsm.example/auth`. Never derived from the resource server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<Setting>,
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
    /// How raw values are cleaned. Fields may differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
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
