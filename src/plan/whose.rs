//! Whose the accounts are that a plan changes: by the anchors it says they carry, against the mappings and against each
//! other.
//!
//! A plan names people in words, and nobody can ask the source about them. But whose an account is, its anchor tells; `apply`
//! compares that with the directory. So an account of which the plan tells no anchor, one whose anchor is another person's
//! in the same plan, and a person with two accounts are none a planner speaks of. Pure. Invariant: of a plan the planner made
//! with the same configuration nothing is said.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::stated::{Asked, Stated};
use super::{Action, AttributeChange, Change, ChangeId, ObjectRef, Plan, PlanValue};
use crate::config::Config;
use crate::config::kinds::AbsentPolicy;
use crate::lifecycle::ABSENT;
use crate::mapping::fold;
use crate::model::{Guid, Name, PersonKey, default_schema, folded};

/// What a plan says of whose accounts it changes, and a planner does not.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// A sentence each.
    pub(super) found: Vec<String>,
    /// The same in an undo: it speaks of accounts as they are now, whatever was made of them. With the target.
    pub(super) answered_for: Vec<(Name, String)>,
}

/// Judges every account of a plan. `bare` are those an undo brings back without what they had.
pub(super) fn foreign(plan: &Plan, config: &Config, bare: &HashSet<Guid>) -> Foreign {
    let stated = Stated::new(config, plan.as_of);
    let mut judge = Judge {
        plan,
        rules: rules(plan, config, &stated),
        of_targets: of_targets(config),
        absent: absent(config),
        stamps: stamps(config),
        bare,
        adoptions: HashMap::new(),
        replaced: HashMap::new(),
        makers: HashMap::new(),
        rewritten: HashSet::new(),
        owners: HashMap::new(),
        accounts: HashMap::new(),
        anchors: HashMap::new(),
        foreign: Foreign::default(),
        stated,
    };
    judge.look_around();
    for change in &plan.changes {
        judge.account(change);
        judge.written(change);
    }
    judge.foreign
}

/// What ties accounts of one target to people of one source, by one mapping.
struct Rule<'c> {
    attribute: &'c str,
    value: Option<Asked<'c>>,
}

/// What tells accounts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Account<'p> {
    Known(Guid),
    Made(&'p ChangeId),
}

type Person<'p> = (&'p Name, &'p PersonKey);

