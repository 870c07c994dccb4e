//! Limits: how many accounts each part has, to how many something would happen, and what waits when those are too many.
//!
//! Linear: one pass over the accounts for each way of parting them, one over the changes for each limit.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::compile::{Limit, Per, folded};
use super::{Judging, blank, who};
use crate::config::kinds::{ActionClass, OnBreach};
use crate::matching::Standing;
use crate::model::{ACCOUNTDISABLE, DnKey, EntryKind, FieldIndex};
use crate::plan::target::{NOBODY, Target};
use crate::plan::{Action, Change, GuardOutcome, GuardVerdict};

/// A part: the form it is compared in, and how it is shown.
type Part = (String, String);

/// Of all parts that pass, the one nearest to its limit: it stands for the rest.
struct Nearest {
    per: Option<String>,
    scope: Option<String>,
    counted: u64,
    already: u64,
    base: u64,
    allowed: u64,
}

/// What one part came to.
#[derive(Default)]
struct Counted {
    shown: String,
    who: HashSet<u64>,
    changes: Vec<usize>,
    /// Accounts that are nobody's among the people, and so not in the base yet.
    strangers: HashSet<u64>,
    /// Whom an undo had done it to before, of the same apply.
    before: HashSet<u64>,
    /// By how many accounts, or members, that made the part smaller, and larger.
    shrunk: u64,
    grown: u64,
}

impl Judging<'_, '_> {
    /// Judges every limit over every change.
    pub(super) fn limits(&mut self) {
        let mut bases: HashMap<Per, HashMap<String, u64>> = HashMap::new();
        for number in 0..self.guards.limits.len() {
            let limit = &self.guards.limits[number];
            if limit.per != Per::Group && !bases.contains_key(&limit.per) {
                bases.insert(limit.per.clone(), base(self.target, &limit.per));
            }
            self.limit(limit, bases.get(&limit.per));
        }
    }

    fn limit(&mut self, limit: &Limit, bases: Option<&HashMap<String, u64>>) {
        let fields = fields(self.target, &limit.per);
        let mut parts: BTreeMap<String, Counted> = BTreeMap::new();
        for (number, (at, change)) in self.changes.iter().enumerate() {
            if !self.guards.counts(limit, change) || self.is_stop(*at, change) {
                continue;
            }
            let Some((key, shown)) = part(self.target, &limit.per, &fields, *at, change) else {
                continue;
            };
            let counted = parts.entry(key).or_default();
            if counted.changes.is_empty() || shown < counted.shown {
                counted.shown = shown;
            }
            let who = who(*at, change);
            counted.who.insert(who);
            counted.changes.push(number);
            if *at == NOBODY && is_open(self.target, change) {
                counted.strangers.insert(who);
            }
        }
        self.count_before(limit, &fields, &mut parts);
        if parts.is_empty() && !matches!(limit.per, Per::Ou | Per::Group | Per::Field(_)) {
            parts.insert(String::new(), Counted::default());
        }
        let mut passed = 0;
        let mut nearest: Option<Nearest> = None;
        for (key, counted) in parts {
            let base = match (&limit.per, counted.changes.first()) {
                (Per::Group, Some(first)) => members(self.target, &self.changes[*first].1),
                _ => {
                    let known = bases.and_then(|bases| bases.get(&key));
                    let known = known.copied().unwrap_or_default();
                    // Where no people were read, the accounts are counted themselves.
                    if self.target.sides.is_empty() {
                        known
                    } else {
                        known + counted.strangers.len() as u64
                    }
                }
            };
            let base = (base + counted.shrunk).saturating_sub(counted.grown);
            let already = counted.before.difference(&counted.who).count() as u64;
            let number = counted.who.len() as u64 + already;
            let allowed = limit.allowance.allowed(base);
            let (per, scope) = limit.per.scope(counted.shown);
            let mut outcome = limit.judged(self.target);
            (outcome.per, outcome.scope) = (per.clone(), scope.clone());
            outcome.counted = number;
            outcome.already = already;
            (outcome.base, outcome.allowed) = (base, allowed);
            let touches = self.touches(&counted.changes);
            if number <= allowed {
                passed += 1;
                if touches {
                    self.touching.push(outcome);
                }
                let left = allowed - number;
                if nearest
                    .as_ref()
                    .is_none_or(|other| left < other.allowed - other.counted)
                {
                    nearest = Some(Nearest {
                        per,
                        scope,
                        counted: number,
                        already,
                        base,
                        allowed,
                    });
                }
                continue;
            }
            let waiver = self
                .guards
                .waivers
                .iter()
                .find(|(waived, _)| waived.releases(limit.name.as_str(), &key, number));
            if let Some((waived, _)) = waiver {
                outcome.verdict = GuardVerdict::Waived;
                outcome.waiver = Some(waived.name.clone());
                self.touching.extend(touches.then(|| outcome.clone()));
                self.outcome(outcome);
                continue;
            }
            outcome.verdict = GuardVerdict::Breached;
            self.touching.extend(touches.then(|| outcome.clone()));
            let outcome = self.outcome(outcome);
            self.breach(limit.on_breach, &counted.changes, outcome);
        }
        let mut outcome = limit.judged(self.target);
        outcome.parts = passed;
        if let Some(nearest) = nearest {
            (outcome.per, outcome.scope) = (nearest.per, nearest.scope);
            outcome.counted = nearest.counted;
            outcome.already = nearest.already;
            outcome.base = nearest.base;
            outcome.allowed = nearest.allowed;
            self.outcome(outcome);
        } else if !self
            .outcomes
            .iter()
            .any(|known| known.guard == outcome.guard)
        {
            // Nothing it counts happens in any part.
            self.outcome(outcome);
        }
    }

