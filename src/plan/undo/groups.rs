//! Memberships: out of what was entered, back into what was left.
//!
//! Keeps that whoever moved across groups leaves the new ones only after they are in the old ones again.

use compact_str::format_compact;
use hashbrown::{HashMap, HashSet};

use super::super::changes::change_id;
use super::super::{Action, Change, ChangeId, ObjectRef, UnitId};
use super::undoing::Undoing;
use crate::matching::{Protection, Standing};
use crate::model::EntryKind;
use crate::policy::held as code;

/// The move of which this is the identity.
pub(super) fn unit(id: &ChangeId) -> UnitId {
    let hash = id.0.trim_start_matches("c-");
    UnitId(format_compact!("u-{hash}"))
}

impl<'u> Undoing<'u, '_> {
    /// One membership that was given (`added`), or taken away.
    pub(super) fn membership(&mut self, change: &'u Change, member: &'u ObjectRef, added: bool) {
        let Some(group) = self.living(&change.object) else {
            self.gone(change, &change.object);
            return self.not_back(change, added);
        };
        if self.living(member).is_none() {
            if added {
                // A membership ends with its member.
                return self.count_already(change);
            }
            self.gone(change, member);
            return self.not_back(change, added);
        }
        let Some(account) = self.account(change, member) else {
            return self.not_back(change, added);
        };
        if let Err((code, why)) = self.writable(group, change.privileged) {
            let group = self.target.object(group);
            let text = format!("{} is left as it is: {why}", group.dn.spoken());
            self.hold(change, code, text, vec![group]);
            return self.not_back(change, added);
        }
        let Some(is) = self.is_member(group, account) else {
            let group = self.target.object(group);
            let text = "the read does not tell the group's members".to_owned();
            self.hold(change, code::GROUP_UNREAD, text, vec![group]);
            return self.not_back(change, added);
        };
        let member = self.target.object(account);
        let action = if added {
            Action::RemoveMember { member }
        } else {
            Action::AddMember { member }
        };
        let group = self.target.object(group);
        if is != added {
            self.done_before(change, group, action);
            return self.count_already(change);
        }
        let made = self.push(change, "", group, action);
        if let Some(of) = &change.unit {
            let id = change_id(self.target.name, &of.0, "unit", "undo");
            self.changes[made].unit = Some(unit(&id));
        }
    }

    /// Somebody who moved cannot go back to a group.
    fn not_back(&mut self, change: &'u Change, added: bool) {
        if !added {
            self.incomplete.extend(&change.unit);
        }
    }

    /// Whether a group may be written, as rules may write it.
    pub(super) fn writable(
        &self,
        group: u32,
        privileged: bool,
    ) -> Result<(), (crate::policy::Code, String)> {
        if self.entry(group).kind != EntryKind::Group {
            return Err((code::UNDO_GONE, "it is no group any more".to_owned()));
        }
        if self.nesting.is_privileged(group) && !privileged {
            return Err((
                code::PRIVILEGED_GROUP,
                "it gives its members power over the domain, which it did not when the plan was made"
                    .to_owned(),
            ));
        }
        match self.target.standing[group as usize] {
            Standing::Managed => Ok(()),
            Standing::Protected(Protection::Privileged | Protection::BuiltIn) if privileged => {
                Ok(())
            }
            Standing::Outside => Err((
                code::PROTECTED_GROUP,
                "it stands outside the places groups are managed in".to_owned(),
            )),
            Standing::Protected(why) => Err((code::PROTECTED_GROUP, why.to_string())),
        }
    }

    /// Whether an account is a member; `None` when the read does not tell. The members of a group are indexed once.
    pub(super) fn is_member(&mut self, group: u32, account: u32) -> Option<bool> {
        let attribute = self.target.known.member?;
        let target = self.target;
        let members = self.members.entry(group).or_insert_with(|| {
            let values = target.index.entry(group).values(attribute).iter();
            values
                .filter_map(|value| target.index.by_text(value))
                .map(|member| target.index.key(member).clone())
                .collect::<HashSet<_>>()
        });
        Some(members.contains(self.target.index.key(account)))
    }

    /// Moves across groups are undone whole, old groups first.
    pub(super) fn settle_units(&mut self) {
        let mut units: HashMap<&'u UnitId, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (at, undone) in self.undoes.iter().enumerate() {
            let Some(unit) = &undone.unit else { continue };
            let (enters, leaves) = units.entry(unit).or_default();
            match self.changes[at].action {
                Action::AddMember { .. } => enters.push(at),
                Action::RemoveMember { .. } => leaves.push(at),
                _ => {}
            }
        }
        let mut units: Vec<_> = units.into_iter().collect();
        units.sort_by_key(|(unit, _)| (*unit).clone());
        for (unit, (enters, leaves)) in units {
            if self.incomplete.contains(unit) {
                for at in leaves {
                    let group = self.changes[at].object.clone();
                    let text = format!(
                        "they stay in {}: they cannot go back to every group they left for it",
                        group.dn.spoken()
                    );
                    self.hold(self.undoes[at], code::MOVE_INCOMPLETE, text, vec![group]);
                    self.dropped.insert(at);
                }
                continue;
            }
            for at in leaves {
                let needed = enters.iter().map(|enter| self.changes[*enter].id.clone());
                let needed: Vec<ChangeId> = needed.collect();
                self.changes[at].depends_on.extend(needed);
            }
        }
    }
}
