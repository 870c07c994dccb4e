//! Accounts that were somebody's when the last plan was made and do not carry their anchor any more.
//!
//! Knows who owned what then. Keeps that such a person gets no second account, that nobody else gets theirs because their
//! anchor was written there, and that nobody's absence is read from the account.

use hashbrown::{HashMap, HashSet};

use super::PlanValue;
use super::contents::plan_value;
use super::draft::Draft;
use super::drift::{Account, Evidence, Left, Owner};
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
    /// Whose it was, when it carries somebody's anchor who did not have it: by subject.
    former: Option<Former>,
}

/// Somebody else's account that carries a person's anchor.
struct Former {
    /// Whose it was, by subject.
    subject: u32,
    /// The account the person had, where it is known and still there.
    own: Option<u32>,
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
        let owned: Vec<_> = (0u32..)
            .zip(&self.subjects)
            .filter_map(|(at, subject)| {
                let side = self.side(subject);
                let key = side.person(subject.person).key.clone();
                let owner = edits.owners.of(self.name, (side.source.clone(), key))?;
                Some((at, subject, owner))
            })
            .collect();
        if owned.is_empty() {
            return lost;
        }
        let wanted: HashSet<Guid> = owned
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
        let settled: Vec<_> = self
            .sides
            .iter()
            .map(|side| side.links.settle(&self.index))
            .collect();
        let settled = |subject: &Subject| settled[usize::from(subject.side)].get(&subject.person);
        let taken_over = self.taken_over(&owned, &by_guid, |subject, object| {
            settled(subject).is_some_and(|settled| settled.names(object))
        });
        let without: Vec<_> = owned
            .into_iter()
            .filter(|(_, subject, _)| match &subject.found {
                Found::Nothing => true,
                Found::Conflict(conflict) => {
                    conflict.is_of_adoption(&self.mapping(subject).anchor.name)
                }
                _ => false,
            })
            .collect();
        let taken: HashSet<u32> = (0u32..)
            .zip(&self.subjects)
            .filter(|(at, _)| !taken_over.contains_key(at))
            .filter_map(|(_, subject)| subject.account())
            .collect();
        for (at, subject, owner) in without {
            let object = match &owner.account {
                Account::Known(guid) => by_guid.get(guid).copied(),
                Account::Named(dn) => self.index.by_key(&dn.key()),
            };
            let Some(object) = object else { continue };
            let entry = self.index.entry(object);
            let forbidden =
                settled(subject).is_some_and(|settled| settled.forbidden.contains(&object));
            if entry.kind != EntryKind::User
                || taken.contains(&object)
                || forbidden
                || is_replaced(self.mapping(subject), entry)
            {
                continue;
            }
            let record = owner.record.clone();
            lost.insert(
                at,
                Lost {
                    object,
                    record,
                    former: None,
                },
            );
        }
        lost.extend(taken_over);
        lost
    }

    /// Of everybody whose anchor stands on an account that was another one's, that account; by subject. Whoever a link gives
    /// it to has it rightly.
    fn taken_over(
        &self,
        owned: &[(u32, &Subject, &Owner)],
        by_guid: &HashMap<Guid, u32>,
        is_settled: impl Fn(&Subject, u32) -> bool,
    ) -> HashMap<u32, Lost> {
        let known = || {
            owned.iter().filter_map(|(at, _, owner)| match owner {
                Owner {
                    account: Account::Known(guid),
                    record: None,
                } => Some((*guid, *at)),
                _ => None,
            })
        };
        let former: HashMap<Guid, u32> = known().collect();
        let own: HashMap<u32, u32> = known()
            .filter_map(|(guid, at)| Some((at, *by_guid.get(&guid)?)))
            .collect();
        (0u32..)
            .zip(&self.subjects)
            .filter_map(|(at, subject)| {
                let Found::Account(object) = subject.found else {
                    return None;
                };
                let former = *former.get(&self.index.entry(object).guid)?;
                if former == at || is_settled(subject, object) {
                    return None;
                }
                let former = Former {
                    subject: former,
                    own: own.get(&at).copied(),
                };
                let lost = Lost {
                    object,
                    record: None,
                    former: Some(former),
                };
                Some((at, lost))
            })
            .collect()
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
                entry.dn.spoken(),
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
        if let Some(former) = &lost.former {
            return Some(self.has_taken_over(subject, lost.object, former));
        }
        let now = match found {
            None => "nothing stands there now".to_owned(),
            Some(value) => format!("{value:?} stands there now"),
        };
        let text = format!(
            "{} was this person's by its {} {:?} when the last plan applied was made, and {now}: no second account is made",
            entry.dn.spoken(),
            key.name,
            subject.anchor
        );
        let draft = Draft::new(held::ANCHOR_LOST, text)
            .accounts(vec![lost.object])
            .rule(key.formula.rule);
        let left = self.anchor_edit(subject, lost.object, &subject.anchor);
        Some(Outcome {
            whole: Some(draft),
            left: vec![left],
            ..Outcome::default()
        })
    }

    /// What becomes of somebody whose anchor stands on an account that was another one's: nothing, or they would be given
    /// that one's password, mail and groups.
    fn has_taken_over<'t>(&self, subject: &Subject, object: u32, former: &Former) -> Outcome<'t> {
        let entry = self.index.entry(object);
        let key = &self.mapping(subject).anchor;
        let other = &self.subjects[former.subject as usize];
        let other_key = &self.mapping(other).anchor;
        let whose = self.side(other).reference(other.person);
        let text = format!(
            "{} was the account of {} by its {} {:?} when the last plan applied was made, and carries this person's {} {:?} now: nobody is given it",
            entry.dn.spoken(),
            whose.spoken(),
            other_key.name,
            other.anchor,
            key.name,
            entry.value(key.id).unwrap_or_default()
        );
        // With their own, whoever plans next knows whose that was.
        let accounts = std::iter::once(object).chain(former.own).collect();
        let draft = Draft::new(held::ANCHOR_TAKEN, text)
            .accounts(accounts)
            .rule(key.formula.rule);
        Outcome {
            whole: Some(draft),
            left: vec![self.anchor_edit(subject, object, &other.anchor)],
            ..Outcome::default()
        }
    }

    /// The edit that took the anchor off an account, or wrote over it.
    fn anchor_edit(&self, subject: &Subject, object: u32, wanted: &str) -> Left {
        let key = &self.mapping(subject).anchor;
        let found = self.index.entry(object).value(key.id);
        Left {
            what: key.name.clone(),
            found: found
                .map(|value| plan_value(&key.def, value))
                .into_iter()
                .collect(),
            wanted: vec![PlanValue::Text(wanted.to_owned())],
            then: None,
            policy: DriftPolicy::Ask,
            rule: key.formula.rule,
            held: None,
            object: Some(object),
        }
    }
}
