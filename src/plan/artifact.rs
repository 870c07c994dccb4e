//! What stands in a plan file.
//!
//! Everything `apply` needs is here, resolved: names, places, groups, before and after. Only what nobody can know
//! beforehand (a generated password, a new object's GUID) is marked as made at apply.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Standing;
pub use crate::config::kinds::OnBreach;
use crate::config::kinds::Severity;
use crate::model::{
    Completeness, CompletenessCheck, DirectoryIdentity, Dn, Guid, Location, Name, PersonKey,
};

/// Format version this program writes and reads.
pub const FORMAT: &str = "halosync/plan/v1";

/// A plan file: content and the digest that binds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// `halosync/plan/v1`.
    pub format: String,
    /// `sha256:` and the lower-case hex SHA-256 of the canonical JSON (RFC 8785) of `content`. Recomputed wherever a
    /// plan is read, never trusted.
    pub digest: String,
    /// The plan.
    pub content: Plan,
}

/// The plan itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of the program that made it.
    pub tool_version: String,
    /// The project's name.
    pub project: Name,
    /// When it was made (the `as_of` of every condition).
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// When it stops being appliable.
    #[schemars(with = "String")]
    pub not_after: jiff::Timestamp,
    /// What it was made from.
    pub inputs: Inputs,
    /// The directories it is for, by target name.
    pub targets: BTreeMap<Name, DirectoryIdentity>,
    /// Recipients of the file with initial passwords, when the plan creates accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub password_recipients: Vec<String>,
    /// How many people are in scope and how many accounts are managed.
    pub counts: Counts,
    /// True when removals were held because a read was not proven complete.
    pub removals_held: bool,
    /// What the plan was narrowed to, when it was. Everything was judged before anything was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<Narrowed>,
    /// Rules the changes come from. Changes name them by index.
    pub rules: Vec<Rule>,
    /// Each guard with what it was judged on and the verdict. What a guard holds is not among the changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardOutcome>,
    /// Every waiver, those included that have expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverInPlan>,
    /// The changes, in the order they are applied when nothing runs at the same time.
    pub changes: Vec<Change>,
    /// People and accounts for whom nothing is done, and why.
    pub held: Vec<Held>,
    /// What is otherwise for single people than the rules say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<PlannedException>,
    /// What a reviewer should know besides.
    pub warnings: Vec<Warning>,
    /// Who comes into another state on which day if nothing changes, by day. As far ahead as the project says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendar: Vec<CalendarEntry>,
}

/// Somebody who comes into another state, or another stage of one, although no fact changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalendarEntry {
    /// The day, in the person's time zone.
    #[schemars(with = "String")]
    pub on: jiff::civil::Date,
    /// The target.
    pub target: Name,
    /// The person.
    pub person: PersonRef,
    /// The account, when there is one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<ObjectRef>,
    /// The state before.
    pub from: String,
    /// The state from that day on.
    pub to: String,
    /// What that means for the account. Attributes may change besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub does: Vec<CalendarEffect>,
    /// Where the state is written.
    pub rule: RuleIndex,
}

/// What becomes of an account in another state.
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
pub enum CalendarEffect {
    /// It is made.
    Create,
    /// It is enabled.
    Enable,
    /// It is disabled.
    Disable,
    /// It may stand elsewhere.
    Move,
    /// It leaves the groups that rules give.
    LeaveGroups,
    /// It comes into the groups that rules give.
    JoinGroups,
}

/// A plan for some of those it was judged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Narrowed {
    /// Whom or what it was narrowed to, as it was asked for.
    pub to: Vec<String>,
    /// How many changes of the whole plan are left out.
    pub changes_left_out: u64,
    /// How many held of the whole plan are left out.
    pub held_left_out: u64,
}

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inputs {
    /// Commit of the configuration repository, when it is one and clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// True when the configuration differed from that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommitted: bool,
    /// Digest of each configuration file, by path.
    pub files: BTreeMap<String, String>,
    /// The plan that tells of the last good reads, when one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGoodPlan>,
    /// The reads of sources, by source name.
    pub people: BTreeMap<Name, ReadOfPeople>,
    /// The reads of targets, by target name.
    pub directories: BTreeMap<Name, ReadOfDirectory>,
}

