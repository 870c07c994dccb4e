//! When single attributes of accounts were last written, and on which domain controller.
//!
//! Reads only, in batches, and only of the accounts it is asked about. Must not know what the answers are for. Keeps: what
//! the server does not tell is left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ldap3::{Scope, ldap_escape};

use super::LdapReader;
use super::wire::{Search, Session};
use crate::connector::ConnectorError;
use crate::model::{Dn, Guid, NAME, USER_ACCOUNT_CONTROL, attribute_type, written};

/// How many objects one search is for.
const BATCH: usize = 100;

/// The last write of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// When it was made.
    pub at: jiff::Timestamp,
    /// Name of the domain controller it was made on; `None` when that is there no more, or not to be seen.
    pub controller: Option<String>,
}

impl LdapReader {
    /// When attributes of some objects were last written. `placement` and `name` stand for an object's name, `enabled` for
    /// `userAccountControl`. What cannot be told is left out.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub async fn last_writes(
        &self,
        wanted: &BTreeMap<Guid, BTreeSet<String>>,
    ) -> Result<HashMap<(Guid, String), LastWrite>, ConnectorError> {
        let session = self.open().await?;
        let page_size = self.server().settings().page_size;
        let names: BTreeSet<&str> = wanted.values().flatten().map(String::as_str).collect();
        let types = self.types(&session, &names, page_size).await?;
        let controllers = self.controllers(&session, page_size).await?;
        let mut found = HashMap::new();
        let base = self.server().identity.naming_context.as_str();
        let attributes = ["objectGUID", "replPropertyMetaData"].map(str::to_owned);
        let all: Vec<&Guid> = wanted.keys().collect();
        for batch in all.chunks(BATCH) {
            let alternatives: String = batch
                .iter()
                .map(|guid| {
                    let octets = guid.to_wire();
                    let octets = octets.iter().map(|octet| format!("\\{octet:02x}"));
                    format!("(objectGUID={})", octets.collect::<String>())
                })
                .collect();
            let filter = format!("(|{alternatives})");
            let search = Search {
                base,
                scope: Scope::Subtree,
                filter: &filter,
                attributes: &attributes,
                show_deleted: false,
                access_lists: false,
            };
            session
                .all(&search, page_size, |raw| {
                    let first = |name: &str| raw.values(name).first();
                    let guid = first("objectGUID").and_then(|bytes| Guid::from_wire(bytes));
                    let (Some(guid), Some(metadata)) = (guid, first("replPropertyMetaData")) else {
                        return;
                    };
                    for name in wanted.get(&guid).into_iter().flatten() {
                        let Some(last) = types
                            .get(name.as_str())
                            .and_then(|kind| written(metadata, *kind))
                        else {
                            continue;
                        };
                        let last = LastWrite {
                            at: last.at,
                            controller: controllers.get(&last.invocation).cloned(),
                        };
                        found.insert((guid, name.clone()), last);
                    }
                })
                .await?;
        }
        Ok(found)
    }

    /// The numbers attributes have in metadata.
    async fn types(
        &self,
        session: &Session,
        names: &BTreeSet<&str>,
        page_size: u32,
    ) -> Result<HashMap<String, u32>, ConnectorError> {
        let mut types: HashMap<String, u32> = HashMap::from([
            ("placement".to_owned(), NAME),
            ("name".to_owned(), NAME),
            ("enabled".to_owned(), USER_ACCOUNT_CONTROL),
        ]);
        let attributes = ["lDAPDisplayName", "attributeID", "msDS-IntId"].map(str::to_owned);
        let names: Vec<&str> = names.iter().copied().collect();
        for chunk in names.chunks(BATCH) {
            let alternatives: String = chunk
                .iter()
                .map(|name| format!("(lDAPDisplayName={})", ldap_escape(*name)))
                .collect();
            let filter = format!("(&(objectClass=attributeSchema)(|{alternatives}))");
            let search = Search {
                base: &self.server().schema_base,
                scope: Scope::OneLevel,
                filter: &filter,
                attributes: &attributes,
                show_deleted: false,
                access_lists: false,
            };
            session
                .all(&search, page_size, |raw| {
                    let id = raw.text("msDS-IntId").and_then(|text| text.parse().ok());
                    let (Some(name), Some(oid)) =
                        (raw.text("lDAPDisplayName"), raw.text("attributeID"))
                    else {
                        return;
                    };
                    let asked = names.iter().find(|asked| asked.eq_ignore_ascii_case(name));
                    if let (Some(asked), Some(kind)) = (asked, attribute_type(oid, id)) {
                        types.entry((*asked).to_owned()).or_insert(kind);
                    }
                })
                .await?;
        }
        Ok(types)
    }

    /// Domain controllers by the invocation of their database ([MS-ADTS] 6.1.1.2.2.1.2.1.1, nTDSDSA object).
    async fn controllers(
        &self,
        session: &Session,
        page_size: u32,
    ) -> Result<HashMap<Guid, String>, ConnectorError> {
        let configuration = self
            .server()
            .schema_base
            .split_once(',')
            .map_or("", |(_, parent)| parent);
        let sites = format!("CN=Sites,{configuration}");
        let attributes = ["invocationId".to_owned()];
        let search = Search {
            base: &sites,
            scope: Scope::Subtree,
            filter: "(objectClass=nTDSDSA)",
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        let mut found = HashMap::new();
        let result = session
            .all(&search, page_size, |raw| {
                let invocation = raw.values("invocationId").first();
                let invocation = invocation.and_then(|bytes| Guid::from_wire(bytes));
                let server = Dn::parse(&raw.dn).ok().and_then(|dn| dn.parent());
                if let (Some(invocation), Some(server)) = (invocation, server) {
                    found.insert(invocation, server.rdn().value);
                }
            })
            .await;
        match result {
            // Who made an edit where is told without the name then.
            Ok(_) | Err(ConnectorError::NotFound { .. } | ConnectorError::Denied { .. }) => {
                Ok(found)
            }
            Err(error) => Err(error),
        }
    }
}
