//! Whether the signatures of a plan are enough.

use std::collections::BTreeSet;

use super::Approval;
use crate::config::matches_signer_pattern;
use crate::model::Name;
use crate::plan::{ApprovalAsked, Floors, Plan, Risk};

/// What a plan asks for, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The target whose guards ask.
    pub target: Name,
    /// For changes of this risk.
    pub risk: Risk,
    /// How many people must approve: one more than is asked for when the author is not known.
    pub people: u32,
    /// Patterns of those who can; none for every allowed signer.
    pub from: Vec<String>,
    /// Who did and counts, sorted.
    pub by: Vec<String>,
    /// The author, who signed and does not count.
    pub author: Option<String>,
    /// True when nobody knows who the author is, whose signature would not count.
    pub unknown_author: bool,
}

impl Requirement {
    /// How many more people must approve.
    pub fn missing(&self) -> u32 {
        let given = u32::try_from(self.by.len()).unwrap_or(u32::MAX);
        self.people.saturating_sub(given)
    }
}

/// Judges each of these requirements that a plan has to meet and that looks into this file of signers.
pub fn judge(
    plan: &Plan,
    asked: &[ApprovalAsked],
    floors: &Floors,
    signers: &str,
    approvals: &[Approval],
) -> Vec<Requirement> {
    let people: BTreeSet<&String> = approvals
        .iter()
        .filter_map(|approval| approval.verdict.as_ref().ok())
        .collect();
    let inputs = &plan.inputs;
    let known = inputs.commit.is_some() && !inputs.uncommitted;
    let author = inputs.author.as_deref().filter(|_| known);
    plan.approvals_needed(asked, floors)
        .filter(|asked| asked.signers == signers)
        .map(|asked| requirement(asked, &people, author))
        .collect()
}

fn requirement(
    asked: &ApprovalAsked,
    people: &BTreeSet<&String>,
    author: Option<&str>,
) -> Requirement {
    let can = |person: &str| {
        asked.from.is_empty()
            || asked
                .from
                .iter()
                .any(|pattern| matches_signer_pattern(pattern, person))
    };
    let is_author = |person: &str| author.is_some_and(|author| author.eq_ignore_ascii_case(person));
    let (own, others): (Vec<&str>, Vec<&str>) = people
        .iter()
        .map(|person| person.as_str())
        .filter(|person| can(person))
        .partition(|person| !asked.author && is_author(person));
    let unknown_author = !asked.author && author.is_none();
    Requirement {
        target: asked.target.clone(),
        risk: asked.risk,
        // Anybody may be the author, so one of those who sign may not count.
        people: asked.people + u32::from(unknown_author),
        from: asked.from.clone(),
        by: others.into_iter().map(str::to_owned).collect(),
        author: own.first().map(|person| (*person).to_owned()),
        unknown_author,
    }
}
