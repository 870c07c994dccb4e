//! What an account is once the plan is applied: what was observed, and the plan's changes on top of it.

use std::collections::BTreeMap;

use crate::config::kinds::AccountFate;
use crate::model::{
    DirectorySnapshot, Dn, DnKey, EntryKind, Location, Name, PeopleSnapshot, PersonKey,
};
use crate::plan::{Action, AttributeChange, Change, ObjectRef, Plan, PlanValue, RuleIndex, Trace};

/// One person's account after the plan, and what was decided on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// The mapping that applies, when one does and it is known which.
    pub mapping: Option<Name>,
    /// The state of the lifecycle, when it is known.
    pub state: Option<String>,
    /// Where the state is written.
    pub state_rule: Option<Location>,
    /// What becomes of the account.
    pub account: AccountFate,
    /// Whether it is enabled; `None` without an account.
    pub enabled: Option<bool>,
    /// Where it stands; `None` without an account.
    pub placement: Option<Dn>,
    /// Where the rule stands that moved it.
    pub placement_rule: Option<Location>,
    /// Where the rule stands by which the account was recognised, when it is adopted.
    pub adopted_by: Option<Location>,
    /// Its attributes with at least one value, and those the plan clears, by their folded names.
    pub attributes: BTreeMap<String, Attribute>,
    /// Groups it is a member of.
    pub groups: BTreeMap<DnKey, Dn>,
    /// Groups the plan puts it into, with the place of the rule.
    pub group_rules: Vec<(Dn, Location)>,
    /// What is held of the person, and held groups that rules name for them.
    pub held: Vec<HeldActual>,
}

/// One attribute of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `lDAPDisplayName`.
    pub name: String,
    /// Its values; none when it was cleared.
    pub values: Vec<ActualValue>,
    /// Where the rule stands that the plan names for it; `None` when the plan leaves it alone.
    pub rule: Option<Location>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActualValue {
    /// As text.
    Text(String),
    /// The account of a person of the test.
    Person(PersonKey),
    /// Another object.
    Object(Dn),
}

impl std::fmt::Display for ActualValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Person(key) => write!(f, "the account of person {key}"),
            Self::Object(dn) => dn.fmt(f),
        }
    }
}

/// Something that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldActual {
    /// The code.
    pub code: String,
    /// Why.
    pub reason: String,
    /// Where the rule concerned stands.
    pub rule: Option<Location>,
}

impl Actual {
    /// The account of `key` after `plan`.
    pub(super) fn new(
        plan: &Plan,
        trace: &Trace,
        directory: &DirectorySnapshot,
        key: &PersonKey,
    ) -> Self {
        let assessed = trace.people.iter().find(|one| one.key == *key);
        let mut actual = Self {
            mapping: assessed.map(|one| one.mapping.clone()),
            state: assessed.map(|one| one.state.clone()),
            state_rule: assessed.map(|one| one.state_rule.clone()),
            account: AccountFate::None,
            enabled: None,
            placement: None,
            placement_rule: None,
            adopted_by: None,
            attributes: BTreeMap::new(),
            groups: BTreeMap::new(),
            group_rules: Vec::new(),
            held: Vec::new(),
        };
        let reading = Reading { plan, trace };
        if let Some(guid) = assessed.and_then(|one| one.account) {
            actual.account = AccountFate::Kept;
            reading.observe(&mut actual, directory, guid);
        }
        for change in &plan.changes {
            if change.person.key == *key {
                reading.change(&mut actual, change);
            }
        }
        for held in &plan.held {
            let rule = held.rule.map(|rule| reading.location(rule));
            let concerns = match &held.person {
                Some(person) => person.key == *key,
                None => reading.was_asked(rule.as_ref()),
            };
            if concerns {
                actual.held.push(HeldActual {
                    code: held.code.clone(),
                    reason: held.reason.clone(),
                    rule,
                });
            }
        }
        actual
    }

    /// Rows that could not become people are held too, as far as a test is concerned.
    pub(super) fn rejected(&mut self, people: &PeopleSnapshot, key: &PersonKey) {
        for row in &people.header.rejected {
            if row.row == key.as_str() {
                self.held.push(HeldActual {
                    code: crate::policy::warning::REJECTED_ROWS.code.to_owned(),
                    reason: row.reason.clone(),
                    rule: None,
                });
            }
        }
    }

    /// Whether a mapping concerns the person, as far as can be told: whoever is held is concerned.
    pub fn applies(&self) -> bool {
        self.mapping.is_some() || !self.held.is_empty()
    }
}

struct Reading<'p> {
    plan: &'p Plan,
    trace: &'p Trace,
}

