//! What the quality of people's values means for a plan: who is held, what is only said, and what stops everything.
//!
//! Each source is judged once, however many targets its people have accounts in.

use std::collections::BTreeMap;

use super::build::{Moment, PlanError, PlanInput};
use super::draft::{Draft, Warnings, listed};
use super::records::Records;
use super::{PersonRef, QualityOutcome};
use crate::config::kinds::Severity;
use crate::config::{Document, kinds};
use crate::lifecycle::RuleBook;
use crate::model::{FieldIndex, Name, PeopleSnapshot, Person};
use crate::policy::{Code, Finding, Findings, Quality, held, warning};

/// How reviewers know the people of a source.
pub(super) struct Labels<'a> {
    source: &'a Name,
    /// Fields whose value is shown; the first that somebody has.
    fields: Vec<FieldIndex>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(source: &'a Document<kinds::Source>, people: &PeopleSnapshot) -> Self {
        let field = |name: &str| {
            let at = people
                .header
                .fields
                .iter()
                .position(|field| field.name.as_str() == name)?;
            u16::try_from(at).ok().map(FieldIndex)
        };
        let fields = source
            .spec
            .person
            .label
            .as_deref()
            .into_iter()
            .chain(["displayName", "number"])
            .filter_map(field)
            .collect();
        Self {
            source: &source.name,
            fields,
        }
    }

    pub(super) fn reference(&self, person: &Person) -> PersonRef {
        let label = self
            .fields
            .iter()
            .find_map(|field| person.fact(*field))
            .map_or_else(
                || person.key.as_str().to_owned(),
                crate::model::Fact::for_reviewers,
            );
        PersonRef {
            source: self.source.clone(),
            key: person.key.clone(),
            label,
        }
    }

    /// `label (key)`, as in a sentence.
    pub(super) fn shown(&self, person: &Person) -> String {
        self.reference(person).spoken()
    }
}

/// A source's rules and what was found.
pub(super) struct Judged {
    quality: Quality,
    findings: Findings,
}

/// How many people a refusal names.
const NAMED: usize = 20;

/// Judges every source a mapping uses.
///
/// # Errors
/// Somebody breaks a rule that stops everything.
pub(super) fn judge(
    input: &PlanInput<'_>,
    moment: &Moment,
    records: &BTreeMap<Name, Records>,
    book: &mut RuleBook,
    warnings: &mut Warnings,
) -> Result<BTreeMap<Name, Judged>, PlanError> {
    let mut all = BTreeMap::new();
    let mut stopped = Vec::new();
    let mut count = 0;
    for source in input.config.sources.values() {
        let used = input
            .config
            .mappings
            .values()
            .any(|mapping| mapping.spec.source == source.name.as_str());
        let Some(people) = input.people.get(&source.name).filter(|_| used) else {
            continue;
        };
        let quality = Quality::compile(source, &people.header, book);
        let records = records.get(&source.name);
        let person = |at| records.map_or(at, |records| records.primary(at));
        let findings = quality.judge(people, &moment.tables, person);
        let judged = Judged { quality, findings };
        let labels = Labels::new(source, people);
        judged.warn(people, &labels, warnings);
        count += judged.stop(people, &labels, book, &mut stopped);
        all.insert(source.name.clone(), judged);
    }
    if count == 0 {
        Ok(all)
    } else {
        Err(PlanError::Stopped {
            count,
            people: stopped,
        })
    }
}

impl Judged {
    /// Why somebody is held; `None` when they are not. With `early`, only when a value is not of its type: then nobody
    /// can say which rules concern them either.
    pub(super) fn draft(&self, at: u32, early: bool) -> Option<Draft> {
        let found = self.findings.by_person.get(&at)?;
        let mut held: Vec<&Finding> = found
            .iter()
            .filter(|finding| self.quality.rule(finding).severity == Severity::Hold)
            .collect();
        let rank = |finding: &Finding| {
            let code = self.quality.rule(finding).code();
            ORDER.iter().position(|one| *one == code)
        };
        held.sort_by_key(|finding| rank(finding));
        let first = self.quality.rule(held.first()?);
        if early && first.code() != held::INVALID_VALUE {
            return None;
        }
        let mut reasons = Vec::new();
        let mut missing: Vec<Name> = Vec::new();
        for finding in &held {
            let rule = self.quality.rule(finding);
            if rule.code() == held::MISSING_VALUE {
                missing.push(rule.field.clone());
            }
        }
        for finding in held {
            let rule = self.quality.rule(finding);
            if rule.code() != held::MISSING_VALUE {
                reasons.push(self.sentence(finding));
            } else if !missing.is_empty() {
                let missing = std::mem::take(&mut missing);
                reasons.push(format!("{} is required and has no value", listed(&missing)));
            }
        }
        Some(Draft::new(first.code(), reasons.join("; ")).rule(first.rule))
    }

