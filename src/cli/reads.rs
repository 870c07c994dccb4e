//! Both sides, as read: from the systems, all at the same time, or from a recording.
//!
//! Holds readers only (P3). Keeps that a recording whose lines are not those its proof was made of is no read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::applied;
use super::base::Base;
use super::context::{Clock, Context};
use super::exit::Exit;
use super::failure::Failure;
use super::people;
use super::project::Project;
use super::recording::{self, Staged};
use super::resolve::{Access, Resolver};
use super::sealed::{self, Keys};
use crate::config::Config;
use crate::connector::rest::RunSettings;
use crate::connector::{DirectoryReader, ldap};
use crate::intake::Intake;
use crate::model::{DirectoryRequest, DirectorySnapshot, Name, PeopleSnapshot};
use crate::plan;
use crate::snapshot;

/// Both sides, as read.
pub(crate) struct Reads {
    pub(crate) people: BTreeMap<Name, PeopleSnapshot>,
    pub(crate) directories: BTreeMap<Name, DirectorySnapshot>,
    /// The same people as the fields of an earlier commit read them from the same answers, where those are others.
    pub(crate) earlier: Option<BTreeMap<Name, PeopleSnapshot>>,
}

impl Reads {
    pub(crate) fn latest(&self) -> Option<jiff::Timestamp> {
        let people = self.people.values().map(|read| read.header.read_at);
        let directories = self.directories.values().map(|read| read.header.read_at);
        people.chain(directories).max()
    }
}

/// Reads every source and every target of the project, all at the same time.
pub(crate) async fn read(
    context: &Context,
    project: &Project,
    run: &RunSettings,
) -> Result<Reads, Failure> {
    read_for(context, project, &[], run).await
}

/// As [`read`]; of the directory also what other configurations need.
pub(crate) async fn read_for(
    context: &Context,
    project: &Project,
    others: &[&Config],
    run: &RunSettings,
) -> Result<Reads, Failure> {
    read_against(context, project, others, None, run).await
}

/// As [`read_for`]; where an earlier commit makes other facts of the same answers, those too.
pub(crate) async fn read_against(
    context: &Context,
    project: &Project,
    others: &[&Config],
    base: Option<&Base>,
    run: &RunSettings,
) -> Result<Reads, Failure> {
    let earlier = base.and_then(|base| also_read_by(&project.config, base.config.as_ref()?));
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let now = context.clock.clone();
    let clock: Clock = std::sync::Arc::new(move || whole_seconds(now()));
    let zone = project.zone()?;
    let mut sources = Vec::new();
    for source in project.config.sources.values() {
        let settings = resolver.source(source, clock.clone());
        sources.extend(settings.map(|settings| (source, settings)));
    }
    let mut targets = Vec::new();
    let mut requests = plan::requests(&project.config);
    for (name, more) in others.iter().flat_map(|config| plan::requests(config)) {
        if let Some(request) = requests.get_mut(&name) {
            request.add(more);
        }
    }
    for directory in project.config.directories.values() {
        let settings = resolver.directory(directory, Access::Read);
        targets.extend(settings.map(|settings| (directory.name.clone(), settings)));
    }
    resolver.finish()?;

    let people =
        futures::future::try_join_all(sources.into_iter().map(async |(source, settings)| {
            let intake = Intake::compile(source, &zone).map_err(|_| {
                Failure::new(
                    Exit::InvalidConfiguration,
                    "a source's fields cannot be compiled",
                )
            })?;
            let mut settings = people::prepare(&project.config, source, &intake, settings);
            let then = match earlier {
                Some(config) => people::earlier(config, source, &mut settings)?,
                None => None,
            };
            let then = then.as_ref();
            let (read, twice) =
                people::read_twice(context, &source.name, &intake, then, settings, run).await?;
            Ok::<_, Failure>((source.name.clone(), read, twice))
        }));
    let directories = futures::future::try_join_all(targets.into_iter().map(|(name, settings)| {
        let request = requests.remove(&name).unwrap_or_default();
        directory(context, name, settings, request, clock.clone())
    }));
    // Join, not try_join: when both systems fail, both are reported.
    let (people, directories) = tokio::join!(people, directories);
    match (people, directories) {
        (Ok(read), Ok(directories)) => {
            let mut people = BTreeMap::new();
            let mut twice = BTreeMap::new();
            for (name, now, then) in read {
                twice.extend(then.map(|then| (name.clone(), then)));
                people.insert(name, now);
            }
            Ok(Reads {
                earlier: (earlier.is_some() && twice.len() == people.len()).then_some(twice),
                people,
                directories: directories.into_iter().collect(),
            })
        }
        (Err(mut first), Err(second)) => {
            first.messages.extend(second.messages);
            first.help = first.help.or(second.help);
            Err(first)
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
    }
}

/// The earlier configuration, when it makes other facts of the answers that are read anyway.
fn also_read_by<'c>(now: &Config, then: &'c Config) -> Option<&'c Config> {
    let changes = plan::read_changes(now, then);
    let same_sources = now.sources.keys().eq(then.sources.keys());
    let wanted = same_sources && !changes.is_empty();
    (wanted && changes.iter().all(|one| one.same_answers)).then_some(then)
}

