//! What must hold before a plan is applied, as one list: `apply` refuses on it, `verify` tells it.
//!
//! Every check has its own message and way out. All of them are made, so that whoever corrects one thing does not find
//! the next one afterwards. Must not know directories: what only they can tell, `apply` asks them.

use std::path::Path;

use serde::Serialize;

use super::configuration;
use crate::apply::{self, ApplyError, Completed, History, JournalError};
use crate::cli::approvals;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::plan::{self, Against, Contradiction, GuardOutcome, PlanFile};
use crate::render;

/// Changes and files named in a refusal; the rest is counted.
const NAMED: usize = 10;

/// One thing that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckName")]
pub(crate) enum Name {
    /// The file is a plan of the format this program reads, and exactly as it was written.
    File,
    /// It is the plan that was expected.
    Digest,
    /// Its time has come and is not over.
    Age,
    /// It hangs together.
    Consistency,
    /// Nothing is taken away on a read that was not proven complete.
    Proof,
    /// No guard holds what it does.
    Guards,
    /// The guards are the configuration's, and what they count is what the plan does.
    Recount,
    /// It was made in this project, for directories the project declares.
    Project,
    /// It writes nothing that no rule of the project writes.
    Reach,
    /// The configuration is the one it was made from.
    Configuration,
    /// Planning once more from its recording gives the same plan.
    Remade,
    /// Everybody signed who must.
    Approvals,
    /// It is not applied yet, and its journal can be gone on with.
    Journal,
    /// Of a journal: every line follows the one before it.
    Chain,
    /// Of a journal: it belongs to the plan.
    Plan,
    /// Of a journal: it has all the report says.
    Report,
    /// Of a journal: the last apply ended by itself.
    Applies,
    /// Of a journal: every write that was announced has an outcome.
    Outcomes,
    /// Of a journal: every change of the plan is done.
    Complete,
}

/// What came of a check.
#[derive(Debug)]
pub(crate) enum Finding {
    /// It holds; in what way.
    Holds(String),
    /// It does not.
    Refused(Refusal),
    /// It could not be made.
    NotChecked(String),
}

/// Why a plan is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What is wrong; a line each.
    pub(crate) messages: Vec<String>,
    /// The way out.
    pub(crate) help: Option<String>,
    /// The exit code when nothing else is wrong.
    pub(crate) exit: Exit,
}

impl Refusal {
    fn new(message: impl Into<String>, help: &str) -> Self {
        Self {
            messages: vec![message.into()],
            help: Some(help.to_owned()),
            exit: Exit::Rejected,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            messages: failure.messages,
            help: failure.help,
            exit: failure.exit,
        }
    }
}

/// Checks in the order they are told.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<(Name, Finding)>);

impl Checks {
    pub(crate) fn add(&mut self, name: Name, finding: Result<String, Refusal>) {
        let finding = finding.map_or_else(Finding::Refused, Finding::Holds);
        self.0.push((name, finding));
    }

    pub(crate) fn skip(&mut self, name: Name, why: &str) {
        self.0.push((name, Finding::NotChecked(why.to_owned())));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Name, Finding)> {
        self.0.iter()
    }

    pub(crate) fn refused(&self) -> impl Iterator<Item = (Name, &Refusal)> {
        self.0.iter().filter_map(|(name, finding)| match finding {
            Finding::Refused(refusal) => Some((*name, refusal)),
            Finding::Holds(_) | Finding::NotChecked(_) => None,
        })
    }

    /// The exit code: that all refusals agree on, else that of a refused plan. A plan that is the expected one and applied
    /// already is that, whatever has changed since.
    pub(crate) fn exit(&self) -> Exit {
        let mut exits: Vec<Exit> = Vec::new();
        for (name, refusal) in self.refused() {
            if matches!(name, Name::File | Name::Digest) {
                return refusal.exit;
            }
            exits.push(refusal.exit);
        }
        match exits.as_slice() {
            [] => Exit::Success,
            exits if exits.contains(&Exit::AppliedAlready) => Exit::AppliedAlready,
            [first, rest @ ..] if rest.iter().all(|exit| exit == first) => *first,
            _ => Exit::Rejected,
        }
    }

