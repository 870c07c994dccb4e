//! A directory read as it would be after a plan: what the real apply does, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;
use halosync::model::{
    AttributeId, DeletionFacts, DirectoryHeader, DirectorySnapshot, Dn, DnKey, Entry, EntryKind,
    Guid, Syntax, Values,
};
use halosync::plan::{Action, AttributeChange, Change, ObjectRef, Plan, PlanValue};

/// An attribute's values with references by identity, so that they follow renames as links do.
#[derive(Clone, PartialEq, Eq)]
enum Held {
    Text(CompactString),
    Link(Guid),
}

type Object = (Dn, EntryKind, BTreeMap<AttributeId, Vec<Held>>);

/// A directory that plans are applied to, one after the other.
#[derive(Clone)]
pub(super) struct Directory {
    header: DirectoryHeader,
    objects: BTreeMap<Guid, Object>,
    /// Who stands where, but for deleted and foreign objects.
    standing: HashMap<DnKey, Guid>,
    pub(super) made: HashMap<String, Guid>,
    /// Deleted objects as a Recycle Bin keeps them: whole, with the links that pointed to them.
    buried: HashMap<Guid, (Object, Vec<(Guid, AttributeId)>)>,
    restored: HashSet<Guid>,
    next: u128,
    /// What is known of accounts before a deletion, as read.
    deletions: HashMap<Guid, Option<Box<DeletionFacts>>>,
    /// When accounts were last enabled or disabled here.
    switched: HashMap<Guid, jiff::Timestamp>,
    now: jiff::Timestamp,
}

/// The read after every change of the plan. Panics where a real directory would refuse.
pub(super) fn apply(plan: &Plan, read: &DirectorySnapshot) -> DirectorySnapshot {
    let mut directory = Directory::new(read);
    directory.apply(plan.as_of, &plan.changes);
    directory.read()
}