    /// Each rule that was declared, or broken, with how often it was.
    pub(super) fn outcomes(&self) -> Vec<QualityOutcome> {
        self.quality
            .rules()
            .iter()
            .zip(&self.findings.counts)
            .filter(|(rule, broken)| rule.is_declared() || **broken > 0)
            .map(|(rule, broken)| QualityOutcome {
                field: rule.field.clone(),
                asks: rule.asks.clone(),
                severity: rule.severity,
                judged: self.findings.judged,
                broken: *broken,
                rule: super::changes::index(rule.rule),
            })
            .collect()
    }

    fn sentence(&self, finding: &Finding) -> String {
        let rule = self.quality.rule(finding);
        let said = rule
            .message
            .as_ref()
            .map_or_else(String::new, |message| format!(" ({message})"));
        // What is wrong with a raw value is a sentence of its own.
        let colon = if rule.code() == held::INVALID_VALUE {
            ":"
        } else {
            ""
        };
        format!("{}{colon} {}{said}", rule.field, finding.found)
    }

    fn warn(&self, people: &PeopleSnapshot, labels: &Labels<'_>, warnings: &mut Warnings) {
        for (at, found) in &self.findings.by_person {
            for finding in found {
                let rule = self.quality.rule(finding);
                let person = people.people.get(*at as usize);
                let Some(person) = person.filter(|_| rule.severity == Severity::Warn) else {
                    continue;
                };
                let (source, field) = (labels.source, &rule.field);
                let mut message = if rule.code() == held::MISSING_VALUE {
                    format!("{source}: not everybody has {field}")
                } else {
                    format!("{source}: not everybody's {field} {}", rule.asks)
                };
                if rule.code() == held::INVALID_VALUE {
                    message.push_str("; what is not counts as none");
                }
                if let Some(said) = &rule.message {
                    message.push_str(&format!(" ({said})"));
                }
                let example = if rule.code() == held::MISSING_VALUE {
                    labels.shown(person)
                } else {
                    format!("{}: {}", labels.shown(person), finding.found)
                };
                warnings.add(warning::QUALITY, message, example);
            }
        }
    }

    /// Notes up to a number of people who stop everything, in the order of their keys; gives how many there are.
    fn stop(
        &self,
        people: &PeopleSnapshot,
        labels: &Labels<'_>,
        book: &RuleBook,
        stopped: &mut Vec<String>,
    ) -> u64 {
        let stops = |finding: &&Finding| self.quality.rule(finding).severity == Severity::Stop;
        let mut found: Vec<(&Person, &Vec<Finding>)> = self
            .findings
            .by_person
            .iter()
            .filter(|(_, found)| found.iter().any(|finding| stops(&finding)))
            .filter_map(|(at, found)| Some((people.people.get(*at as usize)?, found)))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.key.natural_cmp(&other.key));
        for (person, found) in found.iter().take(NAMED) {
            for finding in found.iter().filter(stops) {
                stopped.push(format!(
                    "{}, {}: {} ({})",
                    labels.source,
                    labels.shown(person),
                    self.sentence(finding),
                    book.get(self.quality.rule(finding).rule).location
                ));
            }
        }
        found.len() as u64
    }
}

/// Which of several codes somebody is held under.
const ORDER: &[Code] = &[
    held::INVALID_VALUE,
    held::FIELD_NOT_DELIVERED,
    held::MISSING_VALUE,
    held::DUPLICATE_VALUE,
    held::QUALITY,
];
