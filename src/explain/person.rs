//! A person, and what each target comes to for them.

use super::{
    ExplainedChange, ExplainedCondition, ExplainedException, ExplainedFact, ExplainedGuard,
    ExplainedHeld, ExplainedInactive, ExplainedNext, ExplainedPerson, ExplainedRecord,
    ExplainedRecords, ExplainedState, Explanation, OnTarget, Whole,
};
use crate::model::{FieldIndex, Guid, Location, Name, Person, PersonKey};
use crate::plan::{Action, Assessment, CalendarEffect, Change, Held, PersonRef, RuleIndex};

impl Whole<'_> {
    pub(super) fn person(&self, source: &Name, key: &PersonKey) -> Explanation {
        let person = self
            .input
            .people
            .get(source)
            .and_then(|read| read.people.iter().find(|person| person.key == *key));
        let mut targets: Vec<Name> = self.plan.targets.keys().cloned().collect();
        targets.retain(|target| {
            self.config.mappings.values().any(|mapping| {
                mapping.spec.source == source.as_str() && mapping.spec.target == target.as_str()
            })
        });
        Explanation {
            person: person.map(|person| self.facts(source, person)),
            targets: targets
                .iter()
                .map(|target| self.on_target(target, source, key))
                .collect(),
            exceptions: self
                .plan
                .exceptions
                .iter()
                .filter(|one| one.person.source == *source && one.person.key == *key)
                .map(|one| ExplainedException {
                    target: one.target.clone(),
                    what: one.what.clone(),
                    owner: one.owner.clone(),
                    reason: one.reason.clone(),
                    ticket: one.ticket.clone(),
                    expires: one.expires.clone(),
                    standing: one.standing,
                    location: self.location(one.rule),
                })
                .collect(),
        }
    }

    fn facts(&self, source: &Name, person: &Person) -> ExplainedPerson {
        let read = &self.input.people[source];
        let document = self.config.sources.get(source);
        let fields = read.header.fields.iter().enumerate();
        let facts = fields
            .map(|(at, field)| {
                let index = FieldIndex(u16::try_from(at).unwrap_or(u16::MAX));
                let declared = document.and_then(|document| {
                    let spec = document.spec.person.fields.get(field.name.as_str())?;
                    let pointer = format!("/spec/person/fields/{}", field.name);
                    Some((spec.from.clone(), document.positions.key(&pointer)))
                });
                let (from, location) = declared.unwrap_or_else(|| {
                    let nowhere = Location {
                        file: "".into(),
                        line: 0,
                        column: 0,
                    };
                    (String::new(), nowhere)
                });
                ExplainedFact {
                    field: field.name.clone(),
                    value: person.fact(index).map(ToString::to_string),
                    fault: person
                        .faults
                        .iter()
                        .find(|fault| fault.field == index)
                        .map(|fault| fault.reason.clone())
                        .or_else(|| {
                            let why = "the field stood in no row of the read".to_owned();
                            (!field.delivered).then_some(why)
                        }),
                    from,
                    location,
                }
            })
            .collect();
        let label = document
            .and_then(|document| document.spec.person.label.as_deref())
            .unwrap_or("displayName");
        let at = read
            .header
            .fields
            .iter()
            .position(|field| field.name.as_str() == label);
        let label = at
            .and_then(|at| person.fact(FieldIndex(u16::try_from(at).ok()?)))
            .map_or_else(|| person.key.to_string(), ToString::to_string);
        ExplainedPerson {
            source: source.clone(),
            key: person.key.clone(),
            label,
            in_scope: person.in_scope,
            records: self.records.as_ref().map(|found| {
                let record = |person: &PersonRef, in_scope| ExplainedRecord {
                    key: person.key.clone(),
                    label: person.label.clone(),
                    in_scope,
                };
                ExplainedRecords {
                    is_primary: found.primary.key == person.key,
                    primary: record(&found.primary, true),
                    others: found
                        .others
                        .iter()
                        .map(|(person, in_scope)| record(person, *in_scope))
                        .collect(),
                    chosen: found
                        .chosen
                        .as_ref()
                        .map(|(text, location)| ExplainedCondition {
                            text: text.clone(),
                            location: location.clone(),
                            holds: true,
                        }),
                    location: found.by.clone(),
                }
            }),
            facts,
            joins: person.held.iter().map(|held| held.reason.clone()).collect(),
        }
    }

    fn on_target(&self, target: &Name, source: &Name, key: &PersonKey) -> OnTarget {
        let assessed = self
            .trace
            .people
            .iter()
            .find(|one| one.target == *target && one.source == *source && one.key == *key);
        let changes: Vec<&Change> = self
            .plan
            .changes
            .iter()
            .filter(|change| {
                change.target == *target
                    && change.person.source == *source
                    && change.person.key == *key
            })
            .collect();
        let held: Vec<&Held> = self
            .plan
            .held
            .iter()
            .filter(|held| {
                held.person
                    .as_ref()
                    .is_some_and(|person| person.source == *source && person.key == *key)
            })
            .collect();
        let account = assessed.and_then(|one| one.account);
        OnTarget {
            target: target.clone(),
            mapping: assessed.map(|one| one.mapping.clone()),
            state: assessed.map(|one| self.state(one)),
            accounts: self.accounts(target, assessed, &changes, &held),
            attributes: self.attributes(target, account, &changes),
            groups: self.groups(target, account, &changes),
            changes: changes
                .iter()
                .filter_map(|change| {
                    Some(ExplainedChange {
                        what: words(&change.action)?,
                        reason: change.because.text.clone(),
                        location: self.location(change.because.rule),
                    })
                })
                .collect(),
            held: held.into_iter().map(|held| self.held(held)).collect(),
            guards: self.guards(target),
            calendar: self
                .plan
                .calendar
                .iter()
                .filter(|entry| {
                    entry.target == *target
                        && entry.person.source == *source
                        && entry.person.key == *key
                })
                .map(|entry| ExplainedNext {
                    on: entry.on.to_string(),
                    from: entry.from.clone(),
                    to: entry.to.clone(),
                    deleted: entry.does.contains(&CalendarEffect::Delete),
                    location: self.location(entry.rule),
                })
                .collect(),
        }
    }

    /// Limits that count the watched person's changes.
    fn guards(&self, target: &Name) -> Vec<ExplainedGuard> {
        let touching = self.trace.guards.iter();
        touching
            .filter(|(outcome, _)| outcome.target == *target)
            .map(|(outcome, location)| ExplainedGuard {
                guard: outcome.guard.clone(),
                part: outcome.part(),
                counts: outcome.counts.clone(),
                limit: outcome.limit.clone(),
                counted: outcome.counted,
                base: outcome.base,
                of: match (outcome.base, outcome.base_is()) {
                    (1, (one, _)) => one,
                    (_, (_, several)) => several,
                },
                allowed: outcome.allowed,
                verdict: outcome.verdict,
                location: location.clone(),
            })
            .collect()
    }

    pub(super) fn held(&self, held: &Held) -> ExplainedHeld {
        ExplainedHeld {
            code: held.code.clone(),
            reason: held.reason.clone(),
            help: held.help.clone(),
            partial: held.partial,
            location: held.rule.map(|rule| self.location(rule)),
        }
    }

    pub(super) fn location(&self, rule: RuleIndex) -> Location {
        self.plan.rules[rule.0 as usize].location.clone()
    }

    fn state(&self, assessed: &Assessment) -> ExplainedState {
        let tried = self
            .trace
            .rules
            .iter()
            .filter(|rule| {
                rule.is_condition
                    && rule.pointer.starts_with("/spec/states/")
                    && rule.pointer.ends_with("/when")
                    && rule.location.file == assessed.state_rule.file
                    && (rule.watch.was_true() || rule.watch.was_false())
            })
            .map(|rule| ExplainedCondition {
                text: rule.text.clone(),
                location: rule.location.clone(),
                holds: rule.watch.was_true(),
            })
            .collect();
        ExplainedState {
            name: assessed.state.clone(),
            location: assessed.state_rule.clone(),
            tried,
            inactive: assessed.inactive.and_then(|then| {
                let mut lifecycles = self.config.lifecycles.values();
                let lifecycle = lifecycles.find(|one| {
                    let at = one.positions.value("/spec/states");
                    at.file == assessed.state_rule.file
                        && one.spec.target == assessed.target.as_str()
                        && one.spec.source == assessed.source.as_str()
                })?;
                Some(ExplainedInactive {
                    then,
                    location: lifecycle.positions.value("/spec/inactive"),
                })
            }),
        }
    }

    /// The account of an account that is nobody's.
    pub(super) fn unowned(&self, account: Option<&(Name, Guid)>) -> Explanation {
        let targets = account
            .map(|(target, guid)| OnTarget {
                target: target.clone(),
                mapping: None,
                state: None,
                accounts: self.one_account(target, *guid, "nobody's account", None),
                attributes: Vec::new(),
                groups: self.groups(target, Some(*guid), &[]),
                changes: Vec::new(),
                held: self
                    .plan
                    .held
                    .iter()
                    .filter(|held| held.accounts.iter().any(|one| one.guid == Some(*guid)))
                    .map(|held| self.held(held))
                    .collect(),
                guards: Vec::new(),
                calendar: Vec::new(),
            })
            .into_iter()
            .collect();
        Explanation {
            person: None,
            targets,
            exceptions: Vec::new(),
        }
    }
}

