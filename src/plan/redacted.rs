//! A plan without personal data, for reviewers and logs.
//!
//! Says what is done to how many, by which lines, and how dangerous it is. Must not hold a value, a name, a key, a
//! distinguished name, or anything computed from one: pseudonyms are numbers in the order of first mention, because whatever
//! is computed from a key can be found again by trying keys. A change's id is such a thing too, so changes are numbered.
//! Invariant: built field by field, so that what a plan comes to hold later is left out until somebody decides otherwise.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{
    Action, AttributeChange, Cause, ChangeId, ExceptionStanding, GuardKind, GuardVerdict,
    NotCompared, ObjectRef, PersonRef, PlanFile, Recovery, Risk, RuleIndex, UnitId, WaiverStanding,
};
use crate::model::{DnKey, Guid, Location, Name, PersonKey};

/// Format version of a serialised [`RedactedPlan`].
pub const REDACTED_FORMAT: &str = "halosync/redacted-plan/v1";

/// What may be told of a plan to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedPlan {
    /// `halosync/redacted-plan/v1`.
    pub format: String,
    /// Digest of the whole plan: the one that is signed, expected by `apply --expect-digest` and recorded in the journal.
    pub digest: String,
    /// The project's name.
    pub project: Name,
    /// Version of the program that made the plan.
    pub tool_version: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// When it stops being appliable.
    #[schemars(with = "String")]
    pub not_after: jiff::Timestamp,
    /// Commit of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// True when the configuration differed from that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommitted: bool,
    /// Sources and targets, and whether each was read whole.
    pub reads: Vec<RedactedRead>,
    /// People in scope.
    pub people: u64,
    /// Accounts in the managed scope.
    pub managed_accounts: u64,
    /// People and accounts for whom nothing is done.
    pub held_wholly: u64,
    /// People and accounts of whom a part waits.
    pub held_in_part: u64,
    /// True when removals were held because a read was not proven complete.
    pub removals_held: bool,
    /// How many changes were left out when the plan was narrowed. Absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// Digest of the plan whose apply is undone, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The earlier commit it was compared with, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<RedactedBase>,
    /// Lines of the configuration, which `rule` names by index. Their text is left out: it may name somebody.
    pub rules: Vec<Location>,
    /// Each guard and its verdict.
    pub guards: Vec<RedactedGuard>,
    /// Waivers.
    pub waivers: Vec<RedactedWaiver>,
    /// Signatures it needs.
    pub approvals: Vec<RedactedApproval>,
    /// The changes, in the plan's order.
    pub changes: Vec<RedactedChange>,
    /// Whoever is held.
    pub held: Vec<RedactedHeld>,
    /// What is otherwise for single people.
    pub exceptions: Vec<RedactedException>,
    /// What a reviewer should know besides, without the sentence.
    pub warnings: Vec<RedactedWarning>,
    /// How many come into another state by themselves on which day.
    pub calendar: Vec<RedactedDay>,
}

/// One source or target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedRead {
    /// Name of its document.
    pub name: Name,
    /// How many people or objects it has.
    pub size: u64,
    /// Whether the read was proven whole.
    pub proven: bool,
}

/// The comparison with an earlier commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedBase {
    /// The earlier commit.
    pub commit: String,
    /// Changes that come from the change of the configuration.
    pub changes: u64,
    /// People they concern.
    pub people: u64,
    /// What of the reading of people was not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
    /// Whether that commit could not be planned from these reads, so that nothing is compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_planned: bool,
}

/// A guard, without the part of the company it was judged on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedGuard {
    /// The target.
    pub target: Name,
    /// The limit's name.
    pub guard: String,
    /// What kind of guard it is.
    pub kind: GuardKind,
    /// The limit in words.
    pub limit: String,
    /// How many parts have this verdict.
    pub parts: u64,
    /// To how many it would happen.
    pub counted: u64,
    /// Of how many.
    pub base: u64,
    /// How many are allowed.
    pub allowed: u64,
    /// The verdict.
    pub verdict: GuardVerdict,
    /// How many changes wait because of it.
    pub held: u64,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// A waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedWaiver {
    /// The target.
    pub target: Name,
    /// The limit it is for.
    pub guard: String,
    /// Most it lets through.
    pub maximum: u64,
    /// Its last day.
    pub expires: String,
    /// Whether it counts.
    pub standing: WaiverStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// Signatures for a class of risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedApproval {
    /// The target.
    pub target: Name,
    /// The class.
    pub risk: Risk,
    /// How many people must sign.
    pub people: u32,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// A change by numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedChange {
    /// Its place in the plan, from 1.
    pub number: u64,
    /// The person, as `person 7`: the same within this plan and nowhere else.
    pub person: String,
    /// The target.
    pub target: Name,
    /// What is done: `create`, `modify`, `disable`, …
    pub action: String,
    /// The object written, as `account 3` or `group 2`.
    pub object: String,
    /// Who enters or leaves the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The place now, of a move, as `place 2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The place wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Attributes, without values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<RedactedAttribute>,
    /// The rule that decided.
    pub rule: RuleIndex,
    /// Names of the fields that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What brought it about.
    pub cause: Cause,
    /// How dangerous it is.
    pub risk: Risk,
    /// Whether it can be undone.
    pub recovery: Recovery,
    /// True when the object is a privileged group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// Numbers of the changes before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<u64>,
    /// Number of the move across groups it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u64>,
}

