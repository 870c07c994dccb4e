//! One target while it is being planned: the read, what may be done in it, and whose account is whose.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::build::{Moment, PlanError};
use super::draft::Draft;
use super::people::{Assessed, Side};
use crate::config::{Document, kinds};
use crate::mapping::{Flavour, RuleKind, fold};
use crate::matching::{self, Conflict, DirectoryIndex, Found, KeyIndexes, Standing, ValueIndex};
use crate::model::{AttributeId, DirectoryHeader, EntryKind, Name};
use crate::policy::{Scope, held};

/// One person who is to have an account.
pub(super) struct Subject {
    pub(super) side: u16,
    /// Place in the side's snapshot.
    pub(super) person: u32,
    pub(super) mapping: u16,
    pub(super) state: u16,
    pub(super) anchor: CompactString,
    pub(super) found: Found,
}

impl Subject {
    /// The account, when there is one.
    pub(super) fn account(&self) -> Option<u32> {
        match self.found {
            Found::Account(object) | Found::Adopt { object, .. } => Some(object),
            Found::Nothing | Found::Conflict(_) => None,
        }
    }
}

/// Attributes every plan needs the ids of.
pub(super) struct WellKnown {
    pub(super) sam: AttributeId,
    pub(super) uac: AttributeId,
    pub(super) upn: Option<AttributeId>,
    pub(super) cn: Option<AttributeId>,
    pub(super) sid: Option<AttributeId>,
    pub(super) primary_group: Option<AttributeId>,
    pub(super) member: Option<AttributeId>,
}

impl WellKnown {
    fn new(target: &Name, header: &DirectoryHeader) -> Result<Self, PlanError> {
        let needed = |name: &str| {
            header.attribute(name).ok_or_else(|| PlanError::ReadLacks {
                target: target.clone(),
                attribute: name.to_owned(),
            })
        };
        Ok(Self {
            sam: needed("sAMAccountName")?,
            uac: needed("userAccountControl")?,
            upn: header.attribute("userPrincipalName"),
            cn: header.attribute("cn"),
            sid: header.attribute("objectSid"),
            primary_group: header.attribute("primaryGroupID"),
            member: header.attribute("member"),
        })
    }
}

/// One target.
pub(super) struct Target<'a> {
    pub(super) name: &'a Name,
    pub(super) index: DirectoryIndex<'a>,
    pub(super) standing: Vec<Standing>,
    pub(super) scope: Scope,
    pub(super) known: WellKnown,
    pub(super) moment: &'a Moment,
    pub(super) sides: Vec<Side<'a>>,
    pub(super) subjects: Vec<Subject>,
    /// Where each person of each side stands among the subjects.
    pub(super) subject_of: Vec<Vec<u32>>,
    pub(super) keys: KeyIndexes,
    /// Who holds which value of the attributes that must be unique.
    pub(super) taken: HashMap<AttributeId, ValueIndex>,
    /// Former names of deleted objects.
    pub(super) deleted_cn: HashSet<CompactString>,
    /// `example.test` of `DC=example,DC=test`: the suffix of implied principal names.
    pub(super) domain: String,
    /// Lookups of people by key (`None`) or by a field, per side.
    pub(super) lookups: Vec<HashMap<Option<crate::model::FieldIndex>, Lookup>>,
}

/// In [`Target::subject_of`]: the person is no subject.
pub(super) const NOBODY: u32 = u32::MAX;

/// People by a value; `None` where several share it.
pub(super) type Lookup = HashMap<CompactString, Option<u32>>;

/// A person and why they are held.
pub(super) type HeldPerson = (u16, u32, Draft);

