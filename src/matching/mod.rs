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
pub use index::{Asked, Carriers, DirectoryIndex, Protection, Standing, ValueIndex};

use crate::lang::{EvalError, PersonContext};
use crate::lifecycle::{REPLACED, RuleId, Stamp};
use crate::mapping::{Key, Mapping, Problem, canonical, fold, with_folded};
use crate::model::{AttributeDef, AttributeId, DirectorySnapshot, Entry, Name};

/// What matching found for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The account that carries the person's anchor.
    Account(u32),
    /// An account without anchor that is to be adopted.
    Adopt {
        /// The account.
        object: u32,
        /// How it was recognised.
        by: Recognised,
    },
    /// Nobody's account is this person's.
    Nothing,
    /// There is an answer nobody may guess.
    Conflict(Conflict),
}

/// What stands for the attribute where a link, and no attribute, recognised an account.
pub const BY_LINK: &str = "";

/// How an account is known to be a person's before it carries their anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// By an adoption key of the mapping.
    Key {
        /// Which of them.
        at: usize,
        /// The value.
        value: CompactString,
    },
    /// Somebody settled it.
    Link {
        /// Where.
        rule: RuleId,
        /// Whether the account carries another anchor, which this one replaces.
        replaces: bool,
    },
    /// It carries the anchor of another record of the same person, which this one replaces.
    Record {
        /// That record, as its place in the read.
        record: u32,
        /// The attribute its anchor stands in.
        attribute: AttributeId,
        /// The anchor.
        value: CompactString,
    },
}

/// Why no account can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Several accounts carry the value.
    Ambiguous {
        /// How many.
        accounts: usize,
        /// The first of them: a value everybody has must not be written down for everybody.
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
        /// The attribute that anchor stands in.
        anchored_by: AttributeId,
        /// The attribute that recognised it.
        attribute: String,
    },
    /// Several people have the same anchor value.
    DuplicateAnchor {
        /// How many.
        people: usize,
        /// How many of them are nobody an account is planned for.
        beside: usize,
    },
    /// Several people claim the account.
    Contested {
        /// The account.
        object: u32,
        /// How many.
        people: usize,
        /// How many of them are nobody an account is planned for.
        beside: usize,
    },
    /// The account was found, and somebody has said that it is not this person's.
    Forbidden {
        /// The account.
        object: u32,
    },
    /// The account somebody settled on is not in the read.
    LinkUnresolved {
        /// As it is written.
        account: String,
        /// Where.
        rule: RuleId,
    },
    /// The person's anchor stands on another account than the one somebody settled on.
    LinkContradicted {
        /// The account with the anchor.
        by_anchor: u32,
        /// The one settled on.
        linked: u32,
        /// Where.
        rule: RuleId,
    },
    /// Several accounts are theirs, by the anchors of different records or otherwise.
    SeveralAccounts {
        /// The accounts.
        objects: Vec<u32>,
    },
    /// An adoption key gave no answer.
    Failed(Problem),
    /// An adoption key reads a field that stood in no row of the read.
    NotDelivered(Name),
}

impl Conflict {
    /// The accounts it is about.
    pub fn objects(&self) -> Vec<u32> {
        match self {
            Self::Ambiguous { objects, .. } | Self::SeveralAccounts { objects } => objects.clone(),
            Self::Unmanaged { object, .. }
            | Self::AnchoredElsewhere { object, .. }
            | Self::Contested { object, .. }
            | Self::Forbidden { object } => vec![*object],
            Self::LinkContradicted {
                by_anchor, linked, ..
            } => vec![*by_anchor, *linked],
            Self::DuplicateAnchor { .. }
            | Self::LinkUnresolved { .. }
            | Self::Failed(_)
            | Self::NotDelivered(_) => Vec::new(),
        }
    }
}

impl Conflict {
    /// Whether it is about accounts that values other than the anchor, which the attribute called so holds, proposed.
    pub fn is_of_adoption(&self, anchor: &str) -> bool {
        match self {
            Self::AnchoredElsewhere { .. } => true,
            Self::Ambiguous { attribute, .. } | Self::Unmanaged { attribute, .. } => {
                attribute != anchor && attribute != BY_LINK
            }
            _ => false,
        }
    }

    /// Whether it is about accounts that carry the person's anchor, which the attribute called so holds.
    pub fn is_of_anchor(&self, anchor: &str) -> bool {
        match self {
            Self::Ambiguous { attribute, .. } | Self::Unmanaged { attribute, .. } => {
                attribute == anchor
            }
            Self::Forbidden { .. } => true,
            _ => false,
        }
    }
}