struct Judge<'p, 'c> {
    plan: &'p Plan,
    rules: BTreeMap<(&'p Name, &'p Name), Vec<Rule<'c>>>,
    /// Every attribute of a target that is an anchor by some mapping.
    of_targets: BTreeMap<&'c str, Vec<&'c str>>,
    /// Sources and targets where somebody who is missing becomes a leaver.
    absent: HashSet<(&'c str, &'c str)>,
    /// The attribute of each target that keeps since when something holds.
    stamps: BTreeMap<&'c str, &'c str>,
    bare: &'p HashSet<Guid>,
    adoptions: HashMap<Guid, Vec<&'p Change>>,
    /// Accounts a new one takes the place of, and whose.
    replaced: HashMap<Guid, Person<'p>>,
    /// Whom each creation is for.
    makers: HashMap<&'p ChangeId, Person<'p>>,
    /// Anchors the plan itself writes, in lower case.
    rewritten: HashSet<(Guid, String)>,
    owners: HashMap<(&'p Name, Guid), Person<'p>>,
    accounts: HashMap<(&'p Name, Person<'p>), Account<'p>>,
    /// Which account carries an anchor in the end, and whose it is.
    anchors: HashMap<(&'p Name, String, String), (Account<'p>, Person<'p>)>,
    foreign: Foreign,
    stated: Stated<'c>,
}

impl<'p> Judge<'p, '_> {
    /// Notes what changes say of each other's accounts.
    fn look_around(&mut self) {
        for change in &self.plan.changes {
            let person = (&change.person.source, &change.person.key);
            if let Action::Create { replaces, .. } = &change.action {
                self.makers.insert(&change.id, person);
                let former = replaces.as_ref().and_then(|former| former.guid);
                self.replaced.extend(former.map(|former| (former, person)));
            }
            let Some(guid) = change.object.guid else {
                continue;
            };
            let rules = self.rules.get(&(&change.person.source, &change.target));
            let is_anchor = |attribute: &AttributeChange| {
                let mut rules = rules.into_iter().flatten();
                rules.any(|rule| rule.attribute.eq_ignore_ascii_case(&attribute.name))
            };
            // An undo gives an anchor back by a change of attributes.
            let gives = match &change.action {
                Action::Adopt { .. } => true,
                Action::Modify { attributes } if self.plan.inputs.undoes.is_some() => attributes
                    .iter()
                    .any(|one| !one.after.is_empty() && is_anchor(one)),
                _ => false,
            };
            if gives {
                self.adoptions.entry(guid).or_default().push(change);
            }
            for attribute in attributes(change) {
                let name = attribute.name.to_ascii_lowercase();
                self.rewritten.insert((guid, name));
            }
        }
    }

    fn undoes(&self) -> bool {
        self.plan.inputs.undoes.is_some()
    }

    fn tell(&mut self, change: &Change, what: String) {
        let text = format!("change {} ({}) {what}", change.id.0, change.action.kind());
        if self.undoes() {
            let target = change.target.clone();
            self.foreign.answered_for.push((target, text));
        } else {
            self.foreign.found.push(text);
        }
    }

    /// The account a change is about, existing or not.
    fn account(&mut self, change: &'p Change) {
        let person = (&change.person.source, &change.person.key);
        let account = change.account();
        let known = self.rules.get(&(&change.person.source, &change.target));
        if known.is_none_or(Vec::is_empty) && !self.undoes() {
            let what = format!(
                "is for somebody of {}, and no mapping gives people of it accounts in {}",
                change.person.source, change.target
            );
            return self.tell(change, what);
        }
        let which = match (account.guid, &account.created_by) {
            (Some(guid), _) => Account::Known(guid),
            (None, Some(by)) => {
                if self.makers.get(by).is_some_and(|maker| *maker != person) {
                    let what = format!(
                        "is for {}, and the account it speaks of is made for somebody else",
                        change.person.spoken()
                    );
                    self.tell(change, what);
                }
                Account::Made(by)
            }
            // Said elsewhere.
            (None, None) => return,
        };
        // What an undo speaks of, the earlier plan has said: two people can have had one account after each other.
        if !self.undoes() && !self.stamps_nobody(change) {
            self.one_each(change, which, person);
        }
        if let Some(guid) = account.guid {
            self.existing(change, account, guid);
        }
    }

    /// One account is one person's, and one person has one; but for what a new one takes the place of.
    fn one_each(&mut self, change: &'p Change, which: Account<'p>, person: Person<'p>) {
        let account = change.account();
        if let Account::Known(guid) = which {
            let owner = *self.owners.entry((&change.target, guid)).or_insert(person);
            if owner != person {
                let what = format!(
                    "says {} is the account of {}, and another change says it is that of {} of {}",
                    account.dn.spoken(),
                    change.person.spoken(),
                    owner.1,
                    owner.0
                );
                self.tell(change, what);
            }
            if let Some(former) = self.replaced.get(&guid) {
                if *former != person || !matches!(change.action, Action::Modify { .. }) {
                    let what = format!(
                        "is about {}, which a new account takes the place of: such a one is only released",
                        account.dn.spoken()
                    );
                    self.tell(change, what);
                }
                return;
            }
        }
        let key = (&change.target, person);
        if *self.accounts.entry(key).or_insert(which) != which {
            let what = format!(
                "is about {}, and other changes are about another account of {}",
                account.dn.spoken(),
                change.person.spoken()
            );
            self.tell(change, what);
        }
    }

    /// An existing account: it carries an anchor of its mapping, or is given one first.
    fn existing(&mut self, change: &'p Change, account: &'p ObjectRef, guid: Guid) {
        let person = (&change.person.source, &change.person.key);
        let rules = self.rules.get(&(&change.person.source, &change.target));
        let rules = rules.map_or(&[][..], Vec::as_slice);
        let of_target = self.of_targets.get(change.target.as_str());
        let mut told_of = Vec::new();
        for name in account.anchor.keys() {
            let mut known = of_target.into_iter().flatten();
            if !known.any(|known| known.eq_ignore_ascii_case(name)) {
                told_of.push(format!(
                    "says that {name} tells whose {} is, which no mapping has as its anchor",
                    account.dn.spoken()
                ));
            }
        }
        let carried: Vec<(&str, &str, Option<String>)> = rules
            .iter()
            .filter_map(|rule| {
                let value = anchor(account, rule.attribute)?;
                let wanted = rule.value.as_ref();
                let wanted = wanted.and_then(|asked| self.stated.with_key(asked, &change.person));
                Some((rule.attribute, value, wanted.map(String::from)))
            })
            .collect();
        // An undo gives everything back in the other order, the anchor among it.
        let undoes = self.undoes();
        let adoptions = self.adoptions.get(&guid).into_iter().flatten();
        let mut adoptions = adoptions.filter(|adopts| {
            undoes || adopts.id == change.id || change.depends_on.contains(&adopts.id)
        });
        let adopted = adoptions.next().is_some();
        let released = self.replaced.contains_key(&guid);
        let missing = change.person.key.as_str().strip_prefix(ABSENT);
        let missing = missing.and_then(|rest| rest.strip_prefix(':'));
        let bare = self.bare.contains(&guid);
        if carried.is_empty() && !adopted && !bare {
            told_of.push(format!(
                "is about {}, said to be the account of {}, and the plan tells no anchor of it",
                account.dn.spoken(),
                change.person.spoken()
            ));
        }
        for (attribute, value, wanted) in &carried {
            let other = wanted
                .as_ref()
                .filter(|wanted| !is_same_key(attribute, wanted, value));
            if let Some(wanted) = other.filter(|_| !adopted && !released) {
                told_of.push(format!(
                    "is about {}, which carries {attribute} {value:?}, and that of {} is {wanted:?}",
                    account.dn.spoken(),
                    change.person.spoken()
                ));
            }
        }
        if let Some(missing) = missing {
            let is =
                |(attribute, value, _): &(&str, &str, _)| is_same_key(attribute, missing, value);
            if !carried.iter().any(is) {
                told_of.push(format!(
                    "is about {}, said to be the account of nobody, whose anchor was {missing:?}, and it carries another",
                    account.dn.spoken()
                ));
            }
            told_of.extend(self.of_nobody(change));
        }
        let kept: Vec<(String, String)> = carried
            .iter()
            .map(|(attribute, value, _)| (attribute.to_ascii_lowercase(), (*value).to_owned()))
            .filter(|(attribute, _)| !self.rewritten.contains(&(guid, attribute.clone())))
            .collect();
        for what in told_of {
            self.tell(change, what);
        }
        if !self.stamps_nobody(change) {
            for (attribute, value) in kept {
                self.carries(change, Account::Known(guid), person, &attribute, &value);
            }
        }
    }

    /// True of a change that only says since when nobody has an account, or does so no more. Of two accounts with the anchor
    /// of somebody missing neither is anybody's, and a planner may correct the stamp of each.
    fn stamps_nobody(&self, change: &Change) -> bool {
        let key = change.person.key.as_str().strip_prefix(ABSENT);
        let stamp = self.stamps.get(change.target.as_str());
        let (Some(stamp), Action::Modify { attributes }) = (stamp, &change.action) else {
            return false;
        };
        key.is_some_and(|key| key.starts_with(':'))
            && attributes
                .iter()
                .all(|one| one.name.eq_ignore_ascii_case(stamp))
    }

    /// What is never done to the account of somebody who is missing.
    fn of_nobody(&self, change: &Change) -> Option<String> {
        if self.undoes() {
            return None;
        }
        let pair = (change.person.source.as_str(), change.target.as_str());
        if !self.absent.contains(&pair) {
            let counting = matches!(&change.action, Action::Modify { .. });
            // Stamps are cleared wherever they stand.
            return (!counting).then(|| {
                format!(
                    "is about the account of nobody, and no lifecycle says that somebody missing from {} becomes a leaver",
                    change.person.source
                )
            });
        }
        let never = matches!(
            change.action,
            Action::Create { .. }
                | Action::Adopt { .. }
                | Action::Enable { .. }
                | Action::Rename { .. }
                | Action::AddMember { .. }
        );
        never.then(|| {
            "is about the account of nobody, for whom such a thing is never done".to_owned()
        })
    }

    /// One anchor stands on one account, and is one person's.
    fn carries(
        &mut self,
        change: &'p Change,
        account: Account<'p>,
        person: Person<'p>,
        attribute: &str,
        value: &str,
    ) {
        let key = (
            &change.target,
            attribute.to_ascii_lowercase(),
            folded_value(attribute, value),
        );
        let (other, owner) = *self.anchors.entry(key).or_insert((account, person));
        if other != account {
            // Nobody can answer for that, not even in an undo: matching would know no account of theirs any more.
            self.foreign.found.push(format!(
                "change {} ({}) leaves {attribute} {value:?} on two accounts, of which {} is one",
                change.id.0,
                change.action.kind(),
                change.account().dn.spoken()
            ));
        } else if owner != person {
            let what = format!(
                "says {attribute} {value:?} is the anchor of {}, and another change says it is that of {} of {}",
                change.person.spoken(),
                owner.1,
                owner.0
            );
            self.tell(change, what);
        }
    }

    /// The anchors a change writes.
    fn written(&mut self, change: &'p Change) {
        let person = (&change.person.source, &change.person.key);
        let Some(rules) = self.rules.get(&(&change.person.source, &change.target)) else {
            return;
        };
        let is_anchor = |attribute: &AttributeChange| {
            let mut rules = rules.iter();
            rules.find(|rule| rule.attribute.eq_ignore_ascii_case(&attribute.name))
        };
        let all: &[AttributeChange] = match &change.action {
            Action::Create { attributes, .. } | Action::Modify { attributes } => attributes,
            Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
            Action::Delete {
                anchor: name,
                before,
                ..
            } => {
                let known = rules
                    .iter()
                    .any(|rule| rule.attribute.eq_ignore_ascii_case(name));
                let was = before.get(name).and_then(|values| values.first()).map(text);
                let stands = anchor(&change.object, name);
                let agree = match (was, stands) {
                    (Some(was), Some(stands)) => is_same_key(name, was, stands),
                    _ => false,
                };
                if !known || !agree {
                    let what = format!(
                        "deletes {}, and does not tell its anchor as the mapping has it",
                        change.object.dn.spoken()
                    );
                    self.tell(change, what);
                }
                return;
            }
            _ => return,
        };
        let account = match (change.object.guid, &change.action) {
            (Some(guid), _) => Account::Known(guid),
            (None, Action::Create { .. }) => Account::Made(&change.id),
            (None, _) => return,
        };
        let mut told_of = Vec::new();
        let mut given = Vec::new();
        for attribute in all {
            let Some(rule) = is_anchor(attribute) else {
                continue;
            };
            let name = rule.attribute;
            let wanted = rule.value.as_ref().and_then(|asked| {
                let by_key = self.stated.with_key(asked, &change.person);
                by_key.or_else(|| {
                    let facts = &attribute.facts;
                    let given = self.stated.with_facts(asked, &change.person, facts);
                    given.ok().flatten()
                })
            });
            let before = attribute.before.first().map(text);
            let stands = anchor(&change.object, name);
            let as_stated = match (before, stands) {
                (None, None) => true,
                (Some(before), Some(stands)) => is_same_key(name, before, stands),
                _ => false,
            };
            if !as_stated {
                told_of.push(format!(
                    "says of {} both that it carries {name} {} and {}",
                    change.object.dn.spoken(),
                    quoted(before),
                    quoted(stands)
                ));
            }
            let after: Vec<&str> = attribute.after.iter().map(text).collect();
            match (after.as_slice(), &change.action) {
                ([value], Action::Create { .. } | Action::Adopt { .. }) => {
                    if let Some(wanted) = wanted.filter(|wanted| !is_same_key(name, wanted, value)) {
                        told_of.push(format!(
                            "gives the account of {} {name} {value:?}, and theirs is {wanted:?}",
                            change.person.spoken()
                        ));
                    }
                    given.push((name.to_owned(), (*value).to_owned()));
                }
                (_, Action::Create { .. } | Action::Adopt { .. }) => told_of.push(format!(
                    "gives {} {} values of {name}, and an anchor is one",
                    change.object.dn.spoken(),
                    after.len()
                )),
                // Another mapping's anchor may be an attribute like every other for this one.
                _ if rules.len() > 1 => given.extend(
                    after
                        .iter()
                        .map(|value| (name.to_owned(), (*value).to_owned())),
                ),
                ([], _) if change.object.guid.is_some_and(|guid| self.replaced.get(&guid) == Some(&person)) => {}
                _ if self.undoes() => {
                    // Whoever gives an account an anchor gives the account to somebody; nothing in a plan proves that it
                    // was theirs. What comes back bare had its anchor taken by the directory.
                    let bare = change.object.guid.is_some_and(|guid| self.bare.contains(&guid));
                    if !after.is_empty() && !bare {
                        told_of.push(format!(
                            "gives {} back {name} {}, by which it is the account of whoever has that",
                            change.object.dn.spoken(),
                            after.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
                        ));
                    }
                    given.extend(
                        after
                            .iter()
                            .map(|value| (name.to_owned(), (*value).to_owned())),
                    );
                }
                _ => told_of.push(format!(
                    "writes {name} of {}, which only an adoption does, and the release of an account that a new one takes the place of",
                    change.object.dn.spoken()
                )),
            }
        }
        let names = all.iter().any(|attribute| is_anchor(attribute).is_some());
        if matches!(change.action, Action::Create { .. }) && !names {
            let names: Vec<&str> = rules.iter().map(|rule| rule.attribute).collect();
            told_of.push(format!(
                "makes an account without {}, so that nothing tells whose it is",
                names.join(" or ")
            ));
        }
        if matches!(change.action, Action::Adopt { .. }) && !names {
            told_of.push(format!(
                "adopts {} by what is no anchor of people of {}",
                change.object.dn.spoken(),
                change.person.source
            ));
        }
        for what in told_of {
            self.tell(change, what);
        }
        for (attribute, value) in given {
            self.carries(change, account, person, &attribute, &value);
        }
    }
}

/// The anchors of the mappings for everybody the plan speaks of.
fn rules<'p, 'c>(
    plan: &'p Plan,
    config: &'c Config,
    stated: &Stated<'c>,
) -> BTreeMap<(&'p Name, &'p Name), Vec<Rule<'c>>> {
    let mut rules = BTreeMap::new();
    for change in &plan.changes {
        let (source, target) = (&change.person.source, &change.target);
        rules.entry((source, target)).or_insert_with(|| {
            let mappings = config.mappings.values();
            let mappings = mappings.filter(|mapping| {
                mapping.spec.source == source.as_str() && mapping.spec.target == target.as_str()
            });
            let rules = mappings.map(|mapping| {
                let anchor = &mapping.spec.matching.anchor;
                Rule {
                    attribute: &anchor.attribute,
                    value: stated.template(source.as_str(), &anchor.value, false),
                }
            });
            rules.collect()
        });
    }
    rules
}

