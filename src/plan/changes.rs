//! One person's outcome as changes of the plan.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};
use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::draft::listed;
use super::evaluate::{After, Delta, Outcome};
use super::naming::Given;
use super::target::{Subject, Target};
use super::{
    Action, AttributeChange, Cause, Change, ChangeId, ObjectRef, Octets, PasswordPolicy, PersonRef,
    PlanValue, Reason, Recovery, Risk, RuleIndex,
};
use crate::lifecycle::{Facts, RuleId};
use crate::mapping::{AttributeRule, Origin, RoleTemplate, is_logon_name, is_reference};
use crate::matching::Found;
use crate::model::{AttributeDef, AttributeId, Name, Syntax};

/// Place of a change among those nothing else orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Disable,
    RemoveMember,
    Create,
    Adopt,
    Modify,
    Rename,
    Move,
    Enable,
    AddMember,
}

impl Class {
    /// Of an action.
    pub(super) fn of(action: &Action) -> Self {
        match action {
            Action::Disable {} => Self::Disable,
            Action::RemoveMember { .. } => Self::RemoveMember,
            Action::Create { .. } => Self::Create,
            Action::Adopt { .. } => Self::Adopt,
            Action::Modify { .. } => Self::Modify,
            Action::Rename { .. } => Self::Rename,
            Action::Move { .. } => Self::Move,
            Action::Enable {} => Self::Enable,
            Action::AddMember { .. } => Self::AddMember,
        }
    }
}

/// The identity of a change: the same change of the same object has the same one in every plan.
pub(super) fn change_id(target: &Name, object: &str, kind: &str, other: &str) -> ChangeId {
    let mut hasher = Sha256::new();
    for part in [target.as_str(), object, kind, other] {
        hasher.update(part.as_bytes());
        hasher.update(b"|");
    }
    let digest = hex::encode(hasher.finalize());
    ChangeId(format_compact!("c-{}", &digest[..20]))
}

/// What a change writes to, in the words an id is made of.
pub(super) fn object_text(target: &Target<'_>, subject: &Subject) -> String {
    match subject.account() {
        Some(object) => target.index.entry(object).guid.to_string(),
        None => {
            let side = target.side(subject);
            format!("{}/{}", side.source, side.person(subject.person).key)
        }
    }
}

/// Everything the changes of a target refer to.
pub(super) struct Making<'t, 'a> {
    pub(super) target: &'t Target<'a>,
    pub(super) outcomes: &'t [Option<Box<Outcome<'t>>>],
    pub(super) given: &'t hashbrown::HashMap<u32, Given<'t>>,
    /// References that would close a circle of new accounts: they follow in a change of their own.
    pub(super) broken: &'t HashSet<(u32, AttributeId)>,
}

impl Making<'_, '_> {
    /// The create of a subject, when this plan makes its account.
    pub(super) fn create_of(&self, at: u32) -> Option<ChangeId> {
        let outcome = self.outcomes[at as usize].as_ref()?;
        (outcome.create && outcome.whole.is_none()).then(|| {
            let subject = &self.target.subjects[at as usize];
            change_id(
                self.target.name,
                &object_text(self.target, subject),
                "create",
                "",
            )
        })
    }

    /// A subject's account as a plan names it, existing or made here.
    pub(super) fn account(&self, at: u32) -> Option<ObjectRef> {
        let subject = &self.target.subjects[at as usize];
        if let Some(object) = subject.account() {
            return Some(self.target.object(object));
        }
        Some(ObjectRef {
            guid: None,
            created_by: Some(self.create_of(at)?),
            dn: self.given.get(&at)?.dn.clone()?,
        })
    }

    /// The adoption every other change of the account waits for.
    pub(super) fn adoption(&self, at: u32) -> Option<ChangeId> {
        let subject = &self.target.subjects[at as usize];
        matches!(subject.found, Found::Adopt { .. }).then(|| {
            change_id(
                self.target.name,
                &object_text(self.target, subject),
                "adopt",
                "",
            )
        })
    }

    /// The changes of one subject's account.
    pub(super) fn changes(&self, at: u32) -> Vec<Change> {
        let target = self.target;
        let subject = &target.subjects[at as usize];
        let empty = Outcome::default();
        let outcome = self.outcomes[at as usize].as_deref().unwrap_or(&empty);
        let adopts = matches!(subject.found, Found::Adopt { .. }) && outcome.whole.is_none();
        let named = self
            .given
            .get(&at)
            .is_some_and(|given| given.cn.is_some() || !given.attributes.is_empty());
        if !outcome.changes() && !adopts && !named {
            return Vec::new();
        }
        let Some(object) = self.account(at) else {
            return Vec::new();
        };
        let side = target.side(subject);
        let mut one = One {
            making: self,
            at,
            subject,
            outcome,
            object,
            person: side.reference(subject.person),
            changes: Vec::new(),
        };
        if outcome.create {
            one.create();
        } else {
            one.existing(adopts);
        }
        one.changes
    }

