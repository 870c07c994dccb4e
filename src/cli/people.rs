//! Reading the people of one source: its reader set up with what its fields and the mappings need, and what it cost.
//!
//! Must not know what becomes of people. Invariant: whatever makes an account recognised is asked about everybody, also
//! about people whom `include` leaves out: an account whose person is only out of scope must never look abandoned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use super::failure::Failure;
use crate::config::{Config, Document, kinds};
use crate::connector::PeopleReader as _;
use crate::connector::rest::{self, Forecast, ReadReport, RunSettings};
use crate::intake::{Intake, Taker};
use crate::lang::{Scope, compile_template};
use crate::model::{Name, PeopleSnapshot};

/// Completes the settings of a source's reader.
pub(crate) fn prepare(
    config: &Config,
    source: &Document<kinds::Source>,
    intake: &Intake,
    mut settings: rest::Settings,
) -> rest::Settings {
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
    settings.joining.keep = keep;
    let recognising = recognising(config, &source.name, intake);
    settings.joining.everybody = source
        .spec
        .endpoints
        .keys()
        .filter(|endpoint| match &recognising {
            Some(fields) => !intake.fields_from(endpoint).is_disjoint(fields),
            None => true,
        })
        .cloned()
        .collect();
    settings
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

/// Reads one source and says what it cost.
pub(crate) async fn read(
    context: &Context,
    source: &Name,
    intake: &Intake,
    mut settings: rest::Settings,
    run: &RunSettings,
) -> Result<PeopleSnapshot, Failure> {
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
    let reader = rest::RestReader::new(settings, || Taker::new(intake))?;
    let read = reader.read_people().await?;
    context.printer.note(&note(
        source,
        read.people.len(),
        &reader.report(),
        started.elapsed(),
    ));
    Ok(read)
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
