//! The undo of an apply: from the plan that was applied, what its journal tells, and the directory as it is now, to a
//! plan that brings back what was there before.
//!
//! Pure, and a plan like every other: judged by the project's guards, approved, compared before each write. Invariants:
//! only what the apply wrote is undone, only where the directory still has what it wrote, and nothing is deleted. Whatever
//! cannot be brought back stands in the plan, with the reason.

mod accounts;
mod attributes;
mod deleted;
mod groups;
mod left;
mod part;
mod places;
mod undoing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::approvals;
use super::assemble::settle_rules;
use super::build::{moment, valid_until};
use super::changes::index;
use super::draft::Warnings;
use super::excepted::Excepted;
use super::guards::{self, Before, Guards};
use super::only::Only;
use super::order;
use super::requests::{outermost, requests};
use super::target::{NOBODY, Target};
use super::{
    Action, ChangeId, Counts, Held, Inputs, Plan, PlanError, PlanFile, ReadOfDirectory, RuleIndex,
    Undone,
};
use crate::config::Config;
use crate::lang::Tables;
use crate::lifecycle::RuleBook;
use crate::matching::Standing;
use crate::model::{
    DirectoryIdentity, DirectoryRequest, DirectorySnapshot, EntryKind, Guid, Name, Verdict,
};
use crate::policy::{held as code, warning};
use crate::snapshot::directory_digest;
use part::Part;
use undoing::Undoing;

/// What a journal tells of one change: that it was written, or may have been. Only the directory tells which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deed {
    /// The values found of everything the write changed, right before it was sent.
    pub before: BTreeMap<String, Vec<String>>,
    /// The object it made, as far as that is known.
    pub created: Option<Guid>,
}

/// Everything an undo is made from.
#[derive(Debug, Clone, Copy)]
pub struct UndoInput<'a> {
    /// The configuration as it is now: its guards judge.
    pub config: &'a Config,
    /// The plan that was applied.
    pub undone: &'a PlanFile,
    /// What was written, or may have been, by the changes of that plan.
    pub deeds: &'a HashMap<ChangeId, Deed>,
    /// Digest of the journal.
    pub journal: &'a str,
    /// For whom, or of what, it is undone; everything when there is none.
    pub only: &'a [Only],
    /// How each of `only` was asked for.
    pub words: &'a [String],
    /// What was read of each target now.
    pub directories: &'a BTreeMap<Name, DirectorySnapshot>,
    /// The moment the plan is for.
    pub as_of: jiff::Timestamp,
    /// Version of the program.
    pub tool_version: &'a str,
    /// Commit of the configuration repository.
    pub commit: Option<&'a str>,
    /// Mail address of that commit's author.
    pub author: Option<&'a str>,
    /// Whether the configuration differs from that commit.
    pub uncommitted: bool,
}

/// Why an apply cannot be undone at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// The project does not know a directory the plan changed.
    #[error("the plan changed target {target}, which this project does not declare")]
    NoTarget {
        /// The target.
        target: Name,
    },
    /// It is another directory than the one the plan was applied to.
    #[error(
        "target {target} is another directory than the plan's: its domain is {found}, and {planned} was changed"
    )]
    OtherDirectory {
        /// The target.
        target: Name,
        /// The domain in the plan.
        planned: String,
        /// The domain that was read.
        found: String,
    },
    /// An object that nothing was done to.
    #[error("nothing in the plan is about {word}, or anything below it")]
    NothingOf {
        /// As it was asked for.
        word: String,
    },
    /// As for every plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What each target that was changed has to be read for.
pub fn undo_requests(
    config: &Config,
    undone: &PlanFile,
    deeds: &HashMap<ChangeId, Deed>,
) -> BTreeMap<Name, DirectoryRequest> {
    let mut wanted = requests(config);
    let plan = &undone.content;
    wanted.retain(|target, _| plan.changes.iter().any(|change| change.target == *target));
    for change in &plan.changes {
        let Some(request) = wanted.get_mut(&change.target) else {
            continue;
        };
        let mut names: BTreeSet<&str> = BTreeSet::new();
        match &change.action {
            Action::Create { attributes, .. } | Action::Modify { attributes } => {
                names.extend(attributes.iter().map(|attribute| attribute.name.as_str()));
            }
            Action::Adopt { attribute, .. } => {
                names.insert(&attribute.name);
            }
            Action::Delete { before, .. } => {
                names.extend(before.keys().map(String::as_str));
                let noted = deeds.get(&change.id).map(|deed| deed.before.keys());
                names.extend(noted.into_iter().flatten().map(String::as_str));
                // Whether what is deleted can come back whole is read with what matters before a deletion.
                if request.disabled_under.is_empty()
                    && let Some(directory) = config.directories.get(&change.target)
                {
                    request.disabled_under = outermost(&directory.spec.managed.under);
                }
            }
            Action::Enable { .. }
            | Action::Disable {}
            | Action::ResetPassword {}
            | Action::Rename { .. }
            | Action::Move { .. }
            | Action::AddMember { .. }
            | Action::RemoveMember { .. }
            | Action::Restore { .. } => {}
        }
        let more = DirectoryRequest {
            user_attributes: names.into_iter().map(str::to_owned).collect(),
            ..DirectoryRequest::default()
        };
        request.add(more);
    }
    wanted
}

