//! Attributes: what the plan wrote against what is there now, and what was there before.
//!
//! Keeps that a value somebody else has written since stays, and that of values merged into those of others only the
//! plan's own share goes or comes back.

use std::collections::BTreeSet;

use super::super::changes::change_id;
use super::super::contents::plan_value;
use super::super::{Action, AttributeChange, Change, ObjectRef, PlanValue, Risk, is_same_key};
use super::Deed;
use super::undoing::Undoing;
use crate::mapping::is_same_value;
use crate::model::{AttributeDef, AttributeId, Dn, Entry, Syntax, spoken};
use crate::policy::held as code;

/// Begins the address mail is sent from: one at most.
const PRIMARY_ADDRESS: &str = "SMTP:";

/// What becomes of one attribute.
pub(super) enum Back {
    /// It is as before already.
    Nothing,
    /// It gets its former values.
    Values(Box<AttributeChange>),
    /// Somebody else has written it since, or what it referred to is gone.
    Changed(String),
}

impl<'u> Undoing<'u, '_> {
    pub(super) fn attributes(
        &mut self,
        change: &'u Change,
        attributes: &'u [AttributeChange],
        deed: &'u Deed,
    ) {
        let Some(at) = self.account(change, &change.object) else {
            return;
        };
        let entry = self.entry(at);
        let mut back = Vec::new();
        let mut changed = Vec::new();
        let mut before = Vec::new();
        for attribute in attributes {
            // What was as desired already was not written.
            let Some(found) = deed.before.get(&attribute.name) else {
                continue;
            };
            match self.attribute(entry, attribute, found) {
                Back::Nothing => before.push(AttributeChange {
                    before: attribute.after.clone(),
                    after: attribute.before.clone(),
                    merge: attribute.merge,
                    ..self.blank(attribute)
                }),
                Back::Values(attribute) => back.push(*attribute),
                Back::Changed(why) => changed.push(why),
            }
        }
        let object = self.target.object(at);
        if back.is_empty() && changed.is_empty() {
            self.count_already(change);
        }
        if !before.is_empty() {
            let action = Action::Modify { attributes: before };
            self.done_before(change, object.clone(), action);
        }
        if !changed.is_empty() {
            let text = changed.join("; ");
            self.hold(change, code::UNDO_CHANGED, text, vec![object.clone()]);
        }
        if !back.is_empty() {
            let action = Action::Modify { attributes: back };
            let made = self.push(change, "", object, action);
            // Whose account it is becomes otherwise.
            if matches!(change.action, Action::Adopt { .. }) {
                self.changes[made].risk = Risk::High;
            }
            self.in_unit(change, made);
        }
    }

    /// One attribute of an account; `found` are the values the write had found.
    pub(super) fn attribute(
        &self,
        entry: &Entry,
        attribute: &AttributeChange,
        found: &[String],
    ) -> Back {
        let header = &self.target.index.snapshot.header;
        let Some(id) = header.attribute(&attribute.name) else {
            return Back::Changed(format!(
                "{} is not in the directory's schema any more",
                attribute.name
            ));
        };
        let def = header.definition(id);
        let observed = entry.values(id);
        if attribute.merge {
            return self.merged(entry, attribute, found, (id, def));
        }
        let now = set(def, observed.iter().map(|value| value.as_str()));
        let before = self.former(def, attribute, found);
        let was = match &before {
            Ok(values) => set(def, self.texts(values).iter().map(String::as_str)),
            // Equal to nothing that is there.
            Err(gone) => BTreeSet::from([gone.clone()]),
        };
        if now == was {
            return Back::Nothing;
        }
        let written = self.texts(&attribute.after);
        if now != set(def, written.iter().map(String::as_str)) {
            return Back::Changed(format!(
                "{}: {} before, the plan wrote {}, and now it is {}",
                attribute.name,
                told(&self.texts(&attribute.before)),
                told(&written),
                told(observed),
            ));
        }
        match before {
            Ok(after) => Back::Values(Box::new(AttributeChange {
                before: self.as_it_is(entry, id, def),
                after,
                merge: false,
                ..self.blank(attribute)
            })),
            Err(gone) => Back::Changed(format!(
                "{}: it referred to {}, which does not exist any more",
                attribute.name,
                spoken::dn(&gone)
            )),
        }
    }

    /// Takes out what the plan has put in and puts in what it has taken out, whatever else is there.
    fn merged(
        &self,
        entry: &Entry,
        attribute: &AttributeChange,
        found: &[String],
        (id, def): (AttributeId, &AttributeDef),
    ) -> Back {
        let observed = entry.values(id);
        let (before, after) = (self.texts(&attribute.before), self.texts(&attribute.after));
        let among = |values: &[String], one: &str| {
            values.iter().any(|value| is_same_value(def, value, one))
        };
        let put_in = |one: &str| among(&after, one) && !among(&before, one) && !among(found, one);
        let taken: Vec<&String> = found
            .iter()
            .filter(|one| among(&before, one) && !among(&after, one))
            .collect();
        let mut wanted: Vec<String> = observed
            .iter()
            .filter(|one| !put_in(one))
            .map(ToString::to_string)
            .collect();
        for one in taken {
            if !among(&wanted, one) {
                wanted.push(one.clone());
            }
        }
        wanted.sort();
        let mut now: Vec<String> = observed.iter().map(ToString::to_string).collect();
        now.sort();
        if wanted == now {
            return Back::Nothing;
        }
        let primary = wanted.iter().filter(|one| one.starts_with(PRIMARY_ADDRESS));
        if def.name.eq_ignore_ascii_case("proxyAddresses") && primary.count() > 1 {
            return Back::Changed(format!(
                "{}: somebody has made another address the primary one since: {}",
                attribute.name,
                told(&now)
            ));
        }
        let value = |one: &String| plan_value(def, one);
        Back::Values(Box::new(AttributeChange {
            before: now.iter().map(value).collect(),
            after: wanted.iter().map(value).collect(),
            merge: true,
            ..self.blank(attribute)
        }))
    }

    fn blank(&self, attribute: &AttributeChange) -> AttributeChange {
        AttributeChange {
            name: attribute.name.clone(),
            before: Vec::new(),
            after: Vec::new(),
            merge: false,
            rule: self.rule(attribute.rule),
            facts: attribute.facts.clone(),
            cut_from: None,
            never_reuse: None,
        }
    }

    /// The values there were before, in the spelling they had; names of objects as they are now. The name of an object
    /// that is gone as error.
    fn former(
        &self,
        def: &AttributeDef,
        attribute: &AttributeChange,
        found: &[String],
    ) -> Result<Vec<PlanValue>, String> {
        if def.syntax != Syntax::Dn {
            return Ok(found.iter().map(|value| plan_value(def, value)).collect());
        }
        let values = attribute.before.iter().map(|value| match value {
            PlanValue::Object(object) => match self.living(object) {
                Some(at) => Ok(PlanValue::Object(self.target.object(at))),
                None => Err(object.dn.to_string()),
            },
            other => Ok(other.clone()),
        });
        values.collect()
    }

    /// The values an attribute has, as plans name them.
    fn as_it_is(&self, entry: &Entry, id: AttributeId, def: &AttributeDef) -> Vec<PlanValue> {
        let mut values: Vec<_> = entry.values(id).iter().collect();
        values.sort();
        let named = values.into_iter().map(|value| {
            if def.syntax == Syntax::Dn
                && let Some(at) = self.target.index.by_text(value)
            {
                return PlanValue::Object(self.target.object(at));
            }
            plan_value(def, value)
        });
        named.collect()
    }

    /// Values as the directory has them; objects by the names they have now.
    fn texts(&self, values: &[PlanValue]) -> Vec<String> {
        let texts = values.iter().map(|value| match value {
            PlanValue::Text(text) => text.clone(),
            PlanValue::Octets(octets) => octets.base64.clone(),
            PlanValue::Object(object) => match self.living(object) {
                Some(at) => self.entry(at).dn.to_string(),
                None => object.dn.to_string(),
            },
        });
        texts.collect()
    }

    /// Whether an object has every text that was to be made with it.
    pub(super) fn is_as_made(&self, entry: &Entry, attributes: &[AttributeChange]) -> bool {
        let header = &self.target.index.snapshot.header;
        attributes.iter().all(|attribute| {
            let Some(id) = header.attribute(&attribute.name) else {
                return false;
            };
            let def = header.definition(id);
            if def.syntax == Syntax::Dn {
                return true;
            }
            let made = self.texts(&attribute.after);
            set(def, made.iter().map(String::as_str))
                == set(def, entry.values(id).iter().map(|value| value.as_str()))
        })
    }

    /// The stamp of a move belongs to it on the way back as well.
    fn in_unit(&mut self, change: &'u Change, made: usize) {
        if let Some(unit) = &change.unit {
            let id = change_id(self.target.name, &unit.0, "unit", "undo");
            self.changes[made].unit = Some(super::groups::unit(&id));
        }
    }

    /// The part of a new account that is another's again: an anchor it took over.
    pub(super) fn taken_over(
        &self,
        entry: &Entry,
        made: &[AttributeChange],
        former: &ObjectRef,
    ) -> Vec<AttributeChange> {
        let mut back = Vec::new();
        let released = former.guid.and_then(|guid| self.released.get(&guid));
        for change in released.into_iter().flatten() {
            let Action::Modify { attributes } = &change.action else {
                continue;
            };
            if !self.deeds.contains_key(&change.id) {
                continue;
            }
            for released in attributes.iter().filter(|one| one.after.is_empty()) {
                let took = made
                    .iter()
                    .find(|one| one.name == released.name && is_same_anchor(one, released));
                let Some(took) = took else { continue };
                if let Back::Values(attribute) = self.attribute(entry, took, &[]) {
                    back.push(*attribute);
                }
            }
        }
        back.sort_by_cached_key(|attribute| attribute.name.to_ascii_lowercase());
        back
    }
}

