//! Names and places: where an object stood before, and whether it can stand there again.
//!
//! Keeps that a name is given back only where nobody else has it, or after whoever has it has given it up.

use super::super::{Action, Change, RuleIndex};
use super::attributes::told;
use super::undoing::Undoing;
use crate::model::{Dn, EntryKind};
use crate::policy::{Code, OutOfBounds, held as code};

impl<'u> Undoing<'u, '_> {
    pub(super) fn rename(
        &mut self,
        change: &'u Change,
        before: &str,
        after: &str,
        rule: RuleIndex,
    ) {
        let Some(at) = self.account(change, &change.object) else {
            return;
        };
        let object = self.target.object(at);
        let now = object.dn.rdn().value;
        if now == before {
            let action = Action::Rename {
                before: after.to_owned(),
                after: now,
                rule: self.rule(rule),
            };
            self.done_before(change, object, action);
            return self.count_already(change);
        }
        if now != after {
            let text = moved("cn", before, after, &now);
            return self.hold(change, code::UNDO_CHANGED, text, vec![object]);
        }
        let action = Action::Rename {
            before: now,
            after: before.to_owned(),
            rule: self.rule(rule),
        };
        let made = self.push(change, "", object, action);
        self.relocates(at, made);
    }

    pub(super) fn relocate(
        &mut self,
        change: &'u Change,
        before: &Dn,
        after: &Dn,
        rule: RuleIndex,
    ) {
        let Some(at) = self.account(change, &change.object) else {
            return;
        };
        let object = self.target.object(at);
        let Some(now) = object.dn.parent() else {
            return self.gone(change, &change.object);
        };
        if now.key() == before.key() {
            let action = Action::Move {
                before: after.clone(),
                after: now,
                rule: self.rule(rule),
            };
            self.done_before(change, object, action);
            return self.count_already(change);
        }
        if now.key() != after.key() {
            let text = moved("place", before.as_str(), after.as_str(), now.as_str());
            return self.hold(change, code::UNDO_CHANGED, text, vec![object]);
        }
        let place = match self.standing(before) {
            Ok(place) => place,
            Err((code, why)) => {
                let text = format!("{}, where the account stood, {why}", before.spoken());
                return self.hold(change, code, text, vec![object]);
            }
        };
        let action = Action::Move {
            before: now,
            after: place,
            rule: self.rule(rule),
        };
        let made = self.push(change, "", object, action);
        self.relocates(at, made);
    }

    /// A place as it is called now, when it exists and accounts may be put there; else why not.
    pub(super) fn standing(&self, place: &Dn) -> Result<Dn, (Code, &'static str)> {
        let key = place.key();
        match self.target.scope.place(&key) {
            Ok(()) => {}
            Err(OutOfBounds::Outside) => {
                return Err((code::OUTSIDE_SCOPE, "is outside the managed scope now"));
            }
            Err(OutOfBounds::Protected) => {
                return Err((code::OUTSIDE_SCOPE, "is protected now"));
            }
        }
        let entry = self.target.index.by_key(&key).map(|at| self.entry(at));
        match entry.filter(|entry| entry.kind == EntryKind::Container) {
            Some(entry) => Ok(entry.dn.clone()),
            None => Err((code::PLACE_MISSING, "does not exist any more")),
        }
    }

    fn relocates(&mut self, at: u32, made: usize) {
        let guid = self.entry(at).guid;
        let next = self.relocated.len();
        let place = *self.relocated_at.entry(guid).or_insert(next);
        if place == next {
            self.relocated.push((guid, Vec::new()));
        }
        self.relocated[place].1.push(made);
    }

    /// Once it is known who goes where: one step after the other, and nobody onto somebody else.
    pub(super) fn settle_places(&mut self) {
        let relocated = std::mem::take(&mut self.relocated);
        let at = std::mem::take(&mut self.relocated_at);
        for (guid, changes) in &relocated {
            for pair in changes.windows(2) {
                if let [earlier, later] = pair {
                    let needed = self.changes[*earlier].id.clone();
                    self.changes[*later].depends_on.push(needed);
                }
            }
            let Some((first, last)) = changes.first().zip(changes.last()) else {
                continue;
            };
            let goes_to = self.goes_to(changes);
            let occupant = goes_to.as_ref().and_then(|dn| {
                let other = self.target.index.by_key(&dn.key())?;
                let other = self.entry(other);
                (other.guid != *guid).then_some(other)
            });
            let Some(other) = occupant else { continue };
            let gives_way = at.get(&other.guid).map(|at| &relocated[*at].1);
            match gives_way.and_then(|changes| changes.last()) {
                Some(needed) if needed < first && !self.dropped.contains(needed) => {
                    let needed = self.changes[*needed].id.clone();
                    self.changes[*first].depends_on.push(needed);
                }
                _ => {
                    let undone = self.undoes[*last];
                    let object = self.changes[*last].object.clone();
                    let text = format!("{} ({}) has the name now", other.dn.spoken(), other.guid);
                    self.hold(undone, code::NAME_TAKEN, text, vec![object]);
                    self.dropped.extend(changes.iter().copied());
                }
            }
        }
    }

    /// The name an object has after its changes.
    fn goes_to(&self, changes: &[usize]) -> Option<Dn> {
        let mut dn = self.changes[*changes.first()?].object.dn.clone();
        for made in changes {
            let rdn = dn.rdn();
            dn = match &self.changes[*made].action {
                Action::Rename { after, .. } => dn.parent()?.child(&rdn.attribute, after),
                Action::Move { after, .. } => after.child(&rdn.attribute, &rdn.value),
                _ => dn,
            };
        }
        Some(dn)
    }
}

fn moved(what: &str, before: &str, planned: &str, now: &str) -> String {
    format!(
        "{what}: {} before, the plan wrote {}, and now it is {}",
        told(&[before]),
        told(&[planned]),
        told(&[now])
    )
}
