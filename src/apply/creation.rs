//! What is there of an account a plan makes, and what to send to make and to finish it.
//!
//! Reads only, as `look` does, which it belongs to; `create` takes the steps. Invariant: an account that somebody else made,
//! enabled or gave a password is never taken for one of this plan's.

use std::collections::BTreeMap;

use super::compare::{self, Verdict};
use super::control::{
    ACCOUNT_DISABLED, Finish, UAC, UNFINISHED, account_control, number, replace_number,
};
use super::look::{
    Eyes, Look, Operation, Write, differences, gone, unreadable_account_control, write,
};
use super::outcome::{ChangeOutcome, Difference, FailureKind};
use super::schedule::references;
use crate::connector::{ConnectorError, DirectoryWriter, Modification};
use crate::model::{Dn, Guid};
use crate::plan::{AttributeChange, ObjectRef, PlanValue, is_same_key};

pub(super) const PWD_LAST_SET: &str = "pwdLastSet";

/// Why an account is left alone that somebody opened before it was finished.
pub(super) const ENABLED_UNFINISHED: &str = "somebody has enabled the account before it was finished: no password is required of it (PASSWD_NOTREQD). Set one and clear that bit by hand";

impl<W: DirectoryWriter> Eyes<'_, W> {
    pub(super) async fn added(
        &self,
        dn: &Dn,
        attributes: &[AttributeChange],
        allowed: bool,
    ) -> Result<Look, ConnectorError> {
        let asked: Vec<String> = attributes
            .iter()
            .map(|change| change.name.clone())
            .collect();
        let found = self.writer.fetch_by_dn(dn, &asked).await?;
        let names = self.names(attributes).await?;
        let name_of = |object: &ObjectRef| names.get(object).cloned().flatten();
        if let Some(entry) = found {
            // Ours from an earlier attempt when it is all we would have made it; else somebody took the name.
            let differences = differences(&entry, attributes, &name_of);
            return Ok(if differences.is_empty() {
                Look::AsDesired(entry.guid)
            } else {
                Look::Settled(ChangeOutcome::Conflict {
                    message: format!(
                        "another object stands at {} ({})",
                        entry.dn.spoken(),
                        entry.guid
                    ),
                    differences,
                })
            });
        }
        if let Some(why) = self.bounds.and_then(|bounds| bounds.forbid_name(dn)) {
            return Ok(Look::Settled(ChangeOutcome::conflict(why)));
        }
        if let Some(taken) = self.taken(attributes, None).await? {
            return Ok(taken);
        }
        if !allowed {
            return Ok(Look::Settled(ChangeOutcome::failed(
                FailureKind::Password,
                "the plan names nobody to encrypt the initial password to, so the account is not created",
            )));
        }
        let mut values = vec![
            (
                "objectClass".to_owned(),
                ["top", "person", "organizationalPerson", "user"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            (UAC.to_owned(), vec![UNFINISHED.to_string()]),
        ];
        for change in attributes {
            // The relative name says this already.
            if change.name.eq_ignore_ascii_case("cn") {
                continue;
            }
            match compare::decide(change, &[], &name_of) {
                Verdict::Write(parts) => {
                    values.extend(parts.into_iter().filter_map(|part| match part {
                        Modification::Add(name, added) => Some((name, added)),
                        Modification::Delete(..) | Modification::Replace(..) => None,
                    }))
                }
                Verdict::AsDesired => {}
                Verdict::Gone(object) => return Ok(Look::Settled(gone(&change.name, &object))),
                Verdict::Moved(difference) => {
                    return Ok(Look::Settled(ChangeOutcome::failed(
                        FailureKind::Internal,
                        format!(
                            "the plan has a value before creation for {}",
                            difference.attribute
                        ),
                    )));
                }
            }
        }
        Ok(Look::Write(Box::new(Write {
            operation: Operation::Add(dn.clone(), values),
            object: None,
            dn: Some(dn.as_str().to_owned()),
            before: BTreeMap::new(),
        })))
    }

    pub(super) async fn finished(
        &self,
        finish: Finish,
        announced: bool,
    ) -> Result<Look, ConnectorError> {
        let guid = finish.guid;
        let entry = match self.fetch(guid, [UAC, PWD_LAST_SET].into_iter()).await? {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        let Some(found) = account_control(&entry) else {
            return Ok(unreadable_account_control());
        };
        let disabled = found & ACCOUNT_DISABLED != 0;
        let last_set = entry.values(PWD_LAST_SET);
        // Only 0 and -1 can be written. Setting a password undoes an earlier 0.
        let expire = || {
            if last_set.is_empty() {
                let zero = vec!["0".to_owned()];
                return vec![Modification::Replace(PWD_LAST_SET.to_owned(), zero)];
            }
            // Naming the old value makes the server refuse when another password came in between.
            vec![
                Modification::Delete(PWD_LAST_SET.to_owned(), last_set.to_vec()),
                Modification::Add(PWD_LAST_SET.to_owned(), vec!["0".to_owned()]),
            ]
        };
        let overtaken = finish.stamp.is_some() && finish.stamp != number(last_set);
        if finish.is_over(found, announced) {
            if disabled != finish.enable {
                if overtaken {
                    let finished = true;
                    return Ok(Look::Overtaken { guid, finished });
                }
                // Another apply of this plan may have finished the account just before our password was set.
                if finish.must_change && finish.fresh_password && last_set != ["0"] {
                    let before = BTreeMap::from([(PWD_LAST_SET.to_owned(), last_set.to_vec())]);
                    let operation = Operation::Modify(guid, expire());
                    return Ok(write(&entry, operation, before));
                }
                return Ok(Look::AsDesired(guid));
            }
            let was = if disabled { "disabled" } else { "enabled" };
            return Ok(Look::Settled(ChangeOutcome::Conflict {
                message: format!("the account exists and has been {was} by somebody else"),
                differences: vec![Difference {
                    attribute: UAC.to_owned(),
                    before: Vec::new(),
                    planned: vec![finish.wanted(found).to_string()],
                    found: vec![found.to_string()],
                }],
            }));
        }
        // Its making leaves it disabled until now: somebody else has opened it.
        if !disabled {
            return Ok(Look::Settled(ChangeOutcome::conflict(ENABLED_UNFINISHED)));
        }
        if overtaken {
            let finished = false;
            return Ok(Look::Overtaken { guid, finished });
        }
        let wanted = finish.wanted(found);
        let mut parts = Vec::new();
        let mut before = BTreeMap::new();
        if wanted != found {
            parts = replace_number(UAC, found, wanted);
            before.insert(UAC.to_owned(), vec![found.to_string()]);
        }
        if finish.must_change && last_set != ["0"] {
            parts.append(&mut expire());
            before.insert(PWD_LAST_SET.to_owned(), last_set.to_vec());
        }
        if parts.is_empty() {
            return Ok(Look::AsDesired(guid));
        }
        Ok(write(&entry, Operation::Modify(guid, parts), before))
    }

    /// Whether the account still needs its password or last step; if so, carries its `pwdLastSet`.
    pub(super) async fn unfinished(
        &self,
        finish: Finish,
    ) -> Result<Option<Option<i64>>, ConnectorError> {
        let asked = [UAC.to_owned(), PWD_LAST_SET.to_owned()];
        let entry = self.writer.fetch(finish.guid, &asked).await?;
        Ok(entry
            .filter(|entry| {
                account_control(entry).is_some_and(|found| {
                    found & ACCOUNT_DISABLED != 0 && !finish.is_over(found, false)
                })
            })
            .map(|entry| number(entry.values(PWD_LAST_SET))))
    }

    /// Why an account is not the one a plan makes here: it may not be touched, or carries another anchor; where the plan gives
    /// none, it has another name.
    pub(super) async fn other_than_made(
        &self,
        guid: Guid,
        dn: &Dn,
        attributes: &[AttributeChange],
        anchors: &[String],
    ) -> Result<Option<ChangeOutcome>, ConnectorError> {
        let entry = match self.fetch(guid, anchors.iter().map(String::as_str)).await? {
            Ok(entry) => entry,
            Err(Look::Settled(outcome)) => return Ok(Some(outcome)),
            Err(_) => return Ok(None),
        };
        let is_anchor = |change: &&AttributeChange| {
            let mut names = anchors.iter();
            names.any(|name| name.eq_ignore_ascii_case(&change.name))
        };
        let given: Vec<&AttributeChange> = attributes.iter().filter(is_anchor).collect();
        let is_given = |change: &AttributeChange| {
            let found = entry.values(&change.name);
            change.after.iter().all(|value| {
                let value = match value {
                    PlanValue::Text(text) => text,
                    PlanValue::Octets(octets) => &octets.base64,
                    PlanValue::Object(object) => object.dn.as_str(),
                };
                let mut found = found.iter();
                found.any(|found| is_same_key(&change.name, value, found))
            })
        };
        let own = match given.as_slice() {
            [] => entry.dn.key() == dn.key(),
            given => given.iter().all(|change| is_given(change)),
        };
        Ok((!own).then(|| {
            ChangeOutcome::conflict(format!(
                "the journal says that an earlier apply made {}, which is not the account this plan makes: it is left alone",
                entry.dn
            ))
        }))
    }

    /// When the account's password was last set, by the server's clock.
    pub(super) async fn password_stamp(&self, guid: Guid) -> Result<Option<i64>, ConnectorError> {
        let entry = self.writer.fetch(guid, &[PWD_LAST_SET.to_owned()]).await?;
        Ok(entry.and_then(|entry| number(entry.values(PWD_LAST_SET))))
    }

    /// Attributes of an existing account that are not as planned.
    pub(super) async fn differences(
        &self,
        guid: Guid,
        attributes: &[AttributeChange],
    ) -> Result<Option<Vec<Difference>>, ConnectorError> {
        let asked: Vec<String> = attributes
            .iter()
            .map(|change| change.name.clone())
            .collect();
        // Twice where names of others matter: see [`Goal::refers`].
        let refers = attributes.iter().flat_map(references).next().is_some();
        let mut looks = if refers { 2 } else { 1 };
        loop {
            looks -= 1;
            let Some(entry) = self.writer.fetch(guid, &asked).await? else {
                return Ok(None);
            };
            let names = self.names(attributes).await?;
            let name_of = |object: &ObjectRef| names.get(object).cloned().flatten();
            let found = differences(&entry, attributes, &name_of);
            if found.is_empty() || looks == 0 {
                return Ok(Some(found));
            }
        }
    }
}
