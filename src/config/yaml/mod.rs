//! YAML text to JSON values that know where every node stands.
//!
//! Knows nothing of kinds. Bounded before anything is parsed: size, nesting, nodes, alias expansion; a file that
//! breaks a bound gives one diagnostic and no documents.

mod agree;
mod scalar;
mod tree;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value as Json;

use self::tree::{Node, Value};
use super::codes;
use super::diagnostic::{Diagnostic, Place, quoted};
use super::text::Source;
use super::{NodePosition, Positions};

/// Largest file read, in bytes.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Deepest nesting. No kind needs ten, and each level costs stack.
const MAX_DEPTH: usize = 24;
const MAX_NODES: usize = 500_000;
/// Nodes that aliases may add. Configuration repeats a block a few times, not a million.
const MAX_ALIAS_EVENTS: usize = 20_000;

/// What came of one file.
pub(crate) struct FileRead {
    /// The text; with replacement characters when it was not UTF-8.
    pub(crate) source: Arc<Source>,
    /// Its documents; none when it could not be read.
    pub(crate) docs: Vec<Doc>,
    /// True when it could not be read, so that nobody knows what it declares.
    pub(crate) unreadable: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// One document: its value and where each node stands, by JSON pointer.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) source: Arc<Source>,
    pub(crate) value: Json,
    spans: HashMap<String, Span>,
    /// Pointers already complained about; whatever follows from them is not said again.
    broken: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Span {
    key: Option<Range<usize>>,
    value: Range<usize>,
    scalar: bool,
    /// Written elsewhere and reached through an alias or a merge.
    aliased: bool,
}

/// The diagnostic for a file beyond [`MAX_FILE_BYTES`], for callers that look at the size before reading.
pub fn too_large(path: &str, bytes: u64) -> Diagnostic {
    let place = Source::new(path.into(), "".into()).start();
    Diagnostic::error(
        codes::FILE_TOO_LARGE,
        Some(place),
        format!("the file has {bytes} bytes; {MAX_FILE_BYTES} is the most that is read"),
    )
    .help("leave it out of the project's `include`, or move long lists of rows into a CSV file")
}

/// Decodes a file as UTF-8, without its byte order mark.
pub(crate) fn decode(file: &Arc<str>, bytes: &[u8]) -> (Arc<Source>, Option<Diagnostic>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (Arc::new(Source::new(file.clone(), text.into())), None),
        Err(error) => {
            let bad = error.valid_up_to();
            let source = Source::new(file.clone(), String::from_utf8_lossy(bytes).into());
            let byte = bytes.get(bad).copied().unwrap_or_default();
            // Up to the first bad byte the replaced text is the text itself.
            let place = source.place(bad..bad + 1);
            let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
            let diagnostic = Diagnostic::error(
                codes::NOT_UTF8,
                Some(place),
                format!("the file is not UTF-8: byte 0x{byte:02x} cannot stand here"),
            )
            .help(if utf16 {
                "this is UTF-16; save the file as UTF-8"
            } else {
                "save the file as UTF-8; it may be in a Windows code page such as Latin-1"
            });
            (Arc::new(source), Some(diagnostic))
        }
    }
}

/// Reads all documents of a file.
pub(crate) fn read(file: &Arc<str>, bytes: &[u8]) -> FileRead {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return FileRead {
            source: Arc::new(Source::new(file.clone(), "".into())),
            docs: Vec::new(),
            unreadable: true,
            diagnostics: vec![too_large(file, bytes.len() as u64)],
        };
    }
    let (source, bad) = decode(file, bytes);
    if let Some(diagnostic) = bad {
        return FileRead {
            source,
            docs: Vec::new(),
            unreadable: true,
            diagnostics: vec![diagnostic],
        };
    }
    let nodes = match serde_saphyr::from_multiple_with_options::<Node>(&source.text, options()) {
        Ok(nodes) => nodes,
        Err(error) => {
            let diagnostic = syntax(&source, &error);
            return FileRead {
                source,
                docs: Vec::new(),
                unreadable: true,
                diagnostics: vec![diagnostic],
            };
        }
    };
    let mut diagnostics = Vec::new();
    let docs: Vec<Doc> = nodes
        .into_iter()
        .map(|node| Doc::new(&source, node, &mut diagnostics))
        .collect();
    // The second reader stops at duplicates, of which the user already knows.
    if diagnostics.is_empty() {
        cross_read(&source, &docs, &mut diagnostics);
    }
    FileRead {
        source,
        docs,
        unreadable: false,
        diagnostics,
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIAS_EVENTS },
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            // Documents are bounded by the size of the file and the number of nodes.
            max_documents: MAX_NODES,
        },
    }
}

