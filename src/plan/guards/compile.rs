//! The guards of one target, from their documents: names resolved to what changes are compared with.
//!
//! Decides nothing. Keeps the order of documents and of what stands in them.

use crate::config::kinds::{self, ActionClass, OnBreach};
use crate::config::{Config, Document};
use crate::lifecycle::{RuleBook, RuleId};
use crate::model::{Dn, DnKey, Name};
use crate::plan::build::Moment;
use crate::plan::changes::index;
use crate::plan::{Action, Change, WaiverInPlan};
use crate::policy::{Allowance, Waived};

/// The guards of one target.
#[derive(Debug, Default)]
pub(in crate::plan) struct Guards {
    /// Whether any document speaks of the target.
    pub(super) present: bool,
    pub(super) limits: Vec<Limit>,
    pub(super) minimums: Vec<Minimum>,
    pub(super) break_glass: Vec<BreakGlass>,
    pub(super) waivers: Vec<(Waived, WaiverInPlan)>,
    /// The attribute that keeps moments: what is cleared there is nobody's loss.
    stamp: Option<String>,
}

/// A limit.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) name: Name,
    pub(super) actions: Vec<ActionClass>,
    pub(super) attribute: Option<String>,
    pub(super) per: Per,
    pub(super) allowance: Allowance,
    pub(super) on_breach: OnBreach,
    pub(super) rule: RuleId,
}

/// What is judged by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Per {
    All,
    Ou,
    Group,
    /// The place, and how it is written.
    Placement(DnKey, String),
    Field(Name),
}

/// A group that keeps a number of enabled members.
#[derive(Debug)]
pub(super) struct Minimum {
    pub(super) group: String,
    pub(super) enabled: u64,
    pub(super) rule: RuleId,
}

/// An account kept for emergencies, as it is written.
#[derive(Debug)]
pub(super) struct BreakGlass {
    pub(super) account: String,
    pub(super) rule: RuleId,
}

impl Guards {
    /// Of a target.
    pub(in crate::plan) fn compile(
        config: &Config,
        target: &Name,
        moment: &Moment,
        book: &mut RuleBook,
    ) -> Self {
        let directory = config.directories.get(target);
        let stamp = directory.and_then(|directory| directory.spec.stamp.as_ref());
        let mut guards = Self {
            stamp: stamp.map(|stamp| stamp.attribute.clone()),
            ..Self::default()
        };
        let documents = config
            .guards
            .values()
            .filter(|guards| guards.spec.target == target.as_str());
        for document in documents {
            guards.present = true;
            guards.add(document, book);
        }
        for document in config.waivers.values() {
            if document.spec.target == target.as_str() {
                let waiver = guards.waiver(document, moment, book);
                guards.waivers.push(waiver);
            }
        }
        guards
    }

    /// Whether a change takes something away from somebody.
    pub(super) fn takes_away(&self, change: &Change) -> bool {
        let counting = match (&change.action, &self.stamp) {
            (Action::Modify { attributes }, Some(stamp)) => attributes
                .iter()
                .all(|attribute| attribute.name.eq_ignore_ascii_case(stamp)),
            _ => false,
        };
        change.takes_away() && !counting
    }

    /// Whether a limit counts a change.
    pub(super) fn counts(&self, limit: &Limit, change: &Change) -> bool {
        let attribute = limit.attribute.as_deref();
        limit.actions.iter().any(|class| match class {
            ActionClass::Any => true,
            ActionClass::Removals => self.takes_away(change),
            ActionClass::Modify => match (&change.action, attribute) {
                (Action::Modify { .. }, None) => true,
                (Action::Modify { attributes }, Some(wanted)) => attributes
                    .iter()
                    .any(|attribute| attribute.name.eq_ignore_ascii_case(wanted)),
                _ => false,
            },
            class => Some(*class) == class_of(&change.action),
        })
    }

