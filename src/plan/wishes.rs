//! Who belongs into which group by rule.
//!
//! Knows rules and people, not who is in a group now. Keeps that a person nobody can judge is wished nowhere and taken
//! out of nothing, and that a group is found once for each name, however many people a rule gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::changes::Making;
use super::draft::Draft;
use super::moves::Obstacle;
use super::named::{self, Unfound};
use super::overlap::Overlap;
use super::patterns::Pattern;
use super::target::{CHUNK, Target};
use super::zones::Seen;
use crate::config::{Document, kinds, kinds::GroupsInState};
use crate::lang::{EvalError, PersonContext};
use crate::lifecycle::{Compiler, Formula, NotCompiled, RuleId, Test};
use crate::mapping::Problem;
use crate::matching::{Found, Standing};
use crate::model::{EntryKind, Name, ObjectName};
use crate::policy::Scope;

/// A group rule of one side.
pub(super) struct GroupRule {
    pub(super) side: u16,
    pub(super) group: Formula,
    pub(super) when: Option<Test>,
    pub(super) mode: kinds::GroupMode,
    pub(super) keep: Vec<ObjectName>,
    /// What becomes of memberships somebody gave or took by hand.
    pub(super) drift: kinds::DriftPolicy,
    /// How long whoever the rule takes out stays.
    pub(super) overlap: Option<Arc<Overlap>>,
    /// The privileged groups the rule's document names.
    pub(super) privileged: Arc<[ObjectName]>,
    pub(super) rule: RuleId,
}

