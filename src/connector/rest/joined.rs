//! People with what is joined to them: other lists by their keys, and endpoints asked for each of them.
//!
//! Knows how records are fetched only by name. Invariants: an endpoint that is not known to be whole gives nobody
//! anything, so its fields count as not delivered and nothing is cleared because of it; whoever has a key that leads
//! to none or to several records is noted, and held unless the source says otherwise; an answer that is not shown to be
//! the record asked for is believed in nothing, not even that there is none, and holds whom it was asked for; the order
//! in which answers come changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use serde_json::Value;

use super::RowSink;
use super::cache::digest;
use super::dependent::{Calls, Fetched, Need};
use super::endpoint::Endpoint;
use super::envelope::{describe_row, row_id};
use super::pass::{Pass, Rows};
use super::reader::Reader;
use crate::config::kinds::JoinTrouble;
use crate::connector::ConnectorError;
use crate::intake::join::{self, JoinIndex, Match, projected};
use crate::lang::{Expression, Record, Scope, compile_expression};
use crate::model::{JoinHold, JoinWhy, JoinedRead};

/// Rows as they came, cut down to what is used, because others depend on them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    members: Option<BTreeSet<String>>,
    page: u64,
    pub(super) rows: Vec<KeptRow>,
    with_digest: bool,
}

#[derive(Debug)]
pub(super) struct KeptRow {
    page: u64,
    row: Value,
    /// Of the whole row as it came, when an answer of some age may be used for it.
    digest: Option<String>,
}

impl Kept {
    pub(super) fn new(members: Option<&BTreeSet<String>>, with_digest: bool) -> Self {
        Self {
            members: members.cloned(),
            with_digest,
            ..Self::default()
        }
    }

    pub(super) fn values(&self) -> Vec<&Value> {
        self.rows.iter().map(|row| &row.row).collect()
    }
}

impl Rows for Kept {
    fn next_page(&mut self) {
        self.page += 1;
    }

    fn push(&mut self, row: Value) {
        let digest = self.with_digest.then(|| digest(row.to_string().as_bytes()));
        let row = match &self.members {
            Some(members) => projected(&row, members),
            None => row,
        };
        self.rows.push(KeptRow {
            page: self.page,
            row,
            digest,
        });
    }
}

/// Which of an endpoint's records belongs to a person: nobody's until it is known.
const NOBODY: u32 = u32::MAX;

/// One joined endpoint: its records, and whose each is.
struct Joined {
    records: Vec<Value>,
    /// By person: index into `records`.
    of: Vec<u32>,
}

/// Everything joined so far.
struct Assembly<'a> {
    people: &'a str,
    rows: &'a [KeptRow],
    joined: Vec<(&'a str, Joined)>,
    /// By person: why they are held.
    held: BTreeMap<usize, Vec<JoinHold>>,
}

impl Assembly<'_> {
    fn parts(&self, person: usize) -> Vec<(&str, &Value)> {
        let mut parts: Vec<(&str, &Value)> = Vec::with_capacity(self.joined.len() + 1);
        if let Some(row) = self.rows.get(person) {
            parts.push((self.people, &row.row));
        }
        for (name, joined) in &self.joined {
            if let Some(at) = joined.of.get(person)
                && let Some(record) = joined.records.get(*at as usize)
            {
                parts.push((*name, record));
            }
        }
        parts
    }

    fn hold(
        &mut self,
        person: usize,
        (endpoint, trouble): (&str, JoinTrouble),
        why: JoinWhy,
        reason: impl FnOnce() -> String,
    ) {
        if trouble == JoinTrouble::Hold {
            self.held.entry(person).or_default().push(JoinHold {
                why,
                endpoint: endpoint.to_owned(),
                reason: reason(),
            });
        }
    }
}

/// What joining came to.
pub(super) struct Assembled<S> {
    pub(super) sink: S,
    pub(super) reads: Vec<JoinedRead>,
    /// Why the whole read is not proven, on account of what was joined.
    pub(super) reasons: Vec<String>,
}

impl Reader {
    /// Whether anything is joined to people.
    pub(super) fn joins(&self) -> bool {
        !self.others.is_empty()
    }

