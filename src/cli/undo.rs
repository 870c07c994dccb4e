//! `halosync undo`: a plan that brings back what was there before another was applied.
//!
//! Holds readers only (P3), and asks no source of people: what is undone stands in the plan and in the journal of its
//! apply.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::args::Undo;
use super::context::{Clock, Context};
use super::exit::Exit;
use super::failure::Failure;
use super::making::refusal;
use super::places::Named;
use super::plan::{concealed, exit_of, show};
use super::project::{self, Project};
use super::reads::{self, Reads, check_recording, recorded_directory, whole_seconds};
use super::recording::Staged;
use super::resolve::{Access, Resolver};
use super::sealed::{self, Keys, Seal};
use super::sorts::{self, Sort};
use super::undone;
use crate::apply::{History, JournalError, Step};
use crate::model::{DirectorySnapshot, Dn, Name};
use crate::plan::{self, Action, ChangeId, Deed, Only, PlanFile, UndoError, UndoInput};

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Undo) -> Result<Exit, Failure> {
    let plan_path = plan_path(verb)?;
    let undone = super::show::read(context, &verb.project, &plan_path)?;
    let journal_path = verb.journal.clone().unwrap_or_else(|| {
        super::apply::beside(
            &plan_path,
            &format!("{}.journal.jsonl", super::apply::short_digest(&undone)),
        )
    });
    if let Some(out) = &verb.out {
        for (path, what) in [
            (&plan_path, "the plan that is undone"),
            (&journal_path, "the journal of its apply"),
        ] {
            if super::files::is_same(out, path) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("--out: {} is {what}", out.display()),
                )
                .help("name another file: both are needed to undo it, and to undo the undo; nothing was written"));
            }
        }
        Named::new("--out", out).check_file(None)?;
        sealed::check_replaceable(context, Keys::At(&verb.project), out, plan::FORMAT)?;
    }
    let bytes = journal_bytes(&journal_path)?;
    let bytes = sealed::opened(context, Keys::At(&verb.project), &journal_path, bytes)?;
    let (deeds, journal) = deeds(context, verb, &journal_path, &bytes, &undone)?;
    let project = project::load(context, &verb.project)?;
    if let Some(out) = &verb.out {
        Named::new("--out", out).check_file(Some(&project))?;
    }
    super::verify::checks::check_project(&project, &undone)?;
    let seal = Seal::of(&project)?;
    if seal.is_none() && sealed::is_sealed_file(&plan_path) {
        return Err(Failure::new(
            Exit::InvalidConfiguration,
            "the plan is sealed, and the project does not say whom the one that undoes it is to be sealed to",
        )
        .help("declare `sealing` in halosync.yaml again; nothing was read"));
    }
    let seal = seal.as_ref();
    if let Some(dir) = &verb.record {
        check_recording(&project, dir)?;
        if super::applied::has_plan(dir) {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "--record: {} is the recording of a plan, which would not belong to its reads any more",
                    dir.display()
                ),
            )
            .help("record into another directory; nothing was read or written"));
        }
    }
    let directories = match &verb.from {
        Some(dir) => recorded(context, &project, dir, &undone)?,
        None => read(context, &project, &undone, &deeds).await?,
    };
    if let Some(dir) = &verb.record {
        let reads = Reads {
            people: BTreeMap::new(),
            directories: directories.clone(),
            earlier: None,
        };
        let mut recording = Staged::new(dir, seal)?;
        reads::record_against(&reads, None, &mut recording)?;
        recording.put()?;
    }
    let latest = directories.values().map(|read| read.header.read_at).max();
    let only = only(&undone, &verb.only)
        .map_err(|failure| concealed(failure, seal.is_some() && !verb.clear))?;
    let input = UndoInput {
        config: &project.config,
        undone: &undone,
        deeds: &deeds,
        journal: &journal,
        only: &only,
        words: &verb.only,
        directories: &directories,
        as_of: latest.unwrap_or_else(|| whole_seconds(context.now())),
        tool_version: env!("CARGO_PKG_VERSION"),
        commit: project.commit.as_deref(),
        author: project.author.as_deref(),
        uncommitted: project.uncommitted,
    };
    let file = plan::seal(plan::undo(input).map_err(|error| {
        let failure = not_undone(error);
        let of_a_word = failure
            .messages
            .iter()
            .any(|one| one.starts_with("--only "));
        concealed(failure, of_a_word && seal.is_some() && !verb.clear)
    })?);
    if let Some(out) = &verb.out {
        super::files::write_new(out, &sealed::written(seal, plan::to_bytes(&file))?)?;
    }
    let out = verb.out.as_deref();
    show(context, verb.format, out, &file, seal, verb.clear)?;
    Ok(exit_of(&file, verb.detailed_exitcode))
}

