//! Makes a plan.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::tz::TimeZone;
use rayon::prelude::*;

use super::absent::{anchored, report};
use super::assemble::{held, settle_rules};
use super::changes::Making;
use super::draft::{Draft, Warnings};
use super::evaluate::{Outcome, evaluate};
use super::groups::{GroupRule, memberships};
use super::naming::{Given, Names};
use super::order;
use super::people::Side;
use super::places::Places;
use super::target::{HeldPerson, Target};
use super::{Action, Change, Counts, Held, Inputs, Plan, ReadOfDirectory, ReadOfPeople};
use crate::config::{Config, Document, kinds, parse_duration};
use crate::lang::{PersonContext, TableData, Tables, Unmapped};
use crate::lifecycle::{Compiler, Lifecycle, NotCompiled, RuleBook};
use crate::mapping::Mapping;
use crate::matching::{Found, Standing};
use crate::model::{
    Completeness, DirectorySnapshot, EntryKind, Name, PeopleSnapshot, Person, Verdict,
};
use crate::policy::{held as code, judge, warning};
use crate::snapshot::{directory_digest, people_digest};

/// Everything a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// What was read of each source.
    pub people: &'a BTreeMap<Name, PeopleSnapshot>,
    /// What was read of each target.
    pub directories: &'a BTreeMap<Name, DirectorySnapshot>,
    /// The moment the plan is for.
    pub as_of: jiff::Timestamp,
    /// Version of the program.
    pub tool_version: &'a str,
    /// Commit of the configuration repository.
    pub commit: Option<String>,
    /// Whether the configuration differs from that commit.
    pub uncommitted: bool,
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The project's time zone is not known.
    #[error("project: {zone:?} is not a known time zone")]
    TimeZone {
        /// The zone.
        zone: String,
    },
    /// The project's `validFor` is not a duration.
    #[error("project: {text:?} is not a duration a plan can be valid for")]
    ValidFor {
        /// The text.
        text: String,
    },
    /// A source was not read.
    #[error("source {source_name}: there is no read of it")]
    NoPeople {
        /// The source.
        source_name: Name,
    },
    /// A target was not read.
    #[error("target {target}: there is no read of it")]
    NoDirectory {
        /// The target.
        target: Name,
    },
    /// Nothing says what becomes of accounts of a source's people in a target, or two documents do.
    #[error("source {source_name} and target {target}: {count} lifecycles where there must be one")]
    Lifecycle {
        /// The source.
        source_name: Name,
        /// The target.
        target: Name,
        /// How many there are.
        count: usize,
    },
    /// A mapping names a source that does not exist.
    #[error("source {source_name}: no such document")]
    NoSource {
        /// The source.
        source_name: String,
    },
    /// The read of a target lacks an attribute every plan needs.
    #[error("target {target}: the read lacks {attribute}, read it again")]
    ReadLacks {
        /// The target.
        target: Name,
        /// The attribute.
        attribute: String,
    },
    /// A rule does not fit what was read.
    #[error(transparent)]
    Rule(#[from] NotCompiled),
}

/// The moment and the tables every condition and template sees.
pub(super) struct Moment {
    pub(super) as_of: jiff::Zoned,
    pub(super) zone: TimeZone,
    pub(super) tables: Tables,
}

impl Moment {
    /// What templates and conditions see of a person.
    pub(super) fn of<'p>(&'p self, person: &'p Person) -> PersonContext<'p> {
        PersonContext {
            person,
            as_of: self.as_of.clone(),
            tables: &self.tables,
        }
    }
}

