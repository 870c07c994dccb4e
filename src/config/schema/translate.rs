//! The validator's errors in the user's words.
//!
//! Never shows a value that might be a secret: where a secret belongs, only that something stands there.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Value, json};

use super::{Finding, Mark, NAME_PATTERN, Repair};
use crate::config::diagnostic::{did_you_mean, list, quoted, suggest};
use crate::config::yaml::{join, push_step};
use crate::config::{codes, secrets};

/// Knows the schema that errors refer to.
pub(super) struct Translator<'a> {
    /// The whole schema.
    pub(super) root: &'a Value,
}

impl<'a> Translator<'a> {
    /// Says what an error means, and how the document could be repaired.
    pub(super) fn translate(&self, error: &ValidationError<'_>, out: &mut Vec<Finding>) {
        let pointer = error.instance_path().as_str().to_owned();
        let keyword = error.schema_path().as_str();
        let schema = keyword
            .rsplit_once('/')
            .and_then(|(parent, _)| self.root.pointer(parent))
            .unwrap_or(&Value::Null);
        let instance = error.instance().as_ref();
        let empty = matches!(error.kind(), ValidationErrorKind::MinLength { .. });
        if keyword.starts_with("/$defs/SecretRef/")
            && !instance.is_object()
            && !instance.is_null()
            && !empty
        {
            out.push(Finding {
                code: codes::LITERAL_SECRET,
                pointer: pointer.clone(),
                mark: Mark::Value,
                message: "a secret stands here in clear text".to_owned(),
                help: Some(secrets::HELP.to_owned()),
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
        let unfit = matches!(
            error.kind(),
            ValidationErrorKind::Type { .. }
                | ValidationErrorKind::AnyOf { .. }
                | ValidationErrorKind::OneOfNotValid { .. }
                | ValidationErrorKind::Constant { .. }
                | ValidationErrorKind::Enum { .. }
        );
        if unfit && instance.is_null() {
            out.push(at_value(
                codes::EMPTY_VALUE,
                "nothing stands here".to_owned(),
                Some("write a value, or take the field out".to_owned()),
            ));
            return;
        }
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known: Vec<&str> = self.properties(schema);
                for key in unexpected {
                    let at = join(&pointer, key);
                    out.push(Finding {
                        code: codes::UNKNOWN_FIELD,
                        message: format!("{} is not a field here", quoted(key)),
                        help: misplaced(&pointer, key)
                            .or_else(|| meant(key, &known))
                            .or_else(|| {
                                (!known.is_empty()).then(|| {
                                    format!("fields here are {}", list(known.iter().copied()))
                                })
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
                    matches!(
                        branch.get("$ref").and_then(Value::as_str),
                        Some("#/$defs/MaxFall" | "#/$defs/Share")
                    )
                }) && !instance.is_string() =>
            {
                out.push(bad_percentage(instance, &at_value));
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
                out.push(wrong_type(instance, &expected, example(schema), &at_value));
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
                } else if keyword.starts_with("/$defs/MaxFall/")
                    || keyword.starts_with("/$defs/Share/")
                {
bad_percentage(instance, &at_value)
                } else {
                    at_value(
                        codes::INVALID_VALUE,
                        format!("this does not have the form {}", quoted(pattern)),
                        example(schema).map(as_example),
                    )
                });
            }
            ValidationErrorKind::Minimum { limit }
            | ValidationErrorKind::ExclusiveMinimum { limit } => {
                out.push(at_value(
                    codes::OUT_OF_RANGE,
                    format!("the least here is {limit}"),
                    range(schema),
                ));
            }
            ValidationErrorKind::Maximum { limit }
            | ValidationErrorKind::ExclusiveMaximum { limit } => {
                out.push(at_value(
                    codes::OUT_OF_RANGE,
                    format!("the most here is {limit}"),
                    range(schema),
                ));
            }
            ValidationErrorKind::MinItems { limit }
            | ValidationErrorKind::MinProperties { limit }
            | ValidationErrorKind::MinLength { limit } => {
                out.push(at_value(
                    codes::EMPTY_VALUE,
                    if empty && *limit == 1 {
                        "this is empty".to_owned()
                    } else if *limit == 1 {
                        "this is empty; at least one entry is needed".to_owned()
                    } else {
                        format!("at least {limit} are needed here")
                    },
                    None,
                ));
            }
            ValidationErrorKind::MaxItems { limit } => out.push(at_value(
                codes::OUT_OF_RANGE,
                format!("this has more than {limit} entries, which is the most here"),
                None,
            )),
            ValidationErrorKind::MaxLength { limit } => out.push(at_value(
                codes::OUT_OF_RANGE,
                format!("this has more than {limit} characters, which is the most here"),
                None,
            )),
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
                        map.keys().find_map(|key| {
                            meant(key, &tags.iter().map(String::as_str).collect::<Vec<_>>())
                        }),
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
        // Text or a reference to a secret: neither a number nor a list was meant as a reference.
        if !instance.is_object()
            && !instance.is_string()
            && self.raw_branches(schema).any(|branch| {
                branch.get("$ref").and_then(Value::as_str) == Some("#/$defs/SecretRef")
            })
            && self
                .branches(schema)
                .any(|branch| branch.get("type").and_then(Value::as_str) == Some("string"))
        {
            out.push(wrong_type(instance, &["string".to_owned()], None, at_value));
            return;
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
            let before = out.len();
            for error in errors {
                self.translate(error, out);
            }
            let texts =
                |branch: &Value| branch.get("type").and_then(Value::as_str) == Some("string");
            if instance.is_number() && self.branches(schema).any(texts) {
                // What is only called a number, such as an id, may be written as text.
                for finding in &mut out[before..] {
                    finding.help = Some("put it in quotes".to_owned());
                }
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
            out.push(wrong_type(instance, &expected, None, at_value));
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

/// `did you mean X?` for a key; where references stand, also for one that is written out.
fn meant(key: &str, known: &[&str]) -> Option<String> {
    did_you_mean(key, known.iter().copied()).or_else(|| {
        let meant = secrets::reference_key(key)?;
        let reference = known.iter().all(|known| ["env", "file"].contains(known));
        (reference && known.contains(&meant)).then(|| format!("did you mean {}?", quoted(meant)))
    })
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
        Value::String(given) => {
            let known = match options().next() {
                Some(only) if options().count() == 1 => quoted(only),
                _ => format!("one of {}", list(options())),
            };
            let mut finding = at_value(
                codes::UNKNOWN_VALUE,
                format!("{} is not {known}", quoted(given)),
                did_you_mean(given, options()),
            );
            // Taken for what was meant, so that a slip of the fingers is complained of once.
            if let Some(meant) = suggest(given, options()) {
                finding.repair.1 = Repair::Set(json!(meant));
            }
            finding
        }
        other => at_value(
            codes::UNKNOWN_VALUE,
            format!("{} is not one of {}", described(other), list(options())),
            None,
        ),
    }
}

/// The place of a field that people look for elsewhere.
fn misplaced(pointer: &str, key: &str) -> Option<String> {
    let of_state = pointer.starts_with("/spec/states/")
        && pointer.ends_with("/account")
        && !pointer.contains("/stages/");
    (of_state && key == "delete").then(|| {
        "accounts are deleted in the last of `stages` of a state in which they are disabled before"
            .to_owned()
    })
}

/// How a text is written where its form matters.
fn example(schema: &Value) -> Option<&str> {
    schema.get("examples")?.get(0)?.as_str()
}

fn as_example(example: &str) -> String {
    format!("write it as in {}", quoted(example))
}

/// From where to where a number may go.
fn range(schema: &Value) -> Option<String> {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => Some(format!("write a whole number from {least} to {most}")),
        _ => None,
    }
}

fn bad_percentage(
    instance: &Value,
    at_value: &dyn Fn(&'static str, String, Option<String>) -> Finding,
) -> Finding {
    let digits = instance.as_str().and_then(|text| text.strip_suffix('%'));
    let above = digits
        .is_some_and(|digits| digits.len() > 2 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    at_value(
        codes::BAD_PERCENTAGE,
        if above {
            "this is more than 100 %".to_owned()
        } else {
            "this is not a percentage".to_owned()
        },
        Some("write a whole number from 0 to 100 and a percent sign, for example `10%`".to_owned()),
    )
}

fn wrong_type(
    instance: &Value,
    expected: &[String],
    example: Option<&str>,
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
    let wants_number = expected
        .iter()
        .any(|name| name == "integer" || name == "number");
    let help = match instance {
        Value::Number(_) | Value::Bool(_) if wants_text => Some(match example {
            Some(example) => as_example(example),
            None => "put it in quotes".to_owned(),
        }),
        Value::Number(_) if wants_number => {
            Some("leave out what stands after the point".to_owned())
        }
        Value::String(text) if wants_number && text.trim().parse::<i64>().is_ok() => {
            Some("write it without quotes".to_owned())
        }
        Value::String(_) if wants_number => {
            Some("write digits and nothing else, as in `10`".to_owned())
        }
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
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(number) if number.fract() != 0.0 => "a fraction",
            _ => "a number",
        },
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
