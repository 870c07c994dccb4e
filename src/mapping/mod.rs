//! What a person's account should be like: rules compiled from `kind: Mapping` (and a state's overrides) and the
//! values they give.
//!
//! Knows facts, rules and the definitions of attributes; knows no account, so nothing here depends on what a
//! directory holds. Keeps that a value is either one the directory would store as it stands, or a problem with a
//! name: never cut, never guessed.

mod account;
mod addresses;
mod compose;
mod names;
mod value;
mod wanted;

use compact_str::CompactString;

pub use account::Spoken;
pub use addresses::{ADDRESSES, Moved, bare, is_address, kept};
pub use compose::{Composition, Decides, Origin, RoleTemplate, Slot};
pub use names::{Candidates, Flavour, NameRule, Reach};
pub use value::{
    BadValue, Cleared, NEVER_EXPIRES, canonical, cleared, equal, fold, is_expiry, is_same_value,
    length, means_empty, shortened, ticks, with_folded,
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
    /// Of these, the ones without which nobody may have an account.
    pub lacking: Vec<Lacking>,
    /// The mapping says what happens to names when a person's name changes.
    pub renames: bool,
    /// Attributes of the account that rules speak of.
    pub spoken: Vec<Spoken>,
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
    /// What is done with a value that is too long.
    pub too_long: kinds::TooLong,
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
            lacking: Vec::new(),
            renames: spec.rename.is_some(),
            spoken: spoken(spec, header),
            templates: Vec::with_capacity(own.len()),
            attributes: Vec::new(),
            base: Vec::new(),
            states: Vec::with_capacity(lifecycle.states.len()),
            classes: hashbrown::HashMap::new(),
        };
        let naming = Naming {
            header,
            rename: spec.rename.as_ref(),
        };
        let speak_of: Vec<String> = mapping.spoken.iter().map(|one| one.name.clone()).collect();
        compiler.speak_of(speak_of.iter().map(String::as_str));
        mapping.base = mapping.add_rules(
            &spec.attributes,
            positions,
            "/spec/attributes",
            Origin::Mapping,
            &naming,
            compiler,
        )?;
        compiler.speak_of([]);
        for (at, state) in states.spec.states.iter().enumerate() {
            let rules = mapping.add_rules(
                &state.account.attributes,
                &states.positions,
                &format!("/spec/states/{at}/account/attributes"),
                Origin::State,
                &naming,
                compiler,
            )?;
            mapping.states.push(rules);
        }
        compiler.speak_of(speak_of.iter().map(String::as_str));
        let fallback = default_cn(
            document,
            header,
            &mut mapping.attributes,
            &mapping.base,
            compiler,
        )?;
        compiler.speak_of([]);
        if let Some(at) = fallback {
            naming.on_rename(&mut mapping.attributes[at as usize]);
            mapping.base.push(at);
        }
        if let Some(rule) = naming.addresses(document, &mapping, compiler)? {
            let at = u32::try_from(mapping.attributes.len()).unwrap_or(u32::MAX);
            mapping.base.push(at);
            mapping.attributes.push(rule);
        }
        mapping.add_templates(&own, &naming, compiler)?;
        account::arrange(&mut mapping.attributes, &mapping.base, &mapping.spoken).map_err(
            |at| {
                let rule = &mapping.attributes[at as usize];
                NotCompiled {
                    location: compiler.location(rule.rule),
                    message: format!(
                        "the rule for {} speaks of an attribute whose rule speaks of it in turn",
                        rule.name
                    ),
                }
            },
        )?;
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
        naming: &Naming<'_>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<u32>, NotCompiled> {
        let mut places = Vec::with_capacity(spec.len());
        for (name, rule) in spec {
            let pointer = format!("{pointer}/{}", escape_pointer(name));
            let Some((id, def)) = attribute(naming.header, name, positions, &pointer)? else {
                if rule.full().if_unknown == kinds::IfUnknown::Hold {
                    self.lacking.push(Lacking {
                        name: name.clone(),
                        origin,
                        state: self.states.len(),
                        rule: compiler.rule(positions, &pointer, name),
                    });
                }
                self.unknown.push(name.clone());
                continue;
            };
            places.push(u32::try_from(self.attributes.len()).unwrap_or(u32::MAX));
            let mut compiled =
                AttributeRule::compile(id, def, rule, positions, &pointer, compiler, naming)?;
            compiled.origin = origin;
            naming.on_rename(&mut compiled);
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
        naming: &Naming<'_>,
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
            keeps: false,
            speaks_of: Vec::new(),
            rank: 0,
        })
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

