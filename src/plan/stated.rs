//! Templates of the configuration, evaluated with the facts that a plan states of somebody.
//!
//! A plan carries no records, but of each value the facts it was computed from. Whoever writes a plan can write those as
//! well; then they stand before its reviewers, and the value must still be what the rule makes of them. Pure; must not know
//! what is made of the answer. Invariant: no answer where the plan does not tell everything the template asks for, so that
//! nothing a planner made is ever contradicted.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::PersonRef;
use super::build::{Moment, moment, tables};
use crate::config::Config;
use crate::config::kinds::FieldSpec;
use crate::lang::{PersonContext, Scope, Template, compile_template};
use crate::model::{Fact, FactType, Name, Person};

/// What a plan states does not tell what a template gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Untold;

/// What all templates see, for one configuration and one moment.
pub(super) struct Stated<'c> {
    config: &'c Config,
    moment: Option<Moment>,
}

/// A template over the fields of one source.
pub(super) struct Asked<'c> {
    template: Template,
    /// It gives the name of an object.
    named: bool,
    fields: Vec<(Name, &'c FieldSpec, bool)>,
}

impl<'c> Stated<'c> {
    pub(super) fn new(config: &'c Config, as_of: jiff::Timestamp) -> Self {
        Self {
            config,
            moment: moment(config, as_of, tables(config)).ok(),
        }
    }

    /// Compiles a template; none when nothing can be said of what it gives.
    pub(super) fn template(&self, source: &str, text: &str, named: bool) -> Option<Asked<'c>> {
        // The day begins at another moment for each person.
        if text.contains("as_of") {
            return None;
        }
        let person = &self.config.sources.get(source)?.spec.person;
        let types: Vec<(Name, FactType)> = person
            .fields
            .iter()
            .map(|(name, field)| (Name::new(name), field.fact_type))
            .collect();
        let tables: BTreeSet<Name> = self.config.tables.keys().cloned().collect();
        let scope = Scope::Person {
            fields: &types,
            tables: &tables,
        };
        let template = compile_template(text, &scope).ok()?;
        let fields = person.fields.iter().map(|(name, field)| {
            let is_key = field.from.trim() == person.key.trim();
            (Name::new(name), field, is_key)
        });
        Some(Asked {
            fields: fields.collect(),
            template,
            named,
        })
    }

    /// What a template gives for somebody of whom these facts are all there is to know; none when it gives nothing.
    ///
    /// # Errors
    /// The facts do not tell.
    pub(super) fn with_facts(
        &self,
        asked: &Asked<'_>,
        person: &PersonRef,
        facts: &BTreeMap<String, String>,
    ) -> Result<Option<CompactString>, Untold> {
        self.evaluate(asked, person, |name, field| match facts.get(name) {
            None => Ok(None),
            Some(text) => fact(field, text).map(Some),
        })
    }

    /// What a template gives that needs nothing but the person's key.
    pub(super) fn with_key(&self, asked: &Asked<'_>, person: &PersonRef) -> Option<CompactString> {
        let is_key = |name: &Name| {
            let mut fields = asked.fields.iter();
            fields.any(|(known, _, is_key)| known == name && *is_key)
        };
        let used = asked.template.fields_used();
        if used.is_empty() || !used.iter().all(is_key) {
            return None;
        }
        let key = |_: &str, field: &FieldSpec| key(field, person.key.as_str()).map(Some);
        self.evaluate(asked, person, key).ok().flatten()
    }

    fn evaluate(
        &self,
        asked: &Asked<'_>,
        person: &PersonRef,
        value: impl Fn(&str, &FieldSpec) -> Result<Option<Fact>, Untold>,
    ) -> Result<Option<CompactString>, Untold> {
        let used = asked.template.fields_used();
        let facts: Result<Box<[Option<Fact>]>, Untold> = asked
            .fields
            .iter()
            .map(|(name, field, _)| match used.contains(name) {
                true => value(name.as_str(), field),
                false => Ok(None),
            })
            .collect();
        let moment = self.moment.as_ref().ok_or(Untold)?;
        let person = Person {
            key: person.key.clone(),
            facts: facts?,
            ..Person::nobody()
        };
        let context = PersonContext {
            person: &person,
            account: &[],
            as_of: moment.as_of.clone(),
            tables: &moment.tables,
        };
        let Ok(mut text) = asked.template.render_dn(&context) else {
            return Ok(None);
        };
        // Only in a distinguished name are values escaped.
        if !asked.named || text.contains('\\') && !text.contains('=') {
            text = asked.template.render(&context).map_err(|_| Untold)?;
        }
        Ok(Some(text.trim().into()))
    }
}

/// A fact by the text reviewers see; nothing is known of one that is shortened, or that its text does not tell.
fn fact(field: &FieldSpec, text: &str) -> Result<Fact, Untold> {
    let shortened = text.contains('…');
    match field.fact_type {
        FactType::Text | FactType::Email if !shortened => Ok(Fact::Text(text.into())),
        FactType::Integer => text.parse().map(Fact::Integer).map_err(|_| Untold),
        FactType::Boolean => text.parse().map(Fact::Boolean).map_err(|_| Untold),
        FactType::Date => text.parse().map(Fact::Date).map_err(|_| Untold),
        _ => Err(Untold),
    }
}

/// The fact that is the person's key; of one that may be cleaned on its way nothing is known.
fn key(field: &FieldSpec, key: &str) -> Result<Fact, Untold> {
    let plain = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_digit())
        && (key == "0" || !key.starts_with('0'));
    if !plain || !field.select.is_empty() || !field.none.is_empty() {
        return Err(Untold);
    }
    match field.fact_type {
        FactType::Text => Ok(Fact::Text(key.into())),
        FactType::Integer => key.parse().map(Fact::Integer).map_err(|_| Untold),
        _ => Err(Untold),
    }
}
