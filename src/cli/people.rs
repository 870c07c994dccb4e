//! Reading the people of one source: its reader set up with what its fields and the mappings need, and what it cost.
//!
//! Must not know what becomes of people. Invariant: whatever makes an account recognised is asked about everybody, also
//! about people whom `include` leaves out: an account whose person is only out of scope must never look abandoned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::{Config, Document, kinds};
use crate::connector::PeopleReader as _;
use crate::connector::rest::{self, Forecast, ReadFacts, ReadReport, RowSink, RunSettings};
use crate::intake::{Intake, Taker};
use crate::lang::{Record, Scope, compile_template};
use crate::model::{JoinHold, Name, PeopleSnapshot};

/// Completes the settings of a source's reader.
pub(crate) fn prepare(
    config: &Config,
    source: &Document<kinds::Source>,
    intake: &Intake,
    mut settings: rest::Settings,
) -> rest::Settings {
    settings.joining.keep = keep(source, intake);
    settings.joining.everybody = everybody(config, source, intake);
    settings
}

/// The members of records that fields are made from, by endpoint.
fn keep(source: &Document<kinds::Source>, intake: &Intake) -> BTreeMap<String, BTreeSet<String>> {
    let mut keep: BTreeMap<String, BTreeSet<String>> = intake.members_read();
    let reads = source.spec.reads();
    for (endpoint, member) in reads.members {
        let outer = member.split('.').next().unwrap_or(&member).to_owned();
        keep.entry(endpoint).or_default().insert(outer);
    }
    if reads.custom_fields || !intake.custom_fields().is_empty() {
        for endpoint in source.spec.endpoints.keys() {
            keep.entry(endpoint.clone())
                .or_default()
                .insert("customfields".to_owned());
        }
    }
    keep
}

/// The endpoints asked about everybody, because accounts are recognised by what they say.
fn everybody(
    config: &Config,
    source: &Document<kinds::Source>,
    intake: &Intake,
) -> BTreeSet<String> {
    let recognising = recognising(config, &source.name, intake);
    source
        .spec
        .endpoints
        .keys()
        .filter(|endpoint| match &recognising {
            Some(fields) => !intake.fields_from(endpoint).is_disjoint(fields),
            None => true,
        })
        .cloned()
        .collect()
}

/// The fields of a person by which accounts are recognised; `None` when that cannot be told.
fn recognising(config: &Config, source: &Name, intake: &Intake) -> Option<BTreeSet<Name>> {
    let fields = intake.fields();
    let tables = config.tables.keys().cloned().collect();
    let scope = Scope::Person {
        fields: &fields,
        tables: &tables,
    };
    let mut used = BTreeSet::new();
    for mapping in config.mappings.values() {
        if mapping.spec.source != source.as_str() {
            continue;
        }
        let found = &mapping.spec.matching;
        let values =
            std::iter::once(&found.anchor.value).chain(found.adopt.iter().map(|one| &one.value));
        for value in values {
            let template = compile_template(value, &scope).ok()?;
            used.extend(template.fields_used().iter().cloned());
        }
    }
    Some(used)
}

/// The fields of an earlier configuration, and what they need of the same answers added to a reader's settings; `None`
/// where that configuration does not have the source.
pub(crate) fn earlier(
    config: &Config,
    source: &Document<kinds::Source>,
    settings: &mut rest::Settings,
) -> Result<Option<Intake>, Failure> {
    let Some(then) = config.sources.get(&source.name) else {
        return Ok(None);
    };
    let unusable = || {
        Failure::new(
            Exit::InvalidConfiguration,
            "a source's fields cannot be compiled",
        )
    };
    let zone = jiff::tz::TimeZone::get(&config.project.spec.time_zone).map_err(|_| unusable())?;
    let intake = Intake::compile(then, &zone).map_err(|_| unusable())?;
    let joining = &mut settings.joining;
    for (endpoint, members) in keep(then, &intake) {
        joining.keep.entry(endpoint).or_default().extend(members);
    }
    joining.everybody.extend(everybody(config, then, &intake));
    // Whom either takes in is asked about.
    joining.include = match (joining.include.take(), &then.spec.person.include) {
        (Some(now), Some(then)) if now == *then => Some(now),
        (Some(now), Some(then)) => Some(format!("({now}) or ({then})")),
        _ => None,
    };
    Ok(Some(intake))
}

/// Takes the same records in by two sets of fields.
struct Twofold<'a> {
    now: Taker<'a>,
    then: Option<Taker<'a>>,
    /// Where the people of the second are left: each read of the list begins anew, and only one is finished.
    kept: &'a Mutex<Option<PeopleSnapshot>>,
}

