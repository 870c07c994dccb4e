//! `kind: Groups`.

use serde::{Deserialize, Serialize};

use super::DriftPolicy;

/// Rules for group membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Groups {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target the groups live in.
    pub target: String,
    /// The rules.
    #[schemars(length(min = 1))]
    pub rules: Vec<GroupRule>,
    /// Privileged groups these rules may change nevertheless, each by distinguished name, `objectGUID` or
    /// `sAMAccountName`. Without being named here a group with power over the domain, or nested in one, is never
    /// changed; named, every change of its members has a high risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileged: Vec<String>,
    /// How long somebody whom rules take out of groups stays in them. Without, they leave at once, after they have
    /// entered what rules give them instead. Privileged groups are always left at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// What becomes of memberships somebody gives or takes by hand, of rules that say nothing else. Privileged groups,
    /// and what a state of the lifecycle takes away, are always written back.
    #[serde(default, skip_serializing_if = "is_revert")]
    pub drift: DriftPolicy,
}

fn is_revert(policy: &DriftPolicy) -> bool {
    *policy == DriftPolicy::Revert
}

/// How long somebody who moves stays in the groups that rules do not give any more. Either `for` or `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Overlap {
    /// Days (`14d`) or weeks (`2w`), at most a year, counted from the end of the day on which the person enters the
    /// new groups. The moment is stamped into the account, so the target needs a `stamp`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(example = "14d")]
    pub days: Option<String>,
    /// Template of a date, for example `{{ person.movedOn | plus_days(14) }}`: the end of that day in the person's
    /// zone, at most a year ahead. Without a value there is no overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The longest an overlap can be, in days.
pub const LONGEST_OVERLAP: u32 = 366;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRule {
    /// The group: its distinguished name, its `objectGUID` in dashed form, or its `sAMAccountName`; or a template of
    /// one. The group must exist; it is never created.
    pub group: String,
    /// Condition over `person`; who fulfils it is a member. Left out, everyone is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What happens to members the rule does not name.
    #[serde(default)]
    pub mode: GroupMode,
    /// Members that always stay, whatever rules and states say, each by distinguished name, `objectGUID` or
    /// `sAMAccountName`. While one of these names belongs to nobody, nobody is taken out of the group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// What becomes of memberships somebody gives or takes by hand; without, what the document says. Memberships that
    /// people give by hand for good belong into `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
}

/// What happens to members no rule names.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum GroupMode {
    /// Members are added, nobody is removed.
    #[default]
    Additive,
    /// People we manage and no rule names are removed; other members stay. For a templated group this holds for
    /// every group the template has produced for anyone in this run.
    Managed,
    /// Only whom rules name stays: as `managed`, but people of every source are removed, and every direct member that
    /// stays without a rule naming it is reported, until somebody takes it out or names it in `keep`.
    Exclusive,
}

impl GroupMode {
    /// The word a document uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Managed => "managed",
            Self::Exclusive => "exclusive",
        }
    }

    /// Which of two modes holds when rules give one group both.
    pub fn stronger(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether people whom no rule names are taken out.
    pub fn removes(self) -> bool {
        self != Self::Additive
    }
}
