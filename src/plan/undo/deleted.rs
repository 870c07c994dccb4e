//! Accounts that were deleted: brought back where the directory still can, and what comes with them.
//!
//! Keeps that nothing is said to come back that does not: without the Recycle Bin a tombstone holds little more than the
//! identity, and what is given back besides comes from what the journal noted ([MS-ADTS] 3.1.1.5.5).

use std::collections::BTreeMap;

use super::super::contents::{plan_value, sort};
use super::super::{Action, AttributeChange, Change, ObjectRef, PlanValue, Risk, risk};
use super::Deed;
use super::undoing::Undoing;
use crate::model::{Dn, EntryKind, Syntax, spoken};
use crate::policy::{held as code, warning};

/// What the directory keeps by itself, although its schema lets it be written; or has kept in the tombstone.
const NOT_OURS: &[&str] = &[
    "adminCount",
    "badPasswordTime",
    "badPwdCount",
    "cn",
    "codePage",
    "isCriticalSystemObject",
    "isDeleted",
    "lastLogoff",
    "lastLogon",
    "lastLogonTimestamp",
    "lockoutTime",
    "logonCount",
    "memberOf",
    "name",
    "objectCategory",
    "objectClass",
    "objectSid",
    "primaryGroupID",
    "pwdLastSet",
    "sAMAccountName",
    "sAMAccountType",
    "userAccountControl",
];

/// What stands there after an account has come back from its tombstone, without anybody having written it.
const DEFAULT_COUNTRY: &str = "0";

