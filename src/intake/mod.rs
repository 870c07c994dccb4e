//! From raw records to facts: the one place where a source's odd ways of saying "none", numbers as doubles and
//! dates without a zone become typed, normalised facts about people.
//!
//! Pure: it is given records and gives people. It must not know how records are fetched, and decides nothing about
//! what a missing value means. It keeps *absent from the row*, *none* and *never delivered in this view* apart: the
//! first two are no fact, the last is [`Field::delivered`] being false.
//!
//! A value that is not of its type is a fault of that person, who stays known; a row that says not even who it is about
//! is rejected with the reason. Neither holds anybody else back, and no row is ever lost: each is somebody, is rejected,
//! or repeats an earlier one.

mod binary;
mod compile;
mod dates;
mod email;
pub mod join;
mod normalise;
mod taker;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::config;
use crate::lang::{Condition, Expression, Record};
use crate::model::{
    FactType, Fault, Field, FieldIndex, JoinHold, Name, Person, PersonKey, RejectedRow,
};

pub use normalise::identity;
pub use taker::{Taken, Taker};

/// The compiled way from records to people.
#[derive(Debug)]
pub struct Intake {
    fields: Vec<FieldPlan>,
    include: Option<Condition>,
    /// Endpoint and member that identify a person.
    key: (String, String),
    /// Zone in which moments become dates.
    zone: TimeZone,
    /// Everything fields are made from, each once.
    origins: Vec<Origin>,
    /// Whether HaloITSM's ways apply.
    halo: bool,
}

/// One field.
#[derive(Debug)]
struct FieldPlan {
    name: Name,
    reading: normalise::Reading,
    from: Expression,
    /// Indexes into [`Intake::origins`].
    origins: Vec<usize>,
}

/// Where in a record a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Member(String, String),
    CustomField(String),
}

/// HaloITSM's stand-in for people who are nobody in particular; `exclude_generaluser` does not always keep it out.
const PSEUDO_PERSON: &str = "general user";

impl Intake {
    /// Name and type of each field, in the order of [`Person::facts`]: sorted by name.
    pub fn fields(&self) -> Vec<(Name, FactType)> {
        self.fields
            .iter()
            .map(|field| (field.name.clone(), field.reading.fact_type))
            .collect()
    }

    /// The endpoint people are read from.
    pub fn endpoint(&self) -> &str {
        &self.key.0
    }

    /// The member that identifies a person in that endpoint's records.
    pub fn key_member(&self) -> &str {
        &self.key.1
    }

