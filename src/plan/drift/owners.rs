//! Whose account was whose when the last plan that was applied was made.
//!
//! An account is told by its GUID, so that somebody whose anchor was taken off it, or written over, is not given another
//! one. Knows reads of then; must not decide what becomes of anybody. Keeps that an account is named somebody's only
//! where its anchor said so then, or where the plan made or adopted it for them.

use hashbrown::{HashMap, HashSet};

use super::super::build::{PlanError, PlanInput, with_targets};
use super::super::changes::{change_id, object_text};
use super::super::target::{Subject, Target};
use super::super::{Action, ObjectRef, PlanFile};
use super::Evidence;
use crate::config::kinds::DriftPolicy;
use crate::matching::Found;
use crate::model::{Dn, Guid, Name, PersonKey};
use crate::policy::held;

/// A person of a source.
pub type PersonOf = (Name, PersonKey);

/// The account that was somebody's.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Owner {
    /// Its identity, or its name where only that is known.
    pub(in crate::plan) account: Account,
    /// The record whose anchor it carries, where that is another one of the same person.
    pub(in crate::plan) record: Option<String>,
}

/// An account, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) enum Account {
    Known(Guid),
    /// One that was made, with no report that says what it became.
    Named(Dn),
}

/// What is known of accounts, by target and person.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<(Name, PersonOf), Owner>);

/// Whose accounts are asked about.
#[derive(Debug, Clone, Copy)]
pub enum OwnersOf<'w> {
    /// These people's.
    People(&'w HashSet<PersonOf>),
    /// Those of people of whom there are several records, by the records that do not count.
    OtherRecords,
}

impl Target<'_> {
    /// Whether an account is the person's already: it carries their anchor; or it did when the last plan applied was
    /// made, and somebody took the anchor off it since. Then it is recognised by another value and gets the anchor again,
    /// and what else was edited is an edit of their account.
    pub(in crate::plan) fn is_own(&self, subject: &Subject) -> bool {
        let object = match &subject.found {
            Found::Account(_) => return true,
            Found::Adopt { object, .. } => *object,
            Found::Nothing | Found::Conflict(_) => return false,
        };
        let Evidence::Known(edits) = self.evidence else {
            return false;
        };
        let side = self.side(subject);
        let who = (side.source.clone(), side.person(subject.person).key.clone());
        let guid = self.index.entry(object).guid;
        // What was asked about then still is, also where the plan that gave the anchor back did not get through.
        if edits.was_left(self.name, guid, &who) || edits.is_carried(self.name, guid, &who) {
            return true;
        }
        let id = change_id(self.name, &object_text(self, subject), "adopt", "");
        let theirs = |owner: &Owner| match &owner.account {
            Account::Known(account) => *account == guid,
            Account::Named(dn) => self.index.by_key(&dn.key()) == Some(object),
        };
        let owner = edits.owners.of(self.name, who);
        owner.is_some_and(|owner| owner.record.is_none() && theirs(owner)) && edits.is_edited(&id)
    }
}

impl Target<'_> {
    /// Whether an account is the person's, as far as a rule that says this of edits has to know: of one that is only
    /// recognised nobody can tell without a recording, and who wants to be asked is.
    pub(in crate::plan) fn may_be_own(&self, subject: &Subject, policy: DriftPolicy) -> bool {
        let blind = matches!(self.evidence, Evidence::Missing) && policy == DriftPolicy::Ask;
        self.is_own(subject) || blind && matches!(subject.found, Found::Adopt { .. })
    }
}

impl Owners {
    /// Whose account was whose, as matching found it in the reads of `input`.
    ///
    /// # Errors
    /// As for [`super::super::build`].
    pub fn find(
        input: &PlanInput<'_>,
        asked: OwnersOf<'_>,
        plan: &PlanFile,
    ) -> Result<Self, PlanError> {
        // What the plan itself made somebody's is theirs, although it carried no anchor yet.
        let adopted: HashSet<Guid> = plan
            .content
            .changes
            .iter()
            .filter(|change| matches!(change.action, Action::Adopt { .. }))
            .filter_map(|change| change.object.guid)
            .collect();
        // Nor is an account theirs that only carried their anchor since somebody wrote it there.
        let taken: HashSet<PersonOf> = plan
            .content
            .held
            .iter()
            .filter(|held| held.code == held::ANCHOR_TAKEN.code)
            .filter_map(|held| held.person.as_ref())
            .map(|person| (person.source.clone(), person.key.clone()))
            .collect();
        let mut owners = Self::default();
        with_targets(input, |target| {
            for subject in &target.subjects {
                if !taken.is_empty() {
                    let side = target.side(subject);
                    let key = side.person(subject.person).key.clone();
                    if taken.contains(&(side.source.clone(), key)) {
                        continue;
                    }
                }
                let found = match &subject.found {
                    Found::Account(object) => Some(*object),
                    Found::Adopt { object, .. } => Some(*object)
                        .filter(|object| adopted.contains(&target.index.entry(*object).guid)),
                    Found::Nothing | Found::Conflict(_) => None,
                };
                let Some(object) = found else { continue };
                let side = target.side(subject);
                let of = |at: u32, record: Option<String>| {
                    let who = (side.source.clone(), side.person(at).key.clone());
                    let account = Account::Known(target.index.entry(object).guid);
                    ((target.name.clone(), who), Owner { account, record })
                };
                match asked {
                    OwnersOf::People(people) => {
                        let (key, owner) = of(subject.person, None);
                        if people.contains(&key.1) {
                            owners.0.insert(key, owner);
                        }
                    }
                    OwnersOf::OtherRecords => {
                        for other in target.others(subject.side, subject.person) {
                            let counted = side.shown(subject.person);
                            let (key, owner) = of(*other, Some(counted));
                            owners.0.insert(key, owner);
                        }
                    }
                }
            }
        })?;
        Ok(owners)
    }

