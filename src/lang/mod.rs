//! The one small language of halosync: templates (`{{ person.givenName }}`), conditions (`person.inactive`) and
//! expressions over raw records (`customField('CFstart')`).
//!
//! The syntax is Jinja's and is read by minijinja's parser; what it means is decided here. Compiling checks every
//! name, argument and type and reports everything unknown before a single person is looked at. The result is a
//! small tree of typed operations that borrows the person's facts and runs without building a context, so that a
//! hundred thousand people times twenty-five templates stay well below a second.
//!
//! The language has no loops, no assignments, no side effects and no clock but `as_of`, which the caller passes
//! in; every text it makes is bounded, so every evaluation ends. What a person says stays data: a fact is never
//! read as a template. A missing value is an error of its own ([`EvalError::Missing`]) and never half a text.
//!
//! Knows the model and nothing else: not where templates stand, nor what happens to the texts they give.

mod apply;
mod arguments;
mod certain;
mod compile;
mod dates;
mod encodings;
mod eval;
mod filters;
mod ir;
mod latin;
mod lists;
mod mentions;
mod names;
mod operations;
mod operators;
mod overlap;
mod parse;
mod paths;
mod phones;
mod signatures;
mod tables;
mod timing;
mod value;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use compact_str::CompactString;

use crate::model::{Fact, FactType, FieldIndex, Name, Person};

pub use certain::{Failures, where_failing};
pub use latin::{LOCALES, Locale, latin};
pub use mentions::{Looked, Mention};
pub use names::closest;
pub use overlap::{Cases, Overlap, overlap};
pub use paths::ACCOUNT;
pub use tables::{TableData, Tables, Unmapped, row_key};
pub use timing::Timing;
pub use value::whole;
pub use watch::{RowWatch, Watch};

/// What a text may speak of.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// `person.FIELD` and `as_of`.
    Person {
        /// The declared fields, in the order of [`Person::facts`]; behind them the attributes of the account that may
        /// be spoken of, each named [`ACCOUNT`] and its name.
        fields: &'a [(Name, FactType)],
        /// The tables there are.
        tables: &'a BTreeSet<Name>,
    },
    /// `ENDPOINT.member` and `customField('NAME')` of raw records.
    Record {
        /// The endpoints there are.
        endpoints: &'a BTreeSet<String>,
    },
}

/// What is wrong with a text, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangError {
    /// Stable kebab-case code, beginning with `language-`.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Bytes of the text concerned; always on character boundaries and within it.
    pub range: Range<usize>,
}

/// Why a compiled text gave no value for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The person has no value for these fields. What that means is for the caller's `empty` policy.
    #[error("no value for {}", names::listed(fields))]
    Missing {
        /// The fields, sorted, each once.
        fields: Vec<Name>,
    },
    /// A key has no row in a table.
    #[error("{key:?} is not in table {table}")]
    Unmapped {
        /// The table.
        table: Name,
        /// The key, as the person has it.
        key: String,
        /// [`Unmapped::Hold`] or [`Unmapped::Report`]; the others give a value.
        policy: Unmapped,
    },
    /// A value does not fit what is asked of it (not a number, out of range, too long).
    #[error("{message}")]
    Failed {
        /// What happened, a lowercase fragment.
        message: String,
    },
}

/// What a person's template or condition sees. References and a moment: cheap to make for each person.
#[derive(Debug, Clone)]
pub struct PersonContext<'a> {
    /// Whose facts are read.
    pub person: &'a Person,
    /// Attributes of the account that may be spoken of, in the order they were declared in: they stand behind the
    /// person's own facts.
    pub account: &'a [Option<Fact>],
    /// The moment the plan is for, in the project's time zone. Its calendar date is `as_of`.
    pub as_of: jiff::Zoned,
    /// Rows of the tables.
    pub tables: &'a Tables,
}

impl<'a> PersonContext<'a> {
    /// The fact in a field's slot, the person's or the account's.
    pub fn fact(&self, field: FieldIndex) -> Option<&'a Fact> {
        let at = usize::from(field.0);
        match at.checked_sub(self.person.facts.len()) {
            None => self.person.fact(field),
            Some(behind) => self.account.get(behind)?.as_ref(),
        }
    }
}

/// Raw records of one person, each under the name of the endpoint it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Endpoint and record.
    pub parts: &'a [(&'a str, &'a serde_json::Value)],
}

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    program: ir::Program,
    nodes: Vec<ir::Node>,
    watch: Option<Arc<Watch>>,
}

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    program: ir::Program,
    root: ir::Expr,
    watch: Option<Arc<Watch>>,
}

/// A compiled expression over records.
#[derive(Debug)]
pub struct Expression {
    program: ir::Program,
    root: ir::Expr,
}

/// Compiles a template.
///
/// # Errors
/// Everything wrong with it.
pub fn compile_template(text: &str, scope: &Scope<'_>) -> Result<Template, Vec<LangError>> {
    let (nodes, program) = compile::template(text, scope)?;
    Ok(Template {
        program,
        nodes,
        watch: None,
    })
}

/// Compiles a condition: one expression that is true or false, written without `{{ }}`.
///
/// # Errors
/// Everything wrong with it.
pub fn compile_condition(text: &str, scope: &Scope<'_>) -> Result<Condition, Vec<LangError>> {
    let (root, program) = compile::condition(text, scope)?;
    Ok(Condition {
        program,
        root,
        watch: None,
    })
}

