//! Statistics of one member.
//!
//! Must not know paths or rows, only values and the number of the row they stand in. Invariant: memory is bounded by
//! the shared [`Budget`] and a few examples, however many values come.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::kind::{self, Guess};
use super::report::{Distinct, FieldReport, JsonType, LengthRange, Sentinel};
use super::{DISTINCT_EXACT, redact};

/// A member in which no value came twice so far is looked at beyond the exact count, up to this many: whether a
/// number is unique among everyone is what an anchor is chosen by.
const UNIQUE_UP_TO: usize = 1_000_000;
/// Hashes kept for all members together (8 bytes each, and the table around them).
const ALL_HASHES: usize = 4_000_000;
/// Examples kept.
const EXAMPLES: usize = 3;
/// Characters of a shown value.
const SHOWN: usize = 60;

/// Hashes all members of an inventory may still keep.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(ALL_HASHES)))
    }
}

impl Budget {
    fn take(&self) -> bool {
        self.0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }

    fn give_back(&self, hashes: usize) {
        self.0.fetch_add(hashes, Ordering::Relaxed);
    }
}

/// Statistics of one member.
#[derive(Debug, Default)]
pub(super) struct Field {
    present: Rows,
    filled: Rows,
    values: u64,
    types: BTreeMap<JsonType, u64>,
    sentinels: BTreeMap<Sentinel, u64>,
    guesses: [u64; Guess::ALL.len()],
    hours: BTreeMap<u8, u64>,
    uneven_times: u64,
    seen: HashSet<u64>,
    /// Distinct values are no longer counted.
    over: bool,
    repeated: bool,
    /// Some values were not compared with all others.
    unsure: bool,
    length: Option<LengthRange>,
    items: Option<LengthRange>,
    examples: Vec<String>,
    custom_field_id: Option<u64>,
    label: Option<String>,
}

/// Counts rows, each once however often a member occurs in it.
#[derive(Debug, Default)]
struct Rows {
    count: u64,
    last: u64,
}

impl Rows {
    fn see(&mut self, row: u64) {
        if self.last != row {
            self.last = row;
            self.count += 1;
        }
    }
}

impl Field {
    pub(super) fn describe(&mut self, id: Option<u64>, label: Option<&str>) {
        if self.custom_field_id.is_none() {
            self.custom_field_id = id;
        }
        if self.label.is_none() {
            self.label = label.map(|label| label.chars().take(SHOWN).collect());
        }
    }

    /// How often it came.
    pub(super) fn occurrences(&self) -> u64 {
        self.types.values().sum()
    }

    /// Takes in what was seen under another name of the same thing. A row that has both counts twice, so the counts of
    /// rows are upper bounds then.
    pub(super) fn absorb(&mut self, other: Self) {
        self.present.count += other.present.count;
        self.filled.count += other.filled.count;
        self.values += other.values;
        for (kind, count) in other.types {
            *self.types.entry(kind).or_default() += count;
        }
        for (sentinel, count) in other.sentinels {
            *self.sentinels.entry(sentinel).or_default() += count;
        }
        for (mine, theirs) in self.guesses.iter_mut().zip(other.guesses) {
            *mine += theirs;
        }
        for (hour, count) in other.hours {
            *self.hours.entry(hour).or_default() += count;
        }
        self.uneven_times += other.uneven_times;
        self.over |= other.over;
        self.unsure |= other.unsure;
        self.repeated |= other.repeated;
        for hash in other.seen {
            self.repeated |= !self.seen.insert(hash);
        }
        for (mine, theirs) in [
            (&mut self.length, other.length),
            (&mut self.items, other.items),
        ] {
            if let Some(range) = theirs {
                LengthRange::join(mine, range);
            }
        }
        for example in other.examples {
            self.example(example);
        }
    }

    fn saw(&mut self, row: u64, json: JsonType) {
        self.present.see(row);
        *self.types.entry(json).or_default() += 1;
    }

    fn sentinel(&mut self, sentinel: Sentinel) {
        *self.sentinels.entry(sentinel).or_default() += 1;
    }

    pub(super) fn null(&mut self, row: u64) {
        self.saw(row, JsonType::Null);
        self.sentinel(Sentinel::Null);
    }

    pub(super) fn flag(&mut self, row: u64, flag: bool, budget: &Budget) {
        self.saw(row, JsonType::Flag);
        // A flag's value is no personal thing, and which of the two is used is what one wants to know.
        let text = if flag { "true" } else { "false" };
        self.one(row, text, Guess::Flag, budget);
        self.example(text.to_owned());
    }

    pub(super) fn number(
        &mut self,
        row: u64,
        text: &str,
        whole: Option<i64>,
        keep: bool,
        budget: &Budget,
    ) {
        self.saw(row, JsonType::Number);
        match whole {
            Some(0) => self.sentinel(Sentinel::Zero),
            Some(-1) => self.sentinel(Sentinel::MinusOne),
            _ => {}
        }
        // `18.0` and `18` are one number.
        let written = whole.map_or_else(|| text.to_owned(), |number| number.to_string());
        let guess = if whole.is_some() {
            Guess::Number
        } else {
            Guess::Decimal
        };
        self.one(row, &written, guess, budget);
        self.show(&written, keep);
    }

