//! Checks across documents: what a schema cannot know.
//!
//! Every check adds to one report and none stops another. What hangs from something already complained about is left
//! unsaid. Nothing is loaded, resolved or changed here.

mod approvals;
mod attributes;
mod auth;
mod deletion;
mod directory;
mod endpoint;
mod exceptions;
mod groups;
mod guards;
mod halo;
mod inactive;
mod joins;
mod lifecycle;
mod links;
mod lock;
mod login;
mod mapping;
mod mapping_test;
mod names;
mod naming;
mod overlap;
mod paging;
mod pairs;
mod person;
mod project;
mod removal;
mod returning;
mod same_person;
mod servers;
mod source;
mod stamp;
mod tables;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::codes;
use super::diagnostic::{Diagnostic, Place, Severity};
use super::kinds;
use super::yaml::{Doc, join};
use crate::lang::{self, EvalError, Failures, LangError, Scope, Tables};
use crate::model::{FactType, Name};

pub(crate) use approvals::SignerFiles;
pub use attributes::attribute_never_written;
pub use halo::halo_always_lists;
pub(crate) use login::callback_fault;
pub(crate) use project::leads_out;
pub(crate) use tables::{TableFile, TableFiles, stays_inside};

/// A typed document with its text.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: Name,
    pub(crate) spec: T,
    pub(crate) doc: Arc<Doc>,
}

/// All documents, in the order of files and of documents in them.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) projects: Vec<Entry<kinds::Project>>,
    pub(crate) sources: Vec<Entry<kinds::Source>>,
    pub(crate) directories: Vec<Entry<kinds::ActiveDirectory>>,
    pub(crate) mappings: Vec<Entry<kinds::Mapping>>,
    pub(crate) templates: Vec<Entry<kinds::Template>>,
    pub(crate) tables: Vec<Entry<kinds::Table>>,
    pub(crate) groups: Vec<Entry<kinds::Groups>>,
    pub(crate) lifecycles: Vec<Entry<kinds::Lifecycle>>,
    pub(crate) guards: Vec<Entry<kinds::Guards>>,
    pub(crate) waivers: Vec<Entry<kinds::Waiver>>,
    pub(crate) links: Vec<Entry<kinds::Links>>,
    pub(crate) exceptions: Vec<Entry<kinds::Exceptions>>,
    pub(crate) tests: Vec<Entry<kinds::MappingTest>>,
    /// True when some file or document could not be read at all: what seems to be missing may stand there.
    pub(crate) incomplete: bool,
}

/// What has been found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Rows of every table, by its place in [`Set::tables`].
pub(crate) type Rows = Vec<BTreeMap<String, String>>;

/// Runs every check.
pub(crate) fn run(
    set: &Set,
    files: &TableFiles<'_>,
    signers: &SignerFiles,
    report: &mut Report,
) -> Rows {
    names::check(set, report);
    for project in &set.projects {
        project::check(project, report);
    }
    for source in &set.sources {
        source::check(source, report);
        person::check(source, set, report);
    }
    for directory in &set.directories {
        directory::check(directory, report);
    }
    let (rows, tables) = tables::check(set, files, report);
    let context = Context::new(set, &tables);
    for source in &set.sources {
        same_person::check(source, &context, report);
    }
    for mapping in &set.mappings {
        mapping::check(mapping, &context, report);
    }
    template::check(&context, report);
    overlap::check(&context, report);
    for lifecycle in &set.lifecycles {
        lifecycle::check(lifecycle, &context, report);
    }
    for directory in &set.directories {
        stamp::check(directory, &context, report);
        lock::check(directory, report);
    }
    groups::check(&context, report);
    removal::check(&context, report);
    guards::check(&context, report);
    approvals::check(set, signers, report);
    links::check(&context, report);
    exceptions::check(&context, report);
    for test in &set.tests {
        mapping_test::check(test, &context, report);
    }
    pairs::check(&context, report);
    rows
}