    /// Joins everything to the people of a finished list and hands them to a sink.
    pub(super) async fn assemble<S: RowSink>(
        &self,
        people: &Kept,
        mut sink: S,
    ) -> Result<Assembled<S>, ConnectorError> {
        let name = self.people.settings.name.as_str();
        let key = &self.people.settings.key;
        // Of rows with one id the last counts; nothing is asked for the others.
        let mut last: HashMap<CompactString, usize, foldhash::fast::RandomState> =
            HashMap::default();
        for (at, row) in people.rows.iter().enumerate() {
            if let Some(id) = row_id(&row.row, key) {
                last.insert(id, at);
            }
        }
        let current: Vec<bool> = people
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| row_id(&row.row, key).is_some_and(|id| last.get(&id) == Some(&at)))
            .collect();
        drop(last);
        let mut assembly = Assembly {
            people: name,
            rows: &people.rows,
            joined: Vec::new(),
            held: BTreeMap::new(),
        };
        let mut reads = Vec::new();
        let mut reasons = Vec::new();
        for endpoint in &self.others {
            let read = if endpoint.settings.dependent.is_some() {
                self.ask_each(endpoint, &current, &mut assembly, &mut reasons)
                    .await?
            } else {
                self.join_list(endpoint, &current, &mut assembly).await?
            };
            let other = &endpoint.settings.name;
            reasons.extend(read.doubts.iter().map(|doubt| format!("{other}: {doubt}")));
            reads.push(read);
        }
        let mut page = 0;
        for (at, row) in people.rows.iter().enumerate() {
            while page < row.page {
                page += 1;
                sink.next_page();
            }
            let parts = assembly.parts(at);
            let record = Record { parts: &parts };
            match assembly.held.get(&at) {
                Some(reasons) => sink.hold(&record, reasons.clone().into_boxed_slice()),
                None => sink.push(&record),
            }
        }
        Ok(Assembled {
            sink,
            reads,
            reasons,
        })
    }

    /// Reads a list and joins it by its keys.
    async fn join_list<'a>(
        &self,
        endpoint: &'a Endpoint,
        current: &[bool],
        assembly: &mut Assembly<'a>,
    ) -> Result<JoinedRead, ConnectorError> {
        let name = endpoint.settings.name.as_str();
        let compiled = |text: &str| self.expression(endpoint, text);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (one, other) in &endpoint.settings.on {
            left.push(compiled(one)?);
            right.push(compiled(other)?);
        }
        let members = self.keep.get(name).cloned().unwrap_or_default();
        let (pass, _, _) = self
            .list(
                endpoint,
                "records",
                || Kept::new(Some(&members), false),
                |_: &Pass<Kept>| Ok(()),
            )
            .await?;
        let mut read = JoinedRead {
            endpoint: name.to_owned(),
            records: pass.distinct(),
            claimed_total: pass.total,
            doubts: pass.doubts("records", endpoint),
            ..JoinedRead::default()
        };
        let mut joined = Joined {
            records: Vec::new(),
            of: vec![NOBODY; current.len()],
        };
        if read.doubts.is_empty() {
            // Rows move between pages: of those with one id the last is the record.
            let mut by_id: HashMap<CompactString, Value, foldhash::fast::RandomState> =
                HashMap::default();
            for row in pass.rows_taken.rows {
                if let Some(id) = row_id(&row.row, &endpoint.settings.key) {
                    by_id.insert(id, row.row);
                }
            }
            let mut index = JoinIndex::default();
            for row in by_id.into_values() {
                let key = key_of(
                    &right,
                    &Record {
                        parts: &[(name, &row)],
                    },
                );
                if let Some(key) = key {
                    let at = u32::try_from(joined.records.len()).unwrap_or(NOBODY);
                    joined.records.push(row);
                    index.insert(key, Value::from(at));
                }
            }
            for (person, _) in current.iter().enumerate().filter(|(_, current)| **current) {
                let key = key_of(
                    &left,
                    &Record {
                        parts: &assembly.parts(person),
                    },
                );
                let Some(key) = key else { continue };
                match index.find(&key) {
                    Match::One(at) => {
                        let at = at.as_u64().and_then(|at| u32::try_from(at).ok());
                        joined.of[person] = at.unwrap_or(NOBODY);
                    }
                    Match::Nobody => {
                        let shown = join::shown(&key);
                        self.note(&mut read.unmatched, assembly, person, &shown);
                        assembly.hold(
                            person,
                            (name, endpoint.settings.unmatched),
                            JoinWhy::Unmatched,
                            || format!("no record of {name} has the key {shown}"),
                        );
                    }
                    Match::Several(count) => {
                        let shown = join::shown(&key);
                        self.note(&mut read.ambiguous, assembly, person, &shown);
                        assembly.hold(
                            person,
                            (name, endpoint.settings.duplicate),
                            JoinWhy::Duplicate,
                            || format!("{count} records of {name} have the key {shown}"),
                        );
                    }
                }
            }
            read.duplicates = index.duplicates();
            read.unused = index.unused();
        }
        assembly.joined.push((name, joined));
        Ok(read)
    }

    /// Asks an endpoint for each person who needs it.
    async fn ask_each<'a>(
        &self,
        endpoint: &'a Endpoint,
        current: &[bool],
        assembly: &mut Assembly<'a>,
        reasons: &mut Vec<String>,
    ) -> Result<JoinedRead, ConnectorError> {
        let name = endpoint.settings.name.as_str();
        let mut there: BTreeSet<&str> = assembly.joined.iter().map(|(name, _)| *name).collect();
        there.insert(assembly.people);
        let narrowed = self.is_narrowed(endpoint, &there);
        let mut calls = Calls::default();
        let mut needs = Vec::with_capacity(current.len());
        let mut unneeded = 0;
        for (person, current) in current.iter().enumerate() {
            if !current {
                needs.push(Need::Nothing);
                continue;
            }
            let parts = assembly.parts(person);
            let row_digest = assembly
                .rows
                .get(person)
                .and_then(|row| row.digest.as_deref())
                .filter(|_| endpoint.distinct.is_none());
            let need = calls.need(
                self,
                endpoint,
                &Record { parts: &parts },
                row_digest,
                narrowed,
            );
            unneeded += u64::from(need == Need::Nothing);
            needs.push(need);
        }
        {
            let mut report = self.pace.lock_report();
            report.shared += calls.shared;
            report.unneeded += unneeded;
        }
        let cache = self.open_cache(endpoint);
        // Now it is counted; what depends on this one in turn is told when its time comes.
        self.pace
            .announce(vec![(name.to_owned(), calls.calls.len() as u64)], true)?;
        let answers = self.answers(endpoint, &calls, cache).await?;
        if answers.unconfirmed > 0 {
            reasons.push(format!(
                "{name}: {} answers were kept from an earlier run and not confirmed by the server; removals wait for a \
                 read without `--cache`",
                answers.unconfirmed
            ));
        }
        let mut read = JoinedRead {
            endpoint: name.to_owned(),
            ..JoinedRead::default()
        };
        let mut joined = Joined {
            records: Vec::new(),
            of: vec![NOBODY; current.len()],
        };
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (one, other) in &endpoint.settings.on {
            left.push(self.expression(endpoint, one)?);
            right.push(self.expression(endpoint, other)?);
        }
        // Per request: where its rows stand and what the server said, or why there are none.
        let mut places = Vec::with_capacity(answers.fetched.len());
        for fetched in answers.fetched {
            places.push(match fetched {
                Fetched::Missing(why) => Err(why),
                Fetched::Rows { mut rows, said } => {
                    let start = joined.records.len();
                    joined.records.append(&mut rows);
                    Ok((start..joined.records.len(), said))
                }
            });
        }
        let mut used: HashSet<u32, foldhash::fast::RandomState> = HashSet::default();
        for (person, need) in needs.into_iter().enumerate() {
            let found = match need {
                Need::Nothing | Need::NoKey => continue,
                Need::Impossible(reason) => {
                    Err(Trouble::Unknown(format!("it cannot be asked: {reason}")))
                }
                Need::Call(call) => match places.get(call as usize) {
                    None => continue,
                    Some(Err(why)) => Err(Trouble::None(why.clone())),
                    Some(Ok((place, said))) => {
                        let parts = assembly.parts(person);
                        chosen(
                            endpoint,
                            &Record { parts: &parts },
                            (&left, &right),
                            joined.records.get(place.clone()).unwrap_or_default(),
                            said.as_deref(),
                        )
                        .map(|at| u32::try_from(place.start + at).unwrap_or(NOBODY))
                    }
                },
            };
            match found {
                Ok(at) => {
                    joined.of[person] = at;
                    used.insert(at);
                }
                Err(Trouble::None(why)) => {
                    self.note(&mut read.unmatched, assembly, person, &why);
                    assembly.hold(
                        person,
                        (name, endpoint.settings.unmatched),
                        JoinWhy::Unmatched,
                        || format!("{name} has no record: {why}"),
                    );
                }
                // Not even that there is none is known, so nobody goes on without.
                Err(Trouble::Unknown(why)) => {
                    self.note(&mut read.unmatched, assembly, person, &why);
                    assembly.hold(person, (name, JoinTrouble::Hold), JoinWhy::Unknown, || {
                        format!("what {name} has is not known: {why}")
                    });
                }
                Err(Trouble::Several(count)) => {
                    let found = format!("{count} records");
                    self.note(&mut read.ambiguous, assembly, person, &found);
                    assembly.hold(
                        person,
                        (name, endpoint.settings.duplicate),
                        JoinWhy::Duplicate,
                        || format!("{name} gave {count} records for one person"),
                    );
                }
            }
        }
        read.records = used.len() as u64;
        assembly.joined.push((name, joined));
        Ok(read)
    }

    fn note(
        &self,
        finding: &mut crate::model::JoinFinding,
        assembly: &Assembly<'_>,
        person: usize,
        what: &str,
    ) {
        join::note(finding, || {
            let id = assembly
                .rows
                .get(person)
                .and_then(|row| row_id(&row.row, &self.people.settings.key));
            format!("{}: {what}", id.as_deref().unwrap_or("?"))
        });
    }

    fn expression(&self, endpoint: &Endpoint, text: &str) -> Result<Expression, ConnectorError> {
        let names: BTreeSet<String> = std::iter::once(&self.people)
            .chain(&self.others)
            .map(|endpoint| endpoint.settings.name.clone())
            .collect();
        compile_expression(text, &Scope::Record { endpoints: &names }).map_err(|errors| {
            super::invalid(
                &self.pace.system,
                &format!("join {}", endpoint.settings.name),
                errors.first().map_or("", |error| error.message.as_str()),
            )
        })
    }
}

