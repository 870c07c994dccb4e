//! `kind: Mapping`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Drift, DriftPolicy, IfUnknown, RenamePolicy, TooLong, UniqueSpec};

/// The desired account of a person: whose account is whose, where it stands, and what its attributes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mapping {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target (`ActiveDirectory`).
    pub target: String,
    /// Condition over `person`; the mapping concerns only people for whom it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<String>,
    /// How a person's account is recognised.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Template of the distinguished name of the place (OU) new accounts are made in and existing ones moved to.
    pub placement: String,
    /// Whether accounts standing elsewhere are moved to their placement.
    #[serde(default)]
    pub placement_when: PlacementWhen,
    /// Desired attributes. A plain text is a template that always holds.
    pub attributes: BTreeMap<String, AttributeSpec>,
    /// What happens to names when a person's name changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<RenamePolicy>,
    /// What becomes of edits somebody makes in the directory. Left out, all are written back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Initial password of created accounts. Made at apply, never in the plan.
    #[serde(default)]
    pub initial_password: InitialPassword,
}

/// When the placement is enforced.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum PlacementWhen {
    /// Accounts are moved whenever they stand elsewhere.
    #[default]
    Always,
    /// Only new accounts; existing ones stay where they are.
    OnCreate,
}

/// How a person's account is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// The attribute that ties an account to a person for good, and the person's value for it.
    pub anchor: Anchor,
    /// Ways to recognise an account that has no anchor yet, tried in order. Exactly one candidate is adopted;
    /// several hold the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopt: Vec<Adoption>,
}

/// The attribute that ties an account to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Anchor {
    /// Attribute name, for example `employeeID`.
    pub attribute: String,
    /// Template of the person's value.
    pub value: String,
}

/// One way to recognise an account without an anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adoption {
    /// Attribute to look at.
    pub attribute: String,
    /// Template of the value to find there.
    pub value: String,
}

/// A desired attribute: a template, or a rule with more to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum AttributeSpec {
    /// A template; `when: always`, `empty: hold`.
    Template(String),
    /// A rule. Exactly one of `value`, `values`, `person`, `unique` is given.
    Rule(Box<AttributeRule>),
}

impl AttributeSpec {
    /// Whether it gives one text, so that other rules may speak of it (`account.mail`).
    pub fn gives_one_text(&self) -> bool {
        match self {
            Self::Template(_) => true,
            Self::Rule(rule) => rule.value.is_some() || rule.unique.is_some(),
        }
    }

    /// The rule in its long form.
    pub fn full(&self) -> AttributeRule {
        match self {
            Self::Template(text) => AttributeRule {
                value: Some(text.clone()),
                ..AttributeRule::default()
            },
            Self::Rule(rule) => (**rule).clone(),
        }
    }
}

/// A rule for one attribute. Exactly one of `value`, `values`, `person`, `unique` is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", from = "WrittenRule")]
pub struct AttributeRule {
    /// Template of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Templates of the values of a multi-valued attribute; empty ones are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// Template of another person's key or unique field value; the attribute becomes that person's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Field that `person` is looked up in. Defaults to the source's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_field: Option<String>,
    /// Ordered formats of a name nobody else may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<UniqueSpec>,
    /// When the attribute is written.
    pub when: When,
    /// What it means that the value is empty.
    pub empty: Empty,
    /// Condition over `person`; when false, the attribute is left alone.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What is done with a value longer than the directory's schema allows. Unique names are cut anyway.
    pub too_long: TooLong,
    /// What it means that the directory's schema lacks the attribute, or lets nobody write it.
    pub if_unknown: IfUnknown,
    /// What becomes of an edit of the attribute in the directory. Left out, what the mapping says of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
}

/// A rule for one attribute. Exactly one of `value`, `values`, `person`, `unique` is given.
// A rule as written: `unique` may be a bare list with `numbered` beside it.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AttributeRule")]
struct WrittenRule {
    /// Template of the value.
    #[serde(default)]
    value: Option<String>,
    /// Templates of the values of a multi-valued attribute; empty ones are left out.
    #[serde(default)]
    values: Option<Vec<String>>,
    /// Template of another person's key or unique field value; the attribute becomes that person's account.
    #[serde(default)]
    person: Option<String>,
    /// Field that `person` is looked up in. Defaults to the source's key.
    #[serde(default)]
    person_field: Option<String>,
    /// Ordered formats of a name nobody else may have.
    #[serde(default)]
    unique: Option<WrittenUnique>,
    /// Beside a list of `unique` formats: when all are taken, the last with 2, 3, 4 … appended; otherwise the person
    /// is held.
    #[serde(default)]
    numbered: Option<bool>,
    /// When the attribute is written.
    #[serde(default)]
    when: When,
    /// What it means that the value is empty.
    #[serde(default)]
    empty: Empty,
    /// Condition over `person`; when false, the attribute is left alone.
    #[serde(default, rename = "if")]
    condition: Option<String>,
    /// What is done with a value longer than the directory's schema allows. Unique names are cut anyway.
    #[serde(default)]
    too_long: TooLong,
    /// What it means that the directory's schema lacks the attribute, or lets nobody write it.
    #[serde(default)]
    if_unknown: IfUnknown,
    /// What becomes of an edit of the attribute in the directory. Left out, what the mapping says of all.
    #[serde(default)]
    drift: Option<DriftPolicy>,
}

/// Ordered formats of a unique name: a list of templates, or the list with more to say.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Unique")]
enum WrittenUnique {
    /// Templates, tried in order until one is free.
    Formats(#[schemars(length(min = 1))] Vec<String>),
    /// Templates, numbering and length.
    Full(UniqueSpec),
}

impl From<WrittenRule> for AttributeRule {
    fn from(written: WrittenRule) -> Self {
        let WrittenRule {
            value,
            values,
            person,
            person_field,
            unique,
            numbered,
            when,
            empty,
            condition,
            too_long,
            if_unknown,
            drift,
        } = written;
        let unique = unique.map(|unique| match unique {
            WrittenUnique::Formats(formats) => UniqueSpec {
                formats,
                numbered: numbered.unwrap_or_default(),
                ..UniqueSpec::default()
            },
            WrittenUnique::Full(spec) => UniqueSpec {
                numbered: numbered.unwrap_or(spec.numbered),
                ..spec
            },
        });
        Self {
            value,
            values,
            person,
            person_field,
            unique,
            when,
            empty,
            condition,
            too_long,
            if_unknown,
            drift,
        }
    }
}

/// When an attribute is written.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Whenever it differs.
    #[default]
    Always,
    /// Only when the account is created.
    OnCreate,
    /// When the account is created, and later only while it has no value.
    IfEmpty,
    /// Values are added where they are missing; whatever else stands there is others' and stays. Only for attributes
    /// that take several values. Rules of the mapping, of templates and of the state that all say `merge` add up.
    Merge,
}

/// What it means that a person has no value for an attribute.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Empty {
    /// The attribute is cleared.
    Clear,
    /// The attribute is left as it is.
    Leave,
    /// The person is held and reported: a missing value is never guessed.
    #[default]
    Hold,
}

/// Initial password of created accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitialPassword {
    /// Length in characters. Upper and lower case, digits and symbols are all used.
    #[serde(default = "default_length")]
    #[schemars(range(min = 12, max = 127))]
    pub length: u8,
    /// Whether the person must change it at the first logon.
    #[serde(default = "default_true")]
    pub must_change: bool,
}

impl Default for InitialPassword {
    fn default() -> Self {
        Self {
            length: default_length(),
            must_change: true,
        }
    }
}

fn default_length() -> u8 {
    24
}

fn default_true() -> bool {
    true
}
