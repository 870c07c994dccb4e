//! Active Directory over LDAP (RFC 4511, [MS-ADTS]).
//!
//! Holds the reader a planner gets and the writer only `apply` gets; the reader has no method that writes, and the
//! writer is made from other credentials. Must not know mappings, plans or rules. Keeps: nothing but a start of TLS
//! ever crosses an unprotected connection; one run speaks to one domain controller; no list is passed on as whole
//! that the server did not end with success.

mod batch;
mod catalog;
mod connect;
mod deletion;
mod edits;
mod errors;
mod lease;
pub mod probe;
mod read;
mod schema;
mod tls;
mod values;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::model::{Dn, Name};

pub use edits::LastWrite;
pub use read::LdapReader;
pub use write::LdapWriter;

/// Tells the time; made by whoever may read the clock.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// How to reach one directory with one account.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `ActiveDirectory` document's name, for messages and snapshots.
    pub name: Name,
    /// Domain controllers in the order they are tried: `ldaps://host[:port]`, or `ldap://host[:port]` with
    /// `start_tls`.
    pub servers: Vec<url::Url>,
    /// Begin in the clear and switch to TLS before anything else (RFC 4511 section 4.14).
    pub start_tls: bool,
    /// PEM certificates of the only authorities to trust; without it those of the operating system.
    pub ca_pem: Option<Vec<u8>>,
    /// Who we are.
    pub bind: BindSettings,
    /// Where user and password come from, for the message when they are refused: `the password comes from …`.
    pub bind_from: Option<String>,
    /// The domain's distinguished name; must be the server's `defaultNamingContext`.
    pub base: Dn,
    /// Entries per page of a read. Active Directory gives at most 1,000.
    pub page_size: u32,
    /// Global catalogs of the forest in the order they are tried, when the names of other domains matter to a read.
    pub catalogs: Vec<url::Url>,
    /// How long a connection attempt, and each answer of the server, may take.
    pub timeout: Duration,
    /// `dnsHostName` of the only domain controller to accept: the one a plan was made from.
    pub pinned: Option<String>,
    /// What the clock said when these were made: a domain controller whose own says something else by more than
    /// [`MOST_APART`] is not accepted. `None` compares nothing.
    pub now: Option<jiff::Timestamp>,
}

/// How far our clock and a domain controller's may be apart. Whose last day it is depends on them; Kerberos itself bears no
/// more than five minutes (RFC 4120 section 1.3).
pub const MOST_APART: Duration = Duration::from_secs(3600);

/// How to say who we are.
#[derive(Debug, Clone)]
pub enum BindSettings {
    /// Simple bind, over TLS only.
    Simple {
        /// `user@domain`, `DOMAIN\user` or a distinguished name.
        user: String,
        /// Never empty: a server takes a bind without a password for an anonymous one and reports success (RFC 4513
        /// section 5.1.2).
        password: SecretString,
    },
    /// The TLS client certificate (SASL EXTERNAL, RFC 4422 appendix A).
    External {
        /// Certificate chain, leaf first.
        certificate_pem: Vec<u8>,
        /// Private key.
        key_pem: SecretString,
    },
}
