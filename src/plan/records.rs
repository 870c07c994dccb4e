//! Records of a source that are of one person, and which of them counts.
//!
//! Knows facts and the source's `samePerson`, no accounts: what follows for those is in `same_person`. Each source is
//! judged once, however many targets its people have accounts in. Keeps that a value nobody has joins nobody, that of
//! several records none is chosen unless the conditions leave one alone, and that it does not matter in which order
//! they came.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::PersonRef;
use super::build::{Moment, PlanError, PlanInput, moment, tables};
use super::draft::Draft;
use super::quality::Labels;
use super::target::CHUNK;
use crate::config::{Document, kinds};
use crate::lang::{EvalError, PersonContext};
use crate::lifecycle::{Compiler, Formula, RuleBook, RuleId, Test};
use crate::mapping::Problem;
use crate::matching::{Hashed, hash};
use crate::model::{FieldIndex, Location, Name, PeopleSnapshot, PersonKey, folded};
use crate::policy::held;

/// More records than this are no person's: the value that joins them stands for something else, such as "unknown".
const MOST: usize = 10;

/// How many records a reason names.
const NAMED: usize = 8;

/// Which records of a source are of one person.
#[derive(Default)]
pub(super) struct Records {
    /// What becomes of records that are not simply a person of their own.
    standing: HashMap<u32, Standing>,
    /// People with several records, by their primary one.
    people: HashMap<u32, OnePerson>,
    /// Whether a record has a value by which another could be of the same person, by its place in the read.
    valued: Vec<bool>,
    /// Where `samePerson` is written.
    rule: Option<RuleId>,
}

enum Standing {
    /// Another record counts.
    Secondary(u32),
    /// Nobody can say which counts, or whose it is.
    Held(Box<Draft>),
}

/// A person with several records, of which one counts.
pub(super) struct OnePerson {
    /// The other records, in the order of their keys.
    pub(super) others: Vec<u32>,
    /// The condition that left the primary record alone; `None` where no other is in scope.
    pub(super) chosen: Option<Chosen>,
}

/// The condition that chose a record.
#[derive(Clone)]
pub(super) struct Chosen {
    pub(super) text: String,
    pub(super) rule: RuleId,
    pub(super) fields: Vec<Name>,
}

/// The records of every source a mapping uses.
///
/// # Errors
/// A text does not compile against the fields of the read.
pub(super) fn of_sources(
    input: &PlanInput<'_>,
    moment: &Moment,
    book: &mut RuleBook,
) -> Result<BTreeMap<Name, Records>, PlanError> {
    let tables: BTreeSet<Name> = input.config.tables.keys().cloned().collect();
    let mut all = BTreeMap::new();
    for source in input.config.sources.values() {
        let mut mappings = input.config.mappings.values();
        if !mappings.any(|mapping| mapping.spec.source == source.name.as_str()) {
            continue;
        }
        if let Some(people) = input.people.get(&source.name) {
            let records = Records::find(source, people, &tables, moment, book)?;
            all.insert(source.name.clone(), records);
        }
    }
    Ok(all)
}

/// The records of one person, as they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecords {
    /// The record that counts.
    pub primary: PersonRef,
    /// The others, in the order of their keys; of each, whether it is in scope.
    pub others: Vec<(PersonRef, bool)>,
    /// The condition that chose, and where it is written; `None` where no other record is in scope.
    pub chosen: Option<(String, Location)>,
    /// Where it is written by what records are of one person.
    pub by: Location,
}

/// The records of the person somebody's record is of; `None` where it is their only one, or nobody can say which counts.
///
/// # Errors
/// As for [`super::build`].
pub fn records_of(
    input: &PlanInput<'_>,
    source: &Name,
    key: &PersonKey,
) -> Result<Option<PersonRecords>, PlanError> {
    let (Some(document), Some(people)) =
        (input.config.sources.get(source), input.people.get(source))
    else {
        return Ok(None);
    };
    if document.spec.person.same_person.is_none() {
        return Ok(None);
    }
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    let mut book = RuleBook::default();
    let names: BTreeSet<Name> = input.config.tables.keys().cloned().collect();
    let records = Records::find(document, people, &names, &moment, &mut book)?;
    let labels = Labels::new(document, people);
    let told = |at: u32| labels.reference(&people.people[at as usize]);
    let place = people.people.iter().position(|person| person.key == *key);
    let place = place.and_then(|place| u32::try_from(place).ok());
    let Some(primary) = place.map(|place| records.primary(place)) else {
        return Ok(None);
    };
    let Some((person, by)) = records.person(primary).zip(records.rule()) else {
        return Ok(None);
    };
    let chosen = person.chosen.as_ref();
    Ok(Some(PersonRecords {
        primary: told(primary),
        others: person
            .others
            .iter()
            .map(|at| (told(*at), people.people[*at as usize].in_scope))
            .collect(),
        chosen: chosen.map(|chosen| {
            let location = book.get(chosen.rule).location.clone();
            (chosen.text.clone(), location)
        }),
        by: book.get(by).location.clone(),
    }))
}

