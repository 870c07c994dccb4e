//! How dangerous the changes of a plan are at least, by the configuration it is applied with, and which no planner with
//! that configuration makes.
//!
//! A plan says of each change how dangerous it is, and anybody can write a plan. So where signatures are asked for, the
//! risk is judged once more, by what the change does: to which attribute, to which place. Pure; must not know who
//! asks.

use std::collections::{BTreeMap, HashSet};

use super::adopted::Adopted;
use super::excepted::against_exceptions;
use super::rule_groups::RuleGroups;
use super::whose::foreign;
use super::within::Reachable;
use super::written::{self, Written};
use super::{Action, AttributeChange, Cause, Change, Plan, PlanValue, Risk};
use crate::config::kinds::PasswordInState;
use crate::config::{Config, attribute_never_written, parse_days, parse_duration};
use crate::mapping::NEVER_EXPIRES;
use crate::model::{Dn, DnKey, Guid, Name, default_schema};

/// The least risk of changes under one configuration.
#[derive(Debug, Clone, Default)]
pub struct Floors {
    targets: BTreeMap<Name, Floor>,
    /// When the plan stops being appliable, as a FILETIME.
    until: Option<i64>,
    /// Accounts that an undo brings back without what they had.
    bare: HashSet<Guid>,
}

#[derive(Debug, Clone, Default)]
struct Floor {
    written: Written,
    /// The attribute with stamps, in lower case.
    stamp: Option<String>,
    /// Places accounts are moved to while they are disabled.
    leavers: Vec<DnKey>,
    /// Places others stand in; none when one of them may be anywhere.
    others: Option<Vec<DnKey>>,
}

impl Floors {
    /// Those for a plan under this configuration.
    pub fn of(config: &Config, plan: &Plan) -> Self {
        let targets = plan.targets.keys();
        Self {
            targets: targets
                .map(|target| (target.clone(), Floor::of(config, target)))
                .collect(),
            until: filetime(plan.not_after),
            bare: bare(plan),
        }
    }

    /// The risk of a change: what the plan says, or more.
    pub fn risk(&self, change: &Change) -> Risk {
        let known = change.risk.max(change.least_risk());
        let Some(floor) = self.targets.get(&change.target) else {
            return known;
        };
        known.max(match &change.action {
            Action::Modify { attributes } => attributes
                .iter()
                .map(|attribute| {
                    let brought_back = change.object.guid.is_some_and(|it| self.bare.contains(&it));
                    let given = floor.is_anchor(&attribute.name) && !attribute.after.is_empty();
                    match floor.written.has(&attribute.name) {
                        // It gives the account to somebody. Only an undo may; see [`Overreach::given_back`].
                        true if given && !brought_back => Risk::Irreversible,
                        true => self.attribute(floor, attribute),
                        false if brought_back => Risk::High,
                        // Only an undo may; see [`Overreach::given_back`].
                        false => Risk::Irreversible,
                    }
                })
                .max()
                .unwrap_or(Risk::Low),
            Action::Create { attributes, .. } => {
                let over = |one: &AttributeChange| is_expiry(&one.name) && self.shuts(one);
                if attributes.iter().any(over) {
                    Risk::High
                } else {
                    Risk::Low
                }
            }
            Action::Adopt { attribute, .. } if !attribute.before.is_empty() => Risk::High,
            Action::Move { after, .. } => {
                let after = after.key();
                let leaves = floor
                    .leavers
                    .iter()
                    .any(|place| after.is_at_or_under(place));
                if leaves { Risk::High } else { Risk::Medium }
            }
            _ => Risk::Low,
        })
    }

    /// The risk the planner gives a change at least, and every plan says.
    fn stated(&self, change: &Change) -> Risk {
        let least = change.least_risk();
        let floor = self.targets.get(&change.target);
        match (&change.action, floor) {
            (Action::Move { after, .. }, Some(floor)) if floor.is_leavers_alone(&after.key()) => {
                least.max(Risk::High)
            }
            (Action::Modify { attributes }, Some(floor))
                // An account without one gets it as by an adoption, which is less.
                if attributes
                    .iter()
                    .any(|one| floor.is_anchor(&one.name) && !one.before.is_empty()) =>
            {
                least.max(Risk::High)
            }
            // Somebody has had it.
            (Action::Adopt { attribute, .. }, _)
                if !attribute.before.is_empty() || !change.object.anchor.is_empty() =>
            {
                least.max(Risk::High)
            }
            _ => least,
        }
    }

