//! Why a change is made, in words and facts.
//!
//! Keeps that a reason shows the facts a rule read and no others, and that a plan repeats no fact of great length.

use std::collections::BTreeMap;

use super::Reason;
use super::changes::{Making, index};
use super::draft::listed;
use super::evaluate::After;
use super::steps::One;
use super::target::Subject;
use crate::lang::ACCOUNT;
use crate::lifecycle::{Facts, RuleId};
use crate::mapping::{AttributeRule, Origin, RoleTemplate};
use crate::model::{AttributeId, Name, spoken};

/// Why names change together.
pub(super) const RENAMED: &str = "the person's name has changed, and names follow";

impl Making<'_, '_> {
    pub(super) fn facts(&self, subject: &Subject, fields: &[Name]) -> BTreeMap<String, String> {
        let side = self.target.side(subject);
        let mut facts = Facts {
            header: &side.people.header,
            person: side.person(subject.person),
        }
        .of(fields);
        for fact in facts.values_mut() {
            bounded(fact);
        }
        facts
    }

    /// The facts that put a subject into its state.
    pub(super) fn state_facts(&self, subject: &Subject) -> BTreeMap<String, String> {
        let side = self.target.side(subject);
        let facts = Facts {
            header: &side.people.header,
            person: side.person(subject.person),
        };
        side.lifecycle
            .deciding_facts(usize::from(subject.state), &facts)
    }

    /// The facts behind what a rule gives an attribute; of a rule that a state sets, also those behind the state, and
    /// of a rule that speaks of the account (`account.mail`) what stands there and the facts behind that.
    pub(super) fn rule_facts(&self, at: u32, rule: &AttributeRule) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let mut open: Vec<&AttributeRule> = vec![rule];
        // A circle is refused, so each attribute comes up once; noting it keeps a diamond from being walked twice.
        let mut seen: Vec<AttributeId> = Vec::new();
        while let Some(rule) = open.pop() {
            facts.extend(self.own_facts(at, rule));
            let mapping = self.target.mapping(&self.target.subjects[at as usize]);
            for spoken in &rule.speaks_of {
                let spoken = &mapping.spoken[usize::from(*spoken)];
                let Some(id) = spoken.id.filter(|id| !seen.contains(id)) else {
                    continue;
                };
                seen.push(id);
                let (value, by) = self.account_fact(at, id);
                if let Some(mut value) = value {
                    bounded(&mut value);
                    facts.insert(format!("{ACCOUNT}{}", spoken.name), value);
                }
                open.extend(by);
            }
        }
        facts
    }

    /// What an attribute of the account is after the plan, and the rule that makes it so when this plan changes it.
    fn account_fact(&self, at: u32, id: AttributeId) -> (Option<String>, Option<&AttributeRule>) {
        let given = self.given.get(&at);
        let named =
            given.and_then(|given| given.attributes.iter().find(|(rule, ..)| rule.id == id));
        if let Some((rule, name, _)) = named {
            return (Some(name.to_string()), Some(*rule));
        }
        let subject = &self.target.subjects[at as usize];
        if Some(id) == self.target.known.cn
            && let Some((name, _)) = given.and_then(|given| given.cn.as_ref())
        {
            return (Some(name.to_string()), self.target.cn_rule(subject));
        }
        let outcome = self.outcomes[at as usize].as_deref();
        let delta =
            outcome.and_then(|outcome| outcome.attributes.iter().find(|delta| delta.rule.id == id));
        if let Some(delta) = delta {
            let value = match &delta.after {
                After::Values(values) => values.first().map(ToString::to_string),
                After::Object(_) | After::Made(_) | After::Merged { .. } => None,
            };
            return (value, Some(delta.rule));
        }
        let observed = subject
            .account()
            .and_then(|object| self.target.index.entry(object).value(id));
        (observed.map(str::to_owned), None)
    }

    /// The facts a rule reads itself, and those that put it in force.
    fn own_facts(&self, at: u32, rule: &AttributeRule) -> BTreeMap<String, String> {
        let subject = &self.target.subjects[at as usize];
        let mut facts = self.facts(subject, &rule.fields);
        self.name_primary(subject, rule, &mut facts);
        if rule.origin == Origin::State {
            facts.extend(self.state_facts(subject));
        }
        if let Some(template) = self.target.mapping(subject).template_of(rule) {
            facts.extend(self.template_facts(subject, template));
        }
        facts
    }

    /// The facts that say whether a template concerns a subject.
    fn template_facts(
        &self,
        subject: &Subject,
        template: &RoleTemplate,
    ) -> BTreeMap<String, String> {
        template
            .when
            .as_ref()
            .map(|test| self.facts(subject, test.condition.fields_used()))
            .unwrap_or_default()
    }

    /// The facts behind the place an account stands in by the mapping or a template.
    pub(super) fn place_facts(&self, subject: &Subject, rule: RuleId) -> BTreeMap<String, String> {
        let mapping = self.target.mapping(subject);
        let given = mapping.templates.iter().find_map(|template| {
            let formula = template.placement.as_ref()?;
            (formula.rule == rule).then_some((template, formula))
        });
        let Some((template, formula)) = given else {
            return self.facts(subject, mapping.placement.template.fields_used());
        };
        let mut facts = self.facts(subject, formula.template.fields_used());
        facts.extend(self.template_facts(subject, template));
        facts
    }
}

