//! From the bytes of files to a configuration, or to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::check::{self, Entry, Report, Rows, Set, SignerFiles, TableFile, TableFiles};
use super::diagnostic::{Diagnostic, did_you_mean, list, quoted};
use super::expiry::Expiring;
use super::schema::{self, Kind, Mark};
use super::signers::{AllowedSigners, SignersFault};
use super::text::Source;
use super::yaml::{self, Doc};
use super::{
    API_VERSION, Config, DataError, Document, FileDigest, InputFile, Loaded, LoadedTable, codes,
    diagnostic, secrets,
};
use crate::model::{Location, Name};

/// Loads a configuration: reads every file, checks everything, and gives either the whole or all that is wrong.
///
/// `data` hands over the CSV files tables name; it is asked for each path at most once, and only for paths within the
/// project. Files that hold no halosync document are ignored. The result does not depend on the order of `files`.
pub fn load(files: Vec<InputFile>, data: &dyn Fn(&str) -> Result<Vec<u8>, DataError>) -> Loaded {
    load_found(files, Vec::new(), data)
}

/// Loads a configuration some files of which could not be handed over, for the reasons given. They are reported with
/// the rest, and nothing is called missing that may stand in them.
pub fn load_found(
    mut files: Vec<InputFile>,
    problems: Vec<Diagnostic>,
    data: &dyn Fn(&str) -> Result<Vec<u8>, DataError>,
) -> Loaded {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    let mut loader = Loader::default();
    // Of a file that is left out something is known to be there, and it is not meant.
    loader.set.incomplete = problems
        .iter()
        .any(|problem| problem.code != codes::NOT_INCLUDED);
    let unread: BTreeSet<Arc<str>> = problems
        .iter()
        .filter(|problem| matches!(problem.code, codes::FILE_UNREADABLE | codes::FILE_TOO_LARGE))
        .filter_map(|problem| Some(problem.location.as_ref()?.file.clone()))
        .collect();
    loader.report.diagnostics = problems;
    for file in &files {
        loader.file(file);
    }
    let Loader {
        set,
        mut report,
        mut texts,
        mut digests,
    } = loader;
    let table_files = read_tables(&set, data, &mut texts, &mut digests);
    let signer_files = read_signers(&set, data);
    let rows = check::run(&set, &table_files, &signer_files, &mut report);
    digests.sort_by(|a, b| a.path.cmp(&b.path));
    let expiring = expiring(&set);
    let zone = set.projects.first();
    let zone = zone.map_or_else(String::new, |project| project.spec.time_zone.clone());
    let config = if report.has_errors() {
        None
    } else {
        assemble(set, rows, digests, signer_files)
    };
    let mut diagnostics = report.diagnostics;
    // What is refused as it stands need not be put in quotes for readers that would refuse it otherwise.
    let refused: HashSet<Option<Location>> = diagnostics
        .iter()
        .filter(|one| REFUSED.contains(&one.code))
        .map(|one| one.location.clone())
        .collect();
    diagnostics
        .retain(|one| one.code != codes::READERS_DISAGREE || !refused.contains(&one.location));
    diagnostic::sort(&mut diagnostics);
    let sources: BTreeMap<Arc<str>, Arc<str>> = texts
        .into_iter()
        .map(|(path, text)| {
            let shown = secrets::covered(&text.source, &text.covers);
            (path, shown.into())
        })
        .collect();
    // A pattern is no file, nor is a name behind which there is none: both are told where they are written.
    let unread = unread
        .iter()
        .filter(|file| !sources.contains_key(*file))
        .count();
    Loaded {
        config,
        diagnostics,
        expiring,
        zone,
        files: sources.len() + unread,
        sources,
    }
}

/// Codes of values that are refused whatever a reader makes of them.
const REFUSED: [&str; 3] = [
    codes::BAD_PERCENTAGE,
    codes::OUT_OF_RANGE,
    codes::WRONG_TYPE,
];

/// A file's text and what of it must not be shown.
struct Text {
    source: Arc<Source>,
    covers: Vec<Range<usize>>,
}

#[derive(Default)]
struct Loader {
    set: Set,
    report: Report,
    texts: BTreeMap<Arc<str>, Text>,
    digests: Vec<FileDigest>,
}

