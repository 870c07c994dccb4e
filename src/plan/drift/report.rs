//! What differs between a directory and what an approved configuration wants, by what brought it about.
//!
//! Knows plans only. Keeps that every difference stands in exactly one group, and that the order depends on nothing but
//! the differences.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::super::{
    Action, Cause, Change, ChangeId, EditLeft, Held, Inputs, ObjectRef, PersonRef, Plan, PlanValue,
    Rule, RuleIndex,
};
use super::edits::{Edits, Planned};
use crate::config::kinds::DriftPolicy;
use crate::model::{DirectoryIdentity, Location, Name};
use crate::policy::held;

/// Format of a drift report.
pub const DRIFT_FORMAT: &str = "halosync/drift/v1";

/// What `halosync drift` found. Nothing acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftReport {
    /// `halosync/drift/v1`.
    pub format: String,
    /// Version of the program that made it.
    pub tool_version: String,
    /// The project's name.
    pub project: Name,
    /// The moment everything was judged at.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// The recording of the last plan applied, when one was named. Without it, nothing tells edits from other
    /// differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DriftInput>,
    /// What it was made from. The commit is that of the approved configuration.
    pub inputs: Inputs,
    /// The directories, by target name.
    pub targets: BTreeMap<Name, DirectoryIdentity>,
    /// How many differences there are of each kind.
    pub counts: DriftCounts,
    /// The differences: edits first, by target, account and attribute.
    pub differences: Vec<Difference>,
    /// People and accounts of whom not everything is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Rules that `held` names by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// The last plan applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftInput {
    /// Its digest.
    pub plan: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub as_of: jiff::Timestamp,
    /// SHA-256 of the report of its apply, when one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// How many differences there are of each kind.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftCounts {
    /// Edited in the directory, and written back by the next plan.
    pub revert: u64,
    /// Edited in the directory, and held until somebody settles it.
    pub ask: u64,
    /// Edited in the directory, and accepted.
    pub accept: u64,
    /// Changed in the source since the last apply.
    pub source: u64,
    /// From configuration that is not applied yet.
    pub configuration: u64,
    /// The last plan was to change it, and its apply did not.
    #[serde(default)]
    pub not_applied: u64,
    /// The last plan held it, or whatever its rule wanted.
    #[serde(default)]
    pub held_before: u64,
    /// Nothing tells which.
    pub undetermined: u64,
}

impl DriftCounts {
    /// Edits that are not accepted, and what may be one.
    pub fn drift(&self) -> u64 {
        self.revert + self.ask + self.undetermined
    }
}

/// What brought a difference about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum DriftGroup {
    /// Somebody edited the directory.
    Edited,
    /// Nothing tells which.
    Undetermined,
    /// The last plan was to change it, and its apply did not: it failed, met somebody else's change, or was not reached.
    NotApplied,
    /// The last plan held it: for a guard, a value that was missing, or whatever else. Nobody edited it since.
    HeldBefore,
    /// Facts of the person, or the day, have changed since the last apply.
    Source,
    /// Configuration that is not applied yet.
    Configuration,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Difference {
    /// What brought it about.
    pub group: DriftGroup,
    /// The person.
    pub person: PersonRef,
    /// The target.
    pub target: Name,
    /// The account; of a membership the group.
    pub object: ObjectRef,
    /// The attribute; or `account`, `enabled`, `member`, `name`, `password`, `placement`.
    pub what: String,
    /// What stands there.
    pub found: Vec<PlanValue>,
    /// What is wanted.
    pub wanted: Vec<PlanValue>,
    /// What was wanted when the last plan was made, when that is known to be something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_then: Option<Vec<PlanValue>>,
    /// What becomes of the edit; of edits, and of what is held because it may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<DriftPolicy>,
    /// When what stands there was last written; of edits and undetermined differences, where the directory tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<LastWritten>,
    /// What became of it in the last apply, of what the last plan was to change; without a report or a journal that tells
    /// `unknown`: either it was not achieved, or somebody put the former value back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyTold>,
    /// True for configuration that stands in the working tree and is not approved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proposed: bool,
    /// Where the rule stands.
    pub rule: Location,
}

/// What became of a change of the last plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyTold {
    /// As the report of the apply calls it: `failed`, `conflict`, `skipped`, `notReached`, `leftOut`; `notDone` where only the
    /// journal tells, `unknown` where nothing does.
    pub outcome: String,
    /// What the system said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A write in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastWritten {
    /// When it was made.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// The domain controller it was made on, where the directory tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
}