/// Why a request gave nobody a record.
enum Trouble {
    /// The server says that there is none.
    None(String),
    /// It was not asked, or what it said is not about the record asked for.
    Unknown(String),
    Several(usize),
}

/// Which of the rows of an answer is the record that was asked for: the one equal in the columns of `on`, else the one
/// whose key is the value asked with. Where the request does not tell, the only one, if it is a record at all.
fn chosen(
    endpoint: &Endpoint,
    person: &Record<'_>,
    (left, right): (&[Expression], &[Expression]),
    rows: &[Value],
    said: Option<&str>,
) -> Result<usize, Trouble> {
    let settings = &endpoint.settings;
    let id = |row: &Value| row_id(row, &settings.key);
    let own = |row: &Value| {
        let row = [(settings.name.as_str(), row)];
        spelled(right, &Record { parts: &row })
    };
    let (asked, found): (_, Vec<_>) = if !left.is_empty() {
        (Some(spelled(left, person)), rows.iter().map(own).collect())
    } else {
        (endpoint.asked_for(person), rows.iter().map(id).collect())
    };
    if rows.is_empty() {
        return Err(Trouble::None("the answer holds no record".to_owned()));
    }
    let columns: Vec<&str> = settings.on.iter().map(|(_, own)| own.as_str()).collect();
    let columns = columns.join(", ");
    let no_record = || {
        let member = if left.is_empty() {
            &settings.key
        } else {
            &columns
        };
        let said = said.map_or_else(|| describe_row(&rows[0]), str::to_owned);
        Trouble::Unknown(format!(
            "the answer is not a record, it has no usable `{member}`: {said}"
        ))
    };
    let fits: Vec<usize> = match &asked {
        Some(None) => {
            return Err(Trouble::Unknown(
                "the value asked with cannot be compared with the answer".to_owned(),
            ));
        }
        Some(asked) => (0..rows.len()).filter(|at| found[*at] == *asked).collect(),
        None if found.iter().any(Option::is_none) => return Err(no_record()),
        None => (0..rows.len()).collect(),
    };
    match (fits.as_slice(), &asked) {
        ([only], _) => Ok(*only),
        ([], Some(Some(asked))) => match found.iter().flatten().next() {
            None => Err(no_record()),
            Some(other) if left.is_empty() => Err(Trouble::Unknown(format!(
                "record {} was asked for, and the server answered with record {}",
                join::shown(asked),
                join::shown(other)
            ))),
            Some(other) => Err(Trouble::Unknown(format!(
                "the record whose {columns} is {} was asked for, and the server answered with one whose is {}",
                join::shown(asked),
                join::shown(other)
            ))),
        },
        (several, _) => Err(Trouble::Several(several.len())),
    }
}

/// The values of columns in one spelling, `18.0` written as a text included.
fn spelled(columns: &[Expression], record: &Record<'_>) -> Option<CompactString> {
    let values: Option<Vec<Value>> = columns
        .iter()
        .map(|column| {
            let value = column.evaluate(record).ok().flatten()?;
            Some(match crate::intake::identity(&value) {
                Ok(id) => Value::from(id.as_str()),
                Err(_) => value.into_owned(),
            })
        })
        .collect();
    join::key(values?.iter().map(Some))
}

fn key_of(columns: &[Expression], record: &Record<'_>) -> Option<CompactString> {
    let values: Vec<_> = columns
        .iter()
        .map(|column| column.evaluate(record).ok().flatten())
        .collect();
    join::key(values.iter().map(|value| value.as_deref()))
}
