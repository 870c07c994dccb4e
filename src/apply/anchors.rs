//! Whether another account carries an anchor by now that a plan is about to give to one.
//!
//! The plan was made when nobody had it. Since then another plan can have been applied, or an administrator can have written it; then
//! two accounts would be one person's, and the next plan would touch neither. Reads only. All values a plan gives are asked for
//! together, once for each target, when the first is needed: the attribute may have no index, and then a search reads every
//! account. What comes within the run is not seen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio::sync::OnceCell;

use super::outcome::{ChangeOutcome, Difference};
use crate::connector::{ConnectorError, DirectoryWriter, LiveEntry};
use crate::model::{Dn, Guid, Name};
use crate::plan::{Action, AttributeChange, Plan, PlanValue, folded_value, is_same_key};

/// Accounts by attribute, in lower case, and value as matching compares it.
type Carriers = HashMap<(String, String), Vec<(Guid, Dn)>>;

/// The anchors a plan gives, and who has them.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    targets: HashMap<Name, Target>,
}

#[derive(Debug, Default)]
struct Target {
    /// Attributes that are anchors.
    names: Vec<String>,
    /// Values given, by attribute.
    given: BTreeMap<String, BTreeSet<String>>,
    /// What single accounts are given: attribute and value.
    given_to: HashMap<Guid, Vec<(String, String)>>,
    /// Accounts whose anchor the plan itself takes away or replaces.
    released: HashSet<Guid>,
    /// Who carries one of the values.
    carriers: OnceCell<Carriers>,
}

impl Anchors {
    /// `names` are the attributes that tell whose an account is, by target.
    pub(super) fn of(plan: &Plan, names: &BTreeMap<Name, Vec<String>>) -> Self {
        let mut targets: HashMap<Name, Target> = HashMap::new();
        for change in &plan.changes {
            let Some(names) = names.get(&change.target) else {
                continue;
            };
            let attributes: &[AttributeChange] = match &change.action {
                Action::Create { attributes, .. } | Action::Modify { attributes } => attributes,
                Action::Adopt { attribute, .. } => std::slice::from_ref(attribute),
                _ => continue,
            };
            for attribute in attributes {
                let is = |name: &&String| name.eq_ignore_ascii_case(&attribute.name);
                let Some(name) = names.iter().find(is) else {
                    continue;
                };
                let target = targets.entry(change.target.clone()).or_default();
                let given = target.given.entry(name.clone()).or_default();
                for value in attribute.after.iter().filter_map(text) {
                    given.insert(value.to_owned());
                    if let Some(account) = change.object.guid {
                        let given_to = target.given_to.entry(account).or_default();
                        given_to.push((name.clone(), value.to_owned()));
                    }
                }
                if !attribute.before.is_empty() {
                    target.released.extend(change.object.guid);
                }
            }
        }
        for (target, names) in names {
            targets
                .entry(target.clone())
                .or_default()
                .names
                .clone_from(names);
        }
        Self { targets }
    }

    /// The attributes that are anchors of a target.
    pub(super) fn names(&self, target: &Name) -> &[String] {
        self.targets
            .get(target)
            .map_or(&[], |target| target.names.as_slice())
    }

    /// Why an account is not given these values: another one carries an anchor among them. `own` is the account itself.
    ///
    /// # Errors
    /// The directory does not say who carries them.
    pub(super) async fn taken<W: DirectoryWriter>(
        &self,
        writer: &W,
        target: &Name,
        attributes: &[AttributeChange],
        own: Option<Guid>,
    ) -> Result<Option<ChangeOutcome>, ConnectorError> {
        let Some(target) = self.targets.get(target) else {
            return Ok(None);
        };
        for attribute in attributes {
            if !target
                .given
                .keys()
                .any(|name| name.eq_ignore_ascii_case(&attribute.name))
            {
                continue;
            }
            let carriers = target
                .carriers
                .get_or_try_init(|| carriers(writer, &target.given))
                .await?;
            for value in attribute.after.iter().filter_map(text) {
                let found = carriers.get(&key(&attribute.name, value));
                let mut found = found.into_iter().flatten();
                let other =
                    found.find(|(guid, _)| Some(*guid) != own && !target.released.contains(guid));
                if let Some((_, other)) = other {
                    return Ok(Some(conflict(&attribute.name, value, other)));
                }
            }
        }
        Ok(None)
    }

    /// Why an account is not brought back: another one carries an anchor that it has or, back from its tombstone, is given.
    ///
    /// # Errors
    /// As [`Self::taken`].
    pub(super) async fn taken_from_deleted<W: DirectoryWriter>(
        &self,
        writer: &W,
        target: &Name,
        deleted: &LiveEntry,
    ) -> Result<Option<ChangeOutcome>, ConnectorError> {
        let given = self.targets.get(target);
        let given = given.and_then(|target| target.given_to.get(&deleted.guid));
        for name in self.names(target) {
            let mut values = deleted.values(name).to_vec();
            let given = given.into_iter().flatten();
            values.extend(
                given
                    .filter(|(to, _)| to == name)
                    .map(|(_, value)| value.clone()),
            );
            if values.is_empty() {
                continue;
            }
            let found = writer.carriers(name, &values).await?;
            let others = found.iter().filter(|entry| entry.guid != deleted.guid);
            for other in others {
                let mut values = values.iter();
                if let Some(value) = values.find(|value| has(other, name, value)) {
                    return Ok(Some(conflict(name, value, &other.dn)));
                }
            }
        }
        Ok(None)
    }
}

async fn carriers<W: DirectoryWriter>(
    writer: &W,
    given: &BTreeMap<String, BTreeSet<String>>,
) -> Result<Carriers, ConnectorError> {
    let mut found = Carriers::new();
    for (name, values) in given {
        let wanted: HashSet<_> = values.iter().map(|value| key(name, value)).collect();
        let values: Vec<String> = values.iter().cloned().collect();
        for entry in writer.carriers(name, &values).await? {
            let carried = entry.values(name).iter().map(|value| key(name, value));
            for key in carried.filter(|key| wanted.contains(key)) {
                let of_it = found.entry(key).or_default();
                of_it.push((entry.guid, entry.dn.clone()));
            }
        }
    }
    Ok(found)
}

fn key(name: &str, value: &str) -> (String, String) {
    (name.to_ascii_lowercase(), folded_value(name, value))
}

fn has(entry: &LiveEntry, name: &str, value: &str) -> bool {
    let mut values = entry.values(name).iter();
    values.any(|found| is_same_key(name, value, found))
}

fn conflict(name: &str, value: &str, other: &Dn) -> ChangeOutcome {
    ChangeOutcome::Conflict {
        message: format!(
            "another account carries {name} {value:?} by now: {}. Two with one anchor would be nobody's",
            other.spoken()
        ),
        differences: vec![Difference {
            attribute: name.to_owned(),
            before: Vec::new(),
            planned: vec![value.to_owned()],
            found: vec![other.to_string()],
        }],
    }
}

fn text(value: &PlanValue) -> Option<&str> {
    match value {
        PlanValue::Text(text) => Some(text),
        PlanValue::Octets(octets) => Some(&octets.base64),
        PlanValue::Object(_) => None,
    }
}
