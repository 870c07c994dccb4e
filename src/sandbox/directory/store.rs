//! Objects and their indexes: what the directory holds, not what may be done to it.
//!
//! An object's name is not stored: it is its own component below its parent, so that a rename or move of a whole
//! branch is one step, and links (kept by identity, both ways) follow by themselves. Invariant: every change goes
//! through a method here that keeps all indexes in step. Every look-up is O(log n) or better.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use jiff::Timestamp;

use super::schema::{AttrId, ClassId, Schema};
use super::sid::Sid;
use super::value::{Bytes, fold};
use crate::model::{Dn, Guid};

/// Position of an object; never reused, deleted objects stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId(pub(crate) u32);

/// Values of one attribute; most have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    One(Bytes),
    Many(Vec<Bytes>),
}

impl Values {
    pub(crate) fn as_slice(&self) -> &[Bytes] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    fn new(mut values: Vec<Bytes>) -> Option<Self> {
        match values.len() {
            0 => None,
            1 => values.pop().map(Self::One),
            _ => Some(Self::Many(values)),
        }
    }
}

/// Attributes being edited.
pub(crate) type Attributes = BTreeMap<AttrId, Vec<Bytes>>;

/// A password: never the text itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) [u8; 32]);

/// A forward link taken away by a deletion, to be given back by a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) source: ObjectId,
    pub(crate) attribute: AttrId,
    pub(crate) target: ObjectId,
}

pub(crate) struct Object {
    pub(crate) guid: Guid,
    pub(crate) parent: Option<ObjectId>,
    /// `CN=Doe\, Jane`, as written in names; for the top of a partition its whole name.
    pub(crate) rdn: Box<str>,
    /// `Doe, Jane`.
    pub(crate) name: Box<str>,
    pub(crate) class: ClassId,
    pub(crate) sid: Option<Sid>,
    attributes: Vec<(AttrId, Values)>,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
    pub(crate) usn_created: u64,
    pub(crate) usn_changed: u64,
    pub(crate) deleted: bool,
    pub(crate) recycled: bool,
    /// Protected from accidental deletion.
    pub(crate) protected: bool,
    pub(crate) last_parent: Option<ObjectId>,
    /// The last write of `userAccountControl`: how many there were, when, and its sequence number.
    pub(crate) control: (u32, Timestamp, u64),
    /// `userAccountControl` has another value than the last [`Store::touch`] noted.
    control_written: bool,
    /// When the object was last brought back from among the deleted ones, likewise.
    pub(crate) restored: Option<(u32, Timestamp, u64)>,
    /// The last write of the password, likewise; `None` while there is none.
    pub(crate) password_written: Option<(u32, Timestamp, u64)>,
    /// A password was given since the last [`Store::touch`].
    pub(crate) password_given: bool,
    /// Newest first.
    pub(crate) passwords: Vec<PasswordHash>,
    parked: Vec<Link>,
}

impl Object {
    /// Counts a write of the password.
    pub(crate) fn note_password(&mut self, now: Timestamp, usn: u64) {
        let written = self.password_written.map_or(0, |(times, ..)| times);
        self.password_written = Some((written + 1, now, usn));
    }

    pub(crate) fn values(&self, attribute: AttrId) -> &[Bytes] {
        match self
            .attributes
            .binary_search_by_key(&attribute, |(id, _)| *id)
        {
            Ok(at) => self.attributes[at].1.as_slice(),
            Err(_) => &[],
        }
    }

    pub(crate) fn first(&self, attribute: AttrId) -> Option<&[u8]> {
        self.values(attribute).first().map(|value| &**value)
    }

    pub(crate) fn text(&self, attribute: AttrId) -> Option<Cow<'_, str>> {
        self.first(attribute).map(String::from_utf8_lossy)
    }

    pub(crate) fn number(&self, attribute: AttrId) -> Option<i64> {
        self.first(attribute).and_then(super::value::number)
    }

    pub(crate) fn stored(&self) -> impl Iterator<Item = (AttrId, &[Bytes])> {
        self.attributes
            .iter()
            .map(|(id, values)| (*id, values.as_slice()))
    }
}

/// What a new object needs.
pub(crate) struct NewObject {
    pub(crate) parent: Option<ObjectId>,
    pub(crate) rdn: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) class: ClassId,
    pub(crate) sid: Option<Sid>,
    pub(crate) attributes: Attributes,
    pub(crate) guid: Guid,
}

/// All objects with their indexes.
pub(crate) struct Store {
    objects: Vec<Object>,
    by_guid: HashMap<Guid, ObjectId>,
    by_sid: HashMap<Sid, ObjectId>,
    children: BTreeMap<(ObjectId, Box<str>), ObjectId>,
    /// Indexed attributes of live objects: folded value to object.
    values: BTreeSet<(AttrId, Bytes, ObjectId)>,
    forward: BTreeSet<(ObjectId, AttrId, ObjectId)>,
    backward: BTreeSet<(ObjectId, AttrId, ObjectId)>,
    by_usn: BTreeSet<(u64, ObjectId)>,
    usn: u64,
}

