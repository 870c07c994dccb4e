//! Matches that people have settled, against what matching finds by itself.
//!
//! Keeps that a link never takes an account from somebody who has it by their anchor, and never makes a protected or
//! unmanaged account anybody's.

use hashbrown::{HashMap, HashSet};

use super::draft::Warnings;
use super::exceptions::places;
use super::people::Side;
use super::records::Records;
use crate::config::{Document, kinds};
use crate::lifecycle::{Compiler, RuleId};
use crate::mapping::Key;
use crate::matching::{Accounts, BY_LINK, Conflict, DirectoryIndex, Found, Recognised, Standing};
use crate::model::{Dn, EntryKind, Guid, PeopleSnapshot};
use crate::policy::warning;

/// The links of one side, as they are written.
#[derive(Debug, Default)]
pub(super) struct Links {
    written: Vec<Written>,
    /// Everybody in `written`.
    people: HashSet<u32>,
    /// Keys of the links whose person is in no row.
    unknown: Vec<String>,
}

#[derive(Debug)]
struct Written {
    person: u32,
    account: String,
    forbidden: bool,
    rule: RuleId,
}

/// What is settled for one person.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The account that is theirs; inside `None` when the read does not have it.
    account: Option<(Option<u32>, String, RuleId)>,
    /// Other accounts that are theirs by links written for other records of theirs.
    beside: Vec<u32>,
    /// Accounts that never are.
    pub(super) forbidden: Vec<u32>,
    /// Where the first of these is written.
    pub(super) forbidden_rule: Option<RuleId>,
}

impl Settled {
    /// Whether somebody wrote that an account is theirs.
    pub(super) fn names(&self, object: u32) -> bool {
        let own = self.account.as_ref().and_then(|(account, _, _)| *account);
        own == Some(object) || self.beside.contains(&object)
    }
}

impl Links {
    pub(super) fn compile<'d>(
        documents: impl Iterator<Item = &'d Document<kinds::Links>>,
        people: &PeopleSnapshot,
        records: Option<&Records>,
        compiler: &mut Compiler<'_>,
    ) -> Self {
        let mut links = Self::default();
        let mut named = Vec::new();
        for document in documents {
            let spec = &document.spec;
            for (list, forbidden) in [(&spec.links, false), (&spec.forbidden, true)] {
                let part = if forbidden { "forbidden" } else { "links" };
                for (at, link) in list.iter().enumerate() {
                    let pointer = format!("/spec/{part}/{at}");
                    let text = format!("{part}: {}", link.account);
                    let rule = compiler.rule(&document.positions, &pointer, &text);
                    named.push((
                        link.person.to_string(),
                        link.account.clone(),
                        forbidden,
                        rule,
                    ));
                }
            }
        }
        let places = places(people, named.iter().map(|(person, ..)| person.as_str()));
        for (person, account, forbidden, rule) in named {
            match places.get(&person) {
                Some(place) => links.written.push(Written {
                    person: records.map_or(*place, |records| records.primary(*place)),
                    account,
                    forbidden,
                    rule,
                }),
                None => links.unknown.push(person),
            }
        }
        links.people = links.written.iter().map(|one| one.person).collect();
        links
    }

    /// Whether anything is settled for a person.
    pub(super) fn concern(&self, person: u32) -> bool {
        self.people.contains(&person)
    }

    /// Finds the accounts they name.
    pub(super) fn settle(&self, index: &DirectoryIndex<'_>) -> HashMap<u32, Settled> {
        let mut settled: HashMap<u32, Settled> = HashMap::new();
        if self.written.is_empty() {
            return settled;
        }
        let named: Vec<Option<Guid>> = self
            .written
            .iter()
            .map(|one| Guid::parse(one.account.trim()))
            .collect();
        let wanted: std::collections::HashSet<Guid> = named.iter().flatten().copied().collect();
        let objects = index.snapshot.objects.iter().enumerate();
        let by_guid: HashMap<Guid, u32> = objects
            .filter(|(_, entry)| wanted.contains(&entry.guid))
            .filter_map(|(at, entry)| Some((entry.guid, u32::try_from(at).ok()?)))
            .collect();
        for (one, guid) in self.written.iter().zip(named) {
            let object = match guid {
                Some(guid) => by_guid.get(&guid).copied(),
                None => Dn::parse(one.account.trim())
                    .ok()
                    .and_then(|dn| index.by_text(dn.as_str())),
            }
            .filter(|object| index.entry(*object).kind == EntryKind::User);
            let of_person = settled.entry(one.person).or_default();
            // Of links for several records of theirs one whose account the read has counts before one whose it has not,
            // whichever is written first.
            if !one.forbidden
                && let Some((known, ..)) = &of_person.account
                && (known.is_some() || object.is_none())
            {
                of_person
                    .beside
                    .extend(object.filter(|object| Some(*object) != *known));
            } else if !one.forbidden {
                of_person.account = Some((object, one.account.clone(), one.rule));
            } else if let Some(object) = object {
                of_person.forbidden.push(object);
                of_person.forbidden_rule.get_or_insert(one.rule);
            }
        }
        settled
    }
}

