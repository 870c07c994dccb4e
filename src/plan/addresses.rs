//! The last look at the addresses a plan gives, once everybody's are known.
//!
//! Knows values, not the rules they come from. Keeps that no address becomes two accounts', and that an account ends
//! with at most one primary address and never with none where it had one.

use compact_str::{CompactString, format_compact};
use hashbrown::HashMap;

use super::draft::Draft;
use super::evaluate::{After, Outcome, hold};
use super::naming::Given;
use super::target::Target;
use crate::mapping::{ADDRESSES, AttributeRule, bare, fold, is_address};
use crate::model::{AttributeId, EntryKind};
use crate::policy::held;

/// Begins the address Exchange sends from: upper case is the primary one, and there is one at most.
pub(super) const PRIMARY: &str = "SMTP:";

/// Whether a rule is for the attribute that holds all addresses of an account.
pub(super) fn has_addresses(rule: &AttributeRule) -> bool {
    rule.name.eq_ignore_ascii_case("proxyAddresses")
}

/// Takes back addresses that are somebody else's, and holds people whose primary address would be lost or doubled.
pub(super) fn settle<'t>(
    target: &'t Target<'_>,
    outcomes: &mut [Option<Box<Outcome<'t>>>],
    given: &mut HashMap<u32, Given<'t>>,
) {
    let concerned: Vec<u32> = (0u32..)
        .zip(outcomes.iter())
        .filter(|(_, outcome)| {
            let deltas = outcome.iter().flat_map(|outcome| &outcome.attributes);
            deltas.into_iter().any(|delta| has_addresses(delta.rule))
        })
        .map(|(at, _)| at)
        .collect();
    if concerned.is_empty() {
        return;
    }
    let holders = Holders::new(target, outcomes, given);
    for at in concerned {
        let Some(outcome) = &mut outcomes[at as usize] else {
            continue;
        };
        let subject = &target.subjects[at as usize];
        let account = subject.account();
        let there = |rule: &AttributeRule| {
            account.map_or(&[][..], |object| target.index.entry(object).values(rule.id))
        };
        let place = outcome
            .attributes
            .iter()
            .position(|delta| has_addresses(delta.rule));
        let Some(delta) = place.map(|place| &outcome.attributes[place]) else {
            continue;
        };
        let rule = delta.rule;
        let new = values(&delta.after);
        if let Some(mut draft) = new
            .iter()
            .find_map(|value| holders.refuses(at, rule, value))
        {
            draft.accounts.extend(account);
            outcome
                .attributes
                .retain(|delta| !has_addresses(delta.rule));
            outcome.partial.push(draft.rule(rule.rule).partial());
            continue;
        }
        if let Some(reason) = unsound(there(rule), &delta.after) {
            let draft = Draft::new(held::PRIMARY_ADDRESS, reason).rule(rule.rule);
            **outcome = hold(std::mem::take(&mut **outcome), draft, target, subject);
            given.remove(&at);
        }
    }
}

fn values(after: &After) -> &[CompactString] {
    match after {
        After::Values(values) | After::Merged { add: values, .. } => values,
        After::Object(_) | After::Made(_) => &[],
    }
}

/// What is wrong with the primary address after a change of `there`.
fn unsound(there: &[CompactString], after: &After) -> Option<String> {
    let is_primary = |value: &&CompactString| value.starts_with(PRIMARY);
    let stays: Vec<&CompactString> = match after {
        After::Merged { remove, .. } => there.iter().filter(|one| !remove.contains(one)).collect(),
        _ => Vec::new(),
    };
    let left: Vec<&CompactString> = stays.into_iter().chain(values(after)).collect();
    // Servers give values in no order; the reason is the same whatever came first.
    let mut primary: Vec<&CompactString> = left.iter().copied().filter(is_primary).collect();
    primary.sort();
    match primary[..] {
        [] if !left.is_empty() => {
            let lost = there.iter().filter(is_primary).min()?;
            Some(format!(
                "proxyAddresses would be left without a primary address; {lost:?} is the one now"
            ))
        }
        [first, second, ..] => Some(format!(
            "proxyAddresses would have more than one primary address: {first:?} and {second:?}"
        )),
        _ => None,
    }
}

/// Of how many objects that have one address one is named.
const TOLD: usize = 20;

/// Who has which address, in the read and after the plan.
struct Holders<'t, 'a> {
    target: &'t Target<'a>,
    /// Address attributes of the read.
    attributes: Vec<AttributeId>,
    /// To whom this plan gives an address: the first, and one further.
    given: HashMap<CompactString, (u32, Option<u32>)>,
}

