//! What was wanted of accounts that a plan did not judge, kept for the plans after it.
//!
//! A recording knows what was wanted of everybody its plan judged. Of whoever was held, missing, out of scope or not
//! recognised it knows nothing, and what an earlier one knew of their accounts is carried on by the account's GUID until
//! somebody is judged again. Keeps that nothing is carried that was not known, and that what is carried stands until a
//! plan writes something else.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::super::{Change, ChangeId, Plan, PlanValue};
use super::edits::{Edit, Planned};
use super::owners::PersonOf;
use super::reading::{Reading, find, kept, same};
use super::report::{Part, parts};
use crate::model::{DirectorySnapshot, Dn, DnKey, Entry, EntryKind, Guid, Name, PersonKey};

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
    /// This is not all of the account: the rest is judged, and only what `wanted` has is carried, because exceptions keep it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_part: bool,
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

    /// Whether the account was theirs when somebody last judged it, and is not judged since.
    pub(super) fn is_of(&self, target: &Name, account: Guid, who: &PersonOf) -> bool {
        let known = self.known(target, account, (&who.0, &who.1));
        known.is_some_and(|known| !known.as_read.in_part)
    }

    /// What is carried of an account.
    pub(super) fn carried(&self, target: &Name, account: Guid, who: &PersonOf) -> Option<&Carried> {
        let known = self.known(target, account, (&who.0, &who.1))?;
        Some(&known.as_read)
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
            return match known.as_read.in_part {
                true => Told::Nothing,
                false => Told::Untouched,
            };
        };
        let is = |other: &Vec<PlanValue>| match (found, other.as_slice()) {
            ([PlanValue::Text(one)], [PlanValue::Text(other)]) if what == "placement" => {
                Dn::key_of(one) == Dn::key_of(other)
            }
            (found, other) => same(found, other),
        };
        if kept.unclear.as_ref().is_some_and(is) {
            Told::Unknown
        } else if is(&kept.wanted) || kept.not_done.as_ref().is_some_and(is) {
            Told::Untouched
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
        if known.as_read.in_part {
            Told::Nothing
        } else if known.as_read.unclear.contains(&group) {
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
    pub(super) fn of(
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
            in_part: false,
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
            let is_known = self.wanted.contains_key(&part.what.to_ascii_lowercase());
            if self.in_part && !is_known {
                continue;
            }
            if part.what == "placement" {
                self.place = None;
            }
            self.differs(&part, change.object.guid, planned, &HashMap::new());
        }
    }

    /// Of all that was wanted, what exceptions keep; nothing where none of it is known.
    pub(super) fn part(mut self, names: &[String]) -> Option<Self> {
        self.wanted.retain(|what, _| names.contains(what));
        self.in_part = true;
        self.place = None;
        self.groups.clear();
        self.unclear.clear();
        (!self.wanted.is_empty()).then_some(self)
    }

    /// Whether it is all that was wanted of the account.
    pub(super) fn is_whole(&self) -> bool {
        !self.in_part
    }

    /// Takes over what another knows better: what exceptions kept was not judged meanwhile.
    pub(super) fn knew(&mut self, before: Option<&Self>, kept: &[String]) {
        for what in kept {
            match before.and_then(|before| before.wanted.get(what)) {
                Some(known) => drop(self.wanted.insert(what.clone(), known.clone())),
                None => drop(self.wanted.remove(what)),
            }
        }
    }

    /// Order in a recording.
    pub(super) fn key(&self) -> (&Name, Guid) {
        (&self.target, self.account)
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
            in_part: false,
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
