//! A plan, made from what was read: what `plan` and whoever makes one again have in common.
//!
//! Must not read systems or write files. Keeps that the same reads, configuration and options give the same plan, byte for
//! byte.

use super::applied::{self, Since};
use super::base::Base;
use super::carried;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::Project;
use super::reads::Reads;
use crate::config::Config;
use crate::explain::{self, Who};
use crate::model::Dn;
use crate::plan::{self, Edits, Evidence, Only, PlanFile, PlanInput};

/// Everything a plan is made from.
pub(crate) struct Making<'a> {
    pub(crate) project: &'a Project,
    pub(crate) origin: Origin,
    pub(crate) reads: &'a Reads,
    pub(crate) last_good: Option<&'a PlanFile>,
    pub(crate) since: Option<&'a Since>,
    pub(crate) base: Option<&'a Base>,
    /// The moment conditions are judged at.
    pub(crate) as_of: jiff::Timestamp,
    /// Whom or what it is narrowed to.
    pub(crate) only: &'a [String],
}

/// Where the configuration comes from, as a plan tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) commit: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) uncommitted: bool,
}

impl Origin {
    pub(crate) fn of(project: &Project) -> Self {
        Self {
            commit: project.commit.clone(),
            author: project.author.clone(),
            uncommitted: project.uncommitted,
        }
    }
}

impl Making<'_> {
    /// Makes it.
    ///
    /// # Errors
    /// When a rule of quality stops all, a recording is of other directories, or a word of `only` names nothing.
    pub(crate) fn plan(&self, context: &Context) -> Result<PlanFile, Failure> {
        self.made(context).map(|(file, _)| file)
    }

    /// The same, with what its recording carries on from those before it.
    pub(crate) fn made(
        &self,
        context: &Context,
    ) -> Result<(PlanFile, Option<carried::Text>), Failure> {
        let edits = match self.since {
            Some(since) => Some(since.edits(context, self.project, self.reads)?),
            None => None,
        };
        let asked = Asked {
            making: self,
            edits,
        };
        let (mut made, compared) = asked.made()?;
        if let (Some(since), Some(edits)) = (self.since, &asked.edits) {
            applied::tell(
                context,
                since,
                edits,
                &self.project.config,
                self.reads,
                self.last_good,
                &mut made,
            );
        }
        if let Some(base) = self.base {
            asked.compare(context, base, &mut made);
        }
        let mut open = plan::open(&made, !self.only.is_empty());
        if !self.only.is_empty() {
            self.narrow(&mut made)?;
            for change in &made.changes {
                open.planned(&change.id);
            }
        }
        let carried = match &asked.edits {
            Some(edits) => {
                let carried = edits.carry(&compared, &open, &self.reads.directories);
                carried::Text::new(&carried)?
            }
            None => None,
        };
        if let Some(since) = &mut made.since {
            since.carried = carried.as_ref().map(carried::Text::digest);
        }
        Ok((plan::seal(made), carried))
    }

    fn input<'b>(&'b self, config: &'b Config) -> PlanInput<'b> {
        PlanInput {
            commit: self.origin.commit.clone(),
            uncommitted: self.origin.uncommitted,
            ..input(self.project, config, self.reads, self.last_good, self.as_of)
        }
    }

    /// As [`Self::input`], of an earlier configuration: people as its own fields read them, where that is known.
    fn earlier_input<'b>(&'b self, config: &'b Config) -> PlanInput<'b> {
        let input = self.input(config);
        match &self.reads.earlier {
            Some(people) => PlanInput { people, ..input },
            None => input,
        }
    }

    /// Leaves out of a plan what was not asked for.
    fn narrow(&self, plan: &mut plan::Plan) -> Result<(), Failure> {
        let (project, reads, words) = (self.project, self.reads, self.only);
        let mut only = Vec::with_capacity(words.len());
        for word in words {
            only.push(match Dn::parse(word.trim()) {
            Ok(dn) => {
                let key = dn.key();
                let known = reads
                    .directories
                    .values()
                    .flat_map(|read| &read.objects)
                    .any(|object| object.dn.key() == key);
                if !known {
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("--only {word}: no directory has this object"),
                    )
                    .help("correct the distinguished name"));
                }
                Only::Object(dn)
            }
            Err(_) => {
                let found = explain::find(&project.config, &reads.people, &reads.directories, word)
                    .map_err(|error| {
                        Failure::new(Exit::Usage, format!("--only {word}: {error}")).help(
                            "name a person by key, SOURCE/KEY or a unique value, anything else by distinguished name",
                        )
                    })?;
                match found {
                    // Nothing is planned for another record than the one that counts.
                    Who::Person { source, key } => {
                        let input = PlanInput {
                            last_good: None,
                            ..self.input(&project.config)
                        };
                        let records = plan::records_of(&input, &source, &key).map_err(refusal)?;
                        Only::Person {
                            key: records.map_or(key, |records| records.primary.key),
                            source,
                        }
                    }
                    Who::Account { target, guid } => {
                        let objects = &reads.directories[&target].objects;
                        let found = objects.iter().find(|object| object.guid == guid);
                        match found {
                            Some(object) => Only::Object(object.dn.clone()),
                            None => continue,
                        }
                    }
                }
            }
        });
        }
        plan::narrow(plan, &only, words.to_vec());
        Ok(())
    }
}

