//! JSON Schemas of the kinds, and validation against them.
//!
//! The one room that knows the validator crate. Findings are positions by JSON pointer; nothing here knows files.
//! Each finding comes with a repair, so that the rest of a faulty document can still be checked.

mod translate;

use std::collections::HashSet;
use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use self::translate::Translator;
use super::{API_VERSION, codes, kinds};

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Project,
    Source,
    ActiveDirectory,
    Mapping,
    Template,
    Table,
    Groups,
    Lifecycle,
    Guards,
    Waiver,
    Links,
    Exceptions,
    MappingTest,
}

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Project,
        Self::Source,
        Self::ActiveDirectory,
        Self::Mapping,
        Self::Template,
        Self::Table,
        Self::Groups,
        Self::Lifecycle,
        Self::Guards,
        Self::Waiver,
        Self::Links,
        Self::Exceptions,
        Self::MappingTest,
    ];

    /// As written in `kind`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Source => "Source",
            Self::ActiveDirectory => "ActiveDirectory",
            Self::Mapping => "Mapping",
            Self::Template => "Template",
            Self::Table => "Table",
            Self::Groups => "Groups",
            Self::Lifecycle => "Lifecycle",
            Self::Guards => "Guards",
            Self::Waiver => "Waiver",
            Self::Links => "Links",
            Self::Exceptions => "Exceptions",
            Self::MappingTest => "MappingTest",
        }
    }

    /// Stem of the schema file's name.
    fn file_stem(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Source => "source",
            Self::ActiveDirectory => "active-directory",
            Self::Mapping => "mapping",
            Self::Template => "template",
            Self::Table => "table",
            Self::Groups => "groups",
            Self::Lifecycle => "lifecycle",
            Self::Guards => "guards",
            Self::Waiver => "waiver",
            Self::Links => "links",
            Self::Exceptions => "exceptions",
            Self::MappingTest => "mapping-test",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which draft a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// 2020-12.
    Current,
    /// Draft-07, for older editors.
    Seven,
}

impl Draft {
    /// Generator settings of this draft.
    pub fn settings(self) -> SchemaSettings {
        match self {
            Self::Current => SchemaSettings::draft2020_12(),
            Self::Seven => SchemaSettings::draft07(),
        }
    }
}

/// File stem and schema of every kind.
pub fn of_kinds(draft: Draft) -> Vec<(&'static str, Value)> {
    Kind::ALL
        .into_iter()
        .map(|kind| (kind.file_stem(), of_kind(kind, draft)))
        .collect()
}

/// Takes from every field the leave to be `null`: a key with nothing after it is something that was begun, and reading it as
/// left out would make a condition that was emptied true for everybody. Values of free maps keep it.
fn without_null(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(without_null);
        }
        return;
    };
    if let Some(Value::Object(fields)) = members.get_mut("properties") {
        for field in fields.values_mut().filter_map(Value::as_object_mut) {
            required(field);
        }
    }
    members.values_mut().for_each(without_null);
}

/// One field that is something when it is there.
fn required(field: &mut serde_json::Map<String, Value>) {
    let is_null = |alternative: &Value| alternative["type"] == "null";
    if let Some(Value::Array(types)) = field.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            field.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = field.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(alternatives)) = field.get_mut("anyOf") else {
        return;
    };
    if !alternatives.iter().any(is_null) {
        return;
    }
    alternatives.retain(|alternative| !is_null(alternative));
    if let [Value::Object(only)] = alternatives.as_slice() {
        let only = only.clone();
        field.remove("anyOf");
        for (name, value) in only {
            field.entry(name).or_insert(value);
        }
    }
}

