//! Plan files: sealing, writing and reading them.
//!
//! A file that was not written by this code from the plan in it is refused: the digest is recomputed from the
//! content, and the content written again must give the same bytes.

use super::lint::{Inconsistency, lint};
use super::{FORMAT, Plan, PlanFile};

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
    #[error("the format is {found:?}, this program reads {FORMAT:?}")]
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

/// The digest that binds a plan: `sha256:` and the lower-case hex SHA-256 of its canonical JSON (RFC 8785).
pub fn digest(plan: &Plan) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    // A plan is texts, flags, lists and small whole numbers: all of it has a canonical form, and a hasher takes
    // every byte.
    let _ = serde_json_canonicalizer::to_writer(plan, &mut HashWriter(&mut hasher));
    format!("sha256:{}", hex::encode(hasher.finalize()))
}

struct HashWriter<'a>(&'a mut sha2::Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        use sha2::Digest as _;
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
    // Maps in a plan have text keys and writing to memory does not fail.
    let mut bytes = serde_json::to_vec_pretty(file).unwrap_or_default();
    bytes.push(b'\n');
    bytes
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
        message: error.to_string(),
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