/// What a change does; attributes and memberships are told elsewhere.
fn words(action: &Action) -> Option<String> {
    Some(match action {
        Action::Create { enable: true, .. } => "create the account, enabled".to_owned(),
        Action::Create { enable: false, .. } => "create the account, disabled".to_owned(),
        Action::Adopt { evidence, .. } => format!("adopt the account ({evidence})"),
        Action::Enable {
            initial_password: None,
        } => "enable the account".to_owned(),
        Action::Enable {
            initial_password: Some(_),
        } => "give the account a new initial password, and enable it (none is required of it now: PASSWD_NOTREQD)".to_owned(),
        Action::Disable {} => "disable the account".to_owned(),
        Action::ResetPassword {} => {
            "replace the password by a random one that nobody keeps".to_owned()
        }
        Action::Rename { before, after, .. } => format!("rename it from {before} to {after}"),
        Action::Move { before, after, .. } => format!("move it from {before} to {after}"),
        Action::Delete {
            restorable_days: Some(days),
            ..
        } => format!("delete the account; it can be brought back for {days} days"),
        Action::Delete { .. } => "delete the account; it cannot be brought back".to_owned(),
        Action::Restore { .. } => "bring the deleted account back".to_owned(),
        Action::Modify { .. } | Action::AddMember { .. } | Action::RemoveMember { .. } => {
            return None;
        }
    })
}