/// A plan made from reads that were proven whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastGoodPlan {
    /// Its digest.
    pub digest: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
}

/// How people were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOfPeople {
    /// Address of the system.
    pub instance: String,
    /// When.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// Digest of the snapshot's content.
    pub digest: String,
    /// People in it.
    pub people: u64,
    /// Proof of completeness, with the plan's own checks (floor, fall, sentinels) included in the verdict.
    pub completeness: Completeness,
    /// Each check behind the verdict: what was asked for, what was found, and whether that was enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CompletenessCheck>,
    /// How many people have each value of the fields in `completeness.parts`: what a later plan compares its read with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Name, BTreeMap<String, u64>>,
    /// Each rule about people's values, and how many broke it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualityOutcome>,
}

/// How the values of one field are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QualityOutcome {
    /// The field.
    pub field: Name,
    /// What is asked of it, as the end of a sentence that begins with its name, for example `is unique`.
    pub asks: String,
    /// What happens when it is not so.
    pub severity: Severity,
    /// How many people were judged: those in scope.
    pub judged: u64,
    /// How many of them broke it.
    pub broken: u64,
    /// The rule.
    pub rule: RuleIndex,
}

/// How a directory was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOfDirectory {
    /// When.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// Digest of the snapshot's content.
    pub digest: String,
    /// Objects in it.
    pub objects: u64,
    /// Proof of completeness.
    pub completeness: Completeness,
}

/// Sizes a reviewer compares the changes with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    /// People in scope.
    pub people: u64,
    /// Accounts in the managed scope.
    pub managed_accounts: u64,
    /// People with an account that already is as desired.
    pub unchanged: u64,
    /// People, and accounts without one, for whom nothing is done: every change they need waits.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held: u64,
    /// People, and accounts without one, of whom only a part waits and other changes go on.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held_in_part: u64,
}

/// A number that stands in a file only when it says something.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// A rule changes come from.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Where it stands.
    pub location: Location,
    /// Its text, for example the template.
    pub text: String,
}

/// Index into [`Plan::rules`].
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
#[serde(transparent)]
#[schemars(transparent)]
pub struct RuleIndex(pub u32);

/// Stable identity of a change within and across plans: the same change for the same object has the same id.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct ChangeId(#[schemars(with = "String")] pub compact_str::CompactString);

/// One change of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// Identity.
    pub id: ChangeId,
    /// The person it is for.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// The object written. For memberships the group.
    pub object: ObjectRef,
    /// What is done.
    pub action: Action,
    /// Changes that must have succeeded (or been found done) before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<ChangeId>,
    /// Why, beyond the attributes' own reasons: the state, the group rule, the match.
    pub because: Reason,
    /// What brought it about.
    pub cause: Cause,
    /// How dangerous it is.
    pub risk: Risk,
    /// Whether it can be undone.
    pub recovery: Recovery,
    /// True when the object is a privileged group that configuration names as one rules may change. Every other
    /// privileged object is left alone when the plan is applied, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
}

/// A person as reviewers know them.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonRef {
    /// The source.
    pub source: Name,
    /// Key in the source.
    pub key: PersonKey,
    /// Name or number for people to read. Never used to decide anything.
    pub label: String,
}

