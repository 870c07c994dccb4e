//! What a person's account should be like: rules compiled from `kind: Mapping` (and a state's overrides) and the
//! values they give.
//!
//! Knows facts, rules and the definitions of attributes; knows no account, so nothing here depends on what a
//! directory holds. Keeps that a value is either one the directory would store as it stands, or a problem with a
//! name: never cut, never guessed.

mod compose;
mod names;
mod value;
mod wanted;

use compact_str::CompactString;

pub use compose::{Composition, Decides, Origin, RoleTemplate, Slot};
pub use names::{Candidates, Flavour, NameRule};
pub use value::{
    BadValue, Cleared, NEVER_EXPIRES, canonical, cleared, equal, fold, is_expiry, is_same_value,
    length, means_empty, ticks, with_folded,
};
pub use wanted::{Notes, Problem, Wanted};

use self::compose::in_order;
use crate::config::{Document, Positions, kinds};
use crate::lang::PersonContext;
use crate::lifecycle::{Compiler, Formula, Lifecycle, NotCompiled, RuleId, Test};
use crate::model::{
    AttributeDef, AttributeId, DirectoryHeader, FieldIndex, Location, Name, Syntax, default_schema,
};

/// A mapping ready to be asked.
#[derive(Debug)]
pub struct Mapping {
    /// The document's name.
    pub name: Name,
    /// Whom it concerns; `None` is everyone.
    pub applies_to: Option<Test>,
    /// What ties an account to a person.
    pub anchor: Key,
    /// How an account without anchor is recognised, in order.
    pub adopt: Vec<Key>,
    /// Where accounts stand.
    pub placement: Formula,
    /// Whether accounts standing elsewhere are moved.
    pub placement_when: kinds::PlacementWhen,
    /// Initial password of created accounts.
    pub password: kinds::InitialPassword,
    /// Where the attributes are written.
    pub rule: RuleId,
    /// Attributes that the directory's schema does not have; their rules are left out.
    pub unknown: Vec<String>,
    /// Templates that extend it, in order of precedence.
    pub templates: Vec<RoleTemplate>,
    attributes: Vec<AttributeRule>,
    /// The mapping's own rules.
    base: Vec<u32>,
    /// The rules of each state.
    states: Vec<Vec<u32>>,
    /// Numbers of rules that are written alike, by attribute.
    classes: hashbrown::HashMap<AttributeId, Vec<kinds::AttributeRule>>,
}

/// An attribute by whose value accounts are recognised, and the person's value.
#[derive(Debug)]
pub struct Key {
    /// The attribute as the directory spells it.
    pub name: String,
    /// Its place in the read.
    pub id: AttributeId,
    /// Its definition.
    pub def: AttributeDef,
    /// The person's value.
    pub formula: Formula,
}

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
    /// What kind of document it comes from.
    pub origin: Origin,
    /// Where it is written, for reviewers.
    pub location: Location,
    /// Rules for one attribute with the same number are written alike.
    class: u32,
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

impl Mapping {
    /// Compiles a document with the templates that extend it (of those given) and the states of its lifecycle.
    ///
    /// # Errors
    /// A template that does not compile against the fields of the read, or an attribute the read lacks.
    pub fn compile(
        document: &Document<kinds::Mapping>,
        templates: &[&Document<kinds::Template>],
        lifecycle: &Lifecycle,
        states: &Document<kinds::Lifecycle>,
        header: &DirectoryHeader,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let positions = &document.positions;
        let spec = &document.spec;
        let own = in_order(&document.name, templates.iter().copied());
        let mut adopt = Vec::with_capacity(spec.matching.adopt.len());
        for (at, key) in spec.matching.adopt.iter().enumerate() {
            adopt.push(Key::compile(
                header,
                positions,
                &format!("/spec/match/adopt/{at}"),
                &key.attribute,
                &key.value,
                compiler,
            )?);
        }
        let mut mapping = Self {
            name: document.name.clone(),
            applies_to: spec
                .applies_to
                .as_deref()
                .map(|text| compiler.test(positions, "/spec/appliesTo", text))
                .transpose()?,
            anchor: Key::compile(
                header,
                positions,
                "/spec/match/anchor",
                &spec.matching.anchor.attribute,
                &spec.matching.anchor.value,
                compiler,
            )?,
            adopt,
            placement: compiler.formula(positions, "/spec/placement", &spec.placement)?,
            placement_when: spec.placement_when,
            password: spec.initial_password.clone(),
            rule: compiler.rule(
                positions,
                "/spec/attributes",
                &format!("mapping {}", document.name),
            ),
            unknown: Vec::new(),
            templates: Vec::with_capacity(own.len()),
            attributes: Vec::new(),
            base: Vec::new(),
            states: Vec::with_capacity(lifecycle.states.len()),
            classes: hashbrown::HashMap::new(),
        };
        mapping.base = mapping.add_rules(
            &spec.attributes,
            positions,
            "/spec/attributes",
            Origin::Mapping,
            header,
            compiler,
        )?;
        for (at, state) in states.spec.states.iter().enumerate() {
            let rules = mapping.add_rules(
                &state.account.attributes,
                &states.positions,
                &format!("/spec/states/{at}/account/attributes"),
                Origin::State,
                header,
                compiler,
            )?;
            mapping.states.push(rules);
        }
        let fallback = default_cn(
            document,
            header,
            &mut mapping.attributes,
            &mapping.base,
            compiler,
        )?;
        mapping.base.extend(fallback);
        mapping.add_templates(&own, header, compiler)?;
        mapping.unknown.sort();
        mapping.unknown.dedup();
        Ok(mapping)
    }

