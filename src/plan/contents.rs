//! The attributes inside a change: what each is and what it becomes.
//!
//! Keeps that values stand in an order that depends on nothing but themselves.

use compact_str::CompactString;

use super::changes::index;
use super::evaluate::{After, Delta};
use super::steps::One;
use super::{AttributeChange, ChangeId, Octets, PlanValue};
use crate::mapping::{AttributeRule, Key, RuleKind, is_reference};
use crate::model::{AttributeDef, Syntax};

impl One<'_, '_, '_> {
    fn before(&self, rule: &AttributeRule) -> Vec<PlanValue> {
        let target = self.making.target;
        let Some(object) = self.subject.account() else {
            return Vec::new();
        };
        let mut values: Vec<&CompactString> =
            target.index.entry(object).values(rule.id).iter().collect();
        values.sort();
        values
            .into_iter()
            .map(|value| {
                if is_reference(&rule.def)
                    && let Some(object) = target.index.by_text(value)
                {
                    return PlanValue::Object(target.object(object));
                }
                plan_value(&rule.def, value)
            })
            .collect()
    }

    /// An attribute's change and the create it waits for; `None` when nothing is left of it.
    pub(super) fn attribute(
        &self,
        delta: &Delta<'_>,
    ) -> Option<(AttributeChange, Option<ChangeId>)> {
        let (after, waits) = match &delta.after {
            After::Values(values) => (
                values
                    .iter()
                    .map(|value| plan_value(&delta.rule.def, value))
                    .collect(),
                None,
            ),
            After::Object(object) => (
                vec![PlanValue::Object(self.making.target.object(*object))],
                None,
            ),
            After::Made(other) => {
                let account = self.making.account(*other)?;
                let waits = account.created_by.clone();
                (vec![PlanValue::Object(account)], waits)
            }
            After::Merged { add, remove } => (self.merged(delta.rule, add, remove), None),
        };
        let mut facts = self.making.rule_facts(self.at, delta.rule);
        for rule in &delta.with {
            facts.extend(self.making.rule_facts(self.at, rule));
        }
        let change = AttributeChange {
            name: delta.rule.name.clone(),
            before: self.before(delta.rule),
            after,
            merge: matches!(delta.after, After::Merged { .. }),
            rule: index(delta.rule.rule),
            facts,
            cut_from: delta.cut,
            never_reuse: None,
        };
        Some((change, waits))
    }

    /// What is there with some values more and some less.
    fn merged(
        &self,
        rule: &AttributeRule,
        add: &[CompactString],
        remove: &[CompactString],
    ) -> Vec<PlanValue> {
        let there = self.subject.account().map_or(&[][..], |object| {
            self.making.target.index.entry(object).values(rule.id)
        });
        let mut values: Vec<&CompactString> = there
            .iter()
            .filter(|value| !remove.contains(value))
            .chain(add)
            .collect();
        values.sort();
        values
            .into_iter()
            .map(|value| PlanValue::Text(value.to_string()))
            .collect()
    }

    pub(super) fn named(&self) -> Vec<AttributeChange> {
        let given = self.making.given.get(&self.at);
        given
            .into_iter()
            .flat_map(|given| &given.attributes)
            .map(|(rule, name, format)| AttributeChange {
                name: rule.name.clone(),
                before: self.before(rule),
                after: vec![PlanValue::Text(name.to_string())],
                merge: false,
                rule: index(*format),
                facts: self.making.rule_facts(self.at, rule),
                cut_from: None,
                never_reuse: match &rule.kind {
                    RuleKind::Name(names) => names.reach.never_reuse.clone(),
                    _ => None,
                },
            })
            .collect()
    }

    pub(super) fn anchor(&self) -> AttributeChange {
        let key = &self.making.target.mapping(self.subject).anchor;
        AttributeChange {
            name: key.name.clone(),
            before: self.standing_anchor(key),
            after: vec![PlanValue::Text(self.subject.anchor.to_string())],
            merge: false,
            rule: index(key.formula.rule),
            facts: self
                .making
                .facts(self.subject, key.formula.template.fields_used()),
            cut_from: None,
            never_reuse: None,
        }
    }
}

impl One<'_, '_, '_> {
    /// The anchor an account carries already, when a link gives it another.
    fn standing_anchor(&self, key: &Key) -> Vec<PlanValue> {
        let entry = self
            .subject
            .account()
            .map(|object| self.making.target.index.entry(object));
        let values = entry.map_or(&[][..], |entry| entry.values(key.id));
        let mut values: Vec<&CompactString> = values.iter().collect();
        values.sort();
        values
            .into_iter()
            .map(|value| plan_value(&key.def, value))
            .collect()
    }
}

pub(super) fn sort(attributes: &mut [AttributeChange]) {
    attributes.sort_by_cached_key(|change| change.name.to_ascii_lowercase());
}

/// A value as a plan has it.
pub(super) fn plan_value(def: &AttributeDef, value: &str) -> PlanValue {
    match def.syntax {
        Syntax::Octets => PlanValue::Octets(Octets {
            base64: value.to_owned(),
        }),
        _ => PlanValue::Text(value.to_owned()),
    }
}
