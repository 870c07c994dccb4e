//! Plans one target: from assessed people to changes and held people.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::absent::{Anchored, anchored, report};
use super::addresses;
use super::assemble::held;
use super::calendar::calendar;
use super::changes::Making;
use super::coverage;
use super::deletion::Prepared;
use super::draft::{Draft, Warnings};
use super::drift::{Compared, Evidence, LeftThere};
use super::evaluate::{After, Outcome, Unresolved, evaluate};
use super::exceptions;
use super::groups::memberships;
use super::guards::{self, Guards};
use super::links;
use super::missing;
use super::moves;
use super::naming::{Given, Names};
use super::order;
use super::places::Places;
use super::target::{HeldPerson, NOBODY, Target};
use super::wishes::GroupRule;
use super::{CalendarEntry, Change, GuardOutcome, Held, PlannedException, WaiverInPlan};
use crate::config::{Config, Document, kinds, parse_days};
use crate::mapping::RuleKind;
use crate::matching::{Found, Standing};
use crate::model::{
    ACCOUNTDISABLE, DnKey, EntryKind, Location, Name, PASSWD_NOTREQD, PersonKey, Verdict,
};
use crate::policy::{Proof, Scope, held as code, judge_fall, warning};

/// What one target came to.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) changes: Vec<Change>,
    pub(super) held: Vec<Held>,
    pub(super) calendar: Vec<CalendarEntry>,
    pub(super) guards: Vec<GuardOutcome>,
    pub(super) waivers: Vec<WaiverInPlan>,
    pub(super) exceptions: Vec<PlannedException>,
    /// Edits in the directory that stay.
    pub(super) left: Vec<LeftThere>,
    /// Changes of memberships that an overlap puts off, where somebody compares.
    pub(super) put_off: Vec<Change>,
    /// Limits that count the watched person's changes.
    pub(super) touching: Vec<GuardOutcome>,
    pub(super) people: u64,
    pub(super) managed: u64,
    pub(super) unchanged: u64,
}

/// One target on its way to a plan.
pub(super) struct Planning<'a> {
    target: Target<'a>,
    group_rules: Vec<GroupRule>,
    guards: Option<Guards>,
    directory: Option<&'a Document<kinds::ActiveDirectory>>,
    /// People held because nobody can say what they should have, or whose account is whose.
    people: Vec<HeldPerson>,
    anchors: Option<Anchored>,
    /// How many days the calendar looks ahead.
    calendar: u32,
}

impl<'a> Planning<'a> {
    /// Finds everybody's account and judges the reads as far as this target can. What is proven is known only when
    /// every target has had its say: a read that is doubtful for one is doubtful for all.
    pub(super) fn new(
        config: &'a Config,
        target: Target<'a>,
        group_rules: Vec<GroupRule>,
        guards: Option<Guards>,
        proofs: &mut BTreeMap<Name, Proof>,
    ) -> Self {
        let mut planning = Self {
            directory: config.directories.get(target.name),
            target,
            group_rules,
            guards,
            people: Vec::new(),
            anchors: None,
            // Checked with the project.
            calendar: parse_days(&config.project.spec.plan.calendar).unwrap_or_default(),
        };
        let readable = planning
            .target
            .index
            .snapshot
            .header
            .completeness
            .is_proven();
        if readable {
            let target = &planning.target;
            let assessed: Vec<_> = target
                .sides
                .iter()
                .map(|side| side.assess(target.moment))
                .collect();
            planning.people = planning.target.match_people(&assessed);
            planning.anchors = Some(anchored(&planning.target));
        }
        for (number, side) in planning.target.sides.iter().enumerate() {
            let rules = config.sources.get(side.source);
            let rules = rules.map(|source| &source.spec.completeness);
            let fall = rules.and_then(|rules| rules.max_fall.as_ref());
            if let (Some(fall), Some(proof)) = (fall, proofs.get_mut(side.source)) {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                let anchors = planning.anchors.as_ref();
                let counted = anchors.map(|anchors| anchors.of_side(&planning.target, number));
                judge_fall(proof, planning.target.name, fall, counted);
            }
        }
        planning
    }

