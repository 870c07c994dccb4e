//! What a probe found out: the documents `halosync probe --format json` prints. Their doc comments are the schema's
//! descriptions.
//!
//! Holds data only. Invariants: no secret and no token has a place here; real values of people stand in `examples` and
//! nowhere else, and only when they were asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Guess;
use crate::model::Name;

/// Format of [`SourceReport`].
pub const SOURCE_FORMAT: &str = "halosync/probe-source/v1";
/// Format of [`DirectoryReport`].
pub const DIRECTORY_FORMAT: &str = "halosync/probe-directory/v1";

/// What a JSON value is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum JsonType {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list.
    List,
    /// An object.
    Object,
    /// Null.
    Null,
    /// Octets (directories only).
    Octets,
}

/// A value that may mean "none".
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Sentinel {
    /// Null.
    Null,
    /// Empty or white-space text, or an empty list.
    Empty,
    /// `0`; also a good number, so it counts as filled.
    Zero,
    /// `-1`; also a good number, so it counts as filled.
    MinusOne,
    /// 1899-12-30, 1900-01-01 or 0001-01-01 at any time of day.
    NoDate,
}

/// How many different values there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Distinct {
    /// The number, when `exact`; otherwise there are more than this.
    pub count: u64,
    /// Whether `count` is the number.
    pub exact: bool,
}

/// Shortest and longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LengthRange {
    /// Shortest.
    pub min: u64,
    /// Longest.
    pub max: u64,
}

impl LengthRange {
    pub(super) fn join(range: &mut Option<Self>, other: Self) {
        let known = range.get_or_insert(other);
        known.min = known.min.min(other.min);
        known.max = known.max.max(other.max);
    }

    pub(super) fn widen(range: &mut Option<Self>, length: usize) {
        let length = length as u64;
        let known = range.get_or_insert(Self {
            min: length,
            max: length,
        });
        known.min = known.min.min(length);
        known.max = known.max.max(length);
    }
}

/// One member of the rows of a list, or one attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldReport {
    /// How it is called in a Source: `users.site.name`, `customField('CFstart')`, `users.departments[].name` for members
    /// of list items; or the attribute's name.
    pub path: String,
    /// What HaloITSM shows for it (custom fields only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// HaloITSM's number of it (custom fields only), as `include_custom_fields` wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_field_id: Option<u64>,
    /// Rows that have the member, with whatever in it.
    pub present: u64,
    /// Rows with a value in it: neither null, nor empty, nor a date that means none.
    pub filled: u64,
    /// `filled` as a share of all rows, 0 to 1 with four digits.
    pub fill_rate: f64,
    /// How often which JSON type came.
    pub types: BTreeMap<JsonType, u64>,
    /// How often which value came that may mean "none".
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sentinels: BTreeMap<Sentinel, u64>,
    /// Different values.
    pub distinct: Distinct,
    /// Whether no value came twice; absent when that is not known. E-mail addresses are compared without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// Length of values in characters (octets for octets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<LengthRange>,
    /// Number of items of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<LengthRange>,
    /// What nearly all values look like.
    pub guess: Guess,
    /// Moments stand at this hour nearly always: dates that were midnight in another zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shifted_midnights: Option<u8>,
    /// A few values: their shape (`Aaa… Aaa`), or themselves with `--show-values`.
    pub examples: Vec<String>,
    /// Fields of the Source, or mappings, that use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<String>,
}

/// How much a finding matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// Something to settle before this is used.
    Warning,
    /// Something worth knowing.
    Hint,
}

/// Something worth a person's attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Stable code, explained in docs/probe.md.
    pub code: String,
    /// How much it matters.
    pub weight: Weight,
    /// What was found.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// How granted scopes became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ScopeTold {
    /// The token answer says them (RFC 6749 section 5.1).
    Answer,
    /// The access token itself says them.
    Token,
    /// Nothing says them; by RFC 6749 they are those asked for.
    Nothing,
}

