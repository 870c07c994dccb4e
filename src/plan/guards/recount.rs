//! The configuration's guards against what a plan says of them, and the plan's changes counted once more.
//!
//! A plan whose digest was made anew says of its guards whatever its maker liked. So what a guard allows is taken from the
//! configuration at hand, and what it counts from the changes. What neither tells (how many accounts a part has, whose
//! department somebody is in) stands in the plan alone and is only held against what else it says. Pure, and the counting
//! deliberately not the planner's own. Invariant: of a plan the planner made with the same configuration nothing is said.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::compile::{Guards, Limit, Per, folded};
use crate::config::{Config, Standing};
use crate::lifecycle::RuleBook;
use crate::model::{Dn, DnKey, Guid, Name, PersonKey, spoken};
use crate::plan::build::moment;
use crate::plan::exceptions::STOPS;
use crate::plan::{
    Action, Change, ChangeId, ExceptionStanding, GuardKind, GuardOutcome, GuardVerdict, Plan,
    RuleIndex, WaiverInPlan,
};

/// What came of counting again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recount {
    /// What is otherwise than the configuration and the changes say; a sentence each.
    pub found: Vec<String>,
    /// How many guards of the configuration speak of what the plan changes.
    pub guards: usize,
    /// Those of which the plan alone tells how many accounts there are, or whose they are, and of which target.
    pub stated: Vec<String>,
}

/// Holds a plan's guards against the configuration, and counts again.
pub fn recount(plan: &Plan, config: &Config) -> Recount {
    let mut recount = Recount::default();
    let Ok(moment) = moment(config, plan.as_of, crate::lang::Tables::default()) else {
        let zone = &config.project.spec.time_zone;
        let unknown = format!("the time zone {zone} is unknown, so no waiver can be judged");
        recount.found.push(unknown);
        return recount;
    };
    let mut of_target: BTreeMap<&Name, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        of_target.entry(&change.target).or_default().push(change);
    }
    let accounts = plan.counts.managed_accounts;
    let objects = plan.inputs.directories.values().map(|read| read.objects);
    let objects = objects.fold(0, u64::saturating_add);
    if accounts > objects {
        recount.found.push(format!(
            "the plan counts {accounts} managed accounts among {objects} objects that were read"
        ));
    }
    recount.found.extend(disagreeing(plan));
    for (target, changes) in of_target {
        let guards = Guards::compile(config, target, &moment, &mut RuleBook::default());
        let counting = Counting {
            plan,
            target,
            guards: &guards,
            stopped: stopped(plan, config, target, moment.as_of.date()),
            given_up: given_up(&changes),
            changes,
        };
        counting.judge(&mut recount);
    }
    recount
}

/// Reads of which a plan says two sizes. A share is one of them, and whoever inflates it must inflate both.
fn disagreeing(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for (target, read) in &plan.inputs.directories {
        let distinct = read.completeness.distinct;
        if read.objects != distinct {
            found.push(format!(
                "the plan says that {} objects of {target} were read, and {distinct} different ones",
                read.objects
            ));
        }
    }
    for (source, read) in &plan.inputs.people {
        let distinct = read.completeness.distinct;
        if read.people > distinct {
            found.push(format!(
                "the plan says that {} people of {source} were read, and {distinct} different records",
                read.people
            ));
        }
    }
    found
}

/// Whom an exception of the configuration keeps disabled: limits do not count that. An exception may be written for another
/// record of the person, which the plan does not tell; but each speaks for one person only.
fn stopped<'p>(
    plan: &'p Plan,
    config: &Config,
    target: &Name,
    today: jiff::civil::Date,
) -> HashSet<(&'p Name, &'p PersonKey)> {
    let documents = config.exceptions.values();
    let documents = documents.filter(|one| one.spec.target == target.as_str());
    let mut written: HashMap<[&str; 5], usize> = HashMap::new();
    for document in documents {
        let spec = &document.spec;
        let stops = spec.exceptions.iter();
        for one in stops.filter(|one| one.stop && one.standing(today) != Standing::Expired) {
            let about = [
                spec.source.as_str(),
                &one.owner,
                &one.reason,
                &one.ticket,
                &one.expires,
            ];
            *written.entry(about).or_default() += 1;
        }
    }
    let planned = plan.exceptions.iter().filter(|one| {
        one.target == *target
            && one.what.starts_with(STOPS)
            && matches!(
                one.standing,
                ExceptionStanding::Active | ExceptionStanding::Expiring
            )
    });
    let mut stopped = HashSet::new();
    for one in planned {
        let about = [
            one.person.source.as_str(),
            &one.owner,
            &one.reason,
            &one.ticket,
            &one.expires,
        ];
        if let Some(left) = written.get_mut(&about)
            && *left > 0
        {
            *left -= 1;
            stopped.insert((&one.person.source, &one.person.key));
        }
    }
    stopped
}

