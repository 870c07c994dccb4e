//! Which state holds, since when, and how far it has come.
//!
//! Knows the moment and the zone of a person's context, no accounts. Keeps that dates are facts: the same facts and
//! the same day give the same stage, whether or not a plan was made on the days between.

use jiff::civil::Date;

use super::{Lifecycle, Written};
use crate::lang::{EvalError, PersonContext, Unmapped};
use crate::model::Name;

/// The state a person is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// As a place in [`Lifecycle::states`].
    pub state: usize,
    /// What its stage is counted from.
    pub since: Since,
}

/// What the stages of a state are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Nothing: there is nothing to count.
    Uncounted,
    /// The end of this day in the person's zone.
    Day(Date),
    /// A stamp on the account, because no date says so. The state is the first stage until the stamp is read.
    Stamp,
}

/// Why a person's state is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// No state's condition holds.
    NoState,
    /// The one of a state, as a place in [`Lifecycle::written`], gave no answer.
    By {
        /// The state.
        state: usize,
        /// Its condition, or its date.
        since: bool,
        /// Why.
        why: UndecidedBy,
    },
}

/// Why a condition or a date gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndecidedBy {
    /// It reads a field that stood in no row of the read.
    NotDelivered(Name),
    /// It failed for this person.
    Failed(EvalError),
    /// It gave this text, which is neither a date nor a moment.
    NoDate(String),
}

impl Lifecycle {
    /// The person's state.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn decide(&self, context: &PersonContext<'_>) -> Result<Decided, Undecided> {
        for (at, written) in self.written.iter().enumerate() {
            let by = |since: bool, why: UndecidedBy| Undecided::By {
                state: at,
                since,
                why,
            };
            if let Some(when) = &written.when {
                if let Some(field) = &when.blind {
                    return Err(by(false, UndecidedBy::NotDelivered(field.clone())));
                }
                match when.condition.holds(context) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => return Err(by(false, UndecidedBy::Failed(error))),
                }
            }
            match written.begun(context).map_err(|why| by(true, why))? {
                Begun::NotYet => {}
                Begun::On(day) => {
                    return Ok(Decided {
                        state: written.stage(day, context.as_of.date()),
                        since: Since::Day(day),
                    });
                }
                Begun::Undated => {
                    return Ok(Decided {
                        state: written.first,
                        since: if written.after.len() > 1 || written.returning.is_some() {
                            Since::Stamp
                        } else {
                            Since::Uncounted
                        },
                    });
                }
            }
        }
        Err(Undecided::NoState)
    }
}

/// Whether a state whose condition holds has begun.
enum Begun {
    NotYet,
    On(Date),
    Undated,
}

/// When a state begins for a person, by its `since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// At the end of this day in the person's zone.
    EndOf(Date),
    /// At this moment.
    At(jiff::Timestamp),
    /// No date says so.
    Unknown,
}

impl Written {
    fn begun(&self, context: &PersonContext<'_>) -> Result<Begun, UndecidedBy> {
        Ok(match self.beginning(context)? {
            Beginning::Unknown => Begun::Undated,
            Beginning::EndOf(day) if day < context.as_of.date() => Begun::On(day),
            Beginning::At(moment) if moment <= context.as_of.timestamp() => {
                Begun::On(context.as_of.time_zone().to_datetime(moment).date())
            }
            Beginning::EndOf(_) | Beginning::At(_) => Begun::NotYet,
        })
    }

    /// When the state begins for a person, whether or not its condition holds.
    ///
    /// # Errors
    /// Why nobody can say.
    pub fn beginning(&self, context: &PersonContext<'_>) -> Result<Beginning, UndecidedBy> {
        let Some(since) = &self.since else {
            return Ok(Beginning::Unknown);
        };
        if let Some(field) = &since.blind {
            return Err(UndecidedBy::NotDelivered(field.clone()));
        }
        let text = match since.text(context) {
            Ok(text) if text.is_empty() => return Ok(Beginning::Unknown),
            Ok(text) => text,
            Err(
                EvalError::Missing { .. }
                | EvalError::Unmapped {
                    policy: Unmapped::Report,
                    ..
                },
            ) => return Ok(Beginning::Unknown),
            Err(error) => return Err(UndecidedBy::Failed(error)),
        };
        // The parser would take the date out of a moment as well.
        if text.len() == 10
            && let Ok(day) = text.parse::<Date>()
        {
            return Ok(Beginning::EndOf(day));
        }
        text.parse::<jiff::Timestamp>()
            .map(Beginning::At)
            .map_err(|_| UndecidedBy::NoDate(text.chars().take(80).collect()))
    }

    /// The stage of a state counted from a day, as a place in [`Lifecycle::states`]: each begins when that many days
    /// after the day are over. The first has begun.
    pub fn stage(&self, day: Date, today: Date) -> usize {
        let passed = i64::from((today - day).get_days());
        let later = self
            .after
            .iter()
            .skip(1)
            .take_while(|after| passed > i64::from(**after))
            .count();
        self.first + later
    }

    /// The day on which each later stage begins.
    pub fn beginnings(&self, day: Date) -> impl Iterator<Item = Date> {
        self.after.iter().skip(1).filter_map(move |after| {
            day.checked_add(jiff::Span::new().days(i64::from(*after) + 1))
                .ok()
        })
    }
}
