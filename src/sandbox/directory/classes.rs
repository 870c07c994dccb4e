//! Table: object classes, what they inherit, where they may stand, what they carry.

/// `objectClassCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Structural,
    Abstract,
    Auxiliary,
}

/// One class.
#[derive(Debug)]
pub(crate) struct ClassRow {
    pub(crate) name: &'static str,
    /// Name of its object in the schema partition.
    pub(crate) cn: &'static str,
    pub(crate) superior: &'static str,
    pub(crate) category: Category,
    pub(crate) rdn: &'static str,
    pub(crate) auxiliary: &'static [&'static str],
    pub(crate) parents: &'static [&'static str],
    pub(crate) must: &'static [&'static str],
    pub(crate) may: &'static [&'static str],
    /// `cn` in the schema of the class that stands in `objectCategory`.
    pub(crate) object_category: &'static str,
    /// Allows every attribute no other structural class claims (people).
    pub(crate) takes_everything: bool,
    /// Allows what Exchange and Lync setup and the cloud extension add.
    pub(crate) takes_extension: bool,
    /// Clients may create it.
    pub(crate) creatable: bool,
}

const PLAIN: ClassRow = ClassRow {
    name: "",
    cn: "",
    superior: "top",
    category: Category::Structural,
    rdn: "cn",
    auxiliary: &[],
    parents: &[],
    must: &[],
    may: &[],
    object_category: "",
    takes_everything: false,
    takes_extension: false,
    creatable: true,
};

const SYSTEM: ClassRow = ClassRow {
    creatable: false,
    ..PLAIN
};

/// Where accounts may stand.
const PLACES: &[&str] = &[
    "organizationalUnit",
    "container",
    "domainDNS",
    "builtinDomain",
    "lostAndFound",
];

