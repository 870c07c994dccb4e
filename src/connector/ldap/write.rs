//! Writing a directory: one LDAP operation a method, nothing chosen, nothing repeated.
//!
//! Must not know plans. Keeps: objects are addressed by GUID; a write whose answer did not come is reported as
//! unknown, never as failed; a password exists here only in buffers that are wiped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;

use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapError, LdapResult, Mod, Scope, ldap_escape};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::batch::Line;
use super::connect::Server;
use super::errors::{code, refused};
use super::lease::{Lease, Permits, lock};
use super::read::guid_dn;
use super::values::{ranged, to_bytes, to_text};
use super::wire::{PERMISSIVE_MODIFY, RawEntry, Search, Session, exchange, shown};
use super::{Settings, deletion, schema};
use crate::connector::{ConnectorError, DirectoryWriter, Examined, LiveEntry, Modification};
use crate::model::{DirectoryIdentity, Dn, Guid, Rdn, Syntax, default_schema};

/// Writes one directory over a few connections to one domain controller.
pub struct LdapWriter {
    pub(super) server: Server,
    /// How many connections may be open, and for what.
    pub(super) permits: Permits,
    pub(super) idle: Mutex<Vec<Session>>,
    /// Reads of single objects that wait for one.
    pub(super) reads: Line,
    /// Syntax of attributes met so far, by lower-case name.
    syntaxes: Mutex<HashMap<String, Syntax>>,
    bound_as: Option<Guid>,
}

impl fmt::Debug for LdapWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapWriter")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Values asked for in one search. More make filters that servers evaluate slowly, fewer make more searches over everybody.
const SEARCHED_AT_ONCE: usize = 200;

/// When more searches than this were needed, everybody who has the attribute is asked for in one.
const MOST_SEARCHES: usize = 10;

impl LdapWriter {
    /// Finds the domain controller and binds. At most `connections` are open at a time; the others are opened when
    /// they are needed, and again after one was lost.
    ///
    /// # Errors
    /// As [`LdapReader::connect`](super::LdapReader::connect).
    pub async fn connect(settings: Settings, connections: usize) -> Result<Self, ConnectorError> {
        let width = connections.clamp(1, 64);
        let (server, first) = Server::find(settings).await?;
        let bound_as = match server.bound_as(&first).await {
            Some(dn) => first
                .object(dn.as_str(), "(objectClass=*)", &["objectGUID".to_owned()])
                .await?
                .and_then(|raw| Guid::from_wire(raw.values("objectGUID").first()?)),
            None => None,
        };
        Ok(Self {
            server,
            bound_as,
            permits: Permits::new(width),
            idle: Mutex::new(vec![first]),
            reads: Line::default(),
            syntaxes: Mutex::new(HashMap::new()),
        })
    }

    pub(super) fn system(&self) -> &str {
        &self.server.system
    }

    /// Sends one write and judges the answer.
    async fn write<F>(
        &self,
        lease: &mut Lease<'_>,
        what: &str,
        touched: &[&str],
        operation: impl FnOnce(Ldap) -> F + Send,
    ) -> Result<(), ConnectorError>
    where
        F: Future<Output = Result<LdapResult, LdapError>> + Send,
    {
        let result = self.send(lease, what, operation).await?;
        if result.rc == 0 {
            Ok(())
        } else {
            Err(refused(self.system(), what, &result, touched))
        }
    }

    async fn send<F>(
        &self,
        lease: &mut Lease<'_>,
        what: &str,
        operation: impl FnOnce(Ldap) -> F + Send,
    ) -> Result<LdapResult, ConnectorError>
    where
        F: Future<Output = Result<LdapResult, LdapError>> + Send,
    {
        let handle = lease.session.handle();
        exchange(operation(handle)).await.map_err(|broken| {
            lease.doubtful = true;
            broken.on_write(self.system(), what)
        })
    }

