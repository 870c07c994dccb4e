//! What a change of the configuration changes of the reading of people, where only what the new configuration made of the
//! answers is known.
//!
//! A recording holds facts and no answers, so nobody can say what the earlier fields would have given. Keeps that a change
//! that such a fact has a part in is never said to come from people's data.

use std::collections::BTreeSet;

use crate::config::kinds;
use crate::config::{Config, Document};
use crate::model::{Location, Name};
use crate::plan::{Action, Cause, Change, NotCompared, Plan};

/// One part of the reading of people that two configurations write differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadChange {
    /// The source.
    pub source: Name,
    /// In words: `field jobTitle`.
    pub what: String,
    /// Where it is written now, or was.
    pub location: Location,
    /// The field; `None` when all of them may give something else, or it chooses the mapping.
    pub field: Option<String>,
    /// Whether the same answers hold what both need.
    pub same_answers: bool,
    /// Whether only the earlier configuration has it.
    pub only_earlier: bool,
}

/// What two configurations read of people differently. What the later one reads besides changes nothing for the earlier.
pub fn read_changes(now: &Config, then: &Config) -> Vec<ReadChange> {
    let zones = [now, then].map(|config| &config.project.spec.time_zone);
    let mut all = Vec::new();
    for (name, source) in &now.sources {
        let Some(earlier) = then.sources.get(name) else {
            continue;
        };
        if zones[0] != zones[1] {
            let what = "the project's time zone, in which moments become dates";
            let location = now.project.positions.value("/spec/timeZone");
            all.push(whole(name, what, location, true));
        }
        let chooses = |field: &str| {
            let mut configs = [now, then].into_iter();
            configs.any(|config| chooses_mappings(config, name, field))
        };
        all.extend(of_source(name, source, earlier).into_iter().map(|one| {
            // Whoever comes to another mapping is another account altogether, and no change tells that among its facts.
            let field = one.field.filter(|field| !chooses(field));
            ReadChange { field, ..one }
        }));
    }
    all
}

/// Whether a field has a part in which mapping somebody has.
fn chooses_mappings(config: &Config, source: &Name, field: &str) -> bool {
    let spoken = [
        format!("person.{field}"),
        format!("'{field}'"),
        format!("\"{field}\""),
    ];
    let mut mappings = config.mappings.values();
    mappings.any(|mapping| {
        let applies_to = mapping.spec.applies_to.as_deref().unwrap_or_default();
        mapping.spec.source == source.as_str()
            && spoken.iter().any(|spoken| applies_to.contains(spoken))
    })
}

fn whole(source: &Name, what: &str, location: Location, same_answers: bool) -> ReadChange {
    ReadChange {
        source: source.clone(),
        what: what.to_owned(),
        location,
        field: None,
        same_answers,
        only_earlier: false,
    }
}

fn of_source(
    name: &Name,
    now: &Document<kinds::Source>,
    then: &Document<kinds::Source>,
) -> Vec<ReadChange> {
    let (new, old) = (&now.spec, &then.spec);
    let mut all = Vec::new();
    // Where neither writes it any more, the document.
    let place = |pointer: &str| now.positions.value(pointer);
    for (differs, what, pointer, same_answers) in [
        (new.preset != old.preset, "`preset`", "/spec/preset", false),
        (
            (&new.instance, &new.resource_server, &new.tenant)
                != (&old.instance, &old.resource_server, &old.tenant),
            "the address",
            "/spec",
            false,
        ),
        (
            new.endpoints != old.endpoints,
            "`endpoints`",
            "/spec/endpoints",
            false,
        ),
        (new.join != old.join, "`join`", "/spec/join", false),
        (
            new.person.key != old.person.key,
            "the key of people",
            "/spec/person",
            false,
        ),
        (
            new.person.include != old.person.include,
            "`include`",
            "/spec/person/include",
            true,
        ),
        (
            new.normalise != old.normalise,
            "`normalise`",
            "/spec/normalise",
            true,
        ),
    ] {
        if differs {
            all.push(whole(name, what, place(pointer), same_answers));
        }
    }
    for (field, old) in &old.person.fields {
        let pointer = format!(
            "/spec/person/fields/{}",
            field.replace('~', "~0").replace('/', "~1")
        );
        let new = new.person.fields.get(field);
        if new.is_some_and(|new| reads_the_same(new, old)) {
            continue;
        }
        let document = if new.is_some() { now } else { then };
        all.push(ReadChange {
            source: name.clone(),
            what: format!("field {field}"),
            location: document.positions.key(&pointer),
            field: Some(field.clone()),
            same_answers: true,
            only_earlier: new.is_none(),
        });
    }
    all
}

/// Whether two fields give the same facts; what is asked of facts is judged by both plans.
fn reads_the_same(one: &kinds::FieldSpec, other: &kinds::FieldSpec) -> bool {
    let kinds::FieldSpec {
        from,
        fact_type,
        none,
        select,
        format,
        max_bytes,
        normalise,
        required: _,
        unique: _,
        invalid: _,
        rules: _,
    } = one;
    *from == other.from
        && *fact_type == other.fact_type
        && *none == other.none
        && *select == other.select
        && *format == other.format
        && *max_bytes == other.max_bytes
        && *normalise == other.normalise
}

/// Writes into a plan compared with an earlier commit's what of the reading of people was not compared, and takes back
/// that changes which may come of it come from people's data.
pub fn not_told_apart(plan: &mut Plan, changes: &[ReadChange]) {
    let changes: Vec<&ReadChange> = changes.iter().filter(|one| !one.only_earlier).collect();
    let mut counts = vec![0; changes.len()];
    for change in &mut plan.changes {
        // What is only told of the configuration comes from it all the same.
        let mut touched = false;
        let facts = facts_of(change);
        for (one, count) in changes.iter().zip(&mut counts) {
            let uses = match &one.field {
                None => true,
                Some(field) => facts.contains(field.as_str()),
            };
            if uses && change.person.source == one.source {
                *count += 1;
                touched = true;
            }
        }
        if touched && change.cause == Cause::Source {
            change.cause = Cause::Undetermined;
        }
    }
    let Some(base) = &mut plan.base else { return };
    base.not_compared = changes
        .into_iter()
        .zip(counts)
        .map(|(one, changes)| NotCompared {
            source: one.source.clone(),
            what: one.what.clone(),
            location: one.location.clone(),
            changes,
        })
        .collect();
}

/// The fields a change was computed from.
fn facts_of(change: &Change) -> BTreeSet<&str> {
    let own = change.because.facts.keys();
    let attributes = match &change.action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => attributes.as_slice(),
        _ => &[],
    };
    let of_attributes = attributes.iter().flat_map(|one| one.facts.keys());
    own.chain(of_attributes).map(String::as_str).collect()
}
