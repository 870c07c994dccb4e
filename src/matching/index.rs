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

/// Objects one task reads before another may take over.
const CHUNK: usize = 2048;

/// An attribute to be indexed.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The attribute.
    pub attribute: AttributeId,
    /// Its definition.
    pub def: AttributeDef,
    /// Only of user accounts.
    pub users: bool,
}

/// What one task has read.
struct Part {
    keys: Vec<DnKey>,
    names: Vec<(u64, u32)>,
    values: Vec<Vec<(u64, u32)>>,
    standing: Vec<Standing>,
}

impl Part {
    fn add(
        &mut self,
        object: u32,
        entry: &Entry,
        asked: &[Asked],
        judge: &impl Fn(&Entry, &DnKey) -> Standing,
    ) {
        let key = entry.dn.key();
        if !matches!(entry.kind, EntryKind::Deleted | EntryKind::Foreign) {
            self.names.push((hash(key.as_str()), object));
        }
        self.standing.push(judge(entry, &key));
        self.keys.push(key);
        for (asked, rows) in asked.iter().zip(&mut self.values) {
            if asked.users && entry.kind != EntryKind::User {
                continue;
            }
            for value in entry.values(asked.attribute) {
                rows.push((with_folded(&asked.def, value, hash), object));
            }
        }
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
    /// Reads every object once: its name, what may be done with it, and the values asked for. Gives the index, an
    /// index of each asked attribute in their order, and the standing of each object. Deleted objects have values
    /// but no name any more.
    pub fn new(
        snapshot: &'a DirectorySnapshot,
        asked: &[Asked],
        judge: impl Fn(&Entry, &DnKey) -> Standing + Sync,
    ) -> (Self, Vec<ValueIndex>, Vec<Standing>) {
        let parts: Vec<Part> = snapshot
            .objects
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(chunk, entries)| {
                let mut part = Part {
                    keys: Vec::with_capacity(entries.len()),
                    names: Vec::with_capacity(entries.len()),
                    values: vec![Vec::with_capacity(entries.len()); asked.len()],
                    standing: Vec::with_capacity(entries.len()),
                };
                for (at, entry) in entries.iter().enumerate() {
                    let object = u32::try_from(chunk * CHUNK + at).unwrap_or(u32::MAX);
                    part.add(object, entry, asked, &judge);
                }
                part
            })
            .collect();
        let count = snapshot.objects.len();
        let (mut keys, mut standing) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut names = Vec::with_capacity(count);
        let mut values = vec![Vec::with_capacity(count); asked.len()];
        for part in parts {
            keys.extend(part.keys);
            names.extend(part.names);
            standing.extend(part.standing);
            for (all, some) in values.iter_mut().zip(part.values) {
                all.extend(some);
            }
        }
        let (by_key, indexes) = rayon::join(
            || Hashed::new(names),
            || {
                values
                    .into_par_iter()
                    .zip(asked)
                    .map(|(rows, asked)| {
                        let mut by_value = Hashed::new(rows);
                        // Which carriers are told must not depend on the order of the read.
                        by_value.arrange(TOLD, |row| snapshot.objects[row as usize].guid);
                        ValueIndex {
                            attribute: asked.attribute,
                            def: asked.def.clone(),
                            by_value,
                        }
                    })
                    .collect()
            },
        );
        let index = Self {
            snapshot,
            keys,
            by_key,
        };
        (index, indexes, standing)
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
        let key = Dn::key_of(dn)?;
        let mut found = self
            .by_key
            .get(hash(key.as_str()))
            .filter(|at| self.keys[*at as usize] == key);
        let first = found.next()?;
        let Some(second) = found.next() else {
            return Some(first);
        };
        // A server that holds marks for a difference may have both spellings: only the one that is meant.
        let spelt = |text: &str| text.to_lowercase();
        let wanted = spelt(dn);
        let mut meant = [first, second]
            .into_iter()
            .chain(found)
            .filter(|at| spelt(self.entry(*at).dn.as_str()) == wanted);
        let one = meant.next()?;
        meant.next().is_none().then_some(one)
    }
}

/// Objects of a read by the value of one attribute.
#[derive(Debug)]
pub struct ValueIndex {
    attribute: AttributeId,
    def: AttributeDef,
    by_value: Hashed,
}

/// How many carriers of one value are told one by one.
const TOLD: usize = 20;

/// Objects that carry a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carriers {
    /// How many there are.
    pub count: usize,
    /// All of them, or the first of very many.
    pub first: Vec<u32>,
}

impl ValueIndex {
    /// Objects that carry the (folded) value, each once.
    pub fn get<'i>(
        &'i self,
        snapshot: &'i DirectorySnapshot,
        folded: &'i str,
    ) -> impl Iterator<Item = u32> + 'i {
        let mut last = None;
        self.by_value.get(hash(folded)).filter(move |object| {
            last.replace(*object) != Some(*object)
                && snapshot.objects[*object as usize]
                    .values(self.attribute)
                    .iter()
                    .any(|value| fold(&self.def, value) == folded)
        })
    }

    /// The first objects that carry the (folded) value, and how many there are. It takes the same time whether ten
    /// carry it or everybody does: a placeholder that everyone has is looked up for everyone.
    pub fn carriers(&self, snapshot: &DirectorySnapshot, folded: &str) -> Carriers {
        let mut first: Vec<u32> = self.get(snapshot, folded).take(TOLD + 1).collect();
        let count = if first.len() > TOLD {
            first.truncate(TOLD);
            self.by_value.count(hash(folded))
        } else {
            first.len()
        };
        Carriers { count, first }
    }
}
