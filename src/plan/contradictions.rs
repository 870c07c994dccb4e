//! What a plan says of itself against what it does: removals on a read that was not proven complete, and changes that a
//! guard of the same plan holds.
//!
//! The planner makes no such plan (P2), so one that is found was made by something else, or by a defect. Pure, and
//! deliberately not the planner's own code: it judges from the finished plan alone, and where that does not tell (parts
//! made by a field of people), it says nothing rather than refuse what is right.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    Action, AttributeChange, Change, GuardKind, GuardOutcome, GuardVerdict, OnBreach, Plan,
    PlanValue, ReadOfPeople, Risk,
};
use crate::config::Config;
use crate::model::{CheckOutcome, CompletenessCheck, Guid, Name, PersonKey};
use crate::policy::{ToldRead, left_out};

/// A change that should not be in the plan it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction<'p> {
    /// The change.
    pub change: &'p Change,
    /// What speaks against it.
    pub against: Against<'p>,
}

/// What speaks against a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against<'p> {
    /// It takes something away, and the read of this source was not proven complete.
    People(&'p Name),
    /// The read of its directory was not proven complete, and nothing is planned on such a read.
    Directory,
    /// A guard of the plan holds it.
    Guard(&'p GuardOutcome),
}

/// The attribute that carries stamps, by target: clearing one takes nothing from anybody.
pub type Stamps = BTreeMap<Name, String>;

/// Removals on reads that do not prove them.
pub fn unproven<'p>(plan: &'p Plan, stamps: &Stamps) -> Vec<Contradiction<'p>> {
    let mut proven: HashSet<&Name> = plan
        .inputs
        .people
        .iter()
        .filter(|(_, read)| is_proven(read))
        .map(|(source, _)| source)
        .collect();
    // Nobody's record is read to bring back what was.
    let undoes = plan.inputs.undoes.is_some();
    let read: HashSet<&Name> = plan
        .inputs
        .directories
        .iter()
        .filter(|(_, read)| read.completeness.is_proven())
        .map(|(target, _)| target)
        .collect();
    // With every read proven, a plan that says removals are held says no word of which read is to blame: of all.
    let inputs = &plan.inputs;
    if plan.removals_held
        && proven.len() == inputs.people.len()
        && read.len() == inputs.directories.len()
    {
        proven.clear();
    }
    let against = |change: &'p Change| {
        if !read.contains(&change.target) {
            return Some(Against::Directory);
        }
        let stamp = stamps.get(&change.target);
        (!undoes && !proven.contains(&change.person.source) && needs_proof(change, stamp))
            .then_some(Against::People(&change.person.source))
    };
    plan.changes
        .iter()
        .filter_map(|change| {
            let against = against(change)?;
            Some(Contradiction { change, against })
        })
        .collect()
}

/// What the sources' rules ask of reads and the plan does not say of them; a sentence each. Nobody's record is read for an
/// undo, so of one nothing is asked.
pub fn unasked(plan: &Plan, config: &Config) -> Vec<String> {
    if plan.inputs.undoes.is_some() {
        return Vec::new();
    }
    let reads = plan.inputs.people.iter();
    reads
        .filter_map(|(name, read)| Some((name, read, config.sources.get(name)?)))
        .flat_map(|(name, read, source)| {
            let told = ToldRead {
                people: read.people,
                checks: &read.checks,
                parts: &read.parts,
                last_good: plan.inputs.last_good.is_some(),
            };
            let mappings = config.mappings.values();
            let targets: BTreeSet<&Name> = mappings
                .filter(|mapping| mapping.spec.source == name.as_str())
                .filter_map(|mapping| {
                    let target = config
                        .directories
                        .get_key_value(mapping.spec.target.as_str());
                    target.map(|(target, _)| target)
                })
                .collect();
            let targets: Vec<&Name> = targets.into_iter().collect();
            left_out(&source.spec.completeness, told, &targets)
                .into_iter()
                .map(move |found| format!("the read of {name}: {found}"))
        })
        .collect()
}

