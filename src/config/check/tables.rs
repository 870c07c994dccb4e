//! `kind: Table`, and the CSV files tables take their rows from.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::{Entry, Report, Rows, Set};
use crate::config::diagnostic::{Diagnostic, did_you_mean, list, quoted};
use crate::config::kinds::{CsvFile, Table};
use crate::config::text::Source;
use crate::config::yaml::{self, join};
use crate::config::{DataError, codes};
use crate::lang::{TableData, Tables, Unmapped};
use crate::model::Name;

/// The CSV files tables name, by path, each read once.
pub(crate) struct TableFiles<'a> {
    pub(crate) files: BTreeMap<&'a str, TableFile>,
}

/// One of them.
pub(crate) enum TableFile {
    Read { source: Arc<Source>, bytes: Vec<u8> },
    NotUtf8(Diagnostic),
    Failed(DataError),
}

/// The rows of all tables; and, ready for lookups, the tables of which all rows are known.
pub(super) fn check(set: &Set, files: &TableFiles<'_>, report: &mut Report) -> (Rows, Tables) {
    let mut all = Rows::with_capacity(set.tables.len());
    let mut sound: BTreeMap<Name, TableData> = BTreeMap::new();
    let mut seen: HashSet<&Name> = HashSet::new();
    for table in &set.tables {
        let faults = report.diagnostics.len();
        let rows = rows(table, files, report);
        let is_whole = report.diagnostics.len() == faults && !table.doc.is_incomplete("/spec");
        if !seen.insert(&table.name) {
            sound.remove(&table.name);
        } else if is_whole && !rows.is_empty() {
            let data = TableData {
                rows: rows.clone(),
                case_sensitive: table.spec.case_sensitive,
                unmapped: Unmapped::from(&table.spec.unmapped),
            };
            sound.insert(table.name.clone(), data);
        }
        all.push(rows);
    }
    (all, Tables::new(sound))
}

/// A key as it is looked up: trimmed, in NFC, and in lower case unless case matters.
fn folded(key: &str, case_sensitive: bool) -> String {
    let key: String = key.trim().nfc().collect();
    if case_sensitive {
        key
    } else {
        key.to_lowercase()
    }
}

fn rows(
    table: &Entry<Table>,
    files: &TableFiles<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let doc = &table.doc;
    match (&table.spec.rows, &table.spec.csv) {
        (Some(rows), None) => {
            let mut out = BTreeMap::new();
            let mut first: HashMap<String, &str> = HashMap::new();
            for (key, value) in rows {
                let pointer = join("/spec/rows", key);
                let folded = folded(key, table.spec.case_sensitive);
                if folded.is_empty() {
                    report.error_key(doc, &pointer, codes::EMPTY_VALUE, "a row needs a key", None);
                } else if let Some(other) = first.insert(folded.clone(), key) {
                    report.error_key(
                        doc,
                        &pointer,
                        codes::DUPLICATE_ROW,
                        format!("{} and {} are one key", quoted(other), quoted(key)),
                        Some("keep one, or set `caseSensitive: true`".to_owned()),
                    );
                }
                out.insert(folded, value.clone());
            }
            out
        }
        (None, Some(csv)) => csv_rows(table, csv, files, report),
        (rows, _) => {
            if !doc.is_incomplete("/spec") {
                report.error_key(
                    doc,
                    if rows.is_some() { "/spec/csv" } else { "/spec" },
                    codes::TABLE_NEEDS_ROWS,
                    if rows.is_some() {
                        "a table has either `rows` or `csv`, not both"
                    } else {
                        "a table needs `rows` or `csv`"
                    },
                    None,
                );
            }
            BTreeMap::new()
        }
    }
}

/// Whether a path stays within the project.
pub(crate) fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && !path.starts_with('/')
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != ".." && part != ".")
}

