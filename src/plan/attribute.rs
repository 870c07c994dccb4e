//! One rule against one attribute of one person's account: what it wants, and whether that is there already.
//!
//! Keeps that nothing is built for an attribute that stays as it is, that a value is one the directory stores as it
//! stands, and that what takes something away waits for proof.

use compact_str::CompactString;

use super::draft::Draft;
use super::evaluate::{After, Delta, Evaluation, NameNeed};
use crate::config::kinds;
use crate::lifecycle::Formula;
use crate::mapping::{
    AttributeRule, BadValue, Cleared, NameRule, Origin, Problem, RuleKind, Wanted, canonical,
    cleared, equal, is_expiry, is_reference, shortened, ticks,
};
use crate::model::{Fact, Name, spoken};
use crate::policy::held;

impl<'t> Evaluation<'_, 't, '_> {
    /// One rule decides.
    pub(super) fn decided(&mut self, rule: &'t AttributeRule) -> Result<(), Draft> {
        if self.has_no_say(rule) {
            return Ok(());
        }
        if let Some(field) = &rule.blind {
            return self.unknown(rule, field);
        }
        self.attribute(rule).map_err(|draft| match draft.rule {
            Some(_) => draft,
            None => draft.rule(rule.rule),
        })
    }

    /// What hangs from a field that is in no row is left alone; but an account cannot be made without its names.
    pub(super) fn unknown(&mut self, rule: &AttributeRule, field: &Name) -> Result<(), Draft> {
        if self.entry.is_none() && matches!(rule.kind, RuleKind::Name(_)) {
            return Err(Draft::not_delivered(&rule.name, field).rule(rule.rule));
        }
        Ok(())
    }

