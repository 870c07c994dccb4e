//! One target while an apply to it is being undone: each change turned round, the last one first.
//!
//! Keeps that a change waits only for changes that stand before it, so that no order is a circle.

use std::collections::HashMap as StdMap;

use hashbrown::{HashMap, HashSet};

use super::super::changes::change_id;
use super::super::excepted::Excepted;
use super::super::nesting::Nesting;
use super::super::only::names_of;
use super::super::target::Target;
use super::super::{
    Action, AttributeChange, Cause, Change, ChangeId, Held, ObjectRef, PlanValue, Reason, Recovery,
    Risk, RuleIndex, UnitId,
};
use super::part::Part;
use super::{Deed, UndoInput};
use crate::matching::{Protection, Standing};
use crate::model::{Dn, DnKey, Entry, EntryKind, Guid};
use crate::policy::{Code, held as code, warning};

/// One target and what is made of the changes it had.
pub(super) struct Undoing<'u, 'a> {
    pub(super) target: &'u Target<'a>,
    pub(super) deeds: &'u StdMap<ChangeId, Deed>,
    /// Changes of the target in the order they were planned.
    pub(super) planned: Vec<&'u Change>,
    /// The digest of the plan that is undone, short.
    digest: String,
    /// Where rules of that plan stand in this one's.
    rules: &'u [RuleIndex],
    /// Places of the objects that the plan speaks of.
    objects: HashMap<Guid, u32>,
    /// What its creates made.
    created: HashMap<&'u ChangeId, Guid>,
    pub(super) nesting: Nesting,
    /// Members of the groups asked about.
    pub(super) members: HashMap<u32, HashSet<DnKey>>,
    pub(super) changes: Vec<Change>,
    /// Per change made, the one it undoes.
    pub(super) undoes: Vec<&'u Change>,
    /// With the change of the plan each is about.
    pub(super) held: Vec<(&'u Change, Held)>,
    /// Objects that get their former name or place back, with the changes that do it, in the order they were met.
    pub(super) relocated: Vec<(Guid, Vec<usize>)>,
    pub(super) relocated_at: HashMap<Guid, usize>,
    /// Changes of the attributes of accounts that a new one replaces.
    pub(super) released: HashMap<Guid, Vec<&'u Change>>,
    /// Changes taken out again.
    pub(super) dropped: HashSet<usize>,
    /// Moves of which somebody cannot go back to a group.
    pub(super) incomplete: HashSet<&'u UnitId>,
    noted: Vec<Noted<'u>>,
    before: Vec<Change>,
}

/// Something to warn of, and the change of the plan it is about.
pub(super) struct Noted<'u> {
    pub(super) change: &'u Change,
    pub(super) code: Code,
    pub(super) message: &'static str,
    /// Nothing where cases are only counted.
    pub(super) example: Option<String>,
}

/// What the undo of one target comes to, before guards judge it.
pub(super) struct Turned<'u> {
    pub(super) changes: Vec<Change>,
    /// Per change, the one it undoes.
    pub(super) undoes: Vec<&'u Change>,
    pub(super) held: Vec<(&'u Change, Held)>,
    pub(super) noted: Vec<Noted<'u>>,
    /// What would be done had it not been done before, in the places that things stood in then.
    pub(super) before: Vec<Change>,
}

impl<'u, 'a> Undoing<'u, 'a> {
    pub(super) fn new(
        input: &UndoInput<'u>,
        target: &'u Target<'a>,
        rules: &'u [RuleIndex],
    ) -> Self {
        let changes = input.undone.content.changes.iter();
        let planned: Vec<&Change> = changes
            .filter(|change| change.target == *target.name)
            .collect();
        let mut undoing = Self {
            target,
            deeds: input.deeds,
            digest: short(&input.undone.digest),
            rules,
            objects: HashMap::new(),
            created: HashMap::new(),
            nesting: Nesting::new(target),
            members: HashMap::new(),
            changes: Vec::new(),
            undoes: Vec::new(),
            held: Vec::new(),
            relocated: Vec::new(),
            relocated_at: HashMap::new(),
            released: HashMap::new(),
            dropped: HashSet::new(),
            incomplete: HashSet::new(),
            noted: Vec::new(),
            before: Vec::new(),
            planned,
        };
        undoing.find_created();
        undoing.find_objects();
        undoing
    }

    /// The objects the creates made: by what the journal says; of one whose answer was lost, by its name, when it is all
    /// that was to be made.
    fn find_created(&mut self) {
        for change in self.planned.clone() {
            let Action::Create { attributes, .. } = &change.action else {
                continue;
            };
            let Some(deed) = self.deeds.get(&change.id) else {
                continue;
            };
            let guid = deed.created.or_else(|| {
                let at = self.target.index.by_key(&change.object.dn.key())?;
                let entry = self.target.index.entry(at);
                (entry.kind == EntryKind::User && self.is_as_made(entry, attributes))
                    .then_some(entry.guid)
            });
            self.created.extend(guid.map(|guid| (&change.id, guid)));
        }
    }

