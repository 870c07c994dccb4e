//! Signatures beside a plan: found, judged by the project's allowed signers, and shown.

use std::path::{Path, PathBuf};

use super::authorship;
use super::context::Context;
use super::failure::Failure;
use super::project::Project;
use crate::approval::{self, Approval, Authorship, Found, Requirement};
use crate::config::{AllowedSigners, SignerPeople};
use crate::plan::{self, Floors, PlanFile};

/// More files than this are not looked at.
const MOST: usize = 64;

/// A signature is some hundred bytes.
const LARGEST: u64 = 16 * 1024;

/// What signatures say of a plan.
pub(crate) struct Approvals {
    /// Each signature.
    pub(crate) signatures: Vec<Approval>,
    /// Each requirement.
    pub(crate) requirements: Vec<Requirement>,
}

impl Approvals {
    /// Whether nothing is missing.
    pub(crate) fn are_enough(&self) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.missing() == 0)
    }
}

/// Judges the signatures beside a plan.
///
/// Several guards may name several files of signers; a signature counts for those whose file has its key.
pub(crate) fn judge(
    context: &Context,
    project: &Project,
    beside: &Path,
    file: &PlanFile,
) -> Result<Approvals, Failure> {
    let files = signatures(beside)?;
    let now = context.now();
    let asked = plan::approvals_with(&file.content, &project.config);
    let floors = Floors::of(&project.config, &file.content);
    let mut paths: Vec<&str> = asked.iter().map(|asked| asked.signers.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let nobody = AllowedSigners::default();
    let people = SignerPeople::of(project.config.signers.values());
    // Without anybody who is asked, git need not be.
    let authorship = match paths.is_empty() {
        true => Authorship::By(Vec::new()),
        false => authorship::of(project, &file.content),
    };
    let mut signatures: Vec<Approval> = Vec::new();
    let mut requirements = Vec::new();
    for path in &paths {
        let signers = project.config.signers.get(*path).unwrap_or(&nobody);
        let read = approval::read(&files, &file.digest, signers, now);
        requirements.extend(approval::judge(
            &file.content,
            &asked,
            &floors,
            path,
            &people,
            &authorship,
            &read,
        ));
        merge(&mut signatures, read);
    }
    if paths.is_empty() {
        let everybody = project.config.signers.values();
        let signers = AllowedSigners {
            signers: everybody.flat_map(|file| file.signers.clone()).collect(),
        };
        signatures = approval::read(&files, &file.digest, &signers, now);
    }
    Ok(Approvals {
        signatures,
        requirements,
    })
}

/// Of each file the better verdict.
fn merge(known: &mut Vec<Approval>, read: Vec<Approval>) {
    for approval in read {
        match known.iter_mut().find(|one| one.file == approval.file) {
            Some(one) if one.verdict.is_err() => *one = approval,
            Some(_) => {}
            None => known.push(approval),
        }
    }
}

/// Whether any signature stands beside a plan.
pub(crate) fn any(plan: &Path) -> bool {
    signatures(plan).is_ok_and(|found| !found.is_empty())
}

/// Whether a file of this name counts for a plan of that name when it stands beside it.
pub(crate) fn is_named_like(plan: &str, file: &str) -> bool {
    let middle = file
        .strip_prefix(plan)
        .and_then(|rest| rest.strip_suffix(".sig"));
    middle.is_some_and(|middle| middle.is_empty() || middle.starts_with('.'))
}

/// The files beside a plan that are named like it and end in `.sig`, by name.
fn signatures(plan: &Path) -> Result<Vec<Found>, Failure> {
    let failed = |error: std::io::Error| Failure::file("look into the folder of", plan, &error);
    let Some(name) = plan.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder(plan)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        if is_named_like(name, &file) {
            found.push((file, entry.path()));
        }
    }
    found.sort();
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    let mut files: Vec<Found> = found
        .into_iter()
        .map(|(file, path)| Found {
            file,
            bytes: bytes(&path),
        })
        .collect();
    if more > 0 {
        files.push(Found {
            file: format!("{more} more"),
            bytes: Err(format!(
                "at most {MOST} files are looked at, the first by name: remove those that are no signatures"
            )),
        });
    }
    Ok(files)
}

/// What a file holds, or in words of ours what it is instead. Nothing else than a file is opened: opening a pipe waits
/// for somebody to write.
fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let facts = std::fs::metadata(path).map_err(|error| {
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink());
        match error.kind() {
            std::io::ErrorKind::NotFound if is_link => {
                "it is a link that leads to nothing".to_owned()
            }
            _ => format!("it cannot be read: {error}"),
        }
    })?;
    if facts.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if !facts.is_file() {
        return Err("it is no file: a pipe, a socket or a device".to_owned());
    }
    if facts.len() > LARGEST {
        return Err(format!(
            "it is larger ({} bytes) than any signature",
            facts.len()
        ));
    }
    std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))
}

/// The folder a file stands in.
pub(crate) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
