//! The list of names that are not given again: a CSV file that `apply` adds rows to.
//!
//! Must not know plans. Keeps: rows there are never changed; the file is replaced whole or not at all; a name is added
//! once, however often the same plan is applied; what another `apply` on this machine adds meanwhile is not lost.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

use super::exit::Exit;
use super::failure::Failure;
use super::project::Project;
use crate::apply::NameGiven;
use crate::model::Name;

/// Columns of a file that is yet to be made.
const COLUMNS: (&str, &str) = ("name", "person");

/// The file and what belongs into it.
pub(super) struct NamesFile {
    path: PathBuf,
    /// Headers of the columns of names and of keys of people.
    columns: (String, String),
    /// The tables whose rows it holds; without one, names of every table are added.
    tables: Vec<Name>,
}

/// What was added.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) added: usize,
    /// Names listed for somebody else.
    pub(super) of_others: Vec<String>,
}

/// The file as it is.
struct Content {
    bytes: Vec<u8>,
    headers: csv::StringRecord,
    name: usize,
    person: usize,
    /// Folded name to key.
    rows: HashMap<String, String>,
}

impl NamesFile {
    /// Looks at the file, so that a mistake is told before anything is written anywhere.
    ///
    /// # Errors
    /// The file cannot be read, or is no CSV file with the two columns.
    pub(super) fn open(path: &Path, project: &Project) -> Result<Self, Failure> {
        let mut found = Self {
            path: path.to_owned(),
            columns: (COLUMNS.0.to_owned(), COLUMNS.1.to_owned()),
            tables: Vec::new(),
        };
        let same = |other: &Path| match (path.canonicalize(), other.canonicalize()) {
            (Ok(one), Ok(two)) => one == two,
            _ => false,
        };
        for (name, table) in &project.config.tables {
            if let Some(csv) = &table.document.spec.csv
                && same(&project.root.join(&csv.file))
            {
                found.columns = (csv.key.clone(), csv.value.clone());
                found.tables.push(name.clone());
            }
        }
        found.read()?;
        Ok(found)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn unusable(&self, why: &str) -> Failure {
        Failure::new(Exit::Usage, format!("{}: {why}", self.path.display())).help(format!(
            "name the CSV file of the Table in neverReuse, or a new file; the columns are {} and {}",
            self.columns.0, self.columns.1
        ))
    }

    /// `None` when there is no file yet.
    fn read(&self) -> Result<Option<Content>, Failure> {
        let bytes = match std::fs::symlink_metadata(&self.path) {
            Ok(facts) if facts.is_file() => std::fs::read(&self.path)
                .map_err(|error| Failure::file("read", &self.path, &error))?,
            Ok(_) => return Err(self.unusable("is not a regular file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let folder = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
                return match folder {
                    Some(dir) if !dir.is_dir() => {
                        Err(self.unusable("stands in a folder that does not exist"))
                    }
                    _ => Ok(None),
                };
            }
            Err(error) => return Err(Failure::file("look at", &self.path, &error)),
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(bytes.as_slice());
        let broken = |error: csv::Error| self.unusable(&format!("cannot be read as CSV: {error}"));
        let headers = reader.headers().map_err(broken)?.clone();
        let column = |wanted: &str| {
            let bare = |header: &str| header.trim_start_matches('\u{feff}').trim() == wanted;
            headers
                .iter()
                .position(bare)
                .ok_or_else(|| self.unusable(&format!("has no column {wanted:?}")))
        };
        let (name, person) = (column(&self.columns.0)?, column(&self.columns.1)?);
        let mut rows = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(broken)?;
            if let Some(key) = row.get(name).map(folded).filter(|key| !key.is_empty()) {
                rows.insert(key, row.get(person).unwrap_or_default().trim().to_owned());
            }
        }
        Ok(Some(Content {
            bytes,
            headers,
            name,
            person,
            rows,
        }))
    }

    /// Adds the names that are not there yet.
    ///
    /// # Errors
    /// The file cannot be read or replaced; it is then as it was.
    pub(super) fn add(&self, names: &[NameGiven]) -> Result<Kept, Failure> {
        let wanted: Vec<&NameGiven> = names
            .iter()
            .filter(|given| self.tables.is_empty() || self.tables.contains(&given.table))
            .collect();
        if wanted.is_empty() {
            return Ok(Kept::default());
        }
        // From looking at the rows until the new file stands in its place nobody else does the same.
        let _locked = self.lock()?;
        let mut content = match self.read()? {
            Some(content) => content,
            None => Content {
                bytes: Vec::new(),
                headers: csv::StringRecord::from(vec![&*self.columns.0, &*self.columns.1]),
                name: 0,
                person: 1,
                rows: HashMap::new(),
            },
        };
        let mut kept = Kept::default();
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        let failed = |error: csv::Error| self.unusable(&format!("no row can be made: {error}"));
        if content.bytes.is_empty() {
            writer.write_record(&content.headers).map_err(failed)?;
        }
        for given in wanted {
            // An address is listed without its kind, as it is asked for.
            let name = crate::mapping::bare(&given.name);
            let person = given.person.key.as_str();
            match content.rows.get(&folded(name)) {
                Some(owner) if owner == person => {}
                Some(_) => kept.of_others.push(name.to_owned()),
                None => {
                    let cell = |at: usize| match at {
                        at if at == content.name => name,
                        at if at == content.person => person,
                        _ => "",
                    };
                    writer
                        .write_record((0..content.headers.len()).map(cell))
                        .map_err(failed)?;
                    content.rows.insert(folded(name), person.to_owned());
                    kept.added += 1;
                }
            }
        }
        if kept.added > 0 {
            let more = writer
                .into_inner()
                .map_err(|error| self.unusable(&format!("no row can be made: {error}")))?;
            self.replace(content.bytes, &more)?;
        }
        Ok(kept)
    }

    /// Waits until nobody else adds to the file, and keeps others out for as long as the answer lives. The lock is
    /// advisory: editors do not ask for it. Where there is no file yet, an empty one is made to hold the lock.
    fn lock(&self) -> Result<File, Failure> {
        // What follows reads and replaces; a link, a pipe or a folder is refused before it is opened.
        self.read()?;
        let failure = |error: std::io::Error| Failure::file("lock", &self.path, &error);
        loop {
            let file = File::options()
                .read(true)
                .append(true)
                .create(true)
                .open(&self.path)
                .map_err(failure)?;
            file.lock().map_err(failure)?;
            // Whoever had the lock before has put another file in its place, and that one is locked by nobody.
            if self.is_still(&file).map_err(failure)? {
                return Ok(file);
            }
        }
    }

    /// Whether a file that was opened still stands at the path.
    #[cfg(unix)]
    fn is_still(&self, file: &File) -> std::io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let opened = file.metadata()?;
        match std::fs::symlink_metadata(&self.path) {
            Ok(now) => Ok((now.dev(), now.ino()) == (opened.dev(), opened.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where files have no identity to compare, a replaced one is told by its size: rows are only ever added.
    #[cfg(not(unix))]
    fn is_still(&self, file: &File) -> std::io::Result<bool> {
        Ok(std::fs::symlink_metadata(&self.path)?.len() == file.metadata()?.len())
    }

    /// The rows there, byte by byte, and these: beside the file first, then in its place.
    fn replace(&self, mut bytes: Vec<u8>, more: &[u8]) -> Result<(), Failure> {
        let failure = |error: std::io::Error| Failure::file("write", &self.path, &error);
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(more);
        let folder = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failure)?;
        file.write_all(&bytes).map_err(failure)?;
        // Whoever could read the list still can.
        if let Ok(facts) = std::fs::metadata(&self.path) {
            file.as_file()
                .set_permissions(facts.permissions())
                .map_err(failure)?;
        }
        file.as_file().sync_all().map_err(failure)?;
        file.persist(&self.path)
            .map_err(|error| failure(error.error))?;
        Ok(())
    }
}

/// A name as tables compare keys.
fn folded(name: &str) -> String {
    name.trim().nfc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PersonKey;
    use crate::plan::PersonRef;

    fn given(number: usize) -> NameGiven {
        NameGiven {
            table: Name::new("used-names"),
            attribute: "mail".to_owned(),
            name: format!("name{number}"),
            person: PersonRef {
                source: Name::new("people"),
                key: PersonKey::new(number.to_string()),
                label: String::new(),
            },
        }
    }

    fn register(path: &Path) -> NamesFile {
        NamesFile {
            path: path.to_owned(),
            columns: (COLUMNS.0.to_owned(), COLUMNS.1.to_owned()),
            tables: Vec::new(),
        }
    }

    /// Reading, adding and replacing by several at once loses nothing, also when there was no file to begin with.
    #[test]
    fn what_several_add_at_once_is_all_there() {
        const WRITERS: usize = 8;
        const EACH: usize = 12;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("used.csv");
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let path = &path;
                scope.spawn(move || {
                    for at in 0..EACH {
                        let kept = register(path).add(&[given(writer * EACH + at)]).unwrap();
                        assert_eq!(kept.added, 1);
                    }
                });
            }
        });
        let content = register(&path).read().unwrap().unwrap();
        assert_eq!(content.rows.len(), WRITERS * EACH);
        let text = String::from_utf8(content.bytes).unwrap();
        assert_eq!(text.lines().next(), Some("name,person"));
        assert_eq!(text.lines().count(), WRITERS * EACH + 1);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside the list");
    }

    /// Whoever adds waits for the one who is at it, and sees what that one wrote.
    #[test]
    fn a_locked_list_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("used.csv");
        std::fs::write(&path, "name,person\nold,1\n").unwrap();
        let lock = register(&path).lock().unwrap();
        let adding = std::thread::spawn({
            let path = path.clone();
            move || register(&path).add(&[given(2)]).unwrap().added
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!adding.is_finished());
        // As the other one does: beside the file first, then in its place.
        let other = folder.path().join("other");
        std::fs::write(&other, "name,person\nold,1\nname9,9\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        drop(lock);
        assert_eq!(adding.join().unwrap(), 1);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "name,person\nold,1\nname9,9\nname2,2\n"
        );
    }

    /// Nothing to add leaves no trace.
    #[test]
    fn no_file_is_made_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("used.csv");
        assert_eq!(register(&path).add(&[]).unwrap().added, 0);
        assert!(!path.exists());
    }
}
