//! `halosync drift`: what differs between the directories and what the approved configuration wants, and why.
//!
//! Holds readers only (P3), and makes no plan that could be applied.

use super::applied;
use super::args::{Drift, DriftFormat};
use super::base;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::plan::{self as planning, Reads};
use super::project::{self, Project};
use crate::plan::{self, DriftReport, Evidence};
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Drift) -> Result<Exit, Failure> {
    let working = project::load(context, &verb.project)?;
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
        Some(dir) => planning::recorded(context, project, dir)?,
        None => {
            let run = planning::run_settings(context, verb.max_requests, verb.cache.as_deref());
            let earlier = since.iter().map(|since| &since.config);
            let earlier: Vec<_> = earlier.chain(proposed.map(|one| &one.config)).collect();
            planning::read_for(context, project, &earlier, &run).await?
        }
    };
    let as_of = reads
        .latest()
        .unwrap_or_else(|| planning::whole_seconds(context.now()));
    let edits = match &since {
        Some(since) => Some(since.edits(context, project, &reads)?),
        None => None,
    };
    let evidence = edits.as_ref().map_or(Evidence::Unasked, Evidence::Known);
    let input = planning::input(project, &project.config, &reads, None, as_of);
    let mut plan = plan::build_unguarded(input, evidence).map_err(planning::refusal)?;
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
        let input = planning::input(working, &working.config, &reads, None, as_of);
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
    let mut report = plan::report(plan, proposed.as_ref());
    if verb.from.is_none() {
        planning::date(context, project, &mut report).await?;
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
