//! People who come back from a state that does not simply give them the same account again.
//!
//! Knows accounts found by anchor, the stamp that tells which state they were left in, and the lifecycle's word on
//! returning. Keeps that nobody is given a new account without that proof, that an account somebody has enabled again is
//! theirs, and that the old account loses its anchor only for a new one, in a change of its own.

use compact_str::ToCompactString;
use hashbrown::HashMap;
use jiff::civil::Date;

use super::changes::{change_id, index};
use super::contents::{plan_value, sort};
use super::draft::Draft;
use super::links::Settled;
use super::steps::One;
use super::target::{Subject, Target};
use super::{Action, AttributeChange, Cause, Change, PlanValue, Reason, Recovery, Risk};
use crate::lifecycle::{Absent, REPLACED, RuleId, Stamp, Written};
use crate::mapping::{AttributeRule, Cleared, cleared};
use crate::matching::{Conflict, Found, Recognised, Standing};
use crate::model::{ACCOUNTDISABLE, AttributeDef, AttributeId, spoken};
use crate::policy::held;

/// Somebody's coming back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Return {
    /// The account they had.
    object: u32,
    /// From which state, as a place in the lifecycle's `written`.
    from: usize,
    /// For how many days they were in it.
    days: i64,
    /// They get a new account; otherwise they are held.
    new: bool,
    rule: RuleId,
}

impl Subject {
    /// The account they had before they came back, when a new one takes its place.
    pub(super) fn former(&self) -> Option<u32> {
        let back = self.returning.as_ref().filter(|back| back.new)?;
        Some(back.object)
    }
}

impl Target<'_> {
    /// Finds everybody who comes back. Who gets a new account has none from here on.
    pub(super) fn find_returns(&self, subjects: &mut [Subject], settled: &[HashMap<u32, Settled>]) {
        for subject in subjects {
            let settled = settled[usize::from(subject.side)].get(&subject.person);
            let anchor = self.mapping(subject).anchor.id;
            // Of an account that carries the anchor of another record, that one is taken where it can be.
            let (object, forbidden, keeps) = match &subject.found {
                Found::Account(object) => (*object, false, false),
                Found::Adopt {
                    object,
                    by: Recognised::Record { attribute, .. },
                } => (*object, false, *attribute != anchor),
                Found::Conflict(Conflict::Forbidden { object }) => (*object, true, false),
                _ => continue,
            };
            // Somebody has decided that the account stays theirs.
            if settled.and_then(Settled::linked) == Some(object) || self.is_left_to_people(subject)
            {
                continue;
            }
            let Some(mut back) = self.comes_back(subject, object) else {
                continue;
            };
            let stopped = self.side(subject).exceptions.stops(subject.person);
            back.new = (back.new || forbidden) && stopped.is_none() && !keeps;
            if back.new {
                subject.found = Found::Nothing;
            } else if forbidden {
                continue;
            }
            subject.returning = Some(back);
        }
    }

    fn comes_back(&self, subject: &Subject, object: u32) -> Option<Return> {
        let side = self.side(subject);
        let state = side.state(subject.state);
        if !(state.enabled || state.create) || self.standing[object as usize] != Standing::Managed {
            return None;
        }
        let entry = self.index.entry(object);
        let rule = self.mapping(subject).stamp.as_ref()?;
        let stamp = Stamp::parse(entry.value(rule.id)?)?;
        let (from, day) = self.left(subject, &stamp)?;
        let returning = side.lifecycle.written[from].returning?;
        // In use again already: somebody has brought the person back by hand.
        let days = i64::from((side.as_of(self.moment, subject.person).date() - day).get_days());
        if from == state.written || !self.is_shut(object) || days <= i64::from(returning.after) {
            return None;
        }
        Some(Return {
            object,
            from,
            days,
            new: returning.new,
            rule: returning.rule,
        })
    }

    /// Whether the read tells that an account is disabled.
    fn is_shut(&self, object: u32) -> bool {
        let flags = self.index.entry(object).value(self.known.uac);
        let flags = flags.and_then(|flags| flags.parse::<i64>().ok());
        flags.is_some_and(|flags| flags & ACCOUNTDISABLE != 0)
    }

    /// The state a stamp was left in, and the day it is counted from.
    fn left(&self, subject: &Subject, stamp: &Stamp) -> Option<(usize, Date)> {
        let side = self.side(subject);
        let as_of = side.as_of(self.moment, subject.person);
        let mut written = side.lifecycle.written.iter();
        if let Some(state) = written.position(|state| state.name == stamp.what) {
            return Some((state, stamp.day(as_of)));
        }
        let day = as_of.time_zone().to_datetime(stamp.missing_since()?).date();
        match side.lifecycle.absent {
            Absent::Leaver { after, written } => {
                let days = jiff::Span::new().days(i64::from(after));
                Some((written, day.checked_add(days).ok()?))
            }
            Absent::Report | Absent::HoldForReview => None,
        }
    }

    /// Whether a stamp is kept because the person may yet come back: the state they are in now neither has accounts
    /// enabled nor makes any.
    pub(super) fn waits_for_return(&self, subject: &Subject, stamp: &Stamp) -> bool {
        let side = self.side(subject);
        let state = side.state(subject.state);
        let kept = |written: &Written| written.name == stamp.what && written.returning.is_some();
        let shut = subject.account().is_some_and(|object| self.is_shut(object));
        shut && !state.enabled && !state.create && side.lifecycle.written.iter().any(kept)
    }

    /// Why somebody who comes back is held.
    pub(super) fn return_held(&self, subject: &Subject) -> Option<Draft> {
        let back = subject.returning.as_ref()?;
        let side = self.side(subject);
        let mapping = self.mapping(subject);
        let text = format!("the person is {}", self.words(subject, back));
        let (code, text) = if !back.new {
            match side.exceptions.stops(subject.person) {
                Some(_) => (
                    held::RETURN_REVIEW,
                    format!("{text}, and an exception stops them"),
                ),
                None => (held::RETURN_REVIEW, text),
            }
        } else if !side.proven {
            let waits = "giving them a new account waits for a read that is proven complete";
            (held::REMOVAL_UNPROVEN, format!("{text}; {waits}"))
        } else if side.state(subject.state).enabled && !self.keeps_passwords {
            // The old account is given up for a new one only, and apply makes none that nobody could sign in with.
            let waits = "a new account cannot be made while the project names nobody who may open the file with initial passwords, so the old one is kept";
            (held::NO_PASSWORD_RECIPIENTS, format!("{text}; {waits}"))
        } else if matches!(cleared(&mapping.anchor.def), Cleared::Nothing) {
            return None;
        } else {
            let name = &mapping.anchor.name;
            let why = format!("{text}, and the old account cannot be without {name}");
            (held::CANNOT_CLEAR, why)
        };
        Some(
            Draft::new(code, text)
                .accounts(vec![back.object])
                .rule(back.rule),
        )
    }

    /// `back in state active after 97 days in leaver`.
    fn words(&self, subject: &Subject, back: &Return) -> String {
        let side = self.side(subject);
        let state = spoken::name(&side.state(subject.state).name);
        let from = spoken::name(&side.lifecycle.written[back.from].name);
        let days = if back.days == 1 { "day" } else { "days" };
        format!("back in state {state} after {} {days} in {from}", back.days)
    }
}

