//! Whether the signatures of a plan are enough.

use std::collections::{BTreeMap, BTreeSet};

use super::Approval;
use crate::config::{PersonIndex, SignerPeople, matches_signer_pattern};
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

/// The people who signed, each with the names the lines of their keys have.
type Signed<'a> = BTreeMap<PersonIndex, BTreeSet<&'a str>>;

/// Judges each of these requirements that a plan has to meet and that looks into this file of signers. `people` are those
/// of all files: whoever is one person there is one here. `author` is who wrote the plan's commit, by the repository: the
/// plan may have been made to name another.
pub fn judge(
    plan: &Plan,
    asked: &[ApprovalAsked],
    floors: &Floors,
    signers: &str,
    people: &SignerPeople,
    author: Option<&str>,
    approvals: &[Approval],
) -> Vec<Requirement> {
    let mut signed = Signed::new();
    for approval in approvals {
        if let Ok(name) = &approval.verdict
            && let Some(person) = people.person(name)
        {
            signed.entry(person).or_default().insert(name);
        }
    }
    let inputs = &plan.inputs;
    let known = inputs.commit.is_some() && !inputs.uncommitted;
    let named = inputs.author.as_deref();
    let authors: Vec<&str> = named.into_iter().chain(author).filter(|_| known).collect();
    plan.approvals_needed(asked, floors)
        .filter(|asked| asked.signers == signers)
        .map(|asked| requirement(asked, &signed, people, &authors))
        .collect()
}

fn requirement(
    asked: &ApprovalAsked,
    signed: &Signed<'_>,
    people: &SignerPeople,
    authors: &[&str],
) -> Requirement {
    let can = |name: &str| {
        asked.from.is_empty()
            || asked
                .from
                .iter()
                .any(|pattern| matches_signer_pattern(pattern, name))
    };
    let is_author = |person: PersonIndex| {
        let mut authors = authors.iter();
        authors.any(|author| people.has_address(person, author))
    };
    // Each person by the first of their names that can.
    let (own, others): (Vec<_>, Vec<_>) = signed
        .iter()
        .filter_map(|(person, names)| Some((*person, *names.iter().find(|name| can(name))?)))
        .partition(|(person, _)| !asked.author && is_author(*person));
    let unknown_author = !asked.author && authors.is_empty();
    let mut by: Vec<String> = others.iter().map(|(_, name)| (*name).to_owned()).collect();
    by.sort_unstable();
    Requirement {
        target: asked.target.clone(),
        risk: asked.risk,
        // Anybody may be the author, so one of those who sign may not count.
        people: asked.people.saturating_add(u32::from(unknown_author)),
        from: asked.from.clone(),
        by,
        author: own.first().map(|(_, name)| (*name).to_owned()),
        unknown_author,
    }
}