impl GroupRule {
    /// Compiles the rules of a document.
    pub(super) fn compile(
        document: &Document<kinds::Groups>,
        side: u16,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<Self>, NotCompiled> {
        let positions = &document.positions;
        let names = |texts: &[String]| {
            let names = texts.iter().filter_map(|text| ObjectName::parse(text).ok());
            names.collect::<Vec<_>>()
        };
        let privileged: Arc<[ObjectName]> = names(&document.spec.privileged).into();
        let overlap = Overlap::compile(document, compiler)?.map(Arc::new);
        document
            .spec
            .rules
            .iter()
            .enumerate()
            .map(|(at, rule)| {
                let pointer = format!("/spec/rules/{at}");
                let group =
                    compiler.formula(positions, &format!("{pointer}/group"), &rule.group)?;
                let when = rule
                    .when
                    .as_deref()
                    .map(|text| compiler.test(positions, &format!("{pointer}/when"), text))
                    .transpose()?;
                Ok(Self {
                    side,
                    rule: when.as_ref().map_or(group.rule, |test| test.rule),
                    group,
                    when,
                    mode: rule.mode,
                    keep: names(&rule.keep),
                    drift: rule.drift.unwrap_or(document.spec.drift),
                    overlap: overlap.clone(),
                    privileged: privileged.clone(),
                })
            })
            .collect()
    }

    pub(super) fn blind(&self) -> Option<&Name> {
        self.group
            .blind
            .as_ref()
            .or_else(|| self.when.as_ref().and_then(|test| test.blind.as_ref()))
    }

    /// Which groups the rule could name for anybody, when it is a template that says so.
    fn pattern(&self, scope: &Scope) -> Option<Pattern> {
        Pattern::of(&self.group.template, scope)
    }

    /// Whether people can stay in a group of the rule because nobody is left for whom the rule comes to it.
    pub(super) fn forgets(&self, target: &Target<'_>) -> bool {
        let states = &target.sides[usize::from(self.side)].lifecycle.states;
        let removes = self.mode.removes()
            || states
                .iter()
                .any(|state| state.groups == GroupsInState::Remove);
        removes && self.group.template.literal().is_none() && self.pattern(&target.scope).is_none()
    }

    /// Its texts: the group's name, and the condition.
    pub(super) fn texts(&self) -> (&Formula, Option<&Test>) {
        (&self.group, self.when.as_ref())
    }

    /// Whether a move can come of it: what is for everyone whatever their facts is no consequence of a change of facts.
    pub(super) fn follows_facts(&self) -> bool {
        let when = self.when.as_ref();
        !self.group.template.fields_used().is_empty()
            || when.is_some_and(|test| !test.condition.fields_used().is_empty())
    }

    pub(super) fn fields(&self) -> Vec<Name> {
        let mut fields = self.group.template.fields_used().to_vec();
        if let Some(test) = &self.when {
            fields.extend(test.condition.fields_used().iter().cloned());
        }
        fields.sort();
        fields.dedup();
        fields
    }
}

/// What the rules want for some people.
#[derive(Default)]
pub(super) struct Wishes {
    /// Group, subject, rule.
    pub(super) wanted: Vec<(u32, u32, u16)>,
    /// Groups some rule of a side names.
    pub(super) named: BTreeSet<(u32, u16)>,
    /// What rules name and is no group, with how many people it concerns.
    pub(super) missing: BTreeMap<(u16, CompactString, Unfound), u64>,
    /// People whom a rule names for a group there is none of.
    pub(super) kept_out: Vec<(u32, Obstacle)>,
    /// People a rule gave no answer for.
    pub(super) uncertain: HashMap<u32, Draft>,
}

impl Wishes {
    fn merge(mut self, mut other: Self) -> Self {
        self.wanted.append(&mut other.wanted);
        self.named.append(&mut other.named);
        self.kept_out.append(&mut other.kept_out);
        for (key, count) in other.missing {
            *self.missing.entry(key).or_default() += count;
        }
        self.uncertain.extend(other.uncertain);
        self
    }
}

/// Whether nothing may change about a subject's memberships. Leavers who are held for other reasons still leave.
pub(super) fn held_back(making: &Making<'_, '_>, at: u32, leaving: bool) -> bool {
    let subject = &making.target.subjects[at as usize];
    let side = making.target.side(subject);
    if matches!(subject.found, Found::Conflict(_))
        || side.exceptions.exempts(subject.person)
        || making.target.is_left_alone(subject)
    {
        return true;
    }
    let Some(outcome) = &making.outcomes[at as usize] else {
        return false;
    };
    // Deleting ends every membership, and a restored account has them again.
    if outcome.delete {
        return true;
    }
    if outcome.whole.is_none() {
        return false;
    }
    let leaver =
        !making.target.state(subject).enabled && matches!(subject.found, Found::Account(_));
    !(leaving && leaver)
}

/// What the rules want for everybody.
pub(super) fn wishes(making: &Making<'_, '_>, rules: &[GroupRule]) -> Wishes {
    let target = making.target;
    let literal: Vec<Option<Named>> = rules
        .iter()
        .map(|rule| {
            let text = rule.group.template.literal()?.trim();
            Some(group(target, text))
        })
        .collect();
    let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
    let mut all = (0..count)
        .into_par_iter()
        .with_min_len(CHUNK)
        .fold(
            || Wishing {
                wishes: Wishes::default(),
                rendered: vec![HashMap::new(); rules.len()],
                seen: None,
            },
            |mut wishing, at| {
                wishing.subject(making, rules, &literal, at);
                wishing
            },
        )
        .map(|wishing| wishing.wishes)
        .reduce(Wishes::default, Wishes::merge);
    for (at, known) in literal.iter().enumerate() {
        if let Some(Ok(group)) = known {
            all.named
                .insert((*group, u16::try_from(at).unwrap_or(u16::MAX)));
        } else if let Some(Err((name, why))) = known {
            all.missing
                .entry((u16::try_from(at).unwrap_or(u16::MAX), name.clone(), *why))
                .or_default();
        }
    }
    all.named.extend(possible(target, rules));
    all
}

/// Groups that templated rules could name, whether or not they do for anybody of this read.
fn possible(target: &Target<'_>, rules: &[GroupRule]) -> Vec<(u32, u16)> {
    let patterns: Vec<(u16, Pattern)> = (0..)
        .zip(rules)
        .filter_map(|(at, rule)| Some((at, rule.pattern(&target.scope)?)))
        .collect();
    if patterns.is_empty() {
        return Vec::new();
    }
    target
        .index
        .snapshot
        .objects
        .par_iter()
        .enumerate()
        .filter(|(at, entry)| {
            entry.kind == EntryKind::Group && target.standing[*at] == Standing::Managed
        })
        .flat_map_iter(|(at, _)| {
            let group = u32::try_from(at).unwrap_or(u32::MAX);
            let key = target.index.key(group);
            let account_name = target.index.entry(group).value(target.known.sam);
            let fitting = patterns
                .iter()
                .filter(move |(_, pattern)| pattern.fits(key, account_name));
            fitting.map(move |(rule, _)| (group, *rule))
        })
        .collect()
}

/// A group, or the name that is none's and why.
type Named = Result<u32, (CompactString, Unfound)>;

/// One task's wishes, with what it has looked up already.
struct Wishing<'t> {
    wishes: Wishes,
    /// Groups a templated rule has named, by rule.
    rendered: Vec<HashMap<CompactString, Named>>,
    seen: Option<Seen<'t>>,
}