    pub(super) fn facts(&self, subject: &Subject, fields: &[Name]) -> BTreeMap<String, String> {
        let side = self.target.side(subject);
        let mut facts = Facts {
            header: &side.people.header,
            person: side.person(subject.person),
        }
        .of(fields);
        for fact in facts.values_mut() {
            bounded(fact);
        }
        facts
    }

    /// The facts that put a subject into its state.
    pub(super) fn state_facts(&self, subject: &Subject) -> BTreeMap<String, String> {
        let side = self.target.side(subject);
        let facts = Facts {
            header: &side.people.header,
            person: side.person(subject.person),
        };
        side.lifecycle
            .deciding_facts(usize::from(subject.state), &facts)
    }

    /// The facts behind what a rule gives an attribute; of a rule that a state sets, also those behind the state.
    fn rule_facts(&self, subject: &Subject, rule: &AttributeRule) -> BTreeMap<String, String> {
        let mut facts = self.facts(subject, &rule.fields);
        if rule.origin == Origin::State {
            facts.extend(self.state_facts(subject));
        }
        if let Some(template) = self.target.mapping(subject).template_of(rule) {
            facts.extend(self.template_facts(subject, template));
        }
        facts
    }

    /// The facts that say whether a template concerns a subject.
    fn template_facts(
        &self,
        subject: &Subject,
        template: &RoleTemplate,
    ) -> BTreeMap<String, String> {
        template
            .when
            .as_ref()
            .map(|test| self.facts(subject, test.condition.fields_used()))
            .unwrap_or_default()
    }

    /// The facts behind the place an account stands in by the mapping or a template.
    fn place_facts(&self, subject: &Subject, rule: RuleId) -> BTreeMap<String, String> {
        let mapping = self.target.mapping(subject);
        let given = mapping.templates.iter().find_map(|template| {
            let formula = template.placement.as_ref()?;
            (formula.rule == rule).then_some((template, formula))
        });
        let Some((template, formula)) = given else {
            return self.facts(subject, mapping.placement.template.fields_used());
        };
        let mut facts = self.facts(subject, formula.template.fields_used());
        facts.extend(self.template_facts(subject, template));
        facts
    }
}

struct One<'m, 't, 'a> {
    making: &'m Making<'t, 'a>,
    at: u32,
    subject: &'m Subject,
    outcome: &'m Outcome<'t>,
    object: ObjectRef,
    person: PersonRef,
    changes: Vec<Change>,
}

