//! `halosync verify`: whether a plan would be applied, and whether a journal is whole. Without network, and without changing
//! anything.

pub(crate) mod args;
pub(crate) mod checks;
pub(crate) mod configuration;
pub(crate) mod content;
mod journal;
pub(crate) mod progress;
mod remade;
mod signed;
pub(crate) mod told;

use std::path::Path;

use args::{Verified, Verify};
use checks::{Checks, Name, Refusal};
use told::Told;

use super::apply::journal_path;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::{self, Project};
use super::sealed::{self, Keys};
use crate::plan;

/// Runs the command.
pub(crate) fn run(context: &Context, verb: &Verify) -> Result<Exit, Failure> {
    match (&verb.what, &verb.plan) {
        (Some(Verified::Journal(verb)), _) => journal::run(context, verb),
        (None, Some(plan)) => of_plan(context, verb, plan),
        (None, None) => Err(Failure::new(Exit::Usage, "no plan is named")),
    }
}

/// Everything `apply` would refuse the plan for.
fn of_plan(context: &Context, verb: &Verify, path: &Path) -> Result<Exit, Failure> {
    if verb.from.is_none() && verb.since.since.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "--since is for planning once more, and no recording to plan from is named",
        )
        .help("name the recording of the plan itself as well (--from DIR)"));
    }
    let bytes = sealed::read(context, Keys::At(&verb.project), path)?;
    let mut checks = Checks::default();
    let file = match plan::read(&bytes) {
        Ok(file) => file,
        Err(error) => {
            let refusal = Refusal::from(super::show::refused(path, &bytes, &error));
            checks.add(Name::File, Err(refusal));
            return told(context, verb, &checks, None);
        }
    };
    checks::always(context, &file, verb.expect_digest.as_deref(), &mut checks);
    // Nothing of it would be used: `apply` asks for it only when there is something to apply.
    if file.content.changes.is_empty() {
        let found = match content::all_held(&file) {
            Some(refusal) => Err(refusal),
            None => Ok("the plan has no changes: there is nothing to apply".to_owned()),
        };
        checks.add(Name::Guards, found);
        if verb.from.is_some() {
            let project = loaded(context, verb, &mut checks);
            remade::add(
                context,
                verb,
                project.as_ref().map_err(String::as_str),
                &file,
                &mut checks,
            );
        }
        return told(context, verb, &checks, Some(&file.digest));
    }
    let project = loaded(context, verb, &mut checks);
    checks::of_changes(
        context,
        project.as_ref().map_err(String::as_str),
        path,
        &file,
        verb.expect_digest.is_some(),
        &mut checks,
    )?;
    remade::add(
        context,
        verb,
        project.as_ref().map_err(String::as_str),
        &file,
        &mut checks,
    );
    let journal = journal_path(path, &file, verb.journal.as_deref());
    checks.add(
        Name::Journal,
        progress::journal_at(
            verb.journal.as_deref(),
            &journal,
            project.as_ref().ok(),
            &file,
        ),
    );
    told(context, verb, &checks, Some(&file.digest))
}

/// The project, or why nothing can be held against it.
fn loaded(context: &Context, verb: &Verify, checks: &mut Checks) -> Result<Project, String> {
    match project::load(context, &verb.project) {
        Ok(project) => Ok(project),
        Err(failure) => {
            let mut refusal = Refusal::from(failure);
            let is_invalid = refusal.messages.is_empty();
            if is_invalid {
                let message = "the project's configuration is not valid; see above";
                refusal.messages.push(message.to_owned());
            }
            checks.add(Name::Project, Err(refusal));
            Err(match is_invalid {
                true => "the project's configuration is not valid",
                false => "the project is not at hand (--project)",
            }
            .to_owned())
        }
    }
}

fn told(
    context: &Context,
    verb: &Verify,
    checks: &Checks,
    digest: Option<&str>,
) -> Result<Exit, Failure> {
    let told = Told::of_plan(checks, digest);
    context.printer.result(&told.written(verb.format)?)?;
    Ok(checks.exit())
}
