//! From a person of real reads to a test that passes: what the person is, what the directory holds of theirs, whom
//! they refer to, and which names are taken; the expectation is what comes of exactly that.
//!
//! Reads the whole plan once, to know whose account is whose and which names it gives. What a small world cannot show
//! is said, never hidden.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::{Actual, ActualValue};
use super::bench::Bench;
use super::redact::Redactor;
use super::settle::{given, settle_account, settle_count, settle_names};
use crate::config::Config;
use crate::config::kinds::{
    AttributeSpec, Expectation, ExpectedGroups, ExpectedHeld, GivenAccount, GivenDirectory,
    GivenFact, GivenValue, MappingTest, OtherPerson, PersonReference,
};
use crate::model::{
    DirectorySnapshot, Dn, Entry, EntryKind, Fact, Name, PeopleSnapshot, Person, PersonKey, Syntax,
};
use crate::plan::{self, PlanInput, Trace};

/// Real reads to record from.
#[derive(Debug, Clone, Copy)]
pub struct Reads<'a> {
    /// What was read of each source.
    pub people: &'a BTreeMap<Name, PeopleSnapshot>,
    /// What was read of each target.
    pub directories: &'a BTreeMap<Name, DirectorySnapshot>,
    /// The moment of the test.
    pub as_of: jiff::Timestamp,
}

/// A recorded test.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The test; it passes.
    pub test: MappingTest,
    /// What of the whole plan it does not show.
    pub notes: Vec<String>,
    /// Why the person is held in the whole plan, as far as the test does not say so: code and reason.
    pub held: Vec<(String, String)>,
}

/// Why nothing could be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRecorded {
    /// Nobody is called that.
    #[error("nobody in the read has the key or a unique value {wanted:?}")]
    Nobody {
        /// Who was asked for.
        wanted: String,
    },
    /// Several people are called that.
    #[error("{count} people are called {wanted:?}; name one by source and key, as in people/1042")]
    Several {
        /// Who was asked for.
        wanted: String,
        /// How many there are.
        count: usize,
    },
    /// No mapping concerns people of the source.
    #[error("no mapping concerns people of the source {source_name}")]
    NoMapping {
        /// The source.
        source_name: Name,
    },
    /// The planner refused.
    #[error("{message}")]
    Plan {
        /// Why.
        message: String,
    },
}

/// Records a test of one person. `wanted` is a key, `SOURCE/KEY`, or the value of a field that is unique or the label.
/// `shift` redacts: every text becomes an invented one of the same form, and every date moves by this many days.
///
/// # Errors
/// See [`NotRecorded`].
pub fn record(
    config: &Config,
    reads: Reads<'_>,
    wanted: &str,
    shift: Option<i64>,
) -> Result<Recorded, NotRecorded> {
    let refuse = |message: String| NotRecorded::Plan { message };
    let (source, person) = find(config, reads.people, wanted)?;
    let input = PlanInput {
        config,
        people: reads.people,
        directories: reads.directories,
        last_good: None,
        as_of: reads.as_of,
        tool_version: env!("CARGO_PKG_VERSION"),
        commit: None,
        uncommitted: false,
    };
    let (mut whole, mut trace) = plan::build_traced(input, &person.key, &plan::tables(config))
        .map_err(|error| refuse(error.to_string()))?;
    let assessed = trace
        .people
        .iter()
        .find(|one| one.source == source && one.key == person.key);
    let mapping = match assessed {
        Some(one) => one.mapping.clone(),
        None => config
            .mappings
            .values()
            .find(|mapping| mapping.spec.source == source.as_str())
            .map(|mapping| mapping.name.clone())
            .ok_or_else(|| NotRecorded::NoMapping {
                source_name: source.clone(),
            })?,
    };
    let bench = Bench::new(config, mapping.as_str()).map_err(|error| refuse(error.to_string()))?;
    let directory = reads
        .directories
        .get(&bench.target)
        .ok_or_else(|| refuse(format!("target {} was not read", bench.target)))?;
    trace
        .people
        .retain(|one| one.source == source && one.target == bench.target);
    whole
        .changes
        .retain(|change| change.target == bench.target && change.person.source == source);
    let real = Actual::new(&whole, &trace, directory, &person.key);
    let recording = Recording {
        bench: &bench,
        people: &reads.people[&source],
        directory,
        trace: &trace,
    };
    let mut test = recording.test(&mapping, person, &real, reads.as_of);
    let unique = recording.unique_names();
    let mut taken = settle_names(&bench, &mut test, &unique, Some(&real))?;
    let before = bench
        .run(&test)
        .map_err(|error| refuse(error.to_string()))?
        .actual;
    let notes = notes(&before, &real);
    let mut held: Vec<(String, String)> = real
        .held
        .iter()
        .filter(|held| before.held.iter().all(|shown| shown.code != held.code))
        .map(|held| (held.code.clone(), held.reason.clone()))
        .collect();
    held.sort();
    held.dedup();
    if let Some(days) = shift {
        let mut redactor = Redactor::new(&bench, &trace, days);
        redactor.test(&mut test);
        test.directory.taken.clear();
        // As many names are taken as were: those the invented person would get first.
        for (name, texts) in &mut taken {
            settle_count(&bench, &mut test, name, texts.len())?;
        }
        settle_account(&bench, &mut test, &before)?;
    }
    let run = bench
        .run(&test)
        .map_err(|error| refuse(error.to_string()))?;
    test.expect = recording.expectation(&run.actual);
    Ok(Recorded { test, notes, held })
}