impl<'a> Target<'a> {
    /// Indexes the read.
    pub(super) fn new(
        directory: &'a Document<kinds::ActiveDirectory>,
        snapshot: &'a crate::model::DirectorySnapshot,
        moment: &'a Moment,
        sides: Vec<Side<'a>>,
    ) -> Result<Self, PlanError> {
        let header = &snapshot.header;
        let known = WellKnown::new(&directory.name, header)?;
        let scope = Scope::new(&directory.spec, header);
        let mut recognised: HashMap<AttributeId, crate::model::AttributeDef> = HashMap::new();
        let mut unique: HashMap<AttributeId, crate::model::AttributeDef> = HashMap::new();
        for id in [Some(known.sam), known.upn].into_iter().flatten() {
            unique.insert(id, header.definition(id).clone());
        }
        for mapping in sides.iter().flat_map(|side| &side.mappings) {
            for key in std::iter::once(&mapping.anchor).chain(&mapping.adopt) {
                recognised.insert(key.id, key.def.clone());
            }
            for rule in mapping.all_rules() {
                if matches!(&rule.kind, RuleKind::Name(names) if names.flavour != Flavour::Cn) {
                    unique.insert(rule.id, rule.def.clone());
                }
            }
        }
        let build = |wanted: &HashMap<AttributeId, crate::model::AttributeDef>, users: bool| {
            let wanted: Vec<_> = wanted.iter().collect();
            wanted
                .into_par_iter()
                .map(|(id, def)| {
                    let index = ValueIndex::new(snapshot, *id, def, |entry| {
                        !users || entry.kind == EntryKind::User
                    });
                    (*id, index)
                })
                .collect::<Vec<_>>()
        };
        let (index, (keys, taken)) = rayon::join(
            || DirectoryIndex::new(snapshot),
            || rayon::join(|| build(&recognised, true), || build(&unique, false)),
        );
        let standing = scope.standing(&index);
        let deleted_cn = snapshot
            .objects
            .iter()
            .filter(|entry| entry.kind == EntryKind::Deleted)
            .filter_map(|entry| entry.value(known.cn?))
            .map(|cn| {
                let name = cn.split('\n').next().unwrap_or_default();
                let name = name.split("\\0ADEL:").next().unwrap_or_default();
                name.trim().chars().flat_map(char::to_lowercase).collect()
            })
            .collect();
        let domain = header
            .identity
            .naming_context
            .key()
            .as_str()
            .split(',')
            .filter_map(|part| part.strip_prefix("dc="))
            .collect::<Vec<_>>()
            .join(".");
        let lookups = sides.iter().map(lookups).collect();
        Ok(Self {
            name: &directory.name,
            index,
            standing,
            scope,
            known,
            moment,
            subject_of: sides
                .iter()
                .map(|side| vec![NOBODY; side.people.people.len()])
                .collect(),
            sides,
            subjects: Vec::new(),
            keys: KeyIndexes(keys.into_iter().collect()),
            taken: taken.into_iter().collect(),
            deleted_cn,
            domain,
            lookups,
        })
    }

