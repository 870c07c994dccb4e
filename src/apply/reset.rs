//! Replaces the password of a disabled account by a random one that is kept nowhere.
//!
//! Knows one account. Keeps that no account in use loses its password, that the password is made here and told to
//! nobody, and that it is replaced once for each plan.

use std::collections::BTreeMap;

use futures::FutureExt;

use super::control::{UAC, is_disabled, number};
use super::creation::PWD_LAST_SET;
use super::execute::Run;
use super::history::{Line, Step, StepResult, StepState};
use super::outcome::{ChangeOutcome, FailureKind};
use super::password::generate;
use super::patience::Tries;
use crate::connector::{ConnectorError, DirectoryWriter};
use crate::model::Guid;
use crate::plan::{Change, PasswordPolicy};

/// Long enough that nobody guesses it, and well below what every controller takes.
const POLICY: PasswordPolicy = PasswordPolicy {
    length: 64,
    must_change: false,
};

impl<W: DirectoryWriter> Run<'_, W> {
    pub(super) async fn reset_password(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
    ) -> Result<ChangeOutcome, ChangeOutcome> {
        if self.journal.history().step(&change.id, Step::Password) == Some(StepState::Done) {
            return Ok(ChangeOutcome::AlreadyAsDesired {});
        }
        let asked = [UAC, PWD_LAST_SET, "sAMAccountName", "displayName"];
        let mut tries = Tries::default();
        loop {
            let entry = self.own_account(change, writer, guid, &asked).await?;
            if is_disabled(&entry) != Some(true) {
                return Err(ChangeOutcome::conflict(
                    "the account is not disabled, so its password is left alone",
                ));
            }
            let before = number(entry.values(PWD_LAST_SET));
            let name = |attribute: &str| entry.values(attribute).first().cloned();
            let (account, display) = (name("sAMAccountName"), name("displayName"));
            let cn = entry.dn.rdn().value;
            let names = [
                account.as_deref().unwrap_or_default(),
                display.as_deref().unwrap_or_default(),
                cn.as_str(),
            ];
            // Another one at each attempt: nobody keeps it, so none must be the same.
            let password = generate(POLICY, &names, &mut rand::rng());
            let announced = self
                .note(&Line::Intent {
                    change: change.id.clone(),
                    step: Step::Password,
                    at: (self.options.clock)(),
                    object: Some(guid),
                    dn: Some(entry.dn.to_string()),
                    before: BTreeMap::new(),
                })
                .await;
            if !announced {
                return Err(ChangeOutcome::NotReached {});
            }
            let result = writer.set_password(guid, &password).await;
            self.sent(&result);
            let error = match result {
                Ok(()) => return self.replaced(change, writer, guid, before).await,
                Err(error) => error,
            };
            self.note_error(change, Step::Password, &error).await;
            if matches!(error, ConnectorError::NotFound { .. }) {
                return Err(ChangeOutcome::conflict(
                    "the object does not exist any more",
                ));
            }
            if !self.wait(change, &mut tries, &error).await {
                return Err(self.give_up(change, &error));
            }
        }
    }

    /// A password cannot be read; that it was set can.
    async fn replaced(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
        before: Option<i64>,
    ) -> Result<ChangeOutcome, ChangeOutcome> {
        let asked = [PWD_LAST_SET.to_owned()];
        let entry = self
            .patiently(change, || writer.fetch(guid, &asked).boxed())
            .await?;
        let now = entry.and_then(|entry| number(entry.values(PWD_LAST_SET)));
        let took = now.is_some() && now != before;
        let (result, outcome) = if took {
            (StepResult::Done, ChangeOutcome::Done {})
        } else {
            let why = "written, but read back: the password is as old as before";
            (
                StepResult::Failed,
                ChangeOutcome::failed(FailureKind::Unverified, why),
            )
        };
        self.note_outcome(change, Step::Password, result, None, None)
            .await;
        Ok(outcome)
    }
}
