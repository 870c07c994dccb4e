//! Looking at a directory without reading it whole: the server, the connection, who we are, the schema, what stands in
//! the managed scope, what we may do.
//!
//! Must not know mappings. Invariants: reads only; what an account is not shown is an answer of its own, never an empty
//! one; one pass over each place.

use std::collections::BTreeMap;

use ldap3::asn1::parse_tag;
use ldap3::{Scope, ldap_escape};

use super::connect::Server;
use super::wire::{RawEntry, Search, Session};
use super::{Settings, schema, values};
use crate::connector::ConnectorError;
use crate::inventory::report::Switch;
use crate::model::{AttributeDef, DirectoryIdentity, Dn};

const USERS: &str = "(&(objectCategory=person)(objectClass=user))";
const ANYTHING: &str = "(objectClass=*)";

/// Privileged groups by the end of their SID in the domain ([MS-DTYP] 2.4.2.4).
const PRIVILEGED_IN_DOMAIN: &[(&str, &str)] = &[
    ("-512", "Domain Admins"),
    ("-516", "Domain Controllers"),
    ("-518", "Schema Admins"),
    ("-519", "Enterprise Admins"),
    ("-520", "Group Policy Creator Owners"),
];
/// And those every domain has under one SID.
const PRIVILEGED: &[(&str, &str)] = &[
    ("S-1-5-32-544", "Administrators"),
    ("S-1-5-32-548", "Account Operators"),
    ("S-1-5-32-549", "Server Operators"),
    ("S-1-5-32-550", "Print Operators"),
    ("S-1-5-32-551", "Backup Operators"),
];

/// What the connection's protection is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// `1.2` or `1.3`.
    pub version: Option<&'static str>,
    /// When the server's certificate ends.
    pub certificate_until: Option<jiff::Timestamp>,
}

/// An attribute as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What planning goes by, too.
    pub def: AttributeDef,
    /// `searchFlags` ([MS-ADTS] 2.2.9).
    pub search_flags: i64,
    /// Whether the global catalog has it.
    pub in_global_catalog: bool,
}

/// One object of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A user.
    User {
        /// Whether it is enabled; `None` when that is not shown.
        enabled: Option<bool>,
        /// Whether it is or was in a protected group (`adminCount=1`).
        privileged: bool,
        /// Values of the attributes asked for, in that order.
        values: Vec<Option<&'a [u8]>>,
    },
    /// A group.
    Group,
    /// A place.
    Unit,
}

/// What the account may do at an object, as the server computes it ([MS-ADTS] 3.1.1.4.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// `allowedAttributesEffective`.
    pub attributes: Vec<String>,
    /// `allowedChildClassesEffective`.
    pub child_classes: Vec<String>,
    /// `sDRightsEffective`, when told.
    pub security: Option<i64>,
}

/// Looks at one directory, through one account.
#[derive(Debug)]
pub struct LdapProbe {
    server: Server,
    session: Session,
}

impl LdapProbe {
    /// Finds a domain controller and binds.
    ///
    /// # Errors
    /// As [`super::LdapReader::connect`].
    pub async fn connect(settings: Settings) -> Result<Self, ConnectorError> {
        let (server, session) = Server::find(settings).await?;
        Ok(Self { server, session })
    }

    /// Which directory it is.
    pub fn identity(&self) -> &DirectoryIdentity {
        &self.server.identity
    }

    /// The address that led there.
    pub fn url(&self) -> String {
        self.server.url().to_string()
    }

