//! For each goal a change can have: what is there, and what to send to reach it.
//!
//! Reads only. Looking again after anything went wrong tells whether it happened after all, so the same code decides
//! at the first turn, after a lost answer, and in a resumed apply. What a plan makes is looked for in `creation`, what it
//! brings back in `restoring`, what it deletes in `deletion`, and who is in a group in `membership`.

use std::collections::{BTreeMap, HashMap};

use super::anchors::Anchors;
use super::bounds::Bounds;
use super::compare::{self, Verdict};
use super::control::{
    ACCOUNT_DISABLED, Finish, PASSWORD_NOT_REQUIRED, UAC, account_control, replace_number,
};
use super::deletion;
use super::expected::Expected;
use super::outcome::{ChangeOutcome, Difference, FailureKind};
use super::schedule::references;
use crate::connector::{ConnectorError, DirectoryWriter, LiveEntry, Modification};
use crate::model::{Dn, Guid, Rdn};
use crate::plan::{Action, AttributeChange, Change, ChangeId, ObjectRef, PlanValue};

pub(super) const ADMIN_COUNT: &str = "adminCount";

/// A state of one object that one write leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal<'a> {
    /// Attributes have the planned values.
    Attributes {
        guid: Guid,
        attributes: &'a [AttributeChange],
    },
    /// The account is disabled, or is not.
    Disabled {
        guid: Guid,
        disabled: bool,
        /// It is as it was before an apply that is being undone.
        given_back: bool,
    },
    /// The relative name is `after`.
    Named {
        guid: Guid,
        before: &'a str,
        after: &'a str,
    },
    /// The object stands below `after`.
    Placed {
        guid: Guid,
        before: &'a Dn,
        after: &'a Dn,
    },
    /// The member is in the group, or is not.
    Member {
        group: Guid,
        member: Guid,
        present: bool,
        /// The plan names the group as privileged.
        privileged: bool,
    },
    /// An account with this name and these attributes exists.
    Added {
        dn: &'a Dn,
        attributes: &'a [AttributeChange],
        /// False when it could not be given a password: then it must not be added.
        allowed: bool,
    },
    /// The account made by this plan is as it is to remain.
    Finished(Finish),
    /// The account is gone.
    Deleted {
        guid: Guid,
        /// Where it stood when the plan was made.
        dn: &'a Dn,
        since: jiff::Timestamp,
        last_written: Option<jiff::Timestamp>,
        anchor: &'a str,
        before: &'a BTreeMap<String, Vec<PlanValue>>,
    },
    /// The deleted account is back at this place and name.
    Restored { guid: Guid, dn: &'a Dn },
}

impl Goal<'_> {
    /// True when values refer to other objects. Their names are read apart from the object itself, so somebody who
    /// renames one at that moment makes the two disagree; looking again settles it.
    pub(super) fn refers(&self) -> bool {
        match self {
            Self::Attributes { attributes, .. } | Self::Added { attributes, .. } => {
                attributes.iter().flat_map(references).next().is_some()
            }
            _ => false,
        }
    }
}

/// What a look showed.
pub(super) enum Look {
    /// The goal is reached. Carries the identity of the object looked at.
    AsDesired(Guid),
    /// It can be reached by this.
    Write(Box<Write>),
    /// It cannot be reached.
    Settled(ChangeOutcome),
    /// Another apply has set its own password on the account after ours, and perhaps finished it.
    Overtaken { guid: Guid, finished: bool },
}

/// A write and what it changes.
pub(super) struct Write {
    pub(super) operation: Operation,
    pub(super) object: Option<Guid>,
    pub(super) dn: Option<String>,
    /// Values found of what it changes.
    pub(super) before: BTreeMap<String, Vec<String>>,
}

/// One LDAP operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Add(Dn, Vec<(String, Vec<String>)>),
    Modify(Guid, Vec<Modification>),
    MoveTo(Guid, Rdn, Dn),
    AddMember(Guid, Guid),
    RemoveMember(Guid, Guid),
    Delete(Guid),
    /// Of a deleted object: its identity, its name as one, and the name it gets.
    Restore(Guid, Dn, Dn),
}

impl Operation {
    /// Sends it; gives the identity of what it made.
    pub(super) async fn send(
        &self,
        writer: &impl DirectoryWriter,
    ) -> Result<Option<Guid>, ConnectorError> {
        match self {
            Self::Add(dn, attributes) => writer.add(dn, attributes).await.map(Some),
            Self::Modify(guid, parts) => writer.modify(*guid, parts).await.map(|()| None),
            Self::MoveTo(guid, rdn, parent) => {
                writer.move_to(*guid, rdn, parent).await.map(|()| None)
            }
            Self::AddMember(group, member) => {
                writer.add_member(*group, *member).await.map(|()| None)
            }
            Self::RemoveMember(group, member) => {
                writer.remove_member(*group, *member).await.map(|()| None)
            }
            Self::Delete(guid) => writer.delete(*guid).await.map(|()| None),
            Self::Restore(guid, from, to) => writer.restore(*guid, from, to).await.map(|()| None),
        }
    }
}

