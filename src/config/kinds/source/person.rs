//! Who is a person of a source, and what is known of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::normalise::{DateFormats, Normalise, SelectValues};
use super::quality::{Invalid, QualityRule, Required, Unique};
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
    /// Which records are of one person, for example a contractor who becomes an employee and is written down anew, and
    /// which of them counts. Left out: every record is a person of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_person: Option<SamePerson>,
}

/// Which records are of one person, and which of them is the primary record: the one accounts follow. Nothing is
/// created, disabled or removed through the others, and an account that carries the anchor of one of them becomes the
/// primary record's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SamePerson {
    /// Template over `person`, for example `{{ person.nationalId }}`: records it gives the same text for are of one
    /// person. Case, width, marks on letters and the number of spaces set no two texts apart. A record it gives nothing
    /// for is a person of its own.
    pub by: String,
    /// Conditions over `person` that choose the primary record, tried in their order: each leaves only the records it
    /// holds for, unless it holds for none of them. It does not hold where a field it reads has no value. When several
    /// records are left in the end, all of that person's are held. Records that `include` leaves out are never primary.
    #[schemars(length(min = 1))]
    pub prefer: Vec<String>,
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
    /// What happens to people who share a value: `true` (the same as `hold`), `false`, `warn`, `hold` or `stop`.
    #[serde(default)]
    pub unique: Unique,
    /// What happens to a person whose value is not of the field's type, for example a date that is none. Where
    /// a bad value should only be reported, read the field as text, with a `pattern` of severity `warn`.
    #[serde(default, skip_serializing_if = "Invalid::is_hold")]
    pub invalid: Invalid,
    /// Values that mean "none" besides the usual ones (empty, 1899-12-30, 1900-01-01, 0001-01-01).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<String>,
    /// What a select field's raw values stand for, for example `{"1": London}`. Other values stay as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub select: SelectValues,
    /// How dates are written when it is not the usual `2026-01-31`, for example `%d/%m/%Y`; several are tried in turn.
    /// The whole text must be written exactly so. For fields of type `date` and `dateTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DateFormats>,
    /// Most bytes of a field of type `binary`. Default: 102400, what `thumbnailPhoto` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_485_760))]
    pub max_bytes: Option<u32>,
    /// How values of this field are cleaned, where it differs from the source's `normalise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
    /// What values must be like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<QualityRule>,
}

fn default_person_key() -> String {
    "users.id".to_owned()
}