    /// Counts with what is undone now what had been undone before of the same apply, in the parts that something happens in:
    /// one part of an undo after the other is judged like all of them at once.
    fn count_before(
        &self,
        limit: &Limit,
        fields: &[Option<FieldIndex>],
        parts: &mut BTreeMap<String, Counted>,
    ) {
        let before = self.undo.map_or(&[][..], |before| before.0);
        for change in before {
            let Some((key, _)) = part(self.target, &limit.per, fields, NOBODY, change) else {
                continue;
            };
            let Some(counted) = parts.get_mut(&key) else {
                continue;
            };
            match (&change.action, &limit.per) {
                (Action::RemoveMember { .. }, Per::Group) => counted.shrunk += 1,
                (Action::AddMember { .. }, Per::Group) => counted.grown += 1,
                (_, Per::Group) => {}
                (Action::Disable {}, _) => counted.shrunk += 1,
                (Action::Enable { .. }, _) => counted.grown += 1,
                _ => {}
            }
            if self.guards.counts(limit, change) {
                counted.before.insert(who(NOBODY, change));
            }
        }
    }

    /// Whether one of these changes is the watched person's.
    fn touches(&self, changes: &[usize]) -> bool {
        let mut keys = changes
            .iter()
            .map(|number| &self.changes[*number].1.person.key);
        self.watched
            .is_some_and(|watched| keys.any(|key| key == watched))
    }

    /// Whether an exception shuts this account at once: one person's decision, with an owner, that no number outweighs.
    fn is_stop(&self, at: u32, change: &Change) -> bool {
        let Some(subject) = self.target.subjects.get(at as usize) else {
            return false;
        };
        let exceptions = &self.target.side(subject).exceptions;
        matches!(change.action, Action::Disable {}) && exceptions.stops(subject.person).is_some()
    }

    /// What is too many waits whatever else does: no limit is exceeded because removals were named.
    fn breach(&mut self, on_breach: OnBreach, counted: &[usize], outcome: usize) {
        for number in counted {
            self.hold(*number, outcome);
        }
        // Many parts may be too much, and what waits is looked for once.
        let all = match on_breach {
            OnBreach::HoldClass => return,
            OnBreach::HoldRemovals if self.removals_wait => return,
            OnBreach::HoldAll if self.everything_waits => return,
            OnBreach::HoldRemovals => false,
            OnBreach::HoldAll => true,
        };
        for number in 0..self.changes.len() {
            let (at, change) = &self.changes[number];
            if (all || self.guards.takes_away(change)) && !self.is_stop(*at, change) {
                self.hold(number, outcome);
            }
        }
        self.removals_wait = true;
        self.everything_waits |= all;
    }
}

impl Per {
    /// What a part is a part by, and which it is; nothing for everything together.
    pub(super) fn scope(&self, shown: String) -> (Option<String>, Option<String>) {
        let by = match self {
            Self::All => return (None, None),
            Self::Placement(_, place) => {
                return (Some("placement".to_owned()), Some(place.clone()));
            }
            Self::Ou => "ou",
            Self::Group => "group",
            Self::Field(field) => field.as_str(),
        };
        (Some(by.to_owned()), Some(shown))
    }
}

impl Limit {
    /// A verdict of it, with nothing counted yet.
    fn judged(&self, target: &Target<'_>) -> GuardOutcome {
        GuardOutcome {
            counts: self.words(),
            limit: self.allowance.words(),
            on_breach: Some(self.on_breach),
            ..blank(target, self.name.as_str(), self.rule)
        }
    }

    /// What it counts, in words.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for action in &self.actions {
            let word = match action {
                ActionClass::Create => "created",
                ActionClass::Adopt => "adopted",
                ActionClass::Modify => "modified",
                ActionClass::Enable => "enabled",
                ActionClass::Disable => "disabled",
                ActionClass::Rename => "renamed",
                ActionClass::Move => "moved",
                ActionClass::AddMember => "added to a group",
                ActionClass::RemoveMember => "removed from a group",
                ActionClass::ResetPassword => "given another password",
                ActionClass::Delete => "deleted",
                ActionClass::Restore => "brought back",
                ActionClass::Removals => "losing something",
                ActionClass::Any => "changed",
            };
            words.push(match (action, &self.attribute) {
                (ActionClass::Modify, Some(attribute)) => format!("changed in {attribute}"),
                _ => word.to_owned(),
            });
        }
        words.join(" or ")
    }
}