    /// Compiles rules and gives their places; those for attributes the directory does not have are left out.
    fn add_rules(
        &mut self,
        spec: &std::collections::BTreeMap<String, kinds::AttributeSpec>,
        positions: &Positions,
        pointer: &str,
        origin: Origin,
        header: &DirectoryHeader,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<u32>, NotCompiled> {
        let mut places = Vec::with_capacity(spec.len());
        for (name, rule) in spec {
            let pointer = format!("{pointer}/{}", escape_pointer(name));
            let Some((id, def)) = attribute(header, name, positions, &pointer)? else {
                self.unknown.push(name.clone());
                continue;
            };
            places.push(u32::try_from(self.attributes.len()).unwrap_or(u32::MAX));
            let mut compiled =
                AttributeRule::compile(id, def, rule, positions, &pointer, compiler)?;
            compiled.origin = origin;
            let written = rule.full();
            let known = self.classes.entry(id).or_default();
            let class = known.iter().position(|other| *other == written);
            compiled.class = u32::try_from(class.unwrap_or(known.len())).unwrap_or(u32::MAX);
            if class.is_none() {
                known.push(written);
            }
            self.attributes.push(compiled);
        }
        Ok(places)
    }

    /// Whether the mapping applies to a person, or might: the condition is not known to fail.
    pub fn may_concern(&self, context: &PersonContext<'_>) -> bool {
        self.applies_to.as_ref().is_none_or(|test| {
            test.blind.is_some() || !matches!(test.condition.holds(context), Ok(false))
        })
    }

    /// All attribute rules of all states.
    pub fn all_rules(&self) -> &[AttributeRule] {
        &self.attributes
    }
}

impl Key {
    fn compile(
        header: &DirectoryHeader,
        positions: &Positions,
        pointer: &str,
        name: &str,
        value: &str,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let at = format!("{pointer}/attribute");
        let Some((id, def)) = attribute(header, name, positions, &at)? else {
            return Err(NotCompiled {
                location: positions.value(&at),
                message: format!(
                    "the schema of {} has no attribute {name}; no account can be recognised by it",
                    header.target
                ),
            });
        };
        Ok(Self {
            name: def.name.clone(),
            id,
            def,
            formula: compiler.formula(positions, &format!("{pointer}/value"), value)?,
        })
    }

    /// Whether `observed` is the value `wanted`.
    pub fn matches(&self, observed: &str, wanted: &str) -> bool {
        fold(&self.def, observed) == fold(&self.def, wanted)
    }
}

impl AttributeRule {
    fn compile(
        id: AttributeId,
        def: AttributeDef,
        spec: &kinds::AttributeSpec,
        positions: &Positions,
        pointer: &str,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let refuse = |message: String| {
            Err(NotCompiled {
                location: positions.value(pointer),
                message,
            })
        };
        if def.read_only
            || NEVER_WRITTEN
                .iter()
                .any(|name| def.name.eq_ignore_ascii_case(name))
        {
            return refuse(format!("{} is never written by a mapping", def.name));
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
                Flavour::Plain => RuleKind::Value(formula),
                _ => RuleKind::Name(NameRule::single(formula, flavour, &def)),
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
            RuleKind::Name(NameRule::new(
                formats,
                unique.numbered,
                unique.max_length,
                flavour,
                &def,
            ))
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
        })
    }
}