impl<'t> Wishing<'t> {
    fn subject(
        &mut self,
        making: &Making<'t, '_>,
        rules: &[GroupRule],
        literal: &[Option<Named>],
        at: u32,
    ) {
        let Self {
            wishes,
            rendered,
            seen,
        } = self;
        let target = making.target;
        let subject = &target.subjects[at as usize];
        let groups = target.state(subject).groups;
        if groups == GroupsInState::Keep || held_back(making, at, groups == GroupsInState::Remove) {
            return;
        }
        if subject.account().is_none() && making.create_of(at).is_none() {
            return;
        }
        let context = target
            .side(subject)
            .seen(target.moment, seen, subject.person);
        for (number, rule) in rules.iter().enumerate() {
            if rule.side != subject.side || rule.blind().is_some() {
                continue;
            }
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let uncertain = |what: &str, error| {
                Draft::problem(what, &Problem::of(error))
                    .rule(rule.rule)
                    .partial()
            };
            let holds = match (&rule.when, groups) {
                (_, GroupsInState::Remove) => false,
                (None, _) => true,
                (Some(test), _) => match test.condition.holds(context) {
                    Ok(holds) => holds,
                    Err(error) => {
                        wishes
                            .uncertain
                            .entry(at)
                            .or_insert_with(|| uncertain("a group rule's condition", error));
                        continue;
                    }
                },
            };
            let found = match &literal[usize::from(number)] {
                Some(found) => {
                    if holds {
                        rule.group.template.noted(context.person);
                    }
                    found.clone()
                }
                None if !holds && groups != GroupsInState::Remove => continue,
                None => match group_name(rule, context) {
                    Ok(text) => match rendered[usize::from(number)].get(&text) {
                        Some(known) => known.clone(),
                        None => {
                            let found = group(target, text.trim());
                            if let Ok(group) = found {
                                wishes.named.insert((group, number));
                            }
                            rendered[usize::from(number)].insert(text, found.clone());
                            found
                        }
                    },
                    // A leaver without the field has no such group to leave.
                    Err(_) if !holds => continue,
                    Err(error) => {
                        wishes
                            .uncertain
                            .entry(at)
                            .or_insert_with(|| uncertain("a group rule's name", error));
                        continue;
                    }
                },
            };
            match found {
                Ok(group) if holds => wishes.wanted.push((group, at, number)),
                Ok(_) => {}
                Err((name, why)) if holds => {
                    if rule.follows_facts() {
                        wishes.kept_out.push((at, Obstacle::Rule(number)));
                    }
                    *wishes.missing.entry((number, name, why)).or_default() += 1;
                }
                Err(_) => {}
            }
        }
    }
}

/// What a templated rule calls the group for one person. Only in a distinguished name are values escaped.
fn group_name(rule: &GroupRule, context: &PersonContext<'_>) -> Result<CompactString, EvalError> {
    let template = &rule.group.template;
    let text = template.render_dn(context)?;
    if text.contains('\\') && !text.contains('=') {
        return template.render(context);
    }
    Ok(text)
}

/// The group with this name, else the name.
fn group(target: &Target<'_>, text: &str) -> Named {
    let name = ObjectName::parse(text).map_err(|_| (text.into(), Unfound::Missing))?;
    named::group(target, &name).map_err(|why| (text.into(), why))
}
