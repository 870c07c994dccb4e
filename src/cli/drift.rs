//! `halosync drift`: what differs between the directories and what the approved configuration wants, and why.
//!
//! Holds readers only (P3), and makes no plan that could be applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::applied;
use super::args::{Drift, DriftFormat};
use super::base;
use super::context::{Clock, Context};
use super::exit::Exit;
use super::failure::Failure;
use super::making;
use super::plan as planning;
use super::project::{self, Project};
use super::reads::{self, Reads, whole_seconds};
use super::resolve::{Access, Resolver};
use crate::connector::ldap;
use crate::model::{Guid, Name};
use crate::plan::{self, DriftGroup, DriftReport, Evidence, LastWritten};
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Drift) -> Result<Exit, Failure> {
    let working = project::load(context, &verb.project)?;
    planning::check_cache(&working, verb.cache.as_deref())?;
    let approved = approved(context, &working, verb.approved.as_deref())?;
    let (project, proposed) = match &approved {
        Some(approved) if approved.config.files != working.config.files => {
            (approved, Some(&working))
        }
        Some(approved) => (approved, None),
        None => (&working, None),
    };
    let since = applied::load(context, project, &verb.since)?;
    let reads = match &verb.from {
        Some(dir) => reads::recorded(context, project, dir)?,
        None => {
            let run = planning::run_settings(context, verb.max_requests, verb.cache.as_deref());
            let earlier = since.iter().map(|since| &since.config);
            let earlier: Vec<_> = earlier.chain(proposed.map(|one| &one.config)).collect();
            reads::read_for(context, project, &earlier, &run).await?
        }
    };
    let as_of = reads
        .latest()
        .unwrap_or_else(|| whole_seconds(context.now()));
    let edits = match &since {
        Some(since) => Some(since.edits(context, project, &reads)?),
        None => None,
    };
    let evidence = edits.as_ref().map_or(Evidence::Unasked, Evidence::Known);
    let input = making::input(project, &project.config, &reads, None, as_of);
    let mut plan = plan::build_unguarded(input, evidence).map_err(making::refusal)?;
    if let (Some(since), Some(edits)) = (&since, &edits) {
        applied::tell(
            context,
            since,
            edits,
            &project.config,
            &reads,
            None,
            &mut plan,
        );
    }
    let proposed = proposed.and_then(|working| {
        let input = making::input(working, &working.config, &reads, None, as_of);
        match plan::build_unguarded(input, evidence) {
            Ok(plan) => Some(plan),
            Err(error) => {
                context.printer.note(&format!(
                    "warning: the configuration of the working tree cannot be planned from this read and is left out: {error}"
                ));
                None
            }
        }
    });
    let outcomes = since.as_ref().map(applied::Since::outcomes);
    let outcomes = outcomes.unwrap_or_default();
    let mut report = plan::report(plan, proposed.as_ref(), edits.as_ref(), &outcomes);
    if verb.from.is_none() {
        date(context, project, &mut report).await?;
    }
    print(context, verb, &report)?;
    Ok(exit(&report, &reads))
}

/// The approved configuration, when it is another than the working tree's.
fn approved(
    context: &Context,
    working: &Project,
    revision: Option<&str>,
) -> Result<Option<Project>, Failure> {
    let revision = match revision {
        Some(revision) => revision,
        // What nobody has committed nobody has approved.
        None if working.commit.is_some() && working.uncommitted => "HEAD",
        None => return Ok(None),
    };
    let found = base::at(context, working, "--approved", revision)?;
    let Some(config) = found.config else {
        return Err(Failure::new(
            Exit::Usage,
            format!("--approved {revision}: that commit has no configuration"),
        )
        .help("commit the configuration, or name a commit that has one"));
    };
    Ok(Some(Project {
        root: working.root.clone(),
        config,
        commit: Some(found.commit),
        uncommitted: false,
        author: None,
    }))
}

fn print(context: &Context, verb: &Drift, report: &DriftReport) -> Result<(), Failure> {
    let text = match verb.format {
        DriftFormat::Text => {
            render::drift_text(report, &super::show::text_options(context, verb.full))
        }
        DriftFormat::Markdown => {
            render::drift_markdown(report, &render::MarkdownOptions::default())
        }
        DriftFormat::Json => {
            let mut json = serde_json::to_string_pretty(report)
                .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
            json.push('\n');
            json
        }
    };
    context.printer.result(&text)?;
    Ok(())
}

fn exit(report: &DriftReport, reads: &Reads) -> Exit {
    let inputs = &report.inputs;
    let people = inputs.people.values().map(|read| &read.completeness);
    let directories = reads.directories.values();
    let directories = directories.map(|read| &read.header.completeness);
    // What was not read whole hides drift as it hides people.
    if people.chain(directories).any(|read| !read.is_proven()) {
        Exit::Unavailable
    } else if report.counts.drift() > 0 {
        Exit::Changes
    } else {
        Exit::Success
    }
}

/// Adds when edits, and what may be one, were made. Of single accounts, and only of those that differ.
async fn date(
    context: &Context,
    project: &Project,
    report: &mut DriftReport,
) -> Result<(), Failure> {
    let mut wanted: BTreeMap<Name, BTreeMap<Guid, BTreeSet<String>>> = BTreeMap::new();
    let may_be = |group| matches!(group, DriftGroup::Edited | DriftGroup::Undetermined);
    // Who is in a group since when is told of no attribute of its own.
    let differences = report.differences.iter();
    for one in differences.filter(|one| may_be(one.group) && one.what != "member") {
        if let Some(guid) = one.object.guid {
            let of_target = wanted.entry(one.target.clone()).or_default();
            of_target.entry(guid).or_default().insert(one.what.clone());
        }
    }
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let mut targets = Vec::new();
    for (name, wanted) in wanted {
        if let Some(directory) = project.config.directories.get(&name) {
            let settings = resolver.directory(directory, Access::Read);
            targets.extend(settings.map(|settings| (name, settings, wanted)));
        }
    }
    resolver.finish()?;
    for (name, settings, wanted) in targets {
        let now = context.clock.clone();
        let clock: Clock = Arc::new(move || whole_seconds(now()));
        let asked = async {
            let reader = ldap::LdapReader::connect(settings, clock).await?;
            reader.last_writes(&wanted).await
        };
        match asked.await {
            Ok(writes) => {
                let differences = report.differences.iter_mut();
                for one in differences.filter(|one| may_be(one.group) && one.target == name) {
                    let key = one.object.guid.map(|guid| (guid, one.what.clone()));
                    let last = key.and_then(|key| writes.get(&key));
                    one.written = last.map(|last| LastWritten {
                        at: last.at,
                        controller: last.controller.clone(),
                    });
                }
            }
            Err(error) => context.printer.note(&format!(
                "warning: {name} does not tell when edits were made: {error}"
            )),
        }
    }
    Ok(())
}
