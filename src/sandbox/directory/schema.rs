//! The simulator's schema: attributes and classes by number, and what a class may carry.
//!
//! Derived from `model::default_schema()` plus the system attributes a directory needs to describe itself. Must not
//! know objects. `attributeID` values are stand-ins from the documentation arc.

use std::collections::{BTreeSet, HashMap};

use super::attributes::{
    CATALOG, CATALOG_EXTENSION, EXTENSION, EXTENSION_NUMBERED, Row, SYSTEM, TOP,
};
use super::classes::{CLASSES, Category, ClassRow};
use super::value::Kind;
use crate::model::{Syntax, default_schema};

/// Position of an attribute in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AttrId(pub(crate) u16);

/// Position of a class in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClassId(pub(crate) u16);

/// Where an attribute's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Kept with the object, written by clients.
    Stored,
    /// Kept with the object, written by the server.
    System,
    /// Owned by the security accounts manager: a write is 53 `0000209A`.
    Sam,
    /// The other direction of a forward link.
    BackLink,
    /// Computed, and returned with `*`.
    Virtual,
    /// Computed, and returned only when asked for by name.
    Constructed,
    /// Never returned.
    Secret,
}

#[derive(Debug, Clone)]
pub(crate) struct AttributeType {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) single: bool,
    pub(crate) lower: Option<i64>,
    pub(crate) upper: Option<i64>,
    pub(crate) origin: Origin,
    /// Even for a forward link, odd for its back link.
    pub(crate) link: Option<u16>,
    /// Equality is answered from an index.
    pub(crate) indexed: bool,
    /// Global catalogs hold it.
    pub(crate) in_catalog: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub(crate) row: &'static ClassRow,
    /// From `top` down to this class.
    pub(crate) chain: Vec<ClassId>,
    pub(crate) allowed: BTreeSet<AttrId>,
    pub(crate) required: BTreeSet<AttrId>,
}

macro_rules! known {
    ($($field:ident = $name:literal),* $(,)?) => {
        /// Attributes the code itself speaks of.
        #[derive(Debug, Clone)]
        pub(crate) struct Known { $(pub(crate) $field: AttrId),* }

        impl Known {
            fn new(find: impl Fn(&str) -> AttrId) -> Self {
                Self { $($field: find($name)),* }
            }
        }
    };
}

known! {
    account_expires = "accountExpires",
    admin_count = "adminCount",
    attribute_types = "attributeTypes",
    bad_pwd_count = "badPwdCount",
    canonical_name = "canonicalName",
    code_page = "codePage",
    country_code = "countryCode",
    description = "description",
    display_name = "displayName",
    distinguished_name = "distinguishedName",
    given_name = "givenName",
    group_type = "groupType",
    instance_type = "instanceType",
    is_deleted = "isDeleted",
    is_recycled = "isRecycled",
    last_known_parent = "lastKnownParent",
    lockout_time = "lockoutTime",
    member = "member",
    member_of = "memberOf",
    name = "name",
    object_category = "objectCategory",
    object_class = "objectClass",
    object_classes = "objectClasses",
    extended_attribute_info = "extendedAttributeInfo",
    object_guid = "objectGUID",
    object_sid = "objectSid",
    parent_guid = "parentGUID",
    primary_group_id = "primaryGroupID",
    primary_group_token = "primaryGroupToken",
    principal_name = "msDS-PrincipalName",
    pwd_last_set = "pwdLastSet",
    replication_metadata = "replPropertyMetaData",
    sam_account_name = "sAMAccountName",
    sam_account_type = "sAMAccountType",
    sd_rights_effective = "sDRightsEffective",
    allowed_attributes = "allowedAttributes",
    allowed_attributes_effective = "allowedAttributesEffective",
    allowed_child_classes_effective = "allowedChildClassesEffective",
    security_descriptor = "nTSecurityDescriptor",
    service_principal_name = "servicePrincipalName",
    sn = "sn",
    structural_object_class = "structuralObjectClass",
    create_time_stamp = "createTimeStamp",
    modify_time_stamp = "modifyTimeStamp",
    token_groups = "tokenGroups",
    uac = "userAccountControl",
    uac_computed = "msDS-User-Account-Control-Computed",
    password_expiry = "msDS-UserPasswordExpiryTimeComputed",
    unicode_pwd = "unicodePwd",
    upn = "userPrincipalName",
    usn_changed = "uSNChanged",
    usn_created = "uSNCreated",
    well_known_objects = "wellKnownObjects",
    when_changed = "whenChanged",
    when_created = "whenCreated",
}

/// Attributes and classes.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    attributes: Vec<AttributeType>,
    classes: Vec<Class>,
    attribute_names: HashMap<String, AttrId>,
    class_names: HashMap<String, ClassId>,
    pub(crate) known: Known,
}

