//! Whether an account that a plan deletes is still the one it was made for.
//!
//! Pure: what is there has been read by the caller. Keeps: whatever is not as the plan found it, or cannot be seen,
//! keeps the account. LDAP has no deletion on a condition ([MS-ADTS] 3.1.1.5.5), so this is looked at right before, and
//! everything that could be read is in the journal before anything is sent.

use std::collections::BTreeMap;

use super::control::{ACCOUNT_DISABLED, UAC, account_control};
use super::look::{Look, Operation, is_protected, unreadable_account_control, write};
use super::outcome::{ChangeOutcome, Difference};
use crate::connector::{Examined, LiveEntry};
use crate::model::{Dn, Guid, Syntax, default_schema};
use crate::plan::PlanValue;

const MEMBER_OF: &str = "memberOf";

/// What to do about an account that is to be gone. Since when it is disabled, and when anything of it was written last;
/// `was` is the anchor, and what the plan has of the account.
pub(super) fn look(
    guid: Guid,
    dn: &Dn,
    (since, last_written): (jiff::Timestamp, Option<jiff::Timestamp>),
    was: (&str, &BTreeMap<String, Vec<PlanValue>>),
    found: Option<Examined>,
) -> Look {
    let Some(found) = found else {
        return Look::AsDesired(guid);
    };
    let entry = &found.entry;
    let keeps = |message: String| Look::Settled(ChangeOutcome::conflict(message));
    let moved = |attribute: &str, planned: Vec<String>, now: Vec<String>| {
        Look::Settled(ChangeOutcome::Conflict {
            message: format!("changed since the plan was made: {attribute}"),
            differences: vec![Difference {
                attribute: attribute.to_owned(),
                before: planned,
                planned: Vec::new(),
                found: now,
            }],
        })
    };
    if is_protected(entry) {
        return keeps(
            "the account is privileged (adminCount), which it was not when the plan was made"
                .to_owned(),
        );
    }
    if is_critical(entry) {
        return keeps("the account is part of the system (isCriticalSystemObject)".to_owned());
    }
    let Some(flags) = account_control(entry) else {
        return unreadable_account_control();
    };
    if flags & ACCOUNT_DISABLED == 0 {
        return keeps("the account has been enabled since the plan was made".to_owned());
    }
    if entry.dn.key() != dn.key() {
        let now = entry.dn.as_str().to_owned();
        return moved("distinguishedName", vec![dn.as_str().to_owned()], vec![now]);
    }
    let (anchor, before) = was;
    if let Err((planned, now)) = same_anchor(entry, anchor, before) {
        return moved(anchor, planned, now);
    }
    match found.facts.control_changed {
        Some(changed) if changed == since => {}
        Some(changed) => {
            return moved(
                UAC,
                vec![format!("written {since}")],
                vec![format!("written {changed}")],
            );
        }
        None => {
            return keeps(
                "replPropertyMetaData cannot be read, so nobody can say since when the account is disabled"
                    .to_owned(),
            );
        }
    }
    match found.facts.protected {
        Some(false) => {}
        Some(true) => {
            return keeps("the account is protected from accidental deletion".to_owned());
        }
        None => {
            return keeps(
                "its access list cannot be read, so nobody can say whether it is protected from accidental deletion"
                    .to_owned(),
            );
        }
    }
    if let Some(why) = service(entry, flags) {
        return keeps(why);
    }
    if let Some((attribute, planned, now)) = edited(entry, before) {
        return moved(&attribute, planned, now);
    }
    // What had no value then, or was not read, has no line in the plan: "legal hold" may stand in any of them.
    match (last_written, found.facts.last_written) {
        (None, _) => {}
        (Some(planned), Some(now)) if planned == now => {}
        (Some(planned), Some(now)) => {
            return keeps(format!(
                "something of the account was written {now}, and when the plan was made the last time was {planned}: look what it says, and plan again"
            ));
        }
        (Some(_), None) => {
            return keeps(
                "replPropertyMetaData cannot be read, so nobody can say whether somebody has written to the account since the plan was made"
                    .to_owned(),
            );
        }
    }
    if let Some(first) = found.below.first() {
        let more = match found.below.len() {
            1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        return keeps(format!(
            "objects stand below it, and nothing is deleted together with others: {}{more}",
            first.spoken()
        ));
    }
    write(entry, Operation::Delete(guid), entry.attributes.clone())
}

/// Bits of `userAccountControl` ([MS-ADTS] 2.2.16): trusted for delegation, with and without protocol transition.
const TRUSTED: i64 = 0x8_0000 | 0x100_0000;

/// Why an account is a service's by now.
fn service(entry: &LiveEntry, flags: i64) -> Option<String> {
    if flags & TRUSTED != 0 {
        return Some("the account is trusted for delegation".to_owned());
    }
    let name = entry.values("servicePrincipalName").first()?;
    let name: String = name.chars().take(80).collect();
    Some(format!(
        "a service runs as the account: it has the servicePrincipalName {name:?}"
    ))
}

/// Whether the anchor is the plan's; else what that is, and what is there.
pub(super) fn same_anchor(
    entry: &LiveEntry,
    anchor: &str,
    before: &BTreeMap<String, Vec<PlanValue>>,
) -> Result<(), (Vec<String>, Vec<String>)> {
    let planned = before.get(anchor).map_or(&[][..], Vec::as_slice);
    let planned = sorted(planned.iter().map(text).collect());
    let now = sorted(entry.values(anchor).to_vec());
    if planned.is_empty() || planned != now {
        return Err((planned, now));
    }
    Ok(())
}

/// The first attribute that is not as the plan has it: somebody who wrote "keep this" wants to be read. What the directory
/// keeps itself (times of logon) and references, which follow the renames of others, do not count; groups do.
pub(super) fn edited(
    entry: &LiveEntry,
    before: &BTreeMap<String, Vec<PlanValue>>,
) -> Option<(String, Vec<String>, Vec<String>)> {
    let key = |name: &String| Dn::key_of(name).map(|key| key.as_str().to_owned());
    let keys = |names: &[String]| sorted(names.iter().filter_map(key).collect());
    let planned = before
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(MEMBER_OF))
        .flat_map(|(_, planned)| planned.iter().map(text));
    // In no group at all, it has no such attribute.
    let (planned, now): (Vec<String>, _) = (planned.collect(), entry.values(MEMBER_OF));
    if keys(&planned) != keys(now) {
        return Some((MEMBER_OF.to_owned(), planned, now.to_vec()));
    }
    before.iter().find_map(|(name, planned)| {
        let known = default_schema().get(&name.to_ascii_lowercase());
        if known.is_none_or(|known| known.read_only || known.syntax == Syntax::Dn) {
            return None;
        }
        let planned = planned
            .iter()
            .map(|value| match value {
                PlanValue::Text(text) => Some(text.clone()),
                PlanValue::Octets(_) | PlanValue::Object(_) => None,
            })
            .collect::<Option<Vec<String>>>()?;
        let (planned, now) = (sorted(planned), sorted(entry.values(name).to_vec()));
        (planned != now).then(|| (name.clone(), planned, now))
    })
}