impl<'u> Undoing<'u, '_> {
    pub(super) fn delete(
        &mut self,
        change: &'u Change,
        planned: &'u BTreeMap<String, Vec<PlanValue>>,
        deed: &'u Deed,
    ) {
        match self.place(&change.object).map(|at| self.entry(at)) {
            None => {
                let text = format!(
                    "{} was deleted and is not among the deleted objects of the read: it is gone for good, or the reading account may not see deleted objects",
                    change.object.dn.spoken()
                );
                return self.hold(change, code::UNDO_GONE, text, Vec::new());
            }
            Some(entry) if entry.kind != EntryKind::Deleted => {
                if let Some(at) = self.place(&change.object) {
                    let object = self.target.object(at);
                    self.done_before(change, object, Action::Restore { whole: false });
                }
                return self.count_already(change);
            }
            Some(_) => {}
        }
        let object = change.object.clone();
        let none = (code::PLACE_MISSING, "is no place");
        let place = object.dn.parent().map(|place| self.standing(&place));
        let place = match place.unwrap_or(Err(none)) {
            Ok(place) => place,
            Err((code, why)) => {
                let text = format!("the place that {} stood in {why}", object.dn.spoken());
                return self.hold(change, code, text, Vec::new());
            }
        };
        let rdn = object.dn.rdn();
        let mut object = ObjectRef {
            dn: place.child(&rdn.attribute, &rdn.value),
            ..object
        };
        let noted = noted(planned, deed);
        if let Some(other) = self.has_name_of(&object.dn, &noted) {
            let text = format!("{} has the name, or the logon name, now", other.dn.spoken());
            return self.hold(change, code::NAME_TAKEN, text, vec![other]);
        }
        let bin = self.target.index.snapshot.header.deleted_objects;
        let whole = bin.and_then(|bin| bin.recycle_bin) == Some(true);
        if !whole {
            // A tombstone has lost it; what was noted of it is written again.
            object.anchor.clear();
        }
        let back = self.push(change, "", object.clone(), Action::Restore { whole });
        if !whole {
            self.warn(
                change,
                warning::UNDO_LOST,
                "accounts come back from their tombstones: identity, SID and logon name are the old ones, and what the journal noted is written again; the password does not come back, nor what the directory keeps by itself, references of others to the account, and values the journal does not hold",
                self.shown(change),
            );
            self.values(change, &object, &noted, back);
        }
        self.groups(change, &object, &noted, (back, whole));
    }

    /// Somebody else who has the account's name, or its logon name.
    fn has_name_of(&self, dn: &Dn, noted: &BTreeMap<String, Vec<String>>) -> Option<ObjectRef> {
        let index = &self.target.index;
        if let Some(at) = index.by_key(&dn.key()) {
            return Some(self.target.object(at));
        }
        let sam = self.target.known.sam;
        let wanted = values(noted, "sAMAccountName").first()?;
        let carriers = self.target.taken.get(&sam)?;
        let def = index.snapshot.header.definition(sam);
        let folded = crate::mapping::fold(def, wanted);
        carriers
            .get(index.snapshot, &folded)
            .find(|at| {
                let kind = self.entry(*at).kind;
                !matches!(kind, EntryKind::Deleted | EntryKind::Foreign)
            })
            .map(|at| self.target.object(at))
    }

    /// What the tombstone has lost, as far as it was noted and may be written.
    fn values(
        &mut self,
        change: &'u Change,
        object: &ObjectRef,
        noted: &BTreeMap<String, Vec<String>>,
        back: usize,
    ) {
        let header = &self.target.index.snapshot.header;
        let mut attributes = Vec::new();
        for (name, values) in noted {
            let Some(id) = header.attribute(name) else {
                continue;
            };
            let def = header.definition(id);
            let ours = NOT_OURS.iter().all(|not| !not.eq_ignore_ascii_case(name));
            if def.read_only || !ours || values.is_empty() {
                continue;
            }
            let country = def.name.eq_ignore_ascii_case("countryCode");
            if country && values.as_slice() == [DEFAULT_COUNTRY] {
                continue;
            }
            let mut after: Vec<PlanValue> = values
                .iter()
                .filter_map(|value| {
                    if def.syntax != Syntax::Dn {
                        return Some(plan_value(def, value));
                    }
                    let at = self.target.index.by_text(value)?;
                    Some(PlanValue::Object(self.target.object(at)))
                })
                .collect();
            after.dedup();
            if after.is_empty() {
                continue;
            }
            let before = country.then(|| PlanValue::Text(DEFAULT_COUNTRY.to_owned()));
            attributes.push(AttributeChange {
                name: def.name.clone(),
                before: before.into_iter().collect(),
                after,
                merge: false,
                rule: self.rule(change.because.rule),
                facts: BTreeMap::new(),
                cut_from: None,
                never_reuse: None,
            });
        }
        if attributes.is_empty() {
            return;
        }
        sort(&mut attributes);
        let risk = risk::of_attributes(&attributes);
        let made = self.push(
            change,
            "values",
            object.clone(),
            Action::Modify { attributes },
        );
        self.changes[made].risk = risk.min(Risk::High);
        self.waits_for(made, back);
    }

    /// The groups the account was in. The Recycle Bin gives them back by itself: then nothing is left to add.
    fn groups(
        &mut self,
        change: &'u Change,
        object: &ObjectRef,
        noted: &BTreeMap<String, Vec<String>>,
        (back, whole): (usize, bool),
    ) {
        for name in values(noted, "memberOf") {
            let refused = match self.target.index.by_text(name) {
                None => Err((
                    code::UNDO_GONE,
                    "it does not exist under this name any more".to_owned(),
                )),
                Some(group) => self.writable(group, false).map(|()| group),
            };
            match refused {
                Ok(group) => {
                    let part = format!("group {}", self.entry(group).guid);
                    let member = object.clone();
                    let group = self.target.object(group);
                    let made = self.push(change, &part, group, Action::AddMember { member });
                    self.changes[made].risk = Risk::Medium;
                    self.waits_for(made, back);
                }
                Err(_) if whole => {}
                Err((code, why)) => {
                    let group = spoken::object(name);
                    let text = format!("the account does not come back into {group}: {why}");
                    self.hold(change, code, text, Vec::new());
                }
            }
        }
    }

    fn waits_for(&mut self, made: usize, needed: usize) {
        let needed = self.changes[needed].id.clone();
        self.changes[made].depends_on.push(needed);
    }
}

/// What is known of an account before its deletion: by the journal, which holds everything there was to be read, else by
/// the plan.
fn noted(planned: &BTreeMap<String, Vec<PlanValue>>, deed: &Deed) -> BTreeMap<String, Vec<String>> {
    if !deed.before.is_empty() {
        return deed.before.clone();
    }
    let text = |value: &PlanValue| match value {
        PlanValue::Text(text) => text.clone(),
        PlanValue::Octets(octets) => octets.base64.clone(),
        PlanValue::Object(object) => object.dn.to_string(),
    };
    planned
        .iter()
        .map(|(name, values)| (name.clone(), values.iter().map(text).collect()))
        .collect()
}

fn values<'n>(noted: &'n BTreeMap<String, Vec<String>>, name: &str) -> &'n [String] {
    noted
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(&[], |(_, values)| values.as_slice())
}
