//! `halosync verify journal`: whether a journal is as it was written, whose it is, and whether all of its plan was done.

use std::collections::HashMap;
use std::path::Path;

use super::args::VerifyJournal;
use super::checks::{Checks, Name, Refusal, some};
use super::progress::{NAMED, agreeing, journal_failure};
use super::told::{Of, Told};
use crate::apply::{self, Audit, ChangeReport, Outcome, Step};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::project;
use crate::cli::sealed::{self, Keys};
use crate::cli::sorts::{self, Sort};
use crate::plan::{Change, ChangeId, PlanFile};

/// Runs the command.
pub(super) fn run(context: &Context, verb: &VerifyJournal) -> Result<Exit, Failure> {
    let plan = match &verb.plan {
        Some(path) => Some(crate::cli::show::read(context, &verb.project, path)?),
        None => None,
    };
    let report = match &verb.report {
        Some(path) => Some(report(context, verb, path)?),
        None => None,
    };
    let path = &verb.journal;
    let bytes = apply::read_journal(path)
        .map_err(|error| journal_failure(path, error))?
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!("cannot read {}: there is no such file", path.display()),
            )
            .help("name the journal of an apply; without --journal it is kept beside the plan, as plan.3f9a2c1b7d50.journal.jsonl for plan.json")
        })?;
    let bytes = sealed::opened(context, Keys::At(&verb.project), path, bytes)?;
    let mut checks = Checks::default();
    if let Some(other) = sorts::other_than(Sort::Journal, &bytes) {
        // Nothing else about it means anything.
        let refused = refusal(vec![other.message()], &other.help(), Exit::Rejected);
        checks.add(Name::Chain, Err(refused));
        let sentence = "there is no journal to judge".to_owned();
        let told = Told::new(Of::Journal, &checks, None, sentence);
        context.printer.result(&told.written(verb.format)?)?;
        return Ok(checks.exit());
    }
    let audit = Audit::of(&bytes);
    checks.add(Name::Chain, chain(&audit));
    match &plan {
        Some(plan) => {
            let of_plan =
                of_plan(&audit, plan).and_then(|said| agreeing(path, &bytes, plan).map(|()| said));
            checks.add(Name::Plan, of_plan);
        }
        None => checks.skip(
            Name::Plan,
            &format!(
                "no plan was named (--plan); the journal says it is of {}",
                audit.plan.as_deref().unwrap_or("none")
            ),
        ),
    }
    match &report {
        Some(report) => checks.add(Name::Report, of_report(&audit, report, plan.as_ref())),
        None => checks.skip(
            Name::Report,
            "no report was named (--report): whether the end was cut off cannot be told",
        ),
    }
    checks.add(Name::Applies, applies(&audit));
    checks.add(Name::Outcomes, outcomes(&audit));
    match &plan {
        Some(plan) => {
            let redact = !verb.clear && is_concealed(context, verb);
            let found = complete(&audit, plan, report.as_ref(), redact);
            checks.add(Name::Complete, found);
        }
        None => checks.skip(
            Name::Complete,
            "no plan was named (--plan): which changes there were is not known",
        ),
    }
    let sentence = match checks.exit() {
        Exit::Success => "nothing speaks against the journal",
        Exit::Partial => "the journal is as it was written, and not everything in it is done",
        _ => "the journal is not to be relied on",
    };
    let told = Told::new(
        Of::Journal,
        &checks,
        audit.plan.as_deref(),
        sentence.to_owned(),
    );
    context.printer.result(&told.written(verb.format)?)?;
    Ok(checks.exit())
}

/// Whether what is printed is to name nobody: the project has its files sealed, or one of these is, or nobody can tell
/// because the project's configuration is not valid.
fn is_concealed(context: &Context, verb: &VerifyJournal) -> bool {
    let named = [
        Some(&verb.journal),
        verb.plan.as_ref(),
        verb.report.as_ref(),
    ];
    if named
        .into_iter()
        .flatten()
        .any(|path| sealed::is_sealed_file(path))
    {
        return true;
    }
    let Ok(workspace) = project::open(context, &verb.project) else {
        return false;
    };
    let config = workspace.load().config;
    config.is_none_or(|config| config.project.spec.sealing.is_some())
}