/// Makes the plan that undoes an apply.
///
/// # Errors
/// The plan, the project and the read do not belong together. What concerns single objects is never an error: they are
/// held, and everything else is undone.
pub fn undo(input: UndoInput<'_>) -> Result<Plan, UndoError> {
    let config = input.config;
    let moment = moment(config, input.as_of, Tables::default())?;
    let undone = &input.undone.content;
    let mut book = RuleBook::default();
    let mut warnings = Warnings::default();
    let excepted = Excepted::of(config, input.as_of);
    let mut plan = blank(&input, valid_until(config, &moment)?);
    let rules: Vec<RuleIndex> = undone
        .rules
        .iter()
        .map(|rule| index(book.add(rule.location.clone(), rule.text.clone())))
        .collect();
    let changed: BTreeSet<&Name> = undone.changes.iter().map(|one| &one.target).collect();
    let several = changed.len() > 1;
    let mut part = Part::new(input.only, input.words);
    for name in changed {
        let no_target = || UndoError::NoTarget {
            target: name.clone(),
        };
        let directory = config.directories.get(name).ok_or_else(no_target)?;
        let snapshot = input
            .directories
            .get(name)
            .ok_or_else(|| PlanError::NoDirectory {
                target: name.clone(),
            })?;
        let header = &snapshot.header;
        same_directory(name, undone.targets.get(name), &header.identity)?;
        let mut target = Target::new(directory, snapshot, &moment, Vec::new())?;
        target.know_anchors(config);
        plan.targets.insert(name.clone(), header.identity.clone());
        let mut rule = |place, text| RuleIndex(book.add(place, text).0);
        plan.approvals
            .extend(approvals::asked(config, name, &mut rule));
        plan.inputs.directories.insert(
            name.clone(),
            ReadOfDirectory {
                read_at: header.read_at,
                digest: directory_digest(snapshot),
                objects: snapshot.objects.len() as u64,
                completeness: header.completeness.clone(),
            },
        );
        let managed = target.standing.iter().zip(&snapshot.objects);
        plan.counts.managed_accounts += managed
            .filter(|(standing, entry)| {
                entry.kind == EntryKind::User && **standing == Standing::Managed
            })
            .count() as u64;
        if let Verdict::Unproven { reasons } = &header.completeness.verdict {
            plan.removals_held = true;
            plan.held.push(Held {
                target: several.then(|| name.clone()),
                ..unread(name, &reasons.join("; "))
            });
            continue;
        }
        let guards = Guards::compile(config, name, &moment, &mut book);
        let turned = Undoing::new(&input, &target, &rules).run(&excepted, part.as_mut());
        let held_before = plan.held.len();
        plan.held
            .extend(turned.held.into_iter().map(|(_, held)| held));
        for noted in turned.noted {
            match noted.example {
                Some(example) => warnings.add(noted.code, noted.message, example),
                None => warnings.note(noted.code, noted.message, 1),
            }
        }
        let changes = turned.changes.into_iter();
        let changes = changes.map(|change| (NOBODY, change)).collect();
        let before = Some(Before(&turned.before));
        let judged = guards::judge(&target, &guards, changes, None, before, &mut warnings);
        plan.changes.extend(judged.changes);
        plan.held.extend(judged.held);
        if several {
            for held in &mut plan.held[held_before..] {
                held.target = Some(name.clone());
            }
        }
        plan.guards.extend(judged.outcomes);
        plan.waivers.extend(judged.waivers);
    }
    if let Some(part) = &part {
        let left_out = part.finish();
        plan.narrowed = Some(left_out.map_err(|word| UndoError::NothingOf { word })?);
    }
    finish(&mut plan, &input, part.as_ref(), warnings);
    settle_rules(&mut plan, &book);
    Ok(plan)
}

