//! What must hold before a plan is applied, as one list: `apply` refuses on it, `verify` tells it.
//!
//! Every check has its own message and way out. All of them are made, so that whoever corrects one thing does not find
//! the next one afterwards. Must not know directories: what only they can tell, `apply` asks them.

use std::path::Path;

use serde::Serialize;

use super::{configuration, content, signed};
use crate::apply::ApplyError;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::plan::PlanFile;

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
    pub(super) fn new(message: impl Into<String>, help: &str) -> Self {
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

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self {
            exit: refusal.exit,
            messages: refusal.messages,
            help: refusal.help,
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

/// The first of some sentences, and how many more there are of what.
pub(super) fn some(mut all: Vec<String>, most: usize, what: &str) -> Vec<String> {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    if more > 0 {
        all.push(format!("and {more} more {what}").trim_end().to_owned());
    }
    all
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
/// `expected` says that somebody named the digest it must have. Without a project: why there is none.
///
/// # Errors
/// When a file cannot be looked at.
pub(crate) fn of_changes(
    context: &Context,
    project: Result<&Project, &str>,
    path: &Path,
    file: &PlanFile,
    expected: bool,
    checks: &mut Checks,
) -> Result<(), Failure> {
    checks.add(Name::Consistency, content::consistency(file));
    let stamps = project.map(content::stamps).unwrap_or_default();
    let project = match project {
        Ok(project) => project,
        // What is wrong with it is told under its own name.
        Err(why) => {
            for name in [
                Name::Proof,
                Name::Guards,
                Name::Recount,
                Name::Reach,
                Name::Configuration,
                Name::Approvals,
            ] {
                checks.skip(name, why);
            }
            return Ok(());
        }
    };
    checks.add(Name::Proof, content::proof(project, file));
    checks.add(Name::Guards, content::guards(file, &stamps));
    checks.add(Name::Recount, content::recount(project, file));
    checks.add(Name::Project, of_project(project, file));
    checks.add(Name::Reach, content::reach(project, file, expected));
    checks.add(
        Name::Configuration,
        configuration::same(project, &file.content),
    );
    checks.add(
        Name::Approvals,
        signed::signed(context, project, path, file)?,
    );
    Ok(())
}

fn digest(file: &PlanFile, expected: &str) -> Result<String, Refusal> {
    let expected = expected.trim();
    if expected.is_empty() {
        return Err(Refusal::new(
            "--expect-digest is empty: nothing was approved",
            "name the digest that was approved; in a pipeline, see why its variable is empty",
        ));
    }
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
    let read = people.chain(directories).max();
    if let Some(read) = read
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
    // Whatever moment it is made for, it knows the world as it was read.
    let valid_for = not_after.duration_since(as_of);
    let longest = valid_for.saturating_add(SKEW);
    if let Some(read) = read.filter(|read| now.duration_since(*read) > longest) {
        return Err(Refusal::new(
            format!(
                "what the plan is made from was read {read}, longer ago than a plan is valid for ({valid_for:#})"
            ),
            "plan from a new read, without --from: people and accounts may have changed since",
        ));
    }
    Ok(format!("made {as_of}, to be applied until {not_after}"))
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