fn syntax(source: &Source, error: &serde_saphyr::Error) -> Diagnostic {
    let place = error.location().filter(|at| at.line() > 0).map_or_else(
        || source.start(),
        |at| {
            let start = source.byte_at(at.line(), at.column());
            let length = usize::try_from(at.span().len()).unwrap_or(1).max(1);
            let end = source.text[start..]
                .char_indices()
                .nth(length)
                .map_or(source.text.len(), |(index, _)| start + index);
            source.place(start..end)
        },
    );
    // `Display` appends the position, which stands before the message anyway.
    let mut message = error.to_string();
    if let Some(at) = message.find(" at line ") {
        message.truncate(at);
    }
    if message == "expected string scalar"
        || message.starts_with("cannot deserialize null into string")
    {
        message = "a key must be a plain text".to_owned();
    }
    let too_deep = message.contains("Depth {") || message.contains("recursion limit");
    let too_big = message.contains("budget breached") || message.contains("alias replay");
    let line = &source.text[source.line_of(source.byte_at(
        u64::from(place.location.line),
        u64::from(place.location.column),
    ))];
    if too_deep {
        Diagnostic::error(
            codes::NESTED_TOO_DEEP,
            Some(place),
            format!("nesting is deeper than {MAX_DEPTH} levels"),
        )
        .help("no kind needs this depth; look for stray brackets or indentation")
    } else if too_big {
        Diagnostic::error(
            codes::ALIAS_EXPANSION,
            Some(place),
            "anchors and aliases, or sheer numbers, make this file larger than is read".to_owned(),
        )
        .help("write repeated blocks once in a Table, or split the file")
    } else if message.contains("recursive references") {
        Diagnostic::error(
            codes::ALIAS_EXPANSION,
            Some(place),
            "an alias stands within its own anchor".to_owned(),
        )
        .help("move the anchor, or write the value out")
    } else {
        let help = if line.starts_with('\t') || message.contains("tabs disallowed") {
            Some("YAML is indented with spaces, never tabs".to_owned())
        } else if message.contains("mapping values are not allowed") {
            Some("quote a text that contains `: `".to_owned())
        } else if message.contains("unsupported tag") {
            Some("remove the tag; write values plainly or in quotes".to_owned())
        } else if line.contains(": {{") || line.contains("- {{") {
            Some("quote a template: a bare `{` begins a mapping".to_owned())
        } else {
            None
        };
        Diagnostic::error(
            codes::YAML_SYNTAX,
            Some(place),
            format!("not valid YAML: {message}"),
        )
        .help_if(help)
    }
}

const SURROGATES: &str = "a character in two escapes (a surrogate pair such as `\\ud83d\\ude00`) is JSON's way and none of YAML's: write the character itself, or one escape `\\U0001F600`";

