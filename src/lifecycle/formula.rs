//! Templates and conditions of documents, compiled against the fields of a read, each with the place it is written.
//!
//! Keeps that nothing is concluded from a field that stood in no row of the read: a formula over such a field is
//! *blind* and says so before it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Positions;
use crate::lang::{
    ACCOUNT, Condition, EvalError, LangError, PersonContext, Scope, Template, Watch,
    compile_condition, compile_template,
};
use crate::model::{Fact, FactType, FieldIndex, Location, Name, PeopleHeader, Person, PersonKey};

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRule {
    /// Where.
    pub location: Location,
    /// Its text.
    pub text: String,
}

/// Index into a [`RuleBook`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// All rules of one planning, in the order they were compiled.
#[derive(Debug, Default)]
pub struct RuleBook {
    rules: Vec<WrittenRule>,
    /// Whose evaluations are noted.
    watched: Option<PersonKey>,
    watches: Vec<WatchedRule>,
}

/// A template or condition whose evaluations for one person are noted.
#[derive(Debug, Clone)]
pub struct WatchedRule {
    /// Where it is written.
    pub location: Location,
    /// Where it stands in its document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Its text.
    pub text: String,
    /// True for a condition.
    pub is_condition: bool,
    /// What was noted.
    pub watch: Arc<Watch>,
}

impl RuleBook {
    /// A book whose templates and conditions note what they are asked about one person.
    pub fn watching(person: PersonKey) -> Self {
        Self {
            watched: Some(person),
            ..Self::default()
        }
    }

    /// What was noted, in the order the rules were compiled.
    pub fn into_watches(self) -> Vec<WatchedRule> {
        self.watches
    }

    fn watch(&mut self, rule: RuleId, pointer: &str, is_condition: bool) -> Option<Arc<Watch>> {
        let watch = Arc::new(Watch::new(self.watched.clone()?));
        let WrittenRule { location, text } = self.get(rule).clone();
        self.watches.push(WatchedRule {
            location,
            pointer: pointer.to_owned(),
            text,
            is_condition,
            watch: watch.clone(),
        });
        Some(watch)
    }

    /// Notes a rule.
    pub fn add(&mut self, location: Location, text: impl Into<String>) -> RuleId {
        let id = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.rules.push(WrittenRule {
            location,
            text: text.into(),
        });
        RuleId(id)
    }

    /// Where each rule is written, by its id.
    pub fn places(&self) -> impl Iterator<Item = &Location> {
        self.rules.iter().map(|rule| &rule.location)
    }

    /// The rule behind an id.
    pub fn get(&self, id: RuleId) -> &WrittenRule {
        &self.rules[id.0 as usize]
    }
}

/// A text of the configuration that does not compile against the fields of the read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {message}")]
pub struct NotCompiled {
    /// Where.
    pub location: Location,
    /// What is wrong.
    pub message: String,
}

/// A template with its place.
#[derive(Debug)]
pub struct Formula {
    /// The template.
    pub template: Template,
    /// The field it is, when it is nothing but that.
    pub field: Option<FieldIndex>,
    /// Where it is written.
    pub rule: RuleId,
    /// A field it reads that stood in no row of the read.
    pub blind: Option<Name>,
}

/// A condition with its place.
#[derive(Debug)]
pub struct Test {
    /// The condition.
    pub condition: Condition,
    /// Where it is written.
    pub rule: RuleId,
    /// A field it reads that stood in no row of the read.
    pub blind: Option<Name>,
}

/// From this many bytes on a field is not rendered but copied.
const LONG: usize = 16_384;

impl Formula {
    /// The text for a person, without spaces around it; empty when it has none.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn text(
        &self,
        context: &PersonContext<'_>,
    ) -> Result<compact_str::CompactString, EvalError> {
        // What is nothing but a field is handed on whole: a picture is longer than texts that are made may be.
        if let Some(Fact::Text(text)) = self.field.and_then(|field| context.fact(field))
            && text.len() > LONG
        {
            return Ok(text.trim().into());
        }
        let text = self.template.render(context)?;
        let trimmed = text.trim();
        if trimmed.len() == text.len() {
            return Ok(text);
        }
        Ok(trimmed.into())
    }
}