    fn attribute(&self, floor: &Floor, attribute: &AttributeChange) -> Risk {
        let name = attribute.name.to_ascii_lowercase();
        if floor.written.anchors.contains(&name) {
            return Risk::High;
        }
        if is_expiry(&name) && self.shuts(attribute) {
            return Risk::High;
        }
        if floor.stamp.as_ref() == Some(&name) {
            return Risk::Medium;
        }
        Risk::Low
    }

    /// Whether an expiry is over before the plan is: then setting it is disabling the account.
    fn shuts(&self, attribute: &AttributeChange) -> bool {
        let [PlanValue::Text(text)] = attribute.after.as_slice() else {
            return false;
        };
        let never = text == "0" || text == NEVER_EXPIRES;
        !never
            && match (text.parse::<i64>(), self.until) {
                (Ok(at), Some(until)) => at <= until,
                _ => true,
            }
    }
}

impl Floor {
    fn of(config: &Config, target: &Name) -> Self {
        let written = Written::of(config, target);
        let target = target.as_str();
        let stamp = config
            .directories
            .iter()
            .find(|(name, _)| name.as_str() == target)
            .and_then(|(_, directory)| directory.spec.stamp.as_ref())
            .map(|stamp| stamp.attribute.to_ascii_lowercase());
        let states = config
            .lifecycles
            .values()
            .filter(|lifecycle| lifecycle.spec.target == target)
            .flat_map(|lifecycle| &lifecycle.spec.states);
        let mut leavers = Vec::new();
        let mut open: Vec<&String> = Vec::new();
        for state in states {
            let (mut enabled, mut place) = (false, None);
            for step in state.steps() {
                enabled = step.enabled.unwrap_or(enabled);
                // What a stage does not say stays as in the one before.
                place = step.placement.or(place);
                match place {
                    Some(place) if enabled => open.push(place),
                    Some(place) => leavers.extend(tail(place)),
                    None => {}
                }
            }
        }
        let mappings = config.mappings.values();
        for mapping in mappings.filter(|mapping| mapping.spec.target == target) {
            open.push(&mapping.spec.placement);
            let templates = config.templates.values();
            let templates = templates.filter(|one| one.spec.mapping == mapping.name.as_str());
            open.extend(templates.filter_map(|one| one.spec.placement.as_ref()));
        }
        Self {
            written,
            stamp,
            leavers,
            others: open.into_iter().map(|place| tail(place)).collect(),
        }
    }

    fn is_anchor(&self, attribute: &str) -> bool {
        self.written
            .anchors
            .contains(&attribute.to_ascii_lowercase())
    }

    /// Whether nobody but leavers is moved to a place.
    fn is_leavers_alone(&self, place: &DnKey) -> bool {
        let nearest = |places: &[DnKey]| {
            let around = places.iter().filter(|around| place.is_at_or_under(around));
            around.map(|around| around.as_str().len()).max()
        };
        let Some(others) = &self.others else {
            return false;
        };
        nearest(&self.leavers) > nearest(others)
    }
}

/// The part of a place that is the same for everybody: all of it, or what follows the last computed component.
fn tail(place: &str) -> Option<DnKey> {
    let constant = match place.rfind(['}', '%']) {
        Some(at) => place[at..].split_once(',')?.1,
        None => place,
    };
    Dn::parse(constant.trim()).ok().map(|dn| dn.key())
}

/// A moment in 100 nanoseconds since 1601 ([MS-DTYP] 2.3.3).
fn filetime(at: jiff::Timestamp) -> Option<i64> {
    const UNIX: i64 = 11_644_473_600;
    (at.as_second() + UNIX).checked_mul(10_000_000)
}

fn word(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
        Risk::Irreversible => "irreversible",
    }
}