/// Whether a text as it is written has the escape of half a surrogate pair.
fn has_surrogates(text: &str) -> bool {
    text.match_indices("\\u").any(|(at, _)| {
        let digits = text.as_bytes().get(at + 2..at + 6);
        digits.is_some_and(|digits| {
            digits.iter().all(u8::is_ascii_hexdigit)
                && matches!(digits[0], b'd' | b'D')
                && matches!(digits[1], b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
        })
    })
}

fn cross_read(source: &Source, docs: &[Doc], diagnostics: &mut Vec<Diagnostic>) {
    let values: Vec<&Json> = docs.iter().map(|doc| &doc.value).collect();
    match agree::differences(&source.text, &values) {
        Ok(differences) => {
            for (doc, pointers) in docs.iter().zip(differences) {
                for (pointer, is_key) in pointers {
                    let range = doc.spans.get(&pointer).map(|span| span.value.clone());
                    let text = range.and_then(|range| source.text.get(range));
                    let number = doc.value.pointer(&pointer).and_then(Json::as_number);
                    if number.is_some_and(agree::is_beyond) {
                        let message = "this number is too large to be read everywhere as it stands";
                        let place = Some(doc.value_place(&pointer));
                        diagnostics.push(
                            Diagnostic::error(codes::READERS_DISAGREE, place, message.to_owned())
                                .help("put it in quotes when it is an id, or write a smaller one"),
                        );
                        continue;
                    }
                    diagnostics.push(
                        Diagnostic::error(
                            codes::READERS_DISAGREE,
                            Some(if is_key {
                                doc.key_place(&pointer)
                            } else {
                                doc.value_place(&pointer)
                            }),
                            "YAML readers disagree how to read this".to_owned(),
                        )
                        .help(
                            if !is_key && text.is_some_and(has_surrogates) {
                                SURROGATES
                            } else {
                                "put it in quotes"
                            },
                        ),
                    );
                }
            }
        }
        Err((message, at)) => {
            let place = at.map_or_else(
                || source.start(),
                |(line, column)| {
                    let byte = source.byte_at(line, column);
                    source.place(byte..byte + 1)
                },
            );
            let line = at.and_then(|(line, _)| {
                let before = usize::try_from(line.saturating_sub(1)).ok()?;
                source.text.lines().nth(before)
            });
            diagnostics.push(
                Diagnostic::error(codes::READERS_DISAGREE, Some(place), message).help(
                    if line.is_some_and(has_surrogates) {
                        SURROGATES
                    } else {
                        "write it more plainly: no tags, no unusual document markers, quoted texts"
                    },
                ),
            );
        }
    }
}

impl Doc {
    fn new(source: &Arc<Source>, node: Node, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut spans = HashMap::new();
        let value = walk(
            source,
            node,
            None,
            &mut String::new(),
            &mut spans,
            diagnostics,
        );
        Self {
            source: source.clone(),
            value,
            spans,
            broken: BTreeSet::new(),
        }
    }

    /// The place of the key at a pointer; of the value where there is no key; of the nearest ancestor when nothing is
    /// written there.
    pub(crate) fn key_place(&self, pointer: &str) -> Place {
        match self.nearest(pointer) {
            Some(span) => self
                .source
                .place(span.key.clone().unwrap_or(span.value.clone())),
            None => self.source.start(),
        }
    }

    /// The place of the value at a pointer. Lists and mappings are marked by their key.
    pub(crate) fn value_place(&self, pointer: &str) -> Place {
        match self.nearest(pointer) {
            Some(span) if span.scalar && !span.value.is_empty() => {
                self.source.place(span.value.clone())
            }
            Some(span) => self
                .source
                .place(span.key.clone().unwrap_or(span.value.clone())),
            None => self.source.start(),
        }
    }

    /// The place of some bytes of the text at a pointer, wherever quoting and folding put them in the file.
    pub(crate) fn place_within(&self, pointer: &str, range: Range<usize>) -> Place {
        let Some(span) = self.spans.get(pointer).filter(|span| !span.aliased) else {
            return self.value_place(pointer);
        };
        let Some(text) = self.value.pointer(pointer).and_then(Json::as_str) else {
            return self.value_place(pointer);
        };
        let written = &self.source.text[span.value.clone()];
        let Some(origins) = scalar::origins(written, text) else {
            return self.value_place(pointer);
        };
        let at = |byte: usize| span.value.start + origins[byte.min(text.len())];
        let start = at(range.start);
        // The end of what is written for the last byte, not the start of what comes after it.
        let end = if range.end > range.start {
            at(range.end).max(at(range.end - 1) + 1)
        } else {
            start
        };
        self.source.place(start..end)
    }

    /// Bytes of the file in which the scalar at a pointer is written.
    pub(crate) fn written(&self, pointer: &str) -> Option<Range<usize>> {
        self.spans
            .get(pointer)
            .filter(|span| span.scalar)
            .map(|span| span.value.clone())
    }

    /// The text at a pointer.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Json::as_str)
    }

    /// Notes that a pointer has been complained about.
    pub(crate) fn mark_broken(&mut self, pointer: &str) {
        self.broken.insert(pointer.to_owned());
    }

    /// True when the pointer or something above it has been complained about.
    pub(crate) fn is_broken(&self, pointer: &str) -> bool {
        let mut at = pointer;
        loop {
            if self.broken.contains(at) {
                return true;
            }
            match at.rfind('/') {
                Some(cut) => at = &at[..cut],
                None => return false,
            }
        }
    }

    /// True when anything at or below the pointer, or the pointer itself, has been complained about: what seems to be
    /// missing there may not be.
    pub(crate) fn is_incomplete(&self, pointer: &str) -> bool {
        self.is_broken(pointer)
            || self
                .broken
                .range(pointer.to_owned()..)
                .take_while(|broken| broken.starts_with(pointer))
                .any(|broken| broken[pointer.len()..].starts_with('/'))
    }

    /// The positions plans and reports use.
    pub(crate) fn positions(&self) -> Positions {
        let place = |range: &Range<usize>| {
            let location = self.source.place(range.clone()).location;
            (location.line, location.column)
        };
        Positions {
            file: self.source.file.clone(),
            nodes: self
                .spans
                .iter()
                .map(|(pointer, span)| {
                    let value = place(&span.value);
                    let key = span.key.as_ref().map_or(value, place);
                    (pointer.clone(), NodePosition { key, value })
                })
                .collect(),
        }
    }

    fn nearest(&self, pointer: &str) -> Option<&Span> {
        let mut at = pointer;
        loop {
            if let Some(span) = self.spans.get(at) {
                return Some(span);
            }
            at = &at[..at.rfind('/')?];
        }
    }
}

