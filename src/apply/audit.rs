//! What a journal says when everything in it is taken at its word and nothing is assumed: where its chain breaks, which
//! writes have no outcome, whether the applies in it ended, and what of a plan is not done.
//!
//! Pure: bytes in, facts out. Goes on after what is wrong, so that all of it is told. Must not know what may be done
//! about it.

use std::collections::{BTreeMap, HashMap};

use super::chain::{JournalEnd, walk};
use super::history::{Line, ONE_HEADER, Step, StepResult, StepState};
use super::journal::JournalError;
use super::outcome::{ChangeOutcome, Counts, Outcome};
use crate::plan::{Change, ChangeId, PlanFile};

/// A write that was announced and about which nothing more stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The change.
    pub change: ChangeId,
    /// Which of its writes.
    pub step: Step,
    /// 1-based line of the announcement.
    pub line: usize,
    /// Whether it was tried and no answer came, instead of nothing being known at all.
    pub unanswered: bool,
}

/// One apply as its lines tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeen {
    /// 1-based line.
    pub line: usize,
    /// When it began.
    pub at: jiff::Timestamp,
    /// When it ended by itself, and with which counts; absent when it was interrupted.
    pub ended: Option<(jiff::Timestamp, Counts)>,
}

/// Everything a journal says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// Digest of the plan it says it belongs to.
    pub plan: Option<String>,
    /// What is wrong with its lines, in their order; the message names the line.
    pub damage: Vec<String>,
    /// Where it ends.
    pub end: JournalEnd,
    /// True when half a line stands behind that.
    pub torn: bool,
    /// Its applies.
    pub runs: Vec<RunSeen>,
    /// Writes without an outcome, by line.
    pub unsettled: Vec<Unsettled>,
    /// Outcomes of writes that were not announced: 1-based line and change.
    pub unannounced: Vec<(usize, ChangeId)>,
    /// Where each write stands.
    states: HashMap<(ChangeId, Step), StepState>,
    /// The hash of each line, for as long as a report may ask for one.
    heads: Vec<String>,
}

