//! What matters before an account is deleted: since when it is disabled, whether it is protected, what becomes of it.
//!
//! Reads only. Must not know plans. Keeps: what the server does not give us to read is not known, never taken for the
//! better answer.

use std::collections::{BTreeMap, HashMap};

use ldap3::Scope;
use ldap3::controls::RawControl;

use super::connect::Server;
use super::errors::refused;
use super::values::{Converter, Rest, to_text};
use super::wire::{Pages, RawEntry, SHOW_DELETED, Search, Session, access_list_only, shown};
use crate::connector::ConnectorError;
use crate::model::{
    AttributeDef, AttributeId, DeletedObjects, DeletionFacts, Dn, EntryKind, Guid, Syntax,
    UNICODE_PWD, Values, as_it_is_since, denies_deletion, last_written, last_written_at_all,
};

/// Attributes that hold nobody's data and are read for a deletion only.
pub(super) const FACTS: [&str; 2] = ["replPropertyMetaData", "nTSecurityDescriptor"];

/// Days a tombstone stays where nobody has said otherwise ([MS-ADTS] 3.1.1.5.5, `tombstoneLifetime`).
const TOMBSTONE_DAYS: u32 = 60;

/// What one entry says of itself before a deletion.
pub(super) fn facts(raw: &RawEntry) -> DeletionFacts {
    let first = |name: &str| raw.values(name).first();
    DeletionFacts {
        control_changed: first("replPropertyMetaData")
            .and_then(|metadata| as_it_is_since(metadata)),
        protected: first("nTSecurityDescriptor").and_then(|list| denies_deletion(list)),
        password_changed: first("replPropertyMetaData")
            .and_then(|metadata| last_written(metadata, UNICODE_PWD)),
        last_written: first("replPropertyMetaData")
            .and_then(|metadata| last_written_at_all(metadata)),
    }
}

/// What was found of disabled accounts.
#[derive(Default)]
pub(super) struct Disabled {
    pub(super) facts: HashMap<Guid, (DeletionFacts, Option<Values>)>,
    pub(super) rest: Vec<Rest>,
    pub(super) problems: Vec<String>,
    pub(super) pages: Pages,
}