impl One<'_, '_, '_> {
    /// The state as a reason: its text for this person, and the facts that led there.
    pub(super) fn state(&self) -> Reason {
        let target = self.making.target;
        let side = target.side(self.subject);
        let state = target.state(self.subject);
        let text = state
            .reason
            .as_ref()
            .and_then(|reason| {
                let context = side.context(target.moment, self.subject.person);
                reason.text(&context).ok()
            })
            .filter(|text| !text.is_empty())
            .map_or_else(
                || format!("state {}", spoken::name(&state.name)),
                |text| text.to_string(),
            );
        Reason {
            text,
            rule: index(state.rule),
            facts: self.making.state_facts(self.subject),
        }
    }

    /// Why the account is disabled although the state says nothing of it.
    pub(super) fn stopped(&self) -> Option<Reason> {
        let target = self.making.target;
        let side = target.side(self.subject);
        let rule = side.exceptions.stops(self.subject.person)?;
        if !target.state(self.subject).enabled {
            return None;
        }
        side.exceptions.reason(self.subject.person, rule)
    }

    /// Why attributes are set: what the rules that set them belong to.
    pub(super) fn rules_reason<'r>(
        &self,
        rules: impl Iterator<Item = &'r AttributeRule>,
    ) -> Reason {
        let mapping = self.making.target.mapping(self.subject);
        let exceptions = &self.making.target.side(self.subject).exceptions;
        let rules: Vec<&AttributeRule> = rules.collect();
        if let [first, rest @ ..] = rules.as_slice()
            && rest.iter().all(|rule| rule.origin == Origin::Exception)
            && let Some(reason) = exceptions.reason(self.subject.person, first.rule)
        {
            return reason;
        }
        let mut own = false;
        let mut templates: Vec<&RoleTemplate> = Vec::new();
        for rule in rules {
            match mapping.template_of(rule) {
                Some(template) => templates.push(template),
                None => own = true,
            }
        }
        templates.sort_by_key(|template| &template.name);
        templates.dedup_by_key(|template| &template.name);
        let names: Vec<Name> = templates
            .iter()
            .map(|template| template.name.clone())
            .collect();
        let many = if names.len() == 1 {
            "template"
        } else {
            "templates"
        };
        let (text, rule) = match (own || names.is_empty(), templates.as_slice()) {
            (true, []) => (
                format!("the account differs from mapping {}", mapping.name),
                mapping.rule,
            ),
            (true, _) => (
                format!(
                    "the account differs from mapping {} and {many} {}",
                    mapping.name,
                    listed(&names)
                ),
                mapping.rule,
            ),
            (false, [first, ..]) => (
                format!("the account differs from {many} {}", listed(&names)),
                first.rule,
            ),
            (false, []) => (String::new(), mapping.rule),
        };
        Reason {
            text,
            rule: index(rule),
            facts: BTreeMap::new(),
        }
    }
}

/// How many bytes of a fact a plan repeats; a picture stands in it once, as the value.
const SHOWN: usize = 1024;

fn bounded(fact: &mut String) {
    if fact.len() > SHOWN {
        let length = fact.len();
        let mut end = 64;
        while !fact.is_char_boundary(end) {
            end -= 1;
        }
        fact.truncate(end);
        fact.push_str(&format!("… ({length} bytes)"));
    }
}
