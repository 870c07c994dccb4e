//! What tests of one mapping share: the part of the configuration they are about, compiled where it has to be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::actual::Actual;
use super::compare::{Difference, compare};
use super::world::World;
use crate::config::{Config, Positions, given, kinds};
use crate::intake::Intake;
use crate::lang::{PersonContext, Tables};
use crate::lifecycle::{Compiler, Formula, RuleBook, WatchedRule};
use crate::model::{Completeness, DirectoryHeader, Dn, Field, Name, PeopleHeader, Person, Verdict};
use crate::plan::{self, Plan, PlanInput, Trace};
use crate::snapshot::PEOPLE_FORMAT;

/// Why a test cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotRunnable {
    message: String,
}

impl NotRunnable {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Everything about one mapping that does not depend on the test.
#[derive(Debug)]
pub struct Bench {
    /// The mapping's source and target, and what belongs to them.
    pub(super) config: Config,
    pub(super) source: Name,
    pub(super) target: Name,
    pub(super) zone: TimeZone,
    pub(super) intake: Intake,
    /// A head for people: every declared field delivered, the read proven.
    pub(super) people: PeopleHeader,
    pub(super) base: Dn,
    /// Templates that name places and groups.
    pub(super) places: Vec<Formula>,
    pub(super) groups: Vec<Formula>,
    /// Template of a person's time zone.
    time_zone: Option<Formula>,
    pub(super) tables: Tables,
}

/// One run of the planner for a test.
pub(super) struct Run {
    pub(super) actual: Actual,
    /// Definitions of the attributes the planner knew.
    pub(super) header: DirectoryHeader,
    zone: TimeZone,
    pub(super) trace: Trace,
}

impl Bench {
    /// Prepares what tests of a mapping share.
    ///
    /// # Errors
    /// The configuration has no such mapping, or its parts do not compile; a configuration that was validated has
    /// neither fault.
    pub fn new(config: &Config, mapping: &str) -> Result<Self, NotRunnable> {
        let lacking = |what: &str| NotRunnable::new(format!("the configuration lacks {what}"));
        let tested = config
            .mappings
            .get(mapping)
            .ok_or_else(|| lacking(&format!("the mapping {mapping}")))?;
        let (source, target) = (tested.spec.source.as_str(), tested.spec.target.as_str());
        let mut own = config.clone();
        let pair = |of_source: &str, of_target: &str| of_source == source && of_target == target;
        own.sources.retain(|name, _| name.as_str() == source);
        own.directories.retain(|name, _| name.as_str() == target);
        own.mappings
            .retain(|_, one| pair(&one.spec.source, &one.spec.target));
        let mappings: BTreeSet<String> = own.mappings.keys().map(|name| name.to_string()).collect();
        own.templates
            .retain(|_, one| mappings.contains(&one.spec.mapping));
        own.lifecycles
            .retain(|_, one| pair(&one.spec.source, &one.spec.target));
        own.groups
            .retain(|_, one| pair(&one.spec.source, &one.spec.target));
        // What is settled for single people says nothing about invented ones.
        own.links.clear();
        own.exceptions.clear();
        own.tests.clear();
        own.files.clear();
        for source in own.sources.values_mut() {
            // A handful of invented people is no whole company, and does not have to prove that it is one.
            source.spec.completeness = kinds::CompletenessRules::default();
        }
        let zone = TimeZone::get(&own.project.spec.time_zone)
            .map_err(|error| NotRunnable::new(error.to_string()))?;
        let document = own
            .sources
            .get(source)
            .ok_or_else(|| lacking(&format!("the source {source}")))?;
        let intake = Intake::compile(document, &zone)
            .map_err(|_| NotRunnable::new("the source's fields cannot be compiled"))?;
        let people = header(document.name.clone(), &intake);
        let directory = own
            .directories
            .get(target)
            .ok_or_else(|| lacking(&format!("the target {target}")))?;
        let base =
            Dn::parse(&directory.spec.base).map_err(|error| NotRunnable::new(error.to_string()))?;
        let names: BTreeSet<Name> = own.tables.keys().cloned().collect();
        let mut book = RuleBook::default();
        let mut compiler = Compiler::new(&people, &names, &mut book);
        let mut formula = |positions: &Positions, text: &str| {
            compiler
                .formula(positions, "", text)
                .map_err(|error| NotRunnable::new(error.to_string()))
        };
        let mut places = Vec::new();
        let mut time_zone = None;
        for lifecycle in own.lifecycles.values() {
            if let Some(text) = &lifecycle.spec.time_zone {
                time_zone = Some(formula(&lifecycle.positions, text)?);
            }
        }
        for template in own.templates.values() {
            if let Some(text) = &template.spec.placement {
                places.push(formula(&template.positions, text)?);
            }
        }
        for mapping in own.mappings.values() {
            places.push(formula(&mapping.positions, &mapping.spec.placement)?);
        }
        for lifecycle in own.lifecycles.values() {
            for state in &lifecycle.spec.states {
                for text in state.steps().iter().filter_map(|step| step.placement) {
                    places.push(formula(&lifecycle.positions, text)?);
                }
            }
        }
        let mut groups = Vec::new();
        for document in own.groups.values() {
            for rule in &document.spec.rules {
                groups.push(formula(&document.positions, &rule.group)?);
            }
        }
        Ok(Self {
            source: Name::new(source),
            target: Name::new(target),
            tables: plan::tables(&own),
            config: own,
            zone,
            intake,
            people,
            base,
            places,
            groups,
            time_zone,
        })
    }

