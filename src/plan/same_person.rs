//! Accounts of people whom a source has several records of.
//!
//! Knows which record counts, and finds the account that carries the anchor of one of the others. Keeps that such an
//! account is the person's and nobody else's, that of two accounts none is chosen, and that nobody gets another account
//! while the record that would lead to the first may be missing from the read.

use std::collections::BTreeMap;

use compact_str::CompactString;
use rayon::prelude::*;

use super::Reason;
use super::changes::{Making, index};
use super::draft::{Draft, Warnings};
use super::evaluate::Evaluation;
use super::recognise::{Rival, rival};
use super::steps::One;
use super::target::{Subject, Target};
use crate::mapping::{AttributeRule, Key, RuleKind};
use crate::matching::{Conflict, Found, Recognised, Standing};
use crate::model::AttributeId;
use crate::policy::{held, warning};

impl Subject {
    /// Whether the account carries an anchor of the person, be it that of another record: it is known to be theirs and
    /// not only recognised by something people share.
    pub(super) fn is_tied(&self) -> bool {
        match &self.found {
            Found::Account(_) => true,
            Found::Adopt { by, .. } => matches!(by, Recognised::Record { .. }),
            Found::Nothing | Found::Conflict(_) => false,
        }
    }
}

/// An account that carries the anchor of another record.
struct Carrier {
    object: u32,
    record: u32,
    attribute: AttributeId,
    value: CompactString,
}

impl Target<'_> {
    /// The other records of a person.
    pub(super) fn others(&self, side: u16, person: u32) -> &[u32] {
        let records = self.sides[usize::from(side)].records();
        let person = records.and_then(|records| records.person(person));
        person.map_or(&[], |person| &person.others)
    }

    /// Anchors a record would have under any mapping, each once.
    fn anchors_of(&self, side: u16, record: u32) -> Vec<(&Key, CompactString)> {
        let side = &self.sides[usize::from(side)];
        let context = side.context(self.moment, record);
        let mut anchors: Vec<(&Key, CompactString)> = Vec::new();
        for mapping in &side.mappings {
            let key = &mapping.anchor;
            let Some(text) = key.formula.text(&context).ok() else {
                continue;
            };
            let known = |(other, value): &(&Key, CompactString)| {
                other.id == key.id && key.matches(value, &text)
            };
            if key.formula.blind.is_none() && !text.is_empty() && !anchors.iter().any(known) {
                anchors.push((key, text));
            }
        }
        anchors
    }

    /// What matching found for somebody, with the accounts that carry the anchors of their other records.
    pub(super) fn with_records(&self, subject: &Subject, found: Found, forbidden: &[u32]) -> Found {
        let others = self.others(subject.side, subject.person);
        if others.is_empty() {
            return found;
        }
        let own = match &found {
            Found::Account(object) | Found::Adopt { object, .. } => Some(*object),
            Found::Nothing | Found::Conflict(_) => None,
        };
        let mut carriers: Vec<Carrier> = Vec::new();
        for record in others {
            for (key, value) in self.anchors_of(subject.side, *record) {
                let objects = self.keys.find(self.index.snapshot, key, &value).first;
                for object in objects {
                    let known = carriers.iter().any(|one| one.object == object);
                    if !known && Some(object) != own && !forbidden.contains(&object) {
                        carriers.push(Carrier {
                            object,
                            record: *record,
                            attribute: key.id,
                            value: value.clone(),
                        });
                    }
                }
            }
        }
        // An account outside what is managed takes nothing from one that is the person's already.
        if own.is_some() {
            carriers.retain(|one| self.standing[one.object as usize] != Standing::Outside);
        }
        let mut objects: Vec<u32> = carriers.iter().map(|one| one.object).collect();
        objects.extend(own);
        // As the directory has them, in whatever order they were read.
        objects.sort_by_key(|object| self.index.entry(*object).guid);
        let open = match &found {
            Found::Account(_) | Found::Adopt { .. } | Found::Nothing => true,
            // Recognised by something people share, and it carries the anchor of the same person.
            Found::Conflict(Conflict::AnchoredElsewhere { object, .. }) => objects.contains(object),
            Found::Conflict(_) => false,
        };
        match (carriers.pop(), own) {
            (Some(one), None) if open && carriers.is_empty() => {
                if self.standing[one.object as usize] == Standing::Outside {
                    let header = &self.index.snapshot.header;
                    return Found::Conflict(Conflict::Unmanaged {
                        object: one.object,
                        attribute: header.definition(one.attribute).name.clone(),
                        value: one.value,
                    });
                }
                Found::Adopt {
                    object: one.object,
                    by: Recognised::Record {
                        record: one.record,
                        attribute: one.attribute,
                        value: one.value,
                    },
                }
            }
            (Some(_), _) if open => Found::Conflict(Conflict::SeveralAccounts { objects }),
            _ => found,
        }
    }

    /// What the other records of everybody who has some claim for them: their anchors, and accounts that carry these.
    pub(super) fn rivals_beside(&self, subjects: &[Subject]) -> Vec<Rival<'_>> {
        subjects
            .par_iter()
            .flat_map_iter(|subject| self.beside(subject))
            .collect()
    }

    fn beside(&self, subject: &Subject) -> Vec<Rival<'_>> {
        let mut anchors: Vec<(&Key, CompactString)> = Vec::new();
        let mut accounts: Vec<u32> = Vec::new();
        let own = &self.mapping(subject).anchor;
        for record in self.others(subject.side, subject.person) {
            for (key, value) in self.anchors_of(subject.side, *record) {
                let same =
                    |other: &Key, known: &str| other.id == key.id && key.matches(known, &value);
                if same(own, &subject.anchor)
                    || anchors.iter().any(|(other, known)| same(other, known))
                {
                    continue;
                }
                let carriers = self.keys.find(self.index.snapshot, key, &value).first;
                accounts.extend(carriers);
                anchors.push((key, value));
            }
        }
        accounts.retain(|object| subject.account() != Some(*object));
        rival(anchors, accounts, Vec::new())
    }

    /// Why nobody can say which account is theirs.
    pub(super) fn several_accounts(&self, subject: &Subject, objects: &[u32]) -> Draft {
        let side = self.side(subject);
        let others = self.others(subject.side, subject.person);
        let others: Vec<String> = others.iter().map(|at| side.shown(*at)).collect();
        let text = format!(
            "several accounts are this person's, by the anchors or links of their records; the other records are {}",
            others.join(", ")
        );
        let draft = Draft::new(held::SAME_PERSON_ACCOUNTS, text).accounts(objects.to_vec());
        match side.records().and_then(|records| records.rule()) {
            Some(rule) => draft.rule(rule),
            None => draft,
        }
    }

    /// Why somebody gets no account yet: a record that leads to one may be in the part that was not read.
    pub(super) fn may_be_known_otherwise(&self, subject: &Subject) -> Option<Draft> {
        let side = self.side(subject);
        let records = side.records()?;
        if side.proven || !records.may_have_others(subject.person) {
            return None;
        }
        let text = "another record of the person may be in the part of the read that is not proven; an account waits for a read that is";
        let draft = Draft::new(held::SAME_PERSON_UNPROVEN, text);
        Some(match records.rule() {
            Some(rule) => draft.rule(rule),
            None => draft,
        })
    }

    /// Says that an account carries the anchor of a record that does not count, while the person has another one.
    pub(super) fn warn_of_secondary(&self, account: String, warnings: &mut Warnings) {
        warnings.add(
            warning::SECONDARY_ACCOUNT,
            format!(
                "accounts in {} carry the anchor of a secondary record, and the person has another account",
                self.name
            ),
            account,
        );
    }
}

