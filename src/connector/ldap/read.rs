//! Reading a directory whole: users with the attributes in use, groups with members, and every name that is taken.
//!
//! Holds no method that changes anything. Keeps: a snapshot exists only when each search behind it ended with success
//! on its last page; what could not be taken over is a reason against its completeness.

use std::collections::BTreeSet;
use std::fmt;

use ldap3::Scope;

use super::connect::Server;
use super::values::{Converter, Rest, ranged, to_text};
use super::wire::{Pages, RawEntry, Search, Session};
use super::{Clock, Settings, catalog, deletion, schema};
use crate::connector::{ConnectorError, DirectoryReader};
use crate::model::{
    AttributeDef, AttributeId, Completeness, DirectoryHeader, DirectoryRequest, DirectorySnapshot,
    Dn, Entry, EntryKind, Guid, Values, Verdict,
};

/// People and services that sign in. Computers have another category.
const USERS: &str = "(&(objectCategory=person)(objectClass=user))";
/// Everything else but groups: whatever it is, it occupies a name.
const OTHERS: &str = "(&(!(&(objectCategory=person)(objectClass=user)))(!(objectClass=group)))";
const GROUPS: &str = "(objectClass=group)";

/// Read of every user, whoever asked for it or not.
const ALWAYS: &[&str] = &[
    "adminCount",
    "cn",
    "isCriticalSystemObject",
    "objectSid",
    "sAMAccountName",
    "userAccountControl",
    "userPrincipalName",
];
/// Read of what is not a user: its names, and what tells that it is privileged or built in.
const NAMES: &[&str] = &[
    "adminCount",
    "cn",
    "isCriticalSystemObject",
    "objectSid",
    "sAMAccountName",
    "userPrincipalName",
];
/// Read of groups in use, and of deleted objects.
const SPECIAL: &[&str] = &["lastKnownParent", "member", "memberOf"];

/// Reads one directory from one domain controller.
pub struct LdapReader {
    server: Server,
    first: Session,
    clock: Clock,
    member_window: Option<u32>,
}

impl fmt::Debug for LdapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapReader")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl LdapReader {
    /// Finds a domain controller, binds, and checks that it is the directory the settings name.
    ///
    /// # Errors
    /// `Invalid` for settings that cannot work or a `base` the server does not hold, `Denied` for a refused bind,
    /// `Unavailable` with every server and its reason when none can be used.
    pub async fn connect(settings: Settings, clock: Clock) -> Result<Self, ConnectorError> {
        let (server, first) = Server::find(settings).await?;
        Ok(Self {
            server,
            first,
            clock,
            member_window: None,
        })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// One more connection, as the same account to the same server.
    pub(super) async fn open(&self) -> Result<Session, ConnectorError> {
        self.server.open_another().await
    }

    /// Asks for group members in parts of this many. Without it the server decides; Active Directory gives 1,500 at a
    /// time.
    #[must_use]
    pub fn with_member_window(mut self, values: u32) -> Self {
        self.member_window = Some(values.max(1));
        self
    }
}

/// One search's outcome.
#[derive(Default)]
struct Part {
    entries: Vec<Entry>,
    rest: Vec<Rest>,
    problems: Vec<String>,
    pages: Pages,
}

