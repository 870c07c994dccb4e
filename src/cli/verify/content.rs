//! Checks of what a plan does: against itself, and against the configuration at hand.
//!
//! Must not know who signed the plan or how far it is applied. The same counting and the same rules that made plans judge
//! them here, so a plan that somebody else made passes only when halosync could have made it.

use super::checks::{Refusal, some};
use crate::apply;
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::plan::{self, Against, Contradiction, GuardOutcome, PlanFile};

/// Changes and files named in a refusal; the rest is counted.
const NAMED: usize = 10;

pub(super) fn consistency(file: &PlanFile) -> Result<String, Refusal> {
    let twice = plan::twice(&file.content);
    if !twice.is_empty() {
        let sentence = "the plan contradicts itself, or says the same twice";
        let mut messages = vec![sentence.to_owned()];
        messages.extend(some(twice, NAMED, ""));
        let help =
            "halosync makes no such plan: find out what made this one, and plan again".to_owned();
        return Err(Refusal {
            messages,
            help: Some(help),
            exit: Exit::Rejected,
        });
    }
    match apply::hangs_together(file) {
        Ok(()) => Ok(format!(
            "{} changes with their dependencies and identities",
            file.content.changes.len()
        )),
        Err(error) => Err(Refusal::new(
            error.to_string(),
            "make the plan again with `halosync plan --out`; a plan is never edited",
        )),
    }
}

pub(super) fn stamps(project: &Project) -> plan::Stamps {
    project
        .config
        .directories
        .iter()
        .filter_map(|(name, directory)| {
            let stamp = directory.spec.stamp.as_ref()?;
            Some((name.clone(), stamp.attribute.clone()))
        })
        .collect()
}

pub(super) fn proof(project: &Project, file: &PlanFile) -> Result<String, Refusal> {
    let content = &file.content;
    let unasked = plan::unasked(content, &project.config);
    if !unasked.is_empty() {
        let sentence =
            "the plan does not say of its reads what the configuration asks of them".to_owned();
        return Err(Refusal {
            messages: std::iter::once(sentence).chain(some(unasked, NAMED, "")).collect(),
            help: Some("halosync makes no such plan with this configuration: find out what made this one, and plan again".to_owned()),
            exit: Exit::Rejected,
        });
    }
    let stamps = &stamps(project);
    let found = plan::unproven(content, stamps);
    if found.is_empty() {
        return Ok(if content.removals_held {
            "a read was not proven complete, and the plan takes nothing away on it".to_owned()
        } else {
            "every read was proven complete".to_owned()
        });
    }
    Err(Refusal {
        messages: told(
            "the plan takes away what a read that was not proven complete cannot justify",
            &found,
        ),
        help: Some(
            "halosync makes no such plan: find out what made this one, and plan again".to_owned(),
        ),
        exit: Exit::Rejected,
    })
}

pub(super) fn reach(project: &Project, file: &PlanFile, expected: bool) -> Result<String, Refusal> {
    let over = plan::overreach(&file.content, &project.config);
    let mut messages = Vec::new();
    let mut help = Vec::new();
    if !over.found.is_empty() {
        messages.push("the plan writes what no rule of the project writes".to_owned());
        messages.extend(some(over.found, NAMED, ""));
        help.push("halosync makes no such plan with this configuration: find out what made this one, and plan again");
    }
    // Anybody can call a plan an undo. Somebody has to answer for what no rule explains.
    let asked = plan::approvals_with(&file.content, &project.config);
    let signed = |target: &crate::model::Name| {
        let mut asked = asked.iter();
        asked.any(|asked| asked.risk == plan::Risk::Irreversible && asked.target == *target)
    };
    let back = over.given_back.len();
    let unsigned: Vec<String> = over
        .given_back
        .into_iter()
        .filter(|(target, _)| !expected && !signed(target))
        .map(|(_, told)| told)
        .collect();
    if !unsigned.is_empty() {
        messages.push(
            "the plan gives back what no rule writes any more, and nobody answers for it"
                .to_owned(),
        );
        messages.extend(some(unsigned, NAMED, ""));
        help.push("apply it with --expect-digest and the digest that was reviewed, have Guards.approvals ask for signatures (irreversible), or undo before the rules are taken back");
    }
    if messages.is_empty() {
        return Ok(match back {
            0 => "no attribute that no rule of the project writes".to_owned(),
            back => format!(
                "{} that no rule gives any more; {}",
                match back {
                    1 => "1 value or membership comes back".to_owned(),
                    back => format!("{back} values or memberships come back"),
                },
                if expected {
                    "the digest is the one expected"
                } else {
                    "they need the signatures of irreversible changes"
                }
            ),
        });
    }
    Err(Refusal {
        messages,
        help: Some(help.join("; ")),
        exit: Exit::Rejected,
    })
}

