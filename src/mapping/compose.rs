//! Which rules are in force for somebody: the state's, those of the templates that concern them, the mapping's.
//!
//! Knows rules and their precedence, no values: state before templates before mapping, among templates the one with
//! the higher priority. Keeps that nothing is chosen silently: rules of one rank that are not the same stay side by
//! side until their values are known, and everything here is independent of the order of documents.

use super::naming::Naming;
use super::{AttributeRule, Mapping, Problem};
use crate::config::{Document, kinds};
use crate::lang::PersonContext;
use crate::lifecycle::{Compiler, Formula, NotCompiled, RuleId, Test};
use crate::model::{Location, Name};

/// A `kind: Template` ready to be asked.
#[derive(Debug)]
pub struct RoleTemplate {
    /// The document's name.
    pub name: Name,
    /// Whom it concerns; `None` is everyone of the mapping.
    pub when: Option<Test>,
    /// The higher decides.
    pub priority: i32,
    /// Where accounts stand.
    pub placement: Option<Formula>,
    /// What becomes of its attributes once it concerns somebody no more.
    pub on_leave: kinds::OnLeave,
    /// The condition, or the document where there is none.
    pub rule: RuleId,
    /// Where the document stands.
    pub location: Location,
    /// Its rules, as places in [`Mapping::all_rules`].
    pub(super) attributes: Vec<u32>,
}

/// Where an attribute rule comes from, lowest precedence first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The mapping.
    Mapping,
    /// A template, as a place in [`Mapping::templates`].
    Template(u16),
    /// A state of the lifecycle.
    State,
    /// An exception of one person. Stands outside of every composition.
    Exception,
}

/// The rules in force for people in one state whom the same templates concern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Per attribute, sorted by its name.
    pub slots: Vec<Slot>,
    /// Templates whose placement decides: none, one, or several of one priority that differ.
    pub placement: Vec<u16>,
    /// A field that is in no row of the read decides whether some template's placement counts.
    pub placement_blind: Option<Name>,
}

/// What says what one attribute is to be. Numbers are places in [`Mapping::all_rules`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Who decides.
    pub decides: Decides,
    /// Rules of templates that concern the person no more and take their values with them.
    pub leaving: Vec<u32>,
}

/// Who decides about an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decides {
    /// Nobody.
    Nobody,
    /// One rule.
    One(u32),
    /// Several of one precedence that differ as they are written; what they give must be equal.
    Equals(Vec<u32>),
    /// Several that each add values.
    Together(Vec<u32>),
    /// Nobody can tell: a template's condition reads a field that is in no row of the read.
    Unknown {
        /// A rule of that template.
        rule: u32,
        /// The field.
        field: Name,
    },
}

/// Rules for one attribute while a composition is made.
#[derive(Clone, Default)]
struct Gathered<'n> {
    candidates: Vec<u32>,
    leaving: Vec<u32>,
    unknown: Option<(u32, &'n Name)>,
}

impl RoleTemplate {
    /// Compiles a document but for its attributes.
    pub(super) fn compile(
        document: &Document<kinds::Template>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let positions = &document.positions;
        let spec = &document.spec;
        let when = spec
            .when
            .as_deref()
            .map(|text| compiler.test(positions, "/spec/when", text))
            .transpose()?;
        Ok(Self {
            rule: match &when {
                Some(test) => test.rule,
                None => compiler.rule(positions, "/spec", &format!("template {}", document.name)),
            },
            when,
            name: document.name.clone(),
            priority: spec.priority,
            placement: spec
                .placement
                .as_deref()
                .map(|text| compiler.formula(positions, "/spec/placement", text))
                .transpose()?,
            on_leave: spec.on_leave,
            location: positions.value("/metadata/name"),
            attributes: Vec::new(),
        })
    }

    fn blind(&self) -> Option<&Name> {
        self.when.as_ref().and_then(|test| test.blind.as_ref())
    }
}

/// Templates of a mapping in order of precedence: by priority, then by name.
pub(super) fn in_order<'a>(
    mapping: &Name,
    templates: impl IntoIterator<Item = &'a Document<kinds::Template>>,
) -> Vec<&'a Document<kinds::Template>> {
    let mut own: Vec<_> = templates
        .into_iter()
        .filter(|template| template.spec.mapping == mapping.as_str())
        .collect();
    own.sort_by(|a, b| (b.spec.priority, a.name.as_str()).cmp(&(a.spec.priority, b.name.as_str())));
    own
}

