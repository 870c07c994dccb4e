//! Finding objects of a read by name and by value, each in one step whatever the size of the directory.

use rayon::prelude::*;

use super::hashed::{Hashed, hash};

use crate::mapping::{fold, with_folded};
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
    by_key: Hashed,
}

impl<'a> DirectoryIndex<'a> {
    /// Indexes every object that is not deleted.
    pub fn new(snapshot: &'a DirectorySnapshot) -> Self {
        let (keys, hashes): (Vec<DnKey>, Vec<Option<u64>>) = snapshot
            .objects
            .par_iter()
            .map(|entry| {
                let key = entry.dn.key();
                let hash = hash(key.as_str());
                (key, (entry.kind != EntryKind::Deleted).then_some(hash))
            })
            .unzip();
        Self {
            snapshot,
            keys,
            by_key: Hashed::new(
                hashes
                    .into_iter()
                    .enumerate()
                    .filter_map(|(at, hash)| Some((hash?, u32::try_from(at).ok()?)))
                    .collect(),
            ),
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
        self.by_key
            .get(hash(key.as_str()))
            .find(|at| self.keys[*at as usize] == *key)
    }

    /// The object with this name, as a server or a template spells it.
    pub fn by_text(&self, dn: &str) -> Option<u32> {
        Dn::key_of(dn).and_then(|key| self.by_key(&key))
    }
}

/// Objects of a read by the value of one attribute.
#[derive(Debug)]
pub struct ValueIndex {
    attribute: AttributeId,
    def: AttributeDef,
    by_value: Hashed,
}

impl ValueIndex {
    /// Indexes the objects for which `keep` holds.
    pub fn new(
        snapshot: &DirectorySnapshot,
        attribute: AttributeId,
        def: &AttributeDef,
        keep: impl Fn(&Entry) -> bool + Sync,
    ) -> Self {
        let rows = snapshot
            .objects
            .par_iter()
            .enumerate()
            .filter(|(_, entry)| keep(entry))
            .flat_map_iter(|(at, entry)| {
                let object = u32::try_from(at).unwrap_or(u32::MAX);
                entry
                    .values(attribute)
                    .iter()
                    .map(move |value| (with_folded(def, value, hash), object))
            })
            .collect();
        Self {
            attribute,
            def: def.clone(),
            by_value: Hashed::new(rows),
        }
    }

    /// Objects that carry the (folded) value, each once.
    pub fn get(&self, snapshot: &DirectorySnapshot, folded: &str) -> Vec<u32> {
        let mut found: Vec<u32> = self
            .by_value
            .get(hash(folded))
            .filter(|object| {
                snapshot.objects[*object as usize]
                    .values(self.attribute)
                    .iter()
                    .any(|value| fold(&self.def, value) == folded)
            })
            .collect();
        found.dedup();
        found
    }
}
