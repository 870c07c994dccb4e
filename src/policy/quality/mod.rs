//! Whether people's values are as the source says they must be.
//!
//! Judges facts alone, so a recorded read gives the same findings as the read itself, whatever the order of people
//! (P8). It does not know accounts and decides nothing: what a finding means is its rule's severity.
//!
//! People out of scope are nobody's business here. Rules about a value say nothing of people without one.

mod test;
mod unique;

use hashbrown::HashMap;
use rayon::prelude::*;

use self::test::Test;
use crate::config::kinds::{FieldSpec, Severity};
use crate::config::{Document, kinds};
use crate::lang::Tables;
use crate::lifecycle::{RuleBook, RuleId};
use crate::model::held_codes::{Code, held};
use crate::model::{FieldIndex, Name, PeopleHeader, PeopleSnapshot, Person};

/// Everything a source asks of its people's values.
#[derive(Debug)]
pub struct Quality {
    rules: Vec<QualityRule>,
    /// By field of the header, the rule about values that are not of its type.
    invalid: Vec<Option<u16>>,
}

/// One rule about one field.
#[derive(Debug)]
pub struct QualityRule {
    /// The field.
    pub field: Name,
    /// What happens when it is broken.
    pub severity: Severity,
    /// What it asks for, for reviewers: `required`, `matches ^E\d{4}$`.
    pub asks: String,
    /// What its author says of it.
    pub message: Option<String>,
    /// Where it is written.
    pub rule: RuleId,
    at: FieldIndex,
    check: Check,
}

#[derive(Debug)]
enum Check {
    /// A value is of the field's type.
    Type,
    /// There is a value. The field stood in no row when false.
    Required { delivered: bool },
    /// Nobody else in scope has the value.
    Unique,
    /// The value is like this.
    Value(Vec<Test>),
}

/// One broken rule of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Index into [`Quality::rules`].
    pub rule: u16,
    /// What was found, as the end of a sentence that begins with the field's name.
    pub found: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// People's findings, by their place in the snapshot, in the order of rules.
    pub by_person: HashMap<u32, Vec<Finding>, foldhash::fast::RandomState>,
    /// How many people were judged.
    pub judged: u64,
    /// By rule, how many of them broke it.
    pub counts: Vec<u64>,
}

/// Somebody's place in the snapshot, and what they broke.
type Broken = (u32, Vec<Finding>);

/// People judged at a time by one core.
const CHUNK: usize = 1024;

impl Quality {
    /// Prepares a source's rules for people read with this header. A field the read does not know has no rules.
    pub fn compile(
        source: &Document<kinds::Source>,
        header: &PeopleHeader,
        book: &mut RuleBook,
    ) -> Self {
        let mut quality = Self {
            rules: Vec::new(),
            invalid: vec![None; header.fields.len()],
        };
        for (at, field) in header.fields.iter().enumerate() {
            let spec = source.spec.person.fields.get(field.name.as_str());
            let (Some(spec), Ok(at)) = (spec, u16::try_from(at)) else {
                continue;
            };
            let mut adding = Adding {
                source,
                header,
                book,
                at: FieldIndex(at),
                field: &field.name,
                quality: &mut quality,
            };
            adding.field(spec, field.delivered);
        }
        quality
    }

    /// The rules, in the order of fields and, within a field, as they are judged.
    pub fn rules(&self) -> &[QualityRule] {
        &self.rules
    }

    /// The rule a finding is about.
    pub fn rule(&self, finding: &Finding) -> &QualityRule {
        &self.rules[usize::from(finding.rule)]
    }

