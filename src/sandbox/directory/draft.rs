//! An object while it is being written: nothing takes effect until all of it is right.
//!
//! Add and modify both fill a draft; `commit` is the only place where it becomes the object. That is what makes a
//! modify atomic.

use std::collections::BTreeSet;

use super::core::{Directory, Principal};
use super::failure::Failure;
use super::message::Operation;
use super::schema::{AttrId, ClassId, Origin};
use super::store::{Attributes, Link, ObjectId};
use super::value::{Bytes, Fault, Kind};

/// What is asked of the password.
#[derive(Default)]
pub(crate) struct PasswordEdit {
    pub(crate) old: Option<Vec<Vec<u8>>>,
    pub(crate) new: Option<(Operation, Vec<Vec<u8>>)>,
    pub(crate) parts: usize,
}

pub(crate) struct Draft {
    /// The object, when it exists already.
    pub(crate) id: Option<ObjectId>,
    pub(crate) class: ClassId,
    pub(crate) attributes: Attributes,
    pub(crate) added: BTreeSet<(AttrId, ObjectId)>,
    pub(crate) removed: BTreeSet<(AttrId, ObjectId)>,
    pub(crate) touched: BTreeSet<AttrId>,
    pub(crate) password: PasswordEdit,
}

/// Circumstances of a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) who: Principal,
    /// The connection is sealed.
    pub(crate) sealed: bool,
    /// Permissive modify: what is already so is no error.
    pub(crate) permissive: bool,
    /// An add request, whose errors differ in places.
    pub(crate) adding: bool,
    /// A reset obeys the password history.
    pub(crate) policy_hints: bool,
}

impl Draft {
    pub(crate) fn number(&self, attribute: AttrId) -> Option<i64> {
        super::value::number(self.attributes.get(&attribute)?.first()?)
    }

    pub(crate) fn text(&self, attribute: AttrId) -> Option<String> {
        let value = self.attributes.get(&attribute)?.first()?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    pub(crate) fn set(&mut self, attribute: AttrId, value: impl ToString) {
        self.attributes
            .insert(attribute, vec![value.to_string().into_bytes().into()]);
    }

    /// Sets a value unless there is one.
    pub(crate) fn default(&mut self, attribute: AttrId, value: impl ToString) {
        if self.attributes.get(&attribute).is_none_or(Vec::is_empty) {
            self.set(attribute, value);
        }
    }

    pub(crate) fn has(&self, attribute: AttrId) -> bool {
        self.attributes
            .get(&attribute)
            .is_some_and(|values| !values.is_empty())
    }
}

impl Directory {
    pub(crate) fn draft_of(&self, id: ObjectId) -> Draft {
        Draft {
            id: Some(id),
            class: self.object(id).class,
            attributes: self.store.attributes(id),
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            touched: BTreeSet::new(),
            password: PasswordEdit::default(),
        }
    }

    pub(crate) fn draft_has_link(
        &self,
        draft: &Draft,
        attribute: AttrId,
        target: ObjectId,
    ) -> bool {
        draft.added.contains(&(attribute, target))
            || (!draft.removed.contains(&(attribute, target))
                && draft.id.is_some_and(|source| {
                    self.store.has_link(Link {
                        source,
                        attribute,
                        target,
                    })
                }))
    }

    pub(crate) fn draft_targets(&self, draft: &Draft, attribute: AttrId) -> Vec<ObjectId> {
        let mut targets: Vec<ObjectId> = draft
            .id
            .into_iter()
            .flat_map(|source| self.store.targets(source, attribute))
            .filter(|&target| !draft.removed.contains(&(attribute, target)))
            .collect();
        targets.extend(
            draft
                .added
                .iter()
                .filter(|(of, _)| *of == attribute)
                .map(|(_, target)| *target),
        );
        targets
    }