/// Reads what disabled people and services below some places say of themselves, with the groups they are in.
pub(super) async fn disabled(
    session: &Session,
    places: &[Dn],
    definitions: &[AttributeDef],
    page_size: u32,
) -> Result<Disabled, ConnectorError> {
    /// Bit of `userAccountControl`, tested by LDAP_MATCHING_RULE_BIT_AND ([MS-ADTS] 3.1.1.3.4.4.1).
    const FILTER: &str = "(&(objectCategory=person)(objectClass=user)(userAccountControl:1.2.840.113556.1.4.803:=2))";
    let mut attributes: Vec<String> = FACTS.map(str::to_owned).to_vec();
    attributes.extend(["objectGUID", "memberOf"].map(str::to_owned));
    let groups = definitions
        .iter()
        .position(|def| def.name.eq_ignore_ascii_case("memberOf"))
        .and_then(|at| u16::try_from(at).ok())
        .map(AttributeId);
    let mut found = Disabled::default();
    for place in places {
        let mut converter = Converter::new(definitions);
        let search = Search {
            base: place.as_str(),
            scope: Scope::Subtree,
            filter: FILTER,
            attributes: &attributes,
            show_deleted: false,
            access_lists: true,
        };
        let facts_of = &mut found.facts;
        let result = session
            .all(&search, page_size, |raw| {
                let facts = facts(&raw);
                let Some(entry) = converter.entry(raw, EntryKind::User) else {
                    return;
                };
                let member_of = groups.map(|id| entry.values(id));
                let member_of = match member_of {
                    None | Some([]) => None,
                    Some([one]) => Some(Values::One(one.clone())),
                    Some(many) => Some(Values::Many(many.into())),
                };
                facts_of.insert(entry.guid, (facts, member_of));
            })
            .await;
        match result {
            Ok(pages) => found.pages.add(pages),
            // No such place: the plan says so by itself.
            Err(ConnectorError::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        }
        found.rest.append(&mut converter.rest);
        found.problems.append(&mut converter.problems);
    }
    Ok(found)
}

/// What becomes of deleted objects ([MS-ADTS] 3.1.1.9.1, Recycle Bin optional feature).
pub(super) async fn deleted_objects(
    server: &Server,
    session: &Session,
) -> Result<DeletedObjects, ConnectorError> {
    let configuration = server
        .schema_base
        .split_once(',')
        .map_or("", |(_, parent)| parent);
    let asked = ["msDS-EnabledFeature".to_owned()];
    let partitions = format!("CN=Partitions,{configuration}");
    let partitions = session
        .object(&partitions, "(objectClass=*)", &asked)
        .await?;
    let bin = format!(
        "CN=Recycle Bin Feature,CN=Optional Features,CN=Directory Service,CN=Windows NT,CN=Services,{configuration}"
    );
    let bin = Dn::key_of(&bin);
    let recycle_bin = partitions.map(|raw| {
        raw.values("msDS-EnabledFeature").iter().any(|value| {
            let name = std::str::from_utf8(value).ok().and_then(Dn::key_of);
            name.is_some() && name == bin
        })
    });
    let asked = ["tombstoneLifetime", "msDS-DeletedObjectLifetime"].map(str::to_owned);
    let service = format!("CN=Directory Service,CN=Windows NT,CN=Services,{configuration}");
    let service = session.object(&service, "(objectClass=*)", &asked).await?;
    let days = |name: &str| {
        let text = service.as_ref()?.text(name)?;
        text.parse::<u32>().ok()
    };
    let lifetime = days("msDS-DeletedObjectLifetime")
        .or_else(|| days("tombstoneLifetime"))
        .unwrap_or(TOMBSTONE_DAYS);
    Ok(DeletedObjects {
        recycle_bin,
        lifetime,
    })
}

/// Objects directly below that are named; that there is one is enough.
const BELOW: u64 = 20;

/// One object as it is right now with its access list and metadata, and the names of objects directly below it.
pub(super) async fn examine(
    session: &Session,
    dn: &str,
) -> Result<Option<(RawEntry, Vec<Dn>)>, ConnectorError> {
    let what = format!("reading {}", shown(dn));
    let mut asked: Vec<String> = FACTS.map(str::to_owned).to_vec();
    asked.extend(["*", "memberOf", "objectGUID"].map(str::to_owned));
    let (mut entries, result) = session
        .some_with(
            dn,
            Scope::Base,
            "(objectClass=*)",
            &asked,
            vec![access_list_only()],
        )
        .await
        .map_err(|broken| broken.on_read(&session.system, &what))?;
    let raw = match result.rc {
        0 => entries.pop(),
        32 => None,
        _ => return Err(refused(&session.system, &what, &result, &[])),
    };
    let Some(raw) = raw else {
        return Ok(None);
    };
    let nothing = ["1.1".to_owned()];
    let search = Search {
        base: dn,
        scope: Scope::OneLevel,
        filter: "(objectClass=*)",
        attributes: &nothing,
        show_deleted: false,
        access_lists: false,
    };
    let page_size = u32::try_from(BELOW).unwrap_or(u32::MAX);
    let mut below = Vec::new();
    session
        .at_least(&search, page_size, BELOW, |child| {
            below.extend(Dn::parse(&child.dn));
        })
        .await?;
    Ok(Some((raw, below)))
}

/// The control that lets deleted objects be seen and written ([MS-ADTS] 3.1.1.3.4.1.14).
pub(super) fn show_deleted() -> RawControl {
    RawControl {
        ctype: SHOW_DELETED.to_owned(),
        crit: true,
        val: None,
    }
}

/// One deleted object, as far as the account may see it; `isDeleted` is among the attributes.
pub(super) async fn deleted(
    session: &Session,
    dn: &str,
    attributes: &[String],
) -> Result<Option<RawEntry>, ConnectorError> {
    let what = format!("reading the deleted object {}", shown(dn));
    let (mut entries, result) = session
        .some_with(
            dn,
            Scope::Base,
            "(objectClass=*)",
            attributes,
            vec![show_deleted()],
        )
        .await
        .map_err(|broken| broken.on_read(&session.system, &what))?;
    let is_deleted = |raw: &RawEntry| {
        let flag = raw.text("isDeleted");
        flag.is_some_and(|flag| flag.eq_ignore_ascii_case("TRUE"))
    };
    match result.rc {
        0 => Ok(entries.pop().filter(is_deleted)),
        32 => Ok(None),
        _ => Err(refused(&session.system, &what, &result, &[])),
    }
}

/// Whether an attribute is kept out of what is noted of an object: secrets, and what is of use to the directory only.
pub(super) fn is_kept_quiet(name: &[u8]) -> bool {
    const SECRET: &[&str] = &[
        "password",
        "passwd",
        "secret",
        "credential",
        "privatekey",
        "pekkey",
    ];
    const PASSWORDS: &[&str] = &[
        "dbcspwd",
        "lmpwdhistory",
        "msmcsadmpwd",
        "ntpwdhistory",
        "unicodepwd",
    ];
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET.iter().any(|word| name.contains(word))
        || PASSWORDS.contains(&name.as_str())
        || FACTS.iter().any(|fact| fact.eq_ignore_ascii_case(&name))
}

/// All attributes as text; what is none, by its syntax or its bytes, as base64.
pub(super) fn image(
    raw: RawEntry,
    syntaxes: &HashMap<String, Syntax>,
) -> BTreeMap<String, Vec<String>> {
    raw.attributes
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let name = String::from_utf8_lossy(&name).into_owned();
            let plain = name.split(';').next().unwrap_or_default();
            let syntax = syntaxes.get(&plain.to_ascii_lowercase()).copied();
            let values = values.iter().map(|value| {
                let syntax = match std::str::from_utf8(value) {
                    Ok(_) => syntax.unwrap_or(Syntax::Other),
                    Err(_) => Syntax::Octets,
                };
                to_text(syntax, value).into()
            });
            let values = values.collect();
            (name, values)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{facts, is_kept_quiet};
    use crate::connector::ldap::wire::RawEntry;
    use crate::model::DeletionFacts;

    #[test]
    fn what_the_server_does_not_give_is_not_known() {
        let entry = |attributes: Vec<(&str, Vec<Vec<u8>>)>| RawEntry {
            dn: "CN=a".to_owned(),
            attributes: attributes
                .into_iter()
                .map(|(name, values)| (name.as_bytes().to_vec(), values))
                .collect(),
        };
        let nothing = DeletionFacts::default();
        assert_eq!(facts(&entry(Vec::new())), nothing);
        let odd = vec![
            ("replPropertyMetaData", vec![b"2026-01-01".to_vec()]),
            ("nTSecurityDescriptor", vec![Vec::new()]),
        ];
        assert_eq!(facts(&entry(odd)), nothing);
    }

    #[test]
    fn no_secret_is_noted() {
        for secret in [
            "unicodePwd",
            "userPassword",
            "unixUserPassword",
            "supplementalCredentials",
            "ms-Mcs-AdmPwd",
            "msLAPS-EncryptedPassword",
            "msDS-ManagedPassword",
            "ntPwdHistory",
            "replPropertyMetaData",
        ] {
            assert!(is_kept_quiet(secret.as_bytes()), "{secret}");
        }
        for plain in [
            "pwdLastSet",
            "badPwdCount",
            "mail",
            "memberOf",
            "thumbnailPhoto",
        ] {
            assert!(!is_kept_quiet(plain.as_bytes()), "{plain}");
        }
    }
}
