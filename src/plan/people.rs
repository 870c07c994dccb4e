//! The desired side of one target: who of a source is to have which state under which mapping.

use compact_str::CompactString;
use rayon::prelude::*;

use super::draft::Draft;
use super::exceptions::Exceptions;
use super::links::Links;
use super::quality::{Judged, Labels};
use super::records::Records;
use super::target::CHUNK;
use super::zones::{Seen, Zones};
use super::{PersonRef, build::Moment};
use crate::config::{Document, kinds};
use crate::lang::PersonContext;
use crate::lifecycle::{Decided, Lifecycle, Since};
use crate::mapping::{Mapping, Problem};
use crate::model::{JoinHold, JoinWhy, Name, PeopleSnapshot, Person};
use crate::policy::held;

/// The people of one source as one target sees them.
pub(super) struct Side<'a> {
    pub(super) source: &'a Name,
    pub(super) people: &'a PeopleSnapshot,
    /// Places of people in the snapshot, by key.
    pub(super) order: Vec<u32>,
    pub(super) lifecycle: Lifecycle,
    pub(super) mappings: Vec<Mapping>,
    /// The read proves enough for removals.
    pub(super) proven: bool,
    zones: Zones,
    labels: Labels<'a>,
    doubtful: bool,
    quality: Option<&'a Judged>,
    records: Option<&'a Records>,
    pub(super) exceptions: Exceptions,
    pub(super) links: Links,
}

/// What became of one person.
pub(super) enum Assessed {
    /// No mapping concerns them.
    NotMapped,
    /// The source's `include` leaves them out.
    OutOfScope,
    /// Another record of the same person counts.
    Secondary,
    /// Nobody can say what they should have.
    Held(Box<Draft>),
    /// They are to have an account in this state.
    Subject {
        mapping: u16,
        state: u16,
        since: Since,
        inactive: bool,
        anchor: CompactString,
        templates: Concerned,
    },
}

/// What a person's facts come to.
struct Judgement {
    mapping: u16,
    decided: Decided,
    inactive: bool,
    anchor: CompactString,
}

/// The templates that concern a person, or why nobody can say. That holds their attributes and not their state: a
/// leaver's account is shut whatever their role is.
pub(super) type Concerned = Result<Box<[u16]>, Box<Draft>>;

impl<'a> Side<'a> {
    pub(super) fn new(
        source: &'a Document<kinds::Source>,
        people: &'a PeopleSnapshot,
        lifecycle: Lifecycle,
        mappings: Vec<Mapping>,
        moment: &Moment,
        quality: Option<&'a Judged>,
        records: Option<&'a Records>,
    ) -> Self {
        let mut order: Vec<u32> =
            (0..u32::try_from(people.people.len()).unwrap_or(u32::MAX)).collect();
        let key = |at: &u32| &people.people[*at as usize].key;
        if !order.is_sorted_by(|one, next| key(one).natural_cmp(key(next)).is_le()) {
            order.sort_by(|one, next| key(one).natural_cmp(key(next)));
        }
        let doubtful = !people.header.rejected.is_empty() || {
            let behind: Vec<bool> = people
                .header
                .fields
                .iter()
                .map(|field| {
                    mappings.iter().any(|mapping| {
                        mapping
                            .anchor
                            .formula
                            .template
                            .fields_used()
                            .contains(&field.name)
                    })
                })
                .collect();
            let matters =
                |fault: &crate::model::Fault| behind.get(usize::from(fault.field.0)) == Some(&true);
            people
                .people
                .iter()
                .any(|person| person.faults.iter().any(matters))
        };
        Self {
            source: &source.name,
            people,
            doubtful,
            order,
            zones: Zones::new(lifecycle.time_zone.as_ref(), people, moment),
            lifecycle,
            mappings,
            proven: true,
            labels: Labels::new(source, people),
            quality,
            records,
            exceptions: Exceptions::default(),
            links: Links::default(),
        }
    }

