//! What the directory's schema says about an attribute.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// LDAP attribute syntax, as far as comparison differs by it ([MS-ADTS] 3.1.1.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Syntax {
    /// String(Unicode), 2.5.5.12 and String(Teletex), 2.5.5.4: compared without regard to case.
    Text,
    /// String(IA5), String(Printable), String(Numeric), String(Case): compared exactly.
    CaseExactText,
    /// Object(DS-DN), 2.5.5.1.
    Dn,
    /// Integer, Enumeration.
    Integer,
    /// LargeInteger: 64 bits; FILETIME where the attribute is a time.
    LargeInteger,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// String(Octet), String(Sid), String(NT-Sec-Desc) and other bytes. As text here: base64 (standard alphabet,
    /// padded).
    Octets,
    /// String(UTC-Time), String(Generalized-Time).
    Time,
    /// String(Object-Identifier) and anything not listed.
    Other,
}

/// One attribute of the directory's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttributeDef {
    /// `lDAPDisplayName`.
    pub name: String,
    /// Its syntax.
    pub syntax: Syntax,
    /// `isSingleValued`, or known to be treated so for users (`description`).
    pub single_valued: bool,
    /// Shortest value in characters (or bytes), or least number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_lower: Option<i64>,
    /// Longest value in characters (or bytes), or greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_upper: Option<i64>,
    /// True when the server computes or owns it: never written by anyone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A set of attribute definitions, looked up without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    by_name: HashMap<String, AttributeDef>,
}

impl Schema {
    /// Collects definitions; of two with one name the later wins.
    pub fn new(definitions: impl IntoIterator<Item = AttributeDef>) -> Self {
        Self {
            by_name: definitions
                .into_iter()
                .map(|def| (def.name.to_ascii_lowercase(), def))
                .collect(),
        }
    }

    /// The definition of an attribute, whatever the case of `name`.
    pub fn get(&self, name: &str) -> Option<&AttributeDef> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// All definitions, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &AttributeDef> {
        self.by_name.values()
    }
}

/// The attributes of the default Active Directory schema that identity work meets (Microsoft, "AD DS attributes,
/// Windows Server v1903"), for checking configuration before any directory is at hand.
pub fn default_schema() -> &'static Schema {
    static SCHEMA: std::sync::OnceLock<Schema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(|| Schema::new(default_definitions()))
}