fn is_expiry(name: &str) -> bool {
    name.eq_ignore_ascii_case("accountExpires")
}

/// Accounts that come back from their tombstones alone, without most of what they had ([MS-ADTS] 3.1.1.5.3.7).
fn bare(plan: &Plan) -> HashSet<Guid> {
    let undone = plan.changes.iter().filter(|_| plan.inputs.undoes.is_some());
    undone
        .filter(|change| matches!(change.action, Action::Restore { whole: false }))
        .filter_map(|change| change.object.guid)
        .collect()
}

/// What stands in a plan that a planner with this configuration does not write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overreach {
    /// What it never writes; a sentence each.
    pub found: Vec<String>,
    /// What an undo gives back to attributes that no rule writes any more: an earlier configuration may have written them, which
    /// nothing in a plan proves. A sentence each, with the target.
    pub given_back: Vec<(Name, String)>,
}

/// What stands in a plan that a planner with this configuration never writes.
pub fn overreach(plan: &Plan, config: &Config) -> Overreach {
    let mut over = Overreach {
        found: of_the_whole(plan, config),
        given_back: Vec::new(),
    };
    let written: BTreeMap<&Name, Written> = plan
        .targets
        .keys()
        .map(|target| (target, Written::of(config, target)))
        .collect();
    let bare = bare(plan);
    let foreign = foreign(plan, config, &bare);
    over.found.extend(foreign.found);
    over.found
        .extend(against_exceptions(&plan.changes, config, plan.as_of));
    over.given_back.extend(foreign.answered_for);
    let reachable: BTreeMap<&Name, Reachable> = plan
        .targets
        .keys()
        .filter_map(|target| Some((target, Reachable::of(config, target)?)))
        .collect();
    let groups = RuleGroups::of(config, plan);
    let adopted = Adopted::of(config, plan);
    let floors = Floors::of(config, plan);
    let nothing = Written::default();
    let undoes = plan.inputs.undoes.is_some();
    for change in &plan.changes {
        let written = written.get(&change.target).unwrap_or(&nothing);
        let (id, target) = (&change.id.0, &change.target);
        let found = &mut over.found;
        let attributes: &[AttributeChange] = match &change.action {
            Action::Modify { attributes } | Action::Create { attributes, .. } => attributes,
            Action::Adopt { attribute, .. } => {
                let name = attribute.name.to_ascii_lowercase();
                if !written.anchors.contains(&name) {
                    found.push(format!(
                        "change {id} adopts an account by {}, which no mapping has as its anchor",
                        attribute.name
                    ));
                }
                std::slice::from_ref(attribute)
            }
            _ => &[],
        };
        let modifies = matches!(change.action, Action::Modify { .. });
        let brought_back = change.object.guid.is_some_and(|guid| bare.contains(&guid));
        for attribute in attributes {
            let name = &attribute.name;
            let kept = default_schema()
                .get(name)
                .is_some_and(|known| known.read_only);
            // Numbers and options (`2.5.4.31`, `member;range=0-1`) say the same in other words.
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && name.starts_with(|c: char| c.is_ascii_alphabetic());
            let explained = written.has(name) || modifies && undoes && brought_back;
            if !plain || kept || attribute_never_written(name) {
                found.push(format!(
                    "change {id} writes {name}, which no rule ever writes"
                ));
            } else if explained {
                continue;
            } else if modifies && undoes {
                let told =
                    format!("change {id} gives back {name}, which no rule of {target} writes");
                over.given_back.push((target.clone(), told));
            } else {
                found.push(format!(
                    "change {id} writes {name}, which no rule of this project writes in {target}"
                ));
            }
        }
        let source = &change.person.source;
        if let Some(password) = change.action.initial_password()
            && !written::has_password(config, source, target, password)
        {
            let must = if password.must_change {
                "must"
            } else {
                "need not"
            };
            let head = match change.action {
                Action::Create { .. } => "makes an account whose first password has",
                _ => "enables an account whose new password has",
            };
            found.push(format!(
                "change {id} {head} {} characters and {must} be changed at the first logon, and no mapping of {source} to {target} asks for that",
                password.length
            ));
        }
        if let Action::Create { enable, .. } = &change.action
            && !written::makes(config, source, target, *enable)
        {
            let ends = if *enable { "enabled" } else { "disabled" };
            found.push(format!(
                "change {id} makes an account that ends {ends}, and no state of people of {source} makes one so"
            ));
        }
        let unnamed = groups.gives_no_member(change);
        if undoes && unnamed {
            let told = format!(
                "change {id} gives back or takes back a membership of {}, a group that no rule of {target} names",
                change.object.dn.spoken()
            );
            over.given_back.push((target.clone(), told));
        }
        let found = &mut over.found;
        // Limits and proof go by it, and whoever reviews the plan. What an undo moves back is judged by what it undoes.
        let moves = matches!(change.action, Action::Move { .. });
        let least = floors.stated(change);
        if change.risk < least && !(undoes && moves) {
            found.push(format!(
                "change {id} ({}) says its risk is {}, and it is {} at least",
                change.action.kind(),
                word(change.risk),
                word(least)
            ));
        }
        if !undoes && unnamed {
            found.push(format!(
                "change {id} ({}) is about {}, a group that no rule of this project names in {target}",
                change.action.kind(),
                change.object.dn.spoken()
            ));
        }
        found.extend(adopted.forbids(change));
        if groups.claims_privilege(change) {
            found.push(format!(
                "change {id} is about the group {}, said to be privileged and named, and the configuration does not name it so",
                change.object.dn.spoken()
            ));
        }
        let reachable = reachable.get(target);
        found.extend(reachable.and_then(|reachable| reachable.forbids(change)));
        found.extend(of_action(plan, config, change));
    }
    over
}