/// Makes the plan.
///
/// # Errors
/// The configuration and the reads do not belong together. What concerns single people is never an error: they are
/// held and everyone else goes on.
pub fn build(input: PlanInput<'_>) -> Result<Plan, PlanError> {
    let config = input.config;
    let moment = moment(config, input.as_of)?;
    let not_after = valid_until(config, &moment)?;
    let tables: BTreeSet<Name> = config.tables.keys().cloned().collect();
    let mut book = RuleBook::default();
    let mut warnings = Warnings::default();
    let mut plan = Plan {
        tool_version: input.tool_version.to_owned(),
        project: config.project.name.clone(),
        as_of: input.as_of,
        not_after,
        inputs: Inputs {
            commit: input.commit.clone(),
            uncommitted: input.uncommitted,
            files: config
                .files
                .iter()
                .map(|file| (file.path.to_string(), file.digest.clone()))
                .collect(),
            people: BTreeMap::new(),
            directories: BTreeMap::new(),
        },
        targets: BTreeMap::new(),
        password_recipients: Vec::new(),
        counts: Counts::default(),
        removals_held: false,
        rules: Vec::new(),
        changes: Vec::new(),
        held: Vec::new(),
        warnings: Vec::new(),
    };
    let mut proofs: BTreeMap<Name, Completeness> = BTreeMap::new();
    for directory in config.directories.values() {
        let mappings: Vec<&Document<kinds::Mapping>> = config
            .mappings
            .values()
            .filter(|mapping| mapping.spec.target == directory.name.as_str())
            .collect();
        if mappings.is_empty() {
            continue;
        }
        let snapshot =
            input
                .directories
                .get(&directory.name)
                .ok_or_else(|| PlanError::NoDirectory {
                    target: directory.name.clone(),
                })?;
        plan.targets
            .insert(directory.name.clone(), snapshot.header.identity.clone());
        let mut sides = Vec::new();
        let mut group_rules = Vec::new();
        let sources: BTreeSet<&str> = mappings
            .iter()
            .map(|mapping| mapping.spec.source.as_str())
            .collect();
        for (number, source) in sources.into_iter().enumerate() {
            let mut compiling = Compiling {
                input: &input,
                tables: &tables,
                book: &mut book,
            };
            let (side, rules) = compiling.side(
                source,
                u16::try_from(number).unwrap_or(u16::MAX),
                directory,
                snapshot,
                &mappings,
            )?;
            sides.push(side);
            group_rules.extend(rules);
        }
        let target = Target::new(directory, snapshot, &moment, sides)?;
        let planned = Planning {
            config,
            target,
            group_rules,
            warnings: &mut warnings,
            proofs: &mut proofs,
        }
        .run();
        plan.counts.people += planned.people;
        plan.counts.managed_accounts += planned.managed;
        plan.counts.unchanged += planned.unchanged;
        plan.changes.extend(planned.changes);
        plan.held.extend(planned.held);
    }
    plan.changes = order::sort(plan.changes);
    record_reads(&mut plan, &input, &proofs);
    warn_of_reads(&plan, &input, &mut warnings);
    let creates = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::Create { .. }))
        .count() as u64;
    if creates > 0 {
        match &config.project.spec.initial_passwords {
            Some(passwords) => plan.password_recipients = passwords.recipients.clone(),
            None => warnings.note(
                warning::NO_PASSWORD_RECIPIENTS,
                "accounts are to be created, and the project names no recipient of initial passwords",
                creates,
            ),
        }
    }
    plan.warnings = warnings.into_plan();
    settle_rules(&mut plan, &book);
    Ok(plan)
}

fn moment(config: &Config, as_of: jiff::Timestamp) -> Result<Moment, PlanError> {
    let name = &config.project.spec.time_zone;
    let zone = TimeZone::get(name).map_err(|_| PlanError::TimeZone { zone: name.clone() })?;
    let tables = config
        .tables
        .iter()
        .map(|(name, table)| {
            let spec = &table.document.spec;
            let data = TableData {
                rows: table.rows.clone(),
                case_sensitive: spec.case_sensitive,
                unmapped: match &spec.unmapped {
                    kinds::Unmapped::Hold => Unmapped::Hold,
                    kinds::Unmapped::Report => Unmapped::Report,
                    kinds::Unmapped::Same => Unmapped::Same,
                    kinds::Unmapped::Use(value) => Unmapped::Use(value.clone()),
                },
            };
            (name.clone(), data)
        })
        .collect();
    Ok(Moment {
        as_of: as_of.to_zoned(zone.clone()),
        zone,
        tables: Tables::new(tables),
    })
}

fn valid_until(config: &Config, moment: &Moment) -> Result<jiff::Timestamp, PlanError> {
    let text = &config.project.spec.plan.valid_for;
    let wrong = || PlanError::ValidFor { text: text.clone() };
    let duration = parse_duration(text).map_err(|_| wrong())?;
    let until = moment.as_of.timestamp().checked_add(duration);
    until.map_err(|_| wrong())
}

