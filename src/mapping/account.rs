//! Attributes of the account that other rules speak of (`account.mail`), and the order this puts the rules in.
//!
//! Knows rules, no values. Keeps that every attribute comes after those any rule for it speaks of, whichever rule is in
//! force for somebody: a circle is refused, also one that closes only by way of a template.

use std::collections::{BTreeMap, BTreeSet};

use super::{AttributeRule, Mapping, Slot};
use crate::lang::ACCOUNT;
use crate::model::AttributeId;

/// An attribute a rule may speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// As it is written in the mapping.
    pub name: String,
    /// Its place in the read; `None` when the directory does not have it.
    pub id: Option<AttributeId>,
}

/// Notes in each rule which attributes of the account it speaks of, and gives all rules for one attribute one rank: one
/// more than those of the attributes that any of them speaks of.
///
/// # Errors
/// The rule with which a circle closes.
pub(super) fn arrange(rules: &mut [AttributeRule], spoken: &[Spoken]) -> Result<(), u32> {
    let mut depends: BTreeMap<AttributeId, BTreeSet<AttributeId>> = BTreeMap::new();
    for rule in rules.iter_mut() {
        let mut speaks_of: Vec<u16> = rule
            .fields
            .iter()
            .filter_map(|field| field.as_str().strip_prefix(ACCOUNT))
            .filter_map(|name| spoken.iter().position(|one| one.name == name))
            .filter_map(|at| u16::try_from(at).ok())
            .collect();
        rule.fields
            .retain(|field| !field.as_str().starts_with(ACCOUNT));
        if rule.keeps {
            let mail = spoken
                .iter()
                .position(|one| one.name.eq_ignore_ascii_case("mail"));
            speaks_of.extend(mail.and_then(|at| u16::try_from(at).ok()));
        }
        speaks_of.sort_unstable();
        speaks_of.dedup();
        depends.entry(rule.id).or_default().extend(
            speaks_of
                .iter()
                .filter_map(|one| spoken[usize::from(*one)].id),
        );
        rule.speaks_of = speaks_of;
    }
    let mut ranks: BTreeMap<AttributeId, u16> = BTreeMap::new();
    // In every round at least one attribute is settled, or those left stand in a circle or behind one.
    while ranks.len() < depends.len() {
        let settled: Vec<(AttributeId, u16)> = depends
            .iter()
            .filter(|(id, _)| !ranks.contains_key(*id))
            .filter_map(|(id, of)| {
                let of = of.iter().filter(|of| depends.contains_key(*of));
                let below: Option<Vec<u16>> = of.map(|of| ranks.get(of).copied()).collect();
                let above = below?.into_iter().map(|rank| rank + 1).max();
                Some((*id, above.unwrap_or_default()))
            })
            .collect();
        if settled.is_empty() {
            let left =
                |rule: &AttributeRule| !ranks.contains_key(&rule.id) && !rule.speaks_of.is_empty();
            let at = rules.iter().position(left).unwrap_or_default();
            return Err(u32::try_from(at).unwrap_or(u32::MAX));
        }
        ranks.extend(settled);
    }
    for rule in rules {
        rule.rank = ranks.get(&rule.id).copied().unwrap_or_default();
    }
    Ok(())
}

impl Mapping {
    /// Places in [`Mapping::spoken`] of what those who decide about an attribute, or leave it behind, speak of.
    pub fn speaks_of(&self, slot: &Slot) -> Vec<u16> {
        slot.rules()
            .iter()
            .chain(&slot.leaving)
            .flat_map(|at| &self.rule(*at).speaks_of)
            .copied()
            .collect()
    }

    /// The rank of those who decide about an attribute.
    pub fn rank_of(&self, slot: &Slot) -> u16 {
        let rules = slot.rules().iter().chain(&slot.leaving);
        rules
            .map(|at| self.rule(*at).rank)
            .max()
            .unwrap_or_default()
    }

    /// The attribute somebody decides about.
    pub fn decides_about(&self, slot: &Slot) -> Option<AttributeId> {
        slot.rules().first().map(|at| self.rule(*at).id)
    }
}
