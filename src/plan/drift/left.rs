//! Edits a rule does not want written back, met while a person is evaluated.
//!
//! Keeps that nothing is left as somebody made it unless the evidence says that somebody did, and that what a rule asks
//! about is never written without an answer.

use compact_str::CompactString;

use super::super::changes::{change_id, index, object_text};
use super::super::contents::plan_value;
use super::super::draft::Draft;
use super::super::evaluate::{After, Evaluation};
use super::super::target::{Subject, Target};
use super::super::{EditLeft, PlanValue};
use super::reading::alike;
use super::{Edit, Evidence, Finding};
use crate::config::kinds::DriftPolicy;
use crate::lifecycle::RuleId;
use crate::mapping::{AttributeRule, equal, is_reference};
use crate::model::Location;
use crate::policy::{Code, held};

/// An edit that stays, while a person is evaluated.
pub(in crate::plan) struct Left {
    pub(in crate::plan) what: String,
    pub(in crate::plan) found: Vec<PlanValue>,
    pub(in crate::plan) wanted: Vec<PlanValue>,
    pub(in crate::plan) then: Option<Vec<PlanValue>>,
    pub(in crate::plan) policy: DriftPolicy,
    pub(in crate::plan) rule: RuleId,
    /// Why it is held, when it is.
    pub(in crate::plan) held: Option<(Code, String)>,
    /// The account, where it is not the one the person has.
    pub(in crate::plan) object: Option<u32>,
}

/// A difference that is left as it is, as a plan lists it.
pub(in crate::plan) struct LeftThere {
    pub(in crate::plan) edit: EditLeft,
    /// Nothing tells whether somebody made it.
    pub(in crate::plan) unclear: bool,
}

impl Left {
    /// Why the person is held in part for it.
    pub(in crate::plan) fn draft(&self, account: Option<u32>) -> Option<Draft> {
        let (code, reason) = self.held.as_ref()?;
        let draft = Draft::new(*code, reason.clone()).rule(self.rule).partial();
        Some(draft.accounts(account.into_iter().collect()))
    }

    /// As a plan lists it.
    pub(in crate::plan) fn told(
        &self,
        target: &Target<'_>,
        subject: &Subject,
    ) -> Option<LeftThere> {
        let unclear = |(code, _): &(Code, String)| code.code == held::DRIFT_UNDETERMINED.code;
        let edit = EditLeft {
            person: target.side(subject).reference(subject.person),
            target: target.name.clone(),
            object: target.object(self.object.or_else(|| subject.account())?),
            what: self.what.clone(),
            found: self.found.clone(),
            wanted: self.wanted.clone(),
            wanted_then: self.then.clone(),
            policy: self.policy,
            rule: index(self.rule),
        };
        Some(LeftThere {
            edit,
            unclear: self.held.as_ref().is_some_and(unclear),
        })
    }
}

/// A difference somebody may have made.
struct Differing<'d> {
    what: &'d str,
    found: Vec<PlanValue>,
    wanted: Vec<PlanValue>,
    policy: DriftPolicy,
    rule: RuleId,
}

impl<'a> Evaluation<'_, '_, 'a> {
    /// Whether an attribute is left as somebody made it, or held because nobody can tell.
    pub(in crate::plan) fn is_left(&mut self, rule: &AttributeRule, after: &After) -> bool {
        if rule.drift == DriftPolicy::Revert || !self.may_be_own(rule.drift) {
            return false;
        }
        let Some(entry) = self.entry else {
            return false;
        };
        let target = self.target;
        // Somebody's account that this plan only now makes was never wanted before.
        let Some(wanted) = self.as_values(rule, after) else {
            return false;
        };
        let values = self.told(rule, self.observed(rule));
        let found = match target.evidence {
            Evidence::Unasked => return false,
            Evidence::Missing => Finding::Unknown,
            Evidence::Known(edits) => {
                let side = target.side(self.subject);
                let key = &side.person(self.subject.person).key;
                edits.attribute(
                    target.name,
                    entry.guid,
                    (&rule.name, &values),
                    (side.source, key),
                    &self.location(rule),
                )
            }
        };
        let differing = Differing {
            what: &rule.name,
            found: values,
            wanted,
            policy: rule.drift,
            rule: rule.rule,
        };
        self.stays(differing, &found, |one, other| match (one, other) {
            (PlanValue::Text(one), PlanValue::Text(other)) => equal(&rule.def, one, other),
            (one, other) => alike(one, other),
        })
    }

    /// Whether an account stays where somebody moved it.
    pub(in crate::plan) fn stays_there(&mut self, place: u32, rule: RuleId) -> bool {
        let target = self.target;
        let policy = target.mapping(self.subject).drift.placement;
        let by_state = target.state(self.subject).placement.is_some();
        if by_state || policy == DriftPolicy::Revert || !self.may_be_own(policy) {
            return false;
        }
        let Some(here) = self.entry.and_then(|entry| entry.dn.parent()) else {
            return false;
        };
        let differing = Differing {
            what: "placement",
            found: vec![PlanValue::Text(here.to_string())],
            wanted: vec![PlanValue::Text(target.index.entry(place).dn.to_string())],
            policy,
            rule,
        };
        match self.step("move", &differing) {
            None => false,
            Some(finding) => self.stays(differing, &finding, |one, other| one == other),
        }
    }

