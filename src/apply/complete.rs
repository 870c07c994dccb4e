//! Enables an account of which no password is required, as a create leaves it that was interrupted: it gets an initial
//! password first, and is finished as a new account is.
//!
//! Knows one account. Keeps that no account in use loses its password, that none is enabled without one of this plan,
//! and that one which somebody has finished meanwhile is left as it is.

use super::control::{
    ACCOUNT_DISABLED, Finish, PASSWORD_NOT_REQUIRED, UAC, account_control, number,
};
use super::create::Called;
use super::creation::{ENABLED_UNFINISHED, PWD_LAST_SET};
use super::execute::Run;
use super::history::{Step, StepState};
use super::outcome::{ChangeOutcome, FailureKind};
use crate::connector::DirectoryWriter;
use crate::model::Guid;
use crate::plan::{Change, PasswordPolicy};

impl<W: DirectoryWriter> Run<'_, W> {
    pub(super) async fn complete(
        &self,
        change: &Change,
        writer: &W,
        guid: Guid,
        policy: PasswordPolicy,
    ) -> Result<ChangeOutcome, ChangeOutcome> {
        let history = self.journal.history();
        let earlier = |step| history.step(&change.id, step);
        let asked = [UAC, PWD_LAST_SET, "sAMAccountName", "displayName"];
        let entry = self.own_account(change, writer, guid, &asked).await?;
        let Some(flags) = account_control(&entry) else {
            let why = "userAccountControl cannot be read";
            return Err(ChangeOutcome::failed(FailureKind::Missing, why));
        };
        let mut finish = Finish {
            guid,
            enable: true,
            must_change: false,
            fresh_password: false,
            stamp: None,
            ours: false,
            earlier: earlier(Step::Finish),
        };
        let disabled = flags & ACCOUNT_DISABLED != 0;
        let marked = flags & PASSWORD_NOT_REQUIRED != 0;
        if finish.earlier == Some(StepState::Done) || !marked {
            if disabled && finish.earlier != Some(StepState::Done) {
                return Err(ChangeOutcome::conflict(
                    "somebody has finished the account since the plan was made (PASSWD_NOTREQD is cleared), and it is disabled: plan again",
                ));
            }
            return self.finish(change, writer, finish, None, false).await;
        }
        if !disabled {
            return Err(ChangeOutcome::conflict(ENABLED_UNFINISHED));
        }
        let last_set = number(entry.values(PWD_LAST_SET));
        let stamp = history.stamp(&change.id);
        // Set by this plan, and by nobody else since.
        let has_ours = earlier(Step::Password) == Some(StepState::Done)
            && (stamp.is_none() || stamp == last_set);
        finish.must_change = policy.must_change;
        if has_ours {
            finish.stamp = stamp;
            return self.finish(change, writer, finish, None, false).await;
        }
        if self.passwords.is_none() {
            return Err(ChangeOutcome::failed(
                FailureKind::Password,
                "the plan names nobody to encrypt the initial password to, so the account stays disabled",
            ));
        }
        let name = |attribute: &str| entry.values(attribute).first().cloned();
        let called = Called {
            account: name("sAMAccountName"),
            display: name("displayName"),
        };
        let (password, stamp) = self
            .set_password(change, writer, guid, called, policy)
            .await?;
        finish.fresh_password = true;
        finish.stamp = stamp;
        self.finish(change, writer, finish, Some(password), true)
            .await
    }
}
