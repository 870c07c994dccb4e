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
    /// This is what is left of it, for the person is not missing any more.
    Seen(CompactString),
    /// It is cleared: nothing is counted from it any more.
    Clear,
    /// A state waits for it, and it cannot be read.
    Unreadable,
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
        if subject.since != Since::Stamp {
            let stamp = match found {
                None => Work::Nothing,
                Some(Some(stamp)) if stamp.what == MOVED && moves::keeps_stamp(self, subject) => {
                    Work::of_seen(&stamp)
                }
                Some(Some(_)) => Work::Clear,
                Some(None) => Work::Foreign,
            };
            let day = match subject.since {
                Since::Day(day) => Some(day),
                _ => None,
            };
            return stays(Counting { day, stamp });
        }
        // There is nothing to write a stamp to, and there will be none: nothing is counted.
        if subject.account().is_none() && !side.state(subject.state).create {
            return stays(Counting::default());
        }
        let written = &side.lifecycle.written[side.state(subject.state).written];
        let as_of = side.as_of(self.moment, subject.person);
        match found {
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
                let stamp = Stamp::new(&written.name, as_of.timestamp());
                stays(Counting {
                    day: Some(as_of.date()),
                    stamp: Work::Write(stamp.to_compact_string()),
                })
            }
        }
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
            Work::Write(text) if self.entry.is_none() || self.may_take() => vec![text.clone()],
            Work::Seen(text) => vec![text.clone()],
            Work::Clear => Vec::new(),
            // It cannot be counted yet that they have left, but they are not missing.
            Work::Write(_) => match self.without_absence(rule) {
                Some(left) => left,
                None => return Ok(()),
            },
            Work::Unreadable => {
                let shown: String = self
                    .observed(rule)
                    .first()
                    .map(|text| text.chars().take(80).collect())
                    .unwrap_or_default();
                let state = &self.target.state(self.subject).name;
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