    /// The target, with everybody's account found.
    pub(super) fn target(&self) -> &Target<'a> {
        &self.target
    }

    /// Has edits in the directory known by this.
    pub(super) fn know(&mut self, evidence: Evidence<'a>, places: &Arc<[Location]>) {
        self.target.evidence = evidence;
        self.target.places = places.clone();
        self.target.lost = self.target.lost_accounts();
    }

    /// Plans it, once every target has judged the reads.
    pub(super) fn run(
        mut self,
        proofs: &BTreeMap<Name, Proof>,
        watched: Option<&PersonKey>,
        warnings: &mut Warnings,
        compared: Option<&mut Compared>,
    ) -> Planned {
        for side in &mut self.target.sides {
            side.proven = proofs.get(side.source).is_some_and(Proof::is_proven);
        }
        let managed = self
            .target
            .standing
            .iter()
            .zip(&self.target.index.snapshot.objects)
            .filter(|(standing, entry)| {
                entry.kind == EntryKind::User && **standing == Standing::Managed
            })
            .count() as u64;
        let in_scope: u64 = self
            .target
            .sides
            .iter()
            .flat_map(|side| &side.people.people)
            .filter(|person| person.in_scope)
            .count() as u64;
        let Some(anchors) = self.anchors.take() else {
            return self.unread(in_scope, managed);
        };
        self.target.deletions = Prepared::new(&self.target);
        let mut people = std::mem::take(&mut self.people);
        self.target.forget_proposals(&mut people);
        let found = report(&self.target, &anchors, warnings);
        let left = missing::plan(&self.target, &found.missing, &found.seen, warnings);
        let mut objects = found.drafts;
        objects.extend(left.drafts);
        exceptions::report(&self.target, &mut people, &mut objects, warnings);
        links::report(&self.target.sides, warnings);
        self.warn_of_scope(warnings);
        self.warn_of_rules(warnings);
        self.warn_of_services(warnings);
        self.warn_of_no_passwords(warnings);
        self.target.warn_of_stamps(warnings);
        self.target.warn_of_inactive(warnings);
        coverage::report(&self.target, &self.group_rules, warnings);
        let target = &self.target;
        let count = u32::try_from(target.subjects.len()).unwrap_or(u32::MAX);
        let mut outcomes: Vec<Option<Box<Outcome<'_>>>> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .map_init(
                || (Places::default(), None),
                |(places, seen), at| evaluate(target, at, places, seen),
            )
            .collect();
        let mut given = name_all(target, &mut outcomes, &left.goals);
        addresses::settle(target, &mut outcomes, &mut given);
        drop_unreachable(target, &mut outcomes);
        let broken = order::circles(&outcomes);
        let making = Making {
            target,
            outcomes: &outcomes,
            given: &given,
            broken: &broken,
        };
        let mut made: Vec<(u32, Change)> = (0..count)
            .into_par_iter()
            .with_min_len(256)
            .flat_map_iter(|at| {
                let changes = making.changes(at);
                changes.into_iter().map(move |change| (at, change))
            })
            .collect();
        let memberships = memberships(
            &making,
            &self.group_rules,
            &left.strips,
            &mut made,
            warnings,
        );
        let mut touched = touched(target, &outcomes, &memberships.people);
        let mut changes = Vec::with_capacity(made.len() + memberships.changes.len());
        for (at, change) in made.into_iter().chain(memberships.changes) {
            touched[at as usize] = true;
            changes.push((at, change));
        }
        // Those without a person.
        let missing = left.changes.into_iter().chain(memberships.stripped);
        changes.extend(missing.map(|change| (NOBODY, change)));
        people.extend(memberships.people);
        objects.extend(memberships.groups);
        super::references::report(target, warnings);
        collect_notes(target, &outcomes, &mut people, warnings);
        let unchanged = target
            .subjects
            .iter()
            .enumerate()
            .filter(|(at, subject)| matches!(subject.found, Found::Account(_)) && !touched[*at])
            .count() as u64;
        let judged = match &self.guards {
            Some(guards) => guards::judge(target, guards, changes, watched, None, warnings),
            None => guards::unjudged(changes),
        };
        let mut put_off = Vec::new();
        if let Some(compared) = compared {
            note_compared(target, &outcomes, compared);
            let later = memberships.postponed.iter();
            put_off.extend(later.filter_map(|one| one.change.clone()));
        }
        let mut edits = edits_left(target, &outcomes);
        edits.extend(memberships.edits);
        let mut held = held(target, people, objects);
        held.extend(judged.held);
        let mut calendar = calendar(target, &left.waiting, self.calendar);
        let postponed = &memberships.postponed;
        calendar.extend(moves::calendar(
            target,
            postponed,
            &judged.changes,
            &calendar,
        ));
        Planned {
            calendar,
            changes: judged.changes,
            held,
            guards: judged.outcomes,
            waivers: judged.waivers,
            exceptions: listed(target),
            left: edits,
            put_off,
            touching: judged.touching,
            people: in_scope,
            managed,
            unchanged,
        }
    }

    /// Nothing is planned on a read of the directory that is not whole.
    fn unread(&self, in_scope: u64, managed: u64) -> Planned {
        let reasons = match &self.target.index.snapshot.header.completeness.verdict {
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
        Planned {
            held: held(&self.target, Vec::new(), vec![draft]),
            exceptions: listed(&self.target),
            people: in_scope,
            managed,
            ..Planned::default()
        }
    }

    fn warn_of_scope(&self, warnings: &mut Warnings) {
        let Some(directory) = self.directory else {
            return;
        };
        for (code, name) in Scope::unknown(&directory.spec, &self.target.index) {
            let part = if code == warning::PROTECTED_NOT_FOUND {
                "protected"
            } else {
                "managed"
            };
            warnings.add(
                code,
                format!(
                    "{} names {part} objects that the read does not have",
                    self.target.name
                ),
                name.to_owned(),
            );
        }
    }

    /// Accounts in use that may be without a password. They are the directory's own: nothing is done about it.
    fn warn_of_no_passwords(&self, warnings: &mut Warnings) {
        let target = &self.target;
        for subject in &target.subjects {
            let Some(object) = subject.account() else {
                continue;
            };
            let flags = target.index.entry(object).value(target.known.uac);
            let flags = flags.and_then(|flags| flags.parse::<i64>().ok());
            if flags
                .is_some_and(|flags| flags & (ACCOUNTDISABLE | PASSWD_NOTREQD) == PASSWD_NOTREQD)
            {
                warnings.add(
                    warning::PASSWORD_NOT_REQUIRED,
                    format!(
                        "enabled accounts in {} may be without a password (PASSWD_NOTREQD)",
                        target.name
                    ),
                    target.side(subject).shown(subject.person),
                );
            }
        }
    }

    /// What states say of services that nothing acts on yet, so that nobody takes it for done.
    fn warn_of_services(&self, warnings: &mut Warnings) {
        for subject in &self.target.subjects {
            if subject.account().is_none() {
                continue;
            }
            for member in &self.target.state(subject).services {
                warnings.add(
                    warning::NOT_EXECUTED,
                    format!(
                        "states say something of {member}, and nothing acts on it yet: it is not done"
                    ),
                    self.target.side(subject).shown(subject.person),
                );
            }
        }
    }

    fn warn_of_rules(&self, warnings: &mut Warnings) {
        for side in &self.target.sides {
            for (attribute, field) in side.blind_rules() {
                warnings.add(
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
                    warnings.add(
                        warning::UNKNOWN_ATTRIBUTE,
                        format!("the schema of {} lacks attributes", self.target.name),
                        attribute.clone(),
                    );
                }
                for attribute in &mapping.owned {
                    warnings.add(
                        warning::ATTRIBUTE_READ_ONLY,
                        format!(
                            "the schema of {} lets nobody write these attributes; their rules are left out",
                            self.target.name
                        ),
                        attribute.clone(),
                    );
                }
                let names = mapping
                    .all_rules()
                    .iter()
                    .filter_map(|rule| match &rule.kind {
                        RuleKind::Name(names) if !names.reach.unproven.is_empty() => {
                            Some((rule, names))
                        }
                        _ => None,
                    });
                for (rule, names) in names {
                    warnings.add(
                        warning::NOT_IN_CATALOG,
                        format!(
                            "the global catalog of {} does not hold {}; names compared with it are alone in their own domain, and nobody knows whether in the forest",
                            self.target.name,
                            names.reach.unproven.join(", ")
                        ),
                        rule.name.clone(),
                    );
                }
            }
        }
        for rule in &self.group_rules {
            if rule.forgets(&self.target) {
                let fields: Vec<_> = rule.fields().iter().map(ToString::to_string).collect();
                warnings.add(
                    warning::GROUP_UNIDENTIFIED,
                    "nothing in a group rule's name sets its groups apart; the last of its people stay in them",
                    format!("the group rule over {}", fields.join(", ")),
                );
            }
            if let Some(field) = rule.blind() {
                let source = self.target.sides[usize::from(rule.side)].source;
                warnings.add(
                    warning::FIELD_NOT_DELIVERED,
                    format!("{field} stood in no row of the read of {source}; what needs it is left alone"),
                    "group rule".to_owned(),
                );
            }
        }
    }
}