/// Tells differences apart. `plan` is that of the approved configuration, unguarded and with the causes of its changes;
/// `proposed` that of a configuration not approved yet, from the same reads. `edits` are those it was made with, and
/// `outcomes` what the last apply says of the changes that it did not achieve.
pub fn report(
    plan: Plan,
    proposed: Option<&Plan>,
    edits: Option<&Edits>,
    outcomes: &BTreeMap<ChangeId, ApplyTold>,
) -> DriftReport {
    let mut differences = Vec::with_capacity(plan.changes.len());
    let others: HashMap<(&ChangeId, &str), Cause> = plan
        .since
        .iter()
        .flat_map(|since| &since.otherwise)
        .map(|one| ((&one.change, one.attribute.as_str()), one.cause))
        .collect();
    for change in &plan.changes {
        for part in parts(change) {
            let other = others.get(&(&change.id, part.what.as_str())).copied();
            let group = match other.unwrap_or(change.cause) {
                Cause::Drift => DriftGroup::Edited,
                Cause::Config => DriftGroup::Configuration,
                Cause::Source => DriftGroup::Source,
                Cause::Undetermined | Cause::Undo => DriftGroup::Undetermined,
            };
            // Without a recording a cause is what is said of changes of this kind, and no evidence.
            let group = match plan.since {
                None => DriftGroup::Undetermined,
                Some(_) => group,
            };
            let planned = edits.and_then(|edits| edits.planned(change, &part));
            let was_held = || {
                let rule = place(&plan.rules, part.rule);
                let held = |edits: &Edits| rule.is_some_and(|rule| edits.was_held(change, &rule));
                edits.is_some_and(held)
            };
            let (group, apply) = match (group, planned) {
                (DriftGroup::Source, Some(Planned::NotDone)) => {
                    let told = outcomes.get(&change.id).cloned();
                    (DriftGroup::NotApplied, Some(told.unwrap_or_else(not_done)))
                }
                (DriftGroup::Source, Some(Planned::Waited)) => (DriftGroup::HeldBefore, None),
                (DriftGroup::Source, _) if was_held() => (DriftGroup::HeldBefore, None),
                (DriftGroup::Undetermined, Some(Planned::Unclear)) => (group, Some(unknown())),
                (group, _) => (group, None),
            };
            let told = part.told(change, group, &plan.rules);
            differences.extend(told.map(|one| Difference { apply, ..one }));
        }
    }
    if let Some(since) = &plan.since {
        let left = since.left.iter().map(|left| (DriftGroup::Edited, left));
        let open = since.open.iter();
        let open = open.map(|left| (DriftGroup::Undetermined, left));
        for (group, left) in left.chain(open) {
            differences.extend(edit(group, left, &plan.rules));
        }
    }
    if let Some(proposed) = proposed {
        differences.extend(only_proposed(&plan, proposed));
    }
    drop(others);
    // Each name is folded once.
    differences.sort_by_cached_key(|one| {
        (
            (one.group, one.target.clone(), one.object.dn.key()),
            (one.what.clone(), one.person.clone(), one.proposed),
        )
    });
    let mut counts = DriftCounts::default();
    for one in &differences {
        *match (one.group, one.policy) {
            (DriftGroup::Edited, Some(DriftPolicy::Accept)) => &mut counts.accept,
            (DriftGroup::Edited, Some(DriftPolicy::Ask)) => &mut counts.ask,
            (DriftGroup::Edited, _) => &mut counts.revert,
            (DriftGroup::Undetermined, _) => &mut counts.undetermined,
            (DriftGroup::NotApplied, _) => &mut counts.not_applied,
            (DriftGroup::HeldBefore, _) => &mut counts.held_before,
            (DriftGroup::Source, _) => &mut counts.source,
            (DriftGroup::Configuration, _) => &mut counts.configuration,
        } += 1;
    }
    let mut among = vec![
        held::DRIFT_ASK.code,
        held::ANCHOR_LOST.code,
        held::ANCHOR_TAKEN.code,
    ];
    if plan.since.is_some() {
        among.push(held::DRIFT_UNDETERMINED.code);
    }
    DriftReport {
        format: DRIFT_FORMAT.to_owned(),
        tool_version: plan.tool_version,
        project: plan.project,
        as_of: plan.as_of,
        since: plan.since.map(|since| DriftInput {
            plan: since.plan,
            as_of: since.as_of,
            report: since.report,
        }),
        inputs: plan.inputs,
        targets: plan.targets,
        counts,
        differences,
        held: plan
            .held
            .into_iter()
            // Those are among the differences.
            .filter(|held| !among.contains(&held.code.as_str()))
            .collect(),
        rules: plan.rules,
    }
}