/// The person meant by a key, `SOURCE/KEY`, or the value of a field that is unique or the label.
///
/// # Errors
/// Nobody, or several.
pub fn find<'p>(
    config: &Config,
    people: &'p BTreeMap<Name, PeopleSnapshot>,
    wanted: &str,
) -> Result<(Name, &'p Person), NotRecorded> {
    let mut found: Vec<(Name, &Person)> = Vec::new();
    for (source, read) in people {
        let own = wanted
            .split_once('/')
            .filter(|(name, _)| *name == source.as_str())
            .map(|(_, key)| key);
        let by_key = read
            .people
            .iter()
            .filter(|person| person.key.as_str() == own.unwrap_or(wanted));
        found.extend(by_key.map(|person| (source.clone(), person)));
    }
    if found.is_empty() {
        for (source, read) in people {
            let Some(document) = config.sources.get(source) else {
                continue;
            };
            let spec = &document.spec.person;
            let telling: Vec<usize> = read
                .header
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| {
                    let name = field.name.as_str();
                    spec.label.as_deref() == Some(name)
                        || spec
                            .fields
                            .get(name)
                            .is_some_and(|field| field.unique.severity().is_some())
                })
                .map(|(at, _)| at)
                .collect();
            let lower = wanted.to_lowercase();
            let by_value = read.people.iter().filter(|person| {
                telling.iter().any(|at| {
                    person
                        .facts
                        .get(*at)
                        .and_then(Option::as_ref)
                        .is_some_and(|fact| fact.to_string().to_lowercase() == lower)
                })
            });
            found.extend(by_value.map(|person| (source.clone(), person)));
        }
    }
    match found.len() {
        0 => Err(NotRecorded::Nobody {
            wanted: wanted.to_owned(),
        }),
        1 => Ok(found.remove(0)),
        count => Err(NotRecorded::Several {
            wanted: wanted.to_owned(),
            count,
        }),
    }
}

struct Recording<'a> {
    bench: &'a Bench,
    people: &'a PeopleSnapshot,
    directory: &'a DirectorySnapshot,
    trace: &'a Trace,
}

/// Attributes of an account that say nothing rules are about, or that tests say in another way.
const TECHNICAL: &[&str] = &[
    "isCriticalSystemObject",
    "memberOf",
    "objectSid",
    "primaryGroupID",
    "userAccountControl",
];