/// Link numbers of the base schema ([MS-ADA1..3]).
const LINKS: &[(&str, u16)] = &[
    ("member", 2),
    ("memberOf", 3),
    ("manager", 42),
    ("directReports", 43),
    ("managedBy", 72),
    ("managedObjects", 73),
    ("msDS-EnabledFeature", 2168),
    ("msDS-EnabledFeatureBL", 2169),
];

const INDEXED: &[&str] = &[
    "employeeID",
    "mail",
    "proxyAddresses",
    "sAMAccountName",
    "servicePrincipalName",
    "userPrincipalName",
];

impl Schema {
    /// The base schema, with the attributes Exchange and Lync setup add when `extended`.
    pub(crate) fn new(extended: bool) -> Self {
        let mut attributes: Vec<AttributeType> = Vec::new();
        let mut base: Vec<_> = default_schema().iter().collect();
        base.sort_by(|a, b| a.name.cmp(&b.name));
        for def in base {
            attributes.push(AttributeType {
                name: def.name.clone(),
                kind: match def.syntax {
                    Syntax::Text => Kind::Text,
                    Syntax::CaseExactText => Kind::Exact,
                    Syntax::Dn => Kind::Dn,
                    Syntax::Integer => Kind::Integer,
                    Syntax::LargeInteger => Kind::LargeInteger,
                    Syntax::Boolean => Kind::Boolean,
                    Syntax::Octets => Kind::Octets,
                    Syntax::Time => Kind::Time,
                    Syntax::Other => Kind::Oid,
                },
                single: def.single_valued,
                lower: def.range_lower,
                upper: def.range_upper,
                origin: Origin::Stored,
                link: None,
                indexed: false,
                in_catalog: false,
            });
        }
        let rows = SYSTEM.iter().chain(if extended { EXTENSION } else { &[] });
        let mut numbered = Vec::new();
        if extended {
            for (n, upper) in EXTENSION_NUMBERED {
                numbered.push((format!("extensionAttribute{n}"), *upper));
            }
        }
        for &Row {
            name,
            kind,
            single,
            lower,
            upper,
            origin,
        } in rows
        {
            let row = AttributeType {
                name: name.to_owned(),
                kind,
                single,
                lower,
                upper,
                origin,
                link: None,
                indexed: false,
                in_catalog: false,
            };
            // A system row says more than the base one of the same name.
            match attributes.iter_mut().find(|found| found.name == name) {
                Some(found) => *found = row,
                None => attributes.push(row),
            }
        }
        for (name, upper) in numbered {
            attributes.push(AttributeType {
                name,
                kind: Kind::Text,
                single: true,
                lower: None,
                upper: Some(upper),
                origin: Origin::Stored,
                link: None,
                indexed: false,
                in_catalog: false,
            });
        }
        let mut attribute_names = HashMap::new();
        for (at, attribute) in attributes.iter_mut().enumerate() {
            attribute.link = LINKS
                .iter()
                .find(|(name, _)| *name == attribute.name)
                .map(|(_, link)| *link);
            attribute.indexed = INDEXED.contains(&attribute.name.as_str());
            let in_list = |list: &[&str]| {
                list.iter()
                    .any(|name| name.eq_ignore_ascii_case(&attribute.name))
            };
            attribute.in_catalog = in_list(CATALOG)
                || (extended
                    && (in_list(CATALOG_EXTENSION)
                        || attribute.name.starts_with("extensionAttribute")));
            let id = AttrId(u16::try_from(at).unwrap_or(u16::MAX));
            attribute_names.insert(attribute.name.to_ascii_lowercase(), id);
        }
        let known = Known::new(|name| {
            *attribute_names
                .get(&name.to_ascii_lowercase())
                .unwrap_or_else(|| unreachable!("{name} is in the tables"))
        });
        let mut schema = Self {
            attributes,
            classes: Vec::new(),
            attribute_names,
            class_names: CLASSES
                .iter()
                .enumerate()
                .map(|(at, row)| {
                    (
                        row.name.to_ascii_lowercase(),
                        ClassId(u16::try_from(at).unwrap_or(u16::MAX)),
                    )
                })
                .collect(),
            known,
        };
        schema.classes = CLASSES.iter().map(|row| schema.class_of(row)).collect();
        schema
    }

