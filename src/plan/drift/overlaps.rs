//! What the recording of a plan says of overlaps: which groups accounts were in, and the stamps their overlaps count from.
//!
//! An overlap leaves somebody in the groups they had, and counts from a stamp on the account. The directory shows neither which
//! groups these were nor that somebody took the stamp away or wrote it; the recording does. Knows the reads of then and of
//! now. Keeps that a stamp is only held against the directory where a plan is known to have left it there.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::super::{Action, AttributeChange, Change, Plan, PlanValue};
use super::reading::{Reading, find};
use crate::lifecycle::{MOVED, Stamp};
use crate::model::{AttributeId, DirectorySnapshot, Entry, Guid, Name};

/// What was known of overlaps when the last plan was applied.
#[derive(Debug, Clone, Default)]
pub struct Overlaps {
    /// By account, the attribute and the text of the stamp that was left there.
    stamps: HashMap<(Name, Guid), (String, String)>,
    /// By account, the groups it was in; accounts that the recording does not have are not among them.
    members: HashMap<(Name, Guid), Vec<Guid>>,
    /// Somebody took a stamp away, or wrote something else there.
    edited: bool,
}

impl Overlaps {
    /// Of some accounts, from the directories as they were read for a plan. `done` says of its changes whether they were
    /// achieved, where that is known.
    pub fn find(
        asked: &HashSet<(Name, Guid)>,
        plan: &Plan,
        done: impl Fn(&Change) -> Option<bool>,
        then: &BTreeMap<Name, DirectorySnapshot>,
        now: &BTreeMap<Name, DirectorySnapshot>,
    ) -> Self {
        let mut overlaps = Self::default();
        for (target, read) in then {
            let own = asked.iter().filter(|(of, _)| of == target);
            let own: HashSet<Guid> = own.map(|(_, account)| *account).collect();
            if own.is_empty() {
                continue;
            }
            let mut groups = Reading::new(read, &own).groups;
            for account in own {
                let Some(entry) = find(read, account) else {
                    continue;
                };
                let key = (target.clone(), account);
                if let Some(stamp) = stamp_on(read, entry) {
                    overlaps.stamps.insert(key.clone(), stamp);
                }
                let groups = groups.remove(&account).unwrap_or_default();
                overlaps.members.insert(key, groups);
            }
        }
        for change in &plan.changes {
            let (Action::Modify { attributes }, Some(account)) =
                (&change.action, change.object.guid)
            else {
                continue;
            };
            let key = (change.target.clone(), account);
            if !asked.contains(&key) {
                continue;
            }
            let done = done(change);
            let text = |name: &str| {
                let read = now.get(&change.target)?;
                value_of(read, find(read, account)?, name)
            };
            for attribute in attributes {
                overlaps.follow(&key, attribute, done, text(&attribute.name));
            }
        }
        overlaps.edited = overlaps.stamps.iter().any(|((target, account), stamp)| {
            let read = now.get(target);
            let entry = read.and_then(|read| Some((read, find(read, *account)?)));
            entry.is_some_and(|(read, entry)| value_of(read, entry, &stamp.0) != Some(&stamp.1))
        });
        overlaps
    }

    /// What the plan itself wrote, or was to write. Where nobody knows whether it did, what stands there tells.
    fn follow(
        &mut self,
        key: &(Name, Guid),
        attribute: &AttributeChange,
        done: Option<bool>,
        found: Option<&str>,
    ) {
        let known = self.stamps.get(key);
        let is_stamp = known.is_some_and(|(name, _)| name.eq_ignore_ascii_case(&attribute.name));
        let after = moved(&attribute.after);
        if !is_stamp && after.is_none() {
            return;
        }
        let stands_as_before = match attribute.before.as_slice() {
            [] => found.is_none(),
            before => matches!(before, [PlanValue::Text(text)] if Some(text.as_str()) == found),
        };
        if !done.unwrap_or(!stands_as_before) {
            return;
        }
        match after {
            Some(text) => {
                let stamp = (attribute.name.clone(), text.to_owned());
                self.stamps.insert(key.clone(), stamp);
            }
            None => drop(self.stamps.remove(key)),
        }
    }

    /// Adds what is known of other accounts.
    pub fn add(&mut self, others: Self) {
        self.stamps.extend(others.stamps);
        self.members.extend(others.members);
        self.edited |= others.edited;
    }

    /// Whether a stamp does not stand any more as a plan left it.
    pub fn is_edited(&self) -> bool {
        self.edited
    }

    /// The stamp that a plan left on an account, in an attribute.
    pub(in crate::plan) fn stamp(
        &self,
        target: &Name,
        account: Guid,
        attribute: &str,
    ) -> Option<&str> {
        if self.stamps.is_empty() {
            return None;
        }
        let (name, text) = self.stamps.get(&(target.clone(), account))?;
        name.eq_ignore_ascii_case(attribute).then_some(text)
    }

    /// Whether an account was in a group; nothing where that is not known.
    pub(super) fn was_in(&self, target: &Name, account: Guid, group: Guid) -> Option<bool> {
        let groups = self.members.get(&(target.clone(), account))?;
        Some(groups.contains(&group))
    }

    /// Whether an attribute is to become a stamp that nobody had left there: it begins an overlap.
    pub(super) fn begins(&self, target: &Name, account: Guid, change: &AttributeChange) -> bool {
        let before = self.stamp(target, account, &change.name);
        moved(&change.after).is_some_and(|text| before != Some(text))
    }

