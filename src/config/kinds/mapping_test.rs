//! `kind: MappingTest`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One person and the account they should have: what `halosync test` checks without network or secrets, with the
/// planner that makes real plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingTest {
    /// Name of the `Mapping` that is tested. With it come the lifecycle, the groups and all other mappings of the same
    /// source and target.
    pub mapping: String,
    /// The moment of the test: a date such as `2026-06-02` (its first moment in the project's time zone), a date and
    /// time in that zone, or a moment with its own offset such as `2026-06-02T08:00:00Z`.
    #[schemars(example = "2026-06-02")]
    pub as_of: String,
    /// The person's key in the source. Needed only when another person refers to it; with `record` it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The person's facts, by field of the source; fields left out or `null` have no value. Either this or `record`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<BTreeMap<String, Option<GivenFact>>>,
    /// The person's raw records as the source would answer them, by endpoint: read, normalised and put in scope as in
    /// a real run. Either this or `person`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<BTreeMap<String, BTreeMap<String, serde_json::Value>>>,
    /// Other people of the source: a manager, somebody with the same name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherPerson>,
    /// What the directory holds besides the places and groups that rules name. Left out: nothing.
    #[serde(default, skip_serializing_if = "GivenDirectory::is_empty")]
    pub directory: GivenDirectory,
    /// What should come of it. Only what is named is compared, unless `complete` is set.
    pub expect: Expectation,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum GivenFact {
    /// A flag.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text, a date (`2026-06-02`) or a moment (`2026-06-02T08:00:00Z`).
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// Another person of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherPerson {
    /// Their key in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Their facts, by field of the source. Either this or `record`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<BTreeMap<String, Option<GivenFact>>>,
    /// Their raw records, by endpoint. Either this or `person`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<BTreeMap<String, BTreeMap<String, serde_json::Value>>>,
    /// The account they already have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<GivenAccount>,
}

/// What the directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenDirectory {
    /// The account that may be the person's. It is theirs when its attributes fit the mapping's `match`, as in a real
    /// run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<GivenAccount>,
    /// Values that belong to somebody else, by attribute: names that are taken. A `cn` is taken in every place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, Vec<String>>,
    /// Distinguished names of the places (OUs) there are. Left out, every place that a rule names for the test's
    /// people exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<String>>,
    /// Distinguished names of the groups there are. Left out, every group that a rule names for the test's people
    /// exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
}

/// An account as it stands in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenAccount {
    /// Distinguished name of the place (OU) it stands in.
    pub placement: String,
    /// Whether it is enabled.
    #[serde(default = "default_true")]
    pub enabled: bool,
    /// Since when it is disabled by what the directory says, as `2026-06-02`, for tests of stages that delete. Without it
    /// nobody can say. Such an account is not protected from deletion, and the Recycle Bin is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "2026-06-02")]
    pub disabled_since: Option<String>,
    /// Its attributes. `cn` defaults to the `sAMAccountName`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, GivenValue>,
    /// Distinguished names of the groups it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// Values of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum GivenValue {
    /// A flag.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// One value.
    Text(String),
    /// Several values.
    List(Vec<String>),
    /// The account of a person of this test.
    Person(PersonReference),
}

/// A person of this test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonReference {
    /// Their key in the source.
    pub person: String,
}

/// What should come of a test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// Whether the mapping applies to the person: false for somebody out of scope, or whom `appliesTo` leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies: Option<bool>,
    /// The person's state in the lifecycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What becomes of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountFate>,
    /// Whether the account ends enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Distinguished name of the place (OU) the account ends in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// Attributes the account ends with; `null` is no value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Option<GivenValue>>,
    /// Groups the account ends in, as distinguished names or as the groups' own names (`cn`): all of them as a list,
    /// or some as `{include, exclude}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<ExpectedGroups>,
    /// Why the person, or something of them, is held: a code of docs/held.md, or several. Left out or `null`, nothing
    /// may be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<ExpectedHeld>,
    /// True to compare everything: attributes and groups that are not named must not be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
}

/// What becomes of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AccountFate {
    /// There is none and none is made.
    None,
    /// One is made.
    Created,
    /// An account without anchor is recognised and adopted.
    Adopted,
    /// The person's own account goes on.
    Kept,
    /// The person's own account is deleted.
    Deleted,
}

/// Groups the account ends in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ExpectedGroups {
    /// These and no others.
    Exactly(Vec<String>),
    /// Some that must, and some that must not be among them.
    Among(GroupsAmong),
}

/// Groups the account must and must not end in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupsAmong {
    /// Groups the account is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Groups the account is no member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Why somebody is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ExpectedHeld {
    /// The code.
    Code(String),
    // Before the code with a reason: a list of two would be read as that.
    /// Several codes, no others.
    Several(Vec<String>),
    /// The code and part of the reason.
    Reason(HeldReason),
}

/// A code and part of the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldReason {
    /// The code.
    pub code: String,
    /// What the reason says, in part.
    pub reason: String,
}

impl GivenDirectory {
    /// True when nothing is said of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn default_true() -> bool {
    true
}
