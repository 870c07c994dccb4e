//! What one attribute rule wants for one person.

use compact_str::CompactString;

use super::{AttributeRule, fold};
use crate::config::kinds;
use crate::lang::{EvalError, PersonContext, Unmapped};
use crate::lifecycle::Formula;
use crate::model::{AttributeDef, Name};

/// What a rule wants of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: leave it as it is.
    Leave,
    /// That it is empty.
    Clear,
    /// One value.
    One(CompactString),
    /// Several values, each once.
    Many(Vec<CompactString>),
}

/// Why a person is held because of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No value, and the rule holds people without one.
    Missing {
        /// The fields lacking; none when a text came out empty.
        fields: Vec<Name>,
    },
    /// A key without a row in a table that holds.
    Unmapped {
        /// The table.
        table: Name,
        /// The key.
        key: String,
    },
    /// The template failed.
    Failed {
        /// Why.
        message: String,
    },
}

/// What is worth a warning besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Keys without a row in tables that only report it.
    pub unmapped: Vec<(Name, String)>,
}

impl Problem {
    /// The problem behind an evaluation that gave no value.
    pub fn of(error: EvalError) -> Self {
        match error {
            EvalError::Missing { fields } => Self::Missing { fields },
            EvalError::Unmapped { table, key, .. } => Self::Unmapped { table, key },
            EvalError::Failed { message } => Self::Failed { message },
        }
    }
}

impl AttributeRule {
    /// Whether the rule's `if` lets it speak for this person.
    ///
    /// # Errors
    /// The condition gave no answer.
    pub fn applies(&self, context: &PersonContext<'_>) -> Result<bool, Problem> {
        match &self.condition {
            None => Ok(true),
            Some(test) => test.condition.holds(context).map_err(Problem::of),
        }
    }

    /// What an empty value means here.
    ///
    /// # Errors
    /// The rule holds people without a value.
    pub fn empty(&self, missing: Vec<Name>) -> Result<Wanted, Problem> {
        match self.empty {
            kinds::Empty::Clear => Ok(Wanted::Clear),
            kinds::Empty::Leave => Ok(Wanted::Leave),
            kinds::Empty::Hold => Err(Problem::Missing { fields: missing }),
        }
    }

    /// The value a single template gives.
    ///
    /// # Errors
    /// Why the person is held.
    pub fn one(
        &self,
        formula: &Formula,
        context: &PersonContext<'_>,
        notes: &mut Notes,
    ) -> Result<Wanted, Problem> {
        self.value(formula.text(context), notes)
    }

    /// Like [`AttributeRule::one`], for an attribute that takes a distinguished name: what a person's facts put into
    /// it stays one name and never becomes structure.
    ///
    /// # Errors
    /// Why the person is held.
    pub fn one_dn(
        &self,
        formula: &Formula,
        context: &PersonContext<'_>,
        notes: &mut Notes,
    ) -> Result<Wanted, Problem> {
        let text = formula.template.render_dn(context);
        self.value(text.map(|text| text.trim().into()), notes)
    }

    fn value(
        &self,
        text: Result<CompactString, EvalError>,
        notes: &mut Notes,
    ) -> Result<Wanted, Problem> {
        match text {
            Ok(text) if !text.is_empty() => Ok(Wanted::One(text)),
            Ok(_) => self.empty(Vec::new()),
            Err(error) => self.empty(nothing(error, notes)?),
        }
    }

    /// The values several templates give.
    ///
    /// # Errors
    /// Why the person is held.
    pub fn many(
        &self,
        formulas: &[Formula],
        context: &PersonContext<'_>,
        notes: &mut Notes,
    ) -> Result<Wanted, Problem> {
        let mut values = Vec::with_capacity(formulas.len());
        let mut missing = Vec::new();
        for formula in formulas {
            match formula.text(context) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => values.push(text),
                Err(error) => missing.extend(nothing(error, notes)?),
            }
        }
        if values.is_empty() {
            missing.sort();
            missing.dedup();
            return self.empty(missing);
        }
        Ok(Wanted::Many(distinct(&self.def, values)))
    }
}

/// The fields a template lacked, when lacking them only means that there is no value.
fn nothing(error: EvalError, notes: &mut Notes) -> Result<Vec<Name>, Problem> {
    match error {
        EvalError::Missing { fields } => Ok(fields),
        EvalError::Unmapped {
            table,
            key,
            policy: Unmapped::Report,
        } => {
            notes.unmapped.push((table, key));
            Ok(Vec::new())
        }
        error => Err(Problem::of(error)),
    }
}

/// Texts as values, equal ones (to the server: without regard to case) once; of two that differ only in the case of
/// their `SMTP:` prefix, the primary address.
fn distinct(def: &AttributeDef, values: Vec<CompactString>) -> Vec<CompactString> {
    let mut kept: Vec<CompactString> = Vec::with_capacity(values.len());
    let mut seen: hashbrown::HashMap<CompactString, usize> = hashbrown::HashMap::new();
    for value in values {
        match seen.entry(fold(def, &value)) {
            hashbrown::hash_map::Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push(value);
            }
            hashbrown::hash_map::Entry::Occupied(taken) => {
                if value.starts_with("SMTP:") {
                    kept[*taken.get()] = value;
                }
            }
        }
    }
    kept
}
