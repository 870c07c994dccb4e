//! Whose account is whose.
//!
//! Knows keys and accounts, nothing of attributes to be written. The anchor decides; without one, adoption keys
//! propose exactly one account that nobody has a better claim to. Whenever two answers are possible there is none
//! (P10), and an account outside what is managed is never replaced by a second one.

mod index;

use compact_str::CompactString;
use hashbrown::HashMap;

pub use index::{DirectoryIndex, Protection, Standing, ValueIndex};

use crate::lang::{EvalError, PersonContext};
use crate::mapping::{Mapping, Problem, fold};
use crate::model::{AttributeId, Name};

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
    pub fn find(&self, attribute: AttributeId, folded: &str) -> &[u32] {
        self.0
            .get(&attribute)
            .map_or(&[], |index| index.get(folded))
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
    match keys.find(key.id, &fold(&key.def, anchor)) {
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
        match keys.find(adoption.id, &fold(&adoption.def, &value)) {
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

/// Takes back every answer that two people were given: nobody gets a contested account, and people who share an
/// anchor value get nothing.
pub fn settle<'a>(people: impl Iterator<Item = (AttributeId, CompactString, &'a mut Found)>) {
    let mut people: Vec<(AttributeId, CompactString, &'a mut Found)> = people.collect();
    let mut anchors: HashMap<(AttributeId, &str), usize> = HashMap::with_capacity(people.len());
    let mut claims: HashMap<u32, usize> = HashMap::with_capacity(people.len());
    for (attribute, anchor, found) in &people {
        *anchors.entry((*attribute, anchor)).or_default() += 1;
        if let Found::Account(object) | Found::Adopt { object, .. } = found {
            *claims.entry(*object).or_default() += 1;
        }
    }
    let verdicts: Vec<Option<Conflict>> = people
        .iter()
        .map(|(attribute, anchor, found)| {
            let sharing = anchors[&(*attribute, anchor.as_str())];
            if sharing > 1 {
                return Some(Conflict::DuplicateAnchor { people: sharing });
            }
            match found {
                Found::Account(object) | Found::Adopt { object, .. } if claims[object] > 1 => {
                    Some(Conflict::Contested {
                        object: *object,
                        people: claims[object],
                    })
                }
                _ => None,
            }
        })
        .collect();
    drop(anchors);
    for ((.., found), verdict) in people.iter_mut().zip(verdicts) {
        if let Some(conflict) = verdict {
            **found = Found::Conflict(conflict);
        }
    }
}
