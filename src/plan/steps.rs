//! The changes of one person's account, and which of them waits for which.
//!
//! Keeps that whoever has left is shut out before anything else happens to their account, and that an account
//! recognised by something else is tied to its person before it is changed.

use super::attribute::works_longer;
use super::changes::{Making, change_id, index, object_text};
use super::contents::sort;
use super::evaluate::Outcome;
use super::reasons::RENAMED;
use super::risk;
use super::target::Subject;
use super::{
    Action, AttributeChange, Cause, Change, ChangeId, ObjectRef, PasswordPolicy, PersonRef,
    PlanValue, Reason, RecognisedBy, Recovery, Risk,
};
use crate::mapping::{AttributeRule, Origin};
use crate::matching::{Found, Recognised};
use crate::model::PASSWD_NOTREQD;

/// What can be brought back after a deletion.
pub(super) fn recovery_of(action: &Action) -> Recovery {
    match action {
        Action::Delete {
            restorable_days: None,
            ..
        } => Recovery::None,
        // For a time, and by hand.
        Action::Delete { .. } => Recovery::Partial,
        // Nobody knows the one before.
        Action::ResetPassword {} => Recovery::None,
        // It is disabled again; the password stays.
        Action::Enable {
            initial_password: Some(_),
        } => Recovery::Partial,
        _ => Recovery::Full,
    }
}