    pub(super) fn text(&mut self, row: u64, text: &str, keep: bool, budget: &Budget) {
        self.saw(row, JsonType::Text);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.sentinel(Sentinel::Empty);
            return;
        }
        if kind::is_no_date(trimmed) {
            self.sentinel(Sentinel::NoDate);
            return;
        }
        match trimmed {
            "0" => self.sentinel(Sentinel::Zero),
            "-1" => self.sentinel(Sentinel::MinusOne),
            _ => {}
        }
        let (guess, time) = kind::guess(trimmed);
        if let Some(time) = time {
            if time.whole {
                *self.hours.entry(time.hour).or_default() += 1;
            } else {
                self.uneven_times += 1;
            }
        }
        self.one(row, trimmed, guess, budget);
        self.show(trimmed, keep);
    }

    pub(super) fn octets(&mut self, row: u64, octets: &[u8], budget: &Budget) {
        self.saw(row, JsonType::Octets);
        self.filled.see(row);
        self.values += 1;
        self.guesses[Guess::Octets as usize] += 1;
        self.compare(FixedState::default().hash_one(octets), budget);
        LengthRange::widen(&mut self.length, octets.len());
        self.example(format!("({} octets)", octets.len()));
    }

    pub(super) fn list(&mut self, row: u64, items: usize) {
        self.saw(row, JsonType::List);
        LengthRange::widen(&mut self.items, items);
        if items > 0 {
            self.filled.see(row);
        } else {
            self.sentinel(Sentinel::Empty);
        }
    }

    pub(super) fn object(&mut self, row: u64, members: usize) {
        self.saw(row, JsonType::Object);
        if members > 0 {
            self.filled.see(row);
        }
    }

    fn one(&mut self, row: u64, text: &str, guess: Guess, budget: &Budget) {
        self.filled.see(row);
        self.values += 1;
        self.guesses[guess as usize] += 1;
        let state = FixedState::default();
        // Two spellings of one address are one address.
        let hash = if guess == Guess::Email {
            state.hash_one(text.to_lowercase())
        } else {
            state.hash_one(text)
        };
        self.compare(hash, budget);
        LengthRange::widen(&mut self.length, text.chars().count());
    }

    fn compare(&mut self, hash: u64, budget: &Budget) {
        if self.over {
            return;
        }
        if self.seen.contains(&hash) {
            self.repeated = true;
        } else if self.seen.len() < UNIQUE_UP_TO && budget.take() {
            self.seen.insert(hash);
        } else {
            self.unsure = true;
            self.stop(budget);
            return;
        }
        if self.repeated && self.seen.len() > DISTINCT_EXACT {
            self.stop(budget);
        }
    }

    fn stop(&mut self, budget: &Budget) {
        self.over = true;
        budget.give_back(self.seen.len());
        self.seen = HashSet::new();
    }

    fn show(&mut self, text: &str, keep: bool) {
        if self.examples.len() >= EXAMPLES {
            return;
        }
        self.example(if keep {
            let short: String = text.chars().take(SHOWN).collect();
            if short.len() < text.len() {
                format!("{short}…")
            } else {
                short
            }
        } else {
            redact::shape(text)
        });
    }

    fn example(&mut self, example: String) {
        if self.examples.len() < EXAMPLES && !self.examples.contains(&example) {
            self.examples.push(example);
        }
    }

    /// The kind that nearly all values are of.
    fn guess(&self) -> Guess {
        if self.values == 0 {
            return Guess::Nothing;
        }
        let most = |number: u64| number * 20 >= self.values * 19;
        let of = |guess: Guess| self.guesses[guess as usize];
        if let Some(clear) = Guess::ALL.into_iter().find(|guess| most(of(*guess))) {
            return clear;
        }
        if most(of(Guess::Date) + of(Guess::DateTime)) {
            Guess::DateTime
        } else if of(Guess::Phone) * 3 >= self.values && most(of(Guess::Phone) + of(Guess::Number))
        {
            Guess::Phone
        } else if most(of(Guess::Number) + of(Guess::Decimal)) {
            Guess::Decimal
        } else {
            Guess::Text
        }
    }

    pub(super) fn report(self, path: &str, rows: u64) -> FieldReport {
        let guess = self.guess();
        let exact = !self.over && self.seen.len() <= DISTINCT_EXACT;
        let unique = if self.repeated {
            Some(false)
        } else if self.unsure || self.values == 0 {
            None
        } else {
            Some(true)
        };
        FieldReport {
            path: path.to_owned(),
            label: self.label,
            custom_field_id: self.custom_field_id,
            present: self.present.count.min(rows),
            filled: self.filled.count.min(rows),
            fill_rate: rate(self.filled.count.min(rows), rows),
            types: self.types,
            sentinels: self.sentinels,
            distinct: Distinct {
                count: if exact {
                    self.seen.len() as u64
                } else {
                    DISTINCT_EXACT as u64
                },
                exact,
            },
            unique,
            length: self.length,
            items: self.items,
            guess,
            shifted_midnights: shifted(guess, &self.hours, self.uneven_times),
            examples: self.examples,
            used_by: Vec::new(),
        }
    }
}

/// A share with four digits: enough to tell 0 from nearly nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share for people to read; counts beyond 2^53 do not occur"
)]
pub(super) fn rate(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

/// Values that stand at the same whole hour or two of them (winter and summer) but not at midnight are dates that
/// were midnight somewhere else. Gives that hour.
fn shifted(guess: Guess, hours: &BTreeMap<u8, u64>, uneven: u64) -> Option<u8> {
    if guess != Guess::DateTime {
        return None;
    }
    let all: u64 = hours.values().sum::<u64>() + uneven;
    let (hour, count) = hours
        .iter()
        .filter(|(hour, _)| **hour != 0)
        .max_by_key(|(_, count)| **count)?;
    let beside: u64 = [(hour + 1) % 24, (hour + 23) % 24]
        .iter()
        .filter_map(|near| hours.get(near))
        .sum();
    (all >= 5 && (count + beside) * 10 >= all * 9).then_some(*hour)
}