/// An attribute the directory does not have, whose rule says that nobody may be without it.
#[derive(Debug)]
pub struct Lacking {
    /// As it is written.
    pub name: String,
    /// What kind of document the rule comes from.
    pub origin: Origin,
    /// Of a rule of a state, which.
    pub state: usize,
    /// The rule.
    pub rule: RuleId,
}

/// What a mapping says about names, beside single rules.
struct Naming<'a> {
    header: &'a DirectoryHeader,
    rename: Option<&'a kinds::RenamePolicy>,
}

impl Naming<'_> {
    /// Where a name of this kind must be the only one.
    fn reach(
        &self,
        flavour: Flavour,
        def: &AttributeDef,
        unique: Option<&kinds::UniqueSpec>,
        positions: &Positions,
        pointer: &str,
    ) -> Result<Reach, NotCompiled> {
        let mut reach = Reach {
            forest: !matches!(flavour, Flavour::Sam | Flavour::Cn)
                && unique.and_then(|unique| unique.within) != Some(kinds::Within::Domain),
            never_reuse: unique
                .and_then(|unique| unique.never_reuse.as_deref())
                .map(Name::new),
            ..Reach::default()
        };
        for name in unique.iter().flat_map(|unique| &unique.also_in) {
            if is_address(name) && is_address(&def.name) {
                continue;
            }
            // An attribute the directory does not have holds no name.
            if let Some((id, def)) = attribute(self.header, name, positions, pointer)? {
                reach.also_in.push((id, def));
            }
        }
        if is_address(&def.name) {
            for name in ADDRESSES {
                // A recorded read may come from before principal names were compared with addresses.
                let found = match flavour {
                    Flavour::Address => attribute(self.header, name, positions, pointer)?,
                    _ => self
                        .header
                        .attribute(name)
                        .map(|id| (id, self.header.definition(id).clone())),
                };
                reach.addresses.extend(found);
            }
        }
        Ok(reach)
    }

    /// Makes a rule follow or keep, as the mapping says of its attribute.
    fn on_rename(&self, rule: &mut AttributeRule) {
        let Some(rename) = self.rename else { return };
        match rename
            .of(&rule.name)
            .filter(|_| rule.origin == Origin::Mapping)
        {
            Some(kinds::OnRename::Follow) => rule.when = kinds::When::Always,
            Some(kinds::OnRename::Keep) => rule.when = kinds::When::OnCreate,
            None => {}
        }
        rule.keeps = rename.keep_old_address && rule.name.eq_ignore_ascii_case("proxyAddresses");
    }

    /// The rule that keeps former addresses where no other speaks of `proxyAddresses`.
    fn addresses(
        &self,
        document: &Document<kinds::Mapping>,
        mapping: &Mapping,
        compiler: &mut Compiler<'_>,
    ) -> Result<Option<AttributeRule>, NotCompiled> {
        let has = |name: &str| {
            mapping
                .base
                .iter()
                .any(|at| mapping.rule(*at).name.eq_ignore_ascii_case(name))
        };
        let wanted = self.rename.is_some_and(|rename| {
            rename.keep_old_address && rename.mail == kinds::OnRename::Follow
        }) && has("mail")
            && !has("proxyAddresses");
        if !wanted {
            return Ok(None);
        }
        let pointer = "/spec/rename";
        let positions = &document.positions;
        let Some((id, def)) = attribute(self.header, "proxyAddresses", positions, pointer)? else {
            return Ok(None);
        };
        Ok(Some(AttributeRule {
            name: def.name.clone(),
            id,
            def,
            kind: RuleKind::Values(Vec::new()),
            when: kinds::When::Always,
            empty: kinds::Empty::Leave,
            condition: None,
            rule: compiler.rule(positions, pointer, "keepOldAddress"),
            blind: None,
            fields: Vec::new(),
            origin: Origin::Mapping,
            location: positions.value(pointer),
            class: u32::MAX,
            too_long: kinds::TooLong::Hold,
            keeps: true,
            speaks_of: Vec::new(),
            rank: 0,
        }))
    }
}

/// The attributes the rules of a mapping may speak of, in the order of their names.
fn spoken(spec: &kinds::Mapping, header: &DirectoryHeader) -> Vec<Spoken> {
    spec.attributes
        .iter()
        .filter(|(_, rule)| rule.gives_one_text())
        .map(|(name, _)| Spoken {
            name: name.clone(),
            id: header.attribute(name),
        })
        .collect()
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
        too_long: kinds::TooLong::Hold,
        keeps: false,
        speaks_of: Vec::new(),
        rank: 0,
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
