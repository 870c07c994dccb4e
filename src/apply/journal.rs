//! The journal: append-only JSON Lines, flushed to disk before and after each write (P6).
//!
//! Holds the before-image of what changes, never a secret (P4). Must not know how changes are executed.
//!
//! Invariants: a write is sent only after its `intent` line is on disk; a line is either whole (it ends in a line
//! break) or was never there; every line carries the hash of the one before it (see `chain`); a journal belongs to one
//! plan and to one running apply at a time.
//!
//! A thread of its own writes. Lines that arrive while one flush is under way share the next one; and while the server has
//! writes to answer, outcomes wait for those that are about to come, so that many writes in flight cost few flushes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::chain::JournalEnd;
use super::history::{FORMAT, History, Line};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It belongs to another plan; nothing was changed in it.
    #[error("the journal belongs to another plan ({found})")]
    OtherPlan {
        /// Digest of the plan it belongs to.
        found: String,
    },
    /// The file is not a journal this program knows.
    #[error("not a journal this version can read: {message}")]
    NotAJournal {
        /// What stands there instead.
        message: String,
    },
    /// A whole line cannot be read or does not follow the one before it: somebody edited the file or the disk is failing.
    #[error("journal line {line} is damaged: {message}")]
    Damaged {
        /// 1-based line.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// It is a folder, a device or a pipe; nothing was read from it or written to it.
    #[error("the journal {} is not a regular file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// Another apply is using it.
    #[error("another apply is using the journal {}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written. Nothing more may be written to any target.
    #[error("journal {}: {message}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        message: String,
        /// The cause.
        #[source]
        source: Option<std::io::Error>,
    },
}

/// Where a journal's lines go.
pub trait Medium: Send + 'static {
    /// Puts bytes at the end.
    ///
    /// # Errors
    /// When they cannot all be put there.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// Returns when everything appended so far would survive a power cut.
    ///
    /// # Errors
    /// When that cannot be had.
    fn sync(&mut self) -> std::io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }
}

/// A device or a pipe may never come to an end, and only opening one can have effects.
fn regular(path: &Path, found: &std::fs::Metadata) -> Result<(), JournalError> {
    if found.is_file() {
        return Ok(());
    }
    Err(JournalError::NotAFile {
        path: path.to_owned(),
    })
}