    fn find_objects(&mut self) {
        let mut wanted: HashSet<Guid> = self.created.values().copied().collect();
        for change in &self.planned {
            wanted.extend(change.object.guid);
            match &change.action {
                Action::AddMember { member } | Action::RemoveMember { member } => {
                    wanted.extend(member.guid);
                }
                Action::Modify { attributes } | Action::Create { attributes, .. } => {
                    for attribute in attributes {
                        wanted.extend(references(attribute));
                    }
                }
                Action::Adopt { attribute, .. } => wanted.extend(references(attribute)),
                Action::Enable { .. }
                | Action::Disable {}
                | Action::ResetPassword {}
                | Action::Rename { .. }
                | Action::Move { .. }
                | Action::Delete { .. }
                | Action::Restore { .. } => {}
            }
        }
        let replaced: HashSet<Guid> = self
            .planned
            .iter()
            .filter_map(|change| match &change.action {
                Action::Create {
                    replaces: Some(former),
                    ..
                } => former.guid,
                _ => None,
            })
            .collect();
        for change in &self.planned {
            if let (Action::Modify { .. }, Some(guid)) = (&change.action, change.object.guid)
                && replaced.contains(&guid)
            {
                self.released.entry(guid).or_default().push(change);
            }
        }
        let objects = self.target.index.snapshot.objects.iter().zip(0u32..);
        self.objects = objects
            .filter(|(entry, _)| wanted.contains(&entry.guid))
            .map(|(entry, at)| (entry.guid, at))
            .collect();
    }

