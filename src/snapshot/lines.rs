//! Splits a recording into its header and blocks of whole lines, and reads the blocks at the same time.
//!
//! Knows nothing of what a line holds. Keeps the order of lines and tells errors by their line in the file.

use rayon::prelude::*;
use serde::de::DeserializeSeed;

use super::SnapshotError;

/// Bytes of lines one task reads: small enough that two cores finish together, large enough to pay for a task.
const BLOCK: usize = 1 << 18;

/// The first line and everything after it.
pub(super) fn split_header(bytes: &[u8]) -> Result<(&str, &[u8]), SnapshotError> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| SnapshotError {
            line: 1,
            message: "the header line does not end; the recording is cut short".to_owned(),
        })?;
    let header = std::str::from_utf8(&bytes[..end]).map_err(|_| SnapshotError {
        line: 1,
        message: "the header is not UTF-8".to_owned(),
    })?;
    Ok((header, &bytes[end + 1..]))
}

/// Reads every line of `body` (the recording after its header) with `seed`.
pub(super) fn read_lines<T, S>(body: &[u8], seed: S) -> Result<Vec<T>, SnapshotError>
where
    T: Send,
    S: Copy + Send + Sync + for<'de> DeserializeSeed<'de, Value = T>,
{
    if !body.is_empty() && !body.ends_with(b"\n") {
        return Err(SnapshotError {
            line: 1 + count_lines(body) + 1,
            message: "the last line does not end; the recording is cut short".to_owned(),
        });
    }
    let blocks = blocks(body);
    let read: Vec<Result<Vec<T>, (usize, String)>> = blocks
        .par_iter()
        .map(|block| read_block(block, seed))
        .collect();
    let mut rows = Vec::with_capacity(
        read.iter()
            .map(|block| block.as_ref().map_or(0, Vec::len))
            .sum(),
    );
    let mut line = 2;
    for (outcome, block) in read.into_iter().zip(&blocks) {
        match outcome {
            Ok(some) => {
                line += some.len();
                rows.extend(some);
            }
            Err((within, message)) => {
                debug_assert!(within <= count_lines(block));
                return Err(SnapshotError {
                    line: line + within,
                    message,
                });
            }
        }
    }
    Ok(rows)
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Cuts `body` after line ends into pieces of about [`BLOCK`] bytes.
fn blocks(mut body: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::with_capacity(body.len() / BLOCK + 1);
    while !body.is_empty() {
        let from = BLOCK.min(body.len()) - 1;
        let end = body[from..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(body.len(), |at| from + at + 1);
        let (block, rest) = body.split_at(end);
        blocks.push(block);
        body = rest;
    }
    blocks
}

fn read_block<T, S>(block: &[u8], seed: S) -> Result<Vec<T>, (usize, String)>
where
    S: Copy + for<'de> DeserializeSeed<'de, Value = T>,
{
    let text = std::str::from_utf8(block).map_err(|error| {
        let line = count_lines(&block[..error.valid_up_to()]);
        (line, "the line is not UTF-8".to_owned())
    })?;
    let mut rows = Vec::with_capacity(block.len() / 256);
    for (number, line) in text.split_terminator('\n').enumerate() {
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let row = seed
            .deserialize(&mut deserializer)
            .and_then(|row| deserializer.end().map(|()| row))
            .map_err(|error| (number, describe(&error)))?;
        rows.push(row);
    }
    Ok(rows)
}

/// The reader's message without its own line, which is always the first of the piece it was given.
pub(super) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => format!("{message} (column {})", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, blocks};

    #[test]
    fn blocks_are_whole_lines_and_lose_nothing() {
        for (line, count) in [(10, 3), (BLOCK - 1, 3), (BLOCK, 2), (BLOCK + 1, 2), (1, 0)] {
            let mut body = Vec::new();
            for _ in 0..count {
                body.extend(std::iter::repeat_n(b'x', line - 1));
                body.push(b'\n');
            }
            let cut = blocks(&body);
            assert!(cut.iter().all(|block| block.ends_with(b"\n")));
            assert_eq!(cut.concat(), body);
        }
    }
}