    /// Judges everybody in scope. `person` gives, for each place in the read, the place of the record that stands for
    /// its person: records of one person may share what must be unique.
    pub fn judge(
        &self,
        people: &PeopleSnapshot,
        tables: &Tables,
        person: impl Fn(u32) -> u32,
    ) -> Findings {
        let mut findings = Findings {
            counts: vec![0; self.rules.len()],
            ..Findings::default()
        };
        let found: Vec<(u64, Vec<Broken>)> = people
            .people
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(chunk, people)| {
                let mut judged = 0;
                let mut broken = Vec::new();
                for (at, person) in people.iter().enumerate() {
                    if !person.in_scope {
                        continue;
                    }
                    judged += 1;
                    let found = self.person(person, tables);
                    if !found.is_empty() {
                        let at = u32::try_from(chunk * CHUNK + at).unwrap_or(u32::MAX);
                        broken.push((at, found));
                    }
                }
                (judged, broken)
            })
            .collect();
        for (judged, broken) in found {
            findings.judged += judged;
            findings.by_person.extend(broken);
        }
        for (number, rule) in self.rules.iter().enumerate() {
            if !matches!(rule.check, Check::Unique) {
                continue;
            }
            for at in unique::sharing(people, rule.at, &person) {
                let found = findings.by_person.entry(at).or_default();
                found.push(Finding {
                    rule: u16::try_from(number).unwrap_or(u16::MAX),
                    found: "must be unique and other people have the same value".to_owned(),
                });
            }
        }
        for found in findings.by_person.values_mut() {
            found.sort_by_key(|finding| finding.rule);
            for finding in found {
                findings.counts[usize::from(finding.rule)] += 1;
            }
        }
        findings
    }

    /// What can be said of somebody without looking at others.
    fn person(&self, person: &Person, tables: &Tables) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |rule: usize, text: String| {
            found.push(Finding {
                rule: u16::try_from(rule).unwrap_or(u16::MAX),
                found: text,
            });
        };
        // Of somebody whose records are not known, faults say only that; the hold says it better.
        let faults = if person.held.is_empty() {
            &*person.faults
        } else {
            &[]
        };
        for fault in faults {
            let rule = self.invalid.get(usize::from(fault.field.0));
            if let Some(rule) = rule.copied().flatten() {
                add(usize::from(rule), fault.reason.clone());
            }
        }
        for (number, rule) in self.rules.iter().enumerate() {
            match (&rule.check, person.fact(rule.at)) {
                (Check::Type | Check::Unique, _)
                | (Check::Required { delivered: true }, Some(_))
                | (Check::Value(_), None) => {}
                (Check::Required { delivered: false }, _) => add(
                    number,
                    "is required and stood in no row of the read".to_owned(),
                ),
                (Check::Required { .. }, None) => {
                    // A value that is not of its type is told already.
                    if !person.faults.iter().any(|fault| fault.field == rule.at) {
                        add(number, "is required and has no value".to_owned());
                    }
                }
                (Check::Value(tests), Some(fact)) => {
                    let wrong = tests
                        .iter()
                        .find_map(|test| test.wrong(fact, person, tables));
                    if let Some(wrong) = wrong {
                        add(number, wrong);
                    }
                }
            }
        }
        found
    }
}

impl QualityRule {
    /// The code under which somebody who breaks it is held.
    pub fn code(&self) -> Code {
        match self.check {
            Check::Type => held::INVALID_VALUE,
            Check::Required { delivered: false } => held::FIELD_NOT_DELIVERED,
            Check::Required { .. } => held::MISSING_VALUE,
            Check::Unique => held::DUPLICATE_VALUE,
            Check::Value(_) => held::QUALITY,
        }
    }

    /// Whether it is written down; that a value is of its type is asked without a word.
    pub fn is_declared(&self) -> bool {
        !matches!(self.check, Check::Type)
    }
}

/// Rules of one field on their way in.
struct Adding<'a> {
    source: &'a Document<kinds::Source>,
    header: &'a PeopleHeader,
    book: &'a mut RuleBook,
    at: FieldIndex,
    field: &'a Name,
    quality: &'a mut Quality,
}

impl Adding<'_> {
    fn field(&mut self, spec: &FieldSpec, delivered: bool) {
        let number = u16::try_from(self.quality.rules.len()).unwrap_or(u16::MAX);
        if let Some(slot) = self.quality.invalid.get_mut(usize::from(self.at.0)) {
            *slot = Some(number);
        }
        let asks = format!("is {}", test::article(spec.fact_type));
        self.add("type", spec.invalid.severity(), asks, None, Check::Type);
        if let Some(severity) = spec.required.severity() {
            let check = Check::Required { delivered };
            self.add("required", severity, "is required".to_owned(), None, check);
        }
        if let Some(severity) = spec.unique.severity() {
            self.add(
                "unique",
                severity,
                "is unique".to_owned(),
                None,
                Check::Unique,
            );
        }
        for (index, rule) in spec.rules.iter().enumerate() {
            let tests = test::compile(rule, self.header);
            let asks: Vec<String> = tests.iter().map(Test::asks).collect();
            self.add(
                &format!("rules/{index}"),
                rule.severity,
                asks.join(", "),
                rule.message.clone(),
                Check::Value(tests),
            );
        }
    }

    fn add(
        &mut self,
        member: &str,
        severity: Severity,
        asks: String,
        message: Option<String>,
        check: Check,
    ) {
        let name = self.field.as_str().replace('~', "~0").replace('/', "~1");
        let pointer = format!("/spec/person/fields/{name}/{member}");
        let location = self.source.positions.value(&pointer);
        let rule = self.book.add(location, format!("{} {asks}", self.field));
        self.quality.rules.push(QualityRule {
            field: self.field.clone(),
            severity,
            asks,
            message,
            rule,
            at: self.at,
            check,
        });
    }
}