impl Loader {
    fn file(&mut self, file: &InputFile) {
        let read = yaml::read(&file.path, &file.bytes);
        let mut covers = Vec::new();
        let mut belongs = read.unreadable;
        for doc in read.docs {
            if let Some(kind) = self.kind(&doc) {
                belongs = true;
                if let Some(kind) = kind {
                    self.document(kind, doc, &mut covers);
                } else {
                    self.set.incomplete = true;
                }
            }
        }
        if !belongs {
            return;
        }
        self.set.incomplete |= read.unreadable;
        self.report.diagnostics.extend(read.diagnostics);
        self.digests.push(FileDigest {
            path: file.path.clone(),
            digest: digest(&file.bytes),
        });
        let text = Text {
            source: read.source,
            covers,
        };
        self.texts.insert(file.path.clone(), text);
    }

    /// `None` when the document is not ours; `Some(None)` when it should be and nobody can tell what it is.
    fn kind(&mut self, doc: &Doc) -> Option<Option<Kind>> {
        let version = doc.value.get("apiVersion");
        let kind = doc.value.get("kind");
        let at_root = |code, message: &str| {
            Diagnostic::error(code, Some(doc.key_place("")), message.to_owned())
        };
        match (version, kind) {
            (None, None) => return None,
            (None, Some(_)) => {
                self.report.diagnostics.push(
                    at_root(codes::MISSING_FIELD, "`apiVersion` is missing")
                        .help(format!("add `apiVersion: {API_VERSION}`, or leave this file out of the project's `include`")),
                );
                return Some(None);
            }
            (Some(_), None) => {
                self.report.diagnostics.push(
                    at_root(codes::MISSING_FIELD, "`kind` is missing").help(format!(
                        "it is one of {}",
                        list(Kind::ALL.iter().map(|kind| kind.name()))
                    )),
                );
                return Some(None);
            }
            (Some(version), Some(_)) if version.as_str() != Some(API_VERSION) => {
                self.report.diagnostics.push(
                    Diagnostic::error(
                        codes::UNKNOWN_API_VERSION,
                        Some(doc.value_place("/apiVersion")),
                        format!(
                            "this is not a version of the configuration language; {} is",
                            quoted(API_VERSION)
                        ),
                    )
                    .help(if version.as_str().is_some_and(|text| text.starts_with("halosync")) {
                        format!("write `apiVersion: {API_VERSION}`")
                    } else {
                        "if the file belongs to another program, leave it out of the project's `include`".to_owned()
                    }),
                );
                return Some(None);
            }
            _ => {}
        }
        let name = kind.and_then(Value::as_str).unwrap_or_default();
        let found = Kind::from_name(name);
        if found.is_none() {
            let names = || Kind::ALL.iter().map(|kind| kind.name());
            self.report.diagnostics.push(
                Diagnostic::error(
                    codes::UNKNOWN_KIND,
                    Some(doc.value_place("/kind")),
                    format!("there is no kind {}", quoted(name)),
                )
                .help(
                    did_you_mean(name, names())
                        .unwrap_or_else(|| format!("kinds are {}", list(names()))),
                ),
            );
        }
        Some(found)
    }

    fn document(&mut self, kind: Kind, mut doc: Doc, covers: &mut Vec<Range<usize>>) {
        let (secrets, hidden) = secrets::find(&mut doc);
        self.report.diagnostics.extend(secrets);
        covers.extend(hidden);
        let findings = schema::validate(kind, &doc.value);
        for finding in &findings {
            if misspelt(finding, &findings) {
                continue;
            }
            let place = match finding.mark {
                Mark::Key => doc.key_place(&finding.pointer),
                Mark::Value => doc.value_place(&finding.pointer),
            };
            self.report.diagnostics.push(
                Diagnostic::error(finding.code, Some(place), finding.message.clone())
                    .help_if(finding.help.clone()),
            );
            if finding.code == codes::LITERAL_SECRET {
                covers.extend(doc.written(&finding.pointer));
            }
        }
        for finding in &findings {
            doc.mark_broken(&finding.repair.0);
        }
        let usable = if findings.is_empty() {
            None
        } else {
            Some(schema::repaired(doc.value.clone(), &findings))
        };
        let name = doc.text("/metadata/name").unwrap_or_default();
        let name = Name::new(name);
        let faulty = !findings.is_empty();
        let (set, report) = (&mut self.set, &mut self.report);
        let fits = match kind {
            Kind::Project => typed(doc, usable, name, faulty, &mut set.projects, report),
            Kind::Source => typed(doc, usable, name, faulty, &mut set.sources, report),
            Kind::ActiveDirectory => typed(doc, usable, name, faulty, &mut set.directories, report),
            Kind::Mapping => typed(doc, usable, name, faulty, &mut set.mappings, report),
            Kind::Template => typed(doc, usable, name, faulty, &mut set.templates, report),
            Kind::Table => typed(doc, usable, name, faulty, &mut set.tables, report),
            Kind::Groups => typed(doc, usable, name, faulty, &mut set.groups, report),
            Kind::Lifecycle => typed(doc, usable, name, faulty, &mut set.lifecycles, report),
            Kind::Guards => typed(doc, usable, name, faulty, &mut set.guards, report),
            Kind::Waiver => typed(doc, usable, name, faulty, &mut set.waivers, report),
            Kind::Links => typed(doc, usable, name, faulty, &mut set.links, report),
            Kind::Exceptions => typed(doc, usable, name, faulty, &mut set.exceptions, report),
            Kind::MappingTest => typed(doc, usable, name, faulty, &mut set.tests, report),
        };
        self.set.incomplete |= !fits;
    }
}