/// The plan: as named, or beside the journal, which `apply` calls `NAME.DIGEST.journal.jsonl`.
fn plan_path(verb: &Undo) -> Result<PathBuf, Failure> {
    if let Some(path) = &verb.plan {
        return Ok(path.clone());
    }
    let journal = verb.journal.clone().unwrap_or_default();
    // Before the plan is looked for beside it: what is missing is the journal.
    std::fs::metadata(&journal).map_err(|error| unreadable(&journal, &error))?;
    let found = journal
        .file_name()
        .and_then(|name| name.to_str())
        .map(|name| name.strip_suffix(".age").unwrap_or(name))
        .and_then(|name| name.strip_suffix(".journal.jsonl"))
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(name, _)| {
            let beside = ["json", "age"].map(|ending| format!("{name}.{ending}"));
            let mut paths = beside.iter().map(|name| journal.with_file_name(name));
            paths.find(|path| path.is_file())
        });
    found.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!(
                "{}: the plan of this journal is not beside it",
                journal.display()
            ),
        )
        .help("name the plan that was applied with --plan; a journal alone does not say what was wanted")
    })
}

/// What the journal tells of each change, and its digest.
fn deeds(
    context: &Context,
    verb: &Undo,
    path: &Path,
    bytes: &[u8],
    undone: &PlanFile,
) -> Result<(HashMap<ChangeId, Deed>, String), Failure> {
    let history = History::read(bytes, &undone.digest).map_err(|error| {
        let is_none = matches!(error, JournalError::NotAJournal { .. });
        if let Some(other) = sorts::other_than(Sort::Journal, bytes).filter(|_| is_none) {
            let message = format!("{}: {}", path.display(), other.message());
            return Failure::new(Exit::Usage, message).help(other.help());
        }
        let help = match &error {
            JournalError::OtherPlan { .. } => {
                "name the journal of this very plan with --journal, or the plan of this journal with --plan"
            }
            JournalError::NotAJournal { .. } => "name the journal that `apply` kept with --journal",
            _ => {
                "what is not in the journal cannot be undone: bring the file back from where it was kept, or set right by hand what the plan says it changed"
            }
        };
        Failure::new(Exit::Usage, format!("{}: {error}", path.display())).help(help)
    })?;
    super::verify::progress::agreeing(path, bytes, undone).map_err(Failure::from)?;
    undone::check_whole(context, verb, path, bytes, undone)?;
    let changes = undone.content.changes.iter();
    let deeds = changes
        .filter_map(|change| {
            let step = match change.action {
                Action::Create { .. } => Step::Add,
                Action::ResetPassword {} => Step::Password,
                Action::Enable {
                    initial_password: Some(_),
                } => Step::Finish,
                _ => Step::Write,
            };
            let before = history.written(&change.id, step)?.clone();
            let created = history.created(&change.id);
            Some((change.id.clone(), Deed { before, created }))
        })
        .collect();
    let whole = bytes.get(..history.valid_bytes()).unwrap_or(bytes);
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(whole)));
    Ok((deeds, digest))
}

fn unreadable(journal: &Path, error: &std::io::Error) -> Failure {
    Failure::file("read", journal, error).help(
        "name the journal of the apply with --journal; without it nobody knows what was written, and nothing is undone",
    )
}

