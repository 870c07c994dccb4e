//! `kind: Source`: what its fields, their rules and the checks of its reads say of each other.
//!
//! Expressions over records are checked beside this; here is only what is declared about values.

use std::collections::{BTreeSet, HashMap};

use super::{Entry, Report, Set};
use crate::config::diagnostic::{did_you_mean, quoted};
use crate::config::kinds::{FieldSpec, KeysOf, Normalise, OneOf, QualityRule, Source};
use crate::config::yaml::{Doc, join};
use crate::config::{codes, unusable_date_format};
use crate::model::FactType;

pub(super) fn check(source: &Entry<Source>, set: &Set, report: &mut Report) {
    let doc = &source.doc;
    let spec = &source.spec;
    if let Some(normalise) = &spec.normalise {
        self::normalise(doc, "/spec/normalise", normalise, report);
    }
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (name, field) in &spec.person.fields {
        let pointer = join("/spec/person/fields", name);
        if let Some(first) = seen.insert(name.to_lowercase(), name) {
            report.error_key(
                doc,
                &pointer,
                codes::DUPLICATE_KEY,
                format!(
                    "{} and {} differ only in case, and one is easily taken for the other",
                    quoted(first),
                    quoted(name)
                ),
                Some("keep one of them, or give one another name".to_owned()),
            );
        }
        if let Some(normalise) = &field.normalise {
            self::normalise(doc, &join(&pointer, "normalise"), normalise, report);
        }
        self::field(doc, &pointer, field, report);
        for (index, rule) in field.rules.iter().enumerate() {
            let pointer = join(&join(&pointer, "rules"), &index.to_string());
            let checked = Rule {
                source,
                set,
                pointer: &pointer,
                name,
                field,
                rule,
            };
            checked.check(report);
        }
    }
    for (index, part) in spec.completeness.parts.iter().enumerate() {
        let pointer = join("/spec/completeness/parts", &index.to_string());
        known_field(source, &join(&pointer, "field"), &part.field, report);
        if part.present.is_empty() && !part.as_last_good {
            report.error(
                doc,
                &pointer,
                codes::RULE_WITHOUT_CHECK,
                "this asks for nothing",
                Some("list values under `present`, or set `asLastGood: true`".to_owned()),
            );
        }
    }
}

fn normalise(doc: &Doc, pointer: &str, normalise: &Normalise, report: &mut Report) {
    let Some(dates) = &normalise.dates else {
        return;
    };
    let zone = dates.zone.as_str();
    if !matches!(zone, "utc" | "project") && jiff::tz::TimeZone::get(zone).is_err() {
        report.error(
            doc,
            &join(&join(pointer, "dates"), "zone"),
            codes::BAD_TIME_ZONE,
            format!("{} is not a known time zone", quoted(zone)),
            Some("write `utc`, `project`, or a name such as `Europe/London`".to_owned()),
        );
    }
}

fn is_date(fact_type: FactType) -> bool {
    matches!(fact_type, FactType::Date | FactType::DateTime)
}

/// As it is written in a file.
fn written(fact_type: FactType) -> &'static str {
    match fact_type {
        FactType::Text => "text",
        FactType::Integer => "integer",
        FactType::Boolean => "boolean",
        FactType::Date => "date",
        FactType::DateTime => "dateTime",
        FactType::List => "list",
        FactType::Email => "email",
        FactType::Binary => "binary",
    }
}

fn does_not_fit(doc: &Doc, pointer: &str, field: &FieldSpec, fits: &str, report: &mut Report) {
    report.error_key(
        doc,
        pointer,
        codes::RULE_DOES_NOT_FIT,
        format!(
            "this says nothing of a field of type {}",
            written(field.fact_type)
        ),
        Some(format!("it is for {fits}")),
    );
}

fn field(doc: &Doc, pointer: &str, field: &FieldSpec, report: &mut Report) {
    if let Some(formats) = &field.format {
        let at = join(pointer, "format");
        if !is_date(field.fact_type) {
            does_not_fit(doc, &at, field, "`date` and `dateTime`", report);
        }
        for (index, format) in formats.all().iter().enumerate() {
            let Some(why) = unusable_date_format(format) else {
                continue;
            };
            let at = match formats {
                crate::config::kinds::DateFormats::One(_) => at.clone(),
                crate::config::kinds::DateFormats::Several(_) => join(&at, &index.to_string()),
            };
            report.error(
                doc,
                &at,
                codes::BAD_DATE_FORMAT,
                format!("no day can be read with {}: {why}", quoted(format)),
                Some("for example `%d/%m/%Y`, `%Y%m%d`, `%d %b %Y`; `%-d` is a day without leading zero".to_owned()),
            );
        }
    }
    if field.max_bytes.is_some() && field.fact_type != FactType::Binary {
        let at = join(pointer, "maxBytes");
        does_not_fit(doc, &at, field, "`binary`", report);
    }
    if field.unique.severity().is_some() && field.fact_type == FactType::Binary {
        let at = join(pointer, "unique");
        does_not_fit(doc, &at, field, "anything but `binary`", report);
    }
}

