//! Takes one change to its goal: look, announce, send, and look again whenever something went wrong.
//!
//! Invariants: nothing is sent that the journal does not announce; nothing is sent again before looking; whatever
//! happens to one change stays with it, except a target that stops answering and a journal that cannot be written.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;

use super::anchors::Anchors;
use super::expected::Expected;
use super::history::{Line, Step, StepResult, StepState};
use super::journal::Journal;
use super::look::{Eyes, Goal, Look, Operation, Write};
use super::outcome::{ChangeOutcome, FailureKind};
use super::password::PasswordSink;
use super::patience::{Tries, is_passing};
use super::{Events, Options};
use crate::connector::{ConnectorError, DirectoryWriter, LiveEntry};
use crate::model::{Guid, Name};
use crate::plan::{Action, Cause, Change, ChangeId, ObjectRef, Plan};

/// How often a compare-and-set that lost a race is tried again.
const RACES: u32 = 2;

/// One apply of one plan.
pub(super) struct Run<'a, W> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a Options,
    pub(super) events: &'a dyn Events,
    pub(super) writers: &'a BTreeMap<Name, W>,
    pub(super) journal: &'a Journal,
    pub(super) passwords: Option<Arc<dyn PasswordSink>>,
    pub(super) created: Mutex<HashMap<ChangeId, Guid>>,
    pub(super) over: Mutex<Over>,
    /// True once a write has, or may have, taken effect.
    wrote: AtomicBool,
    /// What the plan says objects are, and makes of that.
    pub(super) expected: Expected,
    pub(super) anchors: Anchors,
}

/// What has come to an end early.
#[derive(Default)]
pub(super) struct Over {
    journal: Option<String>,
    pub(super) targets: BTreeMap<Name, String>,
    /// Why nobody follows the first wave.
    wave: Option<String>,
    /// Changes that ended one after the other because their target did not answer.
    pub(super) in_a_row: BTreeMap<Name, u32>,
    /// What was last told about a target that cannot be reached.
    pub(super) told: BTreeMap<Name, String>,
}

/// How a goal was reached, or not.
pub(super) enum Reached {
    /// Nothing had to be sent.
    Already(Guid),
    /// It was sent now, or by an interrupted apply just before.
    Done(Option<Guid>),
    /// Not reached.
    Not(ChangeOutcome),
    /// Another apply's password is in force on the account.
    Overtaken { finished: bool },
}

impl<'a, W: DirectoryWriter> Run<'a, W> {
    pub(super) fn new(
        plan: &'a Plan,
        writers: &'a BTreeMap<Name, W>,
        journal: &'a Journal,
        passwords: Option<Arc<dyn PasswordSink>>,
        options: &'a Options,
        events: &'a dyn Events,
    ) -> Self {
        let expected = Expected::of(plan, &options.bounds);
        Self {
            plan,
            options,
            events,
            writers,
            journal,
            passwords,
            created: Mutex::default(),
            over: Mutex::default(),
            wrote: AtomicBool::new(false),
            anchors: Anchors::of(plan, expected.anchors()),
            expected,
        }
    }

    /// True when a write of this run has, or may have, taken effect.
    pub(super) fn wrote(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Remembers that something may have changed in a target.
    pub(super) fn sent<T>(&self, result: &Result<T, ConnectorError>) {
        if matches!(result, Ok(_) | Err(ConnectorError::Unknown { .. })) {
            self.wrote.store(true, Ordering::Relaxed);
        }
    }

    /// True when nothing more is to be sent to a target.
    pub(super) fn is_over(&self, target: &Name) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        self.options.cancel.is_cancelled()
            || over.journal.is_some()
            || over.targets.contains_key(target)
    }

    /// Why the run ended early.
    pub(super) fn why_stopped(&self) -> Vec<String> {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let cancelled = self.options.cancel.why();
        let targets = over
            .targets
            .iter()
            .map(|(target, why)| format!("target {target} was given up: {why}"));
        cancelled
            .into_iter()
            .chain(over.journal.clone())
            .chain(over.wave.clone())
            .chain(targets)
            .collect()
    }

