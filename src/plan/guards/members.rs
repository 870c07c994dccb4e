//! Hard stops: groups that keep a number of enabled members, and accounts kept for emergencies.
//!
//! Only what the plan takes is counted, never what it gives: a new member may fail to arrive, and removals come first.

use hashbrown::{HashMap, HashSet};

use super::compile::Minimum;
use super::limits::is_enabled;
use super::{Judging, blank};
use crate::model::{EntryKind, Guid, spoken};
use crate::plan::draft::Warnings;
use crate::plan::target::Target;
use crate::plan::{Action, GuardKind, GuardVerdict};
use crate::policy::{relative_id, warning};

/// Enabled accounts that belong to a group, and the groups they belong by.
struct Belonging {
    accounts: HashSet<u32>,
    groups: HashSet<u32>,
}

/// What the plan takes, as objects of the read.
#[derive(Default)]
struct Taken {
    disabled: HashSet<u32>,
    /// Group and member.
    left: HashSet<(u32, u32)>,
}

impl Judging<'_, '_> {
    /// Nothing touches accounts kept for emergencies.
    pub(super) fn break_glass(&mut self, warnings: &mut Warnings) {
        let guards = self.guards;
        let Some(first) = guards.break_glass.first() else {
            return;
        };
        let target = self.target;
        let wanted: HashMap<String, usize> = guards
            .break_glass
            .iter()
            .enumerate()
            .map(|(number, one)| (one.account.trim().to_lowercase(), number))
            .collect();
        let guids: HashMap<Guid, usize> = guards
            .break_glass
            .iter()
            .enumerate()
            .filter_map(|(number, one)| Some((Guid::parse(one.account.trim())?, number)))
            .collect();
        let mut found: HashMap<Guid, usize> = HashMap::new();
        let mut known = vec![false; guards.break_glass.len()];
        let mut disabled = Vec::new();
        let mut note = |object: u32, number: usize| {
            let entry = target.index.entry(object);
            found.insert(entry.guid, number);
            known[number] = true;
            if entry.kind == EntryKind::User && !is_enabled(target, object) {
                disabled.push(number);
            }
        };
        for (number, one) in guards.break_glass.iter().enumerate() {
            if let Some(object) = target.index.by_text(&one.account) {
                note(object, number);
            }
        }
        for (object, entry) in target.index.snapshot.objects.iter().enumerate() {
            if entry.kind != EntryKind::User {
                continue;
            }
            let object = u32::try_from(object).unwrap_or(u32::MAX);
            let sam = entry.value(target.known.sam).map(str::to_lowercase);
            let named = sam.and_then(|sam| wanted.get(&sam).copied());
            let number = named.or_else(|| guids.get(&entry.guid).copied());
            if let Some(number) = number {
                note(object, number);
            }
        }
        for (number, one) in guards.break_glass.iter().enumerate() {
            if !known[number] {
                warnings.add(
                    warning::BREAK_GLASS_NOT_FOUND,
                    format!("break-glass accounts that {} does not have", target.name),
                    spoken::object(&one.account),
                );
            }
        }
        for number in disabled {
            warnings.add(
                warning::BREAK_GLASS_DISABLED,
                format!("break-glass accounts that are disabled in {}", target.name),
                spoken::object(&guards.break_glass[number].account),
            );
        }
        let touched: Vec<usize> = (0..self.changes.len())
            .filter(|number| {
                let account = self.changes[*number].1.account();
                account.guid.is_some_and(|guid| found.contains_key(&guid))
            })
            .collect();
        let mut outcome = blank(target, "breakGlass", first.rule);
        outcome.kind = GuardKind::BreakGlass;
        outcome.counts = "changed".to_owned();
        outcome.limit = "never changed".to_owned();
        outcome.base = found.len() as u64;
        let accounts: HashSet<_> = touched
            .iter()
            .map(|number| self.changes[*number].1.account().guid)
            .collect();
        outcome.counted = accounts.len() as u64;
        if !touched.is_empty() {
            outcome.verdict = GuardVerdict::Breached;
        }
        let outcome = self.outcome(outcome);
        for number in touched {
            // Whatever limit holds it already: this is what no waiver releases.
            self.waits[number] = Some(outcome);
        }
    }

    /// Groups keep their enabled members, whatever else is decided.
    pub(super) fn minimums(&mut self, warnings: &mut Warnings) {
        if self.guards.minimums.is_empty() {
            return;
        }
        let primary = primary_members(self.target);
        let objects: HashMap<Guid, u32> = self.objects();
        let mut taken = Taken::default();
        for (number, (_, change)) in self.changes.iter().enumerate() {
            if self.waits[number].is_some() {
                continue;
            }
            let object = |guid: Option<Guid>| guid.and_then(|guid| objects.get(&guid).copied());
            match &change.action {
                Action::Disable {} | Action::Delete { .. } => {
                    taken.disabled.extend(object(change.object.guid));
                }
                Action::RemoveMember { member } => {
                    let group = object(change.object.guid);
                    taken.left.extend(group.zip(object(member.guid)));
                }
                Action::Create { .. }
                | Action::Adopt { .. }
                | Action::Modify { .. }
                | Action::Enable { .. }
                | Action::Rename { .. }
                | Action::Move { .. }
                | Action::ResetPassword {}
                | Action::Restore { .. }
                | Action::AddMember { .. } => {}
            }
        }
        let guards = self.guards;
        for minimum in &guards.minimums {
            self.minimum(minimum, &primary, &taken, &objects, warnings);
        }
        self.spread();
    }