/// A field that another part of the document names; its type.
fn known_field(
    source: &Entry<Source>,
    pointer: &str,
    name: &str,
    report: &mut Report,
) -> Option<FactType> {
    let fields = &source.spec.person.fields;
    if let Some(found) = fields.get(name) {
        return Some(found.fact_type);
    }
    report.error(
        &source.doc,
        pointer,
        codes::UNKNOWN_PERSON_FIELD,
        format!("there is no field {}", quoted(name)),
        did_you_mean(name, fields.keys().map(String::as_str)),
    );
    None
}

/// One rule of one field.
struct Rule<'a> {
    source: &'a Entry<Source>,
    set: &'a Set,
    pointer: &'a str,
    name: &'a str,
    field: &'a FieldSpec,
    rule: &'a QualityRule,
}

impl Rule<'_> {
    fn check(&self, report: &mut Report) {
        let doc = &self.source.doc;
        let rule = self.rule;
        let fact_type = self.field.fact_type;
        let texts = matches!(
            fact_type,
            FactType::Text | FactType::Email | FactType::Integer | FactType::List
        );
        let dates = is_date(fact_type);
        let numbers = fact_type == FactType::Integer;
        let one = [
            ("pattern", rule.pattern.is_some(), texts, "text"),
            ("oneOf", rule.one_of.is_some(), texts, "text"),
            ("minLength", rule.min_length.is_some(), texts, "text"),
            ("maxLength", rule.max_length.is_some(), texts, "text"),
            ("min", rule.min.is_some(), numbers, "`integer`"),
            ("max", rule.max.is_some(), numbers, "`integer`"),
            (
                "after",
                rule.after.is_some(),
                dates,
                "`date` and `dateTime`",
            ),
            (
                "notBefore",
                rule.not_before.is_some(),
                dates,
                "`date` and `dateTime`",
            ),
            (
                "image",
                rule.image.is_some(),
                fact_type == FactType::Binary,
                "`binary`",
            ),
        ];
        if !one.iter().any(|(_, given, ..)| *given) {
            report.error(
                doc,
                self.pointer,
                codes::RULE_WITHOUT_CHECK,
                "this rule checks nothing",
                Some("add `pattern`, `oneOf`, `minLength`, `maxLength`, `min`, `max`, `after`, `notBefore` or `image`".to_owned()),
            );
        }
        for (member, given, fits, what) in one {
            if given && !fits {
                let at = join(self.pointer, member);
                does_not_fit(doc, &at, self.field, what, report);
            }
        }
        self.pattern(report);
        self.ranges(report);
        self.one_of(report);
        for (member, other) in [("after", &rule.after), ("notBefore", &rule.not_before)] {
            if let Some(other) = other {
                self.other(member, other, report);
            }
        }
    }

    fn pattern(&self, report: &mut Report) {
        let Some(pattern) = &self.rule.pattern else {
            return;
        };
        if let Err(error) = crate::config::pattern(pattern) {
            // The last line says what is wrong, those before draw it.
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default();
            report.error(
                &self.source.doc,
                &join(self.pointer, "pattern"),
                codes::BAD_PATTERN,
                format!("this is not a regular expression: {}", why.trim_start_matches("error: ")),
                Some("for example `^E\\d{4}$`; look-around and back-references do not exist, so that matching never takes long".to_owned()),
            );
        }
    }

    fn ranges(&self, report: &mut Report) {
        let doc = &self.source.doc;
        let rule = self.rule;
        let lengths = (
            rule.min_length.map(i64::from),
            rule.max_length.map(i64::from),
        );
        for (member, range) in [("minLength", lengths), ("min", (rule.min, rule.max))] {
            if let (Some(least), Some(most)) = range
                && least > most
                && !doc.is_incomplete(self.pointer)
            {
                report.error(
                    &self.source.doc,
                    &join(self.pointer, member),
                    codes::OUT_OF_RANGE,
                    format!("{least} is more than {most}, so no value fits"),
                    None,
                );
            }
        }
    }

    fn one_of(&self, report: &mut Report) {
        let Some(OneOf::Table(KeysOf { table })) = &self.rule.one_of else {
            return;
        };
        let tables: BTreeSet<&str> = self
            .set
            .tables
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        if !tables.contains(table.as_str()) && !self.set.incomplete {
            report.error(
                &self.source.doc,
                &join(&join(self.pointer, "oneOf"), "table"),
                codes::UNKNOWN_TABLE,
                format!("there is no table {}", quoted(table)),
                did_you_mean(table, tables.iter().copied()),
            );
        }
    }

    /// The field whose date this one's is compared with.
    fn other(&self, member: &str, other: &str, report: &mut Report) {
        let at = join(self.pointer, member);
        let doc = &self.source.doc;
        if other == self.name {
            report.error(
                doc,
                &at,
                codes::RULE_DOES_NOT_FIT,
                "this is the field itself",
                Some("name the other date".to_owned()),
            );
            return;
        }
        let Some(found) = known_field(self.source, &at, other, report) else {
            return;
        };
        if is_date(self.field.fact_type) && found != self.field.fact_type {
            report.error(
                doc,
                &at,
                codes::RULE_DOES_NOT_FIT,
                format!(
                    "{} is of type {}, and this field of type {}",
                    quoted(other),
                    written(found),
                    written(self.field.fact_type)
                ),
                Some("only dates with dates and moments with moments can be compared".to_owned()),
            );
        }
    }
}