/// Whether what one account was given is what another was released of, as matching compares anchors: an administrator may
/// have written it in other letters.
fn is_same_anchor(given: &AttributeChange, released: &AttributeChange) -> bool {
    given.after.len() == released.before.len()
        && given
            .after
            .iter()
            .zip(&released.before)
            .all(|pair| match pair {
                (PlanValue::Text(one), PlanValue::Text(other)) => {
                    is_same_key(&given.name, one, other)
                }
                (one, other) => one == other,
            })
}

/// The form in which equal sets of values are equal.
fn set<'v>(def: &AttributeDef, values: impl Iterator<Item = &'v str>) -> BTreeSet<String> {
    let expiry = def.name.eq_ignore_ascii_case("accountExpires");
    let canonical = |value: &str| match def.syntax {
        Syntax::Dn => {
            Dn::key_of(value).map_or_else(|| value.to_owned(), |key| key.as_str().to_owned())
        }
        Syntax::Integer | Syntax::LargeInteger => match value.trim().parse::<i64>() {
            Ok(0) if expiry => i64::MAX.to_string(),
            Ok(number) => number.to_string(),
            Err(_) => value.to_owned(),
        },
        Syntax::Boolean => value.to_ascii_uppercase(),
        Syntax::Time => value
            .trim_end_matches('Z')
            .trim_end_matches(".0")
            .to_owned(),
        Syntax::Text | Syntax::CaseExactText | Syntax::Octets | Syntax::Other => value.to_owned(),
    };
    let mut set: BTreeSet<String> = values.map(canonical).collect();
    // An account without an expiry never expires, which is what "never" says.
    if set.is_empty() && expiry {
        set.insert(i64::MAX.to_string());
    }
    set
}

/// Values for a sentence.
pub(super) fn told<T: AsRef<str>>(values: &[T]) -> String {
    if values.is_empty() {
        return "empty".to_owned();
    }
    let shown = values.iter().map(|value| {
        let value = value.as_ref();
        let head: String = value.chars().take(80).collect();
        let more = if head.len() < value.len() { "…" } else { "" };
        format!("{head:?}{more}")
    });
    shown.collect::<Vec<_>>().join(", ")
}
