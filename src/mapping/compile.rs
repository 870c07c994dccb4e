//! A mapping's document, its templates and the states of its lifecycle become rules.
//!
//! Knows which rules there are and where they come from; what a single one means is in `rule`, which of them is in
//! force for whom in `compose`. Keeps that a rule for an attribute the directory does not have, or lets nobody write, is left
//! out and noted, and that everything else either compiles or is refused where it is written.

use super::account::{Spoken, arrange};
use super::compose::in_order;
use super::naming::{Naming, default_cn};
use super::schema::{attribute, escape_pointer};
use super::{AttributeRule, Key, Lacking, Mapping, Origin, RuleKind};
use crate::config::{Document, Positions, kinds};
use crate::lifecycle::{Compiler, Lifecycle, NotCompiled, Stamp};
use crate::model::{DirectoryHeader, Syntax};

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
            )?
            .written(header, positions)?,
            adopt,
            placement: compiler.formula(positions, "/spec/placement", &spec.placement)?,
            placement_when: spec.placement_when,
            drift: spec.drift.clone().unwrap_or_default(),
            password: spec.initial_password.clone(),
            rule: compiler.rule(
                positions,
                "/spec/attributes",
                &format!("mapping {}", document.name),
            ),
            unknown: Vec::new(),
            owned: Vec::new(),
            lacking: Vec::new(),
            renames: spec.rename.is_some(),
            spoken: spoken(spec, header),
            templates: Vec::with_capacity(own.len()),
            stamp: None,
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
            for (number, step) in state.steps().into_iter().enumerate() {
                let own = mapping.add_rules(
                    step.attributes,
                    &states.positions,
                    &format!("/spec/states/{at}{}/attributes", step.pointer),
                    Origin::State,
                    &naming,
                    compiler,
                )?;
                let before = (number > 0).then(|| mapping.states.len() - 1);
                mapping.add_state(before, step.attributes, own);
            }
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
        arrange(&mut mapping.attributes, &mapping.spoken).map_err(|at| {
            let rule = &mapping.attributes[at as usize];
            NotCompiled {
                location: compiler.location(rule.rule),
                message: format!(
                    "the rule for {} speaks of an attribute whose rule speaks of it in turn",
                    rule.name
                ),
            }
        })?;
        mapping.owned.sort();
        mapping.owned.dedup();
        mapping.unknown.sort();
        mapping.unknown.dedup();
        Ok(mapping)
    }

    /// Has stamps kept in the attribute the target names.
    ///
    /// # Errors
    /// The directory has no such attribute, or one that does not hold one text.
    pub fn keep_stamps(
        &mut self,
        directory: &Document<kinds::ActiveDirectory>,
        lifecycle: &Lifecycle,
        header: &DirectoryHeader,
        compiler: &mut Compiler<'_>,
    ) -> Result<(), NotCompiled> {
        const POINTER: &str = "/spec/stamp/attribute";
        let Some(stamp) = &directory.spec.stamp else {
            return Ok(());
        };
        let positions = &directory.positions;
        let name = &stamp.attribute;
        let refuse = |why: String| NotCompiled {
            location: positions.value(POINTER),
            message: format!("no stamps can be kept in {name}: {why}"),
        };
        let Some((id, def)) = attribute(header, name, positions, POINTER)? else {
            return Err(refuse(format!(
                "the schema of {} has no such attribute",
                header.target
            )));
        };
        let longest = lifecycle
            .written
            .iter()
            .map(|state| Stamp::longest(&state.name))
            .max()
            .unwrap_or_default();
        let holds = def
            .range_upper
            .is_none_or(|upper| usize::try_from(upper).is_ok_and(|upper| longest <= upper));
        if !def.single_valued
            || !matches!(def.syntax, Syntax::Text | Syntax::CaseExactText)
            || !holds
        {
            return Err(refuse(format!(
                "in the schema of {} it does not hold one text of {longest} characters",
                header.target
            )));
        }
        let naming = Naming {
            header,
            rename: None,
        };
        let spec = kinds::AttributeSpec::Template(String::new());
        let mut rule =
            AttributeRule::compile(id, def, &spec, positions, POINTER, compiler, &naming)?;
        rule.rule = compiler.rule(positions, POINTER, &format!("stamp in {name}"));
        rule.origin = Origin::State;
        self.stamp = Some(rule);
        Ok(())
    }

    /// What becomes of edits of an attribute. Names are decided together, and what a state says is said of everybody in
    /// it: neither is left as somebody else made it, unless the state itself says so.
    fn drift_of(
        &self,
        compiled: &AttributeRule,
        spec: &kinds::AttributeSpec,
    ) -> kinds::DriftPolicy {
        if matches!(compiled.kind, RuleKind::Name(_)) || compiled.when == kinds::When::Merge {
            return kinds::DriftPolicy::Revert;
        }
        let own = match spec {
            kinds::AttributeSpec::Template(_) => None,
            kinds::AttributeSpec::Rule(rule) => rule.drift,
        };
        own.unwrap_or(match compiled.origin {
            Origin::Mapping | Origin::Template(_) => self.drift.attributes,
            Origin::State | Origin::Exception => kinds::DriftPolicy::Revert,
        })
    }

    /// Adds a state with its own rules and those of the stage before that it does not say otherwise.
    fn add_state(
        &mut self,
        before: Option<usize>,
        spec: &std::collections::BTreeMap<String, kinds::AttributeSpec>,
        own: Vec<u32>,
    ) {
        let Some(before) = before else {
            self.states.push(own);
            return;
        };
        let says = |name: &str| spec.keys().any(|other| other.eq_ignore_ascii_case(name));
        let kept = self.states[before]
            .iter()
            .copied()
            .filter(|at| !says(&self.attributes[*at as usize].name));
        let rules: Vec<u32> = kept.chain(own).collect();
        let lacking: Vec<Lacking> = self
            .lacking
            .iter()
            .filter(|one| one.origin == Origin::State && one.state == before && !says(&one.name))
            .map(|one| Lacking {
                name: one.name.clone(),
                origin: Origin::State,
                state: self.states.len(),
                rule: one.rule,
                owned: one.owned,
            })
            .collect();
        self.lacking.extend(lacking);
        self.states.push(rules);
    }

    /// Compiles rules and gives their places; those for attributes the directory does not have are left out.
    pub(super) fn add_rules(
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
            let found = attribute(naming.header, name, positions, &pointer)?;
            let owned = found.as_ref().is_some_and(|(_, def)| def.read_only);
            let Some((id, def)) = found.filter(|_| !owned) else {
                if rule.full().if_unknown == kinds::IfUnknown::Hold {
                    self.lacking.push(Lacking {
                        name: name.clone(),
                        owned,
                        origin,
                        state: self.states.len(),
                        rule: compiler.rule(positions, &pointer, name),
                    });
                }
                if owned {
                    let place = positions.key(&pointer);
                    self.owned.push(format!("{name} ({place})"));
                } else {
                    self.unknown.push(name.clone());
                }
                continue;
            };
            places.push(u32::try_from(self.attributes.len()).unwrap_or(u32::MAX));
            let mut compiled =
                AttributeRule::compile(id, def, rule, positions, &pointer, compiler, naming)?;
            compiled.origin = origin;
            compiled.drift = self.drift_of(&compiled, rule);
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
}