/// One thing that differs.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) what: String,
    pub(super) found: Vec<PlanValue>,
    pub(super) wanted: Vec<PlanValue>,
    rule: RuleIndex,
}

impl Part {
    fn told(self, change: &Change, group: DriftGroup, rules: &[Rule]) -> Option<Difference> {
        Some(Difference {
            group,
            person: change.person.clone(),
            target: change.target.clone(),
            object: change.object.clone(),
            what: self.what,
            found: self.found,
            wanted: self.wanted,
            wanted_then: None,
            policy: (group == DriftGroup::Edited).then_some(DriftPolicy::Revert),
            written: None,
            apply: None,
            proposed: false,
            rule: place(rules, self.rule)?,
        })
    }
}

fn place(rules: &[Rule], index: RuleIndex) -> Option<Location> {
    let rule = rules.get(usize::try_from(index.0).ok()?)?;
    Some(rule.location.clone())
}

fn unknown() -> ApplyTold {
    ApplyTold {
        outcome: "unknown".to_owned(),
        message: None,
    }
}

fn not_done() -> ApplyTold {
    ApplyTold {
        outcome: "notDone".to_owned(),
        message: None,
    }
}

fn edit(group: DriftGroup, left: &EditLeft, rules: &[Rule]) -> Option<Difference> {
    Some(Difference {
        group,
        person: left.person.clone(),
        target: left.target.clone(),
        object: left.object.clone(),
        what: left.what.clone(),
        found: left.found.clone(),
        wanted: left.wanted.clone(),
        wanted_then: left.wanted_then.clone(),
        policy: Some(left.policy),
        written: None,
        apply: None,
        proposed: false,
        rule: place(rules, left.rule)?,
    })
}

/// What a configuration that is not approved would change besides.
fn only_proposed(plan: &Plan, proposed: &Plan) -> Vec<Difference> {
    let approved: HashSet<(&ChangeId, String, Vec<PlanValue>)> = plan
        .changes
        .iter()
        .flat_map(|change| {
            let each = parts(change).into_iter();
            each.map(move |part| (&change.id, part.what, part.wanted))
        })
        .collect();
    let mut found = Vec::new();
    for change in &proposed.changes {
        for part in parts(change) {
            let key = (&change.id, part.what.clone(), part.wanted.clone());
            if approved.contains(&key) {
                continue;
            }
            let told = part.told(change, DriftGroup::Configuration, &proposed.rules);
            found.extend(told.map(|one| Difference {
                proposed: true,
                ..one
            }));
        }
    }
    found
}

/// What a change is about, one by one.
pub(super) fn parts(change: &Change) -> Vec<Part> {
    let because = change.because.rule;
    let text = |text: String| vec![PlanValue::Text(text)];
    let flag = |value: bool| vec![PlanValue::Text(value.to_string())];
    let (what, found, wanted, rule) = match &change.action {
        Action::Modify { attributes } => {
            let each = attributes.iter().map(|attribute| Part {
                what: attribute.name.clone(),
                found: attribute.before.clone(),
                wanted: attribute.after.clone(),
                rule: attribute.rule,
            });
            return each.collect();
        }
        Action::Adopt { attribute, .. } => (
            attribute.name.as_str(),
            attribute.before.clone(),
            attribute.after.clone(),
            attribute.rule,
        ),
        Action::Create { .. } => (
            "account",
            Vec::new(),
            text(change.object.dn.to_string()),
            because,
        ),
        Action::Restore { .. } => (
            "account",
            Vec::new(),
            text(change.object.dn.to_string()),
            because,
        ),
        Action::Delete { .. } => (
            "account",
            text(change.object.dn.to_string()),
            Vec::new(),
            because,
        ),
        Action::Enable { .. } => ("enabled", flag(false), flag(true), because),
        Action::Disable {} => ("enabled", flag(true), flag(false), because),
        Action::ResetPassword {} => ("password", Vec::new(), Vec::new(), because),
        Action::Rename {
            before,
            after,
            rule,
        } => ("name", text(before.clone()), text(after.clone()), *rule),
        Action::Move {
            before,
            after,
            rule,
        } => (
            "placement",
            text(before.to_string()),
            text(after.to_string()),
            *rule,
        ),
        Action::AddMember { member } => (
            "member",
            Vec::new(),
            vec![PlanValue::Object(member.clone())],
            because,
        ),
        Action::RemoveMember { member } => (
            "member",
            vec![PlanValue::Object(member.clone())],
            Vec::new(),
            because,
        ),
    };
    vec![Part {
        what: what.to_owned(),
        found,
        wanted,
        rule,
    }]
}
