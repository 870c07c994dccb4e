//! Reading attributes of objects: stored, linked, computed.

use std::borrow::Cow;

use super::bootstrap::{attribute_oid, class_oid};
use super::classes::Category;
use super::controls::ExtendedDn;
use super::core::{Directory, Principal, WELL_KNOWN};
use super::schema::{AttrId, Origin};
use super::sid::Sid;
use super::store::ObjectId;
use super::value::{filetime, generalized_time};

/// How an entry is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    pub(crate) who: Principal,
    pub(crate) extended: Option<ExtendedDn>,
    /// Only what global catalogs hold is there.
    pub(crate) catalog: bool,
}

impl Lens {
    pub(crate) fn plain(who: Principal) -> Self {
        Self {
            who,
            extended: None,
            catalog: false,
        }
    }
}

type Shown<'a> = Vec<Cow<'a, [u8]>>;

fn text(value: impl Into<String>) -> Shown<'static> {
    vec![Cow::Owned(value.into().into_bytes())]
}

impl Directory {
    /// A name as this request wants names written.
    pub(crate) fn shown_dn(&self, id: ObjectId, lens: Lens) -> String {
        let dn = self.store.dn(id);
        let Some(form) = lens.extended else {
            return dn;
        };
        let object = self.object(id);
        let guid = match form {
            ExtendedDn::Hex => hex::encode(object.guid.to_wire()),
            ExtendedDn::Dashed => object.guid.to_string(),
        };
        match (&object.sid, form) {
            (Some(sid), ExtendedDn::Hex) => {
                format!("<GUID={guid}>;<SID={}>;{dn}", hex::encode(sid.to_wire()))
            }
            (Some(sid), ExtendedDn::Dashed) => format!("<GUID={guid}>;<SID={sid}>;{dn}"),
            (None, _) => format!("<GUID={guid}>;{dn}"),
        }
    }

