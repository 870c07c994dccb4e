//! Rename, move, delete and restore ([MS-ADTS] 3.1.1.5.4, 3.1.1.5.5, 3.1.1.5.3.7).

use super::controls::Controls;
use super::core::{Directory, Principal};
use super::failure::Failure;
use super::schema::AttrId;
use super::store::{ObjectId, rdn_of};
use super::write::Edit;
use crate::model::Dn;

/// What a tombstone keeps when the Recycle Bin is off.
const TOMBSTONE_KEEPS: &[&str] = &[
    "sAMAccountName",
    "userAccountControl",
    "groupType",
    "msDS-LastKnownRDN",
    "dNSHostName",
];

impl Directory {
    /// Gives an object another name, another parent, or both.
    pub(crate) fn rename(
        &mut self,
        who: Principal,
        name: &str,
        new_rdn: &str,
        delete_old: bool,
        new_parent: Option<&str>,
        controls: &Controls,
    ) -> Result<ObjectId, Failure> {
        let id = self.resolve(name, controls.show_deleted)?;
        let Some(old_parent) = self.object(id).parent else {
            return Err(Failure::unwilling(0x2035));
        };
        if self.object(id).deleted {
            return Err(Failure::unwilling(0x2035));
        }
        if !delete_old {
            return Err(Failure::unwilling(0x2035));
        }
        let component = Dn::parse(new_rdn).map_err(|_| Failure::bad_name(new_rdn))?;
        if component.parent().is_some() {
            return Err(Failure::bad_name(new_rdn));
        }
        let component = component.rdn();
        let class = self.object(id).class;
        if !component
            .attribute
            .eq_ignore_ascii_case(self.schema.class(class).row.rdn)
        {
            return Err(Failure::unwilling(0x2035));
        }
        let parent = match new_parent {
            // AD's tests want 80 for a new parent that does not exist, where an add gives 32.
            Some(parent) => self.resolve(parent, false).map_err(|failure| {
                if failure.code == 32 {
                    Failure::system(0x2095)
                } else {
                    failure
                }
            })?,
            None => old_parent,
        };
        if !self.may_write(who, id) {
            return Err(Failure::denied(0x2098));
        }
        if parent != old_parent {
            if !self.may_delete(who, id) || !self.may_create(who, parent, class) {
                return Err(Failure::denied(0x5));
            }
            if self.store.is_at_or_under(parent, id) {
                return Err(Failure::unwilling(0x2035));
            }
            self.check_parent(parent, class)?;
        }
        let (rdn, key, value) = self.check_rdn(class, &component.attribute, &component.value)?;
        if self
            .store
            .child(parent, &key)
            .is_some_and(|there| there != id)
        {
            return Err(Failure::update(68, 0x2071));
        }
        if parent == old_parent && rdn == self.object(id).rdn {
            return Ok(id);
        }
        self.store.rename(id, parent, rdn, value);
        let now = self.tick();
        self.store.touch(id, now);
        Ok(id)
    }

    /// Deletes an object, or with the tree delete control all below it as well.
    pub(crate) fn delete(
        &mut self,
        who: Principal,
        name: &str,
        controls: &Controls,
    ) -> Result<ObjectId, Failure> {
        let id = self.resolve(name, controls.show_deleted)?;
        let object = self.object(id);
        if object.parent.is_none() {
            return Err(Failure::unwilling(0x2035));
        }
        if !self.may_delete(who, id) {
            return Err(Failure::denied(0x5));
        }
        if object.deleted {
            return self.recycle(id).map(|()| id);
        }
        let critical = self.schema.attribute("isCriticalSystemObject");
        let is_critical = |id: ObjectId| {
            critical.is_some_and(|a| self.object(id).first(a) == Some(b"TRUE".as_slice()))
        };
        let mut doomed: Vec<ObjectId> = vec![id];
        if self.store.has_children(id) {
            if !controls.tree_delete {
                return Err(Failure::update(66, 0x2015));
            }
            doomed = self.store.subtree(id).collect();
        }
        for &one in &doomed {
            if is_critical(one) {
                return Err(Failure::unwilling(0x2035));
            }
            self.check_no_primary(one, &doomed)?;
        }
        // Children before parents.
        for one in doomed.into_iter().rev() {
            self.bury(one);
        }
        Ok(id)
    }

    /// A group that is somebody's primary one stays.
    fn check_no_primary(&self, id: ObjectId, doomed: &[ObjectId]) -> Result<(), Failure> {
        if !self.is_a(id, "group") {
            return Ok(());
        }
        let known = &self.schema.known;
        let Some(sid) = &self.object(id).sid else {
            return Ok(());
        };
        let rid = i64::from(sid.rid());
        let used = self.store.all().any(|(other, object)| {
            !object.deleted
                && object.number(known.primary_group_id) == Some(rid)
                && !doomed.contains(&other)
        });
        if used {
            return Err(Failure::update(68, 0x55e));
        }
        Ok(())
    }