    /// All refusals as one failure.
    ///
    /// # Errors
    /// When there is a refusal.
    pub(crate) fn pass(&self) -> Result<(), Failure> {
        let mut failure = Failure::shown(self.exit());
        let mut help: Vec<&str> = Vec::new();
        for (_, refusal) in self.refused() {
            failure.messages.extend(refusal.messages.iter().cloned());
            help.extend(refusal.help.as_deref().filter(|way| !help.contains(way)));
        }
        if failure.exit == Exit::Success {
            return Ok(());
        }
        failure.help = (!help.is_empty()).then(|| help.join("\nhelp: "));
        Err(failure)
    }
}

/// What holds for a plan whether or not it has changes.
pub(crate) fn always(
    context: &Context,
    file: &PlanFile,
    expected: Option<&str>,
    checks: &mut Checks,
) {
    checks.add(
        Name::File,
        Ok(format!(
            "format {}, content as written, digest {}",
            file.format, file.digest
        )),
    );
    match expected {
        Some(expected) => checks.add(Name::Digest, digest(file, expected)),
        None => checks.skip(
            Name::Digest,
            "no digest was given to compare with (--expect-digest)",
        ),
    }
    checks.add(Name::Age, age(context, file));
}

/// What holds for a plan with changes, as far as the project can tell.
///
/// `expected` says that somebody named the digest it must have.
///
/// # Errors
/// When a file cannot be looked at.
pub(crate) fn of_changes(
    context: &Context,
    project: Option<&Project>,
    path: &Path,
    file: &PlanFile,
    expected: bool,
    checks: &mut Checks,
) -> Result<(), Failure> {
    checks.add(Name::Consistency, consistency(file));
    let stamps = project.map(stamps).unwrap_or_default();
    let Some(project) = project else {
        let why = "the project is not at hand (--project)";
        for name in [
            Name::Proof,
            Name::Guards,
            Name::Recount,
            Name::Project,
            Name::Reach,
            Name::Configuration,
            Name::Approvals,
        ] {
            checks.skip(name, why);
        }
        return Ok(());
    };
    checks.add(Name::Proof, proof(file, &stamps));
    checks.add(Name::Guards, guards(file, &stamps));
    checks.add(Name::Recount, recount(project, file));
    checks.add(Name::Project, of_project(project, file));
    checks.add(Name::Reach, reach(project, file, expected));
    checks.add(
        Name::Configuration,
        configuration::same(project, &file.content),
    );
    checks.add(Name::Approvals, signed(context, project, path, file)?);
    Ok(())
}

fn digest(file: &PlanFile, expected: &str) -> Result<String, Refusal> {
    let expected = expected.trim();
    if expected.eq_ignore_ascii_case(&file.digest) {
        return Ok("the one expected".to_owned());
    }
    Err(Refusal::new(
        format!(
            "the plan's digest is {}, and {expected} was approved",
            file.digest
        ),
        "apply the plan that was approved, or have this one approved",
    ))
}

/// Why a plan is not for applying at this moment, if it is not.
pub(crate) fn untimely(context: &Context, file: &PlanFile) -> Option<Refusal> {
    age(context, file).err()
}

/// A plan made for a moment to come shows the future; it is not for applying. Neither is an old one.
fn age(context: &Context, file: &PlanFile) -> Result<String, Refusal> {
    /// Clocks of planner and applier may differ this much.
    const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
    let now = context.now();
    let (as_of, not_after) = (file.content.as_of, file.content.not_after);
    if as_of > now + SKEW {
        return Err(Refusal::new(
            format!("the plan is made for {as_of}, which is still to come"),
            "plan without --as-of, or apply it when its time has come",
        ));
    }
    let inputs = &file.content.inputs;
    let people = inputs.people.values().map(|read| read.read_at);
    let directories = inputs.directories.values().map(|read| read.read_at);
    if let Some(read) = people.chain(directories).max()
        && as_of + SKEW < read
    {
        // Waivers and exceptions that have expired would hold once more, and "since" would be told wrong.
        return Err(Refusal::new(
            format!(
                "the plan is made for {as_of}, and what it is made from was read later, {read}"
            ),
            "plan without --as-of; a plan for a time that is over shows what would have been",
        ));
    }
    if now > not_after {
        let expired = ApplyError::Expired { not_after, now };
        return Err(Refusal::new(
            expired.to_string(),
            "people and accounts may have changed since it was made",
        ));
    }
    Ok(format!("made {as_of}, to be applied until {not_after}"))
}

