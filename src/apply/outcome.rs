//! What became of a plan: one outcome per change, and a verdict over all of them.
//!
//! Plain data for reports; holds no secret, ever (P4). Must not know how anything is executed.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::chain::JournalEnd;
use super::history::History;
use crate::model::{Dn, Guid, Name};
use crate::plan::{Action, Change, ChangeId, PersonRef, Plan, PlanFile, PlanValue};

/// Format version of a serialised [`Outcome`].
pub const FORMAT: &str = "halosync/outcome/v1";

/// What one `apply` did with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// `halosync/outcome/v1`.
    pub format: String,
    /// Digest of the plan that was applied.
    pub plan: String,
    /// The project's name.
    pub project: Name,
    /// When this run began.
    #[schemars(with = "String")]
    pub started: jiff::Timestamp,
    /// When it ended, verification included.
    #[schemars(with = "String")]
    pub finished: jiff::Timestamp,
    /// True when the journal already held an earlier, unfinished or finished run of the same plan.
    pub resumed: bool,
    /// The verdict; decides the exit code.
    pub verdict: Verdict,
    /// How many changes ended how.
    pub counts: Counts,
    /// Why the run ended before every change had its turn, or why there was none: one sentence per target or cause. Empty
    /// otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// One report per change of the plan, in the plan's order.
    pub changes: Vec<ChangeReport>,
    /// Encrypted files holding the initial passwords made in this run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub password_files: Vec<PathBuf>,
    /// Names that are not given again and that somebody has now, by this run or an earlier one of the same plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameGiven>,
    /// How long it took from the fact in the source to the disabled account, for every change of the plan that disables one, the longest
    /// first. Of an undo nobody: what it disables had been made or enabled by what it undoes, and nobody left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leavers: Vec<LeaverTime>,
    /// Where the journal ended when this was written. A journal that does not have this line has lost its end.
    pub journal: JournalEnd,
}

/// A name that belongs into a table of names that are not given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameGiven {
    /// The `Table` the rule names in `neverReuse`.
    pub table: Name,
    /// `lDAPDisplayName`.
    pub attribute: String,
    /// The name.
    pub name: String,
    /// Who has it.
    pub person: PersonRef,
}

/// From the fact in the source to the disabled account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaverTime {
    /// The change that disables.
    pub change: ChangeId,
    /// The person.
    pub person: PersonRef,
    /// When there was reason to disable the account. Of a date the end of the day in the project's time zone.
    #[schemars(with = "String")]
    pub since: jiff::Timestamp,
    /// What tells it, for example `endsOn 2026-11-20`.
    pub by: String,
    /// When the account was disabled, by this run or an earlier one of the same plan. Absent when it is not, and when
    /// somebody else had disabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub disabled: Option<jiff::Timestamp>,
    /// Seconds between both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// The verdict over a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Every change is done or was already as desired. Exit code 0.
    Applied,
    /// Some changes did not happen, or all did and the journal could not be written to its end. Exit code 4.
    Partial,
    /// The only thing that kept changes from happening is that somebody else changed the objects since the plan was
    /// made: plan again. Exit code 5.
    Conflicts,
    /// Nothing was written because a system could not be reached. Exit code 69.
    Unavailable,
    /// Nothing was written because every attempt was denied. Exit code 77.
    Denied,
}

/// How many changes ended how.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    /// Written in this run and read back.
    pub done: u64,
    /// Found as desired; nothing written.
    pub already_as_desired: u64,
    /// Left alone because somebody else changed the object.
    pub conflicts: u64,
    /// Tried and failed.
    pub failed: u64,
    /// Not tried because a change they depend on did not happen.
    pub skipped: u64,
    /// Not tried because the run ended before.
    pub not_reached: u64,
    /// Not tried because this apply was asked for others only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Counts {
    /// Changes altogether.
    pub fn total(&self) -> u64 {
        let Self {
            done,
            already_as_desired,
            conflicts,
            failed,
            skipped,
            not_reached,
            left_out,
        } = self;
        done + already_as_desired + conflicts + failed + skipped + not_reached + left_out
    }
}

/// One change and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeReport {
    /// Which change of the plan.
    pub id: ChangeId,
    /// The person it is for.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// What was to be done.
    pub action: ActionKind,
    /// The object's name when the plan was made. For people.
    pub dn: Dn,
    /// The account's identity, for a `create` that got as far as adding it (in this run or an earlier one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Guid>,
    /// When its turn came; absent when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<jiff::Timestamp>,
    /// When its turn ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished: Option<jiff::Timestamp>,
    /// What became of it.
    pub outcome: ChangeOutcome,
}