    /// Places of the objects that changes speak of.
    fn objects(&self) -> HashMap<Guid, u32> {
        let mut wanted: HashSet<Guid> = HashSet::new();
        for (_, change) in &self.changes {
            wanted.extend(change.object.guid);
            wanted.extend(change.account().guid);
        }
        let objects = self.target.index.snapshot.objects.iter().enumerate();
        objects
            .filter(|(_, entry)| wanted.contains(&entry.guid))
            .map(|(at, entry)| (entry.guid, u32::try_from(at).unwrap_or(u32::MAX)))
            .collect()
    }

    fn minimum(
        &mut self,
        minimum: &Minimum,
        primary: &HashMap<u32, Vec<u32>>,
        taken: &Taken,
        objects: &HashMap<Guid, u32>,
        warnings: &mut Warnings,
    ) {
        let target = self.target;
        let mut outcome = blank(target, "minimumMembers", minimum.rule);
        outcome.kind = GuardKind::MinimumMembers;
        outcome.scope = Some(minimum.group.clone());
        outcome.counts = "lost".to_owned();
        let group = target
            .index
            .by_text(&minimum.group)
            .filter(|object| target.index.entry(*object).kind == EntryKind::Group);
        let Some((group, _)) = group.zip(target.known.member) else {
            // Nobody knows whom it has, so nobody loses anything.
            outcome.verdict = GuardVerdict::NotJudged;
            outcome.limit = format!(
                "the read has no group {}, so nobody knows whether {} stay",
                spoken::object(&minimum.group),
                minimum.enabled
            );
            let outcome = self.outcome(outcome);
            for number in 0..self.changes.len() {
                if self.guards.takes_away(&self.changes[number].1) {
                    self.hold(number, outcome);
                }
            }
            return;
        };
        let now = belonging(target, group, primary, &Taken::default());
        let then = belonging(target, group, primary, taken);
        outcome.base = now.accounts.len() as u64;
        outcome.counted = outcome.base - then.accounts.len() as u64;
        outcome.allowed = outcome.base.saturating_sub(minimum.enabled);
        outcome.limit = format!("at least {} must stay", minimum.enabled);
        if outcome.base < minimum.enabled {
            warnings.add(
                warning::MINIMUM_NOT_MET,
                "groups that have fewer enabled members than they must",
                format!(
                    "{}: {} of {}",
                    spoken::object(&minimum.group),
                    outcome.base,
                    minimum.enabled
                ),
            );
        }
        if outcome.counted <= outcome.allowed {
            self.outcome(outcome);
            return;
        }
        outcome.verdict = GuardVerdict::Breached;
        let outcome = self.outcome(outcome);
        let lost = |number: usize| {
            let change = &self.changes[number].1;
            let object = |guid: Option<Guid>| guid.and_then(|guid| objects.get(&guid).copied());
            match &change.action {
                Action::Disable {} => {
                    object(change.object.guid).is_some_and(|one| now.accounts.contains(&one))
                }
                Action::RemoveMember { .. } => {
                    object(change.object.guid).is_some_and(|one| now.groups.contains(&one))
                }
                _ => false,
            }
        };
        let lost: Vec<usize> = (0..self.changes.len()).filter(|at| lost(*at)).collect();
        for number in lost {
            self.hold(number, outcome);
        }
    }
}

/// Accounts by the relative identifier of their primary group: memberships that `member` never shows
/// ([MS-ADTS] 3.1.1.4.5.3).
fn primary_members(target: &Target<'_>) -> HashMap<u32, Vec<u32>> {
    let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
    let Some(attribute) = target.known.primary_group else {
        return members;
    };
    for (at, entry) in target.index.snapshot.objects.iter().enumerate() {
        if entry.kind == EntryKind::User
            && let Some(id) = entry.value(attribute).and_then(|id| id.trim().parse().ok())
        {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            members.entry(id).or_default().push(at);
        }
    }
    members
}

/// Who belongs to a group, by way of other groups too, once something has been taken. Each group is looked at once, so
/// groups that hold each other end.
fn belonging(
    target: &Target<'_>,
    group: u32,
    primary: &HashMap<u32, Vec<u32>>,
    taken: &Taken,
) -> Belonging {
    let mut belonging = Belonging {
        accounts: HashSet::new(),
        groups: HashSet::from([group]),
    };
    let mut open = vec![group];
    let counts = |object: u32| !taken.disabled.contains(&object) && is_enabled(target, object);
    while let Some(group) = open.pop() {
        let entry = target.index.entry(group);
        let id = target
            .known
            .sid
            .and_then(|sid| entry.value(sid))
            .and_then(relative_id);
        let by_primary = id.and_then(|id| primary.get(&id)).into_iter().flatten();
        belonging
            .accounts
            .extend(by_primary.copied().filter(|object| counts(*object)));
        let members = target.known.member.map_or(&[][..], |id| entry.values(id));
        for member in members {
            let Some(object) = target.index.by_text(member) else {
                continue;
            };
            if taken.left.contains(&(group, object)) {
                continue;
            }
            match target.index.entry(object).kind {
                EntryKind::User if counts(object) => {
                    belonging.accounts.insert(object);
                }
                EntryKind::Group if belonging.groups.insert(object) => open.push(object),
                _ => {}
            }
        }
    }
    belonging
}
