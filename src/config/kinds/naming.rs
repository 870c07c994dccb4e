//! Parts of `kind: Mapping` about names: where a name must be alone, what happens to it when a person's name changes,
//! and what is done with values a directory has no room for.

use serde::{Deserialize, Serialize};

/// Ordered formats of a unique name: templates, tried in order until one is free.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UniqueSpec {
    /// Templates, tried in order until one is free.
    #[schemars(length(min = 1))]
    pub formats: Vec<String>,
    /// When all are taken, the last with 2, 3, 4 … appended; otherwise the person is held.
    #[serde(default)]
    pub numbered: bool,
    /// Longest name in characters; longer ones are cut, the number included. Defaults to the attribute's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_length: Option<u32>,
    /// Where nobody else may have the name. Defaults to the forest when the target declares a `globalCatalog`, else
    /// to the domain; a `sAMAccountName` is always a matter of the domain, a `cn` of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// Further attributes in which nobody may have the name either. Addresses (`mail`, `userPrincipalName`,
    /// `proxyAddresses`, `targetAddress`) are always compared with one another, whatever their prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_in: Vec<String>,
    /// Name of a `Table` of names that are not given again. The value of a row is the key of the person it was
    /// given to, who alone may have it again; a dash is nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_reuse: Option<String>,
}

/// Where a name must be the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Within {
    /// Among all objects of the target's domain, deleted ones included.
    Domain,
    /// Among all objects of the forest as well, as its global catalog knows them.
    Forest,
}

/// What happens to names when a person's name changes. A name has changed when none of the rule's formats, numbered or
/// not, gives the present one; nothing is remembered between runs. With this block, `when` is not written on these
/// attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenamePolicy {
    /// The name of the object in its container.
    #[serde(default = "follow")]
    pub cn: OnRename,
    /// The name people see.
    #[serde(default = "follow")]
    pub display_name: OnRename,
    /// The name people sign in with.
    #[serde(default = "keep")]
    pub user_principal_name: OnRename,
    /// The mail address.
    #[serde(default = "keep")]
    pub mail: OnRename,
    /// The logon name of old programs, paths of home folders and profiles.
    #[serde(default = "keep", rename = "sAMAccountName")]
    pub sam_account_name: OnRename,
    /// Addresses an account has had stay in `proxyAddresses` as `smtp:`, whatever a rule for `proxyAddresses` gives,
    /// and a former `mail` is added to them.
    #[serde(default = "yes")]
    pub keep_old_address: bool,
}

/// What happens to one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnRename {
    /// A new name is given.
    Follow,
    /// The name stays as it was given when the account was created.
    Keep,
}

/// What is done with a value longer than the directory's schema allows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum TooLong {
    /// The person is held and reported.
    #[default]
    Hold,
    /// The value is cut at the last character (as people see characters) that fits, and the plan says so.
    Truncate,
}

/// What it means that the directory's schema lacks an attribute, or lets nobody write it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum IfUnknown {
    /// The rule is left out and the plan warns of it.
    #[default]
    Warn,
    /// Everybody the rule concerns is held: without the attribute an account is not right.
    Hold,
}

impl RenamePolicy {
    /// What happens to an attribute; `None` for one this block does not speak of.
    pub fn of(&self, attribute: &str) -> Option<OnRename> {
        let named = |name: &str| attribute.eq_ignore_ascii_case(name);
        Some(match () {
            () if named("cn") => self.cn,
            () if named("displayName") => self.display_name,
            () if named("userPrincipalName") => self.user_principal_name,
            () if named("mail") => self.mail,
            () if named("sAMAccountName") => self.sam_account_name,
            () => return None,
        })
    }
}

fn follow() -> OnRename {
    OnRename::Follow
}

fn keep() -> OnRename {
    OnRename::Keep
}

fn yes() -> bool {
    true
}