/// What of a single change no planner with this configuration writes, besides attributes.
fn of_action(plan: &Plan, config: &Config, change: &Change) -> Vec<String> {
    let mut found = Vec::new();
    if let Action::Delete { disabled_since, .. } = &change.action {
        let disabled = plan.as_of.duration_since(*disabled_since);
        let least = deletes_after(config, &change.target);
        if least
            .is_none_or(|days| disabled < jiff::SignedDuration::from_hours(24 * i64::from(days)))
        {
            found.push(format!(
                "change {} deletes an account disabled since {disabled_since}, and no state of the configuration deletes one so soon",
                change.id.0
            ));
        }
    }
    // An undo needs no proof of anybody's read, so nothing else may be one.
    let undoes = plan.inputs.undoes.is_some();
    let kind = change.action.kind();
    if undoes != (change.cause == Cause::Undo) {
        found.push(format!(
            "change {} is {}the undo of one, and the plan is {}",
            change.id.0,
            if undoes { "not " } else { "" },
            if undoes { "one" } else { "none" }
        ));
    }
    let (wrong, who) = match &change.action {
        Action::Create { .. }
        | Action::Enable {
            initial_password: Some(_),
        }
        | Action::Adopt { .. }
        | Action::Delete { .. }
        | Action::ResetPassword {} => (undoes, "an undo never does"),
        Action::Restore { .. } => (!undoes, "nothing but an undo does"),
        _ => (false, ""),
    };
    if wrong {
        found.push(format!("change {} is a {kind}, which {who}", change.id.0));
    }
    if matches!(change.action, Action::ResetPassword {}) && !resets(config, &change.target) {
        found.push(format!(
            "change {} replaces a password, and no state of the configuration has passwordAction: reset",
            change.id.0
        ));
    }
    found
}

/// Whether some state of the target replaces passwords.
fn resets(config: &Config, target: &Name) -> bool {
    let lifecycles = config.lifecycles.values();
    let states = lifecycles
        .filter(|lifecycle| lifecycle.spec.target == target.as_str())
        .flat_map(|lifecycle| &lifecycle.spec.states);
    states
        .flat_map(crate::config::kinds::State::steps)
        .any(|step| step.password == Some(PasswordInState::Reset))
}