/// An attribute without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedAttribute {
    /// `lDAPDisplayName`.
    pub name: String,
    /// How many values it has.
    pub before: u64,
    /// How many it is to have.
    pub after: u64,
    /// The rule that wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleIndex>,
    /// Names of the fields it was computed from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// Somebody held, without the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedHeld {
    /// The person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Code, listed in `docs/held.md`.
    pub code: String,
    /// The rule concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleIndex>,
    /// True when other changes of the person go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The guard that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// What waits, as kinds of action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
}

/// An exception, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedException {
    /// The person.
    pub person: String,
    /// The target.
    pub target: Name,
    /// Its last day.
    pub expires: String,
    /// Whether it holds.
    pub standing: ExceptionStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// A warning, without its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedWarning {
    /// Code, listed in `docs/held.md`.
    pub code: String,
    /// How many it concerns.
    pub count: u64,
}

/// A day on which people come into another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedDay {
    /// The day.
    #[schemars(with = "String")]
    pub on: jiff::civil::Date,
    /// The target.
    pub target: Name,
    /// How many people.
    pub people: u64,
}

/// Numbers given so far.
#[derive(Default)]
struct Pseudonyms<'a> {
    people: HashMap<(&'a Name, &'a PersonKey), usize>,
    objects: HashMap<Object<'a>, usize>,
    places: HashMap<DnKey, usize>,
}

