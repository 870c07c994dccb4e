//! One change: who, what, why, and how dangerous.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RuleIndex;
use crate::model::{Dn, Guid, Name, PersonKey, spoken};

/// Stable identity of a change within and across plans: the same change for the same object has the same id.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct ChangeId(#[schemars(with = "String")] pub compact_str::CompactString);

/// A person's move across groups: what is entered, what is left, and the stamp that says since when. Never left
/// before everything is entered.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct UnitId(#[schemars(with = "String")] pub compact_str::CompactString);

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
    /// The move across groups it is a part of. Every removal of a move depends on every addition of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
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

impl PersonRef {
    /// As somebody stands in a sentence: `Jane Doe (1042)`.
    pub fn spoken(&self) -> String {
        spoken::person(&self.label, self.key.as_str())
    }
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
    /// Of an existing account, what stood in the attributes by which mappings tell whose it is (`match.anchor`), by
    /// attribute. An account that carries another anchor when the plan is applied is left alone. Absent when nothing stood
    /// there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub anchor: BTreeMap<String, String>,
    /// Of a group, its `sAMAccountName`. One that is called otherwise when the plan is applied is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
}

impl ObjectRef {
    /// An existing object, of which nothing else is known.
    pub fn existing(guid: Guid, dn: Dn) -> Self {
        Self {
            guid: Some(guid),
            created_by: None,
            dn,
            anchor: BTreeMap::new(),
            account_name: None,
        }
    }

    /// An object made by the plan itself.
    pub fn made_by(create: ChangeId, dn: Dn) -> Self {
        Self {
            guid: None,
            created_by: Some(create),
            dn,
            anchor: BTreeMap::new(),
            account_name: None,
        }
    }
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
        /// The account the person had before they came back. It stays as it is, without its anchor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<ObjectRef>,
    },
    /// An existing account is tied to a person: the anchor is written, nothing else.
    #[serde(rename_all = "camelCase")]
    Adopt {
        /// The anchor attribute, `before` empty.
        attribute: AttributeChange,
        /// How the account was recognised, for example `mail = jane.doe@example.com`.
        evidence: String,
        /// The value it was recognised by. An account without it when the plan is applied is left alone. Absent when a link
        /// settled it, or the account carries the anchor of another record of the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recognised: Option<RecognisedBy>,
    },
    /// Attributes are set or cleared, in one LDAP modify.
    #[serde(rename_all = "camelCase")]
    Modify {
        /// Each attribute once, sorted by name.
        attributes: Vec<AttributeChange>,
    },
    /// `ACCOUNTDISABLE` is cleared (MS-ADTS 2.2.16, bit 0x2), every other bit kept.
    #[serde(rename_all = "camelCase")]
    Enable {
        /// Given for a disabled account of which no password is required (bit 0x20, `PASSWD_NOTREQD`), as a create leaves it
        /// that was interrupted: it gets an initial password, made at apply, then that bit is cleared with the other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        initial_password: Option<PasswordPolicy>,
    },
    /// `ACCOUNTDISABLE` is set, every other bit kept.
    Disable {},
    /// The password of a disabled account is replaced by a random one that is made at apply and kept nowhere.
    ResetPassword {},
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
    /// The account is deleted, by itself: never with anything that stands below it.
    #[serde(rename_all = "camelCase")]
    Delete {
        /// When `userAccountControl` was last written, or the account brought back from among the deleted ones, whichever
        /// is later: it is disabled since then at the latest. Any other moment at apply is a conflict.
        #[schemars(with = "String")]
        disabled_since: jiff::Timestamp,
        /// The anchor attribute, whose value is compared at apply.
        anchor: String,
        /// For how many days it can be brought back whole from the Recycle Bin. Absent when it cannot be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restorable_days: Option<u32>,
        /// When anything of it was last written, what logons write left out. Any other moment at apply is a conflict. Absent
        /// when the read does not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        last_written: Option<jiff::Timestamp>,
        /// Every value the read has of it, the groups it is in included.
        before: BTreeMap<String, Vec<PlanValue>>,
    },
    /// A deleted account comes back under its identity, at the place and name the change's object has, disabled as it was
    /// when it was deleted ([MS-ADTS] 3.1.1.5.3.7).
    #[serde(rename_all = "camelCase")]
    Restore {
        /// True when the Recycle Bin has kept it whole, groups included. False when only its tombstone is left: what
        /// that has lost is given back by changes that wait for this one.
        whole: bool,
    },
}

/// A value that an account without an anchor was recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecognisedBy {
    /// The attribute, one of `match.adopt`.
    pub attribute: String,
    /// The value found there.
    pub value: String,
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
    /// An apply that is being undone.
    Undo,
    /// One of the first three; telling them apart needs an earlier state to compare with, and there was none.
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
    /// Creates, adoptions, additions, moves, names people sign in with and are written to, expiry and profile.
    Medium,
    /// Disables, removals from groups, moves to a leaver's place, members of privileged groups, another anchor, deleted
    /// accounts that come back, and attributes that decide who signs in as whom, what runs for them, or where their mail goes.
    High,
    /// Deletions, also those that the Recycle Bin can bring back for a time; whatever cannot be undone.
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

impl Action {
    /// The initial password it makes.
    pub fn initial_password(&self) -> Option<PasswordPolicy> {
        match self {
            Self::Create { password, .. } => Some(*password),
            Self::Enable { initial_password } => *initial_password,
            _ => None,
        }
    }

    /// Its kind, as the plan file writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Adopt { .. } => "adopt",
            Self::Modify { .. } => "modify",
            Self::Enable { .. } => "enable",
            Self::Disable {} => "disable",
            Self::ResetPassword {} => "resetPassword",
            Self::Rename { .. } => "rename",
            Self::Move { .. } => "move",
            Self::AddMember { .. } => "addMember",
            Self::RemoveMember { .. } => "removeMember",
            Self::Delete { .. } => "delete",
            Self::Restore { .. } => "restore",
        }
    }
}

impl Change {
    /// The account it is for: the member where a group is written.
    pub fn account(&self) -> &ObjectRef {
        match &self.action {
            Action::AddMember { member } | Action::RemoveMember { member } => member,
            _ => &self.object,
        }
    }

    /// As it stands in a sentence: `disable CN=Jane Doe,… for Jane Doe (1042)`.
    pub fn spoken(&self) -> String {
        format!(
            "{} {} for {}",
            self.action.kind(),
            self.object.dn.spoken(),
            self.person.spoken()
        )
    }

    /// Whether it takes something away: deletes or shuts an account, ends a membership, moves somebody to a leaver's place, clears
    /// a value or takes one of several away, sets an expiry.
    pub fn takes_away(&self) -> bool {
        match &self.action {
            Action::Disable {}
            | Action::RemoveMember { .. }
            | Action::ResetPassword {}
            | Action::Delete { .. } => true,
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
            | Action::Enable { .. }
            | Action::Rename { .. }
            | Action::AddMember { .. }
            | Action::Restore { .. } => false,
        }
    }
}
