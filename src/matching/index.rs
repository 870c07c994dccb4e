//! Finding objects of a read by name and by value, each in one step whatever the size of the directory.

use std::hash::BuildHasher;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use rayon::prelude::*;

use crate::mapping::fold;
use crate::model::{AttributeDef, AttributeId, DirectorySnapshot, Dn, DnKey, Entry, EntryKind};

/// What may be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Outside the managed scope.
    Outside,
    /// Managed.
    Managed,
    /// In the managed scope and never touched.
    Protected(Protection),
}

/// Why an object is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// It is listed as protected, or stands below such a place.
    Listed,
    /// `adminCount` marks it as privileged.
    Privileged,
    /// The system needs it (`isCriticalSystemObject`, a built-in identifier).
    BuiltIn,
    /// It is the account the directory is read with.
    Bound,
}

impl std::fmt::Display for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Listed => "it is listed as protected",
            Self::Privileged => "it is privileged (adminCount)",
            Self::BuiltIn => "it is built in",
            Self::Bound => "it is the account the directory is read with",
        })
    }
}

/// Objects of a read by name.
#[derive(Debug)]
pub struct DirectoryIndex<'a> {
    /// The read.
    pub snapshot: &'a DirectorySnapshot,
    keys: Vec<DnKey>,
    by_key: HashTable<u32>,
    hasher: FixedState,
}

impl<'a> DirectoryIndex<'a> {
    /// Indexes every object that is not deleted.
    pub fn new(snapshot: &'a DirectorySnapshot) -> Self {
        let hasher = FixedState::default();
        let keyed: Vec<(DnKey, u64)> = snapshot
            .objects
            .par_iter()
            .map(|entry| {
                let key = entry.dn.key();
                let hash = hasher.hash_one(key.as_str());
                (key, hash)
            })
            .collect();
        let mut by_key = HashTable::with_capacity(snapshot.objects.len());
        for (at, (_, hash)) in keyed.iter().enumerate() {
            if snapshot.objects[at].kind != EntryKind::Deleted {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                by_key.insert_unique(*hash, at, |other: &u32| keyed[*other as usize].1);
            }
        }
        Self {
            snapshot,
            keys: keyed.into_iter().map(|(key, _)| key).collect(),
            by_key,
            hasher,
        }
    }

    /// The object.
    pub fn entry(&self, object: u32) -> &'a Entry {
        &self.snapshot.objects[object as usize]
    }

    /// The comparable name of an object.
    pub fn key(&self, object: u32) -> &DnKey {
        &self.keys[object as usize]
    }

    /// The object with this name.
    pub fn by_key(&self, key: &DnKey) -> Option<u32> {
        let hash = self.hasher.hash_one(key.as_str());
        self.by_key
            .find(hash, |at| self.keys[*at as usize] == *key)
            .copied()
    }

    /// The object with this name, as a server or a template spells it.
    pub fn by_text(&self, dn: &str) -> Option<u32> {
        Dn::parse(dn).ok().and_then(|dn| self.by_key(&dn.key()))
    }
}

/// Objects of a read by the value of one attribute.
#[derive(Debug, Default)]
pub struct ValueIndex {
    by_value: HashMap<CompactString, Slot, FixedState>,
}

#[derive(Debug)]
enum Slot {
    One(u32),
    Many(Vec<u32>),
}

impl ValueIndex {
    /// Indexes the objects for which `keep` holds.
    pub fn new(
        snapshot: &DirectorySnapshot,
        attribute: AttributeId,
        def: &AttributeDef,
        keep: impl Fn(&Entry) -> bool + Sync,
    ) -> Self {
        let folded: Vec<Vec<(CompactString, u32)>> = snapshot
            .objects
            .par_chunks(8192)
            .enumerate()
            .map(|(chunk, entries)| {
                let mut found = Vec::with_capacity(entries.len());
                for (at, entry) in entries.iter().enumerate() {
                    if !keep(entry) {
                        continue;
                    }
                    let object = u32::try_from(chunk * 8192 + at).unwrap_or(u32::MAX);
                    for value in entry.values(attribute) {
                        found.push((fold(def, value), object));
                    }
                }
                found
            })
            .collect();
        let mut by_value = HashMap::with_capacity_and_hasher(
            folded.iter().map(Vec::len).sum(),
            FixedState::default(),
        );
        for (value, object) in folded.into_iter().flatten() {
            match by_value.entry(value) {
                hashbrown::hash_map::Entry::Vacant(free) => {
                    free.insert(Slot::One(object));
                }
                hashbrown::hash_map::Entry::Occupied(mut taken) => match taken.get_mut() {
                    Slot::One(first) if *first == object => {}
                    Slot::One(first) => {
                        let both = Slot::Many(vec![*first, object]);
                        taken.insert(both);
                    }
                    Slot::Many(objects) => {
                        if objects.last() != Some(&object) {
                            objects.push(object);
                        }
                    }
                },
            }
        }
        Self { by_value }
    }

    /// Objects that carry the (folded) value.
    pub fn get(&self, folded: &str) -> &[u32] {
        match self.by_value.get(folded) {
            None => &[],
            Some(Slot::One(object)) => std::slice::from_ref(object),
            Some(Slot::Many(objects)) => objects,
        }
    }
}