/// How authorisation went. Never the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorisation {
    /// Which kind, as in the Source: `oauth2 clientCredentials`, `apiKey` …
    pub kind: String,
    /// Life of the access token in seconds, when the server says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_seconds: Option<u64>,
    /// Scopes asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope_asked: Vec<String>,
    /// Scopes granted, as far as anything says them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope_granted: Vec<String>,
    /// What says them.
    pub scope_told: ScopeTold,
    /// Granted or asked for, though reading people needs `read:customers` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_than_needed: Vec<String>,
}

/// What the system says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemFacts {
    /// Address of the resource server.
    pub resource_server: String,
    /// The tenant the Source names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The tenant the system says it is (HaloITSM: `AuthInfo`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_told: Option<String>,
    /// The authorisation server it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_server_told: Option<String>,
    /// Version of the product (HaloITSM: `InstanceInfo`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its clock minus ours in seconds, to the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_seconds: Option<i64>,
}

/// Limits on requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Requests the Source allows itself in each window.
    pub requests: u32,
    /// Length of the window in seconds.
    pub per_seconds: u32,
    /// What the server says about its own limit: header name and value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, String>,
    /// Requests one read of everyone takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_read_requests: Option<u64>,
    /// Seconds that read waits at least, to stay within the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_read_waits_seconds: Option<u64>,
}

/// What the probe itself cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cost {
    /// Requests sent, those for tokens included.
    pub requests: u64,
    /// Seconds waited for limits or after failures.
    pub waited_seconds: u64,
    /// Requests that were sent again.
    pub retries: u64,
}

/// One list and what its rows hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListReport {
    /// Name of the endpoint.
    pub endpoint: String,
    /// Its path.
    pub path: String,
    /// Rows looked at, each id once.
    pub rows: u64,
    /// Pages fetched.
    pub pages: u64,
    /// The total the server claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_total: Option<u64>,
    /// Rows asked for on each page.
    pub page_size: u64,
    /// Rows on the first page.
    pub rows_per_page: u64,
    /// Whether the list was read to its end.
    pub whole: bool,
    /// Why it was not, when nobody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Why nothing could be had of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether its end shows that the list is whole, as a read needs it before anything is removed. Absent when it was
    /// not read to its end, and of requests for single records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<bool>,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What its rows hold, in order of path.
    pub fields: Vec<FieldReport>,
    /// Members beyond the most that are looked at, counted each time they came.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What probing a source found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceReport {
    /// `halosync/probe-source/v1`.
    pub format: String,
    /// Name of the Source.
    pub source: Name,
    /// When.
    #[schemars(with = "String")]
    pub probed_at: jiff::Timestamp,
    /// Whether `examples` are real values.
    pub values_shown: bool,
    /// What the system says of itself.
    pub system: SystemFacts,
    /// How authorisation went.
    pub authorisation: Authorisation,
    /// Limits on requests.
    pub limits: Limits,
    /// What the probe cost.
    pub cost: Cost,
    /// The lists read.
    pub lists: Vec<ListReport>,
    /// What is worth attention, warnings first.
    pub findings: Vec<Finding>,
}

/// What probing a directory found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryReport {
    /// `halosync/probe-directory/v1`.
    pub format: String,
    /// Name of the ActiveDirectory document.
    pub directory: Name,
    /// When.
    #[schemars(with = "String")]
    pub probed_at: jiff::Timestamp,
    /// Whether `examples` are real values.
    pub values_shown: bool,
    /// The domain controller.
    pub server: ServerFacts,
    /// The connection's protection.
    pub tls: TlsFacts,
    /// Who we are there.
    pub bind: BindFacts,
    /// Whether deleted objects can be brought back whole.
    pub recycle_bin: Switch,
    /// What of Exchange's extension the schema has.
    pub exchange: ExchangeFacts,
    /// Attributes in use, as the schema has them.
    pub schema: Vec<SchemaFact>,
    /// Places of the managed scope.
    pub scope: Vec<ScopeFact>,
    /// Anchors of mappings on this directory.
    pub anchors: Vec<AnchorFact>,
    /// Managed users looked at for `fields`.
    pub sampled: u64,
    /// Attributes they have, in order of name.
    pub fields: Vec<FieldReport>,
    /// What the binding account is not shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_visible: Vec<String>,
    /// Rights of the writing account, with `--write-bind`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bind: Option<WriteFacts>,
    /// What is worth attention, warnings first.
    pub findings: Vec<Finding>,
}

