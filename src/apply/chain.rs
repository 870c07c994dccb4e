//! The chain of a journal: every line carries the SHA-256 of the line before it, so that no line can be edited, taken out,
//! put in or moved without the next one telling.
//!
//! Pure: bytes in, lines out. Must not know what lines mean. Invariants: what is hashed are the bytes of a line as they
//! stand in the file, its line break included, so that `sha256sum` checks it; the first line names the plan, and every
//! other one begins with `{"previous":"…",`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::history::{FORMAT, Line};
use super::journal::JournalError;
use super::torn::TornHead;
use crate::plan::FormatAge;

/// What stands before the hash, and behind it.
const OPENING: &[u8] = b"{\"previous\":\"";
const CLOSING: &[u8] = b"\",";
/// Characters of a hash.
const HEX: usize = 64;

/// Where a journal ends. Kept outside it (every report ends with it), it proves that no line is missing at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JournalEnd {
    /// How many lines it has.
    pub lines: u64,
    /// Lower-case hex SHA-256 of its last line, line break included: what the next line would carry as `previous`.
    /// Empty when there is no line.
    pub head: String,
}

impl JournalEnd {
    /// The bytes of the next line, as they go to the file; from then on the journal ends with it. `json` is one object
    /// with members, without a line break.
    pub(super) fn append(&mut self, json: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(OPENING.len() + HEX + CLOSING.len() + json.len() + 1);
        if self.lines == 0 {
            bytes.extend_from_slice(json);
        } else {
            bytes.extend_from_slice(OPENING);
            bytes.extend_from_slice(self.head.as_bytes());
            bytes.extend_from_slice(CLOSING);
            bytes.extend_from_slice(json.get(1..).unwrap_or_default());
        }
        bytes.push(b'\n');
        self.pass(&bytes);
        bytes
    }

    fn pass(&mut self, raw: &[u8]) {
        self.lines += 1;
        self.head = hash(raw);
    }
}

fn hash(raw: &[u8]) -> String {
    hex::encode(Sha256::digest(raw))
}

/// The whole lines of a file, and whether half a one is left at the end.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|raw| raw.ends_with(b"\n"))
}

/// The hash of each whole line.
pub(super) fn heads(bytes: &[u8]) -> Vec<String> {
    whole_lines(bytes).map(hash).collect()
}

/// What walking over a journal gives besides its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Walked {
    /// Where it ends.
    pub(super) end: JournalEnd,
    /// Bytes of its whole lines.
    pub(super) valid_bytes: usize,
    /// True when half a line stands behind them.
    pub(super) torn: bool,
}

/// Hands over every whole line with its 1-based number, or what is wrong there; goes on for as long as `each` does not
/// fail. A line that can be read is handed over also when it does not follow the one before it.
pub(super) fn walk<E>(
    bytes: &[u8],
    mut each: impl FnMut(usize, Result<Line, JournalError>) -> Result<(), E>,
) -> Result<Walked, E> {
    let mut walked = Walked::default();
    let mut scratch = Vec::new();
    for (index, raw) in whole_lines(bytes).enumerate() {
        let number = index + 1;
        if index == 0 {
            each(number, first(raw))?;
        } else if let Some((previous, rest)) = parts(raw) {
            if previous != walked.end.head.as_bytes() {
                each(number, Err(misplaced(bytes, number, previous)))?;
            }
            scratch.clear();
            scratch.push(b'{');
            scratch.extend_from_slice(rest);
            each(number, parse(&scratch, number))?;
        } else {
            let message = "it does not begin with the hash of the line before it".to_owned();
            each(
                number,
                Err(JournalError::Damaged {
                    line: number,
                    message,
                }),
            )?;
        }
        walked.end.pass(raw);
        walked.valid_bytes += raw.len();
    }
    walked.torn = walked.valid_bytes < bytes.len();
    if walked.end.lines == 0 && TornHead::of(bytes).is_none() {
        each(1, Err(something_else()))?;
    }
    Ok(walked)
}

/// Not the beginning of a journal: somebody's file, and it must stay as it is.
fn something_else() -> JournalError {
    JournalError::NotAJournal {
        message: "the file exists and is something else".to_owned(),
    }
}

/// The first line. Its format is looked at before anything else, so that an unknown one is called unknown.
fn first(raw: &[u8]) -> Result<Line, JournalError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let foreign = |message: String| JournalError::NotAJournal { message };
    let head: Head = serde_json::from_slice(raw).map_err(|_| something_else())?;
    if head.format != FORMAT {
        let age = FormatAge::of(&head.format, FORMAT);
        return Err(foreign(format!(
            "its format is {:?}, {age}; this one reads {FORMAT:?}",
            head.format
        )));
    }
    serde_json::from_slice(raw).map_err(|error| foreign(error.to_string()))
}

/// The hash a line carries, and what follows it.
fn parts(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let (previous, rest) = raw.strip_prefix(OPENING)?.split_at_checked(HEX)?;
    Some((previous, rest.strip_prefix(CLOSING)?))
}

fn parse(json: &[u8], number: usize) -> Result<Line, JournalError> {
    serde_json::from_slice(json).map_err(|error| JournalError::Damaged {
        line: number,
        message: error.to_string(),
    })
}