/// Value indexes of the attributes accounts are recognised by.
#[derive(Debug, Default)]
pub struct KeyIndexes(pub HashMap<AttributeId, ValueIndex>);

impl KeyIndexes {
    /// Accounts that carry a value.
    pub fn find(&self, snapshot: &DirectorySnapshot, key: &Key, value: &str) -> Carriers {
        self.0
            .get(&key.id)
            .map(|index| index.carriers(snapshot, &fold(&key.def, value)))
            .unwrap_or_default()
    }
}

/// The anchor an account carries, under whichever mapping it is one, with the attribute it stands in.
fn anchor_of<'e>(entry: &'e Entry, anchors: &[AttributeId]) -> Option<(AttributeId, &'e str)> {
    anchors
        .iter()
        .find_map(|id| entry.value(*id).map(|value| (*id, value)))
}

/// Whether an account was left behind by somebody who came back and got a new one: only a link gives it back.
pub fn is_replaced(mapping: &Mapping, entry: &Entry) -> bool {
    let stamp = mapping.stamp.as_ref().and_then(|rule| entry.value(rule.id));
    let stamp = stamp.and_then(Stamp::parse);
    stamp.is_some_and(|stamp| stamp.what == REPLACED)
}

/// The accounts of a target, as matching looks for them.
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a> {
    /// The objects of the read.
    pub index: &'a DirectoryIndex<'a>,
    /// Who carries which value.
    pub keys: &'a KeyIndexes,
    /// What may be done to each object.
    pub standing: &'a [Standing],
    /// Attributes that are an anchor under any mapping of the target: an account that carries one is somebody's
    /// already.
    pub anchors: &'a [AttributeId],
}

