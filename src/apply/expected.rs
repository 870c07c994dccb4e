//! Whether an object is still the one the plan speaks of: called and placed as it says, and whose it says.
//!
//! Changes go by `objectGUID`, and people read names. Where the two say different things, somebody approved a change of
//! another object than the one that would be written. The anchor tells whose an account is, whatever it is called. What
//! the plan's own changes make of a name or an anchor counts as the plan's. Must not know the directory.

use std::collections::{BTreeMap, HashMap};

use super::Bounds;
use super::outcome::{ChangeOutcome, Difference};
use crate::connector::LiveEntry;
use crate::model::{DnKey, Guid, Name};
use crate::plan::{Action, AttributeChange, Change, ObjectRef, Plan, PlanValue, is_same_key};

const ACCOUNT_NAME: &str = "sAMAccountName";

/// What a plan says objects are, and what it makes of them.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Relative names, in lower case.
    names: HashMap<Guid, Vec<String>>,
    places: HashMap<Guid, Vec<DnKey>>,
    /// Attributes that tell whose an account is.
    anchors: BTreeMap<Name, Vec<String>>,
    /// What the plan itself puts into them.
    given: HashMap<Guid, Vec<Given>>,
}

/// What a change makes of an anchor.
#[derive(Debug)]
struct Given {
    attribute: String,
    /// Nothing stood there before.
    from_nothing: bool,
    /// None when it is taken away.
    value: Option<String>,
}

impl Expected {
    pub(super) fn of(plan: &Plan, bounds: &BTreeMap<Name, Bounds>) -> Self {
        let mut expected = Self {
            anchors: anchors(plan, bounds),
            ..Self::default()
        };
        for change in &plan.changes {
            let Some(guid) = change.object.guid else {
                continue;
            };
            match &change.action {
                Action::Rename { after, .. } => {
                    let names = expected.names.entry(guid).or_default();
                    names.push(after.to_lowercase());
                }
                Action::Move { after, .. } => {
                    expected.places.entry(guid).or_default().push(after.key());
                }
                _ => {}
            }
            let anchors = expected.anchors.get(&change.target);
            for attribute in written(change) {
                if anchors.is_some_and(|all| has(all, &attribute.name)) {
                    let given = expected.given.entry(guid).or_default();
                    given.push(Given {
                        attribute: attribute.name.clone(),
                        from_nothing: attribute.before.is_empty(),
                        value: attribute.after.first().map(text),
                    });
                }
            }
        }
        expected
    }

    /// The attributes that tell whose an account is, by target.
    pub(super) fn anchors(&self) -> &BTreeMap<Name, Vec<String>> {
        &self.anchors
    }

    /// Adds to what is asked of an object whatever tells that it is the one a change speaks of.
    pub(super) fn ask(&self, change: &Change, guid: Guid, asked: &mut Vec<String>) {
        let mut add = |name: &str| {
            if !has(asked, name) {
                asked.push(name.to_owned());
            }
        };
        if account(change).guid == Some(guid) {
            if let Action::Adopt {
                recognised: Some(by),
                ..
            } = &change.action
            {
                add(&by.attribute);
            }
            let anchors = self.anchors.get(&change.target);
            anchors.into_iter().flatten().for_each(|name| add(name));
        } else if change.object.account_name.is_some() {
            add(ACCOUNT_NAME);
        }
    }

    /// What to ask of an object that values refer to.
    pub(super) fn asked_of_reference(&self, change: &Change, object: &ObjectRef) -> &[String] {
        match object.anchor.is_empty() {
            true => &[],
            false => self.anchors.get(&change.target).map_or(&[], Vec::as_slice),
        }
    }

    /// Whether an object that values refer to is another person's than the plan says.
    pub(super) fn refers_elsewhere(
        &self,
        change: &Change,
        object: &ObjectRef,
        entry: &LiveEntry,
    ) -> bool {
        !object.anchor.is_empty()
            && self
                .of_somebody_else(&change.target, &[], object, entry)
                .is_some()
    }

    /// Why an object a change speaks of is not what the plan says it is.
    pub(super) fn stranger(&self, change: &Change, entry: &LiveEntry) -> Option<ChangeOutcome> {
        let of_account = account(change);
        let mut spoken_of = [&change.object, of_account].into_iter();
        let object = spoken_of.find(|object| object.guid == Some(entry.guid))?;
        if !self.is_called(object, entry) {
            return Some(conflict(
                format!(
                    "the plan says {}, and the directory has {} with its objectGUID: renamed or moved since, or another object",
                    object.dn.spoken(),
                    entry.dn.spoken()
                ),
                "distinguishedName",
                Some(object.dn.as_str()),
                &[entry.dn.as_str().to_owned()],
            ));
        }
        if of_account.guid == Some(entry.guid) {
            if let Some(outcome) = unrecognised(change, entry) {
                return Some(outcome);
            }
            let own: Vec<&str> = written(change).map(|one| one.name.as_str()).collect();
            return self.of_somebody_else(&change.target, &own, of_account, entry);
        }
        let planned = object.account_name.as_ref()?;
        let found = entry.values(ACCOUNT_NAME);
        let same = |found: &String| is_same_key(ACCOUNT_NAME, planned, found);
        (!found.iter().any(same)).then(|| {
            conflict(
                format!(
                    "the plan says the {ACCOUNT_NAME} of {} is {planned:?}, and {}",
                    object.dn.spoken(),
                    stands(found)
                ),
                ACCOUNT_NAME,
                Some(planned),
                found,
            )
        })
    }