fn consistency(file: &PlanFile) -> Result<String, Refusal> {
    let twice = plan::twice(&file.content);
    if !twice.is_empty() {
        let sentence = "the plan contradicts itself, or says the same twice";
        let mut messages = vec![sentence.to_owned()];
        messages.extend(some(twice));
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

fn stamps(project: &Project) -> plan::Stamps {
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

fn proof(file: &PlanFile, stamps: &plan::Stamps) -> Result<String, Refusal> {
    let content = &file.content;
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

fn reach(project: &Project, file: &PlanFile, expected: bool) -> Result<String, Refusal> {
    let over = plan::overreach(&file.content, &project.config);
    let mut messages = Vec::new();
    let mut help = Vec::new();
    if !over.found.is_empty() {
        messages.push("the plan writes what no rule of the project writes".to_owned());
        messages.extend(some(over.found));
        help.push("halosync makes no such plan with this configuration: find out what made this one, and plan again");
    }
    // Anybody can call a plan an undo. Somebody has to answer for what no rule explains.
    let signed = |target: &crate::model::Name| {
        let asked = plan::approvals_with(&file.content, &project.config);
        asked
            .iter()
            .any(|asked| asked.risk == plan::Risk::Irreversible && asked.target == *target)
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
        messages.extend(some(unsigned));
        help.push("apply it with --expect-digest and the digest that was reviewed, have Guards.approvals ask for signatures (irreversible), or undo before the rules are taken back");
    }
    if messages.is_empty() {
        return Ok(match back {
            0 => "no attribute that no rule of the project writes".to_owned(),
            back => format!(
                "{back} attributes come back that no rule writes any more; {}",
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

/// The first of some, and how many more there are.
fn some(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}

/// The guards of the configuration at hand, whatever the plan says of them.
fn recount(project: &Project, file: &PlanFile) -> Result<String, Refusal> {
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
    messages.extend(some(recount.found));
    Err(Refusal {
        messages,
        help: Some(
            "halosync makes no such plan with this configuration: find out what made this one, and plan again"
                .to_owned(),
        ),
        exit: Exit::Rejected,
    })
}

fn guards(file: &PlanFile, stamps: &plan::Stamps) -> Result<String, Refusal> {
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
        help: Some(
            "see to what brings this about, or let it pass once with a Waiver; then plan again"
                .to_owned(),
        ),
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
        format!(
            "{} {} ({}): {why}",
            change.action.kind(),
            change.object.dn,
            change.person.label
        )
    }));
    if found.len() > NAMED {
        messages.push(format!("and {} more changes", found.len() - NAMED));
    }
    messages
}

/// Two projects may manage one directory; each plan is for the project whose reviewers approved it.
fn of_project(project: &Project, file: &PlanFile) -> Result<String, Refusal> {
    let here = &project.config.project.name;
    let help = "apply it in the project it was made in (--project)";
    if *here != file.content.project {
        return Err(Refusal::new(
            format!(
                "the plan was made in project {}, and this is project {here}",
                file.content.project
            ),
            help,
        ));
    }
    let changed = |target: &crate::model::Name| {
        let mut changes = file.content.changes.iter();
        changes.any(|change| &change.target == target)
    };
    let unknown = file
        .content
        .targets
        .keys()
        .find(|target| !project.config.directories.contains_key(*target) && changed(target));
    match unknown {
        Some(target) => Err(Refusal::new(
            format!("the plan changes target {target}, which this project does not declare"),
            help,
        )),
        None => Ok(here.to_string()),
    }
}

/// Whether the plan may be applied in this project, by name alone.
///
/// # Errors
/// When it was made in another one.
pub(crate) fn check_project(project: &Project, file: &PlanFile) -> Result<(), Failure> {
    let mut checks = Checks::default();
    checks.add(Name::Project, of_project(project, file));
    checks.pass()
}

/// Whether everybody signed who must.
fn signed(
    context: &Context,
    project: &Project,
    path: &Path,
    file: &PlanFile,
) -> Result<Result<String, Refusal>, Failure> {
    let approvals = approvals::judge(context, project, path, file)?;
    let told = render::approvals_text(&approvals.signatures, &approvals.requirements);
    let lines = told.lines().map(str::to_owned);
    if !approvals.are_enough() {
        let mut messages = vec!["the plan is not approved".to_owned()];
        messages.extend(lines);
        return Ok(Err(Refusal {
            messages,
            help: Some("`halosync approve` signs it; `halosync show` says who has".to_owned()),
            exit: Exit::Rejected,
        }));
    }
    if approvals.requirements.is_empty() {
        return Ok(Ok("nobody is asked".to_owned()));
    }
    Ok(Ok(lines.collect::<Vec<_>>().join("; ")))
}

/// Whether the plan is still to be applied, by its journal.
pub(crate) fn journal(path: &Path, file: &PlanFile) -> Result<String, Refusal> {
    let shown = path.display();
    let history = apply::read_journal(path)
        .and_then(|bytes| {
            bytes
                .map(|bytes| History::read(&bytes, &file.digest))
                .transpose()
        })
        .map_err(|error| Refusal::from(journal_failure(path, error)))?;
    let Some(history) = history.filter(|history| history.runs() > 0) else {
        return Ok(format!("none at {shown}: not applied yet"));
    };
    let changes = file.content.changes.len();
    let completed = history.completed(file);
    if let Completed::At { at, found } = completed {
        let found = match found {
            0 => String::new(),
            found => format!(" ({found} of them found as desired, of which it has no lines)"),
        };
        return Err(Refusal {
            messages: vec![format!(
                "the plan was applied completely at {at}, all {changes} changes{found}; so says {shown}"
            )],
            help: Some(
                "nothing is left to do; to see whether everything still is so, plan again"
                    .to_owned(),
            ),
            exit: Exit::AppliedAlready,
        });
    }
    let (done, open) = history.progress();
    let unfounded = match completed {
        Completed::Unfounded { claimed, done } => format!(
            "; its last line says that {claimed} were written, and its other lines bear out {done}, so it is not believed"
        ),
        Completed::No | Completed::At { .. } => String::new(),
    };
    Ok(format!(
        "begun, {done} of {changes} changes written{}{unfounded}; apply goes on with {shown}",
        match open {
            0 => String::new(),
            open => format!(", {open} to be settled by looking"),
        }
    ))
}

/// Why a journal cannot be used, and the way out.
pub(crate) fn journal_failure(path: &Path, error: JournalError) -> Failure {
    let (exit, help) = match &error {
        JournalError::Locked { .. } => (
            Exit::Unavailable,
            "wait for the other apply of this plan to end",
        ),
        JournalError::OtherPlan { .. } | JournalError::NotAJournal { .. } => (
            Exit::Usage,
            "name another file with --journal, or leave the option out",
        ),
        JournalError::NotAFile { .. } => (
            Exit::Usage,
            "name the journal of an apply, or a file that is yet to be made",
        ),
        JournalError::Io {
            source: Some(source),
            ..
        } if is_misnamed(source) => (
            Exit::Usage,
            "name a file that can be written, in a folder that exists, with --journal",
        ),
        JournalError::Damaged { .. } => (
            Exit::Rejected,
            "keep the file for an inquiry and name another with --journal: every write compares first, so nothing is done twice",
        ),
        _ => (
            Exit::Unexpected,
            "name a file that can be written with --journal",
        ),
    };
    let mut failure = rejected(&ApplyError::Journal(error)).help(help);
    failure.exit = exit;
    for message in &mut failure.messages {
        *message = format!("{}: {message}", path.display());
    }
    failure
}

/// Whether it is the name of a file that is wrong.
fn is_misnamed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
    )
}

/// An error of apply with its causes.
pub(crate) fn rejected(error: &ApplyError) -> Failure {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let exit = match error {
        ApplyError::Journal(JournalError::Io { .. }) => Exit::Unexpected,
        _ => Exit::Rejected,
    };
    Failure::new(exit, message)
}