    /// Whether an attribute stands as a plan left it, a stamp, and is cleared: nothing is counted from it any more.
    pub(super) fn ends(&self, target: &Name, account: Guid, change: &AttributeChange) -> bool {
        let left = self.stamp(target, account, &change.name);
        clears_stamp(change) && left.is_some() && moved(&change.before) == left
    }
}

/// Whether an attribute is the stamp of a move and is to be cleared.
pub(super) fn clears_stamp(change: &AttributeChange) -> bool {
    change.after.is_empty() && moved(&change.before).is_some()
}

/// The stamp of a move that values are.
fn moved(values: &[PlanValue]) -> Option<&str> {
    match values {
        [PlanValue::Text(text)] if is_moved(text) => Some(text),
        _ => None,
    }
}

fn is_moved(text: &str) -> bool {
    Stamp::parse(text).is_some_and(|stamp| stamp.what == MOVED)
}

/// The attribute in which the stamp of a move stands, and the stamp.
fn stamp_on(read: &DirectorySnapshot, entry: &Entry) -> Option<(String, String)> {
    (0u16..).zip(&read.header.attributes).find_map(|(at, def)| {
        match entry.values(AttributeId(at)) {
            [text] if is_moved(text) => Some((def.name.clone(), text.to_string())),
            _ => None,
        }
    })
}

fn value_of<'r>(read: &DirectorySnapshot, entry: &'r Entry, name: &str) -> Option<&'r str> {
    let id = read.header.attribute(name)?;
    entry.values(id).first().map(|text| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::{AttributeChange, Guid, Name, Overlaps, PlanValue, moved};
    use crate::plan::RuleIndex;

    const STAMP: &str = "halosync: moved since 2026-11-01T08:00:00Z";

    fn change(before: Option<&str>, after: Option<&str>) -> AttributeChange {
        let values = |text: Option<&str>| {
            let text = text.map(|text| PlanValue::Text(text.to_owned()));
            text.into_iter().collect::<Vec<_>>()
        };
        AttributeChange {
            name: "info".to_owned(),
            before: values(before),
            after: values(after),
            merge: false,
            rule: RuleIndex(0),
            facts: std::collections::BTreeMap::new(),
            cut_from: None,
            never_reuse: None,
        }
    }

    #[test]
    fn a_stamp_is_what_a_plan_left_there_as_far_as_that_is_known() {
        let key = (Name::new("corp"), Guid::numbered(1));
        let left = |first: Option<&str>, change: &AttributeChange, done, found| {
            let mut overlaps = Overlaps::default();
            if let Some(text) = first {
                let stamp = ("info".to_owned(), text.to_owned());
                overlaps.stamps.insert(key.clone(), stamp);
            }
            overlaps.follow(&key, change, done, found);
            overlaps.stamp(&key.0, key.1, "Info").map(str::to_owned)
        };
        let begins = change(None, Some(STAMP));
        let some = Some(STAMP.to_owned());
        assert_eq!(left(None, &begins, Some(true), None), some);
        assert_eq!(left(None, &begins, Some(false), None), None);
        // Nobody says whether it was written, and it does not stand there.
        assert_eq!(left(None, &begins, None, None), None);
        assert_eq!(left(None, &begins, None, Some("something else")), some);
        let ends = change(Some(STAMP), None);
        assert_eq!(left(Some(STAMP), &ends, Some(true), None), None);
        assert_eq!(left(Some(STAMP), &ends, Some(false), None), some);
        assert_eq!(left(Some(STAMP), &ends, None, Some(STAMP)), some);
        // Of other attributes and other texts nothing is known.
        let other = change(None, Some("halosync: leaver since 2026-11-01T08:00:00Z"));
        assert_eq!(left(None, &other, Some(true), None), None);
        assert_eq!(moved(&other.after), None);
    }

    #[test]
    fn only_a_stamp_that_nobody_had_left_begins_an_overlap() {
        let (target, account) = (Name::new("corp"), Guid::numbered(1));
        let mut overlaps = Overlaps::default();
        let written = change(None, Some(STAMP));
        assert!(overlaps.begins(&target, account, &written));
        let stamp = ("info".to_owned(), STAMP.to_owned());
        overlaps.stamps.insert((target.clone(), account), stamp);
        assert!(!overlaps.begins(&target, account, &written));
        assert!(!overlaps.begins(&target, account, &change(Some(STAMP), None)));
    }

    #[test]
    fn only_a_stamp_that_stands_as_it_was_left_is_over() {
        let (target, account) = (Name::new("corp"), Guid::numbered(1));
        let mut overlaps = Overlaps::default();
        let cleared = change(Some(STAMP), None);
        assert!(!overlaps.ends(&target, account, &cleared));
        let stamp = ("info".to_owned(), STAMP.to_owned());
        overlaps.stamps.insert((target.clone(), account), stamp);
        assert!(overlaps.ends(&target, account, &cleared));
        let forged = change(Some("halosync: moved since 2020-01-01T00:00:00Z"), None);
        assert!(!overlaps.ends(&target, account, &forged));
        assert!(!overlaps.ends(&target, account, &change(Some("junk"), None)));
        assert!(!overlaps.ends(&target, account, &change(Some(STAMP), Some("junk"))));
    }
}
