//! Since when a source says what an account is disabled for, as far as the plan tells.
//!
//! Pure. Invariant: never a moment after the plan's own, so that no time from fact to account is made to look better than
//! it is: of several dates the earliest decides.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Action, Cause, Change, Plan, PlanValue};
use crate::lifecycle::Stamp;
use crate::model::{Guid, Name};

/// When something became true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The moment.
    pub at: Timestamp,
    /// What tells it, for people: `endsOn 2026-11-20`.
    pub by: String,
}

/// Every change that disables an account, and since when there was reason to. `zone` is that in which days end. An undo
/// disables what was made or enabled before: nobody left.
///
/// Of dates among the deciding facts the end of the day counts, or its beginning where it is not over yet; then the stamp
/// of the account, where this plan writes it; then the moment people were read.
pub fn disabled_since<'p>(plan: &'p Plan, zone: &TimeZone) -> Vec<(&'p Change, Since)> {
    let mut stamps: HashMap<(&Name, Guid), Timestamp> = HashMap::new();
    for change in &plan.changes {
        let (Action::Modify { attributes }, Some(guid)) = (&change.action, change.object.guid)
        else {
            continue;
        };
        let values = attributes.iter().flat_map(|attribute| &attribute.after);
        for value in values {
            if let PlanValue::Text(text) = value
                && let Some(stamp) = Stamp::parse(text)
            {
                stamps.insert((&change.target, guid), stamp.since);
            }
        }
    }
    plan.changes
        .iter()
        .filter(|change| matches!(change.action, Action::Disable {}) && change.cause != Cause::Undo)
        .map(|change| {
            let stamped = || {
                let at = *stamps.get(&(&change.target, change.object.guid?))?;
                Some(Since {
                    at: at.min(plan.as_of),
                    by: "stamped".to_owned(),
                })
            };
            let since = dated(plan, change, zone).or_else(stamped);
            (change, since.unwrap_or_else(|| read(plan, change)))
        })
        .collect()
}

fn dated(plan: &Plan, change: &Change, zone: &TimeZone) -> Option<Since> {
    let facts = change.because.facts.iter();
    facts
        .filter_map(|(field, text)| {
            let at = match text.parse::<Date>() {
                Ok(date) if text.len() == "2026-11-20".len() => {
                    let begin = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
                    let end = begin(date.tomorrow().ok()?)?;
                    if end <= plan.as_of { end } else { begin(date)? }
                }
                _ => text.parse::<Timestamp>().ok()?,
            };
            (at <= plan.as_of).then(|| Since {
                at,
                by: format!("{field} {text}"),
            })
        })
        .min_by_key(|since| since.at)
}

/// Nothing says since when; it is known since people were read.
fn read(plan: &Plan, change: &Change) -> Since {
    let source = &change.person.source;
    match plan.inputs.people.get(source) {
        Some(read) => Since {
            at: read.read_at.min(plan.as_of),
            by: "seen when people were read".to_owned(),
        },
        None => Since {
            at: plan.as_of,
            by: "seen when the plan was made".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::disabled_since;

    fn golden() -> crate::plan::Plan {
        let bytes = include_bytes!("../../tests/golden/leaver/plan.json");
        crate::plan::read(bytes).expect("a plan").content
    }

    #[test]
    fn the_end_of_the_last_day_counts_and_without_a_day_the_read() {
        let plan = golden();
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let told: Vec<(String, String)> = disabled_since(&plan, &zone)
            .into_iter()
            .map(|(_, since)| (since.at.to_string(), since.by))
            .collect();
        let dated = ("2026-11-20T23:00:00Z", "endsOn 2026-11-20");
        assert!(
            told.iter().any(|(at, by)| (&**at, &**by) == dated),
            "{told:?}"
        );
        assert!(
            told.iter().any(|(_, by)| by.contains("were read")),
            "{told:?}"
        );
    }

    #[test]
    fn no_moment_is_later_than_the_plan() {
        let mut plan = golden();
        for change in &mut plan.changes {
            let today = plan.as_of.to_zoned(TimeZone::UTC).date().to_string();
            change.because.facts = [("endsOn".to_owned(), today)].into();
        }
        for (_, since) in disabled_since(&plan, &TimeZone::UTC) {
            assert!(since.at <= plan.as_of);
            assert!(since.by.starts_with("endsOn"), "{}", since.by);
        }
    }
}
