//! Which groups the rules of a project may name, against what a plan says of the groups it changes.
//!
//! A rule names groups by distinguished name, `sAMAccountName` or identity, and a plan tells all three. What a rule computes
//! is computed once more from the facts that the plan gives as its reasons; where those do not tell, the parts that are the
//! same for everybody decide. Pure.

use std::collections::BTreeMap;

use super::stated::{Asked, Stated};
use super::{Action, Change, ObjectRef, Plan};
use crate::config::Config;
use crate::config::group_names::GroupNames;
use crate::model::{Name, ObjectName, folded};

/// The group rules for one source and target.
struct Rule<'c> {
    source: &'c str,
    names: GroupNames,
    /// The name, when nothing of it is computed.
    literal: Option<ObjectName>,
    value: Option<Asked<'c>>,
}

/// Everything the rules of a project may name.
pub(super) struct RuleGroups<'c> {
    targets: BTreeMap<&'c Name, Vec<Rule<'c>>>,
    /// The privileged groups that documents name.
    privileged: BTreeMap<&'c Name, Vec<ObjectName>>,
    stated: Stated<'c>,
    undoes: bool,
}

impl<'c> RuleGroups<'c> {
    /// For the targets of a plan.
    pub(super) fn of(config: &'c Config, plan: &'c Plan) -> Self {
        let stated = Stated::new(config, plan.as_of);
        let rules = |target: &Name| {
            let documents = config.groups.values();
            let documents = documents.filter(|groups| groups.spec.target == target.as_str());
            let rules = documents.flat_map(|groups| {
                let rules = groups.spec.rules.iter();
                rules.map(|rule| (groups.spec.source.as_str(), rule.group.as_str()))
            });
            let rules = rules.map(|(source, text)| {
                let names = GroupNames::of(text);
                let computed = text.contains("{{") || text.contains("{%");
                Rule {
                    source,
                    names,
                    literal: ObjectName::parse(text).ok().filter(|_| !computed),
                    value: stated.template(source, text, true).filter(|_| computed),
                }
            });
            rules.collect()
        };
        let privileged = |target: &Name| {
            let documents = config.groups.values();
            let documents = documents.filter(|groups| groups.spec.target == target.as_str());
            let names = documents.flat_map(|groups| &groups.spec.privileged);
            names
                .filter_map(|name| ObjectName::parse(name).ok())
                .collect()
        };
        let targets = plan.targets.keys();
        Self {
            privileged: targets.map(|target| (target, privileged(target))).collect(),
            targets: plan
                .targets
                .keys()
                .map(|target| (target, rules(target)))
                .collect(),
            undoes: plan.inputs.undoes.is_some(),
            stated,
        }
    }

    /// Whether a change says of its group that documents name it as privileged, and none does.
    pub(super) fn claims_privilege(&self, change: &Change) -> bool {
        let names = self.privileged.get(&change.target);
        let mut names = names.into_iter().flatten();
        change.privileged && !names.any(|name| is(&change.object, name))
    }

    /// Whether a change is about members of a group that no rule can name for that person.
    pub(super) fn gives_no_member(&self, change: &Change) -> bool {
        let enters = match &change.action {
            Action::AddMember { .. } => true,
            Action::RemoveMember { .. } => false,
            _ => return false,
        };
        let rules = self.targets.get(&change.target);
        let mut rules = rules.into_iter().flatten();
        let group = &change.object;
        !rules.any(|rule| {
            let theirs = rule.source == change.person.source.as_str();
            if enters && !self.undoes && !theirs {
                return false;
            }
            if let Some(name) = &rule.literal {
                return is(group, name);
            }
            // Who enters is named by their facts. Who leaves is not, any more.
            let computed = rule.value.as_ref().filter(|_| enters && !self.undoes);
            if let Some(asked) = computed {
                let facts = &change.because.facts;
                match self.stated.with_facts(asked, &change.person, facts) {
                    Ok(Some(text)) => {
                        return ObjectName::parse(&text).is_ok_and(|name| is(group, &name));
                    }
                    // Nobody is named by what gives no name.
                    Ok(None) => return false,
                    Err(_) => {}
                }
            }
            rule.names
                .may_be_called(&group.dn.key(), group.account_name.as_deref(), group.guid)
        })
    }
}

/// Whether a group is called so.
fn is(group: &ObjectRef, name: &ObjectName) -> bool {
    match name {
        ObjectName::Dn(dn) => dn.key() == group.dn.key(),
        ObjectName::Guid(guid) => group.guid == Some(*guid),
        ObjectName::Sam(name) => {
            let account_name = group.account_name.as_deref();
            account_name.is_some_and(|known| lower(known) == lower(name))
        }
    }
}

fn lower(text: &str) -> String {
    text.trim().chars().flat_map(folded).collect()
}