    /// Turns every change round, and leaves nothing but the part that is asked for.
    pub(super) fn run(
        mut self,
        excepted: &Excepted<'_>,
        part: Option<&mut Part<'_>>,
    ) -> Turned<'u> {
        let planned = self.planned.clone();
        for change in planned.into_iter().rev() {
            if let Some(deed) = self.deeds.get(&change.id) {
                self.turn_round(change, deed);
            }
        }
        self.settle_places();
        self.settle_units();
        self.wait_for_each_other();
        self.keep_restored();
        self.keep_nobodys();
        self.keep_stopped(excepted);
        self.keep_excepted(excepted);
        self.drop_what_waits();
        let dropped = std::mem::take(&mut self.dropped);
        let gone: HashSet<ChangeId> = dropped
            .iter()
            .map(|at| self.changes[*at].id.clone())
            .collect();
        let mut at = 0;
        let mut changes = std::mem::take(&mut self.changes);
        changes.retain(|_| {
            at += 1;
            !dropped.contains(&(at - 1))
        });
        let mut at = 0;
        self.undoes.retain(|_| {
            at += 1;
            !dropped.contains(&(at - 1))
        });
        for change in &mut changes {
            change.depends_on.retain(|id| !gone.contains(id));
            change.depends_on.sort();
            change.depends_on.dedup();
        }
        // Whoever is shut and goes to another place goes to a leaver's.
        let shut: HashSet<Option<Guid>> = changes
            .iter()
            .filter(|change| matches!(change.action, Action::Disable {}))
            .map(|change| change.object.guid)
            .collect();
        for change in &mut changes {
            if matches!(change.action, Action::Move { .. }) && shut.contains(&change.object.guid) {
                change.risk = Risk::High;
            }
        }
        let mut turned = Turned {
            changes,
            undoes: self.undoes.clone(),
            held: std::mem::take(&mut self.held),
            noted: std::mem::take(&mut self.noted),
            before: in_their_places(std::mem::take(&mut self.before)),
        };
        if let Some(part) = part {
            for change in self.planned.clone() {
                let now = self.names_now(change);
                let mut names: Vec<&Dn> = now.iter().collect();
                names.extend(names_of(change));
                part.look(change, &names);
            }
            part.choose(&mut turned);
        }
        turned
    }

    /// What the objects of a change are called now.
    fn names_now(&self, change: &'u Change) -> Vec<Dn> {
        let mut objects = vec![self.living(&change.object), self.made_by(change)];
        if let Action::AddMember { member } | Action::RemoveMember { member } = &change.action {
            objects.push(self.living(member));
        }
        let objects = objects.into_iter().flatten();
        objects.map(|at| self.entry(at).dn.clone()).collect()
    }

    fn turn_round(&mut self, change: &'u Change, deed: &'u Deed) {
        match &change.action {
            Action::Create {
                attributes, enable, ..
            } => self.create(change, attributes, *enable),
            Action::Adopt { attribute, .. } => {
                self.attributes(change, std::slice::from_ref(attribute), deed);
            }
            Action::Modify { attributes } => self.attributes(change, attributes, deed),
            Action::Enable { .. } => self.switch(change, false),
            Action::Disable {} => self.switch(change, true),
            Action::ResetPassword {} => self.warn(
                change,
                warning::UNDO_PASSWORD,
                "passwords that were replaced do not come back, nor does pwdLastSet: give the person a new one where the account is to be used",
                self.shown(change),
            ),
            Action::Rename {
                before,
                after,
                rule,
            } => self.rename(change, before, after, *rule),
            Action::Move {
                before,
                after,
                rule,
            } => self.relocate(change, before, after, *rule),
            Action::AddMember { member } => self.membership(change, member, true),
            Action::RemoveMember { member } => self.membership(change, member, false),
            Action::Delete { before, .. } => self.delete(change, before, deed),
            Action::Restore { .. } => self.hold(
                change,
                code::UNDO_IMPOSSIBLE,
                "the account was brought back by the plan that is undone, and an undo deletes nothing: it stays as it is".to_owned(),
                Vec::new(),
            ),
        }
    }

    /// Whatever stood in the way of two changes of different objects stands in it the other way round: a value that one
    /// gave up and another took.
    fn wait_for_each_other(&mut self) {
        let made: HashMap<&ChangeId, usize> = (0..self.changes.len())
            .filter(|at| matches!(self.changes[*at].action, Action::Modify { .. }))
            .map(|at| (&self.undoes[at].id, at))
            .collect();
        let mut waits = Vec::new();
        for at in made.values() {
            for needed in &self.undoes[*at].depends_on {
                if let Some(other) = made.get(needed)
                    && self.changes[*other].object != self.changes[*at].object
                    && other > at
                {
                    waits.push((*other, *at));
                }
            }
        }
        // What a new account took over from the one it replaces goes back to that one.
        for (at, undone) in self.undoes.iter().enumerate() {
            if matches!(undone.action, Action::Create { .. })
                && matches!(self.changes[at].action, Action::Modify { .. })
            {
                let needed = undone.depends_on.iter().filter_map(|id| made.get(id));
                waits.extend(
                    needed
                        .filter(|other| **other > at)
                        .map(|other| (*other, at)),
                );
            }
        }
        for (waiting, needed) in waits {
            let needed = self.changes[needed].id.clone();
            self.changes[waiting].depends_on.push(needed);
        }
    }

    // -- what everything needs -------------------------------------------------------------------------------------

    /// Nothing is left to undo of a change.
    pub(super) fn count_already(&mut self, change: &'u Change) {
        self.noted.push(Noted {
            change,
            code: warning::UNDO_ALREADY,
            message: "changes that were written and are as before again already: nothing is left to undo of them",
            example: None,
        });
    }

    /// Notes what would be done had it not been done before: it counts with what is done now.
    pub(super) fn done_before(&mut self, change: &'u Change, object: ObjectRef, action: Action) {
        let made = self.turned(change, "", object, action);
        self.before.push(made);
    }

    pub(super) fn warn(
        &mut self,
        change: &'u Change,
        code: Code,
        message: &'static str,
        example: String,
    ) {
        self.noted.push(Noted {
            change,
            code,
            message,
            example: Some(example),
        });
    }

    pub(super) fn rule(&self, rule: RuleIndex) -> RuleIndex {
        let at = usize::try_from(rule.0).unwrap_or(usize::MAX);
        // A plan that was read has no other rules than those in its table.
        self.rules.get(at).copied().unwrap_or(rule)
    }

    pub(super) fn shown(&self, change: &Change) -> String {
        change.person.spoken()
    }

    pub(super) fn identity(&self, object: &ObjectRef) -> Option<Guid> {
        let made = || self.created.get(object.created_by.as_ref()?).copied();
        object.guid.or_else(made)
    }

    /// Where an object of the plan stands in the read, deleted ones included.
    pub(super) fn place(&self, object: &ObjectRef) -> Option<u32> {
        let guid = self.identity(object)?;
        self.objects.get(&guid).copied()
    }

    /// An object of the plan, when it exists.
    pub(super) fn living(&self, object: &ObjectRef) -> Option<u32> {
        self.place(object)
            .filter(|at| self.entry(*at).kind != EntryKind::Deleted)
    }

    pub(super) fn made_by(&self, change: &Change) -> Option<u32> {
        self.objects.get(self.created.get(&change.id)?).copied()
    }

    pub(super) fn entry(&self, at: u32) -> &'a Entry {
        self.target.index.entry(at)
    }

    /// The account a change is about, when it may be written; else it is held.
    pub(super) fn account(&mut self, change: &'u Change, object: &ObjectRef) -> Option<u32> {
        let Some(at) = self.living(object) else {
            self.gone(change, object);
            return None;
        };
        let (code, why) = match self.target.standing[at as usize] {
            Standing::Managed => return Some(at),
            // The group is what made it so.
            Standing::Protected(Protection::Privileged) if change.privileged => return Some(at),
            Standing::Outside => (
                code::OUTSIDE_SCOPE,
                "it stands outside the managed scope now".to_owned(),
            ),
            Standing::Protected(why) => (code::PROTECTED, why.to_string()),
        };
        let object = self.target.object(at);
        self.hold(
            change,
            code,
            format!("the account is left as it is: {why}"),
            vec![object],
        );
        None
    }

    /// Something the change spoke of does not exist any more.
    pub(super) fn gone(&mut self, change: &'u Change, object: &ObjectRef) {
        let what = match self.place(object) {
            Some(_) => "has been deleted since",
            None => "does not exist any more, or the read does not have it",
        };
        let text = format!("{} {what}", object.dn.spoken());
        self.hold(change, code::UNDO_GONE, text, Vec::new());
    }

    pub(super) fn hold(
        &mut self,
        change: &'u Change,
        code: Code,
        reason: String,
        accounts: Vec<ObjectRef>,
    ) {
        let held = Held {
            person: Some(change.person.clone()),
            accounts,
            target: None,
            code: code.code.to_owned(),
            reason,
            help: code.help.to_owned(),
            rule: Some(self.rule(change.because.rule)),
            // Told when it is known what goes on.
            partial: false,
            guard: None,
            waits: Vec::new(),
        };
        self.held.push((change, held));
    }

    /// Adds a change that undoes another, or a part of it; `part` tells several parts apart.
    pub(super) fn push(
        &mut self,
        change: &'u Change,
        part: &str,
        object: ObjectRef,
        action: Action,
    ) -> usize {
        let made = self.turned(change, part, object, action);
        self.changes.push(made);
        self.undoes.push(change);
        self.changes.len() - 1
    }

    fn turned(&self, change: &'u Change, part: &str, object: ObjectRef, action: Action) -> Change {
        let made = Change {
            id: self.id(&change.id.0, part),
            person: change.person.clone(),
            target: self.target.name.clone(),
            object,
            recovery: match action {
                Action::Restore { .. } => Recovery::Partial,
                _ => Recovery::Full,
            },
            action,
            depends_on: Vec::new(),
            because: Reason {
                text: format!(
                    "undo of change {} ({}) of plan {}: {}",
                    change.id.0,
                    kind(change),
                    self.digest,
                    change.because.text
                ),
                rule: self.rule(change.because.rule),
                facts: change.because.facts.clone(),
            },
            cause: Cause::Undo,
            risk: change.risk.min(Risk::High),
            privileged: change.privileged,
            unit: None,
        };
        let risk = made.risk.max(made.least_risk());
        Change { risk, ..made }
    }

    pub(super) fn id(&self, undone: &str, part: &str) -> ChangeId {
        change_id(self.target.name, undone, "undo", part)
    }
}

