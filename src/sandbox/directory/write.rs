//! Add and modify ([MS-ADTS] 3.1.1.5.2 and 3.1.1.5.3).

use zeroize::Zeroizing;

use super::controls::Controls;
use super::core::{Directory, Principal};
use super::draft::{Draft, PasswordEdit, Terms};
use super::failure::Failure;
use super::message::Operation;
use super::password;
use super::schema::{ClassId, Origin};
use super::store::{Attributes, NewObject, ObjectId, rdn_of};
use super::value::Kind;
use crate::model::Dn;

/// An object to be added: name, and attributes with their values as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Distinguished name.
    pub dn: String,
    /// Attributes with at least one value each.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// One part of a modify, values as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Add values.
    Add(String, Vec<Vec<u8>>),
    /// Remove these values; none removes the attribute.
    Delete(String, Vec<Vec<u8>>),
    /// Set the values; none removes the attribute.
    Replace(String, Vec<Vec<u8>>),
}

impl NewEntry {
    /// An entry of a class.
    pub fn new(dn: &str, class: &str) -> Self {
        Self {
            dn: dn.to_owned(),
            attributes: vec![("objectClass".to_owned(), vec![class.into()])],
        }
    }

    /// With one more value of an attribute.
    #[must_use]
    pub fn with(self, attribute: &str, value: &str) -> Self {
        self.with_bytes(attribute, value.as_bytes())
    }

    /// With one more value that is not text.
    #[must_use]
    pub fn with_bytes(mut self, attribute: &str, value: &[u8]) -> Self {
        match self
            .attributes
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
        {
            Some((_, values)) => values.push(value.to_vec()),
            None => self
                .attributes
                .push((attribute.to_owned(), vec![value.to_vec()])),
        }
        self
    }
}

impl Edit {
    /// Adds one text value.
    pub fn add(attribute: &str, value: &str) -> Self {
        Self::Add(attribute.to_owned(), vec![value.into()])
    }

    /// Removes one text value.
    pub fn delete(attribute: &str, value: &str) -> Self {
        Self::Delete(attribute.to_owned(), vec![value.into()])
    }

    /// Sets one text value.
    pub fn replace(attribute: &str, value: &str) -> Self {
        Self::Replace(attribute.to_owned(), vec![value.into()])
    }

    /// Removes the attribute if it is there.
    pub fn clear(attribute: &str) -> Self {
        Self::Replace(attribute.to_owned(), Vec::new())
    }

    pub(crate) fn attribute(&self) -> &str {
        match self {
            Self::Add(name, _) | Self::Delete(name, _) | Self::Replace(name, _) => name,
        }
    }

    pub(crate) fn parts(&self) -> (Operation, &str, &[Vec<u8>]) {
        match self {
            Self::Add(name, values) => (Operation::Add, name, values),
            Self::Delete(name, values) => (Operation::Delete, name, values),
            Self::Replace(name, values) => (Operation::Replace, name, values),
        }
    }
}

impl Directory {
    /// Adds an object.
    pub(crate) fn add(
        &mut self,
        who: Principal,
        sealed: bool,
        entry: &NewEntry,
    ) -> Result<ObjectId, Failure> {
        let dn = Dn::parse(&entry.dn).map_err(|_| Failure::bad_name(&entry.dn))?;
        let component = dn.rdn();
        let parent_dn = dn.parent().ok_or_else(|| Failure::bad_name(&entry.dn))?;
        let parent = self.resolve(parent_dn.as_str(), false)?;
        let class = self.new_class(entry)?;
        let row = self.schema.class(class).row;
        if !self.may_create(who, parent, class) {
            return Err(Failure::denied(0x5));
        }
        if !row.creatable {
            return Err(Failure::unwilling(0x2035));
        }
        self.check_parent(parent, class)?;
        let (rdn, key, name) = self.check_rdn(class, &component.attribute, &component.value)?;
        let terms = Terms {
            who,
            sealed,
            permissive: false,
            adding: true,
            policy_hints: false,
        };
        let mut draft = Draft {
            id: None,
            class,
            attributes: Attributes::new(),
            added: std::collections::BTreeSet::new(),
            removed: std::collections::BTreeSet::new(),
            touched: std::collections::BTreeSet::new(),
            password: PasswordEdit::default(),
        };
        self.fill(&mut draft, terms, entry, &name)?;
        if self.store.child(parent, &key).is_some() {
            return Err(Failure::update(68, 0x2071));
        }
        self.default_account(&mut draft);
        let password = self.settle_new(&mut draft, terms)?;
        self.check_required(&draft)?;
        let sid = self.is_principal_class(class).then(|| self.new_sid());
        let now = self.tick();
        let new = NewObject {
            parent: Some(parent),
            rdn,
            name,
            class,
            sid,
            attributes: std::mem::take(&mut draft.attributes),
            guid: self.random.guid(),
        };
        let id = self.store.insert(&self.schema, new, now);
        for (attribute, target) in draft.added {
            self.store.add_link(super::store::Link {
                source: id,
                attribute,
                target,
            });
        }
        if let Some(password) = password {
            self.keep_password(id, &password);
        }
        Ok(id)
    }