impl One<'_, '_, '_> {
    fn push(
        &mut self,
        kind: &str,
        action: Action,
        because: Reason,
        cause: Cause,
        risk: Risk,
        mut depends_on: Vec<ChangeId>,
    ) -> ChangeId {
        let target = self.making.target;
        let id = change_id(target.name, &object_text(target, self.subject), kind, "");
        if !matches!(action, Action::Adopt { .. }) {
            depends_on.extend(self.making.adoption(self.at));
        }
        depends_on.sort();
        depends_on.dedup();
        let recovery = match action {
            Action::Create { .. } => Recovery::Partial,
            _ => Recovery::Full,
        };
        self.changes.push(Change {
            id: id.clone(),
            person: self.person.clone(),
            target: target.name.clone(),
            object: self.object.clone(),
            action,
            depends_on,
            because,
            cause,
            risk,
            recovery,
        });
        id
    }

    /// The state as a reason: its text for this person, and the facts that led there.
    fn state(&self) -> Reason {
        let target = self.making.target;
        let side = target.side(self.subject);
        let state = target.state(self.subject);
        let text = state
            .reason
            .as_ref()
            .and_then(|reason| {
                let context = target.moment.of(side.person(self.subject.person));
                reason.text(&context).ok()
            })
            .filter(|text| !text.is_empty())
            .map_or_else(|| format!("state {}", state.name), |text| text.to_string());
        Reason {
            text,
            rule: index(state.rule),
            facts: self.making.state_facts(self.subject),
        }
    }

    /// Why attributes are set: what the rules that set them belong to.
    fn rules_reason<'r>(&self, rules: impl Iterator<Item = &'r AttributeRule>) -> Reason {
        let mapping = self.making.target.mapping(self.subject);
        let mut own = false;
        let mut templates: Vec<&RoleTemplate> = Vec::new();
        for rule in rules {
            match mapping.template_of(rule) {
                Some(template) => templates.push(template),
                None => own = true,
            }
        }
        templates.sort_by_key(|template| &template.name);
        templates.dedup_by_key(|template| &template.name);
        let names: Vec<Name> = templates
            .iter()
            .map(|template| template.name.clone())
            .collect();
        let many = if names.len() == 1 {
            "template"
        } else {
            "templates"
        };
        let (text, rule) = match (own || names.is_empty(), templates.as_slice()) {
            (true, []) => (
                format!("the account differs from mapping {}", mapping.name),
                mapping.rule,
            ),
            (true, _) => (
                format!(
                    "the account differs from mapping {} and {many} {}",
                    mapping.name,
                    listed(&names)
                ),
                mapping.rule,
            ),
            (false, [first, ..]) => (
                format!("the account differs from {many} {}", listed(&names)),
                first.rule,
            ),
            (false, []) => (String::new(), mapping.rule),
        };
        Reason {
            text,
            rule: index(rule),
            facts: BTreeMap::new(),
        }
    }

    fn before(&self, rule: &AttributeRule) -> Vec<PlanValue> {
        let target = self.making.target;
        let Some(object) = self.subject.account() else {
            return Vec::new();
        };
        let mut values: Vec<&CompactString> =
            target.index.entry(object).values(rule.id).iter().collect();
        values.sort();
        values
            .into_iter()
            .map(|value| {
                if is_reference(&rule.def)
                    && let Some(object) = target.index.by_text(value)
                {
                    return PlanValue::Object(target.object(object));
                }
                plan_value(&rule.def, value)
            })
            .collect()
    }

    /// An attribute's change and the create it waits for; `None` when nothing is left of it.
    fn attribute(&self, delta: &Delta<'_>) -> Option<(AttributeChange, Option<ChangeId>)> {
        let (after, waits) = match &delta.after {
            After::Values(values) => (
                values
                    .iter()
                    .map(|value| plan_value(&delta.rule.def, value))
                    .collect(),
                None,
            ),
            After::Object(object) => (
                vec![PlanValue::Object(self.making.target.object(*object))],
                None,
            ),
            After::Made(other) => {
                let account = self.making.account(*other)?;
                let waits = account.created_by.clone();
                (vec![PlanValue::Object(account)], waits)
            }
            After::Merged { add, remove } => (self.merged(delta.rule, add, remove), None),
        };
        let mut facts = self.making.rule_facts(self.subject, delta.rule);
        for rule in &delta.with {
            facts.extend(self.making.rule_facts(self.subject, rule));
        }
        let change = AttributeChange {
            name: delta.rule.name.clone(),
            before: self.before(delta.rule),
            after,
            merge: matches!(delta.after, After::Merged { .. }),
            rule: index(delta.rule.rule),
            facts,
            cut_from: delta.cut,
        };
        Some((change, waits))
    }

    /// What is there with some values more and some less.
    fn merged(
        &self,
        rule: &AttributeRule,
        add: &[CompactString],
        remove: &[CompactString],
    ) -> Vec<PlanValue> {
        let there = self.subject.account().map_or(&[][..], |object| {
            self.making.target.index.entry(object).values(rule.id)
        });
        let mut values: Vec<&CompactString> = there
            .iter()
            .filter(|value| !remove.contains(value))
            .chain(add)
            .collect();
        values.sort();
        values
            .into_iter()
            .map(|value| PlanValue::Text(value.to_string()))
            .collect()
    }

    fn named(&self) -> Vec<AttributeChange> {
        let given = self.making.given.get(&self.at);
        given
            .into_iter()
            .flat_map(|given| &given.attributes)
            .map(|(rule, name, format)| AttributeChange {
                name: rule.name.clone(),
                before: self.before(rule),
                after: vec![PlanValue::Text(name.to_string())],
                merge: false,
                rule: index(*format),
                facts: self.making.rule_facts(self.subject, rule),
                cut_from: None,
            })
            .collect()
    }

    fn anchor(&self) -> AttributeChange {
        let key = &self.making.target.mapping(self.subject).anchor;
        AttributeChange {
            name: key.name.clone(),
            before: Vec::new(),
            after: vec![PlanValue::Text(self.subject.anchor.to_string())],
            merge: false,
            rule: index(key.formula.rule),
            facts: self
                .making
                .facts(self.subject, key.formula.template.fields_used()),
            cut_from: None,
        }
    }

    fn create(&mut self) {
        let making = self.making;
        let mapping = making.target.mapping(self.subject);
        let mut attributes = self.named();
        let mut waits = Vec::new();
        let mut later = Vec::new();
        for delta in &self.outcome.attributes {
            let broken = making.broken.contains(&(self.at, delta.rule.id));
            let Some((change, create)) = self.attribute(delta) else {
                continue;
            };
            if broken {
                later.push((change, create));
            } else {
                attributes.push(change);
                waits.extend(create);
            }
        }
        if !attributes
            .iter()
            .any(|change| change.name == mapping.anchor.name)
        {
            attributes.push(self.anchor());
        }
        if let Some((name, rule)) = making
            .given
            .get(&self.at)
            .and_then(|given| given.cn.as_ref())
        {
            let rule_of = making.target.cn_rule(self.subject);
            attributes.push(AttributeChange {
                name: rule_of.map_or_else(|| "cn".to_owned(), |rule| rule.name.clone()),
                before: Vec::new(),
                after: vec![PlanValue::Text(name.to_string())],
                merge: false,
                rule: index(*rule),
                facts: rule_of
                    .map(|rule| making.facts(self.subject, &rule.fields))
                    .unwrap_or_default(),
                cut_from: None,
            });
        }
        sort(&mut attributes);
        let state = making.target.state(self.subject);
        let because = self.state();
        let made = self.push(
            "create",
            Action::Create {
                attributes,
                password: PasswordPolicy {
                    length: mapping.password.length,
                    must_change: mapping.password.must_change,
                },
                enable: state.enabled,
            },
            because,
            Cause::Source,
            Risk::Medium,
            waits,
        );
        if !later.is_empty() {
            let mut depends = vec![made];
            let mut attributes = Vec::with_capacity(later.len());
            for (change, create) in later {
                attributes.push(change);
                depends.extend(create);
            }
            sort(&mut attributes);
            let late = self.outcome.attributes.iter();
            let because = self.rules_reason(
                late.filter(|delta| making.broken.contains(&(self.at, delta.rule.id)))
                    .map(|delta| delta.rule),
            );
            self.push(
                "modify",
                Action::Modify { attributes },
                because,
                Cause::Source,
                Risk::Low,
                depends,
            );
        }
    }

    fn existing(&mut self, adopts: bool) {
        let making = self.making;
        let target = making.target;
        let state = target.state(self.subject);
        let Some(object) = self.subject.account() else {
            return;
        };
        let entry = target.index.entry(object);
        let mut disabled = None;
        if self.outcome.switch == Some(false) {
            let because = self.state();
            disabled = Some(self.push(
                "disable",
                Action::Disable {},
                because,
                Cause::Source,
                Risk::High,
                Vec::new(),
            ));
        }
        if adopts {
            self.adopt();
        }
        let modified = self.modify(adopts);
        let given = making.given.get(&self.at);
        let rename = given.and_then(|given| given.cn.clone());
        let move_first = given.is_some_and(|given| given.move_first);
        let mut renamed = None;
        let rename_id = change_id(
            target.name,
            &object_text(target, self.subject),
            "rename",
            "",
        );
        let move_id = change_id(target.name, &object_text(target, self.subject), "move", "");
        if let Some((name, rule)) = rename {
            let fields = target
                .cn_rule(self.subject)
                .map(|rule| rule.fields.clone())
                .unwrap_or_default();
            let because = Reason {
                text: if modified.is_some() {
                    RENAMED.to_owned()
                } else {
                    "the name differs from the mapping".to_owned()
                },
                rule: index(rule),
                facts: making.facts(self.subject, &fields),
            };
            let before = entry.dn.rdn().value;
            // All names change, or none: those in attributes first, in one step.
            let mut depends: Vec<ChangeId> = modified.into_iter().collect();
            depends.extend(move_first.then_some(move_id));
            self.push(
                "rename",
                Action::Rename {
                    before,
                    after: name.to_string(),
                    rule: index(rule),
                },
                because,
                Cause::Undetermined,
                Risk::Medium,
                depends,
            );
            renamed = Some(rename_id);
        }
        if let Some((place, rule)) = self.outcome.place {
            let leaves = !state.enabled && state.placement.is_some();
            let because = if state.placement.is_some() {
                self.state()
            } else {
                Reason {
                    text: "the account stands elsewhere than its placement".to_owned(),
                    rule: index(rule),
                    facts: making.place_facts(self.subject, rule),
                }
            };
            let mut depends: Vec<ChangeId> = Vec::new();
            if !move_first {
                depends.extend(renamed);
            }
            if leaves {
                depends.extend(disabled);
            }
            if let Some(before) = entry.dn.parent() {
                self.push(
                    "move",
                    Action::Move {
                        before,
                        after: target.index.entry(place).dn.clone(),
                        rule: index(rule),
                    },
                    because,
                    if leaves {
                        Cause::Source
                    } else {
                        Cause::Undetermined
                    },
                    if leaves { Risk::High } else { Risk::Medium },
                    depends,
                );
            }
        }
        if self.outcome.switch == Some(true) {
            let because = self.state();
            self.push(
                "enable",
                Action::Enable {},
                because,
                // Somebody may have disabled it by hand.
                Cause::Undetermined,
                Risk::Medium,
                Vec::new(),
            );
        }
    }

    fn adopt(&mut self) {
        let Found::Adopt { key, value, .. } = &self.subject.found else {
            return;
        };
        let mapping = self.making.target.mapping(self.subject);
        let Some(recognised) = mapping.adopt.get(*key) else {
            return;
        };
        let evidence = format!("{} = {value}", recognised.name);
        let because = Reason {
            text: format!("recognised by {}", recognised.name),
            rule: index(recognised.formula.rule),
            facts: self
                .making
                .facts(self.subject, recognised.formula.template.fields_used()),
        };
        let attribute = self.anchor();
        self.push(
            "adopt",
            Action::Adopt {
                attribute,
                evidence,
            },
            because,
            Cause::Undetermined,
            Risk::Medium,
            Vec::new(),
        );
    }

    /// Whether the mapping says what happens to names, and names change.
    fn is_renamed(&self) -> bool {
        let mapping = self.making.target.mapping(self.subject);
        let given = self.making.given.get(&self.at);
        mapping.renames
            && given.is_some_and(|given| given.cn.is_some() || !given.attributes.is_empty())
    }

    /// The change of attributes; gives its identity when a new `cn` belongs to it.
    fn modify(&mut self, adopts: bool) -> Option<ChangeId> {
        let anchor = self.making.target.mapping(self.subject).anchor.id;
        let mut attributes = self.named();
        let mut waits = Vec::new();
        let mut by_state = attributes.is_empty();
        let given = self.making.given.get(&self.at);
        let mut rules: Vec<&AttributeRule> = given
            .into_iter()
            .flat_map(|given| &given.attributes)
            .map(|(rule, ..)| *rule)
            .collect();
        for delta in &self.outcome.attributes {
            // Adoption writes the anchor already.
            if adopts && delta.rule.id == anchor {
                continue;
            }
            if let Some((change, create)) = self.attribute(delta) {
                attributes.push(change);
                waits.extend(create);
                by_state &= delta.rule.origin == Origin::State;
                rules.push(delta.rule);
                rules.extend(&delta.with);
            }
        }
        if attributes.is_empty() {
            return None;
        }
        sort(&mut attributes);
        let renamed = self.is_renamed();
        let risk = if attributes.iter().any(|change| is_logon_name(&change.name)) {
            Risk::Medium
        } else {
            Risk::Low
        };
        let because = if by_state {
            self.state()
        } else {
            let reason = self.rules_reason(rules.into_iter());
            Reason {
                text: if renamed {
                    RENAMED.to_owned()
                } else {
                    reason.text
                },
                ..reason
            }
        };
        let modified = self.push(
            "modify",
            Action::Modify { attributes },
            because,
            Cause::Undetermined,
            risk,
            waits,
        );
        renamed.then_some(modified)
    }
}

/// Why names change together.
const RENAMED: &str = "the person's name has changed, and names follow";

fn sort(attributes: &mut [AttributeChange]) {
    attributes.sort_by_cached_key(|change| change.name.to_ascii_lowercase());
}

/// A rule's place in the book; becomes its place in the plan's table when the plan is put together.
pub(super) fn index(rule: RuleId) -> RuleIndex {
    RuleIndex(rule.0)
}

/// A value as a plan has it.
fn plan_value(def: &AttributeDef, value: &str) -> PlanValue {
    match def.syntax {
        Syntax::Octets => PlanValue::Octets(Octets {
            base64: value.to_owned(),
        }),
        _ => PlanValue::Text(value.to_owned()),
    }
}

/// How many bytes of a fact a plan repeats; a picture stands in it once, as the value.
const SHOWN: usize = 1024;

fn bounded(fact: &mut String) {
    if fact.len() > SHOWN {
        let length = fact.len();
        let mut end = 64;
        while !fact.is_char_boundary(end) {
            end -= 1;
        }
        fact.truncate(end);
        fact.push_str(&format!("… ({length} bytes)"));
    }
}
