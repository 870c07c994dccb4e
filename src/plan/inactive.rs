//! People whom the source calls inactive, where it says so.
//!
//! Knows the lifecycle's policy and the state that was chosen. Keeps that nobody inactive gets an account or has one
//! enabled, whatever the states say, and that where people decide, nothing but a stop changes the account before.

use super::counting::Work;
use super::draft::{Draft, Warnings};
use super::evaluate::{After, Delta, Evaluation};
use super::outcome::Outcome;
use super::target::{Subject, Target};
use crate::config::kinds::InactiveThen;
use crate::lifecycle::{Inactive, RuleId};
use crate::model::{ACCOUNTDISABLE, spoken};
use crate::policy::{held, warning};

impl Target<'_> {
    /// The policy, when the subject is inactive.
    pub(super) fn inactive(&self, subject: &Subject) -> Option<&Inactive> {
        let policy = self.side(subject).lifecycle.inactive.as_ref();
        policy.filter(|_| subject.inactive)
    }

    /// Whether nothing is done for a subject: people decide, or a new account may yet come.
    pub(super) fn is_left_alone(&self, subject: &Subject) -> bool {
        self.is_left_to_people(subject) || subject.counting.stamp == Work::Kept
    }

    /// Whether people decide what becomes of a subject, and no state does.
    pub(super) fn is_left_to_people(&self, subject: &Subject) -> bool {
        self.inactive(subject)
            .is_some_and(|inactive| inactive.then != InactiveThen::States)
    }

    /// Why nothing is done for somebody inactive whose state has an account enabled or would make one.
    pub(super) fn refused(&self, subject: &Subject) -> Option<Draft> {
        let inactive = self.inactive(subject)?;
        let state = self.state(subject);
        let what = match subject.account() {
            _ if inactive.then != InactiveThen::States => return None,
            Some(_) if state.enabled => "has accounts enabled",
            None if state.create => "would make an account",
            _ => return None,
        };
        let text = format!(
            "the person is inactive, and state {} {what}",
            spoken::name(&state.name)
        );
        Some(Draft::new(held::INACTIVE_ENABLED, text).rule(state.rule))
    }

    /// Names enabled accounts that are left as they are although the person is inactive.
    pub(super) fn warn_of_inactive(&self, warnings: &mut Warnings) {
        for subject in &self.subjects {
            if let Some(inactive) = self.inactive(subject)
                && inactive.then == InactiveThen::Report
                && self.is_concerned(subject)
            {
                warnings.add(
                    warning::INACTIVE,
                    format!(
                        "accounts in {} stay enabled, and their people are inactive",
                        self.name
                    ),
                    self.side(subject).shown(subject.person),
                );
            }
        }
    }

    /// Whether there is an account to decide about: one that is enabled, as far as the read tells.
    fn is_concerned(&self, subject: &Subject) -> bool {
        let flags = |object| self.index.entry(object).value(self.known.uac);
        subject.account().is_some_and(|object| {
            let flags = flags(object).and_then(|flags| flags.parse::<i64>().ok());
            flags.is_none_or(|flags| flags & ACCOUNTDISABLE == 0)
        })
    }
}

impl<'t> Evaluation<'_, 't, '_> {
    /// What is left to do for somebody whom people decide about: a stop still shuts the account, and who is seen is not
    /// missing any more.
    pub(super) fn left_alone(mut self, stopped: Option<RuleId>) -> Outcome<'t> {
        if let Some(rule) = &self.target.mapping(self.subject).stamp
            && let Some(left) = self.without_absence(rule)
        {
            self.outcome.attributes.push(Delta {
                rule,
                with: Vec::new(),
                after: After::Values(left),
                cut: None,
            });
        }
        if stopped.is_some() {
            self.switch(stopped);
        }
        let mut outcome = self.outcome;
        outcome.create = false;
        if let Some(inactive) = self.target.inactive(self.subject)
            && inactive.then == InactiveThen::HoldForReview
            && self.target.is_concerned(self.subject)
        {
            let mut draft = Draft::new(
                held::INACTIVE,
                "the person is inactive, and the account is enabled",
            );
            draft.accounts.extend(self.subject.account());
            draft.partial = outcome.changes();
            outcome.whole = Some(draft.rule(inactive.when.rule));
        }
        outcome
    }
}
