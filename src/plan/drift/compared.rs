//! What a plan judged, and what of it something kept from being a change.
//!
//! Knows accounts by their identity. Keeps apart what was compared with what is wanted, what is put off to a day to come,
//! and what exceptions kept from being compared: of the last two a plan has no change, and neither is as it is wanted.

use hashbrown::{HashMap, HashSet};

use super::super::{Action, Change, Plan};
use super::overlaps::clears_stamp;
use super::owners::PersonOf;
use crate::model::{Guid, Location, Name};
use crate::policy::held;

/// Accounts that a plan judged, with whose they are: each was compared with what is wanted.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    accounts: HashMap<Name, HashMap<Guid, PersonOf>>,
    /// Memberships that an overlap puts off ending: the changes that would end them, and where the rules stand.
    put_off: Vec<(Change, Location)>,
    /// By account, what exceptions keep as it is: attributes in lower case, and `enabled`.
    excepted: HashMap<(Name, Guid), Vec<String>>,
}

impl Compared {
    pub(in crate::plan) fn add(&mut self, target: &Name, account: Guid, who: PersonOf) {
        if !self.accounts.contains_key(target) {
            self.accounts.insert(target.clone(), HashMap::new());
        }
        if let Some(all) = self.accounts.get_mut(target) {
            all.insert(account, who);
        }
    }

    pub(in crate::plan) fn except(&mut self, target: &Name, account: Guid, what: Vec<String>) {
        if !what.is_empty() {
            self.excepted.insert((target.clone(), account), what);
        }
    }

    /// What an exception kept, and of which it is known all the same that nobody edited it.
    pub(super) fn forget(&mut self, target: &Name, account: Guid, what: &str) {
        if let Some(all) = self.excepted.get_mut(&(target.clone(), account)) {
            all.retain(|one| one != what);
        }
    }

    pub(in crate::plan) fn put_off(&mut self, change: Change, rule: Location) {
        self.put_off.push((change, rule));
    }

    pub(super) fn whose(&self, target: &Name, account: Guid) -> Option<&PersonOf> {
        self.accounts.get(target)?.get(&account)
    }

    /// The changes that an overlap puts off, and where the rules stand.
    pub(super) fn later(&self) -> impl Iterator<Item = (&Change, &Location)> {
        self.put_off.iter().map(|(change, rule)| (change, rule))
    }

    /// What exceptions keep of an account that was compared.
    pub(super) fn excepted(&self, target: &Name, account: Guid) -> &[String] {
        if self.excepted.is_empty() {
            return &[];
        }
        let found = self.excepted.get(&(target.clone(), account));
        found.map_or(&[], Vec::as_slice)
    }

    /// Accounts of which exceptions keep something.
    pub(super) fn with_exceptions(&self, target: &Name) -> impl Iterator<Item = Guid> {
        let all = self.excepted.keys().filter(move |(of, _)| of == target);
        all.map(|(_, account)| *account)
    }

    /// Takes over what another says of some accounts.
    pub(super) fn take(&mut self, other: &Self, accounts: &HashSet<(Name, Guid)>) {
        for (target, account) in accounts {
            match other.whose(target, *account) {
                Some(who) => self.add(target, *account, who.clone()),
                None => {
                    if let Some(all) = self.accounts.get_mut(target) {
                        all.remove(account);
                    }
                }
            }
            self.excepted.remove(&(target.clone(), *account));
            self.except(target, *account, other.excepted(target, *account).to_vec());
        }
    }

    pub(super) fn of(&self, target: &Name) -> impl Iterator<Item = (Guid, &PersonOf)> {
        let all = self.accounts.get(target).into_iter().flatten();
        all.map(|(account, who)| (*account, who))
    }

    /// Accounts of which an overlap may be in question, with the target: those in groups rules do not give, also where what
    /// an overlap counts from cannot be read; and those from which the plan clears the stamp of one.
    pub fn outside(&self, plan: &Plan) -> HashSet<(Name, Guid)> {
        let concerned = plan.changes.iter().filter(|change| match &change.action {
            Action::RemoveMember { .. } => true,
            Action::Modify { attributes } => attributes.iter().any(clears_stamp),
            _ => false,
        });
        let mut all: HashSet<(Name, Guid)> = concerned
            .chain(self.later().map(|(change, _)| change))
            .filter_map(|change| Some((change.target.clone(), change.account().guid?)))
            .collect();
        let held = plan.held.iter();
        for held in held.filter(|held| held.code == held::STAMP_UNREADABLE.code) {
            for account in held.accounts.iter().filter_map(|account| account.guid) {
                let targets = held.targets(plan);
                all.extend(targets.map(|target| (target.clone(), account)));
            }
        }
        all
    }
}
