//! Attributes more than one rule speaks about: rules of equal precedence, values added to those of others, and what
//! a template takes back from people it concerns no more.
//!
//! Keeps that nothing is chosen between rules of equal precedence, that `merge` takes no value of others away, and
//! that a value is taken back only where it is exactly what the template would give.

use std::borrow::Cow;

use compact_str::CompactString;

use super::addresses::{PRIMARY, has_addresses};
use super::draft::Draft;
use super::evaluate::{After, Delta, Evaluation};
use crate::lifecycle::Formula;
use crate::mapping::{
    AttributeRule, Cleared, Notes, Origin, Problem, RuleKind, Wanted, canonical, cleared,
    is_reference, is_same_value,
};
use crate::model::{Dn, FieldIndex, spoken};
use crate::policy::held;

/// What one of several rules says, comparable with what the others say.
#[derive(PartialEq, Eq)]
enum Said {
    Leave,
    Clear,
    Values(Vec<CompactString>),
    Person(Option<FieldIndex>, CompactString),
    /// Formats of names; two rules that are not written alike never say the same.
    Name(u32),
}

impl Said {
    fn shown(&self) -> String {
        match self {
            Self::Leave => "leaves it as it is".to_owned(),
            Self::Clear => "clears it".to_owned(),
            Self::Values(values) => {
                let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
                format!("gives {}", values.join(", "))
            }
            Self::Person(_, text) => format!("gives the account of {text:?}"),
            Self::Name(_) => "gives a name of its own".to_owned(),
        }
    }
}

impl<'t> Evaluation<'_, 't, '_> {
    /// Several rules of one precedence: they must come to the same.
    pub(super) fn agreed(&mut self, rules: &[u32]) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        let mut speaker: Option<(&'t AttributeRule, Said)> = None;
        for at in rules {
            let rule = mapping.rule(*at);
            if self.has_no_say(rule) {
                continue;
            }
            if rule.blind.is_some() {
                // Nobody knows what it would say, so none of them is followed.
                return self.decided(rule);
            }
            let Some(said) = self.said(rule).map_err(|draft| draft.rule(rule.rule))? else {
                continue;
            };
            match &speaker {
                None => speaker = Some((rule, said)),
                Some((_, first)) if *first == said => {}
                Some((other, first)) => {
                    return Err(Draft::new(
                        held::CONFLICTING_RULES,
                        format!(
                            "{}: {} {}, {} {}",
                            rule.name,
                            self.named(other),
                            first.shown(),
                            self.named(rule),
                            said.shown()
                        ),
                    )
                    .rule(other.rule));
                }
            }
        }
        match speaker {
            Some((rule, _)) => self.decided(rule),
            None => Ok(()),
        }
    }

    fn named(&self, rule: &AttributeRule) -> String {
        match self.target.mapping(self.subject).template_of(rule) {
            Some(template) => format!("template {} ({})", template.name, rule.location),
            None => rule.location.to_string(),
        }
    }

    /// What a rule says; `None` when its `if` keeps it silent.
    fn said(&mut self, rule: &'t AttributeRule) -> Result<Option<Said>, Draft> {
        let problem = |problem: Problem| Draft::problem(&rule.name, &problem);
        if !rule.applies(self.context).map_err(problem)? {
            return Ok(None);
        }
        let mut notes = Notes::default();
        let wanted = match &rule.kind {
            RuleKind::Value(formula) => self.wanted_one(rule, formula, &mut notes),
            RuleKind::Values(formulas) => rule.many(formulas, self.context, &mut notes),
            RuleKind::Person { formula, field } => {
                return match rule.one(formula, self.context, &mut notes) {
                    Ok(Wanted::One(text)) => Ok(Some(Said::Person(*field, text))),
                    Ok(Wanted::Clear) => Ok(Some(Said::Clear)),
                    Ok(_) => Ok(Some(Said::Leave)),
                    Err(found) => Err(problem(found)),
                };
            }
            RuleKind::Name(_) => return Ok(Some(Said::Name(rule.class()))),
        }
        .map_err(problem)?;
        Ok(Some(match wanted {
            Wanted::Leave => Said::Leave,
            Wanted::Clear => Said::Clear,
            Wanted::One(text) => Said::Values(self.stored(rule, vec![text])?),
            Wanted::Many(texts) => {
                let mut values = self.stored(rule, texts)?;
                values.sort();
                Said::Values(values)
            }
        }))
    }

    fn wanted_one(
        &self,
        rule: &AttributeRule,
        formula: &Formula,
        notes: &mut Notes,
    ) -> Result<Wanted, Problem> {
        if is_reference(&rule.def) {
            rule.one_dn(formula, self.context, notes)
        } else {
            rule.one(formula, self.context, notes)
        }
    }

    fn stored(
        &self,
        rule: &AttributeRule,
        texts: Vec<CompactString>,
    ) -> Result<Vec<CompactString>, Draft> {
        texts
            .iter()
            .map(|text| {
                canonical(&rule.def, text, self.context.as_of.time_zone())
                    .map_err(|bad| Draft::bad_value(&rule.name, &bad))
            })
            .collect()
    }

