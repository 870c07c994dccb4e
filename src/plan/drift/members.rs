//! Memberships somebody gave or took by hand, where a rule does not want that written back.
//!
//! Knows the change that would write it back. Keeps that power over the domain, and whatever a state takes away, is
//! never left as somebody made it.

use super::super::changes::index;
use super::super::draft::Draft;
use super::super::target::Target;
use super::super::{Action, Change, EditLeft, ObjectRef, PlanValue};
use super::{Evidence, Finding, LeftThere};
use crate::config::kinds::DriftPolicy;
use crate::lifecycle::RuleId;
use crate::model::{Location, spoken};
use crate::policy::held;

/// A membership that stays as somebody made it, or of which nobody can tell whether somebody did.
pub(in crate::plan) struct MemberLeft {
    /// The subject.
    pub(in crate::plan) at: u32,
    /// As a plan lists it.
    pub(in crate::plan) there: LeftThere,
    /// Why the person is held in part for it, when they are.
    pub(in crate::plan) draft: Option<Draft>,
}

impl MemberLeft {
    /// What becomes of a change of a membership, by what is known of edits; nothing when it is made.
    pub(in crate::plan) fn of(
        target: &Target<'_>,
        at: u32,
        policy: DriftPolicy,
        rule: RuleId,
        change: &Change,
    ) -> Option<Self> {
        let subject = target.subjects.get(at as usize)?;
        // What a new account, or one that is only recognised, is in was never ours.
        if policy == DriftPolicy::Revert || change.privileged || !target.may_be_own(subject, policy)
        {
            return None;
        }
        let (member, enters) = match &change.action {
            Action::AddMember { member } => (member, true),
            Action::RemoveMember { member } => (member, false),
            _ => return None,
        };
        let finding = match target.evidence {
            Evidence::Unasked => return None,
            Evidence::Missing => Finding::Unknown,
            Evidence::Known(edits) => {
                let side = target.side(subject);
                let key = &side.person(subject.person).key;
                let place = target.places.get(rule.0 as usize).cloned();
                let place = place.unwrap_or_else(|| Location {
                    file: "".into(),
                    line: 0,
                    column: 0,
                });
                edits.change(change, (side.source, key), &place)
            }
        };
        let group = spoken::name(&change.object.dn.rdn().value);
        let (code, reason) = match (finding, enters) {
            (Finding::Untouched, _) => return None,
            (Finding::Open, _) if policy != DriftPolicy::Ask => return None,
            (Finding::Open | Finding::Unknown, true) => (
                held::DRIFT_UNDETERMINED,
                format!(
                    "the account is not in the group {group}, which the rules give, and nothing tells whether somebody took it out"
                ),
            ),
            (Finding::Open | Finding::Unknown, false) => (
                held::DRIFT_UNDETERMINED,
                format!(
                    "the account is in the group {group}, which no rule gives, and nothing tells whether somebody put it in"
                ),
            ),
            (Finding::Edited(_), true) => (
                held::DRIFT_ASK,
                format!("somebody took the account out of the group {group}, which the rules give"),
            ),
            (Finding::Edited(_), false) => (
                held::DRIFT_ASK,
                format!("somebody put the account into the group {group}, which no rule gives"),
            ),
        };
        let known = code.code == held::DRIFT_ASK.code;
        let value = |member: &ObjectRef| vec![PlanValue::Object(member.clone())];
        let (found, wanted) = if enters {
            (Vec::new(), value(member))
        } else {
            (value(member), Vec::new())
        };
        let edit = EditLeft {
            person: change.person.clone(),
            target: target.name.clone(),
            object: change.object.clone(),
            what: "member".to_owned(),
            found,
            wanted,
            wanted_then: None,
            policy,
            rule: index(rule),
        };
        let there = LeftThere {
            edit,
            unclear: !known,
        };
        let asked = !known || policy == DriftPolicy::Ask;
        let draft = asked.then(|| {
            Draft::new(code, reason)
                .rule(rule)
                .partial()
                .accounts(subject.account().into_iter().collect())
        });
        Some(Self { at, there, draft })
    }

    /// Whether nobody can tell that it is an edit.
    pub(in crate::plan) fn is_unclear(&self) -> bool {
        self.there.unclear
    }
}