/// Accounts that a new one takes the place of: what releases them is done to the same person.
fn given_up<'p>(changes: &[&'p Change]) -> HashMap<Guid, &'p ChangeId> {
    let replaced = changes.iter().filter_map(|change| match &change.action {
        Action::Create {
            replaces: Some(old),
            ..
        } => Some((old.guid?, &change.id)),
        _ => None,
    });
    replaced.collect()
}

/// What tells accounts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who<'p> {
    Account(Guid),
    Made(&'p ChangeId),
}

/// One target's changes while they are counted.
struct Counting<'c, 'p> {
    plan: &'p Plan,
    target: &'c Name,
    guards: &'c Guards,
    stopped: HashSet<(&'p Name, &'p PersonKey)>,
    given_up: HashMap<Guid, &'p ChangeId>,
    changes: Vec<&'p Change>,
}

/// One part, counted.
#[derive(Default)]
struct Part<'p> {
    shown: String,
    who: HashSet<Who<'p>>,
    /// Of these, whose accounts were there and enabled.
    shut: HashSet<Who<'p>>,
}

impl Counting<'_, '_> {
    fn judge(&self, recount: &mut Recount) {
        let mut told: Vec<(&GuardOutcome, bool)> = self
            .plan
            .guards
            .iter()
            .filter(|outcome| outcome.target == *self.target)
            .map(|outcome| (outcome, false))
            .collect();
        for limit in &self.guards.limits {
            let of_limit = take(&mut told, |outcome| {
                outcome.kind == GuardKind::Limit && outcome.guard == limit.name.as_str()
            });
            recount.guards += 1;
            self.limit(limit, &of_limit, recount);
        }
        for minimum in &self.guards.minimums {
            let of_group = take(&mut told, |outcome| {
                outcome.kind == GuardKind::MinimumMembers
                    && outcome.scope.as_deref() == Some(minimum.group.as_str())
            });
            recount.guards += 1;
            self.minimum(&minimum.group, minimum.enabled, &of_group, recount);
        }
        let kept = take(&mut told, |outcome| outcome.kind == GuardKind::BreakGlass);
        if !self.guards.break_glass.is_empty() {
            recount.guards += 1;
            self.break_glass(&kept, recount);
        }
        let strangers = told.iter().filter(|(outcome, known)| {
            !known || outcome.kind == GuardKind::BreakGlass && self.guards.break_glass.is_empty()
        });
        recount.found.extend(strangers.map(|(outcome, _)| {
            format!(
                "the plan has a guard {} of {}, which the configuration does not have",
                outcome.guard, self.target
            )
        }));
        self.waivers(recount);
    }

    /// A limit as it is written, and what it counts.
    fn limit(&self, limit: &Limit, told: &[&GuardOutcome], recount: &mut Recount) {
        let (name, target) = (&limit.name, self.target);
        let wanted = limit.allowance.words();
        if told.is_empty() {
            recount.found.push(format!(
                "guard {name} of {target} ({wanted}) is not in the plan"
            ));
            return;
        }
        let counts = limit.words();
        let (per, _) = limit.per.scope(String::new());
        for outcome in told {
            if outcome.limit != wanted || outcome.counts != counts {
                recount.found.push(format!(
                    "guard {name} of {target} allows {wanted} {counts}, and the plan says {} {}",
                    outcome.limit, outcome.counts
                ));
            }
            let nothing_counted = outcome.per.is_none() && outcome.parts == 0;
            if outcome.per != per && !nothing_counted {
                recount.found.push(format!(
                    "guard {name} of {target} judges {}, and the plan says {}",
                    parted(per.as_deref()),
                    parted(outcome.per.as_deref())
                ));
            }
            if outcome.on_breach != Some(limit.on_breach) {
                recount.found.push(format!(
                    "guard {name} of {target} holds something else on a breach than the plan says"
                ));
            }
            self.verdict(limit, outcome, recount);
        }
        let parts = self.parts(limit);
        self.counted(limit, told, &parts, recount);
        if limit.allowance.is_share() || matches!(limit.per, Per::Field(_)) {
            recount.stated.push(format!("{name} of {target}"));
        }
    }