/// The exceptions of all sides.
fn listed(target: &Target<'_>) -> Vec<PlannedException> {
    let sides = target.sides.iter();
    sides
        .flat_map(|side| side.planned_exceptions(target))
        .collect()
}

/// Finds names for everyone who needs one, in the order of their keys.
fn name_all<'t>(
    target: &'t Target<'_>,
    outcomes: &mut [Option<Box<Outcome<'t>>>],
    goals: &HashSet<DnKey>,
) -> HashMap<u32, Given<'t>> {
    let mut names = Names::beside(goals);
    let mut given = HashMap::new();
    // Addresses that rules give outright come first: a name can be another, they cannot.
    for (at, outcome) in outcomes.iter().enumerate() {
        for delta in outcome.iter().flat_map(|outcome| &outcome.attributes) {
            names.claim(u32::try_from(at).unwrap_or(u32::MAX), delta);
        }
    }
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

/// References to accounts that turned out not to be made, or that are deleted, are left as they are.
fn drop_unreachable(target: &Target<'_>, outcomes: &mut [Option<Box<Outcome<'_>>>]) {
    let deleted: HashSet<u32> = outcomes
        .iter()
        .zip(&target.subjects)
        .filter(|(outcome, _)| outcome.as_ref().is_some_and(|outcome| outcome.delete))
        .filter_map(|(_, subject)| subject.account())
        .collect();
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
                lost.push((
                    delta.rule,
                    compact_str::CompactString::default(),
                    Unresolved::Held,
                ));
                false
            }
            After::Object(other) if deleted.contains(&other) => {
                let name = target.index.entry(other).dn.rdn().value;
                lost.push((delta.rule, name.into(), Unresolved::NoAccount));
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
        if outcome.undated {
            warnings.add(
                warning::RESET_UNDATED,
                format!(
                    "nobody can tell whether passwords in {} were replaced since the state asks for it, so they are left as they are",
                    target.name
                ),
                side.shown(subject.person),
            );
        }
        for draft in outcome.whole.iter().chain(&outcome.partial) {
            people.push((subject.side, subject.person, draft.clone()));
        }
        for (rule, wanted, why) in &outcome.unresolved {
            let shown = side.shown(subject.person);
            warnings.add(
                warning::REFERENCE_UNRESOLVED,
                format!("{} {} and is left as it is", rule.name, why.words()),
                if wanted.is_empty() {
                    shown
                } else {
                    format!("{shown}: {wanted}")
                },
            );
        }
    }
}