/// Whether a read is proven: by its verdict, by the total that the source claimed, and by every check beside them.
fn is_proven(read: &ReadOfPeople) -> bool {
    let failed = |check: &CompletenessCheck| check.outcome == CheckOutcome::Failed;
    let all = |total: u64| total == read.completeness.distinct;
    read.completeness.is_proven()
        && read.completeness.claimed_total.is_none_or(all)
        && !read.checks.iter().any(failed)
}

/// Whether the planner makes such a change on a proven read only. Narrower than [`Change::takes_away`], which also counts
/// a later expiry and an address that gives its first place to another.
fn needs_proof(change: &Change, stamp: Option<&String>) -> bool {
    match &change.action {
        Action::Disable {}
        | Action::RemoveMember { .. }
        | Action::ResetPassword {}
        | Action::Delete { .. } => true,
        Action::Move { .. } => change.risk >= Risk::High,
        Action::Create { replaces, .. } => replaces.is_some(),
        Action::Modify { attributes } => attributes.iter().any(|attribute| {
            !is_stamp(attribute, stamp)
                && (!attribute.before.is_empty() && attribute.after.is_empty()
                    || expires_earlier(attribute))
        }),
        Action::Adopt { .. }
        | Action::Enable { .. }
        | Action::Rename { .. }
        | Action::AddMember { .. }
        | Action::Restore { .. } => false,
    }
}

fn is_stamp(attribute: &AttributeChange, stamp: Option<&String>) -> bool {
    stamp.is_some_and(|stamp| attribute.name.eq_ignore_ascii_case(stamp))
}

/// Whether an account ends sooner than it did. 0, the largest number and no value are never ([MS-ADA1] 2.1).
fn expires_earlier(attribute: &AttributeChange) -> bool {
    if !attribute.name.eq_ignore_ascii_case("accountExpires") {
        return false;
    }
    let moment = |values: &[PlanValue]| match values {
        [PlanValue::Text(text)] => match text.trim().parse::<i64>() {
            Ok(0) | Err(_) => i64::MAX,
            Ok(moment) => moment,
        },
        _ => i64::MAX,
    };
    moment(&attribute.after) < moment(&attribute.before)
}

/// Changes that a guard of the plan holds.
pub fn past_guards<'p>(plan: &'p Plan, stamps: &Stamps) -> Vec<Contradiction<'p>> {
    let breached: Vec<&GuardOutcome> = plan
        .guards
        .iter()
        .filter(|guard| guard.is_breached())
        .collect();
    if breached.is_empty() {
        return Vec::new();
    }
    let judge = Judge {
        excepted: plan
            .exceptions
            .iter()
            .map(|one| (&one.target, &one.person.source, &one.person.key))
            .collect(),
        waiting: waiting(plan),
        emergencies: emergencies(plan),
        breached: &breached,
        stamps,
    };
    plan.changes
        .iter()
        .filter_map(|change| {
            let against = Against::Guard(judge.guard(change)?);
            Some(Contradiction { change, against })
        })
        .collect()
}

/// A person with one of their accounts, or none yet.
type Who<'p> = (&'p Name, &'p PersonKey, Option<Guid>);

struct Judge<'p, 'j> {
    /// People an exception speaks of: one may shut an account whatever limits say.
    excepted: HashSet<(&'p Name, &'p Name, &'p PersonKey)>,
    /// The kinds of change that wait, by whose they are, with the guard's name.
    waiting: HashMap<(Who<'p>, &'p str), &'p str>,
    /// Accounts no plan changes.
    emergencies: HashSet<Guid>,
    breached: &'j [&'p GuardOutcome],
    stamps: &'j Stamps,
}

