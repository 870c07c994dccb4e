//! JSON Schemas of the kinds, and validation against them.
//!
//! The one place that knows the validator crate. Findings are positions by JSON pointer; nothing here knows files.
//! Each finding comes with a repair, so that the rest of a faulty document can still be checked.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::diagnostic::{did_you_mean, list, quoted};
use super::yaml::{join, push_step};
use super::{API_VERSION, codes, kinds};

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Project,
    Source,
    ActiveDirectory,
    Mapping,
    Table,
    Groups,
    Lifecycle,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Project,
        Self::Source,
        Self::ActiveDirectory,
        Self::Mapping,
        Self::Table,
        Self::Groups,
        Self::Lifecycle,
    ];

    /// As written in `kind`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Source => "Source",
            Self::ActiveDirectory => "ActiveDirectory",
            Self::Mapping => "Mapping",
            Self::Table => "Table",
            Self::Groups => "Groups",
            Self::Lifecycle => "Lifecycle",
        }
    }

    /// Stem of the schema file's name.
    fn file_stem(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Source => "source",
            Self::ActiveDirectory => "active-directory",
            Self::Mapping => "mapping",
            Self::Table => "table",
            Self::Groups => "groups",
            Self::Lifecycle => "lifecycle",
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

fn of_kind(kind: Kind, draft: Draft) -> Value {
    let mut generator = draft.settings().into_generator();
    let spec = match kind {
        Kind::Project => generator.subschema_for::<kinds::Project>(),
        Kind::Source => generator.subschema_for::<kinds::Source>(),
        Kind::ActiveDirectory => generator.subschema_for::<kinds::ActiveDirectory>(),
        Kind::Mapping => generator.subschema_for::<kinds::Mapping>(),
        Kind::Table => generator.subschema_for::<kinds::Table>(),
        Kind::Groups => generator.subschema_for::<kinds::Groups>(),
        Kind::Lifecycle => generator.subschema_for::<kinds::Lifecycle>(),
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
            let schema = of_kind(kind, Draft::Current);
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

struct Translator<'a> {
    root: &'a Value,
}

impl<'a> Translator<'a> {
    fn translate(&self, error: &ValidationError<'_>, out: &mut Vec<Finding>) {
        let pointer = error.instance_path().as_str().to_owned();
        let keyword = error.schema_path().as_str();
        let schema = keyword
            .rsplit_once('/')
            .and_then(|(parent, _)| self.root.pointer(parent))
            .unwrap_or(&Value::Null);
        let instance = error.instance().as_ref();
        if keyword.starts_with("/$defs/SecretRef/") && !instance.is_object() && !instance.is_null()
        {
            out.push(Finding {
                code: codes::LITERAL_SECRET,
                pointer: pointer.clone(),
                mark: Mark::Value,
                message: "a secret stands here in clear text".to_owned(),
                help: Some(super::secrets::HELP.to_owned()),
                repair: (pointer, Repair::Set(json!({"env": ""}))),
            });
            return;
        }
        let at_value = |code, message: String, help: Option<String>| Finding {
            code,
            pointer: pointer.clone(),
            mark: Mark::Value,
            message,
            help,
            repair: (pointer.clone(), Repair::Set(self.placeholder(schema, 0))),
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known: Vec<&str> = self.properties(schema);
                for key in unexpected {
                    let at = join(&pointer, key);
                    out.push(Finding {
                        code: codes::UNKNOWN_FIELD,
                        message: format!("{} is not a field here", quoted(key)),
                        help: did_you_mean(key, known.iter().copied()).or_else(|| {
                            (!known.is_empty())
                                .then(|| format!("fields here are {}", list(known.iter().copied())))
                        }),
                        mark: Mark::Key,
                        repair: (at.clone(), Repair::Remove),
                        pointer: at,
                    });
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let described = schema
                    .get("properties")
                    .and_then(|properties| properties.get(name))
                    .unwrap_or(&Value::Null);
                let mut at = pointer.clone();
                push_step(&mut at, name);
                out.push(Finding {
                    code: codes::MISSING_FIELD,
                    message: format!("{} is missing", quoted(name)),
                    help: self
                        .description(described)
                        .map(|text| format!("{name}: {}", first_sentence(text))),
                    mark: Mark::Key,
                    repair: (at, Repair::Set(self.placeholder(described, 0))),
                    pointer,
                });
            }
            ValidationErrorKind::AnyOf { .. }
                if self.raw_branches(schema).any(|branch| {
                    branch.get("$ref").and_then(Value::as_str) == Some("#/$defs/MaxFall")
                }) && !instance.is_string() =>
            {
                out.push(bad_percentage(&at_value));
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                self.alternatives(instance, schema, context, &at_value, out);
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => out.push(at_value(
                codes::ONE_OF,
                "this fits several alternatives at once".to_owned(),
                None,
            )),
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(one) => vec![one.as_str().to_owned()],
                    TypeKind::Multiple(several) => several
                        .into_iter()
                        .map(|one| one.as_str().to_owned())
                        .collect(),
                };
                out.push(wrong_type(instance, &expected, &at_value));
            }
            ValidationErrorKind::Constant { expected_value } => {
                out.push(unknown_value(
                    instance,
                    &[text_of(expected_value)],
                    &at_value,
                ));
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<String> = options
                    .as_array()
                    .map(|options| options.iter().map(text_of).collect())
                    .unwrap_or_default();
                out.push(unknown_value(instance, &options, &at_value));
            }
            ValidationErrorKind::Pattern { pattern } => {
                out.push(if pattern == NAME_PATTERN {
                    at_value(
                        codes::INVALID_NAME,
                        "this is not a usable name".to_owned(),
                        Some("a name has up to 63 letters, digits, `.`, `_` and `-`, and begins and ends with a letter or digit".to_owned()),
                    )
                } else if keyword.starts_with("/$defs/MaxFall/") {
bad_percentage(&at_value)
                } else {
                    at_value(
                        codes::INVALID_VALUE,
                        format!("this does not have the form {}", quoted(pattern)),
                        None,
                    )
                });
            }
            ValidationErrorKind::Minimum { limit }
            | ValidationErrorKind::ExclusiveMinimum { limit } => {
                out.push(at_value(
                    codes::OUT_OF_RANGE,
                    format!("the least here is {limit}"),
                    None,
                ));
            }
            ValidationErrorKind::Maximum { limit }
            | ValidationErrorKind::ExclusiveMaximum { limit } => {
                out.push(at_value(
                    codes::OUT_OF_RANGE,
                    format!("the most here is {limit}"),
                    None,
                ));
            }
            ValidationErrorKind::MinItems { limit }
            | ValidationErrorKind::MinProperties { limit }
            | ValidationErrorKind::MinLength { limit } => {
                out.push(at_value(
                    codes::EMPTY_VALUE,
                    if *limit == 1 {
                        "this is empty; at least one entry is needed".to_owned()
                    } else {
                        format!("at least {limit} are needed here")
                    },
                    None,
                ));
            }
            // Masked: the value itself may be a secret.
            _ => out.push(at_value(
                codes::INVALID_VALUE,
                error.masked().to_string(),
                None,
            )),
        }
    }

    /// Explains why none of several alternatives fits, by the one that was most probably meant.
    fn alternatives(
        &self,
        instance: &Value,
        schema: &Value,
        context: &[Vec<ValidationError<'_>>],
        at_value: &dyn Fn(&'static str, String, Option<String>) -> Finding,
        out: &mut Vec<Finding>,
    ) {
        let here = |error: &ValidationError<'_>| {
            error.instance_path().as_str() == at_value("", String::new(), None).pointer
        };
        // Plain words (`hold`, `report`) among the alternatives.
        let words: Vec<String> = self.words(schema);
        if let Value::String(_) = instance
            && !words.is_empty()
        {
            out.push(unknown_value(instance, &words, at_value));
            return;
        }
        // Alternatives told apart by the one key each has (`env`, `file`).
        let tags: Vec<String> = self.tags(schema);
        if let Value::Object(map) = instance
            && !tags.is_empty()
        {
            let given: Vec<&String> = tags.iter().filter(|tag| map.contains_key(*tag)).collect();
            match given.as_slice() {
                [] => {
                    let finding = at_value(
                        codes::UNKNOWN_VALUE,
                        format!(
                            "one of {} is needed here",
                            list(tags.iter().map(String::as_str))
                        ),
                        map.keys()
                            .find_map(|key| did_you_mean(key, tags.iter().map(String::as_str))),
                    );
                    let pointer = map
                        .keys()
                        .next()
                        .map_or(finding.pointer.clone(), |key| join(&finding.pointer, key));
                    out.push(Finding {
                        pointer,
                        mark: Mark::Key,
                        ..finding
                    });
                    return;
                }
                [_, second, ..] => {
                    let finding = at_value(
                        codes::ONE_OF,
                        format!(
                            "only one of {} can be given",
                            list(given.iter().map(|tag| tag.as_str()))
                        ),
                        None,
                    );
                    let pointer = join(&finding.pointer, second);
                    out.push(Finding {
                        mark: Mark::Key,
                        repair: (pointer.clone(), Repair::Remove),
                        pointer,
                        ..finding
                    });
                    return;
                }
                [_] => {}
            }
        }
        // The branch that accepts the value's type; of several the one with the fewest complaints about itself.
        let best = context
            .iter()
            .filter(|errors| {
                !errors.iter().any(|error| {
                    here(error)
                        && matches!(
                            error.kind(),
                            ValidationErrorKind::Type { .. }
                                | ValidationErrorKind::Constant { .. }
                                | ValidationErrorKind::Enum { .. }
                        )
                })
            })
            .min_by_key(|errors| errors.iter().filter(|error| here(error)).count());
        if let Some(errors) = best {
            for error in errors {
                self.translate(error, out);
            }
            return;
        }
        let mut expected: Vec<String> = Vec::new();
        for error in context.iter().flatten().filter(|error| here(error)) {
            match error.kind() {
                ValidationErrorKind::Type {
                    kind: TypeKind::Single(one),
                } => expected.push(one.as_str().to_owned()),
                ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. } => {
                    expected.push("string".to_owned());
                }
                _ => {}
            }
        }
        expected.sort();
        expected.dedup();
        if words.is_empty() {
            out.push(wrong_type(instance, &expected, at_value));
        } else {
            out.push(unknown_value(instance, &words, at_value));
        }
    }

    fn raw_branches<'s>(&self, schema: &'s Value) -> impl Iterator<Item = &'s Value> {
        ["oneOf", "anyOf"]
            .into_iter()
            .filter_map(|keyword| schema.get(keyword)?.as_array())
            .flatten()
    }

    fn branches<'s>(&'s self, schema: &'s Value) -> impl Iterator<Item = &'s Value> {
        self.raw_branches(schema).map(|branch| self.resolve(branch))
    }

    fn words(&self, schema: &Value) -> Vec<String> {
        self.branches(schema)
            .flat_map(|branch| {
                let listed = branch
                    .get("enum")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                branch.get("const").into_iter().chain(listed)
            })
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    }

    fn tags(&self, schema: &Value) -> Vec<String> {
        let mut tags = Vec::new();
        for branch in self.branches(schema) {
            if branch.get("type").and_then(Value::as_str) != Some("object") {
                continue;
            }
            match branch
                .get("required")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
            {
                Some([Value::String(tag)]) => tags.push(tag.clone()),
                _ => return Vec::new(),
            }
        }
        // One object among other types is not told apart by its key.
        if tags.len() < 2 { Vec::new() } else { tags }
    }

    fn properties(&self, schema: &'a Value) -> Vec<&'a str> {
        schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.root.pointer(reference.strip_prefix('#')?))
            .unwrap_or(schema)
    }

    fn description<'s>(&'s self, schema: &'s Value) -> Option<&'s str> {
        schema
            .get("description")
            .or_else(|| self.resolve(schema).get("description"))
            .and_then(Value::as_str)
    }

    /// A value of the right type, so that what surrounds a fault can be loaded.
    fn placeholder(&self, schema: &Value, depth: usize) -> Value {
        if depth > 12 {
            return Value::Null;
        }
        let schema = self.resolve(schema);
        if let Some(default) = schema.get("default") {
            return default.clone();
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema.get("enum").and_then(|options| options.get(0)) {
            return first.clone();
        }
        if let Some(first) = self.branches(schema).next() {
            return self.placeholder(first, depth + 1);
        }
        let kind = match schema.get("type") {
            Some(Value::Array(types)) => types.first().and_then(Value::as_str),
            Some(Value::String(kind)) => Some(kind.as_str()),
            _ => None,
        };
        match kind {
            Some("string") => json!(""),
            Some("boolean") => json!(false),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
            Some("array") => json!([]),
            Some("object") => {
                let mut map = serde_json::Map::new();
                let required = schema.get("required").and_then(Value::as_array);
                for name in required.into_iter().flatten().filter_map(Value::as_str) {
                    let property = schema
                        .get("properties")
                        .and_then(|properties| properties.get(name))
                        .unwrap_or(&Value::Null);
                    map.insert(name.to_owned(), self.placeholder(property, depth + 1));
                }
                Value::Object(map)
            }
            _ => Value::Null,
        }
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn unknown_value(
    instance: &Value,
    options: &[String],
    at_value: &dyn Fn(&'static str, String, Option<String>) -> Finding,
) -> Finding {
    let options = || options.iter().map(String::as_str);
    match instance {
        Value::String(given) => at_value(
            codes::UNKNOWN_VALUE,
            format!("{} is not one of {}", quoted(given), list(options())),
            did_you_mean(given, options()),
        ),
        other => at_value(
            codes::UNKNOWN_VALUE,
            format!("{} is not one of {}", described(other), list(options())),
            None,
        ),
    }
}

fn bad_percentage(at_value: &dyn Fn(&'static str, String, Option<String>) -> Finding) -> Finding {
    at_value(
        codes::BAD_PERCENTAGE,
        "this is not a percentage".to_owned(),
        Some("write a whole number from 0 to 100 and a percent sign, for example `10%`".to_owned()),
    )
}

fn wrong_type(
    instance: &Value,
    expected: &[String],
    at_value: &dyn Fn(&'static str, String, Option<String>) -> Finding,
) -> Finding {
    let names: Vec<&str> = expected
        .iter()
        // That a field may be left out is not what was meant.
        .filter(|name| *name != "null")
        .map(|name| match name.as_str() {
            "string" => "text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a mapping",
            other => other,
        })
        .collect();
    let wants_text = expected.iter().any(|name| name == "string");
    let help = match instance {
        Value::Number(_) | Value::Bool(_) if wants_text => Some("put it in quotes".to_owned()),
        Value::Object(map)
            if wants_text
                && map
                    .keys()
                    .any(|key| key.starts_with('{') || key.contains("object Object")) =>
        {
            Some("put the template in quotes".to_owned())
        }
        Value::Object(map) if wants_text && map.len() == 1 => {
            Some("a template begins with `{{` and must be put in quotes".to_owned())
        }
        Value::String(text)
            if expected.iter().any(|name| name == "boolean")
                && ["yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str()) =>
        {
            Some("write `true` or `false`".to_owned())
        }
        Value::String(_) if expected.iter().any(|name| name == "array") => {
            Some("write it as a list, with `- ` before each entry".to_owned())
        }
        _ => None,
    };
    at_value(
        codes::WRONG_TYPE,
        format!(
            "{} is needed here, not {}",
            names.join(" or "),
            described(instance)
        ),
        help,
    )
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn first_sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    match text.find(". ") {
        Some(end) => text[..end].to_owned(),
        None => text.trim_end_matches('.').to_owned(),
    }
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
                Kind::Table => serde_json::from_value::<kinds::Table>(loads).err(),
                Kind::Groups => serde_json::from_value::<kinds::Groups>(loads).err(),
                Kind::Lifecycle => serde_json::from_value::<kinds::Lifecycle>(loads).err(),
            };
            assert!(error.is_none(), "{kind:?}: {error:?}");
        }
    }
}