fn default_definitions() -> Vec<AttributeDef> {
    use Syntax::{Boolean, CaseExactText, Dn, Integer, LargeInteger, Octets, Other, Text, Time};
    /// Name, syntax, single-valued, shortest, longest.
    type Row = (&'static str, Syntax, bool, Option<i64>, Option<i64>);
    const WRITABLE: &[Row] = &[
        ("accountExpires", LargeInteger, true, None, None),
        ("adminCount", Integer, true, None, None),
        ("assistant", Dn, true, None, None),
        ("audio", Octets, false, Some(0), Some(250_000)),
        ("c", Text, true, Some(1), Some(3)),
        ("carLicense", Text, false, None, None),
        ("cn", Text, true, Some(1), Some(64)),
        ("co", Text, true, Some(1), Some(128)),
        ("comment", Text, true, None, None),
        ("company", Text, true, Some(1), Some(64)),
        ("countryCode", Integer, true, Some(0), Some(65535)),
        ("department", Text, true, Some(1), Some(64)),
        ("departmentNumber", Text, false, None, None),
        // Multi-valued in the schema, but AD refuses a second value on users and groups.
        ("description", Text, true, Some(0), Some(1024)),
        ("displayName", Text, true, Some(0), Some(256)),
        (
            "displayNamePrintable",
            CaseExactText,
            true,
            Some(1),
            Some(256),
        ),
        ("division", Text, true, Some(0), Some(256)),
        ("employeeID", Text, true, Some(0), Some(16)),
        ("employeeNumber", Text, true, Some(1), Some(512)),
        ("employeeType", Text, true, Some(1), Some(256)),
        ("facsimileTelephoneNumber", Text, true, Some(1), Some(64)),
        ("gecos", CaseExactText, true, None, Some(10240)),
        ("generationQualifier", Text, true, Some(1), Some(64)),
        ("gidNumber", Integer, true, None, None),
        ("givenName", Text, true, Some(1), Some(64)),
        ("groupType", Integer, true, None, None),
        ("homeDirectory", Text, true, None, None),
        ("homeDrive", Text, true, None, None),
        ("homePhone", Text, true, Some(1), Some(64)),
        ("info", Text, true, Some(1), Some(1024)),
        ("initials", Text, true, Some(1), Some(6)),
        ("ipPhone", Text, true, None, Some(64)),
        ("jpegPhoto", Octets, false, None, None),
        ("l", Text, true, Some(1), Some(128)),
        ("lockoutTime", LargeInteger, true, None, None),
        ("loginShell", CaseExactText, true, None, Some(1024)),
        ("logonHours", Octets, true, None, None),
        ("mS-DS-ConsistencyGuid", Octets, true, None, None),
        ("mail", Text, true, Some(0), Some(256)),
        ("managedBy", Dn, true, None, None),
        ("manager", Dn, true, None, None),
        ("member", Dn, false, None, None),
        ("middleName", Text, true, Some(0), Some(64)),
        ("mobile", Text, true, Some(1), Some(64)),
        ("msTSHomeDirectory", Text, true, Some(0), Some(32767)),
        ("msTSHomeDrive", Text, true, Some(0), Some(32767)),
        ("msTSProfilePath", Text, true, Some(0), Some(32767)),
        ("otherHomePhone", Text, false, Some(1), Some(64)),
        ("otherMobile", Text, false, Some(1), Some(64)),
        ("otherTelephone", Text, false, Some(1), Some(64)),
        ("pager", Text, true, Some(1), Some(64)),
        ("personalTitle", Text, true, Some(1), Some(64)),
        ("photo", Octets, false, None, None),
        ("physicalDeliveryOfficeName", Text, true, Some(1), Some(128)),
        ("postOfficeBox", Text, false, Some(1), Some(40)),
        ("postalCode", Text, true, Some(1), Some(40)),
        ("preferredLanguage", Text, true, None, None),
        ("primaryGroupID", Integer, true, None, None),
        ("profilePath", Text, true, None, None),
        ("proxyAddresses", Text, false, Some(1), Some(1123)),
        ("pwdLastSet", LargeInteger, true, None, None),
        ("roomNumber", Text, false, None, None),
        // 256 in the schema; SAM limits users to 20 ([MS-SAMR] 3.1.1.6).
        ("sAMAccountName", Text, true, Some(1), Some(20)),
        ("scriptPath", Text, true, None, None),
        ("secretary", Dn, false, None, None),
        ("servicePrincipalName", Text, false, None, None),
        ("showInAddressBook", Dn, false, None, None),
        ("sn", Text, true, Some(1), Some(64)),
        ("st", Text, true, Some(1), Some(128)),
        ("street", Text, true, Some(1), Some(1024)),
        ("streetAddress", Text, true, Some(1), Some(1024)),
        ("telephoneNumber", Text, true, Some(1), Some(64)),
        ("thumbnailPhoto", Octets, true, Some(0), Some(102_400)),
        ("title", Text, true, Some(1), Some(128)),
        ("uid", Text, false, None, None),
        ("uidNumber", Integer, true, None, None),
        ("unixHomeDirectory", CaseExactText, true, None, Some(2048)),
        ("url", Text, false, None, None),
        ("userAccountControl", Integer, true, None, None),
        ("userCertificate", Octets, false, None, None),
        ("userParameters", Text, true, Some(0), Some(32767)),
        ("userPrincipalName", Text, true, None, Some(1024)),
        ("userWorkstations", Text, true, Some(0), Some(1024)),
        ("wWWHomePage", Text, true, Some(1), Some(2048)),
    ];
    // Computed or owned by the system: a write fails with 19, 53 or 50, or has no effect.
    const READ_ONLY: &[(&str, Syntax, bool)] = &[
        ("allowedAttributesEffective", Other, false),
        ("badPasswordTime", LargeInteger, true),
        ("badPwdCount", Integer, true),
        ("canonicalName", Text, false),
        ("createTimeStamp", Time, true),
        ("directReports", Dn, false),
        ("distinguishedName", Dn, true),
        ("isDeleted", Boolean, true),
        ("isRecycled", Boolean, true),
        ("lastLogoff", LargeInteger, true),
        ("lastLogon", LargeInteger, true),
        ("lastLogonTimestamp", LargeInteger, true),
        ("logonCount", Integer, true),
        ("memberOf", Dn, false),
        ("modifyTimeStamp", Time, true),
        ("msDS-PrincipalName", Text, true),
        ("msDS-ResultantPSO", Dn, true),
        ("msDS-User-Account-Control-Computed", Integer, true),
        ("msDS-UserPasswordExpiryTimeComputed", LargeInteger, true),
        ("name", Text, true),
        ("objectCategory", Dn, true),
        ("objectClass", Other, false),
        ("objectGUID", Octets, true),
        ("objectSid", Octets, true),
        ("sAMAccountType", Integer, true),
        ("sDRightsEffective", Integer, true),
        ("systemFlags", Integer, true),
        ("tokenGroups", Octets, false),
        ("uSNChanged", LargeInteger, true),
        ("uSNCreated", LargeInteger, true),
        ("whenChanged", Time, true),
        ("whenCreated", Time, true),
    ];
    let extension = (1..=20).map(|n| AttributeDef {
        name: format!("msDS-cloudExtensionAttribute{n}"),
        syntax: Text,
        single_valued: true,
        range_lower: None,
        range_upper: None,
        read_only: false,
    });
    let writable =
        WRITABLE
            .iter()
            .map(
                |&(name, syntax, single_valued, range_lower, range_upper)| AttributeDef {
                    name: name.to_owned(),
                    syntax,
                    single_valued,
                    range_lower,
                    range_upper,
                    read_only: false,
                },
            );
    let read_only = READ_ONLY
        .iter()
        .map(|&(name, syntax, single_valued)| AttributeDef {
            name: name.to_owned(),
            syntax,
            single_valued,
            range_lower: None,
            range_upper: None,
            read_only: true,
        });
    writable.chain(read_only).chain(extension).collect()
}
