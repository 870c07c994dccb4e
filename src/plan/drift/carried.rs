//! What was wanted of accounts that a plan did not judge, kept for the plans after it.
//!
//! A recording knows what was wanted of everybody its plan judged. Of whoever was held, missing, out of scope or not
//! recognised it knows nothing, and what an earlier one knew of their accounts is carried on by the account's GUID until
//! somebody is judged again. Keeps that nothing is carried that was not known, and that what is carried stands until a
//! plan writes something else.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::super::{Change, ChangeId, Plan, PlanValue};
use super::edits::{Edit, Edits, Planned};
use super::owners::PersonOf;
use super::reading::{Reading, find, kept, same};
use super::report::{Part, parts};
use crate::model::{DirectorySnapshot, Dn, DnKey, Entry, EntryKind, Guid, Name, PersonKey};
use crate::policy::held;

/// Accounts that a plan judged, with whose they are: each was compared with what is wanted.
#[derive(Debug, Clone, Default)]
pub struct Compared(HashMap<Name, HashMap<Guid, PersonOf>>);

impl Compared {
    pub(in crate::plan) fn add(&mut self, target: &Name, account: Guid, who: PersonOf) {
        if !self.0.contains_key(target) {
            self.0.insert(target.clone(), HashMap::new());
        }
        if let Some(all) = self.0.get_mut(target) {
            all.insert(account, who);
        }
    }

    pub(super) fn whose(&self, target: &Name, account: Guid) -> Option<&PersonOf> {
        self.0.get(target)?.get(&account)
    }

    /// Takes over what another says of some accounts.
    pub(super) fn take(&mut self, other: &Self, accounts: &HashSet<(Name, Guid)>) {
        for (target, account) in accounts {
            match other.whose(target, *account) {
                Some(who) => self.add(target, *account, who.clone()),
                None => {
                    if let Some(all) = self.0.get_mut(target) {
                        all.remove(account);
                    }
                }
            }
        }
    }

    fn of(&self, target: &Name) -> impl Iterator<Item = (Guid, &PersonOf)> {
        let all = self.0.get(target).into_iter().flatten();
        all.map(|(account, who)| (*account, who))
    }
}

/// What was wanted of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Carried {
    /// The target.
    pub(in crate::plan) target: Name,
    /// The account.
    pub(in crate::plan) account: Guid,
    /// Whose it is.
    pub(in crate::plan) source: Name,
    /// Their key.
    pub(in crate::plan) person: PersonKey,
    /// By attribute in lower case, and `enabled`, `name`, `placement`.
    wanted: BTreeMap<String, Kept>,
    /// The place it was to stand in, which may be called otherwise by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Guid>,
    /// The groups it was to be in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Guid>,
    /// Groups of which nobody can tell whether somebody put it in or took it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unclear: Vec<Guid>,
}

/// What was wanted of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    wanted: Vec<PlanValue>,
    /// What stood there instead and was nobody's edit: it was to be changed, and was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_done: Option<Vec<PlanValue>>,
    /// What stood there instead, and nobody can tell whether somebody wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unclear: Option<Vec<PlanValue>>,
}

impl Kept {
    fn new(wanted: Vec<PlanValue>) -> Self {
        Self {
            wanted,
            not_done: None,
            unclear: None,
        }
    }

    fn was(&mut self, found: &[PlanValue], planned: Planned) {
        match planned {
            Planned::Edited => {}
            Planned::NotDone => self.not_done = Some(found.iter().cloned().map(kept).collect()),
            Planned::Unclear | Planned::Waited => {
                self.unclear = Some(found.iter().cloned().map(kept).collect());
            }
        }
    }
}

/// What is carried, ready to be asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Carry {
    all: HashMap<(Name, Guid), Known>,
}

#[derive(Debug, Clone)]
struct Known {
    as_read: Carried,
    edits: HashMap<String, Edit>,
    member: Edit,
}

/// What carried knowledge says of a difference.
pub(super) enum Told<'e> {
    /// Nothing is carried of it.
    Nothing,
    Edited(&'e Edit),
    Untouched,
    Unknown,
}