/// Compiles texts of documents and notes where they stand.
#[derive(Debug)]
pub struct Compiler<'a> {
    fields: Vec<(Name, FactType)>,
    /// How many of them a person has; the rest are attributes of the account.
    own: usize,
    undelivered: BTreeSet<Name>,
    tables: &'a BTreeSet<Name>,
    book: &'a mut RuleBook,
    /// Whether evaluations are noted where the book asks for it.
    watched: bool,
}

impl<'a> Compiler<'a> {
    /// For people read with this header.
    pub fn new(header: &PeopleHeader, tables: &'a BTreeSet<Name>, book: &'a mut RuleBook) -> Self {
        Self {
            own: header.fields.len(),
            fields: header
                .fields
                .iter()
                .map(|field| (field.name.clone(), field.fact_type))
                .collect(),
            undelivered: header
                .fields
                .iter()
                .filter(|field| !field.delivered)
                .map(|field| field.name.clone())
                .collect(),
            tables,
            book,
            watched: true,
        }
    }

    /// From now on nothing is noted of evaluations: what is compiled says nothing of a person by themselves.
    pub fn unwatched(mut self) -> Self {
        self.watched = false;
        self
    }

    /// From now on texts may speak of these attributes of the account (`account.mail`), which follow a person's own
    /// facts in this order.
    pub fn speak_of<'n>(&mut self, attributes: impl IntoIterator<Item = &'n str>) {
        self.fields.truncate(self.own);
        self.fields.extend(
            attributes
                .into_iter()
                .map(|name| (Name::new(format!("{ACCOUNT}{name}")), FactType::Text)),
        );
    }

    /// Notes a rule that is neither template nor condition.
    pub fn rule(&mut self, positions: &Positions, pointer: &str, text: &str) -> RuleId {
        self.book.add(positions.value(pointer), text)
    }

    /// Where a rule is written.
    pub fn location(&self, rule: RuleId) -> Location {
        self.book.get(rule).location.clone()
    }

    /// Compiles a template.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn formula(
        &mut self,
        positions: &Positions,
        pointer: &str,
        text: &str,
    ) -> Result<Formula, NotCompiled> {
        let template = compile_template(text, &self.scope())
            .map_err(|errors| not_compiled(positions, pointer, &errors))?;
        let rule = self.rule(positions, pointer, text);
        let watch = self.watched.then(|| self.book.watch(rule, pointer, false));
        Ok(Formula {
            rule,
            blind: self.blind(template.fields_used()),
            field: template.field(),
            template: template.watched(watch.flatten()),
        })
    }

    /// Compiles a condition.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn test(
        &mut self,
        positions: &Positions,
        pointer: &str,
        text: &str,
    ) -> Result<Test, NotCompiled> {
        let condition = compile_condition(text, &self.scope())
            .map_err(|errors| not_compiled(positions, pointer, &errors))?;
        let rule = self.rule(positions, pointer, text);
        let watch = self.watched.then(|| self.book.watch(rule, pointer, true));
        Ok(Test {
            rule,
            blind: self.blind(condition.fields_used()),
            condition: condition.watched(watch.flatten()),
        })
    }

    /// The place of a field among a person's facts.
    pub fn field(&self, name: &str) -> Option<FieldIndex> {
        let at = self
            .fields
            .iter()
            .position(|(field, _)| field.as_str() == name)?;
        u16::try_from(at).ok().map(FieldIndex)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::Person {
            fields: &self.fields,
            tables: self.tables,
        }
    }

    fn blind(&self, used: &[Name]) -> Option<Name> {
        used.iter()
            .find(|field| self.undelivered.contains(*field))
            .cloned()
    }
}

fn not_compiled(positions: &Positions, pointer: &str, errors: &[LangError]) -> NotCompiled {
    NotCompiled {
        location: positions.value(pointer),
        message: errors
            .first()
            .map_or_else(String::new, |error| error.message.clone()),
    }
}

/// A person's facts by name, as texts for reviewers.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The header the person was read with.
    pub header: &'a PeopleHeader,
    /// The person.
    pub person: &'a Person,
}

impl Facts<'_> {
    /// The facts there are in these fields.
    pub fn of<'n>(&self, fields: impl IntoIterator<Item = &'n Name>) -> BTreeMap<String, String> {
        fields
            .into_iter()
            .filter_map(|name| {
                let at = self
                    .header
                    .fields
                    .iter()
                    .position(|field| field.name == *name)?;
                let fact = self.person.facts.get(at)?.as_ref()?;
                Some((name.as_str().to_owned(), fact.for_reviewers()))
            })
            .collect()
    }
}
