//! The recording of a plan: what it was read from and made of, so that a later run can tell what has changed since.
//!
//! Beside the reads stand the configuration and the plan itself. Keeps that a recording is used only whole: the digests
//! in the plan bind the people and the files of the configuration it was made from.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::args::SinceArgs;
use super::carried;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::Project;
use super::reads::{Reads, recorded_directory, recorded_people};
use super::recording::Staged;
use super::sealed::{self, Keys};
use super::sorts::{self, Sort};
use crate::apply::{ChangeOutcome, History, Outcome, Step, StepState};
use crate::config::{self, Config, DataError, InputFile, MAX_FILE_BYTES};
use crate::model::{DirectorySnapshot, Guid, Name, PeopleSnapshot};
use crate::plan::{
    self, Applied, ApplyTold, Carried, ChangeId, Edits, Evidence, Overlaps, Owners, OwnersOf,
    PlanError, PlanFile, PlanInput,
};
use crate::policy::held;
use crate::snapshot::{directory_digest, people_digest};

/// Format of the recorded configuration.
const FORMAT: &str = "halosync/configuration/v1";
const CONFIGURATION: &str = "configuration.jsonl";
const PLAN: &str = "plan.json";
/// What stands in a recording besides the reads, and how it begins.
pub(crate) const FILES: [(&str, &str); 3] = [
    (CONFIGURATION, FORMAT),
    (PLAN, plan::FORMAT),
    (carried::FILE, carried::FORMAT),
];

/// First line of a recorded configuration.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    format: String,
}

/// One file of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    path: String,
    text: String,
}

/// Whether a recording has the plan that was made from it.
pub(crate) fn has_plan(dir: &Path) -> bool {
    dir.join(PLAN).exists()
}

/// Adds the configuration and the plan to the recording of its reads, and what is carried on from earlier ones.
pub(crate) fn record(
    project: &Project,
    recording: &mut Staged<'_>,
    file: &PlanFile,
    carried: Option<&carried::Text>,
) -> Result<(), Failure> {
    let config = &project.config;
    let mut paths: Vec<&str> = config.files.iter().map(|file| &*file.path).collect();
    paths.extend(config.signers.keys().map(String::as_str));
    paths.sort_unstable();
    paths.dedup();
    let mut lines = line(&Head {
        format: FORMAT.to_owned(),
    })?;
    for path in paths {
        let full = project.root.join(path);
        let text =
            std::fs::read_to_string(&full).map_err(|error| Failure::file("read", &full, &error))?;
        lines.push_str(&line(&File {
            path: path.to_owned(),
            text,
        })?);
    }
    recording.add(CONFIGURATION, |out| out.write_all(lines.as_bytes()))?;
    carried::record(recording, carried)?;
    // Last in its place: until then the recording is of the plan before.
    recording.add(PLAN, |out| out.write_all(&plan::to_bytes(file)))
}

pub(super) fn line<T: Serialize>(item: &T) -> Result<String, Failure> {
    let mut line = serde_json::to_string(item)
        .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
    line.push('\n');
    Ok(line)
}

/// The last plan that was applied, as it was recorded.
pub(crate) struct Since {
    plan: PlanFile,
    /// The configuration it was made from.
    pub(crate) config: Config,
    people: BTreeMap<Name, PeopleSnapshot>,
    report: Option<Report>,
    carried: Vec<Carried>,
    dir: PathBuf,
}

/// What the report of an apply says.
struct Report {
    achieved: BTreeMap<ChangeId, bool>,
    /// What it says of the others.
    outcomes: BTreeMap<ChangeId, ApplyTold>,
    /// The accounts it made.
    created: HashMap<ChangeId, Guid>,
    digest: String,
}