struct Compiling<'c, 'a> {
    input: &'c PlanInput<'a>,
    tables: &'c BTreeSet<Name>,
    book: &'c mut RuleBook,
}

impl<'a> Compiling<'_, 'a> {
    fn side(
        &mut self,
        name: &str,
        number: u16,
        directory: &Document<kinds::ActiveDirectory>,
        snapshot: &DirectorySnapshot,
        mappings: &[&Document<kinds::Mapping>],
    ) -> Result<(Side<'a>, Vec<GroupRule>), PlanError> {
        let config = self.input.config;
        let source = config
            .sources
            .get(name)
            .ok_or_else(|| PlanError::NoSource {
                source_name: name.to_owned(),
            })?;
        let people = self
            .input
            .people
            .get(name)
            .ok_or_else(|| PlanError::NoPeople {
                source_name: source.name.clone(),
            })?;
        let states: Vec<_> = config
            .lifecycles
            .values()
            .filter(|doc| doc.spec.source == name && doc.spec.target == directory.name.as_str())
            .collect();
        let [states] = states.as_slice() else {
            return Err(PlanError::Lifecycle {
                source_name: source.name.clone(),
                target: directory.name.clone(),
                count: states.len(),
            });
        };
        let mut compiler = Compiler::new(&people.header, self.tables, self.book);
        let lifecycle = Lifecycle::compile(states, &mut compiler)?;
        let mut compiled = Vec::new();
        for mapping in mappings.iter().filter(|doc| doc.spec.source == name) {
            compiled.push(Mapping::compile(
                mapping,
                &lifecycle,
                states,
                &snapshot.header,
                &mut compiler,
            )?);
        }
        let mut rules = Vec::new();
        for groups in config
            .groups
            .values()
            .filter(|doc| doc.spec.source == name && doc.spec.target == directory.name.as_str())
        {
            rules.extend(GroupRule::compile(groups, number, &mut compiler)?);
        }
        Ok((Side::new(source, people, lifecycle, compiled, true), rules))
    }
}

/// What one target came to.
#[derive(Default)]
struct Planned {
    changes: Vec<Change>,
    held: Vec<Held>,
    people: u64,
    managed: u64,
    unchanged: u64,
}

struct Planning<'p, 'a> {
    config: &'a Config,
    target: Target<'a>,
    group_rules: Vec<GroupRule>,
    warnings: &'p mut Warnings,
    proofs: &'p mut BTreeMap<Name, Completeness>,
}

impl Planning<'_, '_> {
    fn run(mut self) -> Planned {
        let managed = self
            .target
            .standing
            .iter()
            .zip(&self.target.index.snapshot.objects)
            .filter(|(standing, entry)| {
                entry.kind == EntryKind::User && **standing == Standing::Managed
            })
            .count() as u64;
        let in_scope: Vec<u64> = self
            .target
            .sides
            .iter()
            .map(|side| {
                side.people
                    .people
                    .iter()
                    .filter(|person| person.in_scope)
                    .count() as u64
            })
            .collect();
        let proof = &self.target.index.snapshot.header.completeness;
        if !proof.is_proven() {
            let reasons = match &proof.verdict {
                Verdict::Unproven { reasons } => reasons.join("; "),
                Verdict::Proven => String::new(),
            };
            let draft = Draft::new(
                code::DIRECTORY_UNPROVEN,
                format!(
                    "the read of {} is not proven complete: {reasons}",
                    self.target.name
                ),
            );
            for (number, people) in in_scope.iter().enumerate() {
                self.prove(number, *people, 0);
            }
            return Planned {
                held: held(&self.target, Vec::new(), vec![draft]),
                people: in_scope.iter().sum(),
                managed,
                ..Planned::default()
            };
        }
        let assessed: Vec<_> = self
            .target
            .sides
            .iter()
            .map(|side| side.assess(self.target.moment))
            .collect();
        let mut people = self.target.match_people(&assessed);
        drop(assessed);
        let anchors = anchored(&self.target);
        for (number, count) in in_scope.iter().enumerate() {
            let accounts = anchors.of_side(&self.target, u16::try_from(number).unwrap_or(u16::MAX));
            self.prove(number, *count, accounts);
        }
        let mut objects = report(&self.target, &anchors, self.warnings);
        self.warn_of_rules();
        let target = &self.target;
        let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
        let mut outcomes: Vec<Option<Box<Outcome<'_>>>> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .map_init(Places::default, |places, at| evaluate(target, at, places))
            .collect();
        let given = name_all(target, &mut outcomes);
        drop_unreachable(&mut outcomes);
        let broken = order::circles(&outcomes);
        let making = Making {
            target,
            outcomes: &outcomes,
            given: &given,
            broken: &broken,
        };
        let mut changes: Vec<Change> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .flat_map_iter(|at| making.changes(at))
            .collect();
        let memberships = memberships(&making, &self.group_rules);
        let touched = touched(
            &changes,
            &memberships.changes,
            &memberships.people,
            target,
            &outcomes,
        );
        changes.extend(memberships.changes);
        people.extend(memberships.people);
        objects.extend(memberships.groups);
        collect_notes(target, &outcomes, &mut people, self.warnings);
        let unchanged = target
            .subjects
            .iter()
            .enumerate()
            .filter(|(at, subject)| matches!(subject.found, Found::Account(_)) && !touched[*at])
            .count() as u64;
        Planned {
            changes,
            held: held(target, people, objects),
            people: in_scope.iter().sum(),
            managed,
            unchanged,
        }
    }