/// A domain controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerFacts {
    /// Its DNS name.
    pub host: String,
    /// The address of the document that led there.
    pub url: String,
    /// The domain.
    pub naming_context: String,
    /// `objectSid` of the domain.
    pub domain_sid: String,
    /// `objectGUID` of the domain.
    pub domain_guid: String,
    /// Who made it, when it says so (Samba does).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Functional level of the domain, for example `2016`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_level: Option<String>,
    /// Functional level of the forest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forest_level: Option<String>,
    /// Highest level the domain controller knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller_level: Option<String>,
    /// Whether it holds the global catalog.
    pub global_catalog: bool,
    /// Its clock minus ours in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_seconds: Option<i64>,
}

/// Protection of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the server's certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub certificate_until: Option<jiff::Timestamp>,
    /// Days until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<i64>,
}

/// Who we are in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindFacts {
    /// DN of the account, when it can be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Privileged groups it is in, directly or not, when the server tells (`tokenGroups`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileged_groups: Vec<String>,
    /// Whether the server told its groups.
    pub groups_told: bool,
}

/// On, off, or not to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
    /// The account is not shown it.
    NotVisible,
}

/// Exchange's part of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeFacts {
    /// Attributes of Exchange the schema has.
    pub present: Vec<String>,
    /// Those it has not.
    pub missing: Vec<String>,
}

/// An attribute as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaFact {
    /// Its name.
    pub attribute: String,
    /// Mappings, templates and lifecycles that use it.
    pub used_by: Vec<String>,
    /// Whether the schema has it.
    pub exists: bool,
    /// Its syntax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax: Option<String>,
    /// Longest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_upper: Option<i64>,
    /// Whether it has at most one value.
    pub single_valued: bool,
    /// Whether searching by it is quick (`searchFlags` bit 0).
    pub indexed: bool,
    /// Whether reading it needs a right of its own (`searchFlags` bit 7).
    pub confidential: bool,
    /// Whether the global catalog has it.
    pub in_global_catalog: bool,
    /// Whether the server owns it.
    pub read_only: bool,
}

/// One place of the managed scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeFact {
    /// The place.
    pub under: String,
    /// Whether the account is shown it.
    pub visible: bool,
    /// Enabled users at or below it.
    pub enabled: u64,
    /// Disabled users.
    pub disabled: u64,
    /// Users whose state is not shown (no `userAccountControl`).
    pub state_hidden: u64,
    /// Of all users, those that are privileged (`adminCount=1`) and never touched.
    pub privileged: u64,
    /// Groups.
    pub groups: u64,
    /// Organizational units and containers, the place itself included.
    pub units: u64,
}

/// An anchor and how many accounts carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnchorFact {
    /// The mapping.
    pub mapping: String,
    /// Its anchor attribute.
    pub attribute: String,
    /// Users in the managed scope.
    pub users: u64,
    /// Those with a value.
    pub filled: u64,
    /// Values that more than one account has.
    pub shared_values: u64,
}

/// Rights of the writing account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteFacts {
    /// DN of the account, when it can be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Places of the managed scope where it may create users.
    pub creates_users: Vec<String>,
    /// Places where it may not.
    pub creates_no_users: Vec<String>,
    /// Users whose rights were looked at, one for each place that has one.
    pub looked_at: u64,
    /// Attributes mappings write that it may not write on at least one of them.
    pub not_writable: Vec<String>,
    /// Whether it may change who may do what to users: more than halosync ever needs.
    #[serde(default)]
    pub changes_permissions: bool,
    /// True when the server told none of this.
    pub not_told: bool,
}