    /// The syntax of attributes, asked of the directory for those its default schema does not have.
    pub(super) async fn syntaxes(
        &self,
        session: &Session,
        names: impl Iterator<Item = &str> + Send,
    ) -> Result<HashMap<String, Syntax>, ConnectorError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for name in names.map(str::to_ascii_lowercase) {
            let known = default_schema()
                .get(&name)
                .map(|def| def.syntax)
                .or_else(|| lock(&self.syntaxes).get(&name).copied());
            match known {
                Some(syntax) => {
                    found.insert(name, syntax);
                }
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            let base = &self.server.schema_base;
            let page_size = self.server.settings().page_size;
            let definitions = schema::read(session, base, &missing, page_size).await?;
            for name in missing {
                let syntax = definitions
                    .iter()
                    .find(|def| def.name.eq_ignore_ascii_case(&name))
                    // Not there: the server says so itself when it is written.
                    .map_or(Syntax::Other, |def| def.syntax);
                lock(&self.syntaxes).insert(name.clone(), syntax);
                found.insert(name, syntax);
            }
        }
        Ok(found)
    }

    pub(super) async fn live(
        &self,
        session: &Session,
        dn: &str,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        let syntaxes = self
            .syntaxes(session, attributes.iter().map(String::as_str))
            .await?;
        let mut asked = attributes.to_vec();
        asked.push("objectGUID".to_owned());
        match session.object(dn, "(objectClass=*)", &asked).await? {
            Some(raw) => self.entry(dn, raw, &syntaxes).map(Some),
            None => Ok(None),
        }
    }

    /// What was read of one object.
    pub(super) fn entry(
        &self,
        dn: &str,
        raw: RawEntry,
        syntaxes: &HashMap<String, Syntax>,
    ) -> Result<LiveEntry, ConnectorError> {
        let unreadable = |message: String| ConnectorError::Unavailable {
            system: self.system().to_owned(),
            message: format!("reading {}: {message}", shown(dn)),
        };
        if let Some((name, ..)) = raw
            .attributes
            .iter()
            .find(|(name, _)| ranged(name).is_some())
        {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(unreadable(format!(
                "{name} has more values than one answer holds"
            )));
        }
        let guid = raw
            .values("objectGUID")
            .first()
            .and_then(|bytes| Guid::from_wire(bytes))
            .ok_or_else(|| unreadable("it came without objectGUID".to_owned()))?;
        let dn = Dn::parse(&raw.dn).map_err(|error| unreadable(error.to_string()))?;
        Ok(LiveEntry {
            guid,
            dn,
            attributes: texts(raw, syntaxes),
        })
    }

    async fn holds(
        &self,
        session: &Session,
        group: Guid,
        member: Guid,
    ) -> Result<bool, ConnectorError> {
        let nothing = ["1.1".to_owned()];
        let Some(member) = session
            .object(&guid_dn(member), "(objectClass=*)", &nothing)
            .await?
        else {
            // What does not exist is a member of nothing.
            return Ok(false);
        };
        let group = guid_dn(group);
        // The server compares names by identity, so this holds for a group of any size.
        let filter = format!("(member={})", ldap_escape(member.dn.as_str()));
        if session.object(&group, &filter, &nothing).await?.is_some() {
            return Ok(true);
        }
        match session.object(&group, "(objectClass=*)", &nothing).await? {
            Some(_) => Ok(false),
            None => Err(ConnectorError::NotFound {
                system: self.system().to_owned(),
                message: format!("no group {group}"),
            }),
        }
    }

    /// Adds or removes a member. Servers disagree on how they say that nothing was to do, so a refusal is settled by
    /// looking.
    async fn set_member(
        &self,
        group: Guid,
        member: Guid,
        wanted: bool,
    ) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let (verb, preposition) = if wanted {
            ("adding", "to")
        } else {
            ("removing", "from")
        };
        let what = format!("{verb} member {member} {preposition} group {group}");
        let value = HashSet::from([guid_dn(member)]);
        let name = "member".to_owned();
        let change = if wanted {
            Mod::Add(name, value)
        } else {
            Mod::Delete(name, value)
        };
        let group_dn = guid_dn(group);
        let result = self
            .send(&mut lease, &what, |mut ldap| async move {
                // Active Directory then takes a member already there or already gone for success; Samba does not.
                ldap.with_controls(RawControl {
                    ctype: PERMISSIVE_MODIFY.to_owned(),
                    crit: false,
                    val: None,
                });
                ldap.modify(&group_dn, vec![change]).await
            })
            .await?;
        let nothing_to_do = if wanted {
            matches!(result.rc, 20 | 68)
        } else {
            matches!(result.rc, 16 | 53)
        };
        if result.rc == 0
            || nothing_to_do && self.holds(&lease.session, group, member).await? == wanted
        {
            return Ok(());
        }
        Err(refused(self.system(), &what, &result, &["member"]))
    }
}