    /// Applies one part of a modify, or one attribute of an add.
    pub(crate) fn put(
        &self,
        draft: &mut Draft,
        terms: Terms,
        operation: Operation,
        name: &str,
        values: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let base = name.split(';').next().unwrap_or_default();
        let id = self
            .schema
            .attribute(base)
            .ok_or_else(Failure::unknown_attribute)?;
        let def = self.schema.def(id);
        let class = self.schema.class(draft.class);
        if base.eq_ignore_ascii_case(class.row.rdn) || id == self.schema.known.name {
            return Err(Failure::update(67, 0x2016));
        }
        match def.origin {
            Origin::Stored => {}
            // The simulator's own hands may set what only the server sets.
            Origin::System if terms.who == Principal::System => {}
            Origin::System => return Err(Failure::attribute(19, 0x20b1, &def.name)),
            Origin::Sam => return Err(Failure::unwilling(0x209a)),
            Origin::BackLink if id == self.schema.known.member_of => {
                return Err(Failure::unwilling(0x209a));
            }
            Origin::BackLink => return Err(Failure::unwilling(0x2077)),
            Origin::Constructed => return Err(Failure::attribute(19, 0x211b, &def.name)),
            Origin::Virtual if id == self.schema.known.object_class => {
                return Err(Failure::unwilling(0x2077));
            }
            Origin::Virtual => return Err(Failure::attribute(19, 0x20b1, &def.name)),
            Origin::Secret => {}
        }
        if !class.allowed.contains(&id) {
            return Err(Failure::update(65, 0x207d));
        }
        if def.origin == Origin::Secret {
            draft.password.parts += 1;
            match operation {
                Operation::Delete => draft.password.old = Some(values.to_vec()),
                _ => draft.password.new = Some((operation, values.to_vec())),
            }
            return Ok(());
        }
        if operation == Operation::Add && values.is_empty() {
            return Err(Failure::ldap(2, 0x57, "Error processing attributes", "0"));
        }
        draft.touched.insert(id);
        if def.kind == Kind::Dn {
            self.put_links(draft, terms, operation, id, values)
        } else {
            self.put_values(draft, terms, operation, id, values)
        }
    }

    fn put_values(
        &self,
        draft: &mut Draft,
        terms: Terms,
        operation: Operation,
        id: AttrId,
        values: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let def = self.schema.def(id);
        let check = |value: &Vec<u8>| -> Result<Bytes, Failure> {
            def.kind
                .check(value, def.lower, def.upper)
                .map_err(|fault| match fault {
                    Fault::Syntax => Failure::attribute(21, 0x200b, &def.name),
                    Fault::Range => Failure::attribute(19, 0x2082, &def.name),
                })
        };
        let current = draft.attributes.entry(id).or_default();
        // Keys of what is there, so that many values stay cheap.
        let mut keys: BTreeSet<Vec<u8>> = current
            .iter()
            .map(|value| def.kind.key(value).into_owned())
            .collect();
        match operation {
            Operation::Add => {
                if def.single && values.len() > 1 {
                    return Err(Failure::attribute(19, 0x2081, &def.name));
                }
                for value in values {
                    let value = check(value)?;
                    if !keys.insert(def.kind.key(&value).into_owned()) {
                        if terms.permissive {
                            continue;
                        }
                        return Err(Failure::attribute(20, 0x2083, &def.name));
                    }
                    if def.single && !current.is_empty() {
                        return Err(Failure::attribute(20, 0x2083, &def.name));
                    }
                    current.push(value);
                }
            }
            Operation::Delete if values.is_empty() => {
                if current.is_empty() && !terms.permissive {
                    return Err(Failure::attribute(16, 0x2084, &def.name));
                }
                current.clear();
            }
            Operation::Delete => {
                for value in values {
                    let key = def.kind.key(value).into_owned();
                    if keys.remove(&key) {
                        current.retain(|there| *def.kind.key(there) != key[..]);
                    } else if !terms.permissive {
                        return Err(Failure::attribute(16, 0x2085, &def.name));
                    }
                }
            }
            Operation::Replace => {
                if def.single && values.len() > 1 {
                    return Err(Failure::attribute(20, 0x200d, &def.name));
                }
                let mut fresh = Vec::with_capacity(values.len());
                let mut seen = BTreeSet::new();
                for value in values {
                    let value = check(value)?;
                    if !seen.insert(def.kind.key(&value).into_owned()) {
                        return Err(Failure::attribute(20, 0x2083, &def.name));
                    }
                    fresh.push(value);
                }
                *current = fresh;
            }
        }
        // About 1200 values fit into a record of a multi-valued attribute that is no link.
        if current.len() > 1200 {
            return Err(Failure::ldap(
                11,
                0x2024,
                "administrative limit exceeded",
                "0",
            ));
        }
        Ok(())
    }

