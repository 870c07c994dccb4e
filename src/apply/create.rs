//! Makes an account: added disabled, given a password, finished; each step is passed over when it is already done.
//!
//! Invariants: a password is kept encrypted before it is sent; an account is enabled only after a password of this
//! plan is in force, or when the plan asks for none.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use futures::FutureExt;

use super::control::Finish;
use super::execute::{Reached, Run, overtaken, with_causes};
use super::history::{Line, Step, StepResult, StepState};
use super::look::{Eyes, Goal};
use super::outcome::{ChangeOutcome, FailureKind};
use super::password::{NewPassword, generate};
use super::patience::Tries;
use crate::connector::{ConnectorError, DirectoryWriter};
use crate::model::Guid;
use crate::plan::{AttributeChange, Change, ChangeId, PasswordPolicy, PlanValue};

/// What an account is called: no password has a word of it.
pub(super) struct Called {
    /// `sAMAccountName`.
    pub(super) account: Option<String>,
    /// `displayName`.
    pub(super) display: Option<String>,
}

impl Called {
    fn by(attributes: &[AttributeChange]) -> Self {
        let text = |name: &str| {
            attributes
                .iter()
                .find(|one| one.name.eq_ignore_ascii_case(name))
                .and_then(|one| match one.after.first() {
                    Some(PlanValue::Text(text)) => Some(text.clone()),
                    _ => None,
                })
        };
        Self {
            account: text("sAMAccountName"),
            display: text("displayName"),
        }
    }
}