impl Report {
    pub(crate) fn add(&mut self, doc: &Doc, pointer: &str, diagnostic: Diagnostic) {
        if !doc.is_broken(pointer) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// An error that marks the value at a pointer.
    fn error(
        &mut self,
        doc: &Doc,
        pointer: &str,
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let place = Some(doc.value_place(pointer));
        let diagnostic = Diagnostic::error(code, place, message.into()).help_if(help);
        self.add(doc, pointer, diagnostic);
    }

    /// An error that marks the key at a pointer.
    fn error_key(
        &mut self,
        doc: &Doc,
        pointer: &str,
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let place = Some(doc.key_place(pointer));
        let diagnostic = Diagnostic::error(code, place, message.into()).help_if(help);
        self.add(doc, pointer, diagnostic);
    }

    fn warn(
        &mut self,
        doc: &Doc,
        pointer: &str,
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let place = Some(doc.value_place(pointer));
        let diagnostic = Diagnostic::warning(code, place, message.into()).help_if(help);
        self.add(doc, pointer, diagnostic);
    }

    fn warn_key(
        &mut self,
        doc: &Doc,
        pointer: &str,
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let place = Some(doc.key_place(pointer));
        let diagnostic = Diagnostic::warning(code, place, message.into()).help_if(help);
        self.add(doc, pointer, diagnostic);
    }

    fn language(&mut self, doc: &Doc, pointer: &str, errors: Vec<LangError>) {
        for LangError {
            code,
            message,
            help,
            range,
        } in errors
        {
            let place: Place = doc.place_within(pointer, range);
            let diagnostic = Diagnostic::error(code, Some(place), message).help_if(help);
            self.add(doc, pointer, diagnostic);
        }
    }

    /// What gives nobody a value is an error; what gives none to those who get there may be meant to hold them.
    ///
    /// `find` says where in the text an error comes from; what it does not know marks the whole text. A text that is a key
    /// (`is_value` is false) is marked whole.
    fn failures(
        &mut self,
        doc: &Doc,
        pointer: &str,
        failures: Failures,
        is_value: bool,
        find: impl Fn(&EvalError) -> Option<Range<usize>>,
    ) {
        let place = |error: &EvalError| {
            Some(match find(error) {
                _ if !is_value => doc.key_place(pointer),
                Some(range) => doc.place_within(pointer, range),
                None => doc.value_place(pointer),
            })
        };
        if let Some(error) = failures.always {
            let message = format!("this fails whoever it is for: {error}");
            let diagnostic = Diagnostic::error(codes::CONSTANT_FAILS, place(&error), message)
                .help_if(Some(
                    "correct it; as it stands, nobody gets anything from it".to_owned(),
                ));
            self.add(doc, pointer, diagnostic);
        }
        for error in failures.reached {
            let message = format!("a part of this fails for everybody who gets to it: {error}");
            let diagnostic = Diagnostic::warning(codes::CONSTANT_FAILS, place(&error), message)
                .help_if(Some(
                    "correct that part; whoever gets to it gets nothing from this".to_owned(),
                ));
            self.add(doc, pointer, diagnostic);
        }
    }

    /// The same of a condition or an expression over records.
    fn failures_in_records(
        &mut self,
        doc: &Doc,
        pointer: &str,
        text: &str,
        scope: &Scope<'_>,
        failures: Failures,
    ) {
        self.failures(doc, pointer, failures, true, |error| {
            lang::where_failing(text, false, scope, &Tables::default(), error)
        });
    }

    /// True when anything found is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// What rules about people are checked against.
struct Context<'a> {
    set: &'a Set,
    tables: BTreeSet<Name>,
    /// Those of which all rows are known.
    rows: &'a Tables,
    /// Fields of each source, by its name.
    fields: BTreeMap<&'a str, Vec<(Name, FactType)>>,
    /// Sources of which some field's type is none there is; that is reported with the document.
    untyped: BTreeSet<&'a str>,
}

impl<'a> Context<'a> {
    fn new(set: &'a Set, rows: &'a Tables) -> Self {
        let mut fields = BTreeMap::new();
        for source in &set.sources {
            fields.entry(source.name.as_str()).or_insert_with(|| {
                source
                    .spec
                    .person
                    .fields
                    .iter()
                    .map(|(name, field)| (Name::new(name), field.fact_type))
                    .collect()
            });
        }
        let untyped = set.sources.iter().filter(|source| {
            let fields = source.spec.person.fields.keys();
            fields.into_iter().any(|name| {
                let field = join("/spec/person/fields", name);
                source.doc.is_broken(&join(&field, "type"))
            })
        });
        Self {
            set,
            untyped: untyped.map(|source| source.name.as_str()).collect(),
            tables: set.tables.iter().map(|table| table.name.clone()).collect(),
            rows,
            fields,
        }
    }

