//! Rules that speak of the person's account (`account.mail`): what they see, and when they can be asked.
//!
//! What such a rule sees of an attribute is what the account will have after the plan: the value given in it, else the
//! one observed. A rule that speaks of a name still to be found waits until it is.

use std::borrow::Cow;

use compact_str::{CompactString, format_compact};

use super::draft::Draft;
use super::evaluate::{After, Evaluation, Outcome};
use super::naming::Given;
use super::target::Target;
use crate::lang::PersonContext;
use crate::mapping::{AttributeRule, Moved, Problem, RuleKind, Slot, Spoken, Wanted, kept};
use crate::model::Fact;

impl<'a> Evaluation<'_, '_, 'a> {
    /// What is there before rules add to it: all that was, with a former `mail` as an alias where addresses are kept.
    pub(super) fn standing(&self, rule: &AttributeRule) -> Cow<'a, [CompactString]> {
        let observed = self.entry.map_or(&[][..], |entry| entry.values(rule.id));
        let moved = if rule.keeps { self.moved_mail() } else { None };
        match &moved {
            None => Cow::Borrowed(observed),
            Some((from, to)) => Cow::Owned(kept(observed, Vec::new(), Some(Moved { from, to }))),
        }
    }
}

impl<'t> Evaluation<'_, 't, '_> {
    /// Takes a subject up again, with what has been found about it so far.
    pub(super) fn resume<'s, 'a>(
        target: &'t Target<'a>,
        at: u32,
        context: &'s PersonContext<'s>,
        outcome: Outcome<'t>,
    ) -> Evaluation<'s, 't, 'a> {
        let subject = &target.subjects[at as usize];
        Evaluation {
            target,
            subject,
            at,
            entry: subject.account().map(|object| target.index.entry(object)),
            context,
            outcome,
        }
    }

    /// Whether somebody speaks of something that is not settled yet.
    pub(super) fn waits(&self, slot: &Slot) -> bool {
        let mapping = self.target.mapping(self.subject);
        mapping
            .speaks_of(slot)
            .into_iter()
            .filter_map(|at| mapping.spoken[usize::from(at)].id)
            .any(|id| {
                self.outcome.names.iter().any(|need| need.rule.id == id)
                    || self
                        .outcome
                        .waiting
                        .iter()
                        .any(|other| mapping.decides_about(other) == Some(id))
            })
    }

    /// Asks those who speak of the account.
    pub(super) fn with_account(&mut self, slot: &'t Slot, given: &Given<'t>) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        let mut account: Vec<Option<Fact>> = vec![None; mapping.spoken.len()];
        for at in mapping.speaks_of(slot) {
            let at = usize::from(at);
            account[at] = self.becomes(&mapping.spoken[at], given).map(Fact::Text);
        }
        let context = PersonContext {
            person: self.context.person,
            account: &account,
            as_of: self.context.as_of.clone(),
            tables: self.context.tables,
        };
        let mut inner = Evaluation {
            target: self.target,
            subject: self.subject,
            at: self.at,
            entry: self.entry,
            context: &context,
            outcome: std::mem::take(&mut self.outcome),
        };
        let result = inner.slot(slot);
        self.outcome = inner.outcome;
        result
    }

    /// What an attribute of the account will be.
    fn becomes(&self, spoken: &Spoken, given: &Given<'t>) -> Option<CompactString> {
        let id = spoken.id?;
        if let Some((_, name, _)) = given.attributes.iter().find(|(rule, ..)| rule.id == id) {
            return Some(name.clone());
        }
        if Some(id) == self.target.known.cn
            && let Some((name, _)) = &given.cn
        {
            return Some(name.clone());
        }
        let wanted = self.outcome.attributes.iter().find(|one| one.rule.id == id);
        let values = match wanted.map(|delta| &delta.after) {
            Some(After::Values(values)) => values.as_slice(),
            Some(_) => return None,
            None => self.entry.map_or(&[][..], |entry| entry.values(id)),
        };
        match values {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// The account's `mail`, when it becomes another.
    pub(super) fn moved_mail(&self) -> Option<(CompactString, CompactString)> {
        let mapping = self.target.mapping(self.subject);
        let (at, one) = mapping
            .spoken
            .iter()
            .enumerate()
            .find(|(_, one)| one.name.eq_ignore_ascii_case("mail"))?;
        let before = self.entry?.value(one.id?)?;
        let fields = self.target.side(self.subject).people.header.fields.len();
        let at = u16::try_from(fields + at).ok()?;
        let Fact::Text(after) = self.context.fact(crate::model::FieldIndex(at))? else {
            return None;
        };
        let same = |text: &str| format_compact!("{}", text.trim()).to_lowercase();
        (same(before) != same(after)).then(|| (CompactString::from(before), after.clone()))
    }

    /// Addresses of which none is lost, whoever gives further ones.
    pub(super) fn addresses(&mut self, rules: &[u32]) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        let mut wanted: Vec<CompactString> = Vec::new();
        let mut speaker: Option<&'t AttributeRule> = None;
        for at in rules {
            let rule = mapping.rule(*at);
            if self.has_no_say(rule) || rule.blind.is_some() {
                continue;
            }
            let problem = |problem: Problem| Draft::problem(&rule.name, &problem).rule(rule.rule);
            if !rule.applies(self.context).map_err(problem)? {
                continue;
            }
            speaker = speaker.or(Some(rule));
            let formulas = match &rule.kind {
                RuleKind::Value(formula) => std::slice::from_ref(formula),
                RuleKind::Values(formulas) => formulas.as_slice(),
                _ => &[],
            };
            if formulas.is_empty() {
                continue;
            }
            match rule
                .many(formulas, self.context, &mut self.outcome.notes)
                .map_err(problem)?
            {
                Wanted::Many(values) => wanted.extend(values),
                Wanted::One(value) => wanted.push(value),
                Wanted::Leave | Wanted::Clear => {}
            }
        }
        let moved = self.moved_mail();
        // A rule without a say keeps the former address all the same.
        let silent = rules.first().filter(|_| moved.is_some());
        let Some(rule) = speaker.or_else(|| silent.map(|at| mapping.rule(*at))) else {
            return Ok(());
        };
        let moved = moved.as_ref().map(|(from, to)| Moved { from, to });
        let values = kept(self.observed(rule), wanted, moved);
        if values.is_empty() {
            return Ok(());
        }
        self.many(rule, values).map_err(|draft| match draft.rule {
            Some(_) => draft,
            None => draft.rule(rule.rule),
        })
    }
}
