//! Whether the configuration is the one a plan was made from.
//!
//! What was reviewed are files, not the name of a commit: a merge that left them as they were is no difference. A table
//! of names that are not given again grows with every apply, so of such a one the beginning counts.

use std::collections::BTreeMap;

use super::checks::{Refusal, some};
use crate::cli::commits::begins_as;
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::plan::{Action, Plan};

/// Files named; the rest is counted.
const NAMED: usize = 20;

/// Compares the project's files with those the plan names.
///
/// # Errors
/// Which files are otherwise.
pub(crate) fn same(project: &Project, plan: &Plan) -> Result<String, Refusal> {
    let found: BTreeMap<&str, &str> = project
        .config
        .files
        .iter()
        .map(|file| (&*file.path, file.digest.as_str()))
        .collect();
    let planned = &plan.inputs.files;
    let grows = tables_that_grow(project, plan);
    let mut differences: Vec<String> = Vec::new();
    let mut grown = 0_usize;
    for (path, digest) in planned {
        match found.get(path.as_str()) {
            Some(now) if now == digest => {}
            Some(_)
                if grows.contains(&path.as_str())
                    && std::fs::read(project.root.join(path))
                        .is_ok_and(|bytes| begins_as(&bytes, digest)) =>
            {
                grown += 1;
            }
            Some(_) => differences.push(format!("changed: {path}")),
            None => differences.push(format!("missing: {path}")),
        }
    }
    let added = found.keys().filter(|path| !planned.contains_key(**path));
    differences.extend(added.map(|path| format!("added: {path}")));
    let commits = commits(project, plan);
    if differences.is_empty() {
        let names = match grown {
            0 => "",
            _ => ", names given since in a table of names apart",
        };
        return Ok(format!(
            "{} files as planned{names}{commits}",
            planned.len()
        ));
    }
    let mut messages = vec![format!(
        "the configuration is not the one the plan was made from{commits}"
    )];
    messages.extend(some(differences, NAMED, "files"));
    Err(Refusal {
        messages,
        help: Some(format!(
            "{} and have that plan reviewed, or check out the files this one was made from",
            plan.made_again()
        )),
        exit: Exit::Rejected,
    })
}

/// Both commits, where they are known and say something.
fn commits(project: &Project, plan: &Plan) -> String {
    let planned_dirty = match plan.inputs.uncommitted {
        true => " with uncommitted changes",
        false => "",
    };
    let here_dirty = match project.uncommitted {
        true => " with uncommitted changes",
        false => "",
    };
    match (&plan.inputs.commit, &project.commit) {
        (Some(planned), Some(here)) if planned == here => {
            let short = short(here);
            match (plan.inputs.uncommitted, project.uncommitted) {
                (false, false) => format!(" (commit {short})"),
                (true, true) => {
                    format!(
                        " (planned at commit {short} with uncommitted changes, as there are here)"
                    )
                }
                (true, false) => {
                    format!(
                        " (planned at commit {short} with uncommitted changes, this is that commit)"
                    )
                }
                (false, true) => {
                    format!(
                        " (planned at commit {short}, this is that commit with uncommitted changes)"
                    )
                }
            }
        }
        (Some(planned), Some(here)) => format!(
            " (planned at commit {}{planned_dirty}, this is {}{here_dirty})",
            short(planned),
            short(here),
        ),
        (Some(planned), None) => {
            format!(" (planned at commit {}{planned_dirty})", short(planned))
        }
        (None, _) => String::new(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Files of tables that names of this plan go into.
pub(crate) fn tables_that_grow<'p>(project: &'p Project, plan: &Plan) -> Vec<&'p str> {
    let attributes = plan
        .changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Create { attributes, .. } | Action::Modify { attributes } => Some(attributes),
            _ => None,
        });
    let mut names: Vec<&crate::model::Name> = attributes
        .flatten()
        .filter_map(|attribute| attribute.never_reuse.as_ref())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let csv = project
                .config
                .tables
                .get(name)?
                .document
                .spec
                .csv
                .as_ref()?;
            Some(csv.file.as_str())
        })
        .collect()
}