    /// The language's view of people of a source; `None` when the source is not known, which is reported elsewhere.
    fn people(&self, source: &str) -> Option<People<'_>> {
        self.fields.get(source).map(|fields| People {
            fields,
            tables: &self.tables,
            rows: self.rows,
            incomplete: self.set.incomplete,
            untyped: self.untyped.contains(source),
        })
    }

    fn source(&self, name: &str) -> Option<&'a Entry<kinds::Source>> {
        self.set
            .sources
            .iter()
            .find(|source| source.name.as_str() == name)
    }

    fn directory(&self, name: &str) -> Option<&'a Entry<kinds::ActiveDirectory>> {
        self.set
            .directories
            .iter()
            .find(|directory| directory.name.as_str() == name)
    }
}

/// People of one source, as the language sees them.
#[derive(Clone, Copy)]
struct People<'a> {
    fields: &'a [(Name, FactType)],
    tables: &'a BTreeSet<Name>,
    rows: &'a Tables,
    incomplete: bool,
    /// Some field's type is none there is.
    untyped: bool,
}

impl People<'_> {
    fn scope(&self) -> Scope<'_> {
        Scope::Person {
            fields: self.fields,
            tables: self.tables,
        }
    }

    /// Compiles the template at a pointer and reports what is wrong with it.
    fn template(&self, doc: &Doc, pointer: &str, report: &mut Report) -> Option<lang::Template> {
        let text = doc.text(pointer)?;
        match lang::compile_template(text, &self.scope()) {
            Ok(template) => {
                report.failures(doc, pointer, template.failures(self.rows), true, |error| {
                    lang::where_failing(text, true, &self.scope(), self.rows, error)
                });
                Some(template)
            }
            Err(errors) => {
                report.language(doc, pointer, self.certain(errors));
                None
            }
        }
    }

    /// Compiles the condition at a pointer and reports what is wrong with it.
    fn condition(&self, doc: &Doc, pointer: &str, report: &mut Report) {
        let Some(text) = doc.text(pointer) else {
            return;
        };
        match lang::compile_condition(text, &self.scope()) {
            Ok(condition) => {
                report.failures(doc, pointer, condition.failures(self.rows), true, |error| {
                    lang::where_failing(text, false, &self.scope(), self.rows, error)
                });
            }
            Err(errors) => report.language(doc, pointer, self.certain(errors)),
        }
    }

    /// A table not found may stand in a file that could not be read, and a field of a type nobody knows may be of any.
    fn certain(&self, mut errors: Vec<LangError>) -> Vec<LangError> {
        errors.retain(|error| {
            !(self.incomplete && error.code == "language-unknown-table"
                || self.untyped && error.code == "language-type")
        });
        errors
    }
}

/// A text of a template without what is computed: byte range and text of each constant part. `None` when parts of it
/// are conditional, so that nothing can be said of the whole.
fn constant_parts(template: &str) -> Option<Vec<(usize, &str)>> {
    if template.contains("{%") || template.contains("{#") {
        return None;
    }
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = template[at..].find("{{") {
        parts.push((at, &template[at..at + open]));
        let inner = at + open;
        let close = template[inner..].find("}}")?;
        at = inner + close + 2;
    }
    parts.push((at, &template[at..]));
    parts.retain(|(_, text)| !text.is_empty());
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::constant_parts;

    #[test]
    fn constant_parts_are_what_is_not_computed() {
        assert_eq!(
            constant_parts("a{{ b }}cd{{e}}"),
            Some(vec![(0, "a"), (8, "cd")])
        );
        assert_eq!(constant_parts("abc"), Some(vec![(0, "abc")]));
        assert_eq!(constant_parts("{{ b }}"), Some(vec![]));
        assert_eq!(constant_parts("{% if x %}a{% endif %}"), None);
        assert_eq!(constant_parts("{{ open"), None);
    }
}
