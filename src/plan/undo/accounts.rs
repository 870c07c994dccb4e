//! Accounts: those that were shut or opened, and those that were made.
//!
//! Keeps that an account a plan has made is shut and never deleted.

use super::super::{Action, AttributeChange, Change, Risk};
use super::undoing::Undoing;
use crate::model::{ACCOUNTDISABLE, PASSWD_NOTREQD};
use crate::policy::{held as code, warning};

impl<'u> Undoing<'u, '_> {
    /// Opens an account that was shut, or shuts one that was opened.
    pub(super) fn switch(&mut self, change: &'u Change, was_shut: bool) {
        let Some(at) = self.account(change, &change.object) else {
            return;
        };
        let Some(shut) = self.is_shut(change, at) else {
            return;
        };
        let action = if was_shut {
            Action::Enable {
                initial_password: None,
            }
        } else {
            Action::Disable {}
        };
        if shut != was_shut {
            self.done_before(change, self.target.object(at), action);
            return self.count_already(change);
        }
        if was_shut && self.stays_unfinished(change, at) {
            return;
        }
        self.push(change, "", self.target.object(at), action);
    }

    /// Holds the opening of an account of which no password is required, unless that was so when it was open: a create that
    /// was interrupted leaves accounts like that.
    fn stays_unfinished(&mut self, change: &'u Change, at: u32) -> bool {
        let needs_none = |flags: &str| {
            let flags = flags.trim().parse::<i64>().ok();
            flags.is_none_or(|flags| flags & PASSWD_NOTREQD != 0)
        };
        let uac = self.target.known.uac;
        if !self.entry(at).value(uac).is_some_and(needs_none) {
            return false;
        }
        let deed = self.deeds.get(&change.id);
        let found = deed.and_then(|deed| deed.before.get("userAccountControl")?.first());
        if found.is_some_and(|flags| needs_none(flags)) {
            return false;
        }
        let object = self.target.object(at);
        self.hold(
            change,
            code::ACCOUNT_UNFINISHED,
            "the account would be enabled, and no password is required of it (PASSWD_NOTREQD), which was not so when it was disabled".to_owned(),
            vec![object],
        );
        true
    }

    /// `ACCOUNTDISABLE` ([MS-ADTS] 2.2.16); what cannot be read is held.
    fn is_shut(&mut self, change: &'u Change, at: u32) -> Option<bool> {
        let flags = self.entry(at).value(self.target.known.uac);
        let flags = flags.and_then(|flags| flags.trim().parse::<i64>().ok());
        if flags.is_none() {
            let object = self.target.object(at);
            self.hold(
                change,
                code::UNDO_CHANGED,
                "userAccountControl cannot be read".to_owned(),
                vec![object],
            );
        }
        Some(flags? & ACCOUNTDISABLE != 0)
    }

    /// An account that was made is shut, and gives back what it took over from the one it replaced.
    pub(super) fn create(
        &mut self,
        change: &'u Change,
        attributes: &'u [AttributeChange],
        enable: bool,
    ) {
        let Some(at) = self.made_by(change) else {
            // The answer to its making was lost, and it was not made; or it is gone.
            return self.count_already(change);
        };
        let object = self.target.object(at);
        if self.account(change, &object).is_none() {
            return;
        }
        let Some(shut) = self.is_shut(change, at) else {
            return;
        };
        if !shut && !enable {
            return self.hold(
                change,
                code::UNDO_CHANGED,
                "the account was made disabled, and somebody has enabled it since".to_owned(),
                vec![object],
            );
        }
        self.warn(
            change,
            warning::UNDO_CREATED,
            "accounts that were made stay, disabled and out of the groups they were put in: an undo deletes nothing. Delete them by hand when nobody needs them, or leave that to the stages of leavers; their initial passwords are of no use any more",
            format!("{}: {}", self.shown(change), object.dn.spoken()),
        );
        if !shut {
            self.push(change, "", object.clone(), Action::Disable {});
        } else if enable {
            self.done_before(change, object.clone(), Action::Disable {});
        }
        if let Action::Create {
            replaces: Some(former),
            ..
        } = &change.action
        {
            let back = self.taken_over(self.entry(at), attributes, former);
            if !back.is_empty() {
                let made = self.push(
                    change,
                    "release",
                    object,
                    Action::Modify { attributes: back },
                );
                self.changes[made].risk = Risk::High;
            }
        }
    }
}