impl Recording<'_> {
    fn test(
        &self,
        mapping: &Name,
        person: &Person,
        real: &Actual,
        as_of: jiff::Timestamp,
    ) -> MappingTest {
        let account = self.account_of(&person.key);
        let given = account.map(|entry| self.account(entry, true));
        let mut referred: BTreeSet<PersonKey> = BTreeSet::new();
        let values = real
            .attributes
            .values()
            .flat_map(|attribute| &attribute.values);
        for value in values {
            if let ActualValue::Person(key) = value {
                referred.insert(key.clone());
            }
        }
        for value in given.iter().flat_map(|account| account.attributes.values()) {
            if let GivenValue::Person(reference) = value {
                referred.insert(PersonKey::new(&reference.person));
            }
        }
        referred.remove(&person.key);
        let others = self
            .people
            .people
            .iter()
            .filter(|other| referred.contains(&other.key))
            .map(|other| OtherPerson {
                key: Some(other.key.to_string()),
                person: Some(self.facts(other)),
                record: None,
                account: self
                    .account_of(&other.key)
                    .map(|entry| self.account(entry, false)),
            })
            .collect();
        MappingTest {
            mapping: mapping.to_string(),
            as_of: as_of.to_string(),
            key: Some(person.key.to_string()),
            person: Some(self.facts(person)),
            record: None,
            others,
            directory: GivenDirectory {
                account: given,
                ..GivenDirectory::default()
            },
            expect: Expectation::default(),
        }
    }

    fn facts(&self, person: &Person) -> BTreeMap<String, Option<GivenFact>> {
        self.people
            .header
            .fields
            .iter()
            .zip(&person.facts)
            .filter_map(|(field, fact)| {
                let given = match fact.as_ref()? {
                    Fact::Integer(number) => GivenFact::Integer(*number),
                    Fact::Boolean(flag) => GivenFact::Boolean(*flag),
                    Fact::List(items) => {
                        GivenFact::List(items.iter().map(ToString::to_string).collect())
                    }
                    other => GivenFact::Text(other.to_string()),
                };
                Some((field.name.as_str().to_owned(), Some(given)))
            })
            .collect()
    }

    fn account_of(&self, key: &PersonKey) -> Option<&Entry> {
        let guid = self
            .trace
            .people
            .iter()
            .find(|one| one.key == *key)
            .and_then(|one| one.account)?;
        self.directory
            .objects
            .iter()
            .find(|entry| entry.guid == guid)
    }

    /// An account as a test gives it; of somebody else only what they are recognised by.
    fn account(&self, entry: &Entry, whole: bool) -> GivenAccount {
        let header = &self.directory.header;
        let mapping = self.bench.config.mappings.values();
        let telling: Vec<&str> = mapping
            .map(|mapping| mapping.spec.matching.anchor.attribute.as_str())
            .chain(["cn", "sAMAccountName"])
            .collect();
        let mut enabled = true;
        let mut attributes = BTreeMap::new();
        for (id, values) in &entry.attributes {
            let def = header.definition(*id);
            if def.name.eq_ignore_ascii_case("userAccountControl") {
                // ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
                enabled = entry
                    .value(*id)
                    .and_then(|flags| flags.parse::<i64>().ok())
                    .is_none_or(|flags| flags & 2 == 0);
            }
            let technical = TECHNICAL
                .iter()
                .any(|name| def.name.eq_ignore_ascii_case(name));
            let other = !whole
                && !telling
                    .iter()
                    .any(|name| def.name.eq_ignore_ascii_case(name));
            if technical || other {
                continue;
            }
            let value = match values.as_slice() {
                [one] if def.syntax == Syntax::Dn => match self.owner(one) {
                    Some(key) => GivenValue::Person(PersonReference {
                        person: key.to_string(),
                    }),
                    None => GivenValue::Text(one.to_string()),
                },
                [one] => GivenValue::Text(one.to_string()),
                several => GivenValue::List(several.iter().map(ToString::to_string).collect()),
            };
            attributes.insert(def.name.clone(), value);
        }
        let key = entry.dn.key();
        let member = header.attribute("member");
        let groups = self
            .directory
            .objects
            .iter()
            .filter(|group| whole && group.kind == EntryKind::Group)
            .filter(|group| {
                member.is_some_and(|member| {
                    group
                        .values(member)
                        .iter()
                        .any(|dn| Dn::key_of(dn).is_some_and(|dn| dn == key))
                })
            })
            .map(|group| group.dn.to_string())
            .collect();
        GivenAccount {
            placement: entry
                .dn
                .parent()
                .map(|dn| dn.to_string())
                .unwrap_or_default(),
            enabled,
            disabled_since: entry
                .deletion
                .as_ref()
                .and_then(|facts| facts.control_changed)
                .map(|since| since.to_string()),
            attributes,
            groups,
        }
    }

    /// The person whose account a distinguished name is.
    fn owner(&self, dn: &str) -> Option<PersonKey> {
        let key = Dn::key_of(dn)?;
        let entry = self
            .directory
            .objects
            .iter()
            .find(|entry| entry.dn.key() == key)?;
        self.trace
            .people
            .iter()
            .find(|one| one.account == Some(entry.guid))
            .map(|one| one.key.clone())
    }

    /// Attributes whose value nobody else may have.
    fn unique_names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = ["cn", "samaccountname", "userprincipalname"]
            .map(str::to_owned)
            .into();
        for mapping in self.bench.config.mappings.values() {
            for (name, spec) in &mapping.spec.attributes {
                if matches!(spec, AttributeSpec::Rule(rule) if rule.unique.is_some()) {
                    names.insert(name.to_ascii_lowercase());
                }
            }
        }
        names
    }

    /// Attributes that rules of the mapping, its templates and its lifecycle write.
    fn written(&self) -> BTreeMap<String, String> {
        let config = &self.bench.config;
        let of_mappings = config
            .mappings
            .values()
            .flat_map(|mapping| mapping.spec.attributes.keys());
        let of_templates = config
            .templates
            .values()
            .flat_map(|template| template.spec.attributes.keys());
        let of_states = config
            .lifecycles
            .values()
            .flat_map(|lifecycle| &lifecycle.spec.states)
            .flat_map(crate::config::kinds::State::attribute_names);
        let anchors = config
            .mappings
            .values()
            .map(|mapping| &mapping.spec.matching.anchor.attribute);
        of_mappings
            .chain(of_templates)
            .chain(of_states)
            .chain(anchors)
            .map(|name| (name.to_ascii_lowercase(), name.clone()))
            .collect()
    }

    fn expectation(&self, actual: &Actual) -> Expectation {
        let written = self.written();
        let mut attributes = BTreeMap::new();
        if actual.enabled.is_some() {
            for (folded, name) in &written {
                let values = actual
                    .attributes
                    .get(folded)
                    .map_or(&[][..], |found| found.values.as_slice());
                attributes.insert(name.clone(), given(values));
            }
        }
        let mut codes: Vec<String> = actual.held.iter().map(|held| held.code.clone()).collect();
        codes.sort();
        codes.dedup();
        let groups = actual.groups.values().map(ToString::to_string).collect();
        Expectation {
            applies: (!actual.applies()).then_some(false),
            state: actual.state.clone(),
            account: Some(actual.account),
            enabled: actual.enabled,
            placement: actual.placement.as_ref().map(ToString::to_string),
            attributes,
            groups: actual
                .enabled
                .is_some()
                .then_some(ExpectedGroups::Exactly(groups)),
            held: match codes.len() {
                0 => None,
                1 => codes.pop().map(ExpectedHeld::Code),
                _ => Some(ExpectedHeld::Several(codes)),
            },
            complete: false,
        }
    }
}

/// What the whole plan does for the person and the small world does not.
fn notes(found: &Actual, real: &Actual) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |what: &str| notes.push(format!("{what} differs from the whole plan"));
    if real.state != found.state {
        note("the state");
    }
    if real.account != found.account {
        // Everything else follows from it.
        note("what becomes of the account");
        return notes;
    }
    if real.enabled != found.enabled {
        note("whether the account is enabled");
    }
    if real.placement.as_ref().map(Dn::key) != found.placement.as_ref().map(Dn::key) {
        note("the placement");
    }
    for (folded, attribute) in &found.attributes {
        let other = real.attributes.get(folded);
        if other.is_none_or(|other| other.values != attribute.values) {
            note(&attribute.name);
        }
    }
    if real.groups.keys().ne(found.groups.keys()) {
        note("membership of groups");
    }
    let codes = |actual: &Actual| -> BTreeSet<String> {
        actual.held.iter().map(|held| held.code.clone()).collect()
    };
    if codes(real) != codes(found) {
        note("what is held");
    }
    notes
}