/// Nobody judges a condition by fractions of a second, and reviewers read these moments.
pub(crate) fn whole_seconds(moment: jiff::Timestamp) -> jiff::Timestamp {
    let trunc = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    moment.round(trunc).unwrap_or(moment)
}

/// Reads one directory, and says how long that took.
pub(crate) async fn directory(
    context: &Context,
    name: Name,
    mut settings: ldap::Settings,
    request: DirectoryRequest,
    clock: Clock,
) -> Result<(Name, DirectorySnapshot), Failure> {
    let started = Instant::now();
    settings.now = Some(context.now());
    let reader = ldap::LdapReader::connect(settings, clock).await?;
    let read = reader.read_directory(&request).await?;
    context.printer.note(&format!(
        "read {name}: {} objects in {:.1} s",
        read.objects.len(),
        started.elapsed().as_secs_f64()
    ));
    Ok((name, read))
}

/// As [`recorded`], with people as the fields of an earlier commit read them, where they were recorded.
pub(crate) fn recorded_against(
    context: &Context,
    project: &Project,
    dir: &Path,
    base: Option<&Base>,
) -> Result<Reads, Failure> {
    let mut reads = recorded(context, project, dir)?;
    let Some(base) = base else { return Ok(reads) };
    let mut earlier = BTreeMap::new();
    for (name, now) in &reads.people {
        let path = dir.join(earlier_file(name, base));
        if !path.is_file() {
            return Ok(reads);
        }
        let bytes = sealed::read(context, Keys::Of(project), &path)?;
        let then = snapshot::read_people(&bytes).map_err(|error| parse_failure(&path, error))?;
        let (one, other) = (&now.header, &then.header);
        // Left there by another read of the same name.
        if (one.read_at, &one.completeness) != (other.read_at, &other.completeness) {
            return Ok(reads);
        }
        earlier.insert(name.clone(), then);
    }
    reads.earlier = Some(earlier);
    Ok(reads)
}

/// Reads kept by `--record`.
pub(crate) fn recorded(context: &Context, project: &Project, dir: &Path) -> Result<Reads, Failure> {
    let people = |name: &Name| {
        let read = recorded_people(context, project, dir, name)?;
        Ok::<_, Failure>((name.clone(), read))
    };
    let directory = |name: &Name| {
        let read = recorded_directory(context, project, dir, name)?;
        Ok::<_, Failure>((name.clone(), read))
    };
    let (people, directories) = rayon::join(
        || {
            project
                .config
                .sources
                .keys()
                .map(people)
                .collect::<Result<_, _>>()
        },
        || {
            project
                .config
                .directories
                .keys()
                .map(directory)
                .collect::<Result<_, _>>()
        },
    );
    Ok(Reads {
        people: people?,
        directories: directories?,
        earlier: None,
    })
}

/// The read of a directory kept by `--record`.
pub(crate) fn recorded_directory(
    context: &Context,
    project: &Project,
    dir: &Path,
    name: &Name,
) -> Result<DirectorySnapshot, Failure> {
    let path = dir.join(directory_file(name));
    let bytes = sealed::read(context, Keys::Of(project), &path)
        .map_err(|failure| unrecorded(&path, failure))?;
    let read = snapshot::read_directory(&bytes).map_err(|error| parse_failure(&path, error))?;
    let (distinct, objects) = (read.header.completeness.distinct, read.objects.len() as u64);
    if distinct != objects {
        return Err(shortened(&path, distinct, objects));
    }
    Ok(read)
}