fn of_kind(kind: Kind, draft: Draft) -> Value {
    let mut generator = draft.settings().into_generator();
    let spec = match kind {
        Kind::Project => generator.subschema_for::<kinds::Project>(),
        Kind::Source => generator.subschema_for::<kinds::Source>(),
        Kind::ActiveDirectory => generator.subschema_for::<kinds::ActiveDirectory>(),
        Kind::Mapping => generator.subschema_for::<kinds::Mapping>(),
        Kind::Template => generator.subschema_for::<kinds::Template>(),
        Kind::Table => generator.subschema_for::<kinds::Table>(),
        Kind::Groups => generator.subschema_for::<kinds::Groups>(),
        Kind::Links => generator.subschema_for::<kinds::Links>(),
        Kind::Exceptions => generator.subschema_for::<kinds::Exceptions>(),
        Kind::Lifecycle => generator.subschema_for::<kinds::Lifecycle>(),
        Kind::Guards => generator.subschema_for::<kinds::Guards>(),
        Kind::Waiver => generator.subschema_for::<kinds::Waiver>(),
        Kind::MappingTest => generator.subschema_for::<kinds::MappingTest>(),
    };
    let definitions = generator.take_definitions(true);
    let (meta, place) = match draft {
        Draft::Current => ("https://json-schema.org/draft/2020-12/schema", "$defs"),
        Draft::Seven => ("http://json-schema.org/draft-07/schema#", "definitions"),
    };
    let description = definitions
        .get(kind.name())
        .and_then(|schema| schema.get("description"))
        .cloned()
        .unwrap_or_default();
    let mut schema = json!({
        "$schema": meta,
        "title": kind.name(),
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": {
                "description": "Version of the configuration language.",
                "const": API_VERSION,
            },
            "kind": {
                "description": "What the document declares.",
                "const": kind.name(),
            },
            "metadata": {
                "description": "What the document is called.",
                "type": "object",
                "properties": {
                    "name": {
                        "description": "Name other documents refer to it by; unique among documents of its kind.",
                        "type": "string",
                        "pattern": NAME_PATTERN,
                    },
                    "description": {
                        "description": "For people.",
                        "type": "string",
                    },
                },
                "required": ["name"],
                "additionalProperties": false,
            },
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    });
    schema[place] = Value::Object(definitions);
    // What is expected of a test may be nothing.
    if kind != Kind::MappingTest {
        without_null(&mut schema);
    }
    schema
}

const NAME_PATTERN: &str = "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$";

/// Which part of a node a finding marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Key,
    Value,
}

/// What makes the rest of the document usable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Repair {
    Remove,
    Set(Value),
}

/// One violation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    /// The node to mark.
    pub(crate) pointer: String,
    pub(crate) mark: Mark,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// The node to repair, and how.
    pub(crate) repair: (String, Repair),
}

struct Compiled {
    kind: Kind,
    schema: Value,
    validator: Option<Validator>,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let mut schema = of_kind(kind, Draft::Current);
            bounded(&mut schema);
            // The schemas are our own; a test shows that every one compiles.
            let validator = jsonschema::draft202012::new(&schema).ok();
            Compiled {
                kind,
                schema,
                validator,
            }
        })
        .collect()
});

/// Writes out the bounds that the formats of whole numbers have: the validator knows formats of texts only, and a
/// number that does not fit its type would be refused later, in words of the deserializer.
fn bounded(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let bounds = match map.get("format").and_then(Value::as_str) {
                Some("uint8") => Some((json!(0), json!(u8::MAX))),
                Some("uint16") => Some((json!(0), json!(u16::MAX))),
                Some("uint32") => Some((json!(0), json!(u32::MAX))),
                Some("uint64") => Some((json!(0), json!(u64::MAX))),
                Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
                Some("int64") => Some((json!(i64::MIN), json!(i64::MAX))),
                _ => None,
            };
            if let Some((least, most)) = bounds {
                map.entry("minimum").or_insert(least);
                map.entry("maximum").or_insert(most);
            }
            map.values_mut().for_each(bounded);
        }
        Value::Array(items) => items.iter_mut().for_each(bounded),
        _ => {}
    }
}

/// Everything in which a document departs from its kind's schema.
pub(crate) fn validate(kind: Kind, document: &Value) -> Vec<Finding> {
    let Some(compiled) = COMPILED.iter().find(|compiled| compiled.kind == kind) else {
        return Vec::new();
    };
    let Some(validator) = &compiled.validator else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let translator = Translator {
        root: &compiled.schema,
    };
    for error in validator.iter_errors(document) {
        translator.translate(&error, &mut findings);
    }
    // Of a value of the wrong type nothing else is said.
    let mistyped: HashSet<String> = findings
        .iter()
        .filter(|finding| finding.code == codes::WRONG_TYPE)
        .map(|finding| finding.pointer.clone())
        .collect();
    findings.retain(|finding| {
        finding.code == codes::WRONG_TYPE
            || finding.mark == Mark::Key
            || !mistyped.contains(&finding.pointer)
    });
    findings
}

