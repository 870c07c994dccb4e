//! What a simulated directory is started with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

/// Settings of a simulated directory. `Default` gives `corp.example.test` with an administrator, a reading account
/// and no writing one.
#[derive(Debug, Clone)]
pub struct DirectoryConfig {
    /// DNS name of the domain; its first label in capitals is the NetBIOS name.
    pub domain: String,
    /// Loopback address to listen on (anything in 127.0.0.0/8).
    pub address: IpAddr,
    /// Port for LDAP over TLS; 0 lets the system choose.
    pub ldaps_port: u16,
    /// Port for plain LDAP with StartTLS; 0 lets the system choose.
    pub ldap_port: u16,
    /// Port of the global catalog over TLS; 0 lets the system choose.
    pub catalog_port: u16,
    /// DNS names of further domains of the forest. They have no controller here: their objects are put in by hand
    /// ([`super::DirectoryHandle::add_elsewhere`]) and seen through the global catalog only.
    pub other_domains: Vec<String>,
    /// Password of `Administrator`.
    pub administrator_password: SecretString,
    /// Service accounts made at the start, in `CN=Users`.
    pub accounts: Vec<ServiceAccount>,
    /// Organizational units made at the start: distinguished names, parents first. Places that accounts write under
    /// must be among them.
    pub units: Vec<String>,
    /// Password rules.
    pub password_policy: PasswordPolicy,
    /// Whether the Recycle Bin is on.
    pub recycle_bin: bool,
    /// Whether the schema carries what Exchange and Lync setup add (`extensionAttribute1`..15 and the like).
    pub extended_schema: bool,
    /// Whether plain connections may bind without TLS. Off as in a hardened domain; on to meet what depends on it
    /// (`unicodePwd` over a plain connection is 53).
    pub plain_bind: bool,
    /// Where time comes from.
    pub clock: Clock,
    /// What `currentTime` says, when that is not the time writes are stamped with: for accounts that are to look old.
    pub tells: Option<Timestamp>,
    /// Seed of generated GUIDs, SIDs and names: the same seed and the same operations give the same directory.
    pub seed: u64,
    /// Keep a record of every write for [`super::DirectoryHandle::writes`].
    pub record_writes: bool,
    /// Limits of the query policy.
    pub limits: Limits,
}

/// A service account.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// `sAMAccountName` and `cn`; the principal name is `name@domain`.
    pub name: String,
    /// Its password.
    pub password: SecretString,
    /// Distinguished names of organizational units under which it may create, change, move and delete users, groups
    /// and contacts, but nothing with `adminCount=1`. Empty: it may only read.
    pub writes_under: Vec<String>,
    /// May list the Deleted Objects container, as delegated with `dsacls`.
    pub reads_deleted: bool,
    /// Holds Reanimate-Tombstones on the domain.
    pub may_restore: bool,
    /// Holds Unexpire-Password on the domain. Without it, `pwdLastSet` is 0 after it resets a password.
    pub may_unexpire: bool,
}

/// Rules for new passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Least number of characters.
    pub min_length: u32,
    /// Three of five character classes, and neither account nor display name inside.
    pub complexity: bool,
    /// How many former passwords a change may not repeat.
    pub history: u32,
    /// Wrong passwords until lockout; 0 never locks.
    pub lockout_threshold: u32,
}

/// Limits of the LDAP query policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `MaxPageSize`.
    pub max_page_size: u32,
    /// `MaxValRange`.
    pub max_val_range: u32,
    /// `MaxConnIdleTime`.
    pub max_idle: Duration,
    /// `MaxResultSetsPerConn`.
    pub max_result_sets: usize,
}

/// Where the simulator takes the time from: the library itself has no clock.
#[derive(Clone)]
pub enum Clock {
    /// Starts here and moves on by one second with each write, so that equal runs give equal dumps.
    Stepping(Timestamp),
    /// Asks the caller.
    Live(Arc<dyn Fn() -> Timestamp + Send + Sync>),
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stepping(start) => f.debug_tuple("Stepping").field(start).finish(),
            Self::Live(_) => f.write_str("Live"),
        }
    }
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self {
            domain: "corp.example.test".to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ldaps_port: 0,
            ldap_port: 0,
            catalog_port: 0,
            other_domains: Vec::new(),
            administrator_password: SecretString::from("Adm1nistrator!"),
            accounts: vec![ServiceAccount::reader("svc-read", "Re4d-only-please")],
            units: Vec::new(),
            password_policy: PasswordPolicy::default(),
            recycle_bin: true,
            extended_schema: true,
            plain_bind: false,
            // 2026-01-05T08:00:00Z, a Monday.
            clock: Clock::Stepping(Timestamp::constant(1_767_600_000, 0)),
            tells: None,
            seed: 1,
            record_writes: false,
            limits: Limits::default(),
        }
    }
}

impl ServiceAccount {
    /// An account that may only read, deleted objects included.
    pub fn reader(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: SecretString::from(password),
            writes_under: Vec::new(),
            reads_deleted: true,
            may_restore: false,
            may_unexpire: false,
        }
    }

    /// An account with delegated rights under some places.
    pub fn writer(name: &str, password: &str, writes_under: &[&str]) -> Self {
        Self {
            writes_under: writes_under.iter().map(|&dn| dn.to_owned()).collect(),
            may_restore: true,
            may_unexpire: true,
            ..Self::reader(name, password)
        }
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_length: 7,
            complexity: true,
            history: 24,
            lockout_threshold: 0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_page_size: 1000,
            max_val_range: 1500,
            max_idle: Duration::from_secs(900),
            max_result_sets: 10,
        }
    }
}

impl DirectoryConfig {
    /// `DC=corp,DC=example,DC=test`.
    pub fn base(&self) -> String {
        let labels: Vec<String> = self
            .domain
            .split('.')
            .map(|label| format!("DC={label}"))
            .collect();
        labels.join(",")
    }

    /// `CORP`.
    pub fn netbios(&self) -> String {
        let label = self.domain.split('.').next().unwrap_or_default();
        label.chars().take(15).collect::<String>().to_uppercase()
    }
}