fn csv_rows(
    table: &Entry<Table>,
    csv: &CsvFile,
    files: &TableFiles<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    const POINTER: &str = "/spec/csv/file";
    let doc = &table.doc;
    if doc.is_incomplete(POINTER) {
        return BTreeMap::new();
    }
    if !stays_inside(&csv.file) {
        report.error(
            doc,
            POINTER,
            codes::PATH_OUTSIDE_PROJECT,
            "this path does not stay within the project",
            Some("write it relative to halosync.yaml with `/`, without `.` and `..`".to_owned()),
        );
        return BTreeMap::new();
    }
    match files.files.get(csv.file.as_str()) {
        Some(TableFile::Read { source, bytes }) => read(table, csv, source, bytes, report),
        Some(TableFile::NotUtf8(diagnostic)) => {
            report.diagnostics.push(diagnostic.clone());
            BTreeMap::new()
        }
        Some(TableFile::Failed(error)) => {
            let (code, message) = match error {
                DataError::Missing => (
                    codes::MISSING_FILE,
                    format!("there is no file {}", quoted(&csv.file)),
                ),
                DataError::TooLarge(bytes) => (
                    codes::FILE_TOO_LARGE,
                    format!(
                        "{} has {bytes} bytes; {} is the most that is read",
                        quoted(&csv.file),
                        yaml::MAX_FILE_BYTES
                    ),
                ),
                DataError::Unreadable(why) => (
                    codes::FILE_UNREADABLE,
                    format!("{} cannot be read: {why}", quoted(&csv.file)),
                ),
            };
            report.error(
                doc,
                POINTER,
                code,
                message,
                (code == codes::MISSING_FILE)
                    .then(|| "paths are relative to halosync.yaml".to_owned()),
            );
            BTreeMap::new()
        }
        None => BTreeMap::new(),
    }
}

fn read(
    table: &Entry<Table>,
    csv: &CsvFile,
    source: &Source,
    bytes: &[u8],
    report: &mut Report,
) -> BTreeMap<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut out = BTreeMap::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            let fault = Diagnostic::error(
                codes::BAD_CSV,
                Some(source.start()),
                format!("not valid CSV: {error}"),
            );
            report.diagnostics.push(fault);
            return out;
        }
    };
    let column = |name: &str| header.iter().position(|found| found.trim() == name);
    let (key, value) = (column(&csv.key), column(&csv.value));
    for (found, name, pointer) in [
        (key, &csv.key, "/spec/csv/key"),
        (value, &csv.value, "/spec/csv/value"),
    ] {
        if found.is_none() {
            let columns = || {
                header
                    .iter()
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .take(20)
            };
            report.error(
                &table.doc,
                pointer,
                codes::MISSING_COLUMN,
                format!("{} has no column {}", quoted(&csv.file), quoted(name)),
                did_you_mean(name, columns()).or_else(|| {
                    columns()
                        .next()
                        .is_some()
                        .then(|| format!("it has {}", list(columns())))
                }),
            );
        }
    }
    let (Some(key), Some(value)) = (key, value) else {
        return out;
    };
    let mut first: HashMap<String, u64> = HashMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                fault(
                    source,
                    line,
                    codes::BAD_CSV,
                    format!("not valid CSV: {error}"),
                    None,
                    report,
                );
                break;
            }
        };
        let line = record.position().map_or(1, csv::Position::line);
        if record.len() != header.len() {
            fault(
                source,
                line,
                codes::BAD_CSV,
                format!("the number of fields in this row is {}, in the header {}", record.len(), header.len()),
                Some("put a field that contains a comma or a quote in double quotes, and double its quotes".to_owned()),
                report,
            );
            continue;
        }
        let (Some(key), Some(value)) = (record.get(key), record.get(value)) else {
            continue;
        };
        let folded = folded(key, table.spec.case_sensitive);
        if folded.is_empty() {
            fault(
                source,
                line,
                codes::EMPTY_VALUE,
                "a row needs a key".to_owned(),
                None,
                report,
            );
            continue;
        }
        if let Some(earlier) = first.get(&folded) {
            fault(
                source,
                line,
                codes::DUPLICATE_ROW,
                format!("{} has a row already", quoted(key.trim())),
                Some(format!(
                    "the first one is on line {earlier}; keep one of them"
                )),
                report,
            );
            continue;
        }
        first.insert(folded.clone(), line);
        out.insert(folded, value.trim().to_owned());
    }
    out
}

fn fault(
    source: &Source,
    line: u64,
    code: &'static str,
    message: String,
    help: Option<String>,
    report: &mut Report,
) {
    let range = source.line_of(source.byte_at(line, 1));
    report
        .diagnostics
        .push(Diagnostic::error(code, Some(source.place(range)), message).help_if(help));
}