    /// Judges the read of a side and keeps the verdict for the plan's inputs.
    fn prove(&mut self, number: usize, in_scope: u64, anchored: u64) {
        let side = &mut self.target.sides[number];
        let rules = self
            .config
            .sources
            .get(side.source)
            .map(|source| source.spec.completeness.clone())
            .unwrap_or_default();
        let proof = judge(side.people, &rules, in_scope, anchored);
        side.proven = proof.is_proven();
        match self.proofs.get_mut(side.source) {
            None => {
                self.proofs.insert(side.source.clone(), proof);
            }
            Some(known) => {
                if let Verdict::Unproven { reasons } = proof.verdict {
                    match &mut known.verdict {
                        Verdict::Unproven { reasons: all } => {
                            all.extend(reasons);
                            all.sort();
                            all.dedup();
                        }
                        verdict @ Verdict::Proven => *verdict = Verdict::Unproven { reasons },
                    }
                }
            }
        }
    }

    fn warn_of_rules(&mut self) {
        for side in &self.target.sides {
            for (attribute, field, _) in side.blind_rules() {
                self.warnings.add(
                    warning::FIELD_NOT_DELIVERED,
                    format!(
                        "{field} stood in no row of the read of {}; what needs it is left alone",
                        side.source
                    ),
                    attribute,
                );
            }
            for mapping in &side.mappings {
                for attribute in &mapping.unknown {
                    self.warnings.add(
                        warning::UNKNOWN_ATTRIBUTE,
                        format!("the schema of {} lacks attributes", self.target.name),
                        attribute.clone(),
                    );
                }
            }
        }
        for rule in &self.group_rules {
            if let Some(field) = rule.blind() {
                let source = self.target.sides[usize::from(rule.side)].source;
                self.warnings.add(
                    warning::FIELD_NOT_DELIVERED,
                    format!("{field} stood in no row of the read of {source}; what needs it is left alone"),
                    "group rule".to_owned(),
                );
            }
        }
    }
}

/// Finds names for everyone who needs one, in the order of their keys.
fn name_all<'t>(
    target: &'t Target<'_>,
    outcomes: &mut [Option<Box<Outcome<'t>>>],
) -> HashMap<u32, Given<'t>> {
    let mut names = Names::default();
    let mut given = HashMap::new();
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        let Some(outcome) = outcome else { continue };
        if outcome.whole.is_some()
            || (!outcome.create && outcome.names.is_empty() && outcome.place.is_none())
        {
            continue;
        }
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let settled = names.settle(target, at, outcome);
        given.insert(at, settled);
    }
    given
}

/// References to accounts that turned out not to be made are left as they are.
fn drop_unreachable(outcomes: &mut [Option<Box<Outcome<'_>>>]) {
    use super::evaluate::After;
    let made: Vec<bool> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .as_ref()
                .is_some_and(|outcome| outcome.create && outcome.whole.is_none())
        })
        .collect();
    for outcome in outcomes.iter_mut().flatten() {
        let mut lost = Vec::new();
        outcome.attributes.retain(|delta| match delta.after {
            After::Made(other) if !made[other as usize] => {
                lost.push((delta.rule, compact_str::CompactString::default()));
                false
            }
            _ => true,
        });
        outcome.unresolved.extend(lost);
    }
}

