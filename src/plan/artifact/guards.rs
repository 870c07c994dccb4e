//! What guards and waivers say of a plan.

use serde::{Deserialize, Serialize};

use super::RuleIndex;
use crate::config::Standing;
pub use crate::config::kinds::OnBreach;
use crate::model::{Name, spoken};

/// What a guard was judged on, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardOutcome {
    /// The target.
    pub target: Name,
    /// The limit's name, `minimumMembers` or `breakGlass`.
    pub guard: String,
    /// What kind of guard it is.
    pub kind: GuardKind,
    /// What parts are made by: a field's name, `ou`, `group`, `placement`. Absent when everything is judged together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// The part, as a waiver names it. Of several parts that pass, the one nearest to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How many parts have this verdict; parts that are told by themselves count 1. None of those in which nothing
    /// would happen is counted.
    pub parts: u64,
    /// What is counted, in words, for example `disabled`.
    pub counts: String,
    /// The limit in words, for example `at most 10%, and always 2`.
    pub limit: String,
    /// To how many accounts (of a group: members) it would happen.
    pub counted: u64,
    /// Of these, those to whom it has happened already: by what had been undone before of the apply that this plan undoes.
    #[serde(default, skip_serializing_if = "super::is_none")]
    pub already: u64,
    /// Of how many: the enabled, managed accounts of people in scope that the part has; of a group, its members.
    pub base: u64,
    /// How many are allowed.
    pub allowed: u64,
    /// The verdict.
    pub verdict: GuardVerdict,
    /// The waiver that releases it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Name>,
    /// What waits on a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_breach: Option<OnBreach>,
    /// How many changes wait because of it.
    pub held: u64,
    /// Where it is written.
    pub rule: RuleIndex,
}

impl GuardOutcome {
    /// Whether the guard holds changes, or would if there were any.
    pub fn is_breached(&self) -> bool {
        match self.verdict {
            GuardVerdict::Breached => true,
            GuardVerdict::NotJudged => self.held > 0,
            GuardVerdict::Passed | GuardVerdict::Waived => false,
        }
    }

    /// What [`base`](Self::base) counts, one and several of them.
    pub fn base_is(&self) -> (&'static str, &'static str) {
        match (self.kind, self.per.as_deref()) {
            (GuardKind::MinimumMembers, _) => ("enabled member", "enabled members"),
            (GuardKind::Limit, Some("group")) => ("member", "members"),
            (GuardKind::Limit, _) => ("enabled account", "enabled accounts"),
            (GuardKind::BreakGlass, _) => ("account", "accounts"),
        }
    }

    /// The part in words, for example `department Sales`.
    pub fn part(&self) -> Option<String> {
        let scope = self.scope.as_ref()?;
        Some(match self.per.as_deref() {
            Some(by @ ("ou" | "group" | "placement")) => {
                format!("{by} {}", spoken::object(scope))
            }
            Some(field) if scope.is_empty() => format!("no {field}"),
            Some(field) => format!("{field} {}", spoken::name(scope)),
            None => spoken::object(scope),
        })
    }
}

/// Kinds of guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GuardKind {
    /// How many accounts one plan may do something to.
    Limit,
    /// A group keeps a number of enabled members.
    MinimumMembers,
    /// Accounts kept for emergencies are not changed.
    BreakGlass,
}

/// What a guard says of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GuardVerdict {
    /// Within the limit.
    Passed,
    /// Beyond the limit, and a waiver lets it through.
    Waived,
    /// Beyond the limit: what it concerns is not in the plan.
    Breached,
    /// Nobody could tell, so it holds what it might concern.
    NotJudged,
}

/// A waiver, as it stands at the moment of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverInPlan {
    /// Its name.
    pub name: Name,
    /// The target.
    pub target: Name,
    /// The limit it is for.
    pub guard: String,
    /// The part it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Most accounts (members) it lets through.
    pub maximum: u64,
    /// Why.
    pub reason: String,
    /// Where it was decided.
    pub ticket: String,
    /// Who answers for it.
    pub owner: String,
    /// Its last day, in the project's time zone.
    pub expires: String,
    /// Whether it counts.
    pub standing: WaiverStanding,
    /// Where it is written.
    pub rule: RuleIndex,
}

/// Whether a waiver counts at the moment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaiverStanding {
    /// It does.
    Active,
    /// It does, and its last day is near.
    Expiring,
    /// Its last day is over: it releases nothing.
    Expired,
}

impl From<Standing> for WaiverStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Expiring => Self::Expiring,
            Standing::Expired => Self::Expired,
        }
    }
}