impl DirectoryWriter for LdapWriter {
    fn identity(&self) -> &DirectoryIdentity {
        &self.server.identity
    }

    fn bound_as(&self) -> Option<Guid> {
        self.bound_as
    }

    async fn fetch(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        self.fetch_with_others(guid, attributes).await
    }

    async fn fetch_by_dn(
        &self,
        dn: &Dn,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        let lease = self.lease().await?;
        self.live(&lease.session, dn.as_str(), attributes).await
    }

    async fn carriers(
        &self,
        attribute: &str,
        values: &[String],
    ) -> Result<Vec<LiveEntry>, ConnectorError> {
        let lease = self.lease().await?;
        let what = format!("looking for who carries {attribute}");
        let syntaxes = self
            .syntaxes(&lease.session, std::iter::once(attribute))
            .await?;
        let asked = [attribute.to_owned(), "objectGUID".to_owned()];
        let mut alternatives = Vec::new();
        if values.len() > MOST_SEARCHES * SEARCHED_AT_ONCE {
            alternatives.push(format!("({attribute}=*)"));
        } else {
            for some in values.chunks(SEARCHED_AT_ONCE) {
                let wire = self.wire_values(&syntaxes, &what, attribute, some)?;
                let mut each: Vec<String> = wire
                    .iter()
                    .map(|value| format!("({attribute}={})", filter_value(value)))
                    .collect();
                each.sort_unstable();
                alternatives.push(each.concat());
            }
        }
        let mut found = Vec::new();
        for alternatives in alternatives {
            let filter = format!("(&(objectCategory=person)(objectClass=user)(|{alternatives}))");
            let search = Search {
                base: self.server.identity.naming_context.as_str(),
                scope: Scope::Subtree,
                filter: &filter,
                attributes: &asked,
                show_deleted: false,
                access_lists: false,
            };
            let mut raw = Vec::new();
            let page_size = self.server.settings().page_size;
            lease
                .session
                .all(&search, page_size, |entry| raw.push(entry))
                .await?;
            for entry in raw {
                let dn = entry.dn.clone();
                found.push(self.entry(&dn, entry, &syntaxes)?);
            }
        }
        Ok(found)
    }

    async fn is_member(&self, group: Guid, member: Guid) -> Result<bool, ConnectorError> {
        let lease = self.lease().await?;
        self.holds(&lease.session, group, member).await
    }

    async fn add(
        &self,
        dn: &Dn,
        attributes: &[(String, Vec<String>)],
    ) -> Result<Guid, ConnectorError> {
        let mut lease = self.lease().await?;
        let what = format!("adding {}", shown(dn.as_str()));
        let names = || attributes.iter().map(|(name, _)| name.as_str());
        let syntaxes = self.syntaxes(&lease.session, names()).await?;
        let mut wire = Vec::with_capacity(attributes.len());
        for (name, values) in attributes {
            // An attribute without values is no attribute (RFC 4511 section 4.7).
            if !values.is_empty() {
                let values = self.wire_values(&syntaxes, &what, name, values)?;
                wire.push((name.clone().into_bytes(), values));
            }
        }
        let touched: Vec<&str> = names().collect();
        self.write(&mut lease, &what, &touched, |mut ldap| async move {
            ldap.add(dn.as_str(), wire).await
        })
        .await?;
        // The object is there now; only who it is may still be unknown.
        let unknown = |message: String| ConnectorError::Unknown {
            system: self.system().to_owned(),
            message: format!("{what}: done, but its identity could not be read: {message}"),
        };
        match self.live(&lease.session, dn.as_str(), &[]).await {
            Ok(Some(live)) => Ok(live.guid),
            Ok(None) => Err(unknown("it is not found under its name".to_owned())),
            Err(error) => Err(unknown(error.to_string())),
        }
    }

