//! Attributes of the account that other rules speak of (`account.mail`), and the order this puts the rules in.
//!
//! Knows rules, no values. Keeps that every rule comes after those it speaks of: a circle is refused.

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

/// Notes in each rule which attributes of the account it speaks of, and gives it its rank: one more than theirs.
///
/// # Errors
/// The rule with which a circle closes.
pub(super) fn arrange(
    rules: &mut [AttributeRule],
    among: &[u32],
    spoken: &[Spoken],
) -> Result<(), u32> {
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
        rule.speaks_of = speaks_of;
    }
    // As many rounds as the longest chain has links; a chain longer than all rules together is a circle.
    for _ in 0..=among.len() {
        let mut settled = true;
        for at in among {
            let rank = rules[*at as usize]
                .speaks_of
                .iter()
                .filter_map(|one| spoken[usize::from(*one)].id)
                .filter_map(|id| among.iter().find(|other| rules[**other as usize].id == id))
                .map(|other| rules[*other as usize].rank + 1)
                .max()
                .unwrap_or(0);
            if rules[*at as usize].rank != rank {
                rules[*at as usize].rank = rank;
                settled = false;
            }
        }
        if settled {
            return Ok(());
        }
    }
    let last = among
        .iter()
        .max_by_key(|at| rules[**at as usize].rank)
        .copied();
    Err(last.unwrap_or_default())
}

impl Mapping {
    /// Places in [`Mapping::spoken`] of what those who decide about an attribute speak of.
    pub fn speaks_of(&self, slot: &Slot) -> Vec<u16> {
        slot.rules()
            .iter()
            .flat_map(|at| &self.rule(*at).speaks_of)
            .copied()
            .collect()
    }

    /// The rank of those who decide about an attribute.
    pub fn rank_of(&self, slot: &Slot) -> u16 {
        let ranks = slot.rules().iter().map(|at| self.rule(*at).rank);
        ranks.max().unwrap_or_default()
    }

    /// The attribute somebody decides about.
    pub fn decides_about(&self, slot: &Slot) -> Option<AttributeId> {
        slot.rules().first().map(|at| self.rule(*at).id)
    }
}