impl Audit {
    /// Reads a journal.
    pub fn of(bytes: &[u8]) -> Self {
        let mut audit = Self::default();
        let mut open: BTreeMap<(ChangeId, Step), (usize, bool)> = BTreeMap::new();
        let walked = walk(bytes, |number, line| {
            match line {
                Err(error) => audit.damage.push(error.to_string()),
                Ok(line) => audit.take(number, line, &mut open),
            }
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(walked) = walked;
        audit.end = walked.end;
        audit.torn = walked.torn;
        audit.heads = super::chain::heads(bytes);
        audit.unsettled = open
            .into_iter()
            .map(|((change, step), (line, unanswered))| Unsettled {
                change,
                step,
                line,
                unanswered,
            })
            .collect();
        audit.unsettled.sort_by_key(|one| one.line);
        if audit.end.lines == 0 {
            audit
                .damage
                .push("the journal has no whole line".to_owned());
        }
        audit
    }

    fn take(
        &mut self,
        number: usize,
        line: Line,
        open: &mut BTreeMap<(ChangeId, Step), (usize, bool)>,
    ) {
        let header = matches!(line, Line::Header { .. });
        if header != (number == 1) {
            let error = JournalError::Damaged {
                line: number,
                message: ONE_HEADER.to_owned(),
            };
            self.damage.push(error.to_string());
        }
        match line {
            Line::Header { plan, .. } => {
                self.plan.get_or_insert(plan);
            }
            Line::Run { at, .. } => self.runs.push(RunSeen {
                line: number,
                at,
                ended: None,
            }),
            Line::Intent { change, step, .. } => {
                let write = (change, step);
                self.states.insert(write.clone(), StepState::Open);
                open.insert(write, (number, false));
            }
            Line::Outcome {
                change,
                step,
                result,
                ..
            } => {
                let write = (change, step);
                let announced = self.states.contains_key(&write);
                if !announced {
                    self.unannounced.push((number, write.0.clone()));
                }
                let line = open.remove(&write).map_or(number, |(line, _)| line);
                let state = match result {
                    StepResult::Done => StepState::Done,
                    StepResult::Failed => StepState::Failed,
                    StepResult::Unknown => {
                        open.insert(write.clone(), (line, true));
                        StepState::Open
                    }
                };
                self.states.insert(write, state);
            }
            Line::End { at, counts } => {
                if let Some(run) = self.runs.last_mut() {
                    run.ended = Some((at, counts));
                }
            }
        }
    }

    /// True when not one write was announced.
    pub fn tells_of_no_write(&self) -> bool {
        self.states.is_empty()
    }

    /// How many writes are done.
    pub fn done(&self) -> usize {
        let mut states = self.states.values();
        states
            .by_ref()
            .filter(|state| **state == StepState::Done)
            .count()
    }

    /// Changes the journal speaks of and the plan does not have, or not with such a write.
    pub fn foreign(&self, plan: &PlanFile) -> Vec<&ChangeId> {
        let known: HashMap<&ChangeId, &Change> = by_id(plan);
        let mut foreign: Vec<&ChangeId> = self
            .states
            .keys()
            .filter(|(change, step)| {
                known
                    .get(change)
                    .is_none_or(|change| !Step::of(&change.action).contains(step))
            })
            .map(|(change, _)| change)
            .collect();
        foreign.sort_unstable();
        foreign.dedup();
        foreign
    }

    /// Whether the last write of a change is done.
    fn is_done(&self, change: &Change) -> bool {
        let last = Step::last_of(&change.action);
        self.states.get(&(change.id.clone(), last)) == Some(&StepState::Done)
    }

    /// Changes of the plan of which the journal does not say that they are done. Those that were found as desired are
    /// among them: nothing was written for them.
    pub fn not_done<'p>(&self, plan: &'p PlanFile) -> Vec<&'p Change> {
        let changes = plan.content.changes.iter();
        changes.filter(|change| !self.is_done(change)).collect()
    }

    /// What a report says that the journal does not bear out.
    pub fn against(&self, report: &Outcome, plan: Option<&PlanFile>) -> Vec<String> {
        let mut wrong = Vec::new();
        match &self.plan {
            Some(plan) if *plan == report.plan => {}
            Some(plan) => {
                wrong.push(format!(
                    "the report is of another plan ({}) than the journal ({plan})",
                    report.plan
                ));
                return wrong;
            }
            // Of whichever plan it was: it is not what it was.
            None => {
                wrong.push(format!(
                    "the journal had {} when the report was written, and says of no plan that it is its journal",
                    lines_of(report.journal.lines)
                ));
                return wrong;
            }
        }
        let lines = usize::try_from(report.journal.lines).unwrap_or(usize::MAX);
        match lines.checked_sub(1).and_then(|at| self.heads.get(at)) {
            None if lines == 0 => {}
            None => wrong.push(format!(
                "the end was cut off: the journal had {lines} lines when the report was written, and has {}",
                self.end.lines
            )),
            Some(head) if *head == report.journal.head => {}
            Some(_) => wrong.push(format!(
                "line {lines} is not the one the report was written after: it was edited, or lines before it were"
            )),
        }
        let Some(plan) = plan else { return wrong };
        let known = by_id(plan);
        for change in &report.changes {
            match known.get(&change.id) {
                None => wrong.push(format!(
                    "the report has a change {} that the plan does not have",
                    change.id.0
                )),
                Some(planned)
                    if change.outcome == ChangeOutcome::Done {} && !self.is_done(planned) =>
                {
                    wrong.push(format!(
                        "the report says that change {} is done, and the journal does not",
                        change.id.0
                    ));
                }
                Some(_) => {}
            }
        }
        wrong
    }
}

fn lines_of(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

fn by_id(plan: &PlanFile) -> HashMap<&ChangeId, &Change> {
    let changes = plan.content.changes.iter();
    changes.map(|change| (&change.id, change)).collect()
}