impl AttributeRule {
    /// Rules of an exception of one person: a template each, or nothing to clear. Attributes the directory does not
    /// have are left out.
    ///
    /// # Errors
    /// A template that does not compile against the fields of the read, or an attribute the read lacks.
    pub fn of_exception(
        set: &std::collections::BTreeMap<String, Option<String>>,
        header: &DirectoryHeader,
        positions: &Positions,
        pointer: &str,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<Self>, NotCompiled> {
        let naming = Naming {
            header,
            rename: None,
        };
        let mut rules = Vec::with_capacity(set.len());
        for (name, value) in set {
            let pointer = format!("{pointer}/set/{}", escape_pointer(name));
            let Some((id, def)) = attribute(header, name, positions, &pointer)? else {
                continue;
            };
            let spec = kinds::AttributeSpec::Rule(Box::new(kinds::AttributeRule {
                value: Some(value.clone().unwrap_or_default()),
                empty: kinds::Empty::Clear,
                ..kinds::AttributeRule::default()
            }));
            let mut rule = Self::compile(id, def, &spec, positions, &pointer, compiler, &naming)?;
            rule.origin = Origin::Exception;
            rules.push(rule);
        }
        Ok(rules)
    }
}

impl Key {
    /// Refuses an anchor nobody can write: accounts would be made that no later plan knows again.
    fn written(self, header: &DirectoryHeader, positions: &Positions) -> Result<Self, NotCompiled> {
        if self.def.read_only {
            return Err(NotCompiled {
                location: positions.value("/spec/match/anchor/attribute"),
                message: format!(
                    "{} is owned by the directory, as the schema of {} says, and cannot tie an account to a person: choose another attribute",
                    self.name, header.target
                ),
            });
        }
        Ok(self)
    }

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
