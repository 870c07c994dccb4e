//! Accounts as a read has them, in the words that differences are told in.
//!
//! Knows one read. Keeps that values that are the same are the same here, whether they come from a read, from a plan or from
//! what was carried on; and looks at everything once, however many accounts are asked about.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use sha2::{Digest as _, Sha256};

use super::super::contents::plan_value;
use super::super::{ObjectRef, Octets, PlanValue};
use crate::model::{
    ACCOUNTDISABLE, AttributeId, DirectorySnapshot, Dn, DnKey, Entry, EntryKind, Guid, Syntax,
};

/// A read, as far as what is carried is made of it.
pub(super) struct Reading<'r> {
    read: &'r DirectorySnapshot,
    /// By account, the groups it is in.
    pub(super) groups: HashMap<Guid, Vec<Guid>>,
    pub(super) places: HashMap<DnKey, Guid>,
    /// Objects that accounts refer to.
    references: HashMap<DnKey, Option<&'r Entry>>,
}

impl<'r> Reading<'r> {
    /// `accounts` are those that are asked about.
    pub(super) fn new(read: &'r DirectorySnapshot, accounts: &HashSet<Guid>) -> Self {
        let header = &read.header;
        let named: Vec<AttributeId> = (0u16..)
            .zip(&header.attributes)
            .filter(|(_, def)| def.syntax == Syntax::Dn && !is_skipped(&def.name))
            .map(|(at, _)| AttributeId(at))
            .collect();
        let mut references: HashMap<DnKey, Option<&Entry>> = HashMap::new();
        for entry in accounts.iter().filter_map(|guid| find(read, *guid)) {
            let values = named.iter().flat_map(|id| entry.values(*id));
            let keys = values.filter_map(|value| Some(Dn::parse(value).ok()?.key()));
            references.extend(keys.map(|key| (key, None)));
        }
        let (mut places, mut members) = (HashMap::new(), HashMap::new());
        for entry in &read.objects {
            let key = entry.dn.key();
            if let Some(found) = references.get_mut(&key) {
                *found = Some(entry);
            }
            if entry.kind == EntryKind::Container {
                places.insert(key, entry.guid);
            } else if accounts.contains(&entry.guid) {
                members.insert(key, entry.guid);
            }
        }
        // Most members are spelt as the object is.
        let spelt: HashMap<String, Guid> = accounts
            .iter()
            .filter_map(|guid| Some((find(read, *guid)?.dn.to_string(), *guid)))
            .collect();
        let mut groups: HashMap<Guid, Vec<Guid>> = HashMap::new();
        if let Some(member) = header.attribute("member") {
            let all = read.objects.iter();
            for group in all.filter(|entry| entry.kind == EntryKind::Group) {
                for value in group.values(member) {
                    let by_key = || members.get(&Dn::parse(value).ok()?.key());
                    if let Some(account) = spelt.get(value.as_str()).or_else(by_key) {
                        groups.entry(*account).or_default().push(group.guid);
                    }
                }
            }
        }
        Self {
            read,
            groups,
            places,
            references,
        }
    }

    /// The values of each attribute, by its name in lower case; and `enabled`.
    pub(super) fn attributes(&self, entry: &Entry) -> BTreeMap<String, Vec<PlanValue>> {
        let header = &self.read.header;
        let mut all = BTreeMap::new();
        for (at, def) in (0u16..).zip(&header.attributes) {
            let name = def.name.to_ascii_lowercase();
            let values = entry.values(AttributeId(at));
            if name == "useraccountcontrol" {
                let flags = values.first().and_then(|flags| flags.parse::<i64>().ok());
                if let Some(flags) = flags {
                    let enabled = flags & ACCOUNTDISABLE == 0;
                    let value = vec![PlanValue::Text(enabled.to_string())];
                    all.insert("enabled".to_owned(), value);
                }
                continue;
            }
            if is_skipped(&name) {
                continue;
            }
            let told = values.iter().map(|value| match def.syntax {
                Syntax::Dn => self.reference(value),
                _ => kept(plan_value(def, value)),
            });
            all.insert(name, told.collect());
        }
        all
    }

    fn reference(&self, value: &str) -> PlanValue {
        let key = Dn::parse(value).map(|dn| dn.key()).ok();
        match key.and_then(|key| *self.references.get(&key)?) {
            Some(entry) => PlanValue::Object(ObjectRef::existing(entry.guid, entry.dn.clone())),
            None => PlanValue::Text(value.to_owned()),
        }
    }
}

/// What no rule gives: the server's own.
fn is_skipped(attribute: &str) -> bool {
    let skipped = [
        "member",
        "objectSid",
        "whenCreated",
        "primaryGroupID",
        "pwdLastSet",
    ];
    skipped
        .iter()
        .any(|one| one.eq_ignore_ascii_case(attribute))
}

/// An object of a read: they are sorted by their identities.
pub(super) fn find(read: &DirectorySnapshot, guid: Guid) -> Option<&Entry> {
    let at = read.objects.binary_search_by_key(&guid, |entry| entry.guid);
    at.ok().and_then(|at| read.objects.get(at))
}

/// Whether both are the same values, in whatever order.
pub(super) fn same(one: &[PlanValue], other: &[PlanValue]) -> bool {
    one.len() == other.len() && one.iter().all(|a| other.iter().any(|b| alike(a, b)))
}

/// Whether two values are the same, where one may be carried.
pub(super) fn alike(one: &PlanValue, other: &PlanValue) -> bool {
    match (one, other) {
        (PlanValue::Object(one), PlanValue::Object(other)) => one.guid == other.guid,
        (PlanValue::Octets(octets), PlanValue::Text(text))
        | (PlanValue::Text(text), PlanValue::Octets(octets)) => long(octets) == *text,
        (one, other) => one == other,
    }
}

/// A value as it is carried: pictures by their digest, or a recording would hold them once more.
pub(super) fn kept(value: PlanValue) -> PlanValue {
    match value {
        PlanValue::Octets(octets) if octets.base64.len() > LONG => PlanValue::Text(long(&octets)),
        value => value,
    }
}

/// Characters up to which octets are carried as they are.
const LONG: usize = 256;

fn long(octets: &Octets) -> String {
    format!(
        "octets sha256:{}",
        hex::encode(Sha256::digest(&octets.base64))
    )
}

#[cfg(test)]
mod tests {
    use super::{LONG, Octets, PlanValue, alike, kept, same};

    #[test]
    fn pictures_are_carried_by_their_digest_and_are_the_same_all_the_same() {
        let octets = |letter: &str, length: usize| {
            PlanValue::Octets(Octets {
                base64: letter.repeat(length),
            })
        };
        let picture = octets("A", 4 * LONG);
        let carried = kept(picture.clone());
        assert!(matches!(&carried, PlanValue::Text(text) if text.len() < LONG));
        assert!(alike(&picture, &carried) && alike(&carried, &picture));
        assert!(!alike(&octets("B", 4 * LONG), &carried));
        let short = octets("A", 8);
        assert_eq!(kept(short.clone()), short);
        let text = |text: &str| PlanValue::Text(text.to_owned());
        let (one, other) = ([text("a"), text("b")], [text("b"), text("a")]);
        assert!(same(&one, &other) && !same(&one, &one[..1]) && !same(&one[..1], &other[..1]));
    }
}
