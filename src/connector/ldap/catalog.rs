//! Names that objects of other domains of the forest have, read from a global catalog ([MS-ADTS] 3.1.1.1.8).
//!
//! Must not know what the names are compared with. Keeps: an attribute the catalog does not have is told, not taken
//! for one in which nobody has a name. Objects of our own domain are among those found: the reader knows them by
//! identity, and what the domain controller says of them counts.

use ldap3::{Scope, ldap_escape};

use super::connect::Server;
use super::values::Converter;
use super::wire::{Pages, Search, Session};
use crate::connector::ConnectorError;
use crate::model::{AttributeDef, Entry, EntryKind};

/// What was found.
#[derive(Default)]
pub(super) struct Names {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<String>,
    pub(super) pages: Pages,
    /// Attributes the catalog does not have.
    pub(super) missing: Vec<String>,
}

/// Reads every object of the forest that has one of the attributes.
///
/// # Errors
/// No catalog answers.
pub(super) async fn read(
    server: &Server,
    session: &Session,
    definitions: &[AttributeDef],
    names_in: &[String],
) -> Result<Names, ConnectorError> {
    let mut attributes: Vec<String> = names_in.to_vec();
    if !attributes
        .iter()
        .any(|name| name.eq_ignore_ascii_case("userPrincipalName"))
    {
        attributes.push("userPrincipalName".to_owned());
    }
    let (mut attributes, missing) = known(server, session, attributes).await?;
    if attributes.is_empty() {
        return Ok(Names {
            missing,
            ..Names::default()
        });
    }
    let any: String = attributes
        .iter()
        .map(|name| format!("({name}=*)"))
        .collect();
    let filter = format!("(|{any})");
    attributes.push("objectGUID".to_owned());
    let catalog = server.open_catalog().await?;
    let mut converter = Converter::new(definitions);
    let mut entries = Vec::new();
    let search = Search {
        // Of a global catalog the empty name is the whole forest.
        base: "",
        scope: Scope::Subtree,
        filter: &filter,
        attributes: &attributes,
        show_deleted: false,
        access_lists: false,
    };
    let pages = catalog
        .all(&search, server.settings().page_size, |raw| {
            entries.extend(converter.entry(raw, EntryKind::Foreign));
        })
        .await?;
    Ok(Names {
        entries,
        problems: converter.problems,
        pages,
        missing,
    })
}

/// The attributes that go into global catalogs, and those that do not.
async fn known(
    server: &Server,
    session: &Session,
    attributes: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), ConnectorError> {
    let any: String = attributes
        .iter()
        .map(|name| format!("(lDAPDisplayName={})", ldap_escape(name.as_str())))
        .collect();
    let filter =
        format!("(&(objectClass=attributeSchema)(isMemberOfPartialAttributeSet=TRUE)(|{any}))");
    let wanted = ["lDAPDisplayName".to_owned()];
    let search = Search {
        base: &server.schema_base,
        scope: Scope::OneLevel,
        filter: &filter,
        attributes: &wanted,
        show_deleted: false,
        access_lists: false,
    };
    let mut found: Vec<String> = Vec::new();
    session
        .all(&search, server.settings().page_size, |raw| {
            found.extend(raw.text("lDAPDisplayName").map(str::to_owned));
        })
        .await?;
    Ok(attributes
        .into_iter()
        .partition(|name| found.iter().any(|found| found.eq_ignore_ascii_case(name))))
}
