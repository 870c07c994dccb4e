//! In which time zone each person's days begin and end.
//!
//! Knows the lifecycle's `timeZone` and people's facts. Keeps that a zone nobody knows is never replaced by another:
//! whoever has one is held, and only where there is no value the project's zone counts.

use compact_str::CompactString;
use hashbrown::HashMap;
use jiff::tz::TimeZone;
use rayon::prelude::*;

use super::build::Moment;
use super::draft::Draft;
use super::target::CHUNK;
use crate::lang::{EvalError, PersonContext, Unmapped};
use crate::lifecycle::Formula;
use crate::mapping::Problem;
use crate::model::PeopleSnapshot;
use crate::policy::held;

/// The zones of the people of one source.
#[derive(Default)]
pub(super) struct Zones {
    /// The plan's moment in every zone somebody has.
    moments: Vec<jiff::Zoned>,
    /// Place in `moments`, by place in the read; empty when nobody has a zone of their own.
    of: Vec<u16>,
    /// People whose zone nobody knows.
    wrong: HashMap<u32, Draft>,
}

/// In [`Zones::of`]: the project's zone.
const PROJECT: u16 = u16::MAX;

/// What templates and conditions see of one person after the other: the moment is not made anew for each.
pub(super) struct Seen<'p> {
    context: PersonContext<'p>,
    as_of: &'p jiff::Zoned,
}

impl<'p> Seen<'p> {
    /// The context, now of another person.
    pub(super) fn next<'s>(
        last: &'s mut Option<Self>,
        fresh: impl FnOnce() -> PersonContext<'p>,
        person: &'p crate::model::Person,
        as_of: &'p jiff::Zoned,
    ) -> &'s PersonContext<'p> {
        let seen = last.get_or_insert_with(|| Self {
            context: fresh(),
            as_of,
        });
        if !std::ptr::eq(seen.as_of, as_of) {
            seen.as_of = as_of;
            seen.context.as_of = as_of.clone();
        }
        seen.context.person = person;
        &seen.context
    }
}

impl Zones {
    /// Asks the template for everyone in scope.
    pub(super) fn new(formula: Option<&Formula>, people: &PeopleSnapshot, moment: &Moment) -> Self {
        let Some(formula) = formula else {
            return Self::default();
        };
        let mut zones = Self {
            of: vec![PROJECT; people.people.len()],
            ..Self::default()
        };
        if let Some(field) = &formula.blind {
            let draft = Draft::not_delivered("the time zone", field).rule(formula.rule);
            let all = 0..u32::try_from(people.people.len()).unwrap_or(u32::MAX);
            zones.wrong = all.map(|at| (at, draft.clone())).collect();
            return zones;
        }
        let texts: Vec<Result<CompactString, EvalError>> = people
            .people
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                chunk.iter().map(|person| {
                    if person.in_scope {
                        formula.text(&moment.of(person))
                    } else {
                        Ok(CompactString::default())
                    }
                })
            })
            .collect();
        let mut known: HashMap<CompactString, Option<u16>> = HashMap::new();
        for (at, text) in texts.into_iter().enumerate() {
            let place = u32::try_from(at).unwrap_or(u32::MAX);
            match text {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    let number = *known
                        .entry(text.clone())
                        .or_insert_with(|| zones_of(&text, moment, &mut zones.moments));
                    match number {
                        Some(number) => zones.of[at] = number,
                        None => {
                            zones.wrong.insert(place, unknown(&text).rule(formula.rule));
                        }
                    }
                }
                Err(
                    EvalError::Missing { .. }
                    | EvalError::Unmapped {
                        policy: Unmapped::Report,
                        ..
                    },
                ) => {}
                Err(error) => {
                    let draft = Draft::problem("the time zone", &Problem::of(error));
                    zones.wrong.insert(place, draft.rule(formula.rule));
                }
            }
        }
        zones
    }

    /// The plan's moment in a person's zone.
    pub(super) fn as_of<'m>(&'m self, at: u32, moment: &'m Moment) -> &'m jiff::Zoned {
        match self.of.get(at as usize) {
            None | Some(&PROJECT) => &moment.as_of,
            Some(number) => &self.moments[usize::from(*number)],
        }
    }

    /// Why nobody knows a person's zone.
    pub(super) fn wrong(&self, at: u32) -> Option<Draft> {
        self.wrong.get(&at).cloned()
    }
}

fn zones_of(text: &str, moment: &Moment, moments: &mut Vec<jiff::Zoned>) -> Option<u16> {
    let zone = TimeZone::get(text).ok()?;
    let number = u16::try_from(moments.len())
        .ok()
        .filter(|number| *number < PROJECT)?;
    moments.push(moment.as_of.with_time_zone(zone));
    Some(number)
}

fn unknown(text: &str) -> Draft {
    let shown: String = text.chars().take(80).collect();
    Draft::new(
        held::UNKNOWN_TIME_ZONE,
        format!("{shown:?} is not the IANA name of a time zone"),
    )
}
