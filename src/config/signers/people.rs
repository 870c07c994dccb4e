//! Who is whom among allowed signers: which lines are one person's.
//!
//! A person is all lines that share a name or a key, also by way of a third. Names are mail addresses, and compared
//! without case. Knows no plan and no signature.
//!
//! Invariant: two lines that may be one person's are one person's, for whoever signs twice must not count twice.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use hashbrown::hash_map;
use ssh_key::public::KeyData;

use super::{AllowedSigner, AllowedSigners, is_plain, matches_list};

/// One person of [`SignerPeople`], the same for every line of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonIndex(usize);

/// The people behind files of allowed signers.
#[derive(Debug, Default)]
pub struct SignerPeople {
    /// The line each line leads to; the first line of a person leads to itself.
    leads_to: Vec<usize>,
    by_name: hashbrown::HashMap<String, usize>,
    /// The names of each line, in lower case, by the first line of the person.
    names: BTreeMap<usize, Vec<Vec<String>>>,
}

impl SignerPeople {
    /// Finds the people behind all lines of all these files.
    pub fn of<'s>(files: impl IntoIterator<Item = &'s AllowedSigners>) -> Self {
        let mut people = Self::default();
        let mut by_key: std::collections::HashMap<&KeyData, usize> =
            std::collections::HashMap::new();
        let lines: Vec<&AllowedSigner> = files.into_iter().flat_map(|file| &file.signers).collect();
        for (at, line) in lines.iter().enumerate() {
            people.leads_to.push(at);
            match by_key.entry(&line.key) {
                Entry::Occupied(known) => people.join(*known.get(), at),
                Entry::Vacant(free) => {
                    free.insert(at);
                }
            }
            for name in line.names.iter().filter(|name| is_plain(name)) {
                match people.by_name.entry(name.to_lowercase()) {
                    hash_map::Entry::Occupied(known) => {
                        let known = *known.get();
                        people.join(known, at);
                    }
                    hash_map::Entry::Vacant(free) => {
                        free.insert(at);
                    }
                }
            }
        }
        for (at, line) in lines.iter().enumerate() {
            let first = people.first(at);
            people.leads_to[at] = first;
            let names = line.names.iter().map(|name| name.to_lowercase()).collect();
            people.names.entry(first).or_default().push(names);
        }
        people
    }

    /// Whose name it is.
    pub fn person(&self, name: &str) -> Option<PersonIndex> {
        let line = self.by_name.get(&name.trim().to_lowercase())?;
        Some(PersonIndex(self.leads_to[*line]))
    }

    /// Whether an address is one of the person's. A pattern among the names of one of their lines says that the line
    /// speaks for whoever fits it.
    pub fn has_address(&self, person: PersonIndex, address: &str) -> bool {
        let address = address.trim().to_lowercase();
        let mut lines = self.names.get(&person.0).into_iter().flatten();
        lines.any(|names| names.contains(&address) || matches_list(names, &address))
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        let (first, later) = (one.min(other), one.max(other));
        self.leads_to[later] = first;
    }

    /// Halves the way as it goes, so that no way becomes long.
    fn first(&mut self, from: usize) -> usize {
        let mut at = from;
        while self.leads_to[at] != at {
            self.leads_to[at] = self.leads_to[self.leads_to[at]];
            at = self.leads_to[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> String {
        let key = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]).public;
        ssh_key::PublicKey::from(KeyData::Ed25519(key))
            .to_openssh()
            .unwrap()
    }

    fn people(lines: &[(&str, u8)]) -> SignerPeople {
        let text: String = lines
            .iter()
            .map(|(names, seed)| format!("{names} {}\n", key(*seed)))
            .collect();
        SignerPeople::of([&AllowedSigners::parse(&text).unwrap()])
    }

    #[test]
    fn lines_that_share_a_name_or_a_key_are_one_persons() {
        let found = people(&[
            ("jane@example.com", 1),
            ("sam@example.com", 2),
            ("Jane@Example.com,j.doe@example.com", 3),
            ("doe@example.com", 4),
            ("J.DOE@example.com,x@example.com", 5),
            ("late@example.com", 5),
            ("doe@example.com,jane@example.com", 6),
        ]);
        let jane = found.person("jane@example.com").unwrap();
        for name in [
            "j.doe@example.com",
            "X@example.com",
            "late@example.com",
            " doe@example.com ",
        ] {
            assert_eq!(found.person(name), Some(jane), "{name}");
            assert!(found.has_address(jane, name), "{name}");
        }
        let sam = found.person("sam@example.com").unwrap();
        assert_ne!(sam, jane);
        assert!(!found.has_address(sam, "jane@example.com"));
        assert_eq!(found.person("nobody@example.com"), None);
    }

    #[test]
    fn a_pattern_speaks_for_whoever_fits_it() {
        let found = people(&[
            (
                "*@corp.example.com,!root@corp.example.com,jane@example.com",
                1,
            ),
            ("sam@corp.example.com", 2),
        ]);
        let jane = found.person("jane@example.com").unwrap();
        assert!(found.has_address(jane, "SAM@corp.example.com"));
        assert!(!found.has_address(jane, "root@corp.example.com"));
        assert_ne!(found.person("sam@corp.example.com"), Some(jane));
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_lines_is_one_person() {
        let one = AllowedSigners::parse(&format!("a {}\n", key(1))).unwrap();
        let line = &one.signers[0];
        let signers = (0..100_000)
            .rev()
            .map(|at| {
                let mut line = line.clone();
                let other = ssh_key::public::Ed25519PublicKey(std::array::from_fn(|byte| {
                    u8::try_from(at >> (8 * byte.min(3)) & 0xff).unwrap()
                }));
                line.key = KeyData::Ed25519(other);
                line.names = vec![format!("n{at}"), format!("n{}", at + 1)];
                line
            })
            .collect();
        let found = SignerPeople::of([&AllowedSigners { signers }]);
        assert_eq!(found.person("n0"), found.person("n100000"));
    }
}