/// The journal's bytes, while no apply is adding to it.
fn journal_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| unreadable(path, &error);
    // A device or a pipe may never come to an end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} is not a regular file", path.display()),
        )
        .help("name the journal that `apply` kept with --journal"));
    }
    let mut file = std::fs::File::open(path).map_err(failed)?;
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            return Err(Failure::new(
                Exit::Unavailable,
                format!("an apply is using the journal {}", path.display()),
            )
            .help("wait for it to end, or end it (Ctrl-C), and undo then"));
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn targets(undone: &PlanFile) -> BTreeSet<&Name> {
    let changes = undone.content.changes.iter();
    changes.map(|change| &change.target).collect()
}

/// Reads kept by `--record`.
fn recorded(
    context: &Context,
    project: &Project,
    dir: &Path,
    undone: &PlanFile,
) -> Result<BTreeMap<Name, DirectorySnapshot>, Failure> {
    targets(undone)
        .into_iter()
        .map(|name| {
            Ok((
                name.clone(),
                recorded_directory(context, project, dir, name)?,
            ))
        })
        .collect()
}

/// Reads every target the plan changed, all at the same time, from the controller that was written: another may not have
/// heard of everything yet, and would make what was done look undone.
async fn read(
    context: &Context,
    project: &Project,
    undone: &PlanFile,
    deeds: &HashMap<ChangeId, Deed>,
) -> Result<BTreeMap<Name, DirectorySnapshot>, Failure> {
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let now = context.clock.clone();
    let clock: Clock = Arc::new(move || whole_seconds(now()));
    let mut requests = plan::undo_requests(&project.config, undone, deeds);
    let mut wanted = Vec::new();
    for name in targets(undone) {
        let Some(directory) = project.config.directories.get(name) else {
            let target = name.clone();
            return Err(not_undone(UndoError::NoTarget { target }));
        };
        if let Some(mut settings) = resolver.directory(directory, Access::Read) {
            let identity = undone.content.targets.get(name);
            settings.pinned = identity.map(|identity| identity.domain_controller.clone());
            wanted.push((name.clone(), settings));
        }
    }
    resolver.finish()?;
    let reads = wanted.into_iter().map(|(name, settings)| {
        let request = requests.remove(&name).unwrap_or_default();
        reads::directory(context, name, settings, request, clock.clone())
    });
    Ok(futures::future::try_join_all(reads)
        .await?
        .into_iter()
        .collect())
}

fn unknown(word: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("--only {word}: {why}")).help(
        "name a person of the plan by key, SOURCE/KEY or name, anything else by distinguished name",
    )
}

/// Whom or what to undo, found in the plan that was applied.
fn only(undone: &PlanFile, words: &[String]) -> Result<Vec<Only>, Failure> {
    let people: BTreeSet<_> = undone
        .content
        .changes
        .iter()
        .map(|change| &change.person)
        .collect();
    words
        .iter()
        .map(|word| {
            let word = word.trim();
            if let Ok(dn) = Dn::parse(word) {
                return Ok(Only::Object(dn));
            }
            let by_key = people.iter().filter(|person| {
                person.key.as_str() == word
                    || word.split_once('/').is_some_and(|(source, key)| {
                        person.source.as_str() == source && person.key.as_str() == key
                    })
            });
            let mut found: Vec<_> = by_key.collect();
            if found.is_empty() {
                let folded = word.to_lowercase();
                let by_name = people.iter();
                found = by_name
                    .filter(|person| person.label.to_lowercase() == folded)
                    .collect();
            }
            match found.as_slice() {
                [] => Err(unknown(word, "nobody of the plan has this key or name")),
                [person] => Ok(Only::Person {
                    source: person.source.clone(),
                    key: person.key.clone(),
                }),
                several => Err(unknown(
                    word,
                    &format!("{} people of the plan are called so", several.len()),
                )),
            }
        })
        .collect()
}

fn not_undone(error: UndoError) -> Failure {
    match error {
        UndoError::Plan(error) => refusal(error),
        UndoError::NothingOf { word } => unknown(&word, "nothing in the plan was done to it"),
        UndoError::NoTarget { .. } | UndoError::OtherDirectory { .. } => {
            Failure::new(Exit::Rejected, error.to_string())
                .help("undo it in the project and on the directory it was applied to (--project)")
        }
    }
}