/// What the change that is undone did, in a word.
fn kind(change: &Change) -> &'static str {
    match change.action {
        Action::AddMember { .. } => "add to a group",
        Action::RemoveMember { .. } => "remove from a group",
        Action::ResetPassword {} => "reset the password",
        Action::Restore { .. } => "bring back",
        Action::Create { .. }
        | Action::Adopt { .. }
        | Action::Modify { .. }
        | Action::Enable { .. }
        | Action::Disable {}
        | Action::Rename { .. }
        | Action::Move { .. }
        | Action::Delete { .. } => change.action.kind(),
    }
}

/// Accounts that have been moved back are counted where they had been moved from, as they would have been then.
fn in_their_places(mut before: Vec<Change>) -> Vec<Change> {
    let from = before.iter().filter_map(|change| match &change.action {
        Action::Move { before, .. } => Some((change.object.guid?, before.clone())),
        _ => None,
    });
    let from: HashMap<Guid, Dn> = from.collect();
    let place = |object: &mut ObjectRef| {
        if let Some(from) = object.guid.and_then(|guid| from.get(&guid)) {
            let rdn = object.dn.rdn();
            object.dn = from.child(&rdn.attribute, &rdn.value);
        }
    };
    for change in &mut before {
        match &mut change.action {
            Action::AddMember { member } | Action::RemoveMember { member } => place(member),
            _ => place(&mut change.object),
        }
    }
    before
}

fn references(attribute: &AttributeChange) -> impl Iterator<Item = Guid> {
    let values = attribute.before.iter().chain(&attribute.after);
    values.filter_map(|value| match value {
        PlanValue::Object(object) => object.guid,
        PlanValue::Text(_) | PlanValue::Octets(_) => None,
    })
}

/// The first digits of a digest, as reports show them.
fn short(digest: &str) -> String {
    let digits = digest.trim_start_matches("sha256:");
    digits.chars().take(12).collect()
}
