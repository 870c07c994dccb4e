//! Answers kept between runs, one file for each endpoint.
//!
//! Must not know what an answer means, nor when it may be used: it finds what was kept for exactly this request of
//! exactly this configuration, and says how old it is and under which validator it came. Invariants: nothing is taken
//! from a file that is not whole, not of this version, or of another configuration; each entry carries a digest of its
//! own content, so a changed one is noticed and left out; no header, token or other secret is ever written; the file
//! is readable by its owner alone, and replaced as a whole or not at all.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Version of the file.
const FORMAT: &str = "halosync/answers/v1";
/// Larger files are not taken in.
const LARGEST: u64 = 2 << 30;

/// Answers of one endpoint.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    header: Header,
    known: BTreeMap<String, Entry>,
    fresh: BTreeMap<String, Entry>,
}

/// First line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    format: String,
    /// Digest of everything the answers depend on besides the requests.
    configuration: String,
}

/// One answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Entry {
    /// Digest of the request.
    request: String,
    /// Digest of the record the request was made for, when it counts.
    record: Option<String>,
    /// Strong validator the answer came with.
    pub(super) etag: Option<String>,
    /// When the server last gave or confirmed it.
    pub(super) at: jiff::Timestamp,
    /// What came.
    pub(super) rows: Vec<Value>,
    /// Digest of everything above.
    digest: String,
}

impl Entry {
    pub(super) fn new(
        request: &str,
        record: Option<String>,
        etag: Option<String>,
        at: jiff::Timestamp,
        rows: Vec<Value>,
    ) -> Self {
        let mut entry = Self {
            request: digest(request.as_bytes()),
            record,
            etag,
            at,
            rows,
            digest: String::new(),
        };
        entry.digest = entry.own_digest();
        entry
    }

    /// The same, given or confirmed at another moment.
    pub(super) fn seen_at(mut self, at: jiff::Timestamp, record: Option<String>) -> Self {
        self.at = at;
        self.record = record;
        self.digest = self.own_digest();
        self
    }

    /// Whether the record the request was made for is the same to the byte.
    pub(super) fn is_of(&self, record: Option<&str>) -> bool {
        self.record.as_deref() == record
    }

    fn own_digest(&self) -> String {
        let content = (&self.request, &self.record, &self.etag, self.at, &self.rows);
        digest(&serde_json::to_vec(&content).unwrap_or_default())
    }
}

/// `sha256:` and hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Cache {
    /// Opens what was kept. `configuration` is a digest of everything an answer depends on besides its request. A
    /// file that cannot be used is said so and counts as empty.
    pub(super) fn open(directory: &Path, name: &str, configuration: String) -> Self {
        let path = directory.join(format!("{name}.answers.jsonl"));
        let header = Header {
            format: FORMAT.to_owned(),
            configuration,
        };
        let known = match load(&path, &header) {
            Ok(known) => known,
            Err(why) => {
                tracing::warn!(file = %path.display(), %why, "kept answers are not used");
                BTreeMap::new()
            }
        };
        Self {
            path,
            header,
            known,
            fresh: BTreeMap::new(),
        }
    }

    /// What was kept for a request.
    pub(super) fn find(&self, request: &str) -> Option<&Entry> {
        self.known.get(&digest(request.as_bytes()))
    }

    /// Keeps an answer for the next run.
    pub(super) fn keep(&mut self, entry: Entry) {
        self.fresh.insert(entry.request.clone(), entry);
    }

    /// Writes what was kept in this run. Not being able to is said and nothing worse: the next run asks again.
    pub(super) fn save(&self) {
        if let Err(error) = self.write() {
            tracing::warn!(file = %self.path.display(), %error, "answers could not be kept");
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        // Readable by the owner alone from the first byte, and never half of it under its name.
        let file = tempfile::NamedTempFile::new_in(directory)?;
        let mut out = std::io::BufWriter::new(file);
        serde_json::to_writer(&mut out, &self.header)?;
        out.write_all(b"\n")?;
        for entry in self.fresh.values() {
            serde_json::to_writer(&mut out, entry)?;
            out.write_all(b"\n")?;
        }
        let file = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// # Errors
/// Why nothing of the file is used.
fn load(path: &Path, header: &Header) -> Result<BTreeMap<String, Entry>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.to_string()),
    };
    if file.metadata().is_ok_and(|found| found.len() > LARGEST) {
        return Err("it is larger than 2 GiB".to_owned());
    }
    let mut lines = std::io::BufReader::new(file.take(LARGEST)).lines();
    let first = lines
        .next()
        .ok_or("it is empty")?
        .map_err(|error| error.to_string())?;
    let found: Header =
        serde_json::from_str(&first).map_err(|_| "it is no file of kept answers".to_owned())?;
    if found.format != header.format {
        return Err(format!("it is of the format {:?}", found.format));
    }
    if found.configuration != header.configuration {
        return Err("it was made with another configuration".to_owned());
    }
    let mut known = BTreeMap::new();
    let mut damaged = 0_u64;
    for line in lines {
        let line = line.map_err(|error| error.to_string())?;
        match serde_json::from_str::<Entry>(&line) {
            Ok(entry) if entry.digest == entry.own_digest() => {
                known.insert(entry.request.clone(), entry);
            }
            _ => damaged += 1,
        }
    }
    if damaged > 0 {
        tracing::warn!(file = %path.display(), damaged, "damaged entries among kept answers are left out");
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moment() -> jiff::Timestamp {
        "2026-11-23T08:00:00Z".parse().unwrap()
    }

    fn filled(directory: &Path, configuration: &str) {
        let mut cache = Cache::open(directory, "people.details", configuration.to_owned());
        for request in ["GET a", "GET b"] {
            cache.keep(Entry::new(
                request,
                Some("r".to_owned()),
                Some("\"1\"".to_owned()),
                moment(),
                vec![json!({"id": request})],
            ));
        }
        cache.save();
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path(), "c");
        let cache = Cache::open(directory.path(), "people.details", "c".to_owned());
        let entry = cache.find("GET a").unwrap();
        assert_eq!(entry.rows, [json!({"id": "GET a"})]);
        assert!(entry.is_of(Some("r")) && !entry.is_of(None) && !entry.is_of(Some("s")));
        assert!(cache.find("GET c").is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&cache.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn foreign_and_damaged_files_are_not_used() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path(), "c");
        let open = |configuration: &str| {
            Cache::open(directory.path(), "people.details", configuration.to_owned())
        };
        assert!(open("other").find("GET a").is_none());
        let path = directory.path().join("people.details.answers.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        // One value changed by hand: that entry is gone, the other stays.
        std::fs::write(&path, text.replace("\"id\":\"GET a\"", "\"id\":\"GET z\"")).unwrap();
        assert!(open("c").find("GET a").is_none());
        assert!(open("c").find("GET b").is_some());
        for text in [
            "",
            "{",
            "\u{0}\u{1}",
            "{\"format\":\"halosync/answers/v9\",\"configuration\":\"c\"}",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(open("c").known.is_empty(), "{text}");
        }
    }
}
