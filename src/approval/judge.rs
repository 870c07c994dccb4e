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
    /// Why nobody knows who the author is, whose signature would not count; `None` when somebody does, or the author counts.
    pub unknown_author: Option<String>,
}

/// Who wrote the configuration a plan is made from, as far as a repository tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorship {
    /// Mail addresses, besides the one the plan names.
    By(Vec<String>),
    /// Nobody knows: why, as the beginning of a sentence.
    Unknown(String),
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
/// of all files: whoever is one person there is one here. `authorship` is who wrote the plan's configuration, by the
/// repository: the plan may have been made to name another.
pub fn judge(
    plan: &Plan,
    asked: &[ApprovalAsked],
    floors: &Floors,
    signers: &str,
    people: &SignerPeople,
    authorship: &Authorship,
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
    let authors: Result<Vec<&str>, &str> = match authorship {
        Authorship::Unknown(why) => Err(why),
        Authorship::By(addresses) => {
            let named = inputs.author.as_deref();
            let all: Vec<&str> = addresses.iter().map(String::as_str).chain(named).collect();
            match all.is_empty() {
                true => Err("the plan's commit names no author"),
                false => Ok(all),
            }
        }
    };
    plan.approvals_needed(asked, floors)
        .filter(|asked| asked.signers == signers)
        .map(|asked| {
            requirement(
                asked,
                &signed,
                people,
                authors.as_deref().map_err(|why| *why),
            )
        })
        .collect()
}

fn requirement(
    asked: &ApprovalAsked,
    signed: &Signed<'_>,
    people: &SignerPeople,
    authors: Result<&[&str], &str>,
) -> Requirement {
    let can = |name: &str| {
        asked.from.is_empty()
            || asked
                .from
                .iter()
                .any(|pattern| matches_signer_pattern(pattern, name))
    };
    let is_author = |person: PersonIndex| {
        let mut authors = authors.unwrap_or_default().iter();
        authors.any(|author| people.has_address(person, author))
    };
    // Each person by the first of their names that can.
    let (own, others): (Vec<_>, Vec<_>) = signed
        .iter()
        .filter_map(|(person, names)| Some((*person, *names.iter().find(|name| can(name))?)))
        .partition(|(person, _)| !asked.author && is_author(*person));
    let unknown_author = authors.err().filter(|_| !asked.author);
    let mut by: Vec<String> = others.iter().map(|(_, name)| (*name).to_owned()).collect();
    by.sort_unstable();
    Requirement {
        target: asked.target.clone(),
        risk: asked.risk,
        // Anybody may be the author, so one of those who sign may not count.
        people: asked
            .people
            .saturating_add(u32::from(unknown_author.is_some())),
        from: asked.from.clone(),
        by,
        author: own.first().map(|(_, name)| (*name).to_owned()),
        unknown_author: unknown_author.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::AllowedSigners;

    fn asked(author: bool) -> ApprovalAsked {
        ApprovalAsked {
            target: Name::new("corp"),
            risk: Risk::High,
            people: 2,
            from: Vec::new(),
            author,
            signers: "signers".to_owned(),
            rule: crate::plan::RuleIndex(0),
        }
    }

    #[test]
    fn who_wrote_it_does_not_count_and_whom_nobody_knows_costs_one_more() {
        let none = BTreeMap::<String, AllowedSigners>::new();
        let people = SignerPeople::of(none.values());
        let signed = Signed::new();
        let known = ["jane@example.com"];
        let by = requirement(&asked(false), &signed, &people, Ok(&known));
        assert_eq!((by.people, by.unknown_author), (2, None));
        let nobody = requirement(&asked(false), &signed, &people, Err("it is not told"));
        assert_eq!(nobody.people, 3);
        assert_eq!(nobody.unknown_author.as_deref(), Some("it is not told"));
        // Whoever counts as author need not be known.
        let counts = requirement(&asked(true), &signed, &people, Err("it is not told"));
        assert_eq!((counts.people, counts.unknown_author), (2, None));
    }
}