impl Records {
    fn find(
        source: &Document<kinds::Source>,
        people: &PeopleSnapshot,
        tables: &BTreeSet<Name>,
        moment: &Moment,
        book: &mut RuleBook,
    ) -> Result<Self, PlanError> {
        const AT: &str = "/spec/person/samePerson";
        let Some(spec) = &source.spec.person.same_person else {
            return Ok(Self::default());
        };
        let positions = &source.positions;
        // A test of one invented person can ask none of them.
        let mut compiler = Compiler::new(&people.header, tables, book).unwatched();
        let by = compiler.formula(positions, &format!("{AT}/by"), &spec.by)?;
        let mut prefer = Vec::with_capacity(spec.prefer.len());
        for (at, text) in spec.prefer.iter().enumerate() {
            prefer.push(compiler.test(positions, &format!("{AT}/prefer/{at}"), text)?);
        }
        let mut records = Self {
            rule: Some(by.rule),
            ..Self::default()
        };
        if let Some(field) = &by.blind {
            let draft = Draft::not_delivered(WHO, field).rule(by.rule);
            let held = (0..).zip(&people.people);
            records.standing = held
                .filter(|(_, person)| person.in_scope)
                .map(|(at, _)| (at, Standing::Held(Box::new(draft.clone()))))
                .collect();
            return Ok(records);
        }
        let finding = Finding {
            people,
            moment,
            by: &by,
            prefer: &prefer,
            written: &spec.prefer,
            labels: Labels::new(source, people),
        };
        finding.into(&mut records);
        Ok(records)
    }

    /// The record that counts for the person of this one: itself, unless another does.
    pub(super) fn primary(&self, at: u32) -> u32 {
        match self.standing.get(&at) {
            Some(Standing::Secondary(primary)) => *primary,
            _ => at,
        }
    }

    /// Why nobody can say which record of the person counts.
    pub(super) fn held(&self, at: u32) -> Option<&Draft> {
        match self.standing.get(&at) {
            Some(Standing::Held(draft)) => Some(draft),
            _ => None,
        }
    }

    /// The person whose primary record this is, when there are others.
    pub(super) fn person(&self, primary: u32) -> Option<&OnePerson> {
        self.people.get(&primary)
    }

    /// Whether another record could be of the same person, were it read.
    pub(super) fn may_have_others(&self, at: u32) -> bool {
        self.valued.get(at as usize).copied().unwrap_or_default()
    }

    /// Where it is written by what records are of one person.
    pub(super) fn rule(&self) -> Option<RuleId> {
        self.rule
    }
}

/// What a template that fails was asked for.
const WHO: &str = "whose record it is";
const WHICH: &str = "which record of the person counts";

/// One source while its records are put together.
struct Finding<'f> {
    people: &'f PeopleSnapshot,
    moment: &'f Moment,
    by: &'f Formula,
    prefer: &'f [Test],
    written: &'f [String],
    labels: Labels<'f>,
}