/// A link to a file that does not exist: writing would make one in a place nobody named.
fn leads_nowhere(path: &Path) -> Result<(), JournalError> {
    match std::fs::symlink_metadata(path) {
        Ok(link) if link.is_symlink() => Err(JournalError::NotAFile {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The bytes of a journal, for whoever only reads it; `None` where there is none. Does not wait for an apply that is using
/// it.
///
/// # Errors
/// When it is not a regular file, or cannot be read.
pub fn read_journal(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    let failed = |source: std::io::Error| JournalError::Io {
        path: path.to_owned(),
        message: "cannot be read".to_owned(),
        source: Some(source),
    };
    match std::fs::metadata(path) {
        Ok(found) => regular(path, &found)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            leads_nowhere(path)?;
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    }
    std::fs::read(path).map(Some).map_err(failed)
}

/// With so many writes announced and not answered the server has something to do for as long as [`INTENTS_GATHER`].
const BUSY: usize = 16;

/// How long announcements wait for company while the server is busy.
const INTENTS_GATHER: Duration = Duration::from_millis(6);

/// How long outcomes wait for company while others are to come. What is lost with them is nothing: a write without an outcome
/// is settled by looking. Every flush costs the disk, and whoever else writes to it.
const OUTCOMES_GATHER: Duration = Duration::from_millis(40);

/// What a line is to the writes under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bearing {
    /// A write waits for it.
    Announces,
    /// A write was answered.
    Ends,
    /// None of them.
    Nothing,
}

impl Bearing {
    fn of(line: &Line) -> Self {
        match line {
            Line::Intent { .. } => Self::Announces,
            Line::Outcome { .. } => Self::Ends,
            _ => Self::Nothing,
        }
    }
}

struct Entry {
    /// The line, not yet linked to the one before it: which that is decides the order of writing.
    json: Vec<u8>,
    bearing: Bearing,
    flushed: oneshot::Sender<Result<(), String>>,
}

/// An open journal of one plan.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    plan: String,
    history: History,
    entries: Option<mpsc::Sender<Entry>>,
    writer: Option<std::thread::JoinHandle<()>>,
    broken: Mutex<Option<String>>,
    /// Where it ends on disk.
    end: Arc<Mutex<JournalEnd>>,
}

impl Journal {
    /// Opens the journal of a plan, begins one where there is none, and announces this apply in it. Half a line at
    /// the end is removed.
    ///
    /// # Errors
    /// See [`JournalError`]; the file is unchanged then.
    pub fn open(
        path: &Path,
        plan_digest: &str,
        tool_version: &str,
        now: jiff::Timestamp,
    ) -> Result<Self, JournalError> {
        let failed = |source: std::io::Error| JournalError::Io {
            path: path.to_owned(),
            message: "cannot be opened".to_owned(),
            source: Some(source),
        };
        let regular = |found: &std::fs::Metadata| regular(path, found);
        let exists = match std::fs::metadata(path) {
            Ok(found) => {
                regular(&found)?;
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                leads_nowhere(path)?;
                false
            }
            Err(error) => return Err(failed(error)),
        };
        let mut options = File::options();
        // What has come since the look is not followed.
        options.read(true).write(true).create_new(!exists);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        regular(&file.metadata().map_err(failed)?)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let history = History::read(&bytes, plan_digest)?;
        let end = history.valid_bytes() as u64;
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        // The name of a new file is durable only when its folder is.
        #[cfg(unix)]
        if bytes.is_empty() {
            let folder = match path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
        }
        Self::start(path, plan_digest, history, file, tool_version, now)
    }

    /// Goes on with a journal on any medium, which stands at [`History::valid_bytes`].
    ///
    /// # Errors
    /// When the first lines cannot be written.
    pub fn start(
        path: &Path,
        plan_digest: &str,
        history: History,
        medium: impl Medium,
        tool_version: &str,
        now: jiff::Timestamp,
    ) -> Result<Self, JournalError> {
        let (entries, received) = mpsc::channel();
        let end = Arc::new(Mutex::new(history.end().clone()));
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn({
                let end = Arc::clone(&end);
                move || write_entries(medium, &received, &end)
            })
            .map_err(|source| JournalError::Io {
                path: path.to_owned(),
                message: "its writer cannot be started".to_owned(),
                source: Some(source),
            })?;
        let journal = Self {
            path: path.to_owned(),
            plan: plan_digest.to_owned(),
            history,
            entries: Some(entries),
            writer: Some(writer),
            broken: Mutex::new(None),
            end,
        };
        let mut first = Vec::new();
        if !journal.history.has_header {
            first.push(Line::Header {
                format: FORMAT.to_owned(),
                plan: plan_digest.to_owned(),
                tool_version: tool_version.to_owned(),
                at: now,
            });
        }
        first.push(Line::Run {
            at: now,
            tool_version: tool_version.to_owned(),
            torn: journal.history.torn,
        });
        // Waited for with the next line: nothing is sent before an intent is flushed.
        for line in &first {
            drop(journal.hand_over(line)?);
        }
        Ok(journal)
    }

    /// What earlier applies left.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Digest of the plan it belongs to.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// Where it ends: every line of which was acknowledged counts.
    pub fn end(&self) -> JournalEnd {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Appends a line and returns when it is on disk.
    ///
    /// # Errors
    /// When it cannot be written; from then on every further append fails too.
    pub async fn append(&self, line: &Line) -> Result<(), JournalError> {
        let flushed = self.hand_over(line)?;
        match flushed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => Err(self.fail(message)),
            Err(_) => Err(self.fail("its writer is gone".to_owned())),
        }
    }

    fn hand_over(
        &self,
        line: &Line,
    ) -> Result<oneshot::Receiver<Result<(), String>>, JournalError> {
        let broken = self
            .broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(message) = broken {
            return Err(self.fail(message));
        }
        let json = serde_json::to_vec(line).map_err(|error| self.fail(error.to_string()))?;
        let (flushed, receiver) = oneshot::channel();
        let entry = Entry {
            json,
            bearing: Bearing::of(line),
            flushed,
        };
        match self.entries.as_ref().map(|entries| entries.send(entry)) {
            Some(Ok(())) => Ok(receiver),
            _ => Err(self.fail("its writer is gone".to_owned())),
        }
    }

    fn fail(&self, message: String) -> JournalError {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
        JournalError::Io {
            path: self.path.clone(),
            message,
            source: None,
        }
    }
}

impl Drop for Journal {
    /// Everything handed over is written before the file is released.
    fn drop(&mut self) {
        self.entries = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already reported to everyone who waited for it.
            let _ = writer.join();
        }
    }
}

/// The lines of one flush. `under_way` counts the writes that were announced and not answered; it is a guess where lines
/// were left out, and decides only how long company is waited for.
fn gather(first: Entry, received: &mpsc::Receiver<Entry>, under_way: &mut usize) -> Vec<Entry> {
    let begun = Instant::now();
    let busy = *under_way >= BUSY;
    let mut patience = OUTCOMES_GATHER;
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(entry) = next {
        match entry.bearing {
            Bearing::Announces => {
                *under_way += 1;
                patience = patience.min(if busy { INTENTS_GATHER } else { Duration::ZERO });
            }
            Bearing::Ends => *under_way = under_way.saturating_sub(1),
            Bearing::Nothing => patience = Duration::ZERO,
        }
        batch.push(entry);
        if *under_way == 0 {
            patience = Duration::ZERO;
        }
        let left = patience.saturating_sub(begun.elapsed());
        next = received
            .try_recv()
            .ok()
            .or_else(|| received.recv_timeout(left).ok());
    }
    batch
}

fn write_entries(
    mut medium: impl Medium,
    received: &mpsc::Receiver<Entry>,
    shared: &Mutex<JournalEnd>,
) {
    let mut broken: Option<String> = None;
    let mut end = shared
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let mut under_way = 0;
    while let Ok(first) = received.recv() {
        let batch = gather(first, received, &mut under_way);
        if broken.is_none() {
            let written = batch
                .iter()
                .try_for_each(|entry| medium.append(&end.append(&entry.json)))
                .and_then(|()| medium.sync());
            match written {
                Ok(()) => shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone_from(&end),
                Err(error) => broken = Some(error.to_string()),
            }
        }
        for entry in batch {
            let result = broken.clone().map_or(Ok(()), Err);
            // Whoever asked may have stopped waiting.
            let _ = entry.flushed.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FORMAT, History, Journal, JournalError, Line};
    use crate::apply::{Step, StepResult, StepState};
    use crate::plan::ChangeId;

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).expect("in range")
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
    }

    fn outcome(change: &str, result: StepResult) -> Line {
        Line::Outcome {
            change: ChangeId(change.into()),
            step: Step::Write,
            at: at(2),
            result,
            created: None,
            stamp: None,
            message: None,
        }
    }

    fn intent(change: &str) -> Line {
        Line::Intent {
            change: ChangeId(change.into()),
            step: Step::Write,
            at: at(1),
            object: None,
            dn: None,
            before: Default::default(),
        }
    }

    #[test]
    fn p6_a_journal_cut_at_any_byte_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j.jsonl");
        let journal = Journal::open(&path, "sha256:a", "1", at(0)).expect("opens");
        runtime().block_on(async {
            journal.append(&intent("one")).await.expect("appended");
            journal
                .append(&outcome("one", StepResult::Done))
                .await
                .expect("appended");
            journal.append(&intent("two")).await.expect("appended");
        });
        drop(journal);
        let whole = std::fs::read(&path).expect("reads");
        let state =
            |history: &History, change: &str| history.step(&ChangeId(change.into()), Step::Write);
        let full = History::read(&whole, "sha256:a").expect("reads");
        assert_eq!(state(&full, "one"), Some(StepState::Done));
        assert_eq!(state(&full, "two"), Some(StepState::Open));
        assert_eq!(full.runs(), 1);

        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("writes");
            let journal = Journal::open(&path, "sha256:a", "1", at(3)).expect("opens");
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(
                state(journal.history(), "one"),
                [
                    None,
                    None,
                    None,
                    Some(StepState::Open),
                    Some(StepState::Done)
                ][lines],
                "cut at {cut}"
            );
            drop(journal);
            // What was appended after the cut reads as a whole again, and says that a line was torn.
            let bytes = std::fs::read(&path).expect("reads");
            let text = String::from_utf8(bytes.clone()).expect("text");
            History::read(&bytes, "sha256:a").expect("still a journal");
            let torn = cut > 0 && whole[cut - 1] != b'\n';
            assert_eq!(text.contains("\"torn\":true"), torn, "cut at {cut}");
        }
    }

    #[test]
    fn journals_of_other_plans_and_other_files_are_refused_unchanged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j.jsonl");
        drop(Journal::open(&path, "sha256:a", "1", at(0)).expect("opens"));
        let before = std::fs::read(&path).expect("reads");
        assert!(matches!(
            Journal::open(&path, "sha256:b", "1", at(0)),
            Err(JournalError::OtherPlan { found }) if found == "sha256:a"
        ));
        assert_eq!(std::fs::read(&path).expect("reads"), before);

        std::fs::write(&path, "name,phone\nJane,1\n").expect("writes");
        assert!(matches!(
            Journal::open(&path, "sha256:a", "1", at(0)),
            Err(JournalError::NotAJournal { .. })
        ));

        let mut damaged = before.clone();
        damaged.extend_from_slice(b"{\"line\":\"intent\"\n");
        std::fs::write(&path, &damaged).expect("writes");
        assert!(matches!(
            Journal::open(&path, "sha256:a", "1", at(0)),
            Err(JournalError::Damaged { line: 3, .. })
        ));

        let newer = String::from_utf8(before)
            .expect("text")
            .replace(FORMAT, "halosync/journal/v9");
        std::fs::write(&path, newer).expect("writes");
        assert!(matches!(
            Journal::open(&path, "sha256:a", "1", at(0)),
            Err(JournalError::NotAJournal { .. })
        ));
    }

    #[test]
    fn lines_that_are_there_share_a_flush_and_writes_under_way_are_counted() {
        let (sender, received) = std::sync::mpsc::channel();
        let entry = |bearing| super::Entry {
            json: Vec::new(),
            bearing,
            flushed: tokio::sync::oneshot::channel().0,
        };
        let mut under_way = 0;
        let mut flush = |lines: &[Bearing]| {
            for line in &lines[1..] {
                sender.send(entry(*line)).expect("received");
            }
            let batch = super::gather(entry(lines[0]), &received, &mut under_way);
            (batch.len(), under_way)
        };
        use super::Bearing::{self, Announces, Ends, Nothing};
        assert_eq!(flush(&[Nothing, Announces, Announces]), (3, 2));
        assert_eq!(flush(&[Ends, Announces, Ends]), (3, 1));
        // More outcomes than intents, as when an interrupted apply is settled.
        assert_eq!(flush(&[Ends, Ends, Ends]), (3, 0));
        assert_eq!(flush(&[Announces]), (1, 1));
    }

    #[test]
    fn one_apply_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j.jsonl");
        let first = Journal::open(&path, "sha256:a", "1", at(0)).expect("opens");
        assert!(matches!(
            Journal::open(&path, "sha256:a", "1", at(0)),
            Err(JournalError::Locked { .. })
        ));
        drop(first);
        let again = Journal::open(&path, "sha256:a", "1", at(0)).expect("opens");
        assert_eq!(again.history().runs(), 1);
    }

    #[test]
    fn a_medium_that_fails_once_is_not_trusted_again() {
        struct Failing(u32);
        impl super::Medium for Failing {
            fn append(&mut self, _: &[u8]) -> std::io::Result<()> {
                self.0 += 1;
                if self.0 == 4 {
                    return Err(std::io::Error::other("disk full"));
                }
                Ok(())
            }
            fn sync(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let journal = Journal::start(
            std::path::Path::new("j"),
            "sha256:a",
            History::default(),
            Failing(0),
            "1",
            at(0),
        )
        .expect("starts");
        runtime().block_on(async {
            journal.append(&intent("one")).await.expect("appended");
            for change in ["two", "three"] {
                let error = journal.append(&intent(change)).await.expect_err("fails");
                assert!(error.to_string().contains("disk full"), "{error}");
            }
        });
    }
}