/// Kind of a change, without its content.
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
#[expect(missing_docs, reason = "each is the plan action of the same name")]
pub enum ActionKind {
    Create,
    Adopt,
    Modify,
    Enable,
    Disable,
    Rename,
    Move,
    AddMember,
    RemoveMember,
    ResetPassword,
    Delete,
    Restore,
}

impl From<&Action> for ActionKind {
    fn from(action: &Action) -> Self {
        match action {
            Action::Create { .. } => Self::Create,
            Action::Adopt { .. } => Self::Adopt,
            Action::Modify { .. } => Self::Modify,
            Action::Enable { .. } => Self::Enable,
            Action::Disable {} => Self::Disable,
            Action::Rename { .. } => Self::Rename,
            Action::Move { .. } => Self::Move,
            Action::AddMember { .. } => Self::AddMember,
            Action::RemoveMember { .. } => Self::RemoveMember,
            Action::ResetPassword {} => Self::ResetPassword,
            Action::Delete { .. } => Self::Delete,
            Action::Restore { .. } => Self::Restore,
        }
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "is",
    deny_unknown_fields
)]
pub enum ChangeOutcome {
    /// Written by this plan (now, or just before an interruption and settled now) and read back.
    Done {},
    /// The object was as desired when its turn came; nothing was written.
    AlreadyAsDesired {},
    /// The object is neither as the plan found it nor as it wants it. Nothing was written (P5).
    Conflict {
        /// One sentence for people.
        message: String,
        /// Where plan and object differ, when it is about attributes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differences: Vec<Difference>,
    },
    /// Tried and not achieved.
    Failed {
        /// What sort of failure.
        kind: FailureKind,
        /// One sentence for people, from the system where it gave one.
        message: String,
    },
    /// Not tried.
    Skipped {
        /// The change whose failure or conflict is at the root.
        because: ChangeId,
    },
    /// Not tried: the run was cancelled, or the target could not be reached any more.
    NotReached {},
    /// Not tried: this apply was asked for other changes only. Another one of the same plan does it.
    LeftOut {},
}

impl ChangeOutcome {
    /// True when the object is as the plan wants it.
    pub fn is_achieved(&self) -> bool {
        matches!(self, Self::Done {} | Self::AlreadyAsDesired {})
    }

    /// Its kind, as the report writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Done {} => "done",
            Self::AlreadyAsDesired {} => "alreadyAsDesired",
            Self::Conflict { .. } => "conflict",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::NotReached {} => "notReached",
            Self::LeftOut {} => "leftOut",
        }
    }

    pub(super) fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Failed {
            kind,
            message: message.into(),
        }
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
            differences: Vec::new(),
        }
    }
}

/// One attribute that is not as the plan presupposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Difference {
    /// `lDAPDisplayName`.
    pub attribute: String,
    /// Values when the plan was made.
    pub before: Vec<String>,
    /// Values the plan wants.
    pub planned: Vec<String>,
    /// Values found at apply.
    pub found: Vec<String>,
}

/// Sort of failure, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// The writing account lacks the right.
    Denied,
    /// The system will never accept this (too long, policy, forbidden value).
    Refused,
    /// Something the change needs is not there (the new parent, for example).
    Missing,
    /// It may work another time; the retries of this run are used up.
    Transient,
    /// The system stopped answering.
    Unavailable,
    /// The write was sent, no answer came, and it could not be read back: the next apply of this plan settles it.
    Unsettled,
    /// The write was acknowledged, but the object read back afterwards is not as written.
    Unverified,
    /// The initial password could not be made or kept, so the account was not created, or was left disabled.
    Password,
    /// A defect of this program.
    Internal,
}

