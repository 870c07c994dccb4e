//! One target while it is being planned: the read, what may be done in it, and whose account is whose.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};

use super::addresses::has_addresses;
use super::build::{Moment, PlanError};
use super::counting::Counting;
use super::deletion::Prepared;
use super::draft::Draft;
use super::drift::Evidence;
use super::lookup::{Lookup, lookups};
use super::lost::Lost;
use super::people::Side;
use super::returns::Return;
use crate::config::{Config, Document, kinds};
use crate::lifecycle::Since;
use crate::mapping::{ADDRESSES, AttributeRule, Composition, Flavour, RuleKind};
use crate::matching::{Asked, DirectoryIndex, Found, KeyIndexes, Standing, ValueIndex};
use crate::model::{
    AttributeDef, AttributeId, DirectoryHeader, Dn, DnKey, Entry, EntryKind, FieldIndex, Location,
    Name,
};
use crate::policy::Scope;

/// One person who is to have an account.
pub(super) struct Subject {
    pub(super) side: u16,
    /// Place in the side's snapshot.
    pub(super) person: u32,
    pub(super) mapping: u16,
    pub(super) state: u16,
    pub(super) since: Since,
    /// The source calls the person inactive.
    pub(super) inactive: bool,
    /// What the stage is counted from.
    pub(super) counting: Counting,
    pub(super) anchor: CompactString,
    /// The rules in force, as a place in [`Target::compositions`], or why nobody can say which are.
    pub(super) rules: Result<u32, Box<Draft>>,
    pub(super) found: Found,
    /// They come back from a state that does not simply give them the same account again.
    pub(super) returning: Option<Return>,
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
    pub(super) pwd_last_set: Option<AttributeId>,
    pub(super) upn: Option<AttributeId>,
    pub(super) cn: Option<AttributeId>,
    pub(super) sid: Option<AttributeId>,
    pub(super) primary_group: Option<AttributeId>,
    pub(super) member: Option<AttributeId>,
    pub(super) created: Option<AttributeId>,
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
            pwd_last_set: header.attribute("pwdLastSet"),
            upn: header.attribute("userPrincipalName"),
            cn: header.attribute("cn"),
            sid: header.attribute("objectSid"),
            primary_group: header.attribute("primaryGroupID"),
            member: header.attribute("member"),
            created: header.attribute("whenCreated"),
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
    /// The project says who may open the file with initial passwords, without which no enabled account is made.
    pub(super) keeps_passwords: bool,
    pub(super) sides: Vec<Side<'a>>,
    pub(super) subjects: Vec<Subject>,
    /// The rules in force, once for all people in one state whom the same templates concern.
    pub(super) compositions: Vec<Composition>,
    /// Where each person of each side stands among the subjects.
    pub(super) subject_of: Vec<Vec<u32>>,
    /// Per side, people in scope to whom no mapping applies.
    pub(super) not_mapped: Vec<HashSet<u32>>,
    pub(super) keys: KeyIndexes,
    /// Attributes that are an anchor under any mapping of any side.
    pub(super) anchors: Vec<AttributeId>,
    /// Who holds which value of the attributes that must be unique.
    pub(super) taken: HashMap<AttributeId, ValueIndex>,
    /// Former names of deleted objects, each with the places it was in; `None` where the read does not tell.
    deleted: HashMap<CompactString, Vec<Option<DnKey>>>,
    /// `example.test` of `DC=example,DC=test`: the suffix of implied principal names.
    pub(super) domain: String,
    /// Lookups of people by key (`None`) or by a field, per side.
    pub(super) lookups: Vec<HashMap<Option<FieldIndex>, Lookup>>,
    /// Accounts that somebody of the read may be meant by, although they do not get them.
    pub(super) claimed: HashSet<u32>,
    /// What has to be known before an account is deleted, when some state does that.
    pub(super) deletions: Option<Prepared>,
    /// What edits in the directory are known by.
    pub(super) evidence: Evidence<'a>,
    /// Where the rules stand, when edits are known: by their ids.
    pub(super) places: std::sync::Arc<[Location]>,
    /// By subject, the account they had and that does not carry their anchor any more.
    pub(super) lost: HashMap<u32, Lost>,
}

/// In [`Target::subject_of`]: the person is no subject.
pub(super) const NOBODY: u32 = u32::MAX;