    async fn modify(
        &self,
        guid: Guid,
        modifications: &[Modification],
    ) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let what = format!("modifying {guid}");
        let touched: Vec<&str> = modifications.iter().map(|change| parts(change).0).collect();
        let syntaxes = self
            .syntaxes(&lease.session, touched.iter().copied())
            .await?;
        let mut wire = Vec::with_capacity(modifications.len());
        for change in modifications {
            let (name, values) = parts(change);
            let values = self.wire_values(&syntaxes, &what, name, values)?;
            let name = name.as_bytes().to_vec();
            wire.push(match change {
                Modification::Add(..) => Mod::Add(name, values),
                Modification::Delete(..) => Mod::Delete(name, values),
                Modification::Replace(..) => Mod::Replace(name, values),
            });
        }
        let dn = guid_dn(guid);
        let result = self
            .send(&mut lease, &what, |mut ldap| async move {
                ldap.modify(&dn, wire).await
            })
            .await?;
        if result.rc == 0 {
            return Ok(());
        }
        // Two values for a single-valued attribute (ERROR_DS_SINGLE_VALUE_CONSTRAINT and Samba's word for it) are
        // nothing that moved.
        let too_many = modifications
            .iter()
            .map(parts)
            .find(|(_, values)| values.len() > 1);
        if let (20, Some(0x200d | 0x2081), Some((name, _))) =
            (result.rc, code(&result.text), too_many)
        {
            return Err(ConnectorError::Invalid {
                system: self.system().to_owned(),
                field: Some(name.to_owned()),
                message: format!("{what}: {name} takes one value only"),
            });
        }
        Err(refused(self.system(), &what, &result, &touched))
    }

    async fn set_password(
        &self,
        guid: Guid,
        password: &SecretString,
    ) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let what = format!("setting the password of {guid}");
        let value = HashSet::from([Wiped(quoted_utf16(password.expose_secret()))]);
        let name = Wiped(Zeroizing::new(b"unicodePwd".to_vec()));
        let dn = guid_dn(guid);
        self.write(&mut lease, &what, &["unicodePwd"], |mut ldap| async move {
            ldap.modify(&dn, vec![Mod::Replace(name, value)]).await
        })
        .await
    }

    async fn move_to(
        &self,
        guid: Guid,
        new_rdn: &Rdn,
        new_parent: &Dn,
    ) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let target = new_parent.child(&new_rdn.attribute, &new_rdn.value);
        let what = format!("moving {guid} to {}", shown(target.as_str()));
        // Sent to the name it has now, not to its identity: a request that gets through late, when it was made again and the
        // object moved on, then finds nothing there, instead of taking the object back.
        let nothing = ["1.1".to_owned()];
        let identity = guid_dn(guid);
        let now = lease.session.object(&identity, "(objectClass=*)", &nothing);
        let Some(RawEntry { dn, .. }) = now.await? else {
            return Err(ConnectorError::NotFound {
                system: self.system().to_owned(),
                message: format!("{what}: no such object"),
            });
        };
        // `child` has escaped the value; what stands before the parent is the new relative name.
        let rdn = &target.as_str()[..target.as_str().len() - new_parent.as_str().len() - 1];
        // A new superior that is the present one makes it a rename in place ([MS-ADTS] 3.1.1.5.4.1), for which no right
        // to create or delete is needed.
        let superior = Some(new_parent.as_str());
        self.write(
            &mut lease,
            &what,
            &[&new_rdn.attribute],
            |mut ldap| async move { ldap.modifydn(&dn, rdn, true, superior).await },
        )
        .await
    }

    async fn add_member(&self, group: Guid, member: Guid) -> Result<(), ConnectorError> {
        self.set_member(group, member, true).await
    }

    async fn remove_member(&self, group: Guid, member: Guid) -> Result<(), ConnectorError> {
        self.set_member(group, member, false).await
    }

    async fn examine(&self, guid: Guid) -> Result<Option<Examined>, ConnectorError> {
        let lease = self.lease().await?;
        let session = &lease.session;
        let Some((raw, below)) = deletion::examine(session, &guid_dn(guid)).await? else {
            return Ok(None);
        };
        let unreadable = |message: String| ConnectorError::Unavailable {
            system: self.system().to_owned(),
            message: format!("reading {guid}: {message}"),
        };
        let facts = deletion::facts(&raw);
        let dn = Dn::parse(&raw.dn).map_err(|error| unreadable(error.to_string()))?;
        let mut kept = RawEntry {
            dn: raw.dn,
            attributes: raw.attributes,
        };
        kept.attributes
            .retain(|(name, _)| !deletion::is_kept_quiet(name));
        let names: Vec<String> = kept
            .attributes
            .iter()
            .filter_map(|(name, _)| Some(std::str::from_utf8(name).ok()?.to_owned()))
            .collect();
        let plain = names
            .iter()
            .map(|name| name.split(';').next().unwrap_or_default());
        let syntaxes = self.syntaxes(session, plain).await?;
        Ok(Some(Examined {
            entry: LiveEntry {
                guid,
                dn,
                attributes: deletion::image(kept, &syntaxes),
            },
            facts,
            below,
        }))
    }

    async fn fetch_deleted(
        &self,
        guid: Guid,
        attributes: &[String],
    ) -> Result<Option<LiveEntry>, ConnectorError> {
        let lease = self.lease().await?;
        let names = attributes.iter().map(String::as_str);
        let syntaxes = self.syntaxes(&lease.session, names).await?;
        let mut asked = attributes.to_vec();
        asked.extend(["objectGUID", "isDeleted"].map(str::to_owned));
        let dn = guid_dn(guid);
        let raw = deletion::deleted(&lease.session, &dn, &asked).await?;
        raw.map(|raw| self.entry(&dn, raw, &syntaxes)).transpose()
    }

    async fn restore(&self, guid: Guid, from: &Dn, to: &Dn) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let what = format!("bringing back {guid} as {}", shown(to.as_str()));
        let changes = vec![
            Mod::Delete("isDeleted".to_owned(), HashSet::new()),
            Mod::Replace(
                "distinguishedName".to_owned(),
                HashSet::from([to.as_str().to_owned()]),
            ),
        ];
        self.write(&mut lease, &what, &[], |mut ldap| async move {
            ldap.with_controls(deletion::show_deleted());
            ldap.modify(from.as_str(), changes).await
        })
        .await
    }

    async fn delete(&self, guid: Guid) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let what = format!("deleting {guid}");
        let dn = guid_dn(guid);
        // Without the control that deletes what stands below as well.
        self.write(&mut lease, &what, &[], |mut ldap| async move {
            ldap.delete(&dn).await
        })
        .await
    }
}

