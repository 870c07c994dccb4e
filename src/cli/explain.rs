//! `halosync explain`: everything that is known of one person, from live reads or recorded ones.
//!
//! Holds readers only (P3).

use super::args::{Explain, ExplainFormat};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::{making, plan, project, reads};
use crate::explain::{self, NotFound};
use crate::plan::PlanInput;
use crate::render;

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Explain) -> Result<Exit, Failure> {
    let project = project::load(context, &verb.project)?;
    super::plan::check_cache(&project, verb.cache.as_deref())?;
    let reads = match &verb.from {
        Some(dir) => reads::recorded(context, &project, dir)?,
        None => {
            let run = plan::run_settings(context, verb.max_requests, verb.cache.as_deref());
            reads::read(context, &project, &run).await?
        }
    };
    let zone = project.zone()?;
    let as_of = verb
        .as_of
        .as_ref()
        .and_then(|as_of| as_of.moment(&zone))
        .or_else(|| reads.latest())
        .unwrap_or_else(|| reads::whole_seconds(context.now()));
    let who = explain::find(
        &project.config,
        &reads.people,
        &reads.directories,
        &verb.who,
    )
    .map_err(refused)?;
    let input = PlanInput {
        config: &project.config,
        people: &reads.people,
        directories: &reads.directories,
        last_good: None,
        as_of,
        tool_version: env!("CARGO_PKG_VERSION"),
        commit: project.commit.clone(),
        uncommitted: project.uncommitted,
    };
    let told = explain::explain(input, &who).map_err(making::refusal)?;
    let text = match verb.format {
        ExplainFormat::Text => {
            render::explanation(&told, &super::show::text_options(context, true))
        }
        ExplainFormat::Json => {
            let mut json = serde_json::to_string_pretty(&told)
                .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
            json.push('\n');
            json
        }
    };
    context.printer.result(&text)?;
    Ok(Exit::Success)
}

fn refused(error: NotFound) -> Failure {
    Failure::new(Exit::Usage, error.to_string()).help(
        "name a person by key, SOURCE/KEY or a unique value, or an account by name, objectGUID, sAMAccountName, \
         userPrincipalName or mail",
    )
}