/// The component of a name in the form siblings are told apart by: folded as values are.
pub(crate) fn rdn_key(component: &str) -> Box<str> {
    match fold(component) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into_boxed_str(),
    }
}

/// The component `attribute=value` as names spell it, and its key.
pub(crate) fn rdn_of(attribute: &str, value: &str) -> Option<(Box<str>, Box<str>)> {
    let anchor = Dn::parse("DC=x").ok()?;
    let child = anchor.child(attribute, value);
    let rdn = child.as_str().strip_suffix(",DC=x")?.to_owned();
    let key = Dn::parse(&rdn).ok()?.key();
    Some((rdn.into_boxed_str(), rdn_key(key.as_str())))
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            objects: Vec::new(),
            by_guid: HashMap::new(),
            by_sid: HashMap::new(),
            children: BTreeMap::new(),
            values: BTreeSet::new(),
            forward: BTreeSet::new(),
            backward: BTreeSet::new(),
            by_usn: BTreeSet::new(),
            // A domain that has lived a little, as real ones have.
            usn: 12_000,
        }
    }

    pub(crate) fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id.0 as usize]
    }

    /// For fields no index depends on.
    pub(crate) fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        &mut self.objects[id.0 as usize]
    }

    pub(crate) fn usn(&self) -> u64 {
        self.usn
    }

    pub(crate) fn by_guid(&self, guid: Guid) -> Option<ObjectId> {
        self.by_guid.get(&guid).copied()
    }

    pub(crate) fn by_sid(&self, sid: &Sid) -> Option<ObjectId> {
        self.by_sid.get(sid).copied()
    }

    pub(crate) fn child(&self, parent: ObjectId, key: &str) -> Option<ObjectId> {
        self.children.get(&(parent, key.into())).copied()
    }

    pub(crate) fn children(&self, parent: ObjectId) -> impl Iterator<Item = ObjectId> {
        self.children
            .range((parent, Box::<str>::default())..)
            .take_while(move |((of, _), _)| *of == parent)
            .map(|(_, id)| *id)
    }

    pub(crate) fn has_children(&self, parent: ObjectId) -> bool {
        self.children(parent).next().is_some()
    }

    /// Objects changed at or after a sequence number.
    pub(crate) fn changed_since(&self, usn: u64) -> impl Iterator<Item = ObjectId> {
        self.by_usn
            .range((usn, ObjectId(0))..)
            .map(|(_, object)| *object)
    }

    /// Live objects whose indexed attribute has this folded value.
    pub(crate) fn indexed(
        &self,
        attribute: AttrId,
        folded: &[u8],
    ) -> impl Iterator<Item = ObjectId> {
        let folded: Bytes = folded.into();
        self.values
            .range((attribute, folded.clone(), ObjectId(0))..)
            .take_while(move |(of, value, _)| *of == attribute && *value == folded)
            .map(|(_, _, id)| *id)
    }

    /// Targets of a forward link, in a stable order, from the `skip`th on.
    pub(crate) fn targets(
        &self,
        source: ObjectId,
        attribute: AttrId,
    ) -> impl Iterator<Item = ObjectId> {
        self.forward
            .range((source, attribute, ObjectId(0))..=(source, attribute, ObjectId(u32::MAX)))
            .map(|(_, _, target)| *target)
    }

    /// Who points here by this link.
    pub(crate) fn sources(
        &self,
        target: ObjectId,
        attribute: AttrId,
    ) -> impl Iterator<Item = ObjectId> {
        self.backward
            .range((target, attribute, ObjectId(0))..=(target, attribute, ObjectId(u32::MAX)))
            .map(|(_, _, source)| *source)
    }

    /// Attributes with forward links of an object.
    pub(crate) fn link_attributes(&self, source: ObjectId) -> Vec<AttrId> {
        let mut found = Vec::new();
        let mut from = Bound::Included((source, AttrId(0), ObjectId(0)));
        while let Some(&(of, attribute, _)) = self.forward.range((from, Bound::Unbounded)).next() {
            if of != source {
                break;
            }
            found.push(attribute);
            from = Bound::Excluded((source, attribute, ObjectId(u32::MAX)));
        }
        found
    }

    pub(crate) fn has_link(&self, link: Link) -> bool {
        self.forward
            .contains(&(link.source, link.attribute, link.target))
    }

    pub(crate) fn add_link(&mut self, link: Link) {
        self.forward
            .insert((link.source, link.attribute, link.target));
        self.backward
            .insert((link.target, link.attribute, link.source));
    }

    pub(crate) fn remove_link(&mut self, link: Link) {
        self.forward
            .remove(&(link.source, link.attribute, link.target));
        self.backward
            .remove(&(link.target, link.attribute, link.source));
    }

    /// The object's name.
    pub(crate) fn dn(&self, id: ObjectId) -> String {
        let mut name = String::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let object = self.object(id);
            if !name.is_empty() {
                name.push(',');
            }
            name.push_str(&object.rdn);
            at = object.parent;
        }
        name
    }

    /// True when `id` is `place` or stands below it.
    pub(crate) fn is_at_or_under(&self, id: ObjectId, place: ObjectId) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            if id == place {
                return true;
            }
            at = self.object(id).parent;
        }
        false
    }

    /// The object and everything below it, parents first.
    pub(crate) fn subtree(&self, root: ObjectId) -> impl Iterator<Item = ObjectId> {
        let mut stack = vec![root];
        std::iter::from_fn(move || {
            let next = stack.pop()?;
            let at = stack.len();
            stack.extend(self.children(next));
            stack[at..].reverse();
            Some(next)
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        self.objects
            .iter()
            .enumerate()
            .map(|(at, object)| (ObjectId(u32::try_from(at).unwrap_or(u32::MAX)), object))
    }

    pub(crate) fn insert(&mut self, schema: &Schema, new: NewObject, now: Timestamp) -> ObjectId {
        let id = ObjectId(u32::try_from(self.objects.len()).unwrap_or(u32::MAX));
        self.usn += 1;
        self.by_guid.insert(new.guid, id);
        if let Some(sid) = &new.sid {
            self.by_sid.insert(sid.clone(), id);
        }
        let object = Object {
            guid: new.guid,
            parent: new.parent,
            rdn: new.rdn,
            name: new.name,
            class: new.class,
            sid: new.sid,
            attributes: pack(new.attributes),
            created: now,
            changed: now,
            usn_created: self.usn,
            usn_changed: self.usn,
            deleted: false,
            recycled: false,
            protected: false,
            last_parent: None,
            control: (1, now, self.usn),
            control_written: false,
            restored: None,
            password_written: None,
            password_given: false,
            passwords: Vec::new(),
            parked: Vec::new(),
        };
        if let Some(parent) = object.parent
            && let Some(key) = key_of(&object.rdn)
        {
            self.children.insert((parent, key), id);
        }
        self.by_usn.insert((self.usn, id));
        self.objects.push(object);
        self.index(schema, id, true);
        id
    }

    /// Gives an object new attributes.
    pub(crate) fn set_attributes(&mut self, schema: &Schema, id: ObjectId, attributes: Attributes) {
        self.index(schema, id, false);
        let object = self.object_mut(id);
        let before = object.first(schema.known.uac).map(<[u8]>::to_vec);
        object.attributes = pack(attributes);
        object.control_written |= object.first(schema.known.uac).map(<[u8]>::to_vec) != before;
        self.index(schema, id, true);
    }

    /// The attributes, for editing.
    pub(crate) fn attributes(&self, id: ObjectId) -> Attributes {
        self.object(id)
            .stored()
            .map(|(attribute, values)| (attribute, values.to_vec()))
            .collect()
    }

    /// Counts a write to an object.
    pub(crate) fn touch(&mut self, id: ObjectId, now: Timestamp) {
        self.usn += 1;
        let usn = self.usn;
        let object = &mut self.objects[id.0 as usize];
        let before = object.usn_changed;
        object.usn_changed = usn;
        object.changed = now;
        if std::mem::take(&mut object.control_written) {
            object.control = (object.control.0 + 1, now, usn);
        }
        if std::mem::take(&mut object.password_given) {
            object.note_password(now, usn);
        }
        self.by_usn.remove(&(before, id));
        self.by_usn.insert((usn, id));
    }

    /// Gives an object another name and place.
    pub(crate) fn rename(&mut self, id: ObjectId, parent: ObjectId, rdn: Box<str>, name: Box<str>) {
        let object = &self.objects[id.0 as usize];
        if let (Some(old), Some(key)) = (object.parent, key_of(&object.rdn)) {
            self.children.remove(&(old, key));
        }
        if let Some(key) = key_of(&rdn) {
            self.children.insert((parent, key), id);
        }
        let object = self.object_mut(id);
        object.parent = Some(parent);
        object.rdn = rdn;
        object.name = name;
    }

    /// Marks an object deleted: out of the value indexes, its links taken away (and kept aside when `keep_links`).
    pub(crate) fn bury(&mut self, schema: &Schema, id: ObjectId, keep_links: bool) {
        self.index(schema, id, false);
        let mut links: Vec<Link> = Vec::new();
        for attribute in self.link_attributes(id) {
            if schema.def(attribute).link.is_some() {
                links.extend(self.targets(id, attribute).map(|target| Link {
                    source: id,
                    attribute,
                    target,
                }));
            }
        }
        let incoming: Vec<Link> = self
            .backward
            .range((id, AttrId(0), ObjectId(0))..=(id, AttrId(u16::MAX), ObjectId(u32::MAX)))
            .filter(|(_, attribute, _)| schema.def(*attribute).link.is_some())
            .map(|&(target, attribute, source)| Link {
                source,
                attribute,
                target,
            })
            .collect();
        links.extend(incoming);
        for link in &links {
            self.remove_link(*link);
        }
        let object = self.object_mut(id);
        object.deleted = true;
        if keep_links {
            object.parked.extend(links);
        } else {
            object.parked.clear();
        }
    }

    /// The opposite of [`Store::bury`]. Links to objects that are deleted themselves wait with those.
    pub(crate) fn exhume(&mut self, schema: &Schema, id: ObjectId) {
        let object = self.object_mut(id);
        object.deleted = false;
        object.last_parent = None;
        for link in std::mem::take(&mut object.parked) {
            let other = if link.source == id {
                link.target
            } else {
                link.source
            };
            let other_object = self.object_mut(other);
            if other_object.deleted {
                if !other_object.recycled {
                    other_object.parked.push(link);
                }
            } else {
                self.add_link(link);
            }
        }
        self.index(schema, id, true);
    }

    fn index(&mut self, schema: &Schema, id: ObjectId, add: bool) {
        let object = &self.objects[id.0 as usize];
        if object.deleted {
            return;
        }
        for (attribute, values) in &object.attributes {
            let def = schema.def(*attribute);
            if !def.indexed {
                continue;
            }
            for value in values.as_slice() {
                let entry = (*attribute, def.kind.key(value).into_owned().into(), id);
                if add {
                    self.values.insert(entry);
                } else {
                    self.values.remove(&entry);
                }
            }
        }
    }
}

fn pack(attributes: Attributes) -> Vec<(AttrId, Values)> {
    let mut packed: Vec<_> = attributes
        .into_iter()
        .filter_map(|(id, values)| Some((id, Values::new(values)?)))
        .collect();
    packed.shrink_to_fit();
    packed
}

fn key_of(rdn: &str) -> Option<Box<str>> {
    Some(rdn_key(Dn::parse(rdn).ok()?.key().as_str()))
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Link, NewObject, ObjectId, Store, rdn_of};
    use crate::model::Guid;
    use crate::sandbox::directory::schema::Schema;

    fn add(store: &mut Store, schema: &Schema, parent: Option<ObjectId>, name: &str) -> ObjectId {
        let number = store.all().count();
        let (rdn, _) = rdn_of("CN", name).expect("a name");
        let new = NewObject {
            parent,
            rdn,
            name: name.into(),
            class: schema.class_named("container").expect("a class"),
            sid: None,
            attributes: Attributes::new(),
            guid: Guid::parse(&format!("{number:032x}")).expect("a guid"),
        };
        store.insert(schema, new, jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_branch_moves_with_its_links() {
        let schema = Schema::new(false);
        let mut store = Store::new();
        let top = add(&mut store, &schema, None, "top");
        let a = add(&mut store, &schema, Some(top), "A, Inc.");
        let b = add(&mut store, &schema, Some(top), "B");
        let leaf = add(&mut store, &schema, Some(a), "leaf");
        let link = Link {
            source: b,
            attribute: schema.known.member,
            target: leaf,
        };
        store.add_link(link);
        assert_eq!(store.dn(leaf), r"CN=leaf,CN=A\, Inc.,CN=top");
        store.rename(a, b, "CN=a2".into(), "a2".into());
        assert_eq!(store.dn(leaf), "CN=leaf,CN=a2,CN=B,CN=top");
        assert!(store.has_link(link));
        assert!(store.is_at_or_under(leaf, b));
        assert_eq!(store.child(b, "cn=a2"), Some(a));
        assert_eq!(store.child(top, r"cn=a\2c inc."), None);
        assert_eq!(store.subtree(top).count(), 4);
    }

    #[test]
    fn links_of_the_buried_wait_for_both_ends() {
        let schema = Schema::new(false);
        let mut store = Store::new();
        let top = add(&mut store, &schema, None, "top");
        let group = add(&mut store, &schema, Some(top), "group");
        let user = add(&mut store, &schema, Some(top), "user");
        let link = Link {
            source: group,
            attribute: schema.known.member,
            target: user,
        };
        store.add_link(link);
        store.bury(&schema, user, true);
        store.bury(&schema, group, true);
        assert!(!store.has_link(link));
        store.exhume(&schema, user);
        assert!(!store.has_link(link));
        store.exhume(&schema, group);
        assert!(store.has_link(link));
        store.bury(&schema, user, false);
        store.exhume(&schema, user);
        assert!(!store.has_link(link));
    }
}