impl Mapping {
    /// The templates that concern a person, as places in [`Mapping::templates`], in order. Those whose condition
    /// reads a field that is in no row of the read are left out; [`Mapping::compose`] knows them.
    ///
    /// # Errors
    /// The first template whose condition gives no answer.
    pub fn concerned(&self, context: &PersonContext<'_>) -> Result<Box<[u16]>, (u16, Problem)> {
        if self.templates.is_empty() {
            return Ok(Box::default());
        }
        let mut concerned = Vec::new();
        for (at, template) in self.templates.iter().enumerate() {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let holds = match &template.when {
                None => true,
                Some(test) if test.blind.is_some() => false,
                Some(test) => test
                    .condition
                    .holds(context)
                    .map_err(|error| (at, Problem::of(error)))?,
            };
            if holds {
                concerned.push(at);
            }
        }
        Ok(concerned.into())
    }

    /// The rules in force in a state for people whom these templates concern.
    pub fn compose(&self, state: usize, concerned: &[u16]) -> Composition {
        let own = self.states.get(state).map_or(&[][..], Vec::as_slice);
        let mut candidates: Vec<u32> = self.base.iter().chain(own).copied().collect();
        let mut leaving: Vec<u32> = Vec::new();
        let mut unknown: Vec<(u32, &Name)> = Vec::new();
        for (at, template) in self.templates.iter().enumerate() {
            if let Some(field) = template.blind() {
                unknown.extend(template.attributes.iter().map(|rule| (*rule, field)));
            } else if concerned
                .binary_search(&u16::try_from(at).unwrap_or(u16::MAX))
                .is_ok()
            {
                candidates.extend(&template.attributes);
            } else if template.on_leave == kinds::OnLeave::Clear {
                leaving.extend(&template.attributes);
            }
        }
        let rule = |at: &u32| &self.attributes[*at as usize];
        let mut named: Vec<(String, u32)> = candidates
            .iter()
            .chain(&leaving)
            .chain(unknown.iter().map(|(at, _)| at))
            .map(|at| (rule(at).name.to_ascii_lowercase(), *at))
            .collect();
        named.sort();
        named.dedup_by(|a, b| a.0 == b.0);
        let mut by_name: hashbrown::HashMap<String, usize> = hashbrown::HashMap::new();
        for (number, (name, _)) in named.iter().enumerate() {
            by_name.insert(name.clone(), number);
        }
        let mut gathered: Vec<Gathered<'_>> = vec![Gathered::default(); named.len()];
        let slot_of = |at: &u32| by_name[&rule(at).name.to_ascii_lowercase()];
        for at in &candidates {
            gathered[slot_of(at)].candidates.push(*at);
        }
        for at in &leaving {
            gathered[slot_of(at)].leaving.push(*at);
        }
        for (at, field) in unknown {
            gathered[slot_of(&at)].unknown.get_or_insert((at, field));
        }
        let slots = gathered
            .into_iter()
            .map(|slot| {
                let decides = match slot.unknown {
                    // What the state says comes first whatever the template would say.
                    Some((rule, field))
                        if !slot
                            .candidates
                            .iter()
                            .any(|at| self.attributes[*at as usize].origin == Origin::State) =>
                    {
                        Decides::Unknown {
                            rule,
                            field: field.clone(),
                        }
                    }
                    _ => self.decide(slot.candidates),
                };
                self.slot(decides, slot.leaving)
            })
            .collect();
        let (placement, placement_blind) = self.places(concerned);
        Composition {
            slots,
            placement,
            placement_blind,
        }
    }

    /// The rank of a rule among those for its attribute: the higher decides.
    fn rank(&self, rule: &AttributeRule) -> (u8, i32) {
        match rule.origin {
            Origin::Mapping => (0, 0),
            Origin::Template(at) => (1, self.templates[usize::from(at)].priority),
            Origin::State => (2, 0),
            Origin::Exception => (3, 0),
        }
    }

