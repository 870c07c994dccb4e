//! A directory that behaves like Active Directory, in this process: LDAP over TLS and StartTLS on loopback.
//!
//! Faithful where a client that manages accounts can tell the difference: names, matching, defaults, control bits,
//! passwords, links, group scopes, deletion and restore, rights, limits, result codes with their eight hex digits.
//! Where Samba and AD differ, AD is followed. Every known deviation is listed in `docs/sandbox-directory.md`.
//!
//! From the wire inwards: `server` (sockets, TLS) → `session` (one connection) → `message`, `filter`, `controls`,
//! `ber` (the wire) → `core` (the directory: names and rights) → `write`, `relocate`, `draft`, `accounts`, `password`
//! (changes) and `search`, `matching`, `view`, `rootdse` (reading) → `store` (objects and indexes) → `schema`,
//! `attributes`, `classes`, `value`, `sid`. Beside the protocol stand `handle` (tests, demo) and `faults`.

mod accounts;
mod attributes;
mod ber;
mod bootstrap;
mod classes;
mod config;
mod controls;
mod core;
mod draft;
mod failure;
mod faults;
mod filter;
mod handle;
mod matching;
mod message;
mod password;
mod peer;
mod relocate;
mod rootdse;
mod schema;
mod search;
mod server;
mod session;
mod sid;
mod store;
#[cfg(test)]
mod tests;
mod value;
mod view;
mod write;

pub use config::{Clock, DirectoryConfig, Limits, PasswordPolicy, ServiceAccount};
pub use failure::Failure;
pub use faults::{Aim, FaultRule, OperationKind, Trouble};
pub use handle::{Counters, DirectoryHandle, Snapshot, WriteRecord};
pub use password::encode as encode_password;
pub use server::DirectorySim;
pub use write::{Edit, NewEntry};