/// Whether a field only seems to be missing: another finding says that it is there, misspelt.
fn misspelt(missing: &schema::Finding, findings: &[schema::Finding]) -> bool {
    let Some(name) = missing
        .message
        .strip_suffix(" is missing")
        .filter(|_| missing.code == codes::MISSING_FIELD)
    else {
        return false;
    };
    let meant = format!("did you mean {name}?");
    findings.iter().any(|other| {
        other.code == codes::UNKNOWN_FIELD
            && other.help.as_ref() == Some(&meant)
            && other.pointer.rsplit_once('/').map(|(parent, _)| parent) == Some(&*missing.pointer)
    })
}

/// Loads a document's `spec` into its type; false when that cannot be done.
fn typed<T: DeserializeOwned>(
    doc: Doc,
    usable: Option<Value>,
    name: Name,
    faulty: bool,
    entries: &mut Vec<Entry<T>>,
    report: &mut Report,
) -> bool {
    let value = usable.as_ref().unwrap_or(&doc.value);
    let null = Value::Null;
    let spec = value.get("spec").unwrap_or(&null);
    match serde_path_to_error::deserialize::<_, T>(spec) {
        Ok(spec) => {
            entries.push(Entry {
                name,
                spec,
                doc: Arc::new(doc),
            });
            true
        }
        // The schema's findings say why.
        Err(_) if faulty => false,
        Err(error) => {
            let mut pointer = "/spec".to_owned();
            for segment in error.path() {
                match segment {
                    serde_path_to_error::Segment::Seq { index } => {
                        yaml::push_step(&mut pointer, &index.to_string());
                    }
                    serde_path_to_error::Segment::Map { key } => {
                        yaml::push_step(&mut pointer, key);
                    }
                    serde_path_to_error::Segment::Enum { variant } => {
                        yaml::push_step(&mut pointer, variant);
                    }
                    serde_path_to_error::Segment::Unknown => break,
                }
            }
            report.diagnostics.push(Diagnostic::error(
                codes::INVALID_VALUE,
                Some(doc.value_place(&pointer)),
                format!("this cannot be used here ({})", error.path()),
            ));
            false
        }
    }
}

fn read_tables<'a>(
    set: &'a Set,
    data: &dyn Fn(&str) -> Result<Vec<u8>, DataError>,
    texts: &mut BTreeMap<Arc<str>, Text>,
    digests: &mut Vec<FileDigest>,
) -> TableFiles<'a> {
    let mut files: BTreeMap<&str, TableFile> = BTreeMap::new();
    for table in &set.tables {
        let Some(csv) = &table.spec.csv else {
            continue;
        };
        if files.contains_key(csv.file.as_str()) || !check::stays_inside(&csv.file) {
            continue;
        }
        let file = match data(&csv.file) {
            Err(error) => TableFile::Failed(error),
            Ok(bytes) if bytes.len() as u64 > yaml::MAX_FILE_BYTES => {
                TableFile::Failed(DataError::TooLarge(bytes.len() as u64))
            }
            Ok(bytes) => {
                let path: Arc<str> = csv.file.as_str().into();
                digests.push(FileDigest {
                    path: path.clone(),
                    digest: digest(&bytes),
                });
                let (source, fault) = yaml::decode(&path, &bytes);
                let text = Text {
                    source: source.clone(),
                    covers: Vec::new(),
                };
                texts.insert(path, text);
                match fault {
                    Some(fault) => TableFile::NotUtf8(fault),
                    None => TableFile::Read { source, bytes },
                }
            }
        };
        files.insert(&csv.file, file);
    }
    TableFiles { files }
}