fn of_targets(config: &Config) -> BTreeMap<&str, Vec<&str>> {
    let mut anchors: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for mapping in config.mappings.values() {
        let spec = &mapping.spec;
        let of_target = anchors.entry(spec.target.as_str()).or_default();
        of_target.push(&spec.matching.anchor.attribute);
    }
    anchors
}

fn stamps(config: &Config) -> BTreeMap<&str, &str> {
    let targets = config.directories.iter();
    targets
        .filter_map(|(name, target)| {
            let stamp = target.spec.stamp.as_ref()?;
            Some((name.as_str(), stamp.attribute.as_str()))
        })
        .collect()
}

fn absent(config: &Config) -> HashSet<(&str, &str)> {
    let lifecycles = config.lifecycles.values();
    lifecycles
        .filter(|lifecycle| matches!(lifecycle.spec.absent, AbsentPolicy::Leaver(_)))
        .map(|lifecycle| {
            (
                lifecycle.spec.source.as_str(),
                lifecycle.spec.target.as_str(),
            )
        })
        .collect()
}

/// The attributes of an existing account that a change writes.
fn attributes(change: &Change) -> &[AttributeChange] {
    match &change.action {
        Action::Modify { attributes } => attributes,
        Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
        _ => &[],
    }
}

fn anchor<'o>(account: &'o ObjectRef, attribute: &str) -> Option<&'o str> {
    let mut anchor = account.anchor.iter();
    let found = anchor.find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map(|(_, value)| value.as_str())
}

fn text(value: &PlanValue) -> &str {
    match value {
        PlanValue::Text(text) => text,
        PlanValue::Octets(octets) => &octets.base64,
        PlanValue::Object(object) => object.dn.as_str(),
    }
}

/// The form in which two values of an attribute are equal that matching takes for one.
pub fn folded_value(attribute: &str, value: &str) -> String {
    match default_schema().get(attribute) {
        Some(def) => fold(def, value).into(),
        None => value.trim().chars().flat_map(folded).collect(),
    }
}

/// Whether accounts with either value of an attribute would be taken for one person's, as matching compares values.
pub fn is_same_key(attribute: &str, one: &str, other: &str) -> bool {
    folded_value(attribute, one) == folded_value(attribute, other)
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}