    fn new_class(&self, entry: &NewEntry) -> Result<ClassId, Failure> {
        let values = entry
            .attributes
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("objectClass"))
            .map(|(_, values)| values.as_slice())
            .filter(|values| !values.is_empty())
            .ok_or_else(|| Failure::update(65, 0x207b))?;
        let mut best: Option<ClassId> = None;
        for value in values {
            let class = std::str::from_utf8(value)
                .ok()
                .and_then(|name| self.schema.class_named(name))
                .ok_or_else(Failure::unknown_attribute)?;
            let longer = |best: ClassId| {
                self.schema.class(class).chain.len() > self.schema.class(best).chain.len()
            };
            if best.is_none_or(longer) {
                best = Some(class);
            }
        }
        let class = best.ok_or_else(|| Failure::update(65, 0x207b))?;
        if self.schema.class(class).row.category != super::classes::Category::Structural {
            return Err(Failure::update(65, 0x2014));
        }
        // All classes named must lie on one line.
        let chain = &self.schema.class(class).chain;
        let stray = values.iter().any(|value| {
            std::str::from_utf8(value)
                .ok()
                .and_then(|name| self.schema.class_named(name))
                .is_some_and(|named| {
                    !chain.contains(&named)
                        && self.schema.class(named).row.category
                            != super::classes::Category::Auxiliary
                })
        });
        if stray {
            return Err(Failure::update(65, 0x2014));
        }
        Ok(class)
    }

    pub(crate) fn check_parent(&self, parent: ObjectId, class: ClassId) -> Result<(), Failure> {
        let above = self.object(parent).class;
        let allowed = self
            .schema
            .class(class)
            .chain
            .iter()
            .flat_map(|&id| self.schema.class(id).row.parents)
            .any(|name| self.schema.is_a(above, name));
        if allowed && parent != self.marks.deleted {
            Ok(())
        } else {
            Err(Failure::naming(0x2099))
        }
    }

    /// Spelling, key and plain value of a component, when the class may be named so.
    #[expect(clippy::type_complexity, reason = "three forms of one name")]
    pub(crate) fn check_rdn(
        &self,
        class: ClassId,
        attribute: &str,
        value: &str,
    ) -> Result<(Box<str>, Box<str>, Box<str>), Failure> {
        let wanted = self.schema.class(class).row.rdn;
        if !wanted.eq_ignore_ascii_case(attribute) {
            return Err(Failure::naming(0x2035));
        }
        // Samba takes longer names; AD holds to rangeUpper of the naming attribute.
        if value.encode_utf16().count() > 64 {
            return Err(Failure::attribute(19, 0x2082, wanted));
        }
        let (rdn, key) =
            rdn_of(&wanted.to_ascii_uppercase(), value).ok_or_else(|| Failure::bad_name(value))?;
        Ok((rdn, key, value.into()))
    }

    /// Puts the attributes of an add into the draft; links last, as they depend on the others.
    fn fill(
        &self,
        draft: &mut Draft,
        terms: Terms,
        entry: &NewEntry,
        name: &str,
    ) -> Result<(), Failure> {
        let known = &self.schema.known;
        let naming = self.schema.class(draft.class).row.rdn;
        let mut links = Vec::new();
        for (attribute, values) in &entry.attributes {
            let id = self
                .schema
                .attribute(attribute)
                .ok_or_else(Failure::unknown_attribute)?;
            if id == known.object_class || id == known.object_category || id == known.instance_type
            {
                continue;
            }
            if attribute.eq_ignore_ascii_case(naming) || id == known.name {
                let same = values
                    .iter()
                    .all(|value| Kind::Text.key(value) == Kind::Text.key(name.as_bytes()));
                if same {
                    continue;
                }
                return Err(Failure::naming(0x2035));
            }
            if self.schema.def(id).kind == Kind::Dn {
                links.push((attribute, values));
            } else {
                self.put(draft, terms, Operation::Add, attribute, values)?;
            }
        }
        draft.default_group_type(self);
        for (attribute, values) in links {
            self.put(draft, terms, Operation::Add, attribute, values)?;
        }
        Ok(())
    }

    fn settle_new(
        &self,
        draft: &mut Draft,
        terms: Terms,
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        if self.is_principal_class(draft.class) {
            self.settle_account(draft, terms)
        } else if draft.password.parts > 0 {
            Err(Failure::unwilling(0x1f))
        } else {
            Ok(None)
        }
    }

    fn check_required(&self, draft: &Draft) -> Result<(), Failure> {
        let class = self.schema.class(draft.class);
        for &id in &class.required {
            let def = self.schema.def(id);
            let naming = def.name.eq_ignore_ascii_case(class.row.rdn);
            // `cn` is the name even where it is not the naming attribute's own.
            if !naming && def.name != "cn" && def.origin == Origin::Stored && !draft.has(id) {
                return Err(Failure::update(65, 0x207c));
            }
        }
        Ok(())
    }

    fn keep_password(&mut self, id: ObjectId, password: &str) {
        let history = self.config.password_policy.history as usize;
        let object = self.store.object_mut(id);
        let hashed = password::hash(object.guid, password);
        object.passwords.insert(0, hashed);
        object.password_given = true;
        object.passwords.truncate(history.max(1));
    }

    /// Changes an object: all parts or none.
    pub(crate) fn modify(
        &mut self,
        who: Principal,
        sealed: bool,
        name: &str,
        edits: &[Edit],
        controls: &Controls,
    ) -> Result<ObjectId, Failure> {
        let id = self.resolve(name, controls.show_deleted)?;
        for edit in edits {
            let base = edit.attribute().split(';').next().unwrap_or_default();
            if self.schema.attribute(base).is_none() {
                return Err(Failure::unknown_attribute());
            }
        }
        if self.object(id).deleted {
            return self.restore(who, sealed, id, edits).map(|()| id);
        }
        self.edit(who, sealed, id, edits, controls)?;
        Ok(id)
    }

    pub(super) fn edit(
        &mut self,
        who: Principal,
        sealed: bool,
        id: ObjectId,
        edits: &[Edit],
        controls: &Controls,
    ) -> Result<(), Failure> {
        let known = &self.schema.known;
        let only_password = edits
            .iter()
            .all(|edit| self.schema.attribute(edit.attribute()) == Some(known.unicode_pwd));
        let change = only_password && edits.iter().any(|edit| matches!(edit, Edit::Delete(..)));
        let allowed = if only_password {
            self.may_set_password(who, id, change)
        } else {
            self.may_write(who, id)
        };
        if !allowed {
            return Err(Failure::denied(if only_password { 0x5 } else { 0x2098 }));
        }
        let terms = Terms {
            who,
            sealed,
            permissive: controls.permissive,
            adding: false,
            policy_hints: controls.policy_hints,
        };
        let mut draft = self.draft_of(id);
        for edit in edits {
            let (operation, attribute, values) = edit.parts();
            self.put(&mut draft, terms, operation, attribute, values)?;
        }
        self.forbid_hidden_members(&draft)?;
        let password = self.settle_new(&mut draft, terms)?;
        self.check_required(&draft)?;
        let primary_before = self.primary_group(id);
        let changed = self.commit(id, draft) || password.is_some();
        if let Some(password) = password {
            self.keep_password(id, &password);
        }
        if self.is_account(self.object(id).class) {
            self.swap_primary_group(id, primary_before);
        }
        if changed {
            let now = self.tick();
            self.store.touch(id, now);
        }
        Ok(())
    }

    /// Taking a member out of the group that is its primary one: it is not in `member`, and may not be.
    fn forbid_hidden_members(&self, draft: &Draft) -> Result<(), Failure> {
        let member = self.schema.known.member;
        let hidden = draft.removed.iter().any(|&(attribute, target)| {
            attribute == member && self.primary_group(target) == draft.id
        });
        if hidden {
            return Err(Failure::unwilling(0x55e));
        }
        Ok(())
    }
}

impl Draft {
    fn default_group_type(&mut self, directory: &Directory) {
        if directory.schema.is_a(self.class, "group") {
            self.default(directory.schema.known.group_type, -2_147_483_646);
        }
    }
}