    fn attribute(&mut self, rule: &'t AttributeRule) -> Result<(), Draft> {
        let problem = |problem: Problem| Draft::problem(&rule.name, &problem);
        if !rule.applies(self.context).map_err(problem)? {
            return Ok(());
        }
        match &rule.kind {
            RuleKind::Value(formula) => {
                if self.is_as_it_stands(rule, formula) {
                    return Ok(());
                }
                let wanted = if is_reference(&rule.def) {
                    rule.one_dn(formula, self.context, &mut self.outcome.notes)
                } else {
                    rule.one(formula, self.context, &mut self.outcome.notes)
                }
                .map_err(problem)?;
                match wanted {
                    Wanted::One(text) => self.one(rule, text),
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Values(formulas) => {
                let wanted = rule
                    .many(formulas, self.context, &mut self.outcome.notes)
                    .map_err(problem)?;
                match wanted {
                    Wanted::Many(values) => self.many(rule, values),
                    Wanted::One(text) => self.one(rule, text),
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Person { formula, field } => {
                let wanted = rule
                    .one(formula, self.context, &mut self.outcome.notes)
                    .map_err(problem)?;
                match wanted {
                    Wanted::One(text) => {
                        self.person(rule, *field, text);
                        Ok(())
                    }
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Name(names) => self.name(rule, names),
        }
    }

    /// The short way for what most rules are and most accounts already have: one field, as it stands.
    fn is_as_it_stands(&self, rule: &AttributeRule, formula: &Formula) -> bool {
        let Some(field) = formula.field else {
            return false;
        };
        let same = match (self.context.fact(field), self.observed(rule)) {
            (Some(Fact::Text(text)), [observed]) => text == observed,
            (None, []) => rule.empty != kinds::Empty::Hold,
            _ => false,
        };
        if same {
            formula.template.noted(self.context.person);
        }
        same
    }

    fn one(&mut self, rule: &'t AttributeRule, text: CompactString) -> Result<(), Draft> {
        if is_reference(&rule.def) {
            return self.object_by_name(rule, &text);
        }
        let observed = self.observed(rule);
        if let [observed] = observed
            && *observed == text
        {
            return Ok(());
        }
        let (value, cut) = self.fitted(rule, &text)?;
        if let [observed] = observed
            && equal(&rule.def, observed, &value)
        {
            return Ok(());
        }
        self.push_cut(rule, After::Values(vec![value]), cut);
        Ok(())
    }

    /// A value as the directory stores it, and its length before it was cut, if it was.
    pub(super) fn fitted(
        &self,
        rule: &AttributeRule,
        text: &str,
    ) -> Result<(CompactString, Option<u32>), Draft> {
        let zone = self.context.as_of.time_zone();
        let bad = match canonical(&rule.def, text, zone) {
            Ok(value) => return Ok((value, None)),
            Err(bad) => bad,
        };
        if let BadValue::TooLong { length, limit, .. } = &bad
            && rule.too_long == kinds::TooLong::Truncate
        {
            let limit = usize::try_from(*limit).unwrap_or_default();
            if let Some(value) = shortened(&rule.def, text, limit)
                && let Ok(value) = canonical(&rule.def, &value, zone)
            {
                return Ok((value, u32::try_from(*length).ok()));
            }
        }
        Err(Draft::bad_value(&rule.name, &bad))
    }

    pub(super) fn many(
        &mut self,
        rule: &'t AttributeRule,
        texts: Vec<CompactString>,
    ) -> Result<(), Draft> {
        let mut values: Vec<CompactString> = Vec::with_capacity(texts.len());
        let mut cut = None;
        for text in texts {
            let (value, length) = self.fitted(rule, &text)?;
            // Two that differ only in what was cut off are one.
            if length.is_some() && values.contains(&value) {
                continue;
            }
            cut = cut.max(length);
            values.push(value);
        }
        if rule.def.single_valued && values.len() > 1 {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!(
                    "{} takes one value and the rule gives {}",
                    rule.name,
                    values.len()
                ),
            ));
        }
        if is_reference(&rule.def) {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!("{} takes other accounts; use person", rule.name),
            ));
        }
        if !crate::diff::same(&rule.def, self.observed(rule), &values) {
            values.sort();
            self.push_cut(rule, After::Values(values), cut);
        }
        Ok(())
    }

    fn nothing(&mut self, rule: &'t AttributeRule, wanted: &Wanted) -> Result<(), Draft> {
        if *wanted != Wanted::Clear || self.observed(rule).is_empty() {
            return Ok(());
        }
        let after: Vec<CompactString> = match cleared(&rule.def) {
            Cleared::Nothing => Vec::new(),
            Cleared::Value(value) => vec![value.into()],
            Cleared::Impossible => {
                return Err(Draft::new(
                    held::CANNOT_CLEAR,
                    format!("{} cannot be empty", rule.name),
                ));
            }
        };
        if crate::diff::same(&rule.def, self.observed(rule), &after) {
            return Ok(());
        }
        if self.proven() {
            self.push(rule, After::Values(after));
        } else {
            self.unproven(&format!("clearing {}", rule.name), rule.rule);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, rule: &'t AttributeRule, after: After) {
        self.push_cut(rule, after, None);
    }

    fn push_cut(&mut self, rule: &'t AttributeRule, after: After, cut: Option<u32>) {
        let state = self.target.state(self.subject);
        if rule.origin == Origin::State
            && !state.enabled
            && self.entry.is_some()
            && !self.may_take()
        {
            let what = format!(
                "setting {} for state {}",
                rule.name,
                spoken::name(&state.name)
            );
            return self.unproven(&what, rule.rule);
        }
        // It may be all that keeps out somebody who is to be shut out and cannot be yet.
        if works_longer(rule, self.observed(rule), &after) && self.shutting_waits() {
            return self.unproven(&format!("a later {}", rule.name), rule.rule);
        }
        if !self.proven()
            && let Some(what) = self.takes_away(rule, &after)
        {
            return self.unproven(&what, rule.rule);
        }
        if self.is_left(rule, &after) {
            return;
        }
        self.outcome.attributes.push(Delta {
            rule,
            with: Vec::new(),
            after,
            cut,
        });
    }

    /// What the account would lose by the change although no rule clears anything: time, or one value of several.
    fn takes_away(&self, rule: &AttributeRule, after: &After) -> Option<String> {
        let observed = self.observed(rule);
        let stays = |value: &CompactString| match after {
            // Another address becomes the primary one; this one still receives mail.
            After::Values(_) if rule.keeps => true,
            After::Values(values) => values.iter().any(|kept| equal(&rule.def, kept, value)),
            After::Object(object) => self.target.index.by_text(value) == Some(*object),
            After::Made(_) => false,
            After::Merged { remove, .. } => !remove.contains(value),
        };
        if !rule.def.single_valued && !observed.iter().all(stays) {
            return Some(format!("taking values of {} away", rule.name));
        }
        let (before, after) = expiries(rule, observed, after)?;
        (self.entry.is_some() && after < before).then(|| format!("an earlier {}", rule.name))
    }

    fn name(&mut self, rule: &'t AttributeRule, names: &'t NameRule) -> Result<(), Draft> {
        let mut candidates = names.candidates(self.context);
        if let Some(error) = &candidates.failed {
            return Err(Draft::problem(&rule.name, &Problem::of(error.clone())));
        }
        let reported = !candidates.unmapped.is_empty();
        self.outcome.notes.unmapped.append(&mut candidates.unmapped);
        if candidates.names.is_empty() {
            if candidates.missing.is_empty() && !reported {
                return Err(Draft::new(
                    held::NO_USABLE_NAME,
                    format!("no format gives a usable {}", rule.name),
                ));
            }
            let wanted = rule
                .empty(candidates.missing)
                .map_err(|problem| Draft::problem(&rule.name, &problem))?;
            return self.nothing(rule, &wanted);
        }
        if let [current] = self.observed(rule)
            && names.could_be(&candidates, current)
        {
            return Ok(());
        }
        for (name, _) in &candidates.names {
            canonical(&rule.def, name, self.context.as_of.time_zone())
                .map_err(|bad| Draft::bad_value(&rule.name, &bad))?;
            if crate::mapping::length(name) > names.limit {
                return Err(Draft::new(
                    held::VALUE_TOO_LONG,
                    format!(
                        "{}: {} characters long, the limit is {}",
                        rule.name,
                        crate::mapping::length(name),
                        names.limit
                    ),
                ));
            }
        }
        if names.single && !names.is_clean(&candidates) {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!("{} has characters that are not allowed in it", rule.name),
            ));
        }
        self.outcome.names.push(NameNeed {
            rule,
            names,
            candidates,
        });
        Ok(())
    }
}

/// When the account stops working now, and when it will; `None` where the rule is not about that.
fn expiries(rule: &AttributeRule, observed: &[CompactString], after: &After) -> Option<(i64, i64)> {
    let After::Values(values) = after else {
        return None;
    };
    // An account whose expiry was not read, or that has none, works for ever.
    let of = |values: &[CompactString]| values.first().map_or(i64::MAX, |value| ticks(value));
    is_expiry(&rule.def).then(|| (of(observed), of(values)))
}

/// Whether a change lets the account work longer.
pub(super) fn works_longer(
    rule: &AttributeRule,
    observed: &[CompactString],
    after: &After,
) -> bool {
    expiries(rule, observed, after).is_some_and(|(before, after)| after > before)
}