    fn put_links(
        &self,
        draft: &mut Draft,
        terms: Terms,
        operation: Operation,
        id: AttrId,
        values: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let def = self.schema.def(id);
        let member = id == self.schema.known.member;
        let present = |draft: &Draft, target| self.draft_has_link(draft, id, target);
        match operation {
            Operation::Add => {
                if def.single && values.len() > 1 {
                    return Err(Failure::attribute(19, 0x2081, &def.name));
                }
                for value in values {
                    let target = self.link_target(id, value)?;
                    if present(draft, target) {
                        if terms.permissive {
                            continue;
                        }
                        return Err(if member {
                            Failure::update(68, 0x562)
                        } else {
                            Failure::attribute(20, 0x2083, &def.name)
                        });
                    }
                    if def.single && !self.draft_targets(draft, id).is_empty() {
                        return Err(Failure::attribute(20, 0x2083, &def.name));
                    }
                    if member {
                        self.check_member(draft, target)?;
                    }
                    // A link taken away and given back is a link that stays.
                    if !draft.removed.remove(&(id, target)) {
                        draft.added.insert((id, target));
                    }
                }
            }
            Operation::Delete if values.is_empty() => {
                let targets = self.draft_targets(draft, id);
                if targets.is_empty() && !terms.permissive {
                    return Err(Failure::attribute(16, 0x2084, &def.name));
                }
                for target in targets {
                    remove(draft, id, target);
                }
            }
            Operation::Delete => {
                for value in values {
                    let found = self.link_target(id, value).ok();
                    match found.filter(|&target| present(draft, target)) {
                        Some(target) => remove(draft, id, target),
                        None if terms.permissive => {}
                        None if member => return Err(Failure::unwilling(0x561)),
                        None => return Err(Failure::attribute(16, 0x2085, &def.name)),
                    }
                }
            }
            Operation::Replace => {
                if def.single && values.len() > 1 {
                    let code = if def.link.is_some() { 19 } else { 20 };
                    return Err(Failure::attribute(code, 0x2081, &def.name));
                }
                let mut wanted = BTreeSet::new();
                for value in values {
                    let target = self.link_target(id, value)?;
                    if member && !present(draft, target) {
                        self.check_member(draft, target)?;
                    }
                    wanted.insert(target);
                }
                for target in self.draft_targets(draft, id) {
                    if !wanted.remove(&target) {
                        remove(draft, id, target);
                    }
                }
                for target in wanted {
                    if !draft.removed.remove(&(id, target)) {
                        draft.added.insert((id, target));
                    }
                }
            }
        }
        Ok(())
    }

    /// The object a DN-valued attribute's value names.
    fn link_target(&self, id: AttrId, value: &[u8]) -> Result<ObjectId, Failure> {
        let def = self.schema.def(id);
        let text =
            std::str::from_utf8(value).map_err(|_| Failure::attribute(21, 0x200b, &def.name))?;
        if text.is_empty() {
            return Err(Failure::attribute(21, 0x200b, &def.name));
        }
        self.resolve(text, false).map_err(|failure| {
            if failure.code == 34 {
                failure
            } else if id == self.schema.known.member {
                Failure::no_object(0x525, "")
            } else {
                // ERROR_DS_NAME_REFERENCE_INVALID.
                Failure::attribute(19, 0x20b5, &def.name)
            }
        })
    }

    /// Makes the draft the object. True when anything changed.
    pub(crate) fn commit(&mut self, id: ObjectId, draft: Draft) -> bool {
        let unchanged = draft.added.is_empty() && draft.removed.is_empty() && {
            let object = self.object(id);
            let mut now = draft.attributes.iter().filter(|(_, v)| !v.is_empty());
            let mut before = object.stored();
            loop {
                match (now.next(), before.next()) {
                    (None, None) => break true,
                    (Some((a, values)), Some((b, others)))
                        if *a == b && values.as_slice() == others => {}
                    _ => break false,
                }
            }
        };
        if unchanged {
            return false;
        }
        for (attribute, target) in draft.removed {
            self.store.remove_link(Link {
                source: id,
                attribute,
                target,
            });
        }
        for (attribute, target) in draft.added {
            self.store.add_link(Link {
                source: id,
                attribute,
                target,
            });
        }
        self.store
            .set_attributes(&self.schema, id, draft.attributes);
        true
    }
}

fn remove(draft: &mut Draft, attribute: AttrId, target: ObjectId) {
    if !draft.added.remove(&(attribute, target)) {
        draft.removed.insert((attribute, target));
    }
}