impl DirectoryReader for LdapReader {
    async fn read_directory(
        &self,
        request: &DirectoryRequest,
    ) -> Result<DirectorySnapshot, ConnectorError> {
        let read_at = (self.clock)();
        let reopened;
        let one = if self.first.is_closed() {
            reopened = self.server.open_another().await?;
            &reopened
        } else {
            &self.first
        };
        let two = self.server.open_another().await?;
        let names = names(
            request
                .user_attributes
                .iter()
                .chain(&request.names_in)
                .map(String::as_str),
        );
        let page_size = self.server.settings().page_size;
        let definitions = schema::read(one, &self.server.schema_base, &names, page_size).await?;
        let run = Run {
            reader: self,
            definitions: &definitions,
            names_in: &known_names(&definitions, &request.names_in),
        };
        let (users, others) = futures::future::try_join(run.users(one), async {
            Ok((
                run.others(&two).await?,
                run.groups(&two, request).await?,
                run.deleted(&two).await?,
                self.server.bound_as(&two).await,
            ))
        })
        .await?;
        let (others, groups, deleted, bound_as) = others;
        let mut users = users;
        let deleted_objects = if request.disabled_under.is_empty() {
            None
        } else {
            run.before_deletion(one, &request.disabled_under, &mut users)
                .await?;
            Some(deletion::deleted_objects(&self.server, one).await?)
        };
        let (foreign, not_in_catalog) = run.foreign(one).await?;

        let mut pages = Pages::default();
        let mut problems = Vec::new();
        // Groups come before the others: of two entries for one object the one with members stays.
        // Those of the forest come last: of a domain below ours by name, the domain controller knows nothing.
        let parts = [users, groups, others, deleted, foreign];
        let mut objects = Vec::with_capacity(parts.iter().map(|part| part.entries.len()).sum());
        for mut part in parts {
            run.complete(one, &mut part).await?;
            pages.add(part.pages);
            problems.append(&mut part.problems);
            objects.append(&mut part.entries);
        }
        objects.sort_by_key(|entry| entry.guid);
        objects.dedup_by_key(|entry| entry.guid);
        if pages.undecodable > 0 {
            problems.push(format!(
                "{} entries could not be decoded",
                pages.undecodable
            ));
        }
        if pages.references > 0 {
            problems.push(format!(
                "{} answers only pointed to another server",
                pages.references
            ));
        }
        let unknown_attributes = names
            .into_iter()
            .filter(|name| {
                !definitions
                    .iter()
                    .any(|def| def.name.eq_ignore_ascii_case(name))
            })
            .collect();
        Ok(DirectorySnapshot {
            header: DirectoryHeader {
                format: "halosync/directory/v1".to_owned(),
                target: self.server.settings().name.clone(),
                identity: self.server.identity.clone(),
                read_at,
                unknown_attributes,
                not_in_catalog,
                bound_as,
                deleted_objects,
                completeness: Completeness {
                    pages: pages.pages,
                    rows: pages.rows,
                    distinct: objects.len() as u64,
                    claimed_total: None,
                    reads: 1,
                    verdict: if problems.is_empty() {
                        Verdict::Proven
                    } else {
                        Verdict::Unproven { reasons: problems }
                    },
                },
                attributes: definitions,
            },
            objects,
        })
    }
}

/// The attributes to read, each once, in an order that does not depend on who asked first.
fn names<'n>(asked: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut names: Vec<String> = ALWAYS
        .iter()
        .chain(SPECIAL)
        .copied()
        .chain(asked)
        .map(str::to_owned)
        .filter(|name| seen.insert(name.to_ascii_lowercase()))
        .collect();
    names.sort_by_key(|name| name.to_ascii_lowercase());
    names
}

/// The attributes read of every object beside [`NAMES`], as far as the directory has them.
fn known_names(definitions: &[AttributeDef], asked: &[String]) -> Vec<String> {
    definitions
        .iter()
        .map(|def| &def.name)
        .filter(|name| {
            let is = |other: &str| other.eq_ignore_ascii_case(name);
            asked.iter().any(|asked| is(asked)) && !NAMES.iter().any(|always| is(always))
        })
        .cloned()
        .collect()
}

fn kind(raw: &RawEntry) -> EntryKind {
    const PLACES: &[&str] = &[
        "builtindomain",
        "container",
        "domain",
        "domaindns",
        "lostandfound",
        "organization",
        "organizationalunit",
    ];
    let classes = raw.values("objectClass");
    let is = |class: &str| {
        classes
            .iter()
            .any(|found| found.eq_ignore_ascii_case(class.as_bytes()))
    };
    if is("group") {
        EntryKind::Group
    } else if PLACES.iter().any(|place| is(place)) {
        EntryKind::Container
    } else {
        EntryKind::Other
    }
}

/// One read under way.
struct Run<'a> {
    reader: &'a LdapReader,
    definitions: &'a [AttributeDef],
    /// Attributes in which names must not stand, beside those always read.
    names_in: &'a [String],
}

