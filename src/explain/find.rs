//! Who is meant by what somebody typed: a person by key or name, or an account.

use crate::config::Config;
use crate::model::{Dn, EntryKind, Guid, Name, PersonKey};
use crate::testing::{self, NotRecorded};

use std::collections::BTreeMap;

use crate::model::{DirectorySnapshot, PeopleSnapshot};

/// Somebody, or an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person.
    Person {
        /// The source.
        source: Name,
        /// The key.
        key: PersonKey,
    },
    /// An account.
    Account {
        /// The target.
        target: Name,
        /// Its identity.
        guid: Guid,
    },
}

/// Why nobody can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Neither a person nor an account.
    #[error("no person has the key or a unique value {wanted:?}, and no account that name")]
    Nobody {
        /// What was asked for.
        wanted: String,
    },
    /// More than one.
    #[error("{wanted:?} is {}", .candidates.join(", and "))]
    Several {
        /// What was asked for.
        wanted: String,
        /// What they are called, at most five.
        candidates: Vec<String>,
    },
}

/// Attributes by whose value an account may be named.
const NAMES: &[&str] = &["sAMAccountName", "userPrincipalName", "mail"];

/// Finds who is meant. A person is named by key, `SOURCE/KEY`, or the value of a field that is unique or the label; an
/// account by distinguished name, `objectGUID`, `sAMAccountName`, `userPrincipalName` or `mail`.
///
/// # Errors
/// Nobody, or several.
pub fn find(
    config: &Config,
    people: &BTreeMap<Name, PeopleSnapshot>,
    directories: &BTreeMap<Name, DirectorySnapshot>,
    wanted: &str,
) -> Result<Who, NotFound> {
    match testing::find(config, people, wanted) {
        Ok((source, person)) => {
            return Ok(Who::Person {
                source,
                key: person.key.clone(),
            });
        }
        Err(NotRecorded::Several { wanted, count }) => {
            return Err(NotFound::Several {
                wanted,
                candidates: vec![format!(
                    "what {count} people are called; name one by source and key, as in people/1042"
                )],
            });
        }
        Err(_) => {}
    }
    let mut found: Vec<(Name, Guid, String)> = Vec::new();
    for (target, read) in directories {
        let guid = Guid::parse(wanted.trim());
        let key = Dn::key_of(wanted);
        let ids: Vec<_> = NAMES
            .iter()
            .filter_map(|name| read.header.attribute(name))
            .collect();
        for entry in read
            .objects
            .iter()
            .filter(|entry| entry.kind == EntryKind::User)
        {
            let is = guid == Some(entry.guid)
                || key.as_ref() == Some(&entry.dn.key())
                || ids.iter().any(|id| {
                    let values = entry.values(*id).iter();
                    values
                        .map(compact_str::CompactString::as_str)
                        .any(|value| value.eq_ignore_ascii_case(wanted.trim()))
                });
            if is {
                found.push((target.clone(), entry.guid, entry.dn.to_string()));
            }
        }
    }
    match found.as_slice() {
        [] => Err(NotFound::Nobody {
            wanted: wanted.to_owned(),
        }),
        [(target, guid, _)] => Ok(Who::Account {
            target: target.clone(),
            guid: *guid,
        }),
        several => Err(NotFound::Several {
            wanted: wanted.to_owned(),
            candidates: several
                .iter()
                .take(5)
                .map(|(target, _, dn)| format!("{dn} in {target}"))
                .collect(),
        }),
    }
}
