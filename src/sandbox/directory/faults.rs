//! Trouble on demand: refusals, lost connections, delays, aimed at chosen operations.

use std::time::Duration;

use super::failure::Failure;
use super::message::Request;

/// Kinds of operation, for counting and for aiming faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Bind.
    Bind,
    /// Search, each page by itself.
    Search,
    /// Compare.
    Compare,
    /// Add.
    Add,
    /// Modify.
    Modify,
    /// ModifyDN: rename or move.
    Rename,
    /// Delete.
    Delete,
    /// Extended: StartTLS, Who am I.
    Extended,
}

impl OperationKind {
    /// True for those that change the directory.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Add | Self::Modify | Self::Rename | Self::Delete)
    }

    pub(crate) fn of(request: &Request<'_>) -> Option<Self> {
        Some(match request {
            Request::Bind { .. } => Self::Bind,
            Request::Search(_) => Self::Search,
            Request::Compare { .. } => Self::Compare,
            Request::Add { .. } => Self::Add,
            Request::Modify { .. } => Self::Modify,
            Request::Rename { .. } => Self::Rename,
            Request::Delete { .. } => Self::Delete,
            Request::Extended { .. } => Self::Extended,
            Request::Unbind | Request::Abandon => return None,
        })
    }
}

/// Which operations a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// All of them.
    Everything,
    /// Add, modify, rename and delete.
    Writes,
    /// Those of one kind.
    Only(OperationKind),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The operation is refused with this result and text, and has no effect.
    Refuse {
        /// LDAP result code (51 busy, 52 unavailable, …).
        code: u32,
        /// Diagnostic text.
        text: String,
    },
    /// The connection is closed before the operation takes effect.
    DropBefore,
    /// The operation takes effect, and the connection is closed before its answer is sent.
    DropAfter,
    /// The answer takes this much longer.
    Delay(Duration),
}

/// A fault waiting for its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// Which operations count.
    pub aim: Aim,
    /// Count only operations whose target name contains this text (ASCII case does not matter).
    pub target: Option<String>,
    /// So many counted operations pass before the first one is met.
    pub skip: u64,
    /// So many are met; `u64::MAX` for all to come.
    pub times: u64,
    /// What happens to them.
    pub trouble: Trouble,
}

impl FaultRule {
    /// The `nth` write from now (from 1) meets `trouble`.
    pub fn nth_write(nth: u64, trouble: Trouble) -> Self {
        Self {
            aim: Aim::Writes,
            target: None,
            skip: nth.saturating_sub(1),
            times: 1,
            trouble,
        }
    }
}

/// All faults waiting.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<FaultRule>,
}

/// What is to happen to one operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay: Option<Duration>,
    pub(crate) refuse: Option<Failure>,
    pub(crate) drop_before: bool,
    pub(crate) drop_after: bool,
}

impl Faults {
    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// True while no rule waits: the usual case, worth a short cut.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn judge(&mut self, kind: OperationKind, target: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in &mut self.rules {
            let aimed = match rule.aim {
                Aim::Everything => true,
                Aim::Writes => kind.is_write(),
                Aim::Only(only) => only == kind,
            } && rule.target.as_ref().is_none_or(|text| {
                target
                    .to_ascii_lowercase()
                    .contains(&text.to_ascii_lowercase())
            });
            if !aimed {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times == 0 {
                continue;
            }
            if rule.times != u64::MAX {
                rule.times -= 1;
            }
            match &rule.trouble {
                Trouble::Refuse { code, text } => verdict.refuse = Some(Failure::raw(*code, text)),
                Trouble::DropBefore => verdict.drop_before = true,
                Trouble::DropAfter => verdict.drop_after = true,
                Trouble::Delay(delay) => verdict.delay = Some(*delay),
            }
        }
        self.rules.retain(|rule| rule.times > 0);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::{Aim, FaultRule, Faults, OperationKind, Trouble};

    #[test]
    fn the_nth_write_is_met_and_no_other() {
        let mut faults = Faults::default();
        faults.push(FaultRule::nth_write(2, Trouble::DropAfter));
        assert!(!faults.judge(OperationKind::Add, "").drop_after);
        assert!(!faults.judge(OperationKind::Search, "").drop_after);
        assert!(faults.judge(OperationKind::Modify, "").drop_after);
        assert!(!faults.judge(OperationKind::Modify, "").drop_after);
        assert!(faults.is_empty());
    }

    #[test]
    fn a_rule_can_follow_one_object_for_ever() {
        let mut faults = Faults::default();
        faults.push(FaultRule {
            aim: Aim::Only(OperationKind::Modify),
            target: Some("cn=jane".to_owned()),
            skip: 0,
            times: u64::MAX,
            trouble: Trouble::Refuse {
                code: 51,
                text: "0000200E: busy".to_owned(),
            },
        });
        for _ in 0..3 {
            let verdict = faults.judge(OperationKind::Modify, "CN=Jane Doe,OU=x");
            assert_eq!(verdict.refuse.map(|failure| failure.code), Some(51));
        }
        let other = faults.judge(OperationKind::Modify, "CN=John");
        assert_eq!(other.refuse, None);
    }
}