    /// Whether an outcome's numbers give its verdict.
    fn verdict(&self, limit: &Limit, outcome: &GuardOutcome, recount: &mut Recount) {
        let (name, target) = (&limit.name, self.target);
        let part = within(outcome);
        let found = &mut recount.found;
        let allowed = limit.allowance.allowed(outcome.base);
        let nothing_counted = outcome.parts == 0 && outcome.counted == 0;
        if outcome.allowed != allowed && !nothing_counted {
            found.push(format!(
                "guard {name} of {target}{part} allows {allowed} of {}, and the plan says {}",
                outcome.base, outcome.allowed
            ));
        }
        // Strangers that a limit counts are in the base without being managed.
        let most = self.plan.counts.managed_accounts;
        let most = most.saturating_add(outcome.counted);
        if limit.per != Per::Group && outcome.base > most {
            found.push(format!(
                "guard {name} of {target}{part} is judged on {} accounts, and the plan has only {} that are managed",
                outcome.base, self.plan.counts.managed_accounts
            ));
        }
        // A group may have members that are not managed, but none that are no objects.
        let read = self.plan.inputs.directories.get(target);
        if let Some(read) = read
            && limit.per == Per::Group
            && outcome.base > read.objects
        {
            found.push(format!(
                "guard {name} of {target}{part} is judged on {} members, and only {} objects were read",
                outcome.base, read.objects
            ));
        }
        match outcome.verdict {
            GuardVerdict::Passed if outcome.counted > allowed => found.push(format!(
                "guard {name} of {target}{part} allows {allowed}, and the plan passes {}",
                outcome.counted
            )),
            GuardVerdict::Waived => {
                let waiver = self
                    .guards
                    .waivers
                    .iter()
                    .map(|(waived, _)| waived)
                    .find(|waived| Some(&waived.name) == outcome.waiver.as_ref());
                let key = limit.per.key(outcome.scope.as_deref());
                let releases = waiver.is_some_and(|waived| {
                    waived.releases(limit.name.as_str(), &key, outcome.counted)
                });
                if !releases {
                    found.push(format!(
                        "guard {name} of {target}{part} is waived for {} in the plan, and no waiver of the configuration releases that",
                        outcome.counted
                    ));
                }
            }
            GuardVerdict::NotJudged => found.push(format!(
                "guard {name} of {target} is not judged in the plan"
            )),
            GuardVerdict::Passed | GuardVerdict::Breached => {}
        }
    }