    fn bury(&mut self, id: ObjectId) {
        let object = self.object(id);
        let guid = object.guid;
        let name = object.name.clone();
        let parent = object.parent;
        let class = self.schema.class(object.class).row;
        // The name is cut so that the whole stays within 255 characters ([MS-ADTS] 3.1.1.5.5).
        let short: String = name.chars().take(75).collect();
        let value = format!("{short}\nDEL:{guid}");
        let Some((rdn, _)) = rdn_of(&class.rdn.to_ascii_uppercase(), &value) else {
            return;
        };
        let mut attributes = self.store.attributes(id);
        if let Some(last) = self.schema.attribute("msDS-LastKnownRDN") {
            attributes.insert(last, vec![name.as_bytes().into()]);
        }
        if !self.config.recycle_bin {
            let keep: Vec<AttrId> = TOMBSTONE_KEEPS
                .iter()
                .filter_map(|name| self.schema.attribute(name))
                .collect();
            attributes.retain(|id, _| keep.contains(id));
            self.store.object_mut(id).passwords.clear();
        }
        self.store.set_attributes(&self.schema, id, attributes);
        self.store.bury(&self.schema, id, self.config.recycle_bin);
        self.store
            .rename(id, self.marks.deleted, rdn, value.into_boxed_str());
        let object = self.store.object_mut(id);
        object.last_parent = parent;
        let now = self.tick();
        self.store.touch(id, now);
    }

    /// Deleting a deleted object: with the Recycle Bin it loses what it still had.
    fn recycle(&mut self, id: ObjectId) -> Result<(), Failure> {
        if self.object(id).recycled || !self.config.recycle_bin {
            return Err(Failure::unwilling(0x2035));
        }
        let keep: Vec<AttrId> = TOMBSTONE_KEEPS
            .iter()
            .filter_map(|name| self.schema.attribute(name))
            .collect();
        let mut attributes = self.store.attributes(id);
        attributes.retain(|id, _| keep.contains(id));
        self.store.set_attributes(&self.schema, id, attributes);
        self.store.bury(&self.schema, id, false);
        let object = self.store.object_mut(id);
        object.recycled = true;
        object.passwords.clear();
        let now = self.tick();
        self.store.touch(id, now);
        Ok(())
    }

    /// Restores a deleted object: one modify that deletes `isDeleted` and replaces `distinguishedName`, and may set
    /// other attributes on the way.
    pub(super) fn restore(
        &mut self,
        who: Principal,
        sealed: bool,
        id: ObjectId,
        edits: &[Edit],
    ) -> Result<(), Failure> {
        let known = self.schema.known.clone();
        let mut target = None;
        let mut undelete = false;
        let mut rest = Vec::new();
        for edit in edits {
            let attribute = self.schema.attribute(edit.attribute());
            match edit {
                Edit::Delete(..) if attribute == Some(known.is_deleted) => undelete = true,
                Edit::Replace(_, values) if attribute == Some(known.distinguished_name) => {
                    target = values
                        .first()
                        .map(|v| String::from_utf8_lossy(v).into_owned());
                }
                other => rest.push(other.clone()),
            }
        }
        let (Some(target), true) = (target, undelete) else {
            return Err(Failure::unwilling(0x2035));
        };
        let dn = Dn::parse(&target).map_err(|_| Failure::bad_name(&target))?;
        let parent_dn = dn.parent().ok_or_else(|| Failure::bad_name(&target))?;
        let parent = self.resolve(parent_dn.as_str(), false)?;
        let class = self.object(id).class;
        if !self.may_restore(who) || !self.may_create(who, parent, class) {
            return Err(Failure::denied(0x5));
        }
        if self.object(id).recycled {
            return Err(Failure::unwilling(0x2035));
        }
        self.check_parent(parent, class)?;
        let component = dn.rdn();
        let (rdn, key, value) = self.check_rdn(class, &component.attribute, &component.value)?;
        if self.store.child(parent, &key).is_some() {
            return Err(Failure::update(68, 0x2071));
        }
        self.check_restored_names(id)?;
        let Some(before) = self.object(id).parent else {
            return Err(Failure::unwilling(0x2035));
        };
        let (old_rdn, old_name) = (self.object(id).rdn.clone(), self.object(id).name.clone());
        let last = self.object(id).last_parent;
        self.store.rename(id, parent, rdn, value);
        self.store.exhume(&self.schema, id);
        if !rest.is_empty()
            && let Err(failure) = self.edit(who, sealed, id, &rest, &Controls::default())
        {
            // All or nothing: back into the ground.
            self.store.bury(&self.schema, id, true);
            self.store.rename(id, before, old_rdn, old_name);
            self.store.object_mut(id).last_parent = last;
            return Err(failure);
        }
        self.revive_account(id);
        let now = self.tick();
        self.store.touch(id, now);
        let object = self.store.object_mut(id);
        // Set by the deletion, taken off now.
        let times = object.restored.map_or(0, |(times, ..)| times);
        object.restored = Some((times + 2, now, object.usn_changed));
        Ok(())
    }

    fn check_restored_names(&self, id: ObjectId) -> Result<(), Failure> {
        let known = &self.schema.known;
        let taken = |attribute: AttrId| {
            self.object(id).first(attribute).is_some_and(|value| {
                let folded = self.schema.def(attribute).kind.key(value).into_owned();
                self.store.indexed(attribute, &folded).next().is_some()
            })
        };
        if taken(known.sam_account_name) {
            let code = if self.is_a(id, "group") { 0x526 } else { 0x524 };
            return Err(Failure::update(68, code));
        }
        if taken(known.upn) {
            return Err(Failure::attribute(19, 0x21c8, "userPrincipalName"));
        }
        Ok(())
    }

    /// A tombstone has lost what every account must have: the defaults come back.
    fn revive_account(&mut self, id: ObjectId) {
        let mut draft = self.draft_of(id);
        self.default_account(&mut draft);
        let (attributes, schema) = (draft.attributes, &self.schema);
        self.store.set_attributes(schema, id, attributes);
    }
}