/// What tells one object from another.
#[derive(PartialEq, Eq, Hash)]
enum Object<'a> {
    Known(&'static str, Guid),
    New(&'a ChangeId),
    Named(&'static str, DnKey),
}

impl<'a> Pseudonyms<'a> {
    fn person(&mut self, person: &'a PersonRef) -> String {
        let next = self.people.len() + 1;
        let number = self.people.entry((&person.source, &person.key));
        format!("person {}", number.or_insert(next))
    }

    fn object(&mut self, kind: &'static str, object: &'a ObjectRef) -> String {
        let next = self.objects.len() + 1;
        let key = match (object.guid, &object.created_by) {
            (Some(guid), _) => Object::Known(kind, guid),
            (None, Some(by)) => Object::New(by),
            (None, None) => Object::Named(kind, object.dn.key()),
        };
        format!("{kind} {}", self.objects.entry(key).or_insert(next))
    }

    fn place(&mut self, key: DnKey) -> String {
        let next = self.places.len() + 1;
        format!("place {}", self.places.entry(key).or_insert(next))
    }
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn fields(facts: &BTreeMap<String, String>) -> Vec<String> {
    facts.keys().cloned().collect()
}

fn attribute(change: &AttributeChange) -> RedactedAttribute {
    RedactedAttribute {
        name: change.name.clone(),
        before: length(change.before.len()),
        after: length(change.after.len()),
        rule: Some(change.rule),
        fields: fields(&change.facts),
    }
}

/// What may be told of a plan to everybody. Costs time and memory linear in the plan's size.
pub fn redacted(file: &PlanFile) -> RedactedPlan {
    let plan = &file.content;
    let mut called = Pseudonyms::default();
    let changes = changes(file, &mut called);
    let held = plan.held.iter().map(|held| RedactedHeld {
        person: held.person.as_ref().map(|person| called.person(person)),
        accounts: held
            .accounts
            .iter()
            .map(|account| called.object("account", account))
            .collect(),
        code: held.code.clone(),
        rule: held.rule,
        partial: held.partial,
        guard: held.guard.clone(),
        waits: held.waits.clone(),
    });
    let held = held.collect();
    let exceptions = plan.exceptions.iter().map(|exception| RedactedException {
        person: called.person(&exception.person),
        target: exception.target.clone(),
        expires: exception.expires.clone(),
        standing: exception.standing,
        rule: exception.rule,
    });
    let exceptions = exceptions.collect();
    let mut days: BTreeMap<(jiff::civil::Date, &Name), u64> = BTreeMap::new();
    for entry in &plan.calendar {
        *days.entry((entry.on, &entry.target)).or_default() += 1;
    }
    let people = plan.inputs.people.iter().map(|(name, read)| RedactedRead {
        name: name.clone(),
        size: read.people,
        proven: read.completeness.is_proven(),
    });
    let directories = plan.inputs.directories.iter();
    let directories = directories.map(|(name, read)| RedactedRead {
        name: name.clone(),
        size: read.objects,
        proven: read.completeness.is_proven(),
    });
    let counts = plan.held_counts();
    RedactedPlan {
        format: REDACTED_FORMAT.to_owned(),
        digest: file.digest.clone(),
        project: plan.project.clone(),
        tool_version: plan.tool_version.clone(),
        as_of: plan.as_of,
        not_after: plan.not_after,
        commit: plan.inputs.commit.clone(),
        uncommitted: plan.inputs.uncommitted,
        reads: people.chain(directories).collect(),
        people: plan.counts.people,
        managed_accounts: plan.counts.managed_accounts,
        held_wholly: counts.held,
        held_in_part: counts.in_part,
        removals_held: plan.removals_held,
        left_out: plan.narrowed.as_ref().map(|only| only.changes_left_out),
        undoes: plan
            .inputs
            .undoes
            .as_ref()
            .map(|undone| undone.plan.clone()),
        base: plan.base.as_ref().map(|base| RedactedBase {
            commit: base.commit.clone(),
            changes: base.changes,
            people: base.people,
            not_compared: base.not_compared.clone(),
            not_planned: base.not_planned.is_some(),
        }),
        rules: plan
            .rules
            .iter()
            .map(|rule| rule.location.clone())
            .collect(),
        guards: plan
            .guards
            .iter()
            .map(|guard| RedactedGuard {
                target: guard.target.clone(),
                guard: guard.guard.clone(),
                kind: guard.kind,
                limit: guard.limit.clone(),
                parts: guard.parts,
                counted: guard.counted,
                base: guard.base,
                allowed: guard.allowed,
                verdict: guard.verdict,
                held: guard.held,
                rule: guard.rule,
            })
            .collect(),
        waivers: plan
            .waivers
            .iter()
            .map(|waiver| RedactedWaiver {
                target: waiver.target.clone(),
                guard: waiver.guard.clone(),
                maximum: waiver.maximum,
                expires: waiver.expires.clone(),
                standing: waiver.standing,
                rule: waiver.rule,
            })
            .collect(),
        approvals: plan
            .approvals_asked()
            .map(|asked| RedactedApproval {
                target: asked.target.clone(),
                risk: asked.risk,
                people: asked.people,
                rule: asked.rule,
            })
            .collect(),
        changes,
        held,
        exceptions,
        warnings: plan
            .warnings
            .iter()
            .map(|warning| RedactedWarning {
                code: warning.code.clone(),
                count: warning.count,
            })
            .collect(),
        calendar: days
            .into_iter()
            .map(|((on, target), people)| RedactedDay {
                on,
                target: target.clone(),
                people,
            })
            .collect(),
    }
}

fn changes<'a>(file: &'a PlanFile, called: &mut Pseudonyms<'a>) -> Vec<RedactedChange> {
    let all = &file.content.changes;
    let numbers: HashMap<&ChangeId, u64> = all
        .iter()
        .zip(1..)
        .map(|(change, number)| (&change.id, number))
        .collect();
    let mut units: HashMap<&UnitId, u64> = HashMap::new();
    let mut changes = Vec::with_capacity(all.len());
    for (change, number) in all.iter().zip(1..) {
        let person = called.person(&change.person);
        let (mut member, mut from, mut to) = (None, None, None);
        let mut attributes = Vec::new();
        let kind = match &change.action {
            Action::AddMember { .. } | Action::RemoveMember { .. } => "group",
            _ => "account",
        };
        let object = match (&change.action, &change.object.created_by) {
            // The one it makes: other changes name it by this one.
            (Action::Create { .. }, None) => {
                let next = called.objects.len() + 1;
                let made = called.objects.entry(Object::New(&change.id));
                format!("account {}", made.or_insert(next))
            }
            _ => called.object(kind, &change.object),
        };
        match &change.action {
            Action::Create {
                attributes: set, ..
            }
            | Action::Modify { attributes: set } => {
                attributes.extend(set.iter().map(attribute));
            }
            Action::Adopt { attribute: set, .. } => attributes.push(attribute(set)),
            Action::Move { before, after, .. } => {
                from = Some(called.place(before.key()));
                to = Some(called.place(after.key()));
            }
            Action::AddMember { member: who } | Action::RemoveMember { member: who } => {
                member = Some(called.object("account", who));
            }
            Action::Delete { before, .. } => {
                attributes.extend(before.iter().map(|(name, values)| RedactedAttribute {
                    name: name.clone(),
                    before: length(values.len()),
                    after: 0,
                    rule: None,
                    fields: Vec::new(),
                }));
            }
            Action::Enable { .. }
            | Action::Disable {}
            | Action::ResetPassword {}
            | Action::Rename { .. }
            | Action::Restore { .. } => {}
        }
        let next = length(units.len()) + 1;
        let unit = change.unit.as_ref();
        changes.push(RedactedChange {
            number,
            person,
            target: change.target.clone(),
            action: change.action.kind().to_owned(),
            object,
            member,
            from,
            to,
            attributes,
            rule: change.because.rule,
            fields: fields(&change.because.facts),
            cause: change.cause,
            risk: change.risk,
            recovery: change.recovery,
            privileged: change.privileged,
            after: change
                .depends_on
                .iter()
                .filter_map(|id| numbers.get(id).copied())
                .collect(),
            unit: unit.map(|unit| *units.entry(unit).or_insert(next)),
        });
    }
    changes
}
