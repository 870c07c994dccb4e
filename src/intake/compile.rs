//! From a `Source` document to a compiled [`Intake`].

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::dates::Dating;
use super::normalise::Reading;
use super::text::Cleaning;
use super::{FieldPlan, Intake, Origin};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::{Document, codes, kinds, unusable_date_format};
use crate::lang::{self, LangError, Scope};
use crate::model::Name;

/// The endpoint the HaloITSM preset reads people from.
const DEFAULT_ENDPOINT: &str = "users";

/// What `thumbnailPhoto` holds at most (its `rangeUpper` in the default schema, [MS-ADA3] 2.301).
const DEFAULT_MOST_BYTES: u32 = 102_400;

impl Intake {
    /// Compiles a source's `person` part. `zone` is the project's time zone, in which moments become dates.
    ///
    /// # Errors
    /// Everything that keeps it from being used, with its place.
    pub fn compile(
        source: &Document<kinds::Source>,
        zone: &TimeZone,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut endpoints: BTreeSet<String> = source.spec.endpoints.keys().cloned().collect();
        if endpoints.is_empty() && source.spec.preset.is_some() {
            endpoints.insert(DEFAULT_ENDPOINT.to_owned());
        }
        let scope = Scope::Record {
            endpoints: &endpoints,
        };
        let at = |pointer: &str| source.positions.value(pointer);
        let problem = |pointer: &str, code, message: String, help: Option<String>| Diagnostic {
            code,
            severity: Severity::Error,
            message,
            location: Some(at(pointer)),
            length: 1,
            help,
        };
        let person = &source.spec.person;

        let key = match person.key.split_once('.') {
            Some((endpoint, member))
                if endpoints.contains(endpoint) && !member.is_empty() && !member.contains('.') =>
            {
                (endpoint.to_owned(), member.to_owned())
            }
            _ => {
                problems.push(problem(
                    "/spec/person/key",
                    "intake-key",
                    format!("{:?} does not name a member of an endpoint", person.key),
                    Some("write `users.id`".to_owned()),
                ));
                (DEFAULT_ENDPOINT.to_owned(), "id".to_owned())
            }
        };

        let languages = |problems: &mut Vec<Diagnostic>, pointer: &str, errors: Vec<LangError>| {
            problems.extend(
                errors
                    .into_iter()
                    .map(|error| problem(pointer, error.code, error.message, error.help)),
            );
        };
        let include = person.include.as_ref().and_then(|text| {
            lang::compile_condition(text, &scope)
                .map_err(|errors| languages(&mut problems, "/spec/person/include", errors))
                .ok()
        });
        let mut origins = Vec::new();
        let mut fields = Vec::with_capacity(person.fields.len());
        for (name, spec) in &person.fields {
            let pointer = format!("/spec/person/fields/{}/from", escaped(name));
            let Ok(from) = lang::compile_expression(&spec.from, &scope)
                .map_err(|errors| languages(&mut problems, &pointer, errors))
            else {
                continue;
            };
            let own = from
                .members_used()
                .into_iter()
                .map(|(endpoint, member)| Origin::Member(endpoint, member))
                .chain(
                    from.custom_fields_used()
                        .iter()
                        .cloned()
                        .map(Origin::CustomField),
                );
            let own = own.map(|origin| index_of(&mut origins, origin)).collect();
            let reading = match reading(&source.spec, spec, zone) {
                Ok(reading) => reading,
                Err((member, code, message)) => {
                    let pointer = format!("/spec/person/fields/{}{member}", escaped(name));
                    problems.push(problem(&pointer, code, message, None));
                    continue;
                }
            };
            fields.push(FieldPlan {
                name: Name::new(name),
                reading,
                from,
                origins: own,
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            fields,
            include,
            key,
            zone: zone.clone(),
            origins,
            halo: source.spec.preset == Some(kinds::Preset::Haloitsm),
        })
    }
}

/// How a field's values are read: what the field says, else what the source says, else the usual.
fn reading(
    source: &kinds::Source,
    field: &kinds::FieldSpec,
    project: &TimeZone,
) -> Result<Reading, (&'static str, &'static str, String)> {
    let levels = [field.normalise.as_ref(), source.normalise.as_ref()];
    let levels = || levels.into_iter().flatten();
    let entities = levels().find_map(|level| level.entities);
    let cleaning = Cleaning {
        entities: entities.map_or(is_haloitsm(source), |entities| {
            entities == kinds::Entities::Decode
        }),
        whitespace: levels()
            .find_map(|level| level.whitespace)
            .unwrap_or(kinds::Whitespace::Keep),
        controls: levels()
            .find_map(|level| level.controls)
            .unwrap_or(kinds::Controls::Keep),
    };
    let zone = match levels().find_map(|level| level.dates.as_ref()) {
        None => TimeZone::UTC,
        Some(dates) => match dates.zone.as_str() {
            "utc" => TimeZone::UTC,
            "project" => project.clone(),
            name => TimeZone::get(name).map_err(|_| {
                let message = format!("{name:?} is not a known time zone");
                ("/normalise", codes::BAD_TIME_ZONE, message)
            })?,
        },
    };
    let formats = field
        .format
        .as_ref()
        .map_or(&[][..], kinds::DateFormats::all);
    if let Some((format, why)) = formats
        .iter()
        .find_map(|one| Some((one, unusable_date_format(one)?)))
    {
        let message = format!("{format:?}: {why}");
        return Err(("/format", codes::BAD_DATE_FORMAT, message));
    }
    let none = levels().flat_map(|level| &level.none).chain(&field.none);
    Ok(Reading {
        fact_type: field.fact_type,
        none: none.map(|none| cleaning.text(none).into_owned()).collect(),
        select: field
            .select
            .iter()
            .map(|(raw, meaning)| (raw, cleaning.text(meaning).into_owned()))
            .map(|(raw, meaning)| (cleaning.text(raw).into_owned(), meaning))
            .collect(),
        cleaning,
        dating: Dating {
            zone,
            formats: formats.to_vec(),
        },
        lower_local: levels().find_map(|level| level.email_local_part)
            == Some(kinds::LocalPart::Lower),
        most: usize::try_from(field.max_bytes.unwrap_or(DEFAULT_MOST_BYTES)).unwrap_or(usize::MAX),
    })
}

/// Whether the source is known to store text as HTML.
fn is_haloitsm(source: &kinds::Source) -> bool {
    matches!(source.preset, Some(kinds::Preset::Haloitsm))
}

fn index_of(origins: &mut Vec<Origin>, origin: Origin) -> usize {
    if let Some(known) = origins.iter().position(|known| *known == origin) {
        return known;
    }
    origins.push(origin);
    origins.len() - 1
}

/// A member name inside a JSON pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