/// People one task looks at before another may take over.
pub(super) const CHUNK: usize = 1024;

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
        let mut anchors: Vec<AttributeId> = sides
            .iter()
            .flat_map(|side| &side.mappings)
            .map(|mapping| mapping.anchor.id)
            .collect();
        anchors.sort_unstable();
        anchors.dedup();
        let mut recognised: HashMap<AttributeId, AttributeDef> = HashMap::new();
        let mut unique: HashMap<AttributeId, AttributeDef> = HashMap::new();
        for id in [Some(known.sam), known.upn].into_iter().flatten() {
            unique.insert(id, header.definition(id).clone());
        }
        for mapping in sides.iter().flat_map(|side| &side.mappings) {
            for key in std::iter::once(&mapping.anchor).chain(&mapping.adopt) {
                recognised.insert(key.id, key.def.clone());
            }
            for rule in mapping.all_rules() {
                if has_addresses(rule) {
                    let all = ADDRESSES.iter().filter_map(|name| header.attribute(name));
                    unique.extend(all.map(|id| (id, header.definition(id).clone())));
                }
                if let RuleKind::Name(names) = &rule.kind
                    && names.flavour != Flavour::Cn
                {
                    unique.insert(rule.id, rule.def.clone());
                    let reach = &names.reach;
                    for (id, def) in reach.also_in.iter().chain(&reach.addresses) {
                        unique.insert(*id, def.clone());
                    }
                }
            }
        }
        let ask = |wanted: HashMap<AttributeId, AttributeDef>, users| {
            wanted.into_iter().map(move |(attribute, def)| Asked {
                attribute,
                def,
                users,
            })
        };
        let asked: Vec<Asked> = ask(recognised, true).chain(ask(unique, false)).collect();
        let judge = |entry: &Entry, key: &DnKey| scope.stands(entry, key);
        let (index, values, standing) = DirectoryIndex::new(snapshot, &asked, judge);
        let (mut keys, mut taken) = (HashMap::new(), HashMap::new());
        for (asked, values) in asked.into_iter().zip(values) {
            let kind = if asked.users { &mut keys } else { &mut taken };
            kind.insert(asked.attribute, values);
        }
        let deleted = deleted_names(snapshot, known.cn);
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
            keeps_passwords: false,
            subject_of: sides
                .iter()
                .map(|side| vec![NOBODY; side.people.people.len()])
                .collect(),
            not_mapped: vec![HashSet::new(); sides.len()],
            sides,
            subjects: Vec::new(),
            compositions: Vec::new(),
            keys: KeyIndexes(keys),
            anchors,
            taken,
            deleted,
            domain,
            lookups,
            claimed: HashSet::new(),
            deletions: None,
            evidence: Evidence::Missing,
            places: std::sync::Arc::new([]),
            lost: HashMap::new(),
        })
    }

    pub(super) fn side(&self, subject: &Subject) -> &Side<'a> {
        &self.sides[usize::from(subject.side)]
    }

    pub(super) fn mapping(&self, subject: &Subject) -> &crate::mapping::Mapping {
        &self.sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)]
    }

    /// The rules in force for a subject.
    pub(super) fn composition(&self, subject: &Subject) -> Result<&Composition, Draft> {
        match &subject.rules {
            Ok(at) => Ok(&self.compositions[*at as usize]),
            Err(draft) => Err((**draft).clone()),
        }
    }

    /// The rule that gives a subject's account its `cn`.
    pub(super) fn cn_rule(&self, subject: &Subject) -> Option<&AttributeRule> {
        let composition = &self.compositions[*subject.rules.as_ref().ok()? as usize];
        composition
            .rules(self.mapping(subject))
            .find(|rule| rule.name.eq_ignore_ascii_case("cn"))
    }

    pub(super) fn state(&self, subject: &Subject) -> &crate::lifecycle::State {
        self.side(subject).state(subject.state)
    }

    /// Whether a deleted object had this name in this place: restoring it must stay possible.
    pub(super) fn was_named(&self, folded: &str, place: &DnKey) -> bool {
        self.deleted.get(folded).is_some_and(|places| {
            places
                .iter()
                .any(|was| was.as_ref().is_none_or(|was| was == place))
        })
    }

    /// An existing object as a plan names it.
    pub(super) fn object(&self, object: u32) -> super::ObjectRef {
        let entry = self.index.entry(object);
        let mut named = super::ObjectRef::existing(entry.guid, entry.dn.clone());
        match entry.kind {
            EntryKind::User => {
                let header = &self.index.snapshot.header;
                let anchors = self.anchors.iter().filter_map(|id| {
                    let value = entry.value(*id)?.to_string();
                    Some((header.definition(*id).name.clone(), value))
                });
                named.anchor = anchors.collect();
            }
            EntryKind::Group => {
                let name = entry.value(self.known.sam);
                named.account_name = name.map(ToString::to_string);
            }
            _ => {}
        }
        named
    }

    /// Learns which attributes are anchors from the configuration, where no side was compiled that would tell.
    pub(super) fn know_anchors(&mut self, config: &Config) {
        let header = &self.index.snapshot.header;
        let mappings = config.mappings.values();
        let mut anchors: Vec<AttributeId> = mappings
            .filter(|mapping| mapping.spec.target == self.name.as_str())
            .filter_map(|mapping| header.attribute(&mapping.spec.matching.anchor.attribute))
            .collect();
        anchors.sort_unstable();
        anchors.dedup();
        self.anchors = anchors;
    }
}

/// What deleted objects were called, and where: a deleted object's name carries its GUID behind a line break
/// ([MS-ADTS] 3.1.1.5.5.1.1).
fn deleted_names(
    snapshot: &crate::model::DirectorySnapshot,
    cn: Option<AttributeId>,
) -> HashMap<CompactString, Vec<Option<DnKey>>> {
    let parent = snapshot.header.attribute("lastKnownParent");
    let mut names: HashMap<CompactString, Vec<Option<DnKey>>> = HashMap::new();
    let deleted = |entry: &&Entry| entry.kind == EntryKind::Deleted;
    for entry in snapshot.objects.iter().filter(deleted) {
        let Some(name) = cn.and_then(|cn| entry.value(cn)) else {
            continue;
        };
        let name = name.split('\n').next().unwrap_or_default();
        let name = name.split("\\0ADEL:").next().unwrap_or_default();
        let folded = name.trim().chars().flat_map(crate::model::folded).collect();
        let place = parent
            .and_then(|parent| entry.value(parent))
            .and_then(|dn| Dn::parse(dn).ok())
            .map(|dn| dn.key());
        names.entry(folded).or_default().push(place);
    }
    names
}
