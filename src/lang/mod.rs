//! The one small language of halosync: templates (`{{ person.givenName }}`) and conditions (`person.inactive`).
//!
//! Placeholder of the interface: everything compiles. Replaced as a whole by the real room.

use std::collections::BTreeSet;

use crate::model::{FactType, Name};

/// What a text may refer to.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// `person.FIELD`, `as_of`, lookup tables.
    Person {
        /// Fields and their types.
        fields: &'a [(Name, FactType)],
        /// Tables `lookup` knows.
        tables: &'a BTreeSet<Name>,
    },
    /// `ENDPOINT.MEMBER`, `customField('X')`.
    Record {
        /// Endpoints.
        endpoints: &'a BTreeSet<String>,
    },
}

/// A fault in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangError {
    /// Stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Bytes in the text.
    pub range: std::ops::Range<usize>,
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    literal: Option<String>,
    fields: Vec<Name>,
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Condition;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    members: Vec<(String, String)>,
    custom: Vec<String>,
}

/// Compiles a template.
///
/// # Errors
/// Never, here.
pub fn compile_template(text: &str, _scope: &Scope<'_>) -> Result<Template, Vec<LangError>> {
    let constant = !text.contains("{{") && !text.contains("{%") && !text.contains("{#");
    Ok(Template {
        literal: constant.then(|| text.to_owned()),
        fields: Vec::new(),
    })
}

/// Compiles a condition.
///
/// # Errors
/// Never, here.
pub fn compile_condition(_text: &str, _scope: &Scope<'_>) -> Result<Condition, Vec<LangError>> {
    Ok(Condition)
}

/// Compiles an expression.
///
/// # Errors
/// Never, here.
pub fn compile_expression(text: &str, _scope: &Scope<'_>) -> Result<Expression, Vec<LangError>> {
    let mut members = Vec::new();
    let mut custom = Vec::new();
    if let Some(name) = text
        .strip_prefix("customField('")
        .and_then(|rest| rest.strip_suffix("')"))
    {
        custom.push(name.to_owned());
    } else if let Some((endpoint, member)) = text.split_once('.') {
        members.push((endpoint.to_owned(), member.to_owned()));
    }
    Ok(Expression { members, custom })
}

impl Template {
    /// Fields used.
    pub fn fields_used(&self) -> &[Name] {
        &self.fields
    }

    /// The text, when it is constant.
    pub fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }
}

impl Condition {
    /// Endpoint and member, for each used.
    pub fn members_used(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Custom fields used.
    pub fn custom_fields_used(&self) -> &[String] {
        &[]
    }
}

impl Expression {
    /// Endpoint and member, for each used.
    pub fn members_used(&self) -> Vec<(String, String)> {
        self.members.clone()
    }

    /// Custom fields used.
    pub fn custom_fields_used(&self) -> &[String] {
        &self.custom
    }
}