impl Finding<'_> {
    fn into(self, records: &mut Records) {
        let count = self.people.people.len();
        let values: Vec<(Option<u64>, Option<Draft>)> = self
            .people
            .people
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                let mut context: Option<PersonContext<'_>> = None;
                let values: Vec<_> = chunk
                    .iter()
                    .map(|person| {
                        let context = context.get_or_insert_with(|| self.moment.of(person));
                        context.person = person;
                        match self.value(context) {
                            Ok(value) => (value.map(|value| hash(&value)), None),
                            Err(draft) => (None, person.in_scope.then_some(draft)),
                        }
                    })
                    .collect();
                values
            })
            .collect();
        records.valued = values.iter().map(|(hash, _)| hash.is_some()).collect();
        let mut rows = Vec::with_capacity(count);
        for (at, (hash, draft)) in (0..).zip(values) {
            rows.extend(hash.map(|hash| (hash, at)));
            if let Some(draft) = draft {
                let held = Standing::Held(Box::new(draft));
                records.standing.insert(at, held);
            }
        }
        for group in Hashed::new(rows).repeated() {
            let mut same: BTreeMap<CompactString, Vec<u32>> = BTreeMap::new();
            for at in group {
                let context = self.moment.of(&self.people.people[at as usize]);
                if let Ok(Some(value)) = self.value(&context) {
                    same.entry(value).or_default().push(at);
                }
            }
            for members in same.into_values().filter(|members| members.len() > 1) {
                self.settle(members, records);
            }
        }
    }

    /// What records of one person have in common; `None` where there is nothing.
    fn value(&self, context: &PersonContext<'_>) -> Result<Option<CompactString>, Draft> {
        match self.by.text(context) {
            Ok(text) => {
                let value = comparable(&text);
                Ok((!value.is_empty()).then_some(value))
            }
            Err(EvalError::Missing { .. }) => Ok(None),
            Err(error) => Err(Draft::problem(WHO, &Problem::of(error)).rule(self.by.rule)),
        }
    }

    /// Chooses among the records of one person.
    fn settle(&self, mut members: Vec<u32>, records: &mut Records) {
        let key = |at: &u32| &self.people.people[*at as usize].key;
        members.sort_by(|one, other| key(one).natural_cmp(key(other)));
        let mut in_scope = members.clone();
        in_scope.retain(|at| self.people.people[*at as usize].in_scope);
        if in_scope.is_empty() {
            return;
        }
        let chosen = if members.len() > MOST {
            let text = format!(
                "{} records have the same value in samePerson.by, and no person has more than {MOST}: {}",
                members.len(),
                self.named(&members)
            );
            Err(Draft::new(held::SAME_PERSON_UNCLEAR, text).rule(self.by.rule))
        } else {
            self.choose(&in_scope)
        };
        match chosen {
            Ok((primary, chosen)) => {
                members.retain(|at| *at != primary);
                for other in &members {
                    let standing = Standing::Secondary(primary);
                    records.standing.insert(*other, standing);
                }
                let others = members;
                records.people.insert(primary, OnePerson { others, chosen });
            }
            Err(draft) => {
                for at in in_scope {
                    let held = Standing::Held(Box::new(draft.clone()));
                    records.standing.insert(at, held);
                }
            }
        }
    }

    /// The record the conditions leave alone, and the one that did.
    fn choose(&self, in_scope: &[u32]) -> Result<(u32, Option<Chosen>), Draft> {
        let mut left = in_scope.to_vec();
        let mut chosen = None;
        for (test, text) in self.prefer.iter().zip(self.written) {
            if left.len() == 1 {
                break;
            }
            if let Some(field) = &test.blind {
                return Err(Draft::not_delivered(WHICH, field).rule(test.rule));
            }
            let mut holds = Vec::new();
            for at in &left {
                if self.holds(test, text, *at)? {
                    holds.push(*at);
                }
            }
            if !holds.is_empty() && holds.len() < left.len() {
                left = holds;
                chosen = Some(Chosen {
                    text: text.clone(),
                    rule: test.rule,
                    fields: test.condition.fields_used().to_vec(),
                });
            }
        }
        match left.as_slice() {
            [one] => Ok((*one, chosen)),
            several => Err(Draft::new(
                held::SAME_PERSON_UNCLEAR,
                format!(
                    "{} records are of one person and nothing in samePerson.prefer tells them apart: {}",
                    several.len(),
                    self.named(several)
                ),
            )
            .rule(self.by.rule)),
        }
    }

    fn holds(&self, test: &Test, text: &str, at: u32) -> Result<bool, Draft> {
        let person = &self.people.people[at as usize];
        let header = &self.people.header;
        let unusable = person.faults.iter().find(|fault| {
            let FieldIndex(field) = fault.field;
            let field = header.fields.get(usize::from(field));
            field.is_some_and(|field| test.condition.fields_used().contains(&field.name))
        });
        if let Some(fault) = unusable {
            let reason = format!(
                "nobody knows whether {text} holds for {}: {}",
                self.labels.shown(person),
                fault.reason
            );
            return Err(Draft::new(held::SAME_PERSON_UNCLEAR, reason).rule(test.rule));
        }
        match test.condition.holds(&self.moment.of(person)) {
            Ok(holds) => Ok(holds),
            Err(EvalError::Missing { .. }) => Ok(false),
            Err(error) => Err(Draft::problem(WHICH, &Problem::of(error)).rule(test.rule)),
        }
    }

    fn named(&self, members: &[u32]) -> String {
        let shown = |at: &u32| self.labels.shown(&self.people.people[*at as usize]);
        let mut names: Vec<String> = members.iter().take(NAMED).map(shown).collect();
        if members.len() > NAMED {
            names.push(format!("{} more", members.len() - NAMED));
        }
        names.join(", ")
    }
}

/// A text as it is compared: as the directory compares names, and any white space is one space.
fn comparable(text: &str) -> CompactString {
    let mut value = CompactString::default();
    for word in text.split_whitespace() {
        if !value.is_empty() {
            value.push(' ');
        }
        value.extend(word.chars().flat_map(folded));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn case_width_marks_and_the_number_of_spaces_do_not_count() {
        assert_eq!(comparable(" QQ 12\t 34 "), "qq 12 34");
        assert_eq!(comparable("ＱＱ 12 34"), comparable("qq 12 34"));
        assert_eq!(comparable("José"), comparable("JOSE\u{301}"));
        assert_ne!(comparable("1 23"), comparable("12 3"));
        assert_eq!(comparable(" \u{a0} "), "");
        assert_eq!(comparable("\u{301}"), "");
    }
}