    /// Assesses everyone and finds their accounts. Gives the held and, per side, what became of each person.
    pub(super) fn match_people(&mut self, assessed: &[Vec<Assessed>]) -> Vec<HeldPerson> {
        let mut held_people = Vec::new();
        let mut subjects = Vec::new();
        for (side, outcomes) in assessed.iter().enumerate() {
            let number = u16::try_from(side).unwrap_or(u16::MAX);
            for (at, outcome) in self.sides[side].order.iter().zip(outcomes) {
                match outcome {
                    Assessed::NotMapped | Assessed::OutOfScope => {}
                    Assessed::Held(draft) => held_people.push((number, *at, (**draft).clone())),
                    Assessed::Subject {
                        mapping,
                        state,
                        anchor,
                    } => subjects.push(Subject {
                        side: number,
                        person: *at,
                        mapping: *mapping,
                        state: *state,
                        anchor: anchor.clone(),
                        found: Found::Nothing,
                    }),
                }
            }
        }
        let found: Vec<Found> = subjects
            .par_iter()
            .map(|subject| {
                let side = &self.sides[usize::from(subject.side)];
                matching::find(
                    &side.mappings[usize::from(subject.mapping)],
                    &subject.anchor,
                    &self.moment.of(side.person(subject.person)),
                    &self.index,
                    &self.keys,
                    &self.standing,
                )
            })
            .collect();
        for (subject, found) in subjects.iter_mut().zip(found) {
            subject.found = found;
        }
        let sides = &self.sides;
        matching::settle(subjects.iter_mut().map(|subject| {
            let key =
                &sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)].anchor;
            (key.id, fold(&key.def, &subject.anchor), &mut subject.found)
        }));
        for (at, subject) in subjects.iter().enumerate() {
            self.subject_of[usize::from(subject.side)][subject.person as usize] =
                u32::try_from(at).unwrap_or(NOBODY);
            if let Found::Conflict(conflict) = &subject.found {
                held_people.push((
                    subject.side,
                    subject.person,
                    self.conflict(subject, conflict),
                ));
            }
        }
        self.subjects = subjects;
        held_people
    }

    fn conflict(&self, subject: &Subject, conflict: &Conflict) -> Draft {
        let mapping = &self.sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)];
        let anchor = mapping.anchor.formula.rule;
        let rule_of = |attribute: &str| {
            mapping
                .adopt
                .iter()
                .find(|key| key.name == attribute)
                .map_or(anchor, |key| key.formula.rule)
        };
        match conflict {
            Conflict::Ambiguous {
                objects,
                attribute,
                value,
            } => Draft::new(
                held::AMBIGUOUS_MATCH,
                format!("{} accounts have {attribute} {value:?}", objects.len()),
            )
            .accounts(objects.clone())
            .rule(rule_of(attribute)),
            Conflict::Unmanaged {
                object,
                attribute,
                value,
            } => {
                let why = match self.standing[*object as usize] {
                    Standing::Protected(why) => why.to_string(),
                    _ => "it stands outside the managed scope".to_owned(),
                };
                Draft::new(
                    held::UNMANAGED_MATCH,
                    format!("the account with {attribute} {value:?} is not managed: {why}"),
                )
                .accounts(vec![*object])
                .rule(rule_of(attribute))
            }
            Conflict::AnchoredElsewhere {
                object,
                anchor: other,
                attribute,
            } => Draft::new(
                held::ANCHORED_ELSEWHERE,
                format!(
                    "the account found by {attribute} carries {} {other:?}, not {:?}",
                    mapping.anchor.name, subject.anchor
                ),
            )
            .accounts(vec![*object])
            .rule(rule_of(attribute)),
            Conflict::DuplicateAnchor { people } => Draft::new(
                held::DUPLICATE_ANCHOR,
                format!(
                    "{people} people have {} {:?}",
                    mapping.anchor.name, subject.anchor
                ),
            )
            .rule(anchor),
            Conflict::Contested { object, people } => Draft::new(
                held::CONTESTED_ACCOUNT,
                format!("{people} people claim this account"),
            )
            .accounts(vec![*object])
            .rule(anchor),
            Conflict::Failed(problem) => {
                Draft::problem("recognising the account", problem).rule(anchor)
            }
            Conflict::NotDelivered(field) => {
                Draft::not_delivered("recognising the account", field).rule(anchor)
            }
        }
    }

    pub(super) fn side(&self, subject: &Subject) -> &Side<'a> {
        &self.sides[usize::from(subject.side)]
    }

    pub(super) fn mapping(&self, subject: &Subject) -> &crate::mapping::Mapping {
        &self.sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)]
    }

    pub(super) fn state(&self, subject: &Subject) -> &crate::lifecycle::State {
        self.side(subject).state(subject.state)
    }

    /// An existing object as a plan names it.
    pub(super) fn object(&self, object: u32) -> super::ObjectRef {
        let entry = self.index.entry(object);
        super::ObjectRef {
            guid: Some(entry.guid),
            created_by: None,
            dn: entry.dn.clone(),
        }
    }
}

/// The lookups the person rules of a side need.
fn lookups(side: &Side<'_>) -> HashMap<Option<crate::model::FieldIndex>, Lookup> {
    let mut wanted = HashSet::new();
    for rule in side.mappings.iter().flat_map(|mapping| mapping.all_rules()) {
        if let RuleKind::Person { field, .. } = &rule.kind {
            wanted.insert(*field);
        }
    }
    wanted
        .into_iter()
        .map(|field| {
            let mut lookup = Lookup::with_capacity(side.people.people.len());
            for (at, person) in side.people.people.iter().enumerate() {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                let value: Option<CompactString> = match field {
                    None => Some(person.key.as_str().into()),
                    // A name looked up by a value is a reference to somebody in scope.
                    Some(_) if !person.in_scope => None,
                    Some(field) => person
                        .fact(field)
                        .map(|fact| compact_str::format_compact!("{fact}").to_lowercase()),
                };
                if let Some(value) = value {
                    lookup
                        .entry(value)
                        .and_modify(|several| *several = None)
                        .or_insert(Some(at));
                }
            }
            (field, lookup)
        })
        .collect()
}