    /// Notes that nobody follows the first wave of so many people, because so many of its changes are not as planned.
    pub(super) fn stop_after_wave(&self, people: u64, amiss: usize) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let people = match people {
            1 => "1 person".to_owned(),
            people => format!("{people} people"),
        };
        let amiss = match amiss {
            1 => "1 change is".to_owned(),
            amiss => format!("{amiss} changes are"),
        };
        over.wave = Some(format!(
            "of the first wave of {people} {amiss} not as planned; nobody else was begun"
        ));
    }

    /// The account a `create` made, when it is known.
    pub(super) fn created(&self, change: &ChangeId) -> Option<Guid> {
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(change)
            .copied()
            .or_else(|| self.journal.history().created(change))
    }

    /// The connection to a target.
    pub(super) fn writer(&self, target: &Name) -> Option<&'a W> {
        self.writers.get(target)
    }

    /// Appends to the journal. False when it cannot be written: then nothing more may be sent anywhere.
    pub(super) async fn note(&self, line: &Line) -> bool {
        match self.journal.append(line).await {
            Ok(()) => true,
            Err(error) => {
                let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
                over.journal.get_or_insert_with(|| error.to_string());
                false
            }
        }
    }

    pub(super) async fn note_outcome(
        &self,
        change: &Change,
        step: Step,
        result: StepResult,
        created: Option<Guid>,
        message: Option<String>,
    ) -> bool {
        self.note(&Line::Outcome {
            change: change.id.clone(),
            step,
            at: (self.options.clock)(),
            result,
            created,
            stamp: None,
            message,
        })
        .await
    }

    /// Executes one change.
    pub(super) async fn execute(&self, change: &Change) -> ChangeOutcome {
        let outcome = self.attempt(change).await;
        self.count_silence(change, &outcome);
        outcome
    }

    /// True when a change is about the very account this program works as (P9).
    fn concerns_ourselves(&self, change: &Change) -> bool {
        let Some(own) = self
            .writers
            .get(&change.target)
            .and_then(DirectoryWriter::bound_as)
        else {
            return false;
        };
        let member = match &change.action {
            Action::AddMember { member } | Action::RemoveMember { member } => member.guid,
            _ => None,
        };
        change.object.guid == Some(own) || member == Some(own)
    }

    async fn attempt(&self, change: &Change) -> ChangeOutcome {
        if self.concerns_ourselves(change) {
            return ChangeOutcome::conflict("this is the account halosync itself uses");
        }
        if let Action::Create {
            attributes,
            password,
            enable,
            ..
        } = &change.action
        {
            return match self.create(change, attributes, *password, *enable).await {
                Ok(outcome) | Err(outcome) => outcome,
            };
        }
        let (Some(object), Some(writer)) = (
            self.identity(&change.object),
            self.writers.get(&change.target),
        ) else {
            return ChangeOutcome::failed(
                FailureKind::Internal,
                "the object's identity is not known",
            );
        };
        if matches!(change.action, Action::ResetPassword {}) {
            return match self.reset_password(change, writer, object).await {
                Ok(outcome) | Err(outcome) => outcome,
            };
        }
        if let Action::Enable {
            initial_password: Some(policy),
        } = change.action
        {
            return match self.complete(change, writer, object, policy).await {
                Ok(outcome) | Err(outcome) => outcome,
            };
        }
        let goal = match &change.action {
            Action::Modify { attributes } => Goal::Attributes {
                guid: object,
                attributes,
            },
            Action::Adopt { attribute, .. } => Goal::Attributes {
                guid: object,
                attributes: std::slice::from_ref(attribute),
            },
            Action::Enable { .. } | Action::Disable {} => Goal::Disabled {
                guid: object,
                disabled: matches!(change.action, Action::Disable {}),
                given_back: change.cause == Cause::Undo,
            },
            Action::Rename { before, after, .. } => Goal::Named {
                guid: object,
                before,
                after,
            },
            Action::Move { before, after, .. } => Goal::Placed {
                guid: object,
                before,
                after,
            },
            Action::AddMember { member } | Action::RemoveMember { member } => {
                let Some(member) = self.identity(member) else {
                    return ChangeOutcome::failed(
                        FailureKind::Internal,
                        "the member's identity is not known",
                    );
                };
                Goal::Member {
                    group: object,
                    member,
                    present: matches!(change.action, Action::AddMember { .. }),
                    privileged: change.privileged,
                }
            }
            Action::Delete {
                disabled_since,
                anchor,
                last_written,
                before,
                ..
            } => Goal::Deleted {
                guid: object,
                dn: &change.object.dn,
                since: *disabled_since,
                last_written: *last_written,
                anchor,
                before,
            },
            Action::Restore { .. } => Goal::Restored {
                guid: object,
                dn: &change.object.dn,
            },
            // Taken care of above.
            Action::Create { .. } | Action::ResetPassword {} => {
                return ChangeOutcome::failed(
                    FailureKind::Internal,
                    "this change has no single goal",
                );
            }
        };
        match self.reach(change, writer, Step::Write, &goal).await {
            Reached::Already(_) => ChangeOutcome::AlreadyAsDesired {},
            Reached::Done(_) => match goal {
                Goal::Member {
                    group,
                    member,
                    present: true,
                    ..
                } if change.unit.is_some() => self.entered(change, writer, group, member).await,
                _ => ChangeOutcome::Done {},
            },
            Reached::Not(outcome) => outcome,
            Reached::Overtaken { finished } => overtaken(finished),
        }
    }

    /// Reads a group again before anybody who moves leaves another one for it: sent is not took. What needs the
    /// addition waits for this answer.
    async fn entered(
        &self,
        change: &Change,
        writer: &W,
        group: Guid,
        member: Guid,
    ) -> ChangeOutcome {
        let read = self
            .patiently(change, || writer.is_member(group, member).boxed())
            .await;
        let why = match read {
            Ok(true) => return ChangeOutcome::Done {},
            Ok(false) => "written, but read back: the member is not in the group".to_owned(),
            Err(
                ChangeOutcome::Failed { message, .. } | ChangeOutcome::Conflict { message, .. },
            ) => format!("written, but the group cannot be read back: {message}"),
            Err(_) => "written, but the group was not read back".to_owned(),
        };
        // So that a second apply of this plan makes it again instead of taking it for undone by somebody.
        self.note_outcome(
            change,
            Step::Write,
            StepResult::Failed,
            None,
            Some(why.clone()),
        )
        .await;
        ChangeOutcome::failed(FailureKind::Unverified, why)
    }

    pub(super) fn identity(&self, object: &ObjectRef) -> Option<Guid> {
        object
            .guid
            .or_else(|| self.created(object.created_by.as_ref()?))
    }

    /// Reads the account a change is about, unless that is to be left alone.
    pub(super) async fn own_account(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
        attributes: &[&str],
    ) -> Result<LiveEntry, ChangeOutcome> {
        let created = |id: &ChangeId| self.created(id);
        let eyes = Eyes {
            writer,
            created: &created,
            bounds: self.options.bounds.get(&change.target),
            expected: Some((&self.expected, change)),
            // It is given no anchor.
            anchors: None,
        };
        let read = || eyes.fetch(guid, attributes.iter().copied()).boxed();
        match self.patiently(change, read).await? {
            Ok(entry) => Ok(entry),
            Err(Look::Settled(outcome)) => Err(outcome),
            Err(_) => Err(ChangeOutcome::failed(
                FailureKind::Internal,
                "the account could not be looked at",
            )),
        }
    }

    /// Looks and sends until the goal is reached or cannot be.
    pub(super) async fn reach(
        &self,
        change: &Change,
        writer: &W,
        step: Step,
        goal: &Goal<'_>,
    ) -> Reached {
        let created = |id: &ChangeId| self.created(id);
        let eyes = Eyes {
            writer,
            created: &created,
            bounds: self.options.bounds.get(&change.target),
            expected: Some((&self.expected, change)),
            anchors: Some(&self.anchors),
        };
        let earlier = self.journal.history().step(&change.id, step);
        let mut tries = Tries::default();
        let mut races = 0;
        let mut sent = false;
        // True when a write of this plan may have happened without our knowing.
        let mut unsettled = earlier == Some(StepState::Open);
        // The same for a write that was sent and answered with a failure that is not for good.
        let mut perhaps_ours = unsettled;
        // Whether a disagreement about references has been looked at twice.
        let mut doubted = !goal.refers();
        let mut refused: Option<(Operation, ConnectorError)> = None;
        // The last word of the system, once there is to be no further attempt.
        let mut final_error: Option<ConnectorError> = None;
        loop {
            let open = sent || earlier == Some(StepState::Open);
            let look = match eyes.look(goal, open).await {
                Ok(look) => look,
                Err(error) => {
                    if final_error.is_none() && self.wait(change, &mut tries, &error).await {
                        continue;
                    }
                    let mut outcome = self.give_up(change, &error);
                    if unsettled {
                        outcome = ChangeOutcome::failed(
                            FailureKind::Unsettled,
                            format!("it may or may not have been written: {error}"),
                        );
                    }
                    return Reached::Not(outcome);
                }
            };
            let look = match look {
                // Our own last step, whose answer was lost, looks the same.
                Look::Overtaken {
                    guid,
                    finished: true,
                } if perhaps_ours => Look::AsDesired(guid),
                look => look,
            };
            match look {
                Look::Overtaken { finished, .. } => return Reached::Overtaken { finished },
                Look::AsDesired(guid) if unsettled => {
                    self.note_outcome(
                        change,
                        step,
                        StepResult::Done,
                        matches!(goal, Goal::Added { .. }).then_some(guid),
                        None,
                    )
                    .await;
                    return Reached::Done(Some(guid));
                }
                Look::AsDesired(guid) => return Reached::Already(guid),
                Look::Settled(outcome) if doubted => return Reached::Not(outcome),
                Look::Settled(_) => doubted = true,
                Look::Write(write) => {
                    // Refused, and it would be the same again.
                    if let Some((operation, error)) = refused.take()
                        && operation == write.operation
                    {
                        return Reached::Not(self.give_up(change, &error));
                    }
                    if let Some(error) = final_error {
                        return Reached::Not(self.give_up(change, &error));
                    }
                    if earlier == Some(StepState::Done) && !sent {
                        return Reached::Not(changed_back());
                    }
                    if !self.announce(change, step, &write).await {
                        return Reached::Not(ChangeOutcome::NotReached {});
                    }
                    sent = true;
                    let result = write.operation.send(writer).await;
                    self.sent(&result);
                    match result {
                        Ok(made) => {
                            self.note_outcome(change, step, StepResult::Done, made, None)
                                .await;
                            return Reached::Done(made);
                        }
                        // Whatever somebody else has done meanwhile, deleted it included, looking tells.
                        Err(error)
                            if matches!(error, ConnectorError::Conflict { .. })
                                || matches!(error, ConnectorError::NotFound { .. })
                                    && matches!(write.operation, Operation::Delete(_)) =>
                        {
                            self.note_error(change, step, &error).await;
                            races += 1;
                            if races > RACES {
                                final_error = Some(error);
                            }
                        }
                        Err(error) => {
                            self.note_error(change, step, &error).await;
                            if !is_passing(&error) {
                                if let Operation::AddMember(_, member) = write.operation
                                    && let Ok(None) = writer.fetch(member, &[]).await
                                {
                                    return Reached::Not(ChangeOutcome::conflict(
                                        "the member does not exist any more",
                                    ));
                                }
                                // Renamed or moved by somebody right before, it is not found under the name it had.
                                let elsewhere = matches!(error, ConnectorError::NotFound { .. })
                                    && matches!(write.operation, Operation::MoveTo(..));
                                if doubted && !elsewhere {
                                    return Reached::Not(self.give_up(change, &error));
                                }
                                doubted = true;
                                refused = Some((write.operation, error));
                                continue;
                            }
                            unsettled |= matches!(error, ConnectorError::Unknown { .. });
                            perhaps_ours = true;
                            if !self.wait(change, &mut tries, &error).await {
                                final_error = Some(error);
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) async fn announce(&self, change: &Change, step: Step, write: &Write) -> bool {
        self.note(&Line::Intent {
            change: change.id.clone(),
            step,
            at: (self.options.clock)(),
            object: write.object,
            dn: write.dn.clone(),
            before: write.before.clone(),
        })
        .await
    }

    pub(super) async fn note_error(&self, change: &Change, step: Step, error: &ConnectorError) {
        let result = if matches!(error, ConnectorError::Unknown { .. }) {
            StepResult::Unknown
        } else {
            StepResult::Failed
        };
        self.note_outcome(change, step, result, None, Some(error.to_string()))
            .await;
    }
}

pub(super) fn overtaken(finished: bool) -> ChangeOutcome {
    if finished {
        ChangeOutcome::AlreadyAsDesired {}
    } else {
        ChangeOutcome::conflict(
            "another apply set the account's password after this one did; the one made here is void",
        )
    }
}

/// An error with everything behind it, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text.push_str(&format!(": {one}"));
        cause = one.source();
    }
    text
}

fn changed_back() -> ChangeOutcome {
    ChangeOutcome::conflict(
        "an earlier apply of this plan made the change, and it has been changed back since",
    )
}