/// A directory object, existing or made by this plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Immutable identity; absent when the object is made by this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<Guid>,
    /// The `create` that makes it, when it does not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<ChangeId>,
    /// Its name when the plan was made (or will be, for a new one). For people; existing objects are addressed by
    /// `guid`.
    pub dn: Dn,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Action {
    /// A new account: added disabled, given a password, then enabled.
    #[serde(rename_all = "camelCase")]
    Create {
        /// Attributes of the add, `before` empty throughout.
        attributes: Vec<AttributeChange>,
        /// How the initial password is made at apply.
        password: PasswordPolicy,
        /// Whether the account ends enabled.
        enable: bool,
    },
    /// An existing account is tied to a person: the anchor is written, nothing else.
    #[serde(rename_all = "camelCase")]
    Adopt {
        /// The anchor attribute, `before` empty.
        attribute: AttributeChange,
        /// How the account was recognised, for example `mail = jane.doe@example.com`.
        evidence: String,
    },
    /// Attributes are set or cleared, in one LDAP modify.
    #[serde(rename_all = "camelCase")]
    Modify {
        /// Each attribute once, sorted by name.
        attributes: Vec<AttributeChange>,
    },
    /// `ACCOUNTDISABLE` is cleared (MS-ADTS 2.2.16, bit 0x2), every other bit kept.
    Enable {},
    /// `ACCOUNTDISABLE` is set, every other bit kept.
    Disable {},
    /// The relative name (`cn`) changes.
    #[serde(rename_all = "camelCase")]
    Rename {
        /// `cn` now.
        before: String,
        /// `cn` wanted.
        after: String,
        /// The naming rule.
        rule: RuleIndex,
    },
    /// The object goes to another place.
    #[serde(rename_all = "camelCase")]
    Move {
        /// Parent now.
        before: Dn,
        /// Parent wanted.
        after: Dn,
        /// The placement rule.
        rule: RuleIndex,
    },
    /// A member is added to the group.
    #[serde(rename_all = "camelCase")]
    AddMember {
        /// Who.
        member: ObjectRef,
    },
    /// A member is taken out of the group.
    #[serde(rename_all = "camelCase")]
    RemoveMember {
        /// Who.
        member: ObjectRef,
    },
}

/// Before and after of one attribute, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttributeChange {
    /// `lDAPDisplayName`.
    pub name: String,
    /// Values found when the plan was made; empty when there were none.
    pub before: Vec<PlanValue>,
    /// Values wanted; empty to clear.
    pub after: Vec<PlanValue>,
    /// True when only the difference is ours: what `after` has more is added, what it has less is taken out, and
    /// every other value, also one that came since, stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    /// The rule that wants it.
    pub rule: RuleIndex,
    /// The facts it was computed from: field name to text, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Length of the value (of several, the longest) before it was cut to what the schema allows, as the directory
    /// counts: UTF-16 code units. Absent when nothing was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<u32>,
    /// The table of names that are not given again, when the value is a name that belongs into it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_reuse: Option<Name>,
}

/// One attribute value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum PlanValue {
    /// As text.
    Text(String),
    /// Bytes.
    Octets(Octets),
    /// Another object, for attributes with DN syntax.
    Object(ObjectRef),
}

/// Bytes of a picture, a certificate, an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Octets {
    /// The bytes in base64 (RFC 4648 section 4, padded).
    pub base64: String,
}

impl std::fmt::Display for Octets {
    /// Size and the beginning of the SHA-256 digest: enough to tell two pictures apart.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use base64::Engine as _;
        use sha2::{Digest as _, Sha256};
        match base64::engine::general_purpose::STANDARD.decode(&self.base64) {
            Ok(bytes) => {
                let digest = hex::encode(Sha256::digest(&bytes));
                write!(f, "{} bytes, sha256 {}…", bytes.len(), &digest[..12])
            }
            Err(_) => write!(f, "{} characters that are no base64", self.base64.len()),
        }
    }
}

/// How an initial password is made at apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Length in characters.
    pub length: u8,
    /// Whether it must be changed at the first logon.
    pub must_change: bool,
}

/// Why a change is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// A sentence for reviewers, for example `leaver since 2026-11-20`.
    pub text: String,
    /// The rule that decided.
    pub rule: RuleIndex,
    /// The facts that decided: field name to text, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What brought a change about.
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
pub enum Cause {
    /// The person's facts: a joiner, a leaver.
    Source,
    /// A changed rule.
    Config,
    /// Somebody edited the directory.
    Drift,
    /// One of them; telling them apart needs an earlier state to compare with, and there was none.
    Undetermined,
}