impl LdapWriter {
    fn wire_values(
        &self,
        syntaxes: &HashMap<String, Syntax>,
        what: &str,
        name: &str,
        values: &[String],
    ) -> Result<HashSet<Vec<u8>>, ConnectorError> {
        let syntax = syntaxes
            .get(&name.to_ascii_lowercase())
            .copied()
            .unwrap_or(Syntax::Other);
        values
            .iter()
            .map(|value| {
                to_bytes(syntax, value).ok_or_else(|| ConnectorError::Invalid {
                    system: self.system().to_owned(),
                    field: Some(name.to_owned()),
                    message: format!("{what}: a value of {name} is not base64"),
                })
            })
            .collect()
    }
}

/// A value as it stands in a filter (RFC 4515 section 3): bytes that are no text are escaped one by one.
fn filter_value(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => ldap_escape(text).into_owned(),
        Err(_) => value.iter().map(|byte| format!("\\{byte:02x}")).collect(),
    }
}

fn parts(change: &Modification) -> (&str, &[String]) {
    let (Modification::Add(name, values)
    | Modification::Delete(name, values)
    | Modification::Replace(name, values)) = change;
    (name, values)
}

fn texts(raw: RawEntry, syntaxes: &HashMap<String, Syntax>) -> BTreeMap<String, Vec<String>> {
    raw.attributes
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .filter_map(|(name, values)| {
            let name = String::from_utf8(name).ok()?;
            let syntax = *syntaxes.get(&name.to_ascii_lowercase())?;
            let values = values
                .iter()
                .map(|value| to_text(syntax, value).into())
                .collect();
            Some((name, values))
        })
        .collect()
}

/// The form `unicodePwd` takes: in quotes, UTF-16 little-endian ([MS-ADTS] 3.1.1.3.1.5.1).
fn quoted_utf16(password: &str) -> Zeroizing<Vec<u8>> {
    // Room for everything at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * password.len() + 4));
    for unit in "\""
        .encode_utf16()
        .chain(password.encode_utf16())
        .chain("\"".encode_utf16())
    {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// Bytes that are wiped when dropped. What the LDAP library and TLS copy of them is beyond our reach.
#[derive(PartialEq, Eq)]
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for Wiped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::quoted_utf16;

    #[test]
    fn a_password_is_quoted_and_little_endian() {
        assert_eq!(*quoted_utf16("Ab"), [0x22, 0, 0x41, 0, 0x62, 0, 0x22, 0]);
        assert_eq!(*quoted_utf16("Ł"), [0x22, 0, 0x41, 1, 0x22, 0]);
        let long = quoted_utf16(&"é".repeat(500));
        assert!(long.capacity() >= long.len() && long.len() == 1004);
    }
}
