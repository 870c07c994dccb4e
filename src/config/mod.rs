//! Configuration: YAML text in, validated documents out, or every problem at once.
//!
//! The caller reads files from disk and hands their bytes over; nothing here touches a file system.

mod check;
pub mod codes;
mod date_format;
pub mod diagnostic;
mod duration;
mod effective;
mod expiry;
pub mod given;
pub(crate) mod group_names;
pub mod kinds;
mod load;
pub mod pattern;
pub mod schema;
mod secrets;
mod signers;
mod text;
mod yaml;

pub(crate) use check::callback_fault;
pub use check::{attribute_never_written, halo_always_lists};
pub use date_format::unusable_date_format;
pub use duration::{DurationError, LONGEST_DAYS, parse_days, parse_duration};
pub use effective::{Claim, Effective, effective};
pub use expiry::{Expiring, SOON, Standing};
pub use load::{IncludePattern, include_patterns, load, load_found};
pub use signers::{
    AllowedSigner, AllowedSigners, PLAN_NAMESPACE, PersonIndex, SignerPeople, SignersFault,
    fingerprint, is_usable as is_usable_key, matches_pattern as matches_signer_pattern,
};
pub use yaml::{MAX_FILE_BYTES, too_large};

/// Compiles the regular expression of a quality rule, with a limit on its size.
///
/// # Errors
/// Why it is none.
pub fn pattern(text: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build()
}

/// Version of the configuration language.
pub const API_VERSION: &str = "halosync/v1";

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Location, Name};

/// A configuration file as found: path relative to the project root (`/` separators) and its bytes.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Relative path.
    pub path: Arc<str>,
    /// Raw bytes.
    pub bytes: Vec<u8>,
}

/// Why a file that a document names could not be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataError {
    /// There is none.
    Missing,
    /// It has this many bytes, more than [`MAX_FILE_BYTES`].
    TooLarge(u64),
    /// It is there and cannot be read: why.
    Unreadable(String),
}

/// A digest of one input file, for a plan's provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Relative path.
    pub path: Arc<str>,
    /// `sha256:` and lower-case hex of the file's bytes.
    pub digest: String,
}

/// Positions of every node of one document, by JSON pointer (RFC 6901) from the document's root.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    /// The file.
    pub file: Arc<str>,
    /// Pointer to (key position, value position). The root is `""`.
    pub nodes: std::collections::HashMap<String, NodePosition>,
}

/// Where a node's key and value begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePosition {
    /// Line and column of the key; of the value where there is no key (list items, the root).
    pub key: (u32, u32),
    /// Line and column of the value.
    pub value: (u32, u32),
}

impl Positions {
    /// The place of the value at a pointer; of its nearest known ancestor when the pointer names nothing written.
    pub fn value(&self, pointer: &str) -> Location {
        self.locate(pointer, |node| node.value)
    }

    /// The place of the key at a pointer.
    pub fn key(&self, pointer: &str) -> Location {
        self.locate(pointer, |node| node.key)
    }

    fn locate(&self, pointer: &str, pick: impl Fn(&NodePosition) -> (u32, u32)) -> Location {
        let mut pointer = pointer;
        loop {
            if let Some(node) = self.nodes.get(pointer) {
                let (line, column) = pick(node);
                return Location {
                    file: self.file.clone(),
                    line,
                    column,
                };
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = &pointer[..cut],
                None => {
                    return Location {
                        file: self.file.clone(),
                        line: 1,
                        column: 1,
                    };
                }
            }
        }
    }
}

/// One validated document.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.description`.
    pub description: Option<String>,
    /// `spec`.
    pub spec: T,
    /// Where everything in it stands. Pointers begin at the document's root: `/spec/attributes/sn`.
    pub positions: Arc<Positions>,
}

/// A lookup table with its rows, wherever they came from.
#[derive(Debug, Clone)]
pub struct LoadedTable {
    /// The document.
    pub document: Document<kinds::Table>,
    /// Key to value. Keys are folded to lower case unless the table is case-sensitive.
    pub rows: BTreeMap<String, String>,
}

/// A whole validated configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The project.
    pub project: Document<kinds::Project>,
    /// `kind: Source`, by name.
    pub sources: BTreeMap<Name, Document<kinds::Source>>,
    /// `kind: ActiveDirectory`, by name.
    pub directories: BTreeMap<Name, Document<kinds::ActiveDirectory>>,
    /// `kind: Mapping`, by name.
    pub mappings: BTreeMap<Name, Document<kinds::Mapping>>,
    /// `kind: Template`, by name.
    pub templates: BTreeMap<Name, Document<kinds::Template>>,
    /// `kind: Table`, by name.
    pub tables: BTreeMap<Name, LoadedTable>,
    /// Files of allowed signers, by the path guards name them by.
    pub signers: BTreeMap<String, AllowedSigners>,
    /// `kind: Groups`, by name.
    pub groups: BTreeMap<Name, Document<kinds::Groups>>,
    /// `kind: Lifecycle`, by name.
    pub lifecycles: BTreeMap<Name, Document<kinds::Lifecycle>>,
    /// `kind: Guards`, by name.
    pub guards: BTreeMap<Name, Document<kinds::Guards>>,
    /// `kind: Waiver`, by name.
    pub waivers: BTreeMap<Name, Document<kinds::Waiver>>,
    /// `kind: Links`, by name.
    pub links: BTreeMap<Name, Document<kinds::Links>>,
    /// `kind: Exceptions`, by name.
    pub exceptions: BTreeMap<Name, Document<kinds::Exceptions>>,
    /// `kind: MappingTest`, by name.
    pub tests: BTreeMap<Name, Document<kinds::MappingTest>>,
    /// Digests of all files that belong, sorted by path.
    pub files: Vec<FileDigest>,
}

/// Outcome of loading: the configuration when nothing in it is an error, and everything there is to say about it.
#[derive(Debug)]
pub struct Loaded {
    /// Present exactly when no diagnostic is an error.
    pub config: Option<Config>,
    /// Sorted by file, line, column, code.
    pub diagnostics: Vec<diagnostic::Diagnostic>,
    /// What ends on a date; [`Loaded::dated`] judges it.
    pub expiring: Vec<Expiring>,
    /// The project's time zone, as written.
    zone: String,
    /// How many files belong, those that could not be read included.
    pub files: usize,
    /// Texts of the files that belong, by path, for showing lines of them: literal secrets are covered.
    pub sources: BTreeMap<Arc<str>, Arc<str>>,
}
