//! Guards: what one plan may do at most to a target, judged over everything it would do, before anything is written.
//!
//! A change that waits is not in the plan, nor is anything that needs it; who waits, and for which guard, is. Invariants:
//! every limit is judged over all changes proposed, so that no order of limits matters; what waits is never chosen among
//! people; whoever was to be shut and is not has nothing else done to them. What an undo does for one person goes on whole
//! or waits whole, and what had been undone before of the same apply counts with what is undone now.

mod compile;
mod hold;
mod limits;
mod members;
mod recount;

pub(super) use compile::Guards;
pub use recount::{Recount, recount};

use super::changes::index;
use super::draft::Warnings;
use super::target::{NOBODY, Target};
use super::{Change, GuardOutcome, GuardVerdict, Held, WaiverInPlan, WaiverStanding};
use crate::lifecycle::RuleId;
use crate::model::PersonKey;
use crate::policy::warning;

/// What the guards make of a target's changes.
#[derive(Default)]
pub(super) struct Judgement {
    /// Those that go on.
    pub(super) changes: Vec<Change>,
    pub(super) held: Vec<Held>,
    pub(super) outcomes: Vec<GuardOutcome>,
    pub(super) waivers: Vec<WaiverInPlan>,
    /// What each limit says of the part that the watched person's changes are in.
    pub(super) touching: Vec<GuardOutcome>,
}

/// A target's changes while they are judged.
struct Judging<'j, 'a> {
    target: &'j Target<'a>,
    guards: &'j Guards,
    /// With the subject each is for.
    changes: Vec<(u32, Change)>,
    /// Per change the outcome that holds it.
    waits: Vec<Option<usize>>,
    outcomes: Vec<GuardOutcome>,
    watched: Option<&'j PersonKey>,
    touching: Vec<GuardOutcome>,
    /// A breach has made every removal wait, or everything: the next has nothing to add to that.
    removals_wait: bool,
    everything_waits: bool,
    undo: Option<Before<'j>>,
}

/// What had been undone of an apply before more of it is.
#[derive(Clone, Copy)]
pub(super) struct Before<'j>(pub(super) &'j [Change]);

/// Lets every change go on, where no company is concerned.
pub(super) fn unjudged(changes: Vec<(u32, Change)>) -> Judgement {
    Judgement {
        changes: changes.into_iter().map(|(_, change)| change).collect(),
        ..Judgement::default()
    }
}

/// Judges the changes of a target. Of `watched` it is noted which limits count them. For an undo, `undo` is what had been
/// undone before.
pub(super) fn judge(
    target: &Target<'_>,
    guards: &Guards,
    changes: Vec<(u32, Change)>,
    watched: Option<&PersonKey>,
    undo: Option<Before<'_>>,
    warnings: &mut Warnings,
) -> Judgement {
    if !guards.present {
        warnings.add(
            warning::NO_GUARDS,
            "no Guards document limits what a plan may do",
            target.name.to_string(),
        );
    }
    let mut judging = Judging {
        target,
        guards,
        waits: vec![None; changes.len()],
        changes,
        outcomes: Vec::new(),
        watched,
        touching: Vec::new(),
        removals_wait: false,
        everything_waits: false,
        undo,
    };
    judging.limits();
    judging.break_glass(warnings);
    judging.spread();
    judging.minimums(warnings);
    let waivers: Vec<WaiverInPlan> = guards
        .waivers
        .iter()
        .map(|(_, waiver)| waiver.clone())
        .collect();
    for waiver in &waivers {
        let (code, message) = match waiver.standing {
            WaiverStanding::Active => continue,
            WaiverStanding::Expiring => (warning::WAIVER_EXPIRES_SOON, "waivers that end soon"),
            WaiverStanding::Expired => (
                warning::WAIVER_EXPIRED,
                "waivers that have expired and release nothing",
            ),
        };
        let example = format!("{}, until {}", waiver.name, waiver.expires);
        warnings.add(code, message, example);
    }
    judging.finish(waivers)
}

impl Judging<'_, '_> {
    /// Notes a verdict; gives its place.
    fn outcome(&mut self, outcome: GuardOutcome) -> usize {
        self.outcomes.push(outcome);
        self.outcomes.len() - 1
    }

    /// Makes a change wait, unless it does already.
    fn hold(&mut self, change: usize, outcome: usize) -> bool {
        let free = self.waits[change].is_none();
        if free {
            self.waits[change] = Some(outcome);
        }
        free
    }

    /// Whether any guard holds anything.
    fn breached(&self) -> bool {
        self.waits.iter().any(Option::is_some)
    }
}

/// What tells accounts apart when they are counted.
fn who(at: u32, change: &Change) -> u64 {
    if at != NOBODY {
        return u64::from(at);
    }
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let account = change.account();
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let dn = Some(&account.dn).filter(|_| account.guid.is_none());
    hasher.hash_one((&account.guid, dn)) | 1 << 63
}

/// A verdict with nothing in it yet.
fn blank(target: &Target<'_>, guard: &str, rule: RuleId) -> GuardOutcome {
    GuardOutcome {
        target: target.name.clone(),
        guard: guard.to_owned(),
        kind: super::GuardKind::Limit,
        per: None,
        scope: None,
        parts: 1,
        counts: String::new(),
        limit: String::new(),
        counted: 0,
        already: 0,
        base: 0,
        allowed: 0,
        verdict: GuardVerdict::Passed,
        waiver: None,
        on_breach: None,
        held: 0,
        rule: index(rule),
    }
}