/// The index of a field in each side's read.
fn fields(target: &Target<'_>, per: &Per) -> Vec<Option<FieldIndex>> {
    let Per::Field(name) = per else {
        return Vec::new();
    };
    let index = |fields: &[crate::model::Field]| {
        let at = fields.iter().position(|field| field.name == *name)?;
        u16::try_from(at).ok().map(FieldIndex)
    };
    target
        .sides
        .iter()
        .map(|side| index(&side.people.header.fields))
        .collect()
}

fn value(target: &Target<'_>, fields: &[Option<FieldIndex>], at: u32) -> Part {
    let Some(subject) = target.subjects.get(at as usize) else {
        return Part::default();
    };
    let field = fields.get(usize::from(subject.side)).copied().flatten();
    let person = target.side(subject).person(subject.person);
    let fact = field.and_then(|field| person.fact(field));
    let shown = fact.map(ToString::to_string).unwrap_or_default();
    (folded(&shown), shown.trim().to_owned())
}

/// The part a change belongs to; `None` when it is none of the limit's business.
fn part(
    target: &Target<'_>,
    per: &Per,
    fields: &[Option<FieldIndex>],
    at: u32,
    change: &Change,
) -> Option<Part> {
    match per {
        Per::All => Some(Part::default()),
        Per::Placement(base, _) => {
            let key = change.account().dn.key();
            key.is_at_or_under(base).then(Part::default)
        }
        Per::Ou => {
            let parent = change.account().dn.parent()?;
            Some((parent.key().as_str().to_owned(), parent.to_string()))
        }
        Per::Group => match change.action {
            Action::AddMember { .. } | Action::RemoveMember { .. } => {
                let dn = &change.object.dn;
                Some((dn.key().as_str().to_owned(), dn.to_string()))
            }
            _ => None,
        },
        Per::Field(_) => Some(value(target, fields, at)),
    }
}

/// How many members a group has now.
fn members(target: &Target<'_>, change: &Change) -> u64 {
    let object = target.index.by_key(&change.object.dn.key());
    object
        .zip(target.known.member)
        .map_or(0, |(group, member)| {
            target.index.entry(group).values(member).len() as u64
        })
}

/// How many enabled, managed accounts of people in scope each part has.
fn base(target: &Target<'_>, per: &Per) -> HashMap<String, u64> {
    if target.sides.is_empty() {
        return base_of_accounts(target, per);
    }
    let fields = fields(target, per);
    let mut parts: HashMap<String, u64> = HashMap::new();
    for (at, subject) in target.subjects.iter().enumerate() {
        let Some(object) = subject.account() else {
            continue;
        };
        if target.standing[object as usize] != Standing::Managed || !is_enabled(target, object) {
            continue;
        }
        let key: &DnKey = target.index.key(object);
        let part = match per {
            Per::Group => continue,
            Per::All => String::new(),
            Per::Placement(base, _) if key.is_at_or_under(base) => String::new(),
            Per::Placement(..) => continue,
            Per::Ou => key
                .parent()
                .map_or_else(String::new, |parent| parent.as_str().to_owned()),
            Per::Field(_) => value(target, &fields, u32::try_from(at).unwrap_or(NOBODY)).0,
        };
        *parts.entry(part).or_default() += 1;
    }
    parts
}

/// How many enabled, managed accounts each part has where no people were read, as for an undo. Nobody's fields are known
/// then, so limits by a field are judged over all accounts together.
fn base_of_accounts(target: &Target<'_>, per: &Per) -> HashMap<String, u64> {
    let mut parts: HashMap<String, u64> = HashMap::new();
    for (object, entry) in (0u32..).zip(&target.index.snapshot.objects) {
        let counts = entry.kind == EntryKind::User
            && target.standing[object as usize] == Standing::Managed
            && is_enabled(target, object);
        if !counts {
            continue;
        }
        let key = target.index.key(object);
        let part = match per {
            Per::Group => continue,
            Per::All | Per::Field(_) => String::new(),
            Per::Placement(base, _) if key.is_at_or_under(base) => String::new(),
            Per::Placement(..) => continue,
            Per::Ou => key
                .parent()
                .map_or_else(String::new, |parent| parent.as_str().to_owned()),
        };
        *parts.entry(part).or_default() += 1;
    }
    parts
}

/// Whether the account a change is for exists and is enabled.
fn is_open(target: &Target<'_>, change: &Change) -> bool {
    let account = target.index.by_key(&change.account().dn.key());
    account.is_some_and(|account| is_enabled(target, account))
}

/// `ACCOUNTDISABLE` ([MS-ADTS] 2.2.16, bit 0x2) is not set.
pub(super) fn is_enabled(target: &Target<'_>, object: u32) -> bool {
    let flags = target.index.entry(object).value(target.known.uac);
    flags
        .and_then(|flags| flags.trim().parse::<i64>().ok())
        .is_some_and(|flags| flags & ACCOUNTDISABLE == 0)
}