    /// The values a rule gives, for adding or taking back; none when it is silent or gives none.
    fn values(&mut self, rule: &'t AttributeRule) -> Result<Vec<CompactString>, Draft> {
        let problem = |problem: Problem| Draft::problem(&rule.name, &problem);
        if !rule.applies(self.context).map_err(problem)? {
            return Ok(Vec::new());
        }
        let mut notes = Notes::default();
        let wanted = match &rule.kind {
            RuleKind::Value(formula) => rule.one(formula, self.context, &mut notes),
            RuleKind::Values(formulas) => rule.many(formulas, self.context, &mut notes),
            RuleKind::Person { .. } | RuleKind::Name(_) => return Ok(Vec::new()),
        }
        .map_err(problem)?;
        self.outcome.notes.unmapped.append(&mut notes.unmapped);
        match wanted {
            Wanted::One(text) => self.stored(rule, vec![text]),
            Wanted::Many(texts) => self.stored(rule, texts),
            Wanted::Leave | Wanted::Clear => Ok(Vec::new()),
        }
    }

    /// Values that several rules add to whatever is there, and values that templates left behind take away.
    pub(super) fn together(&mut self, rules: &[u32], leaving: &[u32]) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        let mut wanted: Vec<CompactString> = Vec::new();
        let mut by: Vec<&'t AttributeRule> = Vec::new();
        let mut add: Vec<CompactString> = Vec::new();
        // What rules add to. Another `mail` may have changed it already.
        let decider = rules.first().map(|at| mapping.rule(*at));
        let standing = decider.map_or(Cow::Borrowed(&[][..]), |rule| self.standing(rule));
        let moved = decider.filter(|rule| *standing != *self.observed(rule));
        for at in rules {
            let rule = mapping.rule(*at);
            if rule.blind.is_some() {
                continue;
            }
            let values = self.values(rule).map_err(|draft| draft.rule(rule.rule))?;
            let mut adds = false;
            for value in values {
                let known = |other: &CompactString| is_same_value(&rule.def, other, &value);
                if !standing.iter().any(known) {
                    adds |= add_beside(rule, &standing, &mut add, &value);
                }
                wanted.push(value);
            }
            if adds {
                by.push(rule);
            }
        }
        if let Some(rule) = moved {
            let with: Vec<_> = by
                .into_iter()
                .filter(|one| !std::ptr::eq(*one, rule))
                .collect();
            let before = self.outcome.attributes.len();
            self.many(rule, standing.iter().cloned().chain(add).collect())
                .map_err(|draft| draft.rule(rule.rule))?;
            if let Some(delta) = self.outcome.attributes.get_mut(before) {
                delta.with = with;
            }
            return Ok(());
        }
        let mut remove: Vec<CompactString> = Vec::new();
        // What a rule nobody can evaluate wants may be what a template leaves behind.
        let sees_all = rules.iter().all(|at| mapping.rule(*at).blind.is_none());
        for at in leaving.iter().filter(|_| sees_all) {
            let rule = mapping.rule(*at);
            let taken = self.taken_back(rule, &wanted);
            if !taken.is_empty() && self.may_leave(rule) {
                by.push(rule);
                remove.extend(taken);
            }
        }
        remove.sort();
        remove.dedup();
        let Some((first, with)) = by.split_first() else {
            return Ok(());
        };
        // A leaver is given nothing by their state while it is not proven that they are one.
        let state = self.target.state(self.subject);
        let by_state = by.iter().any(|rule| rule.origin == Origin::State);
        if by_state && !state.enabled && self.entry.is_some() && !self.may_take() {
            let what = format!(
                "setting {} for state {}",
                first.name,
                spoken::name(&state.name)
            );
            self.unproven(&what, first.rule);
            return Ok(());
        }
        add.sort();
        self.outcome.attributes.push(Delta {
            rule: first,
            with: with.to_vec(),
            cut: None,
            after: After::Merged { add, remove },
        });
        Ok(())
    }

    /// Values of the account that a template no more in force gave, but for those still wanted.
    fn taken_back(
        &mut self,
        rule: &'t AttributeRule,
        wanted: &[CompactString],
    ) -> Vec<CompactString> {
        if rule.blind.is_some() || self.entry.is_none() {
            return Vec::new();
        }
        // A template that gives no answer for somebody it does not concern has nothing to take back.
        let Ok(given) = self.values(rule) else {
            return Vec::new();
        };
        let addresses = has_addresses(rule);
        self.observed(rule)
            .iter()
            .filter(|value| !(addresses && value.starts_with(PRIMARY)))
            .filter(|value| given.iter().any(|one| is_same_value(&rule.def, one, value)))
            .filter(|value| {
                !wanted
                    .iter()
                    .any(|one| is_same_value(&rule.def, one, value))
            })
            .cloned()
            .collect()
    }

    /// Whether something may be taken from the account because a template concerns the person no more; holds it
    /// otherwise.
    fn may_leave(&mut self, rule: &AttributeRule) -> bool {
        if self.may_take() {
            return true;
        }
        self.unproven(&format!("taking back {}", rule.name), rule.rule);
        false
    }

    /// An attribute no rule is in force for: cleared where it is exactly what a template gives that concerns the
    /// person no more.
    pub(super) fn left(&mut self, leaving: &[u32]) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        let (merged, single): (Vec<u32>, Vec<u32>) = leaving
            .iter()
            .partition(|at| mapping.rule(**at).when == crate::config::kinds::When::Merge);
        for at in &single {
            let rule = mapping.rule(*at);
            if rule.blind.is_some() || self.observed(rule).is_empty() || !self.is_given(rule) {
                continue;
            }
            let after: Vec<CompactString> = match cleared(&rule.def) {
                Cleared::Nothing => Vec::new(),
                Cleared::Value(value) => vec![value.into()],
                Cleared::Impossible => continue,
            };
            if crate::diff::same(&rule.def, self.observed(rule), &after) {
                continue;
            }
            if self.may_leave(rule) {
                self.outcome.attributes.push(Delta {
                    rule,
                    with: Vec::new(),
                    cut: None,
                    after: After::Values(after),
                });
            }
            return Ok(());
        }
        if merged.is_empty() {
            return Ok(());
        }
        self.together(&[], &merged)
    }

    /// Whether the attribute is exactly what a rule would make it.
    fn is_given(&mut self, rule: &'t AttributeRule) -> bool {
        match &rule.kind {
            RuleKind::Value(_) | RuleKind::Values(_) => {
                if is_reference(&rule.def) {
                    return self.refers_to(rule);
                }
                self.values(rule).is_ok_and(|values| {
                    !values.is_empty() && crate::diff::same(&rule.def, self.observed(rule), &values)
                })
            }
            RuleKind::Person { .. } => self.refers_to(rule),
            RuleKind::Name(_) => false,
        }
    }

    fn refers_to(&mut self, rule: &'t AttributeRule) -> bool {
        let [observed] = self.observed(rule) else {
            return false;
        };
        let Some(there) = self.target.index.by_text(observed) else {
            return false;
        };
        match self.said(rule) {
            Ok(Some(Said::Person(field, text))) => {
                self.subject_named(field, &text)
                    .and_then(|at| self.target.subjects[at as usize].account())
                    == Some(there)
            }
            Ok(Some(Said::Values(values))) => values
                .first()
                .is_some_and(|text| self.target.index.by_text(text) == Some(there)),
            _ => false,
        }
    }

    /// The placement templates give: `None` when none does.
    pub(super) fn template_place(&self, templates: &[u16]) -> Result<Option<&'t Formula>, Draft> {
        let all = &self.target.mapping(self.subject).templates;
        let mut chosen: Option<(&crate::mapping::RoleTemplate, &'t Formula, CompactString)> = None;
        for at in templates {
            let template = &all[usize::from(*at)];
            let Some(formula) = &template.placement else {
                continue;
            };
            if templates.len() == 1 || formula.blind.is_some() {
                return Ok(Some(formula));
            }
            let text = formula.template.render_dn(self.context).map_err(|error| {
                Draft::problem("the placement", &Problem::of(error)).rule(formula.rule)
            })?;
            match &chosen {
                None => chosen = Some((template, formula, text)),
                Some((_, _, first)) if same_place(first, &text) => {}
                Some((other, formula, first)) => {
                    return Err(Draft::new(
                        held::CONFLICTING_RULES,
                        format!(
                            "the placement: template {} ({}) gives {}, template {} ({}) gives {}",
                            other.name,
                            other.location,
                            spoken::dn(first),
                            template.name,
                            template.location,
                            spoken::dn(&text)
                        ),
                    )
                    .rule(formula.rule));
                }
            }
        }
        Ok(chosen.map(|(_, formula, _)| formula))
    }
}

/// Adds a value that is not there yet, once; tells whether it changed what is added. A primary address beside another
/// is an alias: which one people write from is not ours to change under `merge`, and two of them are none.
fn add_beside(
    rule: &AttributeRule,
    standing: &[CompactString],
    add: &mut Vec<CompactString>,
    value: &CompactString,
) -> bool {
    let address = value
        .strip_prefix(PRIMARY)
        .filter(|_| has_addresses(rule))
        .map(|address| compact_str::format_compact!("smtp:{address}"));
    let primary = standing
        .iter()
        .chain(&*add)
        .any(|other| other.starts_with(PRIMARY));
    let twin = add
        .iter()
        .position(|other| is_same_value(&rule.def, other, value));
    match (twin, address) {
        // Of two rules the one that says it is the primary address decides, as within one rule.
        (Some(at), Some(_)) if !primary => add[at] = value.clone(),
        (Some(_), _) => return false,
        (None, Some(alias)) if primary => add.push(alias),
        (None, _) => add.push(value.clone()),
    }
    true
}

fn same_place(one: &str, other: &str) -> bool {
    one == other
        || matches!((Dn::parse(one), Dn::parse(other)), (Ok(one), Ok(other)) if one.key() == other.key())
}