impl One<'_, '_, '_> {
    /// Why somebody gets a new account who had one.
    pub(super) fn comes_back(&self) -> Option<String> {
        let back = self.subject.returning.as_ref()?;
        Some(self.making.target.words(self.subject, back))
    }

    /// The change by which the old account is given up: it loses the anchor and says since when it is nobody's.
    pub(super) fn released(&self) -> Option<Change> {
        let target = self.making.target;
        let object = self.subject.former()?;
        let back = self.subject.returning.as_ref()?;
        let mapping = target.mapping(self.subject);
        let stamp = mapping.stamp.as_ref()?;
        let entry = target.index.entry(object);
        let words = target.words(self.subject, back);
        let replaced = Stamp::new(REPLACED, target.moment.as_of.timestamp());
        let before = |id: AttributeId, def: &AttributeDef| -> Vec<PlanValue> {
            let values = entry.values(id).iter();
            values.map(|value| plan_value(def, value)).collect()
        };
        let attribute = |rule: &AttributeRule, after: Vec<PlanValue>| AttributeChange {
            name: rule.name.clone(),
            before: before(rule.id, &rule.def),
            after,
            merge: false,
            rule: index(rule.rule),
            facts: std::collections::BTreeMap::new(),
            cut_from: None,
            never_reuse: None,
        };
        let mut attributes = vec![
            AttributeChange {
                before: before(mapping.anchor.id, &mapping.anchor.def),
                after: Vec::new(),
                ..self.anchor()
            },
            attribute(
                stamp,
                vec![PlanValue::Text(replaced.to_compact_string().into())],
            ),
        ];
        sort(&mut attributes);
        let guid = entry.guid.to_string();
        Some(Change {
            id: change_id(target.name, &guid, "release", ""),
            person: self.person.clone(),
            target: target.name.clone(),
            object: target.object(object),
            action: Action::Modify { attributes },
            depends_on: Vec::new(),
            because: Reason {
                text: format!("{words}: a new account takes the place of this one"),
                rule: index(back.rule),
                facts: std::collections::BTreeMap::new(),
            },
            cause: Cause::Source,
            risk: Risk::High,
            recovery: Recovery::Full,
            privileged: false,
            unit: None,
        })
    }
}
