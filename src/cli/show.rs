//! `halosync show`: a plan, for reviewers. Needs the plan file and nothing else.

use std::path::Path;

use super::args::{PlanFormat, Show};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::{approvals, project};
use crate::plan::{self, FormatAge, PlanFile, PlanReadError};
use crate::render;

/// Runs the command.
pub(crate) fn run(context: &Context, verb: &Show) -> Result<Exit, Failure> {
    let file = read(&verb.plan)?;
    let text = match verb.format {
        PlanFormat::Text => render::plan_text(&file, &text_options(context, verb.full)),
        PlanFormat::Markdown if verb.full => render::plan_markdown(
            &file,
            &render::MarkdownOptions {
                max_bytes: usize::MAX,
            },
        ),
        PlanFormat::Markdown => render::plan_markdown(&file, &render::MarkdownOptions::default()),
        PlanFormat::Json => String::from_utf8_lossy(&plan::to_bytes(&file)).into_owned(),
    };
    context.printer.result(&text)?;
    if verb.format == PlanFormat::Text {
        context.printer.result(&approved(context, verb, &file)?)?;
    }
    Ok(Exit::Success)
}

/// Who approved it, as far as the project is at hand: without it, nobody knows whose keys count.
fn approved(context: &Context, verb: &Show, file: &PlanFile) -> Result<String, Failure> {
    if file.content.approvals_asked().next().is_none() && !approvals::any(&verb.plan) {
        return Ok(String::new());
    }
    let Ok(project) = project::load(context, &verb.project) else {
        return Ok(
            "approvals are not shown: the project's allowed signers are not at hand (--project)\n"
                .to_owned(),
        );
    };
    let approvals = approvals::judge(context, &project, &verb.plan, file)?;
    Ok(render::approvals_text(
        &approvals.signatures,
        &approvals.requirements,
    ))
}

/// Reads a plan file, refusing one that is not exactly as it was sealed.
pub(crate) fn read(path: &Path) -> Result<PlanFile, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    plan::read(&bytes).map_err(|error| refused(path, &error))
}

/// Why a plan file is not used, and the way out.
pub(crate) fn refused(path: &Path, error: &PlanReadError) -> Failure {
    let newer = matches!(error, PlanReadError::UnknownFormat { found }
        if FormatAge::of(found, plan::FORMAT) == FormatAge::Newer);
    Failure::new(Exit::Rejected, format!("{}: {error}", path.display())).help(if newer {
        "use the version of halosync that made the plan, or make the plan again with this one"
    } else {
        "make the plan again with `halosync plan --out`; a plan is never edited"
    })
}

/// How text is drawn on this terminal.
pub(crate) fn text_options(context: &Context, full: bool) -> render::TextOptions {
    render::TextOptions {
        colour: context.printer.colour,
        width: None,
        full,
    }
}
