//! How long somebody stays in groups that rules do not give any more.
//!
//! Knows rules and dates, nothing of what is entered. Keeps that an overlap ends within the longest there may be, and that
//! one whose end nobody can say is told.

use jiff::civil::Date;
use jiff::{Span, Timestamp};

use super::draft::Draft;
use super::target::{Subject, Target};
use super::wishes::GroupRule;
use crate::config::kinds::{self, GroupMode, LONGEST_OVERLAP};
use crate::config::{Document, parse_days};
use crate::lifecycle::{Compiler, Formula, NotCompiled, RuleId};
use crate::mapping::Problem;
use crate::policy::held;

/// How long somebody stays in groups that rules do not give any more.
#[derive(Debug)]
pub(super) enum Overlap {
    /// So many days after the stamp.
    For(u32, RuleId),
    /// Until the end of a day.
    Until(Formula),
}

impl Overlap {
    /// Of a document.
    pub(super) fn compile(
        document: &Document<kinds::Groups>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Option<Self>, NotCompiled> {
        let positions = &document.positions;
        let Some(overlap) = &document.spec.overlap else {
            return Ok(None);
        };
        if let Some(text) = &overlap.until {
            let formula = compiler.formula(positions, "/spec/overlap/until", text)?;
            return Ok(Some(Self::Until(formula)));
        }
        // Checked with the document.
        let text = overlap.days.as_deref().unwrap_or_default();
        let days = parse_days(text).unwrap_or_default();
        let rule = compiler.rule(
            positions,
            "/spec/overlap/for",
            &format!("overlap for {text}"),
        );
        Ok(Some(Self::For(days, rule)))
    }
}

/// When a group is left.
pub(super) enum Term {
    AtOnce,
    /// When the earliest of these is over.
    Ends {
        /// Days after the move.
        days: Option<u32>,
        until: Option<Date>,
        rule: RuleId,
    },
    /// Nobody can say.
    Unknown(Box<Draft>),
}

/// When somebody leaves a group that no rule gives them any more, by the shortest overlap of the rules that take them out.
pub(super) fn term(target: &Target<'_>, subject: &Subject, naming: &[&GroupRule]) -> Term {
    let sighted = || naming.iter().filter(|rule| rule.blind().is_none());
    let mut rules: Vec<&GroupRule> = sighted()
        .filter(|rule| rule.side == subject.side && rule.mode.removes())
        .copied()
        .collect();
    if rules.is_empty() {
        rules.extend(sighted().filter(|rule| rule.mode == GroupMode::Exclusive));
    }
    let (mut days, mut until, mut by) = (None::<u32>, None::<Date>, None);
    for rule in rules {
        match rule.overlap.as_deref() {
            Some(Overlap::For(own, rule)) => {
                days = Some(days.map_or(*own, |days| days.min(*own)));
                by.get_or_insert(*rule);
            }
            // Somebody of another source has no such field.
            Some(Overlap::Until(formula)) if rule.side == subject.side => {
                match day(target, subject, formula) {
                    Ok(Some(own)) => {
                        until = Some(until.map_or(own, |until| until.min(own)));
                        by.get_or_insert(formula.rule);
                    }
                    Ok(None) => return Term::AtOnce,
                    Err(draft) => {
                        return Term::Unknown(Box::new(draft.rule(formula.rule).partial()));
                    }
                }
            }
            Some(Overlap::Until(_)) | None => return Term::AtOnce,
        }
    }
    match by {
        Some(rule) => Term::Ends { days, until, rule },
        None => Term::AtOnce,
    }
}

/// The last day of an overlap by a date of the person; none when they have no such date.
fn day(target: &Target<'_>, subject: &Subject, formula: &Formula) -> Result<Option<Date>, Draft> {
    const WHAT: &str = "the end of the overlap";
    if let Some(field) = &formula.blind {
        return Err(Draft::not_delivered(WHAT, field));
    }
    let side = target.side(subject);
    let context = side.context(target.moment, subject.person);
    let text = match formula.text(&context) {
        Ok(text) => text,
        Err(error) => match Problem::of(error) {
            Problem::Missing { .. } => return Ok(None),
            problem => return Err(Draft::problem(WHAT, &problem)),
        },
    };
    if text.is_empty() {
        return Ok(None);
    }
    let zone = context.as_of.time_zone();
    let day = match (text.len(), text.parse::<Date>()) {
        // The parser would take the date out of a moment as well.
        (10, Ok(day)) => Some(day),
        _ => text
            .parse::<Timestamp>()
            .ok()
            .map(|moment| zone.to_datetime(moment).date()),
    };
    let shown = || text.chars().take(80).collect::<String>();
    let Some(day) = day else {
        let text = format!("{WHAT} is no date: {:?}", shown());
        return Err(Draft::new(held::OVERLAP_UNCLEAR, text));
    };
    if later(context.as_of.date(), LONGEST_OVERLAP).is_some_and(|longest| day > longest) {
        let text = format!("{WHAT} is more than a year ahead: {:?}", shown());
        return Err(Draft::new(held::OVERLAP_UNCLEAR, text));
    }
    Ok(Some(day))
}

pub(super) fn later(day: Date, days: u32) -> Option<Date> {
    day.checked_add(Span::new().days(i64::from(days))).ok()
}
