//! Which records are of one person: what can be said of it before anybody is read.

use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::kinds::Source;
use crate::config::yaml::join;
use crate::lang::{self, PersonContext, Tables};
use crate::model::{Person, PersonKey};

const AT: &str = "/spec/person/samePerson";

pub(super) fn check(source: &Entry<Source>, context: &Context<'_>, report: &mut Report) {
    let Some(same) = &source.spec.person.same_person else {
        return;
    };
    let Some(people) = context.people(source.name.as_str()) else {
        return;
    };
    let doc = &source.doc;
    let by = join(AT, "by");
    if let Some(template) = people.template(doc, &by, report) {
        if template.fields_used().is_empty() {
            report.error(
                doc,
                &by,
                codes::CONSTANT_MATCH,
                "this is the same for everyone, so all records would be of one person",
                Some(
                    "use a field that differs from person to person and stays the same with a new contract, such as `{{ person.nationalId }}`"
                        .to_owned(),
                ),
            );
        } else if joins_the_empty(&template, people.fields.len()) {
            report.error(
                doc,
                &by,
                codes::JOINS_EMPTY,
                "this says something of people without any of its values too, so all of them would be one person",
                Some(
                    "leave out the text put in for a missing value, as in `{{ person.nationalId }}`; who has none is a person of their own"
                        .to_owned(),
                ),
            );
        }
    }
    let prefer = join(AT, "prefer");
    let mut seen: Vec<&str> = Vec::new();
    for (index, text) in same.prefer.iter().enumerate() {
        let at = join(&prefer, &index.to_string());
        people.condition(doc, &at, report);
        // A text put in for one that is not there says nothing.
        if doc.text(&at).is_none() {
            continue;
        }
        let Ok(condition) = lang::compile_condition(text, &people.scope()) else {
            continue;
        };
        if condition.fields_used().is_empty() {
            report.warn(
                doc,
                &at,
                codes::CONSTANT_CONDITION,
                "this looks at nothing of a person, so it prefers no record to another",
                Some(
                    "name the field that says it, as in `person.contract == 'employee'`".to_owned(),
                ),
            );
        } else if seen.contains(&text.trim()) {
            report.warn(
                doc,
                &at,
                codes::CONSTANT_CONDITION,
                "the same stands before, so this prefers no record to another",
                Some("take it out".to_owned()),
            );
        }
        seen.push(text.trim());
    }
}

/// Whether the template gives a text to somebody of whom nothing is known.
fn joins_the_empty(template: &lang::Template, fields: usize) -> bool {
    let nobody = Person {
        key: PersonKey::new("nobody"),
        in_scope: true,
        facts: vec![None; fields].into_boxed_slice(),
        faults: Box::default(),
        held: Box::default(),
    };
    let tables = Tables::default();
    let context = PersonContext {
        person: &nobody,
        account: &[],
        as_of: jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC),
        tables: &tables,
    };
    template
        .render(&context)
        .is_ok_and(|text| !text.trim().is_empty())
}