/// Loads what `--since` and `--last-apply` name.
pub(crate) fn load(
    context: &Context,
    project: &Project,
    arguments: &SinceArgs,
) -> Result<Option<Since>, Failure> {
    let Some(dir) = &arguments.since else {
        return Ok(None);
    };
    let dir = context.current_dir.join(dir);
    let path = dir.join(PLAN);
    let bytes = sealed::read(context, Keys::Of(project), &path).map_err(|failure| {
        if path.is_file() {
            return failure;
        }
        failure.help(
            "--since takes the directory of `halosync plan --record DIR`, as it was when the plan last applied was made",
        )
    })?;
    let plan = plan::read(&bytes).map_err(|error| {
        let other = sorts::other_than(Sort::Plan, &bytes);
        altered(
            &path,
            &other.map_or_else(|| error.to_string(), |other| other.message()),
        )
    })?;
    if plan.content.project != project.config.project.name {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "--since: {} is of the project {}, not of {}",
                dir.display(),
                plan.content.project,
                project.config.project.name
            ),
        ));
    }
    let config = configuration(context, project, &dir, &plan)?;
    let mut people = BTreeMap::new();
    for (name, read) in &plan.content.inputs.people {
        let recorded = recorded_people(context, project, &dir, name)?;
        if people_digest(&recorded) != read.digest {
            return Err(altered(
                &dir,
                &format!("the people of {name} are not those the plan was made from"),
            ));
        }
        people.insert(name.clone(), recorded);
    }
    let report = match &arguments.last_apply {
        Some(path) => Some(achieved(
            context,
            project,
            &context.current_dir.join(path),
            &plan,
        )?),
        None => None,
    };
    let carried = carried::load(context, project, &dir, &plan)?;
    Ok(Some(Since {
        plan,
        config,
        people,
        report,
        carried,
        dir,
    }))
}

pub(super) fn altered(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Rejected, format!("{}: {why}", path.display()))
        .help("use the recording as `halosync plan --record` wrote it; each plan needs a directory of its own")
}

/// The configuration of a recording.
fn configuration(
    context: &Context,
    project: &Project,
    dir: &Path,
    plan: &PlanFile,
) -> Result<Config, Failure> {
    let path = dir.join(CONFIGURATION);
    let text = sealed::read_text(context, Keys::Of(project), &path)?;
    let mut lines = text.lines();
    let head: Option<Head> = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok());
    if head.is_none_or(|head| head.format != FORMAT) {
        return Err(altered(&path, &format!("it is not of the format {FORMAT}")));
    }
    let mut files: HashMap<String, Vec<u8>> = HashMap::new();
    for (at, line) in lines.enumerate() {
        let file: File = serde_json::from_str(line)
            .map_err(|error| altered(&path, &format!("line {}: {error}", at + 2)))?;
        files.insert(file.path, file.text.into_bytes());
    }
    let inputs = files
        .iter()
        .filter(|(path, _)| plan.content.inputs.files.contains_key(*path))
        .map(|(path, bytes)| InputFile {
            path: path.as_str().into(),
            bytes: bytes.clone(),
        })
        .collect();
    let loaded = config::load(inputs, &|path| match files.get(path) {
        Some(bytes) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err(DataError::TooLarge(bytes.len() as u64))
        }
        Some(bytes) => Ok(bytes.clone()),
        None => Err(DataError::Missing),
    });
    let Some(config) = loaded.config else {
        let first = loaded.diagnostics.first();
        let first = first.map_or_else(String::new, |one| format!(": {}", one.message));
        return Err(Failure::new(
            Exit::InvalidConfiguration,
            format!(
                "{}: this configuration is not valid any more{first}",
                path.display()
            ),
        )
        .help("apply a plan of the present configuration, and use its recording"));
    };
    let same = config.files.len() == plan.content.inputs.files.len()
        && config
            .files
            .iter()
            .all(|file| plan.content.inputs.files.get(&*file.path) == Some(&file.digest));
    if !same {
        return Err(altered(
            &path,
            "these are not the files the plan was made from",
        ));
    }
    Ok(config)
}