impl Directory {
    /// As a read shows it.
    pub(super) fn new(read: &DirectorySnapshot) -> Self {
        let standing: HashMap<_, _> = read
            .objects
            .iter()
            .filter(|entry| !matches!(entry.kind, EntryKind::Deleted | EntryKind::Foreign))
            .map(|entry| (entry.dn.key(), entry.guid))
            .collect();
        let objects = read
            .objects
            .iter()
            .map(|entry| {
                let attributes = entry
                    .attributes
                    .iter()
                    .map(|(id, values)| {
                        let link = read.header.definition(*id).syntax == Syntax::Dn;
                        let values = values
                            .as_slice()
                            .iter()
                            .map(|value| match Dn::parse(value) {
                                Ok(dn) if link => standing.get(&dn.key()).map_or_else(
                                    || Held::Text(value.clone()),
                                    |guid| Held::Link(*guid),
                                ),
                                _ => Held::Text(value.clone()),
                            })
                            .collect();
                        (*id, values)
                    })
                    .collect();
                (entry.guid, (entry.dn.clone(), entry.kind, attributes))
            })
            .collect();
        Self {
            header: read.header.clone(),
            objects,
            standing,
            made: HashMap::new(),
            buried: HashMap::new(),
            restored: HashSet::new(),
            next: 0xc << 124,
            deletions: read
                .objects
                .iter()
                .map(|entry| (entry.guid, entry.deletion.clone()))
                .collect(),
            switched: HashMap::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    /// Makes these changes of one plan, in their order.
    pub(super) fn apply(&mut self, now: jiff::Timestamp, changes: &[Change]) {
        self.made.clear();
        self.now = now;
        for change in changes {
            self.change(change);
        }
    }
}

impl Directory {
    fn id(&self, name: &str) -> AttributeId {
        self.header.attribute(name).unwrap()
    }

    fn guid(&self, object: &ObjectRef) -> Guid {
        match (&object.guid, &object.created_by) {
            (Some(guid), None) => *guid,
            (None, Some(by)) => self.made[by.0.as_str()],
            _ => panic!("{} is neither existing nor made", object.dn),
        }
    }

    pub(super) fn change(&mut self, change: &Change) {
        if let Action::Create {
            attributes, enable, ..
        } = &change.action
        {
            // No apply after another gives an identity twice.
            let guid = loop {
                let guid = Guid::parse(&format!("{:032x}", self.next)).unwrap();
                if !self.objects.contains_key(&guid) {
                    break guid;
                }
                self.next += 1;
            };
            self.vacant(&change.object.dn, guid);
            self.standing.insert(change.object.dn.key(), guid);
            self.made.insert(change.id.0.to_string(), guid);
            self.objects.insert(
                guid,
                (change.object.dn.clone(), EntryKind::User, BTreeMap::new()),
            );
            for attribute in attributes {
                self.set(guid, attribute);
            }
            let flags = if *enable { "512" } else { "514" };
            let uac = self.id("userAccountControl");
            self.store(guid, uac, vec![Held::Text(flags.into())]);
            self.switched.insert(guid, self.now);
            return;
        }
        let guid = self.guid(&change.object);
        match &change.action {
            Action::Create { .. } | Action::ResetPassword {} => {}
            Action::Delete { before, .. } => {
                let (dn, _, attributes) = self.objects.remove(&guid).unwrap();
                self.standing.remove(&dn.key());
                assert_eq!(attributes.len(), before.len(), "the whole is noted");
                let flags = &attributes[&self.id("userAccountControl")];
                assert!(
                    matches!(&flags[..], [Held::Text(flags)] if flags.parse::<i64>().unwrap() & 2 != 0)
                );
                let mut links = Vec::new();
                for (from, (_, _, attributes)) in &self.objects {
                    let pointing = attributes.iter();
                    let pointing =
                        pointing.filter(|(_, values)| values.contains(&Held::Link(guid)));
                    links.extend(pointing.map(|(id, _)| (*from, *id)));
                }
                let object = (dn.clone(), EntryKind::User, attributes);
                self.buried.insert(guid, (object, links));
                for (other, _, attributes) in self.objects.values_mut() {
                    assert!(
                        !other.key().is_at_or_under(&dn.key()),
                        "{other} stands below"
                    );
                    // Links go with what they point to.
                    for values in attributes.values_mut() {
                        values.retain(|value| *value != Held::Link(guid));
                    }
                    attributes.retain(|_, values| !values.is_empty());
                }
            }
            Action::Restore { whole } => {
                assert!(whole, "only a Recycle Bin is known here");
                self.vacant(&change.object.dn, guid);
                let ((_, kind, attributes), links) = self.buried.remove(&guid).unwrap();
                let dn = change.object.dn.clone();
                self.standing.insert(dn.key(), guid);
                self.restored.insert(guid);
                self.objects.insert(guid, (dn, kind, attributes));
                for (from, id) in links {
                    if let Some((_, _, attributes)) = self.objects.get_mut(&from) {
                        attributes.entry(id).or_default().push(Held::Link(guid));
                    }
                }
            }
            Action::Adopt { attribute, .. } => self.set(guid, attribute),
            Action::Modify { attributes } => {
                for attribute in attributes {
                    assert!(!attribute.name.eq_ignore_ascii_case("cn"));
                    self.set(guid, attribute);
                }
            }
            Action::Enable { .. } | Action::Disable {} => {
                let uac = self.id("userAccountControl");
                let Held::Text(flags) = &self.objects[&guid].2[&uac][0] else {
                    panic!("flags are no text")
                };
                let flags: i64 = flags.parse().unwrap();
                let disable = matches!(change.action, Action::Disable {});
                assert_ne!(flags & 2 != 0, disable, "the bit is as wanted already");
                self.switched.insert(guid, self.now);
                self.store(
                    guid,
                    uac,
                    vec![Held::Text((flags ^ 2).to_string().as_str().into())],
                );
            }
            Action::Rename { before, after, .. } => {
                let dn = self.objects[&guid].0.clone();
                assert_eq!(dn.rdn().value, *before);
                self.stand(
                    guid,
                    &dn.parent().unwrap().child(&dn.rdn().attribute, after),
                );
                let cn = self.id("cn");
                self.store(guid, cn, vec![Held::Text(after.as_str().into())]);
            }
            Action::Move { before, after, .. } => {
                let dn = self.objects[&guid].0.clone();
                assert_eq!(dn.parent().unwrap().key(), before.key());
                let rdn = dn.rdn();
                self.stand(guid, &after.child(&rdn.attribute, &rdn.value));
            }
            Action::AddMember { member } => {
                let back = self.guid(member);
                let member = Held::Link(back);
                let id = self.id("member");
                let restored = self.restored.contains(&back);
                let members = self
                    .objects
                    .get_mut(&guid)
                    .unwrap()
                    .2
                    .entry(id)
                    .or_default();
                // Whoever was brought back is in the groups they were in.
                if restored && members.contains(&member) {
                    return;
                }
                assert!(!members.contains(&member), "is a member already");
                members.push(member);
            }
            Action::RemoveMember { member } => {
                let member = Held::Link(self.guid(member));
                let id = self.id("member");
                let members = self.objects.get_mut(&guid).unwrap().2.get_mut(&id).unwrap();
                let at = members.iter().position(|one| *one == member).unwrap();
                members.remove(at);
                if members.is_empty() {
                    self.objects.get_mut(&guid).unwrap().2.remove(&id);
                }
            }
        }
    }

    fn vacant(&self, dn: &Dn, by: Guid) {
        let key = dn.key();
        assert!(
            self.standing.get(&key).is_none_or(|other| *other == by),
            "{dn} is taken"
        );
        let parent = key
            .parent()
            .is_some_and(|parent| self.standing.contains_key(&parent));
        assert!(parent, "{dn} has no parent");
    }

    fn stand(&mut self, guid: Guid, dn: &Dn) {
        self.vacant(dn, guid);
        let object = self.objects.get_mut(&guid).unwrap();
        self.standing.remove(&object.0.key());
        self.standing.insert(dn.key(), guid);
        object.0 = dn.clone();
    }

    /// Compare-and-set: what the plan says was there must be there.
    fn set(&mut self, guid: Guid, change: &AttributeChange) {
        let id = self.id(&change.name);
        let held = |value: &PlanValue| match value {
            PlanValue::Text(text) => Held::Text(text.as_str().into()),
            PlanValue::Octets(octets) => Held::Text(octets.base64.as_str().into()),
            PlanValue::Object(object) => Held::Link(self.guid(object)),
        };
        let now = self.objects[&guid].2.get(&id).cloned().unwrap_or_default();
        let before: Vec<Held> = change.before.iter().map(held).collect();
        assert_eq!(now.len(), before.len(), "{}: before", change.name);
        assert!(before.iter().all(|value| now.contains(value)));
        let after: Vec<Held> = change.after.iter().map(held).collect();
        assert!(now != after, "{} changes nothing", change.name);
        if ["sAMAccountName", "userPrincipalName"].contains(&change.name.as_str()) {
            let ours = self.objects.iter();
            for (other, (dn, _, attributes)) in ours.filter(|one| one.1.1 != EntryKind::Foreign) {
                for (one, wanted) in attributes.get(&id).into_iter().flatten().zip(&after) {
                    let (Held::Text(one), Held::Text(wanted)) = (one, wanted) else {
                        continue;
                    };
                    assert!(
                        *other == guid || one.to_lowercase() != wanted.to_lowercase(),
                        "{} {wanted} is {dn}'s",
                        change.name
                    );
                }
            }
        }
        self.store(guid, id, after);
    }

    fn store(&mut self, guid: Guid, id: AttributeId, values: Vec<Held>) {
        let def = self.header.definition(id);
        let upper = def.range_upper.unwrap_or(i64::MAX);
        assert!(!def.single_valued || values.len() <= 1);
        for value in &values {
            if let Held::Text(text) = value {
                let length = text.encode_utf16().count() as i64;
                assert!(length >= 1, "{} is empty", def.name);
                if matches!(def.syntax, Syntax::Text | Syntax::CaseExactText) {
                    assert!(length <= upper, "{} is too long", def.name);
                }
            }
        }
        let attributes = &mut self.objects.get_mut(&guid).unwrap().2;
        if values.is_empty() {
            attributes.remove(&id);
        } else {
            attributes.insert(id, values);
        }
    }

    /// What is known of an account before a deletion: it was disabled now, or stands as it was read.
    fn deletion(&self, guid: Guid) -> Option<Box<DeletionFacts>> {
        self.header.deleted_objects?;
        let flags = self.objects[&guid].2.get(&self.id("userAccountControl"))?;
        let [Held::Text(flags)] = &flags[..] else {
            return None;
        };
        if flags.parse::<i64>().unwrap() & 2 == 0 {
            return None;
        }
        match self.switched.get(&guid) {
            None => self.deletions.get(&guid).cloned().flatten(),
            Some(moment) => Some(Box::new(DeletionFacts {
                control_changed: Some(*moment),
                protected: Some(false),
                password_changed: None,
                last_written: None,
            })),
        }
    }

    /// What stands in an attribute, as the journal of an apply would note it.
    pub(super) fn texts(&self, object: &ObjectRef, name: &str) -> Vec<String> {
        let guid = self.guid(object);
        let values = self.objects[&guid].2.get(&self.id(name));
        let texts = values.into_iter().flatten().map(|held| match held {
            Held::Text(text) => text.to_string(),
            Held::Link(guid) => self.objects[guid].0.to_string(),
        });
        texts.collect()
    }

    /// As a read would show it that sees deleted objects too.
    pub(super) fn read_with_deleted(&self) -> DirectorySnapshot {
        let mut read = self.read();
        for (guid, ((dn, _, _), _)) in &self.buried {
            let name = format!("{}\\0ADEL:{guid}", dn.rdn().value);
            let place = format!("CN=Deleted Objects,{}", self.header.identity.naming_context);
            read.objects.push(Entry {
                guid: *guid,
                dn: Dn::parse(&format!("CN={name},{place}")).unwrap(),
                kind: EntryKind::Deleted,
                attributes: Box::default(),
                deletion: None,
            });
        }
        read.objects.sort_by_key(|entry| entry.guid);
        read.header.completeness.distinct = read.objects.len() as u64;
        read
    }

    /// As a read would show it.
    pub(super) fn read(&self) -> DirectorySnapshot {
        let text = |held: &Held| -> CompactString {
            match held {
                Held::Text(text) => text.clone(),
                Held::Link(guid) => self.objects[guid].0.as_str().into(),
            }
        };
        let mut header = self.header.clone();
        header.completeness.distinct = self.objects.len() as u64;
        DirectorySnapshot {
            header,
            objects: self
                .objects
                .iter()
                .map(|(guid, (dn, kind, attributes))| Entry {
                    guid: *guid,
                    dn: dn.clone(),
                    kind: *kind,
                    deletion: self.deletion(*guid),
                    attributes: attributes
                        .iter()
                        .map(|(id, values)| {
                            let mut texts: Vec<CompactString> = values.iter().map(text).collect();
                            let values = if texts.len() == 1 {
                                Values::One(texts.remove(0))
                            } else {
                                Values::Many(texts.into_boxed_slice())
                            };
                            (*id, values)
                        })
                        .collect(),
                })
                .collect(),
        }
    }
}
