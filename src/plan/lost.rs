//! Accounts that were somebody's when the last plan was made and do not carry their anchor any more.
//!
//! Knows who owned what then. Keeps that such a person gets no second account, and that nobody else's absence is read
//! from the account.

use hashbrown::{HashMap, HashSet};

use super::PlanValue;
use super::contents::plan_value;
use super::draft::Draft;
use super::drift::{Account, Evidence, Left};
use super::outcome::Outcome;
use super::target::{HeldPerson, Subject, Target};
use crate::config::kinds::DriftPolicy;
use crate::matching::{Found, is_replaced};
use crate::model::{EntryKind, Guid};
use crate::policy::held;

/// Whether somebody held under this code may have lost the account they had: no account was told to be theirs, or others
/// than the anchor's values proposed one.
pub(super) fn of_matching(code: &str) -> bool {
    [
        held::AMBIGUOUS_MATCH,
        held::ANCHORED_ELSEWHERE,
        held::UNMANAGED_MATCH,
    ]
    .iter()
    .any(|one| one.code == code)
}

/// An account somebody had.
pub(super) struct Lost {
    object: u32,
    /// The record whose anchor it carries, when that is another of the same person.
    record: Option<String>,
}

impl Target<'_> {
    /// Of everybody without an account, the one they had; by subject.
    pub(super) fn lost_accounts(&self) -> HashMap<u32, Lost> {
        let mut lost = HashMap::new();
        let Evidence::Known(edits) = self.evidence else {
            return lost;
        };
        if edits.owners.is_empty() {
            return lost;
        }
        let without: Vec<_> = (0u32..)
            .zip(&self.subjects)
            .filter(|(_, subject)| match &subject.found {
                Found::Nothing => true,
                Found::Conflict(conflict) => {
                    conflict.is_of_adoption(&self.mapping(subject).anchor.name)
                }
                _ => false,
            })
            .filter_map(|(at, subject)| {
                let side = self.side(subject);
                let key = side.person(subject.person).key.clone();
                let owner = edits.owners.of(self.name, (side.source.clone(), key))?;
                Some((at, subject, owner))
            })
            .collect();
        if without.is_empty() {
            return lost;
        }
        let wanted: HashSet<Guid> = without
            .iter()
            .filter_map(|(_, _, owner)| match owner.account {
                Account::Known(guid) => Some(guid),
                Account::Named(_) => None,
            })
            .collect();
        let objects = (0u32..).zip(&self.index.snapshot.objects);
        let by_guid: HashMap<Guid, u32> = objects
            .filter(|(_, entry)| wanted.contains(&entry.guid))
            .map(|(at, entry)| (entry.guid, at))
            .collect();
        let taken: HashSet<u32> = self.subjects.iter().filter_map(Subject::account).collect();
        let settled: Vec<_> = self
            .sides
            .iter()
            .map(|side| side.links.settle(&self.index))
            .collect();
        for (at, subject, owner) in without {
            let object = match &owner.account {
                Account::Known(guid) => by_guid.get(guid).copied(),
                Account::Named(dn) => self.index.by_key(&dn.key()),
            };
            let Some(object) = object else { continue };
            let entry = self.index.entry(object);
            let settled = settled[usize::from(subject.side)].get(&subject.person);
            let forbidden = settled.is_some_and(|settled| settled.forbidden.contains(&object));
            if entry.kind != EntryKind::User
                || taken.contains(&object)
                || forbidden
                || is_replaced(self.mapping(subject), entry)
            {
                continue;
            }
            let record = owner.record.clone();
            lost.insert(at, Lost { object, record });
        }
        lost
    }

    /// Takes back what was said of people's accounts by values that adopt, where it is known which one they had.
    pub(super) fn forget_proposals(&self, people: &mut Vec<HeldPerson>) {
        if self.lost.is_empty() {
            return;
        }
        people.retain(|(side, person, draft)| {
            let at = self.subject_of[usize::from(*side)][*person as usize];
            !(self.lost.contains_key(&at) && of_matching(draft.code.code))
        });
    }

    /// The accounts people have lost.
    pub(super) fn lost_objects(&self) -> impl Iterator<Item = u32> {
        self.lost.values().map(|lost| lost.object)
    }

    /// What becomes of somebody whose account does not carry their anchor any more: nothing, and it is told.
    pub(super) fn has_lost<'t>(&self, at: u32, subject: &Subject) -> Option<Outcome<'t>> {
        let lost = self.lost.get(&at)?;
        let entry = self.index.entry(lost.object);
        let key = &self.mapping(subject).anchor;
        let found = entry.value(key.id);
        if let Some(record) = &lost.record {
            let text = format!(
                "{} was this person's by {record}, the record that counted when the last plan applied was made and is not in the read any more; it still carries {} {:?}, and this record's is {:?}",
                entry.dn,
                key.name,
                found.unwrap_or_default(),
                subject.anchor
            );
            let draft = Draft::new(held::SAME_PERSON_VANISHED, text)
                .accounts(vec![lost.object])
                .rule(key.formula.rule);
            return Some(Outcome {
                whole: Some(draft),
                ..Outcome::default()
            });
        }
        let now = match found {
            None => "nothing stands there now".to_owned(),
            Some(value) => format!("{value:?} stands there now"),
        };
        let text = format!(
            "{} was this person's by its {} {:?} when the last plan applied was made, and {now}: no second account is made",
            entry.dn, key.name, subject.anchor
        );
        let draft = Draft::new(held::ANCHOR_LOST, text)
            .accounts(vec![lost.object])
            .rule(key.formula.rule);
        let value = |value: &str| plan_value(&key.def, value);
        let left = Left {
            what: key.name.clone(),
            found: found.map(value).into_iter().collect(),
            wanted: vec![PlanValue::Text(subject.anchor.to_string())],
            then: None,
            policy: DriftPolicy::Ask,
            rule: key.formula.rule,
            held: None,
            object: Some(lost.object),
        };
        Some(Outcome {
            whole: Some(draft),
            left: vec![left],
            ..Outcome::default()
        })
    }
}
