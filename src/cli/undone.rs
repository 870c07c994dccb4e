//! Whether a journal that is to be undone tells of all its apply did.
//!
//! A journal that says nothing reads like an apply that did nothing. So one without its header is none, and what the
//! reports say that stand beside it is believed against it: whoever undoes has everything undone, or is told. Must not
//! ask the network.

use std::path::{Path, PathBuf};

use super::apply::{beside, short_digest};
use super::args::Undo;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::sealed::{self, Keys};
use crate::apply::{Audit, Outcome};
use crate::plan::PlanFile;

/// More reports than this are not looked at.
const MOST: usize = 64;

const BRING_BACK: &str = "bring the journal back from where it was kept, name it with --journal, or set right by hand what the plan says it changed; nothing was read or made";

/// Refuses a journal that tells of nothing although something was done, or may have been.
///
/// # Errors
/// It has no header, or tells of no write where a report of the same plan does.
pub(super) fn check_whole(
    context: &Context,
    verb: &Undo,
    path: &Path,
    bytes: &[u8],
    plan: &PlanFile,
) -> Result<(), Failure> {
    let audit = Audit::of(bytes);
    if audit.plan.is_none() {
        let why = match bytes.is_empty() {
            true => "it is empty",
            false => "it ends within its first line",
        };
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{}: {why}, so nothing tells what the apply of this plan wrote",
                path.display()
            ),
        )
        .help(BRING_BACK));
    }
    let plan_path = verb.plan.as_deref().unwrap_or(path);
    let reports = reports(context, verb, plan_path, path, plan);
    if audit.tells_of_no_write() {
        let wrote = reports
            .iter()
            .find(|(_, report)| report.counts.done + report.counts.failed > 0);
        if let Some((name, report)) = wrote {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} tells of no write, and {} says that {} of its changes were done: lines are missing, or it is the journal of another apply of this plan",
                    path.display(),
                    name.display(),
                    report.counts.done
                ),
            )
            .help(BRING_BACK));
        }
        context.printer.note(
            "the journal tells of no write: its apply was ended before the first, or everything was as desired already",
        );
        return Ok(());
    }
    for (name, report) in &reports {
        if report.journal.lines > audit.end.lines {
            context.printer.note(&format!(
                "warning: {} says that the journal had {} lines, and this one has {}: what the others told of is not undone (unless that was an apply with another journal)",
                name.display(),
                report.journal.lines,
                audit.end.lines
            ));
        }
    }
    Ok(())
}

/// Reports of this plan that stand where `apply` puts them. What cannot be read, or is of another plan, says nothing.
fn reports(
    context: &Context,
    verb: &Undo,
    plan_path: &Path,
    journal: &Path,
    plan: &PlanFile,
) -> Vec<(PathBuf, Outcome)> {
    let short = short_digest(plan);
    // Of `plan.3f9a2c1b7d50.journal.jsonl` the report is `plan.3f9a2c1b7d50.report.json`.
    let of_journal = journal.file_name().and_then(|name| name.to_str());
    let of_journal = of_journal
        .and_then(|name| name.split_once(&format!(".{short}.")))
        .map(|(stem, _)| journal.with_file_name(format!("{stem}.{short}.report.json")));
    let mut firsts = vec![beside(plan_path, &format!("{short}.report.json"))];
    firsts.extend(of_journal.filter(|path| *path != firsts[0]));
    let mut found = Vec::new();
    for first in firsts {
        let numbered = (2..=MOST).map(|n| {
            let name = format!("report-{n}.json");
            first.with_extension("").with_extension(name)
        });
        for path in std::iter::once(first.clone()).chain(numbered) {
            // They are numbered without a gap, unless somebody put one away.
            if !path.is_file() {
                continue;
            }
            let read = sealed::read(context, Keys::At(&verb.project), &path);
            let report = read
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Outcome>(&bytes).ok());
            if let Some(report) = report.filter(|report| report.plan == plan.digest) {
                found.push((path, report));
            }
        }
    }
    found
}