/// Applies the repairs of findings.
pub(crate) fn repaired(mut document: Value, findings: &[Finding]) -> Value {
    for finding in findings {
        let (pointer, repair) = &finding.repair;
        match repair {
            Repair::Set(value) => set(&mut document, pointer, value.clone()),
            Repair::Remove => {
                if let Some((parent, key)) = parent(pointer)
                    && let Some(Value::Object(map)) = document.pointer_mut(parent)
                {
                    map.shift_remove(&key);
                }
            }
        }
    }
    document
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    if let Some(node) = document.pointer_mut(pointer) {
        *node = value;
    } else if let Some((parent, key)) = parent(pointer)
        && let Some(Value::Object(map)) = document.pointer_mut(parent)
    {
        map.insert(key, value);
    }
}

fn parent(pointer: &str) -> Option<(&str, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((parent, key.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_compiles() {
        assert_eq!(COMPILED.len(), Kind::ALL.len());
        for compiled in COMPILED.iter() {
            assert!(compiled.validator.is_some(), "{:?}", compiled.kind);
            let old = of_kind(compiled.kind, Draft::Seven);
            assert!(jsonschema::draft7::new(&old).is_ok(), "{:?}", compiled.kind);
        }
    }

    fn project(spec: Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": "a"}, "spec": spec})
    }

    #[test]
    fn repairs_leave_a_document_that_loads() {
        let faulty =
            project(json!({"timezone": "UTC", "plan": 5, "initialPasswords": {"recipients": "x"}}));
        let findings = validate(Kind::Project, &faulty);
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.len(), 4, "{findings:?}");
        for code in [
            codes::UNKNOWN_FIELD,
            codes::MISSING_FIELD,
            codes::WRONG_TYPE,
        ] {
            assert!(codes.contains(&code), "{code}: {findings:?}");
        }
        let loads = repaired(faulty, &findings);
        let spec: Result<kinds::Project, _> = serde_json::from_value(loads["spec"].clone());
        assert!(spec.is_ok(), "{spec:?} {loads}");
    }

    #[test]
    fn a_repaired_document_of_every_kind_loads_from_nothing() {
        for kind in Kind::ALL {
            let bare = json!({"apiVersion": API_VERSION, "kind": kind.name(), "metadata": {"name": "a"}, "spec": {}});
            let findings = validate(kind, &bare);
            let loads = repaired(bare, &findings)["spec"].clone();
            let error = match kind {
                Kind::Project => serde_json::from_value::<kinds::Project>(loads).err(),
                Kind::Source => serde_json::from_value::<kinds::Source>(loads).err(),
                Kind::ActiveDirectory => {
                    serde_json::from_value::<kinds::ActiveDirectory>(loads).err()
                }
                Kind::Mapping => serde_json::from_value::<kinds::Mapping>(loads).err(),
                Kind::Template => serde_json::from_value::<kinds::Template>(loads).err(),
                Kind::Table => serde_json::from_value::<kinds::Table>(loads).err(),
                Kind::Groups => serde_json::from_value::<kinds::Groups>(loads).err(),
                Kind::Lifecycle => serde_json::from_value::<kinds::Lifecycle>(loads).err(),
                Kind::Guards => serde_json::from_value::<kinds::Guards>(loads).err(),
                Kind::Waiver => serde_json::from_value::<kinds::Waiver>(loads).err(),
                Kind::Links => serde_json::from_value::<kinds::Links>(loads).err(),
                Kind::Exceptions => serde_json::from_value::<kinds::Exceptions>(loads).err(),
                Kind::MappingTest => serde_json::from_value::<kinds::MappingTest>(loads).err(),
            };
            assert!(error.is_none(), "{kind:?}: {error:?}");
        }
    }
}