/// Which changes the report of an apply says were achieved, and its digest.
fn achieved(
    context: &Context,
    project: &Project,
    path: &Path,
    plan: &PlanFile,
) -> Result<Report, Failure> {
    let missing = matches!(path.try_exists(), Ok(false));
    let bytes = sealed::read(context, Keys::Of(project), path).map_err(|failure| match missing {
        true => failure.help(
            "name the report of the apply of the plan that stands in the recording: `apply PLAN --report FILE` writes it there, also when the plan has no changes (an apply of such a plan can be repeated to get it); if that plan was never applied, use the recording and the report of the last one that was; or leave --last-apply out, and what that plan was to change is undetermined",
        ),
        false => failure,
    })?;
    if bytes.starts_with(b"{\"line\":\"header\"") {
        return journal(path, &bytes, plan);
    }
    let report: Outcome = serde_json::from_slice(&bytes).map_err(|error| {
        if let Some(other) = sorts::other_than(Sort::Report, &bytes) {
            let message = format!("--last-apply: {}: {}", path.display(), other.message());
            return Failure::new(Exit::Usage, message).help(other.help());
        }
        Failure::new(
            Exit::Usage,
            format!("--last-apply: {}: {error}", path.display()),
        )
        .help("name the JSON report `halosync apply` wrote beside the plan (PLAN.….report.json), or its journal (PLAN.….journal.jsonl)")
    })?;
    if report.plan != plan.digest {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "--last-apply: {} is the report of {}, and the recording is of {}",
                path.display(),
                report.plan,
                plan.digest
            ),
        )
        .help("name the report of the apply of the plan that stands in the recording"));
    }
    let changes = report.changes.iter();
    let done: hashbrown::HashSet<&ChangeId> = changes
        .clone()
        .filter(|one| one.outcome.is_achieved())
        .map(|one| &one.id)
        .collect();
    // What it does not speak of it did not achieve.
    let planned = plan.content.changes.iter();
    let achieved = planned.map(|change| (change.id.clone(), done.contains(&change.id)));
    let others = changes.clone().filter(|one| !one.outcome.is_achieved());
    let outcomes = others.map(|change| {
        let message = match &change.outcome {
            ChangeOutcome::Conflict { message, .. } | ChangeOutcome::Failed { message, .. } => {
                Some(message.clone())
            }
            _ => None,
        };
        let outcome = change.outcome.kind().to_owned();
        (change.id.clone(), ApplyTold { outcome, message })
    });
    Ok(Report {
        achieved: achieved.collect(),
        outcomes: outcomes.collect(),
        created: changes
            .filter_map(|change| Some((change.id.clone(), change.created?)))
            .collect(),
        digest: hex::encode(Sha256::digest(&bytes)),
    })
}

/// What a journal says: of an apply that was interrupted there is no report.
fn journal(path: &Path, bytes: &[u8], plan: &PlanFile) -> Result<Report, Failure> {
    let history = History::read(bytes, &plan.digest).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("--last-apply: {}: {error}", path.display()),
        )
        .help(
            "name the report or the journal of the apply of the plan that stands in the recording",
        )
    })?;
    super::verify::progress::agreeing(path, bytes, plan).map_err(Failure::from)?;
    // What was found as desired has no lines, and neither has what was not reached.
    let silent = history.ended();
    let silent = silent.is_none_or(|(_, counts)| counts.already_as_desired > 0);
    let changes = plan.content.changes.iter();
    let achieved = changes.clone().filter_map(|change| {
        let done = match history.step(&change.id, Step::last_of(&change.action)) {
            Some(StepState::Done) => true,
            Some(StepState::Failed) => false,
            Some(StepState::Open) => return None,
            None if silent => return None,
            None => false,
        };
        Some((change.id.clone(), done))
    });
    Ok(Report {
        achieved: achieved.collect(),
        outcomes: BTreeMap::new(),
        created: changes
            .filter_map(|change| Some((change.id.clone(), history.created(&change.id)?)))
            .collect(),
        digest: hex::encode(Sha256::digest(bytes)),
    })
}

impl Since {
    /// What the last apply says of the changes it did not achieve.
    pub(crate) fn outcomes(&self) -> BTreeMap<ChangeId, ApplyTold> {
        let report = self.report.as_ref();
        report.map_or_else(BTreeMap::new, |report| report.outcomes.clone())
    }