impl<'t, 'a> Holders<'t, 'a> {
    fn new(
        target: &'t Target<'a>,
        outcomes: &[Option<Box<Outcome<'_>>>],
        names: &HashMap<u32, Given<'_>>,
    ) -> Self {
        let header = &target.index.snapshot.header;
        let mut given: HashMap<CompactString, (u32, Option<u32>)> = HashMap::new();
        let mut note = |rule: &AttributeRule, value: &str, at: u32| {
            let holders = given
                .entry(fold(&rule.def, bare(value)))
                .or_insert((at, None));
            if holders.0 != at {
                holders.1.get_or_insert(at);
            }
        };
        for (at, outcome) in (0u32..).zip(outcomes) {
            let Some(outcome) = outcome else { continue };
            for delta in &outcome.attributes {
                if is_address(&delta.rule.name) {
                    for value in values(&delta.after) {
                        note(delta.rule, value, at);
                    }
                }
            }
            for (rule, name, _) in names.get(&at).into_iter().flat_map(|one| &one.attributes) {
                if is_address(&rule.name) {
                    note(rule, name, at);
                }
            }
        }
        Self {
            target,
            attributes: ADDRESSES
                .iter()
                .filter_map(|name| header.attribute(name))
                .collect(),
            given,
        }
    }

    /// Why an account is not given an address, when somebody else has it. One that stands in any of its own address
    /// attributes already is its own, whoever else has it.
    fn refuses(&self, at: u32, rule: &AttributeRule, value: &str) -> Option<Draft> {
        let address = fold(&rule.def, bare(value));
        let own = self.target.subjects[at as usize].account();
        if own.is_some_and(|own| self.has(own, &address)) {
            return None;
        }
        let others = self.holders(&address);
        if let Some(object) = others.first() {
            let dn = &self.target.index.entry(*object).dn;
            let (whose, accounts) = if others.len() > TOLD {
                ("many objects".to_owned(), Vec::new())
            } else {
                (dn.spoken(), vec![*object])
            };
            let reason = format!("{}: {value:?} is an address of {whose}", rule.name);
            return Some(Draft::new(held::DUPLICATE_ADDRESS, reason).accounts(accounts));
        }
        let (first, second) = self.given.get(&address).copied()?;
        let other = if first == at { second? } else { first };
        let other = &self.target.subjects[other as usize];
        let shown = self.target.side(other).shown(other.person);
        Some(Draft::new(
            held::DUPLICATE_ADDRESS,
            format!("{}: this plan gives {value:?} to {shown} too", rule.name),
        ))
    }

    fn has(&self, object: u32, address: &str) -> bool {
        let entry = self.target.index.entry(object);
        let header = &self.target.index.snapshot.header;
        self.attributes.iter().any(|id| {
            let def = header.definition(*id);
            let mut values = entry.values(*id).iter();
            values.any(|value| fold(def, bare(value)) == address)
        })
    }

    /// Objects of the read that have an address and are not deleted, in an order of their own; of very many only so
    /// many that it shows.
    fn holders(&self, address: &str) -> Vec<u32> {
        let snapshot = self.target.index.snapshot;
        let marked = format_compact!("smtp:{address}");
        let mut holders = Vec::new();
        for index in self
            .attributes
            .iter()
            .filter_map(|id| self.target.taken.get(id))
        {
            for text in [address, &marked] {
                let found = index
                    .get(snapshot, text)
                    .filter(|holder| self.target.index.entry(*holder).kind != EntryKind::Deleted);
                holders.extend(found.take(TOLD + 1));
            }
        }
        holders.sort_by_key(|holder| self.target.index.entry(*holder).guid);
        holders.dedup();
        holders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<CompactString> {
        values.iter().map(CompactString::new).collect()
    }

    #[test]
    fn an_account_has_one_primary_address() {
        let becomes = |there: &[&str], after: &[&str]| {
            unsound(&texts(there), &After::Values(texts(after))).is_some()
        };
        assert!(!becomes(&["SMTP:a@x"], &["SMTP:b@x", "smtp:a@x"]));
        assert!(!becomes(&[], &["smtp:a@x"]));
        assert!(!becomes(&["SMTP:a@x"], &[]));
        assert!(becomes(&["SMTP:a@x"], &["smtp:a@x"]));
        assert!(becomes(&[], &["SMTP:a@x", "SMTP:b@x"]));
        let adds = |there: &[&str], add: &[&str], remove: &[&str]| {
            let (add, remove) = (texts(add), texts(remove));
            unsound(&texts(there), &After::Merged { add, remove }).is_some()
        };
        assert!(!adds(&["SMTP:a@x"], &["smtp:b@x"], &[]));
        assert!(adds(&["SMTP:a@x"], &["SMTP:b@x"], &[]));
        assert!(adds(&["SMTP:a@x"], &["smtp:b@x"], &["SMTP:a@x"]));
        assert!(!adds(&["SMTP:a@x"], &[], &["SMTP:a@x"]));
    }
}
