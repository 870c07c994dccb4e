//! Makes a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::approvals;
use super::assemble::settle_rules;
use super::draft::Warnings;
use super::drift::{Compared, Edits, Evidence, LeftThere};
use super::guards::Guards;
use super::order;
use super::planning::Planning;
use super::quality;
use super::reads::{proofs, record_reads, warn_of_reads};
use super::records;
use super::sides::{Compiling, Judgements};
use super::target::Target;
use super::trace::Trace;
use super::{Counts, Held, Inputs, LastGoodPlan, Plan, PlanFile, RuleIndex, SinceApplied};
use crate::config::{Config, Document, kinds, parse_duration};
use crate::lang::{PersonContext, RowWatch, TableData, Tables, Unmapped};
use crate::lifecycle::{NotCompiled, RuleBook, RuleId};
use crate::model::{DirectorySnapshot, Guid, Location, Name, PeopleSnapshot, Person, PersonKey};
use crate::policy::{Proof, warning};

/// Everything a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// What was read of each source.
    pub people: &'a BTreeMap<Name, PeopleSnapshot>,
    /// What was read of each target.
    pub directories: &'a BTreeMap<Name, DirectorySnapshot>,
    /// A plan made from reads that were proven whole, to compare these with.
    pub last_good: Option<&'a PlanFile>,
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
    /// Values of people break rules whose severity is to stop everything.
    #[error("{count} people break rules that stop the plan")]
    Stopped {
        /// How many people.
        count: u64,
        /// Not in the message, which ends in logs: who, why, and which rule, of the first of them.
        people: Vec<String>,
    },
    /// A rule does not fit what was read.
    #[error(transparent)]
    Rule(#[from] NotCompiled),
}

/// The moment and the tables every condition and template sees.
pub(super) struct Moment {
    pub(super) as_of: jiff::Zoned,
    pub(super) tables: Tables,
}

