//! `kind: ActiveDirectory`.

use serde::{Deserialize, Serialize};

use super::{SecretRef, Setting};

/// An Active Directory domain: how to reach it, what in it is managed, and what is never touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActiveDirectory {
    /// Domain controllers as `ldaps://host[:port]` or, with `tls.startTls`, `ldap://host[:port]`. The first that
    /// answers is used for the whole run, and the plan is applied to the same one.
    #[schemars(length(min = 1))]
    pub servers: Vec<Setting>,
    /// Transport security. There is no unprotected connection.
    #[serde(default)]
    pub tls: Tls,
    /// Where the names of the whole forest are known. With it, addresses and principal names are unique in the forest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_catalog: Option<GlobalCatalog>,
    /// Bind for reading (`plan`).
    pub read: Bind,
    /// Bind for writing (`apply`). A different account than the reading one.
    pub write: Bind,
    /// Distinguished name of the domain, for example `DC=corp,DC=example,DC=test`.
    pub base: String,
    /// What halosync may create, change, move and disable.
    pub managed: ManagedScope,
    /// Distinguished names never touched, and nothing below them. Accounts with `adminCount=1`, built-in ones and
    /// the bind accounts are protected anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// Where the moment is kept since when a state holds that no date of the person tells of. Without it, lifecycles
    /// can count only from dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<StampAttribute>,
    /// Where an apply says that it is under way, so that no other writes meanwhile. Without it, whoever runs applies
    /// on several machines has to keep them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockObject>,
    /// Entries per page of a read.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 1000))]
    pub page_size: u32,
}

/// Transport security.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// File with the PEM certificate(s) of the authority to trust, and no other, relative to the project. Without
    /// it the operating system's trust store is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Setting>,
    /// True to begin on the plain port and switch to TLS before anything else (RFC 4511 section 4.14).
    #[serde(default)]
    pub start_tls: bool,
}

/// A global catalog: a domain controller that knows the names of all domains of the forest. It is read with the account
/// and the trust of `read` and `tls`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GlobalCatalog {
    /// Servers as `ldaps://host[:3269]` or, with `tls.startTls`, `ldap://host[:3268]`, in the order they are tried.
    /// Without it the domain controllers of `servers` are asked at their port for the global catalog.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Setting>,
}

/// How to bind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Bind {
    /// Name and password.
    #[serde(rename_all = "camelCase")]
    Simple {
        /// `user@domain`, `DOMAIN\user` or a distinguished name.
        user: Setting,
        /// The password.
        password: SecretRef,
    },
    /// SASL EXTERNAL: the TLS client certificate says who we are.
    #[serde(rename_all = "camelCase")]
    External {
        /// File with the PEM certificate chain, relative to the project.
        certificate: Setting,
        /// The PEM private key.
        key: SecretRef,
    },
}

/// What halosync may create, change, move and disable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedScope {
    /// Distinguished names of the places below which accounts are managed.
    #[schemars(length(min = 1))]
    pub under: Vec<String>,
    /// Distinguished names of places below which groups may get and lose members. Defaults to `under`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups_under: Vec<String>,
}

/// The attribute that carries stamps such as `halosync: leaver since 2026-11-27T01:20:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StampAttribute {
    /// Name of an attribute that holds one text and that no rule writes, for example `extensionAttribute15`. Whoever
    /// may write it decides when stages begin.
    pub attribute: String,
}

/// An object that exists already, for example a contact made for this purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockObject {
    /// Its distinguished name, for example `CN=halosync lock,OU=Groups,DC=corp,DC=example,DC=test`. The account of `write`
    /// needs the right to write the attribute of this one object.
    pub object: String,
    /// An attribute that holds one text of 600 characters and that nobody else uses.
    #[serde(default = "default_lock_attribute")]
    pub attribute: String,
    /// A lock that nobody has renewed for so many seconds while it was watched may be taken over. An apply renews it
    /// six times as often, and stops when it could not for two thirds of this time.
    #[serde(default = "default_dead_after")]
    #[schemars(range(min = 6, max = 3600))]
    pub dead_after_seconds: u32,
}

fn default_dead_after() -> u32 {
    90
}

fn default_lock_attribute() -> String {
    "info".to_owned()
}

fn default_page_size() -> u32 {
    500
}
