//! `kind: Source`.

mod auth;
mod completeness;
mod endpoint;
mod normalise;
mod person;
mod quality;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Setting;
use crate::config::pattern::Pattern;
use crate::lang::{self, Scope};

pub use auth::{
    ApiKey, Auth, Basic, Bearer, ClientAuthentication, FileStore, Grant, KeyPlace, KeyringStore,
    NoAuth, OAuth2, Parameter, TokenRequest, TokenStore,
};
pub use completeness::{CompletenessRules, LastGood, MaxFall, Parts};
pub use endpoint::{
    AnswerType, Body, CacheRule, Endpoint, Join, JoinTrouble, Method, ParameterPlace, QueryValue,
    RateLimit, Repeat, RepeatBy,
};
pub use normalise::{Controls, DateFormats, Dates, Entities, LocalPart, Normalise, Whitespace};
pub use person::{FieldSpec, PersonSpec, SamePerson};
pub use quality::{ImageKind, Invalid, KeysOf, OneOf, QualityRule, Required, Severity, Unique};

/// A system people live in, how to read it, and what is to be known of each person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Fills in what is the same for every instance of a product. Without it nothing is assumed about the source: only
    /// what is written here is sent, and `endpoints` must be given.
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
    /// Which records of other endpoints belong to a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<Join>,
    /// Other servers that may be sent the credentials, as `https://host` or `https://host:port`. Endpoints on any
    /// further server are asked without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials_to: Vec<String>,
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

impl Source {
    /// The endpoints that must have been read before one can be: those its request, its conditions and its join read
    /// values of. What cannot be compiled counts for nothing; it is reported elsewhere.
    pub fn needs(&self, name: &str) -> BTreeSet<String> {
        let used = self.reads_of(name);
        let mut needs: BTreeSet<String> = used
            .members
            .into_iter()
            .map(|(of, _)| of)
            .filter(|of| of != name)
            .collect();
        needs.extend(
            self.endpoints
                .get(name)
                .and_then(|endpoint| endpoint.for_each.clone()),
        );
        needs
    }

    /// Every endpoint besides the one people come from, each after those it needs.
    pub fn joined_in_order(&self) -> Vec<&str> {
        let people = self.person.key.split('.').next().unwrap_or_default();
        let mut there = BTreeSet::from([people.to_owned()]);
        let mut waiting: Vec<(&str, BTreeSet<String>)> = self
            .endpoints
            .keys()
            .filter(|name| *name != people)
            .map(|name| (name.as_str(), self.needs(name)))
            .collect();
        let mut order = Vec::new();
        while let Some(at) = waiting
            .iter()
            .position(|(_, needs)| needs.is_subset(&there))
        {
            let (name, _) = waiting.remove(at);
            there.insert(name.to_owned());
            order.push(name);
        }
        order
    }

    /// The members that requests and joins read, besides those that people are made from.
    pub fn reads(&self) -> RequestReads {
        let mut all = RequestReads::default();
        for (name, endpoint) in &self.endpoints {
            let mut reads = self.reads_of(name);
            all.members.append(&mut reads.members);
            all.members.insert((name.clone(), endpoint.key.clone()));
            all.custom_fields |= reads.custom_fields;
        }
        all
    }

    fn reads_of(&self, name: &str) -> RequestReads {
        let names: BTreeSet<String> = self.endpoints.keys().cloned().collect();
        let scope = Scope::Record { endpoints: &names };
        let mut reads = RequestReads::default();
        let Some(endpoint) = self.endpoints.get(name) else {
            return reads;
        };
        for text in endpoint.texts() {
            if let Ok(pattern) = Pattern::compile(&text, &scope) {
                reads.members.extend(pattern.members_used());
                reads.custom_fields |= pattern.uses_custom_fields();
            }
        }
        let columns = self
            .join
            .iter()
            .filter(|join| join.endpoint == name)
            .flat_map(|join| join.on.iter().flat_map(|(left, right)| [left, right]));
        for text in columns.chain(&endpoint.for_each_distinct) {
            if let Ok(expression) = lang::compile_expression(text, &scope) {
                reads.members.extend(expression.members_used());
                reads.custom_fields |= !expression.custom_fields_used().is_empty();
            }
        }
        if let Some(text) = &endpoint.only_if
            && let Ok(condition) = lang::compile_condition(text, &scope)
        {
            reads.members.extend(condition.members_used());
            reads.custom_fields |= !condition.custom_fields_used().is_empty();
        }
        reads
    }
}

/// What requests and joins read of records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestReads {
    /// Endpoint and member.
    pub members: BTreeSet<(String, String)>,
    /// Whether a custom field is among them.
    pub custom_fields: bool,
}

impl Endpoint {
    /// Every text of a request that may hold values of records.
    fn texts(&self) -> Vec<String> {
        fn strings(value: &serde_json::Value, texts: &mut Vec<String>) {
            match value {
                serde_json::Value::String(text) => texts.push(text.clone()),
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|item| strings(item, texts));
                }
                serde_json::Value::Object(members) => {
                    members.values().for_each(|value| strings(value, texts));
                }
                _ => {}
            }
        }
        let mut texts = vec![self.path.clone()];
        texts.extend(self.query.values().map(QueryValue::text));
        match &self.body {
            None => {}
            Some(Body::Json(value)) => strings(value, &mut texts),
            Some(Body::Form(fields)) => texts.extend(fields.values().map(QueryValue::text)),
            Some(Body::Xml(text)) => texts.push(text.clone()),
        }
        texts
    }
}