/// One subject and the changes made of its outcome.
pub(super) struct One<'m, 't, 'a> {
    pub(super) making: &'m Making<'t, 'a>,
    pub(super) at: u32,
    pub(super) subject: &'m Subject,
    pub(super) outcome: &'m Outcome<'t>,
    pub(super) object: ObjectRef,
    pub(super) person: PersonRef,
    pub(super) changes: Vec<Change>,
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
            _ => recovery_of(&action),
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
            privileged: false,
            unit: None,
        });
        id
    }

    pub(super) fn create(&mut self) {
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
                    .map(|rule| making.rule_facts(self.at, rule))
                    .unwrap_or_default(),
                cut_from: None,
                never_reuse: None,
            });
        }
        sort(&mut attributes);
        let state = making.target.state(self.subject);
        let mut because = self.state();
        because.text = self.comes_back().unwrap_or(because.text);
        let replaces = self.subject.former();
        let risk = risk::of_attributes(&attributes).max(Risk::Medium);
        if let Some(released) = self.released() {
            waits.push(released.id.clone());
            self.changes.push(released);
        }
        let made = self.push(
            "create",
            Action::Create {
                attributes,
                password: PasswordPolicy {
                    length: mapping.password.length,
                    must_change: mapping.password.must_change,
                },
                enable: state.enabled,
                replaces: replaces.map(|object| making.target.object(object)),
            },
            because,
            Cause::Source,
            risk,
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
            let risk = risk::of_attributes(&attributes);
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
                risk,
                depends,
            );
        }
    }

    pub(super) fn existing(&mut self, adopts: bool) {
        let making = self.making;
        let target = making.target;
        let state = target.state(self.subject);
        let Some(object) = self.subject.account() else {
            return;
        };
        let entry = target.index.entry(object);
        if self.outcome.delete {
            let anchor = target.mapping(self.subject).anchor.id;
            if let Some(action) = target.deletion(object, anchor) {
                let mut because = self.state();
                if !because.text.contains(&state.name) {
                    because.text = format!("{}: {}", state.name, because.text);
                }
                let cause = Cause::Source;
                self.push(
                    "delete",
                    action,
                    because,
                    cause,
                    Risk::Irreversible,
                    Vec::new(),
                );
            }
            return;
        }
        let mut disabled = None;
        if self.outcome.switch == Some(false) {
            let stopped = self.stopped();
            let cause = if stopped.is_some() {
                Cause::Config
            } else {
                Cause::Source
            };
            let because = stopped.unwrap_or_else(|| self.state());
            disabled = Some(self.push(
                "disable",
                Action::Disable {},
                because,
                cause,
                Risk::High,
                Vec::new(),
            ));
        }
        if self.outcome.reset {
            let because = self.state();
            self.push(
                "resetPassword",
                Action::ResetPassword {},
                because,
                Cause::Source,
                Risk::High,
                disabled.iter().cloned().collect(),
            );
        }
        if adopts {
            self.adopt();
        }
        let modified = self.modify(adopts, disabled.as_ref());
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
            let facts = target
                .cn_rule(self.subject)
                .map(|rule| making.rule_facts(self.at, rule))
                .unwrap_or_default();
            let because = Reason {
                text: if modified.is_some() {
                    RENAMED.to_owned()
                } else {
                    "the name differs from the mapping".to_owned()
                },
                rule: index(rule),
                facts,
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
            let flags = entry.value(target.known.uac);
            let flags = flags.and_then(|flags| flags.parse::<i64>().ok());
            let unfinished = flags.is_some_and(|flags| flags & PASSWD_NOTREQD != 0);
            let password = &target.mapping(self.subject).password;
            self.push(
                "enable",
                Action::Enable {
                    initial_password: unfinished.then_some(PasswordPolicy {
                        length: password.length,
                        must_change: password.must_change,
                    }),
                },
                because,
                // Somebody may have disabled it by hand.
                Cause::Undetermined,
                Risk::Medium,
                Vec::new(),
            );
        }
    }

    fn adopt(&mut self) {
        let Found::Adopt { by, .. } = &self.subject.found else {
            return;
        };
        let (evidence, because, risk, cause, recognised) = match by {
            Recognised::Key { at, value } => {
                let mapping = self.making.target.mapping(self.subject);
                let Some(recognised) = mapping.adopt.get(*at) else {
                    return;
                };
                let because = Reason {
                    text: format!("recognised by {}", recognised.name),
                    rule: index(recognised.formula.rule),
                    facts: self
                        .making
                        .facts(self.subject, recognised.formula.template.fields_used()),
                };
                let evidence = format!("{} = {value}", recognised.name);
                let by = RecognisedBy {
                    attribute: recognised.name.clone(),
                    value: value.to_string(),
                };
                let cause = Cause::Undetermined;
                (evidence, because, Risk::Medium, cause, Some(by))
            }
            Recognised::Link { rule, replaces } => {
                let because = Reason {
                    text: "settled by a link".to_owned(),
                    rule: index(*rule),
                    facts: std::collections::BTreeMap::new(),
                };
                let risk = if *replaces { Risk::High } else { Risk::Medium };
                ("a link".to_owned(), because, risk, Cause::Config, None)
            }
            Recognised::Record {
                record,
                attribute,
                value,
            } => {
                let (evidence, because) = self.converted(*record, *attribute, value);
                (evidence, because, Risk::High, Cause::Source, None)
            }
        };
        let attribute = self.anchor();
        self.push(
            "adopt",
            Action::Adopt {
                attribute,
                evidence,
                recognised,
            },
            because,
            cause,
            risk,
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
    fn modify(&mut self, adopts: bool, disabled: Option<&ChangeId>) -> Option<ChangeId> {
        let anchor = self.making.target.mapping(self.subject).anchor.id;
        let entry = self.subject.account();
        let entry = entry.map(|object| self.making.target.index.entry(object));
        let observed = |rule: &AttributeRule| entry.map_or(&[][..], |entry| entry.values(rule.id));
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
            // What did not happen is counted from nothing.
            let stamp = self.making.target.mapping(self.subject).stamp.as_ref();
            let counts = stamp.is_some_and(|stamp| std::ptr::eq(stamp, delta.rule));
            // And should the account stay open, it is not open any longer than it was.
            if counts || works_longer(delta.rule, observed(delta.rule), &delta.after) {
                waits.extend(disabled.cloned());
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
        let risk = risk::of_attributes(&attributes);
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
