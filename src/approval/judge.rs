//! Whether the signatures of a plan are enough.

use std::collections::BTreeSet;

use super::Approval;
use crate::config::matches_signer_pattern;
use crate::model::Name;
use crate::plan::{ApprovalAsked, Plan, Risk};

/// What a plan asks for, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The target whose guards ask.
    pub target: Name,
    /// For changes of this risk.
    pub risk: Risk,
    /// How many people must approve.
    pub people: u32,
    /// Patterns of those who can; none for every allowed signer.
    pub from: Vec<String>,
    /// Who did and counts, sorted.
    pub by: Vec<String>,
    /// The author, who signed and does not count.
    pub author: Option<String>,
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
    signers: &str,
    approvals: &[Approval],
) -> Vec<Requirement> {
    let people: BTreeSet<&String> = approvals
        .iter()
        .filter_map(|approval| approval.verdict.as_ref().ok())
        .collect();
    let author = plan.inputs.author.as_deref();
    plan.approvals_needed(asked)
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
    Requirement {
        target: asked.target.clone(),
        risk: asked.risk,
        people: asked.people,
        from: asked.from.clone(),
        by: others.into_iter().map(str::to_owned).collect(),
        author: own.first().map(|person| (*person).to_owned()),
    }
}
