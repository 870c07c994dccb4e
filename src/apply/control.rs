//! What `userAccountControl` says of an account: open, shut, or still being made.
//!
//! Knows numbers found, no directory. Keeps that an account somebody disabled after it was made is told from one that
//! is not finished.

use super::history::StepState;
use crate::connector::{LiveEntry, Modification};
use crate::model::Guid;

/// `ACCOUNTDISABLE` ([MS-ADTS] 2.2.16).
pub(super) const ACCOUNT_DISABLED: i64 = 0x2;
/// `PASSWD_NOTREQD`. Set on an account whose creation is under way and cleared by the last step: it tells an account
/// still to be finished from one that somebody disabled afterwards, even when the journal is lost.
pub(super) const PASSWORD_NOT_REQUIRED: i64 = crate::model::PASSWD_NOTREQD;
/// `userAccountControl` of an account just added: `NORMAL_ACCOUNT`, disabled, unfinished. Also what the directory
/// itself gives a user added without one.
pub(super) const UNFINISHED: i64 = 0x200 | ACCOUNT_DISABLED | PASSWORD_NOT_REQUIRED;

pub(super) const UAC: &str = "userAccountControl";

/// The last step of a create.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish {
    pub(super) guid: Guid,
    pub(super) enable: bool,
    /// Whether the initial password is to be changed at first logon.
    pub(super) must_change: bool,
    /// True when the password was set in this very run.
    pub(super) fresh_password: bool,
    /// `pwdLastSet` right after our password was set. Another value means that somebody set another one since.
    pub(super) stamp: Option<i64>,
    /// True when this plan is known to have added the account.
    pub(super) ours: bool,
    /// Where this step stands according to the journal.
    pub(super) earlier: Option<StepState>,
}

impl Finish {
    /// True when nothing is left to do for the account, given its `userAccountControl`.
    pub(super) fn is_over(&self, found: i64, announced: bool) -> bool {
        if self.earlier == Some(StepState::Done) {
            return true;
        }
        if found & PASSWORD_NOT_REQUIRED != 0 {
            return false;
        }
        if !self.ours {
            return true;
        }
        // Known to be ours, without the mark: the last step happened, or this server does not keep the mark.
        if self.enable {
            found & ACCOUNT_DISABLED == 0
        } else {
            announced || self.earlier == Some(StepState::Open)
        }
    }

    pub(super) fn wanted(&self, found: i64) -> i64 {
        let cleared = found & !PASSWORD_NOT_REQUIRED & !ACCOUNT_DISABLED;
        if self.enable {
            cleared
        } else {
            cleared | ACCOUNT_DISABLED
        }
    }
}

/// Whether an account is disabled; `None` when that cannot be read.
pub(super) fn is_disabled(entry: &LiveEntry) -> Option<bool> {
    account_control(entry).map(|found| found & ACCOUNT_DISABLED != 0)
}

/// The flags; `None` when they cannot be read.
pub(super) fn account_control(entry: &LiveEntry) -> Option<i64> {
    number(entry.values(UAC))
}

/// The first value as a number.
pub(super) fn number(values: &[String]) -> Option<i64> {
    values.first()?.trim().parse().ok()
}

/// Another number, only where the one found still stands.
pub(super) fn replace_number(attribute: &str, found: i64, wanted: i64) -> Vec<Modification> {
    vec![
        Modification::Delete(attribute.to_owned(), vec![found.to_string()]),
        Modification::Add(attribute.to_owned(), vec![wanted.to_string()]),
    ]
}