/// What waits and cannot also happen: a person has one account to shut or to make, but several groups to leave.
fn waiting(plan: &Plan) -> HashMap<(Who<'_>, &str), &str> {
    let mut waiting = HashMap::new();
    for held in &plan.held {
        let (Some(person), Some(guard)) = (&held.person, &held.guard) else {
            continue;
        };
        let account = held.accounts.first().and_then(|account| account.guid);
        for kind in &held.waits {
            if !matches!(kind.as_str(), "modify" | "addMember" | "removeMember") {
                let who = (&person.source, &person.key, account);
                waiting.insert((who, kind.as_str()), guard.as_str());
            }
        }
    }
    waiting
}

fn emergencies(plan: &Plan) -> HashSet<Guid> {
    plan.held
        .iter()
        .filter(|held| held.code == crate::policy::held::GUARD_BREAK_GLASS.code)
        .flat_map(|held| held.accounts.iter().filter_map(|account| account.guid))
        .collect()
}

impl<'p> Judge<'p, '_> {
    fn guard(&self, change: &'p Change) -> Option<&'p GuardOutcome> {
        let of_target = self
            .breached
            .iter()
            .copied()
            .filter(|guard| guard.target == change.target);
        let account = change.account().guid;
        let shuts_by_exception = matches!(change.action, Action::Disable {})
            && self
                .excepted
                .contains(&(&change.target, &change.person.source, &change.person.key));
        let held_by = self.held_by(change, account);
        for guard in of_target {
            let holds = match guard.kind {
                GuardKind::BreakGlass => {
                    account.is_some_and(|account| self.emergencies.contains(&account))
                }
                _ if held_by == Some(guard.guard.as_str()) => true,
                GuardKind::MinimumMembers => {
                    guard.verdict == GuardVerdict::NotJudged && self.takes_away(change)
                }
                GuardKind::Limit if shuts_by_exception => false,
                GuardKind::Limit => {
                    self.counts(guard, change)
                        || match guard.on_breach {
                            Some(OnBreach::HoldAll) => true,
                            Some(OnBreach::HoldRemovals) => self.takes_away(change),
                            Some(OnBreach::HoldClass) | None => false,
                        }
                }
            };
            if holds {
                return Some(guard);
            }
        }
        None
    }

    fn held_by(&self, change: &'p Change, account: Option<Guid>) -> Option<&'p str> {
        let who = (&change.person.source, &change.person.key, account);
        let kind = change.action.kind();
        self.waiting.get(&(who, kind)).copied()
    }

    fn takes_away(&self, change: &Change) -> bool {
        let stamp = self.stamps.get(&change.target);
        let counting = matches!(&change.action, Action::Modify { attributes }
            if attributes.iter().all(|attribute| is_stamp(attribute, stamp)));
        change.takes_away() && !counting
    }

    /// Whether a limit counts a change and its part is one that is known from the plan: everything, or a group.
    fn counts(&self, guard: &GuardOutcome, change: &Change) -> bool {
        let in_part = match (guard.per.as_deref(), &guard.scope) {
            (None, _) => true,
            (Some("group"), Some(group)) => {
                crate::model::Dn::key_of(group).is_some_and(|key| key == change.object.dn.key())
            }
            _ => false,
        };
        in_part
            && guard
                .counts
                .split(" or ")
                .any(|words| self.is_counted(words, change))
    }

    /// Whether words of [`GuardOutcome::counts`] speak of a change.
    fn is_counted(&self, words: &str, change: &Change) -> bool {
        let wanted = match words {
            "changed" => return true,
            "losing something" => return self.takes_away(change),
            "created" => "create",
            "adopted" => "adopt",
            "modified" => "modify",
            "enabled" => "enable",
            "disabled" => "disable",
            "renamed" => "rename",
            "moved" => "move",
            "added to a group" => "addMember",
            "removed from a group" => "removeMember",
            "given another password" => "resetPassword",
            "deleted" => "delete",
            "brought back" => "restore",
            other => {
                let attribute = other.strip_prefix("changed in ");
                return matches!((&change.action, attribute), (Action::Modify { attributes }, Some(name))
                    if attributes.iter().any(|one| one.name.eq_ignore_ascii_case(name)));
            }
        };
        change.action.kind() == wanted
    }
}