/// What of a plan as a whole no planner with this configuration writes.
fn of_the_whole(plan: &Plan, config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let project = &config.project.spec;
    let recipients = project.initial_passwords.as_ref();
    let known =
        |recipient: &String| recipients.is_some_and(|known| known.recipients.contains(recipient));
    let strangers = plan.password_recipients.iter();
    found.extend(
        strangers
            .filter(|recipient| !known(recipient))
            .map(|recipient| {
                format!("initial passwords go to {recipient}, which the project does not name")
            }),
    );
    let longest = parse_duration(&project.plan.valid_for)
        .ok()
        .and_then(|span| plan.as_of.checked_add(span).ok());
    if longest.is_none_or(|longest| plan.not_after > longest) {
        found.push(format!(
            "the plan may be applied until {}, longer than plans of this project are valid ({})",
            plan.not_after, project.plan.valid_for
        ));
    }
    found
}

/// After how many days disabled, at the soonest, a state of the target deletes; `None` when none does.
fn deletes_after(config: &Config, target: &Name) -> Option<u32> {
    let lifecycles = config.lifecycles.values();
    lifecycles
        .filter(|lifecycle| lifecycle.spec.target == target.as_str())
        .flat_map(|lifecycle| &lifecycle.spec.states)
        .filter_map(|state| parse_days(&state.deletes()?.1.disabled_for).ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_place_the_part_that_is_the_same_for_everybody_counts() {
        let same = |place: &str| tail(place).map(|key| key.as_str().to_owned());
        let leavers = Dn::parse("OU=Leavers,DC=example,DC=test").unwrap().key();
        let whole = Some(leavers.as_str().to_owned());
        assert_eq!(same("OU=Leavers,DC=example,DC=test"), whole);
        assert_eq!(
            same("OU={{ person.x }},OU=Leavers,DC=example,DC=test"),
            whole
        );
        assert_eq!(
            same("OU={% if a %}b{% endif %},OU=Leavers,DC=example,DC=test"),
            whole
        );
        assert_eq!(same("{{ person.place }}"), None);
    }

    #[test]
    fn where_leavers_stand_is_told_by_the_nearest_place() {
        let key = |text: &str| Dn::parse(text).unwrap().key();
        let floor = |others: Option<Vec<DnKey>>| Floor {
            leavers: vec![key("OU=Leavers,OU=People,DC=example,DC=test")],
            others,
            ..Floor::default()
        };
        let people = floor(Some(vec![key("OU=People,DC=example,DC=test")]));
        assert!(people.is_leavers_alone(&key("OU=Leavers,OU=People,DC=example,DC=test")));
        assert!(people.is_leavers_alone(&key("OU=2026,OU=Leavers,OU=People,DC=example,DC=test")));
        assert!(!people.is_leavers_alone(&key("OU=Sales,OU=People,DC=example,DC=test")));
        let both = floor(Some(vec![key("OU=Leavers,OU=People,DC=example,DC=test")]));
        assert!(!both.is_leavers_alone(&key("OU=Leavers,OU=People,DC=example,DC=test")));
        let anywhere = floor(None);
        assert!(!anywhere.is_leavers_alone(&key("OU=Leavers,OU=People,DC=example,DC=test")));
    }

    #[test]
    fn an_expiry_that_is_over_disables() {
        let floors = Floors {
            until: filetime("2026-11-27T12:00:00Z".parse().unwrap()),
            ..Floors::default()
        };
        let after = |text: &str| AttributeChange {
            name: "accountExpires".to_owned(),
            before: Vec::new(),
            after: vec![PlanValue::Text(text.to_owned())],
            merge: false,
            rule: super::super::RuleIndex(0),
            facts: BTreeMap::new(),
            cut_from: None,
            never_reuse: None,
        };
        let at = |text: &str| filetime(text.parse().unwrap()).unwrap().to_string();
        assert!(floors.shuts(&after(&at("2026-11-27T11:00:00Z"))));
        assert!(floors.shuts(&after("soon")));
        assert!(!floors.shuts(&after(&at("2026-12-31T00:00:00Z"))));
        assert!(!floors.shuts(&after("0")));
        assert!(!floors.shuts(&after(NEVER_EXPIRES)));
    }
}