    /// Whether an account stays disabled because somebody disabled it. Who wants to be asked is asked about one that is only
    /// recognised, too: somebody disabled it, whoever's it was.
    pub(in crate::plan) fn stays_disabled(&mut self) -> bool {
        let target = self.target;
        let policy = target.mapping(self.subject).drift.disabled;
        if policy == DriftPolicy::Revert || !(self.is_own() || policy == DriftPolicy::Ask) {
            return false;
        }
        let rule = target.state(self.subject).rule;
        let differing = Differing {
            what: "enabled",
            found: vec![PlanValue::Text("false".to_owned())],
            wanted: vec![PlanValue::Text("true".to_owned())],
            policy,
            rule,
        };
        match self.step("enable", &differing) {
            None => false,
            Some(finding) => self.stays(differing, &finding, |one, other| one == other),
        }
    }

    fn step(&self, kind: &str, differing: &Differing<'_>) -> Option<Finding<'a>> {
        let target = self.target;
        Some(match target.evidence {
            Evidence::Unasked => return None,
            Evidence::Missing => Finding::Unknown,
            Evidence::Known(edits) => {
                let id = change_id(target.name, &object_text(target, self.subject), kind, "");
                let side = target.side(self.subject);
                let key = &side.person(self.subject.person).key;
                let place = target.places.get(differing.rule.0 as usize).cloned();
                let place = place.unwrap_or_else(nowhere);
                let account = self.entry.map(|entry| entry.guid);
                let found = (differing.what, differing.found.as_slice());
                edits.step(
                    (target.name, account),
                    &id,
                    found,
                    (side.source, key),
                    &place,
                )
            }
        })
    }

    /// What becomes of a difference, by what is known of it.
    fn stays(
        &mut self,
        differing: Differing<'_>,
        finding: &Finding<'_>,
        same: impl Fn(&PlanValue, &PlanValue) -> bool,
    ) -> bool {
        let edit: &Edit = match finding {
            Finding::Untouched => return false,
            Finding::Open if differing.policy != DriftPolicy::Ask => return false,
            Finding::Open | Finding::Unknown => {
                let reason = format!(
                    "{} differs from what the rules want ({}, not {}), and nothing tells whether somebody edited it",
                    differing.what,
                    shown(&differing.found),
                    shown(&differing.wanted)
                );
                self.outcome.left.push(Left {
                    what: differing.what.to_owned(),
                    found: differing.found,
                    wanted: differing.wanted,
                    then: None,
                    policy: differing.policy,
                    rule: differing.rule,
                    held: Some((held::DRIFT_UNDETERMINED, reason)),
                    object: None,
                });
                return true;
            }
            Finding::Edited(edit) => edit,
        };
        let wanted = &differing.wanted;
        let unchanged = edit.wanted.len() == wanted.len()
            && wanted
                .iter()
                .all(|one| edit.wanted.iter().any(|other| same(one, other)));
        if differing.policy == DriftPolicy::Accept && !unchanged {
            return false;
        }
        let held = (differing.policy == DriftPolicy::Ask).then(|| {
            let mut reason = format!(
                "somebody edited {} in the directory: {} stands there, and the rules want {}",
                differing.what,
                shown(&differing.found),
                shown(wanted)
            );
            if !unchanged {
                reason.push_str(&format!(", and {} before", shown(&edit.wanted)));
            }
            (held::DRIFT_ASK, reason)
        });
        self.outcome.left.push(Left {
            what: differing.what.to_owned(),
            found: differing.found,
            wanted: differing.wanted,
            then: (!unchanged).then(|| edit.wanted.clone()),
            policy: differing.policy,
            rule: differing.rule,
            held,
            object: None,
        });
        true
    }

    /// Whether the account is the person's: what stands on one that is only recognised was never ours.
    fn is_own(&self) -> bool {
        self.target.is_own(self.subject)
    }

    /// The same, where it is known; without a recording nobody can tell, and who wants to be asked is.
    fn may_be_own(&self, policy: DriftPolicy) -> bool {
        self.target.may_be_own(self.subject, policy)
    }

    fn location(&self, rule: &AttributeRule) -> Location {
        let place = self.target.places.get(rule.rule.0 as usize);
        place.cloned().unwrap_or_else(nowhere)
    }

    fn told(&self, rule: &AttributeRule, values: &[CompactString]) -> Vec<PlanValue> {
        let index = &self.target.index;
        let one = |value: &CompactString| match index.by_text(value) {
            Some(object) if is_reference(&rule.def) => {
                PlanValue::Object(self.target.object(object))
            }
            _ => plan_value(&rule.def, value),
        };
        let mut values: Vec<&CompactString> = values.iter().collect();
        values.sort();
        values.into_iter().map(one).collect()
    }

    /// What an attribute is to become; `None` for an account this plan makes.
    fn as_values(&self, rule: &AttributeRule, after: &After) -> Option<Vec<PlanValue>> {
        Some(match after {
            After::Values(values) => self.told(rule, values),
            After::Object(object) => vec![PlanValue::Object(self.target.object(*object))],
            After::Made(_) => return None,
            After::Merged { add, remove } => {
                let kept = self.observed(rule).iter();
                let kept = kept.filter(|value| !remove.contains(value)).cloned();
                let values: Vec<CompactString> = kept.chain(add.iter().cloned()).collect();
                self.told(rule, &values)
            }
        })
    }
}

/// A place that no rule stands at.
fn nowhere() -> Location {
    Location {
        file: "".into(),
        line: 0,
        column: 0,
    }
}

/// Values as a sentence has them.
fn shown(values: &[PlanValue]) -> String {
    let one = |value: &PlanValue| match value {
        PlanValue::Text(text) => format!("{text:?}"),
        PlanValue::Octets(octets) => octets.to_string(),
        PlanValue::Object(object) => object.dn.spoken(),
    };
    match values {
        [] => "no value".to_owned(),
        values => values.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