fn report(context: &Context, verb: &VerifyJournal, path: &Path) -> Result<Outcome, Failure> {
    let bytes = sealed::read(context, Keys::At(&verb.project), path)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        if let Some(other) = sorts::other_than(Sort::Report, &bytes) {
            let message = format!("{}: {}", path.display(), other.message());
            return Failure::new(Exit::Usage, message).help(other.help());
        }
        Failure::new(
            Exit::Usage,
            format!("{}: no report of an apply: {error}", path.display()),
        )
        .help("name the JSON file `apply` wrote, for example plan.3f9a2c1b7d50.report.json")
    })
}

fn refusal(messages: Vec<String>, help: &str, exit: Exit) -> Refusal {
    Refusal {
        messages,
        help: Some(help.to_owned()),
        exit,
    }
}

fn chain(audit: &Audit) -> Result<String, Refusal> {
    if !audit.damage.is_empty() {
        return Err(refusal(
            some(audit.damage.clone(), NAMED, "lines"),
            "keep the file for an inquiry; nothing in it proves anything from there on",
            Exit::Rejected,
        ));
    }
    let torn = if audit.torn {
        "; half a line behind them was never acknowledged, and the next apply cuts it off"
    } else {
        ""
    };
    Ok(format!(
        "{} lines, each follows the one before it, sha256 {}{torn}",
        audit.end.lines, audit.end.head
    ))
}

fn of_plan(audit: &Audit, plan: &PlanFile) -> Result<String, Refusal> {
    let help = "name the plan the journal was written for";
    let Some(found) = &audit.plan else {
        return Err(refusal(
            vec!["nothing in the journal says whose it is: it has no header".to_owned()],
            "bring the journal back from where it was kept",
            Exit::Rejected,
        ));
    };
    if *found != plan.digest {
        return Err(refusal(
            vec![format!(
                "the journal belongs to another plan ({found}) than the one named ({})",
                plan.digest
            )],
            help,
            Exit::Rejected,
        ));
    }
    let foreign = audit.foreign(plan);
    if foreign.is_empty() {
        return Ok(format!("belongs to {}", plan.digest));
    }
    let told = foreign.into_iter().map(|change| {
        format!(
            "it tells of a write for change {} that the plan does not have",
            change.0
        )
    });
    Err(refusal(
        some(told.collect(), NAMED, "changes"),
        "keep the file for an inquiry: halosync writes no such line",
        Exit::Rejected,
    ))
}

fn of_report(audit: &Audit, report: &Outcome, plan: Option<&PlanFile>) -> Result<String, Refusal> {
    let wrong = audit.against(report, plan);
    if !wrong.is_empty() {
        return Err(refusal(
            some(wrong, NAMED, "differences"),
            "keep both files for an inquiry",
            Exit::Rejected,
        ));
    }
    let since = audit.end.lines.saturating_sub(report.journal.lines);
    Ok(match since {
        0 => format!("ends at line {}, as the report says", audit.end.lines),
        since => {
            let later = later_runs(audit, report);
            format!(
                "has the line {} the report ends with, and {since} written since{}: the report is an earlier one, and nothing in it counts for what came later; name that of the last apply",
                report.journal.lines,
                match later {
                    0 => String::new(),
                    1 => ", by 1 more apply".to_owned(),
                    more => format!(", by {more} more applies"),
                }
            )
        }
    })
}

/// How many applies of a journal began after a report was written.
fn later_runs(audit: &Audit, report: &Outcome) -> usize {
    let runs = audit.runs.iter();
    runs.filter(|run| run.line as u64 > report.journal.lines)
        .count()
}

fn applies(audit: &Audit) -> Result<String, Refusal> {
    let Some(last) = audit.runs.last() else {
        return Err(refusal(
            vec!["no apply was begun".to_owned()],
            "apply the plan",
            Exit::Partial,
        ));
    };
    let Some((at, counts)) = last.ended else {
        return Err(refusal(
            vec![format!(
                "the apply of {} (line {}) did not end by itself",
                last.at, last.line
            )],
            "apply the same plan again with this journal: it goes on where that one stopped",
            Exit::Partial,
        ));
    };
    let interrupted = audit.runs.iter().filter(|run| run.ended.is_none()).count();
    Ok(format!(
        "{} begun{}, the last one ended {at}: {} done, {} as desired already, {} not",
        audit.runs.len(),
        match interrupted {
            0 => String::new(),
            some => format!(" ({some} interrupted)"),
        },
        counts.done,
        counts.already_as_desired,
        counts.total() - counts.done - counts.already_as_desired
    ))
}

