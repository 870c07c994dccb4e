//! Plan files: sealing, writing and reading them.
//!
//! A file that was not written by this code from the plan in it is refused: the digest is recomputed from the
//! content, and the content written again must give the same bytes.

use rayon::prelude::*;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::lint::{Inconsistency, lint};
use super::{Change, FORMAT, Held, Plan, PlanFile};

/// Largest plan file that is read, in bytes. A million people with ten changes each stay below it.
pub const SIZE_LIMIT: usize = 8 << 30;

/// Why a plan file is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanReadError {
    /// Not JSON, or not a plan.
    #[error("line {line}, column {column}: {message}")]
    Malformed {
        /// 1-based line.
        line: usize,
        /// 1-based column.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// Another format than this program's.
    #[error(
        "the format is {found:?}, {}; this one reads {FORMAT:?}",
        FormatAge::of(found, FORMAT)
    )]
    UnknownFormat {
        /// What the file says.
        found: String,
    },
    /// The content is not what the digest was made of.
    #[error("the content has digest {computed}, the file says {stated}")]
    DigestMismatch {
        /// In the file.
        stated: String,
        /// Of the content.
        computed: String,
    },
    /// The content is right but written another way: somebody or something edited the file.
    #[error("the file was edited: written again it differs from byte {at}")]
    Altered {
        /// 0-based byte of the first difference.
        at: usize,
    },
    /// The plan contradicts itself.
    #[error("the plan contradicts itself: {0}")]
    Inconsistent(#[source] Inconsistency),
    /// Too large to be a plan.
    #[error("{size} bytes are more than a plan can have ({SIZE_LIMIT})")]
    TooLarge {
        /// Its size.
        size: usize,
    },
}

/// How a format version stands to the one this program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatAge {
    /// A later version of the same format.
    Newer,
    /// An earlier version of the same format.
    Older,
    /// Another format altogether.
    Foreign,
}

impl FormatAge {
    /// Compares two of the kind `halosync/plan/v1`.
    pub fn of(found: &str, ours: &str) -> Self {
        let split = |format: &str| {
            let (name, version) = format.rsplit_once("/v")?;
            Some((name.to_owned(), version.parse::<u32>().ok()?))
        };
        match (split(found), split(ours)) {
            (Some((found, version)), Some((ours, own))) if found == ours && version > own => {
                Self::Newer
            }
            (Some((found, version)), Some((ours, own))) if found == ours && version < own => {
                Self::Older
            }
            _ => Self::Foreign,
        }
    }
}

impl std::fmt::Display for FormatAge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Newer => "that of a newer version of halosync",
            Self::Older => "that of an earlier version of halosync",
            Self::Foreign => "not one of halosync",
        })
    }
}

/// The digest that binds a plan: `sha256:` and the lower-case hex SHA-256 of its canonical JSON (RFC 8785).
pub fn digest(plan: &Plan) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    let (frame, lists) = split(plan);
    // A plan is texts, flags, lists and small whole numbers: all of it has a canonical form, and memory takes every
    // byte.
    let frame = serde_json_canonicalizer::to_vec(&frame).unwrap_or_default();
    let changes = parts(lists.0, canonical);
    let held = parts(lists.1, canonical);
    let mut rest = frame.as_slice();
    for (name, list) in [("changes", &changes), ("held", &held)] {
        let hole = format!("\"{name}\":[]");
        let at = find(rest, hole.as_bytes()) + hole.len() - 1;
        hasher.update(&rest[..at]);
        for (number, part) in list.iter().enumerate() {
            if number > 0 {
                hasher.update(b",");
            }
            hasher.update(part);
        }
        rest = &rest[at..];
    }
    hasher.update(rest);
    format!("sha256:{}", hex::encode(hasher.finalize()))
}

/// The plan without its two long lists, and these: all else is small, and the lists are written by all cores.
pub(super) fn split(plan: &Plan) -> (Plan, (&[Change], &[Held])) {
    let frame = Plan {
        tool_version: plan.tool_version.clone(),
        project: plan.project.clone(),
        as_of: plan.as_of,
        not_after: plan.not_after,
        inputs: plan.inputs.clone(),
        targets: plan.targets.clone(),
        password_recipients: plan.password_recipients.clone(),
        counts: plan.counts,
        people_of_targets: plan.people_of_targets.clone(),
        removals_held: plan.removals_held,
        narrowed: plan.narrowed.clone(),
        base: plan.base.clone(),
        since: plan.since.clone(),
        rules: plan.rules.clone(),
        guards: plan.guards.clone(),
        waivers: plan.waivers.clone(),
        approvals: plan.approvals.clone(),
        changes: Vec::new(),
        held: Vec::new(),
        exceptions: plan.exceptions.clone(),
        warnings: plan.warnings.clone(),
        calendar: plan.calendar.clone(),
    };
    (frame, (&plan.changes, &plan.held))
}

