//! A year of a company: who joins, moves, is renamed, goes on leave, leaves and returns on which day.
//!
//! Made of a seed alone. What is true of a person on a day does not depend on who looks.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

/// Days of the year in which something happens.
pub(super) const DAYS: usize = 365;
/// People of whom the year begins, and in all.
const STAFF: u32 = 300;
pub(super) const PEOPLE: u32 = 2_000;

/// A small generator (SplitMix64, Steele et al., 2014).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from here to there, both possible.
    pub(super) fn within(&mut self, from: i32, to: i32) -> i32 {
        let many = u64::try_from(to - from + 1).unwrap();
        from + i32::try_from(self.next() % many).unwrap()
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.next() as usize % all.len();
        all[at]
    }
}

/// What HaloITSM says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) given: &'static str,
    pub(super) surname: &'static str,
    pub(super) site: &'static str,
    pub(super) department: &'static str,
    pub(super) starts: Option<Date>,
    pub(super) ends: Option<Date>,
    pub(super) inactive: bool,
    pub(super) status: &'static str,
    /// There is a record at all.
    pub(super) there: bool,
}

const GIVEN: &[&str] = &["Jane", "Sam", "Ida", "Otto", "Mia", "Łukasz", "Noor", "Ana"];
const SURNAMES: &[&str] = &["Doe", "Patel", "Smith", "Groß", "O'Brien", "Żak", "Lee"];
/// Their zones are those of the table: from thirteen hours ahead of UTC to ten behind.
const SITES: &[&str] = &["London", "Auckland", "Honolulu", "Sydney"];
const DEPARTMENTS: &[&str] = &["Sales", "Research", "Stores"];

/// The day after so many days of the year.
pub(super) fn date(day: usize) -> Date {
    let first: Date = "2026-01-01".parse().unwrap();
    first + i32::try_from(day).unwrap().days()
}

fn after(day: Date, days: i32) -> Date {
    day.checked_add(days.days()).unwrap()
}

/// Who is there on the first day, and what becomes another record on each day after.
pub(super) struct History {
    pub(super) first: BTreeMap<u32, Record>,
    pub(super) days: Vec<BTreeMap<u32, Record>>,
}

type Edit = fn(&mut Record, &mut Chance, Date);

struct Writer {
    chance: Chance,
    now: BTreeMap<u32, Record>,
    /// What is to happen to whom, by day.
    coming: BTreeMap<usize, Vec<(u32, Edit)>>,
    /// Until when nothing else is begun with somebody.
    busy: BTreeMap<u32, usize>,
    next: u32,
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let mut writer = Writer {
            chance: Chance(seed),
            now: BTreeMap::new(),
            coming: BTreeMap::new(),
            busy: BTreeMap::new(),
            next: 1,
        };
        for _ in 0..STAFF {
            let started = writer.chance.within(-3000, -60);
            writer.hire(after(date(0), started));
        }
        let first = writer.now.clone();
        let days = (0..DAYS).map(|day| writer.day(day)).collect();
        Self { first, days }
    }
}

impl Writer {
    fn hire(&mut self, starts: Date) {
        let record = Record {
            given: self.chance.of(GIVEN),
            surname: self.chance.of(SURNAMES),
            site: self.chance.of(SITES),
            department: self.chance.of(DEPARTMENTS),
            starts: Some(starts),
            ends: None,
            inactive: false,
            status: "",
            there: true,
        };
        self.now.insert(self.next, record);
        self.next += 1;
    }

    fn later(&mut self, day: usize, days: i32, who: u32, edit: Edit) {
        let then = day + usize::try_from(days).unwrap();
        self.coming.entry(then).or_default().push((who, edit));
        self.rests(who, then);
    }

    /// Nothing else begins with somebody until things are settled.
    fn rests(&mut self, who: u32, until: usize) {
        let busy = self.busy.entry(who).or_default();
        *busy = (*busy).max(until + 40);
    }