fn outcomes(audit: &Audit) -> Result<String, Refusal> {
    if !audit.unannounced.is_empty() {
        let told = audit.unannounced.iter().map(|(line, change)| {
            format!(
                "line {line}: the outcome of a write for change {} that was never announced",
                change.0
            )
        });
        return Err(refusal(
            some(told.collect(), NAMED, "outcomes"),
            "keep the file for an inquiry: halosync announces every write",
            Exit::Rejected,
        ));
    }
    if !audit.unsettled.is_empty() {
        let told = audit.unsettled.iter().map(|one| {
            format!(
                "line {}: {} was announced, and {}",
                one.line,
                write(&one.change, one.step),
                if one.unanswered {
                    "no answer came"
                } else {
                    "nothing more is known"
                }
            )
        });
        return Err(refusal(
            some(told.collect(), NAMED, "writes"),
            "apply the same plan again with this journal: it looks what happened before it does anything",
            Exit::Partial,
        ));
    }
    Ok(format!(
        "every write that was announced has one; {} done",
        audit.done()
    ))
}

fn write(change: &ChangeId, step: Step) -> String {
    let which = match step {
        Step::Write => "the write",
        Step::Add => "the new account",
        Step::Password => "the initial password",
        Step::Finish => "the last write",
    };
    format!("{which} of change {}", change.0)
}

/// Whether every change of the plan is done or was found as desired. The journal alone cannot tell of each which: for
/// what was found as desired nothing is written.
fn complete(
    audit: &Audit,
    plan: &PlanFile,
    report: Option<&Outcome>,
    redact: bool,
) -> Result<String, Refusal> {
    let all = plan.content.changes.len();
    // What an earlier apply found as desired may be otherwise since.
    let report = report.filter(|report| later_runs(audit, report) == 0);
    let not_done = audit.not_done(plan);
    let counts = audit.runs.last().and_then(|run| run.ended);
    let achieved = counts.is_some_and(|(_, counts)| {
        // Whoever says that so many were written has lines of so many.
        let written = (all - not_done.len()) as u64;
        counts.total() == all as u64
            && counts.done + counts.already_as_desired == counts.total()
            && counts.done <= written
    });
    if achieved {
        return Ok(format!(
            "all {all} changes are as planned, {} of them found so",
            not_done.len()
        ));
    }
    let reported: HashMap<&ChangeId, &ChangeReport> = report
        .into_iter()
        .flat_map(|report| &report.changes)
        .map(|change| (&change.id, change))
        .collect();
    let why = |change: &Change| match reported.get(&change.id) {
        Some(report) if report.outcome.is_achieved() => None,
        Some(report) => Some(format!(": {}", report.outcome.kind())),
        None => Some(String::new()),
    };
    // As a plan without personal data numbers them.
    let numbers: HashMap<&ChangeId, usize> = plan
        .content
        .changes
        .iter()
        .enumerate()
        .map(|(at, change)| (&change.id, at + 1))
        .collect();
    let told: Vec<String> = not_done
        .iter()
        .filter_map(|change| {
            let why = why(change)?;
            Some(match numbers.get(&change.id) {
                Some(number) if redact => {
                    format!("{} (change {number}){why}", change.action.kind())
                }
                _ => format!("{}{why}", change.spoken()),
            })
        })
        .collect();
    if told.is_empty() {
        let how = match not_done.is_empty() {
            true => "every change has a write that is done",
            false => "every change is as planned by the report",
        };
        return Err(refusal(
            vec![format!("{how}, but the last apply did not end saying so")],
            "apply the same plan again with this journal, or plan again if it has expired",
            Exit::Partial,
        ));
    }
    let mut messages = vec![format!(
        "{} of {all} changes have no write that is done{}",
        told.len(),
        if report.is_some() {
            ""
        } else {
            ", those included that were found as desired (name the report to tell them apart)"
        }
    )];
    messages.extend(some(told, NAMED, "changes"));
    Err(refusal(
        messages,
        if redact {
            "apply the same plan again with this journal, or plan again if it has expired (names are not shown where plans are sealed; --clear shows them)"
        } else {
            "apply the same plan again with this journal, or plan again if it has expired"
        },
        Exit::Partial,
    ))
}