    /// The zone in which a person's days begin and end; the project's when the person has no other.
    pub(super) fn zone_of(&self, person: &Person, as_of: jiff::Timestamp) -> TimeZone {
        let context = PersonContext {
            person,
            account: &[],
            as_of: as_of.to_zoned(self.zone.clone()),
            tables: &self.tables,
        };
        self.time_zone
            .as_ref()
            .and_then(|formula| formula.text(&context).ok())
            .and_then(|name| TimeZone::get(&name).ok())
            .unwrap_or_else(|| self.zone.clone())
    }

    /// Runs the planner for a test.
    pub(super) fn run(&self, test: &kinds::MappingTest) -> Result<Run, NotRunnable> {
        let as_of = given::as_of(&test.as_of, &self.zone)
            .ok_or_else(|| NotRunnable::new(format!("{:?} is no moment", test.as_of)))?;
        let world = World::new(self, test, as_of)?;
        let (plan, trace) = self.plan(&world, as_of)?;
        let mut actual = Actual::new(&plan, &trace, &world.directory, &world.key);
        actual.rejected(&world.people, &world.key);
        Ok(Run {
            actual,
            header: world.directory.header,
            zone: world.zone,
            trace,
        })
    }
}

impl Bench {
    fn plan(&self, world: &World, as_of: jiff::Timestamp) -> Result<(Plan, Trace), NotRunnable> {
        let people = BTreeMap::from([(self.source.clone(), world.people.clone())]);
        let directories = BTreeMap::from([(self.target.clone(), world.directory.clone())]);
        let input = PlanInput {
            config: &self.config,
            people: &people,
            directories: &directories,
            last_good: None,
            as_of,
            tool_version: env!("CARGO_PKG_VERSION"),
            commit: None,
            uncommitted: false,
        };
        plan::build_traced(input, &world.key, &self.tables)
            .map_err(|error| NotRunnable::new(error.to_string()))
    }

    /// Every template and condition there is, asked about nobody.
    pub(super) fn rules(&self) -> Vec<WatchedRule> {
        let as_of = jiff::Timestamp::UNIX_EPOCH;
        World::empty(self, as_of)
            .and_then(|world| self.plan(&world, as_of))
            .map(|(_, trace)| trace.rules)
            .unwrap_or_default()
    }
}

impl Run {
    /// What is not as a test expects it.
    pub(super) fn compare(
        &self,
        test: &kinds::MappingTest,
        positions: &Positions,
    ) -> Vec<Difference> {
        compare(
            test,
            &test.mapping,
            &self.zone,
            positions,
            &self.actual,
            &self.header,
        )
    }
}

fn header(source: Name, intake: &Intake) -> PeopleHeader {
    PeopleHeader {
        format: PEOPLE_FORMAT.to_owned(),
        source,
        instance: String::new(),
        tenant: None,
        read_at: jiff::Timestamp::UNIX_EPOCH,
        fields: intake
            .fields()
            .into_iter()
            .map(|(name, fact_type)| Field {
                name,
                fact_type,
                delivered: true,
            })
            .collect(),
        completeness: proven(),
        rejected: Vec::new(),
        joined: Vec::new(),
    }
}

/// What a test gives is all there is.
pub(super) fn proven() -> Completeness {
    Completeness {
        pages: 1,
        rows: 0,
        distinct: 0,
        claimed_total: None,
        reads: 1,
        verdict: Verdict::Proven,
    }
}
