//! The changes of a plan as they are made: what all of them refer to, and their identities.
//!
//! Keeps that the same change of the same object has the same identity in every plan.

use compact_str::format_compact;
use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::evaluate::Outcome;
use super::naming::Given;
use super::steps::One;
use super::target::{Subject, Target};
use super::{Action, Change, ChangeId, ObjectRef, RuleIndex};
use crate::lifecycle::RuleId;
use crate::matching::Found;
use crate::model::{AttributeId, Name};

/// Place of a change among those nothing else orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Disable,
    ResetPassword,
    RemoveMember,
    Restore,
    Create,
    Adopt,
    Modify,
    Rename,
    Move,
    Enable,
    AddMember,
    // Last: what can be brought back comes before what perhaps cannot.
    Delete,
}

impl Class {
    /// Of an action.
    pub(super) fn of(action: &Action) -> Self {
        match action {
            Action::Disable {} => Self::Disable,
            Action::RemoveMember { .. } => Self::RemoveMember,
            Action::Restore { .. } => Self::Restore,
            Action::Create { .. } => Self::Create,
            Action::Adopt { .. } => Self::Adopt,
            Action::Modify { .. } => Self::Modify,
            Action::Rename { .. } => Self::Rename,
            Action::Move { .. } => Self::Move,
            Action::Enable { .. } => Self::Enable,
            Action::AddMember { .. } => Self::AddMember,
            Action::ResetPassword {} => Self::ResetPassword,
            Action::Delete { .. } => Self::Delete,
        }
    }
}

/// The identity of a change: the same change of the same object has the same one in every plan.
pub(super) fn change_id(target: &Name, object: &str, kind: &str, other: &str) -> ChangeId {
    let mut hasher = Sha256::new();
    for part in [target.as_str(), object, kind, other] {
        hasher.update(part.as_bytes());
        hasher.update(b"|");
    }
    let digest = hex::encode(hasher.finalize());
    ChangeId(format_compact!("c-{}", &digest[..20]))
}

/// What a change writes to, in the words an id is made of.
pub(super) fn object_text(target: &Target<'_>, subject: &Subject) -> String {
    match subject.account() {
        Some(object) => target.index.entry(object).guid.to_string(),
        None => {
            let side = target.side(subject);
            format!("{}/{}", side.source, side.person(subject.person).key)
        }
    }
}

/// Everything the changes of a target refer to.
pub(super) struct Making<'t, 'a> {
    pub(super) target: &'t Target<'a>,
    pub(super) outcomes: &'t [Option<Box<Outcome<'t>>>],
    pub(super) given: &'t hashbrown::HashMap<u32, Given<'t>>,
    /// References that would close a circle of new accounts: they follow in a change of their own.
    pub(super) broken: &'t HashSet<(u32, AttributeId)>,
}

impl Making<'_, '_> {
    /// The create of a subject, when this plan makes its account.
    pub(super) fn create_of(&self, at: u32) -> Option<ChangeId> {
        let outcome = self.outcomes[at as usize].as_ref()?;
        (outcome.create && outcome.whole.is_none()).then(|| {
            let subject = &self.target.subjects[at as usize];
            change_id(
                self.target.name,
                &object_text(self.target, subject),
                "create",
                "",
            )
        })
    }

    /// A subject's account as a plan names it, existing or made here.
    pub(super) fn account(&self, at: u32) -> Option<ObjectRef> {
        let subject = &self.target.subjects[at as usize];
        if let Some(object) = subject.account() {
            return Some(self.target.object(object));
        }
        let dn = self.given.get(&at)?.dn.clone()?;
        Some(ObjectRef::made_by(self.create_of(at)?, dn))
    }

    /// The adoption every other change of the account waits for.
    pub(super) fn adoption(&self, at: u32) -> Option<ChangeId> {
        let subject = &self.target.subjects[at as usize];
        self.adopts(at).then(|| {
            change_id(
                self.target.name,
                &object_text(self.target, subject),
                "adopt",
                "",
            )
        })
    }

    /// Whether this plan ties the account to the subject.
    fn adopts(&self, at: u32) -> bool {
        let subject = &self.target.subjects[at as usize];
        let outcome = self.outcomes[at as usize].as_deref();
        matches!(subject.found, Found::Adopt { .. })
            && outcome.is_none_or(|outcome| outcome.whole.is_none())
            && !self.target.is_left_alone(subject)
    }

    /// The changes of one subject's account.
    pub(super) fn changes(&self, at: u32) -> Vec<Change> {
        let target = self.target;
        let subject = &target.subjects[at as usize];
        let empty = Outcome::default();
        let outcome = self.outcomes[at as usize].as_deref().unwrap_or(&empty);
        let adopts = self.adopts(at);
        let named = self
            .given
            .get(&at)
            .is_some_and(|given| given.cn.is_some() || !given.attributes.is_empty());
        if !outcome.changes() && !adopts && !named {
            return Vec::new();
        }
        let Some(object) = self.account(at) else {
            return Vec::new();
        };
        let side = target.side(subject);
        let mut one = One {
            making: self,
            at,
            subject,
            outcome,
            object,
            person: side.reference(subject.person),
            changes: Vec::new(),
        };
        if outcome.create {
            one.create();
        } else {
            one.existing(adopts);
        }
        one.changes
    }
}

/// A rule's place in the book; becomes its place in the plan's table when the plan is put together.
pub(super) fn index(rule: RuleId) -> RuleIndex {
    RuleIndex(rule.0)
}

/// Whether two changes of one identity do the same, whatever rule says so. The identity tells the object, and of a membership
/// both. Of the attributes of an account that is made or modified nothing is said: each is compared by itself.
pub(super) fn does_the_same(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Rename { after: a, .. }, Action::Rename { after: b, .. }) => a == b,
        (Action::Move { after: a, .. }, Action::Move { after: b, .. }) => a.key() == b.key(),
        (Action::Adopt { attribute: a, .. }, Action::Adopt { attribute: b, .. }) => {
            a.name == b.name && a.after == b.after
        }
        (
            Action::Enable {
                initial_password: a,
            },
            Action::Enable {
                initial_password: b,
            },
        ) => a == b,
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
