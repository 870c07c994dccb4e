//! Whether an adoption is one that the configuration makes: by a value a mapping recognises accounts by, by a link, or
//! because the account carries the anchor of another record of the same person.
//!
//! Whoever can have any account adopted for anybody has taken it over with the next plan. Pure. Invariant: nothing is said
//! of an adoption the planner made with the same configuration.

use std::collections::{BTreeMap, HashSet};

use super::stated::{Asked, Stated};
use super::whose::is_same_key;
use super::{Action, Change, Plan};
use crate::config::Config;
use crate::model::{Dn, DnKey, Guid, Name};

/// A source and a target.
type Pair<'c> = (&'c str, &'c str);

/// What adoptions may rest on.
pub(super) struct Adopted<'c> {
    keys: BTreeMap<Pair<'c>, Vec<(&'c str, Option<Asked<'c>>)>>,
    linked: HashSet<(Pair<'c>, Guid)>,
    linked_by_name: HashSet<(Pair<'c>, DnKey)>,
    /// Sources of which several records can be of one person.
    records: HashSet<&'c str>,
    stated: Stated<'c>,
}

impl<'c> Adopted<'c> {
    pub(super) fn of(config: &'c Config, plan: &Plan) -> Self {
        let stated = Stated::new(config, plan.as_of);
        let mut keys: BTreeMap<Pair<'_>, Vec<_>> = BTreeMap::new();
        for mapping in config.mappings.values() {
            let spec = &mapping.spec;
            let of_pair = keys.entry((&spec.source, &spec.target)).or_default();
            of_pair.extend(spec.matching.adopt.iter().map(|key| {
                let value = stated.template(&spec.source, &key.value, false);
                (key.attribute.as_str(), value)
            }));
        }
        let mut linked = HashSet::new();
        let mut linked_by_name = HashSet::new();
        for links in config.links.values() {
            let spec = &links.spec;
            let pair = (spec.source.as_str(), spec.target.as_str());
            for link in &spec.links {
                let account = link.account.trim();
                linked.extend(Guid::parse(account).map(|guid| (pair, guid)));
                linked_by_name.extend(Dn::key_of(account).map(|key| (pair, key)));
            }
        }
        let sources = config.sources.iter();
        let records = sources.filter(|(_, source)| source.spec.person.same_person.is_some());
        Self {
            keys,
            linked,
            linked_by_name,
            records: records.map(|(name, _)| name.as_str()).collect(),
            stated,
        }
    }

    /// Why a planner makes no such adoption.
    pub(super) fn forbids(&self, change: &Change) -> Option<String> {
        let Action::Adopt { recognised, .. } = &change.action else {
            return None;
        };
        let (source, target): (&Name, &Name) = (&change.person.source, &change.target);
        let pair = (source.as_str(), target.as_str());
        let (id, dn) = (&change.id.0, change.object.dn.spoken());
        let Some(by) = recognised else {
            let guid = change.object.guid;
            let linked = guid.is_some_and(|guid| self.linked.contains(&(pair, guid)))
                || self
                    .linked_by_name
                    .contains(&(pair, change.object.dn.key()));
            let converted =
                self.records.contains(source.as_str()) && !change.object.anchor.is_empty();
            return (!linked && !converted).then(|| {
                format!(
                    "change {id} adopts {dn} by no value, and no link names the account, nor does it carry another record's anchor"
                )
            });
        };
        let of_pair = self.keys.get(&pair).into_iter().flatten();
        let mut known = false;
        let facts = &change.because.facts;
        for (attribute, value) in of_pair {
            if !attribute.eq_ignore_ascii_case(&by.attribute) {
                continue;
            }
            known = true;
            let given = value.as_ref();
            let given = given.map(|asked| self.stated.with_facts(asked, &change.person, facts));
            match given {
                Some(Ok(Some(wanted))) if !is_same_key(attribute, &wanted, &by.value) => {}
                Some(Ok(None)) => {}
                _ => return None,
            }
        }
        Some(match known {
            true => format!(
                "change {id} adopts {dn} by {} {:?}, which no mapping makes of the facts it names",
                by.attribute, by.value
            ),
            false => format!(
                "change {id} adopts {dn} by {}, by which no mapping of {source} to {target} recognises an account",
                by.attribute
            ),
        })
    }
}