/// Reads the files of allowed signers. They are no part of what a plan is made from: whoever leaves the list after a plan
/// was made cannot approve it any more.
fn read_signers(set: &Set, data: &dyn Fn(&str) -> Result<Vec<u8>, DataError>) -> SignerFiles {
    let mut files = SignerFiles::new();
    for guards in &set.guards {
        let Some(approvals) = &guards.spec.approvals else {
            continue;
        };
        let path = &approvals.signers;
        if files.contains_key(path) || !check::stays_inside(path) {
            continue;
        }
        let file = data(path).map(|bytes| match std::str::from_utf8(&bytes) {
            Ok(text) => AllowedSigners::parse(text),
            Err(error) => Err(vec![SignersFault {
                line: 1 + bytes[..error.valid_up_to()]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count(),
                message: "this is not UTF-8 text".to_owned(),
            }]),
        });
        files.insert(path.clone(), file);
    }
    files
}

fn assemble(set: Set, rows: Rows, files: Vec<FileDigest>, signers: SignerFiles) -> Option<Config> {
    let tables = set
        .tables
        .into_iter()
        .zip(rows)
        .map(|(entry, rows)| {
            let document = document(entry);
            (document.name.clone(), LoadedTable { document, rows })
        })
        .collect();
    Some(Config {
        project: set.projects.into_iter().next().map(document)?,
        sources: by_name(set.sources),
        directories: by_name(set.directories),
        mappings: by_name(set.mappings),
        templates: by_name(set.templates),
        tables,
        groups: by_name(set.groups),
        lifecycles: by_name(set.lifecycles),
        guards: by_name(set.guards),
        waivers: by_name(set.waivers),
        links: by_name(set.links),
        exceptions: by_name(set.exceptions),
        tests: by_name(set.tests),
        signers: signers
            .into_iter()
            .filter_map(|(path, file)| Some((path, file.ok()?.ok()?)))
            .collect(),
        files,
    })
}

/// What in the documents ends on a date.
fn expiring(set: &Set) -> Vec<Expiring> {
    let waivers = set.waivers.iter().filter_map(|waiver| {
        Expiring::waiver(waiver.doc.value_place("/spec/expires"), &waiver.spec)
    });
    let exceptions = set.exceptions.iter().flat_map(|entry| {
        let exceptions = entry.spec.exceptions.iter().enumerate();
        exceptions.filter_map(|(index, exception)| {
            let pointer = format!("/spec/exceptions/{index}/expires");
            Expiring::exception(entry.doc.value_place(&pointer), exception)
        })
    });
    waivers.chain(exceptions).collect()
}

fn by_name<T>(entries: Vec<Entry<T>>) -> BTreeMap<Name, Document<T>> {
    entries
        .into_iter()
        .map(|entry| (entry.name.clone(), document(entry)))
        .collect()
}

fn document<T>(entry: Entry<T>) -> Document<T> {
    Document {
        name: entry.name,
        description: entry.doc.text("/metadata/description").map(str::to_owned),
        spec: entry.spec,
        positions: Arc::new(entry.doc.positions()),
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// One pattern of a project's `include`.
#[derive(Debug, Clone)]
pub struct IncludePattern {
    /// The pattern.
    pub text: String,
    /// Where it is written, and how long it is; `None` of a default.
    place: Option<diagnostic::Place>,
}

impl IncludePattern {
    /// An error at the pattern, or at the project's first line where nothing is written.
    pub fn error(&self, code: &'static str, message: String, help: &str) -> Diagnostic {
        Diagnostic::error(code, self.place.clone(), message).help(help.to_owned())
    }

    /// Whether the pattern is one that cannot be used, which the check of the project tells.
    pub fn leads_out(&self) -> bool {
        check::leads_out(&self.text)
    }

    /// Whether the pattern is written in the project, and is none of the defaults.
    pub fn is_own(&self) -> bool {
        self.place.is_some() && !super::kinds::default_include().contains(&self.text)
    }
}

/// The project's `include` patterns, read before anything is checked, so that the files to check can be found. The
/// defaults when the file has no usable ones.
pub fn include_patterns(file: &str, bytes: &[u8]) -> Vec<IncludePattern> {
    let read = yaml::read(&file.into(), bytes);
    let written = read
        .docs
        .iter()
        .find(|doc| doc.value.get("kind").and_then(Value::as_str) == Some("Project"))
        .and_then(|doc| Some((doc, doc.value.pointer("/spec/include")?.as_array()?)));
    match written {
        Some((doc, patterns)) => patterns
            .iter()
            .enumerate()
            .filter_map(|(index, pattern)| {
                Some(IncludePattern {
                    text: pattern.as_str()?.to_owned(),
                    place: Some(doc.value_place(&format!("/spec/include/{index}"))),
                })
            })
            .collect(),
        None => super::kinds::default_include()
            .into_iter()
            .map(|text| IncludePattern { text, place: None })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
