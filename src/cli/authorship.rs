//! Who wrote the configuration a plan is made from, as the repository tells.
//!
//! A plan names a commit and its author, and whoever rewrites a plan may name others. So its word is held against the
//! repository: the commit must hold the plan's files, and whoever last changed them, up to that commit and up to the one
//! that is checked out, is an author. Invariant: where that cannot be told, nobody is taken for known.

use super::changers;
use super::commits::{self, Files};
use super::git;
use super::project::Project;
use super::verify::configuration::{self, tables_that_grow};
use crate::approval::Authorship;
use crate::plan::Plan;

/// Files named; the rest is counted.
const NAMED: usize = 3;

/// Who wrote a plan's configuration.
pub(super) fn of(project: &Project, plan: &Plan) -> Authorship {
    let inputs = &plan.inputs;
    let named = inputs.commit.as_deref().filter(|_| !inputs.uncommitted);
    let Some(named) = named else {
        return Authorship::Unknown("the plan is not made from a clean commit".to_owned());
    };
    match addresses(project, plan, named) {
        Ok(authors) => Authorship::By(authors),
        Err(why) => Authorship::Unknown(why),
    }
}

/// The files of a plan, to be held against a commit.
pub(super) fn files<'a>(project: &'a Project, plan: &'a Plan) -> Files<'a> {
    let files = &plan.inputs.files;
    Files {
        include: &project.config.project.spec.include,
        digests: files
            .iter()
            .map(|(path, digest)| (path.as_str(), digest.as_str()))
            .collect(),
        grow: tables_that_grow(project, plan),
    }
}

fn addresses(project: &Project, plan: &Plan, named: &str) -> Result<Vec<String>, String> {
    let root = &project.root;
    let short = named.get(..12).unwrap_or(named);
    let Some(here) = project.commit.as_deref() else {
        return Err(match git::why_not(root) {
            Some(why) => format!("{why}, which would tell who wrote commit {short}"),
            None => {
                format!("the repository here has no commit yet, which would tell who wrote {short}")
            }
        });
    };
    let files = files(project, plan);
    let mut authors: Vec<String> = Vec::new();
    let merge = |commit: &str| {
        format!(
            "commit {} rests on a merge, and this clone does not have what was merged (in CI, fetch with the whole history), or it changes too many files to tell",
            commit.get(..12).unwrap_or(commit)
        )
    };
    let is_known = commits::has(root, named);
    if is_known {
        let differing = commits::differences(root, named, &files)
            .ok_or_else(|| format!("git does not tell what commit {short} holds"))?;
        if !differing.is_empty() {
            let more = differing.len().saturating_sub(NAMED);
            let mut told = differing
                .into_iter()
                .take(NAMED)
                .collect::<Vec<_>>()
                .join(", ");
            if more > 0 {
                told.push_str(&format!(" and {more} more"));
            }
            return Err(format!(
                "commit {short}, which the plan names, does not hold the plan's files ({told})"
            ));
        }
        authors.extend(commits::author_of(root, named));
        authors.extend(changers::last_authors(root, named, &files).ok_or_else(|| merge(named))?);
    }
    if here != named {
        let holds = commits::differences(root, here, &files).is_some_and(|found| found.is_empty());
        if holds {
            authors.extend(changers::last_authors(root, here, &files).ok_or_else(|| merge(here))?);
        } else if is_known && configuration::same(project, plan).is_ok() {
            // Whoever put them here may have put the plan's commit into the repository as well.
            return Err(
                "the commit that is checked out does not hold the plan's files, which stand here uncommitted"
                    .to_owned(),
            );
        } else if !is_known {
            return Err(format!(
                "this repository does not have commit {short}, which the plan names (in CI, fetch with the whole history)"
            ));
        }
    }
    authors.sort_unstable();
    authors.dedup();
    Ok(authors)
}
