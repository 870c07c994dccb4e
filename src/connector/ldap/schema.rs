//! What the directory's own schema says about attributes.
//!
//! Reads only the definitions asked for ([MS-ADTS] 3.1.1.2.3). Must not know what they are for. Keeps: an attribute
//! the server owns or computes is marked as never written.

use ldap3::{Scope, ldap_escape};

use super::wire::{RawEntry, Search, Session};
use crate::connector::ConnectorError;
use crate::model::{AttributeDef, Syntax, default_schema};

/// How many names go into one filter.
const CHUNK: usize = 50;

/// Definitions of the named attributes, in the order asked for; what the directory does not know is left out.
pub(super) async fn read(
    session: &Session,
    schema_base: &str,
    names: &[String],
    page_size: u32,
) -> Result<Vec<AttributeDef>, ConnectorError> {
    let attributes = [
        "lDAPDisplayName",
        "attributeSyntax",
        "oMSyntax",
        "isSingleValued",
        "rangeLower",
        "rangeUpper",
        "systemOnly",
        "systemFlags",
        "linkID",
    ]
    .map(str::to_owned);
    let mut found: Vec<AttributeDef> = Vec::with_capacity(names.len());
    for chunk in names.chunks(CHUNK) {
        let alternatives: String = chunk
            .iter()
            .map(|name| format!("(lDAPDisplayName={})", ldap_escape(name.as_str())))
            .collect();
        let filter = format!("(&(objectClass=attributeSchema)(|{alternatives}))");
        let search = Search {
            base: schema_base,
            scope: Scope::OneLevel,
            filter: &filter,
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        session
            .all(&search, page_size, |raw| found.extend(definition(&raw)))
            .await?;
    }
    // Inactive (defunct) definitions may share a name with the one that replaced them; either serves.
    let mut ordered: Vec<AttributeDef> = Vec::with_capacity(found.len());
    for name in names {
        if let Some(def) = found.iter().find(|def| def.name.eq_ignore_ascii_case(name)) {
            ordered.push(def.clone());
        }
    }
    Ok(ordered)
}

fn definition(raw: &RawEntry) -> Option<AttributeDef> {
    /// FLAG_ATTR_IS_CONSTRUCTED ([MS-ADTS] 2.2.10).
    const CONSTRUCTED: i64 = 0x4;
    let name = raw.text("lDAPDisplayName")?.to_owned();
    let number = |attribute: &str| {
        raw.text(attribute)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let flag = |attribute: &str| raw.text(attribute) == Some("TRUE");
    // An odd link id is the computed end of a pair ([MS-ADTS] 3.1.1.1.6): `memberOf` of `member`.
    let back_link = number("linkID").is_some_and(|id| id % 2 == 1);
    let constructed = number("systemFlags").is_some_and(|flags| flags & CONSTRUCTED != 0);
    let mut def = AttributeDef {
        syntax: syntax(raw.text("attributeSyntax")?, number("oMSyntax")),
        single_valued: flag("isSingleValued"),
        range_lower: number("rangeLower"),
        range_upper: number("rangeUpper"),
        read_only: flag("systemOnly") || constructed || back_link,
        name,
    };
    // What servers enforce beyond their schema: SAM's limit on logon names, one `description`, attributes SAM owns.
    if let Some(known) = default_schema().get(&def.name) {
        def.read_only |= known.read_only;
        def.single_valued |= known.single_valued;
        if def.name.eq_ignore_ascii_case("sAMAccountName") {
            def.range_lower = known.range_lower;
            def.range_upper = known.range_upper;
        }
    }
    Some(def)
}

/// [MS-ADTS] 3.1.1.2.2.2: the pair of attribute syntax and OM syntax decides.
fn syntax(attribute_syntax: &str, om_syntax: Option<i64>) -> Syntax {
    match (attribute_syntax, om_syntax) {
        ("2.5.5.1", _) => Syntax::Dn,
        ("2.5.5.3" | "2.5.5.5" | "2.5.5.6", _) => Syntax::CaseExactText,
        ("2.5.5.4" | "2.5.5.12", _) => Syntax::Text,
        ("2.5.5.8", _) => Syntax::Boolean,
        ("2.5.5.9", _) => Syntax::Integer,
        ("2.5.5.10" | "2.5.5.15" | "2.5.5.17", _) => Syntax::Octets,
        ("2.5.5.11", _) => Syntax::Time,
        ("2.5.5.16", _) => Syntax::LargeInteger,
        // Object identifiers, names with a binary or text part, presentation addresses.
        _ => Syntax::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::definition;
    use crate::connector::ldap::wire::RawEntry;
    use crate::model::{AttributeDef, Syntax};

    fn def(attributes: &[(&str, &str)]) -> AttributeDef {
        let raw = RawEntry {
            dn: "CN=x".to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), vec![value.as_bytes().to_vec()]))
                .collect(),
        };
        definition(&raw).expect("a definition")
    }

    #[test]
    fn what_the_server_owns_is_never_written() {
        let text = [("attributeSyntax", "2.5.5.12"), ("oMSyntax", "64")];
        let with =
            |more: &[(&'static str, &'static str)]| def(&[&text[..], more].concat()).read_only;
        assert!(!with(&[
            ("lDAPDisplayName", "mail"),
            ("systemOnly", "FALSE")
        ]));
        assert!(with(&[("lDAPDisplayName", "x"), ("systemOnly", "TRUE")]));
        assert!(with(&[("lDAPDisplayName", "x"), ("systemFlags", "20")]));
        assert!(!with(&[("lDAPDisplayName", "x"), ("systemFlags", "16")]));
        assert!(with(&[("lDAPDisplayName", "x"), ("linkID", "3")]));
        assert!(!with(&[("lDAPDisplayName", "x"), ("linkID", "2")]));
        // Not marked in the schema, refused by SAM.
        assert!(with(&[("lDAPDisplayName", "lastLogon")]));
    }

    #[test]
    fn limits_beyond_the_schema_are_known() {
        let name = def(&[
            ("lDAPDisplayName", "sAMAccountName"),
            ("attributeSyntax", "2.5.5.12"),
            ("rangeLower", "0"),
            ("rangeUpper", "256"),
            ("isSingleValued", "TRUE"),
        ]);
        assert_eq!(name.range_upper, Some(20));
        let description = def(&[
            ("lDAPDisplayName", "description"),
            ("attributeSyntax", "2.5.5.12"),
            ("isSingleValued", "FALSE"),
            ("rangeUpper", "1024"),
        ]);
        assert!(description.single_valued);
        assert_eq!(description.range_upper, Some(1024));
        let photo = def(&[
            ("lDAPDisplayName", "thumbnailPhoto"),
            ("attributeSyntax", "2.5.5.10"),
        ]);
        assert_eq!(photo.syntax, Syntax::Octets);
    }
}