impl Carry {
    /// What an earlier recording carried, with what the plan of that recording has written since. `done` says of a change
    /// whether it was achieved, where that is known. Places are called as they are now.
    pub(super) fn new(
        carried: &[Carried],
        then: &Plan,
        done: impl Fn(&ChangeId) -> Option<bool>,
        directories: &BTreeMap<Name, DirectorySnapshot>,
    ) -> Self {
        let mut all: HashMap<(Name, Guid), Known> = HashMap::new();
        for one in carried {
            let member = Edit {
                wanted: Vec::new(),
                planned: Planned::Edited,
            };
            let known = Known {
                as_read: one.clone(),
                edits: HashMap::new(),
                member,
            };
            all.insert((one.target.clone(), one.account), known);
        }
        for change in &then.changes {
            let Some(account) = change.account().guid else {
                continue;
            };
            let key = (change.target.clone(), account);
            let Some(known) = all.get_mut(&key) else {
                continue;
            };
            known.as_read.follow(
                change,
                match done(&change.id) {
                    Some(true) => Planned::Edited,
                    Some(false) => Planned::NotDone,
                    None => Planned::Unclear,
                },
            );
        }
        for known in all.values_mut() {
            known.as_read.find_place(directories);
            let each = known.as_read.wanted.iter();
            known.edits = each
                .map(|(what, kept)| {
                    let edit = Edit {
                        wanted: kept.wanted.clone(),
                        planned: Planned::Edited,
                    };
                    (what.clone(), edit)
                })
                .collect();
        }
        Self { all }
    }

    pub(super) fn is_of(&self, target: &Name, account: Guid, who: &PersonOf) -> bool {
        self.known(target, account, (&who.0, &who.1)).is_some()
    }

    /// Every account, with whose it is.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&Name, Guid, PersonOf)> {
        let all = self.all.iter();
        all.map(|((target, account), known)| {
            let who = (known.as_read.source.clone(), known.as_read.person.clone());
            (target, *account, who)
        })
    }

    /// What is known of `what`, of which `found` stands there.
    pub(super) fn of(
        &self,
        target: &Name,
        account: Guid,
        who: (&Name, &PersonKey),
        what: &str,
        found: &[PlanValue],
    ) -> Told<'_> {
        let Some(known) = self.known(target, account, who) else {
            return Told::Nothing;
        };
        let what = what.to_ascii_lowercase();
        let (Some(kept), Some(edit)) = (known.as_read.wanted.get(&what), known.edits.get(&what))
        else {
            // No rule spoke of it.
            return Told::Untouched;
        };
        let is = |other: &Vec<PlanValue>| match (found, other.as_slice()) {
            ([PlanValue::Text(one)], [PlanValue::Text(other)]) if what == "placement" => {
                Dn::key_of(one) == Dn::key_of(other)
            }
            (found, other) => same(found, other),
        };
        if is(&kept.wanted) || kept.not_done.as_ref().is_some_and(is) {
            Told::Untouched
        } else if kept.unclear.as_ref().is_some_and(is) {
            Told::Unknown
        } else {
            Told::Edited(edit)
        }
    }

    /// What is known of an account that is to enter a group, or to leave it.
    pub(super) fn of_member(
        &self,
        target: &Name,
        account: Guid,
        who: (&Name, &PersonKey),
        group: Guid,
        enters: bool,
    ) -> Told<'_> {
        let Some(known) = self.known(target, account, who) else {
            return Told::Nothing;
        };
        if known.as_read.unclear.contains(&group) {
            Told::Unknown
        } else if known.as_read.groups.contains(&group) == enters {
            Told::Edited(&known.member)
        } else {
            Told::Untouched
        }
    }

    fn known(&self, target: &Name, account: Guid, who: (&Name, &PersonKey)) -> Option<&Known> {
        if self.all.is_empty() {
            return None;
        }
        let known = self.all.get(&(target.clone(), account))?;
        ((&known.as_read.source, &known.as_read.person) == who).then_some(known)
    }
}

impl Carried {
    /// What an account was to be: what stands there, but for what differs from what was wanted.
    fn of(
        target: &Name,
        who: &PersonOf,
        entry: &Entry,
        read: &Reading<'_>,
        differences: &[(Part, Option<Guid>, Planned)],
    ) -> Self {
        let text = |text: String| Kept::new(vec![PlanValue::Text(text)]);
        let mut one = Self {
            target: target.clone(),
            account: entry.guid,
            source: who.0.clone(),
            person: who.1.clone(),
            wanted: {
                let each = read.attributes(entry).into_iter();
                each.map(|(name, values)| (name, Kept::new(values)))
                    .collect()
            },
            place: None,
            groups: read.groups.get(&entry.guid).cloned().unwrap_or_default(),
            unclear: Vec::new(),
        };
        if let Some(parent) = entry.dn.parent() {
            one.place = read.places.get(&parent.key()).copied();
            one.wanted
                .insert("placement".to_owned(), text(parent.to_string()));
        }
        let name = entry.dn.rdn().value;
        one.wanted.insert("name".to_owned(), text(name.to_owned()));
        for (part, group, planned) in differences {
            one.differs(part, *group, *planned, &read.places);
        }
        one.groups.sort_unstable();
        one
    }