/// Looks at a directory on behalf of one plan.
pub(super) struct Eyes<'a, W> {
    pub(super) writer: &'a W,
    /// Accounts made by this plan so far.
    pub(super) created: &'a (dyn Fn(&ChangeId) -> Option<Guid> + Sync),
    /// How far this plan may reach in that directory.
    pub(super) bounds: Option<&'a Bounds>,
    /// The change that is looked for, and what its plan says objects are.
    pub(super) expected: Option<(&'a Expected, &'a Change)>,
    /// Who carries the anchors the plan gives; none where nothing is given.
    pub(super) anchors: Option<&'a Anchors>,
}

impl<W: DirectoryWriter> Eyes<'_, W> {
    /// `announced` is true when a write towards this goal may already have been sent.
    pub(super) async fn look(
        &self,
        goal: &Goal<'_>,
        announced: bool,
    ) -> Result<Look, ConnectorError> {
        match *goal {
            Goal::Attributes { guid, attributes } => self.attributes(guid, attributes).await,
            Goal::Disabled {
                guid,
                disabled,
                given_back,
            } => self.disabled(guid, disabled, given_back).await,
            Goal::Named {
                guid,
                before,
                after,
            } => self.named(guid, before, after).await,
            Goal::Placed {
                guid,
                before,
                after,
            } => self.placed(guid, before, after).await,
            Goal::Member {
                group,
                member,
                present,
                privileged,
            } => self.member(group, member, present, privileged).await,
            Goal::Added {
                dn,
                attributes,
                allowed,
            } => self.added(dn, attributes, allowed).await,
            Goal::Finished(finish) => self.finished(finish, announced).await,
            Goal::Deleted {
                guid,
                dn,
                since,
                last_written,
                anchor,
                before,
            } => {
                let found = self.writer.examine(guid).await?;
                if let Some(found) = &found
                    && let Some(why) = self.forbidden(&found.entry)
                {
                    return Ok(Look::Settled(ChangeOutcome::conflict(why)));
                }
                Ok(deletion::look(
                    guid,
                    dn,
                    (since, last_written),
                    (anchor, before),
                    found,
                ))
            }
            Goal::Restored { guid, dn } => self.restored(guid, dn).await,
        }
    }

    /// Why an account is out of reach.
    pub(super) fn forbidden(&self, entry: &LiveEntry) -> Option<String> {
        self.bounds.and_then(|bounds| bounds.forbid_account(entry))
    }

    /// Fetches an account this plan may change: gone, become protected since or out of reach, it is left alone (P9).
    pub(super) async fn fetch(
        &self,
        guid: Guid,
        attributes: impl Iterator<Item = &str>,
    ) -> Result<Result<LiveEntry, Look>, ConnectorError> {
        let fetched = self.fetch_unprivileged(guid, attributes).await?;
        if let Ok(entry) = &fetched
            && let Some(why) = self.forbidden(entry)
        {
            return Ok(Err(Look::Settled(ChangeOutcome::conflict(why))));
        }
        Ok(fetched)
    }

    /// Fetches an object and leaves it alone when it is privileged.
    pub(super) async fn fetch_unprivileged(
        &self,
        guid: Guid,
        attributes: impl Iterator<Item = &str>,
    ) -> Result<Result<LiveEntry, Look>, ConnectorError> {
        let fetched = self.fetch_any(guid, attributes).await?;
        if fetched.as_ref().is_ok_and(is_protected) {
            return Ok(Err(Look::Settled(ChangeOutcome::conflict(
                "the object is privileged (adminCount), which it was not when the plan was made",
            ))));
        }
        Ok(fetched)
    }

    /// Fetches an object, privileged or not.
    pub(super) async fn fetch_any(
        &self,
        guid: Guid,
        attributes: impl Iterator<Item = &str>,
    ) -> Result<Result<LiveEntry, Look>, ConnectorError> {
        let mut names: Vec<String> = attributes.map(str::to_owned).collect();
        names.push(ADMIN_COUNT.to_owned());
        if self.bounds.is_some() && !names.iter().any(|name| name == Bounds::ASKED) {
            names.push(Bounds::ASKED.to_owned());
        }
        if let Some((expected, change)) = self.expected {
            expected.ask(change, guid, &mut names);
        }
        let gone = || {
            let outcome = ChangeOutcome::conflict("the object does not exist any more");
            Look::Settled(outcome)
        };
        let Some(entry) = self.writer.fetch(guid, &names).await? else {
            return Ok(Err(gone()));
        };
        // What moves or renames says better itself what it finds.
        let tells = self.expected.is_some_and(|(_, change)| {
            matches!(change.action, Action::Move { .. } | Action::Rename { .. })
        });
        match self.stranger(&entry).filter(|_| !tells) {
            Some(outcome) => Ok(Err(Look::Settled(outcome))),
            None => Ok(Ok(entry)),
        }
    }

    /// Why an object is not the one the plan speaks of.
    pub(super) fn stranger(&self, entry: &LiveEntry) -> Option<ChangeOutcome> {
        let (expected, change) = self.expected?;
        expected.stranger(change, entry)
    }

    /// Why an account is not given these values: another carries an anchor among them.
    pub(super) async fn taken(
        &self,
        attributes: &[AttributeChange],
        own: Option<Guid>,
    ) -> Result<Option<Look>, ConnectorError> {
        let (Some(anchors), Some((_, change))) = (self.anchors, self.expected) else {
            return Ok(None);
        };
        let taken = anchors
            .taken(self.writer, &change.target, attributes, own)
            .await?;
        Ok(taken.map(Look::Settled))
    }

    /// The present names of all objects some attributes refer to.
    pub(super) async fn names(
        &self,
        attributes: &[AttributeChange],
    ) -> Result<HashMap<ObjectRef, Option<Dn>>, ConnectorError> {
        let mut names = HashMap::new();
        for object in attributes.iter().flat_map(references) {
            if !names.contains_key(object) {
                let name = match self.identity(object) {
                    Some(guid) => {
                        let expected = self.expected;
                        let asked = expected.map_or(&[][..], |(all, change)| {
                            all.asked_of_reference(change, object)
                        });
                        let entry = self.writer.fetch(guid, asked).await?;
                        let other = |entry: &LiveEntry| {
                            expected.is_some_and(|(all, change)| {
                                all.refers_elsewhere(change, object, entry)
                            })
                        };
                        entry.filter(|entry| !other(entry)).map(|entry| entry.dn)
                    }
                    None => None,
                };
                names.insert(object.clone(), name);
            }
        }
        Ok(names)
    }

    /// The identity of an object the plan names.
    pub(super) fn identity(&self, object: &ObjectRef) -> Option<Guid> {
        object
            .guid
            .or_else(|| object.created_by.as_ref().and_then(self.created))
    }

    async fn attributes(
        &self,
        guid: Guid,
        attributes: &[AttributeChange],
    ) -> Result<Look, ConnectorError> {
        let names = attributes.iter().map(|change| change.name.as_str());
        let entry = match self.fetch(guid, names).await? {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        let names = self.names(attributes).await?;
        let name_of = |object: &ObjectRef| names.get(object).cloned().flatten();
        let mut parts = Vec::new();
        let mut before = BTreeMap::new();
        let mut differences = Vec::new();
        for change in attributes {
            let found = entry.values(&change.name);
            match compare::decide(change, found, &name_of) {
                Verdict::AsDesired => {}
                Verdict::Write(mut modifications) => {
                    parts.append(&mut modifications);
                    before.insert(change.name.clone(), found.to_vec());
                }
                Verdict::Moved(difference) => differences.push(difference),
                Verdict::Gone(object) => return Ok(Look::Settled(gone(&change.name, &object))),
            }
        }
        if !differences.is_empty() {
            let names: Vec<&str> = differences
                .iter()
                .map(|difference| difference.attribute.as_str())
                .collect();
            return Ok(Look::Settled(ChangeOutcome::Conflict {
                message: format!("changed since the plan was made: {}", names.join(", ")),
                differences,
            }));
        }
        if parts.is_empty() {
            return Ok(Look::AsDesired(guid));
        }
        if let Some(taken) = self.taken(attributes, Some(guid)).await? {
            return Ok(taken);
        }
        Ok(write(&entry, Operation::Modify(guid, parts), before))
    }

    async fn disabled(
        &self,
        guid: Guid,
        disabled: bool,
        given_back: bool,
    ) -> Result<Look, ConnectorError> {
        let entry = match self.fetch(guid, [UAC].into_iter()).await? {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        let Some(found) = account_control(&entry) else {
            return Ok(unreadable_account_control());
        };
        if (found & ACCOUNT_DISABLED != 0) == disabled {
            return Ok(Look::AsDesired(guid));
        }
        // It may have no password at all, and whoever comes first could sign in.
        if !disabled && !given_back && found & PASSWORD_NOT_REQUIRED != 0 {
            return Ok(Look::Settled(ChangeOutcome::conflict(
                "no password is required of the account (PASSWD_NOTREQD), which was not so when the plan was made, so it is not enabled: plan again",
            )));
        }
        // Whatever else changed meanwhile stays: only this bit is the plan's.
        let parts = replace_number(UAC, found, found ^ ACCOUNT_DISABLED);
        let before = BTreeMap::from([(UAC.to_owned(), vec![found.to_string()])]);
        Ok(write(&entry, Operation::Modify(guid, parts), before))
    }

    async fn named(&self, guid: Guid, before: &str, after: &str) -> Result<Look, ConnectorError> {
        let entry = match self.fetch(guid, std::iter::empty()).await? {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        let rdn = entry.dn.rdn();
        if rdn.value == after {
            return Ok(Look::AsDesired(guid));
        }
        let (true, Some(parent)) = (rdn.value == before, entry.dn.parent()) else {
            return Ok(moved("cn", before, after, &rdn.value));
        };
        if let Some(outcome) = self.stranger(&entry) {
            return Ok(Look::Settled(outcome));
        }
        let image = BTreeMap::from([(rdn.attribute.clone(), vec![rdn.value])]);
        let wanted = Rdn {
            attribute: rdn.attribute,
            value: after.to_owned(),
        };
        Ok(write(
            &entry,
            Operation::MoveTo(guid, wanted, parent),
            image,
        ))
    }

    async fn placed(&self, guid: Guid, before: &Dn, after: &Dn) -> Result<Look, ConnectorError> {
        let entry = match self.fetch(guid, std::iter::empty()).await? {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        let Some(parent) = entry.dn.parent() else {
            return Ok(moved("parent", before.as_str(), after.as_str(), ""));
        };
        if parent.key() == after.key() {
            return Ok(Look::AsDesired(guid));
        }
        if parent.key() != before.key() {
            return Ok(moved(
                "parent",
                before.as_str(),
                after.as_str(),
                parent.as_str(),
            ));
        }
        if let Some(outcome) = self.stranger(&entry) {
            return Ok(Look::Settled(outcome));
        }
        let place = self.bounds.and_then(|bounds| bounds.forbid_name(after));
        if let Some(why) = place {
            return Ok(Look::Settled(ChangeOutcome::conflict(why)));
        }
        let image = BTreeMap::from([("parent".to_owned(), vec![parent.as_str().to_owned()])]);
        let operation = Operation::MoveTo(guid, entry.dn.rdn(), after.clone());
        Ok(write(&entry, operation, image))
    }
}

/// Attributes of an object that are not as planned.
pub(super) fn differences(
    entry: &LiveEntry,
    attributes: &[AttributeChange],
    name_of: &dyn Fn(&ObjectRef) -> Option<Dn>,
) -> Vec<Difference> {
    attributes
        .iter()
        .filter_map(|change| {
            let found = entry.values(&change.name);
            (compare::decide(change, found, name_of) != Verdict::AsDesired).then(|| Difference {
                attribute: change.name.clone(),
                before: compare::shown(&change.before),
                planned: compare::shown(&change.after),
                found: compare::as_shown(change, found),
            })
        })
        .collect()
}

pub(super) fn unreadable_account_control() -> Look {
    Look::Settled(ChangeOutcome::failed(
        FailureKind::Missing,
        "userAccountControl cannot be read: the object is no account, or the right to read it is missing",
    ))
}

pub(super) fn is_protected(entry: &LiveEntry) -> bool {
    entry
        .values(ADMIN_COUNT)
        .iter()
        .any(|value| value.trim() != "0")
}

pub(super) fn write(
    entry: &LiveEntry,
    operation: Operation,
    before: BTreeMap<String, Vec<String>>,
) -> Look {
    Look::Write(Box::new(Write {
        operation,
        object: Some(entry.guid),
        dn: Some(entry.dn.as_str().to_owned()),
        before,
    }))
}

pub(super) fn moved(what: &str, before: &str, planned: &str, found: &str) -> Look {
    Look::Settled(ChangeOutcome::Conflict {
        message: format!("changed since the plan was made: {what}"),
        differences: vec![Difference {
            attribute: what.to_owned(),
            before: vec![before.to_owned()],
            planned: vec![planned.to_owned()],
            found: vec![found.to_owned()],
        }],
    })
}

pub(super) fn gone(attribute: &str, object: &ObjectRef) -> ChangeOutcome {
    ChangeOutcome::conflict(format!(
        "{attribute} is to be {}, which does not exist any more or is somebody else's by now",
        object.dn.spoken()
    ))
}
