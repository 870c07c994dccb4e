//! From when a person's stages are counted: a date says so, or a stamp on the account.
//!
//! Keeps that a stamp is written once, by the plan that acts on the state, that it goes when the state does, and that
//! nothing is concluded from one that cannot be read.

use compact_str::{CompactString, ToCompactString};
use jiff::civil::Date;

use super::draft::{Draft, Warnings};
use super::evaluate::{After, Delta, Evaluation};
use super::moves;
use super::target::{Subject, Target};
use crate::lifecycle::{MOVED, Since, Stamp};
use crate::mapping::AttributeRule;
use crate::model::spoken;
use crate::policy::{held, warning};

/// What a subject's stages are counted from, and what becomes of the stamp on the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counting {
    /// The day whose end is meant; `None` where nothing is counted.
    pub(super) day: Option<Date>,
    pub(super) stamp: Work,
}

/// What becomes of the stamp.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    #[default]
    Nothing,
    /// This is written.
    Write(CompactString),
    /// The same, over one that says the state began before there was the account.
    Anew(CompactString),
    /// This is what is left of it, for the person is not missing any more.
    Seen(CompactString),
    /// It is cleared: nothing is counted from it any more.
    Clear,
    /// A state waits for it, and it cannot be read.
    Unreadable,
    /// It is kept, for the person may yet come back from the state it names; until then the account stays as it is.
    Kept,
    /// Something stands there that is none, and nobody needs one.
    Foreign,
    /// A state needs one, and the target keeps none.
    Nowhere,
}

impl Work {
    /// A stamp that stays, but for what it says of somebody who is seen again.
    fn of_seen(stamp: &Stamp) -> Self {
        match (stamp.absent, stamp.seen()) {
            (Some(_), Some(left)) => Self::Seen(left.to_compact_string()),
            _ => Self::Nothing,
        }
    }
}

impl Target<'_> {
    /// The stage a subject has come to, and what it is counted from.
    pub(super) fn count(&self, subject: &Subject) -> (u16, Counting) {
        let side = self.side(subject);
        let mapping = self.mapping(subject);
        let stays = |counting| (subject.state, counting);
        let Some(rule) = &mapping.stamp else {
            let stamp = match subject.since {
                Since::Stamp => Work::Nowhere,
                _ => Work::Nothing,
            };
            return stays(Counting { day: None, stamp });
        };
        let observed = subject
            .account()
            .and_then(|object| self.index.entry(object).value(rule.id));
        let found = observed.map(Stamp::parse);
        let written = &side.lifecycle.written[side.state(subject.state).written];
        let as_of = side.as_of(self.moment, subject.person);
        if subject.since != Since::Stamp {
            let day = match subject.since {
                Since::Day(day) => Some(day),
                _ => None,
            };
            let stamp = match (found, day.filter(|_| written.returning.is_some())) {
                // The only proof of where somebody comes back from.
                (Some(_), None) if subject.returning.is_some() => Work::Nothing,
                (Some(Some(stamp)), None) if self.waits_for_return(subject, &stamp) => Work::Kept,
                (Some(Some(stamp)), None)
                    if stamp.what == MOVED && moves::keeps_stamp(self, subject) =>
                {
                    Work::of_seen(&stamp)
                }
                (None, None) => Work::Nothing,
                (Some(Some(_)), None) => Work::Clear,
                (Some(None), _) => Work::Foreign,
                (found, Some(day)) => match (found.flatten(), left_on(day, as_of)) {
                    (_, None) => Work::Nothing,
                    (Some(stamp), Some(_)) if stamp.is_of(&written.name, day, as_of) => {
                        Work::of_seen(&stamp)
                    }
                    (_, Some(since)) => {
                        Work::Write(Stamp::new(&written.name, since).to_compact_string())
                    }
                },
            };
            return stays(Counting { day, stamp });
        }
        // There is nothing to write a stamp to, and there will be none: nothing is counted.
        if subject.account().is_none() && !side.state(subject.state).create {
            return stays(Counting::default());
        }
        let anew = || {
            let stamp = Stamp::new(&written.name, as_of.timestamp());
            (Some(as_of.date()), stamp.to_compact_string())
        };
        match found {
            Some(Some(stamp))
                if stamp.what == written.name
                    && subject
                        .account()
                        .is_some_and(|object| self.predates(object, &stamp)) =>
            {
                let (day, text) = anew();
                let stamp = Work::Anew(text);
                stays(Counting { day, stamp })
            }
            Some(Some(stamp)) if stamp.what == written.name => {
                let day = as_of.time_zone().to_datetime(stamp.since).date();
                let stage = written.stage(day, as_of.date());
                let counting = Counting {
                    day: Some(day),
                    stamp: Work::of_seen(&stamp),
                };
                (u16::try_from(stage).unwrap_or(u16::MAX), counting)
            }
            Some(None) => stays(Counting {
                day: None,
                stamp: Work::Unreadable,
            }),
            None | Some(Some(_)) => {
                let (day, text) = anew();
                let stamp = Work::Write(text);
                stays(Counting { day, stamp })
            }
        }
    }

    /// Whether a stamp says that something began before there was the account. No plan wrote that: it came with a copied
    /// account, or from somebody's hand. A new account has a stamp of the plan that made it, which is applied later, so
    /// some days are left. Believed is one of an account whose creation the read does not tell, and one where there is no
    /// account yet at the moment the plan is for.
    pub(super) fn predates(&self, object: u32, stamp: &Stamp) -> bool {
        const APPLIED_LATER: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);
        let created = self.known.created;
        let created = created.and_then(|created| moment(self.index.entry(object).value(created)?));
        let created = created.filter(|created| *created <= self.moment.as_of.timestamp());
        let earliest = created.and_then(|created| created.checked_sub(APPLIED_LATER).ok());
        let first = stamp
            .absent
            .map_or(stamp.since, |absent| absent.min(stamp.since));
        earliest.is_some_and(|earliest| first < earliest)
    }

    /// Says where stages wait for what nobody writes, and what stands where stamps belong.
    pub(super) fn warn_of_stamps(&self, warnings: &mut Warnings) {
        for subject in &self.subjects {
            let (code, message) = match subject.counting.stamp {
                Work::Nowhere => (
                    warning::STAGES_UNCOUNTED,
                    format!(
                        "people are in {} without a date since when, and {} keeps no stamps: later stages never come",
                        self.state(subject).name,
                        self.name
                    ),
                ),
                Work::Anew(_) => (warning::STAMP_BEFORE_ACCOUNT, before_account(self.name)),
                Work::Foreign => (
                    warning::STAMP_FOREIGN,
                    format!(
                        "accounts in {} have a text in the attribute of stamps that is none",
                        self.name
                    ),
                ),
                _ => continue,
            };
            let shown = self.side(subject).shown(subject.person);
            warnings.add(code, message, shown);
        }
    }
}