    /// First values of attributes of the root entry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn root(&self) -> Result<BTreeMap<String, String>, ConnectorError> {
        let names = [
            "configurationNamingContext",
            "currentTime",
            "domainControllerFunctionality",
            "domainFunctionality",
            "forestFunctionality",
            "isGlobalCatalogReady",
            "vendorName",
        ]
        .map(str::to_owned);
        let raw = self.session.object("", ANYTHING, &names).await?;
        Ok(raw
            .iter()
            .flat_map(|raw| names.iter().map(move |name| (name, raw.text(name))))
            .filter_map(|(name, text)| Some((name.clone(), text?.to_owned())))
            .collect())
    }

    /// How the connection is protected.
    pub async fn protection(&self) -> Protection {
        match self.server.protection().await {
            Some((version, certificate)) => Protection {
                version,
                certificate_until: certificate.as_deref().and_then(not_after),
            },
            None => Protection::default(),
        }
    }

    /// The account we are.
    pub async fn account(&self) -> Option<Dn> {
        self.server.bound_as(&self.session).await
    }

    /// Privileged groups an account is in, directly or not (`tokenGroups`, [MS-ADTS] 3.1.1.4.5.19); `None` when the
    /// server does not tell.
    pub async fn privileged_groups(&self, account: &Dn) -> Option<Vec<String>> {
        let asked = ["tokenGroups".to_owned()];
        let raw = self
            .session
            .object(account.as_str(), ANYTHING, &asked)
            .await
            .ok()??;
        let groups = raw.values("tokenGroups");
        if groups.is_empty() {
            return None;
        }
        let domain = &self.server.identity.domain_sid;
        let mut found: Vec<String> = groups
            .iter()
            .filter_map(|bytes| values::sid(bytes))
            .filter_map(|sid| {
                let in_domain = sid.strip_prefix(domain.as_str());
                PRIVILEGED
                    .iter()
                    .find(|(known, _)| sid == *known)
                    .or_else(|| {
                        PRIVILEGED_IN_DOMAIN
                            .iter()
                            .find(|(end, _)| in_domain == Some(*end))
                    })
                    .map(|(_, name)| (*name).to_owned())
            })
            .collect();
        found.sort();
        found.dedup();
        Some(found)
    }

    /// Whether the recycle bin is on ([MS-ADTS] 3.1.1.9.1).
    pub async fn recycle_bin(&self, configuration: &str) -> Switch {
        let asked = ["msDS-EnabledFeature".to_owned()];
        let partitions = format!("CN=Partitions,{configuration}");
        match self.session.object(&partitions, ANYTHING, &asked).await {
            Ok(Some(raw)) => {
                let on = raw.values("msDS-EnabledFeature").iter().any(|feature| {
                    String::from_utf8_lossy(feature)
                        .to_ascii_lowercase()
                        .starts_with("cn=recycle bin feature,")
                });
                if on { Switch::On } else { Switch::Off }
            }
            Ok(None) | Err(_) => Switch::NotVisible,
        }
    }

    /// Whether deleted objects are shown.
    pub async fn sees_deleted(&self) -> bool {
        let base = format!("CN=Deleted Objects,{}", self.server.identity.naming_context);
        let asked = ["1.1".to_owned()];
        let search = Search {
            base: &base,
            scope: Scope::Base,
            filter: ANYTHING,
            attributes: &asked,
            show_deleted: true,
            access_lists: false,
        };
        let mut seen = false;
        let outcome = self.session.all(&search, 1, |_| seen = true).await;
        outcome.is_ok() && seen
    }

    /// Definitions of the named attributes; what the schema does not have is left out.
    ///
    /// # Errors
    /// When the schema cannot be read.
    pub async fn definitions(&self, names: &[String]) -> Result<Vec<Definition>, ConnectorError> {
        let base = &self.server.schema_base;
        let defs = schema::read(&self.session, base, names, 500).await?;
        let asked = [
            "lDAPDisplayName",
            "searchFlags",
            "isMemberOfPartialAttributeSet",
        ]
        .map(str::to_owned);
        let mut more: BTreeMap<String, (i64, bool)> = BTreeMap::new();
        for chunk in names.chunks(50) {
            let alternatives: String = chunk
                .iter()
                .map(|name| format!("(lDAPDisplayName={})", ldap_escape(name.as_str())))
                .collect();
            let filter = format!("(&(objectClass=attributeSchema)(|{alternatives}))");
            let search = Search {
                base,
                scope: Scope::OneLevel,
                filter: &filter,
                attributes: &asked,
                show_deleted: false,
                access_lists: false,
            };
            self.session
                .all(&search, 500, |raw| {
                    if let Some(name) = raw.text("lDAPDisplayName") {
                        let flags = raw
                            .text("searchFlags")
                            .and_then(|text| text.parse().ok())
                            .unwrap_or(0);
                        let catalog = raw.text("isMemberOfPartialAttributeSet") == Some("TRUE");
                        more.insert(name.to_ascii_lowercase(), (flags, catalog));
                    }
                })
                .await?;
        }
        Ok(defs
            .into_iter()
            .map(|def| {
                let known = more.get(&def.name.to_ascii_lowercase());
                let (search_flags, in_global_catalog) = known.copied().unwrap_or_default();
                Definition {
                    def,
                    search_flags,
                    in_global_catalog,
                }
            })
            .collect())
    }

    /// Hands on every user, group and place at or below a place, with its name. False when the place is not there or not shown.
    ///
    /// # Errors
    /// Whatever else ends the search.
    pub async fn walk(
        &self,
        place: &Dn,
        asked: &[String],
        mut each: impl FnMut(&str, Seen<'_>) + Send,
    ) -> Result<bool, ConnectorError> {
        const FILTER: &str = "(|(&(objectCategory=person)(objectClass=user))(objectClass=group)\
            (objectClass=organizationalUnit)(objectClass=container))";
        let attributes: Vec<String> = ["objectClass", "userAccountControl", "adminCount"]
            .iter()
            .map(|name| (*name).to_owned())
            .chain(asked.iter().cloned())
            .collect();
        let search = Search {
            base: place.as_str(),
            scope: Scope::Subtree,
            filter: FILTER,
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        let outcome = self
            .session
            .all(&search, self.server.settings().page_size, |raw| {
                each(&raw.dn, seen(&raw, asked));
            })
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(ConnectorError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands on users at or below a place with all their attributes, at least `most` of them if there are so many.
    ///
    /// # Errors
    /// Whatever ends the search, but for a place that is not there.
    pub async fn sample(
        &self,
        place: &Dn,
        most: u64,
        mut each: impl FnMut(&str, &[(String, Vec<Vec<u8>>)]) + Send,
    ) -> Result<(), ConnectorError> {
        let attributes = ["*".to_owned()];
        let search = Search {
            base: place.as_str(),
            scope: Scope::Subtree,
            filter: USERS,
            attributes: &attributes,
            show_deleted: false,
            access_lists: false,
        };
        let page = u32::try_from(most)
            .unwrap_or(u32::MAX)
            .clamp(1, self.server.settings().page_size);
        let outcome = self
            .session
            .at_least(&search, page, most, |raw| {
                let attributes: Vec<(String, Vec<Vec<u8>>)> = raw
                    .attributes
                    .into_iter()
                    .map(|(name, values)| (String::from_utf8_lossy(&name).into_owned(), values))
                    .collect();
                each(&raw.dn, &attributes);
            })
            .await;
        match outcome {
            Ok(_) | Err(ConnectorError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What we may do at an object; `None` when it is not shown.
    ///
    /// # Errors
    /// Whatever else ends the read.
    pub async fn effective(&self, dn: &str) -> Result<Option<Effective>, ConnectorError> {
        let asked = [
            "allowedAttributesEffective",
            "allowedChildClassesEffective",
            "sDRightsEffective",
        ]
        .map(str::to_owned);
        let Some(raw) = self.session.object(dn, ANYTHING, &asked).await? else {
            return Ok(None);
        };
        let list = |name: &str| {
            raw.values(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect()
        };
        Ok(Some(Effective {
            attributes: list("allowedAttributesEffective"),
            child_classes: list("allowedChildClassesEffective"),
            security: raw
                .text("sDRightsEffective")
                .and_then(|text| text.parse().ok()),
        }))
    }
}

fn seen<'a>(raw: &'a RawEntry, asked: &[String]) -> Seen<'a> {
    /// ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
    const DISABLED: i64 = 0x2;
    let is = |class: &str| {
        raw.values("objectClass")
            .iter()
            .any(|found| found.eq_ignore_ascii_case(class.as_bytes()))
    };
    if is("group") {
        Seen::Group
    } else if is("organizationalUnit") || is("container") {
        Seen::Unit
    } else {
        Seen::User {
            enabled: raw
                .text("userAccountControl")
                .and_then(|text| text.parse::<i64>().ok())
                .map(|flags| flags & DISABLED == 0),
            privileged: raw
                .text("adminCount")
                .is_some_and(|count| count.trim() != "0"),
            values: asked
                .iter()
                .map(|name| raw.values(name).first().map(Vec::as_slice))
                .collect(),
        }
    }
}

/// When a certificate ends (RFC 5280 section 4.1.2.5), `None` when that cannot be read.
fn not_after(der: &[u8]) -> Option<jiff::Timestamp> {
    /// UTCTime and GeneralizedTime.
    const TIMES: [u64; 2] = [23, 24];
    let (_, certificate) = parse_tag(der).ok()?;
    let body = certificate.expect_constructed()?.into_iter().next()?;
    // The validity is the only sequence of two times among the members.
    body.expect_constructed()?.into_iter().find_map(|member| {
        let parts = member.expect_constructed()?;
        let [from, until] = <[_; 2]>::try_from(parts).ok()?;
        if !(TIMES.contains(&from.id) && TIMES.contains(&until.id)) {
            return None;
        }
        let short = until.id == TIMES[0];
        let text = String::from_utf8(until.expect_primitive()?).ok()?;
        // Two digits of a year are of 1950 to 2049.
        let text = match text.get(..2) {
            Some(year) if short && year < "50" => format!("20{text}"),
            Some(_) if short => format!("19{text}"),
            _ => text,
        };
        time(&text)
    })
}

/// `20260131093000.0Z` (RFC 4517 section 3.3.13), as certificates and root entries have it.
pub fn time(text: &str) -> Option<jiff::Timestamp> {
    let digits = text.split(['.', 'Z', 'z']).next()?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let date = jiff::civil::Date::new(digits[..4].parse().ok()?, part(4, 6)?, part(6, 8)?).ok()?;
    let time = jiff::civil::Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
    Some(
        date.to_datetime(time)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp(),
    )
}

#[cfg(test)]
mod tests {
    use super::{not_after, time};

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let mut params = rcgen::CertificateParams::new(vec!["dc".to_owned()]).expect("params");
        let key = rcgen::KeyPair::generate().expect("a key");
        for (year, expected) in [
            (2031, "2031-02-03T00:00:00Z"),
            (2075, "2075-02-03T00:00:00Z"),
        ] {
            params.not_after = rcgen::date_time_ymd(year, 2, 3);
            let certificate = params.self_signed(&key).expect("a certificate");
            let until = not_after(certificate.der()).expect("an end");
            assert_eq!(until.to_string(), expected);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[0x30, 0x03, 0x02, 0x01, 0x01]), None);
    }

    #[test]
    fn generalised_times_are_read_and_nothing_else() {
        assert_eq!(
            time("20260131093005.0Z").expect("a time").to_string(),
            "2026-01-31T09:30:05Z"
        );
        for odd in [
            "",
            "2026",
            "20261331093005.0Z",
            "2026013109300é.0Z",
            "20260131253005Z",
        ] {
            assert_eq!(time(odd), None, "{odd}");
        }
    }
}