impl Settled {
    /// The account that is theirs, when the read has it.
    pub(super) fn linked(&self) -> Option<u32> {
        self.account.as_ref().and_then(|(object, ..)| *object)
    }

    /// What matching found, as it is once the link has had its say.
    pub(super) fn applied(
        &self,
        found: Found,
        accounts: Accounts<'_>,
        (key, anchor): (&Key, &str),
    ) -> Found {
        let Some((object, written, rule)) = &self.account else {
            return found;
        };
        // Written for different records of one person.
        if let Some(object) = object.filter(|object| self.forbidden.contains(object)) {
            return Found::Conflict(Conflict::Forbidden { object });
        }
        if !self.beside.is_empty() {
            let mut objects = self.beside.clone();
            objects.extend(*object);
            objects.sort_by_key(|object| accounts.index.entry(*object).guid);
            objects.dedup();
            return Found::Conflict(Conflict::SeveralAccounts { objects });
        }
        let Some(object) = *object else {
            return match found {
                // The link was needed until the account carried the anchor.
                Found::Account(_) => found,
                _ => Found::Conflict(Conflict::LinkUnresolved {
                    account: written.clone(),
                    rule: *rule,
                }),
            };
        };
        match found {
            Found::Account(by_anchor) if by_anchor == object => found,
            Found::Account(by_anchor) => Found::Conflict(Conflict::LinkContradicted {
                by_anchor,
                linked: object,
                rule: *rule,
            }),
            // The anchor stands elsewhere: with the link followed, it would stand on two.
            Found::Conflict(conflict) if conflict.is_of_anchor(&key.name) => {
                let entry = accounts.index.entry(object);
                let carries = entry.value(key.id);
                if accounts.standing[object as usize] == Standing::Managed
                    && carries.is_some_and(|value| key.matches(value, anchor))
                    && !self.forbidden.contains(&object)
                {
                    return Found::Account(object);
                }
                Found::Conflict(conflict)
            }
            _ if accounts.standing[object as usize] != Standing::Managed => {
                Found::Conflict(Conflict::Unmanaged {
                    object,
                    attribute: BY_LINK.to_owned(),
                    value: written.as_str().into(),
                })
            }
            _ => {
                let entry = accounts.index.entry(object);
                let replaces = accounts.anchors.iter().any(|id| entry.value(*id).is_some());
                Found::Adopt {
                    object,
                    by: Recognised::Link {
                        rule: *rule,
                        replaces,
                    },
                }
            }
        }
    }
}

/// Links of people whom the read does not have.
pub(super) fn report(sides: &[Side<'_>], warnings: &mut Warnings) {
    for side in sides {
        for key in &side.links.unknown {
            warnings.add(
                warning::LINK_UNKNOWN_PERSON,
                format!("links name people whom {} does not have", side.source),
                key.clone(),
            );
        }
    }
}