    /// The accounts a limit counts, by part where the plan tells the part; else all as one.
    fn parts(&self, limit: &Limit) -> BTreeMap<String, Part<'_>> {
        let mut parts: BTreeMap<String, Part<'_>> = BTreeMap::new();
        for change in &self.changes {
            let disables = matches!(change.action, Action::Disable {});
            let person = (&change.person.source, &change.person.key);
            let stop = disables && self.stopped.contains(&person);
            if stop || !self.guards.counts(limit, change) {
                continue;
            }
            let Some((key, shown)) = limit.per.of_change(change) else {
                continue;
            };
            let part = parts.entry(key).or_default();
            part.shown = shown;
            let who = self.who(change);
            part.who.insert(who);
            if disables {
                part.shut.insert(who);
            }
        }
        parts
    }

    fn who<'s>(&'s self, change: &'s Change) -> Who<'s> {
        let account = change.account();
        match account.guid {
            Some(guid) => match (self.given_up.get(&guid), &change.action) {
                (Some(made), Action::Modify { .. }) => Who::Made(made),
                _ => Who::Account(guid),
            },
            None => Who::Made(account.created_by.as_ref().unwrap_or(&change.id)),
        }
    }

    /// Whether so many are in the plan as it says, and as are allowed.
    fn counted(
        &self,
        limit: &Limit,
        told: &[&GuardOutcome],
        parts: &BTreeMap<String, Part<'_>>,
        recount: &mut Recount,
    ) {
        let (name, target, counts) = (&limit.name, self.target, limit.words());
        let found = &mut recount.found;
        let passed = told
            .iter()
            .filter(|outcome| outcome.verdict == GuardVerdict::Passed)
            .fold(0_u64, |sum, outcome| sum.saturating_add(outcome.parts));
        // No part has more accounts than there are; of groups nothing tells how many members they have.
        let most = match limit.per {
            Per::Group => u64::MAX,
            _ => self.plan.counts.managed_accounts,
        };
        if matches!(limit.per, Per::Field(_)) {
            let number = number(parts.values().next());
            let allowed = told.iter().fold(0_u64, |sum, outcome| {
                sum.saturating_add(match outcome.verdict {
                    GuardVerdict::Waived => outcome.counted,
                    GuardVerdict::Passed if outcome.parts <= 1 => outcome.counted,
                    GuardVerdict::Passed => {
                        outcome.parts.saturating_mul(limit.allowance.allowed(most))
                    }
                    GuardVerdict::Breached | GuardVerdict::NotJudged => 0,
                })
            });
            if number > allowed {
                found.push(format!(
                    "guard {name} of {target}: {number} are {counts} by the plan, and all it says of the guard's parts allows {allowed}"
                ));
            }
            return;
        }
        let by_part: HashMap<String, &GuardOutcome> = told
            .iter()
            .filter(|outcome| outcome.parts > 0)
            .map(|outcome| (limit.per.key(outcome.scope.as_deref()), *outcome))
            .collect();
        let mut untold = 0_u64;
        for (key, part) in parts {
            let number = number(Some(part));
            let shown = match part.shown.as_str() {
                "" => String::new(),
                shown => format!(" in {}", spoken::object(shown)),
            };
            let outcome = by_part.get(key);
            let (allowed, base) = match outcome {
                Some(outcome) if outcome.verdict == GuardVerdict::Breached => {
                    (0, Some(outcome.base))
                }
                Some(outcome) => (outcome.counted, Some(outcome.base)),
                None => (limit.allowance.allowed(most), None),
            };
            if outcome.is_none_or(|outcome| outcome.verdict == GuardVerdict::Passed) {
                untold += 1;
            }
            if number > allowed {
                found.push(match outcome {
                    Some(outcome) if outcome.verdict == GuardVerdict::Breached => format!(
                        "guard {name} of {target}{shown} is breached, and {number} are {counts} by the plan all the same"
                    ),
                    Some(outcome) => format!(
                        "guard {name} of {target}{shown}: {number} are {counts} by the plan, and it says {}",
                        outcome.counted
                    ),
                    None => format!(
                        "guard {name} of {target}{shown}: {number} are {counts} by the plan, and {allowed} are allowed at most"
                    ),
                });
            }
            let shut = part.shut.len() as u64;
            if let Some(base) = base.filter(|base| shut > *base && limit.per != Per::Group) {
                found.push(format!(
                    "guard {name} of {target}{shown}: {shut} accounts are disabled by the plan, and it says there are only {base}"
                ));
            }
        }
        if untold > passed {
            found.push(format!(
                "guard {name} of {target}: {untold} parts have somebody {counts} by the plan, and it says that {passed} pass"
            ));
        }
    }

    fn minimum(&self, group: &str, enabled: u64, told: &[&GuardOutcome], recount: &mut Recount) {
        let target = self.target;
        recount.stated.push(format!("minimumMembers of {target}"));
        let found = &mut recount.found;
        let wanted = format!("at least {enabled} must stay");
        let key = Dn::key_of(group);
        let group = spoken::object(group);
        let unread = |outcome: &&&GuardOutcome| outcome.verdict == GuardVerdict::NotJudged;
        let Some(outcome) = told
            .iter()
            .find(|outcome| outcome.limit == wanted || unread(outcome))
        else {
            found.push(format!(
                "the plan does not say that of {group} in {target} {wanted}"
            ));
            return;
        };
        let takes = |change: &&&Change| match outcome.verdict {
            GuardVerdict::NotJudged => self.guards.takes_away(change),
            GuardVerdict::Breached => {
                matches!(change.action, Action::RemoveMember { .. })
                    && Some(change.object.dn.key()) == key
            }
            GuardVerdict::Passed | GuardVerdict::Waived => false,
        };
        if let Some(change) = self.changes.iter().find(takes) {
            found.push(format!(
                "nothing may be taken from {group} in {target} by the plan's own word, and change {} does",
                change.id.0
            ));
        }
        if outcome.verdict == GuardVerdict::NotJudged {
            return;
        }
        let allowed = outcome.base.saturating_sub(enabled);
        let passes = outcome.verdict != GuardVerdict::Breached;
        if outcome.verdict == GuardVerdict::Waived
            || outcome.allowed != allowed
            || outcome.counted > outcome.base
            || passes && outcome.counted > allowed
        {
            found.push(format!(
                "of the {} members of {group} in {target} {wanted}, and the plan lets {} go of {} it allows",
                outcome.base, outcome.counted, outcome.allowed
            ));
        }
    }

    /// Accounts kept for emergencies, as far as the plan tells which they are; `apply` looks at each object once more.
    fn break_glass(&self, told: &[&GuardOutcome], recount: &mut Recount) {
        let target = self.target;
        let found = &mut recount.found;
        if told.is_empty() {
            found.push(format!(
                "the plan does not say that accounts kept for emergencies in {target} are left alone (breakGlass)"
            ));
        }
        let kept = &self.guards.break_glass;
        let names: HashSet<DnKey> = kept
            .iter()
            .filter_map(|one| Dn::key_of(one.account.trim()))
            .collect();
        let guids: HashSet<Guid> = kept
            .iter()
            .filter_map(|one| Guid::parse(one.account.trim()))
            .collect();
        for change in &self.changes {
            let account = change.account();
            let is_kept = account.guid.is_some_and(|guid| guids.contains(&guid))
                || names.contains(&account.dn.key());
            if is_kept {
                found.push(format!(
                    "change {} is about {}, an account kept for emergencies (breakGlass)",
                    change.id.0,
                    account.dn.spoken()
                ));
            }
        }
    }

    /// Every waiver stands in every plan, as it is written.
    fn waivers(&self, recount: &mut Recount) {
        let plain = |waiver: &WaiverInPlan| WaiverInPlan {
            rule: RuleIndex(0),
            ..waiver.clone()
        };
        let planned: Vec<WaiverInPlan> = self
            .plan
            .waivers
            .iter()
            .filter(|waiver| waiver.target == *self.target)
            .map(plain)
            .collect();
        let written: Vec<WaiverInPlan> = self
            .guards
            .waivers
            .iter()
            .map(|(_, waiver)| plain(waiver))
            .collect();
        let strange = planned.iter().filter(|one| !written.contains(one));
        recount.found.extend(strange.map(|one| {
            format!(
                "the plan has a waiver {} of {} that the configuration does not have so",
                one.name, self.target
            )
        }));
        let missing = written.iter().filter(|one| !planned.contains(one));
        recount.found.extend(missing.map(|one| {
            format!(
                "the waiver {} of {} is not in the plan as it is written",
                one.name, self.target
            )
        }));
    }
}

