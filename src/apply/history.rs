//! The lines of a journal, and what earlier applies of the same plan left in it.
//!
//! Pure: bytes in, facts out. Invariants: a line is either whole (it ends in a line break) or was never there; no line
//! counts that does not follow the one before it (see `chain`).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::chain::{JournalEnd, walk};
use super::journal::JournalError;
use super::outcome::Counts;
use super::torn::TornHead;
use crate::model::Guid;
use crate::plan::{Action, ChangeId, PlanFile};

/// Format version of a journal.
pub const FORMAT: &str = "halosync/journal/v2";

/// Why a second header is refused.
pub(super) const ONE_HEADER: &str = "the header stands first and nowhere else";

/// One line of a journal. In the file every line but the first begins with `previous`, the hash of the line before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "line",
    deny_unknown_fields
)]
pub enum Line {
    /// Always the first.
    Header {
        /// `halosync/journal/v2`.
        format: String,
        /// Digest of the plan.
        plan: String,
        /// Version of the program.
        tool_version: String,
        /// When the journal was begun.
        #[schemars(with = "String")]
        at: jiff::Timestamp,
    },
    /// An apply begins (one per apply, resumed ones included).
    Run {
        /// When.
        #[schemars(with = "String")]
        at: jiff::Timestamp,
        /// Version of the program.
        tool_version: String,
        /// True when the file ended in half a line (the program or the machine died while writing it). That line
        /// was removed: what it announced had not been sent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        torn: bool,
    },
    /// A write is about to be sent.
    Intent {
        /// Which change.
        change: ChangeId,
        /// Which of its writes.
        step: Step,
        /// When.
        #[schemars(with = "String")]
        at: jiff::Timestamp,
        /// The object, when it exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Guid>,
        /// The object's name at that moment, or the one it is to have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dn: Option<String>,
        /// Values found of every attribute the write changes; none for an attribute that had no value.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        before: BTreeMap<String, Vec<String>>,
    },
    /// What came of it.
    Outcome {
        /// Which change.
        change: ChangeId,
        /// Which of its writes.
        step: Step,
        /// When.
        #[schemars(with = "String")]
        at: jiff::Timestamp,
        /// How it ended.
        result: StepResult,
        /// Identity of the object it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Guid>,
        /// For a password: the server's `pwdLastSet` right afterwards. Another value later means that somebody else
        /// set another password since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<i64>,
        /// What the system said, when it was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// An apply ended by itself (complete or not), every outcome known.
    End {
        /// When.
        #[schemars(with = "String")]
        at: jiff::Timestamp,
        /// How many changes ended how.
        counts: Counts,
    },
}

/// A write within a change. All but `create`, and `enable` with an initial password, have one.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The only write of any other change.
    Write,
    /// `create`: the object is added, disabled.
    Add,
    /// `create`, and `enable` with an initial password: that is set. `resetPassword`: its only write.
    Password,
    /// `create`, and `enable` with an initial password: the account gets its final `userAccountControl`.
    Finish,
}

impl Step {
    /// The writes a change consists of, in their order; with the last one it is done.
    pub(super) fn of(action: &Action) -> &'static [Self] {
        match action {
            Action::Create { .. } => &[Self::Add, Self::Password, Self::Finish],
            Action::ResetPassword {} => &[Self::Password],
            Action::Enable {
                initial_password: Some(_),
            } => &[Self::Password, Self::Finish],
            Action::Adopt { .. }
            | Action::Modify { .. }
            | Action::Enable { .. }
            | Action::Disable {}
            | Action::Rename { .. }
            | Action::Move { .. }
            | Action::AddMember { .. }
            | Action::RemoveMember { .. }
            | Action::Delete { .. }
            | Action::Restore { .. } => &[Self::Write],
        }
    }

    /// The write with which a change is done.
    pub fn last_of(action: &Action) -> Self {
        match Self::of(action) {
            [.., last] => *last,
            [] => Self::Write,
        }
    }
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepResult {
    /// The system says it is done, or reading back showed that it is.
    Done,
    /// The system refused; nothing happened.
    Failed,
    /// No answer: it may or may not have happened.
    Unknown,
}

/// Where a write stands according to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Sent, perhaps; how it ended is not known.
    Open,
    /// Done.
    Done,
    /// Refused.
    Failed,
}

/// Whether all of a plan was applied, as its journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// The last apply was interrupted, left something, or there was none.
    No,
    /// It was.
    At {
        /// When.
        at: jiff::Timestamp,
        /// How many changes have no write, because they were found as desired.
        found: u64,
    },
    /// It says so, and its own lines do not.
    Unfounded {
        /// How many changes it says were written.
        claimed: u64,
        /// How many have a last write that is done.
        done: u64,
    },
}

/// What earlier applies of the same plan left in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    steps: HashMap<(ChangeId, Step), StepState>,
    created: HashMap<ChangeId, Guid>,
    stamps: HashMap<ChangeId, i64>,
    /// What each write announced last had found.
    images: HashMap<(ChangeId, Step), BTreeMap<String, Vec<String>>>,
    /// Writes that took effect at some time, or may have, whatever was said of them later.
    perhaps: HashSet<(ChangeId, Step)>,
    done_at: HashMap<ChangeId, jiff::Timestamp>,
    runs: u32,
    ended: Option<(jiff::Timestamp, Counts)>,
    valid_bytes: usize,
    end: JournalEnd,
    pub(super) torn: bool,
    pub(super) has_header: bool,
}