/// How dangerous a change is.
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
pub enum Risk {
    /// Descriptive attributes.
    Low,
    /// Creates, adoptions, additions, moves, names people sign in with.
    Medium,
    /// Disables, removals from groups.
    High,
    /// Cannot be undone.
    Irreversible,
}

/// Whether a change can be undone.
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
pub enum Recovery {
    /// Completely, from the plan and journal.
    Full,
    /// In part: the object can be brought back, not everything about it.
    Partial,
    /// Not at all.
    None,
}

/// Somebody for whom nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    /// The person, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
    /// The account, when there is one (or several candidates).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<ObjectRef>,
    /// Stable kebab-case code, listed in `docs/held.md`.
    pub code: String,
    /// Why, for reviewers.
    pub reason: String,
    /// What settles it.
    pub help: String,
    /// The rule concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleIndex>,
    /// True when only some change of the person is held and others go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The guard that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// What a guard holds, as kinds of action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
}

/// What a guard was judged on, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardOutcome {
    /// The target.
    pub target: Name,
    /// The limit's name, `minimumMembers` or `breakGlass`.
    pub guard: String,
    /// What kind of guard it is.
    pub kind: GuardKind,
    /// What parts are made by: a field's name, `ou`, `group`, `placement`. Absent when everything is judged together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// The part, as a waiver names it. Of several parts that pass, the one nearest to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How many parts have this verdict; parts that are told by themselves count 1. None of those in which nothing
    /// would happen is counted.
    pub parts: u64,
    /// What is counted, in words, for example `disabled`.
    pub counts: String,
    /// The limit in words, for example `at most 10%, and always 2`.
    pub limit: String,
    /// To how many accounts (of a group: members) it would happen.
    pub counted: u64,
    /// Of how many: the enabled, managed accounts of people in scope that the part has; of a group, its members.
    pub base: u64,
    /// How many are allowed.
    pub allowed: u64,
    /// The verdict.
    pub verdict: GuardVerdict,
    /// The waiver that releases it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Name>,
    /// What waits on a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_breach: Option<OnBreach>,
    /// How many changes wait because of it.
    pub held: u64,
    /// Where it is written.
    pub rule: RuleIndex,
}

impl GuardOutcome {
    /// Whether the guard holds changes, or would if there were any.
    pub fn is_breached(&self) -> bool {
        match self.verdict {
            GuardVerdict::Breached => true,
            GuardVerdict::NotJudged => self.held > 0,
            GuardVerdict::Passed | GuardVerdict::Waived => false,
        }
    }

    /// The part in words, for example `department Sales`.
    pub fn part(&self) -> Option<String> {
        let scope = self.scope.as_ref()?;
        Some(match self.per.as_deref() {
            Some(by @ ("ou" | "group" | "placement")) => format!("{by} {scope}"),
            Some(field) if scope.is_empty() => format!("no {field}"),
            Some(field) => format!("{field} {scope}"),
            None => scope.clone(),
        })
    }
}

/// Kinds of guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GuardKind {
    /// How many accounts one plan may do something to.
    Limit,
    /// A group keeps a number of enabled members.
    MinimumMembers,
    /// Accounts kept for emergencies are not changed.
    BreakGlass,
}

/// What a guard says of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GuardVerdict {
    /// Within the limit.
    Passed,
    /// Beyond the limit, and a waiver lets it through.
    Waived,
    /// Beyond the limit: what it concerns is not in the plan.
    Breached,
    /// Nobody could tell, so it holds what it might concern.
    NotJudged,
}