pub(crate) const CLASSES: &[ClassRow] = &[
    ClassRow {
        name: "top",
        cn: "Top",
        superior: "top",
        category: Category::Abstract,
        object_category: "Top",
        ..SYSTEM
    },
    ClassRow {
        name: "person",
        cn: "Person",
        category: Category::Abstract,
        must: &["cn"],
        may: &["seeAlso", "sn", "telephoneNumber", "userPassword"],
        object_category: "Person",
        ..SYSTEM
    },
    ClassRow {
        name: "organizationalPerson",
        cn: "Organizational-Person",
        superior: "person",
        category: Category::Abstract,
        may: &[
            "assistant",
            "c",
            "co",
            "comment",
            "company",
            "countryCode",
            "department",
            "division",
            "employeeID",
            "facsimileTelephoneNumber",
            "generationQualifier",
            "givenName",
            "homePhone",
            "initials",
            "ipPhone",
            "l",
            "mail",
            "manager",
            "middleName",
            "mobile",
            "o",
            "otherFacsimileTelephoneNumber",
            "otherHomePhone",
            "otherIpPhone",
            "otherMailbox",
            "otherMobile",
            "otherPager",
            "otherTelephone",
            "ou",
            "pager",
            "personalTitle",
            "physicalDeliveryOfficeName",
            "postOfficeBox",
            "postalCode",
            "st",
            "street",
            "streetAddress",
            "thumbnailPhoto",
            "title",
        ],
        object_category: "Person",
        ..SYSTEM
    },
    ClassRow {
        name: "securityPrincipal",
        cn: "Security-Principal",
        category: Category::Auxiliary,
        must: &["sAMAccountName"],
        may: &[
            "altSecurityIdentities",
            "objectSid",
            "sAMAccountType",
            "sIDHistory",
            "tokenGroups",
        ],
        object_category: "Security-Principal",
        ..SYSTEM
    },
    ClassRow {
        name: "mailRecipient",
        cn: "Mail-Recipient",
        category: Category::Auxiliary,
        may: &[
            "info",
            "legacyExchangeDN",
            "secretary",
            "showInAddressBook",
            "telephoneNumber",
            "userCertificate",
        ],
        object_category: "Mail-Recipient",
        ..SYSTEM
    },
    ClassRow {
        name: "user",
        cn: "User",
        superior: "organizationalPerson",
        auxiliary: &["securityPrincipal", "mailRecipient"],
        parents: PLACES,
        may: &["adminCount", "desktopProfile", "gidNumber"],
        object_category: "Person",
        takes_everything: true,
        takes_extension: true,
        ..PLAIN
    },
    ClassRow {
        name: "inetOrgPerson",
        cn: "inetOrgPerson",
        superior: "user",
        auxiliary: &["securityPrincipal", "mailRecipient"],
        parents: PLACES,
        object_category: "Person",
        takes_everything: true,
        takes_extension: true,
        ..PLAIN
    },
    ClassRow {
        name: "computer",
        cn: "Computer",
        superior: "user",
        auxiliary: &["securityPrincipal", "mailRecipient"],
        parents: PLACES,
        may: &["dNSHostName", "managedBy"],
        object_category: "Computer",
        takes_everything: true,
        takes_extension: true,
        ..PLAIN
    },
    ClassRow {
        name: "contact",
        cn: "Contact",
        superior: "organizationalPerson",
        auxiliary: &["mailRecipient"],
        parents: PLACES,
        object_category: "Person",
        takes_extension: true,
        ..PLAIN
    },
    ClassRow {
        name: "group",
        cn: "Group",
        auxiliary: &["securityPrincipal", "mailRecipient"],
        parents: PLACES,
        must: &["groupType"],
        may: &[
            "adminCount",
            "desktopProfile",
            "gidNumber",
            "mail",
            "managedBy",
            "member",
            "primaryGroupToken",
        ],
        object_category: "Group",
        takes_extension: true,
        ..PLAIN
    },
    ClassRow {
        name: "organizationalUnit",
        cn: "Organizational-Unit",
        rdn: "ou",
        parents: &["organizationalUnit", "domainDNS", "container"],
        must: &["ou"],
        may: &[
            "c",
            "co",
            "countryCode",
            "desktopProfile",
            "facsimileTelephoneNumber",
            "gPLink",
            "gPOptions",
            "l",
            "managedBy",
            "physicalDeliveryOfficeName",
            "postOfficeBox",
            "postalCode",
            "st",
            "street",
            "streetAddress",
            "telephoneNumber",
            "userPassword",
        ],
        object_category: "Organizational-Unit",
        ..PLAIN
    },
    ClassRow {
        name: "container",
        cn: "Container",
        parents: &[
            "container",
            "organizationalUnit",
            "domainDNS",
            "configuration",
            "user",
            "server",
        ],
        must: &["cn"],
        object_category: "Container",
        ..PLAIN
    },
    // Exchange ActiveSync keeps devices below the user: a reason why a user is not a leaf.
    ClassRow {
        name: "msExchActiveSyncDevices",
        cn: "ms-Exch-Active-Sync-Devices",
        superior: "container",
        parents: &["user", "inetOrgPerson"],
        object_category: "ms-Exch-Active-Sync-Devices",
        ..PLAIN
    },
    ClassRow {
        name: "builtinDomain",
        cn: "Builtin-Domain",
        object_category: "Builtin-Domain",
        ..SYSTEM
    },
    ClassRow {
        name: "lostAndFound",
        cn: "Lost-And-Found",
        object_category: "Lost-And-Found",
        ..SYSTEM
    },
    ClassRow {
        name: "domain",
        cn: "Domain",
        category: Category::Abstract,
        rdn: "dc",
        must: &["dc"],
        object_category: "Domain",
        ..SYSTEM
    },
    ClassRow {
        name: "domainDNS",
        cn: "Domain-DNS",
        superior: "domain",
        rdn: "dc",
        may: &[
            "dc",
            "gPLink",
            "gPOptions",
            "lockoutDuration",
            "lockoutThreshold",
            "managedBy",
            "maxPwdAge",
            "minPwdAge",
            "minPwdLength",
            "msDS-Behavior-Version",
            "objectSid",
            "pwdHistoryLength",
            "pwdProperties",
        ],
        object_category: "Domain-DNS",
        ..SYSTEM
    },
    ClassRow {
        name: "configuration",
        cn: "Configuration",
        object_category: "Configuration",
        ..SYSTEM
    },
    ClassRow {
        name: "dMD",
        cn: "DMD",
        object_category: "DMD",
        ..SYSTEM
    },
    ClassRow {
        name: "subSchema",
        cn: "SubSchema",
        may: &["attributeTypes", "extendedAttributeInfo", "objectClasses"],
        object_category: "SubSchema",
        ..SYSTEM
    },
    ClassRow {
        name: "attributeSchema",
        cn: "Attribute-Schema",
        may: &[
            "attributeID",
            "attributeSyntax",
            "isMemberOfPartialAttributeSet",
            "isSingleValued",
            "lDAPDisplayName",
            "linkID",
            "oMSyntax",
            "rangeLower",
            "rangeUpper",
            "schemaIDGUID",
            "searchFlags",
            "systemOnly",
        ],
        object_category: "Attribute-Schema",
        ..SYSTEM
    },
    ClassRow {
        name: "classSchema",
        cn: "Class-Schema",
        may: &[
            "defaultObjectCategory",
            "governsID",
            "lDAPDisplayName",
            "objectClassCategory",
            "rDNAttID",
            "schemaIDGUID",
            "subClassOf",
            "systemAuxiliaryClass",
            "systemMayContain",
            "systemMustContain",
            "systemOnly",
            "systemPossSuperiors",
        ],
        object_category: "Class-Schema",
        ..SYSTEM
    },
    ClassRow {
        name: "crossRefContainer",
        cn: "Cross-Ref-Container",
        may: &["msDS-Behavior-Version", "msDS-EnabledFeature"],
        object_category: "Cross-Ref-Container",
        ..SYSTEM
    },
    ClassRow {
        name: "crossRef",
        cn: "Cross-Ref",
        may: &["dnsRoot", "nCName", "nETBIOSName"],
        object_category: "Cross-Ref",
        ..SYSTEM
    },
    ClassRow {
        name: "nTDSService",
        cn: "NTDS-Service",
        may: &["msDS-DeletedObjectLifetime", "tombstoneLifetime"],
        object_category: "NTDS-Service",
        ..SYSTEM
    },
    ClassRow {
        name: "msDS-OptionalFeature",
        cn: "ms-DS-Optional-Feature",
        may: &["msDS-OptionalFeatureGUID"],
        object_category: "ms-DS-Optional-Feature",
        ..SYSTEM
    },
    ClassRow {
        name: "sitesContainer",
        cn: "Sites-Container",
        object_category: "Sites-Container",
        ..SYSTEM
    },
    ClassRow {
        name: "site",
        cn: "Site",
        object_category: "Site",
        ..SYSTEM
    },
    ClassRow {
        name: "serversContainer",
        cn: "Servers-Container",
        object_category: "Servers-Container",
        ..SYSTEM
    },
    ClassRow {
        name: "server",
        cn: "Server",
        may: &["dNSHostName", "serverReference"],
        object_category: "Server",
        ..SYSTEM
    },
    ClassRow {
        name: "nTDSDSA",
        cn: "NTDS-DSA",
        may: &["invocationId", "msDS-Behavior-Version"],
        object_category: "NTDS-DSA",
        ..SYSTEM
    },
];