    /// What a plan that was applied says itself: accounts it made for these people, and accounts it held because they
    /// had lost their anchor already. `done` says of a change whether it was achieved, where that is known.
    pub fn told(
        plan: &PlanFile,
        people: &HashSet<PersonOf>,
        created: &std::collections::HashMap<super::super::ChangeId, Guid>,
        done: impl Fn(&super::super::ChangeId) -> Option<bool>,
    ) -> Self {
        let mut owners = Self::default();
        for change in &plan.content.changes {
            let who = (change.person.source.clone(), change.person.key.clone());
            if !matches!(change.action, Action::Create { .. })
                || !people.contains(&who)
                || done(&change.id) == Some(false)
            {
                continue;
            }
            let account = match created.get(&change.id) {
                Some(guid) => Account::Known(*guid),
                None => Account::Named(change.object.dn.clone()),
            };
            let key = (change.target.clone(), who);
            owners.0.insert(
                key,
                Owner {
                    account,
                    record: None,
                },
            );
        }
        let left = plan.content.since.iter().flat_map(|since| &since.left);
        let left: HashSet<(&Name, &PersonKey, Option<Guid>)> = left
            .map(|left| (&left.person.source, &left.person.key, left.object.guid))
            .collect();
        for held in &plan.content.held {
            // Who was held stays so until it is settled, though the read of then shows no owner any more.
            let taken = held.code == held::ANCHOR_TAKEN.code;
            let record = if taken || held.code == held::ANCHOR_LOST.code {
                None
            } else if held.code == held::SAME_PERSON_VANISHED.code {
                Some("another record".to_owned())
            } else {
                continue;
            };
            let Some(person) = &held.person else { continue };
            // Beside the account they had may stand the one that carried their anchor then; that it does was left as an edit.
            let is_taken = |account: &&ObjectRef| {
                taken && left.contains(&(&person.source, &person.key, account.guid))
            };
            let mut accounts = held.accounts.iter();
            let Some(account) = accounts.find(|account| !is_taken(account)) else {
                continue;
            };
            let Some(guid) = account.guid else { continue };
            for target in held.targets(&plan.content) {
                let who = (person.source.clone(), person.key.clone());
                let account = Account::Known(guid);
                let owner = Owner {
                    account,
                    record: record.clone(),
                };
                owners.0.insert((target.clone(), who), owner);
            }
        }
        owners
    }

    /// Adds whose account it was when somebody last judged it, where nothing newer is known.
    pub(super) fn carried(&mut self, target: &Name, account: Guid, who: PersonOf) {
        let account = Account::Known(account);
        let owner = Owner {
            account,
            record: None,
        };
        self.0.entry((target.clone(), who)).or_insert(owner);
    }

    /// Accounts of known identity that carried their people's own anchors.
    pub(super) fn known(&self) -> impl Iterator<Item = (&Name, Guid, &PersonOf)> {
        self.0
            .iter()
            .filter_map(|((target, who), owner)| match owner {
                Owner {
                    account: Account::Known(account),
                    record: None,
                } => Some((target, *account, who)),
                _ => None,
            })
    }

    /// Adds what others do not say.
    pub fn add(&mut self, others: Self) {
        for (key, owner) in others.0 {
            self.0.entry(key).or_insert(owner);
        }
    }

    pub(in crate::plan) fn of(&self, target: &Name, who: PersonOf) -> Option<&Owner> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(target.clone(), who))
    }

    pub(in crate::plan) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Held, seal};

    #[test]
    fn an_account_is_somebodys_in_the_target_that_says_so_only() {
        let bytes = include_bytes!("../../../tests/golden/leaver/plan.json");
        let mut plan = crate::plan::read(bytes).expect("a plan").content;
        let change = plan.changes.first().expect("a change").clone();
        let branch = Name::new("branch");
        let identity = plan.targets[&change.target].clone();
        plan.targets.insert(branch.clone(), identity);
        let who = (change.person.source.clone(), change.person.key.clone());
        let told = |plan: &super::super::super::Plan| {
            let owners = Owners::told(
                &seal(plan.clone()),
                &HashSet::new(),
                &std::collections::HashMap::new(),
                |_| None,
            );
            [&change.target, &branch].map(|target| owners.of(target, who.clone()).is_some())
        };
        plan.held = vec![Held {
            person: Some(change.person.clone()),
            accounts: vec![change.account().clone()],
            target: Some(change.target.clone()),
            code: held::ANCHOR_LOST.code.to_owned(),
            reason: String::new(),
            help: String::new(),
            rule: None,
            partial: false,
            guard: None,
            waits: Vec::new(),
        }];
        assert_eq!(told(&plan), [true, false]);
        // An entry that names none is of a plan for one.
        plan.held[0].target = None;
        plan.targets.remove(&branch);
        assert_eq!(told(&plan), [true, false]);
    }
}