    fn differs(
        &mut self,
        part: &Part,
        group: Option<Guid>,
        planned: Planned,
        places: &HashMap<DnKey, Guid>,
    ) {
        if part.what == "member" {
            let Some(group) = group else { return };
            match planned {
                // What is known now is not unclear any more.
                Planned::Edited => {
                    self.is_in(group, part.found.is_empty());
                    self.unclear.retain(|one| *one != group);
                }
                Planned::NotDone => {}
                Planned::Unclear | Planned::Waited if self.unclear.contains(&group) => {}
                Planned::Unclear | Planned::Waited => self.unclear.push(group),
            }
            return;
        }
        if part.what == "placement" {
            self.place = match part.wanted.as_slice() {
                [PlanValue::Text(dn)] => Dn::parse(dn)
                    .ok()
                    .and_then(|dn| places.get(&dn.key()).copied()),
                _ => None,
            };
        }
        let mut wanted = Kept::new(part.wanted.iter().cloned().map(kept).collect());
        wanted.was(&part.found, planned);
        self.wanted.insert(part.what.to_ascii_lowercase(), wanted);
    }

    fn is_in(&mut self, group: Guid, is: bool) {
        self.groups.retain(|one| *one != group);
        if is {
            self.groups.push(group);
        }
    }

    /// Takes over what a plan wanted instead and wrote, or was to write.
    fn follow(&mut self, change: &Change, planned: Planned) {
        for part in parts(change) {
            if part.what == "placement" {
                self.place = None;
            }
            self.differs(&part, change.object.guid, planned, &HashMap::new());
        }
    }

    fn find_place(&mut self, directories: &BTreeMap<Name, DirectorySnapshot>) {
        let Some((guid, read)) = self.place.zip(directories.get(&self.target)) else {
            return;
        };
        let found = find(read, guid).filter(|entry| entry.kind == EntryKind::Container);
        if let (Some(entry), Some(kept)) = (found, self.wanted.get_mut("placement")) {
            kept.wanted = vec![PlanValue::Text(entry.dn.to_string())];
        }
    }
}

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
            if accounts.is_empty() {
                continue;
            }
            let asked: HashSet<Guid> = accounts.keys().copied().collect();
            let reading = Reading::new(read, &asked);
            for (account, who) in accounts {
                let Some(entry) = find(read, account) else {
                    continue;
                };
                if let Some(known) = self.carry.all.get(&(target.clone(), account)) {
                    carried.push(known.as_read.clone());
                    continue;
                }
                let differences = self.differences.get(&(target.clone(), account));
                let differences = differences.map_or(&[][..], Vec::as_slice);
                carried.push(Carried::of(target, &who, entry, &reading, differences));
            }
        }
        carried.sort_by(|a, b| (&a.target, a.account).cmp(&(&b.target, b.account)));
        carried
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

    fn people(&self) -> HashSet<&PersonOf> {
        self.held.iter().chain(self.left_out.values()).collect()
    }
}

/// What was asked about is known of in the next recording: it differs from what was wanted.
pub(super) fn is_of_drift(code: &str) -> bool {
    [held::DRIFT_ASK, held::DRIFT_UNDETERMINED]
        .iter()
        .any(|one| one.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_writes_of_a_membership_is_not_unclear_any_more() {
        let bytes = include_bytes!("../../../tests/golden/leaver/plan.json");
        let plan = crate::plan::read(bytes).expect("a plan").content;
        let leaves = |change: &&Change| change.action.kind() == "removeMember";
        let change = plan.changes.iter().find(leaves).expect("a removal");
        let group = change.object.guid.expect("a group");
        let mut carried = Carried {
            target: change.target.clone(),
            account: change.account().guid.expect("an account"),
            source: change.person.source.clone(),
            person: change.person.key.clone(),
            wanted: BTreeMap::new(),
            place: None,
            groups: vec![group],
            unclear: Vec::new(),
        };
        // However often nobody can tell, it stands there once.
        carried.follow(change, Planned::Unclear);
        carried.follow(change, Planned::Unclear);
        assert_eq!(
            (&carried.unclear, &carried.groups),
            (&vec![group], &vec![group])
        );
        carried.follow(change, Planned::NotDone);
        assert_eq!(carried.unclear, [group]);
        carried.follow(change, Planned::Edited);
        assert!(carried.unclear.is_empty() && carried.groups.is_empty());
    }
}