    fn decide(&self, mut candidates: Vec<u32>) -> Decides {
        let rule = |at: &u32| &self.attributes[*at as usize];
        candidates.sort_by_key(|at| {
            let (class, priority) = self.rank(rule(at));
            (std::cmp::Reverse((class, priority)), rule(at).origin)
        });
        let Some(first) = candidates.first() else {
            return Decides::Nobody;
        };
        let top = self.rank(rule(first));
        let mut seen = hashbrown::HashSet::new();
        let highest: Vec<u32> = candidates
            .iter()
            .take_while(|at| self.rank(rule(at)) == top)
            .filter(|at| seen.insert(rule(at).class))
            .copied()
            .collect();
        let merges = |at: &u32| rule(at).when == kinds::When::Merge;
        if highest.iter().all(merges) {
            let mut seen = hashbrown::HashSet::new();
            let all: Vec<u32> = candidates
                .into_iter()
                .filter(|at| merges(at) && seen.insert(rule(at).class))
                .collect();
            return Decides::Together(all);
        }
        match highest[..] {
            [one] => Decides::One(one),
            _ => Decides::Equals(highest),
        }
    }

    /// Leaves out of what leaves the rules that have no say: where another rule is in force for the attribute, only
    /// values added to those of others can still go.
    fn slot(&self, decides: Decides, leaving: Vec<u32>) -> Slot {
        let rule = |at: &u32| &self.attributes[*at as usize];
        let leaving = leaving
            .into_iter()
            .filter(|at| {
                let when = rule(at).when;
                match &decides {
                    Decides::Nobody => matches!(when, kinds::When::Always | kinds::When::Merge),
                    Decides::Together(_) => when == kinds::When::Merge,
                    _ => false,
                }
            })
            .collect();
        Slot { decides, leaving }
    }

    fn places(&self, concerned: &[u16]) -> (Vec<u16>, Option<Name>) {
        let blind = self
            .templates
            .iter()
            .find(|template| template.placement.is_some() && template.blind().is_some())
            .and_then(|template| template.blind().cloned());
        let template = |at: &u16| &self.templates[usize::from(*at)];
        let placing = || {
            concerned
                .iter()
                .filter(|at| template(at).placement.is_some())
        };
        let Some(top) = placing().map(|at| template(at).priority).max() else {
            return (Vec::new(), blind);
        };
        let chosen = placing()
            .filter(|at| template(at).priority == top)
            .copied()
            .collect();
        (chosen, blind)
    }

    /// A rule by its place.
    pub fn rule(&self, at: u32) -> &AttributeRule {
        &self.attributes[at as usize]
    }

    /// The template a rule comes from.
    pub fn template_of(&self, rule: &AttributeRule) -> Option<&RoleTemplate> {
        match rule.origin {
            Origin::Template(at) => self.templates.get(usize::from(at)),
            Origin::Mapping | Origin::State | Origin::Exception => None,
        }
    }

    /// Compiles the templates' documents and appends their rules.
    pub(super) fn add_templates(
        &mut self,
        documents: &[&Document<kinds::Template>],
        naming: &Naming<'_>,
        compiler: &mut Compiler<'_>,
    ) -> Result<(), NotCompiled> {
        let spoken: Vec<String> = self.spoken.iter().map(|one| one.name.clone()).collect();
        for document in documents {
            let origin = Origin::Template(u16::try_from(self.templates.len()).unwrap_or(u16::MAX));
            let mut template = RoleTemplate::compile(document, compiler)?;
            // Whom a template concerns and where accounts stand is settled before any attribute is.
            compiler.speak_of(spoken.iter().map(String::as_str));
            template.attributes = self.add_rules(
                &document.spec.attributes,
                &document.positions,
                "/spec/attributes",
                origin,
                naming,
                compiler,
            )?;
            compiler.speak_of([]);
            self.templates.push(template);
        }
        Ok(())
    }
}

impl Slot {
    /// The rules that decide.
    pub fn rules(&self) -> &[u32] {
        match &self.decides {
            Decides::One(at) => std::slice::from_ref(at),
            Decides::Equals(all) | Decides::Together(all) => all,
            Decides::Nobody | Decides::Unknown { .. } => &[],
        }
    }
}

impl Composition {
    /// The rules in force, whoever decides.
    pub fn rules<'m>(&self, mapping: &'m Mapping) -> impl Iterator<Item = &'m AttributeRule> {
        self.slots
            .iter()
            .flat_map(Slot::rules)
            .map(|at| mapping.rule(*at))
    }
}