impl Reading<'_> {
    /// Whether an object held because of a rule matters to the person: the rule came to it for them. What is held
    /// without a rule matters to everybody.
    fn was_asked(&self, rule: Option<&Location>) -> bool {
        rule.is_none_or(|rule| {
            self.trace.rules.iter().any(|watched| {
                !watched.is_condition && watched.location == *rule && watched.watch.was_asked()
            })
        })
    }

    fn location(&self, rule: RuleIndex) -> Location {
        self.plan.rules[rule.0 as usize].location.clone()
    }

    fn observe(
        &self,
        actual: &mut Actual,
        directory: &DirectorySnapshot,
        guid: crate::model::Guid,
    ) {
        let header = &directory.header;
        let Some(entry) = directory.objects.iter().find(|entry| entry.guid == guid) else {
            return;
        };
        actual.placement = entry.dn.parent();
        for (id, values) in &entry.attributes {
            let def = header.definition(*id);
            let values = values
                .as_slice()
                .iter()
                .map(|value| self.observed(directory, def.syntax, value))
                .collect();
            if def.name.eq_ignore_ascii_case("userAccountControl") {
                // ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
                actual.enabled = entry
                    .value(*id)
                    .and_then(|flags| flags.parse::<i64>().ok())
                    .map(|flags| flags & 2 == 0);
                continue;
            }
            actual.set(&def.name, values, None);
        }
        let member = header.attribute("member");
        for group in &directory.objects {
            let has = group.kind == EntryKind::Group
                && member.is_some_and(|member| {
                    group
                        .values(member)
                        .iter()
                        .any(|dn| Dn::key_of(dn).is_some_and(|key| key == entry.dn.key()))
                });
            if has {
                actual.groups.insert(group.dn.key(), group.dn.clone());
            }
        }
    }

    /// A stored value; a reference becomes the person whose account it names.
    fn observed(
        &self,
        directory: &DirectorySnapshot,
        syntax: crate::model::Syntax,
        value: &str,
    ) -> ActualValue {
        let (crate::model::Syntax::Dn, Ok(dn)) = (syntax, Dn::parse(value)) else {
            return ActualValue::Text(value.to_owned());
        };
        let key = dn.key();
        let found = directory.objects.iter().find(|entry| entry.dn.key() == key);
        match found.and_then(|entry| self.owner(entry.guid)) {
            Some(person) => ActualValue::Person(person),
            None => ActualValue::Object(dn),
        }
    }

    fn owner(&self, guid: crate::model::Guid) -> Option<PersonKey> {
        self.trace
            .people
            .iter()
            .find(|one| one.account == Some(guid))
            .map(|one| one.key.clone())
    }

    fn planned(&self, value: &PlanValue) -> ActualValue {
        match value {
            PlanValue::Text(text) => ActualValue::Text(text.clone()),
            PlanValue::Octets(octets) => ActualValue::Text(octets.base64.clone()),
            PlanValue::Object(object) => self.object(object),
        }
    }

    fn object(&self, object: &ObjectRef) -> ActualValue {
        let made = object.created_by.as_ref().and_then(|id| {
            let create = self.plan.changes.iter().find(|change| change.id == *id)?;
            Some(create.person.key.clone())
        });
        match made.or_else(|| self.owner(object.guid?)) {
            Some(person) => ActualValue::Person(person),
            None => ActualValue::Object(object.dn.clone()),
        }
    }

    fn attribute(&self, actual: &mut Actual, change: &AttributeChange) {
        let values = change
            .after
            .iter()
            .map(|value| self.planned(value))
            .collect();
        actual.set(&change.name, values, Some(self.location(change.rule)));
    }

    fn change(&self, actual: &mut Actual, change: &Change) {
        match &change.action {
            Action::Create {
                attributes, enable, ..
            } => {
                actual.account = AccountFate::Created;
                actual.enabled = Some(*enable);
                actual.placement = change.object.dn.parent();
                for attribute in attributes {
                    self.attribute(actual, attribute);
                }
            }
            Action::Adopt { attribute, .. } => {
                actual.account = AccountFate::Adopted;
                actual.adopted_by = Some(self.location(change.because.rule));
                self.attribute(actual, attribute);
            }
            Action::Modify { attributes } => {
                for attribute in attributes {
                    self.attribute(actual, attribute);
                }
            }
            Action::Enable { .. } => actual.enabled = Some(true),
            Action::Disable {} => actual.enabled = Some(false),
            Action::Rename { after, rule, .. } => actual.set(
                "cn",
                vec![ActualValue::Text(after.clone())],
                Some(self.location(*rule)),
            ),
            Action::Move { after, rule, .. } => {
                actual.placement = Some(after.clone());
                actual.placement_rule = Some(self.location(*rule));
            }
            Action::AddMember { .. } => {
                let group = &change.object.dn;
                actual.groups.insert(group.key(), group.clone());
                actual
                    .group_rules
                    .push((group.clone(), self.location(change.because.rule)));
            }
            Action::RemoveMember { .. } => {
                actual.groups.remove(&change.object.dn.key());
            }
            // No plan made from people brings anybody back.
            Action::ResetPassword {} | Action::Restore { .. } => {}
            Action::Delete { .. } => {
                actual.account = AccountFate::Deleted;
                actual.enabled = None;
                actual.placement = None;
                actual.groups.clear();
            }
        }
    }
}

impl Actual {
    fn set(&mut self, name: &str, mut values: Vec<ActualValue>, rule: Option<Location>) {
        values.sort_by_cached_key(ToString::to_string);
        self.attributes.insert(
            name.to_ascii_lowercase(),
            Attribute {
                name: name.to_owned(),
                values,
                rule,
            },
        );
    }
}
