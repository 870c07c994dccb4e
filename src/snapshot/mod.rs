//! Recorded reads: people and directory objects as JSON Lines, a header and then one object per line.
//!
//! Knows the model and nothing else; the caller opens files. Writing the same snapshot gives the same bytes, and
//! the reader accepts nothing the writer would not have written: unknown members, fields out of order, a key twice
//! or an empty value are refused with the line they stand in, because a plan made from a recording must be the plan
//! that would have been made from the read.

mod digest;
mod directory;
mod lines;
mod people;

pub use digest::{directory_digest, people_digest};
pub use directory::{read_directory, write_directory};
pub use people::{read_people, write_people};

/// Value of `format` in the first line of recorded people.
pub const PEOPLE_FORMAT: &str = "halosync/people/v1";
/// Value of `format` in the first line of a recorded directory.
pub const DIRECTORY_FORMAT: &str = "halosync/directory/v1";

/// Why a recording cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SnapshotError {
    /// 1-based line of the recording.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}