    /// What was edited in the directory since.
    pub(crate) fn edits(
        &self,
        context: &Context,
        project: &Project,
        reads: &Reads,
    ) -> Result<Edits, Failure> {
        for (name, identity) in &self.plan.content.targets {
            let now = reads
                .directories
                .get(name)
                .map(|read| &read.header.identity);
            if now.is_some_and(|now| now.domain_guid != identity.domain_guid) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("--since: {name} was another directory then"),
                ));
            }
        }
        let then = PlanInput {
            config: &self.config,
            people: &self.people,
            directories: &reads.directories,
            last_good: Some(&self.plan),
            as_of: self.plan.content.as_of,
            tool_version: env!("CARGO_PKG_VERSION"),
            commit: None,
            uncommitted: false,
        };
        let incomparable = |error: PlanError| {
            Failure::new(
                Exit::InvalidConfiguration,
                format!("--since: what was wanted then cannot be compared with this read: {error}"),
            )
            .help("read the directories again instead of planning from a recording (--from)")
        };
        let (mut now, mut compared) =
            self::compared(then.clone(), Evidence::Unasked).map_err(incomparable)?;
        // What nobody could tell then is no edit while it stands as it stood.
        let mut waited = self.plan.content.held.iter();
        let waited = waited.any(|held| held.code == held::DRIFT_UNDETERMINED.code);
        // An overlap counts from a stamp, and is for groups that somebody had: the recording knows both.
        let mut documents = self.config.groups.values();
        let overlap = documents.any(|document| document.spec.overlap.is_some());
        let outside = Some(compared.outside(&now)).filter(|all| overlap && !all.is_empty());
        let recorded = match waited || outside.is_some() {
            true => self.directories(context, project)?,
            false => BTreeMap::new(),
        };
        let unasked = match waited {
            true => {
                let read = PlanInput {
                    directories: &recorded,
                    ..then.clone()
                };
                let built = self::compared(read, Evidence::Unasked);
                Some(built.map_err(|error| altered(&self.dir, &error.to_string()))?)
            }
            false => None,
        };
        let overlaps = outside.map(|outside| self.overlaps(&outside, &recorded, reads));
        let overlaps = overlaps.unwrap_or_default();
        let evidence = Evidence::Recorded(&overlaps);
        if overlaps.is_edited() {
            (now, compared) = self::compared(then.clone(), evidence).map_err(incomparable)?;
        }
        let applied = Applied {
            unasked: unasked.as_ref().map(|(plan, judged)| (plan, judged)),
            overlaps: &overlaps,
            plan: &self.plan,
            report: self
                .report
                .as_ref()
                .map(|report| (&report.achieved, report.digest.as_str())),
            people: &self.people,
            carried: &self.carried,
            directories: &reads.directories,
        };
        let mut edits = Edits::new(&applied, &now, compared);
        let mut owners = Owners::default();
        if !edits.unaccounted().is_empty() {
            owners = self.owners(context, project, &then, edits.unaccounted())?;
        }
        // Of several records of one person, those that did not count may do so now.
        let mut sources = self.config.sources.values();
        if sources.any(|source| source.spec.person.same_person.is_some()) {
            let others = Owners::find(&then, OwnersOf::OtherRecords, &self.plan);
            owners.add(others.map_err(incomparable)?);
        }
        edits.know(owners);
        // What was wanted of an account without its anchor is seen where it has it.
        let astray = edits.astray();
        if !astray.is_empty() {
            let mut known = overlaps.clone();
            if overlap {
                let recorded = self.directories(context, project)?;
                let accounts = astray.keys().cloned().collect();
                known.add(self.overlaps(&accounts, &recorded, reads));
            }
            let mut directories = plan::restored(&then, &astray).map_err(incomparable)?;
            if !directories.is_empty() {
                for (name, read) in &reads.directories {
                    if !directories.contains_key(name) {
                        directories.insert(name.clone(), read.clone());
                    }
                }
                let input = PlanInput {
                    directories: &directories,
                    ..then.clone()
                };
                let evidence = Evidence::Recorded(&known);
                let (now, compared) = self::compared(input, evidence).map_err(incomparable)?;
                let accounts = astray.into_keys().collect();
                edits.remember(&known);
                edits.restore(&applied, &now, &compared, &accounts);
            }
        }
        Ok(edits)
    }

    /// What the recording says of overlaps of some accounts.
    fn overlaps(
        &self,
        accounts: &hashbrown::HashSet<(Name, Guid)>,
        recorded: &BTreeMap<Name, DirectorySnapshot>,
        reads: &Reads,
    ) -> Overlaps {
        let report = self.report.as_ref();
        let done = |change: &plan::Change| report?.achieved.get(&change.id).copied();
        let plan = &self.plan.content;
        Overlaps::find(accounts, plan, done, recorded, &reads.directories)
    }

    /// Whose account was whose then, of people who seem to have none now.
    fn owners(
        &self,
        context: &Context,
        project: &Project,
        then: &PlanInput<'_>,
        people: &hashbrown::HashSet<plan::PersonOf>,
    ) -> Result<Owners, Failure> {
        let (none, report) = (HashMap::new(), self.report.as_ref());
        let created = report.map_or(&none, |report| &report.created);
        let mut owners = Owners::told(&self.plan, people, created, |id| {
            report.and_then(|report| report.achieved.get(id).copied())
        });
        let directories = self.directories(context, project)?;
        let then = PlanInput {
            directories: &directories,
            ..then.clone()
        };
        let found = Owners::find(&then, OwnersOf::People(people), &self.plan);
        owners.add(found.map_err(|error| altered(&self.dir, &error.to_string()))?);
        Ok(owners)
    }

    /// The directories as they were read then.
    fn directories(
        &self,
        context: &Context,
        project: &Project,
    ) -> Result<BTreeMap<Name, DirectorySnapshot>, Failure> {
        let mut directories = BTreeMap::new();
        for (name, read) in &self.plan.content.inputs.directories {
            let recorded = recorded_directory(context, project, &self.dir, name)?;
            if directory_digest(&recorded) != read.digest {
                return Err(altered(
                    &self.dir,
                    &format!("the read of {name} is not the one the plan was made from"),
                ));
            }
            directories.insert(name.clone(), recorded);
        }
        Ok(directories)
    }

    /// Whether a configuration is the one of the recording.
    pub(crate) fn is_of(&self, config: &Config) -> bool {
        config.files == self.config.files
    }

    /// What the configuration of the recording wants now, of the people as they are now.
    pub(crate) fn still(
        &self,
        edits: &Edits,
        reads: &Reads,
        last_good: Option<&PlanFile>,
        as_of: jiff::Timestamp,
    ) -> Result<plan::Plan, PlanError> {
        let input = PlanInput {
            config: &self.config,
            people: &reads.people,
            directories: &reads.directories,
            last_good,
            as_of,
            tool_version: env!("CARGO_PKG_VERSION"),
            commit: None,
            uncommitted: false,
        };
        plan::build_unguarded(input, Evidence::Unheld(edits))
    }
}

/// A plan to compare with, and what it judged.
fn compared(
    input: PlanInput<'_>,
    evidence: Evidence<'_>,
) -> Result<(plan::Plan, plan::Compared), PlanError> {
    plan::build_compared(input, evidence, false)
}

/// Gives the changes of a plan their causes.
pub(crate) fn tell(
    context: &Context,
    since: &Since,
    edits: &Edits,
    config: &Config,
    reads: &Reads,
    last_good: Option<&PlanFile>,
    plan: &mut plan::Plan,
) {
    if since.is_of(config) {
        plan::causes(plan, edits, plan::Earlier::Same);
        return;
    }
    match since.still(edits, reads, last_good, plan.as_of) {
        Ok(still) => plan::causes(plan, edits, plan::Earlier::Other(&still)),
        Err(error) => {
            context.printer.note(&format!(
                "warning: the configuration of the recording cannot be planned from this read, so nothing tells changes of the configuration from changes of people: {error}"
            ));
            plan::causes(plan, edits, plan::Earlier::Unknown);
        }
    }
}