/// Says what happened to the line before a line that does not follow it. Looks through the whole file, which happens
/// once per break of a file that is of no use any more.
fn misplaced(bytes: &[u8], number: usize, previous: &[u8]) -> JournalError {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (index, raw) in whole_lines(bytes).enumerate() {
        places.entry(hash(raw)).or_insert(index + 1);
    }
    let wanted = String::from_utf8_lossy(previous);
    let before = number - 1;
    let (line, message) = match places.get(&*wanted) {
        Some(place) if *place < before => (
            place + 1,
            format!(
                "line {number} was written after line {place}: what stands between them was put there"
            ),
        ),
        Some(place) => (
            number,
            format!("it was written after line {place}: lines were moved"),
        ),
        None => (
            before,
            format!(
                "line {number} was written after another line: line {before} was edited, or a line between the two was taken out"
            ),
        ),
    };
    JournalError::Damaged { line, message }
}

/// Everything that stands in a journal, its chain unbroken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Digest of the plan it belongs to.
    pub plan: String,
    /// The lines in their order, the header first: line `n` of the file is at `n - 1`.
    pub lines: Vec<Line>,
    /// Where it ends.
    pub end: JournalEnd,
    /// True when half a line stands at the end, which was never acknowledged: what it announced was not sent.
    pub torn: bool,
}

impl Recorded {
    /// Reads a whole journal.
    ///
    /// # Errors
    /// When it is no journal, a whole line cannot be read, or a line does not follow the one before it.
    pub fn read(bytes: &[u8]) -> Result<Self, JournalError> {
        let mut lines = Vec::new();
        let walked = walk(bytes, |_, line| {
            lines.push(line?);
            Ok::<(), JournalError>(())
        })?;
        let Some(Line::Header { plan, .. }) = lines.first() else {
            return Err(JournalError::NotAJournal {
                message: "it has no header".to_owned(),
            });
        };
        let mut rest = lines.iter().enumerate().skip(1);
        if let Some((index, _)) = rest.find(|(_, line)| matches!(line, Line::Header { .. })) {
            return Err(JournalError::Damaged {
                line: index + 1,
                message: super::history::ONE_HEADER.to_owned(),
            });
        }
        Ok(Self {
            plan: plan.clone(),
            end: walked.end,
            torn: walked.torn,
            lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{JournalEnd, Recorded};
    use crate::apply::{JOURNAL_FORMAT, JournalError, Line};

    fn journal(lines: u32) -> Vec<Vec<u8>> {
        let mut end = JournalEnd::default();
        let at = jiff::Timestamp::UNIX_EPOCH;
        (0..lines)
            .map(|number| {
                let line = if number == 0 {
                    Line::Header {
                        format: JOURNAL_FORMAT.to_owned(),
                        plan: "sha256:a".to_owned(),
                        tool_version: "1".to_owned(),
                        at,
                    }
                } else {
                    Line::Run {
                        at,
                        tool_version: number.to_string(),
                        torn: false,
                    }
                };
                end.append(&serde_json::to_vec(&line).expect("serialises"))
            })
            .collect()
    }

    fn damaged(lines: &[Vec<u8>]) -> (usize, String) {
        match Recorded::read(&lines.concat()) {
            Err(JournalError::Damaged { line, message }) => (line, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_written_reads_as_it_was() {
        let lines = journal(6);
        let read = Recorded::read(&lines.concat()).expect("reads");
        assert_eq!(read.plan, "sha256:a");
        assert_eq!(read.lines.len(), 6);
        assert_eq!(read.end.lines, 6);
        assert!(!read.torn);
        // A tail that was cut off at a line break is a journal; that it was longer shows in its end alone.
        let cut = Recorded::read(&lines[..5].concat()).expect("reads");
        assert_ne!(cut.end, read.end);
    }

    #[test]
    fn edited_lines_are_told_by_their_number() {
        for line in 0..5 {
            let mut lines = journal(6);
            let text = String::from_utf8(lines[line].clone()).expect("text");
            lines[line] = text.replace("1970-01-01", "1970-01-02").into_bytes();
            let (told, message) = damaged(&lines);
            assert_eq!(told, line + 1, "{message}");
            assert!(message.contains("was edited"), "{message}");
        }
    }

    #[test]
    fn lines_taken_out_put_in_and_moved_are_told() {
        for line in 1..5 {
            let mut lines = journal(6);
            lines.remove(line);
            let (told, message) = damaged(&lines);
            assert_eq!(told, line, "{message}");
            assert!(message.contains("taken out"), "{message}");

            let mut lines = journal(6);
            lines.swap(line, line + 1 - usize::from(line == 5));
            let (told, message) = damaged(&lines);
            assert_eq!(told, line + 1, "{message}");
            assert!(message.contains("moved"), "{message}");

            let mut lines = journal(6);
            let text = String::from_utf8(lines[line].clone()).expect("text");
            lines.insert(line, text.replace("1970-01-01", "1970-01-02").into_bytes());
            let (told, message) = damaged(&lines);
            assert_eq!(told, line + 1, "{message}");
            assert!(message.contains("put there"), "{message}");
        }
    }

    #[test]
    fn other_formats_are_named_with_their_age() {
        for (format, age) in [
            ("halosync/journal/v1", "an earlier version"),
            ("halosync/journal/v3", "a newer version"),
            ("something/else", "not one of halosync"),
        ] {
            let text = String::from_utf8(journal(2).concat()).expect("text");
            let error = Recorded::read(text.replace(JOURNAL_FORMAT, format).as_bytes())
                .expect_err("is refused");
            assert!(error.to_string().contains(age), "{error}");
        }
    }
}
