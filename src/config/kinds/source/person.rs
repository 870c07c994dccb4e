//! Who is a person of a source, and what is known of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::FactType;

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

fn default_person_key() -> String {
    "users.id".to_owned()
}