impl RowSink for Twofold<'_> {
    fn next_page(&mut self) {
        self.now.next_page();
        if let Some(then) = &mut self.then {
            then.next_page();
        }
    }

    fn push(&mut self, record: &Record<'_>) {
        self.now.push_record(record);
        if let Some(then) = &mut self.then {
            then.push_record(record);
        }
    }

    fn hold(&mut self, record: &Record<'_>, reasons: Box<[JoinHold]>) {
        if let Some(then) = &mut self.then {
            then.hold(record, reasons.clone());
        }
        self.now.hold(record, reasons);
    }

    fn finish(self, facts: ReadFacts) -> PeopleSnapshot {
        if let Some(then) = self.then {
            let read = RowSink::finish(then, facts.clone());
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
        RowSink::finish(self.now, facts)
    }
}

/// Reads one source once and says what it cost; makes people of what comes by its fields and, where they are given, by
/// other ones.
pub(crate) async fn read_twice(
    context: &Context,
    source: &Name,
    intake: &Intake,
    then: Option<&Intake>,
    mut settings: rest::Settings,
    run: &RunSettings,
) -> Result<(PeopleSnapshot, Option<PeopleSnapshot>), Failure> {
    let printer = context.printer;
    let name = source.clone();
    let joins = !settings.joining.endpoints.is_empty();
    settings.run = RunSettings {
        forecast: Some(Arc::new(move |forecast: &Forecast| {
            if let Some(note) = forecast_note(&name, forecast, joins) {
                printer.note(&note);
            }
        })),
        ..run.clone()
    };
    let started = Instant::now();
    let kept = Mutex::new(None);
    let reader = rest::RestReader::new(settings, || Twofold {
        now: Taker::new(intake),
        then: then.map(Taker::new),
        kept: &kept,
    })?;
    let read = reader.read_people().await?;
    context.printer.note(&note(
        source,
        read.people.len(),
        &reader.report(),
        started.elapsed(),
    ));
    drop(reader);
    Ok((
        read,
        kept.into_inner().unwrap_or_else(PoisonError::into_inner),
    ))
}

/// What is going to be needed, as soon as it is known. Nothing when it is next to nothing.
fn forecast_note(source: &Name, forecast: &Forecast, joins: bool) -> Option<String> {
    let total = forecast.total();
    if total < 20 && !joins {
        return None;
    }
    let about = if forecast.counted { "" } else { "about " };
    let by_endpoint: Vec<String> = forecast
        .needed
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(endpoint, count)| format!("{endpoint} {count}"))
        .collect();
    if by_endpoint.is_empty() {
        return None;
    }
    let least = if forecast.at_least.is_zero() {
        String::new()
    } else {
        format!(
            ", at least {} within the rate limit",
            length(forecast.at_least)
        )
    };
    Some(format!(
        "reading {source}: {} requests so far, {about}{total} more needed ({}){least}",
        forecast.spent,
        by_endpoint.join(", ")
    ))
}

/// What reading people came to: requests are the scarcest thing there is.
fn note(source: &Name, people: usize, cost: &ReadReport, took: Duration) -> String {
    let waited = match cost.waited.as_secs() {
        0 => String::new(),
        seconds => {
            format!(", {seconds} s of it waiting for the rate limit or after a failure")
        }
    };
    let mut saved = Vec::new();
    for (count, why) in [
        (cost.shared, "shared by several people"),
        (cost.unneeded, "nobody needs"),
        (cost.cached, "kept from an earlier run"),
    ] {
        if count > 0 {
            saved.push(format!("{count} {why}"));
        }
    }
    let saved = if saved.is_empty() {
        String::new()
    } else {
        format!(
            "; {} saved ({})",
            cost.shared + cost.unneeded + cost.cached,
            saved.join(", ")
        )
    };
    let confirmed = match cost.confirmed {
        0 => String::new(),
        count => format!("; {count} answers confirmed instead of sent again"),
    };
    format!(
        "read {source}: {people} people with {} requests in {:.1} s{waited}{saved}{confirmed}",
        cost.requests,
        took.as_secs_f64()
    )
}

fn length(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_needed_waited_for_and_saved() {
        let source = Name::new("people");
        let cost = ReadReport {
            requests: 120,
            waited: Duration::from_secs(300),
            shared: 40,
            unneeded: 2,
            ..ReadReport::default()
        };
        assert_eq!(
            note(&source, 90, &cost, Duration::from_millis(301_500)),
            "read people: 90 people with 120 requests in 301.5 s, 300 s of it waiting for the rate limit or after a \
             failure; 42 saved (40 shared by several people, 2 nobody needs)"
        );
        let forecast = Forecast {
            spent: 2,
            needed: vec![("users".to_owned(), 49), ("details".to_owned(), 5000)],
            counted: false,
            at_least: Duration::from_secs(5400),
        };
        assert_eq!(
            forecast_note(&source, &forecast, true).unwrap(),
            "reading people: 2 requests so far, about 5049 more needed (users 49, details 5000), at least 1 h 30 min \
             within the rate limit"
        );
    }
}