fn canonical<T: serde::Serialize>(item: &T, out: &mut Vec<u8>) {
    let _ = serde_json_canonicalizer::to_writer(item, out);
}

/// Items written one after the other, separated by commas, in pieces.
fn parts<T: Sync>(items: &[T], write: impl Fn(&T, &mut Vec<u8>) + Sync) -> Vec<Vec<u8>> {
    items
        .par_chunks(64)
        .map(|chunk| {
            let mut part = Vec::new();
            for (number, item) in chunk.iter().enumerate() {
                if number > 0 {
                    part.push(b',');
                }
                write(item, &mut part);
            }
            part
        })
        .collect()
}

/// Where the empty list of this name stands outside every text: a text cannot hold a bare quotation mark.
fn find(bytes: &[u8], hole: &[u8]) -> usize {
    bytes
        .windows(hole.len())
        .position(|window| window == hole)
        .unwrap_or_default()
}

/// Binds a plan with its digest.
pub fn seal(plan: Plan) -> PlanFile {
    PlanFile {
        format: FORMAT.to_owned(),
        digest: digest(&plan),
        content: plan,
    }
}

/// The file's bytes: JSON indented by two spaces, members in their declared order, a line break at the end.
pub fn to_bytes(file: &PlanFile) -> Vec<u8> {
    let (frame, lists) = split(&file.content);
    let frame = PlanFile {
        format: file.format.clone(),
        digest: file.digest.clone(),
        content: frame,
    };
    // Maps in a plan have text keys and writing to memory does not fail.
    let frame = serde_json::to_vec_pretty(&frame).unwrap_or_default();
    let changes = parts(lists.0, indented);
    let held = parts(lists.1, indented);
    let size: usize = changes.iter().chain(&held).map(Vec::len).sum();
    let mut bytes = Vec::with_capacity(frame.len() + size + 64);
    let mut rest = frame.as_slice();
    for (name, list) in [("changes", &changes), ("held", &held)] {
        let hole = format!("\n    \"{name}\": []");
        let at = find(rest, hole.as_bytes()) + hole.len() - 1;
        bytes.extend_from_slice(&rest[..at]);
        for (number, part) in list.iter().enumerate() {
            if number > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(part);
        }
        if !list.is_empty() {
            bytes.extend_from_slice(b"\n    ");
        }
        rest = &rest[at..];
    }
    bytes.extend_from_slice(rest);
    bytes.push(b'\n');
    bytes
}

/// An item of a list in `content`, on lines of its own: inside file, content and list.
fn indented<T: serde::Serialize>(item: &T, out: &mut Vec<u8>) {
    let mut layout = PrettyFormatter::new();
    for _ in 0..3 {
        let _ = layout.begin_array(&mut std::io::sink());
    }
    out.extend_from_slice(b"\n      ");
    let _ = item.serialize(&mut serde_json::Serializer::with_formatter(out, layout));
}

/// The parser's words without the place, which is told before them.
fn without_place(mut message: String) -> String {
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    message
}

/// Reads a plan file.
///
/// # Errors
/// Why it is refused; see [`PlanReadError`].
pub fn read(bytes: &[u8]) -> Result<PlanFile, PlanReadError> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: String,
    }
    if bytes.len() > SIZE_LIMIT {
        return Err(PlanReadError::TooLarge { size: bytes.len() });
    }
    let malformed = |error: &serde_json::Error| PlanReadError::Malformed {
        line: error.line(),
        column: error.column(),
        message: without_place(error.to_string()),
    };
    // The format first, so that a newer file is called newer and not broken.
    let head: Head = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    if head.format != FORMAT {
        return Err(PlanReadError::UnknownFormat { found: head.format });
    }
    let file: PlanFile = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    let computed = digest(&file.content);
    if computed != file.digest {
        return Err(PlanReadError::DigestMismatch {
            stated: file.digest,
            computed,
        });
    }
    let again = to_bytes(&file);
    if again != bytes {
        let at = again
            .iter()
            .zip(bytes)
            .position(|(one, other)| one != other)
            .unwrap_or_else(|| again.len().min(bytes.len()));
        return Err(PlanReadError::Altered { at });
    }
    lint(&file.content).map_err(PlanReadError::Inconsistent)?;
    Ok(file)
}