/// Puts together what the targets came to.
fn finish(plan: &mut Plan, input: &UndoInput<'_>, part: Option<&Part<'_>>, mut warnings: Warnings) {
    plan.changes = order::sort(std::mem::take(&mut plan.changes));
    // Of whoever something else goes on, only a part is held.
    let going: BTreeSet<_> = plan.changes.iter().map(|change| &change.person).collect();
    for held in &mut plan.held {
        let person = held.person.as_ref();
        held.partial = person.is_some_and(|person| going.contains(person));
    }
    plan.held.sort_by(|one, other| {
        let key = |held: &Held| held.person.as_ref().map(|person| person.source.clone());
        let natural = match (&one.person, &other.person) {
            (Some(one), Some(other)) => one.key.natural_cmp(&other.key),
            _ => std::cmp::Ordering::Equal,
        };
        key(one)
            .cmp(&key(other))
            .then(natural)
            .then_with(|| one.code.cmp(&other.code))
            .then_with(|| one.reason.cmp(&other.reason))
    });
    let undone = &input.undone.content;
    let done = undone.changes.iter();
    let people: BTreeSet<_> = done
        .filter(|change| input.deeds.contains_key(&change.id))
        .map(|change| &change.person)
        .collect();
    plan.counts.people = people.len() as u64;
    if plan.targets.len() > 1 {
        for target in plan.targets.keys() {
            let of = undone
                .changes
                .iter()
                .filter(|change| change.target == *target);
            let of = of.filter(|change| input.deeds.contains_key(&change.id));
            let of: BTreeSet<_> = of.map(|change| &change.person).collect();
            plan.people_of_targets
                .insert(target.clone(), of.len() as u64);
        }
    }
    let not_done = undone
        .changes
        .iter()
        .filter(|change| !input.deeds.contains_key(&change.id))
        .filter(|change| part.is_none_or(|part| part.names(change)))
        .count() as u64;
    if not_done > 0 {
        warnings.note(
            warning::UNDO_NOT_DONE,
            "changes of the plan that its apply did not write (not reached, refused, or as desired already): nothing of them is undone",
            not_done,
        );
    }
    if !plan.changes.is_empty() && !redoes(undone) {
        warnings.note(
            warning::UNDO_COMES_AGAIN,
            "what is undone comes again with the next plan as long as the rules and the people's data ask for it: revert the commit that brought it about, give the people concerned an exception (Exceptions), or let Guards hold such changes, before anybody plans again",
            plan.changes.len() as u64,
        );
    }
    let held = plan.held_counts();
    plan.counts.held = held.held;
    plan.counts.held_in_part = held.in_part;
    plan.warnings = warnings.into_plan();
}

/// A plan with nothing in it yet.
fn blank(input: &UndoInput<'_>, not_after: jiff::Timestamp) -> Plan {
    let files = input.config.files.iter();
    Plan {
        tool_version: input.tool_version.to_owned(),
        project: input.config.project.name.clone(),
        as_of: input.as_of,
        not_after,
        inputs: Inputs {
            commit: input.commit.map(str::to_owned),
            author: input.author.map(str::to_owned),
            uncommitted: input.uncommitted,
            files: files
                .map(|file| (file.path.to_string(), file.digest.clone()))
                .collect(),
            last_good: None,
            undoes: Some(Undone {
                plan: input.undone.digest.clone(),
                as_of: input.undone.content.as_of,
                journal: input.journal.to_owned(),
                redoes: redoes(&input.undone.content),
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
        since: None,
        rules: Vec::new(),
        guards: Vec::new(),
        waivers: Vec::new(),
        approvals: Vec::new(),
        changes: Vec::new(),
        held: Vec::new(),
        exceptions: Vec::new(),
        warnings: Vec::new(),
        calendar: Vec::new(),
    }
}

/// Whether undoing a plan does something once more: it is an undo, and not of an undo.
fn redoes(undone: &Plan) -> bool {
    let undoes = undone.inputs.undoes.as_ref();
    undoes.is_some_and(|undoes| !undoes.redoes)
}

/// Nothing is undone on a read that is not whole.
fn unread(target: &Name, reasons: &str) -> Held {
    Held {
        person: None,
        accounts: Vec::new(),
        target: None,
        code: code::DIRECTORY_UNPROVEN.code.to_owned(),
        reason: format!("the read of {target} is not proven complete: {reasons}"),
        help: code::DIRECTORY_UNPROVEN.help.to_owned(),
        rule: None,
        partial: false,
        guard: None,
        waits: Vec::new(),
    }
}

fn same_directory(
    target: &Name,
    planned: Option<&DirectoryIdentity>,
    found: &DirectoryIdentity,
) -> Result<(), UndoError> {
    let shown = |identity: &DirectoryIdentity| {
        format!(
            "{} {} ({})",
            identity.naming_context, identity.domain_sid, identity.domain_guid
        )
    };
    let same = planned.is_some_and(|planned| {
        planned.domain_guid == found.domain_guid
            && planned.domain_sid.eq_ignore_ascii_case(&found.domain_sid)
            && planned.naming_context.key() == found.naming_context.key()
    });
    if same {
        return Ok(());
    }
    Err(UndoError::OtherDirectory {
        target: target.clone(),
        planned: planned.map_or_else(|| "none".to_owned(), shown),
        found: shown(found),
    })
}