/// Looks for one person's account. `forbidden` accounts are never theirs.
pub fn find(
    mapping: &Mapping,
    anchor: &str,
    context: &PersonContext<'_>,
    accounts: Accounts<'_>,
    forbidden: &[u32],
) -> Found {
    let Accounts {
        index,
        keys,
        standing,
        anchors,
    } = accounts;
    let key = &mapping.anchor;
    let unmanaged = |object: u32, attribute: &str, value: &str| {
        Found::Conflict(Conflict::Unmanaged {
            object,
            attribute: attribute.to_owned(),
            value: value.into(),
        })
    };
    let snapshot = index.snapshot;
    let carriers = keys.find(snapshot, key, anchor);
    match carriers.first.as_slice() {
        [] => {}
        [object] if forbidden.contains(object) => {
            return Found::Conflict(Conflict::Forbidden { object: *object });
        }
        [object] => {
            return match standing[*object as usize] {
                // What is protected is known to be this person's; whether anything was to change is seen later.
                Standing::Managed | Standing::Protected(_) => Found::Account(*object),
                Standing::Outside => unmanaged(*object, &key.name, anchor),
            };
        }
        several => {
            return Found::Conflict(Conflict::Ambiguous {
                accounts: carriers.count,
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
        let mut carriers = keys.find(snapshot, adoption, &value);
        let known = carriers.first.len();
        carriers.first.retain(|object| {
            !forbidden.contains(object) && !is_replaced(mapping, index.entry(*object))
        });
        carriers.count -= known - carriers.first.len();
        match carriers.first.as_slice() {
            [] => {}
            [object] => {
                if standing[*object as usize] != Standing::Managed {
                    return unmanaged(*object, &adoption.name, &value);
                }
                let entry = &index.snapshot.objects[*object as usize];
                if let Some((anchored_by, anchor)) = anchor_of(entry, anchors) {
                    return Found::Conflict(Conflict::AnchoredElsewhere {
                        object: *object,
                        anchor: anchor.into(),
                        anchored_by,
                        attribute: adoption.name.clone(),
                    });
                }
                return Found::Adopt {
                    object: *object,
                    by: Recognised::Key { at, value },
                };
            }
            several => {
                return Found::Conflict(Conflict::Ambiguous {
                    accounts: carriers.count,
                    objects: several.to_vec(),
                    attribute: adoption.name.clone(),
                    value,
                });
            }
        }
    }
    Found::Nothing
}

/// What somebody nothing is planned for would claim under a mapping: the value of its anchor, and accounts.
#[derive(Debug, Default)]
pub struct Rivalry {
    /// The anchor, as far as it can be told.
    pub anchor: Option<CompactString>,
    /// Accounts that would be theirs.
    pub accounts: Vec<u32>,
    /// Accounts that would be theirs if they did not carry another anchor.
    pub anchored: Vec<u32>,
}

/// What somebody held, or left out, would claim under a mapping. The same rules as in [`find`], but whatever gives
/// no answer is passed over: such a claim takes an account from others and never gives one.
pub fn rivalry(mapping: &Mapping, context: &PersonContext<'_>, accounts: Accounts<'_>) -> Rivalry {
    let Accounts {
        index,
        keys,
        anchors,
        ..
    } = accounts;
    let snapshot = index.snapshot;
    let mut rivalry = Rivalry::default();
    let text = |key: &Key| {
        let known = key.formula.blind.is_none();
        let text = known.then(|| key.formula.text(context).ok()).flatten();
        text.filter(|text| !text.is_empty())
    };
    if let Some(anchor) = text(&mapping.anchor) {
        let anchor = canonical(&mapping.anchor.def, &anchor, context.as_of.time_zone())
            .unwrap_or_else(|_| anchor.clone());
        let carriers = keys.find(snapshot, &mapping.anchor, &anchor);
        rivalry.anchor = Some(anchor);
        if carriers.count > 0 {
            rivalry.accounts = carriers.first;
            return rivalry;
        }
    }
    for adoption in &mapping.adopt {
        let Some(value) = text(adoption) else {
            continue;
        };
        // An account with an anchor is nobody's by its mail address.
        let found = keys.find(snapshot, adoption, &value).first.into_iter();
        let (free, anchored): (Vec<u32>, Vec<u32>) =
            found.partition(|object| anchor_of(index.entry(*object), anchors).is_none());
        rivalry.accounts.extend(free);
        rivalry.anchored.extend(anchored);
    }
    rivalry.accounts.sort_unstable();
    rivalry.accounts.dedup();
    rivalry
}

/// One person's claim.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The anchor: its attribute, the definition of that, and the person's value.
    pub anchor: Option<(AttributeId, &'a AttributeDef, &'a str)>,
    /// The account, when there is one.
    pub account: Option<u32>,
    /// Nothing is planned for this person; the claim only takes answers from others. One person's claims of this kind
    /// name no anchor and no account twice.
    pub rival: bool,
}

/// Takes back every answer that two people were given: nobody gets a contested account, and people who share an
/// anchor value get nothing. Gives the places of those claims, without the rivals', and what is wrong with each, rising.
pub fn settle(claims: &[Claim<'_>], objects: usize) -> Vec<(usize, Conflict)> {
    let rows = claims
        .par_iter()
        .enumerate()
        .filter_map(|(at, claim)| {
            let (attribute, def, anchor) = claim.anchor?;
            let hash = with_folded(def, anchor, hash) ^ u64::from(attribute.0);
            Some((hash, u32::try_from(at).unwrap_or(u32::MAX)))
        })
        .collect();
    let mut wrong: BTreeMap<usize, Conflict> = BTreeMap::new();
    for group in Hashed::new(rows).repeated() {
        let mut same: BTreeMap<(AttributeId, CompactString), Vec<usize>> = BTreeMap::new();
        for at in group {
            if let Some((attribute, def, anchor)) = claims[at as usize].anchor {
                same.entry((attribute, fold(def, anchor)))
                    .or_default()
                    .push(at as usize);
            }
        }
        for sharing in same.into_values().filter(|sharing| sharing.len() > 1) {
            let people = sharing.len();
            let beside = sharing.iter().filter(|at| claims[**at].rival).count();
            for at in sharing.into_iter().filter(|at| !claims[*at].rival) {
                wrong.insert(at, Conflict::DuplicateAnchor { people, beside });
            }
        }
    }
    let mut claimed = vec![(0u32, 0u32); objects];
    for claim in claims {
        if let Some(object) = claim.account {
            let (people, beside) = &mut claimed[object as usize];
            *people += 1;
            *beside += u32::from(claim.rival);
        }
    }
    for (at, claim) in claims.iter().enumerate() {
        if let Some(object) = claim.account.filter(|_| !claim.rival)
            && let (people, beside) = claimed[object as usize]
            && people > 1
        {
            wrong.entry(at).or_insert(Conflict::Contested {
                object,
                people: people as usize,
                beside: beside as usize,
            });
        }
    }
    wrong.into_iter().collect()
}