fn collect_notes(
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
    people: &mut Vec<HeldPerson>,
    warnings: &mut Warnings,
) {
    for (subject, outcome) in target.subjects.iter().zip(outcomes) {
        let Some(outcome) = outcome else { continue };
        let side = target.side(subject);
        for draft in outcome.whole.iter().chain(&outcome.partial) {
            people.push((subject.side, subject.person, draft.clone()));
        }
        for (rule, wanted) in &outcome.unresolved {
            let shown = side.shown(subject.person);
            warnings.add(
                warning::REFERENCE_UNRESOLVED,
                format!(
                    "{} names somebody without a known account and is left as it is",
                    rule.name
                ),
                if wanted.is_empty() {
                    shown
                } else {
                    format!("{shown}: {wanted}")
                },
            );
        }
        for (table, key) in &outcome.notes.unmapped {
            warnings.add(
                warning::UNMAPPED_VALUE,
                format!("table {table} has no row for {key:?}"),
                side.shown(subject.person),
            );
        }
    }
}

/// Subjects with any change, or anything held.
fn touched(
    changes: &[Change],
    memberships: &[Change],
    people: &[HeldPerson],
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
) -> Vec<bool> {
    let mut touched: Vec<bool> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .as_ref()
                .is_some_and(|outcome| outcome.whole.is_some() || !outcome.partial.is_empty())
        })
        .collect();
    for (side, person, _) in people {
        let at = target.subject_of[usize::from(*side)][*person as usize];
        if let Some(touched) = touched.get_mut(at as usize) {
            *touched = true;
        }
    }
    let sources: HashMap<&str, usize> = target
        .sides
        .iter()
        .enumerate()
        .map(|(number, side)| (side.source.as_str(), number))
        .collect();
    let mut by_key: HashMap<(usize, &str), usize> = HashMap::new();
    if !changes.is_empty() || !memberships.is_empty() {
        for (at, subject) in target.subjects.iter().enumerate() {
            let key = &target.side(subject).person(subject.person).key;
            by_key.insert((usize::from(subject.side), key.as_str()), at);
        }
    }
    for change in changes.iter().chain(memberships) {
        let side = sources.get(change.person.source.as_str()).copied();
        if let Some(at) = side.and_then(|side| by_key.get(&(side, change.person.key.as_str()))) {
            touched[*at] = true;
        }
    }
    touched
}

fn record_reads(plan: &mut Plan, input: &PlanInput<'_>, proofs: &BTreeMap<Name, Completeness>) {
    for (source, proof) in proofs {
        let Some(people) = input.people.get(source) else {
            continue;
        };
        plan.removals_held |= !proof.is_proven();
        plan.inputs.people.insert(
            source.clone(),
            ReadOfPeople {
                instance: people.header.instance.clone(),
                read_at: people.header.read_at,
                digest: people_digest(people),
                people: people.people.len() as u64,
                completeness: proof.clone(),
            },
        );
    }
    for target in plan.targets.keys() {
        let Some(directory) = input.directories.get(target) else {
            continue;
        };
        plan.removals_held |= !directory.header.completeness.is_proven();
        plan.inputs.directories.insert(
            target.clone(),
            ReadOfDirectory {
                read_at: directory.header.read_at,
                digest: directory_digest(directory),
                objects: directory.objects.len() as u64,
                completeness: directory.header.completeness.clone(),
            },
        );
    }
}

fn warn_of_reads(plan: &Plan, input: &PlanInput<'_>, warnings: &mut Warnings) {
    for (source, read) in &plan.inputs.people {
        if let Verdict::Unproven { reasons } = &read.completeness.verdict {
            for reason in reasons {
                warnings.add(
                    warning::REMOVALS_HELD,
                    format!("the read of {source} is not proven complete, every removal waits"),
                    reason.clone(),
                );
            }
        }
        for row in input
            .people
            .get(source)
            .into_iter()
            .flat_map(|people| &people.header.rejected)
        {
            warnings.add(
                warning::REJECTED_ROWS,
                format!("rows of {source} could not become people"),
                format!("{}: {}", row.row, row.reason),
            );
        }
    }
}