impl Making<'_, '_> {
    /// Says of a fact that names another record than the one that counts whose it is: the account a reader sees beside
    /// it is that of the primary record.
    pub(super) fn name_primary(
        &self,
        subject: &Subject,
        rule: &AttributeRule,
        facts: &mut BTreeMap<String, String>,
    ) {
        let RuleKind::Person { formula, field } = &rule.kind else {
            return;
        };
        let number = usize::from(subject.side);
        let side = self.target.side(subject);
        if side
            .records()
            .is_none_or(|records| records.rule().is_none())
        {
            return;
        }
        let context = side.context(self.target.moment, subject.person);
        let Ok(text) = formula.text(&context) else {
            return;
        };
        let lookup = self.target.lookups[number].get(field);
        let record = lookup.and_then(|lookup| lookup.record(side, &text));
        let Some(record) = record.filter(|record| side.primary(*record) != *record) else {
            return;
        };
        for fact in facts.values_mut().filter(|fact| **fact == *text) {
            let primary = side.shown(side.primary(record));
            *fact = format!("{fact}, another record of {primary}");
        }
    }
}

impl Evaluation<'_, '_, '_> {
    /// Why the account gets no anchor, or no other than it has: whoever it really belongs to may be in the part that
    /// was not read, and an anchor is for good. What people have decided themselves waits only where it takes one away.
    pub(super) fn anchor_waits(&self) -> Option<Draft> {
        let Found::Adopt { by, .. } = &self.subject.found else {
            return None;
        };
        let side = self.target.side(self.subject);
        let rule = match by {
            _ if side.proven => return None,
            Recognised::Key { at, .. } => {
                let mapping = self.target.mapping(self.subject);
                let key = mapping.adopt.get(*at)?;
                let text = format!(
                    "somebody else with the same {} may be in the part that was not read; the account is adopted on a read that is proven complete",
                    key.name
                );
                let draft = Draft::new(held::ADOPTION_UNPROVEN, text);
                return Some(draft.rule(key.formula.rule));
            }
            Recognised::Link {
                replaces: false, ..
            } => return None,
            Recognised::Link { rule, .. } => Some(*rule),
            Recognised::Record { .. } => side.records().and_then(|records| records.rule()),
        };
        let draft = Draft::new(
            held::REMOVAL_UNPROVEN,
            "giving the account another anchor waits for a read that is proven complete",
        );
        Some(match rule {
            Some(rule) => draft.rule(rule),
            None => draft,
        })
    }
}

impl One<'_, '_, '_> {
    /// Why the account of another record becomes the person's, and how it was found.
    pub(super) fn converted(
        &self,
        record: u32,
        attribute: AttributeId,
        value: &str,
    ) -> (String, Reason) {
        let target = self.making.target;
        let side = target.side(self.subject);
        let header = &target.index.snapshot.header;
        let other = side.shown(record);
        let this = side.shown(self.subject.person);
        let evidence = format!(
            "{} = {value}, the anchor of {other}",
            header.definition(attribute).name
        );
        let records = side.records();
        let person = records.and_then(|records| records.person(self.subject.person));
        let chosen = person.and_then(|person| person.chosen.as_ref());
        let text = match chosen {
            Some(chosen) => format!(
                "{other} and {this} are records of one person, and {this} counts: {}",
                chosen.text
            ),
            None => {
                format!("{other} and {this} are records of one person, and only {this} is in scope")
            }
        };
        let rule = chosen
            .map(|chosen| chosen.rule)
            .or_else(|| records.and_then(|records| records.rule()))
            .unwrap_or(target.mapping(self.subject).rule);
        let fields = chosen.map_or(&[][..], |chosen| &chosen.fields);
        let because = Reason {
            text,
            rule: index(rule),
            facts: self.making.facts(self.subject, fields),
        };
        (evidence, because)
    }
}
