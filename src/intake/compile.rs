//! From a `Source` document to a compiled [`Intake`].

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{FieldPlan, Intake, Origin, normalise};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::{Document, kinds};
use crate::lang::{self, LangError, Scope};
use crate::model::Name;

/// The endpoint the HaloITSM preset reads people from.
const DEFAULT_ENDPOINT: &str = "users";

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

        let mut languages = |pointer: &str, errors: Vec<LangError>| {
            problems.extend(
                errors
                    .into_iter()
                    .map(|error| problem(pointer, error.code, error.message, error.help)),
            );
        };
        let include = person.include.as_ref().and_then(|text| {
            lang::compile_condition(text, &scope)
                .map_err(|errors| languages("/spec/person/include", errors))
                .ok()
        });
        let mut origins = Vec::new();
        let mut fields = Vec::with_capacity(person.fields.len());
        for (name, spec) in &person.fields {
            let pointer = format!("/spec/person/fields/{}/from", escaped(name));
            let Ok(from) = lang::compile_expression(&spec.from, &scope)
                .map_err(|errors| languages(&pointer, errors))
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
            fields.push(FieldPlan {
                name: Name::new(name),
                fact_type: spec.fact_type,
                none: spec
                    .none
                    .iter()
                    .map(|none| normalise::text(none).into_owned())
                    .collect(),
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