impl Per {
    /// The form a part is compared in, from how a plan shows it.
    fn key(&self, scope: Option<&str>) -> String {
        match (self, scope) {
            (Self::Ou | Self::Group, Some(scope)) => Dn::key_of(scope)
                .map(|key| key.as_str().to_owned())
                .unwrap_or_default(),
            (Self::Field(_), Some(scope)) => folded(scope),
            _ => String::new(),
        }
    }

    /// The part a change is in, as far as the plan tells: of fields of people it does not.
    fn of_change(&self, change: &Change) -> Option<(String, String)> {
        let shown = |dn: Dn| (dn.key().as_str().to_owned(), dn.to_string());
        match self {
            Self::All | Self::Field(_) => Some((String::new(), String::new())),
            Self::Placement(place, shown) => change
                .account()
                .dn
                .key()
                .is_at_or_under(place)
                .then(|| (String::new(), shown.clone())),
            Self::Ou => Some(shown(change.account().dn.parent()?)),
            Self::Group => matches!(
                change.action,
                Action::AddMember { .. } | Action::RemoveMember { .. }
            )
            .then(|| shown(change.object.dn.clone())),
        }
    }
}

fn number(part: Option<&Part<'_>>) -> u64 {
    part.map_or(0, |part| part.who.len() as u64)
}

fn parted(per: Option<&str>) -> String {
    per.map_or_else(
        || "everything together".to_owned(),
        |per| format!("each {per} by itself"),
    )
}

fn within(outcome: &GuardOutcome) -> String {
    outcome
        .part()
        .map_or_else(String::new, |part| format!(" in {part}"))
}

/// The outcomes that are of one guard, noted as known.
fn take<'p>(
    told: &mut [(&'p GuardOutcome, bool)],
    is: impl Fn(&GuardOutcome) -> bool,
) -> Vec<&'p GuardOutcome> {
    let of_guard = told.iter_mut().filter(|(outcome, _)| is(outcome));
    of_guard
        .map(|(outcome, known)| {
            *known = true;
            *outcome
        })
        .collect()
}