impl<W: DirectoryWriter> Run<'_, W> {
    /// Add disabled, set a password, finish: each step is passed over when it is already done.
    pub(super) async fn create(
        &self,
        change: &Change,
        attributes: &[AttributeChange],
        policy: PasswordPolicy,
        enable: bool,
    ) -> Result<ChangeOutcome, ChangeOutcome> {
        let history = self.journal.history();
        let earlier = |step| history.step(&change.id, step);
        let Some(writer) = self.writers.get(&change.target) else {
            return Err(ChangeOutcome::NotReached {});
        };
        let has_sink = self.passwords.is_some();
        let mut done = false;
        let guid = match history.created(&change.id) {
            Some(guid) => guid,
            None => {
                let goal = Goal::Added {
                    dn: &change.object.dn,
                    attributes,
                    allowed: has_sink || !enable,
                };
                match self.reach(change, writer, Step::Add, &goal).await {
                    Reached::Already(guid) => guid,
                    Reached::Done(Some(guid)) => {
                        done = true;
                        guid
                    }
                    Reached::Done(None) => {
                        return Err(ChangeOutcome::failed(
                            FailureKind::Internal,
                            "the directory gave no identity for the new account",
                        ));
                    }
                    Reached::Not(outcome) => return Err(outcome),
                    Reached::Overtaken { finished } => return Err(overtaken(finished)),
                }
            }
        };
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(change.id.clone(), guid);
        let mut finish = Finish {
            guid,
            enable,
            must_change: false,
            fresh_password: false,
            stamp: None,
            ours: done || matches!(earlier(Step::Add), Some(StepState::Open | StepState::Done)),
            earlier: earlier(Step::Finish),
        };
        let created = |id: &ChangeId| self.created(id);
        let eyes = Eyes {
            writer,
            created: &created,
            bounds: self.options.bounds.get(&change.target),
            expected: None,
            anchors: None,
        };
        let unfinished = self
            .patiently(change, || eyes.unfinished(finish).boxed())
            .await?;
        let mut kept = None;
        if let Some(last_set) = unfinished {
            if !done {
                self.check_own(change, writer, guid, attributes).await?;
            }
            let stamp = history.stamp(&change.id);
            // Set by us, and by nobody else since.
            let has_ours = earlier(Step::Password) == Some(StepState::Done)
                && (stamp.is_none() || stamp == last_set);
            if has_sink && !has_ours {
                let called = Called::by(attributes);
                let (password, stamp) = self
                    .set_password(change, writer, guid, called, policy)
                    .await?;
                kept = Some(password);
                done = true;
                finish.fresh_password = true;
                finish.stamp = stamp;
            } else if has_ours {
                finish.stamp = stamp;
            } else if enable {
                return Err(ChangeOutcome::failed(
                    FailureKind::Password,
                    "the plan names nobody to encrypt the initial password to, so the account stays disabled",
                ));
            }
            finish.must_change = policy.must_change && has_sink;
        } else if finish.earlier == Some(StepState::Done) || !done {
            // Finished before this run: is it still what the plan made it?
            let found = self
                .patiently(change, || eyes.differences(guid, attributes).boxed())
                .await?;
            match found {
                None => {
                    return Err(ChangeOutcome::conflict(
                        "the account this plan created does not exist any more",
                    ));
                }
                Some(differences) if !differences.is_empty() => {
                    return Err(ChangeOutcome::Conflict {
                        message: "the account this plan created has been changed since".to_owned(),
                        differences,
                    });
                }
                Some(_) => {}
            }
        }
        self.finish(change, writer, finish, kept, done).await
    }

    /// Makes sure that an account an earlier apply is said to have added is the one this plan makes, before it gets a
    /// password: anybody can write another identity into a journal.
    async fn check_own(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
        attributes: &[AttributeChange],
    ) -> Result<(), ChangeOutcome> {
        let created = |id: &ChangeId| self.created(id);
        let eyes = Eyes {
            writer,
            created: &created,
            bounds: self.options.bounds.get(&change.target),
            expected: None,
            anchors: None,
        };
        let anchors = self.anchors.names(&change.target);
        let found = self
            .patiently(change, || {
                eyes.other_than_made(guid, &change.object.dn, attributes, anchors)
                    .boxed()
            })
            .await?;
        found.map_or(Ok(()), Err)
    }

    /// The last step; `done` tells whether one before it was taken in this run.
    pub(super) async fn finish(
        &self,
        change: &Change,
        writer: &W,
        finish: Finish,
        kept: Option<NewPassword>,
        done: bool,
    ) -> Result<ChangeOutcome, ChangeOutcome> {
        let goal = Goal::Finished(finish);
        match self.reach(change, writer, Step::Finish, &goal).await {
            Reached::Already(_) if !done => Ok(ChangeOutcome::AlreadyAsDesired {}),
            Reached::Already(_) | Reached::Done(_) => Ok(ChangeOutcome::Done {}),
            Reached::Not(outcome) => Err(outcome),
            Reached::Overtaken { finished } => {
                if let Some(password) = kept {
                    self.withdraw(password).await?;
                }
                Ok(overtaken(finished))
            }
        }
    }

    /// Marks a password that is not in force, so that nobody hands it out.
    async fn withdraw(&self, password: NewPassword) -> Result<(), ChangeOutcome> {
        let Some(sink) = self.passwords.clone() else {
            return Ok(());
        };
        let withdrawn = tokio::task::spawn_blocking(move || sink.withdraw(password)).await;
        match withdrawn {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ChangeOutcome::failed(
                FailureKind::Password,
                format!(
                    "another apply set the password, and ours could not be marked void: {}",
                    with_causes(&error)
                ),
            )),
            Err(_) => Err(ChangeOutcome::failed(
                FailureKind::Password,
                "another apply set the password, and ours could not be marked void",
            )),
        }
    }

    pub(super) async fn set_password(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
        called: Called,
        policy: PasswordPolicy,
    ) -> Result<(NewPassword, Option<i64>), ChangeOutcome> {
        let Some(sink) = self.passwords.clone() else {
            return Err(ChangeOutcome::failed(
                FailureKind::Internal,
                "there is nowhere to keep the initial password",
            ));
        };
        let cn = change.object.dn.rdn().value;
        let account = called.account.unwrap_or_else(|| cn.clone());
        let display = called.display.unwrap_or_default();
        let password = generate(policy, &[&account, &display, &cn], &mut rand::rng());
        let kept = NewPassword {
            change: change.id.clone(),
            account,
            dn: change.object.dn.as_str().to_owned(),
            at: (self.options.clock)(),
            password: password.clone(),
        };
        // Encryption and the disk must not hold up the writes of others.
        let to_keep = kept.clone();
        let result = tokio::task::spawn_blocking(move || sink.keep(to_keep)).await;
        let problem = match result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(with_causes(&error)),
            Err(_) => Some("the initial password could not be kept".to_owned()),
        };
        if let Some(problem) = problem {
            return Err(ChangeOutcome::failed(FailureKind::Password, problem));
        }
        let mut tries = Tries::default();
        loop {
            let announced = self
                .note(&Line::Intent {
                    change: change.id.clone(),
                    step: Step::Password,
                    at: (self.options.clock)(),
                    object: Some(guid),
                    dn: None,
                    before: BTreeMap::new(),
                })
                .await;
            if !announced {
                return Err(ChangeOutcome::NotReached {});
            }
            // Setting the same password again changes nothing, so there is nothing to read back first.
            let result = writer.set_password(guid, &password).await;
            self.sent(&result);
            match result {
                Ok(()) => {
                    let stamp = self.stamp(change, writer, guid).await;
                    self.note(&Line::Outcome {
                        change: change.id.clone(),
                        step: Step::Password,
                        at: (self.options.clock)(),
                        // One that cannot be told from another's later on is set anew by the next apply.
                        result: if stamp.is_ok() {
                            StepResult::Done
                        } else {
                            StepResult::Unknown
                        },
                        created: None,
                        stamp: stamp.as_ref().ok().copied().flatten(),
                        message: None,
                    })
                    .await;
                    return Ok((kept, stamp?));
                }
                Err(error @ ConnectorError::NotFound { .. }) => {
                    self.note_error(change, Step::Password, &error).await;
                    return Err(ChangeOutcome::conflict(
                        "the account this plan created does not exist any more",
                    ));
                }
                Err(error) => {
                    self.note_error(change, Step::Password, &error).await;
                    if !self.wait(change, &mut tries, &error).await {
                        return Err(self.give_up(change, &error));
                    }
                }
            }
        }
    }

    async fn stamp(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
    ) -> Result<Option<i64>, ChangeOutcome> {
        let created = |id: &ChangeId| self.created(id);
        let eyes = Eyes {
            writer,
            created: &created,
            bounds: self.options.bounds.get(&change.target),
            expected: None,
            anchors: None,
        };
        self.patiently(change, || eyes.password_stamp(guid).boxed())
            .await
    }
}