/// A waiver, as it stands at the moment of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverInPlan {
    /// Its name.
    pub name: Name,
    /// The target.
    pub target: Name,
    /// The limit it is for.
    pub guard: String,
    /// The part it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Most accounts (members) it lets through.
    pub maximum: u64,
    /// Why.
    pub reason: String,
    /// Where it was decided.
    pub ticket: String,
    /// Who answers for it.
    pub owner: String,
    /// Its last day, in the project's time zone.
    pub expires: String,
    /// Whether it counts.
    pub standing: WaiverStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// Whether a waiver counts at the moment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaiverStanding {
    /// It does.
    Active,
    /// It does, and its last day is near.
    Expiring,
    /// Its last day is over: it releases nothing.
    Expired,
}

impl From<Standing> for WaiverStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Expiring => Self::Expiring,
            Standing::Expired => Self::Expired,
        }
    }
}

impl Change {
    /// Whether it takes something away: shuts an account, ends a membership, moves somebody to a leaver's place, clears
    /// a value or takes one of several away, sets an expiry.
    pub fn takes_away(&self) -> bool {
        match &self.action {
            Action::Disable {} | Action::RemoveMember { .. } => true,
            Action::Move { .. } => self.risk >= Risk::High,
            Action::Modify { attributes } => attributes.iter().any(|attribute| {
                let lost = |value: &PlanValue| !attribute.after.contains(value);
                attribute.name.eq_ignore_ascii_case("accountExpires")
                    || !attribute.before.is_empty() && attribute.after.is_empty()
                    || attribute.after.len() < attribute.before.len()
                    || attribute.merge && attribute.before.iter().any(lost)
            }),
            Action::Create { .. }
            | Action::Adopt { .. }
            | Action::Enable {}
            | Action::Rename { .. }
            | Action::AddMember { .. } => false,
        }
    }
}

/// An exception somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedException {
    /// The person. Somebody the read does not have is labelled with the key.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// What it does, for example `leaves title alone`.
    pub what: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where it was asked for.
    pub ticket: String,
    /// Its last day, in the project's time zone.
    pub expires: String,
    /// Whether it holds.
    pub standing: ExceptionStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// Whether an exception holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExceptionStanding {
    /// It does.
    Active,
    /// It does, and its last day is near.
    Expiring,
    /// Its last day is over; what it was about is held until it is cleaned up.
    Expired,
    /// Nobody of the read has the key.
    UnknownPerson,
}

/// What a reviewer should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Warning {
    /// Stable kebab-case code, listed in `docs/held.md`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// How many people or objects it concerns.
    pub count: u64,
    /// Some of them, by name: up to twenty, or, of values that no rule speaks of, up to two hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// How many more there are that `examples` does not name.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unnamed: u64,
}

impl Plan {
    /// How many people, and accounts without one, are held: wholly, and in part.
    pub fn held_counts(&self) -> HeldCounts {
        /// Whose entry it is.
        #[derive(PartialEq, Eq, Hash)]
        enum Who<'a> {
            Person(&'a Name, &'a PersonKey),
            Account(&'a Dn),
            Everything,
        }
        let mut only_in_part: std::collections::HashMap<Who<'_>, bool> =
            std::collections::HashMap::with_capacity(self.held.len());
        for held in &self.held {
            let who = match (&held.person, held.accounts.first()) {
                (Some(person), _) => Who::Person(&person.source, &person.key),
                (None, Some(account)) => Who::Account(&account.dn),
                (None, None) => Who::Everything,
            };
            *only_in_part.entry(who).or_insert(true) &= held.partial;
        }
        let all = u64::try_from(only_in_part.len()).unwrap_or(u64::MAX);
        let in_part = only_in_part.values().filter(|partial| **partial).count();
        let in_part = u64::try_from(in_part).unwrap_or(u64::MAX);
        HeldCounts {
            held: all - in_part,
            in_part,
        }
    }
}

/// How many are held; nobody is counted twice, however many entries speak of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldCounts {
    /// Nothing is done for them.
    pub held: u64,
    /// A part waits and the rest goes on.
    pub in_part: u64,
}
