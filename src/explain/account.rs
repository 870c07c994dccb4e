//! The account's side: which it is, its attributes with the rules that give them, and its groups.

use std::collections::BTreeMap;

use super::{ExplainedAccount, ExplainedAttribute, ExplainedGroup, GroupStanding, Whole};
use crate::model::ACCOUNTDISABLE;
use crate::model::{Dn, DnKey, Entry, EntryKind, Guid, Location, Name};
use crate::plan::{Action, Assessment, AttributeChange, Change, Held, PlanValue};

impl Whole<'_> {
    fn entry(&self, target: &Name, guid: Guid) -> Option<&Entry> {
        let read = self.input.directories.get(target)?;
        read.objects.iter().find(|entry| entry.guid == guid)
    }

    pub(super) fn accounts(
        &self,
        target: &Name,
        assessed: Option<&Assessment>,
        changes: &[&Change],
        held: &[&Held],
    ) -> Vec<ExplainedAccount> {
        if let Some((assessed, guid)) = assessed.and_then(|one| Some((one, one.account?))) {
            let adopted = changes.iter().find_map(|change| match &change.action {
                Action::Adopt { evidence, .. } => {
                    Some((evidence.clone(), self.location(change.because.rule)))
                }
                _ => None,
            });
            let (evidence, location) = match adopted {
                Some((evidence, location)) => (format!("recognised by {evidence}"), Some(location)),
                None => self.anchor(target, assessed, guid),
            };
            return self.one_account(target, guid, &evidence, location);
        }
        let made = changes
            .iter()
            .find(|change| matches!(change.action, Action::Create { .. }));
        let former = assessed.and_then(|one| one.former);
        if let Some(change) = made {
            let evidence = if former.is_some() {
                "made by the plan, in place of the one they had"
            } else {
                "made by the plan: no account is theirs"
            };
            let mut accounts = vec![ExplainedAccount {
                dn: change.object.dn.to_string(),
                guid: None,
                enabled: None,
                evidence: evidence.to_owned(),
                location: Some(self.location(change.because.rule)),
            }];
            if let Some(former) = former {
                let why = "theirs before they came back: stays as it is, without its anchor";
                accounts.extend(self.one_account(target, former, why, None));
            }
            return accounts;
        }
        // Candidates, where nobody can say which.
        held.iter()
            .flat_map(|held| held.accounts.iter().map(move |account| (held, account)))
            .filter_map(|(held, account)| {
                // A guard holds what is to be done; whose account it is, is settled.
                let why = match held.guard {
                    Some(_) => "theirs; a guard holds what would be done to it".to_owned(),
                    None => format!("not settled: {}", held.reason),
                };
                let location = held.rule.map(|rule| self.location(rule));
                self.one_account(target, account.guid?, &why, location)
                    .pop()
            })
            .collect()
    }

    /// `employeeID = E1042`, and where the mapping says so.
    fn anchor(
        &self,
        target: &Name,
        assessed: &Assessment,
        guid: Guid,
    ) -> (String, Option<Location>) {
        let found = self
            .config
            .mappings
            .get(&assessed.mapping)
            .and_then(|mapping| {
                let name = mapping.spec.matching.anchor.attribute.as_str();
                let read = self.input.directories.get(target)?;
                let value = self
                    .entry(target, guid)?
                    .value(read.header.attribute(name)?)?;
                let location = mapping.positions.value("/spec/match/anchor/value");
                Some((format!("anchor {name} = {value}"), Some(location)))
            });
        found.unwrap_or_else(|| ("recognised".to_owned(), None))
    }

    pub(super) fn one_account(
        &self,
        target: &Name,
        guid: Guid,
        evidence: &str,
        location: Option<Location>,
    ) -> Vec<ExplainedAccount> {
        let Some(entry) = self.entry(target, guid) else {
            return Vec::new();
        };
        let header = &self.input.directories[target].header;
        let flags = header
            .attribute("userAccountControl")
            .and_then(|id| entry.value(id))
            .and_then(|flags| flags.parse::<i64>().ok());
        vec![ExplainedAccount {
            dn: entry.dn.to_string(),
            guid: Some(guid),
            enabled: flags.map(|flags| flags & ACCOUNTDISABLE == 0),
            evidence: evidence.to_owned(),
            location,
        }]
    }

    /// Attributes of which a rule was asked about the person, or which the plan changes.
    pub(super) fn attributes(
        &self,
        target: &Name,
        account: Option<Guid>,
        changes: &[&Change],
    ) -> Vec<ExplainedAttribute> {
        let mut told: BTreeMap<String, ExplainedAttribute> = BTreeMap::new();
        let read = self.input.directories.get(target);
        let entry = account.and_then(|guid| self.entry(target, guid));
        let observed = |name: &str| -> Vec<String> {
            let values = entry.zip(read.and_then(|read| read.header.attribute(name)));
            values.map_or_else(Vec::new, |(entry, id)| {
                let mut values: Vec<String> =
                    entry.values(id).iter().map(ToString::to_string).collect();
                values.sort();
                values
            })
        };
        for change in changes {
            let attributes: &[AttributeChange] = match &change.action {
                Action::Create { attributes, .. } | Action::Modify { attributes } => attributes,
                Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
                _ => &[],
            };
            for attribute in attributes {
                let rule = &self.plan.rules[attribute.rule.0 as usize];
                told.insert(
                    attribute.name.to_ascii_lowercase(),
                    ExplainedAttribute {
                        name: attribute.name.clone(),
                        observed: attribute.before.iter().map(shown).collect(),
                        desired: attribute.after.iter().map(shown).collect(),
                        changes: true,
                        text: rule.text.clone(),
                        location: rule.location.clone(),
                    },
                );
            }
        }
        for change in changes {
            if let Action::Rename {
                before,
                after,
                rule,
            } = &change.action
            {
                let rule = &self.plan.rules[rule.0 as usize];
                told.insert(
                    "cn".to_owned(),
                    ExplainedAttribute {
                        name: "cn".to_owned(),
                        observed: vec![before.clone()],
                        desired: vec![after.clone()],
                        changes: true,
                        text: rule.text.clone(),
                        location: rule.location.clone(),
                    },
                );
            }
        }
        for rule in &self.trace.rules {
            // What nobody has stays as it is.
            if entry.is_none() || rule.is_condition || !rule.watch.was_asked() {
                continue;
            }
            let Some(name) = attribute_of(&rule.pointer) else {
                continue;
            };
            let spelt = read.and_then(|read| {
                let id = read.header.attribute(&name)?;
                Some(read.header.definition(id).name.clone())
            });
            told.entry(name.to_ascii_lowercase())
                .or_insert_with(|| ExplainedAttribute {
                    observed: observed(&name),
                    desired: observed(&name),
                    name: spelt.unwrap_or(name),
                    changes: false,
                    text: rule.text.clone(),
                    location: rule.location.clone(),
                });
        }
        told.into_values().collect()
    }

    /// Groups the account is in, enters or leaves.
    pub(super) fn groups(
        &self,
        target: &Name,
        account: Option<Guid>,
        changes: &[&Change],
    ) -> Vec<ExplainedGroup> {
        let mut told: BTreeMap<DnKey, ExplainedGroup> = BTreeMap::new();
        if let Some(entry) = account.and_then(|guid| self.entry(target, guid)) {
            let read = &self.input.directories[target];
            let key = entry.dn.key();
            let groups = read
                .objects
                .iter()
                .filter(|object| object.kind == EntryKind::Group);
            for group in groups {
                let Some(member) = read.header.attribute("member") else {
                    continue;
                };
                let is = group
                    .values(member)
                    .iter()
                    .any(|dn| Dn::key_of(dn).as_ref() == Some(&key));
                if is {
                    told.insert(
                        group.dn.key(),
                        ExplainedGroup {
                            dn: group.dn.to_string(),
                            standing: GroupStanding::Member,
                            reason: None,
                            location: self.group_rule(&group.dn),
                        },
                    );
                }
            }
        }
        for change in changes {
            let standing = match &change.action {
                Action::AddMember { .. } => GroupStanding::Enters,
                Action::RemoveMember { .. } => GroupStanding::Leaves,
                _ => continue,
            };
            told.insert(
                change.object.dn.key(),
                ExplainedGroup {
                    dn: change.object.dn.to_string(),
                    standing,
                    reason: Some(change.because.text.clone()),
                    location: Some(self.location(change.because.rule)),
                },
            );
        }
        let mut groups: Vec<ExplainedGroup> = told.into_values().collect();
        groups.sort_by(|one, other| one.dn.cmp(&other.dn));
        groups
    }

    /// The rule that names a group outright and was asked about the person.
    fn group_rule(&self, group: &Dn) -> Option<Location> {
        let key = group.key();
        let mut rules = self.trace.rules.iter().filter(|rule| {
            !rule.is_condition && rule.pointer.ends_with("/group") && rule.watch.was_asked()
        });
        rules
            .find(|rule| Dn::key_of(rule.text.trim()).as_ref() == Some(&key))
            .map(|rule| rule.location.clone())
    }
}

/// The attribute a rule at this place gives.
fn attribute_of(pointer: &str) -> Option<String> {
    let mut steps = pointer.split('/');
    steps.find(|step| *step == "attributes" || *step == "set")?;
    Some(steps.next()?.replace("~1", "/").replace("~0", "~"))
}

fn shown(value: &PlanValue) -> String {
    match value {
        PlanValue::Text(text) => text.clone(),
        PlanValue::Octets(octets) => octets.to_string(),
        PlanValue::Object(object) => object.dn.to_string(),
    }
}