/// The guards of the configuration at hand, whatever the plan says of them.
pub(super) fn recount(project: &Project, file: &PlanFile) -> Result<String, Refusal> {
    let recount = plan::recount(&file.content, &project.config);
    if recount.found.is_empty() {
        let stated = match recount.stated.as_slice() {
            [] => String::new(),
            some => format!(
                "; of {} only the plan tells how many accounts there are",
                some.join(", ")
            ),
        };
        return Ok(match recount.guards {
            0 => "the configuration has no guards for what it changes".to_owned(),
            1 => format!("1 guard as the configuration has it, counted again{stated}"),
            some => format!("{some} guards as the configuration has them, counted again{stated}"),
        });
    }
    let sentence =
        "the plan's guards are not what the configuration and the plan's own changes give";
    let mut messages = vec![sentence.to_owned()];
    messages.extend(some(recount.found, NAMED, ""));
    Err(Refusal {
        messages,
        help: Some(
            "halosync makes no such plan with this configuration: find out what made this one, and plan again"
                .to_owned(),
        ),
        exit: Exit::Rejected,
    })
}

pub(super) fn guards(file: &PlanFile, stamps: &plan::Stamps) -> Result<String, Refusal> {
    let content = &file.content;
    let found = plan::past_guards(content, stamps);
    if !found.is_empty() {
        return Err(Refusal {
            messages: told("the plan has changes that its own guards hold", &found),
            help: Some(
                "halosync makes no such plan: find out what made this one, and plan again"
                    .to_owned(),
            ),
            exit: Exit::Rejected,
        });
    }
    let holding: Vec<&GuardOutcome> = holding(file).collect();
    Ok(match holding.as_slice() {
        [] => "no guard holds anything".to_owned(),
        some => format!(
            "{}; what waits is not in the plan",
            some.iter()
                .map(|guard| held_words(guard))
                .collect::<Vec<_>>()
                .join("; ")
        ),
    })
}

fn holding(file: &PlanFile) -> impl Iterator<Item = &GuardOutcome> {
    file.content.guards.iter().filter(|guard| guard.held > 0)
}

fn held_words(guard: &GuardOutcome) -> String {
    let part = guard
        .part()
        .map_or_else(String::new, |part| format!(" in {part}"));
    format!(
        "guard {} of {}{part}: {} {}, {} allowed, {} changes wait",
        guard.guard, guard.target, guard.counted, guard.counts, guard.allowed, guard.held
    )
}

/// A plan that has no changes because guards hold them is not one with nothing to do.
pub(crate) fn all_held(file: &PlanFile) -> Option<Refusal> {
    let content = &file.content;
    let waits = content.held.iter().any(|held| held.guard.is_some());
    if !content.changes.is_empty() || !waits {
        return None;
    }
    let mut messages = vec!["the plan has no changes: guards hold all of them".to_owned()];
    messages.extend(holding(file).map(held_words));
    Some(Refusal {
        messages,
        help: Some(format!(
            "see to what brings this about, or let it pass once with a Waiver; then {}",
            content.made_again()
        )),
        exit: Exit::Held,
    })
}

/// A sentence, and the changes it is about.
fn told(sentence: &str, found: &[Contradiction<'_>]) -> Vec<String> {
    let mut messages = vec![sentence.to_owned()];
    messages.extend(found.iter().take(NAMED).map(|one| {
        let change = one.change;
        let why = match &one.against {
            Against::People(source) => format!("the read of {source} is not proven complete"),
            Against::Directory => {
                format!("the read of {} is not proven complete", change.target)
            }
            Against::Guard(guard) => format!("guard {} holds it", guard.guard),
        };
        format!("{}: {why}", change.spoken())
    }));
    if found.len() > NAMED {
        messages.push(format!("and {} more changes", found.len() - NAMED));
    }
    messages
}
