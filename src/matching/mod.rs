//! Whose account is whose.
//!
//! Knows keys and accounts, nothing of attributes to be written. The anchor decides; without one, adoption keys
//! propose exactly one account that nobody has a better claim to. Whenever two answers are possible there is none
//! (P10), and an account outside what is managed is never replaced by a second one.

mod hashed;
mod index;

use std::collections::BTreeMap;

use compact_str::CompactString;
use hashbrown::HashMap;
use rayon::prelude::*;

pub use hashed::{Hashed, hash};
pub use index::{Asked, DirectoryIndex, Protection, Standing, ValueIndex};

use crate::lang::{EvalError, PersonContext};
use crate::mapping::{Mapping, Problem, fold, with_folded};
use crate::model::{AttributeDef, AttributeId, DirectorySnapshot, Name};

/// What matching found for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The account that carries the person's anchor.
    Account(u32),
    /// An account without anchor that is to be adopted.
    Adopt {
        /// The account.
        object: u32,
        /// Which of the mapping's adoption keys recognised it.
        key: usize,
        /// The value it was recognised by.
        value: CompactString,
    },
    /// Nobody's account is this person's.
    Nothing,
    /// There is an answer nobody may guess.
    Conflict(Conflict),
}

/// Why no account can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Several accounts carry the value.
    Ambiguous {
        /// The accounts.
        objects: Vec<u32>,
        /// The attribute.
        attribute: String,
        /// The value.
        value: CompactString,
    },
    /// The account stands outside the managed scope or is protected.
    Unmanaged {
        /// The account.
        object: u32,
        /// The attribute that recognised it.
        attribute: String,
        /// The value.
        value: CompactString,
    },
    /// The account that adoption proposes carries another anchor.
    AnchoredElsewhere {
        /// The account.
        object: u32,
        /// Its anchor.
        anchor: CompactString,
        /// The attribute that recognised it.
        attribute: String,
    },
    /// Several people have the same anchor value.
    DuplicateAnchor {
        /// How many.
        people: usize,
    },
    /// Several people claim the account.
    Contested {
        /// The account.
        object: u32,
        /// How many.
        people: usize,
    },
    /// An adoption key gave no answer.
    Failed(Problem),
    /// An adoption key reads a field that stood in no row of the read.
    NotDelivered(Name),
}

/// Value indexes of the attributes accounts are recognised by.
#[derive(Debug, Default)]
pub struct KeyIndexes(pub HashMap<AttributeId, ValueIndex>);

impl KeyIndexes {
    /// Accounts that carry a value.
    pub fn find(
        &self,
        snapshot: &DirectorySnapshot,
        attribute: AttributeId,
        folded: &str,
    ) -> Vec<u32> {
        self.0
            .get(&attribute)
            .map(|index| index.get(snapshot, folded))
            .unwrap_or_default()
    }
}

/// Looks for one person's account.
pub fn find(
    mapping: &Mapping,
    anchor: &str,
    context: &PersonContext<'_>,
    index: &DirectoryIndex<'_>,
    keys: &KeyIndexes,
    standing: &[Standing],
) -> Found {
    let key = &mapping.anchor;
    let unmanaged = |object: u32, attribute: &str, value: &str| {
        Found::Conflict(Conflict::Unmanaged {
            object,
            attribute: attribute.to_owned(),
            value: value.into(),
        })
    };
    let snapshot = index.snapshot;
    match keys
        .find(snapshot, key.id, &fold(&key.def, anchor))
        .as_slice()
    {
        [] => {}
        [object] => {
            return match standing[*object as usize] {
                // What is protected is known to be this person's; whether anything was to change is seen later.
                Standing::Managed | Standing::Protected(_) => Found::Account(*object),
                Standing::Outside => unmanaged(*object, &key.name, anchor),
            };
        }
        several => {
            return Found::Conflict(Conflict::Ambiguous {
                objects: several.to_vec(),
                attribute: key.name.clone(),
                value: anchor.into(),
            });
        }
    }
    for (at, adoption) in mapping.adopt.iter().enumerate() {
        if let Some(field) = &adoption.formula.blind {
            return Found::Conflict(Conflict::NotDelivered(field.clone()));
        }
        let value = match adoption.formula.text(context) {
            Ok(value) if value.is_empty() => continue,
            Ok(value) => value,
            Err(EvalError::Missing { .. }) => continue,
            Err(error) => return Found::Conflict(Conflict::Failed(Problem::of(error))),
        };
        match keys
            .find(snapshot, adoption.id, &fold(&adoption.def, &value))
            .as_slice()
        {
            [] => {}
            [object] => {
                if standing[*object as usize] != Standing::Managed {
                    return unmanaged(*object, &adoption.name, &value);
                }
                let entry = &index.snapshot.objects[*object as usize];
                if let Some(anchor) = entry.value(key.id) {
                    return Found::Conflict(Conflict::AnchoredElsewhere {
                        object: *object,
                        anchor: anchor.into(),
                        attribute: adoption.name.clone(),
                    });
                }
                return Found::Adopt {
                    object: *object,
                    key: at,
                    value,
                };
            }
            several => {
                return Found::Conflict(Conflict::Ambiguous {
                    objects: several.to_vec(),
                    attribute: adoption.name.clone(),
                    value,
                });
            }
        }
    }
    Found::Nothing
}

/// One person's claim: the attribute that is the anchor, its folded value, and what was found.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The anchor attribute.
    pub attribute: AttributeId,
    /// The definition of it.
    pub def: &'a AttributeDef,
    /// The person's value.
    pub anchor: &'a str,
    /// The account, when there is one.
    pub account: Option<u32>,
}

/// Takes back every answer that two people were given: nobody gets a contested account, and people who share an
/// anchor value get nothing. Gives the places of those claims and what is wrong with each, rising.
pub fn settle(claims: &[Claim<'_>], objects: usize) -> Vec<(usize, Conflict)> {
    let rows = claims
        .par_iter()
        .enumerate()
        .map(|(at, claim)| {
            let hash = with_folded(claim.def, claim.anchor, hash) ^ u64::from(claim.attribute.0);
            (hash, u32::try_from(at).unwrap_or(u32::MAX))
        })
        .collect();
    let mut wrong: BTreeMap<usize, Conflict> = BTreeMap::new();
    for group in Hashed::new(rows).repeated() {
        let mut same: BTreeMap<(AttributeId, CompactString), Vec<usize>> = BTreeMap::new();
        for at in group {
            let claim = &claims[at as usize];
            same.entry((claim.attribute, fold(claim.def, claim.anchor)))
                .or_default()
                .push(at as usize);
        }
        for sharing in same.into_values().filter(|sharing| sharing.len() > 1) {
            for at in &sharing {
                let people = sharing.len();
                wrong.insert(*at, Conflict::DuplicateAnchor { people });
            }
        }
    }
    let mut claimed = vec![0u32; objects];
    for object in claims.iter().filter_map(|claim| claim.account) {
        claimed[object as usize] += 1;
    }
    for (at, claim) in claims.iter().enumerate() {
        if let Some(object) = claim.account
            && claimed[object as usize] > 1
        {
            wrong.entry(at).or_insert(Conflict::Contested {
                object,
                people: claimed[object as usize] as usize,
            });
        }
    }
    wrong.into_iter().collect()
}