impl Moment {
    /// What templates and conditions see of a person in the project's time zone.
    pub(super) fn of<'p>(&'p self, person: &'p Person) -> PersonContext<'p> {
        PersonContext {
            person,
            account: &[],
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
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    make(
        &input,
        moment,
        RuleBook::default(),
        None,
        Evidence::Missing,
        true,
        None,
    )
}

/// Makes the plan, with what is known of edits in the directory.
///
/// # Errors
/// As for [`build`].
pub fn build_known(input: PlanInput<'_>, edits: &Edits) -> Result<Plan, PlanError> {
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    let known = Evidence::Known(edits);
    make(&input, moment, RuleBook::default(), None, known, true, None)
}

/// Makes the plan without asking guards: everything that differs, for comparing and never for applying.
///
/// # Errors
/// As for [`build`].
pub fn build_unguarded(input: PlanInput<'_>, evidence: Evidence<'_>) -> Result<Plan, PlanError> {
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    let book = RuleBook::default();
    make(&input, moment, book, None, evidence, false, None)
}

/// As [`build_known`] or, where `guarded` says so not, [`build_unguarded`]; with the accounts that were judged.
///
/// # Errors
/// As for [`build`].
pub fn build_compared(
    input: PlanInput<'_>,
    evidence: Evidence<'_>,
    guarded: bool,
) -> Result<(Plan, Compared), PlanError> {
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    let mut compared = Compared::default();
    let book = RuleBook::default();
    let into = Some(&mut compared);
    let plan = make(&input, moment, book, None, evidence, guarded, into)?;
    Ok((plan, compared))
}

/// Makes the plan and tells what became of everybody on the way, and which rules were asked about `watched`. For
/// tests of a configuration, many of which share the prepared [`tables`]; noting it all takes time and memory that a
/// plan for a whole company should not cost. Guards are not asked: one invented person is no company.
///
/// # Errors
/// As for [`build`].
pub fn build_traced(
    input: PlanInput<'_>,
    watched: &PersonKey,
    tables: &Tables,
) -> Result<(Plan, Trace), PlanError> {
    trace(&input, watched, tables, false)
}

/// As [`build_traced`], with guards, and with what they say of the changes of `watched`: the plan that [`build`] makes.
///
/// # Errors
/// As for [`build`].
pub fn build_explained(
    input: PlanInput<'_>,
    watched: &PersonKey,
) -> Result<(Plan, Trace), PlanError> {
    trace(&input, watched, &tables(input.config), true)
}

/// Whose the account is, as far as a plan would know.
///
/// # Errors
/// As for [`build`].
pub fn owner(
    input: &PlanInput<'_>,
    target: &Name,
    account: Guid,
) -> Result<Option<(Name, PersonKey)>, PlanError> {
    let mut found = None;
    prepared(input, |one| {
        if one.target().name == target {
            found = one.owner(account);
        }
    })?;
    Ok(found)
}

/// Shows every target once everybody's account is found in it, without planning anything.
pub(super) fn with_targets(
    input: &PlanInput<'_>,
    mut show: impl FnMut(&Target<'_>),
) -> Result<(), PlanError> {
    prepared(input, |one| show(one.target()))
}

fn prepared(input: &PlanInput<'_>, mut show: impl FnMut(&Planning<'_>)) -> Result<(), PlanError> {
    let moment = moment(input.config, input.as_of, tables(input.config))?;
    let mut book = RuleBook::default();
    let records = records::of_sources(input, &moment, &mut book)?;
    let judged = quality::judge(
        input,
        &moment,
        &records,
        &mut book,
        &mut Warnings::default(),
    )?;
    let mut proofs = proofs(input);
    let judged = Judgements {
        quality: &judged,
        records: &records,
    };
    for target in &prepare(input, &moment, judged, &mut book, &mut proofs, false)? {
        show(target);
    }
    Ok(())
}

/// Somebody who wants to know how a plan came about.
struct Asked<'t> {
    trace: &'t mut Trace,
    watched: &'t PersonKey,
}

fn trace(
    input: &PlanInput<'_>,
    watched: &PersonKey,
    tables: &Tables,
    guarded: bool,
) -> Result<(Plan, Trace), PlanError> {
    let rows = Arc::new(RowWatch::new(watched.clone()));
    let tables = tables.clone().watched(Some(rows.clone()));
    let moment = moment(input.config, input.as_of, tables)?;
    let mut trace = Trace::default();
    let asked = Asked {
        trace: &mut trace,
        watched,
    };
    let book = RuleBook::watching(watched.clone());
    // A test of rules is about what they want; nobody edits invented accounts.
    let evidence = if guarded {
        Evidence::Missing
    } else {
        Evidence::Unasked
    };
    let plan = make(input, moment, book, Some(asked), evidence, guarded, None)?;
    trace.rows = rows.rows();
    Ok((plan, trace))
}

fn make(
    input: &PlanInput<'_>,
    moment: Moment,
    mut book: RuleBook,
    mut asked: Option<Asked<'_>>,
    evidence: Evidence<'_>,
    guarded: bool,
    mut compared: Option<&mut Compared>,
) -> Result<Plan, PlanError> {
    let config = input.config;
    let not_after = valid_until(config, &moment)?;
    let mut warnings = Warnings::default();
    let mut plan = Plan {
        tool_version: input.tool_version.to_owned(),
        project: config.project.name.clone(),
        as_of: input.as_of,
        not_after,
        inputs: Inputs {
            commit: input.commit.clone(),
            author: None,
            uncommitted: input.uncommitted,
            files: config
                .files
                .iter()
                .map(|file| (file.path.to_string(), file.digest.clone()))
                .collect(),
            undoes: None,
            last_good: input.last_good.map(|file| LastGoodPlan {
                digest: file.digest.clone(),
                as_of: file.content.as_of,
            }),
            people: BTreeMap::new(),
            directories: BTreeMap::new(),
        },
        targets: BTreeMap::new(),
        password_recipients: Vec::new(),
        counts: Counts::default(),
        people_of_targets: BTreeMap::new(),
        removals_held: false,
        narrowed: None,
        base: None,
        since: match evidence {
            Evidence::Known(edits) => Some(SinceApplied {
                plan: edits.plan.clone(),
                as_of: edits.as_of,
                report: edits.report.clone(),
                carried: None,
                left: Vec::new(),
                open: Vec::new(),
                otherwise: Vec::new(),
            }),
            Evidence::Unasked | Evidence::Missing => None,
        },
        rules: Vec::new(),
        guards: Vec::new(),
        waivers: Vec::new(),
        approvals: Vec::new(),
        changes: Vec::new(),
        held: Vec::new(),
        exceptions: Vec::new(),
        warnings: Vec::new(),
        calendar: Vec::new(),
    };
    let records = records::of_sources(input, &moment, &mut book)?;
    let judged = quality::judge(input, &moment, &records, &mut book, &mut warnings)?;
    let mut proofs = proofs(input);
    // One invented person is no company: tests of rules are not judged by what a company may do at once.
    let judgements = Judgements {
        quality: &judged,
        records: &records,
    };
    let mut targets = prepare(input, &moment, judgements, &mut book, &mut proofs, guarded)?;
    let places: Arc<[Location]> = match evidence {
        Evidence::Known(_) => book.places().cloned().collect(),
        Evidence::Unasked | Evidence::Missing => Arc::new([]),
    };
    for target in &mut targets {
        target.know(evidence, &places);
    }
    for target in &targets {
        let identity = target.target().index.snapshot.header.identity.clone();
        plan.targets.insert(target.target().name.clone(), identity);
        if guarded {
            let name = &target.target().name;
            let mut rule = |place, text| RuleIndex(book.add(place, text).0);
            plan.approvals
                .extend(approvals::asked(config, name, &mut rule));
        }
        if let Some(asked) = &mut asked {
            asked.trace.people.extend(target.assessed(&book));
        }
    }
    let watched = asked.as_ref().map(|asked| asked.watched);
    let several = targets.len() > 1;
    for target in targets {
        let name = target.target().name.clone();
        let planned = target.run(&proofs, watched, &mut warnings, compared.as_deref_mut());
        plan.counts.people += planned.people;
        plan.counts.managed_accounts += planned.managed;
        plan.counts.unchanged += planned.unchanged;
        plan.changes.extend(planned.changes);
        if several {
            plan.people_of_targets.insert(name.clone(), planned.people);
        }
        let held = planned.held.into_iter().map(|held| Held {
            target: several.then(|| name.clone()),
            ..held
        });
        plan.held.extend(held);
        plan.calendar.extend(planned.calendar);
        plan.guards.extend(planned.guards);
        plan.waivers.extend(planned.waivers);
        plan.exceptions.extend(planned.exceptions);
        if let Some(since) = &mut plan.since {
            let (open, left) = planned.left.into_iter().partition(|left| left.unclear);
            let open: Vec<LeftThere> = open;
            let left: Vec<LeftThere> = left;
            since.open.extend(open.into_iter().map(|left| left.edit));
            since.left.extend(left.into_iter().map(|left| left.edit));
        }
        if let Some(asked) = &mut asked {
            let located = planned.touching.into_iter().map(|outcome| {
                let rule = book.get(RuleId(outcome.rule.0));
                (outcome, rule.location.clone())
            });
            asked.trace.guards.extend(located);
        }
    }
    plan.changes = order::sort(plan.changes);
    // By day; of one day, by target, source and key, in which order they come.
    plan.calendar.sort_by_key(|entry| entry.on);
    record_reads(&mut plan, input, &proofs, &judged);
    warn_of_reads(&plan, input, &mut warnings);
    let creates = plan
        .changes
        .iter()
        .filter(|change| change.action.initial_password().is_some())
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
    let held = plan.held_counts();
    plan.counts.held = held.held;
    plan.counts.held_in_part = held.in_part;
    plan.warnings = warnings.into_plan();
    settle_rules(&mut plan, &book);
    if let Some(asked) = asked {
        asked.trace.rules = book.into_watches();
    }
    Ok(plan)
}

/// Finds everybody's state and account in every target that has mappings, and judges the reads as far as each can.
fn prepare<'a>(
    input: &PlanInput<'a>,
    moment: &'a Moment,
    judged: Judgements<'a>,
    book: &mut RuleBook,
    proofs: &mut BTreeMap<Name, Proof>,
    guarded: bool,
) -> Result<Vec<Planning<'a>>, PlanError> {
    let config = input.config;
    let tables: BTreeSet<Name> = config.tables.keys().cloned().collect();
    let mut targets = Vec::new();
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
        let mut sides = Vec::new();
        let mut group_rules = Vec::new();
        let sources: BTreeSet<&str> = mappings
            .iter()
            .map(|mapping| mapping.spec.source.as_str())
            .collect();
        for (number, source) in sources.into_iter().enumerate() {
            let mut compiling = Compiling {
                input,
                tables: &tables,
                book,
                judged,
                moment,
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
        let mut target = Target::new(directory, snapshot, moment, sides)?;
        target.keeps_passwords = config.project.spec.initial_passwords.is_some();
        let guards = guarded.then(|| Guards::compile(config, &directory.name, moment, book));
        targets.push(Planning::new(config, target, group_rules, guards, proofs));
    }
    Ok(targets)
}