    /// The custom fields that must be in the records, sorted, each once.
    pub fn custom_fields(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .fields
            .iter()
            .flat_map(|field| field.from.custom_fields_used())
            .chain(
                self.include
                    .iter()
                    .flat_map(|include| include.custom_fields_used()),
            )
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The members of records that people are made from, by endpoint: what is kept of records that wait for others.
    pub fn members_read(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut add = |endpoint: &str, member: &str| {
            // Of a nested member the outermost is kept.
            let outer = member.split('.').next().unwrap_or(member);
            read.entry(endpoint.to_owned())
                .or_default()
                .insert(outer.to_owned());
        };
        add(&self.key.0, &self.key.1);
        if self.halo {
            add(&self.key.0, "name");
        }
        for (endpoint, member) in self
            .fields
            .iter()
            .flat_map(|field| field.from.members_used())
        {
            add(&endpoint, &member);
        }
        for (endpoint, member) in self
            .include
            .iter()
            .flat_map(|include| include.members_used())
        {
            add(&endpoint, &member);
        }
        read
    }

    /// The fields that an endpoint may have a say in, by name. Custom fields may stand in any record.
    pub fn fields_from(&self, endpoint: &str) -> BTreeSet<Name> {
        self.fields
            .iter()
            .filter(|field| {
                !field.from.custom_fields_used().is_empty()
                    || field
                        .from
                        .members_used()
                        .iter()
                        .any(|(of, _)| of == endpoint)
            })
            .map(|field| field.name.clone())
            .collect()
    }

    /// What identifies a record. HaloITSM's ids are whole numbers, written as number, double or text; other sources
    /// may give texts.
    pub fn key_of(&self, row: &serde_json::Value) -> Option<PersonKey> {
        self.identity(row.get(&self.key.1)?).ok()
    }

    fn identity(&self, value: &serde_json::Value) -> Result<PersonKey, String> {
        if self.halo {
            normalise::whole_number(value).map(|number| PersonKey::new(number.to_string()))
        } else {
            normalise::identity(value).map(PersonKey::new)
        }
    }

    /// One person from their records.
    ///
    /// A value of somebody in scope that is not of its type is a fault. People whom `include` leaves out are not judged
    /// by their facts: what cannot be understood of them is none.
    ///
    /// # Errors
    /// When the id is missing or unusable, or nobody can say whether the person is in scope. `row` then holds the id,
    /// or is empty when there is none.
    pub fn person(&self, records: &Record<'_>) -> Result<Person, RejectedRow> {
        self.person_or_held(records, Box::default())
    }

    /// The same of somebody about whom other endpoints did not say what is known: what reads a record that is not
    /// there is a fault, since nobody knows what it would give.
    ///
    /// # Errors
    /// As [`Intake::person`], and when `include` reads such a record.
    pub fn held_person(
        &self,
        records: &Record<'_>,
        held: Box<[JoinHold]>,
    ) -> Result<Person, RejectedRow> {
        self.person_or_held(records, held)
    }

    fn person_or_held(
        &self,
        records: &Record<'_>,
        held: Box<[JoinHold]>,
    ) -> Result<Person, RejectedRow> {
        let there = |endpoint: &str| records.parts.iter().any(|(name, _)| *name == endpoint);
        // Custom fields may stand in any record, so in one that is not there, too.
        let unknown = |used: &[(String, String)], custom: bool| {
            !held.is_empty() && (custom || used.iter().any(|(endpoint, _)| !there(endpoint)))
        };
        let row = records
            .parts
            .iter()
            .find(|(name, _)| *name == self.key.0)
            .map(|(_, row)| *row);
        let key = match row.and_then(|row| row.get(&self.key.1)) {
            None | Some(serde_json::Value::Null) => {
                return Err(RejectedRow {
                    row: String::new(),
                    reason: format!("it has no `{}`", self.key.1),
                });
            }
            Some(value) => self.identity(value).map_err(|reason| RejectedRow {
                row: String::new(),
                reason: format!("its `{}` {reason}", self.key.1),
            })?,
        };
        let reject = |reason: String| RejectedRow {
            row: key.to_string(),
            reason,
        };
        if let Some(include) = &self.include
            && let Some(first) = held.first()
            && unknown(
                &include.members_used(),
                !include.custom_fields_used().is_empty(),
            )
        {
            return Err(reject(format!(
                "whether it is in scope cannot be told: {}",
                first.reason
            )));
        }
        let in_scope = !(self.halo && row.is_some_and(is_pseudo_person))
            && match &self.include {
                None => true,
                Some(include) => include
                    .holds_for_record(records)
                    .map_err(|error| reject(format!("whether it is in scope: {error}")))?,
            };
        let mut facts = Vec::with_capacity(self.fields.len());
        let mut faults = Vec::new();
        for (at, field) in self.fields.iter().enumerate() {
            let fact = field
                .from
                .evaluate(records)
                .map_err(|error| error.to_string())
                .and_then(|value| match value {
                    None => Ok(None),
                    Some(value) => field.reading.fact(&value, &self.zone),
                });
            let fact = match (fact, held.first()) {
                (Ok(found), Some(first))
                    if unknown(
                        &field.from.members_used(),
                        found.is_none() && !field.from.custom_fields_used().is_empty(),
                    ) =>
                {
                    Err(first.reason.clone())
                }
                (fact, _) => fact,
            };
            facts.push(match fact {
                Ok(fact) => fact,
                Err(_) if !in_scope => None,
                Err(reason) => {
                    // A source has at most 65,535 fields; validation sees to that long before.
                    faults.extend(u16::try_from(at).ok().map(|at| Fault {
                        field: FieldIndex(at),
                        reason,
                    }));
                    None
                }
            });
        }
        Ok(Person {
            key,
            in_scope,
            facts: facts.into_boxed_slice(),
            faults: faults.into_boxed_slice(),
            held: if in_scope { held } else { Box::default() },
        })
    }

    /// The fields with what is known of their delivery: a field is delivered when every member it is made from
    /// stood in at least one row.
    fn described(&self, seen: &[bool]) -> Vec<Field> {
        self.fields
            .iter()
            .map(|field| Field {
                name: field.name.clone(),
                fact_type: field.reading.fact_type,
                delivered: field
                    .origins
                    .iter()
                    .all(|origin| seen.get(*origin).copied().unwrap_or_default()),
            })
            .collect()
    }
}

impl Intake {
    /// Whether a field's origin stands in the record. Members that every version of HaloITSM delivers in its list of
    /// people count as standing in every row of it: it leaves nulls out, and a company where nobody has a manager yet
    /// is no fault of the view.
    fn stands_in(&self, origin: &Origin, record: &Record<'_>) -> bool {
        match origin {
            Origin::Member(endpoint, member)
                if self.halo && *endpoint == self.key.0 && config::halo_always_lists(member) =>
            {
                true
            }
            _ => origin.stands_in(record),
        }
    }
}

impl Origin {
    /// Whether the member stands in the record, with whatever value. Of a custom field, whether the list of custom
    /// fields has an entry with its name.
    fn stands_in(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Member(endpoint, member) => record
                .parts
                .iter()
                .any(|(name, row)| name == endpoint && row.get(member).is_some()),
            Self::CustomField(wanted) => record
                .parts
                .iter()
                .filter_map(|(_, row)| row.get("customfields")?.as_array())
                .flatten()
                .any(|entry| {
                    entry.get("name").and_then(serde_json::Value::as_str) == Some(wanted.as_str())
                }),
        }
    }
}

fn is_pseudo_person(row: &serde_json::Value) -> bool {
    row.get("name")
        .and_then(serde_json::Value::as_str)
        .is_some_and(|name| name.trim().eq_ignore_ascii_case(PSEUDO_PERSON))
}
