//! Which groups the rules of a project may name, against what a plan says of the groups it changes.
//!
//! A rule names groups by distinguished name, `sAMAccountName` or identity, and a plan tells all three. What a rule computes
//! is computed once more from the facts that the plan gives as its reasons; where those do not tell, the parts that are the
//! same for everybody decide. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::stated::{Asked, Stated};
use super::{Action, Change, ObjectRef, Plan};
use crate::config::Config;
use crate::config::group_names::GroupNames;
use crate::model::{DnKey, Guid, Name, ObjectName, folded};

/// A group rule whose name is computed, or says nothing that could be compared.
struct Computed<'c> {
    source: &'c str,
    names: GroupNames,
    value: Option<Asked<'c>>,
}

/// The groups that rules name by themselves, with the source of their people.
#[derive(Default)]
struct Literal<'c> {
    keys: HashSet<(&'c str, DnKey)>,
    identities: HashSet<(&'c str, Guid)>,
    account_names: HashSet<(&'c str, String)>,
}

/// What rules of one target name.
#[derive(Default)]
struct Rules<'c> {
    sources: BTreeSet<&'c str>,
    literal: Literal<'c>,
    computed: Vec<Computed<'c>>,
    /// The privileged groups that documents name.
    privileged: Vec<ObjectName>,
}

/// Everything the rules of a project may name.
pub(super) struct RuleGroups<'c> {
    targets: BTreeMap<&'c Name, Rules<'c>>,
    stated: Stated<'c>,
    undoes: bool,
}

impl<'c> RuleGroups<'c> {
    /// For the targets of a plan.
    pub(super) fn of(config: &'c Config, plan: &'c Plan) -> Self {
        let stated = Stated::new(config, plan.as_of);
        let targets = plan.targets.keys();
        Self {
            targets: targets
                .map(|target| (target, Rules::of(config, target, &stated)))
                .collect(),
            undoes: plan.inputs.undoes.is_some(),
            stated,
        }
    }

    /// Whether a change says of its group that documents name it as privileged, and none does.
    pub(super) fn claims_privilege(&self, change: &Change) -> bool {
        let rules = self.targets.get(&change.target);
        let mut names = rules.into_iter().flat_map(|rules| &rules.privileged);
        change.privileged && !names.any(|name| is(&change.object, name))
    }

    /// Whether a change is about members of a group that no rule can name for that person.
    pub(super) fn gives_no_member(&self, change: &Change) -> bool {
        let enters = match &change.action {
            Action::AddMember { .. } => true,
            Action::RemoveMember { .. } => false,
            _ => return false,
        };
        // Who enters is named by a rule for their source, and by their facts. Who leaves is not, any more.
        let enters = enters && !self.undoes;
        let Some(rules) = self.targets.get(&change.target) else {
            return true;
        };
        let own = change.person.source.as_str();
        let group = &change.object;
        let key = group.dn.key();
        let mut sources = rules.sources.iter().filter(|one| !enters || **one == own);
        if sources.any(|source| rules.literal.has(source, group, &key)) {
            return false;
        }
        !rules.computed.iter().any(|rule| {
            let account_name = group.account_name.as_deref();
            if enters && rule.source != own
                || !rule.names.may_be_called(&key, account_name, group.guid)
            {
                return false;
            }
            let Some(asked) = rule.value.as_ref().filter(|_| enters) else {
                return true;
            };
            let facts = &change.because.facts;
            match self.stated.with_facts(asked, &change.person, facts) {
                Ok(Some(text)) => ObjectName::parse(&text).is_ok_and(|name| is(group, &name)),
                // Nobody is named by what gives no name.
                Ok(None) => false,
                Err(_) => true,
            }
        })
    }
}

impl<'c> Rules<'c> {
    fn of(config: &'c Config, target: &Name, stated: &Stated<'c>) -> Self {
        let mut rules = Self::default();
        let documents = config.groups.values();
        for document in documents.filter(|one| one.spec.target == target.as_str()) {
            let spec = &document.spec;
            let source = spec.source.as_str();
            let privileged = spec.privileged.iter();
            rules
                .privileged
                .extend(privileged.filter_map(|name| ObjectName::parse(name).ok()));
            rules.sources.insert(source);
            for rule in &spec.rules {
                let text = rule.group.as_str();
                let computed = ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
                match ObjectName::parse(text).ok().filter(|_| !computed) {
                    Some(name) => rules.literal.add(source, &name),
                    None => rules.computed.push(Computed {
                        source,
                        names: GroupNames::of(text),
                        value: stated.template(source, text, true),
                    }),
                }
            }
        }
        rules
    }
}

impl<'c> Literal<'c> {
    fn add(&mut self, source: &'c str, name: &ObjectName) {
        match name {
            ObjectName::Dn(dn) => drop(self.keys.insert((source, dn.key()))),
            ObjectName::Guid(guid) => drop(self.identities.insert((source, *guid))),
            ObjectName::Sam(name) => drop(self.account_names.insert((source, lower(name)))),
        }
    }

    fn has(&self, source: &'c str, group: &ObjectRef, key: &DnKey) -> bool {
        let named = |name: &String| self.account_names.contains(&(source, lower(name)));
        self.keys.contains(&(source, key.clone()))
            || group
                .guid
                .is_some_and(|guid| self.identities.contains(&(source, guid)))
            || group.account_name.as_ref().is_some_and(named)
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
