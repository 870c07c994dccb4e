//! What a plan leaves for the plans after it to know: of whom it does not do everything, and what was wanted of them.
//!
//! Knows what was edited and what a plan judged. Keeps that what was wanted is carried as long as a plan does not judge it,
//! and no longer.

use hashbrown::{HashMap, HashSet};

use super::super::{ChangeId, Held, Plan};
use super::carried::Carried;
use super::compared::Compared;
use super::edits::Edits;
use super::owners::PersonOf;
use super::reading::{Reading, find};
use crate::model::{DirectorySnapshot, Entry, Guid, Name};
use crate::policy::held;
use std::collections::BTreeMap;

impl Edits {
    /// What has to be carried on beside the recording of a plan: what was wanted of accounts that this plan does not judge,
    /// or not wholly. `compared` are those it judged.
    pub fn carry(
        &self,
        compared: &Compared,
        open: &Open,
        directories: &BTreeMap<Name, DirectorySnapshot>,
    ) -> Vec<Carried> {
        let open = open.people();
        let mut carried = Vec::new();
        for (target, read) in directories {
            // Whoever is judged by another account has given this one up.
            let judged: HashSet<&PersonOf> = compared.of(target).map(|(_, who)| who).collect();
            let is_open = |who: &PersonOf| open.contains(who) || !judged.contains(who);
            let known = self.compared.of(target);
            let known = known.filter(|(_, who)| is_open(who) && self.is_sure(who));
            let mut accounts: HashMap<Guid, PersonOf> =
                known.map(|(account, who)| (account, who.clone())).collect();
            let before = self.carry.accounts().filter(|(of, ..)| *of == target);
            accounts.extend(
                before
                    .filter(|(_, _, who)| is_open(who))
                    .map(|(_, account, who)| (account, who)),
            );
            let in_part: HashMap<Guid, PersonOf> = compared
                .with_exceptions(target)
                .filter(|account| !accounts.contains_key(account))
                .filter_map(|account| Some((account, compared.whose(target, account)?.clone())))
                .collect();
            if accounts.is_empty() && in_part.is_empty() {
                continue;
            }
            let asked: HashSet<Guid> = accounts.keys().chain(in_part.keys()).copied().collect();
            let reading = Reading::new(read, &asked);
            let all = accounts.iter().map(|(account, who)| (account, who, true));
            let all = all.chain(in_part.iter().map(|(account, who)| (account, who, false)));
            for (account, who, whole) in all {
                let Some(entry) = find(read, *account) else {
                    continue;
                };
                let before = self.carry.carried(target, *account, who);
                let found = match before.filter(|before| before.is_whole()) {
                    Some(before) => Some(before.clone()),
                    None => self.judged_now(target, who, entry, &reading, before),
                };
                carried.extend(match whole {
                    true => found,
                    false => {
                        found.and_then(|found| found.part(compared.excepted(target, *account)))
                    }
                });
            }
        }
        carried.sort_by(|a: &Carried, b| a.key().cmp(&b.key()));
        carried
    }

    /// What was wanted of an account that was judged of the directory as it is now, with what is carried of the rest.
    fn judged_now(
        &self,
        target: &Name,
        who: &PersonOf,
        entry: &Entry,
        reading: &Reading<'_>,
        before: Option<&Carried>,
    ) -> Option<Carried> {
        if self.compared.whose(target, entry.guid) != Some(who) || !self.is_sure(who) {
            return before.cloned();
        }
        let differences = self.differences.get(&(target.clone(), entry.guid));
        let differences = differences.map_or(&[][..], Vec::as_slice);
        let mut known = Carried::of(target, who, entry, reading, differences);
        known.knew(before, self.compared.excepted(target, entry.guid));
        Some(known)
    }
}

/// Of whom a plan does not do everything that it judged, by what it holds and by what it was narrowed by.
#[derive(Debug)]
pub struct Open {
    held: HashSet<PersonOf>,
    left_out: HashMap<ChangeId, PersonOf>,
}

/// Of whom a plan does not do everything. With `narrows` each of its changes counts as left out until it is called planned.
pub fn open(plan: &Plan, narrows: bool) -> Open {
    let held = plan.held.iter();
    let held = held
        .filter(|held| narrows || !is_of_drift(&held.code))
        .filter(|held| !is_spared(held))
        .filter_map(|held| held.person.as_ref())
        .map(|person| (person.source.clone(), person.key.clone()))
        .collect();
    let changes = plan.changes.iter().filter(|_| narrows);
    let left_out = changes.map(|change| {
        let who = (change.person.source.clone(), change.person.key.clone());
        (change.id.clone(), who)
    });
    Open {
        held,
        left_out: left_out.collect(),
    }
}

impl Open {
    /// Says that a change is not left out.
    pub fn planned(&mut self, change: &ChangeId) {
        self.left_out.remove(change);
    }

    pub(super) fn people(&self) -> HashSet<&PersonOf> {
        self.held.iter().chain(self.left_out.values()).collect()
    }
}

/// What an exception keeps of somebody of whom the rest is judged.
pub(super) fn is_spared(held: &Held) -> bool {
    let codes = [held::EXEMPT, held::EXCEPTION_EXPIRED];
    held.partial && codes.iter().any(|one| one.code == held.code)
}

/// What was asked about is known of in the next recording: it differs from what was wanted.
pub(super) fn is_of_drift(code: &str) -> bool {
    [held::DRIFT_ASK, held::DRIFT_UNDETERMINED]
        .iter()
        .any(|one| one.code == code)
}