    fn class_of(&self, row: &'static ClassRow) -> Class {
        let mut chain = Vec::new();
        let mut at = Some(row);
        while let Some(class) = at {
            chain.extend(self.class_named(class.name));
            at = CLASSES
                .iter()
                .find(|found| found.name == class.superior && found.name != class.name);
        }
        chain.reverse();
        let mut allowed = BTreeSet::new();
        let mut required = BTreeSet::new();
        for class in &chain {
            let class = &CLASSES[usize::from(class.0)];
            let parts = std::iter::once(class).chain(
                CLASSES
                    .iter()
                    .filter(|found| class.auxiliary.contains(&found.name)),
            );
            for part in parts {
                required.extend(part.must.iter().filter_map(|name| self.attribute(name)));
                allowed.extend(part.must.iter().filter_map(|name| self.attribute(name)));
                allowed.extend(part.may.iter().filter_map(|name| self.attribute(name)));
            }
        }
        allowed.extend(TOP.iter().filter_map(|name| self.attribute(name)));
        if row.takes_everything {
            // What the tables do not place elsewhere belongs to people.
            let elsewhere: BTreeSet<&str> = CLASSES
                .iter()
                .filter(|class| !class.takes_everything && class.category == Category::Structural)
                .flat_map(|class| class.may.iter().chain(class.must).copied())
                .collect();
            allowed.extend(
                self.attributes()
                    .filter(|(_, def)| !elsewhere.contains(def.name.as_str()))
                    .map(|(id, _)| id),
            );
        } else if row.takes_extension {
            allowed.extend(EXTENSION.iter().filter_map(|row| self.attribute(row.name)));
            allowed.extend(
                EXTENSION_NUMBERED
                    .iter()
                    .filter_map(|(n, _)| self.attribute(&format!("extensionAttribute{n}"))),
            );
            allowed.extend(
                (1..=20)
                    .filter_map(|n| self.attribute(&format!("msDS-cloudExtensionAttribute{n}"))),
            );
        }
        Class {
            row,
            chain,
            allowed,
            required,
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<AttrId> {
        self.attribute_names
            .get(name.to_ascii_lowercase().as_str())
            .copied()
    }

    pub(crate) fn def(&self, id: AttrId) -> &AttributeType {
        &self.attributes[usize::from(id.0)]
    }

    pub(crate) fn attributes(&self) -> impl Iterator<Item = (AttrId, &AttributeType)> {
        self.attributes
            .iter()
            .enumerate()
            .map(|(at, def)| (AttrId(u16::try_from(at).unwrap_or(u16::MAX)), def))
    }

    pub(crate) fn class_named(&self, name: &str) -> Option<ClassId> {
        self.class_names
            .get(name.to_ascii_lowercase().as_str())
            .copied()
    }

    pub(crate) fn class(&self, id: ClassId) -> &Class {
        &self.classes[usize::from(id.0)]
    }

    pub(crate) fn classes(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter()
    }

    /// True when `class` is `name` or inherits from it.
    pub(crate) fn is_a(&self, class: ClassId, name: &str) -> bool {
        self.class(class)
            .chain
            .iter()
            .any(|&id| self.class(id).row.name == name)
    }

    /// The back link of a forward link and the other way round.
    pub(crate) fn other_side(&self, id: AttrId) -> Option<AttrId> {
        let link = self.def(id).link?;
        self.attributes()
            .find(|(_, def)| def.link == Some(link ^ 1))
            .map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Schema};

    #[test]
    fn classes_carry_what_they_may() {
        let schema = Schema::new(true);
        let allows = |class: &str, attribute: &str| {
            let class = schema.class_named(class).expect("a class");
            let attribute = schema.attribute(attribute).expect("an attribute");
            schema.class(class).allowed.contains(&attribute)
        };
        assert!(allows("user", "employeeID"));
        assert!(allows("user", "extensionAttribute15"));
        assert!(!allows("user", "member"));
        assert!(!allows("user", "groupType"));
        assert!(allows("group", "MEMBER"));
        assert!(allows("group", "sAMAccountName"));
        assert!(!allows("group", "employeeID"));
        assert!(allows("organizationalUnit", "description"));
        assert!(!allows("organizationalUnit", "sAMAccountName"));
        assert!(allows("contact", "mail"));
        assert!(!allows("contact", "userAccountControl"));
    }

    #[test]
    fn the_extension_is_optional_and_links_have_two_sides() {
        let plain = Schema::new(false);
        assert!(plain.attribute("extensionAttribute1").is_none());
        assert!(plain.attribute("msRTCSIP-UserEnabled").is_none());
        let member = plain.attribute("member").expect("member");
        let back = plain.other_side(member).expect("a back link");
        assert_eq!(plain.def(back).name, "memberOf");
        assert_eq!(plain.def(back).origin, Origin::BackLink);
        assert_eq!(plain.other_side(back), Some(member));
    }

    #[test]
    fn chains_begin_at_the_top() {
        let schema = Schema::new(false);
        let user = schema.class_named("user").expect("user");
        let names: Vec<_> = schema
            .class(user)
            .chain
            .iter()
            .map(|&id| schema.class(id).row.name)
            .collect();
        assert_eq!(names, ["top", "person", "organizationalPerson", "user"]);
    }
}