    /// The values of an attribute, computed ones included; secrets never.
    pub(crate) fn values_of(&self, id: ObjectId, attribute: AttrId, lens: Lens) -> Shown<'_> {
        let object = self.object(id);
        let known = &self.schema.known;
        let def = self.schema.def(attribute);
        let class = self.schema.class(object.class);
        if def.name.eq_ignore_ascii_case(class.row.rdn) || attribute == known.name {
            return vec![Cow::Borrowed(object.name.as_bytes())];
        }
        match def.origin {
            Origin::Secret => Vec::new(),
            Origin::BackLink => {
                let Some(forward) = self.schema.other_side(attribute) else {
                    return Vec::new();
                };
                self.store
                    .sources(id, forward)
                    .map(|source| Cow::Owned(self.shown_dn(source, lens).into_bytes()))
                    .collect()
            }
            Origin::Stored | Origin::System if def.kind == super::value::Kind::Dn => self
                .store
                .targets(id, attribute)
                .map(|target| Cow::Owned(self.shown_dn(target, lens).into_bytes()))
                .collect(),
            Origin::Stored | Origin::System => object
                .values(attribute)
                .iter()
                .map(|value| Cow::Borrowed(&**value))
                .collect(),
            Origin::Sam | Origin::Virtual => self.virtual_values(id, attribute, lens),
            Origin::Constructed => self.constructed_values(id, attribute, lens),
        }
    }

    fn virtual_values(&self, id: ObjectId, attribute: AttrId, lens: Lens) -> Shown<'_> {
        let object = self.object(id);
        let known = &self.schema.known;
        let class = self.schema.class(object.class);
        let yes = |is: bool| if is { text("TRUE") } else { Vec::new() };
        match attribute {
            a if a == known.object_guid => vec![Cow::Owned(object.guid.to_wire().to_vec())],
            a if a == known.object_sid => object
                .sid
                .iter()
                .map(|sid| Cow::Owned(sid.to_wire()))
                .collect(),
            a if a == known.sam_account_type => self
                .account_type(id)
                .map(|kind| text(kind.to_string()))
                .unwrap_or_default(),
            a if a == known.distinguished_name => text(self.shown_dn(id, lens)),
            a if a == known.object_class => class
                .chain
                .iter()
                .map(|&id| Cow::Borrowed(self.schema.class(id).row.name.as_bytes()))
                .collect(),
            a if a == known.object_category => text(self.category_dn(class.row.object_category)),
            // The container of deleted objects carries the mark itself.
            a if a == known.is_deleted => yes(object.deleted || id == self.marks.deleted),
            a if a == known.is_recycled => yes(object.recycled),
            a if a == known.last_known_parent => object
                .last_parent
                .map(|parent| text(self.shown_dn(parent, lens)))
                .unwrap_or_default(),
            a if a == known.usn_changed => text(object.usn_changed.to_string()),
            a if a == known.usn_created => text(object.usn_created.to_string()),
            a if a == known.when_changed => text(generalized_time(object.changed)),
            a if a == known.when_created => text(generalized_time(object.created)),
            a if a == known.instance_type => text(if object.parent.is_none() { "5" } else { "4" }),
            a if a == known.well_known_objects && id == self.marks.domain => {
                let base = self.store.dn(id);
                WELL_KNOWN
                    .iter()
                    .map(|(guid, rdn)| {
                        Cow::Owned(
                            format!("B:32:{}:{rdn},{base}", guid.to_uppercase()).into_bytes(),
                        )
                    })
                    .collect()
            }
            // sIDHistory and the like: nobody has any.
            _ => Vec::new(),
        }
    }

    /// The name of a class's object in the schema partition.
    pub(crate) fn category_dn(&self, category: &str) -> String {
        format!("CN={category},{}", self.store.dn(self.marks.schema))
    }

    fn constructed_values(&self, id: ObjectId, attribute: AttrId, lens: Lens) -> Shown<'_> {
        let object = self.object(id);
        let known = &self.schema.known;
        let class = self.schema.class(object.class);
        match attribute {
            a if a == known.canonical_name => text(self.canonical_name(id)),
            a if a == known.create_time_stamp => text(generalized_time(object.created)),
            a if a == known.modify_time_stamp => text(generalized_time(object.changed)),
            a if a == known.structural_object_class => class
                .chain
                .iter()
                .map(|&id| Cow::Borrowed(self.schema.class(id).row.name.as_bytes()))
                .collect(),
            a if a == known.parent_guid => object
                .parent
                .map(|parent| vec![Cow::Owned(self.object(parent).guid.to_wire().to_vec())])
                .unwrap_or_default(),
            a if a == known.primary_group_token => match &object.sid {
                Some(sid) if self.is_a(id, "group") => text(sid.rid().to_string()),
                _ => Vec::new(),
            },
            a if a == known.principal_name => self.principal_name(id).map(text).unwrap_or_default(),
            a if a == known.token_groups => self
                .groups_of(id)
                .into_iter()
                .filter_map(|group| Some(Cow::Owned(self.object(group).sid.as_ref()?.to_wire())))
                .collect(),
            a if a == known.uac_computed => {
                let locked = object.number(known.lockout_time).unwrap_or(0) != 0;
                match object.number(known.uac) {
                    Some(_) => text(if locked { "16" } else { "0" }),
                    None => Vec::new(),
                }
            }
            // No password ever expires here.
            a if a == known.password_expiry => match object.number(known.uac) {
                Some(_) => text(i64::MAX.to_string()),
                None => Vec::new(),
            },
            a if a == known.allowed_attributes => class
                .allowed
                .iter()
                .map(|&id| Cow::Borrowed(self.schema.def(id).name.as_bytes()))
                .collect(),
            a if a == known.allowed_attributes_effective => {
                if !self.may_write(lens.who, id) {
                    return Vec::new();
                }
                class
                    .allowed
                    .iter()
                    .map(|&id| self.schema.def(id))
                    .filter(|def| matches!(def.origin, Origin::Stored | Origin::Secret))
                    .map(|def| Cow::Borrowed(def.name.as_bytes()))
                    .collect()
            }
            a if a == known.allowed_child_classes_effective => self
                .schema
                .classes()
                .filter(|child| child.row.creatable)
                .filter_map(|child| Some((child, self.schema.class_named(child.row.name)?)))
                .filter(|(_, child)| {
                    self.check_parent(id, *child).is_ok() && self.may_create(lens.who, id, *child)
                })
                .map(|(child, _)| Cow::Borrowed(child.row.name.as_bytes()))
                .collect(),
            a if a == known.sd_rights_effective => text(if self.is_administrator(lens.who) {
                "15"
            } else {
                "0"
            }),
            a if a == known.replication_metadata => {
                vec![Cow::Owned(self.replication_metadata(id))]
            }
            a if a == known.security_descriptor => {
                vec![Cow::Owned(self.security_descriptor(id))]
            }
            a if a == known.attribute_types && self.is_a(id, "subSchema") => self
                .schema
                .attributes()
                .map(|(id, def)| {
                    let single = if def.single { " SINGLE-VALUE" } else { "" };
                    let owned = if matches!(def.origin, Origin::Stored | Origin::Secret) {
                        ""
                    } else {
                        " NO-USER-MODIFICATION"
                    };
                    Cow::Owned(
                        format!(
                            "( {} NAME '{}' SYNTAX '{}'{single}{owned} )",
                            attribute_oid(id),
                            def.name,
                            def.kind.ldap()
                        )
                        .into_bytes(),
                    )
                })
                .collect(),
            a if a == known.extended_attribute_info && self.is_a(id, "subSchema") => self
                .schema
                .attributes()
                .filter(|(_, def)| def.lower.is_some() || def.upper.is_some())
                .map(|(id, def)| {
                    let bound = |name: &str, bound: Option<i64>| {
                        bound.map(|n| format!(" {name} '{n}'")).unwrap_or_default()
                    };
                    Cow::Owned(
                        format!(
                            "( {} NAME '{}'{}{} )",
                            attribute_oid(id),
                            def.name,
                            bound("RANGE-LOWER", def.lower),
                            bound("RANGE-UPPER", def.upper)
                        )
                        .into_bytes(),
                    )
                })
                .collect(),
            a if a == known.object_classes && self.is_a(id, "subSchema") => {
                self.object_class_texts()
            }
            _ => Vec::new(),
        }
    }

    fn object_class_texts(&self) -> Shown<'_> {
        let list = |ids: Vec<&str>| ids.join(" $ ");
        self.schema
            .classes()
            .enumerate()
            .map(|(at, class)| {
                let kind = match class.row.category {
                    Category::Structural => "STRUCTURAL",
                    Category::Abstract => "ABSTRACT",
                    Category::Auxiliary => "AUXILIARY",
                };
                let name = |id: &AttrId| self.schema.def(*id).name.as_str();
                let must = list(class.required.iter().map(name).collect());
                let may = list(
                    class
                        .allowed
                        .difference(&class.required)
                        .map(name)
                        .collect(),
                );
                let must = if must.is_empty() {
                    String::new()
                } else {
                    format!(" MUST ({must} )")
                };
                Cow::Owned(
                    format!(
                        "( {} NAME '{}' SUP {} {kind}{must} MAY ({may} ) )",
                        class_oid(at),
                        class.row.name,
                        class.row.superior
                    )
                    .into_bytes(),
                )
            })
            .collect()
    }

    /// `corp.example.test/People/Jane Doe`.
    fn canonical_name(&self, id: ObjectId) -> String {
        let mut parts = Vec::new();
        let mut at = Some(id);
        while let Some(here) = at {
            let object = self.object(here);
            at = object.parent;
            if at.is_some() {
                parts.push(object.name.replace('/', "\\/"));
            } else {
                for component in object.rdn.split(',') {
                    if let Some(name) = component.strip_prefix("CN=") {
                        parts.push(name.to_owned());
                    }
                }
            }
        }
        parts.push(self.config.domain.clone());
        parts.reverse();
        if parts.len() == 1 {
            parts.push(String::new());
        }
        parts.join("/")
    }

    /// When and how often attributes were written, as far as that is kept here: `objectClass` once, at the beginning,
    /// `userAccountControl`, `unicodePwd`, and `isDeleted` of what was brought back (`PROPERTY_META_DATA_VECTOR` of [MS-DRSR]). Whatever else was written last is
    /// told as `instanceType`, which nobody asks for.
    fn replication_metadata(&self, id: ObjectId) -> Vec<u8> {
        let object = self.object(id);
        /// `instanceType`, 1.2.840.113556.1.2.1.
        const INSTANCE_TYPE: u32 = 0x0002_0001;
        let mut written = vec![(0u32, (1u32, object.created, object.usn_created))];
        if object.number(self.schema.known.uac).is_some() {
            written.push((crate::model::USER_ACCOUNT_CONTROL, object.control));
        }
        if let Some(restored) = object.restored {
            written.push((crate::model::IS_DELETED, restored));
        }
        if let Some(password) = object.password_written {
            written.push((crate::model::UNICODE_PWD, password));
        }
        written.push((INSTANCE_TYPE, (1, object.changed, object.usn_changed)));
        let mut bytes = 1u64.to_le_bytes().to_vec();
        bytes.extend_from_slice(&(written.len() as u64).to_le_bytes());
        for (attribute, (version, at, usn)) in written {
            bytes.extend_from_slice(&attribute.to_le_bytes());
            bytes.extend_from_slice(&version.to_le_bytes());
            bytes.extend_from_slice(&(filetime(at) / 10_000_000).to_le_bytes());
            bytes.extend_from_slice(&self.invocation.to_wire());
            bytes.extend_from_slice(&usn.to_le_bytes());
            bytes.extend_from_slice(&usn.to_le_bytes());
        }
        bytes
    }

    /// A self-relative security descriptor with what can be told here: administrators own and control, everyone
    /// signed in may read, and a protected object denies deletion to all ([MS-DTYP] 2.4.6).
    fn security_descriptor(&self, id: ObjectId) -> Vec<u8> {
        /// DELETE | DELETE_TREE.
        const DELETE: u32 = 0x0001_0040;
        const FULL: u32 = 0x000f_01ff;
        const READ: u32 = 0x0002_0094;
        let owner = self.domain_sid.child(512).to_wire();
        let mut entries: Vec<(u8, u32, Vec<u8>)> = Vec::new();
        if self.object(id).protected {
            entries.push((1, DELETE, Sid::new(1, &[0]).to_wire()));
        }
        entries.push((0, FULL, owner.clone()));
        entries.push((0, READ, Sid::new(5, &[11]).to_wire()));
        let mut acl = Vec::new();
        for (kind, mask, sid) in &entries {
            acl.extend_from_slice(&[*kind, 0]);
            acl.extend_from_slice(&u16::try_from(8 + sid.len()).unwrap_or(0).to_le_bytes());
            acl.extend_from_slice(&mask.to_le_bytes());
            acl.extend_from_slice(sid);
        }
        let mut bytes = vec![1, 0];
        // SE_SELF_RELATIVE | SE_DACL_PRESENT.
        bytes.extend_from_slice(&0x8004_u16.to_le_bytes());
        let owner_at = 20_usize;
        let group_at = owner_at + owner.len();
        let acl_at = group_at + owner.len();
        for at in [owner_at, group_at, 0, acl_at] {
            bytes.extend_from_slice(&u32::try_from(at).unwrap_or(0).to_le_bytes());
        }
        bytes.extend_from_slice(&owner);
        bytes.extend_from_slice(&owner);
        bytes.extend_from_slice(&[4, 0]);
        bytes.extend_from_slice(&u16::try_from(8 + acl.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(entries.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&acl);
        bytes
    }

    /// Attributes returned for `*`: all with values but the constructed ones.
    pub(crate) fn plain_attributes(&self, id: ObjectId) -> Vec<AttrId> {
        let object = self.object(id);
        let mut ids: Vec<AttrId> = object.stored().map(|(attribute, _)| attribute).collect();
        ids.extend(self.store.link_attributes(id));
        ids.extend(
            self.schema
                .attributes()
                .filter(|(_, def)| {
                    matches!(def.origin, Origin::Virtual | Origin::Sam | Origin::BackLink)
                })
                .map(|(id, _)| id),
        );
        let naming = self.schema.class(object.class).row.rdn;
        ids.extend(self.schema.attribute(naming));
        ids.retain(|&id| {
            !matches!(
                self.schema.def(id).origin,
                Origin::Secret | Origin::Constructed
            )
        });
        ids.sort();
        ids.dedup();
        ids
    }

    /// When the account expires, unless never.
    pub(crate) fn expired(&self, id: ObjectId) -> bool {
        match self.object(id).number(self.schema.known.account_expires) {
            None | Some(0 | i64::MAX) => false,
            Some(at) => at <= filetime(self.now()),
        }
    }
}
