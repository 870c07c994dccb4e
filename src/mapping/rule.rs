//! A rule for one attribute as it is written: what it may ask for, and what it reads.
//!
//! Knows the attribute's definition and no other rule. Keeps that no rule writes what another part of an account's
//! life owns.

use super::names::{Flavour, NameRule};
use super::naming::Naming;
use super::schema::format_pointer;
use super::{Origin, is_reference};
use crate::config::{Positions, kinds};
use crate::lifecycle::{Compiler, Formula, NotCompiled, RuleId, Test};
use crate::model::{AttributeDef, AttributeId, FieldIndex, Location, Name};

/// A rule for one attribute.
#[derive(Debug)]
pub struct AttributeRule {
    /// The attribute as the directory spells it.
    pub name: String,
    /// Its place in the read.
    pub id: AttributeId,
    /// Its definition.
    pub def: AttributeDef,
    /// What it wants.
    pub kind: RuleKind,
    /// When it is written.
    pub when: kinds::When,
    /// What an empty value means.
    pub empty: kinds::Empty,
    /// When false, the attribute is left alone.
    pub condition: Option<Test>,
    /// Where it is written.
    pub rule: RuleId,
    /// A field it reads that stood in no row of the read.
    pub blind: Option<Name>,
    /// Fields it reads, sorted.
    pub fields: Vec<Name>,
    /// What is done with a value that is too long.
    pub too_long: kinds::TooLong,
    /// What becomes of an edit in the directory.
    pub drift: kinds::DriftPolicy,
    /// Addresses the account has had stay.
    pub keeps: bool,
    /// Places in [`Mapping::spoken`] of the attributes of the account it speaks of.
    pub speaks_of: Vec<u16>,
    /// One more than the rank of those.
    pub rank: u16,
    /// What kind of document it comes from.
    pub origin: Origin,
    /// Where it is written, for reviewers.
    pub location: Location,
    /// Rules for one attribute with the same number are written alike.
    pub(super) class: u32,
}

/// What an attribute rule wants.
#[derive(Debug)]
pub enum RuleKind {
    /// One value.
    Value(Formula),
    /// Several values.
    Values(Vec<Formula>),
    /// Another person's account.
    Person {
        /// Key or field value of the other person.
        formula: Formula,
        /// The field it is looked up in; `None` is the key.
        field: Option<FieldIndex>,
    },
    /// A name nobody else may have.
    Name(NameRule),
}

/// Attributes that other parts of an account's life own: flags and passwords by their own actions, identity by the
/// server.
const NEVER_WRITTEN: &[&str] = &[
    "distinguishedName",
    "member",
    "memberOf",
    "name",
    "objectClass",
    "objectGUID",
    "unicodePwd",
    "userAccountControl",
    "userPassword",
];