impl History {
    /// Reads what stands in a journal of the plan with this digest.
    ///
    /// # Errors
    /// When it belongs to another plan, is no journal, a whole line cannot be read, or a line does not follow the one
    /// before it. Half a line at the end is no error.
    pub fn read(bytes: &[u8], plan_digest: &str) -> Result<Self, JournalError> {
        let mut history = Self::default();
        let walked = walk(bytes, |number, line| {
            history.take(number, line?, plan_digest)
        })?;
        if walked.end.lines == 0
            && let Some(head) = TornHead::of(bytes)
            && !head.may_be_of(plan_digest)
        {
            let found = head.plan().to_owned();
            return Err(JournalError::OtherPlan { found });
        }
        history.valid_bytes = walked.valid_bytes;
        history.torn = walked.torn;
        history.end = walked.end;
        Ok(history)
    }

    fn take(&mut self, number: usize, line: Line, plan_digest: &str) -> Result<(), JournalError> {
        let misplaced = || JournalError::Damaged {
            line: number,
            message: ONE_HEADER.to_owned(),
        };
        match line {
            Line::Header { plan, .. } => {
                if number != 1 {
                    return Err(misplaced());
                }
                if plan != plan_digest {
                    return Err(JournalError::OtherPlan { found: plan });
                }
                self.has_header = true;
            }
            _ if number == 1 => return Err(misplaced()),
            Line::Run { .. } => {
                self.runs += 1;
                self.ended = None;
            }
            Line::Intent {
                change,
                step,
                before,
                ..
            } => {
                let write = (change, step);
                // What a write found after it had perhaps happened is its own doing.
                if !self.perhaps.contains(&write) {
                    self.images.insert(write.clone(), before);
                }
                self.steps.insert(write, StepState::Open);
            }
            Line::Outcome {
                change,
                step,
                result,
                created,
                stamp,
                at,
                ..
            } => {
                if result == StepResult::Done {
                    self.done_at.insert(change.clone(), at);
                }
                if let Some(stamp) = stamp {
                    self.stamps.insert(change.clone(), stamp);
                }
                if let Some(guid) = created {
                    self.created.insert(change.clone(), guid);
                }
                let state = match result {
                    StepResult::Done => StepState::Done,
                    StepResult::Failed => StepState::Failed,
                    StepResult::Unknown => StepState::Open,
                };
                let write = (change, step);
                if state != StepState::Failed {
                    self.perhaps.insert(write.clone());
                }
                self.steps.insert(write, state);
            }
            Line::End { at, counts } => self.ended = Some((at, counts)),
        }
        Ok(())
    }

    /// Where a write stands; `None` when it was never announced.
    pub fn step(&self, change: &ChangeId, step: Step) -> Option<StepState> {
        self.steps.get(&(change.clone(), step)).copied()
    }

    /// The object an earlier apply made for this change.
    pub fn created(&self, change: &ChangeId) -> Option<Guid> {
        self.created.get(change).copied()
    }

    /// `pwdLastSet` of the account right after an earlier apply set its password.
    pub fn stamp(&self, change: &ChangeId) -> Option<i64> {
        self.stamps.get(change).copied()
    }

    /// What a write had found, when it took effect or may have; `None` when it was never announced, or surely refused.
    /// Only looking tells whether one that may have did.
    pub fn written(&self, change: &ChangeId, step: Step) -> Option<&BTreeMap<String, Vec<String>>> {
        let write = (change.clone(), step);
        let may_have =
            self.perhaps.contains(&write) || self.steps.get(&write) == Some(&StepState::Open);
        self.images.get(&write).filter(|_| may_have)
    }

    /// When an earlier apply did the last write of this change that is done.
    pub fn done_at(&self, change: &ChangeId) -> Option<jiff::Timestamp> {
        self.done_at.get(change).copied()
    }

    /// How many applies began before this one.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// When the last apply ended by itself, and how many changes ended how; `None` when it was interrupted, and when
    /// there was none.
    pub fn ended(&self) -> Option<(jiff::Timestamp, Counts)> {
        self.ended
    }

    /// Whether an apply found or made all changes of the plan as planned, as its last end says. What that says was written
    /// must have lines: anybody can write one line that says all is done. For what was found as desired there are none.
    pub fn completed(&self, plan: &PlanFile) -> Completed {
        let changes = plan.content.changes.as_slice();
        let Some((at, counts)) = self.ended else {
            return Completed::No;
        };
        let achieved = counts.done.saturating_add(counts.already_as_desired);
        if achieved != changes.len() as u64 || counts.total() != achieved {
            return Completed::No;
        }
        let done = changes
            .iter()
            .filter(|change| {
                let last = Step::last_of(&change.action);
                self.step(&change.id, last) == Some(StepState::Done)
            })
            .count() as u64;
        if counts.done > done {
            return Completed::Unfounded {
                claimed: counts.done,
                done,
            };
        }
        Completed::At {
            at,
            found: changes.len() as u64 - done,
        }
    }

    /// How many changes have a write that is done, and how many one of which nobody knows how it ended.
    pub fn progress(&self) -> (usize, usize) {
        let of = |wanted: StepState| {
            let changes: std::collections::HashSet<&ChangeId> = self
                .steps
                .iter()
                .filter(|(_, state)| **state == wanted)
                .map(|((change, _), _)| change)
                .collect();
            changes.len()
        };
        (of(StepState::Done), of(StepState::Open))
    }

    /// Where it ended.
    pub fn end(&self) -> &JournalEnd {
        &self.end
    }

    /// Length of the part of the file that is whole lines; the rest is to be cut off before anything is appended.
    pub fn valid_bytes(&self) -> usize {
        self.valid_bytes
    }
}
