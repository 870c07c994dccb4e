//! `kind: Lifecycle`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::duration::parse_days;

/// The states a person can be in and what each means for the account. The first state whose condition holds is the
/// person's; a person no state fits is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lifecycle {
    /// Name of the `Source` people come from.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// Template of a person's time zone as an IANA name, for example `{{ person.site | lookup('zone') }}`. Days begin
    /// and end there for the person: in `as_of`, dates and `accountExpires`. Without a value, the project's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The states, in the order they are tried.
    #[schemars(length(min = 1))]
    pub states: Vec<State>,
    /// What is done about a person whom the source calls inactive, besides what the states say: `never` where the
    /// source has no such thing, else a condition and what follows, as in `{when: person.inactive, then: states}`.
    /// Whatever is chosen, nobody inactive is ever enabled.
    pub inactive: InactivePolicy,
    /// What is done about an account whose person no longer stands in the source. Nothing is ever removed for it,
    /// unless `leaver` says so.
    pub absent: AbsentPolicy,
    /// What is done about the account of a person the source's `include` leaves out.
    pub out_of_scope: OutOfScopePolicy,
}

/// One state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// Its name, for example `active` or `leaver`.
    pub name: String,
    /// Condition over `person` and `as_of`. Left out, the state fits everyone who reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Template of the date since when the state holds, for example `{{ person.endsOn }}`: the state begins, and its
    /// stages are counted, at the end of that day in the person's zone. A moment counts from itself. Until then the
    /// state does not fit. Without a value the moment is stamped into the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What the account should be like. Either this or `stages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountState>,
    /// What the account should be like as time goes by. Plans show the stages as `leaver+0d`, `leaver+30d`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Template of the reason shown to reviewers, for example `leaver since {{ person.endsOn }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What becomes of somebody who comes back from this state into one that has accounts enabled or made. Without it
    /// they get the same account again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning: Option<Returning>,
}

/// What becomes of somebody who comes back from a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Returning {
    /// Which account they get.
    pub account: ReturningAccount,
    /// How long they must have been in the state for it, in days (`90d`) or weeks (`13w`); who comes back before gets
    /// the same account. Default: `0d`, any time from the next day on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "90d")]
    pub after: Option<String>,
}

/// Which account somebody gets who comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReturningAccount {
    /// The one they had, with the place and the groups that rules give.
    Same,
    /// A new one under a new name. The one they had stays disabled and where it is, and is nobody's any more.
    New,
    /// Neither, until somebody decides with a `Links` document.
    Hold,
}

/// What an account should be like in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountState {
    /// Whether the account is enabled.
    pub enabled: bool,
    /// Whether an account is created for a person in this state who has none. Defaults to `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Template of the place (OU) accounts in this state stand in, instead of the mapping's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// What happens to memberships that group rules give.
    #[serde(default)]
    pub groups: GroupsInState,
    /// Groups that `groups: remove` leaves alone, each by distinguished name, `objectGUID` or `sAMAccountName`. While
    /// one of these names is no group's, nobody in the state is taken out of any group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_groups: Vec<String>,
    /// What becomes of the password. Only where the account is disabled.
    #[serde(
        default,
        rename = "passwordAction",
        skip_serializing_if = "Option::is_none"
    )]
    pub password: Option<PasswordInState>,
    /// What is to become of mailbox, licences and the like. Nothing acts on it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<super::Services>,
    /// Attributes in this state, instead of or besides the mapping's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, super::AttributeSpec>,
}

/// One stage of a state. What it does not say stays as in the stage before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// When it begins, in days (`30d`) or weeks (`4w`) after `since`. The first is `0d`, and each is later than the one
    /// before.
    #[schemars(example = "30d")]
    pub after: String,
    /// What becomes different.
    #[serde(default)]
    pub account: StageAccount,
    /// Template of the reason shown to reviewers. Without it, that of the stage before, or of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an account should be like from a stage on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageAccount {
    /// Whether the account is enabled. The first stage says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether an account is created for a person who has none. Defaults to `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Template of the place (OU) accounts stand in, instead of the mapping's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// What happens to memberships that group rules give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsInState>,
    /// Groups that `groups: remove` leaves alone, instead of those of the stage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_groups: Option<Vec<String>>,
    /// What becomes of the password. Only where the account is disabled.
    #[serde(
        default,
        rename = "passwordAction",
        skip_serializing_if = "Option::is_none"
    )]
    pub password: Option<PasswordInState>,
    /// What is to become of mailbox, licences and the like. Nothing acts on it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<super::Services>,
    /// Attributes, instead of or besides those of the stage before and the mapping's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, super::AttributeSpec>,
    /// The account is deleted. Only in the last stage of a state whose accounts are never enabled, and nothing else is
    /// said in it. Until an account may be deleted it stays as in the stage before, and the plan says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Deletion>,
}

/// What a state, or one of its stages, says of itself about the account.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// `leaver`, or `leaver+30d` for a stage.
    pub name: String,
    /// Where it stands below the state: `/account`, or `/stages/1/account`.
    pub pointer: String,
    /// Days after which it begins; `None` for a state without stages.
    pub after: Option<u32>,
    /// Whether the account is enabled, when it says so.
    pub enabled: Option<bool>,
    /// Whether an account is created, when it says so.
    pub create: Option<bool>,
    /// The place.
    pub placement: Option<&'a String>,
    /// Memberships, when it says so.
    pub groups: Option<GroupsInState>,
    /// Groups that are kept, when it says so.
    pub keep_groups: Option<&'a [String]>,
    /// The password, when it says so.
    pub password: Option<PasswordInState>,
    /// Mailbox, licences and the like, when it says so.
    pub services: Option<&'a super::Services>,
    /// Attributes.
    pub attributes: &'a BTreeMap<String, super::AttributeSpec>,
    /// When the account is deleted.
    pub delete: Option<&'a Deletion>,
    /// The reason.
    pub reason: Option<&'a String>,
}