impl AttributeRule {
    pub(super) fn compile(
        id: AttributeId,
        def: AttributeDef,
        spec: &kinds::AttributeSpec,
        positions: &Positions,
        pointer: &str,
        compiler: &mut Compiler<'_>,
        naming: &Naming<'_>,
    ) -> Result<Self, NotCompiled> {
        let refuse = |message: String| {
            Err(NotCompiled {
                location: positions.value(pointer),
                message,
            })
        };
        if NEVER_WRITTEN
            .iter()
            .any(|name| def.name.eq_ignore_ascii_case(name))
        {
            return refuse(format!(
                "{} is written by other means, and never by a mapping: take the rule out",
                def.name
            ));
        }
        let written;
        let (rule, base) = match spec {
            kinds::AttributeSpec::Template(text) => {
                written = kinds::AttributeRule {
                    value: Some(text.clone()),
                    ..kinds::AttributeRule::default()
                };
                (&written, None)
            }
            kinds::AttributeSpec::Rule(rule) => (&**rule, Some(pointer)),
        };
        let member =
            |name: &str| base.map_or_else(|| pointer.to_owned(), |base| format!("{base}/{name}"));
        let flavour = Flavour::of(&def.name);
        let kind = if let Some(text) = &rule.value {
            let formula = compiler.formula(positions, &member("value"), text)?;
            match flavour {
                Flavour::Plain | Flavour::Address => RuleKind::Value(formula),
                _ => RuleKind::Name(NameRule {
                    reach: naming.reach(flavour, &def, None, positions, pointer)?,
                    ..NameRule::single(formula, flavour, &def)
                }),
            }
        } else if let Some(texts) = &rule.values {
            let mut formulas = Vec::with_capacity(texts.len());
            for (at, text) in texts.iter().enumerate() {
                formulas.push(compiler.formula(
                    positions,
                    &format!("{}/{at}", member("values")),
                    text,
                )?);
            }
            RuleKind::Values(formulas)
        } else if let Some(text) = &rule.person {
            let field = match &rule.person_field {
                None => None,
                Some(name) => match compiler.field(name) {
                    Some(field) => Some(field),
                    None => return refuse(format!("{name} is not a field of the source")),
                },
            };
            RuleKind::Person {
                formula: compiler.formula(positions, &member("person"), text)?,
                field,
            }
        } else if let Some(unique) = &rule.unique {
            let mut formats = Vec::with_capacity(unique.formats.len());
            for (at, text) in unique.formats.iter().enumerate() {
                formats.push(compiler.formula(
                    positions,
                    &format_pointer(positions, &member("unique"), at),
                    text,
                )?);
            }
            RuleKind::Name(NameRule {
                reach: naming.reach(flavour, &def, Some(unique), positions, pointer)?,
                ..NameRule::new(formats, unique.numbered, unique.max_length, flavour, &def)
            })
        } else {
            return refuse("one of value, values, person, unique is needed".to_owned());
        };
        if rule.when == kinds::When::Merge {
            if def.single_valued {
                return refuse(format!(
                    "{} takes one value only; nothing can be merged",
                    def.name
                ));
            }
            if is_reference(&def) {
                return refuse(format!(
                    "{} refers to other objects, which are not merged",
                    def.name
                ));
            }
            if matches!(kind, RuleKind::Name(_)) {
                return refuse(format!(
                    "{} is a name of its own; use value or values",
                    def.name
                ));
            }
        }
        let condition = rule
            .condition
            .as_deref()
            .map(|text| compiler.test(positions, &member("if"), text))
            .transpose()?;
        let formulas = kind.formulas();
        let mut fields: Vec<Name> = formulas
            .iter()
            .flat_map(|formula| formula.template.fields_used())
            .chain(
                condition
                    .iter()
                    .flat_map(|test| test.condition.fields_used()),
            )
            .cloned()
            .collect();
        fields.sort();
        fields.dedup();
        let blind = condition
            .iter()
            .find_map(|test| test.blind.clone())
            .or_else(|| formulas.iter().find_map(|formula| formula.blind.clone()));
        let own = formulas.first().map(|formula| formula.rule);
        Ok(Self {
            name: def.name.clone(),
            id,
            rule: own.unwrap_or_else(|| compiler.rule(positions, pointer, &def.name)),
            def,
            kind,
            when: rule.when,
            empty: rule.empty,
            condition,
            blind,
            fields,
            origin: Origin::Mapping,
            location: positions.key(pointer),
            class: 0,
            too_long: rule.too_long,
            drift: kinds::DriftPolicy::Revert,
            keeps: false,
            speaks_of: Vec::new(),
            rank: 0,
        })
    }

    /// Rules for one attribute with the same number are written alike.
    pub fn class(&self) -> u32 {
        self.class
    }
}

impl RuleKind {
    /// The templates it is made of.
    pub fn formulas(&self) -> Vec<&Formula> {
        match self {
            Self::Value(formula) | Self::Person { formula, .. } => vec![formula],
            Self::Values(formulas) => formulas.iter().collect(),
            Self::Name(names) => names.formats.iter().collect(),
        }
    }
}
