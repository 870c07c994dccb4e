//! Attributes that name another object, by its distinguished name or by the person whose account it is.
//!
//! Keeps that nobody is found by a value that several people have, and that a reference to somebody without a known
//! account is left as it is, with the reason.

use compact_str::CompactString;

use super::draft::Draft;
use super::evaluate::{After, Evaluation, Unresolved};
use super::target::NOBODY;
use crate::mapping::AttributeRule;
use crate::matching::Found;
use crate::model::FieldIndex;
use crate::policy::held;

impl<'t> Evaluation<'_, 't, '_> {
    pub(super) fn object_by_name(
        &mut self,
        rule: &'t AttributeRule,
        text: &str,
    ) -> Result<(), Draft> {
        let object = self.target.index.by_text(text).ok_or_else(|| {
            Draft::new(
                held::BAD_VALUE,
                format!("{}: no object is named {text:?}", rule.name),
            )
        })?;
        self.object(rule, object);
        Ok(())
    }

    fn object(&mut self, rule: &'t AttributeRule, object: u32) {
        let index = &self.target.index;
        if let [observed] = self.observed(rule)
            && (*observed == index.entry(object).dn.as_str()
                || index.by_text(observed) == Some(object))
        {
            return;
        }
        self.push(rule, After::Object(object));
    }

    pub(super) fn person(
        &mut self,
        rule: &'t AttributeRule,
        field: Option<FieldIndex>,
        text: CompactString,
    ) {
        let target = self.target;
        let Some(at) = self.subject_named(field, &text) else {
            let why = self.nobody(field, &text);
            self.outcome.unresolved.push((rule, text, why));
            return;
        };
        let subject = &target.subjects[at as usize];
        let why = match (subject.account(), &subject.found) {
            (Some(object), _) => return self.object(rule, object),
            (None, Found::Nothing) if target.state(subject).create => {
                return self.push(rule, After::Made(at));
            }
            (None, Found::Nothing) => Unresolved::NoAccount,
            _ => Unresolved::Held,
        };
        self.outcome.unresolved.push((rule, text, why));
    }

    /// Why a value names no subject.
    fn nobody(&self, field: Option<FieldIndex>, text: &str) -> Unresolved {
        let side = usize::from(self.subject.side);
        let people = &self.target.sides[side];
        let found = self.target.lookups[side]
            .get(&field)
            .and_then(|lookup| lookup.find(people, text));
        match found {
            None => Unresolved::Nobody,
            Some(person) if person == self.subject.person => Unresolved::Self_,
            Some(person) if !people.person(person).in_scope => Unresolved::OutOfScope,
            Some(_) => Unresolved::Held,
        }
    }

    /// The subject a value names, unless it is this very one.
    pub(super) fn subject_named(&self, field: Option<FieldIndex>, text: &str) -> Option<u32> {
        let target = self.target;
        let side = usize::from(self.subject.side);
        target.lookups[side]
            .get(&field)
            .and_then(|lookup| lookup.find(&target.sides[side], text))
            .map(|person| target.subject_of[side][person as usize])
            .filter(|subject| *subject != NOBODY && *subject != self.at)
    }
}