impl Run<'_> {
    fn base(&self) -> &str {
        self.reader.server.identity.naming_context.as_str()
    }

    async fn search(
        &self,
        session: &Session,
        search: Search<'_>,
        kind: fn(&RawEntry) -> EntryKind,
    ) -> Result<Part, ConnectorError> {
        let mut converter = Converter::new(self.definitions);
        let mut entries = Vec::new();
        let page_size = self.reader.server.settings().page_size;
        let pages = session
            .all(&search, page_size, |raw| {
                let kind = kind(&raw);
                entries.extend(converter.entry(raw, kind));
            })
            .await?;
        Ok(Part {
            entries,
            rest: converter.rest,
            problems: converter.problems,
            pages,
        })
    }

    /// The attributes of a search for names.
    fn named(&self, always: &[&str], more: &[&str]) -> Vec<String> {
        let mut attributes = with_identity(always, more);
        attributes.extend(self.names_in.iter().cloned());
        attributes
    }

    async fn users(&self, session: &Session) -> Result<Part, ConnectorError> {
        let attributes: Vec<String> = self
            .definitions
            .iter()
            .map(|def| def.name.clone())
            .filter(|name| !SPECIAL.contains(&name.as_str()))
            .chain(["objectGUID".to_owned()])
            .collect();
        let search = Search {
            base: self.base(),
            scope: Scope::Subtree,
            filter: USERS,
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        self.search(session, search, |_| EntryKind::User).await
    }

    /// Puts to disabled users what matters before one is deleted.
    async fn before_deletion(
        &self,
        session: &Session,
        places: &[Dn],
        users: &mut Part,
    ) -> Result<(), ConnectorError> {
        let page_size = self.reader.server.settings().page_size;
        let mut found = deletion::disabled(session, places, self.definitions, page_size).await?;
        let groups = self
            .definitions
            .iter()
            .position(|def| def.name.eq_ignore_ascii_case("memberOf"))
            .and_then(|at| u16::try_from(at).ok())
            .map(AttributeId);
        for entry in &mut users.entries {
            let Some((facts, member_of)) = found.facts.remove(&entry.guid) else {
                continue;
            };
            entry.deletion = Some(Box::new(facts));
            if let (Some(id), Some(values)) = (groups, member_of) {
                let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
                attributes.push((id, values));
                attributes.sort_unstable_by_key(|(id, _)| *id);
                entry.attributes = attributes.into_boxed_slice();
            }
        }
        // Whoever was disabled after the users were read is not among them.
        found
            .rest
            .retain(|rest| !found.facts.contains_key(&rest.guid));
        users.rest.append(&mut found.rest);
        users.problems.append(&mut found.problems);
        users.pages.add(found.pages);
        Ok(())
    }

    async fn others(&self, session: &Session) -> Result<Part, ConnectorError> {
        let attributes = self.named(NAMES, &["objectClass"]);
        let search = Search {
            base: self.base(),
            scope: Scope::Subtree,
            filter: OTHERS,
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        self.search(session, search, kind).await
    }

    async fn groups(
        &self,
        session: &Session,
        request: &DirectoryRequest,
    ) -> Result<Part, ConnectorError> {
        let member = match self.reader.member_window {
            Some(window) => format!("member;range=0-{}", window - 1),
            None => "member".to_owned(),
        };
        // What groups are in, of all of them: who is nested in a privileged group is privileged.
        let attributes = self.named(NAMES, &["memberOf"]);
        let with_members = self.named(NAMES, &["memberOf", &member]);
        let mut all = Part::default();
        let places = request.groups_under.iter().map(|dn| (dn, Scope::Subtree));
        let single = request.groups.iter().map(|dn| (dn, Scope::Base));
        let asked = places
            .chain(single)
            .map(|(dn, scope)| (dn.as_str(), scope, &with_members));
        // Of two entries for one group the first stays: the one with members.
        for (base, scope, attributes) in asked.chain([(self.base(), Scope::Subtree, &attributes)]) {
            let search = Search {
                base,
                scope,
                filter: GROUPS,
                attributes,
                show_deleted: false,
                access_lists: false,
            };
            match self.search(session, search, |_| EntryKind::Group).await {
                Ok(mut part) => {
                    all.entries.append(&mut part.entries);
                    all.rest.append(&mut part.rest);
                    all.problems.append(&mut part.problems);
                    all.pages.add(part.pages);
                }
                // No such place, no such group: whoever needs it finds it missing among the objects.
                Err(ConnectorError::NotFound { .. }) if base != self.base() => {}
                Err(error) => return Err(error),
            }
        }
        // Places may lie within each other.
        all.entries.sort_by_key(|entry| entry.guid);
        all.entries.dedup_by_key(|entry| entry.guid);
        Ok(all)
    }

    /// Deleted objects, as far as the account may see them: an account without the right sees none, and a name only
    /// they hold can be used again anyway.
    async fn deleted(&self, session: &Session) -> Result<Part, ConnectorError> {
        let attributes = self.named(
            &["cn", "sAMAccountName", "userPrincipalName"],
            &["lastKnownParent"],
        );
        let base = format!("CN=Deleted Objects,{}", self.base());
        let names: String = ["sAMAccountName", "userPrincipalName"]
            .into_iter()
            .chain(self.names_in.iter().map(String::as_str))
            .map(|name| format!("({name}=*)"))
            .collect();
        let filter = format!("(&(isDeleted=TRUE)(|{names}))");
        let search = Search {
            base: &base,
            scope: Scope::OneLevel,
            filter: &filter,
            attributes: &attributes,
            show_deleted: true,
            access_lists: false,
        };
        match self.search(session, search, |_| EntryKind::Deleted).await {
            Err(ConnectorError::NotFound { .. } | ConnectorError::Denied { .. }) => {
                Ok(Part::default())
            }
            other => other,
        }
    }

    /// Names in other domains of the forest, when there is a global catalog to ask, and the attributes it lacks.
    async fn foreign(&self, session: &Session) -> Result<(Part, Vec<String>), ConnectorError> {
        let server = &self.reader.server;
        if server.settings().catalogs.is_empty() {
            return Ok(Default::default());
        }
        let names = catalog::read(server, session, self.definitions, self.names_in).await?;
        let part = Part {
            entries: names.entries,
            problems: names.problems,
            pages: names.pages,
            ..Part::default()
        };
        Ok((part, names.missing))
    }

    /// Fetches what is still missing of long attributes.
    async fn complete(&self, session: &Session, part: &mut Part) -> Result<(), ConnectorError> {
        let mut rest = std::mem::take(&mut part.rest);
        // A group in two places that overlap came twice.
        rest.sort_by_key(|rest| (rest.guid, rest.attribute));
        rest.dedup();
        if rest.is_empty() {
            return Ok(());
        }
        part.entries.sort_by_key(|entry| entry.guid);
        for rest in rest {
            let more = self.values_from(session, &rest).await?;
            if let Ok(at) = part
                .entries
                .binary_search_by_key(&rest.guid, |entry| entry.guid)
            {
                extend(&mut part.entries[at], rest.attribute, more);
            }
        }
        Ok(())
    }

    async fn values_from(
        &self,
        session: &Session,
        rest: &Rest,
    ) -> Result<Vec<compact_str::CompactString>, ConnectorError> {
        let def = &self.definitions[usize::from(rest.attribute.0)];
        let dn = guid_dn(rest.guid);
        let mut values = Vec::new();
        let mut from = rest.from;
        loop {
            let last = match self.reader.member_window {
                Some(window) => (from + u64::from(window) - 1).to_string(),
                None => "*".to_owned(),
            };
            let asked = [format!("{};range={from}-{last}", def.name)];
            let broken_off = |message: &str| ConnectorError::Unavailable {
                system: session.system.clone(),
                message: format!("{} of {dn} from value {from} on: {message}", def.name),
            };
            let raw = session
                .object(&dn, "(objectClass=*)", &asked)
                .await?
                .ok_or_else(|| broken_off("the object was deleted while it was read"))?;
            let part = raw.attributes.into_iter().find_map(|(name, found)| {
                let (attribute, first, next) = ranged(&name)?;
                attribute
                    .eq_ignore_ascii_case(def.name.as_bytes())
                    .then_some((first, next, found))
            });
            // Nothing from there on: the part before was the last.
            let Some((first, next, found)) = part else {
                return Ok(values);
            };
            if first != from {
                return Err(broken_off("the server answered with another part"));
            }
            values.extend(found.iter().map(|value| to_text(def.syntax, value)));
            match next {
                None => return Ok(values),
                Some(next) if next > from => from = next,
                Some(_) => return Err(broken_off("the server repeats itself")),
            }
        }
    }
}

/// The DN form that names an object by identity ([MS-ADTS] 3.1.1.3.1.2.4).
pub(super) fn guid_dn(guid: Guid) -> String {
    format!("<GUID={guid}>")
}

fn with_identity(names: &[&str], more: &[&str]) -> Vec<String> {
    names
        .iter()
        .chain(more)
        .chain(&["objectGUID"])
        .map(|name| (*name).to_owned())
        .collect()
}

/// Adds values to an attribute an entry already has.
fn extend(entry: &mut Entry, attribute: AttributeId, more: Vec<compact_str::CompactString>) {
    if more.is_empty() {
        return;
    }
    if let Ok(at) = entry
        .attributes
        .binary_search_by_key(&attribute, |(id, _)| *id)
    {
        let values = &mut entry.attributes[at].1;
        let mut all = values.as_slice().to_vec();
        all.extend(more);
        *values = Values::Many(all.into_boxed_slice());
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn attributes_are_asked_for_once_and_in_one_order() {
        let asked = |list: &[&'static str]| names(list.iter().copied());
        let one = asked(&["mail", "employeeID", "CN", "samaccountname"]);
        assert_eq!(one, asked(&["employeeID", "CN", "mail"]));
        assert!(one.iter().any(|name| name == "sAMAccountName"));
        assert!(one.iter().any(|name| name == "userAccountControl"));
        assert_eq!(
            one.iter()
                .filter(|name| name.eq_ignore_ascii_case("cn"))
                .count(),
            1
        );
    }
}