/// Compiles an expression over records, as in a source's `from`.
///
/// # Errors
/// Everything wrong with it.
pub fn compile_expression(text: &str, scope: &Scope<'_>) -> Result<Expression, Vec<LangError>> {
    let (root, program) = compile::expression(text, scope)?;
    Ok(Expression { program, root })
}

impl Template {
    /// The fields it reads, sorted.
    pub fn fields_used(&self) -> &[Name] {
        &self.program.fields_sorted
    }

    /// The tables it looks up in, sorted.
    pub fn tables_used(&self) -> &[Name] {
        &self.program.tables
    }

    /// The field it is, when it is nothing but one field's value (`{{ person.title }}`).
    pub fn field(&self) -> Option<FieldIndex> {
        match self.nodes.as_slice() {
            [ir::Node::Emit(ir::Expr::Field(at))] => {
                let slot = self.program.slots.get(usize::from(*at))?;
                Some(FieldIndex(*slot))
            }
            _ => None,
        }
    }

    /// Its text when it is the same for everyone.
    pub fn literal(&self) -> Option<&str> {
        match self.nodes.as_slice() {
            [] => Some(""),
            [ir::Node::Raw(text)] => Some(text),
            _ => None,
        }
    }

    /// What it gives whoever it is for; `None` when a fact, a table or the day decides.
    pub fn constant(&self) -> Option<Result<CompactString, EvalError>> {
        let decided = !self.program.slots.is_empty()
            || !self.program.tables.is_empty()
            || self.timing().is_anytime();
        if decided {
            return None;
        }
        let nobody = Person::nobody();
        let context = PersonContext {
            person: &nobody,
            account: &[],
            as_of: jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC),
            tables: &Tables::default(),
        };
        let escape = eval::Escape::None;
        Some(eval::render(&self.program, &self.nodes, &context, escape))
    }

    /// The texts around the values it puts in: one more than there are values, some of them empty. `None` when a
    /// condition decides what it says.
    pub fn texts(&self) -> Option<Vec<CompactString>> {
        let mut texts = vec![CompactString::default()];
        for node in &self.nodes {
            match node {
                ir::Node::Raw(text) => texts.last_mut()?.push_str(text),
                ir::Node::Emit(_) => texts.push(CompactString::default()),
                ir::Node::If(..) => return None,
            }
        }
        Some(texts)
    }

    /// The text for one person; may be empty. Either whole or an error.
    ///
    /// When several things are wrong, a key that holds comes before missing fields (all of them are named), and
    /// those before a key that is only reported.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn render(&self, context: &PersonContext<'_>) -> Result<CompactString, EvalError> {
        self.noted(context.person);
        eval::render(&self.program, &self.nodes, context, eval::Escape::None)
    }

    /// The text for one person as a distinguished name: each value put in is escaped (RFC 4514 section 2.4), so
    /// that a fact such as `x,OU=Admins` stays one name and never becomes structure. The template's own text and the
    /// rows of lookup tables are configuration and stand as they are written.
    ///
    /// Whether the result is a distinguished name is for the caller to check.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn render_dn(&self, context: &PersonContext<'_>) -> Result<CompactString, EvalError> {
        self.noted(context.person);
        eval::render(&self.program, &self.nodes, context, eval::Escape::Dn)
    }

    /// Has evaluations noted from now on.
    pub fn watched(mut self, watch: Option<Arc<Watch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Notes that the template speaks for a person whose text did not have to be made: it is the same for everyone,
    /// or was compared as it stands.
    pub fn noted(&self, person: &Person) {
        if let Some(watch) = &self.watch {
            watch.ask(person);
        }
    }
}

impl Condition {
    /// The fields it reads, sorted.
    pub fn fields_used(&self) -> &[Name] {
        &self.program.fields_sorted
    }

    /// The tables it looks up in, sorted.
    pub fn tables_used(&self) -> &[Name] {
        &self.program.tables
    }

    /// The members of records it reads, as (endpoint, member), sorted.
    pub fn members_used(&self) -> Vec<(String, String)> {
        self.program.members.clone()
    }

    /// The custom fields it reads, sorted.
    pub fn custom_fields_used(&self) -> &[String] {
        &self.program.custom_fields
    }

    /// Whether it holds for a person. A field without a value is [`EvalError::Missing`], not false.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn holds(&self, context: &PersonContext<'_>) -> Result<bool, EvalError> {
        let answer = eval::holds(&self.program, &self.root, eval::Input::Person(context));
        if let Some(watch) = &self.watch {
            watch.ask(context.person);
            if let Ok(answer) = answer {
                watch.answer(context.person, answer);
            }
        }
        answer
    }

    /// Has evaluations noted from now on.
    pub fn watched(mut self, watch: Option<Arc<Watch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Whether it holds for raw records. An absent or null member counts as false.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn holds_for_record(&self, record: &Record<'_>) -> Result<bool, EvalError> {
        eval::holds(&self.program, &self.root, eval::Input::Record(record))
    }
}

impl Expression {
    /// The members it reads, as (endpoint, member), sorted. Those of custom fields are not among them.
    pub fn members_used(&self) -> Vec<(String, String)> {
        self.program.members.clone()
    }

    /// The custom fields it reads, sorted.
    pub fn custom_fields_used(&self) -> &[String] {
        &self.program.custom_fields
    }

    /// Its value, `None` when the member is absent or null.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn evaluate<'a>(
        &'a self,
        record: &'a Record<'a>,
    ) -> Result<Option<std::borrow::Cow<'a, serde_json::Value>>, EvalError> {
        eval::evaluate(&self.program, &self.root, record)
    }
}