    /// Somebody with whom nothing else is going on.
    fn somebody(&mut self, day: usize) -> Option<u32> {
        (0..50)
            .map(|_| 1 + u32::try_from(self.chance.next() % u64::from(self.next - 1)).unwrap())
            .find(|who| {
                let record = &self.now[who];
                let works = record.there
                    && record.ends.is_none()
                    && !record.inactive
                    && record.status.is_empty();
                works && self.busy.get(who).is_none_or(|until| *until < day)
            })
    }

    fn edit(&mut self, day: usize, who: u32, edit: Edit) {
        let record = self.now.get_mut(&who).unwrap();
        edit(record, &mut self.chance, date(day));
    }

    fn day(&mut self, day: usize) -> BTreeMap<u32, Record> {
        let before = self.now.clone();
        for (who, edit) in self.coming.remove(&day).unwrap_or_default() {
            self.edit(day, who, edit);
        }
        // Until there are as many as there shall be.
        for _ in 0..self.chance.within(3, 7) {
            if self.next <= PEOPLE {
                let starts = after(date(day), self.chance.within(-2, 40));
                self.hire(starts);
                self.rests(self.next - 1, day + 40);
            }
        }
        self.some_leave(day);
        self.some_are_away(day);
        let changes: [(u64, Edit); 3] = [
            (80, |one, chance, _| one.department = chance.of(DEPARTMENTS)),
            (30, |one, chance, _| one.surname = chance.of(SURNAMES)),
            (15, |one, chance, _| one.site = chance.of(SITES)),
        ];
        for (chance, change) in changes {
            if self.chance.percent(chance) {
                let who = 1 + u32::try_from(self.chance.next() % u64::from(self.next - 1)).unwrap();
                self.edit(day, who, change);
            }
        }
        let now = self.now.iter();
        now.filter(|(who, record)| before.get(who) != Some(record))
            .map(|(who, record)| (*who, record.clone()))
            .collect()
    }

    /// With a date, without one, or without a word.
    fn some_leave(&mut self, day: usize) {
        if self.chance.percent(80)
            && let Some(who) = self.somebody(day)
        {
            self.edit(day, who, |one, chance, today| {
                one.ends = Some(after(today, chance.within(-3, 45)));
            });
            self.rests(who, day + 45);
            let days = self.chance.within(1, 60);
            if self.chance.percent(15) {
                // The exit is taken back.
                self.later(day, days, who, |one, _, _| one.ends = None);
            } else if self.chance.percent(20) {
                // They are hired again, sometimes for a day to come.
                self.later(day, days + 60, who, |one, chance, today| {
                    one.ends = None;
                    one.starts = Some(after(today, chance.within(0, 25)));
                });
            } else if self.chance.percent(20) {
                self.later(day, days + 60, who, |one, _, _| one.there = false);
            }
        }
        if self.chance.percent(35)
            && let Some(who) = self.somebody(day)
        {
            self.edit(day, who, |one, _, _| one.inactive = true);
            self.rests(who, day);
            let days = self.chance.within(3, 60);
            if self.chance.percent(30) {
                self.later(day, days, who, |one, _, _| one.inactive = false);
            } else if self.chance.percent(30) {
                self.later(day, days, who, |one, _, _| one.there = false);
            }
        }
        if self.chance.percent(12)
            && let Some(who) = self.somebody(day)
        {
            self.edit(day, who, |one, _, _| one.there = false);
            self.rests(who, day);
            if self.chance.percent(60) {
                let days = self.chance.within(2, 40);
                self.later(day, days, who, |one, _, _| one.there = true);
            }
        }
    }

    fn some_are_away(&mut self, day: usize) {
        let kinds: [(u64, i32, Edit); 2] = [
            (20, 90, |one, _, _| one.status = "leave"),
            (8, 20, |one, _, _| one.status = "suspended"),
        ];
        for (chance, longest, kind) in kinds {
            if self.chance.percent(chance)
                && let Some(who) = self.somebody(day)
            {
                self.edit(day, who, kind);
                let days = self.chance.within(3, longest);
                self.later(day, days, who, |one, _, _| one.status = "");
            }
        }
        if self.chance.percent(3)
            && let Some(who) = self.somebody(day)
        {
            self.edit(day, who, |one, _, _| one.status = "archived");
        }
    }
}