    fn add(&mut self, document: &Document<kinds::Guards>, book: &mut RuleBook) {
        let (spec, positions) = (&document.spec, &document.positions);
        for (at, limit) in spec.limits.iter().enumerate() {
            let allowance = Allowance::of(limit);
            let place = positions.value(&format!("/spec/limits/{at}"));
            let text = format!("limit {}: {}", limit.name.0, allowance.words());
            self.limits.push(Limit {
                name: Name::new(&limit.name.0),
                actions: limit.actions.clone(),
                attribute: limit.attribute.clone(),
                per: Per::of(&limit.per),
                allowance,
                on_breach: limit.on_breach,
                rule: book.add(place, text),
            });
        }
        for (at, minimum) in spec.minimum_members.iter().enumerate() {
            let place = positions.value(&format!("/spec/minimumMembers/{at}"));
            let text = format!("at least {} enabled in {}", minimum.enabled, minimum.group);
            self.minimums.push(Minimum {
                group: minimum.group.clone(),
                enabled: minimum.enabled,
                rule: book.add(place, text),
            });
        }
        for (at, account) in spec.break_glass.iter().enumerate() {
            let place = positions.value(&format!("/spec/breakGlass/{at}"));
            self.break_glass.push(BreakGlass {
                account: account.clone(),
                rule: book.add(place, account.clone()),
            });
        }
    }

    fn waiver(
        &self,
        document: &Document<kinds::Waiver>,
        moment: &Moment,
        book: &mut RuleBook,
    ) -> (Waived, WaiverInPlan) {
        let spec = &document.spec;
        let standing = spec.standing(moment.as_of.date());
        let limit = self
            .limits
            .iter()
            .find(|limit| limit.name.as_str() == spec.guard);
        let scope = spec.scope.as_deref();
        let part = match limit.map(|limit| &limit.per) {
            Some(Per::Ou | Per::Group) => scope
                .and_then(Dn::key_of)
                .map(|key| key.as_str().to_owned()),
            Some(Per::Field(_)) => scope.map(folded),
            _ => None,
        };
        let waived = Waived {
            name: document.name.clone(),
            guard: spec.guard.clone(),
            part: part.unwrap_or_default(),
            maximum: spec.maximum,
            standing,
        };
        let place = document.positions.value("/spec");
        let rule = book.add(place, format!("waiver {}", document.name));
        let shown = WaiverInPlan {
            name: document.name.clone(),
            target: Name::new(&spec.target),
            guard: spec.guard.clone(),
            scope: spec.scope.clone(),
            maximum: spec.maximum,
            reason: spec.reason.clone(),
            ticket: spec.ticket.clone(),
            owner: spec.owner.clone(),
            expires: spec.expires.clone(),
            standing: standing.into(),
            rule: index(rule),
        };
        (waived, shown)
    }
}

impl Per {
    fn of(per: &kinds::Per) -> Self {
        match per {
            kinds::Per::All => Self::All,
            kinds::Per::Ou => Self::Ou,
            kinds::Per::Group => Self::Group,
            // A name that is none has nothing below it; validation does not let one through.
            kinds::Per::Placement(text) => match Dn::key_of(text) {
                Some(key) => Self::Placement(key, text.clone()),
                None => Self::All,
            },
            kinds::Per::Field(field) => Self::Field(Name::new(field)),
        }
    }
}

/// The form values of fields are compared in.
pub(super) fn folded(value: &str) -> String {
    value.trim().to_lowercase()
}

fn class_of(action: &Action) -> Option<ActionClass> {
    Some(match action {
        Action::Create { .. } => ActionClass::Create,
        Action::Adopt { .. } => ActionClass::Adopt,
        Action::Modify { .. } => ActionClass::Modify,
        Action::Enable { .. } => ActionClass::Enable,
        Action::Disable {} => ActionClass::Disable,
        Action::Rename { .. } => ActionClass::Rename,
        Action::Move { .. } => ActionClass::Move,
        Action::AddMember { .. } => ActionClass::AddMember,
        Action::RemoveMember { .. } => ActionClass::RemoveMember,
        Action::ResetPassword {} => ActionClass::ResetPassword,
        Action::Delete { .. } => ActionClass::Delete,
        Action::Restore { .. } => ActionClass::Restore,
    })
}