/// What is said of stamps that [`Target::predates`] finds.
pub(super) fn before_account(target: &crate::model::Name) -> String {
    format!(
        "accounts in {target} have a stamp from before they were made, which no plan wrote; it is counted from now"
    )
}

/// A generalised time of the directory, as `20261127012000.0Z` ([MS-ADTS] 3.1.1.2.2.2.5). Fractions do not matter here.
fn moment(text: &str) -> Option<jiff::Timestamp> {
    let (whole, _) = text.strip_suffix('Z')?.split_once('.')?;
    let moment = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// The moment at which somebody has left whose last day this is: its last second.
fn left_on(day: Date, as_of: &jiff::Zoned) -> Option<jiff::Timestamp> {
    let end = day.at(23, 59, 59, 0).to_zoned(as_of.time_zone().clone());
    end.ok().map(|end| end.timestamp())
}

impl Evaluation<'_, '_, '_> {
    /// What is left of a stamp that says the person is missing; `None` when none does.
    pub(super) fn without_absence(&self, rule: &AttributeRule) -> Option<Vec<CompactString>> {
        let stamp = Stamp::parse(self.observed(rule).first()?)?;
        stamp.missing_since()?;
        let left = stamp.seen().map(|left| left.to_compact_string());
        Some(left.into_iter().collect())
    }

    /// Writes or clears the stamp. It comes first: whoever is held for something else is shut all the same, and that
    /// is what is counted from.
    pub(super) fn stamp(&mut self) -> Result<(), Draft> {
        let Some(rule) = &self.target.mapping(self.subject).stamp else {
            return Ok(());
        };
        let after = match &self.subject.counting.stamp {
            Work::Write(text) | Work::Anew(text) if self.entry.is_none() || self.may_take() => {
                vec![text.clone()]
            }
            Work::Seen(text) => vec![text.clone()],
            Work::Clear => Vec::new(),
            // It cannot be counted yet that they have left, but they are not missing.
            Work::Write(_) | Work::Anew(_) => match self.without_absence(rule) {
                Some(left) => left,
                None => return Ok(()),
            },
            Work::Unreadable => {
                let shown: String = self
                    .observed(rule)
                    .first()
                    .map(|text| text.chars().take(80).collect())
                    .unwrap_or_default();
                let state = spoken::name(&self.target.state(self.subject).name);
                return Err(Draft::new(
                    held::STAMP_UNREADABLE,
                    format!(
                        "{} says since when {state} holds, and {shown:?} is no stamp",
                        rule.name
                    ),
                )
                .rule(rule.rule));
            }
            _ => return Ok(()),
        };
        self.outcome.attributes.push(Delta {
            rule,
            with: Vec::new(),
            after: After::Values(after),
            cut: None,
        });
        Ok(())
    }
}