/// Appends a step to a JSON pointer (RFC 6901).
pub(crate) fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    for c in step.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// A pointer and one step more.
pub(crate) fn join(pointer: &str, step: &str) -> String {
    let mut joined = pointer.to_owned();
    push_step(&mut joined, step);
    joined
}

fn walk(
    source: &Source,
    node: Node,
    key: Option<Range<usize>>,
    pointer: &mut String,
    spans: &mut HashMap<String, Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Json {
    let Node(node) = node;
    let value = range(source, node.referenced);
    spans.insert(
        pointer.clone(),
        Span {
            key,
            value,
            scalar: !matches!(node.value, Value::List(_) | Value::Map(_)),
            aliased: node.referenced != node.defined,
        },
    );
    match node.value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => Json::Bool(flag),
        Value::Number(number) => Json::Number(number),
        Value::Unrepresentable(text) | Value::Text(text) => Json::String(text),
        Value::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let cut = pointer.len();
                push_step(pointer, &index.to_string());
                let item = walk(source, item, None, pointer, spans, diagnostics);
                pointer.truncate(cut);
                item
            })
            .collect(),
        Value::Map(entries) => {
            let mut map = serde_json::Map::new();
            let mut first: HashMap<String, u64> = HashMap::new();
            for (key, item) in entries {
                let place = range(source, key.referenced);
                if map.contains_key(&key.value) {
                    // A merged key yields to one written out; only those written twice are faults.
                    if key.referenced == key.defined {
                        diagnostics.push(
                            Diagnostic::error(
                                codes::DUPLICATE_KEY,
                                Some(source.place(place)),
                                format!("{} is given twice", quoted(&key.value)),
                            )
                            .help_if(first.get(&key.value).map(
                                |line| format!("the first one is on line {line}; keep one of them"),
                            )),
                        );
                    }
                    continue;
                }
                first.insert(key.value.clone(), key.referenced.line());
                let cut = pointer.len();
                push_step(pointer, &key.value);
                let item = walk(source, item, Some(place), pointer, spans, diagnostics);
                pointer.truncate(cut);
                map.insert(key.value, item);
            }
            Json::Object(map)
        }
    }
}

fn range(source: &Source, at: serde_saphyr::Location) -> Range<usize> {
    let span = at.span();
    let bytes = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start + usize::try_from(length).ok()?)
        })
        .filter(|range| source.text.get(range.clone()).is_some());
    bytes.unwrap_or_else(|| {
        let start = source.byte_at(at.line(), at.column());
        start..start
    })
}

#[cfg(test)]
mod tests;
