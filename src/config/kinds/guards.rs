//! `kind: Guards` and `kind: Waiver`.

use serde::{Deserialize, Serialize};

/// What one plan may do at most to one target, and what it may never do. Judged for the whole plan before anything is
/// written, with every verdict in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guards {
    /// Name of the target.
    pub target: String,
    /// How many accounts one plan may do something to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Groups that keep a number of enabled members. A hard stop: no waiver releases it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minimum_members: Vec<MinimumMembers>,
    /// Distinguished names, GUIDs or sAMAccountNames of accounts kept for emergencies. No plan changes them or their
    /// memberships. A hard stop: no waiver releases it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub break_glass: Vec<String>,
    /// Whose signatures a plan that changes the target needs before it is applied. Left out, none: then what applies
    /// plans must itself ask somebody, for example a protected environment of the CI system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

/// Whose signatures a plan needs. A risk class that is left out asks what the class below it asks; below the first, nobody
/// is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approvals {
    /// Path of the file with the keys of those who may approve, from the project's folder: OpenSSH's `allowed_signers`,
    /// as `git` and `ssh-keygen -Y verify` read it.
    pub signers: String,
    /// For plans with changes of risk `low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<ApprovalRule>,
    /// For plans with changes of risk `medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<ApprovalRule>,
    /// For plans with changes of risk `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<ApprovalRule>,
    /// For plans with changes that cannot be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<ApprovalRule>,
}

/// How many must approve, and who can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalRule {
    /// How many different people must approve.
    #[schemars(range(min = 0, max = 20))]
    pub people: u32,
    /// Who can: names of the allowed signers, where `*` stands for anything and `?` for one character. Left out, every
    /// one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Whether the author of the commit the plan was made from may be among them: whoever has the author's mail address
    /// as name.
    #[serde(default)]
    pub author: bool,
}

impl Approvals {
    /// What each class asks, the lowest first; `None` where nobody is asked.
    pub fn classes(&self) -> [(&'static str, Option<&ApprovalRule>); 4] {
        let low = self.low.as_ref();
        let medium = self.medium.as_ref().or(low);
        let high = self.high.as_ref().or(medium);
        let irreversible = self.irreversible.as_ref().or(high);
        [
            ("low", low),
            ("medium", medium),
            ("high", high),
            ("irreversible", irreversible),
        ]
    }
}

/// How many accounts one plan may do something to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Its name, by which plans and waivers speak of it; unique among the limits of the target.
    pub name: LimitName,
    /// What is counted. Somebody to whom several of these happen counts once.
    #[schemars(length(min = 1))]
    pub actions: Vec<ActionClass>,
    /// With `modify`: only changes of this attribute are counted, for example `department`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// What is judged by itself: everything together, or each part.
    #[serde(default)]
    pub per: Per,
    /// Most accounts (for `per: group`, members) it may happen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// Largest share of the enabled accounts the part has (for `per: group`, of its members), rounded down. With `max`
    /// as well, the smaller number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_share: Option<Share>,
    /// Number that is allowed however small the share comes out. Left out, it is 0: small parts are not exempt.
    #[serde(default)]
    pub floor: u64,
    /// What waits when there are more.
    pub on_breach: OnBreach,
}

/// Name of a limit: up to 63 letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct LimitName(
    #[schemars(regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"))] pub String,
);

/// A percentage such as `10%`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Share(#[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"), example = "10%")] pub String);

/// What a limit counts.
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
pub enum ActionClass {
    /// New accounts.
    Create,
    /// Existing accounts that are tied to a person.
    Adopt,
    /// Changed attributes.
    Modify,
    /// Accounts that are opened again.
    Enable,
    /// Accounts that are shut.
    Disable,
    /// New names (`cn`).
    Rename,
    /// Moves to another place.
    Move,
    /// Members that enter a group.
    AddMember,
    /// Members that leave a group.
    RemoveMember,
    /// Accounts whose password is replaced by one nobody keeps.
    ResetPassword,
    /// Deleted accounts.
    Delete,
    /// Deleted accounts that come back, which only the undo of a plan brings about.
    Restore,
    /// Whatever takes something away: disabling, leaving a group, deleting, moving to a leaver's place, clearing a
    /// value or taking one of several away, setting an expiry.
    Removals,
    /// Everything.
    Any,
}

/// What is judged by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Per {
    /// The target as a whole.
    #[default]
    All,
    /// Each organizational unit: the place an account stands in now, or is made in.
    Ou,
    /// Each group. Only for `addMember` and `removeMember`; counts members.
    Group,
    /// Only accounts at or below this distinguished name, as a whole.
    Placement(String),
    /// Each value of this field of people, for example `department` or `site`, whatever its case. People without a
    /// value are a part of their own.
    Field(String),
}

/// What waits when a limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnBreach {
    /// The changes the limit counts in the part concerned.
    HoldClass,
    /// These, and whatever in the target takes something away from anybody.
    HoldRemovals,
    /// Every change of the target.
    HoldAll,
}

/// A group that keeps a number of enabled members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MinimumMembers {
    /// Distinguished name of the group. Members of groups within it count, and accounts whose primary group it is.
    pub group: String,
    /// Fewest enabled accounts that stay its members.
    #[schemars(range(min = 1))]
    pub enabled: u64,
}

/// Lets one limit be exceeded up to a number, until a date. It releases exactly that: beyond its maximum the limit holds
/// again, and an expired waiver releases nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// Name of the target.
    pub target: String,
    /// Name of the limit.
    pub guard: String,
    /// The part it is for, where the limit judges parts: the value of the field, or the distinguished name of the
    /// organizational unit or group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Most accounts (members) it lets through.
    pub maximum: u64,
    /// Why this is right.
    pub reason: String,
    /// Where it was decided, for example `CHG-1042`.
    pub ticket: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day it counts, as `2026-12-31`, in the project's time zone.
    #[schemars(example = "2026-12-31")]
    pub expires: String,
}