    pub(super) fn person(&self, at: u32) -> &'a Person {
        &self.people.people[at as usize]
    }

    /// What templates and conditions see of a person, in the person's time zone.
    pub(super) fn context<'p>(&'p self, moment: &'p Moment, at: u32) -> PersonContext<'p> {
        PersonContext {
            person: self.person(at),
            account: &[],
            as_of: self.zones.as_of(at, moment).clone(),
            tables: &moment.tables,
        }
    }

    /// Like [`Side::context`], for one person after the other.
    pub(super) fn seen<'p, 's>(
        &'p self,
        moment: &'p Moment,
        last: &'s mut Option<Seen<'p>>,
        at: u32,
    ) -> &'s PersonContext<'p> {
        let as_of = self.zones.as_of(at, moment);
        Seen::next(last, || self.context(moment, at), self.person(at), as_of)
    }

    /// The plan's moment in a person's time zone.
    pub(super) fn as_of<'p>(&'p self, moment: &'p Moment, at: u32) -> &'p jiff::Zoned {
        self.zones.as_of(at, moment)
    }

    /// How reviewers know a person.
    pub(super) fn reference(&self, at: u32) -> PersonRef {
        self.labels.reference(self.person(at))
    }

    /// `label (key)`.
    pub(super) fn shown(&self, at: u32) -> String {
        self.labels.shown(self.person(at))
    }

    /// Everyone, in the order of their keys.
    pub(super) fn assess(&self, moment: &Moment) -> Vec<Assessed> {
        self.order
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                let mut context = None;
                chunk
                    .iter()
                    .map(|at| {
                        let context = self.seen(moment, &mut context, *at);
                        self.assess_one(*at, context)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Which records are of one person; `None` where each is a person of its own.
    pub(super) fn records(&self) -> Option<&'a Records> {
        self.records
    }

    /// The record that counts for the person of this one: itself, unless another does.
    pub(super) fn primary(&self, at: u32) -> u32 {
        self.records.map_or(at, |records| records.primary(at))
    }

    fn assess_one(&self, at: u32, context: &PersonContext<'_>) -> Assessed {
        if self.primary(at) != at {
            return Assessed::Secondary;
        }
        if !context.person.in_scope {
            return Assessed::OutOfScope;
        }
        match self.judge(at, context) {
            Ok(Some(judged)) => Assessed::Subject {
                templates: self.concerned(usize::from(judged.mapping), context),
                mapping: judged.mapping,
                state: u16::try_from(judged.decided.state).unwrap_or(u16::MAX),
                since: judged.decided.since,
                inactive: judged.inactive,
                anchor: judged.anchor,
            },
            Ok(None) => Assessed::NotMapped,
            Err(draft) => Assessed::Held(Box::new(draft)),
        }
    }

    fn judge(&self, at: u32, context: &PersonContext<'_>) -> Result<Option<Judgement>, Draft> {
        let held = |early: bool| match self.quality.and_then(|found| found.draft(at, early)) {
            Some(draft) => Err(draft),
            None => Ok(()),
        };
        if let Some(draft) = unjoined(&context.person.held) {
            return Err(draft);
        }
        held(true)?;
        if let Some(draft) = self.records.and_then(|records| records.held(at)) {
            return Err(draft.clone());
        }
        let Some(chosen) = self.mapping(context)? else {
            return Ok(None);
        };
        held(false)?;
        if let Some(draft) = self.zones.wrong(at) {
            return Err(draft);
        }
        let inactive = self.lifecycle.is_inactive(context).map_err(|why| {
            let inactive = self.lifecycle.inactive.as_ref();
            let rule = inactive.map_or(self.lifecycle.absent_rule, |inactive| inactive.when.rule);
            Draft::inactive_unknown(&why, rule)
        })?;
        let decided = self.lifecycle.decide(context).map_err(|undecided| {
            Draft::undecided(&undecided, |state| {
                let state = &self.lifecycle.written[state];
                (state.name.clone(), state.rule)
            })
        })?;
        let key = &self.mappings[chosen].anchor;
        if let Some(field) = &key.formula.blind {
            return Err(Draft::not_delivered("the anchor", field).rule(key.formula.rule));
        }
        let anchor = key.formula.text(context).map_err(|error| {
            Draft::problem("the anchor", &Problem::of(error)).rule(key.formula.rule)
        })?;
        if anchor.is_empty() {
            return Err(
                Draft::new(held::MISSING_VALUE, "the anchor came out empty").rule(key.formula.rule)
            );
        }
        let anchor = crate::mapping::canonical(&key.def, &anchor, context.as_of.time_zone())
            .map_err(|bad| Draft::bad_value(&key.name, &bad).rule(key.formula.rule))?;
        Ok(Some(Judgement {
            mapping: u16::try_from(chosen).unwrap_or(u16::MAX),
            decided,
            inactive,
            anchor,
        }))
    }

    fn concerned(&self, mapping: usize, context: &PersonContext<'_>) -> Concerned {
        let mapping = &self.mappings[mapping];
        mapping.concerned(context).map_err(|(at, problem)| {
            let template = &mapping.templates[usize::from(at)];
            let what = format!("the condition of template {}", template.name);
            Box::new(Draft::problem(&what, &problem).rule(template.rule))
        })
    }

    /// The one mapping that concerns a person.
    fn mapping(&self, context: &PersonContext<'_>) -> Result<Option<usize>, Draft> {
        let mut chosen = None;
        for (at, mapping) in self.mappings.iter().enumerate() {
            if let Some(test) = &mapping.applies_to {
                let what = format!("appliesTo of mapping {}", mapping.name);
                if let Some(field) = &test.blind {
                    return Err(Draft::not_delivered(&what, field).rule(test.rule));
                }
                match test.condition.holds(context) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        return Err(Draft::problem(&what, &Problem::of(error)).rule(test.rule));
                    }
                }
            }
            if let Some(first) = chosen.replace(at) {
                let first: &Mapping = &self.mappings[first];
                return Err(Draft::new(
                    held::AMBIGUOUS_MAPPING,
                    format!("mappings {} and {} both apply", first.name, mapping.name),
                )
                .rule(mapping.rule));
            }
        }
        Ok(chosen)
    }

    /// The state of a subject.
    pub(super) fn state(&self, state: u16) -> &crate::lifecycle::State {
        &self.lifecycle.states[usize::from(state)]
    }

    /// Anchor values a person would have under any mapping, as far as they can be told.
    pub(super) fn anchors(
        &self,
        at: u32,
        moment: &Moment,
    ) -> Vec<(crate::model::AttributeId, CompactString)> {
        let context = self.context(moment, at);
        self.mappings
            .iter()
            .filter_map(|mapping| {
                let key = &mapping.anchor;
                let text = key.formula.text(&context).ok()?;
                (!text.is_empty()).then(|| (key.id, crate::mapping::fold(&key.def, &text)))
            })
            .collect()
    }

    /// Whether somebody of the read may have an anchor nobody knows: their row was rejected, or a value their anchor is
    /// made from was not understood.
    pub(super) fn anchors_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Rules that had to be left out because no row had a field they read.
    pub(super) fn blind_rules(&self) -> Vec<(String, Name)> {
        let rules = self
            .mappings
            .iter()
            .flat_map(Mapping::all_rules)
            .filter_map(|rule| Some((rule.name.clone(), rule.blind.clone()?)));
        let templates = self
            .mappings
            .iter()
            .flat_map(|mapping| &mapping.templates)
            .filter_map(|template| {
                let field = template.when.as_ref()?.blind.clone()?;
                Some((format!("template {}", template.name), field))
            });
        rules.chain(templates).collect()
    }
}

/// The hold of somebody whose record of another endpoint is not known; of several reasons the gravest gives the code.
fn unjoined(held: &[JoinHold]) -> Option<Draft> {
    let gravest = held.iter().map(|hold| hold.why).min()?;
    let code = match gravest {
        JoinWhy::Unknown => held::JOIN_UNKNOWN,
        JoinWhy::Unmatched => held::JOIN_UNMATCHED,
        JoinWhy::Duplicate => held::JOIN_DUPLICATE,
    };
    let reasons: Vec<&str> = held.iter().map(|hold| hold.reason.as_str()).collect();
    Some(Draft::new(code, reasons.join("; ")))
}