/// What a plan of these reads is made from.
pub(crate) fn input<'a>(
    project: &Project,
    config: &'a Config,
    reads: &'a Reads,
    last_good: Option<&'a PlanFile>,
    as_of: jiff::Timestamp,
) -> PlanInput<'a> {
    PlanInput {
        config,
        people: &reads.people,
        directories: &reads.directories,
        last_good,
        as_of,
        tool_version: env!("CARGO_PKG_VERSION"),
        commit: project.commit.clone(),
        uncommitted: project.uncommitted,
    }
}

/// A plan as it is being made, with what is known of edits in the directory.
struct Asked<'a> {
    making: &'a Making<'a>,
    edits: Option<Edits>,
}

impl Asked<'_> {
    fn build(&self, input: PlanInput<'_>) -> Result<plan::Plan, plan::PlanError> {
        match &self.edits {
            Some(edits) => plan::build_known(input, edits),
            None => plan::build(input),
        }
    }

    fn made(&self) -> Result<(plan::Plan, plan::Compared), Failure> {
        let making = self.making;
        let config = &making.project.config;
        let built = match &self.edits {
            Some(edits) => {
                let known = Evidence::Known(edits);
                plan::build_compared(making.input(config), known, true)
            }
            None => self
                .build(making.input(config))
                .map(|built| (built, plan::Compared::default())),
        };
        let (mut made, compared) = built.map_err(refusal)?;
        made.inputs.author.clone_from(&making.origin.author);
        Ok((made, compared))
    }

    /// Plans once more from the same reads, as the earlier commit would have.
    fn compare(&self, context: &Context, base: &Base, plan: &mut plan::Plan) {
        let earlier = match &base.config {
            Some(config) => self.build(self.making.earlier_input(config)).map(Some),
            // There was no configuration, so nothing would have been done.
            None => Ok(None),
        };
        match earlier {
            Ok(earlier) => {
                plan::against(plan, earlier.as_ref(), base.commit.clone());
                self.tell_apart(base, plan);
                if plan.guards.iter().any(plan::GuardOutcome::is_breached) {
                    self.compare_held(base, plan);
                }
                if let Some(config) = &base.config {
                    plan::name_tables(plan, &self.making.project.config, config);
                }
            }
            Err(error) => {
                context.printer.note(&format!(
                    "warning: {} cannot be planned from this read, so nothing tells what the change of the configuration brings about: {error}",
                    base.commit
                ));
                plan::not_planned(plan, base.commit.clone(), error.to_string());
            }
        }
    }

    /// Says what the comparison is blind to: facts that only the new configuration read.
    fn tell_apart(&self, base: &Base, plan: &mut plan::Plan) {
        if let (Some(config), None) = (&base.config, &self.making.reads.earlier) {
            let changes = plan::read_changes(&self.making.project.config, config);
            plan::not_told_apart(plan, &changes);
        }
    }

    /// What guards hold of it is in neither plan: both are made once more, without.
    fn compare_held(&self, base: &Base, plan: &mut plan::Plan) {
        let whole = |input: PlanInput<'_>| {
            let evidence = match &self.edits {
                Some(edits) => Evidence::Known(edits),
                None => Evidence::Missing,
            };
            plan::build_unguarded(input, evidence).ok()
        };
        let Some(now) = whole(self.making.input(&self.making.project.config)) else {
            return;
        };
        let Some(config) = &base.config else {
            return plan::held_against(plan, &now, None);
        };
        if let Some(earlier) = whole(self.making.earlier_input(config)) {
            plan::held_against(plan, &now, Some(&earlier));
        }
    }
}

/// Why there is no plan.
pub(crate) fn refusal(error: plan::PlanError) -> Failure {
    let plan::PlanError::Stopped { count, people } = error else {
        return Failure::new(Exit::Unexpected, error.to_string());
    };
    let (who, breaks) = if count == 1 {
        ("1 person".to_owned(), "breaks")
    } else {
        (format!("{count} people"), "break")
    };
    let mut failure = Failure::new(
        Exit::Held,
        format!("no plan is made: {who} {breaks} a rule whose severity is `stop`"),
    )
    .help("correct the values in HaloITSM, or change the rule in a reviewed commit");
    failure.messages.extend(people);
    failure
}