/// The tables of a configuration, ready for lookups.
pub fn tables(config: &Config) -> Tables {
    let tables = config
        .tables
        .iter()
        .map(|(name, table)| {
            let spec = &table.document.spec;
            let data = TableData {
                rows: table.rows.clone(),
                case_sensitive: spec.case_sensitive,
                unmapped: Unmapped::from(&spec.unmapped),
            };
            (name.clone(), data)
        })
        .collect();
    Tables::new(tables)
}

pub(super) fn moment(
    config: &Config,
    as_of: jiff::Timestamp,
    tables: Tables,
) -> Result<Moment, PlanError> {
    let name = &config.project.spec.time_zone;
    let zone = TimeZone::get(name).map_err(|_| PlanError::TimeZone { zone: name.clone() })?;
    Ok(Moment {
        as_of: as_of.to_zoned(zone),
        tables,
    })
}

pub(super) fn valid_until(config: &Config, moment: &Moment) -> Result<jiff::Timestamp, PlanError> {
    let text = &config.project.spec.plan.valid_for;
    let wrong = || PlanError::ValidFor { text: text.clone() };
    let duration = parse_duration(text).map_err(|_| wrong())?;
    let until = moment.as_of.timestamp().checked_add(duration);
    until.map_err(|_| wrong())
}