/// The people of a recording.
pub(crate) fn recorded_people(
    context: &Context,
    project: &Project,
    dir: &Path,
    name: &Name,
) -> Result<PeopleSnapshot, Failure> {
    let path = dir.join(people_file(name));
    let bytes = sealed::read(context, Keys::Of(project), &path)
        .map_err(|failure| unrecorded(&path, failure))?;
    let read = snapshot::read_people(&bytes).map_err(|error| parse_failure(&path, error))?;
    let (people, rejected) = (read.people.len() as u64, read.header.rejected.len() as u64);
    let distinct = read.header.completeness.distinct;
    if distinct < people || distinct > people + rejected {
        return Err(shortened(&path, distinct, people + rejected));
    }
    Ok(read)
}

/// What to name where a file of a recording is not found.
fn unrecorded(path: &Path, failure: Failure) -> Failure {
    if path.is_file() {
        return failure;
    }
    failure.help("name a directory that `halosync plan --record DIR` wrote for this project")
}

fn parse_failure(path: &Path, error: snapshot::SnapshotError) -> Failure {
    Failure::new(
        Exit::InvalidConfiguration,
        format!("{}: {error}", path.display()),
    )
    .help("record the reads again with `halosync plan --record DIR`")
}

/// A recording whose lines are not those its proof was made of proves nothing.
fn shortened(path: &Path, proven: u64, found: u64) -> Failure {
    Failure::new(
        Exit::Unavailable,
        format!(
            "{}: its head proves a read of {proven}, and {found} stand in it; lines are missing or added",
            path.display()
        ),
    )
    .help("record the reads again with `halosync plan --record DIR`")
}

/// Before anything is read: whether a recording may be written there.
pub(crate) fn check_recording(project: &Project, dir: &Path) -> Result<(), Failure> {
    check_recording_against(project, None, dir)
}

/// The same where people as an earlier commit reads them may be recorded as well.
pub(crate) fn check_recording_against(
    project: &Project,
    base: Option<&Base>,
    dir: &Path,
) -> Result<(), Failure> {
    let people = project.config.sources.keys();
    let people = people.flat_map(|name| {
        let earlier = base.map(|base| earlier_file(name, base));
        let files = std::iter::once(people_file(name)).chain(earlier);
        files.map(|file| (file, snapshot::PEOPLE_FORMAT))
    });
    let directories = project.config.directories.keys();
    let directories = directories.map(|name| (directory_file(name), snapshot::DIRECTORY_FORMAT));
    let mut files: Vec<(String, &str)> = people.chain(directories).collect();
    files.extend(applied::FILES.map(|(name, format)| (name.to_owned(), format)));
    recording::check(project, dir, &files)
}

/// Adds what was read to a recording, with people as the fields of an earlier commit read them, so that it gives the same
/// plan.
pub(crate) fn record_against(
    reads: &Reads,
    base: Option<&Base>,
    recording: &mut Staged<'_>,
) -> Result<(), Failure> {
    for (name, read) in &reads.people {
        recording.add(&people_file(name), |out| snapshot::write_people(read, out))?;
    }
    for (name, read) in &reads.directories {
        recording.add(&directory_file(name), |out| {
            snapshot::write_directory(read, out)
        })?;
    }
    if let (Some(base), Some(earlier)) = (base, &reads.earlier) {
        for (name, read) in earlier {
            recording.add(&earlier_file(name, base), |out| {
                snapshot::write_people(read, out)
            })?;
        }
    }
    Ok(())
}

fn people_file(name: &Name) -> String {
    format!("{name}.people.jsonl")
}

/// People as a commit's fields read them.
fn earlier_file(name: &Name, base: &Base) -> String {
    format!("{name}.base-{}.people.jsonl", base.commit)
}

fn directory_file(name: &Name) -> String {
    format!("{name}.directory.jsonl")
}
