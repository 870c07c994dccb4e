//! Whether the configuration is the one a plan was made from.
//!
//! What was reviewed are files, not the name of a commit: a merge that left them as they were is no difference. A table
//! of names that are not given again grows with every apply, so of such a one the beginning counts.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::checks::{Refusal, some};
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::plan::{Action, Plan};

/// Files named; the rest is counted.
const NAMED: usize = 20;

/// Compares the project's files with those the plan names.
///
/// # Errors
/// Which files are otherwise.
pub(super) fn same(project: &Project, plan: &Plan) -> Result<String, Refusal> {
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
                    && begins_as(&project.root.join(path), digest) =>
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
    let dirty = |uncommitted: bool| {
        if uncommitted {
            " with uncommitted changes"
        } else {
            ""
        }
    };
    match (&plan.inputs.commit, &project.commit) {
        (Some(planned), Some(here)) if planned == here => {
            format!(
                " (commit {}{})",
                short(here),
                dirty(project.uncommitted && !plan.inputs.uncommitted)
            )
        }
        (Some(planned), Some(here)) => format!(
            " (planned at commit {}{}, this is {}{})",
            short(planned),
            dirty(plan.inputs.uncommitted),
            short(here),
            dirty(project.uncommitted)
        ),
        (Some(planned), None) => format!(
            " (planned at commit {}{})",
            short(planned),
            dirty(plan.inputs.uncommitted)
        ),
        (None, _) => String::new(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Files of tables that names of this plan go into.
fn tables_that_grow<'p>(project: &'p Project, plan: &Plan) -> Vec<&'p str> {
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

/// Whether a file's beginning, up to some line break, has a digest: rows were added behind it, and nothing else.
fn begins_as(path: &Path, digest: &str) -> bool {
    let Ok(bytes) = std::fs::read(path) else {
        return false;
    };
    let of = |hasher: &Sha256| format!("sha256:{}", hex::encode(hasher.clone().finalize()));
    let mut hasher = Sha256::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        // Where the last row had no line break, one was put behind it.
        hasher.update(text);
        if of(&hasher) == digest {
            return true;
        }
        hasher.update(b"\n");
        if of(&hasher) == digest {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::begins_as;

    #[test]
    fn only_rows_added_behind_are_no_difference() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("names.csv");
        let begins = |planned: &str, now: &str| {
            std::fs::write(&path, now).expect("writes");
            let digest = format!("sha256:{}", hex::encode(Sha256::digest(planned)));
            begins_as(&path, &digest)
        };
        assert!(begins("name,person\na,1\n", "name,person\na,1\nb,2\n"));
        assert!(begins("name,person\na,1", "name,person\na,1\nb,2\n"));
        assert!(begins(
            "name,person\r\na,1\r\n",
            "name,person\r\na,1\r\nb,2\n"
        ));
        assert!(!begins("name,person\na,1\n", "name,person\na,2\nb,2\n"));
        assert!(!begins("name,person\na,1\nb,2\n", "name,person\na,1\n"));
        assert!(!begins("name,person\na,1\n", "name,person\na,1"));
    }
}