impl Outcome {
    /// Of a plan without changes: nothing was to be done, and no journal was opened. `held` says why that is so where
    /// guards hold all there was to do.
    pub fn of_nothing(plan: &PlanFile, at: jiff::Timestamp, held: Option<&str>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            plan: plan.digest.clone(),
            project: plan.content.project.clone(),
            started: at,
            finished: at,
            resumed: false,
            verdict: Verdict::Applied,
            counts: Counts::default(),
            stopped: held.map(str::to_owned).into_iter().collect(),
            changes: Vec::new(),
            password_files: Vec::new(),
            names: Vec::new(),
            leavers: Vec::new(),
            journal: JournalEnd {
                lines: 0,
                head: String::new(),
            },
        }
    }

    /// Counts outcomes.
    pub(super) fn count(changes: &[ChangeReport]) -> Counts {
        let mut counts = Counts::default();
        for change in changes {
            *match change.outcome {
                ChangeOutcome::Done {} => &mut counts.done,
                ChangeOutcome::AlreadyAsDesired {} => &mut counts.already_as_desired,
                ChangeOutcome::Conflict { .. } => &mut counts.conflicts,
                ChangeOutcome::Failed { .. } => &mut counts.failed,
                ChangeOutcome::Skipped { .. } => &mut counts.skipped,
                ChangeOutcome::NotReached {} => &mut counts.not_reached,
                ChangeOutcome::LeftOut {} => &mut counts.left_out,
            } += 1;
        }
        counts
    }

    /// The names that are not given again, of changes that happened, in the plan's order.
    pub(super) fn names(plan: &[Change], changes: &[ChangeReport]) -> Vec<NameGiven> {
        let happened = plan.iter().zip(changes);
        let happened = happened.filter(|(_, report)| report.outcome.is_achieved());
        names_given(happened.map(|(change, _)| change))
    }

    /// How long it took until accounts were disabled.
    pub(super) fn leavers(
        plan: &Plan,
        zone: &jiff::tz::TimeZone,
        changes: &[ChangeReport],
        history: &History,
    ) -> Vec<LeaverTime> {
        let reports: HashMap<&ChangeId, &ChangeReport> =
            changes.iter().map(|report| (&report.id, report)).collect();
        let mut leavers: Vec<LeaverTime> = crate::plan::disabled_since(plan, zone)
            .into_iter()
            .map(|(change, since)| {
                let now = reports
                    .get(&change.id)
                    .filter(|report| report.outcome == ChangeOutcome::Done {});
                let disabled = history
                    .done_at(&change.id)
                    .or_else(|| now.and_then(|report| report.finished));
                LeaverTime {
                    change: change.id.clone(),
                    person: change.person.clone(),
                    since: since.at,
                    by: since.by,
                    disabled,
                    seconds: disabled.map(|at| at.duration_since(since.at).as_secs()),
                }
            })
            .collect();
        leavers.sort_by_key(|leaver| std::cmp::Reverse(leaver.seconds));
        leavers
    }

    /// Judges outcomes. `wrote` is true when a write of this run has, or may have, taken effect; `ended` when the journal says
    /// how it ended.
    pub(super) fn judge(changes: &[ChangeReport], wrote: bool, ended: bool) -> Verdict {
        let counts = Self::count(changes);
        if counts.done + counts.already_as_desired == counts.total() {
            // Whatever relies on the journal takes this run for one that was interrupted.
            return match ended {
                true => Verdict::Applied,
                false => Verdict::Partial,
            };
        }
        let failures = || {
            changes.iter().filter_map(|change| match change.outcome {
                ChangeOutcome::Failed { kind, .. } => Some(kind),
                _ => None,
            })
        };
        let wrote = wrote || counts.done > 0;
        if !wrote && counts.conflicts == 0 {
            // One that is unsettled is so by an earlier apply: this run has sent nothing.
            let silent = |kind| {
                matches!(
                    kind,
                    FailureKind::Unavailable | FailureKind::Transient | FailureKind::Unsettled
                )
            };
            if counts.failed > 0 && failures().all(silent) {
                return Verdict::Unavailable;
            }
            if counts.not_reached == 0
                && counts.failed > 0
                && failures().all(|kind| kind == FailureKind::Denied)
            {
                return Verdict::Denied;
            }
        }
        if counts.conflicts > 0
            && counts.failed == 0
            && counts.not_reached == 0
            && counts.left_out == 0
        {
            return Verdict::Conflicts;
        }
        Verdict::Partial
    }
}

impl ChangeReport {
    pub(super) fn not_reached(change: &Change) -> Self {
        Self::without_a_turn(change, ChangeOutcome::NotReached {})
    }

    pub(super) fn without_a_turn(change: &Change, outcome: ChangeOutcome) -> Self {
        Self {
            id: change.id.clone(),
            person: change.person.clone(),
            target: change.target.clone(),
            action: ActionKind::from(&change.action),
            dn: change.object.dn.clone(),
            created: None,
            started: None,
            finished: None,
            outcome,
        }
    }
}
/// The names that are not given again, of a plan whose every change happened.
pub fn names_of(plan: &PlanFile) -> Vec<NameGiven> {
    names_given(plan.content.changes.iter())
}

fn names_given<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<NameGiven> {
    changes
        .flat_map(|change| {
            let attributes = match &change.action {
                Action::Create { attributes, .. } | Action::Modify { attributes } => {
                    attributes.as_slice()
                }
                _ => &[],
            };
            attributes.iter().map(move |attribute| (change, attribute))
        })
        .filter_map(|(change, attribute)| {
            let table = attribute.never_reuse.as_ref()?;
            let [PlanValue::Text(name)] = attribute.after.as_slice() else {
                return None;
            };
            Some(NameGiven {
                table: table.clone(),
                attribute: attribute.name.clone(),
                name: name.clone(),
                person: change.person.clone(),
            })
        })
        .collect()
}