impl State {
    /// The account of the state, or of each of its stages, as it is written.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let whole = self.account.iter().map(|account| Step {
            name: self.name.clone(),
            pointer: "/account".to_owned(),
            after: None,
            enabled: Some(account.enabled),
            create: account.create,
            placement: account.placement.as_ref(),
            groups: Some(account.groups),
            keep_groups: Some(&account.keep_groups),
            password: account.password,
            services: account.services.as_ref(),
            attributes: &account.attributes,
            delete: None,
            reason: self.reason.as_ref(),
        });
        let stages = self.stages.iter().enumerate().map(|(at, stage)| {
            let after = parse_days(&stage.after).unwrap_or_default();
            Step {
                name: format!("{}+{after}d", self.name),
                pointer: format!("/stages/{at}/account"),
                after: Some(after),
                enabled: stage.account.enabled,
                create: stage.account.create,
                placement: stage.account.placement.as_ref(),
                groups: stage.account.groups,
                keep_groups: stage.account.keep_groups.as_deref(),
                password: stage.account.password,
                services: stage.account.services.as_ref(),
                attributes: &stage.account.attributes,
                delete: stage.account.delete.as_ref(),
                reason: stage.reason.as_ref(),
            }
        });
        whole.chain(stages).collect()
    }

    /// Every attribute the state or a stage of it speaks of.
    pub fn attribute_names(&self) -> impl Iterator<Item = &String> {
        let stages = self.stages.iter().map(|stage| &stage.account.attributes);
        self.account
            .iter()
            .map(|account| &account.attributes)
            .chain(stages)
            .flat_map(BTreeMap::keys)
    }

    /// The stage that deletes the account, when there is one.
    pub fn deletes(&self) -> Option<(usize, &Deletion)> {
        let mut stages = self.stages.iter().enumerate();
        stages.find_map(|(at, stage)| Some((at, stage.account.delete.as_ref()?)))
    }

    /// Whether an account is enabled, and whether one is created, at any time.
    pub fn ever(&self) -> (bool, bool) {
        let (mut enabled, mut create) = (false, false);
        let (mut ever_enabled, mut ever_created) = (false, false);
        for step in self.steps() {
            enabled = step.enabled.unwrap_or(enabled);
            create = step.create.unwrap_or(match step.enabled {
                Some(enabled) => enabled,
                None => create,
            });
            ever_enabled |= enabled;
            ever_created |= create;
        }
        (ever_enabled, ever_created)
    }
}

/// When an account may be deleted. Only one that is disabled, is nobody's any more by a read proven complete, has
/// nothing below it, is neither protected nor privileged, and whose person has no exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deletion {
    /// How long the account must have been disabled by what the directory says, in days (`30d`) or weeks (`4w`). The
    /// last change of `userAccountControl` counts, whoever made it.
    #[schemars(example = "30d")]
    pub disabled_for: String,
    /// Whether accounts are deleted where the Recycle Bin is off, or the read does not tell. They cannot be brought
    /// back then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_recycle_bin: bool,
}

/// What becomes of an account's password in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PasswordInState {
    /// It stays.
    Keep,
    /// It is replaced once by a random one that nobody keeps, after the account is disabled. It cannot be brought back.
    Reset,
}

/// What happens to memberships in a state.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum GroupsInState {
    /// As the group rules say.
    #[default]
    Rules,
    /// Nothing is added and nothing removed.
    Keep,
    /// The person is taken out of every group that a rule of this target names.
    Remove,
}

/// What is done about a person whom the source calls inactive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", untagged)]
pub enum InactivePolicy {
    /// The source has no such thing.
    Never(Never),
    /// The source says so.
    When(InactiveRule),
}

/// The word for a source that never calls anybody inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Never {
    /// The source has no such thing.
    Never,
}

/// Who is inactive, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InactiveRule {
    /// Condition over `person` and `as_of`, for example `person.inactive | default(false)`.
    pub when: String,
    /// What follows.
    pub then: InactiveThen,
}

/// What is done about an inactive person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InactiveThen {
    /// The states decide, and one that would have an account enabled or made holds the person instead.
    States,
    /// A warning in the plan. Nothing of the account is changed, whatever the states say.
    Report,
    /// The person is held, so that the plan shows them until somebody settles it. Nothing of the account is changed,
    /// whatever the states say.
    HoldForReview,
}

/// What is done about the account of an absent person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AbsentPolicy {
    /// A warning in the plan.
    Report,
    /// The account is listed among the held, so that the plan shows it until somebody settles it.
    HoldForReview,
    /// A person missing from reads that are proven complete is a leaver after some days. They are counted from a stamp
    /// on the account, which goes when the person is seen again.
    Leaver(AbsentLeaver),
}

/// When and how a missing person becomes a leaver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbsentLeaver {
    /// How long nobody of the source has had the account's anchor, in days (`14d`) or weeks (`2w`).
    #[schemars(example = "14d")]
    pub after: String,
    /// Name of the state the account is in from then on. Its accounts are never enabled.
    pub state: String,
}

/// What is done about the account of a person out of scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutOfScopePolicy {
    /// A warning in the plan.
    Report,
    /// Nothing, not even a warning.
    Ignore,
}
