//! The check that everybody signed who must.

use std::path::Path;

use super::checks::Refusal;
use crate::cli::approvals;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::plan::PlanFile;
use crate::render;

/// Whether everybody signed who must.
pub(super) fn signed(
    context: &Context,
    project: &Project,
    path: &Path,
    file: &PlanFile,
) -> Result<Result<String, Refusal>, Failure> {
    let approvals = approvals::judge(context, project, path, file)?;
    let told = render::approvals_text(&approvals.signatures, &approvals.requirements);
    let lines = told.lines().map(str::to_owned);
    if !approvals.are_enough() {
        let mut messages = vec!["the plan is not approved".to_owned()];
        messages.extend(lines);
        return Ok(Err(Refusal {
            messages,
            help: Some("`halosync approve` signs it; `halosync show` says who has".to_owned()),
            exit: Exit::Rejected,
        }));
    }
    if approvals.requirements.is_empty() {
        return Ok(Ok("nobody is asked".to_owned()));
    }
    Ok(Ok(lines.collect::<Vec<_>>().join("; ")))
}