/// A value as it is read.
fn text(value: &PlanValue) -> String {
    match value {
        PlanValue::Text(text) => text.clone(),
        PlanValue::Octets(octets) => octets.base64.clone(),
        PlanValue::Object(object) => object.dn.as_str().to_owned(),
    }
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

fn is_critical(entry: &LiveEntry) -> bool {
    let values = entry.values("isCriticalSystemObject");
    values
        .iter()
        .any(|value| value.eq_ignore_ascii_case("TRUE"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DeletionFacts;

    const SINCE: &str = "2026-10-01T08:00:00Z";

    fn found() -> Examined {
        let values = [
            ("employeeID", "E1042"),
            ("mail", "jane.doe@example.com"),
            ("userAccountControl", "514"),
            ("description", "halosync: leaver since 2026-09-01T00:00:00Z"),
            ("lastLogonTimestamp", "134"),
            ("memberOf", "cn=staff, DC=example,DC=test"),
        ];
        Examined {
            entry: LiveEntry {
                guid: guid(),
                dn: Dn::parse("CN=Jane,DC=example,DC=test").unwrap(),
                attributes: values
                    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
                    .into(),
            },
            facts: DeletionFacts {
                control_changed: Some(SINCE.parse().unwrap()),
                protected: Some(false),
                password_changed: None,
                last_written: Some(SINCE.parse().unwrap()),
            },
            below: Vec::new(),
        }
    }

    fn guid() -> Guid {
        Guid::parse("00112233-4455-6677-8899-aabbccddeeff").unwrap()
    }

    fn look_at(found: Option<Examined>) -> Look {
        let text =
            |name: &str, value: &str| (name.to_owned(), vec![PlanValue::Text(value.to_owned())]);
        let before = [
            text("employeeID", "E1042"),
            text("description", "halosync: leaver since 2026-09-01T00:00:00Z"),
            text("lastLogonTimestamp", "133"),
            text("memberOf", "CN=Staff,DC=example,DC=test"),
        ];
        let dn = Dn::parse("cn=jane,DC=example,DC=test").unwrap();
        let was = ("employeeID", &before.into());
        let since = SINCE.parse().unwrap();
        look(guid(), &dn, (since, Some(since)), was, found)
    }

    #[test]
    fn what_is_as_planned_is_deleted_with_everything_noted_before() {
        let Look::Write(write) = look_at(Some(found())) else {
            panic!("it is not deleted");
        };
        assert_eq!(write.operation, Operation::Delete(guid()));
        assert_eq!(write.before, found().entry.attributes);
        assert!(matches!(look_at(None), Look::AsDesired(_)));
    }

    #[test]
    fn whatever_has_changed_or_cannot_be_seen_keeps_the_account() {
        type Change = fn(&mut Examined);
        let changes: &[Change] = &[
            |found| found.facts.control_changed = Some("2026-10-01T08:00:01Z".parse().unwrap()),
            |found| found.facts.control_changed = None,
            |found| found.facts.last_written = Some("2026-10-01T08:00:01Z".parse().unwrap()),
            |found| found.facts.last_written = None,
            |found| found.facts.protected = Some(true),
            |found| found.facts.protected = None,
            |found| found.below = vec![Dn::parse("CN=phone,CN=Jane,DC=example,DC=test").unwrap()],
            |found| found.entry.dn = Dn::parse("CN=Jane,OU=Kept,DC=example,DC=test").unwrap(),
            |found| set(found, "userAccountControl", "512"),
            |found| set(found, "userAccountControl", ""),
            |found| set(found, "employeeID", "E1043"),
            |found| set(found, "employeeID", ""),
            |found| set(found, "adminCount", "1"),
            |found| set(found, "isCriticalSystemObject", "TRUE"),
            |found| set(found, "servicePrincipalName", "HTTP/web.example.test"),
            |found| set(found, "userAccountControl", "524802"),
            |found| set(found, "description", "keep me"),
            |found| set(found, "memberOf", "CN=Legal hold,DC=example,DC=test"),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut found = found();
            change(&mut found);
            assert!(
                matches!(look_at(Some(found)), Look::Settled(_)),
                "change {number} does not keep the account"
            );
        }
    }

    fn set(found: &mut Examined, name: &str, value: &str) {
        found.entry.attributes.remove(name);
        if !value.is_empty() {
            let values = vec![value.to_owned()];
            found.entry.attributes.insert(name.to_owned(), values);
        }
    }
}