    /// Why an account is not that of the person the plan says it is. What the change itself writes (`own`) it compares
    /// itself.
    fn of_somebody_else(
        &self,
        target: &Name,
        own: &[&str],
        account: &ObjectRef,
        entry: &LiveEntry,
    ) -> Option<ChangeOutcome> {
        let anchors = self.anchors.get(target)?;
        let given = self.given.get(&entry.guid);
        for attribute in anchors {
            if own.iter().any(|name| name.eq_ignore_ascii_case(attribute)) {
                continue;
            }
            let planned = planned(account, attribute);
            let found = entry.values(attribute);
            let given = given.into_iter().flatten();
            let mut given = given.filter(|one| one.attribute.eq_ignore_ascii_case(attribute));
            let is = |value: Option<&str>| match value {
                Some(value) => found.iter().any(|one| is_same_key(attribute, value, one)),
                None => found.is_empty(),
            };
            if is(planned)
                || given.any(|one| is(one.value.as_deref()) || one.from_nothing && is(None))
            {
                continue;
            }
            let says = match planned {
                Some(value) => format!("carries {attribute} {value:?}"),
                None => format!("carries no {attribute}"),
            };
            return Some(conflict(
                format!(
                    "the plan says the account {says}, and {}: it is somebody else's by now, or another account",
                    stands(found)
                ),
                attribute,
                planned,
                found,
            ));
        }
        None
    }

    fn is_called(&self, object: &ObjectRef, entry: &LiveEntry) -> bool {
        if object.dn.key() == entry.dn.key() {
            return true;
        }
        let name = entry.dn.rdn().value.to_lowercase();
        let named = object.dn.rdn().value.to_lowercase() == name
            || self
                .names
                .get(&entry.guid)
                .is_some_and(|names| names.contains(&name));
        let place = entry.dn.parent().map(|parent| parent.key());
        let placed = object.dn.parent().map(|parent| parent.key()) == place
            || place.is_some_and(|place| {
                let places = self.places.get(&entry.guid);
                places.is_some_and(|places| places.contains(&place))
            });
        named && placed
    }
}

/// Why an account that is to be adopted is not the one that was recognised. One that is adopted already is: what it was
/// recognised by may have been changed since, by this plan among others.
fn unrecognised(change: &Change, entry: &LiveEntry) -> Option<ChangeOutcome> {
    let Action::Adopt {
        attribute,
        recognised: Some(by),
        ..
    } = &change.action
    else {
        return None;
    };
    let anchor = entry.values(&attribute.name);
    let adopted = attribute.after.first().map(text);
    let adopted = adopted.is_some_and(|value| {
        let mut found = anchor.iter();
        found.any(|found| is_same_key(&attribute.name, &value, found))
    });
    let found = entry.values(&by.attribute);
    let mut same = found
        .iter()
        .filter(|found| is_same_key(&by.attribute, &by.value, found));
    (!adopted && same.next().is_none()).then(|| {
        conflict(
            format!(
                "the plan recognised the account by {} {:?}, and {}",
                by.attribute,
                by.value,
                stands(found)
            ),
            &by.attribute,
            Some(&by.value),
            found,
        )
    })
}

/// The attributes that tell whose an account is: by the configuration, and whatever else a plan names as one.
fn anchors(plan: &Plan, bounds: &BTreeMap<Name, Bounds>) -> BTreeMap<Name, Vec<String>> {
    let mut anchors: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    let mut add = |target: &Name, name: &str| {
        let known = anchors.get_mut(target);
        match known {
            Some(known) if has(known, name) => {}
            Some(known) => known.push(name.to_owned()),
            None => drop(anchors.insert(target.clone(), vec![name.to_owned()])),
        }
    };
    for (target, bounds) in bounds {
        bounds.anchors.iter().for_each(|name| add(target, name));
    }
    for change in &plan.changes {
        for name in account(change).anchor.keys() {
            add(&change.target, name);
        }
        if let Action::Adopt { attribute, .. } = &change.action {
            add(&change.target, &attribute.name);
        }
    }
    anchors
}

/// The account a change is about: the member where a group is written.
fn account(change: &Change) -> &ObjectRef {
    match &change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => member,
        _ => &change.object,
    }
}

/// The attributes of an existing account that a change writes.
fn written(change: &Change) -> impl Iterator<Item = &AttributeChange> {
    let attributes: &[AttributeChange] = match &change.action {
        Action::Modify { attributes } => attributes,
        Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
        _ => &[],
    };
    attributes.iter()
}

fn planned<'o>(account: &'o ObjectRef, attribute: &str) -> Option<&'o str> {
    let mut anchor = account.anchor.iter();
    let found = anchor.find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map(|(_, value)| value.as_str())
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn text(value: &PlanValue) -> String {
    match value {
        PlanValue::Text(text) => text.clone(),
        PlanValue::Octets(octets) => octets.base64.clone(),
        PlanValue::Object(object) => object.dn.as_str().to_owned(),
    }
}

fn stands(found: &[String]) -> String {
    match found {
        [] => "nothing stands there".to_owned(),
        found => format!("{:?} stands there", found.join(", ")),
    }
}

fn conflict(
    message: String,
    attribute: &str,
    planned: Option<&str>,
    found: &[String],
) -> ChangeOutcome {
    let planned: Vec<String> = planned.map(str::to_owned).into_iter().collect();
    ChangeOutcome::Conflict {
        message,
        differences: vec![Difference {
            attribute: attribute.to_owned(),
            before: planned.clone(),
            planned,
            found: found.to_vec(),
        }],
    }
}