/// Edits that stay, of everybody nothing else is held of.
fn edits_left(target: &Target<'_>, outcomes: &[Option<Box<Outcome<'_>>>]) -> Vec<LeftThere> {
    let each = target.subjects.iter().zip(outcomes);
    each.filter_map(|(subject, outcome)| Some((subject, outcome.as_ref()?)))
        .flat_map(|(subject, outcome)| {
            let left = outcome.left.iter();
            left.filter_map(|left| left.told(target, subject))
        })
        .collect()
}

/// Notes the accounts that were compared with what is wanted of them, and whose they are.
fn note_compared(
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
    compared: &mut Compared,
) {
    for (subject, outcome) in target.subjects.iter().zip(outcomes) {
        let side = target.side(subject);
        let Found::Account(object) = subject.found else {
            continue;
        };
        if outcome
            .as_ref()
            .is_some_and(|outcome| outcome.whole.is_some())
            || target.is_left_alone(subject)
            || side.exceptions.exempts(subject.person)
            || target.standing[object as usize] != Standing::Managed
        {
            continue;
        }
        let who = (side.source.clone(), side.person(subject.person).key.clone());
        let guid = target.index.entry(object).guid;
        compared.add(target.name, guid, who);
        compared.except(target.name, guid, side.exceptions.kept(subject.person));
    }
}

/// Subjects with anything held.
fn touched(
    target: &Target<'_>,
    outcomes: &[Option<Box<Outcome<'_>>>],
    people: &[HeldPerson],
) -> Vec<bool> {
    let mut touched: Vec<bool> = outcomes
        .iter()
        .map(|outcome| {
            outcome.as_ref().is_some_and(|outcome| {
                outcome.whole.is_some() || !outcome.partial.is_empty() || !outcome.left.is_empty()
            })
        })
        .collect();
    for (side, person, _) in people {
        let at = target.subject_of[usize::from(*side)][*person as usize];
        if let Some(touched) = touched.get_mut(at as usize) {
            *touched = true;
        }
    }
    touched
}
