//! `halosync show`: a plan, for reviewers. Needs the plan file and nothing else.

use std::path::Path;

use super::args::{PlanFormat, ProjectArgs, Show};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::sealed::{self, Keys};
use super::sorts::{self, Sort};
use super::{approvals, project};
use crate::plan::{self, FormatAge, PlanFile, PlanReadError};
use crate::render;

/// Runs the command.
pub(crate) fn run(context: &Context, verb: &Show) -> Result<Exit, Failure> {
    let file = read(context, &verb.project, &verb.plan)?;
    if verb.redacted {
        let text = redacted(context, &file, verb.format, verb.full)?;
        context.printer.result(&text)?;
        return Ok(Exit::Success);
    }
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
pub(crate) fn read(
    context: &Context,
    project: &ProjectArgs,
    path: &Path,
) -> Result<PlanFile, Failure> {
    let bytes = sealed::read(context, Keys::At(project), path)?;
    plan::read(&bytes).map_err(|error| refused(path, &bytes, &error))
}

/// A plan without personal data.
pub(crate) fn redacted(
    context: &Context,
    file: &PlanFile,
    format: PlanFormat,
    full: bool,
) -> Result<String, Failure> {
    let plan = plan::redacted(file);
    Ok(match format {
        PlanFormat::Text => render::redacted_text(&plan, &text_options(context, full)),
        PlanFormat::Markdown => {
            let mut options = render::MarkdownOptions::default();
            if full {
                options.max_bytes = usize::MAX;
            }
            render::redacted_markdown(&plan, full, &options)
        }
        PlanFormat::Json => {
            let mut json = serde_json::to_string_pretty(&plan)
                .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
            json.push('\n');
            json
        }
    })
}

/// Why a plan file is not used, and the way out.
pub(crate) fn refused(path: &Path, bytes: &[u8], error: &PlanReadError) -> Failure {
    if let Some(other) = sorts::other_than(Sort::Plan, bytes) {
        return Failure::new(
            Exit::Rejected,
            format!("{}: {}", path.display(), other.message()),
        )
        .help(other.help());
    }
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