impl RuleKind {
    fn formulas(&self) -> Vec<&Formula> {
        match self {
            Self::Value(formula) | Self::Person { formula, .. } => vec![formula],
            Self::Values(formulas) => formulas.iter().collect(),
            Self::Name(names) => names.formats.iter().collect(),
        }
    }
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

/// The definition of an attribute in the read; `None` when the directory does not have it.
fn attribute(
    header: &DirectoryHeader,
    name: &str,
    positions: &Positions,
    pointer: &str,
) -> Result<Option<(AttributeId, AttributeDef)>, NotCompiled> {
    if let Some(id) = header.attribute(name) {
        let mut def = header.definition(id).clone();
        if let Some(known) = default_schema().get(name) {
            // The stricter of what the server says and what is known of it: SAM allows users 20 characters where
            // the schema says 256, and one description where it says several.
            def.single_valued |= known.single_valued;
            def.range_upper = match (def.range_upper, known.range_upper) {
                (Some(said), Some(known)) if def.name.eq_ignore_ascii_case("sAMAccountName") => {
                    Some(said.min(known))
                }
                (said, known) => said.or(known),
            };
            def.read_only |= known.read_only;
        }
        return Ok(Some((id, def)));
    }
    if header
        .unknown_attributes
        .iter()
        .any(|unknown| unknown.eq_ignore_ascii_case(name))
    {
        return Ok(None);
    }
    Err(NotCompiled {
        location: positions.value(pointer),
        message: format!(
            "the read of {} lacks attribute {name}; it was made for another configuration, read again",
            header.target
        ),
    })
}

/// Where no rule gives `cn`, new accounts take their display name, as the administration tools do, else their logon
/// name; existing ones keep theirs.
fn default_cn(
    document: &Document<kinds::Mapping>,
    header: &DirectoryHeader,
    attributes: &mut Vec<AttributeRule>,
    base: &[u32],
    compiler: &mut Compiler<'_>,
) -> Result<Option<u32>, NotCompiled> {
    let named = |wanted: &str| {
        base.iter().find(|index| {
            attributes[**index as usize]
                .name
                .eq_ignore_ascii_case(wanted)
        })
    };
    if named("cn").is_some() {
        return Ok(None);
    }
    let spec = &document.spec.attributes;
    let find = |wanted: &str| {
        spec.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let mut formats: Vec<(String, String)> = Vec::new();
    if let Some((name, rule)) = find("displayName") {
        let pointer = format!("/spec/attributes/{}", escape_pointer(name));
        match rule {
            kinds::AttributeSpec::Template(text) => formats.push((pointer, text.clone())),
            kinds::AttributeSpec::Rule(rule) => {
                formats.extend(
                    rule.value
                        .clone()
                        .map(|text| (format!("{pointer}/value"), text)),
                );
            }
        }
    }
    if let Some((name, rule)) = find("sAMAccountName") {
        let pointer = format!("/spec/attributes/{}", escape_pointer(name));
        match rule {
            kinds::AttributeSpec::Template(text) => formats.push((pointer, text.clone())),
            kinds::AttributeSpec::Rule(rule) => {
                formats.extend(
                    rule.value
                        .clone()
                        .map(|text| (format!("{pointer}/value"), text)),
                );
                for (at, text) in rule
                    .unique
                    .iter()
                    .flat_map(|unique| &unique.formats)
                    .enumerate()
                {
                    let at = format_pointer(&document.positions, &format!("{pointer}/unique"), at);
                    formats.push((at, text.clone()));
                }
            }
        }
    }
    let Some((pointer, text)) = formats.into_iter().next() else {
        return Ok(None);
    };
    let Some((id, def)) = attribute(header, "cn", &document.positions, &pointer)? else {
        return Ok(None);
    };
    let formula = compiler.formula(&document.positions, &pointer, &text)?;
    let (rule, blind) = (formula.rule, formula.blind.clone());
    let fields = formula.template.fields_used().to_vec();
    let names = NameRule::new(vec![formula], true, None, Flavour::Cn, &def);
    attributes.push(AttributeRule {
        name: def.name.clone(),
        id,
        def,
        kind: RuleKind::Name(names),
        when: kinds::When::OnCreate,
        empty: kinds::Empty::Hold,
        condition: None,
        rule,
        blind,
        fields,
        origin: Origin::Mapping,
        location: document.positions.value(&pointer),
        class: u32::MAX,
    });
    Ok(u32::try_from(attributes.len() - 1).ok())
}

/// Where a format of a unique name stands: in a bare list, or in the list of a longer form.
fn format_pointer(positions: &Positions, unique: &str, at: usize) -> String {
    let bare = format!("{unique}/{at}");
    if positions.nodes.contains_key(&bare) {
        return bare;
    }
    format!("{unique}/formats/{at}")
}

/// A member's name inside a JSON pointer (RFC 6901 section 3).
fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// True for attributes people sign in or are addressed with.
pub fn is_logon_name(attribute: &str) -> bool {
    [
        "sAMAccountName",
        "userPrincipalName",
        "mail",
        "proxyAddresses",
    ]
    .iter()
    .any(|name| attribute.eq_ignore_ascii_case(name))
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

impl AttributeRule {
    /// Rules for one attribute with the same number are written alike.
    pub fn class(&self) -> u32 {
        self.class
    }
}

/// Whether the attribute's values are names of objects.
pub fn is_reference(def: &AttributeDef) -> bool {
    def.syntax == Syntax::Dn
}
